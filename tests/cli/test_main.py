from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import warnings

import pytest

for name in ("duckdb", "pyarrow", "matplotlib", "jinja2"):
    pytest.importorskip(name)

import clm  # noqa: E402  # after the optional packages
from clm.cli import main  # noqa: E402  # as above
from clm.report import build  # noqa: E402  # as above

HEADER = "customer_id,at,amount\n"
ANN = "ann,2024-01-01,5\n"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.csv").write_text(HEADER + ANN + "ann,2024-02-05,7\nbob,2024-02-03,9\n")
    return tmp_path


def left_in(folder, *known):
    return sorted({entry.name for entry in folder.iterdir()} - {"orders.csv", *known})


class TestReport:
    def test_a_page_and_its_data_are_written(self, folder, capsys):
        assert main(["report", "orders.csv", "-o", "page.html", "--json", "page.json", "--title", "Shop"]) == 0
        assert capsys.readouterr() == ("page.html\npage.json\n", "")
        page = (folder / "page.html").read_text("utf-8")
        assert "<title>Shop</title>" in page
        data = json.loads((folder / "page.json").read_text("utf-8"))
        assert data["sections"]["metrics"]["parts"]["scorecard"]["rows"][0]["name"] == "impressions"
        assert left_in(folder) == ["page.html", "page.json"]

    def test_columns_are_named(self, folder):
        (folder / "sales.csv").write_text("client;day;paid\nann;01.02.2024;5\nbob;03.02.2024;6\n")
        options = ["--customer", "client", "--at", "day", "--amount", "paid", "--date-format", "%d.%m.%Y"]
        assert main(["report", "sales.csv", *options, "-o", "page.html"]) == 0

    def test_parquet_gives_the_numbers_of_csv(self, folder):
        import duckdb

        duckdb.connect().execute("COPY (FROM 'orders.csv') TO 'orders.parquet' (FORMAT parquet)")
        for kind in ("csv", "parquet"):
            assert main(["report", f"orders.{kind}", "-o", "page.html", "--json", f"{kind}.json"]) == 0
        assert (folder / "csv.json").read_text() == (folder / "parquet.json").read_text()

    def test_all_tables_and_options_together(self, folder):
        (folder / "touch.csv").write_text("customer_id,at,kind,channel\nann,2023-12-30,visit,ads\n")
        (folder / "answers.csv").write_text("at,kind,score\n2024-01-05,nps,9\n2024-01-06,csat,2\n")
        (folder / "channels.csv").write_text(f"channel,at,cost\n{EVIL},2024-01-01,12\n")
        (folder / "targets.json").write_text('{"nps": 58}')
        (folder / "baseline.csv").write_text("metric,value\nnps,20\n")
        arguments = ["report", "orders.csv", "--touchpoints", "touch.csv", "--answers", "answers.csv"]
        arguments += ["--channels", "channels.csv", "--targets", "targets.json", "--baseline", "baseline.csv"]
        arguments += ["--scale", "csat=1:3", "--through", "2024-03-01", "--tz", "Europe/Berlin", "--margin", "0.4"]
        arguments += ["--discount", "0.1", "--currency", "EUR", "-o", "page.html", "--json", "page.json"]
        assert main(arguments) == 0
        rows = json.loads((folder / "page.json").read_text())["sections"]["metrics"]["parts"]["scorecard"]["rows"]
        nps = next(row for row in rows if row["name"] == "nps")
        assert (nps["value"], nps["baseline"], nps["target"]) == (100.0, 20.0, 58.0)

    def test_an_earlier_report_is_a_baseline(self, folder):
        (folder / "answers.csv").write_text("at,kind,score\n2024-01-05,nps,9\n2024-01-06,nps,2\n")
        report = ["report", "orders.csv", "--answers", "answers.csv"]
        assert main([*report, "-o", "page.html", "--json", "before.json"]) == 0
        assert main([*report, "-o", "page.html", "--baseline", "before.json", "--json", "after.json"]) == 0
        rows = json.loads((folder / "after.json").read_text())["sections"]["metrics"]["parts"]["scorecard"]["rows"]
        assert next(row["baseline"] for row in rows if row["name"] == "nps") == 0.0

    def test_numbers_and_text_as_ids_meet(self, folder):
        import duckdb

        duckdb.connect().execute(
            "COPY (SELECT 7 AS customer_id, DATE '2024-01-01' AS at, 5.0 AS amount) TO 'o.parquet' (FORMAT parquet)"
        )
        (folder / "touch.csv").write_text("customer_id,at,kind\n7,2023-12-30,visit\n")
        assert main(["report", "o.parquet", "--touchpoints", "touch.csv", "-o", "p.html", "--json", "p.json"]) == 0
        stages = json.loads((folder / "p.json").read_text())["sections"]["stages"]["parts"]["occupancy"]
        assert sum(stages["counts"][-1]) == 1

    def test_one_customer_has_a_page_that_says_what_is_missing(self, folder):
        (folder / "one.csv").write_text(HEADER + ANN)
        assert main(["report", "one.csv", "-o", "page.html"]) == 0
        page = (folder / "page.html").read_text("utf-8")
        assert "none of the 1 customers bought again" in page
        assert page.count("Not computed:") == page.count('class="missing"') > 0

    def test_what_was_left_out_is_counted(self, folder):
        (folder / "blank.csv").write_text(HEADER + ANN + ",2024-01-02,3\n \t,2024-01-02,3\nbob,2025-01-01,4\n")
        assert main(["report", "blank.csv", "--through", "2024-12-31", "-o", "page.html", "--json", "p.json"]) == 0
        dropped = json.loads((folder / "p.json").read_text())["dropped"]
        assert [row[2] for row in dropped] == ["1", "1", "1"]

    def test_customers_channels_and_currencies_named_like_scripts_do_nothing(self, folder):
        (folder / "o.csv").write_text(HEADER + f"{EVIL},2024-01-01,5\n{EVIL},2024-03-01,5\n")
        (folder / "t.csv").write_text(f"customer_id,at,kind,channel\n{EVIL},2023-12-30,visit,{EVIL}\n")
        assert main(["report", "o.csv", "--touchpoints", "t.csv", "--currency", EVIL, "--title", EVIL]) == 0
        page = (folder / "report.html").read_text("utf-8")
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page

    def test_the_same_input_gives_the_same_bytes(self, folder):
        for name in ("a.html", "b.html"):
            assert main(["report", "orders.csv", "-o", name]) == 0
        assert (folder / "a.html").read_bytes() == (folder / "b.html").read_bytes()


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "options", "message"),
        [
            ("", [], "is empty"),
            (HEADER, [], "no rows"),
            ("client,at\nann,2024-01-01\n", [], "no column 'customer_id'; there are 'client', 'at'"),
            (HEADER + ANN, ["--amount", "amounts"], "no column 'amounts'.+Did you mean 'amount'"),
            (HEADER + ANN, ["--at", "customer_id"], "cannot be both customer and at"),
            (HEADER + "ann,soon,5\n", [], r"no date can be read in 1 of 1 rows, first at row 0 \(soon\)"),
            (HEADER + "ann,2024-01-01T00:00Z,5\nann,2024-01-02,5\n", [], "some times say their zone"),
            (HEADER + "ann,2024-01-01,inf\n", [], "NaN or infinite"),
            (HEADER + "ann,2024-01-01,\n", [], "missing or infinite in 1 of 1 rows"),
            (HEADER + ",2024-01-01,5\n", [], "null ids"),
            (HEADER + "ann,2024-01-01,-5\n", [], "there is no order"),
            (HEADER + ANN, ["--through", "2023-01-01"], "there is no order"),
            (HEADER + ANN, ["--through", "soon"], "no date or time"),
            (HEADER + ANN, ["--lifecycle", "five_stages"], "Did you mean 'five_stage'"),
            (HEADER + ANN, ["--tz", "Mars/Olympus"], "time zone 'Mars/Olympus'"),
            (HEADER + ANN, ["--targets", "nowhere.json"], "there is no file nowhere.json"),
            (HEADER + ANN, ["--margin", "40"], "margin must be a fraction"),
            (HEADER + ANN, ["--discount", "-1"], "discount rate"),
            (HEADER + ANN, ["--scale", "csat"], "KIND=LOW:HIGH"),
            (HEADER + ANN, ["--memory-limit", "much"], "DuckDB refuses"),
            (HEADER + ANN, ["-o", "no/page.html"], "there is no directory"),
            (HEADER + ANN, ["-o", "."], "is a directory"),
            (HEADER + ANN, ["-o", "bad.csv"], "would be overwritten"),
            (HEADER + ANN, ["--json", "page.html"], "would be one file"),
        ],
    )  # fmt: skip
    def test_ends_with_one_line_and_nothing_written(self, folder, capsys, content, options, message):
        (folder / "bad.csv").write_text(content)
        assert main(["report", "bad.csv", "-o", "page.html", *options]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert re.fullmatch(rf"clm report: .*{message}.*\n", told.err), told.err
        assert left_in(folder, "bad.csv") == []

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ('{"npss": 3}', "Did you mean 'nps'"),
            ('{"nps": "x"}', "the value of 'nps' is 'x'"),
            ('{"nps": true}', "the value of 'nps' is True"),
            ('{"nps": 50', "is no JSON"),
            ("[1]", "must hold a JSON object"),
            ('{"library": "clm"}', "without a scorecard"),
            ("nps,fifty\nnps,sixty\n", "JSON object or a CSV"),
            ("just text", "JSON object or a CSV"),
        ],
    )
    def test_targets_that_are_none(self, folder, capsys, content, message):
        (folder / "targets").write_text(content)
        assert main(["report", "orders.csv", "--targets", "targets"]) == 2
        assert message in capsys.readouterr().err
        assert left_in(folder, "targets") == []

    @pytest.mark.parametrize("arguments", [["report"], ["nonsense"], ["report", "orders.csv", "--nonsense"]])
    def test_wrong_arguments_are_one_line(self, capsys, arguments):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert capsys.readouterr().err.count("\n") == 1

    def test_control_c_ends_it_without_a_traceback_or_a_page(self, folder, capsys, monkeypatch):
        def interrupted(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr("clm.cli._report.build", interrupted)
        assert main(["report", "orders.csv", "-o", "page.html"]) == 130
        assert capsys.readouterr().err == "clm report: interrupted\n"
        assert left_in(folder) == []

    def test_a_warning_is_one_line(self, folder, capsys, monkeypatch):
        def warn(*_, **__):
            warnings.warn("a plug-in\nwas skipped", clm.PluginWarning, stacklevel=1)
            return build(clm.CustomerBase())

        monkeypatch.setattr("clm.cli._report.build", warn)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            assert main(["report", "orders.csv", "-o", "page.html"]) == 0
        assert capsys.readouterr().err == "clm: warning: a plug-in was skipped\n"

    def test_an_old_page_stays_when_the_input_is_bad(self, folder):
        (folder / "page.html").write_text("old")
        (folder / "bad.csv").write_text(HEADER + "ann,soon,5\n")
        assert main(["report", "bad.csv", "-o", "page.html"]) == 2
        assert (folder / "page.html").read_text() == "old"


class TestDemo:
    def test_it_shows_the_published_numbers(self, folder, capsys):
        assert main(["demo", "-o", "demo.html"]) == 0
        told = capsys.readouterr()
        assert told.err == ""
        # Fader and Hardie's 1/10 sample: 2,357 customers, 6,919 orders; BG/NBD as published (2005, table 2).
        for expected in ("2,357 customers, 6,919 orders", "0.2426", "4.4136", "0.7929", "2.4259", "-9,582.43", "1,882"):
            assert expected in told.out
        assert "orders only" in told.out
        assert (folder / "demo.html").stat().st_size > 100_000

    def test_an_unwritable_page_is_said_before_anything_is_computed(self, folder, capsys):
        began = time.process_time()
        assert main(["demo", "-o", "no/demo.html"]) == 2
        assert "there is no directory" in capsys.readouterr().err
        assert time.process_time() - began < 1


class TestLists:
    def test_metrics(self, capsys):
        assert main(["metrics"]) == 0
        listed = capsys.readouterr().out
        assert all(re.search(rf"^\w+ +{name} ", listed, re.MULTILINE) for name in clm.metrics.names())

    def test_lifecycles(self, capsys):
        assert main(["lifecycle"]) == 0
        assert capsys.readouterr().out.split() == list(clm.lifecycles.names())
        assert main(["lifecycle", "five_stage", "--mermaid"]) == 0
        assert capsys.readouterr().out.strip() == clm.lifecycles.five_stage().to_mermaid().strip()
        assert main(["lifecycle", "five_stage"]) == 0
        assert "at_risk" in capsys.readouterr().out

    def test_an_unknown_lifecycle(self, capsys):
        assert main(["lifecycle", "five_stages"]) == 2
        assert "Did you mean 'five_stage'" in capsys.readouterr().err

    def test_version_and_help(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            main(["--version"])
        assert capsys.readouterr().out == f"clm {clm.__version__}\n"
        assert main([]) == 0
        assert "report" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="signals and pipes as POSIX has them")
class TestProcess:
    def test_a_closed_pipe_is_no_error(self):
        command = f"{sys.executable} -m clm metrics | true; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode in {0, 141}
        assert done.stderr == ""

    def test_progress_shows_on_a_terminal_only(self):
        from clm.cli._progress import Progress

        class Terminal:
            def __init__(self, is_one):
                self.is_one, self.written = is_one, []

            def isatty(self):
                return self.is_one

            def write(self, text):
                self.written.append(text)

            def flush(self):
                pass

        for is_one in (True, False):
            terminal = Terminal(is_one)
            with Progress(terminal, patience=0.0, tick=0.01) as progress:
                progress.step("counting")
                time.sleep(0.1)
            assert any("clm: counting" in text for text in terminal.written) is is_one
            assert not terminal.written or terminal.written[-1] == "\r\x1b[K"
