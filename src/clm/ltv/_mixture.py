"""A purchase process whose parameters are not known but drawn: what it says at each draw, and on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import evolve, frozen
from scipy import special

from clm.stats import Draws, Estimate, Linearised, LogitNormal, array_field, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.data import RFM
    from clm.ltv._estimation import OpenEndedProcess
    from clm.ltv._evaluated import Evaluated
    from clm.stats import Band, Parameters
    from clm.typing import FloatArray, IntArray

_ENOUGH: Final = 500
_FEWEST: Final = 100
_ROOM: Final = 10_000_000
"""Numbers that one prediction may hold: with many distinct histories fewer draws are looked at."""


@final
@frozen
class Mixture:
    """A process at each of many parameter values.

    Where a process answers with values and their gradient, this answers with means and the values at each draw,
    shape (histories, draws).

    Attributes
    ----------
    process : object
        At any values; it has them in ``values``.
    log_draws : (m, k) ndarray of float64
        Log parameters.
    seed : int
        For the counts that are simulated.
    centre : object, optional
        The process whose values are stated; by default the mean over the draws is.
    """

    process: OpenEndedProcess
    log_draws: FloatArray = array_field()
    seed: int = 0
    centre: OpenEndedProcess | None = None

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log of each history's mean likelihood over the draws."""
        logs = np.stack([process.pointwise_loglik(rfm) for process in self._processes(len(rfm))], axis=1)
        return np.asarray(special.logsumexp(logs, axis=1) - np.log(logs.shape[1]))

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of not having left."""
        return self._averaged(rfm, lambda process: process.probability_alive(rfm))

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""
        return self._averaged(rfm, lambda process: process.expected(rfm, ahead))

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""
        return self._averaged(rfm, lambda process: process.exactly(count, rfm, ahead))

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum in every draw."""
        return self._averaged(rfm, lambda process: process.discounted(rfm, rate))

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum, where they have none."""
        return "undiscounted it has no finite expectation at some of the draws"

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the mean variance of each customer's number of purchases: by chance alone, at known parameters."""
        processes = self._processes(len(rfm))
        return np.asarray(sum(process.variance(rfm, ahead) for process in processes) / len(processes))

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`, as found by simulation."""
        chance = np.random.default_rng(self.seed)
        processes = self._processes(len(rfm))
        counts = np.empty((len(rfm), len(processes)), np.int32)
        for i, process in enumerate(processes):
            rows, _ = process.draw(rfm, ahead, chance)
            counts[:, i] = np.bincount(rows, minlength=len(rfm))
        return np.quantile(counts, 1 - tail, axis=1, method="inverted_cdf").astype(np.float64)

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw parameters once, and with them whose purchases, and when, follow within the time ahead."""
        chosen = self.log_draws[rng.integers(len(self.log_draws))]
        return at_values(self.process, np.exp(chosen)).draw(rfm, ahead, rng)

    def _processes(self, histories: int) -> list[OpenEndedProcess]:
        """Return the process at as many draws as there is room for."""
        count = min(max(_ROOM // max(histories, 1), _FEWEST), _ENOUGH, len(self.log_draws))
        return [at_values(self.process, np.exp(draw)) for draw in thinned(self.log_draws, count)]

    def _averaged(self, rfm: RFM, ask: Callable[[OpenEndedProcess], Evaluated]) -> Evaluated:
        processes = self._processes(len(rfm))
        drawn = np.empty((len(rfm), len(processes)))
        for i, process in enumerate(processes):
            drawn[:, i], _ = ask(process)
        return drawn.mean(axis=1) if self.centre is None else ask(self.centre)[0], drawn


def at_values(process: Any, values: FloatArray) -> OpenEndedProcess:
    """Return a process at other parameter values; what else it knows stays."""
    moved: OpenEndedProcess = evolve(process, values=values)
    return moved


def thinned(log_draws: FloatArray, count: int) -> FloatArray:
    """Return so many of the draws, evenly spread."""
    return np.asarray(log_draws[np.linspace(0, len(log_draws) - 1, count).astype(np.intp)])


@final
@frozen
class ByDraws:
    """By the draws themselves: what a process answers beside its means is the value at each of them.

    Attributes
    ----------
    log_draws : (m, k) ndarray of float64
        All draws, of which a process looked at some.
    kind : str
        What they are from.
    """

    log_draws: FloatArray = array_field()
    kind: str = "posterior"

    __setstate__ = seal

    @property
    def at(self) -> str:
        """At which parameters counts are predicted."""
        return f"simulated at the {self.kind} draws"

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
        """Return an estimate with the quantiles of the draws.

        Its source is the line through the draws, so that what is computed further from several estimates of one fit,
        a lifetime value say, carries the covariance of the parameters.
        """
        source = self._line(moves)
        draws = Draws(
            draws=moves,
            row_of=row_of,
            kind=self.kind,
            lowest=0.0,
            highest=1.0 if isinstance(band, LogitNormal) else np.inf,
        )
        gradient = source if row_of is None else source[row_of]
        error = np.sqrt(draws.variance())
        return Estimate(
            value=value if row_of is None else value[row_of],
            standard_error=error,
            n=parameters.n,
            band=draws,
            sources=(Linearised(gradient=gradient, covariance=parameters.log_covariance),),
            **stated,
        )

    def variance(self, moves: FloatArray, parameters: Parameters) -> float:  # noqa: ARG002  # the protocol's signature
        """Return the variance of a total over the draws."""
        return float(moves.var())

    def _line(self, moves: FloatArray) -> FloatArray:
        """Return the slopes (..., k) of the values at the draws (..., m), by least squares; 0 where they are NaN."""
        used = thinned(self.log_draws, moves.shape[-1])
        away = used - used.mean(axis=0)
        slopes = np.linalg.lstsq(away.T @ away, away.T, rcond=None)[0]
        centred = moves - moves.mean(axis=-1, keepdims=True)
        return np.asarray(np.nan_to_num(centred @ slopes.T))
