"""The choices behind a retention table."""

import pickle
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from attrs.exceptions import FrozenInstanceError

import clm


class TestInputs:
    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ({"period": "weeks"}, "Did you mean 'week'"),
            ({"entry": "frist"}, "Did you mean 'first'"),
            ({"clock": "wall"}, "clock='wall' is not one of calendar, own"),
            ({"rule": "rolled"}, "rule='rolled' is not one of on, on_or_after, every, any"),
            ({"rule": "rolling"}, r"three things.*on_or_after.*every.*clock='own'"),
            ({"rule": "cumulative"}, r"two things.*rule='any'.*on_or_after"),
            ({"rule": "unbounded"}, "is called 'on_or_after' here"),
            ({"full_hours": True}, "needs clock='own'"),
            ({"full_hours": 1, "clock": "own"}, "full_hours=1"),
            ({"brackets": [True]}, "brackets"),
            ({"brackets": [1, 0]}, "brackets"),
            ({"brackets": "4"}, "brackets"),
            ({"minimum": 0}, "minimum=0"),
            ({"minimum": True}, "minimum=True"),
            ({"minimum": 1.5}, r"minimum=1\.5"),
            ({"week_start": "Sunday"}, "Did you mean 'sunday'"),
            ({"tz": "Berlin"}, "time zone 'Berlin'"),
            ({"start_kind": " "}, "start_kind"),
            ({"return_kind": 3}, "return_kind=3"),
        ],
        ids=str,
    )
    def test_unknown_choices_are_refused(self, choice, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.RetentionDefinition(**choice)

    def test_words_that_are_no_text_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match=r"GA4 knows no calculation \['rolling'\]"):
            clm.RetentionDefinition.ga4(["rolling"])

    def test_positions_have_no_meaning(self):
        with pytest.raises(TypeError):
            clm.RetentionDefinition("week")

    def test_it_cannot_be_changed(self):
        with pytest.raises(FrozenInstanceError):
            clm.RetentionDefinition().period = "day"


class TestConsistency:
    def test_equal_choices_are_equal_however_the_zone_is_given(self):
        assert clm.RetentionDefinition(tz="Europe/Berlin") == clm.RetentionDefinition(tz=ZoneInfo("Europe/Berlin"))

    def test_a_zone_without_a_name_is_kept(self):
        definition = clm.RetentionDefinition(tz=timezone(timedelta(hours=2)))
        assert "in UTC+02:00" in str(definition)
        assert clm.retention_table({"customer_id": [1], "at": ["2025-01-01"]}, definition).sizes.tolist() == [1]

    def test_numpys_whole_numbers_are_whole_numbers(self):
        given = clm.RetentionDefinition(brackets=np.array([4, 10]), minimum=np.int64(2))
        assert given == clm.RetentionDefinition(brackets=(4, 10), minimum=2)
        assert str(given) == str(clm.RetentionDefinition(brackets=[4, 10], minimum=2))
        assert type(given.minimum) is int

    def test_it_pickles(self):
        definition = clm.RetentionDefinition(period="month", brackets=[1, 2], start_kind="signed_up")
        assert pickle.loads(pickle.dumps(definition)) == definition

    def test_it_prints_itself_as_one_sentence(self):
        text = str(clm.RetentionDefinition(rule="on_or_after", minimum=2, week_start="sunday", return_kind="order"))
        assert text == (
            "Retention by calendar week from sunday in UTC: customers enter with their first event and count as "
            "retained at an age with at least 2 return events in the period of that age or any later one; a return is "
            "an event of kind 'order'."
        )

    def test_every_choice_shows(self):
        plain = clm.RetentionDefinition()
        others = [
            clm.RetentionDefinition(**choice)
            for choice in (
                {"period": "day"},
                {"entry": "recurring"},
                {"clock": "own"},
                {"rule": "any"},
                {"brackets": [2]},
                {"minimum": 3},
                {"week_start": "friday"},
                {"tz": "Asia/Tokyo"},
                {"start_kind": "a"},
                {"return_kind": "b"},
            )
        ]
        assert len({str(definition) for definition in [plain, *others]}) == 11
