"""Orders, touchpoints and customers joined by customer: when each was first seen, and when he first did what."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen

from clm.data import DAY, MISSING
from clm.errors import InvalidDataError
from clm.journeys import Coded, replay_arrays
from clm.metrics._tables import ORDER, is_order
from clm.stats import frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.core import Lifecycle
    from clm.data import Zone
    from clm.journeys import StageLog
    from clm.metrics._tables import Rows
    from clm.typing import Array, BoolArray, IntArray

NEVER: Final = np.iinfo(np.int64).max
"""The instant of what has not happened: after every other one."""


@final
@frozen(kw_only=True, eq=False, slots=False)
class Histories:
    """What is known of each customer.

    Attributes
    ----------
    customer : (n,) ndarray
        Every customer whom a table names, ascending.
    orders, touchpoints, customers : Rows or None
        The tables.
    code_of : mapping of str to ndarray of int64
        For each table and row the place of its customer in `customer`.
    through : int
        Last instant that counts, in UTC microseconds.
    zone : Zone
        In whose days orders are told apart.
    """

    customer: Array
    orders: Rows | None
    touchpoints: Rows | None
    customers: Rows | None
    code_of: Mapping[str, IntArray] = field(factory=dict)
    through: int
    zone: Zone
    _first_of: dict[str, IntArray] = field(init=False, factory=dict)

    @cached_property
    def order_of(self) -> IntArray:
        """Place in `customer` of each order's customer, refunds left out."""
        return self.code_of["orders"][self._counted] if "orders" in self.code_of else np.empty(0, np.int64)

    @cached_property
    def order_at(self) -> IntArray:
        """Instant of each order."""
        if self.orders is None or self.orders.at is None:
            return np.empty(0, np.int64)
        return self.orders.at[self._counted]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of touchpoints there are, orders among them, through the end."""
        found = {ORDER} if len(self.order_at) else set()
        rows = self.touchpoints
        if rows is not None and rows.at is not None and rows.kinds is not None:
            present = np.unique(rows.kinds.keys[rows.at <= self.through])
            found.update(rows.kinds.labels(present).tolist())
        return frozenset(found)

    def first_of(self, kind: str) -> IntArray:
        """Return when each customer first did something; ``NEVER`` where he did not.

        Orders are of kind ``"order"``.
        """
        if kind not in self._first_of:
            self._first_of[kind] = self._find_first(kind)
        return self._first_of[kind]

    @cached_property
    def first_seen(self) -> IntArray:
        """First touchpoint, order or acquisition of each customer; ``NEVER`` where none is dated."""
        seen = np.minimum(self.first_of(ORDER), np.where(self.acquired <= self.through, self.acquired, NEVER))
        rows = self.touchpoints
        if rows is None or rows.at is None:
            return seen
        dated = rows.at <= self.through
        return np.minimum(seen, self._first(self.code_of["touchpoints"][dated], rows.at[dated]))

    @cached_property
    def acquired(self) -> IntArray:
        """When each customer was acquired; ``NEVER`` where that is not known."""
        return self._dates("acquired_at", NEVER)

    @cached_property
    def second_order(self) -> IntArray:
        """When each customer ordered on a later day than his first; ``NEVER`` where he did not."""
        day = self.zone.to_wall(self.order_at) // DAY
        first_day = self._first(self.order_of, day)
        again = day > first_day[self.order_of]
        return self._first(self.order_of[again], self.order_at[again])

    def ordered(self, after: int, until: int) -> BoolArray:
        """Return who ordered in (after, until]."""
        inside = (self.order_at > after) & (self.order_at <= until)
        return np.bincount(self.order_of[inside], minlength=len(self.customer)) > 0

    def order_log(self) -> dict[str, Array]:
        """Return orders as a table of customer and local time, refunds left out."""
        return {"customer_id": self.customer[self.order_of], "at": self.zone.to_wall(self.order_at).view("M8[us]")}

    @cached_property
    def log(self) -> Log:
        """Touchpoints and orders one after the other."""
        return Log.of(self)

    def replay(self, lifecycle: Lifecycle) -> StageLog:
        """Replay touchpoints and orders; at equal instants touchpoints come before orders.

        Refunds are left out.
        """
        log = self.log
        names = {timeout.attribute for timeout in lifecycle.timeouts if timeout.attribute is not None}
        return replay_arrays(
            lifecycle,
            Coded(log.customer, self.customer),
            log.at,
            log.kind,
            through=self.through,
            amount=log.columns.get("amount"),
            score=log.columns.get("score"),
            channel=log.columns.get("channel"),
            ref=log.columns.get("ref"),
            acquired_at=self._dates("acquired_at", MISSING),
            attributes={name: self._dates(name, MISSING) for name in names},
            rows_in_order=log.in_order,
            tz=self.zone.name,
            note=log.note,
        )

    @cached_property
    def _counted(self) -> BoolArray:
        assert self.orders is not None
        assert self.orders.at is not None
        return is_order(self.orders) & (self.orders.at <= self.through)

    def _find_first(self, kind: str) -> IntArray:
        rows = self.touchpoints
        if kind == ORDER and self.orders is not None:
            return self._first(self.order_of, self.order_at)
        if kind not in self.kinds or rows is None or rows.at is None or rows.kinds is None:
            return np.full(len(self.customer), NEVER)
        key = rows.kinds.labels(np.arange(rows.kinds.size)).tolist().index(kind)
        its = (rows.kinds.keys == key) & (rows.at <= self.through)
        return self._first(self.code_of["touchpoints"][its], rows.at[its])

    def _first(self, code: IntArray, at: IntArray) -> IntArray:
        first = np.full(len(self.customer), NEVER)
        np.minimum.at(first, code, at)
        return first

    def _dates(self, column: str, missing: int) -> IntArray:
        """Return a date of each customer, whatever the order of the table of customers."""
        dates = np.full(len(self.customer), missing)
        rows = self.customers
        if rows is not None and column in rows.columns:
            known = rows.columns[column].view(np.int64)
            dates[self.code_of["customers"]] = np.where(known == MISSING, missing, known)
        return dates


def join(
    *, orders: Rows | None, touchpoints: Rows | None, customers: Rows | None, through: int, zone: Zone
) -> Histories:
    """Join the tables that name customers.

    Raises
    ------
    InvalidDataError
        If one names customers by text and another by whole numbers, or `customers` names one twice.
    """
    tables = {"orders": orders, "touchpoints": touchpoints, "customers": customers}
    ids = {name: rows.ids for name, rows in tables.items() if rows is not None and rows.ids is not None}
    labels = {name: known.labels(np.arange(known.size)) for name, known in ids.items()}
    customer = _union({name: known for name, known in labels.items() if known.size})
    code_of = {name: np.searchsorted(customer, labels[name])[known.keys] for name, known in ids.items()}
    if "customers" in code_of:
        rows_of = np.bincount(code_of["customers"], minlength=len(customer))
        if (rows_of > 1).any():
            raise InvalidDataError(
                f"customers names {np.count_nonzero(rows_of > 1):,} customers more than once, first "
                f"{customer[rows_of > 1][0].item()!r}. Give one row a customer."
            )
    return Histories(customer=customer, **tables, code_of=code_of, through=through, zone=zone)


def _union(labels: Mapping[str, Array]) -> Array:
    if not labels:
        return np.empty(0, np.int64)
    by_text = [name for name, known in labels.items() if known.dtype.kind == "U"]
    if 0 < len(by_text) < len(labels):
        text, number = by_text[0], next(name for name in labels if name not in by_text)
        raise InvalidDataError(
            f"{text} names customers by text, as {labels[text][0].item()!r}, {number} by numbers, as "
            f"{labels[number][0]}. "
            "Give all tables the same ids."
        )
    return np.unique(np.concatenate(list(labels.values())))


@final
@frozen(kw_only=True, eq=False)
class Log:
    """Touchpoints and orders one after the other, refunds left out.

    Attributes
    ----------
    customer : (n,) ndarray of int64
        Place of each row's customer among all.
    at : (n,) ndarray of int64
        UTC microseconds.
    kind : Coded
        What each row is.
    columns : mapping of str to ndarray
        What else is there: amount, score, channel, ref.
    in_order : bool
        Whether the order of rows means something.
    note : str
        How times were read.
    """

    customer: IntArray
    at: IntArray
    kind: Coded
    columns: Mapping[str, Array]
    in_order: bool
    note: str

    @classmethod
    def of(cls, histories: Histories) -> Log:
        touchpoints, orders = histories.touchpoints, histories.orders
        kinds: list[str] = []
        parts: list[tuple[str, Rows, BoolArray, IntArray]] = []
        if touchpoints is not None and touchpoints.kinds is not None:
            kinds = touchpoints.kinds.labels(np.arange(touchpoints.kinds.size)).tolist()
            parts.append(("touchpoints", touchpoints, np.ones(touchpoints.size, bool), touchpoints.kinds.keys))
        if orders is not None:
            kinds = kinds if ORDER in kinds else [*kinds, ORDER]
            kept = is_order(orders)
            parts.append(("orders", orders, kept, np.full(np.count_nonzero(kept), kinds.index(ORDER))))
        return cls(
            customer=np.concatenate([histories.code_of[name][kept] for name, _, kept, _ in parts]),
            at=np.concatenate([rows.at[kept] for _, rows, kept, _ in parts if rows.at is not None]),
            kind=Coded(np.concatenate([keys for *_, keys in parts]), np.array(kinds)),
            columns={
                role: np.concatenate([_cells(rows, role, filler)[kept] for _, rows, kept, _ in parts])
                for role, filler in (("amount", np.nan), ("score", np.nan), ("channel", None), ("ref", None))
                if any(role in rows.columns for _, rows, _, _ in parts)
            },
            in_order=all(rows.in_order for _, rows, _, _ in parts),
            note="; ".join(dict.fromkeys(rows.note for _, rows, _, _ in parts)),
        )

    def arrays(self, customer: Array, kept: BoolArray) -> dict[str, Array]:
        """Return some of the rows as read-only columns under the names users know."""
        found = {
            "customer_id": customer[self.customer[kept]],
            "at": self.at[kept].view("M8[us]"),
            "kind": self.kind.values[self.kind.codes[kept]],
            **{name: values[kept] for name, values in self.columns.items()},
        }
        return {name: frozen_array(values) for name, values in found.items()}


def _cells(rows: Rows, role: str, filler: float | None) -> Array:
    return rows.columns[role] if role in rows.columns else np.full(rows.size, filler)
