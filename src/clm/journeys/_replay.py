"""Replay a whole log that has been read into arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.core import MAX_VISITS, check_max_visits, check_policy, instant, unknown_kind
from clm.data import Zone
from clm.errors import InvalidDataError
from clm.journeys._engine import walk_all
from clm.journeys._input import Log, microseconds
from clm.journeys._log import StageLog
from clm.journeys._order import count_ties, in_order, row_numbers
from clm.journeys._walked import Grouped
from clm.stats import frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.core import Lifecycle, Policy


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
        Last instant that counts, as `at`; by default the last row's.
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
        no row, an unknown kind is to be refused, or a customer has too many visits.
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
    dropped, usable = log.usable(through)
    if through is None:
        if not usable.any():
            raise InvalidDataError("there is no row whose instant could be taken for through=. Give through=.")
        through = int(log.at[usable].max())
    kinds = log.kinds_of(machine)
    strangers = np.flatnonzero(usable & (kinds < 0))
    if len(strangers):
        dropped["unknown kinds"] = len(strangers)
        if unknown == "raise":
            what, where = log.named(int(strangers[0]))
            raise unknown_kind(what, lifecycle.known_kinds, where, lifecycle.name)
    tie_breakers = log.tie_breakers(rows_in_order=rows_in_order)
    rows = in_order(log.customer.codes, log.at, row_numbers(usable & (kinds >= 0)), tie_breakers)
    ties = count_ties(log.customer.codes, log.at, rows, tie_breakers[0] if order is not None else None)
    grouped = Grouped(
        rows=rows,
        counts=np.bincount(log.customer.codes[rows], minlength=len(log.customer.values)),
        at=log.at[rows],
        kind=kinds,
        amount=log.amount,
        score=log.score,
        channel=log.channel,
        acquired=None if acquired_at is None else log.per_customer(acquired_at, "acquired_at"),
        dates=log.dates(machine, attributes or {}),
    )
    walked = walk_all(machine, grouped, through=through, max_visits=max_visits, ids=log.customer.values)
    if len(walked.illegal) and illegal == "raise":
        raise lifecycle.refusal(machine.stages[walked.illegal_stage[0]], *log.named(int(walked.illegal[0])))
    names = np.array(machine.stages, dtype=object)
    begun = walked.visits > 0
    return StageLog(
        lifecycle=lifecycle,
        visits=log.visits(machine, walked),
        through=instant(through),
        zone=Zone.of(tz),
        next_at=frozen_array(walked.next_at[begun]),
        next_stage=frozen_array(walked.next_stage[begun]),
        illegal=log.table(walked.illegal, names[walked.illegal_stage]) if illegal == "record" else None,
        unknown=log.table(strangers) if unknown == "record" else None,
        n_illegal=len(walked.illegal),
        dropped=dropped,
        ties=ties,
        note=note,
    )
