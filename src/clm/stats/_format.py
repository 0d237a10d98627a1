"""Numbers as readers and as JSON want them."""

from __future__ import annotations

from typing import Any

import numpy as np

from clm.stats._arrays import is_missing


def summary(estimate: Any) -> str:
    """Return one line: name, value, interval, n."""
    value = np.asarray(estimate.value)
    if value.ndim:
        known = value[~np.isnan(value)]
        reach = f", {figure(known.min())} to {figure(known.max())}" if known.size else ""
        undefined = f", {np.isnan(value).sum():,} undefined" if known.size < value.size else ""
        return f"{estimate.name}: {' x '.join(f'{k:,}' for k in value.shape)} cells, {estimate.unit}{reach}{undefined}"
    if estimate.undefined is not None:
        return f"{estimate.name}: undefined, because {estimate.undefined}"
    low, high = estimate.confidence_interval(0.95)
    if np.isnan(low) or np.isnan(high):
        limits = "no interval"
    elif estimate.standard_error == 0 and low == high:
        limits = "exact"
    else:
        limits = f"95% interval {figure(low)} to {figure(high)}"
    return f"{estimate.name}: {figure(float(value))} {estimate.unit} ({limits}; n = {estimate.n:,})"


def figure(value: float) -> str:
    """Return a number for readers: four significant digits, or whole from a thousand on."""
    if np.isinf(value):
        return "no bound"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def plain(value: Any) -> Any:
    """Return what JSON can hold: lists, text for dates, and None for what is missing or not finite."""
    if value is None or isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "fmM":
        cells = (array if array.dtype.kind == "f" else array.astype(str)).astype(object)
        cells[~np.isfinite(array)] = None
        return cells.tolist()
    if array.dtype.kind == "O":
        return [plain(entry) for entry in array] if array.ndim else _plain_entry(array.item())
    return array.tolist()


def _plain_entry(entry: Any) -> Any:
    if is_missing(entry) or (isinstance(entry, float) and np.isinf(entry)):
        return None
    return entry if isinstance(entry, (str, int, float)) else str(entry)
