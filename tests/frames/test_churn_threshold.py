"""The length of silence after which a customer counts as gone: by hand, on every engine, and where nobody leaves."""

import pickle
from datetime import date, timedelta

import numpy as np
import pytest

import clm
from clm import InvalidDataError

BEGIN = date(2025, 1, 1)


def log_of(days_by_customer):
    """One row a purchase, from days after the first of January."""
    rows = [(name, BEGIN + timedelta(days=day)) for name, days in days_by_customer.items() for day in days]
    return {"customer_id": [name for name, _ in rows], "at": [at for _, at in rows]}


# Through day 20: 1 and 4 days between the purchases of ann, 8 of bob; cat bought once, 10 days before the end.
LOG = log_of({"ann": [0, 1, 5], "bob": [2, 10], "cat": [10], "dan": [0, 3], "eve": [1]})
END = "2025-01-21"


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"quantile": 0}, "quantile must lie strictly between 0 and 1, not 0"),
            ({"quantile": 90}, r"quantile must lie strictly between 0 and 1, not 90\. Give 0.9 for 90 percent"),
            ({"quantile": float("nan")}, "quantile must be one finite number"),
            ({"quantile": "0.9"}, "quantile"),
            ({"unit": "fortnight"}, "fortnight"),
            ({"at": "when"}, "no column 'when'"),
            ({"through": "2024-12-31"}, "no row of events can be used"),
            ({"reference": "2024-12-31"}, "must lie after the first row and before through"),
            ({"reference": END}, "The log holds 2025-01-01 to 2025-01-21"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.churn_threshold(LOG, **({"through": END} | options))

    def test_no_row(self):
        with pytest.raises(InvalidDataError, match="no row"):
            clm.churn_threshold({"customer_id": [], "at": []})

    def test_rows_left_out_are_counted(self, frame):
        log = {"customer_id": [1, None, 1, 1, 1], "at": [*[BEGIN] * 2, None, date(2025, 1, 4), date(2026, 1, 1)]}
        found = clm.churn_threshold(frame(log), through=END)
        assert dict(found.dropped) == {"null ids": 1, "null times": 1, "after through": 1}
        assert found.value == 3


class TestByHand:
    FOUND = clm.churn_threshold(LOG, through=END, quantile=0.5)

    def test_curve(self):
        # Weights: ann's 1 and 4 days one half each, bob's 8 and dan's 3 one, open ones of cat (10) and eve (19) one.
        # Survival .9 after 1, .7 after 3, .6 after 4, .4 after 8; the last two never end.
        assert self.FOUND.curve.times.tolist() == [1, 3, 4, 8]
        np.testing.assert_allclose(self.FOUND.curve.value, [0.9, 0.7, 0.6, 0.4], rtol=1e-12)
        assert self.FOUND.value == 8

    def test_a_gap_that_ends_after_censoring(self):
        # cat's open gap of 10 days leaves before eve's 15 days end: of 2 customers' worth left after 8 days, 1 counts.
        late = log_of({"ann": [0, 1, 5], "bob": [2, 10], "cat": [10], "dan": [0, 3], "eve": [1, 16]})
        np.testing.assert_allclose(clm.churn_threshold(late, through=END).curve.value, [0.9, 0.7, 0.6, 0.4, 0.0])

    def test_few_customers_have_no_interval(self):
        assert np.isnan(self.FOUND.confidence_interval().low)
        assert "fewer than 10 customers" in self.FOUND.confidence_interval().method

    def test_a_quantile_that_is_not_reached_is_undefined_with_a_limit(self):
        found = clm.churn_threshold(log_of({str(i): [0, i] if i <= 12 else [0] for i in range(1, 21)}), through=END)
        assert np.isnan(found.value)
        assert found.undefined == (
            "only 60 percent of gaps end within 12 days, the longest that was seen to end; "
            "gaps were watched for up to 20"
        )
        assert found.confidence_interval().low == 20
        assert found.confidence_interval().high == np.inf
        assert any("clm.suggest_timeouts" in caveat for caveat in found.caveats)

    def test_nobody_came_back(self):
        found = clm.churn_threshold(log_of({str(i): [0] for i in range(20)}), through=END)
        assert found.undefined == "nobody bought again, though customers were watched for up to 20 days"
        assert found.naive.undefined == found.called_churned.undefined == "no gap ended"
        assert found.confidence_interval().low == 20
        assert found.errors.best.undefined == "nobody came back after the reference"

    def test_one_row(self):
        found = clm.churn_threshold({"customer_id": [1], "at": [BEGIN]})
        assert found.undefined == "nobody bought again, though customers were watched for up to 0 days"

    def test_the_naive_percentile_and_whom_it_calls_churned(self):
        # Closed gaps 1, 3, 4, 8: half do not exceed 3, after which .7 of gaps go on.
        assert self.FOUND.naive.value == 3
        assert self.FOUND.called_churned.value == pytest.approx(0.7)

    def test_errors_at_a_reference(self):
        # On January 6th ann, dan and eve are known, silent for 0, 2 and 4 days, and bob for 3; bob alone buys again.
        errors = clm.churn_threshold(LOG, through=END, reference="2025-01-06").errors
        assert (errors.returned, errors.gone) == (1, 3)
        assert errors.lengths.tolist() == [0, 2, 3, 4, 5]
        assert errors.type_one.value.tolist() == [1, 1, 1, 0, 0]
        np.testing.assert_allclose(errors.type_two.value, [0, 1 / 3, 2 / 3, 2 / 3, 1])
        assert errors.best.value == 4
        low, high = errors.type_one.confidence_interval()
        assert low[3] == 0
        assert high[3] == pytest.approx(clm.stats.wilson_limits(np.array(0.0), np.array(1.0), 0.95)[1])

    def test_silence_may_tell_nothing(self):
        # Who came back had been silent for longer.
        log = log_of({"a": [0, 15], "b": [5]})
        errors = clm.churn_threshold(log, through=END, reference="2025-01-06").errors
        assert errors.best.undefined == "no length of silence tells those who came back from the others"
        everybody = clm.churn_threshold(log_of({"a": [0, 15]}), through=END, reference="2025-01-06").errors
        assert everybody.best.undefined == "everybody came back after the reference"
        assert np.isnan(everybody.type_two.value).all()


CDNOW = {name: clm.datasets.cdnow()[name] for name in ("customer_id", "at")}


class TestConsistency:
    FOUND = clm.churn_threshold(CDNOW, through="1998-06-30", quantile=0.4)

    def test_on_every_engine(self, frame):
        assert clm.churn_threshold(frame(LOG), through=END, quantile=0.5) == TestByHand.FOUND

    def test_order_repeats_and_names_do_not_matter(self):
        order = np.random.default_rng(1).permutation(np.tile(np.arange(len(CDNOW["at"])), 2))
        ids, at = (np.asarray(CDNOW[name])[order] for name in ("customer_id", "at"))
        again = clm.churn_threshold(
            {"customer_id": [f"c{i}" for i in ids], "at": at}, through="1998-06-30", quantile=0.4
        )
        assert again.value == self.FOUND.value
        assert again.errors == self.FOUND.errors
        np.testing.assert_allclose(again.curve.value, self.FOUND.curve.value, rtol=1e-12)

    def test_units(self):
        weeks = clm.churn_threshold(CDNOW, through="1998-06-30", quantile=0.4, unit="week")
        assert 7 * weeks.value == pytest.approx(self.FOUND.value)
        hours = clm.churn_threshold(LOG, through="2025-01-21 00:00", quantile=0.5, unit="hour")
        assert hours.value == 24 * TestByHand.FOUND.value

    def test_days_are_local(self):
        log = {"customer_id": [1, 1], "at": ["2025-01-01T23:30:00Z", "2025-01-02T00:30:00Z"]}
        assert clm.churn_threshold(log, through=END).value == 1
        assert "bought again" in clm.churn_threshold(log, through=END, tz="Europe/Prague").undefined

    def test_it_is_a_result_like_any_other(self):
        assert pickle.loads(pickle.dumps(self.FOUND)) == self.FOUND
        assert clm.from_json(clm.to_json(self.FOUND)) == self.FOUND
        assert clm.to_frame(self.FOUND.errors, "polars").columns[:2] == ["length", "type_one"]
        assert float(self.FOUND) == self.FOUND.estimate.value
        assert repr(TestByHand.FOUND.errors) == "<ThresholdErrors: 0 customers came back, 5 did not>"
        assert repr(TestByHand.FOUND).startswith("<ChurnThreshold: churn threshold: 8 day")


def buyers(rng, customers, days=365, leave=0.0):
    """Buyers won over the whole window, who may leave after a purchase; rates are gamma distributed with shape 2."""
    first = rng.uniform(0, days, customers)
    rate = rng.gamma(2.0, 1 / SCALE, customers)
    alive, now = np.arange(customers), first
    customer, at = [alive], [first]
    while len(alive):
        now = now + rng.exponential(1 / rate[alive])
        stays = (now < days) & (rng.random(len(alive)) >= leave)
        alive, now = alive[stays], now[stays]
        customer.append(alive)
        at.append(now)
    moment = np.datetime64(BEGIN, "us") + (np.concatenate(at) * 86_400e6).astype("m8[us]")
    return {"customer_id": np.concatenate(customer), "at": moment}


# A random customer's gap is Pareto distributed: 90 percent end within SCALE * (sqrt(10) - 1) = 131 days.
SCALE = 131 / (10**0.5 - 1)


class TestRecovery:
    def test_the_usual_percentile_is_short_and_this_is_not(self):
        found = clm.churn_threshold(buyers(np.random.default_rng(7), 20_000), through="2025-12-31")
        assert found.value == pytest.approx(131, abs=6)
        assert found.naive.value == pytest.approx(56, abs=2)
        # It calls 27 percent of live customers churned instead of 10: (1 + 56 / SCALE) ** -2.
        low, high = found.called_churned.confidence_interval(0.999)
        assert low < (1 + (found.naive.value - 0.5) / SCALE) ** -2 < high

    def test_gaps_that_never_end_are_among_all(self):
        # Three in ten purchases are the last: .7 of gaps end, and half of all within 53 days.
        found = clm.churn_threshold(
            buyers(np.random.default_rng(9), 20_000, leave=0.3), through="2025-12-31", quantile=0.5
        )
        truth = SCALE * ((1 - 0.5 / 0.7) ** -0.5 - 1)
        low, high = found.confidence_interval(0.999)
        assert low - 1 <= truth <= high
        assert found.curve.value[-1] == pytest.approx(1 - 0.7 * (1 - (1 + 360 / SCALE) ** -2), abs=0.03)

    @pytest.mark.parametrize(
        ("quantile", "replications"), [(0.8, 200), *(pytest.param(q, 2000, marks=pytest.mark.slow) for q in (0.5, 0.9))]
    )
    def test_limits_cover_near_their_level(self, quantile, replications):
        # In whole days, from any moment of a day: a gap is t days or less with the mean of the share over t to t + 1.
        moments = np.arange(400)[:, None] + (np.arange(100) + 0.5) / 100
        truth = int(np.argmax((1 - (1 + moments / SCALE) ** -2).mean(axis=1) >= quantile))
        rng = np.random.default_rng(20250301)
        covered = 0
        for _ in range(replications):
            found = clm.churn_threshold(buyers(rng, 400), through="2025-12-31", quantile=quantile)
            low, high = found.confidence_interval()
            covered += low <= truth <= high
        # Four standard errors of a binomial around 0.95; whole days make it hold a little more.
        room = 4 * np.sqrt(0.95 * 0.05 / replications)
        assert 0.95 - room < covered / replications < 0.97 + room
