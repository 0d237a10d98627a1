"""How long customers stayed."""

# ruff: noqa: DTZ001  # wall times are what is tested

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm

STAYS = {
    "customer_id": [4, 3, 2, 1],
    "start_at": [date(2025, 1, 1), date(2025, 1, 15), date(2025, 2, 1), date(2025, 3, 5)],
    "end_at": [date(2025, 1, 31), None, date(2025, 3, 5), None],
}


class TestInputs:
    def test_an_end_before_its_start_names_the_row(self, frame):
        stays = {"start_at": [date(2025, 1, 1), date(2025, 1, 2)], "end_at": [date(2025, 1, 1), date(2025, 1, 1)]}
        with pytest.raises(clm.InvalidDataError, match=r"'end_at' is before 'start_at' in 1 of 2 rows, first at row 1"):
            clm.durations(frame(stays))

    def test_a_missing_column_is_named(self):
        with pytest.raises(clm.InvalidDataError, match="no column 'end_at'"):
            clm.durations({"start_at": ["2025-01-01"]})

    def test_rows_that_cannot_count_are_counted(self, frame):
        stays = {
            "customer_id": [1, None, 3, 4],
            "start_at": [date(2025, 1, 1), date(2025, 1, 1), None, date(2025, 3, 1)],
            "end_at": [None, None, date(2025, 1, 1), None],
        }
        kept = clm.durations(frame(stays), through="2025-02-28")
        assert kept.dropped == {"null ids": 1, "null starts": 1, "starts after through": 1}
        assert kept.customer.tolist() == [1]

    def test_nothing_left_says_why(self):
        with pytest.raises(clm.InvalidDataError, match="1 for null starts were left out"):
            clm.durations({"start_at": [None], "end_at": ["2025-01-01"]})

    def test_unknown_units_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match="Did you mean 'day'"):
            clm.durations(STAYS, unit="days")


class TestRules:
    def test_open_and_late_ends_are_censored_at_the_end_of_the_last_day(self, frame):
        stays = clm.durations(frame(STAYS), through="2025-02-28")
        # 30 days seen; 15 January to midnight after 28 February is 45 days, 1 February to then 28.
        assert stays.durations.tolist() == [30, 45, 28]
        assert stays.observed.tolist() == [True, False, False]
        assert stays.customer.tolist() == [4, 3, 2]
        assert stays.dropped == {"starts after through": 1}

    def test_an_instant_ends_observation_at_once(self, frame):
        stays = clm.durations(frame(STAYS), through=datetime(2025, 2, 28, 12))
        assert stays.durations.tolist() == [30, 44.5, 27.5]

    def test_an_end_on_the_last_day_was_seen(self, frame):
        stays = clm.durations(frame(STAYS), through="2025-01-31")
        assert stays.observed.tolist() == [True, False]

    def test_the_latest_time_ends_observation_by_default(self, frame):
        stays = clm.durations(frame(STAYS))
        assert stays.durations.tolist() == [30, 49, 32, 0]

    def test_everybody_may_still_be_there(self, frame):
        pa = pytest.importorskip("pyarrow")
        stays = {"start_at": [date(2025, 1, 1)], "end_at": pa.array([None], pa.date32())}
        assert clm.durations(frame(stays), through="2025-01-07", unit="week").durations.tolist() == [1]

    def test_ids_are_optional(self, frame):
        stays = {name: STAYS[name] for name in ("start_at", "end_at")}
        assert clm.durations(frame(stays)).customer is None

    def test_units_have_fixed_lengths(self):
        stays = {"start_at": ["2024-01-01"], "end_at": ["2025-01-01"]}
        assert clm.durations(stays, unit="year").durations[0] == 366 / 365.25
        assert clm.durations(stays, unit="month").durations[0] == 366 / 30.4375

    def test_a_day_on_which_the_clock_changes_has_23_hours(self, typed_frame):
        stays = {"start_at": [date(2025, 3, 30)], "end_at": [date(2025, 3, 31)]}
        assert clm.durations(typed_frame(stays), unit="hour", tz="Europe/Berlin").durations[0] == 23

    def test_the_definition_says_what_was_measured(self):
        said = clm.durations(STAYS, through="2025-02-28").definition
        assert "through" not in said
        assert "without an end by 2025-02-28 were still there" in said
        assert "naive times are read in UTC" in said


class TestConsistency:
    @given(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40) | st.none()), min_size=1, max_size=20),
        st.integers(60, 110),
    )
    def test_ages_are_differences_of_days(self, stays, last):
        day = np.datetime64("2025-01-01")
        starts = [str(day + start) for start, _ in stays]
        ends = [None if stay is None else str(day + start + stay) for start, stay in stays]
        found = clm.durations({"start_at": starts, "end_at": ends}, through=str(day + last))
        for (start, stay), age, observed in zip(stays, found.durations, found.observed, strict=True):
            seen = stay is not None and start + stay <= last
            assert (age, observed) == (stay if seen else last + 1 - start, seen)
