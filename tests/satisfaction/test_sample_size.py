"""How many answers a score takes: published numbers, and whether that many do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.errors import InvalidDataError

HALF, FIFTH = 0.5, 0.2  # shares of promoters and detractors: a variance of 0.61


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({}, "give either half_width=, for one score, or difference="),
            ({"half_width": 5, "difference": 5}, "give either half_width="),
            ({"half_width": 0}, "half_width must be positive"),
            ({"half_width": 1e-200}, "half_width must be 0.0001 points or more"),
            ({"half_width": 101}, "half_width must be 100 or less"),
            ({"difference": -5}, "difference must be positive"),
            ({"half_width": "5"}, "half_width"),
            ({"half_width": 5, "promoters": 0.5}, "give both promoters= and detractors="),
            ({"half_width": 5, "promoters": 0.5, "detractors": 0.1, "variance": 0.6}, "give both promoters="),
            ({"half_width": 5, "promoters": 50, "detractors": 20}, "Give 0.8 for 80 percent"),
            ({"half_width": 5, "promoters": 0.7, "detractors": 0.5}, "more than 1 together"),
            ({"half_width": 5, "variance": 1.5}, "variance must be 1 or less"),
            ({"half_width": 5, "level": 95}, "level must lie strictly between 0 and 1"),
            ({"difference": 5, "power": 80}, "power must lie strictly between 0 and 1"),
            ({"half_width": 5, "method": "t"}, "method='t' is not one of adjusted_wald, wald"),
        ],
    )
    def test_what_is_no_plan_is_refused(self, options, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.sample_size_nps(**options)

    @pytest.mark.parametrize("n", [0, -1, 1.5, [10], [10, 0], "many"])
    def test_groups_need_answers(self, n):
        with pytest.raises(InvalidDataError, match="n"):
            clm.detectable_nps(n)
        with pytest.raises(InvalidDataError, match="n"):
            clm.power_nps(10, n)

    @pytest.mark.parametrize("options", [{"half_width": 51}, {"half_width": 5, "satisfied": 50}, {"half_width": -1}])
    def test_percentages_are_checked(self, options):
        with pytest.raises(InvalidDataError, match=r"half_width|satisfied"):
            clm.sample_size_csat(**options)

    def test_nothing_to_measure_takes_one_answer(self):
        assert clm.sample_size_nps(half_width=5, promoters=1, detractors=0) == 1


class TestPublishedNumbers:
    """MeasuringU's formulas for the NPS, the numbers by hand from them."""

    @pytest.mark.parametrize(
        ("variance", "half_width", "wald", "adjusted"),
        [
            (0.61, 10, 235, 232),
            (0.61, 5, 938, 935),
            (0.61, 3, 2604, 2601),
            (0.56, 10, 216, 213),
            (0.56, 5, 861, 858),
            (1, 10, 385, 382),
            (1, 5, 1537, 1534),
            (2 / 3, 10, 257, 254),
        ],
    )
    def test_answers_for_an_interval(self, variance, half_width, wald, adjusted):
        assert clm.sample_size_nps(half_width=half_width, variance=variance, method="wald") == wald
        assert clm.sample_size_nps(half_width=half_width, variance=variance) == adjusted

    @pytest.mark.parametrize(
        ("variance", "difference", "answers"),
        [
            (0.61, 10, 958),
            (0.61, 5, 3831),
            (0.61, 20, 240),
            (0.56, 10, 880),
            (0.56, 5, 3517),
            (0.56, 20, 220),
            (1, 10, 1570),
            (1, 5, 6280),
            (1, 20, 393),
        ],
    )
    def test_answers_for_a_comparison(self, variance, difference, answers):
        assert clm.sample_size_nps(difference=difference, variance=variance, method="wald") == answers
        assert clm.sample_size_nps(difference=difference, variance=variance) == answers - 3

    def test_shares_give_their_variance(self):
        by_shares = clm.sample_size_nps(half_width=5, promoters=HALF, detractors=FIFTH)
        assert by_shares == clm.sample_size_nps(half_width=5, variance=0.61)

    def test_the_worst_case_is_assumed(self):
        assert clm.sample_size_nps(half_width=5) == 1534

    def test_what_ninety_answers_a_group_show(self):
        assert clm.detectable_nps(90, variance=0.6, method="wald") == pytest.approx(32, abs=0.5)

    def test_a_percentage(self):
        # 1.96**2 / 4 / 0.05**2 = 384.15
        assert clm.sample_size_csat(half_width=5, method="wald") == 385


class TestConsistency:
    @pytest.mark.parametrize("half_width", [3, 5, 10])
    def test_that_many_answers_give_the_half_width(self, half_width):
        n = clm.sample_size_nps(half_width=half_width, promoters=HALF, detractors=FIFTH)
        sides = np.array([FIFTH, 1 - HALF - FIFTH, HALF]) * n
        low, high = clm.stats.AdjustedWald(FIFTH, HALF, n).limits(0, 0, 0.95)
        assert sides.sum() == pytest.approx(n)
        assert (high - low) / 2 == pytest.approx(half_width, rel=2e-3)

    @given(st.floats(0.02, 0.98), st.floats(1, 40), st.sampled_from([0.8, 0.95, 0.99]))
    def test_wilsons_interval_is_as_narrow_as_asked_for(self, satisfied, half_width, level):
        def half(n):
            low, high = clm.stats.wilson_limits(np.asarray(satisfied), n, level)
            return 50 * (high - low)

        n = clm.sample_size_csat(half_width=half_width, satisfied=satisfied, level=level)
        assert half(n) <= half_width + 1e-6
        assert n == 1 or half(n - 1) >= half_width - 1e-6

    @given(st.floats(0.05, 1), st.floats(1, 60), st.floats(0.55, 0.99))
    def test_size_power_and_detectable_difference_are_one_formula(self, variance, difference, power):
        n = clm.sample_size_nps(difference=difference, variance=variance, power=power)
        reached = clm.power_nps(difference, n, variance=variance)
        assert reached >= power - 1e-6
        smallest = clm.detectable_nps(n, variance=variance, power=power)
        assert np.isnan(smallest) or smallest <= difference + 1e-6
        if n > 1:
            assert clm.power_nps(difference, n - 1, variance=variance) <= power + 0.02

    def test_groups_of_two_sizes(self):
        assert clm.detectable_nps([90, 90]) == clm.detectable_nps(90)
        assert clm.detectable_nps([90, 30]) > clm.detectable_nps([90, 90])
        assert np.isnan(clm.detectable_nps(1, method="wald"))
        assert clm.power_nps(0, 100) == pytest.approx(0.05)
        assert clm.power_nps(-20, 100) == clm.power_nps(20, 100)


class TestRecovery:
    def test_the_comparison_finds_the_difference_as_often_as_planned(self):
        n = clm.sample_size_nps(difference=20, variance=0.61)
        rng = np.random.default_rng(8)
        lower = rng.multinomial(n, [0.3, 0.3, 0.4], 200)  # a variance of 0.69
        upper = rng.multinomial(n, [0.2, 0.3, 0.5], 200)
        planned = clm.power_nps(20, n, variance=(0.69 + 0.61) / 2)

        def score(row):
            return clm.NPS.from_counts(detractors=row[0], passives=row[1], promoters=row[2])

        found = np.mean([clm.compare(score(a), score(b)).p_value < 0.05 for a, b in zip(lower, upper, strict=True)])
        assert planned == pytest.approx(0.775, abs=0.01)
        # Four standard errors of a share of 200.
        assert found == pytest.approx(planned, abs=4 * np.sqrt(planned * (1 - planned) / 200))
