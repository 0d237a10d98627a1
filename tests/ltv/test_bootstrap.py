"""Models fitted again to samples of their customers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.ltv.worlds import buyers

import clm
from clm.stats import Draws

MODELS = [clm.NBD, clm.BGNBD, clm.MBGNBD, clm.ParetoNBD]
FEW = clm.RFM.from_arrays([1, 1, 2, 0, 1], [3, 4, 5, 0, 2], [9, 9, 9, 9, 9], unit="week")


@pytest.fixture(scope="module")
def rfm():
    rfm, _, _ = buyers(3000, (0.6, 6.0, 0.8, 2.5), np.random.default_rng(5))
    return rfm


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.BGNBD().fit(rfm)


@pytest.fixture(scope="module")
def again(fit):
    return fit.bootstrap(200, rng=1)


class TestInputs:
    @pytest.mark.parametrize("n", [0, 19, -5, 30.5, None, "many"])
    def test_too_few_samples(self, fit, n):
        with pytest.raises(clm.InvalidDataError, match=r"\bn\b"):
            fit.bootstrap(n)

    @pytest.mark.parametrize("rng", [-1, "seed", None])
    def test_no_source_of_chance(self, fit, rng):
        with pytest.raises(clm.InvalidDataError, match="rng must be"):
            fit.bootstrap(20, rng=rng)

    def test_a_fit_without_data_says_so(self, fit):
        given = clm.BGNBD().with_params(fit.params, unit="week")
        for without in (given, clm.from_json(clm.to_json(fit))):
            with pytest.raises(clm.InvalidDataError, match="does not hold its data"):
                without.bootstrap(20)

    def test_a_model_that_cannot_be_fitted_to_samples_says_so(self, rfm):
        with pytest.raises(clm.InvalidDataError, match="cannot be fitted to samples"):
            clm.BGCNBD(k=1).fit(rfm).bootstrap(20)

    def test_where_hardly_any_sample_has_a_maximum(self):
        with pytest.warns(clm.IdentifiabilityWarning):
            edge = clm.ParetoNBD().fit(FEW)
        with pytest.raises(clm.InvalidDataError, match="have a maximum: the customers are too few"):
            edge.bootstrap(20)

    def test_nothing_can_be_changed(self, again):
        with pytest.raises(AttributeError):
            again.failed = 3
        with pytest.raises(ValueError, match="read-only"):
            again.draws["r"][0] = 1.0


class TestConsistency:
    def test_where_the_model_holds_it_agrees_with_the_likelihood(self, rfm):
        fit = clm.BGNBD().fit(rfm)
        again = fit.bootstrap(300, rng=2)
        assert again.failed == 0
        # 300 samples tell a standard deviation to about 4 percent, by one standard error.
        error = np.sqrt(np.diag(fit.parameters.log_covariance))
        assert again.log_draws.std(axis=0) == pytest.approx(error, rel=0.2)
        assert (np.abs(again.log_draws.mean(axis=0) - fit.parameters.log_values) < 0.4 * error).all()

    @pytest.mark.parametrize("model", MODELS)
    def test_estimates_are_the_fits_own(self, rfm, model):
        fit = model().fit(rfm)
        again = fit.bootstrap(40, rng=3)
        assert again.params == fit.params
        some = clm.RFM.from_arrays(rfm.frequency[:9], rfm.recency[:9], rfm.T[:9], unit="week")
        rate = clm.Discount(0.1, per="year")
        for ask in (
            lambda fit: fit.expected_purchases(some, horizon=9),
            lambda fit: fit.expected_purchases(some, horizon=9).sum(),
            lambda fit: fit.expected_purchases(horizon=np.array([1.0, 9.0])),
            lambda fit: fit.probability_alive(some),
            lambda fit: fit.purchase_probability(0, some, horizon=9),
            lambda fit: fit.residual_purchases(some, discount=rate),
        ):
            resampled, likely = ask(again), ask(fit)
            assert resampled.value == pytest.approx(likely.value, rel=1e-12)
            assert (resampled.definition, resampled.unit) == (likely.definition, likely.unit)
            assert isinstance(resampled.band, Draws)
            low, high = resampled.confidence_interval(0.9)
            assert np.all((low <= resampled.value) & (resampled.value <= high))

    def test_each_sample_is_a_fit_to_its_customers(self, rfm, fit):
        # The first sample of the seed, drawn by hand and fitted from scratch.
        cells = rfm.cells
        weights = np.asarray(cells.weights)
        drawn = np.random.default_rng(7).multinomial(3000, weights / 3000)
        kept = drawn > 0
        sample = clm.RFM.from_arrays(
            cells.frequency[kept], cells.recency[kept], cells.T[kept], weights=drawn[kept], unit="week"
        )
        assert clm.BGNBD().fit(sample).params == pytest.approx(
            {name: draws[0] for name, draws in fit.bootstrap(20, rng=7).draws.items()}, rel=1e-4
        )

    def test_totals_add_up_sample_by_sample(self, rfm, again, fit):
        total, likely = (each.expected_purchases(rfm, horizon=39).sum() for each in (again, fit))
        assert total.value == pytest.approx(likely.value, rel=1e-12)
        assert total.standard_error == pytest.approx(likely.standard_error, rel=0.25)
        assert total.band.draws.shape == (200,)

    def test_weights_that_are_not_whole(self, rfm):
        half = clm.RFM.from_arrays(rfm.frequency, rfm.recency, rfm.T, weights=np.full(3000, 0.5), unit="week")
        fit = clm.BGNBD().fit(half)
        wider = fit.bootstrap(100, rng=1).standard_errors["r"]
        assert wider == pytest.approx(fit.standard_errors["r"], rel=0.35)

    def test_the_same_seed_gives_the_same_samples(self, fit):
        assert fit.bootstrap(20, rng=4) == fit.bootstrap(20, rng=4)
        assert fit.bootstrap(20, rng=4) != fit.bootstrap(20, rng=5)

    def test_it_travels_whole(self, again, rfm):
        read = pickle.loads(pickle.dumps(again))
        assert read == again
        assert clm.from_json(clm.to_json(again)) == again
        some = clm.RFM.from_arrays(rfm.frequency[:3], rfm.recency[:3], rfm.T[:3], unit="week")
        assert read.expected_purchases(some, horizon=3) == again.expected_purchases(some, horizon=3)

    def test_failures_are_counted_and_said(self):
        rng = np.random.default_rng(8)
        few, _, _ = buyers(150, (0.6, 6.0, 0.8, 2.5), rng)
        again = clm.ParetoNBD().fit(few).bootstrap(60, rng=1)
        assert 0 < again.failed < 40
        assert len(again.log_draws) + again.failed == 60
        assert any("had no maximum" in caveat for caveat in again.caveats)
        assert any("tell the ends of an interval roughly" in caveat for caveat in again.caveats)

    def test_it_says_what_it_is(self, again):
        assert repr(again) == "<BootstrapFit: BG/NBD, 200 samples, 0 failed>"
        ends = again.confidence_interval(0.9)["r"]
        assert ends.low < again.params["r"] < ends.high
        assert ends.method == "percentiles of 200 bootstrap samples"

    def test_discrete_time(self):
        donors = clm.BGBB().fit(clm.datasets.donations())
        again = donors.bootstrap(60, rng=1)
        # Donors are counted in cells of up to thousands: the sample of customers is that of their counts.
        assert again.standard_errors["alpha"] == pytest.approx(donors.standard_errors["alpha"], rel=0.4)
        assert "next opportunity" in again.probability_alive(clm.datasets.donations()).definition
