"""How far customers got on the ranked stages, by every rule, with and without a window."""

# ruff: noqa: DTZ001  # wall times are what is tested

from __future__ import annotations

import json
import pickle
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journeys.test_replay_arrays import days, logs, replayed
from tests.strategies import ends, lifecycles

import clm

STAGES = ("created", "lead", "opportunity", "customer")
SALES = clm.Lifecycle(
    "sales",
    stages=[*(clm.Stage(name, rank=rank) for rank, name in enumerate(STAGES, 1)), "lost"],
    initial="created",
    transitions=[clm.Transition("*", name, name) for name in (*STAGES, "lost")],
)


def sales(through=365, **trails):
    """A log of trails: the day of each touchpoint, and its kind by first letter."""
    kinds = {name[:2]: name for name in (*STAGES, "lost")}
    rows = [(who, day, kinds[kind]) for who, trail in trails.items() for day, kind in trail]
    return clm.replay(
        {
            "customer_id": [who for who, _, _ in rows],
            "at": days(*(day for _, day, _ in rows)),
            "kind": [kind for _, _, kind in rows],
        },
        SALES,
        through=days(through)[0],
    )


LOG = sales(
    ann=[(0, "cr"), (1, "le"), (2, "op"), (3, "cu")],
    bob=[(0, "cr"), (5, "le"), (9, "cu")],  # skips opportunity
    cem=[(0, "cr"), (1, "le"), (2, "cu"), (40, "op")],  # the wrong way round
    dan=[(360, "cr"), (361, "le")],
)


class TestRules:
    def test_reached_counts_those_who_skipped(self):
        assert LOG.funnel("reached").counts.tolist() == [4, 4, 3, 3]

    def test_any_counts_visits(self):
        funnel = LOG.funnel("any")
        assert funnel.counts.tolist() == [4, 4, 2, 3]
        # Customers by those at the stage before: ann alone of ann and cem, and cem at last, was in both.
        assert funnel.step_conversion.value.tolist() == [1, 1, 0.5, 1]
        assert funnel.conversion.value.tolist() == [1, 1, 0.5, 0.75]

    def test_strict_asks_for_every_stage_in_order(self):
        funnel = LOG.funnel("strict")
        assert funnel.counts.tolist() == [4, 4, 2, 1]
        assert funnel.step_conversion.value.tolist() == [1, 1, 0.5, 0.5]

    def test_who_skips_a_stage_leaves_the_strict_funnel(self):
        # HubSpot's own example of contacts that go through all stages: created, lead, customer without opportunity
        # counts in created and lead only.
        log = sales(x=[(0, "cr"), (1, "le"), (2, "cu")])
        assert log.funnel("strict").counts.tolist() == [1, 1, 0, 0]

    def test_strictly_a_later_round_may_go_through(self):
        log = sales(x=[(0, "cr"), (1, "cu"), (2, "lo"), (3, "le"), (4, "op"), (5, "cu")])
        assert log.funnel("strict").counts.tolist() == [1, 1, 1, 1]

    def test_strictly_the_lowest_stage_opens_the_funnel(self):
        lifecycle = clm.Lifecycle(
            "late",
            stages=["new", clm.Stage("A", rank=1), clm.Stage("B", rank=2)],
            initial="new",
            transitions=[clm.Transition("*", kind, kind.upper()) for kind in "ab"],
        )
        events = {"customer_id": [1, 2, 2, 3], "at": days(0, 0, 1, 0), "kind": ["b", "a", "b", "a"]}
        log = clm.replay(events, lifecycle)
        assert log.funnel("strict").counts.tolist() == [2, 1]
        assert log.funnel("reached").counts.tolist() == [3, 2]
        assert log.funnel("any").counts.tolist() == [2, 2]
        assert log.funnel("any").conversion.value.tolist() == pytest.approx([2 / 3, 2 / 3])

    @pytest.mark.parametrize(
        ("rule", "counts"), [("reached", [5, 3, 3, 2]), ("strict", [5, 2, 2, 1]), ("any", [5, 2, 2, 2])]
    )
    def test_stages_of_one_rank_stand_side_by_side(self, rule, counts):
        lifecycle = clm.Lifecycle(
            "fork",
            stages=[clm.Stage("A", rank=1), clm.Stage("X", rank=2), clm.Stage("Y", rank=2), clm.Stage("Z", rank=3)],
            initial="A",
            transitions=[clm.Transition("*", kind, kind.upper()) for kind in "xyz"],
            kinds=["a"],
        )
        # 1: A X; 2: A Y; 3: A Y X Z; 4: A Z; 5: A.
        trails = {1: "x", 2: "y", 3: "yxz", 4: "z", 5: "a"}
        rows = [(who, place, kind) for who, trail in trails.items() for place, kind in enumerate(trail)]
        who, at, kind = map(list, zip(*rows, strict=True))
        log = clm.replay({"customer_id": who, "at": days(*at), "kind": kind}, lifecycle)
        assert log.funnel(rule).counts.tolist() == counts

    @pytest.mark.parametrize("rule", ["reached", "strict", "any"])
    def test_visits_of_length_zero_count(self, rule):
        log = sales(x=[(0, "cr"), (0, "le"), (0, "op"), (0, "cu"), (0, "lo")])
        assert log.funnel(rule).counts.tolist() == [1, 1, 1, 1]
        assert log.funnel(rule, window="1d").counts.tolist() == [1, 1, 1, 1]


class TestWindows:
    def test_visits_count_from_entry_to_its_end(self):
        log = sales(x=[(0, "cr"), (7, "le"), (8, "cu")], y=[(100, "cr"), (107, "le")])
        for rule, counts in (("reached", [2, 2, 0, 0]), ("strict", [2, 2, 0, 0]), ("any", [2, 2, 0, 0])):
            assert log.funnel(rule, window="7d").counts.tolist() == counts
            assert log.funnel(rule, window=timedelta(days=6, hours=23)).counts.tolist() == [2, 0, 0, 0]
        assert log.funnel(window="8d").counts.tolist() == [2, 2, 1, 1]

    def test_open_windows_are_no_failures(self):
        funnel = LOG.funnel("reached", window="30d")
        assert funnel.counts.tolist() == [4, 4, 3, 3]
        assert (funnel.n, funnel.open_windows) == (4, 1)
        assert funnel.conversion.value.tolist() == [1, 1, 1, 1]
        assert funnel.conversion.n.tolist() == [3, 3, 3, 3]
        assert funnel.conversion.caveats == funnel.caveats
        assert "1 of the customers are still open" in funnel.caveats[0]
        assert repr(funnel).endswith("; 1 window open>")
        # Wilson for three of three at 95 %: 3 / (3 + z2).
        assert funnel.conversion.confidence_interval().low[3] == pytest.approx(3 / (3 + 3.8414588), abs=1e-7)

    def test_it_closes_at_the_end_of_the_log(self):
        log = sales(through=10, x=[(0, "cr"), (1, "le")])
        assert log.funnel(window="10d").open_windows == 0
        late = log.funnel(window=timedelta(days=10, microseconds=1))
        assert late.open_windows == 1
        assert late.conversion.undefined.tolist() == ["no customer's window has closed yet"] * 4
        assert np.isnan(late.step_conversion.value).all()

    def test_a_cohort_is_who_entered_then(self):
        assert LOG.funnel(start="2025-12-01").n == 1
        early = LOG.funnel("strict", window="30d", start="2025-01-01", through="2025-01-31")
        # cem's opportunity came on day 40.
        assert early.counts.tolist() == [3, 3, 1, 1]
        assert early.open_windows == 0
        assert "who entered the funnel from 2025-01-01 00:00:00 through 2025-01-31" in early.definition
        assert "within 30d of entry, end included" in early.definition
        assert LOG.funnel(start="2025-03-01", through="2025-03-31").n == 0

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"rule": "all"}, "rule 'all' is not one of reached, strict, any"),
            ({"rule": None}, "rule None is not one of"),
            ({"rule": ["any"]}, "is not one of"),
            ({"window": "1 month"}, "months and years have no fixed length"),
            ({"window": "0d"}, "must be positive"),
            ({"window": 30}, "is no duration"),
            ({"start": "2025-05-01", "through": "2025-04-01"}, "lies after through='2025-04-01'"),
            ({"start": "2027-01-01"}, "lies after the log's end"),
            ({"through": "2027-01-01"}, "is after the log's end"),
            ({"start": "soon"}, "is no date or time"),
        ],
    )
    def test_what_makes_no_cohort_is_refused(self, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            LOG.funnel(**options)


class TestResult:
    def test_it_survives_a_pickle(self):
        funnel = LOG.funnel("strict", window="30d")
        again = pickle.loads(pickle.dumps(funnel))
        assert again == funnel != LOG.funnel("strict", window="300d")
        with pytest.raises(ValueError, match="read-only"):
            again.counts[0] = 1

    def test_of_logs_rolled_up_and_joined(self):
        events = {"customer_id": list("aaab"), "at": days(0, 1, 2, 0)}
        events["kind"] = ["impression", "problem_content_viewed", "order", "product_viewed"]
        log = clm.replay(events, clm.lifecycles.awareness(), through=days(60)[0])
        rolled = log.rolled_up()
        assert rolled.funnel("any").counts.tolist() == [2, 0, 1, 0, 0]
        assert rolled.funnel("strict", window="30d").counts.tolist() == [2, 0, 0, 0, 0]
        both = clm.StageLogs({"parts": log, "whole": rolled})
        assert both["whole"].funnel("reached").counts.tolist() == [2, 1, 1, 0, 0]

    def test_by_channel(self):
        events = {
            "customer_id": list("aabb"),
            "at": days(0, 1, 0, 1),
            "kind": ["created", "lead", "created", "lost"],
            "channel": ["ads", "ads", "mail", "mail"],
        }
        grouped = clm.by(events, "channel", lambda rows: clm.replay(rows, SALES).funnel("any"))
        assert {name: funnel.counts.tolist() for name, funnel in grouped.items()} == {
            "ads": [1, 1, 0, 0],
            "mail": [1, 0, 0, 0],
        }
        assert clm.to_frame(grouped, "polars").columns[:3] == ["channel", "stage", "customers"]

    def test_nobody(self):
        log = clm.replay({"customer_id": [1], "at": ["2025-01-01"], "kind": ["lead"]}, SALES, through="2025-12-31")
        funnel = log.funnel("strict", window="1d", start="2025-06-01")
        assert (funnel.n, funnel.open_windows, funnel.counts.tolist()) == (0, 0, [0] * 4)
        assert funnel.conversion.undefined.tolist() == ["nobody entered the funnel"] * 4


class TestPublishedNumbers:
    def test_transitions_between_events(self):
        # retentioneering 5 (Apache-2.0; see tests/references): every event is a visit, the ends of paths are synthetic.
        cases = json.loads((Path(__file__).parents[1] / "references" / "retention_cases.json").read_text("utf-8"))[
            "cases"
        ]
        case = next(case for case in cases if case["id"] == "T01_transition_counts")
        states = case["query"]["states"]
        machine = clm.Lifecycle(
            "paths",
            stages=states[:-1],
            initial="path_start",
            transitions=[clm.Transition("*", kind, kind, reenter=True) for kind in "ABC"],
        )
        customer, kind, at = map(list, zip(*case["events"], strict=True))
        visits = clm.replay({"customer_id": customer, "at": at, "kind": kind}, machine).visits
        paths = {}
        for who, stage in zip(visits["customer_id"].tolist(), visits["stage"].tolist(), strict=True):
            paths.setdefault(who, []).append(stage)
        found = Counter(pair for path in paths.values() for pair in pairwise([*path, "path_end"]))
        assert [[found[a, b] for b in states] for a in states] == case["expected"]["count"]
        out = [found["B", state] for state in states]
        assert [count / sum(out) for count in out] == pytest.approx(case["expected"]["proba_out_row_B"])


def one_customer(trail, ranks, rule, window, start, last, through):
    """Return what a customer with some visits (stage, entered) reached, the rank before too; None for no entrant."""
    rungs = sorted({rank for rank in ranks.values() if rank is not None})
    opens = [rungs[0]] if rule == "strict" else rungs
    begin = next((place for place, (stage, _) in enumerate(trail) if ranks[stage] in opens), None)
    if begin is None:
        return None
    entry = trail[begin][1]
    if (start is not None and entry < start) or (last is not None and entry > last):
        return None
    counted = [stage for stage, at in trail[begin:] if window is None or at - entry <= window]
    closed = window is None or entry + window <= through
    at, below = {}, {}
    for stage in (name for name, rank in ranks.items() if rank is not None):
        lower = [rank for rank in rungs if rank < ranks[stage]]
        if rule == "strict":
            place = passed(counted, ranks, lower)
            below[stage] = place is not None
            at[stage] = place is not None and stage in counted[place:]
        elif rule == "any":
            at[stage] = stage in counted
            below[stage] = not lower or any(ranks[name] == lower[-1] for name in counted)
        else:
            reached = [ranks[name] for name in counted if ranks[name] is not None]
            at[stage] = stage in counted or any(rank > ranks[stage] for rank in reached)
            below[stage] = not lower or any(rank >= lower[-1] for rank in reached)
    return at, below, closed


def passed(counted, ranks, lower):
    """Return the place after the visits that took some ranks in order; None where they did not."""
    place = 0
    for rank in lower:
        place = next((later for later in range(place, len(counted)) if ranks[counted[later]] == rank), -1) + 1
        if not place:
            return None
    return place


class TestConsistency:
    @given(
        lifecycles(),
        logs(),
        ends,
        st.sampled_from(["reached", "strict", "any"]),
        st.none() | st.integers(1, 60),
        st.booleans(),
    )
    @settings(max_examples=60)
    def test_as_customer_by_customer(self, lifecycle, logged, through, rule, window, cohort):
        log = replayed(lifecycle, *logged, through)
        ranks = {stage.name: stage.rank for stage in lifecycle.stages}
        if all(rank is None for rank in ranks.values()):
            return
        first, last = (log.through - timedelta(days=40), log.through - timedelta(days=5)) if cohort else (None, None)
        length = None if window is None else timedelta(days=window)
        funnel = log.funnel(rule, window=length, start=first, through=last)
        trails = {}
        for who, stage, at in zip(
            *(log.visits[name].tolist() for name in ("customer_id", "stage", "entered_at")), strict=True
        ):
            trails.setdefault(who, []).append((stage, at))
        bare = [None if moment is None else moment.replace(tzinfo=None) for moment in (first, last, log.through)]
        found = [one_customer(trail, ranks, rule, length, *bare) for trail in trails.values()]
        found = [each for each in found if each is not None]
        closed = [each for each in found if each[2]]
        assert (funnel.n, funnel.open_windows) == (len(found), len(found) - len(closed))
        for row, stage in enumerate(funnel.stages):
            assert funnel.counts[row] == sum(at[stage] for at, _, _ in found)
            hits, below = sum(at[stage] for at, _, _ in closed), sum(under[stage] for _, under, _ in closed)
            both = sum(at[stage] and under[stage] for at, under, _ in closed)
            assert funnel.conversion.value[row] == pytest.approx(hits / len(closed) if closed else np.nan, nan_ok=True)
            assert funnel.step_conversion.value[row] == pytest.approx(both / below if below else np.nan, nan_ok=True)

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=20)
    def test_strict_is_within_any_and_any_within_reached(self, lifecycle, logged, through):
        if all(stage.rank is None for stage in lifecycle.stages):
            return
        log = replayed(lifecycle, *logged, through)
        strict, some, reached = (log.funnel(rule).counts for rule in ("strict", "any", "reached"))
        assert (strict <= some).all()
        assert (some <= reached).all()

    def test_a_ladder_says_the_same_as_its_events(self):
        # On a ladder whose kinds move up one after the other, stages and raw events make one funnel.
        rng = np.random.default_rng(3)
        kinds = np.array(["created", "lead", "opportunity", "customer"])
        rows = [
            (who, datetime(2025, 1, 1) + timedelta(days=int(day)), kind)
            for who in range(200)
            for day, kind in zip(
                np.cumsum(rng.integers(1, 9, 4)) + rng.integers(0, 355), kinds[: rng.integers(1, 5)], strict=False
            )
        ]
        events = dict(zip(("customer_id", "at", "kind"), map(list, zip(*rows, strict=True)), strict=True))
        log = clm.replay(events, SALES, through="2025-12-31")
        raw = clm.funnel(events, list(kinds), window="14d", through="2025-12-31")
        for rule in ("reached", "strict", "any"):
            staged = log.funnel(rule, window="14d")
            assert staged.counts.tolist() == raw.counts.tolist()
            assert staged.open_windows == raw.open_windows > 0
            np.testing.assert_array_equal(staged.conversion.value, raw.conversion.value)
            np.testing.assert_array_equal(staged.step_conversion.value, raw.step_conversion.value)
