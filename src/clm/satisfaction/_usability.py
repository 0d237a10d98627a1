"""Scores of several questions a respondent: SUS and UMUX-Lite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import field, frozen

from clm.errors import InvalidDataError
from clm.satisfaction._scale import Scale
from clm.stats import Estimate, HasEstimate, NoBand, StudentT, array_field, floats, frozen_array, seal, summary

if TYPE_CHECKING:
    from clm.stats import Band, Interval
    from clm.typing import Array, FloatArray, IntArray

UsabilityKind: TypeAlias = Literal["SUS", "UMUX-Lite"]

_SLOPE: Final = 0.65
_INTERCEPT: Final = 22.9


@final
@frozen
class Questionnaire:
    """How the answers of one respondent become a score from 0 to 100.

    Attributes
    ----------
    kind : {"SUS", "UMUX-Lite"}
        What it is called.
    scale : Scale
        The scale of every question.
    turned : tuple of bool
        One entry a question: whether agreement with it is bad.
    """

    kind: UsabilityKind
    scale: Scale
    turned: tuple[bool, ...]

    def scores(self, positions: IntArray) -> FloatArray:
        """Return one score a respondent, from positions on the scale of shape (n, questions)."""
        last = len(self.scale) - 1
        good = np.where(self.turned, last - positions, positions)
        scores: FloatArray = good.sum(axis=1) * (100.0 / (last * len(self.turned)))
        return scores


SUS: Final = Questionnaire("SUS", Scale(1, 5), (False, True) * 5)
UMUX_LITE: Final = Questionnaire("UMUX-Lite", Scale(1, 7), (False, False))


@final
@frozen(kw_only=True, repr=False)
class Usability(HasEstimate):
    """Mean usability score of several respondents; build it with ``clm.sus`` or ``clm.umux_lite``.

    Attributes
    ----------
    kind : {"SUS", "UMUX-Lite"}
        The questionnaire.
    scores : (respondents,) ndarray of float64
        Each respondent's score, 0 to 100, in the order of the data; NaN where an answer is missing.
    filled : int
        Respondents of whom a missing answer was taken as the middle of the scale.

    Examples
    --------
    >>> clm.sus([[4, 2, 5, 1, 4, 2, 4, 2, 5, 1], [3, 3, 4, 2, 3, 2, 4, 3, 3, 2]]).scores
    array([85. , 62.5])
    """

    kind: UsabilityKind
    scores: FloatArray = array_field(converter=lambda scores: frozen_array(floats(scores, "scores")))
    filled: int = field(default=0)

    __setstate__ = seal

    def __attrs_post_init__(self) -> None:
        if ((self.scores < 0) | (self.scores > 100)).any():
            raise InvalidDataError(f"{self.kind} scores lie between 0 and 100. Give the answers to clm.sus instead.")

    @property
    def _known(self) -> FloatArray:
        return self.scores[~np.isnan(self.scores)]

    @property
    def n(self) -> int:
        """Respondents with a score."""
        return len(self._known)

    @property
    def missing(self) -> int:
        """Respondents without one, since they left out an answer."""
        return len(self.scores) - self.n

    @property
    def estimate(self) -> Estimate[float]:
        """The mean score with Student's t interval."""
        how = {
            "SUS": "ten answers of 1 to 5, odd ones less 1, even ones from 5, times 2.5",
            "UMUX-Lite": "two answers of 1 to 7, each less 1, times 100 / 12",
        }[self.kind]
        rule = "missing answers taken as the middle" if self.filled else "respondents with a missing answer left out"
        return self._mean(self.kind, f"Mean {self.kind} score: {how}; {rule}.", 1.0, 0.0)

    @property
    def sus_equivalent(self) -> Estimate[float]:
        """The mean on the ruler of SUS: of UMUX-Lite 0.65 times the score plus 22.9 [1]_, at most 87.9.

        The error of those two numbers is not in the interval.

        References
        ----------
        .. [1] Lewis, Utesch and Maher (2013), UMUX-LITE: when there's no time for the SUS, CHI '13, 2099-2102.
        """
        if self.kind == "SUS":
            return self.estimate
        what = "SUS predicted from UMUX-Lite: 0.65 times its mean plus 22.9 (Lewis, Utesch and Maher 2013)."
        caveat = "The error of the regression is not in the interval."
        return self._mean("SUS equivalent", what, _SLOPE, _INTERCEPT, (caveat,))

    def _mean(
        self, name: str, definition: str, slope: float, intercept: float, caveats: tuple[str, ...] = ()
    ) -> Estimate[float]:
        known, n = self._known, self.n
        spread = n > 1 and known.min() < known.max()  # rounding must not give identical scores a spread
        why = "a single respondent has no spread" if n == 1 else f"all {n:,} scores are the same"
        band: Band = StudentT(np.asarray(n - 1.0), intercept, intercept + 100 * slope) if spread else NoBand(why)
        return Estimate(
            value=intercept + slope * float(known.mean()) if n else np.nan,
            standard_error=slope * float(known.std(ddof=1)) / np.sqrt(n) if spread else np.nan,
            n=n,
            name=name,
            unit="points",
            definition=definition,
            undefined="no respondent gave all answers" if self.missing else "there are no respondents",
            band=band,
            caveats=caveats if spread or not n else (*caveats, f"There is no interval: {why}."),
        )

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value there is."""
        return 0.0, 100.0

    def confidence_interval(self, level: float = 0.95) -> Interval[float]:
        """Return Student's t limits of the mean, cut at 0 and 100.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).

        Returns
        -------
        Interval
            NaN for a single respondent, or identical scores.
        """
        return self.estimate.confidence_interval(level)

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return the number as columns of one row, for ``clm.to_frame``; each respondent's is in `scores`."""
        return self.estimate.to_columns(level)

    def __repr__(self) -> str:
        return f"<{summary(self)}>"


def named_questions(questionnaire: Questionnaire, items: Any) -> tuple[str, ...]:
    """Return the columns of a questionnaire, in its order.

    Raises
    ------
    InvalidDataError
        If there are not as many different names as questions.
    """
    count = len(questionnaire.turned)
    names = tuple(items) if isinstance(items, (list, tuple)) else ()
    if len(set(names)) != count or not all(isinstance(name, str) for name in names):
        raise InvalidDataError(
            f"{questionnaire.kind} has {count} questions: name their columns in order, items=[...], not {items!r}."
        )
    return names
