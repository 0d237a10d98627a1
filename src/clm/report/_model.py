"""What a report holds before it is a page: headlines, sections, tables and reasons, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1


@final
@frozen(kw_only=True)
class Headline:
    """One number that the page opens with."""

    name: str
    value: str
    interval: str
    definition: str
    unit: str = ""


@final
@frozen(kw_only=True)
class Table:
    """A small table; cells are text already, `numeric` names the columns that are set flush right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


@final
@frozen(kw_only=True)
class Part:
    """One box of the page: a figure, tables, or the reason why there is neither.

    Attributes
    ----------
    name : str
        Unique on the page; letters and hyphens.
    title : str
        Heading.
    definition : str
        What is shown, in sentences that fix it; the figure's caption.
    svg : str or None
        The figure.
    tables : tuple of Table
        Under the figure.
    missing : str or None
        Why the part could not be computed.
    notes : tuple of str
        What a careful reader should know.
    wide : bool
        Whether the part spans both columns of a wide screen.
    data : mapping
        The same content for JSON.
    """

    name: str
    title: str
    definition: str = ""
    svg: str | None = None
    tables: tuple[Table, ...] = ()
    missing: str | None = None
    notes: tuple[str, ...] = ()
    wide: bool = False
    data: Mapping[str, Any] = field(factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {
            "title": self.title,
            "definition": self.definition,
            "undefined": self.missing,
            "notes": list(self.notes),
            **self.data,
        }


@final
@frozen(kw_only=True)
class Section:
    """Parts that answer one question."""

    name: str
    title: str
    parts: tuple[Part, ...]


@final
@frozen(kw_only=True)
class Report:
    """A whole page, ready to be written as HTML or JSON.

    Attributes
    ----------
    title : str
        Heading of the page.
    subtitle : str
        What was measured, and through when.
    headlines : tuple of Headline
        The numbers that the page opens with.
    sections : tuple of Section
        The parts, in reading order.
    definitions : tuple of (str, str)
        Every number's name and the sentence that fixes it.
    dropped : Table or None
        Rows that were left out, and why.
    caveats : tuple of str
        What a careful reader should know before quoting a number.
    version : str
        Version of the library.
    """

    title: str
    subtitle: str
    headlines: tuple[Headline, ...] = ()
    sections: tuple[Section, ...] = ()
    definitions: tuple[tuple[str, str], ...] = ()
    dropped: Table | None = None
    caveats: tuple[str, ...] = ()
    version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values that JSON can hold: null where undefined, with the reason beside it."""
        return {
            "schema": SCHEMA,
            "library": "clm",
            "version": self.version,
            "title": self.title,
            "subtitle": self.subtitle,
            "headlines": [
                {"name": each.name, "value": each.value, "unit": each.unit, "interval": each.interval}
                for each in self.headlines
            ],
            "sections": {
                section.name: {
                    "title": section.title,
                    "parts": {part.name: part.to_dict() for part in section.parts},
                }
                for section in self.sections
            },
            "definitions": dict(self.definitions),
            "dropped": [] if self.dropped is None else [list(row) for row in self.dropped.rows],
            "caveats": list(self.caveats),
        }
