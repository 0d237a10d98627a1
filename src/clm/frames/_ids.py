"""Turn customer ids into numbers, by whatever the frame's engine does fastest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final
from uuid import UUID

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.frames._column import read_series
from clm.stats import where

if TYPE_CHECKING:
    from clm.frames._column import Column
    from clm.frames._source import Table
    from clm.typing import Array, BoolArray, IntArray

# Up to this range whole numbers serve as they are: packed with a day and a row number they still fit 64 bits.
_DIRECT: Final = 1 << 40

# What Python and Polars take for white space; SQL strips blanks alone unless told.
BLANKS: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

NULL: Final = -1
BLANK: Final = -2


@final
@frozen(eq=False)
class Ids:
    """The id of every row as a number that sorts as the id does.

    Attributes
    ----------
    keys : (n,) ndarray of int64
        From 0 on; ``NULL`` or ``BLANK`` where a row has no id.
    size : int
        One more than the largest possible key.
    distinct : ndarray, or None
        Id of each key; None where keys are whole-number ids less `lowest`.
    lowest : int
        The smallest whole-number id.
    """

    keys: IntArray
    size: int
    distinct: Array | None
    lowest: int = 0

    def labels(self, keys: IntArray) -> Array:
        """Return the ids that keys stand for; text as wide as the longest of them."""
        if self.distinct is None:
            return keys + self.lowest
        return _trim(self.distinct[keys])

    def dense(self) -> Ids:
        """Return the same with keys that leave none out, for callers that make one array entry a key."""
        if self.distinct is not None:
            return self
        present, keys = _compact(self.keys, self.size)
        return Ids(keys, len(present), present + self.lowest)


def identify(table: Table, role: str = "customer") -> Ids:
    """Read a column of ids.

    Parameters
    ----------
    table
        An eager table.
    role
        The column's role.

    Returns
    -------
    Ids
        Keys ascend with the ids, so that results can be sorted without looking at ids again.

    Raises
    ------
    InvalidDataError
        If ids are neither text nor whole numbers, or some are one and some the other.
    """
    name = table.names[role]
    if table.engine != "mapping":
        series = table.frame[name]
        if isinstance(series.dtype, (nw.String, nw.Categorical, nw.Enum)):
            codes, distinct = factorize(series)
            # Categories may hold numbers, and an object column of pandas anything beside its texts.
            if all(issubclass(kind, str) for kind in set(map(type, distinct))):
                return _of_text(codes, distinct)
        column = read_series(series)
    else:
        column = table.column(role)
    return _of_column(column, name)


def sort_ids(column: Column, name: str) -> tuple[Array, IntArray]:
    """Return distinct ids as every path states them, ascending, and the order that sorts them.

    Raises
    ------
    InvalidDataError
        As `identify`.
    """
    plain = _plain(column.values, name, None)
    order = np.argsort(plain, kind="stable")
    return plain[order], order


def _of_column(column: Column, name: str) -> Ids:
    values, missing = column.values, column.missing
    if missing.all():
        return Ids(np.full(len(values), NULL), 0, np.empty(0, np.int64))
    if values.dtype.kind in "iuf":
        return _of_numbers(_plain(values, name, missing), missing)
    if values.dtype.kind != "O":
        _plain(values, name, missing)
    return _of_text(*by_dictionary(_texts(values, missing, name)))


def _of_numbers(values: Array, missing: BoolArray) -> Ids:
    known = values if not missing.any() else values[~missing]
    lowest, highest = int(known.min()), int(known.max())
    if highest - lowest < _DIRECT and values.dtype.kind == "i":
        keys = values - lowest
        if missing.any():
            keys[missing] = NULL
        return Ids(keys, highest - lowest + 1, None, lowest)
    distinct, codes = np.unique(known, return_inverse=True)
    keys = np.full(len(values), NULL)
    keys[~missing] = codes
    return Ids(keys, len(distinct), distinct)


def _of_text(codes: IntArray, distinct: list[str]) -> Ids:
    """Rank distinct texts, so that codes ascend with them; -1 stays null."""
    labels = _as_text(distinct)
    order = np.argsort(labels, kind="stable")
    blank = np.zeros(len(distinct), bool)
    # Only what starts blank can be blank throughout.
    for code in np.flatnonzero(np.isin(labels.astype("U1"), ["", *BLANKS])).tolist():
        blank[code] = not distinct[code].strip(BLANKS)
    kept = order[~blank[order]]
    rank = np.full(len(distinct) + 1, NULL)
    rank[kept] = np.arange(len(kept))
    rank[np.flatnonzero(blank)] = BLANK
    # The last entry answers code -1, that is null.
    return Ids(rank[codes], len(kept), labels[kept])


def _as_text(values: list[str]) -> Array:
    labels = np.array(values, dtype=str) if values else np.empty(0, "U1")
    if "\0" in "".join(values) and any(text.endswith("\0") for text in values):
        raise InvalidDataError("customer ids end in NUL characters. Strip them first.")
    return labels


def _trim(labels: Array) -> Array:
    if labels.dtype.kind != "U" or not labels.size:
        return labels
    return labels.astype(f"U{max(int(np.char.str_len(labels).max()), 1)}", copy=False)


def factorize(series: nw.Series[Any]) -> tuple[IntArray, list[Any]]:
    """Return a code a row, -1 where null, and the value of each code."""
    native, engine = series.to_native(), series.implementation
    if engine.is_polars():
        import polars as pl

        coded = native.cast(pl.Categorical) if native.dtype == pl.String else native
        codes = coded.to_physical().cast(pl.Int64).fill_null(NULL).to_numpy()
        # Categories are numbered for the whole session: renumber those that occur here.
        occurring = coded.drop_nulls().unique()
        numbers = occurring.to_physical().cast(pl.Int64).to_numpy()
        position = np.full(int(numbers.max(initial=0)) + 2, NULL)
        position[numbers] = np.arange(len(numbers))
        return position[codes], occurring.cast(pl.String).to_list()
    if engine.is_pyarrow():
        import pyarrow as pa

        array = native.combine_chunks() if isinstance(native, pa.ChunkedArray) else native
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks)
        # A dictionary that came with the data may name one value twice.
        coded = (array.cast(array.type.value_type) if pa.types.is_dictionary(array.type) else array).dictionary_encode()
        return coded.indices.fill_null(NULL).to_numpy(zero_copy_only=False).astype(
            np.int64
        ), coded.dictionary.to_pylist()
    if engine.is_pandas():
        import pandas as pd

        codes, distinct = pd.factorize(native)
        return codes.astype(np.int64), np.asarray(distinct, dtype=object).tolist()
    column = read_series(series)
    return by_dictionary(column.text(series.name).tolist())


def by_dictionary(values: list[Any]) -> tuple[IntArray, list[Any]]:
    """Return a code a value, -1 for None, and the value of each code."""
    found: dict[Any, int] = {}
    codes = np.fromiter((found.setdefault(value, len(found)) for value in values), np.int64, len(values))
    none = found.pop(None, -1)
    if none >= 0:
        codes = np.where(codes == none, NULL, codes - (codes > none))
    return codes, list(found)


def _compact(codes: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Return which of the codes below `size` occur, ascending, and codes that number these; negative codes stay."""
    known = codes[codes >= 0]
    if size > 4 * len(codes) + 1024:
        present, numbered = np.unique(known, return_inverse=True)
    else:
        occurs = np.zeros(size, bool)
        occurs[known] = True
        present = np.flatnonzero(occurs)
        numbered = (np.cumsum(occurs) - 1)[known]
    compact = codes.copy()
    compact[codes >= 0] = numbered
    return present, compact


def _texts(values: Array, missing: BoolArray, name: str) -> list[Any]:
    texts: list[Any] = values.tolist()
    for row, value in enumerate(texts):
        if isinstance(value, str):
            continue
        if missing[row]:
            texts[row] = None
        elif isinstance(value, UUID):
            texts[row] = str(value)
        else:
            mixed = any(isinstance(other, str) for other in texts)
            what = f"mixes text with {type(value).__name__}" if mixed else f"holds {type(value).__name__} values"
            raise InvalidDataError(
                f"column {name!r} {what}, first {value!r} at row {row}. Give customer ids as text or as whole numbers."
            )
    return texts


def _plain(values: Array, name: str, missing: BoolArray | None) -> Array:
    """Return ids as int64, uint64 or text."""
    kind = values.dtype.kind
    if kind in "iu":
        return values
    if kind == "f":
        # Whole numbers beside nulls come as floats from pandas, and from a database as decimals.
        known = np.ones(len(values), bool) if missing is None else ~missing
        broken = known & ((values != np.floor(values)) | (np.abs(values) > 2**53))
        if broken.any():
            raise InvalidDataError(
                f"column {name!r} holds numbers that are no ids, as {values[broken][0]}, {where(broken)}. "
                "Give customer ids as text or as whole numbers."
            )
        return np.where(known, values, 0).astype(np.int64)
    if kind == "O":
        return _as_text(_texts(values, np.zeros(len(values), bool), name))
    what = {"b": "booleans", "M": "dates", "m": "durations"}.get(kind, str(values.dtype))
    raise InvalidDataError(f"column {name!r} holds {what}. Give customer ids as text or as whole numbers.")
