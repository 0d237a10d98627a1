"""Results out of plain dictionaries and lists, which a stranger may have written."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import fields

from clm.core import Lifecycle
from clm.errors import ClmError, InvalidDataError, nearest
from clm.persist._encode import ABOVE, BELOW, holds_array
from clm.persist._registry import class_named, function_named, known_results

if TYPE_CHECKING:
    from collections.abc import Callable

    from attrs import Attribute

    from clm.typing import Array

_DTYPE: Final = re.compile(
    r"float(16|32|64)|u?int(8|16|32|64)|bool|str|object|number|date|datetime|timedelta|datetime64\[(Y|M|W|D|h|m|s|ms|us|ns)\]"
)
_NUMBERS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "number": _NUMBERS.__getitem__,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "timedelta": lambda microseconds: timedelta(microseconds=microseconds),
}
_PLAIN: Final = {"bool": bool, "float": float, "int": int, "str": str, "None": type(None)}


def decode(written: Any) -> Any:
    """Return the object that a dictionary describes.

    Raises
    ------
    InvalidDataError
        If its type is unknown, or its fields do not make one.
    """
    name = written.get("type") if isinstance(written, dict) else None
    kind = class_named(name)
    if kind is None:
        raise InvalidDataError(
            f"the text holds a result of type {name!r}, which is none of "
            f"{', '.join(known_results())}.{nearest(str(name), known_results())}"
        )
    if kind is Lifecycle:
        return Lifecycle.from_dict(written.get("lifecycle"))
    given = {attribute.alias: attribute for attribute in fields(kind) if attribute.init}
    read = {key: _field(given[key], value, name) for key, value in written.items() if key in given}
    if name == "Estimate" and written.get("undefined") is None:
        read.pop("undefined", None)
    _restore_infinite(read, written, name)
    for key, value in read.items():
        _check(given[key], value, name)
    try:
        return kind(**read)
    except ClmError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        raise InvalidDataError(f"the text does not hold a whole {name}: {error}.") from error


def _field(attribute: Attribute[Any], value: Any, name: Any) -> Any:
    if not holds_array(attribute):
        return _plain(value, name)
    if value is None:
        return math.nan
    if isinstance(value, list):
        return _array(value, name)
    if isinstance(value, dict) and "tuple" in value:
        return _plain(value["tuple"], name)
    return _plain(value, name)


def _plain(value: Any, name: Any) -> Any:
    if isinstance(value, list):
        return tuple(_plain(item, name) for item in value)
    return _keyed(value, name) if isinstance(value, dict) else value


def _keyed(value: dict[str, Any], name: Any) -> Any:
    if "dtype" in value:
        return _tagged(value, name)
    if "function" in value:
        function = function_named(value["function"])
        if function is None:
            raise InvalidDataError(f"the text names a formula that there is not: {value['function']!r}.")
        return function
    if "pairs" in value:
        try:
            return {_plain(key, name): _plain(entry, name) for key, entry in value["pairs"]}
        except (TypeError, ValueError) as error:
            raise InvalidDataError(f"the text holds a {name} with a broken mapping: {error}.") from error
    if "type" in value:
        return decode(value)
    return {key: _plain(entry, name) for key, entry in value.items()}


def _array(values: list[Any], name: Any) -> Array:
    """Return a list of numbers, flags or strings as an array; null is NaN."""
    try:
        array = np.array(values, dtype=object)
        kinds = {type(entry) for entry in array.ravel()}
        if kinds <= {float, type(None)}:
            return array.astype(np.float64)
        for kind, dtype in ((int, np.int64), (bool, bool), (str, str)):
            if kinds == {kind}:
                return array.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidDataError(f"the text holds a {name} with a broken array: {error}.") from error
    raise InvalidDataError(f"the text holds a {name} with an array of mixed entries.")


def _tagged(value: dict[str, Any], name: Any) -> Any:
    dtype, values = value["dtype"], value.get("values")
    if not isinstance(dtype, str) or _DTYPE.fullmatch(dtype) is None:
        raise InvalidDataError(f"the text holds a {name} with an array of unknown type {dtype!r}.")
    try:
        if dtype in _SCALARS:
            return _SCALARS[dtype](values)
        if dtype == "object":
            array = np.empty(len(values or ()), object)
            array[:] = [_plain(entry, name) for entry in values or ()]
        elif dtype.startswith("datetime64"):
            array = np.array(["NaT" if entry is None else entry for entry in values or ()], dtype)
        else:
            array = np.array(values, dtype)
        array = array.reshape(value["shape"])
    except (TypeError, ValueError, OverflowError, LookupError) as error:
        raise InvalidDataError(f"the text holds a {name} with a broken array: {error}.") from error
    return array if array.ndim else array[()]


def _restore_infinite(read: dict[str, Any], written: dict[str, Any], name: Any) -> None:
    for side, sign in ((ABOVE, math.inf), (BELOW, -math.inf)):
        cells = written.get(side, {})
        if not isinstance(cells, dict):
            raise InvalidDataError(f"the text holds a {name} with a broken list of ends without a bound.")
        for key, where in cells.items():
            if where is True:
                read[key] = sign
                continue
            try:
                array = np.array(read[key], np.float64)
                array.flat[where] = sign
            except (TypeError, ValueError, LookupError) as error:
                raise InvalidDataError(f"the text holds a {name} with a broken list of ends: {error}.") from error
            read[key] = array


def _check(attribute: Attribute[Any], value: Any, name: Any) -> None:
    """Refuse what plainly is not of the annotated kind; constructors look after the rest."""
    annotated = str(attribute.type).split(" | ")
    if holds_array(attribute) or not all(part in _PLAIN for part in annotated):
        return
    kinds = {_PLAIN[part] for part in annotated}
    if type(value) in kinds or (float in kinds and type(value) is int):
        return
    raise InvalidDataError(f"the text holds a {name} whose {attribute.name} is {value!r}, no {attribute.type}.")
