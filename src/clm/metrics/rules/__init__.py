"""Ready-made rules of lifecycle automation for ``clm.due``; every length is an assumption and an argument."""

from clm.metrics._rules_dates import birthday, expiring, trial_ending
from clm.metrics._rules_ready import abandoned_cart, detractor_follow_up, second_purchase, survey_request, win_back

__all__ = [
    "abandoned_cart",
    "birthday",
    "detractor_follow_up",
    "expiring",
    "second_purchase",
    "survey_request",
    "trial_ending",
    "win_back",
]
