"""How long it takes until a customer has paid for his acquisition."""

from __future__ import annotations

from math import inf, log, log1p
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import Estimate, HasEstimate, Quantity, floats, period_rate, propagate

if TYPE_CHECKING:
    from clm.typing import FloatArray


def payback_period(
    cac: Any, margin_per_period: Any, *, retention: Any = 1.0, discount: float | None = None
) -> Estimate[float]:
    """Return after how many periods a customer has earned back what winning him cost.

    Parameters
    ----------
    cac
        Acquisition cost, in money: a number or an `Estimate`.
    margin_per_period
        Margin of a customer and period, in money: a number or an `Estimate`. Or a sequence: the margin per customer won
        in his first period, his second, and so on, churn included.
    retention
        Probability that a customer stays for another period, 0 to 1: a number or an `Estimate`. 1 ignores churn.
    discount
        Rate per period, as a fraction; None for none.

    Returns
    -------
    Estimate
        In periods; the period in which it happens is the next whole number. Undefined where it never does.

    Raises
    ------
    InvalidDataError
        If a number is outside its range, or a sequence is given together with retention.

    Notes
    -----
    The n at which margins of ``m r**(k - 1) / (1 + d)**k`` for periods k from 1 to n, booked at the end of each, add up
    to the cost. With ``q = r / (1 + d)`` it is ``log(1 - cac (1 - q) (1 + d) / m) / log q``, and ``cac / m`` without
    churn and discount. A sequence is interpolated within its periods.

    With churn, the margins of all the future may fall short: an upper end without a bound says that within the interval
    the cost may never come back.

    Examples
    --------
    >>> round(clm.payback_period(200, 37.5).value, 3), round(clm.payback_period(200, 37.5, retention=0.95).value, 4)
    (5.333, 6.0467)
    >>> clm.payback_period(800, 37.5, retention=0.95).undefined
    'the margin of all periods together falls short of the cost'
    """
    rate = 0.0 if discount is None else period_rate(discount)
    cost = Quantity.of(cac, "cac", lowest=0, positive=True)
    booked = f", discounted at {rate:.6g} a period" if rate else ""
    if np.ndim(margin_per_period) and not isinstance(margin_per_period, (Estimate, HasEstimate)):
        curve = _Curve.of(margin_per_period, rate)
        if np.ndim(retention) or retention != 1:
            raise InvalidDataError("margin_per_period is a sequence, whose churn is in it. Leave retention out.")
        return propagate(
            curve,
            [cost],
            name="payback period",
            unit="periods",
            definition=(
                "Periods until the given margins per customer, booked at the end of each, have paid for the acquisition"
                f"{booked}."
            ),
            undefined=f"the margins of the {len(curve.reached):,} given periods fall short of the cost",
        )
    return propagate(
        _Annuity(rate),
        [
            cost,
            Quantity.of(margin_per_period, "margin_per_period", positive=True),
            Quantity.of(retention, "retention", lowest=0, highest=1),
        ],
        name="payback period",
        unit="periods",
        definition=(
            "Periods until the expected margin of a customer, booked at the end of each, has paid for his acquisition"
            f"{booked}."
        ),
        undefined="the margin of all periods together falls short of the cost",
    )


@final
@frozen
class _Annuity:
    """The payback of payments that go on with one probability."""

    discount: float

    def __call__(self, cac: float, margin: float, retention: float) -> float:
        """Return periods; ``inf`` for never."""
        if cac == 0:
            return 0.0
        if margin <= 0:
            return inf
        payments = cac * (1 + self.discount) / margin
        ratio = retention / (1 + self.discount)
        if ratio == 1:
            return payments
        if ratio == 0:
            return payments if payments <= 1 else inf
        short = payments * (1 - ratio)
        return log1p(-short) / log(ratio) if short < 1 else inf


@final
@frozen
class _Curve:
    """The payback of given margins: what they have added up to at the end of each period, never falling."""

    reached: tuple[float, ...]

    @classmethod
    def of(cls, margins: Any, discount: float) -> _Curve:
        """Add up discounted margins."""
        given = floats(margins, "margin_per_period")
        if not len(given) or not np.isfinite(given).all():
            raise InvalidDataError("margin_per_period must hold one finite number a period.")
        worth: FloatArray = given / (1 + discount) ** np.arange(1, len(given) + 1)
        return cls(tuple(worth.cumsum().tolist()))

    def __call__(self, cac: float) -> float:
        """Return periods; ``inf`` where the margins fall short."""
        before = 0.0
        for periods, after in enumerate(self.reached):
            if after >= cac:
                return periods + (cac - before) / (after - before) if cac > 0 else 0.0
            before = after
        return inf
