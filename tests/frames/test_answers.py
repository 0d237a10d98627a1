"""Survey scores of any column of any frame: the same on every engine, refused alike."""

from decimal import Decimal

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.errors import InvalidDataError

SCORES = [10, 10, 9, 9, 9, 8, 7, 4, 2, 1, None]
WEIGHTS = [1.0, 2.5, 0.5, 1.0, 3.0, 1.0, 0.25, 1.0, 2.0, 1.0, 1.0]


def arrow(columns):
    return pa.table(columns)


NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.string(): pd.StringDtype(),
    pa.bool_(): pd.BooleanDtype(),
}
DUCKDB = duckdb.connect()


def relation(columns):
    return DUCKDB.from_arrow(arrow(columns))


FRAMES = {
    "mapping": dict,
    "pandas": lambda columns: pd.DataFrame(
        {name: pd.Series(values, dtype="float64") for name, values in columns.items()}
    ),
    "pandas nullable": lambda columns: arrow(columns).to_pandas(types_mapper=NULLABLE.get),
    "pandas arrow": lambda columns: arrow(columns).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "pyarrow": arrow,
    "duckdb": relation,
}
LAZY = ["polars lazy", "duckdb"]

SEQUENCES = {
    "list": list,
    "tuple": tuple,
    "floats": lambda values: np.array(values, float),
    "objects": lambda values: np.array(values, object),
    "masked": lambda values: np.ma.masked_invalid(np.array(values, float)),
    "pandas": lambda values: pd.Series(values, dtype="float64", index=range(100, 100 + len(values))),
    "pandas nullable": lambda values: pd.Series(values, dtype="Int64"),
    "pandas objects": lambda values: pd.Series(values, dtype="object"),
    "polars": lambda values: pl.Series(values, dtype=pl.UInt8),
    "pyarrow": lambda values: pa.chunked_array([values[:3], values[3:]], pa.int8()),
    "pyarrow array": lambda values: pa.array(values, pa.int16()),
    "decimals": lambda values: pl.Series([None if v is None else Decimal(v) for v in values]),
}


@pytest.fixture(params=FRAMES)
def frame(request):
    return FRAMES[request.param]


@pytest.fixture(params=LAZY)
def lazy(request):
    return FRAMES[request.param]


class TestInputs:
    def test_a_missing_column_names_those_there_are(self, frame):
        with pytest.raises(InvalidDataError, match=r"no column 'score'.*'scores'.*Did you mean 'scores'"):
            clm.nps(frame({"scores": [1, 2]}))
        with pytest.raises(InvalidDataError, match="no column 'weight'"):
            clm.nps(frame({"score": [1, 2]}), weights="weight")

    def test_an_answer_off_the_scale_is_refused(self, frame):
        with pytest.raises(InvalidDataError, match=r"not on the scale 0 to 10 in 2 of 4 rows.*11(\.0)? is above it"):
            clm.nps(frame({"score": [3, 11, None, 11]}))
        assert clm.nps(frame({"score": [3, 11, None, 11]}), off_scale="missing").missing == 3

    @pytest.mark.parametrize("kind", [k for k in FRAMES if k != "pandas"])
    def test_text_and_booleans_are_refused(self, kind):
        with pytest.raises(InvalidDataError, match=r"in 2 of 2 rows.*'\d' is text"):
            clm.nps(FRAMES[kind]({"score": ["9", "7"]}))
        with pytest.raises(InvalidDataError, match=r"in 2 of 2 rows.*(True|False) is a boolean"):
            clm.nps(FRAMES[kind]({"score": [True, False]}))

    @pytest.mark.parametrize("kind", [k for k in FRAMES if k not in {"pandas", "mapping"}])
    def test_dates_are_refused(self, kind):
        dates = pd.to_datetime(["2025-01-01", "2025-01-02"]).to_numpy().astype("M8[us]")
        with pytest.raises(InvalidDataError, match="is no number"):
            clm.nps(FRAMES[kind]({"score": dates}))

    def test_missing_can_be_refused(self, frame):
        with pytest.raises(InvalidDataError, match="answer is missing in 1 of 11 rows"):
            clm.nps(frame({"score": SCORES}), missing="raise")

    @pytest.mark.parametrize("bad", [0.0, -1.0, None, float("nan"), float("inf"), 1e200])
    def test_weights_that_are_none(self, frame, bad):
        with pytest.raises(InvalidDataError, match=r"weight is not (positive|between).* in 1 of 2 rows"):
            clm.nps(frame({"score": [3, 10], "w": [1.0, bad]}), weights="w")

    @pytest.mark.parametrize(("bad", "what"), [([True, True], "booleans"), (["1", "2"], "text")])
    def test_weights_that_an_engine_would_cast(self, bad, what):
        for make in (pl.DataFrame, pl.LazyFrame, arrow, relation, dict):
            with pytest.raises(InvalidDataError, match=f"'w' holds {what}, but numbers are expected"):
                clm.nps(make({"score": [3, 10], "w": bad}), weights="w")

    @pytest.mark.parametrize(
        "ask",
        [
            lambda option: clm.csat([4, 5]).confidence_interval(method=option),
            lambda option: clm.compare(clm.csat([4]), clm.csat([5])).confidence_interval(method=option),
            lambda option: clm.compare([clm.csat([4]), clm.csat([5])], pairs=option),
            lambda option: clm.compare_paired([4], [5], kind=option),
            lambda option: clm.response_rate(1, 2, denominator=option),
            clm.Scale.csat,
        ],
    )
    def test_an_option_in_a_list_is_refused(self, ask):
        with pytest.raises(InvalidDataError, match="wald"):
            ask(["wald"])

    def test_a_lazy_frame_has_no_rows_for_weights_to_follow(self, lazy):
        with pytest.raises(InvalidDataError, match="Name a column"):
            clm.nps(lazy({"score": [1, 2]}), weights=[1.0, 2.0])

    def test_a_column_of_amounts_is_no_answer(self, lazy):
        with pytest.raises(InvalidDataError, match="10,000 distinct values or more"):
            clm.nps(lazy({"score": np.arange(20_000) / 7}))

    @pytest.mark.parametrize(
        ("answers", "options", "message"),
        [
            ("scores.csv", {}, "duckdb.read_csv"),
            (None, {}, "not a dataframe"),
            (7, {}, "not a dataframe"),
            ({10, 9}, {}, "a set, not a dataframe"),
            (np.ones((2, 2)), {}, "2 dimensions"),
            (np.ones((2, 2), object), {}, "2 dimensions"),
            ([1, 2], {"score": "score"}, "score='score' names a column, but answers is a list"),
            ([1, 2], {"weights": "w"}, "weights='w' names a column"),
            ([1, 2], {"scale": (0, 10)}, "scale must be a clm.Scale"),
            ([1, 2], {"missing": "omit"}, "missing='omit' is not one of"),
            (pl.LazyFrame({"score": [1]}), {"scale": (0, 10)}, "scale must be a clm.Scale"),
        ],
    )
    def test_what_is_no_column_of_answers(self, answers, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.nps(answers, **options)

    def test_a_column_named_both_ways_is_refused(self):
        source = clm.Source(pl.DataFrame({"rating": [1, 2]}), score="rating")
        with pytest.raises(InvalidDataError, match="named twice"):
            clm.nps(source, score="rating")


class TestConsistency:
    def test_every_engine_gives_the_same_score(self, frame):
        assert clm.nps(frame({"score": SCORES})) == clm.nps(SCORES)
        assert clm.nps(frame({"rating": SCORES}), score="rating") == clm.nps(SCORES)
        assert clm.nps(clm.Source(frame({"rating": SCORES}), score="rating")) == clm.nps(SCORES)
        assert clm.nps(frame({"score": SCORES}), missing="neutral") == clm.nps(SCORES, missing="neutral")

    def test_every_engine_gives_the_same_weighted_score(self, frame):
        ours = clm.nps(frame({"score": SCORES, "w": WEIGHTS}), weights="w")
        theirs = clm.nps(SCORES, weights=WEIGHTS)
        assert ours.value == pytest.approx(theirs.value, rel=1e-12)
        assert ours.standard_error == pytest.approx(theirs.standard_error, rel=1e-12)
        assert ours.effective_n == pytest.approx(theirs.effective_n, rel=1e-12)
        assert ours.unweighted == theirs.unweighted == clm.nps(SCORES)

    @pytest.mark.parametrize("kind", SEQUENCES)
    def test_every_column_gives_the_same_score(self, kind):
        column = SEQUENCES[kind](SCORES)
        assert clm.nps(column) == clm.nps(SCORES)
        assert clm.nps(column, weights=WEIGHTS) == clm.nps(SCORES, weights=WEIGHTS)

    @pytest.mark.parametrize("kind", [k for k in FRAMES if k != "pandas"])
    def test_names_of_points(self, kind):
        rated = ["good", "bad", None, "good", "good"]
        csat = clm.csat(FRAMES[kind]({"score": rated}), scale=clm.Scale.zendesk())
        assert csat == clm.csat(rated, scale=clm.Scale.zendesk())
        assert (csat.value, csat.n, csat.missing) == (75, 4, 1)

    def test_categories(self):
        rated = pd.Series(["good", "bad", "good"], dtype="category")
        assert clm.csat(rated, scale=clm.Scale.zendesk()).satisfied == 2

    def test_csat_and_ces(self, frame):
        ratings = [5, 5, 4, 4, 3, 2, 5, 1, 4, 5]
        assert clm.csat(frame({"score": ratings}), scale=clm.Scale(1, 5)) == clm.csat(ratings)
        assert clm.ces(frame({"score": ratings}), scoring="agree") == clm.ces(ratings, scoring="agree")

    @pytest.mark.parametrize("scoring", ["top", "mean", "net", "nsi"])
    def test_every_scoring_on_every_engine(self, frame, scoring):
        columns = {"score": [5, 4, 2, 1, 5, None], "w": [1.0, 2.0, 1.0, 1.0, 3.0, 1.0], "plan": [1, 2] * 3}
        options = {"scoring": scoring, "population": 9}
        assert clm.csat(frame(columns), **options) == clm.csat(columns["score"], **options)
        assert clm.csat(frame(columns), weights="w", **options) == clm.csat(
            columns["score"], weights=columns["w"], **options
        )
        assert clm.by(frame(columns), "plan", clm.csat, **options)[2] == clm.csat([4, 1, None], **options)

    @given(weights=st.lists(st.floats(0.1, 3), min_size=1, max_size=8))
    def test_weighted_answers_that_agree_score_the_end_of_the_range(self, weights):
        best, worst = [10] * len(weights), [0] * len(weights)
        assert clm.nps(best, weights=weights).value == 100
        assert clm.nps(worst, weights=weights).value == -100
        assert clm.nps(best, weights=weights).confidence_interval().high == 100
        scale = clm.Scale(0, 10, bottom=3, top=8)
        assert clm.csat(best, weights=weights, scale=scale, scoring="mean").value == 10
        low, high = clm.csat(best, weights=weights, scale=scale).confidence_interval(method="clopper_pearson")
        assert low < high == 100

    def test_nan_and_null_are_one_missing_answer(self):
        frame = pl.LazyFrame({"score": [9.0, float("nan"), None, 3.0]})
        assert clm.nps(frame).missing == 2
        assert clm.nps(frame) == clm.nps([9.0, None, None, 3.0]) == clm.nps([9, 3, None, None])

    def test_an_empty_frame(self, lazy):
        assert clm.nps(lazy({"score": pa.array([], pa.int64())} if lazy is relation else {"score": []})).n == 0

    @given(st.lists(st.one_of(st.none(), st.integers(0, 10)), min_size=1, max_size=30))
    def test_counted_where_the_data_are_or_here(self, scores):
        series = pl.Series("score", scores, dtype=pl.Int64)
        assert clm.nps(series.to_frame().lazy()) == clm.nps(series)

    def test_a_lazy_frame_comes_back_as_counts(self, monkeypatch):
        collected = []
        collect = nw.LazyFrame.collect

        def spy(frame, *arguments, **options):
            result = collect(frame, *arguments, **options)
            collected.append(result.shape)
            return result

        monkeypatch.setattr(nw.LazyFrame, "collect", spy)
        assert clm.nps(relation({"score": np.arange(100_000) % 11, "other": np.ones(100_000)})).n == 100_000
        assert collected == [(11, 2)]
