"""Fixed lengths of time, and discount rates that carry their period."""

from __future__ import annotations

import copy
import math
import pickle
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.data import DAYS, days_in
from clm.errors import InvalidDataError

units = st.sampled_from(sorted(DAYS))


class TestUnits:
    @pytest.mark.parametrize(
        ("unit", "days"), [("hour", 1 / 24), ("day", 1), ("week", 7), ("month", 365.25 / 12), ("year", 365.25)]
    )
    def test_lengths(self, unit, days):
        # A Julian year has 365.25 days; a month is a twelfth of it.
        assert days_in(unit) == days

    @pytest.mark.parametrize(
        ("unit", "hint"),
        [
            ("weeks", "Did you mean 'week'?"),
            ("Day", "Did you mean 'day'?"),
            ("quarter", ""),
            (None, ""),
            (7, ""),
            ([], ""),
        ],
    )
    def test_unknown_units_list_the_known_ones(self, unit, hint):
        with pytest.raises(InvalidDataError, match="is not one of hour, day, week, month, year") as error:
            days_in(unit)
        assert hint in str(error.value)


class TestDiscount:
    @pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf, "0.1", None, True, [0.1], 1j, Decimal("0.1")])
    def test_rates_that_are_none(self, rate):
        with pytest.raises(InvalidDataError, match="a discount rate must be a finite number from 0 on"):
            clm.Discount(rate, per="year")

    def test_the_period_is_checked_and_needed(self):
        with pytest.raises(InvalidDataError, match="'annum' is not one of"):
            clm.Discount(0.1, per="annum")
        with pytest.raises(TypeError, match="per"):
            clm.Discount(0.1)

    @pytest.mark.parametrize("rate", [np.float64(0.5), np.float32(0.5), 0.5])
    def test_any_real_number_is_a_rate(self, rate):
        assert clm.Discount(rate, per="year") == clm.Discount(0.5, per="year")
        assert type(clm.Discount(rate, per="year").rate) is float
        assert clm.Discount(np.int64(1), per="year").rate == 1.0

    def test_ten_percent_a_year(self):
        # 1.1 ** (1/12) - 1 = 0.00797414; 1.1 ** (7/365.25) - 1 = 0.00182828.
        yearly = clm.Discount(0.10, per="year")
        assert yearly.rate_per("year") == pytest.approx(0.10)
        assert yearly.rate_per("month") == pytest.approx(0.00797414, abs=1e-8)
        assert yearly.rate_per("week") == pytest.approx(0.00182828, abs=1e-8)
        assert yearly.continuous("year") == pytest.approx(math.log(1.1))

    def test_no_discount(self):
        assert clm.Discount(0, per="week").continuous("year") == 0.0

    def test_a_rate_that_outgrows_every_number(self):
        with pytest.raises(InvalidDataError, match="a rate of 1 per hour compounds beyond any number per year"):
            clm.Discount(1.0, per="hour").rate_per("year")

    @given(st.floats(0, 0.05), units, units)
    def test_twice_converted_is_once_converted(self, rate, per, unit):
        there = clm.Discount(clm.Discount(rate, per=per).rate_per(unit), per=unit)
        assert there.rate_per(per) == pytest.approx(rate, rel=1e-9, abs=1e-12)

    @given(st.floats(0, 0.05), units, units)
    def test_compounding(self, rate, per, unit):
        discount = clm.Discount(rate, per=per)
        assert 1 + discount.rate_per(unit) == pytest.approx(math.exp(discount.continuous(unit)))

    def test_small_rates_keep_their_digits(self):
        assert clm.Discount(1e-12, per="year").continuous("year") == pytest.approx(1e-12, rel=1e-12)

    def test_frozen_equal_hashable_and_picklable(self):
        discount = clm.Discount(0.1, per="year")
        assert discount == clm.Discount(0.1, per="year") != clm.Discount(0.1, per="week")
        assert len({discount, clm.Discount(0.1, per="year")}) == 1
        for again in (pickle.loads(pickle.dumps(discount)), copy.deepcopy(discount)):
            assert again == discount
        with pytest.raises(AttributeError):
            discount.rate = 0.2
        with pytest.raises(InvalidDataError, match="unit 'months'"):
            discount.rate_per("months")
