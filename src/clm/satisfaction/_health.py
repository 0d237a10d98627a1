"""Customer health: several measures of a customer as one weighted number, and how much of it was known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np
from attrs import evolve, field, frozen

from clm.errors import InvalidDataError, nearest
from clm.stats import (
    Estimate,
    NoBand,
    StudentT,
    array_field,
    exact,
    floats,
    frozen_array,
    mean,
    plain_number,
    refuse,
    seal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.typing import Array, BoolArray, FloatArray

HealthRule: TypeAlias = Literal["renormalise", "undefined", "raise"]

_RULES = ("renormalise", "undefined", "raise")


@final
@frozen(kw_only=True, repr=False)
class HealthScores:
    """One health score a customer; build it with ``clm.health_score``.

    Attributes
    ----------
    customers : (n,) ndarray
        Who, in the order of the data.
    value : (n,) ndarray of float64
        0 to 100; NaN where too little is known.
    coverage : (n,) ndarray of float64
        Part of the weights whose component is known, 0 to 1.
    weights : tuple of (str, float)
        Each component's part of the whole.
    bands : tuple of (str, float)
        Names of the bands and where each starts, ascending; empty without any.
    min_coverage : float
        Below it there is no score.

    Examples
    --------
    >>> accounts = {"customer_id": ["ann", "bob"], "usage": [70, 20], "nps": [65, None]}
    >>> health = clm.health_score(accounts, {"usage": 3, "nps": 1}, bands={"red": 0, "yellow": 40, "green": 65})
    >>> health.value.tolist(), health.coverage.tolist(), health.band.tolist()
    ([68.75, 20.0], [1.0, 0.75], ['green', 'red'])
    """

    customers: Array = array_field(converter=frozen_array)
    value: FloatArray = array_field(converter=lambda value: frozen_array(value, float))
    coverage: FloatArray = array_field(converter=lambda coverage: frozen_array(coverage, float))
    weights: tuple[tuple[str, float], ...]
    bands: tuple[tuple[str, float], ...] = ()
    min_coverage: float = field(default=0.0)

    __setstate__ = seal

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def definition(self) -> str:
        """One sentence that fixes what was computed."""
        parts = ", ".join(f"{share:.4g} {name}" for name, share in self.weights)
        return f"Weighted mean of components on 0 to 100: {parts}; over the known ones, from {self.min_coverage:g} on."

    @property
    def undefined(self) -> Array:
        """Why a customer has no score, shape (n,); None where there is one."""
        reasons = np.full(len(self), None, object)
        for row in np.flatnonzero(np.isnan(self.value)).tolist():
            reasons[row] = (
                f"only {self.coverage[row]:.0%} of the weights are known" if self.coverage[row] else "nothing is known"
            )
        return frozen_array(reasons)

    @property
    def band(self) -> Array:
        """Name of each customer's band, shape (n,); None without a score or without bands."""
        named = np.full(len(self), None, object)
        starts = np.array([start for _, start in self.bands])
        if len(starts):
            known = np.flatnonzero(~np.isnan(self.value))
            place = np.searchsorted(starts, self.value[known], side="right") - 1
            for row, position in zip(known.tolist(), place.tolist(), strict=True):
                named[row] = self.bands[position][0]
        return frozen_array(named)

    @property
    def estimate(self) -> Estimate[Any]:
        """The scores as one cell a customer. They are computed, not sampled: their standard error is 0."""
        undefined: Any = self.undefined
        found = exact(
            np.where(np.isnan(self.value), 0.0, self.value),
            n=np.ones(len(self), np.int64),
            name="health",
            unit="points",
            definition=self.definition,
            index=self.customers,
        )
        return Estimate(
            value=self.value,
            standard_error=0.0,
            n=found.n,
            name=found.name,
            unit=found.unit,
            definition=found.definition,
            index=found.index,
            undefined=undefined,
            band=found.band,
        )

    def mean(self) -> Estimate[float]:
        """Return the mean over customers with a score, with Student's t interval, cut at 0 and 100.

        Returns
        -------
        Estimate
            NaN where nobody has one; without an interval where all have the same.
        """
        known = self.value[~np.isnan(self.value)]
        found = mean(known, name="mean health", unit="points", definition=f"Mean over customers of: {self.definition}")
        n = len(known)
        if n and known.min() == known.max():
            why = "a single customer has no spread" if n == 1 else f"all {n:,} scores are the same"
            return evolve(found, band=NoBand(why), caveats=(f"There is no interval: {why}.",))
        return evolve(found, band=StudentT(np.asarray(n - 1.0), 0.0, 100.0))

    def to_columns(self) -> dict[str, Array]:
        """Return one row a customer, for ``clm.to_frame``.

        Returns
        -------
        dict of str to (n,) ndarray
            ``customer, health, coverage, band, undefined``.
        """
        return {
            "customer": self.customers,
            "health": self.value,
            "coverage": self.coverage,
            "band": self.band,
            "undefined": self.undefined,
        }

    def __repr__(self) -> str:
        known = self.value[~np.isnan(self.value)]
        reach = f", {known.min():.4g} to {known.max():.4g}" if known.size else ""
        undefined = f", {len(self) - known.size:,} undefined" if known.size < len(self) else ""
        return f"<HealthScores: {len(self):,} customer{'s' * (len(self) != 1)}{reach}{undefined}>"


def score_health(
    customers: Any,
    components: Mapping[str, Any],
    weights: Mapping[str, float],
    *,
    missing: HealthRule = "renormalise",
    min_coverage: float = 0.5,
    bands: Mapping[str, float] | None = None,
) -> HealthScores:
    """Combine components of 0 to 100 into one score a customer.

    Parameters
    ----------
    customers : (n,) array_like
        Who.
    components : mapping of str to (n,) array_like
        0 to 100, NaN where missing.
    weights, missing, min_coverage, bands
        As in ``clm.health_score``.

    Returns
    -------
    HealthScores

    Raises
    ------
    InvalidDataError
        As in ``clm.health_score``.

    Examples
    --------
    >>> clm.satisfaction.score_health(["ann"], {"usage": [70], "nps": [50]}, {"usage": 1, "nps": 1}).value
    array([60.])
    """
    if missing not in _RULES:
        raise InvalidDataError(
            f"missing={missing!r} is not one of {', '.join(map(repr, _RULES))}.{nearest(str(missing), _RULES)}"
        )
    shares = checked_weights(weights)
    floor = plain_number(min_coverage, "min_coverage", lowest=0, highest=1)
    columns = np.column_stack([_component(name, components[name]) for name in shares])
    known = ~np.isnan(columns)
    if missing == "raise":
        gaps: BoolArray = np.asarray(np.isnan(columns).any(axis=1))
        refuse(
            gaps,
            "a component is missing",
            'Leave those customers out, or take missing="renormalise".',
        )
    share = np.array(list(shares.values()))
    # Summed over what is missing, so that a full row has a coverage of exactly 1.
    coverage = np.maximum(1.0 - ~known @ share, 0.0)
    coverage[~known.any(axis=1)] = 0.0
    enough = known.any(axis=1) & (known.all(axis=1) | (missing == "renormalise")) & (coverage >= floor - 1e-12)
    total = np.where(known, columns, 0.0) @ share
    value = np.where(enough, np.clip(total / np.where(enough, known @ share, 1.0), 0.0, 100.0), np.nan)
    return HealthScores(
        customers=np.asarray(customers),
        value=value,
        coverage=coverage,
        weights=tuple(shares.items()),
        bands=_checked_bands(bands),
        min_coverage=floor,
    )


def checked_weights(weights: Any) -> dict[str, float]:
    """Return each component's part of the whole.

    Raises
    ------
    InvalidDataError
        If weights are no mapping of name to positive number.
    """
    if not hasattr(weights, "items") or not weights:
        raise InvalidDataError(f"weights must map each component to its weight, as in {{'usage': 2}}, not {weights!r}.")
    given = {name: plain_number(weight, f"weight of {name!r}") for name, weight in weights.items()}
    bad = [name for name, weight in given.items() if weight <= 0]
    if bad:
        raise InvalidDataError(f"weight of {bad[0]!r} must be positive, not {given[bad[0]]:g}. Leave it out instead.")
    total = sum(given.values())
    return {name: weight / total for name, weight in given.items()}


def _component(name: str, values: Any) -> FloatArray:
    column = floats(values, name)
    refuse(
        (column < 0) | (column > 100),
        f"{name} is not between 0 and 100",
        "Bring every component to 0, worst, to 100, best, as (nps + 100) / 2.",
    )
    return column


def _checked_bands(bands: Any) -> tuple[tuple[str, float], ...]:
    if bands is None:
        return ()
    if not hasattr(bands, "items") or not bands:
        raise InvalidDataError(f"bands must map each name to where it starts, as in {{'red': 0}}, not {bands!r}.")
    starts = [
        (name, plain_number(start, f"start of band {name!r}", lowest=0, highest=100)) for name, start in bands.items()
    ]
    starts.sort(key=lambda band: band[1])
    if starts[0][1] != 0 or len({start for _, start in starts}) < len(starts):
        raise InvalidDataError("bands must start at different points, the lowest at 0, so that every score has one.")
    return tuple(starts)
