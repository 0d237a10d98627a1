"""Counts and weights of a few cells: means and shares over them, with their standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import evolve, frozen

from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.typing import Array, FloatArray, IntArray


def _sums(values: Any) -> Any:
    return None if values is None else frozen_array(values, float)


@final
@frozen(kw_only=True)
class Cells:
    """Respondents per cell, with the sums of their weights and of the weights' squares.

    These three are all that a weighted share, its effective number and its standard error need, so that weighted
    answers can be counted where they are, too.

    Attributes
    ----------
    counts : (cells,) ndarray of int64
        Respondents.
    weight, weight_squared : (cells,) ndarray of float64, or None
        Sums of the weights and of their squares; None where each respondent counts once.
    population : int or None
        How many there are in all, where respondents were drawn from few, each once.
    """

    counts: IntArray = array_field(converter=lambda counts: frozen_array(counts, np.int64))
    weight: FloatArray | None = array_field(default=None, converter=_sums)
    weight_squared: FloatArray | None = array_field(default=None, converter=_sums)
    population: int | None = None

    __setstate__ = seal

    def __len__(self) -> int:
        return len(self.counts)

    def take(self, some: slice) -> Cells:
        """Return some of the cells."""
        return self._each(lambda sums: sums[some])

    def grouped(self, group: IntArray, groups: int) -> Cells:
        """Return the cells added up by group."""
        return self._each(lambda sums: np.bincount(group, sums, minlength=groups))

    def _each(self, change: Callable[[Array], Any]) -> Cells:
        weight, squared = (None if sums is None else change(sums) for sums in (self.weight, self.weight_squared))
        return evolve(self, counts=change(self.counts), weight=weight, weight_squared=squared)

    @property
    def n(self) -> int:
        """Respondents."""
        return int(self.counts.sum())

    @property
    def mass(self) -> FloatArray:
        """What each cell counts for."""
        return self.counts.astype(float) if self.weight is None else self.weight

    @property
    def shares(self) -> FloatArray:
        """Each cell's part of all; NaN where there is nobody."""
        return self.mass / self.mass.sum() if self.n else np.full(len(self), np.nan)

    @property
    def effective_n(self) -> FloatArray:
        """Kish's effective number of respondents, shape (): as many with equal weights would know as much."""
        if self.weight_squared is None or not self.n:
            return np.asarray(self.n, float)
        return np.asarray(self.mass.sum() ** 2 / self.weight_squared.sum())

    @property
    def census(self) -> bool:
        """Whether everybody there is has answered."""
        return self.population is not None and 0 < self.n >= self.population

    @property
    def trials(self) -> FloatArray:
        """Respondents that intervals count with, shape (): drawn with replacement, as many would know as much."""
        if self.population is None or self.census:
            return self.effective_n
        return np.asarray(self.effective_n * (self.population - 1) / max(self.population - self.n, 1))

    def mean(self, values: FloatArray) -> float:
        """Return the mean of a value a cell; NaN where there is nobody."""
        if not self.n:
            return np.nan
        given = values[self.counts > 0]
        # Rounding must not carry the mean past what was given: that may be the end of the range.
        return float(np.clip(self.mass @ values / self.mass.sum(), given.min(), given.max()))

    def standard_error(self, values: FloatArray, *, lost: int) -> float:
        """Return the standard error of `mean`.

        Parameters
        ----------
        values
            One value a cell.
        lost
            Degrees of freedom that the mean takes from the variance: 1 for measured values, 0 for shares.

        Returns
        -------
        float
            With weights the linearised one, the weights taken as fixed; of a finite population that of drawing without
            replacement. NaN where it cannot be known.
        """
        if self.census:
            return 0.0
        if self.n <= (lost if self.weight is None else 1):
            return np.nan
        away = values - self.mean(values)
        if self.weight_squared is None:
            variance = float(self.counts @ away**2 / self.n / (self.n - lost))
        else:
            variance = float(self.n / (self.n - 1) * (self.weight_squared @ away**2) / self.mass.sum() ** 2)
        if self.population is not None:
            variance *= (self.population - self.n) / (self.population - 1)
        return float(np.sqrt(variance))
