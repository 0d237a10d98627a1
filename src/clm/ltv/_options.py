"""The options that all models fitted by maximum likelihood share."""

from __future__ import annotations

from typing import Any

from clm.errors import InvalidDataError
from clm.stats import plain_number, whole_number


def tolerance(given: Any) -> float:
    """Return how near the maximum a fit must come, in standard errors.

    Raises
    ------
    InvalidDataError
        If it is not a positive number; below 1e-12 rounding would keep the fit from ending.
    """
    return plain_number(given, "tol", lowest=1e-12)


def max_iterations(given: Any) -> int:
    """Return how many steps a fit may take.

    Raises
    ------
    InvalidDataError
        If it is not a whole number from 1 on.
    """
    steps = whole_number(given, "max_iterations")
    if steps < 1:
        raise InvalidDataError("max_iterations must be 1 or more.")
    return steps
