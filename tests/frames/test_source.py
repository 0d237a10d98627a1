"""Columns named once, and columns that are looked for."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

import clm

LOG = {"who": ["ann", "bob"], "day": [date(2025, 1, 1), date(2025, 1, 9)], "paid": [5.0, 7.0]}


class TestInputs:
    def test_a_source_holds_no_source(self):
        with pytest.raises(clm.InvalidDataError, match="not another Source"):
            clm.Source(clm.Source(LOG))

    @pytest.mark.parametrize("nothing", ["orders.csv", [1], None, 3.5, {1, 2}])
    def test_what_is_no_frame_is_refused_at_once(self, nothing):
        with pytest.raises(clm.InvalidDataError, match="not a dataframe"):
            clm.Source(nothing)

    def test_a_path_is_told_how_to_be_read(self, tmp_path):
        with pytest.raises(clm.InvalidDataError, match=r"duckdb.read_csv\(path\)"):
            clm.Source(tmp_path / "orders.csv")

    def test_names_are_text(self):
        with pytest.raises(clm.InvalidDataError, match="at=3 must be the name of a column"):
            clm.Source(LOG, at=3)
        with pytest.raises(clm.InvalidDataError, match="at=3 must be the name of a column"):
            clm.rfm(LOG, customer="who", at=3)

    def test_unknown_roles_are_refused(self):
        with pytest.raises(TypeError):
            clm.Source(LOG, when="day")

    def test_a_wrong_name_in_a_source_is_found_when_it_is_used(self):
        source = clm.Source(LOG, customer="who", at="date")
        with pytest.raises(clm.InvalidDataError, match=r"no column 'date'. It has 'who', 'day', 'paid'"):
            clm.rfm(source)

    def test_a_default_name_that_is_not_there_says_how_to_give_one(self):
        with pytest.raises(clm.InvalidDataError, match=r"for customer=.*Name the column with customer="):
            clm.rfm(LOG)

    def test_columns_of_different_length_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match="'customer_id' 1, 'at' 2"):
            clm.rfm({"customer_id": [1], "at": ["2025-01-01"] * 2})

    @pytest.mark.parametrize("column", ["ann", 3, {1, 2}, (i for i in range(2)), np.ones((2, 2)), {0: 1, 1: 2}])
    def test_what_is_no_column_is_refused(self, column):
        with pytest.raises(clm.InvalidDataError, match=r"column 'customer_id'|differ in length"):
            clm.rfm({"customer_id": column, "at": ["2025-01-01"] * 2})

    @pytest.mark.parametrize(
        ("at", "what"),
        [([1, 2], "whole numbers"), ([1.5, 2], "numbers"), ([True, False], "booleans"), ([[1], [2]], "cannot be read")],
    )
    def test_what_is_no_time_is_refused(self, at, what):
        with pytest.raises(clm.InvalidDataError, match=what):
            clm.rfm({"customer_id": [1, 2], "at": at})


class TestConsistency:
    def test_a_source_goes_wherever_a_frame_goes(self, frame):
        named = {"customer": "who", "at": "day", "amount": "paid"}
        source = clm.Source(frame(LOG), **named)
        assert clm.rfm(source) == clm.rfm(frame(LOG), **named)
        assert clm.rfm_cells(source) == clm.rfm_cells(LOG, **named)
        assert clm.retention_table(source) == clm.retention_table(LOG, customer="who", at="day")
        stays = clm.Source(frame({"from": LOG["day"], "to": LOG["day"]}), start_at="from", end_at="to")
        assert clm.durations(stays).durations.tolist() == [0, 0]

    def test_some_names_in_the_source_and_some_in_the_call(self):
        assert clm.rfm(clm.Source(LOG, customer="who", at="day"), amount="paid").value_total.tolist() == [5, 7]

    def test_it_says_what_it_holds(self):
        assert repr(clm.Source(LOG, at="day")) == "<Source: builtins dict, at='day'>"

    @pytest.mark.parametrize(
        "at",
        [
            ["2025-01-01", "2025-01-09"],
            np.array(["2025-01-01", "2025-01-09"]),
            np.array(["2025-01-01", "2025-01-09"], "M8[D]"),
            (datetime(2025, 1, 1), datetime(2025, 1, 9)),  # noqa: DTZ001  # read in UTC
            [datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 9, tzinfo=UTC)],
            [np.datetime64("2025-01-01"), np.datetime64("2025-01-09T00:00:00.000000000")],
            ["2025-01-01T01:00:00+01:00", "2025-01-08 19:00-05"],
            np.ma.masked_array(["2025-01-01", "2025-01-09"]),
        ],
        ids=repr,
    )
    def test_every_way_to_write_a_column_of_times(self, at):
        rfm = clm.rfm({"customer_id": [1, 2], "at": at}, unit="day")
        assert rfm.T.tolist() == [8, 0]

    def test_columns_may_be_series_of_any_library(self):
        pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
        log = {"customer_id": pd.Series([1, 2], index=[5, 5]), "at": pl.Series(LOG["day"]), "amount": pa.array([1, 2])}
        assert clm.rfm(log, unit="day").value_total.tolist() == [1, 2]

    def test_columns_that_are_not_asked_for_are_not_read(self):
        pl = pytest.importorskip("polars")
        broken = pl.DataFrame({"customer_id": [1], "at": [date(2025, 1, 1)], "other": ["x"]}).lazy()
        broken = broken.with_columns(pl.col("other").cast(pl.Int64))
        assert clm.rfm(broken).n == 1
