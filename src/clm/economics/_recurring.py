"""How recurring revenue moves from one period to the next, by what customers did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import evolve, frozen

from clm.data import dropped_field
from clm.retention import COMPLETE, IN_PROGRESS, RevenueRatio
from clm.stats import LogNormal, StudentT, Wilson, array_field, frozen_array, seal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clm.stats import Estimate
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_RUNNING: Final = "the period is still running: give through=, up to when the data are complete"
_NOTHING: Final = "there was no revenue before"
_NO_LOSS: Final = "nothing was lost"


@final
@frozen(kw_only=True)
class MovementMoments:
    """Sums over customers by period, for errors; before is the revenue of the period before.

    Attributes
    ----------
    net, net_squares, net_products : (p,) ndarray of float64
        Revenue of customers who had some before, its squares, and its products with what they had.
    kept, kept_squares, kept_products : (p,) ndarray of float64
        The same of the lower of both.
    start_squares : (p,) ndarray of float64
        Squares of revenue before.
    gain_squares, back_squares, loss_squares : (p,) ndarray of float64
        Squares of new revenue and expansion, of reactivation, and of contraction and churn.
    changed : (p,) ndarray of int64
        Customers with revenue before or now.
    """

    net: FloatArray = array_field()
    net_squares: FloatArray = array_field()
    net_products: FloatArray = array_field()
    kept: FloatArray = array_field()
    kept_squares: FloatArray = array_field()
    kept_products: FloatArray = array_field()
    start_squares: FloatArray = array_field()
    gain_squares: FloatArray = array_field()
    back_squares: FloatArray = array_field()
    loss_squares: FloatArray = array_field()
    changed: IntArray = array_field()

    __setstate__ = seal


@final
@frozen(kw_only=True, repr=False)
class MRRMovements:
    """Recurring revenue by period, and what moved it. Made by `mrr_movements`.

    In every period ``end = start + new + expansion + reactivation - contraction - churn``; all of them are from 0 on.

    Attributes
    ----------
    periods : (p,) ndarray of datetime64
        Local date on which each period starts; the local hour for hourly periods.
    start, end : (p,) ndarray of float64
        Revenue of the period before, and of this one.
    new : (p,) ndarray of float64
        Of customers who never had any before.
    expansion, contraction : (p,) ndarray of float64
        What customers of both periods pay more, and less.
    churn : (p,) ndarray of float64
        Of customers who had revenue in the period before and have none.
    reactivation : (p,) ndarray of float64
        Of customers who had none in the period before, but earlier.
    customers_at_start, customers : (p,) ndarray of int64
        Customers with revenue in the period before, and in this one.
    status : (p,) ndarray of str
        ``"complete"``, or ``"in_progress"`` for the last one where it has not ended: its churn is not known yet.
    moments : MovementMoments
        Sums over customers that errors need.
    period : str
        The grain.
    scope : str
        What was counted, for definitions.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    """

    periods: Array = array_field()
    start: FloatArray = array_field()
    new: FloatArray = array_field()
    expansion: FloatArray = array_field()
    contraction: FloatArray = array_field()
    churn: FloatArray = array_field()
    reactivation: FloatArray = array_field()
    end: FloatArray = array_field()
    customers_at_start: IntArray = array_field()
    customers: IntArray = array_field()
    status: Array = array_field()
    moments: MovementMoments
    period: str
    scope: str
    dropped: Mapping[str, int] = dropped_field()

    __setstate__ = seal

    def nrr(self) -> Estimate[FloatArray]:
        """Return net revenue retention: what customers of the period before pay now, over what they paid.

        Returns
        -------
        Estimate
            One cell a period; new and reactivated revenue is not in it. Student's interval over customers; undefined
            while the period is running, and after one without revenue.
        """
        of = self.moments
        ratio = self._retained(of.net, of.net_squares, of.net_products)
        return ratio.estimate(
            name="net revenue retention",
            definition=f"Start, expansion, less contraction and churn, over start; by {self.period}. {self.scope}",
            index=self.periods,
            undefined=self._reasons(_NOTHING),
            band=StudentT(np.maximum(ratio.n - 1.0, 0.0), 0.0),
        )

    def grr(self) -> Estimate[FloatArray]:
        """Return gross revenue retention: what customers kept of what they paid, no one more than that.

        Returns
        -------
        Estimate
            One cell a period; Wilson's interval with as many customers as have the same variance. Undefined as `nrr`.
        """
        of = self.moments
        ratio = self._retained(of.kept, of.kept_squares, of.kept_products)
        return ratio.estimate(
            name="gross revenue retention",
            definition=f"Start less contraction and churn, over start; by {self.period}. {self.scope}",
            index=self.periods,
            undefined=self._reasons(_NOTHING),
            band=Wilson(ratio.effective),
        )

    def quick_ratio(self, *, reactivation: bool = True) -> Estimate[FloatArray]:
        """Return revenue won for each unit lost: new, expansion and reactivation over contraction and churn.

        Parameters
        ----------
        reactivation
            Whether revenue of customers who came back is won; some leave it out.

        Returns
        -------
        Estimate
            One cell a period; undefined while the period is running, and where nothing was lost. The interval is that
            of a ratio over customers, on the log scale.
        """
        won = self.new + self.expansion + (self.reactivation if reactivation else 0.0)
        lost = self.contraction + self.churn
        gains = self.moments.gain_squares + (self.moments.back_squares if reactivation else 0.0)
        known = (self.status == COMPLETE) & (lost > 0)
        # Who gains does not lose: no products.
        ratio = RevenueRatio.of(
            won,
            gains,
            np.zeros_like(won),
            base=lost,
            base_squares=self.moments.loss_squares,
            n=self.moments.changed,
            known=known,
        )
        # Where nothing was won the sample holds no error either: that is no certainty.
        ratio = evolve(ratio, variance=np.where(won > 0, ratio.variance, np.nan))
        return ratio.estimate(
            unit="ratio",
            name="quick ratio",
            definition=(
                f"New revenue{', reactivation' if reactivation else ''} and expansion over contraction and churn; by "
                f"{self.period}. {self.scope}"
            ),
            index=self.periods,
            undefined=self._reasons(_NO_LOSS, lost > 0),
            band=LogNormal(),
        )

    def to_columns(self) -> dict[str, Array]:
        """Return one row a period."""
        names = ("start", "new", "expansion", "contraction", "churn", "reactivation", "end")
        return {
            "period": self.periods.astype("M8[us]") if self.period == "hour" else self.periods,
            **{name: getattr(self, name) for name in names},
            "customers": self.customers,
            "status": self.status,
        }

    def _retained(self, total: FloatArray, squares: FloatArray, products: FloatArray) -> RevenueRatio:
        return RevenueRatio.of(
            total,
            squares,
            products,
            base=self.start,
            base_squares=self.moments.start_squares,
            n=self.customers_at_start,
            known=(self.status == COMPLETE) & (self.start > 0),
        )

    def _reasons(self, nothing: str, there: Array | None = None) -> Array:
        reasons = np.full(len(self.periods), None, dtype=object)
        reasons[~(self.start > 0 if there is None else there)] = nothing
        reasons[self.status == IN_PROGRESS] = _RUNNING
        return reasons

    def __repr__(self) -> str:
        return (
            f"<MRRMovements: {len(self.periods):,} periods by {self.period}, {self.end[-1]:,.6g} from "
            f"{int(self.customers[-1]):,} customers at the end>"
        )


def movements_of(
    customer: IntArray, number: IntArray, amount: FloatArray, *, first: int, running: bool, last: int, **described: Any
) -> MRRMovements:
    """Count what moved revenue.

    Parameters
    ----------
    customer, number, amount : (m,) ndarray
        Revenue above 0 of each customer and number of a period, by customer and period, from the beginning of the log.
    first, last
        Numbers of the first and the last period of the result.
    running
        Whether the last one has not ended.
    **described
        The other attributes.
    """
    width = last - first + 1
    same = np.append(False, customer[1:] == customer[:-1])  # the first row has none before it
    follows = same & np.append(False, number[1:] == number[:-1] + 1)  # as above
    before = np.where(follows, np.append(0.0, amount[:-1]), 0.0)  # as above
    left = ~np.append(follows[1:], False) & (number < last)  # as above
    change = amount - before
    kept = np.minimum(amount, before)

    def by_period(values: FloatArray, rows: BoolArray, after: int = 0) -> FloatArray:
        place = number[rows] + after - first
        real = (place >= 0) & (place < width)
        return frozen_array(np.bincount(place[real], values[rows][real], minlength=width).astype(np.float64))

    everyone = np.ones(len(amount), bool)
    ones = np.ones(len(amount))
    churned = by_period(amount**2, left, 1)
    at_start = by_period(ones, everyone, 1)
    moments = MovementMoments(
        net=by_period(amount, follows),
        net_squares=by_period(amount**2, follows),
        net_products=by_period(amount * before, follows),
        kept=by_period(kept, follows),
        kept_squares=by_period(kept**2, follows),
        kept_products=by_period(kept * before, follows),
        start_squares=by_period(amount**2, everyone, 1),
        gain_squares=by_period(change**2, ~same | (follows & (change > 0))),
        back_squares=by_period(amount**2, same & ~follows),
        loss_squares=frozen_array(by_period(change**2, follows & (change < 0)) + churned),
        changed=frozen_array((at_start + by_period(ones, ~follows)).astype(np.int64)),
    )
    return MRRMovements(
        start=by_period(amount, everyone, 1),
        new=by_period(amount, ~same),
        expansion=by_period(change, follows & (change > 0)),
        contraction=by_period(-change, follows & (change < 0)),
        churn=by_period(amount, left, 1),
        reactivation=by_period(amount, same & ~follows),
        end=by_period(amount, everyone),
        customers_at_start=frozen_array(at_start.astype(np.int64)),
        customers=frozen_array(by_period(ones, everyone).astype(np.int64)),
        status=frozen_array(np.where(running & (np.arange(width) == width - 1), IN_PROGRESS, COMPLETE)),
        moments=moments,
        **described,
    )
