"""How often a threshold of silence errs, read off what customers did after a moment in the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import field, frozen

from clm.retention._shares import shares
from clm.stats import Estimate, NoBand, array_field, frozen_array, seal

if TYPE_CHECKING:
    from clm.typing import Array, FloatArray, IntArray

_NO_BAND: Final = NoBand("the place of a minimum settles too slowly for a standard error")


@final
@frozen(kw_only=True, repr=False)
class ThresholdErrors:
    """Who would have been flagged at a moment in the past, against who came back afterwards.

    Attributes
    ----------
    lengths : (k,) ndarray of float64
        Thresholds of silence, rising, in `unit`: every one at which the flags change.
    flagged_returned : (k,) ndarray of int64
        Customers who had been silent for at least that long, and came back.
    unflagged_gone : (k,) ndarray of int64
        Customers who had not, and did not come back.
    returned, gone : int
        Customers known at the reference who bought again by the end of the log, and who did not.
    unit : str
        Unit of the lengths.
    definition : str
        What was counted, in one sentence.
    """

    lengths: FloatArray = array_field()
    flagged_returned: IntArray = array_field()
    unflagged_gone: IntArray = array_field()
    returned: int
    gone: int
    unit: str
    definition: str = field()

    __setstate__ = seal

    @property
    def type_one(self) -> Estimate[FloatArray]:
        """Share of those who came back who would have been flagged, by threshold; Wilson's interval."""
        return self._share(
            self.flagged_returned,
            self.returned,
            "type I error",
            "Share of the customers who came back who had been silent for the threshold or longer.",
            "nobody came back after the reference",
        )

    @property
    def type_two(self) -> Estimate[FloatArray]:
        """Share of those who did not come back who would not have been flagged, by threshold; Wilson's interval."""
        return self._share(
            self.unflagged_gone,
            self.gone,
            "type II error",
            "Share of the customers who did not come back who had been silent for less than the threshold.",
            "everybody came back after the reference",
        )

    @property
    def best(self) -> Estimate[float]:
        """The threshold with the least sum of both errors, the shortest of several; without an interval."""
        reason, value = None, np.nan
        if not self.returned or not self.gone:
            reason = f"{'everybody' if self.returned else 'nobody'} came back after the reference"
        else:
            total = self.flagged_returned / self.returned + self.unflagged_gone / self.gone
            least = int(np.argmin(np.round(total, 12)))
            if total[least] < 1 - 1e-12:
                value = float(self.lengths[least])
            else:
                reason = "no length of silence tells those who came back from the others"
        return Estimate(
            value=value,
            n=self.returned + self.gone,
            name="threshold with the least errors",
            unit=self.unit,
            definition=f"Length of silence with the least sum of type I and type II error. {self.definition}",
            undefined=reason,
            band=_NO_BAND,
            caveats=("Who came back only after the log ends counts as gone: a longer log may move it up.",),
        )

    def to_columns(self) -> dict[str, Array]:
        """Return one row a threshold: both errors with their 95 percent limits."""
        columns: dict[str, Array] = {"length": self.lengths}
        for name, share in (("type_one", self.type_one), ("type_two", self.type_two)):
            low, high = share.confidence_interval()
            columns |= {name: share.value, f"{name}_low": low, f"{name}_high": high}
        return columns

    def _share(self, hits: IntArray, trials: int, name: str, said: str, undefined: str) -> Estimate[FloatArray]:
        return shares(
            hits,
            np.full(len(hits), trials),
            known=np.full(len(hits), trials > 0),
            certain=np.zeros(len(hits), bool),
            name=name,
            definition=f"{said} {self.definition}",
            index=self.lengths,
            undefined=undefined,
        )

    def __repr__(self) -> str:
        return f"<ThresholdErrors: {self.returned:,} customers came back, {self.gone:,} did not>"


def threshold_errors(
    customer: IntArray, slot: IntArray, *, reference: int, per_unit: float, unit: str, definition: str
) -> ThresholdErrors:
    """Compare silences at a reference with what came after.

    Parameters
    ----------
    customer, slot : (n,) ndarray of int64
        Distinct pairs of customer and day (or hour), by customer and day, through the end of the log.
    reference
        Number of the last day that is known at the reference.
    per_unit
        Days (or hours) in a unit.
    unit, definition
        As the attributes.
    """
    last = np.append(customer[1:] != customer[:-1], True)  # the last row ends a customer
    known = slot <= reference
    # The last purchase by the reference is known, and the row after it is another customer's or later than it.
    latest = np.flatnonzero(known & (last | np.append(~known[1:], True)))  # as above
    silence, came_back = reference - slot[latest], ~last[latest]
    lengths = np.unique(silence)
    lengths = np.append(lengths, lengths[-1] + 1) if len(lengths) else lengths
    returned, gone = np.sort(silence[came_back]), np.sort(silence[~came_back])
    return ThresholdErrors(
        lengths=frozen_array(lengths / per_unit),
        flagged_returned=frozen_array(len(returned) - np.searchsorted(returned, lengths)),
        unflagged_gone=frozen_array(np.searchsorted(gone, lengths)),
        returned=len(returned),
        gone=len(gone),
        unit=unit,
        definition=definition,
    )
