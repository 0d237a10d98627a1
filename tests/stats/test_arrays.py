"""Read-only arrays: what is copied, what is refused, what equals what."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clm.errors import InvalidDataError
from clm.stats import floats, frozen_array, is_missing, numbers, refuse, same, where


class TestFrozen:
    def test_an_array_that_nobody_can_write_to_is_taken_as_it_is(self):
        settled = np.arange(3.0)
        settled.setflags(write=False)
        assert frozen_array(settled) is settled
        assert frozen_array(settled[1:]).base is not None

    @pytest.mark.parametrize("dtype", [None, float, np.float32])
    def test_a_writable_array_is_left_alone(self, dtype):
        mine = np.arange(3.0)
        frozen = frozen_array(mine, dtype)
        mine[0] = 9
        assert mine.flags.writeable
        assert not frozen.flags.writeable
        assert frozen[0] == 0

    def test_a_broadcast_view_is_copied(self):
        base = np.zeros(1)
        frozen = frozen_array(np.broadcast_to(base, 3))
        base[0] = 9
        assert frozen.tolist() == [0, 0, 0]

    def test_what_converts_itself_is_not_frozen_with_it(self):
        class Column:
            def __init__(self):
                self.memory = np.arange(3.0)

            def __array__(self, dtype=None, copy=None):
                return self.memory

        column = Column()
        frozen = frozen_array(column)
        column.memory[0] = 9
        assert frozen[0] == 0

    def test_lists(self):
        assert frozen_array([1, 2], float).tolist() == [1.0, 2.0]
        assert not frozen_array([1, 2]).flags.writeable


class TestNumbers:
    def test_any_shape(self):
        assert numbers(3, "x").shape == ()
        assert numbers([[1, 2]], "x").shape == (1, 2)
        assert numbers([], "x").shape == (0,)

    def test_what_is_missing_becomes_nan(self):
        np.testing.assert_array_equal(numbers([None, 1], "x"), [math.nan, 1.0])
        np.testing.assert_array_equal(numbers(np.ma.masked_array([1, 999], mask=[0, 1]), "x"), [1.0, math.nan])

    def test_nullable_columns(self):
        pd = pytest.importorskip("pandas")
        np.testing.assert_array_equal(numbers(pd.array([1, None], dtype="Int64"), "x"), [1.0, math.nan])
        np.testing.assert_array_equal(numbers(pd.Series([pd.NA, 1.0], dtype=object), "x"), [math.nan, 1.0])

    def test_one_dimension(self):
        with pytest.raises(InvalidDataError, match="x must have one dimension, not 2"):
            floats([[1.0]], "x")
        with pytest.raises(InvalidDataError, match="x must have one dimension, not 0"):
            floats(1.0, "x")

    def test_what_float64_cannot_hold_is_infinite(self):
        longest = np.array([np.finfo(np.longdouble).max])
        expected = math.inf if np.finfo(np.longdouble).max > np.finfo(float).max else float(longest[0])
        assert floats(longest, "x")[0] == expected

    @pytest.mark.parametrize("entry", [None, math.nan, np.float32("nan"), np.datetime64("NaT")])
    def test_missing_entries(self, entry):
        assert is_missing(entry)

    @pytest.mark.parametrize("entry", [0, "", "nan", False, np.datetime64("2024-01-01")])
    def test_entries_that_are_there(self, entry):
        assert not is_missing(entry)


class TestRefuse:
    def test_the_place_is_named(self):
        with pytest.raises(InvalidDataError, match=r"^amount is NaN in 2 of 1,001 rows, first at row 3\. Drop them\.$"):
            refuse(np.isin(np.arange(1001), [3, 900]), "amount is NaN", "Drop them.")

    def test_nothing_bad_nothing_raised(self):
        refuse(np.zeros(3, bool), "amount is NaN", "Drop them.")
        refuse(np.zeros(0, bool), "amount is NaN", "Drop them.")

    def test_rows_count_from_0(self):
        assert where(np.array([True, False])) == "in 1 of 2 rows, first at row 0"


class TestSame:
    @pytest.mark.parametrize(
        ("a", "b", "equal"),
        [
            (None, None, True),
            (None, 1.0, False),
            (math.nan, math.nan, True),
            (math.nan, 1.0, False),
            ([1.0, math.nan], [1.0, math.nan], True),
            ([1.0], [1.0, 1.0], False),
            (1.0, [1.0], False),
            ([], [], True),
            (np.array(["NaT"], "datetime64[D]"), np.array(["NaT"], "datetime64[D]"), True),
            (np.array(["a", None], object), np.array(["a", None], object), True),
            (np.array(["a", None], object), np.array(["a", "b"], object), False),
            (np.array(["a", "b"]), np.array([1, 2]), False),
            (np.array([1, 2]), np.array([1.0, 2.0]), True),
        ],
    )
    def test_nan_equals_nan(self, a, b, equal):
        assert same(a, b) is equal
        assert same(b, a) is equal
