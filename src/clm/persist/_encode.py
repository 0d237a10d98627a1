"""Results as plain dictionaries, lists, strings and numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import fields, has

from clm.core import Lifecycle
from clm.errors import InvalidDataError
from clm.persist._registry import known_results, name_of_class, name_of_function
from clm.stats import Estimate, plain

if TYPE_CHECKING:
    from attrs import Attribute

    from clm.typing import Array

RESERVED = frozenset({"dtype", "function", "pairs", "tuple", "type"})
"""Keys with a meaning of their own."""

ABOVE, BELOW = "unbounded_above", "unbounded_below"
"""Where a field or its cells are infinite; no field has such a name."""

_LEVEL = 0.95


def encode(result: Any) -> dict[str, Any]:
    """Return one registered object with everything in it.

    Raises
    ------
    InvalidDataError
        If it, or something in it, cannot be written down.
    """
    name = name_of_class(type(result))
    if name is None:
        kind = type(result).__name__
        raise InvalidDataError(f"{kind} cannot be written as JSON. These can: {', '.join(known_results())}.")
    if isinstance(result, Lifecycle):
        return {"type": name, "lifecycle": result.to_dict()}
    return _object(name, result)


def holds_array(attribute: Attribute[Any]) -> bool:
    """Whether a field is one for numbers or arrays, in which NaN may stand: it compares NaN as equal to NaN."""
    return getattr(attribute, "eq_key", None) is not None  # attrs tells, its stubs do not


def _object(name: str, result: Any) -> dict[str, Any]:
    written: dict[str, Any] = {"type": name}
    above: dict[str, Any] = {}
    below: dict[str, Any] = {}
    for attribute in fields(type(result)):
        if not (attribute.init and attribute.eq):  # what has no part in equality is not kept
            continue
        value = getattr(result, attribute.name)
        if holds_array(attribute):
            if value is None:
                continue  # null is NaN there
            written[attribute.alias] = _cells(value)
        else:
            written[attribute.alias] = _plain(value)
        for where, sign in ((above, np.inf), (below, -np.inf)):
            if cells := _infinite(value, sign):
                where[attribute.alias] = cells
    if isinstance(result, Estimate):
        written.setdefault("undefined", None)
        written["interval"] = _interval(result)
    if above or below:
        written["unbounded"] = True
        written |= {key: cells for key, cells in ((ABOVE, above), (BELOW, below)) if cells}
    return written


def _interval(estimate: Estimate[Any]) -> dict[str, Any]:
    """Return limits for whoever reads the text; they are not read back."""
    interval = estimate.confidence_interval(_LEVEL)
    limits = {"level": _LEVEL, "low": plain(interval.low), "high": plain(interval.high), "method": interval.method}
    if np.isinf(np.asarray([interval.low, interval.high])).any():
        limits["unbounded"] = True
    return limits


def _infinite(value: Any, sign: float) -> Any:
    """Return True for an infinite number, and the positions of infinite cells, counted row by row."""
    if isinstance(value, float):
        return value == sign
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.flatnonzero(value == sign).tolist()
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, (np.bool_, np.number)):
        value = value.item()
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, (tuple, list)):
        return [_item(item) for item in value]
    return encode(value) if has(type(value)) else _foreign(value)


def _foreign(value: Any) -> Any:
    """Return what is no object of this library."""
    if isinstance(value, (np.ndarray, np.datetime64)):
        return _tagged(np.asarray(value))
    if isinstance(value, (date, timedelta)):
        return _moment(value)
    if isinstance(value, Mapping):
        return _mapping(value)
    name = name_of_function(value)
    if name is None and callable(value):
        called = getattr(value, "__name__", type(value).__name__)
        raise InvalidDataError(f"an interval that follows from the function {called} cannot be written as JSON.")
    return {"function": name} if name else encode(value)


def _item(value: Any) -> Any:
    """Return an entry of a tuple or mapping, where a number that is not finite has no field to say so."""
    if isinstance(value, float) and not np.isfinite(value):
        return {"dtype": "number", "values": str(value)}
    return _plain(value)


def _mapping(value: Mapping[Any, Any]) -> Any:
    if all(isinstance(key, str) for key in value) and not RESERVED.intersection(value):
        return {key: _item(entry) for key, entry in value.items()}
    return {"pairs": [[_item(key), _item(entry)] for key, entry in value.items()]}


def _cells(value: Any) -> Any:
    """Return a number, or an array: as a plain list where that says all."""
    if isinstance(value, np.ndarray):
        ordinary = value.dtype in {np.dtype(np.float64), np.dtype(np.int64), np.dtype(bool)} or value.dtype.kind == "U"
        # Without an entry a list tells neither type nor shape.
        if ordinary and value.size and value.ndim:
            return _list(value)
        return _tagged(value)
    if isinstance(value, (tuple, list)):
        return {"tuple": [_item(item) for item in value]}
    return _plain(value)


def _tagged(array: Array) -> dict[str, Any]:
    kind = array.dtype.kind
    if kind in "OT":
        entries = [_entry(entry) for entry in array.ravel()]
        return {"dtype": "object", "shape": list(array.shape), "values": entries}
    if kind not in "fiubUM":
        raise InvalidDataError(f"an array of {array.dtype} cannot be written as JSON. Convert it to numbers or text.")
    return {"dtype": _dtype(array), "shape": list(array.shape), "values": _list(array.ravel())}


def _dtype(array: Array) -> str:
    return "str" if array.dtype.kind == "U" else array.dtype.name


def _list(array: Array) -> list[Any]:
    if array.dtype.kind == "M":
        return [None if np.isnat(entry) else str(entry) for entry in array]
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        listed = array.astype(object)
        listed[~np.isfinite(array)] = None
        return listed.tolist()  # type: ignore[no-any-return]  # a list, since it has a dimension
    return array.tolist()  # type: ignore[no-any-return]  # as above


def _moment(value: date | timedelta) -> dict[str, Any]:
    if isinstance(value, timedelta):
        return {"dtype": "timedelta", "values": value // timedelta(microseconds=1)}
    return {"dtype": "datetime" if isinstance(value, datetime) else "date", "values": value.isoformat()}


def _entry(entry: Any) -> Any:
    entry = entry.item() if isinstance(entry, np.generic) else entry
    if entry is None or type(entry) in {bool, int, str}:
        return entry
    if type(entry) is float:
        return _item(entry)
    if type(entry) in {date, datetime, timedelta}:
        return _moment(entry)
    raise InvalidDataError(
        f"an array holds {type(entry).__name__}, which cannot be written as JSON. Make ids numbers or text."
    )
