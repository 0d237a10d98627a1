"""Flows by period and the errors of a threshold, as drawn."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg  # matplotlib may be absent

import clm  # after the optional package


def log():
    rng = np.random.default_rng(0)
    days = rng.uniform(0, 100, 60)[rng.integers(0, 60, 600)] + rng.exponential(25, 600)
    return {
        "customer_id": rng.integers(0, 60, 600),
        "at": np.datetime64("2025-01-01", "us") + (days * 86_400e6).astype("m8[us]"),
    }


def drawn(ax):
    FigureCanvasAgg(ax.figure).draw()
    return ax


class TestGrowthAccounting:
    def test_bars_are_the_flows_and_dormant_ones_below_zero(self):
        flows = clm.growth_accounting(log(), period="month", through="2025-05-10")
        ax = drawn(clm.plot.growth_accounting(flows))
        heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in ax.containers}
        assert heights["new"] == flows.new.tolist()
        assert heights["resurrected"] == flows.resurrected.tolist()
        assert heights["dormant"] == (-flows.dormant).tolist()
        tops = [bar.get_y() + bar.get_height() for bar in ax.containers[2]]
        assert tops == flows.active.tolist()
        # The running month alone is hatched.
        assert [bool(bar.get_hatch()) for bar in ax.containers[0]] == [False] * 4 + [True]
        assert "-" not in "".join(label.get_text() for label in ax.get_yticklabels())

    def test_one_period(self):
        drawn(clm.plot.growth_accounting(clm.growth_accounting({"customer_id": [1], "at": ["2025-01-01"]})))


class TestChurnThreshold:
    def test_curves_are_the_errors(self):
        found = clm.churn_threshold(log(), through="2025-05-31", quantile=0.8)
        ax = drawn(clm.plot.churn_threshold(found))
        one, two = ax.lines[:2]
        np.testing.assert_array_equal(one.get_ydata(), found.errors.type_one.value)
        np.testing.assert_array_equal(two.get_ydata(), found.errors.type_two.value)
        assert [line.get_xdata()[0] for line in ax.lines[2:]] == [
            found.value,
            found.errors.best.value,
            found.naive.value,
        ]

    def test_what_is_undefined_is_left_out(self):
        names = {"customer_id": [1, 2, 2, 3], "at": ["2025-01-01", "2025-01-02", "2025-01-20", "2025-01-03"]}
        found = clm.churn_threshold(names, through="2025-02-01", reference="2025-01-10")
        labels = clm.plot.churn_threshold(found).get_legend_handles_labels()[1]
        assert not any("of gaps end" in label for label in labels)

    def test_nobody_who_came_back_leaves_nothing_to_draw(self):
        found = clm.churn_threshold({"customer_id": [1], "at": ["2025-01-01"]}, through="2025-02-01")
        with pytest.raises(clm.InvalidDataError, match="nobody came back after the reference"):
            clm.plot.churn_threshold(found)


class TestRetentionTable:
    def test_brackets_are_labelled_with_their_ages(self):
        definition = clm.RetentionDefinition(period="week", brackets=[1, 2, 4])
        ax = drawn(clm.plot.retention_table(clm.retention_table(log(), definition, through="2025-06-30")))
        assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2\N{EN DASH}3", "4\N{EN DASH}7"]

    def test_hours_are_labelled_as_hours(self):
        times = ["2025-01-01 08:10", "2025-01-01 09:20", "2025-01-01 09:40"]
        table = clm.retention_table(
            {"customer_id": [1, 1, 2], "at": times},
            clm.RetentionDefinition(period="hour"),
            through="2025-01-01 11:59:59.999999",
        )
        labels = [label.get_text() for label in drawn(clm.plot.retention_table(table)).get_yticklabels()]
        assert labels == ["2025-01-01 08 (1)", "2025-01-01 09 (1)"]
