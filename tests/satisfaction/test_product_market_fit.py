"""Very disappointed without it: published shares, and what the rule of thumb can tell."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import levels

import clm
from clm.errors import InvalidDataError

VERY, SOMEWHAT, NOT = "very disappointed", "somewhat disappointed", "not disappointed"
GONE = "N/A - I no longer use it"


class TestInputs:
    def test_no_answers_are_undefined_with_the_reason(self):
        empty = clm.product_market_fit([None, None])
        assert np.isnan(empty.value)
        assert empty.undefined == "all 2 answers are missing"
        assert empty.verdict is None
        assert empty.caveats == ()

    def test_other_answers_are_refused_unless_they_are_let_pass(self):
        with pytest.raises(InvalidDataError, match="first at row 1: 'N/A - I no longer use it' is text"):
            clm.product_market_fit([VERY, GONE])
        assert clm.product_market_fit([VERY, GONE], off_scale="missing").value == 100

    @pytest.mark.parametrize("aim", [-1, 101, "40", None, float("nan")])
    def test_a_benchmark_that_is_no_percentage(self, aim):
        with pytest.raises(InvalidDataError, match="benchmark"):
            clm.product_market_fit([VERY], benchmark=aim)

    def test_raw_answers_go_to_the_function(self):
        with pytest.raises(InvalidDataError, match="counted answers"):
            clm.satisfaction.ProductMarketFit([3, 3])


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("very", "n", "value", "limits", "verdict"),
        [(85, 300, 28.3, (23.53, 33.68), "below"), (22, 50, 44, (31.16, 57.69), "undecided")],
    )
    def test_examples(self, very, n, value, limits, verdict):
        fit = clm.product_market_fit([3] * very + [2] * (n - very))
        assert fit.value == pytest.approx(value, abs=0.05)
        assert tuple(fit.confidence_interval()) == pytest.approx(limits, abs=0.005)
        assert fit.verdict == verdict
        assert fit.very_disappointed == very

    def test_forty_percent_is_called_a_rule_of_thumb(self):
        fit = clm.product_market_fit([3] * 22 + [1] * 28)
        assert fit.caveats == ("40 percent is a rule of thumb; the 95% interval holds it, so that nothing is proved.",)

    def test_who_no_longer_uses_it_is_left_out_or_kept(self):
        answers = [VERY] * 4 + [SOMEWHAT] * 3 + [NOT] * 3 + [GONE] * 10
        out = clm.product_market_fit(answers, off_scale="missing")
        kept = clm.product_market_fit(answers, off_scale="missing", missing="neutral")
        assert (out.value, out.n, out.missing) == (40, 10, 10)
        assert (kept.value, kept.n) == (20, 20)


class TestConsistency:
    @given(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=60), levels)
    def test_it_is_the_share_of_the_top_box(self, answers, level):
        fit, csat = clm.product_market_fit(answers), clm.csat(answers, scale=clm.Scale.ellis())
        assert fit.value == csat.value
        assert fit.standard_error == csat.standard_error
        assert fit.confidence_interval(level) == csat.confidence_interval(level)

    @given(st.integers(0, 200), st.integers(0, 200), st.floats(1, 99))
    def test_the_verdict_is_where_the_interval_lies(self, very, others, aim):
        fit = clm.product_market_fit([3] * very + [1] * others, benchmark=aim)
        if very + others:
            low, high = fit.confidence_interval()
            told = {"above": low > aim, "below": high < aim, "undecided": low <= aim <= high}
            assert told[fit.verdict]

    def test_frames_weights_and_groups(self):
        frame = {"score": [3, 3, 1, 2], "plan": ["a", "a", "b", "b"], "w": [1, 1, 2, 2]}
        assert clm.product_market_fit(frame, weights="w").value == pytest.approx(100 / 3)
        assert clm.product_market_fit(frame, weights="w").unweighted.value == 50
        assert clm.by(frame, "plan", clm.product_market_fit)["a"].value == 100
        assert "fewer than 30" in clm.product_market_fit(frame).caveats[1]

    def test_it_pickles_and_is_an_estimate(self):
        fit = clm.product_market_fit([VERY, NOT])
        assert pickle.loads(pickle.dumps(fit)) == fit
        assert clm.compare(40, fit).value == 10
        assert fit.to_dict()["unit"] == "percent"
