"""Effort as a mean or as the percent who agree, in both generations of the question."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.strategies import levels

import clm
from clm.errors import InvalidDataError
from clm.satisfaction import Answers

ANSWERS = [7, 6, 5, 4, 7, 2, 6, 5, 3, 7]


class TestInputs:
    def test_an_unknown_scoring_is_refused(self):
        with pytest.raises(InvalidDataError, match="scoring='top' is not one of 'mean', 'agree'"):
            clm.ces(ANSWERS, scoring="top")

    def test_a_mean_has_no_neutral_answer(self):
        with pytest.raises(InvalidDataError, match="a mean has no neutral answer"):
            clm.ces(ANSWERS, missing="neutral")
        assert clm.ces([7, None], scoring="agree", missing="neutral").value == 50

    def test_methods_follow_the_scoring(self):
        with pytest.raises(InvalidDataError, match="'wilson' is not one of t"):
            clm.ces(ANSWERS).confidence_interval(0.95, "wilson")
        with pytest.raises(InvalidDataError, match="'t' is not one of wilson"):
            clm.ces(ANSWERS, scoring="agree").confidence_interval(0.95, "t")

    def test_identical_answers_have_no_interval_and_say_why(self):
        same = clm.ces([5, 5, 5])
        assert same.value == 5
        assert np.isnan(same.confidence_interval().low)
        assert same.confidence_interval().method == "undefined: all 3 answers are the same"
        assert same.caveats == ("There is no interval: all 3 answers are the same.",)
        assert clm.ces([5]).confidence_interval().method == "undefined: a single answer has no spread"
        assert np.isnan(clm.ces([5]).standard_error)

    def test_no_answers_are_undefined_with_the_reason(self):
        for scoring in ("mean", "agree"):
            empty = clm.ces([None], scoring=scoring)
            assert np.isnan(empty.value)
            assert empty.undefined == "the only answer is missing"
            assert np.isnan(empty.confidence_interval().high)

    def test_answers_of_the_other_generation_are_refused(self):
        with pytest.raises(InvalidDataError, match="7 is above it"):
            clm.ces(ANSWERS, scale=clm.Scale.ces1())


class TestPublishedNumbers:
    def test_2013(self):
        assert clm.ces(ANSWERS).value == 5.2
        assert clm.ces(ANSWERS, scale=clm.Scale(1, 7)) == clm.ces(ANSWERS, scale=clm.Scale(1, 7), scoring="mean")
        for scale in (clm.Scale(1, 7), clm.Scale.ces2()):  # 5 to 7 agree
            assert clm.ces(ANSWERS, scale=scale, scoring="agree").value == 70
        assert clm.ces(ANSWERS, scale=clm.Scale(1, 7, top=6), scoring="agree").value == 50

    def test_2010(self):
        ces = clm.ces([1, 2, 2, 3, 5], scale=clm.Scale.ces1())
        assert ces.value == 2.6
        assert not ces.higher_is_better
        assert ces.definition == "Mean answer, low is good, on the scale 1 to 5; missing answers left out."
        agree = clm.ces([1, 2, 2, 3, 5], scale=clm.Scale(1, 5, higher_is_better=False), scoring="agree")
        assert agree.value == 60
        assert agree.higher_is_better

    def test_the_middle_is_on_no_side(self):
        assert clm.ces([3, 4, 5, 2], scale=clm.Scale(1, 5), scoring="agree").value == 50
        assert clm.ces([3, 4, 2, 1], scale=clm.Scale(1, 4), scoring="agree").value == 50


class TestConsistency:
    def test_the_interval_is_students(self):
        ces = clm.ces(ANSWERS)
        theirs = stats.ttest_1samp(ANSWERS, 0).confidence_interval(0.9)
        assert ces.standard_error == pytest.approx(stats.sem(ANSWERS))
        assert tuple(ces.confidence_interval(0.9)) == pytest.approx((theirs.low, theirs.high))

    @given(st.lists(st.integers(1, 7), min_size=2, max_size=40), levels)
    def test_intervals_hold_the_value_on_the_scale(self, answers, level):
        ces = clm.ces(answers)
        low, high = ces.confidence_interval(level)
        if len(set(answers)) > 1:
            assert 1 <= low <= ces.value <= high <= 7
            assert low < high
        else:
            assert np.isnan(low)

    def test_weights(self):
        ces = clm.ces([7, 1, 4], weights=[2, 1, 1])
        assert ces.value == 19 / 4
        assert ces.unweighted.value == 4
        assert ces.effective_n == pytest.approx(16 / 6)

    def test_it_pickles_and_compares(self):
        for scoring in ("mean", "agree"):
            ces = clm.ces(ANSWERS, scoring=scoring)
            assert pickle.loads(pickle.dumps(ces)) == ces
        assert clm.ces(ANSWERS) != clm.ces(ANSWERS, scoring="agree")


class TestRecovery:
    # Student's t on three points, by enumeration: how often it holds the true mean, an answer set without an interval
    # counted as a miss, and how often there is none. These are the numbers that the docs state.
    @pytest.mark.parametrize(
        ("n", "shares", "covered", "without"),
        [
            (10, (0.2, 0.3, 0.5), 0.932, 0.001),
            (10, (0.05, 0.25, 0.7), 0.864, 0.028),
            (10, (0.02, 0.08, 0.9), 0.651, 0.349),
            (30, (0.2, 0.3, 0.5), 0.948, 0.000),
            (30, (0.05, 0.25, 0.7), 0.945, 0.000),
            (30, (0.02, 0.08, 0.9), 0.842, 0.042),
        ],
    )
    def test_what_the_t_interval_covers_is_as_documented(self, n, shares, covered, without):
        rows = [(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)]
        scale = clm.Scale.csat(3)
        scores = [clm.CES(Answers.from_counts(dict(zip(scale.points, row, strict=True)), scale)) for row in rows]
        low, high = np.array([tuple(score.confidence_interval()) for score in scores]).T
        chance, true = stats.multinomial.pmf(rows, n, shares), np.dot(shares, scale.points)
        assert chance @ ((low <= true + 1e-12) & (true <= high + 1e-12)) == pytest.approx(covered, abs=5.1e-4)
        assert chance @ np.isnan(low) == pytest.approx(without, abs=5.1e-4)
