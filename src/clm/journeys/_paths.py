"""The ways that customers take through the stages, the most frequent first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.journeys._sankey import check_steps
from clm.stats import array_field, frozen_array, proportion, seal, whole_number

if TYPE_CHECKING:
    from clm.journeys._visits import Visits
    from clm.stats import Estimate
    from clm.typing import Array, FloatArray, IntArray


@final
@frozen(kw_only=True, repr=False)
class StagePaths:
    """The most frequent sequences of stages.

    Attributes
    ----------
    paths : tuple of tuple of str
        Stages in the order in which they were visited, the most frequent path first; of equally frequent ones the
        shorter, then the one whose stages come first in the lifecycle.
    counts : (k,) ndarray of int64
        Customers who took each.
    share : Estimate
        The same as a share of all customers, with Wilson's intervals.
    customers : int
        All customers.
    distinct : int
        All distinct paths, those among them that are not listed.
    definition : str
        What was counted.

    Examples
    --------
    >>> log = clm.replay(
    ...     {"customer_id": ["ann", "bob", "ann"], "at": ["2025-01-03"] * 2 + ["2025-02-01"], "kind": ["order"] * 3},
    ...     clm.lifecycles.five_stage(),
    ... )
    >>> log.paths()
    <StagePaths: 2 of 2 paths of 2 customers
      1 reach > conversion
      1 reach > conversion > retention>
    """

    paths: tuple[tuple[str, ...], ...]
    counts: IntArray = array_field(converter=frozen_array)
    share: Estimate[FloatArray]
    customers: int
    distinct: int
    definition: str

    __setstate__ = seal

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a path: ``path, visits, customers, share, low, high``.

        Parameters
        ----------
        level
            Nominal coverage of the limits.
        """
        low, high = self.share.confidence_interval(level)
        return {
            "path": np.array([_told(path) for path in self.paths], dtype=object),
            "visits": np.array([len(path) for path in self.paths], np.int64),
            "customers": self.counts,
            "share": self.share.value,
            "low": low,
            "high": high,
        }

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        rows = "".join(
            f"\n  {count:,} {_told(path)}" for path, count in zip(self.paths, self.counts.tolist(), strict=True)
        )
        return f"<StagePaths: {len(self):,} of {self.distinct:,} paths of {self.customers:,} customers{rows}>"


def _told(path: tuple[str, ...]) -> str:
    return " > ".join(path)


def frequent_paths(visits: Visits, name: str, *, top: int | None, steps: int | None) -> StagePaths:
    """Count equal sequences of stages.

    Raises
    ------
    InvalidDataError
        If `top` or `steps` is no whole number from 1 on.
    """
    most_shown = None if top is None else whole_number(top, "top")
    if most_shown == 0:
        raise InvalidDataError("top must be a whole number from 1 on, or None for all paths, not 0.")
    most = None if steps is None else check_steps(steps)
    counts, example, lengths = _distinct(visits, most)
    shown = np.lexsort((np.arange(len(counts)), lengths, -counts))[:most_shown]
    stages = visits.machine.stages
    paths = []
    for row in shown.tolist():
        begin = visits.offsets[example[row]]
        paths.append(tuple(stages[code] for code in visits.stage_codes[begin : begin + lengths[row]].tolist()))
    customers = len(visits.customer)
    scope = "" if most is None else f" of which the first {most:,} visits count"
    definition = (
        f"Customers by the sequence of their visits to stages of {name!r},{scope} visits of length zero included."
    )
    return StagePaths(
        paths=tuple(paths),
        counts=counts[shown],
        share=proportion(
            counts[shown],
            np.full(len(shown), customers),
            name="share of customers",
            definition=f"Share of all customers who took each path. {definition}",
            index=np.array([_told(path) for path in paths], dtype=object),
        ),
        customers=customers,
        distinct=len(counts),
        definition=definition,
    )


def _distinct(visits: Visits, most: int | None) -> tuple[IntArray, IntArray, IntArray]:
    """Return how many customers took each distinct path, one of them, and its length, in the order of the lifecycle.

    Paths are told apart step by step: a number stands for the path so far, and with the next stage becomes another.
    """
    stages, begins = len(visits.machine.stages), visits.offsets[:-1]
    lengths = np.diff(visits.offsets) if most is None else np.minimum(np.diff(visits.offsets), most)
    there, path, step = np.arange(len(lengths)), np.zeros(len(lengths), np.int64), 0
    found: list[tuple[IntArray, IntArray, IntArray]] = []
    while len(there):
        path = _renumbered(path * stages + visits.stage_codes[begins[there] + step])
        step += 1
        ends = lengths[there] == step
        taken = np.bincount(path[ends])
        some = np.zeros(len(taken), np.int64)
        some[path[ends]] = there[ends]
        seen = np.flatnonzero(taken)
        found.append((taken[seen], some[seen], np.full(len(seen), step)))
        there, path = there[~ends], path[~ends]
    if not found:
        nothing: Any = np.empty(0, np.int64)
        return nothing, nothing, nothing
    counts, example, length = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return counts, example, length


def _renumbered(number: IntArray) -> IntArray:
    """Return numbers from 0 on without gaps, in the same order."""
    lowest = number.min()
    size = int(number.max() - lowest) + 1
    if size > 64 * len(number):
        return np.unique(number, return_inverse=True)[1].reshape(-1)
    there = np.zeros(size, bool)
    there[number - lowest] = True
    return np.asarray((np.cumsum(there) - 1)[number - lowest])
