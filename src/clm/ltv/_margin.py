"""Value a customer by the margin on what he has spent so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from clm.ltv._historic import historic_ltv
from clm.stats import Linearised, Normal, plain_number

if TYPE_CHECKING:
    from clm.stats import Estimate
    from clm.typing import FloatArray


def margin_ltv(rfm: Any, *, margin: Any) -> Estimate[FloatArray]:
    """Value each customer by the sum of his purchases times the average gross margin.

    Parameters
    ----------
    rfm : RFM
        Purchase histories with amounts.
    margin : float or Estimate
        Gross margin as a fraction of revenue, at most 1; negative where goods are sold at a loss. The error of an
        estimated margin is carried through, to totals too.

    Returns
    -------
    Estimate
        One value a customer, in money, index ``rfm.customer``.

    Raises
    ------
    InvalidDataError
        If `rfm` holds no amounts, or the margin is above 1 (percent) or no finite number.

    Notes
    -----
    ``margin * sum(amounts)``: every customer is taken to buy at the average margin.

    Examples
    --------
    >>> orders = {"customer_id": [1, 1, 1], "at": ["2025-01-02", "2025-02-03", "2025-03-04"], "amount": [100, 33, 200]}
    >>> clm.margin_ltv(clm.rfm(orders, amount="amount"), margin=0.4).value.round(2)
    array([133.2])
    """
    fraction = plain_number(margin, "margin", highest=1)
    total = historic_ltv(rfm)
    value = evolve(
        total,
        value=fraction * total.value,
        name="gross margin lifetime value",
        definition=f"Gross margin of {fraction:g} times the sum of a customer's purchases. {total.definition}",
    )
    error = float(getattr(margin, "standard_error", 0.0))
    if error == 0:
        return value
    source = Linearised(gradient=total.value[:, None], covariance=np.array([[error**2]]))
    return evolve(value, standard_error=np.abs(total.value) * error, band=Normal(), sources=(source,))
