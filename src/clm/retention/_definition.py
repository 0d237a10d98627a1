"""What retention means: the choices that every retention number makes, written down."""

from __future__ import annotations

from datetime import tzinfo
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, Literal, final

import numpy as np
from attrs import Attribute, field, frozen

from clm.data import Calendar, Zone, check_period, check_week_start
from clm.errors import InvalidDataError, nearest
from clm.retention._sentence import sentence

if TYPE_CHECKING:
    from clm.typing import Period

ENTRIES: Final = ("first", "recurring")
CLOCKS: Final = ("calendar", "own")
RULES: Final = ("on", "on_or_after", "every", "any")

_AMBIGUOUS: Final = {
    "rolling": (
        "means three things: a return in the period or any later one (rule='on_or_after'), a return in every period so "
        "far (rule='every', what GA4 and Adobe call rolling), or periods from each customer's own entry (clock='own')"
    ),
    "cumulative": (
        "means two things: a return in any period so far (rule='any', what GA4 calls cumulative), or in the period or "
        "any later one (rule='on_or_after')"
    ),
}
_OTHER_NAMES: Final = {
    "n_day": "on",
    "n-day": "on",
    "classic": "on",
    "bounded": "on",
    "exactly": "on",
    "unbounded": "on_or_after",
    "on or after": "on_or_after",
}


def _one_of(*known: str) -> Any:
    def check(_: object, attribute: Attribute[str], value: str) -> None:
        if value in known:
            return
        if attribute.name == "rule" and isinstance(value, str):
            word = value.lower().strip()
            if word in _AMBIGUOUS:
                raise InvalidDataError(f"rule={value!r} {_AMBIGUOUS[word]}. Say which.")
            if word in _OTHER_NAMES:
                raise InvalidDataError(f"rule={value!r} is called {_OTHER_NAMES[word]!r} here.")
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
    lengths = tuple(brackets) if np.iterable(brackets) and not isinstance(brackets, (str, set, dict)) else ()
    if not lengths or not all(_is_whole(length) and 0 < length <= 1_000_000 for length in lengths):
        raise InvalidDataError(
            f"brackets={brackets!r} must list how many periods each bracket holds after age 0, as [4, 10, 3]."
        )
    return tuple(map(int, lengths))


def _is_whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _plain(number: Any) -> Any:
    # NumPy's whole numbers become Python's, so that definitions compare, print and travel.
    return int(number) if _is_whole(number) else number


@final
@frozen(kw_only=True)
class RetentionDefinition:
    """The choices behind a retention table; ``str`` gives them as one sentence.

    The same log gives week-4 retention anywhere between 25 and 67 percent, depending on these choices alone. So they
    are an object that a table carries, not defaults that nobody sees. `amplitude`, `mixpanel`, `posthog`, `ga4` and
    `adobe` make the choices of those tools.

    Parameters
    ----------
    period : {"hour", "day", "week", "month", "quarter", "year"}
        Length of the periods that cohorts and ages count.
    entry : {"first", "recurring"}
        Whether a customer enters once, with his first start event, or in every period that holds one.
    clock : {"calendar", "own"}
        Whether ages count periods of the calendar, or each customer's own from the instant of his entry: of 24 hours,
        7, 30, 90 or 365 days. On his own clock a customer enters once; with recurring entry that is his first start
        event at or after the table's start.
    rule : {"on", "on_or_after", "every", "any"}
        When he counts as retained at age k: with a return event in the period of age k, in it or any later one, in
        every period of ages 1 to k, or in at least one of them.
    brackets : sequence of int, optional
        Lengths of consecutive groups of periods after age 0, each a column: ``[4, 10, 3]`` are ages 1 to 4, 5 to 14 and
        15 to 17.
    minimum : int
        Return events that a period needs to count; age 0 needs none. Within a bracket too it holds for one period.
    week_start : {"monday", ..., "sunday"}
        Weekday on which weeks start.
    tz : str or tzinfo
        Time zone in whose wall time periods are cut and times without a zone are read.
    start_kind, return_kind : str, optional
        Kind of the events that let a customer enter, and that count as a return; by default any.
    full_hours : bool
        On his own clock, count from the full hour of a customer's entry: a return at 17:00 the day after 17:59 then is
        of age 1.

    Raises
    ------
    InvalidDataError
        If a choice is unknown.

    Examples
    --------
    >>> print(clm.RetentionDefinition(period="month", start_kind="signed_up"))
    Retention by calendar month in UTC: customers enter with their first event of kind 'signed_up' and \
count as retained at an age with a return event in the period of that age; a return is any event.
    >>> clm.RetentionDefinition.ga4("rolling").rule
    'every'
    """

    period: Period = field(default="week", validator=lambda _, __, period: _done(check_period(period)))
    entry: Literal["first", "recurring"] = field(default="first", validator=_one_of(*ENTRIES))
    clock: Literal["calendar", "own"] = field(default="calendar", validator=_one_of(*CLOCKS))
    rule: Literal["on", "on_or_after", "every", "any"] = field(default="on", validator=_one_of(*RULES))
    brackets: tuple[int, ...] | None = field(default=None, converter=_brackets)
    minimum: int = field(default=1, converter=_plain)
    week_start: str = field(default="monday", validator=lambda _, __, day: _done(check_week_start(day)))
    tz: str | tzinfo = field(default="UTC", converter=_zone_name, validator=lambda _, __, tz: _done(Zone.of(tz)))
    start_kind: str | None = field(default=None)
    return_kind: str | None = field(default=None)
    full_hours: bool = field(default=False)

    @minimum.validator
    def _whole(self, _: Attribute[int], minimum: Any) -> None:
        if not _is_whole(minimum) or minimum < 1:
            raise InvalidDataError(f"minimum={minimum!r} must be a whole number of return events from 1 on.")

    @start_kind.validator
    @return_kind.validator
    def _kind(self, attribute: Attribute[str | None], kind: Any) -> None:
        if kind is not None and not (isinstance(kind, str) and kind.strip()):
            raise InvalidDataError(f"{attribute.name}={kind!r} must be the name of a kind of event, or None for any.")

    @full_hours.validator
    def _hours(self, _: Attribute[bool], full_hours: Any) -> None:
        if not isinstance(full_hours, bool):
            raise InvalidDataError(f"full_hours={full_hours!r} must be True or False.")
        if full_hours and self.clock != "own":
            raise InvalidDataError("full_hours=True needs clock='own': calendar periods are cut by the calendar.")

    @classmethod
    def amplitude(
        cls,
        *,
        period: Period = "day",
        rule: Literal["on", "on_or_after"] = "on",
        clock: Literal["own", "calendar"] = "own",
        brackets: Any = None,
        week_start: str = "sunday",
        tz: str | tzinfo = "UTC",
        start_kind: str | None = None,
        return_kind: str | None = None,
    ) -> RetentionDefinition:
        """Return the choices of Amplitude: new users, on their own clock of 24 hours from the full hour.

        Parameters
        ----------
        period, week_start, tz, start_kind, return_kind, brackets
            As in `RetentionDefinition`.
        rule
            "on" is its Return On, "on_or_after" its Return On or After.
        clock
            "calendar" is its option of strict calendar dates.

        Returns
        -------
        RetentionDefinition

        Notes
        -----
        On its own clock Amplitude opens a bucket at every start event, so that one return may count at two ages. Here
        a customer enters once.

        Examples
        --------
        >>> clm.RetentionDefinition.amplitude(period="week").clock
        'own'
        """
        return cls(
            period=period,
            clock=clock,
            rule=_vendor_rule("Amplitude", rule, "on", "on_or_after"),
            brackets=brackets,
            week_start=week_start,
            tz=tz,
            start_kind=start_kind,
            return_kind=return_kind,
            full_hours=clock == "own",
        )

    @classmethod
    def mixpanel(
        cls,
        *,
        period: Period = "day",
        rule: Literal["on", "on_or_after"] = "on_or_after",
        clock: Literal["own", "calendar"] = "own",
        entry: Literal["first", "recurring"] = "first",
        week_start: str = "monday",
        tz: str | tzinfo = "UTC",
        start_kind: str | None = None,
        return_kind: str | None = None,
    ) -> RetentionDefinition:
        """Return the choices of Mixpanel: from birth, on customers' own clocks, on or after.

        Parameters
        ----------
        period, week_start, tz, start_kind, return_kind
            As in `RetentionDefinition`.
        rule
            "on" was its N-day, "on_or_after" its Unbounded retention and the default of its report.
        clock
            "calendar" is its advanced option.
        entry
            "first" is its birth, "recurring" its compounded retention.

        Returns
        -------
        RetentionDefinition

        Notes
        -----
        Its programming interface counts returns within the first period at age 0; here age 0 is the cohort's size.

        Examples
        --------
        >>> clm.RetentionDefinition.mixpanel().rule
        'on_or_after'
        """
        return cls(
            period=period,
            entry=entry,
            clock=clock,
            rule=_vendor_rule("Mixpanel", rule, "on", "on_or_after"),
            week_start=week_start,
            tz=tz,
            start_kind=start_kind,
            return_kind=return_kind,
        )

    @classmethod
    def posthog(
        cls,
        *,
        period: Period = "day",
        rule: Literal["on", "on_or_after"] = "on",
        clock: Literal["calendar", "own"] = "calendar",
        entry: Literal["recurring", "first"] = "recurring",
        brackets: Any = None,
        minimum: int = 1,
        week_start: str = "sunday",
        tz: str | tzinfo = "UTC",
        start_kind: str | None = None,
        return_kind: str | None = None,
    ) -> RetentionDefinition:
        """Return the choices of PostHog: recurring cohorts by the calendar, weeks from Sunday.

        Parameters
        ----------
        period, brackets, minimum, week_start, tz, start_kind, return_kind
            As in `RetentionDefinition`.
        rule
            "on_or_after" is what it calls cumulative in its code.
        clock
            "own" are its 24-hour windows, with which it refuses "on_or_after" and heeds no minimum itself.
        entry
            "first" is its first-time retention.

        Returns
        -------
        RetentionDefinition

        Examples
        --------
        >>> clm.RetentionDefinition.posthog().entry
        'recurring'
        """
        return cls(
            period=period,
            entry=entry,
            clock=clock,
            rule=_vendor_rule("PostHog", rule, "on", "on_or_after"),
            brackets=brackets,
            minimum=minimum,
            week_start=week_start,
            tz=tz,
            start_kind=start_kind,
            return_kind=return_kind,
            full_hours=clock == "own",
        )

    @classmethod
    def ga4(
        cls,
        calculation: Literal["standard", "rolling", "cumulative"] = "standard",
        *,
        period: Period = "day",
        tz: str | tzinfo = "UTC",
        start_kind: str | None = None,
        return_kind: str | None = None,
    ) -> RetentionDefinition:
        """Return the choices of Google Analytics 4's cohort exploration, weeks from Sunday.

        Parameters
        ----------
        calculation
            "standard" counts a return in the period, "rolling" one in every period so far, "cumulative" one in any.
        period, tz, start_kind, return_kind
            As in `RetentionDefinition`.

        Returns
        -------
        RetentionDefinition

        Examples
        --------
        >>> clm.RetentionDefinition.ga4("cumulative").rule
        'any'
        """
        rule = _calculation("GA4", calculation, {"standard": "on", "rolling": "every", "cumulative": "any"})
        return cls(period=period, rule=rule, week_start="sunday", tz=tz, start_kind=start_kind, return_kind=return_kind)

    @classmethod
    def adobe(
        cls,
        calculation: Literal["exactly", "on_or_after", "rolling"] = "exactly",
        *,
        period: Period = "month",
        week_start: str = "sunday",
        tz: str | tzinfo = "UTC",
        start_kind: str | None = None,
        return_kind: str | None = None,
        minimum: int = 1,
    ) -> RetentionDefinition:
        """Return the choices of Adobe Analytics' cohort tables.

        Parameters
        ----------
        calculation
            "exactly" counts a return in the period, "on_or_after" in it or a later one, "rolling" in every period so
            far.
        period, week_start, tz, start_kind, return_kind, minimum
            As in `RetentionDefinition`.

        Returns
        -------
        RetentionDefinition

        Examples
        --------
        >>> clm.RetentionDefinition.adobe("rolling").rule
        'every'
        """
        rule = _calculation("Adobe", calculation, {"exactly": "on", "on_or_after": "on_or_after", "rolling": "every"})
        return cls(
            period=period,
            rule=rule,
            week_start=week_start,
            tz=tz,
            start_kind=start_kind,
            return_kind=return_kind,
            minimum=minimum,
        )

    @property
    def calendar(self) -> Calendar:
        """How periods are numbered."""
        return Calendar(self.period, Zone.of(self.tz), self.week_start)

    def __str__(self) -> str:
        return sentence(self)


def _calculation(vendor: str, word: Any, known: dict[str, Any]) -> Any:
    if not isinstance(word, str) or word not in known:
        hint = nearest(str(word), known)
        raise InvalidDataError(f"{vendor} knows no calculation {word!r}, but {', '.join(known)}.{hint}")
    return known[word]


def _vendor_rule(vendor: str, rule: Any, *known: str) -> Any:
    if rule not in known:
        raise InvalidDataError(
            f"{vendor} has no rule {rule!r}, but {' and '.join(map(repr, known))}. For others build the definition "
            "with clm.RetentionDefinition(rule=...)."
        )
    return rule
