"""Lifetime value to come: exact discounting, errors of every input, any model."""

from itertools import pairwise

import numpy as np
import pytest
from attrs import frozen
from scipy import integrate

import clm
from clm.stats import central_differences

YEARLY = clm.Discount(0.10, per="year")


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), amount="amount", unit="week", through="1997-09-30")


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.BGNBD().fit(rfm)


@pytest.fixture(scope="module")
def spend(rfm):
    return clm.GammaGamma().fit(rfm)


def estimate(value, error, **stated):
    return clm.Estimate(value=value, standard_error=error, n=9, name="x", unit="x", definition="x.", **stated)


@frozen
class Steady:
    """A purchase model from elsewhere: everybody buys at one rate, for ever."""

    rate: float
    error: object = None

    def expected_purchases(self, rfm, *, horizon):
        value = np.full(len(rfm), self.rate * horizon)
        return estimate(value, np.full(len(rfm), np.nan if self.error is None else self.error * horizon))


class TestInputs:
    def test_a_fit_is_asked_for(self, rfm):
        with pytest.raises(clm.InvalidDataError, match=r"fit must be a fitted purchase model, not BGNBD"):
            clm.lifetime_value(clm.BGNBD(), rfm, order_value=1, horizon=52)

    def test_histories_are_asked_for(self, fit):
        with pytest.raises(clm.InvalidDataError, match=r"rfm must be purchase histories, not list"):
            clm.lifetime_value(fit, [1, 2], order_value=1, horizon=52)

    @pytest.mark.parametrize("horizon", [-1, np.nan, np.inf, "a year", None])
    def test_the_horizon(self, fit, rfm, horizon):
        with pytest.raises(clm.InvalidDataError, match="horizon"):
            clm.lifetime_value(fit, rfm, order_value=1, horizon=horizon)

    @pytest.mark.parametrize("discount", [0.1, "10%"])
    def test_a_discount_says_its_period(self, fit, rfm, discount):
        with pytest.raises(clm.InvalidDataError, match=r"must say its period.*clm\.Discount"):
            clm.lifetime_value(fit, rfm, order_value=1, horizon=52, discount=discount)

    @pytest.mark.parametrize("margin", [40, np.nan, "most", None, [0.1, 0.2]])
    def test_the_margin(self, fit, rfm, margin):
        with pytest.raises(clm.InvalidDataError, match="margin"):
            clm.lifetime_value(fit, rfm, order_value=1, horizon=52, margin=margin)

    @pytest.mark.parametrize(
        ("order_value", "message"),
        [
            ([1.0, 2.0], r"order_value has shape \(2,\), but there are 2,357 customers"),
            (-1, "order_value is negative"),
            (np.nan, "order_value is missing"),
            (np.inf, "order_value is negative or infinite"),
            ("dear", "order_value holds text"),
            (None, "order_value"),
        ],
    )
    def test_the_order_value(self, fit, rfm, order_value, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.lifetime_value(fit, rfm, order_value=order_value, horizon=52)

    def test_another_unit(self, fit, rfm):
        days = clm.RFM.from_arrays(rfm.frequency, rfm.recency * 7, rfm.T * 7, unit="day")
        with pytest.raises(clm.InvalidDataError, match="the fit counts time in weeks, rfm in days"):
            clm.lifetime_value(fit, days, order_value=1, horizon=365)

    def test_a_model_that_answers_the_wrong_length(self, rfm):
        class Wrong:
            def expected_purchases(self, rfm, *, horizon):
                return estimate(1.0, 0.1)

        with pytest.raises(clm.InvalidDataError, match="one number of expected purchases a customer"):
            clm.lifetime_value(Wrong(), rfm, order_value=1, horizon=52)


class TestConsistency:
    @pytest.mark.parametrize("model", [clm.NBD(), clm.BGNBD(), clm.MBGNBD(), clm.ParetoNBD()])
    def test_evaluating_histories_once_changes_nothing(self, rfm, spend, model):
        fit = model.fit(rfm)

        @frozen
        class Apart:
            """The same fit as a model from elsewhere: each time is asked on its own."""

            def expected_purchases(self, rfm, *, horizon):
                return fit.expected_purchases(rfm, horizon=horizon)

        several = clm.RFM.from_arrays(
            [0, 2, 40, 10_000], [0, 30.43, 38, 3600], [38.86, 38.86, 39, 3650], [0, 20, 30, 5]
        )
        for histories in (rfm, several):
            for horizon in (0.1, 52, 2000):
                options = {"order_value": spend, "horizon": horizon, "discount": YEARLY}
                together, apart = (clm.lifetime_value(one, histories, **options) for one in (fit, Apart()))
                assert together.value == pytest.approx(apart.value, rel=1e-12)
                assert together.standard_error == pytest.approx(apart.standard_error, rel=1e-9)
                assert together.sum().standard_error == pytest.approx(apart.sum().standard_error, rel=1e-9)
                assert together.caveats == apart.caveats

    def test_without_discount_it_is_a_product(self, fit, rfm, spend):
        value = clm.lifetime_value(fit, rfm, order_value=spend, horizon=39, margin=0.4)
        product = 0.4 * fit.expected_purchases(rfm, horizon=39).value * spend.expected_order_value(rfm).value
        assert value.value == pytest.approx(product, rel=1e-12)
        assert value.unit == "currency"
        assert np.array_equal(value.index, rfm.customer)
        assert "39 weeks" in value.definition

    @pytest.mark.parametrize("horizon", [1, 52, 520, 5200])
    @pytest.mark.parametrize("rate", [0.1, 0.9])
    def test_each_purchase_is_discounted_from_its_own_moment(self, fit, horizon, rate):
        some = clm.RFM.from_arrays([0, 2, 40], [0, 30.43, 38], [38.86, 38.86, 39])
        discount = clm.Discount(rate, per="year")
        fall = discount.continuous("week")

        def flow(week, row):
            return fall * np.exp(-fall * week) * fit.expected_purchases(some, horizon=week).value[row]

        edges = [0, *(edge for edge in (1, 10, 50, 200, 1000) if edge < horizon), horizon]
        parts = [
            sum(integrate.quad(flow, *part, args=(row,), epsrel=1e-9)[0] for part in pairwise(edges))
            for row in range(3)
        ]
        exact = np.exp(-fall * horizon) * fit.expected_purchases(some, horizon=horizon).value + parts
        found = clm.lifetime_value(fit, some, order_value=1, horizon=horizon, discount=discount)
        assert found.value == pytest.approx(exact, rel=1e-6)

    def test_in_the_long_run_it_is_the_residual_value(self, fit, rfm):
        long = clm.lifetime_value(fit, rfm, order_value=1, horizon=20_000, discount=YEARLY)
        assert long.value == pytest.approx(fit.residual_purchases(rfm, discount=YEARLY).value, rel=1e-4)

    def test_a_steady_flow_by_its_closed_form(self, rfm):
        # A flow of 2 a week for h weeks at rate d is worth 2 (1 - exp(-d h)) / d.
        fall = YEARLY.continuous("week")
        value = clm.lifetime_value(Steady(2.0), rfm, order_value=3, horizon=104, discount=YEARLY)
        assert value.value == pytest.approx(np.full(2357, 6 * -np.expm1(-fall * 104) / fall), rel=1e-9)

    def test_no_time_no_value(self, fit, rfm, spend):
        value = clm.lifetime_value(fit, rfm, order_value=spend, horizon=0, discount=YEARLY)
        assert not value.value.any()
        assert value.sum().confidence_interval().high == 0

    def test_errors_come_from_both_fits_and_the_margin(self, fit, rfm, spend):
        some = clm.RFM.from_arrays(rfm.frequency[:50], rfm.recency[:50], rfm.T[:50], rfm.monetary[:50], unit="week")

        def total(at):
            purchases = clm.BGNBD().with_params(dict(zip(fit.params, np.exp(at[:4]), strict=True)), unit="week")
            orders = clm.GammaGamma().with_params(dict(zip(spend.params, np.exp(at[4:7]), strict=True)))
            return clm.lifetime_value(
                purchases, some, order_value=orders, horizon=52, discount=YEARLY, margin=float(at[7])
            ).value

        at = np.concatenate([fit.parameters.log_values, spend.parameters.log_values, [0.4]])
        covariance = np.zeros((8, 8))
        covariance[:4, :4], covariance[4:7, 4:7] = fit.parameters.log_covariance, spend.parameters.log_covariance
        covariance[7, 7] = 0.02**2
        gradient = central_differences(total, at)
        value = clm.lifetime_value(
            fit, some, order_value=spend, horizon=52, discount=YEARLY, margin=estimate(0.4, 0.02)
        )
        errors = np.sqrt(np.einsum("ij,jk,ik->i", gradient, covariance, gradient))
        assert value.standard_error == pytest.approx(errors, rel=1e-5)
        slope = gradient.sum(axis=0)
        assert value.sum().standard_error == pytest.approx(np.sqrt(slope @ covariance @ slope), rel=1e-5)
        assert value.sum().standard_error > 2 * np.sqrt((value.standard_error**2).sum())
        low, high = value.confidence_interval()
        assert np.all((low > 0) & (low < value.value) & (value.value < high))

    def test_order_values_of_every_kind(self, fit, rfm):
        purchases = fit.expected_purchases(rfm, horizon=39)
        number = clm.lifetime_value(fit, rfm, order_value=35, horizon=39)
        array = clm.lifetime_value(fit, rfm, order_value=np.full(2357, 35.0), horizon=39)
        assert np.array_equal(number.value, array.value)
        assert number.sum().standard_error == pytest.approx(35 * purchases.sum().standard_error)
        # One estimate for all moves all customers together: relative variances add up.
        shared = clm.lifetime_value(fit, rfm, order_value=estimate(35.0, 3.5), horizon=39).sum()
        relative = np.hypot(purchases.sum().standard_error / purchases.sum().value, 0.1)
        assert shared.standard_error == pytest.approx(shared.value * relative, rel=1e-9)

    def test_errors_of_their_own_are_not_shared_out(self, fit, rfm):
        own = clm.lifetime_value(fit, rfm, order_value=estimate(np.full(2357, 35.0), np.full(2357, 3.5)), horizon=39)
        purchases = fit.expected_purchases(rfm, horizon=39)
        expected = own.value * np.hypot(purchases.standard_error / purchases.value, 0.1)
        assert own.standard_error == pytest.approx(expected, rel=1e-9)
        assert any("totals take customers as independent" in caveat for caveat in own.caveats)
        assert own.sum().standard_error == pytest.approx(np.sqrt((expected**2).sum()))

    def test_undefined_order_values_keep_their_reason(self, fit, rfm):
        heavy = clm.GammaGamma().with_params({"p": 0.5, "q": 0.9, "v": 15})
        value = clm.lifetime_value(fit, rfm, order_value=heavy, horizon=39)
        single = rfm.frequency == 0
        assert np.isnan(value.value[single]).all()
        assert "q = 0.9" in value.undefined[np.flatnonzero(single)[0]]
        assert "q = 0.9" in value.sum().undefined

    def test_unknown_errors_keep_their_reason(self, rfm, spend):
        given = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
        for model, reason in (
            (given, "were given, not estimated"),
            (Steady(2.0), "the purchase model states no error"),
        ):
            value = clm.lifetime_value(model, rfm, order_value=spend, horizon=39, discount=YEARLY)
            assert np.isnan(value.confidence_interval().low).all()
            assert reason in value.confidence_interval().method
            assert reason in value.sum().confidence_interval().method

    def test_a_model_from_elsewhere_with_errors(self, rfm):
        value = clm.lifetime_value(Steady(2.0, error=0.2), rfm, order_value=3, horizon=10)
        assert value.standard_error == pytest.approx(np.full(2357, 6.0))
        assert any("independent" in caveat for caveat in value.caveats)

    def test_caveats_of_both_models_are_kept(self, fit, rfm, spend):
        caveats = clm.lifetime_value(fit, rfm, order_value=spend, horizon=39).caveats
        assert any("by construction" in caveat for caveat in caveats)
        assert any("correlate" in caveat for caveat in caveats)

    def test_a_loss_on_every_order(self, fit, rfm):
        value = clm.lifetime_value(fit, rfm, order_value=10, horizon=39, margin=-0.2)
        low, high = value.sum().confidence_interval()
        assert low < value.sum().value < high < 0
