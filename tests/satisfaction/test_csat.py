"""Satisfaction as a percentage: boxes by scale, intervals by name."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.strategies import levels

import clm
from clm.errors import InvalidDataError

METHODS = ["wilson", "agresti_coull", "jeffreys", "clopper_pearson", "wald"]
RATINGS = [5, 5, 4, 4, 3, 2, 5, 1, 4, 5]


def thumbs(up, down):
    return clm.csat([1] * up + [0] * down, scale=clm.Scale.thumbs())


class TestInputs:
    def test_a_scale_without_customary_boxes_is_refused(self):
        with pytest.raises(InvalidDataError, match="9 points has no customary boxes"):
            clm.csat([1, 9], scale=clm.Scale(1, 9))
        assert clm.csat([1, 9], scale=clm.Scale(1, 9, top=8)).value == 50

    def test_no_answers_are_undefined_with_the_reason(self):
        empty = clm.csat([])
        assert np.isnan(empty.value)
        assert empty.undefined == "there are no answers"
        assert np.isnan(empty.confidence_interval().low)

    def test_an_unknown_method_is_refused(self):
        with pytest.raises(InvalidDataError, match="'adjusted_wald' is not one of wilson, agresti_coull"):
            clm.csat([5]).confidence_interval(0.95, "adjusted_wald")

    def test_raw_answers_go_to_the_function(self):
        with pytest.raises(InvalidDataError, match=r"clm\.csat\(answers\)"):
            clm.CSAT(RATINGS)


class TestPublishedNumbers:
    def test_ten_ratings(self):
        # Top two of five 70 percent, top one 40 percent.
        assert clm.csat(RATINGS, scale=clm.Scale(1, 5)).value == 70
        assert clm.csat(RATINGS, scale=clm.Scale(1, 5, top=5)).value == 40

    def test_zendesk(self):
        # Eight good and two bad are 80 percent; tickets that nobody rated are left out.
        rated = ["good"] * 8 + ["bad"] * 2
        csat = clm.csat([*rated, None, None], scale=clm.Scale.zendesk())
        assert csat.value == 80
        assert csat.n == 10
        assert csat.missing == 2
        assert csat.satisfied == 8
        assert csat.definition == "Percent answering good (satisfied), on the scale 0 to 1; missing answers left out."

    def test_product_market_fit(self):
        # 85 of 300 very disappointed are 28.3 percent, Wilson 23.53 to 33.68; 22 of 50 are 44, 31.16 to 57.69, so that
        # 40 percent, the benchmark, cannot be claimed.
        ellis = clm.Scale.ellis()
        many = clm.csat([3] * 85 + [2] * 115 + [1] * 100, scale=ellis)
        assert many.value == pytest.approx(28.3, abs=0.05)
        assert tuple(many.confidence_interval()) == pytest.approx((23.53, 33.68), abs=0.005)
        few = clm.csat([3] * 22 + [1] * 28, scale=ellis)
        assert tuple(few.confidence_interval()) == pytest.approx((31.16, 57.69), abs=0.005)

    # Newcombe (1998), Statistics in Medicine 17, 857-872; 85 and 12 of 100 by R's prop.test without correction.
    @pytest.mark.parametrize(
        ("satisfied", "n", "low", "high"),
        [
            (81, 263, 0.2552885, 0.3662096),
            (15, 148, 0.0623864, 0.1604872),
            (0, 20, 0, 0.1611252),
            (1, 29, 0.0061132, 0.1717552),
            (85, 100, 0.7671644, 0.9069401),
            (12, 100, 0.0699941, 0.1981210),
            (20, 20, 0.8388748, 1),
        ],
    )
    def test_wilson(self, satisfied, n, low, high):
        found = thumbs(satisfied, n - satisfied).confidence_interval()
        assert tuple(found) == pytest.approx((100 * low, 100 * high), abs=5.1e-6)

    def test_clopper_pearson(self):
        found = thumbs(85, 15).confidence_interval(0.95, "clopper_pearson")
        assert tuple(found) == pytest.approx((76.46925, 91.35456), abs=5.1e-6)


class TestConsistency:
    @pytest.mark.parametrize("method", METHODS)
    @given(n=st.integers(1, 400), share=st.floats(0, 1), level=levels)
    def test_intervals_hold_the_value_inside_the_range(self, method, n, share, level):
        csat = thumbs(round(share * n), n - round(share * n))
        low, high = csat.confidence_interval(level, method)
        assert 0 <= low <= csat.value <= high <= 100
        assert low < high or method == "wald"

    def test_the_ends_are_exact(self):
        assert thumbs(20, 0).confidence_interval().high == 100
        assert thumbs(0, 20).confidence_interval().low == 0

    def test_neutral_is_not_satisfied_and_counts(self):
        csat = clm.csat([5, 5, None, 1], missing="neutral")
        assert csat.value == 50
        assert csat.n == 4
        assert clm.csat([5, 5, None, 1]).value == pytest.approx(200 / 3)

    def test_weights(self):
        csat = clm.csat([5, 1, 4], weights=[2, 1, 1])
        assert csat.value == 75
        assert csat.effective_n == pytest.approx(16 / 6)
        assert csat.unweighted == clm.csat([5, 1, 4])
        assert csat.unweighted.value == pytest.approx(200 / 3)
        # n/(n-1) sum (w (y - mean) / sum w)^2 = 1.5 (2 .25^2 2 + .75^2 + .25^2) / 16 by hand, weights squared.
        by_hand = np.sqrt(1.5 * (4 * 0.25**2 + 0.75**2 + 0.25**2)) / 4
        assert csat.standard_error == pytest.approx(100 * by_hand)

    def test_where_low_is_good_the_bottom_box_is_satisfied(self):
        assert clm.csat([1, 1, 2, 5], scale=clm.Scale(1, 5, higher_is_better=False)).value == 75

    def test_counts_per_point(self):
        assert clm.csat(RATINGS).counts.tolist() == [1, 1, 1, 3, 4]

    def test_it_pickles_and_compares(self):
        csat = clm.csat(RATINGS)
        assert pickle.loads(pickle.dumps(csat)) == csat
        assert csat != clm.csat(RATINGS, scale=clm.Scale(1, 5, top=5))


class TestRecovery:
    @pytest.mark.parametrize("n", [10, 30, 100])
    def test_exact_coverage_of_the_default(self, n):
        limits = np.array([tuple(thumbs(k, n - k).confidence_interval()) for k in range(n + 1)])
        for share in (0.02, 0.05, 0.08, 0.2, 0.25, 0.3, 0.5, 0.7, 0.9):
            covered = (limits[:, 0] <= 100 * share) & (100 * share <= limits[:, 1])
            assert 0.91 <= stats.binom.pmf(np.arange(n + 1), n, share) @ covered <= 0.985
