"""Check the names that a lifecycle is declared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY: Final = "*"
"""A transition's source that stands for every stage."""

PREVIOUS: Final = "@previous"
"""A transition's target that stands for the stage of the visit before the current one."""

ACQUIRED: Final = "acquired"
TIMEOUT: Final = "timeout"
RESERVED: Final = (ACQUIRED, TIMEOUT)
"""Causes of a visit that are no touchpoint, and therefore no kinds."""


def checked_name(name: Any, what: str) -> str:
    """Return a name that is text and not blank.

    Raises
    ------
    InvalidDataError
        If it is not.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidDataError(f"{what} must be a name, not {name!r}.")
    return name


def checked_kind(kind: Any, what: str = "kind") -> str:
    """Return a kind of touchpoint that a lifecycle may name.

    Raises
    ------
    InvalidDataError
        If it is no name, or reserved.
    """
    checked_name(kind, what)
    if kind in RESERVED:
        raise InvalidDataError(f"{what} {kind!r} is reserved: it names the cause of a visit. Rename the kind.")
    if kind == ANY:
        raise InvalidDataError(
            f"{what} {kind!r} is no kind: only a source may be {ANY!r}. Declare a transition a kind."
        )
    return str(kind)


def checked_kinds(kinds: Iterable[str] | str, what: str) -> tuple[str, ...]:
    """Return distinct kinds in the order given; a single name stands for itself.

    Raises
    ------
    InvalidDataError
        If one of them is no kind.
    """
    if isinstance(kinds, str):
        kinds = (kinds,)
    try:
        listed = list(kinds)
    except TypeError:
        raise InvalidDataError(f"{what} must be names of kinds, not {kinds!r}.") from None
    return tuple(dict.fromkeys(checked_kind(kind, what) for kind in listed))
