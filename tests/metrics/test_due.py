from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.metrics import due_by_hand as by_hand

import clm
from clm.errors import InvalidDataError
from clm.metrics import DateOf, Event, Rule, Silence, StageEntered, rules

START = datetime(2025, 3, 1, tzinfo=UTC)
HALF_DAY = timedelta(hours=12)
SHOP = clm.lifecycles.five_stage(at_risk="5d", lapsed="9d")
WHO = ["ann", "bob", "cem", "dan"]
# Every kind of trigger, goal and exit, with lengths on the grid of the events, so that edges are met.
RULES = [
    Rule("second", trigger=Event("order", when=clm.when.count("order") == 1), delay="2d", expires="5d", goal="order"),
    Rule(
        "cart", trigger="cart", delay="12h", expires="3d", goal="order", exit="left", reentry="always", channel="email"
    ),
    Rule("quiet_buyer", trigger=Silence("order"), delay="4d", reentry="3d", channel="push", holdout=0.3),
    Rule("lapsed", trigger=StageEntered("lapsed"), goal="order", exit="cart", reentry="always", consent="agreed"),
    Rule("slow", trigger=Silence(stage="conversion"), delay="1d", expires="4d", channel="email", reentry="never"),
    Rule("trial", trigger=DateOf("trial_end", before="3d"), goal="order", channel="email"),
    Rule("bonus", trigger=DateOf("trial_end", before="2d", since="4d"), goal=Event("cart"), expires="1d", holdout=0.5),
    Rule("wishes", trigger=DateOf("born", yearly=True), expires="3d", reentry="always", exit="left"),
    Rule("unhappy", trigger=Event("nps", when=clm.when.score <= 6), goal=Event("nps", when=clm.when.score > 6)),
    Rule("rich", trigger=Event("order", when=(clm.when.total("order") >= 30) & (clm.when.amount > 5)), reentry="2d"),
]
instants = st.integers(0, 60).map(lambda step: START + step * HALF_DAY)
names = st.sampled_from(WHO)


def rows(fields, **columns):
    return st.lists(st.fixed_dictionaries({"customer_id": names, "at": instants, **columns}), max_size=fields)


tables = st.fixed_dictionaries(
    {
        "touchpoints": rows(10, kind=st.sampled_from(["cart", "visit", "left"])),
        "orders": rows(8, amount=st.sampled_from([4.0, 10.0, 15.0, 20.0])),
        "answers": rows(5, kind=st.just("nps"), score=st.sampled_from([3.0, 6.0, 7.0, 10.0])),
    }
)
births = st.sampled_from([datetime(1990, 3, 8, tzinfo=UTC), datetime(1988, 2, 29, tzinfo=UTC), None])
roster = st.fixed_dictionaries(
    {
        "acquired_at": st.one_of(st.none(), instants),
        "trial_end": st.one_of(st.none(), instants),
        "born": st.one_of(births, instants),
        "agreed": st.booleans(),
    }
)
people = st.lists(roster, min_size=4, max_size=4).map(
    lambda found: [{"customer_id": name, **one} for name, one in zip(WHO, found, strict=True)]
)
messages = rows(
    8, rule=st.sampled_from([rule.name for rule in RULES]), channel=st.sampled_from(["email", "push", None])
)


def frame(listed, *names):
    return {name: np.array([row[name] for row in listed], dtype=object) for name in names}


def base_of(given_tables, given_people):
    """Make a base of rows; a row long ago keeps tables from being empty."""
    long_ago = {"customer_id": "zoe", "at": datetime(2001, 1, 1, tzinfo=UTC)}
    touchpoints = [{**long_ago, "kind": kind} for kind in ("cart", "left", "visit")] + given_tables["touchpoints"]
    orders = [{**long_ago, "amount": 1.0}, *given_tables["orders"]]
    answers = [{**long_ago, "kind": "nps", "score": 7.0}, *given_tables["answers"]]
    return clm.CustomerBase(
        touchpoints=frame(touchpoints, "customer_id", "at", "kind"),
        orders=frame(orders, "customer_id", "at", "amount"),
        answers=frame(answers, "customer_id", "at", "kind", "score"),
        customers=frame(given_people, "customer_id", "acquired_at", "trial_end", "born", "agreed"),
        lifecycle=SHOP,
    )


def told(found):
    """Return a list as the reference does, without the customer who is always there."""

    def moment(value):
        return None if np.isnat(value) else value.astype(datetime).replace(tzinfo=UTC)

    times = [found.triggered_at, found.due_at, found.expires_at, found.next_at]
    keys = zip(found.rule.tolist(), found.customer.tolist(), strict=True)
    values = zip(found.status.tolist(), *(map(moment, column) for column in times), strict=True)
    return {key: value for key, value in zip(keys, values, strict=True) if key[1] != "zoe"}


ORDERS = {
    "customer_id": ["ann", "bob", "bob", "cem"],
    "at": ["2025-05-01 10:00", "2025-05-02", "2025-05-20", "2025-05-28"],
    "amount": [10.0, 20.0, 30.0, 40.0],
}
CUSTOMERS = {
    "customer_id": ["ann", "bob", "cem", "dan"],
    "trial_end": ["2025-06-03", "2025-06-20", None, "2025-06-02 12:00"],
    "born": ["1988-02-29", "1990-06-01", "1991-12-31", None],
    "email_ok": [True, False, None, True],
    "agreed_at": ["2025-05-30", "2025-07-01", None, "2024-01-01"],
    "zone": ["Europe/Berlin", "America/New_York", None, "Asia/Kolkata"],
}
BASE = clm.CustomerBase(orders=ORDERS, customers=CUSTOMERS, through="2025-06-01")
SECOND = rules.second_purchase("14d", channel="email")


class TestInputs:
    def test_rules_must_be_rules_with_names_of_their_own(self):
        with pytest.raises(InvalidDataError, match=r"'second' is no rule\. Give clm\.metrics\.Rule"):
            clm.due("second", BASE)
        with pytest.raises(InvalidDataError, match="5 is no rule"):
            clm.due([SECOND, 5], BASE)
        with pytest.raises(InvalidDataError, match="there are no rules"):
            clm.due([], BASE)
        with pytest.raises(InvalidDataError, match="two rules are called 'second_purchase'"):
            clm.due([SECOND, rules.second_purchase("3d")], BASE)

    def test_a_generator_of_rules_will_do(self):
        assert len(clm.due((rule for rule in [SECOND]), BASE)) == 3

    def test_a_base_is_asked_for(self):
        with pytest.raises(InvalidDataError, match=r"base must be a clm.CustomerBase, not dict"):
            clm.due(SECOND, ORDERS)

    def test_unknown_kinds_are_named_with_those_there_are(self):
        rule = Rule("r", trigger="ordr", goal="order")
        with pytest.raises(InvalidDataError, match=r"'r' names the kind 'ordr'.*Known are .*visit.*mean 'order'"):
            clm.due(rule, BASE)
        with pytest.raises(InvalidDataError, match="names the kind 'cart_filled', which has not occurred through 2025"):
            clm.due(Rule("r", trigger="order", exit="cart_filled"), BASE)
        assert len(clm.due(Rule("r", trigger="cart_filled"), BASE, kinds="cart_filled")) == 0

    def test_a_kind_that_occurs_only_later_is_unknown_yet(self):
        base = clm.CustomerBase(
            touchpoints={"customer_id": [1, 1], "at": ["2025-01-01", "2025-03-01"], "kind": ["visit", "cart"]},
        )
        assert len(clm.due(Rule("r", trigger="cart"), base)) == 1
        with pytest.raises(InvalidDataError, match="'cart', which has not occurred through 2025-02-01"):
            clm.due(Rule("r", trigger="cart"), base, through="2025-02-01")

    def test_unknown_stages_are_named_with_those_there_are(self):
        for trigger in (StageEntered("lapse"), Silence(stage="lapse")):
            with pytest.raises(InvalidDataError, match=r"the stage 'lapse', .* has only reach, .* mean 'lapsed'"):
                clm.due(Rule("r", trigger=trigger, delay="1d"), BASE)

    def test_unknown_columns_are_named_with_those_there_are(self):
        with pytest.raises(InvalidDataError, match=r"rule 'trial_ending' asks for 'trial_ends': .*'trial_end'"):
            clm.due(rules.trial_ending("trial_ends"), BASE)
        with pytest.raises(InvalidDataError, match=r"rule 'second_purchase' asks for 'emailok'.* mean 'email_ok'"):
            clm.due(rules.second_purchase(consent="emailok"), BASE)
        with pytest.raises(InvalidDataError, match=r"customer_tz= asks for 'zonne'"):
            clm.due(SECOND, BASE, customer_tz="zonne")
        with pytest.raises(InvalidDataError, match=r"'birthday': this base has no customers: give CustomerBase\(cust"):
            clm.due(rules.birthday(), clm.CustomerBase(orders=ORDERS))

    def test_missing_tables_are_named(self):
        with pytest.raises(InvalidDataError, match="'detractor_follow_up' waits for 'nps': this base has no answers"):
            clm.due(rules.detractor_follow_up(), BASE)
        empty = clm.CustomerBase(customers=CUSTOMERS, through="2025-06-01")
        with pytest.raises(InvalidDataError, match=r"waits for order with .*: this base has no touchpoints"):
            clm.due(SECOND, empty)
        assert clm.due(rules.trial_ending(), empty).counts["due"] == 2

    def test_columns_of_the_wrong_kind(self):
        with pytest.raises(InvalidDataError, match=r"'email_ok' holds .*but dates or times are expected"):
            clm.due(rules.trial_ending("email_ok"), BASE)
        odd = evolve(BASE, customers={**CUSTOMERS, "email_ok": [1.0, 2.0, 0.0, 1.0]})
        with pytest.raises(InvalidDataError, match="'email_ok' of customers does not say who agreed"):
            clm.due(rules.second_purchase(consent="email_ok"), odd)
        with pytest.raises(InvalidDataError, match="time zone 'Berlin' is unknown"):
            clm.due(SECOND, evolve(BASE, customers={**CUSTOMERS, "zone": ["Berlin"] * 4}), customer_tz="zone")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"delay": "1 month"}, "delay='1 month': months and years have no fixed length"),
            ({"delay": "-3d"}, "delay='-3d' is no duration"),
            ({"expires": 14}, "expires=14 is no duration"),
            ({"expires": "0d"}, "expires=0:00:00 must be positive"),
            ({"reentry": "sometimes"}, "reentry='sometimes' is no duration.* Or say 'never' or 'always'"),
            ({"holdout": 10}, "holdout of rule 'r' must lie between 0 and 1, not 10"),
            ({"holdout": np.nan}, "holdout of rule 'r' must be one finite number"),
            ({"goal": 5}, "goal=5 must name kinds"),
            ({"exit": [""]}, "kind must be a name, not ''"),
            ({"channel": 7}, "channel must be a name, not 7"),
            ({"consent": " "}, "consent must be a name"),
            ({"trigger": 3}, "trigger=3 is none"),
            ({"trigger": Silence("order")}, "'r' waits for silence: say how long"),
            ({"trigger": DateOf("born", before="2d"), "delay": "1d"}, "'r' is due before 'born' and delayed as well"),
        ],
    )
    def test_rules_that_are_none(self, options, message):
        with pytest.raises(InvalidDataError, match=message):
            Rule("r", **{"trigger": "order", **options})

    def test_triggers_that_are_none(self):
        with pytest.raises(InvalidDataError, match="is no condition"):
            Event("nps", when=6)
        with pytest.raises(InvalidDataError, match="'timeout' is reserved"):
            Event("timeout")
        with pytest.raises(InvalidDataError, match="kinds is empty"):
            Silence([])
        with pytest.raises(InvalidDataError, match="yearly must be True or False"):
            DateOf("born", yearly="yes")
        with pytest.raises(InvalidDataError, match="before='3 moons' has an unknown unit"):
            DateOf("born", before="3 moons")

    @pytest.mark.parametrize(
        ("caps", "message"),
        [
            (2, "caps=2 is no mapping"),
            ({"1 month": 2}, "caps='1 month': months and years have no fixed length"),
            ({"7d": 1.5}, "the cap in 7d must be a whole number"),
            ({"7d": -1}, "the cap in 7d must be a whole number"),
            ({"emial": {"7d": 1}}, r"'emial', which no rule has\. They have email\. Did you mean 'email'"),
            ({"email": {"fortnight": 1}}, "caps='fortnight' is no duration"),
        ],
    )
    def test_caps_that_are_none(self, caps, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.due(SECOND, BASE, caps=caps)

    @pytest.mark.parametrize("hours", ["21:00", ("21:00",), ("21:00", "25:00"), ("9", "17:00"), (21, 8), ("8:00", 5)])
    def test_quiet_hours_that_are_none(self, hours):
        with pytest.raises(InvalidDataError, match="Give two times of the day"):
            clm.due(SECOND, BASE, quiet_hours=hours)

    def test_quiet_hours_that_never_end(self):
        with pytest.raises(InvalidDataError, match="start when they end"):
            clm.due(SECOND, BASE, quiet_hours=("08:00", "08:00"))

    def test_what_was_sent_must_say_whom_when_and_by_which_rule(self):
        with pytest.raises(InvalidDataError, match="sent has no column 'rule'"):
            clm.due(SECOND, BASE, sent={"customer_id": ["ann"], "at": ["2025-05-01"]})
        with pytest.raises(
            InvalidDataError, match=r"sent names customers by numbers, as 1, the other tables .* by text"
        ):
            clm.due(SECOND, BASE, sent={"customer_id": [1], "at": ["2025-05-01"], "rule": ["x"]})

    def test_messages_that_do_not_count_are_counted(self):
        sent = {
            "customer_id": ["ann", "ann", None, " ", "nobody", "ann"],
            "at": ["2025-06-02", None, "2025-05-01", "2025-05-01", "2025-05-01", "2025-06-01 23:00"],
            "rule": ["second_purchase"] * 6,
        }
        found = clm.due(SECOND, BASE, sent=sent)
        assert dict(found.dropped) == {
            "null ids": 1,
            "blank ids": 1,
            "null times": 1,
            "after through": 1,
            "customers who are not in the base": 1,
        }
        assert found.counts["blocked_reentry"] == 1

    def test_nothing_sent_yet_is_an_empty_table(self):
        nothing = {"customer_id": [], "at": [], "rule": [], "channel": []}
        assert clm.due(SECOND, BASE, sent=nothing) == clm.due(SECOND, BASE)

    def test_an_end_that_the_base_does_not_reach(self):
        with pytest.raises(InvalidDataError, match="is after 2025-06-01, up to which this base is complete"):
            clm.due(SECOND, BASE, through="2025-06-02")

    def test_statuses_and_rules_to_filter_by(self):
        found = clm.due(SECOND, BASE)
        with pytest.raises(InvalidDataError, match=r"status 'deu' is not one of due, .* mean 'due'"):
            found.filter("deu")
        with pytest.raises(InvalidDataError, match="rule 'x' is not one of second_purchase"):
            found.filter(rule=["x"])


class TestPublishedNumbers:
    """Worked by hand."""

    def test_a_second_purchase(self):
        found = clm.due(SECOND, BASE)
        assert found.customer.tolist() == WHO[:3]
        assert found.status.tolist() == ["due", "converted", "waiting"]
        assert found.reason.tolist() == [
            "due since 2025-05-15 10:00",
            "order on 2025-05-20 00:00",
            "due on 2025-06-11 00:00",
        ]
        assert found.expires_at.astype(str).tolist()[0] == "2025-07-14T10:00:00.000000"  # 60 days from 15 May
        assert found.counts == {**dict.fromkeys(clm.metrics.STATUSES, 0), "due": 1, "converted": 1, "waiting": 1}

    def test_a_trial_is_over_with_its_date(self):
        rule = rules.trial_ending(before="3d")
        # ann's ends on 3 June: due from 31 May through 3 June, both ends included; bob bought on 2 May.
        moments = ["2025-05-30 23:59:59.999999", "2025-05-31 00:00", "2025-06-03 00:00", "2025-06-03 00:00:00.000001"]
        base = evolve(BASE, through=None, orders={"customer_id": ["bob"], "at": ["2025-05-02"]})
        found = [clm.due(rule, base, through=moment).status.tolist() for moment in moments]
        assert [one[0] for one in found] == ["waiting", "due", "due", "expired"]
        assert {one[1] for one in found} == {"converted"}

    def test_birthdays_by_the_calendar_of_each(self):
        base = clm.CustomerBase(customers=CUSTOMERS)
        rule = rules.birthday("born")

        def asked(moment, **options):
            found = clm.due(rule, base, through=moment, **options)
            return dict(zip(found.customer.tolist(), found.status.tolist(), strict=True))

        # 29 February is 28 February in 2025, and itself in 2024.
        assert asked("2025-02-28 12:00") == {"ann": "due", "bob": "waiting", "cem": "waiting"}
        assert asked("2025-03-01 12:00")["ann"] == "waiting"
        assert asked("2024-02-28 12:00")["ann"] == "waiting"
        assert asked("2024-02-29 12:00")["ann"] == "due"
        # bob's day begins in New York at 04:00 UTC.
        assert asked("2025-06-01 03:00")["bob"] == "due"
        assert asked("2025-06-01 03:00", customer_tz="zone")["bob"] == "waiting"
        assert asked("2025-06-01 04:00", customer_tz="zone")["bob"] == "due"

    def test_who_is_born_has_no_birthday_before_a_year(self):
        base = clm.CustomerBase(customers={"customer_id": [1], "born": ["2025-03-05"]})
        found = clm.due(rules.birthday("born"), base, through="2025-03-05")
        assert found.status.tolist() == ["waiting"]
        assert found.due_at.astype("M8[D]").astype(str).tolist() == ["2026-03-05"]

    def test_a_birthday_begins_at_its_first_instant(self):
        base = clm.CustomerBase(
            customers={"customer_id": [1], "born": ["1990-03-08"]},
            touchpoints={"customer_id": [1], "at": ["2025-03-08"], "kind": ["left"]},
        )
        rule = rules.birthday("born", exit="left")
        assert clm.due(rules.birthday("born"), base, through="2025-03-08 00:00").status.tolist() == ["due"]
        assert clm.due(rule, base, through="2025-03-08 00:00").status.tolist() == ["exited"]
        assert clm.due(rules.birthday("born"), base, through="2025-03-07 23:59").status.tolist() == ["waiting"]
        anniversary = Rule("r", trigger=DateOf("born", yearly=True))
        for moment, day in (("2025-03-08 00:00", "2025-03-08"), ("2025-03-07 23:59", "2024-03-08")):
            assert str(clm.due(anniversary, base, through=moment).triggered_at[0])[:10] == day

    def test_what_happens_at_the_instant_of_a_timeout_comes_after_it(self):
        # A buyer lapses 180 days after his last order: on 30 June, at the very instant of the next one.
        base = clm.CustomerBase(orders={"customer_id": ["a", "a"], "at": ["2025-01-01", "2025-06-30"]})
        assert clm.due(rules.win_back(stage="lapsed"), base).status.tolist() == ["converted"]

    def test_quiet_hours_over_midnight_by_local_clocks(self):
        found = clm.due(
            Rule("r", trigger=DateOf("born")),
            evolve(BASE, customers={**CUSTOMERS, "born": ["2000-01-01"] * 4}),
            through="2025-06-01 20:00",
            quiet_hours=("21:00", "08:00"),
            customer_tz="zone",
        )
        # 20:00 UTC is 22:00 in Berlin, 16:00 in New York, 01:30 in Kolkata.
        assert found.status.tolist() == ["quiet", "due", "due", "quiet"]
        assert found.next_at.astype("M8[m]").astype(str).tolist() == [
            "2025-06-02T06:00",
            "NaT",
            "NaT",
            "2025-06-02T02:30",
        ]

    @pytest.mark.parametrize(
        ("moment", "hours", "until"),
        [
            # Clocks go from 02:00 to 03:00 on 30 March 2025, at 01:00 UTC.
            ("2025-03-29 23:00", ("21:00", "08:00"), "2025-03-30T06:00"),  # 08:00 is 06:00 UTC by then
            ("2025-03-30 00:30", ("01:00", "02:30"), "2025-03-30T01:00"),  # 02:30 is skipped: over at 03:00
            ("2025-03-30 00:30", ("01:00", "03:00"), "2025-03-30T01:00"),
            # Clocks go from 03:00 back to 02:00 on 26 October 2025, at 01:00 UTC.
            ("2025-10-25 23:30", ("21:00", "08:00"), "2025-10-26T07:00"),
            ("2025-10-26 00:10", ("02:00", "02:30"), "2025-10-26T00:30"),  # the first 02:10
            ("2025-10-26 01:10", ("02:00", "02:30"), "2025-10-26T01:30"),  # the second one
            ("2025-10-26 00:45", ("02:40", "03:00"), "2025-10-26T01:00"),  # 02:45, then 02:00 again: over
            ("2025-10-26 00:45", ("02:00", "02:50"), "2025-10-26T00:50"),
            ("2025-06-01 06:00", ("21:00", "08:00"), None),  # 08:00: the end is not quiet
            ("2025-06-01 19:00", ("21:00", "08:00"), "2025-06-02T06:00"),  # 21:00: the start is
            ("2025-06-01 10:00", ("09:00", "17:00"), "2025-06-01T15:00"),
        ],
    )
    def test_quiet_hours_when_clocks_change(self, moment, hours, until):
        base = clm.CustomerBase(orders={"customer_id": [1], "at": ["2025-01-01"]})
        found = clm.due(Rule("r", trigger="order"), base, through=f"{moment}Z", quiet_hours=hours, tz="Europe/Berlin")
        assert found.status.tolist() == ["due" if until is None else "quiet"]
        assert found.next_at.astype("M8[m]").astype(str).tolist() == [until or "NaT"]

    def test_caps_include_both_ends(self):
        first = Rule("first", trigger="order", reentry="always", channel="email")
        second = Rule("second", trigger="order", reentry="always", channel="push")
        base = clm.CustomerBase(orders={"customer_id": ["a"], "at": ["2025-01-01"]})
        noon = "2025-06-08 12:00"

        def asked(sent_at, caps):
            sent = {"customer_id": ["a"], "at": [sent_at], "rule": ["other"], "channel": ["email"]}
            found = clm.due([first, second], base, through=noon, sent=sent, caps=caps)
            return found.status.tolist(), found.next_at.astype(str).tolist()

        exactly, before = "2025-06-01 12:00", "2025-06-01 11:59:59.999999"
        assert asked(exactly, {"7d": 1}) == (["capped"] * 2, ["2025-06-08T12:00:00.000001"] * 2)
        assert asked(before, {"7d": 1}) == (["due", "capped"], ["NaT", "2025-06-15T12:00:00.000001"])
        assert asked(exactly, {"7d": 2})[0] == ["due", "capped"]
        assert asked(exactly, {"7d": 3})[0] == ["due", "due"]
        assert asked(exactly, {"email": {"7d": 1}})[0] == ["capped", "due"]
        assert asked(exactly, {"7d": 2, "email": {"7d": 1}})[0] == ["capped", "due"]
        assert asked(noon, {"day": 1}) == (["capped"] * 2, ["2025-06-09T00:00:00.000000"] * 2)
        assert asked("2025-06-07 23:59", {"day": 1})[0] == ["due", "capped"]
        assert asked("2025-06-07 23:59", {"week": 1}) == (["capped"] * 2, ["2025-06-09T00:00:00.000000"] * 2)
        assert asked(before, {"7d": 0}) == (["capped"] * 2, ["NaT"] * 2)
        assert asked(before, {timedelta(days=7): 1})[0] == ["due", "capped"]

    def test_a_cap_is_free_when_enough_messages_are_old(self):
        base = clm.CustomerBase(orders={"customer_id": ["a"], "at": ["2025-01-01"]})
        sent = {"customer_id": ["a"] * 3, "at": ["2025-06-03", "2025-06-02", "2025-06-04"], "rule": ["x"] * 3}
        for limit, day in ((1, "11"), (2, "10"), (3, "09")):
            found = clm.due(Rule("r", trigger="order"), base, through="2025-06-05 12:00", sent=sent, caps={"7d": limit})
            assert found.next_at.astype(str).tolist() == [f"2025-06-{day}T00:00:00.000001"]

    def test_calendar_caps_by_local_clocks(self):
        base = clm.CustomerBase(
            orders={"customer_id": ["b", "n"], "at": ["2025-01-01"] * 2},
            customers={"customer_id": ["b", "n"], "zone": ["Europe/Berlin", "America/New_York"]},
        )
        sent = {"customer_id": ["b", "n"], "at": ["2025-06-01 21:00"] * 2, "rule": ["x"] * 2}
        rule = Rule("r", trigger="order", reentry="always")
        # 23:00 and 00:30 in Berlin are two days, 17:00 and 18:30 in New York are one.
        found = clm.due(rule, base, through="2025-06-01 22:30", sent=sent, caps={"day": 1}, customer_tz="zone")
        assert found.status.tolist() == ["due", "capped"]
        assert found.next_at.astype(str).tolist() == ["NaT", "2025-06-02T04:00:00.000000"]

    def test_re_entry(self):
        base = clm.CustomerBase(orders={"customer_id": ["a", "a"], "at": ["2025-01-01", "2025-02-01"]})

        def asked(reentry, sent_at, moment="2025-03-01 00:00"):
            rule = Rule("r", trigger="order", delay="5d", reentry=reentry)
            found = clm.due(rule, base, through=moment, sent={"customer_id": ["a"], "at": [sent_at], "rule": ["r"]})
            return found.status.tolist()[0], found.reason.tolist()[0]

        assert asked("always", "2025-02-06") == ("blocked_reentry", "sent on 2025-02-06 00:00")
        assert asked("always", "2025-02-05")[0] == "due"  # for the first order: this one was not due yet
        assert asked("never", "2025-02-05") == (
            "blocked_reentry",
            "sent before, on 2025-02-05 00:00, and never again",
        )
        assert asked("24d", "2025-02-05")[0] == "due"
        assert asked("25d", "2025-02-05") == (
            "blocked_reentry",
            "sent before, on 2025-02-05 00:00, less than 25d ago",
        )

    def test_consent_by_truth_value_and_by_date(self):
        base = evolve(BASE, orders={"customer_id": WHO, "at": ["2025-05-01"] * 4})
        for column, agreed in (("email_ok", "ann dan"), ("agreed_at", "ann dan")):
            found = clm.due(Rule("r", trigger="order", consent=column), base)
            assert found.filter("due").customer.tolist() == agreed.split()
            assert found.filter("no_consent").reason.tolist() == [f"no consent in {column}"] * 2
        assert clm.due(Rule("r", trigger="order", consent="agreed_at"), base, through="2025-05-29").counts["due"] == 1

    def test_a_holdout_is_that_of_the_formula(self):
        base = clm.CustomerBase(orders={"customer_id": np.arange(2000), "at": np.full(2000, "2025-01-01")})
        found = clm.due(Rule("r", trigger="order", holdout=0.25), base, salt="spring")
        held = [
            int.from_bytes(blake2b(f"spring\0r\0{one}".encode(), digest_size=8).digest(), "big") < 2**62
            for one in range(2000)
        ]
        assert found.held_out.tolist() == held
        assert (found.status == "holdout").tolist() == held
        # 500 expected, with a standard deviation of 19.4.
        assert abs(sum(held) - 500) < 4 * 19.4
        text = evolve(base, orders={"customer_id": np.arange(2000).astype(str), "at": np.full(2000, "2025-01-01")})
        again = clm.due(Rule("r", trigger="order", holdout=0.25), text, salt="spring").filter("holdout")
        assert sorted(map(int, again.customer)) == found.filter("holdout").customer.tolist()
        for share, status in ((0.0, "due"), (1.0, "holdout")):
            assert clm.due(Rule("r", trigger="order", holdout=share), base).counts[status] == 2000

    def test_what_came_first_decides(self):
        touchpoints = {
            "customer_id": ["a", "a", "b", "b", "c", "c"],
            "at": ["2025-01-03", "2025-01-04", "2025-01-04", "2025-01-03", "2025-01-20", "2025-01-21"],
            "kind": ["left", "bought", "left", "bought", "bought", "left"],
        }
        base = clm.CustomerBase(
            touchpoints=touchpoints, orders={"customer_id": ["a", "b", "c"], "at": ["2025-01-01"] * 3}
        )
        rule = Rule("r", trigger="order", expires="9d", goal="bought", exit="left")
        found = clm.due(rule, base)
        assert found.status.tolist() == ["exited", "converted", "expired"]
        assert found.reason.tolist() == [
            "left on 2025-01-03 00:00",
            "bought on 2025-01-03 00:00",
            "expired on 2025-01-10 00:00",
        ]

    def test_leaving_the_stage_of_the_trigger(self):
        base = clm.CustomerBase(
            orders={"customer_id": ["a", "a", "b"], "at": ["2025-01-01", "2025-08-01", "2025-01-01"]},
            through="2025-08-31",
        )
        left = Rule("r", trigger=StageEntered("lapsed"), goal="nps")
        assert clm.due(left, base).reason.tolist() == ["left lapsed on 2025-08-01 00:00", "due since 2025-06-30 00:00"]
        won = rules.win_back(stage="lapsed")
        assert clm.due(won, base).status.tolist() == ["converted", "due"]

    def test_a_stage_of_several_parts(self):
        base = clm.CustomerBase(
            touchpoints={
                "customer_id": ["a", "a", "b"],
                "at": ["2025-01-01", "2025-01-05", "2025-01-02"],
                "kind": ["problem_content_viewed", "product_viewed", "product_viewed"],
            },
            lifecycle=clm.lifecycles.awareness(),
            through="2025-01-31",
        )
        aware = base.stage_log.rolled_up().visits
        found = clm.due(Rule("r", trigger=StageEntered("awareness"), delay="1d"), base)
        assert found.customer.tolist() == ["a", "b"]
        assert found.triggered_at.tolist() == aware["entered_at"][aware["stage"] == "awareness"].tolist()

    def test_a_condition_on_what_no_table_has(self):
        with pytest.raises(InvalidDataError, match=r"the condition score <= 6 looks at the score of what happened"):
            clm.due(Rule("r", trigger=Event("order", when=clm.when.score <= 6)), BASE)
        assert len(clm.due(Rule("r", trigger=Event("visit", when=clm.when.score <= 6)), BASE)) == 0


class TestConsistency:
    @settings(max_examples=60, deadline=None)
    @given(
        given_tables=tables,
        given_people=people,
        sent=messages,
        through=instants,
        caps=st.sampled_from([(), ((1, "3d", None),), ((2, "3d", None), (1, "2d", "email"))]),
        hours=st.sampled_from([None, None, ("21:00", "08:00"), ("09:00", "13:30")]),
        zone=st.sampled_from(["UTC", "Europe/Berlin"]),
    )
    def test_it_is_what_plain_python_says(self, given_tables, given_people, sent, through, caps, hours, zone):
        base = base_of(given_tables, given_people)
        asked: dict = {}
        for limit, within, channel in caps:
            asked.update({within: limit} if channel is None else {channel: {within: limit}})
        found = clm.due(
            RULES,
            base,
            through=through,
            sent=frame(sent, "customer_id", "at", "rule", "channel"),
            caps=asked or None,
            quiet_hours=hours,
            tz=zone,
            salt="s",
        )
        expected = by_hand.due(
            RULES,
            base,
            given_tables,
            given_people,
            through,
            sent=sent,
            caps=[(limit, timedelta(days=int(within[0])), channel) for limit, within, channel in caps],
            hours=hours,
            salt="s",
            zone=ZoneInfo(zone),
        )
        assert told(found) == expected

    @settings(max_examples=40, deadline=None)
    @given(given_tables=tables, more=tables, given_people=people, sent=messages, through=instants)
    def test_it_reads_nothing_later(self, given_tables, more, given_people, sent, through):
        later = {
            name: [*listed, *({**row, "at": through + (row["at"] - START) + by_hand.MICROSECOND} for row in more[name])]
            for name, listed in given_tables.items()
        }
        options = {"through": through, "caps": {"3d": 1}, "quiet_hours": ("21:00", "08:00")}
        known = [row for row in sent if row["at"] <= through]
        past = clm.due(
            RULES,
            base_of(given_tables, given_people),
            sent=frame(known, "customer_id", "at", "rule", "channel"),
            **options,
        )
        with_future = clm.due(
            RULES, base_of(later, given_people), sent=frame(sent, "customer_id", "at", "rule", "channel"), **options
        )
        assert with_future == past
        assert with_future.reason.tolist() == past.reason.tolist()

    @settings(max_examples=20, deadline=None)
    @given(given_tables=tables, given_people=people, through=instants, shuffled=st.randoms(use_true_random=False))
    def test_the_order_of_rows_does_not_matter(self, given_tables, given_people, through, shuffled):
        # At one instant it does: the last row of a customer is his latest. So instants are made to differ.
        distinct = {
            name: [{**row, "at": row["at"] + number * by_hand.MICROSECOND} for number, row in enumerate(listed)]
            for name, listed in given_tables.items()
        }
        mixed = {name: shuffled.sample(listed, len(listed)) for name, listed in distinct.items()}
        turned = shuffled.sample(given_people, len(given_people))
        options = {"through": through, "caps": {"3d": 1}}
        assert clm.due(RULES, base_of(mixed, turned), **options) == clm.due(
            RULES, base_of(distinct, given_people), **options
        )

    @settings(max_examples=20, deadline=None)
    @given(given_tables=tables, given_people=people, first=instants, later=instants)
    def test_a_second_run_sends_nothing_twice(self, given_tables, given_people, first, later):
        base = base_of(given_tables, given_people)
        first, later = min(first, later), max(first, later)
        before = clm.due(RULES, base, through=first)
        after = clm.due(RULES, base, through=later, sent=before.sent())
        acted = {
            (rule, who, due)
            for rule, who, due in zip(
                before.filter("due").rule, before.filter("due").customer, before.filter("due").due_at, strict=True
            )
        }
        again = after.filter("due")
        assert not acted & set(zip(again.rule, again.customer, again.due_at, strict=True))

    @settings(max_examples=20, deadline=None)
    @given(given_tables=tables, given_people=people, first=instants, later=instants)
    def test_what_is_over_stays_over(self, given_tables, given_people, first, later):
        base = base_of(given_tables, given_people)
        first, later = min(first, later), max(first, later)
        timed = [rule for rule in RULES if not isinstance(rule.trigger, DateOf)]
        before, after = told(clm.due(timed, base, through=first)), told(clm.due(timed, base, through=later))
        for key, (status, triggered, *_) in before.items():
            if status in {"converted", "exited", "expired"} and after[key][1] == triggered:
                assert after[key][0] == status

    def test_every_candidate_has_one_status(self, simulated):
        listed = [
            rules.second_purchase(holdout=0.1),
            rules.win_back("120d"),
            rules.survey_request(),
            rules.detractor_follow_up(),
        ]
        found = clm.due(listed, simulated, through="2024-10-01 12:00", caps={"7d": 1})
        assert sum(found.counts.values()) == len(found)
        assert {name: sum(counts.values()) for name, counts in found.counts_by_rule.items()} == {
            name: len(found.filter(rule=name)) for name in found.rules
        }
        assert len(set(zip(found.rule, found.customer, strict=True))) == len(found)
        # Nobody gets two messages within the cap's time.
        assert np.unique(found.filter("due").customer, return_counts=True)[1].max() == 1

    @pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "lazy", "duckdb"])
    def test_any_dataframe_in_any_dataframe_out(self, library):
        def given_as(columns):
            columns = {name: np.array(values, dtype=object) for name, values in columns.items()}
            made = clm.to_frame(columns, "polars" if library == "lazy" else library.replace("duckdb", "pyarrow"))
            if library == "duckdb":
                duckdb = pytest.importorskip("duckdb")
                return duckdb.from_arrow(made)
            return made.lazy() if library == "lazy" else made

        for needed in ("pandas", "polars", "pyarrow"):
            pytest.importorskip(needed)
        base = clm.CustomerBase(orders=given_as(ORDERS), customers=given_as(CUSTOMERS), through="2025-06-01")
        listed = [SECOND, rules.trial_ending(consent="email_ok", reentry="always"), rules.birthday("born")]
        sent = {"customer_id": ["ann"], "at": ["2025-05-28"], "rule": ["x"], "channel": ["email"]}
        options = {"caps": {"7d": 2, "email": {"7d": 1}}, "customer_tz": "zone"}
        found = clm.due(listed, base, sent=given_as(sent), **options)
        assert found == clm.due(listed, BASE, sent=sent, **options)
        if library in {"pandas", "polars", "pyarrow"}:
            out = clm.to_frame(found, library)
            assert list(out.columns if library != "pyarrow" else out.column_names) == list(found.to_columns())

    def test_it_can_be_kept(self):
        found = clm.due([SECOND, rules.birthday("born")], BASE)
        again = pickle.loads(pickle.dumps(found))
        assert again == found
        assert not again.customer.flags.writeable
        assert found.filter(["due", "waiting"]).filter("converted") == found.filter([])
        assert repr(found) == "<DueList through 2025-06-01: due 2, waiting 3, converted 1>"
        assert repr(found.filter("capped")) == "<DueList through 2025-06-01: no candidates>"
        with pytest.raises(ValueError, match="read-only"):
            found.status[0] = "sent"
        assert clm.due([SECOND], BASE) != found

    def test_naive_times_are_read_in_the_zone(self):
        base = clm.CustomerBase(
            orders={"customer_id": ["a"], "at": ["2025-06-01 12:00"]}, tz="Europe/Berlin", through="2025-06-30"
        )
        rule = Rule("r", trigger="order", delay="1h")
        assert clm.due(rule, base, through="2025-06-01 12:59").status.tolist() == ["waiting"]
        assert clm.due(rule, base, through="2025-06-01 13:00").status.tolist() == ["due"]
        assert clm.due(rule, base, through="2025-06-01 11:00", tz="UTC").status.tolist() == ["due"]
        assert clm.due(rule, base, through="2025-06-01 13:00").reason.tolist() == ["due since 2025-06-01 13:00"]

    def test_customers_who_only_answered_are_candidates(self):
        base = clm.CustomerBase(
            orders={"customer_id": ["b"], "at": ["2025-01-01"]},
            answers={
                "customer_id": ["a", None, "b"],
                "at": ["2025-01-02"] * 3,
                "kind": ["nps"] * 3,
                "score": [2, 3, 9],
            },
        )
        found = clm.due([rules.detractor_follow_up(), Rule("any", trigger=Silence(), delay="1d")], base)
        assert found.customer.tolist() == ["a", "a", "b"]
        alone = clm.CustomerBase(answers=base.answers)
        assert clm.due(rules.detractor_follow_up(), alone).customer.tolist() == ["a"]

    def test_goals_at_the_instant_of_the_trigger_count_after_it(self):
        orders = {"customer_id": ["a", "a"], "at": ["2025-01-01"] * 2}
        assert clm.due(SECOND, clm.CustomerBase(orders=orders)).status.tolist() == ["converted"]

    def test_customers_of_later_are_unknown(self):
        customers = {"customer_id": [1, 2], "acquired_at": ["2025-01-01", "2025-03-01"], "born": ["1990-01-01"] * 2}
        base = clm.CustomerBase(customers=customers)
        assert clm.due(rules.birthday("born"), base, through="2025-02-01").customer.tolist() == [1]
        assert clm.due(rules.birthday("born"), base, through="2025-03-01 00:00").customer.tolist() == [1, 2]
        assert clm.due(rules.birthday("born"), base, through="2025-02-28 23:59").customer.tolist() == [1]


class TestRecovery:
    def test_a_replayed_quarter_contacts_each_customer_once(self, simulated):
        """Day by day over 90 days, each first order that stays alone is contacted exactly once, 14 days later."""
        rule = rules.second_purchase("14d", expires="7d")
        sent = {"customer_id": np.empty(0, np.int64), "at": np.empty(0, object), "rule": np.empty(0, object)}
        days = np.arange("2024-04-01", "2024-06-30", dtype="M8[D]")
        for day in days:
            today = clm.due(rule, simulated, through=day, sent=sent).sent()
            sent = {name: np.concatenate([sent[name], today[name]]) for name in sent}
        orders = simulated.columns("orders")
        by_customer: dict = {}
        for who, at in zip(orders["customer_id"].tolist(), orders["at"].tolist(), strict=True):
            by_customer.setdefault(who, []).append(at)
        expected = set()
        for who, ats in by_customer.items():
            first, *others = sorted(ats)
            evening = (first + timedelta(days=14)).replace(hour=23, minute=59, second=59, microsecond=999999)
            if days[0] <= np.datetime64(evening, "D") <= days[-1] and not [at for at in others if at <= evening]:
                expected.add(who)
        found = sent["customer_id"].tolist()
        assert len(found) == len(set(found))
        # Those whose day was just before the first one are still within their seven days then.
        assert expected <= set(found)
        assert len(expected) > 100
        first_of = {who: np.datetime64(min(by_customer[who])) for who in set(found) - expected}
        early = {who for who, first in first_of.items() if first + np.timedelta64(14, "D") < days[0]}
        assert set(found) - expected == early
