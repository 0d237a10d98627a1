"""Customers, touchpoints and states: what they refuse and how they compare."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from attrs.exceptions import FrozenInstanceError

import clm
from clm import Customer, InvalidDataError, State, Touchpoint

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)


class TestInputs:
    @pytest.mark.parametrize(
        ("at", "message"),
        [
            (datetime(2025, 1, 31), "at 2025-01-31 00:00:00 has no time zone"),  # noqa: DTZ001  # the fault
            (date(2025, 1, 31), "at must be a datetime with a time zone"),
            ("2025-01-31T12:00:00+00:00", "at must be a datetime with a time zone"),
            (None, "at must be a datetime"),
            (pd.NaT, "at must be a datetime"),
            (np.datetime64("2025-01-31"), "at must be a datetime"),
            (1738324800, "at must be a datetime"),
        ],
    )
    def test_times_are_aware_datetimes(self, at, message):
        with pytest.raises(InvalidDataError, match=message):
            Touchpoint("ann", at, "order")
        if at is not None:
            with pytest.raises(InvalidDataError, match=message.replace("at ", "acquired_at ", 1)):
                Customer("ann", acquired_at=at)

    @pytest.mark.parametrize("customer_id", [["ann"], {"id": 1}, ("ann", []), np.array([1, 2])])
    def test_ids_that_have_no_hash_are_refused(self, customer_id):
        for make in (Customer, lambda given: Touchpoint(given, NOON, "order")):
            with pytest.raises(InvalidDataError, match="customer id must be text or a number, but is the"):
                make(customer_id)

    @pytest.mark.parametrize("customer_id", [None, "", "  ", float("nan"), pd.NA, pd.NaT])
    def test_customers_have_an_id(self, customer_id):
        with pytest.raises(InvalidDataError, match="customer id must not be missing or blank"):
            Customer(customer_id)
        with pytest.raises(InvalidDataError, match="customer id must not be missing or blank"):
            Touchpoint(customer_id, NOON, "order")

    @pytest.mark.parametrize("kind", [None, "", " ", 5])
    def test_kinds_are_names(self, kind):
        with pytest.raises(InvalidDataError, match="kind must be a name"):
            Touchpoint("ann", NOON, kind)

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), "5", True, [5]])
    def test_amounts_and_scores_are_finite_numbers(self, number):
        for field in ("amount", "score"):
            with pytest.raises(InvalidDataError, match=f"{field} must be a finite number"):
                Touchpoint("ann", NOON, "order", **{field: number})

    def test_channels_are_text_and_attributes_a_mapping(self):
        with pytest.raises(InvalidDataError, match="channel must be text"):
            Touchpoint("ann", NOON, "order", channel=5)
        with pytest.raises(InvalidDataError, match="channel must be text"):
            Customer("ann", channel=5)
        with pytest.raises(InvalidDataError, match="attributes must map names"):
            Customer("ann", attributes=["vip"])


class TestConsistency:
    def test_times_are_kept_in_utc_to_the_microsecond(self):
        berlin = datetime(2025, 1, 31, 13, tzinfo=ZoneInfo("Europe/Berlin"))
        same = [
            Touchpoint("ann", at, "order")
            for at in (NOON, berlin, pd.Timestamp(berlin), pd.Timestamp(NOON) + pd.Timedelta(999, "ns"))
        ]
        assert len(set(same)) == 1
        assert {type(touchpoint.at) for touchpoint in same} == {datetime}
        assert same[1].at.tzinfo is UTC

    def test_the_hour_that_comes_twice_is_two_hours(self):
        berlin = ZoneInfo("Europe/Berlin")
        first, second = (
            Touchpoint("ann", datetime(2025, 10, 26, 2, 30, fold=fold, tzinfo=berlin), "order") for fold in (0, 1)
        )
        assert second.at - first.at == timedelta(hours=1)

    def test_instants_far_away_are_exact(self):
        for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
            assert Touchpoint("ann", at, "order").at == at

    def test_records_are_frozen_picklable_and_equal_by_content(self):
        attributes = {"trial_end": NOON}
        customer = Customer("ann", acquired_at=NOON, channel="web", attributes=attributes)
        touchpoint = Touchpoint("ann", NOON, "order", amount=Decimal("1.5"), score=9, ref=[1])
        for value in (customer, touchpoint):
            assert pickle.loads(pickle.dumps(value)) == value
        attributes["trial_end"] = None
        assert customer.attributes == {"trial_end": NOON}
        assert (touchpoint.amount, type(touchpoint.score)) == (1.5, float)
        with pytest.raises(FrozenInstanceError):
            touchpoint.kind = "visit"
        with pytest.raises(TypeError):
            customer.attributes["trial_end"] = None
        with pytest.raises(AttributeError, match="cannot change"):
            customer.attributes.anything = 5
        assert hash(Customer("ann")) == hash(Customer("ann"))


class TestState:
    LIFECYCLE = clm.Lifecycle(
        "trial",
        stages=["new", "trial", "over"],
        initial="new",
        transitions=[clm.Transition("new", "start", "trial", when=clm.when.total("start") >= 0.1)],
        timeouts=[
            clm.Timeout("trial", "over", attribute="trial_end"),
            clm.Timeout("new", "over", idle="90d", of=("b", "a")),
        ],
    )

    def state(self):
        customer = Customer(7, acquired_at=NOON, attributes={"trial_end": NOON + timedelta(days=30), "vip": "yes"})
        start = Touchpoint(7, NOON + timedelta(days=1), "start", amount=0.1, ref="r")
        return self.LIFECYCLE.advance(self.LIFECYCLE.begin(start.at, customer), start)

    def test_json_keeps_everything(self):
        state = self.state()
        assert state.totals == {"start": 0.1}
        assert state.attributes == {"trial_end": NOON + timedelta(days=30)}
        assert state.next_timeout == ("over", NOON + timedelta(days=30))
        assert State.from_dict(json.loads(json.dumps(state.to_dict()))) == state
        assert pickle.loads(pickle.dumps(state)) == state
        waiting = self.LIFECYCLE.begin(customer=Customer(7, acquired_at=NOON))
        assert State.from_dict(json.loads(json.dumps(waiting.to_dict()))) == waiting

    def test_it_reads_well(self):
        plain = self.state().to_dict()
        assert plain["stage"] == "trial"
        assert plain["entered_at"] == "2025-02-01T12:00:00+00:00"
        assert plain["next_timeout"] == ["over", "2025-03-02T12:00:00+00:00"]
        assert plain["last_of"] == [[["a", "b"], "2025-01-31T12:00:00+00:00"]]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"entered_at": "yesterday"}, "cannot be read"),
            ({"entered_at": "2025-01-01"}, "has no time zone"),
            ({"last_of": 5}, "cannot be read"),
            ({"colour": "red"}, "unknown entry 'colour'"),
            ({"attributes": []}, "cannot be read"),
        ],
    )
    def test_a_malformed_state_is_refused(self, change, message):
        with pytest.raises(InvalidDataError, match=message):
            State.from_dict(self.state().to_dict() | change)

    def test_a_state_of_another_kind_is_refused(self):
        plain = self.state().to_dict()
        del plain["stage"]
        with pytest.raises(InvalidDataError, match="has no 'stage'"):
            State.from_dict(plain)
        with pytest.raises(InvalidDataError, match="read from a mapping"):
            State.from_dict([plain])
        for change in ({"stage": "trail"}, {"previous": "gone"}, {"cause": "magic"}):
            with pytest.raises(InvalidDataError):
                self.LIFECYCLE.settle(State.from_dict(self.state().to_dict() | change), NOON + timedelta(days=99))
        with pytest.raises(InvalidDataError, match="Did you mean 'trial'"):
            self.LIFECYCLE.settle(
                State.from_dict(self.state().to_dict() | {"stage": "trail"}), NOON + timedelta(days=99)
            )

    def test_deadlines_after_the_last_datetime_are_never(self):
        lifecycle = clm.Lifecycle(
            "long",
            stages=["A", "B"],
            initial="A",
            transitions=[],
            timeouts=[clm.Timeout("A", "B", after="900000d")],
        )
        assert lifecycle.begin(datetime(9000, 1, 1, tzinfo=UTC)).next_timeout is None
        assert lifecycle.begin(NOON).next_timeout[0] == "B"

    def test_zones_of_states_do_not_matter(self):
        plain = self.state().to_dict() | {"entered_at": "2025-02-01T13:00:00+01:00"}
        assert State.from_dict(plain) == self.state()
        assert State.from_dict(plain).entered_at.tzinfo is UTC
