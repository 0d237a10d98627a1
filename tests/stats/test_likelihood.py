"""Maximum likelihood: the maximum is found, is one, and says so when there is none."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy import special

from clm.errors import ConvergenceError, InvalidDataError
from clm.stats import LogNormal, Parameters, central_differences, delta_estimate, maximise
from clm.stats._likelihood import FAR

EDGES = dict.fromkeys(("rate", "shape", "scale", "x", "y"), ("it vanishes", "it has no bound"))


class Exponential:
    """Lifetimes, some of them censored: the maximum is ends over total time, the information is the ends."""

    def __init__(self, ends, time):
        self.ends, self.time, self.calls = ends, time, 0

    def __call__(self, log_values):
        self.calls += 1
        rate = np.exp(log_values[0])
        value = self.ends * log_values[0] - rate * self.time
        return value, np.array([self.ends - rate * self.time]), np.array([[-rate * self.time]])


class Gamma:
    """Observations of a gamma distribution by their count, sum and sum of logarithms."""

    def __init__(self, sample):
        self.n, self.total, self.logs = sample.size, sample.sum(), np.log(sample).sum()

    def __call__(self, log_values):
        k, rate = np.exp(log_values)
        value = self.n * (k * np.log(rate) - special.gammaln(k)) + (k - 1) * self.logs - rate * self.total
        slope = np.array([self.n * (np.log(rate) - special.digamma(k)) + self.logs, self.n * k / rate - self.total])
        bend = np.array([[-self.n * special.polygamma(1, k), self.n / rate], [self.n / rate, -self.n * k / rate**2]])
        values = np.array([k, rate])
        return value, slope * values, bend * np.outer(values, values) + np.diag(slope * values)


def one(likelihood, *starts, **options):
    return maximise(
        likelihood, [np.array([start]) for start in starts or (0.0,)], names=("rate",), edges=EDGES, **options
    )


class TestMaximum:
    def test_closed_form(self):
        found = one(Exponential(25, 400.0), -6.0, 0.0, 3.0)
        assert np.exp(found.log_values[0]) == pytest.approx(25 / 400, rel=1e-9)
        assert found.covariance[0, 0] == pytest.approx(1 / 25, rel=1e-6)  # the information in log rate is the ends
        assert found.value == pytest.approx(25 * np.log(25 / 400) - 25)
        assert found.diagnostics.converged
        assert found.diagnostics.starts_agreeing == found.diagnostics.starts == 3
        assert found.diagnostics.boundary == ()
        assert not found.diagnostics.ridge
        assert found.undefined is None

    def test_two_parameters_and_their_covariance(self):
        sample = np.random.default_rng(1).gamma(2.5, 3.0, 400)
        likelihood = Gamma(sample)
        found = maximise(likelihood, [np.zeros(2), np.array([3.0, -3.0])], names=("shape", "rate"), edges=EDGES)
        # Mean and mean logarithm are reproduced: the score equations of the gamma distribution.
        k, rate = np.exp(found.log_values)
        assert k / rate == pytest.approx(sample.mean(), rel=1e-6)
        assert special.digamma(k) - np.log(rate) == pytest.approx(np.log(sample).mean(), rel=1e-6)
        information = -central_differences(lambda at: likelihood(at)[1], found.log_values)
        assert found.covariance == pytest.approx(np.linalg.inv(information), rel=1e-6)
        assert found.covariance[0, 1] == found.covariance[1, 0]
        assert found.covariance[0, 1] > 0  # a larger shape goes with a larger rate

    def test_the_rule_to_stop_does_not_depend_on_the_size_of_the_sample(self):
        small, large = one(Exponential(25, 400.0)), one(Exponential(25e6, 400e6))
        assert small.diagnostics.iterations == large.diagnostics.iterations

    def test_a_saddle_is_left(self):
        def saddle(at):
            x, y = at
            # Stationary at (0, 0), where y has a minimum; maxima at y = +-1.
            return (
                -(x**2) - (y**2 - 1) ** 2,
                np.array([-2 * x, -4 * y * (y**2 - 1)]),
                np.array([[-2.0, 0.0], [0.0, -12 * y**2 + 4]]),
            )

        found = maximise(saddle, [np.array([0.5, 0.01])], names=("x", "y"), edges=EDGES)
        assert found.log_values == pytest.approx([0, 1], abs=1e-6)
        assert found.undefined is None

    def test_the_highest_of_several_maxima_wins(self):
        def two_hills(at):
            (x,) = at
            # -x^4/4 + x^2/2 + x/10 has maxima near 1.05 and, lower, near -0.95.
            return -(x**4) / 4 + x**2 / 2 + x / 10, np.array([-(x**3) + x + 0.1]), np.array([[-3 * x**2 + 1]])

        found = one(two_hills, -2.0, -1.0, 2.0)
        assert found.log_values[0] == pytest.approx(max(np.roots([-1, 0, 1, 0.1]).real), rel=1e-6)
        assert found.diagnostics.starts_agreeing == 1

    @pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-7])
    def test_rounding_of_the_value_does_not_keep_it_from_ending(self, noise):
        class Rounded(Exponential):
            def __call__(self, log_values):
                value, gradient, hessian = super().__call__(log_values)
                wobble = noise * np.sin(1e9 * log_values[0])
                return value + wobble, gradient + wobble, hessian

        found = one(Rounded(25, 400.0), -6.0, 0.0, 3.0)
        assert found.diagnostics.converged
        assert found.diagnostics.iterations < 20
        assert np.exp(found.log_values[0]) == pytest.approx(25 / 400, rel=1e-6 + 100 * noise)

    def test_steps_into_nonsense_are_taken_back(self):
        class Walled(Exponential):
            def __call__(self, log_values):
                value, gradient, hessian = super().__call__(log_values)
                return (np.nan if log_values[0] < -3 else value), gradient, hessian

        found = one(Walled(25, 400.0), 5.0)
        assert np.exp(found.log_values[0]) == pytest.approx(25 / 400, rel=1e-6)


class TestTrial:
    def test_a_subsample_leaves_little_to_do(self):
        everyone, few = Exponential(10_000, 160_500.0), Exponential(100, 1600.0)
        found = one(everyone, -6.0, 0.0, 3.0, trial=few)
        assert np.exp(found.log_values[0]) == pytest.approx(10_000 / 160_500, rel=1e-9)
        assert everyone.calls == found.diagnostics.evaluations <= 4
        assert few.calls == found.diagnostics.trial_evaluations > 10


class TestNoMaximum:
    def test_a_parameter_that_runs_away_is_named(self):
        found = one(Exponential(0, 50.0))  # nobody's end was seen: the rate goes to 0
        assert found.diagnostics.boundary == ("rate",)
        assert found.log_values[0] < -FAR
        assert "rate runs to 0: it vanishes" in found.undefined
        assert np.isnan(found.covariance).all()

    def test_a_slow_rise_is_not_taken_for_a_maximum(self):
        def ever_less(at):
            fall = 1e-3 * np.exp(-at[0])  # rises towards 0 for ever, by a hair
            return -fall, np.array([fall]), np.array([[-fall]])

        found = one(ever_less, 0.0, 2.0)
        assert found.diagnostics.boundary == ("rate",)
        assert "rate runs to infinity: it has no bound" in found.undefined

    def test_a_ridge_is_named(self):
        def ridge(at):
            both = at.sum() - 1  # only the sum is known
            return -(both**2), np.full(2, -2 * both), np.full((2, 2), -2.0)

        found = maximise(ridge, [np.array([0.3, 0.1])], names=("x", "y"), edges=EDGES)
        assert found.undefined == "the data do not tell x and y apart: along a ridge they are all as likely"
        assert found.diagnostics.ridge
        assert found.diagnostics.condition_number == np.inf
        assert np.isnan(found.covariance).all()

    def test_a_climb_cut_short_carries_what_it_reached(self):
        with pytest.raises(ConvergenceError, match="Raise max_iterations") as caught:
            one(Exponential(25, 400.0), 5.0, max_iterations=2)
        assert not caught.value.result.diagnostics.converged
        assert caught.value.result.log_values[0] < 5
        assert pickle.loads(pickle.dumps(caught.value)).result == caught.value.result

    def test_nothing_is_warned_of(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            one(Exponential(0, 50.0))


class TestDifferences:
    def test_of_a_vector(self):
        found = central_differences(lambda at: np.array([at[0] ** 2 * at[1], np.exp(at[1])]), np.array([3.0, 0.5]))
        assert found == pytest.approx(np.array([[3.0, 9.0], [0.0, np.exp(0.5)]]), rel=1e-7, abs=1e-9)


@pytest.fixture
def parameters():
    return Parameters(
        names=("r", "alpha"), values=[0.5, 8.0], log_covariance=[[0.04, 0.01], [0.01, 0.09]], loglik=-100.0, n=50
    )


class TestParameters:
    def test_natural_scale_by_the_delta_method(self, parameters):
        # Var(v) = v^2 Var(log v), Cov(v, w) = v w Cov(log v, log w).
        assert parameters.standard_errors == pytest.approx({"r": 0.5 * 0.2, "alpha": 8 * 0.3})
        assert parameters.covariance == pytest.approx(np.array([[0.01, 0.04], [0.04, 5.76]]))

    def test_intervals_are_positive_and_contain_the_value(self, parameters):
        limits = parameters.confidence_interval(0.95)
        # exp(log 8 +- 1.959964 * 0.3)
        assert (limits["alpha"].low, limits["alpha"].high) == pytest.approx((4.4435444, 14.4029167))
        assert limits["r"].low > 0

    def test_criteria(self, parameters):
        assert parameters.aic == pytest.approx(204)
        assert parameters.bic == pytest.approx(2 * np.log(50) + 200)

    def test_given_ones_have_no_errors(self):
        given = Parameters.given({"alpha": 4, "r": 0.5}, ("r", "alpha"))
        assert given.by_name == {"r": 0.5, "alpha": 4.0}
        assert np.isnan(list(given.standard_errors.values())).all()
        assert np.isnan(given.confidence_interval()["r"].low)
        assert given.confidence_interval()["r"].method.startswith("undefined: the parameters were given")
        assert np.isnan([given.loglik, given.aic, given.bic]).all()
        assert given == Parameters.given({"r": 0.5, "alpha": 4.0}, ("r", "alpha"))

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"r": 1}, "params lacks alpha"),
            ({"r": 1, "alfa": 2}, r"'alfa' is no parameter of this model, which has r, alpha. Did you mean 'alpha'"),
            ({"r": 0, "alpha": 2}, "parameter r must be positive, not 0"),
            ({"r": -1, "alpha": 2}, "parameter r must be positive, not -1"),
            ({"r": np.nan, "alpha": 2}, "parameter r must be one finite number"),
            ({"r": "a lot", "alpha": 2}, "parameter r holds text"),
            ({"r": True, "alpha": 2}, "parameter r holds booleans"),
        ],
    )
    def test_bad_ones_are_refused(self, params, message):
        with pytest.raises(InvalidDataError, match=message):
            Parameters.given(params, ("r", "alpha"))

    def test_they_travel_and_cannot_be_changed(self, parameters):
        for again in (pickle.loads(pickle.dumps(parameters)), copy.deepcopy(parameters)):
            assert again == parameters
            with pytest.raises(ValueError, match="read-only"):
                again.values[0] = 1.0
        with pytest.raises(AttributeError):
            parameters.n = 3


class TestDeltaEstimate:
    def test_a_sum_carries_the_covariance(self, parameters):
        def per_cell(log_values):
            r, alpha = np.exp(log_values)
            return r / (alpha + np.array([1.0, 2.0, 5.0]))

        gradient = central_differences(per_cell, parameters.log_values)
        cells = delta_estimate(
            per_cell(parameters.log_values), gradient, parameters, band=LogNormal(), name="rate", unit="purchases",
            definition="A rate.",
        )  # fmt: skip
        total = central_differences(lambda at: per_cell(at).sum(), parameters.log_values)
        assert cells.sum().standard_error == pytest.approx(np.sqrt(total @ parameters.log_covariance @ total))
        assert cells.sum().standard_error > np.sqrt(np.sum(cells.standard_error**2))
        assert cells.n.tolist() == [50, 50, 50]

    def test_without_errors_of_parameters_the_reason_is_kept(self):
        given = Parameters.given({"r": 0.5, "alpha": 4}, ("r", "alpha"))
        cells = delta_estimate(
            np.array([1.0, 2.0]), np.ones((2, 2)), given, band=LogNormal(), name="rate", unit="purchases",
            definition="A rate.",
        )  # fmt: skip
        for estimate in (cells, cells.sum(), cells.mean()):
            limits = estimate.confidence_interval()
            assert np.isnan(limits.low).all()
            assert "were given, not estimated" in limits.method
        assert cells.sum().value == 3
