"""The stages that every customer of a log passed through, and what can be read off them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final, overload

from attrs import field, frozen

from clm.core import FrozenMapping, microseconds, microseconds_of
from clm.data import Calendar, Zone, describe, parse_through
from clm.journeys._cycles import Cycles, cycles
from clm.journeys._dwell import time_in_stage
from clm.journeys._funnel import StageFunnel, stage_funnel
from clm.journeys._moves import counted_moves, counted_periods
from clm.journeys._occupancy import Occupancy, occupancy
from clm.journeys._paths import StagePaths, frequent_paths
from clm.journeys._placed import StageAt, Upcoming, stage_at, upcoming
from clm.journeys._rollup import rolled_up
from clm.journeys._sankey import sankey
from clm.journeys._stage_times import StageTimes, stage_times
from clm.journeys._step_matrix import StepMatrix, step_matrix
from clm.stats import seal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from clm.core import Lifecycle
    from clm.journeys._transitions import TransitionMatrix
    from clm.journeys._visits import Columns, Visits
    from clm.survival import CumulativeIncidence, SurvivalCurve
    from clm.typing import Array, IntArray


def _frozen(counts: Mapping[str, int]) -> FrozenMapping[str, int]:
    return FrozenMapping(counts)


@final
@frozen(kw_only=True, eq=False, repr=False)
class StageLog:
    """Every customer's visits to the stages of a lifecycle, as ``clm.replay`` returns it.

    Two logs are equal where their lifecycle, their end and their visits are, instant for instant.

    Attributes
    ----------
    lifecycle : Lifecycle
        What was replayed.
    visits : mapping of str to ndarray
        One row a visit, by customer and in order: ``customer_id``, ``stage``, ``entered_at``, ``exited_at`` (NaT while
        it is open), ``cause`` (the kind of the touchpoint that opened it, ``"timeout"`` or ``"acquired"``) and ``ref``
        (what the touchpoint is called). Times are UTC. Each customer's visits follow each other without a gap.
    through : datetime
        The last instant of the log, included; UTC.
    zone : Zone
        In which naive times are read and periods are cut.
    illegal, unknown : mapping of str to ndarray, or None
        Rows of the log that the lifecycle does not allow or know: ``row`` (counted from 0), ``customer_id``, ``at``,
        ``kind``, ``ref`` and for illegal ones the ``stage`` they came in. None unless ``"record"`` was asked for.
    n_illegal : int
        How many rows were not allowed; they moved nobody, but counted and restarted clocks of silence.
    dropped : mapping of str to int
        Rows that changed nothing, by reason.
    ties : int
        Rows whose place nothing but their position in the log decided: same customer and instant as the row before.
    duplicates : int
        Rows that repeat customer, instant and kind of another row, and its `ref` where it was read. They are applied
        like any other, since two orders may well be placed in one second: leave them out beforehand where they are one.
    next_at, next_stage : (k,) ndarray
        What silence would bring each customer next: microseconds and the number of the stage. See `upcoming`.
    note : str
        How times were read.
    """

    lifecycle: Lifecycle
    visits: Visits
    through: datetime
    zone: Zone
    next_at: IntArray
    next_stage: Array
    illegal: Columns | None = None
    unknown: Columns | None = None
    n_illegal: int = 0
    dropped: Mapping[str, int] = field(factory=dict, converter=_frozen)
    ties: int = 0
    duplicates: int = 0
    note: str = ""

    __setstate__ = seal

    @property
    def customer(self) -> Array:
        """Customers who have begun, ascending, shape (k,)."""
        return self.visits.customer

    @property
    def definition(self) -> str:
        """One sentence that fixes what was computed."""
        how = f"; {self.note}" if self.note else ""
        return (
            f"Visits to the stages of the lifecycle {self.lifecycle.name!r}, replayed from touchpoints through "
            f"{describe(self._through, self.zone)}{how}."
        )

    def stage_at(self, when: Any) -> StageAt:
        """Return the stage of every customer who had begun by a moment.

        Parameters
        ----------
        when
            A date, whose last instant is meant, a datetime or ISO text. Naive ones are read in the log's zone, NumPy's
            datetime64 among them.

        Returns
        -------
        StageAt
            A mapping of customer to stage, with both as arrays. Of several visits at one instant the last one counts.

        Raises
        ------
        InvalidDataError
            If the moment is after `through`: the log does not say.

        Examples
        --------
        >>> log = clm.replay(
        ...     {"customer_id": ["ann", "bob"], "at": ["2025-01-03", "2025-03-05"], "kind": ["order", "visit"]},
        ...     clm.lifecycles.five_stage(),
        ...     through="2025-06-30",
        ... )
        >>> dict(log.stage_at("2025-04-30"))
        {'ann': 'at_risk', 'bob': 'reach'}
        """
        return stage_at(self.visits, parse_through(when, self.zone, "when"), self._through, self.zone)

    def occupancy(self, period: str = "week", *, week_start: str = "monday") -> Occupancy:
        """Count customers in each stage at the end of each calendar period.

        Parameters
        ----------
        period
            ``"hour"``, ``"day"``, ``"week"``, ``"month"``, ``"quarter"`` or ``"year"``, cut in the log's zone.
        week_start
            The weekday on which weeks start.

        Returns
        -------
        Occupancy
            From the period of the first visit to the one that holds `through`, which is counted at `through`.

        Raises
        ------
        InvalidDataError
            If the period or the weekday is unknown.

        Examples
        --------
        >>> log = clm.replay(
        ...     {"customer_id": ["ann", "bob"], "at": ["2025-01-03", "2025-03-05"], "kind": ["order", "visit"]},
        ...     clm.lifecycles.five_stage(),
        ...     through="2025-06-30",
        ... )
        >>> log.occupancy("month").counts.sum(axis=1)
        array([1, 1, 2, 2, 2, 2])
        """
        return occupancy(self.visits, Calendar(period, self.zone, week_start), self._through)

    def funnel(
        self, rule: str = "reached", *, window: str | timedelta | None = None, start: Any = None, through: Any = None
    ) -> StageFunnel:
        """Count how far customers got on the ranked stages.

        Parameters
        ----------
        rule : {"reached", "strict", "any"}
            ``"reached"``: a customer has reached a stage when he visited it or any of higher rank, so that nobody who
            skipped a stage is missing from it. ``"strict"``: when he visited one stage of every rank up to it, in their
            order, whatever came between. ``"any"``: when he visited it, at any time.
        window
            How long after his entry a customer's visits count, as ``"30d"`` or a timedelta; the end is included. Rates
            are then of the customers whose window has closed by the log's end.
        start, through
            First and last date or instant of entry: the cohort. What it did later counts, up to the log's end. By
            default everybody counts.

        Returns
        -------
        StageFunnel
            Customers enter with their first visit to a ranked stage; strictly, to one of the lowest rank. Visits of
            length zero count.

        Raises
        ------
        InvalidDataError
            If the rule is unknown, no stage has a rank, the window has no fixed length, or the dates do not fit.

        Examples
        --------
        >>> log = clm.replay(
        ...     {"customer_id": ["ann", "bob"], "at": ["2025-01-03", "2025-03-05"], "kind": ["order", "visit"]},
        ...     clm.lifecycles.five_stage(),
        ... )
        >>> log.funnel()
        <StageFunnel: reach 2 -> acquisition 1 -> conversion 1 -> retention 0 -> loyalty 0>
        >>> log.funnel("strict", window="30d", start="2025-01-01", through="2025-01-31")
        <StageFunnel: reach 1 -> acquisition 0 -> conversion 0 -> retention 0 -> loyalty 0>
        """
        return stage_funnel(
            self.visits,
            self.lifecycle,
            rule,
            window=window,
            start=start,
            through=through,
            last=self._through,
            zone=self.zone,
        )

    def upcoming(self, within: str | timedelta) -> Upcoming:
        """Return the customers whom silence will move soon after the log ends.

        Parameters
        ----------
        within
            How soon: ``"14d"`` or a timedelta; included.

        Returns
        -------
        Upcoming

        Raises
        ------
        InvalidDataError
            If `within` is no length of time.

        Examples
        --------
        >>> log = clm.replay(
        ...     {"customer_id": ["ann", "bob"], "at": ["2025-01-03", "2025-03-05"], "kind": ["order", "visit"]},
        ...     clm.lifecycles.five_stage(),
        ...     through="2025-03-31",
        ... )
        >>> log.upcoming("14d").next_stage.tolist()
        ['at_risk']
        """
        until = self._through + microseconds_of(within, "within")
        return upcoming(self.visits, self.next_at, self.next_stage, until, self.zone)

    def transitions(self, *, period: str | None = None, week_start: str = "monday") -> TransitionMatrix:
        """Count moves between stages.

        Parameters
        ----------
        period
            None to count moves, whenever they came: the stage of each visit and that of the next. ``"day"``,
            ``"month"`` and their like to count customers by their stage as each period starts and as the next one does,
            those who stayed among them, over the complete periods.
        week_start
            The weekday on which weeks start.

        Returns
        -------
        TransitionMatrix
            With probabilities, and what they lead to. ``clm.markov_ltv`` takes it as it is.
        """
        if period is None:
            return counted_moves(self.visits, self.lifecycle, self._through, self.zone)
        return counted_periods(self.visits, self.lifecycle, self._through, Calendar(period, self.zone, week_start))

    @overload
    def time_in_stage(self, stage: Any, *, exits: None = None, unit: str = "day") -> SurvivalCurve: ...
    @overload
    def time_in_stage(self, stage: Any, *, exits: str, unit: str = "day") -> CumulativeIncidence: ...
    def time_in_stage(
        self, stage: Any, *, exits: str | None = None, unit: str = "day"
    ) -> SurvivalCurve | CumulativeIncidence:
        """Measure how long visits to a stage last; those that have not ended are censored, not dropped.

        Visits of length zero are left out. Each other visit is one observation, of customers who came back too.

        Parameters
        ----------
        stage
            Name of the stage.
        exits
            None for the share still there, by Kaplan-Meier, with ``.median`` and ``.restricted_mean(t)``. To tell the
            ways out apart, by Aalen-Johansen: ``"rank"`` for ``advance``, ``back``, ``drop`` (to a stage off the
            ladder) and ``level`` (to the same rank, where that occurs); ``"stage"`` for the stage they lead to.
        unit
            ``"hour"``, ``"day"``, ``"week"``, ``"month"`` or ``"year"``.

        Raises
        ------
        InvalidDataError
            If there is no such stage, nobody stayed in it, or with ``"rank"`` it has none.
        """
        return time_in_stage(self, stage, exits, unit)

    def stage_times(self, stage: Any = None, *, open_visits: str = "counted", unit: str = "day") -> StageTimes:
        """Return when each customer entered a stage, first and last, and his latest and cumulative time in it.

        Parameters
        ----------
        stage
            Name of the stage; None for every stage that a customer has entered.
        open_visits
            ``"counted"`` up to the end of the log, or ``"left_out"`` of the times until they end, as HubSpot does.
        unit
            Unit of the times, as in `time_in_stage`.
        """
        return stage_times(self, stage, open_visits, unit)

    def sankey(self, *, count: str = "customers", steps: int | None = None) -> dict[str, Any]:
        """Return nodes and links in plain Python, ready for JSON.

        Parameters
        ----------
        count
            ``"customers"`` who made a move at least once, or all ``"moves"``.
        steps
            Unroll the way up to this visit, as ``"1:reach"`` to ``"2:acquisition"``, so that there is no cycle.
        """
        return sankey(self.visits, self.lifecycle.name, count=count, steps=steps)

    def paths(self, top: int | None = 10, *, steps: int | None = None) -> StagePaths:
        """Return the most frequent sequences of stages, all with ``top=None``; up to a visit with `steps`."""
        return frequent_paths(self.visits, self.lifecycle.name, top=top, steps=steps)

    def step_matrix(self, steps: int = 10) -> StepMatrix:
        """Return the share of customers in each stage at their first, second and further visits."""
        return step_matrix(self.visits, self.lifecycle.name, steps)

    def cycles(self) -> Cycles:
        """Tell full cycles from partial ones: rounds from the initial stage until the customer is back in it.

        Returns
        -------
        Cycles
            One row a cycle, with the stages passed through and a status. Visits of length zero count as passed
            through.

        Raises
        ------
        InvalidDataError
            If no stage has a rank.

        Examples
        --------
        >>> orders = {"customer_id": ["ann", "bob"], "at": ["2025-01-03", "2025-11-05"], "kind": ["order"] * 2}
        >>> log = clm.replay(orders, clm.lifecycles.attraction(), through="2025-12-31")
        >>> log.cycles().status.tolist()
        ['partial', 'open', 'open']
        """
        return cycles(self.visits, self.lifecycle)

    def rolled_up(self) -> StageLog:
        """Return the log at the level of parents: ``awareness`` in place of ``awareness.problem``.

        Returns
        -------
        StageLog
            Visits to parts of one stage that follow each other are one visit to it, which began as the first of them
            did, also where a part was entered again, as at each renewal; of a stage that is no part both visits stay. A
            parent has the lowest rank of its parts. What silence brings next is left out where it leads to another part
            of the same stage. The lifecycle of the result has the stages and moves nobody.

        Examples
        --------
        >>> log = clm.replay(
        ...     {
        ...         "customer_id": ["ann", "ann"],
        ...         "at": ["2025-01-03", "2025-01-20"],
        ...         "kind": ["product_viewed", "order"],
        ...     },
        ...     clm.lifecycles.awareness(),
        ... )
        >>> log.rolled_up().visits["stage"].tolist()
        ['awareness', 'conversion']
        """
        return rolled_up(self)

    @property
    def _through(self) -> int:
        return microseconds(self.through, "through")

    def to_columns(self) -> dict[str, Array]:
        """Return the visits, one row a visit."""
        return dict(self.visits)

    def __len__(self) -> int:
        return self.visits.n

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StageLog):
            return NotImplemented
        return (self.lifecycle, self.through, self.visits) == (other.lifecycle, other.through, other.visits)

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def __repr__(self) -> str:
        return (
            f"<StageLog: {self.visits.n:,} visits of {len(self.customer):,} customers to the stages of "
            f"{self.lifecycle.name!r}, through {describe(self._through, self.zone)}>"
        )
