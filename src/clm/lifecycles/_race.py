"""Reach, act, convert, engage: the four steps of RACE that customers take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Timeout, Transition
from clm.lifecycles._tables import climbs, named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("visit", "lead", "order", "advocated")
_STEPS: Final = ("reach", "act", "convert", "engage")

METRICS: Final = {
    "reach": ("impressions", "visits", "share_of_voice"),
    "act": ("sign_up_rate", "cost_per_lead", "interaction_rate"),
    "convert": ("conversion_rate", "revenue", "average_order_value"),
    "engage": ("repeat_purchase_rate", "customer_lifetime_value", "nps"),
    "lapsed": ("churn_rate",),
}


def race(
    name: str = "race",
    *,
    lapsed: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build reach, act, convert and engage.

    Parameters
    ----------
    name
        What the lifecycle is called.
    lapsed
        Silence after which a buyer has lapsed; an assumption: see `clm.suggest_timeouts`.
    kinds
        Your names for the kinds ``visit``, ``lead`` (any interaction), ``order`` and ``advocated`` (a review, a
        referral).

    Returns
    -------
    Lifecycle
        The four steps are ranked; ``lapsed`` is off the funnel.

    Raises
    ------
    InvalidDataError
        If a kind is unknown or named twice.

    Notes
    -----
    Chaffey's RACE [1]_ begins with planning, in which no customer ever is. The first order converts; a second one, or
    advocacy, engages. An order from lapsed is a repeat order: it leads to engage.

    References
    ----------
    .. [1] Chaffey (2010), "The RACE Framework", Smart Insights.

    Examples
    --------
    >>> clm.lifecycles.race().allowed("convert")["order"]
    ('engage',)
    """
    visit, lead, order, advocated = named("race", _KINDS, kinds)
    return Lifecycle(
        name,
        stages=ranked(_STEPS, ["lapsed"]),
        initial="reach",
        transitions=[
            *climbs({"reach": visit, "act": lead}),
            *touches(["convert", "engage"], visit, lead),
            *touches(["lapsed"], visit, lead),
            *(Transition(stage, order, "convert") for stage in ("reach", "act")),
            *(Transition(stage, order, "engage") for stage in ("convert", "engage", "lapsed")),
            *(Transition(stage, advocated, "engage") for stage in ("convert", "engage", "lapsed")),
        ],
        timeouts=[Timeout(stage, "lapsed", idle=lapsed) for stage in ("convert", "engage")],
    )
