"""Customer satisfaction: the percent of answers in the good box, and the other numbers that go by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import evolve, field, frozen

from clm.errors import InvalidDataError
from clm.satisfaction._score import SurveyScore, check_answers
from clm.satisfaction._scorings import (
    check_scoring,
    mean_bands,
    mean_estimate,
    net_bands,
    net_estimate,
    share_bands,
    share_estimate,
)

if TYPE_CHECKING:
    from clm.satisfaction._answers import Answers
    from clm.satisfaction._scale import Scale
    from clm.satisfaction._scorings import NetMethod, ShareMethod
    from clm.stats import Band, Estimate, Interval
    from clm.typing import FloatArray

CSATScoring: TypeAlias = Literal["top", "mean", "net", "nsat", "nsi"]
CSATMethod: TypeAlias = "Literal['t'] | ShareMethod | NetMethod"

_SCORINGS: Final = ("top", "mean", "net", "nsat", "nsi")
_NSAT_BASE: Final = 100.0


def _scoring(_: Any, __: Any, scoring: Any) -> None:
    check_scoring(scoring, _SCORINGS)


@final
@frozen(repr=False)
class CSAT(SurveyScore):
    """Customer satisfaction: percent satisfied, or another number of the same answers.

    Build it with ``clm.csat(answers, scale=..., scoring=...)``.

    Parameters
    ----------
    answers : Answers
        Counted answers.
    scoring : {"top", "mean", "net", "nsat", "nsi"}
        ``"top"``: percent of answers in the good box. ``"mean"``: the mean answer, in points of the scale. ``"net"``:
        percent in the good box less percent in the bad one. ``"nsat"``: on four points, percent very satisfied less
        percent dissatisfied, plus 100. ``"nsi"``: the mean from 0, the worst answer, to 100, the best.

    Attributes
    ----------
    value : float
        Not rounded. 0 to 100; a point of the scale for ``"mean"``, -100 to 100 for ``"net"``, 0 to 200 for ``"nsat"``.
    satisfied : int
        Respondents in the good box, weights not counted.
    higher_is_better : bool
        False only for the mean on a scale where low is good.

    Notes
    -----
    These are different numbers: ten answers 5, 5, 4, 4, 3, 2, 5, 1, 4, 5 of 1 to 5 are 70 percent satisfied, 3.8 on
    average, net 50, and an index of 70. On five points the index weighs the answers 100, 75, 50, 25 and 0. The mean
    and the index take Student's t, which falls short of its level for few answers that are nearly the same: see `CES`.

    Examples
    --------
    >>> answers = [5, 5, 4, 4, 3, 2, 5, 1, 4, 5]
    >>> clm.csat(answers, scale=clm.Scale(1, 5))
    <CSAT: 70 percent (95% interval 39.68 to 89.22; n = 10)>
    >>> [clm.csat(answers, scoring=scoring).value for scoring in ("mean", "net", "nsi")]
    [3.8, 50.0, 70.0]
    """

    answers: Answers = field(validator=check_answers)
    scoring: CSATScoring = field(default="top", validator=_scoring)

    def __attrs_post_init__(self) -> None:
        if self.scoring == "nsat":
            object.__setattr__(self, "answers", self.answers.on(_with_nsat_boxes(self.answers.scale)))
        if self.scoring in {"mean", "nsi"}:
            self.answers.given()  # neutral answers are refused here, not at the first look
        else:
            _ = self.scale.sides  # and so is a scale without boxes

    @property
    def satisfied(self) -> int:
        """Respondents in the good box."""
        return int(self.answers.sides().counts[2])

    @property
    def higher_is_better(self) -> bool:
        """Whether high values are good."""
        return self.scoring != "mean" or self.scale.higher_is_better

    @property
    def effective_n(self) -> float:
        """Kish's effective number of answers; `n` without weights."""
        return float(self.answers.counted().effective_n)

    @property
    def unweighted(self) -> CSAT:
        """The same answers, each counted once."""
        return evolve(self, answers=self.answers.without_weights())

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value there is."""
        return {
            "top": (0.0, 100.0),
            "mean": (float(self.scale.low), float(self.scale.high)),
            "net": (-100.0, 100.0),
            "nsat": (0.0, 200.0),
            "nsi": (0.0, 100.0),
        }[self.scoring]

    @property
    def estimate(self) -> Estimate[float]:
        """The number with its default interval."""
        answers, scale = self.answers, self.scale
        if self.scoring == "top":
            return share_estimate(answers, "CSAT", f"Percent answering {scale.good_answers} (satisfied)")
        if self.scoring in {"mean", "nsi"}:
            direction = "high is good" if scale.higher_is_better else "low is good"
            name, what = {
                "mean": ("mean satisfaction", f"Mean answer, {direction}"),
                "nsi": ("NSI", "Net satisfaction index: mean answer, the worst counted as 0 and the best as 100"),
            }[self.scoring]
            return mean_estimate(answers, name, what, self._point_values())
        what = f"Percent answering {scale.good_answers} less percent answering {scale.bad_answers}"
        if self.scoring == "net":
            return net_estimate(answers, "net satisfaction", what)
        return net_estimate(answers, "NSAT", f"{what}, plus 100", base=_NSAT_BASE)

    def _point_values(self) -> FloatArray:
        points: FloatArray = np.array(self.scale.points, float)
        if self.scoring == "mean":
            return points
        worst, best = (points[0], points[-1]) if self.scale.higher_is_better else (points[-1], points[0])
        index: FloatArray = 100 * (points - worst) / (best - worst)
        return index

    def bands(self) -> dict[str, Band]:
        """Return the intervals by name."""
        if self.scoring == "top":
            return share_bands(self.answers.sides())
        if self.scoring in {"mean", "nsi"}:
            return mean_bands(self.answers, self._point_values())
        return net_bands(self.answers.sides(), _NSAT_BASE if self.scoring == "nsat" else 0.0)

    def confidence_interval(self, level: float = 0.95, method: CSATMethod | None = None) -> Interval[float]:
        """Return limits that contain the value and stay inside its range.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).
        method
            Of a percentage ``"wilson"``, the default, ``"agresti_coull"``, ``"jeffreys"``, ``"clopper_pearson"`` or
            ``"wald"``; of a net score ``"adjusted_wald"``, the default, ``"score"`` or ``"wald"``; of a mean ``"t"``.
            All but Wald's keep their width at the ends of the range. Weighted answers enter with Kish's effective
            number; Wald's interval takes the linearised standard error.

        Returns
        -------
        Interval
            NaN where there are no answers, and for the mean of a single answer or of identical ones.

        Raises
        ------
        InvalidDataError
            If the level or the method is none.
        """
        return self.named_interval(level, next(iter(self.bands())) if method is None else method)


def _with_nsat_boxes(scale: Scale) -> Scale:
    """Return a scale of four points whose top point alone is good, unless the boxes were given.

    Raises
    ------
    InvalidDataError
        If the scale has not four points and no boxes were given.
    """
    if not scale.customary:
        return scale
    if len(scale) != 4:
        raise InvalidDataError(
            f"NSAT is defined on four points without a middle, not on {scale.span}. Take scale=clm.Scale.nsat(), or"
            f" say what counts: clm.Scale({scale.low}, {scale.high}, bottom=..., top=...)."
        )
    points = scale.points
    return scale.with_boxes(points[1], points[3]) if scale.higher_is_better else scale.with_boxes(points[0], points[2])
