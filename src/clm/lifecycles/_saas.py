"""Software as a service in two phases: selling it, and keeping those who pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clm.core import Lifecycle, Timeout, Transition
from clm.lifecycles._tables import climbs, named, ranked, touches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

_KINDS: Final = (
    "visit",
    "signed_up",
    "content_viewed",
    "checkout_started",
    "trial_started",
    "subscription_started",
    "feature_adopted",
    "renewed",
    "payment_failed",
    "payment_succeeded",
    "cancel_requested",
    "resumed",
    "subscription_ended",
)
_SALES: Final = ("sales.traffic", "sales.leads", "sales.education", "sales.conversion")
_TRIAL: Final = "maintenance.trial"
_ONBOARDING: Final = "maintenance.onboarding"
_ADOPTION: Final = "maintenance.adoption"
_RENEWAL: Final = "maintenance.renewal"
_PAST_DUE: Final = "maintenance.past_due"
_CANCELLING: Final = "maintenance.cancelling"
_CHURNED: Final = "maintenance.churned"
_WON_BACK: Final = "maintenance.won_back"
_PAYING: Final = (_ONBOARDING, _ADOPTION, _RENEWAL, _WON_BACK)
_UNRANKED: Final = (_PAST_DUE, _CANCELLING, _CHURNED, _WON_BACK)

METRICS: Final = {
    "sales.traffic": ("visits", "impressions", "click_through_rate"),
    "sales.leads": ("sign_up_rate", "cost_per_lead"),
    "sales.education": ("content_views", "engagement_rate"),
    "sales.conversion": ("conversion_rate", "cost_per_acquisition"),
    _TRIAL: ("trial_to_paid_rate",),
    _ONBOARDING: ("time_to_value", "ces"),
    _ADOPTION: ("feature_adoption", "stickiness", "nps"),
    _RENEWAL: ("retention_rate", "net_revenue_retention", "customer_lifetime_value"),
    _PAST_DUE: ("payment_recovery_rate",),
    _CANCELLING: ("save_rate",),
    _CHURNED: ("churn_rate",),
    _WON_BACK: ("win_back_rate",),
}


def saas(
    name: str = "saas",
    *,
    trial_end: str = "trial_end",
    period_end: str = "period_end",
    dunning: str | timedelta = "21d",
    kinds: Mapping[str, str] | None = None,
) -> Lifecycle:
    """Build the sales process and the maintenance phase of software that is rented.

    Parameters
    ----------
    name
        What the lifecycle is called.
    trial_end, period_end
        The customers' attributes with the end of the trial, and of the period that is paid for.
    dunning
        How long after a failed payment a subscription is given up; the default is an assumption.
    kinds
        Your names for the kinds ``visit``, ``signed_up``, ``content_viewed``, ``checkout_started``, ``trial_started``,
        ``subscription_started``, ``feature_adopted``, ``renewed``, ``payment_failed``, ``payment_succeeded``,
        ``cancel_requested``, ``resumed`` and ``subscription_ended``.

    Returns
    -------
    Lifecycle
        Phase 1, ``sales.``: ``traffic``, ``leads``, ``education`` and ``conversion``. Phase 2, ``maintenance.``:
        ``trial``, ``onboarding``, ``adoption`` and ``renewal`` go on with the ranks; ``past_due``, ``cancelling``,
        ``churned`` and ``won_back`` are off the funnel.

    Raises
    ------
    InvalidDataError
        If a kind is unknown or named twice.

    Notes
    -----
    The split into a sales process (attract traffic, capture leads, educate users, convert sales) and a phase of
    maintenance and support follows a forum post [1]_, whose second phase lists what the vendor does; the stages of the
    customer in it are this model's. A trial that ends without a subscription leads back to education. Each renewal is a
    visit of its own. A payment that succeeds late, and a cancellation that is taken back, lead back to where the
    customer was; who cancels while payment is past due has churned. ``log.rolled_up()`` shows the two phases.

    References
    ----------
    .. [1] "SaaS - Customer Life Cycle", discourse.world (2013).

    Examples
    --------
    >>> clm.lifecycles.saas().allowed("maintenance.past_due")["payment_succeeded"]
    ('@previous',)
    """
    visit, signed_up, content, checkout, trial, started, adopted, renewed, failed, paid, cancelled, resumed, ended = (
        named("saas", _KINDS, kinds)
    )
    selling = (visit, signed_up, content, checkout)
    return Lifecycle(
        name,
        stages=ranked([*_SALES, _TRIAL, _ONBOARDING, _ADOPTION, _RENEWAL], _UNRANKED),
        initial=_SALES[0],
        transitions=[
            *climbs(dict(zip(_SALES, selling, strict=True))),
            *touches([_TRIAL, *_PAYING, _PAST_DUE, _CANCELLING, _CHURNED], *selling),
            *(Transition(stage, trial, _TRIAL) for stage in _SALES),
            *(Transition(stage, started, _ONBOARDING) for stage in (*_SALES, _TRIAL)),
            *touches([_TRIAL], adopted),
            *(Transition(stage, adopted, _ADOPTION) for stage in (_ONBOARDING, _WON_BACK)),
            *touches([_ADOPTION, _RENEWAL, _PAST_DUE, _CANCELLING], adopted),
            *(Transition(stage, renewed, _RENEWAL, reenter=True) for stage in _PAYING),
            *touches(_PAYING, paid),
            *(Transition(stage, failed, _PAST_DUE) for stage in _PAYING),
            *touches([_PAST_DUE, _CANCELLING], failed),
            Transition(_PAST_DUE, paid, "@previous"),
            Transition(_PAST_DUE, cancelled, _CHURNED),
            *(Transition(stage, cancelled, _CANCELLING) for stage in _PAYING),
            Transition(_CANCELLING, resumed, "@previous"),
            *(Transition(stage, ended, _CHURNED) for stage in (*_PAYING, _PAST_DUE, _CANCELLING)),
            Transition(_CHURNED, started, _WON_BACK),
        ],
        timeouts=[
            Timeout(_TRIAL, "sales.education", attribute=trial_end),
            Timeout(_PAST_DUE, _CHURNED, after=dunning),
            Timeout(_CANCELLING, _CHURNED, attribute=period_end),
        ],
    )
