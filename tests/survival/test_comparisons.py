"""The cumulative hazard, tests between groups, and the survival of those who got so far."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import clm

# Remission in weeks of 21 leukaemia patients on 6-MP and 21 on placebo; Freireich et al. (1963), Blood 21, 699-716, as
# in Klein and Moeschberger (2003), Survival Analysis, table 1.1.
SIX_MP = clm.Durations(
    [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35],
    [True] * 9 + [False] * 12,
    unit="week",
)
PLACEBO = clm.Durations(
    [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [True] * 21, unit="week"
)


class TestInputs:
    @pytest.mark.parametrize("given", [[1, 2], None, {"customer_id": [1]}])
    def test_only_durations_are_taken(self, given):
        with pytest.raises(clm.InvalidDataError, match="takes Durations"):
            clm.nelson_aalen(given)

    @pytest.mark.parametrize(
        ("groups", "message"),
        [
            ([SIX_MP], "two groups or more"),
            ({"a": SIX_MP, "b": [1]}, "not list"),
            (SIX_MP, "a mapping of name to Durations, or a list"),
            ([SIX_MP, clm.Durations([1], [True], unit="day")], "count in day and week"),
            ([SIX_MP, clm.Durations([], [], unit="week")], "group 1: nobody is ever at risk"),
            ([SIX_MP, clm.Durations([1], [True], weights=[0.5], unit="week")], "whole numbers of customers"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, groups, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.log_rank(groups)

    def test_groups_without_losses_tell_nothing(self):
        test = clm.log_rank([clm.Durations([1, 2], [False, False]), clm.Durations([3], [False])])
        assert np.isnan(test.statistic)
        assert "only one group was at risk" in test.undefined

    @pytest.mark.parametrize("age", [-1, np.nan, None, [1, 2]])
    def test_an_age_must_be_one(self, age):
        with pytest.raises(clm.InvalidDataError, match="age"):
            clm.kaplan_meier(SIX_MP).given(age)

    def test_nobody_is_left_beyond_the_last_age(self):
        with pytest.raises(clm.InvalidDataError, match="the last age observed is 35 weeks"):
            clm.kaplan_meier(SIX_MP).given(35)


class TestPublishedNumbers:
    def test_nelson_aalen_of_the_remissions(self):
        # Klein and Moeschberger (2003), table 4.2: estimate and standard error.
        hazard = clm.nelson_aalen(SIX_MP)
        assert hazard.times.tolist() == [6, 7, 10, 13, 16, 22, 23]
        assert hazard.value == pytest.approx([0.1428, 0.2017, 0.2683, 0.3517, 0.4426, 0.5854, 0.7521], abs=6e-5)
        # sqrt(3/21^2), then with 1/17^2 and 1/15^2 added.
        assert hazard.standard_error[:3] == pytest.approx([0.0825, 0.1013, 0.1213], abs=6e-5)

    def test_log_rank_of_the_remissions(self):
        # R's survdiff: observed 9 and 21, expected 19.3 and 10.7, chi-square 16.8 on 1 df, p 4e-05.
        test = clm.log_rank({"6-MP": SIX_MP, "placebo": PLACEBO})
        assert test.observed.tolist() == [9, 21]
        assert test.expected == pytest.approx([19.25, 10.75], abs=0.005)
        assert test.statistic == pytest.approx(16.793, abs=5e-4)
        assert test.p_value == pytest.approx(4.17e-5, rel=2e-3)


durations = st.lists(st.tuples(st.integers(1, 12), st.booleans(), st.integers(0, 3)), min_size=2, max_size=25)


def built(rows, *, late):
    ages, seen, entry = (np.array(column) for column in zip(*rows, strict=True))
    return clm.Durations(ages + (3 if late else 0), seen, entry=entry if late else None, unit="week")


class TestConsistency:
    @given(durations, st.booleans())
    def test_the_hazard_is_that_of_the_survival_curve(self, rows, late):
        data = built(rows, late=late)
        hazard, curve = clm.nelson_aalen(data), clm.kaplan_meier(data)
        np.testing.assert_array_equal(hazard.times, curve.times)
        increments = np.diff(np.append(0.0, hazard.value))
        assert np.cumprod(1 - increments) == pytest.approx(curve.value, abs=1e-9)

    @given(durations, durations)
    def test_the_test_does_not_mind_the_order_of_groups(self, first, second):
        groups = [built(first, late=False), built(second, late=False)]
        one, other = clm.log_rank(groups), clm.log_rank(groups[::-1])
        assert one.statistic == pytest.approx(other.statistic, nan_ok=True)
        assert one.expected.sum() == pytest.approx(one.observed.sum())

    def test_three_groups_have_two_degrees_of_freedom(self):
        test = clm.log_rank([SIX_MP, PLACEBO, PLACEBO])
        assert test.df == 2
        assert 0 < test.p_value < 1e-4

    def test_weights_are_customers(self):
        twice = clm.Durations(SIX_MP.durations, SIX_MP.observed, weights=np.full(21, 2.0), unit="week")
        rows = clm.Durations(np.tile(SIX_MP.durations, 2), np.tile(SIX_MP.observed, 2), unit="week")
        assert clm.log_rank([twice, PLACEBO]).statistic == pytest.approx(clm.log_rank([rows, PLACEBO]).statistic)

    @given(durations, st.integers(0, 8), st.booleans())
    def test_survival_given_an_age_is_the_rest_of_the_curve(self, rows, age, late):
        data = built(rows, late=late)
        curve = clm.kaplan_meier(data)
        if age >= curve.last_age or curve.at(age).value == 0:
            return
        rest, ages = curve.given(age), np.arange(age, int(curve.last_age) + 1)
        assert rest.at(ages).value == pytest.approx(curve.at(ages).value / curve.at(age).value, abs=1e-9)
        # It is the curve of those who came under observation after that age.
        alone = clm.kaplan_meier(
            clm.Durations(
                data.durations[data.durations > age],
                data.observed[data.durations > age],
                entry=np.maximum(
                    (np.zeros(len(data)) if data.entry is None else data.entry)[data.durations > age], age
                ),
                unit="week",
            )
        )
        assert rest.standard_error == pytest.approx(alone.standard_error, abs=1e-9)

    def test_restricted_means_compare(self):
        # The area between both curves up to week 20, with independent errors.
        a, b = (clm.kaplan_meier(data).restricted_mean(20) for data in (PLACEBO, SIX_MP))
        difference = clm.compare(a, b)
        assert difference.value == pytest.approx(b.value - a.value)
        assert difference.standard_error == pytest.approx(np.hypot(a.standard_error, b.standard_error))
        assert difference.p_value < 1e-3

    def test_results_pickle_and_go_out_as_frames(self):
        test, hazard = clm.log_rank({"a": SIX_MP, "b": PLACEBO}), clm.nelson_aalen(SIX_MP)
        assert pickle.loads(pickle.dumps(test)) == test
        assert pickle.loads(pickle.dumps(hazard)) == hazard
        assert test.to_columns()["group"].tolist() == ["a", "b"]
        assert len(hazard.to_columns()["low"]) == len(hazard) == 7
        assert repr(test).startswith("<LogRankTest: 2 groups, chi-square 16.79 on 1 df")


class TestRecovery:
    def test_the_test_keeps_its_size(self):
        rng, rejected = np.random.default_rng(4), 0
        for _ in range(200):
            groups = []
            for scale in (30.0, 60.0):
                lost, censored = rng.exponential(20, 60), rng.exponential(scale, 60)
                groups.append(clm.Durations(np.minimum(lost, censored), lost <= censored, unit="week"))
            rejected += clm.log_rank(groups).p_value < 0.05
        assert rejected <= stats.binom.ppf(0.999, 200, 0.05)

    def test_the_hazards_interval_covers(self):
        rng, held = np.random.default_rng(5), 0
        for _ in range(200):
            lost, censored = rng.exponential(10, 80), rng.uniform(0, 30, 80)
            data = clm.Durations(np.minimum(lost, censored), lost <= censored, unit="week")
            interval = clm.nelson_aalen(data).at(10).confidence_interval(0.95)
            held += interval.low <= 1 <= interval.high
        assert held >= stats.binom.ppf(0.001, 200, 0.94)
