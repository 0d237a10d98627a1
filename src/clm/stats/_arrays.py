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

    An array that is read-only all the way down to its memory is taken as it is, so that containers built inside the
    library do not copy. A read-only view of memory that somebody may still write to is copied.
    """
    array = np.asarray(values, dtype=dtype)
    if _is_settled(array):
        return array
    converted = isinstance(values, np.ndarray) and not np.may_share_memory(array, values)
    if not (converted or isinstance(values, (list, tuple))):
        array = array.copy()
    array.setflags(write=False)
    return array


def _is_settled(array: Any) -> bool:
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return False
        array = array.base
    return True


def numbers(values: Any, name: str) -> FloatArray:
    """Return read-only float64 of any shape, missing entries as NaN, or say what the argument holds instead.

    Raises
    ------
    InvalidDataError
        If the values are booleans, dates, text or anything else that is no real number.
    """
    try:
        masked = np.ma.getmask(values)
        array = np.asarray(values)
    except ValueError as error:  # lists of unequal length
        raise InvalidDataError(f"{name} is not numeric: {error}") from error
    if array.dtype.kind not in "iufO":
        kind = {"b": "booleans", "M": "dates", "m": "durations", "c": "complex numbers"}.get(array.dtype.kind, "text")
        raise InvalidDataError(f"{name} holds {kind}, but numbers are expected. Convert them first.")
    try:
        if array.dtype.kind == "O":
            array = np.array([_number(entry) for entry in array.ravel()], np.float64).reshape(array.shape)
        with np.errstate(over="ignore"):  # what float64 cannot hold becomes infinite, and is refused as such
            array = array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidDataError(f"{name} is not numeric: {error}. Convert it to numbers first.") from error
    return frozen_array(np.where(masked, np.nan, array) if masked is not np.ma.nomask else array)


def _number(entry: Any) -> float:
    if isinstance(entry, (str, bytes, bool, np.bool_)):
        raise TypeError(f"{entry!r} is no number")
    return np.nan if is_missing(entry) else float(entry)


def is_missing(entry: Any) -> bool:
    """Say whether one entry of an object column stands for a missing value: None, NaN, NaT or pandas' NA."""
    # NA answers a comparison with itself, which has no truth; NaN and NaT differ from themselves.
    return entry is None or type(entry).__name__ == "NAType" or bool(entry != entry)  # noqa: PLR0124


def floats(values: Any, name: str) -> FloatArray:
    """Return one-dimensional read-only float64, or say which argument is not numeric.

    Raises
    ------
    InvalidDataError
        As `numbers`, or if there is more or less than one dimension.
    """
    array = numbers(values, name)
    if array.ndim != 1:
        raise InvalidDataError(f"{name} must have one dimension, not {array.ndim}.")
    return array


def scalar_or_array(values: Any, name: str) -> Any:
    """Return a float for a single number, else a read-only array of float64."""
    array = numbers(values, name)
    return float(array) if array.ndim == 0 else array


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


def seal(result: Any, state: Any) -> None:
    """Restore a result from a pickle or a deep copy, its arrays as read-only as they went in.

    NumPy forgets that flag; classes that hold arrays set ``__setstate__ = seal``.
    """
    slots = state if isinstance(state, dict) else {**(state[0] or {}), **state[1]}
    for name, value in slots.items():
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
        for array in parts:
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
        object.__setattr__(result, name, value)
