"""What check() points out, held against what replays of any lifecycle do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given
from tests.strategies import customers, ends, lifecycles, touchpoints

from clm import Lifecycle, Stage, Timeout, Transition
from clm.core._checks import _Graph
from clm.core._clocks import beaten

GO = Transition("A", "go", "B")
BACK = Transition("B", "back", "A")


def machine(timeouts, transitions=(GO, BACK), **more):
    return Lifecycle("test", stages=list("ABC"), initial="A", transitions=transitions, timeouts=timeouts, **more)


def never(lifecycle):
    return [str(finding) for finding in lifecycle.check() if "never fires" in finding.message]


class TestTimeoutsThatNeverFire:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (Timeout("A", "B", after="9d"), Timeout("A", "C", after="10d")),
            (Timeout("A", "B", after="9d"), Timeout("A", "C", idle="9d")),
            (Timeout("A", "B", after="9d"), Timeout("A", "C", idle="10d", of=("go",))),
            (Timeout("A", "B", idle="9d", of=("go",)), Timeout("A", "C", idle="9d")),
            (Timeout("A", "B", idle="9d", of=("go",)), Timeout("A", "C", idle="10d", of=("back", "go"))),
            (Timeout("A", "B", idle="9d"), Timeout("A", "C", idle="10d", of=("go", "back"))),
            (Timeout("A", "B", attribute="x"), Timeout("A", "C", attribute="x")),
        ],
    )
    def test_the_later_clock_is_named_with_the_one_before_it(self, first, second):
        assert never(machine([first, second])) == [f"{second} never fires: {first} always comes first."]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (Timeout("A", "B", idle="9d"), Timeout("A", "C", after="9d")),
            (Timeout("A", "B", idle="9d"), Timeout("A", "C", idle="10d", of=("go",))),
            (Timeout("A", "B", idle="9d", of=("back",)), Timeout("A", "C", idle="10d", of=("go",))),
            (Timeout("A", "B", after="9d"), Timeout("A", "C", attribute="x")),
            (Timeout("A", "B", after="10d"), Timeout("A", "C", idle="9d")),
        ],
    )
    def test_either_clock_may_come_first(self, first, second):
        assert never(machine([first, second])) == []

    def test_of_equal_clocks_the_first_declared_is_kept(self):
        after, idle = Timeout("A", "B", after="9d"), Timeout("A", "C", idle="9d")
        assert never(machine([idle, after])) == []
        assert never(machine([after, idle])) == [f"{idle} never fires: {after} always comes first."]

    def test_silence_may_be_older_than_a_stage_that_time_opened(self):
        timeouts = [Timeout("A", "B", after="9d"), Timeout("B", "C", after="1d"), Timeout("B", "A", idle="9d")]
        assert never(machine(timeouts)) == []
        assert len(never(machine(timeouts[1:]))) == 1

    @given(lifecycles(), touchpoints(), customers(), ends)
    def test_without_them_every_replay_is_the_same(self, lifecycle, log, customer, through):
        out = [late for late, _ in beaten(lifecycle)]
        kept = [timeout for timeout in lifecycle.timeouts if not any(timeout is late for late in out)]
        lean = evolve(lifecycle, timeouts=kept, kinds=lifecycle.known_kinds)
        whole, rest = (x.replay(log, through=through, customer=customer) for x in (lifecycle, lean))
        assert list(whole) == list(rest)


class TestTransitionsThatAreNeverTaken:
    @given(lifecycles(), touchpoints(), customers(), ends)
    def test_without_them_every_replay_is_the_same(self, lifecycle, log, customer, through):
        said = [str(finding) for finding in lifecycle.check() if finding.kind == "shadowed"]
        out = {line.split(" is never taken: wherever")[0] for line in said if "wherever it could be" in line}
        # A condition that holds wherever an earlier one does: the last of several equal texts is the later one.
        kept = [
            transition
            for number, transition in enumerate(lifecycle.transitions)
            if str(transition) not in out or str(transition) in map(str, lifecycle.transitions[number + 1 :])
        ]
        lean = evolve(lifecycle, transitions=kept, kinds=lifecycle.known_kinds)
        whole, rest = (x.replay(log, through=through, customer=customer) for x in (lifecycle, lean))
        assert list(whole) == list(rest)


class TestReach:
    @given(lifecycles(), touchpoints(), customers(), ends)
    def test_no_replay_does_what_was_said_to_be_impossible(self, lifecycle, log, customer, through):
        said = lifecycle.check()
        history = lifecycle.replay(log, through=through, customer=customer)
        moves = [(visit.stage, later.stage) for visit, later in pairwise(history) if later.stage != visit.stage]
        for kind, stages in (
            ("unreachable", {visit.stage for visit in history}),
            ("dead_end", {source for source, _ in moves}),
        ):
            messages = [str(finding) for finding in said if finding.kind == kind]
            assert not [message for message in messages if any(message.startswith(f"Stage {s!r}") for s in stages)]
        graph = _Graph(lifecycle)
        assert all(source in graph._before(target) for source, target in moves)


class TestPrevious:
    def test_found_through_another_previous(self):
        # A is left for B by time, B for C and back by touchpoints: in C, @previous may be B, which time entered.
        transitions = [Transition("B", "go", "C"), Transition("C", "back", "@previous")]
        found = machine([Timeout("A", "B", after="1d")], transitions).check()
        assert [str(finding) for finding in found if finding.kind == "previous"] == [
            "'@previous' in stage 'C' may lead to 'B', which a timeout may have entered."
        ]

    def test_not_where_time_only_leads_elsewhere(self):
        transitions = [GO, Transition("B", "back", "@previous"), Transition("C", "go", "A")]
        found = machine([Timeout("B", "C", after="1d")], transitions).check()
        assert [finding for finding in found if finding.kind == "previous"] == []


class TestParent:
    @pytest.mark.parametrize(
        ("name", "parent"),
        [
            ("awareness.problem", "awareness"),
            ("awareness", "awareness"),
            ("a.b.c", "a"),
            (".b", ".b"),
            ("a.", "a."),
            ("v1.", "v1."),
        ],
    )
    def test_before_the_first_dot(self, name, parent):
        assert Stage(name).parent == parent
