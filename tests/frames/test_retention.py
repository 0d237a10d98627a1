"""From event logs to retention tables, on every engine."""

# ruff: noqa: DTZ001  # wall times are what is tested

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.frames.engines import LAZY
from tests.frames.reference import end_of, instant
from tests.frames.retention_reference import Reference
from tests.strategies import event_logs

import clm


def events(rows):
    """Columns of rows (id, time, kind)."""
    return dict(zip(("customer_id", "at", "kind"), map(list, zip(*rows, strict=True)), strict=True))


WEEKS = events(
    [
        (1, date(2025, 1, 6), "signed_up"),  # Monday
        (1, date(2025, 1, 15), "order"),
        (2, date(2025, 1, 12), "signed_up"),  # Sunday of the same week
        (2, date(2025, 1, 13), "order"),
        (2, date(2025, 1, 14), "order"),
        (3, date(2025, 1, 28), "signed_up"),
        (4, date(2025, 1, 7), "order"),  # never signed up
    ]
)
SIGNED_UP = clm.RetentionDefinition(start_kind="signed_up", return_kind="order")


class TestInputs:
    def test_a_definition_is_no_column_name(self):
        with pytest.raises(clm.InvalidDataError, match=r"must be a clm.RetentionDefinition, not str"):
            clm.retention_table(WEEKS, "customer_id")

    def test_kinds_are_needed_where_the_definition_names_one(self):
        log = {name: WEEKS[name] for name in ("customer_id", "at")}
        with pytest.raises(clm.InvalidDataError, match="no column 'kind'"):
            clm.retention_table(log, SIGNED_UP)
        assert clm.retention_table(log).sizes.sum() == 4

    def test_nobody_entering_is_an_error(self, frame):
        with pytest.raises(clm.InvalidDataError, match="no start event of kind 'sign_up'"):
            clm.retention_table(frame(WEEKS), clm.RetentionDefinition(start_kind="sign_up"))

    @pytest.mark.parametrize("start", ["2025-01-29", "2025-03-03"])
    @pytest.mark.parametrize(
        "choices", [{}, {"entry": "recurring"}, {"clock": "own"}, {"clock": "own", "entry": "recurring"}]
    )
    def test_a_start_after_the_last_event_needs_through(self, frame, choices, start):
        definition = clm.RetentionDefinition(**choices)
        with pytest.raises(clm.InvalidDataError, match="lies after the end of the log, 2025-01-28"):
            clm.retention_table(frame(WEEKS), definition, start=start)
        assert clm.retention_table(frame(WEEKS), definition, start=start, through="2025-03-31").sizes.sum() == 0

    def test_null_ids_and_times_and_late_rows_are_counted(self, frame):
        log = events(
            [(1, date(2025, 1, 1), "a"), (None, date(2025, 1, 1), "a"), (1, None, "a"), (1, date(2026, 1, 1), "a")]
        )
        table = clm.retention_table(frame(log), through="2025-01-31")
        assert table.dropped == {"null ids": 1, "null times": 1, "after through": 1}

    def test_more_cohorts_than_a_table_can_hold_are_refused(self):
        log = {"customer_id": [1, 1], "at": ["1990-01-01", "2025-01-01"]}
        with pytest.raises(clm.InvalidDataError, match="12,785 cohorts, one day each"):
            clm.retention_table(log, clm.RetentionDefinition(period="day"))


class TestRules:
    def test_cohorts_sizes_and_status(self, frame):
        table = clm.retention_table(frame(WEEKS), SIGNED_UP, through="2025-01-28")
        assert table.cohorts.tolist() == [date(2025, 1, day) for day in (6, 13, 20, 27)]
        assert table.sizes.tolist() == [2, 0, 0, 1]
        assert table.retained.tolist() == [[2, 2, 0, 0], [0, 0, 0, -1], [0, 0, -1, -1], [1, -1, -1, -1]]
        running = [[row + age == 3 for age in range(4)] for row in range(4)]
        assert (table.status == "in_progress").tolist() == running
        assert ((table.status == "unobserved") == (table.retained == -1)).all()

    def test_a_week_that_ends_with_through_is_complete(self, frame):
        table = clm.retention_table(frame(WEEKS), SIGNED_UP, through="2025-02-02")
        assert table.status[3, 0] == "complete"
        assert clm.retention_table(frame(WEEKS), SIGNED_UP, through="2025-02-01").status[3, 0] == "in_progress"

    def test_the_last_rows_period_is_in_progress_by_default(self, frame):
        table = clm.retention_table(frame(WEEKS), SIGNED_UP)
        assert table.status[-1, 0] == "in_progress"

    def test_week_start(self, frame):
        definition = clm.RetentionDefinition(start_kind="signed_up", return_kind="order", week_start="sunday")
        table = clm.retention_table(frame(WEEKS), definition, through="2025-01-28")
        assert table.cohorts[0] == np.datetime64("2025-01-05")
        # Sunday the 12th opens a week of its own, whose Monday and Tuesday are no return.
        assert table.retained[:2, :2].tolist() == [[1, 1], [1, 0]]

    def test_minimum(self, frame):
        definition = clm.RetentionDefinition(start_kind="signed_up", return_kind="order", minimum=2)
        assert clm.retention_table(frame(WEEKS), definition, through="2025-01-28").retained[0].tolist() == [2, 1, 0, 0]

    def test_who_entered_before_start_is_in_no_cohort(self, frame):
        table = clm.retention_table(frame(WEEKS), SIGNED_UP, start="2025-01-07", through="2025-01-28")
        assert table.sizes.tolist() == [1, 0, 0, 1]
        assert table.dropped == {"customers who entered before start": 1}

    def test_empty_cohorts_from_start_on(self, frame):
        table = clm.retention_table(frame(WEEKS), SIGNED_UP, start="2025-02-03", through="2025-02-16")
        assert table.sizes.tolist() == [0, 0]
        assert np.isnan(table.rates().value).all()

    def test_periods_are_cut_in_local_wall_time(self, typed_frame):
        # 23:30 on New Year's Eve in UTC is January in Berlin.
        log = events([(1, datetime(2024, 12, 31, 23, 30), "a"), (1, datetime(2025, 2, 1), "a")])
        pa = pytest.importorskip("pyarrow")
        log["at"] = pa.array(log["at"], pa.timestamp("us", "UTC"))
        berlin = clm.RetentionDefinition(period="month", tz="Europe/Berlin")
        assert clm.retention_table(typed_frame(log), berlin).cohorts[0] == np.datetime64("2025-01-01")
        utc = clm.RetentionDefinition(period="month")
        assert clm.retention_table(typed_frame(log), utc).cohorts[0] == np.datetime64("2024-12-01")

    @pytest.mark.parametrize("tz", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns"])
    def test_full_hours_are_those_of_the_local_clock(self, typed_frame, tz):
        # From 17:59 the next day begins at 17:00, and not a minute earlier.
        log = events(
            [
                (1, datetime(2025, 1, 6, 17, 59), "a"),
                (1, datetime(2025, 1, 7, 17, 0), "a"),
                (2, datetime(2025, 1, 6, 17, 59), "a"),
                (2, datetime(2025, 1, 7, 16, 59), "a"),
            ]
        )
        definition = clm.RetentionDefinition.amplitude(tz=tz)
        table = clm.retention_table(typed_frame(log), definition, through="2025-01-08")
        np.testing.assert_array_equal(table.retained[0, :2], [2, 1])


def june(log):
    """Events at 05:00 on days of June 2020, from a mapping of (customer, kind) to days."""
    return events(
        [(customer, datetime(2020, 6, day, 5), kind) for (customer, kind), days in log.items() for day in days]
    )


class TestPublishedNumbers:
    """What PostHog's own test suite expects (MIT; posthog/hogql_queries/insights/retention/test at 02ace87d).

    Its rows are rectangular with zeros; here they end where observation does.
    """

    def test_first_time_by_week(self, frame):
        # test_first_time_retention_weeks: seven weeks from Sunday, up to the week of 2020-06-15.
        log = june(
            {
                ("shouldnt_include", "signed_up"): [5, 9],
                ("person1", "signed_up"): [9, 11, 12, 13, 14],
                ("person2", "signed_up"): [9],
                ("person1", "pageview"): [10, 11, 12, 15, 15, 16],
                ("person2", "pageview"): [11, 12, 13, 16],
                ("person3", "signed_up"): [10],
                ("person3", "pageview"): [11, 13, 14, 15],
                ("person4", "signed_up"): [12],
                ("person4", "pageview"): [13, 15],
            }
        )
        definition = clm.RetentionDefinition(start_kind="signed_up", return_kind="pageview", week_start="sunday")
        table = clm.retention_table(frame(log), definition, start="2020-05-03", through="2020-06-20")
        expected = [[0] * 7, [0] * 6, [0] * 5, [0] * 4, [1, 0, 0], [4, 4], [0]]
        assert [[cell for cell in row if cell >= 0] for row in table.retained.tolist()] == expected

    def test_first_time_ever_by_day(self, frame):
        # test_retention_first_time_ever_basic: eight days up to 2020-06-17.
        log = june(
            {
                ("person1", "pageview"): [10, 11, 13, 15],
                ("person1", "signed_up"): [11],
                ("person2", "signed_up"): [11],
                ("person2", "pageview"): [12, 14],
                ("person3", "pageview"): [12, 14, 16],
                ("person3", "signed_up"): [13],
                ("person4", "pageview"): [9, 13],
                ("person4", "signed_up"): [12],
                ("person5", "signed_up"): [13],
                ("person5", "pageview"): [14, 15],
            }
        )
        definition = clm.RetentionDefinition(period="day", start_kind="signed_up", return_kind="pageview")
        table = clm.retention_table(frame(log), definition, start="2020-06-10", through="2020-06-17")
        expected = [[0] * 8, [2, 1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0], [2, 2, 1, 1, 0], [0] * 4, [0] * 3, [0] * 2, [0]]
        assert [[cell for cell in row if cell >= 0] for row in table.retained.tolist()] == expected
        assert (table.status == "in_progress").sum() == 0


definitions = st.builds(
    clm.RetentionDefinition,
    period=st.sampled_from(["day", "week", "month", "quarter", "year"]),
    entry=st.sampled_from(["first", "recurring"]),
    clock=st.sampled_from(["calendar", "calendar", "own"]),
    brackets=st.sampled_from([None, None, [1, 1], [2, 3], [4, 10, 3]]),
    rule=st.sampled_from(["on", "on_or_after", "every", "any"]),
    minimum=st.integers(1, 2),
    week_start=st.sampled_from(["monday", "sunday", "thursday"]),
    tz=st.sampled_from(["UTC", "Europe/Berlin"]),
    start_kind=st.sampled_from([None, "signed_up"]),
    return_kind=st.sampled_from([None, "order"]),
)
starts = st.none() | st.just(datetime(2024, 3, 30, 12))


def check(rows, definition, start, make):
    tz = definition.tz
    through = end_of(date(2024, 5, 1), tz)
    start = None if start is None else instant(start, tz)
    table = clm.retention_table(make(events(rows)), definition, start=start, through=through)
    reference = Reference(rows, definition, through=through, start=start)
    assert table.retained.shape == (reference.cohorts, len(reference.columns))
    assert table.ages.tolist() == [first for first, _ in reference.columns]
    for row in range(reference.cohorts):
        status = [reference.status(row, last) for _, last in reference.columns]
        if status[0] is not None:
            assert table.status[row].tolist() == status
            cells = [reference.cell(row, column) for column in range(len(status))]
            assert table.retained[row].tolist() == cells
        else:  # no own clock runs where nobody entered
            assert set(table.retained[row].tolist()) <= {0, -1}
    np.testing.assert_array_equal(table.sizes, table.retained[:, 0])


class TestConsistency:
    @given(event_logs(), definitions, starts)
    def test_numbers_are_those_of_the_rules_row_by_row(self, rows, definition, start):
        check(rows, definition, start, lambda columns: columns)

    @pytest.mark.parametrize("engine", LAZY)
    @settings(max_examples=10)
    @given(rows=event_logs(), definition=definitions, start=starts)
    def test_lazy_frames_give_the_same(self, engine, rows, definition, start):
        pytest.importorskip("pyarrow")
        check(rows, definition, start, lambda columns: LAZY[engine](columns, None))

    def test_hours_are_real_hours(self, typed_frame):
        # Berlin's clock shows 02:30 twice on 2024-10-27, an hour apart.
        pa = pytest.importorskip("pyarrow")
        at = [datetime(2024, 10, 27, 0, 30), datetime(2024, 10, 27, 1, 30)]
        log = {"customer_id": [1, 1], "at": pa.array(at, pa.timestamp("us", "UTC"))}
        definition = clm.RetentionDefinition(period="hour", tz="Europe/Berlin")
        table = clm.retention_table(typed_frame(log), definition)
        assert table.retained.tolist() == [[1, 1], [0, -1]]
        assert table.cohorts.tolist() == [datetime(2024, 10, 27, 2)] * 2
