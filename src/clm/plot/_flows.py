"""Where customers flow: Sankey diagrams, transition probabilities, and the stage at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from attrs import frozen

from clm.errors import InvalidDataError
from clm.plot._style import GREY, ink_on, literally, new_axes, percent, ramp, seamless, shorten, stage_colours, upright

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clm.core import Lifecycle
    from clm.journeys import StepMatrix, TransitionMatrix
    from clm.typing import FloatArray

_LINE: Final = 0.14  # inches that a line of small text takes
_TALLEST: Final = 14.0  # lines that the bars of a column take together, their gaps left out
_BAR: Final = 0.07  # width of a bar, in columns
_CHARACTERS: Final = 74  # of small text in a row at 5 inches
_MOST_NUMBERED: Final = 22  # columns of a heat map in which numbers can be read at 5 inches


@final
@frozen
class Bar:
    """A node as it is drawn: its column, its upper end and its height, in lines of text."""

    column: int
    top: float
    height: float
    stage: str
    value: int


def sankey(flow: Any, ax: Axes | None = None, *, lifecycle: Lifecycle | None = None) -> Axes:
    """Draw customers as bars, and their moves as bands between them.

    Parameters
    ----------
    flow
        From ``log.sankey(...)``. Unrolled by ``steps=`` there is a column a step, and what no band leaves stayed. Else
        stages on the left are those that moves start from, on the right those that they lead to.
    ax
        Where to draw; by default a new figure, 5 inches wide.
    lifecycle
        Whose ranks say which stages are on the ladder: those get one ramp of blues, the others colours of their own.
        By default all are taken to be on it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If `flow` is something else, or has nothing to show.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> touchpoints = {
    ...     "customer_id": ["ann", "bob"],
    ...     "at": ["2025-01-03", "2025-03-05"],
    ...     "kind": ["order", "signed_up"],
    ... }
    >>> log = clm.replay(touchpoints, clm.lifecycles.five_stage(), through="2025-06-30")
    >>> clm.plot.sankey(log.sankey(steps=3)).get_xlabel()
    'Visit'
    """
    if not isinstance(flow, Mapping) or not {"nodes", "links"} <= flow.keys():
        raise InvalidDataError(
            f"a Sankey diagram is drawn of nodes and links, as log.sankey() returns them, not of {type(flow).__name__}."
        )
    stepped = flow.get("steps") is not None
    if not (flow["nodes"] if stepped else flow["links"]):
        raise InvalidDataError("there is no move to show: nobody went from one stage to another.")
    columns, links = _unrolled(flow) if stepped else _from_to(flow)
    bars = _laid_out(columns)
    ax = new_axes(ax, height=_LINE * max(bar.top + bar.height for bar in bars.values()) + 0.75)
    colours = _colours([node["stage"] for node in flow["nodes"]], lifecycle)
    scale = _scale(columns)
    left = {name: bar.top for name, bar in bars.items()}
    entered = dict(left)
    for source, target, value in sorted(links, key=lambda link: (bars[link[0]].top, bars[link[1]].top)):
        start, end = bars[source], bars[target]
        width = value * scale
        _band(ax, (start.column, left[source]), (end.column, entered[target]), width, colours[start.stage])
        left[source] += width
        entered[target] += width
    last = max(bar.column for bar in bars.values())
    # Names stand to the right of their bars; of two columns the second has them on the left, inside the picture.
    room = 24 if not stepped else max(_CHARACTERS // (last + 1), 6)
    for bar in bars.values():
        _bar(ax, bar, colours[bar.stage], room, inward=not stepped and bar.column == last)
    ax.set_xlim(-_BAR, last + (1 - _BAR if stepped else _BAR))
    ax.set_ylim(max(bar.top + bar.height for bar in bars.values()) + 0.4, -0.4)
    ax.set_xticks(range(last + 1), [str(step + 1) for step in range(last + 1)] if stepped else ["from", "to"])
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("Visit" if stepped else "Move")
    ax.set_ylabel("Moves" if flow.get("count") == "moves" else "Customers")
    return ax


def _unrolled(flow: Mapping[str, Any]) -> tuple[list[dict[str, tuple[str, int]]], list[tuple[str, str, int]]]:
    """Return, column by column, the stage and value of each node, and the links between nodes."""
    columns: list[dict[str, tuple[str, int]]] = [{} for _ in range(max(node["step"] for node in flow["nodes"]))]
    for node in flow["nodes"]:
        columns[node["step"] - 1][node["id"]] = node["stage"], node["value"]
    return columns, [(link["source"], link["target"], link["value"]) for link in flow["links"]]


def _from_to(flow: Mapping[str, Any]) -> tuple[list[dict[str, tuple[str, int]]], list[tuple[str, str, int]]]:
    """Return two columns, so that there is no cycle: where moves start from, and where they lead to."""
    columns: list[dict[str, tuple[str, int]]] = [{}, {}]
    for node in flow["nodes"]:
        for side, end in enumerate(("source", "target")):
            value = sum(link["value"] for link in flow["links"] if link[end] == node["id"])
            if value:
                columns[side][f"{side}:{node['id']}"] = node["stage"], value
    return columns, [(f"0:{link['source']}", f"1:{link['target']}", link["value"]) for link in flow["links"]]


def _scale(columns: list[dict[str, tuple[str, int]]]) -> float:
    return _TALLEST / max(sum(value for _, value in column.values()) for column in columns)


def _laid_out(columns: list[dict[str, tuple[str, int]]]) -> dict[str, Bar]:
    """Place bars so that each has room for a name and a number beside it."""
    scale, bars = _scale(columns), {}
    for number, column in enumerate(columns):
        top = 0.0
        for name, (stage, value) in column.items():
            bars[name] = Bar(number, top, value * scale, stage, value)
            top += max(value * scale, 2.0) + 0.35
    return bars


def _colours(stages: list[str], lifecycle: Lifecycle | None) -> dict[str, str]:
    if lifecycle is None:
        names = list(dict.fromkeys(stages))
        return dict(zip(names, stage_colours([True] * len(names)), strict=True))
    ranked = [stage.rank is not None for stage in lifecycle.stages]
    return dict(zip((stage.name for stage in lifecycle.stages), stage_colours(ranked), strict=True))


def _band(ax: Axes, start: tuple[float, float], end: tuple[float, float], width: float, colour: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = (start[0] + _BAR / 2, start[1]), (end[0] - _BAR / 2, end[1])
    middle = (x0 + x1) / 2
    corners = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1),
        (x1, y1 + width), (middle, y1 + width), (middle, y0 + width), (x0, y0 + width), (x0, y0),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    ax.add_patch(PathPatch(Path(corners, codes), facecolor=colour, alpha=0.4, linewidth=0, zorder=1))


def _bar(ax: Axes, bar: Bar, colour: str, room: int, *, inward: bool) -> None:
    from matplotlib.patches import Rectangle

    corner = (bar.column - _BAR / 2, bar.top)
    ax.add_patch(Rectangle(corner, _BAR, max(bar.height, 0.05), facecolor=colour, linewidth=0, zorder=2))
    beside = bar.column + (-1 if inward else 1) * _BAR * 0.75
    for line, told in enumerate((shorten(bar.stage, room), f"{bar.value:,}")):
        text = ax.annotate(
            told,
            (beside, bar.top),
            xytext=(0, -72 * _LINE * line),
            textcoords="offset points",
            ha="right" if inward else "left",
            va="top",
            fontsize="x-small",
            annotation_clip=False,
            zorder=3,
        )
        literally([text])


def transitions(matrix: TransitionMatrix, ax: Axes | None = None) -> Axes:
    """Draw the probability to go from each stage (row) to each other (column).

    Parameters
    ----------
    matrix
        From ``log.transitions(...)``.
    ax
        Where to draw; by default a new figure, 5 inches wide.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If nobody was seen to leave any stage.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> touchpoints = {
    ...     "customer_id": ["ann", "bob"],
    ...     "at": ["2025-01-03", "2025-03-05"],
    ...     "kind": ["order", "signed_up"],
    ... }
    >>> log = clm.replay(touchpoints, clm.lifecycles.five_stage(), through="2025-06-30")
    >>> clm.plot.transitions(log.transitions()).get_ylabel()
    'From'
    """
    if not np.asarray(matrix.counts).any():
        raise InvalidDataError("there is no move to show: nobody went from one stage to another.")
    step = "move" if matrix.period is None else matrix.period
    names = [shorten(stage) for stage in matrix.stages]
    ax = new_axes(ax, height=0.26 * len(names) + upright(names) + 0.7)
    _heat(ax, np.asarray(matrix.probabilities.value, float), names, names)
    ax.tick_params(axis="x", rotation=90)
    unseen = np.isnan(np.asarray(matrix.probabilities.value)).any()
    ax.set_xlabel(f"To, one {step} later{'; hatched: nobody was seen to leave' if unseen else ''}")
    ax.set_ylabel("From")
    return ax


def step_matrix(matrix: StepMatrix, ax: Axes | None = None) -> Axes:
    """Draw the share of customers in each stage (row) at each visit (column).

    Parameters
    ----------
    matrix
        From ``log.step_matrix(...)``.
    ax
        Where to draw; by default a new figure, 5 inches wide.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If there is no customer.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> touchpoints = {
    ...     "customer_id": ["ann", "bob"],
    ...     "at": ["2025-01-03", "2025-03-05"],
    ...     "kind": ["order", "signed_up"],
    ... }
    >>> log = clm.replay(touchpoints, clm.lifecycles.five_stage(), through="2025-06-30")
    >>> clm.plot.step_matrix(log.step_matrix(4)).get_xlabel()
    'Visit'
    """
    shares = np.asarray(matrix.shares.value, float)
    if np.isnan(shares).all():
        raise InvalidDataError("there is no step to show: the log has no customer.")
    ax = new_axes(ax, height=0.26 * len(shares) + 0.8)
    _heat(ax, shares, [shorten(stage) for stage in matrix.stages], [str(step) for step in matrix.steps.tolist()])
    ax.set_xlabel("Visit")
    ax.set_ylabel("Stage")
    return ax


def _heat(ax: Axes, shares: FloatArray, rows: list[str], columns: list[str]) -> None:
    from matplotlib.colors import Normalize

    height, width = shares.shape
    shades, scale = ramp(), Normalize(0.0, 1.0)
    mesh = ax.pcolormesh(
        np.arange(width + 1) - 0.5,
        np.arange(height + 1) - 0.5,
        np.ma.masked_invalid(shares),
        cmap=shades,
        norm=scale,
    )
    mesh.set_edgecolor(["none" if missing else "white" for missing in np.isnan(shares).ravel()])
    mesh.set_linewidth(0.5)
    for row in np.flatnonzero(np.isnan(shares).all(axis=1)).tolist():
        _hatched(ax, row, width)
    if width <= _MOST_NUMBERED:
        size = "x-small" if width <= 12 else "xx-small"
        for (row, column), share in np.ndenumerate(shares):
            if share > 0:
                ink = ink_on(shades(scale(share)))
                ax.text(column, row, _rounded(share), ha="center", va="center", fontsize=size, color=ink)
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    every = max(-(-width // _MOST_NUMBERED), 1)
    ax.set_xticks(range(0, width, every), columns[::every], fontsize="small")
    ax.set_yticks(range(height), rows, fontsize="small")
    literally([*ax.get_xticklabels(), *ax.get_yticklabels()])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
    percent(bar.ax, "y")
    seamless(bar)


def _rounded(share: float) -> str:
    told = f"{100 * share:.0f}"
    return "<1" if told == "0" else ">99" if told == "100" and share < 1 else told


def _hatched(ax: Axes, row: int, width: int) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle((-0.5, row - 0.5), width, 1, fill=False, hatch="////", edgecolor=GREY, linewidth=0.0, alpha=0.6)
    )
