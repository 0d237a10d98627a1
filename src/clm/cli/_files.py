"""Files of orders, touchpoints, answers and costs: read by DuckDB, checked before anything is computed."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from attrs import fields

from clm.cli._cells import Cell, quoted
from clm.errors import InvalidDataError, MissingExtraError, nearest
from clm.frames import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.cli._cells import Column

_ROLES: Final = {attribute.name for attribute in fields(Source)} - {"frame"}
IN_MEMORY: Final = 2_000_000
_SHOWN: Final = 12
_DELIMITERS: Final = (",", ";", "\t", "|")


@final
class Files:
    """One DuckDB connection that reads files lazily, larger than memory too.

    Parameters
    ----------
    memory_limit
        What DuckDB may use, as in ``"500MB"``; its own default where not given.
    temp_directory
        Where it may spill to; its own default where not given.
    date_format
        How dates are written where they are not ISO 8601, as in ``"%d/%m/%Y"``.
    in_memory
        Up to so many rows a table is handed over as an Arrow table: several times faster than asking DuckDB again for
        each number, and about 50 bytes a row.
    """

    def __init__(
        self,
        *,
        memory_limit: str | None = None,
        temp_directory: str | None = None,
        date_format: str | None = None,
        in_memory: int = IN_MEMORY,
    ) -> None:
        try:
            import duckdb
        except ImportError as error:
            raise MissingExtraError(
                'reading files needs DuckDB. Install it with: pip install "clm[cli]"', extra="cli"
            ) from error
        # Without extensions from elsewhere no file name can reach the network.
        settings = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        given = {"memory_limit": memory_limit, "temp_directory": temp_directory}
        config: Any = settings | {name: value for name, value in given.items() if value is not None}
        try:
            self._connection = duckdb.connect(config=config)
        except duckdb.Error as error:
            raise InvalidDataError(f"DuckDB refuses its settings: {_first_line(error)}") from error
        self._connection.execute("SET TimeZone = 'UTC'")
        self._error = duckdb.Error
        self._date_format = date_format
        self._in_memory = in_memory
        self._tables = 0

    def read(self, path: str, columns: Sequence[Column], *, ids_as_text: bool = False) -> Source:
        """Return a table whose columns are named by role, every cell checked.

        Parameters
        ----------
        path
            A CSV or Parquet file; with ``*`` several Parquet files of one layout.
        columns
            What is needed; optional columns that the file lacks are left out.
        ids_as_text
            Whether ids become text in Parquet too, so that they meet those of a CSV.

        Returns
        -------
        Source
            In memory where it is small, else lazy; ids as they are in Parquet and as text from CSV. Columns keep the
            file's names, so that messages say what the user knows.

        Raises
        ------
        InvalidDataError
            If the file is missing, empty, no CSV or Parquet, lacks a column, or holds a cell that cannot be read.
        """
        raw, names = self._scan(path)
        found = {column: _find(column, names, path) for column in columns}
        present = {column: name for column, name in found.items() if name is not None}
        _check_distinct(present)
        try:
            types = dict(zip(raw.columns, raw.types, strict=True))
            plan = {
                column: Cell(
                    column=quoted(name),
                    kind="text" if column.kind == "id" and ids_as_text else column.kind,
                    sql_type=str(types[name]),
                    date_format=self._date_format,
                )
                for column, name in present.items()
            }
            rows, zoned = self._check(raw, path, present, plan)
            chosen = ", ".join(
                f"{cell.typed(zoned=column.name in zoned)} AS {cell.column}" for column, cell in plan.items()
            )
            named = {column.name: name for column, name in present.items() if column.name in _ROLES}
            if rows <= self._in_memory:
                return Source(raw.project(chosen).to_arrow_table(), **named)
            if not _is_parquet(path):
                # Text is parsed once; DuckDB spills the table where it outgrows the limit.
                self._tables += 1
                name = f"clm_{self._tables}"
                self._connection.execute("SET preserve_insertion_order = true")
                raw.project(chosen).create(name)
                return Source(self._connection.table(name), **named)
            return Source(raw.project(chosen), **named)
        except self._error as error:
            raise InvalidDataError(f"{path} cannot be read: {_reading_problem(error)}") from error

    def columns(self, path: str) -> list[str]:
        """Return the names of a file's columns."""
        return self._scan(path)[1]

    def lower_memory(self) -> None:
        """Let DuckDB forget the rows' order from here on, so that it needs less memory."""
        self._connection.execute("SET preserve_insertion_order = false")

    def _scan(self, path: str) -> tuple[Any, list[str]]:
        _check_file(path)
        literal = _literal(path)
        try:
            if _is_parquet(path):
                relation = self._connection.read_parquet(literal)
                return relation, list(relation.columns)
            header, delimiter = _header(path)
            relation = self._connection.from_query(
                "SELECT * FROM read_csv(?, auto_detect = false, header = true, delim = ?, quote = '\"', escape = '\"',"
                " columns = ?, nullstr = '')",
                params=[literal, delimiter, dict.fromkeys(header, "VARCHAR")],
            )
        except self._error as error:
            raise InvalidDataError(f"{path} cannot be read: {_reading_problem(error)}") from error
        return relation, header

    def _check(
        self, raw: Any, path: str, present: Mapping[Column, str], plan: Mapping[Column, Cell]
    ) -> tuple[int, set[str]]:
        """Refuse what cannot be read, and return the rows and the columns whose instants say their zone."""
        counts = ["count(*)"]
        for cell in plan.values():
            counts += [f"count(*) FILTER ({cell.bad()})", f"count(*) FILTER ({cell.zoned()})", f"count({cell.column})"]
        ((total, *rest),) = raw.aggregate(", ".join(counts)).fetchall()
        if not total:
            raise InvalidDataError(f"{path} has a header but no rows. Check the export that wrote it.")
        zoned = set()
        for position, (column, cell) in enumerate(plan.items()):
            bad, with_zone, filled = rest[3 * position : 3 * position + 3]
            where = f"column {present[column]!r} of {path}"
            if bad:
                row, value = self._first(raw, cell, cell.bad())
                raise InvalidDataError(
                    f"{where}: {cell.complaint(value)} in {bad:,} of {total:,} rows, first at row {row:,}"
                    f"{f' ({_clipped(value)})' if value else ''}. {cell.remedy()}"
                )
            if with_zone and with_zone < filled:
                with_row, _ = self._first(raw, cell, cell.zoned())
                bare_row, _ = self._first(raw, cell, f"NOT ({cell.zoned()}) AND {cell.column} IS NOT NULL")
                raise InvalidDataError(
                    f"{where}: some times say their zone (first at row {with_row:,}) and some do not (first at row"
                    f" {bare_row:,}). Give all of them with an offset, or none."
                )
            if with_zone:
                zoned.add(column.name)
        return total, zoned

    def _first(self, raw: Any, cell: Cell, condition: str) -> tuple[int, str | None]:
        self._connection.execute("SET preserve_insertion_order = true")
        numbered = raw.project(f"row_number() OVER () - 1 AS row, {cell.column}")
        first = numbered.filter(condition).project(f"row, {cell.column}::VARCHAR").order("row").limit(1)
        ((row, value),) = first.fetchall()
        return int(row), value

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()


def _check_distinct(present: Mapping[Column, str]) -> None:
    roles: dict[str, str] = {}
    for column, name in present.items():
        if name in roles:
            raise InvalidDataError(f"column {name!r} cannot be both {roles[name]} and {column.name}. Name two.")
        roles[name] = column.name


def _check_file(path: str) -> None:
    file = Path(path)
    if not file.exists():
        if any(sign in path for sign in "*?["):
            if not any(True for _ in Path(file.anchor or ".").glob(str(file.relative_to(file.anchor or ".")))):
                raise InvalidDataError(f"no file matches {path}. Check the name.")
            return
        raise InvalidDataError(f"there is no file {path}.{nearest(file.name, neighbours(path))}")
    if file.is_dir():
        raise InvalidDataError(f"{path} is a directory. Name a file in it, or '{path}/*.parquet' for all of them.")
    try:
        with file.open("rb") as stream:
            start = stream.read(8192)
    except OSError as error:
        raise InvalidDataError(f"{path} cannot be opened: {error.strerror}.") from error
    if not start:
        raise InvalidDataError(f"{path} is empty. Check the export that wrote it.")
    # A ZIP archive is what spreadsheets are saved as.
    binary = b"\x00" in start or start.startswith(b"PK\x03\x04")
    if binary and not start.startswith((b"PAR1", b"\x1f\x8b")):
        raise InvalidDataError(f"{path} is neither a CSV nor a Parquet file. Export the table as CSV in UTF-8.")


def neighbours(path: str) -> list[str]:
    """Return the names of files of the same kind beside a path."""
    folder = Path(path).parent
    return [entry.name for entry in folder.iterdir() if entry.suffix == Path(path).suffix] if folder.is_dir() else []


def _is_parquet(path: str) -> bool:
    file = Path(path)
    if not file.is_file():
        return file.suffix.lower() in {".parquet", ".pq"}
    with file.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _header(path: str) -> tuple[list[str], str]:
    file = Path(path)
    compressed = file.suffix.lower() == ".gz"
    try:
        with gzip.open(path) if compressed else file.open("rb") as stream:
            line = stream.readline(1_000_000).partition(b"\n")[0].partition(b"\r")[0].decode("utf-8-sig")
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise InvalidDataError(f"{path} is no CSV file in UTF-8. Save it as UTF-8 and try again.") from error
    delimiter = max(_DELIMITERS, key=lambda sign: len(next(csv.reader(io.StringIO(line), delimiter=sign), [])))
    names = next(csv.reader(io.StringIO(line), delimiter=delimiter), [])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidDataError(f"{path} has more than one column {twice[0]!r}. Rename them.")
    if not any(name.strip() for name in names):
        raise InvalidDataError(f"the first line of {path} is blank. It must name the columns.")
    return [name or f"column {position}" for position, name in enumerate(names)], delimiter


def _find(column: Column, names: Sequence[str], path: str) -> str | None:
    for name in column.called:
        if name in names:
            return name
    if not column.required:
        return None
    listed = ", ".join(repr(_clipped(name)) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    wanted = " or ".join(repr(name) for name in column.called)
    raise InvalidDataError(f"{path} has no column {wanted}; there are {listed}.{nearest(column.called[0], names)}")


def _literal(path: str) -> str:
    """Return a path that DuckDB does not take for a pattern where a file of that very name exists."""
    if not Path(path).exists():
        return path
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def _clipped(value: str | None, most: int = 40) -> str:
    text = " ".join((value or "").split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _first_line(error: Exception) -> str:
    return " ".join(str(error).strip().splitlines()[0].split())


def _reading_problem(error: Exception) -> str:
    """Return what DuckDB says about a file in one line."""
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    if "state machine" in lines[0]:
        return "its quotes or its line ends are mixed up. Export it again, or open it and save it as CSV."
    told = [line for line in lines if line.startswith(("Expected", "Value", "Invalid unicode", "Original Line"))]
    return _clipped("; ".join([lines[0].removeprefix("Invalid Input Error: "), *told[:2]]), 240)
