"""Who did not answer: published rates, bounds and bias."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.errors import InvalidDataError

CASES = {"complete": 600, "partial": 50, "refused": 120, "not_contacted": 180, "other": 20, "unknown": 230}


class TestInputs:
    def test_the_denominator_has_to_be_named(self):
        with pytest.raises(TypeError, match="denominator"):
            clm.response_rate(1, 2)
        with pytest.raises(InvalidDataError, match=r"'deliverd' is not one of 'sent'.*Did you mean 'delivered'"):
            clm.response_rate(1, 2, denominator="deliverd")

    @pytest.mark.parametrize(
        ("responses", "asked", "match"),
        [(3, 2, "3 responses are more than the 2"), (-1, 2, "responses must be a whole"), (1, 2.5, "asked must be")],
    )
    def test_counts_that_are_none(self, responses, asked, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.response_rate(responses, asked, denominator="sent")

    def test_nobody_asked_is_undefined(self):
        assert clm.response_rate(0, 0, denominator="sent").undefined == "nobody was asked"
        none = clm.aapor_response_rates(complete=0, unknown=5)
        assert none.value[0] == 0
        assert np.isnan(none.value[5])
        assert none.undefined[5] == "there are no cases"

    @pytest.mark.parametrize("change", [{"complete": -1}, {"partial": 1.5}, {"eligible": 1.1}, {"eligible": None}])
    def test_cases_that_are_none(self, change):
        with pytest.raises(InvalidDataError, match=next(iter(change))):
            clm.aapor_response_rates(**{**CASES, **change})

    def test_bounds_need_a_score_and_a_rate(self):
        with pytest.raises(InvalidDataError, match="takes a score of answers"):
            clm.nonresponse_bounds(40, 0.2)
        with pytest.raises(InvalidDataError, match="response_rate must lie between 0 and 1"):
            clm.nonresponse_bounds(clm.nps([9]), 20)
        with pytest.raises(InvalidDataError, match="others must be one finite number"):
            clm.nonresponse_bias(4, float("nan"), 0.5)

    def test_bounds_of_no_answers_are_undefined(self):
        bounds = clm.nonresponse_bounds(clm.nps([]), 0.5)
        assert np.isnan(bounds.low)
        assert bounds.undefined == "there are no answers"


class TestPublishedNumbers:
    def test_aapor(self):
        rates = clm.aapor_response_rates(**CASES, eligible=0.5)
        assert rates.value == pytest.approx([0.5, 0.541667, 0.552995, 0.599078, 0.618557, 0.670103], abs=5e-7)
        assert rates.index.tolist() == ["RR1", "RR2", "RR3", "RR4", "RR5", "RR6"]

    def test_worst_and_best_case(self):
        # Manski: a fifth answer and score .4: -.72 to .88.
        bounds = clm.nonresponse_bounds(clm.NPS.from_counts(detractors=20, passives=20, promoters=60), 0.2)
        assert (bounds.low, bounds.high) == (pytest.approx(-72), pytest.approx(88))

    def test_bias(self):
        # Mean 40 of the fifth who answer and 10 of the others: the truth is 16.
        assert clm.nonresponse_bias(40, 10, 0.2) == pytest.approx(24)


class TestConsistency:
    def test_the_definition_names_the_denominator(self):
        assert clm.response_rate(1, 2, denominator="shown").definition == "Responses over times the question was shown."
        rate = clm.response_rate(20, 100, denominator="delivered")
        assert "bounced left out" in rate.definition
        assert clm.nonresponse_bounds(clm.nps([9, 3]), rate).response_rate == 0.2

    @given(st.tuples(*[st.integers(0, 500)] * 6).filter(any), st.floats(0, 1))
    def test_rates_are_ordered(self, counts, eligible):
        value = clm.aapor_response_rates(**dict(zip(CASES, counts, strict=True)), eligible=eligible).value
        for strict, generous in ((0, 1), (2, 3), (4, 5), (0, 2), (2, 4)):
            assert not value[strict] > value[generous] + 1e-12

    @given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.lists(st.integers(1, 5), max_size=30))
    def test_the_truth_is_inside_whatever_the_others_think(self, answered, silent):
        rate = len(answered) / (len(answered) + len(silent))
        for scoring in ("top", "net", "mean", "nsi"):
            truth = clm.csat(answered + silent, scoring=scoring).value
            bounds = clm.nonresponse_bounds(clm.csat(answered, scoring=scoring), rate)
            assert bounds.low - 1e-9 <= truth <= bounds.high + 1e-9

    def test_sampling_error_widens_the_bounds(self):
        bounds = clm.nonresponse_bounds(clm.nps([10] * 20 + [3] * 5), 0.25)
        low, high = bounds.confidence_interval(0.9)
        assert -100 <= low < bounds.low < bounds.high < high <= 100
        assert "0.25 of all answered" in bounds.definition
        assert pickle.loads(pickle.dumps(bounds)) == bounds
