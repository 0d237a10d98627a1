"""Public aliases for annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray: TypeAlias = NDArray[np.float64]
    IntArray: TypeAlias = NDArray[np.int64]
    BoolArray: TypeAlias = NDArray[np.bool_]
    Array: TypeAlias = NDArray[Any]
    Floats: TypeAlias = ArrayLike
    """Anything that becomes a one-dimensional array of numbers."""

    RandomState: TypeAlias = int | np.random.Generator
    """A seed or a generator, as every ``rng=`` takes."""

Unit: TypeAlias = Literal["hour", "day", "week", "month", "year"]
"""A fixed length of time: a month is 30.4375 days, a year 365.25."""

Period: TypeAlias = Literal["hour", "day", "week", "month", "quarter", "year"]
"""A calendar grain, cut in local wall time."""
