"""How much of a cohort's first revenue is still there at each age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, final

import numpy as np
from attrs import frozen

from clm.data import dropped_field
from clm.retention._layout import COMPLETE, IN_PROGRESS, UNOBSERVED
from clm.retention._revenue_ratio import RevenueRatio
from clm.stats import Estimate, StudentT, Wilson, array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.ltv import CohortValue
    from clm.typing import Array, BoolArray, FloatArray, IntArray

Reactivation = Literal["exclude", "include"]
Cap = Literal["start", "lowest"]

_NET_SAID: Final = {
    "exclude": "Revenue of an age over revenue of age 0; customers count up to their first period without revenue.",
    "include": "Revenue of an age over revenue of age 0; customers who came back count again.",
}
_GROSS_SAID: Final = {
    "start": "Revenue of an age, of each customer no more than at age 0, over revenue of age 0",
    "lowest": "Revenue of an age, of each customer no more than at any age before, over revenue of age 0",
}
_AGAIN: Final = {
    "exclude": "customers count up to their first period without revenue",
    "include": "customers who came back count again",
}
_REASONS: Final = {IN_PROGRESS: "the period is still running", UNOBSERVED: "the period has not been observed"}
_EMPTY: Final = "nobody's first revenue falls in this period"
_IMMATURE: Final = "no cohort with customers is old enough"


@final
@frozen
class RevenueSums:
    """Sums over the customers of a cohort, by cohort and age.

    Attributes
    ----------
    total : (c, a) ndarray of float64
        Revenue that counts.
    squares : (c, a) ndarray of float64
        Of each customer squared.
    products : (c, a) ndarray of float64
        Times his revenue of age 0.
    """

    total: FloatArray = array_field()
    squares: FloatArray = array_field()
    products: FloatArray = array_field()

    __setstate__ = seal

    @classmethod
    def of(cls, amount: FloatArray, base: FloatArray, cell: IntArray, shape: tuple[int, int]) -> RevenueSums:
        """Add up one entry a customer and age."""
        sums = (
            np.bincount(cell, part, minlength=shape[0] * shape[1]).reshape(shape)
            for part in (amount, amount**2, amount * base)
        )
        return cls(*map(frozen_array, sums))


@final
@frozen(kw_only=True, repr=False)
class RevenueRetention:
    """Net and gross revenue retention, one row a cohort, one column an age. Made by `revenue_retention`.

    Attributes
    ----------
    cohorts : (c,) ndarray of datetime64
        Local date on which each cohort's period starts; the local hour for hourly periods.
    sizes : (c,) ndarray of int64
        Customers whose first revenue falls in the period.
    status : (c, a) ndarray of str
        ``"complete"``, ``"in_progress"`` or ``"unobserved"``, as of a retention table.
    net, gross : RevenueSums
        Revenue that counts for each of the two, in all cells that were observed; ``net.total`` at age 0 is the base.
    base_squares : (c,) ndarray of float64
        Sum over customers of their squared revenue of age 0.
    cumulative : CohortValue
        Revenue per acquired customer through each age: each age is averaged over the cohorts that completed it, and
        these averages are added up. All revenue counts, whoever came back.
    period, reactivation, cap : str
        The grain and the rules.
    scope : str
        What was counted, for definitions.
    dropped : mapping of str to int
        Rows and customers that were left out, by reason.
    """

    cohorts: Array = array_field()
    sizes: IntArray = array_field()
    status: Array = array_field()
    net: RevenueSums
    gross: RevenueSums
    base_squares: FloatArray = array_field()
    cumulative: CohortValue
    period: str
    reactivation: Reactivation
    cap: Cap
    scope: str
    dropped: Mapping[str, int] = dropped_field()

    __setstate__ = seal

    @property
    def ages(self) -> IntArray:
        """Ages in periods: 0, 1, 2 ..."""
        return np.arange(self.status.shape[1])

    @property
    def nrr(self) -> Estimate[FloatArray]:
        """Net revenue retention by cohort and age; above 1 where those who stay pay more than those who left did."""
        return self._net(self._by_cohort(self.net), self.cohorts, self._reasons())

    @property
    def grr(self) -> Estimate[FloatArray]:
        """Gross revenue retention by cohort and age: what one customer pays more makes up for no other."""
        return self._gross(self._by_cohort(self.gross), self.cohorts, self._reasons())

    def nrr_curve(self) -> Estimate[FloatArray]:
        """Return net revenue retention by age, over the cohorts that completed it, by their revenue."""
        return self._net(self._pooled(self.net), self.ages, _IMMATURE)

    def grr_curve(self) -> Estimate[FloatArray]:
        """Return gross revenue retention by age, over the cohorts that completed it, by their revenue."""
        return self._gross(self._pooled(self.gross), self.ages, _IMMATURE)

    def to_columns(self) -> dict[str, Array]:
        """Return long columns, one row a cell that was observed."""
        row, column = np.nonzero(self.status != UNOBSERVED)
        nrr, grr = self.nrr, self.grr
        return {
            "cohort": (self.cohorts.astype("M8[us]") if self.period == "hour" else self.cohorts)[row],
            "age": column,
            "size": self.sizes[row],
            "start_revenue": self.net.total[row, 0],
            "revenue": self.net.total[row, column],
            "status": self.status[row, column],
            "nrr": nrr.value[row, column],
            "nrr_error": nrr.standard_error[row, column],
            "grr": grr.value[row, column],
            "grr_error": grr.standard_error[row, column],
        }

    def _by_cohort(self, sums: RevenueSums) -> RevenueRatio:
        known = (self.status == COMPLETE) & (self.sizes > 0)[:, None]
        base = np.broadcast_to(self.net.total[:, :1], known.shape)
        squares = np.broadcast_to(self.base_squares[:, None], known.shape)
        n = np.broadcast_to(self.sizes[:, None], known.shape)
        return RevenueRatio.of(
            sums.total, sums.squares, sums.products, base=base, base_squares=squares, n=n, known=known
        )

    def _pooled(self, sums: RevenueSums) -> RevenueRatio:
        cells = (self.status == COMPLETE) & (self.sizes > 0)[:, None]
        base = (self.net.total[:, :1] * cells).sum(axis=0)
        squares, n = (self.base_squares[:, None] * cells).sum(axis=0), (self.sizes[:, None] * cells).sum(axis=0)
        total, moments, products = ((part * cells).sum(axis=0) for part in (sums.total, sums.squares, sums.products))
        return RevenueRatio.of(total, moments, products, base=base, base_squares=squares, n=n, known=n > 0)

    def _net(self, ratio: RevenueRatio, index: Array, undefined: Any) -> Estimate[FloatArray]:
        lowest = 0.0 if np.nanmin(ratio.value, initial=0.0) >= 0 else -np.inf
        return ratio.estimate(
            name="net revenue retention",
            definition=f"{_NET_SAID[self.reactivation]} {self.scope}",
            index=index,
            undefined=undefined,
            band=StudentT(np.maximum(ratio.n - 1.0, 0.0), lowest),
        )

    def _gross(self, ratio: RevenueRatio, index: Array, undefined: Any) -> Estimate[FloatArray]:
        again = "" if self.cap == "lowest" else f"; {_AGAIN[self.reactivation]}"
        return ratio.estimate(
            name="gross revenue retention",
            definition=f"{_GROSS_SAID[self.cap]}{again}. {self.scope}",
            index=index,
            undefined=undefined,
            # Age 0 is 1 by definition: endless trials leave no width.
            band=Wilson(np.where(self.ages == 0, np.inf, ratio.effective)),
        )

    def _reasons(self) -> Array:
        reasons = np.full(self.status.shape, None, dtype=object)
        reasons[self.sizes == 0] = _EMPTY
        for status, reason in _REASONS.items():
            reasons[self.status == status] = reason
        return reasons

    def __repr__(self) -> str:
        return (
            f"<RevenueRetention: {len(self.cohorts):,} cohorts by {self.period}, {int(self.sizes.sum()):,} customers>"
        )


def revenue_of_cells(
    *,
    cohort: IntArray,
    customer: IntArray,
    age: IntArray,
    amount: FloatArray,
    complete: BoolArray,
    begun: BoolArray,
    reactivation: Reactivation,
    cap: Cap,
    **described: Any,
) -> RevenueRetention:
    """Count revenue retention from the money of each customer at each age.

    Parameters
    ----------
    cohort
        Row of each customer's cohort, shape (n,).
    customer, age, amount
        One entry a customer and age, by customer and then by age, age 0 of each among them and above 0; shape (m,).
    complete, begun
        Which cells are complete, and which have begun; shape (c, a).
    reactivation, cap
        What counts.
    **described
        The other attributes.
    """
    shape = complete.shape
    cell = cohort[customer] * shape[1] + age
    at_start = amount[age == 0]
    base = at_start[customer]
    unbroken = _unbroken(customer, age, amount)
    net = amount if reactivation == "include" else np.where(unbroken, amount, 0.0)
    gross = np.clip(net, 0.0, base) if cap == "start" else _lowest(customer, age, amount, unbroken, at_start)
    status = np.where(complete, COMPLETE, np.where(begun, IN_PROGRESS, UNOBSERVED))
    return RevenueRetention(
        sizes=frozen_array(np.bincount(cohort, minlength=shape[0])),
        status=frozen_array(status),
        net=RevenueSums.of(net, base, cell, shape),
        gross=RevenueSums.of(gross, base, cell, shape),
        base_squares=frozen_array(np.bincount(cohort, at_start**2, minlength=shape[0])),
        reactivation=reactivation,
        cap=cap,
        **described,
    )


def _unbroken(customer: IntArray, age: IntArray, amount: FloatArray) -> BoolArray:
    """Return which entries come before or at the customer's first age without revenue."""
    paid = (amount > 0).astype(np.int64)
    before = np.cumsum(paid) - paid
    begins = np.flatnonzero(np.diff(customer, prepend=-1))
    before -= np.repeat(before[begins], np.diff(np.append(begins, len(customer))))
    return np.asarray(before == age)


def _lowest(
    customer: IntArray, age: IntArray, amount: FloatArray, unbroken: BoolArray, at_start: FloatArray
) -> FloatArray:
    """Return the lowest revenue of a customer up to each age; nothing after an age without any."""
    lowest, running = np.zeros(len(amount)), at_start.copy()
    rows = np.flatnonzero(unbroken)
    rows = rows[np.argsort(age[rows], kind="stable")]
    for some in np.split(rows, np.flatnonzero(np.diff(age[rows])) + 1):
        running[customer[some]] = np.clip(amount[some], 0.0, running[customer[some]])
        lowest[some] = running[customer[some]]
    return lowest
