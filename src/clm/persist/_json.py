"""Results as JSON text and back."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Final, Never

from clm.errors import InvalidDataError
from clm.persist._decode import decode
from clm.persist._encode import encode

_SCHEMA: Final = 1
"""Raised by one whenever texts written before would be read wrongly."""


def to_json(result: Any) -> str:
    """Write a result as JSON text, from which `from_json` makes an equal one.

    Parameters
    ----------
    result
        An estimate, a fit, a table, a score card, purchase histories or a lifecycle: whatever says so much with so
        little. Raw logs belong in a Parquet file, and what ``clm.to_frame`` makes of a result in a table.

    Returns
    -------
    str
        One JSON object with ``schema`` (the version of the layout), ``library`` (the version of this package), ``type``
        and the fields of the result. NaN is ``null`` with the reason beside it, an end without a bound ``null`` with
        ``"unbounded": true``. Estimates carry their 95 percent interval for whoever reads the text.

    Raises
    ------
    InvalidDataError
        If the result, or something in it, cannot be written down; the message names what can.

    Notes
    -----
    Numbers are written to their last digit, so that predictions of a fit that was read back are the same to the bit.

    Examples
    --------
    >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
    >>> text = clm.to_json(fit)
    >>> text[:48]
    '{"schema": 1, "library": "0.1.0", "type": "Purch'
    >>> clm.from_json(text) == fit
    True
    """
    written = encode(result)
    return json.dumps({"schema": _SCHEMA, "library": _version(), **written}, allow_nan=False, ensure_ascii=False)


def from_json(text: str | bytes) -> Any:
    """Read a result that `to_json` wrote.

    Parameters
    ----------
    text
        The whole text.

    Returns
    -------
    object
        Equal to what was written, with the same predictions. Only this library's own results are built; nothing in
        the text is run.

    Raises
    ------
    InvalidDataError
        If the text is cut off or no JSON, was written by a newer version, or holds something else than a result.

    Examples
    --------
    >>> clm.from_json(clm.to_json(clm.cac(5000, 40))).value
    125.0
    """
    if not isinstance(text, (str, bytes, bytearray)):
        raise InvalidDataError(f"from_json reads text, not {type(text).__name__}. Read the file first.")
    try:
        written = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidDataError(f"the text is no whole JSON: {error}. Was it cut off?") from error
    if not isinstance(written, dict) or "schema" not in written:
        raise InvalidDataError("the text holds no result of this library: it has no schema version.")
    schema = written["schema"]
    if type(schema) is not int or schema < 1:
        raise InvalidDataError(f"the text has schema version {schema!r}, which is none.")
    if schema > _SCHEMA:
        raise InvalidDataError(
            f"the text has schema version {schema}, written by clm {written.get('library')}; this version reads up to "
            f"{_SCHEMA}. Upgrade clm to read it."
        )
    try:
        return decode(written)
    except RecursionError as error:
        raise InvalidDataError("the text is nested too deeply to be a result.") from error


def _version() -> str:
    said: str = import_module("clm").__version__  # by name: the top of the package knows all rooms, this one among them
    return said


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")
