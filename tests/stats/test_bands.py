"""How limits follow from a value and its standard error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import levels

from clm.stats import Exact, LogitNormal, LogNormal, NoBand, Normal, StudentT, Wilson, wilson_limits, z_score

nan = math.nan


def limits(band, value, error, level=0.95):
    low, high = band.limits(np.asarray(value, float), np.asarray(error, float), level)
    return np.asarray(low), np.asarray(high)


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("level", "z"), [(0.95, 1.959963984540054), (0.9, 1.6448536269514722), (0.5, 0.6744897501960817)]
    )
    def test_normal_quantiles(self, level, z):
        # Standard tables, to the digits of R's qnorm.
        assert z_score(level) == pytest.approx(z, rel=1e-14)

    def test_wilson_newcombe_1998(self):
        # Newcombe (1998), Statistics in Medicine 17, 857-872, Table I, method 3 (score without continuity correction).
        published = {
            (81, 263): (0.2553, 0.3662),
            (15, 148): (0.0624, 0.1605),
            (0, 20): (0.0, 0.1611),
            (1, 29): (0.0061, 0.1718),
        }
        for (hits, trials), (low, high) in published.items():
            found = wilson_limits(np.array(hits / trials), np.array(trials), 0.95)
            np.testing.assert_allclose(found, (low, high), atol=5e-5)

    def test_student(self):
        # t(0.975; 4 degrees of freedom) = 2.776445, as tabulated.
        low, high = limits(StudentT(np.array(4.0)), 10.0, 2.0)
        assert high - 10 == pytest.approx(2 * 2.776445, abs=1e-5)
        assert 10 - low == pytest.approx(2 * 2.776445, abs=1e-5)

    def test_delta_method_on_the_log_scale(self):
        # exp(log 8 -+ 1.959964 * 2/8)
        low, high = limits(LogNormal(), 8.0, 2.0)
        assert low == pytest.approx(8 * math.exp(-1.959964 / 4), rel=1e-6)
        assert high == pytest.approx(8 * math.exp(1.959964 / 4), rel=1e-6)

    def test_delta_method_on_the_logit_scale(self):
        # logit(0.8) = log 4; its error is 0.1 / (0.8 * 0.2) = 0.625.
        low, high = limits(LogitNormal(), 0.8, 0.1)
        assert low == pytest.approx(1 / (1 + math.exp(-(math.log(4) - 1.959964 * 0.625))), rel=1e-6)
        assert high == pytest.approx(1 / (1 + math.exp(-(math.log(4) + 1.959964 * 0.625))), rel=1e-6)


class TestEdges:
    def test_ranges_are_kept(self):
        assert limits(Normal(0.0, 1.0), [0.01, 0.99], 0.5) == pytest.approx(np.array([[0, 0.0], [1, 1]]), abs=1)
        low, high = limits(Normal(0.0, 1.0), [0.01, 0.99], 0.5)
        assert (low >= 0).all()
        assert (high <= 1).all()
        low, high = limits(StudentT(np.array(2.0), 1.0, 5.0), [1.2, 4.9], 3.0)
        assert low.tolist() == [1.0, 1.0]
        assert high.tolist() == [5.0, 5.0]

    @pytest.mark.parametrize("band", [LogNormal(), LogitNormal()])
    def test_without_error_the_value_is_certain(self, band):
        for value in (0.0, 0.3, 1.0):
            assert [float(end) for end in limits(band, value, 0.0)] == [value, value]

    def test_an_edge_with_error_has_no_limits(self):
        # The delta method knows nothing at the end of its scale: better no interval than one of zero width.
        for band, value in ((LogNormal(), 0.0), (LogNormal(), -1.0), (LogitNormal(), 0.0), (LogitNormal(), 1.0)):
            assert np.isnan(limits(band, value, 0.1)).all()

    def test_an_unknown_error_has_no_limits(self):
        for band in (Normal(), Normal(0.0), LogNormal(), LogitNormal(), StudentT(np.array(3.0))):
            assert np.isnan(limits(band, 0.5, nan)).all()

    @pytest.mark.parametrize(("value", "error"), [(1e-3, 1e3), (1e-300, 1.0), (5e-324, 1e300), (1e300, 1e300)])
    def test_extremes_neither_warn_nor_leave_the_range(self, value, error):
        low, high = limits(LogNormal(), value, error)
        assert 0 <= low <= value <= high
        if value < 1:
            low, high = limits(LogitNormal(), value, error)
            assert 0 <= low <= high <= 1

    def test_student_needs_degrees_of_freedom_and_a_spread(self):
        assert np.isnan(limits(StudentT(np.array(0.0)), 1.0, nan)).all()
        assert np.isnan(limits(StudentT(np.array(5.0)), 1.0, 0.0)).all()

    def test_wilson_is_never_of_zero_width(self):
        low, high = limits(Wilson([20.0, 20.0, 1.0, 0.0]), [0.0, 1.0, 1.0, nan], [0.0, 0.0, 0.0, nan])
        assert low[0] == 0.0
        assert high[1] == high[2] == 1.0
        assert (high - low)[:3].min() > 0.1
        assert np.isnan([low[3], high[3]]).all()

    def test_wilson_in_percent(self):
        share, percent = limits(Wilson(50.0), 0.44, nan), limits(Wilson(50.0, scale=100.0), 44.0, nan)
        np.testing.assert_allclose(percent, np.multiply(share, 100))

    def test_exact_and_no_band(self):
        assert [end.tolist() for end in limits(Exact(), [1.0, 2.0], 0.0)] == [[1.0, 2.0], [1.0, 2.0]]
        assert np.isnan(limits(NoBand("parameters were given"), [1.0, 2.0], 0.1)).all()
        assert NoBand("parameters were given").method == "undefined: parameters were given"

    @pytest.mark.parametrize("level", [1e-12, 0.5, 1 - 1e-12, math.nextafter(1, 0)])
    def test_levels_up_to_the_ends(self, level):
        for band in (Normal(), LogNormal(), LogitNormal(), StudentT(np.array(3.0)), Wilson(10.0)):
            low, high = limits(band, 0.5, 0.1, level)
            assert np.isfinite([low, high]).all() or band == LogNormal()
            assert low <= 0.5 <= high


class TestConsistency:
    @given(st.floats(1e-6, 1 - 1e-6), st.floats(1e-6, 0.5), levels)
    def test_logit_limits_mirror(self, value, error, level):
        low, high = limits(LogitNormal(), value, error, level)
        mirrored_low, mirrored_high = limits(LogitNormal(), 1 - value, error, level)
        assert float(low) == pytest.approx(1 - mirrored_high, abs=1e-9)
        assert float(high) == pytest.approx(1 - mirrored_low, abs=1e-9)

    @given(st.integers(0, 60), st.integers(1, 60), levels)
    def test_wilson_inverts_the_score_test(self, hits, more, level):
        # At a limit the score statistic equals the normal quantile exactly.
        trials = hits + more
        share = hits / trials
        for limit in wilson_limits(np.array(share), np.array(trials), level):
            if 0 < limit < 1:
                score = abs(share - limit) / math.sqrt(limit * (1 - limit) / trials)
                assert score == pytest.approx(z_score(level), rel=1e-6)

    @given(st.integers(0, 60), st.integers(1, 60), levels)
    def test_wilson_mirrors(self, hits, more, level):
        trials = np.array(hits + more)
        low, high = wilson_limits(hits / trials, trials, level)
        other_low, other_high = wilson_limits(more / trials, trials, level)
        assert low == pytest.approx(1 - other_high, abs=1e-12)
        assert high == pytest.approx(1 - other_low, abs=1e-12)

    def test_student_tends_to_the_normal(self):
        np.testing.assert_allclose(limits(StudentT(np.array(1e9)), 0.0, 1.0), limits(Normal(), 0.0, 1.0), rtol=1e-6)
