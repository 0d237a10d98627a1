"""Attract, engage, delight: a wheel that keeps turning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Timeout, Transition
from clm.lifecycles._tables import named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("visit", "engaged", "order", "delighted")
_PHASES: Final = ("attract", "engage", "delight")

METRICS: Final = {
    "attract": ("impressions", "visits", "click_through_rate"),
    "engage": ("sign_up_rate", "conversion_rate", "average_order_value"),
    "delight": ("nps", "csat", "referral_rate"),
}


def flywheel(
    name: str = "flywheel",
    *,
    engagement_fades: str | timedelta = "90d",
    delight_fades: str | timedelta = "180d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build attract, engage and delight, which lead into each other and never end.

    Parameters
    ----------
    name
        What the lifecycle is called.
    engagement_fades
        Silence after which an engaged customer has to be attracted anew.
    delight_fades
        Silence after which a delighted one has; the longer of the two. Both are assumptions: see
        `clm.suggest_timeouts`.
    kinds
        Your names for the kinds ``visit``, ``engaged`` (a lead, a trial, a conversation), ``order`` and ``delighted``
        (a good answer, a review, a referral).

    Returns
    -------
    Lifecycle
        All three phases are ranked.

    Raises
    ------
    InvalidDataError
        If a kind is unknown or named twice.

    Notes
    -----
    In HubSpot's flywheel [1]_ what delights customers attracts and engages the next ones, which no single customer's
    lifecycle shows: give a referred customer's ``acquired_at``, and his own begins there. An order of a delighted
    customer turns the wheel on: he is engaged again. How fast customers move on is the wheel's force, how many silence
    takes back its friction.

    References
    ----------
    .. [1] HubSpot (2018), "The Flywheel".

    Examples
    --------
    >>> clm.lifecycles.flywheel().allowed("delight")["order"]
    ('engage',)
    """
    visit, engaged, order, delighted = named("flywheel", _KINDS, kinds)
    return Lifecycle(
        name,
        stages=ranked(_PHASES),
        initial="attract",
        transitions=[
            *touches(_PHASES, visit),
            Transition("attract", engaged, "engage"),
            Transition("attract", order, "engage"),
            *touches(["engage"], engaged, order),
            *(Transition(stage, delighted, "delight") for stage in _PHASES),
            *touches(["delight"], engaged),
            Transition("delight", order, "engage"),
        ],
        timeouts=[
            Timeout("engage", "attract", idle=engagement_fades),
            Timeout("delight", "attract", idle=delight_fades),
        ],
    )
