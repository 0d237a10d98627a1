"""How a model's parameters follow from what is known of a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

from clm.ltv._bg_nbd_process import BGNBDProcess
from clm.ltv._pareto_nbd_process import ParetoNBDProcess
from clm.stats import array_field, seal

if TYPE_CHECKING:
    from clm.data import RFM
    from clm.ltv._evaluated import Evaluated
    from clm.typing import FloatArray, IntArray


@final
@frozen(kw_only=True)
class Effects:
    """Which covariates move which of a model's four parameters.

    Attributes
    ----------
    covariates : tuple of str
        Their names.
    moved : tuple of (str, int, int, tuple of int)
        What is moved, as in ``"transaction"``; which parameter that is; with which sign its logarithm moves; and by
        which covariates.
    leaves_at_random : bool
        The model is Pareto/NBD; else BG/NBD.
    """

    covariates: tuple[str, ...]
    moved: tuple[tuple[str, int, int, tuple[int, ...]], ...]
    leaves_at_random: bool

    @classmethod
    def on_rates(cls, covariates: tuple[str, ...], transaction: tuple[int, ...], dropout: tuple[int, ...]) -> Effects:
        """Multiply the rates of Pareto/NBD: alpha and beta fall as the rates rise."""
        moved = (("transaction", 1, -1, transaction), ("dropout", 3, -1, dropout))
        return cls(covariates=covariates, moved=moved, leaves_at_random=True)

    @classmethod
    def on_chances(cls, covariates: tuple[str, ...], transaction: tuple[int, ...], dropout: tuple[int, ...]) -> Effects:
        """Multiply the buying rate of BG/NBD, and both parameters of the chance of leaving."""
        moved = (("transaction", 1, -1, transaction), ("dropout_a", 2, 1, dropout), ("dropout_b", 3, 1, dropout))
        return cls(covariates=covariates, moved=moved, leaves_at_random=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the effects, as in ``"transaction.age"``."""
        return tuple(f"{role}.{self.covariates[j]}" for role, _, _, columns in self.moved for j in columns)

    def design(self, values: FloatArray) -> FloatArray:
        """Return how each row's log parameters follow from four base ones and the effects, (n, 4, k)."""
        design = np.zeros((len(values), 4, 4 + len(self.names)))
        design[:, range(4), range(4)] = 1.0
        at = 4
        for _, parameter, sign, columns in self.moved:
            design[:, parameter, at : at + len(columns)] = sign * values[:, columns]
            at += len(columns)
        return design

    def process(self, log_values: FloatArray, values: FloatArray) -> CovariateProcess:
        """Return what the model says of customers with these covariates, one a row."""
        design = self.design(values)
        by_row = np.exp(design @ log_values).T
        inner = ParetoNBDProcess(by_row) if self.leaves_at_random else BGNBDProcess(by_row)
        return CovariateProcess(inner, design)


@final
@frozen
class CovariateProcess:
    """A process with parameters of each row's own; derivatives are by what all rows share.

    Attributes
    ----------
    inner : ParetoNBDProcess or BGNBDProcess
        With a column of parameters a row.
    design : (m, 4, k) ndarray of float64
        How the row's log parameters move with the k that are shared.
    """

    inner: ParetoNBDProcess | BGNBDProcess
    design: FloatArray = array_field()

    __setstate__ = seal

    def pointwise_loglik(self, rfm: RFM) -> FloatArray:
        """Return the log-likelihood of each history."""
        return self.inner.pointwise_loglik(rfm)

    def probability_alive(self, rfm: RFM) -> Evaluated:
        """Return the probability of not having left."""
        return self._shared(self.inner.probability_alive(rfm))

    def expected(self, rfm: RFM, ahead: float) -> Evaluated:
        """Return the expected purchases within the time ahead."""
        return self._shared(self.inner.expected(rfm, ahead))

    def exactly(self, count: int, rfm: RFM, ahead: float) -> Evaluated:
        """Return the probability of exactly so many purchases within the time ahead."""
        return self._shared(self.inner.exactly(count, rfm, ahead))

    def discounted(self, rfm: RFM, rate: float) -> Evaluated:
        """Return the discounted expected purchases without end; NaN where they have no finite sum."""
        return self._shared(self.inner.discounted(rfm, rate))

    def without_end(self) -> str:
        """Say why undiscounted purchases have no finite sum, where they have none."""
        return self.inner.without_end() if self.design.size else ""

    def variance(self, rfm: RFM, ahead: float) -> FloatArray:
        """Return the variance of each customer's number of purchases within the time ahead."""
        return self.inner.variance(rfm, ahead)

    def counts_exceeded(self, tail: float, rfm: RFM, ahead: float) -> FloatArray:
        """Return the least count that each customer exceeds with a chance of at most `tail`."""
        return self.inner.counts_exceeded(tail, rfm, ahead)

    def draw(self, rfm: RFM, ahead: float, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw whose purchases, and when, follow within the time ahead."""
        return self.inner.draw(rfm, ahead, rng)

    def _shared(self, by_row: Evaluated) -> Evaluated:
        value, gradient = by_row
        return value, np.einsum("mi,mik->mk", gradient, self.design)
