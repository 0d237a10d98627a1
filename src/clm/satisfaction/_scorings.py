"""The ways to make one number of answers: share, net, mean, and the indices built on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.satisfaction._score import definition
from clm.stats import (
    AdjustedWald,
    AgrestiCoull,
    ClopperPearson,
    Estimate,
    Exact,
    Jeffreys,
    NoBand,
    Normal,
    StudentT,
    TangoScore,
    Wilson,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.satisfaction._answers import Answers
    from clm.satisfaction._cells import Cells
    from clm.stats import Band
    from clm.typing import FloatArray

ShareMethod: TypeAlias = Literal["wilson", "agresti_coull", "jeffreys", "clopper_pearson", "wald"]
NetMethod: TypeAlias = Literal["adjusted_wald", "score", "wald"]

PERCENT_GOOD: Final = np.array([0.0, 0.0, 100.0])
"""What the bad box, the answers between and the good box add to a percentage."""
PERCENT_NET: Final = np.array([-100.0, 0.0, 100.0])
"""What they add to a net score."""


def check_scoring(scoring: Any, known: Sequence[str]) -> None:
    """Refuse a scoring that there is not.

    Raises
    ------
    InvalidDataError
        If it is unknown.
    """
    if scoring not in known:
        raise InvalidDataError(
            f"scoring={scoring!r} is not one of {', '.join(map(repr, known))}.{nearest(str(scoring), known)}"
        )


def share_estimate(answers: Answers, name: str, what: str) -> Estimate[float]:
    """Return the percentage in the good box."""
    return _estimate(answers, answers.sides(), PERCENT_GOOD, name, "percent", what, lost=0)


def net_estimate(answers: Answers, name: str, what: str, *, base: float = 0.0) -> Estimate[float]:
    """Return the percentage in the good box less that in the bad one, counted from a base."""
    return _estimate(answers, answers.sides(), PERCENT_NET + base, name, "points", what, lost=0, base=base)


def mean_estimate(answers: Answers, name: str, what: str, values: FloatArray) -> Estimate[float]:
    """Return the mean of a value a point of the scale."""
    return _estimate(answers, answers.given(), values, name, "points", what, lost=1)


def _estimate(
    answers: Answers,
    cells: Cells,
    values: FloatArray,
    name: str,
    unit: str,
    what: str,
    *,
    lost: int,
    base: float = 0.0,
) -> Estimate[float]:
    spreadless = why_spreadless(answers) if lost and not cells.census else None
    bands = mean_bands(answers, values) if lost else share_bands(cells) if unit == "percent" else net_bands(cells, base)
    return Estimate(
        value=cells.mean(values),
        standard_error=cells.standard_error(values, lost=lost),
        n=answers.n,
        name=name,
        unit=unit,
        definition=definition(what, answers),
        undefined=answers.why_none(),
        band=next(iter(bands.values())),
        caveats=(*answers.caveats(), *((f"There is no interval: {spreadless}.",) if spreadless else ())),
    )


def share_bands(sides: Cells) -> dict[str, Band]:
    """Return the intervals of a percentage by name, the default first."""
    trials = sides.trials
    found: dict[str, Band] = {
        "wilson": Wilson(trials, 100.0),
        "agresti_coull": AgrestiCoull(trials, 100.0),
        "jeffreys": Jeffreys(trials, 100.0),
        "clopper_pearson": ClopperPearson(trials, 100.0),
        "wald": Normal(0, 100),
    }
    return _or_exact(found, sides)


def net_bands(sides: Cells, base: float = 0.0) -> dict[str, Band]:
    """Return the intervals of a net score by name, the default first."""
    against, _, in_favour = np.nan_to_num(sides.shares)
    adjusted = AdjustedWald(against, in_favour, sides.trials)
    score = TangoScore(against, in_favour, sides.trials)
    found: dict[str, Band] = {
        "adjusted_wald": Raised(adjusted, base) if base else adjusted,
        "score": Raised(score, base) if base else score,
        "wald": Normal(base - 100, base + 100),
    }
    return _or_exact(found, sides)


def mean_bands(answers: Answers, values: FloatArray) -> dict[str, Band]:
    """Return the interval of a mean by name."""
    given, spreadless = answers.given(), why_spreadless(answers)
    student: Band = StudentT(given.effective_n - 1, float(values.min()), float(values.max()))
    return _or_exact({"t": NoBand(spreadless) if spreadless else student}, given)


def why_spreadless(answers: Answers) -> str | None:
    """Say why a mean of these answers has no interval, None where it has one."""
    if answers.n == 1:
        return "a single answer has no spread"
    same = answers.n > 1 and np.count_nonzero(answers.given().counts) == 1
    return f"all {answers.n:,} answers are the same" if same else None


def _or_exact(bands: dict[str, Band], cells: Cells) -> dict[str, Band]:
    return dict.fromkeys(bands, Exact()) if cells.census else bands


@final
@frozen
class Raised:
    """A net score's band for the same score counted from another base.

    Attributes
    ----------
    net : AdjustedWald or TangoScore
        The band of the score counted from 0.
    base : float
        What a net score of 0 is called.
    """

    net: AdjustedWald | TangoScore
    base: float

    @property
    def method(self) -> str:
        """The method's name."""
        return self.net.method

    @property
    def lowest(self) -> float:
        """The lower end of the range."""
        return self.base - self.net.scale

    @property
    def highest(self) -> float:
        """The upper end of the range."""
        return self.base + self.net.scale

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends."""
        low, high = self.net.limits(value - self.base, standard_error, level)
        return low + self.base, high + self.base
