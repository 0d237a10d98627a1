"""Attraction, interest, evaluation, purchase, loyalty: a cycle that customers run through more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Timeout, Transition, when
from clm.lifecycles._tables import check_rising, climbs, named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("visit", "product_viewed", "compared", "order")
_SEEKING: Final = ("attraction", "interest", "evaluation")

METRICS: Final = {
    "attraction": ("impressions", "visits", "click_through_rate"),
    "interest": ("followers", "sign_up_rate", "engagement_rate"),
    "evaluation": ("cart_abandonment", "demo_requests"),
    "purchase": ("conversion_rate", "average_order_value", "cost_per_acquisition"),
    "loyalty": ("repeat_purchase_rate", "nps", "customer_lifetime_value"),
}


def attraction(
    name: str = "attraction",
    *,
    loyalty_orders: int = 3,
    evaluation_cools: str | timedelta = "30d",
    interest_cools: str | timedelta = "90d",
    cycle_ends: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build the cycle of attraction, interest, evaluation, purchase and loyalty.

    Parameters
    ----------
    name
        What the lifecycle is called.
    loyalty_orders
        The order, counted from the first, that makes a buyer loyal.
    evaluation_cools, interest_cools
        Silence after which evaluation falls back to interest, and interest to attraction.
    cycle_ends
        Time without an order after which a buyer's cycle is over: he is in attraction again, where the next begins. The
        lengths are assumptions: see `clm.suggest_timeouts`.
    kinds
        Your names for the kinds ``visit``, ``product_viewed``, ``compared`` (prices, carts, demos, quotes) and
        ``order``.

    Returns
    -------
    Lifecycle
        All five stages are ranked.

    Raises
    ------
    InvalidDataError
        If the number is below 2, or a kind is unknown or named twice.

    Notes
    -----
    The five stages are the customer life cycle of Cutler and Sterne [1]_ in today's words: reach, acquisition,
    conversion, retention, loyalty seen from the buyer's side. ``log.cycles()`` tells full cycles, which pass through
    all five stages before the customer is back in attraction, from partial ones, which skip a stage or end early.

    References
    ----------
    .. [1] Cutler and Sterne (2000), E-Metrics: Business Metrics for the New Economy.

    Examples
    --------
    >>> clm.lifecycles.attraction().allowed("evaluation")["order"]
    ('purchase',)
    """
    check_rising(loyalty_orders=loyalty_orders)
    visit, product_viewed, compared, order = named("attraction", _KINDS, kinds)
    return Lifecycle(
        name,
        stages=ranked([*_SEEKING, "purchase", "loyalty"]),
        initial="attraction",
        transitions=[
            *climbs(dict(zip(_SEEKING, (visit, product_viewed, compared), strict=True))),
            *touches(["purchase", "loyalty"], visit, product_viewed, compared),
            *(Transition(stage, order, "purchase") for stage in _SEEKING),
            Transition("purchase", order, "loyalty", when=when.count(order) >= loyalty_orders),
            *touches(["purchase", "loyalty"], order),
        ],
        timeouts=[
            Timeout("evaluation", "interest", idle=evaluation_cools),
            Timeout("interest", "attraction", idle=interest_cools),
            Timeout("purchase", "attraction", idle=cycle_ends, of=(order,)),
            Timeout("loyalty", "attraction", idle=cycle_ends, of=(order,)),
        ],
    )
