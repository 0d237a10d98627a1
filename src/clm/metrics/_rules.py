"""Rules of lifecycle automation: what makes a customer due which action, and what takes him off the list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final, Literal, final

from attrs import field, frozen

from clm.core._duration import MICROSECOND, duration, written
from clm.core._guards import Guard
from clm.core._names import checked_kind, checked_kinds, checked_name
from clm.errors import InvalidDataError
from clm.stats import plain_number

_AT_ONCE: Final = timedelta(0)


def _name(given: Any) -> str:
    return checked_name(given, "name")


def _stage(given: Any) -> str:
    return checked_name(given, "stage")


def _stage_or_none(given: Any) -> str | None:
    return None if given is None else _stage(given)


def _attribute(given: Any) -> str:
    return checked_name(given, "attribute")


def _channel(given: Any) -> str | None:
    return None if given is None else checked_name(given, "channel")


def _consent(given: Any) -> str | None:
    return None if given is None else checked_name(given, "consent")


def _before(given: Any) -> timedelta | None:
    return None if given is None else duration(given, "before")


def _since(given: Any) -> timedelta | None:
    return None if given is None else duration(given, "since")


def _expires(given: Any) -> timedelta | None:
    return None if given is None else duration(given, "expires")


def _kind(given: Any) -> str:
    return checked_kind(given)


def _kinds(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    kinds = checked_kinds(given, "kinds")
    if not kinds:
        raise InvalidDataError("kinds is empty. Name the kinds whose silence counts, or leave it out for all of them.")
    return kinds


def _guard_or_none(given: Any) -> Guard | None:
    if given is not None and not isinstance(given, Guard):
        raise InvalidDataError(f"when={given!r} is no condition. Write one as clm.when.score <= 6.")
    return given


@final
@frozen
class Event:
    """Something that a customer did: an order, a touchpoint or an answer.

    Parameters
    ----------
    kind : str
        Its kind. Orders are of kind ``"order"``, answers of kind ``"nps"``, ``"csat"`` or ``"ces"``.
    when : Guard, optional
        Which of them: ``clm.when.score <= 6``. Counts and totals run over the customer's whole history, the event
        itself included.

    Raises
    ------
    InvalidDataError
        If the kind is no name, or `when` no condition.

    Examples
    --------
    >>> clm.metrics.Event("nps", when=clm.when.score <= 6)
    Event(kind='nps', when=(when.score <= 6.0))
    """

    kind: str = field(converter=_kind)
    when: Guard | None = field(default=None, kw_only=True, converter=_guard_or_none)

    @property
    def words(self) -> str:
        """The event in words."""
        return self.kind if self.when is None else f"{self.kind} with {self.when}"


@final
@frozen
class StageEntered:
    """A customer entered a stage of the base's lifecycle; leaving it takes him off the list.

    Parameters
    ----------
    stage : str
        The stage, or one that others are parts of, as ``"awareness"`` of ``awareness.problem``.

    Raises
    ------
    InvalidDataError
        If it is no name.

    Examples
    --------
    >>> clm.metrics.StageEntered("lapsed").words
    'entered lapsed'
    """

    stage: str = field(converter=_stage)

    @property
    def words(self) -> str:
        """The trigger in words."""
        return f"entered {self.stage}"


@final
@frozen
class Silence:
    """A customer was last heard of: his last touchpoint, order or answer. The silence is as long as the rule's `delay`.

    Parameters
    ----------
    kinds : str or sequence of str, optional
        Whose silence counts: ``"order"``. By default that of every kind.
    stage : str, optional
        Only silence within a visit to this stage of the base's lifecycle. The visit itself breaks the silence, and
        leaving the stage takes the customer off the list.

    Raises
    ------
    InvalidDataError
        If a kind or the stage is no name.

    Examples
    --------
    >>> clm.metrics.Silence("order").words
    'silence of order'
    """

    kinds: tuple[str, ...] | None = field(default=None, converter=_kinds)
    stage: str | None = field(default=None, kw_only=True, converter=_stage_or_none)

    @property
    def words(self) -> str:
        """The trigger in words."""
        within = "" if self.stage is None else f" in {self.stage}"
        return f"silence{within}" if self.kinds is None else f"silence of {' or '.join(self.kinds)}{within}"


@final
@frozen
class DateOf:
    """A date that the table of customers holds: the end of a trial, of a bonus, a birthday.

    Parameters
    ----------
    attribute : str
        The column. A bare date is the start of that day. Customers without a date are no candidates.
    before : str or timedelta, optional
        How long before the date the action is due; it expires with the date. By default it is due at the date, or
        the rule's `delay` after it.
    yearly : bool
        Whether the date comes again every year, on the local day that the date names, from its start. Who was born on
        29 February has his day on 28 February in common years.
    since : str or timedelta, optional
        How long before the date goals and exits begin to count. By default all that ever happened counts; of a yearly
        date, what happened since the action was due.

    Raises
    ------
    InvalidDataError
        If the attribute is no name, or a length is no duration.

    Examples
    --------
    >>> clm.metrics.DateOf("trial_end", before="3d").words
    '3d before trial_end'
    """

    attribute: str = field(converter=_attribute)
    before: timedelta | None = field(default=None, kw_only=True, converter=_before)
    yearly: bool = field(default=False, kw_only=True)
    since: timedelta | None = field(default=None, kw_only=True, converter=_since)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.yearly, bool):
            raise InvalidDataError(f"yearly must be True or False, not {self.yearly!r}.")

    @property
    def words(self) -> str:
        """The trigger in words."""
        each = f"every {self.attribute}" if self.yearly else self.attribute
        return each if self.before is None else f"{written(self.before)} before {each}"


Trigger = Event | StageEntered | Silence | DateOf


def _trigger(given: Any) -> Trigger:
    if isinstance(given, str):
        return Event(given)
    if not isinstance(given, Trigger):
        raise InvalidDataError(
            f"trigger={given!r} is none. Give a kind of touchpoint, or clm.metrics.Event, StageEntered, Silence "
            "or DateOf."
        )
    return given


def _exit(given: Any) -> tuple[Event, ...]:
    return _events(given, "exit")


def _goal(given: Any) -> tuple[Event, ...]:
    return _events(given, "goal")


def _events(given: Any, what: str) -> tuple[Event, ...]:
    listed = [given] if isinstance(given, (str, Event)) else given
    if not isinstance(listed, Iterable):
        raise InvalidDataError(f"{what}={given!r} must name kinds of touchpoints, or hold clm.metrics.Event.")
    return tuple(one if isinstance(one, Event) else Event(one) for one in listed)


def _delay(given: Any) -> timedelta:
    if given is None or given == _AT_ONCE or (isinstance(given, str) and given.strip() in {"0d", "0h", "0min", "0s"}):
        return _AT_ONCE
    return duration(given, "delay")


def _reentry(given: Any) -> timedelta | Literal["never", "always"]:
    if isinstance(given, str) and given in {"never", "always"}:
        return given  # type: ignore[return-value]  # one of the two, as just seen
    try:
        return duration(given, "reentry")
    except InvalidDataError as error:
        raise InvalidDataError(f"{error} Or say 'never' or 'always'.") from None


@final
@frozen
class Rule:
    """When a customer is due an action, for how long, and what takes him off the list.

    Parameters
    ----------
    name : str
        What the rule is called in the list and in the history of what was sent.
    trigger : str, Event, StageEntered, Silence or DateOf
        What makes him a candidate; a kind of touchpoint stands for its event. Of several occurrences the latest
        counts, and starts the delay anew.
    delay : str or timedelta, optional
        How long after the trigger the action is due. By default at once.
    expires : str or timedelta, optional
        How long the action stays due, both ends included. By default until something takes him off the list; of a
        date with ``before``, until the date.
    exit : str, Event or sequence of them
        What takes him off the list without success, as ``"unsubscribed"``.
    goal : str, Event or sequence of them
        What the action is for, as ``"order"``: who has done it is converted.
    reentry : {"never", "always"} or str or timedelta
        Whether a customer to whom the action was sent may be due again at a later trigger: never, always, or once that
        long has passed since it was sent. One trigger is acted on once.
    holdout : float
        Share of customers, from 0 to 1, to whom the action is never sent, so that its effect can be measured.
    channel : str, optional
        How it is sent, for caps by channel.
    action : str, optional
        What is sent; by default the rule's name.
    consent : str, optional
        Column of the customers table that says who agreed: true or false, or the date since which he has.

    Raises
    ------
    InvalidDataError
        If an argument is not what it must be.

    Examples
    --------
    >>> review = clm.metrics.Rule("review", trigger="order", delay="10d", expires="20d", goal="review")
    >>> review.words
    'review: 10d after order, for 20d'
    """

    name: str = field(converter=_name)
    trigger: Trigger = field(kw_only=True, converter=_trigger)
    delay: timedelta = field(default=None, kw_only=True, converter=_delay)
    expires: timedelta | None = field(default=None, kw_only=True, converter=_expires)
    exit: tuple[Event, ...] = field(default=(), kw_only=True, converter=_exit)
    goal: tuple[Event, ...] = field(default=(), kw_only=True, converter=_goal)
    reentry: timedelta | Literal["never", "always"] = field(default="never", kw_only=True, converter=_reentry)
    holdout: float = field(default=0.0, kw_only=True)
    channel: str | None = field(default=None, kw_only=True, converter=_channel)
    action: str = field(default="", kw_only=True)
    consent: str | None = field(default=None, kw_only=True, converter=_consent)

    def __attrs_post_init__(self) -> None:
        share = plain_number(self.holdout, f"holdout of rule {self.name!r}", lowest=0, highest=1)
        object.__setattr__(self, "holdout", share)
        object.__setattr__(self, "action", checked_name(self.action or self.name, "action"))
        if isinstance(self.trigger, Silence) and not self.delay:
            raise InvalidDataError(f"rule {self.name!r} waits for silence: say how long, as delay='90d'.")
        if isinstance(self.trigger, DateOf) and self.trigger.before is not None and self.delay:
            raise InvalidDataError(
                f"rule {self.name!r} is due before {self.trigger.attribute!r} and delayed as well. Give one of the two."
            )

    @property
    def words(self) -> str:
        """The rule in words."""
        after = f"{written(self.delay)} after " if self.delay else ""
        until = "" if self.expires is None else f", for {written(self.expires)}"
        return f"{self.name}: {after}{self.trigger.words}{until}"


def in_microseconds(length: timedelta | None) -> int:
    """Return a length in microseconds, 0 for none."""
    return 0 if length is None else length // MICROSECOND
