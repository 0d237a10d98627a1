"""The same method for every group: by column, by period, over windows, on every kind of frame."""

import datetime as dt
import pickle

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.errors import InvalidDataError

DUCKDB = duckdb.connect()
FRAMES = {
    "mapping": dict,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars lazy": pl.LazyFrame,
    "pyarrow": lambda columns: columns if isinstance(columns, pa.Table) else pa.table(columns),
    "duckdb": lambda columns: DUCKDB.from_arrow(columns if isinstance(columns, pa.Table) else pa.table(columns)),
}
COLUMNS = {
    "plan": ["pro", "basic", None, "pro", "basic", "pro"],
    "score": [10, 3, 9, 8, None, 9],
    "at": [
        dt.datetime.fromisoformat("2025-01-03"),
        dt.datetime.fromisoformat("2025-01-31T23:30"),
        dt.datetime.fromisoformat("2025-02-01"),
        dt.datetime.fromisoformat("2025-04-02"),
        dt.datetime.fromisoformat("2025-04-03"),
        None,
    ],
}


@pytest.fixture(params=FRAMES)
def frame(request):
    return FRAMES[request.param](COLUMNS)


def scores(grouped):
    return {str(label): (result.value, result.n) for label, result in grouped.items()}


def table(plans, values=None):
    return {"plan": plans, "score": [9] * len(plans) if values is None else values}


class TestInputs:
    @pytest.mark.parametrize(
        ("call", "match"),
        [
            (lambda: clm.by(COLUMNS, "plna", clm.nps), "data has no column 'plna'"),
            (
                lambda: clm.by(COLUMNS, ["plan"], clm.nps),
                "group must be the name of a column or a clm.Period, not list",
            ),
            (lambda: clm.by(COLUMNS, "plan", "nps"), "method must be a function"),
            (lambda: clm.by(COLUMNS, "plan", clm.nps, min_n=-1), "min_n must be a whole number"),
            (lambda: clm.by([1, 2], "plan", clm.nps), "data is a list, not a dataframe"),
            (lambda: clm.by(COLUMNS, clm.Period("month", at="score"), clm.nps), "holds whole numbers, but dates"),
            (lambda: clm.by(table(["a", 1]), "plan", clm.nps), "mixes groups that cannot be sorted"),
            (lambda: clm.by(table([[1], [2]]), "plan", clm.nps), "holds values that are no groups"),
            (lambda: clm.by({"plan": ["a"], "score": [1, 2]}, "plan", clm.nps), "does not have 1 entries"),
            (lambda: clm.by(clm.Source(COLUMNS, at="at"), clm.Period("day", at="at"), clm.nps), "is named twice"),
            (lambda: clm.by(COLUMNS, "plan", lambda _: 3, min_n=5), "count their observations in n, unlike a int"),
            (lambda: clm.by(COLUMNS, "plan", lambda _: 3).estimates, "plan 'basic' is a int, not one number"),
            (lambda: clm.by(COLUMNS, "plan", lambda _: 3).to_columns(), "which has no columns"),
        ],
    )
    def test_what_cannot_be_grouped_is_refused(self, call, match):
        with pytest.raises(InvalidDataError, match=match):
            call()

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"period": "fortnight"}, "period 'fortnight' is not one of"),
            ({"period": "day", "window": 0}, "window must be a whole number"),
            ({"period": "day", "window": 1.5}, "window must be a whole number"),
            ({"period": "day", "window": 3, "cumulative": True}, "a cumulative group has no window"),
            ({"period": "day", "cumulative": 1}, "cumulative must be True or False"),
            ({"period": "day", "tz": "Mars"}, "time zone 'Mars' is unknown"),
            ({"period": "week", "week_start": "mon"}, "week_start 'mon' is not one of"),
            ({"period": "day", "at": 3}, "must be the name of a column"),
            ({"period": "day", "start": "2025-02-01", "through": "2025-01-01"}, "is after through="),
            ({"period": "day", "start": "soon"}, "start"),
        ],
    )
    def test_a_period_is_checked_when_it_is_made(self, options, match):
        with pytest.raises(InvalidDataError, match=match):
            clm.Period(**options)

    def test_an_error_names_the_group(self):
        with pytest.raises(
            InvalidDataError, match=r"plan 'b' \(rows are counted within it\): .* first at row 1: 11 is"
        ):
            clm.by(table(["a", "b", "b"], [9, 9, 11]), "plan", clm.nps)

    def test_a_stray_date_does_not_make_a_million_groups(self):
        answers = {"at": ["1900-01-01", "2025-01-01"], "score": [9, 9]}
        with pytest.raises(InvalidDataError, match=r"rows span 1,095,\d{3} periods"):
            clm.by(answers, clm.Period("hour"), clm.nps)

    def test_a_label_that_is_none_is_named(self):
        with pytest.raises(KeyError, match="There are basic, pro"):
            clm.by(COLUMNS, "plan", clm.nps)["gold"]

    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    def test_no_rows_give_no_groups(self, make):
        typed = pa.schema([("plan", pa.string()), ("score", pa.int64()), ("at", pa.timestamp("us"))])
        columns = {name: column.to_numpy() for name, column in zip(typed.names, typed.empty_table(), strict=True)}
        empty = make(typed.empty_table() if make in {FRAMES["pyarrow"], FRAMES["duckdb"]} else columns)
        for group in ("plan", clm.Period("month")):
            grouped = clm.by(empty, group, clm.nps)
            assert len(grouped) == grouped.missing == 0
        assert clm.to_frame(clm.by(empty, "plan", clm.nps), "polars").shape == (0, 7)


class TestConsistency:
    def test_by_column(self, frame):
        grouped = clm.by(frame, "plan", clm.nps)
        assert scores(grouped) == {"basic": (-100, 1), "pro": (pytest.approx(200 / 3), 3)}
        assert grouped.missing == 1
        assert grouped.outside == 0
        assert isinstance(grouped["pro"], clm.NPS)
        assert grouped["basic"].missing == 1

    def test_empty_periods_are_there_and_undefined(self, frame):
        grouped = clm.by(frame, clm.Period("month"), clm.nps)
        assert list(grouped) == [dt.date(2025, month, 1) for month in (1, 2, 3, 4)]
        assert [result.n for result in grouped.values()] == [2, 1, 0, 1]
        assert np.isnan(grouped["2025-03-01"].value)
        assert grouped["2025-03-01"].undefined == "there are no answers"
        assert grouped.missing == 1

    def test_trailing_windows_reach_back_before_the_start(self, frame):
        period = clm.Period("month", window=2, start="2025-02-01", through="2025-04-02")
        grouped = clm.by(frame, period, clm.nps)
        assert [result.n for result in grouped.values()] == [3, 1, 1]
        # The answer of 3 April is late; the one without a time is missing.
        assert (grouped.missing, grouped.outside) == (1, 1)

    def test_cumulative_groups_hold_what_came_before(self, frame):
        grouped = clm.by(frame, clm.Period("quarter", cumulative=True, start="2024-12-01"), clm.nps)
        assert [(str(label), result.n) for label, result in grouped.items()] == [
            ("2024-10-01", 0),
            ("2025-01-01", 3),
            ("2025-04-01", 4),
        ]

    def test_rows_before_the_start_are_outside(self, frame):
        grouped = clm.by(frame, clm.Period("month", start="2025-04-01", through="2025-05-31"), clm.nps)
        assert [(str(label), result.n) for label, result in grouped.items()] == [("2025-04-01", 1), ("2025-05-01", 0)]
        assert (grouped.missing, grouped.outside) == (1, 3)

    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    def test_periods_are_cut_in_local_time(self, make):
        zone = dt.UTC
        at = [dt.datetime(2025, 1, 31, 22, 30, tzinfo=zone), dt.datetime(2025, 1, 31, 23, 30, tzinfo=zone)]
        frame = make({"score": [10, 0], "at": at})
        grouped = clm.by(frame, clm.Period("month", tz="Europe/Berlin"), clm.nps)
        assert scores(grouped) == {"2025-01-01": (100, 1), "2025-02-01": (-100, 1)}
        assert scores(clm.by(frame, clm.Period("month"), clm.nps)) == {"2025-01-01": (0, 2)}

    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    def test_dates_and_texts_are_times(self, make):
        for at in ([dt.date(2025, 1, 6), dt.date(2025, 1, 13)], ["2025-01-06", "2025-01-13T12:00"]):
            grouped = clm.by(make({"score": [10, 0], "when": at}), clm.Period("week", at="when"), clm.nps)
            assert scores(grouped) == {"2025-01-06": (100, 1), "2025-01-13": (-100, 1)}

    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            ([3, 1, 3], [1, 3]),
            ([True, False, True], [False, True]),
            ([2.5, 1.5, 2.5], [1.5, 2.5]),
            ([3.0, 1.0, 3.0], [1, 3]),
            (
                [dt.date(2025, 1, 2), dt.date(2025, 1, 1), dt.date(2025, 1, 2)],
                [dt.date(2025, 1, 1), dt.date(2025, 1, 2)],
            ),
        ],
    )
    def test_labels_of_any_type(self, make, labels, expected):
        grouped = clm.by(make(table(labels, [10, 0, 9])), "plan", clm.nps)
        assert list(grouped) == expected
        assert [type(label) for label in grouped] == [type(label) for label in expected]
        assert [result.n for result in grouped.values()] == [1, 2]

    @pytest.mark.parametrize(
        "period", [clm.Period("month"), clm.Period("week", window=4), clm.Period("quarter", cumulative=True)]
    )
    def test_answers_counted_once_are_scored_as_those_of_each_group(self, frame, period):
        def one_by_one(rows, **options):
            return clm.ces(rows, **options)

        options = {"scale": clm.Scale(0, 10), "scoring": "agree", "missing": "neutral"}
        for group in ("plan", period):
            assert clm.by(frame, group, clm.ces, **options) == clm.by(frame, group, one_by_one, **options)
        few = {"scale": clm.Scale(0, 9, bottom=6, top=9), "off_scale": "missing"}
        assert clm.by(frame, period, clm.nps, **few) == clm.by(COLUMNS, period, lambda rows: clm.nps(rows, **few))

    def test_counting_once_refuses_what_the_method_refuses(self, frame):
        for group in ("plan", clm.Period("month", window=2)):
            with pytest.raises(InvalidDataError, match="answer is not on the scale 1 to 5"):
                clm.by(frame, group, clm.csat)
            with pytest.raises(InvalidDataError, match="has no column 'rating'"):
                clm.by(frame, group, clm.nps, score="rating")
            with pytest.raises(InvalidDataError, match="missing='keep' is not one of"):
                clm.by(frame, group, clm.nps, missing="keep")
            with pytest.raises(InvalidDataError, match="answer is missing in"):
                clm.by(frame, group, clm.nps, missing="raise")
            with pytest.raises(TypeError, match="scroe"):
                clm.by(frame, group, clm.nps, scroe="rating")

    @pytest.mark.parametrize("answers", [[1, True, 1], [[1], 2, 3], ["1", 2, 3]])
    def test_answers_of_several_types_are_refused(self, answers):
        columns = {"at": ["2025-01-01", "2025-01-01", "2025-01-02"], "score": answers}
        with pytest.raises(InvalidDataError, match="answer is not on the scale"):
            clm.by(columns, clm.Period("day", window=2), clm.nps)

    def test_windows_of_named_answers(self):
        ratings = {"at": ["2025-01-01", "2025-01-02", "2025-01-04"], "score": ["good", "bad", None]}
        grouped = clm.by(ratings, clm.Period("day", window=2), clm.csat, scale=clm.Scale.zendesk())
        assert [result.n for result in grouped.values()] == [1, 2, 1, 0]
        assert grouped["2025-01-02"].value == 50

    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    def test_times_as_text_are_fetched(self, make):
        answers = make({"at": ["2025-01-01", "2025-01-02"], "score": [10, 0]})
        grouped = clm.by(answers, clm.Period("day", window=2), clm.nps)
        assert [result.n for result in grouped.values()] == [1, 2]

    @pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
    def test_weights_follow_their_rows(self, make):
        answers = make({"plan": ["a", "b", "a"], "score": [10, 9, 0], "w": [3.0, 1.0, 1.0]})
        assert clm.by(answers, "plan", clm.nps, weights="w")["a"].value == 50

    def test_categories_and_gaps_of_pandas(self):
        frame = pd.DataFrame(table(pd.Categorical(["b", "a", None], categories=["c", "b", "a"]), [10, 0, 9]))
        frame["code"] = [1, 2, None]
        assert list(clm.by(frame, "plan", clm.nps)) == ["a", "b"]
        assert list(clm.by(frame, "code", clm.nps)) == [1, 2]
        assert clm.by(frame, "code", clm.nps).missing == 1

    def test_a_source_names_columns_for_grouping_and_for_the_method(self, frame):
        source = clm.Source(frame, at="at", score="score")
        assert scores(clm.by(source, clm.Period("year"), clm.nps)) == scores(clm.by(frame, clm.Period("year"), clm.nps))
        assert scores(clm.by(source, "plan", clm.nps)) == scores(clm.by(frame, "plan", clm.nps, score="score"))

    def test_the_privacy_floor_hides_value_and_number(self, frame):
        grouped = clm.by(frame, "plan", clm.nps, min_n=2)
        assert grouped["pro"].n == 3
        hidden = grouped["basic"]
        assert np.isnan(hidden.value)
        assert hidden.n == 0
        assert hidden.undefined == "there are fewer than 2 observations"
        assert hidden.unit == "points"
        assert "-100" not in repr(grouped)
        assert clm.to_frame(grouped, "polars")["n"].to_list() == [0, 3]
        assert np.isnan(grouped.compare()[0].p_value)

    def test_options_go_to_the_method(self):
        answers = {"plan": ["a", "a", "b"], "rating": [1, 5, 4], "w": [1.0, 3.0, 1.0]}
        grouped = clm.by(answers, "plan", clm.csat, score="rating", weights="w", scale=clm.Scale.stars())
        assert [result.value for result in grouped.values()] == [75, 100]

    def test_any_method_that_takes_a_frame(self):
        orders = {
            "customer_id": [1, 1, 2, 3, 3, 3],
            "at": ["2025-01-01", "2025-01-15", "2025-01-02", "2025-01-03", "2025-01-09", "2025-01-20"],
            "channel": ["ads", "ads", "ads", "mail", "mail", "mail"],
        }
        histories = clm.by(orders, "channel", clm.rfm, through="2025-01-31")
        assert {label: rfm.n for label, rfm in histories.items()} == {"ads": 2, "mail": 1}
        whole = clm.rfm(orders, through="2025-01-31")
        assert np.concatenate([rfm.frequency for rfm in histories.values()]) == pytest.approx(whole.frequency)
        curves = clm.by(
            {"start_at": ["2025-01-01"] * 3, "end_at": ["2025-01-05", None, "2025-01-09"], "plan": ["a", "a", "b"]},
            "plan",
            lambda frame: clm.kaplan_meier(clm.durations(frame, through="2025-01-31")),
        )
        assert curves["a"].at(10).value == 0.5

    def test_comparing_groups(self):
        scores = [10] * 50 + [8] * 30 + [2] * 20 + [10] * 30 + [8] * 40 + [2] * 30 + [9] * 10
        answers = table(["a"] * 100 + ["b"] * 100 + ["c"] * 10, scores)
        grouped = clm.by(answers, "plan", clm.nps)
        assert grouped.compare(adjust=None)["a", "b"].p_value == pytest.approx(0.00711877, abs=5e-9)
        assert len(grouped.compare(pairs="first")) == 2
        assert list(grouped.estimates) == ["a", "b", "c"]

    def test_windows_that_share_rows_are_not_compared(self, frame):
        for options in ({"window": 2}, {"cumulative": True}):
            grouped = clm.by(frame, clm.Period("month", **options), clm.nps)
            assert grouped.overlapping
            with pytest.raises(InvalidDataError, match="these windows share rows"):
                grouped.compare()
        assert len(clm.by(frame, clm.Period("month"), clm.nps).compare(pairs="previous")) == 3

    def test_results_are_values(self, frame):
        grouped = clm.by(frame, clm.Period("month"), clm.nps)
        assert pickle.loads(pickle.dumps(grouped)) == grouped
        assert grouped == clm.by(COLUMNS, clm.Period("month"), clm.nps)
        columns = clm.to_frame(grouped, "polars")
        assert columns.columns == ["month", "value", "standard_error", "low", "high", "n", "undefined"]
        assert columns["month"].dtype == pl.Date
        assert grouped.to_dict()["groups"][2]["value"] is None
        assert grouped.to_dict()["groups"][2]["label"] == "2025-03-01"
        assert "2025-03-01: <NPS: undefined, because there are no answers>" in repr(grouped)

    @given(
        st.lists(
            st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 10), st.integers(0, 400)), max_size=40
        )
    )
    def test_groups_part_the_rows(self, rows):
        day = np.datetime64("2024-01-01")
        answers = {
            "plan": [plan for plan, _, _ in rows],
            "score": [score for _, score, _ in rows],
            "at": np.array([day + days for _, _, days in rows], "M8[D]"),
        }
        grouped = clm.by(answers, "plan", clm.nps)
        assert sum(result.n for result in grouped.values()) + grouped.missing == len(rows)
        for label, result in grouped.items():
            assert result == clm.nps([score for plan, score, _ in rows if plan == label])
        months = clm.by(answers, clm.Period("month"), clm.nps)
        assert sum(result.n for result in months.values()) == len(rows)
        running = clm.by(answers, clm.Period("month", cumulative=True), clm.nps)
        assert [result.n for result in running.values()] == list(np.cumsum([result.n for result in months.values()]))
