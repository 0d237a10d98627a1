"""Where customers are at each step of their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.journeys._sankey import check_steps, steps_of
from clm.stats import array_field, frozen_array, proportion, seal

if TYPE_CHECKING:
    from clm.journeys._visits import Visits
    from clm.stats import Estimate
    from clm.typing import Array, FloatArray, IntArray

_MOST: Final = 10_000


@final
@frozen(kw_only=True, repr=False)
class StepMatrix:
    """Customers by stage and step, the first visit being step 1.

    Attributes
    ----------
    stages : tuple of str
        All stages of the lifecycle, and last ``"ended"``: customers whose way has fewer visits. They are still in the
        stage of their last one.
    steps : (k,) ndarray of int64
        1, 2 and so on.
    counts : (s + 1, k) ndarray of int64
        Customers in each stage (row) at each step (column); a column adds up to all customers.
    shares : Estimate
        The same as shares of all customers, with Wilson's intervals; a column adds up to 1.
    definition : str
        What was counted.

    Examples
    --------
    >>> log = clm.replay(
    ...     {"customer_id": ["ann", "bob", "ann"], "at": ["2025-01-03"] * 2 + ["2025-02-01"], "kind": ["order"] * 3},
    ...     clm.lifecycles.five_stage(),
    ... )
    >>> log.step_matrix(3).counts[[0, 2, 3, -1]]
    array([[2, 0, 0],
           [0, 2, 0],
           [0, 0, 1],
           [0, 0, 1]])
    """

    stages: tuple[str, ...]
    steps: IntArray = array_field(converter=frozen_array)
    counts: IntArray = array_field(converter=frozen_array)
    shares: Estimate[FloatArray]
    definition: str

    __setstate__ = seal

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a step and stage: ``step, stage, customers, share, low, high``.

        Parameters
        ----------
        level
            Nominal coverage of the limits.
        """
        low, high = self.shares.confidence_interval(level)
        return {
            "step": np.repeat(self.steps, len(self.stages)),
            "stage": np.tile(np.array(self.stages, dtype=object), len(self.steps)),
            "customers": self.counts.T.ravel(),
            "share": self.shares.value.T.ravel(),
            "low": low.T.ravel(),
            "high": high.T.ravel(),
        }

    def __repr__(self) -> str:
        customers = int(self.counts[:, 0].sum())
        return f"<StepMatrix: {customers:,} customers, {len(self.stages) - 1} stages, {len(self.steps)} steps>"


def step_matrix(visits: Visits, name: str, steps: int) -> StepMatrix:
    """Count customers by the stage of each of their first visits.

    Raises
    ------
    InvalidDataError
        If `steps` is no whole number from 1 to 10,000.
    """
    most = check_steps(steps)
    if most > _MOST:
        raise InvalidDataError(f"steps={most:,} are more than {_MOST:,}. Ask for the visits that you can look at.")
    stages, customers = visits.machine.stages, len(visits.customer)
    counts = np.zeros((len(stages) + 1, most), np.int64)
    counts[-1] = customers
    for step, (there, codes) in enumerate(steps_of(visits, most)):
        counts[:-1, step] = np.bincount(codes, minlength=len(stages))
        counts[-1, step] = customers - len(there)
    ended = "ended" if "ended" not in stages else "(ended)"
    definition = (
        f"Customers by the stage of {name!r} of their first, second and further visits, visits of length zero included;"
        f" {ended}: their way has fewer visits."
    )
    return StepMatrix(
        stages=(*stages, ended),
        steps=np.arange(1, most + 1),
        counts=counts,
        shares=proportion(
            counts,
            np.full(counts.shape, customers),
            name="share of customers",
            definition=f"Share of all customers in each stage at each step. {definition}",
            index=np.array([*stages, ended], dtype=object),
            undefined="there is no customer",
        ),
        definition=definition,
    )
