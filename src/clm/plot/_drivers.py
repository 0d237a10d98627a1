"""Importance against performance: which drivers explain much, and which of them are rated low."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from clm.errors import InvalidDataError
from clm.plot._style import BLUE, GREY, ORANGE, literally, new_axes, percent, shorten, tidy
from clm.satisfaction import Drivers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box: TypeAlias = tuple[float, float, float, float]

_SHORT = 18
# Sizes of a letter, a line and a dot in parts of an axes five inches wide and four high.
_LETTER, _LINE, _DOT = 0.0175, 0.052, 0.014
_CORNERS: Final[dict[str, Box]] = {
    "concentrate here": (0, 0.95, 0.27, 1),
    "keep up the good work": (0.66, 0.95, 1, 1),
    "low priority": (0, 0, 0.2, 0.05),
    "possible overkill": (0.73, 0, 1, 0.05),
}


def drivers(result: Drivers, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw each driver by how it is rated and how much it explains, with its interval, in four quadrants.

    Parameters
    ----------
    result : Drivers
        What ``clm.drivers`` returned.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    level
        Nominal coverage of the intervals.

    Returns
    -------
    matplotlib.axes.Axes
        Orange are drivers that explain much and are rated low.

    Raises
    ------
    InvalidDataError
        If `result` is something else, or undefined.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> answers = {"score": [9, 3, 10, 6, 8, 2], "speed": [5, 2, 5, 3, 4, 1], "price": [3, 2, 4, 2, 5, 2]}
    >>> ax = clm.plot.drivers(clm.drivers(answers, ["speed", "price"], resamples=100))
    >>> ax.get_xlabel()
    'mean answer'
    """
    if not isinstance(result, Drivers):
        raise InvalidDataError(f"drivers shows what clm.drivers returns, not {type(result).__name__}.")
    if result.undefined is not None:
        raise InvalidDataError(f"there is nothing to show: {result.undefined}.")
    ax = new_axes(ax, height=4.0)
    rating, importance = result.performance.value, result.importance.value
    low, high = (np.asarray(end) for end in result.importance.confidence_interval(level))
    for i in range(len(result.names)):
        colour = ORANGE if result.quadrant[i] == "concentrate here" else BLUE
        if np.isfinite([low[i], high[i]]).all():
            ax.plot([rating[i]] * 2, [low[i], high[i]], color=colour, linewidth=3, alpha=0.3, zorder=2)
        ax.plot(rating[i], importance[i], "o", color=colour, markersize=6, zorder=3)
    _limits(ax, rating, np.concatenate([importance, low[np.isfinite(low)], high[np.isfinite(high)]]))
    _labels(ax, result)
    _quadrants(ax, float(rating.mean()), float(importance.mean()))
    ax.set_xlabel("rating, 0 worst to 100 best" if result.scaled else "mean answer")
    ax.set_ylabel("share of variance explained")
    percent(ax, "y")
    return tidy(ax, grid=None)


def _limits(ax: Axes, rating: Any, heights: Any) -> None:
    width = float(rating.max() - rating.min()) or 1.0
    ax.set_xlim(rating.min() - 0.2 * width, rating.max() + 0.3 * width)
    top = float(heights.max()) or 1.0
    ax.set_ylim(min(float(heights.min()), 0.0) - 0.12 * top, 1.15 * top)


def _labels(ax: Axes, result: Drivers) -> None:
    """Write names near their dots, where they lie on no dot and on no other name."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    across = (result.performance.value - left) / (right - left)
    up = (result.importance.value - bottom) / (top - bottom)
    dots = [(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in zip(across.tolist(), up.tolist(), strict=True)]
    taken = [*dots, *_CORNERS.values()]
    for i in np.argsort(-up, kind="stable").tolist():
        name = shorten(result.names[i], _SHORT)
        x, y = float(across[i]), float(up[i])
        box = _free(x, y, _LETTER * len(name), taken)
        taken.append(box)
        middle = (box[1] + box[3]) / 2
        label = ax.text(box[0], middle, name, transform=ax.transAxes, va="center", fontsize="small", zorder=4)
        literally([label])
        if not (box[0] - x < 2 * _DOT and abs(middle - y) < _DOT):
            near = min(max(x, box[0]), box[2])
            ends = [x, near], [y, box[1] if middle > y else box[3]]
            ax.plot(*ends, color=GREY, linewidth=0.5, transform=ax.transAxes, zorder=1.5)


def _free(x: float, y: float, width: float, taken: list[Box]) -> Box:
    """Return the nearest free place for a name, in parts of the axes: right of its dot, or ever farther around it."""
    first = x + 1.5 * _DOT, y - _LINE / 2, x + 1.5 * _DOT + width, y + _LINE / 2
    tried = [first]
    for ring in range(1, 12):
        for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False).tolist():
            centre = x + np.cos(angle) * (ring * _LINE + width / 2), y + np.sin(angle) * ring * _LINE * 1.2
            tried.append((centre[0] - width / 2, centre[1] - _LINE / 2, centre[0] + width / 2, centre[1] + _LINE / 2))
    inside = (box for box in tried if box[0] > 0 and box[2] < 1 and box[1] > 0 and box[3] < 1)
    return next((box for box in inside if not any(_overlap(box, other) for other in taken)), first)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _quadrants(ax: Axes, rating: float, importance: float) -> None:
    ax.axvline(rating, color=GREY, linewidth=0.8, zorder=1)
    ax.axhline(importance, color=GREY, linewidth=0.8, zorder=1)
    for text, (x0, _, _, y1) in _CORNERS.items():
        is_left, is_top = x0 == 0, y1 == 1
        ax.text(
            0.01 if is_left else 0.99,
            0.99 if is_top else 0.01,
            text,
            transform=ax.transAxes,
            ha="left" if is_left else "right",
            va="top" if is_top else "bottom",
            fontsize="x-small",
            color=GREY,
            zorder=1,
        )
