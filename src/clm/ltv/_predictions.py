"""Predictions of a purchase model as estimates, customer by customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, final

import numpy as np
from attrs import evolve, frozen

from clm.data import RFM
from clm.ltv._arguments import dated, generator, histories, instant, of_many, time_ahead, times_ahead
from clm.ltv._order_log import moments, onwards, order_log
from clm.ltv._prediction_interval import PredictionInterval, interval_of_total
from clm.stats import (
    Estimate,
    LogitNormal,
    LogNormal,
    Parameters,
    check_level,
    delta_estimate,
    frozen_array,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.ltv._evaluated import Evaluated
    from clm.stats import Band
    from clm.typing import Array, FloatArray, IntArray, RandomState


class PurchaseProcess(Protocol):
    """What a purchase model must say of histories at given parameters; the estimates follow.

    Money, ids and weights of the histories are not looked at; a new customer has frequency, recency and age 0.
    """

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history."""

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of not having left."""

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum."""

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases within the time ahead."""

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and when, follow within the time ahead."""


class Errors(Protocol):
    """How far what a process says may be off, since its parameters are not known exactly."""

    @property
    def at(self) -> str:
        """At which parameters counts are predicted."""

    def state(
        self,
        value: Any,
        moves: FloatArray,
        parameters: Parameters,
        *,
        row_of: IntArray | None,
        band: Band,
        **stated: Any,
    ) -> Estimate[Any]:
        """Return an estimate; `row_of` scatters distinct histories to customers."""

    def variance(self, moves: FloatArray, parameters: Parameters) -> float:
        """Return the variance of a total that moves so."""


@final
@frozen
class ByDelta:
    """By the delta method: what a process answers beside its values is their gradient."""

    @property
    def at(self) -> str:
        """At which parameters counts are predicted."""
        return "at the estimated parameters"

    def state(
        self,
        value: Any,
        moves: FloatArray,
        parameters: Parameters,
        *,
        row_of: IntArray | None,
        band: Band,
        **stated: Any,
    ) -> Estimate[Any]:
        """Return an estimate whose source is the gradient."""
        if row_of is not None:
            value, moves = value[row_of], moves[row_of]
            for ours in (value, moves):
                ours.setflags(write=False)  # so that nobody has to copy them
        return delta_estimate(value, moves, parameters, band=band, **stated)

    def variance(self, moves: FloatArray, parameters: Parameters) -> float:
        """Return the variance of a total with this gradient."""
        return float(moves @ parameters.log_covariance @ moves)


@final
@frozen(kw_only=True)
class Predictions:
    """A process with the errors of its parameters, asked for one number at a time.

    Histories are evaluated once for each distinct one, and scattered back to customers.

    Attributes
    ----------
    process : PurchaseProcess
    parameters : Parameters
        Those of the process.
    unit : str
        The unit of time that they count in.
    model : str
        Its name, as in ``"BG/NBD"``.
    caveats : tuple of str
        What every estimate is to carry.
    errors : Errors
        What the process answers beside its values, and what follows from it.
    rows_apart : bool
        The process has parameters for each row, so that equal histories are not the same.
    """

    process: PurchaseProcess
    parameters: Parameters
    unit: str
    model: str
    caveats: tuple[str, ...]
    errors: Errors = ByDelta()
    rows_apart: bool = False

    def expected(self, rfm: RFM | None, horizon: Any) -> Estimate[Any]:
        """Expect so many purchases; without histories of a new customer, one cell a horizon."""
        if rfm is None:
            times = times_ahead(horizon)
            cells = [self.process.expected(_new(1, self.unit), float(time)) for time in times.ravel()]
            value = np.array([value[0] for value, _ in cells]).reshape(times.shape)
            gradient = np.array([gradient[0] for _, gradient in cells])
            return self._estimate(
                value,
                gradient.reshape((*times.shape, -1 if times.size else len(self.parameters.names))),
                "expected purchases",
                f"Expected purchases of a new customer within {_span(times, self.unit)} of his first, not counting it",
                index=times if times.ndim else None,
            )
        ahead = time_ahead(horizon)
        return self._given(
            rfm,
            lambda cells: self.process.expected(cells, ahead),
            "expected purchases",
            f"Expected purchases of each customer within {_span(ahead, self.unit)} after his observation ended, "
            "given his history",
        )

    def expected_weighed(self, rfm: RFM, times: FloatArray, weights: FloatArray, what: str) -> Estimate[FloatArray]:
        """Return a weighed sum of the purchases expected within several times, each distinct history evaluated once."""
        return self._given(
            rfm, lambda cells: _weighed(self.process, cells, times, weights), "discounted expected purchases", what
        )

    def probability_alive(
        self, rfm: RFM, *, of: str = "had not left by the end of his observation"
    ) -> Estimate[FloatArray]:
        """State how likely each customer has not left; `of` says what precisely that means."""
        return self._given(
            rfm,
            self.process.probability_alive,
            "P(alive)",
            f"Probability that a customer {of}, given his history",
            unit="fraction",
            band=LogitNormal(),
        )

    def exactly(self, k: Any, rfm: RFM | None, horizon: Any) -> Estimate[Any]:
        """State how likely exactly k purchases are; without histories for a new customer."""
        count, ahead = whole_number(k, "k"), time_ahead(horizon)
        name = f"P({count} purchase{'' if count == 1 else 's'})"
        what = f"Probability that {{}} exactly {count} times within {_span(ahead, self.unit)}"
        if rfm is None:
            value, gradient = self.process.exactly(count, _new(1, self.unit), ahead)
            definition = what.format("a new customer buys") + " of his first purchase, not counting it"
            return self._estimate(value[0], gradient[0], name, definition, unit="fraction", band=LogitNormal())
        return self._given(
            rfm,
            lambda cells: self.process.exactly(count, cells, ahead),
            name,
            what.format("each customer buys") + " after his observation ended, given his history",
            unit="fraction",
            band=LogitNormal(),
        )

    def discounted(self, rfm: RFM, discount: Any, *, undefined: str) -> Estimate[FloatArray]:
        """Discount all purchases still expected."""
        discount = dated(discount)
        rate = discount.continuous(self.unit)
        return self._given(
            rfm,
            lambda cells: self.process.discounted(cells, rate),
            "discounted residual purchases",
            "Expected purchases of each customer after his observation ended, given his history, without end, each at "
            f"its present value at a discount of {discount.rate:g} a {discount.per}",
            undefined=undefined,
        )

    def interval(self, rfm: RFM, horizon: Any, level: float, rng: RandomState) -> PredictionInterval:
        """Say between which counts the purchases of each customer, and of all together, will lie."""
        rfm, ahead, level = histories(rfm, self.unit), time_ahead(horizon), check_level(level)
        generator(rng)  # refused where it is none, also by models that need none
        cells, customers = self._cells(rfm)
        ends = [self.process.counts_exceeded(tail, cells, ahead) for tail in ((1 + level) / 2, (1 - level) / 2)]
        low, high = (end[customers].astype(np.int64) for end in ends)
        weights = np.asarray(cells.weights)
        value, gradient = self.process.expected(cells, ahead)
        slope = (weights[:, None] * gradient).sum(axis=0)
        total = interval_of_total(
            expected=float((weights * value).sum()),
            of_counts=float((weights * self.process.variance(cells, ahead)).sum()),
            of_parameters=self.errors.variance(slope, self.parameters),
            level=level,
            undefined=self.parameters.undefined,
        )
        return PredictionInterval(
            low=low,
            high=high,
            total=total,
            index=rfm.customer,
            level=level,
            method=f"quantiles of the count given the history, {self.errors.at}",
        )

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history."""
        rfm = histories(rfm, self.unit)
        cells, customers = self._cells(rfm)
        return frozen_array(self.process.pointwise_loglik(cells)[customers])

    def simulate(self, customers: Any, horizon: Any, rng: RandomState, start: Any) -> dict[str, Array]:
        """Draw an order log of new customers, or of the same customers onwards."""
        ahead, chance, begin = time_ahead(horizon), generator(rng), instant(start)
        moments(begin, np.array([ahead]), self.unit)  # refused here, not where chance leads there
        if not isinstance(customers, RFM):
            size = whole_number(customers, "customers")
            row, time = self.process.draw(_new(size, self.unit), ahead, chance)
            row, time = np.concatenate([np.arange(size), row]), np.concatenate([np.zeros(size), time])
            order = np.argsort(row, kind="stable")
            return order_log(row[order], moments(begin, time[order], self.unit))
        rfm = histories(customers, self.unit)
        ends = onwards(rfm, begin)
        row, time = self.process.draw(rfm, ahead, chance)
        ids = np.arange(len(rfm)) if rfm.customer is None else rfm.customer
        return order_log(ids[row], moments(ends[row], time, self.unit))

    def _cells(self, rfm: RFM) -> tuple[RFM, IntArray]:
        """Return what is evaluated, with weights, and the row of it that each customer falls in."""
        if not self.rows_apart:
            return rfm.cells, rfm.cell_of
        weights = np.ones(len(rfm)) if rfm.weights is None else rfm.weights
        return evolve(rfm, weights=weights), np.arange(len(rfm))

    def _given(
        self,
        rfm: RFM,
        evaluate: Callable[[RFM], Evaluated],
        name: str,
        definition: str,
        **stated: Any,
    ) -> Estimate[FloatArray]:
        rfm = histories(rfm, self.unit)
        cells, customers = self._cells(rfm)
        value, gradient = evaluate(cells)
        return self._estimate(
            value,
            gradient,
            name,
            definition,
            row_of=customers,
            index=rfm.customer,
            caveats=of_many(rfm),
            **stated,
        )

    def _estimate(
        self,
        value: Any,
        gradient: FloatArray,
        name: str,
        definition: str,
        *,
        unit: str = "purchases",
        band: Band | None = None,
        row_of: IntArray | None = None,
        index: Array | None = None,
        undefined: str | None = None,
        caveats: tuple[str, ...] = (),
    ) -> Estimate[Any]:
        return self.errors.state(
            value,
            gradient,
            self.parameters,
            row_of=row_of,
            band=LogNormal() if band is None else band,
            name=name,
            unit=unit,
            definition=f"{definition}, by the {self.model} model.",
            index=index,
            undefined=undefined,
            caveats=self.caveats + caveats,
        )


def _weighed(process: PurchaseProcess, cells: RFM, times: FloatArray, weights: FloatArray) -> Evaluated:
    at_once = getattr(process, "expected_weighed", None)
    if at_once is not None:
        together: Evaluated = at_once(cells, times, weights)
        return together
    value, gradient = 0.0, 0.0
    for time, weight in zip(times, weights, strict=True):
        more, moves = process.expected(cells, float(time))
        value, gradient = value + weight * more, gradient + weight * moves
    return np.asarray(value), np.asarray(gradient)


def _new(size: int, unit: str) -> RFM:
    nothing = np.zeros(size)
    return RFM(frequency=nothing, recency=nothing, T=nothing, unit=unit)


def _span(ahead: Any, unit: str) -> str:
    """Return ``39 weeks``, or ``1 to 52 weeks`` for a row of horizons."""
    times = np.ravel(ahead)
    if times.size == 1:
        return f"{times[0]:g} {unit}{'' if times[0] == 1 else 's'}"
    return f"{times.min():g} to {times.max():g} {unit}s" if times.size else f"no {unit}s"
