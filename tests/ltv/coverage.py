"""How often intervals of purchase models hold the truth, and how well predictions match what follows."""

from __future__ import annotations

import warnings

import numpy as np

import clm


def coverage(model, world, params, *, size, replications, seed, horizon):
    """Return how often intervals hold the truth by what they are for, and how often parameters were not identified."""
    truth = None
    held: dict[str, list[float]] = {}
    skipped = 0
    for replication in range(replications):
        rfm, afterwards, _ = world(size, tuple(params.values()), np.random.default_rng([seed, replication]))
        truth = truth or model.with_params(params, unit=rfm.unit)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", clm.IdentifiabilityWarning)
            fit = model.fit(rfm)
        if fit.parameters.undefined is not None:
            skipped += 1
            continue

        def note(name, low, value, high):
            held.setdefault(name, []).append(float(np.mean((low <= value) & (value <= high))))

        for name, (low, high) in fit.confidence_interval(0.95).items():
            note(name, low, params[name], high)
        low, high = fit.expected_purchases(horizon=horizon).confidence_interval(0.95)
        note("new", low, float(truth.expected_purchases(horizon=horizon)), high)
        row = int(rfm.frequency.argmax())
        for name, ask in (
            ("alive", lambda known, rfm=rfm: known.probability_alive(rfm)),
            ("given", lambda known, rfm=rfm: known.expected_purchases(rfm, horizon=horizon)),
        ):
            low, high = ask(fit).confidence_interval(0.95)
            note(name, low[row], ask(truth).value[row], high[row])
        if replication % 4:  # the dearest, and the least in doubt
            continue
        ends = fit.prediction_interval(rfm, horizon=horizon)
        note("total", ends.total.low, afterwards.sum(), ends.total.high)
        note("each", ends.low, afterwards, ends.high)
    return {name: float(np.mean(hits)) for name, hits in held.items()}, skipped


def assert_found(fit, params, rfm, afterwards, alive, *, horizon):
    """Check that a fit to many customers finds their parameters, and says what becomes of them."""
    for name, truth in params.items():
        # Four standard errors: one wrong alarm in 16,000.
        assert abs(np.log(fit.params[name] / truth)) < 4 * fit.standard_errors[name] / fit.params[name], name
    expected, chance = fit.expected_purchases(rfm, horizon=horizon), fit.probability_alive(rfm)
    for low, high in ((0, 0), (1, 1), (2, 4), (5, 9), (10, 99)):
        among = (rfm.frequency >= low) & (rfm.frequency <= high)
        if among.sum() < 100:
            continue
        spread = afterwards[among].std() / np.sqrt(among.sum())
        assert abs(afterwards[among].mean() - expected.value[among].mean()) < 5 * spread + 0.02
        assert abs(alive[among].mean() - chance.value[among].mean()) < 4 * np.sqrt(0.25 / among.sum())
    none = afterwards == 0
    silent = fit.purchase_probability(0, rfm, horizon=horizon).value
    assert abs(none.mean() - silent.mean()) < 4 * np.sqrt(0.25 / len(none))
