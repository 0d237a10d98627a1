"""Who could renew, and who left, at each renewal: what models of contracts are fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, final, runtime_checkable

import numpy as np
from attrs import field, frozen

from clm.data import DAYS, Durations
from clm.errors import InvalidDataError
from clm.ltv._contract_arguments import PERIOD, check_unit
from clm.stats import array_field, figure, floats, frozen_array, refuse, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clm.typing import Array, FloatArray

_LONGEST: Final = 100_000

_WHOLE: Final = (
    "Contracts end at renewals: count whole periods, rounded up where the customer left and down where he may still "
    "be there, or choose another unit."
)


@runtime_checkable
class CohortTable(Protocol):
    """A table of customers by cohort and age, as ``clm.retention_table`` makes."""

    @property
    def retained(self) -> Array:
        """Customers retained, one row a cohort, one column an age."""

    @property
    def status(self) -> Array:
        """``"complete"`` where an age was observed to its end."""

    @property
    def definition(self) -> Any:
        """What retained means."""


@final
@frozen(kw_only=True, repr=False)
class Renewals:
    """Customers at risk and lost, one row a renewal: sufficient for any model of contracts.

    Attributes
    ----------
    at_risk : (k,) ndarray of float64
        Customers observed to decide on renewal 1, 2 ... k.
    lost : (k,) ndarray of float64
        Those of them who left instead.
    n : int
        Customers who decided at least once under observation.
    unit : str
        What one renewal period is.

    Examples
    --------
    >>> fit = clm.ShiftedBetaGeometric().fit([[100, 70, 55], [120, 85]])
    >>> fit.renewals
    <Renewals: 220 customers, 80 lost at 2 renewals>
    >>> fit.renewals.at_risk
    array([220.,  70.])
    """

    at_risk: FloatArray = array_field(converter=lambda counts: frozen_array(counts, float))
    lost: FloatArray = array_field(converter=lambda counts: frozen_array(counts, float))
    n: int = field()
    unit: str = field(default=PERIOD, converter=check_unit)

    __setstate__ = seal

    @classmethod
    def of(cls, survivors: Any, unit: Any = None) -> Renewals:
        """Read survivors of one cohort or of several, a table of them, or durations.

        Raises
        ------
        InvalidDataError
            If counts are no counts or rise, durations are not whole periods, or nobody was observed to decide.
        """
        if isinstance(survivors, Renewals):
            _agrees(unit, survivors.unit)
            return survivors
        if isinstance(survivors, Durations):
            found = _of_durations(survivors, unit)
        else:
            cohorts, known = (
                _of_table(survivors) if isinstance(survivors, CohortTable) else (_cohorts(survivors), PERIOD)
            )
            found = _of_cohorts(cohorts, check_unit(known if unit is None else unit))
        if not found.n:
            raise InvalidDataError(
                "nobody was observed to decide on a renewal. Give survivors after at least one period, or check the "
                "filters before it."
            )
        return found

    @property
    def periods(self) -> int:
        """Renewals at which anybody was at risk."""
        return int((self.at_risk > 0).sum())

    @property
    def observed(self) -> FloatArray:
        """Share still there after 0, 1 ... k renewals by the product limit, shape (k + 1,); NaN after a gap."""
        left = self.at_risk - self.lost
        stays = np.divide(left, self.at_risk, out=np.full(left.shape, np.nan), where=self.at_risk > 0)
        return np.append(1.0, np.cumprod(stays))

    def to_columns(self) -> dict[str, Array]:
        """Return the counts as columns, one row a renewal, for ``clm.to_frame``."""
        return {
            "renewal": np.arange(1, len(self.at_risk) + 1),
            "at_risk": self.at_risk,
            "lost": self.lost,
            "survival": self.observed[1:],
        }

    def __repr__(self) -> str:
        lost = figure(float(self.lost.sum()))
        return f"<Renewals: {self.n:,} customers, {lost} lost at {len(self.at_risk):,} renewals>"


def _cohorts(survivors: Any) -> list[FloatArray]:
    if isinstance(survivors, Mapping):
        return [_counts(counts, f"cohort {name!r}") for name, counts in survivors.items()]
    if np.ndim(survivors) == 0 if isinstance(survivors, np.ndarray) else not _is_row(survivors):
        raise InvalidDataError(
            f"survivors must be counts as [1000, 869, 743], several such lists, a mapping of them by cohort, or "
            f"clm.Durations, not {type(survivors).__name__}."
        )
    rows = list(survivors)
    if rows and all(_is_row(row) for row in rows):
        return [_counts(row, f"cohort {number}") for number, row in enumerate(rows)]
    return [_counts(survivors, "survivors")]


def _of_table(table: CohortTable) -> tuple[list[FloatArray], str]:
    """Return survivors by cohort, and the unit of a period."""
    asked = table.definition
    for name, wanted, why in (
        ("rule", "every", "counts who came back, not who stayed all along"),
        ("entry", "first", "counts customers once for every cohort they are in"),
        ("brackets", None, "has ages of unequal length"),
    ):
        if getattr(asked, name, wanted) != wanted:
            raise InvalidDataError(
                f"a retention table of {name}={getattr(asked, name)!r} {why}. Build it with "
                f"clm.RetentionDefinition(rule='every'), or give survivors."
            )
    period = str(getattr(asked, "period", PERIOD))
    rows = zip(np.asarray(table.retained), np.asarray(table.status) == "complete", strict=True)
    # The first age that is not complete ends what is known of a cohort.
    cohorts = [_counts(row[: np.argmin(np.append(known, False))], f"cohort {i}") for i, (row, known) in enumerate(rows)]
    return cohorts, period if period in DAYS else PERIOD


def _is_row(given: Any) -> bool:
    return hasattr(given, "__iter__") and hasattr(given, "__len__") and not isinstance(given, (str, bytes, Mapping))


def _counts(given: Any, name: str) -> FloatArray:
    counts = floats(given, name)
    known = np.flatnonzero(~np.isnan(counts))
    # Rows of a rectangle end where nothing was observed yet.
    counts = counts[: known[-1] + 1] if known.size else counts[:0]
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.rint(counts))).all():
        bad = int(np.flatnonzero(~(np.isfinite(counts) & (counts >= 0) & (counts == np.rint(counts))))[0])
        raise InvalidDataError(
            f"{name} holds {counts[bad]:g} at period {bad}, but whole numbers of customers from 0 on are expected, "
            "from the start on: shares do not tell how many customers are behind them."
        )
    rising = np.flatnonzero(np.diff(counts) > 0)
    if rising.size:
        at = int(rising[0])
        raise InvalidDataError(
            f"{name} rises from {counts[at]:,.0f} to {counts[at + 1]:,.0f} at period {at + 1}. Count those who have "
            "been there without a break: who comes back starts a new contract."
        )
    if len(counts) > _LONGEST + 1:
        raise InvalidDataError(f"{name} holds more than {_LONGEST:,} periods. Count longer ones.")
    return counts


def _of_cohorts(cohorts: Sequence[FloatArray], unit: str) -> Renewals:
    longest = max((len(counts) for counts in cohorts), default=1)
    at_risk, lost = np.zeros(max(longest - 1, 0)), np.zeros(max(longest - 1, 0))
    for counts in cohorts:
        decided = len(counts) - 1
        if decided > 0:
            at_risk[:decided] += counts[:-1]
            lost[:decided] -= np.diff(counts)
    n = sum(float(counts[0]) for counts in cohorts if len(counts) > 1)
    return _trimmed(at_risk, lost, round(n), unit)


def _of_durations(durations: Durations, unit: Any) -> Renewals:
    _agrees(unit, durations.unit)
    length, entry = durations.durations, durations.entry
    refuse(length != np.rint(length), "duration is no whole number of periods", _WHOLE)
    refuse(length > _LONGEST, f"duration is above {_LONGEST:,} periods", "Count in a longer unit.")
    refuse(
        (length == 0) & durations.observed,
        "duration is 0, but the end was seen",
        "A contract ends at its first renewal at the earliest: count that period as 1, or leave those out.",
    )
    if entry is not None:
        refuse(entry != np.rint(entry), "entry is no whole number of periods", _WHOLE)
    ages, lost, at_risk = durations.risk_table()
    renewal = np.arange(1.0, length.max(initial=0.0) + 1)
    # Between two ages of the table nobody enters or ends: who is at risk at the next one was so all along.
    risk = np.asarray(at_risk, float)[np.searchsorted(ages, renewal)]
    gone = np.zeros(len(renewal))
    later = ages > 0
    gone[ages[later].astype(np.int64) - 1] = lost[later]
    decided = length > (0.0 if entry is None else np.maximum(entry, 0.0))
    weights = np.ones(len(length)) if durations.weights is None else durations.weights
    return _trimmed(risk, gone, round(float(weights[decided].sum())), durations.unit)


def _agrees(unit: Any, known: str) -> None:
    if unit is not None and unit != known:
        raise InvalidDataError(f"unit={unit!r} was given, but the data count in {known}s. Leave it out.")


def _trimmed(at_risk: FloatArray, lost: FloatArray, n: int, unit: str) -> Renewals:
    last = int(np.flatnonzero(at_risk > 0)[-1]) + 1 if (at_risk > 0).any() else 0
    return Renewals(at_risk=at_risk[:last], lost=lost[:last], n=n, unit=unit)
