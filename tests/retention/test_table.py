"""Rates and curves of a retention table."""

import pickle
from datetime import UTC, date, datetime

import numpy as np
import pytest

import clm
from clm.retention import RetentionTable
from clm.stats import wilson_limits

# Three days of sign-ups; the last day is still running.
LOG = {
    "customer_id": [1, 2, 3, 4, 1, 2, 1, 3, 4],
    "at": [f"2025-01-{day}" for day in ("01", "01", "01", "02", "02", "02", "03", "03", "03")],
}


@pytest.fixture
def table():
    return clm.retention_table(LOG, clm.RetentionDefinition(period="day"), through="2025-01-03T12:00")


class TestRates:
    def test_complete_cells_have_wilson_bands(self, table):
        rates = table.rates()
        assert rates.value[0, :2].tolist() == [1, 2 / 3]
        interval = rates.confidence_interval(0.9)
        low, high = wilson_limits(np.array(2 / 3), np.array(3.0), 0.9)
        assert (interval.low[0, 1], interval.high[0, 1]) == (low, high)
        assert rates.n[0].tolist() == [3, 3, 0]

    def test_age_0_is_everybody_by_definition(self, table):
        rates = table.rates()
        interval = rates.confidence_interval()
        assert (interval.low[0, 0], interval.high[0, 0], rates.standard_error[0, 0]) == (1, 1, 0)

    def test_other_cells_are_undefined_and_say_why(self, table):
        rates = table.rates()
        assert np.isnan(rates.value[0, 2])
        assert rates.undefined[0, 2] == "the period is still running"
        assert rates.undefined[2, 1] == "the period has not been observed"
        assert rates.undefined[0, 0] is None

    def test_an_empty_cohort_is_undefined(self):
        log = {"customer_id": [1, 2], "at": ["2025-01-01", "2025-01-03"]}
        rates = clm.retention_table(log, clm.RetentionDefinition(period="day"), through="2025-01-03").rates()
        assert rates.undefined[1, 0] == "nobody entered in this period"

    def test_they_carry_the_definition(self, table):
        assert str(table.definition) in table.rates().definition
        assert "2025-01-03 12:00:00" in table.curve().definition


class TestCurve:
    def test_only_complete_cells_count_by_size(self, table):
        curve = table.curve()
        # Age 1: the cohort of the first day alone, 2 of 3; that of the second day is still running.
        assert curve.value[:2].tolist() == [1, 2 / 3]
        assert curve.n.tolist() == [4, 3, 0]
        assert curve.undefined[2] == "no cohort with customers is old enough"

    def test_cohorts_weigh_by_size(self):
        log = {
            "customer_id": [1, 2, 3, 4, 4, 9],
            "at": ["2025-01-01"] * 3 + ["2025-01-02", "2025-01-03", "2025-01-04"],
        }
        curve = clm.retention_table(log, clm.RetentionDefinition(period="day"), through="2025-01-03").curve()
        assert curve.value[1] == 1 / 4

    def test_index_is_the_age(self, table):
        assert table.curve().index.tolist() == [0, 1, 2]


class TestRow:
    TABLE = clm.retention_table(
        {"customer_id": [1, 2], "at": ["2025-01-06", "2025-02-05"]},
        clm.RetentionDefinition(tz="Asia/Tokyo"),
        through="2025-02-05",
    )

    @pytest.mark.parametrize(
        ("cohort", "row"),
        [
            ("2025-01-06", 0),
            (np.datetime64("2025-01-13"), 1),
            (date(2025, 1, 19), 1),
            ("2025-02-09", 4),  # the Sunday of the last week, which is still running
            ("2025-01-12T14:59Z", 0),  # a minute before Monday in Tokyo
            (datetime(2025, 1, 12, 15, tzinfo=UTC), 1),
        ],
        ids=str,
    )
    def test_any_time_in_the_period_finds_it(self, cohort, row):
        assert self.TABLE.row(cohort) == row

    @pytest.mark.parametrize(
        "cohort", ["2025-01-05", "2025-02-10", 0, "NaT", "1234567", "2025-13", np.datetime64("NaT"), [1]], ids=str
    )
    def test_others_are_refused(self, cohort):
        with pytest.raises(clm.InvalidDataError, match="is not one of the cohorts 2025-01-06 to 2025-02-03"):
            self.TABLE.row(cohort)

    @pytest.mark.parametrize("period", ["hour", "day", "week", "month", "quarter", "year"])
    def test_every_cohort_finds_itself(self, period):
        log = {"customer_id": [1, 1], "at": ["2024-11-02T20:15", "2024-11-03T19:45"]}
        definition = clm.RetentionDefinition(period=period, tz="Asia/Kolkata")
        table = clm.retention_table(log, definition)
        assert [table.row(cohort) for cohort in table.cohorts] == list(range(len(table.cohorts)))

    def test_months_and_years_may_be_named(self):
        log = {"customer_id": [1, 2], "at": ["2024-12-30", "2025-02-05"]}
        monthly = clm.retention_table(log, clm.RetentionDefinition(period="month"))
        assert (monthly.row("2025-01"), monthly.row(np.datetime64("2025-02"))) == (1, 2)
        assert clm.retention_table(log, clm.RetentionDefinition(period="year")).row("2025") == 1


class TestConsistency:
    def test_it_pickles_compares_and_cannot_be_changed(self, table):
        copy = pickle.loads(pickle.dumps(table))
        assert copy == table
        for array in (copy.retained, copy.sizes, copy.status, copy.cohorts):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = array[-1]

    def test_repr(self, table):
        assert repr(table) == "<RetentionTable: 3 cohorts by day, 4 customers>"

    def test_columns_hold_every_observed_cell(self, table):
        columns = table.to_columns()
        assert columns["age"].tolist() == [0, 1, 2, 0, 1, 0]
        assert columns["retained"].tolist() == [3, 2, 2, 1, 1, 0]
        assert np.isnan(columns["rate"][[2, 4, 5]]).all()

    def test_on_or_after_never_rises_and_any_never_falls(self):
        rng = np.random.default_rng(2)
        log = {"customer_id": rng.integers(0, 30, 400), "at": np.datetime64("2025-01-01") + rng.integers(0, 40, 400)}
        rows = {}
        for rule in ("on", "on_or_after", "every", "any"):
            table = clm.retention_table(log, clm.RetentionDefinition(rule=rule), through="2025-02-16")
            rows[rule] = table.rates().value[0, 1:]
        assert (np.diff(rows["on_or_after"]) <= 0).all()
        assert (np.diff(rows["any"]) >= 0).all()
        assert (np.diff(rows["every"]) <= 0).all()
        assert (rows["every"] <= rows["on"]).all()
        assert (rows["on"] <= rows["on_or_after"]).all()
        assert (rows["on"] <= rows["any"]).all()

    def test_the_class_is_final(self):
        assert RetentionTable.__final__
