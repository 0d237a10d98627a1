"""Replay a whole log that has been read into arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clm.core import MAX_VISITS, check_max_visits, check_policy, instant, unknown_kind
from clm.data import Zone
from clm.errors import InvalidDataError, nearest
from clm.journeys._engine import walk_all
from clm.journeys._input import Log, microseconds
from clm.journeys._log import StageLog
from clm.journeys._walked import Grouped
from clm.stats import frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.core import Lifecycle, Policy
    from clm.journeys._visits import Columns
    from clm.journeys._walked import Walked
    from clm.typing import Array, BoolArray, IntArray


_SHOWN: Final = 10


def replay_arrays(
    lifecycle: Lifecycle,
    customer: Any,
    at: Any,
    kind: Any,
    *,
    through: Any = None,
    amount: Any = None,
    score: Any = None,
    channel: Any = None,
    ref: Any = None,
    order: Any = None,
    acquired_at: Any = None,
    attributes: Mapping[str, Any] | None = None,
    rows_in_order: bool = True,
    unknown: Policy = "ignore",
    illegal: Policy = "ignore",
    max_visits: int = MAX_VISITS,
    tz: Any = "UTC",
    note: str = "",
) -> StageLog:
    """Replay a log of touchpoints through a lifecycle; ``clm.replay`` reads dataframes and calls this.

    Parameters
    ----------
    lifecycle
        The lifecycle.
    customer
        Customer of each row, shape (n,): an array of ids, or a `Coded` whose values ascend and may name customers
        without a row.
    at
        When, as datetime64 or as int64 microseconds since 1970 UTC; NaT or the smallest int64 where missing.
    kind
        What: an array of text, or a `Coded`.
    through
        Last instant that counts, as `at`; by default the last row's, of whatever kind.
    amount, score
        Numbers of each row, NaN where missing.
    channel
        Text of each row: an array, or a `Coded`.
    ref
        What visits call the touchpoint that opened them.
    order
        What orders rows of one customer and instant; without it their row does.
    acquired_at
        When each customer in ``Coded.values`` was acquired, as `at`.
    attributes
        For each attribute that a timeout names the instants of the customers in ``Coded.values``, as `at`.
    rows_in_order
        False where the order of rows means nothing: then kind and ref break ties, and the other columns after them.
    unknown, illegal, max_visits
        As in ``clm.replay``.
    tz
        The zone in which the result reads times and cuts periods.
    note
        How times were read, for the definition.

    Returns
    -------
    StageLog

    Raises
    ------
    InvalidDataError
        If columns differ in length, the lifecycle reads a column that is not given, `through` is missing and there is
        no row, an unknown kind is to be refused, no kind at all is known, or a customer has too many visits.
    TransitionError
        If a touchpoint is not allowed and ``illegal="raise"``; the first such row is named.

    Examples
    --------
    >>> log = clm.journeys.replay_arrays(
    ...     clm.lifecycles.five_stage(),
    ...     ["ann", "bob", "ann"],
    ...     np.array(["2025-01-03", "2025-01-05", "2025-01-20"], "M8[us]"),
    ...     ["order", "visit", "order"],
    ... )
    >>> log.visits["stage"].tolist()
    ['reach', 'conversion', 'retention', 'reach']
    """
    check_policy(unknown, "unknown")
    check_policy(illegal, "illegal")
    check_max_visits(max_visits)
    machine = lifecycle.machine
    through = None if through is None else int(microseconds([through], "through")[0])
    log = Log.of(
        machine,
        customer=customer,
        at=at,
        kind=kind,
        amount=amount,
        score=score,
        channel=channel,
        ref=ref,
        order=order,
    )
    kinds = log.kinds_of(machine)
    dropped, usable = log.usable(through)
    nothing_known = len(kinds) > 0 and not ((kinds >= 0) & (kinds < machine.known)).any()
    if nothing_known and unknown == "ignore":
        raise InvalidDataError(_no_known_kind(lifecycle, log.kinds_there()))
    if through is None:
        through = log.last()
    strangers, known = _known(usable, kinds)
    if len(strangers):
        dropped["unknown kinds"] = len(strangers)
        if unknown == "raise":
            what, where = log.named(int(strangers[0]))
            raise unknown_kind(what, lifecycle.known_kinds, where, lifecycle.name)
    ordered = log.in_order(known, rows_in_order=rows_in_order)
    grouped = Grouped(
        rows=ordered.rows,
        counts=ordered.counts,
        at=ordered.at,
        kind=kinds,
        amount=log.amount,
        score=log.score,
        channel=log.channel,
        acquired=None if acquired_at is None else log.per_customer(acquired_at, "acquired_at"),
        dates=log.dates(machine, attributes or {}),
    )
    walked = walk_all(machine, grouped, through=through, max_visits=max_visits, ids=log.customer.values)
    if len(walked.illegal) and illegal == "raise":
        first = np.argmin(walked.illegal)
        stage = machine.stages[walked.illegal_stage[first]]
        raise lifecycle.refusal(stage, *log.named(int(walked.illegal[first])))
    names = np.array(machine.stages, dtype=object)
    begun = walked.visits > 0
    return StageLog(
        lifecycle=lifecycle,
        visits=log.visits(machine, walked),
        through=instant(through),
        zone=Zone.of(tz),
        next_at=frozen_array(walked.next_at[begun]),
        next_stage=frozen_array(walked.next_stage[begun]),
        illegal=_refused(log, walked, names) if illegal == "record" else None,
        unknown=log.table(strangers) if unknown == "record" else None,
        n_illegal=len(walked.illegal),
        dropped=dropped,
        ties=ordered.ties,
        duplicates=ordered.repeats(kinds, log.ref),
        note=note,
    )


def _no_known_kind(lifecycle: Lifecycle, there: list[str]) -> str:
    listed = ", ".join(map(repr, there[:_SHOWN])) + (f" and {len(there) - _SHOWN} more" if there[_SHOWN:] else "")
    known = ", ".join(map(repr, lifecycle.known_kinds)) or "no kind"
    close = next((hint for kind in there if (hint := nearest(kind, lifecycle.known_kinds))), "")
    its = f"its kinds are {listed}" if there else "no row has a kind"
    return (
        f"the log has no touchpoint that the lifecycle {lifecycle.name!r} knows: {its}, the lifecycle "
        f"knows {known}.{close} Rename the kinds of one of them, or pass unknown='record' to go on without."
    )


def _known(usable: BoolArray | None, kinds: Array) -> tuple[IntArray, BoolArray | None]:
    """Return the rows of unknown kinds, and which rows remain; None for all."""
    if kinds.min(initial=0) >= 0:
        return np.empty(0, np.int64), usable
    known = kinds >= 0
    if usable is None:
        return np.flatnonzero(~known), known
    return np.flatnonzero(usable & ~known), usable & known


def _refused(log: Log, walked: Walked, names: Array) -> Columns:
    order = np.argsort(walked.illegal)
    return log.table(walked.illegal[order].astype(np.int64), names[walked.illegal_stage[order]])
