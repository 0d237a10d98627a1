"""Purchase histories of all customers at once, by one sort."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.frames._gaps import log_units

if TYPE_CHECKING:
    from clm.frames._amounts import Exact
    from clm.typing import Array, BoolArray, FloatArray, IntArray


@final
@frozen(eq=False)
class Histories:
    """What purchase histories are reduced to, one row a customer, ascending.

    Attributes
    ----------
    customer : (n,) ndarray
        Ids, or keys that stand for them.
    occasions : (n,) ndarray of int64
        Purchase occasions.
    first, last : (n,) ndarray of int64
        Number of the first and last occasion's period; instants where every row is an occasion.
    first_at : (n,) ndarray of int64
        Instant of the first occasion.
    value_first, value_repeat, value_total : (n,) ndarray of float64, or None
        Amount of the first occasion, of all later ones together, and of everything, refunds included.
    gap_units, tied : (n,) ndarray of int64, or None
        Sum of the logarithms of the gaps between occasions as `log_units` has them, and how many gaps are none.
    """

    customer: Array
    occasions: IntArray
    first: IntArray
    last: IntArray
    first_at: IntArray
    value_first: FloatArray | None = None
    value_repeat: FloatArray | None = None
    value_total: FloatArray | None = None
    gap_units: IntArray | None = None
    tied: IntArray | None = None


@final
@frozen(eq=False)
class Occasions:
    """Purchase occasions sorted by customer and time.

    Attributes
    ----------
    customer, period, at : (m,) ndarray of int64
        Key of the customer, number of the period, and first instant in it.
    whole, rest : (m,) ndarray, or None
        Amount of each occasion, split as `Exact` does.
    refunded : (m,) ndarray of bool
        Where refunds leave no purchase.
    """

    customer: IntArray
    period: IntArray
    at: IntArray
    whole: IntArray | None
    rest: FloatArray | None
    refunded: BoolArray

    @classmethod
    def by_period(
        cls, customer: IntArray, period: IntArray, at: IntArray, amounts: FloatArray | None, exact: Exact
    ) -> Occasions:
        """Merge the rows of one customer and period."""
        order, customer, period = sort_rows(customer, period)
        starts = run_starts(customer, period)
        customer, period = customer[starts], period[starts]
        at = np.minimum.reduceat(at[order], starts)
        if amounts is None:
            return cls(customer, period, at, None, None, np.zeros(len(starts), bool))
        whole, rest = exact.split(amounts)
        whole = np.add.reduceat(whole[order], starts)
        # Decimal amounts leave no rest: adding up nothing can be left out.
        rest = np.add.reduceat(rest[order], starts) if rest.any() else np.zeros(len(starts))
        return cls(customer, period, at, whole, rest, whole + rest < 0)

    @classmethod
    def by_row(cls, customer: IntArray, at: IntArray, amounts: FloatArray | None, exact: Exact) -> Occasions:
        """Take every row as an occasion; of equal instants the smallest amount comes first."""
        if amounts is None:
            order = np.lexsort((at, customer))
            return cls(customer[order], at[order], at[order], None, None, np.zeros(len(at), bool))
        order = np.lexsort((amounts, at, customer))
        whole, rest = exact.split(amounts[order])
        return cls(customer[order], at[order], at[order], whole, rest, amounts[order] < 0)

    def histories(self, exact: Exact, *, gaps: bool) -> Histories:
        """Reduce to one row a customer, with gaps on request; customers without a purchase are left out."""
        kept = ~self.refunded
        # Most logs hold no refunds: then everything is kept as it is.
        bought = slice(None) if kept.all() else kept
        customer, period, at = self.customer[bought], self.period[bought], self.at[bought]
        starts = run_starts(customer)
        ends = np.append(starts, len(customer))[1:] - 1
        values: tuple[FloatArray | None, FloatArray | None, FloatArray | None] = (None, None, None)
        if self.whole is not None and self.rest is not None:
            whole, rest = self.whole[bought], self.rest[bought]
            first = whole[starts], rest[starts]
            sums = _added(whole, starts), _added(rest, starts)
            totals = sums
            if self.refunded.any():
                every = run_starts(self.customer)
                row = np.searchsorted(self.customer[every], customer[starts])
                totals = _added(self.whole, every)[row], _added(self.rest, every)[row]
            values = exact.join(*first), exact.join(sums[0] - first[0], sums[1] - first[1]), exact.join(*totals)
        occasions = ends - starts + 1
        between = _gaps(period, starts) if gaps else (None, None)
        return Histories(customer[starts], occasions, period[starts], period[ends], at[starts], *values, *between)


def _gaps(period: IntArray, starts: IntArray) -> tuple[IntArray, IntArray]:
    between = np.diff(period, prepend=0)
    between[starts] = 1  # a first occasion has none before it, and the logarithm of 1 is 0
    none = between == 0
    # Periods are distinct, instants of orders need not be.
    tied = _added(none.astype(np.int64), starts) if none.any() else np.zeros(len(starts), np.int64)
    return _added(log_units(between), starts), tied


def sort_rows(customer: IntArray, period: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return the order by customer and period, and both in that order."""
    lowest, highest = (int(period.min()), int(period.max())) if len(period) else (0, 0)
    bits_period = (highest - lowest).bit_length()
    bits_row = len(customer).bit_length()
    if int(customer.max(initial=0)).bit_length() + bits_period + bits_row <= 63:
        # Customer, period and row number in one integer: a plain sort is several times faster than sorting rows.
        packed = (((customer << bits_period) | (period - lowest)) << bits_row) | np.arange(len(customer))
        packed.sort()
        both = packed >> bits_row
        return (
            packed & ((1 << bits_row) - 1),
            both >> bits_period,
            (both & ((1 << bits_period) - 1)) + lowest,
        )
    order = np.lexsort((period, customer))
    return order, customer[order], period[order]


def run_starts(*keys: IntArray) -> IntArray:
    """Return where a run of equal keys starts."""
    new = np.ones(len(keys[0]), bool)
    new[1:] = keys[0][1:] != keys[0][:-1]
    for key in keys[1:]:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def run_ends(starts: IntArray, size: int) -> IntArray:
    """Return where runs end, from where they start."""
    return np.append(starts[1:], size)[: len(starts)] - 1


def _added(values: Array, starts: IntArray) -> Array:
    return np.add.reduceat(values, starts) if len(starts) else values[:0]
