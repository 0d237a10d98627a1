"""The NBD log-likelihood with its exact gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.typing import FloatArray


@final
@frozen(kw_only=True)
class NBDLikelihood:
    """Weighted cells, ready to be evaluated at any parameters.

    Attributes
    ----------
    frequency, age, weight : (m,) ndarray of float64
        Cells.
    """

    frequency: FloatArray = array_field()
    age: FloatArray = array_field()
    weight: FloatArray = array_field()

    __setstate__ = seal

    @classmethod
    def of(cls, cells: RFM, weight: FloatArray, *, scale: float) -> NBDLikelihood:
        """Prepare cells; those of weight 0 are left out, time is divided by `scale`."""
        taken = weight > 0
        return cls(frequency=cells.frequency[taken], age=cells.T[taken] / scale, weight=weight[taken])

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in the logs of ``r, alpha``."""
        r, alpha = np.exp(log_values)
        x, w, until = self.frequency, self.weight, alpha + self.age
        c, stretch, share = r + x, np.log1p(self.age / alpha), alpha / until
        loglik = w @ (special.gammaln(c) - special.gammaln(r) - x * np.log(until) - r * stretch)
        by_r = r * (w @ (special.digamma(c) - special.digamma(r) - stretch))
        # By log alpha: r - c alpha / until, without the difference of nearly equal terms at large alpha.
        by_alpha = w @ (r * self.age / until - x * share)
        bend = r**2 * (w @ (special.zeta(2.0, c) - special.zeta(2.0, r))) + by_r
        cross = r * (w @ (self.age / until))
        curve = -(w @ (c * share * self.age / until))
        return float(loglik), np.array([by_r, by_alpha]), np.array([[bend, cross], [cross, curve]])
