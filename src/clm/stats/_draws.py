"""Limits from draws: the quantiles of what many parameter values give, kept together so that they add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.stats._arrays import array_field, frozen_array, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray


@final
@frozen(kw_only=True)
class Draws:
    """Quantiles of draws with equal tails.

    Each draw belongs to one set of parameters, the same for all cells, so that totals are added draw by draw.

    Parameters
    ----------
    draws : (rows, m) or (m,) array_like
        What each of m sets of parameters gives.
    row_of : (cells,) array_like of int, optional
        The row of each cell, where many cells are alike; by default cell and row are one.
    kind : str
        What the draws are from, for the method's name.
    lowest, highest : float
        The quantity's range.
    """

    draws: FloatArray = array_field(converter=lambda draws: frozen_array(draws, np.float64))
    row_of: IntArray | None = array_field(
        default=None, converter=lambda rows: None if rows is None else frozen_array(rows, np.int64)
    )
    kind: str = "posterior"
    lowest: float = -np.inf
    highest: float = np.inf

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return f"quantiles of {self.draws.shape[-1]:,} {self.kind} draws"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends; NaN where the value is undefined."""
        ends = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=-1)
        low, high = (self._scattered(end) for end in ends)
        known = ~np.isnan(value)
        return np.where(known, low, np.nan), np.where(known, high, np.nan)

    def variance(self) -> FloatArray:
        """Return the variance of each cell over the draws."""
        return self._scattered(self.draws.var(axis=-1))

    def added(self, codes: IntArray, scale: FloatArray) -> Draws:
        """Return the draws of scaled sums over groups of cells.

        Parameters
        ----------
        codes : (cells,) ndarray of int
            Group of each cell.
        scale : (groups,) ndarray of float64
            What each group's sum is multiplied with.
        """
        from scipy import sparse

        rows = np.arange(codes.size) if self.row_of is None else self.row_of
        shape = (len(scale), self.draws.shape[0])
        membership = sparse.csr_matrix((np.ones(codes.size), (codes, rows)), shape=shape)
        return Draws(
            draws=np.asarray(membership @ self.draws) * scale[:, None],
            kind=self.kind,
            lowest=0.0 if self.lowest >= 0 else -np.inf,
            highest=0.0 if self.highest <= 0 else np.inf,
        )

    def only(self) -> Draws:
        """Return the draws of a single cell, for a single number."""
        return Draws(draws=self.draws[0], kind=self.kind, lowest=self.lowest, highest=self.highest)

    def _scattered(self, rows: Any) -> FloatArray:
        return np.asarray(rows if self.row_of is None else rows[self.row_of])
