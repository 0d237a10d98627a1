"""Replay touchpoint logs of any dataframe through a lifecycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import evolve, frozen

from clm.core import MAX_VISITS, Lifecycle, check_max_visits, check_policy
from clm.data import MISSING, Zone, parse_through
from clm.errors import InvalidDataError, nearest
from clm.frames._epoch import instants
from clm.frames._ids import identify
from clm.frames._source import Source, open_table, values_of
from clm.frames._texts import coded_text
from clm.journeys import Coded, StageLog, replay_arrays
from clm.stats import where

if TYPE_CHECKING:
    from clm.core import Machine, Policy
    from clm.frames._ids import Ids
    from clm.frames._source import Table
    from clm.typing import Array, IntArray

ACQUIRED_AT: Final = "acquired_at"


def replay(
    events: Any,
    lifecycle: Lifecycle,
    *,
    through: Any = None,
    customer: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    amount: str | None = None,
    score: str | None = None,
    channel: str | None = None,
    ref: str | None = None,
    customers: Any = None,
    order: str | None = None,
    unknown: Policy = "ignore",
    illegal: Policy = "ignore",
    max_visits: int = MAX_VISITS,
    tz: Any = "UTC",
) -> StageLog:
    """Replay a log of touchpoints: which stages of a lifecycle did every customer pass through, and when.

    Parameters
    ----------
    events
        One row a touchpoint: any dataframe, or a `Source`.
    lifecycle
        The lifecycle.
    through
        Last moment up to which the log is complete, included; a bare date means the end of that day. Default: the last
        row's instant, of whatever kind.
    customer, at, kind
        Names of the columns with the customer, the time and the kind of touchpoint.
    amount, score, channel
        Names of the columns that conditions of the lifecycle look at. Others are not read.
    ref
        Name of the column with the touchpoint's own id, which visits carry.
    customers
        One row a customer, any dataframe with the same column of ids; ``acquired_at`` and the attributes that timeouts
        name are read from it. Without it there are none, and timeouts on attributes never fire.
    order
        Name of the column that orders touchpoints of one customer and instant. Without it their rows do; in lazy
        frames, whose rows have no order, the kind and then `ref`.
    unknown
        What to do with kinds that the lifecycle does not know: ``"ignore"``, ``"raise"`` or ``"record"``.
    illegal
        What to do with touchpoints that are not allowed in their stage, in the same way. Ignored ones still count and
        restart clocks of silence.
    max_visits
        More visits of one customer raise: timeouts may lead round in a circle.
    tz
        The zone in which naive times are read and calendar periods are cut.

    Returns
    -------
    StageLog
        Visits, and the stages at a moment, over time and as a funnel. `dropped` counts the rows without a customer, a
        time or a kind, after `through`, and of unknown kinds.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, customers repeat, options do not fit, or no row has a kind that the
        lifecycle knows and unknown ones are to be ignored.
    TransitionError
        If a touchpoint is not allowed and ``illegal="raise"``; the first such row is named.

    Examples
    --------
    >>> events = {
    ...     "customer_id": ["ann", "ann", "bob"],
    ...     "at": ["2025-01-03", "2025-01-20", "2025-03-05"],
    ...     "kind": ["order", "order", "visit"],
    ... }
    >>> log = clm.replay(events, clm.lifecycles.five_stage(), through="2025-12-31")
    >>> log.visits["stage"].tolist()
    ['reach', 'conversion', 'retention', 'at_risk', 'lapsed', 'reach']
    """
    if not isinstance(lifecycle, Lifecycle):
        raise InvalidDataError(f"lifecycle must be a Lifecycle, as clm.lifecycles.five_stage(), not {lifecycle!r}.")
    check_policy(unknown, "unknown")
    check_policy(illegal, "illegal")
    check_max_visits(max_visits)
    machine = lifecycle.machine
    zone = Zone.of(tz)
    until = None if through is None else parse_through(through, zone)
    named = {
        "customer": customer,
        "at": at,
        "kind": kind,
        "amount": amount,
        "score": score,
        "channel": channel,
        "ref": ref,
        "order": order,
    }
    opened = _opened(events, named, machine)
    table = opened.collected()
    read = instants(table.column("at"), table.names["at"], zone)
    roster = None if customers is None else _Roster.of(customers, customer, machine, zone)
    customer_ids = _merged(identify(table).dense(), roster)
    dates = {} if roster is None else {name: roster.spread(name, customer_ids.values) for name in roster.dates}
    return replay_arrays(
        lifecycle,
        customer_ids,
        read.values,
        coded_text(table, "kind"),
        through=until,
        amount=table.column("amount").numbers(table.names["amount"]) if table.has("amount") else None,
        score=table.column("score").numbers(table.names["score"]) if table.has("score") else None,
        channel=coded_text(table, "channel") if table.has("channel") else None,
        ref=values_of(table, "ref") if table.has("ref") else None,
        order=_order_of(table) if table.has("order") else None,
        acquired_at=dates.pop(ACQUIRED_AT, None),
        attributes=dates,
        rows_in_order=not opened.lazy,
        unknown=unknown,
        illegal=illegal,
        max_visits=max_visits,
        tz=zone,
        note=read.note,
    )


def _opened(events: Any, named: dict[str, str | None], machine: Machine) -> Table:
    """Find the columns, and keep those that the lifecycle reads."""
    read = sorted(machine.reads)
    rest = [role for role in ("amount", "score", "channel", "ref", "order") if role not in read]
    table = open_table(events, named, required=("customer", "at", "kind", *read), optional=rest, what="events")
    needed = {"customer", "at", "kind", "ref", "order", *read}
    return evolve(table, names={role: name for role, name in table.names.items() if role in needed})


def _order_of(table: Table) -> Array:
    column = table.column("order")
    if column.missing.any():
        raise InvalidDataError(
            f"column {table.names['order']!r} for order= is missing {where(column.missing)}. Give every row its place."
        )
    return column.values


@final
@frozen(eq=False)
class _Roster:
    """What is known of customers beside their touchpoints.

    Attributes
    ----------
    ids : Ids
        Whose each row is, all different.
    dates : dict of str to (n,) ndarray of int64
        Instants by column, ``MISSING`` where there is none.
    """

    ids: Ids
    dates: dict[str, IntArray]

    @classmethod
    def of(cls, customers: Any, customer: str | None, machine: Machine, zone: Zone) -> _Roster:
        """Read a frame of customers.

        Raises
        ------
        InvalidDataError
            If a column is missing or cannot be read, an id is missing, or customers repeat.
        """
        own = isinstance(customers, Source) and customers.customer is not None
        table = open_table(customers, {"customer": None if own else customer}, required=("customer",), what="customers")
        there = list(table.frame) if table.engine == "mapping" else table.frame.collect_schema().names()
        absent = [name for name in machine.attributes if name not in there]
        if absent:
            raise InvalidDataError(
                f"customers has no column {absent[0]!r}, which a timeout of the lifecycle names. It has "
                f"{', '.join(map(repr, there))}.{nearest(absent[0], there)}"
            )
        names = [name for name in (ACQUIRED_AT, *machine.attributes) if name in there]
        table = evolve(table, names={**table.names, **{name: name for name in names}}).collected()
        ids = identify(table).dense()
        if (ids.keys < 0).any():
            raise InvalidDataError(
                f"customers has no id {where(ids.keys < 0)}. Give every customer an id, or leave those rows out."
            )
        twice = np.ones(len(ids.keys), bool)
        twice[np.unique(ids.keys, return_index=True)[1]] = False
        if twice.any():
            who = ids.labels(ids.keys[twice][:1]).tolist()[0]
            raise InvalidDataError(f"customers repeat {where(twice)}: {who!r}. Give one row a customer.")
        return cls(ids, {name: instants(table.column(name), name, zone).values for name in names})

    def spread(self, name: str, known: Array) -> IntArray:
        """Return a column's instants for all known customers."""
        found = np.full(len(known), MISSING)
        found[np.searchsorted(known, self.ids.labels(self.ids.keys))] = self.dates[name]
        return found


def _merged(ids: Ids, roster: _Roster | None) -> Coded:
    """Return the customer of each row by number among all customers, of the log or the roster, ascending."""
    mine = ids.labels(np.arange(ids.size))
    if roster is None:
        return Coded(_narrow(ids.keys, len(mine)), mine)
    others = roster.ids.labels(roster.ids.keys)
    if mine.size and others.size and (mine.dtype.kind == "U") != (others.dtype.kind == "U"):
        what = ("text", "numbers") if mine.dtype.kind == "U" else ("numbers", "text")
        raise InvalidDataError(
            f"customer ids are {what[0]} in events but {what[1]} in customers. Give both the same type."
        )
    known = np.union1d(mine, others) if mine.size else np.sort(others)
    places = np.searchsorted(known, mine)
    codes = np.where(ids.keys < 0, ids.keys, places[ids.keys]) if mine.size else ids.keys
    return Coded(_narrow(codes, len(known)), known)


def _narrow(codes: IntArray, size: int) -> IntArray:
    return codes.astype(np.int32) if size < np.iinfo(np.int32).max else codes
