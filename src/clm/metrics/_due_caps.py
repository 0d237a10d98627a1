"""How much may be sent to one customer in a time: what was sent counts, and what is due before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.core import microseconds_of
from clm.core._duration import duration, written
from clm.data import Calendar
from clm.errors import InvalidDataError, nearest
from clm.metrics._histories import NEVER
from clm.stats import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.data import Zone
    from clm.metrics._due_candidates import Facts
    from clm.metrics._due_sent import Sent
    from clm.metrics._rules import Rule
    from clm.typing import BoolArray, IntArray

_PERIODS: Final = ("day", "week", "month")
_HOW: Final = "Give caps={'7d': 2}, or by channel caps={'email': {'7d': 2, 'day': 1}}."


@final
@frozen
class Cap:
    """So many messages in a time.

    Attributes
    ----------
    limit : int
        How many.
    within : str
        A length of time that ends now, both ends included, as ``"7d"``, or a calendar period, as ``"day"``.
    channel : str or None
        Of which channel; None for all together.
    """

    limit: int
    within: str
    channel: str | None = None

    @property
    def words(self) -> str:
        """The cap in words."""
        by = "" if self.channel is None else f" by {self.channel}"
        return f"{self.limit}{by} in {'a ' if self.within in _PERIODS else ''}{self.within}"

    def since(self, now: int, zone: Zone) -> int:
        """Return the first instant that counts."""
        if self.within in _PERIODS:
            calendar = Calendar(self.within, zone)
            return int(calendar.start(calendar.index(np.array([now])))[0])
        return now - microseconds_of(self.within, "caps")

    def frees(self, sent: IntArray, now: int, zone: Zone) -> IntArray:
        """Return when messages no longer count, each by when it was sent."""
        if self.within in _PERIODS:
            calendar = Calendar(self.within, zone)
            return np.full(len(sent), calendar.start(calendar.index(np.array([now])) + 1)[0])
        return sent + microseconds_of(self.within, "caps") + 1


def read_caps(given: Any, rules: Sequence[Rule]) -> tuple[Cap, ...]:
    """Read caps, as ``{"7d": 3, "email": {"day": 1}}``.

    Raises
    ------
    InvalidDataError
        If they are none, or name a channel that no rule has.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise InvalidDataError(f"caps={given!r} is no mapping. {_HOW}")
    caps: list[Cap] = []
    for key, value in given.items():
        if not isinstance(value, Mapping):
            caps.append(_cap(key, value, None))
            continue
        channels = sorted({rule.channel for rule in rules if rule.channel is not None})
        if key not in channels:
            known = f"They have {', '.join(channels)}." if channels else "They have none: give Rule(channel=...)."
            raise InvalidDataError(
                f"caps names the channel {key!r}, which no rule has. {known}{nearest(str(key), channels)}"
            )
        caps += [_cap(within, limit, key) for within, limit in value.items()]
    return tuple(caps)


def _cap(within: Any, limit: Any, channel: str | None) -> Cap:
    if within not in _PERIODS:
        try:
            length = duration(within, "caps")
        except InvalidDataError as error:
            raise InvalidDataError(
                f"{error} A cap is of such a length, or of a {', '.join(_PERIODS)}. {_HOW}"
            ) from None
        within = written(length)
    return Cap(whole_number(limit, f"the cap in {within}"), within, channel)


@final
@frozen(kw_only=True, eq=False)
class Budget:
    """What one cap leaves each customer; it counts down as rules are asked in turn.

    Attributes
    ----------
    cap : Cap
        The cap.
    whose, at : (n,) ndarray of int64
        Messages that count, by customer and in order of time.
    used : (k,) ndarray of int64
        Messages of each customer, those that are due now included.
    """

    cap: Cap
    whose: IntArray
    at: IntArray
    used: IntArray

    @classmethod
    def of(cls, cap: Cap, sent: Sent, facts: Facts) -> Budget:
        """Count what was sent."""
        since = np.array([cap.since(facts.through, zone) for zone in facts.zones], np.int64)
        counts = sent.at >= since[facts.zone_of[sent.whose]]
        if cap.channel is not None:
            counts &= sent.channel == cap.channel
        whose = sent.whose[counts]
        return cls(cap=cap, whose=whose, at=sent.at[counts], used=np.bincount(whose, minlength=facts.events.n))

    def concerns(self, rule: Rule) -> bool:
        """Whether a rule's messages count."""
        return self.cap.channel is None or self.cap.channel == rule.channel

    def spent(self, whose: IntArray) -> BoolArray:
        """Return who may get no more."""
        return self.used[whose] >= self.cap.limit

    def spend(self, whose: IntArray) -> None:
        """Count one more message to each of some different customers."""
        self.used[whose] += 1

    def free_at(self, whose: IntArray, facts: Facts) -> IntArray:
        """Return when customers who may get no more may get the next; ``NEVER`` where the cap is 0."""
        if self.cap.limit == 0:
            return np.full(len(whose), NEVER)
        start = np.searchsorted(self.whose, whose)
        before = np.searchsorted(self.whose, whose, side="right") - start
        leaving = self.used[whose] - self.cap.limit  # the message that has to fall out of the time, counted from 0
        sent = np.full(len(whose), facts.through)
        earlier = leaving < before
        sent[earlier] = self.at[(start + leaving)[earlier]]
        free = np.empty(len(whose), np.int64)
        for zone, there in facts.each_zone(whose):
            free[there] = self.cap.frees(sent[there], facts.through, zone)
        return free
