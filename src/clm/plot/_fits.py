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


def refuse_other(given: Any, kind: type, what: str, name: str) -> None:
    """Refuse anything but a certain kind of result.

    Raises
    ------
    InvalidDataError
        If `given` is no `kind`; `what` says where one comes from.
    """
    if not isinstance(given, kind):
        raise InvalidDataError(f"{name} must be {what}, not {type(given).__name__}.")


def predicts(fit: Any) -> None:
    """Refuse what predicts no purchases.

    Raises
    ------
    InvalidDataError
        If it is no fitted purchase model.
    """
    if not hasattr(fit, "expected_purchases"):
        raise InvalidDataError(
            f"fit must be a fitted purchase model such as clm.BGNBD().fit(rfm), not {type(fit).__name__}."
        )
