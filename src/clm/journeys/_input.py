"""The columns of a touchpoint log, checked against what a lifecycle reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.core import NEVER
from clm.errors import InvalidDataError
from clm.journeys._coded import Coded
from clm.journeys._order import as_texts, put_in_order, ranks
from clm.journeys._visits import Columns, Visits
from clm.stats import floats, frozen_array, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clm.core import Machine
    from clm.journeys._order import Ordered
    from clm.journeys._walked import Walked
    from clm.typing import Array, BoolArray, FloatArray, IntArray

MISSING: Final = np.iinfo(np.int64).min
"""The instant that stands for none, as in NumPy's NaT."""


_FIRST: Final = -62_135_596_800_000_000
_LAST: Final = 253_402_300_799_999_999
"""The first and last microsecond of the years 1 to 9999, which is what datetimes can hold."""

NULL: Final = -1
"""The code of a missing value; smaller ones stand for a blank one."""


@final
@frozen(eq=False, kw_only=True)
class Log:
    """A touchpoint log by column.

    Attributes
    ----------
    customer : Coded
        Whose each row is; its values are all customers, ascending.
    at : (n,) ndarray of int64
        Microseconds since 1970 UTC, ``MISSING`` where there is none.
    kind : Coded
        What each row is.
    amount, score : (n,) ndarray of float64, or None
        Numbers, NaN where missing; None where the lifecycle does not read them.
    channel : Coded or None
        Where, in the same way.
    ref, order : (n,) ndarray, or None
        What visits call their touchpoint, and what breaks ties in time.
    """

    customer: Coded
    at: IntArray
    kind: Coded
    amount: FloatArray | None
    score: FloatArray | None
    channel: Coded | None
    ref: Array | None
    order: Array | None

    @classmethod
    def of(
        cls,
        machine: Machine,
        *,
        customer: Any,
        at: Any,
        kind: Any,
        amount: Any,
        score: Any,
        channel: Any,
        ref: Any,
        order: Any,
    ) -> Log:
        """Read the columns, and only those that the lifecycle reads.

        Raises
        ------
        InvalidDataError
            If columns differ in length, or one that the lifecycle reads is not given or holds infinite numbers.
        """
        given = {"amount": amount, "score": score, "channel": channel}
        absent = [name for name in sorted(machine.reads) if given[name] is None]
        if absent:
            raise InvalidDataError(
                f"a condition of the lifecycle looks at the {absent[0]} of touchpoints, but there is no such column. "
                f"Name it with {absent[0]}=."
            )
        whose, what = Coded.of(customer, "customer"), Coded.of(kind, "kind")
        log = cls(
            customer=whose,
            at=microseconds(at, "at"),
            kind=what,
            amount=_finite(amount, "amount") if "amount" in machine.reads else None,
            score=_finite(score, "score") if "score" in machine.reads else None,
            channel=Coded.of(channel, "channel") if "channel" in machine.reads else None,
            ref=None if ref is None else np.asarray(ref),
            order=None if order is None else np.asarray(order),
        )
        log._check_lengths()
        return log

    def _check_lengths(self) -> None:
        columns = ("customer", "at", "kind", "amount", "score", "channel", "ref", "order")
        lengths = {name: len(getattr(self, name)) for name in columns if getattr(self, name) is not None}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
            raise InvalidDataError(f"columns differ in length: {listed}. Give one entry a row in each.")

    def last(self) -> int:
        """Return the instant of the last row of a customer, of whatever kind.

        Raises
        ------
        InvalidDataError
            If there is none.
        """
        whose = self.customer.codes
        last = int((self.at if whose.min(initial=0) >= 0 else self.at[whose >= 0]).max(initial=MISSING))
        if last == MISSING:
            raise InvalidDataError("there is no row whose instant could be taken for through=. Give through=.")
        return last

    def usable(self, through: int | None) -> tuple[dict[str, int], BoolArray | None]:
        """Return how many rows are left out, by reason, and which ones are not; None where nothing is left out."""
        dropped = {}
        usable = None
        for reason, fault in self._faults(through):
            usable = np.ones(len(self.at), bool) if usable is None else usable
            count = int(np.count_nonzero(usable & fault))
            if count:
                dropped[reason] = count
                usable &= ~fault
        return dropped, usable

    def _faults(self, through: int | None) -> Iterator[tuple[str, BoolArray]]:
        # Most logs have none: the extremes of a column say so at less expense.
        if self.customer.codes.min(initial=0) < 0:
            yield "null ids", self.customer.codes == NULL
            yield "blank ids", self.customer.codes < NULL
        if self.at.min(initial=0) == MISSING:
            yield "null times", self.at == MISSING
        if self.kind.codes.min(initial=0) < 0:
            yield "null kinds", self.kind.codes < 0
        if through is not None and self.at.max(initial=through) > through:
            yield "after through", self.at > through

    def kinds_of(self, machine: Machine) -> Array:
        """Return the machine's number of each row's kind; negative where it has none."""
        numbers = [machine.codes.get(kind, -1) for kind in self.kind.values.tolist()]
        # The last entry answers code -1; below that there are none, or they are brought up to it.
        small = np.int8 if len(machine.kinds) <= np.iinfo(np.int8).max else np.int16
        codes = self.kind.codes
        if len(codes) and int(codes.min()) < NULL:
            codes = np.maximum(codes, NULL)
        return np.array([*numbers, -1], small)[codes]

    def kinds_there(self) -> list[str]:
        """Return the kinds that occur, the most frequent first."""
        often = np.bincount(self.kind.codes[self.kind.codes >= 0], minlength=len(self.kind.values))
        return [str(self.kind.values[code]) for code in np.argsort(-often, kind="stable") if often[code]]

    def in_order(self, kept: BoolArray | None, *, rows_in_order: bool) -> Ordered:
        """Put the rows that are kept, or all, in the order in which they are applied."""

        def tie_breakers(rows: IntArray) -> list[Array]:
            if self.order is not None:
                return [ranks(self.order[rows], "order")]
            kinds = ranks(self.kind.values, "kind")[self.kind.codes[rows]]
            channels = None if self.channel is None else self.channel.codes[rows]
            refs = None if self.ref is None else _ranks_of_any(self.ref[rows])
            numbers = (None if column is None else column[rows] for column in (self.amount, self.score))
            return [kinds, *(column for column in (refs, *numbers, channels) if column is not None)]

        return put_in_order(
            self.customer.codes,
            self.at,
            kept,
            len(self.customer.values),
            tie_breakers=None if rows_in_order and self.order is None else tie_breakers,
            decided=self.order is not None,
        )

    def dates(self, machine: Machine, attributes: Mapping[str, Any]) -> tuple[IntArray, ...]:
        """Return for each attribute that a timeout names its instants, ``NEVER`` where missing."""
        nowhere = np.full(len(self.customer.values), NEVER)
        return tuple(
            self.per_customer(attributes[name], name) if name in attributes else nowhere for name in machine.attributes
        )

    def per_customer(self, column: Any, name: str) -> IntArray:
        """Return an instant a customer, ``NEVER`` where missing.

        Raises
        ------
        InvalidDataError
            If there is not one entry a customer.
        """
        instants = microseconds(column, name)
        if len(instants) != len(self.customer.values):
            raise InvalidDataError(
                f"{name} has {len(instants):,} entries, but there are {len(self.customer.values):,} customers."
            )
        return np.where(instants == MISSING, NEVER, instants)

    def visits(self, machine: Machine, walked: Walked) -> Visits:
        """Return the visits of those who have begun, with their references."""
        begun = walked.visits > 0
        refs = None
        if self.ref is not None and len(self.ref):
            refs = frozen_array(self.ref[walked.row])
        return Visits(
            customer=frozen_array(self.customer.values if begun.all() else self.customer.values[begun]),
            offsets=frozen_array(np.concatenate([[0], np.cumsum(walked.visits[begun])])),
            stage_codes=walked.stage,
            cause_codes=walked.cause,
            entered=walked.entered,
            refs=refs,
            machine=machine,
        )

    def table(self, rows: IntArray, stages: Array | None = None) -> Columns:
        """Return some rows of the log as a table, with the stage that each found its customer in."""
        arrays = {
            "row": rows,
            "customer_id": self.customer.values[self.customer.codes[rows]],
            "at": self.at[rows].view("M8[us]"),
            "kind": self.kind.values.astype(object)[self.kind.codes[rows]],
        }
        if stages is not None:
            arrays["stage"] = stages
        arrays["ref"] = np.full(len(rows), None, dtype=object) if self.ref is None else self.ref[rows]
        return Columns({name: frozen_array(array) for name, array in arrays.items()})

    def named(self, row: int) -> tuple[str, str]:
        """Return the kind of a row, and where it is, for messages."""
        customer = self.customer.values[self.customer.codes[[row]]].tolist()[0]
        return str(self.kind.values[self.kind.codes[row]]), f"of customer {customer!r} at row {row}"


def microseconds(column: Any, name: str) -> IntArray:
    """Return instants as int64 microseconds.

    Raises
    ------
    InvalidDataError
        If they are neither datetime64 nor whole numbers, or outside the years 1 to 9999.
    """
    array = np.asarray(column)
    if array.ndim == 1 and array.dtype.kind == "M":
        instants = array.astype("M8[us]").view(np.int64)
    elif array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidDataError(f"{name} must hold datetime64 or whole microseconds, one a row, not {array.dtype}.")
    else:
        instants = array.astype(np.int64, copy=False)
    if instants.max(initial=_FIRST) > _LAST or instants.min(initial=_LAST) < _FIRST:
        far = (instants != MISSING) & ((instants < _FIRST) | (instants > _LAST))
        refuse(far, f"{name} is outside the years 1 to 9999", "Give microseconds since 1970 UTC.")
    return instants


def _ranks_of_any(refs: Array) -> IntArray:
    return ranks(np.array(as_texts(refs)), "ref") if refs.dtype == object else ranks(refs, "ref")


def _finite(column: Any, name: str) -> FloatArray:
    numbers = floats(column, name)
    refuse(np.isinf(numbers), f"{name} is infinite", "Mend those rows, or leave them out.")
    return numbers
