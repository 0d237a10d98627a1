"""Times to an end that may not have come yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import field, frozen

from clm.data._dropped import dropped_field
from clm.data._risk_table import Rows, count_risk
from clm.data._time import days_in
from clm.errors import InvalidDataError
from clm.stats import array_field, floats, frozen_array, refuse, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.typing import Array, BoolArray, FloatArray


def _flags(observed: Any) -> BoolArray:
    flags = np.asarray(observed)
    if flags.dtype != np.bool_:
        if flags.dtype.kind not in "iuf" or not np.isin(flags, (0, 1)).all():
            raise InvalidDataError("observed must hold True where the end was seen and False where it was not.")
        flags = flags.astype(np.bool_)
    return frozen_array(flags)


@final
@frozen(repr=False)
class Durations:
    """Ages at loss, or at the end of observation for customers who may still be there.

    Parameters
    ----------
    durations : array_like
        Age at the end, or at the end of observation; shape (n,), in `unit`, not negative.
    observed : array_like of bool
        True where the end was seen.
    entry : array_like, optional
        Age at which each customer came under observation (delayed entry); at risk for ``entry < age <= duration``.
    weights : array_like, optional
        Customers a row stands for.
    unit : {"hour", "day", "week", "month", "year"}
        Unit of the ages.
    customer : array_like, optional
        Ids.
    dropped : mapping of str to int, optional
        Rows that were left out, by reason.
    definition : str, optional
        How the rows were computed.

    Raises
    ------
    InvalidDataError
        If lengths differ, a number is missing, infinite or negative, a duration is before its entry, or a weight is
        not positive.

    Examples
    --------
    >>> clm.Durations([3, 5, 5, 8], [True, True, False, True], unit="week")
    <Durations: 4 customers, 3 ends seen, unit week>
    """

    durations: FloatArray = array_field(converter=lambda values: floats(values, "durations"))
    observed: BoolArray = array_field(converter=_flags)
    entry: FloatArray | None = array_field(
        default=None, kw_only=True, converter=lambda values: None if values is None else floats(values, "entry")
    )
    weights: FloatArray | None = array_field(
        default=None, kw_only=True, converter=lambda values: None if values is None else floats(values, "weights")
    )
    unit: str = field(default="day", kw_only=True, validator=lambda _, __, unit: days_in(unit) and None)
    customer: Array | None = array_field(
        default=None, kw_only=True, converter=lambda ids: None if ids is None else frozen_array(ids)
    )
    dropped: Mapping[str, int] = dropped_field()
    definition: str = field(default="Durations as given.", kw_only=True)

    __setstate__ = seal

    def __attrs_post_init__(self) -> None:
        n = len(self.durations)
        for name in ("observed", "entry", "weights", "customer"):
            other = getattr(self, name)
            if other is not None and other.shape != (n,):
                raise InvalidDataError(
                    f"{name} has shape {other.shape}, durations ({n:,},). Give one entry a customer in each."
                )
        refuse(
            ~np.isfinite(self.durations),
            "duration is missing or infinite",
            "Give the age at the end of observation instead.",
        )
        refuse(self.durations < 0, "duration is negative", "Check which date is the start and which the end.")
        if self.entry is not None:
            refuse(
                ~np.isfinite(self.entry), "entry is missing or infinite", "Give 0 for customers seen from the start."
            )
            refuse(
                self.durations < self.entry,
                "duration is before entry",
                "Leave out customers lost before they were seen.",
            )
        if self.weights is not None:
            refuse(~(np.isfinite(self.weights) & (self.weights > 0)), "weight is not positive", "Leave those rows out.")

    def __len__(self) -> int:
        return len(self.durations)

    @property
    def n(self) -> int:
        """Customers, weights counted."""
        return len(self.durations) if self.weights is None else round(float(self.weights.sum()))

    def risk_table(self) -> tuple[FloatArray, Array, Array]:
        """Count who was lost and who was at risk, at every age at which anything changed.

        Returns
        -------
        ages : (k,) ndarray of float64
            Distinct ages at which somebody was lost, was last seen, or came under observation, rising.
        lost : (k,) ndarray
            Customers lost at each age; 0 where somebody was only last seen, or entered. Whole numbers, unless weights
            are not.
        at_risk : (k,) ndarray
            Customers at risk at each age, those lost and those last seen at it among them: ``entry < age <=
            duration``. Customers who enter at 0 or before are at risk from age 0 on; those who end at the very age
            at which they enter never are.

        Examples
        --------
        >>> clm.Durations([3, 5, 5, 8], [True, True, False, True]).risk_table()
        (array([3., 5., 8.]), array([1, 1, 1]), array([4, 3, 1]))
        """
        return count_risk(Rows(self.durations, self.observed, self.entry, self.weights), self.unit)

    def to_columns(self) -> dict[str, Array]:
        """Return the rows as columns, for ``clm.to_frame``; columns that were not given are left out."""
        names = ("customer", "durations", "observed", "entry", "weights")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def __repr__(self) -> str:
        return f"<Durations: {self.n:,} customers, {int(self.observed.sum()):,} ends seen, unit {self.unit}>"
