"""Net promoter score, with intervals that hold for small and unanimous samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import evolve, field, frozen

from clm.errors import InvalidDataError
from clm.satisfaction._answers import Answers, check_count
from clm.satisfaction._cells import Cells
from clm.satisfaction._scale import Scale
from clm.satisfaction._score import SurveyScore, check_answers, check_method, definition
from clm.satisfaction._scorings import PERCENT_NET, net_bands
from clm.stats import Estimate, Interval, NetStudentT, check_level, floats, generator

if TYPE_CHECKING:
    from clm.stats import Band
    from clm.typing import FloatArray, RandomState

NPSMethod: TypeAlias = Literal["adjusted_wald", "score", "wald", "t", "bootstrap", "bayes"]

_DRAWS: Final = 20_000
_PRIOR: Final = (0.75, 1.5, 0.75)
_FEW: Final = 10
_MOST_PRIOR: Final = 1e12
_BY_CATEGORY: Final = Scale(-1, 1, bottom=-1, top=1, labels=("detractor", "passive", "promoter"))


@final
@frozen(repr=False)
class NPS(SurveyScore):
    """Percent promoters less percent detractors [2]_.

    Build it with ``clm.nps(answers)`` or `from_counts`.

    Parameters
    ----------
    answers : Answers
        Counted answers, on a scale whose boxes are known.

    Attributes
    ----------
    value : float
        -100 to 100, not rounded.
    standard_error : float
        In points. Weighted: linearised, the weights taken as fixed.
    promoters, passives, detractors : int
        Respondents, weights not counted.

    Notes
    -----
    With shares p of promoters and d of detractors the variance of one answer is ``p + d - (p - d)**2`` [1]_. The
    default interval adds three answers, split 3/4, 3/2, 3/4, before Wald's formula: unanimous answers keep an
    interval. Where two in a hundred detract and ninety promote, it holds the true score 93 times in 100 with ten
    answers, where Wald's own holds it 65 times. With fewer than ten, nearly unanimous answers it may fall to 90 and
    below. Weighted answers enter with Kish's effective number.

    References
    ----------
    .. [1] Rocks (2016), Interval estimation for the net promoter score, The American Statistician 70, 365-372.
    .. [2] Reichheld (2003), The one number you need to grow, Harvard Business Review 81(12), 46-54.

    Examples
    --------
    >>> clm.NPS.from_counts(detractors=20, passives=30, promoters=50)
    <NPS: 30 points (95% interval 14.05 to 44.2; n = 100)>
    """

    answers: Answers = field(validator=check_answers)

    def __attrs_post_init__(self) -> None:
        # Only here is it known that the boxes have to be a promoter's.
        object.__setattr__(self, "answers", self.answers.on(_with_nps_boxes(self.answers.scale)))

    @classmethod
    def from_counts(cls, *, detractors: int, passives: int, promoters: int, population: int | None = None) -> NPS:
        """Score answers that are counted by category already.

        Parameters
        ----------
        detractors, passives, promoters
            Whole numbers from 0 on.
        population
            How many could have answered, where they are few, as a firm's employees: errors are then those of drawing
            without replacement.

        Returns
        -------
        NPS

        Raises
        ------
        InvalidDataError
            If a count is no whole number from 0 on, or the population smaller than the answers are many.

        Examples
        --------
        >>> round(clm.NPS.from_counts(detractors=30, passives=45, promoters=120).value, 4)
        46.1538
        """
        named = {"detractors": detractors, "passives": passives, "promoters": promoters}
        counts = [check_count(count, name) for name, count in named.items()]
        return cls(Answers(scale=_BY_CATEGORY, cells=Cells(counts=np.array([*counts, 0])), population=population))

    @property
    def measured_on(self) -> str | None:
        """The points of the scale; None of respondents who were counted by category."""
        return None if self.scale == _BY_CATEGORY else super().measured_on

    @property
    def detractors(self) -> int:
        """Respondents who would not recommend."""
        return int(self.answers.sides().counts[0])

    @property
    def passives(self) -> int:
        """Respondents between; missing answers among them where they count as neutral."""
        return int(self.answers.sides().counts[1])

    @property
    def promoters(self) -> int:
        """Respondents who would recommend."""
        return int(self.answers.sides().counts[2])

    @property
    def effective_n(self) -> float:
        """Kish's effective number of answers; `n` without weights."""
        return float(self.answers.sides().effective_n)

    @property
    def unweighted(self) -> NPS:
        """The same answers, each counted once."""
        return evolve(self, answers=self.answers.without_weights())

    @property
    def estimate(self) -> Estimate[float]:
        """The score with its default interval."""
        sides = self.answers.sides()
        return Estimate(
            value=sides.mean(PERCENT_NET),
            standard_error=sides.standard_error(PERCENT_NET, lost=0),
            n=self.n,
            name="NPS",
            unit="points",
            definition=self._definition(),
            undefined=self.answers.why_none(),
            band=self.bands()["adjusted_wald"],
            caveats=self._caveats(),
        )

    def _definition(self) -> str:
        scale = self.scale
        if scale == _BY_CATEGORY:
            of = "" if self.answers.population is None else f", of a population of {self.answers.population:,}"
            return f"Percent promoters less percent detractors, of respondents counted by category{of}."
        promoters, detractors = f"{scale.good_answers} (promoters)", f"{scale.bad_answers} (detractors)"
        return definition(f"Percent answering {promoters} less percent answering {detractors}", self.answers)

    def _caveats(self) -> tuple[str, ...]:
        caveats = self.answers.caveats()
        if not 0 < self.effective_n < _FEW or self.answers.sides().census:
            return caveats
        few = f"With {self.effective_n:.3g} answers"
        return (*caveats, f"{few} a 95% interval may hold the true score only 90 times in 100.")

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value there is."""
        return -100.0, 100.0

    def bands(self) -> dict[str, Band]:
        """Return the intervals in closed form, by name."""
        return net_bands(self.answers.sides())

    def confidence_interval(
        self,
        level: float = 0.95,
        method: NPSMethod = "adjusted_wald",
        rng: RandomState = 0,
        *,
        prior: tuple[float, float, float] = _PRIOR,
    ) -> Interval[float]:
        """Return limits that contain the value and stay inside -100 to 100.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).
        method : {"adjusted_wald", "score", "wald", "t", "bootstrap", "bayes"}
            ``"score"`` (Tango) covers best. ``"wald"`` and ``"t"`` fall short for high scores and few answers, and
            have no width when all answers agree. ``"bootstrap"`` takes percentiles of resampled answers; ``"bayes"``
            is the posterior under a Dirichlet prior.
        rng
            Seed or generator for the last two.
        prior
            For ``"bayes"``: how many answers against, between and in favour are believed in beforehand; by default 3/4,
            3/2, 3/4, whose posterior mean is the centre of the adjusted Wald interval.

        Returns
        -------
        Interval
            NaN where there are no answers; by ``"t"`` also with a single one.

        Raises
        ------
        InvalidDataError
            If the level, the method or the prior is none, or weighted answers are to be resampled.

        Examples
        --------
        >>> nps = clm.NPS.from_counts(detractors=0, passives=0, promoters=10)
        >>> low, high = nps.confidence_interval(0.95)
        >>> round(low, 2), high
        (47.5, 100.0)
        """
        check_method(method, ("adjusted_wald", "score", "wald", "t", "bootstrap", "bayes"))
        if method == "t":
            return self._student(level)
        if method in {"bootstrap", "bayes"}:
            return self._drawn(check_level(level), method, generator(rng), _checked_prior(prior))
        return self.named_interval(level, method)

    def _student(self, level: float) -> Interval[float]:
        sides = self.answers.sides()
        error = sides.standard_error(PERCENT_NET, lost=1)
        with_error = evolve(self.estimate, standard_error=error, band=NetStudentT(sides.effective_n - 1))
        return with_error.confidence_interval(level)

    def _drawn(self, level: float, method: str, rng: np.random.Generator, prior: FloatArray) -> Interval[float]:
        name = f"{_DRAWS:,} bootstrap samples" if method == "bootstrap" else f"{_DRAWS:,} posterior draws"
        if not self.n:
            return Interval(low=np.nan, high=np.nan, level=level, method=name)
        sides = self.answers.sides()
        if sides.census:
            return Interval(low=self.value, high=self.value, level=level, method="exact: counted in full")
        if method == "bayes":
            draws = rng.dirichlet(prior + sides.shares * sides.trials, _DRAWS) @ PERCENT_NET
        elif sides.population is not None:
            raise InvalidDataError(
                'answers of a finite population cannot be resampled with replacement. Use method="adjusted_wald".'
            )
        elif self.answers.weighted:
            raise InvalidDataError(
                'weighted answers cannot be resampled from their counts. Use method="adjusted_wald" or "bayes".'
            )
        else:
            draws = rng.multinomial(self.n, sides.shares, _DRAWS) @ PERCENT_NET / self.n
        low, high = _percentiles(draws, level)
        return Interval(low=min(low, self.value), high=max(high, self.value), level=level, method=name)


def _checked_prior(prior: Any) -> FloatArray:
    found = floats(prior, "prior")
    if found.shape != (3,) or not ((found > 0) & (found < _MOST_PRIOR)).all():
        raise InvalidDataError(
            f"prior must be three positive numbers, for answers against, between and in favour, not {prior!r}."
        )
    return found


def _percentiles(draws: FloatArray, level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(low), float(high)


def _with_nps_boxes(scale: Scale) -> Scale:
    """Return a scale whose boxes say who promotes; only 0 to 10 has such boxes by custom.

    Raises
    ------
    InvalidDataError
        If the scale has none: satisfaction's customary top box is no promoter's.
    """
    if not scale.customary:
        return scale
    if (scale.low, scale.high, scale.step, scale.higher_is_better) == (0, 10, 1, True):
        return scale.with_boxes(6, 9)
    raise InvalidDataError(
        f"NPS has customary boxes on 0 to 10 only, not on {scale.span}. Say up to which answer respondents detract and"
        f" from which they promote: clm.Scale({scale.low}, {scale.high}, bottom=..., top=...)."
    )
