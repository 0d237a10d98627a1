"""The gamma-gamma log-likelihood with its exact gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray

_BLOCK: Final = 8192
"""Customers worked on at a time: their arrays stay in the processor's cache, and no sum is long enough for threads."""


@final
@frozen(kw_only=True)
class GammaGammaLikelihood:
    """Weighted customers, ready to be evaluated at any parameters.

    Attributes
    ----------
    orders, value, weight : (n,) ndarray of float64
        Repeat orders, their mean value, and how many customers that stands for; all positive.
    count, weight_of_count : (c,) ndarray of float64
        Distinct numbers of orders, and the customers who have them.
    """

    orders: FloatArray = array_field()
    value: FloatArray = array_field()
    weight: FloatArray = array_field()
    count: FloatArray = array_field()
    weight_of_count: FloatArray = array_field()

    __setstate__ = seal

    @classmethod
    def of(cls, orders: FloatArray, value: FloatArray, weight: FloatArray) -> GammaGammaLikelihood:
        """Prepare customers; those of weight 0 are left out."""
        taken = weight > 0
        count, place = np.unique(orders[taken], return_inverse=True)
        return cls(
            orders=orders[taken],
            value=value[taken],
            weight=weight[taken],
            count=count,
            weight_of_count=np.bincount(place.reshape(-1), weight[taken]).astype(np.float64),
        )

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in the logarithms of ``p, q, v``.

        Notes
        -----
        Of a customer with x orders of mean value z [1]_: ``lnGamma(px + q) - lnGamma(px) - lnGamma(q) + q ln v +
        (px - 1) ln z + px ln x - (px + q) ln(v + xz)``.

        References
        ----------
        .. [1] Fader and Hardie (2013), "The gamma-gamma model of monetary value", brucehardie.com/notes/025.
        """
        p, q, v = values = np.exp(log_values)
        loglik, gradient, hessian = self._of_counts(p, q, v)
        for start in range(0, self.orders.size, _BLOCK):
            part = self._of_values(slice(start, start + _BLOCK), p, q, v)
            loglik += part[0]
            gradient += part[1]
            hessian += part[2]
        # d/d log v = v d/dv; the second derivative gains the first on its diagonal.
        gradient *= values
        hessian *= np.outer(values, values)
        hessian[np.diag_indices(3)] += gradient
        return loglik, gradient, hessian

    def _of_counts(self, p: float, q: float, v: float) -> tuple[float, FloatArray, FloatArray]:
        x, w = self.count, self.weight_of_count
        customers, px = w.sum(), p * x
        loglik = w @ (special.gammaln(px + q) - special.gammaln(px) + px * np.log(x))
        loglik += customers * (q * np.log(v) - special.gammaln(q))
        both, bend = special.digamma(px + q), special.zeta(2.0, px + q)
        gradient = np.array(
            [
                (w * x) @ (both - special.digamma(px) + np.log(x)),
                w @ both + customers * (np.log(v) - special.digamma(q)),
                customers * q / v,
            ]
        )
        hessian = np.zeros((3, 3))
        hessian[0, 0] = (w * x**2) @ (bend - special.zeta(2.0, px))
        hessian[0, 1] = hessian[1, 0] = (w * x) @ bend
        hessian[1, 1] = w @ bend - customers * special.zeta(2.0, q)
        hessian[1, 2] = hessian[2, 1] = customers / v
        hessian[2, 2] = -customers * q / v**2
        return float(loglik), gradient, hessian

    def _of_values(self, rows: slice, p: float, q: float, v: float) -> tuple[float, FloatArray, FloatArray]:
        x, z, w = self.orders[rows], self.value[rows], self.weight[rows]
        by_total = 1 / (v + x * z)
        log_total, log_value = -np.log(by_total), np.log(z)
        shape, wx = p * x + q, w * x
        loglik = w @ ((p * x - 1) * log_value - shape * log_total)
        gradient = np.array([wx @ (log_value - log_total), -(w @ log_total), -((w * shape) @ by_total)])
        hessian = np.zeros((3, 3))
        hessian[0, 2] = hessian[2, 0] = -(wx @ by_total)
        hessian[1, 2] = hessian[2, 1] = -(w @ by_total)
        hessian[2, 2] = (w * shape) @ by_total**2
        return float(loglik), gradient, hessian
