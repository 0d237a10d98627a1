"""Who came back, by cohort and age, and how sure one can be of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.data import describe, dropped_field
from clm.errors import InvalidDataError
from clm.stats import Estimate, Wilson, array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.retention._definition import RetentionDefinition
    from clm.typing import Array, BoolArray, FloatArray, IntArray

COMPLETE: Final = "complete"
IN_PROGRESS: Final = "in_progress"
UNOBSERVED: Final = "unobserved"

_MOST_COHORTS: Final = 5000
_REASONS: Final = {IN_PROGRESS: "the period is still running", UNOBSERVED: "the period has not been observed"}
_EMPTY: Final = "nobody entered in this period"
_IMMATURE: Final = "no cohort with customers is old enough"


@final
@frozen(kw_only=True, repr=False)
class RetentionTable:
    """Customers who came back, one row a cohort, one column an age.

    Attributes
    ----------
    cohorts : (c,) ndarray of datetime64
        Local date on which each cohort's period starts; the local hour for hourly periods.
    sizes : (c,) ndarray of int64
        Customers who entered; 0 for periods without one.
    retained : (c, c) ndarray of int64
        Customers of the cohort who satisfy the rule at each age; -1 where unobserved. Age 0 is the size.
    status : (c, c) ndarray of str
        ``"complete"`` where the period ended by `through`, ``"in_progress"`` where it began, else ``"unobserved"``.
    through : datetime64[us]
        Last instant observed, UTC.
    definition : RetentionDefinition
        What retained means.
    dropped : mapping of str to int
        Rows that were left out, by reason; and customers who entered before the first cohort.
    """

    cohorts: Array = array_field()
    sizes: IntArray = array_field()
    retained: IntArray = array_field()
    status: Array = array_field()
    through: np.datetime64
    definition: RetentionDefinition
    dropped: Mapping[str, int] = dropped_field()

    __setstate__ = seal

    @classmethod
    def from_counts(
        cls,
        *,
        definition: RetentionDefinition,
        first: int,
        through: int,
        sizes: tuple[IntArray, IntArray],
        returns: tuple[IntArray, IntArray, IntArray],
        dropped: Mapping[str, int],
    ) -> RetentionTable:
        """Lay counted customers out as a table.

        Parameters
        ----------
        definition
            What was counted.
        first
            Number of the first cohort's period.
        through
            Last instant observed, UTC microseconds.
        sizes
            Periods, and the customers who entered in each.
        returns
            Periods, ages, and the customers of each. The age is that of a return under rule "on", of the last one under
            "on_or_after", of the first one under "any", and under "every" how many ages from 1 on have one.
        dropped
            Rows that were left out, by reason.

        Raises
        ------
        InvalidDataError
            If there are more periods than a table can hold.
        """
        calendar = definition.calendar
        running = int(calendar.index(np.array([through]))[0])
        cohorts = running - first + 1
        if cohorts > _MOST_COHORTS:
            raise InvalidDataError(
                f"the table would have {cohorts:,} cohorts, one {definition.period} each. Choose a longer period, or "
                "give start= to leave early ones out."
            )
        numbers = np.arange(first, running + 1)
        size = np.zeros(cohorts, np.int64)
        np.add.at(size, sizes[0] - first, sizes[1])
        counts = np.zeros((cohorts, cohorts), np.int64)
        np.add.at(counts, (returns[0] - first, returns[1]), returns[2])
        counts = _by_rule(counts, definition.rule)
        counts[:, 0] = size
        # Row c at age k is period c + k: the last column that has begun lies on the antidiagonal.
        period = numbers[:, None] + np.arange(cohorts)
        ended = int(calendar.start(np.array([running + 1]))[0]) <= through + 1
        status = np.where(period < running, COMPLETE, np.where(period == running, IN_PROGRESS, UNOBSERVED))
        if ended:
            status[period == running] = COMPLETE
        counts[period > running] = -1
        return cls(
            cohorts=frozen_array(calendar.label(numbers)),
            sizes=frozen_array(size),
            retained=frozen_array(counts),
            status=frozen_array(status),
            through=np.datetime64(through, "us"),
            definition=definition,
            dropped=dropped,
        )

    @property
    def ages(self) -> IntArray:
        """Ages of the columns, in periods: 0, 1, 2 ..."""
        return np.arange(len(self.cohorts))

    def rates(self) -> Estimate[FloatArray]:
        """Return the share of each cohort that is retained at each age.

        Returns
        -------
        Estimate
            Matrix of cohort by age with Wilson's interval [1]_; NaN, with the reason, where a cell is not complete or
            a cohort is empty. Age 0 is 1 by definition, without error.

        References
        ----------
        .. [1] Wilson (1927), JASA 22, 209-212.
        """
        sizes = np.broadcast_to(self.sizes[:, None], self.retained.shape)
        reasons = np.full(self.retained.shape, None, dtype=object)
        reasons[sizes == 0] = _EMPTY
        for status, reason in _REASONS.items():
            reasons[self.status == status] = reason
        return _shares(
            np.maximum(self.retained, 0),
            sizes,
            known=(self.status == COMPLETE) & (sizes > 0),
            certain=np.broadcast_to(self.ages == 0, self.retained.shape),
            name="retention",
            definition=f"Share of a cohort that is retained at an age. {self._scope()}",
            index=self.cohorts,
            undefined=reasons,
        )

    def curve(self) -> Estimate[FloatArray]:
        """Return the share retained at each age, over all cohorts whose cell is complete.

        Returns
        -------
        Estimate
            One cell an age. Cohorts count by their size, and only where they were observed to the end of the period,
            so that young cohorts do not pull the curve down.
        """
        complete = self.status == COMPLETE
        retained = np.where(complete, self.retained, 0).sum(axis=0)
        sizes = np.where(complete, self.sizes[:, None], 0).sum(axis=0)
        return _shares(
            retained,
            sizes,
            known=sizes > 0,
            certain=self.ages == 0,
            name="retention",
            definition=f"Share retained at an age, of all cohorts complete at it, by size. {self._scope()}",
            index=self.ages,
            undefined=_IMMATURE,
        )

    def to_columns(self) -> dict[str, Array]:
        """Return the table as long columns, one row an observed cell."""
        row, age = np.nonzero(self.status != UNOBSERVED)
        rates = self.rates()
        interval = rates.confidence_interval()
        return {
            # Hours as microseconds, which every dataframe knows.
            "cohort": (self.cohorts.astype("M8[us]") if self.definition.period == "hour" else self.cohorts)[row],
            "age": age,
            "size": self.sizes[row],
            "retained": self.retained[row, age],
            "status": self.status[row, age],
            "rate": rates.value[row, age],
            "low": interval.low[row, age],
            "high": interval.high[row, age],
        }

    def _scope(self) -> str:
        last = describe(int(self.through.astype(np.int64)), self.definition.calendar.zone)
        return f"{self.definition} Observed through {last}."

    def __repr__(self) -> str:
        customers = f"{int(self.sizes.sum()):,} customers"
        return f"<RetentionTable: {len(self.cohorts):,} cohorts by {self.definition.period}, {customers}>"


def _by_rule(counts: IntArray, rule: str) -> IntArray:
    if rule == "any":
        return np.cumsum(counts, axis=1)
    if rule in {"on_or_after", "every"}:
        return np.cumsum(counts[:, ::-1], axis=1)[:, ::-1].copy()
    return counts


def _shares(
    hits: IntArray, trials: IntArray, *, known: BoolArray, certain: BoolArray, **described: Any
) -> Estimate[FloatArray]:
    cases = np.where(known & (trials > 0), trials, 1)
    share = np.where(known, hits / cases, np.nan)
    error = np.where(certain, 0.0, np.sqrt(share * (1 - share) / cases))
    # Endless trials leave no width where the share is certain.
    band = Wilson(np.where(certain, np.inf, np.where(known, trials, 0)))
    return Estimate(
        value=share, standard_error=error, n=np.where(known, trials, 0), unit="fraction", band=band, **described
    )
