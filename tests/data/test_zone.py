"""Wall time and UTC, whole columns at a time, against the standard library row by row."""

# ruff: noqa: DTZ001  # wall times are what is tested

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from dateutil import tz as dateutil_tz
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm.data import MISSING, Zone

EPOCH = datetime(1970, 1, 1)
# Half-hour changes, changes at midnight, a skipped day, a fast one amid winter time, and two quiet zones.
NAMES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kolkata",
]
zones = st.sampled_from(NAMES)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2050, 1, 1))


def microseconds(wall):
    return (wall - EPOCH) // timedelta(microseconds=1)


def near_changes(name):
    """Wall times around every change of a zone's clock from 1980 to 2030."""
    span = np.array([microseconds(datetime(1980, 1, 1)), microseconds(datetime(2030, 1, 1))])
    changes, offsets = Zone.of(name).changes(span)
    steps = np.array([-7200, -3600, -1800, -1, 0, 1, 1800, 3600, 7200]) * 1_000_000
    return (changes[:, None] + offsets[1:, None] + steps).ravel()


class TestInputs:
    def test_unknown_names_give_the_nearest(self):
        with pytest.raises(clm.InvalidDataError, match="Did you mean 'Europe/Berlin'"):
            Zone.of("Europe/Belin")

    @pytest.mark.parametrize("tz", [3, None, "../etc/passwd", "", "\0"])
    def test_what_is_no_zone_is_refused(self, tz):
        with pytest.raises(clm.InvalidDataError):
            Zone.of(tz)

    @pytest.mark.parametrize("tz", ["UTC", "utc", "Z", UTC, ZoneInfo("UTC")])
    def test_every_name_of_utc(self, tz):
        assert Zone.of(tz).is_utc

    def test_other_tzinfos(self):
        instants = np.array([0])
        assert Zone.of(timezone(timedelta(hours=2))).to_wall(instants).tolist() == [7_200_000_000]
        assert Zone.of(dateutil_tz.gettz("Europe/Berlin")).to_wall(instants).tolist() == [3_600_000_000]


class TestConsistency:
    @given(zones, st.lists(moments, min_size=1, max_size=20))
    def test_there_and_back_as_the_standard_library_does(self, name, times):
        zone, rules = Zone.of(name), ZoneInfo(name)
        utc = np.array([microseconds(at) for at in times])
        expected = [at.replace(tzinfo=UTC).astimezone(rules).replace(tzinfo=None) for at in times]
        assert zone.to_wall(utc).tolist() == [microseconds(wall) for wall in expected]
        wall = [at.replace(tzinfo=rules).astimezone(UTC).replace(tzinfo=None) for at in times]
        assert zone.to_utc(utc).tolist() == [microseconds(at) for at in wall]

    @pytest.mark.parametrize("name", NAMES[1:])
    def test_skipped_and_repeated_wall_times(self, name):
        rules = ZoneInfo(name)
        walls = near_changes(name)
        expected = [
            microseconds(
                (EPOCH + timedelta(microseconds=wall)).replace(tzinfo=rules).astimezone(UTC).replace(tzinfo=None)
            )
            for wall in walls.tolist()
        ]
        assert Zone.of(name).to_utc(walls).tolist() == expected

    def test_missing_stays_missing(self):
        times = np.array([MISSING, 0])
        zone = Zone.of("Europe/Berlin")
        assert zone.to_wall(times).tolist() == [MISSING, 3_600_000_000]
        assert zone.to_utc(times).tolist() == [MISSING, -3_600_000_000]
        assert zone.to_wall(times[:1]).tolist() == [MISSING]

    def test_a_stray_date_far_off_takes_no_longer(self):
        zone = Zone.of("Europe/Berlin")
        times = np.array([microseconds(datetime(year, 7, 1)) for year in (1, 1000, 2024, 2990, 9999)])
        assert ((zone.to_wall(times) - times) // 60_000_000).tolist() == [
            53,
            53,
            120,
            120,
            120,
        ]  # local mean time first
