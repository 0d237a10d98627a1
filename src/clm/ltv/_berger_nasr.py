"""Value a retained customer who has to be kept by promotion: Berger and Nasr's first case."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, final

from attrs import frozen

from clm.errors import InvalidDataError
from clm.ltv._formula import RetentionFamily, check_horizon
from clm.stats import Quantity, period_rate, propagate

if TYPE_CHECKING:
    from clm.stats import Estimate


def berger_nasr_ltv(
    *,
    margin_per_period: Any,
    promotion_per_period: Any,
    retention: Any,
    discount: float,
    horizon: int | None = None,
) -> Estimate[float]:
    """Value a customer by margin once a period and promotion in the middle of each.

    Parameters
    ----------
    margin_per_period
        Margin of one sale, in money; sales are at the start of each period, the first one now.
    promotion_per_period
        What is spent on a customer per period to keep him, in money, in the middle of the period.
    retention
        Probability of a sale in the next period, 0 to 1.
    discount
        Rate per period, as a fraction.
    horizon
        Renewals counted; None for all that may come.

    Returns
    -------
    Estimate
        The three first arguments are numbers or estimates; several of these are taken as independent (MOVER).

    Raises
    ------
    InvalidDataError
        If a number is outside its range, or the numbers as given let the sum grow without bound.

    Notes
    -----
    Case 1 of [1]_: with margin GC, promotion M, retention r, discount d and n renewals, the sum of
    ``GC (r / (1 + d))**i`` for i from 0 to n, less that of ``M r**(i - 1) / (1 + d)**(i - 0.5)`` for i from 1 to n. The
    value need not rise with retention: where promotion costs more than it brings, a loyal customer costs more. Limits
    are therefore the lowest and the highest value over the retention's interval.

    References
    ----------
    .. [1] Berger and Nasr (1998), Journal of Interactive Marketing 12(1), 17-30.

    Examples
    --------
    >>> value = clm.berger_nasr_ltv(
    ...     margin_per_period=260, promotion_per_period=50, retention=0.75, discount=0.2, horizon=10
    ... )
    >>> round(value.value, 2)
    568.78
    """
    formula = MarginLessPromotion(period_rate(discount), check_horizon(horizon))
    stays = Quantity.of(retention, "retention", lowest=0, highest=1)
    endless = f"at a retention of {stays.value:g} and a discount of {formula.discount:g} the sum never ends"
    if stays.estimate is None and formula(1.0, 0.0, stays.value) == inf:
        raise InvalidDataError(f"{endless}. Give a horizon, or a larger discount.")
    span = "all renewals" if formula.horizon is None else f"{formula.horizon:,} renewals"
    return propagate(
        formula,
        [
            Quantity.of(margin_per_period, "margin_per_period", positive=True),
            Quantity.of(promotion_per_period, "promotion_per_period", lowest=0, positive=True),
            stays,
        ],
        name="lifetime value",
        unit="currency",
        definition=(
            f"Expected discounted margin of the first sale and {span} at the start of each period, less promotion in "
            f"the middle of each, with one constant retention rate, discounted at {formula.discount:.6g} a period."
        ),
        undefined=endless,
        scale="plain",
    )


@final
@frozen
class MarginLessPromotion:
    """Margins less promotions: a formula of margin, promotion and retention."""

    discount: float
    horizon: int | None

    def __call__(self, margin: float, promotion: float, retention: float) -> float:
        """Return the value; ``inf`` where the sum grows without bound."""
        payments = self._kept(retention, self.horizon)
        if payments == inf:
            return inf
        # The i-th promotion reaches whoever bought half a period before: one promotion fewer than sales.
        promotions = payments if self.horizon is None else self._kept(retention, self.horizon - 1)
        return float(margin * payments - promotion * promotions / (1 + self.discount) ** 0.5)

    def _kept(self, retention: float, renewals: int | None) -> float:
        if renewals == -1:
            return 0.0
        kept = RetentionFamily(discount=self.discount, first_payment=True, timing="start", horizon=renewals)
        return kept(1.0, retention)
