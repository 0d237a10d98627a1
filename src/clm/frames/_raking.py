"""Weigh the respondents of any frame to what is known of the population."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals.stable.v2 as nw
import numpy as np

from clm.errors import InvalidDataError
from clm.frames._column import read_series
from clm.frames._ids import by_dictionary
from clm.frames._source import collect, open_table
from clm.satisfaction import SurveyWeights, checked_margins, weigh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.frames._column import Column
    from clm.frames._source import Table
    from clm.typing import IntArray

_MOST_CELLS: Final = 100_000


def rake(
    respondents: Any,
    targets: Mapping[str, Mapping[Any, float]],
    *,
    trim: float | None = None,
    tol: float = 1e-9,
    max_sweeps: int = 1000,
) -> SurveyWeights:
    """Weigh respondents so that each of several variables adds up to what the population has of it.

    The variables' joint distribution need not be known, only each on its own.

    Parameters
    ----------
    respondents
        Any frame or `Source`, one row a respondent.
    targets : mapping of column to mapping of category to number
        Counts or shares of the population, as ``{"plan": {"basic": 800, "pro": 200}, "region": {...}}``. Every category
        needs one, and all variables the same total. Where they are shares, of total 1, weights have mean 1.
    trim : float, optional
        No respondent shall count for more than this many times the mean; above 1. Targets may then be missed:
        ``converged``, ``max_error`` and the report say by how much.
    tol : float
        How far a category may be from its target, relative to it.
    max_sweeps : int
        How often all variables are gone through.

    Returns
    -------
    SurveyWeights
        ``weights`` in the order of the rows, ``effective_n``, ``design_effect``, the report for ``clm.to_frame``; goes
        wherever `weights` go.

    Raises
    ------
    InvalidDataError
        If a category is missing in a row, has no target, or a target but no respondents; if the targets contradict each
        other: their totals differ, or no positive weights of these respondents meet them.
    ConvergenceError
        If the targets could be met, but were not within `max_sweeps`.

    Notes
    -----
    Iterative proportional fitting [1]_, on cells of respondents who are alike.

    References
    ----------
    .. [1] Deming and Stephan (1940), Annals of Mathematical Statistics 11, 427-444.

    Examples
    --------
    >>> panel = {"plan": ["basic", "basic", "pro", "pro"], "region": ["EU", "US", "EU", "US"], "score": [9, 3, 10, 8]}
    >>> weights = clm.rake(panel, {"plan": {"basic": 80, "pro": 20}, "region": {"EU": 50, "US": 50}})
    >>> weights.weights.round(2).tolist()
    [40.0, 40.0, 10.0, 10.0]
    >>> nps = clm.nps(panel, weights=weights)
    >>> round(nps.value, 1), nps.unweighted.value
    (10.0, 25.0)
    """
    if not hasattr(targets, "items") or not targets:
        raise InvalidDataError(
            "targets must map each column to its categories' numbers, as in {'plan': {'basic': 800, 'pro': 200}},"
            f" not {targets!r}."
        )
    start = _start(respondents, tuple(targets), targets)
    return weigh(start, tol=tol, max_sweeps=max_sweeps, trim=trim)


def post_stratify(
    respondents: Any, targets: Mapping[Any, float], *, strata: str | Sequence[str], trim: float | None = None
) -> SurveyWeights:
    """Weigh respondents so that each stratum counts for what the population has of it.

    Parameters
    ----------
    respondents
        Any frame or `Source`, one row a respondent.
    targets : mapping of stratum to number
        Counts or shares of the population. A stratum is a value of the column, or a tuple of values of several:
        ``{("basic", "EU"): 500, ...}``.
    strata : str or sequence of str
        The column, or the columns.
    trim : float, optional
        As for `rake`.

    Returns
    -------
    SurveyWeights

    Raises
    ------
    InvalidDataError
        If a stratum has respondents but no target, or the other way round, or a row has no stratum.

    Notes
    -----
    Each respondent counts for ``N_h / n_h`` of his stratum h [1]_.

    References
    ----------
    .. [1] Holt and Smith (1979), Journal of the Royal Statistical Society A 142, 33-46.

    Examples
    --------
    >>> panel = {"plan": ["basic", "basic", "pro"], "region": ["EU", "US", "EU"]}
    >>> joint = {("basic", "EU"): 50, ("basic", "US"): 30, ("pro", "EU"): 20}
    >>> clm.post_stratify(panel, joint, strata=["plan", "region"]).weights
    array([50., 30., 20.])
    """
    names = (strata,) if isinstance(strata, str) else tuple(strata)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise InvalidDataError(f"strata must be the name of a column, or several different ones, not {strata!r}.")
    if not hasattr(targets, "items") or not targets:
        raise InvalidDataError(f"targets must map each stratum to its number, not be {targets!r}.")
    if len(names) > 1:
        odd = [key for key in targets if not (isinstance(key, tuple) and len(key) == len(names))]
        if odd:
            raise InvalidDataError(
                f"a stratum of {', '.join(names)} is a tuple of {len(names)} values, not {odd[0]!r}."
            )
    joint = {" x ".join(names): targets}
    return weigh(_start(respondents, names, joint), trim=trim)


def _start(respondents: Any, names: tuple[str, ...], targets: Mapping[str, Mapping[Any, float]]) -> SurveyWeights:
    table = open_table(respondents, {name: name for name in names}, required=names, what="respondents")
    cells, counts, cell_of = _lazy_cells(table, names) if table.lazy else _cells(table, names)
    if not counts.sum():
        raise InvalidDataError("there are no respondents to weigh.")
    if len(targets) == 1 and len(names) > 1:
        keys: list[tuple[Any, ...]] = [(cell,) for cell in cells]
    else:
        keys = cells
    return SurveyWeights(
        margins=checked_margins(keys, counts, targets),
        cells=tuple(cells),
        columns=names,
        counts=counts,
        cell_weight=np.ones(len(cells)),
        cell_of=cell_of,
    )


def _cells(table: Table, names: tuple[str, ...]) -> tuple[list[tuple[Any, ...]], IntArray, IntArray | None]:
    """Return the distinct combinations of categories, how often each occurs, and each row's."""
    coded = [_coded(table.column(name), name) for name in names]
    sizes = tuple(max(len(labels), 1) for _, labels in coded)
    if np.prod([float(size) for size in sizes]) > 2**62:
        raise InvalidDataError(f"columns {', '.join(names)} hold too many different values to weigh by.")
    joint = np.ravel_multi_index(tuple(codes for codes, _ in coded), sizes)
    found, cell_of, counts = np.unique(joint, return_inverse=True, return_counts=True)
    _check_size(len(found), names)
    places = np.unravel_index(found, sizes)
    cells = [
        tuple(labels[place] for (_, labels), place in zip(coded, row, strict=True))
        for row in zip(*(place.tolist() for place in places), strict=True)
    ]
    return cells, counts, cell_of


def _coded(column: Column, name: str) -> tuple[IntArray, list[Any]]:
    if column.missing.any():
        raise InvalidDataError(
            f"{name} is missing in {int(column.missing.sum()):,} of {len(column):,} rows, first at row"
            f" {int(np.argmax(column.missing))}. Make it a category with a target of its own, or leave those rows out."
        )
    if column.values.dtype.kind in "iuf":
        distinct, codes = np.unique(column.values, return_inverse=True)
        return codes, distinct.tolist()
    try:
        return by_dictionary(column.values.tolist())
    except TypeError as error:
        raise InvalidDataError(f"column {name!r} holds values that are no categories: {error}.") from error


def _lazy_cells(table: Table, names: tuple[str, ...]) -> tuple[list[tuple[Any, ...]], IntArray, IntArray | None]:
    """Count the combinations in the frame's own engine."""
    counted = table.frame.group_by(*names).agg(clm_rows=nw.len().cast(nw.Int64()))
    small = collect(counted, table.engine, table.what)
    _check_size(len(small), names)
    columns = [read_series(small[name]) for name in names]
    counts = small["clm_rows"].to_numpy().astype(np.int64)
    for name, column in zip(names, columns, strict=True):
        if column.missing.any():
            raise InvalidDataError(
                f"{name} is missing in {int(counts[column.missing].sum()):,} of {int(counts.sum()):,} rows."
                " Make it a category with a target of its own, or leave those rows out."
            )
    cells = list(zip(*(column.values.tolist() for column in columns), strict=True))
    order = sorted(range(len(cells)), key=lambda i: str(cells[i]))  # engines return groups in any order
    return [cells[i] for i in order], counts[order], None


def _check_size(cells: int, names: tuple[str, ...]) -> None:
    if cells > _MOST_CELLS:
        raise InvalidDataError(
            f"columns {', '.join(names)} make {cells:,} different combinations: group their values first."
        )
