"""One column of a file as SQL: how a cell is read, and what is wrong with it."""

from __future__ import annotations

from typing import Final, Literal, final

from attrs import frozen

Kind = Literal["id", "instant", "number", "text"]

_OFFSET: Final = r"(?i)\d{1,2}:\d{2}.*(z|[+-]\d{2}(:?\d{2})?|[a-z]+(/[a-z_]+)?)$"
"""A time of day that says its zone, at the end of the text."""
_NO_SECONDS: Final = r"^(\d+-\d+-\d+[ T]\d{1,2}:\d{2})([^:0-9].*)?$"
"""A time in hours and minutes, and what follows it."""


@final
@frozen
class Column:
    """What a table needs: its role, what it holds, and what the file may call it."""

    name: str
    kind: Kind
    called: tuple[str, ...]
    required: bool = True


@final
@frozen(kw_only=True)
class Cell:
    """One column's reading as SQL."""

    column: str
    kind: Kind
    sql_type: str
    date_format: str | None

    @property
    def _is_text(self) -> bool:
        return self.sql_type.upper().startswith("VARCHAR")

    @property
    def _is_instant(self) -> bool:
        return self.sql_type.upper().startswith(("TIMESTAMP", "DATE"))

    @property
    def _trimmed(self) -> str:
        return f"nullif(trim({self.column}::VARCHAR), '')"

    def _parsed(self, sql_type: str) -> str:
        # DuckDB reads words such as infinity and epoch as instants: only text with digits is a date. Times without
        # seconds get them, since earlier versions do not read them before an offset.
        whole = f"regexp_replace({self._trimmed}, {_text(_NO_SECONDS)}, '\\1:00\\2')"
        dated = f"CASE WHEN regexp_matches({self._trimmed}, '^[0-9]') THEN {whole} END"
        if self.date_format is not None:
            dated = f"CASE WHEN regexp_matches({self._trimmed}, '[0-9]') THEN {self._trimmed} END"
            read = f"try_strptime({dated}, {_text(self.date_format)})::{sql_type}"
        else:
            compact = f"CASE WHEN regexp_matches({self._trimmed}, '^[0-9]{{8}}$') THEN {self._trimmed} END"
            read = f"coalesce(try_cast({dated} AS {sql_type}), try_strptime({compact}, '%Y%m%d')::{sql_type})"
        return f"CASE WHEN year({read}) BETWEEN 1 AND 9999 THEN {read} END"

    def typed(self, *, zoned: bool) -> str:
        """Return the cell as what the library takes."""
        if self.kind == "number":
            return f"try_cast({self.column} AS DOUBLE)"
        if self.kind == "instant" and not self._is_instant:
            return self._parsed("TIMESTAMPTZ" if zoned else "TIMESTAMP")
        if self.kind == "text" and not self._is_text:
            return f"{self.column}::VARCHAR"
        if self.kind == "instant" and "TIME ZONE" not in self.sql_type.upper():
            return f"{self.column}::TIMESTAMP"
        return self.column

    def bad(self) -> str:
        """Return the condition of a cell that is there and cannot be read."""
        if self.kind == "number":
            number = f"try_cast({self.column} AS DOUBLE)"
            there = f"{self._trimmed} IS NOT NULL"
            return f"{there} AND ({number} IS NULL OR NOT isfinite({number}))"
        if self.kind == "instant" and self._is_instant:
            return f"{self.column} IS NOT NULL AND NOT isfinite({self.column}::TIMESTAMP)"
        if self.kind == "instant":
            return f"{self._trimmed} IS NOT NULL AND {self._parsed('TIMESTAMPTZ')} IS NULL"
        return "false"

    def zoned(self) -> str:
        """Return the condition of an instant that says its zone."""
        if self.kind != "instant" or self._is_instant:
            return "false"
        if self.date_format is not None:
            return f"{self._trimmed} IS NOT NULL" if "%z" in self.date_format.lower() else "false"
        return f"coalesce(regexp_matches({self._trimmed}, {_text(_OFFSET)}), false)"

    def complaint(self, value: str | None) -> str:
        """Say what is wrong with a bad cell."""
        if self.kind == "number":
            word = (value or "").strip().lower().lstrip("+-")
            return "the number is NaN or infinite" if word in {"nan", "inf", "infinity"} else "no number can be read"
        return "no date can be read"

    def remedy(self) -> str:
        """Say what to do about a bad cell."""
        if self.kind == "number":
            return "Write amounts as plain numbers with a decimal point, or leave the cell empty."
        if self.date_format is not None:
            return f"Check --date-format {self.date_format!r} against the file."
        return "Write ISO 8601 dates (1997-09-30, 1997-09-30 12:00:00+02:00), or say how with --date-format '%d/%m/%Y'."


def quoted(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
