"""Where customers who move from stage to stage end up, and after how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from clm.typing import BoolArray, FloatArray, IntArray


@final
@frozen(eq=False)
class Absorption:
    """A Markov chain whose absorbing stages end it, estimated from counted moves.

    Attributes
    ----------
    probabilities : (s, s) ndarray of float64
        From row to column; rows of absorbing stages, and of stages that nobody was seen to leave, hold 0.
    moves : (s,) ndarray of int64
        Moves counted from each stage.
    absorbing, unseen : (s,) ndarray of bool
        Stages that end the chain, and others that nobody was seen to leave, though the lifecycle has a way out.
    lasting : (s,) ndarray of bool
        Stages that do not end the chain, but from which its end can be reached.
    visits : (s, s) ndarray of float64
        Expected visits to each stage (column) before the end, for customers in each (row); 0 outside the lasting ones.
    """

    probabilities: FloatArray
    moves: IntArray
    absorbing: BoolArray
    unseen: BoolArray
    lasting: BoolArray
    visits: FloatArray

    @classmethod
    def of(cls, counts: IntArray, absorbing: BoolArray, final: BoolArray) -> Absorption:
        """Estimate it from a matrix of counts; nobody can leave the final stages, asked for or not."""
        moves = np.where(absorbing, 0, counts.sum(axis=1))
        probabilities = np.where(absorbing[:, None], 0.0, counts / np.maximum(moves, 1)[:, None])
        lasting = _leading_to(absorbing, probabilities) & ~absorbing
        inner = probabilities[np.ix_(lasting, lasting)]
        visits = np.zeros_like(probabilities)
        # Every lasting stage leads to the end, so that the matrix has an inverse.
        visits[np.ix_(lasting, lasting)] = np.linalg.solve(np.eye(len(inner)) - inner, np.eye(len(inner)))
        return cls(probabilities, moves, absorbing, ~absorbing & ~final & (moves == 0), lasting, visits)

    @property
    def unknown(self) -> BoolArray:
        """Stages from which a customer may get to one that nobody was seen to leave, shape (s,)."""
        return _leading_to(self.unseen, self.probabilities)

    @property
    def endless(self) -> BoolArray:
        """Stages from which a customer may get to one that leads to no end, shape (s,)."""
        return _leading_to(~self.absorbing & ~self.lasting, self.probabilities)

    def ends(self) -> FloatArray:
        """Return the probability to end in each absorbing stage, shape (s, a)."""
        ended = np.eye(len(self.absorbing))[:, self.absorbing]
        found = self.visits @ self.probabilities[:, self.absorbing] + ended
        return np.asarray(np.clip(found, 0.0, 1.0))  # rounding may leave it a hair outside

    def variance(self, after: FloatArray, own: FloatArray | None = None) -> FloatArray:
        """Return the variance of what moves add up to, by the delta method.

        Parameters
        ----------
        after
            What is still to come after a move to each stage, shape (s, m).
        own
            Sum of squared deviations by source stage where it is known, shape (s, m); by default that of independent
            moves to each stage.

        Returns
        -------
        (s, m) ndarray of float64
        """
        if own is None:
            apart = after[None, :, :] - (self.probabilities @ after)[:, None, :]
            own = self.moves[:, None] * np.einsum("ij,ijm->im", self.probabilities, apart**2)
        mean_square = own / np.maximum(self.moves, 1)[:, None] ** 2
        return np.asarray(self.visits**2 @ mean_square)

    def fewest(self) -> IntArray:
        """Return the fewest moves that were counted from any stage on the way, each itself included; shape (s,)."""
        on_the_way = (self.visits > 0) | np.eye(len(self.moves), dtype=bool)
        return np.asarray(np.where(on_the_way, self.moves[None, :], np.iinfo(np.int64).max).min(axis=1))


def _leading_to(wanted: BoolArray, moved: FloatArray) -> BoolArray:
    """Return from which stages a wanted one can be reached, itself included."""
    found = wanted
    for _ in range(len(moved)):
        found = wanted | ((moved > 0) & found).any(axis=1)
    return found
