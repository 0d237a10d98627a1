"""Acquisition cost, its ratio to value, and return on what was spent."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.strategies import levels

import clm


class TestInputs:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((-1, 5), "cost must be a finite number from 0 on"),
            ((np.nan, 5), "cost must be a finite number from 0 on"),
            ((100, 2.5), "new_customers must be a whole number from 0 on"),
            ((100, -1), "new_customers must be a whole number from 0 on"),
            ((100, True), "new_customers holds booleans"),
            (("100", 5), "cost holds text"),
            (([1, 2], [1, 2, 3]), r"cost has shape \(2,\), new_customers \(3,\)"),
        ],
    )
    def test_cac_checks_them(self, arguments, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.cac(*arguments)

    def test_nobody_won_is_undefined_with_a_lower_bound(self):
        # score interval of a count of 0: up to 1.96**2 = 3.8415, and 1000 over it
        assert clm.cac(1000, 0).undefined == "nobody was won; at 95% confidence a customer costs at least 260.3"
        both = clm.cac([1000, 1000], [0, 10])
        assert both.undefined.tolist() == [clm.cac(1000, 0).undefined, None]
        assert both.value[1] == 100

    def test_nothing_to_divide_by(self):
        assert clm.ltv_to_cac(800, 0).undefined == "acquisition costs nothing"
        assert clm.roi(800, 0).undefined == "nothing was spent"
        assert clm.ltv_to_cac(800, clm.cac(1000, 0)).undefined.startswith("cac is undefined, because nobody was won")

    def test_rows_of_cells_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match="cac holds 2 cells"):
            clm.ltv_to_cac(800, clm.cac([1, 2], [1, 2]))
        with pytest.raises(clm.InvalidDataError, match="cost must be 0 or more"):
            clm.roi(800, -1)


class TestPublishedNumbers:
    def test_marketing_efficiency(self):
        # 200k of revenue on 50k of spending are 4; on top of the cost they are 3.
        assert clm.ltv_to_cac(200_000, 50_000).value == 4
        assert clm.roi(200_000, 50_000).value == 3

    def test_return_on_investment(self):
        assert clm.roi(gain=1500, cost=1000).value == 0.5
        assert clm.roi(gain=0, cost=1000).value == -1


class TestConsistency:
    @given(count=st.integers(1, 10_000), level=levels)
    def test_the_interval_inverts_the_score_test(self, count, level):
        low, high = clm.cac(1000, count).confidence_interval(level)
        z = stats.norm.ppf(0.5 + level / 2)
        for end in (low, high):
            expected = 1000 / end
            assert abs(count - expected) / np.sqrt(expected) == pytest.approx(z, rel=1e-6)
        assert low <= 1000 / count <= high

    def test_cells_are_those_of_single_calls(self):
        many = clm.cac([500, 800, 0], [10, 40, 3])
        singles = [clm.cac(*pair) for pair in ((500, 10), (800, 40), (0, 3))]
        assert many.value.tolist() == [single.value for single in singles]
        assert many.confidence_interval().high.tolist() == [single.confidence_interval().high for single in singles]
        assert pickle.loads(pickle.dumps(many)) == many

    def test_a_ratio_of_two_estimates(self):
        value = clm.churn_ltv(revenue=50, margin=0.8, churned=5, customers_at_start=100)
        cost = clm.cac(10_000, 50)
        ratio = clm.ltv_to_cac(value, cost)
        assert ratio.value == pytest.approx(4)
        assert ratio.standard_error == pytest.approx(
            4 * np.hypot(value.standard_error / 800, cost.standard_error / 200), rel=1e-5
        )
        assert ratio.confidence_interval().low < 800 / cost.confidence_interval().high
        assert ratio.n == 50

    def test_plain_numbers_have_no_interval(self):
        assert np.isnan(clm.roi(1500, 1000).confidence_interval().low)
        assert "plain numbers" in clm.ltv_to_cac(800, 200).band.method


class TestRecovery:
    @pytest.mark.parametrize("expected", [5, 10, 40, 200])
    def test_the_interval_of_cac_covers(self, expected):
        """Exact: over all counts that can occur, given that somebody was won."""
        count = np.arange(1, 10 * expected)
        chance = stats.poisson.pmf(count, expected)
        low, high = clm.cac(np.full(len(count), 1000.0), count).confidence_interval()
        covered = (low <= 1000 / expected) & (1000 / expected <= high)
        assert 0.925 <= float(chance @ covered / chance.sum()) <= 0.98
