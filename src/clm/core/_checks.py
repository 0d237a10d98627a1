"""Find what is legal in a lifecycle but looks unintended."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from attrs import evolve, frozen

from clm.core._clocks import beaten
from clm.core._guards import All, Comparison, Either, Guard, Not
from clm.core._names import ANY, PREVIOUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.core._lifecycle import Lifecycle
    from clm.core._parts import Transition

_OPPOSITE: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

Kind: TypeAlias = Literal["unreachable", "dead_end", "ambiguous", "shadowed", "forbidden", "previous"]


@final
@frozen
class Finding:
    """Something to look at in a lifecycle.

    Attributes
    ----------
    kind : str
        What sort of thing; see `Lifecycle.check`.
    message : str
        What and where, one sentence.
    """

    kind: Kind
    message: str

    def __str__(self) -> str:
        return self.message


def findings(lifecycle: Lifecycle) -> list[Finding]:
    """Return everything that looks unintended."""
    graph = _Graph(lifecycle)
    return [
        *graph.unreachable(),
        *graph.dead_ends(),
        *_ambiguous(lifecycle),
        *_shadowed_transitions(lifecycle),
        *_shadowed_timeouts(lifecycle),
        *_forbidden(lifecycle),
        *graph.previous(),
    ]


@final
class _Graph:
    """Which stage leads to which, whatever the conditions."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle
        self.names = [stage.name for stage in lifecycle.stages]
        self.timed = {timeout.target for timeout in lifecycle.timeouts}
        self.edges = {(timeout.source, timeout.target) for timeout in lifecycle.timeouts}
        self.edges |= {
            (source, target)
            for source in self.names
            for code in range(lifecycle.machine.known)
            for target in lifecycle.machine.targets(self.names.index(source), code)
        }
        self.reached = self._reached()
        self.edges = {(source, target) for source, target in self.edges if source in self.reached}

    def _reached(self) -> set[str]:
        reached, new = set[str](), {self.lifecycle.initial}
        while new:
            reached |= new
            new = {target for source, target in self.edges if source in new and target != PREVIOUS} - reached
        return reached

    def unreachable(self) -> Iterator[Finding]:
        for name in self.names:
            if name not in self.reached:
                yield Finding("unreachable", f"Stage {name!r} is never reached from {self.lifecycle.initial!r}.")

    def dead_ends(self) -> Iterator[Finding]:
        for name in self.names:
            if name in self.reached and all(target == name for source, target in self.edges if source == name):
                yield Finding(
                    "dead_end", f"Stage {name!r} is never left: no touchpoint and no timeout leads out of it."
                )

    def previous(self) -> Iterator[Finding]:
        """Find stages behind @previous that time, not the customer, may have chosen."""
        for stage in self.names:
            if (stage, PREVIOUS) in self.edges:
                before = sorted(self._before(stage) & self.timed)
                if before:
                    yield Finding(
                        "previous",
                        f"'@previous' in stage {stage!r} may lead to {' or '.join(map(repr, before))}, which a timeout "
                        "may have entered.",
                    )

    def _before(self, stage: str) -> set[str]:
        """Return the stages from which a visit to a stage may have come, through @previous among others."""
        before = {
            name: {source for source, target in self.edges if target == name and source != name} for name in self.names
        }
        # From X, @previous leads to the stages before X: X is before each of them.
        back = [source for source, target in self.edges if target == PREVIOUS]
        while added := [(name, x) for x in back for name in before[x] if x not in before[name] | {name}]:
            for name, source in added:
                before[name].add(source)
        return before[stage]


def _ambiguous(lifecycle: Lifecycle) -> Iterator[Finding]:
    for first, second in combinations(lifecycle.transitions, 2):
        if (
            (first.source, first.kind) == (second.source, second.kind)
            and first.when is not None
            and second.when is not None
            and (first.target, first.reenter) != (second.target, second.reenter)
            and not _exclusive(first.when, second.when)
            and not _implied(first.when, second.when)
        ):
            yield Finding(
                "ambiguous", f"Both {first} and {second} may hold for one touchpoint; the first declared is taken."
            )


def _shadowed_transitions(lifecycle: Lifecycle) -> Iterator[Finding]:
    unconditional: dict[tuple[str, str], Transition] = {}
    guarded: dict[tuple[str, str], list[Transition]] = {}
    for transition in lifecycle.transitions:
        key = (transition.source, transition.kind)
        if key in unconditional:
            yield Finding("shadowed", f"{transition} is never taken: {unconditional[key]} always comes first.")
        elif transition.when is None:
            unconditional[key] = transition
        elif earlier := next((other for other in guarded.get(key, ()) if _implied(other.when, transition.when)), None):
            yield Finding("shadowed", f"{transition} is never taken: wherever it could be, {earlier} comes first.")
        else:
            guarded.setdefault(key, []).append(transition)
    for transition in lifecycle.transitions:
        specific = [(stage.name, transition.kind) in unconditional for stage in lifecycle.stages]
        if transition.source == ANY and all(specific):
            yield Finding("shadowed", f"{transition} is never taken: every stage has a transition of its own for it.")


def _shadowed_timeouts(lifecycle: Lifecycle) -> Iterator[Finding]:
    for late, early in beaten(lifecycle):
        yield Finding("shadowed", f"{late} never fires: {early} always comes first.")


def _forbidden(lifecycle: Lifecycle) -> Iterator[Finding]:
    if lifecycle.backward == "allow":
        return
    ranks = {stage.name: stage.rank for stage in lifecycle.stages}
    for transition in lifecycle.transitions:
        here, there = ranks.get(transition.source), ranks.get(transition.target)
        if here is not None and there is not None and there < here:
            yield Finding(
                "forbidden", f"{transition} is never allowed: it leads to a lower rank, and backward='forbid'."
            )


def _exclusive(first: Guard, second: Guard) -> bool:
    """Whether two conditions can be seen never to hold together."""
    if isinstance(first, All):
        return _exclusive(first.first, second) or _exclusive(first.second, second)
    if isinstance(second, All):
        return _exclusive(first, second.first) or _exclusive(first, second.second)
    if isinstance(first, Not) or isinstance(second, Not):
        return first == Not(second) or second == Not(first)
    if not (isinstance(first, Comparison) and isinstance(second, Comparison)):
        return False
    if (first.register, first.kind) != (second.register, second.kind):
        return False
    return _apart(first, second) or _apart(second, first)


def _implied(guard: Guard | None, by: Guard | None) -> bool:
    """Whether a condition can be seen to hold wherever another one does."""
    if guard == by:
        return True
    if isinstance(guard, All):
        return _implied(guard.first, by) and _implied(guard.second, by)
    if isinstance(by, Either):
        return _implied(guard, by.first) and _implied(guard, by.second)
    return (
        (isinstance(by, All) and (_implied(guard, by.first) or _implied(guard, by.second)))
        or (isinstance(guard, Either) and (_implied(guard.first, by) or _implied(guard.second, by)))
        or (isinstance(guard, Not) and by is not None and _exclusive(guard.guard, by))
        # Where the register is missing `by` does not hold; elsewhere the opposite of a comparison is one, too.
        or (isinstance(guard, Comparison) and isinstance(by, Comparison) and _exclusive(_opposite(guard), by))
    )


def _opposite(comparison: Comparison) -> Comparison:
    return evolve(comparison, operator=_OPPOSITE[comparison.operator])


def _apart(first: Comparison, second: Comparison) -> bool:
    """Whether the first allows only values that the second does not: others, or lower ones."""
    if first.operator == "==" and second.operator in {"==", "!="}:
        return (first.value == second.value) == (second.operator == "!=")
    if isinstance(first.value, str) or isinstance(second.value, str):
        return False
    if first.operator in {"<", "<=", "=="} and second.operator in {">", ">=", "=="}:
        open_end = first.operator == "<" or second.operator == ">"
        return first.value < second.value or (open_end and first.value == second.value)
    return False
