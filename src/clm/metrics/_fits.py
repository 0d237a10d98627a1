"""Purchase histories of a customer base and the models fitted to them, or the reason why there are none."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import frozen

from clm.errors import ConvergenceError, IdentifiabilityWarning, InvalidDataError
from clm.frames import rfm

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from clm.data import RFM
    from clm.metrics._base import CustomerBase


@final
@frozen
class NotFitted:
    """Why a model could not be fitted to a base.

    Attributes
    ----------
    reason : str
        What is missing.
    """

    reason: str


def purchases(base: CustomerBase, *, start: datetime | None) -> RFM | None:
    """Return purchase histories from a moment through the end of the base, None where nobody ordered.

    Raises
    ------
    InvalidDataError
        If orders cannot be read.
    """
    try:
        return rfm(base.orders, unit="week", start=start, through=base.period.through_at, tz=base.tz)
    except InvalidDataError:
        # Columns that cannot be read raise here too: what is left is an amount that is none, or nothing to count.
        amount = base.columns("orders", history=start is None).get("amount", np.empty(0))
        if not np.isfinite(amount).all():
            raise
        return None


def attempt(model: str, fit: Callable[[RFM], Any], histories: RFM) -> Any:
    """Return a fit, or why there is none: too few customers are no error of the caller."""
    try:
        # What a warning would say is said by the estimates: they have no interval, and the reason why.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IdentifiabilityWarning)
            return fit(histories)
    except (InvalidDataError, ConvergenceError) as error:
        return NotFitted(f"{model} cannot be fitted: {str(error).removesuffix('.')}")
