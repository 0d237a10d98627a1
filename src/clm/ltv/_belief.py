"""What is known of a customer who is still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from attrs import frozen

from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.typing import FloatArray, IntArray


@final
@frozen
class Belief:
    """What is known of customers who are still there, one row each.

    Their buying rate is Gamma(shape, rate), their chance of leaving after a purchase Beta(a, b), independently.

    Attributes
    ----------
    shape, rate, a, b : (m,) ndarray of float64
        All positive; `rate` is a time.
    """

    shape: FloatArray = array_field()
    rate: FloatArray = array_field()
    a: FloatArray = array_field()
    b: FloatArray = array_field()

    __setstate__ = seal

    def __len__(self) -> int:
        return self.shape.size

    def part(self, rows: slice | IntArray) -> Belief:
        """Return some of the rows."""
        return Belief(self.shape[rows], self.rate[rows], self.a[rows], self.b[rows])
