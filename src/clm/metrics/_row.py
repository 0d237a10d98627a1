"""One line of the scorecard: a metric's value, where it started and where it should go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import field, frozen

from clm.stats import Estimate, array_field, plain, seal

if TYPE_CHECKING:
    from clm.metrics._protocol import Direction


def _optional(value: Any) -> float | None:
    return None if value is None else float(value)


@final
@frozen(kw_only=True, repr=False)
class ScorecardRow:
    """A metric's value beside its baseline and its target.

    Attributes
    ----------
    name, stage, description, unit : str
        What the metric is called, where it belongs, what it answers, and the unit of its value.
    direction : {"higher", "lower"}
        Which way is better.
    estimate : Estimate
        The value with its interval, n and definition.
    baseline : float or None
        Where it started; None where no baseline was given, NaN where it is undefined.
    baseline_undefined : str or None
        Why the baseline is NaN.
    target : float or None
        Where it should go.
    """

    name: str
    stage: str
    description: str
    unit: str
    direction: Direction
    estimate: Estimate[float]
    baseline: float | None = array_field(default=None, converter=_optional)
    baseline_undefined: str | None = field(default=None)
    target: float | None = field(default=None, converter=_optional)

    __setstate__ = seal

    @property
    def value(self) -> float:
        """The value; NaN where `undefined` says why."""
        return self.estimate.value

    @property
    def definition(self) -> str:
        """One sentence that fixes what was computed."""
        return self.estimate.definition

    @property
    def change(self) -> float | None:
        """Value less baseline, in the metric's unit; None without either.

        Two periods are compared, not two random groups: what changed it is another question.
        """
        if self._baseline is None or np.isnan(self.value):
            return None
        return self.value - self._baseline

    @property
    def relative_change(self) -> float | None:
        """Change over the size of the baseline, as a fraction; None from a baseline of 0."""
        change = self.change
        return None if change is None or not self._baseline else change / abs(self._baseline)

    @property
    def progress(self) -> float | None:
        """How much of the way from baseline to target is done: (value - baseline) / (target - baseline).

        Not cut: above 1 the target is exceeded, below 0 the metric moved away from it. It reads the same whichever way
        is better. None where baseline and target are equal, since there is no way to go.
        """
        if self.change is None or self.target is None or self.target == self._baseline:
            return None
        assert self._baseline is not None
        return self.change / (self.target - self._baseline)

    @property
    def met(self) -> bool | None:
        """Whether the value is at the target or on its better side; None without a target or a value."""
        if self.target is None or np.isnan(self.value):
            return None
        return self.value >= self.target if self.direction == "higher" else self.value <= self.target

    @property
    def undefined(self) -> str | None:
        """Why a number of this row that was asked for is missing: value, baseline, relative change or progress."""
        reasons = [self.estimate.undefined]
        if self.baseline_undefined is not None:
            reasons.append(f"the baseline is undefined: {self.baseline_undefined}")
        if self._baseline is not None and self.target is not None and self.target == self._baseline:
            reasons.append("progress is undefined: the target equals the baseline")
        if self._baseline == 0 and self.estimate.undefined is None:
            reasons.append("the relative change is undefined: the baseline is 0")
        return "; ".join(reason for reason in reasons if reason is not None) or None

    @property
    def _baseline(self) -> float | None:
        return None if self.baseline is None or np.isnan(self.baseline) else self.baseline

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain values that JSON can hold.

        Parameters
        ----------
        level
            Nominal coverage of the interval that is written out.
        """
        return {
            "name": self.name,
            "stage": self.stage,
            "description": self.description,
            "unit": self.unit,
            "direction": self.direction,
            "baseline": plain(self.baseline),
            "value": plain(self.value),
            "target": self.target,
            "change": self.change,
            "relative_change": self.relative_change,
            "progress": self.progress,
            "met": self.met,
            "undefined": self.undefined,
            "estimate": self.estimate.to_dict(level),
        }

    def __repr__(self) -> str:
        return f"<ScorecardRow {self.stage}: {self.estimate!r}>"
