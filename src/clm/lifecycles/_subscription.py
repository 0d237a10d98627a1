"""The states of a subscription, from the first payment due to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Timeout, Transition
from clm.lifecycles._tables import named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = (
    "subscription_created",
    "trial_started",
    "payment_succeeded",
    "payment_failed",
    "marked_unpaid",
    "paused",
    "resumed",
    "subscription_ended",
)
_RUNNING: Final = ("trialing", "active", "past_due", "unpaid", "paused")
_OVER: Final = ("incomplete_expired", "canceled")

METRICS: Final = {
    "incomplete": ("checkout_completion_rate",),
    "trialing": ("trial_to_paid_rate",),
    "active": ("retention_rate", "net_revenue_retention", "customer_lifetime_value"),
    "past_due": ("payment_recovery_rate",),
    "unpaid": ("payment_recovery_rate",),
    "paused": ("resume_rate",),
    "canceled": ("churn_rate",),
    "incomplete_expired": ("checkout_completion_rate",),
}


def subscription(
    name: str = "subscription",
    *,
    trial_end: str = "trial_end",
    first_payment: str | timedelta = "23h",
    dunning: str | timedelta = "21d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build the eight states of a Stripe subscription.

    Parameters
    ----------
    name
        What the lifecycle is called.
    trial_end
        The customers' attribute with the end of the trial.
    first_payment
        How long the first payment may take before the subscription expires; 23 hours is Stripe's rule.
    dunning
        How long a payment may be past due before the subscription is canceled. It depends on how retries are set up:
        the default is an assumption.
    kinds
        Your names for the kinds ``subscription_created``, ``trial_started``, ``payment_succeeded``,
        ``payment_failed``, ``marked_unpaid``, ``paused``, ``resumed`` and ``subscription_ended``.

    Returns
    -------
    Lifecycle
        ``incomplete``, ``trialing`` and ``active`` are ranked; ``past_due``, ``unpaid``, ``paused``, ``canceled`` and
        ``incomplete_expired`` are off the funnel.

    Raises
    ------
    InvalidDataError
        If a kind is unknown or named twice.

    Notes
    -----
    The states are those of Stripe's API [1]_. The lifecycle is the customer's: from canceled and expired a new
    subscription leads back to incomplete. A trial that ends leads to active, and a payment that fails from there to
    past due. End a subscription with the instant at which service ended: the request to cancel comes earlier and
    changes nothing until then.

    References
    ----------
    .. [1] Stripe API reference (2024), "The Subscription object".

    Examples
    --------
    >>> clm.lifecycles.subscription().allowed("canceled")
    {'subscription_created': ('incomplete',), 'trial_started': ('trialing',)}
    """
    created, trial, paid, failed, unpaid, paused, resumed, ended = named("subscription", _KINDS, kinds)
    return Lifecycle(
        name,
        stages=ranked(["incomplete", "trialing", "active"], [*_RUNNING[2:], *reversed(_OVER)]),
        initial="incomplete",
        transitions=[
            Transition("incomplete", created, "incomplete"),
            *(Transition(stage, created, "incomplete") for stage in _OVER),
            *(Transition(stage, trial, "trialing") for stage in ("incomplete", *_OVER)),
            Transition("incomplete", paid, "active"),
            Transition("incomplete", failed, "incomplete"),
            *(Transition(stage, paid, "active") for stage in ("trialing", "active", "past_due", "unpaid")),
            *(Transition(stage, failed, "past_due") for stage in ("trialing", "active", "past_due")),
            *touches(["unpaid"], failed),
            *(Transition(stage, unpaid, "unpaid") for stage in ("active", "past_due")),
            *(Transition(stage, paused, "paused") for stage in ("trialing", "active", "past_due")),
            Transition("paused", resumed, "active"),
            *(Transition(stage, ended, "canceled") for stage in ("incomplete", *_RUNNING)),
        ],
        timeouts=[
            Timeout("incomplete", "incomplete_expired", after=first_payment),
            Timeout("trialing", "active", attribute=trial_end),
            Timeout("past_due", "canceled", after=dunning),
        ],
    )
