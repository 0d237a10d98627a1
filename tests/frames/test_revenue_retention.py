"""Net and gross revenue retention by cohort and age: by hand, by plain Python, on every engine, and covering."""

import pickle
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import clm
from clm import InvalidDataError


def log_of(amounts_by_customer, year=2025):
    """One row a month with an amount, the first of them January; None for no row."""
    rows = [
        (name, date(year, month, 3), float(amount))
        for name, amounts in amounts_by_customer.items()
        for month, amount in enumerate(amounts, 1)
        if amount is not None
    ]
    names = ("customer_id", "at", "amount")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


# ann expands, bob leaves and comes back, cat contracts, dan enters in February and leaves.
LOG = log_of(
    {
        "ann": [100, 120, 150, 150],
        "bob": [100, None, 80, 80],
        "cat": [50, 40, 40, 45],
        "dan": [None, 30, None, None],
    }
)
END = "2025-04-30"


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"reactivation": "excluded"}, "reactivation='excluded' is not one of exclude, include.*Did you mean"),
            ({"cap": "none"}, "cap='none' is not one of start, lowest"),
            ({"period": "fortnight"}, "fortnight"),
            ({"amount": "mrr"}, "no column 'mrr'"),
            ({"through": "2024-12-31"}, "no row of revenue can be used"),
            ({"start": "2026-01-01"}, "lies after"),
            ({"start": "2025-03-01"}, "nobody's first purchase lies between"),
            ({"period": "hour", "start": "2020-01-01"}, "Choose a longer period"),
            ({"refunds": "drop"}, "refunds"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.revenue_retention(LOG, **({"through": END} | options))

    def test_missing_amounts_are_refused(self):
        with pytest.raises(InvalidDataError, match="missing or infinite in 1 of 2 rows, first at row 1"):
            clm.revenue_retention({"customer_id": [1, 1], "at": ["2025-01-01"] * 2, "amount": [1.0, np.nan]})

    def test_no_revenue_above_zero(self):
        with pytest.raises(InvalidDataError, match="nobody's first purchase"):
            clm.revenue_retention({"customer_id": [1, 2], "at": ["2025-01-01"] * 2, "amount": [0.0, -5.0]})


class TestByHand:
    TABLE = clm.revenue_retention(LOG, through=END)

    def test_net(self):
        # January: 250 at first; 120 + 40, 150 + 40, 150 + 45 later, without bob who left in February.
        np.testing.assert_allclose(self.TABLE.nrr.value[0], [1, 160 / 250, 190 / 250, 195 / 250])
        np.testing.assert_allclose(self.TABLE.nrr.value[1, :3], [1, 0, 0])
        assert np.isnan(self.TABLE.nrr.value[1, 3])
        assert self.TABLE.nrr.undefined[1, 3] == "the period has not been observed"
        assert self.TABLE.nrr.undefined[2, 0] == "nobody's first revenue falls in this period"

    def test_gross_is_capped_by_customer(self):
        np.testing.assert_allclose(self.TABLE.grr.value[0], [1, 140 / 250, 140 / 250, 145 / 250])

    def test_reactivation_counts_on_request(self):
        again = clm.revenue_retention(LOG, through=END, reactivation="include")
        np.testing.assert_allclose(again.nrr.value[0], [1, 160 / 250, 270 / 250, 275 / 250])
        np.testing.assert_allclose(again.grr.value[0], [1, 140 / 250, 220 / 250, 225 / 250])
        assert "customers who came back count again" in again.nrr.definition

    def test_the_chained_cap_never_rises(self):
        chained = clm.revenue_retention(LOG, through=END, cap="lowest")
        np.testing.assert_allclose(chained.grr.value[0], [1, 140 / 250, 140 / 250, 140 / 250])
        both = clm.revenue_retention(LOG, through=END, cap="lowest", reactivation="include")
        assert both.grr == chained.grr  # whoever was at 0 stays there

    def test_curves_pool_cohorts_that_are_old_enough(self):
        np.testing.assert_allclose(self.TABLE.nrr_curve().value, [1, 160 / 280, 190 / 280, 195 / 250])
        np.testing.assert_allclose(self.TABLE.grr_curve().value, [1, 140 / 280, 140 / 280, 145 / 250])
        assert self.TABLE.nrr_curve().n.tolist() == [4, 4, 4, 3]

    def test_cumulative_counts_all_revenue(self):
        # 280 of 4 at age 0, then 160 of 4, 270 of 4, and 275 of the 3 who are old enough.
        np.testing.assert_allclose(self.TABLE.cumulative.value, np.cumsum([280 / 4, 160 / 4, 270 / 4, 275 / 3]))

    def test_the_error_is_that_of_a_ratio_over_customers(self):
        x, y = np.array([100, 100, 50]), np.array([120, 0, 40])
        ratio = y.sum() / x.sum()
        error = np.sqrt(3 / 2 * np.sum((y - ratio * x) ** 2)) / x.sum()
        assert self.TABLE.nrr.standard_error[0, 1] == pytest.approx(error)
        y = np.array([100, 0, 40])
        ratio = y.sum() / x.sum()
        assert self.TABLE.grr.standard_error[0, 1] == pytest.approx(
            np.sqrt(3 / 2 * np.sum((y - ratio * x) ** 2)) / x.sum()
        )

    def test_a_running_period_is_counted_but_has_no_rate(self):
        table = clm.revenue_retention(LOG, through="2025-04-10")
        assert table.status[0].tolist() == ["complete"] * 3 + ["in_progress"]
        assert table.nrr.undefined[0, 3] == "the period is still running"
        assert table.net.total[0, 3] == 195

    def test_refunds(self):
        log = log_of({"a": [100, -20, 50], "b": [-10, 100, 100]})
        net = clm.revenue_retention(log, through="2025-03-31")
        # a's February is one without revenue: it is added as it is, and ends him; b enters in February.
        np.testing.assert_allclose(net.nrr.value[0], [1, -0.2, 0])
        np.testing.assert_allclose(net.grr.value[0], [1, 0, 0])
        assert net.dropped == {"periods before the first revenue": 1}
        ignored = clm.revenue_retention(log, through="2025-03-31", refunds="ignore", reactivation="include")
        np.testing.assert_allclose(ignored.nrr.value[0], [1, 0, 0.5])
        with pytest.raises(InvalidDataError, match="negative"):
            clm.revenue_retention(log, refunds="raise")

    def test_rows_of_a_period_add_up(self):
        twice = {name: column * 2 for name, column in LOG.items()}
        found = clm.revenue_retention(twice, through=END)
        np.testing.assert_array_equal(found.nrr.value, self.TABLE.nrr.value)
        np.testing.assert_allclose(found.net.total, 2 * self.TABLE.net.total)

    def test_rows_of_zero_are_no_revenue(self):
        log = log_of({"a": [0, 100, 0, 100]})
        found = clm.revenue_retention(log, through=END)
        assert found.cohorts[0] == np.datetime64("2025-02-01")
        assert found.nrr.value[0].tolist() == [1, 0, 0]

    def test_who_entered_before_start_is_in_no_cohort(self):
        later = clm.revenue_retention(LOG, through=END, start="2025-02-01")
        assert later.sizes.tolist() == [1, 0, 0]
        assert later.dropped == {"customers before start": 3}

    def test_one_customer_has_no_error(self):
        one = clm.revenue_retention(log_of({"a": [10, 20]}), through="2025-02-28")
        assert one.nrr.value[0].tolist() == [1, 2]
        assert np.isnan(one.nrr.standard_error[0]).all()
        assert one.grr.value[0].tolist() == [1, 1]


months = st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=5, max_size=5)


class TestConsistency:
    def test_on_every_engine(self, frame):
        assert clm.revenue_retention(frame(LOG), through=END) == TestByHand.TABLE

    def test_order_and_names_do_not_matter(self):
        order = np.random.default_rng(3).permutation(len(LOG["at"]))
        shuffled = {name: [column[i] for i in order] for name, column in LOG.items()}
        shuffled["customer_id"] = ["z" + name for name in shuffled["customer_id"]]
        assert clm.revenue_retention(shuffled, through=END).to_columns().keys()
        np.testing.assert_array_equal(
            clm.revenue_retention(shuffled, through=END).nrr.value, TestByHand.TABLE.nrr.value
        )

    def test_it_is_a_result_like_any_other(self):
        table = TestByHand.TABLE
        assert pickle.loads(pickle.dumps(table)) == table
        assert clm.from_json(clm.to_json(table)) == table
        frame = clm.to_frame(table, "polars")
        assert frame.columns[:5] == ["cohort", "age", "size", "start_revenue", "revenue"]
        assert repr(table) == "<RevenueRetention: 4 cohorts by month, 4 customers>"
        with pytest.raises(ValueError, match="read-only"):
            table.net.total[0, 0] = 1

    @given(st.lists(months, min_size=1, max_size=6), st.sampled_from(["exclude", "include"]))
    def test_rates_are_those_of_plain_loops(self, customers, reactivation):
        logged = {str(i): amounts for i, amounts in enumerate(customers)}
        assume(any(amount for amounts in customers for amount in amounts))
        table = clm.revenue_retention(log_of(logged), through="2025-05-31", reactivation=reactivation)
        chained = clm.revenue_retention(log_of(logged), through="2025-05-31", reactivation=reactivation, cap="lowest")
        earliest = table.cohorts[0].astype(object).month - 1
        sums = np.zeros((3, len(table.cohorts), len(table.cohorts)))
        for amounts in customers:
            plain = [amount or 0 for amount in amounts]
            if not any(plain):
                continue
            entry = next(month for month, amount in enumerate(plain) if amount)
            path = plain[entry:]
            for age, amount in enumerate(path):
                counts = reactivation == "include" or all(path[:age])
                sums[0, entry - earliest, age] += amount * counts
                sums[1, entry - earliest, age] += min(amount, path[0]) * counts
                sums[2, entry - earliest, age] += min(path[: age + 1])
        base = np.where(table.sizes > 0, sums[0, :, 0], np.nan)[:, None]
        known = ~np.isnan(table.nrr.value)
        for found, expected in ((table.nrr, sums[0]), (table.grr, sums[1]), (chained.grr, sums[2])):
            np.testing.assert_allclose(found.value[known], (expected / base)[known])
        assert (table.grr.value[known] <= 1).all()
        assert (np.diff(chained.grr.value, axis=1)[known[:, 1:]] <= 0).all()
        cumulative = table.cumulative.value[~np.isnan(table.cumulative.value)]
        assert (np.diff(cumulative) >= 0).all()


class TestRecovery:
    @pytest.mark.parametrize("replications", [200, pytest.param(2000, marks=pytest.mark.slow)])
    def test_limits_cover_near_their_level(self, replications):
        # Of customers with lognormal revenue x, .8 stay at age 1, and pay x times a uniform number from .5 to 1.7.
        rng = np.random.default_rng(20250401)
        net = 0.8 * 1.1
        gross = 0.8 * (0.5 / 1.2 * 0.75 + 0.7 / 1.2)  # the number is below 1 with chance .5 / 1.2, then .75 in the mean
        covered = np.zeros(2)
        for _ in range(replications):
            x = rng.lognormal(3, 0.7, 200)
            y = x * rng.uniform(0.5, 1.7, 200) * (rng.random(200) < 0.8)
            log = {
                "customer_id": np.tile(np.arange(200), 2),
                "at": np.repeat(np.array(["2025-01-05", "2025-02-05"], "M8[us]"), 200),
                "amount": np.concatenate([x, y]),
            }
            table = clm.revenue_retention(log, through="2025-02-28")
            for i, (found, truth) in enumerate(((table.nrr, net), (table.grr, gross))):
                low, high = found.confidence_interval()
                covered[i] += low[0, 1] <= truth <= high[0, 1]
        assert (np.abs(covered / replications - 0.945) < 0.005 + 4 * np.sqrt(0.95 * 0.05 / replications)).all()
