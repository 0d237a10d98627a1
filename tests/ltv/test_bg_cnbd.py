"""BG/CNBD-k and MBG/CNBD-k: reference values, k = 1, the search of k, and coverage."""

import functools
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ltv.coverage import assert_found, coverage
from tests.ltv.worlds import regular_buyers

import clm
from clm.ltv import _staged
from clm.ltv._belief import Belief
from clm.ltv._bg_cnbd_likelihood import BGCNBDLikelihood
from clm.stats import central_differences

NAMES = ("r", "alpha", "a", "b")
TRUTH = {"r": 0.9, "alpha": 4.0, "a": 0.8, "b": 2.5}
REFERENCES = json.loads((Path(__file__).parents[1] / "references" / "bg_cnbd.json").read_text())
MODELS = [(clm.BGCNBD, clm.BGNBD), (clm.MBGCNBD, clm.MBGNBD)]


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")


def given_params(model, *values):
    return model.with_params(dict(zip(NAMES, values, strict=True)), unit="week")


def history(x, recency, age, gaps=None):
    return clm.RFM.from_arrays(
        np.atleast_1d(x), np.atleast_1d(recency), np.atleast_1d(age), sum_log_gaps=gaps, unit="week"
    )


def without_gaps(rfm):
    return history(rfm.frequency, rfm.recency, rfm.T)


parameters = st.tuples(st.floats(0.05, 20), st.floats(0.05, 300), st.floats(0.05, 20), st.floats(0.05, 20))


@st.composite
def histories(draw):
    rows = draw(st.lists(st.tuples(st.integers(0, 60), st.floats(0.01, 1), st.floats(0.1, 500)), min_size=1))
    x, share, age = (np.array(column, float) for column in zip(*rows, strict=True))
    return history(x, np.where(x > 0, age * share, 0.0), age)


class TestInputs:
    @pytest.mark.parametrize("k", [0, -1, 1.5, 101, "2", np.nan, True])
    def test_k_is_a_whole_number(self, k):
        for model, _ in MODELS:
            with pytest.raises(clm.InvalidDataError, match="k "):
                model(k=k)

    @pytest.mark.parametrize(("model", "_"), MODELS)
    def test_the_search_needs_the_gaps_and_says_where_they_come_from(self, model, _, rfm):
        bare = without_gaps(rfm)
        with pytest.raises(clm.InvalidDataError, match=r"no k can be chosen. Build it with clm.rfm.* or give k"):
            model().fit(bare)
        fit = model(k=2).fit(bare)
        assert fit.params == pytest.approx(model(k=2).fit(rfm).params, rel=1e-9)
        assert any("cannot be compared" in caveat for caveat in fit.caveats)
        assert fit.pointwise_loglik(bare).sum() == pytest.approx(fit.loglik, rel=1e-12)
        assert not any("cannot be compared" in caveat for caveat in model(k=1).fit(bare).caveats)

    def test_purchases_at_one_instant(self):
        log = clm.datasets.cdnow()
        rfm = clm.rfm(log, occasion="order", unit="week", through="1997-09-30")
        assert np.isneginf(rfm.sum_log_gaps).any()
        twice = history([2, 0, 1, 3, 1], [6, 0, 2, 5, 3], [9, 9, 9, 8, 9], gaps=[-np.inf, 0, np.log(2), 1.0, 1.0])
        for k in (None, 2):
            with pytest.raises(clm.InvalidDataError, match=r"fall on one instant.* occasion='day'"):
                clm.BGCNBD(k=k).fit(twice)

    def test_k_is_given_once(self):
        params = dict(zip(NAMES, (0.9, 3.0, 0.5, 3.0), strict=True))
        with pytest.raises(clm.InvalidDataError, match=r"k is not known.* clm.BGCNBD\(k=2\)"):
            clm.BGCNBD().with_params(params, unit="week")
        with pytest.raises(clm.InvalidDataError, match=r"k is not known.* clm.MBGCNBD\(k=2\)"):
            clm.MBGCNBD().with_params(params, unit="week")
        with pytest.raises(clm.InvalidDataError, match="params has k = 3, but the model was made with k = 2"):
            clm.BGCNBD(k=2).with_params(params | {"k": 3}, unit="week")
        with pytest.raises(clm.InvalidDataError, match="k must be a whole number"):
            clm.BGCNBD().with_params(params | {"k": 2.5}, unit="week")
        with pytest.raises(clm.InvalidDataError, match="params must be a mapping"):
            clm.BGCNBD(k=2).with_params([1, 2, 3, 4], unit="week")
        fit = clm.BGCNBD().with_params(params | {"k": 3}, unit="week")
        assert fit == clm.BGCNBD(k=3).with_params(params, unit="week")
        assert (fit.k, fit.model) == (3, "BG/CNBD-3")

    def test_customers_who_do_not_differ_and_do_not_leave(self):
        rng = np.random.default_rng(1)
        times = np.cumsum(rng.gamma(2, 2.5, (400, 30)), axis=1)
        age = rng.uniform(20, 40, 400)
        x = (times <= age[:, None]).sum(axis=1)
        last = np.where(times <= age[:, None], times, 0).max(axis=1)
        with pytest.warns(clm.IdentifiabilityWarning, match="BG/CNBD-2: the likelihood has no maximum inside") as seen:
            fit = clm.BGCNBD(k=2).fit(history(x, last, age))
        assert seen[0].filename == __file__
        assert np.isnan(fit.covariance).all()


class TestPublishedNumbers:
    @pytest.mark.parametrize(("model", "plain"), MODELS)
    def test_cdnow_is_not_regular(self, model, plain, rfm):
        # Platzer and Reutterer (2016) and their package BTYDplus find k = 1 there: MBG .5248435586 6.183092845
        # .8913877802 1.614048334 at -9582.135716, BG .2425945 4.4136 .7929 2.4259 at -9582.429.
        fit = model().fit(rfm)
        assert fit.k == 1
        assert fit.parameters == plain().fit(rfm).parameters
        assert any("searched from 1 to 12" in caveat for caveat in fit.caveats)

    @pytest.mark.parametrize("case", REFERENCES, ids=lambda case: f"k={case['k']} first={case['first']} {case['row']}")
    def test_references(self, case):
        known = given_params(MODELS[case["first"]][0](k=case["k"]), *case["params"])
        *seen, ahead = case["row"]
        one = history(*seen)
        assert known.pointwise_loglik(one) == pytest.approx([float(case["loglik"])], rel=1e-12, abs=1e-13)
        assert known.probability_alive(one).value == pytest.approx([float(case["alive"])], rel=1e-11, abs=1e-300)
        expected = known.expected_purchases(one, horizon=ahead)
        assert expected.value == pytest.approx([float(case["expected"])], rel=1e-11, abs=1e-300)


class TestConsistency:
    @settings(max_examples=40)
    @given(parameters, histories(), st.integers(1, 12), st.sampled_from([0, 1]))
    def test_gradient_and_hessian(self, params, rfm, k, first):
        likelihood = BGCNBDLikelihood.of(rfm.cells, rfm.cells.weights, scale=3.0, k=k, first=first)
        at = np.log(params)
        value, gradient, hessian = likelihood(at)
        known = given_params(MODELS[first][0](k=k), params[0], params[1] * 3, *params[2:])
        constants = rfm.frequency.sum() * (k * np.log(3.0) + np.log(np.arange(1.0, k)).sum())
        assert value == pytest.approx(known.pointwise_loglik(rfm).sum() + constants, rel=1e-9, abs=1e-9)
        size = 1 + np.abs(hessian).max() + abs(value)
        numeric = central_differences(lambda at: np.asarray(likelihood(at)[0]), at, step=1e-5)
        assert gradient == pytest.approx(numeric, abs=1e-8 * size)
        assert hessian == pytest.approx(central_differences(lambda at: likelihood(at)[1], at), abs=1e-7 * size)

    @pytest.mark.parametrize(("model", "plain"), MODELS)
    def test_at_k_1_it_is_the_plain_model(self, model, plain, rfm):
        fit, other = model(k=1).fit(rfm), plain().fit(rfm)
        assert fit.parameters == other.parameters
        assert fit.process == other.process
        assert (fit.k, other.k) == (1, None)

    @settings(max_examples=40)
    @given(parameters, st.sampled_from([0, 1, 2]), st.floats(0.01, 3000))
    def test_the_sum_and_the_integral_agree(self, params, passed, ahead):
        shape, rate, a, b = (np.array([value]) for value in params)
        belief = Belief(shape, rate, a, b)
        summed = _staged.purchases(belief, passed, 3, ahead)
        if shape * ahead / rate > 1000:  # the sum would not be used
            return
        integrated = _staged._integrated(belief, passed, 3, ahead, 1)
        assert integrated == pytest.approx(summed, rel=1e-11, abs=1e-12)

    def test_far_ahead(self):
        # Nobody leaves, in effect: purchases come at a rate of l/k, whose mean is r/(k alpha).
        staying = given_params(clm.BGCNBD(k=3), 2.0, 10.0, 1e-9, 10.0)
        expected = float(staying.expected_purchases(horizon=1e6))
        assert expected == pytest.approx(1e6 * 2.0 / 30.0, rel=1e-4)
        # Everybody leaves in the end: E[1/p] = (a + b - 1)/(a - 1).
        leaving = given_params(clm.BGCNBD(k=3), 2.0, 10.0, 3.0, 6.0)
        assert float(leaving.expected_purchases(horizon=1e9)) == pytest.approx(4.0, rel=1e-6)
        one = history(4, 30, 30)
        assert leaving.residual_purchases(one, discount=clm.Discount(0, per="year")).value == pytest.approx(
            [4.5]
        )  # b is 10 then
        assert leaving.prediction_interval(one, horizon=1e9).high >= 6

    @pytest.mark.parametrize("k", [2, 5])
    def test_residual_purchases(self, k):
        # d times the integral of exp(-d t) E[X(t)], by Gauss rules on panels that double.
        known, rate = given_params(clm.MBGCNBD(k=k), 0.9, 4.0, 0.8, 2.5), 0.1
        some = history([0, 3, 20], [0, 30, 38], [39, 39, 39])
        points, weights = np.polynomial.legendre.leggauss(14)
        edges = [0, 1, 3, 7, 15, 30, 60, 120, 200, 300]
        worth = np.zeros(3)
        for low, high in itertools.pairwise(edges):
            for point, weight in zip(points, weights, strict=True):
                time = (low + high + (high - low) * point) / 2
                there = rate * np.exp(-rate * time) * (high - low) / 2 * weight
                worth += there * known.expected_purchases(some, horizon=time).value
        assert known.process.discounted(some, rate)[0] == pytest.approx(worth, rel=1e-9)

    def test_a_regular_customer_who_is_late_is_given_up_sooner(self):
        # Ten purchases four weeks apart on average, and the same mean rate whatever k.
        late = history([9], [36], [44])
        alive = [
            float(given_params(clm.BGCNBD(k=k), 2.0, 8.0 / k, 0.5, 3.0).probability_alive(late).value[0])
            for k in (1, 2, 4, 8)
        ]
        assert alive == sorted(alive, reverse=True)
        assert alive[0] > 0.75
        assert alive[-1] < 0.35

    def test_gaps_count_customer_by_customer(self, rfm):
        fit = clm.BGCNBD(k=2).fit(rfm)
        own = fit.pointwise_loglik(rfm) - fit.pointwise_loglik(without_gaps(rfm))
        assert own == pytest.approx(rfm.sum_log_gaps, abs=1e-9)

    @pytest.mark.parametrize(("model", "_"), MODELS)
    def test_a_fit_and_its_histories_come_back_from_json(self, model, _, rfm):
        fit = model(k=2).fit(rfm)
        again = clm.from_json(clm.to_json(fit))
        assert again == fit
        assert again.k == 2
        assert clm.from_json(clm.to_json(rfm)) == rfm


class TestRecovery:
    @pytest.mark.parametrize(("model", "first", "k"), [(clm.BGCNBD, 0, 3), (clm.MBGCNBD, 1, 2)])
    def test_the_parameters_and_k_come_back(self, model, first, k):
        params = TRUTH | {"alpha": 10.0 / k}
        made = regular_buyers(20_000, tuple(params.values()), np.random.default_rng(7), k=k, first=first)
        fit = model().fit(made[0])
        assert fit.k == k
        assert_found(fit, params, *made, horizon=39)

    def test_k_is_searched_on_a_sample_and_then_on_all(self):
        world = functools.partial(regular_buyers, k=4, first=0)
        rfm, *_ = world(25_000, (0.9, 2.0, 0.8, 2.5), np.random.default_rng(8))
        fit = clm.BGCNBD().fit(rfm)
        assert fit.k == 4
        assert fit.diagnostics.trial_evaluations > 0
        assert fit.pointwise_loglik(rfm).sum() == pytest.approx(fit.loglik, rel=1e-10)
        nearby = [clm.BGCNBD(k=k).fit(rfm).loglik for k in (3, 5)]
        assert max(nearby) < fit.loglik

    def test_a_simulated_log_is_as_regular_as_the_model(self):
        known = clm.MBGCNBD().with_params(TRUTH | {"k": 3, "alpha": 3.0}, unit="week")
        orders = known.simulate(8000, horizon=52, rng=3)
        through = orders["at"].min() + np.timedelta64(52 * 7, "D")
        fit = clm.MBGCNBD().fit(clm.rfm(orders, occasion="order", through=str(through), unit="week"))
        assert fit.k == 3
        for name, truth in known.params.items():
            assert abs(np.log(fit.params[name] / truth)) < 4 * fit.standard_errors[name] / fit.params[name], name

    def test_intervals_hold_what_they_state(self):
        # 30 samples: at a true coverage of 95 percent the share has a standard error of 4 percent.
        world = functools.partial(regular_buyers, k=2, first=1)
        share, skipped = coverage(clm.MBGCNBD(k=2), world, TRUTH, size=500, replications=30, seed=11, horizon=39)
        assert skipped <= 3
        assert all(0.84 <= held <= 1 for held in share.values()), share
        assert share["each"] >= 0.95

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [500, 2000])
    @pytest.mark.parametrize(("model", "first", "k"), [(clm.BGCNBD, 0, 3), (clm.MBGCNBD, 1, 2)])
    def test_intervals_hold_what_they_state_in_full(self, size, model, first, k):
        # 1,000 samples: standard error 0.7 percent.
        world = functools.partial(regular_buyers, k=k, first=first)
        share, skipped = coverage(model(k=k), world, TRUTH, size=size, replications=1000, seed=13, horizon=39)
        assert skipped <= 100
        assert all((0.88 if size == 500 else 0.91) <= held <= 1 for held in share.values()), share
        assert share["each"] >= 0.95
