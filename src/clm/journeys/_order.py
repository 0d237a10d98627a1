"""Put a log in the order in which the machine reads it: by customer, then by time, then by what breaks ties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clm.typing import Array, BoolArray, IntArray

_PIECE: Final = 1 << 16
_SMALL: Final = 1 << 15
_BITS: Final = 63


@final
@frozen(eq=False)
class Ordered:
    """The rows of a log in order.

    Attributes
    ----------
    rows : (m,) ndarray of int
        Which row comes at each place.
    at : (m,) ndarray of int64
        Their instants.
    counts : (k,) ndarray of int64
        Rows of each customer.
    ties : int
        Rows whose place nothing but their row decided: same customer, instant and `order` as the row before.
    tied, run : (t,) ndarray of int
        Places of the rows that share customer and instant with others, and the number of those they share them with.
    """

    rows: Array
    at: IntArray
    counts: IntArray
    ties: int
    tied: IntArray
    run: IntArray

    def repeats(self, kind: Array, ref: Array | None) -> int:
        """Count the rows that repeat customer, instant, kind and, where there is one, `ref` of another row.

        Parameters
        ----------
        kind, ref
            Columns of the log.
        """
        if not len(self.tied):
            return 0
        rows = self.rows[self.tied]
        codes = kind[rows].astype(np.int64)
        key = self.run * (int(codes.max()) + 1) + codes
        if ref is None:
            key.sort()
            return int(np.count_nonzero(key[1:] == key[:-1]))
        _, place, often = np.unique(key, return_inverse=True, return_counts=True)
        # Few rows are left by now: what they are called may be of any type.
        several = np.flatnonzero(often[place] > 1)
        named = set(zip(place[several].tolist(), as_texts(ref[rows[several]]), strict=True))
        return len(several) - len(named)


def put_in_order(
    customer: IntArray,
    at: IntArray,
    kept: BoolArray | None,
    customers: int,
    *,
    tie_breakers: Callable[[IntArray], Sequence[Array]] | None = None,
    decided: bool = False,
) -> Ordered:
    """Sort rows by customer, time and tie breakers; what is equal in all of them stays in row order.

    Parameters
    ----------
    customer, at
        Columns of the log, shape (n,).
    kept
        Which rows count; None for all.
    customers
        How many customers there are.
    tie_breakers
        Returns for rows that share customer and instant with others what orders them, foremost first.
    decided
        Whether the first of the tie breakers was asked for: rows that differ in it are no ties.

    Returns
    -------
    Ordered
    """
    small = _type_of_places(len(at))
    rows: Array | None = None if kept is None else np.flatnonzero(kept).astype(small, copy=False)
    whose, when = (customer, at) if rows is None else (customer[rows], at[rows])
    if _is_sorted(whose, when):
        rows = np.arange(len(at), dtype=small) if rows is None else rows
        return _broken(rows, when, np.bincount(whose, minlength=customers), tie_breakers, decided=decided)
    if not _ascends(when):
        by_time = _by_time(when)
        rows = by_time.astype(small) if rows is None else rows[by_time]
        whose, when = whose[by_time], when[by_time]
        del by_time
    # Most logs are written as time goes by: then only customers have to be gathered.
    order, when, counts = _gathered(whose, when, customers)
    return _broken(order if rows is None else rows[order], when, counts, tie_breakers, decided=decided)


def _is_sorted(whose: IntArray, when: IntArray) -> bool:
    for begin in range(0, len(when), _PIECE):
        piece = slice(begin, begin + _PIECE + 1)
        customer, at = whose[piece], when[piece]
        later = (customer[1:] > customer[:-1]) | ((customer[1:] == customer[:-1]) & (at[1:] >= at[:-1]))
        if not later.all():
            return False
    return True


def _ascends(when: IntArray) -> bool:
    pieces = (when[begin : begin + _PIECE + 1] for begin in range(0, len(when), _PIECE))
    return all(bool((piece[1:] >= piece[:-1]).all()) for piece in pieces)


def _by_time(when: IntArray) -> IntArray:
    """Return the order by time, equal instants as they come."""
    bits = len(when).bit_length()
    low, high = int(when.min()), int(when.max())
    # Instant and place in one number: plain numbers are sorted several times as fast as places by their instant.
    coarse = max(0, (high - low).bit_length() + bits - _BITS)
    packed = (when - low) >> coarse
    packed <<= bits
    packed |= np.arange(len(when))
    packed.sort()
    packed &= (1 << bits) - 1
    if coarse:
        at = when[packed]
        if not _ascends(at):
            # Nearly in order by now, which a stable sort makes use of.
            packed = packed[np.argsort(at, kind="stable")]
    return packed


def _gathered(whose: IntArray, when: IntArray, customers: int) -> tuple[Array, IntArray, IntArray]:
    """Return the order by customer, instants in that order, and the rows of each customer."""
    if len(when) < _SMALL:
        order = np.argsort(whose, kind="stable").astype(_type_of_places(len(when)))
        return order, when[order], np.bincount(whose, minlength=customers)
    from scipy.sparse import coo_array

    # A sparse matrix is sorted by counting, and its columns stay in order within each row.
    places: Array = np.arange(len(when), dtype=_type_of_places(len(when)))
    by_row = coo_array((when, (whose, places)), shape=(customers, len(when)))
    by_row.has_canonical_format = True
    by_customer = by_row.tocsr()
    return by_customer.indices, by_customer.data, np.diff(by_customer.indptr).astype(np.int64)


def _type_of_places(size: int) -> np.dtype[Any]:
    return np.dtype(np.int32 if size <= np.iinfo(np.int32).max else np.int64)


def _broken(
    rows: Array,
    when: IntArray,
    counts: IntArray,
    tie_breakers: Callable[[IntArray], Sequence[Array]] | None,
    *,
    decided: bool,
) -> Ordered:
    """Order rows of one customer and instant by what breaks their tie."""
    same = np.zeros(len(when) + 1, bool)
    np.equal(when[1:], when[:-1], out=same[1:-1])
    same[np.cumsum(counts) - counts] = False
    ties = int(np.count_nonzero(same))
    places = np.flatnonzero(same[:-1] | same[1:]) if ties else np.empty(0, np.int64)
    run = np.cumsum(~same[places])
    if tie_breakers is not None and ties:
        keys = tie_breakers(rows[places])
        order = np.lexsort([*reversed(keys), run])
        rows[places] = rows[places][order]
        if decided:
            first = keys[0][order]
            ties = int(np.count_nonzero((run[1:] == run[:-1]) & (first[1:] == first[:-1])))
    return Ordered(rows, when, counts, ties, places, run)


def ranks(column: Array, name: str) -> IntArray:
    """Return the place of each value among the distinct ones, so that columns of any type can be sorted by.

    Raises
    ------
    InvalidDataError
        If the values cannot be put in order.
    """
    values = column
    if column.dtype == object:
        kinds = {type(value) for value in column.tolist()}
        if all(issubclass(kind, str) for kind in kinds):
            values = column.astype(str)
    try:
        found = np.unique(values, return_inverse=True)[1]
    except (TypeError, ValueError) as error:
        raise InvalidDataError(
            f"{name} holds values that cannot be put in order: {error}. Give numbers, times or text, all of one type."
        ) from error
    return found.reshape(-1).astype(np.int64, copy=False)


def as_texts(column: Array) -> list[str]:
    """Return any values as text, so that they can be told apart and sorted."""
    return [str(value) for value in column.tolist()]
