"""What may be declared, what is refused, and what is pointed out."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

import clm
from clm import InvalidDataError, Lifecycle, Stage, Timeout, Transition, when


def machine(transitions=(), timeouts=(), stages="ABCD", initial="A", **more):
    return Lifecycle("test", stages=list(stages), initial=initial, transitions=transitions, timeouts=timeouts, **more)


GO = Transition("A", "go", "B")


class TestInputs:
    @pytest.mark.parametrize(
        ("declare", "message"),
        [
            (lambda: Lifecycle("", stages="A", initial="A", transitions=()), "a lifecycle's name must be a name"),
            (lambda: machine(stages=()), "at least one stage"),
            (lambda: machine(stages=["A", "A"]), "stage 'A' is declared twice"),
            (lambda: machine(stages=["A", 5]), "stages must hold Stage objects, but one is 5"),
            (lambda: Lifecycle("x", stages="AB", initial="A", transitions=()), "stages must be a list of Stage"),
            (lambda: Stage("*"), "cannot be called '\\*'"),
            (lambda: Stage("@previous"), "cannot be called '@previous'"),
            (lambda: Stage("  "), "must be a name"),
            (lambda: Stage("A", rank=1.5), "rank must be a whole number"),
            (lambda: Stage("A", rank=True), "rank must be a whole number"),
            (lambda: machine(initial="E"), "the initial stage is 'E', but the stages are A, B, C, D"),
            (lambda: machine([Transition("E", "go", "A")]), "source of the transition E --go--> A is 'E'"),
            (lambda: machine([Transition("A", "go", "E")]), "target of the transition A --go--> E is 'E'"),
            (lambda: machine([Transition("A", "go", "*")]), "target of the transition A --go--> \\* is '\\*'"),
            (lambda: machine([Transition("@previous", "go", "A")]), "source of the transition"),
            (lambda: machine(timeouts=[Timeout("E", "A", after="1d")]), "source of the timeout E --after 1d--> A"),
            (lambda: machine(timeouts=[Timeout("A", "E", after="1d")]), "target of the timeout A --after 1d--> E"),
            (lambda: machine([GO, GO]), "can never be told apart"),
            (lambda: machine([GO, Transition("A", "go", "C")]), "can never be told apart"),
            (lambda: machine([Transition("*", "go", "B"), Transition("*", "go", "C")]), "can never be told apart"),
            (
                lambda: machine([Transition("A", "go", t, when=when.count("go") >= 2) for t in "BC"]),
                r"A --go \[count\(go\) >= 2\]--> B and",
            ),
            (lambda: Transition("A", "timeout", "B"), "kind 'timeout' is reserved"),
            (lambda: Transition("A", "acquired", "B"), "kind 'acquired' is reserved"),
            (lambda: Transition("A", "*", "B"), "'\\*' is no kind"),
            (lambda: Transition("A", "", "B"), "kind must be a name"),
            (lambda: Transition("A", "go", "B", when="count > 2"), "is no condition"),
            (lambda: Transition("A", "go", "B", when=when.amount), "is no condition"),
            (lambda: machine(kinds=["timeout"]), "kinds 'timeout' is reserved"),
            (lambda: machine(kinds=5), "kinds must be names of kinds"),
            (lambda: when.count("acquired"), "reserved"),
            (lambda: machine(backward="never"), "backward must be 'allow' or 'forbid'"),
            (lambda: machine(transitions=GO), "transitions must be a list of Transition"),
            (lambda: machine(timeouts=["A"]), "timeouts must hold Timeout objects"),
            (lambda: Timeout("*", "A", after="1d"), "must name one source stage"),
            (lambda: Timeout("A", "@previous", after="1d"), "must name its target stage"),
            (lambda: Timeout("A", "A", after="1d"), "leads nowhere"),
            (lambda: Timeout("A", "B"), "exactly one of after, idle and attribute, but has none"),
            (lambda: Timeout("A", "B", after="1d", idle="1d"), "but has after and idle"),
            (lambda: Timeout("A", "B", idle="1d", attribute="x"), "but has idle and attribute"),
            (lambda: Timeout("A", "B", after="1d", of=("go",)), "of= without idle="),
            (lambda: Timeout("A", "B", idle="1d", of=()), "empty of="),
            (lambda: Timeout("A", "B", idle="1d", of=("timeout",)), "reserved"),
            (lambda: Timeout("A", "B", attribute=" "), "attribute of the timeout"),
        ],
    )
    def test_what_cannot_run_is_refused(self, declare, message):
        with pytest.raises(InvalidDataError, match=message):
            declare()

    def test_a_misspelt_stage_gets_a_hint(self):
        with pytest.raises(InvalidDataError, match="Did you mean 'conversion'"):
            machine([Transition("conversoin", "go", "reach")], stages=["reach", "conversion"], initial="reach")

    @pytest.mark.parametrize(
        "length",
        [
            "3 months",
            "1month",
            "2mo",
            "1y",
            "2 years",
            "1q",
            "30m",
            "90",
            "d",
            "-1d",
            "0d",
            "0.5us",
            "x",
            "",
            "1d 12h",
            timedelta(0),
            timedelta(days=-1),
            90,
            1.5,
            timedelta(days=2_000_000),
            "999999999d",
        ],
    )
    def test_bad_durations_are_refused(self, length):
        for clock in ("after", "idle"):
            with pytest.raises(InvalidDataError, match=f"{clock}="):
                Timeout("A", "B", **{clock: length})

    def test_months_get_the_advice_to_give_days(self):
        with pytest.raises(InvalidDataError, match="after='3 months': months and years have no fixed length"):
            Timeout("A", "B", after="3 months")
        with pytest.raises(InvalidDataError, match="For minutes write 'min'"):
            Timeout("A", "B", after="30m")

    @pytest.mark.parametrize(
        ("text", "length"),
        [
            ("90d", timedelta(days=90)),
            ("90 days", timedelta(days=90)),
            ("12h", timedelta(hours=12)),
            ("2w", timedelta(weeks=2)),
            ("45min", timedelta(minutes=45)),
            ("1.5d", timedelta(hours=36)),
            ("10S", timedelta(seconds=10)),
            ("7us", timedelta(microseconds=7)),
        ],
    )
    def test_durations_in_text_equal_timedeltas(self, text, length):
        assert Timeout("A", "B", after=text) == Timeout("A", "B", after=length)

    @pytest.mark.parametrize(
        "circle",
        [
            [Timeout("A", "B", idle="1d"), Timeout("B", "A", idle="2d")],
            [Timeout("A", "B", idle="1d"), Timeout("B", "C", attribute="x"), Timeout("C", "A", idle="2d", of=("k",))],
            [Timeout("B", "C", attribute="x"), Timeout("C", "B", attribute="y"), Timeout("A", "B", after="1d")],
        ],
    )
    def test_a_circle_of_idle_and_attribute_clocks_is_refused(self, circle):
        with pytest.raises(InvalidDataError, match="go round in a circle"):
            machine(timeouts=circle)
        broken = [*circle[:-1], Timeout(circle[-1].source, circle[-1].target, after="1d")]
        if circle[0].source == "A":
            assert len(machine(timeouts=broken).timeouts) == len(circle)

    def test_paths_that_meet_are_no_circle(self):
        ends = [Timeout("A", "B", idle="1d"), Timeout("A", "C", idle="2d"), Timeout("B", "D", idle="3d")]
        assert len(machine(timeouts=[*ends, Timeout("C", "D", idle="3d")]).timeouts) == 4

    def test_names_alone_are_stages_and_kinds(self):
        assert machine().stages == tuple(Stage(name) for name in "ABCD")
        assert Timeout("A", "B", idle="1d", of="go") == Timeout("A", "B", idle="1d", of=("go",))
        assert machine(kinds="go").known_kinds == ("go",)


class TestValues:
    LIFECYCLE = machine(
        [GO, Transition("B", "go", "C", when=(when.total("go") >= 2.5) | ~(when.channel == "web"), reenter=True)],
        [
            Timeout("C", "D", after="36h"),
            Timeout("D", "A", idle="2w", of=("go", "on")),
            Timeout("B", "A", attribute="x"),
        ],
        stages=[Stage("A", rank=1), "B", "C", "D"],
        kinds=("seen",),
        backward="forbid",
    )

    def test_everything_is_frozen_hashable_and_picklable(self):
        lifecycle = self.LIFECYCLE
        assert lifecycle.machine is lifecycle.machine
        for value in (
            lifecycle,
            lifecycle.stages[0],
            lifecycle.transitions[1],
            lifecycle.timeouts[1],
            lifecycle.machine,
        ):
            copy = pickle.loads(pickle.dumps(value))
            assert type(copy) is type(value)
        assert pickle.loads(pickle.dumps(lifecycle)) == lifecycle
        assert len({lifecycle, pickle.loads(pickle.dumps(lifecycle))}) == 1
        with pytest.raises(FrozenInstanceError):
            lifecycle.initial = "B"
        with pytest.raises(FrozenInstanceError):
            lifecycle.stages[0].rank = 5

    def test_equality_is_by_content(self):
        assert evolve(self.LIFECYCLE, kinds=("seen",)) == self.LIFECYCLE
        assert evolve(self.LIFECYCLE, initial="B") != self.LIFECYCLE

    def test_to_dict_and_back(self):
        plain = self.LIFECYCLE.to_dict()
        assert Lifecycle.from_dict(plain) == self.LIFECYCLE
        assert plain["timeouts"] == [
            {"source": "C", "target": "D", "after": "36h"},
            {"source": "D", "target": "A", "idle": "14d", "of": ["go", "on"]},
            {"source": "B", "target": "A", "attribute": "x"},
        ]
        assert plain["transitions"][1]["when"] == {
            "any": [
                {"total": "go", "is": ">=", "value": 2.5},
                {"not": {"of": "channel", "is": "==", "value": "web"}},
            ]
        }

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"schema": 2}, "written in schema 2, but this clm reads up to 1"),
            ({"stages": [{"rank": 1}]}, "has no 'name'"),
            ({"transitions": [["A", "go", "B"]]}, "cannot be read"),
            ({"transitions": [{"source": "A", "kind": "go", "target": "B", "when": {"of": "age"}}]}, "no guard"),
            (
                {
                    "transitions": [
                        {"source": "A", "kind": "go", "target": "B", "when": {"of": "age", "is": "<", "value": 1}}
                    ]
                },
                "cannot compare 'age'",
            ),
            (
                {
                    "transitions": [
                        {"source": "A", "kind": "go", "target": "B", "when": {"count": "go", "is": "~", "value": 1}}
                    ]
                },
                "compares with",
            ),
        ],
    )
    def test_a_malformed_lifecycle_is_refused(self, change, message):
        with pytest.raises(InvalidDataError, match=message):
            Lifecycle.from_dict({**self.LIFECYCLE.to_dict(), **change})

    def test_a_missing_entry_is_named(self):
        plain = self.LIFECYCLE.to_dict()
        del plain["initial"]
        with pytest.raises(InvalidDataError, match="has no 'initial'"):
            Lifecycle.from_dict(plain)
        with pytest.raises(InvalidDataError, match="read from a mapping"):
            Lifecycle.from_dict([plain])


class TestAllowed:
    def test_targets_in_the_order_in_which_they_are_tried(self):
        lifecycle = machine(
            [
                Transition("*", "go", "D"),
                Transition("A", "go", "C", when=when.amount > 1),
                Transition("A", "go", "B", when=when.amount > 0),
                Transition("A", "stop", "A"),
                Transition("B", "back", "@previous"),
            ]
        )
        assert lifecycle.allowed("A") == {"go": ("C", "B", "D"), "stop": ("A",)}
        assert lifecycle.allowed("B") == {"go": ("D",), "back": ("@previous",)}

    def test_what_comes_after_an_unconditional_transition_is_out(self):
        assert machine([GO, Transition("*", "go", "D")]).allowed("A") == {"go": ("B",)}

    def test_forbidden_targets_are_out(self):
        stages = [Stage("A", rank=2), Stage("B", rank=1)]
        assert machine([GO], stages=stages, backward="forbid").allowed("A") == {}
        assert machine([GO], stages=stages).allowed("A") == {"go": ("B",)}

    def test_no_such_stage(self):
        with pytest.raises(InvalidDataError, match="'E' is no stage of 'test': they are A, B, C, D"):
            machine().allowed("E")


class TestCheck:
    @staticmethod
    def found(lifecycle):
        return [(finding.kind, str(finding)) for finding in lifecycle.check()]

    def test_unreachable_and_dead_ends(self):
        lifecycle = machine([GO], stages="ABC")
        assert self.found(lifecycle) == [
            ("unreachable", "Stage 'C' is never reached from 'A'."),
            ("dead_end", "Stage 'B' is never left: no touchpoint and no timeout leads out of it."),
        ]

    def test_a_stage_that_only_touches_itself_is_a_dead_end(self):
        kinds = [finding.kind for finding in machine([GO, Transition("B", "go", "B")], stages="AB").check()]
        assert kinds == ["dead_end"]

    @pytest.mark.parametrize(
        ("first", "second", "ambiguous"),
        [
            (when.amount > 1, when.amount < 2, True),
            (when.amount > 1, when.amount < 1, False),
            (when.amount >= 1, when.amount < 1, False),
            (when.amount >= 1, when.amount <= 1, True),
            (when.amount == 1, when.amount == 2, False),
            (when.amount == 1, when.amount != 1, False),
            (when.amount == 1, when.amount > 1, False),
            (when.amount < 1, when.score > 1, True),
            (when.count("go") < 2, when.count("on") >= 2, True),
            (when.count("go") < 2, when.count("go") >= 2, False),
            (when.channel == "web", when.channel == "shop", False),
            (when.channel != "web", when.channel != "shop", True),
            (when.amount > 1, ~(when.amount > 1), False),
            (when.amount > 1, ~(when.amount > 2), True),
            ((when.amount > 1) & (when.score > 1), when.amount < 1, False),
            ((when.amount > 1) | (when.score > 1), when.amount < 1, True),
        ],
    )
    def test_ambiguous_is_what_may_hold_at_once(self, first, second, ambiguous):
        back = [Transition(stage, "back", "A") for stage in "BC"]
        for one, other in ((first, second), (second, first)):
            transitions = [Transition("A", "go", "B", when=one), Transition("A", "go", "C", when=other), *back]
            kinds = [finding.kind for finding in machine(transitions, stages="ABC").check()]
            assert kinds == ["ambiguous"] * ambiguous

    @pytest.mark.parametrize(
        ("wide", "narrow"),
        [
            (when.amount > 1, when.amount > 2),
            (when.amount > 1, when.amount == 2),
            (when.amount >= 1, when.amount > 1),
            (when.amount != 2, when.amount == 1),
            (when.amount != 1, when.amount > 1),
            (when.amount != 1, when.amount < 1),
            (when.count("go") >= 2, when.count("go") >= 5),
            (when.channel != "shop", when.channel == "web"),
            (when.amount > 1, (when.amount > 1) & (when.score > 1)),
            ((when.amount > 1) | (when.score > 1), when.score > 1),
            ((when.amount > 1) | (when.score > 1), (when.amount > 2) | (when.score > 2)),
            ((when.amount > 1) & (when.score > 1), (when.amount > 2) & (when.score > 2)),
            (~(when.amount > 2), when.amount < 1),
        ],
    )
    def test_a_condition_behind_a_wider_one_is_shadowed_and_before_it_ambiguous(self, wide, narrow):
        back = [Transition(stage, "back", "A") for stage in "BC"]
        first, second = Transition("A", "go", "B", when=wide), Transition("A", "go", "C", when=narrow)
        assert ("shadowed", f"{second} is never taken: wherever it could be, {first} comes first.") in self.found(
            machine([first, second, *back], stages="ABC")
        )
        assert [kind for kind, _ in self.found(machine([second, first, *back], stages="ABC"))] == ["ambiguous"]

    def test_shadowed_transitions_and_timeouts(self):
        lifecycle = machine(
            [
                GO,
                Transition("A", "go", "B", when=when.amount > 1),
                Transition("*", "go", "A"),
                Transition("B", "go", "A"),
            ],
            [Timeout("A", "B", after="10d"), Timeout("A", "B", after="9d"), Timeout("A", "B", idle="9d")],
            stages="AB",
        )
        assert self.found(lifecycle) == [
            ("shadowed", "A --go [amount > 1]--> B is never taken: A --go--> B always comes first."),
            ("shadowed", "* --go--> A is never taken: every stage has a transition of its own for it."),
            ("shadowed", "A --after 10d--> B never fires: A --after 9d--> B always comes first."),
            ("shadowed", "A --9d without a touchpoint--> B never fires: A --after 9d--> B always comes first."),
        ]

    def test_forbidden(self):
        stages = [Stage("A", rank=2), Stage("B", rank=1)]
        lifecycle = machine(
            [GO, Transition("B", "go", "A")], [Timeout("A", "B", after="1d")], stages, backward="forbid"
        )
        assert [finding.kind for finding in lifecycle.check()] == ["forbidden"]

    def test_previous_may_be_a_stage_that_time_entered(self):
        transitions = [GO, Transition("C", "on", "A"), Transition("D", "back", "@previous")]
        timeouts = [Timeout("B", "C", idle="1d"), Timeout("C", "D", idle="2d")]
        assert self.found(machine(transitions, timeouts)) == [
            ("previous", "'@previous' in stage 'D' may lead to 'C', which a timeout may have entered.")
        ]

    def test_a_sound_lifecycle_has_no_findings(self):
        assert clm.lifecycles.five_stage().check() == []
        assert Lifecycle.ladder("x", {"A": "k", "B": "l"}, at_risk="1d", lapsed="2d").check() == []


class TestDiagrams:
    def test_mermaid(self):
        lifecycle = Lifecycle(
            "odd",
            stages=["new", "at risk", "end", "lonely"],
            initial="new",
            transitions=[
                Transition("*", "a;b", "end", when=when.channel == 'x"y'),
                Transition("at risk", "back", "@previous"),
                Transition("new", "stay", "new"),
            ],
            timeouts=[Timeout("new", "at risk", idle="90d", of=("order", "visit"))],
        )
        assert lifecycle.to_mermaid().splitlines() == [
            "stateDiagram-v2",
            '    state "at risk" as stage1',
            '    state "end" as stage2',
            '    state "any stage" as stage4',
            '    state "previous stage" as stage5',
            "    lonely",
            "    [*] --> new",
            "    stage4 --> stage2 : a#59;b [channel == x#34;y]",
            "    stage1 --> stage5 : back",
            "    new --> stage1 : 90d without order or visit",
        ]

    def test_dot(self):
        lifecycle = machine([Transition("A", 'say "hi"', "B")], [Timeout("B", "A", after="1d")], stages="AB")
        assert lifecycle.to_dot().splitlines()[-3:] == [
            r'    "A" -> "B" [label="say \"hi\""];',
            '    "B" -> "A" [label="after 1d", style=dashed];',
            "}",
        ]
