"""Value a customer by what he pays each period for as long as a survival curve lets him stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final, runtime_checkable

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.ltv._contract_arguments import PERIOD, rate_per_period
from clm.ltv._contract_counts import Between
from clm.ltv._contract_fit import ContractFit
from clm.ltv._contract_predictions import ContractPredictions
from clm.ltv._formula import Timing, check_flag, check_horizon, check_timing
from clm.stats import (
    Estimate,
    Linearised,
    NoBand,
    Quantity,
    numbers,
    propagate,
)
from clm.survival import SurvivalCurve

if TYPE_CHECKING:
    from clm.data import Discount
    from clm.stats import Band
    from clm.typing import FloatArray

_WITHOUT_ERRORS = "survival was given without errors"
_NOT_TOGETHER = "survival states an error at each renewal, but not how these errors go together"


@runtime_checkable
class Survives(Protocol):
    """Anything that states the share of customers still there after t renewals."""

    def survival(self, t: Any, /) -> Any:
        """Return the share after each of several numbers of renewals: an `Estimate` or an array."""


def subscription_ltv(
    contract: ContractFit | SurvivalCurve | Survives,
    *,
    margin_per_period: Any,
    discount: float | Discount,
    horizon: int | None = None,
    first_payment: bool = True,
    timing: Timing = "start",
) -> Estimate[float]:
    """Value a new customer by a margin a period and the share of customers who stay so long.

    It is `formula_ltv` with a survival curve in place of one retention rate: customers who differ in loyalty are worth
    more than their average retention says.

    Parameters
    ----------
    contract
        A fitted `ShiftedBetaGeometric` or `BetaDiscreteWeibull`; a curve from ``clm.kaplan_meier``, with one payment
        each unit of its ages; or any object whose ``survival(t)`` takes an array of renewals.
    margin_per_period
        Margin of one payment, in money: a number or an `Estimate`.
    discount
        Rate per period, as a fraction, or ``clm.Discount`` where the contract says how long a period is.
    horizon
        Renewals counted; None for all that may come, which only a `ContractFit` can tell.
    first_payment
        Whether the payment made on joining counts, or only those of renewals.
    timing : {"start", "end"}
        Whether payments are booked at the start or at the end of their period.

    Returns
    -------
    Estimate
        In money. Undefined where the sum is infinite, or a Kaplan-Meier curve ends before the horizon.

    Raises
    ------
    InvalidDataError
        If a number is outside its range, there is no horizon for a curve that cannot be extended, or the contract has
        no survival.

    Notes
    -----
    Sum of ``m S(t) / (1 + d)**t`` over renewals t, from 0 on with the first payment and from 1 on without; booked at
    the end it is divided by ``1 + d`` once more. Limits are those of the discounted number of payments, which lies
    between that of a customer who leaves at once and that of one who never does: by the delta method on the logit of
    where it lies, from the covariance of the fit's parameters, or from Greenwood's variance of the curve. With the
    margin estimated as well, deviations are put together on logs.

    Examples
    --------
    >>> contract = clm.ShiftedBetaGeometric().fit([1000, 869, 743, 653, 593, 551, 517, 491], unit="year")
    >>> clm.subscription_ltv(contract, margin_per_period=40, discount=0.10)
    <lifetime value: 236.9 currency (95% interval 225.5 to 248.3; n = 1,000)>
    >>> ended = clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="month")
    >>> value = clm.subscription_ltv(clm.kaplan_meier(ended), margin_per_period=40, discount=0, horizon=5)
    >>> value.value
    200.0
    """
    check_flag(first_payment, "first_payment")
    check_timing(timing)
    last = check_horizon(horizon)
    rate = rate_per_period(discount, str(getattr(contract, "unit", PERIOD)))
    margin = Quantity.of(margin_per_period, "margin_per_period", positive=True)
    first, late = 0 if first_payment else 1, timing == "end"
    if isinstance(contract, ContractFit):
        payments = ContractPredictions.of(contract).payments(first=first, discount=rate, horizon=last, booked_late=late)
    else:
        renewals = _renewals(contract, first, last)
        weights = (1 + rate) ** -(renewals + late)
        if isinstance(contract, SurvivalCurve):
            payments = _over_curve(contract, renewals, weights)
        else:
            payments = _over_shares(contract.survival(renewals), renewals, weights)
    paid = "the first payment and" if first_payment else "no first payment but"
    paid = "the first payment and" if first_payment else "no first payment but"
    span = "all renewals" if last is None else f"{last:,} renewals"
    return propagate(
        _product,
        [margin, Quantity.of(payments, "the number of payments")],
        name="lifetime value",
        unit="currency",
        definition=(
            f"Expected discounted margin of a new customer: {paid} {span}, booked at the {timing} of the period, "
            f"discounted at {rate:.6g} a period. {payments.definition}"
        ),
        caveats=payments.caveats,
    )


def _product(margin: float, payments: float) -> float:
    return margin * payments


def _renewals(contract: Any, first: int, last: int | None) -> FloatArray:
    if not isinstance(contract, (SurvivalCurve, Survives)):
        raise InvalidDataError(
            f"contract must state survival, and {type(contract).__name__} does not. Give a fit of "
            "clm.ShiftedBetaGeometric or clm.BetaDiscreteWeibull, a curve of clm.kaplan_meier, or an object with "
            "survival(t)."
        )
    if last is None:
        raise InvalidDataError(
            "horizon is missing: nothing is known of customers after the end of the curve. Give the renewals to "
            "count, or fit clm.ShiftedBetaGeometric, which extends it."
        )
    return np.arange(float(first), last + 1.0)


def _over_curve(curve: SurvivalCurve, renewals: FloatArray, weights: FloatArray) -> Estimate[float]:
    """Add up a Kaplan-Meier curve at whole ages, with Greenwood's variance."""
    survival = curve.at(renewals)
    terms = weights * survival.value
    until = float(renewals[-1]) if renewals.size else 0.0
    met = curve.times <= until
    # What each age with losses takes part in: all terms from it on.
    later = np.append(np.cumsum(terms[::-1])[::-1], 0.0)[np.searchsorted(renewals, curve.times[met])]
    lost, at_risk = curve.lost[met], curve.at_risk[met]
    left = at_risk - lost
    greenwood = np.divide(lost, at_risk * left, out=np.zeros(left.shape), where=left > 0)
    error = float(np.sqrt(np.sum(later**2 * greenwood)))
    undefined = None if survival.undefined is None else next(why for why in survival.undefined if why)
    return Estimate(
        value=terms.sum(),
        standard_error=error,
        n=curve.n,
        name="expected payments",
        unit=curve.unit,
        definition=f"Discounted sum of shares still there, one a {curve.unit}. {curve.definition}",
        undefined=f"{undefined}: give a shorter horizon, or fit a model that extends the curve" if undefined else None,
        band=_curve_band(curve, renewals, weights, error),
        caveats=(*curve.caveats, f"counts payments up to renewal {until:,.0f} alone: what follows is left out"),
    )


def _curve_band(curve: SurvivalCurve, renewals: FloatArray, weights: FloatArray, error: float) -> Band:
    certain = float(weights[renewals == 0].sum())
    if error:
        return Between(certain, float(weights.sum()))
    until = renewals[-1] if renewals.size else 0.0
    if (curve.times <= until).any():
        return NoBand("everybody was lost at one age: nothing is known of the spread")
    at_risk = np.append(curve.risk_set, 0)[np.searchsorted(curve.risk_ages, until, side="right")]
    return NobodyLeft(certain, float(weights.sum()), float(at_risk))


@final
@frozen
class NobodyLeft:
    """Limits of a sum of survival while nobody has left: as if all at stake could have left at the first renewal."""

    certain: float
    most: float
    at_risk: float

    @property
    def method(self) -> str:
        """The method's name."""
        return "least survival that nobody lost allows"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return a lower end, and the sum itself."""
        least = ((1 - level) / 2) ** (1 / self.at_risk) if self.at_risk > 0 else 0.0
        return np.asarray(self.certain + (self.most - self.certain) * least), np.asarray(value)


def _over_shares(stated: Any, renewals: FloatArray, weights: FloatArray) -> Estimate[float]:
    """Add up what an object states of each renewal."""
    share = numbers(stated.value if isinstance(stated, Estimate) else stated, "survival")
    if share.shape != renewals.shape:
        raise InvalidDataError(
            f"survival(t) has shape {share.shape} for {renewals.size:,} renewals. Return one share a renewal."
        )
    known = share[~np.isnan(share)]
    if ((known < 0) | (known > 1)).any():
        raise InvalidDataError("survival(t) must return shares between 0 and 1. Give 0.8 for 80 percent.")
    missing = np.isnan(share)
    undefined = f"survival is not known at renewal {renewals[missing][0]:,.0f}" if missing.any() else None
    certain = float(weights[(renewals == 0) & (share == 1)].sum())
    error, sources, band = _errors_of(stated, weights, Between(certain, float(weights.sum())))
    return Estimate(
        value=np.nan if undefined else float(weights @ share),
        standard_error=error,
        n=int(np.max(stated.n, initial=0)) if isinstance(stated, Estimate) else 0,
        name="expected payments",
        unit=PERIOD,
        definition=(
            "Discounted sum of the shares of customers still there. "
            f"{stated.definition if isinstance(stated, Estimate) else 'Shares as given.'}"
        ),
        undefined=undefined,
        band=band,
        sources=sources,
        caveats=stated.caveats if isinstance(stated, Estimate) else (),
    )


def _errors_of(stated: Any, weights: FloatArray, within: Band) -> tuple[float, tuple[Linearised, ...], Band]:
    if not isinstance(stated, Estimate):
        return np.nan, (), NoBand(_WITHOUT_ERRORS)
    errors = np.asarray(stated.standard_error)
    if np.isnan(errors).any() or isinstance(stated.band, NoBand):
        reason = stated.band.reason if isinstance(stated.band, NoBand) else _WITHOUT_ERRORS
        return np.nan, (), NoBand(reason)
    if stated.sources:
        sources = tuple(
            Linearised(gradient=weights @ source.gradient, covariance=source.covariance) for source in stated.sources
        )
        return float(np.sqrt(max(sum(float(s.variance()) for s in sources), 0.0))), sources, within
    return (np.nan, (), NoBand(_NOT_TOGETHER)) if errors.any() else (0.0, (), within)
