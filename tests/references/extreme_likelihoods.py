"""Write extreme_likelihoods.json: log-likelihoods of single histories far from the usual, in 50 digits.

Run it where mpmath is installed: ``python tests/references/extreme_likelihoods.py``. The formulas are those of the
models' papers, taken as they are printed: sums and integrals, no asymptotic forms, nothing of clm.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mpmath import beta, inf, log, loggamma, mp, mpf, quad

mp.dps = 50

TIMES = [
    (0, "0", "1"),
    (0, "0", "3650"),
    (1, "0.001", "0.001"),
    (1, "0.001", "3650"),
    (1, "3650", "3650"),
    (3, "2.5", "39"),
    (50, "10", "12"),
    (500, "30", "3650"),
    (2000, "100", "730"),
    (10000, "3600", "3650"),
    (10000, "0.5", "3650"),
]
RATES = [("0.008", "0.008"), ("0.243", "4.414"), ("0.6", "100"), ("5", "0.5"), ("100", "100"), ("100", "0.008")]
LEAVING = [("0.793", "2.426"), ("0.008", "100"), ("100", "0.008"), ("0.008", "0.008"), ("100", "100"), ("1", "1")]
COUNTS = [(0, 0, 1), (0, 0, 365), (1, 1, 3650), (6, 6, 6), (30, 40, 365), (100, 3650, 3650), (3000, 3100, 3650)]


def rising(r: Any, x: int, alpha: Any, time: Any) -> Any:
    """Return the log of Gamma(r + x) / Gamma(r) alpha^r / (alpha + time)^(r + x)."""
    return loggamma(r + x) - loggamma(r) + r * log(alpha) - (r + x) * log(alpha + time)


def added(*logs: Any) -> Any:
    """Return the log of a sum of exponentials."""
    most = max(logs)
    return most + log(sum(mp.exp(one - most) for one in logs))


def log_beta(a: Any, b: Any) -> Any:
    """Return the log of the beta function."""
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def nbd(params: list[Any], x: int, _: Any, age: Any) -> Any:
    """Ehrenberg (1959), with the times of the purchases."""
    return rising(params[0], x, params[1], age)


def bg_nbd(params: list[Any], x: int, recency: Any, age: Any) -> Any:
    """Fader, Hardie and Lee (2005), equation 6."""
    r, alpha, a, b = params
    there = rising(r, x, alpha, age) + log_beta(a, b + x) - log_beta(a, b)
    if x == 0:
        return there
    return added(there, rising(r, x, alpha, recency) + log_beta(a + 1, b + x - 1) - log_beta(a, b))


def mbg_nbd(params: list[Any], x: int, recency: Any, age: Any) -> Any:
    """Batislam, Denizel and Filiztekin (2007): one more occasion to leave."""
    r, alpha, a, b = params
    return added(
        rising(r, x, alpha, age) + log_beta(a, b + x + 1) - log_beta(a, b),
        rising(r, x, alpha, recency) + log_beta(a + 1, b + x) - log_beta(a, b),
    )


def pareto_nbd(params: list[Any], x: int, recency: Any, age: Any) -> Any:
    """Schmittlein, Morrison and Colombo (1987): the integral over the moment of leaving, in logarithmic time."""
    r, alpha, s, leaving = params
    there = rising(r, x, alpha, age) + s * log(leaving / (leaving + age))
    least = min(alpha, leaving) + recency
    length = log(1 + (age - recency) / least)
    if length == 0:
        return there

    def density(along: Any) -> Any:
        after = least * mp.expm1(along)
        return mp.exp(
            along - (r + x) * log(1 + after / (alpha + recency)) - (s + 1) * log(1 + after / (leaving + recency))
        )

    steep = r + x + s + 1
    edges = [mpf(0), *(k / steep for k in (mpf(1), 4, 12, 30, 80, 200) if k / steep < length), length]
    integral = quad(density, edges)
    scale = rising(r, x, alpha, recency) + s * log(leaving) - (s + 1) * log(leaving + recency)
    return added(there, log(s) + log(least) + log(integral) + scale)


def bg_bb(params: list[Any], x: int, recency: Any, age: Any) -> Any:
    """Fader, Hardie and Shang (2010), equation 4."""
    alpha, beta_, gamma, delta = params
    last, n = int(recency), int(age)
    terms = [log_beta(alpha + x, beta_ + n - x) + log_beta(gamma, delta + n)]
    terms += [
        log_beta(alpha + x, beta_ + last - x + i) + log_beta(gamma + 1, delta + last + i) for i in range(n - last)
    ]
    return added(*terms) - log_beta(alpha, beta_) - log_beta(gamma, delta)


def main() -> None:
    """Write the table."""
    assert abs(log_beta(mpf(2), mpf(3)) - log(beta(2, 3))) < mpf(10) ** -45
    assert abs(quad(lambda u: mp.exp(-u), [0, inf]) - 1) < mpf(10) ** -40
    rows = []
    for x, recency, age in TIMES:
        for rate in RATES:
            rows.append(("NBD", rate, x, recency, age, nbd))
            for leaving in LEAVING:
                for name, model in (("BGNBD", bg_nbd), ("MBGNBD", mbg_nbd), ("ParetoNBD", pareto_nbd)):
                    rows.append((name, (*rate, *leaving), x, recency, age, model))
    for x, last, n in COUNTS:
        for buying in LEAVING:
            rows += [("BGBB", (*buying, *leaving), x, str(last), str(n), bg_bb) for leaving in LEAVING]
    table = [
        [
            name,
            " ".join(params),
            x,
            recency,
            age,
            mp.nstr(model([mpf(p) for p in params], x, mpf(recency), mpf(age)), 17),
        ]
        for name, params, x, recency, age, model in rows
    ]
    lines = ",\n".join(json.dumps(row) for row in table)
    Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
