"""How long customers are silent before they come back, from logs in which the last silence has not ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.core import FrozenMapping
from clm.data import DAY, days_in, dropped_field
from clm.errors import InvalidDataError
from clm.stats import Estimate, figure
from clm.survival import EndedGaps, Gaps, SurvivalCurve

if TYPE_CHECKING:
    from clm.typing import Array, IntArray

_FEW: Final = 10
_ROUNDING: Final = 1e-12


def _frozen_lengths(lengths: Mapping[str, Estimate[float]]) -> FrozenMapping[str, Estimate[float]]:
    return FrozenMapping(lengths)


@final
@frozen(kw_only=True, repr=False)
class TimeoutLengths(Mapping[str, Estimate[float]]):
    """Lengths of silence for timeouts, by name: a mapping to estimates in the unit of `silence`.

    Attributes
    ----------
    come_back : Estimate
        Share of silences that end within the longest one that was seen to end.
    silence : SurvivalCurve
        Share of silences that have not ended, by length; each customer counts once.
    lengths : mapping of str to Estimate
        The lengths.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    """

    lengths: Mapping[str, Estimate[float]] = field(converter=_frozen_lengths)
    come_back: Estimate[float]
    silence: SurvivalCurve
    dropped: Mapping[str, int] = dropped_field()

    def timeouts(self) -> dict[str, timedelta]:
        """Return the lengths in whole units, rounded up: ``five_stage(**lengths.timeouts())``.

        Raises
        ------
        InvalidDataError
            If one of them is undefined.
        """
        undefined = [(name, length.undefined) for name, length in self.lengths.items() if math.isnan(length.value)]
        if undefined:
            raise InvalidDataError(f"{undefined[0][0]!r} is undefined: {undefined[0][1]}. Choose a length by hand.")
        unit = timedelta(days=days_in(self.silence.unit))
        return {name: math.ceil(length.value - _ROUNDING) * unit for name, length in self.lengths.items()}

    def to_columns(self) -> dict[str, Array]:
        """Return one row a length: its name, value and 95 percent interval."""
        limits = [length.confidence_interval() for length in self.lengths.values()]
        return {
            "timeout": np.array(list(self.lengths), dtype=object),
            "length": np.array([length.value for length in self.lengths.values()]),
            "low": np.array([limit.low for limit in limits]),
            "high": np.array([limit.high for limit in limits]),
        }

    def __getitem__(self, name: str) -> Estimate[float]:
        return self.lengths[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        said = ", ".join(
            f"{name} {'undefined' if math.isnan(length.value) else figure(length.value)}"
            for name, length in self.lengths.items()
        )
        return f"<TimeoutLengths: {said} ({self.silence.unit}s; {self.silence.n:,} customers)>"


def timeout_lengths(
    customer: IntArray, at: IntArray, *, through: int, quantiles: Any, unit: str, what: str, dropped: Mapping[str, int]
) -> TimeoutLengths:
    """Return lengths of silence; ``clm.suggest_timeouts`` reads dataframes and calls this.

    Parameters
    ----------
    customer
        Customer of each touchpoint by number, shape (n,).
    at
        When, in microseconds.
    through
        Up to when the log is complete.
    quantiles
        For each length the share of the silences that end which are no longer.
    unit
        Unit of the lengths.
    what
        What breaks the silence, for definitions.
    dropped
        Rows that were left out.

    Raises
    ------
    InvalidDataError
        If a share is not inside (0, 1) or there is no touchpoint.
    """
    shares = _shares(quantiles)
    found = _Ended.of(customer, at, through, unit, what)
    lengths = {name: found.length(name, share) for name, share in shares.items()}
    return TimeoutLengths(lengths=lengths, come_back=found.come_back(), silence=found.curve, dropped=dropped)


def _shares(quantiles: Any) -> dict[str, float]:
    if not isinstance(quantiles, Mapping) or not quantiles:
        raise InvalidDataError(f"quantiles must be a mapping as {{'at_risk': 0.9}}, not {quantiles!r}.")
    for name, share in quantiles.items():
        number = isinstance(share, (int, float)) and not isinstance(share, bool)
        if not isinstance(name, str) or not number or not 0 < share < 1:
            raise InvalidDataError(f"quantiles[{name!r}] must be a share inside (0, 1), not {share!r}.")
    return {name: float(share) for name, share in quantiles.items()}


@final
@frozen(eq=False)
class _Ended:
    """The share of silences that have ended by each length."""

    gaps: EndedGaps

    @classmethod
    def of(cls, customer: IntArray, at: IntArray, through: int, unit: str, what: str) -> _Ended:
        """Measure silences, and estimate it.

        Raises
        ------
        InvalidDataError
            If there is no touchpoint.
        """
        if not len(at):
            raise InvalidDataError("there is no row to measure silence from. Check columns, of and through.")
        return cls(
            EndedGaps.of(
                Gaps.of(
                    customer,
                    at,
                    through,
                    per_unit=DAY * days_in(unit),
                    unit=unit,
                    definition=f"Silences between {what} of one customer, who counts once; one that has not ended "
                    "counts where a customer has no other.",
                )
            )
        )

    @property
    def curve(self) -> SurvivalCurve:
        """Share of silences that have not ended."""
        return self.gaps.curve

    @property
    def reason(self) -> str | None:
        """Why nothing can be said, where that is so."""
        came_back = self.gaps.came_back
        return f"only {came_back:,} customers came back, fewer than {_FEW}" if came_back < _FEW else None

    def come_back(self) -> Estimate[float]:
        """Return the share of silences that end."""
        known, share = self.reason is None, self.gaps.share
        return Estimate(
            value=float(share[-1]) if known else np.nan,
            standard_error=float(np.sqrt(np.sum(self.gaps.scores(len(share)) ** 2))) if known else np.nan,
            n=self.gaps.customers,
            name="share of silences that end",
            unit="fraction",
            definition=f"Share of silences that end within {self.horizon}. {self.gaps.gaps.durations.definition}",
            undefined=self.reason,
        )

    @property
    def horizon(self) -> str:
        """The longest silence that was seen to end."""
        return f"{figure(self.curve.times[-1])} {self.curve.unit}s" if len(self.curve.times) else "any length"

    def length(self, name: str, share: float) -> Estimate[float]:
        """Return the length that a share of the silences that end do not exceed."""
        common = {
            "n": self.gaps.customers,
            "name": name,
            "unit": self.curve.unit,
            "definition": f"Length that {figure(100 * share)} percent of the silences that end within {self.horizon} "
            f"do not exceed. {self.gaps.gaps.durations.definition}",
        }
        if self.reason is not None:
            return Estimate(value=np.nan, undefined=self.reason, **common)  # type: ignore[arg-type]  # the fields above
        target = share * self.gaps.share[-1]
        return Estimate(
            value=float(self.curve.times[self.gaps.first_at(target)]),
            band=self.gaps.crossing(target, of_those_that_end=share),
            caveats=("Lengths follow from how customers came back so far; who never does is not among them.",),
            **common,  # type: ignore[arg-type]  # the fields above
        )
