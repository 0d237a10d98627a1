"""In which periods each customer had a start event and came back: one bit a period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen

from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.typing import Array, BoolArray, IntArray

_BLOCK: Final = 1 << 24
"""Cells of customer by period that are unpacked at a time."""

_DENSE: Final = 1 << 29
"""Cells up to which bits are set by way of one byte each, which is faster."""


@final
@frozen(repr=False)
class Activity:
    """Periods with a start event and with enough return events, a column of bits each customer.

    Attributes
    ----------
    periods : int
        How many consecutive periods there are.
    starts, returns : (b, n) ndarray of uint8
        Eight periods a byte, the first in the lowest bit.
    """

    periods: int = field()
    starts: Array = array_field(converter=lambda bits: frozen_array(bits, np.uint8))
    returns: Array = array_field(converter=lambda bits: frozen_array(bits, np.uint8))

    __setstate__ = seal

    @classmethod
    def of(cls, periods: int, customers: int, starts: IntArray, returns: IntArray) -> Activity:
        """Set the bits of events.

        Parameters
        ----------
        periods, customers
            The size.
        starts, returns
            One number an event: its period times the number of customers, plus the customer's place.
        """
        return cls(periods, _packed(periods, customers, starts), _packed(periods, customers, returns))

    @classmethod
    def packed(cls, starts: BoolArray, returns: BoolArray) -> Activity:
        """Pack flags of period by customer."""
        return cls(len(starts), *(np.packbits(flags, axis=0, bitorder="little") for flags in (starts, returns)))

    def __len__(self) -> int:
        return int(self.starts.shape[1])

    def blocks(self) -> Iterator[tuple[BoolArray, BoolArray]]:
        """Yield starts and returns of some customers at a time, (periods, m) each."""
        width = max(1, _BLOCK // max(self.periods, 1))
        for begin in range(0, len(self), width):
            some = slice(begin, begin + width)
            yield self._unpacked(self.starts[:, some]), self._unpacked(self.returns[:, some])

    def _unpacked(self, bits: Array) -> BoolArray:
        flat = np.unpackbits(np.ascontiguousarray(bits), axis=0, count=self.periods, bitorder="little")
        return flat.view(bool)


def _packed(periods: int, customers: int, events: IntArray) -> Array:
    bits = np.zeros(((periods + 7) // 8, customers), np.uint8)
    if periods * customers <= _DENSE:
        flags = np.zeros(periods * customers, bool)
        flags[events] = True
        return np.packbits(flags.reshape(periods, customers), axis=0, bitorder="little") if periods else bits
    # A byte a cell would take too much memory: set bits where they are.
    period, customer = np.divmod(events, customers)
    np.bitwise_or.at(bits, (period // 8, customer), np.left_shift(1, period % 8).astype(np.uint8))
    return bits
