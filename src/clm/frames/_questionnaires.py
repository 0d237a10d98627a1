"""Standard questionnaires of any frame: product-market fit, SUS, UMUX-Lite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from clm.errors import InvalidDataError, nearest
from clm.frames._answers import blank_of, count_column
from clm.frames._column import Column, read_sequence
from clm.frames._source import Source, open_table
from clm.satisfaction import Answers, ProductMarketFit, Scale, Usability, code_answers
from clm.satisfaction._usability import SUS, UMUX_LITE, named_questions

if TYPE_CHECKING:
    from clm.satisfaction._answers import MissingRule, OffScaleRule
    from clm.satisfaction._usability import Questionnaire
    from clm.typing import IntArray

GapRule: TypeAlias = Literal["drop", "raise", "neutral"]

_ELLIS: Final = Scale.ellis()
_GAP_RULES: Final = ("drop", "raise", "neutral")


def product_market_fit(
    answers: Any,
    *,
    score: str | None = None,
    weights: Any = None,
    missing: MissingRule = "drop",
    scale: Scale = _ELLIS,
    off_scale: OffScaleRule = "raise",
    benchmark: float = 40.0,
) -> ProductMarketFit:
    """Score "How would you feel if you could no longer use it?": the percent who would be very disappointed.

    Parameters
    ----------
    answers
        Any column, as for `nps`: 1 not, 2 somewhat, 3 very disappointed, or these names.
    score, weights
        As for `nps`.
    missing : {"drop", "raise", "neutral"}
        Leave missing answers out, refuse them, or keep them in the denominator, as some calculators do.
    scale
        The points and their names, ``clm.Scale.ellis()`` by default.
    off_scale : {"raise", "missing"}
        Refuse other answers, or count them as missing: give ``"missing"`` where "no longer use it" was offered.
    benchmark
        Percent that the share is held against. Ellis' 40 is a rule of thumb.

    Returns
    -------
    ProductMarketFit
        ``value`` 0 to 100, ``very_disappointed``, ``verdict``, ``n``, ``missing``.

    Raises
    ------
    InvalidDataError
        As for `nps`, and if the benchmark lies outside 0 to 100.

    Examples
    --------
    >>> answers = ["very disappointed"] * 85 + ["somewhat disappointed"] * 215
    >>> fit = clm.product_market_fit(answers)
    >>> round(fit.value, 1), fit.verdict
    (28.3, 'below')
    """
    counted = count_column(answers, score=score, weights=weights, missing=missing, scale=scale, off_scale=off_scale)
    return ProductMarketFit(counted, benchmark)


def sus(answers: Any, *, items: Any = None, missing: GapRule = "drop") -> Usability:
    """Score the System Usability Scale: ten statements, 1 strongly disagree to 5 strongly agree.

    Parameters
    ----------
    answers
        One row a respondent and one entry a statement, in the order of the questionnaire; ten answers of one
        respondent; or any frame, with `items`.
    items
        Names of the ten columns, in the order of the questionnaire.
    missing : {"drop", "raise", "neutral"}
        Leave respondents with a missing answer out, refuse them, or take the middle, 3, as Brooke asks for [1]_.

    Returns
    -------
    Usability
        ``value`` 0 to 100, ``scores`` of the respondents, ``n``, ``missing``.

    Raises
    ------
    InvalidDataError
        If there are not ten answers a respondent, or one is not on the scale.

    Notes
    -----
    Odd statements are positive and count the answer less 1, even ones are negative and count 5 less the answer; the
    sum is multiplied by 2.5 [1]_. It is no percentage.

    References
    ----------
    .. [1] Brooke (1996), SUS: a quick and dirty usability scale, in Usability Evaluation in Industry, 189-194.

    Examples
    --------
    >>> clm.sus([4, 2, 5, 1, 4, 2, 4, 2, 5, 1]).value
    85.0
    """
    return _usability(SUS, answers, items, missing)


def umux_lite(answers: Any, *, items: Any = None, missing: GapRule = "drop") -> Usability:
    """Score UMUX-Lite: "meets my requirements" and "is easy to use", 1 strongly disagree to 7 strongly agree.

    Parameters
    ----------
    answers
        One row a respondent with two entries; two answers of one respondent; or any frame, with `items`.
    items
        Names of the two columns.
    missing : {"drop", "raise", "neutral"}
        Leave respondents with a missing answer out, refuse them, or take the middle, 4.

    Returns
    -------
    Usability
        ``value`` 0 to 100, ``sus_equivalent``, ``scores`` of the respondents, ``n``, ``missing``.

    Raises
    ------
    InvalidDataError
        If there are not two answers a respondent, or one is not on the scale.

    Notes
    -----
    Both answers less 1, added up, times 100 / 12 [1]_.

    References
    ----------
    .. [1] Lewis, Utesch and Maher (2013), UMUX-LITE: when there's no time for the SUS, CHI '13, 2099-2102.

    Examples
    --------
    >>> umux = clm.umux_lite([[6, 6], [7, 4], [5, 6]])
    >>> round(umux.value, 2), round(umux.sus_equivalent.value, 2)
    (77.78, 73.46)
    """
    return _usability(UMUX_LITE, answers, items, missing)


def _usability(questionnaire: Questionnaire, answers: Any, items: Any, missing: Any) -> Usability:
    if missing not in _GAP_RULES:
        raise InvalidDataError(
            f"missing={missing!r} is not one of {', '.join(map(repr, _GAP_RULES))}.{nearest(str(missing), _GAP_RULES)}"
        )
    columns = _columns(questionnaire, answers, items)
    points = len(questionnaire.scale)
    positions = np.column_stack([_positions(questionnaire.scale, name, column) for name, column in columns.items()])
    gaps = positions == points
    gap_rows = gaps.any(axis=1)
    if missing == "raise" and gap_rows.any():
        raise InvalidDataError(
            f"an answer is missing for {int(gap_rows.sum()):,} of {len(gap_rows):,} respondents, first at row"
            f' {int(np.argmax(gap_rows))}. Leave them out with missing="drop".'
        )
    if missing == "neutral":
        scores = questionnaire.scores(np.where(gaps, points // 2, positions))
        filled = gap_rows & ~gaps.all(axis=1)
        # Who answered nothing has no score, whatever stands in for the middle.
        return Usability(
            kind=questionnaire.kind, scores=np.where(gaps.all(axis=1), np.nan, scores), filled=int(filled.sum())
        )
    return Usability(kind=questionnaire.kind, scores=np.where(gap_rows, np.nan, questionnaire.scores(positions)))


def _positions(scale: Scale, name: str, column: Column) -> IntArray:
    blank = blank_of(column)
    try:
        Answers.tally(column.values, scale, blank=blank)  # what is off the scale is refused here, with its row
    except InvalidDataError as error:
        raise InvalidDataError(f"{name}: {error}") from error
    return code_answers(column.values, scale, blank=blank)


def _columns(questionnaire: Questionnaire, answers: Any, items: Any) -> dict[str, Column]:
    rows = isinstance(answers, (list, tuple, np.ndarray))
    if items is None and not rows:
        named_questions(questionnaire, items)
    if not rows or isinstance(answers, (Source, Mapping)):
        names = named_questions(questionnaire, items)
        table = open_table(answers, {name: name for name in names}, required=names, what="answers").collected()
        return {name: table.column(name) for name in names}
    if items is not None:
        raise InvalidDataError("items= names columns, but the answers are rows. Pass the frame, or no names.")
    count = len(questionnaire.turned)
    listed: list[Any] = list(answers)
    if listed and not any(np.ndim(row) for row in listed):
        listed = [listed]  # one respondent
    for row, entries in enumerate(listed):
        if np.ndim(entries) != 1 or len(entries) != count:
            given = len(entries) if np.ndim(entries) == 1 else "no"
            raise InvalidDataError(
                f"{questionnaire.kind} takes {count} answers a respondent, in the order of its questions; row {row} has"
                f" {given} answers."
            )
    return {f"question {i + 1}": read_sequence([row[i] for row in listed], f"question {i + 1}") for i in range(count)}
