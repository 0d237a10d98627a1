"""Shares, means and counts as estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clm.errors import InvalidDataError
from clm.stats import exact, mean, proportion


def share(successes, trials, **options):
    return proportion(successes, trials, name="share", definition="Share of cases.", **options)


def average(values):
    return mean(values, name="basket", unit="items", definition="Mean items.")


class TestInputs:
    @pytest.mark.parametrize(
        ("successes", "trials"),
        [(3, 2), (-1, 2), (math.nan, 2), (1, math.nan), (1, math.inf), ([1, 3], [2, 2]), (None, 1)],
    )
    def test_counts_that_cannot_be(self, successes, trials):
        with pytest.raises(InvalidDataError, match="share: successes must lie between 0 and trials"):
            share(successes, trials)

    def test_text_is_refused(self):
        with pytest.raises(InvalidDataError, match="share: successes holds text"):
            share("3", 4)

    def test_cells_must_match(self):
        with pytest.raises(InvalidDataError, match=r"successes have shape \(2,\), trials \(3,\)"):
            share([1, 2], [1, 2, 3])

    @pytest.mark.parametrize("values", [[1.0, math.nan], [1.0, None], [1.0, math.inf]])
    def test_a_mean_refuses_gaps_and_says_where(self, values):
        with pytest.raises(
            InvalidDataError, match=r"basket: an observation is missing or infinite in 1 of 2 rows, first at row 1"
        ):
            average(values)

    @pytest.mark.parametrize("values", [["a"], [[1.0]], 1.0, [True, False]])
    def test_a_mean_refuses_what_is_no_row_of_numbers(self, values):
        with pytest.raises(InvalidDataError, match=r"basket (holds|must have one dimension)"):
            average(values)


class TestPublishedNumbers:
    def test_wilson_newcombe_1998(self):
        # Newcombe (1998), Table I: 15 of 148, score method.
        low, high = share(15, 148).confidence_interval(0.95)
        assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)

    def test_student_1908_sleep(self):
        # Student (1908), Biometrika 6, 1-25: extra hours of sleep; mean 1.58, and R's t.test gives 0.70 to 2.46.
        hours = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
        sleep = average(hours)
        assert sleep.value == pytest.approx(1.58)
        low, high = sleep.confidence_interval(0.95)
        assert (round(low, 2), round(high, 2)) == (0.70, 2.46)


class TestConsistency:
    def test_scalars_and_cells(self):
        one, many = share(3, 10), share([3, 4], [10, 20], index=["a", "b"])
        assert type(one.value) is float
        assert many.value.tolist() == [0.3, 0.2]
        assert many.index.tolist() == ["a", "b"]
        assert many.confidence_interval().low[0] == one.confidence_interval().low
        assert share([3, 4], 10).n.tolist() == [10, 10]
        assert one.n == 10
        assert one.unit == "fraction"
        assert one.standard_error == pytest.approx(math.sqrt(0.3 * 0.7 / 10))

    def test_nobody_to_take_the_share_of(self):
        cells = share([0, 1], [0, 2], undefined="nobody visited")
        np.testing.assert_array_equal(cells.value, [math.nan, 0.5])
        assert cells.undefined.tolist() == ["nobody visited", None]
        assert np.isnan(cells.confidence_interval().low[0])
        assert share(0, 0).undefined == "there are no cases to take the share of"

    @given(st.lists(st.integers(-(10**6), 10**6).map(lambda eighths: eighths / 8), min_size=2, max_size=30))
    def test_the_mean_agrees_with_scipy(self, values):
        found = average(values)
        if len(set(values)) == 1:
            assert np.isnan(tuple(found.confidence_interval())).all()
            return
        reference = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
        low, high = found.confidence_interval(0.95)
        scale = max(map(abs, values))
        assert low == pytest.approx(reference.low, rel=1e-7, abs=1e-9 * scale)
        assert high == pytest.approx(reference.high, rel=1e-7, abs=1e-9 * scale)

    def test_identical_observations_have_no_interval(self):
        # Three times 0.1 has a standard deviation of 1.7e-17 in float64.
        same = average([0.1, 0.1, 0.1])
        assert same.value == pytest.approx(0.1)
        assert same.standard_error == 0.0
        assert np.isnan(tuple(same.confidence_interval())).all()

    def test_one_observation_and_none(self):
        one, none = average([3.0]), average([])
        assert one.value == 3.0
        assert math.isnan(one.standard_error)
        assert np.isnan(tuple(one.confidence_interval())).all()
        assert none.undefined == "there is no observation"
        assert none.n == 0

    def test_what_was_counted_is_exact(self):
        orders = exact(6919, n=6919, name="orders", unit="orders", definition="Orders.")
        assert tuple(orders.confidence_interval()) == (6919.0, 6919.0)
        assert orders.standard_error == 0.0
        assert exact([1, 2], n=3, name="a", unit="b", definition="c.").sum().standard_error == 0.0
        gap = exact([1.0, math.nan], n=1, name="a", unit="b", definition="c.")
        assert gap.undefined.tolist() == [None, "there is no observation"]


class TestRecovery:
    def test_wilson_covers(self):
        # Exact coverage of a share of 0.1 among 40: summed over the binomial distribution, no simulation. Wilson's
        # interval is known to be near nominal on average: 0.9422 here, by the same sum in closed form.
        counts = np.arange(41)
        low, high = share(counts, 40).confidence_interval(0.95)
        coverage = stats.binom.pmf(counts, 40, 0.1)[(low <= 0.1) & (high >= 0.1)].sum()
        assert 0.93 < coverage < 0.97
