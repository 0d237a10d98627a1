"""What figures of purchase models need of a fit."""

from __future__ import annotations

from typing import Any

from clm.errors import InvalidDataError
from clm.ltv import BootstrapFit, PosteriorFit, PurchaseFit


def around_centre(fit: Any) -> PurchaseFit:
    """Return a fit whose intervals follow from one covariance; of a posterior its normal approximation.

    Figures ask it hundreds of questions, which draws would answer slowly and not visibly better.

    Raises
    ------
    InvalidDataError
        If it is none.
    """
    if isinstance(fit, PosteriorFit):
        return fit.centre
    if isinstance(fit, BootstrapFit):
        return fit.fit
    if isinstance(fit, PurchaseFit):
        return fit
    raise InvalidDataError(
        f"fit must be a fitted purchase model such as clm.BGNBD().fit(rfm), not {type(fit).__name__}."
    )
