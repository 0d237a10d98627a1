"""Carry the limits of a formula's inputs through to its result."""

from __future__ import annotations

from math import isfinite, isinf, isnan
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.errors import InvalidDataError
from clm.stats._arguments import check_range, plain_number
from clm.stats._bands import NoBand, Normal, StudentT, z_score
from clm.stats._estimate import Estimate
from clm.stats._has_estimate import HasEstimate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clm.stats._bands import Band
    from clm.typing import FloatArray

_GRID = 33  # points of an input's interval at which a formula is looked at: enough to see it turn
_STEP = 1e-3  # of a standard error: far above rounding, far below the curvature that matters


@final
@frozen
class Quantity:
    """One number that a formula takes: given as it is, or estimated.

    Parameters
    ----------
    name : str
        The argument's name, for messages.
    value : float
        The number; NaN where an estimate is undefined.
    estimate : Estimate, optional
        Where the number comes from; None for a plain number.
    lowest, highest : float
        The quantity's range, which limits never leave.
    positive : bool
        Whether plus and minus z or t standard errors are taken on the log scale, so that limits keep the sign.
    """

    name: str
    value: float
    estimate: Estimate[float] | None = None
    lowest: float = -np.inf
    highest: float = np.inf
    positive: bool = False

    @classmethod
    def of(
        cls, given: Any, name: str, *, lowest: float = -np.inf, highest: float = np.inf, positive: bool = False
    ) -> Quantity:
        """Read an argument that is a number, an estimate, or a result that has one.

        Raises
        ------
        InvalidDataError
            If it is not one finite number, or lies outside its range.
        """
        estimate = given.estimate if isinstance(given, HasEstimate) else given
        if isinstance(estimate, Estimate):
            if np.ndim(estimate.value):
                raise InvalidDataError(
                    f"{name} holds {np.size(estimate.value):,} cells ({estimate.name}), but one number is expected. "
                    "Take its .mean() or .sum() first, or call once a cell."
                )
            value = estimate.value
        else:
            value, estimate = plain_number(given, name), None
        check_range(value, name, lowest, highest)
        return cls(name, value, estimate, lowest, highest, positive)

    @property
    def undefined(self) -> str | None:
        """Why there is no value, else None."""
        if self.estimate is None or self.estimate.undefined is None:
            return None
        return f"{self.name} is undefined, because {self.estimate.undefined}"

    def limits(self, level: float) -> tuple[float, float]:
        """Return both ends: the value twice for a plain number, NaN where they cannot be known."""
        if self.estimate is None:
            return self.value, self.value
        band, error = self.estimate.band, self.estimate.standard_error
        if self.positive and self.value != 0 and isinstance(band, (Normal, StudentT)):
            quantile = _t_quantile(band, level) if isinstance(band, StudentT) else z_score(level)
            with np.errstate(over="ignore"):
                factor = float(np.exp(np.float64(quantile * error / abs(self.value))))
            low, high = sorted((self.value / factor, self.value * factor)) if factor > 0 else (np.nan, np.nan)
        else:
            low, high = self.estimate.confidence_interval(level)
        return max(low, self.lowest), min(high, self.highest)


@final
@frozen
class Mover:
    """Limits of a formula of independent quantities, from the limits of each.

    Parameters
    ----------
    formula : callable
        Takes one float a quantity, in order; a module's function or an instance that compares by value, so that
        estimates can be pickled and compared. It may return ``inf`` where its value has no bound.
    quantities : tuple of Quantity
        What it is computed from.
    scale : {"log", "plain"}
        On which scale several deviations are put together. Log serves products and ratios; where the formula changes
        its sign within reach of the limits, the plain scale is used.
    lowest, highest : float
        The result's range.

    Notes
    -----
    With one estimated quantity the limits are the lowest and the highest value of the formula over that quantity's
    interval. With several, each in turn moves over its own interval, the others held, and the squared deviations are
    added: the method of variance estimates recovery [1]_, on logs [2]_.

    References
    ----------
    .. [1] Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.
    .. [2] Newcombe (2016), Statistical Methods in Medical Research 25, 1774-1778.
    """

    formula: Callable[..., float]
    quantities: tuple[Quantity, ...]
    scale: Literal["log", "plain"] = "log"
    lowest: float = -np.inf
    highest: float = np.inf

    @property
    def method(self) -> str:
        """The method's name."""
        if sum(quantity.estimate is not None for quantity in self.quantities) == 1:
            return "transformed limits"
        return "MOVER on logs" if self.scale == "log" else "MOVER"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends; ``inf`` on a side without a bound, NaN where a quantity has no limits."""
        centre = float(value)
        reaches = [
            self._reach(position, level, centre)
            for position, quantity in enumerate(self.quantities)
            if quantity.estimate is not None
        ]
        if isnan(centre) or any(isnan(end) for reach in reaches for end in reach):
            return np.asarray(np.nan), np.asarray(np.nan)
        low, high = _combined(centre, reaches, self.scale)
        return np.asarray(max(low, self.lowest)), np.asarray(min(high, self.highest))

    def _reach(self, moving: int, level: float, centre: float) -> tuple[float, float]:
        """Return the lowest and highest value while one quantity moves over its interval."""
        low, high = self.quantities[moving].limits(level)
        if isnan(low) or isnan(high):
            return np.nan, np.nan
        at = [quantity.value for quantity in self.quantities]
        # An interval without end has no points in between: there the formula is looked at in its ends alone.
        points = np.linspace(low, high, _GRID) if isfinite(low) and isfinite(high) else (low, high)
        values = [self.formula(*at[:moving], float(point), *at[moving + 1 :]) for point in points]
        return (np.nan, np.nan) if any(map(isnan, values)) else (min(*values, centre), max(*values, centre))


def propagate(
    formula: Callable[..., float],
    quantities: Sequence[Quantity],
    *,
    name: str,
    unit: str,
    definition: str,
    undefined: str | None = None,
    n: int | None = None,
    scale: Literal["log", "plain"] = "log",
    lowest: float = -np.inf,
    highest: float = np.inf,
    caveats: tuple[str, ...] = (),
) -> Estimate[float]:
    """State a formula of known and estimated quantities as an estimate.

    Parameters
    ----------
    formula, quantities, scale, lowest, highest
        As in `Mover`.
    name, unit, definition, caveats
        As in `Estimate`.
    undefined
        Why the formula has no value where it returns NaN or an infinity.
    n
        Observations behind the result; by default those of the quantity with the fewest, 0 without an estimate.

    Returns
    -------
    Estimate
        Undefined where a quantity is. Its standard error is the delta method's. Without an estimated quantity, or where
        one has no interval, the interval is undefined, with the reason.

    Examples
    --------
    >>> conversion = clm.stats.proportion(12, 80, name="conversion", definition="Visitors of May who ordered.")
    >>> inverse = clm.stats.propagate(
    ...     np.reciprocal,
    ...     [clm.stats.Quantity.of(conversion, "conversion")],
    ...     name="visitors per order",
    ...     unit="visitors",
    ...     definition="One over the conversion.",
    ... )
    >>> inverse
    <visitors per order: 6.667 visitors (95% interval 4.096 to 11.37; n = 80)>
    """
    estimated = [quantity for quantity in quantities if quantity.estimate is not None]
    reason = next((quantity.undefined for quantity in quantities if quantity.undefined), None)
    value = np.nan if reason else float(formula(*(quantity.value for quantity in quantities)))
    if isnan(value) or isinf(value):
        value, reason = np.nan, reason or undefined or "it has no finite value there"
    counts = [int(quantity.estimate.n) for quantity in estimated if quantity.estimate is not None]
    dependent = ("The estimates that it is computed from are taken as independent.",) if len(estimated) > 1 else ()
    return Estimate(
        value=value,
        standard_error=_standard_error(formula, quantities) if estimated and not isnan(value) else np.nan,
        n=min(counts, default=0) if n is None else n,
        name=name,
        unit=unit,
        definition=definition,
        undefined=reason,
        band=NoBand(reason) if reason else _band(Mover(formula, tuple(quantities), scale, lowest, highest)),
        caveats=(*caveats, *dependent),
    )


def _band(mover: Mover) -> Band:
    estimated = [quantity for quantity in mover.quantities if quantity.estimate is not None]
    if not estimated:
        names = " and ".join(
            filter(None, (", ".join(q.name for q in mover.quantities[:-1]), mover.quantities[-1].name))
        )
        given = "were given as plain numbers" if len(mover.quantities) > 1 else "was given as a plain number"
        return NoBand(f"{names} {given}, so that the uncertainty is not known; give estimates for an interval")
    for quantity in estimated:
        assert quantity.estimate is not None
        if quantity.undefined is None and any(map(isnan, quantity.limits(0.95))):
            method = quantity.estimate.band.method
            why = method if isinstance(quantity.estimate.band, NoBand) else "its standard error is not known"
            return NoBand(f"{quantity.name} has no interval ({why.removeprefix('undefined: ')})")
    return mover


def _standard_error(formula: Callable[..., float], quantities: Sequence[Quantity]) -> float:
    """Return the delta method's standard error, by differences that span a small part of each error."""
    at = [quantity.value for quantity in quantities]
    variance = 0.0
    for moving, quantity in enumerate(quantities):
        if quantity.estimate is None or quantity.estimate.standard_error == 0:
            continue
        error = quantity.estimate.standard_error
        if isnan(error):
            return np.nan
        points = (max(at[moving] - _STEP * error, quantity.lowest), min(at[moving] + _STEP * error, quantity.highest))
        below, above = (formula(*at[:moving], point, *at[moving + 1 :]) for point in points)
        if isinf(below) or isinf(above):
            return np.nan
        variance += ((above - below) / (points[1] - points[0]) * error) ** 2
    return float(np.sqrt(variance)) if isfinite(variance) else np.nan


def _combined(
    centre: float, reaches: Sequence[tuple[float, float]], scale: Literal["log", "plain"]
) -> tuple[float, float]:
    if len(reaches) == 1:
        return reaches[0]
    ends = [end for reach in reaches for end in reach]
    one_sign = centre != 0 and all(end * centre > 0 for end in ends)
    with np.errstate(over="ignore"):
        if scale == "log" and one_sign:
            sign = np.sign(centre)
            near, far = (0, 1) if sign > 0 else (1, 0)
            below = np.hypot.reduce([np.log(centre / reach[near]) for reach in reaches])
            above = np.hypot.reduce([np.log(reach[far] / centre) for reach in reaches])
            low, high = sorted((centre * np.exp(-below), centre * np.exp(above)))
        else:
            low = centre - np.hypot.reduce([centre - reach[0] for reach in reaches])
            high = centre + np.hypot.reduce([reach[1] - centre for reach in reaches])
    return float(low), float(high)


def _t_quantile(band: StudentT, level: float) -> float:
    df = float(band.df)
    return float(special.stdtrit(df, 0.5 + level / 2)) if df > 0 else np.nan
