"""Limits of formulas from the limits of what goes into them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import levels

import clm
from clm.stats import Exact, LogNormal, NoBand, Quantity, StudentT, propagate, proportion


def estimated(value, error, **options):
    return clm.Estimate(
        value=value, standard_error=error, n=50, name="thing", unit="things", definition="A thing.", **options
    )


def times(a, b):
    return a * b


def over(a, b):
    return a / b if b > 0 else np.inf


def hump(a):
    return a * (1 - a)


def of(formula, *given, positive=True, **options):
    quantities = [Quantity.of(each, f"input {place}", positive=positive) for place, each in enumerate(given)]
    return propagate(formula, quantities, name="result", unit="things", definition="A result.", **options)


class TestInputs:
    @pytest.mark.parametrize("bad", ["1", None, np.nan, np.inf, True, [1.0, 2.0], {"a": 1}])
    def test_anything_but_one_finite_number_is_refused(self, bad):
        with pytest.raises(clm.InvalidDataError, match="input"):
            Quantity.of(bad, "input")

    @pytest.mark.parametrize("good", [1, 1.0, np.float32(1), np.int8(1), np.array(1.0)])
    def test_numbers_of_every_kind_are_taken(self, good):
        assert Quantity.of(good, "input").value == 1.0

    def test_a_row_of_cells_is_refused_with_what_to_do(self):
        row = estimated([1.0, 2.0], [0.1, 0.1])
        with pytest.raises(clm.InvalidDataError, match=r"2 cells .thing., but one number is expected"):
            Quantity.of(row, "input")

    def test_a_result_that_has_an_estimate_counts_as_it(self):
        nps = clm.nps([10, 9, 3])
        assert Quantity.of(nps, "score").estimate == nps.estimate

    def test_numbers_outside_the_range_are_refused(self):
        with pytest.raises(
            clm.InvalidDataError, match=r"share must lie between 0 and 1, not 80. Give 0.8 for 80 percent"
        ):
            Quantity.of(80, "share", lowest=0, highest=1)
        with pytest.raises(clm.InvalidDataError, match="share must lie between 0 and 1"):
            Quantity.of(estimated(1.2, 0.1), "share", lowest=0, highest=1)

    def test_limits_stay_in_the_range(self):
        low, high = Quantity.of(estimated(0.9, 0.2), "share", lowest=0, highest=1).limits(0.95)
        assert 0 < low < 0.9
        assert high == 1


class TestUndefined:
    def test_plain_numbers_have_no_interval_and_it_says_why(self):
        result = of(times, 2, 3)
        assert result.value == 6
        assert np.isnan(result.standard_error)
        assert np.isnan(result.confidence_interval().low)
        assert "input 0 and input 1 were given as plain numbers" in result.confidence_interval().method

    def test_an_undefined_input_makes_the_result_undefined(self):
        nobody = proportion(0, 0, name="share", definition="Share.", undefined="nobody was asked")
        result = of(times, nobody, 3)
        assert result.undefined == "input 0 is undefined, because nobody was asked"
        assert result == pickle.loads(pickle.dumps(result))

    def test_a_formula_without_a_value_gives_the_reason(self):
        assert of(over, 1, 0, undefined="nothing to divide by").undefined == "nothing to divide by"

    def test_an_input_without_an_interval_leaves_none(self):
        result = of(times, estimated(2.0, np.nan), 3)
        assert result.value == 6
        assert "input 0 has no interval (its standard error is not known)" in result.band.method
        given = estimated(2.0, np.nan, band=NoBand("the parameters were given"))
        assert "input 0 has no interval (the parameters were given)" in of(times, given, 3).band.method

    def test_one_observation_has_no_interval(self):
        single = clm.stats.mean([3.0], name="m", unit="u", definition="d")
        assert isinstance(of(times, single, 3).band, NoBand)


class TestOneEstimate:
    @given(level=levels, hits=st.integers(0, 40))
    def test_a_rising_formula_has_the_transformed_ends(self, level, hits):
        share = proportion(hits, 40, name="share", definition="Share.")
        low, high = share.confidence_interval(level)
        result = of(times, share, 7, positive=False).confidence_interval(level)
        assert result.low == pytest.approx(7 * low)
        assert result.high == pytest.approx(7 * high)
        assert result.method == "transformed limits"

    def test_a_falling_formula_swaps_them(self):
        share = proportion(10, 40, name="share", definition="Share.")
        low, high = share.confidence_interval()
        assert tuple(of(over, 1, share, positive=False).confidence_interval()) == pytest.approx((1 / high, 1 / low))

    def test_an_end_at_infinity_is_no_bound(self):
        none = proportion(1, 400, name="share", definition="Share.")
        reach = of(over, 1, estimated(0.1, 0.1), positive=False).confidence_interval()
        assert reach.high == np.inf
        assert np.isfinite(of(over, 1, none).confidence_interval().high)

    def test_a_formula_that_turns_inside_the_interval_keeps_its_top(self):
        # a (1 - a) has its top, 0.25, at 0.5, inside the interval of 12 of 20.
        result = of(hump, proportion(12, 20, name="share", definition="Share."), positive=False)
        low, high = proportion(12, 20, name="s", definition="S.").confidence_interval()
        assert result.confidence_interval().high == pytest.approx(0.25, abs=1e-4)
        assert result.confidence_interval().low == pytest.approx(min(hump(low), hump(high)))

    def test_positive_quantities_take_t_limits_on_logs(self):
        mean = clm.stats.mean([8.0, 10.0, 12.0, 10.0], name="m", unit="u", definition="d")
        # 10, standard error sqrt(8 / 3 / 4) = .8165, t(3, .975) = 3.18245: 10 exp(+-.25985)
        assert tuple(of(times, mean, 1).confidence_interval()) == pytest.approx((7.7117, 12.9673), abs=1e-4)

    def test_other_bands_are_taken_as_they_are(self):
        log = estimated(5.0, 1.0, band=LogNormal())
        assert tuple(of(times, log, 2).confidence_interval()) == pytest.approx(
            [2 * end for end in log.confidence_interval()]
        )
        exact = estimated(5.0, 0.0, band=Exact())
        assert tuple(of(times, exact, 2).confidence_interval()) == (10, 10)

    def test_the_standard_error_is_the_delta_methods(self):
        share = proportion(10, 40, name="share", definition="Share.")
        # d(1 / p) = 1 / p**2
        assert of(over, 1, share).standard_error == pytest.approx(share.standard_error / 0.25**2, rel=1e-5)

    def test_a_certain_estimate_gives_a_certain_result(self):
        assert of(times, estimated(5.0, 0.0), 2).standard_error == 0
        assert tuple(of(times, estimated(5.0, 0.0), 2).confidence_interval()) == (10, 10)


class TestSeveralEstimates:
    def test_products_add_their_deviations_up_on_logs(self):
        a, b = estimated(4.0, 0.5), estimated(6.0, 0.9)
        # log limits +-1.96 se / value on each: hypot of the two
        half = 1.959964 * np.hypot(0.5 / 4, 0.9 / 6)
        low, high = of(times, a, b).confidence_interval()
        assert (low, high) == pytest.approx((24 * np.exp(-half), 24 * np.exp(half)), rel=1e-6)

    def test_differences_add_them_up_plainly(self):
        a, b = estimated(4.0, 0.5), estimated(6.0, 0.9)
        result = of(lambda x, y: x - y, a, b, positive=False, scale="plain")
        half = 1.959964 * np.hypot(0.5, 0.9)
        assert tuple(result.confidence_interval()) == pytest.approx((-2 - half, -2 + half), rel=1e-6)
        assert result.standard_error == pytest.approx(np.hypot(0.5, 0.9))

    def test_where_the_sign_may_change_the_plain_scale_serves(self):
        a, b = estimated(0.5, 0.5), estimated(6.0, 0.9)
        low, high = of(times, a, b, positive=False).confidence_interval()
        assert low < 0 < high

    def test_negative_results_are_mirrored(self):
        a, b = estimated(4.0, 0.5), estimated(6.0, 0.9)
        low, high = of(times, a, b).confidence_interval()
        assert tuple(of(times, estimated(-4.0, 0.5), b).confidence_interval()) == pytest.approx((-high, -low))

    def test_it_is_said_that_they_are_taken_as_independent(self):
        assert "independent" in of(times, estimated(4.0, 0.5), estimated(6.0, 0.9)).caveats[-1]
        assert of(times, estimated(4.0, 0.5), 6).caveats == ()

    @given(level=levels, first=st.floats(0.01, 3), second=st.floats(0.01, 3))
    def test_the_interval_holds_that_of_each_alone(self, level, first, second):
        a, b = estimated(4.0, first), estimated(6.0, second)
        low, high = of(times, a, b).confidence_interval(level)
        for alone in (of(times, a, 6), of(times, 4, b)):
            assert low <= alone.confidence_interval(level).low * (1 + 1e-9)
            assert high >= alone.confidence_interval(level).high * (1 - 1e-9)

    def test_the_fewest_observations_are_named(self):
        few = clm.Estimate(value=1.0, standard_error=0.1, n=7, name="few", unit="u", definition="d")
        assert of(times, few, estimated(4.0, 0.5)).n == 7

    def test_results_can_be_pickled_and_compared(self):
        a, b = estimated(4.0, 0.5, band=StudentT(9.0)), estimated(6.0, 0.9)
        result = of(times, a, b)
        assert pickle.loads(pickle.dumps(result)) == result
        assert result != of(times, a, estimated(6.0, 0.8))
