"""What every customer did up to a moment, in order of time, so that rules can ask for it in whole columns."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen

from clm.core._guards import OPERATORS, All, Comparison, Either, Not
from clm.errors import InvalidDataError
from clm.journeys import Coded
from clm.metrics._histories import NEVER
from clm.stats import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clm.core import Guard
    from clm.metrics._base import CustomerBase
    from clm.metrics._rules import Event
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_FEW: Final = 64  # so many groups left are summed one by one


@final
@frozen(kw_only=True, eq=False, slots=False)
class Events:
    """Touchpoints, orders and answers up to a moment, by customer and in order of time.

    At equal instants touchpoints come before orders, and orders before answers.

    Attributes
    ----------
    customer : (k,) ndarray
        Every customer whom a table names, ascending.
    starts : (k + 1,) ndarray of int64
        Where each customer's events start, and the end.
    whose, at : (n,) ndarray of int64
        Place of each event's customer in `customer`, and its instant.
    kind : (n,) ndarray of int64
        Place of each event's kind in `kinds`.
    kinds : tuple of str
        The kinds there are.
    """

    customer: Array
    starts: IntArray
    whose: IntArray
    at: IntArray
    kind: IntArray
    kinds: tuple[str, ...]
    _columns: dict[str, Array]
    _found: dict[Event, IntArray] = field(init=False, factory=dict)

    @classmethod
    def of(cls, base: CustomerBase) -> Events:
        """Read the events of a base, through its end.

        Raises
        ------
        InvalidDataError
            If a table cannot be read, or answers name customers in another way than the other tables.
        """
        customer, parts, in_order = _parts(base)
        whose, at, kind, kinds, columns = _joined(parts)
        through = base.period.last
        kept = np.flatnonzero((at <= through) & (whose >= 0))
        whose, at, kind = whose[kept], at[kept], kind[kept]
        columns = {name: values[kept] for name, values in columns.items()}
        # What a lazy frame gave has no order of its own: rows of one instant are always put in the same one.
        ties = [] if in_order else [kind, *(_sortable(columns[name]) for name in ("amount",) if name in columns)]
        sorted_ = np.lexsort([*ties[::-1], at, whose])
        return cls(
            customer=customer,
            starts=np.searchsorted(whose[sorted_], np.arange(len(customer) + 1)),
            whose=whose[sorted_],
            at=at[sorted_],
            kind=kind[sorted_],
            kinds=kinds,
            columns={name: values[sorted_] for name, values in columns.items()},
        )

    @property
    def n(self) -> int:
        """How many customers there are."""
        return len(self.customer)

    @cached_property
    def occurring(self) -> frozenset[str]:
        """The kinds that occur."""
        return frozenset(self.kinds[code] for code in np.unique(self.kind).tolist())

    def places(self, event: Event) -> IntArray:
        """Return where an event happened, ascending.

        Raises
        ------
        InvalidDataError
            If its condition looks at a column that no table has.
        """
        if event not in self._found:
            places = self._of_kind(event.kind)
            self._found[event] = places if event.when is None else places[self._hold(event.when, places)]
        return self._found[event]

    def places_of_any(self, events: Iterable[Event]) -> IntArray:
        """Return where any of several events happened, ascending."""
        found = [self.places(event) for event in events]
        return np.empty(0, np.int64) if not found else found[0] if len(found) == 1 else np.unique(np.concatenate(found))

    def last(self, places: IntArray) -> IntArray:
        """Return the last of the places of each customer that has one, ascending."""
        whose = self.whose[places]
        return places[np.flatnonzero(np.append(whose[1:] != whose[:-1], True))] if len(places) else places

    def first_after(self, places: IntArray, whose: IntArray, after: IntArray) -> tuple[IntArray, IntArray]:
        """Return when the first of some events came after a place in each customer's history, and of what kind.

        Parameters
        ----------
        places
            Where the events happened, ascending.
        whose
            Customers, shape (m,).
        after
            For each the last place that does not count, his first place less one for none; shape (m,).

        Returns
        -------
        at : (m,) ndarray of int64
            ``NEVER`` where none came.
        kind : (m,) ndarray of int64
            Any value where none came.
        """
        if not len(places):
            return np.full(len(whose), NEVER), np.zeros(len(whose), np.int64)
        following = places[np.minimum(np.searchsorted(places, after, side="right"), len(places) - 1)]
        came = (following > after) & (self.whose[following] == whose)
        return np.where(came, self.at[following], NEVER), self.kind[following]

    def place_at(self, whose: IntArray, moment: IntArray) -> IntArray:
        """Return each customer's last place up to a moment, his first place less one where he has none."""
        moments = np.full(self.n, np.iinfo(np.int64).min)
        moments[whose] = moment
        before = np.bincount(self.whose[self.at <= moments[self.whose]], minlength=self.n)
        return (self.starts[:-1] + before - 1)[whose]

    def _of_kind(self, kind: str) -> IntArray:
        return np.flatnonzero(self.kind == self.kinds.index(kind)) if kind in self.kinds else np.empty(0, np.int64)

    def _hold(self, guard: Guard, places: IntArray) -> BoolArray:
        if isinstance(guard, Comparison):
            return self._compared(guard, places)
        if isinstance(guard, Not):
            return ~self._hold(guard.guard, places)
        if isinstance(guard, (All, Either)):
            first, second = self._hold(guard.first, places), self._hold(guard.second, places)
            return first & second if isinstance(guard, All) else first | second
        raise InvalidDataError(f"{guard!r} is no condition that clm.when makes.")

    def _compared(self, comparison: Comparison, places: IntArray) -> BoolArray:
        held: BoolArray = np.zeros(len(places), bool)
        values = self._register(comparison, places)
        known = np.array([value is not None for value in values], bool) if values.dtype == object else values == values  # noqa: PLR0124  # NaN
        held[known] = OPERATORS[comparison.operator](values[known], comparison.value)
        return held

    def _register(self, comparison: Comparison, places: IntArray) -> Array:
        register, kind = comparison.register, comparison.kind
        if kind is not None:
            return self._count(kind)[places] if register == "count" else self._total(kind)[places]
        if register not in self._columns:
            if not len(places):
                return np.empty(0)
            raise InvalidDataError(
                f"the condition {comparison} looks at the {register} of what happened, but no table of the base has "
                "such a column."
            )
        values = self._columns[register][places]
        return values if register == "channel" else numbers(values, register)

    def _count(self, kind: str) -> IntArray:
        """Return how many of a kind each customer has had, at each of his events."""
        counted = np.zeros(len(self.kind) + 1, np.int64)
        np.cumsum(self.kind == self.kinds.index(kind) if kind in self.kinds else counted[:-1], out=counted[1:])
        return counted[1:] - counted[self.starts[self.whose]]

    def _total(self, kind: str) -> FloatArray:
        """Return the amounts of a kind added up, at each event; missing ones add nothing."""
        total = np.zeros(len(self.kind))
        its = self._of_kind(kind)
        if "amount" not in self._columns or not len(its):
            return total
        amounts = np.nan_to_num(numbers(self._columns["amount"][its], "amount"))
        sums = running_sums(amounts, np.searchsorted(self.whose[its], np.arange(self.n + 1)))
        passed = self._count(kind)
        first = np.searchsorted(self.whose[its], self.whose)
        return np.where(passed > 0, sums[np.maximum(first + passed - 1, 0).clip(max=len(sums) - 1)], 0.0)


def running_sums(values: FloatArray, starts: IntArray) -> FloatArray:
    """Add up the values of each group one after the other, so that no group's sum depends on another's rounding."""
    sums, counts = values.copy(), np.diff(starts)
    first = starts[:-1][counts > 1]
    counts = counts[counts > 1]
    step = 1
    while len(first) > _FEW:
        sums[first + step] += sums[first + step - 1]
        step += 1
        first, counts = first[counts > step], counts[counts > step]
    for start, count in zip(first.tolist(), counts.tolist(), strict=True):
        sums[start + step - 1 : start + count] = np.cumsum(sums[start + step - 1 : start + count])
    return sums


_Part = tuple["IntArray", "IntArray", Coded, dict[str, "Array"]]


def _parts(base: CustomerBase) -> tuple[Array, list[_Part], bool]:
    """Return all customers, and whose, when, what and the rest of each table's rows."""
    histories = base.histories
    customer, in_order = histories.customer, True
    parts: list[_Part] = []
    if base.lacks("touchpoints") is None:
        log = histories.log
        parts.append((log.customer, log.at, log.kind, dict(log.columns)))
        in_order = log.in_order
    if base.lacks("answers") is None:
        rows = base._rows("answers")  # noqa: SLF001  # the same room, and a table is read once
        assert rows is not None
        assert rows.at is not None
        assert rows.kinds is not None
        if rows.ids is not None:
            labels = rows.ids.labels(np.arange(rows.ids.size))
            check_same_ids(labels, customer, "answers")
            known = np.union1d(customer, labels) if customer.size and labels.size else max(customer, labels, key=len)
            if len(known) > len(customer):
                moved = np.searchsorted(known, customer)
                parts = [(moved[whose], at, kind, columns) for whose, at, kind, columns in parts]
            customer = known
            keys = rows.ids.keys
            whose = np.full(len(keys), -1)
            whose[keys >= 0] = np.searchsorted(customer, labels)[keys[keys >= 0]]
            answered = Coded(rows.kinds.keys, rows.kinds.labels(np.arange(rows.kinds.size)))
            parts.append((whose, rows.at, answered, dict(rows.columns)))
            in_order = in_order and rows.in_order
    return customer, parts, in_order


def _joined(parts: list[_Part]) -> tuple[IntArray, IntArray, IntArray, tuple[str, ...], dict[str, Array]]:
    nothing = np.empty(0, np.int64)
    kinds = sorted({kind for _, _, coded, _ in parts for kind in coded.values.tolist()})
    codes = [np.searchsorted(np.array(kinds), coded.values.astype(str))[coded.codes] for _, _, coded, _ in parts]
    names = {name for *_, columns in parts for name in columns}
    return (
        np.concatenate([nothing, *(whose for whose, *_ in parts)]),
        np.concatenate([nothing, *(at for _, at, *_ in parts)]),
        np.concatenate([nothing, *codes]),
        tuple(kinds),
        {
            name: np.concatenate([_column(columns, name, len(whose)) for whose, _, _, columns in parts])
            for name in ("amount", "score", "channel")
            if name in names
        },
    )


def _column(columns: dict[str, Array], name: str, size: int) -> Array:
    return columns[name] if name in columns else np.full(size, None if name == "channel" else np.nan)


def _sortable(values: Array) -> FloatArray:
    return np.nan_to_num(numbers(values, "amount"))


def check_same_ids(labels: Array, customer: Array, what: str) -> None:
    """Refuse a table that names customers by text where the base does by numbers, or the other way round.

    Raises
    ------
    InvalidDataError
        If it does.
    """
    if not labels.size or not customer.size or (labels.dtype.kind == "U") == (customer.dtype.kind == "U"):
        return
    how = ("text", "numbers") if labels.dtype.kind == "U" else ("numbers", "text")
    raise InvalidDataError(
        f"{what} names customers by {how[0]}, as {labels[0].item()!r}, the other tables of the base by {how[1]}, as "
        f"{customer[0].item()!r}. Give all tables the same ids."
    )
