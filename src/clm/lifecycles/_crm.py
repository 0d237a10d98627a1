"""Attraction to referral in seven steps: the lifecycle of customer relationship management."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Transition, when
from clm.lifecycles._tables import check_rising, climbs, named, ranked, silence, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("visit", "engaged", "order", "served", "referral")
_SEEKING: Final = ("attraction", "engagement")
_BUYING: Final = ("conversion", "retention", "repeat_purchase", "loyalty", "referral")
_SILENT: Final = ("at_risk", "lapsed")

METRICS: Final = {
    "attraction": ("impressions", "visits", "click_through_rate"),
    "engagement": ("followers", "engagement_rate", "cost_per_lead"),
    "conversion": ("conversion_rate", "cost_per_acquisition", "average_order_value"),
    "retention": ("retention_rate", "ces", "csat"),
    "repeat_purchase": ("repeat_purchase_rate", "purchase_frequency"),
    "loyalty": ("nps", "customer_lifetime_value", "loyal_share"),
    "referral": ("referral_rate", "reviews"),
    "at_risk": ("probability_alive",),
    "lapsed": ("churn_rate",),
}


def crm(
    name: str = "crm",
    *,
    loyalty_orders: int = 5,
    at_risk: str | timedelta = "90d",
    lapsed: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build attraction, engagement, conversion, retention, repeat purchase, loyalty and referral.

    Parameters
    ----------
    name
        What the lifecycle is called.
    loyalty_orders
        The order, counted from the first, that makes a customer loyal; 3 or more.
    at_risk, lapsed
        Time without any touchpoint after which a buyer is at risk, and lapsed; both count from the last one. The
        defaults are assumptions: see `clm.suggest_timeouts`.
    kinds
        Your names for the kinds ``visit``, ``engaged``, ``order``, ``served`` (support, onboarding, a programme joined:
        what a buyer is kept by) and ``referral``.

    Returns
    -------
    Lifecycle
        The seven stages are ranked; ``at_risk`` and ``lapsed`` are off the funnel.

    Raises
    ------
    InvalidDataError
        If the number is below 3, or a kind is unknown or named twice.

    Notes
    -----
    A buyer who is served is retained; his next order is a repeat purchase, served or not. From at risk and lapsed an
    order leads back to repeat purchase or loyalty, and service or engagement to retention. The steps from acquiring to
    keeping follow Buttle [1]_; the split of keeping into retention, repeat purchase, loyalty and referral is the CRM
    vendors'.

    References
    ----------
    .. [1] Buttle (2004), Customer Relationship Management: Concepts and Tools.

    Examples
    --------
    >>> clm.lifecycles.crm().allowed("conversion")["served"]
    ('retention',)
    """
    check_rising(above=2, loyalty_orders=loyalty_orders)
    visit, engaged, order, served, referral = named("crm", _KINDS, kinds)
    orders = when.count(order)
    return Lifecycle(
        name,
        stages=ranked([*_SEEKING, *_BUYING], _SILENT),
        initial="attraction",
        transitions=[
            *climbs({"attraction": visit, "engagement": engaged}),
            *touches(_BUYING, visit, engaged),
            *touches(_SILENT, visit),
            *(Transition(stage, order, "conversion") for stage in _SEEKING),
            Transition("conversion", served, "retention"),
            *touches(_BUYING[1:], served),
            Transition("conversion", order, "repeat_purchase"),
            *(
                Transition(stage, order, "loyalty", when=orders >= loyalty_orders)
                for stage in ("retention", "repeat_purchase", *_SILENT)
            ),
            *(Transition(stage, order, "repeat_purchase") for stage in ("retention", "repeat_purchase", *_SILENT)),
            *touches(["loyalty", "referral"], order),
            *(Transition(stage, kind, "retention") for stage in _SILENT for kind in (served, engaged)),
            *(Transition(stage, referral, "referral") for stage in _BUYING),
        ],
        timeouts=silence(_BUYING, at_risk=at_risk, lapsed=lapsed, of=None),
    )
