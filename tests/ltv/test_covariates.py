"""Purchase models with covariates: what is refused, the plain model within, units, tests, and recovery."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from attrs import evolve

import clm
from clm.ltv._covariate_likelihood import CovariateLikelihood, bg_nbd_by_row, pareto_nbd_by_row
from clm.stats import central_differences

YEARLY = clm.Discount(0.10, per="year")
MODELS = {"BG/NBD": clm.BGNBD(), "Pareto/NBD": clm.ParetoNBD()}
TRUTH = {
    "BG/NBD": {
        "r": 0.9, "alpha": 8.0, "a": 0.8, "b": 2.5, "transaction.z": 0.4, "transaction.app": 0.3, "dropout_a.z": 0.0,
        "dropout_a.app": 0.3, "dropout_b.z": -0.2, "dropout_b.app": 0.0,
    },
    "Pareto/NBD": {
        "r": 0.9, "alpha": 8.0, "s": 0.8, "beta": 11.0, "transaction.z": 0.4, "transaction.app": 0.3, "dropout.z": -0.3,
        "dropout.app": 0.5,
    },
}  # fmt: skip


def customers(model, size, rng, *, ahead=39.0):
    """Let customers with covariates buy as the models have it; return histories, covariates, and what follows."""
    truth = TRUTH[model]
    known = {"z": rng.normal(0, 1, size), "app": (rng.random(size) < 0.4).astype(float)}

    def times(role):
        return np.exp(sum(truth[f"{role}.{name}"] * column for name, column in known.items()))

    until = rng.uniform(27, 39, size)
    rate = rng.gamma(truth["r"], 1, size) / truth["alpha"] * times("transaction")
    bought = np.cumsum(rng.exponential(1, (size, 300)) / np.maximum(rate, 1e-300)[:, None], axis=1)
    if model == "BG/NBD":
        chance = rng.beta(truth["a"] * times("dropout_a"), truth["b"] * times("dropout_b"))
        bought[np.arange(300) >= rng.geometric(np.maximum(chance, 1e-15))[:, None]] = np.inf
    else:
        leaving = rng.gamma(truth["s"], 1, size) / truth["beta"] * times("dropout")
        bought[bought > (rng.exponential(1, size) / np.maximum(leaving, 1e-300))[:, None]] = np.inf
    seen = bought <= until[:, None]
    rfm = clm.RFM.from_arrays(seen.sum(axis=1), np.where(seen, bought, 0).max(axis=1), until, unit="week")
    afterwards = ((bought > until[:, None]) & (bought <= until[:, None] + ahead)).sum(axis=1)
    return rfm, known, afterwards


@pytest.fixture(scope="module")
def cdnow():
    return clm.rfm(clm.datasets.cdnow(), unit="week", through="1997-09-30")


@pytest.fixture(scope="module", params=list(MODELS))
def model(request):
    return request.param


@pytest.fixture(scope="module")
def made(model):
    return customers(model, 1500, np.random.default_rng(3))


@pytest.fixture(scope="module")
def fit(model, made):
    return MODELS[model].fit(made[0], covariates=made[1])


def part(rfm, rows):
    return clm.RFM.from_arrays(rfm.frequency[rows], rfm.recency[rows], rfm.T[rows], unit=rfm.unit)


def alike(one, other):
    """Equal but for rounding: these likelihoods are added up by BLAS, which promises no order."""
    assert list(one.params.values()) == pytest.approx(list(other.params.values()), rel=1e-8)
    assert one.loglik == pytest.approx(other.loglik, rel=1e-12)
    assert one.covariance == pytest.approx(other.covariance, rel=1e-6, abs=1e-12)
    assert one.n == other.n


class TestInputs:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"old": "twice"}, r"covariate old follows from z: their effects cannot be told apart"),
            ({"old": "one"}, "covariate old is the same for all customers"),
            ({"old": "short"}, r"covariate old has 1,499 entries, but there are 1,500 customers"),
            ({"old": "nan"}, "covariate old is missing or infinite in 1 of 1,500 rows, first at row 7"),
            ({"old": "inf"}, "covariate old is missing or infinite"),
            ({"old": "text"}, "covariate old holds text"),
        ],
        ids=str,
    )
    def test_columns_that_say_nothing_are_refused_by_name(self, model, made, change, message):
        z = made[1]["z"]
        at_seven = np.arange(1500) == 7
        column = {
            "twice": 2 * z + 3, "one": np.ones(1500), "short": z[1:], "nan": np.where(at_seven, np.nan, z),
            "inf": np.where(at_seven, np.inf, z), "text": ["x"] * 1500,
        }[change["old"]]  # fmt: skip
        with pytest.raises(clm.InvalidDataError, match=message):
            MODELS[model].fit(made[0], covariates=made[1] | {"old": column})

    def test_a_sum_of_all_classes_is_refused(self, model, made):
        app = made[1]["app"]
        with pytest.raises(clm.InvalidDataError, match="covariate web follows from app"):
            MODELS[model].fit(made[0], covariates={"app": app, "web": 1 - app})

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"covariates": {}}, "covariates are empty"),
            ({"covariates": [1, 2]}, "covariates must be a mapping of names to columns, not list"),
            ({"transaction": ["zz"]}, "transaction='zz' is none of the covariates z, app"),
            ({"dropout": ["z", "z"]}, "dropout names a covariate twice"),
            ({"transaction": [], "dropout": []}, "no covariate is used"),
        ],
        ids=str,
    )
    def test_options(self, model, made, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            MODELS[model].fit(made[0], **{"covariates": made[1], **options})

    def test_roles_need_covariates(self, model, made):
        with pytest.raises(clm.InvalidDataError, match="transaction and dropout name covariates"):
            MODELS[model].fit(made[0], transaction=["z"])

    def test_new_customers_bring_their_own(self, fit, made):
        others = part(made[0], slice(3))
        for ask, message in (
            (lambda: fit.expected_purchases(horizon=9), "covariates of a new customer are needed"),
            (lambda: fit.probability_alive(others), "whom the model was not fitted to, are needed"),
            (lambda: fit.expected_purchases(others, horizon=9, covariates={"z": [1, 2, 3]}), "covariates lack app"),
            (lambda: fit.expected_purchases(horizon=9, covariates={"z": 1, "apps": 1}), "Did you mean 'app'"),
            (lambda: fit.expected_purchases(others, horizon=9, covariates={"z": [1], "app": [0]}), "1 entries, but"),
            (lambda: fit.expected_purchases(horizon=9, covariates=3), "must be a mapping"),
        ):
            with pytest.raises(clm.InvalidDataError, match=message):
                ask()

    def test_likelihood_ratio_needs_one_model_within_the_other(self, fit, model, made, cdnow):
        with pytest.raises(clm.InvalidDataError, match=f"other must be a fit of the {model} model"):
            fit.likelihood_ratio(clm.NBD().fit(made[0]))
        with pytest.raises(clm.InvalidDataError, match="neither model lies within the other"):
            fit.likelihood_ratio(fit)
        with pytest.raises(clm.InvalidDataError, match="fitted to different data"):
            fit.likelihood_ratio(MODELS[model].fit(cdnow))
        with pytest.raises(clm.InvalidDataError, match="other must be"):
            MODELS[model].fit(cdnow).likelihood_ratio(3)

    def test_too_few_kinds_of_customers(self, model):
        few = clm.RFM.from_arrays([1, 2, 0, 3, 1], [3, 4, 0, 5, 2], [9, 9, 9, 9, 8], unit="week")
        with pytest.raises(clm.InvalidDataError, match="only 5 kinds of customers, too few to find"):
            MODELS[model].fit(few, covariates={"z": [1, 2, 3, 4, 5], "y": [2, 1, 2, 1, 1]})


class TestConsistency:
    def test_gradient_and_hessian(self, model, made):
        rfm, known, _ = made
        rng = np.random.default_rng(0)
        design = np.zeros((300, 4, 6))
        design[:, range(4), range(4)] = 1
        design[:, 1, 4], design[:, 3, 5] = known["z"][:300], known["app"][:300]
        likelihood = CovariateLikelihood(
            of_rows=bg_nbd_by_row if model == "BG/NBD" else pareto_nbd_by_row,
            frequency=rfm.frequency[:300], recency=rfm.recency[:300], age=rfm.T[:300],
            weight=rng.integers(1, 4, 300).astype(float), design=design,
        )  # fmt: skip
        at = np.append(np.log(list(TRUTH[model].values())[:4]), [0.3, -0.4])
        _, gradient, hessian = likelihood(at)
        numeric = central_differences(lambda at: np.asarray(likelihood(at)[0]), at, step=1e-5)
        assert gradient == pytest.approx(numeric, rel=1e-6, abs=1e-5)
        assert hessian == pytest.approx(central_differences(lambda at: likelihood(at)[1], at), rel=1e-6, abs=1e-4)

    def test_without_effects_it_is_the_plain_model(self, fit, model, made):
        rfm = made[0]
        values = fit.parameters.values.copy()
        values[4:] = 1.0
        none = evolve(fit, parameters=evolve(fit.parameters, values=values))
        names = fit.parameters.names[:4]
        plain = MODELS[model].with_params(dict(zip(names, values[:4].tolist(), strict=True)), unit="week")
        steep = clm.Discount(0.3, per="year")
        for ask in (
            lambda fit: fit.pointwise_loglik(rfm),
            lambda fit: fit.probability_alive(rfm).value,
            lambda fit: fit.expected_purchases(rfm, horizon=39).value,
            lambda fit: fit.purchase_probability(2, rfm, horizon=39).value,
            lambda fit: fit.residual_purchases(rfm, discount=steep).value,
            lambda fit: fit.prediction_interval(rfm, horizon=39).high,
        ):
            assert ask(none) == pytest.approx(ask(plain), rel=1e-12)
        new = none.expected_purchases(horizon=np.array([1.0, 39.0]), covariates={"z": 2.0, "app": 1})
        assert new.value == pytest.approx(plain.expected_purchases(horizon=np.array([1.0, 39.0])).value, rel=1e-12)

    def test_noise_explains_next_to_nothing(self, model, cdnow):
        noise = np.random.default_rng(5).normal(size=len(cdnow))
        plain, fit = MODELS[model].fit(cdnow), MODELS[model].fit(cdnow, covariates={"noise": noise})
        test = fit.likelihood_ratio(plain)
        assert test.df == len(fit.params) - 4
        assert test.statistic == pytest.approx(2 * (fit.loglik - plain.loglik))
        assert 0 <= test.statistic < 16
        assert test.p_value > 0.001
        assert plain.likelihood_ratio(fit) == test

    def test_the_fit_states_itself(self, fit, model, made):
        rfm = made[0]
        assert fit.pointwise_loglik(rfm).sum() == pytest.approx(fit.loglik, rel=1e-12)
        assert fit.aic == pytest.approx(2 * len(fit.params) - 2 * fit.loglik)
        assert fit.n == 1500
        assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(list(fit.standard_errors.values()))
        limits = fit.confidence_interval(0.9)
        for name, value in fit.params.items():
            assert limits[name].low < value < limits[name].high
        effect = fit.effects["transaction.z"]
        assert float(effect) == fit.params["transaction.z"]
        assert effect.confidence_interval(0.9).low == pytest.approx(limits["transaction.z"].low)
        assert set(fit.effects) == set(list(TRUTH[model])[4:])
        assert fit.diagnostics.converged
        assert "transaction.z" in fit.summary()
        assert pickle.loads(pickle.dumps(fit)) == fit == copy.deepcopy(fit)
        assert clm.from_json(clm.to_json(fit)) == fit
        with pytest.raises(ValueError, match="read-only"):
            fit.known.values[0] = 1

    def test_weights_equal_repeats_and_order_does_not_matter(self, fit, model, made):
        rfm, known, _ = made
        rng = np.random.default_rng(1)
        order = rng.permutation(1500)
        mixed = MODELS[model].fit(part(rfm, order), covariates={name: column[order] for name, column in known.items()})
        alike(mixed, fit)
        times = rng.integers(1, 3, 1500)
        rows = np.repeat(np.arange(1500), times)
        weighted = clm.RFM.from_arrays(rfm.frequency, rfm.recency, rfm.T, weights=times, unit="week")
        once = MODELS[model].fit(weighted, covariates=known)
        again = MODELS[model].fit(part(rfm, rows), covariates={name: column[rows] for name, column in known.items()})
        alike(once, again)
        totals = [
            fit.prediction_interval(rfm, horizon=39, covariates=values).total
            for rfm, values in ((weighted, known), (part(rfm, rows), {n: c[rows] for n, c in known.items()}))
        ]
        assert tuple(totals[0]) == pytest.approx(tuple(totals[1]), abs=1)

    def test_units_of_covariates_and_time(self, fit, model, made):
        rfm, known, _ = made
        shifted = MODELS[model].fit(rfm, covariates={"z": 1000 + 5 * known["z"], "app": known["app"]})
        assert shifted.loglik == pytest.approx(fit.loglik, rel=1e-9)
        assert shifted.params["transaction.z"] == pytest.approx(fit.params["transaction.z"] / 5, rel=1e-5)
        assert shifted.standard_errors["transaction.z"] == pytest.approx(
            fit.standard_errors["transaction.z"] / 5, rel=1e-5
        )
        assert shifted.expected_purchases(rfm, horizon=39).value == pytest.approx(
            fit.expected_purchases(rfm, horizon=39).value, rel=1e-5
        )
        days = clm.RFM.from_arrays(rfm.frequency, rfm.recency * 7, rfm.T * 7, unit="day")
        daily = MODELS[model].fit(days, covariates=known)
        assert daily.params["alpha"] == pytest.approx(7 * fit.params["alpha"], rel=1e-5)
        assert daily.loglik == pytest.approx(fit.loglik - rfm.frequency.sum() * np.log(7), rel=1e-9)

    def test_totals_carry_the_covariance(self, fit, made):
        rfm, known, _ = made
        values = np.stack([known["z"], known["app"]], axis=1)

        def total(log_values):
            return fit.effects_on.process(log_values, values).expected(rfm, 39.0)[0].sum()

        slope = central_differences(total, fit.parameters.log_values)
        error = np.sqrt(slope @ fit.parameters.log_covariance @ slope)
        expected = fit.expected_purchases(rfm, horizon=39)
        assert expected.sum().standard_error == pytest.approx(error, rel=1e-5)
        value = clm.lifetime_value(fit, rfm, order_value=10.0, horizon=39)
        assert value.sum().standard_error == pytest.approx(10 * error, rel=1e-5)

    def test_covariates_may_bear_on_one_process_only(self, model, made):
        rfm, known, _ = made
        buying = MODELS[model].fit(rfm, covariates=known, dropout=[])
        assert list(buying.params)[4:] == ["transaction.z", "transaction.app"]
        leaving = MODELS[model].fit(rfm, covariates=known, transaction="app", dropout="z")
        assert "transaction.z" not in leaving.params
        full = MODELS[model].fit(rfm, covariates=known)
        assert full.likelihood_ratio(buying).df == len(full.params) - 6

    def test_truth_values_count_as_1_and_0(self, fit, model, made):
        rfm, known, _ = made
        assert MODELS[model].fit(rfm, covariates=known | {"app": known["app"] == 1}).parameters == fit.parameters

    def test_undiscounted_purchases_say_why_they_have_no_sum(self, fit, made):
        found = fit.residual_purchases(made[0], discount=clm.Discount(0, per="year"))
        undefined = np.isnan(found.value)
        assert undefined.any()
        assert "not above 1" in np.asarray(found.undefined)[undefined][0]

    def test_simulated_customers(self, fit):
        known = {"z": np.repeat([0.0, 1.0], 3000), "app": np.zeros(6000)}
        orders = fit.simulate(6000, horizon=39, covariates=known, rng=2)
        repeats = np.bincount(orders["customer_id"], minlength=6000) - 1
        for z in (0.0, 1.0):
            expected = float(fit.expected_purchases(horizon=39, covariates={"z": z, "app": 0}))
            some = repeats[known["z"] == z]
            assert some.mean() == pytest.approx(expected, abs=4 * some.std() / np.sqrt(3000))

    def test_nothing_warns(self, fit, made):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit.purchase_probability(0, made[0], horizon=39)
            fit.residual_purchases(made[0], discount=YEARLY)
            fit.expected_purchases(made[0], horizon=0)


class TestRecovery:
    def test_parameters_and_effects_come_back(self, model):
        rfm, known, afterwards = customers(model, 12_000, np.random.default_rng(7))
        fit = MODELS[model].fit(rfm, covariates=known)
        for name, truth in TRUTH[model].items():
            scale = fit.params[name] if name in fit.parameters.names[:4] else 1.0
            away = np.log(fit.params[name] / truth) if name in fit.parameters.names[:4] else fit.params[name] - truth
            assert abs(away) < 4 * fit.standard_errors[name] / scale, name
        expected = fit.expected_purchases(rfm, horizon=39).value
        for some in (known["z"] > 1, known["z"] < -1, known["app"] == 1):
            error = afterwards[some].std() / np.sqrt(some.sum())
            assert afterwards[some].mean() == pytest.approx(expected[some].mean(), abs=5 * error + 0.02)

    def test_intervals_hold_what_they_state(self, model):
        # 40 samples: at a true coverage of 95 percent fewer than 33 hits come once in 700 times.
        held = {name: [] for name in TRUTH[model]}
        total = []
        for seed in range(40):
            rfm, known, afterwards = customers(model, 600, np.random.default_rng([9, seed]))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", clm.IdentifiabilityWarning)
                fit = MODELS[model].fit(rfm, covariates=known)
            if fit.parameters.undefined is not None:
                continue
            for name, (low, high) in fit.confidence_interval(0.95).items():
                held[name].append(low <= TRUTH[model][name] <= high)
            if seed % 4 == 0:
                ends = fit.prediction_interval(rfm, horizon=39).total
                total.append(ends.low <= afterwards.sum() <= ends.high)
        shares = {name: np.mean(hits) for name, hits in held.items()}
        assert all(len(hits) >= 30 for hits in held.values())
        assert all(share >= 0.8 for share in shares.values()), shares
        assert np.mean(total) >= 0.6
