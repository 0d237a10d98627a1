"""From an event log to a retention table, counted in memory or in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen

from clm.data import Zone, describe, parse_start, parse_through
from clm.errors import InvalidDataError
from clm.frames._epoch import instants
from clm.frames._histories import run_ends, run_starts, sort_rows
from clm.frames._ids import identify
from clm.frames._kept import kept_plan, kept_rows
from clm.frames._plan import AT, ID, PERIOD, Plan, integer_sum, plan
from clm.frames._source import Table, collect, open_table
from clm.frames._texts import coded_text
from clm.retention import RetentionDefinition, RetentionTable

if TYPE_CHECKING:
    from clm.typing import BoolArray, IntArray


def retention_table(
    events: Any,
    definition: RetentionDefinition | None = None,
    *,
    customer: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    start: Any = None,
    through: Any = None,
) -> RetentionTable:
    """Count who came back, by cohort of entry and age.

    Cells that nobody could observe yet are not zeros: they are marked, and rates are given for complete cells only.

    Parameters
    ----------
    events
        One row an event: any dataframe, or a `Source`.
    definition
        What retained means; by default ``RetentionDefinition()``.
    customer, at, kind
        Names of the columns; by default ``customer_id``, ``at`` and ``kind``. Kinds are needed only where the
        definition names one.
    start
        Date or instant from which customers enter. Earlier events still count as history: who entered before is in no
        cohort. By default cohorts run from the first entry.
    through
        Date or instant to which the log is complete; by default the last row's instant, whose period then counts as
        still running.

    Returns
    -------
    RetentionTable

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, nobody enters, or the definition asks for what cannot be computed yet:
        recurring entry, each customer's own clock, or brackets.

    Examples
    --------
    >>> events = {
    ...     "customer_id": ["ann", "ann", "ann", "bob", "cat", "cat"],
    ...     "at": ["2025-01-05", "2025-02-07", "2025-03-01", "2025-01-31", "2025-02-02", "2025-03-03"],
    ... }
    >>> table = clm.retention_table(events, clm.RetentionDefinition(period="month"), through="2025-03-31")
    >>> table.retained
    array([[ 2,  1,  1],
           [ 1,  1, -1],
           [ 0, -1, -1]])
    >>> table.curve().value
    array([1.        , 0.66666667, 0.5       ])
    """
    definition = RetentionDefinition() if definition is None else definition
    _check_supported(definition)
    zone = Zone.of(definition.tz)
    first = None if start is None else parse_start(start, zone)
    last = None if through is None else parse_through(through, zone)
    if first is not None and last is not None and first > last:
        raise InvalidDataError(f"start={start!r} lies after through={through!r}. Give the earlier one as start.")
    needed = ("kind",) if (definition.start_kind, definition.return_kind) != (None, None) else ()
    named = {"customer": customer, "at": at, "kind": kind}
    optional = () if needed else ("kind",)
    table = open_table(events, named, required=("customer", "at", *needed), optional=optional, what="events")
    canonical = plan(table, zone, texts=needed) if table.lazy else None
    if canonical is None:
        counted = _count_rows(table.collected(), definition, first, last)
    else:
        counted = _count_lazily(canonical, definition, first, last)
    return _laid_out(counted, definition, first)


@final
@frozen(eq=False)
class _Counted:
    """Customers by entry, and by entry and age, as `RetentionTable.from_counts` takes them."""

    sizes: tuple[IntArray, IntArray]
    returns: tuple[IntArray, IntArray, IntArray]
    early: int
    through: int
    dropped: dict[str, int]


def _check_supported(definition: RetentionDefinition) -> None:
    if not isinstance(definition, RetentionDefinition):
        raise InvalidDataError(
            f"definition must be a clm.RetentionDefinition, not {type(definition).__name__}. "
            "Name the columns by keyword: customer=, at=, kind=."
        )
    supported = {"entry": "first", "clock": "calendar", "brackets": None}
    for name, value in supported.items():
        if getattr(definition, name) != value:
            raise InvalidDataError(
                f"retention with {name}={getattr(definition, name)!r} cannot be computed yet. Supported now are "
                "entry='first', clock='calendar' and brackets=None, with every period, rule and minimum."
            )


def _laid_out(counted: _Counted, definition: RetentionDefinition, start: int | None) -> RetentionTable:
    calendar = definition.calendar
    entered = counted.sizes[0]
    if start is None and not len(entered):
        kind = "" if definition.start_kind is None else f" of kind {definition.start_kind!r}"
        raise InvalidDataError(
            f"events hold no start event{kind} through {describe(counted.through, calendar.zone)}. "
            "Check start_kind and through."
        )
    first = int(entered.min()) if start is None else int(calendar.index(np.array([start]))[0])
    dropped = counted.dropped | ({"customers who entered before start": counted.early} if counted.early else {})
    return RetentionTable.from_counts(
        definition=definition,
        first=first,
        through=counted.through,
        sizes=counted.sizes,
        returns=counted.returns,
        dropped=dropped,
    )


def _count_rows(table: Table, definition: RetentionDefinition, start: int | None, through: int | None) -> _Counted:
    ids = identify(table)
    at = instants(table.column("at"), table.names["at"], Zone.of(definition.tz)).values
    kept, dropped = kept_rows(ids, at, start=None, through=through, what=table.what)
    starts = returns = np.ones(len(at), bool)
    if table.has("kind"):
        starts, returns = _flags(table, definition.start_kind), _flags(table, definition.return_kind)
    order, customer, period = sort_rows(ids.keys[kept], definition.calendar.index(at[kept]))
    at, starts, returns = at[kept][order], starts[kept][order], returns[kept][order]
    through = int(at.max()) if through is None else through
    entry_of, entry, entered_at = _entries(customer[starts], period[starts], at[starts])
    early = np.zeros(len(entry), bool) if start is None else entered_at < start
    sizes = np.unique(entry[~early], return_counts=True)
    active, age = _active(customer[returns], period[returns], definition.minimum, entry_of, entry)
    live = ~early[active] & (age >= 1)
    ages = _ages(active[live], age[live], definition.rule)
    return _Counted(sizes, _tally(entry[ages[0]], ages[1]), int(early.sum()), through, dropped)


def _tally(entry: IntArray, age: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return distinct pairs of entry and age, and how often each occurs."""
    if not len(entry):
        return entry, age, age
    width, lowest = int(age.max()) + 1, int(entry.min())
    # One number a pair: sorting pairs as rows takes many times as long.
    pairs, customers = np.unique((entry - lowest) * width + age, return_counts=True)
    return pairs // width + lowest, pairs % width, customers


def _flags(table: Table, kind: str | None) -> BoolArray:
    coded = coded_text(table, "kind")
    if kind is None:
        return np.ones(len(coded.codes), bool)
    return np.isin(coded.codes, np.flatnonzero(coded.values == kind))


def _entries(customer: IntArray, period: IntArray, at: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return each customer's key, period of entry and instant of entry, from sorted start events."""
    starts = run_starts(customer)
    return customer[starts], period[starts], np.minimum.reduceat(at, starts) if len(starts) else at


def _active(
    customer: IntArray, period: IntArray, minimum: int, entry_of: IntArray, entry: IntArray
) -> tuple[IntArray, IntArray]:
    """Return which customer (as a row of the entries) was active at which age, from sorted return events."""
    starts = run_starts(customer, period)
    enough = run_ends(starts, len(customer)) - starts + 1 >= minimum
    customer, period = customer[starts][enough], period[starts][enough]
    row = np.searchsorted(entry_of, customer)
    known = row < len(entry_of)
    known[known] = entry_of[row[known]] == customer[known]
    return row[known], period[known] - entry[row[known]]


def _ages(customer: IntArray, age: IntArray, rule: str) -> tuple[IntArray, IntArray]:
    """Return the rows and ages that a rule counts, from ages that ascend within each customer."""
    if rule == "on":
        return customer, age
    starts = run_starts(customer)
    ends = run_ends(starts, len(customer))
    if rule == "any":
        return customer[starts], age[starts]
    if rule == "on_or_after":
        return customer[ends], age[ends]
    # Every age so far: the n-th age is n as long as none was left out.
    rank = np.arange(len(age)) - np.repeat(starts, ends - starts + 1) + 1
    streak = np.add.reduceat((age == rank).astype(np.int64), starts) if len(starts) else age
    return customer[starts][streak > 0], streak[streak > 0]


def _count_lazily(log: Plan, definition: RetentionDefinition, start: int | None, through: int | None) -> _Counted:
    log, dropped, facts = kept_plan(log, {}, start=None, through=through)
    through = int(facts["last"]) if through is None else through
    flags = {
        "starts": _flag(definition.start_kind),
        "returns": _flag(definition.return_kind),
    }
    frame = log.with_period(log.frame.with_columns(**flags), definition.calendar)
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
    early = 0
    if start is not None:
        counted = collect(entries.filter(nw.col("entered_at") < start).select(n=nw.len()), log.engine, log.what)
        early = int(counted["n"].to_list()[0])
        entries = entries.filter(nw.col("entered_at") >= start)
    entries = entries.drop("entered_at")
    active = pairs.filter(nw.col("returns") >= definition.minimum).select(ID, PERIOD)
    active = active.join(entries, on=ID, how="inner").with_columns(age=nw.col(PERIOD) - nw.col("entry"))
    ages = _lazy_ages(active.filter(nw.col("age") >= 1), definition.rule)
    sizes = collect(entries.group_by("entry").agg(n=nw.len().cast(nw.Int64())), log.engine, log.what)
    returns = collect(ages.group_by("entry", "age").agg(n=nw.len().cast(nw.Int64())), log.engine, log.what)
    return _Counted(_integers(sizes, "entry", "n"), _integers(returns, "entry", "age", "n"), early, through, dropped)


def _flag(kind: str | None) -> Any:
    one, none = nw.lit(1), nw.lit(0)
    return one if kind is None else nw.when(nw.col("kind") == kind).then(one).otherwise(none)


def _lazy_ages(active: Any, rule: str) -> Any:
    if rule == "on":
        return active
    if rule == "every":
        rank = nw.col("age").cum_count().over(ID, order_by="age")
        active = active.with_columns(rank=rank).filter(nw.col("age") == nw.col("rank"))
    furthest = nw.col("age").min() if rule == "any" else nw.col("age").max()
    return active.group_by(ID, "entry").agg(age=furthest)


def _integers(frame: Any, *names: str) -> Any:
    return tuple(frame[name].to_numpy().astype(np.int64) for name in names)
