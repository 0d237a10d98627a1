"""Purchase models side by side on the customers that they were fitted to."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import stats
from tests.ltv.worlds import buyers

import clm

FITTED = (clm.NBD, clm.BGNBD, clm.MBGNBD, clm.ParetoNBD)


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), amount="amount", unit="week", through="1997-09-30")


@pytest.fixture(scope="module")
def fits(rfm):
    return [model().fit(rfm) for model in FITTED]


@pytest.fixture(scope="module")
def comparison(fits):
    return clm.compare_models(fits)


class TestInputs:
    def test_fewer_than_two(self, fits):
        for few in ([], fits[:1], {"a": fits[0]}):
            with pytest.raises(clm.InvalidDataError, match="two fits or more"):
                clm.compare_models(few)

    @pytest.mark.parametrize("given", ["NBD", 3, None, clm.NBD()])
    def test_what_is_no_list(self, given):
        with pytest.raises(clm.InvalidDataError, match="list or a mapping"):
            clm.compare_models(given)

    def test_keys_are_names(self, fits):
        with pytest.raises(clm.InvalidDataError, match="keys of fits must be names"):
            clm.compare_models({1: fits[0], 2: fits[1]})

    @pytest.mark.parametrize("thing", [3, clm.NBD(), None])
    def test_what_is_no_fit(self, fits, thing):
        with pytest.raises(clm.InvalidDataError, match="no fit of a purchase model"):
            clm.compare_models([fits[0], thing])

    def test_fits_without_data(self, fits):
        given = clm.NBD().with_params({"r": 0.4, "alpha": 12.0}, unit="week")
        for without in (given, clm.from_json(clm.to_json(fits[0]))):
            with pytest.raises(clm.InvalidDataError, match="does not hold its data"):
                clm.compare_models([fits[1], without])

    def test_fits_to_other_customers(self, fits, rfm):
        fewer = clm.RFM.from_arrays(rfm.frequency[1:], rfm.recency[1:], rfm.T[1:], unit="week")
        days = clm.RFM.from_arrays(rfm.frequency, rfm.recency * 7, rfm.T * 7, unit="day")
        for other in (fewer, days):
            with pytest.raises(clm.InvalidDataError, match="fitted to different customers"):
                clm.compare_models([fits[0], clm.BGNBD().fit(other)])


class TestPublishedNumbers:
    def test_cdnow(self, comparison):
        # Log-likelihoods as published: BTYDplus for NBD and MBG/NBD, CLVTools for BG/NBD and Pareto/NBD.
        assert comparison.models == ("NBD", "BG/NBD", "MBG/NBD", "Pareto/NBD")
        assert comparison.loglik == pytest.approx([-9763.657615, -9582.429, -9582.135716, -9594.976], abs=1e-3)
        assert comparison.best == "MBG/NBD"


class TestConsistency:
    def test_criteria_follow_from_the_likelihoods(self, comparison, fits):
        assert comparison.aic == pytest.approx(2 * comparison.parameters - 2 * comparison.loglik)
        assert comparison.bic == pytest.approx([fit.bic for fit in fits])
        assert comparison.weights.sum() == pytest.approx(1)
        ratio = np.exp(-(comparison.aic[1] - comparison.aic[2]) / 2)
        assert comparison.weights[1] / comparison.weights[2] == pytest.approx(ratio)
        assert list(comparison.parameters) == [2, 4, 4, 4]
        assert comparison.n == 2357

    def test_differences_are_those_of_the_customers(self, comparison, fits, rfm):
        away = fits[1].pointwise_loglik(rfm) - fits[2].pointwise_loglik(rfm)
        assert comparison.difference[1] == pytest.approx(away.sum(), rel=1e-9)
        assert comparison.difference_error[1] == pytest.approx(np.sqrt(len(away)) * away.std(), rel=1e-9)
        assert comparison.z[1] == pytest.approx(away.sum() / (np.sqrt(len(away)) * away.std()), rel=1e-9)
        assert comparison.p_value[1] == pytest.approx(2 * stats.norm.sf(abs(comparison.z[1])))
        assert comparison.difference[2] == 0
        assert np.isnan(comparison.z[2])

    def test_nested_models_are_tested(self, comparison):
        assert set(comparison.tests) == {(wide, "NBD") for wide in ("BG/NBD", "MBG/NBD", "Pareto/NBD")}
        test = comparison.tests["Pareto/NBD", "NBD"]
        assert test.statistic == pytest.approx(2 * (9763.657615 - 9594.976), abs=2e-3)
        assert test.df == 2
        assert "too large, if anything" in test.definition

    def test_the_order_of_the_fits_does_not_matter(self, comparison, fits):
        other = clm.compare_models(fits[::-1])
        assert other.best == comparison.best
        assert other.aic[::-1] == pytest.approx(comparison.aic)
        assert other.difference[::-1] == pytest.approx(comparison.difference)

    def test_names(self, fits):
        assert clm.compare_models({"old": fits[0], "new": fits[1]}).models == ("old", "new")
        assert clm.compare_models([fits[0], fits[0]]).models == ("NBD", "NBD (2)")

    def test_models_that_contain_others_and_those_that_do_not(self, rfm, fits):
        with pytest.warns(clm.IdentifiabilityWarning, match="Pareto/NBD model"):
            with_gaps = clm.GGompertzNBD().fit(rfm), clm.BGCNBD(k=2).fit(rfm)
        comparison = clm.compare_models([*fits, *with_gaps])
        assert comparison.models[4:] == ("GGompertz/NBD", "BG/CNBD-2")
        assert ("GGompertz/NBD", "Pareto/NBD") in comparison.tests
        assert ("GGompertz/NBD", "NBD") in comparison.tests
        assert not any("CNBD-2" in name for pair in comparison.tests for name in pair)
        # Customers of one cell share their mean sum of logs: the differences add up to that of the likelihoods.
        assert comparison.difference[5] == pytest.approx(with_gaps[1].loglik - fits[2].loglik)

    def test_regular_purchases_without_their_gaps(self, rfm, fits):
        bare = clm.RFM.from_arrays(rfm.frequency, rfm.recency, rfm.T, unit="week")
        with pytest.raises(clm.InvalidDataError, match="lacks the times between purchases"):
            clm.compare_models([clm.BGNBD().fit(bare), clm.BGCNBD(k=2).fit(bare)])

    def test_it_is_a_table(self, comparison):
        table = clm.to_frame(comparison, "pandas")
        assert list(table["model"]) == list(comparison.models)
        assert "best MBG/NBD" in repr(comparison)
        assert "backtest" in comparison.caveats[0]

    def test_it_travels_whole(self, comparison):
        assert pickle.loads(pickle.dumps(comparison)) == comparison
        assert clm.from_json(clm.to_json(comparison)) == comparison


class TestRecovery:
    def test_the_model_of_the_world_wins(self):
        rfm, _, _ = buyers(4000, (0.6, 6.0, 0.8, 2.5), np.random.default_rng(3))
        comparison = clm.compare_models([clm.NBD().fit(rfm), clm.BGNBD().fit(rfm), clm.MBGNBD().fit(rfm)])
        assert comparison.best == "BG/NBD"
        assert comparison.p_value[0] < 1e-4
