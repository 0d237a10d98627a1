"""Which rows of a log count, and for which reason the others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import evolve

from clm.data import MISSING
from clm.errors import InvalidDataError
from clm.frames._ids import BLANK, BLANKS, NULL, Ids
from clm.frames._plan import AT, ID, Plan, count

if TYPE_CHECKING:
    from clm.typing import BoolArray, IntArray

REASONS: Final = ("null ids", "blank ids", "null times", "before start", "after through")
"""Why a row is left out; of several reasons the first one counts."""

FAULT: Final = "clm_fault"


def kept_rows(
    ids: Ids, at: IntArray, *, start: int | None, through: int | None, what: str
) -> tuple[BoolArray, dict[str, int]]:
    """Return which rows count, and how many do not, by reason.

    Raises
    ------
    InvalidDataError
        If no row is left.
    """
    faults = (
        ids.keys == NULL,
        ids.keys == BLANK,
        at == MISSING,
        None if start is None else at < start,
        None if through is None else at > through,
    )
    dropped: dict[str, int] = {}
    kept = np.ones(len(at), bool)
    for reason, bad in zip(REASONS, faults, strict=True):
        number = 0 if bad is None else int((kept & bad).sum())
        if bad is not None and number:
            dropped[reason] = number
            kept &= ~bad
    if not kept.any():
        raise _nothing_left(what, len(at), dropped)
    return kept, dropped


def kept_plan(
    plan: Plan, asked: dict[str, Any], *, start: int | None, through: int | None
) -> tuple[Plan, dict[str, int], dict[str, Any]]:
    """Return a plan of the rows that count, how many do not, and facts about those that do.

    Parameters
    ----------
    plan
        The frame.
    asked
        Further facts, as expressions; they see ``KEPT``.
    start, through
        First and last instant that count.

    Returns
    -------
    plan : Plan
        The rows that count.
    dropped : dict of str to int
        Rows that do not, by reason.
    facts : dict
        What was asked, with ``rows``, ``kept`` and ``last``, the last instant kept.

    Raises
    ------
    InvalidDataError
        If no row is left.
    """
    marked = evolve(plan, frame=plan.frame.with_columns(_fault(plan, start, through).alias(FAULT)))
    everything = {
        "rows": nw.len(),
        "kept": count(KEPT),
        "last": nw.when(KEPT).then(nw.col(AT)).otherwise(None).max(),
        **{reason: count(nw.col(FAULT) == number) for number, reason in enumerate(REASONS, 1)},
        **asked,
    }
    facts = marked.facts(everything)
    dropped = {reason: int(facts[reason]) for reason in REASONS if facts[reason]}
    if not facts["kept"]:
        raise _nothing_left(plan.what, int(facts["rows"]), dropped)
    return evolve(plan, frame=marked.frame.filter(KEPT).drop(FAULT)), dropped, facts


KEPT: Final = nw.col(FAULT) == 0
"""Whether a row counts, as an expression."""


def _fault(plan: Plan, start: int | None, through: int | None) -> Any:
    """Number the first reason for which a row is left out; 0 keeps it."""
    faults: list[tuple[int, Any]] = [(1, nw.col(ID).is_null())]
    if not plan.frame.collect_schema()[ID].is_integer():
        faults.append((2, nw.col(ID).str.strip_chars(BLANKS) == ""))
    faults.append((3, nw.col(AT).is_null()))
    if start is not None:
        faults.append((4, nw.col(AT) < start))
    if through is not None:
        faults.append((5, nw.col(AT) > through))
    number: Any = nw.lit(0)
    for code, bad in reversed(faults):
        number = nw.when(bad).then(nw.lit(code)).otherwise(number)
    return number


def _nothing_left(what: str, rows: int, dropped: dict[str, int]) -> InvalidDataError:
    if not rows:
        return InvalidDataError(f"there are no rows in {what}. Check the file or the query that it comes from.")
    reasons = ", ".join(f"{number:,} for {reason}" for reason, number in dropped.items())
    return InvalidDataError(
        f"no row of {what} can be used: of {rows:,} rows, {reasons} were left out. Check columns, start and through."
    )
