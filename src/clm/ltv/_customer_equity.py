"""Value a prospect: what winning and keeping customers is worth, by Blattberg and Deighton."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, final

from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import Quantity, period_rate, propagate

if TYPE_CHECKING:
    from clm.stats import Estimate


def customer_equity(
    *,
    acquisition_rate: Any,
    acquisition_cost: Any,
    margin_per_period: Any,
    retention: Any,
    retention_cost: Any,
    discount: float,
) -> Estimate[float]:
    """Return the value of a prospect, given what acquisition and retention cost and bring.

    It serves to weigh the two budgets against each other: spending that lifts the acquisition or the retention rate
    pays as long as the value rises.

    Parameters
    ----------
    acquisition_rate
        Share of prospects who become customers, 0 to 1.
    acquisition_cost
        Spending per prospect, in money, whether he is won or not.
    margin_per_period
        Margin of a customer and period, in money.
    retention
        Probability that a customer stays for another period, 0 to 1.
    retention_cost
        Spending to retain a customer, in money per customer and period.
    discount
        Rate per period, as a fraction.

    Returns
    -------
    Estimate
        All but the discount are numbers or estimates; several of these are taken as independent (MOVER).

    Raises
    ------
    InvalidDataError
        If a number is outside its range, or retention 1 meets discount 0.

    Notes
    -----
    ``a m - A + a (m - R / r) r' / (1 - r')`` with ``r' = r / (1 + d)`` [1]_, for acquisition rate a, acquisition
    spending A, margin m, retention r and retention spending R. The equity of a firm is the value of its customers, as
    of ``clm.lifetime_value(...).sum()``, and that of the prospects to come.

    References
    ----------
    .. [1] Blattberg and Deighton (1996), Harvard Business Review 74(4), 136-144.

    Examples
    --------
    >>> equity = clm.customer_equity(
    ...     acquisition_rate=0.2,
    ...     acquisition_cost=15,
    ...     margin_per_period=100,
    ...     retention=0.8,
    ...     retention_cost=10,
    ...     discount=0.1,
    ... )
    >>> round(equity.value, 4)
    51.6667
    """
    formula = ProspectValue(period_rate(discount))
    stays = Quantity.of(retention, "retention", lowest=0, highest=1)
    endless = "at a retention of 1 and a discount of 0 the sum never ends"
    if stays.estimate is None and stays.value >= 1 + formula.discount:
        raise InvalidDataError(f"{endless}. Give a discount.")
    return propagate(
        formula,
        [
            Quantity.of(acquisition_rate, "acquisition_rate", lowest=0, highest=1),
            Quantity.of(acquisition_cost, "acquisition_cost", lowest=0, positive=True),
            Quantity.of(margin_per_period, "margin_per_period", positive=True),
            stays,
            Quantity.of(retention_cost, "retention_cost", lowest=0, positive=True),
        ],
        name="customer equity",
        unit="currency",
        definition=(
            "Value of a prospect: the margin of those won and retained, less the spending to acquire and to retain, "
            f"discounted at {formula.discount:.6g} a period."
        ),
        undefined=endless,
        scale="plain",
    )


@final
@frozen
class ProspectValue:
    """Acquisition plus retention: a formula of both rates, both costs and the margin."""

    discount: float

    def __call__(
        self,
        acquisition_rate: float,
        acquisition_cost: float,
        margin: float,
        retention: float,
        retention_cost: float,
    ) -> float:
        """Return the value of a prospect; ``inf`` where nothing ends the sum."""
        left = 1 + self.discount - retention
        if left <= 0:
            return inf
        # (m - R / r) r' / (1 - r'), multiplied out, so that nobody retained is no special case.
        later = (margin * retention - retention_cost) / left
        return acquisition_rate * (margin + later) - acquisition_cost
