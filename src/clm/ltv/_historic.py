"""Value a customer by what he has spent so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm.ltv._spent import spent
from clm.stats import exact

if TYPE_CHECKING:
    from clm.stats import Estimate
    from clm.typing import FloatArray


def historic_ltv(rfm: Any) -> Estimate[FloatArray]:
    """Value each customer by the sum of his purchases.

    It looks back only: a customer who left is worth as much as one who stays. Use ``clm.lifetime_value`` for what is
    still to come.

    Parameters
    ----------
    rfm : RFM
        Purchase histories with amounts.

    Returns
    -------
    Estimate
        One value a customer, in money, index ``rfm.customer``; counted in full, so that the standard error is 0.
        ``.sum()`` is the base's total.

    Raises
    ------
    InvalidDataError
        If `rfm` holds no amounts.

    Notes
    -----
    The sum of all amounts, refunds taken off as `rfm` was told to.

    Examples
    --------
    >>> orders = {"customer_id": [1, 1, 1], "at": ["2025-01-02", "2025-02-03", "2025-03-04"], "amount": [100, 33, 200]}
    >>> clm.historic_ltv(clm.rfm(orders, amount="amount")).value
    array([333.])
    """
    rfm, total = spent(rfm)
    return exact(
        total,
        n=rfm.frequency + 1,
        name="historic lifetime value",
        unit="currency",
        definition=f"Sum of a customer's purchases, refunds taken off. {rfm.definition}",
        index=rfm.customer,
    )
