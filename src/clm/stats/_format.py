"""Numbers as readers and as JSON want them."""

from __future__ import annotations

from typing import Any

import numpy as np


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
    """Return what JSON can hold: lists, and None for what is not finite."""
    if value is None or isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "f":
        cells = np.where(np.isfinite(array), array, np.nan).astype(object)
        cells = np.where(np.isnan(cells.astype(float)), None, cells)
        return cells.tolist()
    if array.dtype.kind in "mM":
        return np.datetime_as_string(array).tolist() if array.dtype.kind == "M" else array.astype(str).tolist()
    return array.tolist()
