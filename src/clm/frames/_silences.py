"""Suggest the lengths of timeouts from a log of touchpoints in any dataframe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clm.core import FrozenMapping
from clm.data import MISSING, Zone, days_in, parse_through
from clm.errors import InvalidDataError, nearest
from clm.frames._epoch import instants
from clm.frames._ids import identify
from clm.frames._source import open_table
from clm.frames._texts import coded_text
from clm.journeys import StageLog, TimeoutLengths, timeout_lengths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clm.frames._source import Table
    from clm.typing import BoolArray, Unit

_QUANTILES: Final[Mapping[str, float]] = FrozenMapping({"at_risk": 0.9, "lapsed": 0.975})


def suggest_timeouts(
    events: Any,
    *,
    of: str | Sequence[str] | None = None,
    quantiles: Mapping[str, float] = _QUANTILES,
    through: Any = None,
    customer: str | None = None,
    at: str | None = None,
    kind: str | None = None,
    unit: Unit = "day",
    tz: Any = "UTC",
) -> TimeoutLengths:
    """Suggest how long a silence should be before it means something: lengths for the timeouts of a lifecycle.

    A customer who has been silent for longer than nine in ten silences that ended is at risk. Silences that have not
    ended yet are censored, and every customer counts once, so that neither newcomers nor the most active decide.

    Parameters
    ----------
    events
        One row a touchpoint: any dataframe, or a `Source`.
    of
        The kind, or kinds, whose silence is measured, as in ``Timeout(of=...)``; every row where None.
    quantiles
        For each length, by name, the share of the silences that end which are no longer. Which shares make a customer
        at risk or lapsed is for you to say: the defaults are assumptions.
    through
        Last moment up to which the log is complete, included; a bare date means the end of that day. Default: the last
        row's instant.
    customer, at, kind
        Names of the columns with the customer, the time and, where `of` is given, the kind of touchpoint.
    unit
        Unit of the lengths.
    tz
        The zone in which naive times are read.

    Returns
    -------
    TimeoutLengths
        A mapping of name to `Estimate`; ``timeouts()`` rounds them up for a lifecycle, ``come_back`` is the share of
        silences that end, and ``silence`` the whole curve.

    Raises
    ------
    InvalidDataError
        If a column is missing or cannot be read, no row is of the kinds, or a share is not inside (0, 1).

    Notes
    -----
    The curve is Kaplan and Meier's on silences, with the weights of Wang and Chang [1]_: the ended silences of a
    customer count 1 together, and his open one only where there is no other. A length is the first at which the share
    of ended silences reaches the quantile times the share that ever end, as far as the log can tell: the longest
    silence that was seen to end. Its interval inverts the test of that crossing, with errors by customer. It assumes
    that the silences of one customer are alike: where they grow longer before he leaves, lengths come out short.
    Several touchpoints at one instant are one. With fewer than 10 customers who came back lengths are undefined.

    References
    ----------
    .. [1] Wang and Chang (1999), JASA 94, 146-153.

    Examples
    --------
    >>> base = clm.datasets.cdnow()
    >>> lengths = clm.suggest_timeouts(base, through="1998-06-30")
    >>> lengths
    <TimeoutLengths: at_risk 317, lapsed 461 (days; 2,357 customers)>
    >>> shop = clm.lifecycles.five_stage(**lengths.timeouts())
    """
    if isinstance(events, StageLog):
        raise InvalidDataError(
            "silence is measured on touchpoints, but a StageLog keeps visits alone. Give the events that were replayed."
        )
    days_in(unit)
    zone = Zone.of(tz)
    last = None if through is None else parse_through(through, zone)
    roles = ("customer", "at") if of is None else ("customer", "at", "kind")
    named = {"customer": customer, "at": at, "kind": kind if of is not None else None}
    table = open_table(events, named, required=roles, what="events").collected()
    when = instants(table.column("at"), table.names["at"], zone).values
    ids = identify(table).dense()
    usable: BoolArray = np.ones(len(when), bool)
    dropped: dict[str, int] = {}
    reasons = {"null or blank ids": ids.keys < 0, "null times": when == MISSING}
    if of is not None:
        reasons["other kinds"] = ~_of_kinds(table, of)
    if last is not None:
        reasons["after through"] = when > last
    for reason, bad in reasons.items():
        number = int((usable & bad).sum())
        if number:
            dropped[reason] = number
            usable &= ~bad
    if last is None:
        last = int(when[(ids.keys >= 0) & (when != MISSING)].max(initial=MISSING))
    what = "touchpoints" if of is None else " or ".join([of] if isinstance(of, str) else of)
    return timeout_lengths(
        ids.keys[usable], when[usable], through=last, quantiles=quantiles, unit=unit, what=what, dropped=dropped
    )


def _of_kinds(table: Table, of: str | Sequence[str]) -> BoolArray:
    kinds = coded_text(table, "kind")
    if not isinstance(of, str) and not hasattr(of, "__iter__"):
        raise InvalidDataError(f"of must be a kind or a list of kinds, not {of!r}.")
    wanted = [of] if isinstance(of, str) else list(of)
    there = kinds.values.tolist()
    absent = [name for name in wanted if name not in there]
    if absent or not wanted:
        raise InvalidDataError(
            f"of={of!r} names no kind of the log, which has {', '.join(map(repr, there[:10])) or 'none'}."
            f"{nearest(str(absent[0]), there) if absent else ''}"
        )
    chosen = np.append([name in wanted for name in there], False).astype(bool)
    return np.asarray(chosen[kinds.codes])  # a missing kind is -1: the last entry
