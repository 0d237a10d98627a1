"""What customers have brought by age, told from cohorts of which the later are still young."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from attrs import field, frozen
from scipy import sparse

from clm.ltv._cohort_projection import projected
from clm.stats import Estimate, HasEstimate, Interval, Linearised, StudentT, array_field, frozen_array, seal, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.typing import Array, BoolArray, FloatArray, IntArray

Shape = Literal["power", "sbg"]

# Squares that cancel to less than this share of themselves have cancelled to nothing but rounding.
_ROUNDING = 1e-12


def _array() -> Any:
    return array_field(converter=frozen_array)


def _counts(dropped: Mapping[str, int]) -> dict[str, int]:
    return dict(dropped)


@final
@frozen(kw_only=True, repr=False, slots=False)
class CohortValue:
    """Cumulative value per customer by age, with the cohorts behind it.

    It has every attribute of an `Estimate` with one cell an age; build it with ``clm.cohort_ltv(orders, ...)``.

    Attributes
    ----------
    value, standard_error : (a,) ndarray of float64
        Value per customer through each age; NaN for ages that no cohort has completed.
    n : (a,) ndarray of int64
        Customers of the cohorts that have completed each age.
    index : (a,) ndarray of int64
        Ages, in periods; 0 is the period of the first purchase.
    period : str
        Calendar period of cohorts and ages.
    cohorts : (c,) ndarray of datetime64
        First local date of each cohort's period.
    sizes : (c,) ndarray of int64
        Customers in each cohort.
    revenue : (c, a) ndarray of float64
        Money by cohort and age; NaN where the period is not complete.
    squares : (c, a) ndarray of float64
        Sum over the cohort's customers of their squared value through each age; NaN likewise.
    products : (a, a) ndarray of float64
        Sum over customers of the product of their values at two ages, where both are complete.
    dropped : mapping of str to int
        Rows and customers that were left out, by reason.
    definition : str
        One sentence that fixes what was computed.

    Examples
    --------
    >>> orders = {
    ...     "customer_id": ["ann", "bob", "ann", "eve", "eve"],
    ...     "at": ["2025-01-04", "2025-01-20", "2025-02-11", "2025-02-03", "2025-03-02"],
    ...     "amount": [20.0, 30.0, 8.0, 40.0, 5.0],
    ... }
    >>> by_age = clm.cohort_ltv(orders, period="month", through="2025-03-10")
    >>> by_age.value, by_age.n
    (array([30., 34., nan]), array([3, 2, 0]))
    >>> by_age.undefined[2]
    'no cohort has completed that age'
    """

    period: str
    cohorts: Array = _array()
    sizes: IntArray = _array()
    revenue: FloatArray = _array()
    squares: FloatArray = _array()
    products: FloatArray = _array()
    definition: str
    dropped: Mapping[str, int] = field(factory=dict, converter=_counts)

    __setstate__ = seal

    @classmethod
    def from_cells(
        cls,
        *,
        cohort: IntArray,
        customer: IntArray,
        age: IntArray,
        amount: FloatArray,
        complete: BoolArray,
        period: str,
        cohorts: Array,
        definition: str,
        dropped: Mapping[str, int],
    ) -> CohortValue:
        """Build from the money of each customer at each age.

        Parameters
        ----------
        cohort
            Row of each customer's cohort, shape (n,).
        customer, age, amount
            One entry a customer and age with money, by customer and then by age; shape (m,).
        complete
            Whether each cohort has completed each age; shape (c, a).
        period, cohorts, definition, dropped
            As the attributes.

        Returns
        -------
        CohortValue
        """
        rows, ages = complete.shape
        seen = complete[cohort[customer], age]
        customer, age, amount = customer[seen], age[seen], amount[seen]
        cell = cohort[customer] * ages + age
        revenue = np.bincount(cell, amount, minlength=complete.size).reshape(complete.shape)
        # What a customer has brought so far, squared, changes only where he brings something.
        running = np.cumsum(amount)
        starts = np.flatnonzero(np.diff(customer, prepend=-1))
        so_far = running - np.repeat(running[starts] - amount[starts], np.diff(np.append(starts, len(customer))))
        gain = np.square(so_far) - np.square(so_far - amount)
        squares = np.bincount(cell, gain, minlength=complete.size).reshape(complete.shape).cumsum(axis=1)
        money = sparse.csr_array((amount, (customer, age)), shape=(len(cohort), ages))
        return cls(
            period=period,
            cohorts=cohorts,
            sizes=np.bincount(cohort, minlength=rows),
            revenue=np.where(complete, revenue, np.nan),
            squares=np.where(complete, squares, np.nan),
            products=(money.T @ money).toarray(),
            definition=definition,
            dropped=dropped,
        )

    @cached_property
    def estimate(self) -> Estimate[FloatArray]:
        """Cumulative value per customer by age, as an estimate."""
        known = self.n > 0
        steps = np.where(known, self._increments, 0.0)
        value = np.where(known, steps.cumsum(), np.nan)
        so_far = np.tri(len(steps)) * known[:, None]
        source = Linearised(gradient=so_far, covariance=self._covariance)
        variance = np.maximum(source.variance(), 0.0)
        variance[variance < _ROUNDING * np.square(np.nan_to_num(value))] = 0.0
        return Estimate(
            value=value,
            standard_error=np.where(self.n > 1, np.sqrt(variance), np.nan),
            n=self.n,
            name="cumulative value per customer",
            unit="currency",
            definition=self.definition,
            index=np.arange(len(steps)),
            undefined="no cohort has completed that age",
            band=StudentT(np.maximum(self.n - 1, 0)),
            sources=(source,),
        )

    def by_cohort(self) -> Estimate[FloatArray]:
        """Return the cumulative value per customer of each cohort (row) through each age (column).

        Returns
        -------
        Estimate
            Undefined where a cohort has not completed an age, or nobody joined.
        """
        size = np.broadcast_to(self.sizes[:, None], self.revenue.shape)
        total = np.nancumsum(self.revenue, axis=1)
        known = ~np.isnan(self.revenue) & (size > 0)
        value = np.where(known, total / np.maximum(size, 1), np.nan)
        spread = np.maximum(self.squares - size * np.square(value), 0.0)
        spread[spread < _ROUNDING * np.nan_to_num(self.squares)] = 0.0
        error = np.sqrt(spread / np.maximum(size * (size - 1.0), 1.0))
        return Estimate(
            value=value,
            standard_error=np.where(size > 1, error, np.nan),
            n=np.where(known, size, 0),
            name="cumulative value per customer by cohort",
            unit="currency",
            definition=f"{self.definition} By cohort.",
            index=self.cohorts,
            undefined=np.where(size > 0, "the cohort has not completed that age", "nobody joined in that period"),
            band=StudentT(np.maximum(size - 1, 0)),
        )

    def projected(self, horizon: int, *, shape: Shape = "power") -> Estimate[FloatArray]:
        """Return the cumulative value per customer through later ages, by a curve fitted to the observed ones.

        Parameters
        ----------
        horizon
            Last age, in periods, beyond the last complete one. There is no value without a horizon: sums of a power law
            need not have one.
        shape : {"power", "sbg"}
            What the value of one period does from age 1 on. ``"power"``: ``c * age**-b``, fitted on logs; ``"sbg"``: c
            times the survival of a shifted beta geometric distribution, fitted by least squares.

        Returns
        -------
        Estimate
            Ages 0 to `horizon`; the observed ones are those of the curve itself.

        Raises
        ------
        InvalidDataError
            If the horizon lies within the observed ages, or there are too few complete ages to fit (power: 3 after
            age 0, sbg: 4), or, for the power law, one without value.

        Notes
        -----
        Ages weigh by their customers. On the renewals of Fader and Hardie [1]_ curves fitted to years 1 to 7 miss years
        8 to 12 by 5 percent (power) and below 1 percent (sbg) on average, a constant churn rate by 17 to 28. The
        interval carries the sampling error of the observed ages through the fit; whether the curve goes on like that is
        nothing it can know.

        References
        ----------
        .. [1] Fader and Hardie (2007), Journal of Interactive Marketing 21(1), 76-90.
        """
        known = int((self.n > 0).sum())
        cumulative, gradient = projected(
            np.asarray(self._increments[:known]), self.n[:known], horizon=horizon, shape=shape
        )
        source = Linearised(gradient=gradient, covariance=self._covariance[:known, :known])
        law = "a power law" if shape == "power" else "a shifted beta geometric curve"
        return Estimate(
            value=cumulative,
            standard_error=np.sqrt(np.maximum(source.variance(), 0.0)),
            n=np.append(self.n[:known], np.full(len(cumulative) - known, self.n[1])),
            name="cumulative value per customer",
            unit="currency",
            definition=(
                f"{self.definition} Ages from {known} on are extrapolated by {law} fitted to the value of ages 1 to "
                f"{known - 1}."
            ),
            index=np.arange(len(cumulative)),
            sources=(source,),
            caveats=(
                "Extrapolated: the interval holds sampling error alone, not whether the curve goes on like that.",
            ),
        )

    @property
    def n(self) -> IntArray:
        """Customers of the cohorts that have completed each age."""
        return np.asarray((self.sizes[:, None] * ~np.isnan(self.revenue)).sum(axis=0))

    @property
    def _increments(self) -> FloatArray:
        """Value per customer at each age alone; 0 where no cohort has completed it."""
        return np.asarray(np.nansum(self.revenue, axis=0) / np.maximum(self.n, 1))

    @cached_property
    def _covariance(self) -> FloatArray:
        """Covariance of the increments over customers: those of a cohort go through several ages."""
        steps, n = self._increments, self.n
        ages = np.arange(len(steps))
        later = np.maximum.outer(ages, ages)
        # Entry (j, k): money at age j of the customers who completed both j and k.
        both = np.nan_to_num(self.revenue).T @ ~np.isnan(self.revenue)
        centred = self.products - both * steps - both.T * steps[:, None] + n[later] * np.outer(steps, steps)
        scale = 1 / np.sqrt(np.maximum(n * (n - 1.0), 1.0))
        # n (n - 1) below the line: the variance of a mean, from deviations around that mean.
        return np.asarray(centred * np.outer(scale, scale) * np.outer(n > 1, n > 1))

    @property
    def value(self) -> FloatArray:
        """Value per customer through each age."""
        return self.estimate.value

    @property
    def standard_error(self) -> FloatArray:
        """Standard errors, clustered by customer."""
        return self.estimate.standard_error

    @property
    def index(self) -> Array | None:
        """Ages, in periods."""
        return self.estimate.index

    @property
    def name(self) -> str:
        """What the number is called."""
        return self.estimate.name

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return self.estimate.unit

    @property
    def undefined(self) -> Any:
        """Why ages have no value; None where all have."""
        return self.estimate.undefined

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before quoting the numbers."""
        return self.estimate.caveats

    def confidence_interval(self, level: float = 0.95) -> Interval[FloatArray]:
        """Return limits by age."""
        return self.estimate.confidence_interval(level)

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return self.estimate.to_dict(level)

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row an age, for ``clm.to_frame``."""
        return self.estimate.to_columns(level)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001  # NumPy calls it so
        return self.estimate.__array__(dtype, copy)

    def __repr__(self) -> str:
        return f"<CohortValue: {summary(self.estimate)}>"


HasEstimate.register(CohortValue)
