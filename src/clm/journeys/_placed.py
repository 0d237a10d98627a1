"""Where everybody was at one moment, and who will be somewhere else soon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.core import instant
from clm.data import describe
from clm.errors import InvalidDataError
from clm.stats import array_field, frozen_array, same, seal

if TYPE_CHECKING:
    from datetime import datetime

    from clm.data import Zone
    from clm.journeys._visits import Visits
    from clm.typing import Array, IntArray


@final
@frozen(eq=False, repr=False, slots=False, kw_only=True)
class StageAt(Mapping[Any, str]):
    """The stage of each customer who had begun by a moment: a mapping of customer to stage.

    Attributes
    ----------
    when : datetime
        The moment, UTC.
    customer : (k,) ndarray
        Customers, ascending.
    codes : (k,) ndarray of int16
        For each the place of his stage in `stages`.
    stages : tuple of str
        All stages of the lifecycle.
    """

    when: datetime
    customer: Array
    codes: Array
    stages: tuple[str, ...]

    __setstate__ = seal

    @property
    def stage(self) -> Array:
        """Stage of each customer, shape (k,)."""
        return frozen_array(np.array(self.stages, dtype=object)[self.codes])

    @property
    def counts(self) -> dict[str, int]:
        """Customers in each stage, empty stages included."""
        counts = np.bincount(self.codes, minlength=len(self.stages))
        return dict(zip(self.stages, counts.tolist(), strict=True))

    @cached_property
    def _stage_of(self) -> dict[Any, str]:
        return dict(zip(self.customer.tolist(), self.stage.tolist(), strict=True))

    def to_columns(self) -> dict[str, Array]:
        """Return one row a customer: his id and his stage."""
        return {"customer_id": self.customer, "stage": self.stage}

    def __getitem__(self, customer: Any) -> str:
        return self._stage_of[customer]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stage_of)

    def __len__(self) -> int:
        return len(self.customer)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StageAt):
            return same(self.customer, other.customer) and same(self.stage, other.stage)
        return Mapping.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        counted = ", ".join(f"{stage} {count:,}" for stage, count in self.counts.items() if count)
        return f"<{len(self):,} customers at {self.when.isoformat()}: {counted or 'none'}>"


@final
@frozen(kw_only=True, repr=False)
class Upcoming:
    """Customers whom silence will move, the soonest first.

    Attributes
    ----------
    customer : (k,) ndarray
        Who.
    stage, next_stage : (k,) ndarray of str
        Where each is, and where he will be.
    at : (k,) ndarray of datetime64
        When, UTC, unless a touchpoint comes first.
    definition : str
        What was looked for.
    """

    customer: Array = array_field()
    stage: Array = array_field()
    next_stage: Array = array_field()
    at: Array = array_field()
    definition: str

    __setstate__ = seal

    def to_columns(self) -> dict[str, Array]:
        """Return one row a customer: who, where from, where to, and when."""
        return {"customer_id": self.customer, "stage": self.stage, "next_stage": self.next_stage, "at": self.at}

    def __len__(self) -> int:
        return len(self.customer)

    def __repr__(self) -> str:
        return f"<{len(self):,} customers whom silence will move>"


def stage_at(visits: Visits, moment: int, through: int, zone: Zone) -> StageAt:
    """Return the stage of every customer who had begun by a moment, in microseconds.

    Raises
    ------
    InvalidDataError
        If the moment is after the end of the log.
    """
    if moment > through:
        raise InvalidDataError(
            f"when={describe(moment, zone)} is after the log's end, {describe(through, zone)}. Ask for a moment up to"
            " then, or replay with a later through=."
        )
    visit = np.empty(0, np.int64)
    if visits.n:
        entered = np.add.reduceat((visits.entered <= moment).astype(np.int64), visits.offsets[:-1])
        visit = np.where(entered > 0, visits.offsets[:-1] + entered - 1, -1)
    begun = visit >= 0
    return StageAt(
        when=instant(moment),
        customer=frozen_array(visits.customer[begun]),
        codes=frozen_array(visits.stage_codes[visit[begun]]),
        stages=visits.machine.stages,
    )


def upcoming(visits: Visits, next_at: IntArray, next_stage: Array, until: int, zone: Zone) -> Upcoming:
    """Return the customers whom silence moves by an instant, the soonest first."""
    due = np.flatnonzero(next_at <= until)
    due = due[np.argsort(next_at[due], kind="stable")]
    names = np.array(visits.machine.stages, dtype=object)
    return Upcoming(
        customer=frozen_array(visits.customer[due]),
        stage=frozen_array(names[visits.stage_codes[visits.offsets[1:][due] - 1]]),
        next_stage=frozen_array(names[next_stage[due]]),
        at=frozen_array(next_at[due].view("M8[us]")),
        definition=f"Customers whom a timeout moves by {describe(until, zone)} unless a touchpoint comes.",
    )
