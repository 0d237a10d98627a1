"""Every ready-made lifecycle: its stages, its typical path, the way back, and what all of them keep to."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta

import pytest

import clm
from clm import Customer, InvalidDataError, Lifecycle, Touchpoint

START = datetime(2025, 1, 1, tzinfo=UTC)
MODELS = clm.lifecycles.names()


def path(lifecycle, *log, through=None, illegal="raise", **dates):
    """Stages with their day of entry, for touchpoints written as (kind, day) and dates as days."""
    customer = Customer("ann", attributes={name: START + timedelta(days=day) for name, day in dates.items()})
    touchpoints = [Touchpoint("ann", START + timedelta(days=day), kind) for kind, day in log]
    until = None if through is None else START + timedelta(days=through)
    history = lifecycle.replay(touchpoints, through=until, customer=customer, illegal=illegal)
    return [(visit.stage, (visit.entered_at - START).days) for visit in history]


class TestInputs:
    @pytest.mark.parametrize("name", MODELS)
    def test_every_kind_can_be_renamed(self, name):
        make = getattr(clm.lifecycles, name)
        kinds = make().known_kinds
        renamed = make(kinds={kind: f"my {kind}" for kind in kinds})
        assert renamed.known_kinds == tuple(f"my {kind}" for kind in kinds)
        assert renamed.machine.counted == {f"my {kind}" for kind in make().machine.counted}

    @pytest.mark.parametrize("name", MODELS)
    def test_unknown_and_doubled_kinds_are_refused(self, name):
        make = getattr(clm.lifecycles, name)
        first, second = make().known_kinds[:2]
        with pytest.raises(InvalidDataError, match=rf"{name} has no kind 'nonsense': they are .*{first}"):
            make(kinds={"nonsense": "x"})
        with pytest.raises(InvalidDataError, match=rf"two kinds of {name} are named 'x'"):
            make(kinds={first: "x", second: "x"})

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("awareness", {"loyalty_orders": 2}),
            ("awareness", {"retention_orders": 1}),
            ("retail", {"retention_orders": 5}),
            ("retail", {"loyalty_orders": 4.5}),
            ("crm", {"loyalty_orders": 2}),
            ("aida", {"loyalty_orders": 1}),
            ("attraction", {"loyalty_orders": True}),
        ],
    )
    def test_numbers_of_orders_rise(self, name, options):
        with pytest.raises(InvalidDataError, match=r"must be whole numbers that rise, from [23] on"):
            getattr(clm.lifecycles, name)(**options)

    @pytest.mark.parametrize("name", ["awareness", "retail", "crm"])
    def test_lapsed_comes_after_at_risk(self, name):
        with pytest.raises(InvalidDataError, match="lapsed='90d' must be longer than at_risk='90d'"):
            getattr(clm.lifecycles, name)(at_risk="90d", lapsed="90d")

    def test_kinds_are_a_mapping(self):
        with pytest.raises(InvalidDataError, match=r"kinds must be a mapping as \{'impression'.*, not 'order'"):
            clm.lifecycles.aida(kinds="order")

    @pytest.mark.parametrize("stages", [[], {}, ["lead", "other"], ["lead", "lead"], "lead", 5])
    def test_hubspot_needs_stages_in_order(self, stages):
        with pytest.raises(InvalidDataError, match="stages"):
            clm.lifecycles.hubspot(stages=stages)


class TestConsistency:
    @pytest.mark.parametrize("name", MODELS)
    def test_nothing_looks_unintended(self, name):
        assert clm.lifecycles.by_name(name).check() == []

    @pytest.mark.parametrize("name", MODELS)
    def test_it_is_called_as_its_function(self, name):
        make = getattr(clm.lifecycles, name)
        assert make().name == name
        assert make("mine").name == "mine"
        assert clm.lifecycles.by_name(name) == make()

    @pytest.mark.parametrize("name", MODELS)
    def test_json_and_back(self, name):
        lifecycle = clm.lifecycles.by_name(name)
        assert Lifecycle.from_dict(json.loads(json.dumps(lifecycle.to_dict()))) == lifecycle

    @pytest.mark.parametrize("name", MODELS)
    def test_every_stage_has_its_usual_metrics(self, name):
        metrics = clm.lifecycles.usual_metrics(name)
        assert set(metrics) == {stage.name for stage in clm.lifecycles.by_name(name).stages}
        assert all(metrics.values())

    def test_every_model_measures_something_that_clm_measures(self):
        measured = set(clm.metrics.names())
        without = {
            name
            for name in MODELS
            if not measured & {metric for listed in clm.lifecycles.usual_metrics(name).values() for metric in listed}
        }
        assert without == set()

    @pytest.mark.parametrize("name", MODELS)
    def test_the_source_has_a_year(self, name):
        if name != "five_stage":  # the shop's own
            assert inspect.getdoc(getattr(clm.lifecycles, name)).count("References") == 1
            assert "(19" in inspect.getdoc(getattr(clm.lifecycles, name)) or "(20" in inspect.getdoc(
                getattr(clm.lifecycles, name)
            )

    def test_an_unknown_name_lists_those_there_are(self):
        for look in (clm.lifecycles.by_name, clm.lifecycles.usual_metrics):
            with pytest.raises(InvalidDataError, match=r"no lifecycle 'hubspit'.*Did you mean 'hubspot'"):
                look("hubspit")


def ranks(lifecycle):
    return [stage.name for stage in sorted((s for s in lifecycle.stages if s.rank), key=lambda s: s.rank)]


class TestAwareness:
    LIFECYCLE = clm.lifecycles.awareness()

    def test_stages(self):
        levels = [f"awareness.{level}" for level in ("unaware", "problem", "solution", "product", "most")]
        assert ranks(self.LIFECYCLE) == [*levels, "engagement", "conversion", "retention", "loyalty"]

    def test_typical_path(self):
        seen = ("impression", "problem_content_viewed", "solution_content_viewed", "product_viewed", "offer_viewed")
        log = [(kind, day) for day, kind in enumerate([*seen, "engaged", *["order"] * 5])]
        stages = [*ranks(self.LIFECYCLE)[:6], "conversion", "retention"]
        assert path(self.LIFECYCLE, *log) == [*((s, d) for d, s in enumerate(stages)), ("loyalty", 10)]

    def test_nobody_becomes_less_aware(self):
        assert path(self.LIFECYCLE, ("product_viewed", 0), ("problem_content_viewed", 1), ("impression", 2)) == [
            ("awareness.unaware", 0),
            ("awareness.product", 0),
        ]

    def test_the_way_back(self):
        assert path(self.LIFECYCLE, ("order", 0), ("engaged", 100), ("order", 200), through=290) == [
            ("awareness.unaware", 0),
            ("conversion", 0),
            ("at_risk", 90),
            ("lapsed", 180),
            ("retention", 200),
            ("at_risk", 290),
        ]

    def test_who_comes_back_with_orders_enough_is_loyal(self):
        orders = [("order", day) for day in (0, 1, 2, 3, 100)]
        assert path(self.LIFECYCLE, *orders)[-2:] == [("at_risk", 93), ("loyalty", 100)]


class TestAttraction:
    LIFECYCLE = clm.lifecycles.attraction()

    def test_a_full_cycle_and_a_new_one(self):
        log = [("visit", 0), ("product_viewed", 1), ("compared", 2), ("order", 3), ("order", 4), ("order", 5)]
        assert path(self.LIFECYCLE, *log, through=185) == [
            ("attraction", 0),
            ("interest", 1),
            ("evaluation", 2),
            ("purchase", 3),
            ("loyalty", 5),
            ("attraction", 185),
        ]

    def test_interest_cools_step_by_step(self):
        assert path(self.LIFECYCLE, ("compared", 0), through=90) == [
            ("attraction", 0),
            ("evaluation", 0),
            ("interest", 30),
            ("attraction", 90),
        ]


class TestRetail:
    LIFECYCLE = clm.lifecycles.retail()

    def test_typical_path(self):
        log = [("visit", 0), ("product_viewed", 1), *(("order", day) for day in range(2, 7)), ("referral", 8)]
        assert path(self.LIFECYCLE, *log, ("order", 9)) == [
            ("attraction", 0),
            ("interest", 1),
            ("conversion", 2),
            ("retention", 3),
            ("loyalty", 6),
            ("advocate", 8),
        ]
        assert ranks(self.LIFECYCLE) == ["attraction", "interest", "conversion", "retention", "loyalty", "advocate"]

    def test_the_way_back(self):
        assert path(self.LIFECYCLE, ("order", 0), ("visit", 100), ("order", 181), ("order", 182))[2:] == [
            ("at_risk", 90),
            ("lapsed", 180),
            ("retention", 181),
        ]


class TestCrm:
    LIFECYCLE = clm.lifecycles.crm()

    def test_typical_path(self):
        log = [("visit", 0), ("engaged", 1), ("order", 2), ("served", 3), *(("order", day) for day in range(4, 8))]
        assert path(self.LIFECYCLE, *log, ("referral", 9)) == [
            ("attraction", 0),
            ("engagement", 1),
            ("conversion", 2),
            ("retention", 3),
            ("repeat_purchase", 4),
            ("loyalty", 7),
            ("referral", 9),
        ]
        assert len(ranks(self.LIFECYCLE)) == 7

    def test_the_way_back(self):
        assert path(self.LIFECYCLE, ("order", 0), ("served", 95), ("order", 300))[2:] == [
            ("at_risk", 90),
            ("retention", 95),
            ("at_risk", 185),
            ("lapsed", 275),
            ("repeat_purchase", 300),
        ]


class TestAida:
    LIFECYCLE = clm.lifecycles.aida()

    def test_typical_path_with_loyalty_as_the_fifth_step(self):
        log = [("impression", 0), ("visit", 1), ("added_to_cart", 2), ("order", 3), ("order", 4)]
        steps = ["attention", "interest", "desire", "action", "loyalty"]
        assert path(self.LIFECYCLE, *log) == [(step, day) for day, step in enumerate(steps)]
        assert ranks(self.LIFECYCLE) == steps

    def test_the_way_back(self):
        assert path(self.LIFECYCLE, ("added_to_cart", 0), ("order", 31), ("order", 300))[2:] == [
            ("attention", 30),
            ("action", 31),
            ("lapsed", 211),
            ("loyalty", 300),
        ]


class TestSaas:
    LIFECYCLE = clm.lifecycles.saas()

    def test_typical_path_through_both_phases(self):
        log = [
            *[("visit", 0), ("signed_up", 1), ("content_viewed", 2), ("checkout_started", 3), ("trial_started", 4)],
            *[("subscription_started", 10), ("feature_adopted", 12), ("renewed", 40), ("renewed", 70)],
        ]
        assert path(self.LIFECYCLE, *log, trial_end=18) == [
            ("sales.traffic", 0),
            ("sales.leads", 1),
            ("sales.education", 2),
            ("sales.conversion", 3),
            ("maintenance.trial", 4),
            ("maintenance.onboarding", 10),
            ("maintenance.adoption", 12),
            ("maintenance.renewal", 40),
            ("maintenance.renewal", 70),
        ]

    def test_a_trial_without_a_subscription_ends(self):
        assert path(self.LIFECYCLE, ("trial_started", 0), trial_end=14, through=20)[-1] == ("sales.education", 14)

    @pytest.mark.parametrize("before", ["feature_adopted", "renewed"])
    def test_a_late_payment_leads_back_to_where_the_customer_was(self, before):
        log = [("subscription_started", 0), (before, 1), ("payment_failed", 5), ("payment_succeeded", 8)]
        stages = [stage for stage, _ in path(self.LIFECYCLE, *log)]
        assert stages[-1] == stages[-3] != "maintenance.past_due"

    def test_a_payment_that_never_comes(self):
        assert path(self.LIFECYCLE, ("subscription_started", 0), ("payment_failed", 5), through=30)[-2:] == [
            ("maintenance.past_due", 5),
            ("maintenance.churned", 26),
        ]

    def test_cancelled_to_the_end_of_the_period_and_won_back(self):
        log = [("subscription_started", 0), ("cancel_requested", 5), ("subscription_started", 40), ("renewed", 70)]
        assert path(self.LIFECYCLE, *log, period_end=30)[2:] == [
            ("maintenance.cancelling", 5),
            ("maintenance.churned", 30),
            ("maintenance.won_back", 40),
            ("maintenance.renewal", 70),
        ]

    def test_a_cancellation_taken_back(self):
        log = [("subscription_started", 0), ("feature_adopted", 1), ("cancel_requested", 5), ("resumed", 6)]
        assert path(self.LIFECYCLE, *log, period_end=30)[-1] == ("maintenance.adoption", 6)


class TestHubspot:
    LIFECYCLE = clm.lifecycles.hubspot()

    def test_eight_stages_and_none(self):
        assert [stage.name for stage in self.LIFECYCLE.stages] == [
            *["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer"],
            *["evangelist", "other", "none"],
        ]

    def test_typical_path(self):
        log = [("subscribed", 0), ("form_submitted", 1), ("deal_created", 2), ("deal_won", 3), ("advocated", 4)]
        assert [stage for stage, _ in path(self.LIFECYCLE, *log)] == [
            *["none", "subscriber", "lead", "opportunity", "customer", "evangelist"]
        ]

    def test_backward_is_illegal_unless_cleared(self):
        back = [("deal_created", 0), ("form_submitted", 1)]
        assert path(self.LIFECYCLE, *back, illegal="ignore")[-1] == ("opportunity", 0)
        with pytest.raises(clm.TransitionError, match="'form_submitted'"):
            path(self.LIFECYCLE, *back)
        assert path(self.LIFECYCLE, ("deal_created", 0), ("cleared", 1), ("form_submitted", 2))[-2:] == [
            ("none", 1),
            ("lead", 2),
        ]

    def test_other_is_left_by_clearing_alone(self):
        log = [("deal_won", 0), ("set_to_other", 1), ("form_submitted", 2)]
        assert path(self.LIFECYCLE, *log)[-1] == ("other", 1)
        assert path(self.LIFECYCLE, *log, ("cleared", 3), ("subscribed", 4))[-1] == ("subscriber", 4)

    def test_custom_stages_by_kind_and_by_the_value_of_the_property(self):
        mapped = clm.lifecycles.hubspot(stages={"lead": "form", "153180554": "trial"}, kinds={"trial": "trial began"})
        assert mapped.known_kinds == ("form", "trial began", "set_to_other", "cleared")
        assert path(mapped, ("form", 0), ("trial began", 1))[-1] == ("153180554", 1)
        listed = clm.lifecycles.hubspot(stages=["lead", "153180554"])
        assert path(listed, ("153180554", 0), ("lead", 1), illegal="ignore")[-1] == ("153180554", 0)
        assert mapped.check() == listed.check() == []


class TestAarrr:
    LIFECYCLE = clm.lifecycles.aarrr()

    def test_milestones_in_any_order_each_once(self):
        log = [
            ("visit", 0),
            ("order", 1),
            ("referral", 2),
            ("order", 3),
            ("activated", 4),
            ("visit", 5),
            ("returned", 6),
        ]
        assert path(self.LIFECYCLE, *log, ("referral", 7)) == [
            ("acquisition", 0),
            ("revenue", 1),
            ("referral", 2),
            ("activation", 4),
            ("retention", 6),
        ]

    def test_the_first_letter_is_the_first_touchpoint(self):
        assert path(self.LIFECYCLE, ("order", 3), ("visit", 4)) == [("acquisition", 3), ("revenue", 3)]


class TestFlywheel:
    LIFECYCLE = clm.lifecycles.flywheel()

    def test_the_wheel_turns_on(self):
        log = [("visit", 0), ("engaged", 1), ("delighted", 2), ("order", 3), ("delighted", 4)]
        assert path(self.LIFECYCLE, *log) == [
            *[("attract", 0), ("engage", 1), ("delight", 2), ("engage", 3), ("delight", 4)]
        ]

    def test_silence_slows_it_down(self):
        assert path(self.LIFECYCLE, ("order", 0), ("delighted", 91), through=300)[2:] == [
            ("attract", 90),
            ("delight", 91),
            ("attract", 271),
        ]


class TestRace:
    LIFECYCLE = clm.lifecycles.race()

    def test_typical_path(self):
        log = [("visit", 0), ("lead", 1), ("order", 2), ("order", 3)]
        steps = ["reach", "act", "convert", "engage"]
        assert path(self.LIFECYCLE, *log) == [(step, day) for day, step in enumerate(steps)]

    def test_the_way_back(self):
        assert path(self.LIFECYCLE, ("order", 0), ("order", 200), through=380)[2:] == [
            ("lapsed", 180),
            ("engage", 200),
            ("lapsed", 380),
        ]


class TestSubscription:
    LIFECYCLE = clm.lifecycles.subscription()

    def test_typical_path(self):
        log = [("subscription_created", 0), ("trial_started", 0), ("payment_failed", 16), ("payment_succeeded", 20)]
        assert path(self.LIFECYCLE, *log, ("subscription_ended", 40), trial_end=14) == [
            ("incomplete", 0),
            ("trialing", 0),
            ("active", 14),
            ("past_due", 16),
            ("active", 20),
            ("canceled", 40),
        ]

    def test_the_first_payment_has_23_hours(self):
        assert path(self.LIFECYCLE, ("subscription_created", 0), through=2)[-1] == ("incomplete_expired", 0)

    def test_the_way_back(self):
        log = [
            ("payment_succeeded", 0),
            ("payment_failed", 30),
            ("subscription_created", 60),
            ("payment_succeeded", 60),
        ]
        assert path(self.LIFECYCLE, *log)[2:] == [
            ("past_due", 30),
            ("canceled", 51),
            ("incomplete", 60),
            ("active", 60),
        ]

    def test_paused_and_unpaid(self):
        log = [
            ("payment_succeeded", 0),
            ("paused", 5),
            ("resumed", 9),
            ("marked_unpaid", 12),
            ("payment_succeeded", 90),
        ]
        assert [stage for stage, _ in path(self.LIFECYCLE, *log)] == [
            *["incomplete", "active", "paused", "active", "unpaid", "active"]
        ]


class TestOpportunity:
    LIFECYCLE = clm.lifecycles.opportunity()

    def test_typical_path_and_back(self):
        log = [("prospecting", 0), ("proposal", 1), ("needs_analysis", 2), ("needs_analysis", 3), ("closed_lost", 4)]
        assert path(self.LIFECYCLE, *log, ("negotiation", 9), ("closed_won", 12)) == [
            ("prospecting", 0),
            ("proposal", 1),
            ("needs_analysis", 2),
            ("closed_lost", 4),
            ("negotiation", 9),
            ("closed_won", 12),
        ]
        assert len(ranks(self.LIFECYCLE)) == 9


class TestTicket:
    LIFECYCLE = clm.lifecycles.ticket()

    def test_typical_path(self):
        log = [("ticket_created", 0), ("opened", 1), ("set_pending", 2), ("customer_replied", 3), ("set_on_hold", 4)]
        assert path(self.LIFECYCLE, *log, ("solved", 6), through=10) == [
            *[("new", 0), ("open", 1), ("pending", 2), ("open", 3), ("hold", 4), ("solved", 6), ("closed", 10)]
        ]

    def test_the_way_back(self):
        log = [("ticket_created", 0), ("solved", 1), ("customer_replied", 2), ("solved", 3), ("customer_replied", 8)]
        assert path(self.LIFECYCLE, *log) == [
            *[("new", 0), ("solved", 1), ("open", 2), ("solved", 3), ("closed", 7), ("new", 8)]
        ]


class TestReferral:
    def test_a_referral_starts_a_lifecycle_of_its_own(self):
        referral = Touchpoint("ann", START + timedelta(days=9), "referral", ref="bob")
        bob = Customer("bob", acquired_at=referral.at, channel="referral")
        history = clm.lifecycles.five_stage().replay([], customer=bob, through=START + timedelta(days=30))
        assert [(visit.stage, visit.entered_at, visit.cause) for visit in history] == [
            ("reach", referral.at, "acquired")
        ]
