"""The scorecard as a table of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clm.report._model import Part, Table
from clm.report._numbers import limits, shown

if TYPE_CHECKING:
    from clm.metrics import Scorecard, ScorecardRow

_NONE = "-"


def card_part(card: Scorecard) -> Part:
    """Return the scorecard: one row a metric, each with its interval or the reason why it is undefined."""
    return Part(
        name="scorecard",
        title="Scorecard",
        definition=f"Every metric, {card.scope}, by lifecycle stage. Shares are in percent, money in {card.currency}."
        " Progress is the share of the way from baseline to target.",
        tables=(card_table(card),),
        wide=True,
        data=card.to_dict(),
    )


def card_table(card: Scorecard) -> Table:
    """Return the rows as text; columns that nothing was given for are left out."""
    compared = any(row.baseline is not None for row in card.rows)
    aimed = any(row.target is not None for row in card.rows)
    head = ["metric", "stage", "value", "unit", "uncertainty", "n"]
    head += ["baseline", "change"] * compared + ["target", "progress", "met"] * aimed
    rows = []
    for row in card.rows:
        cells = [row.name, row.stage, _value(row.value, row.unit), _unit(row.unit), limits(row.estimate)]
        cells.append(f"{row.estimate.n:,}")
        if compared:
            cells += [_value(row.baseline, row.unit), _change(row)]
        if aimed:
            progress = _NONE if row.progress is None else f"{row.progress:.0%}"
            cells += [_value(row.target, row.unit), progress, {True: "yes", False: "no", None: _NONE}[row.met]]
        rows.append(tuple(cells))
    numeric = {position for position, name in enumerate(head) if name in _NUMERIC}
    return Table(caption=f"Scorecard, {card.scope}", head=tuple(head), rows=tuple(rows), numeric=frozenset(numeric))


_NUMERIC = {"value", "n", "baseline", "change", "target", "progress"}


def _value(value: float | None, unit: str) -> str:
    return _NONE if value is None or np.isnan(value) else shown(value, unit)


def _unit(unit: str) -> str:
    return "percent" if unit == "fraction" else unit


def _change(row: ScorecardRow) -> str:
    if row.change is None:
        return _NONE
    sign = "+" if row.change > 0 else ""
    if row.unit in {"fraction", "percent"}:
        return f"{sign}{row.change * (100 if row.unit == 'fraction' else 1):.1f} pp"
    return f"{sign}{shown(row.change, row.unit)}"
