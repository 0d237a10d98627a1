"""Value a customer who pays one margin a period and stays with one probability."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import Quantity, figure, period_rate, plain_number, propagate, whole_number

if TYPE_CHECKING:
    from clm.stats import Estimate

Timing = Literal["start", "end"]

_LONGEST: Final = 1_000_000  # periods: what is not closed in form is added up one by one


def formula_ltv(
    margin_per_period: Any,
    retention: Any,
    discount: float,
    *,
    first_payment: bool,
    timing: Timing,
    horizon: int | None = None,
    growth: float = 0.0,
    growth_step: float = 0.0,
) -> Estimate[float]:
    """Value a customer by a constant retention rate and a constant margin.

    Textbooks print at least three formulas under one name. They differ in whether the first payment counts and in when
    payments are booked, so both have to be said.

    Parameters
    ----------
    margin_per_period
        Margin of one payment, in money: a number or an `Estimate`.
    retention
        Probability of renewal from one period to the next, 0 to 1: a number or an `Estimate`, as of
        ``clm.retention_rate``.
    discount
        Rate per period, as a fraction: ``clm.Discount(0.10, per="year").rate_per("month")`` gives it for months.
    first_payment
        Whether the payment made on joining counts, or only those of renewals.
    timing : {"start", "end"}
        Whether payments are booked at the start or at the end of their period.
    horizon
        Renewals counted; None for all that may come.
    growth
        Growth of the margin from one renewal to the next, as a fraction; the first renewal pays
        ``margin * (1 + growth)``.
    growth_step
        Growth of the margin by the same amount of money at each renewal, the first included.

    Returns
    -------
    Estimate
        Undefined where an estimated retention lets the sum grow without bound; the reason states a lower bound.

    Raises
    ------
    InvalidDataError
        If a number is outside its range, both kinds of growth are given, or the numbers as given let the sum grow
        without bound.

    Notes
    -----
    With margin m, retention r and discount d the value is the sum of ``m_t r**t / (1 + d)**t`` over renewals t, from 0
    on with the first payment and from 1 on without; booked at the end it is divided by ``1 + d`` once more [1]_. The
    limits are the formula's values over the retention's interval, unbounded above where its upper end reaches
    ``(1 + d) / (1 + growth)``. If the margin is estimated as well, deviations are put together on logs.

    Real customers differ in how loyal they are. Those who leave early leave the loyal behind, so that one retention
    rate undervalues the customers who are still there [2]_; nor does the formula apply where customers just stop buying
    without giving notice.

    References
    ----------
    .. [1] Fader and Hardie (2012), Reconciling and clarifying CLV formulas, brucehardie.com/notes/024.
    .. [2] Fader and Hardie (2010), Marketing Science 29, 85-93.

    Examples
    --------
    >>> value = clm.formula_ltv(margin_per_period=100, retention=0.8, discount=0.1, first_payment=True, timing="start")
    >>> round(value.value, 2)
    366.67
    >>> stays = clm.retention_rate(customers_at_start=200, customers_at_end=160, new=0)
    >>> clm.formula_ltv(100, stays, 0.1, first_payment=True, timing="start")
    <lifetime value: 366.7 currency (95% interval 304.8 to 439.2; n = 200)>
    """
    check_flag(first_payment, "first_payment")
    check_timing(timing)
    family = RetentionFamily(
        discount=period_rate(discount),
        first_payment=first_payment,
        timing=timing,
        horizon=check_horizon(horizon),
        growth=_one_growth(growth, growth_step),
        growth_step=plain_number(growth_step, "growth_step"),
    )
    margin = Quantity.of(margin_per_period, "margin_per_period", positive=True)
    stays = Quantity.of(retention, "retention", lowest=0, highest=1)
    if stays.estimate is None and not np.isfinite(family(1.0, stays.value)):
        raise InvalidDataError(
            f"the sum never ends: retention {stays.value:g} times growth is not below 1 + discount "
            f"({1 + family.discount:g}). Give a horizon, or a larger discount."
            if horizon is None
            else f"the value over {horizon:,} renewals is beyond what a float holds. Give a shorter horizon."
        )
    return propagate(
        family,
        [margin, stays],
        name="lifetime value",
        unit="currency",
        definition=family.definition,
        undefined=_never_ends(family, margin, stays),
    )


@final
@frozen(kw_only=True)
class RetentionFamily:
    """The value of payments that go on with one probability: a formula of margin and retention."""

    discount: float
    first_payment: bool
    timing: Timing
    horizon: int | None = None
    growth: float = 0.0
    growth_step: float = 0.0

    def __call__(self, margin: float, retention: float) -> float:
        """Return the value; ``inf`` where the sum grows without bound."""
        constant = retention / (1 + self.discount)
        booked = 1 / (1 + self.discount) if self.timing == "end" else 1.0
        with np.errstate(over="ignore"):
            level = np.float64(margin) * self._level(constant * (1 + self.growth)) if margin else 0.0
            slope = self.growth_step * self._slope(constant) if self.growth_step else 0.0
        return float((level + slope) * booked) if np.isfinite(level) and np.isfinite(slope) else inf

    @property
    def definition(self) -> str:
        """One sentence that fixes what is computed."""
        first = "the first payment and" if self.first_payment else "no first payment but"
        span = "all renewals" if self.horizon is None else f"{self.horizon:,} renewals"
        grows = f", margin growing by {self.growth:.6g} a renewal" if self.growth else ""
        steps = f", margin growing by {self.growth_step:.6g} in money a renewal" if self.growth_step else ""
        return (
            f"Expected discounted margin of a customer with one constant retention rate: {first} {span}, "
            f"booked at the {self.timing} of the period, discounted at {self.discount:.6g} a period{grows}{steps}."
        )

    def _level(self, ratio: float) -> float:
        """Return the sum of ratio**t over the payments that count."""
        first = 0 if self.first_payment else 1
        if self.horizon is None:
            return ratio**first / (1 - ratio) if ratio < 1 else inf
        payments = self.horizon + 1 - first
        if ratio in {0, 1} or payments == 0:
            return float(payments) if ratio else float(first == 0)
        # expm1 on both sides of the fraction: exact however close the ratio comes to 1.
        log_ratio = np.log(ratio)
        with np.errstate(over="ignore"):
            return float(ratio**first * np.expm1(payments * log_ratio) / np.expm1(log_ratio))

    def _slope(self, ratio: float) -> float:
        """Return the sum of t * ratio**t over the renewals."""
        if self.horizon is None:
            return ratio / (1 - ratio) ** 2 if ratio < 1 else inf
        t = np.arange(1, self.horizon + 1)
        return float((t * ratio**t).sum())


def check_horizon(horizon: Any) -> int | None:
    """Return a number of periods, None for no end.

    Raises
    ------
    InvalidDataError
        If it is no whole number from 0 on, or beyond a million.
    """
    if horizon is None:
        return None
    number = whole_number(horizon, "horizon")
    if number > _LONGEST:
        raise InvalidDataError(f"horizon={number:,} is above {_LONGEST:,} periods. Leave it out to count them all.")
    return number


def check_flag(flag: Any, name: str) -> None:
    """Refuse what is neither True nor False.

    Raises
    ------
    InvalidDataError
        If it is anything else.
    """
    if not isinstance(flag, (bool, np.bool_)):
        raise InvalidDataError(f"{name} must be True or False, not {flag!r}.")


def check_timing(timing: Any) -> None:
    """Refuse what is neither the start nor the end of a period.

    Raises
    ------
    InvalidDataError
        If it is anything else.
    """
    if timing not in ("start", "end"):
        raise InvalidDataError(f"timing must be 'start' or 'end', not {timing!r}.")


def check_growth(growth: Any) -> float:
    """Return a rate of growth.

    Raises
    ------
    InvalidDataError
        If it is -1 or less.
    """
    rate = plain_number(growth, "growth")
    if rate <= -1:
        raise InvalidDataError(f"growth must be above -1, not {rate:g}: a margin cannot shrink by more than itself.")
    return rate


def _one_growth(growth: Any, growth_step: Any) -> float:
    rate = check_growth(growth)
    if rate and plain_number(growth_step, "growth_step"):
        raise InvalidDataError("growth and growth_step were both given: the margin grows by a share or by an amount.")
    return rate


def _never_ends(family: RetentionFamily, margin: Quantity, stays: Quantity) -> str:
    if family.horizon is not None:
        return "it is beyond what a float holds"
    reason = f"at a retention of {stays.value:g} and a discount of {family.discount:g} the sum never ends"
    lowest, _ = stays.limits(0.95)
    bound = family(margin.limits(0.95)[0], lowest)
    if not 0 < bound < inf:
        return f"{reason}; give a horizon or a larger discount"
    return f"{reason}; at 95% confidence it is at least {figure(bound)}, with retention from {lowest:.4g} on"
