"""Visits to stages as compact columns that turn into names and times when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.core import cause_name
from clm.stats import frozen_array, same, seal

if TYPE_CHECKING:
    from clm.core import Machine
    from clm.typing import Array, IntArray

COLUMNS: Final = ("customer_id", "stage", "entered_at", "exited_at", "cause", "ref")


@final
@frozen(eq=False, repr=False)
class Columns(Mapping[str, "Array"]):
    """A table: a mapping of column name to equally long read-only arrays."""

    _arrays: dict[str, Array]

    __setstate__ = seal

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns):
            return NotImplemented
        return list(self) == list(other) and all(same(self[name], other[name]) for name in self)

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        rows = len(next(iter(self._arrays.values()), ()))
        return f"<{rows:,} rows of {', '.join(self)}>"


@final
@frozen(eq=False, repr=False)
class Visits(Mapping[str, "Array"]):
    """The visits of all customers, a mapping of column name to read-only array.

    Rows are ordered by customer, and within one in the order in which he passed through. Names and missing values are
    put in when a column is read, so that a log of millions stays small; keep a column that you use twice.

    Attributes
    ----------
    customer : (k,) ndarray
        Customers who have begun, ascending.
    offsets : (k + 1,) ndarray of int64
        Where each customer's visits start, and the end.
    stage_codes, cause_codes : (v,) ndarray of int16
        The machine's numbers.
    entered : (v,) ndarray of int64
        Microseconds since 1970 UTC.
    refs : (v,) ndarray, or None
        References; any value where no touchpoint opened the visit.
    machine : Machine
        What the numbers stand for.
    """

    customer: Array
    offsets: IntArray
    stage_codes: Array
    cause_codes: Array
    entered: IntArray
    refs: Array | None
    machine: Machine

    __setstate__ = seal

    def __getitem__(self, name: str) -> Array:
        if name not in COLUMNS:
            raise KeyError(name)
        if name == "customer_id":
            return frozen_array(np.repeat(self.customer, np.diff(self.offsets)))
        if name == "stage":
            return frozen_array(np.array(self.machine.stages, dtype=object)[self.stage_codes])
        if name == "entered_at":
            return self.entered.view("M8[us]")
        if name == "exited_at":
            return frozen_array(self.exited(missing=np.iinfo(np.int64).min).view("M8[us]"))
        if name == "cause":
            return frozen_array(self._causes()[self.cause_codes])
        return frozen_array(self._references())

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __len__(self) -> int:
        return len(COLUMNS)

    @property
    def n(self) -> int:
        """How many visits there are."""
        return len(self.entered)

    def exited(self, *, missing: int) -> IntArray:
        """Return when each visit ended, in microseconds; `missing` for the last of each customer."""
        ends = np.empty(self.n, np.int64)
        ends[:-1] = self.entered[1:]
        ends[self.offsets[1:] - 1] = missing
        return ends

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Visits):
            return NotImplemented
        mine, others = ((x.customer, x.offsets, x.stage_codes, x.cause_codes, x.entered) for x in (self, other))
        return (
            (self.machine.stages, self.machine.kinds) == (other.machine.stages, other.machine.kinds)
            and all(same(a, b) for a, b in zip(mine, others, strict=True))
            and same(self._references(), other._references())
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        return f"<{self.n:,} visits of {len(self.customer):,} customers: {', '.join(COLUMNS)}>"

    def _causes(self) -> Array:
        # Causes that are no kind have negative numbers: they lie at the end, where negative indices look.
        names = [cause_name(self.machine, code) for code in (*range(len(self.machine.kinds)), -3, -2, -1)]
        return np.array(names, dtype=object)

    def _references(self) -> Array:
        references = np.full(self.n, None, dtype=object)
        if self.refs is not None:
            opened = self.cause_codes >= 0
            references[opened] = self.refs[opened]
        return references
