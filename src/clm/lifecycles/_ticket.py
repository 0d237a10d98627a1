"""The states of a support ticket, with the way back when the customer is not satisfied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Timeout, Transition
from clm.lifecycles._tables import named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = ("ticket_created", "opened", "set_pending", "set_on_hold", "solved", "closed", "customer_replied")
_WORKED: Final = ("open", "pending", "hold")

METRICS: Final = {
    "new": ("tickets", "first_reply_time"),
    "open": ("time_in_stage", "agent_replies"),
    "pending": ("requester_wait_time",),
    "hold": ("time_in_stage",),
    "solved": ("resolution_time", "csat", "ces"),
    "closed": ("reopen_rate", "csat"),
}


def ticket(
    name: str = "ticket",
    *,
    closes: str | timedelta = "4d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build the states new, open, pending, hold, solved and closed of a support ticket.

    Parameters
    ----------
    name
        What the lifecycle is called.
    closes
        How long after it was solved a ticket is closed, unless the customer replies; an assumption, since each help
        desk sets its own.
    kinds
        Your names for the kinds ``ticket_created``, ``opened``, ``set_pending``, ``set_on_hold``, ``solved``,
        ``closed`` and ``customer_replied``.

    Returns
    -------
    Lifecycle
        ``new``, ``open``, ``solved`` and ``closed`` are ranked; ``pending`` and ``hold`` are off the funnel.

    Raises
    ------
    InvalidDataError
        If a kind is unknown or named twice.

    Notes
    -----
    The states are Zendesk's [1]_. One ticket stands for one customer here: give its id as ``customer=``. A reply while
    a ticket is pending, on hold or solved opens it again; a reply to a closed one begins a follow-up, in new.

    References
    ----------
    .. [1] Zendesk developer documentation (2024), "Tickets".

    Examples
    --------
    >>> clm.lifecycles.ticket().allowed("solved")["customer_replied"]
    ('open',)
    """
    created, opened, pending, held, solved, closed, replied = named("ticket", _KINDS, kinds)
    working = ("new", *_WORKED)
    return Lifecycle(
        name,
        stages=[*ranked(["new", "open", "solved", "closed"], ["pending", "hold"])],
        initial="new",
        transitions=[
            *touches(["new"], created, replied),
            *(Transition(stage, opened, "open") for stage in (*working, "solved")),
            *(Transition(stage, pending, "pending") for stage in working),
            *(Transition(stage, held, "hold") for stage in working),
            *(Transition(stage, solved, "solved") for stage in (*working, "solved")),
            *(Transition(stage, closed, "closed") for stage in (*working, "solved", "closed")),
            *(Transition(stage, replied, "open") for stage in (*_WORKED, "solved")),
            *(Transition("closed", kind, "new") for kind in (created, replied)),
        ],
        timeouts=[Timeout("solved", "closed", after=closes)],
    )
