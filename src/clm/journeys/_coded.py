"""A column of few distinct values as whole numbers and what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import seal

if TYPE_CHECKING:
    from clm.typing import Array, IntArray


@final
@frozen(eq=False)
class Coded:
    """A column by number.

    Attributes
    ----------
    codes : (n,) ndarray of int
        For each row the place of its value in `values`; negative where it has none.
    values : (k,) ndarray
        Distinct values; they need not all occur.
    """

    codes: IntArray
    values: Array

    __setstate__ = seal

    def __attrs_post_init__(self) -> None:
        if len(self.codes) and int(self.codes.max()) >= len(self.values):
            raise InvalidDataError(f"a code is {int(self.codes.max())}, but there are {len(self.values)} values.")

    @classmethod
    def of(cls, column: Any, name: str) -> Coded:
        """Return a column by number; one that is so already is taken as it is.

        Raises
        ------
        InvalidDataError
            If the column is not one-dimensional, or its values cannot be put in order.
        """
        if isinstance(column, Coded):
            return column
        array = np.asarray(column)
        if array.ndim != 1:
            raise InvalidDataError(f"{name} must have one dimension, not {array.ndim}.")
        try:
            values, codes = np.unique(array, return_inverse=True)
        except TypeError as error:
            raise InvalidDataError(f"{name} holds values that cannot be put in order: {error}.") from error
        return cls(codes.reshape(-1).astype(np.int64, copy=False), values)

    def __len__(self) -> int:
        return len(self.codes)
