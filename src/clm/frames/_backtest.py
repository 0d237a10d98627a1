"""From an order log to how well models predict it: the public function."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from clm.data import days_in, describe, parse_through
from clm.errors import InvalidDataError
from clm.frames._rfm import _open, _read, rfm_split
from clm.frames._rules import Rules
from clm.ltv import Backtest, RollingBacktest
from clm.ltv import backtest as scored
from clm.stats import plain_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.data import RFM, Holdout, Zone
    from clm.frames._rfm import Occasion
    from clm.typing import RandomState, Unit

_MOST_ORIGINS = 200
_DAY = 86_400_000_000


@overload
def backtest(
    models: Sequence[Any] | Mapping[str, Any],
    calibration: RFM,
    holdout: Holdout,
    *,
    level: float = 0.95,
    rng: RandomState = 0,
) -> Backtest: ...
@overload
def backtest(
    models: Sequence[Any] | Mapping[str, Any],
    *,
    orders: Any,
    origins: Sequence[Any],
    horizon: float | None = None,
    customer: str | None = None,
    at: str | None = None,
    unit: Unit = "week",
    occasion: Occasion = "day",
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    level: float = 0.95,
    rng: RandomState = 0,
) -> RollingBacktest: ...
def backtest(
    models: Sequence[Any] | Mapping[str, Any],
    calibration: RFM | None = None,
    holdout: Holdout | None = None,
    *,
    orders: Any = None,
    origins: Sequence[Any] | None = None,
    horizon: float | None = None,
    customer: str | None = None,
    at: str | None = None,
    unit: Unit = "week",
    occasion: Occasion = "day",
    start: Any = None,
    through: Any = None,
    tz: Any = "UTC",
    level: float = 0.95,
    rng: RandomState = 0,
) -> Backtest | RollingBacktest:
    """Fit models to what customers did up to a moment, and score them on what the same customers did afterwards.

    Give a calibration and its holdout for one test, or an order log with several origins for one test at each.

    Parameters
    ----------
    models
        Models such as ``clm.BGNBD()``, or any objects with ``fit(rfm)``; or fits. A mapping's keys name them.
    calibration, holdout
        What ``clm.rfm_split`` returns.
    orders
        One row an order: any dataframe, or a `Source`.
    origins
        Dates or instants at which calibrations end, each included.
    horizon
        How long each holdout is, in `unit`; by default each runs to the end of the data.
    customer, at, unit, occasion, start, through, tz
        As in `rfm`, for `orders`.
    level
        Nominal coverage of the prediction intervals.
    rng
        For the counts that are simulated.

    Returns
    -------
    Backtest
        Of a calibration: a `BacktestScore` a model, and mean purchases by frequency.
    RollingBacktest
        Of an order log: one test an origin.

    Raises
    ------
    InvalidDataError
        If there is no model, something is neither model nor fit, the holdout does not belong to the calibration, an
        origin leaves no holdout, or both or neither of the two forms are given.

    Notes
    -----
    The continuous ranked probability score [1]_ compares the whole predicted distribution of a customer's count with
    what came; it is estimated from 200 simulated counts a customer, 50 where they are many. Prediction intervals that
    hold more customers than they promise are no fault: counts are whole, and most customers buy nothing.

    References
    ----------
    .. [1] Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102, 359-378.

    Examples
    --------
    >>> calibration, holdout = clm.rfm_split(
    ...     clm.datasets.cdnow(), unit="week", calibrate_through="1997-09-30", through="1998-06-30"
    ... )
    >>> test = clm.backtest([clm.NBD(), clm.ParetoNBD()], calibration, holdout)
    >>> test.models, test.best
    (('NBD', 'Pareto/NBD'), 'Pareto/NBD')
    >>> test["NBD"].predicted
    <total expected purchases: 2,930 purchases (95% interval 2,870 to 2,991; n = 2,357)>
    >>> test["NBD"].actual
    1882
    """
    if orders is None and origins is None and horizon is None:
        if calibration is None or holdout is None:
            raise InvalidDataError("give a calibration and its holdout, or orders= with origins=.")
        return scored(models, calibration, holdout, level=level, rng=rng)
    if calibration is not None or holdout is not None or orders is None or origins is None:
        raise InvalidDataError(
            "give either a calibration and its holdout, or orders= with origins= (and horizon= where wanted)."
        )
    columns: dict[str, Any] = {"customer": customer, "at": at}
    common: dict[str, Any] = {"unit": unit, "occasion": occasion, "start": start, "tz": tz}
    rules = Rules.of(through=through, refunds="net", week_start="monday", **common)
    ends = _ends(origins, horizon, unit, rules.zone, through)
    if horizon is not None:
        _check_reach(_read(_open(orders, columns, rules), rules).through, ends, rules.zone)
    tests = []
    for origin, end in ends:
        histories, afterwards = rfm_split(orders, calibrate_through=origin, through=end, **columns, **common)
        tests.append(scored(models, histories, afterwards, level=level, rng=rng))
    return RollingBacktest(origins=tuple(str(origin) for origin, _ in ends), tests=tuple(tests))


def _ends(origins: Any, horizon: float | None, unit: Unit, zone: Zone, through: Any) -> list[tuple[Any, Any]]:
    """Return where each calibration and each holdout ends."""
    if not isinstance(origins, (Sequence, np.ndarray)) or isinstance(origins, (str, bytes)):
        raise InvalidDataError(f"origins must be a list of dates, not {type(origins).__name__}. Write [{origins!r}].")
    if not 0 < len(origins) <= _MOST_ORIGINS:
        raise InvalidDataError(f"origins holds {len(origins):,} dates; give 1 to {_MOST_ORIGINS}.")
    if horizon is None:
        return [(origin, through) for origin in origins]
    days = int(plain_number(horizon, "horizon", lowest=0) * days_in(unit) + 1e-9)
    if days < 1:
        raise InvalidDataError(f"horizon must be a day or more, not {horizon:g} {unit}s.")
    ends = []
    for origin in origins:
        until = parse_through(origin, zone, "origins")
        text = str(origin)
        # Days of the calendar for dates, so that a change of the clock moves nothing.
        bare = isinstance(origin, date) or len(text) == 10
        later = date.fromisoformat(text[:10]) + timedelta(days) if bare else np.datetime64(until + days * _DAY, "us")
        ends.append((origin, str(later)))
    return ends


def _check_reach(last: int, ends: list[tuple[Any, Any]], zone: Zone) -> None:
    """Refuse holdouts that reach beyond the data, which would count as silence."""
    for origin, end in ends:
        if parse_through(end, zone, "horizon") - last >= _DAY:  # a log's last row may be early on its last day
            raise InvalidDataError(
                f"the holdout from {origin} on would end at {end}, but the data end at {describe(last, zone)}. "
                "Give earlier origins, a shorter horizon, or through= if the data are complete for longer."
            )
