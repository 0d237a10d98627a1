from __future__ import annotations

from html.parser import HTMLParser

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

import clm  # after the optional packages
from clm.report._html import to_html  # needs jinja2
from clm.report._model import Headline, Part, Report, Section, Table  # as above
from clm.report._svg import draw  # needs matplotlib

EVIL = "<script>alert(1)</script>"
WORSE = '"><img src=x onerror=alert(1)> {{ 7 * 7 }} $x_$ & \x08 \ud800'


class Tags(HTMLParser):
    """What a page holds: tags, ids, and attributes that could run or load something."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.risky = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name.startswith("on") or (name in {"src", "href", "action"} and not value.startswith(("#", "data:"))):
                self.risky.append((tag, name, value))


def values(unit="USD", name="value"):
    return clm.Estimate(value=[1.0, 2.0, 30.0], n=3, name=name, unit=unit, definition="Value.")


def report(text):
    figure = draw(lambda: clm.plot.value_distribution(values(text, text)), "figure", text)
    again = draw(lambda: clm.plot.value_distribution(values(text, text)), "again", text)
    table = Table(caption=text, head=(text, "n"), rows=((text, "1"),), numeric=frozenset({1}))
    parts = (
        Part(name="figure", title=text, definition=text, svg=figure, tables=(table,), notes=(text,)),
        Part(name="again", title=text, svg=again),
        Part(name="none", title=text, missing=text, wide=True),
    )
    return Report(
        title=text,
        subtitle=text,
        headlines=(Headline(name=text, value=text, interval=text, definition=text),),
        sections=(Section(name="section", title=text, parts=parts),),
        definitions=((text, text),),
        dropped=table,
        caveats=(text,),
        version="0",
    )


class TestPage:
    @pytest.mark.parametrize("text", [EVIL, WORSE])
    def test_everything_is_escaped(self, text):
        page = Tags(to_html(report(text)))
        assert not {"script", "img", "iframe", "object"} & set(page.tags)
        assert page.risky == []

    def test_what_the_user_wrote_is_shown_as_it_was(self):
        page = to_html(report(EVIL))
        # Title twice, and once wherever `report` puts it; inside the figure it is the axis label.
        assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 15
        assert "{{ 7 * 7 }}" in to_html(report(WORSE))

    def test_ids_are_unique_and_every_reference_has_its_target(self):
        page = Tags(to_html(report("text")))
        assert len(page.ids) == len(set(page.ids))

    def test_the_policy_forbids_all_but_inline_styles(self):
        page = to_html(report("text"))
        assert "default-src 'none'; style-src 'unsafe-inline'" in page

    def test_it_can_be_written_as_utf8(self):
        assert to_html(report(WORSE)).encode("utf-8")

    def test_what_is_missing_says_so(self):
        assert "Not computed:" in to_html(report("there are no answers"))


class TestFigure:
    def test_text_stays_text_and_nothing_is_fetched(self):
        svg = draw(lambda: clm.plot.value_distribution(values()), "figure", "Value")
        assert ">Customers</text>" in svg
        assert not {"style", "metadata", "image"} & set(Tags(svg).tags)
        assert "http" not in svg
        assert "font-family" not in svg

    def test_it_says_what_it_shows_to_those_who_cannot_see(self):
        svg = draw(lambda: clm.plot.value_distribution(values()), "figure", 'a "label"')
        assert 'role="img"' in svg
        assert 'aria-label="a &quot;label&quot;"' in svg

    def test_same_input_same_bytes_whatever_the_style_of_the_user(self):
        import matplotlib as mpl

        first = draw(lambda: clm.plot.value_distribution(values()), "figure", "Value")
        with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path", "axes.grid": True}):
            second = draw(lambda: clm.plot.value_distribution(values()), "figure", "Value")
            assert mpl.rcParams["font.size"] == 30
        assert first == second

    def test_names_in_any_script_draw_without_a_warning(self):
        assert "顧客" in draw(lambda: clm.plot.value_distribution(values("顧客")), "figure", "Value")
