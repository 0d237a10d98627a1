"""The bundled data are the published data."""

import numpy as np
import pytest

import clm


class TestCdnow:
    def test_counts_as_published(self):
        orders = clm.datasets.cdnow()
        # Fader, Hardie and Lee (2005), p. 279: 2,357 customers, 6,919 orders after January 1, 1997.
        assert {name: len(column) for name, column in orders.items()} == dict.fromkeys(
            ["customer_id", "at", "quantity", "amount"], 6919
        )
        assert len(np.unique(orders["customer_id"])) == 2357
        assert orders["at"].min() == np.datetime64("1997-01-01")
        assert orders["at"].max() == np.datetime64("1998-06-30")

    def test_kinds(self):
        kinds = {name: str(column.dtype) for name, column in clm.datasets.cdnow().items()}
        assert kinds == {"customer_id": "int64", "at": "datetime64[us]", "quantity": "int64", "amount": "float64"}

    def test_everybody_began_in_the_first_quarter(self):
        orders = clm.datasets.cdnow()
        customers, first_row = np.unique(orders["customer_id"], return_index=True)
        first = orders["at"][first_row]
        assert np.all(first <= np.datetime64("1997-03-31"))
        assert np.array_equal(customers, np.arange(1, 2358))
        assert np.all(first == [orders["at"][orders["customer_id"] == customer].min() for customer in customers])

    def test_nobody_can_change_what_the_next_caller_gets(self):
        orders = clm.datasets.cdnow()
        with pytest.raises(ValueError, match="read-only"):
            orders["amount"][0] = 0
        del orders["amount"]
        assert "amount" in clm.datasets.cdnow()


class TestDonations:
    def test_counts_as_published(self):
        # Fader, Hardie and Shang (2010), table 3: 11,104 donors in 22 cells, 3,464 of whom never gave again.
        donors = clm.datasets.donations()
        assert donors.n == 11_104
        assert len(donors) == 22
        assert donors.weights[donors.frequency == 0].sum() == 3464
        assert donors.weights[donors.frequency == 6].sum() == 1203
        assert donors.unit == "year"
        assert set(donors.T) == {6.0}

    def test_same_each_time(self):
        assert clm.datasets.donations() == clm.datasets.donations()
