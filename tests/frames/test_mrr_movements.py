"""What moved recurring revenue: published examples, plain loops, every engine, and covering intervals."""

import pickle
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import clm
from clm import InvalidDataError

FLOWS = ("new", "expansion", "contraction", "churn", "reactivation")


def log_of(amounts_by_customer):
    """One row a month with an amount, the first of them January; None for no row."""
    rows = [
        (name, date(2025, month, 1), float(amount))
        for name, amounts in amounts_by_customer.items()
        for month, amount in enumerate(amounts, 1)
        if amount is not None
    ]
    names = ("customer_id", "at", "amount")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


# e was there in January and comes back in March.
LOG = log_of({"a": [5, 10, 15], "b": [None, 5, 3], "c": [None, 4, None], "d": [None, None, 8], "e": [2, None, 6]})
END = "2025-03-31"


class TestInputs:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"period": "fortnight"}, "fortnight"),
            ({"amount": "mrr"}, "no column 'mrr'"),
            ({"through": "2024-12-31"}, "no row of revenue can be used"),
            ({"start": "2026-01-01"}, "lies after"),
            ({"period": "hour", "start": "1990-01-01"}, "Choose a longer period"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, options, message):
        with pytest.raises(InvalidDataError, match=message):
            clm.mrr_movements(LOG, **({"through": END} | options))

    def test_revenue_must_be_above_zero_somewhere(self):
        with pytest.raises(InvalidDataError, match="no customer has revenue above 0"):
            clm.mrr_movements({"customer_id": [1], "at": ["2025-01-01"], "amount": [0.0]})

    def test_missing_amounts_are_refused(self):
        with pytest.raises(InvalidDataError, match="missing or infinite"):
            clm.mrr_movements({"customer_id": [1], "at": ["2025-01-01"], "amount": [np.inf]})

    def test_amounts_beyond_what_can_be_squared_are_refused(self):
        log = {"customer_id": [1, 2], "at": ["2025-01-01", "2025-02-01"], "amount": [1e300, 1e300]}
        for measure in (clm.mrr_movements, clm.revenue_retention):
            with pytest.raises(InvalidDataError, match=r"amounts reach 1e\+300"):
                measure(log)

    def test_amounts_whose_squares_vanish_have_no_error(self):
        log = {"customer_id": [1, 2, 1], "at": ["2025-01-01", "2025-01-01", "2025-02-01"], "amount": [1e-200] * 3}
        moved = clm.mrr_movements(log, through="2025-02-28")
        assert moved.nrr().value[1] == 0.5
        assert np.isnan(moved.nrr().standard_error[1])

    def test_sums_below_zero_are_no_revenue_and_counted(self):
        log = {"customer_id": [1, 1, 2], "at": ["2025-01-01", "2025-02-01", "2025-02-01"], "amount": [10.0, -4.0, 5.0]}
        moved = clm.mrr_movements(log, through="2025-02-28")
        assert moved.dropped == {"customers' periods below 0": 1}
        assert moved.churn.tolist() == [0, 10]


class TestPublishedNumbers:
    def test_a_waterfall(self):
        # 50,000 + 8,000 new + 4,000 expansion + 1,000 back - 2,000 contraction - 3,000 churn = 58,000; 13 to 5.
        moved = clm.mrr_movements(
            log_of(
                {
                    "stays": [None, 41_000, 41_000],
                    "grows": [None, 2_000, 6_000],
                    "shrinks": [None, 4_000, 2_000],
                    "leaves": [None, 3_000, None],
                    "new": [None, None, 8_000],
                    "back": [1_000, None, 1_000],
                }
            ),
            through=END,
        )
        assert [getattr(moved, name)[2] for name in FLOWS] == [8_000, 4_000, 2_000, 3_000, 1_000]
        assert (moved.start[2], moved.end[2]) == (50_000, 58_000)
        assert moved.quick_ratio().value[2] == 13 / 5
        assert moved.quick_ratio(reactivation=False).value[2] == 12 / 5
        assert moved.grr().value[2] == 45 / 50
        assert moved.nrr().value[2] == 49 / 50

    def test_reactivation_is_in_no_retention(self):
        # Of 100, 10 churn, 10 contraction, 10 expansion; 5 come back: 90 percent retained, 80 gross.
        amounts = {
            "a": [None, 70, 70],
            "b": [None, 10, 20],
            "c": [None, 10, None],
            "d": [None, 10, 0],
            "e": [5, None, 5],
        }
        moved = clm.mrr_movements(log_of(amounts), through=END)
        assert (moved.nrr().value[2], moved.grr().value[2]) == (0.9, 0.8)


class TestByHand:
    MOVED = clm.mrr_movements(LOG, through=END)

    def test_movements(self):
        assert self.MOVED.start.tolist() == [0, 7, 19]
        assert self.MOVED.new.tolist() == [7, 9, 8]
        assert self.MOVED.expansion.tolist() == [0, 5, 5]
        assert self.MOVED.contraction.tolist() == [0, 0, 2]
        assert self.MOVED.churn.tolist() == [0, 2, 4]
        assert self.MOVED.reactivation.tolist() == [0, 0, 6]
        assert self.MOVED.end.tolist() == [7, 19, 32]
        assert self.MOVED.customers.tolist() == [2, 3, 4]
        assert self.MOVED.customers_at_start.tolist() == [0, 2, 3]

    def test_undefined_is_said(self):
        assert self.MOVED.nrr().undefined[0] == "there was no revenue before"
        assert self.MOVED.quick_ratio().undefined[0] == "nothing was lost"
        running = clm.mrr_movements(LOG)
        assert running.status.tolist() == ["complete", "complete", "in_progress"]
        assert running.grr().undefined[2].startswith("the period is still running: give through=")
        assert running.end.tolist() == [7, 19, 32]

    def test_months_without_rows_have_no_revenue(self):
        moved = clm.mrr_movements({"customer_id": [1, 1], "at": ["2025-01-01", "2025-03-01"], "amount": [4, 6]})
        assert moved.end.tolist() == [4, 0, 6]
        assert moved.churn.tolist() == [0, 4, 0]
        assert moved.reactivation.tolist() == [0, 0, 6]

    def test_nothing_won_is_no_certainty(self):
        moved = clm.mrr_movements(log_of({"a": [10, 10], "b": [10, None]}), through="2025-02-28")
        ratio = moved.quick_ratio()
        assert ratio.value[1] == 0
        assert np.isnan(ratio.confidence_interval().high[1])

    def test_history_before_start_counts(self):
        later = clm.mrr_movements(LOG, start="2025-03-01", through=END)
        for name in ("start", "end", *FLOWS):
            assert getattr(later, name).tolist() == getattr(self.MOVED, name)[2:].tolist()
        assert later.nrr().value[0] == self.MOVED.nrr().value[2]

    def test_errors_are_those_of_ratios_over_customers(self):
        x, y = np.array([10, 5, 4]), np.array([15, 3, 0])
        ratio = y.sum() / x.sum()
        error = np.sqrt(3 / 2 * np.sum((y - ratio * x) ** 2)) / x.sum()
        assert self.MOVED.nrr().standard_error[2] == pytest.approx(error)
        gains, losses = np.array([5, 0, 0, 8, 6]), np.array([0, 2, 4, 0, 0])
        ratio = gains.sum() / losses.sum()
        error = np.sqrt(5 / 4 * np.sum((gains - ratio * losses) ** 2)) / losses.sum()
        assert self.MOVED.quick_ratio().standard_error[2] == pytest.approx(error)


months = st.lists(st.one_of(st.none(), st.integers(-1, 5)), min_size=6, max_size=6)


class TestConsistency:
    def test_on_every_engine(self, frame):
        assert clm.mrr_movements(frame(LOG), through=END) == TestByHand.MOVED

    def test_it_is_a_result_like_any_other(self):
        moved = TestByHand.MOVED
        assert pickle.loads(pickle.dumps(moved)) == moved
        assert clm.from_json(clm.to_json(moved)) == moved
        assert clm.to_frame(moved, "pandas").columns.tolist() == [
            *("period", "start", "new", "expansion", "contraction", "churn", "reactivation", "end"),
            *("customers", "status"),
        ]
        assert repr(moved) == "<MRRMovements: 3 periods by month, 32 from 4 customers at the end>"

    @given(st.lists(months, min_size=1, max_size=6))
    def test_movements_are_those_of_plain_loops_and_add_up(self, customers):
        assume(any((amount or 0) > 0 for amounts in customers for amount in amounts))
        log = log_of({str(i): amounts for i, amounts in enumerate(customers)})
        moved = clm.mrr_movements(log, start="2025-01-01", through="2025-06-30")
        expected = {name: [0] * 6 for name in FLOWS}
        for amounts in customers:
            plain = [max(amount or 0, 0) for amount in amounts]
            for month, now in enumerate(plain):
                before = plain[month - 1] if month else 0
                if before == 0:
                    expected["reactivation" if any(plain[:month]) else "new"][month] += now
                elif now == 0:
                    expected["churn"][month] += before
                else:
                    expected["expansion"][month] += max(now - before, 0)
                    expected["contraction"][month] += max(before - now, 0)
        for name in FLOWS:
            assert getattr(moved, name).tolist() == expected[name]
        flows = moved.new + moved.expansion + moved.reactivation - moved.contraction - moved.churn
        np.testing.assert_allclose(moved.start + flows, moved.end)
        assert moved.start[1:].tolist() == moved.end[:-1].tolist()
        known = moved.start > 0
        kept = (moved.start - moved.contraction - moved.churn)[known] / moved.start[known]
        np.testing.assert_allclose(moved.grr().value[known], kept, atol=1e-12)
        assert ((moved.grr().value[known] >= 0) & (moved.grr().value[known] <= 1)).all()

    def test_they_agree_with_revenue_retention_of_one_cohort(self):
        rng = np.random.default_rng(5)
        amounts = {i: [10 + i, *(rng.integers(0, 3, 3) * 10).tolist()] for i in range(30)}
        log, through = log_of(amounts), "2025-04-30"
        moved, cohort = clm.mrr_movements(log, through=through), clm.revenue_retention(log, through=through)
        assert moved.nrr().value[1] == pytest.approx(cohort.nrr.value[0, 1])
        assert moved.grr().standard_error[1] == pytest.approx(cohort.grr.standard_error[0, 1])


class TestRecovery:
    @pytest.mark.parametrize("replications", [200, pytest.param(2000, marks=pytest.mark.slow)])
    def test_limits_cover_near_their_level(self, replications):
        # 300 customers: .1 leave, .1 halve, .2 double, each by himself; besides, 40 new ones of the same size.
        rng = np.random.default_rng(20250601)
        truths = np.array([0.6 + 0.1 * 0.5 + 0.2 * 2, 0.6 + 0.1 * 0.5 + 0.2])
        covered = np.zeros(2)
        for _ in range(replications):
            x = rng.lognormal(3, 0.6, 300)
            y = x * rng.choice([0, 0.5, 1, 2], 300, p=[0.1, 0.1, 0.6, 0.2])
            log = {
                "customer_id": np.concatenate([np.arange(300), np.arange(340)]),
                "at": np.repeat(np.array(["2025-01-01", "2025-02-01"], "M8[us]"), [300, 340]),
                "amount": np.concatenate([x, y, rng.lognormal(3, 0.6, 40)]),
            }
            moved = clm.mrr_movements(log, through="2025-02-28")
            for i, found in enumerate((moved.nrr(), moved.grr())):
                low, high = found.confidence_interval()
                covered[i] += low[1] <= truths[i] <= high[1]
        assert (np.abs(covered / replications - 0.945) < 0.005 + 4 * np.sqrt(0.95 * 0.05 / replications)).all()
