from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import clm
from clm.errors import InvalidDataError
from clm.metrics import TABLES


@pytest.fixture(scope="module")
def shop():
    """Large enough for the truth to show: standard errors below are those of this size."""
    return clm.datasets.simulate_base(40_000, rng=7)


def scores(base, kind):
    return base.answers["score"][base.answers["kind"] == kind]


class TestInputs:
    @pytest.mark.parametrize("customers", [0, -1, 2.5, "many", None])
    def test_a_whole_number_of_customers(self, customers):
        with pytest.raises(InvalidDataError, match="customers must be a whole number from 1 on"):
            clm.datasets.simulate_base(customers)

    @pytest.mark.parametrize("customers", [1, 2, 3, 10])
    def test_small_bases_are_measured_too(self, customers):
        for seed in range(5):
            card = clm.scorecard(clm.datasets.simulate_base(customers, rng=seed))
            assert card["customers_reached"].value == customers


class TestTables:
    def test_columns(self, shop):
        assert {table: list(getattr(shop, table)) for table in TABLES} == {
            "orders": ["order_id", "customer_id", "at", "amount"],
            "touchpoints": ["customer_id", "at", "kind", "channel"],
            "customers": ["customer_id", "acquired_at", "channel"],
            "answers": ["customer_id", "at", "kind", "score"],
            "channels": ["channel", "at", "impressions", "visits", "clicks", "followers", "cost"],
        }

    @pytest.mark.parametrize("table", TABLES)
    def test_equally_long_read_only_and_sorted_by_time(self, shop, table):
        columns = getattr(shop, table)
        assert len({len(values) for values in columns.values()}) == 1
        assert not any(values.flags.writeable for values in columns.values())
        if "at" in columns:
            assert (np.diff(columns["at"]) >= np.timedelta64(0)).all()

    def test_nothing_happens_after_the_end_or_before_the_beginning(self, shop):
        for table in ("orders", "touchpoints", "answers"):
            at = getattr(shop, table)["at"]
            assert at.min() >= np.datetime64("2023-01-01")
            assert at.max() < np.datetime64("2025-01-01")
        assert shop.scope == "through 2024-12-31"

    def test_customers_are_seen_before_they_do_anything(self, shop):
        acquired = shop.customers["acquired_at"]
        for table in ("orders", "touchpoints", "answers"):
            columns = getattr(shop, table)
            assert (columns["at"] >= acquired[columns["customer_id"] - 1]).all()

    def test_each_comes_with_a_visit_and_orders_after_signing_up(self, shop):
        first = shop.histories.first_of
        np.testing.assert_array_equal(first("visit"), shop.histories.first_seen)
        bought = first("order") < np.iinfo(np.int64).max
        assert (first("signed_up")[bought] < first("order")[bought]).all()

    def test_answers_are_on_their_scales(self, shop):
        for kind, (low, high) in {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}.items():
            points = set(scores(shop, kind))
            assert points <= set(range(low, high + 1))
            assert {low + 1, high} <= points

    def test_channels_report_what_touchpoints_show(self, shop):
        visits = np.count_nonzero(shop.touchpoints["kind"] == "visit")
        assert shop.channels["visits"].sum() > visits  # unknown visitors besides
        assert (shop.channels["clicks"] <= shop.channels["visits"]).all()
        assert (shop.channels["clicks"] <= shop.channels["impressions"]).all()

    def test_the_five_stages_are_all_passed(self, shop):
        passed = set(shop.stage_log.visits["stage"])
        assert passed == {stage.name for stage in clm.lifecycles.five_stage().stages}


class TestConsistency:
    def test_the_same_seed_gives_the_same_bytes(self):
        one, two = (clm.datasets.simulate_base(500, rng=3) for _ in range(2))
        assert one == two
        for table in TABLES:
            for name, values in getattr(one, table).items():
                assert values.tobytes() == getattr(two, table)[name].tobytes()

    def test_another_seed_gives_another_base(self):
        assert clm.datasets.simulate_base(500, rng=3) != clm.datasets.simulate_base(500, rng=4)

    def test_a_generator_goes_on(self):
        random = np.random.default_rng(3)
        first = clm.datasets.simulate_base(500, rng=random)
        assert first == clm.datasets.simulate_base(500, rng=3)
        assert first != clm.datasets.simulate_base(500, rng=random)


class TestRecovery:
    """The truth of the docstring, within four standard errors."""

    def test_conversion(self, shop):
        estimate = clm.metrics.measure("conversion_rate", shop)
        # .35 x .80 x .75 + .25 x .70 x .60 + .15 x .85 x .80 + .15 x .75 x .70 + .10 x .95 x .85
        assert estimate.value == pytest.approx(0.5765, abs=4 * estimate.standard_error)

    def test_sign_up(self, shop):
        estimate = clm.metrics.measure("sign_up_rate", shop)
        # 30 days are ten mean delays: exp(-10) sign up later
        assert estimate.value == pytest.approx(
            0.35 * 0.80 + 0.25 * 0.70 + 0.15 * 0.85 + 0.15 * 0.75 + 0.10 * 0.95, abs=4 * estimate.standard_error
        )

    def test_cost_per_acquisition(self, shop):
        estimate = clm.metrics.measure("cost_per_acquisition", shop)
        # (.35 x 6 + .25 x 3 + .15 x .5 + .15 x 8) / .5765; those who came last have not ordered yet: 13 of 731 days
        assert estimate.value == pytest.approx(4.125 / 0.5765 * 731 / (731 - 13), abs=5 * estimate.standard_error)

    def test_nps(self, shop):
        estimate = clm.metrics.measure("nps", shop)
        # X ~ N(8.2, 2): P(X > 8.5) - P(X < 6.5)
        truth = 100 * (special.ndtr(-0.15) - special.ndtr(-0.85))
        assert truth == pytest.approx(24.27, abs=0.01)
        assert estimate.value == pytest.approx(truth, abs=4 * estimate.standard_error)

    def test_average_order_value(self, shop):
        estimate = clm.metrics.measure("average_order_value", shop)
        assert estimate.value == pytest.approx(6.25 * 15.44 / 2.74, abs=5 * estimate.standard_error)

    def test_purchase_model(self, shop):
        fit = shop.purchase_fit
        truth = {"r": 0.8, "alpha": 8.0, "a": 0.8, "b": 2.5}
        for name, value in truth.items():
            # days are told apart, not instants: a small bias beside the standard error
            assert fit.params[name] == pytest.approx(value, abs=5 * fit.standard_errors[name])

    def test_order_value_model(self, shop):
        fit = shop.order_value_fit
        mean = fit.params["p"] * fit.params["v"] / (fit.params["q"] - 1)
        assert mean == pytest.approx(35.22, rel=0.03)

    def test_satisfaction_shows_in_what_customers_do(self, shop):
        bought = np.bincount(shop.orders["customer_id"])
        referred = np.bincount(
            shop.touchpoints["customer_id"][shop.touchpoints["kind"] == "referral"], minlength=len(bought)
        )
        kind = shop.answers["kind"]
        nps, who = scores(shop, "nps"), shop.answers["customer_id"][kind == "nps"]
        assert bought[who][nps >= 9].mean() > 1.2 * bought[who][nps <= 6].mean()
        assert referred[who][nps >= 9].mean() > 2 * referred[who][nps <= 6].mean()
        csat = np.zeros(len(bought)) * np.nan
        csat[shop.answers["customer_id"][kind == "csat"]] = scores(shop, "csat")
        both = ~np.isnan(csat[who])
        assert np.corrcoef(nps[both], csat[who][both])[0, 1] > 0.4
