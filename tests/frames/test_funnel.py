"""From event logs to funnels, on every engine."""

# ruff: noqa: DTZ001  # wall times are what is tested

import json
import pickle
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.frames.engines import LAZY
from tests.journeys import funnel_reference as reference
from tests.strategies import event_logs

import clm

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[1] / "references" / "retention_cases.json").read_text("utf-8"))[
        "cases"
    ]
}


def events(rows):
    """Columns of rows (id, time, kind)."""
    return dict(zip(("customer_id", "at", "kind"), map(list, zip(*rows, strict=True)), strict=True))


def minutes(**trails):
    """Events a minute apart, from a customer's kinds by letter."""
    begin = datetime(2025, 1, 1)
    return events(
        [(who, begin + timedelta(minutes=i), kind) for who, kinds in trails.items() for i, kind in enumerate(kinds)]
    )


SHOP = events(
    [
        ("ann", date(2025, 1, 1), "signed_up"),
        ("ann", date(2025, 1, 2), "visit"),
        ("ann", date(2025, 1, 3), "order"),
        ("bob", date(2025, 1, 5), "signed_up"),
        ("bob", date(2025, 1, 20), "order"),  # a day too late
        ("cem", date(2025, 1, 28), "signed_up"),  # still open
        ("dan", date(2025, 1, 28), "signed_up"),
        ("dan", date(2025, 1, 29), "order"),  # quick, and still open
        ("eve", date(2025, 1, 3), "order"),  # never signed up
    ]
)
STEPS = ["signed_up", "order"]


class TestInputs:
    @pytest.mark.parametrize(
        ("steps", "message"),
        [
            ([], "at least two steps, not 0"),
            (["signed_up"], "at least two steps, not 1"),
            ("signed_up", "must be a list of kinds in their order, not 'signed_up'"),
            ({"signed_up", "order"}, "must be a list of kinds in their order"),
            ({"signed_up": 1, "order": 2}, "must be a list of kinds in their order"),
            (None, "must be a list of kinds in their order, not None"),
            (["signed_up", 3], "steps hold 3, which is no text"),
            (["signed_up", None], "steps hold None, which is no text"),
            (["sign_up", "ordr"], r"none of the steps 'sign_up', 'ordr'\. There are the kinds 'order', 'signed_up',"),
        ],
    )
    def test_steps_that_are_none(self, frame, steps, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.funnel(frame(SHOP), steps)

    def test_a_hint_names_the_kind_that_was_meant(self):
        with pytest.raises(clm.InvalidDataError, match="Did you mean 'signed_up'"):
            clm.funnel(SHOP, ["signup", "purchase"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"rule": "strictly"}, "rule 'strictly' is not one of ordered, strict, unordered. Did you mean 'strict'"),
            ({"rule": None}, "rule None is not one of"),
            ({"rule": ["ordered"]}, "is not one of ordered, strict, unordered"),
            ({"window": "0d"}, "must be positive"),
            ({"window": timedelta(days=-1)}, "must be positive"),
            ({"window": "1 month"}, "months and years have no fixed length"),
            ({"window": "-3d"}, "is no duration"),
            ({"window": 14}, "is no duration"),
            ({"start": "2025-02-01", "through": "2025-01-01"}, "lies after through"),
            ({"through": "2024-12-31"}, "no row of events can be used: of 9 rows, 9 for after through"),
            ({"start": "2026-01-01"}, "no row of events can be used: of 9 rows, 9 for before start"),
            ({"customer": "id"}, "no column 'id'"),
            ({"order": "row"}, "no column 'row'"),
            ({"tz": "Mars"}, "time zone 'Mars' is unknown"),
        ],
    )
    def test_options_that_are_none(self, frame, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.funnel(frame(SHOP), STEPS, **options)

    def test_there_has_to_be_a_row(self):
        with pytest.raises(clm.InvalidDataError, match="there are no rows in events"):
            clm.funnel({"customer_id": [], "at": [], "kind": []}, STEPS)

    def test_times_with_and_without_a_zone_do_not_mix(self):
        log = {"customer_id": [1, 1], "at": ["2025-01-01", "2025-01-02T00:00Z"], "kind": STEPS}
        with pytest.raises(clm.InvalidDataError, match="mixes times with and without a zone"):
            clm.funnel(log, STEPS)

    def test_missing_ids_times_and_kinds_are_counted(self, frame):
        log = events(
            [
                ("ann", date(2025, 1, 1), "signed_up"),
                (None, date(2025, 1, 2), "order"),
                ("ann", None, "order"),
                ("ann", date(2025, 1, 2), None),
                ("ann", date(2025, 3, 1), "order"),
                ("ann", date(2024, 3, 1), "signed_up"),
            ]
        )
        funnel = clm.funnel(frame(log), STEPS, start="2025-01-01", through="2025-01-31")
        assert funnel.dropped == {
            "null ids": 1,
            "null times": 1,
            "before start": 1,
            "after through": 1,
            "null kinds": 1,
        }
        assert funnel.counts.tolist() == [1, 0]

    def test_a_step_that_never_occurs_is_named(self, frame):
        funnel = clm.funnel(frame(SHOP), ["signed_up", "ordr", "order"], window="14d", through="2025-01-31")
        assert funnel.counts.tolist() == [4, 0, 0]
        assert funnel.caveats[0] == "There is no event of kind 'ordr': check the spelling."
        assert funnel.conversion.caveats == funnel.caveats
        assert funnel.step_conversion.undefined[2] == "nobody took the step before"

    def test_nobody_enters_where_the_first_step_never_occurs(self, frame):
        funnel = clm.funnel(frame(SHOP), ["sign_up", "order"], window="14d")
        assert funnel.counts.tolist() == [0, 0]
        assert np.isnan(funnel.conversion.value).all()
        assert funnel.conversion.undefined.tolist() == ["nobody entered the funnel"] * 2
        assert [len(seconds) for seconds in funnel.times] == [0]
        with pytest.raises(clm.InvalidDataError, match="nobody entered"):
            funnel.time_to("order")

    def test_ids_of_any_kind(self, typed_frame):
        for ids in ([7, 9, 7], ["007", "9", "007"], [2**40, 5, 2**40]):
            log = {"customer_id": ids, "at": [datetime(2025, 1, day) for day in (1, 2, 3)], "kind": ["a", "a", "b"]}
            funnel = clm.funnel(typed_frame(log), ["a", "b"])
            assert funnel.counts.tolist() == [2, 1]
            assert funnel.customer.tolist() == sorted(set(ids))

    def test_columns_named_in_a_source(self, frame):
        names = {"customer_id": "who", "at": "when", "kind": "what"}
        log = frame({names[name]: column for name, column in SHOP.items()})
        source = clm.Source(log, customer="who", at="when", kind="what")
        assert clm.funnel(source, STEPS) == clm.funnel(SHOP, STEPS)


class TestWindows:
    def test_open_windows_are_no_failures(self, frame):
        funnel = clm.funnel(frame(SHOP), STEPS, window="14d", through="2025-01-31")
        assert funnel.counts.tolist() == [4, 2]
        assert funnel.open_windows == 2
        # ann and bob; dan was quick, but counting him and not cem would raise the rate.
        assert funnel.conversion.value.tolist() == [1.0, 0.5]
        assert funnel.conversion.n.tolist() == [2, 2]
        low, high = funnel.conversion.confidence_interval()
        # Wilson, one of two: (1/2 + z2/4 -+ z sqrt(1/8 + z2/16)) / (1 + z2/2) with z2 = 3.8415.
        assert (low[1], high[1]) == pytest.approx((0.0945312, 0.9054688), abs=1e-6)
        assert any("2 of the entrants have no attempt whose window has closed" in caveat for caveat in funnel.caveats)

    def test_the_window_closes_at_its_end(self, frame):
        log = events([("ann", datetime(2025, 1, 1, 12), "signed_up"), ("bob", datetime(2025, 1, 1), "order")])
        for through, open_windows in ((datetime(2025, 1, 2, 12), 0), (datetime(2025, 1, 2, 11, 59, 59), 1)):
            assert clm.funnel(frame(log), STEPS, window="24h", through=through).open_windows == open_windows

    def test_its_end_is_included(self, frame):
        log = events(
            [
                ("ann", datetime(2025, 1, 1), "signed_up"),
                ("ann", datetime(2025, 1, 8), "order"),
                ("bob", datetime(2025, 1, 1), "signed_up"),
                ("bob", datetime(2025, 1, 8, 0, 0, 1), "order"),
            ]
        )
        for window in ("7d", "1w", "168h", timedelta(days=7)):
            for rule in ("ordered", "strict", "unordered"):
                assert clm.funnel(frame(log), STEPS, rule=rule, window=window).counts.tolist() == [2, 1]

    def test_it_runs_from_the_first_step(self):
        log = events([("a", date(2025, 1, day), kind) for day, kind in ((1, "x"), (6, "y"), (11, "z"))])
        assert clm.funnel(log, ["x", "y", "z"], window="9d").counts.tolist() == [1, 1, 0]
        assert clm.funnel(log, ["x", "y", "z"], window="10d").counts.tolist() == [1, 1, 1]

    def test_a_later_attempt_may_get_further(self, frame):
        log = events(
            [(1, date(2025, 1, day), kind) for day, kind in ((1, "signed_up"), (10, "signed_up"), (12, "order"))]
        )
        funnel = clm.funnel(frame(log), STEPS, window="7d", through="2025-03-01")
        assert funnel.counts.tolist() == [1, 1]
        assert funnel.entered_at.tolist() == [datetime(2025, 1, 10)]
        assert funnel.times[0].tolist() == [2 * 86_400]

    def test_rates_wait_for_the_attempt_that_converted(self):
        # The window of the first of January is closed, that of the tenth is open.
        log = events(
            [(1, date(2025, 1, day), kind) for day, kind in ((1, "signed_up"), (10, "signed_up"), (12, "order"))]
        )
        funnel = clm.funnel(log, STEPS, window="7d", through="2025-01-12")
        assert funnel.counts.tolist() == [1, 1]
        assert (funnel.conversion.value.tolist(), funnel.open_windows) == ([1.0, 0.0], 0)
        assert any("1 of the entrants got further in an attempt" in caveat for caveat in funnel.caveats)

    def test_without_one_everybody_counts(self, frame):
        funnel = clm.funnel(frame(SHOP), STEPS, through="2025-01-31")
        assert funnel.counts.tolist() == [4, 3]
        assert funnel.conversion.value[1] == 0.75
        assert funnel.open_windows == 0
        assert any("no window" in caveat for caveat in funnel.caveats)

    def test_start_begins_attempts_anew(self, frame):
        funnel = clm.funnel(frame(SHOP), STEPS, start="2025-01-02", through="2025-01-31")
        assert funnel.customer.tolist() == ["bob", "cem", "dan"]
        assert funnel.dropped == {"before start": 1}

    def test_through_is_that_of_all_rows_not_of_the_steps(self, frame):
        log = events([*zip(*SHOP.values(), strict=True), ("zoe", date(2025, 6, 1), "visit")])
        assert clm.funnel(frame(log), STEPS, window="14d").open_windows == 0

    def test_days_end_in_the_zone(self, typed_frame):
        pa = pytest.importorskip("pyarrow")
        # 23:30 UTC on the 31st is the first of February in Berlin.
        at = pa.array([datetime(2025, 1, 1), datetime(2025, 1, 31, 23, 30)], pa.timestamp("us", "UTC"))
        log = {"customer_id": [1, 1], "at": at, "kind": STEPS}
        for tz, counts in (("UTC", [1, 1]), ("Europe/Berlin", [1, 0])):
            assert clm.funnel(typed_frame(log), STEPS, through="2025-01-31", tz=tz).counts.tolist() == counts


class TestRules:
    @pytest.mark.parametrize(
        ("trail", "ordered", "strict", "unordered"),
        [
            ("ABC", 3, 3, 3),
            ("AXBC", 3, 1, 3),
            ("ABXC", 3, 2, 3),
            ("AABBC", 3, 3, 3),  # repeats of steps already taken
            ("ABAC", 3, 3, 3),
            ("ACBC", 3, 1, 3),  # C is not taken yet
            ("CBA", 1, 1, 3),
            ("XB", 0, 0, 1),
            ("AC", 1, 1, 2),
            ("AXABC", 3, 3, 3),  # another attempt
        ],
    )
    def test_what_may_come_between(self, frame, trail, ordered, strict, unordered):
        log = frame(minutes(u=trail, other="ABC"))
        for rule, taken in (("ordered", ordered), ("strict", strict), ("unordered", unordered)):
            funnel = clm.funnel(log, ["A", "B", "C"], rule=rule)
            assert (funnel.counts - 1).tolist() == [int(taken > step) for step in range(3)]

    def test_a_repeated_step_takes_events_of_its_own(self, frame):
        log = frame(minutes(once="AB", twice="ABAB", apart="AXAB"))
        steps = ["A", "A", "B"]
        assert clm.funnel(log, steps).counts.tolist() == [3, 2, 2]
        assert clm.funnel(log, steps, rule="unordered").counts.tolist() == [3, 3, 2]
        assert clm.funnel(log, steps, rule="strict").counts.tolist() == [3, 0, 0]
        assert clm.funnel(log, steps).times[0].tolist() == [120.0, 120.0]

    def test_equal_instants_count_as_ordered(self, frame):
        log = events([("u", datetime(2025, 1, 1), kind) for kind in ("visit", "basket", "order")])
        funnel = clm.funnel(frame(log), ["visit", "basket", "order"])
        assert funnel.counts.tolist() == [1, 1, 1]
        assert [seconds.tolist() for seconds in funnel.times] == [[0.0], [0.0]]
        assert funnel.ties == 2

    def test_rows_order_equal_instants_unless_a_column_does(self, frame):
        log = events([("u", datetime(2025, 1, 1), kind) for kind in ("order", "visit")]) | {"turn": [2, 1]}
        assert clm.funnel(log, ["visit", "order"]).counts.tolist() == [1, 0]
        funnel = clm.funnel(frame(log), ["visit", "order"], order="turn")
        assert funnel.counts.tolist() == [1, 1]
        back = clm.funnel(frame(log | {"turn": [1, 2]}), ["visit", "order"], order="turn")
        assert back.counts.tolist() == [1, 0]

    @pytest.mark.parametrize("make", LAZY.values(), ids=LAZY)
    def test_steps_order_equal_instants_where_rows_do_not(self, make, tmp_path):
        log = events([("u", datetime(2025, 1, 1), kind) for kind in ("order", "visit", "other")])
        assert clm.funnel(make(log, tmp_path), ["visit", "order"], rule="strict").counts.tolist() == [1, 1]

    def test_the_column_that_orders_is_complete(self, frame):
        log = SHOP | {"turn": [None, *range(8)]}
        with pytest.raises(clm.InvalidDataError, match="'turn' for order= is missing in 1 of 9 rows, first at row 0"):
            clm.funnel(frame(log), STEPS, order="turn")

    def test_repeated_rows_are_counted_where_they_matter(self, frame):
        log = events([("u", datetime(2025, 1, 1), "order")] * 2)
        funnel = clm.funnel(frame(log), ["order", "order"])
        assert funnel.counts.tolist() == [1, 1]
        assert any("1 rows repeat" in caveat for caveat in funnel.caveats)


class TestResult:
    funnel = clm.funnel(SHOP, STEPS, window="14d", through="2025-01-31")

    def test_it_survives_a_pickle(self):
        again = pickle.loads(pickle.dumps(self.funnel))
        assert again == self.funnel
        assert again != clm.funnel(SHOP, STEPS, window="13d", through="2025-01-31")
        for array in (again.counts, again.customer, again.times[0]):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = array[0]

    def test_it_goes_to_any_frame(self):
        for library in ("pandas", "polars", "pyarrow"):
            assert clm.to_frame(self.funnel, library).shape == (2, 9)

    def test_it_says_what_it_counts(self):
        assert repr(self.funnel) == "<Funnel: signed_up 4 -> order 2; 2 windows open>"
        assert self.funnel.definition.startswith(
            "Customers who took 'signed_up', 'order' in this order, whatever came between, within 14d of the first"
        )
        assert "through 2025-01-31" in self.funnel.definition

    def test_steps_in_any_order_have_no_name(self):
        funnel = clm.funnel(SHOP, STEPS, rule="unordered")
        assert funnel.conversion.index.tolist() == ["1 of 2", "2 of 2"]
        with pytest.raises(clm.InvalidDataError, match="'order' has no place of its own"):
            funnel.time_to("order")
        assert funnel.time_to(2).n == 5

    @pytest.mark.parametrize(
        ("step", "message"),
        [
            ("ordr", "'ordr' is not one of the steps 'signed_up', 'order'. Did you mean 'order'"),
            ("signed_up", "steps 2 to 2"),
            (1, "steps 2 to 2"),
            (3, "steps 2 to 2"),
            (True, "is not one of the steps"),
            (2.0, "is not one of the steps"),
        ],
    )
    def test_times_to_what_is_no_step(self, step, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            self.funnel.time_to(step)

    def test_times_to_a_step_that_occurs_twice_need_its_number(self):
        funnel = clm.funnel(minutes(u="AAA"), ["A", "A", "A"])
        with pytest.raises(clm.InvalidDataError, match="'A' is more than one step"):
            funnel.time_to("A")
        assert funnel.time_to(3, unit="hour").times.tolist() == [2 / 60]

    def test_times_to_a_step_censor_open_windows(self):
        # ann converts after 2 days, dan after 1; bob is followed for his 14 days, cem for 4.
        curve = self.funnel.time_to("order")
        assert curve.times.tolist() == [1.0, 2.0]
        assert curve.at_risk.tolist() == [4, 3]
        assert curve.risk_ages.tolist() == [1.0, 2.0, 4.0, 14.0]
        assert curve.last_age == 14.0

    def test_once_all_windows_are_closed_the_curve_ends_at_the_rate(self):
        funnel = clm.funnel(SHOP, STEPS, window="14d", through="2025-12-31")
        assert 1 - float(funnel.time_to("order").at(14)) == pytest.approx(funnel.conversion.value[1])


class TestByGroup:
    LOG = SHOP | {"channel": ["ads"] * 3 + ["mail"] * 3 + ["ads"] * 3}

    @pytest.mark.parametrize("make", [lambda log, _: log, *LAZY.values()], ids=["mapping", *LAZY])
    def test_by_channel(self, make, tmp_path):
        grouped = clm.by(
            make(self.LOG, tmp_path), "channel", clm.funnel, steps=STEPS, window="14d", through="2025-01-31"
        )
        assert {channel: funnel.counts.tolist() for channel, funnel in grouped.items()} == {
            "ads": [2, 2],
            "mail": [2, 0],
        }
        assert clm.to_frame(grouped, "polars").shape == (4, 10)

    def test_steps_may_follow_by_position(self):
        assert clm.by(self.LOG, "channel", clm.funnel, STEPS)["ads"].counts.tolist() == [2, 2]

    def test_small_groups_can_be_hidden(self):
        assert clm.by(self.LOG, "channel", clm.funnel, steps=STEPS, min_n=3)["mail"].undefined


class TestPublishedNumbers:
    """What other projects' own tests or documentation expect; tests/references says whose and under which licence."""

    @pytest.mark.parametrize("name", [name for name in CASES if CASES[name]["metric"] == "funnel"])
    def test_funnels(self, frame, name):
        case = CASES[name]
        query, expected = case["query"], case["expected"]
        window = query["window_seconds"] and timedelta(seconds=query["window_seconds"])
        rows = [(who, datetime.fromisoformat(at), kind) for who, kind, at in case["events"]]
        funnel = clm.funnel(
            frame(events(rows)), query["steps"], rule=query["order"], window=window, through="2022-01-01"
        )
        assert funnel.counts.tolist() == expected["counts"]
        for step in (2, 3):
            if f"users_step{step}" in expected:
                assert funnel.customer[funnel.furthest >= step].tolist() == expected[f"users_step{step}"]
        for figure, summary in (("avg_seconds", np.mean), ("median_seconds", np.median)):
            if figure in expected:
                assert [None, *map(summary, funnel.times)] == expected[figure]
        if "step_conversion_rate" in expected:
            # Its first rate, and all rates of all paths, are shares of everybody in the log.
            everybody = len({who for who, _, _ in rows})
            assert (funnel.counts / everybody).tolist() == expected["conversion_rate_of_all_paths"]
            assert funnel.step_conversion.value[1:].tolist() == expected["step_conversion_rate"][1:]

    @pytest.mark.parametrize("name", [name for name in CASES if CASES[name]["metric"] == "funnel_level"])
    def test_levels(self, frame, name):
        case = CASES[name]
        window = timedelta(seconds=case["query"]["window_seconds"])
        log = frame(events([(who, datetime.fromisoformat(at), kind) for who, kind, at in case["events"]]))
        for rule, level in (("ordered", "ordered"), ("strict", "strict_order")):
            funnel = clm.funnel(log, case["query"]["steps"], rule=rule, window=window)
            assert funnel.furthest.tolist() == [case["expected"][level]]

    def test_incomplete_tries_do_not_count(self, frame):
        # PostHog (MIT), conversion_time_cases.py at 19b05ffa, test_funnel_with_multiple_incomplete_tries.
        hours = [(1, 1, "A"), (1, 2, "B"), (1, 3, "C"), (3, 4, "A"), (3, 5, "B"), (4, 7, "A"), (4, 10, "B")]
        log = events([("person1", datetime(2021, 5, day, hour), kind) for day, hour, kind in hours])
        for rule in ("ordered", "strict", "unordered"):
            funnel = clm.funnel(frame(log), ["A", "B", "C"], rule=rule, window="1d")
            assert funnel.counts.tolist() == [1, 1, 1]
            assert funnel.times[0].tolist() == [3600.0]

    def test_any_order(self, frame):
        # PostHog (MIT), test_funnel_unordered.py at 047c6377, test_basic_unordered_funnel; S signed up, P page view,
        # I insight viewed, X anything else.
        trails = ("S", "PS", "SPXI", "IPS", "PSXI", "XI", "PX", "IP")
        log = minutes(**{f"person{number}": trail for number, trail in enumerate(trails, 1)})
        funnel = clm.funnel(frame(log), ["S", "P", "I"], rule="unordered", window="14d")
        assert funnel.counts.tolist() == [8, 5, 3]
        names = [[f"person{number}" for number in some] for some in ((2, 3, 4, 5, 8), (3, 4, 5))]
        assert [funnel.customer[funnel.furthest >= taken].tolist() for taken in (2, 3)] == names


asked = st.fixed_dictionaries(
    {
        "steps": st.lists(st.sampled_from(["signed_up", "order", "visit"]), min_size=2, max_size=4).map(
            lambda steps: ["signed_up", *steps[1:]]
        ),
        "rule": st.sampled_from(["ordered", "strict", "unordered"]),
        "window": st.none() | st.sampled_from([timedelta(hours=1), timedelta(days=3), timedelta(days=30)]),
    }
)
EPOCH = datetime(1970, 1, 1)


def check(rows, options, make):
    through = datetime(2024, 5, 1)
    funnel = clm.funnel(make(events(rows)), **options, through=through)
    known = [(who, (at - EPOCH) // timedelta(microseconds=1), kind) for who, at, kind in rows if kind and at <= through]
    window = options["window"] and options["window"] // timedelta(microseconds=1)
    expected = reference.funnel(
        known, options["steps"], options["rule"], window, (through - EPOCH) // timedelta(microseconds=1)
    )
    assert funnel.counts.tolist() == expected["counts"]
    chosen = expected["best"]
    assert funnel.customer.tolist() == list(chosen)
    assert funnel.entered_at.astype(np.int64).tolist() == [taken[0] for taken in chosen.values()]
    for step, seconds in enumerate(funnel.times, 1):
        times = [(taken[step] - taken[step - 1]) / 1e6 for taken in chosen.values() if len(taken) > step]
        assert seconds.tolist() == times
    closed = expected["closed"]
    np.testing.assert_array_equal(funnel.conversion.n, closed[0])
    np.testing.assert_allclose(funnel.conversion.value, np.array(closed) / (closed[0] or np.nan))


class TestConsistency:
    @given(event_logs(), asked)
    def test_as_the_walk_event_by_event(self, rows, options):
        check(rows, options, lambda columns: columns)

    @pytest.mark.parametrize("make", LAZY.values(), ids=LAZY)
    def test_lazy_frames_without_ties_give_the_same(self, make, tmp_path):
        @settings(max_examples=15)
        @given(event_logs(max_size=15), asked)
        def same(rows, options):
            apart = [(who, at + timedelta(seconds=i), kind) for i, (who, at, kind) in enumerate(rows)]
            lazy = clm.funnel(make(events(apart), tmp_path), **options)
            assert lazy == clm.funnel(events(apart), **options)

        same()

    @given(event_logs(), asked, st.randoms(use_true_random=False))
    def test_the_order_of_rows_decides_ties_alone(self, rows, options, random):
        apart = [(who, at + timedelta(microseconds=i), kind) for i, (who, at, kind) in enumerate(rows)]
        shuffled = random.sample(apart, len(apart))
        assert clm.funnel(events(shuffled), **options) == clm.funnel(events(apart), **options)
