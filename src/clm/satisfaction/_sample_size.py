"""How many answers a score takes, and what a given number can show."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from scipy import special

from clm.errors import InvalidDataError, nearest
from clm.stats import check_level, plain_number, whole_number, z_score

if TYPE_CHECKING:
    from collections.abc import Sequence

NPSSizeMethod: TypeAlias = Literal["adjusted_wald", "wald"]
ShareSizeMethod: TypeAlias = Literal["wilson", "wald"]

_PSEUDO_ANSWERS: Final = 3
_POINTS: Final = 100.0
_LEAST_POINTS: Final = 1e-4
_ROUNDING: Final = 1e-9  # a number that is whole but for rounding is not rounded up


def sample_size_nps(
    *,
    half_width: float | None = None,
    difference: float | None = None,
    promoters: float | None = None,
    detractors: float | None = None,
    variance: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    method: NPSSizeMethod = "adjusted_wald",
) -> int:
    """Return how many answers an NPS takes to be as precise as wanted, or to show a change.

    Parameters
    ----------
    half_width
        Half the width of the interval, in points: 5 for plus and minus 5.
    difference
        Instead: the difference of two NPS that a comparison is to find, in points; the answers are then those of each
        of two equal groups.
    promoters, detractors
        Expected shares, as fractions.
    variance
        Instead: the variance of one answer coded -1, 0, 1; by default 1, the largest there is.
    power
        Probability that the comparison finds the difference if it is there.
    level
        Nominal coverage of the interval, or one less the chance of finding a difference that is not there.
    method : {"adjusted_wald", "wald"}
        The interval or test that will be used. The adjusted one brings three answers of its own.

    Returns
    -------
    int
        Answers; respondents to ask are this over the response rate.

    Raises
    ------
    InvalidDataError
        If both or neither of `half_width` and `difference` are given, they are not between 0 and what there is, shares
        and variance contradict each other, or power or level do not lie inside (0, 1).

    Notes
    -----
    With the variance ``s2 = p + d - (p - d)**2`` of an answer, the interval takes ``z**2 s2 / m**2`` answers and each
    group ``2 s2 (z_a + z_b)**2 / m**2``; 3 less by the adjusted formulas [1]_. Several times as many as a percentage
    takes: at plus and minus 5 points 385 for a share of a half, up to 1,537 for an NPS.

    References
    ----------
    .. [1] Rocks (2016), Interval estimation for the net promoter score, The American Statistician 70, 365-372.

    Examples
    --------
    >>> clm.sample_size_nps(half_width=5, promoters=0.5, detractors=0.2)
    935
    >>> clm.sample_size_nps(difference=10, promoters=0.5, detractors=0.2)
    955
    """
    spread = _variance(promoters, detractors, variance)
    added = _added(method)
    quantile = z_score(check_level(level))
    if (half_width is None) == (difference is None):
        raise InvalidDataError("give either half_width=, for one score, or difference=, for two groups.")
    if half_width is not None:
        least = quantile**2 * spread / _points(half_width, "half_width", _POINTS) ** 2
    else:
        wanted = _points(difference, "difference", 2 * _POINTS)
        least = 2 * spread * (quantile + _power_quantile(power)) ** 2 / wanted**2
    return _whole(least - added)


def detectable_nps(
    n: int | Sequence[int],
    *,
    promoters: float | None = None,
    detractors: float | None = None,
    variance: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    method: NPSSizeMethod = "adjusted_wald",
) -> float:
    """Return the smallest difference of two NPS that groups of a given size show.

    Parameters
    ----------
    n
        Answers in each group, or one number a group.
    promoters, detractors, variance, power, level, method
        As for `sample_size_nps`.

    Returns
    -------
    float
        In points; NaN where not even the largest difference, 200 points, would be found.

    Raises
    ------
    InvalidDataError
        As for `sample_size_nps`, and if a group has no answers.

    Examples
    --------
    >>> round(clm.detectable_nps(90, variance=0.6, method="wald"), 1)
    32.3
    """
    error = _error_of_difference(n, _variance(promoters, detractors, variance), _added(method))
    found = _POINTS * (z_score(check_level(level)) + _power_quantile(power)) * error
    return found if found <= 2 * _POINTS else float("nan")


def power_nps(
    difference: float,
    n: int | Sequence[int],
    *,
    promoters: float | None = None,
    detractors: float | None = None,
    variance: float | None = None,
    level: float = 0.95,
    method: NPSSizeMethod = "adjusted_wald",
) -> float:
    """Return how likely a comparison of two NPS finds a difference.

    Parameters
    ----------
    difference
        The true difference in points, its sign of no matter.
    n
        Answers in each group, or one number a group.
    promoters, detractors, variance, level, method
        As for `sample_size_nps`.

    Returns
    -------
    float
        A fraction.

    Raises
    ------
    InvalidDataError
        As for `sample_size_nps`, and if a group has no answers.

    Examples
    --------
    >>> round(clm.power_nps(10, 955, promoters=0.5, detractors=0.2), 3)
    0.8
    """
    away = plain_number(difference, "difference", lowest=-2 * _POINTS, highest=2 * _POINTS) / _POINTS
    error = _error_of_difference(n, _variance(promoters, detractors, variance), _added(method))
    edge = z_score(check_level(level))
    if error == 0:
        return 1.0 if away else 1 - level
    return float(special.ndtr(away / error - edge) + special.ndtr(-away / error - edge))


def sample_size_csat(
    *,
    half_width: float,
    satisfied: float = 0.5,
    level: float = 0.95,
    method: ShareSizeMethod = "wilson",
) -> int:
    """Return how many answers a percentage takes to be as precise as wanted.

    To show a change of a percentage use `sample_size_ab`.

    Parameters
    ----------
    half_width
        Half the width of the interval, in percentage points: 5 for plus and minus 5.
    satisfied
        Expected share, as a fraction; by default a half, which takes most answers.
    level
        Nominal coverage of the interval.
    method : {"wilson", "wald"}
        The interval that will be used. Wald's formula is the one in most tables.

    Returns
    -------
    int
        Answers.

    Raises
    ------
    InvalidDataError
        If the half-width does not lie between 0 and 50, or the share or the level not inside (0, 1).

    Examples
    --------
    >>> clm.sample_size_csat(half_width=5), clm.sample_size_csat(half_width=5, method="wald")
    (381, 385)
    """
    _known(method, ("wilson", "wald"))
    share = plain_number(satisfied, "satisfied", lowest=0, highest=1)
    wanted = _points(half_width, "half_width", _POINTS / 2)
    z2 = z_score(check_level(level)) ** 2
    spread = share * (1 - share)
    if method == "wald":
        return _whole(z2 * spread / wanted**2)
    # Wilson's half-width, z sqrt(s n + z² / 4) / (n + z²), solved for n.
    linear = z2 * spread - 2 * wanted**2 * z2
    constant = z2**2 / 4 - wanted**2 * z2**2
    return _whole((linear + sqrt(linear**2 + 4 * wanted**2 * constant)) / (2 * wanted**2))


def _variance(promoters: Any, detractors: Any, variance: Any) -> float:
    if promoters is None and detractors is None:
        return 1.0 if variance is None else _positive(plain_number(variance, "variance", highest=1), "variance")
    if variance is not None or promoters is None or detractors is None:
        raise InvalidDataError("give both promoters= and detractors=, or variance= alone, or none of them.")
    in_favour = plain_number(promoters, "promoters", lowest=0, highest=1)
    against = plain_number(detractors, "detractors", lowest=0, highest=1)
    if in_favour + against > 1 + _ROUNDING:
        raise InvalidDataError(f"promoters {in_favour:g} and detractors {against:g} are more than 1 together.")
    return max(in_favour + against - (in_favour - against) ** 2, 0.0)


def _error_of_difference(n: Any, variance: float, added: int) -> float:
    sizes = [n, n] if np.ndim(n) == 0 else list(n)
    if len(sizes) != 2:
        raise InvalidDataError(f"n must be one number, or one for each of two groups, not {len(sizes)} numbers.")
    counts = [_positive(whole_number(size, "n"), "n") for size in sizes]
    return sqrt(variance * sum(1 / (count + added) for count in counts))


def _added(method: Any) -> int:
    _known(method, ("adjusted_wald", "wald"))
    return _PSEUDO_ANSWERS if method == "adjusted_wald" else 0


def _known(method: Any, known: Sequence[str]) -> None:
    if method not in known:
        raise InvalidDataError(f"method={method!r} is not one of {', '.join(known)}.{nearest(str(method), known)}")


def _points(given: Any, name: str, highest: float) -> float:
    """Return a number of points as a fraction."""
    points = _positive(plain_number(given, name, highest=highest), name)
    if points < _LEAST_POINTS:
        raise InvalidDataError(f"{name} must be {_LEAST_POINTS:g} points or more, not {points:g}.")
    return points / _POINTS


def _positive(number: float, name: str) -> float:
    if number <= 0:
        raise InvalidDataError(f"{name} must be positive, not {number:g}.")
    return number


def _power_quantile(power: Any) -> float:
    number = plain_number(power, "power")
    if not 0 < number < 1:
        raise InvalidDataError(f"power must lie strictly between 0 and 1, not {number:g}. Give 0.8 for 80 percent.")
    return float(special.ndtri(number))


def _whole(answers: float) -> int:
    return max(ceil(answers - _ROUNDING * max(abs(answers), 1.0)), 1)
