"""From an event log to a funnel, the events that matter picked out where the data are."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import evolve, frozen

from clm.core import microseconds_of
from clm.data import Zone, parse_start, parse_through
from clm.errors import InvalidDataError, nearest
from clm.frames._epoch import instants
from clm.frames._ids import identify
from clm.frames._kept import KEPT, kept_plan, kept_rows
from clm.frames._plan import AT, ID, count, plan
from clm.frames._source import Table, collect, open_table
from clm.frames._texts import coded_text
from clm.journeys._funnel_count import Asked, Seen, check_rule, count_funnel
from clm.journeys._funnel_kernel import FOREIGN, Trail, by_customer_and_time
from clm.stats import where

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clm.frames._ids import Ids
    from clm.frames._plan import Plan
    from clm.journeys import Coded, Funnel
    from clm.typing import Array, BoolArray, IntArray

Rule: TypeAlias = Literal["ordered", "strict", "unordered"]

_STEP = "clm_step"
_MOST_KINDS = 20  # that a message lists


def funnel(
    events: Any,
    steps: Sequence[str],
    *,
    rule: Rule = "ordered",
    window: str | timedelta | None = None,
    start: Any = None,
    through: Any = None,
    customer: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    order: str | None = None,
    tz: Any = "UTC",
) -> Funnel:
    """Count how far customers got along named steps.

    Entrants whose window is still open are no failures: they are counted, and left out of the rates until it closes.

    Parameters
    ----------
    events
        One row an event: any dataframe, or a `Source`. Of lazy frames only the events that matter are fetched.
    steps
        Two kinds of events or more. A kind that is named twice needs two events.
    rule : {"ordered", "strict", "unordered"}
        ``"ordered"``: other events may come between. ``"strict"``: between steps only repeats of steps already taken
        may come; any other event ends the attempt. ``"unordered"``: one step, two, and so on, whichever they are.
    window
        How long an attempt may take from its first event on, as ``"14d"`` or a timedelta; the end is included. Without
        it an attempt never ends.
    start
        Date or instant of the first event that counts; attempts begin from then on.
    through
        Date or instant to which the log is complete; by default the last row's instant, of whatever kind.
    customer, at, kind
        Names of the columns; by default ``customer_id``, ``at`` and ``kind``.
    order
        Name of the column that orders events of one customer and instant. Without it their rows do; in lazy frames,
        whose rows have no order, the order of the steps.
    tz
        Time zone in which times without a zone are read.

    Returns
    -------
    Funnel
        Counts, rates with Wilson intervals, and times between steps. `dropped` counts the rows without a customer, a
        time or a kind, before `start` and after `through`.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, there are fewer than two steps, none of them occurs in the log, or
        the window has no fixed length.

    Notes
    -----
    Every event of the first step begins an attempt, in any order every event of a step. It takes each step at the first
    event after the one before; events of one instant are taken in their order. A customer counts once, by the attempt
    that got furthest, the earliest of several.

    Rates are shares of the entrants with an attempt whose window has closed by `through`, and count what those
    attempts reached: as if everybody had stopped entering one window before the end. Whether a customer is among them
    depends on when he entered and never on how far he got, so that quick converts whose window is open do not raise the
    rate.

    Examples
    --------
    >>> events = {
    ...     "customer_id": ["ann", "ann", "bob", "cem", "dan"],
    ...     "at": ["2025-01-01", "2025-01-03", "2025-01-05", "2025-01-06", "2025-01-30"],
    ...     "kind": ["signed_up", "order", "signed_up", "signed_up", "signed_up"],
    ... }
    >>> funnel = clm.funnel(events, ["signed_up", "order"], window="14d", through="2025-01-31")
    >>> funnel
    <Funnel: signed_up 4 -> order 1; 1 window open>
    >>> funnel.conversion.value.round(3).tolist(), funnel.times[0].tolist()
    ([1.0, 0.333], [172800.0])
    """
    asked = _asked(steps, rule, window, tz)
    first = None if start is None else parse_start(start, asked.zone)
    last = None if through is None else parse_through(through, asked.zone)
    if first is not None and last is not None and first > last:
        raise InvalidDataError(f"start={start!r} lies after through={through!r}. Give the earlier one as start.")
    named = {"customer": customer, "at": at, "kind": kind, "order": order}
    table = open_table(events, named, required=("customer", "at", "kind"), optional=("order",), what="events")
    log = plan(table, asked.zone, texts=("kind",)) if table.lazy and not table.has("order") else None
    found = _read_rows(table, asked, first, last) if log is None else _read_lazily(log, asked, first, last)
    return _counted(found, asked, first)


def _asked(steps: Any, rule: Any, window: Any, tz: Any) -> Asked:
    check_rule(rule)
    if isinstance(steps, (str, bytes, Mapping, AbstractSet)) or not hasattr(steps, "__iter__"):
        raise InvalidDataError(f"steps must be a list of kinds in their order, not {steps!r}.")
    listed = [str(step) if isinstance(step, str) else step for step in steps]
    odd = [step for step in listed if not isinstance(step, str)]
    if odd:
        raise InvalidDataError(f"steps hold {odd[0]!r}, which is no text. Name each step by the kind of its events.")
    if len(listed) < 2:
        raise InvalidDataError(f"a funnel needs at least two steps, not {len(listed)}. Name the kinds to go through.")
    if window is not None:
        window = timedelta(microseconds=microseconds_of(window, "window"))
    return Asked(steps=tuple(listed), rule=rule, window=window, zone=Zone.of(tz))


@final
@frozen(eq=False)
class _Found:
    """The events that matter, in no order yet.

    Attributes
    ----------
    ids : Ids
        Whose each event is.
    at : (n,) ndarray of int64
        Instants.
    step : (n,) ndarray of int
        Number of each kind among the steps, or ``FOREIGN``.
    tie_breakers : tuple of ndarray
        What orders events of one customer and instant before their rows do, the least important first.
    through : int
        Last instant of the log.
    dropped : dict of str to int
        Rows left out.
    note : str
        How times were read.
    absent : tuple of str
        Steps without an event.
    """

    ids: Ids
    at: IntArray
    step: Array
    tie_breakers: tuple[Array, ...]
    through: int
    dropped: dict[str, int]
    note: str
    absent: tuple[str, ...]


def _read_rows(table: Table, asked: Asked, start: int | None, through: int | None) -> _Found:
    unordered = table.lazy
    table = table.collected()
    ids = identify(table)
    read = instants(table.column("at"), table.names["at"], asked.zone)
    kept, dropped = kept_rows(ids, read.values, start=start, through=through, what=table.what)
    kinds = coded_text(table, "kind")
    last = int(read.values[kept].max()) if through is None else through
    null = kept & (kinds.codes < 0)
    if null.any():
        dropped["null kinds"] = int(null.sum())
        kept &= ~null
    number = {step: place for place, step in enumerate(asked.kinds)}
    step = np.array([*(number.get(value, FOREIGN) for value in kinds.values), FOREIGN], np.int16)[kinds.codes]
    occurring = [bool((kept & (step == place)).any()) for place in number.values()]
    absent = _absent(asked, occurring, lambda: _distinct_rows(kinds, kept))
    breakers = ((step,) if unordered else ()) + ((_order_of(table),) if table.has("order") else ())
    if asked.rule != "strict":
        kept &= step != FOREIGN
    rows: Any = slice(None) if kept.all() else np.flatnonzero(kept)
    return _Found(
        ids=evolve(ids, keys=ids.keys[rows]),
        at=read.values[rows],
        step=step[rows],
        tie_breakers=tuple(breaker[rows] for breaker in breakers),
        through=last,
        dropped=dropped,
        note=read.note,
        absent=absent,
    )


def _read_lazily(log: Plan, asked: Asked, start: int | None, through: int | None) -> _Found:
    """Number the steps where the data are, and fetch the events that matter."""
    kind = nw.col("kind")
    facts = {_fact(place): count(KEPT & (kind == step)) for place, step in enumerate(asked.kinds)}
    facts["null"] = count(KEPT & kind.is_null())
    log, dropped, found = kept_plan(log, facts, start=start, through=through)
    if found["null"]:
        dropped["null kinds"] = int(found["null"])
    occurring = [bool(found[_fact(place)]) for place in range(len(asked.kinds))]
    absent = _absent(asked, occurring, lambda: _distinct(log, "kind"))
    number: Any = nw.lit(FOREIGN)
    for place, step in enumerate(asked.kinds):
        number = nw.when(kind == step).then(nw.lit(place)).otherwise(number)
    matters = ~kind.is_null() if asked.rule == "strict" else kind.is_in(asked.kinds)
    fetched = collect(log.frame.filter(matters).select(ID, AT, number.alias(_STEP)), log.engine, log.what)
    step = fetched[_STEP].to_numpy().astype(np.int16)
    return _Found(
        ids=identify(Table(fetched, {"customer": ID}, log.engine, lazy=False, what=log.what)),
        at=fetched[AT].to_numpy().astype(np.int64, copy=False),
        step=step,
        tie_breakers=(step,),
        through=int(found["last"]) if through is None else through,
        dropped=dropped,
        note=log.note,
        absent=absent,
    )


def _fact(place: int) -> str:
    return f"step_{place}"


def _distinct_rows(kinds: Coded, kept: BoolArray) -> list[str]:
    found: list[str] = kinds.values[np.unique(kinds.codes[kept])].tolist()
    return found


def _distinct(log: Plan, name: str) -> list[str]:
    kinds: list[str] = collect(log.frame.select(name).drop_nulls().unique(), log.engine, log.what)[name].to_list()
    return kinds


def _absent(asked: Asked, occurring: list[bool], kinds: Callable[[], list[str]]) -> tuple[str, ...]:
    """Return the steps without an event.

    Raises
    ------
    InvalidDataError
        If there is an event of none of them.
    """
    absent = tuple(step for step, occurs in zip(asked.kinds, occurring, strict=True) if not occurs)
    if len(absent) < len(asked.kinds):
        return absent
    known = sorted(kinds())
    listed = ", ".join(map(repr, known[:_MOST_KINDS]))
    more = f" and {len(known) - _MOST_KINDS:,} more" if len(known) > _MOST_KINDS else ""
    raise InvalidDataError(
        f"events hold none of the steps {', '.join(map(repr, asked.kinds))}. "
        + (f"There are the kinds {listed}{more}.{nearest(asked.kinds[0], known)}" if known else "No row has a kind.")
    )


def _order_of(table: Table) -> Array:
    """Return the place of each row among those of one customer and instant."""
    column, name = table.column("order"), table.names["order"]
    if column.missing.any():
        raise InvalidDataError(
            f"column {name!r} for order= is missing {where(column.missing)}. Give every row its place."
        )
    try:
        return np.unique(column.values, return_inverse=True)[1].reshape(-1)
    except TypeError as error:
        raise InvalidDataError(f"column {name!r} for order= holds values that have no order: {error}.") from error


def _counted(found: _Found, asked: Asked, start: int | None) -> Funnel:
    rows = by_customer_and_time(found.ids.keys, found.at, found.tie_breakers)
    trail = Trail(found.ids.keys[rows], found.at[rows], found.step[rows])
    again = (trail.customer[1:] == trail.customer[:-1]) & (trail.at[1:] == trail.at[:-1])
    tied = again & (trail.kind[1:] != trail.kind[:-1])
    seen = Seen(
        through=found.through,
        start=start,
        dropped=found.dropped,
        absent=found.absent,
        ties=int(tied.sum()),
        twice=_twice(trail, again, asked),
        note=found.note,
    )
    return count_funnel(trail, found.ids.labels, asked, seen)


def _twice(trail: Trail, again: BoolArray, asked: Asked) -> int:
    """Count events that repeat another's customer, instant and kind, where the kind is more than one step."""
    twice = [place for place, kind in enumerate(asked.kinds) if asked.steps.count(kind) > 1]
    if not twice or not again.any():
        return 0
    instant = np.cumsum(np.append(True, ~again))
    kinds = trail.kind[np.isin(trail.kind, twice)].astype(np.int64)
    cells = instant[np.isin(trail.kind, twice)] * len(asked.kinds) + kinds
    return len(cells) - len(np.unique(cells))
