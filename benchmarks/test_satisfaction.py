"""Ten million answers: the aim is under 0.1 s in NumPy, and no copy to Python objects anywhere."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import clm

ANSWERS = 10_000_000
SEED = 0


@pytest.fixture(scope="module")
def answers():
    return np.random.default_rng(SEED).integers(0, 11, ANSWERS)


def recipe(scores):
    """The usual recipe in pandas: label every answer, then count."""
    pd = pytest.importorskip("pandas")
    kind = pd.cut(pd.Series(scores), bins=[-1, 6, 8, 10], labels=["detractor", "passive", "promoter"])
    shares = kind.value_counts(normalize=True)
    return 100 * (shares["promoter"] - shares["detractor"])


@pytest.mark.parametrize("dtype", ["int64", "int8", "float64"])
def test_numpy_beside_the_recipe_in_pandas(benchmark, cpu_seconds, answers, dtype):
    column = answers.astype(dtype)
    theirs, value = sorted(cpu_seconds(recipe, column) for _ in range(3))[1]
    assert clm.nps(column).value == pytest.approx(value, abs=1e-9)
    ours = sorted(cpu_seconds(clm.nps, column)[0] for _ in range(5))[2]
    benchmark.pedantic(clm.nps, (column,), rounds=3)
    benchmark.extra_info |= {
        "answers": ANSWERS,
        "seed": SEED,
        "cpu_seconds": round(ours, 4),
        "pandas_cpu_seconds": round(theirs, 3),
        "times_as_fast": round(theirs / ours, 1),
    }
    print(f"\n{dtype}: {ours:.3f} s of CPU, pandas {theirs:.2f} s: {theirs / ours:.0f} times as fast")


@pytest.mark.parametrize("engine", ["pandas", "polars", "polars_lazy", "pyarrow", "duckdb"])
def test_frames(benchmark, cpu_seconds, answers, engine):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"score": answers})
    if engine == "pandas":
        frame = table.to_pandas()
    elif engine == "pyarrow":
        frame = table
    elif engine == "duckdb":
        connection = pytest.importorskip("duckdb").connect()
        connection.execute("SET threads = 1")
        connection.register("answers", table)
        connection.execute("CREATE TABLE kept AS SELECT score FROM answers")
        frame = connection.table("kept")
    else:
        frame = pytest.importorskip("polars").from_arrow(table)
        frame = frame.lazy() if engine == "polars_lazy" else frame
    assert clm.nps(frame) == clm.nps(answers)
    ours = sorted(cpu_seconds(clm.nps, frame)[0] for _ in range(5))[2]
    benchmark.pedantic(clm.nps, (frame,), rounds=3)
    tracemalloc.start()
    clm.nps(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    benchmark.extra_info |= {"answers": ANSWERS, "cpu_seconds": round(ours, 4), "peak_megabytes": round(peak / 1e6, 1)}
    print(f"\n{engine}: {ours:.3f} s of CPU, {peak / 1e6:.1f} MB more at the peak")


def test_twelve_drivers_with_a_thousand_samples(benchmark):
    rng = np.random.default_rng(SEED)
    rated = np.clip(rng.normal(4, 1, (10_000, 1)) + rng.normal(0, 1, (10_000, 12)), 1, 7).round()
    names = [f"driver {i}" for i in range(12)]
    outcome = rated[:, :3].mean(axis=1) + rng.normal(0, 1, 10_000)
    frame = {**dict(zip(names, rated.T, strict=True)), "score": outcome}
    found = benchmark.pedantic(clm.drivers, (frame, names), rounds=2)
    assert found.importance.value.sum() == pytest.approx(found.r_squared.value)


def test_raking_a_million_respondents(benchmark):
    rng = np.random.default_rng(SEED)
    frame = {name: rng.integers(0, size, 1_000_000) for name, size in (("age", 6), ("region", 12), ("plan", 3))}
    targets = {name: {i: i + 1.0 for i in range(column.max() + 1)} for name, column in frame.items()}
    shares = {name: {i: t / sum(of.values()) for i, t in of.items()} for name, of in targets.items()}
    weights = benchmark.pedantic(clm.rake, (frame, shares), rounds=2)
    assert weights.converged
