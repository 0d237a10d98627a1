"""What goes into an engine that replays logs, and what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import evolve, frozen

from clm.core import NEVER, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.journeys._coded import Coded
    from clm.typing import Array, FloatArray, IntArray

NO_ROW: Final = -1


@final
@frozen(eq=False)
class Grouped:
    """The rows of a log that count, customer by customer and in order of time.

    Attributes
    ----------
    rows : (m,) ndarray of int
        Which rows of the log, in the order in which they are applied.
    counts : (k,) ndarray of int64
        How many of them each customer has.
    at : (m,) ndarray of int64
        Their instants, in microseconds.
    kind : (n,) ndarray of int
        The machine's number of the kind of each of the log's rows.
    amount, score : (n,) ndarray of float64, or None
        Numbers of each of the log's rows, NaN where missing; None where the machine does not read them.
    channel : Coded or None
        Channels, in the same way.
    acquired : (k,) ndarray of int64, or None
        When each customer was acquired, ``NEVER`` where he was not.
    dates : sequence of (k,) ndarray of int64
        For each of the machine's attributes: its instant, ``NEVER`` where missing.
    """

    rows: IntArray
    counts: IntArray
    at: IntArray
    kind: Array
    amount: FloatArray | None = None
    score: FloatArray | None = None
    channel: Coded | None = None
    acquired: IntArray | None = None
    dates: tuple[IntArray, ...] = ()

    def block(self, customers: slice, rows: slice) -> Grouped:
        """Return the part that holds some customers, whose rows are these."""
        return evolve(
            self,
            rows=self.rows[rows],
            counts=self.counts[customers],
            at=self.at[rows],
            acquired=None if self.acquired is None else self.acquired[customers],
            dates=tuple(column[customers] for column in self.dates),
        )


@final
@frozen(eq=False)
class Walked:
    """What an engine returns: visits as columns, and what came out of each customer.

    Attributes
    ----------
    visits : (k,) ndarray of int64
        Visits of each customer, 0 for those who have not begun.
    stage, cause : (v,) ndarray of int16
        The machine's numbers; causes below 0 as in ``clm.core``.
    entered : (v,) ndarray of int64
        Microseconds.
    row : (v,) ndarray of int
        The row of the log that opened the visit, ``NO_ROW`` where none did.
    next_at : (k,) ndarray of int64
        When silence would move each customer, ``NEVER`` where it would not.
    next_stage : (k,) ndarray of int16
        Where to.
    illegal : (i,) ndarray of int
        Rows that were not allowed, in the order in which they were applied.
    illegal_stage : (i,) ndarray of int16
        The stage that did not allow them.
    """

    visits: IntArray
    stage: Array
    entered: IntArray
    cause: Array
    row: IntArray
    next_at: IntArray
    next_stage: Array
    illegal: IntArray
    illegal_stage: Array

    @classmethod
    def nobody(cls, customers: int, rows: Any) -> Walked:
        """Return what comes out of customers who have not begun."""
        codes, numbers = np.empty(0, np.int16), np.empty(0, np.int64)
        return cls(
            visits=np.zeros(customers, np.int64),
            stage=codes,
            entered=numbers,
            cause=codes,
            row=np.empty(0, rows),
            next_at=np.full(customers, NEVER),
            next_stage=np.full(customers, WAITING, np.int16),
            illegal=numbers,
            illegal_stage=codes,
        )

    @classmethod
    def joined(cls, parts: Sequence[Walked]) -> Walked:
        """Return the parts of a log as one, in their order."""

        def column(name: str) -> Array:
            columns = [getattr(part, name) for part in parts]
            return columns[0] if len(columns) == 1 else np.concatenate(columns)

        whole = cls(
            visits=column("visits"),
            stage=column("stage"),
            entered=column("entered"),
            cause=column("cause"),
            row=column("row"),
            next_at=column("next_at"),
            next_stage=column("next_stage"),
            illegal=column("illegal"),
            illegal_stage=column("illegal_stage"),
        )
        for name in ("visits", "stage", "entered", "cause", "row", "next_at", "next_stage"):
            getattr(whole, name).setflags(write=False)
        return whole
