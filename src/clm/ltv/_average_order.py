"""Value a customer by his average order and how many he placed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.ltv._arguments import as_rfm
from clm.stats import exact

if TYPE_CHECKING:
    from clm.stats import Estimate
    from clm.typing import FloatArray


def average_order_ltv(rfm: Any) -> Estimate[FloatArray]:
    """Value each customer by his average order times his number of orders.

    Refunds that came on a day without a purchase belong to no order: they lower ``clm.historic_ltv``, not this.

    Parameters
    ----------
    rfm : RFM
        Purchase histories with amounts.

    Returns
    -------
    Estimate
        One value a customer, in money, index ``rfm.customer``; counted in full, so that the standard error is 0.

    Raises
    ------
    InvalidDataError
        If `rfm` holds no amounts.

    Notes
    -----
    Orders are purchase occasions, ``frequency + 1``. The average is the customer's own, over those occasions.

    Examples
    --------
    >>> orders = {"customer_id": [1, 1, 1], "at": ["2025-01-02", "2025-02-03", "2025-03-04"], "amount": [100, 33, 200]}
    >>> clm.average_order_ltv(clm.rfm(orders, amount="amount")).value
    array([333.])
    """
    rfm = as_rfm(rfm)
    if rfm.value_first is None or rfm.monetary is None:
        raise InvalidDataError(
            "rfm holds no order amounts. Build it from an order log with clm.rfm(orders, amount=...)."
        )
    orders = rfm.frequency + 1
    repeats = np.where(rfm.frequency > 0, rfm.monetary * rfm.frequency, 0.0)
    average_order = (rfm.value_first + repeats) / orders
    return exact(
        average_order * orders,
        n=orders,
        name="average order lifetime value",
        unit="currency",
        definition=f"A customer's average order times his number of orders. {rfm.definition}",
        index=rfm.customer,
    )
