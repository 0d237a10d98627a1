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


def watched(times, until, ahead):
    """Return histories, and purchases within the time ahead, of customers with purchase times in rows, inf for none."""
    seen = times <= until[:, None]
    recency = np.where(seen, times, 0.0).max(axis=1, initial=0.0)
    rfm = clm.RFM.from_arrays(seen.sum(axis=1), recency, until, unit="week")
    return rfm, ((times > until[:, None]) & (times <= (until + ahead)[:, None])).sum(axis=1)


def waits(size, rate, rng, until):
    """Return purchase times of customers who buy at these rates for ever, as far as `until` for the last of them."""
    times = np.empty((size, 0))
    now = np.zeros(size)
    while now.min() < until:
        gaps = rng.exponential(1, (size, 16)) / np.maximum(rate, 1e-300)[:, None]
        more = now[:, None] + np.cumsum(gaps, axis=1)
        times, now = np.concatenate([times, more], axis=1), more[:, -1]
    return times


def pareto_buyers(size, params, rng, *, age=(27.0, 39.0), ahead=39.0):
    """Let customers buy as the Pareto/NBD model has it: until a random moment.

    Returns
    -------
    rfm : RFM
    afterwards : (size,) ndarray
        Purchases within the time ahead.
    alive : (size,) ndarray of bool
        Who has not left by the end of observation.
    """
    r, alpha, s, beta = params
    until = rng.uniform(*age, size)
    times = waits(size, rng.gamma(r, 1 / alpha, size), rng, age[1] + ahead)
    leaving = rng.exponential(1, size) / np.maximum(rng.gamma(s, 1 / beta, size), 1e-300)
    rfm, afterwards = watched(np.where(times <= leaving[:, None], times, np.inf), until, ahead)
    return rfm, afterwards, leaving > until


def ageing_buyers(size, params, rng, *, age=(27.0, 39.0), ahead=39.0):
    """Let customers buy as the GGompertz/NBD model has it: until a random moment, ever sooner the older they are."""
    r, alpha, b, s, beta = params
    until = rng.uniform(*age, size)
    times = waits(size, rng.gamma(r, 1 / alpha, size), rng, age[1] + ahead)
    # He has left by t with chance 1 - exp(-h (exp(bt) - 1)).
    hazard = np.maximum(rng.gamma(s, 1 / beta, size), 1e-300)
    leaving = np.log1p(rng.exponential(1, size) / hazard) / b
    rfm, afterwards = watched(np.where(times <= leaving[:, None], times, np.inf), until, ahead)
    return rfm, afterwards, leaving > until


def mbg_buyers(size, params, rng, *, age=(27.0, 39.0), ahead=39.0):
    """Let customers buy as the MBG/NBD model has it: they toss a coin after each purchase, the first one included."""
    r, alpha, a, b = params
    until = rng.uniform(*age, size)
    times = waits(size, rng.gamma(r, 1 / alpha, size), rng, age[1] + ahead)
    left = np.logical_or.accumulate(rng.random(times.shape) < rng.beta(a, b, size)[:, None], axis=1)
    times = np.where(left, np.inf, times)  # a coin before each repeat purchase
    return *watched(times, until, ahead), _next_coin(times, left, until)


def _next_coin(times, left, until):
    """Return who is still there: of those who have made their last purchase seen, whose coin after it said stay."""
    seen = (times <= until[:, None]).sum(axis=1)
    return ~left[np.arange(len(until)), np.minimum(seen, left.shape[1] - 1)]


def regular_buyers(size, params, rng, *, k, first, age=(27.0, 39.0), ahead=39.0):
    """Let customers buy as BG/CNBD-k (first 0) and MBG/CNBD-k (first 1) have it, one purchase at a time.

    They wait a gamma time of shape k for each, and toss a coin after it, with `first` also after the very first.
    """
    r, alpha, a, b = params
    until = rng.uniform(*age, size)
    rate, chance = rng.gamma(r, 1 / alpha, size), rng.beta(a, b, size)
    seen, gaps = np.zeros((2, size))
    recency, afterwards, now = np.zeros((3, size))
    left_at = np.full(size, np.inf)
    there = np.arange(size)
    if first:
        leaving = rng.random(size) < chance
        left_at[leaving] = 0.0
        there = there[~leaving]
    while there.size:
        wait = rng.gamma(k, 1, there.size) / np.maximum(rate[there], 1e-300)
        now[there] += wait
        inside = now[there] < until[there] + ahead
        there, wait = there[inside], wait[inside]
        early = now[there] <= until[there]
        seen[there[early]] += 1
        gaps[there[early]] += np.log(wait[early])
        recency[there[early]] = now[there[early]]
        afterwards[there[~early]] += 1
        leaving = rng.random(there.size) < chance[there]
        left_at[there[leaving]] = now[there[leaving]]
        there = there[~leaving]
    rfm = clm.RFM.from_arrays(seen, recency, until, sum_log_gaps=gaps, unit="week")
    return rfm, afterwards, left_at > until


def steady_buyers(size, params, rng, *, age=(27.0, 39.0), ahead=39.0):
    """Let customers buy as the NBD model has it: for ever."""
    r, alpha = params
    until = rng.uniform(*age, size)
    times = waits(size, rng.gamma(r, 1 / alpha, size), rng, age[1] + ahead)
    return *watched(times, until, ahead), np.ones(size, bool)


def donors(size, params, rng, *, age=(6, 9), ahead=5):
    """Let customers buy as the BG/BB model has it: at each opportunity they leave, buy, or do not buy.

    The last array says who is there at the next opportunity.
    """
    alpha, beta, gamma, delta = params
    until = rng.integers(age[0], age[1] + 1, size)
    buys, leaves = rng.beta(alpha, beta, size), rng.beta(gamma, delta, size)
    frequency, recency, afterwards = np.zeros(size), np.zeros(size), np.zeros(size)
    there, alive = np.ones(size, bool), np.zeros(size, bool)
    for year in range(1, age[1] + ahead + 1):
        there &= rng.random(size) >= leaves
        bought = there & (rng.random(size) < buys)
        frequency += bought & (year <= until)
        recency = np.where(bought & (year <= until), year, recency)
        afterwards += bought & (year > until) & (year <= until + ahead)
        alive |= there & (year == until + 1)
    return clm.RFM.from_arrays(frequency, recency, until, unit="year"), afterwards, alive
