"""Attempts at a funnel, whole logs at once, against the walk event by event."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journeys import funnel_reference as reference

from clm.journeys._funnel_kernel import FOREIGN, NEVER, Task, Trail, attempts, best, by_customer_and_time, step_times

rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(FOREIGN, 2)), max_size=40)
tasks = st.builds(
    lambda steps, rule, window: Task(tuple(steps), rule, window),
    st.lists(st.integers(0, 2), min_size=2, max_size=4),
    st.sampled_from(["ordered", "strict", "unordered"]),
    st.none() | st.integers(1, 8),
)


def trail(log):
    columns = np.array(log, np.int64).reshape(-1, 3).T
    order = by_customer_and_time(columns[0], columns[1])
    return Trail(columns[0][order], columns[1][order], columns[2][order].astype(np.int16))


class TestConsistency:
    @given(rows, tasks)
    def test_as_the_walk_event_by_event(self, log, task):
        # Steps are numbered by their first place, so that a kind that is no step must be foreign.
        log = [(who, at, kind if kind in task.steps else FOREIGN) for who, at, kind in log]
        ordered = trail(log)
        begin, taken = attempts(ordered, task)
        chosen = best(ordered.customer[begin], taken)
        expected = reference.funnel(log, list(task.steps), task.rule, task.window, 10**9)["best"]
        assert ordered.customer[begin[chosen]].tolist() == list(expected)
        assert taken[chosen].tolist() == [len(steps) for steps in expected.values()]
        when = step_times(ordered, task, begin[chosen])
        assert [[at for at in row if at != NEVER] for row in when.tolist()] == list(expected.values())

    @given(rows, st.lists(st.integers(0, 3), min_size=40, max_size=40))
    def test_rows_are_sorted_as_by_lexsort(self, log, breaker):
        customer, at, _ = np.array(log, np.int64).reshape(-1, 3).T
        tie = np.array(breaker[: len(log)], np.int64)
        np.testing.assert_array_equal(by_customer_and_time(customer, at), np.lexsort([at, customer]))
        np.testing.assert_array_equal(by_customer_and_time(customer, at, (tie,)), np.lexsort([tie, at, customer]))

    @pytest.mark.parametrize("scale", [1, 1_000, 1_000_000, 123_457])
    def test_instants_of_any_grain_are_sorted(self, scale):
        rng = np.random.default_rng(7)
        at = rng.integers(0, 10**9, 3_000) * scale + rng.integers(0, 2) * 17
        at[0], at[1] = np.iinfo(np.int64).min // 4, np.iinfo(np.int64).max // 4  # too far apart to be packed
        customer = rng.integers(0, 50, 3_000)
        for rows in (slice(None), slice(2, None)):
            found = by_customer_and_time(customer[rows], at[rows])
            np.testing.assert_array_equal(found, np.lexsort([at[rows], customer[rows]]))
