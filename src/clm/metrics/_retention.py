"""Retention: who comes back, and how content he is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.metrics._fits import NotFittedError
from clm.metrics._maturity import check_days, microseconds, span, within_days
from clm.metrics._protocol import Direction, undefined
from clm.stats import mean, proportion

if TYPE_CHECKING:
    from clm.metrics._base import CustomerBase
    from clm.stats import Estimate


@final
@frozen
class RepeatPurchaseRate:
    """Share of customers who order a second time within a fixed time of the first.

    Parameters
    ----------
    within_days : float
        How long after the first order.
    """

    within_days: float = field(default=90.0, validator=check_days)
    name: ClassVar[str] = "repeat_purchase_rate"
    stage: ClassVar[str] = "retention"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many customers order again?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Follow everybody for the same time."""
        return within_days(
            base,
            base.histories.first_of("order"),
            base.histories.second_order,
            days=self.within_days,
            name=self.name,
            definition=f"Of the customers whose first {span(self.within_days)} since their first order ended in the "
            f"period {base.scope}, the share who ordered again on a later day in that time.",
        )


@final
@frozen
class RetentionRate:
    """Share of active customers who order again within the time that makes a customer active.

    Parameters
    ----------
    within_days : float
        A customer is active for this long after an order.
    """

    within_days: float = field(default=90.0, validator=check_days)
    name: ClassVar[str] = "retention_rate"
    stage: ClassVar[str] = "retention"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many active customers stay?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Compare those active at the start with those who ordered since."""
        active, stayed = _active(base, self.within_days)
        return proportion(
            stayed,
            active,
            name=self.name,
            definition=f"{_who(base, self.within_days)}, the share with one in the {span(self.within_days)} since.",
            undefined=_nobody(base, self.within_days),
        )


@final
@frozen
class ChurnRate:
    """Share of active customers who do not order again within the time that makes a customer active.

    Parameters
    ----------
    within_days : float
        A customer is active for this long after an order.
    """

    within_days: float = field(default=90.0, validator=check_days)
    name: ClassVar[str] = "churn_rate"
    stage: ClassVar[str] = "retention"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "lower"
    description: ClassVar[str] = "How many active customers leave?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Compare those active at the start with those who ordered since."""
        active, stayed = _active(base, self.within_days)
        return proportion(
            active - stayed,
            active,
            name=self.name,
            definition=f"{_who(base, self.within_days)}, the share without one in the {span(self.within_days)} since.",
            undefined=_nobody(base, self.within_days),
        )


@final
@frozen
class PurchaseFrequency:
    """Orders a customer, among those who ordered."""

    name: ClassVar[str] = "purchase_frequency"
    stage: ClassVar[str] = "retention"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "orders"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How often does a customer order?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Average orders over customers."""
        if not base.has_orders:
            return undefined(self, f"there is no order {base.scope}", base)
        return mean(
            base.period_rfm.frequency + 1,
            name=self.name,
            unit=self.unit,
            definition="Orders a customer, those on one day counted as one, over customers with an order "
            f"{base.scope}.",
        )


@final
@frozen
class ProbabilityAlive:
    """Mean probability that a customer will order again some day, by BG/NBD."""

    name: ClassVar[str] = "probability_alive"
    stage: ClassVar[str] = "retention"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How much of the customer base is still alive?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Average over all customers who ever ordered."""
        try:
            fit = base.purchase_fit
        except NotFittedError as error:
            return undefined(self, str(error).removesuffix("."), base)
        return evolve(
            fit.probability_alive(base.rfm).mean(),
            name=self.name,
            unit=self.unit,
            definition=f"Mean probability of being alive at {base.period.close}, by BG/NBD fitted to all orders "
            "until then, over all customers who ever ordered.",
        )


@final
@frozen
class SurveyScore:
    """A satisfaction score of the period's answers.

    Parameters
    ----------
    name : {"nps", "csat", "ces"}
        Kind of the answers, and name of the metric.
    stage : str
        Where it belongs.
    unit : str
        Unit of the score.
    description : str
        What it answers.
    """

    name: str
    stage: str
    unit: str
    description: str
    needs: ClassVar[tuple[str, ...]] = ("answers",)
    direction: ClassVar[Direction] = "higher"

    def direction_on(self, base: CustomerBase) -> Direction:
        """Return which way is better: on a scale of effort itself, low is."""
        return "higher" if base.scale(self.name).higher_is_better or self.name == "csat" else "lower"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Score the answers of the kind."""
        kinds = np.unique(base.columns("answers", history=True)["kind"].astype(str)).tolist()
        if self.name not in kinds:
            there = f", only {', '.join(map(repr, kinds[:5]))}" if kinds else ""
            return undefined(self, f"there is no answer of kind {self.name!r}{there}", base)
        found = base.score(self.name).estimate
        assumed = () if self.name in base.scales else (f"The scale {base.scale(self.name).span} is assumed.",)
        return evolve(
            found,
            name=self.name,
            unit=self.unit,
            definition=f"{found.definition.removesuffix('.')}; answers {base.scope}.",
            undefined=None if found.undefined is None else f"there is no answer of kind {self.name!r} {base.scope}",
            caveats=(*found.caveats, *assumed, *_repeated(base, self.name)),
        )


def _repeated(base: CustomerBase, kind: str) -> tuple[str, ...]:
    """Warn where customers answered more than once: the interval takes answers as independent."""
    answers = base.columns("answers")
    if "customer_id" not in answers:
        return ()
    mine = answers["kind"] == kind
    who = answers["customer_id"][mine]
    known = [customer for customer in who.tolist() if customer is not None]
    people = len(set(known))
    if people == len(known):
        return ()
    return (f"{len(known):,} answers come from {people:,} customers; the interval takes answers as independent.",)


def _active(base: CustomerBase, days: float) -> tuple[int, int]:
    """Return how many were active some days ago, and how many of them ordered since."""
    end, length = base.period.last, microseconds(days)
    active = base.histories.ordered(end - 2 * length, end - length)
    return int(active.sum()), int(np.count_nonzero(active & base.histories.ordered(end - length, end)))


def _who(base: CustomerBase, days: float) -> str:
    length = span(days)
    return f"Of the customers with an order in the {length} that ended {length} before {base.period.close}"


def _nobody(base: CustomerBase, days: float) -> str:
    return f"nobody ordered in the {span(days)} that ended {span(days)} before {base.period.close}"


RETENTION: Final = (
    RepeatPurchaseRate(),
    RetentionRate(),
    ChurnRate(),
    PurchaseFrequency(),
    ProbabilityAlive(),
    SurveyScore("csat", "retention", "percent", "How many are satisfied with what they got?"),
    SurveyScore("ces", "retention", "points", "How easy is it to be a customer?"),
)
