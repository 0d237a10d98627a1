"""Results as pandas, Polars and Arrow frames."""

import sys

import numpy as np
import pytest

import clm

LIBRARIES = ["pandas", "polars", "pyarrow"]


def rows(frame):
    """Read any of the three frames as a list of dictionaries."""
    if hasattr(frame, "to_pylist"):
        return frame.to_pylist()
    return frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict("records")


@pytest.fixture
def shares():
    return clm.stats.proportion([8, 0], [10, 0], name="share", definition="Share.", index=["a", "b"])


class TestInputs:
    def test_unknown_library_names_the_nearest(self, shares):
        with pytest.raises(clm.InvalidDataError, match="Did you mean 'pandas'"):
            clm.to_frame(shares, "panda")

    @pytest.mark.parametrize("thing", [3, "text", None, {1: [2]}])
    def test_what_has_no_columns_is_refused(self, thing):
        with pytest.raises(clm.InvalidDataError, match="no columns"):
            clm.to_frame(thing, "pandas")

    def test_columns_of_different_length_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match=r"a \(2,\), b \(1,\)"):
            clm.to_frame({"a": [1, 2], "b": [1]}, "pandas")

    def test_a_missing_library_names_its_extra(self, shares, monkeypatch):
        monkeypatch.setitem(sys.modules, "polars", None)
        with pytest.raises(clm.MissingExtraError, match=r"clm\[polars\]"):
            clm.to_frame(shares, "polars")

    def test_a_matrix_belongs_to_a_table(self):
        matrix = clm.Estimate(value=np.zeros((2, 2)), n=1, name="rate", unit="fraction", definition="Rate.")
        with pytest.raises(clm.InvalidDataError, match="matrix"):
            clm.to_frame(matrix, "pandas")


@pytest.mark.parametrize("library", LIBRARIES)
class TestConsistency:
    def test_cells_keep_their_index_limits_and_reasons(self, shares, library):
        pytest.importorskip(library)
        first, second = rows(clm.to_frame(shares, library))
        low, high = shares.confidence_interval()
        assert first["index"] == "a"
        assert (first["value"], first["low"], first["high"], first["n"]) == (0.8, low[0], high[0], 10)
        # pandas has NaN for text that is not there, the others have None.
        assert first["undefined"] is None or first["undefined"] != first["undefined"]
        assert second["undefined"] == shares.undefined[1]

    def test_a_single_number_is_one_row(self, library):
        pytest.importorskip(library)
        (row,) = rows(clm.to_frame(clm.nps([10, 9, 8, 3]), library))
        assert row["value"] == 25.0

    def test_histories(self, library):
        pytest.importorskip(library)
        orders = {"customer_id": ["x", "x", "y"], "at": ["2025-01-02", "2025-01-09", "2025-01-03"], "amount": [1, 2, 3]}
        first, second = rows(clm.to_frame(clm.rfm(orders, amount="amount"), library))
        assert (first["customer"], first["frequency"], first["recency"]) == ("x", 1.0, 1.0)
        assert (second["customer"], second["value_total"]) == ("y", 3.0)

    def test_a_mapping_with_instants_and_an_empty_column(self, library):
        pytest.importorskip(library)
        columns = {"at": np.array(["2025-01-02", "NaT"], "datetime64[us]"), "ref": np.array([None, None], object)}
        frame = clm.to_frame(columns, library)
        first, second = rows(frame)
        assert first["at"].year == 2025
        assert second["at"] is None or second["at"] != second["at"]
        assert list(frame.column_names if library == "pyarrow" else frame.columns) == ["at", "ref"]

    def test_nothing_is_shared_with_the_result(self, library):
        pytest.importorskip(library)
        values = np.array([1.0, 2.0])
        frame = clm.to_frame({"a": values}, library)
        if library == "pandas":
            frame.loc[0, "a"] = 99.0
        assert values.tolist() == [1.0, 2.0]
