"""How far customers got: the share who reached each ranked stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import array_field, frozen_array, proportion, seal

if TYPE_CHECKING:
    from clm.core import Lifecycle
    from clm.journeys._visits import Visits
    from clm.stats import Estimate
    from clm.typing import Array, IntArray

_UNRANKED = np.iinfo(np.int64).min


@final
@frozen(kw_only=True, repr=False)
class StageFunnel:
    """Customers who reached each ranked stage.

    Attributes
    ----------
    stages : tuple of str
        The ranked stages, lowest first.
    counts : (s,) ndarray of int64
        Customers who reached each.
    conversion : Estimate
        Of those who entered the funnel, the share who reached each stage; Wilson intervals.
    step_conversion : Estimate
        The same of those who reached the rank before; of the first stage, of those who entered.
    definition : str
        What was counted.
    """

    stages: tuple[str, ...]
    counts: IntArray = array_field()
    conversion: Estimate[Any]
    step_conversion: Estimate[Any]
    definition: str

    __setstate__ = seal

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a stage: how many customers, and both rates with the limits of their intervals."""
        columns: dict[str, Array] = {"stage": np.array(self.stages, dtype=object), "customers": self.counts}
        for name, rate in (("conversion", self.conversion), ("step_conversion", self.step_conversion)):
            interval = rate.confidence_interval(level)
            columns |= {name: rate.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        return columns

    def __repr__(self) -> str:
        counted = " -> ".join(
            f"{stage} {count:,}" for stage, count in zip(self.stages, self.counts.tolist(), strict=True)
        )
        return f"<StageFunnel: {counted}>"


def reached(visits: Visits, lifecycle: Lifecycle) -> StageFunnel:
    """Count who visited each ranked stage or any of higher rank.

    Raises
    ------
    InvalidDataError
        If no stage has a rank.
    """
    codes = {stage.name: code for code, stage in enumerate(lifecycle.stages)}
    ranked = sorted((stage.rank, codes[stage.name]) for stage in lifecycle.stages if stage.rank is not None)
    if not ranked:
        raise InvalidDataError(f"no stage of {lifecycle.name!r} has a rank. Rank the stages of the funnel.")
    names = tuple(lifecycle.stages[code].name for _, code in ranked)
    rank = np.array([_UNRANKED if stage.rank is None else stage.rank for stage in lifecycle.stages], np.int64)
    highest = np.maximum.reduceat(rank[visits.stage_codes], visits.offsets[:-1]) if visits.n else np.empty(0, np.int64)
    levels = {level: int((highest >= level).sum()) for level in {level for level, _ in ranked}}
    counts = [int((highest > level).sum()) + _visited_at_top(visits, code, highest == level) for level, code in ranked]
    lowest = ranked[0][0]
    below = [max((other for other in levels if other < level), default=lowest) for level, _ in ranked]
    scope = f"a customer has reached a stage of {lifecycle.name!r} when he visited it or one of higher rank"
    return StageFunnel(
        stages=names,
        counts=frozen_array(np.array(counts, np.int64)),
        conversion=proportion(
            counts,
            [levels[lowest]] * len(counts),
            name="conversion",
            definition=f"Share of the customers who entered the funnel who reached each stage; {scope}.",
            index=np.array(names),
            undefined="nobody entered the funnel",
        ),
        step_conversion=proportion(
            counts,
            [levels[level] for level in below],
            name="step conversion",
            definition=f"Share of the customers who reached the rank before who reached each stage; {scope}.",
            index=np.array(names),
            undefined="nobody reached the rank before",
        ),
        definition=f"Customers who reached each ranked stage; {scope}.",
    )


def _visited_at_top(visits: Visits, stage: int, customers: Any) -> int:
    """Count the customers, out of some, who visited a stage."""
    if not visits.n:
        return 0
    visited = np.logical_or.reduceat(visits.stage_codes == stage, visits.offsets[:-1])
    return int((visited & customers).sum())
