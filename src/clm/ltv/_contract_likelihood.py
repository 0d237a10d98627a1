"""The log-likelihood of renewals and losses, with its exact gradient and Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.ltv._contract_curve import ContractCurve
from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray


@final
@frozen(kw_only=True)
class ContractLikelihood:
    """Counted renewals, ready to be evaluated at any parameters.

    Attributes
    ----------
    lost, stayed : (k,) ndarray of float64
        Customers who left at renewal 1, 2 ... k, and who renewed.
    centre, stretch : (p,) ndarray of float64
        Logarithms of alpha and beta, or of alpha, beta and c, are ``centre + stretch * x`` at the point x.
    """

    lost: FloatArray = array_field()
    stayed: FloatArray = array_field()
    centre: FloatArray = array_field()
    stretch: FloatArray = array_field()

    __setstate__ = seal

    def __call__(self, at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian at a point.

        Notes
        -----
        Of each customer the product, over the renewals he was observed to decide on, of the retention rate where he
        renewed and of one less it where he left. Given survival up to where observation starts these are the model's
        probabilities, so that late entry and censoring are exact.
        """
        taken = len(self.centre)
        t = np.arange(len(self.lost) + 1.0)
        # On its way to infinity c takes t**c beyond any float; the climb turns back where a value is not finite.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            curve = ContractCurve(*map(float, np.exp(self.centre + self.stretch * at)))
            stays = curve.log_retention(t[1:])
            slope = curve.retention_slope(t[1:])[:, :taken]
            bend = np.diff(curve.bend(t), axis=0)[:, :taken, :taken]
            # Odds of staying against leaving, where anybody left: where nobody did they may be infinite.
            odds = np.where(self.lost > 0, 1 / np.expm1(-stays), 0.0)
            leaves = np.where(self.lost > 0, np.log(-np.expm1(stays)), 0.0)
            value = float(self.stayed @ stays + self.lost @ leaves)
            first = self.stayed - self.lost * odds
            second = -self.lost * odds * (1 + odds)
            gradient = first @ slope
            hessian = np.tensordot(first, bend, 1) + (slope * second[:, None]).T @ slope
        if not np.isfinite(hessian).all():
            value = -np.inf
        return value, gradient * self.stretch, hessian * np.outer(self.stretch, self.stretch)
