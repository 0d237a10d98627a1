"""The constant-retention family, its kin, and the intervals that estimated retention implies."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm

rates = st.floats(0.0, 0.95)
discounts = st.floats(0.01, 0.5)
CASES = list(itertools.product((True, False), ("start", "end")))
EXAMPLE = {"margin_per_period": 100, "retention": 0.8, "discount": 0.1, "first_payment": True, "timing": "start"}


def formula(**changes):
    return clm.formula_ltv(**EXAMPLE | changes)


def summed(*, margin, retention, discount, first_payment, timing, renewals, growth=0.0, step=0.0):
    """Add payments up one by one."""
    t = np.arange(0 if first_payment else 1, renewals + 1)
    payments = (margin * (1 + growth) ** t + step * t) * retention**t
    return float((payments / (1 + discount) ** (t + (timing == "end"))).sum())


class TestInputs:
    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            ({"retention": 1.2}, "retention must lie between 0 and 1, not 1.2"),
            ({"retention": 80}, "Give 0.8 for 80 percent"),
            ({"retention": "0.8"}, "retention holds text"),
            ({"retention": True}, "retention holds booleans"),
            ({"retention": np.nan}, "retention must be one finite number"),
            ({"discount": -0.1}, "discount must be 0 or more"),
            (
                {"discount": clm.Discount(0.1, per="year")},
                r"Give the rate of one period, as discount.rate_per\('month'\)",
            ),
            ({"timing": "middle"}, "timing must be 'start' or 'end', not 'middle'"),
            ({"first_payment": 1}, "first_payment must be True or False"),
            ({"horizon": 2.5}, "horizon must be a whole number"),
            ({"horizon": -1}, "horizon must be a whole number"),
            ({"horizon": 2_000_000}, "above 1,000,000 periods"),
            ({"growth": -1}, "growth must be above -1"),
            ({"growth": 0.1, "growth_step": 5}, "both given"),
            ({"margin_per_period": [1, 2]}, "margin_per_period must be one finite number"),
        ],
    )
    def test_they_are_checked(self, bad, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            formula(**bad)

    @pytest.mark.parametrize("options", [{"growth": 0.4}, {"retention": 1, "discount": 0}, {"growth": 0.375}])
    def test_a_sum_without_end_is_refused_with_a_way_out(self, options):
        with pytest.raises(clm.InvalidDataError, match=r"never ends.*Give a horizon, or a larger discount"):
            formula(**options)
        assert np.isfinite(formula(**options, horizon=12).value)

    def test_what_no_float_holds_is_refused(self):
        with pytest.raises(clm.InvalidDataError, match="beyond what a float holds"):
            formula(growth=5.0, horizon=1000)

    def test_first_payment_and_timing_have_no_default(self):
        with pytest.raises(TypeError, match=r"first_payment.*timing"):
            clm.formula_ltv(100, 0.8, 0.1)

    def test_a_nobody_is_worth_his_first_payment(self):
        assert formula(retention=0).value == 100
        assert formula(retention=0, first_payment=False).value == 0
        assert formula(horizon=0).value == 100
        assert formula(horizon=0, first_payment=False).value == 0


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("first_payment", "timing", "value"),
        # Fader and Hardie (2012), notes/024: the three textbook formulas with m = 100, r = .8, d = .1, and the fourth.
        [(True, "start", 366.667), (False, "start", 266.667), (True, "end", 333.333), (False, "end", 242.424)],
    )
    def test_reconciling_clv_formulas(self, first_payment, timing, value):
        assert formula(first_payment=first_payment, timing=timing).value == pytest.approx(value, abs=5e-4)

    def test_residual_value_just_before_a_renewal(self):
        # m r (1 + d) / (1 + d - r) = 293.333: the renewal payments, seen a period later.
        assert formula(first_payment=False).value * 1.1 == pytest.approx(293.333, abs=5e-4)

    def test_linear_growth(self):
        # sum of (100 + 5 t) (.8 / 1.1)**t from t = 1: 315.5556, from t = 0: 415.5556
        assert formula(first_payment=False, growth_step=5).value == pytest.approx(315.5556, abs=5e-5)
        assert formula(growth_step=5).value == pytest.approx(415.5556, abs=5e-5)

    def test_geometric_growth_from_the_first_renewal_on(self):
        # m r (1 + g) / (1 + d - r (1 + g)) at g = .03
        assert formula(first_payment=False, growth=0.03).value == pytest.approx(298.5507, abs=5e-5)

    @pytest.mark.parametrize(
        ("retention", "multiples"),
        # Gupta and Lehmann's table at 10, 12, 14 and 16 percent
        [
            (0.6, (1.20, 1.15, 1.11, 1.07)),
            (0.7, (1.75, 1.67, 1.59, 1.52)),
            (0.8, (2.67, 2.50, 2.35, 2.22)),
            (0.9, (4.50, 4.09, 3.75, 3.46)),
        ],
    )
    def test_margin_multiples(self, retention, multiples):
        found = [clm.margin_multiple(retention=retention, discount=rate).value for rate in (0.10, 0.12, 0.14, 0.16)]
        assert np.round(found, 2).tolist() == list(multiples)

    @pytest.mark.parametrize(
        ("retention", "multiples"),
        # The same at 12 percent, margin growing by 0, 2, 4, 6 and 8 percent
        [
            (0.6, (1.15, 1.18, 1.21, 1.24, 1.27)),
            (0.7, (1.67, 1.72, 1.79, 1.85, 1.92)),
            (0.8, (2.50, 2.63, 2.78, 2.94, 3.12)),
            (0.9, (4.09, 4.46, 4.89, 5.42, 6.08)),
        ],
    )
    def test_growing_margin_multiples(self, retention, multiples):
        found = [
            clm.margin_multiple(retention=retention, discount=0.12, growth=growth).value
            for growth in (0, 0.02, 0.04, 0.06, 0.08)
        ]
        # 3.125 is printed as 3.12 there: to the even digit
        assert np.abs(np.array(found) - multiples).max() <= 0.005 + 1e-12

    def test_margin_grown_after_the_first_renewal(self):
        # m r / (1 + d - r (1 + g)) at m = 100, r = .8, d = .1, g = .03: 289.8551
        assert 100 * clm.margin_multiple(retention=0.8, discount=0.1, growth=0.03).value == pytest.approx(
            289.8551, abs=5e-5
        )

    def test_berger_and_nasr_case_1(self):
        value = clm.berger_nasr_ltv(
            margin_per_period=260, promotion_per_period=50, retention=0.75, discount=0.2, horizon=10
        )
        assert value.value == pytest.approx(568.7831, abs=5e-5)  # the paper prints 568.78

    def test_blattberg_and_deighton(self):
        # .2 x 100 - 15 + .2 (100 - 10 / .8) (.8 / 1.1) / (1 - .8 / 1.1) = 51.6667
        equity = clm.customer_equity(
            acquisition_rate=0.2,
            acquisition_cost=15,
            margin_per_period=100,
            retention=0.8,
            retention_cost=10,
            discount=0.1,
        )
        assert equity.value == pytest.approx(51.6667, abs=5e-5)

    def test_order_value_times_frequency_times_lifespan(self):
        orders = {"order_value": 60, "orders_per_period": 4, "lifespan": 3}
        assert clm.order_frequency_ltv(**orders).value == 720
        assert clm.order_frequency_ltv(**orders, margin=0.4).value == 288
        assert clm.order_frequency_ltv(**orders, margin=0.4, acquisition_cost=30).value == 258


class TestConsistency:
    @pytest.mark.parametrize(("first_payment", "timing"), CASES)
    @given(retention=rates, discount=discounts, renewals=st.integers(0, 60), growth=st.floats(-0.5, 0.2))
    def test_it_is_the_sum_of_payments(self, first_payment, timing, retention, discount, renewals, growth):
        case = {"first_payment": first_payment, "timing": timing}
        found = clm.formula_ltv(100, retention, discount, **case, horizon=renewals, growth=growth)
        whole = summed(margin=100, retention=retention, discount=discount, **case, renewals=renewals, growth=growth)
        assert found.value == pytest.approx(whole, rel=1e-10, abs=1e-12)

    @pytest.mark.parametrize(("first_payment", "timing"), CASES)
    @given(retention=rates, discount=discounts, step=st.floats(-10, 10))
    def test_without_horizon_it_is_the_limit(self, first_payment, timing, retention, discount, step):
        case = {"first_payment": first_payment, "timing": timing, "growth_step": step}
        endless = clm.formula_ltv(100, retention, discount, **case)
        assert endless.value == pytest.approx(
            clm.formula_ltv(100, retention, discount, **case, horizon=3000).value, rel=1e-9
        )

    @given(ratio=st.floats(1e-12, 1e-3))
    def test_it_is_exact_where_the_ratio_comes_close_to_one(self, ratio):
        # (1 - q**(n + 1)) / (1 - q) at q = 1 - ratio is n + 1 - n (n + 1) / 2 ratio + ... : here by plain addition
        found = formula(retention=1 - ratio, discount=0, horizon=50)
        assert found.value == pytest.approx(100 * float(((1 - ratio) ** np.arange(51)).sum()), rel=1e-12)

    @given(retention=rates, discount=discounts)
    def test_the_variants_differ_by_the_first_payment_and_one_period(self, retention, discount):
        value = {
            case: clm.formula_ltv(100, retention, discount, first_payment=case[0], timing=case[1]).value
            for case in CASES
        }
        assert value[True, "start"] == pytest.approx(100 + value[False, "start"])
        for first_payment in (True, False):
            assert value[first_payment, "end"] * (1 + discount) == pytest.approx(value[first_payment, "start"])

    @given(churned=st.integers(1, 99), discount=discounts, level=st.floats(0.5, 0.99))
    def test_it_agrees_with_margin_over_churn(self, churned, discount, level):
        stays = clm.retention_rate(customers_at_start=100, customers_at_end=100 - churned, new=0)
        mine = clm.formula_ltv(40, stays, discount, first_payment=True, timing="end")
        other = clm.churn_ltv(revenue=50, margin=0.8, churned=churned, customers_at_start=100, discount=discount)
        assert mine.value == pytest.approx(other.value)
        assert tuple(mine.confidence_interval(level)) == pytest.approx(tuple(other.confidence_interval(level)))

    @given(retention=rates, discount=discounts)
    def test_promotion_that_costs_nothing_leaves_the_family(self, retention, discount):
        bare = clm.berger_nasr_ltv(
            margin_per_period=100, promotion_per_period=0, retention=retention, discount=discount, horizon=8
        )
        assert bare.value == pytest.approx(
            clm.formula_ltv(100, retention, discount, first_payment=True, timing="start", horizon=8).value
        )

    @given(retention=rates, discount=discounts)
    def test_a_prospect_sure_to_be_won_for_nothing_is_a_customer(self, retention, discount):
        equity = clm.customer_equity(
            acquisition_rate=1, acquisition_cost=0, margin_per_period=100, retention=retention, retention_cost=0,
            discount=discount,
        )  # fmt: skip
        assert equity.value == pytest.approx(
            clm.formula_ltv(100, retention, discount, first_payment=True, timing="start").value
        )

    def test_berger_and_nasr_without_horizon_is_the_limit(self):
        case = {"margin_per_period": 260, "promotion_per_period": 50, "retention": 0.75, "discount": 0.2}
        assert clm.berger_nasr_ltv(**case).value == pytest.approx(clm.berger_nasr_ltv(**case, horizon=500).value)
        assert clm.berger_nasr_ltv(**case, horizon=0).value == 260
        # one renewal: 260 + 260 x .75 / 1.2 - 50 / 1.2**.5
        assert clm.berger_nasr_ltv(**case, horizon=1).value == pytest.approx(376.85645354)

    def test_results_can_be_pickled_and_compared(self):
        stays = clm.retention_rate(customers_at_start=100, customers_at_end=80, new=0)
        value = formula(retention=stays)
        assert pickle.loads(pickle.dumps(value)) == value
        assert value != formula(retention=stays, horizon=5)


class TestIntervals:
    def test_plain_numbers_have_none(self):
        value = formula()
        assert np.isnan(value.confidence_interval().low)
        assert "margin_per_period and retention were given as plain numbers" in value.band.method

    def test_the_retentions_ends_are_transformed(self):
        # churn 5 of 100: Wilson .0215437 to .1117505, and 40 over them
        stays = clm.retention_rate(customers_at_start=100, customers_at_end=95, new=0)
        value = clm.formula_ltv(40, stays, 0, first_payment=True, timing="start")
        assert value.value == pytest.approx(800)
        assert tuple(value.confidence_interval()) == pytest.approx((357.94, 1856.69), abs=5e-3)
        # delta method: 40 / .05**2 x sqrt(.05 x .95 / 100)
        assert value.standard_error == pytest.approx(348.712, abs=1e-2)

    @pytest.mark.parametrize(("first_payment", "timing"), CASES)
    def test_every_variant_rises_with_retention(self, first_payment, timing):
        stays = clm.retention_rate(customers_at_start=50, customers_at_end=40, new=0)
        case = {"first_payment": first_payment, "timing": timing}
        low, high = clm.formula_ltv(100, stays, 0.1, **case).confidence_interval()
        ends = [clm.formula_ltv(100, end, 0.1, **case).value for end in stays.confidence_interval()]
        assert (low, high) == pytest.approx(tuple(ends))

    def test_the_upper_end_has_no_bound_where_the_sum_may_not_end(self):
        stays = clm.retention_rate(customers_at_start=20, customers_at_end=19, new=0)  # Wilson up to .9911
        value = clm.formula_ltv(40, stays, 0.01, first_payment=True, timing="start", growth=0.02)
        assert value.confidence_interval().high == np.inf
        assert value.to_dict()["interval"]["unbounded"] is True
        assert "no bound" in repr(value)

    def test_nobody_lost_is_undefined_with_a_lower_bound(self):
        stays = clm.retention_rate(customers_at_start=20, customers_at_end=20, new=0)
        value = clm.formula_ltv(40, stays, 0, first_payment=True, timing="start")
        # 0 of 20: churn up to .16113, 40 / .16113 = 248.26
        assert value.undefined == (
            "at a retention of 1 and a discount of 0 the sum never ends; at 95% confidence it is at least 248.3, "
            "with retention from 0.8389 on"
        )
        assert formula(retention=stays, discount=0, horizon=12).value == pytest.approx(1300)
        assert formula(retention=stays, discount=0.05).value == pytest.approx(100 * 1.05 / 0.05)

    def test_an_estimated_margin_adds_its_share(self):
        margin = clm.stats.mean(np.array([80.0, 120, 95, 105, 90, 110]), name="margin", unit="money", definition="m.")
        stays = clm.retention_rate(customers_at_start=200, customers_at_end=160, new=0)
        both = formula(margin_per_period=margin, retention=stays)
        alone = formula(retention=stays)
        assert both.value == alone.value
        assert both.confidence_interval().low < alone.confidence_interval().low
        assert both.confidence_interval().high > alone.confidence_interval().high
        assert both.confidence_interval().method == "MOVER on logs"
        assert both.n == 6

    def test_a_value_that_falls_with_retention_is_followed_too(self):
        # Promotion at 250 against a margin of 100: whoever stays costs money.
        stays = clm.retention_rate(customers_at_start=100, customers_at_end=50, new=0)
        case = {"margin_per_period": 100, "promotion_per_period": 250, "discount": 0.1}
        low, high = clm.berger_nasr_ltv(**case, retention=stays).confidence_interval()
        ends = [clm.berger_nasr_ltv(**case, retention=end).value for end in stays.confidence_interval()]
        assert (low, high) == pytest.approx((ends[1], ends[0]))

    def test_an_undefined_retention_is_passed_on(self):
        nobody = clm.retention_rate(customers_at_start=0, customers_at_end=0, new=0)
        value = formula(retention=nobody)
        assert value.undefined == "retention is undefined, because there was no customer at the start"
