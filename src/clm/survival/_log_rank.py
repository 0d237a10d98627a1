"""Whether groups of customers are lost at the same rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen
from scipy import special

from clm.data import Durations
from clm.errors import InvalidDataError
from clm.stats import array_field, figure, frozen_array, seal

if TYPE_CHECKING:
    from clm.typing import Array, FloatArray


@final
@frozen(kw_only=True, repr=False)
class LogRankTest:
    """Losses of each group against those that a common hazard would bring. Made by `log_rank`.

    Attributes
    ----------
    groups : (k,) ndarray
        Their names.
    observed, expected : (k,) ndarray of float64
        Losses, and losses if all groups had one hazard.
    statistic : float
        Chi-square; NaN where nothing can be told.
    df : int
        Degrees of freedom.
    p_value : float
        Of the hypothesis of one hazard; NaN where nothing can be told.
    undefined : str or None
        Why there is no statistic.
    definition : str
        One sentence that fixes what was computed.
    """

    groups: Array = array_field()
    observed: FloatArray = array_field()
    expected: FloatArray = array_field()
    statistic: float
    df: int
    p_value: float
    undefined: str | None
    definition: str

    __setstate__ = seal

    def to_columns(self) -> dict[str, Array]:
        """Return one row a group."""
        return {"group": self.groups, "observed": self.observed, "expected": self.expected}

    def __repr__(self) -> str:
        if self.undefined is not None:
            return f"<LogRankTest: {len(self.groups)} groups, undefined: {self.undefined}>"
        return (
            f"<LogRankTest: {len(self.groups)} groups, chi-square {figure(self.statistic)} on {self.df} df, "
            f"p {figure(self.p_value)}>"
        )


def log_rank(groups: Mapping[Any, Durations] | Sequence[Durations]) -> LogRankTest:
    """Test whether groups of customers are lost at the same rate at every age.

    Parameters
    ----------
    groups
        Durations by name, or a row of them, two or more, in one unit. Delayed entry is honoured; weights must be whole
        numbers of customers.

    Returns
    -------
    LogRankTest

    Raises
    ------
    InvalidDataError
        If there are fewer than two groups, one has nobody at risk, units differ or weights are not whole.

    Notes
    -----
    At each age with losses, those of a group are hypergeometric if all have one hazard; differences are added up over
    the ages [1]_. Strongest where hazards differ by one factor at all ages; where curves cross it may see nothing: look
    at them too.

    References
    ----------
    .. [1] Mantel (1966), Cancer Chemotherapy Reports 50, 163-170.

    Examples
    --------
    >>> monthly = clm.Durations([1, 2, 2, 4, 6], [True, True, True, True, False], unit="month")
    >>> yearly = clm.Durations([3, 6, 6, 6, 6], [True, False, False, False, False], unit="month")
    >>> round(clm.log_rank({"monthly": monthly, "yearly": yearly}).p_value, 3)
    0.058
    """
    names, durations = _named(groups)
    tables = [each.risk_table() for each in durations]
    for name, (ages, _, _) in zip(names, tables, strict=True):
        if not len(ages):
            raise InvalidDataError(f"group {name!r}: nobody is ever at risk. Leave the group out.")
    times = np.unique(np.concatenate([ages[lost > 0] for ages, lost, _ in tables]))
    lost, at_risk = np.zeros((len(names), len(times))), np.zeros((len(names), len(times)))
    for row, (ages, gone, risk) in enumerate(tables):
        at = np.searchsorted(ages, times)
        at_risk[row] = np.append(risk, 0)[at]
        here = at < len(ages)
        here[here] = ages[at[here]] == times[here]
        lost[row, here] = gone[at[here]]
    everybody, all_lost = at_risk.sum(axis=0), lost.sum(axis=0)
    share = at_risk / everybody
    expected = share * all_lost
    # Of one customer at risk nothing is left to chance.
    spread = all_lost * (everybody - all_lost) / np.maximum(everybody - 1, 1)
    covariance = np.diag((share * spread).sum(axis=1)) - (share * spread) @ share.T
    difference = (lost - expected).sum(axis=1)
    statistic, undefined = _quadratic(difference[:-1], covariance[:-1, :-1])
    df = len(names) - 1
    return LogRankTest(
        groups=frozen_array(np.array(names, dtype=object)),
        observed=frozen_array(lost.sum(axis=1)),
        expected=frozen_array(expected.sum(axis=1)),
        statistic=statistic,
        df=df,
        p_value=float(special.chdtrc(df, statistic)) if undefined is None else np.nan,
        undefined=undefined,
        definition=(
            "Log-rank test of one hazard for all groups at every age; differences between losses and those expected "
            "are added up over ages."
        ),
    )


def _quadratic(difference: FloatArray, covariance: FloatArray) -> tuple[float, str | None]:
    values, vectors = np.linalg.eigh(covariance)
    if values[0] <= 1e-12 * max(values[-1], 1e-300):
        return np.nan, "at every age with losses only one group was at risk, or everybody was lost"
    return float(((vectors.T @ difference) ** 2 / values).sum()), None


def _named(groups: Any) -> tuple[list[Any], list[Durations]]:
    if isinstance(groups, Mapping):
        names, durations = list(groups), list(groups.values())
    elif isinstance(groups, (list, tuple)):
        names, durations = list(range(len(groups))), list(groups)
    else:
        raise InvalidDataError("log_rank takes a mapping of name to Durations, or a list of Durations.")
    odd = [type(each).__name__ for each in durations if not isinstance(each, Durations)]
    if odd:
        raise InvalidDataError(f"log_rank takes Durations, not {odd[0]}. Build them with clm.durations(frame, ...).")
    if len(durations) < 2:
        raise InvalidDataError("log_rank needs two groups or more.")
    units = {each.unit for each in durations}
    if len(units) > 1:
        raise InvalidDataError(f"the groups count in {' and '.join(sorted(units))}. Give all of them in one unit.")
    for name, each in zip(names, durations, strict=True):
        if each.weights is not None and not (each.weights == np.rint(each.weights)).all():
            raise InvalidDataError(f"group {name!r}: weights must be whole numbers of customers for a test.")
    return names, durations
