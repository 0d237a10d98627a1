"""The same numbers from PySpark, where it and Java are installed."""

# ruff: noqa: DTZ001  # wall times are what is tested

import os
import sys
import warnings
from datetime import UTC, datetime, timedelta
from shutil import which

import pytest

import clm

pyspark = pytest.importorskip("pyspark", reason="PySpark is not installed")
if which("java") is None:
    pytest.skip("PySpark needs Java", allow_module_level=True)


@pytest.fixture(scope="module")
def spark():
    # Workers would take the first python3 on the path.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = (
            SparkSession.builder.master("local[1]")
            # Neither zone of the tests: results may not depend on the session's.
            .config("spark.sql.session.timeZone", "America/New_York")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.memory", "1g")
            .getOrCreate()
        )
    yield session
    session.stop()


ROWS = [
    (customer, datetime(2024, 3, 29) + timedelta(hours=7 * step), round(5.1 * step - 20, 2), kind)
    for step, (customer, kind) in enumerate(
        [("c", "signed_up"), ("a", "signed_up"), ("c", "order"), ("a", "order"), ("\u00a0", "order")] * 5
    )
]
COLUMNS = dict(zip(("customer_id", "at", "amount", "kind"), map(list, zip(*ROWS, strict=True)), strict=True))


@pytest.fixture(params=["TIMESTAMP_NTZ", "TIMESTAMP"])
def logs(request, spark):
    """The same orders in Spark and as a mapping: naive, or with a zone."""
    schema = f"customer_id STRING, at {request.param}, amount DOUBLE, kind STRING"
    if request.param == "TIMESTAMP_NTZ":
        return spark.createDataFrame(ROWS, schema), COLUMNS
    aware = [at.replace(tzinfo=UTC) for at in COLUMNS["at"]]
    rows = [(customer, at, amount, kind) for (customer, _, amount, kind), at in zip(ROWS, aware, strict=True)]
    return spark.createDataFrame(rows, schema), COLUMNS | {"at": aware}


@pytest.mark.filterwarnings("ignore")  # Spark warns about pandas 3 and about its own sockets
@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin"])
class TestConsistency:
    def test_histories_split_and_cells(self, logs, tz):
        frame, columns = logs
        options = {"tz": tz, "unit": "day", "through": "2024-04-15"}
        assert clm.rfm(frame, **options) == clm.rfm(columns, **options)
        assert clm.rfm(frame, occasion="month", **options) == clm.rfm(columns, occasion="month", **options)
        assert clm.rfm_cells(frame, **options) == clm.rfm_cells(columns, **options)
        split = options | {"calibrate_through": "2024-03-31"}
        assert clm.rfm_split(frame, **split) == clm.rfm_split(columns, **split)

    def test_retention(self, logs, tz):
        frame, columns = logs
        definition = clm.RetentionDefinition(period="day", rule="every", start_kind="signed_up", tz=tz)
        assert clm.retention_table(frame, definition) == clm.retention_table(columns, definition)


@pytest.mark.filterwarnings("ignore")  # as above
class TestEvents:
    """Each once: what times mean is tested above."""

    tz = "Europe/Berlin"

    @pytest.fixture(scope="class")
    def frame(self, spark):
        return spark.createDataFrame(ROWS, "customer_id STRING, at TIMESTAMP_NTZ, amount DOUBLE, kind STRING")

    @pytest.mark.parametrize(
        "definition",
        [
            clm.RetentionDefinition(period="day", entry="recurring", brackets=[2, 5], minimum=2, tz=tz),
            clm.RetentionDefinition(period="day", clock="own", rule="on_or_after", full_hours=True, tz=tz),
        ],
        ids=["recurring", "own clock"],
    )
    def test_retention(self, frame, definition):
        options = {"start": "2024-03-30", "through": "2024-04-20"}
        assert clm.retention_table(frame, definition, **options) == clm.retention_table(COLUMNS, definition, **options)

    def test_growth(self, frame):
        assert clm.growth_accounting(frame, tz=self.tz) == clm.growth_accounting(COLUMNS, tz=self.tz)

    @pytest.mark.parametrize("rule", ["ordered", "strict"])
    def test_funnels(self, frame, rule):
        options = {"rule": rule, "window": "3d", "through": "2024-04-20", "tz": self.tz}
        found = clm.funnel(frame, ["signed_up", "order"], **options)
        assert found.counts.tolist() == clm.funnel(COLUMNS, ["signed_up", "order"], **options).counts.tolist()
