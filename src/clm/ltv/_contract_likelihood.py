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
    scale : (p,) ndarray of float64
        What alpha and beta, or alpha, beta and c, are multiplied with.
    """

    lost: FloatArray = array_field()
    stayed: FloatArray = array_field()
    scale: FloatArray = array_field()

    __setstate__ = seal

    def __call__(self, log_values: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return the log-likelihood, its gradient and its Hessian in the scaled logarithms.

        Notes
        -----
        Of each customer the product, over the renewals he was observed to decide on, of the retention rate where he
        renewed and of one less it where he left. Given survival up to where observation starts these are the model's
        probabilities, so that late entry and censoring are exact.
        """
        taken = len(self.scale)
        t = np.arange(len(self.lost) + 1.0)
        # On its way to infinity c takes t**c beyond any float; the climb turns back where a value is not finite.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            curve = ContractCurve(*map(float, np.exp(log_values) * self.scale))
            stays = curve.log_retention(t[1:])
            slope = curve.retention_slope(t[1:])[:, :taken]
            bend = np.diff(curve.bend(t), axis=0)[:, :taken, :taken]
            odds = 1 / np.expm1(-stays)  # of staying, against leaving
            value = self.stayed @ stays + self.lost @ np.log(-np.expm1(stays))
            first = self.stayed - self.lost * odds
            second = -self.lost * odds * (1 + odds)
            gradient = first @ slope
            hessian = np.tensordot(first, bend, 1) + (slope * second[:, None]).T @ slope
        return float(value), gradient, hessian
