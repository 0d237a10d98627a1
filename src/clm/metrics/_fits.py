"""Purchase histories of a customer base and the models fitted to them, each computed once."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from attrs import field, frozen

from clm.errors import ConvergenceError, IdentifiabilityWarning, InvalidDataError
from clm.frames import rfm

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from clm.data import RFM
    from clm.metrics._base import CustomerBase


class NotFittedError(InvalidDataError):
    """A model that the customer base holds too little for; the message says what is missing."""


@final
@frozen(eq=False, slots=False)
class Purchases:
    """What the orders of a base say of its customers.

    Attributes
    ----------
    base : CustomerBase
        Whose orders.
    """

    base: CustomerBase
    _fits: dict[str, Any] = field(init=False, factory=dict)

    @cached_property
    def whole(self) -> RFM | None:
        """Purchase histories through the end of the base; None where nobody ordered."""
        return self._histories(None)

    @cached_property
    def of_period(self) -> RFM | None:
        """Purchases of the period alone; None where nobody ordered in it."""
        begins = self.base.period.begins
        return self.whole if begins is None else self._histories(begins)

    @property
    def nothing(self) -> str:
        """Why there are no purchase histories."""
        return self.base.lacks("orders") or f"there is no order through {self.base.period.end}"

    def fitted(self, model: str, fit: Callable[[RFM], Any]) -> Any:
        """Return a fit, or raise because there is too little for it.

        Raises
        ------
        NotFittedError
            If there are no histories, or they do not suffice.
        """
        if self.whole is None:
            raise NotFittedError(f"{self.nothing}.")
        if model not in self._fits:
            self._fits[model] = _attempt(fit, self.whole)
        found = self._fits[model]
        if isinstance(found, str):
            raise NotFittedError(f"{model} cannot be fitted: {found}")
        return found

    def _histories(self, start: datetime | None) -> RFM | None:
        base = self.base
        if base.lacks("orders") is not None:
            return None
        try:
            return rfm(base.orders, unit="week", start=start, through=base.period.ends, tz=base.tz)
        except InvalidDataError as error:
            if error.__cause__ is not None:
                # The engine itself failed, as where it runs out of memory: that says nothing of the orders.
                raise
            # Columns that cannot be read raise here too: what is left are rows without a customer or a time, amounts
            # that are none, or nothing to count.
            amount = base.columns("orders", history=start is None).get("amount", np.empty(0))
            rows = base.histories.orders
            if rows is None or not rows.size or not np.isfinite(amount).all():
                raise
            return None


def _attempt(fit: Callable[[RFM], Any], histories: RFM) -> Any:
    """Return a fit, or the reason why there is none."""
    try:
        # What a warning would say is said by the estimates: they have no interval, and the reason why.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IdentifiabilityWarning)
            return fit(histories)
    except (InvalidDataError, ConvergenceError) as error:
        return str(error)
