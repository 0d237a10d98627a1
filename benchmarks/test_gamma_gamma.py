"""Gamma-gamma by maximum likelihood with standard errors: clm against lifetimes' GammaGammaFitter."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from benchmarks.test_bg_nbd import base

import clm

TRUTH = {"p": 6.25, "q": 3.74, "v": 15.44}


def spending(customers, seed=1):
    """Return frequency, recency, age and the mean value of the repeat orders; 0 without any."""
    frequency, recency, age = base(customers)
    rng = np.random.default_rng(seed)
    orders = np.maximum(frequency, 1)
    means = rng.gamma(TRUTH["p"] * orders) / orders / rng.gamma(TRUTH["q"], 1 / TRUTH["v"], len(orders))
    return frequency, recency, age, np.where(frequency > 0, means.round(2), 0.0)


@pytest.mark.parametrize("customers", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_fit(benchmark, cpu_seconds, customers):
    lifetimes = pytest.importorskip("lifetimes", reason='the peer needs pip install "clm[peers]"')
    frequency, recency, age, means = spending(customers)
    again = (frequency > 0) & (means > 0)  # the peer refuses the others

    def fit_here():
        return clm.GammaGamma().fit(clm.RFM.from_arrays(frequency, recency, age, means, unit="day"))

    def fit_there():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return lifetimes.GammaGammaFitter().fit(frequency[again], means[again])

    here, there = fit_here(), fit_there()
    for name, value in here.params.items():
        assert value == pytest.approx(there.params_[name], rel=0.01)
        assert here.standard_errors[name] == pytest.approx(there.summary["se(coef)"][name], rel=0.05)

    mine, theirs = [], []
    for _ in range(3):
        theirs.append(cpu_seconds(fit_there)[0])
        mine += [cpu_seconds(fit_here)[0] for _ in range(3)]
    benchmark.pedantic(fit_here, rounds=1)
    ratio = np.median(theirs) / np.median(mine)
    benchmark.extra_info.update(
        customers=customers, cpu_ms=1000 * np.median(mine), peer_cpu_ms=1000 * np.median(theirs), ratio=ratio
    )
    print(
        f"\nGamma-gamma, {customers:,} customers, {int(again.sum()):,} of them repeat buyers, errors included: "
        f"clm {1000 * np.median(mine):.0f} ms of CPU, lifetimes {1000 * np.median(theirs):.0f} ms: {ratio:.0f} times"
    )
