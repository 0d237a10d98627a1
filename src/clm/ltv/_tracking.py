"""What a whole base should have bought by now, and when: expected and actual purchases over calendar time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.data import RFM, days_in
from clm.errors import InvalidDataError
from clm.ltv._arguments import histories
from clm.ltv._prediction_interval import interval_of_total
from clm.stats import Draws, Estimate, Interval, LogNormal, array_field, check_level, floats, frozen_array, refuse, seal

if TYPE_CHECKING:
    from clm.stats import Band
    from clm.typing import Array, FloatArray

_NODES: Final = 40
_MOST_AGES: Final = 2_000
_MOST_TIMES: Final = 10_000
_STEPS: Final = 200
_NEAREST: Final = 1e-4
_EQUAL: Final = 1e-9


def _rows(values: Any) -> FloatArray | None:
    return None if values is None else floats(values, "actual")


@final
@frozen(kw_only=True, repr=False)
class PurchaseTracking:
    """Repeat purchases of a base over calendar time, expected and actual; build it with ``clm.tracking``.

    Every customer counts from his first purchase on, and as a new customer: what he bought later is not used. So the
    course up to `calibrated_through` shows how well the model fits, and after it how well it predicts.

    Attributes
    ----------
    times : (k,) ndarray of float64
        Time since the first customer came, in `unit`, ascending.
    cumulative : Estimate
        Expected repeat purchases of all customers up to each time.
    incremental : Estimate
        Expected repeat purchases since the time before; for the first since 0.
    actual : (k,) ndarray of float64, or None
        Repeat purchases that came up to each time; None where only histories were given.
    variance : (k,) ndarray of float64
        Of the realised cumulative count, by chance alone; NaN where the fit does not tell it.
    calibrated_through : float
        The time at which the histories end.
    unit : {"hour", "day", "week", "month", "year"}
        Unit of the times.
    n : int
        Customers.
    model : str
        Name of the model.
    """

    times: FloatArray = array_field(converter=lambda values: floats(values, "times"))
    cumulative: Estimate[FloatArray]
    incremental: Estimate[FloatArray]
    actual: FloatArray | None = array_field(default=None, converter=_rows)
    variance: FloatArray = array_field(converter=lambda values: floats(values, "variance"))
    calibrated_through: float
    unit: str = field(validator=lambda _, __, unit: days_in(unit) and None)
    n: int
    model: str

    __setstate__ = seal

    @property
    def actual_incremental(self) -> FloatArray | None:
        """Repeat purchases that came since the time before, shape (k,); None where only histories were given."""
        return None if self.actual is None else frozen_array(np.diff(self.actual, prepend=0.0))

    def prediction_interval(self, level: float = 0.95) -> Interval[FloatArray]:
        """Say between which counts the cumulative purchases will lie, time by time.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).

        Returns
        -------
        Interval
            Ends of shape (k,); NaN where the fit tells no variance, or no errors of its parameters.

        Raises
        ------
        InvalidDataError
            If `level` is not inside (0, 1).

        Notes
        -----
        Up to `calibrated_through` the count has helped to find the parameters, and lies inside more often.
        """
        inside = check_level(level)
        errors = self.cumulative.standard_error
        ends = [
            interval_of_total(
                expected=float(expected),
                of_counts=float(of_counts),
                of_parameters=float(error) ** 2,
                level=inside,
                undefined=None if np.isfinite(of_counts) and np.isfinite(error) else "a variance is not known",
            )
            for expected, of_counts, error in zip(self.cumulative.value, self.variance, errors, strict=True)
        ]
        low, high = (frozen_array([getattr(end, side) for end in ends], float) for side in ("low", "high"))
        return Interval(low=low, high=high, level=inside, method="with the variance of counts and of parameters")

    def to_columns(self) -> dict[str, Array]:
        """Return one row a time, for ``clm.to_frame``: both courses with the limits of their 95 percent intervals."""
        columns: dict[str, Array] = {"time": self.times}
        for name, estimate, actual in (
            ("cumulative", self.cumulative, self.actual),
            ("incremental", self.incremental, self.actual_incremental),
        ):
            ends = estimate.confidence_interval()
            columns |= {f"{name}_expected": estimate.value, f"{name}_low": ends.low, f"{name}_high": ends.high}
            if actual is not None:
                columns[f"{name}_actual"] = actual
        return columns

    def __repr__(self) -> str:
        span = f"{self.times[-1]:g} {self.unit}{'' if self.times[-1] == 1 else 's'}"
        last = f"{self.cumulative.value[-1]:,.0f} purchases expected"
        came = "" if self.actual is None else f", {self.actual[-1]:,.0f} came"
        return f"<PurchaseTracking: {self.model}, {self.n:,} customers, {span}: {last}{came}>"


def tracked_histories(rfm: RFM, fit: Any, times: Any = None) -> PurchaseTracking:
    """Return the course that a fit expects of a base; its customers came as long ago as their ages say.

    Raises
    ------
    InvalidDataError
        If the fit is none, there is no history, `rfm` counts in another unit, or the times do not ascend from above 0.
    """
    unit = unit_of(fit)
    base = histories(rfm, unit)
    if not len(base):
        raise InvalidDataError("rfm holds no histories. Check the filters before it.")
    weights = np.ones(len(base)) if base.weights is None else base.weights
    return tracked(fit, base.T, weights, times, end=float(base.T.max()))


def unit_of(fit: Any) -> str:
    """Return a fit's unit of time.

    Raises
    ------
    InvalidDataError
        If it is no fitted purchase model.
    """
    unit = getattr(fit, "unit", None)
    if hasattr(fit, "expected_purchases") and isinstance(unit, str):
        return unit
    raise InvalidDataError(
        f"fit must be a fitted purchase model with its unit of time, not {type(fit).__name__}. "
        "Give clm.BGNBD().fit(rfm), for one."
    )


def tracked(fit: Any, ages: FloatArray, weights: FloatArray, times: Any, *, end: float) -> PurchaseTracking:
    """Return the course that a fit expects of customers as old as `ages` when their histories end.

    Parameters
    ----------
    fit
        A fitted purchase model; whatever answers ``expected_purchases(horizon=array)``.
    ages, weights
        (n,), the oldest of all first to come.
    times
        Ascending, or None for whole units up to `end`.
    end
        Where the course ends by default.
    """
    known_for = float(ages.max())
    at = _times(times, end, fit.unit)
    groups, group = np.unique(ages, return_inverse=True)
    if groups.size > _MOST_AGES:
        group = np.minimum((ages * (_MOST_AGES / known_for)).astype(np.intp), _MOST_AGES - 1)
    customers: FloatArray = np.bincount(group, weights).astype(float)
    oldest = np.bincount(group, weights * ages)[customers > 0] / customers[customers > 0]
    nodes, share = shares(at, known_for - oldest, customers[customers > 0], whole=is_discrete(fit))
    single = fit.expected_purchases(horizon=nodes)
    if np.shape(getattr(single, "value", ())) != nodes.shape:
        raise InvalidDataError(
            f"{type(fit).__name__}.expected_purchases(horizon=array) must return an estimate with one cell a horizon, "
            f"not {type(single).__name__}."
        )
    count = round(float(weights.sum()))
    definition = (
        f"Expected repeat purchases of {count:,} customers, each from his first purchase on and as of a new customer, "
        f"{{}}, by the {getattr(fit, 'model', type(fit).__name__)} model."
    )
    return PurchaseTracking(
        times=at,
        cumulative=combined(single, share, at, "cumulative purchases", definition.format("up to each time")),
        incremental=combined(
            single,
            np.diff(share, axis=0, prepend=0.0),
            at,
            "incremental purchases",
            definition.format("since the time before"),
        ),
        variance=share @ _variance(fit, nodes),
        calibrated_through=known_for,
        unit=fit.unit,
        n=count,
        model=str(getattr(fit, "model", type(fit).__name__)),
    )


def _times(times: Any, end: float, unit: str) -> FloatArray:
    if times is None:
        step = max(1.0, float(np.ceil(end / _STEPS)))
        whole: FloatArray = np.arange(1.0, int(end / step + _EQUAL) + 1) * step
        return whole if whole.size else np.array([end if end > 0 else 1.0])
    at: FloatArray = floats(times, "times")
    refuse(~np.isfinite(at) | (at <= 0), "times is not above 0", f"Give {unit}s since the first customer came.")
    refuse(np.diff(at, prepend=0.0) <= 0, "times does not ascend", "Sort them, each once.")
    if not 0 < at.size <= _MOST_TIMES:
        raise InvalidDataError(f"times holds {at.size:,} entries; give 1 to {_MOST_TIMES:,}.")
    return at


def is_discrete(fit: Any) -> bool:
    """Say whether purchases fall on whole units of time only."""
    return bool(getattr(getattr(fit, "centre", getattr(fit, "fit", fit)), "discrete", False))


def shares(at: FloatArray, came: FloatArray, customers: FloatArray, *, whole: bool) -> tuple[FloatArray, FloatArray]:
    """Return ages to evaluate, (m,), and how the total at each time is combined from their values, (k, m).

    What a new customer has bought by an age is smooth: where there are many ages, their values follow from those at
    Chebyshev nodes in the logarithm of time.
    """
    highest = max(float(at[-1] - came.min()), _EQUAL)
    since = at[:, None] - came
    if at.size * came.size <= 20_000 or whole:
        old = np.maximum(np.floor(since + _EQUAL) if whole else since, 0.0)
        # Ages that differ by rounding alone are one.
        ages, cell = np.unique(np.round(old / highest, 12), return_inverse=True)
        if ages.size <= _NODES or whole:
            place = cell.reshape(old.shape) + ages.size * np.arange(at.size)[:, None]
            counted = np.bincount(place.ravel(), np.broadcast_to(customers, old.shape).ravel(), at.size * ages.size)
            of_ages: FloatArray = counted.astype(float).reshape(at.size, ages.size)
            return np.round(ages * highest) if whole else ages * highest, of_ages
    start = highest * _NEAREST
    length = np.log1p(highest / start)
    nodes: FloatArray = np.cos(np.pi * np.arange(_NODES) / (_NODES - 1))[::-1]
    share: FloatArray = np.empty((at.size, _NODES))
    for row, ages in enumerate(since):
        there = ages >= 0
        where = 2 * np.log1p(ages[there] / start) / length - 1
        share[row] = customers[there] @ _of_nodes(nodes, where)
    evaluated: FloatArray = start * np.expm1((nodes + 1) / 2 * length)
    return evaluated, share


def _of_nodes(nodes: FloatArray, where: FloatArray) -> FloatArray:
    """Return what each Chebyshev node of the second kind weighs at places between -1 and 1, by the barycentric formula.

    Berrut and Trefethen (2004), SIAM Review 46, 501-517, equation 5.4.
    """
    away = where[:, None] - nodes
    # At a node itself only that node counts.
    away[away == 0] = np.finfo(float).tiny
    weights = (-1.0) ** np.arange(nodes.size)
    weights[[0, -1]] /= 2
    weighed = weights / away
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))


def combined(
    single: Estimate[FloatArray],
    share: FloatArray,
    at: Array,
    name: str,
    definition: str,
    *,
    unit: str = "purchases",
    plus: FloatArray | float = 0.0,
) -> Estimate[FloatArray]:
    """Return linear combinations of cells, with the errors of the parameters that all of them share."""
    sources = tuple(
        type(source)(gradient=share @ source.gradient, covariance=source.covariance) for source in single.sources
    )
    band: Band = single.band
    error = np.sqrt(np.maximum(sum((source.variance() for source in sources), np.zeros(at.size)), 0.0))
    if isinstance(band, Draws):
        rows = band.draws if band.row_of is None else band.draws[band.row_of]
        band = Draws(draws=share @ rows, kind=band.kind, lowest=0.0)
        error = np.sqrt(band.variance())
    elif not sources:
        error = np.full(at.size, np.nan)
    return Estimate(
        value=share @ single.value + plus,
        standard_error=error,
        n=int(np.max(single.n)),
        name=name,
        unit=unit,
        definition=definition,
        index=frozen_array(at),
        band=band if sources or isinstance(band, Draws) else LogNormal(),
        sources=sources,
        caveats=single.caveats,
    )


def _variance(fit: Any, nodes: FloatArray) -> FloatArray:
    """Return the variance of a new customer's purchases by each age; NaN where the fit does not tell it."""
    process: Any = getattr(fit, "process", None)
    if not hasattr(process, "variance"):
        return np.full(nodes.size, np.nan)
    nothing = np.zeros(1)
    new = RFM(frequency=nothing, recency=nothing, T=nothing, unit=fit.unit)
    return np.array([float(process.variance(new, float(age))[0]) for age in nodes])
