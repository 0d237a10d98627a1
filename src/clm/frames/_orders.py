"""Order logs in memory: check every row, then reduce them with numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import evolve, frozen

from clm.data import MISSING
from clm.errors import InvalidDataError
from clm.frames._amounts import Exact
from clm.frames._epoch import instants
from clm.frames._histories import Histories, Occasions
from clm.frames._ids import Ids, identify
from clm.frames._kept import kept_rows
from clm.stats import where

if TYPE_CHECKING:
    from clm.frames._rules import Rules
    from clm.frames._source import Table
    from clm.typing import BoolArray, FloatArray, IntArray


@final
@frozen(eq=False)
class Orders:
    """The rows that count, as arrays.

    Attributes
    ----------
    ids : Ids
        Customers; its keys are those of the frame's rows.
    customer, at : (n,) ndarray of int64
        Key of the customer and UTC instant.
    amounts : (n,) ndarray of float64, or None
        Amounts.
    rules : Rules
        Options, `through` filled in.
    exact : Exact
        How amounts are added up.
    dropped : dict of str to int
        Rows that were left out, by reason.
    note : str
        How times were read.
    """

    ids: Ids
    customer: IntArray
    at: IntArray
    amounts: FloatArray | None
    rules: Rules
    exact: Exact
    dropped: dict[str, int]
    note: str

    @property
    def has_amounts(self) -> bool:
        """Whether there are amounts."""
        return self.amounts is not None

    @property
    def through(self) -> int:
        """The last instant that counts."""
        assert self.rules.through is not None
        return self.rules.through

    def histories(self, *, after: int | None = None) -> tuple[Histories, int]:
        """Return purchase histories, and how many occasions refunds took back.

        Parameters
        ----------
        after
            Take only rows after an instant; the gaps between them are not asked for.
        """
        log = self
        if after is not None:
            rows = self.at > after
            amounts = None if self.amounts is None else self.amounts[rows]
            log = evolve(self, customer=self.customer[rows], at=self.at[rows], amounts=amounts)
        occasions = log.occasions()
        histories = occasions.histories(self.exact, gaps=after is None)
        return evolve(histories, customer=self.ids.labels(histories.customer)), int(occasions.refunded.sum())

    def occasions(self) -> Occasions:
        """Merge rows into purchase occasions."""
        calendar = self.rules.calendar
        if calendar is None:
            return Occasions.by_row(self.customer, self.at, self.amounts, self.exact)
        return Occasions.by_period(self.customer, calendar.index(self.at), self.at, self.amounts, self.exact)


def read_orders(table: Table, rules: Rules) -> Orders:
    """Read and check the rows of an eager table.

    Raises
    ------
    InvalidDataError
        If a column cannot be read, an amount is missing or infinite, a refund is to be refused, or no row is left.
    """
    ids = identify(table)
    read = instants(table.column("at"), table.names["at"], rules.zone)
    at = read.values
    amounts = table.column("amount").numbers(table.names["amount"]) if table.has("amount") else None
    kept, dropped = kept_rows(ids, at, start=rules.start, through=rules.through, what=table.what)
    through = int(at.max(where=kept, initial=MISSING)) if rules.through is None else rules.through
    exact = Exact(0.0)
    if amounts is not None:
        _check_amounts(amounts, kept, rules.refunds, table.names["amount"])
        exact = Exact.of(float(np.abs(amounts).max(where=kept, initial=0.0)), int(kept.sum()))
        negative = kept & (amounts < 0)
        if rules.refunds == "ignore" and negative.any():
            dropped["refunds"] = int(negative.sum())
            kept &= ~negative
    keys = ids.keys
    if dropped:
        keys, at = keys[kept], at[kept]
        amounts = None if amounts is None else amounts[kept]
    return Orders(ids, keys, at, amounts, evolve(rules, through=through), exact, dropped, read.note)


def _check_amounts(amounts: FloatArray, kept: BoolArray, refunds: str, name: str) -> None:
    bad = kept & ~np.isfinite(amounts)
    if bad.any():
        raise InvalidDataError(
            f"column {name!r} holds amounts that are missing or infinite {where(bad)}. "
            "Give each order its amount, or leave those rows out."
        )
    negative = kept & (amounts < 0) if refunds == "raise" else bad
    if negative.any():
        raise InvalidDataError(
            f"column {name!r} is negative {where(negative)}. Choose refunds='net' or refunds='ignore'."
        )
