"""What retention means: the choices that every retention number makes, written down."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final, Literal, final

from attrs import Attribute, field, frozen

from clm.data import Calendar, Zone, check_period, check_week_start
from clm.errors import InvalidDataError, nearest

if TYPE_CHECKING:
    from clm.typing import Period

ENTRIES: Final = ("first", "recurring")
CLOCKS: Final = ("calendar", "own")
RULES: Final = ("on", "on_or_after", "every", "any")

_RULES_SAID: Final = {
    "on": "in the period of that age",
    "on_or_after": "in the period of that age or any later one",
    "every": "in every period from age 1 to that age",
    "any": "in at least one period from age 1 to that age",
}


def _one_of(*known: str) -> Any:
    def check(_: object, attribute: Attribute[str], value: str) -> None:
        if value not in known:
            hint = nearest(str(value), known)
            raise InvalidDataError(f"{attribute.name}={value!r} is not one of {', '.join(known)}.{hint}")

    return check


def _done(_: object) -> None:
    """Make a validator of a function that returns what it has checked."""


def _zone_name(tz: Any) -> Any:
    # A zone is kept by name where it has one, so that definitions compare, print and travel.
    named = isinstance(tz, tzinfo) and (Zone.of(tz).is_utc or hasattr(tz, "key"))
    return Zone.of(tz).name if named else tz


def _brackets(brackets: Any) -> tuple[int, ...] | None:
    if brackets is None:
        return None
    lengths = tuple(brackets) if isinstance(brackets, (list, tuple)) else ()
    if not lengths or not all(isinstance(length, int) and length > 0 for length in lengths):
        raise InvalidDataError(
            f"brackets={brackets!r} must list how many periods each bracket holds after age 0, as [4, 10, 3]."
        )
    return lengths


@final
@frozen(kw_only=True)
class RetentionDefinition:
    """The choices behind a retention table; ``str`` gives them as one sentence.

    The same log gives week-4 retention anywhere between 25 and 67 percent, depending on these choices alone. So they
    are an object that a table carries, not defaults that nobody sees.

    Parameters
    ----------
    period : {"hour", "day", "week", "month", "quarter", "year"}
        Length of the periods that cohorts and ages count.
    entry : {"first", "recurring"}
        Whether a customer enters once, with his first start event, or in every period that holds one.
    clock : {"calendar", "own"}
        Whether periods are those of the calendar, or each customer's own from the instant of his entry.
    rule : {"on", "on_or_after", "every", "any"}
        When he counts as retained at age k: with a return event in the period of age k, in it or any later one, in
        every period of ages 1 to k, or in at least one of them.
    brackets : sequence of int, optional
        Lengths of consecutive groups of periods after age 0.
    minimum : int
        Return events that a period needs to count; age 0 needs none.
    week_start : {"monday", ..., "sunday"}
        Weekday on which weeks start.
    tz : str or tzinfo
        Time zone in whose wall time periods are cut and times without a zone are read.
    start_kind, return_kind : str, optional
        Kind of the events that let a customer enter, and that count as a return; by default any.

    Raises
    ------
    InvalidDataError
        If a choice is unknown.

    Examples
    --------
    >>> print(clm.RetentionDefinition(period="month", start_kind="signed_up"))
    Retention by calendar month in UTC: customers enter with their first event of kind 'signed_up' and \
count as retained at an age with a return event in the period of that age; a return is any event.
    """

    period: Period = field(default="week", validator=lambda _, __, period: _done(check_period(period)))
    entry: Literal["first", "recurring"] = field(default="first", validator=_one_of(*ENTRIES))
    clock: Literal["calendar", "own"] = field(default="calendar", validator=_one_of(*CLOCKS))
    rule: Literal["on", "on_or_after", "every", "any"] = field(default="on", validator=_one_of(*RULES))
    brackets: tuple[int, ...] | None = field(default=None, converter=_brackets)
    minimum: int = field(default=1)
    week_start: str = field(default="monday", validator=lambda _, __, day: _done(check_week_start(day)))
    tz: str | tzinfo = field(default="UTC", converter=_zone_name, validator=lambda _, __, tz: _done(Zone.of(tz)))
    start_kind: str | None = field(default=None)
    return_kind: str | None = field(default=None)

    @minimum.validator
    def _whole(self, _: Attribute[int], minimum: Any) -> None:
        if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
            raise InvalidDataError(f"minimum={minimum!r} must be a whole number of return events from 1 on.")

    @start_kind.validator
    @return_kind.validator
    def _kind(self, attribute: Attribute[str | None], kind: Any) -> None:
        if kind is not None and not (isinstance(kind, str) and kind.strip()):
            raise InvalidDataError(f"{attribute.name}={kind!r} must be the name of a kind of event, or None for any.")

    @property
    def calendar(self) -> Calendar:
        """How periods are numbered."""
        return Calendar(self.period, Zone.of(self.tz), self.week_start)

    def __str__(self) -> str:
        weeks = f" from {self.week_start}" if self.period == "week" else ""
        periods = "calendar" if self.clock == "calendar" else "own"
        since = "" if self.clock == "calendar" else " from each customer's entry"
        start = "event" if self.start_kind is None else f"event of kind {self.start_kind!r}"
        enter = f"with their first {start}" if self.entry == "first" else f"in every period with an {start}"
        returns = "a return event" if self.minimum == 1 else f"at least {self.minimum} return events"
        ages = "" if self.brackets is None else f" (ages in brackets of {', '.join(map(str, self.brackets))})"
        kind = "any event" if self.return_kind is None else f"an event of kind {self.return_kind!r}"
        return (
            f"Retention by {periods} {self.period}{weeks}{since} in {self.calendar.zone.name}: customers enter {enter} "
            f"and count as retained at an age{ages} with {returns} {_RULES_SAID[self.rule]}; a return is {kind}."
        )
