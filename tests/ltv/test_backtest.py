"""Purchase models scored on what customers did after the models were fitted."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from attrs import evolve
from tests.ltv.worlds import buyers

import clm
from clm.ltv._backtest import _ranked_scores

MODELS = [clm.NBD(), clm.BGNBD(), clm.MBGNBD(), clm.ParetoNBD()]


@pytest.fixture(scope="module")
def split():
    return clm.rfm_split(clm.datasets.cdnow(), unit="week", calibrate_through="1997-09-30", through="1998-06-30")


@pytest.fixture(scope="module")
def test(split):
    return clm.backtest(MODELS, *split)


def world(seed, size=2000):
    """Customers who buy as BG/NBD has it, and what they did in the 39 weeks after."""
    rfm, afterwards, _ = buyers(size, (0.6, 6.0, 0.8, 2.5), np.random.default_rng(seed))
    return rfm, clm.Holdout(frequency=afterwards, duration=39.0, unit="week")


class Always:
    """A model of somebody else's, which expects the same of everybody."""

    def fit(self, rfm):
        return self

    def expected_purchases(self, rfm, *, horizon):
        return clm.Estimate(value=np.full(len(rfm), 0.5), n=1, name="a", unit="purchases", definition="Half.")


class TestInputs:
    def test_no_model(self, split):
        with pytest.raises(clm.InvalidDataError, match="holds no model"):
            clm.backtest([], *split)

    @pytest.mark.parametrize("models", ["BGNBD", clm.BGNBD(), None, 3])
    def test_models_come_in_a_list(self, split, models):
        with pytest.raises(clm.InvalidDataError, match="list or a mapping"):
            clm.backtest(models, *split)

    def test_a_class_is_no_model(self, split):
        with pytest.raises(clm.InvalidDataError, match=r"the class BGNBD, not a model: write BGNBD\(\)"):
            clm.backtest([clm.BGNBD], *split)
        with pytest.raises(clm.InvalidDataError, match="neither a model"):
            clm.backtest([3], *split)

    def test_the_holdout_belongs_to_the_calibration(self, split):
        calibration, holdout = split
        with pytest.raises(clm.InvalidDataError, match="Take both from one"):
            clm.backtest(MODELS, calibration, evolve(holdout, frequency=holdout.frequency[1:]))
        with pytest.raises(clm.InvalidDataError, match="Take both from one"):
            clm.backtest(MODELS, calibration, evolve(holdout, unit="day"))
        with pytest.raises(clm.InvalidDataError, match="not dict"):
            clm.backtest(MODELS, calibration, {"frequency": [1]})
        with pytest.raises(clm.InvalidDataError, match="no whole number"):
            clm.backtest(MODELS, calibration, evolve(holdout, frequency=holdout.frequency - 0.5))

    def test_rows_are_customers(self):
        cells = clm.RFM.from_arrays([1, 0], [2, 0], [9, 9], weights=[5, 3])
        with pytest.raises(clm.InvalidDataError, match="one row a customer"):
            clm.backtest(MODELS, cells, clm.Holdout(frequency=[0, 1], duration=4.0, unit="week"))

    def test_one_form_or_the_other(self, split):
        calibration, holdout = split
        orders = clm.datasets.cdnow()
        for given in (
            {},
            {"calibration": calibration},
            {"orders": orders},
            {"origins": ["1997-09-30"]},
            {"calibration": calibration, "holdout": holdout, "orders": orders, "origins": ["1997-09-30"]},
            {"calibration": calibration, "holdout": holdout, "horizon": 3},
        ):
            with pytest.raises(clm.InvalidDataError, match="orders= with origins="):
                clm.backtest(MODELS, **given)

    def test_origins_that_cannot_be(self):
        orders = clm.datasets.cdnow()
        for origins, horizon, message in (
            ("1997-09-30", 4, "list of dates"),
            ([], 4, "give 1 to"),
            (["soon"], 4, "no date or time"),
            (["1997-09-30"], 0, "a day or more"),
            (["1997-09-30"], -3, "horizon must be"),
            (["1998-06-01"], 39, "the data end at 1998-06-30"),
            (["1999-06-01"], None, "leaves no holdout"),
        ):
            with pytest.raises(clm.InvalidDataError, match=message):
                clm.backtest(MODELS, orders=orders, origins=origins, horizon=horizon)


class TestPublishedNumbers:
    def test_cdnow(self, test):
        # 1,882 purchases in the holdout; NBD predicts 2,929.82 (BTYDplus).
        assert {score.actual for score in test.scores} == {1882}
        assert test["NBD"].predicted.value == pytest.approx(2929.82, abs=0.01)
        assert test.models == ("NBD", "BG/NBD", "MBG/NBD", "Pareto/NBD")
        assert test.duration == 39
        assert test.best != "NBD"


class TestConsistency:
    def test_scores_by_hand(self, test, split):
        calibration, holdout = split
        fit = clm.BGNBD().fit(calibration)
        value = fit.expected_purchases(calibration, horizon=39).value
        away = value - holdout.frequency
        score = test["BG/NBD"]
        assert score.mae.value == pytest.approx(np.abs(away).mean())
        assert score.rmse.value == pytest.approx(np.sqrt((away**2).mean()))
        assert score.bias.value == pytest.approx(away.mean())
        assert score.mae.standard_error == pytest.approx(np.abs(away).std(ddof=1) / np.sqrt(len(away)))
        ends = fit.prediction_interval(calibration, horizon=39)
        inside = (ends.low <= holdout.frequency) & (holdout.frequency <= ends.high)
        assert score.coverage.value == pytest.approx(inside.mean())
        assert score.total_interval == ends.total
        assert score.total_error == pytest.approx(value.sum() / 1882 - 1)
        assert test["Pareto/NBD"].total_covered
        assert not test["NBD"].total_covered

    def test_calibration_by_frequency(self, test, split):
        calibration, holdout = split
        table = test.calibration_by_frequency()
        assert list(table["frequency"]) == ["0", "1", "2", "3", "4", "5", "6", "7+"]
        assert table["customers"].sum() == 2357
        assert table["actual"] @ table["customers"] == pytest.approx(1882)
        assert table["BG/NBD"] @ table["customers"] == pytest.approx(test["BG/NBD"].predicted.value)
        many = calibration.frequency >= 7
        assert table["actual"][-1] == pytest.approx(holdout.frequency[many].mean())

    def test_crps_by_its_definition(self):
        # The integral of (F(x) - 1{y <= x})^2 over x, for an empirical F, is the biased form; the scores here are not.
        rng = np.random.default_rng(1)
        counts, actual = rng.poisson(2.0, (5, 400)), rng.poisson(2.0, 5).astype(float)
        scores = _ranked_scores(counts, actual)
        for row in range(5):
            grid = np.arange(30)
            share = (counts[row][:, None] <= grid).mean(axis=0)
            biased = ((share - (actual[row] <= grid)) ** 2).sum()
            apart = np.abs(counts[row][:, None] - counts[row]).mean()
            assert scores[row] == pytest.approx(biased + apart / 2 - apart / 2 * 400 / 399, rel=1e-9)

    def test_a_point_prediction_scores_its_absolute_error(self):
        assert _ranked_scores(np.full((1, 50), 3), np.array([5.0]))[0] == 2

    def test_models_of_others_are_scored_on_what_they_state(self, split):
        test = clm.backtest([Always(), clm.NBD()], *split)
        theirs = test["Always"]
        assert theirs.predicted.value == 2357 / 2
        assert "no distribution" in theirs.crps.undefined
        assert "no prediction intervals" in theirs.coverage.undefined
        assert np.isnan(theirs.total_interval.low)
        assert test.best in {"Always", "NBD"}

    def test_fits_and_posteriors_are_scored_as_they_are(self, split):
        calibration, _ = split
        fit, posterior = clm.NBD().fit(calibration), clm.NBD().fit_posterior(calibration, draws=400)
        test = clm.backtest({"likely": fit, "posterior": posterior}, *split)
        assert test.models == ("likely", "posterior")
        assert test["posterior"].crps.value == pytest.approx(test["likely"].crps.value, rel=0.03)

    def test_the_same_seed_gives_the_same_scores(self, split, test):
        assert clm.backtest(MODELS, *split) == test
        other = clm.backtest(MODELS[:2], *split, rng=4)
        assert other["BG/NBD"].crps.value != test["BG/NBD"].crps.value
        assert other["BG/NBD"].crps.value == pytest.approx(test["BG/NBD"].crps.value, rel=0.01)

    def test_names(self, split):
        assert clm.backtest([clm.NBD(), clm.NBD()], *split).models == ("NBD", "NBD (2)")
        with pytest.raises(clm.InvalidDataError, match="was not tested"):
            clm.backtest([clm.NBD()], *split)["BG/NBD"]

    def test_it_is_a_table_and_travels_whole(self, test):
        table = clm.to_frame(test, "pandas")
        assert list(table["model"]) == list(test.models)
        assert "best" in repr(test)
        assert pickle.loads(pickle.dumps(test)) == test
        assert clm.from_json(clm.to_json(test)) == test

    def test_nobody_came_back(self):
        rfm, holdout = world(1, 300)
        test = clm.backtest([clm.NBD()], rfm, evolve(holdout, frequency=np.zeros(300)))
        assert test["NBD"].actual == 0
        assert np.isnan(test["NBD"].total_error)


class TestRolling:
    def test_each_origin_is_a_test_of_its_own(self):
        orders = clm.datasets.cdnow()
        rolling = clm.backtest(MODELS[:2], orders=orders, origins=["1997-06-30", "1997-09-30"], horizon=26)
        assert rolling.origins == ("1997-06-30", "1997-09-30")
        assert rolling.models == ("NBD", "BG/NBD")
        by_hand = clm.rfm_split(orders, calibrate_through="1997-06-30", through="1997-12-29")
        assert rolling[0] == clm.backtest(MODELS[:2], *by_hand)
        assert rolling[0].duration == 26
        assert rolling.mean_crps["NBD"] == pytest.approx(np.mean([test["NBD"].crps.value for test in rolling]))
        assert rolling.best == "BG/NBD"
        assert rolling.total_coverage["NBD"] == 0
        table = clm.to_frame(rolling, "pandas")
        assert len(table) == 4
        assert list(table["origin"]) == ["1997-06-30", "1997-06-30", "1997-09-30", "1997-09-30"]
        assert "2 origins from 1997-06-30 to 1997-09-30" in repr(rolling)
        assert clm.from_json(clm.to_json(rolling)) == rolling

    def test_without_a_horizon_the_holdouts_run_to_the_end(self):
        rolling = clm.backtest(MODELS[:1], orders=clm.datasets.cdnow(), origins=["1997-09-30"], through="1998-06-30")
        assert rolling[0].duration == 39

    def test_any_frame_and_a_source(self):
        pandas = pytest.importorskip("pandas")
        columns = clm.datasets.cdnow()
        frame = pandas.DataFrame({"who": columns["customer_id"], "when": columns["at"]})
        given = {"origins": ["1997-09-30"], "horizon": 13}
        one = clm.backtest(MODELS[:1], orders=columns, **given)
        assert clm.backtest(MODELS[:1], orders=frame, customer="who", at="when", **given) == one
        source = clm.Source(frame, customer="who", at="when")
        assert clm.backtest(MODELS[:1], orders=source, **given) == one


class TestRecovery:
    def test_the_model_of_the_world_predicts_it(self):
        held, best = 0, 0
        for seed in range(12):
            test = clm.backtest([clm.NBD(), clm.BGNBD()], *world(seed, 1500))
            held += test["BG/NBD"].total_covered
            best += test.best == "BG/NBD"
            assert test["BG/NBD"].coverage.value > 0.94
        assert held >= 9  # 12 intervals of nominally 95 percent: fewer than 9 has a chance of .0002
        assert best == 12

    def test_customers_predicted_right_have_the_least_score(self):
        rfm, holdout = world(7)
        right = clm.BGNBD().with_params({"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.5}, unit="week")
        wrong = clm.BGNBD().with_params({"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}, unit="week")
        test = clm.backtest({"right": right, "wrong": wrong}, rfm, holdout)
        assert test.best == "right"
