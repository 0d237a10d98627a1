"""The NBD model: customers buy at random and never leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.data import days_in
from clm.ltv._estimation import caveats_of, cells_for, estimated, mean_age, purchases_each, repeaters
from clm.ltv._nbd_likelihood import NBDLikelihood
from clm.ltv._nbd_process import NBDProcess
from clm.ltv._options import max_iterations, tolerance
from clm.ltv._origin import Origin
from clm.ltv._posterior import PosteriorProblem, posterior_fit
from clm.ltv._priors import RATES
from clm.ltv._purchase_fit import PurchaseFit
from clm.stats import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM
    from clm.ltv._posterior import Sampler
    from clm.ltv._posterior_fit import PosteriorFit
    from clm.typing import FloatArray, RandomState

_NAME: Final = "NBD"
_NAMES: Final = ("r", "alpha")
_EDGES: Final = {
    "r": ("some buy all the time and nearly all never", "all customers buy at the same rate"),
    "alpha": ("buying rates have no bound", "all customers buy at the same rate"),
}
_NOBODY_LEAVES: Final = "nobody leaves in this model: where customers do leave, it expects too many purchases"


@final
@frozen
class NBD:
    """Model of repeat purchases by customers who never leave: the yardstick for models in which they do.

    A customer buys at random, at a rate of his own; rates vary between customers as Gamma(r, alpha) [1]_.

    Parameters
    ----------
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    Notes
    -----
    The likelihood is that of the purchase times, so that it compares with those of the other purchase models:
    Pareto/NBD and BG/NBD contain this one as the case in which leaving takes for ever.

    References
    ----------
    .. [1] Ehrenberg (1959), "The pattern of consumer purchases", Applied Statistics 8(1), 26-41.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")
    >>> fit = clm.NBD().fit(rfm)
    >>> {name: round(value, 3) for name, value in fit.params.items()}
    {'r': 0.385, 'alpha': 12.072}
    """

    tol: float = field(default=1e-6, kw_only=True, converter=tolerance)
    max_iterations: int = field(default=100, kw_only=True, converter=max_iterations)

    def fit(self, rfm: RFM) -> PurchaseFit:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        rfm
            Purchase histories; weights count. Recency and money are not used.

        Returns
        -------
        PurchaseFit

        Raises
        ------
        InvalidDataError
            If there are no histories, nobody bought again, or there are fewer kinds of histories than parameters.
        ConvergenceError
            If the likelihood was still rising after `max_iterations`.

        Warns
        -----
        IdentifiabilityWarning
            If the likelihood has no maximum inside, so that intervals are undefined: customers do not differ.
        """
        cells = cells_for(rfm, len(_NAMES))
        scale, each = mean_age(cells), purchases_each(cells)
        parameters = estimated(
            cells,
            lambda weights: NBDLikelihood.of(cells, weights, scale=scale),
            _starts(each),
            model=_NAME,
            names=_NAMES,
            edges=_EDGES,
            scale=np.array([1.0, scale]),
            offset=-each * float(np.asarray(cells.weights).sum()) * float(np.log(scale)),
            tol=self.tol,
            max_iterations=self.max_iterations,
            stacklevel=2,
        )
        stated = _stated(parameters, cells.unit, repeaters(cells))
        return evolve(stated, origin=Origin(_problem, cells))

    def fit_posterior(
        self, rfm: RFM, *, draws: int = 4000, rng: RandomState = 0, sampler: Sampler = "auto"
    ) -> PosteriorFit:
        """Draw the parameters from their posterior distribution, under a prior that knows no unit of time.

        Intervals hold with few customers, too, and where the likelihood has no maximum.

        Parameters
        ----------
        rfm
            Purchase histories; weights count. Recency and money are not used.
        draws
            How many, from 100 on.
        rng
            Seed or generator.
        sampler : {"auto", "importance", "hmc", "laplace"}
            Importance sampling, Hamiltonian Monte Carlo or a normal approximation; by default whichever the data
            allow.

        Returns
        -------
        PosteriorFit
            With the predictions of `fit`, from the draws.

        Raises
        ------
        InvalidDataError
            As `fit`, or if there are too few draws or the sampler is unknown.
        ConvergenceError
            If no mode was found.

        Notes
        -----
        With T the mean age of the customers, these are normal with mean 0: log r with standard deviation 1.5, and
        log(r T/alpha) with 2.
        """
        cells = cells_for(rfm, len(_NAMES))
        return posterior_fit(_problem(cells), draws=draws, rng=rng, sampler=sampler)

    def with_params(self, params: Mapping[str, float], *, unit: str) -> PurchaseFit:
        """Take parameters from elsewhere, a published table say.

        Parameters
        ----------
        params
            Values of ``r, alpha``, positive; alpha in `unit`.
        unit
            The unit of time that the parameters count in.

        Returns
        -------
        PurchaseFit
            Its intervals are undefined, since the errors of the parameters are not known.

        Raises
        ------
        InvalidDataError
            If a name is missing or unknown, a value is not positive, or the unit is unknown.
        """
        days_in(unit)
        return _stated(Parameters.given(params, _NAMES), unit, np.inf)


def _starts(purchases_each: float) -> list[FloatArray]:
    """Return starting values in time scaled to a mean age of 1: customers alike and unlike."""
    return [np.log([r, r / purchases_each]) for r in (0.5, 3.0, 0.1)]


def _problem(cells: RFM) -> PosteriorProblem:
    scale = mean_age(cells)
    return PosteriorProblem(
        cells=cells,
        likelihood_of=lambda weights: NBDLikelihood.of(cells, weights, scale=scale),
        starts=_starts(purchases_each(cells)),
        names=_NAMES,
        edges=_EDGES,
        scale=np.array([1.0, scale]),
        prior=RATES,
        stated=lambda parameters: _stated(parameters, cells.unit, np.inf),
    )


def _stated(parameters: Parameters, unit: str, repeat_buyers: float) -> PurchaseFit:
    return PurchaseFit(
        model=_NAME,
        process=NBDProcess(parameters.values),
        parameters=parameters,
        unit=unit,
        caveats=(_NOBODY_LEAVES, *caveats_of(parameters, repeat_buyers)),
    )
