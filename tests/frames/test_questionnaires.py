"""SUS and UMUX-Lite: published scores, gaps, and every kind of frame."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import clm
from clm.errors import InvalidDataError

ITEMS = [f"q{i}" for i in range(1, 11)]
ONE = [4, 2, 5, 1, 4, 2, 4, 2, 5, 1]
rows = st.lists(st.lists(st.integers(1, 5), min_size=10, max_size=10), min_size=1, max_size=20)


class TestInputs:
    @pytest.mark.parametrize(
        ("answers", "match"),
        [
            ([4] * 9, "takes 10 answers a respondent.*row 0 has 9"),
            ([ONE, ONE[:4]], "row 1 has 4"),
            ([[*ONE[:9], 6]], "question 10: .*6 is above it"),
            ([[*ONE[:9], 4.5]], "question 10: .*first at row 0: 4.5 lies between"),
            ([[*ONE[:9], "4"]], "'4' is text"),
            ([[*ONE[:9], True]], "boolean"),
            ({"q1": [1]}, r"SUS has 10 questions: name their columns in order, items=\[...\]"),
            ("12345", "SUS has 10 questions"),
            ([[ONE]], "row 0 has no answers"),
        ],
    )
    def test_what_is_no_questionnaire(self, answers, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.sus(answers)

    @pytest.mark.parametrize("items", [ITEMS[:9], [*ITEMS[:9], "q1"], "q1", [*ITEMS[:9], 10]])
    def test_columns_are_named_once_each(self, items):
        with pytest.raises(InvalidDataError, match="SUS has 10 questions"):
            clm.sus({name: [3] for name in ITEMS}, items=items)

    def test_a_missing_column_is_named(self):
        with pytest.raises(InvalidDataError, match="no column 'q10'"):
            clm.sus({name: [3] for name in ITEMS[:9]}, items=ITEMS)

    def test_names_and_rows_do_not_go_together(self):
        with pytest.raises(InvalidDataError, match="items= names columns"):
            clm.sus([ONE], items=ITEMS)

    def test_an_unknown_rule_is_refused(self):
        with pytest.raises(InvalidDataError, match=r"missing='dropp' is not one of.*Did you mean 'drop'"):
            clm.sus([ONE], missing="dropp")

    def test_gaps(self):
        gap = [None, *ONE[1:]]
        assert clm.sus([ONE, gap]).n == 1
        assert clm.sus([ONE, gap]).missing == 1
        with pytest.raises(InvalidDataError, match="missing for 1 of 2 respondents, first at row 1"):
            clm.sus([ONE, gap], missing="raise")
        filled = clm.sus([ONE, gap, [None] * 10], missing="neutral")
        assert filled.scores[:2].tolist() == [85, 82.5]  # 3 for the 4 that is missing
        assert np.isnan(filled.scores[2])
        assert (filled.n, filled.filled, filled.missing) == (2, 1, 1)

    def test_nobody_and_one_and_all_alike(self):
        assert clm.sus([]).undefined == "there are no respondents"
        assert clm.sus([[None] * 10]).undefined == "no respondent gave all answers"
        assert clm.sus(ONE).caveats == ("There is no interval: a single respondent has no spread.",)
        assert clm.sus([ONE] * 3).caveats == ("There is no interval: all 3 scores are the same.",)
        assert np.isnan(clm.sus([ONE] * 3).confidence_interval().low)


class TestPublishedNumbers:
    def test_sus(self):
        assert clm.sus(ONE).value == 85

    def test_umux_lite(self):
        umux = clm.umux_lite([6, 6])
        assert umux.value == pytest.approx(83.33, abs=0.005)
        assert umux.sus_equivalent.value == pytest.approx(77.07, abs=0.005)
        assert clm.umux_lite([7, 7]).sus_equivalent.value == pytest.approx(87.9)
        assert "regression" in umux.sus_equivalent.caveats[0]


class TestConsistency:
    @given(rows)
    def test_it_is_brookes_sum(self, answers):
        by_hand = [2.5 * sum(x - 1 if i % 2 == 0 else 5 - x for i, x in enumerate(row)) for row in answers]
        sus = clm.sus(answers)
        assert sus.scores.tolist() == by_hand
        assert sus.value == pytest.approx(np.mean(by_hand))
        if len(set(by_hand)) > 1:
            theirs = stats.ttest_1samp(by_hand, 0).confidence_interval(0.9)
            ours = sus.confidence_interval(0.9)
            assert ours.low == pytest.approx(max(theirs.low, 0))
            assert ours.high == pytest.approx(min(theirs.high, 100))

    @given(rows)
    def test_agreeing_with_everything_or_nothing_gives_50(self, answers):
        assert clm.sus([[row[0]] * 10 for row in answers]).value == 50

    def test_every_frame_gives_the_same(self, frame):
        data = {name: [ONE[i], 3, None] for i, name in enumerate(ITEMS)}
        sus = clm.sus(frame(data), items=ITEMS)
        assert sorted(sus.scores[:2].tolist()) == [50, 85]
        assert (sus.n, sus.missing) == (2, 1)
        two = clm.umux_lite(frame({"use": [6, 7], "need": [6, 4]}), items=["use", "need"])
        assert two.value == pytest.approx((83 + 1 / 3 + 75) / 2)

    def test_results_are_values(self):
        sus = clm.sus(np.array([ONE, ONE[::-1]]))
        assert pickle.loads(pickle.dumps(sus)) == sus
        assert not sus.scores.flags.writeable
        assert sus.sus_equivalent == sus.estimate
        assert clm.compare(68, sus).value == pytest.approx(sus.value - 68)
        assert clm.to_frame(sus, "polars").height == 1
        assert repr(clm.sus(ONE)) == "<SUS: 85 points (no interval; n = 1)>"
