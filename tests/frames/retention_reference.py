"""The rules for retention tables as plain Python, customer by customer: slow, and hard to get wrong."""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

from tests.frames.reference import instant, period

OWN_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 30 * 24, "quarter": 90 * 24, "year": 365 * 24}
TICK = timedelta(microseconds=1)


class Reference:
    """One log of (id, naive time, kind), read by one definition."""

    def __init__(self, rows, definition, *, through, start=None):
        self.definition, self.through, self.start = definition, through, start
        self.step = timedelta(hours=OWN_HOURS[definition.period])
        self.own = definition.clock == "own"
        self.starts, self.returns = defaultdict(list), defaultdict(list)
        for customer, wall, kind in rows:
            at = instant(wall, definition.tz)
            if at <= through and definition.start_kind in {None, kind}:
                self.starts[customer].append(at)
            if at <= through and definition.return_kind in {None, kind}:
                self.returns[customer].append(at)
        self.entries = self.found_entries()
        self.first = self.number(min(at for _, at in self.entries) if start is None else start)
        self.cohorts = self.number(through) - self.first + 1
        self.columns = self.found_columns()

    def number(self, at):
        return period(at, self.definition.period, self.definition.tz, self.definition.week_start)

    def clock(self, at):
        return at.replace(minute=0, second=0, microsecond=0) if self.definition.full_hours else at

    def found_entries(self):
        """Customers with the instant of each entry."""
        again, found = self.definition.entry == "recurring", []
        for customer, times in self.starts.items():
            known = [at for at in times if not again or self.start is None or at >= self.start]
            if again and not self.own:
                periods = {self.number(at) for at in known}
                found += [(customer, min(at for at in known if self.number(at) == number)) for number in periods]
            elif known and (self.start is None or min(known) >= self.start):
                found.append((customer, min(known)))
        return found

    def found_columns(self):
        """First and last age of each column."""
        if self.definition.brackets is not None:
            ends = [0]
            for length in self.definition.brackets:
                ends.append(ends[-1] + length)
            return [(0, 0), *((low + 1, high) for low, high in pairwise(ends))]
        if not self.own:
            return [(age, age) for age in range(self.cohorts)]
        begun = [-((self.clock(at) - self.through - TICK) // self.step) for _, at in self.entries]
        return [(age, age) for age in range(max(begun, default=1))]

    def status(self, row, last):
        """Complete, in progress or unobserved; None where nobody's own clock runs."""
        if not self.own:
            to_go = self.cohorts - 1 - row - last
            ended = self.number(self.through + TICK) > self.number(self.through)
            return "unobserved" if to_go < 0 else "complete" if to_go > 0 or ended else "in_progress"
        clocks = [self.clock(at) for _, at in self.entries if self.number(at) == self.first + row]
        if not clocks:
            return None
        if all(began + (last + 1) * self.step <= self.through + TICK for began in clocks):
            return "complete"
        return "in_progress" if any(began + last * self.step <= self.through for began in clocks) else "unobserved"

    def ages(self, customer, at):
        """Ages from 1 on with enough return events."""
        if self.own:
            ages = [(back - self.clock(at)) // self.step for back in self.returns[customer] if back >= at]
        else:
            ages = [self.number(back) - self.number(at) for back in self.returns[customer]]
        return {age for age in ages if age >= 1 and ages.count(age) >= self.definition.minimum}

    def counts(self, customer, at, column):
        """Whether an entry counts in a column."""
        low, high = self.columns[column]
        if column == 0:
            return True
        if self.own and self.clock(at) + (high + 1) * self.step > self.through + TICK:
            return False
        ages = self.ages(customer, at)
        hit = [any(first <= age <= last for age in ages) for first, last in self.columns[1 : column + 1]]
        return {
            "on": hit[-1],
            "on_or_after": any(age >= low for age in ages),
            "every": all(hit),
            "any": any(hit),
        }[self.definition.rule]

    def cell(self, row, column):
        """How many count, -1 where unobserved."""
        if column and self.status(row, self.columns[column][1]) == "unobserved":
            return -1
        entries = [entry for entry in self.entries if self.number(entry[1]) == self.first + row]
        return sum(self.counts(*entry, column) for entry in entries)
