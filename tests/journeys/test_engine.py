"""Whole columns at once give the visits of the scalar machine, instant for instant."""

from __future__ import annotations

import operator
from contextlib import contextmanager, suppress
from datetime import timedelta

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import ALIEN, DAY_ZERO, GUARDED, KINDS, ends, lifecycles

from clm import InvalidDataError, Lifecycle, Stage, Timeout, Transition, when
from clm.journeys import Coded, _engine, replay_arrays
from clm.journeys._compile import program_of

DAY = 86_400_000_000
ZERO = int(DAY_ZERO.timestamp()) * 1_000_000
MISSING = np.iinfo(np.int64).min
EVERY = np.array([*KINDS, *KINDS, GUARDED, ALIEN])
LENGTHS = (1, 2, 3, 5, 10)
"""Days: of timeouts, of gaps, and from the last touchpoint to the end, so that deadlines meet all of them."""


@contextmanager
def engine(columns, *, block=None, few=None, long=None):
    """Replay by whole columns whatever the size, or touchpoint by touchpoint; with other sizes where given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_engine, "_program_for", lambda machine, log: program_of(machine) if columns else None)
        if block is not None:
            patch.setattr(_engine, "BLOCK", block)
        for module in ("_kernel_idle.FEW", "_kernel_clocks.FEW", "_symbols._FEW") if few is not None else ():
            patch.setattr(f"clm.journeys.{module}", few)
        if long is not None:
            patch.setattr("clm.journeys._kernel_clocks._LONG", long)
        yield


def a_condition(rng, depth=2):
    """A condition on anything that conditions can look at."""
    what = rng.integers(8 if depth else 5)
    number = int(rng.integers(4))
    compare = rng.choice([operator.ge, operator.gt, operator.le, operator.lt, operator.eq, operator.ne])
    if what < 2:
        register = (when.count, when.total)[what]
        return compare(register(str(rng.choice([*KINDS, GUARDED]))), number)
    if what < 4:
        return compare((when.amount, when.score)[what - 2], number)
    if what == 4:
        return (operator.eq, operator.ne)[number % 2](when.channel, str(rng.choice(["web", "shop", "nowhere"])))
    first = a_condition(rng, depth - 1)
    if what == 5:
        return ~first
    second = a_condition(rng, depth - 1)
    return first & second if what == 6 else first | second


def a_lifecycle(seed, *, idle=False):
    """A lifecycle with more in it than small examples have; with `idle`, no clock but the silence of all kinds."""
    rng = np.random.default_rng(seed)
    names = list("ABCD"[: rng.integers(2, 5)])

    def one_of(options):
        return options[rng.integers(len(options))]

    transitions = {}
    for _ in range(rng.integers(2, 11)):
        condition = a_condition(rng) if rng.random() < 0.4 else None
        source, kind = one_of([*names, *names, "*"]), one_of(KINDS)
        target = one_of([*names, *names, "@previous"])
        transitions[source, kind, condition] = Transition(
            source, kind, target, when=condition, reenter=rng.random() < 0.3
        )
    lifecycle = Lifecycle(
        "any",
        stages=[Stage(name, rank=one_of([None, 0, 1, 2])) for name in names],
        initial=one_of(names),
        transitions=list(transitions.values()),
        kinds=one_of([None, None, (ALIEN,)]),
        backward=one_of(["allow", "allow", "forbid"]),
    )
    for _ in range(rng.integers(1, 8)):
        source = one_of(names)
        length = timedelta(days=one_of(LENGTHS))
        clock = {"idle": length} if idle else one_of(
            [
                {"after": length},
                {"idle": length},
                {"idle": length, "of": one_of([("k",), ("l", "m"), (ALIEN,)])},
                {"attribute": one_of(["trial_end", "renewal"])},
            ]
        )  # fmt: skip
        timeout = Timeout(source, one_of([name for name in names if name != source]), **clock)
        # Circles that would fire for ever cannot be declared: the timeout that closes one is left out.
        with suppress(InvalidDataError):
            lifecycle = evolve(lifecycle, timeouts=[*lifecycle.timeouts, timeout])
    return lifecycle


def a_log(seed, customers, *, heavy=0):
    """Touchpoints of many customers, and what is known of them."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([0, 1, 1, 2, 3, 5, 8, 20], customers)
    if heavy:
        sizes[rng.integers(customers)] = heavy
    customer = np.repeat(np.arange(customers), sizes)
    size = len(customer)
    gaps = rng.choice([0, 0, 1, 1, *LENGTHS, 20], size) * DAY + (rng.random(size) < 0.1)
    at = np.cumsum(gaps)
    begin = ZERO + rng.integers(0, 30, customers) * DAY
    at += begin[customer] - np.concatenate([[0], at])[np.cumsum(sizes) - sizes][customer]
    order = (rng.permutation(size), np.argsort(at, kind="stable"), np.arange(size))[rng.integers(3)]

    def sometimes(values, share):
        return np.where(rng.random(len(values)) < share, values, np.nan)

    def days(share):
        found = ZERO + rng.integers(-5, 40, customers) * DAY
        return np.where(rng.random(customers) < share, found, MISSING)

    return {
        "customer": Coded(customer[order], np.arange(customers) + 100),
        "at": at[order],
        "kind": rng.choice(EVERY, size)[order],
        # Binary fractions that do not add up to whole numbers exactly: conditions compare with whole numbers.
        "amount": sometimes(rng.choice([0, 1, 2, -1, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.9], size), 0.8)[order],
        "score": sometimes(rng.integers(0, 4, size), 0.7)[order],
        "channel": Coded(rng.integers(-2, 2, size)[order], np.array(["shop", "web"])),
        "ref": np.arange(size),
        "acquired_at": days(0.4) if rng.random() < 0.6 else None,
        "attributes": {"trial_end": days(0.7), "renewal": days(0.5)} if rng.random() < 0.8 else {},
    }


def an_end(seed, log):
    """Return the end of a log: at its last touchpoint, a timeout's length later, or somewhere in it."""
    rng = np.random.default_rng(seed)
    at = log["at"] if len(log["at"]) else np.array([ZERO])
    return int(rng.choice([at.max(), at.max(), rng.choice(at)]) + rng.choice([0, *LENGTHS]) * DAY)


def replayed(lifecycle, log, through, *, max_visits=10_000):
    """Return everything that a replay returns; of customers with too many visits, the error."""
    try:
        found = replay_arrays(
            lifecycle, **log, through=through, illegal="record", unknown="record", max_visits=max_visits
        )
    except InvalidDataError as error:
        return str(error)
    visits = found.visits
    names = ("customer_id", "stage", "entered_at", "exited_at", "cause", "ref")
    columns = {name: visits[name].tolist() for name in names}
    columns |= {"next_at": found.next_at.tolist(), "next_stage": found.next_stage.tolist()}
    columns |= {f"illegal {name}": column.tolist() for name, column in found.illegal.items()}
    return columns | {"customers": found.customer.tolist(), "illegal": found.n_illegal, "ties": found.ties}


def check(lifecycle, log, through, *, max_visits=10_000, **sizes):
    with engine(columns=False):
        expected = replayed(lifecycle, log, through, max_visits=max_visits)
    with engine(columns=True, **sizes):
        found = replayed(lifecycle, log, through, max_visits=max_visits)
    assert found == expected


seeds = st.integers(0, 2**32 - 1)
sizes = st.fixed_dictionaries(
    {
        "block": st.sampled_from([1, 3, 10, 1 << 18]),
        "few": st.sampled_from([0, 1, 64]),
        "long": st.sampled_from([0, 2, 8]),
    }
)


class TestConsistency:
    @given(seeds, sizes)
    @settings(max_examples=250)
    def test_any_lifecycle(self, seed, sizes):
        log = a_log(seed, 6)
        check(a_lifecycle(seed), log, an_end(seed, log), **sizes)

    @given(seeds, sizes)
    @settings(max_examples=150)
    def test_silence_of_all_kinds_alone(self, seed, sizes):
        log = a_log(seed, 6)
        check(a_lifecycle(seed, idle=True), log, an_end(seed, log), **sizes)

    @given(lifecycles(), seeds, ends, sizes)
    @settings(max_examples=100)
    def test_small_lifecycles(self, lifecycle, seed, through, sizes):
        check(lifecycle, a_log(seed, 6), int(through.timestamp()) * 1_000_000, **sizes)

    @given(seeds, st.sampled_from([1, 64]), st.booleans())
    @settings(max_examples=40)
    def test_crowds_with_one_heavy_customer(self, seed, few, idle):
        log = a_log(seed, 90, heavy=300)
        check(a_lifecycle(seed, idle=idle), log, an_end(seed, log), few=few)

    @given(seeds, sizes, st.integers(1, 30))
    @settings(max_examples=60)
    def test_too_many_visits(self, seed, sizes, max_visits):
        log = a_log(seed, 6)
        check(a_lifecycle(seed), log, an_end(seed, log), max_visits=max_visits, **sizes)

    @pytest.mark.slow
    @given(seeds, sizes, st.booleans(), st.sampled_from([0, 0, 0, 300]))
    @settings(max_examples=20_000)
    def test_at_length(self, seed, sizes, idle, heavy):
        log = a_log(seed, 80 if heavy else 6, heavy=heavy)
        check(a_lifecycle(seed, idle=idle), log, an_end(seed, log), **sizes)
