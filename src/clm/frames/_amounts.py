"""Add amounts up so that neither the order of rows nor the engine moves the last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray

FINEST: Final = 1e6
"""Units per 1 of the finest split: millionths."""

_ROOM: Final = 2.0**62

ROUNDING: Final = 2.0**-51
"""Relative rounding error of a decimal amount times a power of ten, at most."""


@final
@frozen
class Exact:
    """Splits amounts into whole numbers of a small unit and a rest.

    Floats add up differently in every order, and a sale and its refund may leave a hair of a cent. Whole numbers do
    not: amounts are counted in millionths (coarser where that would overflow), and what a millionth cannot hold is
    added up apart. Decimal amounts leave no rest, so their totals are those of decimal arithmetic.

    Parameters
    ----------
    factor : float
        Units per 1; 0 where amounts are too large to count at all.
    """

    factor: float

    @classmethod
    def of(cls, largest: float, rows: int) -> Exact:
        """Return the finest split whose totals cannot overflow."""
        bound = max(largest, 1.0) * max(rows, 1)
        factors = (FINEST, 1e5, 1e4, 1e3, 1e2, 10.0, 1.0)
        return cls(next((factor for factor in factors if bound < _ROOM / factor), 0.0))

    def split(self, amounts: FloatArray) -> tuple[IntArray, FloatArray]:
        """Return the whole numbers and the rest, both in units."""
        if not self.factor:
            return np.zeros(len(amounts), np.int64), amounts
        units = amounts * self.factor
        whole = np.floor(units + 0.5)
        rest = units - whole
        # A decimal amount misses its whole number by the rounding of binary fractions only.
        rest[np.abs(rest) <= np.abs(units) * ROUNDING] = 0.0
        return whole.astype(np.int64), rest

    def join(self, whole: Any, rest: Any) -> Any:
        """Return the amounts that totals of whole numbers and rests stand for."""
        return (whole + rest) / self.factor if self.factor else rest
