"""Purchase histories reduced to what purchase models need: frequency, recency and age."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.data._cells import added, distinct
from clm.data._dropped import dropped_field
from clm.data._time import days_in
from clm.errors import InvalidDataError
from clm.stats import array_field, floats, frozen_array, refuse, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.typing import Array, FloatArray, IntArray


def _optional_floats(values: Any) -> FloatArray | None:
    return None if values is None else frozen_array(values, float)


@final
@frozen(kw_only=True, repr=False, slots=False)
class RFM:
    """One row a customer: how often he bought again, when last, and for how long he has been known.

    Build it with ``clm.rfm(orders, ...)`` or `RFM.from_arrays`.

    Attributes
    ----------
    frequency : (n,) ndarray of float64
        Repeat purchase occasions: all occasions but the first.
    recency : (n,) ndarray of float64
        Age at the last occasion, in `unit`; 0 without a repeat.
    T : (n,) ndarray of float64
        Age at the end of observation, in `unit`.
    monetary : (n,) ndarray of float64, or None
        Mean amount of the repeat occasions; NaN where frequency is 0. None where no amounts were given.
    weights : (n,) ndarray of float64, or None
        How many customers a row stands for; None for one each.
    customer : (n,) ndarray, or None
        Ids.
    first : (n,) ndarray of datetime64[us], or None
        Instant of the first occasion, UTC.
    value_first, value_total : (n,) ndarray of float64, or None
        Amount of the first occasion, and of everything, refunds included.
    sum_log_gaps : (n,) ndarray of float64, or None
        Sum of the natural logarithms of the times between consecutive occasions, in `unit`; 0 without a repeat, -inf
        where two occasions fall on one instant. Of a row that stands for several customers it is their mean. What
        `clm.BGCNBD` reads regularity from; None where it is not known.
    unit : {"hour", "day", "week", "month", "year"}
        Unit of recency and T.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    definition : str
        How the rows were computed.
    """

    frequency: FloatArray = array_field()
    recency: FloatArray = array_field()
    T: FloatArray = array_field()
    monetary: FloatArray | None = array_field(default=None)
    weights: FloatArray | None = array_field(default=None)
    customer: Array | None = array_field(default=None)
    first: Array | None = array_field(default=None)
    value_first: FloatArray | None = array_field(default=None)
    value_total: FloatArray | None = array_field(default=None)
    sum_log_gaps: FloatArray | None = array_field(default=None)
    unit: str = "week"
    dropped: Mapping[str, int] = dropped_field()
    definition: str = "Purchase histories as given."

    __setstate__ = seal

    @classmethod
    def from_arrays(
        cls,
        frequency: Any,
        recency: Any,
        T: Any,  # noqa: N803  # the field writes it so
        monetary: Any = None,
        *,
        weights: Any = None,
        customer: Any = None,
        sum_log_gaps: Any = None,
        unit: str = "week",
    ) -> RFM:
        """Build from arrays that are reduced already.

        Parameters
        ----------
        frequency, recency, T, monetary
            See the attributes of `RFM`; equally long.
        weights
            Customers a row stands for, positive.
        customer
            Ids, distinct.
        sum_log_gaps
            Sum of the natural logarithms of the times between consecutive purchases, in `unit`; only `clm.BGCNBD` and
            `clm.MBGCNBD` need it.
        unit
            Unit of recency and T.

        Returns
        -------
        RFM

        Raises
        ------
        InvalidDataError
            If lengths differ, a number is missing, negative or out of order (``0 <= recency <= T``, recency 0 exactly
            where frequency is 0), a frequency is not whole, a monetary value of a repeat buyer is missing or negative,
            or a sum of logarithms is above that of equal gaps.

        Examples
        --------
        >>> rfm = clm.RFM.from_arrays([2, 0], [30.43, 0], [38.86, 38.86], unit="week")
        >>> rfm.n
        2
        """
        columns = {"frequency": frequency, "recency": recency, "T": T}
        optional = {"monetary": monetary, "weights": weights, "sum_log_gaps": sum_log_gaps}
        columns |= {name: values for name, values in optional.items() if values is not None}
        arrays = {name: floats(values, name) for name, values in columns.items()}
        ids = None if customer is None else frozen_array(customer)
        lengths = {name: len(values) for name, values in arrays.items()} | (
            {} if ids is None else {"customer": len(ids)}
        )
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
            raise InvalidDataError(f"columns differ in length: {listed}. Give one entry a customer in each.")
        days_in(unit)
        rfm = cls(
            frequency=arrays["frequency"],
            recency=arrays["recency"],
            T=arrays["T"],
            monetary=arrays.get("monetary"),
            weights=arrays.get("weights"),
            customer=ids,
            sum_log_gaps=arrays.get("sum_log_gaps"),
            unit=unit,
        )
        rfm.validate()
        return rfm

    def validate(self) -> None:
        """Refuse rows that no purchase history can have.

        Raises
        ------
        InvalidDataError
            See `from_arrays`.
        """
        x, recency, age = self.frequency, self.recency, self.T
        for name, values in (("frequency", x), ("recency", recency), ("T", age)):
            refuse(
                ~np.isfinite(values), f"{name} is missing or infinite", "Leave those customers out or mend the numbers."
            )
        refuse((x < 0) | (x != np.floor(x)), "frequency is not a whole number from 0 on", "It counts repeat purchases.")
        refuse(recency < 0, "recency is negative", "It is the age at the last purchase, counted from the first.")
        refuse(
            recency > age,
            "recency is above T",
            "Both count from the first purchase; recency is not the time since the last.",
        )
        refuse(
            (x == 0) & (recency > 0),
            "recency is above 0 without a repeat purchase",
            "Frequency excludes the first purchase.",
        )
        refuse(
            (x > 0) & (recency == 0),
            "recency is 0 although there are repeat purchases",
            "Merge purchases of one instant.",
        )
        if self.weights is not None:
            refuse(
                ~(np.isfinite(self.weights) & (self.weights > 0)), "weights is not positive", "Leave those rows out."
            )
        if self.monetary is not None:
            repeat = x > 0
            refuse(
                repeat & ~np.isfinite(self.monetary),
                "monetary is missing for a repeat buyer",
                "Give his mean repeat amount.",
            )
            refuse(
                repeat & (self.monetary < 0), "monetary is negative", "Net refunds first, or leave those customers out."
            )
        if self.sum_log_gaps is not None:
            _check_gaps(x, recency, self.sum_log_gaps)
        if self.customer is not None and len(np.unique(self.customer)) < len(self.customer):
            raise InvalidDataError(
                "customer ids repeat. Give one row a customer; clm.rfm(orders) builds it from an order log."
            )

    def __len__(self) -> int:
        return len(self.frequency)

    @property
    def n(self) -> int:
        """Customers, weights counted."""
        return len(self.frequency) if self.weights is None else round(float(self.weights.sum()))

    @property
    def cells(self) -> RFM:
        """Distinct (frequency, recency, T), weighted by customers: what purchase models are fitted on."""
        return self._collapsed[0]

    @property
    def cell_of(self) -> IntArray:
        """Row of `cells` that each customer falls in, shape (n,)."""
        return self._collapsed[1]

    @cached_property
    def _collapsed(self) -> tuple[RFM, IntArray]:
        rows, cell_of = distinct(self.frequency, self.recency, self.T, self.unit)
        weights = np.bincount(cell_of, self.weights, minlength=rows.size).astype(float)
        frequency, recency, age = (frozen_array(column[rows]) for column in (self.frequency, self.recency, self.T))
        gaps = self.sum_log_gaps
        if gaps is not None:
            gaps = frozen_array(added(gaps, self.weights, cell_of) / weights)
        cells = RFM(
            frequency=frequency,
            recency=recency,
            T=age,
            weights=frozen_array(weights),
            sum_log_gaps=gaps,
            unit=self.unit,
            definition=f"Distinct (frequency, recency, T) with weights, of: {self.definition}",
        )
        return cells, frozen_array(cell_of)

    def to_columns(self) -> dict[str, Array]:
        """Return the rows as columns, for ``clm.to_frame``; columns that were not given are left out."""
        names = (
            "customer", "frequency", "recency", "T", "monetary", "first", "value_first", "value_total", "sum_log_gaps",
            "weights",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def __repr__(self) -> str:
        repeaters = self.frequency > 0
        count = float(repeaters.sum() if self.weights is None else self.weights[repeaters].sum())
        return f"<RFM: {self.n:,} customers, {count:,.0f} repeat buyers, unit {self.unit}>"


def _check_gaps(x: FloatArray, recency: FloatArray, gaps: FloatArray) -> None:
    """Refuse sums of logarithms that no gaps have: equal gaps have the greatest."""
    refuse(np.isnan(gaps) | (gaps == np.inf), "sum_log_gaps is missing or infinite", "Leave those customers out.")
    refuse((x == 0) & (gaps != 0), "sum_log_gaps is not 0 without a repeat purchase", "There is no gap to count.")
    count = np.maximum(x, 1)
    most = x * np.log(np.where(x > 0, recency, 1.0) / count)
    refuse(
        gaps > most + 1e-6 * (count + np.abs(most)),
        "sum_log_gaps is above that of equal gaps",
        "Add up natural logarithms of the times between purchases, in the unit of recency.",
    )


@final
@frozen(kw_only=True, repr=False)
class Holdout:
    """What the customers of a calibration did afterwards, in the calibration's row order.

    Attributes
    ----------
    frequency : (n,) ndarray of float64
        Purchase occasions after the calibration ended.
    monetary : (n,) ndarray of float64, or None
        Mean amount of those occasions; NaN without any.
    duration : float
        Length of the holdout, in `unit`.
    unit : str
        Unit of the duration.
    """

    frequency: FloatArray = array_field(converter=lambda values: frozen_array(values, float))
    monetary: FloatArray | None = array_field(default=None, converter=_optional_floats)
    duration: float
    unit: str
    dropped: Mapping[str, int] = dropped_field()
    definition: str = "Purchases after the calibration."

    __setstate__ = seal

    def to_columns(self) -> dict[str, Array]:
        """Return the rows as columns, for ``clm.to_frame``."""
        return {"frequency": self.frequency} | ({} if self.monetary is None else {"monetary": self.monetary})

    def __repr__(self) -> str:
        bought, span = self.frequency.sum(), f"{self.duration:g} {self.unit}s"
        return f"<Holdout: {len(self.frequency):,} customers, {bought:,.0f} purchases in {span}>"
