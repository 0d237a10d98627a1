"""Rules that most businesses have: second purchase, win-back, abandoned cart, surveys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm.core import when
from clm.metrics._rules import Event, Rule, Silence, StageEntered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    Length = str | timedelta
    Occasions = str | Event | Sequence[str | Event]


def second_purchase(
    delay: Length = "14d",
    *,
    kind: str = "order",
    expires: Length | None = "60d",
    goal: Occasions = "order",
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "never",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "second_purchase",
) -> Rule:
    """Ask who ordered once to order again.

    Parameters
    ----------
    delay
        How long after the first order.
    kind
        The kind of touchpoint that a purchase is.
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
    >>> clm.metrics.rules.second_purchase().words
    'second_purchase: 14d after order with count(order) == 1, for 60d'
    """
    return Rule(
        name,
        trigger=Event(kind, when=when.count(kind) == 1),
        delay=delay,
        expires=expires,
        exit=exit,
        goal=goal,
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )


def win_back(
    delay: Length = "180d",
    *,
    kinds: str | Sequence[str] = "order",
    stage: str | None = None,
    expires: Length | None = "90d",
    goal: Occasions = "order",
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "always",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "win_back",
) -> Rule:
    """Ask who has long been silent to come back.

    With `stage` the lifecycle says who is silent for long, and his next order is a conversion. Without it every order
    begins a new silence.

    Parameters
    ----------
    delay
        How long the silence is.
    kinds
        The kinds whose silence counts, where no `stage` is given.
    stage
        Who entered this stage, as ``"lapsed"``, is due at once, until he leaves it.
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
    >>> clm.metrics.rules.win_back("120d", stage="lapsed").words
    'win_back: entered lapsed, for 90d'
    """
    return Rule(
        name,
        trigger=Silence(kinds) if stage is None else StageEntered(stage),
        delay=delay if stage is None else None,
        expires=expires,
        exit=exit,
        goal=goal,
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )


def abandoned_cart(
    kind: str = "checkout_started",
    *,
    delay: Length = "1h",
    expires: Length | None = "3d",
    goal: Occasions = "order",
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "always",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "abandoned_cart",
) -> Rule:
    """Remind who filled a cart and did not order.

    Parameters
    ----------
    kind
        The kind of touchpoint that a filled cart is.
    delay
        How long after the cart was last touched.
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
    >>> clm.metrics.rules.abandoned_cart("product_added").words
    'abandoned_cart: 1h after product_added, for 3d'
    """
    return Rule(
        name,
        trigger=Event(kind),
        delay=delay,
        expires=expires,
        exit=exit,
        goal=goal,
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )


def survey_request(
    survey: str = "nps",
    *,
    kind: str = "order",
    nth: int | None = 1,
    delay: Length = "30d",
    expires: Length | None = "30d",
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "90d",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "survey_request",
) -> Rule:
    """Ask a customer how satisfied he is, some time after he became one.

    Parameters
    ----------
    survey
        The kind of answer that is asked for; an answer is the goal.
    kind
        The kind of touchpoint that is asked about.
    nth
        After which of them, counted from the first; None for each of them, so that the next one starts the
        delay anew.
    delay
        How long after it.
    expires
        How long it stays due.
    exit, reentry, holdout, channel, consent, name
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
    >>> clm.metrics.rules.survey_request("csat", nth=None, delay="3d").words
    'survey_request: 3d after order, for 30d'
    """
    return Rule(
        name,
        trigger=Event(kind, when=None if nth is None else when.count(kind) == nth),
        delay=delay,
        expires=expires,
        exit=exit,
        goal=survey,
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )


def detractor_follow_up(
    at_most: float = 6,
    *,
    survey: str = "nps",
    delay: Length | None = None,
    expires: Length | None = "14d",
    exit: Occasions = (),  # noqa: A002  # the word of the field, and of Rule
    reentry: Length = "30d",
    holdout: float = 0.0,
    channel: str | None = None,
    consent: str | None = None,
    name: str = "detractor_follow_up",
) -> Rule:
    """Call back who answered that he is not satisfied.

    A later and better answer takes him off the list.

    Parameters
    ----------
    at_most
        The highest score that is followed up.
    survey
        The kind of answer.
    delay
        How long after the answer; by default at once.
    expires
        How long it stays due.
    exit, reentry, holdout, channel, consent, name
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
    >>> clm.metrics.rules.detractor_follow_up().words
    'detractor_follow_up: nps with score <= 6, for 14d'
    """
    return Rule(
        name,
        trigger=Event(survey, when=when.score <= at_most),
        delay=delay,
        expires=expires,
        exit=exit,
        goal=Event(survey, when=when.score > at_most),
        reentry=reentry,
        holdout=holdout,
        channel=channel,
        consent=consent,
    )
