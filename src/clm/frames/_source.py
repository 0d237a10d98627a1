"""Name the columns of any dataframe once, find them, and fetch them as numpy arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import evolve, field, fields, frozen

from clm.errors import InvalidDataError, MissingExtraError, nearest
from clm.frames._column import Column, read_sequence, read_series

if TYPE_CHECKING:
    from clm.typing import Array

DEFAULTS: Final = {
    "customer": "customer_id",
    "at": "at",
    "kind": "kind",
    "channel": "channel",
    "amount": "amount",
    "score": "score",
    "acquired_at": "acquired_at",
    "impressions": "impressions",
    "visits": "visits",
    "clicks": "clicks",
    "followers": "followers",
    "cost": "cost",
}
"""Column names that are looked for where none is given."""

_ENGINES = {"duckdb", "polars", "pyspark", "ibis", "py4j", "pyarrow", "narwhals"}
_EXTRAS = {"duckdb": "files", "pyspark": "spark", "polars": "polars", "pandas": "pandas"}


@final
@frozen(repr=False, eq=False)
class Source:
    """A dataframe with its columns named once; it goes wherever a dataframe goes.

    Parameters
    ----------
    frame
        A mapping of column name to equally long arrays, a pandas, Polars (eager or lazy) or PyArrow frame, a DuckDB
        relation, a PySpark frame or an Ibis table.
    customer, at, kind, channel, amount, score : str, optional
        Names of the columns; where not given, ``customer_id``, ``at``, ``kind``, ``channel``, ``amount`` and
        ``score`` are looked for.
    ref, order, start_at, end_at : str, optional
        Names of the columns that some calls take besides: a touchpoint's own id, what breaks ties in time, and the
        two ends of a duration.

    Raises
    ------
    InvalidDataError
        If `frame` is no dataframe, or a name is no text.

    Examples
    --------
    >>> orders = clm.Source(
    ...     {"who": ["ann", "bob", "ann"], "day": ["2025-01-01", "2025-01-03", "2025-01-08"]},
    ...     customer="who",
    ...     at="day",
    ... )
    >>> clm.rfm(orders, through="2025-01-31").frequency
    array([1., 0.])
    """

    frame: Any
    customer: str | None = field(default=None, kw_only=True)
    at: str | None = field(default=None, kw_only=True)
    kind: str | None = field(default=None, kw_only=True)
    channel: str | None = field(default=None, kw_only=True)
    amount: str | None = field(default=None, kw_only=True)
    score: str | None = field(default=None, kw_only=True)
    ref: str | None = field(default=None, kw_only=True)
    order: str | None = field(default=None, kw_only=True)
    start_at: str | None = field(default=None, kw_only=True)
    end_at: str | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.frame, Source):
            raise InvalidDataError("a Source holds a frame, not another Source. Name the columns once.")
        if not isinstance(self.frame, Mapping):
            _narwhals(self.frame, "frame")
        for role, name in self.named().items():
            if not isinstance(name, str):
                raise InvalidDataError(f"{role}={name!r} must be the name of a column.")

    def named(self) -> dict[str, str]:
        """Return the columns that were named, by role."""
        roles = [attribute.name for attribute in fields(Source) if attribute.name != "frame"]
        return {role: getattr(self, role) for role in roles if getattr(self, role) is not None}

    def __repr__(self) -> str:
        named = "".join(f", {role}={name!r}" for role, name in self.named().items())
        return f"<Source: {type(self.frame).__module__.split('.')[0]} {type(self.frame).__name__}{named}>"


@final
@frozen(repr=False, eq=False)
class Table:
    """A frame whose columns have been found.

    Attributes
    ----------
    frame : narwhals DataFrame or LazyFrame, or mapping of str to sequence
        The frame.
    names : mapping of str to str
        Column name of each role that was found.
    engine : str
        ``"mapping"``, ``"pandas"``, ``"polars"``, ``"pyarrow"``, ``"duckdb"``, ``"pyspark"``, ``"ibis"`` ...
    lazy : bool
        Whether the frame is a plan that has to be collected.
    what : str
        What the frame is called in messages.
    """

    frame: Any
    names: dict[str, str]
    engine: str
    lazy: bool
    what: str

    def has(self, role: str) -> bool:
        """Whether the frame has a column for a role."""
        return role in self.names

    def column(self, role: str) -> Column:
        """Return one column as numpy values; the frame must not be lazy: see `collected`.

        Raises
        ------
        InvalidDataError
            If the column is no column.
        """
        name = self.names[role]
        if self.engine == "mapping":
            return read_sequence(self.frame[name], name)
        assert not self.lazy
        return read_series(self.frame[name])

    def collected(self) -> Table:
        """Return an eager table that holds the found columns only; an eager one is returned as it is."""
        if not self.lazy:
            return self
        columns = list(dict.fromkeys(self.names.values()))
        return evolve(self, frame=collect(self.frame.select(columns), self.engine, self.what), lazy=False)


def open_table(
    frame: Any,
    named: Mapping[str, str | None],
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    what: str = "frame",
) -> Table:
    """Find the columns of a frame or `Source`.

    Parameters
    ----------
    frame
        Any dataframe, or a `Source`.
    named
        Column names the caller was given by keyword, by role; None where not given.
    required, optional
        Roles that must be there, and roles that are used where they are.
    what
        What the frame is called in messages.

    Returns
    -------
    Table

    Raises
    ------
    InvalidDataError
        If `frame` is no dataframe, a column is missing, is named both ways, or columns of a mapping differ in length.
    """
    given = {role: name for role, name in named.items() if name is not None}
    if isinstance(frame, Source):
        before = frame.named()
        twice = [role for role in given if role in before]
        if twice:
            role = twice[0]
            raise InvalidDataError(
                f"column {role}= is named twice: {before[role]!r} in the Source and {given[role]!r} in the call. "
                "Name it once."
            )
        given = {role: name for role, name in before.items() if role in {*required, *optional}} | given
        frame = frame.frame
    if isinstance(frame, Mapping):
        native, engine, lazy = frame, "mapping", False
        there = list(frame)
    else:
        native = _narwhals(frame, what)
        engine = str(native.implementation).lower().removeprefix("implementation.")
        lazy = isinstance(native, nw.LazyFrame)
        with reading(engine, what):
            there = list(native.collect_schema().names())
    names = {}
    for role in (*required, *optional):
        name = given.get(role, DEFAULTS.get(role, role if role in required else None))
        if name is not None and not isinstance(name, str):
            raise InvalidDataError(f"{role}={name!r} must be the name of a column.")
        if name is not None and name in there:
            names[role] = name
        elif role in given or role in required:
            raise InvalidDataError(_absent(role, name, there, what, given=role in given))
    if engine == "mapping":
        _check_lengths({name: native[name] for name in names.values()}, what)
    return Table(native, names, engine, lazy, what)


def collect(frame: Any, engine: str, what: str) -> Any:
    """Run a lazy narwhals frame and return its result.

    Raises
    ------
    InvalidDataError, MissingExtraError
        As `reading`.
    """
    with reading(engine, what):
        return frame.collect()


@contextmanager
def reading(engine: str, what: str) -> Iterator[None]:
    """Say in one line why an engine could not read its data.

    Raises
    ------
    InvalidDataError
        If it could not.
    MissingExtraError
        If it needs a package that is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(engine, "files")
        raise MissingExtraError(
            f'reading from {engine} needs {error.name}: pip install "clm[{extra}]"', extra=extra
        ) from error
    except Exception as error:
        # Engines share no base class of errors; whatever is not theirs is ours to mend.
        if type(error).__module__.split(".")[0].strip("_") not in _ENGINES and not isinstance(error, OSError):
            raise
        raise InvalidDataError(f"{engine} could not read {what}: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:4])[:300] or type(error).__name__


def _narwhals(frame: Any, what: str) -> Any:
    try:
        return nw.from_native(frame)
    except TypeError:
        pass
    except (ValueError, nw.exceptions.NarwhalsError) as error:
        raise InvalidDataError(f"{what} cannot be read: {_one_line(error)}") from error
    hint = "Pass pandas, Polars, PyArrow, DuckDB, PySpark, Ibis, or a mapping of column name to arrays."
    if isinstance(frame, (str, bytes)) or hasattr(frame, "__fspath__"):
        hint = "To read a file, pass duckdb.read_csv(path) or duckdb.read_parquet(path)."
    elif isinstance(frame, (list, tuple, np.ndarray)):
        hint = "Pass a mapping of column name to arrays: {'customer_id': [...], 'at': [...]}."
    raise InvalidDataError(f"{what} is {_article(type(frame).__name__)}, not a dataframe. {hint}")


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _absent(role: str, name: Any, there: list[Any], what: str, *, given: bool) -> str:
    listed = ", ".join(repr(column) for column in there[:30]) + (f" and {len(there) - 30} more" if there[30:] else "")
    columns = f"It has {listed}" if there else "It has no columns"
    close = nearest(str(name), [str(column) for column in there])
    named = role == name  # the caller names columns freely, by no keyword
    remedy = close if given and (close or named) else f"{close} Name the column with {role}=."
    asked = f"{what} has no column {name!r}" + ("" if given else f" for {role}=")
    return f"{asked}. {columns}.{remedy}"


def _check_lengths(columns: Mapping[str, Any], what: str) -> None:
    lengths = {name: len(values) for name, values in columns.items() if hasattr(values, "__len__")}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} {length:,}" for name, length in lengths.items())
        raise InvalidDataError(f"columns of {what} differ in length: {listed}. Give one entry a row in each.")


def values_of(table: Table, role: str) -> Array:
    """Return a column's bare values: numbers with NaN, or objects with None, where missing."""
    column = table.column(role)
    if column.values.dtype.kind == "f":
        return column.numbers(table.names[role])
    if not column.missing.any():
        return column.values
    values = column.values.astype(object)
    values[column.missing] = None
    return values
