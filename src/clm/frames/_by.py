"""The same number for every group: by segment, by period, over trailing windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from inspect import signature
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, final, overload

import numpy as np
from attrs import field, frozen

from clm.core import FrozenMapping
from clm.errors import InvalidDataError
from clm.frames._answers import ces, csat, nps, tallied_score
from clm.frames._groups import Groups, part_by_column, part_by_period
from clm.frames._output import Columnar
from clm.frames._period import Period
from clm.frames._source import open_table
from clm.satisfaction._answers import check_rules
from clm.stats import Estimate, HasEstimate, NoBand, compare, whole_number

if TYPE_CHECKING:
    from clm.stats import Comparisons
    from clm.typing import Array

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@overload
def by(
    data: Any, group: str | Period, method: Callable[Concatenate[Any, P], R], *args: P.args, **options: P.kwargs
) -> Grouped[R]: ...
@overload
def by(
    data: Any,
    group: str | Period,
    method: Callable[Concatenate[Any, P], R],
    min_n: int,
    *args: P.args,
    **options: P.kwargs,
) -> Grouped[R | Estimate[float]]: ...
def by(data: Any, group: Any, method: Any, *args: Any, min_n: Any = 0, **options: Any) -> Any:
    """Apply a method to each group of rows.

    Parameters
    ----------
    data
        Any frame or `Source`. A lazy frame is asked once a group, for unweighted survey scores once in all; its
        times are fetched where they are text.
    group : str or Period
        A column, or calendar periods: ``clm.Period("quarter", at="answered_at")``.
    method : callable
        What to compute: a function that takes a frame first, as ``clm.nps``, ``clm.csat``, ``clm.rfm``, or one of
        your own.
    min_n : int
        Privacy floor: a result of fewer observations than this becomes an undefined `Estimate` that gives neither
        value nor number. One hidden group can still be told from the total; two cannot.
    options
        The method's own.

    Returns
    -------
    Grouped
        A mapping of label to result, labels ascending. Periods are labelled with the date on which they start, windows
        with that of their last period; those without rows are there, and undefined. Rows whose group is null are in
        none, and counted in ``missing``.

    Raises
    ------
    InvalidDataError
        If a column is not there, the groups cannot be sorted, or the method refuses the rows of a group: the message
        names the group and counts rows within it.

    Examples
    --------
    >>> answers = {"plan": ["pro", "basic", "pro", "basic", None], "score": [10, 3, 9, 9, 8]}
    >>> scores = clm.by(answers, "plan", clm.nps)
    >>> scores["pro"].value, scores["basic"].value, scores.missing
    (100.0, 0.0, 1)
    >>> clm.by(answers, "plan", clm.csat, scale=clm.Scale(0, 10, bottom=5, top=8))["basic"]
    <CSAT: 50 percent (95% interval 9.453 to 90.55; n = 2)>
    """
    if not callable(method):
        raise InvalidDataError(f"method must be a function that takes a frame, as clm.nps, not {method!r}.")
    floor = whole_number(min_n, "min_n")
    parts = _parted(data, group)
    name = group if isinstance(group, str) else group.period
    tallies = _tallies(data, parts, method, args, options)
    results = {}
    for i, label in enumerate(parts.labels):
        if tallies is None:
            result = _applied(name, label, method, parts.rows(i), *args, **options)
        else:
            result = _applied(name, label, tallied_score, method, tallies.counts[i], tallies.options)
        results[label] = _floored(result, floor)
    return Grouped(
        group=name,
        results=results,
        missing=parts.missing,
        outside=parts.outside,
        overlapping=isinstance(group, Period) and group.overlapping,
    )


@final
@frozen(kw_only=True, repr=False)
class Grouped(Mapping[Any, R_co], Generic[R_co]):
    """Results by group: a mapping of label to result; build it with `by`.

    Attributes
    ----------
    group : str
        The column, or the grain of the periods.
    missing : int
        Rows without a group.
    outside : int
        Rows in no period: after ``through``, or before the first one.
    overlapping : bool
        Whether groups share rows, as trailing windows do.
    """

    group: str
    _results: Mapping[Any, R_co] = field(alias="results", converter=FrozenMapping)
    missing: int = 0
    outside: int = 0
    overlapping: bool = False

    def __getitem__(self, label: Any) -> R_co:
        for key in (label, _as_date(label)):
            if key in self._results:
                return self._results[key]
        known = ", ".join(str(key) for key in list(self)[:10])
        raise KeyError(f"no {self.group} {label!r}. There are {known}{', ...' if len(self) > 10 else ''}")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def estimates(self) -> dict[Any, Estimate[Any]]:
        """The number of each group.

        Raises
        ------
        InvalidDataError
            If a result is no number.
        """
        return {label: _estimate(self.group, label, result) for label, result in self.items()}

    def compare(self, adjust: Any = "holm", pairs: Any = "all") -> Comparisons:
        """Compare the groups with each other, as `compare` does.

        Parameters
        ----------
        adjust : {"holm", "bh", None}
            How p-values allow for the number of comparisons.
        pairs : {"all", "first", "previous"}
            Each with each, each with the first, or each with the one before it, as periods ask for.

        Returns
        -------
        Comparisons

        Raises
        ------
        InvalidDataError
            If groups share rows, there are fewer than two, or results are no numbers.

        Examples
        --------
        >>> answers = {"plan": ["a"] * 50 + ["b"] * 50, "score": [10] * 30 + [3] * 20 + [10] * 20 + [3] * 30}
        >>> clm.by(answers, "plan", clm.nps).compare()["a", "b"]
        <b less a: -40 points (95% interval -74.57 to -0.8987; n = 100; p = 0.04467)>
        """
        if self.overlapping:
            raise InvalidDataError(
                "these windows share rows, so that they are not independent. Compare single periods: leave out window="
                " and cumulative=."
            )
        return compare(self.estimates, adjust=adjust, pairs=pairs)

    def to_columns(self) -> dict[str, Array]:
        """Return the columns of all results below each other, the group's label first, for ``clm.to_frame``.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        InvalidDataError
            If results have no columns, or not the same ones.
        """
        parts = []
        for label, result in self.items():
            if not isinstance(result, Columnar):
                raise InvalidDataError(f"{self.group} {label!r} is a {type(result).__name__}, which has no columns.")
            parts.append((label, result.to_columns()))
        names = list(parts[0][1]) if parts else ["value", "standard_error", "low", "high", "n", "undefined"]
        for label, columns in parts:
            if list(columns) != names:
                raise InvalidDataError(f"{self.group} {label!r} has other columns than the first: {list(columns)}.")
        labels = np.empty(sum(_rows(columns) for _, columns in parts), object)
        labels[:] = [label for label, columns in parts for _ in range(_rows(columns))]
        own = self.group if self.group not in names else "group"
        stacked = {name: np.concatenate([columns[name] for _, columns in parts] or [np.empty(0)]) for name in names}
        return {own: _typed(labels), **stacked}

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain values that JSON can hold.

        Parameters
        ----------
        level
            Nominal coverage of the intervals.
        """
        return {
            "group": self.group,
            "missing": self.missing,
            "outside": self.outside,
            "groups": [
                {"label": label if isinstance(label, (str, int, float)) else str(label), **estimate.to_dict(level)}
                for label, estimate in self.estimates.items()
            ],
        }

    def __repr__(self) -> str:
        lines = [f"  {label}: {result!r}" for label, result in list(self.items())[:20]]
        more = [f"  and {len(self) - 20:,} more"] if len(self) > 20 else []
        unplaced = f", {self.missing:,} row{'s' * (self.missing > 1)} without one" if self.missing else ""
        return "\n".join([f"<Grouped by {self.group}: {len(self):,}{unplaced}", *lines, *more]) + ">"


def _parted(data: Any, group: Any) -> Groups:
    if isinstance(group, Period):
        return part_by_period(data, group)
    if isinstance(group, str):
        return part_by_column(data, group)
    raise InvalidDataError(f"group must be the name of a column or a clm.Period, not {type(group).__name__}.")


@final
@frozen
class Tallies:
    """Counted answers of all groups, with the options to score them."""

    counts: list[dict[Any, int]]
    options: dict[str, Any]


def _tallies(data: Any, parts: Groups, method: Any, args: Any, options: Any) -> Tallies | None:
    """Count answers once for all groups, where that helps and the method is a score of unweighted answers."""
    if parts.tally is None or not any(method is score for score in (nps, csat, ces)) or args or not parts.labels:
        return None
    try:
        bound = signature(method).bind(data, **options)
    except TypeError:
        return None  # the method itself says what is wrong with its options
    bound.apply_defaults()
    if bound.arguments["weights"] is not None:
        return None
    check_rules(*(bound.arguments[name] for name in ("scale", "missing", "off_scale")))
    table = open_table(data, {"score": bound.arguments["score"]}, required=("score",), what="answers")
    counts = parts.tally(table.names["score"])
    return None if counts is None else Tallies(counts, bound.arguments)


def _applied(name: str, label: Any, method: Any, *args: Any, **options: Any) -> Any:
    try:
        return method(*args, **options)
    except InvalidDataError as error:
        raise InvalidDataError(f"{name} {_shown(label)} (rows are counted within it): {error}") from error


def _floored(result: Any, floor: int) -> Any:
    if not floor:
        return result
    if not hasattr(result, "n"):
        raise InvalidDataError(
            f"min_n={floor} needs results that count their observations in n, unlike a {type(result).__name__}."
        )
    if result.n >= floor or result.n == 0:
        return result
    reason = f"there are fewer than {floor} observations"
    name, unit = getattr(result, "name", type(result).__name__), getattr(result, "unit", "")
    definition = getattr(result, "definition", "Not shown.")
    return Estimate(
        value=np.nan, n=0, name=name, unit=unit, definition=definition, undefined=reason, band=NoBand(reason)
    )


def _estimate(group: str, label: Any, result: Any) -> Estimate[Any]:
    estimate = result.estimate if isinstance(result, HasEstimate) else result
    if not isinstance(estimate, Estimate):
        raise InvalidDataError(f"{group} {_shown(label)} is a {type(result).__name__}, not one number.")
    return estimate


def _shown(label: Any) -> str:
    return str(label) if isinstance(label, date) else repr(label)


def _as_date(label: Any) -> Any:
    """Return the date that ISO text or an instant at midnight names, as labels of periods are."""
    if isinstance(label, str):
        try:
            return date.fromisoformat(label)
        except ValueError:
            return label
    return label.date() if isinstance(label, datetime) else label


def _rows(columns: Mapping[str, Any]) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def _typed(labels: Array) -> Array:
    """Return labels in the array type that holds them: days as days, whole numbers as such."""
    kinds = {type(label) for label in labels}
    if kinds == {date}:
        return labels.astype("M8[D]")
    if kinds == {datetime}:
        return labels.astype("M8[us]")
    return np.array(labels.tolist()) if len(kinds) == 1 and kinds <= {str, int, float, bool} else labels
