"""The BG/NBD model: customers buy at random until, after some purchase, they leave unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final, overload

import numpy as np
from attrs import evolve, field, frozen

from clm.data import days_in
from clm.errors import InvalidDataError
from clm.ltv._bg_nbd_likelihood import BGNBDLikelihood
from clm.ltv._bg_nbd_process import BGNBDProcess
from clm.ltv._covariate_estimation import fitted_with_covariates
from clm.ltv._estimation import caveats_of, cells_for, estimated, mean_age, purchases_each, repeaters
from clm.ltv._options import max_iterations, tolerance
from clm.ltv._origin import Origin
from clm.ltv._posterior import PosteriorProblem, posterior_fit
from clm.ltv._priors import RATES_AND_CHANCES
from clm.ltv._purchase_fit import PurchaseFit
from clm.stats import Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.data import RFM
    from clm.ltv._covariate_fit import CovariateFit
    from clm.ltv._posterior import Sampler
    from clm.ltv._posterior_fit import PosteriorFit
    from clm.typing import FloatArray, RandomState

_NAME: Final = "BG/NBD"
_NAMES: Final = ("r", "alpha", "a", "b")
_EDGES: Final = {
    "r": ("some buy all the time and nearly all never", "all customers buy at the same rate"),
    "alpha": ("buying rates have no bound", "all customers buy at the same rate"),
    "a": ("nobody is seen to leave", "all customers are as likely to leave, or all leave at once"),
    "b": ("all leave after their first repeat purchase", "all customers are as likely to leave, or nobody leaves"),
}

_BY_CONSTRUCTION: Final = (
    "a customer without a repeat purchase counts as alive with probability 1 by construction; "
    "the MBG/NBD and Pareto/NBD models let customers leave before it"
)


@final
@frozen
class BGNBD:
    """Model of repeat purchases by customers who leave without saying so, after any of them.

    While he is there a customer buys at random, at a rate of his own; after each repeat purchase he leaves with a
    chance of his own. Rates vary between customers as Gamma(r, alpha), chances as Beta(a, b), independently [1]_.
    A customer without a repeat purchase has had no occasion to leave: his probability of being alive is 1 by
    construction.

    Parameters
    ----------
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    Notes
    -----
    Fails to describe customers who buy by the calendar or in clumps. In simulations intervals of nominally 95 percent
    covered in 93 to 97 of 100 samples of 500 customers, and in 94 to 96 of 2,000.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), "Counting your customers the easy way", Marketing Science 24(2), 275-284.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")
    >>> fit = clm.BGNBD().fit(rfm)
    >>> {name: round(value, 3) for name, value in fit.params.items()}
    {'r': 0.243, 'alpha': 4.414, 'a': 0.793, 'b': 2.426}
    >>> fit.expected_purchases(rfm, horizon=39).sum()
    <total expected purchases: 1,653 purchases (95% interval 1,514 to 1,806; n = 2,357)>
    """

    tol: float = field(default=1e-6, kw_only=True, converter=tolerance)
    max_iterations: int = field(default=100, kw_only=True, converter=max_iterations)

    @overload
    def fit(self, rfm: RFM) -> PurchaseFit: ...
    @overload
    def fit(
        self,
        rfm: RFM,
        *,
        covariates: Mapping[str, Any],
        transaction: Sequence[str] | str | None = None,
        dropout: Sequence[str] | str | None = None,
    ) -> CovariateFit: ...
    def fit(
        self, rfm: RFM, *, covariates: Any = None, transaction: Any = None, dropout: Any = None
    ) -> PurchaseFit | CovariateFit:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        rfm
            Purchase histories; weights count. Money is not used.
        covariates
            What is known of each customer: numbers by name, in the order of `rfm`; a frame is joined to it by
            ``clm.covariates``. Without them a `PurchaseFit` is returned.
        transaction, dropout
            Names of the covariates that bear on buying, and on leaving; by default all on both.

        Returns
        -------
        PurchaseFit or CovariateFit

        Raises
        ------
        InvalidDataError
            If there are no histories, nobody bought again, there are fewer kinds of histories than parameters, or a
            covariate is missing somewhere, the same for all, or follows from others.
        ConvergenceError
            If the likelihood was still rising after `max_iterations`.

        Warns
        -----
        IdentifiabilityWarning
            If the likelihood has no maximum inside, so that intervals are undefined: there are too few customers, or
            they do not differ, or nobody leaves.
        """
        if covariates is not None:
            return fitted_with_covariates(
                rfm,
                covariates,
                transaction,
                dropout,
                model=_NAME,
                leaves_at_random=False,
                names=_NAMES,
                edges=_EDGES,
                starts=_starts,
                caveats=(_BY_CONSTRUCTION,),
                tol=self.tol,
                max_iterations=self.max_iterations,
                stacklevel=2,
            )
        if transaction is not None or dropout is not None:
            raise InvalidDataError("transaction and dropout name covariates, and there are none. Give covariates too.")
        cells = cells_for(rfm, len(_NAMES))
        scale, each = mean_age(cells), purchases_each(cells)
        parameters = estimated(
            cells,
            lambda weights: BGNBDLikelihood.of(cells, weights, scale=scale),
            _starts(each),
            model=_NAME,
            names=_NAMES,
            edges=_EDGES,
            scale=np.array([1.0, scale, 1.0, 1.0]),
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
            Purchase histories; weights count. Money is not used.
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
        With T the mean age of the customers, these are normal: log r with mean 0 and standard deviation 1.5,
        log(r T/alpha) with 0 and 2, the logit of a/(a+b) with -1 and 1.5, and log(a+b) with 1 and 1.5.
        """
        cells = cells_for(rfm, len(_NAMES))
        return posterior_fit(_problem(cells), draws=draws, rng=rng, sampler=sampler)

    def with_params(self, params: Mapping[str, float], *, unit: str) -> PurchaseFit:
        """Take parameters from elsewhere, a published table say.

        Parameters
        ----------
        params
            Values of ``r, alpha, a, b``, positive; alpha in `unit`.
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

        Examples
        --------
        >>> fit = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
        >>> fit.expected_purchases(horizon=52)
        <expected purchases: 1.446 purchases (no interval; n = 0)>
        """
        days_in(unit)
        return _stated(Parameters.given(params, _NAMES), unit, np.inf)


def _starts(purchases_each: float) -> list[FloatArray]:
    """Return starting values in time scaled to a mean age of 1: customers alike and unlike, leaving early and late."""
    return [
        np.log([r, r / (purchases_each * faster), a, b])
        for r, faster, a, b in ((0.5, 1.5, 0.8, 2.5), (2.0, 1.2, 0.3, 1.0), (0.2, 3.0, 2.0, 10.0))
    ]


def _problem(cells: RFM) -> PosteriorProblem:
    scale = mean_age(cells)
    return PosteriorProblem(
        cells=cells,
        likelihood_of=lambda weights: BGNBDLikelihood.of(cells, weights, scale=scale),
        starts=_starts(purchases_each(cells)),
        names=_NAMES,
        edges=_EDGES,
        scale=np.array([1.0, scale, 1.0, 1.0]),
        prior=RATES_AND_CHANCES,
        stated=lambda parameters: _stated(parameters, cells.unit, np.inf),
    )


def _stated(parameters: Parameters, unit: str, repeat_buyers: float) -> PurchaseFit:
    return PurchaseFit(
        model=_NAME,
        process=BGNBDProcess(parameters.values),
        parameters=parameters,
        unit=unit,
        caveats=(_BY_CONSTRUCTION, *caveats_of(parameters, repeat_buyers)),
    )
