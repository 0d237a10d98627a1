"""What the customers of purchase histories have spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm.errors import InvalidDataError
from clm.ltv._arguments import as_rfm

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.typing import FloatArray


def spent(rfm: Any) -> tuple[RFM, FloatArray]:
    """Return purchase histories and each customer's total.

    Raises
    ------
    InvalidDataError
        If there are no amounts.
    """
    rfm = as_rfm(rfm)
    if rfm.value_total is None:
        raise InvalidDataError("rfm holds no totals. Build it from an order log with clm.rfm(orders, amount=...).")
    return rfm, rfm.value_total
