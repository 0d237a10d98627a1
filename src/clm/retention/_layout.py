"""Which cells of a retention table could be observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from clm.data import HOUR
from clm.errors import InvalidDataError
from clm.retention._sentence import OWN_HOURS

if TYPE_CHECKING:
    from clm.retention._columns import AgeColumns
    from clm.retention._definition import RetentionDefinition
    from clm.typing import Array, BoolArray, IntArray

COMPLETE: Final = "complete"
IN_PROGRESS: Final = "in_progress"
UNOBSERVED: Final = "unobserved"

_MOST_COHORTS: Final = 5000
_MOST_COHORTS_AGAIN: Final = 1500


def cohort_periods(definition: RetentionDefinition, first: int, through: int) -> IntArray:
    """Return the numbers of the cohorts' periods, from `first` to the one that holds `through`.

    Raises
    ------
    InvalidDataError
        If there are more than a table can hold.
    """
    running = int(definition.calendar.index(np.array([through]))[0])
    cohorts = running - first + 1
    again = definition.entry == "recurring" and definition.clock == "calendar"
    if cohorts > (_MOST_COHORTS_AGAIN if again else _MOST_COHORTS):
        raise InvalidDataError(
            f"the table would have {cohorts:,} cohorts, one {definition.period} each. Choose a longer period, or "
            "give start= to leave early ones out."
        )
    return np.arange(first, running + 1)


def calendar_status(
    definition: RetentionDefinition, cohorts: int, end: int, through: int, columns: AgeColumns
) -> Array:
    """Return the status of each cell by the calendar.

    Parameters
    ----------
    definition
        What was counted.
    cohorts
        How many there are; the last one's period holds `through`.
    end
        Number of the period after the last cohort's.
    through
        Last instant observed, UTC microseconds.
    columns
        Of the table.

    Returns
    -------
    (cohorts, columns) ndarray of str
    """
    ended = int(definition.calendar.start(np.array([end]))[0]) <= through + 1
    to_go = cohorts - 1 - np.arange(cohorts)[:, None] - columns.last
    return _named(to_go >= 0 if ended else to_go > 0, to_go >= 0)


def own_length(definition: RetentionDefinition) -> int:
    """Return the length of a period of a customer's own clock, in microseconds."""
    return OWN_HOURS[definition.period] * HOUR


def windows(entered_at: IntArray, through: int, length: int) -> tuple[IntArray, IntArray]:
    """Return how many periods of each customer's own clock have ended, and begun, by `through`."""
    lived = np.maximum(through + 1 - entered_at, 0)
    return lived // length, -(-lived // length)


def own_status(ended: IntArray, begun: IntArray, columns: AgeColumns) -> Array:
    """Return the status of each cell on customers' own clocks.

    Parameters
    ----------
    ended
        Fewest periods that have ended for a customer of each cohort.
    begun
        Most periods that have begun for one.
    columns
        Of the table.
    """
    return _named(ended[:, None] > columns.last, begun[:, None] > columns.last)


def _named(ended: BoolArray, begun: BoolArray) -> Array:
    # Looked up in one step: tables of thousands of hours hold millions of cells, and words take 44 bytes each.
    return np.array([UNOBSERVED, IN_PROGRESS, COMPLETE])[begun.astype(np.intp) + ended]
