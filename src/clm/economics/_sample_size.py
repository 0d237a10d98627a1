"""How many trials a comparison of two rates takes, and what a given number can show."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from clm.errors import InvalidDataError
from clm.stats import check_level, plain_number, z_score

if TYPE_CHECKING:
    from collections.abc import Sequence


def sample_size_ab(*, baseline: float, target: float, power: float = 0.8, level: float = 0.95) -> int:
    """Return how many trials per arm show a change from one rate to another.

    Parameters
    ----------
    baseline
        Rate of the control, inside (0, 1).
    target
        Rate that is to be told from it, inside (0, 1).
    power
        Probability that the test finds the change if it is there.
    level
        One less the probability that it finds one that is not there, two-sided.

    Returns
    -------
    int
        Trials in each of two equal arms.

    Raises
    ------
    InvalidDataError
        If a rate, the power or the level is not inside (0, 1), or the rates are the same.

    Notes
    -----
    ``(z_a sqrt(2 p q) + z_b sqrt(p1 q1 + p2 q2))**2 / (p2 - p1)**2`` [1]_, with p the mean rate and q = 1 - p: for the
    score test of `ab_test`.

    References
    ----------
    .. [1] Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, 3rd edition, section 4.2.

    Examples
    --------
    >>> clm.sample_size_ab(baseline=0.12, target=0.15)
    2036
    """
    before, after = _inside(baseline, "baseline"), _inside(target, "target")
    if before == after:
        raise InvalidDataError(f"baseline and target are both {before:g}: no number of trials tells them apart.")
    quantile = float(special.ndtri(_inside(power, "power")))
    under_null, under_change = _spreads(before, after, (1.0, 1.0))
    per_arm = ((z_score(check_level(level)) * under_null + quantile * under_change) / (after - before)) ** 2
    return max(ceil(per_arm), 1)


def power_of(rates: Sequence[float], trials: Sequence[float], level: float) -> float:
    """Return the probability that the two-sided score test tells two rates apart."""
    before, after = rates
    under_null, under_change = _spreads(before, after, trials)
    if under_change == 0:
        return 1.0 if before != after else 1 - level
    edge, distance = z_score(level) * under_null, abs(after - before)
    return float(special.ndtr((distance - edge) / under_change) + special.ndtr((-distance - edge) / under_change))


def detectable(baseline: float, trials: Sequence[float], power: float, level: float) -> float:
    """Return the smallest rise over a baseline that is found with some power; NaN where no rate below 1 is."""

    def short(rise: float) -> float:
        return power_of((baseline, baseline + rise), trials, level) - power

    highest = 1 - baseline
    if highest <= 0 or short(highest) <= 0:
        return np.nan
    return float(optimize.brentq(short, 0.0, highest, xtol=1e-12))


def _spreads(before: float, after: float, trials: Sequence[float]) -> tuple[float, float]:
    """Return the standard error of the difference if there is none, and if it is that of the rates."""
    control, variant = trials
    pooled = (control * before + variant * after) / (control + variant)
    under_null = sqrt(pooled * (1 - pooled) * (1 / control + 1 / variant))
    return under_null, sqrt(before * (1 - before) / control + after * (1 - after) / variant)


def _inside(value: float, name: str) -> float:
    number = plain_number(value, name)
    if not 0 < number < 1:
        raise InvalidDataError(f"{name} must lie strictly between 0 and 1, not {number:g}. Give 0.12 for 12 percent.")
    return number
