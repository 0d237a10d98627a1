"""HubSpot's lifecycle stages, which only move forward unless they are cleared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Transition
from clm.errors import InvalidDataError
from clm.lifecycles._tables import named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEFAULT: Final = {
    "subscriber": "subscribed",
    "lead": "form_submitted",
    "marketingqualifiedlead": "mql_scored",
    "salesqualifiedlead": "sales_accepted",
    "opportunity": "deal_created",
    "customer": "deal_won",
    "evangelist": "advocated",
}
_OTHER: Final = "other"
_NONE: Final = "none"

METRICS: Final = {
    "none": ("visits",),
    "subscriber": ("followers", "sign_up_rate"),
    "lead": ("sign_up_rate", "cost_per_lead"),
    "marketingqualifiedlead": ("lead_to_mql_rate",),
    "salesqualifiedlead": ("mql_to_sql_rate",),
    "opportunity": ("win_rate", "sales_velocity"),
    "customer": ("conversion_rate", "cost_per_acquisition", "customer_lifetime_value"),
    "evangelist": ("nps", "referral_rate"),
    "other": ("churn_rate",),
}


def hubspot(
    name: str = "hubspot",
    *,
    stages: Mapping[str, str] | Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build HubSpot's eight lifecycle stages, or your own, with forward-only moves.

    Parameters
    ----------
    name
        What the lifecycle is called.
    stages
        Your stages in order, where you have customised them: a mapping of each to the kind that leads to it, or their
        names alone where the log holds the values that the property was set to. ``other`` and ``none`` are added.
    kinds
        Your names for the kinds ``subscribed``, ``form_submitted``, ``mql_scored``, ``sales_accepted``,
        ``deal_created``, ``deal_won`` and ``advocated`` (of the default stages), ``set_to_other`` and ``cleared``.

    Returns
    -------
    Lifecycle
        ``subscriber``, ``lead``, ``marketingqualifiedlead``, ``salesqualifiedlead``, ``opportunity``, ``customer`` and
        ``evangelist`` are ranked. ``other`` is off the order, and so is ``none``: the property without a value, in
        which a contact begins and to which clearing leads back.

    Raises
    ------
    InvalidDataError
        If there is no stage, or a kind is unknown or named twice.

    Notes
    -----
    What HubSpot sets automatically only moves a contact forward [1]_: ``backward="forbid"`` makes an earlier stage
    illegal, so that such touchpoints move nobody and ``illegal="record"`` lists them. To go back the property is
    cleared first, which is the kind ``cleared`` here. ``other`` has no place in the order; it is left by clearing
    alone, and the default kinds change nothing there. There are no timeouts: HubSpot has no stage of lost customers.

    References
    ----------
    .. [1] HubSpot Knowledge Base (2025), "Use lifecycle stages".

    Examples
    --------
    >>> lifecycle = clm.lifecycles.hubspot(stages=["lead", "trial", "customer"])
    >>> lifecycle.allowed("trial")
    {'trial': ('trial',), 'customer': ('customer',), 'set_to_other': ('other',), 'cleared': ('none',)}
    """
    given = dict(_DEFAULT) if stages is None else _stages(stages)
    defaults = (*given.values(), "set_to_other", "cleared")
    *moves, set_to_other, cleared = named("hubspot", defaults, kinds)
    steps = dict(zip(given, moves, strict=True))
    return Lifecycle(
        name,
        stages=ranked(steps, [_OTHER, _NONE]),
        initial=_NONE,
        transitions=[
            *touches([_OTHER], *moves),
            *(Transition("*", kind, stage) for stage, kind in steps.items()),
            Transition("*", set_to_other, _OTHER),
            Transition("*", cleared, _NONE),
        ],
        backward="forbid",
    )


def _stages(stages: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    if isinstance(stages, str) or not hasattr(stages, "__iter__"):
        raise InvalidDataError(f"stages must be a mapping of stage to kind, or a list of stages, not {stages!r}.")
    own = dict(stages) if isinstance(stages, Mapping) else {stage: stage for stage in stages}
    if len(own) < len(stages):
        raise InvalidDataError(f"stages names a stage twice: {list(stages)!r}. Give each once.")
    taken = [stage for stage in own if stage in {_OTHER, _NONE}]
    if not own or taken:
        what = f"{taken[0]!r} is added by itself" if taken else "there is none"
        raise InvalidDataError(
            f"hubspot needs your stages in order, but {what}. Give those between the first and last."
        )
    return own
