"""What holds of every retention table, whatever the log: relations between definitions, and what changes nothing."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.strategies import event_logs

import clm
from clm.retention import UNOBSERVED

DAILY = clm.RetentionDefinition(period="day")
RULES = ("on", "on_or_after", "every", "any")
CLOCKS = ("calendar", "own")


def log_of(rows):
    """Columns of rows (customer id, time, kind) up to the end of June."""
    names = ("customer_id", "at", "kind")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def end_of(rows, days):
    return max(at for _, at, _ in rows).date() + timedelta(days=days)


def tables(rows, through, *definitions):
    return [clm.retention_table(log_of(rows), definition, through=through) for definition in definitions]


class TestRelations:
    @given(event_logs(), st.sampled_from(CLOCKS), st.integers(0, 3))
    def test_brackets_of_one_period_are_on(self, rows, clock, days):
        through = end_of(rows, days)
        plain = clm.RetentionDefinition(period="day", clock=clock)
        (table,) = tables(rows, through, plain)
        width = table.retained.shape[1]
        assume(width > 1)
        brackets = clm.RetentionDefinition(period="day", clock=clock, brackets=[1] * (width - 1))
        (ranged,) = tables(rows, through, brackets)
        np.testing.assert_array_equal(ranged.retained, table.retained)
        np.testing.assert_array_equal(ranged.status, table.status)

    @settings(max_examples=40)
    @given(event_logs(), st.sampled_from(("first", "recurring")), st.integers(0, 3))
    def test_rules_by_the_calendar_contain_each_other(self, rows, entry, days):
        through = end_of(rows, days)
        on, later, every, some = tables(
            rows, through, *(clm.RetentionDefinition(period="day", entry=entry, rule=rule) for rule in RULES)
        )
        seen = on.status != UNOBSERVED
        assert (later.retained >= on.retained)[seen].all()
        assert (some.retained >= on.retained)[seen].all()
        assert (every.retained <= on.retained)[seen].all()
        last = seen.sum(axis=1) - 1
        row = np.arange(len(last))
        # Nothing is observed after the last cell of a cohort.
        np.testing.assert_array_equal(later.retained[row, last], on.retained[row, last])

    @given(event_logs(), st.integers(0, 3))
    def test_all_cells_of_first_entries_are_the_distinct_days_of_customers(self, rows, days):
        (table,) = tables(rows, end_of(rows, days), DAILY)
        assert table.rectangle().sum() == len({(customer, at.date()) for customer, at, _ in rows})

    @given(event_logs())
    def test_each_customer_in_one_period_is_the_same_recurring_or_not(self, rows):
        first = {}
        for customer, at, _ in sorted(rows, key=lambda row: row[1]):
            first.setdefault(customer, at.date())
        once = [row for row in rows if row[1].date() == first[row[0]]]
        single, recurring = tables(
            once, end_of(rows, 2), DAILY, clm.RetentionDefinition(period="day", entry="recurring")
        )
        np.testing.assert_array_equal(single.retained, recurring.retained)

    @given(event_logs())
    def test_on_or_after_on_own_clocks_is_the_survival_of_last_activity(self, rows):
        # All events a long time before the end: nobody is censored up to the last age at which anybody was active.
        first, last = {}, {}
        for customer, at, _ in rows:
            first[customer], last[customer] = (
                min(at, first.get(customer, at)),
                max(at, last.get(customer, at)),
            )
        span = max((last[customer] - first[customer]) // timedelta(days=1) for customer in first)
        through = end_of(rows, 2 * span + 3)
        later = clm.RetentionDefinition(period="day", clock="own", rule="on_or_after")
        (table,) = tables(rows, through, later)
        days = [(last[customer] - first[customer]) // timedelta(days=1) for customer in first]
        curve = clm.kaplan_meier(clm.Durations(days, [True] * len(days)))
        found = table.curve(average="observed").value
        # Still to come at age k, counted from k on: not lost at any age before.
        expected = [1.0, *(float(curve.at(age - 1)) for age in range(1, span + 1))]
        np.testing.assert_allclose(found[: span + 1], expected, atol=1e-12)


class TestWhatChangesNothing:
    @pytest.mark.parametrize("clock", CLOCKS)
    @pytest.mark.parametrize("rule", RULES)
    @given(rows=event_logs(), seed=st.integers(0, 100))
    def test_order_names_and_repeats(self, rule, clock, rows, seed):
        definition = clm.RetentionDefinition(period="week", rule=rule, clock=clock)
        through = end_of(rows, 5)
        (table,) = tables(rows, through, definition)
        again = [rows[i] for i in np.random.default_rng(seed).permutation(2 * len(rows)) % len(rows)]
        renamed = [(f"x{97 - customer}", at, kind) for customer, at, kind in again]
        (other,) = tables(renamed, through, definition)
        np.testing.assert_array_equal(other.retained, table.retained)
        np.testing.assert_array_equal(other.status, table.status)

    @given(event_logs(), st.integers(1, 30))
    def test_weeks_shift_rows_only(self, rows, weeks):
        definition = clm.RetentionDefinition(period="week")
        later = [(customer, at + timedelta(weeks=weeks), kind) for customer, at, kind in rows]
        (table,), (shifted,) = (tables(some, end_of(some, 2), definition) for some in (rows, later))
        np.testing.assert_array_equal(shifted.retained, table.retained)
        np.testing.assert_array_equal(shifted.cohorts, table.cohorts + np.timedelta64(7 * weeks, "D"))

    @given(event_logs())
    def test_active_is_the_sum_over_cohorts(self, rows):
        # Of flows and of the table: the customers of a day are those of all cohorts at the age that they have then.
        through = end_of(rows, 1)
        (table,) = tables(rows, through, DAILY)
        flows = clm.growth_accounting(log_of(rows), period="day", through=through)
        counts = table.rectangle()
        by_day = [sum(counts[c, d - c] for c in range(d + 1)) for d in range(len(counts))]
        assert flows.active.tolist() == by_day
        assert flows.new.tolist() == table.sizes.tolist()
        assert np.diff(flows.active).tolist() == (flows.new + flows.resurrected - flows.dormant)[1:].tolist()
