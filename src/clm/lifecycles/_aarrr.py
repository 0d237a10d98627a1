"""Acquisition, activation, retention, referral, revenue as milestones that may come in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Transition, when
from clm.lifecycles._tables import named, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping

_MILESTONES: Final = {
    "acquisition": "visit",
    "activation": "activated",
    "retention": "returned",
    "referral": "referral",
    "revenue": "order",
}

METRICS: Final = {
    "acquisition": ("visits", "cost_per_acquisition", "click_through_rate"),
    "activation": ("sign_up_rate", "time_to_value"),
    "retention": ("retention_rate", "stickiness"),
    "referral": ("referral_rate", "nps"),
    "revenue": ("revenue", "conversion_rate", "customer_lifetime_value"),
}


def aarrr(name: str = "aarrr", *, kinds: Mapping[str, str] | None = None) -> Lifecycle:
    """Build five milestones: acquisition, activation, retention, referral and revenue.

    Parameters
    ----------
    name
        What the lifecycle is called.
    kinds
        Your names for the kinds ``visit``, ``activated`` (the first happy use), ``returned``, ``referral`` and
        ``order``.

    Returns
    -------
    Lifecycle
        Each milestone is a stage, ranked as the letters stand.

    Raises
    ------
    InvalidDataError
        If a kind is unknown or named twice.

    Notes
    -----
    McClure's five letters [1]_ are no chain: a customer may refer a friend without paying, and pay before he returns.
    Each milestone is therefore reached once, with the first touchpoint of its kind, in whatever order they come; the
    stage is the milestone reached last, and every visit but the first to acquisition marks a first time. Count
    visits to each stage: a funnel by rank takes whoever paid to have made a referral, which does not follow. There are
    no timeouts, since nobody unreaches a milestone.

    References
    ----------
    .. [1] McClure (2007), "Startup Metrics for Pirates: AARRR!".

    Examples
    --------
    >>> log = clm.replay(
    ...     {
    ...         "customer_id": ["ann"] * 3,
    ...         "at": ["2025-01-01", "2025-01-02", "2025-01-09"],
    ...         "kind": ["visit", "order", "order"],
    ...     },
    ...     clm.lifecycles.aarrr(),
    ... )
    >>> log.visits["stage"].tolist()
    ['acquisition', 'revenue']
    """
    milestones = dict(zip(_MILESTONES, named("aarrr", tuple(_MILESTONES.values()), kinds), strict=True))
    return Lifecycle(
        name,
        stages=ranked(milestones),
        initial="acquisition",
        transitions=[
            transition
            for stage in milestones
            for milestone, kind in milestones.items()
            for transition in (
                *(
                    [Transition(stage, kind, milestone, when=when.count(kind) == 1)]
                    if milestone not in {stage, "acquisition"}
                    else []
                ),
                Transition(stage, kind, stage),
            )
        ],
    )
