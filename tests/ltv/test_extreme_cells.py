"""Log-likelihoods far from the usual: up to 10,000 purchases, ten years of days, shapes and scales .008 to 100."""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest

import clm

# Made by extreme_likelihoods.py beside it, with mpmath in 50 digits.
TABLE = json.loads((Path(__file__).parents[1] / "references" / "extreme_likelihoods.json").read_text(encoding="utf-8"))
NAMES = {
    "NBD": ("r", "alpha"),
    "BGNBD": ("r", "alpha", "a", "b"),
    "MBGNBD": ("r", "alpha", "a", "b"),
    "ParetoNBD": ("r", "alpha", "s", "beta"),
    "BGBB": ("alpha", "beta", "gamma", "delta"),
}


@pytest.mark.parametrize("model", NAMES)
def test_log_likelihoods_hold_nine_digits(model):
    rows = sorted((row for row in TABLE if row[0] == model), key=itemgetter(1))
    assert len(rows) >= 60
    for params, group in groupby(rows, key=itemgetter(1)):
        cells = list(group)
        given = dict(zip(NAMES[model], map(float, params.split()), strict=True))
        fit = getattr(clm, model)().with_params(given, unit="day")
        columns = zip(*((row[2], float(row[3]), float(row[4])) for row in cells), strict=True)
        found = fit.pointwise_loglik(clm.RFM.from_arrays(*columns, unit="day"))
        exact = np.array([float(row[5]) for row in cells])
        assert np.isfinite(found).all()
        assert found == pytest.approx(exact, rel=1e-9, abs=1e-12), params


@pytest.mark.parametrize("model", NAMES)
def test_predictions_are_finite_and_in_their_range(model):
    rows = [row for row in TABLE if row[0] == model]
    for params in sorted({row[1] for row in rows}):
        given = dict(zip(NAMES[model], map(float, params.split()), strict=True))
        fit = getattr(clm, model)().with_params(given, unit="day")
        columns = zip(*((row[2], float(row[3]), float(row[4])) for row in rows if row[1] == params), strict=True)
        rfm = clm.RFM.from_arrays(*columns, unit="day")
        alive = fit.probability_alive(rfm).value
        assert ((alive >= 0) & (alive <= 1)).all()
        expected = fit.expected_purchases(rfm, horizon=365).value
        # At most what a customer who stays buys.
        if model == "BGBB":
            chance = (given["alpha"] + rfm.frequency) / (given["alpha"] + given["beta"] + rfm.T)
        else:
            chance = (given["r"] + rfm.frequency) / (given["alpha"] + rfm.T)
        most = chance * 365
        assert np.isfinite(expected).all()
        assert ((expected >= 0) & (expected <= most * (1 + 1e-12))).all()
