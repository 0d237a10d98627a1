"""NBD: the published numbers, the textbook distribution, and coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.ltv.coverage import assert_found, coverage
from tests.ltv.worlds import steady_buyers

import clm
from clm.ltv._nbd_likelihood import NBDLikelihood
from clm.stats import central_differences

TRUTH = {"r": 0.9, "alpha": 8.0}


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.NBD().fit(rfm)


class TestInputs:
    def test_customers_who_do_not_differ(self):
        # Everybody buys about as often: fewer differences than chance alone would make.
        x = np.array([4, 5, 6] * 50, float)
        with pytest.warns(clm.IdentifiabilityWarning, match="all customers buy at the same rate") as seen:
            fit = clm.NBD().fit(clm.RFM.from_arrays(x, np.full(150, 20.0), np.full(150, 25.0), unit="week"))
        assert seen[0].filename == __file__
        assert np.isnan(fit.covariance).all()
        assert float(fit.expected_purchases(horizon=10)) == pytest.approx(2, rel=1e-3)


class TestPublishedNumbers:
    def test_cdnow(self, fit, rfm):
        # BTYDplus 1.2.0, nbd.EstimateParameters on the same histories; 1,882 purchases followed in fact.
        assert fit.params == pytest.approx({"r": 0.3847658753, "alpha": 12.07201373}, rel=1e-5)
        assert fit.loglik == pytest.approx(-9763.657615, abs=1e-5)
        assert fit.expected_purchases(rfm, horizon=39).sum().value == pytest.approx(2929.82, abs=0.01)

    @pytest.mark.parametrize("horizon", [0.5, 39, 5000])
    def test_the_textbook_distribution(self, horizon):
        # Ehrenberg (1959): the count of a new customer is negative binomial with r and alpha / (alpha + t).
        known = clm.NBD().with_params({"r": 0.385, "alpha": 12.072}, unit="week")
        count = stats.nbinom(0.385, 12.072 / (12.072 + horizon))
        for k in (0, 1, 7, 40):
            assert float(known.purchase_probability(k, horizon=horizon)) == pytest.approx(count.pmf(k), rel=1e-9)
        one = clm.RFM.from_arrays([0], [0], [1e-12], unit="week")
        ends = known.prediction_interval(one, horizon=horizon, level=0.9)
        assert (ends.low[0], ends.high[0]) == (count.ppf(0.05), count.ppf(0.95))


class TestConsistency:
    @settings(max_examples=60)
    @given(
        st.tuples(st.floats(0.05, 20), st.floats(0.05, 300)),
        st.lists(st.tuples(st.integers(0, 60), st.floats(0.1, 500)), min_size=1),
    )
    def test_gradient_and_hessian(self, params, rows):
        x, age = (np.array(column, float) for column in zip(*rows, strict=True))
        rfm = clm.RFM.from_arrays(x, np.where(x > 0, age / 2, 0), age, unit="week")
        likelihood = NBDLikelihood.of(rfm.cells, rfm.cells.weights, scale=1.0)
        at = np.log(params)
        value, gradient, hessian = likelihood(at)
        known = clm.NBD().with_params(dict(zip(("r", "alpha"), params, strict=True)), unit="week")
        assert value == pytest.approx(known.pointwise_loglik(rfm).sum(), rel=1e-9, abs=1e-9)
        size = 1 + np.abs(hessian).max() + abs(value)
        numeric = central_differences(lambda at: np.asarray(likelihood(at)[0]), at, step=1e-5)
        assert gradient == pytest.approx(numeric, abs=1e-8 * size)
        assert hessian == pytest.approx(central_differences(lambda at: likelihood(at)[1], at), abs=1e-7 * size)

    def test_nobody_leaves(self, fit, rfm):
        alive = fit.probability_alive(rfm)
        assert np.all(alive.value == 1)
        assert any("nobody leaves" in caveat for caveat in alive.caveats)
        undefined = fit.residual_purchases(rfm, discount=clm.Discount(0, per="year"))
        assert np.isnan(undefined.value).all()
        assert "nobody ever leaves" in undefined.undefined[0]

    def test_it_fits_worse_than_models_with_leaving(self, fit, rfm):
        # They contain it: their likelihood cannot be lower.
        for other in (clm.BGNBD(), clm.MBGNBD(), clm.ParetoNBD()):
            assert other.fit(rfm).loglik > fit.loglik


class TestRecovery:
    def test_the_parameters_come_back(self):
        made = steady_buyers(20_000, tuple(TRUTH.values()), np.random.default_rng(7))
        assert_found(clm.NBD().fit(made[0]), TRUTH, *made, horizon=39)

    def test_intervals_hold_what_they_state(self):
        # 200 samples: at a true coverage of 95 percent the share has a standard error of 1.5 percent.
        share, skipped = coverage(clm.NBD(), steady_buyers, TRUTH, size=500, replications=200, seed=11, horizon=39)
        assert skipped == 0
        assert all(0.9 <= held <= 1 for held in share.values()), share
        assert share["each"] >= 0.95
