"""The beta discrete Weibull model: chances to leave that differ between customers, and change with age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from attrs import field, frozen

from clm.ltv._contract_arguments import PERIOD, check_unit
from clm.ltv._contract_estimation import fitted
from clm.ltv._contract_fit import NAMES, ContractFit
from clm.ltv._options import max_iterations, tolerance
from clm.stats import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = "beta discrete Weibull"
_STARTS: Final = ((1.0, 1.0, 1.0), (0.5, 0.3, 1.5), (3.0, 3.0, 0.7), (8.0, 8.0, 1.0))


@final
@frozen
class BetaDiscreteWeibull:
    """Model of how long contracts last, where a customer's chance to leave differs and changes with age.

    A customer is still there after t renewals with the chance ``(1 - theta)**(t**c)``; theta, his chance to leave at
    the first, varies between customers as Beta(alpha, beta) [1]_. With c above 1 each becomes more likely to leave,
    with c below 1 less; c = 1 is the `ShiftedBetaGeometric` model. A cohort's retention may dip before it rises.

    Parameters
    ----------
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    Notes
    -----
    ``S(t) = B(alpha, beta + t**c) / B(alpha, beta)``. Three numbers ask more of the data than two: with few renewals
    or customers they are hardly told apart, and a good fit may project badly. Ask
    `ContractFit.likelihood_ratio_test` whether c is needed. In simulations of 1,000 to 3,000 customers and 7 to 12
    renewals, intervals of nominally 95 percent held what they state in 92 to 98 of 100 samples; that of an undiscounted
    lifetime, which leans on the tail, in 90.

    References
    ----------
    .. [1] Fader, Hardie, Liu, Davin and Steenburgh (2018), "'How to project customer retention' revisited: the role of
       duration dependence", Journal of Interactive Marketing 43, 1-16.

    Examples
    --------
    >>> fit = clm.BetaDiscreteWeibull().fit([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> fit.survival([8, 12]).value.round(3)
    array([0.468, 0.404])
    """

    tol: float = field(default=1e-6, kw_only=True, converter=tolerance)
    max_iterations: int = field(default=100, kw_only=True, converter=max_iterations)

    def fit(self, survivors: Any, *, unit: str | None = None) -> ContractFit:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        survivors
            Customers of a cohort still there after 0, 1, 2 ... renewals; several such lists, of any lengths, or a
            mapping of them by cohort; a retention table of rule ``"every"``; or ``clm.Durations`` in whole periods.
            Ends that were not seen, late entry and weights are honoured exactly.
        unit
            What one period is: ``"hour"``, ``"day"``, ``"week"``, ``"month"``, ``"year"`` or, by default,
            ``"period"``, whose length does not matter. Durations bring their own.

        Returns
        -------
        ContractFit

        Raises
        ------
        InvalidDataError
            If counts are shares, or rise, or durations are not whole; if nobody left, nobody stayed, or fewer renewals
            than parameters were observed.
        ConvergenceError
            If the likelihood was still rising after `max_iterations`.

        Warns
        -----
        IdentifiabilityWarning
            If the likelihood has no maximum inside, so that intervals are undefined.
        """
        return fitted(
            survivors,
            unit,
            model=_NAME,
            starts=_STARTS,
            tol=self.tol,
            max_iterations=self.max_iterations,
        )

    def with_params(self, params: Mapping[str, float], *, unit: str = PERIOD) -> ContractFit:
        """Take parameters from elsewhere, a published table say.

        Parameters
        ----------
        params
            Values of ``alpha, beta, c``, positive.
        unit
            What one period is.

        Returns
        -------
        ContractFit
            Its intervals are undefined, since the errors of the parameters are not known.

        Raises
        ------
        InvalidDataError
            If a name is missing or unknown, a value is not positive, or the unit is unknown.

        Examples
        --------
        >>> fit = clm.BetaDiscreteWeibull().with_params({"alpha": 0.7, "beta": 3.8, "c": 1.0})
        >>> fit.retention_rate([1, 8]).value.round(4)
        array([0.8444, 0.9391])
        """
        parameters = Parameters.given(params, NAMES)
        return ContractFit(model=_NAME, parameters=parameters, unit=check_unit(unit))
