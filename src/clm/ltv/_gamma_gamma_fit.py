"""What a fitted gamma-gamma model states: its parameters, and order values with their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final, overload

import numpy as np
from attrs import field, frozen

from clm.errors import InvalidDataError
from clm.ltv._arguments import as_rfm, of_many
from clm.ltv._summary import summary_of
from clm.stats import Estimate, LogNormal, Parameters, array_field, delta_estimate, figure, refuse, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM
    from clm.stats import Diagnostics, Interval
    from clm.typing import Array, FloatArray

NAMES: Final = ("p", "q", "v")


def _copied(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(counts)


@final
@frozen(kw_only=True, repr=False)
class GammaGammaFit:
    """A fitted gamma-gamma model. Made by `GammaGamma.fit` and `GammaGamma.with_params`.

    Attributes
    ----------
    parameters : Parameters
        ``p, q, v`` with their covariance on the log scale; v in money.
    correlation : Estimate or None
        Of frequency and mean order value, which the model takes to be 0; None for given parameters.
    correlation_p_value : float
        Of the test that they are independent; NaN for given parameters.
    dropped : mapping of str to int
        Repeat buyers left out, by reason.
    caveats : tuple of str
        What a careful reader should know before quoting a number.
    """

    parameters: Parameters
    correlation: Estimate[float] | None = None
    correlation_p_value: float = array_field(default=np.nan)
    dropped: Mapping[str, int] = field(factory=dict, converter=_copied)
    caveats: tuple[str, ...] = ()

    __setstate__ = seal

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
        """Covariance of the parameters, shape (3, 3), in the order of `params`."""
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
        """Repeat buyers behind the estimates."""
        return self.parameters.n

    @property
    def diagnostics(self) -> Diagnostics | None:
        """How the maximum was found; None for given parameters."""
        return self.parameters.diagnostics

    def summary(self) -> str:
        """Return the fit in a few lines of text, for printing."""
        return summary_of("Gamma-gamma", self.parameters, f"{self.n:,} repeat buyers", self.caveats)

    @overload
    def expected_order_value(self, rfm: None = None) -> Estimate[float]: ...
    @overload
    def expected_order_value(self, rfm: RFM) -> Estimate[FloatArray]: ...
    def expected_order_value(self, rfm: RFM | None = None) -> Estimate[Any]:
        """Expect so much of an order of a new customer, or of each customer given his orders so far.

        Parameters
        ----------
        rfm
            Purchase histories with amounts; without them the customer is new. A customer without a repeat order is
            expected to spend as a new one.

        Returns
        -------
        Estimate
            Unit ``"currency"``; one cell a customer of `rfm`, in its order. NaN where ``p x + q`` is 1 or less, since
            such heavy tails have no mean.

        Raises
        ------
        InvalidDataError
            If `rfm` holds no amounts, or one of a repeat buyer is missing, infinite or negative.

        Notes
        -----
        ``p (v + x z) / (p x + q - 1)`` after x orders of mean value z [1]_: a mean of his own and everybody's.

        References
        ----------
        .. [1] Fader and Hardie (2013), "The gamma-gamma model of monetary value", brucehardie.com/notes/025, eq. 5.
        """
        if rfm is None:
            nothing = np.zeros(())
            return self._estimate(nothing, nothing, "Expected value of an order of a new customer")
        orders, mean = repeat_orders(as_rfm(rfm))
        definition = "Expected value of an order of each customer, given his repeat orders so far"
        return self._estimate(orders, orders * mean, definition, index=rfm.customer, caveats=of_many(rfm))

    def _estimate(
        self,
        orders: FloatArray,
        spent: FloatArray,
        definition: str,
        *,
        index: Array | None = None,
        caveats: tuple[str, ...] = (),
    ) -> Estimate[Any]:
        p, q, v = self.parameters.values
        weight = p * orders + q - 1
        finite = weight > 0
        weight = np.where(finite, weight, 1.0)
        value = np.where(finite, p * (v + spent) / weight, np.nan)
        by_log = np.stack([(q - 1) / weight, -q / weight, v / (v + spent)], axis=-1)
        return delta_estimate(
            value,
            np.where(finite[..., None], value[..., None] * by_log, 0.0),
            self.parameters,
            band=LogNormal(),
            name="expected order value",
            unit="currency",
            definition=f"{definition}, by the gamma-gamma model.",
            undefined=f"mean order values vary so much (q = {figure(q)}) that they have no mean themselves",
            index=index,
            caveats=self.caveats + caveats,
        )

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {figure(value)}" for name, value in self.params.items())
        return f"<GammaGammaFit: {values}; {self.n:,} repeat buyers>"


def repeat_orders(rfm: RFM) -> tuple[FloatArray, FloatArray]:
    """Return how many repeat orders each customer has, and their mean value, 0 without any.

    Raises
    ------
    InvalidDataError
        If there are no amounts, or one of a repeat buyer is missing, infinite or negative.
    """
    if rfm.monetary is None:
        raise InvalidDataError("rfm holds no amounts. Build it from an order log with clm.rfm(orders, amount=...).")
    repeat = rfm.frequency > 0
    mean = np.where(repeat, rfm.monetary, 0.0)
    refuse(
        ~((mean >= 0) & np.isfinite(mean)),
        "monetary is missing, infinite or negative for a repeat buyer",
        "Give his mean repeat amount, refunds netted.",
    )
    return rfm.frequency, mean
