"""Name several models or fits, by their keys or by what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clm.errors import InvalidDataError


def named(given: Any, argument: str, name_of: Callable[[Any], str]) -> dict[str, Any]:
    """Return what was given, by name; a second one of a name gets a number.

    Raises
    ------
    InvalidDataError
        If it is neither a sequence nor a mapping with text for keys.
    """
    if isinstance(given, Mapping):
        if not all(isinstance(key, str) for key in given):
            raise InvalidDataError(f"the keys of {argument} must be names.")
        return dict(given)
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
        raise InvalidDataError(f"{argument} must be a list or a mapping by name, not {type(given).__name__}.")
    found: dict[str, Any] = {}
    for item in given:
        name = base = name_of(item) or type(item).__name__
        count = 1
        while name in found:
            count += 1
            name = f"{base} ({count})"
        found[name] = item
    return found
