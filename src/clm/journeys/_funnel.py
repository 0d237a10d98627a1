"""How far customers got on the ranked stages of a lifecycle: whoever reached each, from entry on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import evolve, frozen

from clm.core import microseconds_of
from clm.core._duration import written
from clm.data import describe, parse_start, parse_through
from clm.errors import InvalidDataError, nearest
from clm.journeys._funnel_stages import RULES, Entry, Ladder, entered, reach
from clm.stats import array_field, frozen_array, proportion, seal

if TYPE_CHECKING:
    from clm.core import Lifecycle
    from clm.data import Zone
    from clm.journeys._visits import Visits
    from clm.stats import Estimate
    from clm.typing import Array, IntArray

_SCOPES = {
    "reached": "a customer has reached a stage of {name!r} when he visited it or one of higher rank",
    "strict": "a customer has reached a stage of {name!r} when he visited it after one of every lower rank, in order",
    "any": "a customer has reached a stage of {name!r} when he visited it, at any time",
}


@final
@frozen(kw_only=True, repr=False)
class StageFunnel:
    """Customers who reached each ranked stage.

    Attributes
    ----------
    stages : tuple of str
        The ranked stages, lowest first.
    rule : str
        ``"reached"``, ``"strict"`` or ``"any"``.
    window : timedelta, or None
        How long after entry visits count, the end included.
    counts : (s,) ndarray of int64
        Customers who reached each, so far.
    conversion : Estimate
        Of those who entered the funnel, the share who reached each stage; Wilson intervals. With a window, of those
        whose window has closed.
    step_conversion : Estimate
        The same of those who reached the rank before; of the first stage, of those who entered.
    n : int
        Customers who entered the funnel.
    open_windows : int
        Those of them whose window is still open; they are in `counts` and not in the rates.
    definition : str
        What was counted.
    caveats : tuple of str
        What a careful reader should know before quoting the numbers.
    """

    stages: tuple[str, ...]
    rule: str
    window: timedelta | None = None
    counts: IntArray = array_field()
    conversion: Estimate[Any]
    step_conversion: Estimate[Any]
    n: int
    open_windows: int = 0
    definition: str
    caveats: tuple[str, ...] = ()

    __setstate__ = seal

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a stage: how many customers, and both rates with the limits of their intervals."""
        columns: dict[str, Array] = {"stage": np.array(self.stages, dtype=object), "customers": self.counts}
        for name, rate in (("conversion", self.conversion), ("step_conversion", self.step_conversion)):
            interval = rate.confidence_interval(level)
            columns |= {name: rate.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        return columns

    def __repr__(self) -> str:
        counted = " -> ".join(
            f"{stage} {count:,}" for stage, count in zip(self.stages, self.counts.tolist(), strict=True)
        )
        still = f"; {self.open_windows:,} window{'s' * (self.open_windows > 1)} open" if self.open_windows else ""
        return f"<StageFunnel: {counted}{still}>"


def stage_funnel(
    visits: Visits, lifecycle: Lifecycle, rule: Any, *, window: Any, start: Any, through: Any, last: int, zone: Zone
) -> StageFunnel:
    """Count who reached each ranked stage.

    Parameters
    ----------
    visits, lifecycle
        Of a log.
    rule, window, start, through
        As `StageLog.funnel` takes them.
    last
        The last instant of the log, in microseconds.
    zone
        In which naive moments are read.

    Raises
    ------
    InvalidDataError
        If the rule is unknown, no stage has a rank, the window has no fixed length, or the dates do not fit.
    """
    if rule not in RULES:
        raise InvalidDataError(f"rule {rule!r} is not one of {', '.join(RULES)}.{nearest(str(rule), RULES)}")
    ladder = Ladder.of(lifecycle)
    entry = _entry(window, start, through, last, zone)
    who = entered(visits, ladder, rule, entry)
    found = reach(visits, ladder, rule, who)
    n, closed = len(who.closed), int(who.closed.sum())
    caveats: tuple[str, ...] = ()
    if closed < n:
        caveats = (f"The windows of {n - closed:,} of the customers are still open: they are in no rate.",)
    scope = _SCOPES[rule].format(name=ladder.name) + _said(entry, zone)
    undefined = "no customer's window has closed yet" if n else "nobody entered the funnel"
    names = np.array(ladder.stages)
    conversion = proportion(
        _closed(found.at, who.closed),
        [closed] * len(names),
        name="conversion",
        definition=f"Share of the customers who entered the funnel who reached each stage; {scope}.",
        index=names,
        undefined=undefined,
    )
    step_conversion = proportion(
        _closed(found.at & found.before, who.closed),
        _closed(found.before, who.closed),
        name="step conversion",
        definition=f"Share of the customers who reached the rank before who reached each stage; {scope}.",
        index=names,
        undefined="nobody reached the rank before" if closed else undefined,
    )
    return StageFunnel(
        stages=ladder.stages,
        rule=rule,
        window=None if entry.window is None else timedelta(microseconds=entry.window),
        counts=frozen_array(found.at.sum(axis=1).astype(np.int64)),
        conversion=evolve(conversion, caveats=caveats),
        step_conversion=evolve(step_conversion, caveats=caveats),
        n=n,
        open_windows=n - closed,
        definition=f"Customers who reached each ranked stage; {scope}.",
        caveats=caveats,
    )


def _entry(window: Any, start: Any, through: Any, last: int, zone: Zone) -> Entry:
    length = None if window is None else microseconds_of(window, "window")
    first = None if start is None else parse_start(start, zone)
    until = None if through is None else parse_through(through, zone)
    if until is not None and until > last:
        raise InvalidDataError(
            f"through={describe(until, zone)} is after the log's end, {describe(last, zone)}. Customers can have "
            "entered up to then; or replay with a later through=."
        )
    if first is not None and first > (last if until is None else until):
        end = f"the log's end, {describe(last, zone)}" if until is None else f"through={through!r}"
        raise InvalidDataError(f"start={start!r} lies after {end}. Give the earlier one as start.")
    return Entry(start=first, last=until, window=length, through=last)


def _said(entry: Entry, zone: Zone) -> str:
    """Say in words who counts, and for how long."""
    parts = []
    if entry.start is not None or entry.last is not None:
        since = "" if entry.start is None else f" from {describe(entry.start, zone)}"
        until = "" if entry.last is None else f" through {describe(entry.last, zone)}"
        parts.append(f"customers who entered the funnel{since}{until}")
    if entry.window is not None:
        parts.append(f"visits that began within {written(timedelta(microseconds=entry.window))} of entry, end included")
    return "".join(f"; {part}" for part in parts)


def _closed(reached: Any, closed: Any) -> list[int]:
    counted: list[int] = reached[:, closed].sum(axis=1).tolist()
    return counted
