"""The same columns as every kind of frame that clm takes."""

import pytest

NANOSECONDS = "ns"


def table(columns):
    """Build the PyArrow table that the other frames are made from."""
    pa = pytest.importorskip("pyarrow")
    return pa.table(
        {name: pa.array(values) if isinstance(values, list) else values for name, values in columns.items()}
    )


def as_mapping(columns, _):
    return {name: values if isinstance(values, list) else values.to_pylist() for name, values in columns.items()}


def as_pandas(columns, _):
    pytest.importorskip("pandas")
    return table(columns).to_pandas()


def as_pandas_nullable(columns, _):
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    nullable = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype()}
    return table(columns).to_pandas(types_mapper=nullable.get)


def as_pandas_pyarrow(columns, _):
    pd = pytest.importorskip("pandas")
    return table(columns).to_pandas(types_mapper=pd.ArrowDtype)


def as_polars(columns, _):
    return pytest.importorskip("polars").from_arrow(table(columns))


def as_polars_lazy(columns, tmp_path):
    return as_polars(columns, tmp_path).lazy()


def as_pyarrow(columns, _):
    return table(columns)


def as_duckdb(columns, _):
    return pytest.importorskip("duckdb").from_arrow(table(columns))


def as_parquet(columns, tmp_path):
    """A DuckDB relation on a Parquet file."""
    duckdb, parquet = pytest.importorskip("duckdb"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    parquet.write_table(table(columns), path)
    return duckdb.read_parquet(str(path))


def as_csv(columns, tmp_path):
    """A DuckDB relation on a CSV file, whose types DuckDB finds."""
    return _csv(columns, tmp_path)


def as_csv_of_text(columns, tmp_path):
    """A DuckDB relation on a CSV file whose times are left as text."""
    times = {name: "VARCHAR" for name in columns if name == "at" or name.endswith("_at")}
    return _csv(columns, tmp_path, dtype=times)


def _csv(columns, tmp_path, **options):
    duckdb, csv = pytest.importorskip("duckdb"), pytest.importorskip("pyarrow.csv")
    path = tmp_path / "rows.csv"
    csv.write_csv(table(columns), path)
    return duckdb.read_csv(str(path), header=True, **options)


ENGINES = {
    "mapping": as_mapping,
    "pandas": as_pandas,
    "pandas_nullable": as_pandas_nullable,
    "pandas_pyarrow": as_pandas_pyarrow,
    "polars": as_polars,
    "polars_lazy": as_polars_lazy,
    "pyarrow": as_pyarrow,
    "duckdb": as_duckdb,
    "duckdb_parquet": as_parquet,
    "duckdb_csv": as_csv,
    "duckdb_csv_text": as_csv_of_text,
}
TYPED = {name: make for name, make in ENGINES.items() if "csv" not in name}
"""Those that keep the type of a column: a CSV file has none."""

LAZY = {name: make for name, make in ENGINES.items() if name in {"polars_lazy", "duckdb"}}
