"""Churn by its conventions, and retention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import clm

MONTH = {"customers_at_start": 100, "churned": 8, "churned_new": 2, "new": 20}
CONVENTIONS = ("start", "all", "average", "stripe")


class TestInputs:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"churned": 1}, r"churned_new \(2\) exceeds churned \(1\)"),
            ({"new": 1}, r"churned_new \(2\) exceeds new \(1\)"),
            ({"churned": 110}, "108 customers of the start were lost, but there were 100"),
            ({"churned": 8.5}, "churned must be a whole number"),
            ({"new": -1}, "new must be a whole number"),
            ({"convention": "shopify"}, "convention 'shopify' is not one of start, all, average, stripe"),
            ({"convention": None}, "convention None is not one of"),
        ],
    )
    def test_churn_checks_them(self, changes, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.churn_rate(**MONTH | changes)

    @pytest.mark.parametrize(
        ("counts", "message"),
        [
            ((100, 90, 95), r"new \(95\) exceeds customers_at_end \(90\)"),
            ((100, 130, 20), "110 customers at the end are not new, but there were 100 at the start"),
            ((100, 90.5, 0), "customers_at_end must be a whole number"),
        ],
    )
    def test_retention_checks_them(self, counts, message):
        start, end, new = counts
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.retention_rate(customers_at_start=start, customers_at_end=end, new=new)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_nobody_there_is_undefined(self, convention):
        value = clm.churn_rate(customers_at_start=0, churned=0, convention=convention)
        assert value.undefined == "nobody was there to be lost"
        assert np.isnan(value.standard_error)

    def test_new_customers_alone(self):
        only_new = {"customers_at_start": 0, "churned": 3, "churned_new": 3, "new": 10}
        assert clm.churn_rate(**only_new, convention="stripe").value == 0.3
        assert clm.churn_rate(**only_new, convention="average").value == pytest.approx(3 / 3.5)
        assert clm.churn_rate(**only_new, convention="all").undefined is not None
        gone = {"customers_at_start": 0, "churned": 3, "churned_new": 3, "new": 3}
        assert clm.churn_rate(**gone, convention="average").undefined is not None


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("convention", "rate"),
        # 100 at the start, 20 new, 6 of the old and 2 of the new lost: 6 / 100, 8 / 100, 8 / 106, 8 / 120
        [("start", 0.06), ("all", 0.08), ("average", 0.0755), ("stripe", 0.0667)],
    )
    def test_one_month_by_four_conventions(self, convention, rate):
        assert clm.churn_rate(**MONTH, convention=convention).value == pytest.approx(rate, abs=5e-5)

    def test_retention_of_the_same_month(self):
        # 112 at the end, 18 of them new: 94 of 100. Taking off all 20 ever new would say 92.
        assert clm.retention_rate(customers_at_start=100, customers_at_end=112, new=18).value == 0.94
        assert clm.retention_rate(customers_at_start=100, customers_at_end=112, new=20).value == 0.92

    def test_nobody_of_twenty(self):
        # Wilson: 0 to .1611
        low, high = clm.churn_rate(customers_at_start=20, churned=0).confidence_interval()
        assert low == 0
        assert high == pytest.approx(0.161, abs=5e-4)


class TestConsistency:
    @given(start=st.integers(1, 500), lost=st.integers(0, 500), new=st.integers(0, 500), lost_new=st.integers(0, 500))
    def test_conventions_agree_on_their_counts(self, start, lost, new, lost_new):
        assume(lost <= start and lost_new <= new)
        counts = {"customers_at_start": start, "churned": lost + lost_new, "churned_new": lost_new, "new": new}
        rates = {rule: clm.churn_rate(**counts, convention=rule) for rule in CONVENTIONS}
        gone = lost + lost_new
        assert rates["start"].value == pytest.approx(lost / start)
        assert rates["all"].value == pytest.approx(gone / start)
        assert rates["stripe"].value == pytest.approx(gone / (start + new))
        assert rates["average"].value == pytest.approx(gone / (start + (new - gone) / 2))
        kept = clm.retention_rate(customers_at_start=start, customers_at_end=start + new - gone, new=new - lost_new)
        assert kept.value == pytest.approx(1 - rates["start"].value)
        for rate in rates.values():
            low, high = rate.confidence_interval()
            assert 0 <= low <= rate.value <= high

    def test_without_new_customers_all_is_start(self):
        one, other = (
            clm.churn_rate(customers_at_start=100, churned=6, convention=convention) for convention in ("start", "all")
        )
        assert other.value == one.value
        assert tuple(other.confidence_interval()) == pytest.approx(tuple(one.confidence_interval()))
        assert other.standard_error == pytest.approx(one.standard_error)

    def test_each_says_what_it_counts(self):
        said = {clm.churn_rate(**MONTH, convention=convention).definition for convention in CONVENTIONS}
        assert len(said) == 4

    def test_the_numbers_behind_it(self):
        n = {convention: clm.churn_rate(**MONTH, convention=convention).n for convention in CONVENTIONS}
        assert n == {"start": 100, "all": 100, "average": 120, "stripe": 120}


class TestRecovery:
    @pytest.mark.parametrize("convention", ["all", "average"])
    def test_the_combined_interval_covers(self, convention):
        rng = np.random.default_rng(5)
        # 6 percent of 100 and 10 percent of 40: their rates in expectation
        truth = {"all": 10 / 100, "average": 10 / (100 + (40 - 10) / 2)}[convention]
        hits = 0
        for _ in range(200):
            old, new = int(rng.binomial(100, 0.06)), int(rng.binomial(40, 0.10))
            low, high = clm.churn_rate(
                customers_at_start=100, churned=old + new, churned_new=new, new=40, convention=convention
            ).confidence_interval()
            hits += low <= truth <= high
        # 4 standard deviations of 200 replications at .95
        assert hits / 200 >= 0.95 - 0.062
