"""Scores that know who answered: paired waves, and several answers a customer."""

import pickle

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import clm
from clm.errors import InvalidDataError

DUCKDB = duckdb.connect()
FRAMES = {
    "mapping": dict,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "pyarrow": pa.table,
    "duckdb": lambda columns: DUCKDB.from_arrow(pa.table(columns)),
}
SPRING = {"customer_id": ["ann", "bob", "cem", "dan"], "score": [9, 6, 8, 3]}
SUMMER = {"customer_id": ["bob", "ann", "dan", "eve"], "score": [9, 10, None, 0]}
TICKETS = {
    "customer_id": ["ann", "ann", "bob", None, "ann", "bob", "cem"],
    "at": ["2025-01-02", "2025-01-05", "2025-01-06", "2025-01-07", "2025-02-01", "2025-02-03", "2025-02-04"],
    "score": [2, 9, 10, 0, 9, 8, None],
}

waves = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=30)


def codes(answers):
    answers = np.asarray(answers)
    return 100.0 * ((answers >= 9).astype(int) - (answers <= 6))


class TestInputs:
    @pytest.mark.parametrize(
        ("first", "second", "options", "match"),
        [
            ([9], [9, 8], {}, "the first wave has 1 answers, the second 2"),
            ([9], SPRING, {}, "one wave is a sequence and the other a frame"),
            ([9], [11], {}, "11 is above it"),
            ([9], [9], {"kind": "sus"}, "kind='sus' is not one of 'nps', 'csat', 'ces'"),
            ([9], [9], {"scale": 10}, "scale must be a clm.Scale"),
            ([9], [9], {"scale": clm.Scale(1, 5)}, "customary boxes on 0 to 10 only"),
            ([9], [9], {"customer": "id"}, "the waves are sequences"),
            (SPRING, SPRING | {"customer_id": [1, 2, 3, 4]}, {}, "text in one wave and whole numbers in the other"),
            (SPRING, SPRING | {"customer_id": ["ann"] * 4}, {}, "1 respondents answered more than once in the second"),
            (SPRING, {"customer_id": ["ann"]}, {}, "the second wave has no column 'score'"),
        ],
    )  # fmt: skip
    def test_waves_that_cannot_be_paired_are_refused(self, first, second, options, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.compare_paired(first, second, **options)

    @pytest.mark.parametrize(
        ("change", "options", "match"),
        [
            ({}, {"rule": "latest"}, "Did you mean 'last'"),
            ({}, {"kind": "sus"}, "kind='sus' is not one of"),
            ({"at": ["2025-01-02", None] + ["2025-01-05"] * 5}, {}, "1 of 5 answers have no time, first at row 1"),
            ({"score": [11] * 7}, {}, "11 is above it"),
            ({"customer_id": [1.5] * 7}, {}, "no ids"),
        ],
    )
    def test_answers_that_cannot_be_attributed_are_refused(self, change, options, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.score_per_customer(TICKETS | change, **options)

    def test_nobody_in_both_waves_is_undefined(self):
        change = clm.compare_paired(SPRING, {"customer_id": ["zoe"], "score": [9]})
        assert np.isnan([change.value, change.p_value]).all()
        assert change.undefined == "nobody answered both waves"
        assert change.unpaired == 5
        assert clm.compare_paired([], []).n == 0

    def test_a_change_without_spread_has_no_interval(self):
        change = clm.compare_paired([7, 8], [9, 10])
        assert change.value == 100
        assert np.isnan([change.p_value, change.confidence_interval().low]).all()
        assert change.caveats == ("There is no interval and no p-value: all respondents changed alike.",)
        assert clm.compare_paired([7], [9]).caveats[0].endswith("a single respondent has no spread.")

    @pytest.mark.parametrize("rule", ["last", "first", "mean", "all"])
    def test_no_answers_are_undefined(self, rule):
        empty = {"customer_id": [None], "at": ["2025-01-01"], "score": [3]}
        score = clm.score_per_customer(empty, rule=rule)
        assert np.isnan(score.value)
        assert score.undefined == "there are no answers"
        assert score.n == 0

    @pytest.mark.parametrize("rule", ["mean", "all"])
    def test_one_customer_has_no_interval(self, rule):
        score = clm.score_per_customer({"customer_id": [1, 1], "score": [9, 0]}, rule=rule)
        assert score.value == 0
        assert np.isnan(score.confidence_interval().low)
        assert score.caveats == ("There is no interval: a single customer has no spread.",)
        alike = clm.score_per_customer({"customer_id": [1, 1, 2, 2], "score": [9, 0, 0, 9]}, rule=rule)
        assert np.isnan(alike.standard_error)
        assert alike.caveats == ("There is no interval: all customers are alike.",)


class TestPublishedNumbers:
    def test_mcnemar(self):
        # Agresti (2013), Categorical Data Analysis, table 11.1: 944 approve (794 again, 150 no more), 656 do not
        # (86 do now, 570 still not); z = (86 - 150) / sqrt(86 + 150) = -4.17, difference -0.04.
        first = [1] * 944 + [0] * 656
        second = [1] * 794 + [0] * 150 + [1] * 86 + [0] * 570
        change = clm.compare_paired(first, second, kind="csat", scale=clm.Scale.thumbs())
        assert change.value == pytest.approx(-4)
        assert change.p_value == pytest.approx(2 * stats.norm.sf(64 / np.sqrt(236)), rel=1e-6)
        # Agresti's Wald interval, -0.059 to -0.021; Tango's is close by with so many answers.
        assert tuple(change.confidence_interval()) == pytest.approx((-5.9, -2.1), abs=0.05)
        assert change.standard_error == pytest.approx(0.95, abs=0.005)


class TestConsistency:
    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    def test_waves_of_any_frame_are_matched_by_id(self, make):
        change = clm.compare_paired(make(SPRING), make(SUMMER))
        assert (change.n, change.missing, change.unpaired) == (2, 1, 2)
        assert change.value == 100  # ann stays a promoter, bob becomes one from a detractor
        assert change.first.value == 0
        assert change.second.value == 100
        assert change.changed == 1
        renamed = make({"id": SUMMER["customer_id"], "answer": SUMMER["score"]})
        source = clm.Source(make(SPRING), customer="customer_id", score="score")
        assert clm.compare_paired(source, clm.Source(renamed, customer="id", score="answer")) == change

    @given(waves)
    def test_the_change_is_the_difference_of_the_scores(self, pairs):
        first, second = zip(*pairs, strict=True)
        change = clm.compare_paired(first, second)
        assert change.value == pytest.approx(clm.nps(second).value - clm.nps(first).value, abs=1e-9)
        assert change.first.value == clm.nps(first).value
        low, high = change.confidence_interval()
        assert np.isnan(low) or -200 <= low <= change.value <= high <= 200

    @given(waves)
    def test_it_is_the_paired_t_test(self, pairs):
        first, second = (codes(wave) for wave in zip(*pairs, strict=True))
        change = clm.compare_paired(*zip(*pairs, strict=True))
        if len(set(second - first)) > 1:
            assert change.p_value == pytest.approx(stats.ttest_rel(second, first).pvalue, abs=1e-9)
            interval = stats.ttest_rel(second, first).confidence_interval(0.9)
            expected = np.clip([interval.low, interval.high], -200, 200)
            assert tuple(change.confidence_interval(0.9)) == pytest.approx(tuple(expected))
        else:
            assert np.isnan(change.p_value)

    def test_pairing_finds_more_than_comparing(self):
        first = [0] * 30 + [10] * 70
        second = [0] * 20 + [10] * 80
        assert clm.compare_paired(first, second).p_value < 0.01 < clm.compare(clm.nps(first), clm.nps(second)).p_value

    def test_effort_is_compared_by_its_mean(self):
        first, second = [3, 5, 6, 2, 7], [4, 5, 7, 4, 6]
        change = clm.compare_paired(first, second, kind="ces")
        assert change.value == pytest.approx(0.6)
        assert change.unit == "points"
        assert change.p_value == pytest.approx(stats.ttest_rel(second, first).pvalue)
        assert change.equivalence(3).equivalent

    def test_nobody_changes_his_mind(self):
        change = clm.compare_paired([5, 1, 4], [4, 2, 5], kind="csat")
        assert change.value == 0
        assert change.p_value == 1
        assert change.changed == 0
        low, high = change.confidence_interval()
        assert low < 0 < high

    def test_paired_results_are_values(self):
        change = clm.compare_paired([9, 3, 7], [10, 7, 7])
        assert pickle.loads(pickle.dumps(change)) == change
        assert repr(change).startswith("<NPS change: 33.33 points (95% interval ")
        assert change.to_dict()["n"] == 3

    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    @pytest.mark.parametrize(
        ("rule", "value"),
        [("last", 50), ("first", 0), ("mean", (100 / 3 + 50) / 2), ("all", 40)],
    )
    def test_rules(self, make, rule, value):
        # ann: detractor, promoter, promoter; bob: promoter, then passive.
        score = clm.score_per_customer(make(TICKETS), rule=rule)
        assert score.value == pytest.approx(value)
        assert score.n == 2
        assert score.name == "NPS"

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10)), min_size=1, max_size=40))
    def test_one_answer_each_is_the_plain_score(self, rows):
        who, answers = range(len(rows)), [answer for _, answer in rows]
        plain = clm.nps(answers)
        for rule in ("mean", "all"):
            score = clm.score_per_customer({"customer_id": list(who), "score": answers}, rule=rule)
            assert score.value == pytest.approx(plain.value)
            if not np.isnan(score.standard_error):
                t = plain.confidence_interval(method="t")
                assert tuple(score.confidence_interval()) == pytest.approx((t.low, t.high))

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10)), min_size=1, max_size=40))
    def test_the_mean_weighs_customers_alike(self, rows):
        who, answers = (np.array(column) for column in zip(*rows, strict=True))
        means = [codes(answers[who == one]).mean() for one in np.unique(who)]
        score = clm.score_per_customer({"customer_id": who, "score": answers}, rule="mean")
        assert score.value == pytest.approx(np.mean(means))
        if not np.isnan(score.standard_error):
            assert score.standard_error == pytest.approx(stats.sem(means))

    @pytest.mark.parametrize("rule", ["last", "first", "mean", "all"])
    def test_weighted_customers_score_as_if_they_were_repeated(self, rule):
        # Whole weights: each customer is there as often as he weighs.
        weights = {"ann": 3, "bob": 1, "cem": 2}
        rows = [("ann", 9), ("ann", 3), ("bob", 2), ("cem", 8), ("cem", 10), ("cem", 10)]
        once = {
            "customer_id": [who for who, _ in rows],
            "score": [answer for _, answer in rows],
            "at": [f"2025-01-{day:02}" for day in range(1, 7)],
            "revenue": [weights[who] for who, _ in rows],
        }
        repeated = [
            (f"{who}{copy}", answer, at)
            for (who, answer), at in zip(rows, once["at"], strict=True)
            for copy in range(weights[who])
        ]
        many = dict(zip(("customer_id", "score", "at"), map(list, zip(*repeated, strict=True)), strict=True))
        weighted = clm.score_per_customer(once, rule=rule, weights="revenue")
        plain = clm.score_per_customer(once, rule=rule)
        assert weighted.value == pytest.approx(clm.score_per_customer(many, rule=rule).value)
        assert weighted.n == 3
        assert weighted.caveats[-1] == f"Without weights it is {clm.stats.figure(plain.value)} points."
        assert weighted.definition.endswith("Customers are weighted.")
        equal = clm.score_per_customer({**once, "revenue": [7] * 6}, rule=rule, weights="revenue")
        assert equal.value == pytest.approx(plain.value)
        assert tuple(equal.confidence_interval()) == pytest.approx(tuple(plain.confidence_interval()))

    @pytest.mark.parametrize(
        ("revenue", "match"),
        [
            ([1, 2, 5], "a customer has several revenue, for example at row 1"),
            ([1, 1, 0], "revenue is not positive, or beyond 1e.100, for 1 of 3 answers, first at row 2"),
            ([1, 1, None], "first at row 2"),
            ([1, 1, -3], "not positive"),
            (["a", "a", "b"], "text"),
        ],
    )
    def test_weights_of_customers_that_are_none(self, revenue, match):
        answers = {"customer_id": ["a", "a", "b"], "score": [9, 3, 10], "revenue": revenue}
        with pytest.raises(InvalidDataError, match=match):
            clm.score_per_customer(answers, rule="mean", weights="revenue")

    def test_later_rows_are_later_at_one_instant(self):
        answers = {"customer_id": [1, 1, 1], "at": ["2025-01-01"] * 3, "score": [0, 7, 10]}
        assert clm.score_per_customer(answers, rule="last").value == 100
        assert clm.score_per_customer(answers, rule="first").value == -100

    def test_by_account_and_group(self):
        answers = {
            "account": ["a", "a", "b", "c"],
            "plan": ["pro", "pro", "pro", "basic"],
            "rating": [5, 1, 5, 4],
        }
        options = {"rule": "mean", "kind": "csat", "customer": "account", "score": "rating"}
        grouped = clm.by(answers, "plan", clm.score_per_customer, **options)
        assert grouped["pro"].value == 75
        assert grouped["pro"].unit == "percent"
        assert grouped["basic"].value == 100


class TestRecovery:
    def test_clustered_errors_hold_where_plain_ones_fall_short(self):
        # 200 surveys of 40 customers, who mostly repeat themselves over 5 answers: true NPS 30.
        rng = np.random.default_rng(5)
        clustered = plain = 0
        for _ in range(200):
            own = rng.choice([0, 7, 10], 40, p=[0.2, 0.3, 0.5])
            again = rng.random((40, 5)) < 0.8
            answers = np.where(again, own[:, None], rng.choice([0, 7, 10], (40, 5), p=[0.2, 0.3, 0.5]))
            frame = {"customer_id": np.repeat(np.arange(40), 5), "score": answers.ravel()}
            low, high = clm.score_per_customer(frame, rule="all").confidence_interval()
            clustered += low <= 30 <= high
            low, high = clm.nps(answers.ravel()).confidence_interval()
            plain += low <= 30 <= high
        # Binomial with 200 draws at 0.95: at least 181 with probability 0.99.
        assert clustered >= 181
        assert plain < 150
