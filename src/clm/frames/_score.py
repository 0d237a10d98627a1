"""From an order log to a row of numbers a customer: the public function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.frames._like import like
from clm.frames._rfm import rfm
from clm.frames._source import open_table
from clm.ltv import lifetime_value
from clm.stats import Estimate, check_level, plain_number

if TYPE_CHECKING:
    from clm.data import RFM, Discount
    from clm.frames._rfm import Occasion, Refunds
    from clm.ltv import OrderValueModel, PurchaseModel
    from clm.typing import Array


def score(
    orders: Any,
    fit: PurchaseModel,
    *,
    horizon: float,
    order_value: OrderValueModel | Estimate[float] | float | None = None,
    discount: Discount | None = None,
    margin: float | Estimate[float] = 1.0,
    level: float = 0.95,
    customer: str | None = None,
    at: str | None = None,
    amount: str | None = None,
    occasion: Occasion = "day",
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    refunds: Refunds = "net",
    week_start: str = "monday",
) -> Any:
    """Tell what to expect of each customer: a frame of orders in, a frame of the same kind out.

    The log is reduced to purchase histories where it is, each distinct history is asked of the fit once, and the
    answers come back as the kind of frame that was given: a DuckDB relation on the same connection, a Polars plan.

    Parameters
    ----------
    orders
        One row an order: any dataframe, or a `Source`.
    fit
        A fitted purchase model, as ``clm.BGNBD().fit(rfm)``; histories are built in its unit.
    horizon
        How far ahead, from 0 on, in the fit's unit.
    order_value
        What an order is worth: a fitted ``clm.GammaGamma`` (the log then needs amounts), an estimate or a number.
        Without it the columns of values are left out.
    discount, margin
        As in ``clm.lifetime_value``.
    level
        Nominal coverage of the limits.
    customer, at, amount, occasion, start, through, tz, refunds, week_start
        As in `rfm`.

    Returns
    -------
    frame
        One row a customer, ascending by id: ``customer_id``, ``expected_purchases`` within the horizon with
        ``expected_purchases_low`` and ``expected_purchases_high``, ``probability_alive`` where the model tells it, and
        with `order_value` also ``expected_order_value`` and ``value``, the lifetime value to come, with ``value_low``
        and ``value_high``. Undefined numbers are NaN. A mapping of arrays gives a mapping of arrays.

    Raises
    ------
    InvalidDataError
        As `rfm` and ``clm.lifetime_value``, or if the fit is none or has no unit of time.

    Examples
    --------
    >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
    >>> orders = {"customer_id": ["ann", "bob", "ann"], "at": ["2025-01-01", "2025-01-03", "2025-01-15"]}
    >>> scored = clm.score(orders, fit, horizon=52, through="2025-01-31")
    >>> scored["customer_id"].tolist()
    ['ann', 'bob']
    >>> scored["expected_purchases"].round(2)
    array([2.74, 0.93])
    """
    inside = check_level(level)
    ahead = plain_number(horizon, "horizon", lowest=0)
    unit = getattr(fit, "unit", None)
    if not hasattr(fit, "expected_purchases") or not isinstance(unit, str):
        raise InvalidDataError(
            f"fit must be a fitted purchase model with its unit of time, not {type(fit).__name__}. "
            "Give clm.BGNBD().fit(rfm), for one."
        )
    columns = {"customer": customer, "at": at, "amount": amount}
    table = open_table(orders, columns, required=("customer", "at"), optional=("amount",), what="orders")
    histories = rfm(
        orders,
        **columns,
        unit=unit,  # type: ignore[arg-type]  # refused below where it is none
        occasion=occasion,
        start=start,
        through=through,
        tz=tz,
        refunds=refunds,
        week_start=week_start,
    )
    assert histories.customer is not None
    scored: dict[str, Array] = {"customer_id": histories.customer}
    scored |= _with_limits("expected_purchases", fit.expected_purchases(histories, horizon=ahead), inside)
    if hasattr(fit, "probability_alive"):
        scored["probability_alive"] = np.asarray(fit.probability_alive(histories))
    if order_value is not None:
        worth = _worth(order_value, histories)
        value = lifetime_value(fit, histories, order_value=order_value, horizon=ahead, discount=discount, margin=margin)
        scored["expected_order_value"] = worth
        scored |= _with_limits("value", value, inside)
    return like(orders, table, scored)


def _with_limits(name: str, estimate: Estimate[Any], level: float) -> dict[str, Array]:
    low, high = estimate.confidence_interval(level)
    return {name: np.asarray(estimate), f"{name}_low": np.asarray(low), f"{name}_high": np.asarray(high)}


def _worth(order_value: Any, histories: RFM) -> Array:
    if hasattr(order_value, "expected_order_value"):
        return np.asarray(order_value.expected_order_value(histories))
    # What it is, number or estimate, lifetime_value refuses where it is neither.
    worth = np.asarray(order_value)
    if worth.ndim:
        raise InvalidDataError(
            "order_value must be one number, an estimate or a model: an order log has no row a customer to match."
        )
    return np.full(len(histories), worth, np.float64)
