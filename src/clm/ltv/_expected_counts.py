"""How many customers of a base should have bought how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.ltv._arguments import histories
from clm.ltv._tracking import combined, is_discrete, shares, unit_of
from clm.stats import Estimate, LogNormal

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.typing import FloatArray


def expected_counts(fit: Any, rfm: RFM, most: int) -> Estimate[FloatArray]:
    """Return how many customers a fit expects with 0, 1 ... ``most - 1`` and with `most` or more repeat purchases.

    Each counts as a new customer of his age: what he bought is not used.

    Raises
    ------
    InvalidDataError
        If the fit is none, or `rfm` counts in another unit.
    """
    base = histories(rfm, unit_of(fit))
    weights = np.ones(len(base)) if base.weights is None else base.weights
    oldest = float(base.T.max())
    ages, row = np.unique(base.T, return_inverse=True)
    customers: FloatArray = np.bincount(row, weights).astype(float)
    nodes, share = shares(np.array([max(oldest, 1e-9)]), oldest - ages, customers, whole=is_discrete(fit))
    several = []
    for count in range(most):
        cells = [fit.purchase_probability(count, horizon=float(age)) for age in nodes]
        gradient = np.stack([cell.sources[0].gradient for cell in cells])
        several.append((np.array([cell.value for cell in cells]), gradient, cells[0]))
    value = np.array([float(share[0] @ values) for values, _, _ in several])
    slopes = np.stack([share[0] @ gradient for _, gradient, _ in several])
    known = several[0][2]
    rest = np.eye(most + 1, most)
    rest[-1] = -1.0
    source = type(known.sources[0])(gradient=slopes, covariance=known.sources[0].covariance)
    undefined = np.isnan(source.covariance).any()
    single = Estimate(
        value=value,
        n=known.n,
        name="customers",
        unit="customers",
        definition="Customers.",
        band=known.band if undefined else LogNormal(),
        sources=(source,),
    )
    return combined(
        single,
        rest,
        np.arange(most + 1),
        "expected customers",
        f"Expected customers by number of repeat purchases, by the {fit.model} model.",
        unit="customers",
        plus=np.append(np.zeros(most), customers.sum()),
    )
