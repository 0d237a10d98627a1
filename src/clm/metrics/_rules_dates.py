"""Ready-made rules about dates: trials and bonuses that end, and birthdays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm.metrics._rules import DateOf, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from clm.metrics._rules import Event

    Length = str | timedelta
    Occasions = str | Event | Sequence[str | Event]


def trial_ending(
    attribute: str = "trial_end",
    *,
    before: Length = "3d",
    goal: Occasions = "order",
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "always",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "trial_ending",
) -> Rule:
    """Remind who is on trial before the trial ends.

    Parameters
    ----------
    attribute
        Column of the customers table with the end of the trial.
    before
        How long before that day or moment; it expires with it.
    goal, exit, reentry, holdout, channel, consent, name
        As in `Rule`.

    Returns
    -------
    Rule

    Raises
    ------
    InvalidDataError
        If an argument is not what it must be.

    Examples
    --------
    >>> clm.metrics.rules.trial_ending(before="5d").words
    'trial_ending: 5d before trial_end'
    """
    return Rule(
        name,
        trigger=DateOf(attribute, before=before),
        exit=exit,
        goal=goal,
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )


def expiring(
    attribute: str,
    *,
    before: Length = "7d",
    since: Length | None = None,
    goal: Occasions = (),
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "always",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "expiring",
) -> Rule:
    """Remind whose bonus or promo code expires.

    Parameters
    ----------
    attribute
        Column of the customers table with the moment at which it expires.
    before
        How long before that day or moment; it expires with it.
    since
        How long before that moment a goal or exit begins to count; by default all that ever happened does.
    goal, exit, reentry, holdout, channel, consent, name
        As in `Rule`.

    Returns
    -------
    Rule

    Raises
    ------
    InvalidDataError
        If an argument is not what it must be.

    Examples
    --------
    >>> clm.metrics.rules.expiring("bonus_expiry", before="1d").words
    'expiring: 1d before bonus_expiry'
    """
    return Rule(
        name,
        trigger=DateOf(attribute, before=before, since=since),
        exit=exit,
        goal=goal,
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )


def birthday(
    attribute: str = "birthday",
    *,
    expires: Length | None = "1d",
    goal: Occasions = (),
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "always",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "birthday",
) -> Rule:
    """Congratulate on the birthday.

    Of who was born on 29 February, on 28 February in common years.

    Parameters
    ----------
    attribute
        Column of the customers table with the date of birth.
    expires
        How long it stays due.
    goal, exit, reentry, holdout, channel, consent, name
        As in `Rule`.

    Returns
    -------
    Rule

    Raises
    ------
    InvalidDataError
        If an argument is not what it must be.

    Examples
    --------
    >>> clm.metrics.rules.birthday().words
    'birthday: every birthday, for 1d'
    """
    return Rule(
        name,
        trigger=DateOf(attribute, yearly=True),
        expires=expires,
        exit=exit,
        goal=goal,
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )
