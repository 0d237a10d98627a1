"""A frame of orders in, a frame of the same kind out, one row a customer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tests.frames.engines import ENGINES

import clm

PARAMS = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
FIT = clm.BGNBD().with_params(PARAMS, unit="week")
DAY = datetime(2025, 1, 1, tzinfo=UTC)
COLUMNS = {
    "customer_id": ["bob", "ann", "ann", "cyd", "ann", "bob", "dan"],
    "at": [DAY + timedelta(days) for days in (2, 0, 14, 5, 30, 40, 41)],
    "amount": [35.0, 20.0, 30.0, 12.0, 25.0, 10.0, 5.0],
}
PLAIN = {**COLUMNS, "at": [str(at.date()) for at in COLUMNS["at"]]}


def as_columns(frame):
    """Return the columns of any frame as lists."""
    if isinstance(frame, dict):
        return {name: column.tolist() for name, column in frame.items()}
    if hasattr(frame, "fetchnumpy"):
        names = frame.columns
        return dict(zip(names, (list(column) for column in zip(*frame.fetchall(), strict=True)), strict=True))
    if hasattr(frame, "collect"):
        frame = frame.collect()
    if hasattr(frame, "to_pydict"):
        return frame.to_pydict()
    return {name: frame[name].to_list() for name in frame.columns}


@pytest.fixture(scope="module")
def cdnow():
    return clm.datasets.cdnow()


@pytest.fixture(scope="module")
def rfm(cdnow):
    return clm.rfm(cdnow, amount="amount", through="1997-09-30")


class TestInputs:
    @pytest.mark.parametrize("fit", [None, 3, clm.BGNBD(), clm.BGNBD, "BG/NBD"])
    def test_what_is_no_fit(self, fit):
        with pytest.raises(clm.InvalidDataError, match="fitted purchase model"):
            clm.score(PLAIN, fit, horizon=9)

    @pytest.mark.parametrize("horizon", [-1, None, "a year", np.nan, [1, 2]])
    def test_horizons_are_numbers_from_0_on(self, horizon):
        with pytest.raises(clm.InvalidDataError, match="horizon"):
            clm.score(PLAIN, FIT, horizon=horizon)

    @pytest.mark.parametrize("level", [0, 1, 95])
    def test_levels_lie_inside_0_and_1(self, level):
        with pytest.raises(clm.InvalidDataError, match="level"):
            clm.score(PLAIN, FIT, horizon=9, level=level)

    def test_columns_that_are_not_there(self):
        with pytest.raises(clm.InvalidDataError, match="no column 'who'"):
            clm.score(PLAIN, FIT, horizon=9, customer="who")
        with pytest.raises(clm.InvalidDataError, match="not a dataframe"):
            clm.score([1, 2], FIT, horizon=9)

    def test_order_values_need_amounts(self):
        spend = clm.GammaGamma().with_params({"p": 6.25, "q": 3.74, "v": 15.45})
        without = {name: column for name, column in PLAIN.items() if name != "amount"}
        with pytest.raises(clm.InvalidDataError, match="amount"):
            clm.score(without, FIT, horizon=9, order_value=spend)

    def test_one_order_value_for_all(self):
        with pytest.raises(clm.InvalidDataError, match="one number, an estimate or a model"):
            clm.score(PLAIN, FIT, horizon=9, order_value=[1.0, 2.0, 3.0, 4.0])
        with pytest.raises(clm.InvalidDataError, match="negative"):
            clm.score(PLAIN, FIT, horizon=9, order_value=-1.0)

    def test_nobody(self):
        with pytest.raises(clm.InvalidDataError, match="no row"):
            clm.score({"customer_id": [], "at": []}, FIT, horizon=9)


class TestFrames:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_every_frame_comes_back_as_its_kind_with_the_same_numbers(self, engine, tmp_path):
        orders = ENGINES[engine](COLUMNS, tmp_path)
        asked = {"horizon": 52, "order_value": 20.0, "through": "2025-03-01"}
        scored = clm.score(orders, FIT, **asked)
        assert isinstance(scored, type(orders))
        columns, expected = as_columns(scored), as_columns(clm.score(PLAIN, FIT, **asked))
        assert list(columns) == list(expected)
        assert list(columns["customer_id"]) == ["ann", "bob", "cyd", "dan"]
        for name in list(columns)[1:]:
            assert np.array(columns[name], float) == pytest.approx(np.array(expected[name]), rel=1e-12, nan_ok=True)

    def test_a_relation_stays_on_its_connection(self):
        duckdb, pyarrow = pytest.importorskip("duckdb"), pytest.importorskip("pyarrow")
        connection = duckdb.connect()
        connection.register("orders", pyarrow.table(PLAIN))
        scored = clm.score(connection.table("orders"), FIT, horizon=9, through="2025-03-01")
        joined = scored.set_alias("s").join(connection.table("orders").set_alias("o"), "s.customer_id = o.customer_id")
        assert len(joined.fetchall()) == 7

    def test_a_source_and_other_names(self):
        renamed = {"who": PLAIN["customer_id"], "when": PLAIN["at"]}
        scored = clm.score(renamed, FIT, horizon=9, customer="who", at="when", through="2025-03-01")
        source = clm.score(clm.Source(renamed, customer="who", at="when"), FIT, horizon=9, through="2025-03-01")
        assert list(scored) == list(source)
        assert all(np.array_equal(scored[name], source[name], equal_nan=name != "customer_id") for name in scored)

    def test_nothing_can_be_written_to_a_mapping(self):
        scored = clm.score(PLAIN, FIT, horizon=9)
        with pytest.raises(ValueError, match="read-only"):
            scored["expected_purchases"][0] = 1.0


class TestConsistency:
    def test_it_says_what_the_fit_says(self, cdnow, rfm):
        fit, spend = clm.BGNBD().fit(rfm), clm.GammaGamma().fit(rfm)
        rate = clm.Discount(0.1, per="year")
        scored = clm.score(
            cdnow, fit, horizon=52, order_value=spend, discount=rate, margin=0.4, through="1997-09-30", level=0.8
        )
        expected = fit.expected_purchases(rfm, horizon=52)
        value = clm.lifetime_value(fit, rfm, order_value=spend, horizon=52, discount=rate, margin=0.4)
        assert np.array_equal(scored["customer_id"], rfm.customer)
        assert np.array_equal(scored["expected_purchases"], expected.value)
        assert np.array_equal(scored["expected_purchases_low"], expected.confidence_interval(0.8).low)
        assert np.array_equal(scored["expected_purchases_high"], expected.confidence_interval(0.8).high)
        assert np.array_equal(scored["probability_alive"], fit.probability_alive(rfm).value)
        assert np.array_equal(scored["expected_order_value"], spend.expected_order_value(rfm).value)
        assert np.array_equal(scored["value"], value.value)
        assert np.array_equal(scored["value_low"], value.confidence_interval(0.8).low)

    def test_without_an_order_value_there_are_no_values(self):
        assert list(clm.score(PLAIN, FIT, horizon=9)) == [
            "customer_id", "expected_purchases", "expected_purchases_low", "expected_purchases_high",
            "probability_alive",
        ]  # fmt: skip

    def test_histories_are_built_in_the_unit_of_the_fit(self):
        days = clm.BGNBD().with_params({**PARAMS, "alpha": 4.414 * 7}, unit="day")
        in_days = clm.score(PLAIN, days, horizon=63, through="2025-03-01")
        in_weeks = clm.score(PLAIN, FIT, horizon=9, through="2025-03-01")
        assert in_days["expected_purchases"] == pytest.approx(in_weeks["expected_purchases"], rel=1e-9)

    def test_given_parameters_have_no_limits(self):
        scored = clm.score(PLAIN, FIT, horizon=9)
        assert np.isnan(scored["expected_purchases_low"]).all()
        assert np.isfinite(scored["expected_purchases"]).all()

    def test_a_posterior_scores_too(self, cdnow, rfm):
        fit = clm.NBD().fit_posterior(rfm, draws=400, rng=1)
        scored = clm.score(cdnow, fit, horizon=9, through="1997-09-30")
        assert (scored["expected_purchases_low"] < scored["expected_purchases_high"]).all()
        assert (scored["probability_alive"] == 1).all()

    def test_models_of_others_need_not_know_who_is_alive(self):
        class Flat:
            unit = "week"

            def expected_purchases(self, rfm, *, horizon):
                return clm.Estimate(value=np.full(len(rfm), 2.0), n=1, name="a", unit="purchases", definition="Two.")

        scored = clm.score(PLAIN, Flat(), horizon=9)
        assert "probability_alive" not in scored
        assert (scored["expected_purchases"] == 2).all()

    def test_no_time_no_purchases(self):
        scored = clm.score(PLAIN, FIT, horizon=0, order_value=10.0)
        assert (scored["expected_purchases"] == 0).all()
        assert (scored["value"] == 0).all()
