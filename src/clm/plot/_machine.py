"""A lifecycle as a picture: one column a stage, one line a way from some stages to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from attrs import frozen

from clm.core import Lifecycle
from clm.errors import InvalidDataError
from clm.plot._style import GREY, literally, new_axes, shorten, stage_colours, upright

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes

_ANY: Final = "*"
_SHOWN: Final = {_ANY: "any stage", "@previous": "previous stage"}
_INK: Final = "#333333"
_LONGEST_WAY: Final = 44


@final
@frozen
class Way:
    """What leads from some stages to one: a kind with its condition, or a clock."""

    label: str
    target: str
    timed: bool
    sources: tuple[str, ...]


def machine(lifecycle: Lifecycle, ax: Axes | None = None) -> Axes:
    """Draw a lifecycle: a column for each stage, and a row for each way to another.

    Dots mark the stages that a way starts from, the arrow the stage it leads to; a circle around a dot marks a stage
    that is entered again. Touchpoints are solid, timeouts dashed; touchpoints that move nobody are left out. Every name
    stands on its own line, so that no arrow crosses another's name however many there are.
    ``lifecycle.to_mermaid()`` and ``to_dot()`` give graphs for other tools.

    Parameters
    ----------
    lifecycle
        What to draw.
    ax
        Where to draw; by default a new figure, 5 inches wide and as high as it takes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidDataError
        If it is no lifecycle.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> ax = clm.plot.machine(clm.lifecycles.five_stage())
    >>> [label.get_text() for label in ax.get_xticklabels()][:3]
    ['reach', 'acquisition', 'conversion']
    """
    if not isinstance(lifecycle, Lifecycle):
        raise InvalidDataError(
            f"a machine is drawn of a lifecycle, not of a {type(lifecycle).__name__}. Of a log give log.lifecycle."
        )
    ways = ways_of(lifecycle)
    places = _places(lifecycle, ways)
    column = {place: number for number, place in enumerate(places)}
    names = [shorten(_SHOWN.get(place, place)) for place in places]
    ax = new_axes(ax, height=0.55 + upright(names) + 0.17 * (len(ways) + 1.4))
    colours = stage_colours([stage.rank is not None for stage in lifecycle.stages])
    colours += [GREY] * (len(places) - len(colours))
    for number, colour in enumerate(colours):
        ax.axvline(number, color=colour, linewidth=2.5, alpha=0.75, zorder=1)
    ax.plot([column[lifecycle.initial]], [0], marker="v", markersize=7, color=_INK, clip_on=False, zorder=4)
    for row, way in enumerate(ways, start=1):
        _draw(ax, row, [column[source] for source in way.sources], column[way.target], timed=way.timed)
    ax.set_xlim(-0.6, len(places) - 0.4)
    ax.set_ylim(len(ways) + 0.7, -0.7)
    ax.xaxis.tick_top()
    ax.yaxis.tick_right()
    ax.set_xticks(range(len(places)), names, rotation=90, fontsize="small")
    ax.set_yticks(
        range(len(ways) + 1), ["begins", *(shorten(way.label, _LONGEST_WAY) for way in ways)], fontsize="x-small"
    )
    literally([*ax.get_xticklabels(), *ax.get_yticklabels()])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    timed = ", dashed: time alone" if any(way.timed for way in ways) else ""
    ax.set_xlabel(f"{shorten(lifecycle.name)}: from the dots to the arrow{timed}", fontsize="small", loc="left")
    literally([ax.xaxis.label])
    return ax


def ways_of(lifecycle: Lifecycle) -> list[Way]:
    """Return what moves customers, ways with one label and one target together, in the order of the stages."""
    sources: dict[tuple[str, str, bool], list[str]] = {}
    for transition in lifecycle.transitions:
        if transition.source != transition.target or transition.reenter:
            sources.setdefault((transition.label, transition.target, False), []).append(transition.source)
    for timeout in lifecycle.timeouts:
        sources.setdefault((timeout.label, timeout.target, True), []).append(timeout.source)
    place = {name: number for number, name in enumerate([*(stage.name for stage in lifecycle.stages), *_SHOWN])}
    ways = [Way(label, target, timed, _distinct(found)) for (label, target, timed), found in sources.items()]
    return sorted(ways, key=lambda way: (way.timed, min(place[source] for source in way.sources), place[way.target]))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _places(lifecycle: Lifecycle, ways: list[Way]) -> list[str]:
    ends = {end for way in ways for end in (*way.sources, way.target)}
    return [*(stage.name for stage in lifecycle.stages), *(place for place in _SHOWN if place in ends)]


def _draw(ax: Axes, row: int, sources: list[int], target: int, *, timed: bool) -> None:
    style = (0, (3, 2)) if timed else "-"
    for end in {min(sources), max(sources)} - {target}:
        ax.plot([end, target], [row, row], color=_INK, linewidth=1.0, linestyle=style, zorder=2, solid_capstyle="butt")
        ax.plot(
            [target + (0.13 if end > target else -0.13)],
            [row],
            marker="<" if end > target else ">",
            markersize=5,
            color=_INK,
            linestyle="none",
            zorder=3,
        )
    apart = [source for source in sources if source != target]
    ax.plot(apart, [row] * len(apart), marker="o", markersize=4, color=_INK, linestyle="none", zorder=3)
    if target in sources:
        ax.plot([target], [row], marker="o", markersize=3, color=_INK, linestyle="none", zorder=3)
        ax.plot([target], [row], marker="o", markersize=8, color=_INK, fillstyle="none", linestyle="none", zorder=3)
