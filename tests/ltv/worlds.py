"""Customers made up one purchase at a time, apart from the library's own simulation."""

from __future__ import annotations

import numpy as np

import clm


def buyers(size, params, rng, *, age=(27.0, 39.0), ahead=39.0):
    """Let customers buy as the BG/NBD model has it.

    Each waits an exponential time for his next purchase and tosses a coin after it whether to leave.

    Returns
    -------
    rfm : RFM
        What is seen by the end of observation, in weeks.
    afterwards : (size,) ndarray
        Purchases within the time ahead of it.
    alive : (size,) ndarray of bool
        Who has not left by the end of observation.
    """
    r, alpha, a, b = params
    until = rng.uniform(*age, size)
    rate, chance = rng.gamma(r, 1 / alpha, size), rng.beta(a, b, size)
    frequency, recency, afterwards, now = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
    left_at = np.full(size, np.inf)
    there = np.arange(size)
    while there.size:
        now[there] += rng.exponential(1, there.size) / np.maximum(rate[there], 1e-300)
        there = there[now[there] < until[there] + ahead]
        seen = there[now[there] <= until[there]]
        frequency[seen] += 1
        recency[seen] = now[seen]
        afterwards[np.setdiff1d(there, seen)] += 1
        leaving = rng.random(there.size) < chance[there]
        left_at[there[leaving]] = now[there[leaving]]
        there = there[~leaving]
    return clm.RFM.from_arrays(frequency, recency, until, unit="week"), afterwards, left_at > until


def spenders(size, params, rng, *, orders=(1, 8)):
    """Let customers spend as the gamma-gamma model has it, order by order.

    Returns
    -------
    rfm : RFM
        With the mean of each customer's orders.
    means : (size,) ndarray
        What an order of each is worth in the long run.
    """
    p, q, v = params
    scale = rng.gamma(q, 1 / v, size)
    frequency = rng.integers(*orders, size)
    spent = [rng.gamma(p, 1 / nu, count).mean() for nu, count in zip(scale, frequency, strict=True)]
    ages = np.full(size, 30.0)
    return clm.RFM.from_arrays(frequency, ages / 2, ages, spent, unit="week"), p / scale
