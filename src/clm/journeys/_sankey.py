"""Where customers flow: nodes and links for whoever draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clm.errors import InvalidDataError, nearest
from clm.stats import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.journeys._visits import Visits
    from clm.typing import Array, IntArray

COUNTS: Final = ("customers", "moves")


def sankey(visits: Visits, name: str, *, count: str, steps: int | None) -> dict[str, Any]:
    """Return nodes and links in plain Python, ready for JSON.

    Raises
    ------
    InvalidDataError
        If `count` is unknown, or `steps` is no whole number from 1 on.
    """
    if count not in COUNTS:
        raise InvalidDataError(f"count={count!r} is not one of {', '.join(COUNTS)}.{nearest(str(count), COUNTS)}")
    if steps is not None:
        return _unrolled(visits, name, check_steps(steps))
    stages = visits.machine.stages
    customer = np.repeat(np.arange(len(visits.customer)), np.diff(visits.offsets))
    codes = visits.stage_codes.astype(np.int64)
    goes_on = customer[1:] == customer[:-1]
    moved, mover = (codes[:-1] * len(stages) + codes[1:])[goes_on], customer[:-1][goes_on]
    once = count == "customers"
    value = _tally(codes, customer, len(stages), once=once)
    links = _tally(moved, mover, len(stages) ** 2, once=once).reshape(len(stages), len(stages))
    stayed = np.bincount(codes[visits.offsets[1:] - 1], minlength=len(stages))
    what = "customers who made each move at least once" if once else "moves"
    return {
        "nodes": [
            {"id": stages[code], "stage": stages[code], "value": int(value[code]), "stayed": int(stayed[code])}
            for code in np.flatnonzero(value).tolist()
        ],
        "links": [
            {"source": stages[source], "target": stages[target], "value": int(links[source, target])}
            for source, target in np.argwhere(links).tolist()
        ],
        "count": count,
        "steps": None,
        "definition": f"Links are {what} between stages of {name!r}, visits of length zero included.",
    }


def check_steps(steps: Any) -> int:
    """Return a number of steps from 1 on.

    Raises
    ------
    InvalidDataError
        If it is none.
    """
    number = whole_number(steps, "steps")
    if not number:
        raise InvalidDataError("steps must be a whole number from 1 on, not 0.")
    return number


def steps_of(visits: Visits, most: int) -> Iterator[tuple[IntArray, Array]]:
    """Yield, for each step up to some, who has made it and the stage that he made it to."""
    begins, lengths = visits.offsets[:-1], np.diff(visits.offsets)
    for step in range(min(most, int(lengths.max(initial=0)))):
        there = np.flatnonzero(lengths > step)
        yield there, visits.stage_codes[begins[there] + step]


def _unrolled(visits: Visits, name: str, steps: int) -> dict[str, Any]:
    stages, lengths = visits.machine.stages, np.diff(visits.offsets)
    nodes, links = [], []
    before: Array = np.empty(0, np.int64)
    came_from = np.zeros(len(visits.customer), np.int64)
    for step, (there, codes) in enumerate(steps_of(visits, steps), start=1):
        value = np.bincount(codes, minlength=len(stages))
        stayed = np.bincount(codes[lengths[there] == step], minlength=len(stages))
        nodes += [
            {
                "id": f"{step}:{stages[code]}",
                "stage": stages[code],
                "step": step,
                "value": int(value[code]),
                "stayed": int(stayed[code]),
            }
            for code in np.flatnonzero(value).tolist()
        ]
        if step > 1:
            before = came_from[there]
            moved = np.bincount(before * len(stages) + codes, minlength=len(stages) ** 2)
            links += [
                {
                    "source": f"{step - 1}:{stages[cell // len(stages)]}",
                    "target": f"{step}:{stages[cell % len(stages)]}",
                    "value": int(moved[cell]),
                }
                for cell in np.flatnonzero(moved).tolist()
            ]
        came_from[there] = codes
    return {
        "nodes": nodes,
        "links": links,
        "count": "customers",
        "steps": steps,
        "definition": (
            f"Links are customers between their visits to stages of {name!r}, numbered from the first; visits of length"
            " zero included."
        ),
    }


def _tally(cell: IntArray, customer: IntArray, cells: int, *, once: bool) -> IntArray:
    """Count rows by cell, a customer's rows in one cell once where that is asked for."""
    if not once:
        return np.bincount(cell, minlength=cells)
    # Rows come by customer, so that within a cell a customer's rows follow each other; small numbers sort by counting.
    order = np.argsort(cell.astype(np.min_scalar_type(cells)), kind="stable")
    cell, customer = cell[order], customer[order]
    first = np.ones(len(cell), bool)
    first[1:] = (cell[1:] != cell[:-1]) | (customer[1:] != customer[:-1])
    return np.bincount(cell[first], minlength=cells)
