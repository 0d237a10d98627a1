"""Limits of survey scores: published tables, exact coverage, and what never happens."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.strategies import levels

from clm.stats import (
    AdjustedWald,
    AgrestiCoull,
    ClopperPearson,
    Jeffreys,
    NetStudentT,
    TangoScore,
    Wilson,
)

SHARE_BANDS = [AgrestiCoull, Jeffreys, ClopperPearson]
NET_BANDS = [AdjustedWald, TangoScore]

# Answers against, between and in favour, as shares, from nearly balanced to nearly unanimous.
SHARE_VECTORS = [(0.2, 0.3, 0.5), (0.05, 0.25, 0.7), (0.02, 0.08, 0.9)]


def net(band, counts, level=0.95):
    against, between, in_favour = counts
    n = against + between + in_favour
    limits = band(against / n, in_favour / n, n, 1.0)
    return limits.limits(np.asarray((in_favour - against) / n), np.asarray(0.0), level)


def outcomes(n):
    """Every way in which n answers can fall into three boxes, shape (outcomes, 3)."""
    against, between = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    rows = np.stack([against.ravel(), between.ravel(), n - against.ravel() - between.ravel()], axis=1)
    return rows[rows[:, 2] >= 0]


def exact_coverage(band, n, shares):
    rows = outcomes(n)
    against, in_favour = rows[:, 0] / n, rows[:, 2] / n
    score = in_favour - against
    low, high = band(against, in_favour, np.full(len(rows), n), 1.0).limits(score, score, 0.95)
    true = shares[2] - shares[0]
    covered = (np.minimum(low, score) <= true + 1e-12) & (true - 1e-12 <= np.maximum(high, score))
    return float(stats.multinomial.pmf(rows, n, shares) @ covered)


def outcome_counts(max_n=60):
    return st.tuples(*[st.integers(0, max_n)] * 3).filter(any)


class TestInputs:
    @pytest.mark.parametrize("band", SHARE_BANDS)
    def test_no_trials_have_no_limits(self, band):
        low, high = band(0).limits(np.asarray(np.nan), np.asarray(np.nan), 0.95)
        assert np.isnan(low)
        assert np.isnan(high)

    @pytest.mark.parametrize("band", NET_BANDS)
    def test_no_answers_have_no_limits(self, band):
        low, high = band(0.0, 0.0, 0).limits(np.asarray(np.nan), np.asarray(np.nan), 0.95)
        assert np.isnan(low)
        assert np.isnan(high)

    def test_a_single_answer_has_no_degrees_of_freedom(self):
        assert np.isnan(NetStudentT(0).limits(np.asarray(100.0), np.asarray(0.0), 0.95)).all()

    @pytest.mark.parametrize("band", [Jeffreys(20), AdjustedWald(0.1, 0.5, 30), NetStudentT(9)])
    def test_bands_pickle_and_compare(self, band):
        assert pickle.loads(pickle.dumps(band)) == band


class TestPublishedNumbers:
    # As printed by the R package NPS 2.0.999, whose adjusted Wald follows Rocks (2016) and whose score interval is
    # Tango's (1998), found by iteration to 1e-7.
    @pytest.mark.parametrize(
        ("counts", "low", "high"),
        [
            ((20, 30, 50), 0.1405113, 0.4420130),
            ((5, 5, 10), -0.1171613, 0.5519439),
            ((0, 0, 10), 0.4750355, 1.0),
            ((0, 10, 0), -0.1846504, 0.1846504),
            ((150, 150, 200), 0.0268681, 0.1719390),
        ],
    )
    def test_adjusted_wald(self, counts, low, high):
        assert net(AdjustedWald, counts) == pytest.approx((low, high), abs=5.1e-8)

    @pytest.mark.parametrize(
        ("counts", "low", "high"),
        [
            ((20, 30, 50), 0.1395514, 0.4433931),
            ((5, 5, 10), -0.1292067, 0.5601058),
            ((0, 0, 10), 0.4449344, 1.0),
            ((0, 10, 0), -0.2775328, 0.2775328),
            ((150, 150, 200), 0.0267466, 0.1720564),
        ],
    )
    def test_tango_score(self, counts, low, high):
        assert net(TangoScore, counts) == pytest.approx((low, high), abs=5.1e-8)

    # Newcombe (1998), Statistics in Medicine 17, 857-872, Table I, methods 3 and 5.
    @pytest.mark.parametrize(
        ("successes", "trials", "low", "high"),
        [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ],
    )
    def test_wilson(self, successes, trials, low, high):
        limits = Wilson(trials).limits(np.asarray(successes / trials), np.asarray(0.0), 0.95)
        assert limits == pytest.approx((low, high), abs=5.1e-5)

    @pytest.mark.parametrize(
        ("successes", "trials", "low", "high"),
        [
            (81, 263, 0.2527, 0.3676),
            (15, 148, 0.0578, 0.1617),
            (0, 20, 0.0, 0.1684),
            (1, 29, 0.0009, 0.1776),
        ],
    )
    def test_clopper_pearson(self, successes, trials, low, high):
        limits = ClopperPearson(trials).limits(np.asarray(successes / trials), np.asarray(0.0), 0.95)
        assert limits == pytest.approx((low, high), abs=5.1e-5)


class TestConsistency:
    @pytest.mark.parametrize(("successes", "trials"), [(85, 100), (0, 20), (20, 20), (1, 3)])
    def test_clopper_pearson_is_scipys_exact_interval(self, successes, trials):
        theirs = stats.binomtest(successes, trials).proportion_ci(method="exact")
        ours = ClopperPearson(trials).limits(np.asarray(successes / trials), np.asarray(0.0), 0.95)
        assert ours == pytest.approx((theirs.low, theirs.high), rel=1e-12)

    def test_jeffreys_is_the_beta_posterior(self):
        limits = Jeffreys(100).limits(np.asarray(0.85), np.asarray(0.0), 0.9)
        assert limits == pytest.approx(stats.beta(85.5, 15.5).ppf([0.05, 0.95]), rel=1e-12)

    def test_agresti_coull_centres_on_wilson(self):
        share, trials = np.asarray(0.3), 40
        wilson = Wilson(trials).limits(share, share, 0.95)
        agresti = AgrestiCoull(trials).limits(share, share, 0.95)
        assert sum(agresti) == pytest.approx(sum(wilson), rel=1e-12)
        assert agresti[0] < wilson[0]

    @given(outcome_counts(), levels)
    def test_limits_are_inside_the_range_and_have_width(self, counts, level):
        for band in NET_BANDS:
            low, high = net(band, counts, level)
            assert -1 <= low < high <= 1

    @given(outcome_counts(), levels)
    def test_turning_the_scale_round_turns_the_limits_round(self, counts, level):
        for band in NET_BANDS:
            low, high = net(band, counts, level)
            assert net(band, counts[::-1], level) == pytest.approx((-high, -low), abs=1e-9)

    @given(outcome_counts())
    def test_the_score_limits_are_where_the_score_test_just_refuses(self, counts):
        against, between, in_favour = counts
        n = against + between + in_favour
        for end in net(TangoScore, counts):
            if abs(end) > 1 - 1e-9:
                continue
            # The likeliest shares that give this net score, found by brute force.
            q = np.linspace(max(0.0, -end), (1 - end) / 2, 20001)[1:-1]
            with np.errstate(divide="ignore"):
                log_likelihood = (
                    against * np.log(q) + in_favour * np.log(q + end) + between * np.log(1 - 2 * q - end)
                    if between
                    else against * np.log(q) + in_favour * np.log(q + end)
                )
            best = q[np.argmax(log_likelihood)]
            spread = np.sqrt((2 * best + end - end**2) / n)
            z = ((in_favour - against) / n - end) / spread
            assert abs(z) == pytest.approx(1.959964, rel=0.02)

    @given(st.integers(1, 500), st.floats(0, 1), levels)
    def test_share_limits_are_inside_the_range_and_have_width(self, trials, share, level):
        value = np.asarray(round(share * trials) / trials)
        for band in SHARE_BANDS:
            low, high = band(trials).limits(value, value, level)
            assert 0 <= low < high <= 1

    def test_rows_of_cells_at_once(self):
        against, in_favour, n = np.array([0.2, 0.0]), np.array([0.5, 1.0]), np.array([100, 10])
        low, high = TangoScore(against, in_favour, n).limits(in_favour - against, against, 0.95)
        assert low == pytest.approx([13.95514, 44.49344], abs=1e-5)
        assert high == pytest.approx([44.33931, 100], abs=1e-5)


class TestRecovery:
    # Coverage by enumeration of every outcome, worked out before and independently of this code to three digits.
    @pytest.mark.parametrize(
        ("n", "vector", "adjusted", "score"),
        [
            (10, 0, 0.963, 0.947),
            (10, 1, 0.949, 0.961),
            (10, 2, 0.930, 0.959),
            (30, 0, 0.946, 0.952),
            (30, 2, 0.958, 0.961),
            (50, 2, 0.966, 0.965),
            (100, 0, 0.949, 0.950),
            (100, 2, 0.962, 0.956),
            (200, 2, 0.957, 0.953),
        ],
    )
    def test_exact_coverage_of_net_scores(self, n, vector, adjusted, score):
        assert exact_coverage(AdjustedWald, n, SHARE_VECTORS[vector]) == pytest.approx(adjusted, abs=6e-4)
        assert exact_coverage(TangoScore, n, SHARE_VECTORS[vector]) == pytest.approx(score, abs=6e-4)

    @pytest.mark.parametrize("n", [10, 30, 100])
    @pytest.mark.parametrize("share", sorted({share for vector in SHARE_VECTORS for share in vector}))
    def test_exact_coverage_of_shares(self, n, share):
        successes = np.arange(n + 1)
        chance = stats.binom.pmf(successes, n, share)

        def coverage(band):
            low, high = band(np.full(n + 1, n)).limits(successes / n, successes / n, 0.95)
            return chance @ ((low <= share) & (share <= high))

        assert 0.91 <= coverage(Wilson) <= 0.985
        assert coverage(ClopperPearson) >= 0.95
        assert coverage(AgrestiCoull) >= 0.925
        assert coverage(Jeffreys) >= 0.81  # dips near 0, where the closed end is short
