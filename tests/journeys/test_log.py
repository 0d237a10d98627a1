"""What is read off a log: stages at a moment, over time, the funnel, and who will move."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journeys.test_replay_arrays import GO, days, logs, replayed
from tests.strategies import ends, lifecycles

import clm
from clm import InvalidDataError
from clm.journeys import replay_arrays
from clm.stats import proportion

PERIODS = ("day", "week", "month", "quarter", "year")

# ann: A 0, B 0, C 10.  bob: A 5, B 5.  cy: begins on day 7 and stays in A.
SMALL = replay_arrays(GO, ["ann", "bob", "cy", "cy"], days(0, 5, 7, 8), ["go", "go", "on", "zap"], ref=[10, 20, 30, 40])
LATE = replay_arrays(
    GO, ["ann", "bob", "cy"], days(0, 5, 7), ["go", "go", "on"], through=days(12)[0], tz="Europe/Berlin"
)


def naive_stage_at(log, moment):
    """Stage by customer at a moment, visit by visit."""
    rows = zip(*(log.visits[name] for name in ("customer_id", "stage", "entered_at")), strict=True)
    return {customer: stage for customer, stage, entered in rows if entered <= moment}


class TestVisits:
    def test_columns(self):
        assert {name: column.tolist() for name, column in LATE.visits.items()} == {
            "customer_id": ["ann", "ann", "ann", "bob", "bob", "cy"],
            "stage": ["A", "B", "C", "A", "B", "A"],
            "entered_at": days(0, 0, 10, 5, 5, 7).tolist(),
            "exited_at": [*days(0, 10).tolist(), None, *days(5).tolist(), None, None],
            "cause": ["go", "go", "timeout", "go", "go", "on"],
            "ref": [None] * 6,
        }
        assert SMALL.visits["ref"].tolist() == [10, 10, 20, 20, 30]
        assert [column.dtype.kind for column in SMALL.visits.values()] == ["U", "O", "M", "M", "O", "O"]
        assert SMALL.visits["entered_at"].dtype == SMALL.visits["exited_at"].dtype == "M8[us]"

    def test_they_are_a_read_only_mapping(self):
        visits = SMALL.visits
        assert list(visits) == ["customer_id", "stage", "entered_at", "exited_at", "cause", "ref"]
        assert len(visits) == 6
        assert "stage" in visits
        with pytest.raises(KeyError):
            visits["colour"]
        for column in visits.values():
            with pytest.raises(ValueError, match="read-only"):
                column[0] = column[1]
        with pytest.raises(TypeError):
            visits["stage"] = None
        with pytest.raises(FrozenInstanceError):
            SMALL.ties = 5

    def test_equality_is_that_of_lifecycle_end_and_visits(self):
        again = pickle.loads(pickle.dumps(SMALL))
        assert again == SMALL
        assert again.visits == SMALL.visits
        assert again.stage_at(days(6)[0]) == SMALL.stage_at(days(6)[0])
        for other in (
            LATE,
            replay_arrays(
                GO, ["ann", "bob", "cy", "cy"], days(0, 5, 7, 8), ["go", "go", "on", "zap"], ref=[10, 20, 31, 40]
            ),
            replay_arrays(GO, ["ann", "bob", "cx", "cx"], days(0, 5, 7, 8), ["go", "go", "on", "zap"]),
            replay_arrays(GO, ["ann", "bob", "cy", "cy"], days(0, 5, 7, 9), ["go", "go", "on", "zap"]),
        ):
            assert other != SMALL
        assert SMALL != "log"

    def test_it_says_what_it_is(self):
        assert repr(SMALL) == "<StageLog: 5 visits of 3 customers to the stages of 'go', through 2025-01-09 00:00:00>"
        assert repr(SMALL.visits).startswith("<5 visits of 3 customers: customer_id, stage")
        assert SMALL.definition == (
            "Visits to the stages of the lifecycle 'go', replayed from touchpoints through 2025-01-09 00:00:00."
        )
        assert len(SMALL) == 5

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=50)
    def test_visits_tile_each_customers_time(self, lifecycle, logged, through):
        visits = replayed(lifecycle, *logged, through).visits
        customer, entered, exited = (visits[name] for name in ("customer_id", "entered_at", "exited_at"))
        same = customer[1:] == customer[:-1]
        assert (exited[:-1][same] == entered[1:][same]).all()
        assert (entered[1:][same] >= entered[:-1][same]).all()
        last = np.append(~same, True)[: len(customer)]
        assert (np.isnat(exited) == last).all()


class TestStageAt:
    def test_it_is_a_mapping_with_arrays(self):
        placed = LATE.stage_at("2025-01-11")
        assert dict(placed) == {"ann": "C", "bob": "B", "cy": "A"}
        assert placed.customer.tolist() == ["ann", "bob", "cy"]
        assert placed.stage.tolist() == ["C", "B", "A"]
        assert placed.counts == {"A": 1, "B": 1, "C": 1}
        assert (placed["bob"], placed.get("zed"), "zed" in placed, len(placed)) == ("B", None, False, 3)
        assert repr(placed) == "<3 customers at 2025-01-11T22:59:59.999999+00:00: A 1, B 1, C 1>"

    def test_visits_begin_with_their_instant_and_end_before_the_next(self):
        instant = datetime(2025, 1, 11, tzinfo=UTC)
        assert LATE.stage_at(instant)["ann"] == "C"
        assert LATE.stage_at(instant - timedelta(microseconds=1))["ann"] == "B"

    def test_naive_moments_are_read_in_the_logs_zone(self):
        assert LATE.stage_at("2025-01-11T01:00")["ann"] == "C"
        assert LATE.stage_at(np.datetime64("2025-01-11T00:59"))["ann"] == "B"

    def test_of_several_visits_at_one_instant_the_last_counts(self):
        assert LATE.stage_at("2025-01-01T00:00Z")["ann"] == "B"

    def test_before_the_first_visit_there_is_no_stage(self):
        assert dict(LATE.stage_at("2025-01-05T23:59:59.999999Z")) == {"ann": "B"}
        assert dict(LATE.stage_at("2024-12-30")) == {}

    def test_through_is_included_and_later_is_an_error(self):
        assert len(SMALL.stage_at(SMALL.through)) == 3
        with pytest.raises(InvalidDataError, match="when=2025-01-09 is after the log's end, 2025-01-09 00:00:00"):
            SMALL.stage_at("2025-01-09")
        with pytest.raises(InvalidDataError, match="when='soon' is no date"):
            SMALL.stage_at("soon")

    @given(lifecycles(), logs(), ends, st.integers(-10, 200))
    @settings(max_examples=50)
    def test_it_is_the_last_visit_entered(self, lifecycle, logged, through, back):
        log = replayed(lifecycle, *logged, through)
        moment = log.through - timedelta(days=abs(back))
        assert dict(log.stage_at(moment)) == naive_stage_at(log, np.datetime64(moment.replace(tzinfo=None), "us"))


class TestOccupancy:
    def test_each_period_counts_at_its_last_instant(self):
        weeks = replay_arrays(
            GO, ["ann", "bob", "cy"], days(0, 5, 7), ["go", "go", "on"], through=days(12)[0]
        ).occupancy("week")
        # Weeks from Monday: 2024-12-30 to 2025-01-05 holds days 0 to 4, the next one days 5 to 11, the third began.
        assert weeks.periods.astype(str).tolist() == ["2024-12-30", "2025-01-06", "2025-01-13"]
        assert weeks.stages == ("A", "B", "C")
        assert weeks.counts.tolist() == [[0, 1, 0], [1, 1, 1], [1, 1, 1]]
        assert weeks.status.tolist() == ["complete", "complete", "in_progress"]
        assert "each week in UTC, weeks from monday" in weeks.definition

    def test_periods_are_cut_in_the_logs_zone(self):
        berlin = LATE.occupancy("day")
        assert berlin.periods[0] == np.datetime64("2025-01-01")
        assert "in Europe/Berlin" in berlin.definition
        # 2025-01-11 00:00 UTC, when ann lapses, is 01:00 in Berlin: the day before has her in B still.
        assert berlin.counts[9].tolist() == [1, 2, 0]
        assert berlin.counts[10].tolist() == [1, 1, 1]

    def test_what_ends_at_a_counted_instant_has_ended(self):
        last = replay_arrays(GO, ["ann"], days(0), ["go"], through=days(10)[0]).occupancy("day")
        assert last.counts.tolist() == [*[[0, 1, 0]] * 10, [0, 0, 1]]

    def test_a_period_that_ends_at_through_is_complete(self):
        through = days(7)[0] - 1
        days_counted = replay_arrays(GO, ["ann"], days(0), ["go"], through=through).occupancy("day")
        assert days_counted.status.tolist() == ["complete"] * 7

    def test_summer_time(self):
        at = np.array(["2025-03-29T23:30"], "M8[us]")
        hours = replay_arrays(
            GO, ["ann"], at, ["go"], tz="Europe/Berlin", through=np.datetime64("2025-03-30T02:00", "us")
        ).occupancy("hour")
        assert hours.periods.astype(str).tolist() == [
            *["2025-03-30T00", "2025-03-30T01", "2025-03-30T03", "2025-03-30T04"]
        ]

    @pytest.mark.parametrize("options", [{"period": "fortnight"}, {"week_start": "mon"}])
    def test_unknown_periods_are_refused(self, options):
        with pytest.raises(InvalidDataError):
            SMALL.occupancy(**options)

    @given(lifecycles(), logs(), ends, st.sampled_from(PERIODS), st.sampled_from(["UTC", "America/New_York"]))
    @settings(max_examples=60)
    def test_it_is_stage_at_the_end_of_each_period(self, lifecycle, logged, through, period, tz):
        log = replayed(lifecycle, *logged, through, tz=tz)
        table = log.occupancy(period)
        if not len(log):
            assert table.counts.size == 0
            return
        if period == "day":
            ends = [np.datetime64(end.replace(tzinfo=None), "us") for end in ends_of(table, log)]
            begun = [int((firsts(log) <= end).sum()) for end in ends]
            assert table.counts.sum(axis=1).tolist() == begun
        for end, row in list(zip(ends_of(table, log), table.counts, strict=True))[:40]:
            assert dict(zip(table.stages, row.tolist(), strict=True)) == log.stage_at(end).counts
        assert table.counts[-1].sum() == len(log.customer)


def firsts(log):
    return log.visits["entered_at"][log.visits.offsets[:-1]]


def ends_of(table, log):
    """Last instants of the periods of a table, UTC, by plain datetimes."""
    zone = ZoneInfo(log.zone.name)
    starts = [datetime.combine(start, datetime.min.time(), zone).astimezone(UTC) for start in table.periods.tolist()]
    following = [start - timedelta(microseconds=1) for start in starts[1:]]
    return [*following, log.through]


class TestFunnel:
    def test_reached_counts_those_who_skipped(self):
        funnel = SMALL.funnel()
        assert (funnel.stages, funnel.counts.tolist()) == (("A", "B"), [3, 2])
        assert funnel.conversion == proportion(
            [3, 2], [3, 3], name="conversion", definition=funnel.conversion.definition, index=np.array(["A", "B"])
        )
        shop = clm.lifecycles.five_stage()
        log = replay_arrays(shop, ["ann", "ann", "bob"], days(0, 1, 0), ["order", "order", "signed_up"])
        assert log.funnel().counts.tolist() == [2, 2, 1, 1, 0]
        assert log.funnel().step_conversion.value.tolist() == [1, 1, 0.5, 1, 0]
        assert repr(log.funnel()) == (
            "<StageFunnel: reach 2 -> acquisition 2 -> conversion 1 -> retention 1 -> loyalty 0>"
        )

    def test_undefined_steps_say_why(self):
        log = replay_arrays(clm.lifecycles.five_stage(), ["bob"], days(0), ["signed_up"])
        steps = log.funnel().step_conversion
        assert np.isnan(steps.value).tolist() == [False, False, False, True, True]
        assert steps.undefined[3] == "nobody reached the rank before"

    def test_zero_length_visits_count_as_passed_through(self):
        assert replay_arrays(GO, ["ann"], days(0), ["go"]).funnel().counts.tolist() == [1, 1]

    def test_visits_to_unranked_stages_alone_are_not_in_the_funnel(self):
        lifecycle = clm.Lifecycle(
            "off",
            stages=["out", clm.Stage("in", rank=1)],
            initial="out",
            transitions=[clm.Transition("out", "go", "in")],
        )
        funnel = replay_arrays(lifecycle, ["ann", "bob"], days(0, 0), ["go", "zap"]).funnel()
        assert funnel.counts.tolist() == [1]

    def test_stages_of_one_rank_stand_side_by_side(self):
        lifecycle = clm.Lifecycle(
            "fork",
            stages=[clm.Stage("A", rank=1), clm.Stage("X", rank=2), clm.Stage("Y", rank=2), clm.Stage("Z", rank=3)],
            initial="A",
            transitions=[clm.Transition("A", kind, kind.upper()) for kind in "xyz"],
        )
        log = replay_arrays(lifecycle, [1, 2, 3, 4, 5], days(0, 0, 0, 0, 0), ["x", "y", "y", "z", "a"])
        # Customer 4 skipped the second rank and has reached both its stages; customer 5 never began.
        assert log.funnel().counts.tolist() == [4, 2, 3, 1]
        assert log.funnel().step_conversion.value.tolist() == [1, 0.5, 0.75, 0.25]

    def test_without_ranks_or_with_another_rule_it_is_refused(self):
        flat = clm.Lifecycle("flat", stages=["A"], initial="A", transitions=[], kinds=("k",))
        with pytest.raises(InvalidDataError, match="no stage of 'flat' has a rank"):
            replay_arrays(flat, ["ann"], days(0), ["k"]).funnel()
        with pytest.raises(
            InvalidDataError, match=r"rule 'reach' is not one of reached, strict, any\. Did you mean 'reached'"
        ):
            SMALL.funnel("reach")

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=50)
    def test_counts_are_those_customer_by_customer(self, lifecycle, logged, through):
        log = replayed(lifecycle, *logged, through)
        ranks = {stage.name: stage.rank for stage in lifecycle.stages}
        if all(rank is None for rank in ranks.values()):
            return
        funnel = log.funnel()
        visited = [set(log.visits["stage"][log.visits["customer_id"] == customer]) for customer in log.customer]
        for stage, count in zip(funnel.stages, funnel.counts.tolist(), strict=True):
            above = {name for name, rank in ranks.items() if rank is not None and rank > ranks[stage]}
            assert count == sum(bool(names & {stage, *above}) for names in visited)


class TestUpcoming:
    def test_it_is_what_silence_brings(self):
        soon = SMALL.upcoming("7d")
        assert {name: getattr(soon, name).tolist() for name in ("customer", "stage", "next_stage", "at")} == {
            "customer": ["ann", "bob"],
            "stage": ["B", "B"],
            "next_stage": ["C", "C"],
            "at": days(10, 15).tolist(),
        }
        assert SMALL.upcoming("2d").customer.tolist() == ["ann"]
        assert len(SMALL.upcoming("1d")) == 0
        assert soon == pickle.loads(pickle.dumps(soon))
        assert soon.definition.startswith("Customers whom a timeout moves by 2025-01-16 00:00:00")

    def test_a_length_of_time_is_needed(self):
        with pytest.raises(InvalidDataError, match="within='1 month': months and years"):
            SMALL.upcoming("1 month")

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=50)
    def test_a_longer_log_without_touchpoints_has_them(self, lifecycle, logged, through):
        rows, known = logged
        rows = [touchpoint for touchpoint in rows if touchpoint.at <= through]
        log = replayed(lifecycle, rows, known, through)
        soon = log.upcoming("30d")
        later = replayed(lifecycle, rows, known, through + np.timedelta64(30, "D").item())
        for customer, stage, at in zip(soon.customer, soon.next_stage, soon.at, strict=True):
            own = later.visits["customer_id"] == customer
            moved = [
                (s, e)
                for s, e, c in zip(*(later.visits[n][own] for n in ("stage", "entered_at", "cause")), strict=True)
                if c == "timeout" and e > np.datetime64(log.through.replace(tzinfo=None), "us")
            ]
            assert moved[0] == (stage, at)


class TestColumns:
    @pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
    def test_every_result_is_a_table(self, library):
        tables = {
            "log": (SMALL, ["customer_id", "stage", "entered_at", "exited_at", "cause", "ref"], 5),
            "visits": (SMALL.visits, ["customer_id", "stage", "entered_at", "exited_at", "cause", "ref"], 5),
            "placed": (SMALL.stage_at("2025-01-05"), ["customer_id", "stage"], 1),
            "occupancy": (SMALL.occupancy("day"), ["period", "stage", "customers", "status"], 27),
            "upcoming": (SMALL.upcoming("7d"), ["customer_id", "stage", "next_stage", "at"], 2),
            "funnel": (
                SMALL.funnel(),
                ["stage", "customers"]
                + [name + end for name in ("conversion", "step_conversion") for end in ("", "_low", "_high")],
                2,
            ),
        }
        for result, names, rows in tables.values():
            frame = clm.to_frame(result, library)
            columns = frame.column_names if library == "pyarrow" else list(frame.columns)
            assert (columns, len(frame)) == (names, rows)
