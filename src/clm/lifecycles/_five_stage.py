"""Reach, acquisition, conversion, retention, loyalty: the lifecycle of a shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Stage, Timeout, Transition, when
from clm.errors import InvalidDataError
from clm.lifecycles._tables import check_rising, named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("visit", "signed_up", "order", "referral")
_BUYING: Final = ("conversion", "retention", "loyalty", "advocate", "reactivated")

METRICS: Final = {
    "reach": ("impressions", "visits", "click_through_rate"),
    "acquisition": ("followers", "sign_up_rate", "cost_per_acquisition"),
    "conversion": ("conversion_rate", "average_order_value", "time_to_first_purchase"),
    "retention": ("retention_rate", "repeat_purchase_rate", "purchase_frequency", "ces"),
    "loyalty": ("nps", "csat", "customer_lifetime_value", "loyal_share"),
    "advocate": ("referral_rate", "reviews"),
    "at_risk": ("probability_alive",),
    "lapsed": ("churn_rate",),
    "reactivated": ("win_back_rate",),
}


def five_stage(
    name: str = "five_stage",
    *,
    retention_orders: int = 2,
    loyalty_orders: int = 5,
    at_risk: str | timedelta = "90d",
    lapsed: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build the five stages from reach to loyalty, with advocates, customers at risk, lapsed and won back.

    Parameters
    ----------
    name
        What the lifecycle is called.
    retention_orders, loyalty_orders
        The order, counted from the first, that makes a customer retained and loyal.
    at_risk, lapsed
        Time without an order after which a buyer is at risk, and lapsed; both count from the last order.
    kinds
        Your names for the kinds ``visit``, ``signed_up``, ``order`` and ``referral``: ``{"order": "purchase"}``.

    Returns
    -------
    Lifecycle
        ``reach``, ``acquisition``, ``conversion``, ``retention`` and ``loyalty`` are ranked and make the funnel;
        ``advocate``, ``at_risk``, ``lapsed`` and ``reactivated`` are off it.

    Raises
    ------
    InvalidDataError
        If the numbers do not rise, or a kind is unknown or named twice.

    Notes
    -----
    Every customer opens in reach. Signing up leads from reach to acquisition, the first order from either to
    conversion. A referral makes a buyer an advocate, who stays one while he orders. An order by a customer at risk or
    lapsed makes him reactivated, and his next one retained. A visit is legal everywhere and moves nobody.

    A referral also starts a lifecycle of its own for the customer who is referred: give his ``acquired_at``, in
    ``customers=`` of ``clm.replay`` or in `Customer`, and his visit to reach opens at the instant of the referral.
    The lengths are assumptions: see `clm.suggest_timeouts`.

    The five ranked stages are those of the customer life cycle of Cutler and Sterne [1]_; advocates, customers at risk,
    lapsed and won back are this model's.

    References
    ----------
    .. [1] Cutler and Sterne (2000), E-Metrics: Business Metrics for the New Economy.

    Examples
    --------
    >>> shop = clm.lifecycles.five_stage(kinds={"order": "purchase"})
    >>> shop.allowed("lapsed")
    {'visit': ('lapsed',), 'purchase': ('reactivated',)}
    """
    visit, signed_up, order, referral = named("five_stage", _KINDS, kinds)
    check_rising(retention_orders=retention_orders, loyalty_orders=loyalty_orders)
    ranked = ("reach", "acquisition", "conversion", "retention", "loyalty")
    unranked = ("advocate", "at_risk", "lapsed", "reactivated")
    orders = when.count(order)
    timeouts = [Timeout(stage, "at_risk", idle=at_risk, of=(order,)) for stage in _BUYING]
    timeouts.append(Timeout("at_risk", "lapsed", idle=lapsed, of=(order,)))
    if timeouts[-1].idle <= timeouts[0].idle:  # type: ignore[operator]  # both are idle clocks
        raise InvalidDataError(
            f"lapsed={lapsed!r} must be longer than at_risk={at_risk!r}: both count from the last order."
        )
    return Lifecycle(
        name,
        stages=[Stage(stage, rank=rank) for rank, stage in enumerate(ranked, start=1)] + [Stage(s) for s in unranked],
        initial="reach",
        transitions=[
            *(Transition(stage, visit, stage) for stage in (*ranked, *unranked)),
            Transition("reach", signed_up, "acquisition"),
            Transition("reach", order, "conversion"),
            Transition("acquisition", order, "conversion"),
            Transition("conversion", order, "retention", when=orders >= retention_orders),
            Transition("conversion", order, "conversion"),
            Transition("retention", order, "loyalty", when=orders >= loyalty_orders),
            Transition("retention", order, "retention"),
            Transition("loyalty", order, "loyalty"),
            Transition("advocate", order, "advocate"),
            Transition("at_risk", order, "reactivated"),
            Transition("lapsed", order, "reactivated"),
            Transition("reactivated", order, "retention"),
            *(Transition(stage, referral, "advocate") for stage in _BUYING),
        ],
        timeouts=timeouts,
    )
