"""A log kept as bits a customer, so that tables are brought up to date with new events alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import evolve, field, frozen

from clm.data import dropped_field, parse_start, parse_through, refuse_late_start
from clm.errors import InvalidDataError
from clm.retention._activity import Activity
from clm.retention._count import Entered, Scope, runs_by_period, table_of_activity, table_of_runs
from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.retention._definition import RetentionDefinition
    from clm.retention._table import RetentionTable
    from clm.typing import Array, BoolArray


@final
@frozen(kw_only=True, repr=False)
class ActivityLog:
    """In which periods each customer had start events and return events. Made by `activity_log`.

    Attributes
    ----------
    definition : RetentionDefinition
        By the calendar, with a minimum of 1.
    customer : (n,) ndarray
        Ids, ascending.
    first : int
        Number of the first period.
    activity : Activity
        One bit a period, customer by customer.
    through : datetime64[us]
        Last instant observed, UTC.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    """

    definition: RetentionDefinition
    customer: Array = array_field(converter=frozen_array)
    first: int = field()
    activity: Activity
    through: np.datetime64
    dropped: Mapping[str, int] = dropped_field()

    __setstate__ = seal

    def merged(self, other: ActivityLog) -> ActivityLog:
        """Return both logs as one: what the events of both together would give.

        Parameters
        ----------
        other
            Of later events, say, by the same definition. Where the same events are in both, they count once.

        Returns
        -------
        ActivityLog
            Through the later of both ends.

        Raises
        ------
        InvalidDataError
            If the definitions differ, or ids are text in one and numbers in the other.
        """
        unlike = "only logs by the same definition can be merged. Build both with one."
        if not isinstance(other, ActivityLog):
            raise InvalidDataError(unlike)
        if other.definition != self.definition:
            raise InvalidDataError(unlike)
        text = [log.customer.dtype.kind in "OU" for log in (self, other) if len(log.customer)]
        if len(set(text)) > 1:
            raise InvalidDataError("customer ids are text in one log and numbers in the other. Read them alike.")
        customer, place = np.unique(_joined(self.customer, other.customer), return_inverse=True)
        first = min(self.first, other.first)
        through = max(self.through, other.through)
        periods = max(log.first + log.activity.periods for log in (self, other)) - first
        starts, returns = np.zeros((2, periods, len(customer)), bool)
        for log, where in ((self, place[: len(self.customer)]), (other, place[len(self.customer) :])):
            shift = log.first - first
            begin = 0
            for some_starts, some_returns in log.activity.blocks():
                rows = where[begin : begin + some_starts.shape[1]]
                begin += some_starts.shape[1]
                starts[shift : shift + len(some_starts), rows] |= some_starts
                returns[shift : shift + len(some_returns), rows] |= some_returns
        dropped = {
            reason: self.dropped.get(reason, 0) + other.dropped.get(reason, 0)
            for reason in {**self.dropped, **other.dropped}
        }
        return evolve(
            self,
            customer=customer,
            first=first,
            activity=Activity.packed(starts, returns),
            through=through,
            dropped=dropped,
        )

    def table(self, *, start: Any = None, through: Any = None) -> RetentionTable:
        """Return the retention table, as `retention_table` would from all events.

        Parameters
        ----------
        start
            Date on which a period starts, from which on customers enter; by default from the first entry.
        through
            Instant up to which the log is complete; by default the last event's, or the one that was given.

        Returns
        -------
        RetentionTable

        Raises
        ------
        InvalidDataError
            If nobody enters, `start` is not the start of a period or lies after the end, or `through` lies before
            the last event.
        """
        calendar = self.definition.calendar
        last = int(self.through.astype(np.int64))
        starts, returns = (np.concatenate(halves, axis=1) for halves in zip(*self.activity.blocks(), strict=True))
        dropped = dict(self.dropped)
        if start is None:
            entered = np.flatnonzero(starts.any(axis=1))
            if not len(entered):
                raise InvalidDataError("the log holds no start event. Check start_kind.")
            first = self.first + int(entered[0])
        else:
            instant = parse_start(start, calendar.zone)
            first = int(calendar.index(np.array([instant]))[0])
            if int(calendar.start(np.array([first]))[0]) != instant:
                raise InvalidDataError(
                    f"start={start!r} lies within a {self.definition.period}, and bits hold no instants. Give the date "
                    f"on which the {self.definition.period} starts, or call retention_table."
                )
        if through is not None:
            last = max(last, self._later(through))
        refuse_late_start(int(calendar.start(np.array([first]))[0]), last, calendar.zone)
        scope = Scope(definition=self.definition, first=first, through=last, dropped=dropped, left_edge=0)
        cohorts = len(scope.cohorts())
        if self.definition.entry == "recurring":
            window = [_window(flags, first - self.first, cohorts) for flags in (starts, returns)]
            inside = window[0].any(axis=0)
            scope = evolve(scope, left_edge=int(starts[0].sum()) if first == self.first else 0)
            return table_of_activity(Activity.packed(*(flags[:, inside] for flags in window)), scope)
        came = starts.any(axis=0)
        entry = np.where(came, starts.argmax(axis=0) + self.first, -1)
        counted = came & (entry >= first)
        early = int((came & ~counted).sum())
        if early:
            dropped["customers who entered before start"] = early
        period = entry[counted]
        customer, active = np.nonzero(returns[:, counted].T)
        age = active + self.first - period[customer]
        later = age >= 1
        members = Entered(period=period, at=None, customer=customer[later], age=age[later])
        scope = evolve(scope, dropped=dropped, left_edge=int((period == self.first).sum()))
        return table_of_runs(runs_by_period(members, self.definition, cohorts), scope)

    def _later(self, through: Any) -> int:
        last = parse_through(through, self.definition.calendar.zone)
        if last < int(self.through.astype(np.int64)):
            raise InvalidDataError(f"through={through!r} lies before events that are in the log. Give a later one.")
        return last

    def __len__(self) -> int:
        return len(self.customer)

    def __repr__(self) -> str:
        return f"<ActivityLog: {len(self):,} customers, {self.activity.periods:,} periods by {self.definition.period}>"


def _joined(ids: Array, others: Array) -> Array:
    """Return ids of both; whole numbers that no type holds together are refused, not rounded.

    Raises
    ------
    InvalidDataError
        If some are negative and others beyond the largest signed number.
    """
    if np.result_type(ids, others).kind == "f" and len(ids) and len(others):
        if min(int(ids.min()), int(others.min())) < 0:
            raise InvalidDataError(
                "customer ids are below 0 in one log and beyond 2**63 in the other. Read them alike."
            )
        return np.concatenate([ids.astype(np.uint64), others.astype(np.uint64)])
    return np.concatenate([ids, others])


def _window(flags: BoolArray, begin: int, periods: int) -> BoolArray:
    """Return so many periods from one on; those that the log does not hold are empty."""
    found = np.zeros((periods, flags.shape[1]), bool)
    low, high = max(begin, 0), min(begin + periods, len(flags))
    if low < high:
        found[low - begin : high - begin] = flags[low:high]
    return found
