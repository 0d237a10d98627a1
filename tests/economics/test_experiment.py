"""Two arms of an experiment: golden numbers, edges and honesty."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import clm

BORDERLINE = ([120, 150], [1000, 1000])


@st.composite
def arms(draw):
    trials = [draw(st.integers(1, 400)) for _ in range(2)]
    return [draw(st.integers(0, size)) for size in trials], trials


class TestInputs:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (([1, 2, 3], [4, 5, 6]), "give two each, control first"),
            (([1], [4]), "give two each"),
            (([5, 2], [4, 4]), "exceed trials"),
            (([-1, 2], [4, 4]), "successes must be whole numbers from 0 on"),
            (([1.5, 2], [4, 4]), "successes must be whole numbers from 0 on"),
            (([1, 2], [np.nan, 4]), "trials must be whole numbers from 0 on"),
            ((["1", "2"], [4, 4]), "successes holds text"),
            ((5, 10), "successes must have one dimension"),
        ],
    )
    def test_arms_are_checked(self, arguments, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.ab_test(*arguments)

    @pytest.mark.parametrize(
        "option",
        [
            {"level": 95},
            {"level": 0},
            {"target_power": 80},
            {"target_power": 1},
            {"split": (1, 0)},
            {"split": (1, 1, 1)},
        ],
    )
    def test_options_are_checked(self, option):
        with pytest.raises(clm.InvalidDataError, match=next(iter(option))):
            clm.ab_test(*BORDERLINE, **option)

    @pytest.mark.parametrize(
        ("trials", "reason"),
        [
            ((0, 10), "the control had no trials"),
            ((10, 0), "the variant had no trials"),
            ((0, 0), "the control had no trials"),
        ],
    )
    def test_an_empty_arm_is_undefined(self, trials, reason):
        test = clm.ab_test([0, 0], trials)
        assert test.undefined == test.difference.undefined == test.uplift.undefined == reason
        assert np.isnan([test.p_value, test.exact_p_value, test.power, test.minimum_detectable_effect]).all()
        assert test.verdict == "inconclusive"
        assert reason in test.caveats[0]
        assert "undefined" in repr(test)

    @pytest.mark.parametrize("same", [([0, 0], [10, 10]), ([10, 10], [10, 10]), ([3, 3], [10, 10])])
    def test_identical_arms_do_not_differ(self, same):
        test = clm.ab_test(*same)
        assert test.p_value == 1
        low, high = test.difference.confidence_interval()
        assert low == pytest.approx(-high)
        assert test.verdict == "inconclusive"
        assert test.power == pytest.approx(0.05)

    def test_no_success_in_one_arm(self):
        assert clm.ab_test([0, 3], [10, 10]).uplift.undefined == "the control had no success"
        none = clm.ab_test([3, 0], [10, 10]).uplift
        assert none.value == -1
        low, high = none.confidence_interval()
        assert low == -1
        assert high > 0

    def test_no_rise_can_be_detected_from_the_top(self):
        assert np.isnan(clm.ab_test([10, 10], [10, 10]).minimum_detectable_effect)
        assert np.isnan(clm.ab_test([2, 2], [3, 3]).minimum_detectable_effect)


class TestPublishedNumbers:
    """Oracles: R 4.2 (prop.test, power.prop.test, fisher.test) and statsmodels 0.15."""

    def test_p_values(self):
        test = clm.ab_test(*BORDERLINE)
        assert test.p_value == pytest.approx(0.0496403869, abs=5e-11)
        assert stats.norm.isf(test.p_value / 2) == pytest.approx(1.9630498, abs=5e-8)
        assert test.exact_p_value == pytest.approx(0.0575958509, abs=5e-11)

    def test_difference(self):
        difference = clm.ab_test(*BORDERLINE).difference
        assert difference.value == pytest.approx(0.03)
        assert tuple(difference.confidence_interval()) == pytest.approx((0.0000137824, 0.0600082586), abs=5e-11)

    def test_uplift_knows_that_the_control_is_noisy(self):
        uplift = clm.ab_test(*BORDERLINE).uplift
        assert uplift.value == pytest.approx(0.25)
        assert tuple(uplift.confidence_interval()) == pytest.approx((-0.0003267, 0.5630106), abs=5e-8)
        assert uplift.standard_error / 1.25 == pytest.approx(0.1140175, abs=5e-8)

    @pytest.mark.parametrize(
        ("successes", "trials", "low", "high"),
        # Newcombe (1998), variant first there
        [
            ((48, 56), (80, 70), 0.0524, 0.3339),
            ((3, 9), (10, 10), 0.1705, 0.8090),
            ((0, 10), (20, 10), 0.6791, 1.0),
            ((0, 5), (29, 56), -0.0381, 0.1926),
        ],
    )
    def test_newcombes_examples(self, successes, trials, low, high):
        interval = clm.ab_test(successes, trials).difference.confidence_interval()
        assert tuple(interval) == pytest.approx((low, high), abs=5e-5)
        assert interval.method == "Newcombe"

    def test_sample_sizes(self):
        assert clm.sample_size_ab(baseline=0.12, target=0.15) == 2036  # 2035.605
        assert clm.sample_size_ab(baseline=0.10, target=0.12) == 3841  # 3840.847

    def test_power_and_detectable_effect(self):
        test = clm.ab_test(*BORDERLINE)
        assert test.power == pytest.approx(0.50128, abs=5e-6)
        assert test.minimum_detectable_effect == pytest.approx(0.043687, abs=5e-7)

    @pytest.mark.parametrize(("trials", "p_value"), [((10_000, 9_700), 0.03256), ((5_000, 4_800), 0.04335)])
    def test_sample_ratio_mismatch(self, trials, p_value):
        assert clm.ab_test([0, 0], trials).split_p_value == pytest.approx(p_value, abs=5e-6)


class TestVerdict:
    def test_at_the_edge_it_is_inconclusive_and_says_why(self):
        test = clm.ab_test(*BORDERLINE)
        assert test.verdict == "inconclusive"
        assert "disagree" in test.caveats[0]

    def test_clear_results(self):
        assert clm.ab_test([500, 600], [10_000, 10_000]).verdict == "variant is better"
        assert clm.ab_test([600, 500], [10_000, 10_000]).verdict == "control is better"
        assert clm.ab_test([500, 510], [10_000, 10_000]).verdict == "inconclusive"
        assert clm.ab_test([500, 600], [10_000, 10_000]).caveats == ()

    def test_the_level_decides(self):
        arms = ([500, 570], [10_000, 10_000])  # p = .0277
        assert clm.ab_test(*arms).verdict == "variant is better"
        assert clm.ab_test(*arms, level=0.99).verdict == "inconclusive"

    def test_arms_drawn_otherwise_than_planned_decide_nothing(self):
        test = clm.ab_test([500, 700], [10_000, 11_000])
        assert test.split_p_value < 1e-10
        assert test.verdict == "inconclusive"
        assert "planned split" in test.caveats[0]
        planned = clm.ab_test([500, 700], [10_000, 11_000], split=(10, 11))
        assert planned.split_p_value == pytest.approx(1)
        assert planned.verdict == "variant is better"

    def test_few_cases_point_to_the_exact_test(self):
        assert "exact_p_value" in clm.ab_test([1, 4], [50, 50]).caveats[0]
        # 3 of 3 against 0 of 1: the score test gives .0455, the exact one .25
        test = clm.ab_test([3, 0], [3, 1])
        assert test.p_value < 0.05 < test.exact_p_value
        assert test.verdict == "inconclusive"

    def test_its_repr_says_it_all(self):
        assert repr(clm.ab_test([500, 600], [10_000, 10_000])).startswith(
            "<ABTest: variant is better, 0.05 to 0.06 (95%"
        )


class TestConsistency:
    @given(arms=arms())
    def test_swapping_the_arms_mirrors_the_result(self, arms):
        one, other = clm.ab_test(*arms), clm.ab_test(*(each[::-1] for each in arms))
        low, high = one.difference.confidence_interval()
        assert tuple(other.difference.confidence_interval()) == pytest.approx((-high, -low))
        assert other.p_value == pytest.approx(one.p_value)
        assert {one.verdict, other.verdict} in ({"inconclusive"}, {"variant is better", "control is better"})

    @given(arms=arms())
    def test_intervals_hold_their_values_and_stay_in_range(self, arms):
        test = clm.ab_test(*arms)
        low, high = test.difference.confidence_interval()
        assert -1 <= low <= test.difference.value <= high <= 1
        assert 0 <= test.p_value <= 1
        if test.uplift.undefined is None:
            low, high = test.uplift.confidence_interval()
            assert -1 <= low <= test.uplift.value <= high

    @given(arms=arms())
    def test_the_p_value_is_the_chi_squared_tests(self, arms):
        test = clm.ab_test(*arms)
        successes, trials = np.array(arms)
        table = np.stack([successes, trials - successes])
        if table.sum(axis=1).all():
            assert test.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)

    @given(arms=arms())
    def test_the_exact_test_is_fishers(self, arms):
        successes, trials = np.array(arms)
        assert clm.ab_test(*arms).exact_p_value == pytest.approx(
            stats.fisher_exact([successes, trials - successes]).pvalue
        )

    @given(baseline=st.floats(0.05, 0.5), rise=st.floats(0.02, 0.3), power=st.floats(0.5, 0.95))
    def test_sample_size_power_and_detectable_effect_fit_together(self, baseline, rise, power):
        size = clm.sample_size_ab(baseline=baseline, target=baseline + rise, power=power)
        arms = ([round(size * baseline), 0], [size, size])
        test = clm.ab_test(*arms, target_power=power)
        # Whole customers move the baseline by half a customer, the size by one.
        assert test.minimum_detectable_effect == pytest.approx(rise, rel=0.1)

    def test_sample_sizes_are_checked(self):
        for options in (
            {"baseline": 12, "target": 15},
            {"baseline": 0.1, "target": 0.1},
            {"baseline": 0, "target": 0.1},
        ):
            with pytest.raises(clm.InvalidDataError, match="baseline"):
                clm.sample_size_ab(**options)
        with pytest.raises(clm.InvalidDataError, match="power"):
            clm.sample_size_ab(baseline=0.1, target=0.2, power=80)
        with pytest.raises(clm.InvalidDataError, match="level"):
            clm.sample_size_ab(baseline=0.1, target=0.2, level=95)

    def test_results_can_be_pickled_and_compared(self):
        test = clm.ab_test(*BORDERLINE)
        assert pickle.loads(pickle.dumps(test)) == test == clm.ab_test(np.array([120, 150]), np.array([1000, 1000]))
        assert test != clm.ab_test(*BORDERLINE, level=0.9)


class TestRecovery:
    def test_without_a_difference_it_seldom_finds_one(self):
        """Exact: over all pairs of counts at 60 trials an arm and a rate of .3."""
        chance = stats.binom.pmf(np.arange(61), 60, 0.3)
        found = missed = 0.0
        for control in range(8, 32):
            for variant in range(8, 32):
                test = clm.ab_test([control, variant], [60, 60])
                weight = chance[control] * chance[variant]
                found += weight * (test.p_value < 0.05)
                low, high = test.difference.confidence_interval()
                missed += weight * (not low <= 0 <= high)
        assert found == pytest.approx(0.05, abs=0.015)
        assert missed == pytest.approx(0.05, abs=0.015)
