"""Results as JSON and back: equal, with the same predictions, and nothing in the text is run."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from tests.strategies import cells, durations

import clm
from clm.persist._registry import _CLASSES, _FUNCTIONS, class_named, function_named, name_of_class


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(clm.datasets.cdnow(), amount="amount", unit="week", through="1997-09-30")


@pytest.fixture(scope="module")
def fit(rfm):
    return clm.BGNBD().fit(rfm)


def again(result):
    return clm.from_json(clm.to_json(result))


def changed(result, **entries):
    return json.dumps(json.loads(clm.to_json(result)) | entries)


ESTIMATE = clm.Estimate(value=3.4, standard_error=0.2, n=75, name="basket", unit="items", definition="Mean items.")


class TestInputs:
    @pytest.mark.parametrize(
        "thing", [3.4, None, {"a": 1}, [ESTIMATE], np.ones(3), object(), clm.BGNBD(), clm.Estimate]
    )
    def test_what_is_no_result_is_refused_by_name(self, thing):
        with pytest.raises(clm.InvalidDataError, match=rf"{type(thing).__name__} cannot be written as JSON. These can"):
            clm.to_json(thing)

    def test_an_interval_by_a_function_of_ones_own_is_refused(self):
        own = clm.stats.propagate(
            np.reciprocal,
            [clm.stats.Quantity.of(ESTIMATE, "basket")],
            name="inverse",
            unit="items",
            definition="One over it.",
        )
        with pytest.raises(clm.InvalidDataError, match="follows from the function reciprocal"):
            clm.to_json(own)

    def test_ids_that_json_does_not_know_are_refused(self):
        odd = clm.Estimate(
            value=[1.0], n=1, name="a", unit="b", definition="c", index=np.array([(1, 2), None], object)[:1]
        )
        with pytest.raises(clm.InvalidDataError, match="holds tuple, which cannot be written"):
            clm.to_json(odd)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
    def test_a_text_cut_off_is_refused(self, fit, share):
        text = clm.to_json(fit)
        with pytest.raises(clm.InvalidDataError, match="cut off"):
            clm.from_json(text[: int(share * len(text))])

    @pytest.mark.parametrize("text", ["", "nonsense", "[1, 2]", "3", "null", '{"type": "Estimate"}', "[" * 100_000])
    def test_what_is_no_result_cannot_be_read(self, text):
        with pytest.raises(clm.InvalidDataError):
            clm.from_json(text)

    @pytest.mark.parametrize("thing", [None, 3, {"schema": 1}, ESTIMATE])
    def test_only_text_is_read(self, thing):
        with pytest.raises(clm.InvalidDataError, match="reads text"):
            clm.from_json(thing)

    def test_a_newer_schema_is_refused_with_its_version(self):
        with pytest.raises(clm.InvalidDataError, match=r"schema version 2, written by clm 9.0; .* Upgrade clm"):
            clm.from_json(changed(ESTIMATE, schema=2, library="9.0"))

    @pytest.mark.parametrize("schema", [0, -1, "1", 1.5, True, None])
    def test_a_schema_that_is_none_is_refused(self, schema):
        with pytest.raises(clm.InvalidDataError, match="schema version"):
            clm.from_json(changed(ESTIMATE, schema=schema))

    @pytest.mark.parametrize("kind", ["Estimates", "os.system", "builtins.eval", "BGNBD", None, 3, ["Estimate"]])
    def test_an_unknown_type_is_refused(self, kind):
        with pytest.raises(clm.InvalidDataError, match="type"):
            clm.from_json(changed(ESTIMATE, type=kind))

    def test_a_near_miss_is_named(self):
        with pytest.raises(clm.InvalidDataError, match="Did you mean 'Estimate'"):
            clm.from_json(changed(ESTIMATE, type="Estimat"))

    @pytest.mark.parametrize(
        "entries",
        [
            {"value": "many"},
            {"value": {"a": 1}},
            {"value": [1, "a"]},
            {"value": [[1.0], [1.0, 2.0]]},
            {"value": {"dtype": "V8", "shape": [1], "values": [1]}},
            {"value": {"dtype": "float64", "shape": [7], "values": [1]}},
            {"value": {"dtype": "float64"}},
            {"name": 3},
            {"name": None},
            {"n": -1},
            {"band": {"type": "Gone"}},
            {"band": {"function": "os.system"}},
            {"unbounded_above": {"value": [99]}},
            {"unbounded_above": [1]},
            {"caveats": {"pairs": [1]}},
        ],
    )
    def test_fields_that_make_no_result_are_refused(self, entries):
        with pytest.raises(clm.InvalidDataError):
            clm.from_json(changed(ESTIMATE, **entries))

    def test_a_field_that_is_not_there_is_named(self):
        written = json.loads(clm.to_json(ESTIMATE))
        del written["definition"]
        with pytest.raises(clm.InvalidDataError, match=r"whole Estimate.*definition"):
            clm.from_json(json.dumps(written))

    @pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
    def test_what_is_not_json_is_refused(self, constant):
        with pytest.raises(clm.InvalidDataError, match=f"{constant} is no JSON"):
            clm.from_json(clm.to_json(ESTIMATE).replace("3.4", constant))

    def test_bytes_are_text_too(self):
        assert clm.from_json(clm.to_json(ESTIMATE).encode()) == ESTIMATE


class TestText:
    def test_it_says_what_wrote_it(self):
        written = json.loads(clm.to_json(ESTIMATE))
        assert (written["schema"], written["library"], written["type"]) == (1, clm.__version__, "Estimate")
        assert (written["value"], written["undefined"], written["n"]) == (3.4, None, 75)

    def test_undefined_is_null_with_the_reason(self):
        undefined = clm.Estimate(value=np.nan, n=0, name="a", unit="b", definition="c", undefined="nobody came")
        written = json.loads(clm.to_json(undefined))
        assert written["value"] is None
        assert written["undefined"] == "nobody came"
        assert again(undefined) == undefined

    def test_an_end_without_a_bound_is_null_and_said_so(self):
        interval = clm.Interval(low=2.0, high=np.inf, level=0.9, method="m")
        written = json.loads(clm.to_json(interval))
        assert (written["low"], written["high"], written["unbounded"]) == (2.0, None, True)
        assert again(interval) == interval
        assert "unbounded" not in json.loads(clm.to_json(clm.Interval(low=2.0, high=3.0, level=0.9, method="m")))

    def test_ends_missing_and_without_a_bound_are_told_apart(self):
        interval = clm.Interval(low=[np.nan, -np.inf, 0.0], high=[np.inf, np.inf, np.nan], level=0.9, method="m")
        assert json.loads(clm.to_json(interval))["low"] == [None, None, 0.0]
        assert again(interval) == interval

    def test_text_is_written_as_it_is(self):
        named = clm.Estimate(value=1.0, n=1, name="Größe", unit="€", definition='Says "so".\n')
        assert "Größe" in clm.to_json(named)
        assert again(named) == named


class TestConsistency:
    @given(cells())
    def test_estimates_come_back_equal(self, estimate):
        assert again(estimate) == estimate
        assert again(estimate).confidence_interval(0.8) == estimate.confidence_interval(0.8)

    @given(durations())
    def test_durations_come_back_equal(self, given_durations):
        assert again(given_durations) == given_durations

    @pytest.mark.parametrize("model", [clm.NBD, clm.BGNBD, clm.MBGNBD, clm.ParetoNBD])
    def test_a_fit_predicts_the_same_to_the_bit(self, rfm, model):
        fit = model().fit(rfm)
        read = again(fit)
        assert read == fit
        rate = clm.Discount(0.1, per="year")
        for ask in (
            lambda fit: fit.expected_purchases(rfm, horizon=39),
            lambda fit: fit.expected_purchases(rfm, horizon=39).sum(),
            lambda fit: fit.expected_purchases(horizon=np.arange(1.0, 53)),
            lambda fit: fit.probability_alive(rfm),
            lambda fit: fit.residual_purchases(rfm, discount=rate),
            lambda fit: fit.prediction_interval(rfm, horizon=39),
        ):
            assert ask(read) == ask(fit)
            assert again(ask(fit)) == ask(fit)
        drawn, drawn_again = (each.simulate(50, horizon=9, rng=1) for each in (fit, read))
        assert all(np.array_equal(drawn[name], drawn_again[name]) for name in drawn)

    def test_bg_bb_and_given_parameters(self):
        donors = clm.BGBB().fit(clm.datasets.donations())
        assert again(donors) == donors
        given_fit = clm.NBD().with_params({"r": 0.4, "alpha": 12.0}, unit="day")
        assert again(given_fit) == given_fit
        assert np.isnan(again(given_fit).loglik)

    def test_gamma_gamma_and_its_value(self, rfm, fit):
        spend = clm.GammaGamma().fit(rfm)
        assert again(spend) == spend
        rate = clm.Discount(0.1, per="year")
        value = clm.lifetime_value(fit, rfm, order_value=spend, horizon=52, discount=rate, margin=0.4)
        assert again(value) == value
        assert again(value).sum() == value.sum()

    def test_a_fit_at_the_edge(self):
        alike = clm.RFM.from_arrays([1, 1, 2, 0, 1], [3, 4, 5, 0, 2], [9, 9, 9, 9, 9])
        with pytest.warns(clm.IdentifiabilityWarning):
            edge = clm.ParetoNBD().fit(alike)
        assert again(edge) == edge

    @pytest.mark.parametrize(
        "make",
        [
            lambda: clm.nps([10, 9, 8, 3, None]),
            lambda: clm.nps([10, 9, 8, 3], population=9),
            lambda: clm.csat([4, 3, 1], scale=clm.Scale.nsat(), scoring="nsat").estimate,
            lambda: clm.product_market_fit([3, 1, 2]),
            lambda: clm.sus([[4, 2, 5, 1, 4, 2, 4, 2, 5, 1]]),
            lambda: clm.health_score({"usage": [1, 2], "nps": [3, None]}, {"usage": 1, "nps": 2}, bands={"red": 0}),
            lambda: clm.rake({"plan": ["a", "b", "a"]}, {"plan": {"a": 1, "b": 2}}),
            lambda: clm.nonresponse_bounds(clm.nps([10, 3]), 0.2),
            lambda: clm.drivers({"score": [9, 3, 8, 2], "speed": [5, 2, 5, 1]}, ["speed"], resamples=20),
            lambda: clm.csat([5, 4, 3, 1]),
            lambda: clm.ces([7, 5, 4, 2], scale=clm.Scale(1, 7)),
            lambda: clm.Scale(1, 5, bottom=2, top=4),
            lambda: clm.compare(clm.nps([10, 9, 8, 3]), clm.nps([10, 9, 8, 9])),
            lambda: clm.compare({"a": clm.nps([10, 3]), "b": clm.nps([9, 9]), "c": clm.nps([1, 9, 9])}),
            lambda: clm.compare(clm.nps([10, 9, 8, 3]), clm.nps([10, 9, 8, 9])).equivalence(margin=10),
            lambda: clm.churn_ltv(revenue=50, margin=0.8, churned=5, customers_at_start=100),
            lambda: clm.churn_ltv(revenue=50, margin=0.8, churned=0, customers_at_start=100),
            lambda: clm.roi(100, clm.cac(1000, 20)),
            lambda: clm.ltv_to_cac(clm.cac(3000, 20), clm.cac(1000, 20)),
            lambda: clm.payback_period(clm.cac(1000, 20), 10, retention=0.9),
            lambda: clm.churn_rate(customers_at_start=100, churned=8, churned_new=2, new=20, convention="average"),
            lambda: clm.ab_test([120, 150], [1000, 1000]),
            lambda: clm.ab_test([120, 150], [1000, 1000]).uplift,
            lambda: clm.kaplan_meier(clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week")),
            lambda: clm.kaplan_meier(clm.Durations([3, 5, 5, 8], [True, False, False, False])).median,
            lambda: clm.RFM.from_arrays([2, 0], [30.43, 0], [38.86, 38.86], weights=[2, 3], customer=["ann", "bob"]),
            lambda: clm.RFM.from_arrays([], [], []),
            lambda: clm.Discount(0.1, per="year"),
            lambda: clm.nelson_aalen(clm.Durations([3, 5, 5, 8], [True, True, False, True])),
            lambda: clm.log_rank([clm.Durations([3, 5, 8], [True, True, False]), clm.Durations([2, 4], [True, True])]),
            lambda: clm.by({"plan": ["a", "b", "a"], "score": [10, 9, 3]}, "plan", clm.nps),
            lambda: clm.churn_threshold(clm.datasets.cdnow()),
            lambda: clm.stickiness(clm.datasets.cdnow(), period="month"),
            lambda: clm.growth_accounting(clm.datasets.cdnow(), period="month"),
            lambda: clm.funnel(
                {"customer_id": ["a", "a"], "at": ["2025-01-01", "2025-01-02"], "kind": ["v", "o"]}, ["v", "o"]
            ),
            clm.lifecycles.five_stage,
            clm.lifecycles.saas,
            lambda: clm.Estimate(value=[], n=0, name="a", unit="b", definition="c"),
            lambda: clm.Estimate(value=[[1.0, 2.0]], n=[[1, 2]], name="a", unit="b", definition="c"),
            lambda: clm.Estimate(value=[1.0, 2.0], n=1, name="a", unit="b", definition="c", index=["x", "y"]),
            lambda: clm.Estimate(value=[1.0], n=1, name="a", unit="b", definition="c", index=np.array([None], object)),
        ],
    )
    def test_results_come_back_equal(self, make):
        result = make()
        assert again(result) == result
        assert repr(again(result)) == repr(result)
        assert clm.to_json(again(result)) == clm.to_json(result)

    @pytest.mark.parametrize("entry", ["first", "recurring"])
    def test_retention_comes_back_equal(self, entry):
        log = {"customer_id": ["ann", "ann", "bob", "bob"], "at": ["2025-01-06", "2025-01-14"] * 2}
        definition = clm.RetentionDefinition(entry=entry)
        table = clm.retention_table(log, definition, through="2025-01-26")
        difference = table.difference("2025-01-06", "2025-01-13")
        flows = clm.growth_accounting(log, through="2025-02-02")
        rates = (table.rates(), table.shrunken_rates(), table.curve(), table.curve(average="simple"))
        for result in (table, *rates, difference, flows.quick_ratio(), clm.activity_log(log, definition)):
            assert again(result) == result
            assert clm.to_json(again(result)) == clm.to_json(result)

    def test_histories_and_cohorts_come_back_equal(self, rfm):
        assert again(rfm) == rfm
        _, holdout = clm.rfm_split(
            clm.datasets.cdnow(), amount="amount", calibrate_through="1997-09-30", through="1998-06-30"
        )
        assert again(holdout) == holdout
        value = clm.cohort_ltv(clm.datasets.cdnow(), amount="amount", period="month")
        assert again(value) == value

    def test_a_score_card_comes_back_equal(self):
        answers = {"kind": ["nps"] * 4, "at": ["2025-03-01"] * 4, "score": [10, 9, 8, 3]}
        base = clm.CustomerBase(answers=answers)
        card = clm.scorecard(base, baseline={"nps": 20}, targets={"nps": 40})
        assert again(card) == card
        assert again(card)["nps"].progress == card["nps"].progress

    def test_what_comes_back_cannot_be_written_to(self, fit, rfm):
        read = again(fit.expected_purchases(rfm, horizon=9))
        with pytest.raises(ValueError, match="read-only"):
            read.value[0] = 1.0


class TestRegistry:
    @pytest.mark.parametrize("name", sorted(_CLASSES))
    def test_every_name_stands_for_a_class_that_knows_its_name(self, name):
        assert name_of_class(class_named(name)) == name

    @pytest.mark.parametrize("name", sorted(_FUNCTIONS))
    def test_every_formula_is_there(self, name):
        assert callable(function_named(name))

    def test_other_things_of_those_names_are_not_taken_for_them(self):
        class Estimate:
            pass

        assert name_of_class(Estimate) is None
