"""Plug a metric into clm: the share of orders that are placed on a weekend."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np
from attrs import frozen

import clm

if TYPE_CHECKING:
    from clm.metrics import CustomerBase

__all__ = ["WeekendOrderShare"]


@final
@frozen
class WeekendOrderShare:
    """Share of orders placed on a Saturday or Sunday, UTC: does the shop live from leisure?"""

    name: ClassVar[str] = "weekend_order_share"
    stage: ClassVar[str] = "conversion"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Literal["higher", "lower"]] = "higher"
    description: ClassVar[str] = "How many of the orders come in on a weekend?"

    def measure(self, base: CustomerBase) -> clm.Estimate[float]:
        """Count the orders of the period and those on a weekend."""
        days = base.columns("orders")["at"].astype("datetime64[D]").astype(np.int64)
        weekday = (days + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
        return clm.stats.proportion(
            np.count_nonzero(weekday >= 5),
            len(days),
            name=self.name,
            definition="Orders placed on a Saturday or Sunday (UTC), as a share of all orders of the period.",
            undefined="there is no order in the period",
        )
