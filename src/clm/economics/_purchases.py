"""Conversion, repeat purchases, order value and order frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.data import RFM
from clm.errors import InvalidDataError
from clm.stats import Estimate, StudentT, numbers, plain_number, proportion

if TYPE_CHECKING:
    from clm.typing import FloatArray


def conversion_rate(successes: Any, trials: Any) -> Estimate[Any]:
    """Return the share of trials that succeeded: visits that led to an order, trials that became subscriptions.

    Parameters
    ----------
    successes, trials
        Whole numbers, or one each a cell. Count only trials that had their time to succeed.

    Returns
    -------
    Estimate
        A fraction, with Wilson's interval. Undefined where there are no trials.

    Raises
    ------
    InvalidDataError
        If a count is no whole number from 0 on, or successes exceed trials.

    Examples
    --------
    >>> clm.conversion_rate(12, 100)
    <conversion rate: 0.12 fraction (95% interval 0.06999 to 0.1981; n = 100)>
    """
    hits, of = numbers(successes, "successes"), numbers(trials, "trials")
    for name, counts in (("successes", hits), ("trials", of)):
        if not (np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))).all():
            raise InvalidDataError(f"{name} must be whole numbers from 0 on. Count cases, not shares.")
    return proportion(
        hits,
        of,
        name="conversion rate",
        definition="Trials that succeeded, over all trials.",
        undefined="there are no trials",
    )


def repeat_purchase_rate(rfm: RFM, maturity: float | None = None) -> Estimate[float]:
    """Return the share of customers who bought a second time.

    Parameters
    ----------
    rfm
        Purchase histories.
    maturity
        Age, in ``rfm.unit``, that a customer must have reached to count: those won last week had no time to come back.
        None counts everybody.

    Returns
    -------
    Estimate
        A fraction, with Wilson's interval. Undefined where no customer counts.

    Raises
    ------
    InvalidDataError
        If the maturity is negative.

    Notes
    -----
    Customers with at least two purchase occasions over customers with at least one. It grows with the time they are
    observed: compare only groups of one age.

    Examples
    --------
    >>> clm.repeat_purchase_rate(clm.rfm(clm.datasets.cdnow(), through="1997-09-30"), maturity=26)
    <repeat purchase rate: 0.4014 fraction (95% interval 0.3817 to 0.4213; n = 2,357)>
    """
    weights = _weights(rfm)
    counted = np.ones(len(rfm), bool)
    known = ""
    if maturity is not None:
        age = plain_number(maturity, "maturity", lowest=0)
        counted = age <= rfm.T
        known = f" who have been known for {age:g} {rfm.unit}s at least"
    weights = weights[counted]
    return proportion(
        float(weights[rfm.frequency[counted] > 0].sum()),
        float(weights.sum()),
        name="repeat purchase rate",
        definition=f"Customers with two purchase occasions or more, over customers{known}. {rfm.definition}",
        undefined="there are no customers" if maturity is None else f"there are no customers{known}",
    )


def average_order_value(rfm: RFM) -> Estimate[float]:
    """Return the mean amount of a purchase occasion.

    Parameters
    ----------
    rfm
        Purchase histories with amounts, as of ``clm.rfm(orders, amount=...)``.

    Returns
    -------
    Estimate
        Money per occasion, refunds taken off. Undefined without customers.

    Raises
    ------
    InvalidDataError
        If the histories hold no totals.

    Notes
    -----
    All amounts over all occasions, which weighs customers by how often they bought. The occasions of a customer go
    together, so that the standard error is that of a ratio over customers, and ``n`` counts customers.

    Examples
    --------
    >>> clm.average_order_value(clm.rfm(clm.datasets.cdnow(), through="1997-09-30"))
    <average order value: 35.96 currency (95% interval 33.21 to 38.71; n = 2,357)>
    """
    weights = _weights(rfm)
    if rfm.value_total is None:
        raise InvalidDataError(
            "rfm holds no totals: the first purchase's amount is not known. Build it by clm.rfm(orders, amount=...)."
        )
    occasions = rfm.frequency + 1
    customers = float(weights.sum())
    orders = float(weights @ occasions)
    value = float(weights @ rfm.value_total) / orders if orders else np.nan
    error = np.nan
    if customers > 1:
        apart: FloatArray = rfm.value_total - value * occasions
        error = float(np.sqrt(customers / (customers - 1) * (weights @ apart**2)) / orders)
    return Estimate(
        value=value,
        standard_error=error,
        n=rfm.n,
        name="average order value",
        unit="currency",
        definition=f"Amounts of all customers over their purchase occasions, refunds taken off. {rfm.definition}",
        undefined="there are no customers",
        band=StudentT(np.asarray(customers - 1)),
    )


def purchase_frequency(rfm: RFM) -> Estimate[float]:
    """Return the mean number of purchase occasions per customer, the first included.

    Parameters
    ----------
    rfm
        Purchase histories.

    Returns
    -------
    Estimate
        Purchases per customer, over the time that each was observed. Undefined without customers.

    Notes
    -----
    Customers won lately had less time to buy. For purchases in a stated time use a purchase model.

    Examples
    --------
    >>> clm.purchase_frequency(clm.rfm(clm.datasets.cdnow(), through="1997-09-30"))
    <purchase frequency: 2.042 purchases (95% interval 1.954 to 2.131; n = 2,357)>
    """
    weights, occasions = _weights(rfm), rfm.frequency + 1
    customers = float(weights.sum())
    value = float(weights @ occasions) / customers if customers else np.nan
    error = np.nan
    if customers > 1:
        error = float(np.sqrt(weights @ (occasions - value) ** 2 / (customers - 1) / customers))
    return Estimate(
        value=value,
        standard_error=error,
        n=rfm.n,
        name="purchase frequency",
        unit="purchases",
        definition=f"Purchase occasions per customer, the first included, while observed. {rfm.definition}",
        undefined="there are no customers",
        band=StudentT(np.asarray(customers - 1)),
    )


def _weights(rfm: RFM) -> FloatArray:
    if not isinstance(rfm, RFM):
        raise InvalidDataError(
            f"rfm must be purchase histories, not {type(rfm).__name__}. Build them with clm.rfm(orders, ...)."
        )
    return np.ones(len(rfm)) if rfm.weights is None else rfm.weights
