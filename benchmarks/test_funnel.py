"""Funnels of a million events beside the recipe that analysts write in pandas: a merge and a groupby a step."""

from __future__ import annotations

import numpy as np
import pytest

import clm

EVENTS = 1_000_000
SEED = 0
KINDS = np.array(["visit", "signed_up", "activated", "order", "email_opened"])
SHARES = (0.5, 0.1, 0.15, 0.1, 0.15)
STEPS = ["visit", "signed_up", "order"]
WINDOW = "14d"
THROUGH = "2024-12-31"


def log(events, each=20):
    """A year of events, so many a customer, in no order; ids are whole numbers."""
    rng = np.random.default_rng(SEED)
    return {
        "customer_id": rng.integers(0, events // each, events),
        "at": np.datetime64("2024-01-01", "us") + rng.integers(0, 365 * 86_400 * 10**6, events).astype("m8[us]"),
        "kind": KINDS[rng.choice(len(KINDS), events, p=SHARES)],
    }


@pytest.fixture(scope="module")
def events():
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(log(EVENTS))


def recipe(events, pd):
    """Follow every attempt from step to step, then take each customer's furthest."""
    attempts = events.loc[events["kind"] == STEPS[0], ["customer_id", "at"]].reset_index(drop=True)
    attempts["began"], attempts["taken"] = attempts["at"], 1
    for step in STEPS[1:]:
        later = events.loc[events["kind"] == step, ["customer_id", "at"]]
        waiting = attempts[attempts["at"].notna()].reset_index()
        pairs = waiting.merge(later, on="customer_id", suffixes=("", "_next"))
        within = pairs["at_next"] - pairs["began"] <= pd.Timedelta(days=14)
        pairs = pairs[(pairs["at_next"] >= pairs["at"]) & within]
        attempts["at"] = pairs.groupby("index")["at_next"].min()
        attempts["taken"] += attempts["at"].notna()
    furthest = attempts.groupby("customer_id")["taken"].max()
    return [int((furthest >= taken).sum()) for taken in range(1, len(STEPS) + 1)]


@pytest.mark.parametrize("each", [20, 200])
def test_ordered_beside_pandas(benchmark, cpu_seconds, each):
    pd = pytest.importorskip("pandas")
    events = pd.DataFrame(log(EVENTS, each))
    theirs, counts = cpu_seconds(recipe, events, pd)
    funnel = clm.funnel(events, STEPS, window=WINDOW, through=THROUGH)
    assert funnel.counts.tolist() == counts
    ours = sorted(cpu_seconds(clm.funnel, events, STEPS, window=WINDOW, through=THROUGH)[0] for _ in range(5))[2]
    benchmark.pedantic(clm.funnel, (events, STEPS), {"window": WINDOW, "through": THROUGH}, rounds=3)
    benchmark.extra_info |= {
        "events": EVENTS,
        "events_a_customer": each,
        "entrants": funnel.n,
        "seed": SEED,
        "cpu_seconds": round(ours, 3),
        "pandas_cpu_seconds": round(theirs, 3),
        "times_as_fast": round(theirs / ours, 1),
    }
    print(f"\n{each} events a customer: {ours:.2f} s of CPU, pandas {theirs:.2f} s: {theirs / ours:.1f} times as fast")


@pytest.mark.parametrize("rule", ["ordered", "strict", "unordered"])
def test_rules(benchmark, events, rule):
    benchmark.extra_info |= {"events": EVENTS, "seed": SEED}
    options = {"rule": rule, "window": WINDOW, "through": THROUGH}
    assert benchmark.pedantic(clm.funnel, (events, STEPS), options, rounds=3).n > 0


@pytest.mark.parametrize("engine", ["polars", "polars_lazy", "duckdb"])
def test_other_frames(benchmark, events, engine):
    pl = pytest.importorskip("polars")
    frame = pl.from_pandas(events)
    if engine == "polars_lazy":
        frame = frame.lazy()
    elif engine == "duckdb":
        frame = pytest.importorskip("duckdb").from_arrow(frame.to_arrow())
    benchmark.extra_info |= {"events": EVENTS, "seed": SEED}
    options = {"window": WINDOW, "through": THROUGH}
    funnel = benchmark.pedantic(clm.funnel, (frame, STEPS), options, rounds=3)
    assert funnel == clm.funnel(events, STEPS, **options)


@pytest.mark.slow
def test_ten_million_events(benchmark, cpu_seconds):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(log(10_000_000))
    seconds, funnel = cpu_seconds(clm.funnel, frame, STEPS, window=WINDOW, through=THROUGH)
    benchmark.pedantic(clm.funnel, (frame, STEPS), {"window": WINDOW, "through": THROUGH}, rounds=1)
    benchmark.extra_info |= {"events": 10_000_000, "entrants": funnel.n, "cpu_seconds": round(seconds, 2)}
    print(f"\nten million events: {seconds:.1f} s of CPU")
