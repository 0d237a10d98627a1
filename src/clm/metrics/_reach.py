"""Reach: how many people the business is seen by."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
from attrs import frozen

from clm.metrics._histories import NEVER
from clm.metrics._protocol import Direction, undefined
from clm.stats import exact, proportion

if TYPE_CHECKING:
    from clm.metrics._base import CustomerBase
    from clm.stats import Estimate


@final
@frozen
class ChannelTotal:
    """A count that channels report, added up over channels and over the period.

    Parameters
    ----------
    name : str
        The column of the base's `channels`, and of the metric.
    description : str
        What it answers.
    """

    name: str
    description: str
    stage: ClassVar[str] = "reach"
    needs: ClassVar[tuple[str, ...]] = ("channels",)
    direction: ClassVar[Direction] = "higher"

    @property
    def unit(self) -> str:
        """The column's own noun."""
        return self.name

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Add the column up."""
        columns = base.columns("channels")
        if self.name not in columns:
            return undefined(self, f"channels has no column {self.name!r}", base)
        if not len(columns["at"]):
            return undefined(self, f"channels has no rows {base.scope}", base)
        total = columns[self.name].sum()
        return exact(
            total,
            n=round(total),
            name=self.name,
            unit=self.unit,
            definition=f"Sum of {self.name} over all channels, {base.scope}, as the channels report them.",
        )


@final
@frozen
class Followers:
    """Followers of all channels together, as last reported by the end of the period."""

    name: ClassVar[str] = "followers"
    stage: ClassVar[str] = "reach"
    needs: ClassVar[tuple[str, ...]] = ("channels",)
    unit: ClassVar[str] = "followers"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many people follow the channels?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Add up the last report of each channel."""
        columns = base.columns("channels", history=True)
        if "followers" not in columns:
            return undefined(self, "channels has no column 'followers'", base)
        if not len(columns["at"]):
            return undefined(self, f"channels has no rows {base.scope}", base)
        at = columns["at"].view(np.int64)
        names, channel = np.unique(columns["channel"].astype(str), return_inverse=True)
        last = np.full(len(names), at.min())
        np.maximum.at(last, channel.reshape(-1), at)
        total = columns["followers"][at == last[channel.reshape(-1)]].sum()
        return exact(
            total,
            n=round(total),
            name=self.name,
            unit=self.unit,
            definition=f"Followers of each channel as last reported through {base.period.end}, added up over channels.",
        )


@final
@frozen
class ClickThroughRate:
    """Share of impressions that were clicked."""

    name: ClassVar[str] = "click_through_rate"
    stage: ClassVar[str] = "reach"
    needs: ClassVar[tuple[str, ...]] = ("channels",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many of those who see an advertisement click on it?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Divide clicks by impressions, over the rows that report both."""
        columns = base.columns("channels")
        absent = [name for name in ("clicks", "impressions") if name not in columns]
        if absent:
            return undefined(self, f"channels has no column {' and no column '.join(map(repr, absent))}", base)
        shown = columns["impressions"] > 0
        clicks, impressions = columns["clicks"][shown].sum(), columns["impressions"][shown].sum()
        if clicks > impressions:
            return undefined(self, "there are more clicks than impressions: one of them is miscounted", base)
        return proportion(
            clicks,
            impressions,
            name=self.name,
            definition=f"Clicks over impressions of all channels that count impressions, {base.scope}; the interval "
            "takes impressions as independent.",
            undefined=f"there is no impression {base.scope}",
        )


@final
@frozen
class CustomersReached:
    """Customers who were first seen in the period."""

    name: ClassVar[str] = "customers_reached"
    stage: ClassVar[str] = "reach"
    needs: ClassVar[tuple[str, ...]] = ()
    unit: ClassVar[str] = "customers"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many people became known by name?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Count them."""
        missing = base.lacks("touchpoints")
        if missing is not None and base.lacks("customers") is not None:
            return undefined(self, missing, base)
        if not base.is_dated:
            return undefined(self, "nothing in this base is dated", base)
        first = base.histories.first_seen
        if not (first < NEVER).any():
            return undefined(self, f"nobody is known to have come {base.scope}", base)
        reached = int(np.count_nonzero(base.period.holds(first) & (first < NEVER)))
        return exact(
            reached,
            n=reached,
            name=self.name,
            unit=self.unit,
            definition=f"Customers whose first touchpoint, order or acquisition falls in the period {base.scope}.",
        )


REACH: Final = (
    ChannelTotal("impressions", "How often was the business seen?"),
    ChannelTotal("visits", "How often did somebody come to look?"),
    Followers(),
    ClickThroughRate(),
    CustomersReached(),
)
