"""Scales: their boxes, their direction, and what is no scale."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.errors import InvalidDataError


class TestInputs:
    @pytest.mark.parametrize(
        ("arguments", "options"),
        [
            ((5, 1), {}),
            ((1, 1), {}),
            ((1, float("nan")), {}),
            ((1, float("inf")), {}),
            ((-1e308, 1e308), {}),
            ((True, 5), {}),
            (("1", 5), {}),
            ((None, 5), {}),
            ((1, 5), {"step": 0}),
            ((1, 5), {"step": -1}),
            ((1, 5), {"step": 3}),
            ((0, 10_000), {}),
            ((1, 5), {"bottom": 4, "top": 4}),
            ((1, 5), {"bottom": 4, "top": 2}),
            ((1, 5), {"top": 6}),
            ((1, 5), {"top": 4.5}),
            ((1, 5), {"top": 1}),
            ((1, 5), {"bottom": 5}),
            ((1, 5), {"bottom": 0}),
            ((1, 5), {"higher_is_better": "yes"}),
            ((1, 5), {"labels": ("bad", "good")}),
            ((1, 2), {"labels": ("good", "Good ")}),
            ((1, 2), {"labels": "ab"}),
            ((1, 2), {"labels": (1, 2)}),
        ],
    )
    def test_what_is_no_scale_is_refused(self, arguments, options):
        with pytest.raises(InvalidDataError):
            clm.Scale(*arguments, **options)

    def test_a_scale_without_customary_boxes_says_so_when_they_are_needed(self):
        scale = clm.Scale(0, 10)
        assert scale.top is None
        with pytest.raises(InvalidDataError, match=r"11 points has no customary boxes.*bottom=\.\.\., top=\.\.\."):
            _ = scale.sides

    def test_satisfaction_on_nine_points_has_no_customary_box(self):
        with pytest.raises(InvalidDataError, match="2, 3, 4, 5, 6, 7, 10"):
            clm.Scale.csat(9)

    def test_it_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            clm.Scale(1, 5).top = 5


class TestPublishedNumbers:
    # The top boxes that vendors use: Zendesk and Formbricks publish theirs, SimpleSat agrees up to 5 points.
    @pytest.mark.parametrize(("points", "top"), [(2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 6), (10, 8)])
    def test_customary_top_boxes(self, points, top):
        scale = clm.Scale.csat(points)
        assert scale == clm.Scale(1, points)
        assert scale.top == top
        assert scale.bottom == points + 1 - top
        assert scale.customary

    @pytest.mark.parametrize(
        ("scale", "good", "bad"),
        [
            (clm.Scale.nps(), {9, 10}, {0, 1, 2, 3, 4, 5, 6}),
            (clm.Scale.enps(), {9, 10}, {0, 1, 2, 3, 4, 5, 6}),
            (clm.Scale.enps5(), {5}, {1, 2, 3}),
            (clm.Scale.stars(), {4, 5}, {1, 2}),
            (clm.Scale.thumbs(), {1}, {0}),
            (clm.Scale.zendesk(), {1}, {0}),
            (clm.Scale.hubspot_csat(), {2}, {0}),
            (clm.Scale.nsat(), {4}, {1, 2}),
            (clm.Scale.ces1(), {1, 2}, {4, 5}),
            (clm.Scale.ces2(), {5, 6, 7}, {1, 2, 3}),
            (clm.Scale.ellis(), {3}, {1}),
        ],
    )
    def test_presets(self, scale, good, bad):
        points = np.array(scale.points)
        assert set(points[scale.sides == 1]) == good
        assert set(points[scale.sides == -1]) == bad


class TestConsistency:
    def test_where_low_is_good_the_bottom_box_is_the_good_one(self):
        scale = clm.Scale(1, 5, bottom=1, top=3, higher_is_better=False)
        assert scale.sides.tolist() == [1, 0, -1, -1, -1]
        assert scale.good_answers == "1"
        assert scale.bad_answers == "3 to 5"

    def test_one_box_given_leaves_as_many_points_for_the_other_or_what_is_left(self):
        assert clm.Scale(1, 10, top=9).bottom == 2
        assert clm.Scale(1, 5, top=3).bottom == 2
        assert clm.Scale(1, 10, bottom=1).top == 10
        assert clm.Scale(0, 10, bottom=6).top == 7

    def test_half_stars(self):
        scale = clm.Scale(0.5, 5, step=0.5)
        assert scale.points == (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)
        assert scale.top == 4
        assert scale.span == "0.5 to 5 by 0.5"

    def test_equal_scales_are_written_alike(self):
        assert clm.Scale(np.int64(1), 5.0) == clm.Scale(1, 5, bottom=2, top=4)
        assert hash(clm.Scale(1.0, 5)) == hash(clm.Scale(1, 5))
        assert repr(clm.Scale(1.0, 5.0)) == "Scale(1, 5, bottom=2, top=4)"
        assert clm.Scale(1, 5) != clm.Scale(1, 5, higher_is_better=False)
        assert clm.Scale(1, 5) != clm.Scale(0, 4)

    def test_its_repr_builds_it_again(self):
        for scale in (
            clm.Scale.nps(),
            clm.Scale.ces1(),
            clm.Scale.thumbs(),
            clm.Scale(0.5, 5, step=0.5),
            clm.Scale(0, 10),
        ):
            assert eval(repr(scale), {"Scale": clm.Scale}) == scale

    def test_it_pickles(self):
        scale = clm.Scale.ellis()
        again = pickle.loads(pickle.dumps(scale))
        assert again == scale
        assert again.customary == scale.customary

    @given(st.integers(-50, 50), st.integers(1, 60), st.sampled_from([0.1, 0.25, 0.5, 1, 2, 5]))
    def test_points_run_from_low_to_high(self, low, steps, step):
        scale = clm.Scale(low, low + steps * step, step=step)
        assert len(scale) == len(scale.points) == steps + 1
        assert scale.points[0] == scale.low
        assert scale.points[-1] == pytest.approx(scale.high)
        if scale.top is not None:
            assert set(scale.sides.tolist()) >= {-1, 1}
