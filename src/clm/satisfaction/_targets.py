"""Population targets that respondents are weighted to, checked against who answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError, nearest
from clm.stats import array_field, frozen_array, plain_number, seal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.typing import FloatArray, IntArray

_ROUNDING = 1e-6
_LEAST_RATIO = 1e-4


@final
@frozen(kw_only=True)
class Margin:
    """One variable's categories: how many of each the population has, and which each cell is of.

    Attributes
    ----------
    name : str
        The variable.
    categories : tuple
        Its values.
    targets : (categories,) ndarray of float64
        How many the population has of each, all of them positive.
    of_cell : (cells,) ndarray of int64
        Position of each cell's category.
    """

    name: str
    categories: tuple[Any, ...]
    targets: FloatArray = array_field(converter=lambda targets: frozen_array(targets, float))
    of_cell: IntArray = array_field(converter=lambda cells: frozen_array(cells, np.int64))

    __setstate__ = seal

    def sums(self, mass: FloatArray) -> FloatArray:
        """Return what the cells of each category add up to."""
        sums: FloatArray = np.bincount(self.of_cell, weights=mass, minlength=len(self.categories)).astype(np.float64)
        return sums

    def error(self, mass: FloatArray) -> FloatArray:
        """Return how far each category is from its target, relative to it."""
        return self.sums(mass) / self.targets - 1


def checked_margins(
    cells: Sequence[tuple[Any, ...]], counts: IntArray, targets: Mapping[str, Mapping[Any, float]]
) -> tuple[Margin, ...]:
    """Hold targets against who answered.

    Parameters
    ----------
    cells
        Each cell's categories, one entry a variable, in the order of `targets`.
    counts
        Respondents in each cell.
    targets
        How many the population has, by variable and category.

    Returns
    -------
    tuple of Margin

    Raises
    ------
    InvalidDataError
        If a target is no positive number, a category has a target but no respondents or the other way round, or the
        variables' totals differ.
    """
    margins = tuple(
        _margin(name, wanted, [cell[place] for cell in cells], counts)
        for place, (name, wanted) in enumerate(targets.items())
    )
    totals = {margin.name: float(margin.targets.sum()) for margin in margins}
    first, *others = totals.items()
    for name, total in others:
        if abs(total - first[1]) > _ROUNDING * first[1]:
            raise InvalidDataError(
                f"the targets contradict each other: those of {first[0]!r} add up to {first[1]:,.10g}, those of"
                f" {name!r} to {total:,.10g}. Give counts, or shares, of one population."
            )
    return margins


def _margin(name: str, wanted: Any, values: list[Any], counts: IntArray) -> Margin:
    if not hasattr(wanted, "items") or not wanted:
        raise InvalidDataError(
            f"the targets of {name!r} must map each category to its number or share, not be {wanted!r}."
        )
    numbers = {category: plain_number(target, f"target of {name} {category!r}") for category, target in wanted.items()}
    here: dict[Any, int] = {}
    for value, count in zip(values, counts.tolist(), strict=True):
        here[value] = here.get(value, 0) + count
    for category, target in numbers.items():
        if target < 0:
            raise InvalidDataError(f"target of {name} {category!r} must not be negative, as {target:g} is.")
        if target == 0 and here.get(category):
            raise InvalidDataError(
                f"{name} {category!r} has a target of 0, but {_people(here[category])}. Leave them out."
            )
    empty = [category for category, target in numbers.items() if target > 0 and not here.get(category)]
    if empty:
        raise InvalidDataError(
            f"nobody answered in {name} {_listed(empty)}, which has a target."
            " Merge it with another category: no weight can stand in for nobody."
        )
    strange = [category for category in here if category not in numbers]
    if strange:
        meant = nearest(str(strange[0]), [str(category) for category in numbers])
        many = _people(sum(here[category] for category in strange))
        raise InvalidDataError(
            f"{name} {_listed(strange)} has {many}, but no target.{meant} Give it one, or leave those respondents out."
        )
    used = [category for category, target in numbers.items() if target > 0]
    place = {category: position for position, category in enumerate(used)}
    return Margin(
        name=name,
        categories=tuple(used),
        targets=np.array([numbers[category] for category in used]),
        of_cell=np.array([place[value] for value in values], np.int64),
    )


def _people(count: int) -> str:
    return f"{count:,} respondent{'s' * (count != 1)}"


def _listed(categories: list[Any]) -> str:
    shown = ", ".join(repr(category) for category in categories[:5])
    return shown + (f" and {len(categories) - 5} more" if categories[5:] else "")


def refuse_contradictions(margins: tuple[Margin, ...], cells: Sequence[tuple[Any, ...]], counts: IntArray) -> None:
    """Refuse targets that no positive weights of these respondents can meet.

    Raises
    ------
    InvalidDataError
        If there are none: names two variables that contradict each other, or all, and cells that nobody is in.
    """
    if _possible(margins, counts):
        return
    pairs = [(i, j) for j in range(len(margins)) for i in range(j)]
    culprits = next(
        (pair for pair in pairs if not _possible((margins[pair[0]], margins[pair[1]]), counts)),
        tuple(range(len(margins))),
    )
    names = " and ".join(repr(margins[i].name) for i in culprits)
    there = {tuple(cell[i] for i in culprits) for cell in cells}
    grids = np.meshgrid(*[np.arange(len(margins[i].categories)) for i in culprits], indexing="ij")
    combinations = zip(*(grid.ravel().tolist() for grid in grids), strict=True)
    named = (
        tuple(margins[i].categories[at] for i, at in zip(culprits, places, strict=True)) for places in combinations
    )
    absent = [" x ".join(map(repr, cell)) for cell in named if cell not in there]
    raise InvalidDataError(
        f"the targets contradict each other: no positive weights of these respondents meet those of {names} together."
        f" Nobody is in {', '.join(absent[:4])}{' ...' if absent[4:] else ''}. Merge categories, or leave one out."
    )


def _possible(margins: tuple[Margin, ...], counts: IntArray) -> bool:
    """Whether weights above a ten-thousandth of their mean meet all targets."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, eye_array, hstack, vstack

    cells, total = len(counts), float(margins[0].targets.sum())
    each = np.arange(cells)
    # Unknowns: each cell's part of the population, and the least weight; the last is made as large as can be.
    sums = [
        coo_array((np.ones(cells), (margin.of_cell, each)), shape=(len(margin.categories), cells + 1))
        for margin in margins
    ]
    # Sparse, which linprog takes and its type hints do not know.
    least: Any = hstack([-eye_array(cells), coo_array((counts / counts.sum())[:, None])], format="csr")
    met: Any = vstack(sums, format="csr")
    found = linprog(
        c=np.append(np.zeros(cells), -1.0),
        A_ub=least,
        b_ub=np.zeros(cells),
        A_eq=met,
        b_eq=np.concatenate([margin.targets for margin in margins]) / total,
        bounds=[(0, None)] * (cells + 1),
    )
    return found.status == 0 and found.x is not None and bool(found.x[-1] > _LEAST_RATIO)
