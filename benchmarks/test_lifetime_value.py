"""The next twelve months' value of every customer, cost against size, and memory.

CLM_WRITE=1 writes the figure of cost against size down beside this file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
from benchmarks import test_pareto_nbd
from benchmarks.test_bg_nbd import base
from benchmarks.test_gamma_gamma import spending

import clm

SIZES = (1_000, 10_000, 100_000, 1_000_000)


@pytest.mark.parametrize("customers", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_twelve_months(benchmark, cpu_seconds, customers):
    lifetimes = pytest.importorskip("lifetimes", reason='the peer needs pip install "clm[peers]"')
    pandas = pytest.importorskip("pandas")
    frequency, recency, age, means = (pandas.Series(column) for column in spending(customers))
    columns = [column.to_numpy() for column in (frequency, recency, age, means)]
    again = (frequency > 0) & (means > 0)
    rfm = clm.RFM.from_arrays(*columns, unit="day")
    fit, worth = clm.BGNBD().fit(rfm), clm.GammaGamma().fit(rfm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        purchases = lifetimes.BetaGeoFitter().fit(*columns[:3])
        spent = lifetimes.GammaGammaFitter().fit(frequency[again], means[again])

    def value_here():
        histories = clm.RFM.from_arrays(*columns, unit="day")
        discount = clm.Discount(0.01, per="month")
        return clm.lifetime_value(fit, histories, order_value=worth, horizon=360, discount=discount)

    def value_there():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return spent.customer_lifetime_value(
                purchases, frequency, recency, age, means, time=12, discount_rate=0.01, freq="D"
            )

    theirs, there = cpu_seconds(value_there)
    here = value_here()
    # The peer counts each month's purchases at the month's end: half a month later than they are made.
    assert here.value.sum() == pytest.approx(np.asarray(there).sum(), rel=0.01)

    mine = [cpu_seconds(value_here)[0] for _ in range(3)]
    benchmark.pedantic(value_here, rounds=1)
    ratio = theirs / np.median(mine)
    benchmark.extra_info.update(customers=customers, cpu_s=np.median(mine), peer_cpu_s=theirs, ratio=ratio)
    print(
        f"\nTwelve months' value of {customers:,} customers: clm {np.median(mine):.2f} s of CPU with the error of each "
        f"and of every total, lifetimes {theirs:.2f} s without: {ratio:.0f} times"
    )


@pytest.mark.slow
def test_cost_against_size(cpu_seconds):
    cost = {"BG/NBD": [], "Pareto/NBD": []}
    for customers in SIZES:
        for name, model, columns in (
            ("BG/NBD", clm.BGNBD(), base(customers)),
            ("Pareto/NBD", clm.ParetoNBD(), test_pareto_nbd.base(customers)),
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", clm.errors.IdentifiabilityWarning)  # small bases may have no maximum
                runs = [
                    cpu_seconds(lambda m=model, c=columns: m.fit(clm.RFM.from_arrays(*c, unit="day")))[0]
                    for _ in range(3)
                ]
            cost[name].append(float(np.median(runs)))
    for name, seconds in cost.items():
        shown = ", ".join(f"{size:,}: {1000 * s:.0f} ms" for size, s in zip(SIZES, seconds, strict=True))
        print(f"\n{name}, fit with errors: {shown}")
    if os.environ.get("CLM_WRITE"):
        drawn(cost).savefig(
            Path(__file__).with_name("lifetime-value.svg"), metadata={"Date": None, "Creator": None}, format="svg"
        )


def drawn(cost):
    """Return the figure of cost against size."""
    figure_of = pytest.importorskip("matplotlib.figure", reason="the figure needs matplotlib")
    figure = figure_of.Figure(figsize=(5.0, 3.2), layout="constrained")
    ax = figure.add_subplot()
    for (name, seconds), colour, mark in zip(cost.items(), ("#0072b2", "#d55e00"), "os", strict=True):
        ax.loglog(SIZES, seconds, color=colour, marker=mark, label=name)
    ax.set_xlabel("Customers")
    ax.set_ylabel("Fit with errors (seconds of CPU)")
    ax.grid(visible=True, alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return figure


PROGRAM = """
    import sys
    import numpy as np

    # Ten million customers as a database hands them over: distinct histories on whole days, with weights.
    rng = np.random.default_rng(1)
    size = 10_000_000
    age = rng.integers(1, 730, size).astype(np.int16)
    lasting = rng.geometric(rng.beta(0.8, 2.5, size).clip(1e-9))
    made = np.minimum(rng.poisson(rng.gamma(0.9, 1 / 42.0, size) * age), lasting).astype(np.int16)
    last = np.where(made > 0, np.ceil(age * rng.beta(np.maximum(made, 1), 1)), 0).astype(np.int16)
    packed = (made.astype(np.int64) << 32) | (last.astype(np.int64) << 16) | age
    cells, weights = np.unique(packed, return_counts=True)
    with open(sys.argv[1], "wb") as out:
        np.save(out, cells)
        np.save(out, weights)
"""
FIT = """
    import resource
    import sys
    import numpy as np
    import clm

    with open(sys.argv[1], "rb") as source:
        cells, weights = np.load(source), np.load(source)
    model = getattr(clm, sys.argv[2])
    rfm = clm.RFM.from_arrays(cells >> 32, (cells >> 16) & 0xFFFF, cells & 0xFFFF, weights=weights, unit="day")
    fit = model().fit(rfm)
    print(rfm.n, len(rfm), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


@pytest.mark.slow
def test_memory_of_ten_million_customers(tmp_path):
    cells = tmp_path / "cells.npy"
    subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM), cells], check=True)
    for model in ("BGNBD", "ParetoNBD"):
        run = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(FIT), cells, model], check=True, capture_output=True, text=True
        )
        customers, distinct, gigabytes = run.stdout.split()
        print(f"\n{model}: {int(customers):,} customers, {int(distinct):,} cells: at most {float(gigabytes):.2f} GB")
        assert float(gigabytes) < 2
