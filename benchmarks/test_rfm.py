"""RFM of two million orders, beside lifetimes on the same frame; the aim is at least four times as fast."""

from __future__ import annotations

import numpy as np
import pytest

import clm

ORDERS = 2_000_000
CUSTOMERS = 300_000
SEED = 0
THROUGH = "2022-12-31"


@pytest.fixture(scope="module")
def orders():
    """Two years of orders with times and amounts; ids are whole numbers."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(SEED)
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, CUSTOMERS, ORDERS),
            "at": np.datetime64("2021-01-01", "us") + rng.integers(0, 730 * 86_400, ORDERS).astype("m8[s]"),
            "amount": np.round(rng.gamma(2, 20, ORDERS), 2),
        }
    )


@pytest.mark.parametrize("ids", ["whole numbers", "text"])
def test_pandas_beside_lifetimes(benchmark, cpu_seconds, orders, ids):
    utils = pytest.importorskip("lifetimes.utils", reason='the peer needs pip install "clm[peers]"')
    if ids == "text":
        orders = orders.assign(customer_id=orders["customer_id"].astype(str))
    theirs, summary = cpu_seconds(
        utils.summary_data_from_transaction_data,
        orders,
        "customer_id",
        "at",
        "amount",
        observation_period_end=THROUGH,
        freq="D",
    )
    rfm = clm.rfm(orders, through=THROUGH, unit="day")
    summary = summary.sort_index()
    for name in ("frequency", "recency", "T"):
        np.testing.assert_array_equal(summary[name], getattr(rfm, name))
    np.testing.assert_allclose(summary["monetary_value"], np.nan_to_num(rfm.monetary))
    ours = sorted(cpu_seconds(clm.rfm, orders, through=THROUGH, unit="day")[0] for _ in range(5))[2]
    benchmark.pedantic(clm.rfm, (orders,), {"through": THROUGH, "unit": "day"}, rounds=3)
    benchmark.extra_info |= {
        "orders": ORDERS,
        "customers": rfm.n,
        "seed": SEED,
        "cpu_seconds": round(ours, 3),
        "lifetimes_cpu_seconds": round(theirs, 3),
        "times_as_fast": round(theirs / ours, 1),
    }
    print(f"\nids as {ids}: {ours:.2f} s of CPU, lifetimes {theirs:.2f} s: {theirs / ours:.1f} times as fast")


@pytest.mark.parametrize("engine", ["polars", "polars_lazy", "pyarrow", "duckdb"])
def test_other_frames(benchmark, orders, engine):
    pl = pytest.importorskip("polars")
    frame = pl.from_pandas(orders)
    if engine == "polars_lazy":
        frame = frame.lazy()
    elif engine == "pyarrow":
        frame = frame.to_arrow()
    elif engine == "duckdb":
        frame = pytest.importorskip("duckdb").from_arrow(frame.to_arrow())
    benchmark.extra_info |= {"orders": ORDERS, "seed": SEED}
    rfm = benchmark.pedantic(clm.rfm, (frame,), {"through": THROUGH, "unit": "day"}, rounds=3)
    assert rfm == clm.rfm(orders, through=THROUGH, unit="day")


def test_ten_million_orders_in_parquet_at_500_mb(benchmark, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = str(tmp_path / "orders.parquet")
    connection = duckdb.connect()
    connection.sql("""
        SELECT (hash(i * 7919) % 1000000)::BIGINT AS customer_id,
               TIMESTAMP '2021-01-01' + to_seconds((hash(i * 31) % 94608000)::BIGINT) AS "at",
               round(5 + (hash(i * 17) % 20000) / 100.0, 2)::DOUBLE AS amount
        FROM range(10000000) AS rows(i)
    """).write_parquet(path)
    connection.execute("SET memory_limit = '500MB'")
    connection.execute("SET temp_directory = $1", [str(tmp_path / "spill")])
    connection.execute("SET preserve_insertion_order = false")
    orders = connection.read_parquet(path)
    rfm = benchmark.pedantic(clm.rfm, (orders,), {"through": "2023-12-31"}, rounds=1)
    assert rfm.n == 999_961
    benchmark.extra_info |= {"orders": 10_000_000, "customers": rfm.n, "memory_limit": "500MB"}
