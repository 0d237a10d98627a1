"""The GGompertz/NBD model: customers buy at random until they leave unseen, the more likely the older they are."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.data import days_in
from clm.errors import ConvergenceError, IdentifiabilityWarning
from clm.ltv._estimation import caveats_of, cells_for, estimated, mean_age, purchases_each, repeaters
from clm.ltv._ggompertz_nbd_likelihood import GGompertzNBDLikelihood
from clm.ltv._ggompertz_nbd_process import GGompertzNBDProcess
from clm.ltv._options import max_iterations, tolerance
from clm.ltv._origin import Origin
from clm.ltv._purchase_fit import PurchaseFit
from clm.stats import Maximum, Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM

_NAME: Final = "GGompertz/NBD"
_NAMES: Final = ("r", "alpha", "b", "s", "beta")
_EDGES: Final = {
    "r": ("some buy all the time and nearly all never", "all customers buy at the same rate"),
    "alpha": ("buying rates have no bound", "all customers buy at the same rate"),
    "b": (
        "customers do not leave the sooner the older they are, which is the Pareto/NBD model",
        "all leave at one age",
    ),
    "s": ("nearly nobody leaves", "all customers are as likely to leave"),
    "beta": ("some leave at once and nearly all never", "all customers are as likely to leave, or nobody leaves"),
}
_RIDGE: Final = "the data hardly tell b, s and beta apart: along a ridge they are nearly as likely, without an end"


@final
@frozen
class GGompertzNBD:
    """Model of repeat purchases by customers who leave without saying so, ever more likely as they grow older.

    As `ParetoNBD`, except that a customer's hazard of leaving grows by a factor of exp(b) a unit of time [1]_: he
    leaves by the age t with chance ``1 - exp(-h (exp(bt) - 1))``, with h varying between customers as Gamma(s, beta).
    For b to 0 it is the Pareto/NBD model, whose beta is beta/b here.

    Parameters
    ----------
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    Notes
    -----
    Data that show no growing hazard, as CDNOW's, lead b to 0 and beta with it; the fit then warns, states the
    likelihood of the Pareto/NBD model, and no intervals: take `ParetoNBD`. Beta and b lie near a ridge in any case,
    their ratio does not: the likelihood is climbed, with its exact second derivatives, in beta/b.

    References
    ----------
    .. [1] Bemmaor and Glady (2012), "Modeling purchasing behavior with sudden 'death': a flexible customer lifetime
       model", Management Science 58(5), 1012-1021.

    Examples
    --------
    >>> given = {"r": 0.9, "alpha": 8.0, "b": 0.05, "s": 0.8, "beta": 0.9}
    >>> fit = clm.GGompertzNBD().with_params(given, unit="week")
    >>> same = clm.RFM.from_arrays([4, 4], [18, 98], [20, 100], unit="week")
    >>> fit.expected_purchases(same, horizon=26).value.round(2)
    array([2.53, 0.67])
    """

    tol: float = field(default=1e-6, kw_only=True, converter=tolerance)
    max_iterations: int = field(default=100, kw_only=True, converter=max_iterations)

    def fit(self, rfm: RFM) -> PurchaseFit:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        rfm
            Purchase histories; weights count. Money is not used.

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
            If the likelihood has no maximum inside, so that intervals are undefined: customers do not leave the sooner
            the older they are, there are too few of them, they do not differ, or nobody leaves.
        """
        cells = cells_for(rfm, len(_NAMES))
        scale, each = mean_age(cells), purchases_each(cells)
        times = np.array([1.0, scale, 1 / scale, 1.0, scale])
        offset = -each * float(np.asarray(cells.weights).sum()) * float(np.log(scale))
        try:
            parameters = estimated(
                cells,
                lambda weights: GGompertzNBDLikelihood.of(cells, weights, scale=scale),
                # Customers alike and unlike, leaving early and late, ageing fast and slowly, in time scaled to a mean
                # age of 1.
                [
                    np.log([r, r / (each * faster), b, s, beta])
                    for r, faster, b, s, beta in (
                        (0.6, 1.5, 0.5, 0.6, 0.4), (2.0, 1.2, 2.0, 1.0, 2.0), (0.25, 3.0, 0.1, 0.3, 0.1),
                    )
                ],
                model=_NAME,
                names=_NAMES,
                edges=_EDGES,
                scale=times,
                offset=offset,
                tol=self.tol,
                max_iterations=self.max_iterations,
                stacklevel=2,
            )  # fmt: skip
        except ConvergenceError as error:
            maximum = error.result
            if not isinstance(maximum, Maximum) or not _along_a_ridge(maximum):
                raise
            found = Parameters.estimated(maximum, _NAMES, n=round(cells.n), scale=times, offset=offset)
            parameters = evolve(found, undefined=_RIDGE, log_covariance=np.full((5, 5), np.nan))
            warnings.warn(
                f"{_NAME}: {_RIDGE}. Predictions stand without intervals; take the Pareto/NBD model.",
                IdentifiabilityWarning,
                stacklevel=2,
            )
        stated = _stated(_as_published(parameters), cells.unit, repeaters(cells))
        return evolve(stated, origin=Origin(None, cells))

    def with_params(self, params: Mapping[str, float], *, unit: str) -> PurchaseFit:
        """Take parameters from elsewhere, a published table say.

        Parameters
        ----------
        params
            Values of ``r, alpha, b, s, beta``, positive; alpha in `unit`, b per `unit`.
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


def _along_a_ridge(maximum: Maximum) -> bool:
    """Return whether the climb had next to nothing to gain, in a direction of which next to nothing is known."""
    found = maximum.diagnostics
    return found.gradient_norm < 1 and found.condition_number > 1e5


def _as_published(parameters: Parameters) -> Parameters:
    """Return beta in the place of beta/b, with its errors."""
    turn = np.eye(5)
    turn[4, 2] = 1.0
    return evolve(
        parameters,
        values=np.exp(turn @ parameters.log_values),
        log_covariance=turn @ parameters.log_covariance @ turn.T,
    )


def _stated(parameters: Parameters, unit: str, repeat_buyers: float) -> PurchaseFit:
    return PurchaseFit(
        model=_NAME,
        process=GGompertzNBDProcess(parameters.values),
        parameters=parameters,
        unit=unit,
        caveats=caveats_of(parameters, repeat_buyers),
    )
