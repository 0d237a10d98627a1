"""What the customers table says of each customer: dates that rules wait for, who agreed, and whose clock counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import field, frozen

from clm.data import MISSING, Zone
from clm.errors import InvalidDataError
from clm.frames._epoch import instants
from clm.frames._ids import identify
from clm.frames._source import open_table
from clm.frames._texts import coded_text
from clm.metrics._histories import NEVER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.frames._column import Column
    from clm.frames._source import Table
    from clm.metrics._base import CustomerBase
    from clm.metrics._due_events import Events
    from clm.typing import Array, BoolArray, IntArray

_HOW = "Give true and false, or the date since which a customer has agreed."


@final
@frozen(kw_only=True, eq=False)
class Known:
    """Columns of the customers table, for every customer of the base.

    Attributes
    ----------
    table : Table or None
        The columns that are asked for; None where none is.
    place : (n,) ndarray of int64
        Whose each row is, negative where nobody's.
    size : int
        How many customers the base has.
    zone : Zone
        In which naive times are read.
    there : (k,) ndarray of bool
        Who is known by then: whoever did something, or was acquired, or is in the table without a date.
    """

    table: Table | None
    place: IntArray
    size: int
    zone: Zone
    there: BoolArray
    _read: dict[str, Any] = field(init=False, factory=dict)

    @classmethod
    def of(cls, base: CustomerBase, events: Events, asked: Mapping[str, str], zone: Zone) -> Known:
        """Find the columns that are asked for, each with the words that say by whom.

        Raises
        ------
        InvalidDataError
            If one is not there; the message says who asks for it, and what there is.
        """
        histories = base.histories
        acquired = np.full(events.n, NEVER)
        acquired[np.searchsorted(events.customer, histories.customer)] = histories.acquired
        there = (acquired <= base.period.last) | (acquired == NEVER) | (np.diff(events.starts) > 0)
        if not asked:
            return cls(table=None, place=np.empty(0, np.int64), size=events.n, zone=zone, there=there)
        for column, who in asked.items():
            if base.customers is None:
                raise InvalidDataError(f"{who} asks for {column!r}: {base.lacks('customers')}.")
            try:
                open_table(base.customers, {column: column}, required=("customer", column), what="customers")
            except InvalidDataError as error:
                raise InvalidDataError(f"{who} asks for {column!r}: {error}") from error
        table = open_table(
            base.customers, {name: name for name in asked}, required=("customer", *asked), what="customers"
        ).collected()
        ids = identify(table).dense()
        place = np.full(len(ids.keys), -1)
        named = ids.keys >= 0
        place[named] = np.searchsorted(events.customer, ids.labels(np.arange(ids.size)))[ids.keys[named]]
        return cls(table=table, place=place, size=events.n, zone=zone, there=there)

    def dates(self, column: str) -> IntArray:
        """Return an instant a customer, ``MISSING`` where there is none.

        Raises
        ------
        InvalidDataError
            If the column holds no dates.
        """
        return self._spread(instants(self._column(column), column, self.zone).values, MISSING)

    def agreed(self, column: str, through: int) -> BoolArray:
        """Return who has agreed by a moment; who is not in the table or has no entry has not.

        Raises
        ------
        InvalidDataError
            If the column holds neither truth values nor dates.
        """
        found = self._column(column)
        values, missing = found.values, found.missing
        if values.dtype.kind == "M" or (values.dtype.kind in "OU" and _texts(found)):
            at = instants(found, column, self.zone).values
            return self._flags((at != MISSING) & (at <= through))
        if values.dtype.kind in "iuf" and np.isin(values[~missing], (0, 1)).all():
            return self._flags(~missing & (values == 1))
        if values.dtype.kind == "b" or all(isinstance(value, (bool, np.bool_)) for value in values[~missing].tolist()):
            yes = np.zeros(len(values), bool)
            yes[~missing] = values[~missing].astype(bool)
            return self._flags(yes)
        raise InvalidDataError(f"column {column!r} of customers does not say who agreed. {_HOW}")

    def zones(self, column: str, other: Zone) -> tuple[IntArray, list[Zone]]:
        """Return the number of each customer's zone, and the zones; the first is that of who names none.

        Raises
        ------
        InvalidDataError
            If the column holds no names of time zones.
        """
        assert self.table is not None
        coded = coded_text(self.table, column)
        zones = [Zone.of(name.strip()) if name.strip() else other for name in coded.values.tolist()]
        return self._spread(coded.codes.astype(np.int64) + 1, 0), [other, *zones]

    def _column(self, column: str) -> Column:
        assert self.table is not None
        return self.table.column(column)

    def _flags(self, values: BoolArray) -> BoolArray:
        return self._spread(values.astype(np.int8), 0) > 0

    def _spread(self, values: Array, missing: Any) -> Array:
        spread = np.full(self.size, missing, dtype=values.dtype)
        spread[self.place[self.place >= 0]] = values[self.place >= 0]
        return spread


def _texts(found: Column) -> bool:
    known = found.values[~found.missing].tolist()
    return bool(known) and not isinstance(known[0], (bool, np.bool_, int, float))
