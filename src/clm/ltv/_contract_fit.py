"""What a fitted model of contracts states: its parameters, and survival, lifetimes and counts with their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.ltv._arguments import generator
from clm.ltv._contract_predictions import ContractPredictions
from clm.ltv._formula import check_horizon
from clm.ltv._likelihood_ratio import LikelihoodRatioTest, likelihood_ratio
from clm.ltv._summary import summary_of
from clm.stats import Parameters, figure, whole_number

if TYPE_CHECKING:
    from clm.data import Discount
    from clm.ltv._contract_renewals import Renewals
    from clm.stats import Diagnostics, Estimate, Interval
    from clm.typing import FloatArray, IntArray, RandomState

NAMES: Final = ("alpha", "beta", "c")


@final
@frozen(kw_only=True, repr=False)
class ContractFit:
    """A fitted model of contracts. Made by `ShiftedBetaGeometric` and `BetaDiscreteWeibull`.

    Time is counted in renewals: a customer who joins has made none, and survival after t renewals is the share of
    customers who pay for their period t + 1.

    Attributes
    ----------
    model : str
        Its name.
    parameters : Parameters
        ``alpha, beta`` and, for the beta discrete Weibull, ``c``, with their covariance on the log scale.
    unit : str
        What one renewal period is; ``"period"`` where its length was not said.
    renewals : Renewals or None
        Customers at risk and lost at each renewal; None for given parameters.
    caveats : tuple of str
        What a careful reader should know before quoting a number.

    Examples
    --------
    >>> fit = clm.ShiftedBetaGeometric().fit([1000, 869, 743, 653, 593, 551, 517, 491], unit="year")
    >>> fit
    <ContractFit: shifted beta geometric, alpha 0.6681, beta 3.806; unit year; 1,000 customers>
    >>> fit.survival(12)
    <survival after 12 years: 0.378 fraction (95% interval 0.3407 to 0.4168; n = 1,000)>
    >>> fit.residual_lifetime(7, discount=0.10)
    <expected residual lifetime after 7 years: 7.53 year (95% interval 6.981 to 8.035; n = 1,000)>
    """

    model: str
    parameters: Parameters
    unit: str
    renewals: Renewals | None = None
    caveats: tuple[str, ...] = ()

    @property
    def params(self) -> dict[str, float]:
        """Estimates by name."""
        return self.parameters.by_name

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard errors by name; NaN where they are not known."""
        return self.parameters.standard_errors

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the k parameters, shape (k, k), in the order of `params`."""
        return self.parameters.covariance

    def confidence_interval(self, level: float = 0.95) -> dict[str, Interval[float]]:
        """Return an interval a parameter, by name; symmetric on the log scale."""
        return self.parameters.confidence_interval(level)

    @property
    def loglik(self) -> float:
        """Log-likelihood at the estimates; NaN for given parameters."""
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
        """Customers behind the estimates: those observed to decide on a renewal."""
        return self.parameters.n

    @property
    def diagnostics(self) -> Diagnostics | None:
        """How the maximum was found; None for given parameters."""
        return self.parameters.diagnostics

    def summary(self) -> str:
        """Return the fit in a few lines of text, for printing."""
        scope = f"{self.n:,} customers, unit {self.unit}"
        return summary_of(self.model[0].upper() + self.model[1:], self.parameters, scope, self.caveats)

    def survival(self, t: Any) -> Estimate[Any]:
        """Return the share of customers still there after so many renewals.

        Parameters
        ----------
        t : int or array_like of int
            Renewals, from 0 on.

        Returns
        -------
        Estimate
            Unit ``"fraction"``; one cell a number of renewals where `t` is a row. Limits are symmetric on the logit.

        Raises
        ------
        InvalidDataError
            If `t` is negative or between two renewals.
        """
        return self._predictions.survival(t)

    def retention_rate(self, t: Any) -> Estimate[Any]:
        """Return the share that makes its t-th renewal, of those who made the one before.

        Parameters
        ----------
        t : int or array_like of int
            Number of the renewal, from 1 on.

        Returns
        -------
        Estimate
            Unit ``"fraction"``. It rises with t where customers differ, though no customer need become more loyal:
            those likely to leave go first.

        Raises
        ------
        InvalidDataError
            If `t` is below 1 or not whole.
        """
        return self._predictions.retention(t)

    def churn_rate(self, t: Any) -> Estimate[Any]:
        """Return the share that leaves at the t-th renewal, of those still there: one less the retention rate.

        Parameters
        ----------
        t : int or array_like of int
            Number of the renewal, from 1 on.

        Returns
        -------
        Estimate
            Unit ``"fraction"``.

        Raises
        ------
        InvalidDataError
            If `t` is below 1 or not whole.
        """
        return self._predictions.churn(t)

    def expected_lifetime(self, *, discount: float | Discount = 0.0, horizon: int | None = None) -> Estimate[float]:
        """Return how many periods a new customer is expected to pay for, discounted: the DEL.

        Parameters
        ----------
        discount
            Rate of one period, or ``clm.Discount`` where the unit is one of time.
        horizon
            Renewals counted; None for all that may come.

        Returns
        -------
        Estimate
            In periods, the first, undiscounted one included. NaN, with the reason, where the sum is infinite: without
            a discount and a horizon, and alpha (times c) of 1 or less.

        Raises
        ------
        InvalidDataError
            If the discount or the horizon is none.

        Notes
        -----
        Sum of ``S(t) / (1 + d)**t`` from t = 0 on; for the shifted beta geometric model
        ``2F1(1, beta; alpha + beta; 1 / (1 + d))`` [1]_.

        References
        ----------
        .. [1] Fader and Hardie (2010), Marketing Science 29, 85-93.
        """
        return self._predictions.payments(first=0, discount=discount, horizon=horizon)

    def residual_lifetime(
        self, renewals: Any, *, discount: float | Discount = 0.0, horizon: int | None = None
    ) -> Estimate[Any]:
        """Return how many more periods a customer is expected to pay for, discounted: the DERL.

        Parameters
        ----------
        renewals : int or array_like of int
            Renewals that he has made; he is about to decide on the next one.
        discount
            Rate of one period, or ``clm.Discount`` where the unit is one of time.
        horizon
            Renewals counted, from the next one on; None for all that may come.

        Returns
        -------
        Estimate
            In periods; the payment of the next renewal, if he makes it, is not discounted. NaN as in
            `expected_lifetime`.

        Raises
        ------
        InvalidDataError
            If `renewals` is negative or not whole, or the discount or the horizon is none.

        Notes
        -----
        Sum of ``S(m + 1 + k) / S(m) / (1 + d)**k`` from k = 0 on, after m renewals [1]_. Who has stayed long is likely
        to be loyal: the value rises with m.

        References
        ----------
        .. [1] Fader and Hardie (2010), Marketing Science 29, 85-93.
        """
        return self._predictions.residual(renewals, discount=discount, horizon=horizon)

    def expected_survivors(self, n: int, t: Any, *, renewals: int = 0) -> Estimate[Any]:
        """Return how many of a cohort's customers are expected to be still there.

        Parameters
        ----------
        n
            Customers of the cohort now.
        t : int or array_like of int
            Renewals from now on, from 0 on.
        renewals
            Renewals that each of them has made; 0 for new customers.

        Returns
        -------
        Estimate
            Unit ``"customers"``. Its interval bounds the expectation; `prediction_interval` bounds the count.

        Raises
        ------
        InvalidDataError
            If a number is negative or not whole.
        """
        return self._predictions.survivors(n, t, renewals)

    def prediction_interval(self, n: int, t: Any, *, renewals: int = 0, level: float = 0.95) -> Interval[Any]:
        """Say between which counts the survivors of a cohort will lie.

        Parameters
        ----------
        n
            Customers of the cohort now.
        t : int or array_like of int
            Renewals from now on, from 0 on.
        renewals
            Renewals that each of them has made; 0 for new customers.
        level
            Nominal coverage at each number of renewals, inside (0, 1); not of the whole path.

        Returns
        -------
        Interval
            ``low`` and ``high``, whole numbers, both included. NaN where the parameters' errors are not known: chance
            alone would promise too narrow a range.

        Raises
        ------
        InvalidDataError
            If a number is negative or not whole, or the level is not inside (0, 1).

        Notes
        -----
        At given parameters the count is binomial; the error of the share makes it beta-binomial.
        """
        return self._predictions.counted(n, t, renewals, level)

    def simulate(self, customers: int, *, horizon: int, rng: RandomState = 0) -> IntArray:
        """Draw how many of a new cohort are still there after each renewal.

        Parameters
        ----------
        customers
            Size of the cohort.
        horizon
            Renewals watched.
        rng
            Seed or generator.

        Returns
        -------
        (horizon + 1,) ndarray of int64
            Survivors, the cohort's size first; what `fit` takes.

        Raises
        ------
        InvalidDataError
            If a number is negative or not whole.

        Examples
        --------
        >>> fit = clm.ShiftedBetaGeometric().with_params({"alpha": 0.668, "beta": 3.806})
        >>> clm.ShiftedBetaGeometric().fit(fit.simulate(1000, horizon=4, rng=1)).n
        1000
        """
        size, last = whole_number(customers, "customers"), check_horizon(whole_number(horizon, "horizon"))
        survival = np.exp(self._predictions.curve.log_survival(np.arange((last or 0) + 1.0)))
        # What the shares lack of 1 through rounding goes to those who stay.
        leaving = np.append(-np.diff(survival), survival[-1])
        gone = generator(rng).multinomial(size, leaving / leaving.sum())
        return np.asarray(size - np.concatenate([[0], np.cumsum(gone[:-1])]), np.int64)

    def likelihood_ratio_test(self, simpler: ContractFit) -> LikelihoodRatioTest:
        """Test whether the data ask for this model rather than a simpler one within it.

        Parameters
        ----------
        simpler
            `ShiftedBetaGeometric` fitted to the same customers, for a `BetaDiscreteWeibull`.

        Returns
        -------
        LikelihoodRatioTest

        Raises
        ------
        InvalidDataError
            If the other fit is no simpler one, or of other data, or either has no likelihood.

        Examples
        --------
        >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
        >>> simpler = clm.ShiftedBetaGeometric().fit(survivors)
        >>> test = clm.BetaDiscreteWeibull().fit(survivors).likelihood_ratio_test(simpler)
        >>> round(test.statistic, 2), test.df, round(test.p_value, 4)
        (11.69, 1, 0.0006)
        """
        names = getattr(simpler, "params", self.params)
        if len(names) >= len(self.params):
            raise InvalidDataError(
                f"simpler must be a fit of a model within the {self.model} one. Fit clm.ShiftedBetaGeometric to the "
                "same customers, and ask the fit of clm.BetaDiscreteWeibull."
            )
        if self.renewals is None or self.renewals != simpler.renewals:
            raise InvalidDataError("both models must be fitted, and to the same customers.")
        return likelihood_ratio(self.parameters, simpler.parameters, full=self.model, restricted=simpler.model)

    @property
    def _predictions(self) -> ContractPredictions:
        return ContractPredictions.of(self)

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {figure(value)}" for name, value in self.params.items())
        return f"<ContractFit: {self.model}, {values}; unit {self.unit}; {self.n:,} customers>"
