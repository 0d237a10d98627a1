"""Write a lifecycle as SCXML, the W3C's language of state machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from clm.core._guards import All, Comparison, Either, Guard, Not
from clm.core._names import PREVIOUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.core._lifecycle import Lifecycle

_HEAD: Final = '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"'
_NOTE: Final = (
    "Amounts, scores and channels come with the event; the host keeps count and total by kind, counts the event before "
    "it is dispatched, and sends the timeout events that no element sends."
)


def scxml(lifecycle: Lifecycle) -> str:
    """Return the lifecycle as SCXML, the W3C's language of state machines.

    Notes
    -----
    Transitions, their order and their conditions are complete. SCXML has no clock of silence and no memory of
    amounts: the document sends the events of ``after`` timeouts itself, while those of ``idle`` and of attributes,
    and the counts and totals that conditions look at, are the host's to keep. Kinds are events below ``kind.``.

    Examples
    --------
    >>> shop = clm.Lifecycle.ladder("shop", {"visitor": "visit", "buyer": "order"})
    >>> print(shop.to_scxml().splitlines()[-4].strip())
    <transition event="kind.visit"/>
    """
    ids = _ids([stage.name for stage in lifecycle.stages])
    goes_back = any(transition.target == PREVIOUS for transition in lifecycle.transitions)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<!-- {_comment(_NOTE)} -->",
        f"{_HEAD} name={_attribute(lifecycle.name)} initial={_attribute(ids[lifecycle.initial])}>",
        "  <datamodel>",
        '    <data id="count" expr="{}"/>',
        '    <data id="total" expr="{}"/>',
        *([f'    <data id="previous" expr={_attribute(_js(lifecycle.initial))}/>'] if goes_back else []),
        "  </datamodel>",
    ]
    for stage in lifecycle.stages:
        lines.append(f"  <state id={_attribute(ids[stage.name])}>")
        lines += _entry_and_exit(lifecycle, stage.name, remember=goes_back)
        lines += _touched(lifecycle, stage.name, ids)
        lines += _timed(lifecycle, stage.name, ids)
        lines.append("  </state>")
    return "\n".join([*lines, "</scxml>"])


def _entry_and_exit(lifecycle: Lifecycle, stage: str, *, remember: bool) -> Iterator[str]:
    """Yield the clocks that start with a stage, and what leaving it does."""
    clocks = [(number, x) for number, x in enumerate(lifecycle.timeouts) if x.source == stage and x.after is not None]
    if clocks:
        yield "    <onentry>"
        for number, timeout in clocks:
            assert timeout.after is not None
            delay = f"{timeout.after.total_seconds():f}".rstrip("0").rstrip(".")
            yield f'      <send id="clock{number}" event="timeout.{number}" delay="{delay}s"/>'
        yield "    </onentry>"
    if clocks or remember:
        yield "    <onexit>"
        for number, _ in clocks:
            yield f'      <cancel sendid="clock{number}"/>'
        if remember:
            yield f'      <assign location="previous" expr={_attribute(_js(stage))}/>'
        yield "    </onexit>"


def _touched(lifecycle: Lifecycle, stage: str, ids: dict[str, str]) -> Iterator[str]:
    """Yield a stage's transitions, those from any stage last, as touchpoints try them."""
    below = _below(lifecycle, stage)
    for kind in lifecycle.known_kinds:
        for transition in lifecycle.candidates(stage, kind):
            condition = None if transition.when is None else _expression(transition.when)
            back = transition.target == PREVIOUS
            for target in ids if back else [transition.target]:
                asked = f"previous === {_js(target)}" if back else None
                conditions = [part for part in (condition, asked) if part is not None]
                cond = f" cond={_attribute(' && '.join(conditions))}" if conditions else ""
                # Without a target the event is taken and nothing changes: a touch, or a move that is forbidden.
                stays = target in below or (target == stage and not transition.reenter)
                to = "" if stays else f" target={_attribute(ids[target])}"
                yield f"    <transition event={_attribute(_event(kind))}{cond}{to}/>"


def _timed(lifecycle: Lifecycle, stage: str, ids: dict[str, str]) -> Iterator[str]:
    for number, timeout in enumerate(lifecycle.timeouts):
        if timeout.source == stage:
            yield f"    <!-- {_comment(timeout.label)} -->"
            yield f'    <transition event="timeout.{number}" target={_attribute(ids[timeout.target])}/>'


def _below(lifecycle: Lifecycle, stage: str) -> set[str]:
    ranks = {entry.name: entry.rank for entry in lifecycle.stages}
    here = ranks[stage]
    if lifecycle.backward == "allow" or here is None:
        return set()
    return {name for name, rank in ranks.items() if rank is not None and rank < here}


def _expression(guard: Guard) -> str:
    """Return a condition in ECMAScript, False where a value is missing."""
    if isinstance(guard, All):
        return f"({_expression(guard.first)} && {_expression(guard.second)})"
    if isinstance(guard, Either):
        return f"({_expression(guard.first)} || {_expression(guard.second)})"
    if isinstance(guard, Not):
        return f"!({_expression(guard.guard)})"
    assert isinstance(guard, Comparison)
    value = _js(guard.value) if isinstance(guard.value, str) else f"{guard.value:.17g}"
    sign = {"==": "===", "!=": "!=="}.get(guard.operator, guard.operator)
    if guard.kind is not None:
        return f"(({guard.register}[{_js(guard.kind)}] || 0) {sign} {value})"
    field = f"_event.data.{guard.register}"
    return f"({field} != null && {field} {sign} {value})"


def _ids(names: list[str]) -> dict[str, str]:
    """Return an XML id for each stage: its name where that is one, else a number."""
    plain = [name for name in names if _is_ncname(name)]
    ids = {name: name for name in plain}
    for number, name in enumerate(names):
        if name not in ids:
            free = f"stage{number}"
            while free in ids.values() or free in plain:
                free += "_"
            ids[name] = free
    return {name: ids[name] for name in names}


def _is_ncname(name: str) -> bool:
    return name.isascii() and (name[0].isalpha() or name[0] == "_") and all(c.isalnum() or c in "_-." for c in name)


def _event(kind: str) -> str:
    """Return an event's name: SCXML reads blanks as a list, dots as levels and ``*`` as any."""
    return "kind." + "".join(c if c.isalnum() or c in "_-" else f":{ord(c):x}:" for c in kind)


def _js(text: str) -> str:
    plain = "".join(c if c.isprintable() and c not in "'\\" else f"\\u{{{ord(c):x}}}" for c in text)
    return f"'{plain}'"


def _attribute(text: str) -> str:
    return quoteattr(_printable(text))


def _comment(text: str) -> str:
    return escape(_printable(text)).replace("--", "- -")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
