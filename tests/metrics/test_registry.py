from __future__ import annotations

import sys
import warnings
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from attrs import define, frozen

import clm
from clm.errors import InvalidDataError, PluginWarning, UnknownMetricError
from clm.metrics import _registry
from clm.metrics._built_in import BUILT_IN


@define
class Share:
    """A metric as a stranger writes it: plain attributes, nothing inherited."""

    name: object = "share_of_wallet"
    stage: object = "loyalty"
    needs: object = ("orders",)
    unit: object = "fraction"
    direction: object = "higher"

    def measure(self, base):
        return clm.stats.proportion(1, 4, name="share of wallet", definition="A quarter.")


@frozen
class Nps(Share):
    name: str = "nps"


class Unbuildable(Share):
    def __init__(self):
        raise ZeroDivisionError("no wallet")


@pytest.fixture
def plug_in(monkeypatch):
    """Announce objects as entry points, as an installed package would."""

    def announce(*more, **found):
        module = ModuleType("acme_clm")
        vars(module).update(found)
        monkeypatch.setitem(sys.modules, "acme_clm", module)
        entries = [*more, *(EntryPoint(name, f"acme_clm:{name}", _registry.GROUP) for name in found)]
        monkeypatch.setattr(_registry, "entry_points", lambda group: entries if group == _registry.GROUP else ())
        _registry._registered.cache_clear()

    yield announce
    _registry._registered.cache_clear()


class TestInputs:
    def test_an_unknown_name_says_the_nearest(self):
        with pytest.raises(UnknownMetricError, match=r"no metric 'chrun_rate'. Did you mean 'churn_rate'\?"):
            clm.metrics.get("chrun_rate")

    def test_an_unknown_name_is_a_lookup_error(self):
        with pytest.raises(LookupError):
            clm.metrics.measure("xyzzy", clm.CustomerBase())

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": ""}, "name must be text"),
            ({"name": 3}, "name must be text"),
            ({"stage": None}, "stage must be text"),
            ({"unit": " "}, "unit must be text"),
            ({"direction": "up"}, "direction must be 'higher' or 'lower'"),
            ({"needs": "orders"}, r"write \('orders',\)"),
            ({"needs": ("order",)}, "Did you mean 'orders'"),
            ({"needs": 5}, "needs must be a collection"),
        ],
    )
    def test_an_object_that_is_no_metric_says_what_is_wrong(self, change, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.metrics.measure(Share(**change), clm.CustomerBase())

    def test_a_class_is_not_an_object(self):
        with pytest.raises(InvalidDataError, match=r"call it first, Share\(\)"):
            clm.metrics.measure(Share, clm.CustomerBase())

    def test_missing_attributes_are_listed(self):
        with pytest.raises(InvalidDataError, match="object lacks name, stage, needs, unit, direction, measure"):
            clm.metrics.measure(object(), clm.CustomerBase())

    @pytest.mark.parametrize(
        ("result", "message"),
        [
            (0.25, "returned float"),
            (None, "returned NoneType"),
            (clm.stats.proportion([1, 2], 4, name="x", definition="X."), "2 cells"),
        ],
    )
    def test_what_is_no_single_estimate_is_refused(self, result, message, simulated):
        @define
        class Wrong(Share):
            def measure(self, base):
                return result

        with pytest.raises(InvalidDataError, match=message):
            clm.metrics.measure(Wrong(), simulated)


class TestPlugIns:
    def test_a_plugged_in_metric_is_named_after_the_built_in_ones(self, plug_in):
        plug_in(Share=Share)
        assert clm.metrics.names() == (*BUILT_IN, "share_of_wallet")

    def test_an_object_plugs_in_as_a_class_does(self, plug_in):
        plug_in(share=Share(name="other"))
        assert clm.metrics.get("other").stage == "loyalty"

    def test_the_scorecard_shows_it(self, plug_in, simulated):
        plug_in(Share=Share)
        card = clm.scorecard(simulated, metrics=["share_of_wallet", "nps"])
        assert card["share_of_wallet"].value == 0.25
        assert [row.name for row in card.rows] == ["share_of_wallet", "nps"]

    def test_one_that_cannot_be_imported_warns_and_is_skipped(self, plug_in):
        plug_in(EntryPoint("gone", "acme_clm_gone:Gone", _registry.GROUP), Share=Share)
        with pytest.warns(
            PluginWarning, match=r"'gone' \(acme_clm_gone:Gone, .* is skipped: ModuleNotFoundError"
        ) as caught:
            names = clm.metrics.names()
        assert "share_of_wallet" in names
        assert len(caught) == 1

    def test_one_that_cannot_be_built_warns_and_is_skipped(self, plug_in):
        plug_in(Unbuildable=Unbuildable)
        with pytest.warns(PluginWarning, match="ZeroDivisionError: no wallet"):
            assert clm.metrics.names() == tuple(BUILT_IN)

    def test_one_that_breaks_the_protocol_warns_and_says_how(self, plug_in):
        plug_in(share=Share(direction="sideways"))
        with pytest.warns(PluginWarning, match="direction must be 'higher' or 'lower' .*not 'sideways'"):
            assert "share_of_wallet" not in clm.metrics.names()

    def test_the_built_in_metric_wins_over_its_namesake(self, plug_in):
        plug_in(Nps=Nps)
        with pytest.warns(PluginWarning, match="'nps' .* the name is taken, and the built-in one wins"):
            assert clm.metrics.get("nps") is BUILT_IN["nps"]

    def test_of_two_plug_ins_the_first_wins(self, plug_in):
        plug_in(a=Share(stage="reach"), b=Share(stage="loyalty"))
        with pytest.warns(PluginWarning, match="the one found first wins"):
            assert clm.metrics.get("share_of_wallet").stage == "reach"

    def test_it_warns_once(self, plug_in):
        plug_in(Nps=Nps)
        with pytest.warns(PluginWarning):
            clm.metrics.names()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clm.metrics.names()


class TestConsistency:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_a_name_is_the_name_of_its_metric(self, name):
        metric = clm.metrics.get(name)
        assert metric.name == name
        assert metric.stage in clm.metrics.STAGES
        assert metric.description.endswith("?")

    def test_stages_come_in_order(self):
        stages = [metric.stage for metric in BUILT_IN.values()]
        assert list(dict.fromkeys(stages)) == list(clm.metrics.STAGES)

    def test_a_missing_table_is_named_without_asking_the_metric(self):
        @define
        class Trap(Share):
            def measure(self, base):
                raise AssertionError("asked")

        estimate = clm.metrics.measure(Trap(needs=("answers", "channels")), clm.CustomerBase())
        assert "no answers" in estimate.undefined
        assert "no channels" in estimate.undefined
