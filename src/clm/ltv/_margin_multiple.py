"""How many times the margin of a period a customer is worth."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, final

from attrs import frozen

from clm.errors import InvalidDataError
from clm.ltv._formula import check_growth
from clm.stats import Quantity, period_rate, propagate

if TYPE_CHECKING:
    from clm.stats import Estimate


def margin_multiple(*, retention: Any, discount: float, growth: float = 0.0) -> Estimate[float]:
    """Return what the margin of a period is multiplied by to value a customer's renewals.

    Parameters
    ----------
    retention
        Probability of renewal from one period to the next, 0 to 1: a number or an `Estimate`.
    discount
        Rate per period, as a fraction.
    growth
        Growth of the margin from one renewal to the next, as a fraction; the first renewal pays the margin itself.

    Returns
    -------
    Estimate
        The multiple. Undefined where an estimated retention lets the sum grow without bound.

    Raises
    ------
    InvalidDataError
        If a number is outside its range, or the numbers as given let the sum grow without bound.

    Notes
    -----
    ``r / (1 + i - r (1 + g))`` [1]_, without the payment made on joining; the limits are its values over the
    retention's interval. It is `formula_ltv` of a margin of 1 with ``first_payment=False, timing="start"``, except that
    growth begins after the first renewal here.

    References
    ----------
    .. [1] Gupta and Lehmann (2003), Journal of Interactive Marketing 17(1), 9-24.

    Examples
    --------
    >>> round(clm.margin_multiple(retention=0.8, discount=0.12).value, 2)
    2.5
    """
    multiple = MarginMultiple(period_rate(discount), check_growth(growth))
    stays = Quantity.of(retention, "retention", lowest=0, highest=1)
    endless = (
        f"at a retention of {stays.value:g}, a growth of {multiple.growth:g} and a discount of {multiple.discount:g} "
        "the sum never ends"
    )
    if stays.estimate is None and multiple(stays.value) == inf:
        raise InvalidDataError(f"{endless}. Give a larger discount.")
    grows = f", margin growing by {multiple.growth:.6g} a renewal after the first" if multiple.growth else ""
    return propagate(
        multiple,
        [stays],
        name="margin multiple",
        unit="ratio",
        definition=(
            "Value of all renewals of a customer in margins of one period, with one constant retention rate, "
            f"booked at the start of the period, discounted at {multiple.discount:.6g} a period{grows}."
        ),
        undefined=endless,
    )


@final
@frozen
class MarginMultiple:
    """The value of renewals in margins: a formula of retention."""

    discount: float
    growth: float

    def __call__(self, retention: float) -> float:
        """Return the multiple; ``inf`` where the sum grows without bound."""
        left = 1 + self.discount - retention * (1 + self.growth)
        return retention / left if left > 0 else inf
