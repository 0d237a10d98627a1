"""Draw a lifecycle as text that diagram tools read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from clm.core._names import ANY, PREVIOUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.core._lifecycle import Lifecycle

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Words that Mermaid reads as its own where a state's name is expected.
_TAKEN: Final = {"state", "note", "end", "direction", "as", "default", "class", "classdef", "style", "click", "hide"}
# Characters that would end or change a label; Mermaid writes entities with # and without &.
_ENTITIES: Final = {ord(character): f"#{ord(character)};" for character in '#;:"<{}`'}
_SHOWN: Final = {ANY: "any stage", PREVIOUS: "previous stage"}


def mermaid(lifecycle: Lifecycle) -> str:
    """Return a Mermaid state diagram; touchpoints that change nothing are left out."""
    places = _places(lifecycle)
    ids = {place: _mermaid_id(place, number) for number, place in enumerate(places)}
    lines = ["stateDiagram-v2"]
    lines += [
        f'    state "{_mermaid_text(_SHOWN.get(place, place))}" as {name}'
        for place, name in ids.items()
        if name != place
    ]
    # A stage without any arrow would not be drawn otherwise.
    joined = {lifecycle.initial, *(end for source, _, target, _ in _arrows(lifecycle) for end in (source, target))}
    lines += [f"    {ids[place]}" for place in places if place not in joined and ids[place] == place]
    lines.append(f"    [*] --> {ids[lifecycle.initial]}")
    lines += [
        f"    {ids[source]} --> {ids[target]} : {_mermaid_text(label)}"
        for source, label, target, _ in _arrows(lifecycle)
    ]
    return "\n".join(lines)


def dot(lifecycle: Lifecycle) -> str:
    """Return a directed graph in Graphviz' language; timeouts are dashed."""
    lines = [f"digraph {_quoted(lifecycle.name)} {{", "    rankdir=LR;", "    node [shape=box, style=rounded];"]
    lines += [f"    {_quoted(place)} [label={_quoted(_SHOWN.get(place, place))}];" for place in _places(lifecycle)]
    lines += [f"    {_quoted('*start')} [shape=point];", f"    {_quoted('*start')} -> {_quoted(lifecycle.initial)};"]
    lines += [
        f"    {_quoted(source)} -> {_quoted(target)} [label={_quoted(label)}{', style=dashed' if timed else ''}];"
        for source, label, target, timed in _arrows(lifecycle)
    ]
    return "\n".join([*lines, "}"])


def _arrows(lifecycle: Lifecycle) -> Iterator[tuple[str, str, str, bool]]:
    for transition in lifecycle.transitions:
        if transition.source != transition.target or transition.reenter:
            yield transition.source, transition.label, transition.target, False
    for timeout in lifecycle.timeouts:
        yield timeout.source, timeout.label, timeout.target, True


def _places(lifecycle: Lifecycle) -> list[str]:
    stages = [stage.name for stage in lifecycle.stages]
    sources = {transition.source for transition in lifecycle.transitions}
    targets = {transition.target for transition in lifecycle.transitions}
    return stages + [place for place, there in ((ANY, sources), (PREVIOUS, targets)) if place in there]


def _mermaid_id(place: str, number: int) -> str:
    return place if _PLAIN.fullmatch(place) and place.lower() not in _TAKEN else f"stage{number}"


def _mermaid_text(text: str) -> str:
    return " ".join(text.translate(_ENTITIES).split())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + " ".join(escaped.split()) + '"'
