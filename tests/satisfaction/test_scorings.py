"""The other numbers that go by the name of satisfaction and effort: net, mean, NSAT, NSI, and small populations."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.strategies import levels

import clm
from clm.errors import InvalidDataError
from clm.satisfaction import Answers

RATINGS = [5, 5, 4, 4, 3, 2, 5, 1, 4, 5]
EASE = [7, 6, 5, 4, 7, 2, 6, 5, 3, 7]
SCORINGS = ["top", "mean", "net", "nsi"]

ratings = st.lists(st.integers(1, 5), min_size=1, max_size=60)


class TestInputs:
    def test_an_unknown_scoring_is_refused(self):
        with pytest.raises(InvalidDataError, match=r"scoring='nett' is not one of 'top', 'mean', 'net'.*Did you mean"):
            clm.csat(RATINGS, scoring="nett")

    def test_nsat_asks_for_four_points(self):
        with pytest.raises(InvalidDataError, match=r"four points without a middle, not on 1 to 5.*Scale\.nsat"):
            clm.csat(RATINGS, scoring="nsat")
        assert clm.csat([4, 3, 2, 1], scale=clm.Scale(1, 4), scoring="nsat").value == 75

    @pytest.mark.parametrize("scoring", ["mean", "nsi"])
    def test_a_mean_has_no_neutral_answer(self, scoring):
        with pytest.raises(InvalidDataError, match="a mean has no neutral answer"):
            clm.csat(RATINGS, scoring=scoring, missing="neutral")

    @pytest.mark.parametrize("scoring", ["top", "net"])
    def test_boxes_are_asked_for_where_they_are_counted(self, scoring):
        wide = clm.Scale(0, 100)
        with pytest.raises(InvalidDataError, match="no customary boxes"):
            clm.csat([50, 80], scale=wide, scoring=scoring)
        assert clm.csat([50, 80], scale=wide, scoring="mean").value == 65

    @pytest.mark.parametrize("scoring", SCORINGS)
    def test_no_answers_are_undefined_with_the_reason(self, scoring):
        empty = clm.csat([None], scoring=scoring)
        assert np.isnan(empty.value)
        assert empty.undefined == "the only answer is missing"
        assert np.isnan(empty.confidence_interval().low)

    def test_identical_answers_have_no_interval_of_their_mean(self):
        assert clm.csat([4, 4], scoring="nsi").caveats == ("There is no interval: all 2 answers are the same.",)
        assert np.isnan(clm.csat([4, 4], scoring="mean").confidence_interval().high)

    @pytest.mark.parametrize(
        ("population", "match"),
        [(3, "population=3 is fewer than the 4 answers"), (-1, "whole number"), (4.5, "whole number"), ("4", "whole")],
    )
    def test_a_population_that_is_none(self, population, match):
        for score in (clm.nps, clm.csat, clm.ces):
            with pytest.raises(InvalidDataError, match=match):
                score([5, 4, 3, 4], population=population)

    def test_a_population_cannot_be_resampled(self):
        with pytest.raises(InvalidDataError, match="cannot be resampled"):
            clm.nps([9, 3], population=10).confidence_interval(0.95, "bootstrap")

    def test_scores_of_different_scales_are_not_compared(self):
        five, seven = clm.csat([5, 1], scale=clm.Scale(1, 5)), clm.csat([7, 1], scale=clm.Scale(1, 7))
        with pytest.raises(InvalidDataError, match="scales differ: CSAT is of answers on 1 to 5, high is good"):
            clm.compare(five, seven)
        effort, ease = clm.ces([1, 2, 5], scale=clm.Scale.ces1()), clm.ces([1, 2, 5], scale=clm.Scale(1, 5))
        with pytest.raises(InvalidDataError, match="low is good"):
            clm.compare(effort, ease)
        with pytest.raises(InvalidDataError, match="scales differ"):
            clm.compare(clm.nps([9]), clm.nps([5], scale=clm.Scale.enps5()))
        counted = clm.NPS.from_counts(detractors=1, passives=1, promoters=2)
        assert clm.compare(clm.nps([9, 3]), counted).value == 25


class TestPublishedNumbers:
    @pytest.mark.parametrize(("scoring", "value"), [("top", 70), ("mean", 3.8), ("net", 50), ("nsi", 70)])
    def test_ten_ratings(self, scoring, value):
        assert clm.csat(RATINGS, scoring=scoring).value == pytest.approx(value, abs=1e-12)

    def test_top_box_alone(self):
        assert clm.csat(RATINGS, scale=clm.Scale(1, 5, top=5)).value == 40

    def test_nsat(self):
        # 20 of 21 very satisfied and nobody dissatisfied: 195.24, as 2ss.com publishes it.
        nsat = clm.csat([4] * 20 + [3], scale=clm.Scale.nsat(), scoring="nsat")
        assert nsat.value == pytest.approx(195.238, abs=5e-4)
        assert nsat.unit == "points"
        assert nsat.definition == (
            "Percent answering 4 less percent answering 1 to 2, plus 100, on the scale 1 to 4;"
            " missing answers left out."
        )
        low, high = nsat.confidence_interval()
        assert 0 < low < nsat.value < high <= 200

    def test_the_index_weighs_100_75_50_25_0(self):
        for point, weight in zip(range(1, 6), (0, 25, 50, 75, 100), strict=True):
            assert clm.csat([point], scoring="nsi").value == weight

    @pytest.mark.parametrize(("scoring", "top", "value"), [("agree", 5, 70), ("agree", 6, 50), ("net", 5, 50)])
    def test_effort_of_2013(self, scoring, top, value):
        assert clm.ces(EASE, scale=clm.Scale(1, 7, top=top), scoring=scoring).value == pytest.approx(value, abs=1e-12)

    def test_effort_of_2010_nets_what_was_easy(self):
        # 1, 2, 2 are little effort, 5 is much: 60 percent less 20.
        net = clm.ces([1, 2, 2, 3, 5], scale=clm.Scale.ces1(), scoring="net")
        assert net.value == pytest.approx(40)
        assert net.higher_is_better
        assert net.name == "net easy"

    def test_employees(self):
        # Variance .61, 100 of 200: .078102 without and .055365 with the correction sqrt((N - n) / (N - 1)).
        counts = {"detractors": 20, "passives": 30, "promoters": 50}
        assert clm.NPS.from_counts(**counts).standard_error == pytest.approx(7.8102, abs=5e-5)
        some = clm.NPS.from_counts(**counts, population=200)
        assert some.standard_error == pytest.approx(5.5365, abs=5e-5)
        assert some.value == 30
        assert some.definition.endswith("counted by category, of a population of 200.")
        assert some.caveats == ("Respondents are taken as drawn at random from a population of 200.",)


class TestSeenElsewhere:
    """Defects of published packages and dashboards."""

    def test_the_index_is_of_the_scale_and_not_of_the_answers_seen(self):
        assert clm.csat([4, 4, 4], scoring="nsi").value == 75
        assert clm.csat([3, 4], scoring="nsi").value == 62.5

    def test_an_unknown_range_is_not_0_percent_satisfied(self):
        with pytest.raises(InvalidDataError, match="no customary boxes"):
            clm.csat([8, 9], scale=clm.Scale(0, 12))

    def test_good_less_bad_says_what_it_is(self):
        net = clm.csat(RATINGS, scoring="net")
        assert net.name == "net satisfaction"
        assert net.definition.startswith("Percent answering 4 to 5 less percent answering 1 to 2")


class TestConsistency:
    @given(ratings, levels, st.sampled_from(SCORINGS))
    def test_intervals_hold_the_value_inside_the_range(self, answers, level, scoring):
        score = clm.csat(answers, scoring=scoring)
        (lowest, highest), interval = score.span, score.confidence_interval(level)
        if scoring in {"top", "net"} or len(set(answers)) > 1:
            assert lowest <= interval.low <= score.value <= interval.high <= highest
            assert interval.low < interval.high
        else:
            assert np.isnan(interval.low)

    @given(ratings, levels)
    def test_the_index_is_the_mean_on_another_ruler(self, answers, level):
        mean, index = clm.csat(answers, scoring="mean"), clm.csat(answers, scoring="nsi")
        assert index.value == pytest.approx(25 * (mean.value - 1), abs=1e-9)
        assert tuple(index.confidence_interval(level)) == pytest.approx(
            [25 * (end - 1) for end in mean.confidence_interval(level)], abs=1e-9, nan_ok=True
        )

    @given(st.lists(st.integers(1, 4), min_size=1, max_size=60), levels, st.sampled_from(["adjusted_wald", "score"]))
    def test_nsat_is_a_net_score_from_100(self, answers, level, method):
        scale = clm.Scale.nsat()
        net, nsat = (clm.csat(answers, scale=scale, scoring=scoring) for scoring in ("net", "nsat"))
        assert nsat.value == pytest.approx(net.value + 100)
        assert tuple(nsat.confidence_interval(level, method)) == pytest.approx(
            [end + 100 for end in net.confidence_interval(level, method)]
        )

    @given(ratings)
    def test_the_net_score_is_the_nps_of_the_same_boxes(self, answers):
        boxes = clm.Scale(1, 5, bottom=2, top=4)
        net, nps = clm.csat(answers, scale=boxes, scoring="net"), clm.nps(answers, scale=boxes)
        assert net.value == nps.value
        assert net.standard_error == nps.standard_error
        assert net.confidence_interval() == nps.confidence_interval()

    def test_a_turned_scale_gives_the_same_index(self):
        turned = clm.Scale(1, 5, higher_is_better=False)
        assert clm.csat([6 - answer for answer in RATINGS], scale=turned, scoring="nsi").value == pytest.approx(70)

    @pytest.mark.parametrize("scoring", [*SCORINGS, "nsat"])
    def test_they_pickle_and_compare_and_weigh(self, scoring):
        answers = [1, 2, 3, 4, 4, 3]
        options = {"scale": clm.Scale(1, 4), "scoring": scoring}
        score = clm.csat(answers, **options)
        assert pickle.loads(pickle.dumps(score)) == score
        weighted = clm.csat(answers, weights=[1, 2, 1, 1, 1, 1], **options)
        assert weighted.unweighted == score
        assert weighted.value != score.value
        assert weighted.effective_n == pytest.approx(49 / 9)
        assert clm.compare(score, weighted).value == pytest.approx(weighted.value - score.value)
        assert clm.to_frame(score, "polars")["value"].to_list() == [score.value]

    @pytest.mark.parametrize("scoring", SCORINGS)
    def test_groups_and_windows_take_the_options(self, scoring):
        answers = {"at": ["2025-01-01", "2025-01-02", "2025-02-05"], "score": [5, 2, 4], "plan": ["a", "b", "a"]}
        options = {"scoring": scoring, "population": 40}
        by_plan = clm.by(answers, "plan", clm.csat, **options)
        assert by_plan["a"] == clm.csat([5, 4], **options)
        running = clm.by(answers, clm.Period("month", cumulative=True), clm.csat, **options)
        assert running["2025-02-01"] == clm.csat([5, 2, 4], **options)

    @given(st.tuples(*[st.integers(0, 20)] * 3).filter(lambda counts: sum(counts) > 1), st.integers(1, 100))
    def test_a_small_population_narrows_and_a_full_one_is_exact(self, counts, absent):
        named = dict(zip(("detractors", "passives", "promoters"), counts, strict=True))
        n = sum(counts)
        plain, some, all_of = (clm.NPS.from_counts(**named, population=size) for size in (None, n + absent, n))
        for method in ("adjusted_wald", "score", "t"):
            widths = [high - low for low, high in (nps.confidence_interval(0.95, method) for nps in (plain, some))]
            assert widths[1] <= widths[0] + 1e-9
            assert tuple(all_of.confidence_interval(0.95, method)) == (all_of.value, all_of.value)
        assert all_of.standard_error == 0
        assert some.standard_error == pytest.approx(plain.standard_error * np.sqrt(absent / (n + absent - 1)))

    def test_a_whole_population_is_exact_in_every_score(self):
        everybody = [clm.nps([9, 3], population=2), clm.csat([5, 3], population=2), clm.ces([5, 5], population=2)]
        for score in everybody:
            assert score.standard_error == 0
            assert tuple(score.confidence_interval()) == (score.value, score.value)
            assert score.caveats == ("All of the population answered: there is no sampling error.",)
        assert everybody[0].confidence_interval(0.95, "bayes").high == everybody[0].value

    def test_counted_answers_know_their_population(self):
        answers = Answers.from_counts({9: 3, 2: 1}, clm.Scale.nps()).of_population(8)
        assert clm.NPS(answers) == clm.nps([9, 9, 9, 2], population=8)
        assert answers.population == 8


class TestRecovery:
    @pytest.mark.parametrize("n", [10, 30])
    def test_a_drawn_part_of_a_small_firm_is_covered(self, n):
        # Exact: every outcome of n answers drawn from 60 people, 6 detractors, 18 passives, 36 promoters.
        firm = np.array([6, 18, 36])
        rows = [(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a) if (n - a - b) <= 36]
        rows = [row for row in rows if (np.array(row) <= firm).all()]
        chance = stats.multivariate_hypergeom.pmf(rows, firm, n)
        named = [dict(zip(("detractors", "passives", "promoters"), row, strict=True)) for row in rows]
        ends = np.array([tuple(clm.NPS.from_counts(**row, population=60).confidence_interval()) for row in named])
        covered = chance @ ((ends[:, 0] <= 50) & (ends[:, 1] >= 50))
        assert 0.93 < covered < 0.985
