"""Answers counted on their scale, and refused off it."""

import pickle
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clm
from clm.errors import InvalidDataError
from clm.satisfaction import Answers

NPS = clm.Scale.nps()


def tally(values, scale=NPS, **options):
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    return Answers.tally(array, scale, **options)


class TestInputs:
    @pytest.mark.parametrize("counts", [[0, 1, 2], [0] * 11 + [-1], [-3] + [0] * 11])
    def test_counts_that_do_not_fit_the_scale(self, counts):
        with pytest.raises(InvalidDataError, match="answers on 0 to 10 are 12 counts from 0 on"):
            Answers(scale=NPS, cells=clm.satisfaction.Cells(counts=counts))

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (np.array([10, 11, 12]), r"2 of 3 rows, first at row 1: 11 is above it"),
            (np.array([10, -1]), r"1 of 2 rows, first at row 1: -1 is below it"),
            (np.array([6.5, 8.0, 8.5]), r"2 of 3 rows, first at row 0: 6.5 lies between its points"),
            (np.array([np.inf]), r"first at row 0: inf is above it"),
            (np.array([9, 2**64 - 1], np.uint64), r"first at row 1: 18446744073709551615 is above it"),
            ([10, "9"], r"1 of 2 rows, first at row 1: '9' is text, not a number"),
            ([10, True], r"first at row 1: True is a boolean, not a number"),
            ([10, np.True_], r"first at row 1: True is a boolean"),
            ([10, b"9"], r"first at row 1: b'9' is text"),
            ([10, [9]], r"first at row 1: \[9\] is no number"),
            ([10, 9 + 0j], r"first at row 1: \(9\+0j\) is no number"),
            ([10, 10**400], r"first at row 1: 10+\.\.\. is no number"),
            (np.array([True, False]), r"2 of 2 rows, first at row 0: True is a boolean"),
            (np.array(["2025-01-01"], "M8[D]"), r"first at row 0: datetime.date\(2025, 1, 1\) is no number"),
        ],
    )
    def test_an_answer_off_the_scale_names_the_row(self, values, message):
        with pytest.raises(InvalidDataError, match=rf"answer is not on the scale 0 to 10 in .*{message}"):
            tally(values)

    def test_a_late_row_in_a_long_column_is_found(self):
        values = np.zeros(200_001, np.int8)
        values[200_000] = 99
        with pytest.raises(InvalidDataError, match=r"in 1 of 200,001 rows, first at row 200000: 99 is above it"):
            tally(values)

    def test_off_the_scale_can_count_as_missing(self):
        answers = tally([10, 11, "x", True, 6.5, None], off_scale="missing")
        assert answers.n == 1
        assert answers.missing == 5
        assert answers.off_scale == 4

    def test_missing_can_be_refused(self):
        with pytest.raises(InvalidDataError, match=r"answer is missing in 2 of 4 rows, first at row 1"):
            tally([10, None, 3, np.nan], missing="raise")
        with pytest.raises(InvalidDataError, match=r"answer is missing in 1 of 2 rows, first at row 1"):
            tally([10, 11], missing="raise", off_scale="missing")
        with pytest.raises(InvalidDataError, match="answer is missing in 2 of 5 rows"):
            Answers.from_counts({10: 3, None: 2}, NPS, missing="raise")

    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ([1, -1], r"weight is not positive in 1 of 2 rows, first at row 1"),
            ([0, 1], r"weight is not positive in 1 of 2 rows, first at row 0"),
            ([1, np.nan], "weight is not positive"),
            ([1, np.inf], "weight is not positive"),
            ([1, 1e300], "weight is not between 1e-100 and 1e[+]100 in 1 of 2 rows, first at row 1"),
            ([1], "weights has 1 entries, answers 2"),
            (["a", "b"], "weights holds text"),
            ([True, True], "weights holds booleans"),
            ([[1, 1]], "one dimension"),
        ],
    )
    def test_weights_that_are_none(self, weights, message):
        with pytest.raises(InvalidDataError, match=message):
            tally([1, 2], weights=weights)

    @pytest.mark.parametrize("options", [{"missing": "ignore"}, {"off_scale": "drop"}, {"scale": 5}])
    def test_options_that_are_none(self, options):
        with pytest.raises(InvalidDataError, match=r"is not one of|must be a clm\.Scale"):
            tally([1, 2], **options)

    @pytest.mark.parametrize("count", [-1, 1.5, True, "3", None, np.nan])
    def test_counts_that_are_none(self, count):
        with pytest.raises(InvalidDataError, match="whole number from 0 on"):
            Answers.from_counts({10: count}, NPS)

    def test_counted_answers_off_the_scale(self):
        with pytest.raises(InvalidDataError, match="in 2 of 5 rows, for example: 11 is above it"):
            Answers.from_counts({10: 3, 11: 2}, NPS)
        assert Answers.from_counts({10: 3, 11: 2}, NPS, off_scale="missing").off_scale == 2


class TestConsistency:
    def test_tenths_may_be_stored_in_32_bits(self):
        tenths = clm.Scale(0, 1, step=0.1, top=0.8)
        points = np.array(tenths.points)
        short = points.astype(np.float32)
        for values in (points, short, short.astype(float), short.astype(float).astype(object)):
            assert tally(values, tenths).counts.tolist() == [1] * 11
        assert clm.csat(pl.LazyFrame({"score": short}), scale=tenths).counts.tolist() == [1] * 11
        with pytest.raises(InvalidDataError, match=r"lies between its points"):
            tally(np.array([0.1000001]), tenths)

    @pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u8", "f2", "f4", "f8", object])
    def test_every_kind_of_number_counts_alike(self, dtype):
        values = np.array([0, 6, 7, 10, 10], dtype)
        assert tally(values).counts.tolist() == [1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 2]

    def test_numbers_of_several_classes(self):
        values = [9, 9.0, np.float32(9), np.int8(9), Decimal(9), Decimal("NaN"), None, float("nan")]
        assert tally(values).counts[9] == 5
        assert tally(values).missing == 3

    def test_names_of_points(self):
        answers = tally(["good", " Bad", "GOOD", None, 1], clm.Scale.zendesk())
        assert answers.counts.tolist() == [1, 3]
        with pytest.raises(InvalidDataError, match="'offered' is text, and none of its names bad, good"):
            tally(["offered"], clm.Scale.zendesk())

    def test_steps_and_scales_below_zero(self):
        half = tally(np.array([0.5, 4.5, 5.0]), clm.Scale(0.5, 5, step=0.5))
        assert half.counts[[0, 8, 9]].tolist() == [1, 1, 1]
        tenth = tally(np.array([0.1, 0.2, 0.1 + 0.2]), clm.Scale(0, 1, step=0.1, bottom=0.2, top=0.8))
        assert tenth.counts[[1, 2, 3]].tolist() == [1, 1, 1]
        signed = tally(np.array([-2, 0, 2, 2]), clm.Scale(-2, 2))
        assert signed.counts.tolist() == [1, 0, 1, 0, 2]

    def test_the_input_is_left_alone(self):
        values = np.array([3.0, np.nan, 10.0])
        before = values.copy()
        tally(values, blank=np.array([True, False, False]))
        assert np.array_equal(values, before, equal_nan=True)

    @given(st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=60), st.sampled_from(["drop", "neutral"]))
    def test_counted_rows_and_given_counts_agree(self, values, missing):
        counts = {value: values.count(value) for value in set(values)}
        assert Answers.from_counts(counts, NPS, missing=missing) == tally(values, missing=missing)

    @given(hnp.arrays(np.int64, st.integers(0, 100), elements=st.integers(0, 10)), st.randoms())
    def test_row_order_does_not_matter(self, values, random):
        shuffled = values.tolist()
        random.shuffle(shuffled)
        assert tally(np.array(shuffled, np.int64)) == tally(values)

    def test_equal_weights_have_all_respondents_effective(self):
        answers = tally(np.array([1, 5, 9, 10]), weights=np.full(4, 2.5))
        assert answers.sides().effective_n == pytest.approx(4)
        assert answers.without_weights() == tally(np.array([1, 5, 9, 10]))

    def test_kish(self):
        # The square of the sum, 16, over the sum of the squares, 6.
        assert tally(np.array([1, 5, 9]), weights=[1, 1, 2]).sides().effective_n == pytest.approx(16 / 6)

    def test_they_pickle_and_stay_read_only(self):
        answers = tally(np.array([1, 5, 9]), weights=[1, 1, 2])
        again = pickle.loads(pickle.dumps(answers))
        assert again == answers
        with pytest.raises(ValueError, match="read-only"):
            again.cells.counts[0] = 7
        with pytest.raises(ValueError, match="read-only"):
            answers.counts[0] = 7
