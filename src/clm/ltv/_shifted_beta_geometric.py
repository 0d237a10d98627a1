"""The shifted beta geometric model: customers renew or leave, each with a chance of his own."""

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

_NAME: Final = "shifted beta geometric"
_STARTS: Final = ((1.0, 1.0), (0.3, 0.2), (8.0, 8.0))


@final
@frozen
class ShiftedBetaGeometric:
    """Model of how long contracts last, where customers differ in how likely they are to leave.

    At each renewal a customer leaves with a chance that is his own and never changes; chances vary between customers
    as Beta(alpha, beta) [1]_. Retention then rises with age, since those likely to leave go first. A curve drawn
    through past retention rates, or one churn rate for all, misses that and values loyal customers too low.

    Parameters
    ----------
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    Notes
    -----
    ``S(t) = B(alpha, beta + t) / B(alpha, beta)``, retention ``(beta + t - 1) / (alpha + beta + t - 1)``. Fails where
    customers become more or less loyal themselves, or where retention dips before it rises, as when trials end: see
    `BetaDiscreteWeibull`. In simulations of 100 to 2,000 customers and 7 to 12 renewals, intervals of nominally 95
    percent held parameters, lifetimes and survivors two to three times as far ahead in 92 to 98 of 100 samples.

    References
    ----------
    .. [1] Fader and Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1), 76-90.

    Examples
    --------
    >>> fit = clm.ShiftedBetaGeometric().fit([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> {name: round(value, 3) for name, value in fit.params.items()}, round(fit.loglik, 1)
    ({'alpha': 0.668, 'beta': 3.806}, -1611.2)
    >>> fit.survival([8, 12]).value.round(3)
    array([0.46 , 0.378])
    >>> fit.expected_lifetime(discount=0.10)
    <expected lifetime: 5.922 period (95% interval 5.637 to 6.208; n = 1,000)>
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
            If the likelihood has no maximum inside, so that intervals are undefined: where retention does not rise,
            customers do not seem to differ.
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
            Values of ``alpha, beta``, positive.
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
        >>> fit = clm.ShiftedBetaGeometric().with_params({"alpha": 0.704, "beta": 1.182})
        >>> fit.residual_lifetime([0, 4], discount=0.10).value.round(3)
        array([2.965, 5.894])
        """
        parameters = Parameters.given(params, NAMES[:2])
        return ContractFit(model=_NAME, parameters=parameters, unit=check_unit(unit))
