"""Conditions as they are written, compared and kept."""

from __future__ import annotations

import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from tests.strategies import guards

from clm import InvalidDataError, when
from clm.core import guard_from_dict


class TestInputs:
    @pytest.mark.parametrize(
        "use",
        [
            lambda: (when.amount > 1) and (when.score > 1),
            lambda: (when.amount > 1) or (when.score > 1),
            lambda: not (when.amount > 1),
            lambda: bool(when.amount > 1),
            lambda: bool((when.amount > 1) & (when.score > 1)),
            lambda: bool(when.amount),
            lambda: not when.channel,
            lambda: 1 < when.amount < 5,
            lambda: when.amount in {1, 2},
        ],
    )
    def test_plain_and_or_not_raise(self, use):
        with pytest.raises(TypeError):
            use()

    def test_the_error_says_what_to_write(self):
        with pytest.raises(TypeError, match=r"combine conditions with & \| ~"):
            bool(when.amount > 1)

    @pytest.mark.parametrize("value", ["1", None, True, float("nan"), float("inf"), b"1", when.score, when.amount > 1])
    def test_numbers_are_compared_with_finite_numbers(self, value):
        with pytest.raises(InvalidDataError, match=r"when\.amount is compared with a finite number"):
            when.amount >= value  # noqa: B015  # it raises

    @pytest.mark.parametrize("value", [1, None, when.amount])
    def test_channels_are_compared_with_text(self, value):
        with pytest.raises(InvalidDataError, match=r"when\.channel is compared with text"):
            when.channel == value  # noqa: B015  # it raises

    def test_channels_have_no_order(self):
        with pytest.raises(TypeError):
            when.channel > "a"  # noqa: B015  # it raises

    def test_brackets_that_are_missing_are_asked_for(self):
        with pytest.raises((InvalidDataError, TypeError)):
            when.amount >= 100 & when.score  # noqa: B015  # it raises
        with pytest.raises(InvalidDataError, match="brackets around each comparison"):
            (when.amount >= 100) & 5

    @pytest.mark.parametrize("kind", ["", None, 5, "timeout"])
    def test_counts_and_totals_are_of_a_kind(self, kind):
        for register in (when.count, when.total):
            with pytest.raises(InvalidDataError):
                register(kind)


class TestConsistency:
    def test_numbers_of_any_type_are_floats(self):
        assert len({when.amount >= five for five in (5, 5.0, Decimal(5), Fraction(5), np.float64(5), np.int8(5))}) == 1
        assert isinstance((when.amount >= Decimal("0.1")).value, float)

    def test_a_constant_may_stand_on_the_left(self):
        assert (when.count("k") >= 2) == (2 <= when.count("k"))  # noqa: SIM300  # that is the point

    @given(guards())
    def test_writing_and_reading_gives_the_same(self, guard):
        assert guard_from_dict(guard.to_dict()) == guard
        assert pickle.loads(pickle.dumps(guard)) == guard
        assert hash(guard_from_dict(guard.to_dict())) == hash(guard)
        assert eval(repr(guard), {"when": when}) == guard
        assert str(guard)

    @given(guards(), guards())
    def test_different_conditions_are_told_apart(self, first, second):
        assert (first == second) == (first.to_dict() == second.to_dict())
        assert (first & second) != (first | second)
        assert ~first != first
