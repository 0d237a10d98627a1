"""Figures as inline SVG: text stays text, ids are unique on the page, colours follow the reader's scheme."""

from __future__ import annotations

import re
from io import StringIO
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from warnings import catch_warnings, filterwarnings
from xml.etree import ElementTree as ET  # parses what matplotlib has just written

from clm.errors import MissingExtraError
from clm.plot._style import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

INK: Final = "#1b1f24"

_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "clm",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.color": INK,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_VARIABLES: Final = {
    INK: "var(--ink)",
    "#000000": "var(--ink)",
    "#0072b2": "var(--blue)",
    "#d55e00": "var(--orange)",
    "#009e73": "var(--green)",
}
# matplotlib reads the SVG's text and salt settings, and the user's own style, from one global place only.
_ONE_AT_A_TIME: Final = Lock()

_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")
_FONT: Final = re.compile(r"font:\s*(?:[a-z]+\s+)*([\d.]+px)[^;]*")
_FAMILY: Final = re.compile(r"font-family:[^;]*;?\s*")
_KEPT: Final = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "figure.hooks"})


def draw(plot: Callable[[], Axes], name: str, label: str) -> str:
    """Draw one figure and return its ``<svg>`` element.

    Parameters
    ----------
    plot
        Makes a figure of its own.
    name
        Prefix of the ids, unique on the page.
    label
        What a reader who cannot see the figure is told.

    Returns
    -------
    str
        The same bytes for the same input, whatever the user's matplotlib style.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError(
            'a report needs matplotlib. Install it with: pip install "clm[report]"', extra="report"
        ) from error
    written = StringIO()
    style: Any = {key: value for key, value in mpl.rcParamsDefault.items() if key not in _KEPT} | _STYLE
    with _ONE_AT_A_TIME, mpl.rc_context(style), catch_warnings():
        # The page's own font has the glyphs that matplotlib's lacks.
        filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure: Any = plot().figure
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(written.getvalue(), name, label)


def _inline(svg: str, name: str, label: str) -> str:
    root = ET.fromstring(svg)  # noqa: S314  # written by matplotlib a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            # The metadata name outside addresses; the style sheet would reach over the whole page.
            if _bare(child.tag) in {"metadata", "style"}:
                parent.remove(child)
    for element in root.iter():
        element.tag = _bare(element.tag)
        element.attrib = {_bare(key): _value(_bare(key), value, name) for key, value in element.attrib.items()}
        if element.tag != "text" and element.text and not element.text.strip():
            element.text = None
        if element.tail and not element.tail.strip():
            element.tail = None
    view = root.attrib["viewBox"]
    root.attrib = {"viewBox": view, "role": "img", "aria-label": printable(label), "class": "figure"}
    return ET.tostring(root, encoding="unicode")


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def _value(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    if key in {"style", "clip-path", "fill", "stroke"}:
        value = _REFERENCE.sub(rf"url(#{name}-\1)", value)
        for colour, variable in _VARIABLES.items():
            value = value.replace(colour, variable)
        return _FAMILY.sub("", _FONT.sub(r"font-size: \1", value))
    return value
