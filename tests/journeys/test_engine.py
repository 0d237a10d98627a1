"""Whole columns at once give the visits of the scalar machine, instant for instant."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import ALIEN, DAY_ZERO, GUARDED, KINDS, ends, lifecycles

from clm import InvalidDataError, Lifecycle
from clm.journeys import Coded, _engine, replay_arrays
from clm.journeys._compile import program_of

DAY = 86_400_000_000
ZERO = int(DAY_ZERO.timestamp()) * 1_000_000
MISSING = np.iinfo(np.int64).min
EVERY = np.array([*KINDS, *KINDS, GUARDED, ALIEN])
SHORT = np.array([0, 0, 0, 1, 1, 2, 3, 5, 10, 20, 40, 80]) * DAY
LONG = np.array([0, 0, 1, 2, 400]) * DAY


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


def a_log(seed, customers, *, heavy=0, unsorted=True):
    """Touchpoints of many customers, whose gaps, attributes and acquisitions come from one small set of days.

    Exact ties of deadlines with touchpoints, with each other and with the end of the log are frequent that way.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.choice([0, 1, 1, 2, 3, 5, 8, 20], customers)
    if heavy:
        sizes[rng.integers(customers)] = heavy
    customer = np.repeat(np.arange(customers), sizes)
    size = len(customer)
    gaps = rng.choice(SHORT if rng.random() < 0.8 else LONG, size) + (rng.random(size) < 0.15)
    begin = rng.integers(0, 60, customers) * DAY
    at = np.cumsum(gaps)
    at += (ZERO + begin)[customer] - np.concatenate([[0], at])[np.cumsum(sizes) - sizes][customer]
    order = rng.permutation(size) if unsorted and rng.random() < 0.5 else np.argsort(at, kind="stable")
    order = np.arange(size) if rng.random() < 0.2 else order

    def sometimes(values, share):
        return np.where(rng.random(len(values)) < share, values, np.nan)

    def days(share):
        found = ZERO + rng.integers(-5, 90, customers) * DAY
        return np.where(rng.random(customers) < share, found, MISSING)

    return {
        "customer": Coded(customer[order], np.arange(customers) + 100),
        "at": at[order],
        "kind": rng.choice(EVERY, size)[order],
        "amount": sometimes(rng.choice([0, 1, 2, 3, 0.1, 0.2, -0.7], size), 0.7)[order],
        "score": sometimes(rng.integers(0, 4, size), 0.7)[order],
        "channel": Coded(rng.integers(-2, 2, size)[order], np.array(["shop", "web"])),
        "ref": np.arange(size),
        "acquired_at": days(0.4) if rng.random() < 0.6 else None,
        "attributes": {"trial_end": days(0.6), "renewal": days(0.3)} if rng.random() < 0.8 else {},
    }


def microseconds(at):
    return int(at.timestamp()) * 1_000_000


def replayed(lifecycle, log, through, *, max_visits=10_000):
    """Return everything that a replay returns; of customers with too many visits, the error."""
    try:
        found = replay_arrays(
            lifecycle, **log, through=microseconds(through), illegal="record", unknown="record", max_visits=max_visits
        )
    except InvalidDataError as error:
        return str(error)
    columns = {name: column.tolist() for name, column in found.visits.items()}
    columns |= {"next_at": found.next_at.tolist(), "next_stage": found.next_stage.tolist()}
    columns |= {f"illegal {name}": column.tolist() for name, column in found.illegal.items()}
    return columns | {"customers": found.customer.tolist(), "illegal": found.n_illegal, "ties": found.ties}


def check(lifecycle, log, through, *, max_visits=10_000, **sizes):
    with engine(columns=False):
        expected = replayed(lifecycle, log, through, max_visits=max_visits)
    with engine(columns=True, **sizes):
        found = replayed(lifecycle, log, through, max_visits=max_visits)
    assert found == expected


def idle_only(lifecycle):
    """The same lifecycle with those timeouts alone that all kinds reset."""
    timeouts = [timeout for timeout in lifecycle.timeouts if timeout.idle is not None and timeout.of is None]
    return Lifecycle(
        lifecycle.name,
        stages=lifecycle.stages,
        initial=lifecycle.initial,
        transitions=lifecycle.transitions,
        timeouts=timeouts,
        kinds=lifecycle.kinds,
        backward=lifecycle.backward,
    )


seeds = st.integers(0, 2**32 - 1)
sizes = st.fixed_dictionaries(
    {
        "block": st.sampled_from([1, 3, 10, 1 << 18]),
        "few": st.sampled_from([0, 1, 2, 64]),
        "long": st.sampled_from([0, 2, 8]),
    }
)


class TestConsistency:
    @given(lifecycles(), seeds, ends, sizes)
    @settings(max_examples=350)
    def test_any_lifecycle(self, lifecycle, seed, through, sizes):
        check(lifecycle, a_log(seed, 6), through, **sizes)

    @given(lifecycles(), seeds, ends, sizes)
    @settings(max_examples=150)
    def test_silence_of_all_kinds_alone(self, lifecycle, seed, through, sizes):
        check(idle_only(lifecycle), a_log(seed, 6), through, **sizes)

    @given(lifecycles(), seeds, ends, st.sampled_from([1, 64]))
    @settings(max_examples=60)
    def test_crowds_with_one_heavy_customer(self, lifecycle, seed, through, few):
        check(lifecycle, a_log(seed, 90, heavy=300), through, few=few)

    @given(lifecycles(), seeds, ends, sizes, st.integers(1, 30))
    @settings(max_examples=60)
    def test_too_many_visits(self, lifecycle, seed, through, sizes, max_visits):
        check(lifecycle, a_log(seed, 6), through, max_visits=max_visits, **sizes)

    @pytest.mark.slow
    @given(lifecycles(), seeds, ends, sizes, st.sampled_from([0, 0, 300]))
    @settings(max_examples=20_000)
    def test_at_length(self, lifecycle, seed, through, sizes, heavy):
        for machine in (lifecycle, idle_only(lifecycle)):
            check(machine, a_log(seed, 80 if heavy else 6, heavy=heavy), through, **sizes)
