"""Order logs in a database or a plan: checked and reduced there, so that only one row a customer comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import narwhals.stable.v2 as nw
import numpy as np
from attrs import evolve, frozen

from clm.errors import InvalidDataError
from clm.frames._amounts import FINEST, ROUNDING, Exact
from clm.frames._column import read_series
from clm.frames._gaps import nanos, with_log_units
from clm.frames._histories import Histories
from clm.frames._ids import sort_ids
from clm.frames._kept import KEPT, kept_plan
from clm.frames._plan import AMOUNT, AT, ID, PERIOD, Plan, count, integer_sum
from clm.frames._source import collect

if TYPE_CHECKING:
    from clm.frames._rules import Rules
    from clm.typing import FloatArray, IntArray

WHOLE: Final = "clm_whole"
REST: Final = "clm_rest"
UNITS: Final = "clm_units"
GAP: Final = "clm_gap"
TIED: Final = "clm_tied"


@final
@frozen(eq=False)
class LazyOrders:
    """The rows that count, as a plan; attributes as those of `Orders`.

    Attributes
    ----------
    has_amounts, negative, even : bool
        Whether there are amounts, negative ones among them, and none that whole numbers cannot hold.
    """

    plan: Plan
    rules: Rules
    exact: Exact
    dropped: dict[str, int]
    has_amounts: bool
    negative: bool
    even: bool

    @property
    def parts(self) -> tuple[str, ...]:
        """Columns that amounts are split into: most logs need no rest."""
        return (WHOLE,) if self.even else (WHOLE, REST)

    @property
    def note(self) -> str:
        """How times were read."""
        return self.plan.note

    @property
    def through(self) -> int:
        """The last instant that counts."""
        assert self.rules.through is not None
        return self.rules.through

    def histories(self, *, after: int | None = None) -> tuple[Histories, int]:
        """Return purchase histories, and how many occasions refunds took back, as `Orders.histories`."""
        occasions = self._occasions(after, amounts=self.has_amounts)
        refunded = self._refunded(occasions)
        gaps = after is None
        customers = self._per_customer(occasions, refunded=refunded, gaps=gaps)
        found = collect(customers, self.plan.engine, self.plan.what)
        customer, order = sort_ids(read_series(found[ID]), ID)
        column = {name: found[name].to_numpy()[order] for name in found.columns if name != ID}
        counts = {name: values.astype(np.int64) for name, values in column.items() if values.dtype.kind in "iu"}
        values = self._values({**column, **counts}, refunded=refunded) if self.has_amounts else (None, None, None)
        spans = (counts[name] for name in ("occasions", "first", "last", "first_at"))
        between = (counts[GAP], counts[TIED]) if gaps else (None, None)
        return Histories(customer, *spans, *values, *between), refunded

    def _values(self, column: dict[str, Any], *, refunded: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        def parts(stage: str) -> tuple[Any, Any]:
            return column[f"{WHOLE}_{stage}"], 0.0 if self.even else column[f"{REST}_{stage}"]

        first, bought = parts("first"), parts("bought")
        repeat = bought[0] - first[0], bought[1] - first[1]
        total = parts("total") if refunded else bought
        return self.exact.join(*first), self.exact.join(*repeat), self.exact.join(*total)

    def cells(self) -> tuple[dict[str, IntArray], int]:
        """Return distinct (occasions, first, last) with the customers of each, and how many occasions refunds took.

        With them the sums of `nanos` over the customers, and how many gaps are none.
        """
        occasions = self._occasions(None, amounts=self.negative)
        refunded = self._refunded(occasions)
        if refunded:
            occasions = occasions.filter(~self._is_refund())
        customers = (
            _with_gaps(occasions)
            .group_by(ID)
            .agg(occasions=nw.len().cast(nw.Int64()), first=nw.col(PERIOD).min(), last=nw.col(PERIOD).max(), **_GAPS)
        )
        units, repeats = nw.col(GAP).cast(nw.Float64()), (nw.col("occasions") - 1).cast(nw.Float64())
        slot = float(self.rules.ages(np.array([1]))[0])
        customers = customers.with_columns(nanos(units, repeats, slot).floor().cast(nw.Int64()).alias(GAP))
        keys = ("occasions", "first", "last")
        found = collect(
            customers.group_by(*keys).agg(weight=nw.len().cast(nw.Int64()), **_GAPS), self.plan.engine, self.plan.what
        )
        names = {"weight": "weight", GAP: "nanos", TIED: "tied"} | {key: key for key in keys}
        return {name: found[column].to_numpy().astype(np.int64) for column, name in names.items()}, refunded

    def bought(self) -> Any:
        """Return the purchase occasions, those that refunds took back left out."""
        occasions = self._occasions(None, amounts=self.negative)
        return occasions.filter(~self._is_refund()) if self.negative else occasions

    def _occasions(self, after: int | None, *, amounts: bool) -> Any:
        frame = self.plan.frame
        if after is not None:
            frame = frame.filter(nw.col(AT) > after)
        if amounts:
            frame = _split(frame, self.exact)
        calendar = self.rules.calendar
        if calendar is None:
            return frame.with_columns(nw.col(AT).alias(PERIOD))
        aggregates = {AT: nw.col(AT).min()} | (self._sums("") if amounts else {})
        return self.plan.with_period(frame, calendar).group_by(ID, PERIOD).agg(**aggregates)

    def _sums(self, stage: str) -> dict[str, Any]:
        sums = {WHOLE: integer_sum(WHOLE), REST: nw.col(REST).sum()}
        return {part + stage: sums[part] for part in self.parts}

    def _is_refund(self) -> Any:
        whole = nw.col(WHOLE)
        return whole < 0 if self.even else whole.cast(nw.Float64()) + nw.col(REST) < 0

    def _refunded(self, occasions: Any) -> int:
        if not self.negative:
            return 0
        row = collect(occasions.filter(self._is_refund()).select(n=nw.len()), self.plan.engine, self.plan.what)
        return int(row["n"].to_list()[0])

    def _per_customer(self, occasions: Any, *, refunded: int, gaps: bool) -> Any:
        bought = occasions.filter(~self._is_refund()) if refunded else occasions
        aggregates = {
            "occasions": nw.len().cast(nw.Int64()),
            "first": nw.col(PERIOD).min(),
            "last": nw.col(PERIOD).max(),
            "first_at": nw.col(AT).min(),
        } | (_GAPS if gaps else {})
        apart = _with_gaps(bought) if gaps else bought
        if not self.has_amounts:
            return apart.group_by(ID).agg(**aggregates)
        customers = apart.group_by(ID).agg(**aggregates, **self._sums("_bought"))
        firsts = bought
        if self.rules.calendar is None:
            # Of orders at one instant the smallest comes first, as in memory.
            firsts = _split(bought.group_by(ID, PERIOD).agg(**{AMOUNT: nw.col(AMOUNT).min()}), self.exact)
        firsts = firsts.select(ID, first=PERIOD, **{f"{part}_first": nw.col(part) for part in self.parts})
        # A join, not a window: it needs less memory, and no engine orders rows for it.
        customers = customers.join(firsts, on=[ID, "first"], how="inner")
        if refunded:
            totals = occasions.group_by(ID).agg(**self._sums("_total"))
            customers = customers.join(totals, on=ID, how="inner")
        return customers


_GAPS: Final = {name: integer_sum(name) for name in (GAP, TIED)}


def _with_gaps(occasions: Any) -> Any:
    return with_log_units(occasions, ID, PERIOD, units=GAP, tied=TIED)


def _split(frame: Any, exact: Exact) -> Any:
    """Add the columns that `Exact.split` computes, by the same operations.

    There is no division among them: Polars divides by a constant by multiplying with its inverse.
    """
    if not exact.factor:
        return frame.with_columns(nw.lit(0).cast(nw.Int64()).alias(WHOLE), nw.col(AMOUNT).alias(REST))
    units = nw.col(AMOUNT) * exact.factor
    frame = frame.with_columns(units.alias(UNITS), (units + 0.5).floor().alias(REST))
    rest = nw.col(UNITS) - nw.col(REST)
    rounded = nw.when(rest.abs() <= nw.col(UNITS).abs() * ROUNDING).then(nw.lit(0.0)).otherwise(rest)
    return frame.with_columns(nw.col(REST).cast(nw.Int64()).alias(WHOLE), rounded.alias(REST))


def read_lazy_orders(plan: Plan, rules: Rules) -> LazyOrders:
    """Check the rows of a plan.

    Parameters
    ----------
    plan
        The frame.
    rules
        Options.

    Raises
    ------
    InvalidDataError
        As `read_orders`.
    """
    amount = plan.names.get("amount")
    asked = {}
    if amount is not None:
        amounts, units = nw.col(AMOUNT), nw.col(AMOUNT) * FINEST
        asked = {
            "uneven": count(KEPT & ((units - (units + 0.5).floor()).abs() > units.abs() * ROUNDING)),
            "bad": count(KEPT & (amounts.is_null() | ~amounts.is_finite())),
            "negative": count(KEPT & (amounts < 0)),
            "largest": nw.when(KEPT).then(amounts.abs()).otherwise(None).max(),
        }
    plan, dropped, facts = kept_plan(plan, asked, start=rules.start, through=rules.through)
    through = int(facts["last"]) if rules.through is None else rules.through
    exact, negative, even = Exact(0.0), False, True
    if amount is not None:
        negative = _checked(facts, rules, dropped, amount)
        exact = Exact.of(float(facts["largest"]), int(facts["kept"]))
        even = exact.factor == FINEST and not facts["uneven"]
        if negative and rules.refunds == "ignore":
            plan, negative = evolve(plan, frame=plan.frame.filter(nw.col(AMOUNT) >= 0)), False
    rules = evolve(rules, through=through)
    return LazyOrders(plan, rules, exact, dropped, amount is not None, negative, even)


def _checked(facts: dict[str, Any], rules: Rules, dropped: dict[str, int], name: str) -> bool:
    """Refuse what amounts may not be, and say whether some are negative."""
    rows = int(facts["rows"])
    if facts["bad"]:
        raise InvalidDataError(
            f"column {name!r} holds amounts that are missing or infinite in {int(facts['bad']):,} of {rows:,} rows. "
            "Give each order its amount, or leave those rows out."
        )
    if facts["negative"] and rules.refunds == "raise":
        raise InvalidDataError(
            f"column {name!r} is negative in {int(facts['negative']):,} of {rows:,} rows. "
            "Choose refunds='net' or refunds='ignore'."
        )
    if facts["negative"] and rules.refunds == "ignore":
        dropped["refunds"] = int(facts["negative"])
    return bool(facts["negative"])
