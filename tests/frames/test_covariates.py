"""What is known of customers, joined to their histories, from every kind of frame."""

import numpy as np
import pytest

import clm

ORDERS = {"customer_id": ["bob", "ann", "bob", "eve"], "at": ["2025-01-01", "2025-01-03", "2025-01-08", "2025-01-09"]}
KNOWN = {"customer_id": ["eve", "zoe", "bob", "ann"], "age": [61.0, 20.0, 35.0, 41.0], "visits": [3, 9, 2, 1]}


@pytest.fixture(scope="module")
def rfm():
    return clm.rfm(ORDERS, through="2025-01-31")


class TestInputs:
    @pytest.mark.parametrize(
        ("known", "options", "message"),
        [
            (KNOWN, {"columns": []}, "columns must be names of columns"),
            (KNOWN, {"columns": [3]}, "columns must be names of columns"),
            (KNOWN, {"columns": "agee"}, "customers has no column 'agee'.* Did you mean 'age'"),
            (KNOWN, {"columns": "age", "customer": "id"}, "customers has no column 'id'"),
            ({**KNOWN, "age": ["a", "b", "c", "d"]}, {"columns": "age"}, "column 'age' holds text"),
            (
                {**KNOWN, "customer_id": ["eve", "bob", "bob", "ann"]},
                {"columns": "age"},
                "customers come more than once",
            ),
            ({**KNOWN, "customer_id": ["eve", "zoe", "max", "ann"]}, {"columns": "age"}, "not in the frame.* as bob"),
            ({**KNOWN, "customer_id": [1, 2, 3, 4]}, {"columns": "age"}, "have numbers as ids, rfm has text"),
            ({name: [] for name in KNOWN}, {"columns": "age"}, "not in the frame"),
            (3, {"columns": "age"}, "customers is an int, not a dataframe"),
        ],
        ids=str,
    )
    def test_what_cannot_be_joined(self, rfm, known, options, message):
        with pytest.raises(clm.InvalidDataError, match=message):
            clm.covariates(known, rfm, **options)

    def test_histories_without_ids(self):
        bare = clm.RFM.from_arrays([1], [2], [3])
        for rfm in (bare, ORDERS):
            with pytest.raises(clm.InvalidDataError, match="rfm must be purchase histories with customer ids"):
                clm.covariates(KNOWN, rfm, columns="age")


class TestConsistency:
    def test_every_frame(self, frame, rfm):
        found = clm.covariates(frame(KNOWN), rfm, columns=["age", "visits"])
        assert rfm.customer.tolist() == ["ann", "bob", "eve"]
        assert list(found) == ["age", "visits"]
        assert found["age"].tolist() == [41, 35, 61]
        assert found["visits"].tolist() == [1, 2, 3]
        with pytest.raises(ValueError, match="read-only"):
            found["age"][0] = 1

    def test_a_source_and_a_column_called_customer(self, rfm):
        known = {"id": KNOWN["customer_id"], "customer": KNOWN["age"], "app": [True, False, True, False]}
        found = clm.covariates(clm.Source(known, customer="id"), rfm, columns=["customer", "app"])
        assert found["customer"].tolist() == [41, 35, 61]
        assert found["app"].tolist() == [0, 1, 1]

    def test_whole_number_ids(self):
        rfm = clm.rfm({"customer_id": [70, 5, 70], "at": ["2025-01-01", "2025-01-03", "2025-01-08"]})
        found = clm.covariates({"customer_id": [70, 6, 5], "age": [1.0, 2.0, np.nan]}, rfm, columns="age")
        assert found["age"][1] == 1
        assert np.isnan(found["age"][0])
