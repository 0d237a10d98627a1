from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import finite

import clm
from clm.errors import ConvergenceError, InvalidDataError, PluginWarning, UnknownMetricError
from clm.metrics import ScorecardRow


def answers(scores):
    return {"at": ["2025-03-01"] * len(scores), "kind": ["nps"] * len(scores), "score": scores}


def base_with_nps(*scores):
    return clm.CustomerBase(answers=answers(scores), through="2025-03-31")


def row(value, *, baseline=None, target=None, direction="higher"):
    estimate = clm.Estimate(value=value, standard_error=1.0, n=10, name="x", unit="points", definition="X.")
    return ScorecardRow(
        name="x", stage="loyalty", description="", unit="points", direction=direction,
        estimate=estimate, baseline=baseline, target=target,
    )  # fmt: skip


@frozen
class Metric:
    name: str = "mine"
    stage: str = "care"
    needs: tuple = ()
    unit: str = "points"
    direction: str = "higher"
    raises: object = None

    def measure(self, base):
        if self.raises is not None:
            raise self.raises
        return clm.Estimate(value=3.0, standard_error=1.0, n=4, name=self.name, unit="points", definition="Three.")


@pytest.fixture(scope="module")
def card(simulated):
    return clm.scorecard(
        simulated.between("2024-01-01"),
        baseline=simulated.between("2023-01-01", "2023-12-31"),
        targets={"nps": 58, "churn_rate": 0.06},
    )


class TestProgress:
    """Formulas by hand: progress = (value - baseline) / (target - baseline)."""

    @pytest.mark.parametrize(
        ("baseline", "value", "target", "direction", "progress", "met"),
        [
            (30, 38, 50, "higher", 0.4, False),  # field example: 30 -> 50, now 38
            (0.08, 0.06, 0.05, "lower", 2 / 3, False),  # churn from 8 to 5 percent, now 6
            (30, 60, 50, "higher", 1.5, True),  # exceeded: not cut
            (30, 20, 50, "higher", -0.5, False),  # moved away: not cut
            (30, 50, 50, "higher", 1.0, True),
            (8, 5, 5, "lower", 1.0, True),
            (-20, 0, 20, "higher", 0.5, False),
        ],
    )
    def test_progress_and_met(self, baseline, value, target, direction, progress, met):
        found = row(value, baseline=baseline, target=target, direction=direction)
        assert found.progress == pytest.approx(progress)
        assert found.met is met
        assert found.undefined is None

    def test_no_way_to_go_is_said(self):
        found = row(38.0, baseline=50, target=50)
        assert found.progress is None
        assert "target equals the baseline" in found.undefined
        assert found.met is False

    def test_a_change_from_zero_has_no_relative_size(self):
        found = row(5.0, baseline=0)
        assert (found.change, found.relative_change) == (5, None)
        assert "baseline is 0" in found.undefined

    def test_relative_change_keeps_the_sign_of_the_change(self):
        assert row(-10.0, baseline=-20).relative_change == pytest.approx(0.5)
        assert row(10.0, baseline=20).relative_change == pytest.approx(-0.5)

    def test_without_baseline_or_target(self):
        found = row(5.0)
        assert (found.baseline, found.change, found.relative_change) == (None, None, None)
        assert (found.target, found.progress, found.met, found.undefined) == (None, None, None, None)
        assert row(5.0, target=4).met is True

    @given(baseline=finite, value=finite, target=finite)
    def test_progress_reads_the_same_in_both_directions(self, baseline, value, target):
        up, down = (
            row(v, baseline=b, target=t) for v, b, t in ((value, baseline, target), (-value, -baseline, -target))
        )
        assert up.progress == down.progress
        assert (up.progress is None) == (baseline == target)


class TestInputs:
    def test_an_unknown_target_says_the_nearest(self):
        with pytest.raises(UnknownMetricError, match=r"targets names 'npss', which is no metric\. Did you mean 'nps'"):
            clm.scorecard(base_with_nps(9), targets={"npss": 50})

    def test_an_unknown_baseline_says_the_nearest(self):
        with pytest.raises(UnknownMetricError, match="baseline names 'chrun_rate'"):
            clm.scorecard(base_with_nps(9), baseline={"chrun_rate": 0.1})

    def test_a_target_of_a_metric_that_is_not_on_this_card_is_fine(self):
        card = clm.scorecard(base_with_nps(9), metrics=["nps"], targets={"churn_rate": 0.06, "nps": 50})
        assert [found.target for found in card.rows] == [50]

    @pytest.mark.parametrize("target", [np.nan, np.inf, "58", True, None, [1], "x"])
    def test_a_target_is_a_finite_number(self, target):
        with pytest.raises(InvalidDataError, match="the target of 'nps' must be a finite number"):
            clm.scorecard(base_with_nps(9), targets={"nps": target})

    @pytest.mark.parametrize("numbers", [{"targets": {"churn_rate": 6}}, {"baseline": {"churn_rate": 6}}])
    def test_percents_are_not_taken_for_fractions(self, numbers):
        with pytest.raises(InvalidDataError, match=r"'churn_rate' is a fraction .* not 6. Give 0.06 for 6 percent"):
            clm.scorecard(base_with_nps(9), **numbers)

    def test_options_make_no_stranger_of_a_metric(self):
        metric = clm.metrics.RepeatPurchaseRate(within_days=365)
        with pytest.raises(InvalidDataError, match="is a fraction"):
            clm.scorecard(base_with_nps(9), metrics=[metric], targets={"repeat_purchase_rate": 40})

    def test_a_plugged_in_fraction_may_pass_one(self):
        metric = Metric(name="net_revenue_retention", unit="fraction")
        assert (
            clm.scorecard(base_with_nps(9), metrics=[metric], targets={metric.name: 1.03})[metric.name].target == 1.03
        )

    def test_targets_are_a_mapping(self):
        with pytest.raises(InvalidDataError, match="targets is a mapping"):
            clm.scorecard(base_with_nps(9), targets=[("nps", 50)])

    @pytest.mark.parametrize("baseline", [30, "last year", [1]])
    def test_a_baseline_is_a_base_a_card_or_a_mapping(self, baseline):
        with pytest.raises(InvalidDataError, match="baseline is a CustomerBase, a Scorecard or a mapping"):
            clm.scorecard(base_with_nps(9), baseline=baseline)

    def test_currencies_do_not_mix(self):
        with pytest.raises(InvalidDataError, match="the baseline is in EUR, the base in USD"):
            clm.scorecard(base_with_nps(9), baseline=evolve(base_with_nps(9), currency="EUR"))

    def test_it_measures_a_base(self):
        for measure in (clm.scorecard, lambda base: clm.metrics.measure("nps", base)):
            with pytest.raises(InvalidDataError, match="metrics measure a CustomerBase, not dict"):
                measure({"orders": None})

    def test_one_name_is_no_collection(self):
        with pytest.raises(InvalidDataError, match=r"write \['nps'\]"):
            clm.scorecard(base_with_nps(9), metrics="nps")

    def test_a_metric_occurs_once(self):
        with pytest.raises(InvalidDataError, match="'nps' occurs twice"):
            clm.scorecard(base_with_nps(9), metrics=["nps", clm.metrics.get("nps")])

    def test_unknown_rows_and_metrics(self):
        with pytest.raises(UnknownMetricError, match="Did you mean 'csat'"):
            clm.scorecard(base_with_nps(9), metrics=["cast"])
        with pytest.raises(UnknownMetricError, match="this card has no row 'csat'"):
            clm.scorecard(base_with_nps(9), metrics=["nps"])["csat"]


class TestMissing:
    def test_a_base_without_tables_says_so_in_every_row(self):
        card = clm.scorecard(clm.CustomerBase())
        assert len(card) == len(clm.metrics.names())
        assert all(np.isnan(found.value) and "this base has no" in found.undefined for found in card)
        assert "CustomerBase(answers=...)" in card["nps"].undefined

    @pytest.mark.parametrize("table", ["orders", "touchpoints", "customers", "answers", "channels"])
    def test_without_one_table_the_others_still_count(self, table, simulated):
        card = clm.scorecard(evolve(simulated, **{table: None}))
        assert sum(found.estimate.undefined is None for found in card) > 0

    def test_tables_without_rows(self, simulated):
        empty = {
            table: {name: values[:0] for name, values in getattr(simulated, table).items()}
            for table in clm.metrics.TABLES
        }
        card = clm.scorecard(evolve(simulated, **empty))
        assert all("has no rows" in found.undefined for found in card)

    def test_an_undefined_value_has_no_progress(self):
        found = clm.scorecard(clm.CustomerBase(), metrics=["nps"], baseline={"nps": 10}, targets={"nps": 50})["nps"]
        assert np.isnan(found.value)
        assert (found.baseline, found.target) == (10, 50)
        assert (found.change, found.progress, found.met) == (None, None, None)

    def test_an_undefined_baseline_says_why(self):
        card = clm.scorecard(base_with_nps(9, 10), baseline=clm.CustomerBase(), targets={"nps": 50})
        found = card["nps"]
        assert np.isnan(found.baseline)
        assert "the baseline is undefined: this base has no answers" in found.undefined
        assert (found.value, found.change, found.progress, found.met) == (100, None, None, True)

    def test_unreadable_orders_raise(self):
        base = clm.CustomerBase(orders={"id": [1], "at": ["2025-01-01"]})
        with pytest.raises(InvalidDataError, match="orders has no column 'customer_id'"):
            clm.scorecard(base)

    def test_a_stranger_that_fails_costs_his_own_row(self):
        with pytest.warns(PluginWarning, match="mine: the metric failed with ZeroDivisionError: no wallet"):
            card = clm.scorecard(base_with_nps(9), metrics=["nps", Metric(raises=ZeroDivisionError("no wallet"))])
        assert card["nps"].value == 100
        assert "ZeroDivisionError: no wallet" in card["mine"].undefined

    def test_a_fit_that_does_not_converge_is_a_reason(self):
        card = clm.scorecard(base_with_nps(9), metrics=[Metric(raises=ConvergenceError("stopped early"))])
        assert card["mine"].undefined == "stopped early"


class TestCard:
    def test_stages_come_in_order_and_foreign_ones_last(self):
        card = clm.scorecard(base_with_nps(9), metrics=[Metric(), "nps", "impressions"])
        assert list(card.by_stage()) == ["reach", "loyalty", "care"]
        assert [found.name for found in card] == ["impressions", "nps", "mine"]

    def test_rows_are_their_metrics_measured(self, card, simulated):
        period = simulated.between("2024-01-01")
        for found in card:
            assert found.estimate == clm.metrics.measure(found.name, period)

    def test_a_baseline_is_the_same_whatever_it_is_given_as(self, card, simulated):
        before = clm.scorecard(simulated.between("2023-01-01", "2023-12-31"))
        numbers = {found.name: found.value for found in before if found.estimate.undefined is None}
        for baseline in (before, numbers, {found.name: found.estimate for found in before}):
            other = clm.scorecard(simulated.between("2024-01-01"), metrics=["nps", "churn_rate"], baseline=baseline)
            assert [found.baseline for found in other] == [card["churn_rate"].baseline, card["nps"].baseline]

    def test_currency_stands_for_the_base_s_own(self, simulated):
        card = clm.scorecard(evolve(simulated, currency="EUR"), metrics=["average_order_value"])
        assert card["average_order_value"].unit == card["average_order_value"].estimate.unit == "EUR"

    def test_columns_are_equally_long(self, card):
        columns = card.to_columns()
        assert {len(values) for values in columns.values()} == {len(card)}
        at = [found.name for found in card].index("nps")
        assert columns["low"][at] < columns["value"][at] < columns["high"][at]
        assert columns["target"][at] == 58
        assert columns["value"].dtype == columns["progress"].dtype == np.float64
        narrow = card.to_columns(0.5)
        assert columns["low"][at] < narrow["low"][at] < narrow["value"][at]

    def test_columns_of_no_rows(self):
        columns = clm.scorecard(base_with_nps(9), metrics=[]).to_columns()
        assert {len(values) for values in columns.values()} == {0}

    def test_dict_goes_through_json(self, card):
        found = json.loads(json.dumps(card.to_dict(), allow_nan=False))
        nps = next(each for each in found["rows"] if each["name"] == "nps")
        assert nps["target"] == 58
        assert nps["estimate"]["interval"]["level"] == 0.95
        assert found["currency"] == "USD"

    def test_undefined_is_null_with_its_reason(self):
        found = json.loads(json.dumps(clm.scorecard(clm.CustomerBase(), metrics=["nps"]).to_dict(), allow_nan=False))
        assert found["rows"][0]["value"] is None
        assert "no answers" in found["rows"][0]["undefined"]

    def test_text_is_aligned_and_says_everything(self, card):
        lines = repr(card).splitlines()
        assert lines[0] == "Scorecard, from 2024-01-01 through 2024-12-31"
        heading = next(line for line in lines if line.startswith("stage"))
        line = next(line for line in lines if "churn_rate" in line)
        at = heading.index("metric")
        assert line[at:].startswith("churn_rate")
        words = "stage metric value unit 95% interval n baseline change target progress met"
        assert heading.split() == words.split()

    def test_text_without_baseline_has_no_empty_columns(self):
        assert "baseline" not in repr(clm.scorecard(base_with_nps(9), metrics=["nps"]))

    def test_html_is_escaped(self):
        card = clm.scorecard(base_with_nps(9), metrics=[Metric(name="<script>alert(1)</script>", stage='"&<b>')])
        page = card._repr_html_()
        assert "<script>" not in page
        assert "<b>" not in page
        assert "&lt;script&gt;" in page

    def test_immutable_picklable_comparable(self, card, simulated):
        assert pickle.loads(pickle.dumps(card)) == card
        assert clm.scorecard(simulated, metrics=["nps"]) == clm.scorecard(evolve(simulated), metrics=["nps"])
        assert card != clm.scorecard(simulated)
        with pytest.raises(AttributeError):
            card.rows = ()
        with pytest.raises(AttributeError):
            card.rows[0].target = 1

    @given(st.permutations(["nps", "csat", "impressions", "churn_rate"]))
    def test_order_of_metrics_changes_no_value(self, simulated, order):
        card = clm.scorecard(simulated, metrics=order)
        assert {found.name: found.value for found in card} == {
            name: clm.metrics.measure(name, simulated).value for name in order
        }
