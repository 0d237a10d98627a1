"""What a purchase model with covariates states: parameters, effects, and predictions for customers with theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.data import RFM
from clm.errors import InvalidDataError, nearest
from clm.ltv._arguments import histories as checked
from clm.ltv._covariates import Covariates
from clm.ltv._likelihood_ratio import likelihood_ratio
from clm.ltv._predictions import Predictions
from clm.stats import Estimate, Interval, NoBand, Normal, Parameters, figure, frozen_array, whole_number, z_score

if TYPE_CHECKING:
    from clm.data import Discount
    from clm.ltv._effects import Effects
    from clm.ltv._likelihood_ratio import LikelihoodRatioTest
    from clm.ltv._prediction_interval import PredictionInterval
    from clm.ltv._purchase_fit import PurchaseFit
    from clm.stats import Diagnostics
    from clm.typing import Array, FloatArray, RandomState


@final
@frozen(kw_only=True, repr=False)
class CovariateFit:
    """A fitted purchase model with covariates. Made by `BGNBD.fit` and `ParetoNBD.fit`.

    Predictions take the customers' covariates, by default those that the model was fitted to. They are estimates whose
    intervals follow from the covariance of parameters and effects by the delta method.

    Attributes
    ----------
    model : str
        Its name, as in ``"Pareto/NBD"``.
    parameters : Parameters
        Those of a customer whose covariates are 0, then the exponentials of the effects.
    effects_on : Effects
        Which covariates move which parameters.
    unit : str
        The unit of time of parameters, of horizons and of rates.
    known : Covariates
        Those of the customers that the model was fitted to.
    histories : RFM
        Of the same customers.
    caveats : tuple of str
        What a careful reader should know before quoting a number.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")
    >>> late = (rfm.first > np.datetime64("1997-02-15")).astype(float)
    >>> fit = clm.BGNBD().fit(rfm, covariates={"late": late}, dropout=[])
    >>> fit.effects["transaction.late"]
    <effect of late on transaction: 0.02377 log ratio (95% interval -0.1817 to 0.2293; n = 2,357)>
    """

    model: str
    parameters: Parameters
    effects_on: Effects
    unit: str
    known: Covariates
    histories: RFM
    caveats: tuple[str, ...] = ()

    @property
    def discrete(self) -> bool:
        """Purchases fall at any time."""
        return False

    @property
    def params(self) -> dict[str, float]:
        """Parameters of a customer whose covariates are 0, then effects, by name."""
        return self._named(np.append(self.parameters.values[:4], self.parameters.log_values[4:]))

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard errors by name; NaN where they are not known."""
        return self._named(np.sqrt(np.diag(self.covariance)))

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the k parameters and effects, shape (k, k), in the order of `params`."""
        scale = np.append(self.parameters.values[:4], np.ones(len(self.parameters.names) - 4))
        return frozen_array(self.parameters.log_covariance * np.outer(scale, scale))

    @property
    def effects(self) -> dict[str, Estimate[float]]:
        """Effects by name: the log of the ratio by which a unit of the covariate multiplies.

        ``"transaction.x"`` multiplies the buying rate; in Pareto/NBD ``"dropout.x"`` the rate of leaving, in BG/NBD
        ``"dropout_a.x"`` and ``"dropout_b.x"`` the parameters a and b of the chance of leaving.
        """
        errors, undefined = self.standard_errors, self.parameters.undefined
        found = {}
        for name in self.effects_on.names:
            role, covariate = name.split(".", 1)
            found[name] = Estimate(
                value=self.params[name],
                standard_error=errors[name],
                n=self.n,
                name=f"effect of {covariate} on {role}",
                unit="log ratio",
                definition=f"Log of what a unit of {covariate} multiplies by in {role}, by the {self.model} model.",
                band=Normal() if undefined is None else NoBand(undefined),
                caveats=self.caveats,
            )
        return found

    def confidence_interval(self, level: float = 0.95) -> dict[str, Interval[float]]:
        """Return an interval a parameter, symmetric on the log scale, and an effect, symmetric around it, by name."""
        limits = self.parameters.confidence_interval(level)
        half = z_score(level) * np.sqrt(np.diag(self.parameters.log_covariance))
        for i, name in enumerate(self.parameters.names[4:], start=4):
            value = float(self.parameters.log_values[i])
            low, high = value - float(half[i]), value + float(half[i])
            method = "normal" if self.parameters.undefined is None else limits[name].method
            limits[name] = Interval(low=low, high=high, level=level, method=method)
        return limits

    @property
    def loglik(self) -> float:
        """Log-likelihood at the estimates."""
        return self.parameters.loglik

    @property
    def aic(self) -> float:
        """Akaike's criterion; lower is better."""
        return self.parameters.aic

    @property
    def bic(self) -> float:
        """Schwarz's criterion, with customers as observations; lower is better."""
        return self.parameters.bic

    @property
    def n(self) -> int:
        """Customers behind the estimates."""
        return self.parameters.n

    @property
    def diagnostics(self) -> Diagnostics | None:
        """How the maximum was found."""
        return self.parameters.diagnostics

    def likelihood_ratio(self, other: CovariateFit | PurchaseFit) -> LikelihoodRatioTest:
        """Test this model against one within it, or one that it lies within, fitted to the same customers.

        Parameters
        ----------
        other
            The same model without covariates, or with some of them.

        Returns
        -------
        LikelihoodRatioTest
            With `statistic`, `df` and `p_value`.

        Raises
        ------
        InvalidDataError
            If neither model lies within the other, or they were fitted to different numbers of customers.
        """
        theirs = getattr(other, "parameters", None)
        if not isinstance(theirs, Parameters) or getattr(other, "model", None) != self.model:
            raise InvalidDataError(f"other must be a fit of the {self.model} model, with or without covariates.")
        mine = self.parameters
        wider, narrower = (mine, theirs) if len(mine.names) > len(theirs.names) else (theirs, mine)
        if len(wider.names) == len(narrower.names) or not set(narrower.names) < set(wider.names):
            raise InvalidDataError("neither model lies within the other. Compare their AIC instead.")
        if wider.n != narrower.n or other.unit != self.unit:
            raise InvalidDataError("the models were fitted to different data. Fit both to the same rfm.")
        extra = ", ".join(name for name in wider.names if name not in narrower.names)
        return likelihood_ratio(wider, narrower, full=f"{self.model} with {extra}", restricted=f"simpler {self.model}")

    def summary(self) -> str:
        """Return the fit in a few lines of text, for printing."""
        limits, errors = self.confidence_interval(0.95), self.standard_errors
        wide = max(len(name) for name in self.params) + 2
        lines = [
            f"{self.model} with covariates: {self.n:,} customers, unit {self.unit}",
            f"{'':<{wide}}{'estimate':>12}{'std. error':>12}{'95% low':>12}{'95% high':>12}",
        ]
        for name, value in self.params.items():
            cells = (value, errors[name], limits[name].low, limits[name].high)
            lines.append(f"{name:<{wide}}" + "".join(f"{'' if np.isnan(cell) else figure(cell):>12}" for cell in cells))
        lines.append(f"log-likelihood {self.loglik:,.3f}, AIC {self.aic:,.3f}, BIC {self.bic:,.3f}")
        if self.parameters.undefined is not None:
            lines.append(f"no errors: {self.parameters.undefined}")
        return "\n".join([*lines, *(f"note: {caveat}" for caveat in self.caveats)])

    def expected_purchases(self, rfm: RFM | None = None, *, horizon: Any, covariates: Any = None) -> Estimate[Any]:
        """Expect so many purchases of a new customer after his first, or of each customer given his history.

        Parameters
        ----------
        rfm
            Histories, in the fit's unit; without them the customer is new and his first purchase is not counted.
        horizon
            How far ahead, from 0 on, in the fit's unit; for a new customer also an array, one cell each.
        covariates
            By name, one entry a customer; for a new customer a number each. By default those of the fit, where `rfm`
            is what it was fitted to.

        Returns
        -------
        Estimate
            Unit ``"purchases"``; one cell a customer of `rfm`, in its order.

        Raises
        ------
        InvalidDataError
            If the horizon is negative or not finite, `rfm` counts in another unit, or covariates are missing.
        """
        return self._predictions(rfm, covariates).expected(rfm, horizon)

    def probability_alive(self, rfm: RFM, *, covariates: Any = None) -> Estimate[FloatArray]:
        """State how likely each customer has not left by the end of his observation; as `expected_purchases`."""
        return self._predictions(rfm, covariates).probability_alive(rfm)

    def purchase_probability(
        self, k: int, rfm: RFM | None = None, *, horizon: float, covariates: Any = None
    ) -> Estimate[Any]:
        """State how likely exactly `k` purchases are; as `expected_purchases`."""
        return self._predictions(rfm, covariates).exactly(k, rfm, horizon)

    def residual_purchases(self, rfm: RFM, *, discount: Discount, covariates: Any = None) -> Estimate[FloatArray]:
        """Discount all purchases that each customer is still expected to make, without end; as `expected_purchases`."""
        asked = self._predictions(rfm, covariates)
        return asked.discounted(rfm, discount, undefined=asked.process.without_end())  # type: ignore[attr-defined]  # ours

    def prediction_interval(
        self, rfm: RFM, *, horizon: float, level: float = 0.95, rng: RandomState = 0, covariates: Any = None
    ) -> PredictionInterval:
        """Say between which counts the purchases of each customer, and of all together, will lie.

        As ``PurchaseFit.prediction_interval``, with covariates as in `expected_purchases`.
        """
        return self._predictions(rfm, covariates).interval(rfm, horizon, level, rng)

    def pointwise_loglik(self, rfm: RFM, *, covariates: Any = None) -> FloatArray:
        """Return the log-likelihood of each history, shape (n,); as `expected_purchases`."""
        return self._predictions(rfm, covariates).pointwise_loglik(rfm)

    def simulate(
        self,
        customers: int | RFM,
        *,
        horizon: float,
        covariates: Any = None,
        rng: RandomState = 0,
        start: Any = "2000-01-01",
    ) -> dict[str, Array]:
        """Draw an order log of new customers, or of the same customers onwards.

        As ``PurchaseFit.simulate``; new customers need covariates, one entry each.
        """
        rfm = customers if isinstance(customers, RFM) else None
        size = whole_number(customers, "customers") if rfm is None else len(rfm)
        return self._predictions(rfm, covariates, size=size).simulate(customers, horizon, rng, start)

    def _predictions(self, rfm: Any, covariates: Any, *, size: int = 1) -> Predictions:
        values = self._values(rfm, covariates, size)
        return Predictions(
            process=self.effects_on.process(self.parameters.log_values, values),
            parameters=self.parameters,
            unit=self.unit,
            model=f"{self.model} model with covariates",
            caveats=self.caveats,
            rows_apart=True,
        )

    def _values(self, rfm: Any, covariates: Any, size: int) -> FloatArray:
        if rfm is not None:
            rfm = checked(rfm, self.unit)
            size = len(rfm)
        names = self.effects_on.covariates
        if covariates is None:
            same = rfm is not None and all(
                np.array_equal(getattr(rfm, name), getattr(self.histories, name))
                for name in ("frequency", "recency", "T")
            )
            if same:
                return self.known.values
            whose = "a new customer" if rfm is None else "these customers, whom the model was not fitted to,"
            raise InvalidDataError(f"the covariates of {whose} are needed: give covariates={{{names[0]!r}: ..., ...}}.")
        if not isinstance(covariates, Mapping):
            raise InvalidDataError(
                f"covariates must be a mapping of names to columns, not {type(covariates).__name__}."
            )
        for name in covariates:
            if name not in names:
                message = f"{name!r} is none of the fit's covariates {', '.join(names)}."
                raise InvalidDataError(message + nearest(str(name), names))
        lacking = [name for name in names if name not in covariates]
        if lacking:
            raise InvalidDataError(f"covariates lack {', '.join(lacking)}. Give all that the model was fitted to.")
        return Covariates.read({name: np.atleast_1d(covariates[name]) for name in names}, size).values

    def _named(self, numbers: FloatArray) -> dict[str, float]:
        return {name: float(number) for name, number in zip(self.parameters.names, numbers, strict=True)}

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {figure(value)}" for name, value in self.params.items())
        return f"<CovariateFit: {self.model}, {values}; unit {self.unit}; {self.n:,} customers>"
