"""Reach, acquisition, conversion, retention, loyalty: the lifecycle of a shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Stage, Timeout, Transition, when
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("visit", "signed_up", "order", "referral")
_BUYING: Final = ("conversion", "retention", "loyalty", "advocate", "reactivated")


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

    Examples
    --------
    >>> shop = clm.lifecycles.five_stage(kinds={"order": "purchase"})
    >>> shop.allowed("lapsed")
    {'visit': ('lapsed',), 'purchase': ('reactivated',)}
    """
    visit, signed_up, order, referral = _named(kinds)
    if not 2 <= retention_orders < loyalty_orders:
        raise InvalidDataError(
            f"retention_orders={retention_orders!r} and loyalty_orders={loyalty_orders!r} must rise, from 2 on: the "
            "first order is the conversion."
        )
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


def _named(kinds: Mapping[str, str] | None) -> tuple[str, ...]:
    given = dict(kinds or {})
    odd = [kind for kind in given if kind not in _KINDS]
    if odd:
        raise InvalidDataError(
            f"five_stage has no kind {odd[0]!r}: they are {', '.join(_KINDS)}.{nearest(str(odd[0]), _KINDS)}"
        )
    names = tuple(given.get(kind, kind) for kind in _KINDS)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidDataError(f"two kinds of five_stage are named {twice[0]!r}. Give each a name of its own.")
    return names
