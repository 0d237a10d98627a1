"""Sean Ellis' question: how many would be very disappointed without the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

from attrs import evolve, field, frozen

from clm.satisfaction._score import SurveyScore, check_answers
from clm.satisfaction._scorings import share_bands, share_estimate
from clm.stats import figure, plain_number

if TYPE_CHECKING:
    from clm.satisfaction._answers import Answers
    from clm.satisfaction._scorings import ShareMethod
    from clm.stats import Band, Estimate, Interval

Verdict: TypeAlias = Literal["above", "below", "undecided"]

_FEW: Final = 30


def _percent(given: Any) -> float:
    return plain_number(given, "benchmark", lowest=0, highest=100)


@final
@frozen(repr=False)
class ProductMarketFit(SurveyScore):
    """Percent who would be very disappointed if they could no longer use the product [1]_.

    Build it with ``clm.product_market_fit(answers)``.

    Parameters
    ----------
    answers : Answers
        Counted answers.
    benchmark : float
        Percent that the share is held against.

    Attributes
    ----------
    value : float
        0 to 100, not rounded.
    very_disappointed : int
        Respondents in the good box, weights not counted.
    verdict : {"above", "below", "undecided"}
        Where the 95 % interval lies.

    Notes
    -----
    That 40 percent tell products that grow from those that do not is a rule of thumb, read off some hundred start-ups
    [1]_; it is no test, and its own error is not known. Ask those who used the product at least twice and in the last
    two weeks.

    References
    ----------
    .. [1] Ellis (2009), The startup pyramid, startup-marketing.com.

    Examples
    --------
    >>> fit = clm.product_market_fit([3] * 22 + [2] * 18 + [1] * 10)
    >>> fit
    <product-market fit: 44 percent (95% interval 31.16 to 57.69; n = 50)>
    >>> fit.verdict
    'undecided'
    """

    answers: Answers = field(validator=check_answers)
    benchmark: float = field(default=40.0, converter=_percent)

    def __attrs_post_init__(self) -> None:
        _ = self.scale.sides  # a scale without boxes is refused here, not at the first look

    @property
    def very_disappointed(self) -> int:
        """Respondents who would be very disappointed."""
        return int(self.answers.sides().counts[2])

    @property
    def verdict(self) -> Verdict | None:
        """Whether the 95 % interval lies above or below the benchmark, or holds it; None without answers."""
        if not self.n:
            return None
        low, high = self._share.confidence_interval(0.95)
        if low > self.benchmark:
            return "above"
        return "below" if high < self.benchmark else "undecided"

    @property
    def unweighted(self) -> ProductMarketFit:
        """The same answers, each counted once."""
        return evolve(self, answers=self.answers.without_weights())

    @property
    def effective_n(self) -> float:
        """Kish's effective number of answers; `n` without weights."""
        return float(self.answers.counted().effective_n)

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value there is."""
        return 0.0, 100.0

    @property
    def estimate(self) -> Estimate[float]:
        """The percentage with its default interval."""
        return evolve(self._share, caveats=(*self._share.caveats, *self._caveats()))

    @property
    def _share(self) -> Estimate[float]:
        return share_estimate(self.answers, "product-market fit", f"Percent answering {self.scale.good_answers}")

    def _caveats(self) -> tuple[str, ...]:
        if not self.n:
            return ()
        verdict = "holds it, so that" if self.verdict == "undecided" else f"lies {self.verdict} it; even so"
        rule = f"{figure(self.benchmark)} percent is a rule of thumb; the 95% interval {verdict} nothing is proved."
        few = f"With fewer than {_FEW} answers the question says little." if self.n < _FEW else None
        return (rule,) if few is None else (rule, few)

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
            As for `CSAT`.

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
