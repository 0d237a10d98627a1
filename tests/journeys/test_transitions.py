"""Moves between stages: counts, probabilities, where they lead and how long it takes."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clm
from clm import InvalidDataError, Lifecycle, Stage, Timeout, Transition
from clm.journeys import TransitionMatrix, replay_arrays

DAY = np.timedelta64(86_400_000_000, "us")
START = np.datetime64("2025-01-01", "us")
# Pfeifer and Carraway (2000): recency 1 to 4 and former; a purchase brings 40, remarketing costs 4.
RECENCY = ("one", "two", "three", "four", "former")
BUYS = np.array([0.30, 0.20, 0.15, 0.05])
CASH = dict(zip(RECENCY, (36, -4, -4, -4, 0), strict=True))
VALUES = [52.320, 5.554, 1.251, -1.820, 0]


def recency():
    """The chain of Pfeifer and Carraway as a machine that steps with every touchpoint."""
    return Lifecycle(
        "recency",
        stages=[Stage(name, rank=rank) for rank, name in enumerate(RECENCY)],
        initial="one",
        transitions=[
            Transition("one", "bought", "one", reenter=True),
            *(Transition(source, "bought", "one") for source in RECENCY[1:4]),
            *(Transition(source, "skipped", target) for source, target in pairwise(RECENCY)),
        ],
        kinds=("began",),
    )


def recency_log(customers, periods, rng):
    """Everybody buys or skips once a day, until he is a former customer."""
    rng = np.random.default_rng(rng)
    stage = np.zeros(customers, int)
    rows = [(np.arange(customers), 0, np.full(customers, "began", dtype="U7"))]
    for day in range(1, periods):
        there = np.flatnonzero(stage < 4)
        bought = rng.random(len(there)) < BUYS[stage[there]]
        rows.append((there, day, np.where(bought, "bought", "skipped")))
        stage[there] = np.where(bought, 0, stage[there] + 1)
    who = np.concatenate([row[0] for row in rows])
    day = np.concatenate([np.full(len(row[0]), row[1]) for row in rows])
    order = np.lexsort((day, who))
    kinds = np.concatenate([row[2] for row in rows])
    return replay_arrays(recency(), who[order], (START + DAY * day)[order], kinds[order], through=START + DAY * periods)


def chain(ends=("won", "lost"), *, final=True):
    """Two stages to go back and forth between, and two to end in, or to come back from."""
    return Lifecycle(
        "deal",
        stages=[Stage("lead", rank=1), Stage("offer", rank=2), *(Stage(name) for name in ends)],
        initial="lead",
        transitions=[
            Transition("lead", "offer", "offer"),
            Transition("offer", "back", "lead"),
            *(Transition(source, name, name) for source in ("lead", "offer") for name in ends),
            *(() if final else (Transition("*", "back", "lead", reenter=True),)),
        ],
        kinds=("begin",),
    )


def replayed(lifecycle, rows, through=60):
    """Rows are (customer, day, kind)."""
    who, day, kind = zip(*rows, strict=True) if rows else ((), (), ())
    at = START + DAY * np.array(day, int)
    return replay_arrays(
        lifecycle, np.array(who, dtype="U9"), at, np.array(kind, dtype="U9"), through=START + DAY * through
    )


DEALS = replayed(
    chain(),
    [
        ("ann", 0, "begin"), ("ann", 2, "offer"), ("ann", 5, "won"),
        ("bob", 1, "offer"), ("bob", 4, "back"), ("bob", 8, "offer"), ("bob", 9, "lost"),
        ("cem", 3, "begin"), ("cem", 10, "lost"),
        ("dan", 50, "begin"),
    ],
)  # fmt: skip


@st.composite
def logs(draw):
    customers = draw(st.integers(1, 5))
    rows = [
        (f"c{customer}", day, draw(st.sampled_from(["begin", "offer", "back", "won", "lost"])))
        for customer in range(customers)
        for day in sorted(draw(st.lists(st.integers(0, 59), min_size=1, max_size=8)))
    ]
    return replayed(chain(final=draw(st.booleans())), rows)


class TestInputs:
    def test_without_final_stages_they_have_to_be_given(self):
        moves = clm.replay(
            {"customer_id": [1], "at": ["2025-01-01"], "kind": ["order"]}, clm.lifecycles.five_stage()
        ).transitions()
        assert moves.final == ()
        for ask in (moves.absorption, moves.expected_steps, moves.expected_time):
            with pytest.raises(InvalidDataError, match="no stage of 'five_stage' is final"):
                ask()
            with pytest.raises(InvalidDataError, match=r"'loyal' is no stage .* Did you mean 'loyalty'"):
                ask(absorbing=["loyal"])
            with pytest.raises(InvalidDataError, match="no stage of 'five_stage' is final"):
                ask(absorbing=[])

    def test_stages_may_be_one_name_or_objects(self):
        moves = DEALS.transitions()
        assert moves.absorption(absorbing="won") == moves.absorption(absorbing=["won"])
        for same in ([Stage("won")], Stage("won"), ("won", "won"), iter(["won"])):
            assert moves.absorption(absorbing=same) == moves.absorption(absorbing=["won"])
        with pytest.raises(InvalidDataError, match="5 is no stage"):
            moves.absorption(absorbing=5)
        assert moves.absorption(absorbing=["lost", "won"]) == moves.absorption()

    def test_units_and_periods_are_checked(self):
        with pytest.raises(InvalidDataError, match=r"period 'months' is not one of .*Did you mean 'month'"):
            DEALS.transitions(period="months")
        with pytest.raises(InvalidDataError, match="week_start 'mon'"):
            DEALS.transitions(period="week", week_start="mon")
        with pytest.raises(InvalidDataError, match="unit 'fortnight'"):
            DEALS.transitions().expected_time(unit="fortnight")
        with pytest.raises(InvalidDataError, match="a step of this matrix is a calendar week"):
            DEALS.transitions(period="week").expected_time(unit="day")
        assert DEALS.transitions(period="week").expected_time(unit="week").unit == "week"

    @pytest.mark.parametrize("period", [None, "month"])
    def test_a_log_without_a_visit(self, period):
        moves = replayed(chain(), []).transitions(period=period)
        assert not moves.counts.any()
        assert np.isnan(moves.probabilities.value[:2]).all()
        assert moves.probabilities.undefined[0, 1] == "nobody was seen to leave 'lead'"
        assert moves.probabilities.value[2:].tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
        assert np.isnan(moves.absorption().value[:2]).all()
        assert len(moves.to_columns()["count"]) == 16

    def test_a_stage_that_nobody_left_is_said(self):
        log = replayed(chain(), [("ann", 0, "begin"), ("ann", 2, "offer"), ("bob", 0, "begin"), ("bob", 1, "lost")])
        moves = log.transitions()
        assert moves.between("offer", "won").undefined == "nobody was seen to leave 'offer'"
        assert moves.absorption().undefined[0, 0] == "nobody was seen to leave 'offer', which lies on the way"
        assert moves.expected_time().undefined.tolist()[:2] == [moves.absorption().undefined[0, 0]] * 2
        assert moves.absorption().value[2:].tolist() == [[1, 0], [0, 1]]
        assert moves.absorption(absorbing=["offer", "lost"]).value[0].tolist() == [0.5, 0.5]

    def test_a_way_without_end_is_said(self):
        log = replayed(
            chain(),
            [("ann", 0, "offer"), ("ann", 2, "back"), ("ann", 3, "offer"), ("ann", 4, "won"), ("bob", 1, "lost")],
        )
        # With only "lost" as the end, who wins never gets there.
        moves = log.transitions()
        assert moves.absorption(absorbing="lost").value[:3, 0].tolist() == pytest.approx([0.5, 0.25, 0])
        found = moves.expected_steps(absorbing="lost")
        assert np.isnan(found.value[:3]).all()
        assert found.undefined[0] == "it is not certain that a customer gets to lost"

    def test_names_of_moves_are_checked(self):
        with pytest.raises(InvalidDataError, match="'wo' is no stage"):
            DEALS.transitions().between("lead", "wo")

    def test_it_is_frozen_and_pickles(self):
        moves = DEALS.transitions()
        assert pickle.loads(pickle.dumps(moves)) == moves
        assert moves != DEALS.transitions(period="day")
        with pytest.raises(ValueError, match="read-only"):
            moves.counts[0, 0] = 5
        frame = clm.to_frame(moves, "pandas")
        assert list(frame.columns) == ["source", "target", "count", "probability", "low", "high"]


class TestPublishedNumbers:
    def test_counts_by_hand(self):
        moves = DEALS.transitions()
        assert moves.stages == ("lead", "offer", "won", "lost")
        assert moves.counts.tolist() == [[0, 3, 0, 1], [1, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
        assert moves.open.tolist() == [1, 0, 1, 2]
        assert moves.final == ("won", "lost")
        assert moves.probabilities.value.tolist() == [
            [0, 0.75, 0, 0.25],
            pytest.approx([1 / 3, 0, 1 / 3, 1 / 3]),
            [0, 0, 1, 0],
            [0, 0, 0, 1],
        ]
        assert moves.between("lead", "offer").n == 4

    def test_absorption_by_hand(self):
        # From lead: w = 3/4 v, from offer: v = 1/3 w + 1/3, so that w = 1/3 and v = 4/9.
        assert DEALS.transitions().absorption().value.tolist() == [
            pytest.approx([1 / 3, 2 / 3]),
            pytest.approx([4 / 9, 5 / 9]),
            [1, 0],
            [0, 1],
        ]
        # Steps: s = 1 + 3/4 t and t = 1 + 1/3 s, so that s = 7/3 and t = 16/9.
        assert DEALS.transitions().expected_steps().value.tolist() == pytest.approx([7 / 3, 16 / 9, 0, 0])

    def test_time_by_hand(self):
        # Lead: 2 + 0 + 4 + 7 days and 10 of the open visit, over 4 ends; offer: 3 + 3 + 1 days over 3 ends.
        lead, offer = 23 / 4, 7 / 3
        # s = lead + 3/4 t and t = offer + 1/3 s.
        s = (lead + 0.75 * offer) / 0.75
        found = DEALS.transitions().expected_time()
        assert found.unit == "day"
        assert found.value.tolist() == pytest.approx([s, offer + s / 3, 0, 0])
        assert DEALS.transitions().expected_time(unit="week").value[0] == pytest.approx(s / 7)

    def test_days_by_hand(self):
        log = replayed(chain(), [("ann", 0, "begin"), ("ann", 2, "offer"), ("bob", 3, "won")], through=4)
        # At the start of days 1 to 4: ann lead, lead, offer, offer; bob won at that of day 4. Day 4 is not complete.
        found = log.transitions(period="day").counts
        assert found.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]

    @pytest.mark.parametrize("period", [None, "day"])
    def test_pfeifer_and_carraway_from_a_log(self, period):
        moves = recency_log(8_000, 20, rng=3).transitions(period=period)
        value = clm.markov_ltv(moves, CASH, discount=0.2)
        assert value.index.tolist() == list(RECENCY)
        low, high = value.confidence_interval(0.999)
        assert (low <= VALUES).all()
        assert (high >= VALUES).all()
        assert value.standard_error[0] < 1

    def test_pfeifer_and_carraway_as_printed(self):
        counts = np.zeros((5, 5), int)
        counts[np.arange(4), 0] = np.rint(100 * BUYS)
        counts[np.arange(4), np.arange(1, 5)] = 100 - np.rint(100 * BUYS)
        nothing = np.zeros((5, 6))
        moves = TransitionMatrix(
            stages=RECENCY, counts=counts, open=np.zeros(5, int), final=["former"], name="recency",
            definition="As printed.", time=nothing, squared_time=nothing,
        )  # fmt: skip
        assert clm.markov_ltv(moves, CASH, discount=0.2).value == pytest.approx(VALUES, abs=5e-4)
        assert clm.markov_ltv(moves, CASH, discount=0.2).confidence_interval().low[0] < 52.320


class TestConsistency:
    @given(logs())
    def test_counts_are_those_of_visits_one_after_the_other(self, log):
        visits = log.visits
        rows = list(zip(visits["customer_id"].tolist(), visits["stage"].tolist(), strict=True))
        pairs = Counter((a[1], b[1]) for a, b in pairwise(rows) if a[0] == b[0])
        moves = log.transitions()
        for row, source in enumerate(moves.stages):
            for column, target in enumerate(moves.stages):
                assert moves.counts[row, column] == pairs[source, target]
        assert moves.counts.sum() + moves.open.sum() == len(log)

    @given(logs(), st.sampled_from(["day", "week", "month"]))
    def test_periods_are_those_of_occupancy(self, log, period):
        moves, stages = log.transitions(period=period), log.occupancy(period)
        complete = int((stages.status == "complete").sum())
        counts = stages.counts[:complete]
        if complete:
            assert moves.counts.sum(axis=1).tolist() == counts[:-1].sum(axis=0).tolist()
            assert (moves.counts.sum(axis=0) <= counts[1:].sum(axis=0)).all()
        else:
            assert not moves.counts.any()

    def test_periods_are_cut_in_the_zone_of_the_log(self):
        # 03:00 UTC is still the evening before in New York, so that the second move falls into January there.
        machine = Lifecycle(
            "x", stages=["a", "b"], initial="a", transitions=[Transition("a", "go", "b")], kinds=("in",)
        )
        rows = {"customer_id": [1, 1], "at": ["2024-12-20T12:00:00Z", "2025-02-01T03:00:00Z"], "kind": ["in", "go"]}
        for zone, expected in (("UTC", [[1, 1], [0, 0]]), ("America/New_York", [[0, 1], [0, 1]])):
            log = clm.replay(rows, machine, through="2025-02-28", tz=zone)
            assert log.transitions(period="month").counts.tolist() == expected, zone

    @given(logs())
    def test_days_are_those_of_the_stage_at_each(self, log):
        expected = Counter()
        ends = [START + DAY * (day + 1) - np.timedelta64(1, "us") for day in range(60)]
        placed = [dict(log.stage_at(end)) for end in ends]
        for before, after in pairwise(placed):
            expected.update((stage, after[customer]) for customer, stage in before.items())
        moves = log.transitions(period="day")
        columns = moves.to_columns()
        names = zip(columns["source"].tolist(), columns["target"].tolist(), strict=True)
        assert dict(zip(names, columns["count"].tolist(), strict=True)) == {
            (a, b): expected[a, b] for a in moves.stages for b in moves.stages
        }

    @given(logs())
    def test_rows_add_up_to_one_and_limits_hold_them(self, log):
        moves = log.transitions()
        shares = moves.probabilities
        total = shares.value.sum(axis=1)
        assert total[~np.isnan(total)] == pytest.approx(1)
        low, high = shares.confidence_interval()
        known = ~np.isnan(shares.value)
        assert ((low <= shares.value) & (shares.value <= high))[known].all()
        ends = moves.absorption(absorbing=moves.stages[-2:])
        total = ends.value.sum(axis=1)
        assert (total[~np.isnan(total)] <= 1 + 1e-12).all()

    def test_errors_follow_the_numbers_they_come_from(self):
        # The delta method by numeric derivatives over the rows, each an independent multinomial.
        rng = np.random.default_rng(4)
        counts = rng.integers(5, 60, (4, 4))
        counts[2:] = 0

        def estimated(shares, what):
            # Counts large enough that shares can be changed by a little.
            return what(matrix(np.rint(shares * 1e12)))

        def matrix(counts):
            nothing = np.zeros((4, 5))
            return TransitionMatrix(
                stages="abcd", counts=counts, open=np.zeros(4, int), final="cd", name="x", definition="X.",
                time=nothing, squared_time=nothing,
            )  # fmt: skip

        shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
        for what, found in (
            (lambda m: m.absorption().value[:, 0], matrix(counts).absorption().standard_error[:, 0]),
            (lambda m: m.expected_steps().value, matrix(counts).expected_steps().standard_error),
        ):
            variance = np.zeros(4)
            for row in (0, 1):
                covariance = (np.diag(shares[row]) - np.outer(shares[row], shares[row])) / counts[row].sum()
                gradient = np.zeros((4, 4))
                for column in range(3):
                    # Along the simplex: what one share gains the last one loses.
                    moved = [shares.copy(), shares.copy()]
                    for sign, other in zip((1, -1), moved, strict=True):
                        other[row, column] += sign * 1e-6
                        other[row, 3] -= sign * 1e-6
                    gradient[:, column] = (estimated(moved[0], what) - estimated(moved[1], what)) / 2e-6
                variance += np.einsum("ki,ij,kj->k", gradient, covariance, gradient)
            assert found[:2] == pytest.approx(np.sqrt(variance)[:2], rel=1e-4)

    def test_rolled_up_stages_have_no_final_one(self):
        log = clm.replay(
            {"customer_id": [1, 1], "at": ["2025-01-01", "2025-01-02"], "kind": ["product_viewed", "order"]},
            clm.lifecycles.awareness(),
        ).rolled_up()
        assert log.transitions().final == ()

    def test_a_timeout_is_a_way_out(self):
        machine = Lifecycle(
            "x", stages=[Stage("a"), Stage("b")], initial="a", transitions=[Transition("a", "go", "b")],
            timeouts=[Timeout("b", "a", after="3d")],
        )  # fmt: skip
        assert replayed(machine, [("ann", 0, "go")]).transitions().final == ()

    def test_many_open_visits_are_told(self):
        assert "3 of 4" not in str(DEALS.transitions().probabilities.caveats)
        log = replayed(chain(), [("ann", 0, "begin"), ("bob", 0, "begin"), ("bob", 1, "won")])
        assert "1 of 2 to 'lead' have not" in log.transitions().probabilities.caveats[0]


class TestRecovery:
    def test_limits_cover(self):
        # Customers leave lead after an exponential time of mean 5 days, to offer (.6) or lost, and offer after one of
        # mean 2, to won (.5), lead (.2) or lost; the log ends after 30 days. Of 200 limits at 95 percent, 180 to 198
        # cover but for 1 in 1,000.
        rng = np.random.default_rng(8)
        step = np.array([[0, 0.6, 0, 0.4], [0.2, 0, 0.5, 0.3]])
        truth_won = 0.6 * 0.5 / (1 - 0.12)
        truth_time = (5 + 0.6 * 2) / (1 - 0.12)
        covered = Counter()
        for _ in range(200):
            rows = []
            for customer in range(60):
                stage, now = 0, rng.uniform(0, 15)
                rows.append((customer, now, "begin"))
                while stage < 2:
                    now += rng.exponential((5, 2)[stage])
                    stage = int(rng.choice(4, p=step[stage]))
                    rows.append((customer, now, ("back", "offer", "won", "lost")[stage]))
            who, day, kind = zip(*[row for row in rows if row[1] < 30], strict=True)
            at = START + (np.array(day) * 86_400_000_000).astype("m8[us]")
            moves = replay_arrays(chain(), np.array(who), at, np.array(kind), through=START + 30 * DAY).transitions()
            low, high = moves.absorption().confidence_interval()
            covered["won"] += low[0, 0] <= truth_won <= high[0, 0]
            low, high = moves.expected_time().confidence_interval()
            covered["time"] += low[0] <= truth_time <= high[0]
        assert 180 <= covered["won"] <= 198
        assert 180 <= covered["time"] <= 198
