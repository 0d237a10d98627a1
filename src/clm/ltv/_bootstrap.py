"""Fit a model again to samples of its customers, to see how far the estimates would vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final, overload

import numpy as np
from attrs import frozen

from clm.errors import ConvergenceError, InvalidDataError
from clm.ltv._arguments import generator
from clm.ltv._mixture import ByDraws, Mixture
from clm.ltv._predictions import Predictions
from clm.stats import Interval, array_field, check_level, figure, frozen_array, maximise, seal, whole_number

if TYPE_CHECKING:
    from clm.data import RFM, Discount
    from clm.ltv._posterior import PosteriorProblem
    from clm.ltv._purchase_fit import PurchaseFit
    from clm.stats import Estimate
    from clm.typing import FloatArray, RandomState

_FEWEST: Final = 20
_ROUGH: Final = 200


@final
@frozen(kw_only=True, repr=False)
class BootstrapFit:
    """A fitted purchase model with errors by the bootstrap. Made by `PurchaseFit.bootstrap`.

    It predicts what the fit predicts, at the fit's own estimates, with percentile intervals: between the quantiles of
    what the samples' estimates give. Totals are added sample by sample.

    Attributes
    ----------
    fit : PurchaseFit
        The fit to all customers.
    log_draws : (m, k) ndarray of float64
        Estimated log parameters, one row a sample.
    failed : int
        Samples whose likelihood had no maximum inside the range of the parameters; they are left out.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")
    >>> again = clm.NBD().fit(rfm).bootstrap(200, rng=1)
    >>> again
    <BootstrapFit: NBD, 200 samples, 0 failed>
    """

    fit: PurchaseFit
    log_draws: FloatArray = array_field(converter=lambda draws: frozen_array(draws, np.float64))
    failed: int

    __setstate__ = seal

    @property
    def params(self) -> dict[str, float]:
        """Estimates by name: those of the fit."""
        return self.fit.params

    @property
    def draws(self) -> dict[str, FloatArray]:
        """The samples' estimates of each parameter, shape (m,), by name."""
        drawn = np.exp(self.log_draws)
        return {name: frozen_array(drawn[:, i]) for i, name in enumerate(self.fit.parameters.names)}

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard deviations over the samples, by name."""
        return {name: float(drawn.std(ddof=1)) for name, drawn in self.draws.items()}

    @property
    def covariance(self) -> FloatArray:
        """Covariance over the samples, shape (k, k), in the order of `params`."""
        return frozen_array(np.cov(np.exp(self.log_draws).T))

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before quoting a number."""
        doubts = []
        if self.failed:
            doubts.append(
                f"{self.failed} of {self.failed + len(self.log_draws)} samples had no maximum and are left out: "
                "intervals may be too narrow; see fit_posterior"
            )
        if len(self.log_draws) < _ROUGH:
            doubts.append(f"{len(self.log_draws)} samples tell the ends of an interval roughly; take 200 or more")
        return (*self.fit.caveats, *doubts)

    def confidence_interval(self, level: float = 0.95) -> dict[str, Interval[float]]:
        """Return a percentile interval a parameter, by name; widened to hold the estimate.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).

        Raises
        ------
        InvalidDataError
            If `level` is not inside (0, 1).
        """
        inside = check_level(level)
        tails = (1 - inside) / 2, (1 + inside) / 2
        method = f"percentiles of {len(self.log_draws):,} bootstrap samples"
        found = {}
        for name, drawn in self.draws.items():
            low, high = np.quantile(drawn, tails)
            value = self.params[name]
            found[name] = Interval(low=min(low, value), high=max(high, value), level=inside, method=method)
        return found

    @overload
    def expected_purchases(self, rfm: None = None, *, horizon: float) -> Estimate[float]: ...
    @overload
    def expected_purchases(self, rfm: RFM, *, horizon: float) -> Estimate[FloatArray]: ...
    @overload
    def expected_purchases(self, rfm: None = None, *, horizon: FloatArray) -> Estimate[FloatArray]: ...
    def expected_purchases(self, rfm: RFM | None = None, *, horizon: Any) -> Estimate[Any]:
        """Expect so many purchases; as `PurchaseFit.expected_purchases`.

        Parameters
        ----------
        rfm
            Histories, in the fit's unit; without them the customer is new.
        horizon
            How far ahead, from 0 on, in the fit's unit.
        """
        return self._predictions().expected(rfm, horizon)

    def probability_alive(self, rfm: RFM) -> Estimate[FloatArray]:
        """State how likely each customer has not left; as `PurchaseFit.probability_alive`.

        Parameters
        ----------
        rfm
            Histories, in the fit's unit.
        """
        if self.fit.discrete:
            return self._predictions().probability_alive(rfm, of="is still there at the next opportunity to buy")
        return self._predictions().probability_alive(rfm)

    def purchase_probability(self, k: int, rfm: RFM | None = None, *, horizon: float) -> Estimate[Any]:
        """State how likely exactly `k` purchases are; as `PurchaseFit.purchase_probability`.

        Parameters
        ----------
        k
            Number of purchases, from 0 on.
        rfm
            Histories, in the fit's unit; without them the customer is new.
        horizon
            How far ahead, from 0 on, in the fit's unit.
        """
        return self._predictions().exactly(k, rfm, horizon)

    def residual_purchases(self, rfm: RFM, *, discount: Discount) -> Estimate[FloatArray]:
        """Discount all purchases still expected; as `PurchaseFit.residual_purchases`.

        Parameters
        ----------
        rfm
            Histories, in the fit's unit.
        discount
            With its own period.
        """
        return self._predictions().discounted(rfm, discount, undefined=self.fit.process.without_end())

    def _predictions(self) -> Predictions:
        return Predictions(
            process=Mixture(self.fit.process, self.log_draws, centre=self.fit.process),
            parameters=self.fit.parameters,
            unit=self.fit.unit,
            model=self.fit.model,
            caveats=self.caveats,
            errors=ByDraws(self.log_draws, kind="bootstrap"),
        )

    def __repr__(self) -> str:
        return f"<BootstrapFit: {self.fit.model}, {len(self.log_draws):,} samples, {figure(self.failed)} failed>"


def bootstrapped(fit: PurchaseFit, n: Any, rng: RandomState) -> BootstrapFit:
    """Draw samples of as many customers, and fit the model to each, from its estimates on.

    Raises
    ------
    InvalidDataError
        If the fit has no data, there are too few samples, or hardly any has a maximum.
    """
    size, chance = whole_number(n, "n"), generator(rng)
    if size < _FEWEST:
        raise InvalidDataError(f"n must be {_FEWEST} samples or more, not {size}: fewer tell no interval.")
    if fit.origin is None or fit.origin.problem is None:
        raise InvalidDataError(
            f"this {fit.model} fit does not hold its data: it was given, read from a text, or its model cannot be "
            "fitted to samples. Fit NBD, BG/NBD, MBG/NBD, Pareto/NBD or BG/BB to the histories."
        )
    problem = fit.origin.problem(fit.origin.cells)
    start = np.log(fit.parameters.values / problem.scale)
    found = [_refit(problem, _resampled(problem.weights, chance), start) for _ in range(size)]
    kept = [log_values for log_values in found if log_values is not None]
    if len(kept) < _FEWEST:
        raise InvalidDataError(
            f"only {len(kept)} of {size} samples have a maximum: the customers are too few for this model. "
            "Take fit_posterior, or a simpler model."
        )
    return BootstrapFit(fit=fit, log_draws=np.array(kept) + np.log(problem.scale), failed=size - len(kept))


def _resampled(weights: FloatArray, chance: np.random.Generator) -> FloatArray:
    """Return how often the customers of each cell are drawn; each cell on its own where weights are not whole."""
    total = weights.sum()
    if (weights == np.floor(weights)).all():
        return chance.multinomial(int(total), weights / total).astype(np.float64)
    return chance.poisson(weights).astype(np.float64)


def _refit(problem: PosteriorProblem, weights: FloatArray, start: FloatArray) -> FloatArray | None:
    """Return the log parameters of a sample, in scaled units; None where there is no maximum inside."""
    if not weights[problem.cells.frequency > 0].any():
        return None
    try:
        found = maximise(problem.likelihood_of(weights), [start], names=problem.names, edges=problem.edges)
    except ConvergenceError:
        return None
    return found.log_values if found.undefined is None else None
