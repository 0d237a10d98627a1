"""A number that knows its uncertainty and its definition."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Generic, Never, TypeVar, final

import numpy as np
from attrs import Attribute, field, frozen

from clm.errors import InvalidDataError
from clm.stats._arrays import array_field, frozen_array, numbers, scalar_or_array, seal
from clm.stats._bands import Band, Normal
from clm.stats._draws import Draws
from clm.stats._format import plain, summary
from clm.stats._interval import Interval, check_level
from clm.stats._linearised import Linearised
from clm.stats._totals import combined_band, grouped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clm.typing import Array, FloatArray, IntArray

V = TypeVar("V")


def _tuple(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(items)


def _count(n: Any) -> Any:
    counted = np.rint(numbers(n, "n"))
    if not (np.isfinite(counted) & (counted >= 0)).all():
        raise InvalidDataError("n must count observations from 0 on: it is negative, missing or infinite somewhere.")
    return int(counted) if counted.ndim == 0 else frozen_array(counted, np.int64)


@final
@frozen(kw_only=True, repr=False)
class Estimate(Generic[V]):
    """A value with its standard error, interval and definition.

    Every number of the library is one, so that none is quoted without its uncertainty. Metrics written elsewhere
    return it too: give the value, its standard error where it can be known, what it is called and how it is defined.

    Parameters
    ----------
    value : float or array_like of float
        The number, or one number a cell; NaN only with a reason in `undefined`, never infinite.
    standard_error : float or array_like of float, optional
        Standard error in the unit of the value; NaN where it cannot be known.
    n : int or array_like of int
        Observations behind the value, or behind each cell.
    name : str
        What the number is called.
    unit : str
        ``"fraction"``, ``"points"``, ``"percent"``, a currency, a count noun or a time unit.
    definition : str
        One English sentence that fixes what was computed.
    index : array_like, optional
        What the cells are: customer ids, ages, channels.
    undefined : str or sequence of (str or None), optional
        Why the value is NaN; one reason for all undefined cells, or one entry a cell.
    band : Band, optional
        How limits follow from the value; by default plus and minus z standard errors. Give ``clm.stats.Normal(0, 1)``
        or another band with a range where the quantity has one.
    sources : tuple of Linearised, optional
        How the value moves with the parameters of each fit behind it; totals need it.
    caveats : tuple of str, optional
        What a careful reader should know before quoting the number.

    Attributes
    ----------
    undefined : None, str or ndarray of object
        None where everything is defined; else the reason, or an array with a reason a cell (None where defined).

    Raises
    ------
    InvalidDataError
        If a value is infinite, or NaN without a reason, if a standard error or a count is negative or infinite, if
        the shapes do not agree, or if something is not numeric.

    Examples
    --------
    >>> basket = clm.Estimate(
    ...     value=3.4,
    ...     standard_error=0.2,
    ...     n=75,
    ...     name="basket",
    ...     unit="items",
    ...     definition="Mean items an order in May.",
    ... )
    >>> basket
    <basket: 3.4 items (95% interval 3.008 to 3.792; n = 75)>
    >>> low, high = basket.confidence_interval(0.9)
    >>> round(low, 2), round(high, 2)
    (3.07, 3.73)
    """

    value: V = array_field(converter=lambda value: scalar_or_array(value, "value"))
    standard_error: V = array_field(converter=lambda error: scalar_or_array(error, "standard_error"), default=np.nan)
    n: int | IntArray = array_field(converter=_count)
    name: str
    unit: str
    definition: str
    index: Array | None = array_field(
        default=None, converter=lambda index: None if index is None else frozen_array(index)
    )
    undefined: Any = array_field(default=None)
    band: Band = field(factory=Normal)
    sources: tuple[Linearised, ...] = field(default=(), converter=_tuple)
    caveats: tuple[str, ...] = field(default=(), converter=_tuple)

    __setstate__ = seal

    @undefined.validator
    def _reasons(self, _: Attribute[Any], undefined: Any) -> None:
        # A frozen attribute may be normalised once, here, where the value is known.
        object.__setattr__(self, "undefined", _reasons(self.name, self.value, undefined))

    def __attrs_post_init__(self) -> None:
        shape = np.asarray(self.value).shape
        for what in ("standard_error", "n"):
            given = getattr(self, what)
            if np.shape(given) not in {(), shape}:
                self._misfit(what, np.shape(given))
            if shape and np.ndim(given) == 0:
                object.__setattr__(self, what, frozen_array(np.full(shape, given)))
        if self.index is not None and (not shape or self.index.shape[:1] != shape[:1]):
            self._misfit("index", self.index.shape)
        for source in self.sources:
            if source.gradient.shape[:-1] != shape:
                self._misfit("the gradient of a source", source.gradient.shape)
        error = np.asarray(self.standard_error)
        if (np.isinf(error) | (error < 0)).any():
            raise InvalidDataError(f"{self.name}: a standard error is negative or infinite. Give NaN if unknown.")
        missing = np.isnan(np.asarray(self.value))
        if missing.any():
            error = np.where(missing, np.nan, error)
            object.__setattr__(self, "standard_error", scalar_or_array(error, "standard_error"))

    def _misfit(self, what: str, shape: tuple[int, ...]) -> Never:
        raise InvalidDataError(
            f"{self.name}: {what} has shape {shape}, the value {np.asarray(self.value).shape}. Give one entry a cell."
        )

    def confidence_interval(self, level: float = 0.95) -> Interval[V]:
        """Return limits that contain the value and stay inside the quantity's range.

        They bound the expectation, not a future observation.

        Parameters
        ----------
        level
            Nominal coverage, inside (0, 1).

        Returns
        -------
        Interval
            ``low`` and ``high`` of the value's shape; NaN where no interval can be stated.

        Raises
        ------
        InvalidDataError
            If `level` is not inside (0, 1).
        """
        value, error = np.asarray(self.value), np.asarray(self.standard_error)
        low, high = self.band.limits(value, error, check_level(level))
        undefined = np.isnan(value)  # it may still have a limit on one side, as a median that was not reached
        low = np.where(undefined, low, np.minimum(low, value))
        high = np.where(undefined, high, np.maximum(high, value))
        return Interval(low=low, high=high, level=level, method=self.band.method)  # type: ignore[arg-type]  # the converter makes V of an array

    def sum(self, by: Any = None) -> Estimate[Any]:
        """Add the cells up, all of them or by group.

        Cells that come from a fit share its parameters, so their errors are added with the parameters' covariance;
        other cells are taken as independent.

        Parameters
        ----------
        by : array_like, optional
            One label a cell; the result then has one cell a label, sorted.

        Returns
        -------
        Estimate
            The total, or one total a group.

        Raises
        ------
        InvalidDataError
            If this is a single number or a matrix, or `by` does not fit.
        """
        return self._combine(by, mean=False)

    def mean(self, by: Any = None) -> Estimate[Any]:
        """Average the cells, all of them or by group; errors as in `sum`.

        Parameters
        ----------
        by : array_like, optional
            One label a cell; the result then has one cell a label, sorted.

        Returns
        -------
        Estimate
            The mean, or one mean a group.

        Raises
        ------
        InvalidDataError
            If this is a single number or a matrix, or `by` does not fit.
        """
        return self._combine(by, mean=True)

    def _combine(self, by: Any, *, mean: bool) -> Estimate[Any]:
        value: FloatArray = np.asarray(self.value)
        if value.ndim != 1:
            what = "a single number" if value.ndim == 0 else "a matrix"
            raise InvalidDataError(f"{self.name} is {what}: only a row of cells can be added up.")
        codes, labels = (np.zeros(value.size, np.intp), None) if by is None else grouped(by, value.size)
        groups = 1 if labels is None else len(labels)
        cells = np.bincount(codes, minlength=groups)
        scale = 1 / np.maximum(cells, 1) if mean else np.ones(groups)
        sources = tuple(source.added(codes, scale) for source in self.sources)
        joint = self.band.added(codes, scale) if isinstance(self.band, Draws) else None
        if joint is not None:
            variance = joint.variance()
        elif sources:
            variance = np.sum([source.variance() for source in sources], axis=0)
        else:
            variance = np.bincount(codes, np.square(np.asarray(self.standard_error)), minlength=groups) * scale**2
        total = np.bincount(codes, value, minlength=groups) * scale
        if mean:
            total = np.where(cells > 0, total, np.nan)
        error = np.sqrt(np.maximum(variance, 0.0))  # rounding may leave a certain total a hair below 0
        counts = (
            np.maximum.reduceat(np.asarray(self.n)[np.argsort(codes, kind="stable")], np.cumsum(cells) - cells)
            if (sources and value.size)
            else np.bincount(codes, np.asarray(self.n), minlength=groups)
        )
        reasons: Any = self._combined_reasons(codes, total, cells)
        if labels is None:
            total, error, counts, reasons = total[0], error[0], counts[0], reasons[0]
            sources = tuple(Linearised(gradient=s.gradient[0], covariance=s.covariance) for s in sources)
            joint = None if joint is None else joint.only()
        kind, scope = "Mean" if mean else "Sum", "all cells" if by is None else "each group of cells"
        counted_fraction = self.unit == "fraction" and not mean
        return Estimate(
            value=total,
            standard_error=error,
            n=counts,
            name=f"{'mean' if mean else 'total'} {self.name}",
            unit="count" if counted_fraction else self.unit,
            index=labels,
            undefined=reasons,
            definition=f"{kind} over {scope} of: {self.definition}",
            band=combined_band(self.band, mean=mean) if joint is None else joint,
            sources=sources,
            caveats=self.caveats,
        )

    def _combined_reasons(self, codes: Any, total: FloatArray, cells: Any) -> list[str | None]:
        if self.undefined is None:
            return (
                [None if count else "there is no cell to average" for count in cells]
                if np.isnan(total).any()
                else [None] * len(total)
            )
        missing = np.isnan(np.asarray(self.value))
        counts = np.bincount(codes[missing], minlength=len(total))
        first = {int(codes[i]): self.undefined[i] for i in np.flatnonzero(missing)[::-1]}
        return [
            f"{count:,} of {of:,} cells are undefined, the first because {first[i]}" if count else None
            for i, (count, of) in enumerate(zip(counts, cells, strict=True))
        ]

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return the cells as columns, for ``clm.to_frame``.

        Parameters
        ----------
        level
            Nominal coverage of the limits.

        Returns
        -------
        dict of str to (cells,) ndarray
            ``index`` where there is one, ``value, standard_error, low, high, n, undefined``.

        Raises
        ------
        InvalidDataError
            If this is a matrix: the table that it belongs to has its columns.
        """
        if np.asarray(self.value).ndim > 1:
            raise InvalidDataError(f"{self.name} is a matrix, which has no single column. Ask the table it comes from.")
        interval = self.confidence_interval(level)
        cells = {
            "value": self.value,
            "standard_error": self.standard_error,
            "low": interval.low,
            "high": interval.high,
            "n": self.n,
        }
        columns = {name: np.atleast_1d(np.asarray(cell)) for name, cell in cells.items()}
        undefined = np.full(columns["value"].shape, None, object)
        if self.undefined is not None:
            undefined[:] = self.undefined
        index = {} if self.index is None else {"index": np.asarray(self.index)}
        return {**index, **columns, "undefined": undefined}

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain numbers, strings and lists that JSON can hold; NaN becomes None, with the reason beside it.

        Parameters
        ----------
        level
            Nominal coverage of the interval that is written out.

        Returns
        -------
        dict
            Keys ``name, value, standard_error, n, unit, definition, undefined, index, interval, caveats``.
        """
        interval = self.confidence_interval(level)
        limits: dict[str, Any] = {
            "level": interval.level,
            "method": interval.method,
            "low": plain(interval.low),
            "high": plain(interval.high),
        }
        if np.isinf(np.asarray([interval.low, interval.high])).any():
            limits["unbounded"] = True
        return {
            "name": self.name,
            "value": plain(self.value),
            "standard_error": plain(self.standard_error),
            "n": plain(self.n),
            "unit": self.unit,
            "definition": self.definition,
            "undefined": plain(self.undefined),
            "index": plain(self.index),
            "interval": limits,
            "caveats": list(self.caveats),
        }

    def __float__(self) -> float:
        if np.asarray(self.value).ndim:
            raise TypeError(
                f"{self.name} holds {np.asarray(self.value).size} cells, not one number: read .value, .sum() or .mean()"
            )
        return float(self.value)  # type: ignore[arg-type]  # a single number, as just checked

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001  # NumPy calls it so
        array = np.asarray(self.value, dtype)
        return array.copy() if copy else array

    def __repr__(self) -> str:
        return f"<{summary(self)}>"

    def _repr_html_(self) -> str:
        return f"<div>{escape(summary(self))}<br><small>{escape(self.definition)}</small></div>"


def _reasons(name: str, value: Any, undefined: Any) -> Any:
    array = np.asarray(value)
    if np.isinf(array).any():
        raise InvalidDataError(f"{name} is infinite: an estimate is finite, or NaN with a reason in undefined=.")
    missing = np.isnan(array)
    if array.ndim == 0:
        if missing and not (isinstance(undefined, str) and undefined):
            raise InvalidDataError(f"{name} is NaN without a reason. Give undefined=, one sentence that says why.")
        return undefined if missing else None
    if not missing.any():
        return None
    reasons = np.full(array.shape, None, dtype=object)
    if undefined is None or isinstance(undefined, str):
        reasons[missing] = undefined
    else:
        given = np.asarray(undefined, dtype=object)
        if given.shape != array.shape:
            raise InvalidDataError(
                f"{name}: undefined has shape {given.shape}, the value {array.shape}. Give one entry a cell."
            )
        reasons[missing] = given[missing]
    bare = sum(not (isinstance(reason, str) and reason) for reason in reasons[missing])
    if bare:
        raise InvalidDataError(f"{name} is NaN without a reason in {bare:,} of {array.size:,} cells. Give undefined=.")
    reasons.setflags(write=False)
    return reasons
