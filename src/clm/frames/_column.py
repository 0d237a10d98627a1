"""One column of any frame as numpy values with a mask of what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from clm.typing import Array, BoolArray, FloatArray

_NULLS = {"NAType", "NaTType"}  # pandas' nulls, told by name so that pandas need not be there


@final
@frozen(eq=False)
class Column:
    """What every engine's column becomes.

    Attributes
    ----------
    values : (n,) ndarray
        Whole numbers (int64, uint64), float64, bool, datetime64, or objects (text, dates, what else a frame holds);
        any value where `missing` holds.
    missing : (n,) ndarray of bool
        Where the frame holds null; NaN counts as null.
    aware : bool
        Whether datetimes carried a zone; they are UTC then.
    """

    values: Array
    missing: BoolArray
    aware: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def numbers(self, name: str) -> FloatArray:
        """Return float64, NaN where missing.

        Raises
        ------
        InvalidDataError
            If the column holds anything but numbers.
        """
        kind = self.values.dtype.kind
        if kind not in "iuf":
            if self.missing.all():
                return np.full(len(self), np.nan)
            what = {"b": "booleans", "M": "dates", "m": "durations"}.get(kind, "text")
            if kind == "O" and not isinstance(self.values[~self.missing][0], str):
                what = type(self.values[~self.missing][0]).__name__ + " values"
            raise InvalidDataError(
                f"column {name!r} holds {what}, but numbers are expected. Convert it to numbers first."
            )
        numbers = self.values.astype(np.float64, copy=False)
        return np.where(self.missing, np.nan, numbers) if self.missing.any() else numbers

    def text(self, name: str) -> Array:
        """Return an object array of str, None where missing.

        Raises
        ------
        InvalidDataError
            If the column holds anything but text.
        """
        if self.missing.all():
            return np.full(len(self), None, dtype=object)
        values = self.values.astype(object)
        if values is self.values:
            values = values.copy()
        values[self.missing] = None
        for row, value in enumerate(values):
            if value is not None and not isinstance(value, str):
                raise InvalidDataError(
                    f"column {name!r} holds {type(value).__name__} {value!r} at row {row}, but text is expected. "
                    "Convert it to text first."
                )
        return values


def read_series(series: nw.Series[Any]) -> Column:
    """Read a column of pandas, Polars or PyArrow."""
    if isinstance(series.dtype, (nw.Categorical, nw.Enum)):
        if series.implementation.is_pandas():
            return _read_categories(series.to_native())
        series = _without_categories(series)
    dtype = series.dtype
    missing = series.is_null().to_numpy().astype(bool)
    if dtype.is_integer() or isinstance(dtype, nw.Boolean):
        # Filled first: with nulls in them integers come back as floats, which lose digits beyond 2 ** 53.
        whole = series.fill_null(0 if dtype.is_integer() else False) if missing.any() else series
        return Column(_plain_integers(whole.to_numpy()), missing)
    if dtype.is_numeric():
        values = series.cast(nw.Float64()).to_numpy()
        return Column(values, missing | np.isnan(values))
    if isinstance(dtype, (nw.Datetime, nw.Date)):
        return _read_times(series, missing)
    if isinstance(dtype, nw.String):
        # By way of a list: from Polars an array would be of fixed width, which drops a NUL at the end.
        return Column(np.array(series.to_list(), dtype=object), missing)
    return read_objects(series.to_numpy().astype(object))


def _read_times(series: nw.Series[Any], missing: BoolArray) -> Column:
    zone = series.dtype.time_zone if isinstance(series.dtype, nw.Datetime) else None
    if zone is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    elif isinstance(series.dtype, nw.Date):
        series = series.cast(nw.Datetime("us"))
    return Column(series.to_numpy(), missing, aware=zone is not None)


def _without_categories(series: nw.Series[Any]) -> nw.Series[Any]:
    if series.implementation.is_pyarrow():
        native = series.to_native()
        return nw.from_native(native.cast(native.type.value_type), series_only=True)
    return series.cast(nw.String())


def read_sequence(values: Any, name: str) -> Column:
    """Read a column of a mapping: an array, a list, or a series of some dataframe.

    Raises
    ------
    InvalidDataError
        If it is no column.
    """
    if isinstance(values, (str, bytes, Mapping)) or not (hasattr(values, "__len__") and hasattr(values, "__getitem__")):
        raise InvalidDataError(f"column {name!r} is {values!r}: give an array with one entry a row.")
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return read_series(series)
    array = _as_array(values)
    if array.ndim != 1:
        raise InvalidDataError(f"column {name!r} has {array.ndim} dimensions. Give one entry a row.")
    kind = array.dtype.kind
    if kind == "O":
        return read_objects(array)
    if kind == "f":
        array = array.astype(np.float64, copy=False)
        return Column(array, np.isnan(array))
    if kind == "M":
        return Column(array, np.isnat(array))
    if kind in "UT":
        array = array.astype(object)
    return Column(_plain_integers(array), np.zeros(len(array), bool))


def _read_categories(native: Any) -> Column:
    """Read a categorical of pandas, whose categories may be of any type."""
    codes = native.cat.codes.to_numpy()
    if not len(native.cat.categories):
        return Column(np.full(len(codes), None, dtype=object), np.ones(len(codes), bool))
    categories = read_sequence(native.cat.categories.to_series(), str(native.name))
    return Column(categories.values[codes], codes < 0, categories.aware)


def _as_array(values: Any) -> Array:
    if isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray):
        return values
    # A PyArrow array that is not chunked; a masked array, whose masked entries become None.
    convert = getattr(values, "to_pylist", None) or getattr(values, "tolist", None)
    listed = convert() if convert else list(values)
    array = np.empty(len(listed), dtype=object)
    # One by one: NumPy would turn [1, "a"] into text and equally long tuples into a matrix.
    for row, value in enumerate(listed):
        array[row] = value
    return array


def read_objects(array: Array) -> Column:
    """Read Python objects: numbers become numbers, everything else stays what it is."""
    values = array.tolist()
    missing = np.fromiter((_is_null(value) for value in values), bool, len(values))
    kinds = {type(value) for value, none in zip(values, missing.tolist(), strict=True) if not none}
    if kinds and all(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return Column(np.where(missing, False, array).astype(bool), missing)  # noqa: FBT003  # a filler
    if kinds and all(_is_number(kind) for kind in kinds):
        filled = np.where(missing, 0, array)
        if all(issubclass(kind, (int, np.integer)) for kind in kinds):
            try:
                return Column(filled.astype(np.int64), missing)
            except OverflowError:
                return Column(array, missing)
        floats = filled.astype(np.float64)
        return Column(floats, missing | np.isnan(floats))
    return Column(array, missing)


def _is_null(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, (float, np.datetime64)):
        return bool(value != value)  # noqa: PLR0124  # NaN and NaT alone differ from themselves
    return type(value).__name__ in _NULLS


def _is_number(kind: type) -> bool:
    from decimal import Decimal

    return issubclass(kind, (int, float, Decimal, np.number)) and not issubclass(kind, (bool, np.bool_, np.timedelta64))


def _plain_integers(values: Array) -> Array:
    if values.dtype.kind not in "iu":
        return values
    if values.dtype.itemsize == 8 and values.dtype.kind == "u":
        return values.astype(np.int64) if not values.size or values.max() <= np.iinfo(np.int64).max else values
    return values.astype(np.int64, copy=False)
