"""Survey scores on the page, each on its own scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clm import plot
from clm.errors import InvalidDataError
from clm.report._model import Part, Table
from clm.report._numbers import limits, shown
from clm.report._svg import draw

if TYPE_CHECKING:
    from clm.metrics import CustomerBase

KINDS = ("nps", "csat", "ces")


def scores_part(base: CustomerBase) -> Part:
    """Return the scores that there are answers for, and say which there are none for.

    Raises
    ------
    InvalidDataError
        If there is no answer at all.
    """
    reason = base.lacks("answers")
    if reason is not None:
        raise InvalidDataError(
            f"{reason}. Survey answers (at, kind, score) would show NPS, CSAT and CES with their intervals here."
        )
    results, missing = _scores(base)
    if not results:
        raise InvalidDataError("; ".join(missing))
    definition = " ".join(result.definition for result in results)
    rows = tuple((result.name, shown(result.value), result.unit, limits(result), f"{result.n:,}") for result in results)
    return Part(
        name="scores",
        title="Satisfaction scores",
        definition=definition,
        svg=draw(lambda: plot.scores(results), "scores", "Satisfaction scores with their intervals"),
        tables=(
            Table(
                caption="Scores of the answers",
                head=("score", "value", "unit", "uncertainty", "answers"),
                rows=rows,
                numeric=frozenset({1, 4}),
            ),
        ),
        notes=tuple(missing),
        wide=True,
        data={"scores": [result.to_dict() for result in results]},
    )


def _scores(base: CustomerBase) -> tuple[list[Any], list[str]]:
    results, missing = [], []
    for kind in KINDS:
        try:
            result = base.score(kind)
        except InvalidDataError as error:
            missing.append(f"{kind}: {error}")
            continue
        if result.undefined is None:
            results.append(result)
        else:
            missing.append(f"{kind}: {result.undefined}")
    return results, missing
