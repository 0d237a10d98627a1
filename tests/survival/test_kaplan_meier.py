"""Kaplan-Meier: published curves, delayed entry, limits at 1 and 0, and what the curve cannot say."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from tests.strategies import durations, levels

import clm
from clm.errors import InvalidDataError

# Weeks in remission of leukaemia, 6-mercaptopurine and placebo: Freireich and others (1963), Blood 21, 699-716.
REMISSION = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
# Weeks in remission, maintained group: Miller (1981), Survival Analysis, p. 49.
MAINTAINED = [9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161]
MAINTAINED_RELAPSED = [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0]

METHODS = ["log-log", "log", "plain"]


def curve(ages, observed=None, **options):
    return clm.kaplan_meier(clm.Durations(ages, np.ones(len(ages), bool) if observed is None else observed, **options))


class TestInputs:
    @pytest.mark.parametrize("nothing", [[3, 5], None, np.array([1.0]), {"durations": [1]}])
    def test_anything_but_durations_is_refused(self, nothing):
        with pytest.raises(InvalidDataError, match=r"takes Durations.*clm\.Durations"):
            clm.kaplan_meier(nothing)

    @pytest.mark.parametrize("options", [{}, {"entry": []}])
    def test_nobody_is_refused(self, options):
        with pytest.raises(InvalidDataError, match="nobody is ever at risk"):
            curve([], **options)

    def test_customers_who_end_as_they_enter_are_never_at_risk(self):
        with pytest.raises(InvalidDataError, match="nobody is ever at risk"):
            curve([3, 5], entry=[3, 5])
        late = curve([3, 5, 8], entry=[3, 0, 0])
        assert late.times.tolist() == [5, 8]
        assert "1 of 3 rows end at the age at which they come" in " ".join(late.caveats)

    @pytest.mark.parametrize("age", [-1, float("nan"), float("inf"), [1, -2], [[1]], "5", None, True])
    def test_an_age_that_is_none_is_refused(self, age):
        with pytest.raises(InvalidDataError):
            curve([3, 5]).at(age)

    @pytest.mark.parametrize("age", [0, -1, float("nan"), float("inf"), [5], "5", None])
    def test_a_restricted_mean_needs_one_age(self, age):
        with pytest.raises(InvalidDataError):
            curve([3, 5]).restricted_mean(age)

    @pytest.mark.parametrize("method", ["loglog", "wald", "", None])
    def test_an_unknown_method_is_refused(self, method):
        with pytest.raises(InvalidDataError, match="is not one of log-log, log, plain"):
            curve([3, 5]).confidence_interval(0.95, method)

    def test_a_level_outside_0_and_1_is_refused(self):
        for call in (
            lambda: curve([3, 5]).confidence_interval(95),
            lambda: curve([3, 5]).to_columns(95),
            lambda: curve([3, 5]).median.confidence_interval(95),
        ):
            with pytest.raises(InvalidDataError, match="level"):
                call()


class TestPublishedNumbers:
    def test_leukaemia_remission_freireich_1963(self):
        # Survival and Greenwood's standard error as in Kleinbaum and Klein (2012), Survival Analysis, ch. 2; log-log
        # limits as SAS's LIFETEST and R's survfit print them.
        found = curve(REMISSION, RELAPSED, unit="week")
        assert found.times.tolist() == [6, 7, 10, 13, 16, 22, 23]
        assert found.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
        assert found.lost.tolist() == [3, 1, 1, 1, 1, 1, 1]
        assert found.value == pytest.approx([0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], abs=5.1e-5)
        assert found.standard_error == pytest.approx(
            [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], abs=5.1e-5
        )
        low, high = found.confidence_interval()
        assert low == pytest.approx([0.620, 0.563, 0.503, 0.432, 0.368, 0.268, 0.188], abs=5.1e-4)
        assert high == pytest.approx([0.952, 0.923, 0.889, 0.849, 0.805, 0.747, 0.680], abs=5.1e-4)
        assert found.median.value == 23
        assert tuple(found.median.confidence_interval()) == (13, np.inf)

    def test_leukaemia_placebo(self):
        found = curve(PLACEBO, unit="week")
        assert found.value * 21 == pytest.approx([19, 17, 16, 14, 12, 8, 6, 4, 3, 2, 1, 0], abs=1e-12)
        assert found.median.value == 8
        assert tuple(found.median.confidence_interval()) == (4, 11)  # as SAS prints it

    def test_acute_myelogenous_leukaemia(self):
        # R's survfit with its default, the log scale.
        found = curve(MAINTAINED, MAINTAINED_RELAPSED)
        assert found.value == pytest.approx([0.909, 0.818, 0.716, 0.614, 0.491, 0.368, 0.184], abs=5.1e-4)
        assert found.standard_error == pytest.approx(
            [0.0867, 0.1163, 0.1397, 0.1526, 0.1642, 0.1627, 0.1535], abs=5.1e-5
        )
        low, high = found.confidence_interval(0.95, "log")
        assert low == pytest.approx([0.7541, 0.6192, 0.4884, 0.3769, 0.2549, 0.1549, 0.0359], abs=5.1e-5)
        assert high == pytest.approx([1, 1, 1, 0.999, 0.946, 0.875, 0.944], abs=5.1e-4)
        assert found.median.value == 31

    def test_delayed_entry(self):
        # R's survfit(Surv(entry, duration, event)); who enters at 2 is not at risk at 2.
        found = curve([2, 10, 5, 4, 3], entry=[1, 2, 4, 0, 0])
        assert found.at([2, 3, 4, 5, 10]).value == pytest.approx([0.667, 0.444, 0.222, 0.111, 0], abs=5.1e-4)

    def test_small_group(self):
        # R's survfit with conf.type="log-log".
        found = curve([34, 32, 9, 19, 50, 48], [1, 1, 1, 1, 0, 0])
        assert found.value == pytest.approx([5 / 6, 4 / 6, 3 / 6, 2 / 6])
        low, high = found.confidence_interval()
        assert low == pytest.approx([0.2731, 0.1946, 0.1109, 0.0461], abs=1e-4)
        assert high == pytest.approx([0.975, 0.904, 0.804, 0.676], abs=5.1e-4)
        assert found.median.value == 32

    def test_fractional_weights(self):
        # 1 - 2/5.2, then less .8/1.7 of it.
        found = curve([0.6, 0.4, 0.8, 0.9], [False, True, True, False], weights=[1.5, 2, 0.8, 0.9])
        assert found.at([0.4, 0.6, 0.8, 0.9]).value == pytest.approx(
            [0.6153846153846154, 0.6153846153846154, 0.32579185520362, 0.32579185520362], rel=1e-12
        )


class TestUndefined:
    def test_after_the_last_observed_age(self):
        found = curve(REMISSION, RELAPSED, unit="week")
        after = found.at(36)
        assert np.isnan(after.value)
        assert after.undefined == "nobody was observed after 35 weeks"
        assert np.isnan(after.confidence_interval().low)
        assert float(found.at(35)) == found.value[-1]
        assert found.at([30, 36]).undefined.tolist() == [None, "nobody was observed after 35 weeks"]
        assert found.restricted_mean(36).undefined == "nobody was observed after 35 weeks"

    def test_after_everybody_was_lost_survival_is_0(self):
        found = curve(PLACEBO)
        assert found.at(500).value == 0
        assert tuple(found.at(500).confidence_interval()) == tuple(found.at(23).confidence_interval())
        assert found.restricted_mean(500).value == pytest.approx(np.mean(PLACEBO))

    def test_a_median_that_is_not_reached_keeps_its_lower_limit(self):
        found = curve([5] + [9] * 39, [True] + [False] * 39, unit="month")
        assert np.isnan(found.median.value)
        assert found.median.undefined == "97.5 percent are still there at 9 months, the last age observed"
        low, high = found.median.confidence_interval()
        assert low == 9  # the lower limit is .84 to the end
        assert high == np.inf
        assert found.median.to_dict()["interval"]["unbounded"] is True
        assert found.median.to_dict()["value"] is None
        assert repr(found) == "<SurvivalCurve: 40 customers, 1 lost, median not reached>"

    def test_nobody_lost(self):
        found = curve([4, 4, 6], [False, False, False])
        assert len(found) == len(found.times) == 0
        assert found.at(5).value == 1
        assert tuple(found.at(0).confidence_interval()) == pytest.approx((0.025 ** (1 / 3), 1))
        assert tuple(found.at(5).confidence_interval()) == pytest.approx((0.025, 1))
        assert tuple(found.at(6).confidence_interval()) == (0, 1)
        assert found.median.undefined == "100 percent are still there at 6 days, the last age observed"
        stay = found.restricted_mean(4)
        assert stay.value == 4
        assert tuple(stay.confidence_interval()) == pytest.approx((4 * 0.025 ** (1 / 3), 4))

    def test_a_mean_of_identical_ages_has_no_interval(self):
        stay = curve([3, 3, 3]).restricted_mean(8)
        assert stay.value == 3
        assert np.isnan(stay.confidence_interval().low)
        assert "everybody was lost at one age" in stay.confidence_interval().method

    def test_everybody_lost_leaves_an_upper_limit(self):
        # Without censoring Clopper and Pearson's: 0 of 3 still there.
        found = curve([1, 2, 3])
        exact = stats.binomtest(0, 3).proportion_ci(method="exact")
        for method in METHODS:
            low, high = found.confidence_interval(0.95, method)
            assert (low[-1], high[-1]) == pytest.approx((0, exact.high))

    def test_caveats(self):
        gap = curve([2, 9, 9], [False, True, False], entry=[0, 5, 5], unit="week")
        assert "Nobody was at risk after 2 weeks until others entered later." in gap.caveats
        early = curve([1, 9, 9, 9], entry=[0, 5, 5, 5], unit="week")
        assert "All 1 at risk at 1 week were lost" in " ".join(early.caveats)
        assert curve(REMISSION, RELAPSED).caveats == (
            "Fewer than 10 customers are at risk at 2 of 7 ages, first at 22 days.",
        )


class TestConsistency:
    @given(durations(entry=False, weights=False))
    def test_it_is_scipys(self, data):
        assume(data.observed.any())
        theirs = stats.ecdf(stats.CensoredData.right_censored(data.durations, ~data.observed)).sf
        found = clm.kaplan_meier(data)
        assert found.at(theirs.quantiles).value == pytest.approx(theirs.probabilities, abs=1e-12)

    @given(
        durations(entry=False, weights=False), st.sampled_from([("log-log", "log-log"), ("plain", "linear")]), levels
    )
    def test_limits_are_scipys_between_1_and_0(self, data, methods, level):
        found = clm.kaplan_meier(data)
        between = (found.value > 0) & (found.value < 1)
        assume(between.any())
        ours, scipys = methods
        theirs = stats.ecdf(stats.CensoredData.right_censored(data.durations, ~data.observed)).sf
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs warns where survival is 1 or 0
            limits = theirs.confidence_interval(level, method=scipys)
        at = np.isin(theirs.quantiles, found.times[between])
        low, high = found.confidence_interval(level, ours)
        assert low[between] == pytest.approx(np.clip(limits.low.probabilities[at], 0, 1), abs=1e-9)
        assert high[between] == pytest.approx(np.clip(limits.high.probabilities[at], 0, 1), abs=1e-9)

    @given(durations())
    def test_it_is_the_product_over_the_risk_sets(self, data):
        entry = np.zeros(len(data)) if data.entry is None else data.entry
        weights = np.ones(len(data)) if data.weights is None else data.weights
        assume(((data.durations > entry) | (entry <= 0)).any())
        found = clm.kaplan_meier(data)
        product = 1.0
        for place, age in enumerate(found.times):
            there = ((entry < age) | (entry <= 0)) & (age <= data.durations)
            lost = there & data.observed & (data.durations == age)
            product *= 1 - weights[lost].sum() / weights[there].sum()
            assert found.value[place] == pytest.approx(product, abs=1e-12)
            assert found.at_risk[place] == weights[there].sum()
            assert found.lost[place] == weights[lost].sum()

    @given(durations(), levels, st.sampled_from(METHODS))
    def test_limits_hold_the_value_inside_0_and_1_and_have_width(self, data, level, method):
        entry = np.zeros(len(data)) if data.entry is None else data.entry
        assume(((data.durations > entry) | (entry <= 0)).any())
        found = clm.kaplan_meier(data)
        low, high = found.confidence_interval(level, method)
        assert (low >= 0).all()
        assert (low <= found.value).all()
        assert (found.value <= high).all()
        assert (high <= 1).all()
        assert (low < high).all()
        ages = np.append(0.0, found.risk_ages)
        low, high = found.at(ages).confidence_interval(level)
        assert (low < high).all()

    @given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
    def test_without_censoring_it_is_the_empirical_survivor(self, ages):
        found = curve(ages)
        share = np.array([sum(age > time for age in ages) / len(ages) for time in found.times])
        assert found.value.tolist() == share.tolist()
        assert found.standard_error == pytest.approx(np.sqrt(share * (1 - share) / len(ages)))
        assert found.median.value == np.sort(ages)[(len(ages) - 1) // 2]

    @given(st.lists(st.integers(0, 30), min_size=2, max_size=60), st.integers(1, 40))
    def test_without_censoring_the_restricted_mean_is_a_mean(self, ages, until):
        stay = curve(ages).restricted_mean(until)
        cut = np.minimum(ages, until)
        assert stay.value == pytest.approx(cut.mean())
        assert stay.standard_error == pytest.approx(cut.std() / np.sqrt(len(ages)))
        low, high = stay.confidence_interval()
        assert np.isnan(low) or 0 <= low <= stay.value <= high <= until

    @given(durations(weights=True))
    def test_weights_equal_repeats(self, data):
        entry = np.zeros(len(data)) if data.entry is None else data.entry
        assume(((data.durations > entry) | (entry <= 0)).any())
        times = data.weights.astype(int)
        repeated = clm.Durations(
            np.repeat(data.durations, times),
            np.repeat(data.observed, times),
            entry=None if data.entry is None else np.repeat(data.entry, times),
        )
        ours, theirs = clm.kaplan_meier(data), clm.kaplan_meier(repeated)
        for name in ("times", "value", "standard_error", "at_risk", "lost", "n"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))
        assert np.array_equal(ours.confidence_interval().low, theirs.confidence_interval().low)

    @given(durations(), st.randoms())
    def test_row_order_does_not_matter(self, data, random):
        entry = np.zeros(len(data)) if data.entry is None else data.entry
        assume(((data.durations > entry) | (entry <= 0)).any())
        order = np.arange(len(data)).tolist()
        random.shuffle(order)
        shuffled = clm.Durations(
            data.durations[order],
            data.observed[order],
            entry=None if data.entry is None else data.entry[order],
            weights=None if data.weights is None else data.weights[order],
        )
        assert clm.kaplan_meier(shuffled) == clm.kaplan_meier(data)

    def test_entry_at_0_is_no_delay(self):
        assert curve([0, 3, 5], [1, 1, 0], entry=[0, 0, 0]) == curve([0, 3, 5], [1, 1, 0])

    def test_losses_at_age_0_count(self):
        found = curve([0, 0, 1, 2], [True, False, True, False])
        assert float(found.at(0)) == 0.75
        assert found.times.tolist() == [0, 1]

    def test_the_unit_moves_ages_and_nothing_else(self):
        days = curve(np.array(REMISSION) * 7, RELAPSED, unit="day")
        weeks = curve(REMISSION, RELAPSED, unit="week")
        assert days.times == pytest.approx(7 * weeks.times)
        assert days.value.tolist() == weeks.value.tolist()
        assert days.median.value == 7 * weeks.median.value
        assert (weeks.unit, weeks.median.unit, weeks.restricted_mean(10).unit) == ("week",) * 3
        assert days.restricted_mean(70).value == pytest.approx(7 * weeks.restricted_mean(10).value)

    def test_one_age_and_many(self):
        found = curve(REMISSION, RELAPSED, unit="week")
        many = found.at([0, 6, 6.5, 23])
        assert many.index.tolist() == [0, 6, 6.5, 23]
        assert many.value.tolist() == [float(found.at(t)) for t in (0, 6, 6.5, 23)]
        assert many.n.tolist() == [21] * 4
        assert many.unit == "fraction"
        assert found.at(found.times).confidence_interval() == found.confidence_interval()

    def test_columns_for_a_frame(self):
        found = curve(REMISSION, RELAPSED)
        columns = found.to_columns(0.9)
        assert list(columns) == ["time", "survival", "standard_error", "low", "high", "at_risk", "lost"]
        assert {len(column) for column in columns.values()} == {7}
        assert columns["low"].tolist() == found.confidence_interval(0.9).low.tolist()

    def test_it_is_immutable_comparable_and_pickles(self):
        for found in (curve(REMISSION, RELAPSED), curve(PLACEBO), curve([3], [False])):
            again = pickle.loads(pickle.dumps(found))
            assert again == found
            assert again.median == found.median
            assert again.at(2) == found.at(2)
            with pytest.raises(ValueError, match="read-only"):
                again.risk_ages[0] = 1
        assert curve(REMISSION, RELAPSED) != curve(REMISSION, RELAPSED, unit="week")
        with pytest.raises(AttributeError):
            curve([3]).value = 1

    def test_it_says_what_it_is(self):
        found = curve([6, 6, 9, 13, 20], [1, 1, 0, 1, 0], unit="week")
        assert repr(found) == "<SurvivalCurve: 5 customers, 3 lost, median 13 weeks>"
        assert found.definition.startswith("Share of customers still there by age in weeks (Kaplan-Meier;")
        assert found.n == 5


class TestRecovery:
    # 50 customers, exponential ages, staggered observation. True survival .98 is where (1, 1) would be returned in
    # every third sample, and .02 where (0, 0) would. 800 samples: .95 has a standard error of .008; the limits at 1
    # and 0 are conservative.
    @pytest.mark.parametrize(
        ("true", "samples"),
        [
            (0.98, 800),
            (0.6, 800),
            (0.03, 800),
            *[pytest.param(true, 20_000, marks=pytest.mark.slow) for true in (0.98, 0.3)],
        ],
    )
    def test_the_band_covers(self, true, samples):
        rng = np.random.default_rng(11)
        age = -np.log(true)
        covered = 0
        for _ in range(samples):
            lost_at, seen_until = rng.exponential(1, 50), rng.uniform(age, age + 2, 50)
            found = curve(np.minimum(lost_at, seen_until), lost_at <= seen_until)
            low, high = found.at(age).confidence_interval()
            covered += low <= true <= high
        slack = 3 * np.sqrt(0.05 * 0.95 / samples)
        assert 0.935 - slack <= covered / samples <= 0.99

    def test_delayed_entry_is_not_taken_for_loyalty(self):
        # Exponential ages, half of the customers seen only from a uniform age on, if they get there.
        rng = np.random.default_rng(4)
        lost_at, entry = rng.exponential(1, 40_000), np.where(rng.random(40_000) < 0.5, 0, rng.uniform(0, 2, 40_000))
        there = lost_at > entry
        found = curve(lost_at[there], entry=entry[there])
        # Four standard errors of Greenwood's at each age.
        ages = np.array([0.1, 0.5, 1.0, 2.0])
        survival = found.at(ages)
        assert (np.abs(survival.value - np.exp(-ages)) < 4 * survival.standard_error).all()

    @pytest.mark.parametrize("samples", [300, pytest.param(5_000, marks=pytest.mark.slow)])
    def test_the_median_is_covered(self, samples):
        rng = np.random.default_rng(12)
        covered = 0
        for _ in range(samples):
            lost_at, seen_until = rng.exponential(1, 60), rng.uniform(0.5, 3, 60)
            low, high = curve(np.minimum(lost_at, seen_until), lost_at <= seen_until).median.confidence_interval()
            covered += low <= np.log(2) <= high
        assert 0.93 - 3 * np.sqrt(0.05 * 0.95 / samples) <= covered / samples <= 0.99
