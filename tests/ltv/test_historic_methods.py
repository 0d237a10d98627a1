"""The four methods that look back: purchases, margin, average order, contribution."""

import numpy as np
import pytest

import clm

METHODS = [
    clm.historic_ltv,
    lambda rfm: clm.margin_ltv(rfm, margin=0.35),
    clm.average_order_ltv,
    lambda rfm: clm.contribution_ltv(rfm, acquisition_cost=20, retention_cost=10, cost_of_goods=0.5),
]


@pytest.fixture
def histories():
    orders = {
        "customer_id": [1, 1, 1, 2],
        "at": ["2025-01-02", "2025-02-03", "2025-03-04", "2025-01-05"],
        "amount": [100.0, 33.0, 200.0, 5.0],
    }
    return clm.rfm(orders, amount="amount", through="2025-03-31")


class TestInputs:
    @pytest.mark.parametrize("method", METHODS)
    def test_histories_without_amounts_are_refused(self, method):
        with pytest.raises(clm.InvalidDataError, match=r"amount="):
            method(clm.RFM.from_arrays([1], [2.0], [3.0], [10.0]))

    @pytest.mark.parametrize("method", METHODS)
    def test_an_order_log_is_refused_with_the_remedy(self, method):
        with pytest.raises(clm.InvalidDataError, match=r"clm\.rfm"):
            method({"customer_id": [1]})

    @pytest.mark.parametrize("margin", [35, np.nan, np.inf, "a third", True, [0.3, 0.4]])
    def test_a_margin_is_one_fraction(self, histories, margin):
        with pytest.raises(clm.InvalidDataError, match="margin"):
            clm.margin_ltv(histories, margin=margin)

    @pytest.mark.parametrize(
        ("cost", "message"),
        [
            ({1: 2.0}, r"does not name the customer in 1 of 2 rows, first at row 1"),
            ([1.0, 2.0, 3.0], r"shape \(3,\), but there are 2 customers"),
            (-1.0, "is negative"),
            ([1.0, np.nan], r"missing or infinite in 1 of 2 rows, first at row 1"),
            ("free", "text"),
        ],
    )
    @pytest.mark.parametrize("name", ["acquisition_cost", "retention_cost", "cost_of_goods"])
    def test_costs_say_what_is_wrong(self, histories, name, cost, message):
        with pytest.raises(clm.InvalidDataError, match=f"{name}.*{message}"):
            clm.contribution_ltv(histories, **{name: cost})

    def test_cost_of_goods_in_percent_is_refused(self, histories):
        with pytest.raises(clm.InvalidDataError, match=r"0\.5 for 50 percent"):
            clm.contribution_ltv(histories, cost_of_goods=50)

    def test_a_mapping_needs_ids(self):
        anonymous = clm.rfm_cells({"customer_id": [1], "at": ["2025-01-02"]})
        with pytest.raises(clm.InvalidDataError):
            clm.contribution_ltv(anonymous, acquisition_cost={1: 2})


class TestPublishedNumbers:
    """100 + 33 + 200 = 333; the other figures are this sum by hand."""

    def test_sum_of_purchases(self, histories):
        assert clm.historic_ltv(histories).value.tolist() == [333.0, 5.0]

    def test_sum_times_margin(self, histories):
        assert clm.margin_ltv(histories, margin=0.4).value == pytest.approx([133.2, 2.0])

    def test_average_order_times_orders(self, histories):
        assert clm.average_order_ltv(histories).value == pytest.approx([111.0 * 3, 5.0])

    def test_contribution(self, histories):
        value = clm.contribution_ltv(histories, acquisition_cost=20, retention_cost=10, cost_of_goods=0.5).value
        assert value == pytest.approx([333 / 2 - 30, 5 / 2 - 30])

    def test_cdnow_spent(self):
        # The 6,919 orders of the file add up to 244,091.94 dollars: the amounts of the file as exact decimals.
        total = clm.historic_ltv(clm.rfm(clm.datasets.cdnow(), amount="amount")).sum()
        assert total.value == pytest.approx(244_091.94, abs=0.005)
        assert total.standard_error == 0


class TestConsistency:
    @pytest.mark.parametrize("method", METHODS)
    def test_counted_in_full(self, histories, method):
        estimate = method(histories)
        low, high = estimate.confidence_interval(0.9)
        assert estimate.standard_error.tolist() == [0.0, 0.0]
        np.testing.assert_array_equal(low, estimate.value)
        np.testing.assert_array_equal(high, estimate.value)
        assert estimate.index.tolist() == [1, 2]
        assert estimate.definition.endswith(".")

    def test_refunds_on_their_own_lower_the_sum_alone(self):
        orders = {"customer_id": [1, 1, 1], "at": ["2025-01-02", "2025-01-09", "2025-01-12"], "amount": [50, 30, -10]}
        histories = clm.rfm(orders, amount="amount")
        assert clm.historic_ltv(histories).value.tolist() == [70.0]
        assert clm.average_order_ltv(histories).value.tolist() == [80.0]

    def test_costs_by_number_by_row_and_by_id_agree(self, histories):
        by_number = clm.contribution_ltv(histories, acquisition_cost=7)
        assert by_number == clm.contribution_ltv(histories, acquisition_cost=[7, 7])
        assert by_number == clm.contribution_ltv(histories, acquisition_cost={2: 7, 1: 7, 3: 99})

    def test_an_estimated_margin_carries_its_error_to_the_total(self, histories):
        margin = clm.Estimate(value=0.4, standard_error=0.05, n=80, name="m", unit="fraction", definition="Margin.")
        total = clm.margin_ltv(histories, margin=margin).sum()
        # All customers lean on the one margin, so that errors add up: 338 x 0.05.
        assert total.standard_error == pytest.approx(338 * 0.05)
