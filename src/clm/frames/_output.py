"""Hand a result over as the dataframe that its reader works with."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

import numpy as np

from clm.errors import InvalidDataError, MissingExtraError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.typing import Array


@runtime_checkable
class Columnar(Protocol):
    """A result that can be told as equally long columns."""

    def to_columns(self) -> Mapping[str, Array]:
        """Return the columns by name."""


def to_frame(result: Any, library: Literal["pandas", "polars", "pyarrow"]) -> Any:
    """Return a result as a dataframe.

    Parameters
    ----------
    result
        An `Estimate` with one cell a row, a table, a curve, a scorecard, purchase histories, or any object with a
        ``to_columns()``; also a mapping of column name to equally long arrays, as ``StageLog.visits`` is.
    library : {"pandas", "polars", "pyarrow"}
        Which dataframe; the library must be installed.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        Rows in the order of the result. Instants are UTC, without a time zone; what is not there is null.

    Raises
    ------
    InvalidDataError
        If `result` has no columns, they differ in length, or `library` is unknown.
    MissingExtraError
        If the library is not installed.

    Examples
    --------
    >>> answers = clm.stats.proportion([8, 3], [10, 10], name="share", definition="Share.", index=["a", "b"])
    >>> clm.to_frame(answers, "polars")["value"].to_list()
    [0.8, 0.3]
    """
    if library not in _MAKERS:
        raise InvalidDataError(
            f"library {library!r} is not one of {', '.join(_MAKERS)}.{nearest(str(library), _MAKERS)}"
        )
    columns = _columns(result)
    extra, make = _MAKERS[library]
    try:
        module = import_module(library)
    except ModuleNotFoundError as error:
        message = f'a frame of {library} needs {error.name}: pip install "clm[{extra}]"'
        raise MissingExtraError(message, extra=extra) from error
    return make(module, columns)


def _columns(result: Any) -> dict[str, Array]:
    if isinstance(result, Columnar):
        given: Mapping[Any, Any] = result.to_columns()
    elif isinstance(result, Mapping) and all(isinstance(name, str) for name in result):
        given = result
    else:
        raise InvalidDataError(
            f"a {type(result).__name__} has no columns. Give a result of clm, or a mapping of column name to array."
        )
    columns = {name: np.asarray(column) for name, column in given.items()}
    shapes = {name: column.shape for name, column in columns.items()}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InvalidDataError(f"columns differ in shape: {listed}. Give one entry a row in each.")
    return columns


def _pandas(pandas: Any, columns: dict[str, Array]) -> Any:
    # Copied, since pandas would share the read-only memory and then refuse to be written to.
    return pandas.DataFrame({name: column.copy() for name, column in columns.items()}, columns=list(columns))


def _polars(polars: Any, columns: dict[str, Array]) -> Any:
    def series(name: str, column: Array) -> Any:
        if column.dtype.kind not in "OU":
            return polars.Series(name, column)
        entries = column.tolist()
        # Object columns hold words or nothing: without a word their type has to be said.
        return polars.Series(name, entries, dtype=polars.String if _wordless(entries) else None, strict=False)

    return polars.DataFrame([series(name, column) for name, column in columns.items()])


def _pyarrow(pyarrow: Any, columns: dict[str, Array]) -> Any:
    def array(column: Array) -> Any:
        if column.dtype.kind not in "OU":
            return pyarrow.array(column)
        entries = column.tolist()
        return pyarrow.array(entries, type=pyarrow.string() if _wordless(entries) else None)

    return pyarrow.table({name: array(column) for name, column in columns.items()})


def _wordless(entries: list[Any]) -> bool:
    return all(entry is None for entry in entries)


_MAKERS: Final[dict[str, tuple[str, Callable[[Any, dict[str, Array]], Any]]]] = {
    "pandas": ("pandas", _pandas),
    "polars": ("polars", _polars),
    "pyarrow": ("files", _pyarrow),
}
