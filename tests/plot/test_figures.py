from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

mpl = pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402  # matplotlib may be absent
from matplotlib.figure import Figure  # noqa: E402  # as above

import clm  # noqa: E402  # after the optional package
from clm.errors import InvalidDataError, MissingExtraError  # noqa: E402  # as above

LONG = "a stage whose name nobody should have given it, $x_1$ & all"


def events(n=60, kinds=("visit", "signed_up", "order", "order", "order")):
    rng = np.random.default_rng(1)
    days = np.sort(rng.integers(0, 400, n * len(kinds)))
    return {
        "customer_id": np.tile([f"c{i}" for i in range(n)], len(kinds)),
        "at": np.datetime64("2024-01-01", "us") + days * np.timedelta64(86_400_000_000, "us"),
        "kind": np.repeat(kinds, n),
    }


def log(lifecycle=None):
    return clm.replay(events(), lifecycle or clm.lifecycles.five_stage(), through="2025-03-31")


def named_at_length():
    stages = [clm.Stage(f"{LONG} {i}", rank=i) for i in range(3)]
    moves = [clm.Transition(stages[i].name, "order", stages[i + 1].name) for i in range(2)]
    return clm.Lifecycle("long", stages=stages, initial=stages[0].name, transitions=moves, kinds=("visit",))


def fit():
    return clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")


def histories():
    return clm.RFM.from_arrays([2, 0, 5, 14], [30.0, 0, 20.0, 36.0], [38.9] * 4)


def table(period="month", months=14):
    return clm.retention_table(
        {name: values for name, values in events().items() if name != "kind"},
        clm.RetentionDefinition(period=period),
        through=np.datetime64("2024-01-01") + np.timedelta64(months * 30, "D"),
    )


def values(unit="USD"):
    sizes = np.random.default_rng(2).lognormal(3, 1.2, 800)
    return clm.Estimate(value=sizes, n=800, name="lifetime value", unit=unit, definition="Value.")


def course():
    times = np.arange(1.0, 27.0)
    ahead = np.maximum(times - 13, 0)
    return clm.plot.Tracking(
        times=times,
        actual=40 * np.sqrt(times),
        expected=41 * np.sqrt(times),
        low=np.where(times < 13, np.nan, 41 * np.sqrt(times) - ahead),
        high=np.where(times < 13, np.nan, 41 * np.sqrt(times) + ahead),
        calibrated_through=13.0,
        unit="week",
    )


def durations():
    return clm.Durations([3, 5, 5, 8, 9, 12], [True, True, False, True, True, False], unit="month")


def drivers(count):
    """Importances and ratings of some drivers, most of which explain little."""
    rng = np.random.default_rng(1)
    rated = rng.integers(1, 8, (60, count))
    names = ["delivery speed", "price", "support quality", "website", "ease of ordering", "range", "returns", "$"][
        :count
    ]
    columns = dict(zip(names, rated.T, strict=True))
    outcome = rated[:, 0] + rng.integers(0, 4, 60)
    return clm.drivers({**columns, "score": outcome}, names, scale=clm.Scale(1, 7), resamples=50)


FIGURES = {
    "occupancy": lambda **options: clm.plot.occupancy(log().occupancy("week"), **options),
    "occupancy of one period": lambda **options: clm.plot.occupancy(log().occupancy("year"), **options),
    "occupancy, long names": lambda **options: clm.plot.occupancy(log(named_at_length()).occupancy("month"), **options),
    "funnel": lambda **options: clm.plot.funnel(log().funnel(), **options),
    "funnel, long names": lambda **options: clm.plot.funnel(log(named_at_length()).funnel(), **options),
    "funnel of events": lambda **options: clm.plot.funnel(
        clm.funnel(events(), ["visit", "signed_up", "order"], window="30d"), **options),
    "retention table": lambda **options: clm.plot.retention_table(table(), **options),
    "retention table, most numbers": lambda **options: clm.plot.retention_table(table(months=20), **options),
    "retention table, many cohorts": lambda **options: clm.plot.retention_table(table("week"), **options),
    "retention table, one cohort": lambda **options: clm.plot.retention_table(table("year"), **options),
    "retention curve": lambda **options: clm.plot.retention_curve(table(), **options),
    "survival curve": lambda **options: clm.plot.survival_curve(clm.kaplan_meier(durations()), **options),
    "probability alive": lambda **options: clm.plot.probability_alive(fit(), histories(), **options),
    "tracking": lambda **options: clm.plot.tracking(course(), **options),
    "value distribution": lambda **options: clm.plot.value_distribution(values(), **options),
    "value distribution, long unit": lambda **options: clm.plot.value_distribution(values(LONG), **options),
    "scores": lambda **options: clm.plot.scores(
        [clm.nps([10, 9, 9, 8, 3] * 9), clm.csat([5, 4, 2, 5] * 4, scale=clm.Scale(1, 5)),
         clm.ces([7, 6, 5, 3] * 5, scale=clm.Scale(1, 7))], **options),
    "drivers": lambda **options: clm.plot.drivers(drivers(3), **options),
    "drivers, eight close together": lambda **options: clm.plot.drivers(drivers(8), **options),
    "one driver": lambda **options: clm.plot.drivers(drivers(1), **options),
}  # fmt: skip


def texts(figure):
    """Return every text that is drawn, with its box in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    drawn = []
    draw_text = renderer.draw_text

    def note(*arguments, mtext=None, **options):
        drawn.append(mtext)
        draw_text(*arguments, mtext=mtext, **options)

    renderer.draw_text = note
    figure.draw(renderer)
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in drawn if text.get_text().strip()]
    assert boxes
    return boxes


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

    def test_global_settings_stay_as_they_are(self, name):
        before = dict(mpl.rcParams)
        FIGURES[name]()
        assert dict(mpl.rcParams) == before


class TestInputs:
    def test_pyplot_is_never_loaded(self):
        program = (
            "import sys, clm; clm.plot.scores([clm.nps([10, 9, 3])]); sys.exit('matplotlib.pyplot' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

    def test_without_matplotlib_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(MissingExtraError, match=r"clm\[plot\]") as caught:
            clm.plot.value_distribution(values())
        assert caught.value.extra == "plot"

    def test_drivers_of_nothing_are_refused(self):
        with pytest.raises(InvalidDataError, match=r"what clm\.drivers returns, not int"):
            clm.plot.drivers(3)
        flat = clm.drivers({"score": [5, 5, 5, 5], "speed": [1, 2, 3, 4]}, ["speed"])
        with pytest.raises(InvalidDataError, match="nothing to show: all answers to score are the same"):
            clm.plot.drivers(flat)

    def test_a_figure_of_nothing_is_refused(self):
        with pytest.raises(InvalidDataError, match="no score to show"):
            clm.plot.scores([])
        with pytest.raises(InvalidDataError, match="no defined value"):
            clm.plot.value_distribution(
                clm.Estimate(value=[np.nan], n=0, name="v", unit="u", definition="d", undefined="nobody")
            )
        with pytest.raises(InvalidDataError, match="nobody bought again"):
            clm.plot.probability_alive(fit(), clm.RFM.from_arrays([0], [0], [3.0]))

    def test_many_cells_are_no_score(self):
        with pytest.raises(InvalidDataError, match="800 cells"):
            clm.plot.scores([values()])

    def test_a_single_number_is_no_distribution(self):
        with pytest.raises(InvalidDataError, match="one cell a customer"):
            clm.plot.value_distribution(clm.nps([10, 9, 3]))

    def test_dollar_signs_are_no_mathematics(self):
        ax = clm.plot.value_distribution(values("$x_1$"))
        assert ax.get_xlabel().endswith("($x_1$)")
        assert not ax.xaxis.label.get_parse_math()

    @pytest.mark.parametrize("up_to", [0, 1.1, float("nan")])
    def test_up_to_is_a_share(self, up_to):
        with pytest.raises(InvalidDataError, match="up_to"):
            clm.plot.value_distribution(values(), up_to=up_to)


class TestContent:
    def test_cells_that_nobody_could_observe_are_blank(self):
        shown = table()
        status = shown.status[shown.sizes > 0, 1:]
        mesh = clm.plot.retention_table(shown).collections[0]
        drawn = ~np.ma.getmaskarray(mesh.get_array()).reshape(status.shape)
        assert (drawn == (status == "complete")).all()
        assert (status == "unobserved").any()

    def test_cells_in_progress_are_hatched(self):
        shown = table()
        patches = clm.plot.retention_table(shown).patches
        assert len(patches) == (shown.status[shown.sizes > 0, 1:] == "in_progress").sum() > 0
        assert all(patch.get_hatch() for patch in patches)

    def test_the_funnel_shows_counts_and_shares(self):
        result = log().funnel()
        ax = clm.plot.funnel(result)
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(list(result.conversion.value))
        assert f"{result.counts[0]:,}" in {text.get_text() for text in ax.texts}

    def test_a_funnel_with_a_window_says_whom_its_shares_are_of(self):
        result = clm.funnel(events(), ["visit", "signed_up", "order"], window="30d")
        ax = clm.plot.funnel(result)
        assert [bar.get_width() for bar in ax.patches] == pytest.approx(list(result.conversion.value))
        assert ax.get_xlabel() == "Of closed windows (95% interval)"
        assert clm.plot.funnel(log().funnel()).get_xlabel() == "Of all who entered (95% interval)"

    def test_what_is_no_funnel_is_refused(self):
        with pytest.raises(InvalidDataError, match=r"what clm.funnel or log.funnel returns, not int"):
            clm.plot.funnel(3)
        shut = clm.funnel(events(), ["visit", "order"], window="3000d")
        with pytest.raises(InvalidDataError, match="no entrant's window has closed yet"):
            clm.plot.funnel(shut)

    def test_what_is_no_retention_table_is_refused(self):
        for figure in (clm.plot.retention_table, clm.plot.retention_curve):
            with pytest.raises(InvalidDataError, match=r"what clm.retention_table returns, not dict"):
                figure({})

    def test_every_customer_is_in_one_bar(self):
        ax = clm.plot.value_distribution(values())
        assert sum(bar.get_height() for bar in ax.patches) == 800

    def test_the_band_of_the_prediction_starts_where_the_calibration_ends(self):
        ax = clm.plot.tracking(course())
        band = ax.collections[0].get_paths()[0].vertices
        assert band[:, 0].min() == 13.0
        assert band[:, 0].max() == 26.0

    def test_an_undefined_score_says_why(self):
        ax = clm.plot.scores([clm.nps([])])
        assert any(text.get_text().startswith("undefined:") for text in ax.texts)

    def test_a_tracking_refuses_times_that_do_not_ascend(self):
        with pytest.raises(InvalidDataError, match="ascend"):
            clm.plot.Tracking(
                times=[2, 1], actual=[1, 1], expected=[1, 1], low=[1, 1], high=[1, 1], calibrated_through=1, unit="week"
            )
