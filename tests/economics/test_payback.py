"""When a customer has paid for his acquisition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm

MONTHLY = clm.Discount(0.10, per="year").rate_per("month")
FALLING = [60, 50, 45, 40, 30]


class TestInputs:
    @pytest.mark.parametrize(
        ("arguments", "options", "message"),
        [
            ((-1, 10), {}, "cac must be 0 or more"),
            ((100, 10), {"retention": 95}, "retention must lie between 0 and 1, not 95. Give 0.8 for 80 percent"),
            ((100, 10), {"discount": -0.1}, "discount must be 0 or more"),
            ((100, 10), {"discount": clm.Discount(0.1, per="year")}, "Give the rate of one period"),
            ((100, []), {}, "one finite number a period"),
            ((100, [10, np.nan]), {}, "one finite number a period"),
            ((100, FALLING), {"retention": 0.9}, "whose churn is in it"),
            ((100, "10"), {}, "margin_per_period holds text"),
        ],
    )
    def test_they_are_checked(self, arguments, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.payback_period(*arguments, **options)

    @pytest.mark.parametrize(
        ("arguments", "options"),
        [((200, 0), {}), ((200, -5), {}), ((750, 37.5), {"retention": 0.95}), ((200, 100), {"retention": 0})],
    )
    def test_what_never_pays_back_is_undefined(self, arguments, options):
        value = clm.payback_period(*arguments, **options)
        assert value.undefined == "the margin of all periods together falls short of the cost"

    def test_nothing_spent_is_back_at_once(self):
        assert clm.payback_period(0, 37.5).value == 0
        assert clm.payback_period(0, FALLING).value == 0


class TestPublishedNumbers:
    def test_without_churn(self):
        # 200 / (50 x .75)
        assert clm.payback_period(200, 50 * 0.75).value == pytest.approx(5.333, abs=5e-4)

    def test_with_churn(self):
        # log(1 - 200 x .05 / 37.5) / log .95, in the seventh month; never above 37.5 / .05 = 750
        value = clm.payback_period(200, 37.5, retention=0.95).value
        assert value == pytest.approx(6.0467, abs=5e-5)
        assert np.isfinite(clm.payback_period(749.9, 37.5, retention=0.95).value)

    def test_with_churn_and_discount(self):
        # Ten percent a year; month 7 brings the discounted margins to 219.56.
        value = clm.payback_period(200, 37.5, retention=0.95, discount=MONTHLY).value
        assert 6 < value <= 7
        seven = 37.5 * sum(0.95 ** (k - 1) / (1 + MONTHLY) ** k for k in range(1, 8))
        assert seven == pytest.approx(219.56, abs=5e-3)
        assert clm.payback_period(seven, 37.5, retention=0.95, discount=MONTHLY).value == pytest.approx(7)

    def test_of_a_cohort(self):
        # Cumulative 60, 110, 155, 195, 225 against 200: in the fifth month, a sixth of it in.
        assert clm.payback_period(200, FALLING).value == pytest.approx(4.1667, abs=5e-5)

    def test_of_a_discounted_cohort(self):
        # At 1 percent a month: 59.41, 108.42, 152.10, 190.54, 219.08
        worth = (59.41, 108.42, 152.10, 190.54, 219.08)
        for months, reached in enumerate(worth, start=1):
            assert clm.payback_period(reached, FALLING, discount=0.01).value == pytest.approx(months, abs=2e-4)
        assert 4 < clm.payback_period(200, FALLING, discount=0.01).value <= 5
        short = clm.payback_period(220, FALLING, discount=0.01)
        assert short.undefined == "the margins of the 5 given periods fall short of the cost"


class TestConsistency:
    @given(
        periods=st.integers(1, 40), retention=st.floats(0.8, 1), discount=st.floats(0, 0.2), margin=st.floats(0.1, 1e4)
    )
    def test_it_inverts_the_sum_of_payments(self, periods, retention, discount, margin):
        paid = margin * sum(retention ** (k - 1) / (1 + discount) ** k for k in range(1, periods + 1))
        found = clm.payback_period(paid, margin, retention=retention, discount=discount)
        assert found.value == pytest.approx(periods, abs=1e-6)

    @given(cost=st.floats(0, 300))
    def test_a_level_sequence_is_a_margin_per_period(self, cost):
        assert clm.payback_period(cost, [10] * 30).value == pytest.approx(clm.payback_period(cost, 10).value)

    def test_nobody_staying_leaves_the_first_payment(self):
        assert clm.payback_period(50, 100, retention=0).value == 0.5


class TestIntervals:
    def test_the_costs_interval_is_transformed(self):
        cost = clm.cac(8_000, 40)
        low, high = clm.payback_period(cost, 37.5).confidence_interval()
        assert (low, high) == pytest.approx(tuple(end / 37.5 for end in cost.confidence_interval()))

    def test_an_end_that_never_pays_back_has_no_bound(self):
        stays = clm.retention_rate(customers_at_start=40, customers_at_end=34, new=0)
        value = clm.payback_period(200, 37.5, retention=stays)
        assert np.isfinite(value.value)
        assert value.confidence_interval().high == np.inf

    def test_a_sequence_takes_an_estimated_cost(self):
        cost = clm.cac(8_000, 40)
        low, high = clm.payback_period(cost, [60] * 9).confidence_interval()
        assert (low, high) == pytest.approx(tuple(end / 60 for end in cost.confidence_interval()))
        assert clm.payback_period(cost, FALLING).confidence_interval().high == np.inf
