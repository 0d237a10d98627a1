"""Value over a survival curve: what must agree with what, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import clm

HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]


class Stated:
    """A third party's model: whatever answers for survival."""

    def __init__(self, survival):
        self.survival = survival


@pytest.fixture(scope="module")
def contract():
    return clm.ShiftedBetaGeometric().fit(HIGH_END, unit="month")


@pytest.fixture(scope="module")
def curve():
    lost = -np.diff(HIGH_END)
    ends = clm.Durations([*range(1, 8), 7], [True] * 7 + [False], weights=[*lost, HIGH_END[-1]], unit="month")
    return clm.kaplan_meier(ends)


def value(contract, **options):
    return clm.subscription_ltv(contract, **({"margin_per_period": 40, "discount": 0.01} | options))


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"margin_per_period": np.nan}, "margin_per_period"),
            ({"margin_per_period": "40"}, "margin_per_period"),
            ({"margin_per_period": [40, 50]}, "margin_per_period"),
            ({"discount": -0.1}, "discount must be 0 or more"),
            ({"horizon": -1}, "horizon"),
            ({"horizon": 2.5}, "horizon"),
            ({"timing": "mid"}, "timing must be 'start' or 'end'"),
            ({"first_payment": 1}, "first_payment must be True or False"),
        ],
    )
    def test_options(self, contract, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            value(contract, **options)

    @pytest.mark.parametrize("contract", [None, 0.8, HIGH_END, {"alpha": 1}])
    def test_what_states_no_survival(self, contract):
        with pytest.raises(clm.InvalidDataError, match="contract must state survival"):
            value(contract, horizon=3)

    def test_a_curve_without_a_model_needs_a_horizon(self, curve):
        for contract in (curve, Stated(lambda t: 0.8**t)):
            with pytest.raises(clm.InvalidDataError, match=r"horizon is missing.*clm.ShiftedBetaGeometric"):
                value(contract)

    @pytest.mark.parametrize(
        ("survival", "message"),
        [
            (lambda t: 80 + 0 * t, "shares between 0 and 1"),
            (lambda t: -0.1 + 0 * t, "shares between 0 and 1"),
            (lambda _: 0.5, r"shape \(\) for 4 renewals"),
            (lambda _: "half", "text"),
        ],
    )
    def test_what_an_object_may_not_state(self, survival, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            value(Stated(survival), horizon=3)

    def test_dated_discounts(self, contract, curve):
        yearly = clm.Discount(0.1, per="year")
        for made in (contract, curve):
            dated = value(made, discount=yearly, horizon=6).value
            assert dated == pytest.approx(value(made, discount=1.1 ** (1 / 12) - 1, horizon=6).value, rel=1e-12)
        with pytest.raises(clm.InvalidDataError, match="periods of unknown length"):
            value(Stated(lambda t: 0.8**t), discount=yearly, horizon=6)


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("first_payment", "timing", "stated"),
        [(True, "start", 366.67), (False, "start", 266.67), (True, "end", 333.33), (False, "end", 242.42)],
    )
    def test_one_retention_rate(self, first_payment, timing, stated):
        # Fader and Hardie (2012), brucehardie.com/notes/024: 100 a period, retention .8, discount .1
        options = {"margin_per_period": 100, "discount": 0.1, "first_payment": first_payment, "timing": timing}
        found = value(Stated(lambda t: 0.8**t), horizon=500, **options)
        assert found.value == pytest.approx(stated, abs=5e-3)
        formula = clm.formula_ltv(retention=0.8, horizon=7, **options)
        assert value(Stated(lambda t: 0.8**t), horizon=7, **options).value == pytest.approx(formula.value, rel=1e-12)

    def test_expected_lifetime(self, contract):
        # DEL at 10 percent and the published parameters is 5.9225964.
        given = clm.ShiftedBetaGeometric().with_params({"alpha": 0.668, "beta": 3.806})
        assert value(given, discount=0.1).value == pytest.approx(40 * 5.9225964, rel=1e-8)


class TestConsistency:
    @pytest.mark.parametrize("horizon", [None, 0, 1, 5, 3000])
    @pytest.mark.parametrize("first_payment", [True, False])
    @pytest.mark.parametrize("timing", ["start", "end"])
    def test_it_is_the_sum_of_discounted_margins(self, contract, horizon, first_payment, timing):
        found = value(contract, horizon=horizon, first_payment=first_payment, timing=timing)
        t = np.arange(0.0 if first_payment else 1.0, (20_000 if horizon is None else horizon) + 1)
        terms = 40 * contract.survival(t).value * 1.01 ** -(t + (timing == "end"))
        assert found.value == pytest.approx(terms.sum(), rel=1e-12)
        low, high = found.confidence_interval()
        assert low <= found.value <= high

    @pytest.mark.parametrize("options", [{}, {"first_payment": False, "timing": "end"}])
    def test_an_object_that_carries_its_covariance_has_the_same_interval(self, contract, options):
        wrapped, direct = (value(made, horizon=60, **options) for made in (Stated(contract.survival), contract))
        assert wrapped.value == pytest.approx(direct.value, rel=1e-12)
        assert wrapped.standard_error == pytest.approx(direct.standard_error, rel=1e-6)
        assert list(wrapped.confidence_interval()) == pytest.approx(list(direct.confidence_interval()), rel=1e-9)
        assert wrapped.n == direct.n == 1000

    def test_a_kaplan_meier_curve(self, curve, contract):
        observed, fitted = (value(made, horizon=7) for made in (curve, contract))
        shares = np.array(HIGH_END) / 1000
        assert observed.value == pytest.approx(40 * (shares * 1.01 ** -np.arange(8.0)).sum(), rel=1e-12)
        assert observed.value == pytest.approx(fitted.value, rel=1e-2)
        # Without censoring the variance is that of the mean of each customer's own sum.
        paid = np.cumsum(40 * 1.01 ** -np.arange(8.0))
        stays = np.append(-np.diff(HIGH_END), HIGH_END[-1]) / 1000
        spread = stays @ paid**2 - (stays @ paid) ** 2
        assert observed.standard_error == pytest.approx(np.sqrt(spread / 1000), rel=1e-9)

    def test_beyond_the_curve_nothing_is_known(self, curve):
        found = value(curve, horizon=8)
        assert np.isnan(found.value)
        assert "nobody was observed after 7 months" in found.undefined
        assert "payments up to renewal 7 alone" in value(curve, horizon=7).caveats[-1]

    def test_a_curve_without_losses_has_one_limit(self):
        stays = clm.kaplan_meier(clm.Durations([5.0] * 50, [False] * 50))
        found = value(stays, discount=0, horizon=3)
        low, high = found.confidence_interval()
        # Survival of 50 of 50 is at least .025^(1/50) at 95 percent; the first payment is certain.
        assert (low, high) == (pytest.approx(40 * (1 + 3 * 0.025 ** (1 / 50))), 160)
        together = clm.kaplan_meier(clm.Durations([2.0] * 50, [True] * 50))
        assert "nothing is known of the spread" in value(together, horizon=3).confidence_interval().method

    def test_errors_that_are_not_known_are_not_made_up(self, curve):
        given = clm.ShiftedBetaGeometric().with_params({"alpha": 0.7, "beta": 3.8})
        for contract, reason in (
            (given, "were given"),
            (Stated(lambda t: 0.8**t), "given without errors"),
            (Stated(curve.at), "how these errors go together"),
            (Stated(given.survival), "were given"),
        ):
            interval = value(contract, horizon=5).confidence_interval()
            assert np.isnan(interval.low)
            assert reason in interval.method

    def test_undefined_shares_make_the_value_undefined(self):
        found = value(Stated(lambda t: np.where(t > 1, np.nan, 1.0)), horizon=3)
        assert "survival is not known at renewal 2" in found.undefined

    def test_an_infinite_sum_is_undefined(self, contract):
        assert "infinite" in value(contract, discount=0).undefined

    def test_an_estimated_margin_adds_its_error(self, contract):
        margin = clm.Estimate(value=40, standard_error=2, n=50, name="margin", unit="currency", definition="Of May.")
        known, estimated = value(contract), value(contract, margin_per_period=margin)
        assert estimated.value == pytest.approx(known.value, rel=1e-12)
        relative = np.hypot(known.standard_error / known.value, 2 / 40)
        assert estimated.standard_error == pytest.approx(estimated.value * relative, rel=1e-6)
        assert any("independent" in caveat for caveat in estimated.caveats)

    def test_losses_and_nothing(self, contract):
        loss = value(contract, margin_per_period=-40)
        low, high = loss.confidence_interval()
        assert low < loss.value < high < 0
        assert value(contract, margin_per_period=0).value == 0

    def test_they_travel_whole(self, contract, curve):
        for made in (value(contract), value(curve, horizon=5)):
            assert pickle.loads(pickle.dumps(made)) == made
            assert copy.deepcopy(made) == made
            assert clm.from_json(clm.to_json(made)) == made


class TestRecovery:
    def test_the_interval_holds_what_it_states(self):
        # 200 samples: at a true coverage of 95 percent the share has a standard error of 1.5 percent.
        truth = clm.ShiftedBetaGeometric().with_params({"alpha": 1.0, "beta": 4.0}, unit="month")
        wanted, seen = (value(truth, horizon=horizon).value for horizon in (None, 6))
        held = []
        for replication in range(200):
            path = truth.simulate(600, horizon=6, rng=np.random.default_rng([21, replication]))
            lost = -np.diff(path)
            ends = clm.Durations([*range(1, 7), 6], [True] * 6 + [False], weights=[*lost, path[-1]], unit="month")
            (a, b), (c, d) = (
                value(clm.ShiftedBetaGeometric().fit(ends)).confidence_interval(),
                value(clm.kaplan_meier(ends), horizon=6).confidence_interval(),
            )
            held.append((a <= wanted <= b, c <= seen <= d))
        assert all(0.905 <= share <= 0.99 for share in np.mean(held, axis=0)), np.mean(held, axis=0)
