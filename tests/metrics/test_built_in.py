from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve
from tests.metrics.example import TOUCHPOINTS

import clm
from clm.errors import InvalidDataError
from clm.metrics._built_in import BUILT_IN
from clm.stats import wilson_limits


def value(name, base):
    return clm.metrics.measure(name, base).value


class TestByHand:
    """Every value is worked out beside it, from the tables in conftest."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("impressions", 2300),
            ("visits", 120),
            ("followers", 9),  # search 0 and social 9, as last reported
            ("click_through_rate", 80 / 2300),  # social in April showed nothing
            ("customers_reached", 6),
            ("new_customers", 4),  # a, b, c, d
            ("cost_per_acquisition", 60 / 4),
            ("sign_up_rate", 2 / 4),  # a and c of a, b, c, e; the 30 days of d and f have not ended
            ("conversion_rate", 3 / 4),  # a, b, c of a, b, c, e
            ("time_to_first_purchase", 12),  # 9, 9 and 12 days: 3/5, then 2/5; e and f are watched on
            ("orders", 6),
            ("revenue", 145),
            ("average_order_value", 145 / 6),
            ("repeat_purchase_rate", 1 / 3),  # a of a, b, c; the 90 days of d have not ended
            ("retention_rate", 1 / 3),  # a, b, c ordered from 2 January through 1 April; a did since
            ("churn_rate", 2 / 3),
            ("purchase_frequency", 6 / 4),
            ("csat", 50),
            ("ces", 4.5),
            ("nps", 100 / 3),  # 10 and 9 promote, 3 detracts
            ("referral_rate", 1 / 4),
        ],
    )
    def test_whole_base(self, name, expected, by_hand):
        assert value(name, by_hand) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("impressions", 800),
            ("followers", 9),
            ("customers_reached", 2),  # d and f; c was seen in February
            ("new_customers", 2),  # c and d
            ("cost_per_acquisition", 20 / 2),
            ("orders", 3),  # of a, c and d
            ("revenue", 65),  # 30 + 40 - 10 + 5
            ("average_order_value", 65 / 3),
            ("repeat_purchase_rate", 1 / 3),  # the 90 days of a, b and c ended on 1 April, 10 April and 30 May
            ("nps", 100),
            ("csat", 0),
            ("referral_rate", 1 / 4),  # a state at the end, of all buyers
        ],
    )
    def test_a_period_keeps_its_history(self, name, expected, by_hand):
        assert value(name, by_hand.between("2025-03-01")) == pytest.approx(expected, rel=1e-12)

    def test_average_order_value_varies_by_customer(self, by_hand):
        # residuals of totals 60, 50, 30, 5 on 3, 1, 1, 1 orders about 145/6
        residual = np.array([60, 50, 30, 5]) - 145 / 6 * np.array([3, 1, 1, 1])
        expected = np.sqrt(4 / 3 * (residual**2).sum()) / 6
        assert clm.metrics.measure("average_order_value", by_hand).standard_error == pytest.approx(expected)

    def test_cost_per_acquisition_takes_customers_as_poisson(self, by_hand):
        estimate = clm.metrics.measure("cost_per_acquisition", by_hand)
        assert estimate.standard_error == pytest.approx(15 / np.sqrt(4))
        low, high = estimate.confidence_interval(0.95)
        # The cost of 60 over the score interval of a Poisson count of 4: 4 + z^2 / 2 -+ z sqrt(4 + z^2 / 4).
        z = 1.959964
        middle, half = 4 + z**2 / 2, z * np.sqrt(4 + z**2 / 4)
        assert (low, high) == pytest.approx((60 / (middle + half), 60 / (middle - half)), rel=1e-6)

    def test_shares_have_wilson_limits(self, by_hand):
        interval = clm.metrics.measure("conversion_rate", by_hand).confidence_interval(0.9)
        assert (interval.low, interval.high) == pytest.approx(tuple(map(float, wilson_limits(0.75, 4, 0.9))))

    def test_loyal_share_counts_stages_at_the_end(self):
        days = np.datetime64("2025-01-01") + 10 * np.arange(6)
        orders = {"customer_id": ["five"] * 5 + ["one"], "at": [*days[:5], days[5]]}
        base = clm.CustomerBase(orders=orders, through="2025-03-01")
        assert value("loyal_share", base) == 0.5
        assert value("loyal_share", clm.CustomerBase(orders=orders, through="2025-12-31")) == 0  # lapsed by then

    def test_options_are_fields(self, by_hand):
        # within 30 days a's second order, on day 31, is too late; b, c too; d's ended on 20 July
        assert value(clm.metrics.RepeatPurchaseRate(within_days=30), by_hand) == 0
        assert value(clm.metrics.RepeatPurchaseRate(within_days=31), by_hand) == pytest.approx(1 / 3)
        assert value(clm.metrics.SignUpRate(within_days=4), by_hand) == 0
        assert value(clm.metrics.ReferralRate(kind="signed_up"), by_hand) == 2 / 4

    def test_orders_of_one_day_are_no_repeat(self):
        orders = {"customer_id": [1, 1], "at": ["2025-01-01 09:00", "2025-01-01 17:00"]}
        assert value("repeat_purchase_rate", clm.CustomerBase(orders=orders, through="2025-12-31")) == 0

    def test_days_are_local(self):
        # 23:30 and 00:30 in Berlin: one day in UTC, two there
        orders = {"customer_id": [1, 1], "at": ["2025-01-01T22:30:00Z", "2025-01-01T23:30:00Z"]}
        for tz, expected in (("UTC", 0), ("Europe/Berlin", 1)):
            base = clm.CustomerBase(orders=orders, through="2025-12-31", tz=tz)
            assert value("repeat_purchase_rate", base) == expected


class TestInputs:
    @pytest.mark.parametrize("days", [0, -1, np.nan, np.inf, "90", True, None])
    def test_a_length_is_a_positive_number_of_days(self, days):
        with pytest.raises(InvalidDataError, match="within_days must be a number of days"):
            clm.metrics.ConversionRate(within_days=days)

    def test_conversion_needs_somebody_who_came_before_he_bought(self, cdnow):
        assert "before his first order" in clm.metrics.measure("conversion_rate", cdnow).undefined
        assert "before his first order" in clm.metrics.measure("time_to_first_purchase", cdnow).undefined

    def test_acquisition_dates_serve_as_first_touch(self):
        base = clm.CustomerBase(
            orders={"customer_id": [1], "at": ["2025-01-11"]},
            customers={"customer_id": [1, 2], "acquired_at": ["2025-01-01", "2025-01-05"]},
            through="2025-12-31",
        )
        assert value("conversion_rate", base) == 0.5
        assert value("customers_reached", base) == 2

    def test_customers_alone_are_reached(self):
        base = clm.CustomerBase(
            customers={"customer_id": [1, 2], "acquired_at": ["2025-01-01", None]}, through="2025-12-31"
        )
        assert value("customers_reached", base) == 1
        assert value("customers_reached", evolve(base, through=None)) == 1
        undated = clm.CustomerBase(customers={"customer_id": [1, 2]})
        assert "nothing in this base is dated" in value_reason("customers_reached", undated)

    def test_a_lifecycle_that_calls_orders_otherwise(self, by_hand):
        purchases = clm.lifecycles.five_stage(kinds={"order": "purchase"})
        assert "does not know touchpoints of kind 'order'" in value_reason(
            "loyal_share", evolve(by_hand, lifecycle=purchases)
        )

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"years": -1}, "years must be 0 or more"),
            ({"margin": 40}, "margin must lie between 0 and 1"),
            ({"years": None}, "years"),
        ],
    )
    def test_lifetime_value_is_given_sensible_numbers(self, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.metrics.CustomerLifetimeValue(**options)

    def test_lifetime_value_is_that_of_the_models(self, simulated):
        rate = clm.Discount(0.10, per="year")
        metric = clm.metrics.CustomerLifetimeValue(years=2, margin=0.4, discount=rate)
        expected = clm.lifetime_value(
            clm.BGNBD().fit(simulated.rfm),
            simulated.rfm,
            order_value=clm.GammaGamma().fit(simulated.rfm),
            horizon=2 * 365.25 / 7,
            discount=rate,
            margin=0.4,
        ).mean()
        found = clm.metrics.measure(metric, simulated)
        assert (found.value, found.standard_error) == (expected.value, expected.standard_error)

    @pytest.mark.parametrize("name", ["sign_up_rate", "referral_rate"])
    def test_a_kind_that_is_not_recorded_is_not_zero(self, name, cdnow):
        assert "no touchpoint of kind" in clm.metrics.measure(name, cdnow).undefined

    @pytest.mark.parametrize("name", ["average_order_value", "revenue"])
    def test_money_needs_amounts(self, name):
        base = clm.CustomerBase(orders={"customer_id": [1], "at": ["2025-01-01"]})
        assert "no amounts" in clm.metrics.measure(name, base).undefined

    def test_value_needs_amounts(self):
        base = clm.datasets.simulate_base(300)
        bare = {name: values for name, values in base.orders.items() if name != "amount"}
        assert "Gamma-Gamma cannot be fitted" in value_reason("customer_lifetime_value", clm.CustomerBase(orders=bare))

    def test_a_channel_column_that_is_not_there(self):
        base = clm.CustomerBase(channels={"channel": ["search"], "at": ["2025-01-01"], "visits": [3]})
        assert value("visits", base) == 3
        assert "no column 'impressions'" in value_reason("impressions", base)
        assert "no column 'clicks' and no column 'impressions'" in value_reason("click_through_rate", base)

    def test_clicks_without_impressions_of_theirs(self):
        base = clm.CustomerBase(channels={"channel": ["a"], "at": ["2025-01-01"], "impressions": [3], "clicks": [5]})
        assert "more clicks than impressions" in value_reason("click_through_rate", base)

    def test_an_answer_off_its_scale_raises(self):
        base = clm.CustomerBase(answers={"at": ["2025-01-01"], "kind": ["csat"], "score": [9]})
        with pytest.raises(InvalidDataError, match="csat"):
            clm.metrics.measure("csat", base)

    def test_kinds_of_answers_that_are_there_are_listed(self):
        base = clm.CustomerBase(answers={"at": ["2025-01-01"], "kind": ["NPS"], "score": [9]})
        assert "only 'NPS'" in value_reason("nps", base)

    def test_a_lifecycle_without_the_stage(self):
        lifecycle = clm.Lifecycle.ladder("shop", {"seen": "visit", "bought": "order"})
        base = clm.CustomerBase(orders={"customer_id": [1], "at": ["2025-01-01"]}, lifecycle=lifecycle)
        assert "no stage 'loyalty' or 'advocate'" in value_reason("loyal_share", base)

    def test_a_period_without_orders(self, by_hand):
        quiet = by_hand.between("2025-04-01", "2025-05-31")
        for name in ("average_order_value", "revenue", "purchase_frequency"):
            assert "no order from 2025-04-01 through 2025-05-31" in value_reason(name, quiet)
        assert value("orders", quiet) == 0

    def test_a_period_before_everything(self, by_hand):
        early = by_hand.between("2020-01-01", "2020-12-31")
        for name in BUILT_IN:
            estimate = clm.metrics.measure(name, early)
            assert np.isnan(estimate.value) or estimate.value == 0


class TestConsistency:
    def test_rates_of_staying_and_leaving_add_to_one(self, simulated):
        assert value("retention_rate", simulated) + value("churn_rate", simulated) == pytest.approx(1)

    def test_scores_are_those_of_the_answers(self, simulated):
        scores = simulated.answers["score"]
        kinds = simulated.answers["kind"]
        assert value("nps", simulated) == clm.nps(scores[kinds == "nps"]).value
        assert value("csat", simulated) == clm.csat(scores[kinds == "csat"]).value
        assert value("ces", simulated) == clm.ces(scores[kinds == "ces"]).value

    def test_the_assumed_scale_is_said(self, simulated):
        assumed = clm.CustomerBase(answers=simulated.answers)
        assert any("1 to 5 is assumed" in caveat for caveat in clm.metrics.measure("csat", assumed).caveats)
        assert not any("assumed" in caveat for caveat in clm.metrics.measure("csat", simulated).caveats)

    def test_repeated_answers_are_said(self, by_hand):
        assert any("2 answers come from 1 customers" in c for c in clm.metrics.measure("csat", by_hand).caveats)

    def test_low_effort_is_better_on_a_scale_of_effort(self):
        answers = {"at": ["2025-01-01"] * 3, "kind": ["ces"] * 3, "score": [1, 2, 3]}
        base = clm.CustomerBase(answers=answers, scales={"ces": clm.Scale.ces1()})
        card = clm.scorecard(base, metrics=["ces"], targets={"ces": 2.5})
        assert card["ces"].direction == "lower"
        assert card["ces"].met is True

    def test_touchpoints_may_hold_the_orders(self, by_hand):
        kinds = np.append(TOUCHPOINTS["kind"].astype(object), "order")
        log = {
            "customer_id": np.append(TOUCHPOINTS["customer_id"], "e"),
            "at": np.append(TOUCHPOINTS["at"], "2025-01-06"),
            "kind": kinds,
        }
        alone = clm.CustomerBase(touchpoints=log, through="2025-06-30")
        assert value("conversion_rate", alone) == 1 / 4
        # where there is a table of orders, it decides what is an order
        both = clm.CustomerBase(touchpoints=log, orders=by_hand.orders, through="2025-06-30")
        assert value("conversion_rate", both) == 3 / 4
        assert both.dropped["touchpoints"] == {"of kind 'order', which orders hold": 1}
        assert dict(both.stage_log.stage_at("2025-06-30"))["e"] == "reach"

    def test_time_does_not_depend_on_where_the_period_is_cut(self, simulated):
        halves = [simulated.between("2023-01-01", "2023-12-31"), simulated.between("2024-01-01", "2024-12-31")]
        for name in ("new_customers", "impressions", "customers_reached", "orders"):
            assert sum(value(name, half) for half in halves) == value(name, simulated)
        assert sum(value("revenue", half) for half in halves) == pytest.approx(value("revenue", simulated))


def value_reason(name, base):
    estimate = clm.metrics.measure(name, base)
    assert np.isnan(estimate.value)
    return estimate.undefined
