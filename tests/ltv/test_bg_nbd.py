"""BG/NBD: the published numbers, numbers at the edge of what float64 holds, and coverage."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from tests.ltv.worlds import buyers

import clm
from clm.ltv._bg_nbd_likelihood import BGNBDLikelihood
from clm.ltv._bg_nbd_process import BGNBDProcess
from clm.stats import central_differences

NAMES = ("r", "alpha", "a", "b")
PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Fader, Hardie and Lee (2005), table 2
YEARLY = clm.Discount(0.10, per="year")


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.BGNBD().fit(rfm)


@pytest.fixture(scope="module")
def published():
    return clm.BGNBD().with_params(PUBLISHED, unit="week")


def given_params(*values):
    return clm.BGNBD().with_params(dict(zip(NAMES, values, strict=True)), unit="week")


def history(x, recency, age, unit="week"):
    return clm.RFM.from_arrays(np.atleast_1d(x), np.atleast_1d(recency), np.atleast_1d(age), unit=unit)


parameters = st.tuples(st.floats(0.05, 20), st.floats(0.05, 300), st.floats(0.05, 20), st.floats(0.05, 20))


@st.composite
def histories(draw, *, most=60):
    rows = draw(
        st.lists(st.tuples(st.integers(0, most), st.floats(0.01, 1), st.floats(0.1, 500)), min_size=1, max_size=6)
    )
    x = np.array([row[0] for row in rows], float)
    age = np.array([row[2] for row in rows])
    return history(x, np.where(x > 0, age * [row[1] for row in rows], 0.0), age)


class TestInputs:
    def test_an_order_log_is_no_history(self):
        with pytest.raises(
            clm.InvalidDataError, match=r"rfm must be purchase histories, not dict. Build them .*clm\.rfm"
        ):
            clm.BGNBD().fit(clm.datasets.cdnow())

    def test_nobody(self):
        with pytest.raises(clm.InvalidDataError, match="rfm holds no customers"):
            clm.BGNBD().fit(history([], [], []))

    def test_nobody_bought_again(self):
        with pytest.raises(clm.InvalidDataError, match="none of the 3 customers bought again"):
            clm.BGNBD().fit(history([0, 0, 0], [0, 0, 0], [3, 4, 5]))

    @pytest.mark.parametrize("n", [1, 2, 1000])
    def test_too_few_kinds_of_histories(self, n):
        with pytest.raises(clm.InvalidDataError, match=f"only 1 of the {n:,} histories differ"):
            clm.BGNBD().fit(history([3] * n, [5] * n, [9] * n))

    def test_histories_that_skipped_validation_are_refused(self):
        columns = {"frequency": [2.0, 0, 1, 3], "recency": [0.0, 0, 1, 2], "T": [9.0, 9, 9, 9]}
        with pytest.raises(clm.InvalidDataError, match="recency is 0 although there are repeat purchases"):
            clm.BGNBD().fit(clm.RFM(**{name: np.array(column) for name, column in columns.items()}))

    @pytest.mark.parametrize("bad", [0, -1, np.nan, "x", None])
    def test_options_are_checked_when_given(self, bad):
        with pytest.raises(clm.InvalidDataError, match="tol"):
            clm.BGNBD(tol=bad)
        with pytest.raises(clm.InvalidDataError, match="max_iterations"):
            clm.BGNBD(max_iterations=bad)

    def test_another_unit_is_refused_with_the_remedy(self, fit):
        days = history(2, 30, 39, unit="day")
        for ask in (
            lambda: fit.expected_purchases(days, horizon=1),
            lambda: fit.probability_alive(days),
            lambda: fit.purchase_probability(0, days, horizon=1),
            lambda: fit.residual_purchases(days, discount=YEARLY),
            lambda: fit.prediction_interval(days, horizon=1),
            lambda: fit.pointwise_loglik(days),
            lambda: fit.simulate(days, horizon=1),
        ):
            with pytest.raises(
                clm.InvalidDataError, match=r"counts time in weeks, rfm in days. Build rfm with unit='week'"
            ):
                ask()

    @pytest.mark.parametrize("horizon", [-1, np.nan, np.inf, "39", True, None])
    def test_horizons_are_numbers_from_0_on(self, fit, rfm, horizon):
        for ask in (
            lambda: fit.expected_purchases(horizon=horizon),
            lambda: fit.expected_purchases(rfm, horizon=horizon),
            lambda: fit.purchase_probability(1, rfm, horizon=horizon),
            lambda: fit.prediction_interval(rfm, horizon=horizon),
            lambda: fit.simulate(3, horizon=horizon),
        ):
            with pytest.raises(clm.InvalidDataError, match="horizon"):
                ask()

    def test_a_row_of_horizons_is_for_new_customers(self, fit, rfm):
        assert fit.expected_purchases(horizon=[13, 26, 39]).index.tolist() == [13, 26, 39]
        with pytest.raises(clm.InvalidDataError, match="horizon must be one finite number"):
            fit.expected_purchases(rfm, horizon=[13, 26])
        with pytest.raises(clm.InvalidDataError, match=r"horizon is negative in 1 of 2 rows, first at row 1"):
            fit.expected_purchases(horizon=[1, -1])

    @pytest.mark.parametrize("k", [-1, 0.5, np.nan, "0", True])
    def test_counts_are_whole(self, fit, k):
        with pytest.raises(clm.InvalidDataError, match="k "):
            fit.purchase_probability(k, horizon=39)

    @pytest.mark.parametrize("discount", [0.1, 0, None])
    def test_a_discount_says_its_period(self, fit, rfm, discount):
        with pytest.raises(clm.InvalidDataError, match=r"discount must say its period"):
            fit.residual_purchases(rfm, discount=discount)

    @pytest.mark.parametrize("level", [0, 1, 95, np.nan])
    def test_levels_are_fractions(self, fit, rfm, level):
        with pytest.raises(clm.InvalidDataError, match="level"):
            fit.prediction_interval(rfm, horizon=39, level=level)

    @pytest.mark.parametrize(
        ("params", "unit", "message"),
        [
            ({"r": 1, "alpha": 1, "a": 1}, "week", "params lacks b"),
            (PUBLISHED | {"beta": 1}, "week", "'beta' is no parameter"),
            (PUBLISHED | {"a": -1}, "week", "parameter a must be positive"),
            (PUBLISHED, "fortnight", "unit 'fortnight' is not one of"),
            ([0.2, 4, 1, 2], "week", "params must be a mapping by name, not list: r, alpha, a, b"),
            (None, "week", "params must be a mapping by name, not NoneType"),
        ],
    )
    def test_given_parameters_are_checked(self, params, unit, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.BGNBD().with_params(params, unit=unit)

    @pytest.mark.parametrize("customers", [-1, 2.5, "ten", None])
    def test_customers_to_simulate_are_counted(self, fit, customers):
        with pytest.raises(clm.InvalidDataError, match="customers"):
            fit.simulate(customers, horizon=1)

    @pytest.mark.parametrize("rng", [-1, 1.5, "seed", None, True])
    def test_chance_comes_from_a_seed_or_a_generator(self, fit, rfm, rng):
        for ask in (
            lambda: fit.simulate(3, horizon=1, rng=rng),
            lambda: fit.prediction_interval(rfm, horizon=1, rng=rng),
        ):
            with pytest.raises(clm.InvalidDataError, match="rng must be a whole number"):
                ask()

    @pytest.mark.parametrize("start", ["yesterday", 20000101, None])
    def test_a_start_is_a_date(self, fit, start):
        with pytest.raises(clm.InvalidDataError, match="start"):
            fit.simulate(3, horizon=1, start=start)

    def test_a_horizon_beyond_the_calendar(self, fit):
        with pytest.raises(clm.InvalidDataError, match="beyond the calendar"):
            fit.simulate(50, horizon=1e8)

    def test_weighted_rows_cannot_be_simulated_one_by_one(self, fit, rfm):
        with pytest.raises(clm.InvalidDataError, match="stand for several customers"):
            fit.simulate(rfm.cells, horizon=1)

    def test_nothing_can_be_changed(self, fit, rfm):
        with pytest.raises(AttributeError):
            fit.unit = "day"
        fit.params["r"] = 9  # a copy
        assert fit.params["r"] < 1
        for array in (fit.covariance, fit.probability_alive(rfm).value, fit.pointwise_loglik(rfm)):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 9


class TestPublishedNumbers:
    def test_cdnow(self, fit):
        # Fader, Hardie and Lee (2005), table 2: .243, 4.414, .793, 2.426 and -9582.4. Further digits and standard
        # errors as CLVTools 0.12.1 gives them for the same dates (its tests/testthat/test_correctness_bgnbd.R).
        assert fit.params == pytest.approx(
            {"r": 0.2425945, "alpha": 4.4136019, "a": 0.7929199, "b": 2.4258881}, rel=1e-5
        )
        assert fit.standard_errors == pytest.approx(
            {"r": 0.01255738, "alpha": 0.37822386, "a": 0.18573277, "b": 0.70540681}, rel=2e-5
        )
        assert fit.loglik == pytest.approx(-9582.42921, abs=1e-5)
        assert (fit.n, fit.unit) == (2357, "week")
        assert fit.aic == pytest.approx(2 * 4 + 2 * 9582.42921)
        assert fit.bic == pytest.approx(4 * np.log(2357) + 2 * 9582.42921)
        assert fit.diagnostics.converged
        assert fit.diagnostics.starts_agreeing == 3
        assert "4.414" in fit.summary()
        assert "-9,582.429" in fit.summary()

    def test_a_customer_of_the_paper(self, published):
        # Fader, Hardie and Lee (2005), p. 281: customer (2, 30.43, 38.86) is expected to buy 1.226 times in 39 weeks.
        one = history(2, 30.43, 38.86)
        assert published.expected_purchases(one, horizon=39).value == pytest.approx([1.2260282], abs=5e-8)
        assert published.probability_alive(one).value == pytest.approx([0.72657857], abs=5e-9)

    def test_a_new_customer(self, published, fit):
        assert float(published.expected_purchases(horizon=52)) == pytest.approx(1.446051, abs=5e-7)
        assert float(fit.expected_purchases(horizon=52)) == pytest.approx(1.444004, abs=2e-5)
        # By the closed form of the paper's eq. 8 in 50 digits (mpmath).
        expected = {0: 0.573786352096, 1: 0.199395280836, 4: 0.0276714493358, 30: 7.02927996277e-5}
        for k, probability in expected.items():
            assert float(published.purchase_probability(k, horizon=39)) == pytest.approx(probability, rel=1e-10)

    @pytest.mark.parametrize(("x", "recency", "loglik"), [(0, 0, -0.5994738182), (200, 38, 100.795693093)])
    def test_a_likelihood_that_overflows_when_computed_as_written(self, x, recency, loglik):
        # Hardie (2014), brucehardie.com/notes/027: a = .8, b = 2.5, r = .25, alpha = 4, T = 40; digits by mpmath.
        found = given_params(0.25, 4, 0.8, 2.5).pointwise_loglik(history(x, recency, 40))
        assert found == pytest.approx([loglik], rel=1e-10)

    # P(alive), expectation and log-likelihood by the closed forms of the paper in 50 digits (mpmath; where a = 1, at
    # a = 1 + 1e-25): heavy buyers, long silences, a = 1, parameters of .01 and 200.
    @pytest.mark.parametrize(
        ("params", "row", "alive", "expected", "loglik"),
        [
            ((0.2426, 4.4136, 0.7929, 2.4259), (10_000, 3649, 3650, 365), 0.998777559868, 960.305564041, 55.4613516161),
            ((0.2426, 4.4136, 0.7929, 2.4259), (2000, 100, 730, 90), 0.0, 0.0, 3888.76917613),
            ((0.9, 0.008, 0.5, 2.0), (1, 0.001, 3650, 1000), 8.84631721014e-11, 4.37057357698e-11, 2.88972754155),
            ((0.5, 10, 1, 3), (5, 30, 40, 20), 0.6723031952, 1.30022861931, -17.5631683548),
            ((0.5, 10, 1, 3), (0, 0, 40, 20), 1.0, 0.186708742879, -0.804718956217),
            ((5, 100, 30, 2), (300, 299.5, 300, 50), 0.872631000271, 9.53759198612, -464.274747511),
            ((0.05, 200, 0.01, 0.02), (2, 1, 2, 0.001), 0.990192957641, 1.00489875627e-5, -13.9693408556),
            ((0.8, 2.5, 0.25, 4), (200, 38, 40, 10), 0.0483614764494, 2.2242396089, 111.875157309),
        ],
    )
    def test_extreme_customers(self, params, row, alive, expected, loglik):
        known, (*seen, ahead) = given_params(*params), row
        one = history(*seen)
        assert known.probability_alive(one).value == pytest.approx([alive], rel=1e-11, abs=1e-300)
        assert known.expected_purchases(one, horizon=ahead).value == pytest.approx([expected], rel=1e-11, abs=1e-300)
        assert known.pointwise_loglik(one) == pytest.approx([loglik], rel=1e-11)


class TestConsistency:
    @given(parameters, histories())
    def test_gradient_and_hessian(self, params, rfm):
        likelihood = BGNBDLikelihood.of(rfm.cells, rfm.cells.weights, scale=3.0)
        at = np.log(params)
        value, gradient, hessian = likelihood(at)
        assert value == pytest.approx(
            given_params(params[0], params[1] * 3, *params[2:]).pointwise_loglik(rfm).sum()
            + rfm.frequency.sum() * np.log(3.0),
            rel=1e-9, abs=1e-9,
        )  # fmt: skip
        size = 1 + np.abs(hessian).max() + abs(value)
        assert gradient == pytest.approx(
            central_differences(lambda at: np.asarray(likelihood(at)[0]), at, step=1e-5), abs=1e-8 * size
        )
        assert hessian == pytest.approx(central_differences(lambda at: likelihood(at)[1], at), abs=1e-7 * size)

    def test_long_data_are_summed_in_blocks(self):
        rng = np.random.default_rng(5)
        rfm, *_ = buyers(20_000, (0.9, 8.0, 0.8, 2.5), rng)
        cells = rfm.cells
        at = np.log([0.7, 6.0, 1.0, 2.0])
        whole = BGNBDLikelihood.of(cells, cells.weights, scale=1.0)(at)
        thirds = [
            BGNBDLikelihood.of(cells, np.where(np.arange(len(cells)) % 3 == i, 1.0, 0.0), scale=1.0)(at)
            for i in range(3)
        ]
        for part in range(3):
            assert whole[part] == pytest.approx(sum(third[part] for third in thirds), rel=1e-10)

    def test_pointwise_adds_up(self, fit, rfm):
        assert fit.pointwise_loglik(rfm).sum() == pytest.approx(fit.loglik, rel=1e-12)

    def test_weeks_and_days_agree(self, fit, rfm):
        days = history(rfm.frequency, rfm.recency * 7, rfm.T * 7, unit="day")
        other = clm.BGNBD().fit(days)
        assert other.params == pytest.approx(fit.params | {"alpha": fit.params["alpha"] * 7}, rel=1e-6)
        assert other.standard_errors["a"] == pytest.approx(fit.standard_errors["a"], rel=1e-6)
        # A density per day is a seventh of that per week, once for every purchase.
        assert other.loglik == pytest.approx(fit.loglik - rfm.frequency.sum() * np.log(7), rel=1e-10)
        mine, theirs = fit.expected_purchases(rfm, horizon=39), other.expected_purchases(days, horizon=273)
        assert theirs.value == pytest.approx(mine.value, rel=1e-5)
        assert theirs.sum().standard_error == pytest.approx(mine.sum().standard_error, rel=1e-5)
        assert other.residual_purchases(days, discount=YEARLY).value == pytest.approx(
            fit.residual_purchases(rfm, discount=YEARLY).value, rel=1e-5
        )

    def test_weights_equal_repeats(self, fit, rfm):
        weighted = clm.BGNBD().fit(rfm.cells)
        assert weighted.parameters == fit.parameters
        total = fit.prediction_interval(rfm, horizon=39).total
        assert weighted.prediction_interval(rfm.cells, horizon=39).total == total
        by_row = weighted.expected_purchases(rfm.cells, horizon=39)
        assert by_row.value @ rfm.cells.weights == pytest.approx(fit.expected_purchases(rfm, horizon=39).sum().value)
        assert any("count each row once" in caveat for caveat in by_row.caveats)

    def test_the_order_of_rows_does_not_matter(self, fit, rfm):
        order = np.random.default_rng(2).permutation(len(rfm))
        mixed = clm.RFM.from_arrays(
            rfm.frequency[order], rfm.recency[order], rfm.T[order], customer=rfm.customer[order], unit="week"
        )
        assert clm.BGNBD().fit(mixed) == fit
        expected = fit.expected_purchases(mixed, horizon=39)
        assert np.array_equal(expected.value, fit.expected_purchases(rfm, horizon=39).value[order])
        assert np.array_equal(expected.index, rfm.customer[order])

    def test_a_total_carries_the_covariance(self, fit, rfm):
        def total(log_values):
            return BGNBDProcess(np.exp(log_values)).expected(rfm, 39.0)[0].sum()

        slope = central_differences(total, fit.parameters.log_values)
        expected = fit.expected_purchases(rfm, horizon=39)
        error = np.sqrt(slope @ fit.parameters.log_covariance @ slope)
        assert expected.sum().standard_error == pytest.approx(error, rel=1e-6)
        assert expected.mean().standard_error == pytest.approx(error / 2357, rel=1e-6)
        by = expected.mean(by=np.minimum(rfm.frequency, 3))
        assert by.index.tolist() == [0, 1, 2, 3]
        assert by.value @ np.bincount(np.minimum(rfm.frequency, 3).astype(int)) == pytest.approx(expected.value.sum())

    @given(parameters, histories(), st.floats(0.1, 300))
    def test_gradients_of_predictions(self, params, rfm, ahead):
        at = np.log(params)
        for ask in (
            lambda process: process.probability_alive(rfm),
            lambda process: process.expected(rfm, ahead),
            lambda process: process.exactly(0, rfm, ahead),
            lambda process: process.exactly(3, rfm, ahead),
        ):
            value, gradient = ask(BGNBDProcess(np.exp(at)))
            numeric = central_differences(lambda at, ask=ask: ask(BGNBDProcess(np.exp(at)))[0], at, step=1e-5)
            assert gradient == pytest.approx(numeric, rel=1e-5, abs=1e-7 * (1 + value.max()))

    @settings(max_examples=30)
    @given(parameters, histories(most=10), st.floats(0.1, 30))
    def test_probabilities_add_up_to_one_and_to_the_expectation(self, params, rfm, ahead):
        process = BGNBDProcess(np.array(params))
        counts = np.arange(80)
        chances = np.stack([process.exactly(int(k), rfm, ahead)[0] for k in counts])
        rest = 1 - chances.sum(axis=0)
        assert np.all(rest > -1e-9)
        few = rest < 1e-12  # the others may buy more often than is added up here
        mean, _ = process.expected(rfm, ahead)
        # What is left out counts 80 purchases and more: some 1e-10 of the mean, 1e-8 of the variance.
        assert (counts @ chances)[few] == pytest.approx(mean[few], rel=1e-6, abs=1e-9)
        assert process.variance(rfm, ahead)[few] == pytest.approx(
            (counts**2 @ chances - mean**2)[few], rel=1e-5, abs=1e-7
        )

    def test_counts_within_the_interval_have_the_chance_it_states(self, fit, rfm):
        some = history(rfm.frequency[:200], rfm.recency[:200], rfm.T[:200])
        inside = fit.prediction_interval(some, horizon=39, level=0.9)
        chances = np.stack([fit.purchase_probability(k, some, horizon=39).value for k in range(60)])
        counts = np.arange(60)[:, None]
        within = np.where((counts >= inside.low) & (counts <= inside.high), chances, 0.0).sum(axis=0)
        assert np.all(within >= 0.9 - 1e-9)
        # Neither end can be moved inwards: what is left beyond it would be more than its 5 percent.
        assert np.all(np.where(counts <= inside.low, chances, 0.0).sum(axis=0) >= 0.05 - 1e-9)
        assert np.all(np.where(counts >= inside.high, chances, 0.0).sum(axis=0)[inside.high > 0] >= 0.05 - 1e-9)

    @pytest.mark.parametrize("x", [0, 3, 500])
    def test_smooth_through_a_of_one(self, x):
        one = history(x, 30 if x else 0, 39)
        near = [
            given_params(0.5, 10, a, 3).expected_purchases(one, horizon=39).value[0] for a in (1 - 1e-6, 1, 1 + 1e-6)
        ]
        assert near[1] == pytest.approx((near[0] + near[2]) / 2, rel=1e-10)
        assert near[0] > near[1] > near[2]

    def test_without_leaving_it_is_the_negative_binomial_model(self):
        # a -> 0: E[X(t)] = r t / alpha and P(X = 0) = (alpha / (alpha + t))^r.
        nobody_leaves = given_params(0.5, 10, 1e-7, 3)
        assert float(nobody_leaves.expected_purchases(horizon=39)) == pytest.approx(0.5 * 39 / 10, rel=1e-5)
        assert float(nobody_leaves.purchase_probability(0, horizon=39)) == pytest.approx((10 / 49) ** 0.5, rel=1e-9)

    def test_no_time_no_purchases(self, fit, rfm):
        nothing = fit.expected_purchases(rfm, horizon=0)
        assert not nothing.value.any()
        assert not nothing.standard_error.any()
        assert fit.purchase_probability(0, rfm, horizon=0).value.tolist() == [1.0] * 2357
        assert not fit.purchase_probability(2, rfm, horizon=0).value.any()
        ends = fit.prediction_interval(rfm, horizon=0)
        assert not ends.high.any()
        assert (ends.total.low, ends.total.high) == (0, 0)
        assert len(fit.simulate(rfm, horizon=0)["at"]) == 0
        assert len(fit.simulate(5, horizon=0)["at"]) == 5

    def test_residual_purchases_are_the_discounted_expectations(self, published):
        some = history([0, 1, 2, 8], [0, 3, 30.43, 30], [38.86, 35, 38.86, 39])
        rate = YEARLY.continuous("week")

        def discounted(i):
            one = history(some.frequency[i], some.recency[i], some.T[i])

            def flow(s):  # by parts: the integral of exp(-s) E[X(s / rate)], s in units of the discount
                return np.exp(-s) * published.expected_purchases(one, horizon=s / rate).value[0]

            return sum(integrate.quad(flow, *part, epsrel=1e-10)[0] for part in ((0, 0.01), (0.01, 1), (1, 60)))

        found = published.residual_purchases(some, discount=YEARLY)
        assert found.value == pytest.approx([discounted(i) for i in range(4)], rel=1e-8)

    def test_residual_purchases_without_a_discount(self, published):
        one = history([0, 4], [0, 20], [30, 30])
        undefined = published.residual_purchases(one, discount=clm.Discount(0, per="year"))
        assert np.isnan(undefined.value).all()
        assert "a is 0.793, not above 1" in undefined.undefined[0]
        # For a > 1 it is P(alive) (a + b + x - 1)/(a - 1), the limit of the expectation for a long time.
        leaving = given_params(0.5, 10, 2, 3)
        found = leaving.residual_purchases(one, discount=clm.Discount(0, per="year"))
        assert found.value == pytest.approx(leaving.expected_purchases(one, horizon=1e12).value, rel=1e-4)

    def test_alive_by_construction(self, fit, rfm):
        alive = fit.probability_alive(rfm)
        single = rfm.frequency == 0
        low, high = alive.confidence_interval()
        assert np.all(alive.value[single] == 1)
        assert np.all(alive.standard_error[single] == 0)
        assert np.all(low[single] == 1)
        assert np.all(high[single] == 1)
        assert np.all((low >= 0) & (high <= 1) & (low <= alive.value) & (alive.value <= high))
        assert any("probability 1 by construction" in caveat for caveat in alive.caveats)

    def test_given_parameters_have_no_intervals_and_say_so(self, published, rfm):
        assert np.isnan(list(published.standard_errors.values())).all()
        assert np.isnan(published.loglik)
        assert published.diagnostics is None
        assert "were given, not estimated" in published.summary()
        expected = published.expected_purchases(rfm, horizon=39)
        for estimate in (expected, expected.sum(), published.expected_purchases(horizon=39)):
            limits = estimate.confidence_interval()
            assert np.isnan(limits.low).all()
            assert "were given, not estimated" in limits.method
        ends = published.prediction_interval(rfm, horizon=39)
        assert np.isnan(ends.total.low)
        assert "were given" in ends.total.method
        assert ends.high.max() > 0

    def test_they_travel_whole(self, fit, rfm):
        for made in (fit, clm.BGNBD(tol=1e-9), fit.prediction_interval(rfm, horizon=3)):
            assert pickle.loads(pickle.dumps(made)) == made
            assert copy.deepcopy(made) == made
        assert fit != clm.BGNBD().with_params(fit.params, unit="week")

    def test_nobody_to_predict_for(self, fit):
        nobody = history([], [], [])
        assert fit.expected_purchases(nobody, horizon=39).sum().value == 0
        assert fit.prediction_interval(nobody, horizon=39).total.high == 0
        assert len(fit.simulate(nobody, horizon=39)["at"]) == 0


class TestSimulate:
    def test_the_same_seed_gives_the_same_orders(self, fit, rfm):
        for who in (100, rfm):
            first, again, other = (fit.simulate(who, horizon=39, rng=seed) for seed in (1, 1, 2))
            assert all(np.array_equal(first[name], again[name]) for name in first)
            assert not np.array_equal(first["at"], other["at"])

    def test_new_customers_buy_as_expected(self, fit):
        orders = fit.simulate(20_000, horizon=52, rng=3)
        assert sorted(orders) == ["at", "customer_id"]
        assert len(np.unique(orders["customer_id"])) == 20_000
        repeats = np.bincount(orders["customer_id"]) - 1
        # Expected 1.444 each with a standard deviation near 3.3: four standard errors of the mean are 0.1.
        assert repeats.mean() == pytest.approx(1.444, abs=0.1)
        assert (repeats == 0).mean() == pytest.approx(float(fit.purchase_probability(0, horizon=52)), abs=0.015)
        assert orders["at"].min() == np.datetime64("2000-01-01")
        assert orders["at"].max() <= np.datetime64("2000-12-30")

    def test_the_log_reads_back(self, fit):
        orders = fit.simulate(500, horizon=52, rng=4, start="2010-03-01")
        back = clm.rfm(orders, unit="week", occasion="order", through="2011-02-27T23:59:59")
        assert back.n == 500
        assert back.frequency.sum() == len(orders["at"]) - 500
        assert back.T.max() == pytest.approx(52, abs=0.01)

    def test_known_customers_go_on_as_expected(self, fit, rfm):
        orders = fit.simulate(rfm, horizon=39, rng=5)
        assert np.isin(orders["customer_id"], rfm.customer).all()
        ends = fit.prediction_interval(rfm, horizon=39, level=0.999).total
        assert ends.low <= len(orders["at"]) <= ends.high
        first = dict(zip(rfm.customer, rfm.first, strict=True))
        at_last = max(orders["at"] - np.array([first[customer] for customer in orders["customer_id"]]))
        assert at_last <= np.timedelta64(int((rfm.T.max() + 39) * 7), "D")


class TestIdentifiability:
    def test_customers_who_do_not_differ(self):
        rng = np.random.default_rng(1)
        age = rng.uniform(20, 40, 400)
        x = rng.poisson(0.2 * age)  # one rate for all, and nobody leaves
        last = np.where(x > 0, age * rng.beta(np.maximum(x, 1), 1), 0)
        with pytest.warns(clm.IdentifiabilityWarning, match="no maximum inside") as seen:
            fit = clm.BGNBD().fit(history(x, last, age))
        assert "all customers buy at the same rate" in str(seen[0].message)
        assert "nobody leaves" in str(seen[0].message)
        assert seen[0].filename == __file__
        assert fit.diagnostics.boundary
        assert np.isnan(fit.covariance).all()
        assert np.isnan(list(fit.standard_errors.values())).all()
        expected = fit.expected_purchases(horizon=10)
        assert float(expected) == pytest.approx(2, rel=0.1)
        assert "no maximum inside" in expected.confidence_interval().method
        assert "no errors" in fit.summary()

    def test_one_repeat_at_most_tells_a_from_b_no_more(self):
        # With x <= 1 only the mean chance a / (a + b) enters the likelihood.
        rng = np.random.default_rng(2)
        x, age = rng.integers(0, 2, 600), rng.uniform(20, 40, 600)
        with pytest.warns(clm.IdentifiabilityWarning):
            fit = clm.BGNBD().fit(history(x, np.where(x > 0, age * rng.uniform(0.05, 1, 600), 0), age))
        assert np.isnan(fit.covariance).all()

    def test_few_repeat_buyers_are_a_caveat(self):
        rfm, *_ = buyers(600, (0.9, 8.0, 0.8, 2.5), np.random.default_rng(3))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit = clm.BGNBD().fit(rfm)
        repeaters = int((rfm.frequency > 0).sum())
        assert any(f"only {repeaters} customers bought again" in caveat for caveat in fit.caveats)


def coverage(size, replications, params, seed):
    """Return how often intervals hold the truth, and how often parameters were not identified."""
    held = {"r": [], "alpha": [], "a": [], "b": [], "expected": [], "total": [], "each": [], "alive": []}
    skipped = 0
    for replication in range(replications):
        rfm, afterwards, _ = buyers(size, params, np.random.default_rng([seed, replication]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", clm.IdentifiabilityWarning)
            fit = clm.BGNBD().fit(rfm)
        if fit.parameters.undefined is not None:
            skipped += 1
            continue
        truth = given_params(*params)
        for name, limits in fit.confidence_interval(0.95).items():
            held[name].append(limits.low <= truth.params[name] <= limits.high)
        low, high = fit.expected_purchases(horizon=39).confidence_interval(0.95)
        held["expected"].append(low <= float(truth.expected_purchases(horizon=39)) <= high)
        ends = fit.prediction_interval(rfm, horizon=39)
        held["total"].append(ends.total.low <= afterwards.sum() <= ends.total.high)
        held["each"].append(np.mean((ends.low <= afterwards) & (afterwards <= ends.high)))
        row = int(rfm.frequency.argmax())
        limits = fit.probability_alive(rfm).confidence_interval(0.95)
        held["alive"].append(limits.low[row] <= truth.probability_alive(rfm).value[row] <= limits.high[row])
    return {name: float(np.mean(hits)) for name, hits in held.items()}, skipped


class TestRecovery:
    def test_the_parameters_come_back(self):
        params = (0.9, 8.0, 0.8, 2.5)
        rfm, afterwards, alive = buyers(20_000, params, np.random.default_rng(7))
        fit = clm.BGNBD().fit(rfm)
        for name, truth in zip(NAMES, params, strict=True):
            # Four standard errors: one wrong alarm in 16,000.
            assert abs(np.log(fit.params[name] / truth)) < 4 * fit.standard_errors[name] / fit.params[name]
        expected, chance = fit.expected_purchases(rfm, horizon=39), fit.probability_alive(rfm)
        for low, high in ((0, 0), (1, 1), (2, 4), (5, 9), (10, 99)):
            among = (rfm.frequency >= low) & (rfm.frequency <= high)
            spread = afterwards[among].std() / np.sqrt(among.sum())
            assert abs(afterwards[among].mean() - expected.value[among].mean()) < 5 * spread + 0.02
            spread = np.sqrt(0.25 / among.sum())
            assert abs(alive[among].mean() - chance.value[among].mean()) < 4 * spread

    def test_intervals_hold_what_they_state(self):
        # 200 samples of 500: at a true coverage of 95 percent the share has a standard error of 1.5 percent.
        share, skipped = coverage(500, 200, (0.9, 8.0, 0.8, 2.5), seed=11)
        assert skipped <= 2
        assert all(0.90 <= held <= 1 for held in share.values()), share
        assert share["each"] >= 0.95

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [500, 2000])
    @pytest.mark.parametrize("params", [(0.9, 8.0, 0.8, 2.5), (0.2426, 4.4136, 0.7929, 2.4259), (2.0, 20.0, 2.0, 8.0)])
    def test_intervals_hold_what_they_state_in_full(self, size, params):
        # 1,000 samples: standard error 0.7 percent; the delta method has been seen to cover from 92 percent on.
        share, skipped = coverage(size, 1000, params, seed=13)
        # Of 500 customers who hardly differ in their chance to leave, one sample in ten says nothing of how they do.
        assert skipped <= 130
        assert all(0.91 <= held <= 1 for held in share.values()), share
        assert share["each"] >= 0.95
