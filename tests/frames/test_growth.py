"""Growth accounting, bands of recency and stickiness, and who is behind a cell, on every engine."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.frames.engines import LAZY
from tests.strategies import event_logs

import clm

LOG = {
    "customer_id": [1, 2, 1, 3, 2, 3],
    "at": [date(2025, 1, day) for day in (6, 7, 14, 15, 21, 22)],
}


VISITS = {
    "user": ["ann", "ann", "ann", "bob", "cat", "cat"],
    "ts": [date(2025, month, day) for month, day in ((1, 5), (2, 7), (3, 1), (1, 31), (2, 2), (3, 3))],
}


def columns(rows):
    return dict(zip(("customer_id", "at", "kind"), map(list, zip(*rows, strict=True)), strict=True))


def active_days(rows):
    """Days on which each customer was active, by plain Python."""
    days = {}
    for customer, at, _ in rows:
        days.setdefault(customer, set()).add(at.date())
    return days


class TestInputs:
    def test_start_after_through_is_refused(self, frame):
        with pytest.raises(clm.InvalidDataError, match="lies after through"):
            clm.growth_accounting(frame(LOG), start="2025-02-01", through="2025-01-31")

    def test_a_start_after_the_last_event_needs_through(self, frame):
        log = frame(LOG)
        with pytest.raises(clm.InvalidDataError, match="lies after the end of the log"):
            clm.growth_accounting(log, start="2030-01-01")
        with pytest.raises(clm.InvalidDataError, match="lies after the end of the log"):
            clm.recency_bands(log, [1], start="2030-01-01")
        assert clm.growth_accounting(log, start="2029-12-31", through="2030-01-01").active.tolist() == [0]

    def test_through_before_the_first_event_is_refused(self, frame):
        with pytest.raises(clm.InvalidDataError, match="no row of events can be used"):
            clm.stickiness(frame(LOG), through="2024-12-31")

    def test_more_periods_than_anybody_reads_are_refused(self):
        log = {"customer_id": [1, 1], "at": ["2000-01-01", "2025-01-01"]}
        with pytest.raises(clm.InvalidDataError, match="would be 219,169 periods of one hour"):
            clm.growth_accounting(log, period="hour")

    def test_late_and_null_rows_are_counted(self, frame):
        log = {"customer_id": [1, None, 1, 2], "at": [date(2025, 1, 6), date(2025, 1, 6), None, date(2025, 3, 1)]}
        flows = clm.growth_accounting(frame(log), through="2025-01-12")
        assert flows.dropped == {"null ids": 1, "null times": 1, "after through": 1}
        assert flows.active.tolist() == [1]

    @pytest.mark.parametrize("edges", [[], [3, 1], [1, 1], [-1], "13", 3, [0.5], None])
    def test_edges_that_do_not_ascend_are_refused(self, edges):
        with pytest.raises(clm.InvalidDataError, match="edges"):
            clm.recency_bands(LOG, edges)

    def test_a_column_of_births_must_be_there(self):
        with pytest.raises(clm.InvalidDataError, match="no column 'signed_up'"):
            clm.growth_accounting(LOG, born="signed_up")


class TestGrowth:
    def test_flows(self, frame):
        flows = clm.growth_accounting(frame(LOG), period="week", through="2025-01-26")
        assert flows.periods.tolist() == [date(2025, 1, 6), date(2025, 1, 13), date(2025, 1, 20)]
        assert flows.new.tolist() == [2, 1, 0]
        assert flows.retained.tolist() == [0, 1, 1]
        assert flows.resurrected.tolist() == [0, 0, 1]
        assert flows.dormant.tolist() == [0, 1, 1]
        assert flows.status.tolist() == ["complete"] * 3

    def test_the_last_period_may_be_running(self):
        flows = clm.growth_accounting(LOG, through="2025-01-25")
        assert flows.status.tolist() == ["complete", "complete", "in_progress"]
        assert "still running" in flows.quick_ratio().undefined[2]
        assert np.isnan(flows.retention().value[2])

    def test_who_was_born_earlier_is_resurrected(self, frame):
        log = LOG | {"signed_up": [date(2025, 1, 6), date(2024, 12, 1), None, date(2025, 3, 1), None, None]}
        flows = clm.growth_accounting(frame(log), born="signed_up", through="2025-01-26")
        # 2 was born in December; 3's stated birth lies after his first event, which counts instead.
        assert flows.new.tolist() == [1, 1, 0]
        assert flows.resurrected.tolist() == [1, 0, 1]

    def test_quick_ratio_and_retention(self):
        # Second week: 3 is new, 1 retained, 2 dormant.
        flows = clm.growth_accounting(LOG, through="2025-01-26")
        ratio = flows.quick_ratio()
        assert ratio.value[1:].tolist() == [1, 1]
        assert ratio.undefined[0] == "nobody was lost"
        interval = ratio.confidence_interval()
        # Clopper-Pearson for 1 of 2 is .0126 to .9874, as odds .01274 to 78.5.
        assert (interval.low[1], interval.high[1]) == pytest.approx((0.012739, 78.498), rel=1e-3)
        assert flows.retention().value[1:].tolist() == [1 / 2, 1 / 2]
        assert flows.retention().undefined[0] == "nobody was active before"

    @given(event_logs(), st.sampled_from([None, date(2024, 4, 1)]))
    def test_flows_are_those_of_plain_sets(self, rows, start):
        through = max(at for _, at, _ in rows).date() + timedelta(days=2)
        flows = clm.growth_accounting(columns(rows), period="day", start=start, through=max(through, date(2024, 4, 2)))
        days = active_days(rows)
        for row, day in enumerate(flows.periods.tolist()):
            before = day - timedelta(days=1)
            new = sum(min(active) == day for active in days.values())
            retained = sum({before, day} <= active for active in days.values())
            back = sum(day in active and before not in active and min(active) < day for active in days.values())
            gone = sum(before in active and day not in active for active in days.values())
            found = (flows.new[row], flows.retained[row], flows.resurrected[row], flows.dormant[row])
            assert found == (new, retained, back, gone)

    @pytest.mark.parametrize("engine", LAZY)
    @settings(max_examples=10)
    @given(rows=event_logs())
    def test_lazy_frames_give_the_same(self, engine, rows):
        pytest.importorskip("pyarrow")
        lazy, log = LAZY[engine](columns(rows), None), columns(rows)
        assert clm.growth_accounting(lazy, period="day") == clm.growth_accounting(log, period="day")
        assert clm.stickiness(lazy, start="2024-03-01", through="2024-12-31") == clm.stickiness(
            log, start="2024-03-01", through="2024-12-31"
        )

    def test_weeks_shift_rows_only_and_repeats_change_nothing(self):
        later = {"customer_id": LOG["customer_id"] * 2, "at": [day + timedelta(weeks=5) for day in LOG["at"]] * 2}
        plain, shifted = clm.growth_accounting(LOG), clm.growth_accounting(later)
        for flow in ("new", "retained", "resurrected", "dormant"):
            assert getattr(plain, flow).tolist() == getattr(shifted, flow).tolist()

    def test_it_goes_out_as_a_frame(self):
        out = clm.growth_accounting(LOG, period="hour", through="2025-01-06T03:30").to_columns()
        assert out["period"].dtype == "M8[us]"
        assert out["active"].tolist() == [1, 0, 0, 0]


class TestRecency:
    def test_everybody_known_is_in_one_band(self, frame):
        found = clm.recency_bands(frame(LOG), [0, 1], through="2025-02-02")
        assert found.counts.tolist() == [[2, 0, 0], [2, 1, 0], [2, 1, 0], [0, 2, 1]]
        assert found.bands == ((0, 0), (1, 1), (2, None))
        assert found.shares().value[3].tolist() == pytest.approx([0, 2 / 3, 1 / 3])

    @given(event_logs(), st.sampled_from([[0], [0, 2], [1, 3, 9]]))
    def test_bands_are_those_of_plain_sets(self, rows, edges):
        found = clm.recency_bands(columns(rows), edges, period="day", start="2024-04-01", through="2024-06-30")
        days = active_days(rows)
        for row, day in enumerate(found.periods.tolist()):
            since = [
                min((day - other).days for other in active if other <= day)
                for active in days.values()
                if min(active) <= day
            ]
            expected = [
                sum(low <= age <= (10**6 if high is None else high) for age in since) for low, high in found.bands
            ]
            assert found.counts[row].tolist() == expected


class TestStickiness:
    def test_exactly_and_at_least(self, frame):
        found = clm.stickiness(frame(LOG), period="week", through="2025-01-26")
        assert dict(found.counts) == {2: 3}
        assert dict(found.at_least) == {1: 3, 2: 3}
        assert found.active.tolist() == [2, 2, 2]
        assert found.ratio().value == pytest.approx(2 / 3)

    def test_earlier_rows_do_not_count(self, frame):
        found = clm.stickiness(frame(LOG), period="week", start="2025-01-13", through="2025-01-26")
        assert dict(found.counts) == {1: 2, 2: 1}
        assert found.dropped == {"before start": 2}

    def test_one_customer_has_no_spread(self):
        ratio = clm.stickiness({"customer_id": [1], "at": ["2025-01-01"]}).ratio()
        assert ratio.value == 1
        assert np.isnan(ratio.confidence_interval().low)


class TestCustomersBehindACell:
    def ask(self, frame, definition, **cell):
        asked = {"through": "2025-03-31", "customer": "user", "at": "ts"} | cell
        return clm.retention_customers(frame, definition, **asked).tolist()

    @pytest.mark.parametrize("entry", ["first", "recurring"])
    def test_names(self, frame, entry):
        monthly, log = clm.RetentionDefinition(period="month", entry=entry), frame(VISITS)
        assert self.ask(log, monthly, cohort="2025-01-01", age=1) == ["ann"]
        assert self.ask(log, monthly, cohort="2025-01-15", age=1, retained=False) == ["bob"]
        assert self.ask(log, monthly, cohort="2025-01", age=0) == ["ann", "bob"]

    def test_on_own_clocks(self, frame):
        own = clm.RetentionDefinition(period="month", clock="own")
        # Bob's second month ends with March: 2025-01-31 and 60 days.
        assert self.ask(frame(VISITS), own, cohort="2025-01-01", age=1, through="2025-03-30") == ["ann"]
        assert self.ask(frame(VISITS), own, cohort="2025-01-01", age=1, through="2025-03-30", retained=False) == []
        assert self.ask(frame(VISITS), own, cohort="2025-01-01", age=1, through="2025-03-31", retained=False) == ["bob"]

    def test_cells_that_are_not_there_are_refused(self):
        monthly = clm.RetentionDefinition(period="month")
        for cell, message in [
            ({"cohort": "2025-03-01", "age": 1}, "has not been observed"),
            ({"cohort": "2024-03-01", "age": 1}, "not one of the cohorts"),
            ({"cohort": "2025-01-01", "age": 9}, "age=9 lies outside"),
            ({"cohort": "2025-01-01", "age": 1.5}, "age"),
            ({"cohort": "2025-01-01", "age": 1, "retained": "yes"}, "retained='yes'"),
        ]:
            with pytest.raises(clm.InvalidDataError, match=message):
                self.ask(VISITS, monthly, **cell)

    @given(
        event_logs(), st.sampled_from(["first", "recurring"]), st.sampled_from(["calendar", "own"]), st.integers(0, 4)
    )
    def test_they_are_as_many_as_the_cell_says(self, rows, entry, clock, age):
        definition = clm.RetentionDefinition(entry=entry, clock=clock, rule="on_or_after")
        table = clm.retention_table(columns(rows), definition, through="2024-07-01")
        for row, cohort in enumerate(table.cohorts):
            if age < len(table.ages) and table.status[row, age] != "unobserved":
                there = clm.retention_customers(columns(rows), definition, cohort=cohort, age=age, through="2024-07-01")
                gone = clm.retention_customers(
                    columns(rows), definition, cohort=cohort, age=age, retained=False, through="2024-07-01"
                )
                assert len(there) == table.retained[row, age]
                assert len(there) + len(gone) == table.observed[row, age]
