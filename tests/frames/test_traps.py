"""What engines read differently, one test for each trap that was found."""

# ruff: noqa: DTZ001  # wall times are what is tested

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.frames.engines import LAZY, TYPED, as_duckdb, as_mapping, as_polars_lazy, as_pyarrow

import clm

BEFORE_1970 = [datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(1969, 12, 25), datetime(1900, 2, 28, 12)]


def arrow():
    return pytest.importorskip("pyarrow")


def rfm_of(make, log, **options):
    return clm.rfm(make(log), unit="day", **options)


class TestTimes:
    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_every_resolution_is_the_same_instant(self, typed_frame, unit):
        # A plain cast gives seconds on one engine and microseconds on another, and null becomes the smallest integer.
        at = arrow().array([datetime(2025, 1, 1, 12), None, datetime(2025, 1, 9)], arrow().timestamp(unit))
        rfm = clm.rfm(typed_frame({"customer_id": [1, 1, 1], "at": at}), unit="day")
        assert rfm.first.tolist() == [datetime(2025, 1, 1, 12)]
        assert (rfm.recency[0], rfm.dropped) == (8, {"null times": 1})

    def test_nanoseconds_are_cut_not_rounded(self, typed_frame):
        # DuckDB rounds them: 1.9 microseconds before midnight would become midnight.
        at = arrow().array([-1, 86_400_000_000_000 - 400, 1_500], arrow().timestamp("ns"))
        rfm = clm.rfm(typed_frame({"customer_id": [1, 2, 3], "at": at}), unit="day", through="1970-01-02")
        assert rfm.first.astype(np.int64).tolist() == [-1, 86_399_999_999, 1]

    @pytest.mark.parametrize("occasion", ["hour", "day", "week", "month", "quarter", "year"])
    def test_periods_before_1970_count_downwards(self, typed_frame, occasion):
        # Division of negative numbers truncates in some engines.
        log = {"customer_id": [1, 1, 1], "at": BEFORE_1970, "amount": [1.0, 2.0, 4.0]}
        rfm = clm.rfm(typed_frame(log), occasion=occasion, unit="hour", through="1970-01-01")
        expected = clm.rfm(log, occasion=occasion, unit="hour", through="1970-01-01")
        assert rfm == expected
        assert rfm.first.tolist() == [datetime(1900, 2, 28, 12)]

    @pytest.mark.parametrize("tz", ["UTC", "America/Sao_Paulo"])
    @pytest.mark.parametrize("occasion", ["month", "quarter", "year"])
    @pytest.mark.parametrize("engine", LAZY)
    def test_months_of_four_centuries(self, engine, occasion, tz):
        # Lazy engines number months by whole-number arithmetic: leap centuries included.
        days = [
            date(year, month, day)
            for year in (1800, 1899, 1900, 2000, 2024, 2100)
            for month in (2, 3)
            for day in (1, 28)
        ]
        days += [date(year, month, 1) - timedelta(days=1) for year in (1900, 2000, 2024) for month in (1, 3)]
        log = {"customer_id": list(range(len(days))), "at": days}
        rfm = clm.rfm(LAZY[engine](log, None), occasion=occasion, unit="month", through="2100-12-31", tz=tz)
        assert rfm == clm.rfm(log, occasion=occasion, unit="month", through="2100-12-31", tz=tz)
        months = [2100 * 12 + 12 - day.year * 12 - day.month for day in days]
        slots = {"month": 1, "quarter": 3, "year": 12}[occasion]
        numbers = [(2100 * 12 + 11) // slots - (2100 * 12 + 11 - age) // slots for age in months]
        np.testing.assert_allclose(rfm.T, np.array(numbers) * slots)

    def test_dates_are_midnights(self, frame):
        # The difference of dates is a duration in some engines and a number of days in others.
        rfm = clm.rfm(frame({"customer_id": [1, 1], "at": [date(2025, 1, 1), date(2025, 1, 4)]}), unit="hour")
        assert rfm.recency[0] == 72

    @pytest.mark.parametrize("tz", ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"])
    @pytest.mark.parametrize("aware", [False, True])
    def test_zones_are_read_alike_around_changes_of_the_clock(self, typed_frame, tz, aware):
        # Engines know no zones, or take them from the session.
        days = [datetime(2024, month, 1) for month in range(1, 13)]
        at = [day + timedelta(hours=hours) for day in days for hours in (0, 1.5, 2, 2.5, 3, 23.75)]
        at += [datetime(2024, 3, 31, hour) for hour in range(5)] + [datetime(2024, 10, 27, hour) for hour in range(5)]
        at += [datetime(2024, 4, 7, hour, 30) for hour in range(5)] + [datetime(2024, 10, 6, hour) for hour in range(5)]
        log = {
            "customer_id": list(range(len(at))),
            "at": arrow().array(at, arrow().timestamp("us", "UTC" if aware else None)),
        }
        expected = [(time.replace(tzinfo=UTC if aware else ZoneInfo(tz))).astimezone(UTC) for time in at]
        rfm = clm.rfm(typed_frame(log), occasion="hour", unit="hour", tz=tz)
        assert rfm.first.tolist() == [time.replace(tzinfo=None) for time in expected]
        assert rfm == clm.rfm(as_mapping(log, None), occasion="hour", unit="hour", tz=tz)

    def test_the_session_zone_of_duckdb_does_not_matter(self):
        duckdb = pytest.importorskip("duckdb")
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'America/New_York'")
        naive = connection.sql("""SELECT 1 AS customer_id, TIMESTAMP '2025-01-01 23:30' AS "at" """)
        aware = connection.sql("""SELECT 1 AS customer_id, TIMESTAMPTZ '2025-01-01 23:30:00+00' AS "at" """)
        assert clm.rfm(naive).first.tolist() == clm.rfm(aware).first.tolist() == [datetime(2025, 1, 1, 23, 30)]

    def test_dates_that_no_engine_agrees_on_are_refused(self):
        with pytest.raises(clm.InvalidDataError, match="outside the years 1 to 9999"):
            clm.rfm({"customer_id": [1], "at": np.array(["12025-01-01"], "M8[D]")})
        relation = pytest.importorskip("duckdb").sql("""SELECT 1 AS customer_id, TIMESTAMP '12025-01-01' AS "at" """)
        with pytest.raises(clm.InvalidDataError, match="outside the years 1 to 9999"):
            clm.rfm(relation)


class TestIds:
    def test_whole_numbers_stay_whole_beside_nulls(self, typed_frame):
        # pandas turns them into floats, which cannot tell these two apart.
        log = {"customer_id": [2**53, 2**53 + 1], "at": [date(2025, 1, 1)] * 2}
        assert clm.rfm(typed_frame(log)).customer.tolist() == [2**53, 2**53 + 1]

    @pytest.mark.parametrize("engine", [name for name in TYPED if name != "pandas"])
    def test_large_ids_beside_nulls(self, engine, tmp_path):
        log = {"customer_id": [2**53, 2**53 + 1, None], "at": [date(2025, 1, 1)] * 3}
        rfm = clm.rfm(TYPED[engine](log, tmp_path))
        assert rfm.customer.tolist() == [2**53, 2**53 + 1]
        assert rfm.dropped == {"null ids": 1}

    def test_floats_from_pandas_are_whole_numbers_again(self, frame):
        log = {"customer_id": [3, None, 1], "at": [date(2025, 1, 1)] * 3}
        rfm = clm.rfm(frame(log))
        assert rfm.customer.dtype == np.int64
        assert rfm.customer.tolist() == [1, 3]

    def test_customers_ascend_as_text_or_as_numbers(self, frame):
        log = {"customer_id": [10, 9, -1], "at": [date(2025, 1, 1)] * 3}
        assert clm.rfm(frame(log)).customer.tolist() == [-1, 9, 10]
        log["customer_id"] = ["b10", "b9", "B", "é"]
        log["at"] *= 2
        log["at"] = log["at"][:4]
        assert clm.rfm(frame(log)).customer.tolist() == ["B", "b10", "b9", "é"]

    @pytest.mark.parametrize("kind", ["int8", "uint64", "dictionary", "uuid", "decimal"])
    def test_other_types_of_ids(self, kind):
        pa = arrow()
        relation = pytest.importorskip("duckdb").connect()
        made = {
            "int8": lambda: pa.array([2, 1], pa.int8()),
            "uint64": lambda: pa.array([2**63 + 1, 2**63], pa.uint64()),
            "dictionary": lambda: pa.array(["x", "a"]).dictionary_encode(),
            "decimal": lambda: pa.array([2, 1], pa.decimal128(10, 0)),
            "uuid": lambda: None,
        }[kind]()
        if made is None:
            frame = relation.sql(
                """SELECT UNNEST(['6b29fc40-ca47-1067-b31d-00dd010662da'::UUID,
                '11111111-ca47-1067-b31d-00dd010662da'::UUID]) AS customer_id, DATE '2025-01-01' AS "at" """
            )
            expected = ["11111111-ca47-1067-b31d-00dd010662da", "6b29fc40-ca47-1067-b31d-00dd010662da"]
            assert clm.rfm(frame).customer.tolist() == expected
            return
        log = {"customer_id": made, "at": [date(2025, 1, 1)] * 2}
        expected = sorted(pa.array(made).to_pylist())
        for make in (as_pyarrow, as_polars_lazy, as_duckdb):
            assert clm.rfm(make(log, None)).customer.tolist() == expected

    @pytest.mark.parametrize("engine", ["mapping", "polars", "polars_lazy", "pyarrow", "duckdb"])
    def test_ids_that_end_in_nul_are_refused(self, engine):
        # NumPy's texts drop it, so that two customers would become one. pandas 2 itself takes both for one.
        log = {"customer_id": ["a", "a\0"], "at": [date(2025, 1, 1)] * 2}
        with pytest.raises(clm.InvalidDataError, match="NUL"):
            clm.rfm(TYPED[engine](log, None))

    def test_interleaved_customers(self, typed_frame):
        # Ordered windows mix customers up on PyArrow and did on pandas.
        log = {
            "customer_id": [1, 2, 3] * 5,
            "at": [date(2025, 1, 1 + (7 * row) % 15) for row in range(15)],
            "amount": [float(row) for row in range(15)],
        }
        order = np.lexsort((log["at"], log["customer_id"]))
        ordered = {name: [values[row] for row in order] for name, values in log.items()}
        assert clm.rfm(typed_frame(log)) == clm.rfm(ordered)
        rows = list(zip(*log.values(), strict=True))
        firsts = [min((at, amount) for who, at, amount in rows if who == customer)[1] for customer in (1, 2, 3)]
        assert clm.rfm(typed_frame(log)).value_first.tolist() == firsts


class TestAmounts:
    def test_nan_is_refused_where_engines_take_it_for_null_and_where_they_do_not(self, typed_frame):
        log = {"customer_id": [1], "at": [date(2025, 1, 1)], "amount": [float("nan")]}
        with pytest.raises(clm.InvalidDataError, match="missing or infinite"):
            clm.rfm(typed_frame(log))

    def test_a_column_of_nulls_is_refused(self, typed_frame):
        # The sum of nulls is 0 in some engines.
        log = {"customer_id": [1], "at": [date(2025, 1, 1)], "amount": arrow().array([None], arrow().float64())}
        with pytest.raises(clm.InvalidDataError, match="missing or infinite"):
            clm.rfm(typed_frame(log))

    @pytest.mark.parametrize("kind", ["int64", "float32", "decimal"])
    def test_other_types_of_amounts(self, kind):
        pa = arrow()
        dtype = pa.decimal128(10, 2) if kind == "decimal" else getattr(pa, kind)()
        amounts = pa.array([Decimal(3), Decimal(4)] if kind == "decimal" else [3, 4], dtype)
        log = {"customer_id": [1, 1], "at": [date(2025, 1, 1)] * 2, "amount": amounts}
        for make in TYPED:
            if make not in {"duckdb_parquet", "pandas_nullable"}:
                assert clm.rfm(TYPED[make](log, None)).value_total.tolist() == [7]

    @pytest.mark.parametrize("largest", [1e5, 1e9, 1e12, 1e15, 1e300, 8e307])
    def test_large_amounts_add_up(self, typed_frame, largest):
        # DuckDB adds whole numbers in 128 bits, others overflow: nothing of that may show.
        log = {
            "customer_id": [1, 1, 2],
            "at": [date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 1)],
            "amount": [largest, largest, 0.5],
        }
        rfm = clm.rfm(typed_frame(log))
        assert rfm.value_total.dtype == np.float64
        assert rfm.value_total.tolist() == [2 * largest, 0.5]

    @pytest.mark.parametrize("smallest", [1e-9, 1e-300, 1 / 3])
    def test_small_amounts_are_not_lost(self, typed_frame, smallest):
        log = {"customer_id": [1, 1], "at": [date(2025, 1, 1)] * 2, "amount": [smallest, smallest]}
        np.testing.assert_allclose(clm.rfm(typed_frame(log)).value_total, 2 * smallest, rtol=1e-15)

    @pytest.mark.parametrize("prices", [(0.1, 0.7, -0.8), (2.01, 2.03, -4.04)])
    def test_a_sale_and_its_refund_leave_nothing(self, typed_frame, prices):
        # In binary fractions both sums are below 0, the second one in millionths too; and Polars divides by a
        # constant by multiplying with its inverse.
        assert sum(prices) < 0
        log = {"customer_id": [1, 1, 1], "at": [date(2025, 1, 1)] * 3, "amount": list(prices)}
        rfm = clm.rfm(typed_frame(log))
        assert (rfm.n, rfm.value_total[0], rfm.dropped) == (1, 0, {})


class TestFrames:
    def test_the_index_of_pandas_does_not_matter(self):
        pd = pytest.importorskip("pandas")
        log = pd.DataFrame({"customer_id": [2, 1, 2], "at": ["2025-01-01", "2025-01-02", "2025-01-05"]})
        expected = clm.rfm({name: log[name].tolist() for name in log})
        log.index = [7, 7, 3]
        assert clm.rfm(log) == expected
        assert clm.to_frame(expected, "pandas").index.tolist() == [0, 1]

    def test_names_that_sql_has_to_quote(self, typed_frame):
        log = {"the id": [1, 2], "select": [date(2025, 1, 1)] * 2, "clm_id": [1.0, 2.0]}
        rfm = clm.rfm(typed_frame(log), customer="the id", at="select", amount="clm_id")
        assert rfm.value_total.tolist() == [1, 2]

    def test_one_column_for_two_roles(self, typed_frame):
        log = {"customer_id": [1, 2], "at": [date(2025, 1, 1)] * 2}
        assert clm.rfm(typed_frame(log), amount="customer_id").value_total.tolist() == [1, 2]

    def test_repeated_column_names_are_refused(self):
        pd = pytest.importorskip("pandas")
        with pytest.raises(clm.InvalidDataError, match="unique"):
            clm.rfm(pd.DataFrame(np.ones((1, 2)), columns=["at", "at"]))

    def test_a_plan_over_a_file_that_is_not_there(self):
        pl = pytest.importorskip("polars")
        with pytest.raises(clm.InvalidDataError, match="polars could not read orders"):
            clm.rfm(pl.scan_csv("/nowhere/orders.csv"))

    def test_a_date_that_a_database_cannot_read(self, tmp_path):
        duckdb = pytest.importorskip("duckdb")
        path = tmp_path / "orders.csv"
        path.write_text("customer_id,at\n1,2025-01-01\n2,soon\n")
        relation = duckdb.read_csv(str(path), dtype={"at": "DATE"})
        with pytest.raises(clm.InvalidDataError, match=r"duckdb could not read orders: .*soon"):
            clm.rfm(relation)

    def test_the_callers_frame_is_left_alone(self, typed_frame):
        log = typed_frame({"customer_id": [2, 1], "at": [date(2025, 1, 1)] * 2, "amount": [1.0, -2.0]})
        before = str(log)
        clm.rfm(log, through="2025-02-01")
        assert str(log) == before
