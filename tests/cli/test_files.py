from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from clm.errors import InvalidDataError

duckdb = pytest.importorskip("duckdb")

from clm.cli._cells import Column  # noqa: E402  # after duckdb, which may be absent
from clm.cli._files import Files  # noqa: E402  # as above

ORDERS = (
    Column("customer", "id", ("customer", "customer_id")),
    Column("at", "instant", ("at",)),
    Column("amount", "number", ("amount",), required=False),
)


def at(*date):
    return datetime(*date)  # noqa: DTZ001  # times without a zone are what the file holds


def rows(table):
    """Return the rows of an Arrow table or a relation."""
    return table.fetchall() if hasattr(table, "fetchall") else [tuple(row.values()) for row in table.to_pylist()]


HEADER = "customer,at,amount\n"


@pytest.fixture
def read(tmp_path):
    files = []

    def of(content, name="orders.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        files.append(Files(**options))
        return rows(files[-1].read(str(path), ORDERS).frame)

    yield of
    for each in files:
        each.close()


class TestReading:
    def test_iso_dates_compact_dates_and_empty_cells(self, read):
        assert read(HEADER + "ann,1997-01-01,5.5\nbob,19970102,\n,,\n") == [
            ("ann", at(1997, 1, 1), 5.5),
            ("bob", at(1997, 1, 2), None),
            (None, None, None),
        ]

    def test_times_with_offset_become_instants(self, read):
        found = read(HEADER + "ann,1997-01-01T00:00:00+02:00,5\nbob,1997-01-01 10:00Z,5\n")
        assert [row[1].astimezone(UTC) for row in found] == [
            datetime(1996, 12, 31, 22, tzinfo=UTC),
            datetime(1997, 1, 1, 10, tzinfo=UTC),
        ]

    @pytest.mark.parametrize("sign", [";", "\t", "|"])
    def test_other_delimiters_are_found_in_the_header(self, read, sign):
        assert read((HEADER + "ann,1997-01-01,5\n").replace(",", sign)) == [("ann", at(1997, 1, 1), 5.0)]

    def test_quotes_line_breaks_and_byte_order_mark(self, read):
        found = read("\ufeff" + HEADER.replace("\n", "\r\n") + '"a\nb",1997-01-01,5\r\n"c""d",1997-01-01,5\r\n')
        assert [row[0] for row in found] == ["a\nb", 'c"d']

    def test_old_line_ends(self, read):
        assert read(HEADER.replace("\n", "\r") + "ann,1997-01-01,5\r") == [("ann", at(1997, 1, 1), 5.0)]

    def test_ids_stay_text_with_their_zeros(self, read):
        assert read(HEADER + "007,1997-01-01,5\n")[0][0] == "007"

    def test_a_date_format_of_ones_own(self, read):
        found = read(HEADER + "ann,31/01/1997,5\n", date_format="%d/%m/%Y")
        assert found == [("ann", at(1997, 1, 31), 5.0)]

    @pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
    def test_a_large_file_stays_in_duckdb(self, tmp_path, name):
        (tmp_path / "orders.csv").write_text(HEADER + "ann,1997-01-01,5\nbob,1997-01-02,6\n")
        connection = duckdb.connect()
        connection.execute(f"COPY (FROM '{tmp_path}/orders.csv') TO '{tmp_path}/orders.parquet' (FORMAT parquet)")
        connection.close()
        files = Files(in_memory=1)
        table = files.read(str(tmp_path / name), ORDERS).frame
        assert isinstance(table, duckdb.DuckDBPyRelation)
        assert table.fetchall() == [("ann", at(1997, 1, 1), 5.0), ("bob", at(1997, 1, 2), 6.0)]
        files.close()

    def test_a_date_format_with_offset(self, read):
        found = read(HEADER + "ann,31/01/1997 10:00 +0200,5\n", date_format="%d/%m/%Y %H:%M %z")
        assert found[0][1].astimezone(UTC) == datetime(1997, 1, 31, 8, tzinfo=UTC)

    def test_gzip(self, read):
        found = read(gzip.compress((HEADER + "ann,1997-01-01,5\n").encode()), name="orders.csv.gz")
        assert found == [("ann", at(1997, 1, 1), 5.0)]

    def test_a_name_with_pattern_signs_is_a_name(self, read):
        assert len(read(HEADER + "ann,1997-01-01,5\n", name="orders [1].csv")) == 1

    def test_an_optional_column_may_be_missing(self, read):
        assert read("customer,at\nann,1997-01-01\n") == [("ann", at(1997, 1, 1))]

    def test_parquet_is_the_same_as_csv_and_several_files_are_one_table(self, tmp_path):
        connection = duckdb.connect()
        for part, day in enumerate(("1997-01-01", "1997-01-02")):
            connection.execute(
                f"COPY (SELECT 'ann' AS customer, DATE '{day}' AS at, 5::DECIMAL(9, 2) AS amount)"
                f" TO '{tmp_path}/part{part}.parquet' (FORMAT parquet)"
            )
        files = Files()
        assert sorted(rows(files.read(f"{tmp_path}/*.parquet", ORDERS).frame)) == [
            ("ann", at(1997, 1, 1), 5.0),
            ("ann", at(1997, 1, 2), 5.0),
        ]
        files.close()
        connection.close()


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "is empty"),
            (HEADER, "has a header but no rows"),
            ("\n\n", "first line .* is blank"),
            ("costumer,at\nann,1997-01-01\n", r"or 'customer_id'; there are 'costumer', 'at'.+mean 'costumer'"),
            ("at\n1997-01-01\n", "no column 'customer'"),
            ("customer,at,at\nann,1997-01-01,1997-01-01\n", "more than one column 'at'"),
            (HEADER + "ann,1997-01-01,5\nbob,1997-02-30,5\n", r"no date .* 1 of 2 rows, first at row 1 \(1997-02-30\)"),
            (HEADER + "ann,31/01/1997,5\n", "--date-format"),
            (HEADER + "ann,infinity,5\n", "no date can be read"),
            (HEADER + "ann,epoch,5\n", "no date can be read"),
            (HEADER + "ann,99999-01-01,5\n", "no date can be read"),
            (HEADER + "ann,1997-01-01 00:00+02:00,5\nbob,1997-01-01 00:00,5\n",
             r"say their zone \(first at row 0\) and some do not \(first at row 1\)"),
            (HEADER + "ann,1997-01-01,5\nbob,1997-01-01,NaN\n", "NaN or infinite in 1 of 2 rows, first at row 1"),
            (HEADER + "ann,1997-01-01,-inf\n", "NaN or infinite in 1 of 1 rows"),
            (HEADER + 'ann,1997-01-01,"1,5"\n', r"no number .* first at row 0 \(1,5\)"),
            (HEADER + "ann,1997-01-01\n", "Expected Number of Columns: 3 Found: 2"),
            (HEADER + '"ann,1997-01-01,5\n', "unterminated quote"),
            (HEADER + "ann,1997-01-01,5\r\nbob,1997-01-01,5\n", "line ends are mixed up"),
            (b"PK\x03\x04 a spreadsheet", "neither a CSV nor a Parquet"),
            (b"\x89PNG\x00\x01", "neither a CSV nor a Parquet"),
            ((HEADER + "ann,1997-01-01,5\n").encode("utf-16"), "neither a CSV nor a Parquet"),
            (HEADER.encode() + "Jürgen,1997-01-01,5\n".encode("latin-1"), "not utf-8"),
            ("größe,at\n".encode("latin-1"), "no CSV file in UTF-8"),
            (b"PAR1 and nothing else", "cannot be read"),
        ],
    )  # fmt: skip
    def test_says_what_and_where_in_one_line(self, read, content, message):
        with pytest.raises(InvalidDataError, match=message) as caught:
            read(content)
        assert "\n" not in str(caught.value)

    def test_a_missing_file_names_the_nearest(self, tmp_path):
        (tmp_path / "orders.csv").write_text(HEADER)
        with pytest.raises(InvalidDataError, match=r"Did you mean 'orders.csv'"):
            Files().read(str(tmp_path / "order.csv"), ORDERS)

    @pytest.mark.parametrize(
        "path", ["https://localhost/orders.csv", "s3://bucket/orders.parquet", "nowhere/*.parquet"]
    )
    def test_nothing_is_fetched_from_elsewhere(self, path):
        with pytest.raises(InvalidDataError, match=r"there is no file|no file matches"):
            Files().read(path, ORDERS)

    def test_a_directory(self, tmp_path):
        with pytest.raises(InvalidDataError, match="is a directory"):
            Files().read(str(tmp_path), ORDERS)

    def test_settings_that_duckdb_refuses(self):
        with pytest.raises(InvalidDataError, match="DuckDB refuses its settings"):
            Files(memory_limit="a lot")
