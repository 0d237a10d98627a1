"""How much more of one cohort is retained than of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.retention._layout import COMPLETE
from clm.retention._recurring import clustered
from clm.stats import Estimate, Normal, array_field, seal, wilson_limits

if TYPE_CHECKING:
    from clm.retention._table import RetentionTable
    from clm.typing import FloatArray


@final
@frozen
class CohortNewcombe:
    """Limits of the difference of two independent shares, from Wilson's limits of each [1]_.

    References
    ----------
    .. [1] Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
    """

    first: FloatArray = array_field()
    first_trials: FloatArray = array_field()
    second: FloatArray = array_field()
    second_trials: FloatArray = array_field()

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "Newcombe"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends."""
        low_a, high_a = wilson_limits(self.first, self.first_trials, level)
        low_b, high_b = wilson_limits(self.second, self.second_trials, level)
        a, b = self.first, self.second
        return (
            value - np.hypot(b - low_b, high_a - a),
            value + np.hypot(high_b - b, a - low_a),
        )


@final
@frozen
class CommonCustomers:
    """Limits of the difference of two shares that have customers in common; Newcombe's where no customer differs.

    There Wald's would have no width, however few the customers are.
    """

    apart: CohortNewcombe

    @property
    def method(self) -> str:
        """The method's name."""
        return "Wald with the covariance of common customers"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return both ends."""
        low, high = Normal(-1.0, 1.0).limits(value, standard_error, level)
        least, most = self.apart.limits(value, standard_error, level)
        varied = standard_error > 0
        return np.where(varied, low, least), np.where(varied, high, most)


def difference_of(table: RetentionTable, first: int, second: int) -> Estimate[FloatArray]:
    """Return second minus first, age by age; see `RetentionTable.difference`.

    Raises
    ------
    InvalidDataError
        If it is twice the same cohort.
    """
    if first == second:
        raise InvalidDataError("a cohort cannot be compared with itself. Give two.")
    rows = [first, second]
    sizes = table.sizes[rows]
    known = (table.status[rows] == COMPLETE).all(axis=0) & (sizes > 0).all()
    retained = np.maximum(table.retained[rows], 0)
    rates = np.where(known, retained / np.maximum(sizes, 1)[:, None], np.nan)
    value = rates[1] - rates[0]
    certain = known & (table.ages == 0)
    trials = np.where(known, sizes[:, None], 0).astype(np.float64)
    trials[:, certain] = np.inf
    apart = CohortNewcombe(rates[0], trials[0], rates[1], trials[1])
    band: CohortNewcombe | CommonCustomers = apart
    if table.activity is None:
        variance = np.where(known, rates * (1 - rates) / np.maximum(sizes, 1)[:, None], np.nan).sum(axis=0)
    else:
        each = np.zeros(table.retained.shape)
        each[first], each[second] = -1 / max(sizes[0], 1), 1 / max(sizes[1], 1)
        entered = np.zeros_like(each)
        entered[rows] = -each[rows] * np.where(known, rates, 0.0)
        each[:, ~known], entered[:, ~known] = 0.0, 0.0
        variance, _ = clustered(table.activity, table.definition.rule, table.columns, retained=each, entered=entered)
        band = CommonCustomers(apart)
    a, b = table.cohorts[rows].tolist()
    return Estimate(
        value=value,
        standard_error=np.where(known, np.where(certain, 0.0, np.sqrt(variance)), np.nan),
        n=np.where(known, int(sizes.sum()), 0),
        index=table.ages,
        name="difference in retention",
        unit="fraction",
        definition=f"Share retained at an age of the cohort of {b}, less that of the cohort of {a}. {table.scope}",
        undefined="one of the cohorts is empty or was not observed to the end of the period",
        band=band,
    )
