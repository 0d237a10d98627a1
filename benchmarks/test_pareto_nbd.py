"""Pareto/NBD by maximum likelihood: clm with standard errors against lifetimes' ParetoNBDFitter, which has none."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

import clm

PEER_MOST = 100_000
TRUTH = {"r": 0.9, "alpha": 42.0, "s": 0.8, "beta": 110.0}  # alpha and beta in days


def base(customers, seed=0):
    """Return columns of a simulated base seen for up to two years, times in whole days."""
    if customers == "cdnow":
        rfm = clm.rfm(clm.datasets.cdnow(), unit="day", through="1997-09-30")
        return rfm.frequency, rfm.recency, rfm.T
    rng = np.random.default_rng(seed)
    age = rng.integers(1, 730, customers).astype(float)
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], customers)
    leaving = np.maximum(rng.gamma(TRUTH["s"], 1 / TRUTH["beta"], customers), 1e-300)
    until = np.minimum(rng.exponential(1.0, customers) / leaving, age)
    made = rng.poisson(rate * until)
    # The last of n purchases at random moments is Beta(n, 1) of the way.
    share = rng.beta(np.maximum(made, 1), 1)
    return made.astype(float), np.where(made > 0, np.ceil(until * share), 0.0), age


@pytest.mark.parametrize("customers", ["cdnow", 10_000, 60_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_fit(benchmark, cpu_seconds, customers):
    lifetimes = pytest.importorskip("lifetimes", reason='the peer needs pip install "clm[peers]"')
    columns = base(customers)
    # The peer takes minutes for a million: it is given the first customers only, and its time is scaled up with them.
    part = columns if customers == "cdnow" else [column[:PEER_MOST] for column in columns]
    times_more = len(columns[0]) / len(part[0])

    def fit_here():
        # New histories each time: the distinct ones are counted anew, as at a user's first fit.
        return clm.ParetoNBD().fit(clm.RFM.from_arrays(*columns, unit="day"))

    def fit_there():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return lifetimes.ParetoNBDFitter().fit(*part)

    theirs, there = cpu_seconds(fit_there)
    here = fit_here() if part is columns else clm.ParetoNBD().fit(clm.RFM.from_arrays(*part, unit="day"))
    for name, value in here.params.items():
        assert value == pytest.approx(there.params_[name], rel=0.01)

    mine, wall = [], []
    for _ in range(5):
        begin = time.perf_counter()
        mine.append(cpu_seconds(fit_here)[0])
        wall.append(time.perf_counter() - begin)
    benchmark.pedantic(fit_here, rounds=3)
    ratio = theirs * times_more / np.median(mine)
    of = "" if times_more == 1 else f" for {len(part[0]):,} of them, {theirs * times_more:.0f} s in proportion"
    benchmark.extra_info.update(
        customers=customers,
        cpu_ms=1000 * np.median(mine),
        peer_cpu_ms=1000 * theirs,
        peer_customers=len(part[0]),
        ratio=ratio,
    )
    print(
        f"\nPareto/NBD, {customers if customers == 'cdnow' else f'{customers:,} customers'}: "
        f"clm {1000 * np.median(mine):.1f} ms of CPU, errors included (best wall {1000 * min(wall):.1f}), "
        f"lifetimes {1000 * theirs:.0f} ms, without{of}: {ratio:.0f} times"
    )
