"""Customer ids as numbers, for the modules that count by customer."""

import numpy as np
import pytest
from tests.frames.engines import ENGINES

from clm.frames._ids import BLANK, NULL, identify
from clm.frames._source import open_table

EAGER = [name for name in ENGINES if "duckdb" not in name and "lazy" not in name]


def ids_of(engine, values):
    return identify(open_table(ENGINES[engine]({"customer_id": values}, None), {}, required=("customer",)))


@pytest.mark.parametrize("engine", EAGER)
class TestConsistency:
    def test_text(self, engine):
        ids = ids_of(engine, ["b", " ", None, "a", "", "b"])
        assert ids.keys.tolist() == [1, BLANK, NULL, 0, BLANK, 1]
        assert (ids.distinct.tolist(), ids.size) == (["a", "b"], 2)
        assert ids.labels(np.array([1, 0])).tolist() == ["b", "a"]

    def test_whole_numbers(self, engine):
        ids = ids_of(engine, [40, None, -2, 40])
        assert ids.labels(ids.keys[[0, 2, 3]]).tolist() == [40, -2, 40]
        assert ids.keys[1] == NULL
        dense = ids.dense()
        assert dense.keys.tolist() == [1, NULL, 0, 1]
        assert dense.labels(dense.keys[[0, 2]]).tolist() == [40, -2]

    def test_numbers_far_apart(self, engine):
        ids = ids_of(engine, [2**60, -(2**60), 2**60])
        assert ids.keys.tolist() == [1, 0, 1]
        assert ids.labels(ids.keys).tolist() == [2**60, -(2**60), 2**60]

    def test_no_row_and_no_id(self, engine):
        assert ids_of(engine, [None, None]).keys.tolist() == [NULL, NULL]
        assert ids_of(engine, ["", None]).dense().keys.tolist() == [BLANK, NULL]
