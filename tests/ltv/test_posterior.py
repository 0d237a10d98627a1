"""Posteriors of the purchase models: draws that agree whoever drew them, and predictions from them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import special, stats
from tests.ltv.worlds import buyers

import clm
from clm.ltv._coordinates import TwoGammas
from clm.ltv._hamiltonian import effective_sizes, hamiltonian_chains, split_r_hat
from clm.ltv._importance import importance_sample, smoothed
from clm.ltv._priors import of_chances, of_rates
from clm.stats import Draws, central_differences

MODELS = [clm.NBD, clm.BGNBD, clm.MBGNBD, clm.ParetoNBD]
YEARLY = clm.Discount(0.10, per="year")
FEW = clm.RFM.from_arrays([1, 1, 2, 0, 1], [3, 4, 5, 0, 2], [9, 9, 9, 9, 9], unit="week")


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), amount="amount", unit="week", through="1997-09-30")


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: model.__name__)
def case(request, rfm):
    return request.param, request.param().fit_posterior(rfm, draws=1500, rng=3), request.param().fit(rfm)


@pytest.fixture(scope="module")
def some(rfm):
    rows = slice(0, 2357, 8)
    return clm.RFM.from_arrays(rfm.frequency[rows], rfm.recency[rows], rfm.T[rows], unit="week")


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.BGNBD().fit_posterior(rfm, draws=1500, rng=3)


class TestInputs:
    @pytest.mark.parametrize("model", [*MODELS, clm.BGBB])
    def test_what_a_fit_refuses_is_refused(self, model):
        nobody = clm.RFM.from_arrays([], [], [], unit="week")
        with pytest.raises(clm.InvalidDataError, match="no customers"):
            model().fit_posterior(nobody)
        with pytest.raises(clm.InvalidDataError, match="bought again"):
            model().fit_posterior(clm.RFM.from_arrays([0, 0], [0, 0], [8, 9], unit="week"))
        with pytest.raises(clm.InvalidDataError, match="purchase histories, not dict"):
            model().fit_posterior({"frequency": [1]})

    @pytest.mark.parametrize("draws", [0, 99, -1, 1000.5, "many", None, np.nan])
    def test_too_few_draws(self, rfm, draws):
        with pytest.raises(clm.InvalidDataError, match="draws"):
            clm.NBD().fit_posterior(rfm, draws=draws)

    def test_an_unknown_sampler_is_named_with_the_nearest(self, rfm):
        with pytest.raises(
            clm.InvalidDataError, match=r"is not one of auto, importance, hmc, laplace\. Did you mean 'hmc'"
        ):
            clm.NBD().fit_posterior(rfm, sampler="hmcs")

    @pytest.mark.parametrize("rng", [-1, "seed", None, 1.5])
    def test_no_source_of_chance(self, rfm, rng):
        with pytest.raises(clm.InvalidDataError, match="rng must be"):
            clm.NBD().fit_posterior(rfm, rng=rng)

    def test_another_unit_is_refused(self, fit):
        days = clm.RFM.from_arrays([1], [3], [9], unit="day")
        with pytest.raises(clm.InvalidDataError, match="counts time in weeks, rfm in days"):
            fit.expected_purchases(days, horizon=3)

    @pytest.mark.parametrize("level", [0, 1, 95])
    def test_levels_lie_inside_0_and_1(self, fit, level):
        with pytest.raises(clm.InvalidDataError, match="level"):
            fit.confidence_interval(level)

    def test_nothing_can_be_changed(self, fit, rfm):
        with pytest.raises(AttributeError):
            fit.method = "guess"
        for array in (fit.log_draws, fit.draws["r"], fit.expected_purchases(rfm, horizon=3).value):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1.0

    def test_without_arviz_the_extra_is_named(self, fit, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "arviz", None)
        with pytest.raises(clm.MissingExtraError, match=r"clm\[arviz\]"):
            fit.to_arviz()


class TestPublishedNumbers:
    def test_cdnow(self, rfm):
        # Random-walk Metropolis, written apart from the samplers here: BG/NBD 149,000 steps (Monte Carlo error .0025 at
        # most), Pareto/NBD 59,000 (.015). Means and standard deviations of the logs.
        for model, means, deviations in (
            (clm.BGNBD, [-1.4137, 1.4890, -0.2150, 0.9133], [0.0516, 0.0853, 0.2377, 0.2943]),
            (clm.ParetoNBD, [-0.6016, 2.3548, -0.3587, 2.6536], [0.0865, 0.0800, 0.4085, 0.6319]),
        ):
            fit = model().fit_posterior(rfm, rng=1)
            assert fit.method == "importance sampling"
            assert min(fit.ess.values()) > 1000
            assert fit.k_hat < 0.7
            error = np.array(deviations) / np.sqrt(fit.effective_size)
            assert (np.abs(fit.log_draws.mean(axis=0) - means) < 4 * error).all()
            assert fit.log_draws.std(axis=0) == pytest.approx(deviations, rel=0.12)


class TestConsistency:
    def test_samplers_agree(self, rfm):
        for model in (clm.NBD, clm.BGNBD):
            one = model().fit_posterior(rfm, rng=1)
            other = model().fit_posterior(rfm, draws=1000, rng=2, sampler="hmc")
            assert other.method == "Hamiltonian Monte Carlo"
            assert other.chains == 4
            assert (other.r_hat < 1.03).all()
            assert min(other.ess.values()) > 400
            deviation = one.log_draws.std(axis=0)
            error = deviation * np.sqrt(1 / one.effective_size + 1 / other.effective_size)
            away = one.log_draws.mean(axis=0) - other.log_draws.mean(axis=0)
            assert (np.abs(away) < 4 * error).all()  # four standard errors
            # The relative error of a standard deviation is about one over the root of twice the draws.
            assert other.log_draws.std(axis=0) == pytest.approx(deviation, rel=4 / np.sqrt(2 * 400))

    @pytest.mark.slow
    def test_samplers_agree_on_pareto_nbd(self, rfm):
        one = clm.ParetoNBD().fit_posterior(rfm, draws=8000, rng=1)
        other = clm.ParetoNBD().fit_posterior(rfm, draws=4000, rng=2, sampler="hmc")
        error = one.log_draws.std(axis=0) * np.sqrt(1 / one.effective_size + 1 / other.effective_size)
        assert (np.abs(one.log_draws.mean(axis=0) - other.log_draws.mean(axis=0)) < 4 * error).all()

    def test_by_quadrature(self):
        # NBD with two parameters: the posterior on a grid, from scipy's negative binomial. Equal ages make it that.
        x, age = np.array([0, 1, 2, 3, 5, 8, 1, 0, 0, 2]), 10.0
        rfm = clm.RFM.from_arrays(x, np.where(x > 0, 5.0, 0.0), np.full(10, age), unit="week")
        log_r, log_alpha = np.meshgrid(np.linspace(-5, 6, 441), np.linspace(-4, 10, 561), indexing="ij")
        r, alpha = np.exp(log_r), np.exp(log_alpha)
        logs = sum(stats.nbinom.logpmf(count, r, alpha / (alpha + age)) for count in x)
        logs = logs + stats.norm.logpdf(log_r, 0, 1.5) + stats.norm.logpdf(log_r + np.log(age) - log_alpha, 0, 2)
        weights = np.exp(logs - special.logsumexp(logs))
        for sampler in ("importance", "hmc"):
            fit = clm.NBD().fit_posterior(rfm, draws=4000, rng=5, sampler=sampler)
            for i, grid in enumerate((log_r, log_alpha)):
                mean = (weights * grid).sum()
                deviation = np.sqrt((weights * (grid - mean) ** 2).sum())
                error = deviation / np.sqrt(fit.effective_size[i])
                assert fit.log_draws[:, i].mean() == pytest.approx(mean, abs=4 * error)
                assert fit.log_draws[:, i].std() == pytest.approx(deviation, rel=0.15)

    def test_it_is_near_the_likelihood_where_data_are_many(self, case, some):
        _, fit, likely = case
        for name, error in likely.standard_errors.items():
            median = np.median(fit.draws[name])
            assert abs(median - likely.params[name]) < 0.7 * error
        total, by_likelihood = (each.expected_purchases(some, horizon=39).sum() for each in (fit, likely))
        assert total.value == pytest.approx(by_likelihood.value, rel=0.03)
        assert total.standard_error == pytest.approx(by_likelihood.standard_error, rel=0.35)

    def test_another_unit_of_time_changes_nothing_but_the_unit(self, rfm):
        days = clm.RFM.from_arrays(rfm.frequency, rfm.recency * 7, rfm.T * 7, unit="day")
        one, other = (clm.ParetoNBD().fit_posterior(data, draws=500, rng=1) for data in (rfm, days))
        assert other.log_draws - one.log_draws == pytest.approx(np.tile(np.log([1, 7, 1, 7]), (500, 1)), abs=1e-6)

    def test_weights_equal_repeats(self):
        twice = clm.RFM.from_arrays(*(np.repeat(column, 2) for column in (FEW.frequency, FEW.recency, FEW.T)))
        weighted = clm.RFM.from_arrays(FEW.frequency, FEW.recency, FEW.T, weights=[2] * 5)
        one, other = (clm.BGNBD().fit_posterior(data, draws=200, rng=1) for data in (twice, weighted))
        assert np.array_equal(one.log_draws, other.log_draws)

    def test_the_same_seed_gives_the_same_bytes(self, rfm):
        one, other = (clm.BGNBD().fit_posterior(rfm, draws=300, rng=7) for _ in range(2))
        assert one == other
        assert one != clm.BGNBD().fit_posterior(rfm, draws=300, rng=8)
        assert one.prediction_interval(FEW, horizon=9, rng=1) == other.prediction_interval(FEW, horizon=9, rng=1)

    def test_no_call_touches_numpys_own_chance(self, rfm):
        before = np.random.get_state()[1].copy()  # noqa: NPY002  # the state that must not change
        clm.NBD().fit_posterior(rfm, draws=100)
        assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002  # as above

    def test_estimates_are_means_and_quantiles_of_what_each_draw_gives(self, fit, rfm):
        few = clm.RFM.from_arrays(rfm.frequency[:5], rfm.recency[:5], rfm.T[:5], unit="week")
        estimate = fit.expected_purchases(few, horizon=39)
        assert isinstance(estimate.band, Draws)
        used = fit.log_draws[np.linspace(0, 1499, 500).astype(int)]
        names = fit.centre.params
        by_hand = np.array(
            [
                clm.BGNBD()
                .with_params(dict(zip(names, np.exp(draw), strict=True)), unit="week")
                .expected_purchases(few, horizon=39)
                .value
                for draw in used
            ]
        )
        assert estimate.value == pytest.approx(by_hand.mean(axis=0), rel=1e-12)
        low, high = estimate.confidence_interval(0.9)
        assert low == pytest.approx(np.quantile(by_hand, 0.05, axis=0), rel=1e-12)
        assert high == pytest.approx(np.quantile(by_hand, 0.95, axis=0), rel=1e-12)
        assert estimate.standard_error == pytest.approx(by_hand.std(axis=0), rel=1e-9)
        total = estimate.sum()
        assert total.standard_error == pytest.approx(by_hand.sum(axis=1).std(), rel=1e-9)
        assert total.confidence_interval(0.9).low == pytest.approx(np.quantile(by_hand.sum(axis=1), 0.05), rel=1e-12)
        groups = estimate.mean(by=["a", "a", "b", "b", "b"])
        assert groups.standard_error[0] == pytest.approx(by_hand[:, :2].mean(axis=1).std(), rel=1e-9)

    def test_a_single_customer_and_a_row_of_horizons(self, case):
        _, fit, likely = case
        ahead = np.array([0.0, 1.0, 52.0])
        estimate = fit.expected_purchases(horizon=ahead)
        assert estimate.value[0] == 0
        assert estimate.value == pytest.approx(likely.expected_purchases(horizon=ahead).value, rel=0.1)
        assert fit.expected_purchases(horizon=52).value == estimate.value[2]
        assert fit.expected_purchases(horizon=np.array([])).value.shape == (0,)
        once = fit.purchase_probability(1, horizon=4)
        assert once.value == pytest.approx(likely.purchase_probability(1, horizon=4).value, rel=0.1)

    def test_predictions_stay_inside_their_range(self, case, rfm):
        _, fit, likely = case
        few = clm.RFM.from_arrays(rfm.frequency[:12], rfm.recency[:12], rfm.T[:12], unit="week")
        for estimate, other in (
            (fit.probability_alive(few), likely.probability_alive(few)),
            (fit.purchase_probability(0, few, horizon=39), likely.purchase_probability(0, few, horizon=39)),
            (fit.residual_purchases(few, discount=YEARLY), likely.residual_purchases(few, discount=YEARLY)),
        ):
            low, high = estimate.confidence_interval(0.95)
            assert (low >= 0).all()
            assert (low <= estimate.value).all()
            assert (estimate.value <= high).all()
            if estimate.unit == "fraction":
                assert (high <= 1).all()
            # A customer's posterior mean lies within a few standard errors of the likelihood's value.
            assert (np.abs(estimate.value - other.value) <= 2.5 * np.fmax(other.standard_error, 0.02)).all()
            assert estimate.definition == other.definition

    def test_undiscounted_without_end_is_undefined_with_the_reason(self, fit):
        dert = fit.residual_purchases(FEW, discount=clm.Discount(0, per="year"))
        assert np.isnan(dert.value).all()
        assert "some of the draws" in dert.undefined[0]
        assert np.isnan(dert.confidence_interval(0.9).low).all()

    def test_lifetime_value_carries_the_covariance(self, fit, rfm, some):
        likely = clm.BGNBD().fit(rfm)
        posterior, by_delta = (
            clm.lifetime_value(each, some, order_value=30.0, horizon=39).sum() for each in (fit, likely)
        )
        assert posterior.standard_error == pytest.approx(by_delta.standard_error, rel=0.2)
        assert posterior.value == pytest.approx(30 * fit.expected_purchases(some, horizon=39).sum().value, rel=1e-9)

    def test_realised_counts(self, case, some):
        _, fit, likely = case
        ends, other = (each.prediction_interval(some, horizon=39, rng=2) for each in (fit, likely))
        assert (ends.low <= ends.high).all()
        assert np.abs(ends.high - other.high).mean() < 0.6  # simulated quantiles of counts, off by one now and then
        assert ends.total.low == pytest.approx(other.total.low, rel=0.08)
        assert ends.total.high == pytest.approx(other.total.high, rel=0.08)

    def test_simulated_logs(self, fit, rfm):
        log = fit.simulate(50, horizon=20, rng=1)
        assert len(np.unique(log["customer_id"])) == 50
        assert np.array_equal(fit.simulate(50, horizon=20, rng=1)["at"], log["at"])
        onwards = fit.simulate(rfm, horizon=39, rng=1)
        assert len(onwards["at"]) == pytest.approx(1650, rel=0.35)

    def test_pointwise_is_the_mean_likelihood(self, fit, rfm):
        logs = fit.pointwise_loglik(rfm)
        assert logs.shape == (len(rfm),)
        assert logs.sum() == pytest.approx(clm.BGNBD().fit(rfm).loglik, abs=5)

    def test_it_travels_whole(self, fit):
        for read in (pickle.loads(pickle.dumps(fit)), clm.from_json(clm.to_json(fit))):
            assert read == fit
            assert read.expected_purchases(FEW, horizon=9) == fit.expected_purchases(FEW, horizon=9)
        estimate = fit.expected_purchases(FEW, horizon=9)
        assert clm.from_json(clm.to_json(estimate)) == estimate
        assert clm.from_json(clm.to_json(estimate)).sum() == estimate.sum()

    def test_it_says_what_it_is(self, fit):
        assert repr(fit).startswith("<PosteriorFit: BG/NBD, r 0.24")
        assert "1,500 draws by importance sampling, k-hat" in fit.summary()
        assert fit.caveats[0].startswith("a customer without a repeat purchase")
        assert fit.n == 2357
        assert fit.covariance.shape == (4, 4)

    def test_where_the_likelihood_has_no_maximum(self):
        for model in MODELS:
            fit = model().fit_posterior(FEW, draws=500, rng=1)
            assert all(np.isfinite(value) for value in fit.params.values())
            low, high = fit.expected_purchases(FEW, horizon=5).confidence_interval(0.9)
            assert (low >= 0).all()
            assert (low < high).all()

    def test_many_histories_make_it_normal(self):
        rng = np.random.default_rng(1)
        rfm, _, _ = buyers(60_000, (0.6, 6.0, 0.8, 2.5), rng)
        fit = clm.BGNBD().fit_posterior(rfm, draws=1000, rng=1)
        assert fit.method == "Laplace"
        assert fit.efficiency > 0.9
        likely = clm.BGNBD().fit(rfm)
        for name, error in likely.standard_errors.items():
            assert abs(fit.params[name] - likely.params[name]) < 0.3 * error
            assert fit.standard_errors[name] == pytest.approx(error, rel=0.15)
        total, other = (each.expected_purchases(rfm, horizon=39).sum() for each in (fit, likely))
        assert total.value == pytest.approx(other.value, rel=0.005)
        assert total.standard_error == pytest.approx(other.standard_error, rel=0.05)

    def test_a_poor_normal_approximation_says_so(self):
        fit = clm.ParetoNBD().fit_posterior(FEW, draws=300, rng=1, sampler="laplace")
        assert fit.method == "Laplace"
        assert any("not normal" in caveat for caveat in fit.caveats)

    @pytest.mark.filterwarnings("ignore::FutureWarning")  # ArviZ announces its next version when it is imported
    def test_arviz(self, rfm):
        arviz = pytest.importorskip("arviz")
        fit = clm.NBD().fit_posterior(rfm, draws=400, rng=1, sampler="hmc")
        exported = fit.to_arviz()
        assert exported["posterior"]["r"].shape == (4, 100)
        assert float(exported["posterior"]["alpha"].mean()) == pytest.approx(fit.params["alpha"])
        assert arviz is not None


class TestPieces:
    @pytest.mark.parametrize("prior", [of_rates, of_chances])
    @pytest.mark.parametrize("at", [(0.3, -1.2), (-4.0, 2.0), (3.0, 3.0)])
    def test_priors_have_their_derivatives(self, prior, at):
        point = np.array(at)
        _, gradient, hessian = prior(*point)
        assert gradient == pytest.approx(central_differences(lambda p: np.asarray(prior(*p)[0]), point), abs=1e-6)
        assert hessian == pytest.approx(central_differences(lambda p: prior(*p)[1], point), abs=1e-6)

    def test_priors_are_the_normal_distributions_that_are_stated(self):
        log_r, log_alpha = 0.4, -0.7
        stated = stats.norm.logpdf(log_r, 0, 1.5) + stats.norm.logpdf(log_r - log_alpha, 0, 2)
        zero = stats.norm.logpdf(0, 0, 1.5) + stats.norm.logpdf(0, 0, 2)
        assert of_rates(log_r, log_alpha)[0] == pytest.approx(stated - zero, rel=1e-12)
        a, b = 0.6, 1.9
        stated = stats.norm.logpdf(special.logit(a / (a + b)), -1, 1.5) + stats.norm.logpdf(np.log(a + b), 1, 1.5)
        zero = 2 * stats.norm.logpdf(0, 0, 1.5)
        assert of_chances(np.log(a), np.log(b))[0] == pytest.approx(stated - zero, rel=1e-12)

    def test_coordinates_and_their_volume(self):
        way = TwoGammas()
        point = np.array([0.2, -1.0, 0.7, 0.4])
        logs, log_volume = way.back(point)
        assert way.of(logs) == pytest.approx(point, rel=1e-12)
        slopes, of_volume = way.slopes(point)
        assert slopes == pytest.approx(central_differences(lambda p: way.back(p)[0], point), abs=1e-6)
        assert of_volume == pytest.approx(central_differences(lambda p: way.back(p)[1], point), abs=1e-6)
        assert log_volume == pytest.approx(np.linalg.slogdet(slopes)[1], rel=1e-12)
        assert way.back(np.array([0.2, -1.0, -0.1, 0.4]))[1] == -np.inf

    def test_k_hat_is_the_shape_of_the_tail(self):
        rng = np.random.default_rng(1)
        for shape in (0.2, 0.5, 0.9):
            ratios = stats.genpareto.rvs(shape, size=20_000, random_state=rng)
            weights, k_hat = smoothed(np.log(ratios))
            assert k_hat == pytest.approx(shape, abs=0.15)
            assert weights.sum() == pytest.approx(1)
            assert (weights >= 0).all()

    def test_weights_that_cannot_be(self):
        weights, k_hat = smoothed(np.full(100, -np.inf))
        assert k_hat == np.inf
        assert weights.sum() == pytest.approx(1)
        lone = np.full(1000, -np.inf)
        lone[3] = 0.0
        assert smoothed(lone)[1] == np.inf

    def test_both_samplers_find_a_known_distribution(self):
        mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.8], [0.8, 0.5]])
        precision = np.linalg.inv(covariance)

        def log_density(points):
            away = points - mean
            return -0.5 * np.einsum("...i,ij,...j->...", away, precision, away)

        rng = np.random.default_rng(4)
        weighted = importance_sample(log_density, np.zeros(2), np.eye(2) * 3, size=4000, rng=rng)
        assert weighted.k_hat < 0.5
        assert weighted.mean == pytest.approx(mean, abs=0.1)
        assert weighted.covariance == pytest.approx(covariance, abs=0.15)
        chains = hamiltonian_chains(
            lambda p: (float(log_density(p)), -precision @ (p - mean)), np.zeros(2), np.eye(2), length=600, rng=rng
        )
        assert chains.reshape(-1, 2).mean(axis=0) == pytest.approx(mean, abs=0.2)
        assert np.cov(chains.reshape(-1, 2).T) == pytest.approx(covariance, abs=0.4)
        assert (split_r_hat(chains) < 1.02).all()

    def test_diagnostics_of_chains(self):
        rng = np.random.default_rng(2)
        independent = rng.standard_normal((4, 2000, 1))
        assert effective_sizes(independent)[0] == pytest.approx(8000, rel=0.15)
        assert split_r_hat(independent)[0] == pytest.approx(1, abs=0.005)
        apart = independent + np.arange(4)[:, None, None]
        assert split_r_hat(apart)[0] > 1.3
        assert effective_sizes(apart)[0] < 100
        walk = np.empty((4, 4000, 1))
        noise = rng.standard_normal(walk.shape)
        walk[:, 0] = noise[:, 0]
        for i in range(1, 4000):
            walk[:, i] = 0.8 * walk[:, i - 1] + 0.6 * noise[:, i]
        assert effective_sizes(walk)[0] == pytest.approx(16_000 * 0.2 / 1.8, rel=0.25)  # (1 - rho) / (1 + rho)


class TestRecovery:
    def test_credible_intervals_hold_the_truth(self):
        # 40 worlds of 400 customers: about 95 of 100 intervals hold, binomially; below 33 of 40 has a chance of .0005.
        params, held = (0.6, 6.0, 0.8, 2.5), np.zeros(4)
        for seed in range(40):
            rfm, _, _ = buyers(400, params, np.random.default_rng(seed))
            fit = clm.BGNBD().fit_posterior(rfm, draws=400, rng=seed)
            ends = fit.confidence_interval(0.95)
            held += [end.low <= value <= end.high for end, value in zip(ends.values(), params, strict=True)]
        assert (held >= 33).all()
