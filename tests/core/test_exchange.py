"""Lifecycles written as SCXML, and read from the lists of another package."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from tests.strategies import lifecycles

import clm
from clm import InvalidDataError, Lifecycle, Stage, Timeout, Transition, when

SCXML = "{http://www.w3.org/2005/07/scxml}"


def parsed(lifecycle):
    return ET.fromstring(lifecycle.to_scxml())


def steps(root, kinds):
    """Take events as SCXML says: the first transition in document order; without a target nothing changes."""
    state, path = root.get("initial"), [root.get("initial")]
    previous = state
    states = {element.get("id"): element for element in root.iter(f"{SCXML}state")}
    for kind in kinds:
        for transition in states[state].iter(f"{SCXML}transition"):
            asked = transition.get("cond") in {None, f"previous === '{previous}'"}
            if transition.get("event") == f"kind.{kind}" and asked:
                if transition.get("target") is not None:
                    previous, state = state, transition.get("target")
                    path.append(state)
                break
    return path


class TestScxml:
    def test_a_document_as_it_is_written(self):
        lifecycle = Lifecycle(
            "shop & <co>",
            stages=["visitor", "at risk", "buyer"],
            initial="visitor",
            transitions=[
                Transition("visitor", "big order", "buyer", when=(when.amount >= 100) & ~(when.channel == "it's")),
                Transition("*", "visit", "visitor"),
                Transition("at risk", "back", "@previous"),
                Transition("buyer", "order", "buyer", reenter=True, when=when.count("order") >= 2),
            ],
            timeouts=[Timeout("buyer", "at risk", after="36h"), Timeout("at risk", "buyer", idle="2d")],
        )
        root = parsed(lifecycle)
        assert (root.tag, root.get("name"), root.get("initial")) == (f"{SCXML}scxml", "shop & <co>", "visitor")
        assert [state.get("id") for state in root.iter(f"{SCXML}state")] == ["visitor", "stage1", "buyer"]
        assert [(x.get("event"), x.get("cond"), x.get("target")) for x in root.iter(f"{SCXML}transition")] == [
            (
                "kind.big:20:order",
                (
                    r"((_event.data.amount != null && _event.data.amount >= 100) && !((_event.data.channel != null && "
                    r"_event.data.channel === 'it\u{27}s')))"
                ),
                "buyer",
            ),
            ("kind.visit", None, None),
            ("kind.visit", None, "visitor"),
            ("kind.back", "previous === 'visitor'", "visitor"),
            ("kind.back", "previous === 'at risk'", None),
            ("kind.back", "previous === 'buyer'", "buyer"),
            ("timeout.1", None, "buyer"),
            ("kind.visit", None, "visitor"),
            ("kind.order", "((count['order'] || 0) >= 2)", "buyer"),
            ("timeout.0", None, "stage1"),
        ]
        assert [(x.get("event"), x.get("delay")) for x in root.iter(f"{SCXML}send")] == [("timeout.0", "129600s")]
        assert [x.get("sendid") for x in root.iter(f"{SCXML}cancel")] == ["clock0"]

    def test_forbidden_moves_change_nothing(self):
        lifecycle = Lifecycle(
            "up",
            stages=[Stage("A", rank=1), Stage("B", rank=2)],
            initial="A",
            transitions=[Transition("*", "a", "A"), Transition("*", "b", "B")],
            backward="forbid",
        )
        assert steps(parsed(lifecycle), ["b", "a", "b"]) == ["A", "B"]

    @given(lifecycles())
    def test_it_is_xml_whose_targets_are_there(self, lifecycle):
        root = parsed(lifecycle)
        ids = [state.get("id") for state in root.iter(f"{SCXML}state")]
        assert len(ids) == len(set(ids)) == len(lifecycle.stages)
        assert {root.get("initial")} | {x.get("target", ids[0]) for x in root.iter(f"{SCXML}transition")} <= set(ids)
        sent = {x.get("event") for x in root.iter(f"{SCXML}send")}
        assert sent <= {x.get("event") for x in root.iter(f"{SCXML}transition")}

    @pytest.mark.parametrize("name", clm.lifecycles.names())
    def test_ready_made_lifecycles(self, name):
        lifecycle = clm.lifecycles.by_name(name)
        assert [state.get("id") for state in parsed(lifecycle).iter(f"{SCXML}state")] == [
            stage.name for stage in lifecycle.stages
        ]

    def test_names_that_are_no_xml(self):
        odd = ["a b", "stage0", "1", "é", 'q"<>&', "\x00", "-->", "🙂"]
        lifecycle = Lifecycle(
            "--\x00",
            stages=odd,
            initial=odd[0],
            transitions=[Transition(odd[0], f"{stage}*", stage) for stage in odd],
            timeouts=[Timeout(odd[0], odd[1], idle="1d", of=("-->", "\x01--"))],
        )
        root = parsed(lifecycle)
        ids = [state.get("id") for state in root.iter(f"{SCXML}state")]
        assert len(set(ids)) == len(odd)
        assert len({x.get("event") for x in root.iter(f"{SCXML}transition")}) == len(odd) + 1


class TestFromTransitions:
    def test_the_matter_of_its_readme(self):
        # States and transitions in the form of that package's introduction: names, dicts, and lists in one.
        matter = Lifecycle.from_transitions(
            "matter",
            states=["solid", {"name": "liquid", "on_enter": "say"}, "gas", "plasma"],
            transitions=[
                {"trigger": "melt", "source": "solid", "dest": "liquid", "before": "heat"},
                ["evaporate", "liquid", "gas"],
                {"trigger": "sublimate", "source": ["solid"], "dest": "gas"},
                ["ionize", ["gas", "liquid"], "plasma"],
            ],
            initial="solid",
        )
        assert [str(transition) for transition in matter.transitions] == [
            "solid --melt--> liquid",
            "liquid --evaporate--> gas",
            "solid --sublimate--> gas",
            "gas --ionize--> plasma",
            "liquid --ionize--> plasma",
        ]

    def test_any_state_the_same_state_and_no_move(self):
        lifecycle = Lifecycle.from_transitions(
            "x",
            states=["A", "B"],
            transitions=[["to_a", "*", "A"], ["again", "*", "="], ["note", "A", None], ["to_a", "B", "B"]],
            initial="A",
        )
        assert [(t.source, t.kind, t.target, t.reenter) for t in lifecycle.transitions] == [
            ("A", "to_a", "A", True),
            ("B", "to_a", "A", False),
            ("A", "again", "A", True),
            ("B", "again", "B", True),
            ("A", "note", "A", False),
        ]

    def test_conditions_and_unless_all_have_to_hold(self):
        lifecycle = Lifecycle.from_transitions(
            "x",
            states=["A", "B"],
            transitions=[
                {"trigger": "go", "source": "A", "dest": "B", "conditions": ["large", "web"], "unless": "late"}
            ],
            initial="A",
            conditions={"large": when.amount > 1, "web": when.channel == "web", "late": when.count("go") > 3},
        )
        assert lifecycle.transitions[0].when == (
            ((when.amount > 1) & (when.channel == "web")) & ~(when.count("go") > 3)
        )

    def test_timeouts_are_given_in_our_words(self):
        timeouts = [Timeout("A", "B", after="60s")]
        states = [{"name": "A", "timeout": 60, "on_timeout": "expire"}, "B"]
        lifecycle = Lifecycle.from_transitions("x", states=states, transitions=[], initial="A", timeouts=timeouts)
        assert lifecycle.timeouts == tuple(timeouts)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"states": "AB"}, "states must be a list"),
            ({"states": ["A", 5]}, "a state is a name or a dict with one, not 5"),
            ({"states": ["A", {"name": "B", "children": ["c"]}]}, "state 'B' has children"),
            ({"states": ["A", {"name": "B", "timeout": 5}]}, r"timeout of 5 s.*timeouts=\[clm.Timeout\('B'"),
            ({"transitions": {"trigger": "go"}}, "transitions must be a list"),
            ({"transitions": [["go", "A"]]}, "transition 0 must be a dict with trigger, source and dest"),
            ({"transitions": ["go"]}, "transition 0 must be a dict"),
            ({"transitions": [[None, "A", "B"]]}, "must name its trigger"),
            ({"transitions": [["go", "A", 5]]}, "must name its trigger and its dest"),
            ({"transitions": [["go", 5, "B"]]}, "the sources of a transition must be a list"),
            ({"transitions": [["go", "A", "C"]]}, "the target of the transition A --go--> C is 'C'"),
            ({"transitions": [["go", "A", "B", "is_large"]]}, "transition 0 asks for 'is_large'.*Did you mean"),
            ({"transitions": [["go", "A", "B", [print]]]}, "asks for <built-in function print>"),
            ({"initial": "C"}, "the initial stage is 'C'"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, change, message):
        given = {"states": ["A", "B"], "transitions": [["go", "A", "B"]], "initial": "A"} | change
        with pytest.raises(InvalidDataError, match=message):
            Lifecycle.from_transitions("x", conditions={"is_larger": when.amount > 1}, **given)
