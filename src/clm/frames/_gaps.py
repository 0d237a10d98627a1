"""Logarithms of the times between purchases, added up to the same bits by every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals.stable.v2 as nw
import numpy as np

from clm.data import NANO

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray

SCALE: Final = 17_179_862_625.0
"""Logarithms are counted in units of 1/SCALE, as whole numbers: their sum does not depend on the order.

Engines' logarithms differ in the last bit. With this scale none of the whole numbers up to 40,000 (days in a century,
hours in four years) has one so near to the middle between two units that the bit decides.
"""

_TABLE: Final = 2**16


def log_units(gaps: IntArray) -> IntArray:
    """Return logarithms of whole numbers in units of 1/SCALE; 0 for anything below 1."""
    greatest = int(gaps.max(initial=0))
    if greatest < _TABLE:
        return np.asarray(_units(np.arange(greatest + 1))[np.maximum(gaps, 0)])
    return _units(gaps)


def _units(gaps: IntArray) -> IntArray:
    return np.floor(np.log(np.maximum(gaps, 1)) * SCALE + 0.5).astype(np.int64)


def with_log_units(frame: Any, customer: str, slot: str, *, units: str, tied: str) -> Any:
    """Add `units`, the same of the time since the customer's row before, and `tied`, 1 where no time has passed."""
    since = nw.col(slot) - nw.col(slot).shift(1).over(customer, order_by=slot)
    frame = frame.with_columns(since.alias(units))
    # A first row has none before it, which comparisons and the greatest of two leave at 0 and at 1.
    log = nw.max_horizontal(nw.col(units), nw.lit(1)).cast(nw.Float64()).log()
    return frame.with_columns(
        (log * SCALE + 0.5).floor().cast(nw.Int64()).alias(units),
        nw.when(nw.col(units) == 0).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64()).alias(tied),
    )


def nanos(units: Any, repeats: Any, slot: float) -> Any:
    """Return the sum over `repeats` gaps in billionths, not yet rounded down, of arrays or of expressions.

    Parameters
    ----------
    units
        Sum of the logarithms of the gaps in slots, in units of 1/SCALE, as floats.
    repeats
        Number of gaps, as floats.
    slot
        Length of a slot in the unit of time.
    """
    # No division: engines may multiply with the inverse instead.
    return units * (NANO / SCALE) + repeats * float(np.log(slot) * NANO) + 0.5


def sum_log_gaps(units: IntArray, tied: IntArray, occasions: IntArray, slot: float) -> FloatArray:
    """Return the sums a customer; -inf where two purchases fall on one instant."""
    sums = np.floor(nanos(units.astype(np.float64), occasions - 1.0, slot)) / NANO
    return np.where(tied > 0, -np.inf, sums)
