"""How every figure looks: colours that survive colour blindness, and axes without global state."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from clm.errors import InvalidDataError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap

WIDTH: Final = 5.0
"""Inches across; every figure is laid out to be read at this width."""

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#009e73"
GREY: Final = "#7f7f7f"
"""The data's colours, after Okabe and Ito: apart for readers who cannot tell red from green."""

LINES: Final = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#8a6d00")
"""Lines side by side, after the same authors."""

LADDER: Final = ("#cfe1f3", "#0a4d8c")
"""Ends of the ramp for stages in rank order."""

OFF_LADDER: Final = ("#f0b429", "#e07b39", "#8a9099", "#009e73", "#8c4a9e", "#b8a27a")
"""Stages without a rank: at risk, lapsed and their like."""

LONGEST_LABEL: Final = 22
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def new_axes(ax: Axes | None, *, height: float = 3.2, width: float = WIDTH) -> Axes:
    """Return the given axes, or those of a new figure that no global list keeps alive.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            'plots need matplotlib. Install it with: pip install "clm[plot]"', extra="plot"
        ) from error
    axes: Axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    return axes


def tidy(ax: Axes, *, grid: Literal["x", "y"] | None = "y") -> Axes:
    """Leave the lines that help to read: two spines and a pale grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    if grid is not None:
        ax.grid(visible=True, axis=grid, color=GREY, alpha=0.25, linewidth=0.6)
    return ax


def whole(ax: Axes, axis: str, *, most: int = 7) -> None:
    """Put ticks at whole numbers, a thousands separator in their labels."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    which = getattr(ax, f"{axis}axis")
    which.set_major_locator(MaxNLocator(nbins=most, integer=True))
    which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def percent(ax: Axes, axis: str) -> None:
    """Label a fraction's axis in percent, with enough digits that no two ticks read alike."""
    from matplotlib.ticker import FuncFormatter

    which = getattr(ax, f"{axis}axis")
    which.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))


def printable(text: str) -> str:
    """Return text without the characters that no XML, page or file in UTF-8 can hold."""
    return _UNPRINTABLE.sub("�", text)


def shorten(label: object, most: int = LONGEST_LABEL) -> str:
    """Return a label that leaves room for the figure."""
    text = printable(" ".join(str(label).split())) or "(blank)"
    return text if len(text) <= most else text[: most - 1] + "…"


def upright(labels: Iterable[str]) -> float:
    """Return how high, in inches, small labels are that are written upwards."""
    return 0.076 * max((len(label) for label in labels), default=0)


def literally(texts: Iterable[Any]) -> None:
    """Show dollar signs as they are: in a currency or a name they are no mathematics."""
    for text in texts:
        text.set_parse_math(False)


def stage_colours(ranked: Sequence[bool]) -> list[str]:
    """Return one colour a stage: a ramp for those on the ladder, separate hues for the rest."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ramp = LinearSegmentedColormap.from_list("ladder", list(LADDER))
    steps = iter(np.linspace(0.0, 1.0, max(sum(ranked), 1)))
    others = 0
    colours = []
    for on_ladder in ranked:
        if on_ladder:
            colours.append(to_hex(ramp(float(next(steps)))))
        else:
            colours.append(OFF_LADDER[others % len(OFF_LADDER)])
            others += 1
    return colours


def ramp() -> Colormap:
    """Return a one-hue scale from nearly white to dark blue: order without reading a legend, in grey print too."""
    from matplotlib.colors import LinearSegmentedColormap

    # Up to 50 shades a colour bar is drawn as shapes; with more it becomes an embedded image.
    return LinearSegmentedColormap.from_list("clm", ["#edf4fb", "#9ac2e3", "#3b86c1", "#08306b"], N=40)


def seamless(bar: Colorbar) -> None:
    """Take the frame of a colour bar away, and the thin seams that show between its shades."""
    frame: Any = bar.outline
    frame.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")


def ink_on(colour: Any) -> str:
    """Return black or white, whichever reads better on a colour."""
    red, green, blue = colour[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "white"


def units(unit: str) -> str:
    """Return the plural of a time unit, for an axis."""
    return unit if unit.endswith("s") else f"{unit}s"


def vector(result: Any, what: str) -> Any:
    """Return an estimate's cells as a row of numbers.

    Raises
    ------
    InvalidDataError
        If it is a single number, a matrix, or no estimate at all.
    """
    values = np.asarray(getattr(result, "value", np.nan), float)
    if values.ndim != 1:
        raise InvalidDataError(f"{what} needs an estimate with one cell a customer or an age, not {result!r}.")
    return values
