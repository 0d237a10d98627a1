"""Time in a stage with open visits censored, the ways out of it, and each customer's own times."""

from __future__ import annotations

import pickle
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journeys.test_transitions import DAY, DEALS, START, chain, logs, replayed

import clm
from clm import InvalidDataError

SHOP = clm.replay(
    {
        "customer_id": ["ann", "ann", "ann", "bob", "cem", "cem", "dan"],
        "at": ["2025-01-01", "2025-01-11", "2025-03-02", "2025-01-05", "2025-02-01", "2025-02-04", "2025-06-29"],
        "kind": ["order", "order", "referral", "order", "signed_up", "order", "order"],
    },
    clm.lifecycles.five_stage(),
    through="2025-06-30",
)


def visits_of(log):
    """(customer, stage, entered, exited or None, next stage or None), visit by visit."""
    names = ("customer_id", "stage", "entered_at", "exited_at")
    rows = list(zip(*(log.visits[name].tolist() for name in names), strict=True))
    following = [*rows[1:], (None, None)][: len(rows)]
    return [(*row, after[1] if row[3] else None) for row, after in zip(rows, following, strict=True)]


class TestInputs:
    @pytest.mark.parametrize("ask", ["time_in_stage", "stage_times"])
    def test_unknown_stages(self, ask):
        with pytest.raises(InvalidDataError, match=r"'retentions' is no stage of .*Did you mean 'retention'"):
            getattr(SHOP, ask)("retentions")
        with pytest.raises(InvalidDataError, match="unit 'd' is not one of hour, day"):
            getattr(SHOP, ask)("reach", unit="d")
        log = clm.replay({"customer_id": [1], "at": ["2025-01-01"], "kind": ["order"]}, clm.lifecycles.awareness())
        with pytest.raises(InvalidDataError, match=r"'awareness' has the parts awareness\.unaware, .*rolled_up\(\)"):
            getattr(log, ask)("awareness")

    def test_exits(self):
        with pytest.raises(InvalidDataError, match=r"exits='ranks' is not one of rank, stage\. Did you mean 'rank'"):
            SHOP.time_in_stage("conversion", exits="ranks")
        with pytest.raises(InvalidDataError, match="'at_risk' has no rank"):
            SHOP.time_in_stage("at_risk", exits="rank")

    def test_nobody_stayed(self):
        # Everybody passes through reach in no time but cem, who signs up.
        with pytest.raises(InvalidDataError, match=r"nobody stayed in 'reach'.* by 2025-06-30"):
            SHOP.time_in_stage("reach")
        with pytest.raises(InvalidDataError, match="nobody stayed in 'lead'"):
            replayed(chain(), []).time_in_stage("lead", exits="rank")

    def test_open_visits(self):
        with pytest.raises(InvalidDataError, match="open_visits='count' is not one of counted, left_out"):
            SHOP.stage_times("reach", open_visits="count")

    def test_a_log_without_a_visit_has_no_rows(self):
        for stage in (None, "lead"):
            for treated in ("counted", "left_out"):
                times = replayed(chain(), []).stage_times(stage, open_visits=treated)
                assert len(times) == 0
                assert len(clm.to_frame(times, "polars")) == 0

    def test_stage_objects_serve_too(self):
        assert SHOP.time_in_stage(clm.Stage("conversion")) == SHOP.time_in_stage("conversion")


class TestPublishedNumbers:
    def test_conversion_by_hand(self):
        # ann leaves for retention after 10 days, bob is at risk after 90, cem too; dan's visit is open after 2.
        curve = SHOP.time_in_stage("conversion")
        assert curve.n == 4
        assert curve.times.tolist() == [10, 90]
        assert curve.value.tolist() == pytest.approx([2 / 3, 0])
        assert curve.median.value == 90
        assert curve.restricted_mean(30).value == pytest.approx(10 + 20 * 2 / 3)
        assert curve.unit == "day"
        assert SHOP.time_in_stage("conversion", unit="week").median.value == pytest.approx(90 / 7)

    def test_its_exits_by_hand(self):
        ways = SHOP.time_in_stage("conversion", exits="rank")
        assert list(ways) == ["advance", "back", "drop"]
        assert ways.at(10).value.tolist() == pytest.approx([1 / 3, 0, 0])
        assert ways.at(90).value.tolist() == pytest.approx([1 / 3, 0, 2 / 3])
        stages = SHOP.time_in_stage("conversion", exits="stage")
        assert list(stages) == ["retention", "at_risk"]
        assert stages["at_risk"].value.tolist() == ways["drop"].value.tolist()
        assert stages.survival == SHOP.time_in_stage("conversion")

    def test_back_and_level(self):
        ways = DEALS.time_in_stage("offer", exits="rank")
        assert {name: int(curve.lost.sum()) for name, curve in ways.items()} == {"advance": 0, "back": 1, "drop": 2}
        again = clm.Lifecycle(
            "x", stages=[clm.Stage("a", rank=1), clm.Stage("b", rank=1)], initial="a",
            transitions=[clm.Transition("a", "again", "a", reenter=True), clm.Transition("a", "over", "b")],
        )  # fmt: skip
        ways = replayed(again, [("ann", 0, "again"), ("ann", 3, "again"), ("ann", 4, "over")]).time_in_stage(
            "a", exits="rank"
        )
        assert {name: curve.lost.tolist() for name, curve in ways.items()}["level"] == [1, 1]

    def test_hubspot_by_hand(self):
        # A contact is an opportunity for 4 days, a lead again, and an opportunity from day 10 on.
        machine = clm.Lifecycle(
            "contact", stages=["lead", "opportunity"], initial="lead",
            transitions=[clm.Transition("lead", "deal", "opportunity"), clm.Transition("opportunity", "lost", "lead")],
        )  # fmt: skip
        log = replayed(machine, [("ann", 0, "deal"), ("ann", 4, "lost"), ("ann", 10, "deal")], through=13)
        first, fourth, tenth = (START + DAY * day for day in (0, 4, 10))
        times = log.stage_times("opportunity")
        assert [column.tolist() for column in times.to_columns().values()] == [
            ["ann"], ["opportunity"], [2], [first.item()], [tenth.item()], [fourth.item()], [3], [7], [True],
        ]  # fmt: skip
        times = log.stage_times("opportunity", open_visits="left_out")
        assert (times.latest_time.tolist(), times.cumulative_time.tolist()) == ([4], [4])
        assert times.last_entered[0] == tenth
        lead = log.stage_times("lead", unit="hour")
        assert (lead.visits.tolist(), lead.latest_time.tolist(), lead.cumulative_time.tolist()) == ([2], [144], [144])
        assert not lead.present[0]

    def test_a_first_visit_that_is_open_has_no_time_in_hubspot(self):
        times = SHOP.stage_times("conversion", open_visits="left_out")
        assert times.customer.tolist() == ["ann", "bob", "cem", "dan"]
        assert times.latest_time.tolist()[:3] == [10, 90, 90]
        assert np.isnan([times.latest_time[3], times.cumulative_time[3]]).all()
        assert np.isnat(times.last_exited[3])
        # The end of June 30 is the last instant that belongs to it.
        assert SHOP.stage_times("conversion").latest_time[3] == pytest.approx(2, abs=1e-9)


class TestConsistency:
    @given(logs(), st.sampled_from(["lead", "offer", "won"]))
    def test_curves_are_those_of_the_visits_one_by_one(self, log, stage):
        rows = [row for row in visits_of(log) if row[1] == stage]
        end = log.through.replace(tzinfo=None)
        rows = [row for row in rows if (row[3] or end) > row[2]]
        if not rows:
            with pytest.raises(InvalidDataError, match="nobody stayed"):
                log.time_in_stage(stage)
            return
        days = [((row[3] or end) - row[2]).total_seconds() / 86_400 for row in rows]
        observed = [row[3] is not None for row in rows]
        expected = clm.kaplan_meier(clm.Durations(days, observed))
        curve = log.time_in_stage(stage)
        assert curve.times == pytest.approx(expected.times)
        assert curve.value == pytest.approx(expected.value)
        ways = log.time_in_stage(stage, exits="stage")
        targets = [row[4] for row in rows if row[3]]
        assert {name: curve.lost.sum() for name, curve in ways.items()} == {x: targets.count(x) for x in set(targets)}
        assert (len(rows) == len({row[0] for row in rows})) == (
            not any("independent" in told for told in curve.caveats)
        )

    @given(logs(), st.sampled_from(["counted", "left_out"]))
    def test_times_are_those_of_the_visits_one_by_one(self, log, treated):
        end = log.through.replace(tzinfo=None)
        own = defaultdict(list)
        for customer, stage, entered, exited, _ in visits_of(log):
            own[customer, stage].append((entered, exited))
        times = log.stage_times(open_visits=treated)
        assert len(times) == len(own)
        columns = times.to_columns()
        for row in range(len(times)):
            record = {name: column[row].item() if name != "stage" else column[row] for name, column in columns.items()}
            visits = own[record["customer_id"], record["stage"]]
            ended = [visit for visit in visits if visit[1]]
            used = [(a, b or end) for a, b in (visits if treated == "counted" else ended)]
            lengths = [(b - a).total_seconds() / 86_400 for a, b in used]
            assert record["visits"] == len(visits)
            assert record["first_entered"] == visits[0][0]
            assert record["last_entered"] == visits[-1][0]
            assert record["last_exited"] == (ended[-1][1] if ended else None)
            assert record["present"] == (visits[-1][1] is None)
            assert record["latest_time"] == pytest.approx(lengths[-1] if lengths else np.nan, nan_ok=True)
            assert record["cumulative_time"] == pytest.approx(sum(lengths) if lengths else np.nan, nan_ok=True)

    @given(logs())
    def test_one_stage_is_a_part_of_all(self, log):
        everything = clm.to_frame(log.stage_times(), "polars")
        for stage in log.lifecycle.stages:
            own = clm.to_frame(log.stage_times(stage.name), "polars")
            assert own["customer_id"].to_list() == everything.filter(stage=stage.name)["customer_id"].to_list()
            assert own["cumulative_time"].to_list() == everything.filter(stage=stage.name)["cumulative_time"].to_list()

    @given(logs())
    def test_times_add_up_to_those_of_the_log(self, log):
        times = log.stage_times()
        end = log.through.replace(tzinfo=None)
        first = {}
        for customer, _, entered, *_ in visits_of(log):
            first.setdefault(customer, entered)
        total = sum((end - entered).total_seconds() for entered in first.values()) / 86_400
        assert times.cumulative_time.sum() == pytest.approx(total)
        assert times.present.sum() == len(first)

    def test_it_is_frozen_and_pickles(self):
        times = SHOP.stage_times()
        assert pickle.loads(pickle.dumps(times)) == times
        with pytest.raises(ValueError, match="read-only"):
            times.latest_time[0] = 5
        ways = SHOP.time_in_stage("conversion", exits="stage")
        assert pickle.loads(pickle.dumps(ways)) == ways


class TestRecovery:
    def test_open_visits_do_not_make_stages_look_short(self):
        # Exponential times of mean 30 days, entered through 60 days and cut at their end: median 30 log 2 = 20.79.
        rng = np.random.default_rng(2)
        entered, length = rng.uniform(0, 60, 4000), rng.exponential(30, 4000)
        ends = entered + length
        rows = [(i, day, "offer") for i, day in enumerate(entered)]
        rows += [(i, day, "won") for i, day in enumerate(ends) if day <= 60]
        who, day, kind = zip(*rows, strict=True)
        at = START + (np.array(day) * 86_400_000_000).astype("m8[us]")
        log = clm.journeys.replay_arrays(chain(), np.array(who), at, np.array(kind), through=START + 60 * DAY)
        low, high = log.time_in_stage("offer").median.confidence_interval(0.999)
        assert low < 30 * np.log(2) < high
        assert np.median(length[ends <= 60]) < low
