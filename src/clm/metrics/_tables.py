"""The tables of a customer base, read once as arrays: whose, when and what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import evolve, frozen

from clm.errors import InvalidDataError
from clm.frames._epoch import instants
from clm.frames._ids import BLANK, NULL, Ids, identify
from clm.frames._source import collect, open_table, values_of
from clm.stats import frozen_array, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.data import Zone
    from clm.frames._source import Table
    from clm.typing import Array, BoolArray, FloatArray, IntArray

# What each table must have, and what is read besides where it is there.
_ROLES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "orders": (("customer", "at"), ("amount",)),
    "touchpoints": (("customer", "at", "kind"), ("channel", "amount", "score", "ref")),
    "customers": (("customer",), ("acquired_at", "channel")),
    "answers": (("at", "kind", "score"), ("customer",)),
    "channels": (("channel", "at"), ("impressions", "visits", "clicks", "followers", "cost")),
}
ORDER: Final = "order"
"""The kind of touchpoint that each order is."""

_COUNTS: Final = frozenset({"impressions", "visits", "clicks", "followers", "cost"})


@final
@frozen(eq=False)
class Rows:
    """The usable rows of a table.

    Attributes
    ----------
    size : int
        How many there are.
    at : (n,) ndarray of int64, or None
        UTC microseconds; None for customers.
    ids : Ids or None
        Whose row it is, as dense keys, negative where nobody's; None where the table names no customers.
    kinds : Ids or None
        What kind of row it is, as dense keys.
    columns : mapping of str to ndarray
        What else was read, by role.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    in_order : bool
        Whether the order of rows means something: not in what a lazy frame gave.
    note : str
        How times were read.
    """

    size: int
    at: IntArray | None
    ids: Ids | None
    kinds: Ids | None
    columns: Mapping[str, Array]
    dropped: Mapping[str, int]
    in_order: bool
    note: str

    def left_out(self, last: int | None) -> dict[str, int]:
        """Return rows that were left out, by reason, those after the last instant among them."""
        late = 0 if self.at is None or last is None else int(np.count_nonzero(self.at > last))
        return dict(self.dropped) | ({"after through": late} if late else {})

    def arrays(self, kept: BoolArray) -> dict[str, Array]:
        """Return some of the rows as read-only columns under the names users know."""
        found: dict[str, Array] = {}
        if self.ids is not None:
            found["customer_id"] = _labels(self.ids, kept)
        if self.at is not None:
            found["at"] = self.at[kept].view("M8[us]")
        if self.kinds is not None:
            found["kind"] = _labels(self.kinds, kept)
        found |= {role: values[kept] for role, values in self.columns.items()}
        return {name: frozen_array(values) for name, values in found.items()}


def is_empty(frame: Any, name: str) -> bool:
    """Whether a table has no rows, without reading more than one."""
    table = _open(frame, name)
    if table.lazy:
        return len(collect(table.frame.head(1), table.engine, name)) == 0
    return len(table.column(next(iter(table.names)))) == 0


def has_refunds(orders: Any) -> bool:
    """Whether any amount is negative; a lazy frame is asked for its smallest one only."""
    table = _open(orders, "orders")
    if not table.has("amount"):
        return False
    if table.lazy and table.frame.collect_schema()[table.names["amount"]].is_numeric():
        smallest = table.frame.select(nw.col(table.names["amount"]).min())
        table = evolve(table, frame=smallest, names={"amount": table.names["amount"]})
    return bool((table.collected().column("amount").numbers(table.names["amount"]) < 0).any())


def read(frame: Any, name: str, zone: Zone, *, dates: Sequence[str] = (), doubled: str | None = None) -> Rows:
    """Read a table.

    Parameters
    ----------
    frame
        Any dataframe, or a `Source`.
    name
        Which table it is.
    zone
        In which naive times are read.
    dates
        Further columns of dates.
    doubled
        A kind that another table holds: rows of it are left out.

    Returns
    -------
    Rows
        Without rows that lack a customer, a time or a kind; answers need no customer.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read; the message names the table.
    """
    found = _open(frame, name, dates)
    try:
        return _read(found.collected(), name, zone, doubled=doubled, in_order=not found.lazy)
    except InvalidDataError as error:
        # What goes wrong inside a column is said without the table it is in.
        raise InvalidDataError(f"{name}: {error}") from error


def is_order(orders: Rows) -> BoolArray:
    """Return which rows are orders: all but refunds, whose amount is negative."""
    amount = orders.columns.get("amount")
    return np.ones(orders.size, bool) if amount is None else ~(amount < 0)


def _read(table: Table, name: str, zone: Zone, *, doubled: str | None, in_order: bool) -> Rows:
    size = len(table.column(next(iter(table.names))))
    times = instants(table.column("at"), table.names["at"], zone) if table.has("at") else None
    ids = identify(table).dense() if table.has("customer") else None
    kinds = _kinds(table) if table.has("kind") else None
    lacks = {
        "null ids": None if ids is None or name == "answers" else ids.keys == NULL,
        "blank ids": None if ids is None or name == "answers" else ids.keys == BLANK,
        "null times": None if times is None else times.missing,
        "null kinds": None if kinds is None else kinds.keys < 0,
        f"of kind {doubled!r}, which orders hold": None if kinds is None or doubled is None else _is(kinds, doubled),
    }
    kept, dropped = np.ones(size, bool), {}
    for reason, missing in lacks.items():
        if missing is not None and (kept & missing).any():
            dropped[reason] = int(np.count_nonzero(kept & missing))
            kept &= ~missing
    columns = {role: _column(table, role, zone) for role in table.names if role not in {"customer", "at", "kind"}}
    return Rows(
        size=int(kept.sum()),
        at=None if times is None else times.values[kept],
        ids=_some(ids, kept),
        kinds=_some(kinds, kept),
        columns={role: values[kept] for role, values in columns.items()},
        dropped=dropped,
        in_order=in_order,
        note="" if times is None else times.note,
    )


def _open(frame: Any, name: str, dates: Sequence[str] = ()) -> Table:
    required, optional = _ROLES[name]
    more = [date for date in dates if date not in optional]
    return open_table(frame, {}, required=(*required, *more), optional=optional, what=name)


def _kinds(table: Table) -> Ids:
    kinds = identify(table, "kind").dense()
    if kinds.distinct is not None and kinds.distinct.size and kinds.distinct.dtype.kind != "U":
        raise InvalidDataError(
            f"column {table.names['kind']!r} holds numbers, but names of kinds are expected, as 'signed_up'."
        )
    return kinds


def _column(table: Table, role: str, zone: Zone) -> Array:
    name = table.names[role]
    if role in _COUNTS:
        return _counts(table.column(role).numbers(name), name)
    if role == "amount":
        amount = table.column(role).numbers(name)
        refuse(np.isinf(amount), f"column {name!r} is infinite", "Leave those rows out or mend the numbers.")
        return amount
    if role == "channel":
        return table.column(role).text(name)
    if role in {"score", "ref"}:
        return values_of(table, role)
    return instants(table.column(role), name, zone).values.view("M8[us]")


def _counts(numbers: FloatArray, name: str) -> FloatArray:
    """Return numbers that add up, 0 where there is none."""
    refuse(numbers < 0, f"column {name!r} is negative", "It counts or costs; mend those rows.")
    refuse(np.isinf(numbers), f"column {name!r} is infinite", "Mend those rows.")
    return np.where(np.isnan(numbers), 0.0, numbers)


def _is(kinds: Ids, kind: str) -> BoolArray:
    return np.isin(kinds.keys, np.flatnonzero(kinds.labels(np.arange(kinds.size)) == kind))


def _some(ids: Ids | None, kept: BoolArray) -> Ids | None:
    if ids is None or kept.all():
        return ids
    return Ids(ids.keys[kept], ids.size, ids.distinct, ids.lowest)


def _labels(ids: Ids, kept: BoolArray) -> Array:
    keys = ids.keys[kept]
    if (keys >= 0).all():
        return ids.labels(keys)
    labels = np.full(len(keys), None, dtype=object)
    labels[keys >= 0] = ids.labels(keys[keys >= 0])
    return labels


def last_dated(tables: Mapping[str, Any], zone: Zone) -> int | None:
    """Return the last instant of the tables, in UTC microseconds; None without a dated row."""
    # Customers may be acquired and never be seen again, and what channels date is the start of a period: these count
    # only where nothing else is dated.
    for names in (("orders", "touchpoints", "answers"), ("customers",), ("channels",)):
        found = [_last_instant(tables[name], name, zone) for name in names if name in tables]
        known = [instant for instant in found if instant is not None]
        if known:
            return max(known)
    return None


def _last_instant(frame: Any, name: str, zone: Zone) -> int | None:
    """Return the last instant of a table; a lazy frame is asked for it alone, where its column is one of times."""
    table, role = _open(frame, name), "acquired_at" if name == "customers" else "at"
    if not table.has(role):
        return None
    column = table.names[role]
    if table.lazy and table.frame.collect_schema()[column] != nw.String():
        table = evolve(table, frame=table.frame.select(nw.col(column).max()), names={role: column})
    try:
        found = instants(table.collected().column(role), column, zone)
    except InvalidDataError as error:
        raise InvalidDataError(f"{name}: {error}") from error
    known = found.values[~found.missing]
    return int(known.max()) if known.size else None
