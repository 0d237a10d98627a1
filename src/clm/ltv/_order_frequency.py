"""Value a customer by order value, order frequency and lifespan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm.stats import Quantity, propagate

if TYPE_CHECKING:
    from clm.stats import Estimate


def order_frequency_ltv(
    *,
    order_value: Any,
    orders_per_period: Any,
    lifespan: Any,
    margin: Any = 1.0,
    acquisition_cost: Any = 0.0,
) -> Estimate[float]:
    """Value a customer by average order value x orders a period x periods.

    Each argument is a number or an `Estimate`, as of ``clm.average_order_value`` and ``clm.purchase_frequency``.

    Parameters
    ----------
    order_value
        Average value of an order, in money.
    orders_per_period
        Orders a customer and period.
    lifespan
        Periods that a customer stays.
    margin
        Gross margin, as a fraction of revenue; 1, the default, counts revenue.
    acquisition_cost
        What winning the customer cost, in money; taken off at the end.

    Returns
    -------
    Estimate
        With several estimates, limits are put together by MOVER on logs, as if the estimates were independent.

    Raises
    ------
    InvalidDataError
        If a frequency, lifespan or cost is negative, or the margin is above 1.

    Notes
    -----
    ``order_value * orders_per_period * lifespan * margin - acquisition_cost``. Nothing is discounted, and nothing says
    how long a customer stays: a lifespan taken from customers who have left is too short, since the loyal are missing
    among them. ``clm.kaplan_meier`` counts those who are still there.

    Examples
    --------
    >>> clm.order_frequency_ltv(order_value=60, orders_per_period=4, lifespan=3, margin=0.4, acquisition_cost=30).value
    258.0
    """
    return propagate(
        _product_less_cost,
        [
            Quantity.of(order_value, "order_value", positive=True),
            Quantity.of(orders_per_period, "orders_per_period", lowest=0, positive=True),
            Quantity.of(lifespan, "lifespan", lowest=0, positive=True),
            Quantity.of(margin, "margin", highest=1, positive=True),
            Quantity.of(acquisition_cost, "acquisition_cost", lowest=0, positive=True),
        ],
        name="lifetime value",
        unit="currency",
        definition=(
            "Average order value x orders a period x periods that a customer stays x margin, less acquisition cost; "
            "not discounted."
        ),
        undefined="the product is beyond what a float holds",
    )


def _product_less_cost(
    order_value: float, orders_per_period: float, lifespan: float, margin: float, acquisition_cost: float
) -> float:
    return order_value * orders_per_period * lifespan * margin - acquisition_cost
