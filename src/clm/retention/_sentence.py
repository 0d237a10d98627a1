"""A retention definition as one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clm.retention._definition import RetentionDefinition

OWN_HOURS: Final = {"hour": 1, "day": 24, "week": 168, "month": 720, "quarter": 2160, "year": 8760}
"""Hours in each period of a customer's own clock: months of 30 days and years of 365, as vendors count them."""

_RULES_SAID: Final = {
    "on": "in the period of that age",
    "on_or_after": "in the period of that age or any later one",
    "every": "in every period from age 1 to that age",
    "any": "in at least one period from age 1 to that age",
}
_BRACKETS_SAID: Final = {
    "on": "in at least one period of that bracket",
    "on_or_after": "in at least one period of that bracket or any later one",
    "every": "in every bracket up to that one",
    "any": "in at least one bracket up to that one",
}


def sentence(definition: RetentionDefinition) -> str:
    """Return all choices of a definition in one sentence."""
    weeks = f" from {definition.week_start}" if definition.period == "week" else ""
    periods, since = f"calendar {definition.period}{weeks}", ""
    start = "event" if definition.start_kind is None else f"event of kind {definition.start_kind!r}"
    enter = f"with their first {start}" if definition.entry == "first" else f"in every period with an {start}"
    if definition.clock == "own":
        hours = OWN_HOURS[definition.period]
        length = f"{hours} h" if hours < 48 else f"{hours // 24} days"
        periods, since = f"own {definition.period}", f" of {length} from each customer's entry"
        since += ", cut to the full hour" if definition.full_hours else ""
        since += f", in cohorts by calendar {definition.period}{weeks},"
        if definition.entry == "recurring":
            enter = f"once, with their first {start} from the start of the table on"
    returns = "a return event" if definition.minimum == 1 else f"at least {definition.minimum} return events"
    ages, said = "", _RULES_SAID[definition.rule]
    if definition.brackets is not None:
        ages, said = (
            f" (ages in brackets of {', '.join(map(str, definition.brackets))})",
            _BRACKETS_SAID[definition.rule],
        )
    kind = "any event" if definition.return_kind is None else f"an event of kind {definition.return_kind!r}"
    return (
        f"Retention by {periods}{since} in {definition.calendar.zone.name}: customers enter {enter} "
        f"and count as retained at an age{ages} with {returns} {said}; a return is {kind}."
    )
