"""What customers cost to win, and what comes back for it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import Estimate, Quantity, array_field, figure, frozen_array, numbers, propagate, seal, z_score

if TYPE_CHECKING:
    from clm.typing import FloatArray


def cac(cost: Any, new_customers: Any) -> Estimate[Any]:
    """Return the cost of acquiring a customer.

    Parameters
    ----------
    cost
        Spending on acquisition, in money: a number, or one a channel or period. What it holds is what the result means:
        advertising alone, or salaries and tools too.
    new_customers
        Customers won with it: a whole number, or as many.

    Returns
    -------
    Estimate
        Money per customer. Undefined where nobody was won; the reason states a lower bound.

    Raises
    ------
    InvalidDataError
        If a cost is negative, a count is no whole number from 0 on, or there are more of the one than of the other.

    Notes
    -----
    ``cost / new_customers``. The spending is known; the customers won with it are a count that would have come out
    otherwise in another month like it. The limits are the cost over the score interval of a Poisson count.

    Examples
    --------
    >>> clm.cac(5_000, 40)
    <customer acquisition cost: 125 currency (95% interval 91.8 to 170.2; n = 40)>
    """
    spent, won = numbers(cost, "cost"), numbers(new_customers, "new_customers")
    if spent.shape != won.shape:
        raise InvalidDataError(
            f"cost has shape {spent.shape}, new_customers {won.shape}. Give one count for each cost."
        )
    if not (np.isfinite(spent) & (spent >= 0)).all():
        raise InvalidDataError("cost must be a finite number from 0 on. Leave out what is not known.")
    if not (np.isfinite(won) & (won >= 0) & (won == np.floor(won))).all():
        raise InvalidDataError("new_customers must be a whole number from 0 on. Leave out what is not known.")
    some = np.maximum(won, 1)
    return Estimate(
        value=np.where(won > 0, spent / some, np.nan),
        standard_error=np.where(won > 0, spent / some**1.5, np.nan),
        n=won.astype(np.int64),
        name="customer acquisition cost",
        unit="currency",
        definition="Spending on acquisition over the number of customers won with it.",
        undefined=_nobody_won(spent, won),
        band=PerCount(won),
    )


def ltv_to_cac(ltv: Any, cac: Any) -> Estimate[float]:
    """Return how many times its acquisition cost a customer's lifetime value is.

    Parameters
    ----------
    ltv
        Lifetime value, in money: a number or an `Estimate`. It should be margin, not revenue, over a stated horizon.
    cac
        Acquisition cost, in money: a number or an `Estimate`, as of ``clm.cac``.

    Returns
    -------
    Estimate
        Undefined where acquisition costs nothing. Of two estimates, limits are put together by MOVER on logs.

    Raises
    ------
    InvalidDataError
        If the cost is negative, or an argument is not one number.

    Examples
    --------
    >>> value = clm.churn_ltv(revenue=50, margin=0.8, churned=5, customers_at_start=100)
    >>> clm.ltv_to_cac(value, clm.cac(10_000, 50))
    <LTV to CAC: 4 ratio (95% interval 1.709 to 9.703; n = 50)>
    """
    return propagate(
        _ratio,
        [Quantity.of(ltv, "ltv", positive=True), Quantity.of(cac, "cac", lowest=0, positive=True)],
        name="LTV to CAC",
        unit="ratio",
        definition="Lifetime value over acquisition cost, as given.",
        undefined="acquisition costs nothing",
    )


def roi(gain: Any, cost: Any) -> Estimate[float]:
    """Return what was gained on top of a cost, as a fraction of it.

    Parameters
    ----------
    gain
        What came back, in money: margin rather than revenue. A number or an `Estimate`.
    cost
        What was spent, in money: a number or an `Estimate`.

    Returns
    -------
    Estimate
        ``(gain - cost) / cost``: 0.5 for half of the cost on top. Undefined where nothing was spent.

    Raises
    ------
    InvalidDataError
        If the cost is negative, or an argument is not one number.

    Examples
    --------
    >>> clm.roi(gain=1_500, cost=1_000).value
    0.5
    """
    return propagate(
        _gained,
        [Quantity.of(gain, "gain", positive=True), Quantity.of(cost, "cost", lowest=0, positive=True)],
        name="return on investment",
        unit="fraction",
        definition="Gain less cost, over cost.",
        undefined="nothing was spent",
        scale="plain",
    )


@final
@frozen
class PerCount:
    """Limits of an amount per counted event, where the amount is known and events arrive at random.

    References
    ----------
    .. [1] Rao (1948), Proceedings of the Cambridge Philosophical Society 44, 50-57.
    """

    counts: FloatArray = array_field(converter=lambda counts: frozen_array(counts, float))

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "score, Poisson count"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends."""
        fewest, most = _poisson_limits(self.counts, level)
        total = value * self.counts
        return np.where(self.counts > 0, total / most, np.nan), np.where(
            self.counts > 0, total / np.where(self.counts > 0, fewest, 1.0), np.nan
        )


def _poisson_limits(counts: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    z = z_score(level)
    half = z * np.sqrt(counts + z * z / 4)
    return counts + z * z / 2 - half, counts + z * z / 2 + half


def _nobody_won(spent: FloatArray, won: FloatArray) -> Any:
    most = float(_poisson_limits(np.zeros(()), 0.95)[1])
    reasons = [
        f"nobody was won; at 95% confidence a customer costs at least {figure(amount / most)}"
        for amount in spent.ravel()
    ]
    return np.array(reasons, object).reshape(won.shape) if won.ndim else reasons[0]


def _ratio(value: float, cost: float) -> float:
    return value / cost if cost > 0 else inf


def _gained(gain: float, cost: float) -> float:
    return gain / cost - 1 if cost > 0 else inf
