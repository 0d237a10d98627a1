"""How errors of parameters carry over to what is computed from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.stats._bands import NoBand
from clm.stats._estimate import Estimate
from clm.stats._linearised import Linearised

if TYPE_CHECKING:
    from collections.abc import Callable

    from clm.stats._bands import Band
    from clm.stats._parameters import Parameters
    from clm.typing import Array, FloatArray


def central_differences(
    function: Callable[[FloatArray], FloatArray], at: FloatArray, *, step: float = 1e-4
) -> FloatArray:
    """Differentiate by central differences.

    Parameters
    ----------
    function
        Maps parameters (k,) to an array of any shape; smooth on the scale of the step.
    at
        Where, shape (k,).
    step
        Half the width of the difference. At 1e-4 the truncation of order 1e-8 and the rounding of order 1e-12 are both
        far below any standard error, for parameters on the log scale.

    Returns
    -------
    ndarray of float64
        The function's shape with a last axis of length k. Of a gradient it is a Hessian.

    Examples
    --------
    >>> clm.stats.central_differences(lambda x: x**2, np.array([3.0, 1.0])).round(6)
    array([[6., 0.],
           [0., 2.]])
    """
    columns = []
    for j in range(at.size):
        shift = np.zeros_like(at)
        shift[j] = step
        columns.append((function(at + shift) - function(at - shift)) / (2 * step))
    return np.stack(columns, axis=-1)


def delta_estimate(
    value: Any,
    gradient: FloatArray,
    parameters: Parameters,
    *,
    band: Band,
    name: str,
    unit: str,
    definition: str,
    index: Array | None = None,
    undefined: Any = None,
    caveats: tuple[str, ...] = (),
) -> Estimate[Any]:
    """State a function of estimated parameters with its standard error by the delta method.

    Parameters
    ----------
    value
        A number, or one a cell.
    gradient
        Its derivative by the log parameters: the value's shape with a last axis of length k; 0 where value is NaN.
    parameters
        What it was computed from. Without a covariance the value stands without an interval, with the reason.
    band
        The scale on which limits are symmetric.
    name, unit, definition, index, undefined, caveats
        As in `Estimate`.

    Returns
    -------
    Estimate
        With the gradient in its `sources`, so that totals carry the parameters' covariance.
    """
    source = Linearised(gradient=gradient, covariance=parameters.log_covariance)
    return Estimate(
        value=value,
        standard_error=np.sqrt(np.maximum(source.variance(), 0.0)),
        n=parameters.n,
        name=name,
        unit=unit,
        definition=definition,
        index=index,
        undefined=undefined,
        band=band if parameters.undefined is None else NoBand(parameters.undefined),
        sources=(source,),
        caveats=caveats,
    )
