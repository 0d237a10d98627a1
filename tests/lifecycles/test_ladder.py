"""Lifecycles that only go up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm import InvalidDataError, Lifecycle, Touchpoint

START = datetime(2025, 1, 1, tzinfo=UTC)
RUNGS = {"attraction": "visit", "interest": ("product_viewed", "searched"), "conversion": "order"}
SHOP = Lifecycle.ladder("shop", RUNGS, at_risk="90d", lapsed="180d")


def path(lifecycle, *log, through=None):
    touchpoints = [Touchpoint("ann", START + timedelta(days=number), kind) for kind, number in log]
    history = lifecycle.replay(
        touchpoints, through=None if through is None else START + timedelta(days=through), illegal="raise"
    )
    return [(visit.stage, (visit.entered_at - START).days) for visit in history]


class TestRule12:
    def test_each_kind_moves_up_to_its_own_stage(self):
        assert path(SHOP, ("visit", 0), ("searched", 1), ("order", 2)) == [
            *[("attraction", 0), ("interest", 1), ("conversion", 2)]
        ]
        assert path(SHOP, ("order", 0)) == [("attraction", 0), ("conversion", 0)]

    def test_nobody_moves_down(self):
        assert path(SHOP, ("order", 0), ("visit", 1), ("product_viewed", 2)) == [("attraction", 0), ("conversion", 0)]

    def test_silence_of_every_kind_counts_from_the_last_touchpoint(self):
        assert path(SHOP, ("order", 0), ("visit", 50), through=230)[2:] == [("at_risk", 140), ("lapsed", 230)]
        assert path(SHOP, ("visit", 0), through=90)[1:] == [("at_risk", 90)]

    @pytest.mark.parametrize("gap", [100, 300])
    @pytest.mark.parametrize(
        ("kind", "stage"), [("visit", "attraction"), ("searched", "interest"), ("order", "conversion")]
    )
    def test_any_kind_returns_to_its_own_stage(self, gap, kind, stage):
        assert path(SHOP, ("order", 0), (kind, gap))[-1] == (stage, gap)

    @given(st.lists(st.sampled_from(["visit", "product_viewed", "order"]), min_size=1))
    def test_the_stage_is_the_highest_so_far(self, kinds):
        climbed = path(Lifecycle.ladder("shop", RUNGS), *[(kind, day) for day, kind in enumerate(kinds)])
        heights = {"visit": "attraction", "product_viewed": "interest", "order": "conversion"}
        assert climbed[-1][0] == heights[max(kinds, key=list(heights).index)]


class TestInputs:
    def test_silences_are_optional(self):
        assert [stage.name for stage in Lifecycle.ladder("shop", RUNGS).stages] == list(RUNGS)
        lapsing = Lifecycle.ladder("shop", RUNGS, lapsed="180d")
        assert path(lapsing, ("order", 0), through=180)[-1] == ("lapsed", 180)

    def test_ranks_follow_the_order(self):
        assert [stage.rank for stage in SHOP.stages] == [1, 2, 3, None, None]

    @pytest.mark.parametrize(
        ("rungs", "options", "message"),
        [
            ({}, {}, "at least one stage"),
            (["a"], {}, "at least one stage"),
            ({"a": "k", "b": "k"}, {}, "kind 'k' leads to both 'a' and 'b'"),
            ({"a": ()}, {}, "'a' has no kind"),
            ({"a": 5}, {}, "must be names of kinds"),
            ({"a": "timeout"}, {}, "reserved"),
            ({"at_risk": "k"}, {"at_risk": "1d"}, "'at_risk' is the stage that silence leads to"),
            ({"a": "k"}, {"at_risk": "2d", "lapsed": "2d"}, "must be longer"),
            ({"a": "k"}, {"lapsed": "1 month"}, "months and years have no fixed length"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, rungs, options, message):
        with pytest.raises(InvalidDataError, match=message):
            Lifecycle.ladder("x", rungs, **options)

    def test_a_rung_may_be_called_lapsed_where_no_silence_is(self):
        assert clm.Lifecycle.ladder("x", {"lapsed": "k"}).initial == "lapsed"
