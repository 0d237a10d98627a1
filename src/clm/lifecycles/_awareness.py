"""From unaware to loyal: the lifecycle that begins before anybody knows the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Transition, when
from clm.lifecycles._tables import check_rising, climbs, named, ranked, silence, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = (
    "impression",
    "problem_content_viewed",
    "solution_content_viewed",
    "product_viewed",
    "offer_viewed",
    "engaged",
    "order",
)
_SEEKING: Final = (
    "awareness.unaware",
    "awareness.problem",
    "awareness.solution",
    "awareness.product",
    "awareness.most",
    "engagement",
)
_BUYING: Final = ("conversion", "retention", "loyalty")
_SILENT: Final = ("at_risk", "lapsed")

METRICS: Final = {
    "awareness.unaware": ("impressions", "reach", "share_of_voice"),
    "awareness.problem": ("visits", "content_views"),
    "awareness.solution": ("visits", "click_through_rate"),
    "awareness.product": ("direct_traffic", "brand_search"),
    "awareness.most": ("offer_views", "sign_up_rate"),
    "engagement": ("followers", "engagement_rate", "cost_per_lead"),
    "conversion": ("conversion_rate", "average_order_value", "cost_per_acquisition"),
    "retention": ("retention_rate", "repeat_purchase_rate", "purchase_frequency", "ces"),
    "loyalty": ("nps", "csat", "customer_lifetime_value", "referral_rate"),
    "at_risk": ("probability_alive",),
    "lapsed": ("churn_rate",),
}


def awareness(
    name: str = "awareness",
    *,
    retention_orders: int = 2,
    loyalty_orders: int = 5,
    at_risk: str | timedelta = "90d",
    lapsed: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build awareness with its five levels, engagement, conversion, retention and loyalty.

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
        Your names for the kinds ``impression``, ``problem_content_viewed``, ``solution_content_viewed``,
        ``product_viewed``, ``offer_viewed``, ``engaged`` and ``order``.

    Returns
    -------
    Lifecycle
        ``awareness.unaware``, ``.problem``, ``.solution``, ``.product`` and ``.most``, ``engagement``, ``conversion``,
        ``retention`` and ``loyalty`` are ranked; ``at_risk`` and ``lapsed`` are off the funnel.

    Raises
    ------
    InvalidDataError
        If the numbers do not rise, or a kind is unknown or named twice.

    Notes
    -----
    The five levels are Schwartz's [1]_: a buyer who does not know that he has a problem, knows the problem, knows that
    there are solutions, knows this product, and knows it well enough to wait for an offer. Which touchpoint shows which
    level is an assumption of this model. Nobody becomes less aware: lower kinds change nothing. An order leads from any
    level to conversion, and from at risk and lapsed back to retention or loyalty, by how many there have been.
    ``log.rolled_up()`` adds the five levels up to ``awareness``.

    References
    ----------
    .. [1] Schwartz (1966), Breakthrough Advertising, chapter 2.

    Examples
    --------
    >>> clm.lifecycles.awareness().allowed("awareness.most")["engaged"]
    ('engagement',)
    """
    check_rising(retention_orders=retention_orders, loyalty_orders=loyalty_orders)
    *seen, order = named("awareness", _KINDS, kinds)
    orders = when.count(order)
    return Lifecycle(
        name,
        stages=ranked([*_SEEKING, *_BUYING], _SILENT),
        initial=_SEEKING[0],
        transitions=[
            *climbs(dict(zip(_SEEKING, seen, strict=True))),
            *touches([*_BUYING, *_SILENT], *seen),
            *(Transition(stage, order, "conversion") for stage in _SEEKING),
            Transition("conversion", order, "retention", when=orders >= retention_orders),
            Transition("conversion", order, "conversion"),
            Transition("retention", order, "loyalty", when=orders >= loyalty_orders),
            Transition("retention", order, "retention"),
            Transition("loyalty", order, "loyalty"),
            *(Transition(stage, order, "loyalty", when=orders >= loyalty_orders) for stage in _SILENT),
            *(Transition(stage, order, "retention") for stage in _SILENT),
        ],
        timeouts=silence(_BUYING, at_risk=at_risk, lapsed=lapsed, of=(order,)),
    )
