"""Find a ready-made lifecycle by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.errors import InvalidDataError, nearest
from clm.lifecycles._five_stage import five_stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.core import Lifecycle

_MADE: Final[dict[str, Callable[[], Lifecycle]]] = {"five_stage": five_stage}


def names() -> tuple[str, ...]:
    """Return the names of the ready-made lifecycles.

    Examples
    --------
    >>> "five_stage" in clm.lifecycles.names()
    True
    """
    return tuple(sorted(_MADE))


def by_name(name: str) -> Lifecycle:
    """Return a ready-made lifecycle with its default numbers.

    Raises
    ------
    InvalidDataError
        If there is none of this name.

    Examples
    --------
    >>> clm.lifecycles.by_name("five_stage") == clm.lifecycles.five_stage()
    True
    """
    if name not in _MADE:
        raise InvalidDataError(
            f"there is no lifecycle {name!r}. There are {', '.join(names())}.{nearest(str(name), _MADE)}"
        )
    return _MADE[name]()
