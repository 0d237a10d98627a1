"""Projection of retention: observed and expected side by side, and what is only a description said to be one."""

import pickle

import numpy as np
import pytest

import clm

HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


class TestInputs:
    @pytest.mark.parametrize("model", ["sbG", "weibull", None, 3])
    def test_unknown_models(self, model):
        with pytest.raises(clm.InvalidDataError, match=r"is not one of sbg, bdw, power, exponential"):
            clm.project_retention(HIGH_END, horizon=12, model=model)

    @pytest.mark.parametrize("horizon", [6, -1, 7.5, None, "12"])
    def test_the_horizon_reaches_the_last_renewal(self, horizon):
        with pytest.raises(clm.InvalidDataError, match="horizon"):
            clm.project_retention(HIGH_END, horizon=horizon)
        assert clm.project_retention(HIGH_END, horizon=7).horizon == 7

    @pytest.mark.parametrize("model", ["power", "exponential"])
    def test_two_shares_make_a_line(self, model):
        for survivors in ([100, 80], [100, 80, 0]):
            with pytest.raises(clm.InvalidDataError, match="1 renewals with customers left are too few"):
                clm.project_retention(survivors, horizon=12, model=model)

    def test_tables_of_who_came_back_are_not_who_stayed(self):
        events = {"customer_id": ["a", "a", "b"], "at": ["2025-01-01", "2025-02-03", "2025-02-10"]}
        table = clm.retention_table(events, clm.RetentionDefinition(period="month"), through="2025-03-31")
        with pytest.raises(clm.InvalidDataError, match=r"rule='on' counts who came back.*rule='every'"):
            clm.project_retention(table, horizon=12)

    @pytest.mark.parametrize(
        ("choice", "message"),
        [
            ({"entry": "recurring"}, "entry='recurring' counts customers once for every"),
            ({"brackets": [1, 2]}, "unequal"),
        ],
    )
    def test_tables_whose_ages_or_cohorts_are_none(self, choice, message):
        events = {"customer_id": ["a", "a", "b"], "at": ["2025-01-01", "2025-02-03", "2025-02-10"]}
        definition = clm.RetentionDefinition(period="month", rule="every", **choice)
        table = clm.retention_table(events, definition, through="2025-05-31")
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.ShiftedBetaGeometric().fit(table)


class TestPublishedNumbers:
    @pytest.mark.parametrize(
        ("survivors", "model", "held_out", "missed"),
        [
            # Mean absolute percentage errors of years 8 to 12 of Fader and Hardie (2007), by another program.
            (HIGH_END, "power", [0.468, 0.445, 0.427, 0.409, 0.394], 0.051),
            (HIGH_END, "exponential", [0.468, 0.445, 0.427, 0.409, 0.394], 0.170),
            (HIGH_END, "sbg", [0.468, 0.445, 0.427, 0.409, 0.394], 0.028),
            (REGULAR, "power", [0.223, 0.207, 0.194, 0.183, 0.173], 0.055),
            (REGULAR, "exponential", [0.223, 0.207, 0.194, 0.183, 0.173], 0.280),
            (REGULAR, "sbg", [0.223, 0.207, 0.194, 0.183, 0.173], 0.015),
        ],
    )
    def test_how_far_each_model_is_off(self, survivors, model, held_out, missed):
        ahead = clm.project_retention(survivors, horizon=12, model=model).projected.value
        assert np.abs(ahead[8:] / held_out - 1).mean() == pytest.approx(missed, abs=6e-4)


class TestConsistency:
    @pytest.mark.parametrize(
        ("model", "fitted"), [("sbg", clm.ShiftedBetaGeometric()), ("bdw", clm.BetaDiscreteWeibull())]
    )
    def test_it_is_the_fits_survival(self, model, fitted):
        ahead = clm.project_retention(HIGH_END, horizon=12, model=model, unit="year")
        fit = fitted.fit(HIGH_END, unit="year")
        assert ahead.fit == fit
        assert np.array_equal(ahead.projected.value, fit.survival(range(13)).value)
        assert np.array_equal(ahead.projected.standard_error, fit.survival(range(13)).standard_error)
        assert "extrapolated beyond renewal 7" in ahead.caveats[0]

    def test_observed_shares_have_wilsons_interval(self):
        observed = clm.project_retention(HIGH_END, horizon=12).observed
        assert observed.value == pytest.approx(np.array(HIGH_END) / 1000)
        low, high = observed.confidence_interval()
        expected = clm.stats.proportion(653, 1000, name="share", definition="Share.", undefined="none")
        assert (low[3], high[3]) == pytest.approx(tuple(expected.confidence_interval()), rel=1e-12)
        assert (low[0], high[0]) == (1, 1)

    def test_cohorts_of_different_ages(self):
        cohorts = [[100, 80, 64, 60], [200, 150, 130], [50, 44]]
        ahead = clm.project_retention(cohorts, horizon=9)
        # 274 of 350, then 194 of 230, then 60 of 64 stayed.
        assert ahead.observed.value == pytest.approx(np.cumprod([1, 274 / 350, 194 / 230, 60 / 64]))
        # Greenwood's variance of the product limit
        terms = np.cumsum([76 / 350 / 274, 36 / 230 / 194, 4 / 64 / 60])
        assert ahead.observed.standard_error[1:] == pytest.approx(ahead.observed.value[1:] * np.sqrt(terms))

    def test_no_losses_and_all_lost_have_a_width(self):
        ahead = clm.project_retention([40, 40, 30, 10, 0], horizon=9, model="power")
        low, high = ahead.observed.confidence_interval()
        assert low[1] < 1 == high[1]
        assert low[4] == 0 < high[4]

    @pytest.mark.parametrize("model", ["power", "exponential"])
    def test_descriptions_say_so_and_have_no_band(self, model):
        ahead = clm.project_retention(HIGH_END, horizon=12, model=model)
        assert ahead.projected.definition.startswith("Descriptive")
        assert "not a model of customers" in ahead.caveats[0]
        assert np.isnan(ahead.projected.confidence_interval().low).all()
        assert ahead.fit is None
        assert (np.diff(ahead.projected.value) <= 0).all()
        assert ahead.projected.value[0] == 1

    def test_a_table_of_who_was_there_every_period(self):
        months = np.arange("2025-01", "2025-08", dtype="datetime64[M]").astype("datetime64[D]")
        rng = np.random.default_rng(3)
        lives = [
            (start, months[start : start + length])
            for start in range(3)
            for length in rng.choice([1, 1, 2, 4, 7, 7], 40)
        ]
        events = {
            "customer_id": np.concatenate([np.full(len(days), number) for number, (_, days) in enumerate(lives)]),
            "at": np.concatenate([days for _, days in lives]).astype("datetime64[us]"),
        }
        definition = clm.RetentionDefinition(period="month", rule="every")
        table = clm.retention_table(events, definition, through="2025-07-31")
        ahead = clm.project_retention(table, horizon=12, model="power")
        survivors = [
            [sum(first == start and len(days) > age for first, days in lives) for age in range(7 - start)]
            for start in range(3)
        ]
        assert ahead.observed == clm.project_retention(survivors, horizon=12, model="power", unit="month").observed
        fit = clm.ShiftedBetaGeometric().fit(table)
        assert fit == clm.ShiftedBetaGeometric().fit(survivors, unit="month")

    def test_columns_and_travel(self):
        ahead = clm.project_retention(HIGH_END, horizon=9)
        frame = clm.to_frame(ahead, "pandas")
        assert frame["renewal"].tolist() == list(range(10))
        assert frame["observed"].isna().tolist() == [False] * 8 + [True] * 2
        assert (frame["low"] <= frame["projected"]).all()
        assert pickle.loads(pickle.dumps(ahead)) == ahead
        assert clm.from_json(clm.to_json(ahead)) == ahead
        assert "37.8% after 12 years" in repr(clm.project_retention(HIGH_END, horizon=12, unit="year"))

    @pytest.mark.parametrize("model", ["sbg", "power"])
    def test_the_picture_holds_all_three(self, model):
        pytest.importorskip("matplotlib")
        ahead = clm.project_retention(HIGH_END, horizon=12, model=model, unit="year")
        ax = clm.plot.retention_projection(ahead, level=0.9)
        _, labels = ax.get_legend_handles_labels()
        assert ("90% band" in labels) == (model == "sbg")
        assert "observed" in labels
        assert ax.get_xlabel() == "Renewals (years)"
        line = next(line for line in ax.lines if len(line.get_xdata()) == 13)
        assert np.array_equal(line.get_ydata(), ahead.projected.value)
        assert clm.plot.retention_projection(ahead, ax=ax) is ax
