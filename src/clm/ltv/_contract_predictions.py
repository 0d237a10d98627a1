"""Survival, lifetimes and counts of contracts, each with its error by the delta method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.ltv._contract_arguments import rate_per_period, whole_times
from clm.ltv._contract_counts import Between, count_limits
from clm.ltv._contract_curve import ContractCurve
from clm.ltv._contract_lifetime import discounted
from clm.ltv._formula import check_horizon
from clm.stats import (
    Interval,
    LogitNormal,
    Parameters,
    check_level,
    delta_estimate,
    figure,
    whole_number,
    z_score,
)

if TYPE_CHECKING:
    from clm.ltv._contract_fit import ContractFit
    from clm.stats import Band, Estimate
    from clm.typing import FloatArray

_PARAMETERS: Final = 3

_EXTRAPOLATED: Final = (
    "extrapolated beyond renewal {:.0f}, the last observed: the interval holds sampling error alone, not whether the "
    "curve goes on like that"
)
_HEAVY: Final = (
    "alpha{} may be 1 or less at 95% confidence, where the sum is infinite: the upper limit says too little. Give a "
    "discount or a horizon"
)


@final
@frozen(kw_only=True)
class ContractPredictions:
    """What a model of contracts says at its parameters.

    Attributes
    ----------
    model : str
        Its name.
    parameters : Parameters
    unit : str
        What one renewal period is.
    observed : float
        The last renewal that was observed; ``inf`` without data.
    caveats : tuple of str
    """

    model: str
    parameters: Parameters
    unit: str
    observed: float
    caveats: tuple[str, ...]

    @classmethod
    def of(cls, fit: ContractFit) -> ContractPredictions:
        """Take over a fit."""
        return cls(
            model=fit.model,
            parameters=fit.parameters,
            unit=fit.unit,
            observed=np.inf if fit.renewals is None else float(len(fit.renewals.at_risk)),
            caveats=fit.caveats,
        )

    @property
    def curve(self) -> ContractCurve:
        """Survival at the parameters."""
        return ContractCurve(*map(float, self.parameters.values))

    def survival(self, t: Any) -> Estimate[Any]:
        """State the share still there."""
        times = whole_times(t, "t")
        value = np.exp(self.curve.log_survival(times))
        return self._stated(
            value,
            value[..., None] * self.curve.survival_slope(times),
            name="survival",
            at=times,
            ahead=times,
            definition=f"Expected share of customers still there after so many renewals, one a {self.unit}",
        )

    def retention(self, t: Any) -> Estimate[Any]:
        """State the share that makes its t-th renewal."""
        times = whole_times(t, "t", lowest=1)
        value = np.exp(self.curve.log_retention(times))
        return self._stated(
            value,
            value[..., None] * self.curve.retention_slope(times),
            name="retention rate",
            at=times,
            ahead=times,
            definition="Expected share that makes a renewal, of the customers who made the one before",
        )

    def churn(self, t: Any) -> Estimate[Any]:
        """State the share that leaves at the t-th renewal."""
        times = whole_times(t, "t", lowest=1)
        stays = self.curve.log_retention(times)
        return self._stated(
            0.0 - np.expm1(stays),
            -np.exp(stays)[..., None] * self.curve.retention_slope(times),
            name="churn rate",
            at=times,
            ahead=times,
            definition="Expected share that leaves at a renewal, of the customers who made the one before",
        )

    def survivors(self, n: Any, t: Any, renewals: Any) -> Estimate[Any]:
        """State how many of a cohort are still there."""
        customers, times, made = whole_number(n, "n"), whole_times(t, "t"), whole_number(renewals, "renewals")
        value = customers * np.exp(self.curve.log_survival(made + times) - self.curve.log_survival(made))
        slope = self.curve.survival_slope(made + times) - self.curve.survival_slope(made)
        return self._stated(
            value,
            value[..., None] * slope,
            name="expected survivors",
            at=times,
            ahead=made + times,
            definition=(
                f"Expected number, of {customers:,} customers who have made {made:,} renewals, still there after so "
                "many more"
            ),
            unit="customers",
            band=Between(0.0, float(customers)),
        )

    def counted(self, n: Any, t: Any, renewals: Any, level: float) -> Interval[Any]:
        """State between which counts the survivors of a cohort will lie."""
        check_level(level)
        expected = self.survivors(n, t, renewals)
        shape = np.shape(expected.value)
        if self.parameters.undefined is not None:
            nowhere = np.full(shape, np.nan)
            method = f"undefined: {self.parameters.undefined}"
            return Interval(low=nowhere, high=nowhere, level=level, method=method)
        customers = whole_number(n, "n")
        of = max(customers, 1)
        ends = [
            count_limits(customers, float(value) / of, float(error) / of, level)
            for value, error in zip(np.ravel(expected.value), np.ravel(expected.standard_error), strict=True)
        ]
        low, high = np.reshape(np.array(ends).reshape(-1, 2).T, (2, *shape))
        return Interval(low=low, high=high, level=level, method="beta-binomial: chance, and the parameters' errors")

    def payments(self, *, first: int, discount: Any, horizon: Any, booked_late: bool = False) -> Estimate[float]:
        """State how many payments a new customer makes, from a renewal on, discounted to when he joins."""
        last, rate = check_horizon(horizon), rate_per_period(discount, self.unit)
        count = None if last is None else max(last + 1 - first, 0)
        value, slope = self._sum(first, given=0, rate=rate, count=count)
        weight = (1 + rate) ** -float(first + booked_late)
        return self._lifetime(
            np.asarray(value * weight),
            slope * weight,
            name="expected lifetime",
            definition=(
                f"Expected payments of a new customer, one a {self.unit}, from "
                f"{f'renewal {first}' if first else 'the first'} on{_span(last)}, discounted at {rate:.6g} a period"
                f"{', booked at its end' if booked_late else ''}"
            ),
            band=Between(0.0 if first else weight, _most(rate, count) * weight),
            endless=rate == 0 and last is None,
            beyond=last is None or last > self.observed,
        )

    def residual(self, renewals: Any, *, discount: Any, horizon: Any) -> Estimate[Any]:
        """State how many payments follow after so many renewals, discounted to the next one."""
        made = whole_times(renewals, "renewals")
        count, rate = check_horizon(horizon), rate_per_period(discount, self.unit)
        distinct, place = np.unique(made, return_inverse=True)
        sums = [self._sum(int(m) + 1, given=int(m), rate=rate, count=count) for m in distinct]
        value, slope = np.array([value for value, _ in sums]), np.array([slope for _, slope in sums])
        cells = place.reshape(made.shape)
        furthest = float(made.max(initial=0.0)) + (count or 0)
        return self._lifetime(
            value[cells],
            slope.reshape(-1, _PARAMETERS)[cells],
            name="expected residual lifetime",
            at=made,
            definition=(
                f"Expected payments, one a {self.unit}, from the next renewal on, of a customer who has made so many"
                f"{_span(count)}, discounted at {rate:.6g} a period, the first of them not at all"
            ),
            band=Between(0.0, _most(rate, count)),
            endless=rate == 0 and count is None,
            beyond=count is None or furthest > self.observed,
        )

    def _sum(self, first: int, *, given: int, rate: float, count: int | None) -> tuple[float, FloatArray]:
        if rate == 0 and count is None and self.curve.alpha * self.curve.c <= 1:
            return np.nan, np.zeros(_PARAMETERS)
        return discounted(self.curve, first, given=given, delta=float(np.log1p(rate)), count=count)

    def _lifetime(
        self,
        value: FloatArray,
        gradient: FloatArray,
        *,
        name: str,
        definition: str,
        band: Band,
        endless: bool,
        beyond: bool,
        at: FloatArray | None = None,
    ) -> Estimate[Any]:
        power = " c" if len(self.parameters.names) == _PARAMETERS else ""
        heavy = endless and value.size > 0 and not np.isnan(value).any() and self._may_be_endless()
        return self._stated(
            value,
            gradient,
            name=name,
            at=at,
            ahead=np.asarray(np.inf if beyond else 0.0),
            definition=definition,
            unit=self.unit,
            band=band,
            undefined=(
                f"alpha{power} is {figure(self.curve.alpha * self.curve.c)}, and without a discount or a horizon the "
                "sum is infinite for 1 or less: some contracts last too long"
            ),
            caveats=(_HEAVY.format(power),) if heavy else (),
        )

    def _may_be_endless(self) -> bool:
        moves = np.array([1.0, 0.0, 1.0])[: len(self.parameters.names)]
        error = float(np.sqrt(moves @ self.parameters.log_covariance @ moves))
        return bool(np.log(self.curve.alpha * self.curve.c) < z_score(0.95) * error)

    def _stated(
        self,
        value: FloatArray,
        gradient: FloatArray,
        *,
        name: str,
        ahead: FloatArray,
        definition: str,
        at: FloatArray | None,
        unit: str = "fraction",
        band: Band | None = None,
        undefined: str | None = None,
        caveats: tuple[str, ...] = (),
    ) -> Estimate[Any]:
        if float(np.max(ahead, initial=0.0)) > self.observed:
            caveats = (_EXTRAPOLATED.format(self.observed), *caveats)
        single = at is not None and at.ndim == 0
        return delta_estimate(
            value,
            gradient[..., : len(self.parameters.names)],
            self.parameters,
            band=LogitNormal() if band is None else band,
            name=f"{name} {self._counted(name, float(at))}" if single and at is not None else name,
            unit=unit,
            definition=f"{definition}, by the {self.model} model.",
            index=None if at is None or single else at.astype(np.int64),
            undefined=undefined,
            caveats=self.caveats + caveats,
        )

    def _counted(self, name: str, at: float) -> str:
        if name.endswith("rate"):
            return f"at renewal {at:,.0f}"
        return f"after {at:,.0f} {self.unit}{'' if at == 1 else 's'}"


def _most(rate: float, count: int | None) -> float:
    """Return the discounted number of payments of a customer who never leaves."""
    if rate == 0:
        return np.inf if count is None else float(count)
    return float((1 + rate) / rate * (1.0 if count is None else -np.expm1(-count * np.log1p(rate))))


def _span(renewals: int | None) -> str:
    return "" if renewals is None else f", {renewals:,} renewals counted"
