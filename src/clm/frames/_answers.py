"""Survey scores of any column: counted in numpy, or where the data are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import narwhals.stable.v2 as nw
import numpy as np

from clm.errors import InvalidDataError
from clm.frames._column import read_sequence, read_series
from clm.frames._source import Source, Table, collect, open_table
from clm.satisfaction import CES, CSAT, NPS, Answers, Scale
from clm.satisfaction._answers import LEAST_WEIGHT, MOST_WEIGHT, check_rules

if TYPE_CHECKING:
    from clm.frames._column import Column
    from clm.satisfaction._answers import MissingRule, OffScaleRule
    from clm.satisfaction._ces import Scoring
    from clm.satisfaction._csat import CSATScoring

NPS_SCALE: Final = Scale.nps()
CSAT_SCALE: Final = Scale.csat()
CES_SCALE: Final = Scale.ces2()

_MOST_DISTINCT = 10_000  # answers that a scale may mistake; more distinct values are no answers
_EAGER = (np.ndarray, list, tuple)


def nps(
    answers: Any,
    *,
    score: str | None = None,
    weights: Any = None,
    missing: MissingRule = "drop",
    scale: Scale = NPS_SCALE,
    off_scale: OffScaleRule = "raise",
    population: int | None = None,
) -> NPS:
    """Score how likely customers are to recommend: percent promoters less percent detractors.

    Parameters
    ----------
    answers
        A sequence, array or series of answers, or a frame or `Source` with a column of them. A lazy frame is counted
        where it is.
    score
        Name of the column, ``"score"`` by default.
    weights
        What each respondent counts for, positive: one number an answer, or the name of a column.
    missing : {"drop", "raise", "neutral"}
        Leave missing answers out, refuse them, or count them as passives.
    scale
        The scale of the question. Beside 0 to 10 its boxes must be given.
    off_scale : {"raise", "missing"}
        Refuse answers that are not on the scale, or count them as missing.
    population
        How many could have answered, where they are few, as a firm's employees (eNPS). Errors are then those of drawing
        without replacement; if all answered there are none.

    Returns
    -------
    NPS
        ``value`` -100 to 100, ``promoters``, ``passives``, ``detractors``, ``n``, ``missing``; with weights also
        ``effective_n`` and the ``unweighted`` score. NaN with the reason where there are no answers.

    Raises
    ------
    InvalidDataError
        If an answer is off the scale, fractional, text or a boolean; a weight is not positive, or there is not one an
        answer; the column is not there; the scale has no boxes that say who promotes.

    Notes
    -----
    See `NPS` for the interval and where it falls short.

    Examples
    --------
    >>> nps = clm.nps([10, 9, 9, 8, 7, 3, None])
    >>> nps.promoters, nps.passives, nps.detractors, nps.missing
    (3, 2, 1, 1)
    >>> nps
    <NPS: 33.33 points (95% interval -26.74 to 71.19; n = 6)>
    """
    counted = count_column(answers, score=score, weights=weights, missing=missing, scale=scale, off_scale=off_scale)
    return NPS(counted.of_population(population))


def csat(
    answers: Any,
    *,
    score: str | None = None,
    weights: Any = None,
    missing: MissingRule = "drop",
    scale: Scale = CSAT_SCALE,
    scoring: CSATScoring = "top",
    off_scale: OffScaleRule = "raise",
    population: int | None = None,
) -> CSAT:
    """Score satisfaction: the percent of answers in the good box.

    Parameters
    ----------
    answers, score, weights, off_scale, population
        As for `nps`.
    missing : {"drop", "raise", "neutral"}
        Leave missing answers out, refuse them, or, where boxes are counted, count them as neither good nor bad.
    scale
        The scale of the question, 1 to 5 by default. Where its boxes were not given, the customary top box counts.
    scoring : {"top", "mean", "net", "nsat", "nsi"}
        Percent in the top box; or the mean answer, top box less bottom box, Microsoft's NSAT on four points, or the
        mean from 0 to 100.

    Returns
    -------
    CSAT
        ``value``, 0 to 100 by default, ``satisfied``, ``n``, ``missing``, ``counts``.

    Raises
    ------
    InvalidDataError
        As for `nps`; if the scale has no customary top box and none was given, where boxes are counted.

    Examples
    --------
    >>> clm.csat(["good", "bad", "good", None, "good"], scale=clm.Scale.zendesk()).value
    75.0
    """
    counted = count_column(answers, score=score, weights=weights, missing=missing, scale=scale, off_scale=off_scale)
    return CSAT(counted.of_population(population), scoring)


def ces(
    answers: Any,
    *,
    score: str | None = None,
    weights: Any = None,
    missing: MissingRule = "drop",
    scale: Scale = CES_SCALE,
    scoring: Scoring = "mean",
    off_scale: OffScaleRule = "raise",
    population: int | None = None,
) -> CES:
    """Score effort: the mean answer, or the percent who found it easy.

    Parameters
    ----------
    answers, score, weights, off_scale, population
        As for `nps`.
    missing : {"drop", "raise", "neutral"}
        Leave missing answers out, refuse them, or, except in a mean, count them as neither easy nor difficult.
    scale
        The scale of the question, 1 to 7 by default; ``clm.Scale.ces1()`` where effort itself was asked.
    scoring : {"mean", "agree", "net"}
        The mean in points of the scale, the percent of answers on the good side, or that less the percent on the bad
        side.

    Returns
    -------
    CES
        ``value``, ``n``, ``missing``, ``counts``, ``higher_is_better``.

    Raises
    ------
    InvalidDataError
        As for `nps`; if missing answers are to be neutral in a mean.

    Examples
    --------
    >>> clm.ces([1, 2, 2, 3, 5], scale=clm.Scale.ces1()).value
    2.6
    """
    counted = count_column(answers, score=score, weights=weights, missing=missing, scale=scale, off_scale=off_scale)
    return CES(counted.of_population(population), scoring)


def count_column(
    given: Any,
    *,
    score: str | None,
    weights: Any,
    missing: MissingRule,
    scale: Scale,
    off_scale: OffScaleRule,
) -> Answers:
    """Count a sequence, or a column of a frame where it is."""
    if is_column(given):
        if score is not None:
            raise InvalidDataError(
                f"score={score!r} names a column, but answers is a {type(given).__name__}. Pass the frame, or no name."
            )
        if isinstance(weights, str):
            raise InvalidDataError(f"weights={weights!r} names a column, but answers is no frame. Pass the weights.")
        values, blank = plain_answers(given)
        return Answers.tally(values, scale, blank=blank, weights=weights, missing=missing, off_scale=off_scale)
    by_name = isinstance(weights, str)
    table = open_table(
        given,
        {"score": score, "weights": weights if by_name else None},
        required=("score", "weights") if by_name else ("score",),
        what="answers",
    )
    if table.lazy:
        if weights is not None and not by_name:
            raise InvalidDataError("a lazy frame has no row order for weights to follow. Name a column of it.")
        return _pushed_down(table, scale, missing=missing, off_scale=off_scale)
    if by_name:
        weights = table.column("weights").numbers(table.names["weights"])
    column = table.column("score")
    return Answers.tally(
        column.values, scale, blank=blank_of(column), weights=weights, missing=missing, off_scale=off_scale
    )


def tallied_score(method: Any, counts: Mapping[Any, int], options: Mapping[str, Any]) -> NPS | CSAT | CES:
    """Return what `nps`, `csat` or `ces` gives for answers that are counted already, without weights.

    Parameters
    ----------
    method
        One of the three.
    counts
        How often each answer was given, None for no answer.
    options
        The method's options, all of them.
    """
    rules = {name: options[name] for name in ("missing", "off_scale")}
    answers = Answers.from_counts(counts, options["scale"], **rules).of_population(options["population"])
    if method is nps:
        return NPS(answers)
    return CES(answers, options["scoring"]) if method is ces else CSAT(answers, options["scoring"])


def is_column(given: Any) -> bool:
    """Whether answers came as a sequence or series, instead of in a frame."""
    if isinstance(given, (Source, Mapping, str, bytes, set, frozenset)):
        return False
    if isinstance(given, _EAGER):
        return True
    known = nw.from_native(given, allow_series=True, pass_through=True)
    if isinstance(known, (nw.DataFrame, nw.LazyFrame)):
        return False
    return isinstance(known, nw.Series) or hasattr(given, "__len__")


def plain_answers(given: Any) -> tuple[Any, Any]:
    """Return values and the mask of what is missing, of a plain array without looking at it."""
    if type(given) is np.ndarray and given.dtype.kind in "iuf":
        if given.ndim != 1:
            raise InvalidDataError(f"answers have {given.ndim} dimensions. Give one entry an answer.")
        return given, None
    series = nw.from_native(given, series_only=True, pass_through=True)
    column = read_series(series) if isinstance(series, nw.Series) else read_sequence(given, "answers")
    return column.values, blank_of(column)


def blank_of(column: Column) -> Any:
    """Return the mask of what is missing, None where nothing is."""
    return column.missing if column.missing.any() else None


def _pushed_down(table: Table, scale: Scale, *, missing: MissingRule, off_scale: OffScaleRule) -> Answers:
    """Count a lazy frame in its own engine: a billion answers come back as one row a point."""
    check_rules(scale, missing, off_scale)  # before anything runs
    score, weights = table.names["score"], table.names.get("weights")
    frame = table.frame.select(answer=nw.col(score), **({"weight": nw.col(weights)} if weights else {}))
    if weights:
        _check_numeric(table.frame.collect_schema()[weights], weights)
        frame = _with_weights(frame)
    sums = [nw.len().cast(nw.Int64()).alias("rows")]
    if weights:
        sums += [nw.col("weight").sum(), nw.col("squared").sum(), nw.col("refused").sum().cast(nw.Int64())]
    # Polars 1.20 panics on a head right after a group_by; every group has rows, so that the filter only parts the two.
    counted = frame.group_by("answer").agg(*sums).filter(nw.col("rows") > 0).head(_MOST_DISTINCT)
    small = collect(counted, table.engine, table.what)
    if len(small) == _MOST_DISTINCT:
        raise InvalidDataError(f"column {score!r} holds {_MOST_DISTINCT:,} distinct values or more: it is no answer.")
    column = read_series(small["answer"])
    distinct = [None if gone else value for value, gone in zip(column.values.tolist(), column.missing, strict=True)]
    counts = _added_up(distinct, small["rows"].to_list())
    if not weights:
        return Answers.from_counts(counts, scale, missing=missing, off_scale=off_scale)
    refused = sum(small["refused"].to_list())
    if refused:
        raise InvalidDataError(
            f"weight is not positive, or beyond {MOST_WEIGHT:g}, in {refused:,} of {sum(counts.values()):,} rows."
            " Leave those respondents out."
        )
    return Answers.from_counts(
        counts,
        scale,
        weight=_added_up(distinct, small["weight"].to_list()),
        weight_squared=_added_up(distinct, small["squared"].to_list()),
        missing=missing,
        off_scale=off_scale,
    )


def _check_numeric(dtype: Any, name: str) -> None:
    """Refuse weights that an engine would cast: booleans, and text that happens to read as numbers."""
    if dtype.is_numeric() or dtype == nw.Unknown:  # a column of nulls alone has no type in some engines
        return
    what = {nw.Boolean: "booleans", nw.String: "text"}.get(type(dtype), f"{dtype} values")
    raise InvalidDataError(f"column {name!r} holds {what}, but numbers are expected. Convert it to numbers first.")


def _with_weights(frame: Any) -> Any:
    weight = nw.col("weight").cast(nw.Float64())
    good = (weight >= LEAST_WEIGHT) & (weight <= MOST_WEIGHT)
    # Null compares as null and NaN as the largest: only a weight that is known to be good is.
    checked = frame.with_columns(weight=nw.when(good).then(weight).otherwise(nw.lit(0.0)))
    return checked.with_columns(
        squared=nw.col("weight") * nw.col("weight"),
        refused=nw.when(nw.col("weight") > 0).then(nw.lit(0)).otherwise(nw.lit(1)),
    )


def _added_up(answers: list[Any], numbers: list[Any]) -> dict[Any, Any]:
    # Null and NaN are two groups in some engines, and one missing answer here.
    added: dict[Any, Any] = {}
    for answer, number in zip(answers, numbers, strict=True):
        added[answer] = added.get(answer, 0) + number
    return added
