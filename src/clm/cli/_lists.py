"""What there is to choose from: metrics and lifecycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clm import lifecycles, metrics

if TYPE_CHECKING:
    from collections.abc import Sequence


def list_metrics() -> None:
    """Print each metric with its stage, unit, better direction, needs, and what it answers."""
    rows = []
    for name in metrics.names():
        metric = metrics.get(name)
        needs = ", ".join(sorted(metric.needs)) or "-"
        rows.append((metric.stage, name, metric.unit, metric.direction, needs, getattr(metric, "description", "")))
    print(aligned(("stage", "metric", "unit", "better", "needs", "answers"), rows))


def show_lifecycle(name: str | None, *, style: str | None) -> None:
    """Print a lifecycle, or the names of all.

    Raises
    ------
    InvalidDataError
        If there is none of the name.
    """
    if name is None:
        print("\n".join(lifecycles.names()))
        return
    lifecycle = lifecycles.by_name(name)
    if style == "mermaid":
        print(lifecycle.to_mermaid().rstrip("\n"))
        return
    stages = [(stage.name, "-" if stage.rank is None else str(stage.rank)) for stage in lifecycle.stages]
    print(f"{lifecycle.name}: begins in {lifecycle.initial}")
    print(aligned(("stage", "rank"), stages))
    moves = [(move.source, move.label, move.target) for move in lifecycle.transitions]
    moves += [(wait.source, wait.label, wait.target) for wait in lifecycle.timeouts]
    print()
    print(aligned(("from", "on", "to"), moves))


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table whose columns line up; those in `right` are set flush right."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
