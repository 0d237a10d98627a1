"""Where customers flow: nodes and links, frequent paths, and the stage at each step."""

from __future__ import annotations

import json
import pickle
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.journeys.test_transitions import DEALS, chain, logs, replayed

import clm
from clm import InvalidDataError


def ways_of(log):
    """The stages of each customer, in order."""
    ways = defaultdict(list)
    for customer, stage in zip(log.visits["customer_id"].tolist(), log.visits["stage"].tolist(), strict=True):
        ways[customer].append(stage)
    return ways


class TestInputs:
    def test_counts_and_steps_are_checked(self):
        with pytest.raises(
            InvalidDataError, match=r"count='customer' is not one of customers, moves\. Did you mean 'customers'"
        ):
            DEALS.sankey(count="customer")
        for ask in (lambda steps: DEALS.sankey(steps=steps), lambda steps: DEALS.paths(steps=steps), DEALS.step_matrix):
            for steps in (0, -1, 1.5, "two", True):
                with pytest.raises(InvalidDataError, match="steps"):
                    ask(steps)
        for top in (0, -1, 1.5, "two"):
            with pytest.raises(InvalidDataError, match="top"):
                DEALS.paths(top)

        with pytest.raises(InvalidDataError, match="steps=1,000,000 are more than 10,000"):
            DEALS.step_matrix(10**6)
        assert DEALS.paths(2.0) == DEALS.paths(2)

    def test_a_log_without_a_visit(self):
        log = replayed(chain(), [])
        for steps in (None, 3):
            flow = log.sankey(steps=steps)
            assert (flow["nodes"], flow["links"]) == ([], [])
        paths = log.paths()
        assert (len(paths), paths.customers, paths.distinct) == (0, 0, 0)
        assert len(clm.to_frame(paths, "polars")) == 0
        matrix = log.step_matrix(2)
        assert not matrix.counts.any()
        assert matrix.shares.undefined[0, 0] == "there is no customer"
        assert len(clm.to_frame(matrix, "polars")) == 10

    def test_a_stage_called_ended_is_no_other(self):
        log = replayed(chain(("won", "ended")), [("ann", 0, "begin")])
        assert log.step_matrix(2).stages == ("lead", "offer", "won", "ended", "(ended)")


class TestPublishedNumbers:
    # ann: lead offer won.  bob: lead offer lead offer lost.  cem: lead lost.  dan: lead.
    def test_sankey_by_hand(self):
        flow = DEALS.sankey()
        assert flow["nodes"] == [
            {"id": "lead", "stage": "lead", "value": 4, "stayed": 1},
            {"id": "offer", "stage": "offer", "value": 2, "stayed": 0},
            {"id": "won", "stage": "won", "value": 1, "stayed": 1},
            {"id": "lost", "stage": "lost", "value": 2, "stayed": 2},
        ]
        assert {(link["source"], link["target"]): link["value"] for link in flow["links"]} == {
            ("lead", "offer"): 2, ("lead", "lost"): 1, ("offer", "lead"): 1, ("offer", "won"): 1, ("offer", "lost"): 1,
        }  # fmt: skip
        moves = DEALS.sankey(count="moves")
        assert {(link["source"], link["target"]): link["value"] for link in moves["links"]}["lead", "offer"] == 3
        assert moves["nodes"][0]["value"] == 5

    def test_unrolled_by_hand(self):
        flow = DEALS.sankey(steps=3)
        assert [(node["id"], node["value"], node["stayed"]) for node in flow["nodes"]] == [
            ("1:lead", 4, 1), ("2:offer", 2, 0), ("2:lost", 1, 1), ("3:lead", 1, 0), ("3:won", 1, 1),
        ]  # fmt: skip
        assert {(link["source"], link["target"]): link["value"] for link in flow["links"]} == {
            ("1:lead", "2:offer"): 2, ("1:lead", "2:lost"): 1, ("2:offer", "3:lead"): 1, ("2:offer", "3:won"): 1,
        }  # fmt: skip

    def test_paths_by_hand(self):
        paths = replayed(
            chain(),
            [("ann", 0, "offer"), ("bob", 1, "offer"), ("cem", 0, "lost"), ("dan", 0, "offer"), ("dan", 5, "back")],
        ).paths(2)
        assert paths.paths == (("lead", "offer"), ("lead", "lost"))
        assert paths.counts.tolist() == [2, 1]
        assert paths.share.value.tolist() == [0.5, 0.25]
        assert (paths.customers, paths.distinct) == (4, 3)
        assert clm.to_frame(paths, "polars")["path"].to_list() == ["lead > offer", "lead > lost"]

    def test_step_matrix_by_hand(self):
        matrix = DEALS.step_matrix(3)
        assert matrix.stages == ("lead", "offer", "won", "lost", "ended")
        assert matrix.counts.tolist() == [[4, 0, 1], [0, 2, 0], [0, 0, 1], [0, 1, 0], [0, 1, 2]]
        assert clm.to_frame(matrix, "polars")["customers"].to_list()[:5] == [4, 0, 0, 0, 0]


class TestConsistency:
    @given(logs(), st.integers(1, 9))
    def test_unrolled_links_leave_and_enter_nodes_in_full(self, log, steps):
        flow = json.loads(json.dumps(log.sankey(steps=steps)))
        nodes = {node["id"]: node for node in flow["nodes"]}
        entering, leaving = Counter(), Counter()
        for link in flow["links"]:
            leaving[link["source"]] += link["value"]
            entering[link["target"]] += link["value"]
        assert len(nodes) == len(flow["nodes"])
        for name, node in nodes.items():
            assert node["step"] == 1 or entering[name] == node["value"]
            if node["step"] < steps:
                assert leaving[name] + node["stayed"] == node["value"]
        assert sum(node["value"] for node in nodes.values() if node["step"] == 1) == len(log.customer)

    @given(logs())
    def test_links_are_pairs_counted_one_by_one(self, log):
        moves, customers = Counter(), Counter()
        for way in ways_of(log).values():
            pairs = list(pairwise(way))
            moves.update(pairs)
            customers.update(set(pairs))
        for count, expected in (("moves", moves), ("customers", customers)):
            flow = json.loads(json.dumps(log.sankey(count=count)))
            assert {(link["source"], link["target"]): link["value"] for link in flow["links"]} == dict(expected)
        assert log.transitions().counts.sum() == moves.total()

    @given(logs(), st.one_of(st.none(), st.integers(1, 6)))
    def test_paths_are_tuples_counted_one_by_one(self, log, steps):
        expected = Counter(tuple(way[:steps]) for way in ways_of(log).values())
        paths = log.paths(None, steps=steps)
        assert dict(zip(paths.paths, paths.counts.tolist(), strict=True)) == dict(expected)
        assert paths.distinct == len(expected)
        place = {stage.name: place for place, stage in enumerate(log.lifecycle.stages)}
        ordered = sorted(
            expected.items(), key=lambda item: (-item[1], len(item[0]), [place[stage] for stage in item[0]])
        )
        assert list(paths.paths) == [path for path, _ in ordered]
        assert log.paths(2, steps=steps).paths == paths.paths[:2]

    @given(logs(), st.integers(1, 12))
    def test_columns_of_steps_add_up_to_everybody(self, log, steps):
        matrix = log.step_matrix(steps)
        assert (matrix.counts.sum(axis=0) == len(log.customer)).all()
        assert matrix.shares.value.sum(axis=0) == pytest.approx(1)
        for step in range(steps):
            stages = Counter(way[step] if len(way) > step else "ended" for way in ways_of(log).values())
            assert dict(zip(matrix.stages, matrix.counts[:, step].tolist(), strict=True)) == {
                stage: stages[stage] for stage in matrix.stages
            }

    def test_long_ways_of_few_among_many_short_ones(self):
        rows = [("ann", day, ("offer", "back")[day % 2]) for day in range(59)] + [
            (f"b{i}", 0, "offer") for i in range(500)
        ]
        paths = replayed(chain(), rows).paths()
        assert paths.counts.tolist() == [500, 1]
        assert len(paths.paths[1]) == 60

    def test_results_are_frozen_and_pickle(self):
        for result in (DEALS.paths(), DEALS.step_matrix(4)):
            assert pickle.loads(pickle.dumps(result)) == result
            with pytest.raises(ValueError, match="read-only"):
                result.counts[0] = 5
        assert DEALS.paths() != DEALS.paths(1)
        assert np.asarray(DEALS.paths().share).tolist() == [0.25] * 4

    @pytest.mark.parametrize("log", [DEALS, replayed(chain(), [])], ids=["deals", "nobody"])
    def test_results_come_back_equal_from_json(self, log):
        moves = log.transitions()
        results = [moves, moves.absorption(), moves.expected_time(), log.transitions(period="week"), log.stage_times()]
        results += [log.paths(), log.paths().share, log.step_matrix(3)]
        results += [log.funnel(), log.funnel(window="9d"), log.occupancy(), log.stage_at(log.through), log.cycles()]
        results += [log.upcoming("30d")]
        if log is DEALS:
            ways = log.time_in_stage("offer", exits="rank")
            results += [ways, ways["advance"], ways.at(2), ways["drop"].at([1, 2, 3])]
        for result in results:
            assert clm.from_json(clm.to_json(result)) == result
