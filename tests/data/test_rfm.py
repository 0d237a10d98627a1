"""Purchase histories that are reduced already."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm

GOOD = {"frequency": [2, 0], "recency": [30.43, 0], "T": [38.86, 38.86]}


class TestInputs:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"frequency": [-1, 0]}, "frequency is not a whole number from 0 on in 1 of 2 rows, first at row 0"),
            ({"frequency": [1.5, 0]}, "frequency is not a whole number"),
            ({"frequency": [np.nan, 0]}, "frequency is missing or infinite"),
            ({"recency": [np.inf, 0]}, "recency is missing or infinite"),
            ({"recency": [-1, 0]}, "recency is negative"),
            ({"recency": [39, 0]}, "recency is above T"),
            ({"recency": [30, 1]}, "recency is above 0 without a repeat purchase in 1 of 2 rows, first at row 1"),
            ({"recency": [0, 0]}, "recency is 0 although there are repeat purchases"),
            ({"T": [np.nan, 1]}, "T is missing"),
            ({"T": [40]}, "columns differ in length: frequency 2, recency 2, T 1"),
            ({"T": ["a", "b"]}, "T holds text"),
            ({"T": [[40, 40]]}, "T must have one dimension"),
            ({"monetary": [np.nan, np.nan]}, "monetary is missing for a repeat buyer"),
            ({"monetary": [-1, np.nan]}, "monetary is negative"),
            ({"weights": [1, 0]}, "weights is not positive"),
            ({"customer": ["a", "a"]}, "customer ids repeat"),
            ({"unit": "weeks"}, "Did you mean 'week'"),
            ({"sum_log_gaps": [np.nan, 0]}, "sum_log_gaps is missing or infinite in 1 of 2 rows"),
            ({"sum_log_gaps": [1.0, 0.5]}, "sum_log_gaps is not 0 without a repeat purchase"),
            # Two gaps of 30.43/2 weeks have 2 ln 15.215 = 5.4446; in days the same would be 9.3364.
            ({"sum_log_gaps": [9.33, 0]}, "sum_log_gaps is above that of equal gaps"),
            ({"sum_log_gaps": [5.4]}, "columns differ in length"),
        ],
        ids=str,
    )
    def test_what_no_history_can_be_is_refused(self, change, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.RFM.from_arrays(**{**GOOD, **change})

    def test_the_callers_arrays_are_copied(self):
        frequency = np.array([2.0, 0.0])
        rfm = clm.RFM.from_arrays(**{**GOOD, "frequency": frequency})
        frequency[0] = 9
        assert rfm.frequency[0] == 2
        with pytest.raises(ValueError, match="read-only"):
            rfm.T[0] = 1


class TestConsistency:
    def test_equal_pickled_and_counted(self):
        rfm = clm.RFM.from_arrays(**GOOD, monetary=[5, np.nan], weights=[3, 2], customer=["a", "b"])
        assert pickle.loads(pickle.dumps(rfm)) == rfm
        assert rfm != clm.RFM.from_arrays(**GOOD)
        assert (rfm.n, len(rfm), repr(rfm)) == (5, 2, "<RFM: 5 customers, 3 repeat buyers, unit week>")

    def test_dropped_cannot_be_changed(self):
        with pytest.raises(TypeError):
            clm.RFM.from_arrays(**GOOD).dropped["x"] = 1

    def test_gaps_add_up_in_cells_whatever_the_order(self):
        given = {"frequency": [2, 0, 2, 2], "recency": [6, 0, 6, 6], "T": [9, 9, 9, 9]}
        # Gaps of 3 and 3, of 2 and 4, of 1 and 5.
        gaps = np.log([9.0, 1, 8, 5])
        rfm = clm.RFM.from_arrays(**given, sum_log_gaps=gaps)
        cells = rfm.cells
        assert cells.sum_log_gaps == pytest.approx([0, np.log(360) / 3], abs=1e-9)
        order = [2, 3, 0, 1]
        mixed = clm.RFM.from_arrays(**{k: np.array(v)[order] for k, v in given.items()}, sum_log_gaps=gaps[order])
        assert mixed.cells == cells
        assert cells.cells.sum_log_gaps == pytest.approx(cells.sum_log_gaps, rel=1e-14)
        weighted = clm.RFM.from_arrays([2, 2], [6, 6], [9, 9], sum_log_gaps=np.log([9, 8]), weights=[2, 1])
        assert weighted.cells.sum_log_gaps == pytest.approx([np.log(9 * 9 * 8) / 3], abs=1e-9)
        assert pickle.loads(pickle.dumps(rfm)) == rfm != clm.RFM.from_arrays(**given)
        assert rfm.to_columns()["sum_log_gaps"].tolist() == gaps.tolist()
        with pytest.raises(ValueError, match="read-only"):
            rfm.sum_log_gaps[0] = 1

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
    def test_cells_and_rows_belong_together(self, rows):
        frequency = np.array([x for x, _ in rows], float)
        age = np.array([4.0 + late for _, late in rows])
        rfm = clm.RFM.from_arrays(frequency, np.where(frequency > 0, 2.0, 0.0), age)
        cells = rfm.cells
        np.testing.assert_array_equal(cells.frequency[rfm.cell_of], rfm.frequency)
        np.testing.assert_array_equal(cells.T[rfm.cell_of], rfm.T)
        np.testing.assert_array_equal(np.bincount(rfm.cell_of), cells.weights)
