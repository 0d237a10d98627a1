"""Calendar periods in local wall time."""

# ruff: noqa: DTZ001  # wall times are what is tested

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.test_zone import NAMES, microseconds, moments, zones

import clm
from clm.data import MISSING, WEEKDAYS, Calendar, Zone, describe, parse_start, parse_through

GRAINS = ["hour", "day", "week", "month", "quarter", "year"]
# Clocks that go back over midnight: a local day then comes twice, and no number orders it. None is among these.
STEADY = [name for name in NAMES if name not in {"America/St_Johns", "America/Sao_Paulo"}]


class TestInputs:
    def test_unknown_periods_and_weekdays_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match="Did you mean 'week'"):
            Calendar("weeks", Zone.of("UTC"))
        with pytest.raises(clm.InvalidDataError, match="Did you mean 'sunday'"):
            Calendar("week", Zone.of("UTC"), "Sunday")


class TestConsistency:
    @given(st.sampled_from(GRAINS), st.sampled_from(STEADY), st.sampled_from(WEEKDAYS), st.lists(moments, min_size=1))
    def test_an_instant_lies_in_its_period(self, grain, name, week_start, times):
        calendar = Calendar(grain, Zone.of(name), week_start)
        at = np.array([microseconds(time) for time in times])
        number = calendar.index(at)
        assert (calendar.start(number) <= at).all()
        assert (at < calendar.start(number + 1)).all()

    @given(zones, moments)
    def test_numbers_are_those_of_the_local_date(self, name, time):
        local = time.replace(tzinfo=UTC).astimezone(ZoneInfo(name)).date()
        at = np.array([microseconds(time)])
        label = {
            grain: Calendar(grain, Zone.of(name)).label(Calendar(grain, Zone.of(name)).index(at))[0].item()
            for grain in GRAINS[1:]
        }
        assert label == {
            "day": local,
            "week": local - timedelta(days=local.weekday()),
            "month": local.replace(day=1),
            "quarter": date(local.year, (local.month - 1) // 3 * 3 + 1, 1),
            "year": date(local.year, 1, 1),
        }

    @given(st.sampled_from(WEEKDAYS), moments)
    def test_weeks_start_on_their_weekday(self, week_start, time):
        calendar = Calendar("week", Zone.of("UTC"), week_start)
        first = calendar.label(calendar.index(np.array([microseconds(time)])))[0].item()
        assert WEEKDAYS[first.weekday()] == week_start
        assert timedelta(0) <= time - datetime(first.year, first.month, first.day) < timedelta(days=7)

    def test_missing_stays_missing(self):
        for grain in GRAINS:
            assert Calendar(grain, Zone.of("Europe/Berlin")).index(np.array([MISSING]))[0] == MISSING

    def test_a_day_that_starts_at_one_in_the_morning(self):
        # Midnight of 2018-11-04 was skipped in Sao Paulo.
        calendar = Calendar("day", Zone.of("America/Sao_Paulo"))
        number = calendar.index(np.array([microseconds(datetime(2018, 11, 4, 12))]))
        assert calendar.start(number).tolist() == [microseconds(datetime(2018, 11, 4, 3))]

    def test_the_hour_that_comes_twice_is_two_hours(self):
        calendar = Calendar("hour", Zone.of("Europe/Berlin"))
        at = np.array([microseconds(datetime(2024, 10, 27, hour, 30)) for hour in (0, 1)])
        assert np.diff(calendar.index(at)).tolist() == [1]
        assert calendar.label(calendar.index(at)).tolist() == [datetime(2024, 10, 27, 2)] * 2

    def test_hours_start_where_the_local_clock_is_full(self):
        calendar = Calendar("hour", Zone.of("Asia/Kolkata"))
        assert calendar.start(calendar.index(np.array([0]))).tolist() == [-30 * 60 * 1_000_000]


class TestMoments:
    BERLIN = Zone.of("Europe/Berlin")

    @pytest.mark.parametrize("day", ["2025-07-01", date(2025, 7, 1), np.datetime64("2025-07-01"), " 2025-07-01 "])
    def test_a_date_is_the_whole_local_day(self, day):
        assert parse_start(day, self.BERLIN) == microseconds(datetime(2025, 6, 30, 22))
        assert parse_through(day, self.BERLIN) == microseconds(datetime(2025, 7, 1, 22)) - 1

    @pytest.mark.parametrize(
        "moment",
        [
            "2025-07-01T12:00",
            "2025-07-01 12:00:00",
            "2025-07-01 10:00Z",
            "2025-07-01T06:00:00.000-04:00",
            datetime(2025, 7, 1, 12),
            datetime(2025, 7, 1, 10, tzinfo=UTC),
            np.datetime64("2025-07-01T12:00"),
        ],
    )
    def test_an_instant_is_itself(self, moment):
        assert parse_through(moment, self.BERLIN) == microseconds(datetime(2025, 7, 1, 10))

    @pytest.mark.parametrize(
        "nothing",
        [
            "",
            "today",
            "2025-7-1",
            "2025-02-30",
            "20250701",
            "2025",
            5,
            None,
            np.datetime64("NaT"),
            np.datetime64("2025-07"),
        ],
    )
    def test_what_is_no_date_is_refused(self, nothing):
        with pytest.raises(clm.InvalidDataError, match="is no date or time"):
            parse_through(nothing, self.BERLIN)

    def test_they_are_told_as_a_reader_writes_them(self):
        assert describe(parse_through("2025-07-01", self.BERLIN), self.BERLIN) == "2025-07-01"
        assert describe(parse_through("2025-07-01T12:00", self.BERLIN), self.BERLIN).startswith("2025-07-01 12:00:00")
