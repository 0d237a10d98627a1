"""What the author of a metric runs against it before others rely on it."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
from attrs import evolve

from clm.datasets import simulate_base
from clm.errors import ClmError, InvalidDataError
from clm.metrics import TABLES, CustomerBase, get, measure, names
from clm.metrics._protocol import check_protocol, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clm.metrics import Metric
    from clm.stats import Estimate

_CUSTOMERS: Final = 400


class ConformanceError(ClmError, AssertionError):
    """A metric breaks a clause of the suite; the message names the metric and the clause, and says what to mend."""


def check_metric(metric: Metric, base: CustomerBase | None = None) -> None:
    """Check that a metric does what the scorecard and its readers rely on.

    Run it in the metric's own tests: it returns nothing, or raises at the first clause that does not hold.

    Parameters
    ----------
    metric
        The metric, an object.
    base
        A base on which the metric is defined; by default a simulated one with all five tables.

    Raises
    ------
    ConformanceError
        If a clause does not hold. It is an AssertionError too, so that pytest shows it as a failure.

    Notes
    -----
    The clauses, in order:

    * protocol: the attributes are there and hold what they must; the name is not that of another metric.
    * defined: on `base` it gives a single number with its unit, a definition that is a sentence, and a finite interval
      around the value, or ``band=clm.stats.NoBand(reason)``.
    * pure: it changes neither the base's tables nor NumPy's random state, its error settings or the warning filters.
    * deterministic: the same base gives the same estimate twice.
    * picklable: the estimate survives pickling.
    * missing tables: without a table it gives a reason, or its value where it does not need the table, and no error.
    * little data: on tables without rows, before the first row, and with a single customer it gives a reason or a
      number, and no error.

    Examples
    --------
    >>> clm.testing.check_metric(clm.metrics.get("repeat_purchase_rate"))
    """
    _check_protocol(metric)
    chosen = simulate_base(_CUSTOMERS, rng=0) if base is None else base
    where = "on a simulated base with all five tables" if base is None else "on the base given"
    contents, surroundings = _contents(chosen), _surroundings()
    estimate = _attempt(metric, "defined", where, chosen)
    _check_untouched(metric, contents, _contents(chosen))
    _check_untouched(metric, surroundings, _surroundings())
    _check_defined(metric, where, estimate, chosen, given=base is not None)
    _check_repeatable(metric, chosen, estimate)
    for what, poorer in _poorer(chosen):
        clause = "missing tables" if what.startswith("without") else "little data"
        result = _attempt(metric, clause, f"on a base {what}", poorer)
        _check_shape(metric, clause, f"on a base {what}", result, poorer)


def _check_protocol(metric: Metric) -> None:
    try:
        check_protocol(metric)
    except InvalidDataError as error:
        raise ConformanceError(f"protocol: {error}") from error
    if metric.name in names() and type(get(metric.name)) is not type(metric):
        _fail(metric, "protocol", f"the name {metric.name!r} is taken by {get(metric.name)!r}. Choose another.")


def _check_defined(metric: Metric, where: str, estimate: Estimate[float], base: CustomerBase, *, given: bool) -> None:
    if estimate.undefined is not None:
        remedy = "" if given else " Pass check_metric(metric, base=...) a base on which it is defined."
        _fail(metric, "defined", f"{where} it is undefined, because {estimate.undefined}.{remedy}")
    _check_shape(metric, "defined", where, estimate, base)
    if estimate.band.method.startswith("undefined: "):
        return
    low, high = estimate.confidence_interval(0.95)
    if np.isnan(low) or np.isnan(high):
        remedy = "Give standard_error=, or band=clm.stats.NoBand(reason)."
        _fail(metric, "defined", f"{where} it has a value and no interval. {remedy}")
    wider = estimate.confidence_interval(0.99)
    if not wider.low <= low <= estimate.value <= high <= wider.high:
        _fail(metric, "defined", f"{where} its interval does not hold the value, or does not widen with the level.")


def _check_shape(metric: Metric, clause: str, where: str, estimate: Estimate[float], base: CustomerBase) -> None:
    if not estimate.definition.strip().endswith("."):
        _fail(
            metric, clause, f"{where} its definition is no sentence: {estimate.definition!r}. End it with a full stop."
        )
    expected = unit_of(metric, base.currency)
    if estimate.unit != expected:
        _fail(metric, clause, f"{where} its unit is {estimate.unit!r}, but the metric says {expected!r}.")


def _check_untouched(metric: Metric, before: dict[str, Any], after: dict[str, Any]) -> None:
    for name, old in before.items():
        if after[name] != old:
            _fail(metric, "pure", f"it changed {name}. Copy before you write, and change settings only in a context.")


def _check_repeatable(metric: Metric, base: CustomerBase, first: Estimate[float]) -> None:
    # A base derived anew holds nothing that the first measurement left behind.
    second = _attempt(metric, "deterministic", "the second time", evolve(base))
    if second != first:
        _fail(metric, "deterministic", f"the same base gave {first!r} and then {second!r}. Fix the seed of any chance.")
    try:
        copy = pickle.loads(pickle.dumps(first))  # noqa: S301  # what was pickled here a moment ago
    except Exception as error:  # noqa: BLE001  # pickle raises whatever the object in its way raises
        _fail(metric, "picklable", f"{type(error).__name__}: {error}. Keep arrays and text in it, no open resources.")
    if copy != first:
        _fail(metric, "picklable", "the estimate differs after pickling. Keep arrays and text in it.")


def _contents(base: CustomerBase) -> dict[str, Any]:
    """Return the bytes of each table that is a mapping; other frames cannot be written to through a base."""
    tables = {name: getattr(base, name) for name in TABLES}
    return {
        f"the table {name}": {column: pickle.dumps(np.asarray(values)) for column, values in table.items()}
        for name, table in tables.items()
        if isinstance(table, dict)
    }


def _surroundings() -> dict[str, Any]:
    return {
        "NumPy's random state": pickle.dumps(np.random.get_state()),  # noqa: NPY002  # the global state is what is guarded
        "NumPy's error settings": np.geterr(),
        "the warning filters": list(warnings.filters),
    }


def _poorer(base: CustomerBase) -> Iterator[tuple[str, CustomerBase]]:
    for table in TABLES:
        if getattr(base, table) is not None:
            yield f"without {table}", _with(base, {table: None})
    yield "without any table", _with(base, dict.fromkeys(TABLES))
    full = simulate_base(_CUSTOMERS, rng=0)
    tables = {table: getattr(full, table) for table in TABLES}
    none = {table: {name: values[:0] for name, values in columns.items()} for table, columns in tables.items()}
    yield "whose tables have no rows", _with(full, none)
    yield "on which nothing has happened yet", evolve(full, through="2022-12-31")
    bought = np.bincount(full.orders["customer_id"], minlength=_CUSTOMERS + 1)[1:]
    for orders, who in ((0, "who never ordered"), (1, "who ordered once"), (bought.max(), "who ordered most")):
        customer = int(np.flatnonzero(bought == orders)[0]) + 1
        yield f"of one customer {who}", _with(full, _only(tables, customer))


def _with(base: CustomerBase, tables: dict[str, Any]) -> CustomerBase:
    return evolve(base, **tables)


def _only(tables: dict[str, Any], customer: int) -> dict[str, Any]:
    kept = dict(tables)
    for name, columns in tables.items():
        if "customer_id" in columns:
            mine = columns["customer_id"] == customer
            kept[name] = {column: values[mine] for column, values in columns.items()}
    return kept


def _attempt(metric: Metric, clause: str, where: str, base: CustomerBase) -> Estimate[float]:
    try:
        return measure(metric, base)
    except InvalidDataError as error:
        raise ConformanceError(_broken(metric, clause, f"{where} it raised: {error}")) from error
    except Exception as error:
        told = (
            f"{where} it raised {type(error).__name__}: {error}. Return value=nan and undefined=, the reason, instead."
        )
        raise ConformanceError(_broken(metric, clause, told)) from error


def _fail(metric: Metric, clause: str, what: str) -> NoReturn:
    raise ConformanceError(_broken(metric, clause, what))


def _broken(metric: Metric, clause: str, what: str) -> str:
    return f"metric {metric.name!r} breaks the clause '{clause}': {what}"
