"""Cumulative value by age: the estimator, its errors, and the frames it comes from."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm

COHORTS = ((10, (100, 60, 45)), (12, (120, 70)), (9, (90,)))


def example():
    """Cohorts of 10, 12 and 9 customers with revenues (100, 60, 45), (120, 70) and (90) by age."""
    rows = []
    for month, (size, revenue) in enumerate(COHORTS):
        rows += [(f"{month}-{i:02d}", f"2025-{month + 1:02d}-05", revenue[0] / size) for i in range(size)]
        rows += [
            (f"{month}-00", f"2025-{month + 1 + age:02d}-20", float(money))
            for age, money in enumerate(revenue)
            if age > 0
        ]
    return columns(rows)


def columns(rows):
    customer, at, amount = zip(*rows, strict=True)
    return {"customer_id": list(customer), "at": list(at), "amount": list(amount)}


def simulated(rng, cohorts=6, size=40):
    """Customers who buy less and less, and the money of each by age; NaN where it lies in the future."""
    rows, money, joined = [], [], []
    for cohort in range(cohorts):
        for _ in range(size):
            rate, mean = rng.gamma(1, 0.8), rng.gamma(4, 10)
            by_age = np.zeros(cohorts)
            for age in range(cohorts - cohort):
                amounts = rng.gamma(2, mean / 2, rng.poisson(rate * (age + 1) ** -0.5) + (age == 0))
                by_age[age] = amounts.sum()
                rows += [(len(joined), f"2025-{cohort + age + 1:02d}-10", float(amount)) for amount in amounts]
            money.append(by_age)
            joined.append(cohort)
    return columns(rows), np.array(money), np.array(joined)


def frames():
    """The example in every kind of frame that is installed."""
    yield "mapping", lambda data: data
    yield "pandas", lambda data: pytest.importorskip("pandas").DataFrame(data)
    yield "polars", lambda data: pytest.importorskip("polars").DataFrame(data)
    yield "polars lazy", lambda data: pytest.importorskip("polars").LazyFrame(data)
    yield "pyarrow", lambda data: pytest.importorskip("pyarrow").table(data)
    yield "duckdb", lambda data: pytest.importorskip("duckdb").from_arrow(pytest.importorskip("pyarrow").table(data))


@pytest.fixture(scope="module")
def observed():
    """CDNOW by month: eighteen ages."""
    return clm.cohort_ltv(clm.datasets.cdnow(), through="1998-06-30")


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"period": "fortnight"}, "period 'fortnight' is not one of"),
            ({"period": "order"}, "period 'order' is not one of"),
            ({"margin": 40}, "margin must lie between 0 and 1, not 40"),
            ({"start": "2025-04-01", "through": "2025-03-31"}, "start='2025-04-01' lies after through='2025-03-31'"),
            (
                {"start": "2025-03-20", "through": "2025-03-31"},
                "nobody's first purchase lies between start and through",
            ),
            ({"through": "2024-01-01"}, "34 for after through were left out"),
            ({"refunds": "maybe"}, "refunds 'maybe' is not one of"),
            ({"week_start": "mon"}, "week_start 'mon' is not one of"),
            ({"tz": "Europe/Berln"}, "Did you mean 'Europe/Berlin'"),
            ({"amount": "amuont"}, "Did you mean 'amount'"),
        ],
    )
    def test_options_are_checked(self, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.cohort_ltv(example(), **options)

    def test_amounts_are_needed(self):
        with pytest.raises(clm.InvalidDataError, match="no column 'amount'"):
            clm.cohort_ltv({"customer_id": ["a"], "at": ["2025-01-01"]})

    def test_missing_amounts_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match="missing or infinite in 1 of 2 rows, first at row 1"):
            clm.cohort_ltv(columns([("a", "2025-01-01", 1.0), ("a", "2025-01-02", np.nan)]))

    def test_a_period_too_short_for_the_data_is_refused(self):
        with pytest.raises(clm.InvalidDataError, match="Choose a longer period"):
            clm.cohort_ltv(columns([("a", "2025-01-01", 1.0), ("b", "2025-06-01", 1.0)]), period="hour")

    def test_rows_that_are_left_out_are_counted(self):
        rows = [("a", "2025-01-01", 1.0), (None, "2025-01-02", 1.0), (" ", "2025-01-02", 1.0), ("b", "2025-09-01", 1.0)]
        assert clm.cohort_ltv(columns(rows), through="2025-06-30").dropped == {
            "null ids": 1,
            "blank ids": 1,
            "after through": 1,
        }

    def test_one_customer_has_a_value_and_no_interval(self):
        value = clm.cohort_ltv(columns([("a", "2025-01-01", 5.0), ("a", "2025-02-01", 3.0)]), through="2025-02-28")
        assert value.value.tolist() == [5, 8]
        assert np.isnan(value.standard_error).all()
        assert np.isnan(value.confidence_interval().low).all()

    def test_customers_all_alike_have_no_interval(self):
        rows = [(str(i), f"2025-0{month}-01", 0.1) for i in range(30) for month in (1, 2)]
        value = clm.cohort_ltv(columns(rows), through="2025-02-28")
        assert value.standard_error.tolist() == [0, 0]
        assert np.isnan(value.confidence_interval().low).all()


class TestPublishedNumbers:
    def test_right_censoring(self):
        # 310 / 31 = 10; + 130 / 22 = 15.9091; + 45 / 10 = 20.4091. Over all customers: 10, 14.1935, 15.6452, too low.
        value = clm.cohort_ltv(example(), period="month", through="2025-03-31")
        assert value.value == pytest.approx([10, 15.9091, 20.4091], abs=5e-5)
        assert value.n.tolist() == [31, 22, 10]
        assert value.index.tolist() == [0, 1, 2]
        assert value.undefined is None
        assert value.sizes.tolist() == [10, 12, 9]
        assert value.cohorts.astype(str).tolist() == ["2025-01-01", "2025-02-01", "2025-03-01"]

    @pytest.mark.parametrize(
        ("survivors", "constant", "exponent", "missed"),
        # Fader and Hardie (2007), High End and Regular: years 1 to 7, and the power law fitted to them. Years 8 to 12
        # are missed by 5.1 and 5.5 percent on average.
        [
            (
                (869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394),
                0.8910,
                -0.2986,
                0.051,
            ),
            (
                (631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173),
                0.6469,
                -0.4995,
                0.055,
            ),
        ],
    )
    def test_power_law_on_renewals(self, survivors, constant, exponent, missed):
        # Everybody pays 1 on joining and 1 with each renewal: the value of an age is the survivors of that year.
        stayed = np.array([1000, *survivors])
        rows = [
            (customer, f"{2010 + year}-06-01", 1.0) for year, left in enumerate(stayed[:8]) for customer in range(left)
        ]
        observed = clm.cohort_ltv(columns(rows), period="year", through="2017-12-31")
        ahead = np.diff(observed.projected(12).value)[7:]
        years = np.arange(8, 13)
        assert ahead == pytest.approx(constant * years**exponent, abs=2e-4)
        assert np.mean(np.abs(ahead / stayed[8:] * 1000 - 1)) == pytest.approx(missed, abs=6e-4)
        # The scaled sBG curve comes far closer, as the docstring says.
        closer = np.diff(observed.projected(12, shape="sbg").value)[7:]
        assert np.mean(np.abs(closer / stayed[8:] * 1000 - 1)) < 0.01


class TestConsistency:
    @pytest.mark.parametrize(("kind", "make"), list(frames()), ids=[kind for kind, _ in frames()])
    def test_every_frame_gives_the_same(self, kind, make):
        found = clm.cohort_ltv(make(example()), through="2025-03-31")
        assert found == clm.cohort_ltv(example(), through="2025-03-31"), kind

    def test_columns_may_be_named(self):
        data = dict(zip(("who", "day", "paid"), example().values(), strict=True))
        by_name = clm.cohort_ltv(data, customer="who", at="day", amount="paid", through="2025-03-31")
        by_source = clm.cohort_ltv(clm.Source(data, customer="who", at="day", amount="paid"), through="2025-03-31")
        assert by_name == by_source == clm.cohort_ltv(example(), through="2025-03-31")

    @given(seed=st.integers(0, 2**32 - 1))
    def test_the_order_of_rows_and_the_names_do_not_matter(self, seed):
        data, _, _ = simulated(np.random.default_rng(7), cohorts=3, size=8)
        order = np.random.default_rng(seed).permutation(len(data["at"]))
        shuffled = {name: [values[row] for row in order] for name, values in data.items()}
        shuffled["customer_id"] = [f"customer {seed ^ name}" for name in shuffled["customer_id"]]
        one, other = (clm.cohort_ltv(each, through="2025-03-31") for each in (data, shuffled))
        assert other.value == pytest.approx(one.value)
        assert other.standard_error == pytest.approx(one.standard_error)

    def test_errors_are_those_of_sums_over_customers(self):
        data, money, joined = simulated(np.random.default_rng(3))
        found = clm.cohort_ltv(data, through="2025-06-30")
        seen = joined[:, None] + np.arange(6) <= 5
        n = seen.sum(axis=0)
        step = np.where(seen, money, 0).sum(axis=0) / n
        assert found.value == pytest.approx(step.cumsum())
        # each customer's part in the deviation of the cumulative value
        part = np.where(seen, (money - step) / np.sqrt(n * (n - 1)), 0).cumsum(axis=1)
        assert found.standard_error == pytest.approx(np.sqrt((part**2).sum(axis=0)))

    def test_by_cohort_it_is_the_mean_of_its_customers(self):
        data, money, joined = simulated(np.random.default_rng(3))
        cells = clm.cohort_ltv(data, through="2025-06-30").by_cohort()
        for cohort in range(6):
            so_far = money[joined == cohort].cumsum(axis=1)[:, : 6 - cohort]
            assert cells.value[cohort, : 6 - cohort] == pytest.approx(so_far.mean(axis=0))
            assert cells.standard_error[cohort, : 6 - cohort] == pytest.approx(so_far.std(axis=0, ddof=1) / np.sqrt(40))
            assert np.isnan(cells.value[cohort, 6 - cohort :]).all()
        assert cells.undefined[5, 1] == "the cohort has not completed that age"
        assert cells.index.tolist() == clm.cohort_ltv(data, through="2025-06-30").cohorts.tolist()

    def test_margin_scales_everything(self):
        full, part = (clm.cohort_ltv(example(), through="2025-03-31", margin=margin) for margin in (1, 0.4))
        assert part.value == pytest.approx(0.4 * full.value)
        assert part.standard_error == pytest.approx(0.4 * full.standard_error)
        assert part.definition.startswith("Margin of 0.4 of the money per customer")

    def test_results_can_be_pickled_and_compared(self):
        value = clm.cohort_ltv(example(), through="2025-03-31")
        copy = pickle.loads(pickle.dumps(value))
        assert copy == value
        assert copy.estimate == value.estimate
        with pytest.raises(ValueError, match="read-only"):
            copy.revenue[0, 0] = 1
        assert value != clm.cohort_ltv(example(), through="2025-03-31", margin=0.5)

    def test_it_serves_as_an_estimate(self):
        value = clm.cohort_ltv(example(), through="2025-03-31")
        assert isinstance(value, clm.stats.HasEstimate)
        assert np.asarray(value).tolist() == value.value.tolist()
        assert value.to_dict()["index"] == [0, 1, 2]
        assert clm.to_frame(value, "polars")["value"].to_list() == value.value.tolist()
        assert value.unit == "currency"
        assert "CohortValue" in repr(value)


class TestPeriods:
    def test_a_period_that_has_not_ended_is_undefined(self):
        value = clm.cohort_ltv(example(), through="2025-03-30")
        assert value.value[:2] == pytest.approx([220 / 22, 220 / 22 + 60 / 10])
        assert value.undefined.tolist() == [None, None, "no cohort has completed that age"]
        assert np.isnan(value.revenue).tolist() == [[False, False, True], [False, True, True], [True, True, True]]

    def test_without_through_the_last_period_is_in_progress(self):
        assert np.isnan(clm.cohort_ltv(example()).value[2])

    def test_nothing_complete_is_undefined_throughout(self):
        value = clm.cohort_ltv(columns([("a", "2025-01-05", 1.0)]))
        assert np.isnan(value.value).all()
        assert value.undefined.tolist() == ["no cohort has completed that age"]

    def test_months_are_cut_in_local_time(self):
        # 23:30 UTC on 31 January is February in Berlin.
        rows = columns([("a", "2025-01-31 23:30:00", 1.0), ("b", "2025-02-03", 1.0)])
        assert clm.cohort_ltv(rows, through="2025-02-28").sizes.tolist() == [1, 1]
        local = {**rows, "at": ["2025-01-31 23:30:00+00:00", "2025-02-03 00:00:00+00:00"]}
        assert clm.cohort_ltv(local, through="2025-02-28", tz="Europe/Berlin").sizes.tolist() == [2]

    def test_weeks_start_where_they_are_said_to(self):
        # 5 January 2025 was a Sunday.
        rows = columns([("a", "2025-01-05", 1.0), ("b", "2025-01-06", 1.0)])
        assert clm.cohort_ltv(rows, period="week", through="2025-01-12").sizes.tolist() == [1, 1]
        assert clm.cohort_ltv(rows, period="week", through="2025-01-11", week_start="sunday").sizes.tolist() == [2]

    def test_periods_in_which_nobody_joined_are_there(self):
        rows = columns([("a", "2025-01-05", 1.0), ("b", "2025-03-05", 3.0)])
        value = clm.cohort_ltv(rows, through="2025-03-31")
        assert value.sizes.tolist() == [1, 0, 1]
        assert value.by_cohort().undefined[1, 0] == "nobody joined in that period"
        assert value.value.tolist() == [2, 2, 2]

    def test_start_takes_new_customers_only_and_looks_back_to_tell_them(self):
        value = clm.cohort_ltv(example(), start="2025-02-01", through="2025-03-31")
        assert value.sizes.tolist() == [12, 9]
        assert value.value == pytest.approx([210 / 21, 210 / 21 + 70 / 12])
        assert value.dropped == {"customers before start": 10}
        assert "2025-02-01" in value.definition

    def test_a_start_within_a_period_leaves_out_who_came_before_it(self):
        rows = columns([("a", "2025-01-05", 1.0), ("b", "2025-01-20", 3.0)])
        value = clm.cohort_ltv(rows, start="2025-01-10", through="2025-01-31")
        assert value.sizes.tolist() == [1]
        assert value.value.tolist() == [3]


class TestRefunds:
    ROWS = (("a", "2025-01-05", 10.0), ("a", "2025-02-05", -4.0), ("b", "2025-01-07", 6.0))

    def test_they_are_taken_off_when_they_come(self):
        value = clm.cohort_ltv(columns(self.ROWS), through="2025-02-28")
        assert value.value.tolist() == [8, 6]

    def test_they_can_be_left_out_or_refused(self):
        value = clm.cohort_ltv(columns(self.ROWS), through="2025-02-28", refunds="ignore")
        assert value.value.tolist() == [8, 8]
        assert value.dropped == {"refunds": 1}
        with pytest.raises(clm.InvalidDataError, match="is negative in 1 of 3 rows, first at row 1"):
            clm.cohort_ltv(columns(self.ROWS), refunds="raise")

    def test_a_refund_of_something_bought_before_the_data_starts_no_customer(self):
        rows = columns([("a", "2025-01-05", -4.0), ("a", "2025-02-05", 10.0)])
        value = clm.cohort_ltv(rows, through="2025-02-28")
        assert value.cohorts.astype(str).tolist() == ["2025-02-01"]
        assert value.value.tolist() == [10]
        assert value.dropped == {"refunds before the first purchase": 1}

    def test_nothing_but_refunds_is_an_error(self):
        with pytest.raises(clm.InvalidDataError, match="sign of the amounts"):
            clm.cohort_ltv(columns([("a", "2025-01-05", -4.0)]))


class TestProjection:
    @pytest.mark.parametrize("shape", ["power", "sbg"])
    def test_it_goes_on_from_the_observed_curve(self, observed, shape):
        ahead = observed.projected(36, shape=shape)
        assert ahead.value[:18] == pytest.approx(observed.value)
        assert ahead.standard_error[:18] == pytest.approx(observed.standard_error)
        assert (np.diff(ahead.value) > 0).all()
        assert (np.diff(ahead.standard_error[17:]) > 0).all()
        assert len(ahead.value) == len(ahead.n) == 37

    def test_it_says_what_it_is(self, observed):
        ahead = observed.projected(24)
        assert "Ages from 18 on are extrapolated by a power law fitted to the value of ages 1 to 17" in ahead.definition
        assert "sampling error alone" in ahead.caveats[0]

    @pytest.mark.parametrize("shape", ["power", "sbg"])
    def test_errors_follow_the_curve_through_the_fit(self, shape):
        """The derivative of what is projected, against refitting with one observed age moved a little."""
        from clm.ltv._cohort_projection import projected

        steps, n = np.array([20, 9, 7, 5.5, 5, 4.4, 4.1, 3.9]), np.arange(100, 20, -10)
        _, gradient = projected(steps, n, horizon=20, shape=shape)
        moved = np.stack(
            [
                projected(steps + step, n, horizon=20, shape=shape)[0]
                - projected(steps - step, n, horizon=20, shape=shape)[0]
                for step in 1e-4 * np.eye(8)
            ],
            axis=1,
        ) / 2e-4  # fmt: skip
        # For the sBG curve the fit's own curvature is left out, as is usual (Gauss-Newton).
        tolerance = 1e-6 if shape == "power" else 0.15 * np.abs(moved).max()
        assert gradient == pytest.approx(moved, abs=tolerance)

    def test_a_power_law_continues_itself(self):
        from clm.ltv._cohort_projection import projected

        ages = np.arange(1, 30.0)
        # Monthly revenue 10 a customer, half of whom are active after a month, and so on by t**-.4: through 12 months
        # 32.26, through 24 months 51.12.
        steps = np.append(0.0, 5 * ages**-0.4)
        through, _ = projected(steps[:8], np.full(8, 10), horizon=24, shape="power")
        assert through[[12, 24]] == pytest.approx([32.26, 51.12], abs=5e-3)
        through, _ = projected(steps, np.full(30, 10), horizon=120, shape="power")
        assert through[[60, 120]] == pytest.approx([92.02, 142.04], abs=5e-3)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"horizon": 17}, r"horizon must lie beyond the last complete age \(17\)"),
            ({"horizon": 20_000}, "10,000 at most"),
            ({"horizon": 20.5}, "horizon must be a whole number"),
            ({"horizon": 20, "shape": "line"}, "shape 'line' is not one of power, sbg"),
        ],
    )
    def test_options_are_checked(self, observed, arguments, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            observed.projected(**arguments)

    def test_a_horizon_has_to_be_given(self, observed):
        with pytest.raises(TypeError, match="horizon"):
            observed.projected()

    def test_too_few_ages_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match="2 complete ages after age 0 are too few"):
            clm.cohort_ltv(example(), through="2025-03-31").projected(12)

    def test_an_age_without_value_has_no_logarithm(self):
        rows = [("a", "2025-01-05", 5.0), ("a", "2025-02-05", 5.0), ("a", "2025-04-05", 5.0), ("a", "2025-05-05", 5.0)]
        value = clm.cohort_ltv(columns(rows), through="2025-05-31")
        with pytest.raises(clm.InvalidDataError, match=r"value of age 2 is not positive.*shape='sbg'"):
            value.projected(12)
        assert np.isfinite(value.projected(12, shape="sbg").value).all()

    def test_no_return_at_all_has_no_curve(self):
        value = clm.cohort_ltv(columns([("a", "2025-01-05", 5.0)]), through="2025-06-30")
        with pytest.raises(clm.InvalidDataError, match="no age after age 0 brought any value"):
            value.projected(12, shape="sbg")


class TestRecovery:
    @staticmethod
    def covered(seeds):
        expected = 0.8 * 40 * np.arange(1, 7) ** -0.5 + np.array([40, 0, 0, 0, 0, 0])
        truth = expected.cumsum()
        hits = np.zeros(6)
        for seed in seeds:
            data, _, _ = simulated(np.random.default_rng(seed), size=30)
            low, high = clm.cohort_ltv(data, through="2025-06-30").confidence_interval()
            hits += (low <= truth) & (truth <= high)
        return hits / len(seeds)

    def test_the_interval_covers(self):
        # 200 replications at .95: 4 standard deviations are .062
        assert (self.covered(range(200)) >= 0.95 - 0.062).all()

    @pytest.mark.slow
    def test_it_covers_near_its_level(self):
        # 2,000 replications: 4 standard deviations are .02; age 5 rests on 30 customers of skewed value.
        assert (np.abs(self.covered(range(2000)) - 0.94) <= 0.02 + 0.015).all()
