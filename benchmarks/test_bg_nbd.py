"""BG/NBD by maximum likelihood with standard errors: clm against lifetimes' BetaGeoFitter."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

import clm

TRUTH = {"r": 0.9, "alpha": 42.0, "a": 0.8, "b": 2.5}  # alpha in days


def base(customers, seed=0):
    """Return columns of a simulated base seen for up to two years, times in whole days."""
    if customers == "cdnow":
        rfm = clm.rfm(clm.datasets.cdnow(), unit="day", through="1997-09-30")
        return rfm.frequency, rfm.recency, rfm.T
    rng = np.random.default_rng(seed)
    age = rng.integers(1, 730, customers).astype(float)
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], customers)
    last = rng.geometric(np.maximum(rng.beta(TRUTH["a"], TRUTH["b"], customers), 1e-12))
    intended = rng.poisson(rate * age)
    made = np.minimum(intended, last)
    # The k-th of n purchases at random moments is Beta(k, n - k + 1) of the way.
    share = rng.beta(np.maximum(made, 1), np.maximum(intended - made + 1, 1))
    return made.astype(float), np.where(made > 0, np.ceil(age * share), 0.0), age


@pytest.mark.parametrize("customers", ["cdnow", 100_000, 300_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_fit(benchmark, cpu_seconds, customers):
    lifetimes = pytest.importorskip("lifetimes", reason='the peer needs pip install "clm[peers]"')
    columns = base(customers)

    def fit_here():
        # New histories each time: the distinct ones are counted anew, as at a user's first fit.
        return clm.BGNBD().fit(clm.RFM.from_arrays(*columns, unit="day"))

    def fit_there():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return lifetimes.BetaGeoFitter().fit(*columns)

    here, there = fit_here(), fit_there()
    for name, value in here.params.items():
        assert value == pytest.approx(there.params_[name], rel=0.01)
        assert here.standard_errors[name] == pytest.approx(there.summary["se(coef)"][name], rel=0.05)

    # In turns, so that a busy neighbour slows both.
    mine, theirs, wall = [], [], []
    for _ in range(3):
        theirs.append(cpu_seconds(fit_there)[0])
        for _ in range(5):
            begin = time.perf_counter()
            mine.append(cpu_seconds(fit_here)[0])
            wall.append(time.perf_counter() - begin)
    benchmark.pedantic(fit_here, rounds=3)
    ratio = np.median(theirs) / np.median(mine)
    benchmark.extra_info.update(
        customers=customers, cpu_ms=1000 * np.median(mine), peer_cpu_ms=1000 * np.median(theirs), ratio=ratio
    )
    print(
        f"\nBG/NBD, {customers if customers == 'cdnow' else f'{customers:,} customers'}, errors included: "
        f"clm {1000 * np.median(mine):.1f} ms of CPU (best wall {1000 * min(wall):.1f}), "
        f"lifetimes {1000 * np.median(theirs):.0f} ms: {ratio:.0f} times"
    )


def test_predict(benchmark, cpu_seconds):
    lifetimes = pytest.importorskip("lifetimes", reason='the peer needs pip install "clm[peers]"')
    columns = base(300_000)
    fit = clm.BGNBD().fit(clm.RFM.from_arrays(*columns, unit="day"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = lifetimes.BetaGeoFitter().fit(*columns)

    def predict_here():
        return fit.expected_purchases(clm.RFM.from_arrays(*columns, unit="day"), horizon=90)

    def predict_there():
        return peer.conditional_expected_number_of_purchases_up_to_time(90, *columns)

    assert np.asarray(predict_here()) == pytest.approx(np.asarray(predict_there()), rel=0.01, abs=1e-9)
    theirs = np.median([cpu_seconds(predict_there)[0] for _ in range(3)])
    mine = np.median([cpu_seconds(predict_here)[0] for _ in range(5)])
    benchmark.pedantic(predict_here, rounds=3)
    print(
        f"\nExpected purchases of 300,000 customers: clm {1000 * mine:.0f} ms of CPU with the error of each and of "
        f"every total, lifetimes {1000 * theirs:.0f} ms without"
    )
