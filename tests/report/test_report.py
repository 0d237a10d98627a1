from __future__ import annotations

import json
import sys
from itertools import chain

import numpy as np
import pytest

for name in ("matplotlib", "jinja2"):
    pytest.importorskip(name)

import clm  # noqa: E402  # after the optional packages
from clm.errors import InvalidDataError, MissingExtraError  # noqa: E402  # as above
from clm.report import build, check, to_html, to_json, write  # noqa: E402  # as above

NPS = {"kind": ["nps"] * 4, "at": ["2025-03-01"] * 4, "score": [10, 9, 8, 3]}


@pytest.fixture(scope="module")
def cdnow():
    return clm.CustomerBase(orders=clm.datasets.cdnow(), through="1998-06-30")


@pytest.fixture(scope="module")
def report(cdnow):
    return build(cdnow, title="CDNOW")


@pytest.fixture(scope="module")
def whole():
    return clm.datasets.simulate_base(400, rng=1)


def parts(report):
    return {part.name: part for part in chain.from_iterable(section.parts for section in report.sections)}


def leaves(value):
    if isinstance(value, dict):
        for entry in value.values():
            yield from leaves(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from leaves(entry)
    else:
        yield value


class TestInputs:
    def test_what_is_no_base_is_refused(self):
        with pytest.raises(InvalidDataError, match="not list"):
            build([1, 2, 3])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"years": 0}, "years"),
            ({"years": float("inf")}, "years"),
            ({"margin": 40}, "0.4 for 40%"),
            ({"margin": 0}, "margin"),
            ({"targets": {"npss": 3}}, "Did you mean 'nps'"),
        ],
    )
    def test_options_out_of_range(self, options, message):
        with pytest.raises((InvalidDataError, clm.UnknownMetricError), match=message):
            build(clm.CustomerBase(answers=NPS), **options)

    def test_a_card_has_its_targets_already(self):
        card = clm.scorecard(clm.CustomerBase(answers=NPS), metrics=["nps"])
        with pytest.raises(InvalidDataError, match=r"clm\.scorecard"):
            build(card, targets={"nps": 3})

    @pytest.mark.parametrize(("module", "extra"), [("jinja2", "report"), ("matplotlib", "report")])
    def test_a_missing_package_names_the_extra(self, tmp_path, monkeypatch, module, extra):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None if module == "matplotlib" else sys.modules.get("x"))
        if module == "jinja2":
            monkeypatch.delitem(sys.modules, "matplotlib.figure")
        with pytest.raises(MissingExtraError) as caught:
            write(clm.CustomerBase(answers=NPS), tmp_path / "page.html")
        assert caught.value.extra in {extra, "plot"}
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_folder_is_said_before_anything_is_computed(self, tmp_path):
        with pytest.raises(InvalidDataError, match="there is no directory"):
            write(object(), tmp_path / "no" / "page.html")

    def test_tables_that_cannot_be_read_raise(self):
        with pytest.raises(InvalidDataError, match="soon"):
            build(clm.CustomerBase(orders={"customer_id": ["a"], "at": ["soon"]}))


class TestPublishedNumbers:
    def test_the_holdout_of_cdnow(self, cdnow):
        found = check(cdnow)
        # Half of the 78 weeks: the calibration of Fader and Hardie ends on 1997-09-30, and 1,882 purchases follow it.
        assert found.calibrated_through == "1997-09-30"
        assert found.holdout.duration == 39
        assert found.actual == 1882
        assert found.fit.params == pytest.approx({"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}, abs=5e-5)
        assert found.tracking.actual[-1] == 2457 + 1882
        assert found.tracking.calibrated_through == 39

    def test_the_page_opens_with_the_base(self, report):
        shown = {headline.name: headline.value for headline in report.headlines}
        assert (shown["Customers who ordered"], shown["Orders"]) == ("2,357", "6,919")


class TestConsistency:
    def test_every_part_has_a_figure_a_table_or_a_reason(self, report, whole):
        for made in (report, build(whole), build(clm.CustomerBase()), build(clm.CustomerBase(answers=NPS))):
            for part in parts(made).values():
                assert part.missing or part.svg or any(table.rows for table in part.tables), part.name
                assert not (part.missing and part.svg)

    def test_a_whole_base_misses_nothing(self, whole):
        made = build(whole)
        assert {name: part.missing for name, part in parts(made).items() if part.missing} == {}
        assert {"NPS", "CSAT", "CES"} <= {headline.name for headline in made.headlines}

    def test_orders_alone_say_what_is_missing(self, report):
        assert [name for name, part in parts(report).items() if part.missing] == ["scores"]
        assert "answers" in parts(report)["scores"].missing
        assert any("touchpoints" in note for note in parts(report)["occupancy"].notes)

    def test_an_empty_base_gives_reasons_only(self):
        made = build(clm.CustomerBase())
        assert all(part.missing for name, part in parts(made).items() if name != "scorecard")
        assert made.headlines == ()
        assert "<svg" not in to_html(made)

    def test_same_input_same_bytes(self, whole, tmp_path):
        for name in ("a.html", "b.html", "a.json", "b.json"):
            write(whole, tmp_path / name)
        assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
        assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()

    def test_json_has_null_and_the_reason(self, report):
        data = json.loads(to_json(report), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
        rows = data["sections"]["metrics"]["parts"]["scorecard"]["rows"]
        missing = [row for row in rows if row["value"] is None]
        assert missing
        assert all(row["undefined"] for row in missing)
        assert not any(isinstance(leaf, float) and not np.isfinite(leaf) for leaf in leaves(data))

    def test_json_says_what_the_page_says(self, report, cdnow):
        data = json.loads(to_json(report))
        assert [section["title"] for section in data["sections"].values()] == [s.title for s in report.sections]
        tracking = data["sections"]["purchases"]["parts"]["tracking"]
        assert (tracking["predicted"], tracking["actual"]) == (check(cdnow).expected, 1882)
        stages = data["sections"]["stages"]["parts"]["occupancy"]
        assert sum(stages["counts"][-1]) == 2357
        assert {headline["name"]: headline["value"] for headline in data["headlines"]}["Orders"] == "6,919"

    def test_a_scorecard_alone_is_a_page(self, tmp_path):
        card = clm.scorecard(clm.CustomerBase(answers=NPS), metrics=["nps"], targets={"nps": 58})
        write(card, tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text("utf-8")
        assert "58" in page
        assert card["nps"].definition in page

    def test_a_report_that_is_built_is_written_as_it_is(self, report, tmp_path):
        write(report, tmp_path / "page.html")
        assert (tmp_path / "page.html").read_text("utf-8") == to_html(report)

    def test_every_metric_is_defined_on_the_page(self, whole):
        made = build(whole)
        assert [name for name, _ in made.definitions] == [row.name for row in clm.scorecard(whole).rows]
        assert all(sentence for _, sentence in made.definitions)

    def test_what_was_left_out_is_counted(self):
        orders = {"customer_id": ["a", None, "b", "b"], "at": ["2025-01-01", "2025-01-01", "2025-03-01", "2026-01-01"]}
        made = build(clm.CustomerBase(orders=orders, through="2025-06-30"))
        assert sorted(row[2] for row in made.dropped.rows) == ["1", "1"]

    def test_the_holdout_counts_as_rfm_does(self):
        rng = np.random.default_rng(3)
        days = np.datetime64("2024-01-01", "us") + np.sort(rng.integers(0, 300, 900)) * np.timedelta64(
            86_400_000_000, "us"
        )
        amounts = np.round(rng.normal(10, 14, 900), 2)  # refunds among them, some of which take a purchase back
        orders = {"customer_id": rng.integers(0, 120, 900), "at": days, "amount": amounts}
        found = check(clm.CustomerBase(orders=orders))
        calibrated = found.calibration.frequency.sum()
        assert found.tracking.actual[-1] == calibrated + found.actual
        at_the_end = found.tracking.times == found.tracking.calibrated_through
        assert found.tracking.actual[at_the_end] == calibrated

    def test_a_long_log_has_cohorts_of_longer_periods_and_a_page_of_a_readable_size(self):
        orders = {"customer_id": ["a", "a", "b"], "at": ["1970-01-01", "2020-04-01", "2024-01-01"]}
        made = build(clm.CustomerBase(orders=orders))
        cohorts = parts(made)["cohorts"].data["cohorts"]
        assert (cohorts[0], cohorts[-1]) == ("1970-01-01", "2024-01-01")
        assert len(cohorts) == 55
        assert len(to_html(made)) < 2_000_000

    def test_a_lifecycle_that_nobody_enters_says_what_it_knows(self):
        lifecycle = clm.lifecycles.five_stage(kinds={"order": "purchase"})
        made = build(clm.CustomerBase(touchpoints={"customer_id": ["a"], "at": ["2025-01-01"], "kind": ["buy"]}))
        assert "purchase" not in parts(made)["occupancy"].missing
        other = clm.CustomerBase(
            touchpoints={"customer_id": ["a"], "at": ["2025-01-01"], "kind": ["buy"]}, lifecycle=lifecycle
        )
        assert "purchase" in parts(build(other))["occupancy"].missing

    def test_too_short_a_time_is_not_split(self):
        orders = {"customer_id": ["a", "a", "b"], "at": ["2025-01-01", "2025-01-20", "2025-02-01"]}
        with pytest.raises(InvalidDataError, match="span 32 days; at least 56"):
            check(clm.CustomerBase(orders=orders))

    def test_no_warning_escapes_where_a_model_cannot_be_pinned_down(self):
        days = [f"2025-{month:02}-01" for month in range(1, 11)] * 2
        orders = {"customer_id": ["a"] * 10 + ["b"] * 10, "at": days, "amount": [5.0] * 20}
        made = build(clm.CustomerBase(orders=orders))
        tracking = parts(made)["tracking"]
        assert tracking.missing or tracking.tables


class TestPage:
    def test_it_reads_as_one_document(self, report):
        page = to_html(report)
        assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
        assert page.count("<h1>") == 1
        assert page.count("<figure>") == page.count("<figcaption>") == page.count('role="img"') > 5
        assert "http:" not in page
        assert "https:" not in page

    def test_what_cannot_be_computed_says_so_in_its_place(self, report):
        assert to_html(report).count('class="missing"') == 1
