"""The gamma-gamma model: what an order of each customer is worth, learnt from few orders of many."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen
from scipy import special

from clm.errors import IdentifiabilityWarning, InvalidDataError
from clm.ltv._arguments import as_rfm
from clm.ltv._correlation import correlation
from clm.ltv._gamma_gamma_fit import NAMES, GammaGammaFit, repeat_orders
from clm.ltv._gamma_gamma_likelihood import GammaGammaLikelihood
from clm.ltv._options import max_iterations, tolerance
from clm.ltv._subsample import subsample
from clm.stats import Parameters, maximise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM
    from clm.typing import FloatArray

_ENOUGH: Final = 10_000
"""Customers on which starting values are tried."""

_EDGES: Final = {
    "p": ("order values have no scale", "all orders of a customer are worth the same"),
    "q": ("mean order values have no bound", "customers do not differ in their mean order value"),
    "v": ("mean order values have no scale", "customers do not differ in their mean order value"),
}
_STARTS: Final = ((3.0, 3.0), (1.0, 2.0), (12.0, 6.0))


@final
@frozen
class GammaGamma:
    """Model of the mean order value of customers, independent of how often they order.

    A customer's orders vary around his own mean as Gamma(p, nu), and means vary between customers through
    nu ~ Gamma(q, v) [1]_. The fewer orders a customer has, the more his expected order value is drawn to that of all.

    Parameters
    ----------
    tol : float
        The fit ends when a Newton step would move no parameter by more than this many of its standard errors.
    max_iterations : int
        Newton steps allowed from each start.

    References
    ----------
    .. [1] Colombo and Jiang (1999), "A stochastic RFM model", Journal of Interactive Marketing 13(3), 2-12; in the form
       of Fader, Hardie and Lee (2005), "RFM and CLV", Journal of Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), amount="amount", unit="week", through="1997-09-30")
    >>> fit = clm.GammaGamma().fit(rfm)
    >>> {name: round(value, 2) for name, value in fit.params.items()}
    {'p': 6.25, 'q': 3.74, 'v': 15.44}
    >>> fit.expected_order_value()
    <expected order value: 35.17 currency (95% interval 33.41 to 37.03; n = 946)>
    """

    tol: float = field(default=1e-6, kw_only=True, converter=tolerance)
    max_iterations: int = field(default=100, kw_only=True, converter=max_iterations)

    def fit(self, rfm: RFM) -> GammaGammaFit:
        """Estimate the parameters by maximum likelihood from customers with a repeat order.

        Parameters
        ----------
        rfm
            Purchase histories with amounts; weights count. First orders are not used: `RFM.monetary` leaves them out.

        Returns
        -------
        GammaGammaFit
            Customers whose mean repeat value is exactly 0 are left out and counted in ``dropped``: the model has no
            place for them.

        Raises
        ------
        InvalidDataError
            If there are no amounts, an amount is negative or missing, fewer than three customers have a repeat order
            of positive value, or all have the same mean value.
        ConvergenceError
            If the likelihood was still rising after `max_iterations`.

        Warns
        -----
        IdentifiabilityWarning
            If the likelihood has no maximum inside, so that intervals are undefined.
        """
        orders, value, weight, dropped = _used(as_rfm(rfm))
        customers = float(weight.sum())
        # The geometric mean is an ordinary order value also where tails are so heavy that the mean is not.
        scale = float(np.exp((weight * np.log(value)).sum() / customers))
        maximum = maximise(
            GammaGammaLikelihood.of(orders, value / scale, weight),
            [np.append(np.log([p, q]), special.digamma(q) - special.digamma(p)) for p, q in _STARTS],
            names=NAMES,
            edges=_EDGES,
            trial=(
                GammaGammaLikelihood.of(orders, value / scale, subsample(weight, _ENOUGH))
                if customers > 2 * _ENOUGH
                else None
            ),
            tolerance=self.tol,
            max_iterations=self.max_iterations,
        )
        parameters = Parameters.estimated(
            maximum,
            NAMES,
            n=round(customers),
            scale=np.array([1.0, 1.0, scale]),
            offset=-customers * float(np.log(scale)),
        )
        if parameters.undefined is not None:
            warnings.warn(
                f"gamma-gamma: {parameters.undefined}. Predictions stand without intervals; give more customers.",
                IdentifiabilityWarning,
                stacklevel=2,
            )
        together, p_value = correlation(orders, value, weight)
        return GammaGammaFit(
            parameters=parameters,
            correlation=together,
            correlation_p_value=p_value,
            dropped=dropped,
            caveats=_caveats(parameters, float(together.value), p_value),
        )

    def with_params(self, params: Mapping[str, float]) -> GammaGammaFit:
        """Take parameters from elsewhere, a published table say.

        Parameters
        ----------
        params
            Values of ``p, q, v``, positive; v in money.

        Returns
        -------
        GammaGammaFit
            Its intervals are undefined, since the errors of the parameters are not known.

        Raises
        ------
        InvalidDataError
            If a name is missing or unknown, or a value is not positive.

        Examples
        --------
        >>> fit = clm.GammaGamma().with_params({"p": 6.25, "q": 3.74, "v": 15.44})
        >>> round(float(fit.expected_order_value()), 3)
        35.219
        """
        return GammaGammaFit(parameters=Parameters.given(params, NAMES))


def _used(rfm: RFM) -> tuple[FloatArray, FloatArray, FloatArray, dict[str, int]]:
    orders, mean = repeat_orders(rfm)
    repeat = orders > 0
    weights = np.ones(len(rfm)) if rfm.weights is None else rfm.weights
    nothing = repeat & (mean == 0)
    used = repeat & ~nothing
    if used.sum() < len(NAMES):
        raise InvalidDataError(
            f"{int(used.sum())} of {len(rfm):,} rows have a repeat order of positive value, {len(NAMES)} are needed. "
            "Give more customers, or a longer history."
        )
    value = mean[used]
    if value.min() == value.max():
        raise InvalidDataError(
            f"every customer's mean repeat order is worth {value[0]:g}: there is no variation to learn from. "
            f"Give order_value={value[0]:g} to lifetime_value."
        )
    dropped = {"mean repeat value of 0": round(float(weights[nothing].sum()))} if nothing.any() else {}
    return orders[used], value, weights[used], dropped


def _caveats(parameters: Parameters, correlation: float, p_value: float) -> tuple[str, ...]:
    caveats = []
    if p_value < 0.05:
        caveats.append(
            f"frequency and mean order value correlate ({correlation:.2f}, p = {p_value:.2g}), which the model rules "
            f"out: order values of frequent customers come out too {'low' if correlation > 0 else 'high'}"
        )
    found = parameters.diagnostics
    if found is not None and found.starts_agreeing < found.starts:
        caveats.append(f"only {found.starts_agreeing} of {found.starts} starting values led to this maximum")
    if parameters.by_name["q"] <= 1:
        caveats.append("q is 1 or less: mean order values vary so much that they have no mean themselves")
    return tuple(caveats)
