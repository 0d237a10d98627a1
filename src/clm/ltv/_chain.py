"""Read the transition probabilities of a Markov chain, with the counts behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.stats import Estimate, array_field, frozen_array, numbers

if TYPE_CHECKING:
    from clm.typing import Array, BoolArray, FloatArray, IntArray

_ROUNDING: Final = 1e-6  # what a row may miss 1 by, or a standard error its counts


@final
@frozen(kw_only=True)
class Chain:
    """Probabilities of moving from state to state.

    Attributes
    ----------
    probabilities : (k, k) ndarray of float64
        From row to column; a row of NaN for a state that nobody was seen to leave.
    stages : (k,) ndarray of str, or None
        What the states are called.
    moves : (k,) ndarray of int64, or None
        Moves counted from each state, where the rows are shares of independent moves.
    reason : str or None
        Why the errors of estimated probabilities are not known; None for plain numbers, which are taken as they are.
    """

    probabilities: FloatArray = array_field()
    stages: Array | None = array_field()
    moves: IntArray | None = array_field()
    reason: str | None

    @classmethod
    def of(cls, given: Any) -> Chain:
        """Read an array, an estimate, or any object with ``stages`` and ``probabilities``.

        Raises
        ------
        InvalidDataError
            If the matrix is not square, a probability is missing or outside 0 to 1, or a row does not sum to 1.
        """
        source = getattr(given, "probabilities", given)
        estimate = source if isinstance(source, Estimate) else None
        matrix = numbers(source if estimate is None else estimate.value, "transition_matrix")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
            raise InvalidDataError(f"transition_matrix has shape {matrix.shape}. Give one row and one column a state.")
        stages = _stages(getattr(given, "stages", None), len(matrix))
        _check(matrix, stages)
        counts = getattr(given, "counts", None)
        moves = _moves(None if counts is None else numbers(counts, "counts"), matrix, estimate)
        reason = None
        if moves is None and estimate is not None:
            reason = "the probabilities do not say from how many independent moves each row was counted"
        return cls(probabilities=matrix, stages=stages, moves=moves, reason=reason)

    @property
    def unseen(self) -> BoolArray:
        """States that nobody was seen to leave."""
        return np.asarray(np.isnan(self.probabilities).all(axis=1))

    def named(self, state: int) -> str:
        """Return what a state is called in messages."""
        return _named(self.stages, state)


def _stages(given: Any, states: int) -> Array | None:
    if given is None:
        return None
    names = [str(getattr(stage, "name", stage)) for stage in given]
    if len(names) != states:
        raise InvalidDataError(
            f"transition_matrix has {states:,} states, but {len(names):,} stages. Give one name each."
        )
    return frozen_array(np.array(names))


def _named(stages: Array | None, state: int) -> str:
    return f"state {state}" if stages is None else repr(str(stages[state]))


def _check(matrix: FloatArray, stages: Array | None) -> None:
    missing = np.isnan(matrix)
    partly = missing.any(axis=1) & ~missing.all(axis=1)
    if partly.any():
        state = _named(stages, int(np.flatnonzero(partly)[0]))
        raise InvalidDataError(f"transition_matrix lacks probabilities in the row of {state}. Give 0 for no move.")
    outside = ~missing & ~((matrix >= 0) & (matrix <= 1))
    if outside.any():
        row, column = (int(place) for place in np.argwhere(outside)[0])
        raise InvalidDataError(
            f"transition_matrix holds {matrix[row, column]:g} in the row of {_named(stages, row)}: "
            "probabilities lie between 0 and 1. Divide counts by their row's sum."
        )
    total = matrix.sum(axis=1)
    wrong = np.abs(total - 1) > _ROUNDING
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InvalidDataError(
            f"{int(wrong.sum()):,} of {len(matrix):,} rows of transition_matrix do not sum to 1, the first that of "
            f"{_named(stages, row)}: {total[row]:.8g}. Customers who leave for good need a state of their own."
        )


def _moves(counts: Any, matrix: FloatArray, estimate: Estimate[Any] | None) -> IntArray | None:
    """Return moves a row, where rows are shares of counted, independent moves; None where that is not known."""
    rows = None if estimate is None else np.asarray(estimate.n)
    if counts is not None and counts.shape == matrix.shape:
        moves = counts.sum(axis=1)
    elif rows is not None and rows.shape == matrix.shape and (rows == rows[:, :1]).all():
        moves = rows[:, 0].astype(float)
    else:
        return None
    known = moves > 0
    # Customers stay in a final state for good: nobody was counted to leave it, and nothing about it is estimated.
    final = ~known & (np.diag(matrix) == 1)
    if (~known & ~final & ~np.isnan(matrix).all(axis=1)).any():
        return None
    safe = np.where(known, moves, 1.0)[:, None]
    if counts is not None and not np.allclose((counts / safe)[known], matrix[known], rtol=0, atol=_ROUNDING):
        return None
    # Errors that are not those of shares come from clustered or smoothed counts, whose covariance is not known here.
    errors = None if estimate is None else np.asarray(estimate.standard_error)
    of_shares = np.sqrt(matrix * (1 - matrix) / safe)
    if errors is not None and not np.allclose(errors[known], of_shares[known], rtol=0, atol=_ROUNDING):
        return None
    return frozen_array(moves, np.int64)
