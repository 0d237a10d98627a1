"""Rule 12: the five stages, at their default numbers and at others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import clm
from clm import InvalidDataError, Touchpoint, TransitionError

START = datetime(2025, 1, 1, tzinfo=UTC)


def day(number):
    return START + timedelta(days=number)


def path(lifecycle, *log, through=None):
    """Stages with their day of entry, for touchpoints written as (kind, day)."""
    touchpoints = [Touchpoint("ann", day(number), kind) for kind, number in log]
    history = lifecycle.replay(touchpoints, through=None if through is None else day(through))
    return [(visit.stage, (visit.entered_at - START).days) for visit in history]


def orders(*days):
    return [("order", number) for number in days]


class TestRule12:
    LIFECYCLE = clm.lifecycles.five_stage()

    def test_the_stages_and_their_ranks(self):
        assert {stage.name: stage.rank for stage in self.LIFECYCLE.stages} == {
            "reach": 1,
            "acquisition": 2,
            "conversion": 3,
            "retention": 4,
            "loyalty": 5,
            "advocate": None,
            "at_risk": None,
            "lapsed": None,
            "reactivated": None,
        }

    def test_visit_opens_reach_and_signing_up_is_acquisition(self):
        assert path(self.LIFECYCLE, ("visit", 0), ("signed_up", 3)) == [("reach", 0), ("acquisition", 3)]

    def test_the_first_second_and_fifth_order(self):
        assert path(self.LIFECYCLE, ("signed_up", 0), *orders(1, 2, 3, 4, 5, 6)) == [
            *[("reach", 0), ("acquisition", 0), ("conversion", 1), ("retention", 2), ("loyalty", 5)]
        ]

    @pytest.mark.parametrize("bought", [1, 2, 5])
    def test_a_referral_makes_any_buyer_an_advocate_who_stays_one(self, bought):
        log = [*orders(*range(bought)), ("referral", 10), *orders(11, 12, 13, 14, 15)]
        assert path(self.LIFECYCLE, *log)[-1] == ("advocate", 10)

    def test_a_reactivated_customer_may_become_an_advocate(self):
        assert path(self.LIFECYCLE, *orders(0, 100), ("referral", 101))[-1] == ("advocate", 101)

    @pytest.mark.parametrize("log", [[("visit", 0)], [("signed_up", 0)], orders(-100), orders(-200)])
    def test_a_referral_by_no_buyer_is_not_allowed(self, log):
        touchpoints = [Touchpoint("ann", day(number), kind) for kind, number in [*log, ("referral", 0)]]
        with pytest.raises(TransitionError, match="'referral' at row 1 is not allowed"):
            self.LIFECYCLE.replay(touchpoints, illegal="raise")

    def test_without_an_order_for_90_days_at_risk_for_180_lapsed(self):
        assert path(self.LIFECYCLE, *orders(0), through=89) == [("reach", 0), ("conversion", 0)]
        assert path(self.LIFECYCLE, *orders(0), through=180)[2:] == [("at_risk", 90), ("lapsed", 180)]

    def test_only_orders_count_against_silence(self):
        assert path(self.LIFECYCLE, *orders(0), ("visit", 80), through=95)[-1] == ("at_risk", 90)

    def test_reach_and_acquisition_wait_for_ever(self):
        assert path(self.LIFECYCLE, ("visit", 0), ("signed_up", 1), through=9999)[-1] == ("acquisition", 1)

    @pytest.mark.parametrize("gap", [90, 180, 500])
    def test_an_order_wins_back_and_the_next_one_retains(self, gap):
        back = path(self.LIFECYCLE, *orders(0, gap, gap + 1))
        assert back[-2:] == [("reactivated", gap), ("retention", gap + 1)]

    def test_a_reactivated_customer_may_be_at_risk_again(self):
        assert path(self.LIFECYCLE, *orders(0, 100), through=280)[-2:] == [("at_risk", 190), ("lapsed", 280)]

    def test_a_loyal_customer_who_comes_back_has_to_be_retained_first(self):
        assert path(self.LIFECYCLE, *orders(0, 1, 2, 3, 4, 200, 201, 202))[-3:] == [
            *[("reactivated", 200), ("retention", 201), ("loyalty", 202)]
        ]

    def test_an_advocate_without_orders_is_at_risk_90_days_after_he_became_one(self):
        # Rule 4: entered by a touchpoint of another kind, silence counts from the entry.
        assert path(self.LIFECYCLE, *orders(0), ("referral", 80), through=170)[-1] == ("at_risk", 170)

    def test_a_visit_is_legal_everywhere_and_moves_nobody(self):
        for stage in self.LIFECYCLE.stages:
            assert self.LIFECYCLE.allowed(stage.name)["visit"] == (stage.name,)


class TestParameters:
    def test_kinds_can_be_renamed(self):
        lifecycle = clm.lifecycles.five_stage(kinds={"order": "purchase", "visit": "page_view"})
        assert path(lifecycle, ("page_view", 0), ("purchase", 1), ("order", 2), through=91) == [
            *[("reach", 0), ("conversion", 1), ("at_risk", 91)]
        ]
        assert lifecycle.check() == []

    def test_numbers_can_be_changed(self):
        lifecycle = clm.lifecycles.five_stage(
            "mine", retention_orders=3, loyalty_orders=4, at_risk="10d", lapsed=timedelta(days=20)
        )
        assert lifecycle.name == "mine"
        assert path(lifecycle, *orders(0, 1, 2, 3), through=23) == [
            *[("reach", 0), ("conversion", 0), ("retention", 2), ("loyalty", 3), ("at_risk", 13), ("lapsed", 23)]
        ]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"kinds": {"orders": "purchase"}}, "has no kind 'orders'.*Did you mean 'order'"),
            ({"kinds": {"order": "visit"}}, "two kinds of five_stage are named 'visit'"),
            ({"kinds": {"order": "timeout"}}, "reserved"),
            ({"kinds": {"order": ""}}, "must be a name"),
            ({"retention_orders": 1}, "must be whole numbers that rise, from 2 on"),
            ({"retention_orders": 5}, "must be whole numbers that rise"),
            ({"retention_orders": 2.5}, "must be whole numbers"),
            ({"retention_orders": "3"}, "retention_orders='3' .* must be whole numbers"),
            ({"loyalty_orders": None}, "must be whole numbers"),
            ({"loyalty_orders": True}, "must be whole numbers"),
            ({"at_risk": "180d"}, "lapsed='180d' must be longer than at_risk='180d'"),
            ({"at_risk": "3 months"}, "months and years have no fixed length"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.lifecycles.five_stage(**options)


class TestNames:
    def test_every_ready_made_lifecycle_is_sound(self):
        for name in clm.lifecycles.names():
            lifecycle = clm.lifecycles.by_name(name)
            assert lifecycle.name == name
            assert lifecycle.check() == []
            assert lifecycle == getattr(clm.lifecycles, name)()

    def test_an_unknown_name_gets_a_hint(self):
        with pytest.raises(InvalidDataError, match=r"no lifecycle 'fivestage'. There are .*Did you mean 'five_stage'"):
            clm.lifecycles.by_name("fivestage")
