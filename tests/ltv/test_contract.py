"""Contracts: the published numbers, refusals that name the reason, and what must agree with what."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, special, stats

import clm
from clm.ltv._contract_counts import count_limits
from clm.ltv._contract_curve import ContractCurve
from clm.ltv._contract_lifetime import discounted
from clm.ltv._contract_likelihood import ContractLikelihood
from clm.stats import central_differences

# Fader and Hardie (2007), Table 1, percent of 1,000 customers after 0 to 7 years; years 8 to 12 were held out.
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
HELD_OUT = {"high end": [0.468, 0.445, 0.427, 0.409, 0.394], "regular": [0.223, 0.207, 0.194, 0.183, 0.173]}
# Fader and Hardie (2010), Marketing Science 29, Table 1: five yearly cohorts of 10,000.
COHORTS = [[10000, 6334, 4367, 3264, 2604][:years] for years in (5, 4, 3, 2, 1)]

MODELS = (clm.ShiftedBetaGeometric(), clm.BetaDiscreteWeibull())


@pytest.fixture(scope="module")
def high_end():
    return clm.ShiftedBetaGeometric().fit(HIGH_END, unit="year")


@pytest.fixture(scope="module")
def weibull():
    return clm.BetaDiscreteWeibull().fit(HIGH_END, unit="year")


class TestInputs:
    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize(
        ("survivors", "message"),
        [
            ([], "nobody was observed to decide"),
            ([100], "nobody was observed to decide"),
            ([[5], [7], []], "nobody was observed to decide"),
            ([0, 0, 0], "nobody was observed to decide"),
            ([100, 100, 100], "none of the 100 customers left at any of 2 renewals"),
            ([100, 0], "all 100 customers left at the first renewal"),
            ([100, 80], r"take . renewals or more, but customers were observed at 1"),
            ([1.0, 0.869, 0.743], "survivors holds 0.869 at period 1, but whole numbers of customers"),
            ([100, 86.9, 74.3], "survivors holds 86.9 at period 1"),
            ([100, 80, 85], "survivors rises from 80 to 85 at period 2"),
            ([100, None, 80], "survivors holds nan at period 1"),
            ([100, -3], "survivors holds -3"),
            ([100, np.inf], "survivors holds inf"),
            ({"january": [100, 80, 70], "may": [90, 95]}, "cohort 'may' rises from 90 to 95 at period 1"),
            ([[100, 80], [90, 95]], "cohort 1 rises"),
            (["100", "80"], "holds text"),
            ("1000", "not str"),
            (None, "not NoneType"),
            (1000, "not int"),
            ([True, False], "holds booleans"),
        ],
    )
    def test_what_is_wrong_with_survivors(self, model, survivors, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            model.fit(survivors)

    @pytest.mark.parametrize(
        ("durations", "message"),
        [
            (([1.5, 2], [True, False]), "no whole number of periods in 1 of 2 rows, first at row 0"),
            (([0, 2], [True, False]), "duration is 0, but the end was seen in 1 of 2 rows, first at row 0"),
            (([1, 2e5], [True, False]), "above 100,000 periods in 1 of 2 rows"),
            (([], []), "nobody was observed to decide"),
        ],
    )
    def test_what_is_wrong_with_durations(self, durations, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.ShiftedBetaGeometric().fit(clm.Durations(*durations))

    def test_entry_must_be_whole_too(self):
        with pytest.raises(clm.InvalidDataError, match="entry is no whole number"):
            clm.ShiftedBetaGeometric().fit(clm.Durations([3, 2], [True, False], entry=[0.5, 0]))

    def test_units(self):
        with pytest.raises(clm.InvalidDataError, match="unit 'fortnight' is not one of period, hour"):
            clm.ShiftedBetaGeometric().fit(HIGH_END, unit="fortnight")
        durations = clm.Durations([1, 2, 3], [True, True, False], unit="week")
        with pytest.raises(clm.InvalidDataError, match="the data count in weeks"):
            clm.ShiftedBetaGeometric().fit(durations, unit="day")
        with pytest.raises(clm.InvalidDataError, match="unit"):
            clm.ShiftedBetaGeometric().with_params({"alpha": 1, "beta": 2}, unit="moon")

    def test_too_few_renewals_for_three_parameters_name_the_model_with_two(self):
        with pytest.raises(clm.InvalidDataError, match=r"3 parameters.*observed at 2.*clm.ShiftedBetaGeometric"):
            clm.BetaDiscreteWeibull().fit([100, 80, 70])

    @pytest.mark.parametrize("t", [-1, 1.5, "a", None, np.nan, np.inf, [[1]]])
    def test_times_are_whole(self, high_end, t):
        for ask in (high_end.survival, high_end.retention_rate, high_end.churn_rate, high_end.residual_lifetime):
            with pytest.raises(clm.InvalidDataError):
                ask(t)

    def test_other_arguments(self, high_end):
        for ask in (
            lambda: high_end.retention_rate(0),
            lambda: high_end.expected_lifetime(discount=-0.1),
            lambda: high_end.expected_lifetime(discount=np.nan),
            lambda: high_end.expected_lifetime(horizon=1.5),
            lambda: high_end.expected_survivors(-1, 3),
            lambda: high_end.expected_survivors(1.5, 3),
            lambda: high_end.prediction_interval(10, 3, level=95),
            lambda: high_end.simulate(10, horizon=-1),
            lambda: high_end.simulate(10, horizon=3, rng="x"),
        ):
            with pytest.raises(clm.InvalidDataError):
                ask()

    def test_a_dated_discount_needs_the_length_of_a_period(self, high_end):
        yearly = clm.Discount(0.1, per="year")
        dated = high_end.expected_lifetime(discount=yearly)
        assert dated.value == pytest.approx(high_end.expected_lifetime(discount=0.1).value, rel=1e-14)
        with pytest.raises(clm.InvalidDataError, match=r"periods of unknown length.*unit='month'"):
            clm.ShiftedBetaGeometric().fit(HIGH_END).expected_lifetime(discount=yearly)

    def test_a_likelihood_ratio_needs_nested_fits_of_the_same_customers(self, high_end, weibull):
        for wider, simpler, message in (
            (high_end, weibull, "simpler must be a fit"),
            (weibull, weibull, "simpler must be a fit"),
            (weibull, 3, "simpler must be a fit"),
            (weibull, clm.ShiftedBetaGeometric().fit(REGULAR), "to the same customers"),
            (clm.BetaDiscreteWeibull().with_params({"alpha": 1, "beta": 1, "c": 1}), high_end, "must be fitted"),
        ):
            with pytest.raises(clm.InvalidDataError, match=message):
                wider.likelihood_ratio_test(simpler)


class TestPublishedNumbers:
    def test_high_end_customers(self, high_end):
        # Fader and Hardie (2007): alpha .668, beta 3.806, log-likelihood -1611.2.
        assert high_end.params == pytest.approx({"alpha": 0.668088, "beta": 3.806095}, abs=5e-7)
        assert high_end.loglik == pytest.approx(-1611.1581, abs=5e-5)
        assert high_end.survival(range(8, 13)).value == pytest.approx(
            [0.4604, 0.4358, 0.4142, 0.3951, 0.3780], abs=6e-5
        )
        assert high_end.n == 1000
        assert high_end.survival([8, 9]).index.tolist() == [8, 9]
        assert "0.6681" in high_end.summary()

    def test_regular_customers(self):
        # Fader and Hardie (2007): alpha .704, beta 1.182, log-likelihood -1680.3.
        fit = clm.ShiftedBetaGeometric().fit(REGULAR)
        assert fit.params == pytest.approx({"alpha": 0.704077, "beta": 1.182043}, abs=5e-7)
        assert fit.loglik == pytest.approx(-1680.2652, abs=5e-5)
        rates = [0.6267, 0.7560, 0.8188, 0.8559, 0.8804, 0.8978, 0.9107]
        assert fit.retention_rate(range(1, 8)).value == pytest.approx(rates, abs=6e-5)
        assert fit.survival(range(8, 13)).value == pytest.approx([0.2201, 0.2044, 0.1912, 0.1799, 0.1700], abs=6e-5)

    def test_lifetimes(self):
        # DEL and DERL by 2F1 in Fader and Hardie (2010), eqs. 6 and 7, at d = 10 percent; sums in 15 digits agree.
        for given_params, lifetime, residual in (
            ((0.668, 3.806), 5.9225964, [5.4148560, 5.9017532, 6.2942606, 6.6202803, 6.8970574, 7.5299495]),
            ((0.704, 1.182), 3.6951474, [2.9646621, 4.1034586, 4.8701374, 5.4423913, 5.8944229, 6.8426171]),
        ):
            fit = clm.ShiftedBetaGeometric().with_params(dict(zip(("alpha", "beta"), given_params, strict=True)))
            assert fit.expected_lifetime(discount=0.1).value == pytest.approx(lifetime, abs=6e-8)
            found = fit.residual_lifetime([0, 1, 2, 3, 4, 7], discount=0.1)
            assert found.value == pytest.approx(residual, abs=6e-8)
            assert fit.residual_lifetime(7, discount=0.1).value == found.value[-1]

    def test_a_base_of_customers_who_differ(self):
        # Data of Fader and Hardie (2010); the residual value of all at 100 a year, computed twice by other programs.
        alone, together = (clm.ShiftedBetaGeometric().fit(data) for data in (COHORTS[0], COHORTS))
        assert alone.params == pytest.approx({"alpha": 1.55234, "beta": 2.63979}, abs=5e-6)
        assert alone.loglik == pytest.approx(-14610.7682, abs=5e-5)
        assert together.params == pytest.approx({"alpha": 1.66709, "beta": 2.85661}, abs=5e-6)
        assert together.loglik == pytest.approx(-44644.1155, abs=5e-5)
        for fit, value in ((alone, 7_546_491), (together, 7_334_214)):
            residual = fit.residual_lifetime([4, 3, 2, 1, 0], discount=0.1).value
            assert 100 * residual @ [2604, 3264, 4367, 6334, 10000] == pytest.approx(value, abs=1)

    def test_held_out_years(self, high_end, weibull):
        # Mean absolute percentage errors of years 8 to 12 as computed from the published percentages: 2.8 and 1.5.
        regular = clm.ShiftedBetaGeometric().fit(REGULAR)
        for fit, name, stated in ((high_end, "high end", 0.028), (regular, "regular", 0.015)):
            actual = np.array(HELD_OUT[name])
            assert np.abs(fit.survival(range(8, 13)).value / actual - 1).mean() == pytest.approx(stated, abs=6e-4)
        # Fader, Hardie, Liu, Davin and Steenburgh (2018): duration dependence improves on that where it is needed.
        actual = np.array(HELD_OUT["high end"])
        assert np.abs(weibull.survival(range(8, 13)).value / actual - 1).mean() < 0.015

    def test_another_program_finds_the_same_weibull(self, weibull):
        def cost(at):
            a, b, c = np.exp(at)
            survival = np.exp(special.betaln(a, b + np.arange(8.0) ** c) - special.betaln(a, b))
            return -(-np.diff(HIGH_END) @ np.log(-np.diff(survival)) + HIGH_END[-1] * np.log(survival[-1]))

        found = optimize.minimize(cost, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10})
        assert np.log(list(weibull.params.values())) == pytest.approx(found.x, abs=1e-5)
        assert weibull.loglik == pytest.approx(-found.fun, abs=1e-8)


class TestConsistency:
    # Logarithms of survival and of the retention rate at t, in 50 digits by mpmath 1.4.
    EXTREME = (
        (0.668, 3.806, 1, 10000, -5.288554058723918, -6.67790314089618e-5),
        (3e-4, 0.05, 1, 500, -0.007995468676466741, -6.011419894373522e-7),
        (3000, 10000, 1, 7, -1.836065421576999, -0.2622258763809468),
        (50, 0.0001, 1.7, 2, -21.05735863353191, -7.934993256129579),
        (0.01, 1.182, 0.3, 10000, -0.03111336206993404, -2.874629152414527e-7),
        (3, 30, 1.7, 500, -21.39597997819778, -0.01020203766309054),
    )

    @pytest.mark.parametrize(("alpha", "beta", "c", "t", "survival", "retention"), EXTREME)
    def test_extreme_parameters_and_long_contracts(self, alpha, beta, c, t, survival, retention):
        curve = ContractCurve(alpha, beta, float(c))
        assert float(curve.log_survival(t)) == pytest.approx(survival, rel=1e-11)
        assert float(curve.log_retention(t)) == pytest.approx(retention, rel=1e-9)

    @pytest.mark.parametrize("params", [(1e150, 1e-150, 1), (1e-300, 1e300, 1), (0.5, 0.5, 300), (1e-9, 1e-9, 1e-9)])
    def test_absurd_parameters_give_shares_all_the_same(self, params):
        fit = clm.BetaDiscreteWeibull().with_params(dict(zip(("alpha", "beta", "c"), params, strict=True)))
        times = [1, 2, 1000, 10**9]
        for found in (fit.survival(times), fit.retention_rate(times), fit.churn_rate(times)):
            assert ((found.value >= 0) & (found.value <= 1)).all()
        assert 1 <= fit.expected_lifetime(discount=0.1).value <= 11 + 1e-9

    def test_hardly_differing_customers_are_a_constant_rate(self):
        fit = clm.ShiftedBetaGeometric().with_params({"alpha": 1e10, "beta": 1e10})
        assert fit.survival([1, 10]).value == pytest.approx([0.5, 0.5**10], rel=1e-7)
        assert fit.expected_lifetime().value == pytest.approx(2, rel=1e-9)

    @pytest.mark.parametrize(
        ("alpha", "beta", "c", "d", "lifetime"),
        [
            # By mpmath: 2F1(1, beta; alpha + beta; 1 / (1 + d)) for c = 1, else 3,000 terms and Euler-Maclaurin.
            (0.7, 1.2, 1, 0.01, 9.597323310286634102),
            (0.7, 1.2, 1, 0.0001, 46.670159449486224616),
            (1.5, 3, 1, 1e-06, 6.9794252364306498067),
            (2500, 40000, 1, 0.001, 16.738639462193851663),
            (0.05, 0.3, 1, 0.001, 622.36052461203846295),
            (0.5, 3, 1.6, 0.0001, 40.320006340119984163),
            (2, 4, 0.4, 0.001, 85.448600800158846908),
            (3, 8, 0.5, 0, 80.729368865973931736),
            (0.3, 1, 0.2, 1e-05, 45671.417874156935187),
        ],
    )
    def test_endless_sums(self, alpha, beta, c, d, lifetime):
        value, _ = discounted(ContractCurve(alpha, beta, float(c)), 0, given=0, delta=float(np.log1p(d)))
        assert value == pytest.approx(lifetime, rel=1e-11)

    @pytest.mark.parametrize(("alpha", "beta"), [(1.01, 3.0), (1.5, 0.2), (50.0, 2000.0)])
    def test_an_undiscounted_lifetime_has_a_closed_form(self, alpha, beta):
        # E[1 / theta] over Beta(alpha, beta)
        fit = clm.ShiftedBetaGeometric().with_params({"alpha": alpha, "beta": beta})
        assert fit.expected_lifetime().value == pytest.approx((alpha + beta - 1) / (alpha - 1), rel=1e-10)

    @pytest.mark.parametrize("count", [0, 1, 5, 1024, 1025, 3000, 200_000])
    @pytest.mark.parametrize("delta", [0.0, 0.001])
    def test_sums_with_an_end(self, count, delta):
        curve = ContractCurve(0.7, 1.2, 0.8)
        k = np.arange(float(count))
        terms = np.exp(curve.log_survival(3 + k) - curve.log_survival(2) - delta * k)
        value, _ = discounted(curve, 3, given=2, delta=delta, count=count)
        assert value == pytest.approx(terms.sum(), rel=1e-12)

    @given(
        hnp.arrays(float, 6, elements=st.integers(0, 50).map(float)),
        hnp.arrays(float, 6, elements=st.integers(1, 500).map(float)),
        st.tuples(st.floats(-4, 4), st.floats(-4, 4), st.floats(-1.5, 2)),
        st.sampled_from([2, 3]),
    )
    def test_gradient_and_hessian(self, lost, stayed, at, size):
        likelihood = ContractLikelihood(
            lost=lost, stayed=stayed, centre=np.array([0.1, 0.5, 0.2])[:size], stretch=np.array([1.0, 1.4, 0.5])[:size]
        )
        at = np.array(at)[:size]
        value, gradient, hessian = likelihood(at)
        scale = 1 + abs(value) + np.abs(hessian).max()
        numeric = central_differences(lambda x: np.asarray(likelihood(x)[0]), at, step=1e-5)
        assert gradient == pytest.approx(numeric, abs=2e-7 * scale)
        assert hessian == pytest.approx(
            central_differences(lambda x: likelihood(x)[1], at, step=1e-5), abs=2e-6 * scale
        )

    def test_the_weibull_with_c_of_one_is_the_shifted_beta_geometric(self):
        given_params = {"alpha": 0.668, "beta": 3.806}
        simple = clm.ShiftedBetaGeometric().with_params(given_params)
        wider = clm.BetaDiscreteWeibull().with_params(given_params | {"c": 1.0})
        near = clm.BetaDiscreteWeibull().with_params(given_params | {"c": 1 + 1e-10})
        times = [1, 2, 10, 1000]
        for other in (wider, near):
            assert other.survival(times).value == pytest.approx(simple.survival(times).value, rel=1e-8)
            assert other.retention_rate(times).value == pytest.approx(simple.retention_rate(times).value, rel=1e-8)
            lifetimes = (fit.residual_lifetime([0, 9], discount=0.02).value for fit in (other, simple))
            assert next(lifetimes) == pytest.approx(next(lifetimes), rel=1e-8)

    def test_a_likelihood_ratio(self, high_end, weibull):
        test = weibull.likelihood_ratio_test(high_end)
        assert test.statistic == pytest.approx(2 * (weibull.loglik - high_end.loglik))
        assert test.p_value == pytest.approx(stats.chi2.sf(test.statistic, 1))
        assert test.df == 1
        assert weibull.loglik >= high_end.loglik

    @pytest.mark.parametrize("model", MODELS)
    def test_durations_weights_and_cohorts_are_the_same_data(self, model):
        lost = -np.diff(HIGH_END)
        ages = np.append(np.repeat(np.arange(1, 8), lost), np.full(HIGH_END[-1], 7))
        seen = np.append(np.ones(lost.sum(), bool), np.zeros(HIGH_END[-1], bool))
        shuffled = np.random.default_rng(1).permutation(len(ages))
        halves = [[500, *(np.array(HIGH_END[1:]) // 2)], [500, *(np.array(HIGH_END[1:]) - np.array(HIGH_END[1:]) // 2)]]
        plain = model.fit(HIGH_END)
        for other in (
            clm.Durations(ages[shuffled], seen[shuffled], unit="year"),
            clm.Durations([*range(1, 8), 7], [True] * 7 + [False], weights=[*lost, HIGH_END[-1]], unit="year"),
            clm.Durations(ages, seen, entry=np.zeros(len(ages)), unit="year"),
            halves,
            {"even": halves[0], "odd": halves[1]},
            np.array([[*row, np.nan] for row in halves]),
            np.array(HIGH_END),
            tuple(HIGH_END),
        ):
            fit = model.fit(other)
            assert fit.params == pytest.approx(plain.params, rel=1e-7)
            assert fit.loglik == pytest.approx(plain.loglik, rel=1e-12)
            assert fit.standard_errors == pytest.approx(plain.standard_errors, rel=1e-5)
            assert fit.n == plain.n == 1000

    def test_late_entry_and_censoring_are_exact(self):
        # Rows (entry, duration, seen): each contributes S(duration) or its last step, over S(entry).
        rows = [(0, 3, True), (2, 3, True), (1, 5, False), (4, 6, True), (0, 1, True), (3, 9, False), (0, 2, True)]
        fit = clm.ShiftedBetaGeometric().fit(
            clm.Durations([r[1] for r in rows], [r[2] for r in rows], entry=[r[0] for r in rows], weights=[9] * 7)
        )

        def loglik(at):
            curve = clm.ShiftedBetaGeometric().with_params(dict(zip(("alpha", "beta"), np.exp(at), strict=True)))
            s = curve.survival(range(10)).value
            return 9 * sum(np.log(((s[d - 1] - s[d]) if seen else s[d]) / s[e]) for e, d, seen in rows)

        assert fit.loglik == pytest.approx(loglik(fit.parameters.log_values), rel=1e-12)
        assert central_differences(lambda at: np.asarray(loglik(at)), fit.parameters.log_values) == pytest.approx(
            np.zeros(2), abs=1e-4
        )

    def test_customers_who_never_decided_change_nothing(self, high_end):
        fit = clm.ShiftedBetaGeometric().fit([HIGH_END, [400], [0, 0]], unit="year")
        assert fit == high_end

    def test_identities(self, high_end, weibull):
        for fit in (high_end, weibull):
            lifetime, residual = fit.expected_lifetime(discount=0.1), fit.residual_lifetime(0, discount=0.1)
            assert lifetime.value == pytest.approx(1 + residual.value / 1.1, rel=1e-13)
            times = np.arange(1, 30)
            assert np.cumprod(fit.retention_rate(times).value) == pytest.approx(fit.survival(times).value, rel=1e-12)
            churn, stays = fit.churn_rate(times), fit.retention_rate(times)
            assert churn.value + stays.value == pytest.approx(1.0)
            assert churn.standard_error == pytest.approx(stays.standard_error)
            ended = fit.expected_lifetime(discount=0.1, horizon=5)
            assert ended.value == pytest.approx((fit.survival(range(6)).value * 1.1 ** -np.arange(6.0)).sum())
            later = fit.residual_lifetime(2, discount=0.1, horizon=3).value
            kept = fit.survival([2, 3, 4, 5]).value
            assert later == pytest.approx((kept[1:] / kept[0] * 1.1 ** -np.arange(3.0)).sum())
            assert fit.expected_survivors(50, [0, 3], renewals=2).value == pytest.approx([50, 50 * kept[3] / kept[0]])
            assert fit.survival(0).confidence_interval().low == 1

    @pytest.mark.parametrize("model", MODELS)
    def test_errors_are_the_delta_method(self, model):
        fit = model.fit(HIGH_END)

        def at(log_values):
            return model.with_params(dict(zip(fit.params, np.exp(log_values), strict=True)))

        covariance = fit.parameters.log_covariance
        for ask in (
            lambda f: f.survival([1, 5, 40]),
            lambda f: f.retention_rate([1, 5, 40]),
            lambda f: f.expected_survivors(70, [1, 5], renewals=3),
            lambda f: f.residual_lifetime([0, 9], discount=0.03),
            lambda f: f.residual_lifetime([0, 9], discount=0.03, horizon=2000),
        ):
            slope = central_differences(lambda x, ask=ask: ask(at(x)).value, fit.parameters.log_values)
            expected = np.sqrt(np.einsum("ij,jk,ik->i", slope, covariance, slope))
            assert ask(fit).standard_error == pytest.approx(expected, rel=1e-5)
        total = fit.survival([1, 2, 3]).sum()
        slope = central_differences(lambda x: at(x).survival([1, 2, 3]).value, fit.parameters.log_values).sum(axis=0)
        assert total.standard_error == pytest.approx(np.sqrt(slope @ covariance @ slope), rel=1e-6)

    def test_an_infinite_lifetime_is_undefined_and_says_why(self, high_end, weibull):
        for fit, name in ((high_end, "alpha is 0.6681"), (weibull, "alpha c is 0.3693")):
            for found in (fit.expected_lifetime(), fit.residual_lifetime(3)):
                assert np.isnan(found.value)
                assert name in found.undefined
                assert "infinite for 1 or less" in found.undefined
            assert list(fit.residual_lifetime([0, 1]).undefined) == [fit.expected_lifetime().undefined] * 2
            assert np.isfinite(fit.expected_lifetime(horizon=10**6).value)

    def test_what_may_be_infinite_is_said(self):
        # alpha near 1.2, from 1,000 customers
        fit = clm.ShiftedBetaGeometric().fit([1000, 720, 563, 463, 390, 338, 299, 268])
        assert fit.params["alpha"] > 1
        assert any("may be 1 or less" in caveat for caveat in fit.expected_lifetime().caveats)
        assert not any("may be 1 or less" in caveat for caveat in fit.expected_lifetime(discount=0.1).caveats)

    def test_limits_stay_inside_what_is_possible(self):
        fit = clm.ShiftedBetaGeometric().fit([12, 9, 8, 8])
        for found, least, most in (
            (fit.expected_lifetime(horizon=3), 1, 4),
            (fit.expected_lifetime(discount=0.1), 1, 11),
            (fit.expected_lifetime(discount=0.25, horizon=2), 1, 1 + 0.8 + 0.64),
            (fit.residual_lifetime(2, horizon=4), 0, 4),
            (fit.residual_lifetime(2, discount=0.1), 0, 11),
            (fit.expected_survivors(12, 9), 0, 12),
        ):
            low, high = found.confidence_interval(0.9999)
            assert least <= low < found.value < high <= most
        certain = fit.expected_lifetime(horizon=0)
        assert tuple(certain.confidence_interval()) == (1, 1)

    def test_fitted_counts_are_data_too(self, high_end):
        assert clm.ShiftedBetaGeometric().fit(high_end.renewals) == high_end
        with pytest.raises(clm.InvalidDataError, match="data count in years"):
            clm.ShiftedBetaGeometric().fit(high_end.renewals, unit="day")

    def test_extrapolation_is_said(self, high_end):
        assert high_end.survival(7).caveats == ()
        assert "extrapolated beyond renewal 7" in high_end.survival([1, 8]).caveats[0]
        assert "extrapolated beyond renewal 7" in high_end.expected_lifetime(discount=0.1).caveats[0]
        assert high_end.expected_lifetime(discount=0.1, horizon=7).caveats == ()
        assert high_end.expected_survivors(10, 3, renewals=4).caveats == ()
        assert high_end.expected_survivors(10, 4, renewals=4).caveats

    def test_given_parameters_have_no_intervals_and_say_so(self):
        fit = clm.ShiftedBetaGeometric().with_params({"alpha": 0.7, "beta": 1.2})
        low, high = fit.survival([1, 2]).confidence_interval()
        assert np.isnan(low).all()
        assert np.isnan(high).all()
        interval = fit.prediction_interval(10, [1, 2])
        assert np.isnan(interval.low).all()
        assert "were given" in interval.method
        assert np.isnan(fit.loglik)
        assert fit.renewals is None

    @pytest.mark.parametrize(("share", "error"), [(0.3, 0.0), (0.3, 0.02), (0.97, 0.01), (0.5, 0.45)])
    def test_limits_of_a_count(self, share, error):
        low, high = count_limits(60, share, error, 0.9)
        if error:
            together = share * (1 - share) / error**2 - 1
            chance = stats.betabinom(60, share * together, (1 - share) * together)
        else:
            chance = stats.binom(60, share)
        assert (low, high) == (chance.ppf(0.05), chance.ppf(0.95))

    def test_large_cohorts_go_on_where_small_ones_stop(self):
        small, large = (np.array(count_limits(n, 0.4, 0.003, 0.95)) / n for n in (100_000, 100_001))
        assert large == pytest.approx(small, abs=3e-5)

    def test_prediction_intervals_hold_the_expectation_and_widen(self, high_end):
        counts = high_end.prediction_interval(491, range(6), renewals=7)
        expected = high_end.expected_survivors(491, range(6), renewals=7)
        low, high = expected.confidence_interval()
        assert counts.low[0] == counts.high[0] == 491
        assert (counts.low[1:] < low[1:]).all()
        assert (counts.high[1:] > high[1:]).all()
        assert (np.diff(counts.high - counts.low) > 0).all()
        single = high_end.prediction_interval(491, 3, renewals=7)
        assert (single.low, single.high) == (counts.low[3], counts.high[3])
        assert (high_end.prediction_interval(0, 3).low, high_end.prediction_interval(1, 3).high) == (0, 1)

    def test_they_travel_whole(self, high_end, weibull):
        for made in (high_end, weibull, *MODELS, high_end.renewals, weibull.likelihood_ratio_test(high_end)):
            assert pickle.loads(pickle.dumps(made)) == made
            assert copy.deepcopy(made) == made
        for made in (high_end, weibull, high_end.renewals, high_end.expected_survivors(10, [1, 2])):
            assert clm.from_json(clm.to_json(made)) == made
        assert high_end != weibull
        assert clm.to_frame(high_end.renewals, "pandas").shape == (7, 4)
        with pytest.raises(ValueError, match="read-only"):
            high_end.renewals.lost[0] = 3

    def test_observed_survival_is_the_product_limit(self):
        renewals = clm.ShiftedBetaGeometric().fit(HIGH_END).renewals
        assert renewals.observed == pytest.approx(np.array(HIGH_END) / 1000)
        durations = clm.Durations([1, 1, 1, 2, 2, 3, 5, 6], [True, True, True, True, False, False, True, False])
        renewals = clm.ShiftedBetaGeometric().fit(durations).renewals
        assert renewals.observed == pytest.approx(clm.kaplan_meier(durations).at(range(7)).value)


class TestRecovery:
    @pytest.mark.parametrize(
        ("survivors", "message"),
        [
            ([1000, 900, 810, 729, 656, 590], "customers do not differ in how likely they are to leave"),
            ([1000, 999, 998, 997, 500], "or clm.BetaDiscreteWeibull where churn rises"),
            ([1000, 500, 500, 500, 500], "some leave at their first renewal and the others never"),
        ],
    )
    def test_no_maximum_inside(self, survivors, message):
        with pytest.warns(clm.IdentifiabilityWarning, match=message) as seen:
            fit = clm.ShiftedBetaGeometric().fit(survivors)
        assert seen[0].filename == __file__
        assert np.isnan(fit.standard_errors["alpha"])
        assert np.isnan(fit.survival(3).confidence_interval().low)
        assert np.isnan(fit.prediction_interval(100, 3).low)
        assert np.isfinite(fit.survival(range(20)).value).all()

    def test_one_churn_rate_is_the_limit_where_customers_do_not_differ(self):
        with pytest.warns(clm.IdentifiabilityWarning):
            fit = clm.ShiftedBetaGeometric().fit([10**8, 9 * 10**7, 81 * 10**6, 729 * 10**5])
        assert fit.survival(10).value == pytest.approx(0.9**10, rel=2e-3)

    def test_steps_beyond_any_power_are_said(self):
        # Hardly anyone leaves first, then many: as when a trial ends. c has no finite maximum.
        with pytest.warns(
            clm.IdentifiabilityWarning, match="c runs to infinity: every customer stays for a time fixed"
        ):
            fit = clm.BetaDiscreteWeibull().fit([1000, 950, 700, 600, 550, 520])
        assert fit.survival(range(6)).value == pytest.approx([1, 0.95, 0.7, 0.6, 0.55, 0.52], abs=0.05)

    def test_few_data_are_said(self):
        assert any(
            "only 20 customers left" in note for note in clm.ShiftedBetaGeometric().fit([60, 48, 42, 40]).caveats
        )
        assert any("nothing tests its shape" in note for note in clm.ShiftedBetaGeometric().fit([100, 80, 70]).caveats)
        assert clm.ShiftedBetaGeometric().fit(HIGH_END).caveats == ()

    @pytest.mark.parametrize("params", [{"alpha": 0.8, "beta": 3.0}, {"alpha": 0.5, "beta": 2.0, "c": 1.4}])
    def test_the_parameters_come_back(self, params):
        model = MODELS["c" in params]
        survivors = model.with_params(params).simulate(200_000, horizon=12, rng=3)
        assert survivors[0] == 200_000
        fit = model.fit(survivors)
        for name, truth in params.items():
            assert abs(np.log(fit.params[name] / truth)) < 4 * fit.standard_errors[name] / fit.params[name]
        assert fit.diagnostics.starts_agreeing == fit.diagnostics.starts

    def test_daily_renewals_are_as_well_known_as_yearly_ones(self):
        params = {"alpha": 0.4, "beta": 5.0}
        fit = clm.ShiftedBetaGeometric().fit(
            clm.ShiftedBetaGeometric().with_params(params).simulate(5000, horizon=20_000, rng=4)
        )
        assert fit.parameters.undefined is None
        for name, truth in params.items():
            assert abs(np.log(fit.params[name] / truth)) < 4 * fit.standard_errors[name] / fit.params[name]

    def test_intervals_hold_what_they_state(self):
        # 200 samples: at a true coverage of 95 percent the share has a standard error of 1.5 percent.
        held = cover(clm.ShiftedBetaGeometric(), {"alpha": 0.8, "beta": 3.0}, customers=500, observed=6, seed=11)
        assert len(held["alpha"]) >= 198  # in the others alpha runs to infinity
        assert all(0.905 <= np.mean(hits) <= 0.99 for hits in held.values()), held

    @pytest.mark.slow
    def test_intervals_of_the_weibull_hold_what_they_state(self):
        params = {"alpha": 0.8, "beta": 3.0, "c": 1.3}
        held = cover(clm.BetaDiscreteWeibull(), params, customers=3000, observed=8, seed=12)
        assert len(held["alpha"]) >= 190
        assert all(0.9 <= np.mean(hits) <= 0.995 for hits in held.values()), held


def cover(model, params, *, customers, observed, seed):
    """Note, for 200 cohorts, which intervals hold the truth, and the survivors twice as long afterwards."""
    truth = model.with_params(params)
    later = 2 * observed
    targets = {
        "survival": (lambda fit: fit.survival(later), truth.survival(later).value),
        "retention": (lambda fit: fit.retention_rate(later), truth.retention_rate(later).value),
        "DEL": (lambda fit: fit.expected_lifetime(discount=0.1), truth.expected_lifetime(discount=0.1).value),
        "DERL": (lambda fit: fit.residual_lifetime(3, discount=0.1), truth.residual_lifetime(3, discount=0.1).value),
    }
    held = {name: [] for name in (*params, *targets, "count")}
    for replication in range(200):
        path = truth.simulate(customers, horizon=later, rng=np.random.default_rng([seed, replication]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", clm.IdentifiabilityWarning)
            fit = model.fit(path[: observed + 1])
        if fit.parameters.undefined is not None:
            continue
        for name, limits in fit.confidence_interval().items():
            held[name].append(limits.low <= params[name] <= limits.high)
        for name, (ask, value) in targets.items():
            low, high = ask(fit).confidence_interval()
            held[name].append(low <= value <= high)
        low, high = fit.prediction_interval(int(path[observed]), later - observed, renewals=observed)
        held["count"].append(low <= path[later] <= high)
    return held
