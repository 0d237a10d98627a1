"""Read a machine that was written for the transitions package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from clm.core._names import ANY
from clm.core._parts import Stage, Transition
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clm.core._guards import Guard
    from clm.core._lifecycle import Lifecycle
    from clm.core._parts import Timeout

_SAME: Final = "="
_ORDER: Final = ("trigger", "source", "dest", "conditions", "unless")


def from_transitions(
    lifecycle: type[Lifecycle],
    name: str,
    *,
    states: Iterable[str | Mapping[str, Any]],
    transitions: Iterable[Mapping[str, Any] | Sequence[Any]],
    initial: str,
    conditions: Mapping[str, Guard] | None = None,
    timeouts: Iterable[Timeout] = (),
) -> Lifecycle:
    """Build a lifecycle from the lists that ``transitions.Machine`` takes.

    Parameters
    ----------
    name
        What it is called.
    states
        Names, or dicts with a ``name``.
    transitions
        Dicts with ``trigger``, ``source`` and ``dest``, and maybe ``conditions`` and ``unless``; or lists of these,
        in that order. A source may be a list or ``"*"``, a dest ``"="`` (the source, entered again) or None (the
        source, not left).
    initial
        The state to begin in.
    conditions
        What each name in ``conditions`` and ``unless`` means, as a condition of this library.
    timeouts
        Where time leads; a state's own ``timeout`` has to be among them.

    Returns
    -------
    Lifecycle
        A trigger is a kind of touchpoint, and a state a stage without a rank. Callbacks (``before``, ``after``,
        ``on_enter`` ...) act on the world outside and are left out.

    Raises
    ------
    InvalidDataError
        If an entry cannot be read, a condition is not given, a state has children, or a timeout is not said.

    Notes
    -----
    As there, the first transition that fits is taken, and a transition to its own source enters it again. ``"*"``
    becomes one transition a state, since it does not come after the specific ones there.

    Examples
    --------
    >>> shop = clm.Lifecycle.from_transitions(
    ...     "shop",
    ...     states=["visitor", "buyer"],
    ...     transitions=[{"trigger": "order", "source": "*", "dest": "buyer", "conditions": "is_large"}],
    ...     initial="visitor",
    ...     conditions={"is_large": clm.when.amount >= 100},
    ... )
    >>> print(shop.transitions[0])
    visitor --order [amount >= 100]--> buyer
    """
    timeouts = tuple(timeouts)
    timed = {timeout.source for timeout in timeouts}
    fields = _fields(states, transitions, initial, conditions or {}, timed)
    return lifecycle(name, timeouts=timeouts, **fields)


def _fields(
    states: Any, transitions: Any, initial: str, conditions: Mapping[str, Guard], timed: set[str]
) -> dict[str, Any]:
    names = [_state(entry, timed) for entry in _listed(states, "states")]
    found: dict[tuple[str, str, Guard | None], Transition] = {}
    for number, entry in enumerate(_listed(transitions, "transitions")):
        row = _row(entry, number)
        guard = _guard(row, conditions, number)
        for source in _sources(row["source"], names):
            stays = row["dest"] is None
            target = source if stays or row["dest"] == _SAME else row["dest"]
            # There the first of several that fit is taken as well: one that repeats it never is.
            key = (source, row["trigger"], guard)
            reenter = target == source and not stays
            found.setdefault(key, Transition(source, row["trigger"], target, when=guard, reenter=reenter))
    return {"stages": [Stage(name) for name in names], "initial": initial, "transitions": list(found.values())}


def _listed(entries: Any, what: str) -> list[Any]:
    if isinstance(entries, (str, Mapping)) or not hasattr(entries, "__iter__"):
        raise InvalidDataError(f"{what} must be a list, as transitions.Machine takes it, not {entries!r}.")
    return list(entries)


def _state(entry: Any, timed: set[str]) -> str:
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise InvalidDataError(f"a state is a name or a dict with one, not {entry!r}.")
    name: str = entry["name"]
    if entry.get("children"):
        raise InvalidDataError(
            f"state {name!r} has children. Give each child as a state of its own, called as in '{name}.child'."
        )
    if entry.get("timeout") and name not in timed:
        raise InvalidDataError(
            f"state {name!r} has a timeout of {entry['timeout']} s, whose callback cannot be read. Say where it leads: "
            f"timeouts=[clm.Timeout({name!r}, ..., after='{entry['timeout']}s')]."
        )
    return name


def _row(entry: Any, number: int) -> Mapping[str, Any]:
    row = entry if isinstance(entry, Mapping) else None
    if isinstance(entry, (list, tuple)):
        row = dict(zip(_ORDER, entry, strict=False))
    if row is None or any(key not in row for key in _ORDER[:3]):
        raise InvalidDataError(
            f"transition {number} must be a dict with trigger, source and dest, or a list of them, not {entry!r}."
        )
    if not isinstance(row["trigger"], str) or not isinstance(row["dest"], (str, type(None))):
        raise InvalidDataError(f"transition {number} must name its trigger and its dest, not {entry!r}.")
    return row


def _sources(source: Any, names: list[str]) -> list[str]:
    if source == ANY:
        return names
    return [source] if isinstance(source, str) else list(_listed(source, "the sources of a transition"))


def _guard(row: Mapping[str, Any], conditions: Mapping[str, Guard], number: int) -> Guard | None:
    guard: Guard | None = None
    for key, holds in (("conditions", True), ("unless", False)):
        for name in _callbacks(row.get(key)):
            if name not in conditions:
                hint = nearest(str(name), conditions) if isinstance(name, str) else ""
                raise InvalidDataError(
                    f"transition {number} asks for {name!r}, whose code cannot be read. Say what it means: "
                    f"conditions={{{name!r}: clm.when.amount >= 100}}.{hint}"
                )
            part = conditions[name] if holds else ~conditions[name]
            guard = part if guard is None else guard & part
    return guard


def _callbacks(given: Any) -> Iterable[Any]:
    if given is None:
        return ()
    return given if isinstance(given, (list, tuple)) else (given,)
