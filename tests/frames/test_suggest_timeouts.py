"""Lengths of silence from a log: by hand, from any frame, and covering what was simulated."""

from __future__ import annotations

import pickle
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import optimize

import clm
from clm import InvalidDataError

START = np.datetime64("2025-01-01", "us")


def log_of(gaps_by_customer, kind="order"):
    """Touchpoints from the days between them, each customer from the first of January on."""
    customer, at = [], []
    for name, gaps in gaps_by_customer.items():
        for day in np.cumsum([0, *gaps]):
            customer.append(name)
            at.append(START + np.timedelta64(round(float(day) * 86_400_000_000), "us"))
    return {"customer_id": np.array(customer), "at": np.array(at), "kind": np.array([kind] * len(at), dtype=object)}


# Ten customers come back after 1, 2, ... 10 days, one of them twice; one of two others was seen for 40 days.
TEN = {f"c{day:02d}": [day] for day in range(1, 11)} | {"c03": [3, 7], "x": [], "y": []}
CDNOW = {name: clm.datasets.cdnow()[name] for name in ("customer_id", "at")}


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"quantiles": {}}, "quantiles must be a mapping"),
            ({"quantiles": 0.9}, "quantiles must be a mapping"),
            ({"quantiles": {"at_risk": 1}}, r"quantiles\['at_risk'\] must be a share inside \(0, 1\), not 1"),
            ({"quantiles": {"at_risk": "0.9"}}, "must be a share"),
            ({"quantiles": {"at_risk": float("nan")}}, "must be a share"),
            ({"of": "ordre"}, r"of='ordre' names no kind of the log, which has 'order'.*Did you mean 'order'"),
            ({"of": ()}, "names no kind"),
            ({"of": 5}, "of must be a kind or a list of kinds, not 5"),
            ({"unit": "fortnight"}, "fortnight"),
            ({"at": "when"}, "'when'"),
            ({"through": "2024-12-31"}, "there is no row"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.suggest_timeouts(log_of(TEN), **options)

    def test_a_replayed_log_has_no_touchpoints_left(self):
        log = clm.replay(log_of(TEN), clm.lifecycles.five_stage())
        with pytest.raises(InvalidDataError, match="Give the events that were replayed"):
            clm.suggest_timeouts(log)

    def test_few_who_came_back_are_no_ground(self):
        few = {name: gaps for name, gaps in TEN.items() if name != "c10"}
        lengths = clm.suggest_timeouts(log_of(few), through="2025-02-10")
        assert np.isnan(lengths["at_risk"].value)
        assert lengths["at_risk"].undefined == lengths.come_back.undefined
        assert lengths["at_risk"].undefined == "only 9 customers came back, fewer than 10"
        with pytest.raises(InvalidDataError, match="'at_risk' is undefined: only 9 customers came back"):
            lengths.timeouts()

    def test_nobody_came_back(self):
        lengths = clm.suggest_timeouts(log_of({"a": [], "b": []}), through="2025-02-10")
        assert lengths["lapsed"].undefined == "only 0 customers came back, fewer than 10"

    def test_rows_left_out_are_counted(self):
        log = log_of(TEN)
        log["customer_id"] = np.array([None, *log["customer_id"][1:]], dtype=object)
        log["kind"][1] = "visit"
        log["kind"][2] = None
        lengths = clm.suggest_timeouts(log, of="order", through="2025-01-09")
        assert dict(lengths.dropped) == {"null or blank ids": 1, "other kinds": 2, "after through": 3}


class TestByHand:
    LENGTHS = clm.suggest_timeouts(log_of(TEN), through="2025-02-09", quantiles={"half": 0.5, "at_risk": 0.9})

    def test_each_customer_counts_once(self):
        # Twelve customers: c03's silences of 3 and 7 days count one half each, and nobody is censored before day 40.
        assert self.LENGTHS.silence.times.tolist() == list(range(1, 11))
        ended = np.cumsum([1, 1, 0.5, 1, 1, 1, 1.5, 1, 1, 1]) / 12
        np.testing.assert_allclose(1 - self.LENGTHS.silence.value, ended, rtol=1e-12)
        assert self.LENGTHS.silence.n == 12

    def test_lengths_are_of_the_silences_that_end(self):
        assert self.LENGTHS.come_back.value == pytest.approx(10 / 12)
        assert self.LENGTHS["half"].value == 6.0  # 5.5 customers of 10 are back by then, 4.5 a day before
        assert self.LENGTHS["at_risk"].value == 9.0
        assert list(self.LENGTHS) == ["half", "at_risk"]
        assert "Length that 90 percent of the silences that end within 10 days do not exceed" in (
            self.LENGTHS["at_risk"].definition
        )

    def test_the_error_of_the_share_is_a_proportions(self):
        # Without censoring and with one silence a customer it is the binomial's, with n - 1 below.
        lengths = clm.suggest_timeouts(log_of(TEN | {"c03": [3]}), through="2025-02-09")
        assert lengths.come_back.standard_error == pytest.approx(np.sqrt(10 / 12 * 2 / 12 / 11), rel=1e-6)

    def test_limits_hold_the_value_and_widen(self):
        for length in self.LENGTHS.values():
            narrow, wide = length.confidence_interval(0.5), length.confidence_interval(0.99)
            assert wide.low <= narrow.low <= length.value <= narrow.high <= wide.high
            assert wide.low < wide.high

    def test_open_silences_are_censored(self):
        late = log_of(TEN | {f"new{i}": [] for i in range(50)})
        late["at"][np.char.startswith(late["customer_id"], "new")] += np.timedelta64(38, "D")
        lengths = clm.suggest_timeouts(late, through="2025-02-09")
        # Fifty newcomers were seen for two days: the longer silences are told by the others.
        np.testing.assert_allclose(
            lengths.silence.value[3:] / lengths.silence.value[2],
            self.LENGTHS.silence.value[3:] / self.LENGTHS.silence.value[2],
            rtol=1e-12,
        )

    def test_touchpoints_of_one_instant_are_one(self):
        log = log_of(TEN)
        twice = {name: np.concatenate([column, column]) for name, column in log.items()}
        assert clm.suggest_timeouts(twice) == clm.suggest_timeouts(log)


class TestConsistency:
    LENGTHS = clm.suggest_timeouts(CDNOW, through="1998-06-30")

    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, lambda log: pl.DataFrame(log).lazy()])
    def test_any_frame(self, frame):
        log = pl.DataFrame(CDNOW).sample(fraction=1.0, shuffle=True, seed=1)
        shuffled = frame({name: log[name].to_numpy() for name in log.columns})
        assert clm.suggest_timeouts(shuffled, through="1998-06-30") == self.LENGTHS

    def test_another_unit(self):
        weeks = clm.suggest_timeouts(CDNOW, through="1998-06-30", unit="week")
        for name, length in self.LENGTHS.items():
            assert 7 * weeks[name].value == pytest.approx(length.value)
            assert 7 * weeks[name].confidence_interval().high == pytest.approx(length.confidence_interval().high)

    def test_they_go_into_a_lifecycle(self):
        assert self.LENGTHS.timeouts() == {"at_risk": timedelta(days=317), "lapsed": timedelta(days=461)}
        shop = clm.lifecycles.five_stage(**self.LENGTHS.timeouts())
        assert shop.timeouts[0].idle == timedelta(days=317)

    def test_they_are_a_result_like_any_other(self):
        assert pickle.loads(pickle.dumps(self.LENGTHS)) == self.LENGTHS
        assert clm.from_json(clm.to_json(self.LENGTHS)) == self.LENGTHS
        assert clm.to_frame(self.LENGTHS, "pandas").columns.tolist() == ["timeout", "length", "low", "high"]
        assert repr(self.LENGTHS) == "<TimeoutLengths: at_risk 317, lapsed 461 (days; 2,357 customers)>"

    def test_kinds_break_silence(self):
        log = log_of(TEN)
        visits = log_of({name: [0.5] for name in TEN}, kind="visit")
        both = {name: np.concatenate([log[name], visits[name]]) for name in log}
        orders = clm.suggest_timeouts(both, of="order", through="2025-02-09")
        assert dict(orders) == dict(clm.suggest_timeouts(log, of=["order"], through="2025-02-09"))
        assert clm.suggest_timeouts(both, through="2025-02-09")["at_risk"].value < orders["at_risk"].value


def simulated(rng, customers=300):
    """A log of 200 days: 4 of 10 silences never end, the others last 10 or 30 days in the mean, by customer."""
    gaps = {}
    for name in range(customers):
        mean, own, until = (10, 30)[rng.integers(2)], [], 200 - rng.uniform(0, 60)
        while rng.random() < 0.6 and sum(own) < until:
            own.append(rng.exponential(mean))
        gaps[name] = own[:-1] if sum(own) >= until else own
    log = log_of(gaps)
    return log["customer_id"], log["at"]


class TestRecovery:
    @pytest.mark.parametrize("replications", [200, pytest.param(2000, marks=pytest.mark.slow)])
    def test_limits_cover_near_their_level(self, replications):
        def ended(t):
            return 1 - (np.exp(-t / 10) + np.exp(-t / 30)) / 2

        truth = optimize.brentq(lambda t: ended(t) - 0.8, 1, 200)
        rng = np.random.default_rng(20250101)
        covered, values = 0, []
        for _ in range(replications):
            customer, at = simulated(rng)
            lengths = clm.suggest_timeouts(
                {"customer_id": customer, "at": at}, through="2025-07-19", quantiles={"length": 0.8}
            )
            values.append(lengths["length"].value)
            low, high = lengths["length"].confidence_interval()
            covered += low <= truth <= high
        # Four standard errors of a binomial around 0.95; the silence seen last, 160 days or so, stands for ever.
        assert abs(covered / replications - 0.95) < 4 * np.sqrt(0.95 * 0.05 / replications)
        assert np.mean(values) == pytest.approx(truth, rel=0.03)
