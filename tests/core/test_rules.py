"""Each rule of the lifecycle machine by itself, at its exact instants."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

import clm
from clm import Customer, InvalidDataError, Lifecycle, Stage, Timeout, Touchpoint, Transition, TransitionError, when

START = datetime(2025, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def day(number):
    """The start of a day of the test's calendar, day 0 being 2025-01-01."""
    return START + timedelta(days=number)


def touch(kind, number, **more):
    return Touchpoint("ann", day(number), kind, **more)


def machine(transitions=(), timeouts=(), stages="ABCD", initial="A", **more):
    return Lifecycle("test", stages=list(stages), initial=initial, transitions=transitions, timeouts=timeouts, **more)


def path(history):
    """Stages with the day of entry."""
    return [(visit.stage, (visit.entered_at - START) / timedelta(days=1)) for visit in history]


GO = Transition("A", "go", "B")


class TestRule1Order:
    def test_touchpoints_are_taken_in_order_of_time(self):
        lifecycle = machine([GO, Transition("B", "on", "C")])
        log = [touch("on", 2), touch("go", 1)]
        assert path(lifecycle.replay(log)) == [("A", 1), ("B", 1), ("C", 2)]

    def test_equal_instants_are_taken_in_row_order(self):
        lifecycle = machine([GO, Transition("B", "on", "C")])
        assert path(lifecycle.replay([touch("go", 1), touch("on", 1)])) == [("A", 1), ("B", 1), ("C", 1)]
        assert path(lifecycle.replay([touch("on", 1), touch("go", 1)])) == [("A", 1), ("B", 1)]

    def test_unknown_kinds_change_nothing_not_even_clocks(self):
        lifecycle = machine([GO], [Timeout("B", "C", idle="10d")])
        log = [touch("alien", 0), touch("go", 1), touch("alien", 9)]
        assert path(lifecycle.replay(log, through=day(11))) == [("A", 1), ("B", 1), ("C", 11)]

    def test_unknown_kinds_are_recorded_in_row_order(self):
        log = [touch("zap", 5), touch("go", 1), touch("alien", 2)]
        assert machine([GO]).replay(log, unknown="record").unknown == (log[0], log[2])

    def test_the_smallest_unknown_row_is_reported(self):
        log = [touch("go", 1), touch("zap", 5), touch("alien", 2)]
        with pytest.raises(InvalidDataError, match="kind 'zap' at row 1 is unknown"):
            machine([GO]).replay(log, unknown="raise")

    def test_a_misspelt_kind_gets_a_hint(self):
        with pytest.raises(InvalidDataError, match="Did you mean 'order'"):
            clm.lifecycles.five_stage().replay([touch("ordr", 1)], unknown="raise")

    def test_kinds_that_only_of_or_kinds_name_are_known(self):
        lifecycle = machine([GO], [Timeout("A", "B", idle="1d", of=("seen",))], kinds=("told",))
        assert lifecycle.known_kinds == ("go", "seen", "told")
        log = [touch("seen", 1), touch("told", 1)]
        assert lifecycle.replay(log, illegal="record").illegal == tuple(log)

    def test_a_kind_that_only_a_guard_names_feeds_its_count_and_nothing_else(self):
        lifecycle = machine(
            [Transition("A", "go", "B", when=when.count("seen") >= 1)],
            [Timeout("A", "C", idle="10d")],
            kinds=("start",),
        )
        seen = touch("seen", 5)
        history = lifecycle.replay([seen], through=day(9), unknown="raise", illegal="raise")
        assert list(history) == []
        assert history.state.counts == {"seen": 1}
        # It does not restart the clock of silence, which runs from day 0 ...
        log = [touch("start", 0), seen]
        assert path(lifecycle.replay(log, through=day(10))) == [("A", 0), ("C", 10)]
        # ... and it counts even before the opening.
        assert path(lifecycle.replay([seen, touch("go", 6)])) == [("A", 6), ("B", 6)]


class TestRule2Opening:
    def test_the_first_known_touchpoint_opens_the_initial_stage_with_length_zero(self):
        first, second = machine([GO]).replay([touch("go", 3, ref=77)])
        assert first == clm.Visit("A", day(3), day(3), "go", 77)
        assert second == clm.Visit("B", day(3), None, "go", 77)

    def test_an_earlier_acquisition_opens(self):
        history = machine([GO]).replay([touch("go", 3)], customer=Customer("ann", acquired_at=day(1)))
        assert [visit.cause for visit in history] == ["acquired", "go"]
        assert path(history) == [("A", 1), ("B", 3)]

    @pytest.mark.parametrize("acquired", [day(3), day(4)])
    def test_an_acquisition_that_is_not_earlier_opens_nothing(self, acquired):
        history = machine([GO]).replay([touch("go", 3)], through=day(9), customer=Customer("ann", acquired_at=acquired))
        assert [visit.cause for visit in history] == ["go", "go"]

    def test_what_is_due_by_the_opening_touchpoint_fires_before_it(self):
        lifecycle = machine([GO, Transition("C", "go", "D")], [Timeout("A", "C", attribute="ready_at")])
        customer = Customer("ann", attributes={"ready_at": day(-50)})
        assert path(lifecycle.replay([touch("go", 3)], customer=customer)) == [("A", 3), ("C", 3), ("D", 3)]

    @pytest.mark.parametrize(("through", "stages"), [(day(5) - MICROSECOND, []), (day(5), ["A"])])
    def test_an_acquired_customer_without_touchpoints_has_a_visit_from_then_on(self, through, stages):
        history = machine([GO]).replay([], through=through, customer=Customer("ann", acquired_at=day(5)))
        assert [visit.stage for visit in history] == stages
        assert [visit.cause for visit in history] == ["acquired"] * len(stages)

    def test_time_runs_from_the_acquisition(self):
        lifecycle = machine([GO], [Timeout("A", "C", idle="10d")])
        history = lifecycle.replay([], through=day(30), customer=Customer("ann", acquired_at=day(5)))
        assert path(history) == [("A", 5), ("C", 15)]


class TestRule3Timeouts:
    def test_a_deadline_at_a_touchpoint_fires_before_it(self):
        lifecycle = machine(
            [GO, Transition("B", "go", "D"), Transition("C", "go", "A")], [Timeout("B", "C", after="10d")]
        )
        assert path(lifecycle.replay([touch("go", 0), touch("go", 10)])) == [("A", 0), ("B", 0), ("C", 10), ("A", 10)]
        late = Touchpoint("ann", day(10) - MICROSECOND, "go")
        assert [visit.stage for visit in lifecycle.replay([touch("go", 0), late])] == ["A", "B", "D"]

    def test_through_is_included(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="10d")])
        assert path(lifecycle.replay([touch("go", 0)], through=day(10))) == [("A", 0), ("B", 0), ("C", 10)]
        assert path(lifecycle.replay([touch("go", 0)], through=day(10) - MICROSECOND)) == [("A", 0), ("B", 0)]

    def test_a_touchpoint_at_through_counts_and_a_later_one_is_left_out(self):
        history = machine([GO]).replay([touch("go", 3), Touchpoint("ann", day(3) + MICROSECOND, "go")], through=day(3))
        assert path(history) == [("A", 3), ("B", 3)]
        assert history.left_out == 1

    def test_the_earliest_deadline_fires_first_and_the_first_declared_on_ties(self):
        later, sooner = Timeout("B", "C", after="10d"), Timeout("B", "D", after="9d")
        assert path(machine([GO], [later, sooner]).replay([touch("go", 0)], through=day(20)))[-1] == ("D", 9)
        tied = Timeout("B", "D", idle="10d")
        assert path(machine([GO], [later, tied]).replay([touch("go", 0)], through=day(20)))[-1] == ("C", 10)
        assert path(machine([GO], [tied, later]).replay([touch("go", 0)], through=day(20)))[-1] == ("D", 10)

    def test_deadlines_are_ordered_as_they_are_not_as_they_fire(self):
        # On entry to C at day 30 both have passed and would fire at day 30: the earlier deadline wins.
        lifecycle = machine(
            [GO],
            [
                Timeout("B", "C", after="30d"),
                Timeout("C", "A", idle="20d"),
                Timeout("C", "D", idle="15d", of=("go",)),
            ],
        )
        assert path(lifecycle.replay([touch("go", 0)], through=day(40))) == [("A", 0), ("B", 0), ("C", 30), ("D", 30)]

    def test_the_new_stages_timeouts_are_considered_next(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="10d"), Timeout("C", "D", after="5d")])
        assert path(lifecycle.replay([touch("go", 0)], through=day(15))) == [("A", 0), ("B", 0), ("C", 10), ("D", 15)]

    def test_nothing_fires_at_an_instant_twice_before_the_next_touchpoint(self):
        # Two touchpoints of one instant: what the first one's stage is due for fires before the second.
        lifecycle = machine([GO, Transition("C", "go", "D")], [Timeout("B", "C", attribute="ready_at")])
        customer = Customer("ann", attributes={"ready_at": day(4)})
        log = [touch("go", 4), touch("go", 4)]
        assert path(lifecycle.replay(log, customer=customer)) == [("A", 4), ("B", 4), ("C", 4), ("D", 4)]


class TestRule4Deadlines:
    def test_after_counts_from_entry_whatever_happens(self):
        lifecycle = machine([GO, Transition("B", "look", "B")], [Timeout("B", "C", after="10d")])
        assert path(lifecycle.replay([touch("go", 0), touch("look", 9)], through=day(30)))[-1] == ("C", 10)

    def test_idle_counts_from_the_last_known_touchpoint_legal_or_not(self):
        lifecycle = machine([GO], [Timeout("B", "C", idle="10d")])
        assert path(lifecycle.replay([touch("go", 0), touch("go", 9)], through=day(30)))[-1] == ("C", 19)

    def test_idle_of_counts_from_the_last_of_its_kinds(self):
        lifecycle = machine([GO, Transition("B", "look", "B")], [Timeout("B", "C", idle="10d", of=("go",))])
        assert path(lifecycle.replay([touch("go", 0), touch("look", 9)], through=day(30)))[-1] == ("C", 10)
        several = machine([GO, Transition("B", "look", "B")], [Timeout("B", "C", idle="10d", of=("go", "look"))])
        assert path(several.replay([touch("go", 0), touch("look", 9)], through=day(30)))[-1] == ("C", 19)

    def test_idle_of_counts_from_the_opening_without_one(self):
        lifecycle = machine(kinds=("visit",), timeouts=[Timeout("A", "C", idle="10d", of=("order",))])
        customer = Customer("ann", acquired_at=day(-4))
        assert path(lifecycle.replay([touch("visit", 0)], through=day(30)))[-1] == ("C", 10)
        assert path(lifecycle.replay([touch("visit", 0)], through=day(30), customer=customer))[-1] == ("C", 6)

    def test_a_win_back_of_another_kind_is_not_undone_at_its_own_instant(self):
        lifecycle = machine(
            [Transition("A", "order", "B"), Transition("C", "call", "B")],
            [Timeout("B", "C", idle="10d", of=("order",)), Timeout("C", "D", idle="100d", of=("order",))],
        )
        log = [touch("order", 0), touch("call", 50)]
        # Lapsed on day 10, won back by a call on day 50: ten days from then, not from the order.
        assert path(lifecycle.replay(log, through=day(70))) == [("A", 0), ("B", 0), ("C", 10), ("B", 50), ("C", 60)]

    def test_entered_by_timeout_the_silence_goes_on(self):
        lifecycle = machine(
            [Transition("A", "order", "B")],
            [Timeout("B", "C", idle="10d", of=("order",)), Timeout("C", "D", idle="30d", of=("order",))],
        )
        assert path(lifecycle.replay([touch("order", 0)], through=day(70))) == [
            ("A", 0),
            ("B", 0),
            ("C", 10),
            ("D", 30),
        ]

    def test_a_silence_that_has_passed_before_a_timeout_entered_fires_at_entry(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="40d"), Timeout("C", "D", idle="30d")])
        assert path(lifecycle.replay([touch("go", 0)], through=day(70))) == [("A", 0), ("B", 0), ("C", 40), ("D", 40)]

    def test_attribute_missing_is_never(self):
        lifecycle = machine([GO], [Timeout("B", "C", attribute="trial_end")])
        for customer in (None, Customer("ann"), Customer("ann", attributes={"trial_end": None})):
            assert path(lifecycle.replay([touch("go", 0)], through=day(999), customer=customer))[-1] == ("B", 0)

    @pytest.mark.parametrize(("end", "last"), [(-1, ("B", 0)), (0, ("C", 0)), (7, ("C", 7))])
    def test_attribute_before_entry_does_not_fire_equal_to_it_does(self, end, last):
        lifecycle = machine([GO], [Timeout("B", "C", attribute="trial_end")])
        customer = Customer("ann", attributes={"trial_end": day(end)})
        assert path(lifecycle.replay([touch("go", 0)], through=day(9), customer=customer))[-1] == last

    def test_attribute_before_the_first_entry_fires_there(self):
        lifecycle = machine([GO], [Timeout("A", "C", attribute="trial_end")], kinds=("visit",))
        customer = Customer("ann", attributes={"trial_end": day(-30)})
        assert path(lifecycle.replay([touch("visit", 0)], customer=customer)) == [("A", 0), ("C", 0)]

    def test_back_in_the_first_stage_an_attribute_before_entry_does_not_fire(self):
        lifecycle = machine(
            [Transition("A", "go", "A", reenter=True)], [Timeout("A", "C", attribute="trial_end")], kinds=("visit",)
        )
        customer = Customer("ann", acquired_at=day(-9), attributes={"trial_end": day(5)})
        # Re-entered on day 3 with the deadline still to come, and on day 6 after it fired.
        assert path(lifecycle.replay([touch("go", 3)], through=day(9), customer=customer))[-1] == ("C", 5)
        back = machine([Transition("C", "go", "A")], [Timeout("A", "C", attribute="trial_end")])
        assert path(back.replay([touch("go", 6)], through=day(9), customer=customer)) == [("A", -9), ("C", 5), ("A", 6)]

    def test_an_attribute_has_to_be_an_aware_datetime(self):
        lifecycle = machine([GO], [Timeout("B", "C", attribute="trial_end")])
        with pytest.raises(InvalidDataError, match="attribute 'trial_end' must be a datetime"):
            lifecycle.begin(day(0), Customer("ann", attributes={"trial_end": "2025-01-01"}))
        with pytest.raises(InvalidDataError, match=r"attribute 'trial_end' .* has no time zone"):
            lifecycle.begin(day(0), Customer("ann", attributes={"trial_end": datetime(2025, 1, 1)}))  # noqa: DTZ001


class TestRule5Durations:
    def test_a_circle_with_after_runs_up_to_through(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="1d"), Timeout("C", "B", after="2d")])
        assert path(lifecycle.replay([touch("go", 0)], through=day(6))) == [
            *[("A", 0), ("B", 0), ("C", 1), ("B", 3), ("C", 4), ("B", 6)]
        ]

    def test_more_visits_than_max_visits_raise(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="1d"), Timeout("C", "B", after="1d")])
        assert len(lifecycle.replay([touch("go", 0)], through=day(9), max_visits=11)) == 11
        with pytest.raises(InvalidDataError, match="more than 10 visits of one customer"):
            lifecycle.replay([touch("go", 0)], through=day(9), max_visits=10)

    def test_ten_thousand_visits_are_the_default(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="1h"), Timeout("C", "B", after="1h")])
        assert len(lifecycle.replay([touch("go", 0)], through=day(0) + timedelta(hours=9_998))) == 10_000
        with pytest.raises(InvalidDataError, match="raise max_visits="):
            lifecycle.replay([touch("go", 0)], through=day(0) + timedelta(hours=9_999))
        with pytest.raises(InvalidDataError, match="lead round in a circle"):
            lifecycle.settle(lifecycle.advance(lifecycle.begin(day(0)), touch("go", 0)), day(9999))


class TestRule6Choice:
    def test_the_first_transition_that_fits_is_taken(self):
        lifecycle = machine(
            [
                Transition("A", "go", "B", when=when.amount >= 10),
                Transition("A", "go", "C", when=when.amount >= 5),
                Transition("A", "go", "D"),
            ]
        )
        for amount, stage in ((20, "B"), (7, "C"), (1, "D"), (None, "D")):
            assert lifecycle.replay([touch("go", 0, amount=amount)])[-1].stage == stage

    def test_transitions_from_any_stage_come_after_all_specific_ones(self):
        lifecycle = machine([Transition("*", "go", "D"), Transition("A", "go", "B"), Transition("C", "go", "D")])
        assert path(lifecycle.replay([touch("go", 0), touch("go", 1)])) == [("A", 0), ("B", 0), ("D", 1)]
        guarded = machine([Transition("*", "go", "D"), Transition("A", "go", "B", when=when.amount > 1)])
        assert guarded.replay([touch("go", 0)])[-1].stage == "D"

    def test_from_any_stage_to_the_current_one_is_a_touch(self):
        lifecycle = machine([Transition("*", "go", "B")])
        assert path(lifecycle.replay([touch("go", 0), touch("go", 1)])) == [("A", 0), ("B", 0)]

    def test_illegal_touchpoints_are_ignored_recorded_or_raised(self):
        lifecycle = machine([GO, Transition("B", "on", "C")])
        log = [touch("go", 0), touch("go", 1), touch("on", 2)]
        assert path(lifecycle.replay(log)) == [("A", 0), ("B", 0), ("C", 2)]
        assert lifecycle.replay(log).illegal == ()
        assert lifecycle.replay(log, illegal="record").illegal == (log[1],)
        with pytest.raises(TransitionError, match="'go' at row 1 is not allowed in stage 'B'") as caught:
            lifecycle.replay(log, illegal="raise")
        assert (caught.value.stage, caught.value.kind, caught.value.allowed) == ("B", "go", {"on": ("C",)})

    def test_an_ignored_touchpoint_still_counts(self):
        lifecycle = machine(
            [GO, Transition("B", "on", "C", when=(when.count("go") >= 3) & (when.total("go") == 7))],
        )
        log = [touch("go", 0, amount=1), touch("go", 1, amount=2), touch("go", 2, amount=4), touch("on", 3)]
        assert lifecycle.replay(log)[-1].stage == "C"

    def test_advance_raises_on_illegal_and_passes_over_unknown_touchpoints(self):
        lifecycle = machine([GO])
        state = lifecycle.advance(lifecycle.begin(day(0)), touch("go", 0))
        assert lifecycle.advance(state, touch("alien", 5)) == state
        with pytest.raises(TransitionError, match="Allowed there: nothing") as caught:
            lifecycle.advance(state, touch("go", 1))
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.stage, copy.kind, copy.allowed, str(copy)) == ("B", "go", {}, str(caught.value))

    def test_advance_names_the_stage_after_what_was_due(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="10d")])
        state = lifecycle.advance(lifecycle.begin(day(0)), touch("go", 0))
        with pytest.raises(TransitionError) as caught:
            lifecycle.advance(state, touch("go", 10))
        assert caught.value.stage == "C"


class TestRule6Backward:
    STAGES = (Stage("A", rank=1), Stage("B", rank=2), Stage("C", rank=3), Stage("off"))

    def test_a_lower_rank_is_illegal_and_no_other_transition_is_tried(self):
        transitions = [Transition("C", "go", "A", when=when.amount > 0), Transition("C", "go", "off")]
        lifecycle = machine(transitions, stages=self.STAGES, initial="C", backward="forbid")
        assert lifecycle.replay([touch("go", 0, amount=1)])[-1].stage == "C"
        assert lifecycle.replay([touch("go", 0)])[-1].stage == "off"
        with pytest.raises(TransitionError):
            lifecycle.replay([touch("go", 0, amount=1)], illegal="raise")
        assert machine(transitions, stages=self.STAGES, initial="C").replay([touch("go", 0, amount=1)])[-1].stage == "A"

    def test_the_same_rank_is_not_below(self):
        stages = (Stage("A", rank=1), Stage("B", rank=1))
        assert machine([GO], stages=stages, backward="forbid").replay([touch("go", 0)])[-1].stage == "B"

    def test_unranked_stages_are_free(self):
        transitions = [Transition("C", "go", "off"), Transition("off", "go", "A")]
        lifecycle = machine(transitions, stages=self.STAGES, initial="C", backward="forbid")
        assert path(lifecycle.replay([touch("go", 0), touch("go", 1)])) == [("C", 0), ("off", 0), ("A", 1)]

    def test_timeouts_are_free(self):
        lifecycle = machine((), [Timeout("C", "A", after="1d")], self.STAGES, "C", kinds=("go",), backward="forbid")
        assert path(lifecycle.replay([touch("go", 0)], through=day(1))) == [("C", 0), ("A", 1)]

    def test_previous_counts_as_what_it_resolves_to(self):
        transitions = [Transition("A", "up", "C"), Transition("C", "back", "@previous"), Transition("off", "up", "C")]
        lifecycle = machine(transitions, stages=self.STAGES, backward="forbid")
        assert lifecycle.replay([touch("up", 0), touch("back", 1)])[-1].stage == "C"
        from_off = machine(transitions, stages=self.STAGES, initial="off", backward="forbid")
        assert from_off.replay([touch("up", 0), touch("back", 1)])[-1].stage == "off"


class TestRule7Guards:
    def test_counts_include_the_current_touchpoint(self):
        lifecycle = machine([Transition("A", "order", "B", when=when.count("order") >= 3)])
        assert path(lifecycle.replay([touch("order", 1), touch("order", 2), touch("order", 3)])) == [("A", 1), ("B", 3)]

    def test_totals_include_the_current_amount_and_skip_missing_ones(self):
        lifecycle = machine([Transition("A", "order", "B", when=when.total("order") >= 100)])
        log = [touch("order", 1, amount=60), touch("order", 2), touch("order", 3, amount=40)]
        assert path(lifecycle.replay(log)) == [("A", 1), ("B", 3)]

    def test_counts_run_over_the_whole_history_not_the_stage(self):
        lifecycle = machine([GO, Transition("B", "go", "C", when=when.count("go") == 2)])
        assert lifecycle.replay([touch("go", 0), touch("go", 1)])[-1].stage == "C"

    @pytest.mark.parametrize("condition", [when.amount != 5, when.score != 5, when.channel != "web", when.amount < 5])
    def test_a_comparison_with_a_missing_value_is_false(self, condition):
        assert machine([Transition("A", "go", "B", when=condition)]).replay([touch("go", 0)])[-1].stage == "A"
        # Negation is plain: not (False).
        assert machine([Transition("A", "go", "B", when=~condition)]).replay([touch("go", 0)])[-1].stage == "B"

    def test_own_values_are_the_current_touchpoints(self):
        lifecycle = machine([GO, Transition("B", "go", "C", when=when.channel == "web")])
        assert lifecycle.replay([touch("go", 0, channel="web"), touch("go", 1, channel="shop")])[-1].stage == "B"

    def test_combinations(self):
        condition = ((when.amount >= 10) & (when.channel == "web")) | ~(when.score < 9)
        lifecycle = machine([Transition("A", "go", "B", when=condition)])
        for own, stage in (
            ({"amount": 10, "channel": "web", "score": 1}, "B"),
            ({"amount": 10, "channel": "shop", "score": 1}, "A"),
            ({"amount": 1, "channel": "web", "score": 9}, "B"),
            ({}, "B"),
        ):
            assert lifecycle.replay([touch("go", 0, **own)])[-1].stage == stage


class TestRule8Touches:
    def test_a_touch_opens_no_visit_and_does_not_restart_after(self):
        lifecycle = machine([GO, Transition("B", "go", "B")], [Timeout("B", "C", after="10d")])
        assert path(lifecycle.replay([touch("go", 0), touch("go", 9)], through=day(10))) == [
            ("A", 0),
            ("B", 0),
            ("C", 10),
        ]

    def test_reenter_closes_the_visit_and_restarts_after(self):
        lifecycle = machine([GO, Transition("B", "go", "B", reenter=True)], [Timeout("B", "C", after="10d")])
        history = lifecycle.replay([touch("go", 0), touch("go", 9)], through=day(19))
        assert path(history) == [("A", 0), ("B", 0), ("B", 9), ("C", 19)]


class TestRule9Previous:
    TRANSITIONS = (
        GO,
        Transition("A", "on", "C"),
        Transition("*", "pause", "D"),
        Transition("D", "resume", "@previous"),
    )

    @pytest.mark.parametrize(("kind", "stage"), [("go", "B"), ("on", "C")])
    def test_previous_is_the_stage_of_the_visit_before(self, kind, stage):
        log = [touch(kind, 0), touch("pause", 1), touch("resume", 2)]
        assert machine(self.TRANSITIONS).replay(log)[-1].stage == stage

    def test_at_the_first_visit_it_is_the_initial_stage(self):
        lifecycle = machine([Transition("A", "back", "@previous")])
        assert path(lifecycle.replay([touch("back", 0), touch("back", 1)])) == [("A", 0)]

    def test_a_reentered_stage_is_its_own_previous_one(self):
        transitions = [GO, Transition("B", "again", "B", reenter=True), Transition("B", "back", "@previous")]
        log = [touch("go", 0), touch("again", 1), touch("back", 2)]
        assert path(machine(transitions).replay(log)) == [("A", 0), ("B", 0), ("B", 1)]

    def test_a_stage_that_time_entered_counts(self):
        lifecycle = machine([*self.TRANSITIONS], [Timeout("B", "C", idle="10d"), Timeout("C", "D", idle="20d")])
        log = [touch("go", 0), touch("resume", 30)]
        assert lifecycle.replay(log)[-1].stage == "C"


class TestRule10Visits:
    def test_stop_and_resume_carries_cause_and_reference(self):
        lifecycle = machine([GO])
        first = lifecycle.replay([touch("go", 0, ref="o1")], through=day(1))
        again = lifecycle.replay([], through=day(2), state=first.state)
        assert list(again) == [clm.Visit("B", day(0), None, "go", "o1")]


class TestRule11Begin:
    def test_begin_opens_at_the_instant_or_the_acquisition(self):
        lifecycle = machine([GO])
        assert lifecycle.begin(day(3)).entered_at == day(3)
        assert lifecycle.begin(day(3), Customer("ann", acquired_at=day(1))).entered_at == day(1)
        assert lifecycle.begin(day(3), customer=Customer("ann", acquired_at=day(5))).entered_at == day(3)

    def test_begin_and_advance_equal_replay(self):
        lifecycle = clm.lifecycles.five_stage()
        log = [
            touch("order", 0, ref=1),
            touch("order", 20, ref=2),
            touch("referral", 130, ref=3),
            touch("order", 300, ref=4),
        ]
        history = lifecycle.replay(log[:2], through=day(60))
        state = lifecycle.begin(log[0].at)
        assert (state.stage, state.cause) == ("reach", None)
        for touchpoint in log[:2]:
            state = lifecycle.advance(state, touchpoint)
        assert lifecycle.settle(state, day(60)) == history.state
        with pytest.raises(TransitionError, match=r"'referral' .* in stage 'at_risk'"):
            lifecycle.advance(state, log[2])

    def test_the_touchpoint_begun_for_opens_the_first_visit(self):
        lifecycle = machine((), kinds=("visit",))
        state = lifecycle.begin(day(0))
        with pytest.raises(TransitionError):
            lifecycle.advance(state, touch("visit", 0))
        history = lifecycle.replay([touch("visit", 0, ref=5)], state=state)
        assert history[0] == clm.Visit("A", day(0), None, "visit", 5)

    def test_a_customer_who_waits_is_nowhere(self):
        lifecycle = machine([GO])
        state = lifecycle.begin(customer=Customer("ann", acquired_at=day(5)))
        assert (state.stage, state.entered_at, state.next_timeout, state.visits) == (None, None, None, 0)
        assert lifecycle.settle(state, day(4)) == state
        assert lifecycle.settle(state, day(5)).entered_at == day(5)
        assert lifecycle.advance(state, touch("go", 2)).opened_at == day(2)


class TestInputs:
    def test_a_touchpoint_earlier_than_the_last_one_is_refused(self):
        lifecycle = machine([GO, Transition("B", "go", "A")])
        state = lifecycle.advance(lifecycle.begin(day(1)), touch("go", 2))
        assert lifecycle.advance(state, touch("go", 2)).stage == "A"
        with pytest.raises(InvalidDataError, match=r"the touchpoint 'go' at 2025-01-02.* is before 2025-01-03"):
            lifecycle.advance(state, touch("go", 1))
        with pytest.raises(InvalidDataError, match=r"a touchpoint at 2025-01-02.* is before 2025-01-03"):
            lifecycle.replay([touch("go", 5), touch("go", 1)], state=state)

    def test_a_touchpoint_before_what_time_has_brought_is_refused(self):
        lifecycle = machine([GO, Transition("C", "go", "A")], [Timeout("B", "C", after="10d")])
        state = lifecycle.settle(lifecycle.advance(lifecycle.begin(day(0)), touch("go", 0)), day(30))
        assert state.stage == "C"
        assert lifecycle.advance(state, touch("go", 10)).stage == "A"
        with pytest.raises(InvalidDataError, match="Replay the customer from the start"):
            lifecycle.advance(state, touch("go", 9))

    def test_settling_backwards_is_refused(self):
        lifecycle = machine([GO])
        state = lifecycle.advance(lifecycle.begin(day(1)), touch("go", 2))
        with pytest.raises(InvalidDataError, match="through= at 2025-01-02"):
            lifecycle.settle(state, day(1))
        with pytest.raises(InvalidDataError, match="through= at 2025-01-02"):
            lifecycle.replay([], through=day(1), state=state)

    def test_a_date_is_its_whole_day(self):
        lifecycle = machine([GO], [Timeout("B", "C", after="1d")])
        state = lifecycle.advance(lifecycle.begin(day(0)), Touchpoint("ann", day(1) - MICROSECOND, "go"))
        assert lifecycle.settle(state, date(2025, 1, 1)).stage == "B"
        assert lifecycle.settle(state, date(2025, 1, 2)).stage == "C"

    @pytest.mark.parametrize("through", ["2025-01-01", 5, datetime(2025, 1, 1)])  # noqa: DTZ001
    def test_through_has_to_be_a_date_or_an_aware_datetime(self, through):
        with pytest.raises(InvalidDataError, match="through"):
            machine([GO]).replay([touch("go", 0)], through=through)

    def test_through_is_the_last_touchpoint_by_default(self):
        assert machine([GO]).replay([touch("go", 0), touch("alien", 9)]).left_out == 0
        with pytest.raises(InvalidDataError, match="Give through"):
            machine([GO]).replay([])

    def test_zones_are_converted(self):
        cet = timezone(timedelta(hours=1))
        berlin = Touchpoint("ann", datetime(2025, 1, 1, 1, tzinfo=cet), "go")
        assert berlin == touch("go", 0)
        assert machine([GO]).replay([berlin])[0].entered_at == day(0)

    def test_one_customer_at_a_time(self):
        log = [touch("go", 0), Touchpoint("bob", day(1), "go")]
        with pytest.raises(InvalidDataError, match="row 1 is of 'bob', not 'ann'"):
            machine([GO]).replay(log)
        with pytest.raises(InvalidDataError, match="row 0 is of 'ann', not 'bob'"):
            machine([GO]).replay(log[:1], customer=Customer("bob"))
        state = machine([GO]).begin(day(0), Customer("bob"))
        with pytest.raises(InvalidDataError, match="of customer 'ann', but the state is of 'bob'"):
            machine([GO]).advance(state, touch("go", 1))

    def test_what_is_not_what_it_should_be_is_named(self):
        lifecycle = machine([GO])
        state = lifecycle.begin(day(0))
        for call in (
            lambda: lifecycle.replay(["order"]),
            lambda: lifecycle.advance(state, "order"),
            lambda: lifecycle.advance("state", touch("go", 0)),
            lambda: lifecycle.begin(day(0), "ann"),
            lambda: lifecycle.begin("2025-01-01"),
            lambda: lifecycle.replay([touch("go", 0)], illegal="skip"),
            lambda: lifecycle.replay([touch("go", 0)], unknown="skip"),
            lambda: lifecycle.replay([touch("go", 0)], max_visits=0),
            lambda: lifecycle.replay([], through=day(0), state=state, customer=Customer("ann")),
            lambda: clm.lifecycles.five_stage().advance(state, touch("order", 0)),
        ):
            with pytest.raises(InvalidDataError):
                call()
