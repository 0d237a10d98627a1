"""Any lifecycle, any log: the machine against the plain rules, and against itself."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.core.reference import reference
from tests.strategies import customers, ends, lifecycles, touchpoints

import clm


def rows(history):
    return [(visit.stage, visit.entered_at, visit.exited_at, visit.cause, visit.ref) for visit in history]


def through_json(state):
    return clm.State.from_dict(json.loads(json.dumps(state.to_dict())))


def check_against_the_rules(lifecycle, log, through, customer):
    visits, illegal = reference(lifecycle, log, through, customer)
    history = lifecycle.replay(log, through=through, customer=customer, illegal="record")
    assert rows(history) == visits
    assert list(history.illegal) == illegal


class TestConsistency:
    @given(lifecycles(), touchpoints(), ends, st.none() | customers())
    @settings(max_examples=150)
    def test_visits_are_those_of_the_plain_rules(self, lifecycle, log, through, customer):
        check_against_the_rules(lifecycle, log, through, customer)

    @pytest.mark.slow
    @given(lifecycles(), touchpoints(max_size=40), ends, st.none() | customers())
    @settings(max_examples=20_000)
    def test_visits_are_those_of_the_plain_rules_on_many(self, lifecycle, log, through, customer):
        check_against_the_rules(lifecycle, log, through, customer)

    @given(lifecycles(), touchpoints(), ends, customers())
    def test_visits_tile_the_time_from_the_first_on(self, lifecycle, log, through, customer):
        history = lifecycle.replay(log, through=through, customer=customer)
        assert all(before.exited_at == after.entered_at for before, after in pairwise(history))
        assert all(visit.entered_at <= visit.exited_at for visit in history[:-1])
        if history:
            assert history[-1].exited_at is None
            assert history[-1].entered_at <= through
        began = [touchpoint.at for touchpoint in log if touchpoint.kind in lifecycle.known_kinds]
        acquired = [] if customer.acquired_at is None else [customer.acquired_at]
        first = min(began + acquired, default=None)
        assert [visit.entered_at for visit in history[:1]] == [at for at in [first] if at is not None and at <= through]

    @given(lifecycles(), touchpoints(), customers(), st.data())
    def test_steps_through_json_lead_where_replay_does(self, lifecycle, log, customer, data):
        through = max((touchpoint.at for touchpoint in log), default=customer.acquired_at)
        if through is None:
            return
        through += timedelta(days=data.draw(st.sampled_from([0, 1, 10, 100])))
        state = through_json(lifecycle.begin(customer=customer))
        for touchpoint in log:
            try:
                state = lifecycle.advance(state, touchpoint)
            except clm.TransitionError:
                return  # advance has no policy but to refuse
            if data.draw(st.booleans()):
                state = lifecycle.settle(state, touchpoint.at)
            state = through_json(state)
        assert lifecycle.settle(state, through) == lifecycle.replay(log, through=through, customer=customer).state

    @given(lifecycles(), touchpoints(), ends, customers(), st.data())
    def test_a_replay_goes_on_from_where_another_stopped(self, lifecycle, log, through, customer, data):
        whole = lifecycle.replay(log, through=through, customer=customer)
        cut = data.draw(st.integers(0, len(log)))
        if cut and log[cut - 1].at > through:
            return
        until = log[cut - 1].at if cut else through - timedelta(days=1000)
        first = lifecycle.replay(log[:cut], through=until, customer=customer)
        # What fired at the instant of an acquisition cannot know of a touchpoint that is still to come at that instant.
        assume(not (len(first) > 1 and first[0].cause == "acquired" and first[0].entered_at == until))
        second = lifecycle.replay(log[cut:], through=through, state=through_json(first.state))
        assert rows(first)[:-1] + rows(second) == rows(whole)
        assert second.state == whole.state

    @given(lifecycles(), touchpoints(), ends, st.randoms(use_true_random=False))
    def test_row_order_of_distinct_instants_does_not_matter(self, lifecycle, log, through, random):
        distinct = list({touchpoint.at: touchpoint for touchpoint in log}.values())
        shuffled = distinct.copy()
        random.shuffle(shuffled)
        assert lifecycle.replay(shuffled, through=through) == lifecycle.replay(distinct, through=through)

    @given(lifecycles(), touchpoints(), ends, customers())
    def test_silence_brings_what_was_announced(self, lifecycle, log, through, customer):
        state = lifecycle.replay(log, through=through, customer=customer).state
        if state.next_timeout is None:
            return
        stage, when = state.next_timeout
        assert when > through
        assert lifecycle.settle(state, when - timedelta(microseconds=1)).visits == state.visits
        history = lifecycle.replay([], through=when, state=state)
        assert (history[1].stage, history[1].entered_at, history[1].cause) == (stage, when, "timeout")

    @given(lifecycles())
    def test_a_lifecycle_survives_json(self, lifecycle):
        assert clm.Lifecycle.from_dict(json.loads(json.dumps(lifecycle.to_dict()))) == lifecycle
        assert all(finding.kind and str(finding) for finding in lifecycle.check())
        assert lifecycle.to_mermaid().startswith("stateDiagram-v2\n")
        assert lifecycle.to_dot().startswith("digraph")
