"""Scores that know who answered: the same respondents twice, and several answers a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from attrs import evolve

from clm.data import MISSING, Zone
from clm.errors import InvalidDataError, nearest
from clm.frames._answers import blank_of, is_column, plain_answers
from clm.frames._epoch import instants
from clm.frames._ids import identify
from clm.frames._source import open_table
from clm.satisfaction import Answers, Contributions, PairedDifference, code_answers
from clm.satisfaction._answers import LEAST_WEIGHT, MOST_WEIGHT
from clm.stats import Estimate, NoBand, StudentT, figure

if TYPE_CHECKING:
    from clm.frames._source import Table
    from clm.satisfaction import Scale, ScoreName
    from clm.typing import Array, FloatArray, IntArray

_ROUNDING: Final = 1e-9

Rule: TypeAlias = Literal["last", "first", "mean", "all"]


def compare_paired(
    first: Any,
    second: Any,
    *,
    kind: ScoreName = "nps",
    scale: Scale | None = None,
    customer: str | None = None,
    score: str | None = None,
) -> PairedDifference:
    """Compare two waves of answers of the same respondents.

    Two scores of the same people are not independent: whoever promoted last time mostly does so again. Pairing them
    takes that out, and finds smaller changes than `compare` does.

    Parameters
    ----------
    first, second
        The waves: two sequences of equal length, a respondent in the same place of both; or two frames, whose
        respondents are matched by id.
    kind : {"nps", "csat", "ces"}
        The score: net promoters, percent satisfied, or the mean answer.
    scale
        The scale of the question; 0 to 10, 1 to 5 and 1 to 7 by default.
    customer, score
        Names of the columns, ``"customer_id"`` and ``"score"`` by default.

    Returns
    -------
    PairedDifference
        Second less first, with ``p_value``, and ``first`` and ``second`` of those who answered both.

    Raises
    ------
    InvalidDataError
        If sequences differ in length, an answer is off the scale, or a respondent answered twice in one wave.

    Notes
    -----
    The change of a percentage gets Tango's score interval [1]_ and McNemar's test [2]_, another one the t interval of
    the respondents' own changes. Where all changed alike there is no spread, and no interval.

    References
    ----------
    .. [1] Tango (1998), Statistics in Medicine 17, 891-908.
    .. [2] McNemar (1947), Psychometrika 12, 153-157.

    Examples
    --------
    >>> spring = {"customer_id": ["ann", "bob", "cem", "dan"], "score": [9, 6, 8, 3]}
    >>> summer = {"customer_id": ["bob", "ann", "dan", "eve"], "score": [9, 10, 7, 0]}
    >>> change = clm.compare_paired(spring, summer)
    >>> change.n, change.unpaired, change.value
    (3, 2, 100.0)
    """
    contributions = Contributions.of(kind, scale)
    if is_column(first) != is_column(second):
        raise InvalidDataError("one wave is a sequence and the other a frame. Give two of a kind.")
    if is_column(first):
        if customer is not None or score is not None:
            raise InvalidDataError("customer= and score= name columns, but the waves are sequences. Pass the frames.")
        waves = [_sequence_codes(wave, contributions.scale) for wave in (first, second)]
        if len(waves[0]) != len(waves[1]):
            raise InvalidDataError(
                f"the first wave has {len(waves[0]):,} answers, the second {len(waves[1]):,}. Give one entry a"
                " respondent in each, or frames with ids."
            )
        return _paired(contributions, waves[0], waves[1], unpaired=0)
    named = {"customer": customer, "score": score}
    who, codes = zip(
        *(
            _respondents(wave, named, contributions.scale, which)
            for wave, which in ((first, "first"), (second, "second"))
        ),
        strict=True,
    )
    if len(who[0]) and len(who[1]) and who[0].dtype.kind != who[1].dtype.kind:
        raise InvalidDataError("ids are text in one wave and whole numbers in the other. Make them alike.")
    _, here, there = np.intersect1d(who[0], who[1], assume_unique=True, return_indices=True)
    unpaired = len(who[0]) + len(who[1]) - 2 * len(here)
    return _paired(contributions, codes[0][here], codes[1][there], unpaired=unpaired)


def score_per_customer(
    answers: Any,
    *,
    rule: Rule = "last",
    kind: ScoreName = "nps",
    scale: Scale | None = None,
    customer: str | None = None,
    score: str | None = None,
    at: str | None = None,
    weights: str | None = None,
) -> Estimate[float]:
    """Score answers of which customers gave several, by an explicit rule.

    Ratings are given a ticket or an order at a time: who writes often counts often, and his answers are alike. Name
    the account's column as `customer` for scores by account.

    Parameters
    ----------
    answers
        Any frame or `Source`.
    rule : {"last", "first", "mean", "all"}
        Count each customer's last or first answer, the mean of his answers' parts in the score, or all answers.
    kind : {"nps", "csat", "ces"}
        The score: net promoters, percent satisfied, or the mean answer.
    scale
        The scale of the question; 0 to 10, 1 to 5 and 1 to 7 by default.
    customer, score, at
        Names of the columns; `at` is needed for ``"last"`` and ``"first"`` alone. Of answers at one instant the later
        row is the later one.
    weights
        Column of what each customer or account counts for, as its revenue; the same in all of its rows. The caveats
        give the unweighted score. Weighing by revenue scores dollars, not customers.

    Returns
    -------
    Estimate
        ``n`` counts customers. Missing answers, and answers without a customer, are left out.

    Raises
    ------
    InvalidDataError
        If the rule or the score is unknown, an answer is off the scale, or one that counts has no time; if a weight is
        not positive, or a customer has several.

    Notes
    -----
    ``"mean"`` weighs customers alike and takes Student's t over them. ``"all"`` gives the plain score, with a standard
    error that lets the answers of one customer go together: ``m / (m - 1) sum((sum of his deviations)**2) / N**2`` for
    m customers with N answers [1]_, and Student's t with m - 1 degrees of freedom. With fewer than about 30 customers
    such intervals are too short. Weights enter both as they do in a weighted mean.

    References
    ----------
    .. [1] Liang and Zeger (1986), Biometrika 73, 13-22.

    Examples
    --------
    >>> tickets = {
    ...     "customer_id": ["ann", "ann", "bob", "ann", "bob"],
    ...     "at": ["2025-01-02", "2025-01-05", "2025-01-06", "2025-02-01", "2025-02-03"],
    ...     "score": [2, 9, 10, 9, 8],
    ... }
    >>> [round(clm.score_per_customer(tickets, rule=rule).value, 1) for rule in ("last", "mean", "all")]
    [50.0, 41.7, 40.0]
    """
    known = ("last", "first", "mean", "all")
    if rule not in known:
        raise InvalidDataError(f"rule={rule!r} is not one of {', '.join(known)}.{nearest(str(rule), known)}")
    contributions = Contributions.of(kind, scale)
    timed = rule in {"last", "first"}
    required = ["customer", "score", *(["at"] if timed else []), *(["weights"] if weights is not None else [])]
    named = {"customer": customer, "score": score, "at": at if timed else None, "weights": weights}
    table = open_table(answers, named, required=required, what="answers").collected()
    codes, keys = _table_codes(table, contributions.scale), identify(table).dense()
    counts = (keys.keys >= 0) & (codes < len(contributions.scale))
    who, given = keys.keys[counts], codes[counts]
    weight = None if weights is None else _weights_of(table, who, np.flatnonzero(counts))
    if timed:
        chosen = _one_each(table, who, np.flatnonzero(counts), last=rule == "last")
        found = _counted(contributions, given[chosen], rule, None if weight is None else weight[chosen])
        plain = _counted(contributions, given[chosen], rule, None)
    else:
        found = _clustered(contributions, who, contributions.codes[given], rule, weight)
        plain = _clustered(contributions, who, contributions.codes[given], rule, None)
    return found if weight is None else _beside(found, plain)


def _weights_of(table: Table, who: IntArray, rows: IntArray) -> FloatArray:
    """Return what the customer of each answer counts for."""
    name = table.names["weights"]
    column = table.column("weights").numbers(name)
    weight = column[rows]
    bad = ~((weight >= LEAST_WEIGHT) & (weight <= MOST_WEIGHT))
    if bad.any():
        raise InvalidDataError(
            f"{name} is not positive, or beyond {MOST_WEIGHT:g}, for {int(bad.sum()):,} of {len(bad):,} answers, first"
            f" at row {int(rows[bad][0])}. Leave those customers out."
        )
    _, first, cluster = np.unique(who, return_index=True, return_inverse=True)
    odd = weight != weight[first][cluster]
    if odd.any():
        raise InvalidDataError(
            f"a customer has several {name}, for example at row {int(rows[odd][0])}. Give each customer one, such as"
            " the latest."
        )
    return weight


def _beside(found: Estimate[float], plain: Estimate[float]) -> Estimate[float]:
    if plain.undefined is not None:
        return found
    definition = f"{found.definition} Customers are weighted."
    return evolve(
        found,
        definition=definition,
        caveats=(*found.caveats, f"Without weights it is {figure(float(plain.value))} {plain.unit}."),
    )


def _paired(contributions: Contributions, before: IntArray, after: IntArray, *, unpaired: int) -> PairedDifference:
    points = len(contributions.scale)
    both = (before < points) & (after < points)
    moves = np.bincount(before[both] * points + after[both], minlength=points**2).reshape(points, points)
    return PairedDifference(contributions=contributions, moves=moves, missing=int((~both).sum()), unpaired=unpaired)


def _sequence_codes(given: Any, scale: Scale) -> IntArray:
    values, blank = plain_answers(given)
    return _codes(values, blank, scale)


def _table_codes(table: Table, scale: Scale) -> IntArray:
    column = table.column("score")
    return _codes(column.values, blank_of(column), scale)


def _codes(values: Array, blank: Any, scale: Scale) -> IntArray:
    Answers.tally(values, scale, blank=blank)  # what is off the scale is refused here, with its row
    return code_answers(values, scale, blank=blank)


def _respondents(wave: Any, named: dict[str, str | None], scale: Scale, which: str) -> tuple[Array, IntArray]:
    """Return who answered, and how."""
    table = open_table(wave, named, required=("customer", "score"), what=f"the {which} wave").collected()
    codes, keys = _table_codes(table, scale), identify(table).dense()
    known = keys.keys >= 0
    times = np.bincount(keys.keys[known], minlength=keys.size)
    if (times > 1).any():
        twice = keys.labels(np.flatnonzero(times > 1))
        raise InvalidDataError(
            f"{len(twice):,} respondents answered more than once in the {which} wave, as {twice[0]!s}. Keep one answer"
            " each, such as the last."
        )
    return keys.labels(keys.keys[known]), codes[known]


def _one_each(table: Table, who: IntArray, rows: IntArray, *, last: bool) -> IntArray:
    """Return the position of each customer's last or first answer."""
    times = instants(table.column("at"), table.names["at"], Zone.of("UTC")).values[rows]
    if (times == MISSING).any():
        gone = times == MISSING
        raise InvalidDataError(
            f"{int(gone.sum()):,} of {len(gone):,} answers have no time, first at row {int(rows[gone][0])}."
            ' Leave them out, or take rule="mean" or "all".'
        )
    order = np.lexsort((times, who))
    sorted_who = who[order]
    edge = np.ones(len(order), bool)
    if last:
        edge[:-1] = sorted_who[1:] != sorted_who[:-1]
    else:
        edge[1:] = sorted_who[1:] != sorted_who[:-1]
    return order[edge]


def _counted(contributions: Contributions, codes: IntArray, rule: Rule, weight: FloatArray | None) -> Estimate[float]:
    answers = Answers.tally(np.array(contributions.scale.points)[codes], contributions.scale, weights=weight)
    estimate = contributions.score(answers.without_weights() if weight is None else answers).estimate
    return evolve(estimate, definition=f"Each customer's {rule} answer. {estimate.definition}")


def _clustered(
    contributions: Contributions, who: IntArray, parts: FloatArray, rule: Rule, weight: FloatArray | None
) -> Estimate[float]:
    """Return the mean of customers' means, or of all answers with customers as clusters."""
    _, cluster, sizes = np.unique(who, return_inverse=True, return_counts=True)
    customers = len(sizes)
    weights = (1.0 / sizes[cluster] if rule == "mean" else 1.0) * (np.ones(len(parts)) if weight is None else weight)
    # Rounding must not carry the mean past what was given, nor off its scale.
    value = float(np.clip(weights @ parts / weights.sum(), parts.min(), parts.max())) if customers else np.nan
    away = np.bincount(cluster, weights * (parts - value), minlength=customers)
    # Rounding must not give customers who are alike a spread.
    spread = customers > 1 and bool((np.abs(away) > _ROUNDING * np.abs(parts).max() * weights.max()).any())
    variance = customers / (customers - 1) * (away @ away) / weights.sum() ** 2 if spread else np.nan
    plain = contributions.score(Answers.from_counts({}, contributions.scale)).estimate
    what = "Mean of each customer's mean" if rule == "mean" else "All answers, those of one customer going together"
    reason = "all customers are alike" if customers > 1 else "a single customer has no spread"
    return Estimate(
        value=value,
        standard_error=float(np.sqrt(variance)),
        n=customers,
        name=plain.name,
        unit=plain.unit,
        definition=f"{what}. {plain.definition}",
        undefined="there are no answers",
        band=StudentT(np.asarray(customers - 1.0), *contributions.span) if spread else NoBand(reason),
        caveats=() if spread or not customers else (f"There is no interval: {reason}.",),
    )
