"""Part the rows of any dataframe by a column or by calendar periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import evolve, frozen

from clm.errors import InvalidDataError
from clm.frames._column import Column, read_series
from clm.frames._epoch import instants
from clm.frames._ids import by_dictionary, factorize
from clm.frames._plan import AT, PERIOD, WALL, count, with_times
from clm.frames._source import Source, collect, open_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clm.frames._period import Period
    from clm.frames._plan import Plan
    from clm.frames._source import Table
    from clm.typing import IntArray

_MOST_GROUPS: Final = 10_000
_MOST_ANSWERS: Final = 1_000
_MOST_CELLS: Final = 1_000_000
_NONE: Final = -1


@final
@frozen(eq=False)
class Groups:
    """Rows parted by label.

    Attributes
    ----------
    labels : list
        What the groups are called, ascending.
    rows : callable
        Takes a position among the labels, returns the rows of that group as a frame of the same kind.
    missing : int
        Rows without a label.
    outside : int
        Rows in no group, though they have a label: after the last moment that counts, or before the first period.
    tally : callable, or None
        Takes a column, returns how often each group holds each of its values, from a single query or pass, where that
        saves one a group; None where the column does not suit.
    """

    labels: list[Any]
    rows: Callable[[int], Any]
    missing: int
    outside: int = 0
    tally: Callable[[str], list[dict[Any, int]] | None] | None = None


def part_by_column(data: Any, name: str) -> Groups:
    """Part rows by the values of a column; null and NaN are no value."""
    table = open_table(data, {"group": name}, required=("group",), what="data")
    if table.lazy:
        return _part_lazily(data, table)
    codes, labels = _codes(table, name)
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(labels) + 1))
    take = _taker(data, table, len(codes))
    return Groups(labels, lambda i: take(order[ends[i] : ends[i + 1]]), int((codes == _NONE).sum()))


def part_by_period(data: Any, period: Period) -> Groups:
    """Part rows by calendar periods, or by windows of them; empty ones are groups, too."""
    table = open_table(data, {"at": period.at}, required=("at",), what="data")
    if table.lazy:
        placed = with_times(table, period.calendar.zone)
        if placed is not None:
            return _part_periods_lazily(data, placed, period)
        table = evolve(table, frame=collect(table.frame, table.engine, table.what), lazy=False)
    at = instants(table.column("at"), table.names["at"], period.calendar.zone)
    missing = at.missing
    through = period.bounds()[1]
    late = ~missing & (at.values > through) if through is not None else np.zeros(len(missing), bool)
    known = np.flatnonzero(~(missing | late))
    number = period.calendar.index(at.values[known])
    order = np.argsort(number, kind="stable")
    known, number = known[order], number[order]
    groups = period.numbers(*((int(number[0]), int(number[-1])) if len(number) else (None, None)))
    take = _taker(data, table, len(missing))

    def rows(i: int) -> Any:
        first, last = period.reach(int(groups[i]))
        begin = 0 if first is None else int(np.searchsorted(number, first))
        found = known[begin : int(np.searchsorted(number, last, side="right"))]
        # In the order of the data, whichever periods they come from.
        return take(np.sort(found) if period.overlapping else found)

    def tally(column: str) -> list[dict[Any, int]] | None:
        answers = evolve(table, names={"answer": column}).column("answer")
        found = _counted(number, evolve(answers, values=answers.values[known], missing=answers.missing[known]))
        return None if found is None else _windows(found, groups, period)

    outside = int(late.sum()) + len(known) - _used(number, groups, period)
    return Groups(_dates(period, groups), rows, int(missing.sum()), outside, tally if period.overlapping else None)


def _counted(number: IntArray, answers: Column) -> dict[int, dict[Any, int]] | None:
    """Return how often each period holds each answer; None of what is no column of numbers that repeat."""
    if answers.values.dtype.kind not in "iuf":
        return None
    distinct, codes = np.unique(answers.values, return_inverse=True)
    if len(distinct) > _MOST_ANSWERS:
        return None
    labels = [*distinct.tolist(), None]
    codes = np.where(answers.missing, len(distinct), codes)
    first = int(number[0]) if len(number) else 0
    cells, counts = np.unique((number - first) * len(labels) + codes, return_counts=True)
    found: dict[int, dict[Any, int]] = {}
    for cell, count_of in zip(cells.tolist(), counts.tolist(), strict=True):
        found.setdefault(cell // len(labels) + first, {})[labels[cell % len(labels)]] = count_of
    return found


def _windows(found: dict[int, dict[Any, int]], groups: IntArray, period: Period) -> list[dict[Any, int]]:
    """Add the periods up that each group reaches over."""
    numbers = np.array(sorted(found), np.int64)
    windows = []
    for group in groups.tolist():
        first, last = period.reach(group)
        begin = 0 if first is None else int(np.searchsorted(numbers, first))
        inside = numbers[begin : int(np.searchsorted(numbers, last, side="right"))]
        windows.append(_added(found[number] for number in inside.tolist()))
    return windows


def _used(number: IntArray, groups: IntArray, period: Period) -> int:
    if not len(groups):
        return 0
    first = period.reach(int(groups[0]))[0]
    begin = 0 if first is None else int(np.searchsorted(number, first))
    return int(np.searchsorted(number, groups[-1], side="right")) - begin


def _dates(period: Period, numbers: IntArray) -> list[Any]:
    dates: list[Any] = period.label(numbers).tolist()
    return dates


def _codes(table: Table, name: str) -> tuple[IntArray, list[Any]]:
    """Return the position of each row's label, -1 without one, and the labels, ascending."""
    series = None if table.engine == "mapping" else table.frame[table.names["group"]]
    if series is not None and isinstance(series.dtype, (nw.String, nw.Categorical, nw.Enum)):
        codes, distinct = factorize(series)
        return _ranked(codes, distinct, name)
    column = table.column("group")
    values = column.values
    if values.dtype.kind == "O":
        listed = [None if gone else value for value, gone in zip(values.tolist(), column.missing, strict=True)]
        try:
            codes, distinct = by_dictionary(listed)
        except TypeError as error:
            raise InvalidDataError(f"column {name!r} holds values that are no groups: {error}.") from error
        return _ranked(codes, distinct, name)
    known = ~column.missing
    distinct_values, positions = np.unique(values[known], return_inverse=True)
    codes = np.full(len(values), _NONE)
    codes[known] = positions
    return codes, _plain(distinct_values)


def _ranked(codes: IntArray, distinct: list[Any], name: str) -> tuple[IntArray, list[Any]]:
    try:
        order = sorted(range(len(distinct)), key=distinct.__getitem__)
    except TypeError as error:
        raise InvalidDataError(
            f"column {name!r} mixes groups that cannot be sorted: {error}. Make them all text."
        ) from error
    rank = np.full(len(distinct) + 1, _NONE)
    rank[order] = np.arange(len(distinct))
    return rank[codes], [distinct[i] for i in order]


def _plain(values: Any) -> list[Any]:
    """Return labels as Python has them: whole numbers without a fraction, days without a time."""
    if values.dtype.kind == "M":
        days = values.astype("M8[D]")
        return (days if (days == values).all() else values.astype("M8[us]")).tolist()  # type: ignore[no-any-return]  # NumPy types lists as Any
    if values.dtype.kind == "f" and (values == np.floor(values)).all() and (np.abs(values) < 2**53).all():
        values = values.astype(np.int64)
    return values.tolist()  # type: ignore[no-any-return]  # NumPy types lists as Any


def _taker(data: Any, table: Table, length: int) -> Callable[[IntArray], Any]:
    """Return the function that takes rows by position out of an eager frame, as the frame came in."""
    if table.engine == "mapping":
        columns: Mapping[str, Any] = data.frame if isinstance(data, Source) else data
        uneven = [name for name, values in columns.items() if _length(values) != length]
        if uneven:
            raise InvalidDataError(
                f"column {uneven[0]!r} of data does not have {length:,} entries, as the groups do. Give one entry a row"
                " in each."
            )
        return lambda rows: _as_given(data, {name: _some(values, rows) for name, values in columns.items()})
    return lambda rows: _as_given(data, table.frame[rows].to_native())


def _length(values: Any) -> int | None:
    return len(values) if hasattr(values, "__len__") else None


def _some(values: Any, rows: IntArray) -> Any:
    if isinstance(values, np.ndarray):
        return values[rows]
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return series[rows].to_native()
    listed = values.to_pylist() if hasattr(values, "to_pylist") else values
    return [listed[row] for row in rows.tolist()]


def _as_given(data: Any, frame: Any) -> Any:
    return evolve(data, frame=frame) if isinstance(data, Source) else frame


def _part_lazily(data: Any, table: Table) -> Groups:
    name = table.names["group"]
    small = collect(table.frame.group_by(name).agg(rows=nw.len().cast(nw.Int64())), table.engine, table.what)
    if len(small) > _MOST_GROUPS:
        raise InvalidDataError(
            f"column {name!r} holds {len(small):,} distinct values, too many to query a lazy frame for each. Collect it"
            " first, or group by fewer."
        )
    found = evolve(table, frame=small, lazy=False, names={"group": name})
    codes, labels = _codes(found, name)
    sizes = small["rows"].to_numpy()
    values = small[name].to_list()
    of = {int(code): value for code, value in zip(codes, values, strict=True) if code != _NONE}

    def rows(i: int) -> Any:
        return _as_given(data, table.frame.filter(nw.col(name) == nw.lit(of[i])).to_native())

    def tally(column: str) -> list[dict[Any, int]]:
        found = _tallied(table.frame.select(clm_group=nw.col(name), answer=nw.col(column)), table)
        return [found.get(of[i], {}) for i in range(len(labels))]

    return Groups(labels, rows, int(sizes[codes == _NONE].sum()), tally=tally)


def _part_periods_lazily(data: Any, placed: Plan, period: Period) -> Groups:
    frame = placed.with_period(placed.frame, period.calendar)
    through = period.bounds()[1]
    counts = nw.col(AT) <= through if through is not None else ~nw.col(AT).is_null()
    asked = {
        "first": nw.when(counts).then(nw.col(PERIOD)).otherwise(None).min(),
        "last": nw.when(counts).then(nw.col(PERIOD)).otherwise(None).max(),
        "missing": count(nw.col(AT).is_null()),
        "rows": nw.len().cast(nw.Int64()),
    }
    facts = evolve(placed, frame=frame).facts(asked)
    ends = [None if facts[end] is None else int(facts[end]) for end in ("first", "last")]
    groups = period.numbers(*ends)

    def within(first: int | None, last: int) -> Any:
        inside = counts & (nw.col(PERIOD) <= last)
        return inside if first is None else inside & (nw.col(PERIOD) >= first)

    def rows(i: int) -> Any:
        found = frame.filter(within(*period.reach(int(groups[i]))))
        return _as_given(data, found.drop(AT, WALL, PERIOD).to_native())

    used = 0
    if len(groups):
        asked = {"used": count(within(period.reach(int(groups[0]))[0], int(groups[-1])))}
        used = int(evolve(placed, frame=frame).facts(asked)["used"] or 0)

    def tally(column: str) -> list[dict[Any, int]]:
        chosen = frame.filter(counts).select(clm_group=nw.col(PERIOD), answer=nw.col(column))
        return _windows(_tallied(chosen, placed), groups, period)

    missing = int(facts["missing"] or 0)
    return Groups(_dates(period, groups), rows, missing, int(facts["rows"]) - missing - used, tally)


def _tallied(frame: Any, table: Table | Plan) -> dict[Any, dict[Any, int]]:
    """Return how often each group holds each answer."""
    # The filter parts the two for Polars 1.20, which panics on a head right after a group_by.
    counted = frame.group_by("clm_group", "answer").agg(rows=nw.len().cast(nw.Int64())).filter(nw.col("rows") > 0)
    small = collect(counted.head(_MOST_CELLS), table.engine, table.what)
    if len(small) == _MOST_CELLS:
        raise InvalidDataError(f"groups and answers make {_MOST_CELLS:,} cells or more: those are no answers.")
    answers = read_series(small["answer"])
    found: dict[Any, dict[Any, int]] = {}
    rows = zip(
        small["clm_group"].to_list(), answers.values.tolist(), answers.missing, small["rows"].to_list(), strict=True
    )
    for group, answer, gone, count_of in rows:
        cell = found.setdefault(group, {})
        key = None if gone else answer
        cell[key] = cell.get(key, 0) + count_of
    return found


def _added(parts: Iterable[dict[Any, int]]) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for part in parts:
        for answer, count_of in part.items():
            total[answer] = total.get(answer, 0) + count_of
    return total
