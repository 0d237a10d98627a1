"""How long customers are silent before they come back, from logs in which the last silence has not ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.core import FrozenMapping
from clm.data import DAY, Durations, days_in, dropped_field
from clm.errors import InvalidDataError
from clm.stats import Estimate, array_field, figure, frozen_array, seal, z_score
from clm.survival import SurvivalCurve, kaplan_meier

if TYPE_CHECKING:
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_FEW: Final = 10
_GRID: Final = 65
_REACH: Final = 5.5  # standard errors on either side: covers every level that anybody states
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


@final
@frozen
class CrossingBand:
    """Lengths at which the share of ended silences, give or take its error, crosses a share of those that end."""

    ages: FloatArray = array_field(converter=frozen_array)
    above: FloatArray = array_field(converter=frozen_array)
    error: FloatArray = array_field(converter=frozen_array)

    __setstate__ = seal

    @property
    def method(self) -> str:
        """The method's name."""
        return "inverted test, errors clustered by customer"

    def limits(self, value: FloatArray, standard_error: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002  # the protocol's signature
        """Return the first ages at which the share may have been, and must have been, crossed."""
        half = z_score(level) * self.error
        may, must = np.flatnonzero(self.above + half >= 0), np.flatnonzero(self.above - half >= 0)
        return (
            np.asarray(self.ages[may[0]] if may.size else np.nan),
            np.asarray(self.ages[must[0]] if must.size else np.inf),
        )


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
    silences = _Silences.of(customer, at, through, unit, what)
    found = _Ended.of(silences)
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
class _Silences:
    """Silences by customer, and how often each counts."""

    durations: Durations
    starts: IntArray

    @classmethod
    def of(cls, customer: IntArray, at: IntArray, through: int, unit: str, what: str) -> _Silences:
        """Measure the silences between a customer's instants, and the one that has not ended where there is no other.

        A customer's silences count once together. Where one of them ended, the open one adds nothing that can be
        compared with those before it, and is left out: Wang and Chang (1999).
        """
        if not len(at):
            raise InvalidDataError("there is no row to measure silence from. Check columns, of and through.")
        order = np.lexsort((at, customer))
        customer, at = customer[order], at[order]
        new = np.append(True, customer[1:] != customer[:-1])  # the first row begins a customer
        kept = new | np.append(True, at[1:] != at[:-1])  # as above; one instant is one touchpoint
        customer, at, new = customer[kept], at[kept], new[kept]
        last = np.append(new[1:], True)  # as above
        ends: IntArray = np.where(last, through, np.append(at[1:], through))
        used: BoolArray = ~last | new
        first = np.append(True, customer[used][1:] != customer[used][:-1])  # as above
        starts = np.flatnonzero(first)
        each = np.diff(np.append(starts, used.sum()))
        return cls(
            Durations(
                (ends - at)[used] / (DAY * days_in(unit)),
                ~last[used],
                weights=np.repeat(1 / each, each),
                unit=unit,
                definition=f"Silences between {what} of one customer, who counts once; one that has not ended counts "
                "where a customer has no other.",
            ),
            starts,
        )


@final
@frozen(eq=False)
class _Ended:
    """The share of silences that have ended by each length, and what each customer adds to its error."""

    silences: _Silences
    curve: SurvivalCurve
    share: FloatArray
    step: IntArray
    own: FloatArray
    hazard: FloatArray

    @classmethod
    def of(cls, silences: _Silences) -> _Ended:
        """Estimate it."""
        curve = kaplan_meier(silences.durations)
        step = np.searchsorted(curve.times, silences.durations.durations, side="right")
        left = np.asarray(curve.at_risk - curve.lost, float)
        # Where every silence has ended nothing is left to be uncertain about.
        each = np.divide(1.0, left, out=np.zeros_like(left), where=curve.value > 0)
        seen = silences.durations.observed
        own = np.zeros(len(step))
        own[seen] = each[step[seen] - 1]
        hazard = np.append(0.0, np.cumsum(curve.lost / curve.at_risk * each))
        return cls(silences, curve, 1 - curve.value, step, own, hazard)

    @property
    def customers(self) -> int:
        """How many there are."""
        return len(self.silences.starts)

    @property
    def reason(self) -> str | None:
        """Why nothing can be said, where that is so."""
        ended = self.silences.durations.observed
        came_back = int(np.logical_or.reduceat(ended, self.silences.starts).sum())
        return f"only {came_back:,} customers came back, fewer than {_FEW}" if came_back < _FEW else None

    def scores(self, index: int) -> FloatArray:
        """Return what each customer adds to the error of the share of ended silences, after so many steps."""
        by = np.where(self.step <= index, self.own, 0.0) - self.hazard[np.minimum(self.step, index)]
        weights = self.silences.durations.weights
        assert weights is not None
        survival = self.curve.value[index - 1]
        customers = self.customers
        return np.asarray(
            survival * np.add.reduceat(weights * by, self.silences.starts) * np.sqrt(customers / max(customers - 1, 1))
        )

    def come_back(self) -> Estimate[float]:
        """Return the share of silences that end."""
        known = self.reason is None
        horizon = self.horizon
        return Estimate(
            value=float(self.share[-1]) if known else np.nan,
            standard_error=float(np.sqrt(np.sum(self.scores(len(self.share)) ** 2))) if known else np.nan,
            n=self.customers,
            name="share of silences that end",
            unit="fraction",
            definition=f"Share of silences that end within {horizon}. {self.silences.durations.definition}",
            undefined=self.reason,
        )

    @property
    def horizon(self) -> str:
        """The longest silence that was seen to end."""
        return f"{figure(self.curve.times[-1])} {self.curve.unit}s" if len(self.curve.times) else "any length"

    def length(self, name: str, share: float) -> Estimate[float]:
        """Return the length that a share of the silences that end do not exceed."""
        common = {
            "n": self.customers,
            "name": name,
            "unit": self.curve.unit,
            "definition": f"Length that {figure(100 * share)} percent of the silences that end within {self.horizon} "
            f"do not exceed. {self.silences.durations.definition}",
        }
        if self.reason is not None:
            return Estimate(value=np.nan, undefined=self.reason, **common)  # type: ignore[arg-type]  # the fields above
        target = share * self.share[-1]
        value = self.curve.times[np.searchsorted(self.share, target - _ROUNDING)]
        return Estimate(
            value=float(value),
            band=self._band(share),
            caveats=("Lengths follow from how customers came back so far; who never does is not among them.",),
            **common,  # type: ignore[arg-type]  # the fields above
        )

    def _band(self, share: float) -> CrossingBand:
        target = share * self.share[-1]
        end = len(self.share)
        last = self.scores(end)

        def error(index: int) -> float:
            return float(np.sqrt(np.sum((self.scores(index) - share * last) ** 2)))

        here = int(np.searchsorted(self.share, target - _ROUNDING)) + 1
        reach = _REACH * error(here)
        first = int(np.searchsorted(self.share, target - reach)) + 1
        until = min(int(np.searchsorted(self.share, target + reach)) + 1, end)
        steps = np.unique(np.linspace(min(first, until), until, _GRID).round().astype(int))
        return CrossingBand(
            self.curve.times[steps - 1],
            self.share[steps - 1] - target,
            np.array([error(step) for step in steps.tolist()]),
        )
