"""Lifetime value to come: expected purchases, times what one is worth, at its present value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from clm.errors import InvalidDataError
from clm.ltv._arguments import as_rfm, dated, time_ahead
from clm.ltv._factor import Factor, product
from clm.ltv._predictions import Predictions
from clm.ltv._purchase_fit import PurchaseFit
from clm.stats import Estimate, numbers, plain_number, refuse

if TYPE_CHECKING:
    from clm.data import RFM, Discount
    from clm.typing import FloatArray


class PurchaseModel(Protocol):
    """What `lifetime_value` asks of a purchase model; any object that answers it will do."""

    def expected_purchases(self, rfm: RFM, *, horizon: float) -> Estimate[FloatArray]:
        """Return expected purchases within the horizon, one cell a customer."""


class OrderValueModel(Protocol):
    """What `lifetime_value` asks of a model of order values; any object that answers it will do."""

    def expected_order_value(self, rfm: RFM) -> Estimate[FloatArray]:
        """Return the expected value of an order, one cell a customer."""


def lifetime_value(
    fit: PurchaseModel,
    rfm: RFM,
    *,
    order_value: OrderValueModel | Estimate[Any] | FloatArray | float,
    horizon: float,
    discount: Discount | None = None,
    margin: float | Estimate[float] = 1.0,
) -> Estimate[FloatArray]:
    """Value each customer by what he is expected to buy from now on.

    What he spent so far is not in it (see ``clm.historic_ltv``), nor what it cost to win him.

    Parameters
    ----------
    fit
        A purchase model: any object with ``expected_purchases(rfm, horizon=)``.
    rfm
        Purchase histories, in the unit of the model.
    order_value
        What an order is worth: a fitted ``clm.GammaGamma`` or any object with ``expected_order_value(rfm)``, an
        estimate, a number, or one number a customer.
    horizon
        How far ahead, from 0 on, in the unit of `rfm`.
    discount
        Rate with its own period; without it money keeps its value.
    margin
        Share of an order's value that is kept, at most 1; by default revenue is valued. An estimate brings its error.

    Returns
    -------
    Estimate
        One value a customer, in money. Its errors come from the parameters of both models and the margin, which are
        taken as independent; ``.sum()`` and ``.mean(by=)`` carry their covariance.

    Raises
    ------
    InvalidDataError
        If an argument is of the wrong kind, length or range, or `rfm` counts in another unit than the model.

    Notes
    -----
    ``margin * order value * integral of exp(-d t) dE[X(t)]`` from 0 to the horizon, with d the continuous rate: each
    purchase is discounted from its own moment, not from the end of a month. By parts this is ``exp(-d h) E[X(h)]`` plus
    ``d exp(-d t) E[X(t)]`` integrated by a Gauss rule, whose error is about 1e-8 of the value [1]_.

    References
    ----------
    .. [1] Fader, Hardie and Lee (2005), "RFM and CLV", Journal of Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> rfm = clm.rfm(clm.datasets.cdnow(), amount="amount", unit="week", through="1997-09-30")
    >>> fit, order_value = clm.BGNBD().fit(rfm), clm.GammaGamma().fit(rfm)
    >>> rate = clm.Discount(0.10, per="year")
    >>> value = clm.lifetime_value(fit, rfm, order_value=order_value, horizon=52, discount=rate, margin=0.4)
    >>> value.sum()
    <total lifetime value: 29,002 currency (95% interval 26,187 to 32,120; n = 2,357)>
    """
    histories, ahead = as_rfm(rfm), time_ahead(horizon)
    if not hasattr(fit, "expected_purchases"):
        raise InvalidDataError(
            f"fit must be a fitted purchase model, not {type(fit).__name__}. Give clm.BGNBD().fit(rfm), for one."
        )
    rate = 0.0 if discount is None else dated(discount).continuous(histories.unit)
    purchases, customers = _purchases(fit, histories, ahead, rate)
    at = f", discounted continuously at {discount.rate:g} a {discount.per}" if discount is not None else ""
    share = plain_number(margin, "margin", highest=1)
    of_margin = "" if share == 1 else f", at a margin of {share:g}"
    return product(
        (purchases, _order_value(order_value, histories), _margin(margin)),
        n=customers,
        name="lifetime value",
        definition=(
            f"Expected value of each customer's purchases within {ahead:g} {histories.unit}s after his observation "
            f"ended{at}{of_margin}."
        ),
        index=histories.customer,
    )


def _purchases(fit: PurchaseModel, rfm: RFM, ahead: float, rate: float) -> tuple[Factor, Any]:
    """Return discounted expected purchases, and the observations behind them."""
    times, weights = _steps(ahead, rate) if getattr(fit, "discrete", False) else _rule(ahead, rate)
    if isinstance(fit, PurchaseFit) and len(times) > 1:
        predictions = Predictions(
            process=fit.process,
            parameters=fit.parameters,
            unit=fit.unit,
            model=fit.model,
            caveats=fit.caveats,
        )
        together = predictions.expected_weighed(rfm, times, weights, f"Discounted purchases within {ahead:g}")
        return Factor.of(together, "the purchase model"), together.n
    total, customers = None, None
    for time, weight in zip(times, weights, strict=True):
        expected = fit.expected_purchases(rfm, horizon=float(time))
        if np.shape(np.asarray(expected)) != (len(rfm),):
            raise InvalidDataError("the purchase model must give one number of expected purchases a customer of rfm.")
        term = Factor.of(expected, "the purchase model").times(weight)
        total = term if total is None else total.plus(term)
        customers = getattr(expected, "n", 0)
    assert total is not None  # the rule has a node
    return total, customers


def _rule(ahead: float, rate: float) -> tuple[FloatArray, FloatArray]:
    """Return at which times to ask for expected purchases, and how the answers add up."""
    if rate * ahead == 0:
        return np.array([ahead]), np.array([1.0])
    fall = rate * ahead
    points, weights = np.polynomial.legendre.leggauss(8 if fall < 0.15 else 12 if fall < 1 else 24)
    # Purchases come fastest at first: times are dense there.
    share = (points + 1) / 2
    times = ahead * share**3
    return (
        np.append(times, ahead),
        np.append(1.5 * fall * share**2 * weights * np.exp(-rate * times), np.exp(-fall)),
    )


def _steps(ahead: float, rate: float) -> tuple[FloatArray, FloatArray]:
    """Return the same where purchases fall on whole times only: what each time adds, at its present value."""
    if rate * ahead == 0:
        return np.array([ahead]), np.array([1.0])
    times = np.append(np.arange(1.0, ahead), ahead)
    kept = np.exp(-rate * times)
    return times, np.append(kept[:-1] - kept[1:], kept[-1])


def _order_value(order_value: Any, rfm: RFM) -> Factor:
    if hasattr(order_value, "expected_order_value"):
        return Factor.of(order_value.expected_order_value(rfm), "the order value")
    if not isinstance(order_value, Estimate):
        order_value = numbers(order_value, "order_value")
    given = np.asarray(order_value)
    if given.shape not in {(), (len(rfm),)}:
        raise InvalidDataError(
            f"order_value has shape {given.shape}, but there are {len(rfm):,} customers. Give one number, or one each."
        )
    cells = np.atleast_1d(given)
    refuse(np.isinf(cells) | (cells < 0), "order_value is negative or infinite", "Net refunds first.")
    if not isinstance(order_value, Estimate):
        refuse(np.isnan(cells), "order_value is missing", "Give what an order of a new customer is worth instead.")
    return Factor.of(order_value, "the order value")


def _margin(margin: Any) -> Factor:
    return Factor.of(margin if isinstance(margin, Estimate) else np.asarray(float(margin)), "the margin")
