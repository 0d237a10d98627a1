"""Differences of two numbers and of several: published figures, signs, and how often the limits hold."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

import clm
from clm.errors import InvalidDataError
from clm.stats import Linearised, LogNormal, NoBand, Normal, TangoScore

counts = st.tuples(*[st.integers(0, 60)] * 3).filter(any)


def nps(detractors, passives, promoters):
    return clm.NPS.from_counts(detractors=detractors, passives=passives, promoters=promoters)


def number(value=1.0, error=0.1, *, unit="items", name="a", **options):
    return clm.Estimate(value=value, standard_error=error, n=10, name=name, unit=unit, definition="D.", **options)


def mean(values, name="basket"):
    return clm.stats.mean(values, name=name, unit="items", definition="Mean items.")


COVARIANCE = np.array([[0.04, 0.01], [0.01, 0.09]])


def fitted(value, gradient, name):
    source = Linearised(gradient=gradient, covariance=COVARIANCE)
    return number(value, np.sqrt(source.variance()), name=name, sources=(source,))


class TestInputs:
    @pytest.mark.parametrize(
        ("a", "b", "match"),
        [
            (nps(1, 1, 1), "high", "not str"),
            (nps(1, 1, 1), True, "not bool"),
            (nps(1, 1, 1), [1, 2], "not list"),
            (nps(1, 1, 1), float("nan"), "target must be one finite number"),
            (nps(1, 1, 1), 101, "target 101 lies outside the range of NPS, -100 to 100"),
            (30, 40, "know no uncertainty"),
            (nps(1, 1, 1), clm.csat([5, 4]), "units differ: NPS is in points, CSAT in percent"),
            (nps(1, 1, 1), clm.ces([5, 4, 7]), "scales differ: NPS runs from -100 to 100, CES from 1 to 7"),
            (clm.ces([1, 2]), clm.ces([1, 2], scale=clm.Scale.ces1()), "scales differ"),
            (number([1.0, 2.0]), number(), "a holds 2 cells"),
        ],
    )
    def test_what_cannot_be_compared_is_refused(self, a, b, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.compare(a, b)

    @pytest.mark.parametrize(
        ("several", "options", "match"),
        [
            ([], {}, "two numbers or more, not 0"),
            ([nps(1, 1, 1)], {}, "two numbers or more, not 1"),
            (nps(1, 1, 1), {}, "not one NPS"),
            ([nps(1, 1, 1)] * 2, {"adjust": "hlom"}, "Did you mean 'holm'"),
            ([nps(1, 1, 1)] * 2, {"pairs": "each"}, "is not one of all, first, previous"),
            ([nps(1, 1, 1), clm.csat([5])], {}, "units differ"),
        ],
    )
    def test_several_that_cannot_be_compared_are_refused(self, several, options, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.compare(several, **options)

    @pytest.mark.parametrize("order", [1, -1])
    def test_an_undefined_side_makes_an_undefined_difference(self, order):
        difference = clm.compare(*[clm.nps([]), nps(1, 1, 1)][::order])
        assert np.isnan([difference.value, difference.p_value, difference.p_value_plain]).all()
        assert np.isnan(list(difference.confidence_interval())).all()
        which = "first" if order == 1 else "second"
        assert difference.undefined == f"the {which} is undefined, because there are no answers"
        assert difference.equivalence(5).undefined == difference.undefined
        assert not difference.equivalence(5).equivalent

    def test_a_side_without_interval_leaves_the_difference(self):
        difference = clm.compare(clm.ces([3, 3, 3]), clm.ces([4, 5, 6]))
        assert difference.value == 2
        assert np.isnan(difference.p_value)
        assert np.isnan(difference.confidence_interval().low)
        assert "There is no interval and no p-value: the first has no interval (all 3 answers are the same)." in (
            difference.caveats
        )
        unknown = clm.compare(number(error=np.nan), number(2.0))
        assert np.isnan([unknown.p_value, unknown.p_value_plain]).all()

    @pytest.mark.parametrize("margin", [0, -1, "5", np.inf])
    def test_a_margin_must_be_positive(self, margin):
        with pytest.raises(InvalidDataError, match="margin"):
            clm.compare(nps(1, 1, 1), nps(1, 1, 2)).equivalence(margin)

    def test_levels_and_methods_are_checked(self):
        difference = clm.compare(nps(1, 1, 1), nps(1, 1, 2))
        with pytest.raises(InvalidDataError, match=r"level must lie above 0\.5"):
            difference.equivalence(5, level=0.05)
        with pytest.raises(InvalidDataError, match="method='tango' is not one of default, wald"):
            difference.confidence_interval(method="tango")

    def test_a_pair_that_was_not_compared_is_named(self):
        with pytest.raises(InvalidDataError, match=r"\('b', 'a'\) was not compared. Pairs are \('a', 'b'\)"):
            clm.compare({"a": nps(1, 1, 1), "b": nps(1, 1, 2)})["b", "a"]


class TestPublishedNumbers:
    """Computed with R's NPS 2.0.999 and statsmodels where not said otherwise."""

    def test_two_net_promoter_scores(self):
        difference = clm.compare(nps(30, 40, 30), nps(20, 30, 50))
        assert difference.value == pytest.approx(30)
        assert difference.standard_error == pytest.approx(11)
        assert tuple(difference.confidence_interval()) == pytest.approx((7.91428, 50.33815), abs=5e-6)
        assert difference.p_value == pytest.approx(0.00711877, abs=5e-9)
        assert difference.p_value_plain == pytest.approx(0.00638602, abs=5e-9)
        wald = difference.confidence_interval(method="wald")
        assert tuple(wald) == pytest.approx((8.44040, 51.55960), abs=5e-6)
        band = difference.estimate.band
        assert (band.centre, band.error) == pytest.approx((29.12621, 10.82261433), abs=5e-6)
        assert band.centre / band.error == pytest.approx(2.6912364, abs=5e-8)

    def test_the_sign_is_kept(self):
        assert clm.compare(nps(20, 30, 50), nps(30, 40, 30)).value == pytest.approx(-30)

    def test_welch_on_the_same_answers(self):
        difference = clm.compare(mean([-1] * 30 + [0] * 40 + [1] * 30), mean([-1] * 20 + [0] * 30 + [1] * 50))
        band = difference.estimate.band
        assert band.centre / band.error == pytest.approx(2.7136021, abs=5e-8)
        assert band.df == pytest.approx(197.986, abs=5e-4)
        assert difference.p_value == pytest.approx(0.00724249, abs=5e-9)

    @pytest.mark.parametrize(
        ("first", "second", "low", "high"),
        [
            # Newcombe (1998), table II.
            ((48, 80), (56, 70), 0.0524, 0.3339),
            ((3, 10), (9, 10), 0.1705, 0.8090),
            ((0, 20), (10, 10), 0.6791, 1.0),
            ((0, 29), (5, 56), -0.0381, 0.1926),
        ],
    )
    def test_newcombe_1998(self, first, second, low, high):
        shares = [clm.stats.proportion(*share, name="share", definition="Share.") for share in (first, second)]
        interval = clm.compare(*shares).confidence_interval()
        assert tuple(interval) == pytest.approx((low, high), abs=5e-5)
        assert interval.method == "Newcombe"

    def test_two_shares_as_an_experiment_has_them(self):
        before, after = clm.csat([5] * 120 + [1] * 880), clm.csat([5] * 150 + [1] * 850)
        difference = clm.compare(before, after)
        assert tuple(difference.confidence_interval()) == pytest.approx((0.00137824, 6.00082586), abs=5e-8)
        assert difference.p_value == pytest.approx(0.0496403869, abs=5e-11)  # R prop.test(correct=FALSE)
        assert difference.p_value_plain == pytest.approx(0.0494207507, abs=5e-11)

    def test_a_score_against_a_target(self):
        difference = clm.compare(40, nps(20, 30, 50))
        assert difference.value == pytest.approx(-10)
        assert difference.p_value_plain == pytest.approx(0.200415, abs=5e-7)
        assert clm.compare(0, nps(20, 30, 50)).p_value_plain == pytest.approx(0.000122481, abs=5e-10)
        # Tango's interval of the score itself, shifted by the target.
        assert tuple(difference.confidence_interval()) == pytest.approx((13.95514 - 40, 44.33931 - 40), abs=5e-5)

    def test_a_share_against_a_target_is_the_score_test(self):
        # 22 of 50 against 40 percent: z = 0.04 / sqrt(0.4 * 0.6 / 50).
        share = clm.stats.proportion(22, 50, name="very disappointed", definition="Share.")
        p = 2 * stats.norm.sf(0.04 / np.sqrt(0.24 / 50))
        assert clm.compare(0.4, share).p_value == pytest.approx(p, rel=1e-9)

    def test_a_mean_against_a_target_is_the_t_test(self):
        values = [3.0, 4.0, 5.5, 2.0, 6.0]
        assert clm.compare(3, mean(values)).p_value == pytest.approx(stats.ttest_1samp(values, 3).pvalue, rel=1e-9)

    def test_holm_and_benjamini_hochberg(self):
        p = [0.01, 0.04, 0.03, 0.2]
        assert clm.stats.adjusted_p_values(p, "holm") == pytest.approx([0.04, 0.09, 0.09, 0.20])
        assert clm.stats.adjusted_p_values(p, "bh") == pytest.approx([0.04, 0.053333, 0.053333, 0.20], abs=5e-7)
        assert clm.stats.adjusted_p_values(p, None) == pytest.approx(p)

    def test_two_one_sided_tests(self):
        # By hand from Schuirmann (1987) with Welch's df: the larger of the two one-sided p-values.
        rng = np.random.default_rng(3)
        a, b = rng.normal(10, 1, 40), rng.normal(10.1, 1.2, 30)
        upper = stats.ttest_ind(b - 0.8, a, equal_var=False, alternative="less").pvalue
        lower = stats.ttest_ind(b + 0.8, a, equal_var=False, alternative="greater").pvalue
        assert clm.compare(mean(a), mean(b)).equivalence(0.8).p_value == pytest.approx(max(upper, lower), rel=1e-9)


class TestConsistency:
    @given(counts, counts)
    def test_interval_and_p_value_agree(self, a, b):
        difference = clm.compare(nps(*a), nps(*b))
        low, high = difference.confidence_interval(0.95)
        assert -200 <= low <= difference.value <= high <= 200
        assert 0 <= difference.p_value <= 1
        band = difference.estimate.band.limits(0, 0, 0.95)  # before it is widened to hold the value
        assume(min(abs(band[0]), abs(band[1])) > 1e-6)
        assert (band[0] > 0 or band[1] < 0) == (difference.p_value < 0.05)

    @given(counts, counts)
    def test_swapping_the_sides_turns_the_sign_and_nothing_else(self, a, b):
        there, back = clm.compare(nps(*a), nps(*b)), clm.compare(nps(*b), nps(*a))
        assert there.value == -back.value
        assert there.p_value == pytest.approx(back.p_value, rel=1e-9)
        low, high = there.confidence_interval()
        assert tuple(back.confidence_interval()) == pytest.approx((-high, -low))

    @given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
    def test_shares_are_compared_as_in_an_experiment(self, hits, misses, hits_new, misses_new):
        test = clm.ab_test([hits, hits_new], [hits + misses, hits_new + misses_new])
        difference = clm.compare(test.control, test.variant)
        assert tuple(difference.confidence_interval()) == pytest.approx(tuple(test.difference.confidence_interval()))
        assert difference.p_value == pytest.approx(test.p_value, abs=1e-12)

    @pytest.mark.parametrize("band", [LogNormal(), Normal(0, 10)])
    def test_other_numbers_are_told_apart_where_their_limits_recover(self, band):
        a, b = number(2.0, 0.3, band=LogNormal()), number(3.0, 0.4, band=band, name="b")
        difference = clm.compare(a, b)
        level = 1 - difference.p_value
        assert difference.confidence_interval(level).low == pytest.approx(0, abs=1e-8)
        assert difference.name == "b less a"
        for margin in (0.5, 3.0):
            test = difference.equivalence(margin)
            assert test.equivalent == (test.interval.high < margin and test.interval.low > -margin)

    def test_two_normal_numbers_are_compared_by_their_errors(self):
        difference = clm.compare(number(1.0, 3.0), number(2.0, 4.0))
        assert (difference.value, difference.standard_error, difference.n) == (1.0, 5.0, 20)
        assert difference.p_value == pytest.approx(2 * stats.norm.sf(0.2))
        assert difference.p_value == difference.p_value_plain

    def test_numbers_known_exactly(self):
        orders = clm.stats.exact(5, n=5, name="orders", unit="orders", definition="Orders.")
        more = clm.stats.exact(7, n=7, name="orders", unit="orders", definition="Orders.")
        assert clm.compare(orders, orders).p_value == 1
        assert clm.compare(orders, more).p_value < 1e-12
        assert tuple(clm.compare(orders, more).confidence_interval()) == (2, 2)

    def test_numbers_of_one_fit_are_not_independent(self):
        a, b = fitted(2.0, [1.0, 1.0], "a"), fitted(2.5, [1.2, 0.9], "b")
        joint = clm.compare(a, b)
        assert joint.estimate.band.method == "delta method, both from one fit"
        away = np.array([0.2, -0.1])
        assert joint.standard_error == pytest.approx(np.sqrt(away @ COVARIANCE @ away))
        assert joint.p_value == joint.p_value_plain == pytest.approx(2 * stats.norm.sf(0.5 / joint.standard_error))
        assert "The two are taken as independent." not in joint.caveats
        assert clm.compare(a, a).p_value == 1
        other = clm.compare(a, number(2.5, 0.3, name="b"))
        assert other.standard_error == pytest.approx(np.hypot(a.standard_error, 0.3))

    def test_several_are_compared_by_the_rule_asked_for(self):
        scores = {"a": nps(30, 40, 30), "b": nps(25, 35, 40), "c": nps(10, 30, 60), "d": clm.nps([])}
        everything = clm.compare(scores)
        assert len(everything) == 6
        assert everything["a", "c"].value == 50
        alone = [clm.compare(scores[a], scores[b]).p_value for a, b in (("a", "b"), ("a", "c"), ("b", "c"))]
        known = [everything[pair].p_value for pair in (("a", "b"), ("a", "c"), ("b", "c"))]
        # What is undefined is no test, and does not count as one.
        assert known == pytest.approx(list(clm.stats.adjusted_p_values(alone, "holm")))
        assert [d.p_value_unadjusted for d in everything if d.undefined is None] == pytest.approx(alone)
        assert np.isnan(everything["a", "d"].p_value)
        assert clm.compare(scores, pairs="first").pairs == (("a", "b"), ("a", "c"), ("a", "d"))
        assert clm.compare(scores, pairs="previous").pairs == tuple(pairwise("abcd"))
        assert clm.compare(list(scores.values()), pairs="first").pairs == ((0, 1), (0, 2), (0, 3))
        assert "One of 3 comparisons; p-value adjusted by Holm, interval not adjusted." in everything[0].caveats

    def test_results_are_values(self):
        several = clm.compare([nps(1, 2, 3), nps(3, 2, 1), clm.nps([])], adjust="bh")
        assert pickle.loads(pickle.dumps(several)) == several
        difference = clm.compare(nps(1, 2, 3), nps(3, 2, 1))
        assert pickle.loads(pickle.dumps(difference)) == difference
        assert difference.to_dict()["value"] == pytest.approx(-200 / 3)
        frame = clm.to_frame(several, "polars")
        assert frame.columns[:3] == ["first", "second", "value"]
        assert frame["p_value"].is_nan().sum() == 2
        assert several.to_dict()["differences"][1]["p_value"] is None

    def test_labels_of_any_kind(self):
        several = clm.compare({("eu", 1): nps(1, 2, 3), ("us", 2): nps(3, 2, 1)})
        assert clm.to_frame(several, "pandas")["first"].to_list() == [("eu", 1)]
        assert several[("eu", 1), ("us", 2)] == several[0]

    def test_what_has_no_p_value_prints_none(self):
        assert (
            repr(clm.compare(clm.ces([3, 3]), clm.ces([4, 5]))) == "<CES difference: 1.5 points (no interval; n = 4)>"
        )

    def test_two_questions_in_one_unit_are_told_apart(self):
        difference = clm.compare(clm.csat([5, 4, 2]), clm.csat([1, 5, 1], scale=clm.Scale(1, 5, top=5)))
        assert "The two are not defined alike: see the definition." in difference.caveats
        assert "Second: Percent answering 5 (" in difference.definition

    def test_a_target_takes_the_score_interval(self):
        assert isinstance(clm.compare(0, nps(1, 2, 3)).estimate.band.second.band, TangoScore)
        assert isinstance(clm.compare(clm.nps([]), 3).estimate.band, NoBand)

    @given(st.lists(st.floats(0, 1), max_size=8))
    def test_adjusted_p_values_are_no_smaller_and_keep_their_order(self, p):
        for adjust in ("holm", "bh"):
            adjusted = clm.stats.adjusted_p_values(p, adjust)
            assert (adjusted >= np.array(p) - 1e-12).all()
            assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


class TestRecovery:
    @pytest.mark.parametrize("shares", [(0.2, 0.3, 0.5), (0.05, 0.25, 0.7)])
    def test_the_default_holds_the_true_difference(self, shares):
        # Exactly, over all outcomes of ten answers on both sides.
        outcomes = [(d, p, 10 - d - p) for d in range(11) for p in range(11 - d)]
        other = (0.3, 0.4, 0.3)
        centre, error = np.array([nps(*row).estimate.band.adjusted() for row in outcomes]).T
        true = 100 * ((other[2] - other[0]) - (shares[2] - shares[0]))
        half = stats.norm.ppf(0.975) * np.hypot(error[:, None], error)
        covered = np.abs(centre - centre[:, None] - true) <= half + 1e-9
        weight = stats.multinomial.pmf(outcomes, 10, shares)[:, None] * stats.multinomial.pmf(outcomes, 10, other)
        assert 0.945 <= (weight * covered).sum() <= 0.985
        some = clm.compare(nps(*outcomes[7]), nps(*outcomes[30])).estimate.band.limits(0, 0, 0.95)
        assert some[1] - some[0] == pytest.approx(2 * half[7, 30])
