"""Gaps between what customers do again and again, each customer counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import frozen

from clm.data import Durations
from clm.stats import array_field, frozen_array, seal, z_score
from clm.survival._kaplan_meier import kaplan_meier

if TYPE_CHECKING:
    from clm.survival._curve import SurvivalCurve
    from clm.typing import BoolArray, FloatArray, IntArray

_GRID: Final = 65
_REACH: Final = 5.5  # standard errors on either side: covers every level that anybody states
_ROUNDING: Final = 1e-12


@final
@frozen
class CrossingBand:
    """Lengths at which the share of ended gaps, give or take its error, crosses a target.

    Attributes
    ----------
    ages : (k,) ndarray of float64
        Lengths, rising.
    excess : (k,) ndarray of float64
        Share of gaps ended by each, less the target.
    error : (k,) ndarray of float64
        Standard error of that.
    beyond : float
        Lower limit where the target may not have been crossed at any of them.
    """

    ages: FloatArray = array_field(converter=frozen_array)
    excess: FloatArray = array_field(converter=frozen_array)
    error: FloatArray = array_field(converter=frozen_array)
    beyond: float = array_field(default=np.nan)

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "inverted test, errors clustered by customer"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return the first ages at which the share may have been, and must have been, crossed."""
        half = z_score(level) * self.error
        may, must = np.flatnonzero(self.excess + half >= 0), np.flatnonzero(self.excess - half >= 0)
        return (
            np.asarray(self.ages[may[0]] if may.size else self.beyond),
            np.asarray(self.ages[must[0]] if must.size else np.inf),
        )


@final
@frozen(eq=False)
class Gaps:
    """Gaps by customer, and how often each counts.

    Attributes
    ----------
    durations : Durations
        One row a gap that counts, by customer.
    starts : (n,) ndarray of int64
        First row of each customer.
    """

    durations: Durations
    starts: IntArray

    __setstate__ = seal

    @classmethod
    def of(cls, customer: IntArray, at: IntArray, through: int, *, per_unit: float, unit: str, definition: str) -> Gaps:
        """Measure the gaps between a customer's instants, and the one that has not ended where there is no other.

        A customer's gaps count once together. Where one of them ended, the open one adds nothing that can be compared
        with those before it, and is left out: it is the one that the end of the log fell into, which long gaps
        invite [1]_.

        Parameters
        ----------
        customer, at : (n,) ndarray of int64
            In any order, at least one; instants, or numbers of days. Equal ones of a customer are one.
        through
            Up to when the log is complete.
        per_unit
            How many of those a unit has.
        unit, definition
            As in `Durations`.

        References
        ----------
        .. [1] Wang and Chang (1999), JASA 94, 146-153.
        """
        if not _in_order(customer, at):
            order = np.lexsort((at, customer))
            customer, at = customer[order], at[order]
        new = np.append(True, customer[1:] != customer[:-1])  # the first row begins a customer
        kept = new | np.append(True, at[1:] != at[:-1])  # as above
        customer, at, new = customer[kept], at[kept], new[kept]
        last = np.append(new[1:], True)  # as above
        ends: IntArray = np.where(last, through, np.append(at[1:], through))
        used: BoolArray = ~last | new
        first = np.append(True, customer[used][1:] != customer[used][:-1])  # as above
        starts = np.flatnonzero(first)
        each = np.diff(np.append(starts, used.sum()))
        return cls(
            Durations(
                (ends - at)[used] / per_unit,
                ~last[used],
                weights=np.repeat(1 / each, each),
                unit=unit,
                definition=definition,
            ),
            starts,
        )


def _in_order(customer: IntArray, at: IntArray) -> bool:
    same = customer[1:] == customer[:-1]
    return bool(np.all((customer[1:] > customer[:-1]) | (same & (at[1:] >= at[:-1]))))


@final
@frozen(eq=False)
class EndedGaps:
    """The share of gaps that have ended by each length, and what each customer adds to its error.

    Attributes
    ----------
    gaps : Gaps
    curve : SurvivalCurve
        Share of gaps that have not ended.
    share : (k,) ndarray of float64
        Share that have, at ``curve.times``.
    """

    gaps: Gaps
    curve: SurvivalCurve
    share: FloatArray
    step: IntArray
    own: FloatArray
    hazard: FloatArray

    __setstate__ = seal

    @classmethod
    def of(cls, gaps: Gaps) -> EndedGaps:
        """Estimate it."""
        curve = kaplan_meier(gaps.durations)
        step = np.searchsorted(curve.times, gaps.durations.durations, side="right")
        left = np.asarray(curve.at_risk - curve.lost, float)
        # Where every gap has ended nothing is left to be uncertain about.
        each = np.divide(1.0, left, out=np.zeros_like(left), where=curve.value > 0)
        seen = gaps.durations.observed
        own = np.zeros(len(step))
        own[seen] = each[step[seen] - 1]
        hazard = np.append(0.0, np.cumsum(curve.lost / curve.at_risk * each))
        return cls(gaps, curve, 1 - curve.value, step, own, hazard)

    @property
    def customers(self) -> int:
        """How many there are."""
        return len(self.gaps.starts)

    @property
    def came_back(self) -> int:
        """Customers of whom a gap was seen to end."""
        return int(np.logical_or.reduceat(self.gaps.durations.observed, self.gaps.starts).sum())

    def scores(self, index: int) -> FloatArray:
        """Return what each customer adds to the error of the share of ended gaps, after so many steps."""
        by = np.where(self.step <= index, self.own, 0.0) - self.hazard[np.minimum(self.step, index)]
        weights = self.gaps.durations.weights
        assert weights is not None
        survival = self.curve.value[index - 1]
        customers = self.customers
        return np.asarray(
            survival * np.add.reduceat(weights * by, self.gaps.starts) * np.sqrt(customers / max(customers - 1, 1))
        )

    def first_at(self, target: float) -> int:
        """Return the number of the first step at which the share reaches a target; ``len(share)`` where none does."""
        return int(np.searchsorted(self.share, target - _ROUNDING))

    def crossing(self, target: float, *, of_those_that_end: float = 0.0, beyond: float = np.nan) -> CrossingBand:
        """Return the limits of the length at which the share reaches a target.

        Parameters
        ----------
        target
            The share, of all gaps.
        of_those_that_end
            Where the target is a share of those that end, that share: their number has an error too.
        beyond
            Lower limit where the target may not have been reached.
        """
        end = len(self.share)
        if not end:
            return CrossingBand(np.empty(0), np.empty(0), np.empty(0), beyond)
        last = self.scores(end) * of_those_that_end

        def error(index: int) -> float:
            return float(np.sqrt(np.sum((self.scores(index) - last) ** 2)))

        reach = _REACH * error(min(self.first_at(target) + 1, end))
        first = int(np.searchsorted(self.share, target - reach)) + 1
        until = min(int(np.searchsorted(self.share, target + reach)) + 1, end)
        steps = np.unique(np.linspace(min(first, until), until, _GRID).round().astype(int))
        return CrossingBand(
            self.curve.times[steps - 1],
            self.share[steps - 1] - target,
            np.array([error(step) for step in steps.tolist()]),
            beyond,
        )
