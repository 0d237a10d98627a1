"""How estimates move with the parameters of the fits they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats._arrays import array_field, numbers, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray


@final
@frozen
class Linearised:
    """How far an estimate moves with the parameters of one fit.

    Totals of many cells need it: their errors go together, since all cells lean on the same parameters.

    Attributes
    ----------
    gradient : (cells, k) ndarray of float64, or (k,) for a single number
        Derivative of each cell's value with respect to the parameters.
    covariance : (k, k) ndarray of float64
        Covariance of the parameters, on the scale of the gradient.
    """

    gradient: FloatArray = array_field(converter=lambda gradient: numbers(gradient, "gradient"))
    covariance: FloatArray = array_field(converter=lambda covariance: numbers(covariance, "covariance"))

    __setstate__ = seal

    def __attrs_post_init__(self) -> None:
        parameters = self.gradient.shape[-1:]
        if self.gradient.ndim not in {1, 2} or self.covariance.shape != parameters * 2:
            raise InvalidDataError(
                f"gradient has shape {self.gradient.shape}, covariance {self.covariance.shape}. "
                "Give (cells, k), or (k,) for a single number, and (k, k)."
            )

    def variance(self) -> FloatArray:
        """Return the variance of each cell, shape (cells,) or ()."""
        return np.asarray(np.einsum("...i,...i->...", self.gradient @ self.covariance, self.gradient))

    def added(self, codes: IntArray, scale: FloatArray) -> Linearised:
        """Return the derivatives of scaled sums over groups of cells.

        Parameters
        ----------
        codes : (cells,) ndarray of int
            Group of each cell.
        scale : (groups,) ndarray of float64
            What each group's sum is multiplied with.

        Returns
        -------
        Linearised
            One row a group, same covariance.
        """
        gradient = np.empty((len(scale), self.gradient.shape[1]))
        for column, derivative in enumerate(self.gradient.T):
            gradient[:, column] = np.bincount(codes, derivative, minlength=len(scale)) * scale
        return Linearised(gradient=gradient, covariance=self.covariance)
