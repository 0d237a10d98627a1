"""The BG/BB model: at each opportunity customers buy or not, until they leave unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.data import days_in
from clm.ltv._bg_bb_likelihood import BGBBLikelihood
from clm.ltv._bg_bb_process import BGBBProcess, check_opportunities
from clm.ltv._estimation import caveats_of, cells_for, estimated, repeaters
from clm.ltv._options import max_iterations, tolerance
from clm.ltv._origin import Origin
from clm.ltv._posterior import PosteriorProblem, posterior_fit
from clm.ltv._priors import CHANCES_TWICE
from clm.ltv._purchase_fit import PurchaseFit
from clm.stats import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM
    from clm.ltv._posterior import Sampler
    from clm.ltv._posterior_fit import PosteriorFit
    from clm.typing import FloatArray, RandomState

_NAME: Final = "BG/BB"
_NAMES: Final = ("alpha", "beta", "gamma", "delta")
_EDGES: Final = {
    "alpha": ("nearly nobody buys", "all customers are as likely to buy, or buy every time"),
    "beta": ("customers buy every time", "all customers are as likely to buy, or nearly never buy"),
    "gamma": ("nobody is seen to leave", "all customers are as likely to leave, or all leave at once"),
    "delta": ("all leave at once, or never", "all customers are as likely to leave, or nobody leaves"),
}


@final
@frozen
class BGBB:
    """Model of purchases at regular opportunities, by customers who leave without saying so.

    Before each opportunity a customer may leave for good, with a chance of his own; if he is there he may buy, with
    another chance of his own. Chances of buying vary between customers as Beta(alpha, beta), those of leaving as
    Beta(gamma, delta), independently [1]_. Take it where time comes in opportunities: yearly donations, a weekly
    market.

    Histories count opportunities: ``T`` is how many a customer has had after his first purchase, ``recency`` the last
    at which he bought (0 for none) and ``frequency`` at how many he bought. Horizons are whole numbers of
    opportunities.

    Parameters
    ----------
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    References
    ----------
    .. [1] Fader, Hardie and Shang (2010), "Customer-base analysis in a discrete-time noncontractual setting",
       Marketing Science 29(6), 1086-1108.

    Examples
    --------
    >>> fit = clm.BGBB().fit(clm.datasets.donations())
    >>> {name: round(value, 3) for name, value in fit.params.items()}
    {'alpha': 1.204, 'beta': 0.75, 'gamma': 0.657, 'delta': 2.783}
    >>> donors = clm.RFM.from_arrays([0, 2, 6], [0, 4, 6], [6, 6, 6], unit="year")
    >>> fit.probability_alive(donors).value.round(2)
    array([0.11, 0.59, 0.93])
    """

    tol: float = field(default=1e-6, kw_only=True, converter=tolerance)
    max_iterations: int = field(default=100, kw_only=True, converter=max_iterations)

    def fit(self, rfm: RFM) -> PurchaseFit:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        rfm
            Histories in opportunities; weights count. Money is not used.

        Returns
        -------
        PurchaseFit

        Raises
        ------
        InvalidDataError
            If there are no histories, times are not whole, there are more purchases than opportunities, nobody bought
            again, or there are fewer kinds of histories than parameters.
        ConvergenceError
            If the likelihood was still rising after `max_iterations`.

        Warns
        -----
        IdentifiabilityWarning
            If the likelihood has no maximum inside, so that intervals are undefined: there are too few customers, or
            they do not differ, or nobody leaves.
        """
        cells = cells_for(rfm, len(_NAMES))
        check_opportunities(rfm)
        parameters = estimated(
            cells,
            lambda weights: BGBBLikelihood.of(cells, weights),
            _starts(),
            model=_NAME,
            names=_NAMES,
            edges=_EDGES,
            scale=np.ones(4),
            offset=0.0,
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
            Histories in opportunities; weights count. Money is not used.
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
        These are normal: the logits of alpha/(alpha+beta) and gamma/(gamma+delta) with mean -1 and standard deviation
        1.5, log(alpha+beta) and log(gamma+delta) with 1 and 1.5.
        """
        cells = cells_for(rfm, len(_NAMES))
        check_opportunities(rfm)
        return posterior_fit(_problem(cells), draws=draws, rng=rng, sampler=sampler)

    def with_params(self, params: Mapping[str, float], *, unit: str) -> PurchaseFit:
        """Take parameters from elsewhere, a published table say.

        Parameters
        ----------
        params
            Values of ``alpha, beta, gamma, delta``, positive.
        unit
            The unit of time from one opportunity to the next.

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


def _starts() -> list[FloatArray]:
    """Return starting values: customers alike and unlike, leaving early and late."""
    return [np.log(start) for start in ([1.0, 1.0, 0.5, 2.0], [0.5, 2.0, 0.3, 3.0], [3.0, 3.0, 2.0, 10.0])]


def _problem(cells: RFM) -> PosteriorProblem:
    return PosteriorProblem(
        cells=cells,
        likelihood_of=lambda weights: BGBBLikelihood.of(cells, weights),
        starts=_starts(),
        names=_NAMES,
        edges=_EDGES,
        scale=np.ones(4),
        prior=CHANCES_TWICE,
        stated=lambda parameters: _stated(parameters, cells.unit, np.inf),
    )


def _stated(parameters: Parameters, unit: str, repeat_buyers: float) -> PurchaseFit:
    return PurchaseFit(
        model=_NAME,
        process=BGBBProcess(parameters.values),
        parameters=parameters,
        unit=unit,
        discrete=True,
        caveats=(_ALIVE, *caveats_of(parameters, repeat_buyers)),
    )


_ALIVE: Final = "P(alive) is the probability of being there at the next opportunity to buy"
