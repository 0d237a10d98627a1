"""Hand columns back as the kind of frame that the data came in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from clm.errors import InvalidDataError, MissingExtraError
from clm.frames._output import to_frame
from clm.frames._source import Source
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.frames._source import Table
    from clm.typing import Array

_EAGER = ("pandas", "polars", "pyarrow")


def like(data: Any, table: Table, columns: dict[str, Array]) -> Any:
    """Return columns as a frame of the kind of `data`: lazy where that was lazy, on the connection of that.

    Parameters
    ----------
    data
        What the user gave: a frame or a `Source`.
    table
        The same, opened.
    columns
        Equally long arrays by name.

    Raises
    ------
    MissingExtraError
        If a database needs PyArrow to take the columns, and it is not installed.
    InvalidDataError
        If the engine is not known.
    """
    native = data.frame if isinstance(data, Source) else data
    if table.engine == "mapping":
        return {name: frozen_array(column) for name, column in columns.items()}
    if table.engine in _EAGER:
        frame = to_frame(columns, table.engine)  # type: ignore[arg-type]  # one of the three, as just checked
        return frame.lazy() if table.lazy else frame
    if table.engine == "duckdb":
        return _relation(native, columns)
    if table.engine == "ibis":
        return import_module("ibis").memtable(_arrow(columns, "Ibis"))
    if table.engine == "pyspark":
        return native.sparkSession.createDataFrame(to_frame(columns, "pandas"))
    if not table.lazy:
        return nw.from_dict(columns, backend=table.frame.implementation).to_native()
    raise InvalidDataError(f"a result cannot be handed to {table.engine}. Collect the frame first.")


def _relation(native: Any, columns: dict[str, Array]) -> Any:
    clm_columns = _arrow(columns, "DuckDB")
    # DuckDB finds the table by its name among the variables here, and keeps it; the connection stays the same.
    relation = native.query("clm_input", "SELECT * FROM clm_columns")
    assert clm_columns is not None
    return relation


def _arrow(columns: dict[str, Array], engine: str) -> Any:
    try:
        return to_frame(columns, "pyarrow")
    except MissingExtraError as error:
        raise MissingExtraError(
            f'to hand columns to {engine} needs PyArrow: pip install "clm[files]"', extra="files"
        ) from error
