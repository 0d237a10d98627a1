"""Who did not answer: response rates with their denominators, and how far off a score can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.stats import Estimate, HasEstimate, Interval, figure, plain_number, proportion, whole_number

if TYPE_CHECKING:
    from clm.typing import FloatArray

Asked: TypeAlias = Literal["sent", "delivered", "shown"]

_ASKED: Final = {
    "sent": "invitations that were sent, those that bounced among them",
    "delivered": "invitations that were delivered, those that bounced left out",
    "shown": "times the question was shown",
}


def response_rate(responses: int, asked: int, *, denominator: Asked) -> Estimate[float]:
    """Return how many of those who were asked answered.

    Parameters
    ----------
    responses
        Who answered.
    asked
        How many were asked.
    denominator : {"sent", "delivered", "shown"}
        What `asked` counts; a rate says nothing without it.

    Returns
    -------
    Estimate
        A fraction with Wilson's interval, named in the definition; NaN where nobody was asked.

    Raises
    ------
    InvalidDataError
        If a count is none, more answered than were asked, or the denominator is unknown.

    Examples
    --------
    >>> clm.response_rate(600, 3000, denominator="delivered")
    <response rate: 0.2 fraction (95% interval 0.1861 to 0.2147; n = 3,000)>
    """
    if denominator not in tuple(_ASKED):
        known = ", ".join(map(repr, _ASKED))
        raise InvalidDataError(f"denominator={denominator!r} is not one of {known}.{nearest(str(denominator), _ASKED)}")
    answered, of = whole_number(responses, "responses"), whole_number(asked, "asked")
    if answered > of:
        raise InvalidDataError(f"{answered:,} responses are more than the {of:,} who were asked. Check which is which.")
    return proportion(
        answered,
        of,
        name="response rate",
        definition=f"Responses over {_ASKED[denominator]}.",
        undefined="nobody was asked",
    )


def aapor_response_rates(
    *,
    complete: int,
    partial: int = 0,
    refused: int = 0,
    not_contacted: int = 0,
    other: int = 0,
    unknown: int = 0,
    eligible: float = 1.0,
) -> Estimate[FloatArray]:
    """Return the six response rates of the American Association for Public Opinion Research.

    Parameters
    ----------
    complete, partial
        Interviews, complete and partial (I, P).
    refused, not_contacted, other
        Eligible, without an interview: refusals and break-offs (R), not reached (NC), others (O).
    unknown
        Of unknown eligibility (UH + UO).
    eligible
        Part of the unknown that is taken to be eligible (e), for RR3 and RR4, 0 to 1; 1 is the most cautious.

    Returns
    -------
    Estimate
        Six fractions, ``index`` RR1 to RR6, with Wilson's interval; NaN where the denominator is 0.

    Raises
    ------
    InvalidDataError
        If a count is none, or `eligible` lies outside 0 to 1.

    Notes
    -----
    RR1 is ``I / (I + P + R + NC + O + U)`` and RR2 counts partial interviews in, too; RR3 and RR4 do the same with
    ``e U`` for U, RR5 and RR6 without U [1]_. The interval takes e as known.

    References
    ----------
    .. [1] American Association for Public Opinion Research (2023), Standard definitions, 10th edition.

    Examples
    --------
    >>> rates = clm.aapor_response_rates(
    ...     complete=600, partial=50, refused=120, not_contacted=180, other=20, unknown=230, eligible=0.5
    ... )
    >>> rates.value.round(3).tolist()
    [0.5, 0.542, 0.553, 0.599, 0.619, 0.67]
    """
    counts = {"complete": complete, "partial": partial, "refused": refused, "not_contacted": not_contacted}
    read = {name: whole_number(count, name) for name, count in {**counts, "other": other, "unknown": unknown}.items()}
    share = plain_number(eligible, "eligible", lowest=0, highest=1)
    known = sum(read.values()) - read["unknown"]
    full, with_partial = read["complete"], read["complete"] + read["partial"]
    denominators = [known + part * read["unknown"] for part in (1.0, share, 0.0) for _ in range(2)]
    return proportion(
        np.array([full, with_partial] * 3, float),
        np.array(denominators),
        name="response rate",
        definition=(
            "AAPOR response rates: interviews over all cases (RR1, RR2), over eligible ones with"
            f" {share:g} of the unknown (RR3, RR4) or none of them (RR5, RR6); even ones count partial interviews."
        ),
        index=np.array([f"RR{i}" for i in range(1, 7)]),
        undefined="there are no cases",
    )


@final
@frozen(kw_only=True)
class NonresponseBounds:
    """Where a score could lie if those who did not answer were all at one end; build it with `nonresponse_bounds`.

    Attributes
    ----------
    low, high : float
        The score of everybody if all others gave the worst, or the best answer; NaN where `undefined` says why.
    score : Estimate
        The score of those who answered.
    response_rate : float
        Part of all who answered, 0 to 1.
    lowest, highest : float
        The ends of the score's range.
    undefined : str or None
        Why there are no bounds.
    """

    score: Estimate[float]
    response_rate: float
    lowest: float
    highest: float

    @property
    def low(self) -> float:
        """The least the score of everybody can be."""
        return self._of(float(self.score.value), self.lowest)

    @property
    def high(self) -> float:
        """The most the score of everybody can be."""
        return self._of(float(self.score.value), self.highest)

    @property
    def undefined(self) -> str | None:
        """Why there are no bounds."""
        reason: str | None = self.score.undefined
        return reason

    @property
    def definition(self) -> str:
        """One sentence that fixes what was computed."""
        return (
            f"{self.response_rate:.4g} of all answered; the others are counted at {figure(self.lowest)}, or at"
            f" {figure(self.highest)}. {self.score.definition}"
        )

    def confidence_interval(self, level: float = 0.95) -> Interval[float]:
        """Return the bounds with the sampling error of the score added, the response rate taken as known.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).

        Returns
        -------
        Interval
            NaN where the score has no interval.
        """
        low, high = self.score.confidence_interval(level)
        method = f"worst and best case, {self.score.band.method}"
        return Interval(low=self._of(low, self.lowest), high=self._of(high, self.highest), level=level, method=method)

    def _of(self, answered: float, others: float) -> float:
        return self.response_rate * answered + (1 - self.response_rate) * others


def nonresponse_bounds(score: Any, response_rate: Any) -> NonresponseBounds:
    """Bound the score of everybody, whatever those who did not answer think.

    Parameters
    ----------
    score : NPS, CSAT, CES or another score of answers
        Of those who answered.
    response_rate : float or Estimate
        Part of all who answered, 0 to 1.

    Returns
    -------
    NonresponseBounds
        ``low`` and ``high``.

    Raises
    ------
    InvalidDataError
        If the score has no known range, or the rate lies outside 0 to 1.

    Notes
    -----
    ``rate * score + (1 - rate) * end of the range`` for both ends [1]_: no assumption, and wide for low rates.

    References
    ----------
    .. [1] Manski (1990), Nonparametric bounds on treatment effects, American Economic Review 80, 319-323.

    Examples
    --------
    >>> nps = clm.NPS.from_counts(detractors=20, passives=20, promoters=60)
    >>> bounds = clm.nonresponse_bounds(nps, 0.2)
    >>> round(bounds.low, 1), round(bounds.high, 1)
    (-72.0, 88.0)
    """
    span = getattr(score, "span", None)
    if not isinstance(score, HasEstimate) or span is None:
        raise InvalidDataError(
            f"nonresponse_bounds takes a score of answers, such as clm.nps(answers), not {type(score).__name__}."
        )
    return NonresponseBounds(score=score.estimate, response_rate=_rate(response_rate), lowest=span[0], highest=span[1])


def nonresponse_bias(respondents: Any, others: Any, response_rate: Any) -> float:
    """Return how far the mean of those who answered is from that of everybody.

    Parameters
    ----------
    respondents, others : float or Estimate
        Mean of those who answered, and of those who did not, as a follow-up of them tells.
    response_rate : float or Estimate
        Part of all who answered, 0 to 1.

    Returns
    -------
    float
        ``(1 - rate) * (respondents - others)``, in their unit: what to take off the mean of those who answered.

    Raises
    ------
    InvalidDataError
        If a mean is no finite number, or the rate lies outside 0 to 1.

    Examples
    --------
    >>> clm.nonresponse_bias(40, 10, 0.2)
    24.0
    """
    means = [plain_number(_plain(given), name) for name, given in (("respondents", respondents), ("others", others))]
    return (1 - _rate(response_rate)) * (means[0] - means[1])


def _rate(given: Any) -> float:
    return plain_number(_plain(given), "response_rate", lowest=0, highest=1)


def _plain(given: Any) -> Any:
    return given.value if isinstance(given, (Estimate, HasEstimate)) else given
