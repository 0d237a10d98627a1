"""Products of numbers that are each known with their own error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.stats import Estimate, Linearised, LogNormal, NoBand, Normal, array_field, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.stats import Band
    from clm.typing import Array, FloatArray


@final
@frozen(kw_only=True)
class Factor:
    """One factor of a product, per customer or the same for all.

    Attributes
    ----------
    value, error : (n,) or () ndarray of float64
        With its standard error, NaN where it is not known.
    sources : tuple of Linearised
        How it moves with parameters: gradients of shape (n, k) or (k,).
    lone : bool
        It has an error of its own in each cell, which no source explains.
    unknown : str or None
        Why errors are not known.
    undefined : (n,) or () ndarray of object, or None
        Why values are NaN.
    caveats : tuple of str
    """

    value: FloatArray = array_field()
    error: FloatArray = array_field()
    sources: tuple[Linearised, ...] = ()
    lone: bool = False
    unknown: str | None = None
    undefined: Any = array_field(default=None)
    caveats: tuple[str, ...] = ()

    __setstate__ = seal

    @classmethod
    def of(cls, given: Any, what: str) -> Factor:
        """Take over an estimate, or a number known exactly."""
        value = np.asarray(given, np.float64)
        if not isinstance(given, Estimate):
            return cls(value=value, error=np.zeros_like(value))
        error = np.asarray(given.standard_error, np.float64)
        sources = given.sources
        if not sources and value.ndim == 0 and error > 0:
            sources = (Linearised(gradient=np.ones(1), covariance=np.reshape(error**2, (1, 1))),)
        unknown = None
        if (np.isnan(error) & ~np.isnan(value)).any():
            unknown = given.band.reason if isinstance(given.band, NoBand) else f"{what} states no error"
        return cls(
            value=value,
            error=error,
            sources=sources,
            lone=not sources and bool((error > 0).any()),
            unknown=unknown,
            undefined=given.undefined,
            caveats=given.caveats,
        )

    def times(self, number: float) -> Factor:
        """Return a positive multiple."""
        return Factor(
            value=self.value * number,
            error=self.error * number,
            sources=tuple(Linearised(gradient=s.gradient * number, covariance=s.covariance) for s in self.sources),
            lone=self.lone,
            unknown=self.unknown,
            undefined=self.undefined,
            caveats=self.caveats,
        )

    def plus(self, other: Factor) -> Factor:
        """Return the sum with another answer of the same model, whose errors go together with its own."""
        return Factor(
            value=self.value + other.value,
            error=self.error + other.error,
            sources=tuple(
                Linearised(gradient=mine.gradient + theirs.gradient, covariance=mine.covariance)
                for mine, theirs in zip(self.sources, other.sources, strict=True)
            ),
            lone=self.lone or other.lone,
            unknown=self.unknown or other.unknown,
            undefined=other.undefined,
            caveats=other.caveats,
        )


def product(
    factors: Sequence[Factor], *, n: Any, name: str, definition: str, index: Array | None
) -> Estimate[FloatArray]:
    """Return the product of independent factors, in money, with the errors of all.

    Totals carry the covariance of all cells through the factors' sources. Where a factor has errors that no source
    explains, cells are taken as independent, and a caveat says so.
    """
    shape = np.broadcast_shapes(*(factor.value.shape for factor in factors))
    value = _sealed(_multiplied([factor.value for factor in factors], shape))
    sources, variance = [], np.zeros(shape)
    for i, factor in enumerate(factors):
        if not factor.sources and not np.any(factor.error):
            continue
        others = _multiplied([other.value for j, other in enumerate(factors) if j != i], shape)
        carried = [
            Linearised(gradient=_sealed(others[:, None] * source.gradient), covariance=source.covariance)
            for source in factor.sources
        ]
        sources += carried
        variance += sum(source.variance() for source in carried) if carried else (others * factor.error) ** 2
    caveats = dict.fromkeys(caveat for factor in factors for caveat in factor.caveats)
    if any(factor.lone for factor in factors):
        sources = []
        caveats["an input has errors without common parameters: totals take customers as independent"] = None
    unknown = next((factor.unknown for factor in factors if factor.unknown is not None), None)
    return Estimate(
        value=value,
        standard_error=_sealed(np.sqrt(np.maximum(variance, 0.0))),
        n=n,
        name=name,
        unit="currency",
        definition=definition,
        index=index,
        undefined=_reasons(factors, shape),
        band=_band(value, unknown),
        sources=sources,
        caveats=tuple(caveats),
    )


def _multiplied(values: Sequence[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    total = np.ones(shape)
    for one in values:
        total *= one
    return total


def _sealed(values: FloatArray) -> FloatArray:
    """Make an array of ours read-only without copying it."""
    values.setflags(write=False)
    return values


def _reasons(factors: Sequence[Factor], shape: tuple[int, ...]) -> Any:
    reasons = np.full(shape, None, dtype=object)
    for factor in reversed(factors):
        if factor.undefined is not None:
            given = np.broadcast_to(np.asarray(factor.undefined, dtype=object), shape)
            reasons = np.where(given.astype(bool), given, reasons)
    return reasons


def _band(value: FloatArray, unknown: str | None) -> Band:
    if unknown is not None:
        return NoBand(unknown)
    return Normal() if (value < 0).any() else LogNormal()
