"""Two waves of the same respondents: what changed, with their answers held together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.satisfaction._answers import Answers
from clm.stats import Estimate, HasEstimate, NoBand, StudentT, TangoScore, array_field, compare, figure, seal, summary

if TYPE_CHECKING:
    from clm.satisfaction._contributions import Contributions
    from clm.satisfaction._score import SurveyScore
    from clm.stats import Band, Equivalence, Interval
    from clm.typing import IntArray


def _counts(values: Any) -> Any:
    counts = np.array(values, np.int64)
    counts.setflags(write=False)
    return counts


@final
@frozen(kw_only=True, repr=False)
class PairedDifference(HasEstimate):
    """Change of a score between two waves of the same respondents; build it with ``clm.compare_paired``.

    Attributes
    ----------
    contributions : Contributions
        The score.
    moves : (points, points) ndarray of int64
        Respondents by their answer in the first wave (rows) and in the second (columns).
    missing : int
        Respondents who were asked twice and did not answer both times.
    unpaired : int
        Respondents of one wave alone.

    Examples
    --------
    >>> change = clm.compare_paired([9, 9, 3, 7, 10, 8], [10, 7, 8, 9, 10, 9])
    >>> round(change.value, 2), change.n
    (33.33, 6)
    """

    contributions: Contributions
    moves: IntArray = array_field(converter=_counts)
    missing: int = 0
    unpaired: int = 0

    __setstate__ = seal

    @property
    def n(self) -> int:
        """Respondents with both answers."""
        return int(self.moves.sum())

    @property
    def first(self) -> SurveyScore:
        """The score of the first wave, of respondents with both answers."""
        return self._wave(1)

    @property
    def second(self) -> SurveyScore:
        """The score of the second wave, of respondents with both answers."""
        return self._wave(0)

    def _wave(self, other: int) -> SurveyScore:
        scale = self.contributions.scale
        counts = dict(zip(scale.points, self.moves.sum(axis=other).tolist(), strict=True))
        return self.contributions.score(Answers.from_counts(counts, scale))

    @property
    def changed(self) -> int:
        """Respondents whose part of the score changed."""
        return int(self.moves[self._changes() != 0].sum())

    def _changes(self) -> Any:
        codes = self.contributions.codes
        return codes[None, :] - codes[:, None]

    @property
    def estimate(self) -> Estimate[float]:
        """Second less first, with its interval."""
        n, changes, wave = self.n, self._changes(), self.second.estimate
        value = float((self.moves * changes).sum() / n) if n else np.nan
        lost = 0 if self.contributions.kind == "csat" else 1
        variance = (self.moves * (changes - value) ** 2).sum() / n / (n - lost) if n > lost else np.nan
        band = self._band()
        return Estimate(
            value=value,
            standard_error=float(np.sqrt(variance)),
            n=n,
            name=f"{wave.name} change",
            unit=wave.unit,
            definition=f"Second wave less first, of respondents who answered both. {wave.definition}",
            undefined="nobody answered both waves",
            band=band,
            caveats=(f"There is no interval and no p-value: {band.reason}.",) if isinstance(band, NoBand) and n else (),
        )

    def _band(self) -> Band:
        n, changes = self.n, self._changes()
        if not n:
            return NoBand("nobody answered both waves")
        if self.contributions.kind == "csat":
            lost, gained = (self.moves[side].sum() / n for side in (changes < 0, changes > 0))
            return TangoScore(lost, gained, np.asarray(n, float))
        if n == 1 or len(np.unique(changes[self.moves > 0])) == 1:
            return NoBand("all respondents changed alike" if n > 1 else "a single respondent has no spread")
        low, high = self.contributions.span
        return StudentT(np.asarray(n - 1.0), low - high, high - low)

    @property
    def p_value(self) -> float:
        """Two-sided p-value of "nothing changed"; NaN where it cannot be known.

        Of a percentage McNemar's, without correction; else that of the paired t test.
        """
        return compare(0, self.estimate).p_value

    def confidence_interval(self, level: float = 0.95) -> Interval[float]:
        """Return limits of the change: Tango's of a percentage, else Student's t.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).

        Returns
        -------
        Interval
            NaN where there is none; the caveats say why.
        """
        return self.estimate.confidence_interval(level)

    def equivalence(self, margin: float, level: float = 0.95) -> Equivalence:
        """Ask whether nothing changed but for a margin, as `Difference.equivalence` does."""
        return compare(0, self.estimate).equivalence(margin, level)

    def __repr__(self) -> str:
        line = summary(self)
        known = not np.isnan(self.p_value)
        return f"<{line[:-1]}; p = {figure(self.p_value)})>" if known else f"<{line}>"
