"""Read-only arrays that validate once and compare with NaN equal to NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import cmp_using, field

from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from clm.typing import Array, BoolArray, FloatArray


def frozen_array(values: Any, dtype: Any = None) -> Array:
    """Return a read-only array that nobody else can write to.

    An array that is read-only already is taken as it is, so that containers built inside the library do not copy.
    """
    array = np.asarray(values, dtype=dtype)
    if array.flags.writeable:
        if array is values or array.base is not None or isinstance(values, np.ndarray):
            array = array.copy()
        array.setflags(write=False)
    return array


def floats(values: Any, name: str) -> FloatArray:
    """Return one-dimensional read-only float64, or say which argument is not numeric."""
    array = np.asarray(values)
    if array.dtype.kind not in "iufO":
        kind = {"b": "booleans", "M": "dates", "m": "durations"}.get(array.dtype.kind, "text")
        raise InvalidDataError(f"{name} holds {kind}, but numbers are expected. Convert them first.")
    if array.ndim != 1:
        raise InvalidDataError(f"{name} must have one dimension, not {array.ndim}.")
    try:
        return frozen_array(array.astype(np.float64, copy=False))
    except (TypeError, ValueError) as error:
        raise InvalidDataError(f"{name} is not numeric: {error}. Convert it to numbers first.") from error


def where(bad: BoolArray) -> str:
    """Say where a condition holds: ``in 1 of 3 rows, first at row 2`` (rows count from 0)."""
    return f"in {int(bad.sum()):,} of {bad.size:,} rows, first at row {int(np.flatnonzero(bad)[0])}"


def refuse(bad: BoolArray, what: str, remedy: str) -> None:
    """Raise where a condition holds.

    Parameters
    ----------
    bad
        One flag a row.
    what
        The fact, as in ``"amount is NaN"``; the place is appended.
    remedy
        What to do next, one sentence.

    Raises
    ------
    InvalidDataError
        If any row is bad.
    """
    if bad.any():
        raise InvalidDataError(f"{what} {where(bad)}. {remedy}")


def same(a: Any, b: Any) -> bool:
    """Compare two values or arrays, NaN equal to NaN."""
    if a is None or b is None:
        return a is b
    left, right = np.asarray(a), np.asarray(b)
    if left.shape != right.shape:
        return False
    # NaN != NaN is the only value that differs from itself, in float and in object arrays alike.
    return bool(np.all((left == right) | ((left != left) & (right != right))))  # noqa: PLR0124


def array_field(**options: Any) -> Any:
    """An attrs field for arrays or floats whose equality treats NaN as equal to NaN."""
    return field(eq=cmp_using(eq=same), **options)
