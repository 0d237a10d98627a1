"""The scorecard as readers see it: an aligned text table and an HTML one."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from clm.stats import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.metrics._row import ScorecardRow

_NONE = "-"


def table(rows: Sequence[ScorecardRow], level: float = 0.95) -> tuple[list[str], list[list[str]], list[str]]:
    """Return headings, one list of cells a row, and a note a row; columns that would be empty are left out."""
    headings = ["stage", "metric", "value", "unit", f"{level:.0%} interval", "n"]
    cells = [[row.stage, row.name, *_value(row, level)] for row in rows]
    extra = {
        "baseline": [row.baseline for row in rows],
        "change": [row.change for row in rows],
        "target": [row.target for row in rows],
        "progress": [row.progress for row in rows],
    }
    for heading, numbers in extra.items():
        if any(number is not None for number in numbers):
            headings.append(heading)
            for line, number in zip(cells, numbers, strict=True):
                line.append(_percent(number) if heading == "progress" else _figure(number, sign=heading == "change"))
    if any(row.target is not None for row in rows):
        headings.append("met")
        for line, row in zip(cells, rows, strict=True):
            line.append({True: "yes", False: "no", None: _NONE}[row.met])
    return headings, cells, [row.undefined or "" for row in rows]


def text(title: str, rows: Sequence[ScorecardRow]) -> str:
    """Return an aligned table; what is undefined says why at the end of its line."""
    headings, cells, notes = table(rows)
    widths = [max(len(line[column]) for line in [headings, *cells]) for column in range(len(headings))]
    left = {"stage", "metric", "unit"}

    def line(values: Sequence[str], note: str) -> str:
        aligned = [
            value.ljust(width) if heading in left else value.rjust(width)
            for value, width, heading in zip(values, widths, headings, strict=True)
        ]
        return "  ".join([*aligned, note]).rstrip()

    lines, stage = [title, line(headings, "")], None
    for values, note in zip(cells, notes, strict=True):
        first = values[0] if values[0] != stage else ""
        stage = values[0]
        lines.append(line([first, *values[1:]], note))
    return "\n".join(lines)


def html(title: str, rows: Sequence[ScorecardRow]) -> str:
    """Return an HTML table with everything escaped; definitions show on hovering over a metric's name."""
    headings, cells, notes = table(rows)
    head = "".join(f"<th>{escape(heading)}</th>" for heading in [*headings, ""])
    body = "".join(
        f"<tr><td>{escape(values[0])}</td>"
        f'<td title="{escape(row.definition, quote=True)}">{escape(values[1])}</td>'
        + "".join(f"<td>{escape(value)}</td>" for value in [*values[2:], note])
        + "</tr>"
        for row, values, note in zip(rows, cells, notes, strict=True)
    )
    caption = f"<caption>{escape(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _value(row: ScorecardRow, level: float) -> list[str]:
    if np.isnan(row.value):
        return [_NONE, row.unit, _NONE, _NONE]
    low, high = row.estimate.confidence_interval(level)
    if np.isnan(low) or np.isnan(high):
        limits = "unknown"
    elif low == high and row.estimate.standard_error == 0:
        limits = "exact"
    else:
        limits = f"{figure(low)} to {figure(high)}"
    return [figure(row.value), row.unit, limits, f"{row.estimate.n:,}"]


def _figure(number: float | None, *, sign: bool) -> str:
    if number is None or np.isnan(number):
        return _NONE
    return ("+" if sign and number > 0 else "") + figure(number)


def _percent(number: float | None) -> str:
    return _NONE if number is None else f"{number:.0%}"
