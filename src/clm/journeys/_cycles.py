"""Rounds that customers make: each from the first stage until they are back in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from clm.core import Lifecycle
    from clm.journeys._visits import Visits
    from clm.typing import Array, IntArray

_STATUS: Final = np.array(["open", "partial", "full"], dtype=object)


@final
@frozen(kw_only=True, repr=False)
class Cycles:
    """The cycles of every customer, by customer and in order.

    Attributes
    ----------
    customer : (c,) ndarray
        Whose cycle each is.
    number : (c,) ndarray of int64
        Which of his it is, from 1 on.
    started_at, ended_at : (c,) ndarray of datetime64
        Instants, UTC; NaT where it has not ended.
    stages : (c,) ndarray of int64
        Ranked stages that he passed through in it.
    status : (c,) ndarray of str
        ``"full"`` where these are all there are, ``"partial"`` where the cycle ended without, ``"open"`` where it may
        still become full.
    definition : str
        What was counted.
    """

    customer: Array = array_field()
    number: IntArray = array_field()
    started_at: Array = array_field()
    ended_at: Array = array_field()
    stages: IntArray = array_field()
    status: Array = array_field()
    definition: str

    __setstate__ = seal

    @property
    def counts(self) -> dict[str, int]:
        """Cycles by status."""
        return {name: int((self.status == name).sum()) for name in ("full", "partial", "open")}

    def to_columns(self) -> dict[str, Array]:
        """Return one row a cycle."""
        return {
            "customer_id": self.customer,
            "cycle": self.number,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "stages": self.stages,
            "status": self.status,
        }

    def __len__(self) -> int:
        return len(self.customer)

    def __repr__(self) -> str:
        return f"<Cycles: {', '.join(f'{count:,} {name}' for name, count in self.counts.items())}>"


def cycles(visits: Visits, lifecycle: Lifecycle) -> Cycles:
    """Cut each customer's visits where he enters the initial stage.

    Raises
    ------
    InvalidDataError
        If no stage has a rank.
    """
    ranked = np.array([stage.rank is not None for stage in lifecycle.stages])
    if not ranked.any():
        raise InvalidDataError(f"no stage of {lifecycle.name!r} has a rank. Rank the stages of a full cycle.")
    starts = np.flatnonzero(visits.stage_codes == visits.machine.initial)
    cycle = np.cumsum(visits.stage_codes == visits.machine.initial) - 1
    passed = np.zeros(len(starts), np.int64)
    for stage in np.flatnonzero(ranked):
        there = np.zeros(len(starts), bool)
        there[cycle[visits.stage_codes == stage]] = True
        passed += there
    owner = np.searchsorted(visits.offsets, starts, side="right") - 1
    goes_on = np.append(owner[1:] == owner[:-1], False)[: len(starts)]
    ended = np.full(len(starts), np.datetime64("NaT", "us"))
    started = visits.entered[starts].view("M8[us]")
    ended[goes_on] = started[np.flatnonzero(goes_on) + 1]
    first = np.searchsorted(owner, owner, side="left")
    full = passed == ranked.sum()
    return Cycles(
        customer=frozen_array(visits.customer[owner]),
        number=frozen_array(np.arange(len(starts)) - first + 1),
        started_at=frozen_array(started),
        ended_at=frozen_array(ended),
        stages=frozen_array(passed),
        status=frozen_array(_STATUS[np.where(full, 2, goes_on)]),
        definition=f"Cycles of {lifecycle.name!r}: each from an entry to {lifecycle.initial!r} to the next; full where "
        f"all {int(ranked.sum())} ranked stages were visited in it.",
    )
