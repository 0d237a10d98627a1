"""Dotted stages added up to their parents, cycles, and several lifecycles side by side."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from tests.journeys.test_replay_arrays import GO, days, logs, replayed
from tests.strategies import ends, lifecycles

import clm
from clm import InvalidDataError, Lifecycle, Stage, Timeout, Transition
from clm.journeys import replay_arrays

DOTTED = {"A": "x.a", "B": "x.b", "C": "y.c", "D": "z"}
PARENT = {"x.a": "x", "x.b": "x", "y.c": "y", "z": "z"}


def dotted(lifecycle):
    """The same lifecycle with parts of stages."""
    text = json.dumps(lifecycle.to_dict())
    for plain, name in DOTTED.items():
        text = text.replace(f'"{plain}"', f'"{name}"')
    return Lifecycle.from_dict(json.loads(text))


def added_up(log):
    """Visits to parents, visit by visit."""
    rows = []
    names = ("customer_id", "stage", "entered_at", "cause", "ref")
    for customer, stage, *rest in zip(*(log.visits[name].tolist() for name in names), strict=True):
        before = rows[-1] if rows and rows[-1][0] == customer else None
        if before is None or PARENT[before[-1]] != PARENT[stage] or before[-1] == stage == PARENT[stage]:
            rows.append([customer, PARENT[stage], *rest, stage])
        rows[-1][-1] = stage
    return [row[:-1] for row in rows]


class TestRolledUp:
    @given(lifecycles(), logs(), ends)
    @settings(max_examples=60)
    def test_visits_are_those_added_up_by_hand(self, lifecycle, logged, through):
        log = replayed(dotted(lifecycle), *logged, through)
        rolled = log.rolled_up()
        columns = [rolled.visits[name].tolist() for name in ("customer_id", "stage", "entered_at", "cause", "ref")]
        assert [list(row) for row in zip(*columns, strict=True)] == added_up(log)

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=60)
    def test_stages_at_a_moment_over_time_and_to_come_agree(self, lifecycle, logged, through):
        log = replayed(dotted(lifecycle), *logged, through)
        rolled = log.rolled_up()
        here = {customer: PARENT[stage] for customer, stage in log.stage_at(log.through).items()}
        assert dict(rolled.stage_at(log.through)) == here
        parts, parents = log.occupancy("month"), rolled.occupancy("month")
        for column, parent in enumerate(parents.stages):
            own = [PARENT[stage] == parent for stage in parts.stages]
            assert (parents.counts[:, column] == parts.counts[:, own].sum(axis=1)).all()
        coming = [
            (who, PARENT[stage], PARENT[later], at)
            for who, stage, later, at in zip(*log.upcoming("1000d").to_columns().values(), strict=True)
            if PARENT[stage] != PARENT[later]
        ]
        assert list(zip(*rolled.upcoming("1000d").to_columns().values(), strict=True)) == coming

    def test_the_funnel_of_awareness(self):
        kinds = ["impression", "problem_content_viewed", "order", "product_viewed"]
        events = {"customer_id": list("aaab"), "at": [f"2025-01-0{day}" for day in (1, 2, 3, 1)], "kind": kinds}
        rolled = clm.replay(events, clm.lifecycles.awareness()).rolled_up()
        assert [(stage.name, stage.rank) for stage in rolled.lifecycle.stages[:3]] == [
            ("awareness", 1),
            ("engagement", 6),
            ("conversion", 7),
        ]
        assert rolled.funnel().counts.tolist() == [2, 1, 1, 0, 0]
        assert rolled.visits["stage"].tolist() == ["awareness", "conversion", "awareness"]
        assert rolled.definition.endswith("parts of a stage added up.")

    def test_renewals_are_one_visit_to_the_phase_and_a_visit_each_to_a_stage_that_is_no_part(self):
        kinds = ["subscription_started", "renewed", "renewed", "renewed"]
        events = {"customer_id": ["ann"] * 4, "at": [f"2025-0{month}-01" for month in (1, 2, 3, 4)], "kind": kinds}
        saas = clm.replay(events, clm.lifecycles.saas()).rolled_up()
        assert saas.visits["stage"].tolist() == ["sales", "maintenance"]
        renewed = [Transition("paid", "renewed", "paid", reenter=True)]
        plain = Lifecycle("plain", stages=["paid"], initial="paid", transitions=renewed)
        assert clm.replay(events, plain).rolled_up().visits["stage"].tolist() == ["paid"] * 4

    def test_without_dots_the_visits_stay(self):
        log = replay_arrays(GO, ["ann", "bob"], days(0, 5), ["go", "on"], through=days(30)[0])
        assert log.rolled_up().visits == log.visits
        assert pickle.loads(pickle.dumps(log.rolled_up())) == log.rolled_up()

    def test_an_empty_log(self):
        log = replay_arrays(GO, np.array([], "U1"), days(), np.array([], "U1"), through=days(30)[0])
        assert len(log.rolled_up()) == len(log.cycles()) == 0


class TestCycles:
    LOG = clm.replay(
        {
            "customer_id": ["ann"] * 6 + ["bob"] * 2 + ["cy"],
            "at": [f"2024-01-0{day}" for day in range(1, 7)] + ["2024-01-01", "2024-03-01", "2024-12-30"],
            "kind": ["visit", "product_viewed", "compared", "order", "order", "order", "compared", "order", "visit"],
        },
        clm.lifecycles.attraction(),
        through="2024-12-31",
    )

    def test_full_partial_and_open(self):
        columns = self.LOG.cycles().to_columns()
        rows = list(
            zip(*(columns[name].tolist() for name in ("customer_id", "cycle", "stages", "status")), strict=True)
        )
        assert rows == [
            ("ann", 1, 5, "full"),
            ("ann", 2, 1, "open"),
            ("bob", 1, 4, "partial"),  # loyalty was not reached before half a year of silence
            ("bob", 2, 1, "open"),
            ("cy", 1, 1, "open"),
        ]
        assert self.LOG.cycles().counts == {"full": 1, "partial": 1, "open": 3}
        assert repr(self.LOG.cycles()) == "<Cycles: 1 full, 1 partial, 3 open>"

    def test_they_share_their_boundaries_and_are_a_table(self):
        cycles = self.LOG.cycles()
        assert (cycles.ended_at[[0, 2]] == cycles.started_at[[1, 3]]).all()
        assert np.isnat(cycles.ended_at[[1, 3, 4]]).all()
        assert clm.to_frame(cycles, "pandas").shape == (5, 6)
        assert pickle.loads(pickle.dumps(cycles)) == cycles

    def test_a_full_cycle_needs_ranks(self):
        lifecycle = Lifecycle("x", stages=["A"], initial="A", transitions=[Transition("A", "go", "A")])
        with pytest.raises(InvalidDataError, match="no stage of 'x' has a rank"):
            replay_arrays(lifecycle, ["ann"], days(0), ["go"]).cycles()

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=40)
    def test_one_cycle_a_visit_to_the_initial_stage(self, lifecycle, logged, through):
        if all(stage.rank is None for stage in lifecycle.stages):
            return
        log = replayed(lifecycle, *logged, through)
        assert len(log.cycles()) == log.visits["stage"].tolist().count(lifecycle.initial)


class TestStageLogs:
    SHOP = replay_arrays(GO, ["ann", "bob"], days(0, 5), ["go", "on"], through=days(30)[0])
    PLAN = replay_arrays(GO, ["bob", "cyril"], days(3, 9), ["go", "go"], through=days(20)[0])

    def test_stages_side_by_side(self):
        both = clm.StageLogs({"shop": self.SHOP, "plan": self.PLAN})
        placed = {name: column.tolist() for name, column in both.stage_at("2025-01-10").items()}
        assert placed == {
            "customer_id": ["ann", "bob", "cyril"],
            "shop": ["B", "A", None],
            "plan": [None, "B", "B"],
        }
        assert both["plan"] is self.PLAN
        assert list(both) == ["shop", "plan"]
        assert pickle.loads(pickle.dumps(both)) == both
        assert clm.to_frame(both.stage_at("2025-01-10"), "polars").shape == (3, 3)

    def test_before_everybody(self):
        both = clm.StageLogs({"shop": self.SHOP})
        assert [len(column) for column in both.stage_at("2024-01-01").values()] == [0, 0]

    @pytest.mark.parametrize(
        ("logs", "message"),
        [
            ({}, "must be a mapping of names to StageLogs"),
            ([SHOP], "must be a mapping of names to StageLogs"),
            ({"shop": GO}, r"logs\['shop'\] is no named StageLog"),
            ({1: SHOP}, r"logs\[1\] is no named StageLog"),
            ({"customer_id": SHOP}, "cannot be called 'customer_id'"),
            ({"shop": SHOP, "plan": replay_arrays(GO, [1, 2], days(0, 5), ["go", "on"])}, "text in some logs"),
        ],
    )
    def test_what_cannot_be_joined(self, logs, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.StageLogs(logs)

    def test_a_moment_after_the_shorter_log(self):
        with pytest.raises(InvalidDataError, match="after the log's end"):
            clm.StageLogs({"shop": self.SHOP, "plan": self.PLAN}).stage_at("2025-01-25")


def test_what_silence_brings_inside_a_stage_is_left_out():
    lifecycle = Lifecycle(
        "x",
        stages=[Stage("a.one"), Stage("a.two"), Stage("b")],
        initial="a.one",
        transitions=[Transition("a.one", "go", "b")],
        timeouts=[Timeout("a.one", "a.two", after="20d")],
    )
    log = replay_arrays(lifecycle, ["ann"], days(0), ["off"], through=days(5)[0], unknown="record")
    assert len(log.upcoming("90d")) == 0  # unknown kinds open nothing
    began = replay_arrays(lifecycle, ["ann"], days(0), ["go"], through=days(5)[0])
    assert began.rolled_up().visits["stage"].tolist() == ["a", "b"]
