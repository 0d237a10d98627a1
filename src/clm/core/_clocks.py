"""Find timeouts that another one always comes before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.core._lifecycle import Lifecycle
    from clm.core._parts import Timeout


def beaten(lifecycle: Lifecycle) -> Iterator[tuple[Timeout, Timeout]]:
    """Yield each timeout that can never fire, with one that always comes first."""
    timed = {timeout.target for timeout in lifecycle.timeouts}
    every = frozenset(lifecycle.known_kinds)
    for place, late in enumerate(lifecycle.timeouts):
        for other, early in enumerate(lifecycle.timeouts):
            same_stage = other != place and early.source == late.source
            if same_stage and _beats(early, late, every, declared_first=other < place, timed=late.source in timed):
                yield late, early
                break


def _beats(early: Timeout, late: Timeout, every: frozenset[str], *, declared_first: bool, timed: bool) -> bool:
    """Whether the one deadline is never after the other, and before it or declared first where they are equal."""
    if early.attribute is not None or late.attribute is not None:
        return early.attribute == late.attribute and declared_first
    lengths = early.after or early.idle, late.after or late.idle
    assert lengths[0] is not None
    assert lengths[1] is not None
    if lengths[0] > lengths[1] or (lengths[0] == lengths[1] and not declared_first):
        return False
    if early.after is not None:
        # Silence cannot have begun before a stage that a touchpoint opened; before one that time opened it has.
        return late.after is not None or not timed
    # The more kinds break a silence, the later it began.
    return late.after is None and _broken_by(early, every) <= _broken_by(late, every)


def _broken_by(timeout: Timeout, every: frozenset[str]) -> frozenset[str]:
    return every if timeout.of is None else frozenset(timeout.of)
