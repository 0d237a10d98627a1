"""What every fitted purchase model answers alike, whichever it is."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from attrs import evolve, frozen
from tests.ltv.worlds import ageing_buyers

import clm
from clm.stats import central_differences

YEARLY = clm.Discount(0.10, per="year")


@frozen
class Case:
    """A model, data that it fits, and parameters with what is to be expected ahead."""

    model: object
    rfm: clm.RFM
    params: dict
    horizon: float


@pytest.fixture(scope="module")
def cdnow():
    return clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")


@pytest.fixture(
    scope="module", params=["Pareto/NBD", "MBG/NBD", "NBD", "BG/BB", "BG/CNBD-2", "MBG/CNBD-3", "GGompertz/NBD"]
)
def case(request, cdnow):
    donations = clm.datasets.donations()
    return {
        "Pareto/NBD": Case(clm.ParetoNBD(), cdnow, {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, 39),
        "MBG/NBD": Case(clm.MBGNBD(), cdnow, {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, 39),
        "BG/CNBD-2": Case(clm.BGCNBD(k=2), cdnow, {"r": 0.227, "alpha": 1.463, "a": 0.944, "b": 2.074}, 39),
        "MBG/CNBD-3": Case(clm.MBGCNBD(k=3), cdnow, {"r": 0.533, "alpha": 1.258, "a": 1.289, "b": 1.845}, 39),
        "GGompertz/NBD": Case(
            clm.GGompertzNBD(), ageing_weeks(), {"r": 0.9, "alpha": 8.0, "b": 0.1, "s": 1.0, "beta": 5.0}, 39
        ),
        "NBD": Case(clm.NBD(), cdnow, {"r": 0.385, "alpha": 12.072}, 39),
        "BG/BB": Case(clm.BGBB(), donations, {"alpha": 1.204, "beta": 0.75, "gamma": 0.657, "delta": 2.783}, 5),
    }[request.param]


def ageing_weeks():
    """Customers whose hazard grows, in whole weeks, so that some of them are alike."""
    params = (0.9, 8.0, 0.1, 1.0, 5.0)
    rfm, *_ = ageing_buyers(1500, params, np.random.default_rng(4), age=(60.0, 80.0))
    return clm.RFM.from_arrays(rfm.frequency, np.ceil(rfm.recency), np.ceil(rfm.T), unit="week")


@pytest.fixture(scope="module")
def fit(case):
    return case.model.fit(case.rfm)


@pytest.fixture(scope="module")
def given_fit(case):
    return case.model.with_params(case.params, unit=case.rfm.unit)


def part(rfm, rows):
    gaps = None if rfm.sum_log_gaps is None else rfm.sum_log_gaps[rows]
    return clm.RFM.from_arrays(rfm.frequency[rows], rfm.recency[rows], rfm.T[rows], sum_log_gaps=gaps, unit=rfm.unit)


class TestInputs:
    def test_an_order_log_is_no_history(self, case):
        with pytest.raises(clm.InvalidDataError, match="rfm must be purchase histories, not dict"):
            case.model.fit(clm.datasets.cdnow())

    def test_nobody(self, case):
        with pytest.raises(clm.InvalidDataError, match="rfm holds no customers"):
            case.model.fit(clm.RFM.from_arrays([], [], [], unit="week"))

    def test_nobody_bought_again(self, case):
        with pytest.raises(clm.InvalidDataError, match="none of the 3 customers bought again"):
            case.model.fit(clm.RFM.from_arrays([0, 0, 0], [0, 0, 0], [3, 4, 5], unit="week"))

    def test_too_few_kinds_of_histories(self, case):
        with pytest.raises(clm.InvalidDataError, match="only 1 of the 1,000 histories differ"):
            case.model.fit(clm.RFM.from_arrays([3] * 1000, [5] * 1000, [9] * 1000, unit="week"))

    @pytest.mark.parametrize("bad", [0, -1, np.nan, "x", None])
    def test_options_are_checked_when_given(self, case, bad):
        with pytest.raises(clm.InvalidDataError, match="tol"):
            type(case.model)(tol=bad)
        with pytest.raises(clm.InvalidDataError, match="max_iterations"):
            type(case.model)(max_iterations=bad)

    def test_a_climb_that_is_cut_short_says_so(self, case):
        with pytest.raises(clm.ConvergenceError, match="still rising after 1 steps"):
            type(case.model)(max_iterations=1).fit(case.rfm)

    def test_another_unit_is_refused_with_the_remedy(self, fit):
        hours = clm.RFM.from_arrays([2], [30], [39], unit="hour")
        for ask in (
            lambda: fit.expected_purchases(hours, horizon=1),
            lambda: fit.probability_alive(hours),
            lambda: fit.purchase_probability(0, hours, horizon=1),
            lambda: fit.residual_purchases(hours, discount=YEARLY),
            lambda: fit.prediction_interval(hours, horizon=1),
            lambda: fit.pointwise_loglik(hours),
            lambda: fit.simulate(hours, horizon=1),
        ):
            with pytest.raises(clm.InvalidDataError, match=f"counts time in {fit.unit}s, rfm in hours"):
                ask()

    @pytest.mark.parametrize("horizon", [-1, np.nan, np.inf, "39", True, None])
    def test_horizons_are_numbers_from_0_on(self, fit, case, horizon):
        for ask in (
            lambda: fit.expected_purchases(horizon=horizon),
            lambda: fit.expected_purchases(case.rfm, horizon=horizon),
            lambda: fit.purchase_probability(1, case.rfm, horizon=horizon),
            lambda: fit.prediction_interval(case.rfm, horizon=horizon),
            lambda: fit.simulate(3, horizon=horizon),
        ):
            with pytest.raises(clm.InvalidDataError, match="horizon"):
                ask()

    @pytest.mark.parametrize("k", [-1, 0.5, np.nan, "0", True])
    def test_counts_are_whole(self, fit, k):
        with pytest.raises(clm.InvalidDataError, match="k "):
            fit.purchase_probability(k, horizon=3)

    def test_a_discount_says_its_period(self, fit, case):
        with pytest.raises(clm.InvalidDataError, match="discount must say its period"):
            fit.residual_purchases(case.rfm, discount=0.1)

    def test_given_parameters_are_checked(self, case):
        name = next(iter(case.params))
        for params, message in (
            ({}, "params lacks"),
            (case.params | {"zeta": 1}, "'zeta' is no parameter"),
            (case.params | {name: -1}, f"parameter {name} must be positive"),
        ):
            with pytest.raises(clm.InvalidDataError, match=message):
                case.model.with_params(params, unit="week")
        with pytest.raises(clm.InvalidDataError, match="fortnight"):
            case.model.with_params(case.params, unit="fortnight")

    def test_nothing_can_be_changed(self, fit, case):
        with pytest.raises(AttributeError):
            fit.unit = "day"
        for array in (fit.covariance, fit.probability_alive(case.rfm).value, fit.pointwise_loglik(case.rfm)):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 9


class TestConsistency:
    def test_the_fit_states_itself(self, fit, case):
        assert list(fit.params) == list(case.params)
        assert fit.n == round(case.rfm.n)
        assert fit.covariance.shape == (len(fit.params),) * 2
        assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(list(fit.standard_errors.values()))
        for name, (low, high) in fit.confidence_interval(0.95).items():
            assert 0 < low < fit.params[name] < high
        assert fit.aic == pytest.approx(2 * len(fit.params) - 2 * fit.loglik)
        assert fit.bic == pytest.approx(len(fit.params) * np.log(fit.n) - 2 * fit.loglik)
        assert fit.diagnostics.converged
        assert fit.diagnostics.starts_agreeing == fit.diagnostics.starts
        assert fit.summary().startswith(f"{fit.model}: {fit.n:,} customers, unit {fit.unit}")
        assert fit.model in repr(fit)

    def test_pointwise_adds_up(self, fit, case):
        weights = np.ones(len(case.rfm)) if case.rfm.weights is None else case.rfm.weights
        assert fit.pointwise_loglik(case.rfm) @ weights == pytest.approx(fit.loglik, rel=1e-12)

    def test_weights_equal_repeats(self, fit, case):
        cells = case.rfm.cells
        rows = np.repeat(np.arange(len(cells)), np.asarray(cells.weights).astype(int))
        repeated = part(cells, rows)
        assert case.model.fit(repeated).parameters == fit.parameters
        totals = [fit.prediction_interval(rfm, horizon=case.horizon).total for rfm in (cells, repeated)]
        assert totals[0] == totals[1]

    def test_the_order_of_rows_does_not_matter(self, fit, case):
        order = np.random.default_rng(2).permutation(len(case.rfm))
        rfm = case.rfm
        mixed = clm.RFM.from_arrays(
            rfm.frequency[order], rfm.recency[order], rfm.T[order],
            weights=None if rfm.weights is None else rfm.weights[order],
            sum_log_gaps=None if rfm.sum_log_gaps is None else rfm.sum_log_gaps[order], unit=rfm.unit,
        )  # fmt: skip
        assert case.model.fit(mixed) == fit
        for ask in (
            lambda rfm: fit.expected_purchases(rfm, horizon=case.horizon).value,
            lambda rfm: fit.prediction_interval(rfm, horizon=case.horizon).high,
        ):
            assert np.array_equal(ask(mixed), ask(rfm)[order])

    def test_another_unit_changes_nothing_but_the_unit(self, fit, case):
        if fit.discrete:
            pytest.skip("opportunities have no unit to change")
        rfm = case.rfm
        gaps = None if rfm.sum_log_gaps is None else rfm.sum_log_gaps + rfm.frequency * np.log(7)
        days = clm.RFM.from_arrays(rfm.frequency, rfm.recency * 7, rfm.T * 7, sum_log_gaps=gaps, unit="day")
        other = case.model.fit(days)
        # The b of GGompertz is a rate of time, and its beta is counted in units of 1/b.
        times = {"alpha": 7, "b": 1 / 7} if "Gompertz" in fit.model else {"alpha": 7, "beta": 7}
        scaled = {name: value * times.get(name, 1) for name, value in fit.params.items()}
        assert other.params == pytest.approx(scaled, rel=1e-6)
        # A density per day is a seventh of that per week, once for every purchase.
        assert other.loglik == pytest.approx(fit.loglik - rfm.frequency.sum() * np.log(7), rel=1e-10)
        mine, theirs = fit.expected_purchases(rfm, horizon=39), other.expected_purchases(days, horizon=273)
        assert theirs.value == pytest.approx(mine.value, rel=1e-5)
        assert theirs.sum().standard_error == pytest.approx(mine.sum().standard_error, rel=1e-5)
        assert other.residual_purchases(days, discount=YEARLY).value == pytest.approx(
            fit.residual_purchases(rfm, discount=YEARLY).value, rel=1e-5
        )

    def test_gradients_of_predictions(self, given_fit, case):
        rfm, process = case.rfm.cells, given_fit.process
        at = np.log(list(case.params.values()))
        for ask in (
            lambda process: process.probability_alive(rfm),
            lambda process: process.expected(rfm, float(case.horizon)),
            lambda process: process.exactly(2, rfm, float(case.horizon)),
            lambda process: process.discounted(rfm, 0.01),
        ):
            value, gradient = ask(process)
            numeric = central_differences(lambda at, ask=ask: ask(evolve(process, values=np.exp(at)))[0], at, step=1e-4)
            assert gradient == pytest.approx(numeric, rel=1e-5, abs=1e-7 * (1 + np.abs(value).max()))

    def test_a_total_carries_the_covariance(self, fit, case):
        rfm = case.rfm

        def total(log_values):
            return evolve(fit.process, values=np.exp(log_values)).expected(rfm, float(case.horizon))[0].sum()

        slope = central_differences(total, fit.parameters.log_values)
        expected = fit.expected_purchases(rfm, horizon=case.horizon)
        error = np.sqrt(slope @ fit.parameters.log_covariance @ slope)
        assert expected.sum().standard_error == pytest.approx(error, rel=1e-6)

    def test_probabilities_add_up_to_one_and_to_the_moments(self, given_fit, case):
        rfm = part(case.rfm, slice(None, 200))
        counts = np.arange(150)
        chances = np.stack([given_fit.purchase_probability(int(k), rfm, horizon=case.horizon).value for k in counts])
        assert chances.sum(axis=0) == pytest.approx(1, abs=1e-8)
        expected = given_fit.expected_purchases(rfm, horizon=case.horizon).value
        assert counts @ chances == pytest.approx(expected, rel=1e-6)
        variance = given_fit.process.variance(rfm, float(case.horizon))
        assert counts**2 @ chances - expected**2 == pytest.approx(variance, rel=1e-5)
        inside = given_fit.prediction_interval(rfm, horizon=case.horizon, level=0.9)
        within = np.where((counts[:, None] >= inside.low) & (counts[:, None] <= inside.high), chances, 0).sum(axis=0)
        assert np.all(within >= 0.9 - 1e-8)
        # Neither end can be moved inwards: what is left beyond it would be more than its 5 percent.
        assert np.all(np.where(counts[:, None] <= inside.low, chances, 0).sum(axis=0) >= 0.05 - 1e-8)
        beyond = np.where(counts[:, None] >= inside.high, chances, 0).sum(axis=0)
        assert np.all(beyond[inside.high > 0] >= 0.05 - 1e-8)

    def test_residual_purchases_are_the_discounted_expectations(self, given_fit, case):
        # Whole horizons far out, discounted so strongly that nothing is left there.
        some = part(case.rfm, slice(None, 20))
        steep = clm.Discount(0.8, per=given_fit.unit)
        if given_fit.discrete:
            times = np.arange(60)
            expected = np.stack([given_fit.expected_purchases(some, horizon=int(t)).value for t in times])
            worth = (np.diff(expected, axis=0) * (1.8 ** -times[1:])[:, None]).sum(axis=0)
        else:
            worth = np.asarray(clm.lifetime_value(given_fit, some, order_value=1.0, horizon=60, discount=steep))
        assert given_fit.residual_purchases(some, discount=steep).value == pytest.approx(worth, rel=1e-6)

    def test_lifetime_value(self, fit, case):
        value = clm.lifetime_value(fit, case.rfm, order_value=20.0, horizon=case.horizon, discount=YEARLY, margin=0.5)
        undiscounted = clm.lifetime_value(fit, case.rfm, order_value=20.0, horizon=case.horizon, margin=0.5)
        expected = fit.expected_purchases(case.rfm, horizon=case.horizon)
        assert undiscounted.value == pytest.approx(10 * expected.value)
        assert undiscounted.sum().standard_error == pytest.approx(10 * expected.sum().standard_error)
        years = case.horizon / 52 if fit.unit == "week" else case.horizon
        assert np.all(value.value < undiscounted.value)
        assert np.all(value.value > undiscounted.value * 1.1 ** -(years + 0.1))

    def test_no_time_no_purchases(self, fit, case):
        nothing = fit.expected_purchases(case.rfm, horizon=0)
        assert not nothing.value.any()
        assert not nothing.standard_error.any()
        assert fit.purchase_probability(0, case.rfm, horizon=0).value == pytest.approx(1, abs=1e-12)
        assert not fit.purchase_probability(2, case.rfm, horizon=0).value.any()
        assert float(fit.expected_purchases(horizon=0)) == 0
        ends = fit.prediction_interval(case.rfm, horizon=0)
        assert not ends.high.any()
        assert (ends.total.low, ends.total.high) == (0, 0)
        assert len(fit.simulate(5, horizon=0)["at"]) == 5
        assert clm.lifetime_value(fit, case.rfm, order_value=1.0, horizon=0, discount=YEARLY).sum().value == 0

    def test_nobody_to_predict_for(self, fit):
        nobody = clm.RFM.from_arrays([], [], [], unit=fit.unit)
        assert fit.expected_purchases(nobody, horizon=39).sum().value == 0
        assert fit.probability_alive(nobody).value.size == 0
        assert fit.residual_purchases(nobody, discount=YEARLY).value.size == 0
        assert fit.purchase_probability(1, nobody, horizon=39).value.size == 0
        assert fit.prediction_interval(nobody, horizon=39).total.high == 0
        assert len(fit.simulate(nobody, horizon=39)["at"]) == 0

    def test_probabilities_and_their_limits_are_ones(self, fit, case):
        for estimate in (fit.probability_alive(case.rfm), fit.purchase_probability(1, case.rfm, horizon=case.horizon)):
            low, high = estimate.confidence_interval()
            assert np.all((low >= 0) & (low <= estimate.value) & (estimate.value <= high) & (high <= 1))

    def test_given_parameters_have_no_intervals_and_say_so(self, given_fit, case):
        assert np.isnan(list(given_fit.standard_errors.values())).all()
        assert np.isnan(given_fit.loglik)
        assert given_fit.diagnostics is None
        expected = given_fit.expected_purchases(case.rfm, horizon=case.horizon)
        for estimate in (expected, expected.sum(), given_fit.expected_purchases(horizon=case.horizon)):
            limits = estimate.confidence_interval()
            assert np.isnan(limits.low).all()
            assert "were given, not estimated" in limits.method
        ends = given_fit.prediction_interval(case.rfm, horizon=case.horizon)
        assert np.isnan(ends.total.low)
        assert ends.high.max() > 0

    def test_they_travel_whole(self, fit, given_fit, case):
        for made in (fit, given_fit, case.model):
            assert pickle.loads(pickle.dumps(made)) == made
            assert copy.deepcopy(made) == made
        assert fit != given_fit

    def test_nothing_warns(self, fit, case):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            case.model.fit(case.rfm)
            fit.residual_purchases(case.rfm, discount=clm.Discount(0.0, per="year"))
            fit.expected_purchases(case.rfm, horizon=5000)
            fit.purchase_probability(200, case.rfm, horizon=case.horizon)


class TestSimulate:
    def test_the_same_seed_gives_the_same_orders(self, fit, case):
        first, again, other = (fit.simulate(100, horizon=case.horizon, rng=seed) for seed in (1, 1, 2))
        assert all(np.array_equal(first[name], again[name]) for name in first)
        assert not np.array_equal(first["at"], other["at"])

    def test_new_customers_buy_as_expected(self, fit, case):
        orders = fit.simulate(20_000, horizon=case.horizon, rng=3)
        assert len(np.unique(orders["customer_id"])) == 20_000
        assert np.all(np.diff(orders["customer_id"]) >= 0)
        repeats = np.bincount(orders["customer_id"]) - 1
        spread = repeats.std() / np.sqrt(20_000)
        assert repeats.mean() == pytest.approx(float(fit.expected_purchases(horizon=case.horizon)), abs=4 * spread)
        silent = float(fit.purchase_probability(0, horizon=case.horizon))
        assert (repeats == 0).mean() == pytest.approx(silent, abs=0.015)

    def test_known_customers_go_on_as_expected(self, fit, case):
        rfm = part(case.rfm, np.arange(len(case.rfm)).repeat(1 if len(case.rfm) > 100 else 50))
        orders = fit.simulate(rfm, horizon=case.horizon, rng=5)
        ends = fit.prediction_interval(rfm, horizon=case.horizon, level=0.999).total
        assert ends.low <= len(orders["at"]) <= ends.high
