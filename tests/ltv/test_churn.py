"""Margin over churn, and whether its interval covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import clm

EXAMPLE = {"revenue": 50, "margin": 0.8, "churned": 5, "customers_at_start": 100}


def churn(**changes):
    return clm.churn_ltv(**EXAMPLE | changes)


def measured(values):
    return clm.stats.mean(np.asarray(values, float), name="revenue", unit="money", definition="Revenue per customer.")


class TestInputs:
    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            ({"margin": 80}, "margin must be 1 or less, not 80. Give 0.8 for 80 percent"),
            ({"churned": 101}, r"churned \(101\) exceeds customers_at_start \(100\)"),
            ({"churned": 2.5}, "churned must be a whole number from 0 on, not 2.5"),
            ({"churned": -1}, "churned must be a whole number from 0 on"),
            ({"churned": True}, "churned holds booleans"),
            ({"churned": np.nan}, "churned must be one finite number"),
            ({"customers_at_start": np.inf}, "customers_at_start must be one finite number"),
            ({"revenue": "50"}, "revenue holds text"),
            ({"discount": -0.01}, "discount must be 0 or more"),
            ({"discount": clm.Discount(0.1, per="year")}, "Give the rate of one period"),
        ],
    )
    def test_they_are_checked(self, bad, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            churn(**bad)

    def test_nobody_churned_is_undefined_with_a_lower_bound(self):
        # 0 of 20: churn is at most 3.8415 / (20 + 3.8415) = .16113, and 40 over it 248.26
        value = churn(churned=0, customers_at_start=20)
        assert value.undefined == "nobody churned; at 95% confidence it is at least 248.3, with churn up to 0.1611"
        assert np.isnan(value.value)
        assert value.to_dict()["value"] is None

    def test_the_lower_bound_takes_an_estimated_revenue_at_its_lower_end(self):
        revenue = measured([40, 60, 50, 45, 55])
        assert "at least" in churn(churned=0, revenue=revenue).undefined
        assert churn(churned=0, revenue=measured([50])).undefined == "nobody churned, so that the sum never ends"

    def test_nobody_at_the_start_is_undefined(self):
        value = churn(churned=0, customers_at_start=0)
        assert value.undefined == "churn is undefined, because there was no customer at the start"

    def test_a_discount_ends_the_sum(self):
        value = churn(churned=0, discount=0.01)
        assert value.value == 4000
        assert value.confidence_interval().low < 4000
        assert value.confidence_interval().high == 4000

    def test_everybody_churned(self):
        assert churn(churned=100).value == 40
        assert churn(churned=100).confidence_interval().low == 40

    def test_a_loss_stays_a_loss(self):
        gain, loss = churn().confidence_interval(), churn(margin=-0.8).confidence_interval()
        assert (loss.low, loss.high) == (-gain.high, -gain.low)
        assert tuple(churn(margin=0).confidence_interval()) == (0, 0)


class TestPublishedNumbers:
    def test_five_of_a_hundred(self):
        # 50 x .8 / .05 = 800; Wilson .0215437 to .1117505 for 5 of 100, and 40 over them
        value = churn()
        assert value.value == pytest.approx(800)
        assert tuple(value.confidence_interval()) == pytest.approx((357.94, 1856.69), abs=5e-3)

    def test_discounted_at_one_percent_a_month(self):
        assert churn(discount=0.01).value == pytest.approx(666.67, abs=5e-3)
        stays = clm.retention_rate(customers_at_start=100, customers_at_end=95, new=0)
        at_start = clm.formula_ltv(40, stays, 0.01, first_payment=True, timing="start")
        assert at_start.value == pytest.approx(673.33, abs=5e-3)

    def test_four_and_six_percent_of_churn(self):
        # 10 / .04 = 250 and 10 / .06 = 166.67: a third less
        four, six = (churn(revenue=10, margin=1, churned=churned).value for churned in (4, 6))
        assert (four, six) == pytest.approx((250, 166.667), abs=1e-3)
        assert six / four - 1 == pytest.approx(-1 / 3)


class TestConsistency:
    @given(churned=st.integers(1, 200), revenue=st.floats(0.1, 1e4), discount=st.floats(0, 0.3))
    def test_it_is_proportional_to_revenue(self, churned, revenue, discount):
        case = {"margin": 0.5, "churned": churned, "customers_at_start": 200, "discount": discount}
        one, many = clm.churn_ltv(revenue=1, **case), clm.churn_ltv(revenue=revenue, **case)
        assert many.value == pytest.approx(revenue * one.value)
        assert many.confidence_interval().high == pytest.approx(revenue * one.confidence_interval().high)

    def test_an_estimate_without_error_is_a_number(self):
        exact = clm.stats.exact(50, n=100, name="revenue", unit="money", definition="Counted in full.")
        assert tuple(churn(revenue=exact).confidence_interval()) == pytest.approx(tuple(churn().confidence_interval()))

    def test_an_estimated_margin_serves_as_an_estimated_revenue(self):
        values = np.array([0.7, 0.9, 0.8, 0.75, 0.85])
        by_margin = churn(revenue=50, margin=measured(values)).confidence_interval()
        by_revenue = churn(revenue=measured(50 * values), margin=1).confidence_interval()
        assert tuple(by_margin) == pytest.approx(tuple(by_revenue))

    def test_few_churned_customers_carry_a_caveat(self):
        assert "runs high" in churn().caveats[0]
        assert churn(churned=50).caveats == ()


class TestRecovery:
    @pytest.mark.parametrize(("customers", "rate"), [(100, 0.05), (100, 0.1), (200, 0.05), (400, 0.1), (1000, 0.02)])
    def test_with_a_known_margin_the_interval_covers(self, customers, rate):
        """Exact: over all counts of churned customers that can occur, given that one did."""
        churned = np.arange(1, customers + 1)
        chance = stats.binom.pmf(churned, customers, rate)
        common = chance > 1e-7
        covered = [
            np.less_equal(*np.array([interval.low, 40 / rate])) and 40 / rate <= interval.high
            for interval in (
                churn(churned=int(count), customers_at_start=customers).confidence_interval()
                for count in churned[common]
            )
        ]
        share = float(chance[common] @ covered / chance[common].sum())
        assert 0.925 <= share <= 0.975

    @staticmethod
    def covered(replications, seed):
        rng = np.random.default_rng(seed)
        hits = 0
        for _ in range(replications):
            # 20 customers expected to churn of 200; 40 revenues with mean 40
            lost = int(rng.binomial(200, 0.1))
            low, high = churn(
                revenue=measured(rng.gamma(4, 10, 40)), margin=1, churned=lost, customers_at_start=200
            ).confidence_interval()
            hits += low <= 400 <= high
        return hits

    def test_with_an_estimated_revenue_the_interval_covers(self):
        # 200 replications at .95: 4 standard deviations are .062
        assert self.covered(200, seed=1) / 200 >= 0.95 - 0.062

    @pytest.mark.slow
    def test_with_an_estimated_revenue_it_covers_as_stated(self):
        # 4,000 replications: 4 standard deviations are .014
        assert 0.93 - 0.014 <= self.covered(4000, seed=2) / 4000 <= 0.97 + 0.014

    def test_the_point_value_runs_high_as_the_caveat_says(self):
        """Exact: mean of 1 / churn over its value, at 5 of 100 expected to churn."""
        churned = np.arange(1, 101)
        chance = stats.binom.pmf(churned, 100, 0.05)
        assert 1.18 <= float(chance @ (5 / churned)) / chance.sum() <= 1.28
