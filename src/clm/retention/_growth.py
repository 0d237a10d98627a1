"""Growth accounting: who is new, stayed, came back or fell silent from one period to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.data import dropped_field
from clm.errors import InvalidDataError
from clm.retention._shares import shares
from clm.stats import Estimate, array_field, seal, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.typing import Array, FloatArray, IntArray


@final
@frozen
class CountRatio:
    """Limits of the ratio of two Poisson counts, from Clopper and Pearson's limits of the share of the first [1]_.

    References
    ----------
    .. [1] Clopper and Pearson (1934), Biometrika 26, 404-413.
    """

    above: FloatArray = array_field()
    below: FloatArray = array_field()

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "exact, given both counts together"

    @property
    def lowest(self) -> float:
        """The lower end of the range."""
        return 0.0

    @property
    def highest(self) -> float:
        """The upper end of the range."""
        return np.inf

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return both ends."""
        tail = (1 - level) / 2
        known = ~np.isnan(value)
        above, below = np.where(known, self.above, 1.0), np.where(known, self.below, 1.0)
        low = np.where(above > 0, special.betaincinv(np.maximum(above, 0.5), below + 1, tail), 0.0)
        high = special.betaincinv(above + 1, below, 1 - tail)
        low, high = low / (1 - low), high / (1 - high)
        return np.where(known, low, np.nan), np.where(known, high, np.nan)


@final
@frozen(kw_only=True, repr=False)
class GrowthAccounting:
    """Customers by what they did in a period and in the one before. Made by `growth_accounting`.

    Two identities hold in every period: active = new + retained + resurrected, and active = active before - dormant +
    new + resurrected.

    Attributes
    ----------
    periods : (p,) ndarray of datetime64
        Local date on which each period starts; the local hour for hourly periods.
    new : (p,) ndarray of int64
        Active for the first time; where a birth date is given, born in the period.
    retained : (p,) ndarray of int64
        Active now and in the period before.
    resurrected : (p,) ndarray of int64
        Active now, not in the period before, but known from earlier.
    dormant : (p,) ndarray of int64
        Active in the period before, not now; counted once, in the first period of silence.
    status : (p,) ndarray of str
        ``"complete"``, or ``"in_progress"`` for the period that holds `through`: its dormant ones may still come.
    period : str
        The grain.
    through : datetime64[us]
        Last instant observed, UTC.
    definition : str
        What was counted, in one sentence.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    """

    periods: Array = array_field()
    new: IntArray = array_field()
    retained: IntArray = array_field()
    resurrected: IntArray = array_field()
    dormant: IntArray = array_field()
    status: Array = array_field()
    period: str
    through: np.datetime64
    definition: str
    dropped: Mapping[str, int] = dropped_field()

    __setstate__ = seal

    @property
    def active(self) -> IntArray:
        """Customers with an event in each period."""
        return np.asarray(self.new + self.retained + self.resurrected)

    def quick_ratio(self) -> Estimate[FloatArray]:
        """Return customers won, new or resurrected, for each one lost.

        Returns
        -------
        Estimate
            One cell a period; undefined while it is running, and where nobody was lost. The interval takes both counts
            as Poisson.

        Examples
        --------
        >>> log = {
        ...     "customer_id": [1, 2, 1, 3, 4],
        ...     "at": ["2025-01-06", "2025-01-07", "2025-01-14", "2025-01-15", "2025-01-16"],
        ... }
        >>> clm.growth_accounting(log, through="2025-01-19").quick_ratio().value
        array([nan,  2.])
        """
        won, lost = self.new + self.resurrected, self.dormant
        known = (self.status == "complete") & (lost > 0)
        reasons = np.where(self.status == "complete", "nobody was lost", "the period is still running").astype(object)
        reasons[known] = None
        ratio = np.where(known, won / np.maximum(lost, 1), np.nan)
        error = np.where(known, np.sqrt(won / np.maximum(lost, 1) ** 2 + won**2 / np.maximum(lost, 1) ** 3), np.nan)
        return Estimate(
            value=ratio,
            standard_error=error,
            n=np.where(known, won + lost, 0),
            index=self.periods,
            name="quick ratio",
            unit="ratio",
            definition=f"Customers new or resurrected for each one gone dormant. {self.definition}",
            undefined=reasons,
            band=CountRatio(won.astype(np.float64), lost.astype(np.float64)),
        )

    def retention(self) -> Estimate[FloatArray]:
        """Return the share of each period's active customers who are active in the next one, under the next one.

        Returns
        -------
        Estimate
            One cell a period with Wilson's interval; undefined while it is running, and after a period without
            customers.
        """
        before = self.retained + self.dormant
        known = (self.status == "complete") & (before > 0)
        reasons = np.where(before > 0, "the period is still running", "nobody was active before").astype(object)
        reasons[known] = None
        return shares(
            self.retained,
            before,
            known=known,
            certain=np.zeros(len(before), bool),
            index=self.periods,
            name="retention",
            definition=f"Share of the customers active in a period who are active in the next. {self.definition}",
            undefined=reasons,
        )

    def to_columns(self) -> dict[str, Array]:
        """Return one row a period."""
        return {
            "period": self.periods.astype("M8[us]") if self.period == "hour" else self.periods,
            "active": self.active,
            "new": self.new,
            "retained": self.retained,
            "resurrected": self.resurrected,
            "dormant": self.dormant,
            "status": self.status,
        }

    def __repr__(self) -> str:
        return (
            f"<GrowthAccounting: {len(self.periods):,} periods by {self.period}, {int(self.new.sum()):,} new customers>"
        )


def flows_of(
    customer: IntArray, period: IntArray, born: IntArray | None, first: int, last: int
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return who is new, retained, resurrected and dormant in each period from `first` to `last`.

    Parameters
    ----------
    customer, period : (m,) ndarray of int64
        Distinct pairs, by customer and period, from the beginning of the log.
    born : (n,) ndarray of int64, or None
        Number of the period in which each customer was born; None for that of his first pair.
    first, last
        Numbers of periods.

    Returns
    -------
    new, retained, resurrected, dormant : (last - first + 1,) ndarray of int64
        Both identities hold by construction: active ones who are neither new nor retained were known and silent, and
        those active before who are not retained went dormant.
    """
    changes = customer[1:] != customer[:-1]
    begins = np.append([True], changes) if len(customer) else np.empty(0, bool)
    stayed = np.zeros(len(customer), bool)
    stayed[1:] = ~changes & (period[1:] == period[:-1] + 1)
    firsts = np.flatnonzero(begins)
    if born is not None:
        firsts = firsts[born[customer[firsts]] == period[firsts]]
    lowest = min(first - 1, int(period.min()))
    width = last - lowest + 1

    def by_period(numbers: IntArray) -> IntArray:
        return np.bincount(numbers - lowest, minlength=width)[first - 1 - lowest : width]

    active, new, retained = by_period(period), by_period(period[firsts]), by_period(period[stayed])
    return new[1:], retained[1:], (active - new - retained)[1:], active[:-1] - retained[1:]


@final
@frozen(kw_only=True, repr=False)
class RecencyBands:
    """How many customers were last active how many periods ago, period by period. Made by `recency_bands`.

    Attributes
    ----------
    periods : (p,) ndarray of datetime64
        Local date on which each period starts; the local hour for hourly periods.
    bands : tuple of (int, int or None)
        First and last number of periods since the last active one, both included; None without end.
    counts : (p, b) ndarray of int64
        Customers known by the end of each period, by band; each row sums to all of them.
    period : str
        The grain.
    definition : str
        What was counted, in one sentence.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    """

    periods: Array = array_field()
    bands: tuple[tuple[int, int | None], ...]
    counts: IntArray = array_field()
    period: str
    definition: str
    dropped: Mapping[str, int] = dropped_field()

    __setstate__ = seal

    def shares(self) -> Estimate[FloatArray]:
        """Return each band's share of the customers known by then, (p, b), with Wilson's interval."""
        known = np.broadcast_to(self.counts.sum(axis=1)[:, None], self.counts.shape)
        return shares(
            self.counts,
            known,
            known=known > 0,
            certain=np.zeros(known.shape, bool),
            index=self.periods,
            name="share by recency",
            definition=self.definition,
            undefined="nobody was known by then",
        )

    def to_columns(self) -> dict[str, Array]:
        """Return one row a period and band."""
        labels = np.array([f"{low}-{high}" if high is not None else f"{low}+" for low, high in self.bands])
        periods = self.periods.astype("M8[us]") if self.period == "hour" else self.periods
        return {
            "period": np.repeat(periods, len(labels)),
            "periods_since": np.tile(labels, len(periods)),
            "customers": self.counts.ravel(),
        }

    def __repr__(self) -> str:
        return f"<RecencyBands: {len(self.periods):,} periods by {self.period}, {len(self.bands)} bands>"


def check_edges(edges: Any) -> tuple[tuple[int, int | None], ...]:
    """Return bands from where they end.

    Raises
    ------
    InvalidDataError
        If the edges are no ascending whole numbers from 0 on.
    """
    given: Sequence[Any] = list(edges) if np.iterable(edges) and not isinstance(edges, str) else []
    ends = [whole_number(edge, "edges") for edge in given]
    if not ends or ends != sorted(set(ends)):
        raise InvalidDataError(
            f"edges={edges!r} must list the last number of periods of each band but the last, ascending, as [0, 3, 12]."
        )
    lows = [0, *(end + 1 for end in ends)]
    return tuple(zip(lows, [*ends, None], strict=True))


def stocks_of(
    customer: IntArray, period: IntArray, bands: tuple[tuple[int, int | None], ...], first: int, last: int
) -> IntArray:
    """Return customers by period and band of periods since they were last active; pairs as in `flows_of`."""
    width = last - first + 1
    until = np.full(len(customer), last)
    if len(customer):
        same = customer[1:] == customer[:-1]
        until[:-1][same] = period[1:][same] - 1
    counts = np.zeros((width, len(bands)), np.int64)
    for column, (low, high) in enumerate(bands):
        begin = np.maximum(period + low, first)
        end = until if high is None else np.minimum(until, period + high)
        real = begin <= end
        change = np.bincount(begin[real] - first, minlength=width + 1)
        change = change - np.bincount(end[real] + 1 - first, minlength=width + 1)
        counts[:, column] = np.cumsum(change)[:width]
    return counts
