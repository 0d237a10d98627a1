"""Averages over cohorts, their differences, and rates of small cohorts."""

import pickle

import numpy as np
import pytest
from scipy import stats

import clm

DAYS = clm.RetentionDefinition(period="day")


def log_of(days_by_customer):
    """Events on days of January 2025, from a mapping of customer to days."""
    rows = [(customer, f"2025-01-{day:02}") for customer, days in days_by_customer.items() for day in days]
    customer, at = zip(*rows, strict=True)
    return {"customer_id": list(customer), "at": list(at)}


# Two cohorts: four customers enter on the 1st, of whom one is back on the 2nd; one on the 2nd, who is back.
LOG = log_of({1: [1, 2], 2: [1], 3: [1], 4: [1, 3], 5: [2, 3]})


def habit(rng, customers=400, days=14):
    """A log of customers each of whom is active on a day with a chance of his own."""
    active = rng.random((customers, days)) < rng.beta(1.0, 2.0, customers)[:, None]
    customer, day = np.nonzero(active)
    return {"customer_id": customer, "at": np.datetime64("2025-01-01", "us") + day * np.timedelta64(1, "D")}


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"average": "mean"}, "average='mean' is not one of weighted, simple, panel, observed"),
            ({"average": "panel"}, "go together"),
            ({"through_age": 1}, "go together"),
            ({"average": "panel", "through_age": 99}, "lies outside the table, whose ages are 0 to 3"),
            ({"average": "panel", "through_age": 3}, "no cohort with customers is complete"),
            ({"average": "observed"}, "needs clock='own'"),
        ],
        ids=str,
    )
    def test_what_is_no_average_is_refused(self, options, message):
        table = clm.retention_table(LOG, DAYS, through="2025-01-04T12:00")
        with pytest.raises(clm.InvalidDataError, match=message):
            table.curve(**options)

    @pytest.mark.parametrize("cohort", ["2024-12-31", "2025-02-03", "x", None, 7])
    def test_a_cohort_that_is_not_there_is_refused(self, cohort):
        table = clm.retention_table(LOG, DAYS, through="2025-01-04")
        with pytest.raises(clm.InvalidDataError, match="is not one of the cohorts 2025-01-01 to 2025-01-04"):
            table.difference("2025-01-01", cohort)

    def test_a_cohort_cannot_be_compared_with_itself(self):
        table = clm.retention_table(LOG, DAYS, through="2025-01-04")
        with pytest.raises(clm.InvalidDataError, match="with itself"):
            table.difference("2025-01-01", "2025-01-01")


class TestCurve:
    def test_weighted_simple_and_panel(self):
        table = clm.retention_table(LOG, DAYS, through="2025-01-03")
        # Age 1: 1 of 4 and 1 of 1. Age 2: 1 of 4.
        assert table.curve().value[:3] == pytest.approx([1, 2 / 5, 1 / 4])
        assert table.curve(average="simple").value[:3] == pytest.approx([1, (1 / 4 + 1) / 2, 1 / 4])
        panel = table.curve(average="panel", through_age=2)
        assert panel.value[:3] == pytest.approx([1, 1 / 4, 1 / 4])
        assert panel.n.tolist() == [4, 4, 4]

    def test_simple_means_have_the_variance_of_a_mean_of_rates(self):
        table = clm.retention_table(LOG, DAYS, through="2025-01-03")
        simple = table.curve(average="simple")
        # 1/4 * (1/4 * 3/4 / 3 + m (1 - m)), m = 5/8 standing for the cohort of one.
        assert simple.standard_error[1] == pytest.approx(np.sqrt((0.0625 + 0.625 * 0.375) / 4))
        interval = simple.confidence_interval()
        assert 0 < interval.low[1] < 0.625 < interval.high[1] < 1

    def test_own_clocks_may_pool_everybody_whose_period_has_ended(self):
        definition = clm.RetentionDefinition(period="day", clock="own")
        log = {
            "customer_id": ["a", "a", "b", "c"],
            "at": ["2025-01-01T12:00", "2025-01-02T13:00", "2025-01-01T18:00", "2025-01-01T23:00"],
        }
        table = clm.retention_table(log, definition, through="2025-01-03T20:00")
        # The day of age 1 has ended for a and b, not for c: the cell is in progress.
        assert table.status[0].tolist() == ["complete", "in_progress", "in_progress"]
        assert (table.retained[0, 1], table.observed[0, 1]) == (1, 2)
        assert np.isnan(table.curve().value[1])
        assert table.curve(average="observed").value[1] == 1 / 2

    def test_recurring_customers_are_one_observation(self):
        # One customer active every day beside one never again: as sure as two customers can make it.
        log = log_of({1: range(1, 9), 2: [1]})
        table = clm.retention_table(log, clm.RetentionDefinition(period="day", entry="recurring"), through="2025-01-08")
        curve = table.curve()
        # 7 + 0 returns of 7 + 1 entries; (7 - 7/8 7)^2 + (0 - 7/8)^2 = 2 (7/8)^2, times 2/(2 - 1), over 8^2.
        assert curve.value[1] == 7 / 8
        assert curve.standard_error[1] == pytest.approx(np.sqrt(2 * 2 * (7 / 8) ** 2) / 8)
        assert curve.n[1] == 2

    @pytest.mark.parametrize("average", ["weighted", "simple"])
    def test_recurring_customers_none_of_whom_came_back_still_count(self, average):
        definition = clm.RetentionDefinition(period="day", entry="recurring")
        table = clm.retention_table(log_of({1: [1], 2: [1], 3: [1]}), definition, through="2025-01-02")
        curve = table.curve(average=average)
        assert curve.value.tolist() == [1, 0]
        assert curve.n.tolist() == [3, 3]
        # Wilson with 0 of 3: up to z^2 / (3 + z^2).
        z2 = stats.norm.ppf(0.975) ** 2
        assert curve.confidence_interval().high[1] == pytest.approx(z2 / (3 + z2))

    def test_recurring_panel_and_simple_mean(self):
        log = log_of({1: [1, 2, 3], 2: [1, 3], 3: [2, 3]})
        table = clm.retention_table(log, clm.RetentionDefinition(period="day", entry="recurring"), through="2025-01-03")
        # Age 1: of {1, 2} one is back, of {1, 3} both.
        assert table.retained[:2, :2].tolist() == [[2, 1], [2, 2]]
        assert table.curve(average="simple").value[1] == 3 / 4
        # Mean of the rates, customer by customer: u1 = (1/2 - 1/4) / 2 + 0, u2 = -1/4 / 2, u3 = 0.
        u = np.array([(1 - 1 / 2) / 2, -(1 / 2) / 2, 0]) / 2
        assert table.curve(average="simple").standard_error[1] == pytest.approx(np.sqrt(3 / 2 * (u @ u)))
        assert table.curve(average="panel", through_age=2).value[:3].tolist() == [1, 1 / 2, 1]

    @pytest.mark.parametrize("rule", ["on", "on_or_after", "every", "any"])
    def test_clustered_errors_are_those_of_sums_over_customers(self, rule):
        log = habit(np.random.default_rng(5), customers=60, days=9)
        definition = clm.RetentionDefinition(period="day", entry="recurring", rule=rule)
        table = clm.retention_table(log, definition, through="2025-01-09")
        for age in (1, 3):
            n, d = np.zeros(60), np.zeros(60)
            for customer in range(60):
                one = {name: values[log["customer_id"] == customer] for name, values in log.items()}
                if not len(one["at"]):
                    continue
                alone = clm.retention_table(one, definition, start="2025-01-01", through="2025-01-09")
                n[customer] = alone.retained[: 9 - age, age].sum()
                d[customer] = alone.sizes[: 9 - age].sum()
            ratio, units = n.sum() / d.sum(), (d > 0).sum()
            variance = units / (units - 1) * ((n - ratio * d) ** 2).sum() / d.sum() ** 2
            curve = table.curve()
            assert curve.value[age] == pytest.approx(ratio)
            assert curve.standard_error[age] == pytest.approx(np.sqrt(variance))


class TestDifference:
    def test_independent_cohorts_have_newcombes_interval(self):
        # Newcombe (1998), table II, case (a): 56/70 less 48/80 is .2, method 10 gives .0524 to .3339.
        back = {i: [1, 2] if i < 48 else [1] for i in range(80)}
        back |= {100 + i: [2, 3] if i < 56 else [2] for i in range(70)}
        table = clm.retention_table(log_of(back), DAYS, through="2025-01-03")
        difference = table.difference("2025-01-01", "2025-01-02")
        assert difference.value[1] == pytest.approx(0.2)
        interval = difference.confidence_interval(0.95)
        assert (interval.low[1], interval.high[1]) == pytest.approx((0.0524, 0.3339), abs=5e-5)
        assert np.isnan(difference.value[2])
        assert (difference.value[0], difference.standard_error[0]) == (0, 0)

    def test_common_customers_bring_their_covariance(self):
        # Everybody is in both cohorts and comes back in both or in neither: the difference is 0 without error.
        log = log_of({i: [1, 2, 3] for i in range(5)})
        definition = clm.RetentionDefinition(period="day", entry="recurring", start_kind=None)
        table = clm.retention_table(log, definition, through="2025-01-04")
        assert table.difference("2025-01-01", "2025-01-02").standard_error[1] == 0

    def test_without_variance_there_is_still_a_width(self):
        definition = clm.RetentionDefinition(period="day", entry="recurring")
        again = clm.retention_table(log_of({1: [1, 2, 3], 2: [1, 2, 3]}), definition, through="2025-01-04")
        once = clm.retention_table(log_of({1: [1, 2], 2: [1, 2], 3: [2, 3], 4: [2, 3]}), DAYS, through="2025-01-04")
        dates = ("2025-01-01", "2025-01-02")
        assert again.difference(*dates).value[1] == once.difference(*dates).value[1] == 0
        # Newcombe's, from 2 of 2 on either side.
        for end in ("low", "high"):
            paired, apart = (getattr(each.difference(*dates).confidence_interval(), end)[1] for each in (again, once))
            assert paired == pytest.approx(apart)
            assert abs(paired) > 0.3


class TestShrinkage:
    def test_small_cohorts_are_drawn_to_the_mean_and_large_ones_stay(self):
        rng = np.random.default_rng(3)
        days, customer = {}, 0
        for day, (size, rate) in enumerate([(500, 0.2), (500, 0.4), (500, 0.6), (500, 0.3), (4, 1.0)], 1):
            for _ in range(size):
                customer += 1
                days[customer] = [day, day + 1] if rng.random() < rate else [day]
        table = clm.retention_table(log_of(days), DAYS, through="2025-01-08")
        plain, drawn = table.rates().value[:5, 1], table.shrunken_rates().value[:5, 1]
        assert np.abs(drawn[:4] - plain[:4]).max() < 0.03
        assert drawn[4] < 0.85
        interval = table.shrunken_rates().confidence_interval()
        assert (interval.low[:5, 1] < drawn).all()
        assert (drawn < interval.high[:5, 1]).all()
        assert np.isnan(table.shrunken_rates().value[0, 7]) == np.isnan(table.rates().value[0, 7])

    def test_cohorts_that_differ_by_chance_alone_have_one_rate(self):
        days = {i: [1 + i % 4, 2 + i % 4] if i < 20 else [1 + i % 4] for i in range(40)}
        table = clm.retention_table(log_of(days), DAYS, through="2025-01-09")
        assert table.shrunken_rates().value[:4, 1] == pytest.approx(0.5, abs=1e-3)

    def test_cohorts_of_one_cannot_be_told_apart(self):
        table = clm.retention_table(log_of({1: [1, 2], 2: [2, 3], 3: [3], 4: [4]}), DAYS, through="2025-01-05")
        assert table.shrunken_rates().value[:4, 1] == pytest.approx(0.5, abs=1e-5)

    def test_one_rate_is_no_surer_than_all_customers_make_it(self):
        days = {i: [1 + i % 4, 2 + i % 4] if i < 20 else [1 + i % 4] for i in range(40)}
        shrunken = clm.retention_table(log_of(days), DAYS, through="2025-01-09").shrunken_rates()
        # Half of 40 customers: the standard deviation of a beta distribution of 41, sqrt(1/4 / 42).
        assert shrunken.standard_error[0, 1] == pytest.approx(np.sqrt(1 / 4 / 42), rel=1e-3)
        alone = clm.retention_table(log_of({1: [1], 2: [1], 3: [1]}), DAYS, through="2025-01-02").shrunken_rates()
        assert alone.confidence_interval().high[0, 1] > 0.5


class TestConsistency:
    def test_a_recurring_table_with_one_period_each_is_a_first_time_table(self):
        log = log_of({i: [1 + i % 5] for i in range(20)})
        again = clm.retention_table(log, clm.RetentionDefinition(period="day", entry="recurring"), through="2025-01-07")
        first = clm.retention_table(log, DAYS, through="2025-01-07")
        np.testing.assert_array_equal(again.retained, first.retained)

    def test_it_pickles_and_compares(self):
        table = clm.retention_table(LOG, clm.RetentionDefinition(period="day", entry="recurring"), through="2025-01-04")
        assert pickle.loads(pickle.dumps(table)) == table
        assert repr(table) == "<RetentionTable: 4 cohorts by day, 8 entries>"

    def test_the_vendors_rectangle_has_zeros_where_nothing_was_observed(self):
        table = clm.retention_table(LOG, DAYS, through="2025-01-03")
        assert table.rectangle().tolist() == [[4, 1, 1], [1, 1, 0], [0, 0, 0]]


class TestRecovery:
    def coverage(self, replications, seed):
        """How often the clustered interval of age 2 holds the true ratio."""
        rng = np.random.default_rng(seed)
        definition = clm.RetentionDefinition(period="day", entry="recurring")
        # Chances p ~ Beta(1, 2): E p^2 / E p = (1 + 1) / (1 + 2 + 1).
        truth, held = 0.5, 0
        for _ in range(replications):
            curve = clm.retention_table(habit(rng, 150, 10), definition, through="2025-01-10").curve()
            interval = curve.confidence_interval(0.95)
            held += interval.low[2] <= truth <= interval.high[2]
        return held / replications

    def test_clustered_intervals_cover(self):
        covered = self.coverage(200, 11)
        # 200 replications of a .95 interval lie between these with chance .999.
        assert stats.binom.ppf(0.0005, 200, 0.94) / 200 <= covered <= 1

    @pytest.mark.slow
    def test_clustered_intervals_cover_in_the_long_run(self):
        covered = self.coverage(2000, 12)
        assert 0.93 <= covered <= 0.975
