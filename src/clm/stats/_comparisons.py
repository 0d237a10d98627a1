"""Several comparisons made together, with p-values that allow for their number."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.stats._arrays import floats, frozen_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.stats._compare import Difference
    from clm.typing import Array, FloatArray, Floats

Adjust: TypeAlias = Literal["holm", "bh"] | None
Pairs: TypeAlias = Literal["all", "first", "previous"]

_KNOWN = ("holm", "bh", None)


@final
@frozen(kw_only=True, repr=False)
class Comparisons:
    """Differences between several numbers; build it with ``clm.compare([a, b, c])``.

    A difference is found by position or by the labels of its pair, as in ``comparisons["basic", "pro"]``.

    Attributes
    ----------
    differences : tuple of Difference
        One a pair, later less earlier.
    adjust : {"holm", "bh", None}
        How p-values were adjusted.

    Examples
    --------
    >>> scores = {
    ...     "basic": clm.NPS.from_counts(detractors=30, passives=40, promoters=30),
    ...     "plus": clm.NPS.from_counts(detractors=25, passives=35, promoters=40),
    ...     "pro": clm.NPS.from_counts(detractors=10, passives=30, promoters=60),
    ... }
    >>> comparisons = clm.compare(scores)
    >>> comparisons["basic", "pro"].value
    50.0
    >>> comparisons.p_values.round(4)
    array([0.1811, 0.    , 0.0018])
    """

    differences: tuple[Difference, ...]
    adjust: Adjust

    @property
    def pairs(self) -> tuple[tuple[Any, Any], ...]:
        """The labels of each pair: (earlier, later)."""
        return tuple(difference.labels for difference in self.differences if difference.labels is not None)

    @property
    def p_values(self) -> FloatArray:
        """Adjusted p-values, shape (pairs,); NaN where a difference is undefined."""
        return frozen_array(np.array([difference.p_value for difference in self.differences], float))

    def __len__(self) -> int:
        return len(self.differences)

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.differences)

    def __getitem__(self, which: int | tuple[Any, Any]) -> Difference:
        if isinstance(which, int):
            return self.differences[which]
        if which in self.pairs:
            return self.differences[self.pairs.index(which)]
        known = ", ".join(map(repr, self.pairs[:10]))
        raise InvalidDataError(f"{which!r} was not compared. Pairs are {known}{', ...' if self.pairs[10:] else ''}.")

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a pair, for ``clm.to_frame``.

        Parameters
        ----------
        level
            Nominal coverage of each difference's own limits.

        Returns
        -------
        dict of str to (pairs,) ndarray
            ``first, second, value, standard_error, low, high, p_value, p_value_unadjusted, n, undefined``.
        """
        limits = [difference.confidence_interval(level) for difference in self.differences]

        def column(values: list[Any], dtype: Any = float) -> Array:
            return np.array(values, dtype)

        estimates = [difference.estimate for difference in self.differences]
        return {
            "first": _labels([first for first, _ in self.pairs]),
            "second": _labels([second for _, second in self.pairs]),
            "value": column([estimate.value for estimate in estimates]),
            "standard_error": column([estimate.standard_error for estimate in estimates]),
            "low": column([limit.low for limit in limits]),
            "high": column([limit.high for limit in limits]),
            "p_value": self.p_values,
            "p_value_unadjusted": column([difference.p_value_unadjusted for difference in self.differences]),
            "n": column([estimate.n for estimate in estimates], np.int64),
            "undefined": column([estimate.undefined for estimate in estimates], object),
        }

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain values that JSON can hold.

        Parameters
        ----------
        level
            Nominal coverage of each difference's own limits.
        """
        return {
            "adjust": self.adjust,
            "differences": [
                {
                    **difference.to_dict(level),
                    "p_value": None if np.isnan(difference.p_value) else difference.p_value,
                }
                for difference in self.differences
            ],
        }

    def __repr__(self) -> str:
        lines = [f"  {difference!r}" for difference in self.differences[:20]]
        more = [f"  and {len(self) - 20:,} more"] if len(self) > 20 else []
        how = {"holm": "adjusted by Holm", "bh": "adjusted by Benjamini and Hochberg", None: "not adjusted"}
        return "\n".join([f"<Comparisons: {len(self):,}, p-values {how[self.adjust]}", *lines, *more]) + ">"


def _labels(labels: list[Any]) -> Array:
    """Return labels as text or numbers where they all are, else as the objects they are."""
    if len({type(label) for label in labels}) == 1 and isinstance(labels[0], (str, int, float)):
        return np.array(labels)
    column = np.empty(len(labels), object)
    for row, label in enumerate(labels):
        column[row] = label
    return column


def adjusted_p_values(p_values: Floats, adjust: Adjust = "holm") -> FloatArray:
    """Adjust p-values for how many there are.

    Parameters
    ----------
    p_values : (tests,) array_like
        Inside [0, 1]; NaN where there was no test, which then does not count as one.
    adjust : {"holm", "bh", None}
        Holm [1]_, Benjamini and Hochberg [2]_, or as they are.

    Returns
    -------
    (tests,) ndarray of float64

    Raises
    ------
    InvalidDataError
        If a p-value lies outside [0, 1], or the method is unknown.

    References
    ----------
    .. [1] Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    .. [2] Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> clm.stats.adjusted_p_values([0.01, 0.04, 0.03, 0.2]).round(4)
    array([0.04, 0.09, 0.09, 0.2 ])
    """
    check_adjust(adjust)
    given = floats(p_values, "p_values")
    if ((given < 0) | (given > 1)).any():
        raise InvalidDataError("p_values must lie between 0 and 1.")
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    rank = np.arange(len(order))
    adjusted = given.copy()
    if adjust == "holm":
        adjusted[order] = np.maximum.accumulate((len(order) - rank) * given[order])
    elif adjust == "bh":
        grown = given[order] * len(order) / (rank + 1)
        adjusted[order] = np.minimum.accumulate(grown[::-1])[::-1]
    return frozen_array(np.minimum(adjusted, 1.0))


def check_adjust(adjust: Any) -> None:
    """Refuse an adjustment that there is not.

    Raises
    ------
    InvalidDataError
        If it is unknown.
    """
    if adjust not in _KNOWN:
        raise InvalidDataError(f"adjust={adjust!r} is not one of 'holm', 'bh', None.{nearest(str(adjust), _KNOWN[:2])}")


def pairs_of(count: int, pairs: Any) -> list[tuple[int, int]]:
    """Return which of several are compared: (earlier, later).

    Raises
    ------
    InvalidDataError
        If there are fewer than two, or the rule is unknown.
    """
    if count < 2:
        raise InvalidDataError(f"compare needs two numbers or more, not {count}.")
    rules = {
        "all": list(combinations(range(count), 2)) if pairs == "all" else [],
        "first": [(0, other) for other in range(1, count)],
        "previous": [(other - 1, other) for other in range(1, count)],
    }
    if pairs not in tuple(rules):
        raise InvalidDataError(f"pairs={pairs!r} is not one of {', '.join(rules)}.{nearest(str(pairs), rules)}")
    return rules[pairs]
