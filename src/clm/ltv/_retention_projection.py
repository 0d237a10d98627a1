"""Carry an observed retention curve on: what was seen, what is projected, and how sure one can be of either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, final

import numpy as np
from attrs import evolve, frozen

from clm.errors import InvalidDataError, nearest
from clm.ltv._beta_discrete_weibull import BetaDiscreteWeibull
from clm.ltv._contract_renewals import Renewals
from clm.ltv._formula import check_horizon
from clm.ltv._shifted_beta_geometric import ShiftedBetaGeometric
from clm.stats import Estimate, NoBand, Wilson, check_level, figure, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.ltv._contract_fit import ContractFit
    from clm.typing import Array, FloatArray

ProjectionModel = Literal["sbg", "bdw", "power", "exponential"]

_MODELS: Final[dict[str, ShiftedBetaGeometric | BetaDiscreteWeibull]] = {
    "sbg": ShiftedBetaGeometric(),
    "bdw": BetaDiscreteWeibull(),
}
_LAWS: Final[dict[str, tuple[str, Callable[[FloatArray], FloatArray]]]] = {
    "power": ("a power law", np.log),
    "exponential": ("one constant churn rate", np.asarray),
}
_FEWEST: Final = 2
_DESCRIPTIVE: Final = (
    "a description of the shares seen, not a model of customers: it states no error, and its shape has no reason to go "
    "on"
)


@final
@frozen(kw_only=True, repr=False)
class RetentionProjection:
    """An observed retention curve and its projection. Made by `project_retention`.

    Attributes
    ----------
    observed : Estimate
        Share still there after 0, 1 ... k renewals, as counted.
    projected : Estimate
        The same by the model, after 0, 1 ... up to the horizon.
    fit : ContractFit or None
        The fitted model; None for descriptive curves.
    unit : str
        What one renewal period is.

    Examples
    --------
    >>> ahead = clm.project_retention([1000, 869, 743, 653, 593, 551, 517, 491], horizon=12)
    >>> ahead
    <RetentionProjection: 7 renewals observed, 37.8% after 12 periods by the shifted beta geometric model>
    >>> ahead.projected.value[8:].round(3)
    array([0.46 , 0.436, 0.414, 0.395, 0.378])
    """

    observed: Estimate[FloatArray]
    projected: Estimate[FloatArray]
    fit: ContractFit | None
    unit: str

    __setstate__ = seal

    @property
    def horizon(self) -> int:
        """The last renewal projected."""
        return len(self.projected.value) - 1

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before quoting the projection."""
        return self.projected.caveats

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a renewal, for ``clm.to_frame``; observed shares are NaN where nobody was observed.

        Parameters
        ----------
        level
            Nominal coverage of the limits.

        Returns
        -------
        dict of str to ndarray
            ``renewal, observed, observed_low, observed_high, projected, low, high``.
        """
        check_level(level)
        rows = max(self.horizon + 1, len(self.observed.value))

        def padded(cells: Any) -> FloatArray:
            full = np.full(rows, np.nan)
            full[: len(cells)] = cells
            return full

        seen, ahead = (estimate.confidence_interval(level) for estimate in (self.observed, self.projected))
        return {
            "renewal": np.arange(rows),
            "observed": padded(self.observed.value),
            "observed_low": padded(seen.low),
            "observed_high": padded(seen.high),
            "projected": padded(self.projected.value),
            "low": padded(ahead.low),
            "high": padded(ahead.high),
        }

    def __repr__(self) -> str:
        by = self.projected.name.removeprefix("retention projected by ")
        share = f"{figure(100 * float(self.projected.value[-1]))}% after {self.horizon:,} {self.unit}s"
        return f"<RetentionProjection: {len(self.observed.value) - 1:,} renewals observed, {share} by {by}>"


def project_retention(
    survivors: Any, *, horizon: int, model: ProjectionModel = "sbg", unit: str | None = None
) -> RetentionProjection:
    """Project how many customers will still be there, next to how many were.

    Parameters
    ----------
    survivors
        As `ShiftedBetaGeometric.fit` takes: survivors of one cohort, or of several of any lengths,
        ``clm.Durations``, or a retention table of rule ``"every"``.
    horizon
        Last renewal to project, from the last observed one on.
    model : {"sbg", "bdw", "power", "exponential"}
        ``"sbg"``: shifted beta geometric; ``"bdw"``: beta discrete Weibull. The others describe the shares that were
        seen, and are there to be compared with: a line through their logarithms over log age (``"power"``) or over age
        (``"exponential"``, one constant churn rate).
    unit
        What one period is, as in `ShiftedBetaGeometric.fit`.

    Returns
    -------
    RetentionProjection
        Its band holds the sampling error of the fitted model; descriptive curves have none.

    Raises
    ------
    InvalidDataError
        If the model is unknown, the horizon lies before the last renewal observed, or the data do not carry the fit.

    Warns
    -----
    IdentifiabilityWarning
        If the model has no maximum inside, so that the band is undefined.

    Notes
    -----
    On the renewals of Fader and Hardie [1]_ curves fitted to years 1 to 7 miss the shares of years 8 to 12 by 1.5 and
    2.8 percent on average (sbg), by about 5 (power), and by 17 and 28 (exponential).

    References
    ----------
    .. [1] Fader and Hardie (2007), Journal of Interactive Marketing 21(1), 76-90.

    Examples
    --------
    >>> ahead = clm.project_retention([1000, 869, 743, 653, 593, 551, 517, 491], horizon=12, model="power")
    >>> ahead.projected.value[[8, 12]].round(3), ahead.fit
    (array([0.479, 0.424]), None)
    """
    if model not in (*_MODELS, *_LAWS):
        known = (*_MODELS, *_LAWS)
        raise InvalidDataError(f"model {model!r} is not one of {', '.join(known)}.{nearest(str(model), known)}")
    renewals = Renewals.of(survivors, unit)
    last = check_horizon(horizon)
    if last is None or last < len(renewals.at_risk):
        raise InvalidDataError(
            f"horizon must reach the last renewal observed ({len(renewals.at_risk):,}) or lie beyond, not {horizon!r}."
        )
    ahead = np.arange(last + 1.0)
    if model in _LAWS:
        projected, fit = _described(renewals, model, ahead), None
    else:
        fit = _MODELS[model].fit(renewals)
        projected = evolve(fit.survival(ahead), name=f"retention projected by the {fit.model} model")
    return RetentionProjection(observed=_observed(renewals), projected=projected, fit=fit, unit=renewals.unit)


def _observed(renewals: Renewals) -> Estimate[FloatArray]:
    """State the product limit, with Wilson's interval for as many customers as its variance speaks of."""
    share = renewals.observed
    left = renewals.at_risk - renewals.lost
    safe = np.where((renewals.at_risk > 0) & (left > 0), renewals.at_risk * left, np.inf)
    variance = np.append(0.0, share[1:] ** 2 * np.cumsum(renewals.lost / safe))
    spread = share * (1 - share)
    at_risk = np.append(np.inf, renewals.at_risk)
    trials = np.divide(
        spread, variance, out=np.where(share == 0, np.max(renewals.at_risk), at_risk), where=variance > 0
    )
    known = ~np.isnan(share)
    return Estimate(
        value=share,
        standard_error=np.sqrt(variance),
        n=renewals.n,
        name="observed retention",
        unit="fraction",
        definition=f"Share of customers still there after so many renewals, one a {renewals.unit}, as counted.",
        index=np.arange(len(share)),
        undefined="nobody was observed at that renewal",
        band=Wilson(np.where(known, trials, 0.0)),
    )


def _described(renewals: Renewals, model: str, ahead: FloatArray) -> Estimate[FloatArray]:
    """Draw a straight line through the logarithms of the shares seen."""
    called, scale = _LAWS[model]
    share = renewals.observed[1:]
    used = share > 0
    if used.sum() < _FEWEST:
        raise InvalidDataError(
            f"{int(used.sum())} renewals with customers left are too few for model={model!r}, which takes {_FEWEST}."
        )
    age = np.arange(1.0, len(share) + 1)
    slope, start = np.polyfit(scale(age[used]), np.log(share[used]), 1)
    value = np.append(1.0, np.exp(np.minimum(start + slope * scale(ahead[1:]), 0.0)))
    return Estimate(
        value=value,
        n=renewals.n,
        name=f"retention projected by {called}",
        unit="fraction",
        definition=(
            f"Descriptive: {called} drawn through the shares still there after renewals 1 to {len(share)}, by least "
            "squares on logarithms, and carried on."
        ),
        index=ahead.astype(np.int64),
        band=NoBand(_DESCRIPTIVE),
        caveats=(_DESCRIPTIVE,),
    )
