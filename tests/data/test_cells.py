"""Collapsing repeated histories: nothing is lost, nothing is merged that differs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm.data import RFM
from clm.data._cells import _sorted, distinct
from clm.data._time import DAYS

UNITS = sorted(DAYS)


@st.composite
def histories(draw):
    """Histories on a grid of `step` per unit, or anywhere."""
    unit = draw(st.sampled_from(UNITS))
    per_unit = draw(st.sampled_from([1.0, 7.0, 24.0, 168.0, 365.25, 30.4375, 0.3, 11.1]))
    rows = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30))
    x = np.array([row[0] if row[1] else 0 for row in rows], float)
    recency = np.array([row[1] if row[0] else 0 for row in rows], float)
    age = recency + np.array([row[2] for row in rows], float)
    return x, recency / per_unit, age / per_unit, unit


class TestConsistency:
    @given(histories())
    def test_counting_and_sorting_agree(self, columns):
        *arrays, unit = columns
        rows, cell_of = distinct(*arrays, unit)
        by_sort, same_cell = _sorted(*arrays)
        for column in arrays:
            assert np.array_equal(column[rows], column[by_sort])
            assert np.array_equal(column[rows][cell_of], column)
        assert np.array_equal(cell_of, same_cell)

    @given(histories())
    def test_cells_keep_every_customer(self, columns):
        x, recency, age, unit = columns
        rfm = RFM.from_arrays(x, recency, age, unit=unit)
        cells = rfm.cells
        assert cells.weights.sum() == len(rfm)
        assert np.array_equal(cells.weights, np.bincount(rfm.cell_of))
        keys = np.stack([cells.frequency, cells.recency, cells.T])
        assert np.array_equal(keys, np.unique(keys, axis=1))

    def test_weights_add_up(self):
        rfm = RFM.from_arrays([1, 0, 1], [2, 0, 2], [5, 5, 5], weights=[2, 3, 4], unit="day")
        assert np.array_equal(rfm.cells.weights, [3, 6])
        assert np.array_equal(rfm.cell_of, [1, 0, 1])

    def test_times_a_bit_apart_stay_apart(self):
        beside = np.nextafter(5.0, 6.0)
        rfm = RFM.from_arrays([0, 0], [0, 0], [5.0, beside], unit="week")
        assert len(rfm.cells) == 2

    def test_cells_of_cells_are_themselves(self):
        cells = RFM.from_arrays([2, 0, 2], [3, 0, 3], [9, 9, 9], unit="day").cells
        assert np.array_equal(cells.cells.weights, cells.weights)


class TestInputs:
    def test_nobody(self):
        rows, cell_of = distinct(*(np.empty(0),) * 3, "day")
        assert rows.size == cell_of.size == 0

    @pytest.mark.parametrize("x", [1e9, 1e12, 1e300])
    def test_a_huge_frequency_takes_no_huge_table(self, x):
        rows, cell_of = distinct(np.array([x, 0.0]), np.array([1.0, 0.0]), np.array([2.0, 2.0]), "day")
        assert np.array_equal(rows, [1, 0])
        assert np.array_equal(cell_of, [1, 0])

    def test_a_very_long_history_takes_no_huge_table(self):
        rows, _ = distinct(np.array([1.0, 0.0]), np.array([1e9, 0.0]), np.array([2e9, 2e9]), "day")
        assert np.array_equal(rows, [1, 0])

    def test_rows_that_no_history_can_have_do_not_crash(self):
        columns = (np.array([1.0, np.nan, -1.0]), np.array([3.0, np.nan, 0.0]), np.array([2.0, np.nan, -5.0]))
        rows, cell_of = distinct(*columns, "day")
        assert sorted(rows) == sorted(cell_of) == [0, 1, 2]
