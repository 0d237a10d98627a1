from __future__ import annotations

import pickle
from datetime import UTC, date, datetime

import numpy as np
import pytest
from attrs import evolve
from tests.metrics.example import ANSWERS, CHANNELS, ORDERS, TOUCHPOINTS

import clm
from clm.errors import InvalidDataError
from clm.metrics import NotFittedError

ENGINES = ["pandas", "polars", "polars lazy", "pyarrow", "duckdb"]
FOUR = {"orders": ORDERS, "touchpoints": TOUCHPOINTS, "answers": ANSWERS, "channels": CHANNELS}


def dated(columns):
    """Turn text dates into dates, as frames hold them."""
    return {name: values.astype("M8[us]") if name == "at" else values for name, values in columns.items()}


def as_frame(columns, engine):
    columns = dated(columns)
    if engine == "pandas":
        return pytest.importorskip("pandas").DataFrame(columns)
    if engine == "pyarrow":
        return pytest.importorskip("pyarrow").table(columns)
    frame = pytest.importorskip("polars").DataFrame(columns)
    if engine == "duckdb":
        duckdb = pytest.importorskip("duckdb")  # older ones close a connection that nobody holds
        arrow = frame.to_arrow()
        return duckdb.from_arrow(arrow)
    return frame.lazy() if engine == "polars lazy" else frame


def shuffled(columns, seed=1):
    order = np.random.default_rng(seed).permutation(len(columns["at"]))
    return {name: values[order] for name, values in columns.items()}


@pytest.fixture(scope="module")
def expected():
    return {row.name: row.value for row in clm.scorecard(clm.CustomerBase(**FOUR, through="2025-06-30"))}


class TestInputs:
    def test_every_option_is_by_name(self):
        with pytest.raises(TypeError):
            clm.CustomerBase(ORDERS)

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ({"lifecycle": "five_stage"}, "lifecycle must be a Lifecycle"),
            ({"currency": ""}, "currency must be the name"),
            ({"currency": None}, "currency must be the name"),
            ({"scales": [1]}, "scales is a mapping"),
            ({"scales": {"csat": 5}}, r"the scale of 'csat' must be a clm\.Scale"),
            ({"scales": {"cast": clm.Scale(1, 5)}}, r"Did you mean 'csat'"),
            ({"through": "June"}, "through='June' is no date"),
            ({"start": 3}, "start=3 is no date"),
            ({"start": "2025-02-01", "through": "2025-01-31"}, "start 2025-02-01 is after through 2025-01-31"),
            ({"tz": "Berlin"}, "time zone 'Berlin' is unknown"),
        ],
    )
    def test_options_are_checked_at_once(self, option, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.CustomerBase(**option)

    def test_tables_are_read_when_they_are_needed(self):
        base = clm.CustomerBase(orders=[1, 2], answers=ANSWERS)
        assert clm.metrics.measure("nps", evolve(base, through="2025-06-30")).n == 3
        with pytest.raises(InvalidDataError, match="orders is a list, not a dataframe"):
            clm.metrics.measure("revenue", base)

    @pytest.mark.parametrize("table", clm.metrics.TABLES)
    def test_a_missing_column_names_table_and_column(self, table):
        base = clm.CustomerBase(**{table: {"nothing": [1]}}, through="2025-06-30")
        with pytest.raises(InvalidDataError, match=rf"^{table} has no column '(customer_id|at|channel)'"):
            base.columns(table)

    def test_what_is_wrong_in_a_column_names_the_table(self):
        base = clm.CustomerBase(orders=ORDERS, answers={**ANSWERS, "at": ["yesterday"] * 7}, through="2025-06-30")
        with pytest.raises(InvalidDataError, match=r"^answers: column 'at' cannot be read as dates"):
            base.score("nps")

    def test_costs_are_not_negative(self):
        base = clm.CustomerBase(channels={"channel": ["a"], "at": ["2025-01-01"], "cost": [-1.0]})
        with pytest.raises(
            InvalidDataError, match="channels: column 'cost' is negative in 1 of 1 rows, first at row 0"
        ):
            base.columns("channels")

    def test_kinds_are_names(self):
        base = clm.CustomerBase(touchpoints={"customer_id": [1], "at": ["2025-01-01"], "kind": [1]})
        with pytest.raises(InvalidDataError, match="touchpoints: column 'kind' holds numbers"):
            base.columns("touchpoints")

    @pytest.mark.parametrize(
        "orders", [{"customer_id": [None, " "], "at": ["2025-01-01"] * 2}, {"customer_id": [1, 2], "at": [None, None]}]
    )
    def test_rows_of_nobody_are_no_zero(self, orders):
        base = clm.CustomerBase(orders=orders, through="2025-06-30")
        with pytest.raises(InvalidDataError, match="of orders can be used: of 2 rows"):
            clm.metrics.measure("orders", base)

    def test_a_repr_reads_nothing(self):
        assert repr(clm.CustomerBase(orders=[1, 2])) == "<CustomerBase: orders>"
        assert repr(clm.CustomerBase(answers=7, through="2025-06-30")) == "<CustomerBase through 2025-06-30: answers>"

    def test_ids_of_two_types_do_not_mix(self):
        base = clm.CustomerBase(orders=ORDERS, touchpoints={**TOUCHPOINTS, "customer_id": np.arange(9)})
        with pytest.raises(
            InvalidDataError, match="orders names customers by text, as 'a', touchpoints by numbers, as 0"
        ):
            _ = base.stage_log

    def test_customers_stand_once(self):
        base = clm.CustomerBase(orders=ORDERS, customers={"customer_id": ["a", "b", "a"]})
        with pytest.raises(InvalidDataError, match="customers names 1 customers more than once, first 'a'"):
            _ = base.histories

    def test_unknown_tables_and_scores(self, by_hand):
        with pytest.raises(InvalidDataError, match=r"no table 'order'.* Did you mean 'orders'"):
            by_hand.columns("order")
        with pytest.raises(InvalidDataError, match="no score 'npss'"):
            by_hand.score("npss")
        with pytest.raises(InvalidDataError, match=r"this base has no customers: give CustomerBase\(customers=...\)"):
            by_hand.columns("customers")

    @pytest.mark.parametrize("amount", [np.nan, np.inf, -np.inf])
    def test_amounts_that_are_none_raise(self, amount):
        base = clm.CustomerBase(orders={**ORDERS, "amount": [10.0] * 6 + [amount]}, through="2025-06-30")
        with pytest.raises(InvalidDataError, match="amount"):
            clm.metrics.measure("revenue", base)

    def test_an_end_that_nothing_tells(self):
        with pytest.raises(InvalidDataError, match="nothing in this base is dated"):
            _ = clm.CustomerBase().period
        assert clm.CustomerBase().scope == "with nothing dated"


class TestPeriod:
    def test_by_default_it_ends_with_the_last_dated_row(self):
        base = clm.CustomerBase(**FOUR)
        assert base.scope == "through 2025-06-25 00:00:00"  # the visit of f, after the last order and answer

    def test_channels_date_the_base_where_nothing_else_does(self):
        assert clm.CustomerBase(channels=CHANNELS).scope == "through 2025-04-01 00:00:00"

    @pytest.mark.parametrize(
        "through",
        [
            "2025-06-30",
            date(2025, 6, 30),
            np.datetime64("2025-06-30"),
            datetime.fromisoformat("2025-06-30T23:59:59.999999"),
        ],
    )
    def test_a_date_means_its_end(self, through):
        base = clm.CustomerBase(**FOUR, through=through)
        assert base.period.last == np.datetime64("2025-06-30T23:59:59.999999", "us").astype(np.int64)

    def test_days_end_in_the_base_s_zone(self):
        base = clm.CustomerBase(orders=ORDERS, through="2025-06-30", tz="America/New_York")
        assert base.period.ends == datetime(2025, 7, 1, 3, 59, 59, 999999, tzinfo=UTC)
        part = base.between("2025-01-01")
        assert part.scope == "from 2025-01-01 through 2025-06-30"
        assert (part.start_at, base.start_at) == (np.datetime64("2025-01-01T05:00"), None)
        assert part.through_at == np.datetime64("2025-07-01T03:59:59.999999")

    def test_rows_after_the_end_do_not_count(self):
        base = clm.CustomerBase(**FOUR, through="2025-02-28")
        assert clm.metrics.measure("orders", base).value == 3
        assert clm.metrics.measure("nps", base).n == 2
        assert base.columns("orders")["at"].max() == np.datetime64("2025-02-01")

    def test_a_period_may_not_outlast_the_base(self, by_hand):
        with pytest.raises(InvalidDataError, match="through 2025-07-01 is after 2025-06-30, up to which this base"):
            by_hand.between("2025-01-01", "2025-07-01")
        with pytest.raises(InvalidDataError, match="start 2025-08-01 is after"):
            by_hand.between("2025-08-01")

    def test_a_start_after_the_last_row(self):
        base = clm.CustomerBase(orders=ORDERS).between("2026-01-01")
        with pytest.raises(InvalidDataError, match="start 2026-01-01 is after 2025-06-20"):
            _ = base.period

    def test_a_period_leaves_the_base_alone(self, by_hand):
        before = clm.metrics.measure("orders", by_hand)
        part = by_hand.between("2025-03-01")
        assert clm.metrics.measure("orders", part).value == 3
        assert clm.metrics.measure("orders", by_hand) == before
        assert by_hand.start is None

    def test_a_period_of_a_period(self, by_hand):
        again = by_hand.between("2025-03-01", "2025-05-31").between("2025-04-01", "2025-05-15")
        assert again.scope == "from 2025-04-01 through 2025-05-15"

    def test_history_on_request(self, by_hand):
        part = by_hand.between("2025-03-01")
        assert len(part.columns("orders")["at"]) == 4
        assert len(part.columns("orders", history=True)["at"]) == 7


class TestDerived:
    def test_each_order_is_a_touchpoint(self, by_hand):
        # a became an advocate on 3 March and was at risk 90 days later, on 1 June, when the next order came
        assert dict(by_hand.stage_log.stage_at("2025-06-30")) == {
            "a": "reactivated",
            "b": "at_risk",
            "c": "at_risk",
            "d": "conversion",
            "e": "reach",
            "f": "reach",
        }

    def test_touchpoints_hold_the_orders(self, by_hand):
        log = by_hand.columns("touchpoints")
        assert sorted(set(log["kind"])) == ["order", "referral", "signed_up", "visit"]
        assert len(log["at"]) == 9 + 6  # the refund is no order
        only = clm.CustomerBase(orders=ORDERS).columns("touchpoints", history=True)
        assert only["customer_id"].tolist() == ["a", "a", "a", "b", "c", "d"]

    def test_stages_are_those_of_the_joined_log(self, by_hand):
        log = {
            "customer_id": np.concatenate([TOUCHPOINTS["customer_id"], ORDERS["customer_id"][[0, 1, 2, 3, 4, 6]]]),
            "at": np.concatenate([TOUCHPOINTS["at"], ORDERS["at"][[0, 1, 2, 3, 4, 6]]]),
            "kind": np.concatenate([TOUCHPOINTS["kind"], np.full(6, "order")]),
        }
        expected = clm.replay(log, clm.lifecycles.five_stage(), through="2025-06-30")
        for column in ("customer_id", "stage", "entered_at", "exited_at", "cause"):
            np.testing.assert_array_equal(by_hand.stage_log.visits[column], expected.visits[column])

    def test_touchpoints_come_before_orders_of_the_same_instant(self):
        base = clm.CustomerBase(
            orders={"customer_id": [1], "at": ["2025-01-01"]},
            touchpoints={"customer_id": [1], "at": ["2025-01-01"], "kind": ["signed_up"]},
        )
        assert base.stage_log.visits["stage"].tolist() == ["reach", "acquisition", "conversion"]

    def test_attributes_of_customers_move_them(self):
        lifecycle = clm.Lifecycle(
            "trial",
            stages=[clm.Stage("trial"), clm.Stage("over")],
            initial="trial",
            transitions=[clm.Transition("trial", "order", "trial")],
            timeouts=[clm.Timeout("trial", "over", attribute="trial_end")],
        )
        base = clm.CustomerBase(
            orders={"customer_id": ["x", "y"], "at": ["2025-01-01", "2025-01-01"]},
            customers={"customer_id": ["y", "x", "z"], "trial_end": ["2025-02-01", None, "2025-03-01"]},
            lifecycle=lifecycle,
            through="2025-12-31",
        )
        assert dict(base.stage_log.stage_at("2025-12-31")) == {"x": "trial", "y": "over"}
        missing = evolve(base, customers={"customer_id": ["y"]})
        with pytest.raises(InvalidDataError, match="customers has no column 'trial_end'"):
            _ = missing.stage_log

    def test_everything_is_computed_once(self, by_hand):
        assert by_hand.rfm is by_hand.rfm
        assert by_hand.period_rfm is by_hand.rfm
        assert by_hand.stage_log is by_hand.stage_log
        assert by_hand.score("nps") is by_hand.score("nps")
        assert by_hand.purchase_fit is by_hand.purchase_fit

    def test_retention_is_by_month(self, cdnow):
        assert cdnow.retention.sizes.sum() == 2357
        assert len(cdnow.retention.cohorts) == 18  # January 1997 to June 1998; first orders in the first three

    @pytest.mark.parametrize("tz", ["UTC", "America/Havana"])  # where clocks are set back to midnight
    def test_a_refund_is_no_return(self, tz):
        columns = {
            "customer_id": [1, 1, 2, 2],
            "at": ["2024-11-03T04:30:00Z", "2024-12-05T00:00:00Z", "2024-11-03T05:30:00Z", "2024-12-05T00:00:00Z"],
        }
        base = clm.CustomerBase(orders={**columns, "amount": [5.0, 5.0, 5.0, -5.0]}, through="2024-12-31", tz=tz)
        assert base.retention.retained.tolist() == [[2, 1], [0, -1]]
        without = clm.CustomerBase(orders=columns, through="2024-12-31", tz=tz)
        assert without.retention.retained.tolist() == [[2, 2], [0, -1]]

    def test_models_that_cannot_be_fitted_say_why(self):
        with pytest.raises(NotFittedError, match="this base has no orders"):
            _ = clm.CustomerBase().purchase_fit
        lonely = clm.CustomerBase(
            orders={"customer_id": [1], "at": ["2025-01-01"], "amount": [5.0]}, through="2025-06-30"
        )
        with pytest.raises(NotFittedError, match="BG/NBD cannot be fitted"):
            _ = lonely.purchase_fit
        with pytest.raises(NotFittedError, match="Gamma-Gamma cannot be fitted"):
            _ = lonely.order_value_fit
        with pytest.raises(InvalidDataError, match="orders has no column"):
            _ = clm.CustomerBase(orders={"id": [1]}, through="2025-06-30").purchase_fit

    def test_a_weak_fit_warns_nobody_and_says_so_in_its_estimate(self, by_hand):
        alive = clm.metrics.measure("probability_alive", by_hand)
        assert np.isnan(alive.standard_error)
        assert by_hand.purchase_fit.parameters.undefined is not None

    def test_histories_without_orders(self):
        with pytest.raises(InvalidDataError, match="this base has no orders"):
            _ = clm.CustomerBase().rfm
        before = clm.CustomerBase(orders=ORDERS, through="2024-12-31")
        with pytest.raises(InvalidDataError, match="there is no order through 2024-12-31"):
            _ = before.rfm

    def test_orders_that_refunds_took_back(self):
        base = clm.CustomerBase(
            orders={"customer_id": [1, 1], "at": ["2025-01-01"] * 2, "amount": [10.0, -12.0]}, through="2025-06-30"
        )
        assert "no order" in clm.metrics.measure("revenue", base).undefined

    def test_dropped_rows_are_counted(self):
        base = clm.CustomerBase(
            orders={
                "customer_id": ["a", None, " ", "a"],
                "at": ["2025-01-01", "2025-01-02", "2025-01-02", "2026-01-01"],
            },
            touchpoints={
                "customer_id": ["a", "a", None],
                "at": [None, "2025-01-02", "2025-01-03"],
                "kind": ["visit", None, "visit"],
            },
            answers={"at": ["2025-01-01", None], "kind": ["nps", "nps"], "score": [9, 9]},
            through="2025-06-30",
        )
        assert base.dropped == {
            "orders": {"null ids": 1, "blank ids": 1, "after through": 1},
            "touchpoints": {"null ids": 1, "null times": 1, "null kinds": 1},
            "answers": {"null times": 1},
        }


class TestConsistency:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_every_engine_gives_the_same_card(self, engine, expected):
        tables = {name: as_frame(columns, engine) for name, columns in FOUR.items()}
        card = clm.scorecard(clm.CustomerBase(**tables, through="2025-06-30"))
        np.testing.assert_equal({row.name: row.value for row in card}, expected)

    def test_engines_may_differ_by_table(self, expected):
        tables = {
            name: as_frame(columns, engine) for (name, columns), engine in zip(FOUR.items(), ENGINES, strict=False)
        }
        card = clm.scorecard(clm.CustomerBase(**tables, through="2025-06-30"))
        np.testing.assert_equal({row.name: row.value for row in card}, expected)

    def test_sources_name_columns(self, expected):
        orders = {"who": ORDERS["customer_id"], "day": ORDERS["at"], "value": ORDERS["amount"]}
        answers = {"when": ANSWERS["at"], "survey": ANSWERS["kind"], "points": ANSWERS["score"]}
        base = clm.CustomerBase(
            **FOUR | {
                "orders": clm.Source(orders, customer="who", at="day", amount="value"),
                "answers": clm.Source(answers, at="when", kind="survey", score="points"),
            },
            through="2025-06-30",
        )  # fmt: skip
        np.testing.assert_equal({row.name: row.value for row in clm.scorecard(base)}, expected)

    def test_row_order_does_not_matter(self, expected):
        tables = {name: shuffled(columns) for name, columns in FOUR.items()}
        card = clm.scorecard(clm.CustomerBase(**tables, through="2025-06-30"))
        for row in card:
            np.testing.assert_allclose(row.value, expected[row.name], rtol=1e-12)

    def test_columns_are_read_only_and_named_as_usual(self, by_hand):
        orders = by_hand.columns("orders")
        assert list(orders) == ["customer_id", "at", "amount"]
        assert orders["at"].dtype == "M8[us]"
        with pytest.raises(ValueError, match="read-only"):
            orders["amount"][0] = 0

    def test_equality_and_pickle(self, by_hand):
        _ = by_hand.stage_log
        assert by_hand == clm.CustomerBase(**FOUR, through="2025-06-30")
        assert by_hand != by_hand.between("2025-03-01")
        copy = pickle.loads(pickle.dumps(by_hand))
        assert copy == by_hand
        assert clm.metrics.measure("nps", copy) == clm.metrics.measure("nps", by_hand)

    def test_immutable(self, by_hand):
        with pytest.raises(AttributeError):
            by_hand.through = "2025-12-31"
        given = dict(ORDERS)
        base = clm.CustomerBase(orders=given)
        given["amount"] = np.zeros(7)
        assert clm.metrics.measure("revenue", base).value == 145
