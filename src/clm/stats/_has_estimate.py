"""Results that are a number with more to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clm.stats._bands import Band
    from clm.stats._estimate import Estimate
    from clm.stats._linearised import Linearised
    from clm.typing import Array


class HasEstimate(ABC):
    """A number with more to say: an estimate's attributes on a richer result.

    A result derives from it, holds its number in ``estimate`` and adds what it knows besides.
    """

    @property
    @abstractmethod
    def estimate(self) -> Estimate[float]:
        """The number itself."""

    @property
    def value(self) -> float:
        """The point value; NaN where `undefined` says why."""
        return self.estimate.value

    @property
    def standard_error(self) -> float:
        """Standard error, in the unit of the value."""
        return self.estimate.standard_error

    @property
    def name(self) -> str:
        """What the number is called."""
        return self.estimate.name

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return self.estimate.unit

    @property
    def definition(self) -> str:
        """One sentence that fixes what was computed."""
        return self.estimate.definition

    @property
    def undefined(self) -> str | None:
        """Why the value is NaN, else None."""
        reason: str | None = self.estimate.undefined
        return reason

    @property
    def measured_on(self) -> Any:
        """What another number must share to be compared with this one, None where the unit says it all."""
        return

    @property
    def index(self) -> None:
        """None: this is a single number."""
        return

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a careful reader should know before quoting the number."""
        return self.estimate.caveats

    @property
    def band(self) -> Band:
        """How the default limits follow from value and standard error."""
        return self.estimate.band

    @property
    def sources(self) -> tuple[Linearised, ...]:
        """How the number moves with the parameters of each fit behind it."""
        return self.estimate.sources

    def sum(self, by: Any = None) -> Estimate[Any]:
        """Refuse to add a single number up, as an `Estimate` of one does; collect several in one first."""
        return self.estimate.sum(by)

    def mean(self, by: Any = None) -> Estimate[Any]:
        """Refuse to average a single number, as an `Estimate` of one does; collect several in one first."""
        return self.estimate.mean(by)

    def to_columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return the number as columns of one row, for ``clm.to_frame``."""
        return self.estimate.to_columns(level)

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return self.estimate.to_dict(level)

    def __float__(self) -> float:
        return float(self.estimate)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001  # NumPy calls it so
        return self.estimate.__array__(dtype, copy)

    def _repr_html_(self) -> str:
        return self.estimate._repr_html_()
