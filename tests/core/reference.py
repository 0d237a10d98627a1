"""The rules of the lifecycle machine once more, as slowly and plainly as they can be written.

The machine is held to it. Nothing is carried from step to step but the visits and the touchpoints so far; conditions
are read from their written form.
"""

from __future__ import annotations

import operator

SIGNS = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def holds(guard, seen):
    """Whether a written condition holds for the last touchpoint seen."""
    if "all" in guard:
        return all(holds(part, seen) for part in guard["all"])
    if "any" in guard:
        return any(holds(part, seen) for part in guard["any"])
    if "not" in guard:
        return not holds(guard["not"], seen)
    if "count" in guard:
        value = len([touchpoint for touchpoint in seen if touchpoint.kind == guard["count"]])
    elif "total" in guard:
        value = 0.0
        for touchpoint in seen:
            if touchpoint.kind == guard["total"] and touchpoint.amount is not None:
                value += touchpoint.amount
    else:
        value = getattr(seen[-1], guard["of"])
    return value is not None and SIGNS[guard["is"]](value, guard["value"])


def guard_kinds(guard):
    """Kinds that a written condition counts or adds up."""
    if guard is None:
        return set()
    parts = [*guard.get("all", ()), *guard.get("any", ())] + ([guard["not"]] if "not" in guard else [])
    named = {guard[register] for register in ("count", "total") if register in guard}
    return named.union(*(guard_kinds(part) for part in parts))


class Reference:
    """One customer; feed it, then read `visits`: [stage, entered, cause, ref]."""

    def __init__(self, lifecycle, customer):
        self.table = lifecycle.to_dict()
        self.lifecycle = lifecycle
        self.customer = customer
        self.known = {entry["kind"] for entry in self.table["transitions"]} | set(self.table["kinds"])
        self.known |= {kind for timeout in lifecycle.timeouts for kind in timeout.of or ()}
        self.counted = set().union(*(guard_kinds(entry.get("when")) for entry in self.table["transitions"]))
        self.ranks = {stage["name"]: stage["rank"] for stage in self.table["stages"]}
        self.visits = []
        self.seen = []
        self.illegal = []

    @property
    def stage(self):
        return self.visits[-1][0]

    @property
    def previous(self):
        return self.visits[-2][0] if len(self.visits) > 1 else self.table["initial"]

    def deadline(self, timeout):
        _, entered, cause, _ = self.visits[-1]
        if timeout.after is not None:
            return entered + timeout.after
        if timeout.attribute is not None:
            at = None if self.customer is None else self.customer.attributes.get(timeout.attribute)
            return None if at is None or (at < entered and len(self.visits) > 1) else at
        of = self.known if timeout.of is None else timeout.of
        base = max((touchpoint.at for touchpoint in self.seen if touchpoint.kind in of), default=self.visits[0][1])
        if timeout.of is not None and cause != "timeout":
            base = max(base, entered)
        return base + timeout.idle

    def fire(self, until):
        while self.visits:
            due = [
                (self.deadline(timeout), number, timeout.target)
                for number, timeout in enumerate(self.lifecycle.timeouts)
                if timeout.source == self.stage and self.deadline(timeout) is not None
            ]
            due = sorted(entry for entry in due if entry[0] <= until)
            if not due:
                return
            at, _, target = due[0]
            self.visits.append([target, max(at, self.visits[-1][1]), "timeout", None])

    def open(self, at, cause, ref):
        acquired = None if self.customer is None else self.customer.acquired_at
        if not self.visits:
            early = acquired is not None and acquired < at
            first = [acquired, "acquired", None] if early else [at, cause, ref]
            self.visits.append([self.table["initial"], *first])

    def choose(self, touchpoint):
        entries = self.table["transitions"]
        for entry in [e for e in entries if e["source"] == self.stage] + [e for e in entries if e["source"] == "*"]:
            if entry["kind"] != touchpoint.kind or ("when" in entry and not holds(entry["when"], self.seen)):
                continue
            target = self.previous if entry["target"] == "@previous" else entry["target"]
            here, there = self.ranks[self.stage], self.ranks[target]
            if self.table["backward"] == "forbid" and None not in {here, there} and there < here:
                return None
            return target, target != self.stage or entry.get("reenter", False)
        return None

    def apply(self, touchpoint):
        if touchpoint.kind not in self.known:
            if touchpoint.kind in self.counted:
                self.seen.append(touchpoint)
            return
        self.open(touchpoint.at, touchpoint.kind, touchpoint.ref)
        self.fire(touchpoint.at)
        self.seen.append(touchpoint)
        chosen = self.choose(touchpoint)
        if chosen is None:
            self.illegal.append(touchpoint)
        elif chosen[1]:
            self.visits.append([chosen[0], touchpoint.at, touchpoint.kind, touchpoint.ref])


def reference(lifecycle, touchpoints, through, customer=None):
    """Return visits as (stage, entered_at, exited_at, cause, ref), and the touchpoints that were not allowed."""
    machine = Reference(lifecycle, customer)
    for touchpoint in sorted(touchpoints, key=lambda touchpoint: touchpoint.at):
        if touchpoint.at <= through:
            machine.apply(touchpoint)
    if customer is not None and customer.acquired_at is not None and customer.acquired_at <= through:
        machine.open(customer.acquired_at, "acquired", None)
    machine.fire(through)
    ends = [visit[1] for visit in machine.visits[1:]] + [None]
    return [(v[0], v[1], end, v[2], v[3]) for v, end in zip(machine.visits, ends, strict=False)], machine.illegal
