"""Customer health scores of any frame."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.frames._source import open_table
from clm.satisfaction import score_health
from clm.satisfaction._health import checked_weights

if TYPE_CHECKING:
    from clm.satisfaction import HealthScores
    from clm.satisfaction._health import HealthRule
    from clm.typing import Array


def health_score(
    components: Any,
    weights: Mapping[str, float],
    *,
    customer: str | None = None,
    missing: HealthRule = "renormalise",
    min_coverage: float = 0.5,
    bands: Mapping[str, float] | None = None,
) -> HealthScores:
    """Combine several measures of a customer into one health score, 0 to 100.

    Parameters
    ----------
    components
        Any frame or `Source`, one row a customer, each component a column from 0, worst, to 100, best; or a mapping of
        component to one number, for a single customer.
    weights : mapping of str to float
        The components that count, and how much; positive, of any total.
    customer
        Name of the column of ids, ``"customer_id"`` where there is one; rows are numbered otherwise.
    missing : {"renormalise", "undefined", "raise"}
        Where a component is missing, share its weight out over the others, leave the score undefined, or refuse.
    min_coverage : float
        Part of the weights that must be known for a score, 0 to 1.
    bands : mapping of str to float, optional
        Names of bands and where each starts, as ``{"red": 0, "yellow": 40, "green": 70}``.

    Returns
    -------
    HealthScores
        ``value``, ``coverage`` and ``band`` of each customer, and their ``mean()``.

    Raises
    ------
    InvalidDataError
        If a component is not there, not numeric or outside 0 to 100; a weight is not positive; a customer is there
        twice; bands do not start at 0.

    Notes
    -----
    ``sum(weight * component) / sum(weight)`` over the known components. No weights and no bands are right by
    themselves: check against who left whether they tell anything.

    Examples
    --------
    >>> parts = {"nps": (30 + 100) / 2, "usage": 70, "tickets": 100 - 10 * 3, "login": 100 - 2 * 5}
    >>> weights = {"nps": 0.25, "usage": 0.35, "tickets": 0.2, "login": 0.2}
    >>> float(clm.health_score(parts, weights).value[0])
    72.75
    """
    names = list(checked_weights(weights))
    if isinstance(components, Mapping) and any(_is_one(components.get(name)) for name in names):
        components = {name: [value] if _is_one(value) else value for name, value in components.items()}
    roles = {name: name for name in names}
    table = open_table(
        components, {"customer": customer, **roles}, required=names, optional=("customer",), what="components"
    ).collected()
    columns = {name: table.column(name).numbers(name) for name in names}
    rows = len(next(iter(columns.values())))
    if not table.has("customer"):
        who: Array = np.arange(rows)
    else:
        column = table.column("customer")
        if column.missing.any():
            raise InvalidDataError(
                f"customer is missing in {int(column.missing.sum()):,} of {rows:,} rows, first at row"
                f" {int(np.argmax(column.missing))}. Leave those rows out."
            )
        who = column.values
        seen: set[Any] = set()
        for row, value in enumerate(who.tolist()):
            if value in seen:
                raise InvalidDataError(f"customer {value!r} is there twice, again at row {row}. Give one row each.")
            seen.add(value)
    return score_health(who, columns, weights, missing=missing, min_coverage=min_coverage, bands=bands)


def _is_one(value: Any) -> bool:
    return value is None or (isinstance(value, Real) and not isinstance(value, bool))
