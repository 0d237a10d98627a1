"""``clm.replay`` on every kind of frame: the same visits, and clear words on what does not fit."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import ends, lifecycles, touchpoints

import clm
from clm import InvalidDataError, Lifecycle, Timeout, Transition, TransitionError, when

FRAMES = {
    "mapping": dict,
    "lists": lambda columns: {name: list(column) for name, column in columns.items()},
    "pandas": pd.DataFrame,
    "pandas-arrow": lambda columns: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame,
    "polars-lazy": lambda columns: pl.DataFrame(columns).lazy(),
    "pyarrow": pa.table,
    "duckdb": lambda columns: duckdb.from_arrow(pa.table(columns)),
    "source": lambda columns: clm.Source(pd.DataFrame(columns)),
}
EAGER = [name for name in FRAMES if name not in {"polars-lazy", "duckdb"}]

EVENTS = {
    "customer_id": ["ann", "bob", "ann", None, " ", "ann", "bob", "cy", "ann"],
    "at": [
        *("2025-01-01", "2025-01-01 08:00", "2025-01-03", "2025-01-04", "2025-01-04"),
        *(None, "2025-01-09 10:30:00.5", "2025-01-10", "2025-02-01"),
    ],
    "kind": ["order", "visit", "order", "order", "order", "order", "zap", None, "order"],
    "amount": [10.0, None, 20.0, 1.0, 1.0, 1.0, None, 1.0, 99.0],
    "score": [None, 9, None, 1, 1, 1, None, 1, 3],
    "channel": ["web", None, "shop", "web", "web", "web", "web", None, "web"],
    "ref": ["o1", "v1", "o2", "x", "x", "x", "z1", "x", "o9"],
}
FIVE = clm.lifecycles.five_stage()
CHOOSY = Lifecycle(
    "choosy",
    stages=["A", "B", "C", "D"],
    initial="A",
    transitions=[
        Transition("A", "visit", "B", when=(when.score >= 9) & ~(when.channel == "web")),
        Transition("A", "order", "C", when=when.total("order") >= 30),
        Transition("*", "order", "D", when=(when.amount > 50) | (when.channel == "tv")),
    ],
    timeouts=[Timeout("D", "A", attribute="renewal")],
)


def visits(log):
    return {name: column.tolist() for name, column in log.visits.items()}


class TestConsistency:
    @pytest.mark.parametrize("kind", FRAMES)
    def test_every_frame_gives_the_same_visits(self, kind):
        log = clm.replay(FRAMES[kind](EVENTS), FIVE, through="2025-01-31", ref="ref")
        assert visits(log) == {
            "customer_id": ["ann", "ann", "ann", "bob"],
            "stage": ["reach", "conversion", "retention", "reach"],
            "entered_at": [
                *(datetime(2025, 1, day) for day in (1, 1, 3)),  # noqa: DTZ001  # as NumPy gives them
                datetime(2025, 1, 1, 8),  # noqa: DTZ001  # as above
            ],
            "exited_at": [datetime(2025, 1, 1), datetime(2025, 1, 3), None, None],  # noqa: DTZ001  # as above
            "cause": ["order", "order", "order", "visit"],
            "ref": ["o1", "o1", "o2", "v1"],
        }
        assert log.dropped == {
            "null ids": 1,
            "blank ids": 1,
            "null times": 1,
            "null kinds": 1,
            "after through": 1,
            "unknown kinds": 1,
        }
        assert log == clm.replay(EVENTS, FIVE, through="2025-01-31", ref="ref")
        assert log.through == datetime(2025, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
        assert log.definition.endswith("through 2025-01-31; naive times are read in UTC.")

    @pytest.mark.parametrize("kind", FRAMES)
    def test_conditions_read_amounts_scores_and_channels(self, kind):
        roster = FRAMES[kind]({"customer_id": ["ann", "bob"], "renewal": ["2025-02-03", None]})
        log = clm.replay(FRAMES[kind](EVENTS), CHOOSY, customers=roster, through="2025-03-01")
        assert list(zip(log.visits["customer_id"], log.visits["stage"], log.visits["cause"], strict=True)) == [
            ("ann", "A", "order"),
            ("ann", "C", "order"),
            ("ann", "D", "order"),
            ("ann", "A", "timeout"),
            # A missing channel is not "web": the comparison is False, and ~ turns it round.
            ("bob", "A", "visit"),
            ("bob", "B", "visit"),
        ]

    @pytest.mark.parametrize("kind", FRAMES)
    def test_customers_bring_acquisitions(self, kind):
        roster = FRAMES[kind](
            {
                "customer_id": ["zoe", "ann", "yan", "abe"],
                "acquired_at": ["2025-01-05", "2024-12-01", None, "2025-01-02"],
                "colour": [1, 2, 3, 4],
            }
        )
        log = clm.replay(FRAMES[kind](EVENTS), FIVE, customers=roster, through="2025-01-31")
        assert dict(log.stage_at("2025-01-31")) == {"abe": "reach", "ann": "retention", "bob": "reach", "zoe": "reach"}
        assert log.visits["cause"].tolist() == ["acquired", "acquired", "order", "order", "visit", "acquired"]
        assert log.visits["entered_at"].astype("M8[D]").astype(str).tolist() == [
            *("2025-01-02", "2024-12-01", "2025-01-01", "2025-01-03", "2025-01-01", "2025-01-05")
        ]

    @pytest.mark.parametrize("kind", FRAMES)
    def test_whole_number_ids_stay_numbers(self, kind):
        events = {"customer_id": [2**60 + 1, 5, 2**60 + 1], "at": ["2025-01-01"] * 3, "kind": ["visit"] * 3}
        log = clm.replay(FRAMES[kind](events), FIVE)
        assert log.customer.tolist() == [5, 2**60 + 1]
        assert (log.stage_at("2025-01-01T00:00")[5], log.ties) == ("reach", 1)

    @pytest.mark.parametrize("kind", FRAMES)
    def test_columns_are_named(self, kind):
        renamed = {"who": EVENTS["customer_id"], "ts": EVENTS["at"], "what": EVENTS["kind"], "id": EVENTS["ref"]}
        if kind == "source":
            frame = clm.Source(pd.DataFrame(renamed), customer="who", at="ts", kind="what", ref="id")
            log = clm.replay(frame, FIVE, through="2025-01-31")
        else:
            frame = FRAMES[kind](renamed)
            log = clm.replay(frame, FIVE, through="2025-01-31", customer="who", at="ts", kind="what", ref="id")
        assert log == clm.replay(EVENTS, FIVE, through="2025-01-31", ref="ref")

    @given(lifecycles(), touchpoints("ann"), touchpoints("bob"), ends)
    @settings(max_examples=25)
    def test_lazy_and_eager_agree_where_nothing_ties(self, lifecycle, ann, bob, through):
        log = list({(touchpoint.customer_id, touchpoint.at): touchpoint for touchpoint in ann + bob}.values())
        frame = pl.DataFrame(
            {
                name: pl.Series(name, [getattr(touchpoint, name) for touchpoint in log], dtype=dtype)
                for name, dtype in {
                    "customer_id": pl.String,
                    "at": pl.Datetime("us", "UTC"),
                    "kind": pl.String,
                    "amount": pl.Float64,
                    "score": pl.Float64,
                    "channel": pl.String,
                    "ref": pl.String,
                }.items()
            }
        )
        eager = clm.replay(frame, lifecycle, through=through, ref="ref")
        lazy = clm.replay(frame.lazy(), lifecycle, through=through, ref="ref")
        assert eager == lazy
        assert eager.ties == 0
        for name in ("ann", "bob"):
            own = [touchpoint for touchpoint in log if touchpoint.customer_id == name]
            stages = eager.visits["stage"][eager.visits["customer_id"] == name].tolist()
            assert stages == [visit.stage for visit in lifecycle.replay(own, through=through)]


TIED = {
    "customer_id": ["ann"] * 3,
    "at": ["2025-01-01"] * 3,
    "kind": ["order", "signed_up", "visit"],
    "place": [3, 2, 1],
}


class TestTies:
    @pytest.mark.parametrize("kind", EAGER)
    def test_eager_frames_keep_their_row_order(self, kind):
        log = clm.replay(FRAMES[kind](TIED), FIVE, illegal="record")
        assert (log.visits["stage"].tolist(), log.ties) == (["reach", "conversion"], 2)
        assert log.illegal["kind"].tolist() == ["signed_up"]

    @pytest.mark.parametrize("kind", ["polars-lazy", "duckdb"])
    def test_lazy_frames_go_by_kind(self, kind):
        log = clm.replay(FRAMES[kind](TIED), FIVE)
        assert (log.visits["stage"].tolist(), log.ties) == (["reach", "conversion"], 2)
        back = {**TIED, "kind": ["visit", "signed_up", "order"]}
        assert clm.replay(FRAMES[kind](back), FIVE).visits["stage"].tolist() == ["reach", "conversion"]
        assert clm.replay(back, FIVE).visits["stage"].tolist() == ["reach", "acquisition", "conversion"]

    @pytest.mark.parametrize("kind", ["polars-lazy", "duckdb"])
    def test_lazy_frames_go_by_ref_where_kinds_tie_too(self, kind):
        events = {"customer_id": ["ann"] * 3, "at": ["2025-01-01"] * 3, "kind": ["visit", "order", "order"]}
        log = clm.replay(FRAMES[kind](events | {"ref": ["a", "z", "y"]}), FIVE, ref="ref")
        assert log.visits["ref"].tolist() == ["y", "y", "z"]

    @pytest.mark.parametrize("kind", FRAMES)
    def test_order_decides_where_given(self, kind):
        log = clm.replay(FRAMES[kind](TIED), FIVE, order="place")
        assert (log.visits["stage"].tolist(), log.ties) == (["reach", "acquisition", "conversion"], 0)

    def test_order_has_to_be_complete(self):
        events = TIED | {"place": [3, None, 1]}
        with pytest.raises(
            InvalidDataError, match="column 'place' for order= is missing in 1 of 3 rows, first at row 1"
        ):
            clm.replay(events, FIVE, order="place")


class TestTime:
    def test_naive_times_are_read_in_tz(self):
        events = {"customer_id": ["ann"], "at": ["2025-07-01 00:30"], "kind": ["order"]}
        log = clm.replay(events, FIVE, tz="Europe/Berlin", through="2025-07-01")
        assert log.visits["entered_at"][0] == np.datetime64("2025-06-30T22:30")
        assert log.through == datetime(2025, 7, 1, 21, 59, 59, 999999, tzinfo=UTC)
        assert log.definition.endswith("through 2025-07-01; naive times are read in Europe/Berlin.")

    def test_through_may_be_an_instant_and_is_included(self):
        events = {"customer_id": ["ann", "ann"], "at": ["2025-01-01T10:00", "2025-01-01T10:01"], "kind": ["order"] * 2}
        log = clm.replay(events, FIVE, through="2025-01-01T10:00")
        assert (log.visits["stage"].tolist(), log.dropped) == (["reach", "conversion"], {"after through": 1})

    def test_acquired_on_a_date_is_at_its_start(self):
        events = {"customer_id": ["ann"], "at": ["2025-01-01 00:00"], "kind": ["order"]}
        roster = {"customer_id": ["ann"], "acquired_at": ["2025-01-01"]}
        assert clm.replay(events, FIVE, customers=roster).visits["cause"].tolist() == ["order", "order"]


class TestInputs:
    @pytest.mark.parametrize("kind", FRAMES)
    def test_an_empty_frame_needs_through(self, kind):
        if kind in {"lists", "mapping", "pandas-arrow"}:
            events = {"customer_id": [], "at": [], "kind": []}
        else:
            events = {name: np.array([], "U1") for name in ("customer_id", "at", "kind")}
        frame = FRAMES[kind](events)
        with pytest.raises(InvalidDataError, match="Give through="):
            clm.replay(frame, FIVE)
        log = clm.replay(frame, FIVE, through="2025-01-01")
        assert len(log) == 0
        roster = {"customer_id": ["ann"], "acquired_at": ["2025-01-01"]}
        assert clm.replay(frame, FIVE, through="2025-01-01", customers=roster).customer.tolist() == ["ann"]

    @pytest.mark.parametrize("kind", ["mapping", "pandas", "polars-lazy", "duckdb"])
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"kind": "knd"}, "events has no column 'knd'.*Did you mean 'kind'"),
            ({"customer": "user"}, "has no column 'user'"),
            ({"order": "place"}, "has no column 'place'"),
            ({"ref": "reff"}, "Did you mean 'ref'"),
            ({"amount": "amnt"}, "Did you mean 'amount'"),
            ({"kind": "amount"}, "'amount' holds .*text is expected"),
            ({"at": "kind"}, "'kind' cannot be read as dates or times"),
            ({"at": "amount"}, "'amount' holds numbers, but dates or times are expected"),
            ({"through": "soon"}, "through='soon' is no date or time"),
            ({"tz": "Mars"}, "time zone 'Mars' is unknown"),
            ({"unknown": "skip"}, "unknown must be"),
            ({"illegal": "skip"}, "illegal must be"),
            ({"max_visits": 0}, "max_visits must be"),
            ({"unknown": "raise"}, "kind 'zap' of customer 'bob' at row [0-9] is unknown"),
        ],
    )
    def test_what_does_not_fit_is_named(self, kind, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.replay(FRAMES[kind](EVENTS), FIVE, **options)

    def test_columns_that_conditions_read_have_to_be_there(self):
        bare = {name: EVENTS[name] for name in ("customer_id", "at", "kind", "amount", "score")}
        with pytest.raises(InvalidDataError, match="has no column 'channel' for channel="):
            clm.replay(bare, CHOOSY)
        assert len(clm.replay(bare, FIVE)) == 4

    def test_columns_that_no_condition_reads_are_not_read(self):
        spoilt = EVENTS | {"amount": ["lots"] * 9, "channel": [5] * 9}
        assert clm.replay(spoilt, FIVE) == clm.replay(EVENTS, FIVE)
        with pytest.raises(InvalidDataError, match="'amount' holds text, but numbers are expected"):
            clm.replay(spoilt, CHOOSY)

    def test_infinite_amounts_are_refused_and_missing_ones_are_missing(self):
        events = {name: column[:3] for name, column in EVENTS.items()} | {"amount": [10.0, None, float("inf")]}
        with pytest.raises(InvalidDataError, match="amount is infinite in 1 of 3 rows, first at row 2"):
            clm.replay(events, CHOOSY)

    @pytest.mark.parametrize("kind", FRAMES)
    def test_a_log_without_a_known_kind(self, kind):
        events = {"customer_id": ["ann", "bob", "ann"], "at": ["2025-01-01"] * 3, "kind": ["view", "orders", "view"]}
        with pytest.raises(
            InvalidDataError,
            match=r"its kinds are 'view', 'orders', the lifecycle knows .*'order'.*Did you mean 'order'.*='record'",
        ):
            clm.replay(FRAMES[kind](events), FIVE)
        log = clm.replay(FRAMES[kind](events), FIVE, unknown="record")
        assert (len(log), log.dropped, len(log.unknown["row"])) == (0, {"unknown kinds": 3}, 3)

    def test_a_log_of_kinds_that_only_conditions_name_has_no_known_one(self):
        counted = Transition("a", "go", "b", when=when.count("seen") >= 1)
        lifecycle = Lifecycle("counted", stages=["a", "b"], initial="a", transitions=[counted])
        events = {"customer_id": ["ann"], "at": ["2025-01-01"], "kind": ["seen"]}
        with pytest.raises(InvalidDataError, match="its kinds are 'seen', the lifecycle knows 'go'"):
            clm.replay(events, lifecycle)

    @pytest.mark.parametrize("through", [None, "2025-03-01"])
    def test_a_log_without_kinds(self, through):
        events = {"customer_id": ["ann", "bob"], "at": ["2025-01-01"] * 2, "kind": [None, None]}
        with pytest.raises(InvalidDataError, match="no row has a kind, the lifecycle knows 'visit'"):
            clm.replay(events, FIVE, through=through)
        log = clm.replay(events, FIVE, through=through, unknown="record")
        assert (len(log), log.dropped) == (0, {"null kinds": 2})

    @pytest.mark.parametrize("last", ["view", None])
    def test_the_log_ends_with_its_last_row_of_whatever_kind(self, last):
        events = {"customer_id": ["ann"] * 2, "at": ["2025-01-01", "2025-02-01"], "kind": ["visit", last]}
        assert clm.replay(events, FIVE).through == clm.funnel(events, ["visit", "order"]).through

    def test_known_kinds_after_the_end_are_known(self):
        events = {"customer_id": ["ann", "ann"], "at": ["2025-01-01", "2025-02-01"], "kind": ["view", "order"]}
        log = clm.replay(events, FIVE, through="2025-01-31")
        assert (len(log), log.dropped) == (0, {"after through": 1, "unknown kinds": 1})

    @pytest.mark.parametrize("kind", FRAMES)
    def test_duplicates_are_applied_and_counted(self, kind):
        events = {
            "customer_id": ["ann"] * 4 + ["bob"],
            "at": ["2025-01-01"] * 5,
            "kind": ["order", "order", "visit", "order", "order"],
            "ref": ["x", "x", "x", "y", "x"],
        }
        log = clm.replay(FRAMES[kind](events), FIVE)
        assert (log.duplicates, log.ties) == (2, 3)
        assert log.visits["stage"].tolist() == ["reach", "conversion", "retention", "reach", "conversion"]
        assert clm.replay(FRAMES[kind](events), FIVE, ref="ref").duplicates == 1

    @pytest.mark.parametrize("kind", ["mapping", "lists", "pandas", "polars", "polars-lazy", "pyarrow"])
    @pytest.mark.parametrize("column", ["customer_id", "kind"])
    def test_lists_are_neither_ids_nor_kinds(self, kind, column):
        events = {"customer_id": ["ann", "bob"], "at": ["2025-01-01"] * 2, "kind": ["order"] * 2}
        with pytest.raises(InvalidDataError, match=f"column '{column}' holds (list|ndarray)"):
            clm.replay(FRAMES[kind](events | {column: [["a"], ["b"]]}), FIVE)

    def test_order_has_to_be_of_one_type(self):
        events = {"customer_id": ["ann"] * 2, "at": ["2025-01-01"] * 2, "kind": ["order"] * 2, "place": [1, "x"]}
        with pytest.raises(InvalidDataError, match="order holds values that cannot be put in order"):
            clm.replay(events, FIVE, order="place")

    def test_naive_and_aware_times_do_not_mix(self):
        events = {"customer_id": ["ann", "bob"], "at": ["2025-01-01", "2025-01-02T00:00Z"], "kind": ["order"] * 2}
        with pytest.raises(InvalidDataError, match="mixes times with and without a zone, first at row 1"):
            clm.replay(events, FIVE)

    def test_touchpoints_before_the_acquisition_open_the_first_visit(self):
        events = {"customer_id": ["ann"], "at": ["2025-01-01"], "kind": ["order"]}
        roster = {"customer_id": ["ann"], "acquired_at": ["2025-06-01"]}
        log = clm.replay(events, FIVE, customers=roster, through="2025-01-31")
        assert log.visits["cause"].tolist() == ["order", "order"]

    def test_a_lifecycle_is_needed(self):
        with pytest.raises(InvalidDataError, match="lifecycle must be a Lifecycle"):
            clm.replay(EVENTS, clm.lifecycles.five_stage)
        with pytest.raises(InvalidDataError, match="not a dataframe"):
            clm.replay([1, 2], FIVE)

    def test_illegal_touchpoints_raise(self):
        with pytest.raises(TransitionError, match="'order' of customer 'ann' at row 0 is not allowed in stage 'A'"):
            clm.replay(EVENTS, CHOOSY, illegal="raise")

    @pytest.mark.parametrize(
        ("roster", "message"),
        [
            ({"customer_id": ["ann", "bob", "ann"]}, "customers repeat in 1 of 3 rows, first at row 2: 'ann'"),
            ({"customer_id": ["ann", None]}, "customers has no id in 1 of 2 rows, first at row 1"),
            ({"customer_id": ["ann", " "]}, "customers has no id in 1 of 2 rows, first at row 1"),
            ({"customer": ["ann"]}, "customers has no column 'customer_id'"),
            ({"customer_id": [5]}, "customer ids are text in events but numbers in customers"),
            ({"customer_id": ["ann"], "renewall": ["2025-01-01"]}, "no column 'renewal'.*Did you mean 'renewall'"),
            ({"customer_id": ["ann"], "renewal": ["soon"]}, "'renewal' cannot be read as dates or times"),
        ],
    )
    def test_customers_that_do_not_fit_are_named(self, roster, message):
        if "renewall" not in roster:
            roster = {"renewal": ["2025-01-01"] * len(next(iter(roster.values())))} | roster
        with pytest.raises(InvalidDataError, match=message):
            clm.replay(EVENTS, CHOOSY, customers=roster)

    def test_customers_may_name_their_own_column(self):
        roster = clm.Source({"id": ["zoe"], "acquired_at": ["2025-01-01"]}, customer="id")
        assert "zoe" in clm.replay(EVENTS, FIVE, customers=roster).customer
        named = {"who": EVENTS["customer_id"], "at": EVENTS["at"], "kind": EVENTS["kind"]}
        both = {"who": ["zoe"], "acquired_at": ["2025-01-01"]}
        assert "zoe" in clm.replay(named, FIVE, customer="who", customers=both).customer
        assert "zoe" in clm.replay(named, FIVE, customer="who", customers=roster).customer

    def test_without_customers_attributes_never_fire(self):
        assert "timeout" not in clm.replay(EVENTS, CHOOSY, through="2099-01-01").visits["cause"]

    def test_inputs_are_left_as_they_were(self):
        frame = pd.DataFrame(EVENTS)
        before = frame.copy()
        clm.replay(frame, FIVE, unknown="record", illegal="record")
        pd.testing.assert_frame_equal(frame, before)

    @given(st.permutations(range(9)))
    @settings(max_examples=20)
    def test_row_order_does_not_matter(self, rows):
        shuffled = {name: [column[row] for row in rows] for name, column in EVENTS.items()}
        assert clm.replay(shuffled, FIVE, through="2025-01-31") == clm.replay(EVENTS, FIVE, through="2025-01-31")
