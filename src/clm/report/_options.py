"""What a reader of the page may choose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

from attrs import field, frozen

from clm.errors import InvalidDataError

if TYPE_CHECKING:
    from clm.data import Discount


def _positive(_: object, __: Any, years: Any) -> None:
    if not (isinstance(years, (int, float)) and math.isfinite(years) and years > 0):
        raise InvalidDataError(f"years must be a number above 0, not {years!r}.")


def _share(_: object, __: Any, margin: Any) -> None:
    if not (isinstance(margin, (int, float)) and 0 < margin <= 1):
        raise InvalidDataError(f"margin must be a fraction above 0 and not above 1, not {margin!r}. Give 0.4 for 40%.")


@final
@frozen(kw_only=True)
class Options:
    """Over which time value is expected, and how much of it counts."""

    years: float = field(default=1.0, validator=_positive)
    margin: float = field(default=1.0, validator=_share)
    discount: Discount | None = None

    @property
    def span(self) -> str:
        """The time ahead, in words."""
        return "1 year" if self.years == 1 else f"{self.years:g} years"

    @property
    def ahead(self) -> str:
        """The time ahead, as what comes next."""
        return "next year" if self.years == 1 else f"next {self.years:g} years"

    @property
    def discounting(self) -> str:
        """How later money is discounted, in words."""
        if self.discount is None:
            return "later money is not discounted"
        return f"discounted at {self.discount.rate:.4g} per {self.discount.per}"
