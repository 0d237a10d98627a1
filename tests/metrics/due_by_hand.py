"""What `clm.due` says, one customer at a time in plain Python: slow, and easy to check by reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from types import SimpleNamespace

import clm
from clm.metrics import DateOf, Event, Silence

MICROSECOND = timedelta(microseconds=1)
RANK = {"touchpoints": 0, "orders": 1, "answers": 2}


def history(tables, customer, through):
    """Return a customer's events up to a moment, in order: touchpoints, orders, answers at one instant."""
    found = []
    for table, rank in RANK.items():
        for number, row in enumerate(tables[table]):
            if row["customer_id"] == customer and row["at"] <= through:
                found.append((row["at"], rank, number, {"kind": "order", **row} if table == "orders" else row))
    return [row for *_, row in sorted(found, key=lambda entry: entry[:3])]


def holds(event, rows, place):
    """Whether a customer's event is the one that a rule names."""
    row = rows[place]
    if row["kind"] != event.kind:
        return False
    if event.when is None:
        return True
    so_far = rows[: place + 1]
    kinds = [past["kind"] for past in so_far]
    facts = SimpleNamespace(
        counts={kind: kinds.count(kind) for kind in kinds},
        totals={kind: sum(past.get("amount") or 0.0 for past in so_far if past["kind"] == kind) for kind in kinds},
        amount=row.get("amount"),
        score=row.get("score"),
        channel=row.get("channel"),
    )
    return event.when.holds(facts)


def visits(base, tables, customer, acquired, through):
    rows = [row for row in history(tables, customer, through) if "score" not in row]
    if not rows and not (acquired and acquired <= through):
        return []
    points = [clm.Touchpoint(customer, row["at"], row["kind"], amount=row.get("amount")) for row in rows]
    who = clm.Customer(customer, acquired_at=acquired)
    return list(base.lifecycle.replay(points, through=through, customer=who, illegal="ignore"))


def birthday(named, year, zone):
    day = min(named.day, 28) if named.month == 2 and year % 4 else named.day
    return datetime(year, named.month, day, tzinfo=zone).astimezone(UTC)


def occurrence(rule, base, tables, person, rows, through, zone):
    """Return when the trigger last happened, when the action is due, until when, since when goals count, and an exit.

    Goals count from a place in the customer's events on.
    """
    trigger, customer = rule.trigger, person["customer_id"]
    if isinstance(trigger, DateOf):
        return dated(rule, trigger, person, rows, through, zone)
    left = None
    if isinstance(trigger, Event):
        places = [place for place in range(len(rows)) if holds(trigger, rows, place)]
        if not places:
            return None
        at, first = rows[places[-1]]["at"], places[-1] + 1
    elif isinstance(trigger, Silence) and trigger.stage is None:
        places = [place for place, row in enumerate(rows) if trigger.kinds is None or row["kind"] in trigger.kinds]
        if not places:
            return None
        at, first = rows[places[-1]]["at"], places[-1] + 1
    else:
        there = [
            visit
            for visit in visits(base, tables, customer, person.get("acquired_at"), through)
            if visit.stage == trigger.stage
        ]
        if not there:
            return None
        visit = there[-1]
        at, left = visit.entered_at, visit.exited_at
        first = sum(row["at"] < at if visit.cause == "timeout" else row["at"] <= at for row in rows)
        if isinstance(trigger, Silence):
            heard = [
                row["at"]
                for row in rows
                if (trigger.kinds is None or row["kind"] in trigger.kinds) and (left is None or row["at"] < left)
            ]
            at = max([at, *heard])
            first = sum(row["at"] <= at for row in rows)
    due = at + rule.delay
    return at, due, None if rule.expires is None else due + rule.expires, first, left


def dated(rule, trigger, person, rows, through, zone):
    named = person.get(trigger.attribute)
    if named is None:
        return None
    shift = rule.delay - (trigger.before or timedelta(0))

    def of(date):
        until = date if rule.expires is None and trigger.before else rule.expires and date + shift + rule.expires
        return date, date + shift, until

    if not trigger.yearly:
        date, due, until = of(named)
        first = 0 if trigger.since is None else sum(row["at"] < date - trigger.since for row in rows)
        return date, due, until, first, None
    years = [of(birthday(named, year, zone)) for year in range(named.year + 1, through.year + 4)]
    past = [entry for entry in years if entry[1] <= through]
    if past and (past[-1][2] is None or past[-1][2] >= through):
        date, due, until = past[-1]
    else:
        date, due, until = next(entry for entry in years if entry[1] > through)
    since = due if trigger.since is None else date - trigger.since
    return date, due, until, sum(row["at"] < since for row in rows), None


def quiet_until(hours, through, zone):
    """Return the first half hour from a moment on that is not quiet; None where the moment itself is not."""
    start, end = hours
    moment = through
    while True:
        clock = moment.astimezone(zone).strftime("%H:%M")
        quiet = start <= clock < end if start < end else clock >= start or clock < end
        if not quiet:
            return None if moment == through else moment
        moment = moment + timedelta(minutes=30)


def in_holdout(rule, customer, salt):
    digest = blake2b(f"{salt}\0{rule.name}\0{customer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 < rule.holdout


def due(rules, base, tables, people, through, *, sent=(), caps=(), hours=None, salt="", zone=UTC):
    """Return (status, triggered, due, expires, next) by rule and customer; caps are (limit, timedelta, channel)."""
    sent = [row for row in sent if row["at"] <= through]
    messages = {person["customer_id"]: [] for person in people}
    for row in sent:
        messages[row["customer_id"]].append((row["at"], row["channel"]))
    found = {}
    for rule in rules:
        for person in people:
            customer = person["customer_id"]
            rows = history(tables, customer, through)
            acquired = person.get("acquired_at")
            if not rows and acquired is not None and acquired > through:
                continue
            happened = occurrence(rule, base, tables, person, rows, through, zone)
            if happened is None:
                continue
            at, from_, until, *_ = happened
            mine = [row["at"] for row in sent if (row["customer_id"], row["rule"]) == (customer, rule.name)]
            status, next_at = ended(rule, rows, through, happened), None
            if status is None:
                status, next_at = kept_back(rule, person, through, from_, mine, salt)
            if status is None and hours and quiet_until(hours, through, zone):
                status, next_at = "quiet", quiet_until(hours, through, zone)
            if status is None:
                free = [cap_free(cap, rule, messages[customer], through) for cap in caps]
                free = [moment for moment in free if moment is not None]
                status, next_at = ("capped", max(free)) if free else ("due", None)
                if not free:
                    messages[customer].append((through, rule.channel))
            found[rule.name, customer] = (status, at, from_, until, next_at)
    return found


def ended(rule, rows, through, happened):
    """Return how it ended, by what came first; None where it goes on."""
    *_, until, first, left = happened
    goals = [rows[place]["at"] for place in range(first, len(rows)) if any(holds(e, rows, place) for e in rule.goal)]
    exits = [rows[place]["at"] for place in range(first, len(rows)) if any(holds(e, rows, place) for e in rule.exit)]
    ends = [(goals[0], 0, "converted")] if goals else []
    ends += [(min([*exits[:1], *([left] if left else [])]), 1, "exited")] if exits or left else []
    ends += [(until, 2, "expired")] if until is not None and until < through else []
    return min(ends)[2] if ends else None


def kept_back(rule, person, through, due_at, mine, salt):
    """Return what keeps an action back for which it is not too late, and until when that is."""
    if due_at > through:
        return "waiting", due_at
    if mine and (max(mine) >= due_at or rule.reentry == "never"):
        return "blocked_reentry", None
    if mine and rule.reentry != "always" and max(mine) + rule.reentry > through:
        return "blocked_reentry", max(mine) + rule.reentry
    if rule.consent and not person.get(rule.consent):
        return "no_consent", None
    return ("holdout" if in_holdout(rule, person["customer_id"], salt) else None), None


def cap_free(cap, rule, messages, through):
    """Return when a cap allows one more; None where it does already or does not concern the rule."""
    limit, length, channel = cap
    if channel is not None and channel != rule.channel:
        return None
    counted = [at for at, how in messages if channel in (None, how) and at >= through - length]
    if len(counted) < limit:
        return None
    leaving = [at + length + MICROSECOND for at in counted]
    return next(moment for moment in sorted(leaving) if sum(end > moment for end in leaving) < limit)
