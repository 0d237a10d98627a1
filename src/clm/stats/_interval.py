"""The two ends of an interval, with the level and the method that gave them."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Generic, TypeVar, final

from attrs import field, frozen

from clm.errors import InvalidDataError
from clm.stats._arrays import array_field, scalar_or_array, seal

if TYPE_CHECKING:
    from collections.abc import Iterator

V = TypeVar("V")


def check_level(level: object) -> float:
    """Return a confidence level that lies inside (0, 1).

    Raises
    ------
    InvalidDataError
        If it does not, percent (95) among it.
    """
    number = float(level) if isinstance(level, Real) else float("nan")
    if not 0 < number < 1:
        raise InvalidDataError(f"level must lie strictly between 0 and 1, not {level!r}. Give 0.95 for 95 percent.")
    return number


@final
@frozen(kw_only=True)
class Interval(Generic[V]):
    """Limits around an estimate.

    Attributes
    ----------
    low, high : float or ndarray of float64
        The ends, in the unit of the estimate; NaN where the interval is undefined, ``inf`` on a side without a bound.
    level : float
        The nominal coverage, inside (0, 1).
    method : str
        How the limits follow from the data.

    Examples
    --------
    >>> low, high = clm.nps([10, 9, 8, 3]).confidence_interval(0.9)
    >>> low < 25 < high
    True
    """

    low: V = array_field(converter=lambda low: scalar_or_array(low, "low"))
    high: V = array_field(converter=lambda high: scalar_or_array(high, "high"))
    level: float = field(converter=check_level)
    method: str

    __setstate__ = seal

    def __iter__(self) -> Iterator[V]:
        yield self.low
        yield self.high
