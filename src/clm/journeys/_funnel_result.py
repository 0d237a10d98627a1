"""How far customers got along named steps of an event log, and how long it took them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import cmp_using, field, frozen

from clm.data import DAY, SECOND, Durations, days_in, dropped_field
from clm.errors import InvalidDataError, nearest
from clm.stats import array_field, same, seal
from clm.survival import kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from clm.stats import Estimate
    from clm.survival import SurvivalCurve
    from clm.typing import Array, FloatArray, IntArray


def _alike(some: tuple[FloatArray, ...], others: tuple[FloatArray, ...]) -> bool:
    return len(some) == len(others) and all(same(a, b) for a, b in zip(some, others, strict=True))


@final
@frozen(kw_only=True, repr=False)
class Funnel:
    """Customers who took each step of a funnel, as ``clm.funnel`` returns it.

    Attributes
    ----------
    steps : tuple of str
        Kinds of events, in order.
    rule : str
        ``"ordered"``, ``"strict"`` or ``"unordered"``.
    window : timedelta, or None
        How long an attempt may take, its end included.
    through : datetime
        The last instant of the log, included; UTC.
    counts : (s,) ndarray of int64
        Customers who took each step so far, by their best attempt; unordered: who took one step, two, and so on.
    conversion : Estimate
        Of the entrants whose window has closed, the share who took each step within it; Wilson intervals.
    step_conversion : Estimate
        The same of those who took the step before; of the first step, of those who entered.
    times : tuple of (m,) ndarray of float64
        Seconds from the step before to each step after the first, of those who took it, in the order of `customer`.
    customer : (n,) ndarray
        Entrants, ascending.
    entered_at : (n,) ndarray of datetime64
        When the best attempt of each began; UTC.
    furthest : (n,) ndarray of int64
        How many steps it took, from 1 on.
    followed : (n,) ndarray of float64
        Seconds for which it was observed: until its window or the log ended.
    open_windows : int
        Entrants without an attempt whose window has closed; they are in `counts` and not in the rates.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    ties : int
        Events whose place nothing but their row decided: same customer and instant as the one before, another kind.
    definition : str
        What was counted.
    caveats : tuple of str
        What a careful reader should know before quoting the numbers.
    """

    steps: tuple[str, ...]
    rule: str
    window: timedelta | None
    through: datetime
    counts: IntArray = array_field()
    conversion: Estimate[Any]
    step_conversion: Estimate[Any]
    times: tuple[FloatArray, ...] = field(eq=cmp_using(eq=_alike))
    customer: Array = array_field()
    entered_at: Array = array_field()
    furthest: IntArray = array_field()
    followed: FloatArray = array_field()
    open_windows: int
    dropped: Mapping[str, int] = dropped_field()
    ties: int = 0
    definition: str
    caveats: tuple[str, ...] = ()

    __setstate__ = seal

    @property
    def n(self) -> int:
        """Entrants: customers who took the first step, or any step where the order does not matter."""
        return len(self.customer)

    def time_to(self, step: str | int, *, unit: str = "day") -> SurvivalCurve:
        """Return the share of entrants who have not taken a step yet, by time since they entered.

        Parameters
        ----------
        step
            A step's name, or its number from 2 on: where the name occurs twice, or the order does not matter.
        unit : {"hour", "day", "week", "month", "year"}
            Unit of the curve.

        Returns
        -------
        SurvivalCurve
            Kaplan-Meier: entrants who have not taken the step count for as long as their attempt was followed, so
            that open windows are no failures.

        Raises
        ------
        InvalidDataError
            If there is no such step after the first, or nobody entered.

        Notes
        -----
        One row an entrant: his best attempt. Who enters again and again has several chances, and the one counts that
        got furthest.

        Examples
        --------
        >>> events = {
        ...     "customer_id": ["ann", "ann", "bob", "cem", "cem"],
        ...     "at": ["2025-01-01", "2025-01-03", "2025-01-01", "2025-01-01", "2025-01-06"],
        ...     "kind": ["signed_up", "order", "signed_up", "signed_up", "order"],
        ... }
        >>> funnel = clm.funnel(events, ["signed_up", "order"], window="14d", through="2025-01-31")
        >>> funnel.time_to("order").median
        <median: 5 day (95% interval 0 to no bound; n = 3)>
        """
        number = self._number(step)
        days_in(unit)
        if not self.n:
            raise InvalidDataError("nobody entered the funnel, so that there is no time to measure.")
        took = self.furthest > number
        seconds = self.followed.copy()
        seconds[took] = self._since_entry(number)
        what = f"{number + 1} of {len(self.steps)} steps" if self.rule == "unordered" else f"step {number + 1}"
        named = "" if self.rule == "unordered" else f", {self.steps[number]!r}"
        return kaplan_meier(
            Durations(
                seconds * SECOND / (DAY * days_in(unit)),
                took,
                unit=unit,
                customer=self.customer,
                dropped=self.dropped,
                definition=f"Time from entry to {what}{named}. {self.definition}",
            )
        )

    def _since_entry(self, number: int) -> FloatArray:
        """Return seconds from entry to a step, of those who took it."""
        total = np.zeros(int((self.furthest > number).sum()))
        for before, seconds in enumerate(self.times[:number], 1):
            total += seconds[self.furthest[self.furthest > before] > number]
        return np.rint(total * SECOND) / SECOND  # sums of microseconds, without rounding

    def _number(self, step: Any) -> int:
        if isinstance(step, str) and step in self.steps:
            if self.rule == "unordered":
                raise InvalidDataError(
                    f"in any order {step!r} has no place of its own. Give how many steps were taken, from 2 on."
                )
            if self.steps.count(step) > 1:
                raise InvalidDataError(f"{step!r} is more than one step. Give its number, counted from 1.")
            number = self.steps.index(step)
        elif isinstance(step, (int, np.integer)) and not isinstance(step, bool):
            number = int(step) - 1
        else:
            hint = nearest(step, self.steps) if isinstance(step, str) else ""
            raise InvalidDataError(f"{step!r} is not one of the steps {', '.join(map(repr, self.steps))}.{hint}")
        if not 1 <= number < len(self.steps):
            raise InvalidDataError(f"time is counted from the first step on to steps 2 to {len(self.steps)}: give one.")
        return number

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a step: how many customers, both rates with their limits, and the median seconds it took.

        Parameters
        ----------
        level
            Nominal coverage of the limits.
        """
        columns: dict[str, Array] = {
            "step": np.array(labels(self.steps, self.rule), dtype=object),
            "customers": self.counts,
        }
        for name, rate in (("conversion", self.conversion), ("step_conversion", self.step_conversion)):
            interval = rate.confidence_interval(level)
            columns |= {name: rate.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        medians = [float(np.median(seconds)) if len(seconds) else np.nan for seconds in self.times]
        return columns | {"median_seconds": np.array([np.nan, *medians])}

    def __repr__(self) -> str:
        counted = " -> ".join(
            f"{step} {count:,}" for step, count in zip(labels(self.steps, self.rule), self.counts.tolist(), strict=True)
        )
        still = f"; {self.open_windows:,} window{'s' * (self.open_windows > 1)} open" if self.open_windows else ""
        return f"<Funnel: {counted}{still}>"


def labels(steps: tuple[str, ...], rule: str) -> tuple[str, ...]:
    """Return what the rows of a funnel are called: its steps, or how many of them where the order does not matter."""
    last = len(steps)
    return tuple(f"{taken} of {last}" for taken in range(1, last + 1)) if rule == "unordered" else steps
