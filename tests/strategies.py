"""Hypothesis strategies that several test modules share, grouped by the container they make."""

from __future__ import annotations

import operator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
from attrs import evolve
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clm

# Numbers ---------------------------------------------------------------------------------------------------------

levels = st.floats(0.01, 0.999)
"""Confidence levels, away from the ends where limits are no longer told apart in float64."""

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
"""Values of an everyday size."""


# Estimates -------------------------------------------------------------------------------------------------------


@st.composite
def cells(draw, *, gaps=True, max_size=12):
    """A row of estimated cells with independent errors; with `gaps`, some of them undefined."""
    size = draw(st.integers(1, max_size))
    value = draw(hnp.arrays(float, size, elements=finite))
    if gaps:
        value[draw(hnp.arrays(bool, size))] = float("nan")
    return clm.Estimate(
        value=value,
        standard_error=draw(hnp.arrays(float, size, elements=st.floats(0, 1e3))),
        n=draw(hnp.arrays("int64", size, elements=st.integers(1, 1000))),
        name="thing",
        unit="things",
        definition="A thing per cell.",
        undefined="it was not seen",
    )


# Durations -------------------------------------------------------------------------------------------------------


@st.composite
def durations(draw, *, min_size=1, max_size=30, entry=None, weights=None):
    """Ages at loss or at the end of observation, in whole days or not, with late entry and weights where it pleases."""
    size = draw(st.integers(min_size, max_size))
    whole = draw(st.booleans())
    ages = st.integers(0, 20).map(float) if whole else st.floats(0, 20, allow_subnormal=False)
    ends = draw(hnp.arrays(float, size, elements=ages))
    late = draw(st.booleans()) if entry is None else entry
    begins = np.minimum(draw(hnp.arrays(float, size, elements=ages)), ends) if late else None
    weighted = draw(st.booleans()) if weights is None else weights
    return clm.Durations(
        ends,
        draw(hnp.arrays(bool, size)),
        entry=begins,
        weights=draw(hnp.arrays(float, size, elements=st.integers(1, 5).map(float))) if weighted else None,
    )


# Lifecycles ------------------------------------------------------------------------------------------------------

STAGES = ("A", "B", "C", "D")
KINDS = ("k", "l", "m")
GUARDED = "g"  # a kind that guards may name and no transition does
ALIEN = "x"  # a kind that nothing names, unless a timeout's `of` or `kinds` does
DAY_ZERO = datetime(2022, 1, 1, tzinfo=UTC)

lengths = st.sampled_from([1, 1, 2, 3, 5, 10, 20, 40]).map(lambda days: timedelta(days=days))
"""Lengths of timeouts: short against the gaps of `touchpoints`, so that deadlines fall on touchpoints."""

moments = st.integers(-5, 90).map(lambda days: DAY_ZERO + timedelta(days=days))
"""Instants before, among and after the touchpoints of `touchpoints`."""


@st.composite
def guards(draw, depth=2):
    """A condition on counts, totals, amounts, scores or channels."""
    what = draw(st.integers(0, 7 if depth else 4))
    sign = draw(st.sampled_from([">=", ">", "<=", "<", "==", "!="]))
    compare = getattr(operator, {">=": "ge", ">": "gt", "<=": "le", "<": "lt", "==": "eq", "!=": "ne"}[sign])
    if what <= 1:
        register = clm.when.count if what == 0 else clm.when.total
        return compare(register(draw(st.sampled_from([*KINDS, GUARDED]))), draw(st.integers(0, 4)))
    if what <= 3:
        return compare(clm.when.amount if what == 2 else clm.when.score, draw(st.integers(0, 3)))
    if what == 4:
        compare = draw(st.sampled_from([operator.eq, operator.ne]))
        return compare(clm.when.channel, draw(st.sampled_from(["web", "shop", "nowhere"])))
    first = draw(guards(depth=depth - 1))
    if what == 5:
        return ~first
    second = draw(guards(depth=depth - 1))
    return first & second if what == 6 else first | second


@st.composite
def timeouts(draw, names):
    """A timeout on any of the clocks."""
    source = draw(st.sampled_from(names))
    target = draw(st.sampled_from([name for name in names if name != source]))
    clock = draw(st.integers(0, 3))
    if clock == 0:
        return clm.Timeout(source, target, after=draw(lengths))
    if clock == 1:
        return clm.Timeout(source, target, idle=draw(lengths))
    if clock == 2:
        of = draw(st.lists(st.sampled_from([*KINDS, ALIEN]), min_size=1, max_size=2, unique=True))
        return clm.Timeout(source, target, idle=draw(lengths), of=of)
    return clm.Timeout(source, target, attribute=draw(st.sampled_from(["trial_end", "renewal"])))


@st.composite
def lifecycles(draw):
    """Any lifecycle of two to four stages that can be declared."""
    names = STAGES[: draw(st.integers(2, 4))]
    options = {
        "stages": [clm.Stage(name, rank=draw(st.none() | st.integers(0, 3))) for name in names],
        "initial": draw(st.sampled_from(names)),
        "kinds": draw(st.sampled_from([None, None, (ALIEN,)])),
        "backward": draw(st.sampled_from(["allow", "forbid"])),
    }
    transitions = {}
    for _ in range(draw(st.integers(0, 8))):
        transition = clm.Transition(
            draw(st.sampled_from([*names, "*"])),
            draw(st.sampled_from(KINDS)),
            draw(st.sampled_from([*names, "@previous"])),
            when=draw(st.none() | guards()),
            reenter=draw(st.booleans()),
        )
        transitions.setdefault((transition.source, transition.kind, transition.when), transition)
    lifecycle = clm.Lifecycle("any", transitions=list(transitions.values()), **options)
    for timeout in draw(st.lists(timeouts(names), max_size=5)):
        # Circles that would fire for ever cannot be declared: the timeout that closes one is left out.
        with suppress(clm.InvalidDataError):
            lifecycle = evolve(lifecycle, timeouts=[*lifecycle.timeouts, timeout])
    return lifecycle


@st.composite
def touchpoints(draw, customer_id="ann", *, max_size=15):
    """Touchpoints of one customer in order of time, many at one instant or a microsecond apart."""
    at = DAY_ZERO + timedelta(days=draw(st.integers(0, 60)))
    log = []
    for row in range(draw(st.integers(0, max_size))):
        at += timedelta(
            days=draw(st.sampled_from([0, 0, 1, 1, 2, 3, 5, 10, 20, 40, 80])),
            microseconds=draw(st.sampled_from([0, 0, 0, 0, 1])),
        )
        log.append(
            clm.Touchpoint(
                customer_id,
                at,
                draw(st.sampled_from([*KINDS, *KINDS, GUARDED, ALIEN])),
                amount=draw(st.none() | st.integers(0, 3)),
                score=draw(st.none() | st.integers(0, 3)),
                channel=draw(st.none() | st.sampled_from(["web", "shop"])),
                ref=f"{customer_id}{row}",
            )
        )
    return log


@st.composite
def customers(draw, customer_id="ann"):
    """A customer who may have been acquired, and may have the attributes that `timeouts` name."""
    attributes = {name: draw(st.none() | moments) for name in ("trial_end", "renewal")}
    return clm.Customer(customer_id, acquired_at=draw(st.none() | moments), attributes=attributes)


ends = st.sampled_from([0, 1, 30, 60, 90, 150, 400]).map(lambda days: DAY_ZERO + timedelta(days=days))
"""Ends of logs: before, among and long after the touchpoints of `touchpoints`."""


# Order and event logs ----------------------------------------------------------------------------------------------

WALL_ZERO = datetime(2024, 3, 20)  # noqa: DTZ001  # wall time; clocks in Berlin go forward eleven days later

wall_times = st.builds(
    lambda days, seconds, microseconds: WALL_ZERO + timedelta(days=days, seconds=seconds, microseconds=microseconds),
    st.integers(0, 40) | st.integers(200, 230),
    st.sampled_from([0, 0, 1, 5400, 7199, 7200, 9000, 10800, 43200, 86399]),
    st.sampled_from([0, 0, 0, 1, 999_999]),
)
"""Naive times, many at one instant, many around midnight and around the changes of Berlin's clock."""

cents = st.integers(-500, 2000) | st.sampled_from([0, 10, 20, 30, -30, 1999])
"""Amounts as whole cents, refunds among them."""


@st.composite
def order_logs(draw, *, min_size=1, max_size=25):
    """Orders as rows (customer id or None or blank, naive time or None, cents)."""
    ids = st.sampled_from(["ann", "bob", "cat", "Bob", "ann", "", " ", None])
    rows = st.tuples(ids, wall_times | wall_times | st.none(), cents)
    return [("ann", WALL_ZERO, 1000), *draw(st.lists(rows, min_size=min_size - 1, max_size=max_size - 1))]


@st.composite
def event_logs(draw, *, max_size=30):
    """Events as rows (customer id, naive time, kind or None), the first a sign-up."""
    rows = st.tuples(st.integers(-2, 4), wall_times, st.sampled_from(["signed_up", "order", "visit", None]))
    return [(0, WALL_ZERO + timedelta(days=9), "signed_up"), *draw(st.lists(rows, max_size=max_size))]
