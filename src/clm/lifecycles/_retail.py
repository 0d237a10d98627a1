"""Attraction, interest, conversion, retention, loyalty, advocate: the lifecycle of a retailer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Transition, when
from clm.lifecycles._tables import check_rising, climbs, named, ranked, silence, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("visit", "product_viewed", "order", "referral")
_SEEKING: Final = ("attraction", "interest")
_BUYING: Final = ("conversion", "retention", "loyalty", "advocate")
_SILENT: Final = ("at_risk", "lapsed")

METRICS: Final = {
    "attraction": ("impressions", "visits", "footfall"),
    "interest": ("click_through_rate", "product_views", "followers"),
    "conversion": ("conversion_rate", "average_order_value", "cart_abandonment"),
    "retention": ("repeat_purchase_rate", "purchase_frequency", "retention_rate"),
    "loyalty": ("loyal_share", "customer_lifetime_value", "csat"),
    "advocate": ("nps", "referral_rate", "reviews"),
    "at_risk": ("probability_alive",),
    "lapsed": ("churn_rate",),
}


def retail(
    name: str = "retail",
    *,
    retention_orders: int = 2,
    loyalty_orders: int = 5,
    at_risk: str | timedelta = "90d",
    lapsed: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build a retailer's stages from attraction to advocate, with customers at risk and lapsed.

    Parameters
    ----------
    name
        What the lifecycle is called.
    retention_orders, loyalty_orders
        The order, counted from the first, that makes a customer retained and loyal.
    at_risk, lapsed
        Time without an order after which a buyer is at risk, and lapsed; both count from the last order. The defaults
        are assumptions: see `clm.suggest_timeouts`.
    kinds
        Your names for the kinds ``visit``, ``product_viewed``, ``order`` and ``referral``.

    Returns
    -------
    Lifecycle
        ``attraction``, ``interest``, ``conversion``, ``retention``, ``loyalty`` and ``advocate`` are ranked;
        ``at_risk`` and ``lapsed`` are off the funnel.

    Raises
    ------
    InvalidDataError
        If the numbers do not rise, or a kind is unknown or named twice.

    Notes
    -----
    An order by a customer at risk or lapsed leads back to retention or loyalty, by how many orders there have been; a
    referral by any buyer makes an advocate, who stays one while he orders. The stages extend the loyalty ladder of
    Christopher, Payne and Ballantyne [1]_ to those who have not bought yet.

    References
    ----------
    .. [1] Christopher, Payne and Ballantyne (1991), Relationship Marketing.

    Examples
    --------
    >>> clm.lifecycles.retail().allowed("lapsed")["order"]
    ('loyalty', 'retention')
    """
    check_rising(retention_orders=retention_orders, loyalty_orders=loyalty_orders)
    visit, product_viewed, order, referral = named("retail", _KINDS, kinds)
    orders = when.count(order)
    return Lifecycle(
        name,
        stages=ranked([*_SEEKING, *_BUYING], _SILENT),
        initial="attraction",
        transitions=[
            *climbs({"attraction": visit, "interest": product_viewed}),
            *touches([*_BUYING, *_SILENT], visit, product_viewed),
            *(Transition(stage, order, "conversion") for stage in _SEEKING),
            Transition("conversion", order, "retention", when=orders >= retention_orders),
            Transition("retention", order, "loyalty", when=orders >= loyalty_orders),
            *touches(_BUYING, order),
            *(Transition(stage, order, "loyalty", when=orders >= loyalty_orders) for stage in _SILENT),
            *(Transition(stage, order, "retention") for stage in _SILENT),
            *(Transition(stage, referral, "advocate") for stage in _BUYING),
        ],
        timeouts=silence(_BUYING, at_risk=at_risk, lapsed=lapsed, of=(order,)),
    )
