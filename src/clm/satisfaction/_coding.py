"""Answers as positions on their scale, a block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clm.satisfaction._scale import Scale
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_BLOCK: Final = 1 << 15  # answers that fit the processor's cache together with what is derived from them
_TOLERANCE: Final = 1e-9


@final
@frozen
class Refused:
    """Answers that are not on the scale: how many, and the first."""

    count: int
    row: int
    value: Any


@final
@frozen(eq=False)
class Coded:
    """How often each position was taken: the scale's points, then no answer, then answers that are not on it.

    Attributes
    ----------
    counts : (points + 2,) ndarray of int64
        Answers.
    weight, weight_squared : (points + 2,) ndarray of float64, or None
        Sums over the same cells.
    refused : Refused or None
        The first answer that is not on the scale.
    first_missing : int or None
        Row of the first missing answer.
    """

    counts: IntArray
    weight: FloatArray | None
    weight_squared: FloatArray | None
    refused: Refused | None
    first_missing: int | None


def count_answers(values: Array, scale: Scale, *, blank: BoolArray | None, weights: FloatArray | None) -> Coded:
    """Count a column of answers, without a copy of it."""
    cells = len(scale) + 2
    none, off = cells - 2, cells - 1
    counts = np.zeros(cells, np.int64)
    weight, weight_squared = (None, None) if weights is None else (np.zeros(cells), np.zeros(cells))
    refused: Refused | None = None
    first_missing: int | None = None
    for start, codes in _coded_blocks(values, scale):
        stop = start + len(codes)
        if blank is not None:
            codes[blank[start:stop]] = none
        found = np.bincount(codes, minlength=cells)
        counts += found
        if weights is not None and weight is not None and weight_squared is not None:
            block = weights[start:stop]
            weight += np.bincount(codes, block, minlength=cells)
            weight_squared += np.bincount(codes, block * block, minlength=cells)
        if found[off] and refused is None:
            row = start + int(np.argmax(codes == off))
            refused = Refused(0, row, values[row])
        if found[none] and first_missing is None:
            first_missing = start + int(np.argmax(codes == none))
    if refused is not None:
        refused = Refused(int(counts[off]), refused.row, refused.value)
    return Coded(counts, weight, weight_squared, refused, first_missing)


def code_of(value: object, places: dict[Any, int], scale: Scale) -> int:
    """Return the position of one answer, as the cells of `Coded` are ordered."""
    none, off = len(scale), len(scale) + 1
    if value is None or isinstance(value, str):
        return none if value is None else places.get(value.strip().casefold(), off)
    place = _place(value, scale)
    if place != place:  # noqa: PLR0124  # NaN alone differs from itself
        return none
    if not -0.5 < place < none - 0.5:
        return off
    nearest = round(place)
    on = abs(place - nearest) <= _TOLERANCE or _stored_short(np.asarray(value, float), np.asarray(nearest), scale)
    return nearest if on else off


def _stored_short(values: FloatArray, places: FloatArray, scale: Scale) -> BoolArray:
    """Whether a value is what 32 bits hold of its point: 0.1 stored as a float32 is 0.10000000149."""
    points = np.clip(scale.low + places * scale.step, scale.low, scale.high)
    short: BoolArray = values == points.astype(np.float32).astype(np.float64)
    return short


def _place(value: Any, scale: Scale) -> float:
    """Return where a number stands, in steps from the lowest point; infinity for what is no number."""
    if isinstance(value, (bool, bytes, np.bool_, np.datetime64, np.timedelta64)):
        return np.inf
    try:
        return (float(value) - scale.low) / scale.step
    except (TypeError, ValueError, OverflowError):
        return np.inf


def label_places(scale: Scale) -> dict[Any, int]:
    """Return the position of each of the scale's names."""
    return {label.strip().casefold(): place for place, label in enumerate(scale.labels or ())}


def _coded_blocks(values: Array, scale: Scale) -> Iterator[tuple[int, IntArray]]:
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        kind = block.dtype.kind
        if kind in "iu":
            yield start, _code_integers(block, scale)
        elif kind == "f":
            yield start, _code_floats(block, scale)
        elif kind in "OU":
            yield start, _code_objects(block, scale)
        else:  # booleans, dates
            yield start, np.full(len(block), len(scale) + 1, np.intp)


def _code_integers(block: Array, scale: Scale) -> IntArray:
    low = scale.low
    if scale.step != 1 or not isinstance(low, int) or int(block.min()) < low or int(block.max()) > scale.high:
        return _code_floats(block, scale)
    codes = block.astype(np.intp)
    if low:
        codes -= low
    return codes


def _code_floats(block: Array, scale: Scale) -> IntArray:
    none, off = len(scale), len(scale) + 1
    with np.errstate(invalid="ignore"):  # infinity less infinity
        place = (block.astype(np.float64) - scale.low) / scale.step
        nearest = np.rint(place)
        on = (np.abs(place - nearest) <= _TOLERANCE) & (nearest >= 0) & (nearest < none)
    if on.all():
        return nearest.astype(np.intp)
    if scale.step != 1 or not isinstance(scale.low, int):
        within = (nearest >= 0) & (nearest < none)
        on |= within & _stored_short(block.astype(np.float64), np.where(within, nearest, 0.0), scale)
    codes = np.full(len(block), off, np.intp)
    codes[on] = nearest[on]
    codes[np.isnan(place)] = none
    return codes


def _code_objects(values: Iterable[object], scale: Scale) -> IntArray:
    places = label_places(scale)
    return np.array([code_of(value, places, scale) for value in values], np.intp)


def code_answers(values: Array, scale: Scale, *, blank: BoolArray | None) -> IntArray:
    """Return the position of each answer, as the cells of `Coded` are ordered."""
    blocks = [codes for _, codes in _coded_blocks(values, scale)]
    codes = np.concatenate(blocks) if blocks else np.empty(0, np.intp)
    if blank is not None:
        codes[blank] = len(scale)
    return codes
