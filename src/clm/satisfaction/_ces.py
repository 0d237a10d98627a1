"""Customer effort: how easy it was, as a mean or as the percent who agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np
from attrs import evolve, field, frozen

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

Scoring: TypeAlias = Literal["mean", "agree", "net"]
CESMethod: TypeAlias = "Literal['t'] | ShareMethod | NetMethod"


def _scoring(_: Any, __: Any, scoring: Any) -> None:
    check_scoring(scoring, ("mean", "agree", "net"))


@final
@frozen(repr=False)
class CES(SurveyScore):
    """Customer effort score.

    Build it with ``clm.ces(answers, scale=..., scoring=...)``.

    Parameters
    ----------
    answers : Answers
        Counted answers.
    scoring : {"mean", "agree", "net"}
        ``"mean"``: the mean answer, in points of the scale. ``"agree"``: percent of answers in the good box; where
        the scale's boxes were not given these are the answers on the good side of its middle, as CES 2.0 counts 5 to 7
        of 1 to 7. ``"net"``, net easy: that percentage less the one on the bad side.

    Attributes
    ----------
    value : float
        A point of the scale, 0 to 100, or -100 to 100 for ``"net"``; not rounded.
    higher_is_better : bool
        False for CES 1.0, where effort itself was asked.

    Notes
    -----
    The 2010 form asks for effort on 1 to 5 and low is good; the 2013 form asks whether it was easy on 1 to 7 and high
    is good [1]_. One cannot be computed from the other. A mean of a few answers on a short scale is not normal, so that
    its t interval, cut at the ends of the scale, can fall short of its level.

    References
    ----------
    .. [1] Dixon, Toman and DeLisi (2013), The Effortless Experience. Portfolio/Penguin.

    Examples
    --------
    >>> answers = [7, 6, 5, 4, 7, 2, 6, 5, 3, 7]
    >>> clm.ces(answers)
    <CES: 5.2 points (95% interval 3.947 to 6.453; n = 10)>
    >>> clm.ces(answers, scoring="agree").value
    70.0
    """

    answers: Answers = field(validator=check_answers)
    scoring: Scoring = field(default="mean", validator=_scoring)

    def __attrs_post_init__(self) -> None:
        if self.scoring != "mean":
            object.__setattr__(self, "answers", self.answers.on(_with_agreement(self.answers.scale)))
        else:
            self.answers.given()  # neutral answers are refused here, not at the first look

    @property
    def higher_is_better(self) -> bool:
        """Whether high values are good."""
        return self.scoring != "mean" or self.scale.higher_is_better

    @property
    def effective_n(self) -> float:
        """Kish's effective number of answers; `n` without weights."""
        return float(self.answers.counted().effective_n)

    @property
    def unweighted(self) -> CES:
        """The same answers, each counted once."""
        return evolve(self, answers=self.answers.without_weights())

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value there is."""
        ends = {"agree": (0.0, 100.0), "net": (-100.0, 100.0)}
        return ends.get(self.scoring, (float(self.scale.low), float(self.scale.high)))

    @property
    def estimate(self) -> Estimate[float]:
        """The score with its default interval."""
        if self.scoring == "mean":
            direction = "high is good" if self.scale.higher_is_better else "low is good"
            return mean_estimate(self.answers, "CES", f"Mean answer, {direction}", self._points())
        easy = f"Percent answering {self.scale.good_answers} (easy)"
        if self.scoring == "agree":
            return share_estimate(self.answers, "CES", easy)
        return net_estimate(
            self.answers, "net easy", f"{easy} less percent answering {self.scale.bad_answers} (difficult)"
        )

    def _points(self) -> FloatArray:
        return np.array(self.scale.points, float)

    def bands(self) -> dict[str, Band]:
        """Return the intervals by name."""
        if self.scoring == "mean":
            return mean_bands(self.answers, self._points())
        return (share_bands if self.scoring == "agree" else net_bands)(self.answers.sides())

    def confidence_interval(self, level: float = 0.95, method: CESMethod | None = None) -> Interval[float]:
        """Return limits that contain the value and stay on the scale.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).
        method
            ``"t"`` for a mean; for a percentage and a net score as for `CSAT`, with the same defaults.

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


def _with_agreement(scale: Scale) -> Scale:
    """Return a scale whose good box is its good side of the middle, unless the boxes were given."""
    if not scale.customary:
        return scale
    points = scale.points
    half = len(points) // 2
    return scale.with_boxes(points[half - 1], points[-half])
