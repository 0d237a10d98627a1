"""In how many periods of a window customers were active."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.data import dropped_field
from clm.stats import Estimate, StudentT, array_field, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.typing import Array, IntArray


@final
@frozen(kw_only=True, repr=False)
class Stickiness:
    """Customers by the number of periods in which they were active. Made by `stickiness`.

    Attributes
    ----------
    customers_by_periods : (p,) ndarray of int64
        Customers active in exactly 1, 2, ... p periods of the window.
    active : (p,) ndarray of int64
        Customers active in each period of the window.
    periods : (p,) ndarray of datetime64
        Local date on which each period starts; the local hour for hourly periods.
    period : str
        The grain.
    definition : str
        What was counted, in one sentence.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    """

    customers_by_periods: IntArray = array_field()
    active: IntArray = array_field()
    periods: Array = array_field()
    period: str
    definition: str
    dropped: Mapping[str, int] = dropped_field()

    __setstate__ = seal

    @property
    def counts(self) -> Mapping[int, int]:
        """Customers active in exactly d periods, for every d that occurs."""
        return MappingProxyType({d: n for d, n in enumerate(self.customers_by_periods.tolist(), 1) if n})

    @property
    def at_least(self) -> Mapping[int, int]:
        """Customers active in d periods or more, from d = 1 up to the largest that occurs."""
        more = np.cumsum(self.customers_by_periods[::-1])[::-1].tolist()
        return MappingProxyType({d: n for d, n in enumerate(more, 1) if n})

    @property
    def customers(self) -> int:
        """Customers active in the window at all."""
        return int(self.customers_by_periods.sum())

    def ratio(self) -> Estimate[float]:
        """Return active customers of a mean period as a share of those active in the window at all.

        Known as DAU/MAU where periods are days and the window is a month; here the window is the one that was counted,
        and the definition names it.

        Returns
        -------
        Estimate
            Student's interval over customers, each of whom was active in a share of the periods.

        Examples
        --------
        >>> log = {"customer_id": [1, 1, 2], "at": ["2025-01-01", "2025-01-02", "2025-01-02"]}
        >>> clm.stickiness(log, period="day", through="2025-01-02").ratio().value
        0.75
        """
        days, n = np.arange(1, len(self.periods) + 1), self.customers
        weights = self.customers_by_periods
        shares = days / max(len(self.periods), 1)
        mean = float(weights @ shares) / n
        variance = float(weights @ (shares - mean) ** 2) / (n - 1) if n > 1 else np.nan
        return Estimate(
            value=mean,
            standard_error=float(np.sqrt(variance / n)),
            n=n,
            name="stickiness",
            unit="fraction",
            definition=(
                f"Customers active in a mean {self.period}, as a share of those active in the window. {self.definition}"
            ),
            band=StudentT(np.array(n - 1.0), 0.0, 1.0),
        )

    def to_columns(self) -> dict[str, Array]:
        """Return one row a number of periods."""
        return {
            "periods": np.arange(1, len(self.periods) + 1),
            "exactly": self.customers_by_periods,
            "at_least": np.cumsum(self.customers_by_periods[::-1])[::-1],
        }

    def __repr__(self) -> str:
        return f"<Stickiness: {self.customers:,} customers, {len(self.periods):,} periods by {self.period}>"
