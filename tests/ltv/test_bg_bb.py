"""BG/BB: the published numbers, sums over all histories, and coverage."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from tests.ltv.coverage import assert_found, coverage
from tests.ltv.worlds import donors

import clm
from clm.ltv._bg_bb_likelihood import BGBBLikelihood
from clm.stats import central_differences

NAMES = ("alpha", "beta", "gamma", "delta")
TRUTH = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}


@pytest.fixture(scope="module")
def rfm():
    return clm.datasets.donations()


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.BGBB().fit(rfm)


def given_params(*values):
    return clm.BGBB().with_params(dict(zip(NAMES, values, strict=True)), unit="year")


def history(x, recency, age):
    return clm.RFM.from_arrays(np.atleast_1d(x), np.atleast_1d(recency), np.atleast_1d(age), unit="year")


class TestInputs:
    @pytest.mark.parametrize("column", [([2], [3.5], [6]), ([2], [3], [6.5])])
    def test_times_are_counted_in_opportunities(self, fit, column):
        odd = history(*column)
        for ask in (
            lambda: fit.probability_alive(odd),
            lambda: fit.expected_purchases(odd, horizon=5),
            lambda: fit.prediction_interval(odd, horizon=5),
            lambda: fit.pointwise_loglik(odd),
            lambda: fit.simulate(odd, horizon=5),
        ):
            with pytest.raises(clm.InvalidDataError, match=r"recency or T is not whole in 1 .*clm\.ParetoNBD"):
                ask()

    def test_at_most_one_purchase_an_opportunity(self):
        with pytest.raises(clm.InvalidDataError, match="frequency exceeds recency"):
            clm.BGBB().fit(history([0, 1, 5, 2], [0, 2, 4, 3], [6, 6, 6, 6]))

    def test_horizons_are_whole(self, fit, rfm):
        for ask in (
            lambda: fit.expected_purchases(horizon=2.5),
            lambda: fit.expected_purchases(horizon=[1, 2.5]),
            lambda: fit.expected_purchases(rfm, horizon=2.5),
            lambda: fit.purchase_probability(1, rfm, horizon=2.5),
            lambda: fit.prediction_interval(rfm, horizon=2.5),
            lambda: fit.simulate(3, horizon=2.5),
            lambda: clm.lifetime_value(fit, rfm, order_value=1.0, horizon=2.5, discount=clm.Discount(0.1, per="year")),
        ):
            with pytest.raises(clm.InvalidDataError, match=r"whole number of opportunities .* not 2\.5"):
                ask()
        with pytest.raises(clm.InvalidDataError, match="at most 10,000 opportunities"):
            fit.expected_purchases(horizon=1_000_000)

    def test_everybody_buys_every_time(self):
        # Nobody misses: neither a chance below 1 nor a leaving is seen.
        always = history([4, 5, 6, 7] * 25, [4, 5, 6, 7] * 25, [4, 5, 6, 7] * 25)
        with pytest.warns(clm.IdentifiabilityWarning, match="BG/BB: ") as seen:
            fit = clm.BGBB().fit(always)
        assert seen[0].filename == __file__
        assert np.isnan(fit.covariance).all()
        assert float(fit.expected_purchases(horizon=10)) == pytest.approx(10, rel=1e-2)


class TestPublishedNumbers:
    def test_donations(self, fit, rfm):
        # Fader, Hardie and Shang (2010), table 3: 1.204, .750, .657, 2.783 and -33225.6; further digits by BTYD.
        assert fit.params == pytest.approx(
            {"alpha": 1.203523, "beta": 0.749716, "gamma": 0.656718, "delta": 2.783442}, rel=1e-5
        )
        assert fit.loglik == pytest.approx(-33225.581, abs=1e-3)
        # The sum over donors of expected donations in five years is 12,884.2 in the authors' spreadsheet.
        expected = fit.expected_purchases(rfm, horizon=5)
        assert expected.value @ rfm.weights == pytest.approx(12884.2, abs=0.05)
        # And 3.1798 by lifetimes' own test, at parameters rounded otherwise in the sixth digit.
        assert float(fit.expected_purchases(horizon=10)) == pytest.approx(3.1798, abs=5e-5)

    def test_there_next_year(self, fit):
        # The paper has .11, .59 and .93 for donors (0, 0), (2, 4) and (6, 6) in 2002.
        some = history([0, 2, 6], [0, 4, 6], [6, 6, 6])
        alive = fit.probability_alive(some)
        assert alive.value == pytest.approx([0.1081332, 0.5896571, 0.9304336], abs=1e-6)
        assert "at the next opportunity" in alive.definition
        assert any("next opportunity" in caveat for caveat in fit.caveats)

    def test_the_likelihood_as_written(self):
        # Fader, Hardie and Shang (2010), eq. 6.
        alpha, beta, gamma, delta = 1.2, 0.75, 0.66, 2.78
        known = given_params(alpha, beta, gamma, delta)
        b = special.beta
        for x, last, n in ((0, 0, 6), (2, 4, 6), (6, 6, 6), (1, 1, 30)):
            there = b(alpha + x, beta + n - x) * b(gamma, delta + n)
            left = sum(b(alpha + x, beta + last - x + i) * b(gamma + 1, delta + last + i) for i in range(n - last))
            loglik = np.log((there + left) / b(alpha, beta) / b(gamma, delta))
            assert known.pointwise_loglik(history(x, last, n)) == pytest.approx([loglik], rel=1e-12)


class TestConsistency:
    @settings(max_examples=40)
    @given(
        st.tuples(*[st.floats(0.05, 30)] * 4),
        st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=20),
    )
    def test_gradient_and_hessian(self, params, rows):
        x = np.array([row[0] for row in rows])
        last = np.where(x > 0, x + [row[1] for row in rows], 0)
        rfm = history(x, last, last + [row[2] for row in rows] + 1)
        likelihood = BGBBLikelihood.of(rfm.cells, rfm.cells.weights)
        at = np.log(params)
        value, gradient, hessian = likelihood(at)
        assert value == pytest.approx(given_params(*params).pointwise_loglik(rfm).sum(), rel=1e-9, abs=1e-9)
        size = 1 + np.abs(hessian).max() + abs(value)
        numeric = central_differences(lambda at: np.asarray(likelihood(at)[0]), at, step=1e-5)
        assert gradient == pytest.approx(numeric, abs=1e-8 * size)
        assert hessian == pytest.approx(central_differences(lambda at: likelihood(at)[1], at), abs=1e-7 * size)

    def test_all_histories_together_are_certain(self):
        # Of the 2^8 ways to buy at 8 opportunities, one must happen.
        known = given_params(*TRUTH.values())
        paths = np.array(list(itertools.product([0, 1], repeat=8)))
        last = (paths * np.arange(1, 9)).max(axis=1)
        every = history(paths.sum(axis=1), last, np.full(256, 8))
        chances = np.exp(known.pointwise_loglik(every))
        assert chances.sum() == pytest.approx(1, rel=1e-12)
        # What is expected of a new customer is what is seen, and later expectations are its tails.
        assert chances @ paths.sum(axis=1) == pytest.approx(float(known.expected_purchases(horizon=8)), rel=1e-12)
        later = known.expected_purchases(every, horizon=4).value
        gain = float(known.expected_purchases(horizon=12)) - float(known.expected_purchases(horizon=8))
        assert chances @ later == pytest.approx(gain, rel=1e-12)
        some = known.purchase_probability(3, every, horizon=4).value
        assert np.all((some >= 0) & (some <= 1))

    def test_without_leaving_it_is_beta_binomial(self):
        known = given_params(1.2, 0.75, 1e-12, 5)
        one = history(2, 4, 6)
        assert known.expected_purchases(one, horizon=5).value == pytest.approx([5 * 3.2 / 7.95], rel=1e-9)
        for k in range(6):
            ways = special.comb(5, k) * special.beta(3.2 + k, 4.75 + 5 - k) / special.beta(3.2, 4.75)
            assert known.purchase_probability(k, one, horizon=5).value == pytest.approx([ways], rel=1e-9)

    def test_lifetime_value_counts_whole_years(self, fit, rfm):
        rate = clm.Discount(0.25, per="year")
        value = clm.lifetime_value(fit, rfm, order_value=10.0, horizon=4, discount=rate)
        expected = np.stack([fit.expected_purchases(rfm, horizon=years).value for years in range(5)])
        by_hand = 10 * (np.diff(expected, axis=0) * (1.25 ** -np.arange(1.0, 5.0))[:, None]).sum(axis=0)
        assert value.value == pytest.approx(by_hand, rel=1e-12)
        far = clm.lifetime_value(fit, rfm, order_value=1.0, horizon=150, discount=rate)
        assert far.value == pytest.approx(fit.residual_purchases(rfm, discount=rate).value, rel=1e-9)

    def test_residual_purchases_without_a_discount(self, fit):
        one = history(2, 4, 6)
        undefined = fit.residual_purchases(one, discount=clm.Discount(0, per="year"))
        assert np.isnan(undefined.value).all()
        assert "gamma is 0.6567, not above 1" in undefined.undefined[0]
        # For gamma > 1 the expected opportunities ahead are (delta + n)/(gamma - 1), the limit of long horizons.
        leaving = given_params(1.2, 0.75, 4.0, 2.0)
        found = leaving.residual_purchases(one, discount=clm.Discount(0, per="year"))
        assert found.value == pytest.approx(leaving.expected_purchases(one, horizon=5000).value, rel=1e-6)

    def test_a_simulated_log_falls_on_opportunities(self, fit):
        orders = fit.simulate(200, horizon=6, rng=2, start="2000-01-01")
        years = (orders["at"] - np.datetime64("2000-01-01")) / np.timedelta64(1, "D") / 365.2425
        assert np.allclose(years, np.rint(years), atol=1e-3)
        assert years.max() <= 6.001
        pairs = set(zip(orders["customer_id"].tolist(), orders["at"].tolist(), strict=True))
        assert len(pairs) == len(orders["at"])  # at most one an opportunity


class TestRecovery:
    def test_the_parameters_come_back(self):
        made = donors(20_000, tuple(TRUTH.values()), np.random.default_rng(7))
        assert_found(clm.BGBB().fit(made[0]), TRUTH, *made, horizon=5)

    def test_intervals_hold_what_they_state(self):
        # 120 samples: at a true coverage of 95 percent the share has a standard error of 2 percent.
        share, skipped = coverage(clm.BGBB(), donors, TRUTH, size=1000, replications=120, seed=11, horizon=5)
        assert skipped <= 6
        assert all(0.87 <= held <= 1 for held in share.values()), share
        assert share["each"] >= 0.95

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [500, 2000])
    def test_intervals_hold_what_they_state_in_full(self, size):
        share, skipped = coverage(clm.BGBB(), donors, TRUTH, size=size, replications=1000, seed=13, horizon=5)
        assert skipped <= 50
        assert all(0.9 <= held <= 1 for held in share.values()), share
        assert share["each"] >= 0.95
