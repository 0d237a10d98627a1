"""What one answer adds to a score, so that scores can follow the same respondents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.satisfaction._answers import Answers
from clm.satisfaction._ces import CES
from clm.satisfaction._csat import CSAT
from clm.satisfaction._nps import NPS
from clm.satisfaction._scale import Scale

if TYPE_CHECKING:
    from clm.satisfaction._score import SurveyScore
    from clm.typing import FloatArray

ScoreName: TypeAlias = Literal["nps", "csat", "ces"]

_MAKERS: Final[dict[str, type[NPS | CSAT | CES]]] = {"nps": NPS, "csat": CSAT, "ces": CES}
_SCALES: Final = {"nps": Scale.nps(), "csat": Scale.csat(), "ces": Scale.ces2()}


@final
@frozen
class Contributions:
    """A score as the mean of what each answer adds to it.

    Attributes
    ----------
    kind : {"nps", "csat", "ces"}
        NPS: -100, 0 or 100 an answer; CSAT: 0 or 100; CES: the answer itself.
    scale : Scale
        With the boxes that the score draws on it.
    """

    kind: ScoreName
    scale: Scale

    @classmethod
    def of(cls, kind: Any, scale: Any) -> Contributions:
        """Read the options of a call; the customary scale where none is given.

        Raises
        ------
        InvalidDataError
            If the score is unknown, `scale` is no scale, or it has no boxes that the score needs.
        """
        if kind not in tuple(_MAKERS):
            raise InvalidDataError(
                f"kind={kind!r} is not one of {', '.join(map(repr, _MAKERS))}.{nearest(str(kind), _MAKERS)}"
            )
        empty = Answers.from_counts({}, _SCALES[kind] if scale is None else scale)
        return cls(kind, _MAKERS[kind](empty).scale)

    @property
    def codes(self) -> FloatArray:
        """What each point of the scale adds, shape (points,)."""
        if self.kind == "ces":
            return np.array(self.scale.points, float)
        if self.kind == "csat":
            return np.where(self.scale.sides == 1, 100.0, 0.0)
        return np.asarray(100.0 * self.scale.sides, np.float64)

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest score there is."""
        return float(self.codes.min()), float(self.codes.max())

    def score(self, answers: Answers) -> SurveyScore:
        """Return the score of counted answers."""
        return _MAKERS[self.kind](answers)
