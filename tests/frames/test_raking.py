"""Weights to the population: the published panel, contradictions, trimming, and every kind of frame."""

import pickle
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.frames.engines import ENGINES

import clm
from clm.errors import ConvergenceError, InvalidDataError

CELLS = {("basic", "EU"): (8, 14, 18), ("basic", "US"): (8, 6, 6), ("pro", "EU"): (3, 7, 15), ("pro", "US"): (4, 4, 7)}
ROWS = [
    (*cell, answer)
    for cell, boxes in CELLS.items()
    for answer, count in zip((3, 7, 10), boxes, strict=True)
    for _ in range(count)
]
PANEL = {name: [row[i] for row in ROWS] for i, name in enumerate(("plan", "region", "score"))}
CODES = np.array([{3: -100, 7: 0, 10: 100}[answer] for answer in PANEL["score"]], float)
TARGETS = {"plan": {"basic": 800, "pro": 200}, "region": {"EU": 500, "US": 500}}


class TestInputs:
    @pytest.mark.parametrize(
        ("targets", "match"),
        [
            ({}, "targets must map each column"),
            ([1], "targets must map each column"),
            ({"plan": 3}, "the targets of 'plan' must map each category"),
            ({"plan": {}}, "the targets of 'plan' must map"),
            ({"plan": {"basic": 800}}, "plan 'pro' has 40 respondents, but no target"),
            ({"plan": {"basic": 800, "pro": 200, "max": 5}}, "nobody answered in plan 'max'.*Merge it"),
            ({"plan": {"basic": 800, "Pro": 200}}, "nobody answered in plan 'Pro'"),
            ({"plan": {"basic": 800, "pro": 0}}, "plan 'pro' has a target of 0, but 40 respondents"),
            ({"plan": {"basic": 800, "pro": -1}}, "target of plan 'pro' must not be negative, as -1 is"),
            ({"plan": {"basic": 800, "pro": float("nan")}}, "target of plan 'pro' must be one finite number"),
            ({"plan": {"basic": 800, "pro": "200"}}, "target of plan 'pro' holds text"),
            ({"plan": {"basic": 800, "pro": True}}, "target of plan 'pro' holds booleans"),
            ({"tier": {"basic": 1}}, "no column 'tier'"),
            (
                {**TARGETS, "region": {"EU": 500, "US": 400}},
                "contradict each other: those of 'plan' add up to 1,000, those of 'region' to 900",
            ),
        ],
    )
    def test_targets_that_cannot_be_met_are_refused_by_name(self, targets, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.rake(PANEL, targets)

    def test_targets_that_only_negative_weights_would_meet_are_refused_by_name(self):
        # Everybody in x is in p and everybody in y in q: x and p cannot be 80 and 50.
        alike = {"a": ["x", "x", "y", "y"], "b": ["p", "p", "q", "q"], "c": [1, 2, 1, 2]}
        same = {"c": {1: 50, 2: 50}}
        with pytest.raises(InvalidDataError, match=r"those of 'a' and 'b' together. Nobody is in 'x' x 'q', 'y' x 'p'"):
            clm.rake(alike, {**same, "a": {"x": 80, "y": 20}, "b": {"p": 50, "q": 50}})
        # With one more in x and q, he alone would have to make up for 30 and the others in q for nothing.
        with pytest.raises(InvalidDataError, match=r"no positive weights.*Nobody is in 'y' x 'p'"):
            clm.rake({"a": ["x", "x", "y"], "b": ["p", "q", "q"]}, {"a": {"x": 50, "y": 50}, "b": {"p": 50, "q": 50}})

    def test_three_targets_may_contradict_where_no_two_do(self):
        # a, b and c agree in pairs; of the eight combinations only those with an even number of 1s are there.
        odd = {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "c": [0, 1, 1, 0]}
        most = {0: 10, 1: 90}
        with pytest.raises(InvalidDataError, match="those of 'a' and 'b' and 'c' together"):
            clm.rake(odd, {"a": most, "b": most, "c": most})

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"trim": 1}, "trim must be above 1"),
            ({"trim": float("nan")}, "trim"),
            ({"tol": 0}, "tol"),
            ({"tol": 1}, "tol"),
            ({"max_sweeps": 0}, "max_sweeps"),
            ({"max_sweeps": 1.5}, "max_sweeps"),
        ],
    )
    def test_options_that_are_none(self, options, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.rake(PANEL, TARGETS, **options)

    def test_too_few_sweeps_say_how_far_they_came(self):
        with pytest.raises(
            ConvergenceError, match=r"after 1 sweeps a target is still missed by .* Raise max_sweeps="
        ) as e:
            clm.rake(PANEL, TARGETS, max_sweeps=1)
        assert not e.value.result.converged
        assert e.value.result.max_error > 1e-9

    @pytest.mark.parametrize("make", ENGINES)
    def test_missing_categories_are_refused(self, make, tmp_path):
        frame = ENGINES[make]({"plan": ["a", None, "b"], "n": [1, 2, 3]}, tmp_path)
        with pytest.raises(InvalidDataError, match="plan is missing in 1 of 3 rows"):
            clm.rake(frame, {"plan": {"a": 1, "b": 1}})

    def test_nobody(self):
        with pytest.raises(InvalidDataError, match="no respondents"):
            clm.rake({"plan": []}, {"plan": {"a": 1}})

    @pytest.mark.parametrize(
        ("targets", "strata", "match"),
        [
            ({"basic": 1}, [], "strata must be"),
            ({"basic": 1}, ["plan", "plan"], "strata must be"),
            ({"basic": 1, "pro": 1}, ["plan", "region"], "tuple of 2 values, not 'basic'"),
            ({}, "plan", "targets must map"),
            ({"basic": 1}, "plan", "'pro' has 40 respondents, but no target"),
            ({("basic", "EU"): 1}, ["plan", "region"], r"plan x region \('basic', 'US'\)"),
        ],
    )
    def test_strata_that_are_none(self, targets, strata, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.post_stratify(PANEL, targets, strata=strata)

    def test_values_for_a_mean(self):
        weights = clm.rake(PANEL, TARGETS)
        with pytest.raises(InvalidDataError, match="values has 2 entries, respondents are 100"):
            weights.mean([1, 2])
        with pytest.raises(InvalidDataError, match="value is missing or infinite in 1 of 100 rows, first at row 3"):
            weights.mean([*CODES[:3], np.nan, *CODES[4:]])


class TestPublishedNumbers:
    """R's survey package on the same panel."""

    def test_raked(self):
        weights = clm.rake(PANEL, TARGETS)
        assert weights.cell_weight == pytest.approx([10.18205924, 19.63588152, 3.70870522, 7.15215797], abs=1.1e-8)
        assert weights.cells == tuple(CELLS)
        assert weights.effective_n == pytest.approx(77.1040169766, abs=1e-8)
        assert weights.design_effect == pytest.approx(1.2969492890, abs=1e-9)
        nps = clm.nps(PANEL, weights=weights)
        assert nps.value == pytest.approx(12.85097659, abs=5.1e-9)
        assert nps.standard_error == pytest.approx(9.51755830, abs=5.1e-9)  # weights taken as fixed
        assert nps.unweighted.value == pytest.approx(23)
        detractors, _, promoters = nps.answers.sides().shares
        assert promoters == pytest.approx(0.4067880395, abs=5.1e-11)
        assert detractors == pytest.approx(0.2782782736, abs=5.1e-11)
        mean = weights.mean(CODES)
        assert mean.value == pytest.approx(12.85097659, abs=5.1e-9)
        assert mean.standard_error == pytest.approx(9.24488092, abs=5.1e-9)  # knowing that the targets were met

    def test_post_stratified(self):
        weights = clm.post_stratify(PANEL, TARGETS["plan"], strata="plan")
        assert clm.nps(PANEL, weights=weights).value == pytest.approx(18.16666667, abs=5.1e-9)
        assert weights.mean(CODES).standard_error == pytest.approx(8.70728041, abs=5.1e-9)

    def test_effective_number_in_place_of_n(self):
        nps = clm.nps(PANEL, weights=clm.rake(PANEL, TARGETS))
        detractors, _, promoters = nps.answers.sides().shares
        plugged_in = np.sqrt((promoters + detractors - (promoters - detractors) ** 2) / nps.effective_n)
        assert plugged_in == pytest.approx(0.0931169942, abs=5.1e-11)


class TestConsistency:
    def test_targets_are_met_and_reported(self):
        weights = clm.rake(PANEL, TARGETS)
        assert weights.converged
        assert weights.max_error < 1e-9
        assert weights.weights.sum() == pytest.approx(1000)
        report = clm.to_frame(weights, "polars").to_dict(as_series=False)
        assert report["variable"] == ["plan", "plan", "region", "region"]
        assert report["category"] == ["basic", "pro", "EU", "US"]
        assert report["respondents"] == [60, 40, 65, 35]
        assert report["unweighted"] == [0.6, 0.4, 0.65, 0.35]
        assert report["weighted"] == pytest.approx([0.8, 0.2, 0.5, 0.5])
        assert report["target"] == [0.8, 0.2, 0.5, 0.5]
        assert weights.caveats == ()

    @pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
    def test_categories_of_several_types_share_a_column(self, library):
        pytest.importorskip(library)
        panel = {"plan": ["a", "b", "a", "b"], "seats": [1, 2, 2, 1], "paid": [True, False, True, True]}
        targets = {"seats": {1: 3, 2: 1}, "plan": {"a": 1, "b": 3}}
        report = clm.to_frame(clm.rake(panel, targets), library)
        assert [str(entry) for entry in report["category"].to_numpy().tolist()] == ["1", "2", "a", "b"]
        strata = clm.post_stratify(panel, {(1, True): 1, (2, False): 1, (2, True): 2}, strata=["seats", "paid"])
        assert strata.to_columns()["category"].tolist() == ["1 x True", "2 x False", "2 x True"]

    def test_shares_give_weights_around_1(self):
        shares = {"plan": {"basic": 0.8, "pro": 0.2}, "region": {"EU": 0.5, "US": 0.5}}
        weights = clm.rake(PANEL, shares)
        assert weights.weights.mean() == pytest.approx(1)
        assert weights.weights == pytest.approx(clm.rake(PANEL, TARGETS).weights / 10)
        assert weights.converged

    @pytest.mark.parametrize("make", [name for name in ENGINES if "lazy" not in name and "duckdb" not in name])
    def test_every_eager_frame_gives_the_same_weights(self, make, tmp_path):
        assert clm.rake(ENGINES[make](PANEL, tmp_path), TARGETS).weights == pytest.approx(
            clm.rake(PANEL, TARGETS).weights, rel=1e-12
        )

    @pytest.mark.parametrize("make", [name for name in ENGINES if "lazy" in name or "duckdb" in name])
    def test_a_lazy_frame_gives_the_same_cells_but_no_rows(self, make, tmp_path):
        lazy, eager = clm.rake(ENGINES[make](PANEL, tmp_path), TARGETS), clm.rake(PANEL, TARGETS)
        assert lazy.cells == eager.cells
        assert lazy.cell_weight == pytest.approx(eager.cell_weight)
        assert clm.to_frame(lazy.by_cell(), "polars").columns == ["plan", "region", "respondents", "weight"]
        with pytest.raises(InvalidDataError, match="no row order"):
            clm.nps(PANEL, weights=lazy)

    @given(
        st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=4, max_size=60),
        st.tuples(*[st.floats(0.2, 5)] * 3),
        st.floats(0.2, 5),
    )
    def test_raked_weights_are_a_product_of_factors_that_meets_the_targets(self, rows, sizes, odds):
        frame = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
        present = sorted(set(frame["a"]))
        total = sum(sizes[a] for a in present)
        targets = {"a": {a: sizes[a] / total for a in present}}
        if len(set(frame["b"])) == 2:
            targets["b"] = {True: odds / (1 + odds), False: 1 / (1 + odds)}
        with suppress(ConvergenceError), suppress(InvalidDataError):
            weights = clm.rake(frame, targets)
            self.check_targets_and_product(frame, targets, weights, present)

    @staticmethod
    def check_targets_and_product(frame, targets, weights, present):
        for name, wanted in targets.items():
            for category, share in wanted.items():
                here = np.array([value == category for value in frame[name]])
                assert weights.weights[here].sum() / weights.weights.sum() == pytest.approx(share, rel=1e-8)
        if len(targets["a"]) * len(targets.get("b", {0: 0})) == len(weights.cells) and "b" in targets:
            log = np.log(weights.cell_weight.reshape(len(present), 2))
            assert log[:, 1] - log[:, 0] == pytest.approx(log[0, 1] - log[0, 0], abs=1e-6)

    def test_one_variable_raked_is_post_stratified(self):
        one = {"plan": TARGETS["plan"]}
        raked, stratified = clm.rake(PANEL, one), clm.post_stratify(PANEL, one["plan"], strata="plan")
        assert raked.weights == pytest.approx(stratified.weights)
        assert raked.sweeps == stratified.sweeps == 1

    def test_joint_strata(self):
        joint = {cell: 10.0 * (i + 1) for i, cell in enumerate(CELLS)}
        weights = clm.post_stratify(PANEL, joint, strata=["plan", "region"])
        assert weights.cell_weight == pytest.approx([10 / 40, 20 / 20, 30 / 25, 40 / 15])
        assert weights.to_columns()["variable"].tolist() == ["plan x region"] * 4

    def test_trimming_caps_the_weights_and_says_what_it_costs(self):
        plain = clm.rake(PANEL, TARGETS)
        assert plain.largest_ratio == pytest.approx(1.963588, abs=1e-6)
        assert clm.rake(PANEL, TARGETS, trim=2).weights == pytest.approx(plain.weights)
        tight = clm.rake(PANEL, TARGETS, trim=1.2)
        assert tight.largest_ratio <= 1.2 + 1e-9
        assert tight.trimmed > 0
        assert not tight.converged
        assert tight.effective_n > plain.effective_n
        assert "miss a target by" in tight.caveats[0]
        assert "missed by" in repr(tight)
        assert tight.weights.sum() == pytest.approx(1000)

    def test_a_cap_that_other_weights_can_make_up_for_still_meets_the_targets(self):
        # Raked, the three in x, p are the heaviest; with three variables others can take over.
        rng = np.random.default_rng(5)
        frame = {name: rng.integers(0, 3, 400) for name in "abc"}
        targets = {name: {0: 60, 1: 30, 2: 10} for name in "abc"}
        plain = clm.rake(frame, targets)
        capped = clm.rake(frame, targets, trim=0.97 * plain.largest_ratio)
        assert capped.converged
        assert capped.largest_ratio == pytest.approx(0.97 * plain.largest_ratio)

    def test_weights_that_are_worth_few_respondents_say_so(self):
        few = {"plan": ["a"] * 95 + ["b"] * 5}
        weights = clm.post_stratify(few, {"a": 5, "b": 95}, strata="plan")
        assert weights.design_effect > 10
        assert weights.caveats == (f"The weights make 100 respondents worth {weights.effective_n:.4g}.",)

    def test_numbers_and_flags_are_categories(self):
        frame = {"age": [30, 30, 40], "member": [True, False, True]}
        weights = clm.rake(frame, {"age": {30: 60, 40: 40}})
        assert weights.weights.tolist() == [30, 30, 40]
        assert clm.rake(frame, {"member": {True: 0.5, False: 0.5}}).weights == pytest.approx([0.75, 1.5, 0.75])

    def test_they_weigh_every_score_beside_the_unweighted_one(self):
        weights = clm.rake(PANEL, TARGETS)
        for score in (clm.nps, clm.product_market_fit):
            scale = clm.Scale(0, 10, bottom=6, top=9)
            weighted = score(PANEL, weights=weights, scale=scale)
            assert weighted.effective_n == pytest.approx(weights.effective_n)
            assert weighted.unweighted == score(PANEL, scale=scale)

    def test_results_are_values(self):
        weights = clm.rake(PANEL, TARGETS)
        assert pickle.loads(pickle.dumps(weights)) == weights
        assert not weights.weights.flags.writeable
        assert np.asarray(weights).shape == (100,)
        assert len(weights) == 100
        assert "targets met" in repr(weights)

    def test_a_value_that_the_strata_explain_has_no_error_left(self):
        weights = clm.post_stratify(PANEL, TARGETS["plan"], strata="plan")
        mean = weights.mean([5.0 if plan == "pro" else 1.0 for plan in PANEL["plan"]])
        assert mean.value == pytest.approx(1.8)
        assert np.isnan(mean.standard_error)


class TestRecovery:
    def test_weighting_takes_the_bias_of_who_answers_out(self):
        # Pro customers score 60 and answer four times as often as the basic ones, who score 0.
        rng = np.random.default_rng(3)
        pro = rng.random(20_000) < 0.2
        answered = rng.random(20_000) < np.where(pro, 0.4, 0.1)
        score = np.where(rng.random(20_000) < np.where(pro, 0.8, 0.5), 10, 0)[answered]
        frame = {"pro": pro[answered], "score": score}
        weights = clm.post_stratify(frame, {True: 0.2, False: 0.8}, strata="pro")
        nps = clm.nps(frame, weights=weights)
        low, high = nps.confidence_interval()
        assert low < 12 < high
        assert nps.unweighted.confidence_interval().low > 12
