"""Who is due which action: rules of lifecycle automation over a customer base, up to a moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from clm.core._names import checked_kinds
from clm.data import MISSING, Zone, describe, parse_through
from clm.errors import InvalidDataError, nearest
from clm.metrics._base import CustomerBase
from clm.metrics._due_candidates import Facts
from clm.metrics._due_caps import Budget, read_caps
from clm.metrics._due_desk import Desk
from clm.metrics._due_events import Events
from clm.metrics._due_hours import QuietHours
from clm.metrics._due_known import Known
from clm.metrics._due_list import DueList
from clm.metrics._due_sent import Sent
from clm.metrics._histories import NEVER
from clm.metrics._options import SCALES
from clm.metrics._period import moment
from clm.metrics._rules import DateOf, Event, Rule, Silence, StageEntered
from clm.metrics._tables import ORDER
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.metrics._due_desk import Rows
    from clm.typing import Array, IntArray


def due(
    rules: Rule | Iterable[Rule],
    base: CustomerBase,
    *,
    through: Any = None,
    sent: Any = None,
    caps: Any = None,
    quiet_hours: Any = None,
    tz: Any = None,
    customer_tz: str | None = None,
    salt: str = "",
    kinds: str | Iterable[str] = (),
) -> DueList:
    """Say who is due which action at a moment, who is not, and why.

    Nothing is sent. The answer depends on what happened up to `through` alone, so that rules can be tried on the past:
    ask for one day after the other, and hand on what was due as `sent`.

    Parameters
    ----------
    rules
        The rules, the most important first. `clm.metrics.rules` has ready-made ones.
    base
        The customer base.
    through
        The moment, included; a bare date means the end of that day. By default the end of the base.
    sent
        What was sent before, any dataframe with ``customer_id, at, rule``, and ``channel``, else that of the rule.
        Rows after `through`, and those of customers whom the base does not have, are left out and counted.
    caps
        How many messages a customer may get: ``{"7d": 2, "email": {"day": 1}}``, of all channels together or of one,
        in a length of time that ends at `through`, both ends included, or in a calendar ``"day"``, ``"week"`` or
        ``"month"``. What was sent counts, and what an earlier rule of this call has due.
    quiet_hours
        From and until when nothing is sent, by local clocks: ``("21:00", "08:00")``; the end is not quiet any more.
    tz
        The zone of `through`, of naive times in `sent`, of quiet hours and calendar caps. By default that of the base.
    customer_tz
        Column of the customers table with the zone of each, for his quiet hours, calendar caps and yearly dates; `tz`
        where it is empty.
    salt
        Changes who is in the holdouts.
    kinds
        Kinds that rules may name though they have not occurred by then. Known besides are those that have, those of the
        lifecycle, ``"order"``, ``"nps"``, ``"csat"`` and ``"ces"``.

    Returns
    -------
    DueList
        One row for each rule and customer to whom its trigger has happened: of several occurrences the latest. Of a
        yearly date the latest whose action is still due, else the next one.

    Raises
    ------
    InvalidDataError
        If rules share a name, or name a kind, stage or column that is not there, or an option cannot be read.

    Notes
    -----
    A row has the first of these statuses that applies:

    1. ``converted``, ``exited``, ``expired``: since the trigger the goal was reached, an exit happened or the trigger's
       stage was left, or the time for it is over, whichever came first.
    2. ``waiting``: it will be due later.
    3. ``blocked_reentry``: the rule sent something for this occurrence already, or for an earlier one and `reentry`
       does not allow another yet.
    4. ``no_consent``: the customer has not agreed.
    5. ``holdout``: he is in the rule's holdout.
    6. ``quiet``: it is night where he lives.
    7. ``capped``: he has got, or an earlier rule has due, as much as he may get.
    8. ``due``.

    A customer is in the holdout where BLAKE2b of salt, rule and customer id (UTF-8, joined by NUL), with a digest of 8
    bytes read as a big-endian fraction, is below the share: the same everywhere, whatever the order of rows. The table
    of customers is taken as it is: it does not say what was known when; customers acquired later are left out.

    Examples
    --------
    >>> base = clm.CustomerBase(
    ...     orders={
    ...         "customer_id": ["ann", "bob", "bob", "cem"],
    ...         "at": ["2025-05-01", "2025-05-02", "2025-05-20", "2025-05-28"],
    ...     },
    ...     through="2025-06-01",
    ... )
    >>> second = clm.metrics.rules.second_purchase("14d", channel="email")
    >>> todo = clm.due(second, base, caps={"7d": 1})
    >>> todo.status.tolist()
    ['due', 'converted', 'waiting']
    >>> todo.reason.tolist()
    ['due since 2025-05-15 00:00', 'order on 2025-05-20 00:00', 'due on 2025-06-11 00:00']
    """
    listed = _rules(rules)
    if not isinstance(base, CustomerBase):
        raise InvalidDataError(f"base must be a clm.CustomerBase, not {type(base).__name__}.")
    if not isinstance(salt, str):
        raise InvalidDataError(f"salt must be text, not {salt!r}.")
    zone = Zone.of(base.tz if tz is None else tz)
    hours, limits = QuietHours.of(quiet_hours), read_caps(caps, listed)
    if through is not None:
        base = base.between(None, moment(parse_through(through, zone)))
    facts = _facts(listed, base, zone, customer_tz)
    _check_kinds(listed, facts, checked_kinds(kinds, "kinds"))
    history = Sent.of(sent, facts.events.customer, listed, facts.through, zone)
    desk = Desk(
        facts=facts,
        sent=history,
        quiet_until=_quiet_until(hours, facts),
        budgets=[Budget.of(cap, history, facts) for cap in limits],
        salt=salt,
    )
    return _listed(listed, [desk.judged(rule) for rule in listed], desk, zone)


def _rules(given: Any) -> tuple[Rule, ...]:
    several = isinstance(given, Iterable) and not isinstance(given, str)
    rules: tuple[Any, ...] = tuple(given) if several else (given,)
    for rule in rules:
        if not isinstance(rule, Rule):
            raise InvalidDataError(
                f"{rule!r} is no rule. Give clm.metrics.Rule, or a ready-made one, as "
                "clm.metrics.rules.second_purchase()."
            )
    if not rules:
        raise InvalidDataError("there are no rules. Give at least one, as clm.metrics.rules.second_purchase().")
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidDataError(f"two rules are called {twice[0]!r}. Give each a name of its own, with name=.")
    return rules


def _facts(rules: tuple[Rule, ...], base: CustomerBase, zone: Zone, customer_tz: str | None) -> Facts:
    asked: dict[str, str] = {}
    for rule in rules:
        dated = rule.trigger.attribute if isinstance(rule.trigger, DateOf) else None
        for column in (dated, rule.consent):
            if column is not None:
                asked.setdefault(column, f"rule {rule.name!r}")
    if customer_tz is not None:
        asked.setdefault(customer_tz, "customer_tz=")
    through = base.period.last
    events = Events.of(base)
    known = Known.of(base, events, asked, Zone.of(base.tz))
    zone_of, zones = np.zeros(events.n, np.int64), [zone]
    if customer_tz is not None:
        zone_of, zones = known.zones(customer_tz, zone)
    return Facts(base=base, events=events, known=known, zone_of=zone_of, zones=zones, through=through)


def _check_kinds(rules: tuple[Rule, ...], facts: Facts, more: tuple[str, ...]) -> None:
    """Refuse kinds that nobody knows: a misspelt one never happens, and nobody would see it."""
    known = {*facts.events.occurring, *facts.base.lifecycle.known_kinds, *more, *SCALES, ORDER}
    for rule in rules:
        trigger = rule.trigger
        named = [event.kind for event in (*rule.goal, *rule.exit)]
        triggers = (trigger.kind,) if isinstance(trigger, Event) else getattr(trigger, "kinds", None) or ()
        for kind in (*triggers, *named):
            if kind not in known:
                there = ", ".join(sorted(known))
                raise InvalidDataError(
                    f"rule {rule.name!r} names the kind {kind!r}, which has not occurred through "
                    f"{facts.base.period.end}. Known are {there}.{nearest(kind, known)} If it is right, name it in "
                    "due(kinds=...)."
                )
        _check_tables(rule, triggers, facts)


def _check_tables(rule: Rule, kinds: tuple[str, ...], facts: Facts) -> None:
    """Refuse a trigger that cannot happen, since the table it would be in is not there."""
    base = facts.base
    if isinstance(rule.trigger, DateOf) or any(kind in facts.events.occurring for kind in kinds):
        return
    answered = bool(kinds) and all(kind in SCALES for kind in kinds)
    if answered and base.answers is None:
        raise InvalidDataError(f"rule {rule.name!r} waits for {kinds[0]!r}: {base.lacks('answers')}.")
    if not answered and base.orders is None and base.touchpoints is None:
        if isinstance(rule.trigger, (StageEntered, Silence)) and base.answers is not None and not kinds:
            return
        raise InvalidDataError(f"rule {rule.name!r} waits for {rule.trigger.words}: {base.lacks('touchpoints')}.")


def _quiet_until(hours: QuietHours | None, facts: Facts) -> IntArray:
    if hours is None:
        return np.full(facts.events.n, MISSING)
    until = np.array([hours.until(facts.through, zone) for zone in facts.zones], np.int64)
    return until[facts.zone_of]


def _listed(rules: tuple[Rule, ...], judged: list[Rows], desk: Desk, zone: Zone) -> DueList:
    def joined(columns: list[Array], dtype: Any = np.int64) -> Array:
        return frozen_array(np.concatenate(columns).astype(dtype, copy=False))

    def instants(columns: list[IntArray]) -> Array:
        values = np.concatenate(columns)
        return frozen_array(np.where(values == NEVER, MISSING, values).view("M8[us]"))

    whose = np.concatenate([rows.found.whose for rows in judged])
    facts = desk.facts
    return DueList(
        customer=frozen_array(facts.events.customer[whose]),
        rules=tuple(rule.name for rule in rules),
        actions=tuple(rule.action for rule in rules),
        channels=tuple(rule.channel for rule in rules),
        rule_code=joined([np.full(len(rows.status), code) for code, rows in enumerate(judged)], np.int16),
        status_code=joined([rows.status for rows in judged], np.int8),
        triggered_at=instants([rows.found.triggered for rows in judged]),
        due_at=instants([rows.found.due for rows in judged]),
        expires_at=instants([rows.found.expires for rows in judged]),
        next_at=instants([rows.next_at for rows in judged]),
        held_out=joined([rows.held_out for rows in judged], bool),
        through=facts.through,
        zone=zone,
        definition=(
            f"Who is due the actions of {'; '.join(rule.words for rule in rules)}, by what happened through "
            f"{describe(facts.through, zone)}."
        ),
        dropped=desk.sent.dropped,
        because=joined([rows.because for rows in judged]),
        since=joined([rows.since for rows in judged]),
        words=tuple(desk.words),
    )
