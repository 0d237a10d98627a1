"""The rules for orders and retention as plain Python, row by row: slow, and hard to get wrong."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

HOURS = {"hour": 1, "day": 24, "week": 168, "month": 730.5, "quarter": 2191.5, "year": 8766}
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def instant(wall, tz):
    """Read a naive time in a zone."""
    return wall.replace(tzinfo=ZoneInfo(tz)).astimezone(UTC)


def period(at, grain, tz, week_start="monday"):
    """Number the calendar period of an instant, consecutive ones consecutively."""
    local = at.astimezone(ZoneInfo(tz))
    day = local.toordinal()
    if grain == "hour":
        return int((at - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() // 3600)
    if grain == "day":
        return day
    if grain == "week":
        return (day - date(2001, 1, 1 + WEEKDAYS.index(week_start)).toordinal()) // 7  # 2001-01-01 was a Monday
    month = local.year * 12 + local.month - 1
    return month // {"month": 1, "quarter": 3, "year": 12}[grain]


def end_of(day, tz):
    """Return the last microsecond of a local day."""
    return instant(datetime.combine(day + timedelta(days=1), datetime.min.time()), tz) - timedelta(microseconds=1)


def fault_of(customer, at, amount, through, refunds):
    """Say why a row is left out, if it is."""
    faults = {
        "null ids": customer is None,
        "blank ids": customer is not None and not customer.strip(),
        "null times": at is None,
        "after through": at is not None and at > through,
        "refunds": refunds == "ignore" and amount < 0,
    }
    return next((reason for reason, holds in faults.items() if holds), None)


def histories(rows, *, occasion, tz, through, after=None, refunds="net", unit="day"):
    """Reduce (id, naive time, cents) to a dictionary by id: frequency, recency, T, and amounts in cents."""
    occasions = defaultdict(lambda: defaultdict(list))
    dropped = defaultdict(int)
    for row, (customer, wall, amount) in enumerate(rows):
        at = None if wall is None else instant(wall, tz)
        fault = fault_of(customer, at, amount, through, refunds)
        if fault:
            dropped[fault] += 1
        elif after is None or at > after:
            key = (at, amount, row) if occasion == "order" else period(at, occasion, tz)
            occasions[customer][key].append((at, amount))
    found = {}
    for customer, by_key in occasions.items():
        totals = {key: sum(amount for _, amount in orders) for key, orders in by_key.items()}
        bought = sorted(key for key, total in totals.items() if total >= 0)
        dropped["refunds"] += len(by_key) - len(bought)
        if not bought:
            continue
        first, last = bought[0], bought[-1]
        if occasion == "order":
            step = timedelta(hours=HOURS[unit])
            recency, age = (last[0] - first[0]) / step, (through - first[0]) / step
        else:
            slots = (last - first, period(through, occasion, tz) - first)
            recency, age = (slot * HOURS[occasion] / HOURS[unit] for slot in slots)
        found[customer] = {
            "frequency": len(bought) - 1,
            "recency": recency,
            "T": age,
            "first": min(at for at, _ in by_key[first]).replace(tzinfo=None),
            "first_key": first,
            "last_key": last,
            "value_first": totals[first] / 100,
            "value_repeat": sum(totals[key] for key in bought[1:]),
            "value_total": sum(totals.values()) / 100,
        }
    return dict(sorted(found.items())), {reason: count for reason, count in dropped.items() if count}
