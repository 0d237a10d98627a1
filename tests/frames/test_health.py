"""Customer health: the published recipe, what is missing, and every kind of frame."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.errors import InvalidDataError

ACCOUNTS = {"customer_id": ["ann", "bob", "cem"], "usage": [70.0, 20.0, None], "nps": [50.0, None, None]}
WEIGHTS = {"usage": 3, "nps": 1}
BANDS = {"yellow": 40, "green": 65, "red": 0}


class TestInputs:
    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"usage": [70, 20, 101]}, "usage is not between 0 and 100 in 1 of 3 rows, first at row 2"),
            ({"usage": [-1, 20, 10]}, r"first at row 0.*\(nps \+ 100\) / 2"),
            ({"usage": ["a", "b", "c"]}, "column 'usage' holds text"),
            ({"usage": [True, False, True]}, "booleans"),
            ({"usage": [float("inf"), 1, 1]}, "usage is not between 0 and 100"),
            ({"customer_id": ["ann", "ann", "cem"]}, "customer 'ann' is there twice, again at row 1"),
            ({"customer_id": ["ann", None, "cem"]}, "customer is missing in 1 of 3 rows, first at row 1"),
        ],
    )
    def test_bad_rows_are_refused(self, change, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.health_score({**ACCOUNTS, **change}, WEIGHTS)

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"weights": {}}, "weights must map"),
            ({"weights": [1, 2]}, "weights must map"),
            ({"weights": {"usage": 0, "nps": 1}}, "weight of 'usage' must be positive, not 0"),
            ({"weights": {"usage": -1}}, "positive"),
            ({"weights": {"usage": float("nan")}}, "finite"),
            ({"weights": {"used": 1}}, "no column 'used'.*Did you mean 'usage'"),
            ({"missing": "zero"}, "missing='zero' is not one of"),
            ({"min_coverage": 2}, "min_coverage must lie between 0 and 1"),
            ({"bands": {"yellow": 40}}, "the lowest at 0"),
            ({"bands": {"red": 0, "yellow": 0}}, "different points"),
            ({"bands": ["red"]}, "bands must map"),
            ({"bands": {"red": -5}}, "between 0 and 100"),
            ({"missing": "raise"}, "a component is missing in 2 of 3 rows, first at row 1"),
        ],
    )
    def test_bad_options_are_refused(self, options, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.health_score(ACCOUNTS, **{"weights": WEIGHTS, **options})

    def test_nobody(self):
        empty = clm.health_score({"customer_id": [], "usage": []}, {"usage": 1})
        assert len(empty) == 0
        assert np.isnan(empty.mean().value)
        assert empty.estimate.value.shape == (0,)


class TestPublishedNumbers:
    def test_the_recipe(self):
        # NPS 30, usage 70, 3 tickets, 5 days since the last login, weights .25, .35, .20, .20: 72.75.
        parts = {"nps": (30 + 100) / 2, "usage": 70, "tickets": 100 - 10 * 3, "login": 100 - 2 * 5}
        health = clm.health_score(
            parts, {"nps": 0.25, "usage": 0.35, "tickets": 0.2, "login": 0.2}, bands={"red": 0, "fair": 60, "good": 80}
        )
        assert health.value.tolist() == [pytest.approx(72.75, abs=1e-12)]
        assert health.band.tolist() == ["fair"]


class TestConsistency:
    def test_weights_of_what_is_missing_are_shared_out(self):
        health = clm.health_score(ACCOUNTS, WEIGHTS, bands=BANDS)
        assert health.value[:2].tolist() == [65, 20]
        assert health.coverage.tolist() == [1, 0.75, 0]
        assert health.band.tolist() == ["green", "red", None]
        assert health.undefined.tolist() == [None, None, "nothing is known"]
        assert health.customers.tolist() == ["ann", "bob", "cem"]

    def test_too_little_known_is_undefined(self):
        strict = clm.health_score(ACCOUNTS, WEIGHTS, min_coverage=0.8)
        assert np.isnan(strict.value[1])
        assert strict.undefined[1] == "only 75% of the weights are known"
        assert np.isnan(clm.health_score(ACCOUNTS, WEIGHTS, missing="undefined").value[1])
        assert clm.health_score(ACCOUNTS, WEIGHTS, min_coverage=0.75).value[1] == 20

    def test_every_frame_gives_the_same(self, frame):
        health = clm.health_score(frame(ACCOUNTS), WEIGHTS, bands=BANDS)
        found = dict(zip(health.customers.tolist(), health.value.tolist(), strict=True))
        assert found["ann"] == 65
        assert found["bob"] == 20
        assert np.isnan(found["cem"])

    @given(
        st.lists(st.tuples(*[st.floats(0, 100)] * 3), min_size=1, max_size=20),
        st.tuples(*[st.floats(0.01, 100)] * 3),
        st.floats(0.1, 10),
    )
    def test_it_is_the_weighted_mean_and_only_the_parts_count(self, rows, weights, factor):
        columns = {name: [row[i] for row in rows] for i, name in enumerate("abc")}
        named = dict(zip("abc", weights, strict=True))
        health = clm.health_score(columns, named)
        assert health.value == pytest.approx(np.average(rows, axis=1, weights=weights), abs=1e-9)
        assert health.coverage.tolist() == [1.0] * len(rows)
        scaled = clm.health_score(columns, {name: factor * weight for name, weight in named.items()})
        assert scaled.value == pytest.approx(health.value)

    def test_the_mean_stays_between_0_and_100(self):
        low, high = clm.health_score({"usage": [1, 100]}, {"usage": 1}).mean().confidence_interval(0.99)
        assert (low, high) == (0, 100)

    @pytest.mark.parametrize(
        ("scores", "why"), [([40], "a single customer has no spread"), ([40, 40], "all 2 scores are the same")]
    )
    def test_a_mean_without_spread_says_why_it_has_no_interval(self, scores, why):
        mean = clm.health_score({"usage": scores}, {"usage": 1}).mean()
        assert mean.value == 40
        assert np.isnan(mean.confidence_interval().low)
        assert mean.caveats == (f"There is no interval: {why}.",)

    def test_results_are_values_and_tables(self):
        health = clm.health_score(ACCOUNTS, WEIGHTS, bands=BANDS)
        assert pickle.loads(pickle.dumps(health)) == health
        assert not health.value.flags.writeable
        assert clm.to_frame(health, "polars").columns == ["customer", "health", "coverage", "band", "undefined"]
        assert health.mean().value == 42.5
        assert health.mean().n == 2
        estimate = health.estimate
        assert estimate.standard_error[0] == 0
        assert estimate.index.tolist() == ["ann", "bob", "cem"]
        assert estimate.undefined[2] == "nothing is known"
        assert repr(health) == "<HealthScores: 3 customers, 20 to 65, 1 undefined>"
