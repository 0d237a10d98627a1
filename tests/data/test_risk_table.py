"""Counts of who was at risk and who was lost, by age."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import durations

import clm


def by_hand(data):
    """The definition, row by row."""
    entry = np.zeros(len(data)) if data.entry is None else data.entry
    weights = np.ones(len(data)) if data.weights is None else data.weights
    seen = (data.durations > entry) | (entry <= 0)
    ends, entry, lost, weights = data.durations[seen], entry[seen], data.observed[seen], weights[seen]
    ages = np.unique(np.concatenate([ends, entry[entry > 0]]))
    at_risk = [weights[((entry < age) | (entry <= 0)) & (age <= ends)].sum() for age in ages]
    return ages, np.array([weights[(ends == age) & lost].sum() for age in ages]), np.array(at_risk)


class TestInputs:
    def test_nobody(self):
        assert [len(column) for column in clm.Durations([], []).risk_table()] == [0, 0, 0]

    def test_columns_are_read_only(self):
        for column in clm.Durations([3, 5], [True, False]).risk_table():
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 9


class TestConsistency:
    @given(durations(max_size=40))
    def test_it_is_the_definition(self, data):
        for ours, theirs in zip(data.risk_table(), by_hand(data), strict=True):
            assert ours == pytest.approx(theirs)

    @given(durations(max_size=40), st.sampled_from(["week", "month", "year", "hour"]))
    def test_whole_days_in_another_unit_are_counted_alike(self, data, unit):
        days = clm.data.DAYS[unit]
        other = clm.Durations(
            data.durations / days,
            data.observed,
            entry=None if data.entry is None else data.entry / days,
            weights=data.weights,
            unit=unit,
        )
        ages, lost, at_risk = other.risk_table()
        assert set(ages) <= set(other.durations) | set(() if other.entry is None else other.entry)
        assert [lost.tolist(), at_risk.tolist()] == [column.tolist() for column in data.risk_table()[1:]]

    def test_many_rows_and_far_ages(self):
        rng = np.random.default_rng(3)
        ends = rng.integers(0, 500, 200_000).astype(float)
        lost = rng.random(200_000) < 0.4
        ages, losses, at_risk = clm.Durations(ends, lost).risk_table()
        assert losses.tolist() == np.bincount(ends.astype(int), lost).tolist()
        assert at_risk[0] == 200_000
        far = clm.Durations(np.append(ends, 1e12), np.append(lost, True))  # one more loss
        assert far.risk_table()[0].tolist() == [*ages.tolist(), 1e12]
        assert far.risk_table()[2].tolist() == [*(at_risk + 1).tolist(), 1]

    def test_counts_are_whole_where_weights_are(self):
        whole = clm.Durations([1, 2], [True, True], weights=[2.0, 3.0]).risk_table()
        assert whole[1].dtype == whole[2].dtype == np.int64
        part = clm.Durations([1, 2], [True, True], weights=[0.1, 0.2]).risk_table()
        assert part[2][-1] == part[1][-1]
