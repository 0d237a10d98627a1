"""Whole logs: the same visits as one customer at a time, and honest counts of what was left out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import customers, ends, lifecycles, touchpoints

import clm
from clm import InvalidDataError, Lifecycle, Timeout, Transition, TransitionError, when
from clm.journeys import Coded, replay_arrays

EPOCH = np.datetime64(0, "us")
MISSING = np.iinfo(np.int64).min
NAMES = ("ann", "bob", "cy")
GO = Lifecycle(
    "go",
    stages=[clm.Stage("A", rank=1), clm.Stage("B", rank=2), "C"],
    initial="A",
    transitions=[Transition("A", "go", "B"), Transition("B", "on", "C")],
    timeouts=[Timeout("B", "C", after="10d")],
)


def us(at):
    return MISSING if at is None else int((np.datetime64(at.replace(tzinfo=None), "us") - EPOCH).astype(int))


def days(*numbers):
    return np.array([np.datetime64("2025-01-01") + number for number in numbers], "M8[us]")


@st.composite
def logs(draw):
    """Touchpoints of three customers, mixed as rows may be, and what is known of two of them."""
    log = [touchpoint for name in NAMES for touchpoint in draw(touchpoints(name, max_size=8))]
    if draw(st.booleans()):
        log.sort(key=lambda touchpoint: touchpoint.at)
    return log, [draw(customers(name)) for name in NAMES[:2]]


def replayed(lifecycle, log, known, through, **options):
    """Replay touchpoint objects through arrays; there may be none of a known kind among them."""
    options = {"unknown": "record"} | options
    roster = {customer.id: customer for customer in known}
    channels = {None: -1, "shop": 0, "web": 1}
    return replay_arrays(
        lifecycle,
        Coded(np.array([NAMES.index(touchpoint.customer_id) for touchpoint in log], np.int64), np.array(NAMES)),
        np.array([us(touchpoint.at) for touchpoint in log], np.int64),
        np.array([touchpoint.kind for touchpoint in log], "U1"),
        through=us(through),
        amount=np.array([np.nan if t.amount is None else t.amount for t in log], float),
        score=np.array([np.nan if t.score is None else t.score for t in log], float),
        channel=Coded(np.array([channels[t.channel] for t in log], np.int64), np.array(["shop", "web"])),
        ref=np.array([touchpoint.ref for touchpoint in log], "U8"),
        acquired_at=np.array([us(roster[n].acquired_at) if n in roster else MISSING for n in NAMES]),
        attributes={
            name: np.array([us(roster[n].attributes[name]) if n in roster else MISSING for n in NAMES])
            for name in ("trial_end", "renewal")
        },
        **options,
    )


def expected(lifecycle, log, known, through):
    roster = {customer.id: customer for customer in known}
    rows = []
    for name in NAMES:
        own = [touchpoint for touchpoint in log if touchpoint.customer_id == name]
        rows += [
            (name, visit.stage, us(visit.entered_at), us(visit.exited_at), visit.cause, visit.ref)
            for visit in lifecycle.replay(own, through=through, customer=roster.get(name))
        ]
    return rows


class TestConsistency:
    @given(lifecycles(), logs(), ends)
    @settings(max_examples=100)
    def test_visits_are_those_of_each_customer_by_himself(self, lifecycle, logged, through):
        log = replayed(lifecycle, *logged, through)
        columns = [log.visits[name].tolist() for name in ("customer_id", "stage")]
        columns += [log.visits[name].astype(np.int64).tolist() for name in ("entered_at", "exited_at")]
        columns += [log.visits[name].tolist() for name in ("cause", "ref")]
        assert list(zip(*columns, strict=True)) == expected(lifecycle, *logged, through)

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=50)
    def test_blocks_do_not_matter(self, lifecycle, logged, through):
        whole = replayed(lifecycle, *logged, through)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("clm.journeys._engine.BLOCK", 1)
            assert replayed(lifecycle, *logged, through) == whole

    @given(lifecycles(), logs(), ends, st.randoms(use_true_random=False))
    @settings(max_examples=50)
    def test_without_ties_row_order_does_not_matter(self, lifecycle, logged, through, random):
        log, known = logged
        log = list({(touchpoint.customer_id, touchpoint.at): touchpoint for touchpoint in log}.values())
        shuffled = log.copy()
        random.shuffle(shuffled)
        assert replayed(lifecycle, shuffled, known, through) == replayed(lifecycle, log, known, through)

    @given(lifecycles(), logs(), ends, st.randoms(use_true_random=False))
    @settings(max_examples=50)
    def test_rows_without_an_order_are_put_in_one(self, lifecycle, logged, through, random):
        log, known = logged
        shuffled = log.copy()
        random.shuffle(shuffled)
        first, second = (replayed(lifecycle, rows, known, through, rows_in_order=False) for rows in (log, shuffled))
        assert (first, first.ties) == (second, second.ties)

    @given(lifecycles(), logs(), ends)
    @settings(max_examples=50)
    def test_illegal_rows_are_those_of_each_customer_by_himself(self, lifecycle, logged, through):
        log, known = logged
        recorded = replayed(lifecycle, log, known, through, illegal="record", unknown="record")
        roster = {customer.id: customer for customer in known}
        refused, unknown = [], []
        for name in NAMES:
            own = [touchpoint for touchpoint in log if touchpoint.customer_id == name]
            history = lifecycle.replay(
                own, through=through, customer=roster.get(name), illegal="record", unknown="record"
            )
            refused += [touchpoint.ref for touchpoint in history.illegal]
            unknown += [touchpoint.ref for touchpoint in history.unknown]
        assert sorted(recorded.illegal["ref"].tolist()) == sorted(refused)
        assert recorded.n_illegal == len(refused)
        assert sorted(recorded.unknown["ref"].tolist()) == sorted(unknown)
        assert recorded.illegal["row"].tolist() == sorted(recorded.illegal["row"].tolist())
        assert recorded.dropped.get("unknown kinds", 0) == len(unknown)


class TestInputs:
    def test_rows_left_out_are_counted_by_reason(self):
        log = replay_arrays(
            GO,
            Coded(np.array([0, -1, -2, 0, 0, 0, 0]), np.array(["ann"])),
            np.array([*days(0, 0, 0), np.datetime64("NaT"), *days(1, 2, 9)], "M8[us]"),
            Coded(np.array([0, 0, 0, 0, -1, 1, 0]), np.array(["go", "zap"], object)),
            through=days(5)[0],
        )
        assert log.dropped == {
            "null ids": 1,
            "blank ids": 1,
            "null times": 1,
            "null kinds": 1,
            "after through": 1,
            "unknown kinds": 1,
        }
        assert log.visits["stage"].tolist() == ["A", "B"]
        with pytest.raises(TypeError):
            log.dropped["more"] = 5

    def test_through_is_the_last_row_by_default_unknown_kinds_included(self):
        log = replay_arrays(GO, ["ann", "ann"], days(0, 10), ["go", "zap"])
        assert log.through == datetime(2025, 1, 11, tzinfo=UTC)
        assert log.visits["stage"].tolist() == ["A", "B", "C"]

    def test_an_empty_log_needs_through(self):
        none = np.empty(0, "M8[us]")
        with pytest.raises(InvalidDataError, match="Give through="):
            replay_arrays(GO, [], none, [])
        log = replay_arrays(GO, [], none, [], through=0)
        assert (len(log), log.customer.size, log.dropped) == (0, 0, {})
        assert dict(log.stage_at("1970-01-01T00:00:00")) == {}
        assert log.occupancy().counts.shape == (0, 3)
        assert log.funnel().counts.tolist() == [0, 0]
        assert log.funnel().conversion.undefined.tolist() == ["nobody entered the funnel"] * 2
        assert len(log.upcoming("90d")) == 0
        assert {name: column.size for name, column in log.visits.items()} == dict.fromkeys(log.visits, 0)

    def test_acquired_customers_without_rows_are_there_and_others_are_not(self):
        log = replay_arrays(
            GO,
            Coded(np.empty(0, np.int64), np.array(["ann", "bob", "cy"])),
            np.empty(0, "M8[us]"),
            np.empty(0, "U1"),
            acquired_at=np.array([days(3)[0], np.datetime64("NaT"), days(9)[0]]),
            through=days(5)[0],
        )
        assert log.customer.tolist() == ["ann"]
        assert log.visits["cause"].tolist() == ["acquired"]
        assert log.visits["ref"].tolist() == [None]

    def test_unknown_kinds_raise_with_the_smallest_row(self):
        with pytest.raises(InvalidDataError, match="kind 'zap' of customer 'bob' at row 1 is unknown"):
            replay_arrays(GO, ["bob", "bob", "ann"], days(0, 5, 1), ["go", "zap", "zip"], unknown="raise")

    def test_unknown_kinds_after_through_are_no_matter(self):
        through = days(3)[0]
        log = replay_arrays(GO, ["ann", "ann"], days(0, 5), ["go", "zap"], unknown="raise", through=through)
        assert log.dropped == {"after through": 1}

    def test_illegal_touchpoints_raise_with_the_smallest_row(self):
        with pytest.raises(
            TransitionError, match="'go' of customer 'bob' at row 1 is not allowed in stage 'B'"
        ) as caught:
            replay_arrays(GO, ["bob", "bob", "ann", "ann"], days(0, 5, 1, 2), ["go", "go", "go", "go"], illegal="raise")
        assert (caught.value.stage, caught.value.kind, caught.value.allowed) == ("B", "go", {"on": ("C",)})

    def test_recorded_rows_say_where_and_what(self):
        log = replay_arrays(
            GO, [7, 7, 3], days(0, 5, 1), ["go", "go", "zap"], ref=["x", "y", "z"], illegal="record", unknown="record"
        )
        assert {name: column.tolist() for name, column in log.illegal.items()} == {
            "row": [1],
            "customer_id": [7],
            "at": days(5).tolist(),
            "kind": ["go"],
            "stage": ["B"],
            "ref": ["y"],
        }
        assert list(log.unknown) == ["row", "customer_id", "at", "kind", "ref"]
        assert (log.unknown["row"].tolist(), log.unknown["kind"].tolist()) == ([2], ["zap"])
        plain = replay_arrays(GO, [7, 7, 3], days(0, 5, 1), ["go", "go", "zap"], ref=["x", "y", "z"])
        assert (plain.illegal, plain.unknown, plain.n_illegal) == (None, None, 1)
        assert plain == log

    def test_ties_are_broken_by_order_where_given(self):
        at, kinds = days(0, 0, 3), ["on", "go", "zap"]
        by_row = replay_arrays(GO, ["ann"] * 3, at, kinds)
        assert (by_row.visits["stage"].tolist(), by_row.ties) == (["A", "B"], 1)
        for order in ([2, 1, 0], ["z", "a", "b"], [2.5, 0.5, 1], np.array(["z", "a", "b"], object)):
            log = replay_arrays(GO, ["ann"] * 3, at, kinds, order=order)
            assert (log.visits["stage"].tolist(), log.ties) == (["A", "B", "C"], 0)
        assert replay_arrays(GO, ["ann"] * 3, at, kinds, order=[1, 1, 1]).ties == 1

    def test_ties_of_different_customers_are_none(self):
        assert replay_arrays(GO, ["ann", "bob"], days(0, 0), ["go", "go"]).ties == 0

    def test_too_many_visits_name_the_customer(self):
        circle = Lifecycle(
            "x",
            stages=["A", "B"],
            initial="A",
            transitions=[Transition("A", "go", "B")],
            timeouts=[Timeout("B", "A", after="1d"), Timeout("A", "B", after="1d")],
        )
        end = days(50)[0]
        with pytest.raises(InvalidDataError, match="customer 'bob': more than 40 visits"):
            replay_arrays(circle, ["ann", "bob", "cy"], days(45, 0, 0), ["go"] * 3, through=end, max_visits=40)
        assert len(replay_arrays(circle, ["bob"], days(0), ["go"], through=end, max_visits=52)) == 52

    def test_columns_that_conditions_read_have_to_be_there(self):
        for condition, column in (
            (when.amount > 1, "amount"),
            (when.total("go") > 1, "amount"),
            (when.score > 1, "score"),
        ):
            lifecycle = Lifecycle(
                "x", stages=["A", "B"], initial="A", transitions=[Transition("A", "go", "B", when=condition)]
            )
            with pytest.raises(InvalidDataError, match=f"looks at the {column} of touchpoints.*Name it with {column}="):
                replay_arrays(lifecycle, ["ann"], days(0), ["go"])
            with pytest.raises(InvalidDataError, match=f"{column} is infinite in 1 of 1 rows"):
                replay_arrays(lifecycle, ["ann"], days(0), ["go"], **{column: [np.inf]})

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"kind": ["go"]}, "columns differ in length: customer 2, at 2, kind 1"),
            ({"ref": [1]}, "columns differ in length"),
            ({"at": ["2025-01-01", "x"]}, "at must hold datetime64 or whole microseconds"),
            ({"at": [1.5, 2.5]}, "at must hold datetime64"),
            ({"at": [0, 2**62]}, "at is outside the years 1 to 9999 in 1 of 2 rows, first at row 1"),
            ({"through": -(2**61)}, "through is outside the years 1 to 9999"),
            ({"customer": [["ann", "bob"]]}, "customer must have one dimension"),
            ({"customer": np.array(["ann", 5], object)}, "cannot be put in order"),
            ({"acquired_at": days(0)}, "acquired_at has 1 entries, but there are 2 customers"),
            ({"unknown": "keep"}, "unknown must be"),
            ({"illegal": "keep"}, "illegal must be"),
            ({"max_visits": 1.5}, "max_visits must be"),
            ({"tz": "Mars/Crater"}, "time zone"),
        ],
    )
    def test_what_does_not_fit_is_named(self, change, message):
        given = {"customer": ["ann", "bob"], "at": days(0, 1), "kind": ["go", "go"]} | change
        with pytest.raises(InvalidDataError, match=message):
            replay_arrays(GO, **given)

    def test_codes_have_a_value(self):
        with pytest.raises(InvalidDataError, match="a code is 1, but there are 1 values"):
            Coded(np.array([0, 1]), np.array(["go"]))
