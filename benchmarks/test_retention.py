"""Retention tables, flows and survival beside the usual recipe in pandas, a kernel by hand, and lifelines."""

from __future__ import annotations

import numpy as np
import pytest

import clm

WEEKS = 52
EVENTS = 3_000_000
MANY = 10_000_000
DURATIONS = 1_000_000
SEED = 0
BEGIN = np.datetime64("2024-01-01", "us")  # a Monday
THROUGH = "2024-12-29"
WEEKLY = clm.RetentionDefinition(period="week")


def log_of(events):
    """Events of customers who arrive all over 52 weeks, 20 each in the mean, ids not in the order of births."""
    rng = np.random.default_rng(SEED)
    customers = events // 20
    born = rng.uniform(0, WEEKS * 7, customers)
    life = rng.exponential(1 / rng.gamma(1.5, 1 / 60, customers))
    customer = rng.integers(0, customers, events)
    day = born[customer] + rng.random(events) * np.minimum(life, WEEKS * 7 - born)[customer]
    order = np.argsort(day, kind="stable")
    return customer[order], BEGIN + (day[order] * 86_400e6).astype("m8[us]")


@pytest.fixture(scope="module")
def events():
    pd = pytest.importorskip("pandas")
    customer, at = log_of(EVENTS)
    return pd.DataFrame({"customer_id": customer, "at": at})


@pytest.fixture(scope="module")
def many():
    customer, at = log_of(MANY)
    return {"customer_id": customer, "at": at}


def recipe(frame):
    """The one that tutorials teach."""
    frame = frame.copy()
    frame["week"] = frame["at"].dt.to_period("W-SUN")
    frame["cohort"] = frame.groupby("customer_id")["week"].transform("min")
    counts = frame.groupby(["cohort", "week"])["customer_id"].nunique().reset_index()
    ages = counts["week"].astype("int64") - counts["cohort"].astype("int64")
    return counts.assign(age=ages).pivot_table("customer_id", "cohort", "age", fill_value=0).to_numpy()


def kernel(customer, at):
    """Written by hand for this log alone: ids from 0 on, weeks from a Monday, no null anywhere, all within 52 weeks."""
    week = (at - BEGIN).astype(np.int64) // (7 * 86_400_000_000)
    present = np.zeros((int(customer.max()) + 1, WEEKS), bool)
    present.ravel()[customer * WEEKS + week] = True
    there = present[present.any(axis=1)]
    cohort = there.argmax(axis=1)
    who, when = np.nonzero(there)
    return np.bincount(cohort[who] * WEEKS + when - cohort[who], minlength=WEEKS * WEEKS).reshape(WEEKS, WEEKS)


def median(cpu_seconds, function, *arguments, **options):
    return sorted(cpu_seconds(function, *arguments, **options)[0] for _ in range(5))[2]


def report(benchmark, what, ours, theirs, peer, **more):
    benchmark.extra_info |= more | {
        "seed": SEED,
        "cpu_seconds": round(ours, 4),
        f"{peer}_cpu_seconds": round(theirs, 4),
        "times_as_fast": round(theirs / ours, 2),
    }
    print(f"\n{what}: {ours:.3f} s of CPU, {peer} {theirs:.3f} s: {theirs / ours:.2f} times as fast")


@pytest.mark.parametrize("ids", ["whole numbers", "text"])
def test_table_beside_the_usual_recipe(benchmark, cpu_seconds, events, ids):
    if ids == "text":
        events = events.assign(customer_id=events["customer_id"].astype(str))
    theirs, expected = cpu_seconds(recipe, events)
    table = clm.retention_table(events, WEEKLY, through=THROUGH)
    np.testing.assert_array_equal(table.rectangle(), expected)
    ours = median(cpu_seconds, clm.retention_table, events, WEEKLY, through=THROUGH)
    benchmark.pedantic(clm.retention_table, (events, WEEKLY), {"through": THROUGH}, rounds=3)
    report(benchmark, f"table, ids as {ids}", ours, theirs, "pandas", events=EVENTS)


def test_table_beside_a_kernel_by_hand(benchmark, cpu_seconds, many):
    expected = kernel(customer=many["customer_id"], at=many["at"])
    table = clm.retention_table(many, WEEKLY, through=THROUGH)
    np.testing.assert_array_equal(table.rectangle(), expected)
    theirs = median(cpu_seconds, kernel, many["customer_id"], many["at"])
    ours = median(cpu_seconds, clm.retention_table, many, WEEKLY, through=THROUGH)
    benchmark.pedantic(clm.retention_table, (many, WEEKLY), {"through": THROUGH}, rounds=3)
    report(benchmark, "table of 10 million", ours, theirs, "kernel", events=MANY)


def flows(log):
    """Lifecycle flows, stickiness and on-or-after, each from the log."""
    later = clm.RetentionDefinition(period="week", rule="on_or_after")
    return (
        clm.growth_accounting(log, period="week", through=THROUGH),
        clm.stickiness(log, period="week", through=THROUGH),
        clm.retention_table(log, later, through=THROUGH),
    )


def test_flows_stickiness_and_on_or_after(benchmark, cpu_seconds, many):
    growth, sticky, later = flows(many)
    assert growth.new.sum() == sticky.customers == later.sizes.sum()
    assert (later.rectangle().sum(axis=0)[1:] <= later.rectangle().sum(axis=0)[:-1]).all()
    ours = median(cpu_seconds, flows, many)
    benchmark.pedantic(flows, (many,), rounds=3)
    benchmark.extra_info |= {"events": MANY, "seed": SEED, "cpu_seconds": round(ours, 3)}
    print(f"\nflows, stickiness and on-or-after of 10 million: {ours:.3f} s of CPU")


def curve_with_band(days, lost):
    curve = clm.kaplan_meier(clm.Durations(days, lost))
    return curve, curve.confidence_interval()


def test_kaplan_meier_beside_lifelines(benchmark, cpu_seconds):
    lifelines = pytest.importorskip("lifelines", reason='the peer needs pip install "clm[peers]"')
    rng = np.random.default_rng(SEED)
    days = np.ceil(rng.exponential(200, DURATIONS)).clip(max=730)
    lost = rng.random(DURATIONS) < 0.7
    theirs, fitted = cpu_seconds(lifelines.KaplanMeierFitter().fit, days, lost)
    curve, (low, high) = curve_with_band(days, lost)
    np.testing.assert_allclose(fitted.survival_function_.loc[curve.times].to_numpy()[:, 0], curve.value, rtol=1e-9)
    band = fitted.confidence_interval_.loc[curve.times].to_numpy()
    inside = curve.value > 0
    np.testing.assert_allclose(band[inside], np.column_stack([low, high])[inside], rtol=1e-6)
    ours = median(cpu_seconds, curve_with_band, days, lost)
    theirs = min(theirs, *(cpu_seconds(lifelines.KaplanMeierFitter().fit, days, lost)[0] for _ in range(2)))
    benchmark.pedantic(curve_with_band, (days, lost), rounds=3)
    report(benchmark, "Kaplan-Meier with band", ours, theirs, "lifelines", durations=DURATIONS)
