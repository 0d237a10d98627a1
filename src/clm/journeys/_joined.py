"""Several lifecycles of the same customers, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import field, frozen

from clm.core import FrozenMapping
from clm.errors import InvalidDataError
from clm.journeys._log import StageLog
from clm.journeys._visits import Columns
from clm.stats import frozen_array

if TYPE_CHECKING:
    from clm.typing import Array


def _logs(logs: Any) -> FrozenMapping[str, StageLog]:
    if not isinstance(logs, Mapping) or not logs:
        raise InvalidDataError(
            f"logs must be a mapping of names to StageLogs, as clm.replay returns them, not {logs!r}."
        )
    odd = [name for name, log in logs.items() if not isinstance(name, str) or not isinstance(log, StageLog)]
    if odd:
        raise InvalidDataError(f"logs[{odd[0]!r}] is no named StageLog. Give what clm.replay returns by name.")
    if "customer_id" in logs:
        raise InvalidDataError("a log cannot be called 'customer_id': that is the column of customers. Rename it.")
    text = {log.customer.dtype.kind in "OU" for log in logs.values() if len(log.customer)}
    if len(text) > 1:
        raise InvalidDataError("customer ids are text in some logs and numbers in others. Replay them with one type.")
    return FrozenMapping(logs)


@final
@frozen(repr=False)
class StageLogs(Mapping[str, StageLog]):
    """Logs of several lifecycles, joined by customer: a mapping of name to log.

    A customer may be loyal in the shop while his subscription is past due. Each machine is replayed by itself, from
    the same log of touchpoints or another, and they meet here.

    Parameters
    ----------
    logs : mapping of str to StageLog
        What ``clm.replay`` returned, by name.

    Raises
    ------
    InvalidDataError
        If there is no log, an entry is none, or customer ids are text in one and numbers in another.

    Examples
    --------
    >>> events = {
    ...     "customer_id": ["ann", "bob", "ann"],
    ...     "at": ["2025-01-03", "2025-01-05", "2025-02-01"],
    ...     "kind": ["order", "visit", "payment_succeeded"],
    ... }
    >>> both = clm.StageLogs(
    ...     {
    ...         "shop": clm.replay(events, clm.lifecycles.five_stage(), through="2025-02-28"),
    ...         "plan": clm.replay(events, clm.lifecycles.subscription(), through="2025-02-28"),
    ...     }
    ... )
    >>> {name: column.tolist() for name, column in both.stage_at("2025-02-01").items()}
    {'customer_id': ['ann', 'bob'], 'shop': ['conversion', 'reach'], 'plan': ['active', None]}
    """

    _logs: Mapping[str, StageLog] = field(converter=_logs)

    def stage_at(self, when: Any) -> Columns:
        """Return the stage of every customer in every lifecycle at a moment.

        Parameters
        ----------
        when
            A date, whose last instant is meant, a datetime or ISO text; naive ones are read in each log's zone.

        Returns
        -------
        mapping of str to ndarray
            ``customer_id``, ascending, and one column a log; None where a customer had not begun in it.

        Raises
        ------
        InvalidDataError
            If the moment is after the end of a log.
        """
        placed = {name: log.stage_at(when) for name, log in self._logs.items()}
        customer = np.unique(np.concatenate([each.customer for each in placed.values() if len(each)] or [np.empty(0)]))
        columns: dict[str, Array] = {"customer_id": frozen_array(customer)}
        for name, each in placed.items():
            stage = np.full(len(customer), None, dtype=object)
            stage[np.searchsorted(customer, each.customer)] = each.stage
            columns[name] = frozen_array(stage)
        return Columns(columns)

    def __getitem__(self, name: str) -> StageLog:
        return self._logs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._logs)

    def __len__(self) -> int:
        return len(self._logs)

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        return f"<StageLogs: {', '.join(self._logs)}>"
