"""Lazy frames as integer columns, so that engines only ever compare, divide, add and group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import frozen

from clm.data import DAY, HOUR, MONTHS, Calendar, Zone
from clm.frames._epoch import check_years, note
from clm.frames._source import collect, reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.frames._source import Table
    from clm.typing import IntArray

ID: Final = "clm_id"
AT: Final = "clm_at"
WALL: Final = "clm_wall"
AMOUNT: Final = "clm_amount"
PERIOD: Final = "clm_period"

_YEARS: Final = 2000  # before 1970, at most: dates start with the year 1
# Offsets are added up change by change: beyond this many a query would grow out of hand.
_MOST_CHANGES: Final = 200


@final
@frozen(eq=False)
class Plan:
    """A lazy frame with canonical columns.

    Attributes
    ----------
    frame : narwhals LazyFrame
        ``ID`` (text or whole numbers), ``AT`` and ``WALL`` (int64 microseconds, UTC and local), ``AMOUNT`` (float64,
        where the table has one), and further roles as text under their own names.
    names, engine, what
        As in `Table`.
    zone : Zone
        In whose wall time periods are cut.
    offsets : tuple of ndarray
        When the zone's offset changes, and the offsets before, between and after.
    note : str
        How times were read.
    """

    frame: Any
    names: dict[str, str]
    engine: str
    what: str
    zone: Zone
    offsets: tuple[IntArray, IntArray]
    note: str

    def facts(self, expressions: Mapping[str, Any]) -> dict[str, Any]:
        """Return one number for each expression."""
        row = collect(self.frame.select(**expressions), self.engine, self.what)
        return {name: row[name].to_list()[0] for name in expressions}

    def with_period(self, frame: Any, calendar: Calendar) -> Any:
        """Add the column ``PERIOD``, which numbers periods as `Calendar.index` does.

        Each step is a column of its own: SQL repeats the operands of a floor division, so that nested ones explode.
        """
        if calendar.period == "hour":
            changes, offsets = self.offsets
            minutes = steps(nw.col(AT), changes, offsets % HOUR)
            return _divided(frame.with_columns((nw.col(AT) + minutes).alias(PERIOD)), HOUR, _YEARS * 366 * DAY)
        frame = _divided(frame.with_columns(nw.col(WALL).alias(PERIOD)), DAY, _YEARS * 366 * DAY)
        if calendar.period == "day":
            return frame
        if calendar.period == "week":
            return _divided(frame.with_columns(nw.col(PERIOD) - calendar.first_day), 7, _YEARS * 366)
        frame = _with_month(frame)
        months = MONTHS[calendar.period]
        return frame if months == 1 else _divided(frame, months, _YEARS * 12)


def _divided(frame: Any, divisor: int, reach: int) -> Any:
    """Divide ``PERIOD``, which is above ``-reach``, towards the smaller number.

    Negative numbers are lifted above 0 first: SQL truncates, and not every version of narwhals makes up for it.
    """
    lift = reach // divisor + 1
    return frame.with_columns((nw.col(PERIOD) + lift * divisor).alias(PERIOD)).with_columns(
        nw.col(PERIOD) // divisor - lift
    )


def steps(at: Any, changes: IntArray, values: IntArray) -> Any:
    """Return the expression of a step function: values[i] from changes[i - 1] on."""
    total = nw.lit(int(values[0]))
    for change, before, after in zip(changes.tolist(), values[:-1].tolist(), values[1:].tolist(), strict=True):
        if after != before:
            total = total + (at >= change).cast(nw.Int64()) * (after - before)
    return total


def count(condition: Any) -> Any:
    """Return the expression that counts the rows where a condition holds; where it is null it does not."""
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum().cast(nw.Int64())


def integer_sum(name: str) -> Any:
    """Return the expression of a column's sum; DuckDB adds in 128 bits, which come back as decimals."""
    return nw.col(name).sum().cast(nw.Int64())


def plan(table: Table, zone: Zone, texts: Sequence[str] = ()) -> Plan | None:
    """Return the canonical form of a lazy table, or None where its columns have to be fetched first.

    Times as text are fetched, since engines disagree about what they parse. So are ids that are neither text nor whole
    numbers, amounts that are no numbers, and everything of engines other than Polars, DuckDB and Spark: the checks and
    messages of the eager path then hold for them too.

    Raises
    ------
    InvalidDataError
        If a date lies outside the years 1 to 9999.
    """
    schema = table.frame.collect_schema()
    dtype = {role: schema[name] for role, name in table.names.items()}
    engines = {"polars": _polars, "duckdb": _duckdb, "pyspark": _spark}
    if not (
        table.engine in engines
        and isinstance(dtype["at"], (nw.Date, nw.Datetime))
        and _is_id(dtype["customer"])
        and ("amount" not in dtype or dtype["amount"].is_numeric())
        and all(_is_text(dtype[role]) for role in texts if role in dtype)
    ):
        return None
    customer = nw.col(table.names["customer"])
    columns = [
        (customer if dtype["customer"].is_integer() else customer.cast(nw.String())).alias(ID),
        nw.col(table.names["at"]).alias(AT),
    ]
    if "amount" in table.names:
        columns.append(nw.col(table.names["amount"]).cast(nw.Float64()).alias(AMOUNT))
    columns.extend(nw.col(table.names[role]).cast(nw.String()).alias(role) for role in texts if role in table.names)
    with reading(table.engine, table.what):
        native, aware = engines[table.engine](table.frame.select(columns), dtype["at"])
    return _with_wall(nw.from_native(native), table, zone, aware=aware)


def with_times(table: Table, zone: Zone) -> Plan | None:
    """Return a lazy table with all its columns and ``AT`` and ``WALL`` beside them, or None where times are fetched.

    Raises
    ------
    InvalidDataError
        If a date lies outside the years 1 to 9999.
    """
    dtype = table.frame.collect_schema()[table.names["at"]]
    engines = {"polars": _polars, "duckdb": _duckdb, "pyspark": _spark}
    if not (table.engine in engines and isinstance(dtype, (nw.Date, nw.Datetime))):
        return None
    with reading(table.engine, table.what):
        frame = table.frame.with_columns(nw.col(table.names["at"]).alias(AT))
        native, aware = engines[table.engine](frame, dtype)
    return _with_wall(nw.from_native(native), table, zone, aware=aware)


def _with_wall(frame: Any, table: Table, zone: Zone, *, aware: bool) -> Plan | None:
    said = note(aware=aware, zone=zone)
    ends = collect(frame.select(first=nw.col(AT).min(), last=nw.col(AT).max()), table.engine, table.what)
    found = [int(ends[end].to_list()[0]) for end in ("first", "last") if ends[end].to_list()[0] is not None]
    near = np.array(found, np.int64)
    check_years(near, table.names["at"])
    changes, offsets = zone.changes(near)
    if len(changes) > _MOST_CHANGES:
        return None
    if aware:
        wall = nw.col(AT) + steps(nw.col(AT), changes, offsets)
        frame = frame.with_columns(wall.alias(WALL))
    else:
        # As Zone.to_utc: wall time belongs to the earlier offset until both offsets say that the change has happened.
        switched = changes + np.maximum(offsets[:-1], offsets[1:])
        utc = nw.col(AT) - steps(nw.col(AT), switched, offsets)
        frame = frame.with_columns(nw.col(AT).alias(WALL), utc.alias(AT))
    return Plan(frame, table.names, table.engine, table.what, zone, (changes, offsets), said)


def _is_id(dtype: Any) -> bool:
    return _is_text(dtype) or (dtype.is_integer() and not isinstance(dtype, (nw.Int128, nw.UInt128)))


def _is_text(dtype: Any) -> bool:
    return isinstance(dtype, (nw.String, nw.Categorical, nw.Enum))


def _with_month(frame: Any) -> Any:
    """Turn day numbers into months since January 1970, in whole-number arithmetic of the Gregorian calendar.

    Years are counted from March, so that the leap day comes last; 146,097 days are 400 years.
    """
    era, day, year = nw.col("clm_era"), nw.col("clm_day"), nw.col("clm_year")
    # Above 0 for every date from year 1 on, so that division never meets a negative number.
    frame = frame.with_columns(clm_day=nw.col(PERIOD) + 719_468)
    frame = frame.with_columns(clm_era=day // 146_097)
    frame = frame.with_columns(clm_day=day - era * 146_097)
    frame = frame.with_columns(clm_year=day - day // 1_460 + day // 36_524 - day // 146_096)
    frame = frame.with_columns(clm_year=year // 365)
    frame = frame.with_columns(clm_day=day - (year * 365 + year // 4 - year // 100))
    month = (day * 5 + 2) // 153
    frame = frame.with_columns(((era * 400 + year) * 12 + month + 2 - 1970 * 12).alias(PERIOD))
    return frame.drop("clm_era", "clm_day", "clm_year")


def _polars(frame: Any, dtype: Any) -> tuple[Any, bool]:
    import polars as pl

    aware = getattr(dtype, "time_zone", None) is not None
    at = pl.col(AT) if isinstance(dtype, nw.Datetime) else pl.col(AT).cast(pl.Datetime("us"))
    return frame.to_native().with_columns(at.dt.epoch("us").alias(AT)), aware


def _duckdb(frame: Any, dtype: Any) -> tuple[Any, bool]:
    from duckdb import ColumnExpression, ConstantExpression, FunctionExpression, StarExpression

    aware = getattr(dtype, "time_zone", None) is not None
    at = ColumnExpression(AT)
    if getattr(dtype, "time_unit", None) == "ns":
        # Casting nanoseconds to microseconds rounds; everywhere else, and so here, they are cut.
        nanoseconds = FunctionExpression("epoch_ns", at)
        remainder = nanoseconds % ConstantExpression(1000)
        floor = nanoseconds - (remainder + ConstantExpression(1000)) % ConstantExpression(1000)
        at = FunctionExpression("divide", floor, ConstantExpression(1000))
    else:
        at = FunctionExpression("epoch_us", at if aware else at.cast("TIMESTAMP"))
    return frame.to_native().select(StarExpression(exclude=[AT]), at.cast("BIGINT").alias(AT)), aware


def _spark(frame: Any, _: Any) -> tuple[Any, bool]:
    from pyspark.sql import functions
    from pyspark.sql.types import TimestampType

    native = frame.to_native()
    aware = isinstance(native.schema[AT].dataType, TimestampType)
    # A TIMESTAMP is an instant. Dates and TIMESTAMP_NTZ are wall time, which unix_micros would read in the session's
    # zone.
    at = (
        f"unix_micros({AT})"
        if aware
        else f"timestampdiff(MICROSECOND, TIMESTAMP_NTZ '1970-01-01 00:00:00', CAST({AT} AS TIMESTAMP_NTZ))"
    )
    return native.withColumn(AT, functions.expr(at)), aware
