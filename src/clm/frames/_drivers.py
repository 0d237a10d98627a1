"""Drivers of an overall answer, from the columns of any frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from clm.errors import InvalidDataError, nearest
from clm.frames._answers import blank_of
from clm.frames._source import open_table
from clm.satisfaction import Answers, Scale, code_answers, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.frames._source import Table
    from clm.satisfaction import Drivers
    from clm.typing import BoolArray, FloatArray, RandomState

DriverGapRule: TypeAlias = Literal["drop", "raise"]

_RULES: Final = ("drop", "raise")
_MOST: Final = 1e100  # the square of an answer has to be a float


def drivers(
    answers: Any,
    drivers: Sequence[str],
    *,
    score: str | None = None,
    scale: Scale | Mapping[str, Scale] | None = None,
    missing: DriverGapRule = "drop",
    resamples: int = 1000,
    rng: RandomState = 0,
) -> Drivers:
    """Ask what an overall score goes along with: how much each driver explains, and how well it is rated.

    It is association, not cause: what explains a score need not move it.

    Parameters
    ----------
    answers
        Any frame or `Source`, one row a respondent, a column of numbers for each question.
    drivers : sequence of str
        Columns of the drivers, 1 to 15; every subset of them is a regression.
    score
        Column of the overall score, ``"score"`` by default.
    scale : Scale or mapping of column to Scale, optional
        The drivers' scales. Answers off them are refused, and ratings run from 0, worst, to 100, best, so that drivers
        on different scales can be compared.
    missing : {"drop", "raise"}
        Leave respondents with a missing answer out, or refuse them.
    resamples : int
        Bootstrap samples for the intervals; 0 for none.
    rng
        Seed or generator.

    Returns
    -------
    Drivers
        ``importance`` and ``performance`` of each driver, ``r_squared``, ``correlation``, ``beta``, ``quadrant``.
        Undefined, with the reason, where the score does not vary or respondents are too few.

    Raises
    ------
    InvalidDataError
        If a column is not there, named twice, or not numeric; an answer is infinite or off its scale; there are too
        many drivers.

    Notes
    -----
    The importance of a driver is its gain in R squared, averaged over all orders in which drivers can enter the
    regression [1]_, its Shapley value: correlated drivers share what they explain together, and all add up to R
    squared. A driver that others determine shares with them; one that does not vary gets 0. Intervals are percentiles
    of resampled respondents; R squared, and with it importance, is too high for few of them.

    References
    ----------
    .. [1] Lindeman, Merenda and Gold (1980), Introduction to Bivariate and Multivariate Analysis, 119 ff.; Groemping
       (2006), Journal of Statistical Software 17(1).

    Examples
    --------
    >>> answers = {
    ...     "score": [9, 3, 10, 6, 8, 2, 7, 10],
    ...     "speed": [5, 2, 5, 3, 4, 1, 3, 5],
    ...     "price": [3, 2, 4, 2, 5, 2, 3, 3],
    ... }
    >>> found = clm.drivers(answers, ["speed", "price"], scale=clm.Scale(1, 5))
    >>> found
    <Drivers of score: speed 0.741, price 0.219; R squared 0.961, n = 8; association, not cause>
    >>> found.performance.value.round(1)
    array([62.5, 50. ])
    """
    if missing not in _RULES:
        raise InvalidDataError(
            f"missing={missing!r} is not one of {', '.join(map(repr, _RULES))}.{nearest(str(missing), _RULES)}"
        )
    names = _names(drivers)
    table = open_table(
        answers, {"score": score, **{name: name for name in names}}, required=("score", *names), what="answers"
    ).collected()
    outcome = table.names["score"]
    if outcome in names:
        raise InvalidDataError(f"{outcome!r} is the score and a driver, too: it would explain itself. Leave it out.")
    scales = _scales(scale, names)
    columns = {name: _numbers(table, name, scales.get(name)) for name in names}
    columns[outcome] = _finite(table.column("score").numbers(outcome), outcome)
    rows = np.column_stack(list(columns.values()))
    gone: BoolArray = np.asarray(np.isnan(rows).any(axis=1))
    if missing == "raise" and gone.any():
        raise InvalidDataError(
            f'an answer is missing for {_where(gone)}. Leave those respondents out with missing="drop".'
        )
    ratings = None
    if scales:
        ratings = np.column_stack([_rated(columns[name], scales[name]) for name in names])
    return explain(outcome, names, rows, ratings=ratings, resamples=resamples, rng=rng)


def _names(drivers: Any) -> tuple[str, ...]:
    names = tuple(drivers.tolist() if isinstance(drivers, np.ndarray) else drivers) if _several(drivers) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidDataError(f"drivers must name columns, as in ['speed', 'price'], not {drivers!r}.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidDataError(f"driver {twice[0]!r} is named twice. Name it once.")
    return names


def _several(drivers: Any) -> bool:
    return isinstance(drivers, (list, tuple, np.ndarray)) and np.ndim(drivers) == 1


def _scales(scale: Any, names: tuple[str, ...]) -> dict[str, Scale]:
    if scale is None:
        return {}
    given = dict(scale) if isinstance(scale, Mapping) else dict.fromkeys(names, scale)
    without = [name for name in names if not isinstance(given.get(name), Scale)]
    if without:
        raise InvalidDataError(f"driver {without[0]!r} has no clm.Scale. Give one for every driver, or none.")
    return given


def _numbers(table: Table, name: str, scale: Scale | None) -> FloatArray:
    column = table.column(name)
    if scale is None:
        return _finite(column.numbers(name), name)
    blank = blank_of(column)
    try:
        Answers.tally(column.values, scale, blank=blank)  # what is off the scale is refused here, with its row
    except InvalidDataError as error:
        raise InvalidDataError(f"{name}: {error}") from error
    return np.array([*scale.points, np.nan], float)[code_answers(column.values, scale, blank=blank)]


def _finite(values: FloatArray, name: str) -> FloatArray:
    beyond = np.abs(values) > _MOST
    if beyond.any():
        raise InvalidDataError(f"{name} is infinite, or beyond {_MOST:g}, for {_where(beyond)}. Leave them empty.")
    return values


def _rated(values: FloatArray, scale: Scale) -> FloatArray:
    worst, best = (scale.low, scale.high) if scale.higher_is_better else (scale.high, scale.low)
    return 100 * (values - worst) / (best - worst)


def _where(bad: BoolArray) -> str:
    return f"{int(bad.sum()):,} of {len(bad):,} respondents, first at row {int(np.argmax(bad))}"
