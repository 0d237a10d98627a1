"""The sales stages of an opportunity, from prospecting to won or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Transition
from clm.lifecycles._tables import named, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping

_STAGES: Final = (
    "prospecting",
    "qualification",
    "needs_analysis",
    "value_proposition",
    "decision_makers",
    "perception_analysis",
    "proposal",
    "negotiation",
    "closed_won",
)
_LOST: Final = "closed_lost"

METRICS: Final = {
    "prospecting": ("new_opportunities", "cost_per_lead"),
    "qualification": ("qualification_rate",),
    "needs_analysis": ("stage_conversion", "time_in_stage"),
    "value_proposition": ("stage_conversion", "time_in_stage"),
    "decision_makers": ("stage_conversion", "time_in_stage"),
    "perception_analysis": ("stage_conversion", "time_in_stage"),
    "proposal": ("stage_conversion", "expected_revenue"),
    "negotiation": ("stage_conversion", "expected_revenue"),
    "closed_won": ("win_rate", "sales_velocity", "average_order_value"),
    "closed_lost": ("win_rate", "reasons_lost"),
}


def opportunity(name: str = "opportunity", *, kinds: Mapping[str, str] | None = None) -> Lifecycle:
    """Build the ten sales stages of an opportunity.

    Parameters
    ----------
    name
        What the lifecycle is called.
    kinds
        Your names for the kinds, each called as the stage it leads to: ``prospecting``, ``qualification``,
        ``needs_analysis``, ``value_proposition``, ``decision_makers``, ``perception_analysis``, ``proposal``,
        ``negotiation``, ``closed_won`` and ``closed_lost``; ``{"closed_won": "Closed Won"}``.

    Returns
    -------
    Lifecycle
        ``prospecting`` up to ``closed_won`` are ranked; ``closed_lost`` is off the funnel.

    Raises
    ------
    InvalidDataError
        If a kind is unknown or named twice.

    Notes
    -----
    The stages are Salesforce's defaults [1]_, which other systems share. Any stage may follow any other: sellers go
    back, and reopen what was lost. One opportunity stands for one customer here: give its id as ``customer=``. A row
    that names the stage it is in already changes nothing, as the history of an opportunity has one for each change of
    an amount. There are no timeouts: how long a stage may last is the seller's to say.

    References
    ----------
    .. [1] Salesforce Object Reference (2024), "Opportunity" and "OpportunityHistory".

    Examples
    --------
    >>> clm.lifecycles.opportunity(kinds={"closed_won": "Closed Won"}).allowed("closed_lost")["Closed Won"]
    ('closed_won',)
    """
    stages = (*_STAGES, _LOST)
    moves = named("opportunity", stages, kinds)
    return Lifecycle(
        name,
        stages=ranked(_STAGES, [_LOST]),
        initial=_STAGES[0],
        transitions=[Transition("*", kind, stage) for stage, kind in zip(stages, moves, strict=True)],
    )
