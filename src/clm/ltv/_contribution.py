"""Value a customer by what is left of his purchases after what he cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.ltv._spent import spent
from clm.stats import exact, numbers, refuse

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.stats import Estimate
    from clm.typing import FloatArray


def contribution_ltv(
    rfm: Any, *, acquisition_cost: Any = 0, retention_cost: Any = 0, cost_of_goods: Any = 0
) -> Estimate[FloatArray]:
    """Value each customer by his purchases less the cost of winning, keeping and supplying him.

    Parameters
    ----------
    rfm : RFM
        Purchase histories with amounts.
    acquisition_cost, retention_cost : float, array_like or mapping
        Money spent on winning and on keeping each customer: one number for all, one entry a row of `rfm`, or a mapping
        by customer id that names every customer.
    cost_of_goods : float, array_like or mapping
        Cost of the goods sold, as a fraction of revenue from 0 to 1.

    Returns
    -------
    Estimate
        One value a customer, in money, index ``rfm.customer``; negative where he cost more than he brought. Counted in
        full, so that the standard error is 0.

    Raises
    ------
    InvalidDataError
        If `rfm` holds no amounts, a cost is missing, negative or of the wrong length, a mapping leaves customers out,
        or the cost of goods is above 1.

    Notes
    -----
    ``sum(amounts) * (1 - cost_of_goods) - acquisition_cost - retention_cost``.

    Examples
    --------
    >>> orders = {"customer_id": [1, 1, 1], "at": ["2025-01-02", "2025-02-03", "2025-03-04"], "amount": [100, 33, 200]}
    >>> histories = clm.rfm(orders, amount="amount")
    >>> clm.contribution_ltv(histories, acquisition_cost=20, retention_cost=10, cost_of_goods=0.5).value
    array([136.5])
    """
    rfm, total = spent(rfm)
    goods = _per_customer(cost_of_goods, "cost_of_goods", rfm)
    refuse(
        np.atleast_1d(goods > 1), "cost_of_goods is above 1", "It is a fraction of revenue: give 0.5 for 50 percent."
    )
    costs = _per_customer(acquisition_cost, "acquisition_cost", rfm) + _per_customer(
        retention_cost, "retention_cost", rfm
    )
    return exact(
        total * (1 - goods) - costs,
        n=rfm.frequency + 1,
        name="contribution lifetime value",
        unit="currency",
        definition="Sum of a customer's purchases less cost of goods, acquisition cost and retention cost. "
        + rfm.definition,
        index=rfm.customer,
    )


def _per_customer(cost: Any, name: str, rfm: RFM) -> FloatArray:
    if isinstance(cost, Mapping):
        cost = _looked_up(cost, name, rfm)
    entries = numbers(cost, name)
    if entries.shape not in {(), (len(rfm),)}:
        raise InvalidDataError(
            f"{name} has shape {entries.shape}, but there are {len(rfm):,} customers. "
            "Give one number, one entry a customer, or a mapping by customer id."
        )
    rows = np.atleast_1d(entries)
    refuse(~np.isfinite(rows), f"{name} is missing or infinite", "Give 0 where nothing was spent.")
    refuse(rows < 0, f"{name} is negative", "Costs are given as positive numbers.")
    return entries


def _looked_up(cost: Mapping[Any, Any], name: str, rfm: RFM) -> list[Any]:
    if rfm.customer is None:
        raise InvalidDataError(f"{name} is given by customer id, but rfm has no ids. Give one entry a row instead.")
    ids = rfm.customer.tolist()
    absent = np.array([customer not in cost for customer in ids], bool)
    refuse(absent, f"{name} does not name the customer", "Give every customer an entry, 0 where nothing was spent.")
    return [cost[customer] for customer in ids]
