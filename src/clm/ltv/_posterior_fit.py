"""What the posterior of a purchase model states: draws of its parameters, and predictions from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final, overload

import numpy as np
from attrs import evolve, frozen

from clm.errors import MissingExtraError
from clm.ltv._arguments import generator
from clm.ltv._mixture import ByDraws, Mixture
from clm.ltv._predictions import Predictions
from clm.stats import Interval, array_field, check_level, figure, frozen_array, seal

if TYPE_CHECKING:
    from clm.data import RFM, Discount
    from clm.ltv._prediction_interval import PredictionInterval
    from clm.ltv._purchase_fit import PurchaseFit
    from clm.stats import Estimate
    from clm.typing import Array, FloatArray, RandomState

_FEW = 400
_APART = 1.01
_TRUSTED = 0.7


@final
@frozen(kw_only=True, repr=False)
class PosteriorFit:
    """The posterior of a purchase model. Made by `BGNBD.fit_posterior` and its like.

    It predicts what a `PurchaseFit` predicts, from draws of the parameters: values are means over them, intervals their
    quantiles, and totals are added draw by draw. Where the posterior is normal, predictions follow by the delta method
    instead. Each is computed once for every distinct history.

    Attributes
    ----------
    centre : PurchaseFit
        The model at the mean of the log parameters, with their posterior covariance.
    log_draws : (m, k) ndarray of float64
        Draws of the log parameters, of equal weight; one chain after the other.
    method : {"importance sampling", "Hamiltonian Monte Carlo", "Laplace"}
        How they were drawn.
    effective_size : (k,) ndarray of float64
        Independent draws that would tell the mean of each log parameter as well.
    k_hat : float
        Of importance sampling: means can be trusted below 0.7. NaN where it was not tried.
    r_hat : (k,) ndarray of float64
        Of Hamiltonian Monte Carlo: how far apart the chains are, 1 where not at all. NaN for other methods.
    efficiency : float
        Of Laplace's method: how evenly the posterior weighs draws from the normal distribution, at most 1. NaN for
        other methods.
    chains : int
        Chains that the draws come from.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")
    >>> fit = clm.NBD().fit_posterior(rfm, draws=2000, rng=1)
    >>> {name: round(value, 1) for name, value in fit.params.items()}
    {'r': 0.4, 'alpha': 12.1}
    >>> fit.expected_purchases(rfm, horizon=39).sum().unit
    'purchases'
    """

    centre: PurchaseFit
    log_draws: FloatArray = array_field(converter=lambda draws: frozen_array(draws, np.float64))
    method: str
    effective_size: FloatArray = array_field(converter=lambda size: frozen_array(size, np.float64))
    k_hat: float = array_field(default=np.nan)
    r_hat: FloatArray = array_field(default=np.nan, converter=lambda r_hat: frozen_array(r_hat, np.float64))
    efficiency: float = array_field(default=np.nan)
    chains: int = 1

    __setstate__ = seal

    @property
    def model(self) -> str:
        """The model's name."""
        return self.centre.model

    @property
    def unit(self) -> str:
        """The unit of time of parameters, of horizons and of rates."""
        return self.centre.unit

    @property
    def n(self) -> int:
        """Customers behind the posterior."""
        return self.centre.n

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before quoting a number."""
        return self.centre.caveats + self._doubts()

    @property
    def draws(self) -> dict[str, FloatArray]:
        """The draws of each parameter, shape (m,), by name."""
        drawn = np.exp(self.log_draws)
        return {name: frozen_array(drawn[:, i]) for i, name in enumerate(self._names)}

    @property
    def params(self) -> dict[str, float]:
        """Posterior means by name."""
        return {name: float(drawn.mean()) for name, drawn in self.draws.items()}

    @property
    def standard_errors(self) -> dict[str, float]:
        """Posterior standard deviations by name."""
        return {name: float(drawn.std(ddof=1)) for name, drawn in self.draws.items()}

    @property
    def covariance(self) -> FloatArray:
        """Posterior covariance of the k parameters, shape (k, k), in the order of `params`."""
        return frozen_array(np.cov(np.exp(self.log_draws).T))

    @property
    def ess(self) -> dict[str, float]:
        """Independent draws that would tell the mean of each log parameter as well, by name."""
        return {name: float(size) for name, size in zip(self._names, self.effective_size, strict=True)}

    def confidence_interval(self, level: float = 0.95) -> dict[str, Interval[float]]:
        """Return a credible interval a parameter, by name: the parameter lies in it with that probability.

        Parameters
        ----------
        level
            Probability inside, in (0, 1); as much is left out on either side.

        Raises
        ------
        InvalidDataError
            If `level` is not inside (0, 1).
        """
        inside = check_level(level)
        tails = (1 - inside) / 2, (1 + inside) / 2
        ends = {name: np.quantile(drawn, tails) for name, drawn in self.draws.items()}
        method = f"credible, equal tails of {len(self.log_draws):,} draws"
        return {
            name: Interval(low=float(low), high=float(high), level=inside, method=method)
            for name, (low, high) in ends.items()
        }

    def summary(self) -> str:
        """Return the posterior in a few lines of text, for printing."""
        limits, means, errors, sizes = self.confidence_interval(), self.params, self.standard_errors, self.ess
        lines = [
            f"{self.model}, posterior: {self.n:,} customers, unit {self.unit}",
            f"{'':<10}{'mean':>12}{'std. dev.':>12}{'95% low':>12}{'95% high':>12}{'ESS':>10}",
        ]
        for name in self._names:
            cells = (means[name], errors[name], limits[name].low, limits[name].high)
            lines.append(f"{name:<10}" + "".join(f"{figure(cell):>12}" for cell in cells) + f"{sizes[name]:>10,.0f}")
        return "\n".join([*lines, self._diagnosis(), *(f"note: {caveat}" for caveat in self.caveats)])

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
            Histories, in the fit's unit; without them the customer is new and his first purchase is not counted.
        horizon
            How far ahead, from 0 on, in the fit's unit; for a new customer also an array, one cell each.

        Returns
        -------
        Estimate
            Posterior mean with the quantiles of the draws for limits.
        """
        return self._predictions().expected(rfm, horizon)

    def probability_alive(self, rfm: RFM) -> Estimate[FloatArray]:
        """State how likely each customer has not left; as `PurchaseFit.probability_alive`.

        Parameters
        ----------
        rfm
            Histories, in the fit's unit.
        """
        if self.centre.discrete:
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
        predictions = self._predictions()
        return predictions.discounted(rfm, discount, undefined=predictions.process.without_end())  # type: ignore[attr-defined]  # both kinds of process say so

    def prediction_interval(
        self, rfm: RFM, *, horizon: float, level: float = 0.95, rng: RandomState = 0
    ) -> PredictionInterval:
        """Say between which counts purchases will lie; as `PurchaseFit.prediction_interval`.

        Parameters
        ----------
        rfm
            Histories, in the fit's unit.
        horizon
            How far ahead, from 0 on, in the fit's unit.
        level
            Nominal coverage, inside (0, 1).
        rng
            For the counts, which are simulated once at each draw, so that a customer's ends allow for the error of the
            parameters, too.
        """
        seed = int(generator(rng).integers(2**63))
        return self._predictions(seed).interval(rfm, horizon, level, rng)

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log of each history's likelihood, averaged over the draws.

        Parameters
        ----------
        rfm
            Histories, in the fit's unit.
        """
        return self._predictions().pointwise_loglik(rfm)

    def simulate(
        self, customers: int | RFM, *, horizon: float, rng: RandomState = 0, start: Any = "2000-01-01"
    ) -> dict[str, Array]:
        """Draw an order log, with parameters that are drawn first; as `PurchaseFit.simulate`.

        Parameters
        ----------
        customers
            How many new customers, or histories, in the fit's unit.
        horizon
            How long they are watched, from 0 on, in the fit's unit.
        rng
            Seed or generator.
        start
            UTC date or instant of the first purchases.
        """
        mixture = Mixture(self.centre.process, self.log_draws)
        return evolve(self._predictions(), process=mixture).simulate(customers, horizon, rng, start)

    def to_arviz(self) -> Any:
        """Return the draws for ArviZ, with chains and draws as it counts them.

        Returns
        -------
        arviz.InferenceData or xarray.DataTree
            Group ``posterior``, one variable a parameter.

        Raises
        ------
        MissingExtraError
            If ArviZ is not installed.
        """
        try:
            import arviz
        except ImportError as error:
            raise MissingExtraError(
                'the export needs ArviZ. Install it with pip install "clm[arviz]".', extra="arviz"
            ) from error
        posterior = {name: drawn.reshape(self.chains, -1) for name, drawn in self.draws.items()}
        if hasattr(arviz, "InferenceData"):
            return arviz.from_dict(posterior=posterior)
        return arviz.from_dict({"posterior": posterior})

    @property
    def _names(self) -> tuple[str, ...]:
        return self.centre.parameters.names

    def _predictions(self, seed: int = 0) -> Predictions:
        common = {
            "parameters": self.centre.parameters,
            "unit": self.unit,
            "model": self.model,
            "caveats": self.caveats,
        }
        if self.method == "Laplace":
            return Predictions(process=self.centre.process, **common)  # type: ignore[arg-type]  # the fields above
        mixture = Mixture(self.centre.process, self.log_draws, seed)
        return Predictions(process=mixture, errors=ByDraws(self.log_draws), **common)  # type: ignore[arg-type]  # the fields above

    def _doubts(self) -> tuple[str, ...]:
        doubts = []
        if self.effective_size.min() < _FEW:
            doubts.append(
                f"the draws tell as little as {self.effective_size.min():,.0f} independent ones: intervals are rough; "
                "ask for more draws"
            )
        if self.method == "importance sampling" and not self.k_hat <= _TRUSTED:
            doubts.append(
                f"k-hat is {self.k_hat:.2f}, above 0.7: the draws miss part of the posterior; take sampler='hmc'"
            )
        if (self.r_hat > _APART).any():
            doubts.append(f"r-hat is {self.r_hat.max():.3f}, above 1.01: the chains have not mixed; ask for more draws")
        if self.efficiency < 0.9:
            doubts.append("the posterior is not normal: take another sampler")
        return tuple(doubts)

    def _diagnosis(self) -> str:
        known = {"k-hat": self.k_hat, "r-hat": float(np.max(self.r_hat)), "efficiency": self.efficiency}
        said = [f"{name} {value:.3f}" for name, value in known.items() if not np.isnan(value)]
        return ", ".join([f"{len(self.log_draws):,} draws by {self.method}", *said])

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {figure(value)}" for name, value in self.params.items())
        return f"<PosteriorFit: {self.model}, {values}; unit {self.unit}; {self.n:,} customers; {self._diagnosis()}>"
