"""Logs kept as bits: brought up to date, they count as all events together do."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import event_logs

import clm

MONTHLY = clm.RetentionDefinition(period="month")


def columns(rows):
    return dict(zip(("customer_id", "at", "kind"), map(list, zip(*rows, strict=True)), strict=True))


definitions = st.builds(
    clm.RetentionDefinition,
    period=st.sampled_from(["day", "week", "month"]),
    entry=st.sampled_from(["first", "recurring"]),
    rule=st.sampled_from(["on", "on_or_after", "every", "any"]),
    brackets=st.sampled_from([None, [2, 3]]),
    tz=st.sampled_from(["UTC", "Europe/Berlin"]),
    return_kind=st.sampled_from([None, "order"]),
)


class TestInputs:
    @pytest.mark.parametrize(
        "definition", [clm.RetentionDefinition(clock="own"), clm.RetentionDefinition(minimum=2)], ids=["own", "minimum"]
    )
    def test_what_a_bit_cannot_tell_is_refused(self, definition):
        with pytest.raises(clm.InvalidDataError, match="a bit a period cannot tell"):
            clm.activity_log({"customer_id": [1], "at": ["2025-01-01"]}, definition)

    def test_logs_of_different_kinds_are_not_merged(self):
        numbers = clm.activity_log({"customer_id": [1], "at": ["2025-01-01"]}, MONTHLY)
        texts = clm.activity_log({"customer_id": ["a"], "at": ["2025-01-01"]}, MONTHLY)
        weekly = clm.activity_log({"customer_id": [1], "at": ["2025-01-01"]})
        for other, message in ((texts, "text in one log"), (weekly, "same definition"), (None, "same definition")):
            with pytest.raises(clm.InvalidDataError, match=message):
                numbers.merged(other)

    def test_ids_beyond_the_signed_numbers_keep_every_digit(self):
        small, large, negative = (
            clm.activity_log({"customer_id": np.array(ids, dtype), "at": ["2025-01-01"] * len(ids)}, MONTHLY)
            for ids, dtype in (([1, 2], np.int64), ([2**63 + 1, 2**63 + 2], np.uint64), ([-1], np.int64))
        )
        assert small.merged(large).customer.tolist() == [1, 2, 2**63 + 1, 2**63 + 2]
        assert large.merged(small) == small.merged(large)
        with pytest.raises(clm.InvalidDataError, match=r"below 0 in one log and beyond 2\*\*63 in the other"):
            negative.merged(large)

    def test_a_start_within_a_period_is_refused(self):
        log = clm.activity_log({"customer_id": [1], "at": ["2025-01-05"]}, MONTHLY)
        with pytest.raises(clm.InvalidDataError, match="lies within a month"):
            log.table(start="2025-01-02")
        with pytest.raises(clm.InvalidDataError, match="lies before events"):
            log.table(through="2025-01-01")

    @pytest.mark.parametrize("entry", ["first", "recurring"])
    def test_a_start_after_the_end_is_refused(self, entry):
        log = clm.activity_log({"customer_id": [1], "at": ["2025-01-06"]}, clm.RetentionDefinition(entry=entry))
        with pytest.raises(clm.InvalidDataError, match="lies after the end of the log"):
            log.table(start="2025-01-13")

    def test_nobody_entering_is_an_error(self):
        log = {"customer_id": [1], "at": ["2025-01-05"], "kind": ["order"]}
        definition = clm.RetentionDefinition(start_kind="signed_up", return_kind="order")
        with pytest.raises(clm.InvalidDataError, match="no start event"):
            clm.activity_log(log, definition).table()


class TestConsistency:
    @given(event_logs(), st.integers(0, 30), definitions)
    def test_halves_count_as_the_whole(self, rows, cut, definition):
        halves = [part for part in (rows[:cut], rows[cut:]) if part]
        logs = [clm.activity_log(columns(part), definition, through="2024-12-31") for part in halves]
        merged = logs[0] if len(logs) == 1 else logs[0].merged(logs[1])
        whole = clm.retention_table(columns(rows), definition, through="2024-12-31")
        table = merged.table()
        np.testing.assert_array_equal(table.retained, whole.retained)
        np.testing.assert_array_equal(table.status, whole.status)
        assert table.left_edge == whole.left_edge

    @given(event_logs(), definitions)
    def test_a_later_start_and_end(self, rows, definition):
        # The 8th is a Monday; months have to start with their first day.
        start, through = "2024-04-01" if definition.period == "month" else "2024-04-08", "2025-07-31"
        log = clm.activity_log(columns(rows), definition, through="2024-12-31")
        whole = clm.retention_table(columns(rows), definition, start=start, through=through)
        np.testing.assert_array_equal(log.table(start=start, through=through).retained, whole.retained)

    def test_events_in_both_count_once(self):
        log = clm.activity_log(
            {"customer_id": ["b", "a", "b"], "at": ["2025-01-05", "2025-01-31", "2025-02-02"]}, MONTHLY
        )
        assert log.merged(log).table() == log.table()
        assert pickle.loads(pickle.dumps(log)) == log
        assert repr(log) == "<ActivityLog: 2 customers, 2 periods by month>"
