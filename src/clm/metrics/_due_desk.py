"""Judge the candidates of one rule after the other: who may be sent what, and the words for it."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen

from clm.core._duration import written
from clm.data import MISSING
from clm.metrics._due_candidates import Candidates, candidates
from clm.metrics._due_list import STATUSES
from clm.metrics._histories import NEVER
from clm.metrics._rules import in_microseconds

if TYPE_CHECKING:
    from clm.metrics._due_candidates import Facts
    from clm.metrics._due_caps import Budget
    from clm.metrics._due_sent import Sent
    from clm.metrics._rules import Rule
    from clm.typing import BoolArray, IntArray

_CODE: Final = {status: code for code, status in enumerate(STATUSES)}


@final
@frozen(kw_only=True, eq=False)
class Rows:
    """What is said of each candidate of one rule."""

    found: Candidates
    status: IntArray
    next_at: IntArray
    held_out: BoolArray
    because: IntArray
    since: IntArray


@final
@frozen(kw_only=True, eq=False)
class Desk:
    """Where rules are judged one after the other: what was sent, what may be sent, and the words for it."""

    facts: Facts
    sent: Sent
    quiet_until: IntArray
    budgets: list[Budget]
    salt: str
    words: dict[tuple[str, str], int] = field(init=False, factory=dict)

    def judged(self, rule: Rule) -> Rows:
        """Give each candidate of a rule his status, and count what is due."""
        found = candidates(rule, self.facts)
        size = len(found.whose)
        rows = Rows(
            found=found,
            status=np.full(size, -1, np.int8),
            next_at=np.full(size, MISSING),
            held_out=self._held_out(rule, found.whose),
            because=np.zeros(size, np.int64),
            since=np.full(size, MISSING),
        )
        self._ended(rule, rows)
        waiting = found.due > self.facts.through
        self._say(rows, waiting, "waiting", "due on ", since=found.due, next_at=found.due)
        self._blocked(rule, rows)
        if rule.consent is not None:
            agreed = self.facts.known.agreed(rule.consent, self.facts.through)[found.whose]
            self._say(rows, ~agreed, "no_consent", f"no consent in {rule.consent}")
        self._say(rows, rows.held_out, "holdout", f"held out, as {rule.holdout:.4g} of all are")
        quiet = self.quiet_until[found.whose]
        self._say(rows, quiet > self.facts.through, "quiet", "quiet hours until ", since=quiet, next_at=quiet)
        self._capped(rule, rows)
        remaining = rows.status < 0
        self._say(rows, remaining, "due", "due since ", since=found.due)
        for budget in self.budgets:
            if budget.concerns(rule):
                budget.spend(found.whose[remaining])
        return rows

    def _say(
        self,
        rows: Rows,
        where: BoolArray,
        status: str,
        before: str,
        after: str = "",
        *,
        since: IntArray | None = None,
        next_at: IntArray | None = None,
    ) -> None:
        """Give a status, and words with an instant in them, where no status is given yet."""
        free = where & (rows.status < 0)
        rows.status[free] = _CODE[status]
        rows.because[free] = self.words.setdefault((before, after), len(self.words))
        if since is not None:
            rows.since[free] = since[free]
        if next_at is not None:
            rows.next_at[free] = next_at[free]

    def _ended(self, rule: Rule, rows: Rows) -> None:
        found, events = rows.found, self.facts.events
        goal, goal_kind = events.first_after(events.places_of_any(rule.goal), found.whose, found.after)
        exit_, exit_kind = events.first_after(events.places_of_any(rule.exit), found.whose, found.after)
        expired = np.where(found.expires < self.facts.through, found.expires, NEVER)
        out = np.minimum(exit_, found.left)
        converted = (goal < NEVER) & (goal <= np.minimum(out, expired))
        for code in np.unique(goal_kind[converted]).tolist():
            which = converted & (goal_kind == code)
            self._say(rows, which, "converted", f"{events.kinds[code]} on ", since=goal)
        exited = (out < NEVER) & (out <= expired)
        by_event = exited & (exit_ <= found.left)
        for code in np.unique(exit_kind[by_event & ~converted]).tolist():
            which = by_event & (exit_kind == code)
            self._say(rows, which, "exited", f"{events.kinds[code]} on ", since=exit_)
        stage = getattr(rule.trigger, "stage", None)
        self._say(rows, exited, "exited", f"left {stage} on ", since=found.left)
        self._say(rows, expired < NEVER, "expired", "expired on ", since=expired)

    def _blocked(self, rule: Rule, rows: Rows) -> None:
        last = self.sent.last(rule.name)[rows.found.whose]
        self._say(rows, last >= rows.found.due, "blocked_reentry", "sent on ", since=last)
        before = last != MISSING
        if rule.reentry == "never":
            self._say(rows, before, "blocked_reentry", "sent before, on ", ", and never again", since=last)
        elif rule.reentry != "always":
            again = np.where(before, last, 0) + in_microseconds(rule.reentry)
            soon = before & (again > self.facts.through)
            after = f", less than {written(rule.reentry)} ago"
            self._say(rows, soon, "blocked_reentry", "sent before, on ", after, since=last, next_at=again)

    def _capped(self, rule: Rule, rows: Rows) -> None:
        open_ = rows.status < 0
        free = np.full(len(open_), MISSING)
        reached: list[tuple[Budget, BoolArray, IntArray]] = []
        for budget in self.budgets:
            if budget.concerns(rule):
                spent = open_ & budget.spent(rows.found.whose)
                until = np.full(len(open_), MISSING)
                until[spent] = budget.free_at(rows.found.whose[spent], self.facts)
                free = np.maximum(free, until)
                reached.append((budget, spent, until))
        # Of several caps the one that lasts longest is the reason.
        for budget, spent, until in reached:
            which = spent & (until == free)
            forever = which & (until == NEVER)
            self._say(rows, forever, "capped", f"the cap of {budget.cap.words} allows none")
            words = f"the cap of {budget.cap.words} is reached until "
            self._say(rows, which, "capped", words, since=until, next_at=until)

    def _held_out(self, rule: Rule, whose: IntArray) -> BoolArray:
        if not rule.holdout:
            return np.zeros(len(whose), bool)
        ids = self.facts.events.customer[whose].tolist()
        start = blake2b(f"{self.salt}\0{rule.name}\0".encode(), digest_size=8)
        digests = b"".join([_digest(start, str(one).encode()) for one in ids])
        # 53 bits are what a float holds exactly.
        shares = (np.frombuffer(digests, ">u8").astype(np.uint64) >> np.uint64(11)) / 2.0**53
        return np.asarray(shares < rule.holdout)


def _digest(start: blake2b, name: bytes) -> bytes:
    hashed = start.copy()
    hashed.update(name)
    return hashed.digest()
