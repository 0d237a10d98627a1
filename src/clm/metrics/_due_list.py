"""Who is due what, who is not, and why: one row a candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np
from attrs import evolve, field, frozen

from clm.core import FrozenMapping
from clm.data import MISSING, Zone, describe
from clm.errors import InvalidDataError, nearest
from clm.metrics._period import moment
from clm.stats import array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clm.typing import Array, BoolArray, IntArray

STATUSES: Final = (
    "due",
    "waiting",
    "converted",
    "exited",
    "expired",
    "blocked_reentry",
    "no_consent",
    "holdout",
    "quiet",
    "capped",
)
"""What a candidate of ``clm.due`` may be; one of them each."""


def _counts(dropped: Mapping[str, int]) -> FrozenMapping[str, int]:
    return FrozenMapping(dropped)


_MINUTE: Final = 60_000_000
_PLACES: Final = 1 << 40  # minutes of all instants that there are, and then some


@final
@frozen(kw_only=True, repr=False)
class DueList:
    """Who is due which action at a moment, as ``clm.due`` returns it: one row a candidate, the first rule first.

    Attributes
    ----------
    customer : (n,) ndarray
        Who.
    rules, actions : tuple of str
        The rules in order of priority, and what each sends.
    channels : tuple of str or None
        How each rule sends it.
    rule_code : (n,) ndarray of int16
        Place of each row's rule in `rules`.
    status_code : (n,) ndarray of int8
        Place of each row's status in ``clm.metrics.STATUSES``.
    triggered_at, due_at, expires_at : (n,) ndarray of datetime64
        When the trigger happened, or the date that it names; from when and until when the action is due. UTC, NaT
        where it does not expire.
    next_at : (n,) ndarray of datetime64
        When to look again: when waiting, quiet hours, a cap or the time until re-entry end; NaT where that is not
        known, and where there is nothing to wait for.
    held_out : (n,) ndarray of bool
        Whether the customer is in the rule's holdout, whatever his status: compare these with the others to see what
        the action does.
    through : int
        The moment, in UTC microseconds.
    zone : Zone
        In whose words it is told.
    dropped : mapping of str to int
        Messages of `sent` that did not count, by reason. No part of equality.
    definition : str
        One sentence that fixes what was computed.
    """

    customer: Array = array_field()
    rules: tuple[str, ...]
    actions: tuple[str, ...]
    channels: tuple[str | None, ...]
    rule_code: IntArray = array_field()
    status_code: IntArray = array_field()
    triggered_at: Array = array_field()
    due_at: Array = array_field()
    expires_at: Array = array_field()
    next_at: Array = array_field()
    held_out: BoolArray = array_field()
    through: int
    zone: Zone
    definition: str
    dropped: Mapping[str, int] = field(factory=dict, converter=_counts, eq=False)
    _because: IntArray = array_field()
    _since: IntArray = array_field()
    _words: tuple[tuple[str, str], ...] = field()

    __setstate__ = seal

    @property
    def rule(self) -> Array:
        """Name of each row's rule, shape (n,)."""
        return self._named(self.rules)

    @property
    def action(self) -> Array:
        """What each row's rule sends, shape (n,)."""
        return self._named(self.actions)

    @property
    def channel(self) -> Array:
        """How each row's rule sends it, None where the rule does not say; shape (n,)."""
        return self._named(self.channels)

    @property
    def status(self) -> Array:
        """Status of each row, shape (n,)."""
        return frozen_array(np.array(STATUSES, dtype=object)[self.status_code])

    @property
    def reason(self) -> Array:
        """Why each row has its status, in words; shape (n,)."""
        # Rows of one minute share their words: each text is written once.
        clock = np.where(self._since == MISSING, 0, self.zone.to_wall(self._since) // _MINUTE + _PLACES // 2)
        keys, which = np.unique(self._because.astype(np.int64) * _PLACES + clock, return_inverse=True)
        texts = [self._text(key // _PLACES, key % _PLACES) for key in keys.tolist()]
        return frozen_array(np.array([*texts, ""], dtype=object)[which])

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each status, those without a row included."""
        counted = np.bincount(self.status_code, minlength=len(STATUSES))
        return dict(zip(STATUSES, counted.tolist(), strict=True))

    @property
    def counts_by_rule(self) -> dict[str, dict[str, int]]:
        """Rows of each status, by rule."""
        return {name: self._where(self.rule_code == code).counts for code, name in enumerate(self.rules)}

    def filter(self, status: str | Iterable[str] | None = None, *, rule: str | Iterable[str] | None = None) -> DueList:
        """Return some of the rows.

        Parameters
        ----------
        status
            Statuses to keep; by default all.
        rule
            Names of the rules to keep; by default all.

        Returns
        -------
        DueList

        Raises
        ------
        InvalidDataError
            If there is no such status or rule.

        Examples
        --------
        >>> base = clm.CustomerBase(orders=clm.datasets.cdnow(), through="1998-06-30")
        >>> everybody = clm.due(clm.metrics.rules.win_back("180d"), base)
        >>> len(everybody), len(everybody.filter("due"))
        (2357, 166)
        """
        kept = np.ones(len(self), bool)
        if status is not None:
            kept &= np.isin(self.status_code, _codes(status, STATUSES, "status"))
        if rule is not None:
            kept &= np.isin(self.rule_code, _codes(rule, self.rules, "rule"))
        return self._where(kept)

    def sent(self) -> dict[str, Array]:
        """Return the due rows as messages sent at the moment of the list, for the next call's ``sent=``.

        Returns
        -------
        dict of str to ndarray
            ``customer_id``, ``at`` (datetimes in UTC), ``rule`` and ``channel``.

        Examples
        --------
        >>> base = clm.CustomerBase(orders=clm.datasets.cdnow(), through="1998-06-30")
        >>> today = clm.due(clm.metrics.rules.win_back("180d"), base)
        >>> clm.due(clm.metrics.rules.win_back("180d"), base, sent=today.sent()).counts["due"]
        0
        """
        due = self.filter("due")
        # With its zone: whatever zone the next call reads naive times in.
        at = np.full(len(due), moment(self.through), dtype=object)
        return {
            "customer_id": due.customer,
            "at": frozen_array(at),
            "rule": due.rule,
            "channel": due.channel,
        }

    def to_columns(self) -> dict[str, Array]:
        """Return one row a candidate: who, which action, its status and why, and when."""
        return {
            "customer_id": self.customer,
            "rule": self.rule,
            "action": self.action,
            "channel": self.channel,
            "status": self.status,
            "reason": self.reason,
            "due_at": self.due_at,
            "expires_at": self.expires_at,
            "triggered_at": self.triggered_at,
            "next_at": self.next_at,
            "held_out": self.held_out,
        }

    def __len__(self) -> int:
        return len(self.customer)

    def __repr__(self) -> str:
        counted = ", ".join(f"{status} {count:,}" for status, count in self.counts.items() if count)
        return f"<DueList through {describe(self.through, self.zone)}: {counted or 'no candidates'}>"

    def _where(self, kept: BoolArray) -> DueList:
        return evolve(
            self,
            customer=frozen_array(self.customer[kept]),
            rule_code=frozen_array(self.rule_code[kept]),
            status_code=frozen_array(self.status_code[kept]),
            triggered_at=frozen_array(self.triggered_at[kept]),
            due_at=frozen_array(self.due_at[kept]),
            expires_at=frozen_array(self.expires_at[kept]),
            next_at=frozen_array(self.next_at[kept]),
            held_out=frozen_array(self.held_out[kept]),
            because=frozen_array(self._because[kept]),
            since=frozen_array(self._since[kept]),
        )

    def _named(self, names: tuple[str | None, ...]) -> Array:
        values = np.empty(len(names), dtype=object)
        values[:] = names
        return frozen_array(values[self.rule_code])

    def _text(self, because: int, clock: int) -> str:
        before, after = self._words[because]
        if not clock:
            return f"{before}{after}"
        wall = np.datetime64((clock - _PLACES // 2) * _MINUTE, "us")
        return f"{before}{np.datetime_as_string(wall, unit='m').replace('T', ' ')}{after}"


def _codes(asked: str | Iterable[str], known: tuple[str, ...], what: str) -> list[int]:
    names = [asked] if isinstance(asked, str) else list(asked)
    for name in names:
        if name not in known:
            raise InvalidDataError(f"{what} {name!r} is not one of {', '.join(known)}.{nearest(str(name), known)}")
    return [known.index(name) for name in names]
