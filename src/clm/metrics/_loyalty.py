"""Loyalty: who stays for good, brings others, and is worth most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.data import DAYS, Discount
from clm.ltv import lifetime_value
from clm.metrics._fits import NotFittedError
from clm.metrics._histories import NEVER
from clm.metrics._protocol import Direction, undefined
from clm.metrics._retention import SurveyScore
from clm.metrics._tables import ORDER
from clm.stats import plain_number, proportion

if TYPE_CHECKING:
    from clm.metrics._base import CustomerBase
    from clm.stats import Estimate
    from clm.typing import BoolArray


@final
@frozen
class LoyalShare:
    """Share of customers who are in a loyal stage at the end of the period.

    Parameters
    ----------
    stages : tuple of str
        The stages that count as loyal.
    """

    stages: tuple[str, ...] = field(default=("loyalty", "advocate"), converter=tuple)
    name: ClassVar[str] = "loyal_share"
    stage: ClassVar[str] = "loyalty"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many customers are loyal?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Count customers by stage."""
        if ORDER not in base.lifecycle.known_kinds:
            return undefined(
                self, f"lifecycle {base.lifecycle.name!r} does not know touchpoints of kind {ORDER!r}", base
            )
        known = {stage.name for stage in base.lifecycle.stages}
        loyal = [stage for stage in self.stages if stage in known]
        if not loyal:
            return undefined(
                self,
                f"lifecycle {base.lifecycle.name!r} has no stage {' or '.join(map(repr, self.stages))}",
                base,
            )
        bought = base.histories.first_of(ORDER) < NEVER
        return proportion(
            np.count_nonzero(bought & _in_stages(base, loyal)),
            np.count_nonzero(bought),
            name=self.name,
            definition=f"Of the customers who ever ordered through {base.period.end}, the share who are then in stage "
            f"{' or '.join(loyal)} of lifecycle {base.lifecycle.name}.",
            undefined=f"nobody ordered through {base.period.end}",
        )


@final
@frozen
class ReferralRate:
    """Share of customers who ever referred somebody.

    Parameters
    ----------
    kind : str
        The kind of touchpoint that is a referral.
    """

    kind: str = "referral"
    name: ClassVar[str] = "referral_rate"
    stage: ClassVar[str] = "loyalty"
    needs: ClassVar[tuple[str, ...]] = ("orders", "touchpoints")
    unit: ClassVar[str] = "fraction"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "How many customers bring others?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Count customers who ordered, and those of them who referred."""
        histories = base.histories
        if self.kind not in histories.kinds:
            return undefined(self, f"there is no touchpoint of kind {self.kind!r}", base)
        bought = histories.first_of(ORDER) < NEVER
        return proportion(
            np.count_nonzero(bought & (histories.first_of(self.kind) < NEVER)),
            np.count_nonzero(bought),
            name=self.name,
            definition=f"Of the customers who ever ordered through {base.period.end}, the share with a touchpoint of "
            f"kind {self.kind!r} by then.",
            undefined=f"nobody ordered through {base.period.end}",
        )


def _years(years: Any) -> float:
    return plain_number(years, "years", lowest=0)


def _margin(margin: Any) -> float:
    return plain_number(margin, "margin", lowest=0, highest=1)


@final
@frozen
class CustomerLifetimeValue:
    """What a customer is expected to spend from now on, by BG/NBD and Gamma-Gamma.

    Parameters
    ----------
    years : float
        How far ahead.
    margin : float
        Share of revenue that is kept.
    discount : Discount, optional
        Rate at which later money is worth less; by default none.
    """

    years: float = field(default=1.0, converter=_years)
    margin: float = field(default=1.0, converter=_margin)
    discount: Discount | None = None
    name: ClassVar[str] = "customer_lifetime_value"
    stage: ClassVar[str] = "loyalty"
    needs: ClassVar[tuple[str, ...]] = ("orders",)
    unit: ClassVar[str] = "currency"
    direction: ClassVar[Direction] = "higher"
    description: ClassVar[str] = "What will a customer spend in the next year?"

    def measure(self, base: CustomerBase) -> Estimate[float]:
        """Average over all customers who ever ordered."""
        try:
            fit, order_value = base.purchase_fit, base.order_value_fit
        except NotFittedError as error:
            return undefined(self, str(error).removesuffix("."), base)
        values = lifetime_value(
            fit,
            base.rfm,
            order_value=order_value,
            horizon=self.years * DAYS["year"] / DAYS[fit.unit],
            discount=self.discount,
            margin=self.margin,
        )
        average = values.mean()
        return evolve(
            average,
            name=self.name,
            unit=base.currency,
            definition=f"Mean expected value over the {self.years:g} year{'s' * (self.years != 1)} after "
            f"{base.period.close}, over all customers who ever ordered: {values.definition}",
        )


def _in_stages(base: CustomerBase, stages: list[str]) -> BoolArray:
    """Return which of the base's customers are in one of the stages at the end."""
    placed = base.stage_log.stage_at(base.period.ends)
    there = np.zeros(len(base.histories.customer), bool)
    there[np.searchsorted(base.histories.customer, placed.customer)] = np.isin(placed.stage.astype(str), stages)
    return there


LOYALTY: Final = (
    SurveyScore("nps", "loyalty", "points", "Would customers recommend it?"),
    LoyalShare(),
    ReferralRate(),
    CustomerLifetimeValue(),
)
