"""From order logs to purchase histories."""

# ruff: noqa: DTZ001  # wall times are what is tested

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.frames.engines import LAZY
from tests.frames.reference import end_of, histories, instant
from tests.strategies import order_logs

import clm
from clm.frames._gaps import SCALE

ARRAYS = ("customer", "frequency", "recency", "T", "monetary", "first", "value_first", "value_total")
CDNOW_END = "1997-09-30"


@pytest.fixture(scope="session")
def cdnow():
    orders = clm.datasets.cdnow()
    return {
        "customer_id": np.asarray(orders["customer_id"]).tolist(),
        "at": np.asarray(orders["at"]).astype("M8[D]").tolist(),
        "amount": np.asarray(orders["amount"]).tolist(),
    }


def orders(rows):
    """Columns of rows (id, time, amount)."""
    return dict(zip(("customer_id", "at", "amount"), map(list, zip(*rows, strict=True)), strict=True))


class TestInputs:
    def test_a_missing_column_names_those_there_are_and_the_nearest(self):
        with pytest.raises(
            clm.InvalidDataError,
            match=r"no column 'amont'. It has 'customer_id', 'at', 'amount'. Did you mean 'amount'",
        ):
            clm.rfm(orders([("ann", "2025-01-01", 1.0)]), amount="amont")

    def test_a_column_named_both_ways_is_an_error(self):
        log = clm.Source(orders([("ann", "2025-01-01", 1.0)]), at="at")
        with pytest.raises(clm.InvalidDataError, match="at= is named twice"):
            clm.rfm(log, at="at")

    def test_null_and_blank_ids_and_null_times_are_dropped_and_counted(self, frame):
        log = orders(
            [
                ("ann", date(2025, 1, 1), 1.0),
                (None, date(2025, 1, 2), 1.0),
                (" \u00a0", date(2025, 1, 3), 1.0),
                ("ann", None, 1.0),
            ]
        )
        rfm = clm.rfm(frame(log), through="2025-01-31")
        # A CSV file cannot tell a null text from an empty one, but from a blank one it can.
        assert rfm.dropped == {"null ids": 1, "blank ids": 1, "null times": 1}
        assert rfm.customer.tolist() == ["ann"]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
    def test_missing_and_infinite_amounts_are_refused(self, typed_frame, bad):
        log = orders([(1, date(2025, 1, 1), 1.0), (2, date(2025, 1, 2), bad)])
        with pytest.raises(clm.InvalidDataError, match=r"missing or infinite in 1 of 2 rows"):
            clm.rfm(typed_frame(log))

    def test_an_amount_in_a_row_that_is_dropped_anyway_may_be_missing(self, frame):
        log = orders([(1, date(2025, 1, 1), 1.0), (None, None, None), (2, date(2026, 1, 1), None)])
        assert clm.rfm(frame(log), through="2025-12-31").n == 1

    def test_the_first_bad_amount_is_named(self):
        log = orders([(1, "2025-01-01", 1.0), (None, "2025-01-01", 1.0), (1, "2025-01-02", np.inf)])
        with pytest.raises(clm.InvalidDataError, match="first at row 2"):
            clm.rfm(log)

    def test_unparsable_dates_name_the_first_row(self, typed_frame):
        log = orders([("ann", "2025-01-01", 1.0), ("ann", "01/02/2025", 1.0)])
        with pytest.raises(clm.InvalidDataError, match="'01/02/2025' at row 1"):
            clm.rfm(typed_frame(log))

    def test_mixed_zones_are_an_error(self):
        log = orders([(1, datetime(2025, 1, 1), 1.0), (1, datetime(2025, 1, 2, tzinfo=UTC), 1.0)])
        with pytest.raises(clm.InvalidDataError, match="with and without a zone, first at row 1"):
            clm.rfm(log)

    def test_rows_outside_start_and_through_are_counted(self, frame):
        log = orders([(1, date(2025, 1, day), 1.0) for day in (1, 5, 9)])
        rfm = clm.rfm(frame(log), start="2025-01-02", through="2025-01-08")
        assert rfm.dropped == {"before start": 1, "after through": 1}
        assert rfm.first.tolist() == [datetime(2025, 1, 5)]

    def test_no_rows_is_an_error_that_says_so(self, typed_frame):
        pa = pytest.importorskip("pyarrow")
        empty = {
            "customer_id": pa.array([], pa.int64()),
            "at": pa.array([], pa.timestamp("us")),
            "amount": pa.array([], pa.float64()),
        }
        with pytest.raises(clm.InvalidDataError, match="there are no rows in orders"):
            clm.rfm(typed_frame(empty))

    def test_nothing_left_says_why(self, frame):
        log = orders([(1, date(2025, 1, 1), 1.0), (None, date(2025, 1, 1), 1.0)])
        with pytest.raises(clm.InvalidDataError, match="1 for null ids, 1 for after through"):
            clm.rfm(frame(log), through="2024-12-31")

    @pytest.mark.parametrize("frame_", ["orders.csv", [1, 2], None, 5])
    def test_what_is_no_frame_is_refused(self, frame_):
        with pytest.raises(clm.InvalidDataError, match="not a dataframe"):
            clm.rfm(frame_)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"unit": "weeks"}, "Did you mean 'week'"),
            ({"occasion": "days"}, "Did you mean 'day'"),
            ({"refunds": "nett"}, "Did you mean 'net'"),
            ({"tz": "Europe/Berln"}, "Did you mean 'Europe/Berlin'"),
            ({"through": "soon"}, "through='soon' is no date"),
            ({"week_start": "mon"}, "week_start"),
            ({"start": "2025-02-01", "through": "2025-01-01"}, "lies after"),
        ],
    )
    def test_unknown_options_are_refused(self, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.rfm(orders([(1, "2025-01-01", 1.0)]), **options)

    def test_one_customer_with_markup_for_a_name(self, frame):
        rfm = clm.rfm(frame(orders([("<script>", date(2025, 1, 1), 5.0)])))
        assert rfm.customer.tolist() == ["<script>"]
        assert (rfm.frequency.tolist(), rfm.T.tolist()) == ([0.0], [0.0])

    @pytest.mark.parametrize("ids", [[1.5, 2.0], [True, False], ["x", 1]])
    def test_ids_that_are_no_ids_are_refused(self, ids):
        with pytest.raises(clm.InvalidDataError, match="text or as whole numbers"):
            clm.rfm({"customer_id": ids, "at": ["2025-01-01"] * 2})


class TestRefunds:
    LOG = orders(
        [
            ("ann", date(2025, 1, 1), 50.0),
            ("ann", date(2025, 1, 1), -20.0),  # nets to 30
            ("ann", date(2025, 1, 5), -10.0),  # refund alone: no purchase
            ("ann", date(2025, 1, 9), 0.1),
            ("ann", date(2025, 1, 9), 0.2),
            ("ann", date(2025, 1, 9), -0.3),  # nets to exactly 0: a purchase of nothing
            ("bob", date(2025, 1, 2), -5.0),  # no purchase at all
        ]
    )

    def test_net(self, frame):
        rfm = clm.rfm(frame(self.LOG), through="2025-01-15", unit="day")
        assert rfm.customer.tolist() == ["ann"]
        assert (rfm.frequency[0], rfm.recency[0], rfm.T[0], rfm.monetary[0]) == (1, 8, 14, 0)
        # 30 - 10 + 0: everything, the refund that is no purchase included.
        assert (rfm.value_first[0], rfm.value_total[0]) == (30, 20)
        assert rfm.dropped == {"refunds": 2}

    def test_ignore(self, frame):
        rfm = clm.rfm(frame(self.LOG), through="2025-01-15", unit="day", refunds="ignore")
        assert (rfm.value_first[0], rfm.frequency[0]) == (50, 1)
        assert rfm.monetary[0] == 0.3
        assert rfm.dropped == {"refunds": 4}

    def test_raise(self, frame):
        with pytest.raises(clm.InvalidDataError, match="negative in 4 of 7 rows"):
            clm.rfm(frame(self.LOG), refunds="raise")

    def test_only_refunds_leave_nobody(self, frame):
        with pytest.raises(clm.InvalidDataError, match="refunds took back all 1 occasions"):
            clm.rfm(frame(orders([(1, date(2025, 1, 1), -1.0)])))


class TestRules:
    def test_orders_of_one_day_are_one_occasion_and_add_up(self, frame):
        log = orders([(7, date(2025, 1, 1), 1.0), (7, date(2025, 1, 3), 2.5), (7, date(2025, 1, 3), 0.5)])
        rfm = clm.rfm(frame(log), through="2025-01-08", unit="day")
        assert (rfm.frequency[0], rfm.recency[0], rfm.T[0], rfm.monetary[0]) == (1, 2, 7, 3)

    def test_every_order_may_be_an_occasion(self, typed_frame):
        log = orders([(7, datetime(2025, 1, 1, hour), 1.0) for hour in (6, 6, 18)])
        rfm = clm.rfm(typed_frame(log), through=datetime(2025, 1, 2, 6), unit="day", occasion="order")
        assert (rfm.frequency[0], rfm.recency[0], rfm.T[0]) == (2, 0.5, 1)

    def test_days_are_cut_in_local_wall_time(self, typed_frame):
        # 23:30 UTC is the next day in Berlin: three UTC days, two days in Berlin.
        log = orders(
            [
                (7, datetime(2025, 1, 1, 12), 1.0),
                (7, datetime(2025, 1, 1, 23, 30), 1.0),
                (7, datetime(2025, 1, 2, 12), 1.0),
            ]
        )
        pa = pytest.importorskip("pyarrow")
        log["at"] = pa.array(log["at"], pa.timestamp("us", "UTC"))
        assert clm.rfm(typed_frame(log), tz="UTC").frequency[0] == 1
        assert clm.rfm(typed_frame(log), tz="Europe/Berlin").frequency[0] == 1
        assert clm.rfm(typed_frame(log), tz="Europe/Berlin", unit="day").T[0] == 1

    def test_naive_times_are_read_in_the_zone(self, typed_frame):
        log = orders([(7, datetime(2025, 7, 1, 0, 30), 1.0)])
        rfm = clm.rfm(typed_frame(log), tz="Europe/Berlin")
        assert rfm.first.tolist() == [datetime(2025, 6, 30, 22, 30)]
        assert "naive times are read in Europe/Berlin" in rfm.definition

    def test_through_as_a_date_includes_the_day_and_as_an_instant_does_not(self, typed_frame):
        log = orders([(7, datetime(2025, 1, 1), 1.0), (7, datetime(2025, 1, 5, 18), 1.0)])
        assert clm.rfm(typed_frame(log), through="2025-01-05").frequency[0] == 1
        assert clm.rfm(typed_frame(log), through=datetime(2025, 1, 5)).frequency[0] == 0
        assert clm.rfm(typed_frame(log), through=datetime(2025, 1, 5, 18)).frequency[0] == 1

    def test_through_is_the_last_row_by_default(self, frame):
        log = orders([(7, date(2025, 1, 1), 1.0), (8, date(2025, 1, 11), 1.0)])
        rfm = clm.rfm(frame(log), unit="day")
        assert rfm.T.tolist() == [10, 0]

    def test_without_amounts_there_is_no_money(self, frame):
        log = orders([(7, date(2025, 1, 1), 1.0)])
        del log["amount"]
        rfm = clm.rfm(frame(log))
        assert (rfm.monetary, rfm.value_first, rfm.value_total) == (None, None, None)

    def test_months_count_by_their_mean_length(self, frame):
        log = orders([(7, date(2025, 1, 31), 1.0), (7, date(2025, 3, 1), 1.0)])
        rfm = clm.rfm(frame(log), occasion="month", unit="day")
        assert rfm.recency[0] == 2 * 30.4375

    def test_results_are_immutable_and_equal_to_themselves(self):
        rfm = clm.rfm(orders([(7, "2025-01-31", 1.0)]))
        with pytest.raises(ValueError, match="read-only"):
            rfm.frequency[0] = 3
        with pytest.raises(TypeError):
            rfm.dropped["x"] = 1
        assert rfm == clm.rfm(orders([(7, "2025-01-31", 1.0)]))


class TestPublishedNumbers:
    """Fader, Hardie and Lee (2005): the CDNOW cohort, and what it bought in the 39 weeks after."""

    def test_cdnow(self, frame, cdnow):
        calibration, holdout = clm.rfm_split(frame(cdnow), calibrate_through=CDNOW_END, through="1998-06-30")
        assert calibration == clm.rfm(frame(cdnow), through=CDNOW_END)
        assert calibration.n == 2357
        assert calibration.frequency.sum() == 2457
        assert (calibration.frequency > 0).sum() == 946
        assert calibration.T.max() == 272 / 7
        assert holdout.frequency.sum() == 1882
        assert holdout.duration == 39
        assert len(holdout.frequency) == 2357

    def test_cells_are_those_of_the_histories(self, frame, cdnow):
        cells = clm.rfm_cells(frame(cdnow), through=CDNOW_END)
        expected = clm.rfm(cdnow, through=CDNOW_END).cells
        assert cells.n == 2357
        for name in ("frequency", "recency", "T", "weights"):
            np.testing.assert_array_equal(getattr(cells, name), getattr(expected, name))

        assert np.array_equal(cells.sum_log_gaps, expected.sum_log_gaps)

    def test_gaps(self, frame):
        log = orders(
            [(7, date(2025, 1, day), 1.0) for day in (1, 8, 22, 23, 23)]
            + [(3, date(2025, 1, 1), 1.0), (3, date(2025, 1, 31), 1.0), (5, date(2025, 1, 9), 1.0)]
        )
        rfm = clm.rfm(frame(log), through="2025-01-31")
        # Customer 3 waited 30 days, customer 5 has not come back, customer 7 waited 7, 14 and 1 days.
        assert rfm.sum_log_gaps == pytest.approx([np.log(30 / 7), 0, np.log(2 / 7)], abs=1e-9)
        assert clm.rfm(frame(log), unit="day", occasion="week", through="2025-01-31").sum_log_gaps == pytest.approx(
            [np.log(28), 0, np.log(7) + np.log(14)], abs=1e-9
        )

    def test_refunded_occasions_are_no_end_of_a_gap(self, frame):
        log = orders([(7, date(2025, 1, 1), 5.0), (7, date(2025, 1, 3), -9.0), (7, date(2025, 1, 6), 5.0)])
        assert clm.rfm(frame(log), unit="day").sum_log_gaps == pytest.approx([np.log(5)], abs=1e-9)

    def test_orders_at_one_instant_have_no_time_between_them(self, typed_frame):
        log = orders([(7, datetime(2025, 1, 1, hour), 1.0) for hour in (9, 9, 15)] + [(8, datetime(2025, 1, 2), 1.0)])
        for reduced in (clm.rfm, clm.rfm_cells):
            rfm = reduced(typed_frame(log), occasion="order", unit="hour")
            assert sorted(rfm.sum_log_gaps.tolist()) == [-np.inf, 0]

    def test_no_usual_gap_hangs_on_the_last_bit_of_a_logarithm(self):
        # Halfway between two units the last bit of an engine's logarithm would decide which one it is.
        gaps = np.arange(2, 40_001)
        exact = np.log(gaps.astype(np.longdouble)) * np.longdouble(SCALE)
        if np.finfo(np.longdouble).eps > 1e-18:
            pytest.skip("no wider floats here to measure by")
        from_half = np.abs(exact - np.floor(exact) - np.longdouble(0.5))
        rounding = np.spacing(np.log(gaps)) * SCALE + np.spacing(exact.astype(float))
        assert (from_half > 2 * rounding).all()

    def test_split_agrees_with_the_whole(self, cdnow):
        calibration, holdout = clm.rfm_split(cdnow, calibrate_through=CDNOW_END, through="1998-06-30")
        whole = clm.rfm(cdnow, through="1998-06-30")
        np.testing.assert_array_equal(calibration.frequency + holdout.frequency, whole.frequency)
        spent = np.where(holdout.frequency > 0, holdout.frequency * np.nan_to_num(holdout.monetary), 0)
        np.testing.assert_allclose(calibration.value_total + spent, whole.value_total, rtol=1e-12)


class TestSplit:
    def test_an_occasion_that_began_before_the_split_counts_there_only(self, typed_frame):
        log = orders([(7, datetime(2025, 1, 1, hour), 1.0) for hour in (9, 15)] + [(7, datetime(2025, 1, 3, 9), 4.0)])
        calibration, holdout = clm.rfm_split(typed_frame(log), calibrate_through=datetime(2025, 1, 1, 12), unit="day")
        assert calibration.frequency.tolist() == [0]
        assert (holdout.frequency.tolist(), holdout.monetary.tolist()) == ([1], [4])

    def test_the_instant_of_the_split_belongs_to_the_histories(self, typed_frame):
        log = orders([(7, datetime(2025, 1, 1, hour), 1.0) for hour in (9, 12, 15)])
        noon = datetime(2025, 1, 1, 12)
        calibration, holdout = clm.rfm_split(typed_frame(log), calibrate_through=noon, occasion="order", unit="hour")
        assert (calibration.frequency.tolist(), holdout.frequency.tolist(), holdout.duration) == ([1], [1], 3)

    def test_who_came_later_is_left_out_and_counted(self, frame):
        log = orders([(7, date(2025, 1, 1), 1.0), (3, date(2025, 2, 1), 1.0), (9, date(2025, 2, 2), 1.0)])
        _, holdout = clm.rfm_split(frame(log), calibrate_through="2025-01-15", unit="day")
        assert holdout.frequency.tolist() == [0]
        assert np.isnan(holdout.monetary).all()
        assert holdout.dropped == {"customers who came later": 2}

    def test_nobody_may_have_bought_afterwards(self, frame):
        log = orders([(7, date(2025, 1, 1), 1.0), (3, date(2025, 1, 2), 1.0)])
        _, holdout = clm.rfm_split(frame(log), calibrate_through="2025-01-15", through="2025-01-31", unit="day")
        assert (holdout.frequency.tolist(), holdout.duration) == ([0, 0], 16)

    def test_the_split_has_to_lie_before_the_end(self):
        log = orders([(7, "2025-01-01", 1.0)])
        with pytest.raises(clm.InvalidDataError, match="leaves no holdout"):
            clm.rfm_split(log, calibrate_through="2025-01-01", through="2025-01-01")


def expected_arrays(found):
    """The reference's histories as the arrays of an RFM."""
    rows = list(found.values())
    repeats = [row["frequency"] for row in rows]
    arrays = {name: [row[name] for row in rows] for name in ("frequency", "recency", "T", "value_first", "value_total")}
    arrays["monetary"] = [row["value_repeat"] / 100 / x if x else np.nan for row, x in zip(rows, repeats, strict=True)]
    return arrays | {"customer": list(found), "first": [np.datetime64(row["first"], "us") for row in rows]}


def columns_of(rows):
    return orders([(customer, at, amount / 100) for customer, at, amount in rows])


def check(rows, make, occasion, tz, refunds):
    through = end_of(max(at for _, at, _ in rows if at is not None).date(), tz)
    through -= timedelta(days=5)
    found, dropped = histories(rows, occasion=occasion, tz=tz, through=through, refunds=refunds)
    options = {"occasion": occasion, "tz": tz, "refunds": refunds, "unit": "day", "through": through}
    log = make(columns_of(rows))
    if not found:
        with pytest.raises(clm.InvalidDataError):
            clm.rfm(log, **options)
        return
    rfm = clm.rfm(log, **options)
    assert rfm.dropped == dropped
    for name, expected in expected_arrays(found).items():
        np.testing.assert_array_equal(getattr(rfm, name), expected, err_msg=name)


occasions = st.sampled_from(["day", "day", "hour", "week", "month", "quarter", "year", "order"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])
policies = st.sampled_from(["net", "ignore"])


class TestConsistency:
    @given(order_logs(), occasions, zones, policies)
    def test_numbers_are_those_of_the_rules_row_by_row(self, rows, occasion, tz, refunds):
        check(rows, lambda columns: columns, occasion, tz, refunds)

    @pytest.mark.parametrize("engine", LAZY)
    @settings(max_examples=12)
    @given(rows=order_logs(), occasion=occasions, tz=zones, refunds=policies)
    def test_lazy_frames_give_the_same(self, engine, rows, occasion, tz, refunds):
        pytest.importorskip("pyarrow")
        check(rows, lambda columns: LAZY[engine](columns, None), occasion, tz, refunds)

    @given(order_logs(max_size=12), st.randoms(use_true_random=False), occasions)
    def test_the_order_of_rows_does_not_matter(self, rows, random, occasion):
        through = "2025-01-01"
        shuffled = random.sample(rows, len(rows))
        try:
            expected = clm.rfm(columns_of(rows), through=through, occasion=occasion)
        except clm.InvalidDataError:
            with pytest.raises(clm.InvalidDataError):
                clm.rfm(columns_of(shuffled), through=through, occasion=occasion)
        else:
            assert clm.rfm(columns_of(shuffled), through=through, occasion=occasion) == expected

    @given(order_logs(max_size=15), zones)
    def test_holdouts_are_those_of_the_rules(self, rows, tz):
        split = instant(datetime(2024, 4, 5, 2), tz)
        through = end_of(date(2024, 11, 20), tz)
        before, _ = histories(rows, occasion="day", tz=tz, through=split)
        after, _ = histories(rows, occasion="day", tz=tz, through=through, after=split)
        if not before:
            return
        _, holdout = clm.rfm_split(columns_of(rows), calibrate_through=split, through=through, tz=tz)
        expected = [
            after[customer]["frequency"] + 1 - (after[customer]["first_key"] == history["last_key"])
            if customer in after
            else 0
            for customer, history in before.items()
        ]
        assert holdout.frequency.tolist() == expected

    def test_a_shuffle_of_many_odd_amounts_adds_up_to_the_last_digit(self):
        rng = np.random.default_rng(5)
        log = {
            "customer_id": rng.integers(0, 20, 4000),
            "at": np.datetime64("2024-01-01") + rng.integers(0, 30, 4000),
            "amount": np.round(rng.normal(10, 40, 4000), 2),
        }
        order = rng.permutation(4000)
        shuffled = {name: values[order] for name, values in log.items()}
        assert clm.rfm(log) == clm.rfm(shuffled)
