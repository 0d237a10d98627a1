"""Cases of other projects' own test suites; `tests/references/retention_cases.md` says whose."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.frames.engines import LAZY

import clm

CASES = json.loads((Path(__file__).parents[1] / "references" / "retention_cases.json").read_text(encoding="utf-8"))
BY_METRIC = {}
for case in CASES["cases"]:
    BY_METRIC.setdefault(case["metric"], []).append(case)


def of(metric):
    return pytest.mark.parametrize("case", BY_METRIC[metric], ids=lambda case: case["id"])


def columns(case):
    customer, kind, at = zip(*case["events"], strict=True)
    return {"customer_id": list(customer), "kind": list(kind), "at": [datetime.fromisoformat(time) for time in at]}


def week_of(day, query):
    """The date on which the week of a day starts."""
    return day - timedelta(days=(day.weekday() + 1) % 7 if query["week_start"] == "sunday" else day.weekday())


def first_row(query):
    """The date on which the first row's period starts: stated, or so many periods before the last."""
    if query["first_period"]:
        return query["first_period"]
    last = datetime.fromisoformat(query["last_period"])
    back = query["n_cohorts"] - 1
    if query["period"] == "month":
        months = last.year * 12 + last.month - 1 - back
        return f"{months // 12}-{months % 12 + 1:02}-01"
    step = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[query["period"]]
    start = last - back * step
    if query["period"] == "hour":
        return start.replace(minute=0, second=0)
    return week_of(start, query).date() if query["period"] == "week" else start.date()


def definition_of(query):
    return clm.RetentionDefinition(
        period=query["period"],
        entry="first" if query["cohort"] == "first_time" else "recurring",
        clock="own" if query["window"] == "rolling24h" else "calendar",
        rule=query["mode"],
        brackets=query.get("brackets"),
        minimum=query["min_occurrences"],
        week_start=query["week_start"],
        tz=query["tz"],
        start_kind=query["start_event"],
        return_kind=query["return_event"],
    )


def last_moment(query):
    """The end of the last period: the query names a day in it."""
    if query["period"] != "week":
        return query["last_period"]
    return (week_of(datetime.fromisoformat(query["last_period"]), query) + timedelta(days=6)).date()


@of("retention")
def test_retention(case, frame):
    query = case["query"]
    table = clm.retention_table(
        frame(columns(case)), definition_of(query), start=first_row(query), through=last_moment(query)
    )
    rows, width = query["n_cohorts"], len(query.get("brackets") or [0] * (query["n_intervals"] - 1)) + 1
    counts = table.retained[:rows, :width].tolist()
    found = [[cell for cell in row if cell >= 0] for row in counts]
    expected = [row[: len(stated)] for row, stated in zip(found, case["expected"], strict=True)]
    assert expected == case["expected"]


@of("lifecycle")
def test_lifecycle(case, frame):
    query = case["query"]
    flows = clm.growth_accounting(
        frame(columns(case)),
        period=query["period"],
        start=query["first_period"],
        through=query["last_period"],
        week_start=query["week_start"],
        tz=query["tz"],
    )
    expected = case["expected"]
    assert flows.new.tolist() == expected["new"]
    assert flows.retained.tolist() == expected["returning"]
    assert flows.resurrected.tolist() == expected["resurrecting"]
    assert (-flows.dormant).tolist() == expected["dormant"]


@of("stickiness")
def test_stickiness(case, frame):
    query, log = case["query"], columns(case)
    kept = [row for row, kind in enumerate(log["kind"]) if kind == query["event"]]
    log = {name: [values[row] for row in kept] for name, values in log.items()}
    found = clm.stickiness(
        frame(log),
        period=query["period"],
        start=query["first_period"],
        through=query["last_period"],
        week_start=query["week_start"],
    )
    assert dict(found.counts) == {int(d): n for d, n in case["expected"].items()}


@of("km")
def test_kaplan_meier(case):
    query, expected = case["query"], case["expected"]
    durations = clm.Durations(
        np.array(query["duration"], float),
        np.array(query["event"], bool),
        entry=query.get("entry"),
        weights=query.get("weight"),
    )
    curve = clm.kaplan_meier(durations)
    for t, survival in expected["survival_at"].items():
        assert curve.at(float(t)).value == pytest.approx(survival, rel=expected["rtol"], abs=1e-12)
    for t, (low, high) in expected.get("loglog95", {}).items():
        interval = curve.at(float(t)).confidence_interval(0.95)
        assert (interval.low, interval.high) == pytest.approx((low, high), rel=expected["loglog_rtol"])


@of("sbg")
def test_shifted_beta_geometric(case):
    query, expected = case["query"], case["expected"]
    fit = clm.ShiftedBetaGeometric().fit(query["survivors_per_1000"][: query["fit_periods"] + 1])
    assert fit.params["alpha"] == pytest.approx(expected["alpha"], abs=expected["tol"])
    assert fit.params["beta"] == pytest.approx(expected["beta"], abs=expected["tol"])


def test_every_case_runs_here_or_with_the_funnels():
    here = {"retention", "lifecycle", "stickiness", "km", "sbg"}
    assert set(BY_METRIC) - here == {"funnel", "funnel_level", "transition"}


@pytest.mark.parametrize("engine", LAZY)
@pytest.mark.parametrize("case", BY_METRIC["retention"][::3], ids=lambda case: case["id"])
def test_lazy_frames_give_the_same(case, engine):
    pytest.importorskip("pyarrow")
    query = case["query"]
    asked = {"start": first_row(query), "through": last_moment(query)}
    lazy = clm.retention_table(LAZY[engine](columns(case), None), definition_of(query), **asked)
    eager = clm.retention_table(columns(case), definition_of(query), **asked)
    np.testing.assert_array_equal(lazy.retained, eager.retained)
