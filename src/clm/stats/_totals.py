"""How cells add up: which belong together, and what becomes of their band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clm.errors import InvalidDataError
from clm.stats._arrays import is_missing
from clm.stats._bands import Band, Exact, LogitNormal, LogNormal, NoBand, Normal

if TYPE_CHECKING:
    from clm.typing import Array


def grouped(by: Any, size: int) -> tuple[Any, Array]:
    """Return the group of each cell and the sorted labels.

    Raises
    ------
    InvalidDataError
        If there is not one label a cell, or labels are missing or of several types.
    """
    labels = np.asarray(by)
    if labels.shape != (size,):
        raise InvalidDataError(f"by= has shape {labels.shape}, but there are {size:,} cells. Give one label a cell.")
    if any(map(is_missing, labels)) if labels.dtype.kind == "O" else (labels != labels).any():  # noqa: PLR0124  # NaN, NaT
        raise InvalidDataError("by= holds missing labels. Name their group, or leave those cells out.")
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)
    try:
        distinct, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise InvalidDataError(f"by= mixes labels that cannot be sorted: {error}. Make them all text.") from error
    return codes.reshape(-1), distinct


def combined_band(band: Band, *, mean: bool) -> Band:
    """Return the band of a sum or mean of cells that have this one."""
    if isinstance(band, (LogNormal, Exact, NoBand)) or (mean and isinstance(band, LogitNormal)):
        return band
    if isinstance(band, LogitNormal):
        return LogNormal()
    lowest, highest = getattr(band, "lowest", -np.inf), getattr(band, "highest", np.inf)
    if mean:
        return Normal(lowest=lowest, highest=highest)
    return Normal(lowest=0.0 if lowest >= 0 else -np.inf, highest=0.0 if highest <= 0 else np.inf)
