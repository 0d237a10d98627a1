"""Which ages the columns of a retention table stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.typing import IntArray


@final
@frozen
class AgeColumns:
    """First and last age of each column; column 0 is age 0.

    Attributes
    ----------
    first, last : (c,) ndarray of int64
        Equal without brackets.
    plain : bool
        One column an age, so that nothing has to be looked up.
    """

    first: IntArray = array_field()
    last: IntArray = array_field()
    plain: bool = False

    __setstate__ = seal

    @classmethod
    def of(cls, brackets: tuple[int, ...] | None, ages: int) -> AgeColumns:
        """Return the columns of brackets, or one an age from 0 to `ages` less 1."""
        if brackets is None:
            each = np.arange(ages)
            return cls(each, each, plain=True)
        last = np.cumsum((0, *brackets))
        return cls(np.concatenate([[0], last[:-1] + 1]), last)

    def __len__(self) -> int:
        return len(self.first)

    @property
    def reach(self) -> int:
        """The last age of all."""
        return int(self.last[-1])

    def holding(self, age: IntArray) -> IntArray:
        """Return the column of each age from 1 on; a number beyond the last one for ages that have none."""
        return age if self.plain else np.searchsorted(self.last, age)

    def begun(self, age: IntArray) -> IntArray:
        """Return the last column that starts at each age or before it."""
        return np.minimum(age, len(self) - 1) if self.plain else np.searchsorted(self.first, age, side="right") - 1

    def ended(self, ages: IntArray) -> IntArray:
        """Return the last column that lies within so many ages, counted from 0; -1 where none does."""
        return np.minimum(ages, len(self)) - 1 if self.plain else np.searchsorted(self.last, ages, side="left") - 1
