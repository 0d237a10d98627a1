"""Acquisition: how many become customers, and what one costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.economics import cac
from clm.metrics._histories import NEVER
from clm.metrics._maturity import check_days, span, within_days
from clm.metrics._protocol import Direction, undefined
from clm.stats import exact

if TYPE_CHECKING:
    from clm.metrics._base import CustomerBase
    from clm.stats import Estimate


@final
@frozen
class NewCustomers:
    """Customers who ordered for the first time in the period."""

    name: ClassVar[str] = "new_customers"
    stage: ClassVar[str] = "acquisition"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "customers"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many customers ordered for the first time?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Count them."""
        count = new_customers(base)
        return exact(
            count,
            n=count,
            name=self.name,
            unit=self.unit,
            definition=f"Customers whose first order, refunds aside, falls in the period {base.scope}.",
        )


@final
@frozen
class CostPerAcquisition:
    """What all channels cost, for each customer who ordered for the first time."""

    name: ClassVar[str] = "cost_per_acquisition"
    stage: ClassVar[str] = "acquisition"
    needs: ClassVar[tuple[str, ...]] = ("orders", "channels")
    unit: ClassVar[str] = "currency"
    direction: ClassVar[Direction] = "lower"
    description: ClassVar[str] = "What does a new customer cost?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Call `clm.cac` on the cost of all channels and the new customers."""
        columns = base.columns("channels")
        if "cost" not in columns:
            return undefined(self, "channels has no column 'cost'", base)
        if not len(columns["at"]):
            return undefined(self, f"channels has no rows {base.scope}", base)
        count = new_customers(base)
        if not count:
            return undefined(self, f"nobody ordered for the first time {base.scope}", base)
        return evolve(
            cac(float(columns["cost"].sum()), count),
            name=self.name,
            unit=base.currency,
            definition=f"Cost of all channels over customers whose first order falls in the same period, {base.scope}, "
            "whatever brought them; the interval takes their number as Poisson.",
        )


@final
@frozen
class SignUpRate:
    """Share of those reached who sign up within a fixed time.

    Parameters
    ----------
    within_days : float
        How long after they were first seen.
    kind : str
        The kind of touchpoint that is a sign-up.
    """

    within_days: float = field(default=30.0, validator=check_days)
    kind: str = "signed_up"
    name: ClassVar[str] = "sign_up_rate"
    stage: ClassVar[str] = "acquisition"
    needs: ClassVar[tuple[str, ...]] = ("touchpoints",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many of those reached sign up?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Follow everybody for the same time."""
        histories = base.histories
        if self.kind not in histories.kinds:
            return undefined(self, f"there is no touchpoint of kind {self.kind!r}", base)
        return within_days(
            base,
            histories.first_seen,
            histories.first_of(self.kind),
            days=self.within_days,
            name=self.name,
            definition=f"Of the customers whose first {span(self.within_days)} since they were first seen ended in the "
            f"period {base.scope}, the share who signed up in that time.",
        )


def new_customers(base: CustomerBase) -> int:
    """Return how many customers ordered for the first time in the period."""
    first = base.histories.first_of("order")
    return int(np.count_nonzero(base.period.holds(first) & (first < NEVER)))


ACQUISITION: Final = (NewCustomers(), CostPerAcquisition(), SignUpRate())
