"""Retention counted in the database: only cells, or entries and ages, come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals.stable.v2 as nw
import numpy as np

from clm.data import DAY, HOUR
from clm.frames._kept import kept_plan
from clm.frames._members import first_cohort, on_own_clocks
from clm.frames._plan import AT, ID, PERIOD, integer_sum, steps
from clm.frames._presence import collected_ids, first_instant, places, whole, with_flags
from clm.frames._source import collect
from clm.retention import Runs, Scope, own_length, table_of_runs

if TYPE_CHECKING:
    from clm.frames._members import Members
    from clm.frames._plan import Plan
    from clm.retention import RetentionDefinition, RetentionTable

_LIFT: Final = 2000 * 366 * DAY  # more than any instant lies before 1970; a whole number of hours


def table_lazily(log: Plan, definition: RetentionDefinition, start: int | None, through: int | None) -> RetentionTable:
    """Count first-time retention by the calendar where the data are.

    Parameters
    ----------
    log
        The events.
    definition
        With ``entry="first"``, ``clock="calendar"`` and no brackets.
    start, through
        Instants from which customers enter, and up to which events count.

    Raises
    ------
    InvalidDataError
        If no row is left, nobody enters, or there are too many cohorts.
    """
    log, dropped, facts = kept_plan(log, {"begins": first_instant()}, start=None, through=through)
    through = int(facts["last"]) if through is None else through
    flagged = with_flags(log.frame, definition.start_kind, definition.return_kind)
    frame = log.with_period(flagged, definition.calendar)
    entered = nw.when(nw.col("starts") > 0).then(nw.col(AT)).otherwise(None)
    pairs = (
        frame.with_columns(entered_at=entered)
        .group_by(ID, PERIOD)
        .agg(starts=integer_sum("starts"), returns=integer_sum("returns"), entered_at=nw.col("entered_at").min())
    )
    entries = (
        pairs.filter(nw.col("starts") > 0)
        .group_by(ID)
        .agg(entry=nw.col(PERIOD).min(), entered_at=nw.col("entered_at").min())
    )
    if start is not None:
        counted = collect(entries.filter(nw.col("entered_at") < start).select(n=nw.len()), log.engine, log.what)
        early = int(counted["n"].to_list()[0])
        dropped |= {"customers who entered before start": early} if early else {}
        entries = entries.filter(nw.col("entered_at") >= start)
    entries = entries.drop("entered_at")
    active = pairs.filter(nw.col("returns") >= definition.minimum).select(ID, PERIOD)
    active = active.join(entries, on=ID, how="inner").with_columns(age=nw.col(PERIOD) - nw.col("entry"))
    ages = _ages(active.filter(nw.col("age") >= 1), definition.rule)
    sizes = collect(entries.group_by("entry").agg(n=nw.len().cast(nw.Int64())), log.engine, log.what)
    returns = collect(ages.group_by("entry", "age").agg(n=nw.len().cast(nw.Int64())), log.engine, log.what)
    periods, customers = whole(sizes, "entry"), whole(sizes, "n")
    first = first_cohort(periods, definition, start, through)
    begins = int(definition.calendar.index(np.array([int(facts["begins"])]))[0])
    scope = Scope(
        definition=definition,
        first=first,
        through=through,
        dropped=dropped,
        left_edge=int(customers[periods == begins].sum()),
    )
    cohort, age, counts = (whole(returns, name) for name in ("entry", "age", "n"))
    # Customers count at that age, from it on, or up to it.
    last = np.full_like(age, np.iinfo(np.int64).max) if definition.rule == "any" else age
    since = np.ones_like(age) if definition.rule in {"on_or_after", "every"} else age
    return table_of_runs(Runs(cohort, since, last, counts, periods, customers), scope)


def _ages(active: Any, rule: str) -> Any:
    """Return one row for each age that a rule counts."""
    if rule == "on":
        return active
    if rule == "every":
        rank = nw.col("age").cum_count().over(ID, order_by="age")
        active = active.with_columns(rank=rank).filter(nw.col("age") == nw.col("rank"))
    furthest = nw.col("age").min() if rule == "any" else nw.col("age").max()
    return active.group_by(ID, "entry").agg(age=furthest)


def own_clocks_lazily(log: Plan, definition: RetentionDefinition, start: int | None, through: int | None) -> Members:
    """Let the engine find entries, and ages with enough return events; as `by_own_clock`.

    Raises
    ------
    InvalidDataError
        If no row is left, or nobody enters.
    """
    log, dropped, facts = kept_plan(log, {"begins": first_instant()}, start=None, through=through)
    since = start if definition.entry == "recurring" else None
    frame = with_flags(log.frame, definition.start_kind, definition.return_kind, since)
    entries = frame.filter(nw.col("starts") > 0).group_by(ID).agg(entered_at=nw.col(AT).min())
    clock = nw.col("entered_at")
    entries = entries.with_columns(clock=clock + _LIFT)
    if definition.full_hours:
        # Minutes by which the local clock is off full hours of UTC.
        changes, offsets = log.offsets
        entries = entries.with_columns(minutes=steps(clock, changes, offsets % HOUR))
        entries = entries.with_columns(clock=nw.col("clock") + nw.col("minutes"))
        entries = entries.with_columns(clock=nw.col("clock") // HOUR)
        entries = entries.with_columns(clock=nw.col("clock") * HOUR - nw.col("minutes")).drop("minutes")
    back = frame.filter(nw.col("returns") > 0).select(ID, AT).join(entries, on=ID, how="inner")
    back = back.filter(nw.col(AT) >= nw.col("entered_at")).with_columns(age=nw.col(AT) + _LIFT - nw.col("clock"))
    back = back.with_columns(age=nw.col("age") // own_length(definition)).filter(nw.col("age") >= 1)
    ages = back.group_by(ID, "age").agg(n=nw.len().cast(nw.Int64())).filter(nw.col("n") >= definition.minimum)
    found = collect(entries.select(ID, "entered_at"), log.engine, log.what)
    returned = collect(ages.select(ID, "age"), log.engine, log.what)
    ids = collected_ids(nw.concat([found.select(ID), returned.select(ID)]), log)
    keys, place = places(ids.keys, ids.size)
    entered_at = np.empty(len(keys), np.int64)
    entered_at[place[: len(found)]] = whole(found, "entered_at")
    customer, age = place[len(found) :], whole(returned, "age")
    order = np.lexsort((age, customer))
    return on_own_clocks(
        definition,
        start,
        entered_at=entered_at,
        back=customer[order],
        age=age[order],
        keys=keys,
        ids=ids,
        through=int(facts["last"]) if through is None else through,
        log_first=int(definition.calendar.index(np.array([int(facts["begins"])]))[0]),
        dropped=dropped,
    )
