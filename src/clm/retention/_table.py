"""Who came back, by cohort and age, and how sure one can be of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.data import describe, dropped_field, parse_start
from clm.errors import InvalidDataError
from clm.retention._averages import Average, average_of
from clm.retention._cohort_difference import difference_of
from clm.retention._columns import AgeColumns
from clm.retention._layout import COMPLETE, IN_PROGRESS, UNOBSERVED
from clm.retention._shares import shares
from clm.retention._shrinkage import shrunken
from clm.stats import array_field, seal, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.retention._activity import Activity
    from clm.retention._definition import RetentionDefinition
    from clm.stats import Estimate
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_REASONS: Final = {IN_PROGRESS: "the period is still running", UNOBSERVED: "the period has not been observed"}
_MONTH: Final = re.compile(r"\d{4}(-\d{2})?", re.ASCII)
_EMPTY: Final = "nobody entered in this period"


@final
@frozen(kw_only=True, repr=False)
class RetentionTable:
    """Customers who came back, one row a cohort, one column an age or a bracket of ages. Made by `retention_table`.

    Attributes
    ----------
    cohorts : (c,) ndarray of datetime64
        Local date on which each cohort's period starts; the local hour for hourly periods.
    sizes : (c,) ndarray of int64
        Customers who entered; 0 for periods without one.
    retained : (c, a) ndarray of int64
        Customers of the cohort who satisfy the rule at each age; -1 where unobserved. Age 0 is the size. On customers'
        own clocks only those count whose period of that age has ended.
    status : (c, a) ndarray of str
        ``"complete"`` where the period ended by `through`, ``"in_progress"`` where it began, else ``"unobserved"``;
        of a bracket that of its last period. On own clocks a cell is complete once the period has ended for all
        customers of the cohort, and in progress once it has begun for one.
    observed : (c, a) ndarray of int64
        Customers of whom the cell can tell: the size by the calendar; on own clocks those whose period has ended.
    through : datetime64[us]
        Last instant observed, UTC.
    definition : RetentionDefinition
        What retained means.
    dropped : mapping of str to int
        Rows that were left out, by reason; and customers who entered before the first cohort.
    left_edge : int
        Customers who entered in the first period of the log. Where it is an extract they may have entered before: then
        give earlier rows and `start`.
    activity : Activity or None
        Each customer's periods as bits, where customers enter again and again: what averages and differences need.
    """

    cohorts: Array = array_field()
    sizes: IntArray = array_field()
    retained: IntArray = array_field()
    status: Array = array_field()
    observed: IntArray = array_field()
    through: np.datetime64
    definition: RetentionDefinition
    dropped: Mapping[str, int] = dropped_field()
    left_edge: int = field(default=0)
    activity: Activity | None = field(default=None)

    __setstate__ = seal

    @property
    def ages(self) -> IntArray:
        """First age of each column, in periods: 0, 1, 2 ... without brackets."""
        return self.columns.first

    @property
    def columns(self) -> AgeColumns:
        """First and last age of each column."""
        return AgeColumns.of(self.definition.brackets, self.retained.shape[1])

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
        known = self._known()
        return shares(
            np.maximum(self.retained, 0),
            np.broadcast_to(self.sizes[:, None], self.retained.shape),
            known=known,
            certain=known & (self.ages == 0),
            name="retention",
            definition=f"Share of a cohort that is retained at an age. {self.scope}",
            index=self.cohorts,
            undefined=self._reasons(),
        )

    def shrunken_rates(self) -> Estimate[FloatArray]:
        """Return rates drawn towards the mean of all cohorts, small cohorts most: for ranking and comparing them.

        Returns
        -------
        Estimate
            As `rates`; the interval is the posterior's.

        Notes
        -----
        Rates of an age vary between cohorts as a beta distribution, whose mean and spread are estimated from all
        complete cells of that age by moments [1]_; the rate of a cohort is the mean of its posterior. With fewer than
        three cohorts, or where they vary no more than chance has it, all are drawn to their common mean, and the
        interval is that of one rate of all their customers.

        References
        ----------
        .. [1] Kleinman (1973), JASA 68, 46-54.
        """
        return shrunken(
            np.maximum(self.retained, 0),
            self.sizes,
            known=self._known(),
            certain=self.ages == 0,
            definition=(
                "Share of a cohort that is retained at an age, drawn towards the mean of all cohorts by a beta "
                f"distribution of rates. {self.scope}"
            ),
            index=self.cohorts,
            undefined=self._reasons(),
        )

    def curve(self, *, average: Average = "weighted", through_age: int | None = None) -> Estimate[FloatArray]:
        """Return the share retained at each age, over all cohorts whose cell is complete.

        Parameters
        ----------
        average
            "weighted": cohorts count by their size. "simple": each counts alike. "panel": by size, and at every age the
            same cohorts, those complete at `through_age`, so that the curve does not move because cohorts leave it.
            "observed": on customers' own clocks, every customer whose period has ended, whatever his cohort.
        through_age
            Last age of the panel.

        Returns
        -------
        Estimate
            One cell an age. Cohorts count only where they were observed to the end of the period, so that young ones
            do not pull the curve down.

        Raises
        ------
        InvalidDataError
            If the average is unknown, or `through_age` is missing or beyond the table.

        Notes
        -----
        Where customers enter once, Wilson's interval with the customers behind the age. Where they enter again and
        again, one customer sits in many cohorts: the variance is that of a ratio of sums over customers [1]_, given to
        Wilson's interval as the number of independent customers with the same variance. In simulations it covered 93 to
        96 percent where the interval for independent entries covered 71 to 77.

        References
        ----------
        .. [1] Cochran (1977), Sampling Techniques, 3rd edition, section 6.
        """
        return average_of(self, average, through_age)

    def difference(self, first: Any, second: Any) -> Estimate[FloatArray]:
        """Return how much more of one cohort is retained than of another, age by age.

        Parameters
        ----------
        first, second
            Dates on which the cohorts' periods start; the difference is second minus first.

        Returns
        -------
        Estimate
            One cell an age, in fractions, NaN where one of the cells is not complete. Newcombe's interval from Wilson's
            limits [1]_; where customers enter again and again, Wald's with the covariance that common customers bring,
            unless there is no variance to go by.

        Raises
        ------
        InvalidDataError
            If there is no such cohort, or it is twice the same.

        References
        ----------
        .. [1] Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
        """
        return difference_of(self, self.row(first), self.row(second))

    def rectangle(self) -> IntArray:
        """Return the counts as vendors' interfaces give them, 0 where nothing was observed: only to compare with them.

        Returns
        -------
        (c, a) ndarray of int64
        """
        return np.maximum(self.retained, 0)

    def row(self, cohort: Any) -> int:
        """Return the row of a cohort, by the date on which its period starts, or any time in it.

        Raises
        ------
        InvalidDataError
            If it is no date, or there is no such cohort.
        """
        calendar = self.definition.calendar
        try:
            instant = parse_start(_first_day(cohort), calendar.zone)
        except InvalidDataError:
            row = -1
        else:
            periods = calendar.index(np.array([instant, self.through.astype(np.int64)]))
            row = len(self.cohorts) - 1 - int(periods[1] - periods[0])
        if not 0 <= row < len(self.cohorts):
            raise InvalidDataError(
                f"cohort={cohort!r} is not one of the cohorts {self.cohorts[0]} to {self.cohorts[-1]}. "
                "Give the date on which its period starts."
            )
        return row

    def column(self, age: Any) -> int:
        """Return the column of an age; of a bracket that of any age in it.

        Raises
        ------
        InvalidDataError
            If the table does not reach so far.
        """
        wanted = whole_number(age, "age")
        column = np.flatnonzero((self.columns.first <= wanted) & (wanted <= self.columns.last))
        if not len(column):
            raise InvalidDataError(f"age={age} lies outside the table, whose ages are 0 to {self.columns.reach}.")
        return int(column[0])

    def to_columns(self) -> dict[str, Array]:
        """Return the table as long columns, one row an observed cell."""
        row, column = np.nonzero(self.status != UNOBSERVED)
        rates = self.rates()
        interval = rates.confidence_interval()
        return {
            # Hours as microseconds, which every dataframe knows.
            "cohort": (self.cohorts.astype("M8[us]") if self.definition.period == "hour" else self.cohorts)[row],
            "age": self.ages[column],
            "size": self.sizes[row],
            "retained": self.retained[row, column],
            "status": self.status[row, column],
            "rate": rates.value[row, column],
            "low": interval.low[row, column],
            "high": interval.high[row, column],
        }

    @property
    def scope(self) -> str:
        """What was counted, for definitions."""
        last = describe(int(self.through.astype(np.int64)), self.definition.calendar.zone)
        return f"{self.definition} Observed through {last}."

    def _known(self) -> BoolArray:
        return np.asarray((self.status == COMPLETE) & (self.sizes > 0)[:, None])

    def _reasons(self) -> Array:
        reasons = np.full(self.retained.shape, None, dtype=object)
        reasons[self.sizes == 0] = _EMPTY
        for status, reason in _REASONS.items():
            reasons[self.status == status] = reason
        return reasons

    def __repr__(self) -> str:
        customers = f"{int(self.sizes.sum()):,} {'entries' if self.activity is not None else 'customers'}"
        return f"<RetentionTable: {len(self.cohorts):,} cohorts by {self.definition.period}, {customers}>"


def _first_day(cohort: Any) -> Any:
    """Return the first day of a month or year such as "2025-01"; other values as they are."""
    if isinstance(cohort, str) and _MONTH.fullmatch(cohort):
        return f"{cohort}-01-01"[:10]
    if isinstance(cohort, np.datetime64) and np.datetime_data(cohort.dtype)[0] in {"Y", "M"}:
        return cohort.astype("M8[D]")
    return cohort
