"""The parts of the engine by themselves, at sizes and shapes that random small logs do not have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journeys.test_engine import DAY, ZERO, a_lifecycle, a_log, an_end, check, engine, replayed, seeds

import clm
from clm import InvalidDataError, Lifecycle, Timeout, Transition, when
from clm.journeys import Coded, _engine, replay_arrays
from clm.journeys._compile import program_of
from clm.journeys._kernel_idle import silence_of
from clm.journeys._order import _by_time, put_in_order
from clm.journeys._symbols import running_sums


class TestOrder:
    @given(seeds, st.sampled_from([0, 3, 10**6, 2 * 10**17]), st.booleans(), st.sampled_from([1, 50, 1 << 15]))
    @settings(max_examples=60)
    def test_it_is_that_of_a_stable_sort(self, seed, spread, in_time, small):
        rng = np.random.default_rng(seed)
        size, customers = int(rng.integers(0, 200)), int(rng.integers(1, 20))
        customer, at = rng.integers(0, customers, size), rng.integers(-spread, spread + 1, size)
        if in_time:
            at.sort()
        if rng.random() < 0.2:
            order = np.lexsort([at, customer])
            customer, at = customer[order], at[order]
        kept = None if rng.random() < 0.5 else rng.random(size) < 0.7
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("clm.journeys._order._SMALL", small)
            patch.setattr("clm.journeys._order._PIECE", 7)
            ordered = put_in_order(customer, at, kept, customers)
        rows = np.arange(size) if kept is None else np.flatnonzero(kept)
        expected = rows[np.lexsort([at[rows], customer[rows]])]
        assert ordered.rows.tolist() == expected.tolist()
        assert ordered.at.tolist() == at[expected].tolist()
        assert ordered.counts.tolist() == np.bincount(customer[rows], minlength=customers).tolist()
        pairs = list(zip(customer[expected].tolist(), at[expected].tolist(), strict=True))
        assert ordered.ties == len(pairs) - len(set(pairs))

    def test_instants_too_far_apart_to_pack_are_sorted_twice(self):
        # 58 bits of microseconds and 17 of places do not fit 63: the last twelve of the instant are left to the second.
        rng = np.random.default_rng(1)
        at = rng.choice([-1, 1], 100_000) * 10**17 + rng.integers(0, 3000, 100_000)
        assert _by_time(at).tolist() == np.argsort(at, kind="stable").tolist()

    @given(seeds)
    @settings(max_examples=40)
    def test_what_breaks_ties_goes_before_rows(self, seed):
        rng = np.random.default_rng(seed)
        customer, at, order, kind = (rng.integers(0, 3, 60) for _ in range(4))
        ordered = put_in_order(customer, at, None, 3, tie_breakers=lambda rows: [order[rows], kind[rows]], decided=True)
        expected = np.lexsort([kind, order, at, customer])
        assert ordered.rows.tolist() == expected.tolist()
        keys = list(zip(*(column[expected].tolist() for column in (customer, at, order)), strict=True))
        assert ordered.ties == len(keys) - len(set(keys))

    @given(seeds)
    @settings(max_examples=40)
    def test_duplicates(self, seed):
        rng = np.random.default_rng(seed)
        customer, at, kind, ref = (rng.integers(0, 4, 60) for _ in range(4))
        ordered = put_in_order(customer, at, None, 4)
        triples = list(zip(customer.tolist(), at.tolist(), kind.tolist(), strict=True))
        assert ordered.repeats(kind, None) == 60 - len(set(triples))
        assert ordered.repeats(kind, ref) == 60 - len(set(zip(triples, ref.tolist(), strict=True)))


class TestSums:
    @given(seeds, st.sampled_from([0, 2, 64]))
    @settings(max_examples=60)
    def test_they_are_added_one_to_the_other(self, seed, few):
        rng = np.random.default_rng(seed)
        sizes = rng.choice([0, 0, 1, 2, 7, 30], rng.integers(1, 12))
        values = rng.normal(size=sizes.sum()) * 10.0 ** rng.integers(-8, 8, sizes.sum())
        expected = []
        for group in np.split(values, np.cumsum(sizes)[:-1]):
            total = 0.0
            for value in group.tolist():
                total += value
                expected.append(total)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("clm.journeys._symbols._FEW", few)
            assert running_sums(values, sizes).tolist() == expected


class TestEngines:
    def used(self, lifecycle, log, **options):
        """Replay as a user would, and return which engine did it."""
        called = []

        def spy(program, *arguments):
            called.append(program)
            return walk(program, *arguments)

        walk = _engine._walk_columns
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_engine, "_walk_columns", spy)
            replay_arrays(lifecycle, **log, **options)
        return "columns" if called else "scalar"

    def test_small_logs_are_replayed_one_by_one(self):
        lifecycle = a_lifecycle(5)
        small, large = a_log(3, 100), a_log(3, 2000)
        assert len(small["at"]) < 4096 - 100 < len(large["at"])
        assert self.used(lifecycle, small) == "scalar"
        assert self.used(lifecycle, large) == "columns"

    def test_many_conditions_on_a_kind_are_left_to_the_scalar_machine(self):
        def lifecycle(conditions):
            return Lifecycle(
                "x",
                stages=["A", "B"],
                initial="A",
                transitions=[Transition("A", "k", "B", when=when.count("k") >= n) for n in range(2, conditions + 2)],
            )

        log = a_log(3, 2000)
        assert self.used(lifecycle(5), log) == "columns"
        assert self.used(lifecycle(11), log) == "scalar"
        # A thousand symbols by two stages are fewer cells than rows, four thousand rows are not.
        assert self.used(lifecycle(10), log) == "columns"
        check(lifecycle(10), log, an_end(3, log))

    @pytest.mark.parametrize("seed", range(6))
    def test_large_logs_in_threads(self, seed):
        log = a_log(seed, 3000, heavy=2000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_engine, "_processors", lambda: 3)
            check(a_lifecycle(seed, idle=seed % 3 == 0), log, an_end(seed, log), block=1500)

    @given(seeds)
    @settings(max_examples=20)
    def test_pieces_do_not_matter_to_the_scalar_machine(self, seed):
        log = a_log(seed, 6)
        with engine(columns=False), pytest.MonkeyPatch.context() as patch:
            expected = replayed(a_lifecycle(seed), log, an_end(seed, log))
            patch.setattr("clm.journeys._scalar._PIECE", 3)
            assert replayed(a_lifecycle(seed), log, an_end(seed, log)) == expected

    def test_long_rounds_are_left_to_the_scalar_machine(self):
        circle = Lifecycle(
            "x",
            stages=["A", "B"],
            initial="A",
            transitions=[Transition("*", "k", "B")],
            timeouts=[Timeout("B", "A", after="1h"), Timeout("A", "B", after="1h")],
        )
        log = {
            "customer": Coded(np.repeat(np.arange(9), 2), np.arange(9)),
            "at": np.tile([ZERO, ZERO + 200 * DAY], 9) + np.repeat(np.arange(9), 2),
            "kind": np.full(18, "k"),
        }
        through = ZERO + 400 * DAY
        for few in (0, 64):
            for long in (0, 100):
                check(circle, log, through, few=few, long=long)
        with engine(columns=True), pytest.raises(InvalidDataError, match="customer 0: more than 9,000 visits"):
            replay_arrays(circle, **log, through=through, max_visits=9_000)
        # So many rounds that a block would take more memory than it has rows for.
        crowd = {
            "customer": Coded(np.arange(300), np.arange(300)),
            "at": np.full(300, ZERO),
            "kind": np.full(300, "k"),
        }
        check(circle, crowd, ZERO + 15 * DAY)


class TestReadyMade:
    @pytest.mark.parametrize("name", clm.lifecycles.names())
    def test_ready_made_lifecycles(self, name):
        lifecycle = clm.lifecycles.by_name(name)
        rng = np.random.default_rng(5)
        log = a_log(5, 120, heavy=200)
        log["kind"] = rng.choice([*lifecycle.known_kinds, "x"], len(log["at"]))
        # A touchpoint a month or so, so that timeouts of months fire, and some fall due on touchpoints.
        log["at"] = ZERO + (log["at"] - ZERO) * 30
        attributes = {each.attribute for each in lifecycle.timeouts if each.attribute is not None}
        log["attributes"] = {each: ZERO + rng.integers(0, 900, 120) * DAY for each in attributes}
        check(lifecycle, log, an_end(5, log) + 200 * DAY, few=2)


class TestSizes:
    @pytest.mark.parametrize("idle", [True, False])
    @pytest.mark.parametrize("stages", [16, 17, 40, 300])
    def test_many_stages(self, stages, idle):
        # Up to 16 stages with the one before are 256 states: numbers of one byte end there.
        names = [f"s{number}" for number in range(stages)]
        kinds = ["k", "l", "m"]
        rng = np.random.default_rng(stages)
        back = [Transition(name, "m", "@previous") for name in names[::3]] if stages < 100 else []
        lifecycle = Lifecycle(
            "x",
            stages=names,
            initial=names[-1],
            transitions=[
                *(Transition(name, kind, str(rng.choice(names))) for name in names for kind in kinds[:2]),
                *back,
            ],
            timeouts=[
                Timeout(name, names[number + 1], idle=f"{rng.integers(1, 90)}d")
                if idle or number % 2
                else Timeout(name, names[number + 1], after=f"{rng.integers(1, 90)}d")
                for number, name in enumerate(names[:-1])
            ],
        )
        log = a_log(stages, 60)
        check(lifecycle, log, an_end(stages, log), few=2)

    def test_many_lengths_of_silence(self):
        names = [f"s{number}" for number in range(301)]
        for unit in ("h", "us"):
            lifecycle = Lifecycle(
                "x",
                stages=names,
                initial=names[0],
                transitions=[Transition("*", "k", names[0]), Transition("*", "l", names[7])],
                timeouts=[
                    Timeout(names[number], names[number + 1], idle=f"{7 * number + 7919}{unit}")
                    for number in range(300)
                ],
            )
            silence = silence_of(program_of(lifecycle.machine))
            assert len(silence.lengths) == 300
            log = a_log(1, 60)
            check(lifecycle, log, an_end(1, log))

    def test_lengths_without_a_common_unit_are_searched(self):
        lifecycle = Lifecycle(
            "x",
            stages=["A", "B", "C"],
            initial="A",
            transitions=[Transition("*", "k", "A")],
            timeouts=[Timeout("A", "B", idle="86400000001us"), Timeout("B", "C", idle="172800000003us")],
        )
        assert silence_of(program_of(lifecycle.machine)).bucket_of is None
        for seed in range(10):
            log = a_log(seed, 20)
            check(lifecycle, log, an_end(seed, log))

    def test_many_kinds(self):
        kinds = [f"kind{number}" for number in range(200)]
        lifecycle = Lifecycle(
            "x",
            stages=["A", "B", "C"],
            initial="A",
            transitions=[
                Transition(
                    "*", kind, "ABC"[number % 3], when=when.count(kinds[number - 1]) >= 2 if number % 2 else None
                )
                for number, kind in enumerate(kinds)
            ],
        )
        log = a_log(2, 400)
        log["kind"] = np.random.default_rng(2).choice(kinds, len(log["at"]))
        check(lifecycle, log, an_end(2, log))

    def test_nobody(self):
        lifecycle = Lifecycle(
            "x",
            stages=["A", "B"],
            initial="A",
            transitions=[Transition("A", "k", "B")],
            timeouts=[Timeout("A", "B", after="30d")],
        )
        log = {"customer": Coded(np.empty(0, int), np.arange(3)), "at": np.empty(0, int), "kind": np.empty(0, "U1")}
        check(lifecycle, log, ZERO)
        with engine(columns=True):
            assert replayed(lifecycle, log, ZERO)["customers"] == []
            acquired = log | {"acquired_at": np.array([ZERO, ZERO + 2, np.iinfo(np.int64).min])}
            assert replayed(lifecycle, acquired, ZERO + 1)["customers"] == [0]
        check(lifecycle, acquired, ZERO + 90 * DAY)
