"""Figures of flows, of competing ways out, and of the machine itself."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

mpl = pytest.importorskip("matplotlib")

from matplotlib.figure import Figure  # noqa: E402  # matplotlib may be absent
from tests.plot.test_figures import LONG, events, log, named_at_length, texts  # noqa: E402  # as above

import clm  # noqa: E402  # after the optional package
from clm.errors import InvalidDataError  # noqa: E402  # as above
from clm.plot._machine import ways_of  # noqa: E402  # as above

MACHINES = [
    "aarrr", "aida", "attraction", "awareness", "crm", "five_stage", "flywheel", "hubspot", "opportunity", "race",
    "retail", "saas", "subscription", "ticket",
]  # fmt: skip

LONG_LOG = log(named_at_length())
LOG = log()
EMPTY = clm.replay({name: column[:0] for name, column in events().items()}, LOG.lifecycle, through="2025-03-31")

FIGURES = {
    **{name: lambda name=name, **ax: clm.plot.machine(getattr(clm.lifecycles, name)(), **ax) for name in MACHINES},
    "machine, long names": lambda **ax: clm.plot.machine(LONG_LOG.lifecycle, **ax),
    "sankey": lambda **ax: clm.plot.sankey(LOG.sankey(), **ax),
    "sankey of moves, ranks": lambda **ax: clm.plot.sankey(LOG.sankey(count="moves"), lifecycle=LOG.lifecycle, **ax),
    "sankey of 3 visits": lambda **ax: clm.plot.sankey(LOG.sankey(steps=3), **ax),
    "sankey of 6 visits": lambda **ax: clm.plot.sankey(LOG.sankey(steps=6), **ax),
    "sankey of one visit": lambda **ax: clm.plot.sankey(LOG.sankey(steps=1), **ax),
    "sankey, long names": lambda **ax: clm.plot.sankey(LONG_LOG.sankey(steps=3), **ax),
    "transitions": lambda **ax: clm.plot.transitions(LOG.transitions(), **ax),
    "transitions by month": lambda **ax: clm.plot.transitions(LOG.transitions(period="month"), **ax),
    "transitions, long names": lambda **ax: clm.plot.transitions(LONG_LOG.transitions(), **ax),
    "steps": lambda **ax: clm.plot.step_matrix(LOG.step_matrix(), **ax),
    "many steps": lambda **ax: clm.plot.step_matrix(LOG.step_matrix(60), **ax),
    "steps, long names": lambda **ax: clm.plot.step_matrix(LONG_LOG.step_matrix(2), **ax),
    "exits": lambda **ax: clm.plot.cumulative_incidence(LOG.time_in_stage("conversion", exits="stage"), **ax),
    "exits, long names": lambda **ax: clm.plot.cumulative_incidence(
        LONG_LOG.time_in_stage(f"{LONG} 1", exits="stage"), **ax
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
class TestEveryFigure:
    def test_it_returns_axes_with_both_labels_at_five_inches(self, name):
        ax = FIGURES[name]()
        assert ax.get_xlabel()
        assert ax.get_ylabel() or ax.get_yticklabels()
        assert ax.figure.get_figwidth() == 5.0

    def test_it_draws_on_the_axes_it_is_given(self, name):
        ax = Figure().add_subplot()
        assert FIGURES[name](ax=ax) is ax

    def test_no_text_is_cut_or_lies_on_another(self, name):
        figure = FIGURES[name]().figure
        found = texts(figure)
        for text, box in found:
            inside = box.x0 > -1 and box.y0 > -1 and box.x1 < figure.bbox.x1 + 1 and box.y1 < figure.bbox.y1 + 1
            assert inside, text
        for (text, box), (other, of_other) in combinations(found, 2):
            apart = box.x1 <= of_other.x0 + 1 or of_other.x1 <= box.x0 + 1 or box.y1 <= of_other.y0 + 1
            assert apart or of_other.y1 <= box.y0 + 1, (text, other)


class TestInputs:
    def test_nothing_to_show(self):
        for draw, result in (
            (clm.plot.sankey, EMPTY.sankey()),
            (clm.plot.sankey, EMPTY.sankey(steps=2)),
            (clm.plot.transitions, EMPTY.transitions()),
            (clm.plot.transitions, EMPTY.transitions(period="month")),
            (clm.plot.step_matrix, EMPTY.step_matrix()),
            (clm.plot.sankey, {}),
            (clm.plot.sankey, [1, 2]),
            (clm.plot.machine, LOG),
        ):
            with pytest.raises(InvalidDataError):
                draw(result)

    def test_nobody_left(self):
        visits = {"customer_id": ["ann"], "at": ["2025-01-01"], "kind": ["visit"]}
        stays = clm.replay(visits, clm.lifecycles.five_stage(), through="2025-02-01")
        with pytest.raises(InvalidDataError, match="nobody was lost to any cause"):
            clm.plot.cumulative_incidence(stays.time_in_stage("reach", exits="rank"))
        with pytest.raises(InvalidDataError, match="no move to show"):
            clm.plot.sankey(stays.sankey())
        assert clm.plot.sankey(stays.sankey(steps=4)).get_xlabel() == "Visit"


class TestConsistency:
    @pytest.mark.parametrize("name", MACHINES)
    def test_every_arrow_of_the_machine_is_drawn(self, name):
        lifecycle = getattr(clm.lifecycles, name)()
        drawn = {(source, way.label, way.target) for way in ways_of(lifecycle) for source in way.sources}
        moving = {(x.source, x.label, x.target) for x in lifecycle.transitions if x.source != x.target or x.reenter}
        assert drawn == moving | {(x.source, x.label, x.target) for x in lifecycle.timeouts}
        labels = [label.get_text() for label in clm.plot.machine(lifecycle).get_xticklabels()]
        assert set(labels) >= {stage.name for stage in lifecycle.stages}

    def test_cells_hold_the_probabilities(self):
        matrix = LOG.transitions(period="month")
        mesh = clm.plot.transitions(matrix).collections[0]
        assert np.ma.filled(mesh.get_array(), np.nan).reshape(9, 9) == pytest.approx(
            matrix.probabilities.value, nan_ok=True
        )

    def test_bands_are_as_wide_as_links_are_heavy(self):
        flow = LOG.sankey(steps=4)
        ax = clm.plot.sankey(flow)
        from matplotlib.patches import PathPatch

        widths = [np.ptp(patch.get_path().vertices[[0, 7], 1]) for patch in ax.patches if isinstance(patch, PathPatch)]
        values = [link["value"] for link in flow["links"]]
        assert sorted(widths) == pytest.approx(sorted(np.array(values) * 14 / 60))
