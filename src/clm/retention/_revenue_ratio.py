"""Revenue over revenue that customers had before, with its error over customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.stats import Estimate, seal

if TYPE_CHECKING:
    from clm.typing import Array, BoolArray, FloatArray

_ROUNDING: Final = 1e-12


@final
@frozen(eq=False)
class RevenueRatio:
    """A ratio of sums over customers, by cell.

    Attributes
    ----------
    value, variance : ndarray of float64
        NaN where it is not known; the variance also where there is one customer.
    n : ndarray of int64
        Customers.
    base, base_squares : ndarray of float64
        Sum of what customers had before, and of its squares.
    known : ndarray of bool
        Cells that can be stated.
    """

    value: FloatArray
    variance: FloatArray
    n: Array
    base: FloatArray
    base_squares: FloatArray
    known: BoolArray

    __setstate__ = seal

    @classmethod
    def of(
        cls,
        total: FloatArray,
        squares: FloatArray,
        products: FloatArray,
        *,
        base: FloatArray,
        base_squares: FloatArray,
        n: Array,
        known: BoolArray,
    ) -> RevenueRatio:
        """Divide, and linearise over customers [1]_.

        Parameters
        ----------
        total, squares, products
            Sum over customers of what they have, of its squares, and of its products with what they had.
        base, base_squares, n, known
            As the attributes.

        References
        ----------
        .. [1] Cochran (1977), Sampling Techniques, 3rd edition, section 6.
        """
        safe = np.where(known, base, 1.0)
        value = np.where(known, total / safe, np.nan)
        whole = squares + value**2 * base_squares
        apart = whole - 2 * value * products
        # What cancels to less than rounding has cancelled.
        apart = np.where(apart < _ROUNDING * whole, 0.0, apart)
        # Amounts so small that their squares are 0 leave the error unknown.
        told = (n > 1) & (safe**2 > 0)
        variance = np.where(told, n / np.maximum(n - 1.0, 1.0) * apart / np.where(told, safe**2, 1.0), np.nan)
        return cls(value, variance, np.where(known, n, 0), safe, base_squares, known)

    @property
    def effective(self) -> FloatArray:
        """Independent customers with the same variance; without any, those that the base amounts to."""
        spread = np.clip(self.value * (1 - self.value), 0.0, None)
        alike = np.where(self.known, self.base**2 / np.where(self.base_squares > 0, self.base_squares, 1.0), 0.0)
        real = self.known & (self.variance > 0) & (spread > 0)
        return np.asarray(np.where(real, spread / np.where(real, self.variance, 1.0), alike))

    def estimate(self, *, unit: str = "fraction", **described: Any) -> Estimate[FloatArray]:
        """Return it with the rest of an estimate."""
        return Estimate(value=self.value, standard_error=np.sqrt(self.variance), n=self.n, unit=unit, **described)
