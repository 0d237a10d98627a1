from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.errors import InvalidDataError

SPLIT = {"calibrate_through": "1997-09-30", "through": "1998-06-30"}


@pytest.fixture(scope="module")
def orders():
    return clm.datasets.cdnow()


@pytest.fixture(scope="module")
def histories(orders):
    return clm.rfm(orders, through="1997-09-30")


@pytest.fixture(scope="module")
def fit(histories):
    return clm.BGNBD().fit(histories)


@pytest.fixture(scope="module")
def course(orders, fit):
    return clm.tracking(orders, fit, **SPLIT)


def brute(fit, rfm, time):
    """Add up E[X(t)] and its gradient customer by customer."""
    ages = np.maximum(time - (rfm.T.max() - rfm.T), 0)
    weights = np.ones(len(rfm)) if rfm.weights is None else rfm.weights
    distinct, row = np.unique(ages, return_inverse=True)
    single = fit.expected_purchases(horizon=distinct)
    gradient = weights @ single.sources[0].gradient[row]
    return weights @ single.value[row], np.sqrt(gradient @ single.sources[0].covariance @ gradient)


class TestInputs:
    @pytest.mark.parametrize(
        ("times", "why"),
        [
            ([0, 1], "not above 0"),
            ([2, 1], "ascend"),
            ([1, 1], "ascend"),
            ([np.nan], "not above 0"),
            ([], "0 entries"),
            ([500.0], "beyond the orders"),
        ],
    )
    def test_times_that_no_course_has_are_refused(self, orders, fit, times, why):
        with pytest.raises(InvalidDataError, match=why):
            clm.tracking(orders, fit, times=times, **SPLIT)

    def test_what_is_no_fit_is_refused(self, orders):
        with pytest.raises(InvalidDataError, match="fitted purchase model"):
            clm.tracking(orders, clm.BGNBD())

    def test_a_calibration_must_lie_within_the_orders(self, orders, fit):
        with pytest.raises(InvalidDataError, match="beyond the orders"):
            clm.tracking(orders, fit, calibrate_through="2001-01-01")
        with pytest.raises(InvalidDataError, match="nobody bought by"):
            clm.tracking(orders, fit, calibrate_through="1990-01-01")

    def test_options_of_a_log_are_not_for_histories(self, histories, fit):
        with pytest.raises(InvalidDataError, match="through= is for an order log"):
            clm.tracking(histories, fit, through="1997-09-30")

    def test_histories_in_another_unit_are_refused(self, orders, fit):
        with pytest.raises(InvalidDataError, match="unit"):
            clm.tracking(clm.rfm(orders, unit="day"), fit)

    def test_no_histories_are_refused(self, fit):
        with pytest.raises(InvalidDataError, match="no histories"):
            clm.tracking(clm.RFM.from_arrays([], [], []), fit)

    def test_a_model_that_answers_no_array_is_named(self, histories):
        class Point:
            unit = "week"

            def expected_purchases(self, rfm=None, *, horizon):  # the protocol's signature
                return 1.0

        with pytest.raises(InvalidDataError, match=r"Point\.expected_purchases\(horizon=array\) must return"):
            clm.tracking(histories, Point())


class TestPublishedNumbers:
    def test_cdnow_calibration_and_holdout_counts(self, orders, fit):
        # 2,457 repeat purchases by 1997-09-30 and 1,882 after it, of the same 2,357 customers.
        end = clm.tracking(orders, fit, times=[272 / 7, 545 / 7], **SPLIT)
        assert end.actual.tolist() == [2457.0, 2457.0 + 1882.0]
        assert end.n == 2357
        assert end.calibrated_through == 272 / 7

    def test_bg_nbd_reproduces_what_it_was_fitted_to(self, course):
        # Fader, Hardie and Lee (2005), figure 4: the cumulative course follows the actual one within a few percent.
        late = course.times > 20
        assert course.cumulative.value[late] == pytest.approx(course.actual[late], rel=0.06)


class TestConsistency:
    @pytest.mark.parametrize("model", [clm.NBD(), clm.MBGNBD(), clm.ParetoNBD()])
    def test_interpolation_agrees_with_every_customer_added_up(self, histories, model):
        fit = model.fit(histories)
        times = np.linspace(0.5, 90, 60)
        found = clm.tracking(histories, fit, times=times)
        for i in (0, 3, 20, 59):
            value, error = brute(fit, histories, times[i])
            assert found.cumulative.value[i] == pytest.approx(value, rel=1e-9)
            assert found.cumulative.standard_error[i] == pytest.approx(error, rel=1e-7)

    def test_ages_without_a_grid(self, fit):
        rng = np.random.default_rng(3)
        age = rng.uniform(1, 300, 5000)
        rfm = clm.RFM.from_arrays(np.zeros(5000), np.zeros(5000), age)
        found = clm.tracking(rfm, fit, times=[10.0, 150.0, 400.0])
        for i, time in enumerate(found.times):
            assert found.cumulative.value[i] == pytest.approx(brute(fit, rfm, time)[0], rel=1e-5)

    def test_weights_equal_repeats(self, histories, fit):
        from_cells = clm.tracking(histories.cells, fit)
        assert from_cells.n == 2357
        assert from_cells.cumulative.value == pytest.approx(clm.tracking(histories, fit).cumulative.value, rel=1e-12)

    def test_increments_add_up(self, course):
        assert np.cumsum(course.incremental.value) == pytest.approx(course.cumulative.value, rel=1e-12)
        assert np.cumsum(course.actual_incremental) == pytest.approx(course.actual)

    def test_one_customer_is_a_new_customer(self, fit):
        alone = clm.tracking(clm.RFM.from_arrays([2], [30.43], [38.86]), fit, times=np.arange(1.0, 60))
        assert alone.cumulative.value == pytest.approx(fit.expected_purchases(horizon=np.arange(1.0, 60)).value)

    @given(st.randoms(use_true_random=False))
    def test_row_order_does_not_matter(self, random):
        orders = {
            "customer_id": list("aabbc"),
            "at": ["2025-01-01", "2025-02-01", "2025-01-05", "2025-01-05", "2025-03-01"],
        }
        fit = clm.NBD().with_params({"r": 0.4, "alpha": 12.0}, unit="week")
        rows = list(range(5))
        random.shuffle(rows)
        shuffled = {name: [column[row] for row in rows] for name, column in orders.items()}
        assert clm.tracking(shuffled, fit) == clm.tracking(orders, fit)

    def test_every_engine_agrees(self, orders, fit, course):
        frame = pd.DataFrame(orders)
        relation = duckdb.from_df(frame)
        for given_as in (frame, pl.DataFrame(orders), pl.LazyFrame(orders), pl.DataFrame(orders).to_arrow(), relation):
            found = clm.tracking(given_as, fit, **SPLIT)
            assert found.actual.tolist() == course.actual.tolist()
            assert found.cumulative == course.cumulative

    def test_refunds_and_orders_count_as_in_histories(self):
        orders = {
            "customer_id": ["a", "a", "a", "b", "b", "b"],
            "at": ["2025-01-01", "2025-01-15", "2025-01-29", "2025-01-02", "2025-01-02", "2025-02-01"],
            "amount": [10.0, 20.0, -5.0, 7.0, 8.0, 9.0],
        }
        fit = clm.NBD().with_params({"r": 0.4, "alpha": 12.0}, unit="week")
        for occasion in ("day", "week", "order"):
            for engine in (dict, pl.LazyFrame):
                end = clm.tracking(engine(orders), fit, through="2025-03-01", occasion=occasion).actual[-1]
                counted = clm.rfm(orders, unit="week", through="2025-03-01", occasion=occasion).frequency.sum()
                assert end == counted, (occasion, engine)

    def test_bg_bb_counts_whole_opportunities(self):
        donors = clm.datasets.donations()
        fit = clm.BGBB().fit(donors)
        found = clm.tracking(donors, fit)
        assert found.times.tolist() == [1, 2, 3, 4, 5, 6]
        # All donors came at once: the course is that of one, times 11,104.
        assert found.cumulative.value == pytest.approx(11_104 * fit.expected_purchases(horizon=found.times).value)

    def test_intervals_hold_the_expectation(self, course):
        bounds = course.cumulative.confidence_interval()
        ends = course.prediction_interval()
        assert (bounds.low < course.cumulative.value).all()
        assert (ends.low <= bounds.low).all()
        assert (ends.high >= bounds.high).all()
        wider = course.prediction_interval(0.99)
        assert (wider.low <= ends.low).all()

    def test_without_errors_the_course_has_no_interval(self, orders):
        fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
        found = clm.tracking(orders, fit)
        assert np.isnan(found.cumulative.confidence_interval().low).all()
        assert np.isnan(found.prediction_interval().low).all()
        assert np.isfinite(found.cumulative.value).all()

    def test_a_posterior_gives_the_same_course(self, histories, fit):
        posterior = clm.NBD().fit_posterior(histories, draws=400, rng=1)
        found = clm.tracking(histories, posterior, times=[10.0, 30.0])
        plain = clm.tracking(histories, clm.NBD().fit(histories), times=[10.0, 30.0])
        assert found.cumulative.value == pytest.approx(plain.cumulative.value, rel=0.02)
        low, high = found.cumulative.confidence_interval()
        assert (low < found.cumulative.value).all()
        assert (found.cumulative.value < high).all()
        assert np.isnan(found.variance).all()

    def test_it_can_be_written_down_and_tabulated(self, course):
        assert clm.from_json(clm.to_json(course)) == course
        table = clm.to_frame(course, "pandas")
        assert len(table) == len(course.times)
        assert {"time", "cumulative_expected", "cumulative_low", "cumulative_actual", "incremental_high"} <= set(table)


class TestRecovery:
    def test_prediction_intervals_hold_simulated_courses(self):
        # Given parameters: 200 bases of 300 customers, of whom 190 of 200 are expected inside; binomial limits at 4 se.
        truth = {"r": 0.9, "alpha": 8.0, "a": 0.8, "b": 2.5}
        rng = np.random.default_rng(7)
        born = np.sort(rng.integers(0, 20, 300)).astype(float)
        rfm = clm.RFM.from_arrays(np.zeros(300), np.zeros(300), 40.0 - born)
        fit = clm.BGNBD().with_params(truth, unit="week")
        course = clm.tracking(rfm, fit, times=[38.0])
        mean, variance = course.cumulative.value[0], course.variance[0]
        start = np.datetime64("2025-01-01", "us")
        counts = []
        for seed in range(200):
            log = fit.simulate(300, horizon=40, rng=seed, start=start)
            weeks = (log["at"] - start) / np.timedelta64(7 * 86_400_000_000, "us")
            inside = weeks <= (38.0 - born.min()) - (born - born.min())[log["customer_id"]]
            counts.append((inside & (weeks > 0)).sum())
        # Mean within 4 standard errors, variance within 4 of its own (kurtosis near normal).
        assert abs(np.mean(counts) - mean) < 4 * np.sqrt(variance / 200)
        assert np.var(counts, ddof=1) == pytest.approx(variance, rel=4 * np.sqrt(2 / 199))
