"""Figures of purchase models: what is drawn is what the model and the data say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

mpl = pytest.importorskip("matplotlib")

from matplotlib.figure import Figure  # noqa: E402  # matplotlib may be absent
from tests.plot.test_figures import LONG, texts  # noqa: E402  # as above

import clm  # noqa: E402  # after the optional package
from clm.errors import InvalidDataError  # noqa: E402  # as above

ORDERS = clm.datasets.cdnow()
CALIBRATION, HOLDOUT = clm.rfm_split(ORDERS, calibrate_through="1997-09-30", through="1998-06-30")
FITS = {
    name: model.fit(CALIBRATION)
    for name, model in {"bg": clm.BGNBD(), "pareto": clm.ParetoNBD(), "nbd": clm.NBD()}.items()
}
GIVEN = clm.BGNBD().with_params({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, unit="week")
DONORS = clm.datasets.donations()
BGBB = clm.BGBB().fit(DONORS)
SPENDING = clm.GammaGamma().fit(CALIBRATION)
COURSE = clm.tracking(ORDERS, FITS["pareto"], calibrate_through="1997-09-30", through="1998-06-30")
BACKTEST = clm.backtest({"NBD": FITS["nbd"], LONG: FITS["bg"], "$x$": FITS["pareto"]}, CALIBRATION, HOLDOUT)
BOUGHT = ["1997-01-04", "1997-01-18", "1997-08-02"]
NOBODY = clm.RFM.from_arrays([0, 0], [0, 0], [3.0, 5.0])

FIGURES = {
    "tracking": lambda **ax: clm.plot.tracking(COURSE, **ax),
    "tracking, expected only": lambda **ax: clm.plot.tracking(clm.tracking(CALIBRATION, GIVEN), **ax),
    "increments": lambda **ax: clm.plot.incremental_purchases(COURSE, **ax),
    "counts": lambda **ax: clm.plot.purchase_counts(CALIBRATION, **ax),
    "counts beside a model": lambda **ax: clm.plot.purchase_counts(CALIBRATION, FITS["bg"], **ax),
    "many counts": lambda **ax: clm.plot.purchase_counts(CALIBRATION, GIVEN, most=40, **ax),
    "counts of donors": lambda **ax: clm.plot.purchase_counts(DONORS, BGBB, most=6, **ax),
    "times between": lambda **ax: clm.plot.interpurchase_times(CALIBRATION, **ax),
    "repeat purchases": lambda **ax: clm.plot.repeat_purchases(FITS["pareto"], horizon=104, **ax),
    "repeat purchases, whole": lambda **ax: clm.plot.repeat_purchases(BGBB, horizon=10, **ax),
    "alive path": lambda **ax: clm.plot.alive_path(FITS["pareto"], BOUGHT, through="1997-12-31", **ax),
    "alive path, whole": lambda **ax: clm.plot.alive_path(BGBB, [0, 1, 4], through=6, **ax),
    "expected by recency": lambda **ax: clm.plot.expected_purchases(FITS["bg"], CALIBRATION, horizon=39, **ax),
    "expected by recency, whole": lambda **ax: clm.plot.expected_purchases(BGBB, DONORS, horizon=5, **ax),
    "alive by recency": lambda **ax: clm.plot.probability_alive(FITS["pareto"], CALIBRATION, **ax),
    "alive by recency, whole": lambda **ax: clm.plot.probability_alive(BGBB, DONORS, **ax),
    "rates": lambda **ax: clm.plot.purchase_rates(FITS["bg"], **ax),
    "rates, whole": lambda **ax: clm.plot.purchase_rates(BGBB, **ax),
    "dropout after a purchase": lambda **ax: clm.plot.dropout_rates(FITS["bg"], **ax),
    "dropout over time": lambda **ax: clm.plot.dropout_rates(FITS["pareto"], **ax),
    "dropout, whole": lambda **ax: clm.plot.dropout_rates(BGBB, **ax),
    "holdout": lambda **ax: clm.plot.holdout_purchases(FITS["bg"], CALIBRATION, HOLDOUT, **ax),
    "holdout by silence": lambda **ax: clm.plot.holdout_purchases(FITS["bg"], CALIBRATION, HOLDOUT, by="silence", **ax),
    "holdout by age": lambda **ax: clm.plot.holdout_purchases(GIVEN, CALIBRATION, HOLDOUT, by="T", **ax),
    "holdout by recency": lambda **ax: clm.plot.holdout_purchases(GIVEN, CALIBRATION, HOLDOUT, by="recency", **ax),
    "backtest, long names": lambda **ax: clm.plot.backtest(BACKTEST, **ax),
    "comparison": lambda **ax: clm.plot.model_comparison(clm.compare_models({**FITS, LONG: FITS["bg"]}), **ax),
    "order values": lambda **ax: clm.plot.order_values(CALIBRATION, SPENDING, **ax),
    "order values alone": lambda **ax: clm.plot.order_values(CALIBRATION, **ax),
    "timings": lambda **ax: clm.plot.customer_timings(ORDERS, through="1997-09-30", **ax),
    "timings of many": lambda **ax: clm.plot.customer_timings(ORDERS, customers=60, **ax),
    "timings, long names": lambda **ax: clm.plot.customer_timings(
        {"customer_id": [LONG, LONG, "$b$"], "at": ["2025-01-01", "2025-03-01", "2025-02-01"]}, **ax
    ),
}


def line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("name", FIGURES)
class TestEveryFigure:
    def test_it_returns_axes_with_both_labels_at_five_inches(self, name):
        ax = FIGURES[name]()
        assert ax.get_xlabel()
        assert ax.get_ylabel() or ax.get_yticklabels()
        assert ax.figure.get_figwidth() == 5.0

    def test_it_draws_on_the_axes_it_is_given(self, name):
        ax = Figure().add_subplot()
        assert FIGURES[name](ax=ax) is ax

    def test_no_text_is_cut_or_lies_on_another(self, name):
        figure = FIGURES[name]().figure
        found = texts(figure)
        for text, box in found:
            inside = box.x0 > -1 and box.y0 > -1 and box.x1 < figure.bbox.x1 + 1 and box.y1 < figure.bbox.y1 + 1
            assert inside, text
        for (text, box), (other, of_other) in combinations(found, 2):
            apart = box.x1 <= of_other.x0 + 1 or of_other.x1 <= box.x0 + 1 or box.y1 <= of_other.y0 + 1
            assert apart or of_other.y1 <= box.y0 + 1, (text, other)

    def test_global_settings_stay_as_they_are(self, name):
        before = dict(mpl.rcParams)
        FIGURES[name]()
        assert dict(mpl.rcParams) == before


class TestInputs:
    def test_what_is_no_fit_is_named(self):
        for draw in (
            lambda fit: clm.plot.purchase_counts(CALIBRATION, fit),
            lambda fit: clm.plot.repeat_purchases(fit, horizon=10),
            lambda fit: clm.plot.alive_path(fit, BOUGHT),
            clm.plot.purchase_rates,
            clm.plot.dropout_rates,
        ):
            with pytest.raises(InvalidDataError, match=r"fitted purchase model such as .* not BGNBD"):
                draw(clm.BGNBD())
        with pytest.raises(InvalidDataError, match=r"GammaGamma\(\)\.fit\(rfm\) returns, not PurchaseFit"):
            clm.plot.order_values(CALIBRATION, FITS["bg"])
        with pytest.raises(InvalidDataError, match=r"what clm\.tracking returns, not int"):
            clm.plot.incremental_purchases(3)

    def test_what_is_no_result_is_named(self):
        for draw, where in (
            (clm.plot.tracking, r"clm\.tracking"),
            (clm.plot.backtest, r"clm\.backtest"),
            (clm.plot.model_comparison, r"clm\.compare_models"),
            (lambda other: clm.plot.holdout_purchases(GIVEN, other, HOLDOUT), r"clm\.rfm_split"),
            (lambda other: clm.plot.holdout_purchases(GIVEN, CALIBRATION, other), r"clm\.rfm_split"),
            (lambda other: clm.plot.holdout_purchases(other, CALIBRATION, HOLDOUT), "fitted purchase model"),
            (lambda other: clm.plot.expected_purchases(GIVEN, other, horizon=3), r"clm\.rfm"),
            (lambda other: clm.plot.expected_purchases(other, CALIBRATION, horizon=3), "fitted purchase model"),
            (lambda other: clm.plot.probability_alive(GIVEN, other), r"clm\.rfm"),
        ):
            with pytest.raises(InvalidDataError, match=f"must be .*{where}.* not int"):
                draw(3)

    def test_nothing_to_show_is_said(self):
        with pytest.raises(InvalidDataError, match="nobody leaves"):
            clm.plot.dropout_rates(FITS["nbd"])
        with pytest.raises(InvalidDataError, match="nobody bought again"):
            clm.plot.interpurchase_times(NOBODY)
        with pytest.raises(InvalidDataError, match="nobody bought again"):
            clm.plot.expected_purchases(GIVEN, NOBODY, horizon=3)
        with pytest.raises(InvalidDataError, match="no amounts"):
            clm.plot.order_values(NOBODY)
        with pytest.raises(InvalidDataError, match="no histories"):
            clm.plot.purchase_counts(clm.RFM.from_arrays([], [], []))
        with pytest.raises(InvalidDataError, match="purchase histories, not dict"):
            clm.plot.purchase_counts(ORDERS)

    def test_numbers_out_of_range_are_refused(self):
        with pytest.raises(InvalidDataError, match="most must be"):
            clm.plot.purchase_counts(CALIBRATION, most=0)
        with pytest.raises(InvalidDataError, match="horizon"):
            clm.plot.repeat_purchases(GIVEN, horizon=0)
        with pytest.raises(InvalidDataError, match="horizon"):
            clm.plot.expected_purchases(GIVEN, CALIBRATION, horizon=float("nan"))
        with pytest.raises(InvalidDataError, match="customers must be"):
            clm.plot.customer_timings(ORDERS, customers=61)
        with pytest.raises(InvalidDataError, match="up_to"):
            clm.plot.order_values(CALIBRATION, up_to=2)

    def test_a_holdout_of_others_is_refused(self):
        with pytest.raises(InvalidDataError, match="Take both from one"):
            clm.plot.holdout_purchases(GIVEN, NOBODY, HOLDOUT)
        with pytest.raises(InvalidDataError, match=r"by='frequenzy' is not one of .*frequency"):
            clm.plot.holdout_purchases(GIVEN, CALIBRATION, HOLDOUT, by="frequenzy")

    @pytest.mark.parametrize(
        ("purchases", "through", "why"),
        [
            ([], None, "holds none"),
            (["1997-01-04", None], None, "missing date"),
            ([3.0, 5.0], None, "first one, which is 0"),
            ([0.0, np.nan], None, "missing or negative"),
            ([0.0, 5.0], 4.0, "before the last purchase"),
            (BOUGHT, "1997-07-01", "before the last purchase"),
            (["yesterday"], None, "dates, instants or ages"),
        ],
    )
    def test_purchases_that_no_path_has_are_refused(self, purchases, through, why):
        with pytest.raises(InvalidDataError, match=why):
            clm.plot.alive_path(GIVEN, purchases, through=through)


class TestContent:
    def test_counts_are_those_of_the_data_and_of_the_model(self):
        ax = clm.plot.purchase_counts(CALIBRATION, FITS["bg"])
        came = [bar.get_height() for bar in ax.patches]
        # Fader, Hardie and Lee (2005), figure 3: 1,411 bought once, 439 twice ... and 64 seven times again or more.
        assert came == [1411, 439, 214, 100, 62, 38, 29, 64]
        expected = ax.containers[-1].lines[0].get_ydata()
        ages, customers = np.unique(CALIBRATION.T, return_counts=True)
        for count in (0, 1, 6):
            chances = [FITS["bg"].purchase_probability(count, horizon=age).value for age in ages]
            assert expected[count] == pytest.approx(customers @ np.array(chances), rel=1e-9)
        assert expected.sum() == pytest.approx(2357)

    def test_a_posterior_is_drawn_by_its_normal_approximation(self):
        posterior = clm.NBD().fit_posterior(CALIBRATION, draws=400, rng=1)
        ax = clm.plot.purchase_counts(CALIBRATION, posterior)
        assert ax.containers[-1].lines[0].get_ydata().sum() == pytest.approx(2357)

    def test_repeat_purchases_hold_the_published_expectation(self):
        # E[X(52)] = 1.4730 at the published Pareto/NBD parameters.
        fit = clm.ParetoNBD().with_params({"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, unit="week")
        drawn = line(clm.plot.repeat_purchases(fit, horizon=52), "expected by Pareto/NBD")
        assert drawn.get_ydata()[-1] == pytest.approx(1.4729968, abs=1e-6)
        assert "95% band" not in labels(clm.plot.repeat_purchases(fit, horizon=52))
        assert "90% band" in labels(clm.plot.repeat_purchases(FITS["bg"], horizon=52, level=0.9))

    def test_the_path_ends_where_the_history_does(self):
        ax = clm.plot.alive_path(FITS["pareto"], [0, 12.0, 30.43], through=38.86)
        path = line(ax, "P(alive) by Pareto/NBD")
        assert path.get_ydata()[-1] == pytest.approx(
            FITS["pareto"].probability_alive(clm.RFM.from_arrays([2], [30.43], [38.86])).value[0]
        )
        # At a purchase he is there for certain, just before it he was not.
        times, alive = path.get_xdata(), path.get_ydata()
        at = int(np.flatnonzero(times == 12.0)[0])
        assert alive[at] == pytest.approx(1.0)
        assert alive[at - 1] < 0.99
        assert sum(other.get_linestyle() == ":" for other in ax.lines) == 3

    def test_dates_and_ages_give_the_same_path(self):
        ages = (np.array(BOUGHT, "M8[D]") - np.datetime64(BOUGHT[0])) / np.timedelta64(7, "D")
        by_age = clm.plot.alive_path(GIVEN, ages, through=40)
        by_date = clm.plot.alive_path(GIVEN, BOUGHT, through=np.datetime64(BOUGHT[0]) + np.timedelta64(280, "D"))
        both = [line(ax, "P(alive) by BG/NBD").get_ydata() for ax in (by_age, by_date)]
        assert both[0] == pytest.approx(both[1])

    def test_rates_are_the_distributions_of_the_parameters(self):
        r, alpha, a, b = GIVEN.params.values()
        rates = line(clm.plot.purchase_rates(GIVEN), "by BG/NBD")
        assert rates.get_ydata() == pytest.approx(stats.gamma(r, scale=1 / alpha).cdf(rates.get_xdata()))
        chances = line(clm.plot.dropout_rates(GIVEN), "by BG/NBD")
        assert chances.get_ydata() == pytest.approx(stats.beta(a, b).cdf(chances.get_xdata()))
        pareto = FITS["pareto"].params
        leaving = line(clm.plot.dropout_rates(FITS["pareto"]), "by Pareto/NBD")
        law = stats.gamma(pareto["s"], scale=1 / pareto["beta"])
        assert leaving.get_ydata() == pytest.approx(law.cdf(leaving.get_xdata()))

    def test_regular_buyers_buy_a_k_th_as_often(self):
        params = {"r": 2.0, "alpha": 1.5, "a": 0.8, "b": 2.5}
        one, three = (
            clm.plot.purchase_rates(clm.BGCNBD(k=k).with_params(params, unit="week")).lines[0].get_xdata()[-1]
            for k in (1, 3)
        )
        assert three == pytest.approx(one / 3)

    def test_a_hazard_that_grows_starts_where_pareto_is(self):
        # beta' = beta / b nests Pareto/NBD.
        grows = clm.GGompertzNBD().with_params(
            {"r": 0.55, "alpha": 10.6, "b": 0.01, "s": 0.6, "beta": 0.1167}, unit="week"
        )
        flat = clm.ParetoNBD().with_params({"r": 0.55, "alpha": 10.6, "s": 0.6, "beta": 11.67}, unit="week")
        both = [clm.plot.dropout_rates(fit).lines[0].get_xdata() for fit in (grows, flat)]
        assert both[0] == pytest.approx(both[1])

    def test_the_holdout_is_that_of_the_data(self):
        ax = clm.plot.holdout_purchases(FITS["bg"], CALIBRATION, HOLDOUT)
        actual, predicted = (container.lines[0].get_ydata() for container in ax.containers)
        none = CALIBRATION.frequency == 0
        assert actual[0] == pytest.approx(HOLDOUT.frequency[none].mean())
        expected = FITS["bg"].expected_purchases(CALIBRATION, horizon=39)
        assert predicted[0] == pytest.approx(expected.value[none].mean())
        test = clm.backtest([FITS["bg"]], CALIBRATION, HOLDOUT)
        assert actual == pytest.approx(test.bin_actual)
        assert predicted == pytest.approx(test.scores[0].bin_predicted)

    def test_groups_hold_all_customers(self):
        for by in ("recency", "T", "silence"):
            ax = clm.plot.holdout_purchases(FITS["bg"], CALIBRATION, HOLDOUT, by=by)
            assert 2 <= len(ax.get_xticks()) <= 8

    def test_order_values_add_up_to_the_repeat_buyers(self):
        ax = clm.plot.order_values(CALIBRATION, SPENDING)
        assert sum(bar.get_height() for bar in ax.patches) == 946
        drawn = line(ax, "expected by gamma-gamma")
        # What lies above the last bar is missing: two in a hundred, about.
        assert 0.95 * 946 < drawn.get_ydata().sum() < 946
        assert "95% band" in labels(ax)

    def test_expected_order_values_are_those_of_draws(self):
        # By simulation: 200,000 customers with the data's numbers of orders; standard error below 0.3 percent.
        rng = np.random.default_rng(5)
        p, q, v = SPENDING.params.values()
        orders = rng.choice(CALIBRATION.frequency[CALIBRATION.frequency > 0], 200_000)
        means = rng.gamma(p * orders, 1.0) / orders / rng.gamma(q, 1 / v, 200_000)
        ax = clm.plot.order_values(CALIBRATION, SPENDING)
        drawn = line(ax, "expected by gamma-gamma")
        step = drawn.get_xdata()[1] - drawn.get_xdata()[0]
        edges = np.append(drawn.get_xdata() - step / 2, drawn.get_xdata()[-1] + step / 2)
        shares = np.histogram(means, bins=edges)[0] / 200_000
        assert drawn.get_ydata() / 946 == pytest.approx(shares, abs=0.004)

    def test_timings_are_purchase_days(self):
        orders = {
            "customer_id": ["b", "a", "a", "a", "b"],
            "at": ["2025-02-01", "2025-01-01", "2025-01-15", "2025-01-15", "2025-03-01"],
        }
        ax = clm.plot.customer_timings(orders, through="2025-04-01")
        assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
        first, again = (line(ax, f"{what} purchase") for what in ("first", "repeat"))
        assert [str(day)[:10] for day in first.get_xdata(orig=True)] == ["2025-01-01", "2025-02-01"]
        assert [str(day)[:10] for day in again.get_xdata(orig=True)] == ["2025-01-15", "2025-03-01"]

    def test_the_comparison_starts_with_the_best(self):
        result = clm.compare_models(FITS)
        ax = clm.plot.model_comparison(result)
        assert ax.get_yticklabels()[0].get_text() == result.best
        assert list(ax.containers[0].lines[0].get_xdata()) == sorted(result.difference, reverse=True)

    def test_both_courses_are_drawn_with_their_bands(self):
        ax = clm.plot.tracking(COURSE)
        assert line(ax, "actual").get_ydata() == pytest.approx(COURSE.actual)
        assert line(ax, "by Pareto/NBD").get_ydata() == pytest.approx(COURSE.cumulative.value)
        assert labels(ax)[:2] == ["95% of counts", "95% of the expectation"]
        ax = clm.plot.incremental_purchases(COURSE)
        assert line(ax, "actual").get_ydata().sum() == COURSE.actual[-1]
        assert not clm.plot.tracking(clm.tracking(CALIBRATION, GIVEN)).collections
