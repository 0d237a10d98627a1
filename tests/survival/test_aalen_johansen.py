"""Competing causes: shares of customers lost to each, by age."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm import InvalidDataError

SMALL = clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week")
CAUSES = ["price", "moved", None, "price"]


@st.composite
def histories(draw, *, late=True, weighted=True):
    """Durations with a cause each, late entries and weights among them."""
    n = draw(st.integers(1, 25))
    whole = st.integers(1, 12)
    duration = np.array(draw(st.lists(whole, min_size=n, max_size=n)), float)
    cause = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    cause[0] = max(cause[0], 1)
    entry = np.array(draw(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=n, max_size=n)), float)
    entry = np.minimum(entry, duration - 1) if late else None
    weights = np.array(draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)), float) if weighted else None
    return clm.Durations(duration, cause > 0, entry=entry, weights=weights), cause


def by_hand(durations, cause, which, form):
    """Share and variance at each age with losses, age by age and pair by pair, in exact fractions."""
    entry = np.zeros(len(durations)) if durations.entry is None else durations.entry
    weights = np.ones(len(durations)) if durations.weights is None else durations.weights
    rows = []
    survival, share = Fraction(1), Fraction(0)
    for age in np.unique(durations.durations[durations.observed]):
        here = durations.observed & (durations.durations == age)
        there = ((entry < age) | (entry <= 0)) & (durations.durations >= age)
        n, d, own = (int(weights[mask].sum()) for mask in (there, here, here & (cause == which)))
        share += survival * Fraction(own, n)
        rows.append((n, d, own, survival, share))
        survival *= 1 - Fraction(d, n)
    spread = []
    for k, (*_, now) in enumerate(rows):
        total = Fraction(0)
        for n, d, own, before, then in rows[: k + 1]:
            ahead = now - then
            if form == "greenwood":
                total += (ahead**2 * Fraction(d, n * (n - d)) if n > d else 0) + before**2 * Fraction(
                    own * (n - own), n**3
                )
                total -= 2 * ahead * before * Fraction(own, n**2)
            elif n > 1:
                total += before**2 * Fraction(own * (n - own), n**2 * (n - 1))
                if n > d:
                    total += ahead**2 * Fraction(d, (n - 1) * (n - d))
                    total -= 2 * ahead * before * Fraction(own * (n - own), n * (n - d) * (n - 1))
        spread.append(total)
    return [float(row[-1]) for row in rows], [float(x) for x in spread]


class TestInputs:
    def test_what_it_takes(self):
        with pytest.raises(InvalidDataError, match="takes Durations, not list"):
            clm.aalen_johansen([1, 2], ["a", "b"])
        with pytest.raises(InvalidDataError, match=r"cause has shape \(2,\), durations \(4,\)"):
            clm.aalen_johansen(SMALL, ["a", "b"])
        with pytest.raises(
            InvalidDataError, match=r"'grenwood' is not one of greenwood, aalen\. Did you mean 'greenwood'"
        ):
            clm.aalen_johansen(SMALL, CAUSES, variance="grenwood")

    @pytest.mark.parametrize("missing", [None, float("nan")])
    def test_a_missing_cause_where_the_end_was_seen_names_the_row(self, missing):
        with pytest.raises(InvalidDataError, match=r"cause is missing .* in 1 of 4 rows, first at row 1"):
            clm.aalen_johansen(SMALL, ["price", missing, None, "price"])

    def test_causes_without_an_order_and_nobody_lost(self):
        with pytest.raises(InvalidDataError, match="mixes kinds of labels"):
            clm.aalen_johansen(SMALL, ["price", 3, None, "price"])
        with pytest.raises(InvalidDataError, match="nobody's end was observed"):
            clm.aalen_johansen(clm.Durations([1.0], [False]), ["a"])
        with pytest.raises(InvalidDataError, match="nobody is ever at risk"):
            clm.aalen_johansen(clm.Durations([1.0], [True], entry=[1.0]), ["a"])

    def test_what_was_not_observed_is_not_looked_at(self):
        assert clm.aalen_johansen(SMALL, ["price", "moved", "other", "price"]) == clm.aalen_johansen(SMALL, CAUSES)

    @pytest.mark.parametrize("age", [-1, np.nan, "old", [[1.0]]])
    def test_ages_are_checked(self, age):
        with pytest.raises(InvalidDataError):
            clm.aalen_johansen(SMALL, CAUSES)["price"].at(age)

    def test_one_age_at_a_time_for_all_causes(self):
        with pytest.raises(InvalidDataError, match="one age gives one share a cause"):
            clm.aalen_johansen(SMALL, CAUSES).at([1, 2])
        with pytest.raises(KeyError):
            clm.aalen_johansen(SMALL, CAUSES)["colour"]


class TestPublishedNumbers:
    @given(histories(), st.sampled_from(["greenwood", "aalen"]))
    def test_both_formulas_term_by_term(self, history, form):
        durations, cause = history
        found = clm.aalen_johansen(durations, cause, variance=form)
        for which in found:
            share, spread = by_hand(durations, cause, which, form)
            assert found[which].value == pytest.approx(share, abs=1e-12)
            assert found[which].standard_error ** 2 == pytest.approx(spread, abs=1e-12)

    def test_limits_are_symmetric_on_the_scale_log_minus_log(self):
        curve = clm.aalen_johansen(clm.Durations(range(1, 11), [True] * 8 + [False] * 2), [1, 2] * 5)[1]
        low, high = curve.confidence_interval(0.9)
        half = 1.6448536269514722 * curve.standard_error / (curve.value * np.abs(np.log(curve.value)))
        assert np.log(-np.log(low)) - np.log(-np.log(curve.value)) == pytest.approx(half)
        assert np.log(-np.log(curve.value)) - np.log(-np.log(high)) == pytest.approx(half)


class TestConsistency:
    @given(histories())
    def test_causes_and_survivors_add_up_to_one(self, history):
        found = clm.aalen_johansen(*history)
        total = sum(curve.value for curve in found.values()) + found.survival.value
        assert total == pytest.approx(np.ones(len(total)), abs=1e-12)
        assert sum(curve.lost for curve in found.values()).tolist() == found.survival.lost.tolist()

    @given(histories())
    def test_one_cause_is_kaplan_meier(self, history):
        durations, _ = history
        only = clm.aalen_johansen(durations, np.full(len(durations), "left"))["left"]
        curve = clm.kaplan_meier(durations)
        assert only.value == pytest.approx(1 - curve.value, abs=1e-12)
        assert only.standard_error**2 == pytest.approx(curve.standard_error**2, abs=1e-12)

    @given(histories(late=False, weighted=False))
    def test_without_censoring_it_is_a_share(self, history):
        durations, cause = history
        cause = np.maximum(cause, 1)
        everybody = clm.Durations(durations.durations, np.ones(len(durations), bool))
        n = len(everybody)
        for which, curve in clm.aalen_johansen(everybody, cause).items():
            share = np.array([((durations.durations <= age) & (cause == which)).mean() for age in curve.times])
            assert curve.value == pytest.approx(share, abs=1e-12)
            assert curve.standard_error**2 == pytest.approx(share * (1 - share) / n, abs=1e-12)

    @given(histories())
    def test_weights_are_repeats_and_rows_have_no_order(self, history):
        durations, cause = history
        times = durations.weights.astype(int)
        again = clm.Durations(
            *(np.repeat(x, times)[::-1] for x in (durations.durations, durations.observed)),
            entry=np.repeat(durations.entry, times)[::-1],
        )
        weighted, repeated = (
            clm.aalen_johansen(durations, cause),
            clm.aalen_johansen(again, np.repeat(cause, times)[::-1]),
        )
        assert weighted.to_columns().keys() == repeated.to_columns().keys()
        for name, column in weighted.to_columns().items():
            if name != "cause":
                assert column == pytest.approx(repeated.to_columns()[name], abs=1e-9, nan_ok=True)

    @given(histories(), st.sampled_from([0.5, 0.95]))
    def test_limits_hold_the_value_and_have_a_width(self, history, level):
        durations, cause = history
        for curve in clm.aalen_johansen(durations, cause).values():
            low, high = curve.confidence_interval(level)
            assert (low >= 0).all()
            assert (low <= curve.value).all()
            assert (curve.value <= high).all()
            assert (high <= 1).all()
            assert (low < high).all()

    def test_reading_it_between_and_after_the_ages(self):
        found = clm.aalen_johansen(clm.Durations([2, 4, 6], [True, True, False]), ["b", "a", "a"])
        assert list(found) == ["a", "b"]
        assert found.at(3).value.tolist() == [0, pytest.approx(1 / 3)]
        assert found.at(3).index.tolist() == ["a", "b"]
        assert found["a"].at([0, 4, 6]).value == pytest.approx([0, 1 / 3, 1 / 3])
        assert found["a"].at(7).undefined == "nobody was observed after 6 days"
        assert found.at(3).confidence_interval().high[0] == pytest.approx(1 - 0.025 ** (1 / 3))
        ended = clm.aalen_johansen(clm.Durations([2, 4], [True, True]), ["a", "b"])
        assert ended.at(100).value.tolist() == [0.5, 0.5]

    def test_it_is_frozen_pickles_and_makes_a_frame(self):
        found = clm.aalen_johansen(SMALL, CAUSES)
        assert pickle.loads(pickle.dumps(found)) == found
        assert found != clm.aalen_johansen(SMALL, ["price", "price", None, "price"])
        with pytest.raises(ValueError, match="read-only"):
            found["price"].value[0] = 1
        frame = clm.to_frame(found, "polars")
        assert frame.columns[:3] == ["cause", "time", "incidence"]
        assert len(frame) == 6
        assert repr(found["price"]) == "<IncidenceCurve: 2 of 4 lost to price, 75 percent in the end>"


class TestRecovery:
    def test_limits_cover(self):
        # Two exponential causes with rates .1 and .05, censored at uniform ages up to 20; the share lost to the first
        # by age 8 is 2/3 (1 - exp(-1.2)). Of 300 limits at 95 percent, 273 to 297 cover but for 1 in 1,000.
        rng = np.random.default_rng(11)
        truth = 2 / 3 * (1 - np.exp(-1.2))
        covered = 0
        for _ in range(300):
            left, end = rng.exponential(1 / 0.15, 80), rng.uniform(0, 20, 80)
            cause = np.where(rng.random(80) < 2 / 3, "first", "second")
            found = clm.aalen_johansen(clm.Durations(np.minimum(left, end), left <= end), cause)
            low, high = found["first"].at(8).confidence_interval()
            covered += low <= truth <= high
        assert 273 <= covered <= 297
