"""Customer satisfaction: the percent of answers in the good box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import numpy as np
from attrs import evolve, field, frozen

from clm.satisfaction._score import SurveyScore, check_answers, definition
from clm.stats import AgrestiCoull, ClopperPearson, Estimate, Interval, Jeffreys, Normal, Wilson

if TYPE_CHECKING:
    from clm.satisfaction._answers import Answers
    from clm.satisfaction._cells import Cells
    from clm.stats import Band

ShareMethod: TypeAlias = Literal["wilson", "agresti_coull", "jeffreys", "clopper_pearson", "wald"]

PERCENT_GOOD: Final = np.array([0.0, 0.0, 100.0])
"""What the bad box, the answers between and the good box add to a percentage."""


@final
@frozen(repr=False)
class CSAT(SurveyScore):
    """Percent satisfied: answers in the good box of the scale.

    Build it with ``clm.csat(answers, scale=...)``.

    Parameters
    ----------
    answers : Answers
        Counted answers.

    Attributes
    ----------
    value : float
        0 to 100, not rounded.
    satisfied : int
        Respondents in the good box, weights not counted.

    Examples
    --------
    >>> clm.csat([5, 5, 4, 4, 3, 2, 5, 1, 4, 5], scale=clm.Scale(1, 5))
    <CSAT: 70 percent (95% interval 39.68 to 89.22; n = 10)>
    """

    answers: Answers = field(validator=check_answers)

    def __attrs_post_init__(self) -> None:
        _ = self.scale.sides  # a scale without boxes is refused here, not at the first look

    @property
    def satisfied(self) -> int:
        """Respondents in the good box."""
        return int(self.answers.sides().counts[2])

    @property
    def effective_n(self) -> float:
        """Kish's effective number of answers; `n` without weights."""
        return float(self.answers.sides().effective_n)

    @property
    def unweighted(self) -> CSAT:
        """The same answers, each counted once."""
        return evolve(self, answers=self.answers.without_weights())

    @property
    def estimate(self) -> Estimate[float]:
        """The percentage with its default interval."""
        return share_estimate(self.answers, "CSAT", f"Percent answering {self.scale.good_answers} (satisfied)")

    def bands(self) -> dict[str, Band]:
        """Return the intervals by name."""
        return share_bands(self.answers.sides())

    def confidence_interval(self, level: float = 0.95, method: ShareMethod = "wilson") -> Interval[float]:
        """Return limits that contain the value and stay inside 0 to 100.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).
        method : {"wilson", "agresti_coull", "jeffreys", "clopper_pearson", "wald"}
            All but ``"wald"`` keep their width at 0 and 100 percent. Weighted answers enter with Kish's effective
            number; Wald's interval takes the linearised standard error.

        Returns
        -------
        Interval
            NaN where there are no answers.

        Raises
        ------
        InvalidDataError
            If the level or the method is none.
        """
        return self.named_interval(level, method)


def share_estimate(answers: Answers, name: str, what: str) -> Estimate[float]:
    """Return the percentage in the good box."""
    sides = answers.sides()
    return Estimate(
        value=sides.mean(PERCENT_GOOD),
        standard_error=sides.standard_error(PERCENT_GOOD, lost=0),
        n=answers.n,
        name=name,
        unit="percent",
        definition=definition(what, answers),
        undefined=answers.why_none(),
        band=Wilson(sides.effective_n, 100.0),
    )


def share_bands(sides: Cells) -> dict[str, Band]:
    """Return the intervals of a percentage by name, the default first."""
    trials = sides.effective_n
    return {
        "wilson": Wilson(trials, 100.0),
        "agresti_coull": AgrestiCoull(trials, 100.0),
        "jeffreys": Jeffreys(trials, 100.0),
        "clopper_pearson": ClopperPearson(trials, 100.0),
        "wald": Normal(0, 100),
    }
