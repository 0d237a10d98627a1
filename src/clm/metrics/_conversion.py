"""Conversion: who orders, how soon, and for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.data import DAY, Durations
from clm.economics import average_order_value
from clm.metrics._histories import NEVER
from clm.metrics._maturity import check_days, span, within_days
from clm.metrics._protocol import Direction, undefined
from clm.metrics._tables import ORDER
from clm.stats import exact
from clm.survival import kaplan_meier

if TYPE_CHECKING:
    from clm.metrics._base import CustomerBase
    from clm.metrics._protocol import Metric
    from clm.stats import Estimate

_ONLY_ORDERS = "nobody is known before his first order: give CustomerBase(touchpoints=...) or acquired_at in customers"


@final
@frozen
class ConversionRate:
    """Share of those reached who order for the first time within a fixed time.

    Parameters
    ----------
    within_days : float
        How long after they were first seen.
    """

    within_days: float = field(default=90.0, validator=check_days)
    name: ClassVar[str] = "conversion_rate"
    stage: ClassVar[str] = "conversion"
    needs: ClassVar[tuple[str, ...]] = ("touchpoints",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many of those reached order?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Follow everybody for the same time."""
        if (reason := _unfit(base)) is not None:
            return undefined(self, reason, base)
        histories = base.histories
        return within_days(
            base,
            histories.first_seen,
            histories.first_of(ORDER),
            days=self.within_days,
            name=self.name,
            definition=f"Of the customers whose first {span(self.within_days)} since they were first seen ended in the "
            f"period {base.scope}, the share who ordered in that time.",
        )


@final
@frozen
class TimeToFirstPurchase:
    """Time after which half of those reached have ordered, counting those who have not yet."""

    name: ClassVar[str] = "time_to_first_purchase"
    stage: ClassVar[str] = "conversion"
    needs: ClassVar[tuple[str, ...]] = ("touchpoints",)
    unit: ClassVar[str] = "days"
    direction: ClassVar[Direction] = "lower"
    description: ClassVar[str] = "How long until half of those reached have ordered?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Take the Kaplan-Meier median."""
        if (reason := _unfit(base)) is not None:
            return undefined(self, reason, base)
        seen, ordered = base.histories.first_seen, base.histories.first_of(ORDER)
        reached = base.period.holds(seen) & (seen < NEVER)
        if not reached.any():
            return undefined(self, f"nobody was first seen {base.scope}", base)
        end = np.minimum(ordered, base.period.last)[reached]
        durations = Durations((end - seen[reached]) / DAY, ordered[reached] < NEVER, unit="day")
        curve = kaplan_meier(durations)
        median = curve.median
        ended = float(curve.value[-1]) if len(curve.value) else 1.0
        return evolve(
            median,
            undefined=f"{ended:.0%} of them have not ordered after {curve.last_age:.0f} days, the longest watched",
            name=self.name,
            unit=self.unit,
            definition="Kaplan-Meier median of the days from first seen to first order, over customers first seen "
            f"{base.scope}; those who have not ordered count as long as they were watched.",
        )


@final
@frozen
class AverageOrderValue:
    """What an order is worth, refunds taken off."""

    name: ClassVar[str] = "average_order_value"
    stage: ClassVar[str] = "conversion"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "currency"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "What is an order worth?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Call `clm.average_order_value` on the purchases of the period; ``n`` counts orders."""
        if not base.has_orders:
            return _no_orders(self, base)
        rfm = base.period_rfm
        if rfm.value_total is None:
            return _no_amounts(self, base)
        return evolve(
            average_order_value(rfm),
            n=int((rfm.frequency + 1).sum()),
            name=self.name,
            unit=base.currency,
            definition="Revenue less refunds over orders, those of a customer on one day counted as one, "
            f"{base.scope}; the interval takes customers as independent, not their orders.",
        )


@final
@frozen
class Orders:
    """Orders of the period."""

    name: ClassVar[str] = "orders"
    stage: ClassVar[str] = "conversion"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "orders"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many orders came in?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Count purchase occasions."""
        count = int((base.period_rfm.frequency + 1).sum()) if base.has_orders else 0
        return exact(
            count,
            n=count,
            name=self.name,
            unit=self.unit,
            definition=f"Orders {base.scope}, those of a customer on one day counted as one, refunds aside.",
        )


@final
@frozen
class Revenue:
    """Revenue of the period, refunds taken off."""

    name: ClassVar[str] = "revenue"
    stage: ClassVar[str] = "conversion"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "currency"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "What did customers pay?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Add amounts up."""
        if not base.has_orders:
            return _no_orders(self, base)
        rfm = base.period_rfm
        if rfm.value_total is None:
            return _no_amounts(self, base)
        return exact(
            rfm.value_total.sum(),
            n=int((rfm.frequency + 1).sum()),
            name=self.name,
            unit=base.currency,
            definition=f"Sum of all amounts less refunds, {base.scope}, of customers with an order in the period.",
        )


def _unfit(base: CustomerBase) -> str | None:
    """Say why the way to the first order cannot be followed, or nothing."""
    histories = base.histories
    if ORDER not in histories.kinds:
        return f"nobody has ordered {base.scope}: orders are rows of orders, or touchpoints of kind 'order'"
    if (histories.first_seen == histories.first_of(ORDER)).all():
        return _ONLY_ORDERS
    return None


def _no_amounts(metric: Metric, base: CustomerBase) -> Estimate[float]:
    return undefined(metric, "orders has no amounts: name their column, clm.Source(orders, amount=...)", base)


def _no_orders(metric: Metric, base: CustomerBase) -> Estimate[float]:
    return undefined(metric, f"there is no order {base.scope}", base)


CONVERSION: Final = (ConversionRate(), TimeToFirstPurchase(), Orders(), AverageOrderValue(), Revenue())
