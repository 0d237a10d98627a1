"""Net promoter score: published numbers, bugs seen elsewhere, and intervals that hold."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.strategies import levels

import clm
from clm.errors import InvalidDataError
from clm.satisfaction import Answers

# Answers against, between and in favour, as shares, from nearly balanced to nearly unanimous.
SHARE_VECTORS = [(0.2, 0.3, 0.5), (0.05, 0.25, 0.7), (0.02, 0.08, 0.9)]
CLOSED_FORM = ["adjusted_wald", "score", "wald"]

counts = st.tuples(*[st.integers(0, 200)] * 3).filter(any)


def from_counts(detractors, passives, promoters):
    return clm.NPS.from_counts(detractors=detractors, passives=passives, promoters=promoters)


def exact_coverages(n):
    """How often the default holds the true score, over every outcome of n answers."""
    rows = [(against, between, n - against - between) for against in range(n + 1) for between in range(n + 1 - against)]
    low, high = np.array([tuple(from_counts(*row).confidence_interval()) for row in rows]).T
    for shares in SHARE_VECTORS:
        true = 100 * (shares[2] - shares[0])
        covered = (low <= true + 1e-9) & (true - 1e-9 <= high)
        yield stats.multinomial.pmf(rows, n, shares) @ covered


@pytest.fixture(scope="module")
def panel():
    """Forty basic and twenty basic-US, twenty-five and fifteen pro customers: answers, plan and region."""
    cells = {
        ("basic", "EU"): (8, 14, 18),
        ("basic", "US"): (8, 6, 6),
        ("pro", "EU"): (3, 7, 15),
        ("pro", "US"): (4, 4, 7),
    }
    rows = [
        (cell, answer)
        for cell, boxes in cells.items()
        for answer, count in zip((3, 7, 10), boxes, strict=True)
        for _ in range(count)
    ]
    return [cell for cell, _ in rows], np.array([answer for _, answer in rows])


class TestInputs:
    def test_no_answers_are_undefined_with_the_reason(self):
        empty = clm.nps([])
        assert np.isnan(empty.value)
        assert empty.undefined == "there are no answers"
        assert empty.n == empty.promoters == empty.passives == empty.detractors == 0
        assert clm.nps([None, None]).undefined == "all 2 answers are missing"
        assert clm.nps([None]).undefined == "the only answer is missing"
        assert from_counts(0, 0, 0).undefined == "there are no answers"
        assert clm.nps([11], off_scale="missing").undefined == "the only answer is missing or off the scale"

    @pytest.mark.parametrize("method", [*CLOSED_FORM, "t", "bootstrap", "bayes"])
    def test_no_answers_have_no_interval(self, method):
        interval = from_counts(0, 0, 0).confidence_interval(0.95, method)
        assert np.isnan(interval.low)
        assert np.isnan(interval.high)

    @pytest.mark.parametrize("method", ["Wald", "wilson", "", None, "adjusted-wald"])
    def test_an_unknown_method_is_refused(self, method):
        with pytest.raises(InvalidDataError, match="is not one of adjusted_wald, score, wald, t, bootstrap, bayes"):
            from_counts(1, 1, 1).confidence_interval(0.95, method)

    @pytest.mark.parametrize("method", [*CLOSED_FORM, "t", "bootstrap", "bayes"])
    @pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan"), "high"])
    def test_a_level_outside_0_and_1_is_refused(self, method, level):
        with pytest.raises(InvalidDataError, match="level"):
            from_counts(1, 1, 1).confidence_interval(level, method)

    @pytest.mark.parametrize("bad", [-1, 1.5, True, "3", None, float("nan"), float("inf"), 10**19])
    def test_counts_that_are_none(self, bad):
        with pytest.raises(
            InvalidDataError, match=r"promoters must be (a whole number from 0 on|1,000,000,000,000,000 or fewer)"
        ):
            from_counts(1, 1, bad)

    def test_raw_answers_go_to_the_function(self):
        with pytest.raises(InvalidDataError, match=r"clm\.nps\(answers\)"):
            clm.NPS([10, 9])

    def test_satisfactions_boxes_are_no_promoters(self):
        with pytest.raises(
            InvalidDataError, match=r"0 to 10 only, not on 1 to 5.*clm\.Scale\(1, 5, bottom=\.\.\., top="
        ):
            clm.nps([1, 5], scale=clm.Scale(1, 5))

    @pytest.mark.parametrize("prior", [(1, 1), (1, 1, 0), (1, 1, -1), (1, 1, float("nan")), "abc", None, 1])
    def test_a_prior_that_is_none(self, prior):
        with pytest.raises(InvalidDataError, match="prior"):
            from_counts(1, 1, 1).confidence_interval(0.95, "bayes", prior=prior)

    @pytest.mark.parametrize("rng", ["x", -1, 1.5, None, True])
    def test_chance_has_a_seed(self, rng):
        with pytest.raises(InvalidDataError, match="rng must be a whole number"):
            from_counts(1, 1, 1).confidence_interval(0.95, "bayes", rng)

    def test_weighted_answers_cannot_be_resampled_from_counts(self):
        with pytest.raises(InvalidDataError, match="cannot be resampled"):
            clm.nps([1, 9], weights=[1, 2]).confidence_interval(0.95, "bootstrap")


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("answers", "value"),
        [
            ([10, 10, 9, 9, 9, 8, 7, 4, 2, 1], 20),  # AskNicely's example
            ([0, 7, 7, 9, 9, 9], 100 / 3),  # tests of the R package NPS
        ],
    )
    def test_examples(self, answers, value):
        assert clm.nps(answers).value == pytest.approx(value, rel=1e-15)

    def test_delighted(self):
        assert from_counts(5, 5, 10).value == 25

    def test_custom_breaks(self):
        # Tests of the R package NPS: 1 to 15 with breaks after 6 and 8 score 1/15, variance 0.8622 an answer.
        nps = clm.nps(np.arange(1, 16), scale=clm.Scale(1, 15, bottom=6, top=9))
        assert nps.value == pytest.approx(100 / 15)
        assert nps.standard_error**2 * 15 / 100**2 == pytest.approx(0.86222, abs=5e-6)

    # The R package NPS 2.0.999, and Student's t on codes -1, 0, 1; shares, not points.
    @pytest.mark.parametrize(
        ("counts", "value", "error", "wald", "t"),
        [
            ((20, 30, 50), 0.30, 0.0781024968, (0.1469219, 0.4530781), (0.1442470, 0.4557530)),
            ((5, 5, 10), 0.25, 0.1854049622, (-0.1133870, 0.6133870), (-0.1481381, 0.6481381)),
            ((0, 0, 10), 1, 0, (1, 1), (1, 1)),
            ((0, 10, 0), 0, 0, (0, 0), (0, 0)),
            ((150, 150, 200), 0.10, None, (0.0271906, 0.1728094), (0.0269405, 0.1730596)),
        ],
    )
    def test_wald_and_t(self, counts, value, error, wald, t):
        nps = from_counts(*counts)
        assert nps.value == 100 * value
        if error is not None:
            assert nps.standard_error == pytest.approx(100 * error, abs=5.1e-9)
        assert tuple(nps.confidence_interval(0.95, "wald")) == pytest.approx([100 * end for end in wald], abs=5.1e-6)
        # The last case's lower limit, .02694045, was rounded twice where it was printed.
        assert tuple(nps.confidence_interval(0.95, "t")) == pytest.approx([100 * end for end in t], abs=5.5e-6)

    @pytest.mark.parametrize(
        ("counts", "default", "score"),
        [
            ((20, 30, 50), (14.05113, 44.20130), (13.95514, 44.33931)),
            ((5, 5, 10), (-11.71613, 55.19439), (-12.92067, 56.01058)),
            ((0, 0, 10), (47.50355, 100), (44.49344, 100)),
            ((0, 10, 0), (-18.46504, 18.46504), (-27.75328, 27.75328)),
            ((150, 150, 200), (2.68681, 17.19390), (2.67466, 17.20564)),
        ],
    )
    def test_default_and_score(self, counts, default, score):
        nps = from_counts(*counts)
        assert tuple(nps.confidence_interval()) == pytest.approx(default, abs=5.1e-6)
        assert nps.confidence_interval() == nps.confidence_interval(0.95, "adjusted_wald")
        assert nps.confidence_interval() == nps.estimate.confidence_interval()
        assert tuple(nps.confidence_interval(0.95, "score")) == pytest.approx(score, abs=5.1e-6)

    @pytest.mark.parametrize(("counts", "limits"), [((20, 30, 50), (14, 45)), ((5, 5, 10), (-10, 60))])
    def test_percentile_bootstrap(self, counts, limits):
        # The exact limits; 20,000 draws find them, or a neighbour one answer away.
        found = from_counts(*counts).confidence_interval(0.95, "bootstrap", rng=1)
        assert tuple(found) == pytest.approx(limits, abs=100 / sum(counts) + 1e-9)

    @pytest.mark.parametrize(
        ("prior", "limits"),
        [((1, 1, 1), (13.6, 43.8)), ((0.5, 0.5, 0.5), (14.0, 44.3)), ((0.75, 1.5, 0.75), (13.8, 43.7))],
    )
    def test_posterior(self, prior, limits):
        # Limits by 400,000 draws; 20,000 are off by .25 at most.
        nps = from_counts(20, 30, 50)
        assert tuple(nps.confidence_interval(0.95, "bayes", rng=1, prior=prior)) == pytest.approx(limits, abs=0.5)
        if prior == (0.75, 1.5, 0.75):
            assert nps.confidence_interval(0.95, "bayes") == nps.confidence_interval(0.95, "bayes", prior=prior)

    @pytest.mark.parametrize(
        ("counts", "centre", "error"),
        [
            ((20, 30, 50), 0.2912621, 0.0769151042),
            ((5, 5, 10), 0.2173913, None),
            ((0, 0, 10), 0.7692308, None),
            ((0, 10, 0), 0, None),
        ],
    )
    def test_where_the_default_is_centred(self, counts, centre, error):
        found = from_counts(*counts).estimate.band.adjusted()
        assert found[0] == pytest.approx(100 * centre, abs=5.1e-6)
        if error is not None:
            assert found[1] == pytest.approx(100 * error, abs=5.1e-9)

    # Coverage by enumeration of every outcome, at 95 percent, rounded to three digits; in brackets mean widths.
    @pytest.mark.parametrize(
        ("n", "shares", "wald", "t", "default", "score"),
        [
            (10, SHARE_VECTORS[0], 0.896, 0.932, 0.963, 0.947),
            (10, SHARE_VECTORS[1], 0.858, 0.864, 0.949, 0.961),
            (10, SHARE_VECTORS[2], 0.649, 0.651, 0.930, 0.959),
            (30, SHARE_VECTORS[0], 0.936, 0.948, 0.946, 0.952),
            (30, SHARE_VECTORS[2], 0.841, 0.842, 0.958, 0.961),
            (50, SHARE_VECTORS[2], 0.910, 0.918, 0.966, 0.965),
            (100, SHARE_VECTORS[0], 0.945, 0.949, 0.949, 0.950),
            (100, SHARE_VECTORS[2], 0.930, 0.932, 0.962, 0.956),
            (200, SHARE_VECTORS[2], 0.939, 0.939, 0.957, 0.953),
        ],
    )
    def test_coverage(self, n, shares, wald, t, default, score):
        rows = np.array([(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)])
        chance, true = stats.multinomial.pmf(rows, n, shares), 100 * (shares[2] - shares[0])
        against, _, in_favour = rows.T / n
        value = 100 * (in_favour - against)
        error = 100 * np.sqrt(np.maximum(in_favour + against - (in_favour - against) ** 2, 0) / n)
        bands = {
            wald: (clm.stats.Normal(-100, 100), error),
            t: (clm.stats.NetStudentT(np.full(len(rows), n - 1.0)), error * np.sqrt(n / (n - 1))),
            default: (clm.stats.AdjustedWald(against, in_favour, np.full(len(rows), n)), error),
            score: (clm.stats.TangoScore(against, in_favour, np.full(len(rows), n)), error),
        }
        for covered, (band, of) in bands.items():
            low, high = band.limits(value, of, 0.95)
            assert chance @ ((low <= true + 1e-9) & (true - 1e-9 <= high)) == pytest.approx(covered, abs=6e-4)
            if (n, shares) == (10, SHARE_VECTORS[0]):
                width = {wald: 0.90, t: 1.08, default: 0.81, score: 0.86}[covered]
                assert chance @ (high - low) / 100 == pytest.approx(width, abs=0.0051)

    def test_the_variance_depends_on_the_boxes_alone(self):
        # Two samples with a score of 0: 14, 0, 14 answers have variance 1, and 8, 12, 8 have .571.
        for counts, variance in (((14, 0, 14), 1.0), ((8, 12, 8), 0.571)):
            nps = from_counts(*counts)
            assert nps.value == 0
            assert nps.standard_error**2 * nps.n / 100**2 == pytest.approx(variance, abs=5e-4)

    def test_categories_add_up(self):
        # 2, 11 and 18 answers are 31, not the 32 that were said to have answered: 51.6.
        assert from_counts(2, 11, 18).value == pytest.approx(51.6, abs=0.05)

    def test_a_fall_by_seven_points_with_ninety_answers_is_noise(self):
        # 46 with 87 answers, 39 with 94: the standard error lies between .105 and .133, p between .51 and .60.
        for variance, error, p in ((0.5, 10.5, 0.51), (0.8, 13.3, 0.60)):
            sides = [
                clm.Estimate(
                    value=value,
                    standard_error=100 * np.sqrt(variance / n),
                    n=n,
                    name="NPS",
                    unit="points",
                    definition="NPS of a dashboard.",
                    band=clm.stats.Normal(-100, 100),
                )
                for value, n in ((46, 87), (39, 94))
            ]
            fall = clm.compare(*sides)
            assert fall.standard_error == pytest.approx(error, abs=0.05)
            assert fall.p_value == pytest.approx(p, abs=0.005)

    def test_raked_weights(self, panel):
        # Raking to plan 800 and 200, region 500 and 500: cell weights, share, effective n and linearised standard error
        # (weights as fixed) of R's survey package.
        cells, answers = panel
        weight = {
            ("basic", "EU"): 10.18205924,
            ("basic", "US"): 19.63588152,
            ("pro", "EU"): 3.70870522,
            ("pro", "US"): 7.15215797,
        }
        nps = clm.nps(answers, weights=[weight[cell] for cell in cells])
        assert nps.value == pytest.approx(12.85097659, abs=1e-7)
        assert nps.standard_error == pytest.approx(9.51755830, abs=1e-7)
        assert nps.effective_n == pytest.approx(77.1040169766, abs=1e-6)
        assert nps.n / nps.effective_n == pytest.approx(1.2969492890, abs=1e-8)
        detractors, _, promoters = nps.answers.sides().shares
        assert promoters == pytest.approx(0.4067880395, abs=1e-9)
        assert detractors == pytest.approx(0.2782782736, abs=1e-9)
        assert nps.unweighted.value == pytest.approx(23)
        assert nps.unweighted.standard_error == pytest.approx(7.98185442, abs=1e-8)

    def test_post_stratified_weights(self, panel):
        cells, answers = panel
        weights = [{"basic": 800 / 60, "pro": 200 / 40}[plan] for plan, _ in cells]
        assert clm.nps(answers, weights=weights).value == pytest.approx(18.16666667)


class TestSeenElsewhere:
    """Defects of published packages and dashboards."""

    def test_a_scale_without_0_is_not_scored_as_0_to_10(self):
        scale = clm.Scale(1, 10, bottom=6, top=9)
        assert clm.nps([1, 6, 7, 9], scale=scale).detractors == 2
        with pytest.raises(InvalidDataError, match="0 is below it"):
            clm.nps([0, 9], scale=scale)

    def test_four_smileys_are_not_all_detractors(self):
        smileys = clm.Scale(1, 4, bottom=2, top=4)
        assert clm.nps([4, 4, 4, 3], scale=smileys).value == 75
        with pytest.raises(InvalidDataError, match="customary boxes on 0 to 10 only"):
            clm.nps([4, 4, 4, 3], scale=clm.Scale(1, 4))

    def test_fractional_answers_do_not_fall_between_the_boxes(self):
        with pytest.raises(InvalidDataError, match=r"in 2 of 4 rows, first at row 1: 6.5 lies between"):
            clm.nps([9, 6.5, 8.5, 10])

    def test_negative_answers_are_no_detractors(self):
        with pytest.raises(InvalidDataError, match="-1 is below it"):
            clm.nps([9, -1])

    def test_parts_are_not_rounded_before_they_are_subtracted(self):
        assert from_counts(30, 45, 120).value == float(Fraction(100 * 90, 195))  # 46.1538, not 46.16
        assert from_counts(67, 0, 133).value == 33  # round(66.5) - round(33.5) is 32 in banker's rounding

    def test_missing_answers_do_not_dilute_the_score(self):
        nps = clm.nps([10, float("nan"), None, 10, 0])
        assert nps.value == pytest.approx(100 / 3)
        assert nps.n == 3
        assert nps.missing == 2

    def test_passives_stay_in_the_denominator(self):
        assert clm.nps([10, 7, 8, 7]).value == 25

    def test_missing_answers_are_neutral_only_on_request(self):
        nps = clm.nps([10, None, None, 10, 0], missing="neutral")
        assert nps.value == 20
        assert (nps.n, nps.passives, nps.missing) == (5, 2, 2)
        assert "missing answers count as neutral" in nps.definition

    def test_five_point_employee_scores_have_their_own_boxes(self):
        nps = clm.nps([5, 5, 4, 3, 1], scale=clm.Scale.enps5())
        assert (nps.promoters, nps.passives, nps.detractors) == (2, 1, 2)

    def test_a_difference_keeps_its_sign(self):
        assert from_counts(50, 30, 20).value == -30


class TestConsistency:
    @given(counts, levels, st.sampled_from(CLOSED_FORM))
    def test_intervals_hold_the_value_inside_the_scale(self, counts, level, method):
        nps = from_counts(*counts)
        low, high = nps.confidence_interval(level, method)
        assert -100 <= low <= nps.value <= high <= 100

    @given(counts, levels)
    def test_the_default_has_width(self, counts, level):
        low, high = from_counts(*counts).confidence_interval(level)
        assert low < high

    @pytest.mark.parametrize("method", ["bootstrap", "bayes"])
    @given(counts=counts, level=levels)
    def test_drawn_intervals_hold_the_value_inside_the_scale(self, method, counts, level):
        nps = from_counts(*counts)
        low, high = nps.confidence_interval(level, method)
        assert -100 <= low <= nps.value <= high <= 100

    @pytest.mark.parametrize("method", ["bootstrap", "bayes"])
    def test_a_seed_gives_the_same_interval_again(self, method):
        nps = from_counts(20, 30, 50)
        assert nps.confidence_interval(0.9, method, rng=7) == nps.confidence_interval(0.9, method, rng=7)
        generator = np.random.default_rng(7)
        assert nps.confidence_interval(0.9, method, generator) == nps.confidence_interval(0.9, method, rng=7)

    @given(st.lists(st.integers(0, 10), min_size=1, max_size=80))
    def test_answers_and_their_counts_score_alike(self, answers):
        nps = clm.nps(answers)
        counted = from_counts(nps.detractors, nps.passives, nps.promoters)
        assert nps.value == counted.value
        assert nps.standard_error == counted.standard_error
        assert nps.confidence_interval() == counted.confidence_interval()
        assert nps.promoters == sum(answer >= 9 for answer in answers)
        assert nps.detractors == sum(answer <= 6 for answer in answers)
        assert nps.counts.sum() == nps.n == len(answers)

    @given(st.lists(st.integers(0, 10), min_size=2, max_size=40), st.floats(0.1, 50))
    def test_equal_weights_change_nothing_but_the_standard_errors_denominator(self, answers, weight):
        plain, weighted = clm.nps(answers), clm.nps(answers, weights=[weight] * len(answers))
        assert weighted.value == pytest.approx(plain.value)
        assert tuple(weighted.confidence_interval()) == pytest.approx(tuple(plain.confidence_interval()))
        n = len(answers)
        assert weighted.standard_error == pytest.approx(plain.standard_error * np.sqrt(n / (n - 1)))
        assert weighted.unweighted == plain
        assert "respondents weighted" in weighted.definition

    def test_the_weighted_score_of_whole_weights_is_that_of_repeats(self):
        answers, repeats = [10, 7, 2, 9], [3, 1, 2, 4]
        assert clm.nps(answers, weights=repeats).value == pytest.approx(clm.nps(np.repeat(answers, repeats)).value)

    def test_a_turned_scale_scores_the_turned_answers(self):
        turned = clm.Scale(0, 10, bottom=1, top=4, higher_is_better=False)
        answers = np.array([0, 1, 5, 10, 9, 2])
        assert clm.nps(answers, scale=turned).value == clm.nps(10 - answers).value
        assert "Percent answering 0 to 1 (promoters) less percent answering 4 to 10" in (
            clm.nps(answers, scale=turned).definition
        )

    def test_a_bare_0_to_10_has_the_customary_boxes(self):
        answers = [10, 8, 3]
        assert clm.nps(answers, scale=clm.Scale(0, 10)) == clm.nps(answers)

    def test_it_has_every_attribute_of_an_estimate(self):
        nps = clm.nps([10, 9, 3, None])
        assert float(nps) == nps.value == np.asarray(nps)
        assert nps.unit == "points"
        assert nps.name == "NPS"
        assert nps.index is None
        assert nps.undefined is None
        assert nps.definition == (
            "Percent answering 9 to 10 (promoters) less percent answering 0 to 6 (detractors), on the scale 0 to 10; "
            "missing answers left out."
        )
        assert nps.to_dict()["interval"]["low"] == nps.confidence_interval().low
        assert nps.band == nps.estimate.band
        assert nps.sources == ()
        assert nps._repr_html_() == nps.estimate._repr_html_()
        for total in (nps.sum, nps.mean):
            with pytest.raises(InvalidDataError, match="NPS is a single number"):
                total()

    def test_few_answers_come_with_a_caveat(self):
        assert clm.nps([10, 9, 3, 7, 7]).caveats == (
            "With 5 answers a 95% interval may hold the true score only 90 times in 100.",
        )
        assert clm.nps([10, 9] * 5).caveats == ()

    def test_it_is_immutable_comparable_and_pickles(self):
        nps = clm.nps([10, 9, 3], weights=[1, 2, 3])
        assert pickle.loads(pickle.dumps(nps)) == nps == clm.nps([10, 9, 3], weights=[1, 2, 3])
        assert nps != clm.nps([10, 9, 3])
        with pytest.raises(AttributeError):
            nps.answers = None

    def test_a_billion_answers_are_eleven_counts(self):
        answers = Answers.from_counts(dict.fromkeys(range(11), 10**9), clm.Scale.nps())
        nps = clm.NPS(answers)
        assert nps.n == 11 * 10**9
        assert nps.value == pytest.approx(-500 / 11)
        low, high = nps.confidence_interval()
        assert 0 < high - low < 0.01


class TestRecovery:
    @pytest.mark.parametrize("n", [10, 30, 100])
    def test_exact_coverage_of_the_default(self, n):
        assert all(0.925 <= coverage <= 0.985 for coverage in exact_coverages(n))

    @pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8, 9])
    def test_exact_coverage_with_few_answers(self, n):
        assert all(coverage >= 0.88 for coverage in exact_coverages(n))  # as the caveat says

    @pytest.mark.parametrize("samples", [400, pytest.param(10_000, marks=pytest.mark.slow)])
    def test_weighted_answers_are_covered(self, samples):
        # 60 answers with log-normal weights that say nothing of the answers; .95 give or take 3 standard errors.
        rng = np.random.default_rng(5)
        shares, covered = SHARE_VECTORS[1], 0
        for _ in range(samples):
            answers = rng.choice([3, 7, 10], 60, p=shares)
            low, high = clm.nps(answers, weights=rng.lognormal(0, 0.7, 60)).confidence_interval()
            covered += low <= 65 <= high
        assert abs(covered / samples - 0.95) < 0.01 + 3 * np.sqrt(0.95 * 0.05 / samples)
