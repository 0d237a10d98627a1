"""What one customer's touchpoints made of him."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, final, overload

from attrs import field, frozen

from clm.core._records import Visit

if TYPE_CHECKING:
    from clm.core._records import Touchpoint
    from clm.core._state import State


@final
@frozen(eq=False)
class History(Sequence[Visit]):
    """The visits of one customer, in order; a sequence of `Visit`.

    Two histories are equal where their visits are.

    Attributes
    ----------
    visits : tuple of Visit
        Each begins where the one before ended; the last is open.
    state : State
        Where the customer is at the end, to go on from.
    illegal, unknown : tuple of Touchpoint
        What the lifecycle does not allow or know; filled where ``"record"`` was asked for.
    left_out : int
        Touchpoints after `through`.
    """

    visits: tuple[Visit, ...]
    state: State = field(repr=False)
    illegal: tuple[Touchpoint, ...] = ()
    unknown: tuple[Touchpoint, ...] = ()
    left_out: int = 0

    @overload
    def __getitem__(self, index: int) -> Visit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Visit, ...]: ...
    def __getitem__(self, index: int | slice) -> Visit | tuple[Visit, ...]:
        return self.visits[index]

    def __len__(self) -> int:
        return len(self.visits)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, History):
            return self.visits == other.visits
        return self.visits == tuple(other) if isinstance(other, (tuple, list)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.visits)
