"""One customer base: its tables, and everything that is derived from them, once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import evolve, field, frozen

from clm.data import Zone, parse_through
from clm.errors import InvalidDataError, nearest
from clm.frames import retention_table
from clm.lifecycles import five_stage
from clm.ltv import BGNBD, GammaGamma
from clm.metrics._answers import scored
from clm.metrics._fits import Purchases
from clm.metrics._histories import Histories, join
from clm.metrics._options import SCALES, check_currency, check_lifecycle, scales_field, table_field
from clm.metrics._period import Period, check_complete, check_dates, period_of
from clm.metrics._protocol import TABLES
from clm.metrics._tables import ORDER, Rows, has_refunds, is_empty, last_dated, read
from clm.retention import RetentionDefinition
from clm.stats import seal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clm.core import Lifecycle
    from clm.data import RFM
    from clm.journeys import StageLog
    from clm.ltv import GammaGammaFit, PurchaseFit
    from clm.retention import RetentionTable
    from clm.satisfaction import CES, CSAT, NPS, Scale
    from clm.typing import Array


@final
@frozen(kw_only=True, slots=False, repr=False)
class CustomerBase:
    """A customer base: up to five tables, the lifecycle they are read by, and the time they cover.

    Tables are read when something needs them, and everything derived (purchase histories, stages, scores, fitted
    models) is computed once, so that the scorecard and a report share it. A missing table is no error until then:
    metrics that need it say so. Do not change a table after it is given.

    Parameters
    ----------
    orders : frame or Source, optional
        ``customer_id, at``, and ``amount`` where money is asked for; a negative amount is a refund.
    touchpoints : frame or Source, optional
        ``customer_id, at, kind``, and ``channel, amount, score`` where the lifecycle looks at them. Each order is a
        touchpoint of kind ``"order"`` too; rows of that kind here do not count where `orders` is given.
    customers : frame or Source, optional
        ``customer_id``, and ``acquired_at``, ``channel`` and the attributes that timeouts name; one row a customer.
    lifecycle : Lifecycle, optional
        By default ``clm.lifecycles.five_stage()``.
    currency : str
        What amounts and costs are in; nothing is converted.
    start : date, optional
        First moment of the period that metrics report on; rows before it still count as history. By default all.
    through : date, optional
        Last moment up to which the tables are complete, a bare date to its end; later rows are left out. By default
        the last dated row of orders, touchpoints and answers.
    answers : frame or Source, optional
        ``at, kind`` (``nps``, ``csat``, ``ces``), ``score``, and ``customer_id`` where known.
    scales : mapping of str to Scale, optional
        The scale of each kind of answer; by default 0 to 10 for ``nps``, 1 to 5 for ``csat``, 1 to 7 for ``ces``.
    channels : frame or Source, optional
        Totals that name no customers: ``channel, at``, and any of ``impressions, visits, clicks, followers, cost``.
    tz : str or tzinfo
        Time zone of naive times and of days.

    Raises
    ------
    InvalidDataError
        If an option is not what it must be; a table that cannot be read raises when it is first needed.

    Examples
    --------
    >>> base = clm.CustomerBase(orders=clm.datasets.cdnow(), through="1998-06-30")
    >>> base.rfm.n
    2357
    >>> base.between("1998-01-01", "1998-03-31").scope
    'from 1998-01-01 through 1998-03-31'
    """

    orders: Any = table_field()
    touchpoints: Any = table_field()
    customers: Any = table_field()
    lifecycle: Lifecycle = field(factory=five_stage, validator=check_lifecycle)
    currency: str = field(default="USD", validator=check_currency)
    start: Any = None
    through: Any = None
    answers: Any = table_field()
    scales: Mapping[str, Scale] = scales_field()
    channels: Any = table_field()
    tz: Any = "UTC"
    # What was read and derived. No part of the value: equal bases may have derived different things by now.
    _read: dict[str, Rows] = field(init=False, eq=False, factory=dict)
    _derived: dict[Any, Any] = field(init=False, eq=False, factory=dict)

    __setstate__ = seal

    def __attrs_post_init__(self) -> None:
        check_dates(self.start, self.through, self._zone)

    def between(self, start: Any, through: Any = None) -> CustomerBase:
        """Return the same base, reporting on a period.

        Rows before `start` stay as history: a customer who ordered before it is not new in the period, and purchase
        histories and stages are those of his whole life. Rows after `through` are left out.

        Parameters
        ----------
        start
            First moment of the period; a bare date from its start.
        through
            Last moment; a bare date to its end. By default that of this base.

        Returns
        -------
        CustomerBase

        Raises
        ------
        InvalidDataError
            If the period ends before it starts, or after this base does.

        Examples
        --------
        >>> base = clm.CustomerBase(orders=clm.datasets.cdnow(), through="1998-06-30")
        >>> clm.metrics.measure("new_customers", base.between("1998-04-01")).value
        0.0
        """
        check_complete(through, self.through, self._zone)
        part = evolve(self, start=start, through=self.through if through is None else through)
        part._read.update(self._read)  # noqa: SLF001  # its own kind, and the rows read are the same
        return part

    @cached_property
    def period(self) -> Period:
        """What metrics report on.

        Raises
        ------
        InvalidDataError
            If neither `through` nor any row says when it ends.
        """
        last = self._last_dated
        if last is None:
            raise InvalidDataError("nothing in this base is dated, so that its end is unknown. Give through=.")
        return period_of(self.start, last, self._zone)

    @property
    def is_dated(self) -> bool:
        """Whether `through` or any row says when the period ends."""
        return self._last_dated is not None

    @property
    def scope(self) -> str:
        """The period in words, as ``"through 1998-06-30"``."""
        return self.period.words if self.is_dated else "with nothing dated"

    @property
    def start_at(self) -> np.datetime64 | None:
        """First instant of the period, UTC; None where it begins with the data."""
        return None if self.period.first is None else np.datetime64(self.period.first, "us")

    @property
    def through_at(self) -> np.datetime64:
        """Last instant of the period, UTC."""
        return np.datetime64(self.period.last, "us")

    def lacks(self, table: str) -> str | None:
        """Say why a table cannot be used, or nothing.

        Parameters
        ----------
        table
            One of orders, touchpoints, customers, answers, channels. Orders serve as touchpoints.

        Returns
        -------
        str or None
            The reason: it was not given, or has no rows.

        Raises
        ------
        InvalidDataError
            If there is no such table.

        Examples
        --------
        >>> clm.CustomerBase(orders=clm.datasets.cdnow()).lacks("answers")
        'this base has no answers: give CustomerBase(answers=...)'
        """
        if table not in TABLES:
            raise InvalidDataError(f"there is no table {table!r}, only {', '.join(TABLES)}.{nearest(table, TABLES)}")
        if table == "touchpoints" and self.orders is not None and self.lacks("orders") is None:
            return None
        if getattr(self, table) is None:
            return f"this base has no {table}: give CustomerBase({table}=...)"
        return f"{table} has no rows" if self._is_empty(table) else None

    def columns(self, table: str, *, history: bool = False) -> dict[str, Array]:
        """Return a table's rows as equally long read-only arrays.

        Lazy frames are collected. Names are ``customer_id``, ``at`` (datetime64[us], UTC), ``kind``, ``amount`` ...

        Parameters
        ----------
        table
            One of orders, touchpoints (orders among them, of kind ``"order"``), customers, answers, channels.
        history
            Whether to include rows before the period that the base reports on.

        Returns
        -------
        dict of str to ndarray
            Rows without a customer, a time or a kind are left out, and so are those after `through`.

        Raises
        ------
        InvalidDataError
            If the table is not there or cannot be read.

        Examples
        --------
        >>> base = clm.CustomerBase(orders=clm.datasets.cdnow(), through="1997-09-30")
        >>> len(base.columns("orders")["amount"])
        4960
        """
        self._require(table)
        period = Period(None, self.period.last, self._zone) if history else self.period
        if table == "touchpoints":
            log = self.histories.log
            return log.arrays(self.histories.customer, period.holds(log.at))
        rows = self._rows(table)
        assert rows is not None
        return rows.arrays(np.ones(rows.size, bool) if rows.at is None else period.holds(rows.at))

    @property
    def rfm(self) -> RFM:
        """Purchase histories from the first order through `through`, in weeks.

        Raises
        ------
        InvalidDataError
            If there is no order, or orders cannot be read.
        """
        if self._purchases.whole is None:
            raise InvalidDataError(f"{self._purchases.nothing}.")
        return self._purchases.whole

    @property
    def period_rfm(self) -> RFM:
        """Purchases of the period alone: `rfm` where the base has no start.

        Raises
        ------
        InvalidDataError
            If there is no order in the period (see `has_orders`), or orders cannot be read.
        """
        if self._purchases.of_period is None:
            raise InvalidDataError(f"{self.lacks('orders') or f'there is no order {self.scope}'}.")
        return self._purchases.of_period

    @property
    def has_orders(self) -> bool:
        """Whether there is an order in the period."""
        return self._purchases.of_period is not None

    @cached_property
    def stage_log(self) -> StageLog:
        """The lifecycle of every customer, replayed from touchpoints and orders.

        At equal instants touchpoints come before orders; refunds are no orders.

        Raises
        ------
        InvalidDataError
            If there are neither, or they cannot be read.
        """
        self._require("touchpoints")
        return self.histories.replay(self.lifecycle)

    @cached_property
    def retention(self) -> RetentionTable:
        """Customers who ordered again, by calendar month of their first order; refunds are no orders.

        Raises
        ------
        InvalidDataError
            If there are no orders, or they cannot be read.
        """
        self._require("orders")
        orders = self.histories.order_log() if has_refunds(self.orders) else self.orders
        return retention_table(orders, RetentionDefinition(period="month", tz=self.tz), through=self.period.ends)

    @property
    def purchase_fit(self) -> PurchaseFit:
        """BG/NBD fitted to the purchase histories.

        Raises
        ------
        NotFittedError
            If there is no order, or too few for the model. It is an InvalidDataError too.
        """
        fit: PurchaseFit = self._purchases.fitted("BG/NBD", BGNBD().fit)
        return fit

    @property
    def order_value_fit(self) -> GammaGammaFit:
        """Gamma-Gamma fitted to the mean repeat order values.

        Raises
        ------
        NotFittedError
            If there are no amounts, or too few repeat buyers for the model. It is an InvalidDataError too.
        """
        fit: GammaGammaFit = self._purchases.fitted("Gamma-Gamma", GammaGamma().fit)
        return fit

    def score(self, kind: str) -> NPS | CSAT | CES:
        """Return the satisfaction score of the period's answers.

        Parameters
        ----------
        kind
            ``"nps"``, ``"csat"`` or ``"ces"``, on the scale that the base has for it.

        Returns
        -------
        NPS, CSAT or CES

        Raises
        ------
        InvalidDataError
            If there is no such score, no table of answers, or some answers are not on the scale.

        Examples
        --------
        >>> clm.datasets.simulate_base(500).score("nps").promoters > 0
        True
        """
        if kind not in SCALES:
            raise InvalidDataError(f"there is no score {kind!r}, only {', '.join(SCALES)}.{nearest(kind, SCALES)}")
        found: NPS | CSAT | CES = self._once(("score", kind), lambda: scored(self, kind))
        return found

    def scale(self, kind: str) -> Scale:
        """Return the scale that answers of a kind are on."""
        return self.scales.get(kind, SCALES[kind])

    @cached_property
    def histories(self) -> Histories:
        """When each customer was first seen, and when he first did what."""
        return join(
            orders=self._rows("orders"),
            touchpoints=self._rows("touchpoints"),
            customers=self._rows("customers"),
            through=self.period.last,
            zone=self._zone,
        )

    @property
    def dropped(self) -> dict[str, dict[str, int]]:
        """Rows that were left out, by table and reason; reads every table."""
        found: dict[str, dict[str, int]] = {}
        for name in TABLES:
            if name == "orders" and self._purchases.whole is not None:
                found[name] = dict(self._purchases.whole.dropped)
            elif (rows := self._rows(name)) is not None:
                found[name] = rows.left_out(self._last_dated)
        return {name: reasons for name, reasons in found.items() if reasons}

    def __repr__(self) -> str:
        there = [name for name in TABLES if getattr(self, name) is not None]
        scope = "" if self.through is None else f" {self.scope}"  # else it is in the tables: a repr reads none
        return f"<CustomerBase{scope}: {', '.join(there) or 'no tables'}>"

    @property
    def _zone(self) -> Zone:
        return Zone.of(self.tz)

    @cached_property
    def _last_dated(self) -> int | None:
        if self.through is not None:
            return parse_through(self.through, self._zone)
        there = {name: getattr(self, name) for name in TABLES if getattr(self, name) is not None}
        return last_dated({name: table for name, table in there.items() if not self._is_empty(name)}, self._zone)

    def _is_empty(self, table: str) -> bool:
        return bool(self._once(("empty", table), lambda: is_empty(getattr(self, table), table)))

    def _require(self, table: str) -> None:
        reason = self.lacks(table)
        if reason is not None:
            raise InvalidDataError(f"{reason}.")

    def _rows(self, table: str) -> Rows | None:
        frame = getattr(self, table)
        if frame is None:
            return None
        if table not in self._read:
            named = {timeout.attribute for timeout in self.lifecycle.timeouts if timeout.attribute is not None}
            dates = sorted(named) if table == "customers" else ()
            doubled = ORDER if table == "touchpoints" and self.orders is not None else None
            self._read[table] = read(frame, table, self._zone, dates=dates, doubled=doubled)
        return self._read[table]

    def _once(self, key: Any, compute: Callable[[], Any]) -> Any:
        if key not in self._derived:
            self._derived[key] = compute()
        return self._derived[key]

    @cached_property
    def _purchases(self) -> Purchases:
        return Purchases(self)
