"""What NPS, CSAT and CES have in common: answers behind them, and intervals by name."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from attrs import evolve

from clm.errors import InvalidDataError, nearest
from clm.satisfaction._answers import Answers
from clm.stats import Estimate, HasEstimate, Interval, summary

if TYPE_CHECKING:
    from clm.satisfaction._scale import Scale
    from clm.stats import Band
    from clm.typing import IntArray


class SurveyScore(HasEstimate):
    """A score of the answers to one question.

    Attributes
    ----------
    answers : Answers
        How often each point of the scale was given.
    """

    answers: Answers

    @property
    @abstractmethod
    def estimate(self) -> Estimate[float]:
        """The score, with its default interval."""

    @abstractmethod
    def bands(self) -> dict[str, Band]:
        """Return the intervals that can be asked for, the default first."""

    @property
    @abstractmethod
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value there is."""

    @property
    def scale(self) -> Scale:
        """The scale of the question."""
        return self.answers.scale

    @property
    def measured_on(self) -> str | None:
        """The points of the scale and which end is good: scores of other answers cannot be compared with this one."""
        return f"{self.scale.span}, {'high' if self.scale.higher_is_better else 'low'} is good"

    @property
    def n(self) -> int:
        """Answers that count."""
        return self.answers.n

    @property
    def missing(self) -> int:
        """Rows without an answer, those off the scale among them where they were let pass."""
        return self.answers.missing

    @property
    def off_scale(self) -> int:
        """Answers off the scale, where they were let pass."""
        return self.answers.off_scale

    @property
    def counts(self) -> IntArray:
        """Answers per point of the scale, from low to high."""
        return self.answers.counts

    def named_interval(self, level: float, method: str) -> Interval[float]:
        """Return limits by a method of `bands`.

        Raises
        ------
        InvalidDataError
            If the method is unknown.
        """
        bands = self.bands()
        check_method(method, bands)
        return evolve(self.estimate, band=bands[method]).confidence_interval(level)

    def __repr__(self) -> str:
        return f"<{summary(self)}>"


def check_method(method: Any, known: Any) -> None:
    """Refuse an interval that there is not.

    Raises
    ------
    InvalidDataError
        If the method is unknown.
    """
    if method not in tuple(known):
        raise InvalidDataError(f"method={method!r} is not one of {', '.join(known)}.{nearest(str(method), known)}")


def check_answers(score: Any, _: Any, answers: Any) -> None:
    """Refuse raw answers where counted ones are expected.

    Raises
    ------
    InvalidDataError
        If they are not `Answers`.
    """
    if not isinstance(answers, Answers):
        name = type(score).__name__
        raise InvalidDataError(f"{name} takes counted answers. Use clm.{name.lower()}(answers) for raw ones.")


def definition(what: str, answers: Answers) -> str:
    """Return the sentence that fixes a score, with the rules on missing answers and weights."""
    rule = "missing answers count as neutral" if answers.neutral else "missing answers left out"
    off = ", answers off the scale among them" if answers.off_scale else ""
    weighted = "; respondents weighted" if answers.weighted else ""
    of = f"; of a population of {answers.population:,}" if answers.population is not None else ""
    return f"{what}, on the scale {answers.scale.span}; {rule}{off}{weighted}{of}."
