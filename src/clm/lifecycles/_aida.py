"""Attention, interest, desire, action, and loyalty as the fifth step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Timeout, Transition, when
from clm.lifecycles._tables import check_rising, climbs, named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("impression", "visit", "added_to_cart", "order")
_SEEKING: Final = ("attention", "interest", "desire")

METRICS: Final = {
    "attention": ("impressions", "reach"),
    "interest": ("click_through_rate", "visits"),
    "desire": ("add_to_cart_rate", "followers"),
    "action": ("conversion_rate", "average_order_value"),
    "loyalty": ("repeat_purchase_rate", "nps"),
    "lapsed": ("churn_rate",),
}


def aida(
    name: str = "aida",
    *,
    loyalty_orders: int = 2,
    cools: str | timedelta = "30d",
    lapsed: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build attention, interest, desire, action and loyalty.

    Parameters
    ----------
    name
        What the lifecycle is called.
    loyalty_orders
        The order, counted from the first, that makes a buyer loyal.
    cools
        Silence after which interest and desire are gone: the buyer is back in attention.
    lapsed
        Time without an order after which a buyer has lapsed. Both lengths are assumptions: see `clm.suggest_timeouts`.
    kinds
        Your names for the kinds ``impression``, ``visit``, ``added_to_cart`` and ``order``.

    Returns
    -------
    Lifecycle
        ``attention``, ``interest``, ``desire``, ``action`` and ``loyalty`` are ranked; ``lapsed`` is off the funnel.

    Raises
    ------
    InvalidDataError
        If the number is below 2, or a kind is unknown or named twice.

    Notes
    -----
    The four steps are Lewis's of 1898, as told by Strong [1]_; loyalty is a later addition, since the four end with the
    first sale. An order from lapsed leads back to loyalty where there were orders enough, else to action.

    References
    ----------
    .. [1] Strong (1925), The Psychology of Selling and Advertising.

    Examples
    --------
    >>> clm.lifecycles.aida().allowed("desire")["order"]
    ('action',)
    """
    check_rising(loyalty_orders=loyalty_orders)
    *seen, order = named("aida", _KINDS, kinds)
    enough = when.count(order) >= loyalty_orders
    return Lifecycle(
        name,
        stages=ranked([*_SEEKING, "action", "loyalty"], ["lapsed"]),
        initial="attention",
        transitions=[
            *climbs(dict(zip(_SEEKING, seen, strict=True))),
            *touches(["action", "loyalty", "lapsed"], *seen),
            *(Transition(stage, order, "action") for stage in _SEEKING),
            *(Transition(stage, order, "loyalty", when=enough) for stage in ("action", "lapsed")),
            Transition("lapsed", order, "action"),
            *touches(["action", "loyalty"], order),
        ],
        timeouts=[
            Timeout("interest", "attention", idle=cools),
            Timeout("desire", "attention", idle=cools),
            Timeout("action", "lapsed", idle=lapsed, of=(order,)),
            Timeout("loyalty", "lapsed", idle=lapsed, of=(order,)),
        ],
    )
