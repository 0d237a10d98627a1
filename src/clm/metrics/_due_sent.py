"""What was sent before, as rules and caps look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.data import MISSING
from clm.frames._epoch import instants
from clm.frames._ids import BLANK, NULL, identify
from clm.frames._source import open_table
from clm.frames._texts import coded_text
from clm.metrics._due_events import check_same_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.data import Zone
    from clm.metrics._rules import Rule
    from clm.typing import Array, BoolArray, IntArray

_NOTHING: Final = np.empty(0, np.int64)


@final
@frozen(kw_only=True, eq=False)
class Sent:
    """Messages up to a moment, by customer and in order of time.

    Attributes
    ----------
    whose, at : (n,) ndarray of int64
        Place of each message's customer among those of the base, and its instant.
    rule, channel : (n,) ndarray of str or None
        What sent it, and how.
    size : int
        How many customers the base has.
    dropped : dict of str to int
        Messages that do not count, by reason.
    """

    whose: IntArray
    at: IntArray
    rule: Array
    channel: Array
    size: int
    dropped: dict[str, int]

    @classmethod
    def of(cls, frame: Any, customer: Array, rules: Sequence[Rule], through: int, zone: Zone) -> Sent:
        """Read a history of messages: ``customer_id, at, rule``, and ``channel``, else that of the rule.

        Raises
        ------
        InvalidDataError
            If a column is missing or cannot be read, or customers are named in another way than in the base.
        """
        nothing = np.empty(0, dtype=object)
        if frame is None:
            return cls(whose=_NOTHING, at=_NOTHING, rule=nothing, channel=nothing, size=len(customer), dropped={})
        table = open_table(
            frame, {}, required=("customer", "at", "rule"), optional=("channel",), what="sent"
        ).collected()
        ids = identify(table).dense()
        labels = ids.labels(np.arange(ids.size))
        check_same_ids(labels, customer, "sent")
        at = instants(table.column("at"), table.names["at"], zone).values
        rule = _texts(table, "rule")
        channel = _texts(table, "channel") if table.has("channel") else _channels(rule, rules)
        whose = _places(ids.keys, labels, customer)
        kept, dropped = _counted(ids.keys, whose, at, through)
        rows = np.flatnonzero(kept)
        rows = rows[np.lexsort([at[rows], whose[rows]])]
        return cls(
            whose=whose[rows],
            at=at[rows],
            rule=rule[rows],
            channel=channel[rows],
            size=len(customer),
            dropped=dropped,
        )

    def last(self, rule: str) -> IntArray:
        """Return when a rule last sent something to each customer, ``MISSING`` where it never did."""
        last = np.full(self.size, MISSING)
        its = np.flatnonzero(self.rule == rule)
        np.maximum.at(last, self.whose[its], self.at[its])
        return last


def _texts(table: Any, role: str) -> Array:
    coded = coded_text(table, role)
    # Code -1 is that of none, and reads the entry that is put last.
    values = np.empty(len(coded.values) + 1, dtype=object)
    values[:-1] = coded.values
    return values[coded.codes]


def _channels(rule: Array, rules: Sequence[Rule]) -> Array:
    channel = np.full(len(rule), None, dtype=object)
    for known in rules:
        channel[rule == known.name] = known.channel
    return channel


def _places(keys: IntArray, labels: Array, customer: Array) -> IntArray:
    """Return the place of each row's customer, -1 where the base does not have him."""
    places = np.full(len(keys), -1)
    if not labels.size or not customer.size:
        return places
    found = np.minimum(np.searchsorted(customer, labels), len(customer) - 1)
    known = np.where(customer[found] == labels, found, -1)
    places[keys >= 0] = known[keys[keys >= 0]]
    return places


def _counted(keys: IntArray, whose: IntArray, at: IntArray, through: int) -> tuple[BoolArray, dict[str, int]]:
    faults = {
        "null ids": keys == NULL,
        "blank ids": keys == BLANK,
        "null times": at == MISSING,
        "after through": at > through,
        "customers who are not in the base": whose < 0,
    }
    kept, dropped = np.ones(len(at), bool), {}
    for reason, bad in faults.items():
        if (kept & bad).any():
            dropped[reason] = int(np.count_nonzero(kept & bad))
            kept &= ~bad
    return kept, dropped
