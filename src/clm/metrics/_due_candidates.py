"""Who is a candidate of a rule, since when, and until when: one occurrence of its trigger a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never, final

import numpy as np
from attrs import evolve, frozen

from clm.core import BY_TIMEOUT
from clm.data import DAY, MISSING
from clm.errors import InvalidDataError, nearest
from clm.metrics._histories import NEVER
from clm.metrics._rules import DateOf, Event, Silence, StageEntered, in_microseconds

if TYPE_CHECKING:
    from clm.data import Zone
    from clm.metrics._base import CustomerBase
    from clm.metrics._due_events import Events
    from clm.metrics._due_known import Known
    from clm.metrics._rules import Rule
    from clm.typing import BoolArray, IntArray


@final
@frozen(kw_only=True, eq=False)
class Candidates:
    """Customers to whom a rule may apply.

    Attributes
    ----------
    whose : (m,) ndarray of int64
        Place of each among the customers of the base, ascending.
    triggered, due, expires : (m,) ndarray of int64
        UTC microseconds; ``NEVER`` where an action does not expire.
    after : (m,) ndarray of int64
        Place in the events after which goals and exits count.
    left : (m,) ndarray of int64
        When the customer left the stage that the trigger names; ``NEVER`` where he did not.
    """

    whose: IntArray
    triggered: IntArray
    due: IntArray
    expires: IntArray
    after: IntArray
    left: IntArray


@final
@frozen(kw_only=True, eq=False)
class Facts:
    """What rules look at, up to a moment.

    Attributes
    ----------
    base : CustomerBase
        The base, through that moment.
    events : Events
        What everybody did.
    known : Known
        What is known of everybody.
    zone_of : (k,) ndarray of int64
        Number of each customer's zone.
    zones : list of Zone
        The zones.
    through : int
        The moment, in UTC microseconds.
    """

    base: CustomerBase
    events: Events
    known: Known
    zone_of: IntArray
    zones: list[Zone]
    through: int

    def each_zone(self, whose: IntArray) -> list[tuple[Zone, BoolArray]]:
        """Return the zones of some customers, each with a flag for those who live in it."""
        zone_of = self.zone_of[whose]
        return [(self.zones[number], zone_of == number) for number in np.unique(zone_of).tolist()]


def candidates(rule: Rule, facts: Facts) -> Candidates:
    """Find who is a candidate of a rule: of several occurrences of its trigger, the latest.

    Raises
    ------
    InvalidDataError
        If the stage is unknown, or a column cannot be read.
    """
    trigger = rule.trigger
    if isinstance(trigger, DateOf):
        if trigger.yearly:
            return _yearly(rule, trigger, facts)
        return _dated(rule, trigger, facts)
    if isinstance(trigger, Event):
        return _timed(rule, _happened(trigger, facts.events))
    if isinstance(trigger, StageEntered):
        return _timed(rule, _in_stage(trigger.stage, facts, rule.name))
    if isinstance(trigger, Silence):
        return _timed(rule, _silent(trigger, facts, rule.name))
    assert_never(trigger)


def _timed(rule: Rule, found: Candidates) -> Candidates:
    due = found.triggered + in_microseconds(rule.delay)
    return evolve(found, due=due, expires=_expires(rule, due))


def _expires(rule: Rule, due: IntArray) -> IntArray:
    return np.full(len(due), NEVER) if rule.expires is None else due + in_microseconds(rule.expires)


def _untimed(whose: IntArray, triggered: IntArray, after: IntArray, left: IntArray | None = None) -> Candidates:
    never = np.full(len(whose), NEVER)
    return Candidates(
        whose=whose,
        triggered=triggered,
        due=triggered,
        expires=never,
        after=after,
        left=never if left is None else left,
    )


def _happened(trigger: Event, events: Events) -> Candidates:
    places = events.last(events.places(trigger))
    return _untimed(events.whose[places], events.at[places], places)


def _in_stage(stage: str, facts: Facts, rule: str) -> Candidates:
    lifecycle = facts.base.lifecycle
    stages = [known.name for known in lifecycle.stages]
    parents = list(dict.fromkeys(known.parent for known in lifecycle.stages if known.parent not in stages))
    if stage not in (*stages, *parents):
        raise InvalidDataError(
            f"rule {rule!r} names the stage {stage!r}, but the lifecycle {lifecycle.name!r} has only "
            f"{', '.join((*stages, *parents))}.{nearest(stage, (*stages, *parents))}"
        )
    nobody = np.empty(0, np.int64)
    if facts.base.lacks("touchpoints") is not None:
        return _untimed(nobody, nobody, nobody)
    log = facts.base.stage_log if stage in stages else facts.base.stage_log.rolled_up()
    visits = log.visits
    theirs = np.flatnonzero(visits.stage_codes == visits.machine.stages.index(stage))
    owner = np.searchsorted(visits.offsets, theirs, side="right") - 1
    latest = np.flatnonzero(np.append(owner[1:] != owner[:-1], True)) if len(theirs) else nobody
    theirs, owner = theirs[latest], owner[latest]
    everybody = facts.events.customer
    whose = owner if len(log.customer) == len(everybody) else np.searchsorted(everybody, log.customer)[owner]
    entered = visits.entered[theirs]
    # A timeout fires before what happens at its instant.
    before = visits.cause_codes[theirs] == BY_TIMEOUT
    after = facts.events.place_at(whose, entered - before)
    return _untimed(whose, entered, after, visits.exited(missing=NEVER)[theirs])


def _silent(trigger: Silence, facts: Facts, rule: str) -> Candidates:
    events = facts.events
    heard = (
        np.arange(len(events.at))
        if trigger.kinds is None
        else events.places_of_any(Event(kind) for kind in trigger.kinds)
    )
    if trigger.stage is None:
        places = events.last(heard)
        return _untimed(events.whose[places], events.at[places], places)
    inside = _in_stage(trigger.stage, facts, rule)
    left = np.full(events.n, NEVER)
    left[inside.whose] = inside.left
    last = np.full(events.n, MISSING)
    places = events.last(heard[events.at[heard] < left[events.whose[heard]]])
    last[events.whose[places]] = events.at[places]
    silent_since = np.maximum(inside.triggered, last[inside.whose])
    return evolve(inside, triggered=silent_since, after=events.place_at(inside.whose, silent_since))


def _dated(rule: Rule, trigger: DateOf, facts: Facts) -> Candidates:
    dates = facts.known.dates(trigger.attribute)
    whose = np.flatnonzero((dates != MISSING) & facts.known.there)
    date = dates[whose]
    due = date - in_microseconds(trigger.before) + in_microseconds(rule.delay)
    if trigger.since is None:
        after = facts.events.starts[:-1][whose] - 1
    else:
        after = facts.events.place_at(whose, date - in_microseconds(trigger.since) - 1)
    expires = date if rule.expires is None and trigger.before is not None else _expires(rule, due)
    return evolve(_untimed(whose, date, after), due=due, expires=expires)


def _yearly(rule: Rule, trigger: DateOf, facts: Facts) -> Candidates:
    dates = facts.known.dates(trigger.attribute)
    whose = np.flatnonzero((dates != MISSING) & facts.known.there)
    # The table says a day in the base's own words; each customer has it by his own clock.
    named = facts.known.zone.to_wall(dates[whose]) // DAY
    day, due = np.empty_like(named), np.empty_like(named)
    later = in_microseconds(rule.delay) - in_microseconds(trigger.before)
    for zone, there in facts.each_zone(whose):
        day[there], due[there] = _occasion(named[there], later, rule, trigger, facts.through, zone)
    expires = day if rule.expires is None and trigger.before is not None else _expires(rule, due)
    start = due if trigger.since is None else day - in_microseconds(trigger.since)
    after = facts.events.place_at(whose, start - 1)
    return evolve(_untimed(whose, day, after), due=due, expires=expires)


def _occasion(
    named: IntArray, later: int, rule: Rule, trigger: DateOf, through: int, zone: Zone
) -> tuple[IntArray, IntArray]:
    """Return the latest day whose action is still due, else the next one, and when its action is due."""
    month = named.view("M8[D]").astype("M8[M]").astype(np.int64)
    born, month_of_year = month // 12, month % 12
    day_of_month = named - np.asarray(month.view("M8[M]")).astype("M8[D]").astype(np.int64)
    now = int(zone.to_wall(np.array([through - later]))[0])
    first = born + 1

    def of(year: IntArray) -> IntArray:
        month = year * 12 + month_of_year
        starts = month.view("M8[M]").astype("M8[D]").astype(np.int64)
        length = (month + 1).view("M8[M]").astype("M8[D]").astype(np.int64) - starts
        return zone.to_utc((starts + np.minimum(day_of_month, length - 1)) * DAY)

    this = int(np.array([now]).view("M8[us]").astype("M8[Y]").astype(np.int64)[0])
    latest = np.full(len(named), this)
    latest = np.where(of(latest) + later > through, latest - 1, latest)
    ends = of(latest) if trigger.before is not None and rule.expires is None else _expires(rule, of(latest) + later)
    year = np.maximum(np.where(ends < through, latest + 1, latest), first)
    return of(year), of(year) + later
