"""Conversion, repeat purchases, order value and order frequency."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm

ORDERS = {
    "customer_id": ["ann", "ann", "ann", "bob", "eve", "eve"],
    "at": ["2025-01-01", "2025-01-08", "2025-01-29", "2025-01-22", "2025-01-01", "2025-01-15"],
    "amount": [10.0, 20.0, 30.0, 40.0, 5.0, 15.0],
}


def histories(**options):
    return clm.rfm(ORDERS, through="2025-01-29", **options)


class TestInputs:
    def test_conversion_checks_its_counts(self):
        with pytest.raises(clm.InvalidDataError, match="successes must lie between 0 and trials"):
            clm.conversion_rate(5, 4)
        for bad in (-1, 1.5, np.nan, np.inf):
            with pytest.raises(clm.InvalidDataError, match="successes must be whole numbers from 0 on"):
                clm.conversion_rate(bad, 4)
        with pytest.raises(clm.InvalidDataError, match="trials must be whole numbers"):
            clm.conversion_rate(0, 4.5)

    def test_no_trials_are_undefined(self):
        assert clm.conversion_rate(0, 0).undefined == "there are no trials"
        both = clm.conversion_rate([0, 1], [0, 4])
        assert both.undefined.tolist() == ["there are no trials", None]

    def test_order_value_needs_totals(self):
        bare = clm.RFM.from_arrays([1, 0], [2, 0], [5, 5], [10, np.nan])
        with pytest.raises(clm.InvalidDataError, match=r"holds no totals.*clm.rfm\(orders, amount="):
            clm.average_order_value(bare)

    @pytest.mark.parametrize("method", ["repeat_purchase_rate", "average_order_value", "purchase_frequency"])
    def test_an_order_log_has_to_be_reduced_first(self, method):
        with pytest.raises(clm.InvalidDataError, match=r"not dict\. Build them with clm\.rfm"):
            getattr(clm, method)(ORDERS)

    def test_maturity_is_checked(self):
        with pytest.raises(clm.InvalidDataError, match="maturity must be 0 or more"):
            clm.repeat_purchase_rate(histories(), maturity=-1)
        with pytest.raises(clm.InvalidDataError, match="maturity holds text"):
            clm.repeat_purchase_rate(histories(), maturity="26 weeks")

    def test_nobody_known_for_long_enough_is_undefined(self):
        value = clm.repeat_purchase_rate(histories(), maturity=26)
        assert value.undefined == "there are no customers who have been known for 26 weeks at least"

    def test_nobody_at_all_is_undefined(self):
        nobody = clm.RFM.from_arrays([], [], [])
        assert clm.repeat_purchase_rate(nobody).undefined == "there are no customers"
        assert clm.purchase_frequency(nobody).undefined == "there are no customers"

    def test_one_customer_has_no_interval(self):
        one = clm.rfm({"customer_id": ["a"], "at": ["2025-01-01"], "amount": [3.0]}, through="2025-02-01")
        for value in (clm.average_order_value(one), clm.purchase_frequency(one)):
            assert np.isfinite(value.value)
            assert np.isnan(value.confidence_interval().low)


class TestPublishedNumbers:
    def test_repeat_purchase_rate(self):
        # 8 of 26 customers: 30.77 percent
        rfm = clm.RFM.from_arrays([1] * 8 + [0] * 18, [1] * 8 + [0] * 18, [5] * 26)
        assert clm.repeat_purchase_rate(rfm).value == pytest.approx(0.3077, abs=5e-5)

    def test_wilson_of_a_conversion(self):
        # Newcombe (1998): 81 of 263, .2553 to .3662
        assert tuple(clm.conversion_rate(81, 263).confidence_interval()) == pytest.approx((0.2553, 0.3662), abs=5e-5)

    def test_the_cdnow_customers(self):
        rfm = clm.rfm(clm.datasets.cdnow(), through="1997-09-30")
        assert clm.repeat_purchase_rate(rfm).value == 946 / 2357
        assert clm.purchase_frequency(rfm).value == pytest.approx((2357 + 2457) / 2357)


class TestConsistency:
    def test_by_hand(self):
        rfm = histories()
        assert clm.repeat_purchase_rate(rfm).value == pytest.approx(2 / 3)
        # Bob has been known for a week, the others for four.
        assert clm.repeat_purchase_rate(rfm, maturity=2).value == 1
        assert clm.repeat_purchase_rate(rfm, maturity=1).n == 3
        assert clm.purchase_frequency(rfm).value == 2
        assert clm.purchase_frequency(rfm).standard_error == pytest.approx(1 / np.sqrt(3))
        assert clm.average_order_value(rfm).value == pytest.approx(120 / 6)
        # Deviations 60 - 3 x 20, 40 - 20, 20 - 2 x 20: sqrt(3 / 2 (0 + 400 + 400)) / 6
        assert clm.average_order_value(rfm).standard_error == pytest.approx(np.sqrt(1200) / 6)

    def test_refunds_are_taken_off_the_order_value(self):
        returned = {
            name: [*values, last]
            for (name, values), last in zip(ORDERS.items(), ("bob", "2025-01-25", -12.0), strict=True)
        }
        assert clm.average_order_value(clm.rfm(returned, through="2025-01-29")).value == pytest.approx(108 / 6)

    @given(repeats=st.lists(st.integers(0, 5), min_size=2, max_size=8), times=st.integers(2, 4))
    def test_weights_equal_repeats(self, repeats, times):
        frequency = np.array(repeats, float)
        recency = np.minimum(frequency, 1) * 3
        weighted = clm.RFM.from_arrays(frequency, recency, np.full(len(frequency), 9), weights=[times] * len(frequency))
        repeated = clm.RFM.from_arrays(
            *(np.tile(each, times) for each in (frequency, recency, np.full(len(frequency), 9)))
        )
        for method in (clm.repeat_purchase_rate, clm.purchase_frequency):
            one, other = method(weighted), method(repeated)
            assert one.value == pytest.approx(other.value)
            assert one.standard_error == pytest.approx(other.standard_error)
            assert one.n == other.n

    def test_order_value_times_frequency_is_value_per_customer(self):
        rfm = histories()
        product = clm.average_order_value(rfm).value * clm.purchase_frequency(rfm).value
        assert product == pytest.approx(rfm.value_total.mean())

    def test_the_definition_names_the_histories(self):
        assert histories().definition in clm.purchase_frequency(histories()).definition
