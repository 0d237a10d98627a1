"""Drivers of an overall score: published shares of R squared, every subset by hand, and what cannot be told."""

import pickle
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clm
from clm.errors import InvalidDataError

# Swiss fertility and socioeconomic indicators about 1888 (Mosteller and Tukey 1977), as R's `swiss` has them:
# fertility, agriculture, examination, education, catholic, infant mortality of 47 provinces.
SWISS_TEXT = """
    80.2 17.0 15 12 9.96 22.2  83.1 45.1 6 9 84.84 22.2  92.5 39.7 5 5 93.40 20.2  85.8 36.5 12 7 33.77 20.3
    76.9 43.5 17 15 5.16 20.6  76.1 35.3 9 7 90.57 26.6  83.8 70.2 16 7 92.85 23.6  92.4 67.8 14 8 97.16 24.9
    82.4 53.3 12 7 97.67 21.0  82.9 45.2 16 13 91.38 24.4  87.1 64.5 14 6 98.61 24.5  64.1 62.0 21 12 8.52 16.5
    66.9 67.5 14 7 2.27 19.1  68.9 60.7 19 12 4.43 22.7  61.7 69.3 22 5 2.82 18.7  68.3 72.6 18 2 24.20 21.2
    71.7 34.0 17 8 3.30 20.0  55.7 19.4 26 28 12.11 20.2  54.3 15.2 31 20 2.15 10.8  65.1 73.0 19 9 2.84 20.0
    65.5 59.8 22 10 5.23 18.0  65.0 55.1 14 3 4.52 22.4  56.6 50.9 22 12 15.14 16.7  57.4 54.1 20 6 4.20 15.3
    72.5 71.2 12 1 2.40 21.0  74.2 58.1 14 8 5.23 23.8  72.0 63.5 6 3 2.56 18.0  60.5 60.8 16 10 7.72 16.3
    58.3 26.8 25 19 18.46 20.9  65.4 49.5 15 8 6.10 22.5  75.5 85.9 3 2 99.71 15.1  69.3 84.9 7 6 99.68 19.8
    77.3 89.7 5 2 100.00 18.3  70.5 78.2 12 6 98.96 19.4  79.4 64.9 7 3 98.22 20.2  65.0 75.9 9 9 99.06 17.8
    92.2 84.6 3 3 99.46 16.3  79.3 63.1 13 13 96.83 18.1  70.4 38.4 26 12 5.62 20.3  65.7 7.7 29 11 13.79 20.5
    72.7 16.7 22 13 11.22 18.9  64.4 17.6 35 32 16.92 23.0  77.6 37.6 15 7 4.97 20.0  67.6 18.7 25 7 8.65 19.5
    35.0 1.2 37 53 42.34 18.0  44.7 46.6 16 29 50.43 18.2  42.8 27.7 22 29 58.33 19.3
"""
SWISS = np.array(SWISS_TEXT.split(), float).reshape(47, 6)
SWISS_NAMES = ["agriculture", "examination", "education", "catholic", "infant_mortality"]
SWISS_FRAME = {"fertility": SWISS[:, 0], **dict(zip(SWISS_NAMES, SWISS[:, 1:].T, strict=True))}

ANSWERS = {"score": [9, 3, 10, 6, 8, 2, 7, 10], "speed": [5, 2, 5, 3, 4, 1, 3, 5], "price": [3, 2, 4, 2, 5, 2, 3, 3]}


def r_squared(x, y):
    """R squared by least squares, of any columns."""
    design = np.column_stack([np.ones(len(y)), *x])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - rest.var() / y.var()


def shapley_by_hand(x, y):
    p = len(x)
    return [
        sum(
            factorial(k)
            * factorial(p - k - 1)
            / factorial(p)
            * sum(
                r_squared([x[i] for i in (*others, j)], y) - r_squared([x[i] for i in others], y)
                for others in combinations([i for i in range(p) if i != j], k)
            )
            for k in range(p)
        )
        for j in range(p)
    ]


class TestInputs:
    @pytest.mark.parametrize(
        ("drivers", "match"),
        [
            ([], "drivers must name columns"),
            ("speed", "drivers must name columns"),
            ([1, 2], "drivers must name columns"),
            (["speed", "speed"], "driver 'speed' is named twice"),
            (["spead"], "no column 'spead'.*Did you mean 'speed'"),
            (["score", "speed"], "'score' is the score and a driver, too"),
        ],
    )
    def test_columns_that_are_none(self, drivers, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.drivers(ANSWERS, drivers)

    def test_too_many_drivers(self):
        frame = {f"x{i}": [1, 2] for i in range(16)}
        with pytest.raises(InvalidDataError, match="16 drivers: every subset of them is a regression"):
            clm.drivers({**frame, "score": [1, 2]}, list(frame))

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"speed": list("abcdefgh")}, "column 'speed' holds text"),
            ({"speed": [True] * 8}, "booleans"),
            ({"score": ["9"] * 8}, "column 'score' holds text"),
            (
                {"speed": [5, 2, float("inf"), 3, 4, 1, 3, 5]},
                "speed is infinite, or beyond 1e.100, for 1 of 8 respondents, first at row 2",
            ),
        ],
    )
    def test_answers_that_are_none(self, change, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.drivers({**ANSWERS, **change}, ["speed", "price"])

    def test_answers_off_their_scale_are_refused_with_the_row(self):
        with pytest.raises(InvalidDataError, match=r"speed: .*first at row 0: 5 is above it"):
            clm.drivers(ANSWERS, ["speed", "price"], scale={"speed": clm.Scale(1, 4), "price": clm.Scale(1, 5)})
        with pytest.raises(InvalidDataError, match=r"driver 'price' has no clm\.Scale"):
            clm.drivers(ANSWERS, ["speed", "price"], scale={"speed": clm.Scale(1, 5)})

    @pytest.mark.parametrize(
        "options", [{"resamples": -1}, {"resamples": 1.5}, {"resamples": 10**6}, {"missing": "neutral"}, {"rng": "x"}]
    )
    def test_options_that_are_none(self, options):
        with pytest.raises(InvalidDataError, match=next(iter(options))):
            clm.drivers(ANSWERS, ["speed"], **options)

    def test_missing_answers(self):
        gaps = {**ANSWERS, "price": [None, *ANSWERS["price"][1:]]}
        found = clm.drivers(gaps, ["speed", "price"], resamples=0)
        assert (found.n, found.missing) == (7, 1)
        with pytest.raises(InvalidDataError, match="missing for 1 of 8 respondents, first at row 0"):
            clm.drivers(gaps, ["speed", "price"], missing="raise")

    @pytest.mark.parametrize(
        ("frame", "reason"),
        [
            ({"score": [], "speed": []}, "nobody answered everything"),
            ({"score": [None], "speed": [1]}, "nobody answered everything"),
            ({"score": [7, 7, 7, 7], "speed": [1, 2, 3, 4]}, "all answers to score are the same"),
            ({"score": [7, 6], "speed": [1, 2]}, "2 respondents cannot tell 1 drivers apart"),
        ],
    )
    def test_what_cannot_be_told_is_undefined(self, frame, reason):
        found = clm.drivers(frame, ["speed"])
        assert found.undefined == reason
        assert np.isnan(found.importance.value).all()
        assert found.importance.undefined.tolist() == [reason]
        assert found.r_squared.undefined == reason
        assert np.isnan(found.r_squared.confidence_interval().low)
        assert found.quadrant.tolist() == [None]
        assert reason in repr(found)
        assert clm.to_frame(found, "polars").height == 1


class TestPublishedNumbers:
    def test_swiss_fertility(self):
        # The R package relaimpo's example: LMG of five drivers, which add up to R squared.
        found = clm.drivers(SWISS_FRAME, SWISS_NAMES, score="fertility", resamples=0)
        assert found.importance.value == pytest.approx(
            [0.0570912208, 0.1711730289, 0.2601346786, 0.1055701504, 0.1127659229], abs=5.1e-11
        )
        assert found.r_squared.value == pytest.approx(0.7067350016, abs=5.1e-11)
        assert found.n == 47

    def test_quadrants(self):
        found = clm.drivers(ANSWERS, ["speed", "price"], scale=clm.Scale(1, 5), resamples=0)
        assert found.performance.value.tolist() == [62.5, 50]
        assert found.quadrant.tolist() == ["keep up the good work", "low priority"]


class TestConsistency:
    @given(hnp.arrays(int, (14, 5), elements=st.integers(0, 6)))
    def test_every_subset_by_hand(self, rows):
        x, y = rows[:, :-1].T.astype(float), rows[:, -1].astype(float)
        if np.ptp(y) == 0:
            return
        frame = {f"x{i}": column for i, column in enumerate(x)} | {"score": y}
        found = clm.drivers(frame, [f"x{i}" for i in range(4)], resamples=0)
        assert found.importance.value == pytest.approx(shapley_by_hand(x, y), abs=1e-8)
        assert found.r_squared.value == pytest.approx(r_squared(x, y), abs=1e-8)

    def test_drivers_that_determine_each_other_share(self):
        frame = {**ANSWERS, "twice": [2 * answer for answer in ANSWERS["speed"]], "flat": [3] * 8}
        alone = clm.drivers(ANSWERS, ["speed"], resamples=0)
        found = clm.drivers(frame, ["speed", "twice", "flat"], resamples=50)
        assert found.importance.value == pytest.approx([alone.r_squared.value / 2] * 2 + [0], abs=1e-12)
        assert found.beta == pytest.approx([alone.beta[0] / 2] * 2 + [0])
        assert np.isnan(found.correlation[2])
        assert "All answers to flat are the same: they can explain nothing." in found.caveats
        assert np.isnan(found.performance.confidence_interval().low[2])

    def test_uncorrelated_drivers_explain_their_squared_correlation(self):
        x = np.array([[-1, -1, 1, 1] * 2, [-1, 1, -1, 1] * 2], float)
        y = 3 * x[0] + x[1] + np.array([0.5, -0.5, -0.5, 0.5, -0.5, 0.5, 0.5, -0.5])
        found = clm.drivers({"a": x[0], "b": x[1], "score": y}, ["a", "b"], resamples=0)
        assert found.importance.value == pytest.approx(found.correlation**2)
        assert found.beta == pytest.approx(found.correlation)

    @pytest.mark.parametrize(("shift", "unit"), [(0, 1000), (1e6, 1000), (0, 1e90), (0, 1e-200)])
    def test_units_do_not_matter(self, shift, unit):
        moved = {**ANSWERS, "speed": [shift + unit * answer for answer in ANSWERS["speed"]]}
        plain, found = (clm.drivers(frame, ["speed", "price"], resamples=20) for frame in (ANSWERS, moved))
        assert found.importance.value == pytest.approx(plain.importance.value, abs=1e-9)
        assert found.draws == pytest.approx(plain.draws, abs=1e-6)

    def test_the_order_of_rows_does_not_matter_and_neither_does_the_frame(self, frame):
        expected = clm.drivers(ANSWERS, ["speed", "price"], resamples=30, rng=4)
        turned = clm.drivers(
            {name: column[::-1] for name, column in ANSWERS.items()}, ["speed", "price"], resamples=30, rng=4
        )
        other = clm.drivers(frame(ANSWERS), ["speed", "price"], resamples=30, rng=4)
        for found in (turned, other):
            assert found.draws == pytest.approx(expected.draws, abs=1e-12)
            assert found.importance.value == pytest.approx(expected.importance.value, abs=1e-12)

    def test_labels_and_low_is_good(self):
        scale = clm.Scale(1, 3, labels=("bad", "fair", "good"))
        named = {"score": [1, 5, 9, 8, 3], "speed": ["bad", "fair", "good", "good", "bad"]}
        found = clm.drivers(named, ["speed"], scale=scale, resamples=0)
        assert found.performance.value.tolist() == [50]
        effort = clm.Scale(1, 5, higher_is_better=False)
        assert clm.drivers(ANSWERS, ["speed"], scale=effort, resamples=0).performance.value[0] == 37.5

    def test_bands_hold_the_value_inside_0_and_1(self):
        found = clm.drivers(ANSWERS, ["speed", "price"], resamples=200)
        for estimate in (found.importance, found.r_squared):
            low, high = estimate.confidence_interval(0.9)
            assert np.all((low >= 0) & (low <= estimate.value) & (estimate.value <= high) & (high <= 1))
        assert found.importance.confidence_interval().method == "quantiles of 200 bootstrap draws"
        assert found == clm.drivers(ANSWERS, ["speed", "price"], resamples=200, rng=0)
        assert found != clm.drivers(ANSWERS, ["speed", "price"], resamples=200, rng=1)
        assert found.importance.sum().confidence_interval(0.9) == found.r_squared.confidence_interval(0.9)
        bare = clm.drivers(ANSWERS, ["speed", "price"], resamples=0)
        assert np.isnan(bare.importance.confidence_interval().low).all()

    def test_it_is_said_to_be_association(self):
        found = clm.drivers(ANSWERS, ["speed", "price"], resamples=0)
        assert found.caveats[0].startswith("This is association")
        assert "fewer than 20 respondents" in found.caveats[1]
        assert "association, not cause" in repr(found)
        assert found.caveats == found.importance.caveats == found.r_squared.caveats

    def test_results_are_values_and_tables(self):
        found = clm.drivers(ANSWERS, ["speed", "price"], resamples=20)
        assert pickle.loads(pickle.dumps(found)) == found
        assert not found.draws.flags.writeable
        table = clm.to_frame(found, "polars")
        assert table["driver"].to_list() == ["speed", "price"]
        assert table["share"].sum() == pytest.approx(1)

    def test_by_segment(self):
        doubled = {name: [*column, *column] for name, column in ANSWERS.items()} | {"plan": ["a"] * 8 + ["b"] * 8}
        by_plan = clm.by(doubled, "plan", clm.drivers, drivers=["speed", "price"], resamples=0)
        assert by_plan["a"].r_squared.value == pytest.approx(by_plan["b"].r_squared.value)


class TestRecovery:
    def test_bands_cover_the_true_importance(self):
        # Two independent drivers with coefficients 1 and .5 and unit noise: 1 / 2.25 and .25 / 2.25 of the variance.
        rng = np.random.default_rng(8)
        truth, hits = np.array([1, 0.25]) / 2.25, np.zeros(2)
        for run in range(200):
            x = rng.normal(size=(150, 2))
            frame = {"a": x[:, 0], "b": x[:, 1], "score": x @ [1, 0.5] + rng.normal(size=150)}
            low, high = clm.drivers(frame, ["a", "b"], resamples=200, rng=run).importance.confidence_interval()
            hits += (low <= truth) & (truth <= high)
        assert (hits >= 178).all()  # .89: 95 less four standard errors of 200 runs
