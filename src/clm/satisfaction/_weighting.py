"""Weights that make respondents add up to the population: post-stratification and raking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.errors import ConvergenceError, InvalidDataError
from clm.satisfaction._targets import Margin, refuse_contradictions
from clm.stats import Estimate, StudentT, array_field, floats, frozen_array, plain_number, refuse, seal, whole_number

if TYPE_CHECKING:
    from clm.typing import Array, FloatArray, IntArray

_STILL: Final = 1e-12
_SHARES: Final = 1e-6


@final
@frozen(kw_only=True, repr=False)
class SurveyWeights:
    """What each respondent counts for, and how well that meets the targets.

    Build it with ``clm.rake`` or ``clm.post_stratify``. It goes wherever weights go:
    ``clm.nps(answers, weights=found)``.

    Attributes
    ----------
    margins : tuple of Margin
        The targets.
    cells : tuple of tuple
        Categories of each cell of respondents, one entry a variable.
    columns : tuple of str
        The variables.
    counts : (cells,) ndarray of int64
        Respondents in each cell.
    cell_weight : (cells,) ndarray of float64
        What each respondent of a cell counts for. They add up to the targets' total, or, where the targets are shares,
        to the number of respondents.
    cell_of : (respondents,) ndarray of int64 or None
        Each respondent's cell, in the order of the data; None for a lazy frame, which has no order.
    sweeps : int
        How often all targets were gone through.
    tolerance : float
        Within which targets count as met.
    trim : float or None
        No respondent counts for more than this many times the mean.

    Examples
    --------
    >>> panel = {"plan": ["basic"] * 6 + ["pro"] * 4}
    >>> weights = clm.post_stratify(panel, {"basic": 800, "pro": 200}, strata="plan")
    >>> weights.weights[[0, 9]].round(2)
    array([133.33,  50.  ])
    >>> round(weights.design_effect, 3), round(weights.effective_n, 2)
    (1.167, 8.57)
    """

    margins: tuple[Margin, ...]
    cells: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...]
    counts: IntArray = array_field(converter=lambda counts: frozen_array(counts, np.int64))
    cell_weight: FloatArray = array_field(converter=lambda weight: frozen_array(weight, float))
    cell_of: IntArray | None = array_field(
        default=None, converter=lambda cells: None if cells is None else frozen_array(cells, np.int64)
    )
    sweeps: int = field(default=1)
    tolerance: float = field(default=1e-9)
    trim: float | None = field(default=None)

    __setstate__ = seal

    @property
    def weights(self) -> FloatArray:
        """What each respondent counts for, shape (respondents,).

        Raises
        ------
        InvalidDataError
            If the respondents came from a lazy frame.
        """
        if self.cell_of is None:
            raise InvalidDataError(
                "a lazy frame has no row order for weights to follow. Collect it first, or join the columns of"
                " by_cell() to it."
            )
        return frozen_array(self.cell_weight[self.cell_of])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001  # NumPy calls it so
        array = np.asarray(self.weights, dtype)
        return array.copy() if copy else array

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """Respondents."""
        return int(self.counts.sum())

    @property
    def effective_n(self) -> float:
        """Kish's effective number of respondents."""
        return float((self.counts @ self.cell_weight) ** 2 / (self.counts @ self.cell_weight**2))

    @property
    def design_effect(self) -> float:
        """Kish's design effect: how many times larger the variance of a mean is for the weights alone."""
        return self.n / self.effective_n

    @property
    def largest_ratio(self) -> float:
        """The largest weight over the mean weight."""
        return float(self.cell_weight.max() * self.n / (self.counts @ self.cell_weight))

    @property
    def trimmed(self) -> int:
        """Respondents who count for no more than `trim` allows."""
        if self.trim is None:
            return 0
        cap = self.trim * (self.counts @ self.cell_weight) / self.n
        return int(self.counts[self.cell_weight >= cap * (1 - _SHARES)].sum())

    @property
    def max_error(self) -> float:
        """How far the worst category is from its target, relative to it."""
        return _worst(self.margins, self.counts * self.cell_weight / self._scale)

    @property
    def _scale(self) -> float:
        return float(self.counts @ self.cell_weight / self.margins[0].targets.sum())

    @property
    def converged(self) -> bool:
        """Whether all targets are met. Trimmed weights may not be able to."""
        return self.max_error <= self.tolerance

    def to_columns(self) -> dict[str, Array]:
        """Return the report, one row a category, for ``clm.to_frame``.

        Returns
        -------
        dict of str to (categories,) ndarray
            ``variable, category, respondents``, the shares ``unweighted``, ``weighted`` and ``target``, and ``error``,
            relative to the target. Categories of several types, and strata of several columns, are given as text.
        """
        mass = self.counts * self.cell_weight / self._scale
        rows = [(margin, place) for margin in self.margins for place in range(len(margin.categories))]
        names, categories = np.empty(len(rows), object), np.empty(len(rows), object)
        names[:] = [margin.name for margin, _ in rows]
        categories[:] = _alike([margin.categories[place] for margin, place in rows])
        respondents = np.concatenate([margin.sums(self.counts.astype(float)) for margin in self.margins])
        targets = np.concatenate([margin.targets for margin in self.margins])
        return {
            "variable": names,
            "category": categories,
            "respondents": respondents.astype(np.int64),
            "unweighted": respondents / self.n,
            "weighted": np.concatenate([margin.sums(mass) for margin in self.margins]) / mass.sum(),
            "target": targets / self.margins[0].targets.sum(),
            "error": np.concatenate([margin.error(mass) for margin in self.margins]),
        }

    def by_cell(self) -> dict[str, Array]:
        """Return one row a cell: its categories, its respondents and what each of them counts for.

        Returns
        -------
        dict of str to (cells,) ndarray
            The variables' columns, ``respondents`` and ``weight``, for ``clm.to_frame``.
        """
        columns: dict[str, Array] = {}
        for place, name in enumerate(self.columns):
            column = np.empty(len(self.cells), object)
            column[:] = [cell[place] for cell in self.cells]
            columns[name] = column
        return {**columns, "respondents": self.counts, "weight": self.cell_weight}

    def mean(self, values: Any, *, name: str = "weighted mean", unit: str = "points") -> Estimate[float]:
        """Estimate a mean with a standard error that knows the targets were met.

        Weighting to the targets takes out what the variables explain. The error that takes the weights as fixed, as in
        ``clm.nps(answers, weights=...)``, leaves it in and is mostly larger.

        Parameters
        ----------
        values : (respondents,) array_like
            One finite number a respondent, as -100, 0 or 100 for NPS.
        name, unit
            As in `Estimate`.

        Returns
        -------
        Estimate
            With Student's t interval, ``effective_n`` less 1 degrees of freedom.

        Raises
        ------
        InvalidDataError
            If there is not one finite value a respondent.

        Notes
        -----
        Linearised: ``n / (n - 1) sum((z - mean(z))**2)`` with ``z = w e / sum(w)`` and e the residuals of the
        regression of the values on the variables' categories [1]_, for respondents drawn with replacement and equal
        chances; as the R package survey has it.

        References
        ----------
        .. [1] Deville, Saerndal and Sautory (1993), Generalized raking procedures in survey sampling, JASA 88.

        Examples
        --------
        >>> panel = {"plan": ["basic"] * 6 + ["pro"] * 4}
        >>> weights = clm.post_stratify(panel, {"basic": 800, "pro": 200}, strata="plan")
        >>> weights.mean([100, 100, 0, 0, -100, 0, 100, 0, -100, 0])
        <weighted mean: 13.33 points (95% interval -44.43 to 71.1; n = 10)>
        """
        weights = self.weights
        y = floats(values, "values")
        if y.shape != weights.shape:
            raise InvalidDataError(f"values has {len(y):,} entries, respondents are {self.n:,}. Give one each.")
        refuse(~np.isfinite(y), "value is missing or infinite", "Weight those alone who answered.")
        value = float(np.clip(weights @ y / weights.sum(), y.min(), y.max()))  # rounding must not carry it past them
        assert self.cell_of is not None
        residual = y - self._explained(y)[self.cell_of]
        n = self.n
        part = weights * residual / float(weights.sum())
        spread = n > 1 and float(np.abs(residual).max()) > _STILL * max(float(np.abs(y).max()), 1e-300)
        variance = n / (n - 1) * float(((part - part.mean()) ** 2).sum()) if spread else np.nan
        return Estimate(
            value=value,
            standard_error=float(np.sqrt(variance)),
            n=n,
            name=name,
            unit=unit,
            definition=f"Mean, respondents weighted to {' and '.join(margin.name for margin in self.margins)}.",
            undefined="there are no respondents",
            band=StudentT(np.asarray(self.effective_n - 1)),
            caveats=self.caveats,
        )

    def _explained(self, y: FloatArray) -> FloatArray:
        """Return what the variables explain of a value, by cell."""
        assert self.cell_of is not None
        dummies = np.column_stack([np.eye(len(margin.categories))[margin.of_cell] for margin in self.margins])
        mean_of_cell = np.bincount(self.cell_of, y, minlength=len(self.counts)) / self.counts
        root = np.sqrt(self.counts / self.n)
        fitted, *_ = np.linalg.lstsq(dummies * root[:, None], mean_of_cell * root, rcond=None)
        explained: FloatArray = dummies @ fitted
        return explained

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before using the weights."""
        said = []
        if not self.converged:
            said.append(f"The trimmed weights miss a target by {self.max_error:.3g} of it.")
        if self.design_effect > 2:
            said.append(f"The weights make {self.n:,} respondents worth {self.effective_n:.4g}.")
        return tuple(said)

    def __repr__(self) -> str:
        names = " x ".join(margin.name for margin in self.margins)
        met = "targets met" if self.converged else f"a target missed by {self.max_error:.3g} of it"
        return (
            f"<SurveyWeights: {self.n:,} respondents to {names}, effective n = {self.effective_n:.4g}, design effect"
            f" {self.design_effect:.4g}, {met}>"
        )


def _alike(categories: list[Any]) -> list[Any]:
    """Return categories of several types as text: one column of a frame has to hold them."""
    kinds = {type(category) for category in categories}
    if tuple not in kinds and (len(kinds) == 1 or kinds <= {int, float}):
        return categories
    return [" x ".join(map(str, category)) if isinstance(category, tuple) else str(category) for category in categories]


def weigh(
    start: SurveyWeights, *, tol: float = 1e-9, max_sweeps: int = 1000, trim: float | None = None
) -> SurveyWeights:
    """Scale each variable's categories to their targets, in turn, until all are met.

    Parameters
    ----------
    start : SurveyWeights
        Cells, targets and weights to start from.
    tol, max_sweeps, trim
        As in ``clm.rake``.

    Returns
    -------
    SurveyWeights

    Raises
    ------
    InvalidDataError
        If an option is out of range, or no positive weights meet the targets.
    ConvergenceError
        If the targets can be met, but were not.
    """
    tolerance, sweeps = plain_number(tol, "tol", lowest=1e-14, highest=0.1), whole_number(max_sweeps, "max_sweeps")
    if sweeps < 1:
        raise InvalidDataError("max_sweeps must be 1 or more.")
    if trim is not None and plain_number(trim, "trim") <= 1:
        raise InvalidDataError(f"trim must be above 1, not {trim:g}: no weights are all below their mean.")
    cap = None if trim is None else float(trim)
    done = 0
    mass = start.counts / start.n * float(start.margins[0].targets.sum())
    while done < sweeps and _worst(start.margins, mass) > tolerance:
        mass = _swept(start.margins, mass)
        done += 1
    if _worst(start.margins, mass) > tolerance:
        refuse_contradictions(start.margins, start.cells, start.counts)
        reached = _scaled(start, mass, done, tolerance, None)
        raise ConvergenceError(
            f"after {done:,} sweeps a target is still missed by {reached.max_error:.2g} of it. Raise max_sweeps= or"
            " tol=, or merge small categories.",
            result=reached,
        )
    if cap is not None:
        mass, more = _trimmed(start, mass, cap, tolerance, sweeps)
        done += more
    return _scaled(start, mass, done, tolerance, cap)


def _swept(margins: tuple[Margin, ...], mass: FloatArray) -> FloatArray:
    for margin in margins:
        mass = mass * (margin.targets / margin.sums(mass))[margin.of_cell]
    return mass


def _trimmed(
    start: SurveyWeights, mass: FloatArray, cap: float, tolerance: float, sweeps: int
) -> tuple[FloatArray, int]:
    """Cap and rake in turn until both hold, or nothing moves any more; the cap holds in either case."""
    most = start.counts / start.n * float(mass.sum()) * cap
    mass = _capped(mass, most)
    for done in range(sweeps):
        if _worst(start.margins, mass) <= tolerance:
            return mass, done
        before, mass = mass, _capped(_swept(start.margins, mass), most)
        if float(np.abs(mass / before - 1).max()) < _STILL:
            return mass, done + 1
    return mass, sweeps


def _capped(mass: FloatArray, most: FloatArray) -> FloatArray:
    """Share what is above the cap out over the others, in proportion."""
    total = float(mass.sum())
    full = np.zeros(len(mass), bool)
    while True:
        over = ~full & (mass > most)
        if not over.any():
            return mass
        full |= over
        rest = mass[~full].sum()
        mass = np.where(full, most, mass * ((total - most[full].sum()) / rest if rest > 0 else 1.0))


def _worst(margins: tuple[Margin, ...], mass: FloatArray) -> float:
    return max(float(np.abs(margin.error(mass)).max()) for margin in margins)


def _scaled(start: SurveyWeights, mass: FloatArray, sweeps: int, tolerance: float, trim: float | None) -> SurveyWeights:
    total = float(start.margins[0].targets.sum())
    size = start.n / total if abs(total - 1) <= _SHARES else 1.0
    return evolve(start, cell_weight=mass / start.counts * size, sweeps=sweeps, tolerance=tolerance, trim=trim)
