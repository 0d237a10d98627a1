"""How customers move between stages: counts, probabilities, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import field, frozen

from clm.data import days_in
from clm.errors import InvalidDataError, nearest
from clm.journeys._absorption import Absorption
from clm.stats import Estimate, LogNormal, Wilson, array_field, frozen_array, seal

if TYPE_CHECKING:
    from clm.typing import Array, FloatArray, IntArray

_OPEN_SHARE: Final = 0.1  # of the visits to a stage, above which moves that take long are clearly under-counted


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@final
@frozen(kw_only=True, repr=False)
class TransitionMatrix:
    """Moves between stages, from row to column.

    Attributes
    ----------
    stages : tuple of str
        All stages of the lifecycle, in its order.
    counts : (s, s) ndarray of int64
        Visits to one stage that were followed by a visit to another; with `period`, customers in one stage at the
        start of a period and in another at the start of the next, those who stayed on the diagonal.
    open : (s,) ndarray of int64
        Visits to each stage that had not ended when the log did: they are censored, and in no count. 0 with `period`.
    final : tuple of str
        Stages from which the lifecycle knows no way out.
    period : str or None
        The calendar period that a step takes; None where a step is a move, whenever it came.
    time, squared_time : (s, s + 1) ndarray of float64
        Days in visits that ended with each move, and the squares of their lengths, added up; the last column has those
        of the open visits. 0 with `period`.
    definition : str
        What was counted.

    Notes
    -----
    Everything computed from the matrix takes the stages to form a Markov chain: where a customer goes next depends on
    the stage he is in, not on how he came there. Errors are those of independent moves; a few customers who move very
    often make them too small.

    Examples
    --------
    >>> log = clm.replay(
    ...     {
    ...         "customer_id": ["ann", "ann", "bob", "cem"],
    ...         "at": ["2025-01-03", "2025-01-05", "2025-01-04", "2025-01-09"],
    ...         "kind": ["deal_created", "deal_won", "deal_created", "deal_created"],
    ...     },
    ...     clm.lifecycles.hubspot(),
    ... )
    >>> moves = log.transitions()
    >>> moves
    <TransitionMatrix: 4 moves between 9 stages of 'hubspot'>
    >>> moves.between("opportunity", "customer")
    <opportunity to customer: 1 fraction (95% interval 0.2065 to 1; n = 1)>
    """

    stages: tuple[str, ...] = field(converter=_names)
    counts: IntArray = array_field(converter=lambda counts: frozen_array(counts, np.int64))
    open: IntArray = array_field(converter=lambda counts: frozen_array(counts, np.int64))
    final: tuple[str, ...] = field(converter=_names)
    period: str | None = None
    time: FloatArray = array_field(converter=frozen_array)
    squared_time: FloatArray = array_field(converter=frozen_array)
    name: str
    definition: str

    __setstate__ = seal

    @property
    def probabilities(self) -> Estimate[FloatArray]:
        """Share of the moves from each stage that lead to each, with Wilson's intervals; shape (s, s).

        A row adds up to 1. A final stage leads to itself. The row of any other stage that nobody was seen to leave is
        undefined.
        """
        totals = self.counts.sum(axis=1)
        trials = self._trials(totals)[:, None]
        shares = np.where(np.isinf(trials), np.eye(len(totals)), np.nan)
        shares[totals > 0] = self.counts[totals > 0] / totals[totals > 0, None]
        with np.errstate(invalid="ignore"):
            error = np.sqrt(shares * (1 - shares) / trials)
        reasons = [f"nobody was seen to leave {stage!r}" for stage in self.stages]
        return Estimate(
            value=shares,
            standard_error=error,
            n=np.broadcast_to(totals[:, None], shares.shape),
            name="transition probability",
            unit="fraction",
            definition=f"Share of those in the row's stage who went to the column's. {self.definition}",
            index=np.array(self.stages, dtype=object),
            undefined=np.broadcast_to(np.array(reasons, dtype=object)[:, None], shares.shape),
            band=Wilson(np.broadcast_to(trials, shares.shape)),
            caveats=self._caveats(),
        )

    def between(self, source: str, target: str) -> Estimate[float]:
        """Return the probability of one move.

        Parameters
        ----------
        source, target
            Names of stages.

        Returns
        -------
        Estimate

        Raises
        ------
        InvalidDataError
            If there is no such stage.
        """
        row, column = self._number(source), self._number(target)
        every = self.probabilities
        reasons = every.undefined
        return Estimate(
            value=every.value[row, column],
            standard_error=np.asarray(every.standard_error)[row, column],
            n=np.asarray(every.n)[row, column],
            name=f"{source} to {target}",
            unit="fraction",
            definition=every.definition,
            undefined=None if reasons is None else reasons[row, column],
            band=Wilson(self._trials(self.counts.sum(axis=1))[row]),
            caveats=every.caveats,
        )

    def _trials(self, totals: IntArray) -> FloatArray:
        """Return how many moves each row counts: without bound where none is possible."""
        return np.where((totals == 0) & np.isin(self.stages, self.final), np.inf, totals)

    def absorption(self, *, absorbing: Iterable[str] | None = None) -> Estimate[FloatArray]:
        """Return the probability to end in each final stage, for a customer in each stage.

        Parameters
        ----------
        absorbing
            Stages at which the way ends, in any order; what is known of moves from there is left aside, so that these
            are the probabilities to get to each before any other of them. By default `final`.

        Returns
        -------
        Estimate
            Shape (s, a): stages by absorbing stages, both in the order of `stages`. A row adds up to 1, or to less
            where customers may move for ever. Undefined for stages that may lead to one which nobody was seen to leave.

        Raises
        ------
        InvalidDataError
            If no stage is final and none is given, or a name is no stage.

        Notes
        -----
        With Q and R for the moves between the other stages and from them to absorbing ones, ``(I - Q)**-1 R`` [1]_.
        Standard errors are the delta method's over rows that are independent multinomials; limits are Wilson's for as
        many cases as would have that standard error, and where a probability is 0 or 1 for the fewest moves that were
        counted from a stage on the way. Visits that have not ended are in no count: they are taken to end as the others
        did.

        References
        ----------
        .. [1] Kemeny and Snell (1960), Finite Markov Chains, ch. 3.

        Examples
        --------
        >>> log = clm.datasets.simulate_base(500, rng=1).stage_log
        >>> moves = log.transitions()
        >>> moves.absorption(absorbing=["loyalty", "lapsed"]).value.shape
        (9, 2)
        """
        chain, names = self._chain(absorbing)
        value = chain.ends()
        unknown = chain.unknown
        variance = chain.variance(value)
        with np.errstate(divide="ignore", invalid="ignore"):
            cases = np.where(variance > 0, value * (1 - value) / variance, chain.fewest()[:, None])
        cases[chain.absorbing] = np.inf
        return Estimate(
            value=np.where(unknown[:, None], np.nan, value),
            standard_error=np.sqrt(variance),
            n=np.broadcast_to(chain.moves[:, None], value.shape),
            name="absorption probability",
            unit="fraction",
            definition=(
                f"Probability that a customer in the row's stage ends in the column's, the columns being"
                f" {', '.join(names)}, where stages form a Markov chain. {self.definition}"
            ),
            index=np.array(self.stages, dtype=object),
            undefined=self._unknown_reason(chain),
            band=Wilson(cases),
            caveats=self._caveats(),
        )

    def expected_steps(self, *, absorbing: Iterable[str] | None = None) -> Estimate[FloatArray]:
        """Return how many moves, or periods, it takes on average from each stage to the end of the way.

        Parameters
        ----------
        absorbing
            As in `absorption`.

        Returns
        -------
        Estimate
            Shape (s,), unit ``"moves"``, or `period`. Undefined where the end is not certain to come, or nobody was
            seen to leave a stage on the way.

        Raises
        ------
        InvalidDataError
            As `absorption`.
        """
        chain, names = self._chain(absorbing)
        value = chain.visits.sum(axis=1)
        variance = chain.variance(value[:, None])[:, 0]
        return self._expected(chain, value, variance, names, "steps", self.period or "moves")

    def expected_time(self, *, absorbing: Iterable[str] | None = None, unit: str | None = None) -> Estimate[FloatArray]:
        """Return how long it takes on average from the entry of each stage to the end of the way.

        Parameters
        ----------
        absorbing
            As in `absorption`.
        unit
            ``"hour"``, ``"day"`` (the default), ``"week"``, ``"month"`` or ``"year"``. With `period` the unit is that.

        Returns
        -------
        Estimate
            Shape (s,), in `unit`. Undefined as `expected_steps`.

        Raises
        ------
        InvalidDataError
            As `absorption`; also if the unit is unknown, or another than the period of the matrix.

        Notes
        -----
        Expected visits to each stage times its mean length, which is the time spent there, open visits included, over
        the visits that ended. So an open visit adds what has been seen of it, and is neither dropped nor taken to end.
        That mean is exact where the chance to leave does not depend on the time since entry, and nearly so where most
        visits have ended; where few have and a timeout ends the visit, it is biased: see ``log.time_in_stage``.

        The standard error adds, over visits, the squared deviation of the time spent and of the time expected after
        the move from their mean, so that it holds for any distribution of lengths.

        Examples
        --------
        >>> moves = clm.datasets.simulate_base(500, rng=1).stage_log.transitions()
        >>> moves.expected_time(absorbing=["lapsed"], unit="month").unit
        'month'
        """
        if self.period is not None:
            if unit is not None and unit != self.period:
                raise InvalidDataError(
                    f"unit={unit!r}: a step of this matrix is a calendar {self.period}, and its length differs. Leave"
                    " unit out, or count moves with log.transitions()."
                )
            chain, names = self._chain(absorbing)
            steps = chain.visits.sum(axis=1)
            return self._expected(chain, steps, chain.variance(steps[:, None])[:, 0], names, "time", self.period)
        unit = unit or "day"
        scale = days_in(unit)
        chain, names = self._chain(absorbing)
        time, squares = self.time / scale, self.squared_time / scale**2
        value = chain.visits @ (time.sum(axis=1) / np.maximum(chain.moves, 1))
        # What a visit that ended in stage j adds beyond the mean: its length, and what is still expected from j on.
        ahead = value[None, :] - value[:, None]
        closed = squares[:, :-1] + 2 * time[:, :-1] * ahead + self.counts * ahead**2
        own = closed.sum(axis=1) + squares[:, -1]
        variance = chain.variance(value[:, None], own[:, None])[:, 0]
        return self._expected(chain, value, variance, names, "time", unit)

    def _expected(
        self, chain: Absorption, value: FloatArray, variance: FloatArray, names: list[str], what: str, unit: str
    ) -> Estimate[FloatArray]:
        endless, unknown = chain.endless, chain.unknown
        reasons = np.where(
            unknown, self._unknown_reason(chain), f"it is not certain that a customer gets to {' or '.join(names)}"
        )
        # Without any spread in the data nothing is known of it; of the end itself everything is.
        error = np.where((variance > 0) | chain.absorbing, np.sqrt(np.maximum(variance, 0.0)), np.nan)
        return Estimate(
            value=np.where(endless | unknown, np.nan, value),
            standard_error=error,
            n=chain.moves,
            name=f"expected {what}",
            unit=unit,
            definition=(
                f"Mean {'time' if what == 'time' else 'number of steps'} from the entry of each stage until a customer"
                f" gets to {' or '.join(names)}, where stages form a Markov chain. {self.definition}"
            ),
            index=np.array(self.stages, dtype=object),
            undefined=reasons,
            band=LogNormal(),
            caveats=self._caveats(),
        )

    def _chain(self, absorbing: Any) -> tuple[Absorption, list[str]]:
        if absorbing is None:
            names: list[Any] = list(self.final)
        else:
            names = [*absorbing] if isinstance(absorbing, Iterable) and not isinstance(absorbing, str) else [absorbing]
        if not names:
            raise InvalidDataError(
                f"no stage of {self.name!r} is final: customers can leave every one. Give the stages at which the way"
                f" ends, as absorbing=[{self.stages[-1]!r}]."
            )
        ends = np.zeros(len(self.stages), bool)
        ends[[self._number(name) for name in names]] = True
        chain = Absorption.of(self.counts, ends, np.isin(self.stages, self.final))
        return chain, [stage for stage, end in zip(self.stages, ends, strict=True) if end]

    def _number(self, stage: Any) -> int:
        name = getattr(stage, "name", stage)
        if name not in self.stages:
            raise InvalidDataError(
                f"{name!r} is no stage of {self.name!r}, whose stages are {', '.join(self.stages)}."
                f"{nearest(str(name), self.stages)}"
            )
        return self.stages.index(name)

    def _unknown_reason(self, chain: Absorption) -> str:
        unseen = [stage for stage, never in zip(self.stages, chain.unseen, strict=True) if never]
        return f"nobody was seen to leave {unseen[0]!r}, which lies on the way" if unseen else "undefined"

    def _caveats(self) -> tuple[str, ...]:
        visits = self.counts.sum(axis=1) + self.open
        often = np.flatnonzero(self.open > _OPEN_SHARE * np.maximum(visits, 1)).tolist()
        many = [code for code in often if self.stages[code] not in self.final]
        if not many:
            return ()
        worst = max(many, key=lambda code: self.open[code] / visits[code])
        told = (
            f"Visits that have not ended are in no count: {self.open[worst]:,} of {visits[worst]:,} to"
            f" {self.stages[worst]!r} have not. Moves that come late are under-counted there; see log.time_in_stage"
            f"({self.stages[worst]!r}, exits='stage')."
        )
        return (told,)

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return one row a pair of stages: ``source, target, count, probability, low, high``.

        Parameters
        ----------
        level
            Nominal coverage of the limits.
        """
        stages = np.array(self.stages, dtype=object)
        shares = self.probabilities
        low, high = shares.confidence_interval(level)
        return {
            "source": np.repeat(stages, len(stages)),
            "target": np.tile(stages, len(stages)),
            "count": self.counts.ravel(),
            "probability": shares.value.ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
        }

    def __repr__(self) -> str:
        counted = f"{self.counts.sum():,} {'moves' if self.period is None else f'customer-{self.period}s'}"
        return f"<TransitionMatrix: {counted} between {len(self.stages)} stages of {self.name!r}>"
