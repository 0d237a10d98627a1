"""Gamma-gamma: the published numbers, refusals that name the reason, and coverage."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats
from tests.ltv.worlds import spenders

import clm
from clm.ltv._gamma_gamma_likelihood import GammaGammaLikelihood
from clm.stats import central_differences


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), amount="amount", unit="week", through="1997-09-30")


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.GammaGamma().fit(rfm)


@pytest.fixture(scope="module")
def published():
    return clm.GammaGamma().with_params({"p": 6.25, "q": 3.74, "v": 15.44})


def spending(frequency, monetary, weights=None):
    x = np.asarray(frequency, float)
    return clm.RFM.from_arrays(x, np.where(x > 0, 5.0, 0.0), np.full(x.size, 9.0), monetary, weights=weights)


class TestInputs:
    def test_an_order_log_is_no_history(self):
        with pytest.raises(clm.InvalidDataError, match=r"rfm must be purchase histories, not dict"):
            clm.GammaGamma().fit(clm.datasets.cdnow())

    def test_no_amounts(self, fit):
        without = clm.RFM.from_arrays([2, 1], [3, 2], [5, 5])
        for ask in (clm.GammaGamma().fit, fit.expected_order_value):
            with pytest.raises(clm.InvalidDataError, match=r"rfm holds no amounts.*amount="):
                ask(without)

    @pytest.mark.parametrize("frequency", [[2], [2, 1, 0], [0, 0, 0], []])
    def test_too_few_repeat_buyers(self, frequency):
        money = np.where(np.asarray(frequency) > 0, np.arange(len(frequency)) + 20.0, np.nan)
        with pytest.raises(clm.InvalidDataError, match=r"rows have a repeat order of positive value, 3 are needed"):
            clm.GammaGamma().fit(spending(frequency, money))

    def test_everybody_spends_the_same(self):
        with pytest.raises(clm.InvalidDataError, match=r"mean repeat order is worth 9.9: .* Give order_value=9.9"):
            clm.GammaGamma().fit(spending([3, 2, 1, 7, 0], [9.9, 9.9, 9.9, 9.9, np.nan]))

    def test_means_that_skipped_validation_are_refused(self):
        x, age = np.array([1.0, 2, 3, 4]), np.full(4, 9.0)
        for bad in (np.nan, -1.0, np.inf):
            money = np.array([1.0, 2.0, bad, 3.0])
            rfm = clm.RFM(frequency=x, recency=age / 2, T=age, monetary=money)
            with pytest.raises(clm.InvalidDataError, match=r"repeat buyer in 1 of 4 rows, first at row 2"):
                clm.GammaGamma().fit(rfm)

    def test_customers_whose_orders_were_all_free_are_left_out_and_counted(self, rfm, fit):
        free = clm.RFM.from_arrays(
            np.append(rfm.frequency, [2, 1]), np.append(rfm.recency, [3, 3]), np.append(rfm.T, [9, 9]),
            np.append(rfm.monetary, [0.0, 0.0]),
        )  # fmt: skip
        other = clm.GammaGamma().fit(free)
        assert other.dropped == {"mean repeat value of 0": 2}
        assert other.params == pytest.approx(fit.params, rel=1e-12)
        assert np.isfinite(other.expected_order_value(free).value).all()

    def test_money_of_single_buyers_is_not_looked_at(self, rfm, fit):
        zero = np.where(rfm.frequency > 0, rfm.monetary, 0.0)  # as other software writes it
        other = clm.RFM.from_arrays(rfm.frequency, rfm.recency, rfm.T, zero)
        assert clm.GammaGamma().fit(other).params == fit.params
        assert np.array_equal(fit.expected_order_value(other).value, fit.expected_order_value(rfm).value)

    @pytest.mark.parametrize(
        ("params", "message"),
        [({"p": 1, "q": 2}, "params lacks v"), ({"p": 1, "q": 2, "v": 0}, "parameter v must be positive")],
    )
    def test_given_parameters_are_checked(self, params, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.GammaGamma().with_params(params)


class TestPublishedNumbers:
    def test_cdnow(self, fit):
        # Fader, Hardie and Lee (2005, JMR), p. 423: 6.25, 3.74, 15.44. Further digits and the log-likelihood as
        # CLVTools 0.12.1 gives them for exact amounts; standard errors as lifetimes 0.11.3 does for rounded ones.
        assert fit.params == pytest.approx({"p": 6.250, "q": 3.744, "v": 15.444}, abs=1e-3)
        assert fit.loglik == pytest.approx(-4055.9177, abs=1e-4)
        assert fit.standard_errors == pytest.approx({"p": 1.189974, "q": 0.290136, "v": 4.159534}, rel=2e-4)
        assert fit.n == 946
        assert float(fit.correlation) == pytest.approx(0.1139, abs=5e-5)
        assert "6.25" in fit.summary()

    def test_expected_values_of_the_first_customers(self, published, rfm):
        # The table in Fader and Hardie (2013), brucehardie.com/notes/025, as lifetimes 0.11.3 tests it.
        expected = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
        fitted = clm.GammaGamma().fit(rfm)
        assert fitted.expected_order_value(rfm).value[:10] == pytest.approx(expected, abs=6e-3)

    def test_by_hand(self, published):
        # p (v + x z) / (p x + q - 1): 6.25 (15.44 + 44.70) / 15.24, 6.25 (15.44 + 11.77) / 8.99, 6.25 x 15.44 / 2.74
        found = published.expected_order_value(spending([2, 1, 0], [22.35, 11.77, np.nan]))
        assert found.value == pytest.approx([24.6637139, 18.9168521, 35.2189781], rel=1e-8)
        assert float(published.expected_order_value()) == pytest.approx(35.2189781, rel=1e-8)


class TestConsistency:
    @given(
        hnp.arrays(float, 6, elements=st.integers(1, 40).map(float)),
        hnp.arrays(float, 6, elements=st.floats(0.01, 100)),
        st.tuples(st.floats(0.1, 30), st.floats(0.1, 30), st.floats(0.05, 30)),
    )
    def test_gradient_and_hessian(self, x, z, params):
        likelihood = GammaGammaLikelihood.of(x, z, np.arange(1.0, 7.0))
        at = np.log(params)
        value, gradient, hessian = likelihood(at)
        size = 1 + np.abs(hessian).max() + abs(value)
        numeric = central_differences(lambda at: np.asarray(likelihood(at)[0]), at, step=1e-5)
        assert gradient == pytest.approx(numeric, abs=1e-8 * size)
        assert hessian == pytest.approx(central_differences(lambda at: likelihood(at)[1], at), abs=1e-7 * size)

    @pytest.mark.parametrize("x", [1.0, 4.0])
    def test_it_is_a_density(self, x):
        at = np.log([2.0, 3.0, 5.0])

        def density(z):
            return np.exp(GammaGammaLikelihood.of(np.array([x]), np.array([z]), np.ones(1))(at)[0])

        assert integrate.quad(density, 0, 20)[0] + integrate.quad(density, 20, np.inf)[0] == pytest.approx(1, rel=1e-6)

    def test_cents_and_dollars_agree(self, fit, rfm):
        cents = clm.RFM.from_arrays(rfm.frequency, rfm.recency, rfm.T, rfm.monetary * 100)
        other = clm.GammaGamma().fit(cents)
        assert other.params == pytest.approx(fit.params | {"v": fit.params["v"] * 100}, rel=1e-6)
        assert other.loglik == pytest.approx(fit.loglik - 946 * np.log(100), rel=1e-10)

    def test_weights_equal_repeats_and_rows_have_no_order(self):
        rng = np.random.default_rng(3)
        rfm, _ = spenders(300, (4.0, 5.0, 60.0), rng)
        weights = rng.integers(1, 4, 300)
        repeated = rng.permutation(np.repeat(np.arange(300), weights))
        weighted = clm.GammaGamma().fit(spending(rfm.frequency, rfm.monetary, weights))
        plain = clm.GammaGamma().fit(spending(rfm.frequency[repeated], rfm.monetary[repeated]))
        assert weighted.params == pytest.approx(plain.params, rel=1e-7)
        assert weighted.standard_errors == pytest.approx(plain.standard_errors, rel=1e-6)
        assert weighted.n == plain.n == weights.sum()
        assert float(weighted.correlation) == pytest.approx(float(plain.correlation), rel=1e-9)
        assert weighted.correlation_p_value == pytest.approx(plain.correlation_p_value, rel=1e-9)

    def test_errors_of_order_values(self, fit, rfm):
        def values(at):
            params = dict(zip("pqv", np.exp(at), strict=True))
            return clm.GammaGamma().with_params(params).expected_order_value(rfm).value

        gradient = central_differences(values, fit.parameters.log_values)
        covariance = fit.parameters.log_covariance
        found = fit.expected_order_value(rfm)
        errors = np.sqrt(np.einsum("ij,jk,ik->i", gradient, covariance, gradient))
        assert found.standard_error == pytest.approx(errors, rel=1e-6)
        slope = gradient.sum(axis=0)
        assert found.sum().standard_error == pytest.approx(np.sqrt(slope @ covariance @ slope), rel=1e-6)

    def test_many_orders_speak_for_themselves(self, fit):
        found = fit.expected_order_value(spending([0, 1, 10, 10_000], [np.nan, 100.0, 100.0, 100.0])).value
        assert found[0] < found[1] < found[2] < found[3]
        assert found[0] == float(fit.expected_order_value())
        assert found[3] == pytest.approx(100, rel=1e-3)

    def test_a_tail_without_a_mean_is_undefined(self):
        heavy = clm.GammaGamma().with_params({"p": 0.5, "q": 0.9, "v": 15})
        found = heavy.expected_order_value(spending([0, 1, 4], [np.nan, 10, 10]))
        assert np.isnan(found.value[0])
        assert "q = 0.9" in found.undefined[0]
        assert found.value[1:] == pytest.approx([0.5 * 25 / 0.4, 0.5 * 55 / 1.9])
        assert "q = 0.9" in heavy.expected_order_value().undefined

    def test_correlation_is_tested(self):
        rng = np.random.default_rng(8)
        rfm, _ = spenders(800, (4.0, 5.0, 60.0), rng)
        independent = clm.GammaGamma().fit(rfm)
        reference = stats.pearsonr(rfm.frequency, rfm.monetary)
        assert float(independent.correlation) == pytest.approx(reference.statistic)
        assert independent.correlation_p_value == pytest.approx(reference.pvalue, abs=0.01)
        assert not any("correlate" in caveat for caveat in independent.caveats)
        together = clm.GammaGamma().fit(spending(rfm.frequency, rfm.monetary * rfm.frequency))
        assert together.correlation_p_value < 1e-6
        assert any("correlate" in caveat and "too low" in caveat for caveat in together.caveats)

    def test_all_equally_often(self):
        rfm, _ = spenders(200, (4.0, 5.0, 60.0), np.random.default_rng(9), orders=(2, 3))
        fit = clm.GammaGamma().fit(rfm)
        assert "equally often" in fit.correlation.undefined
        assert np.isnan(fit.correlation_p_value)

    def test_given_parameters_have_no_intervals_and_say_so(self, published, rfm):
        found = published.expected_order_value(rfm)
        assert np.isnan(found.confidence_interval().low).all()
        assert "were given" in found.mean().confidence_interval().method
        assert published.correlation is None
        assert np.isnan(published.loglik)

    def test_they_travel_whole(self, fit, published):
        for made in (fit, published, clm.GammaGamma(tol=1e-9)):
            assert pickle.loads(pickle.dumps(made)) == made
            assert copy.deepcopy(made) == made
        assert fit != published


class TestRecovery:
    def test_customers_who_do_not_differ(self):
        # Orders of one gamma distribution for all: in most samples q and v run to infinity.
        rng = np.random.default_rng(0)
        x = rng.integers(1, 9, 500)
        with pytest.warns(clm.IdentifiabilityWarning, match="do not differ in their mean order value") as seen:
            fit = clm.GammaGamma().fit(spending(x, rng.gamma(5 * x, 1 / x)))
        assert seen[0].filename == __file__
        assert float(fit.expected_order_value()) == pytest.approx(5, rel=0.02)
        assert np.isnan(fit.expected_order_value().standard_error)

    def test_the_parameters_come_back(self):
        params = (4.0, 5.0, 60.0)
        rfm, means = spenders(25_000, params, np.random.default_rng(5))  # enough for a trial on a subsample
        fit = clm.GammaGamma().fit(rfm)
        assert fit.diagnostics.trial_evaluations > fit.diagnostics.evaluations
        for name, truth in zip("pqv", params, strict=True):
            assert abs(np.log(fit.params[name] / truth)) < 4 * fit.standard_errors[name] / fit.params[name]
        expected = fit.expected_order_value(rfm).value
        high = expected > np.quantile(expected, 0.9)
        assert means[high].mean() == pytest.approx(expected[high].mean(), rel=0.02)

    def test_tails_without_a_mean_are_fitted_and_said(self):
        params = (5.0, 0.6, 20.0)
        rfm, _ = spenders(3000, params, np.random.default_rng(10))
        fit = clm.GammaGamma().fit(rfm)
        for name, truth in zip("pqv", params, strict=True):
            assert abs(np.log(fit.params[name] / truth)) < 4 * fit.standard_errors[name] / fit.params[name]
        assert any("q is 1 or less" in caveat for caveat in fit.caveats)
        assert "have no mean" in fit.expected_order_value().undefined
        assert np.isfinite(fit.expected_order_value(rfm).value).all()

    def test_intervals_hold_what_they_state(self):
        # 200 samples of 400: at a true coverage of 95 percent the share has a standard error of 1.5 percent.
        params = (4.0, 5.0, 60.0)
        held = {"p": [], "q": [], "v": [], "mean": []}
        for replication in range(200):
            rfm, _ = spenders(400, params, np.random.default_rng([6, replication]))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", clm.IdentifiabilityWarning)
                fit = clm.GammaGamma().fit(rfm)
            if fit.parameters.undefined is not None:
                continue
            for (name, limits), truth in zip(fit.confidence_interval().items(), params, strict=True):
                held[name].append(limits.low <= truth <= limits.high)
            low, high = fit.expected_order_value().confidence_interval()
            held["mean"].append(low <= 4.0 * 60.0 / 4.0 <= high)
        assert len(held["p"]) >= 195  # in the others p runs to infinity
        assert all(0.9 <= np.mean(hits) <= 1 for hits in held.values()), held
