"""The page in a real browser: it loads without a complaint or a request, and nothing is wider than the screen."""

from __future__ import annotations

import pytest

for name in ("matplotlib", "jinja2"):
    pytest.importorskip(name)

from tests.report.chromium import Chromium, find_chromium  # noqa: E402  # as above

import clm  # noqa: E402  # after the optional packages

PROGRAM = find_chromium()
EVIL = "<script>alert(1)</script>"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed, as `chromium` or `google-chrome`")

WIDER = """[...document.querySelectorAll('body *')].filter(element => {
    const box = element.getBoundingClientRect();
    if (element.closest('.scroll') !== null || element.classList.contains('skip')) return false;
    return box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5;
}).map(element => element.tagName + '.' + element.className + '#' + element.id)"""

CONTRAST = """(() => {
    const light = colour => {
        const [red, green, blue] = colour.match(/[0-9.]+/g).slice(0, 3).map(part => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = element => {
        for (let here = element; here; here = here.parentElement) {
            const colour = getComputedStyle(here).backgroundColor;
            if (!colour.startsWith('rgba(0, 0, 0, 0')) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const ratio = element => {
        const style = getComputedStyle(element);
        const ink = element instanceof SVGElement ? style.fill : style.color;
        const [dark, bright] = [light(ink), light(behind(element))].sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    };
    const texts = [...document.querySelectorAll('h1,h2,h3,p,dt,dd,li,td,th,figcaption,summary,a,#curve text')];
    return Math.min(...texts.filter(element => element.textContent.trim()).map(ratio));
})()"""


@pytest.fixture(scope="module")
def browser():
    with Chromium(PROGRAM) as opened:
        yield opened


@pytest.fixture(scope="module", params=["whole base", "orders only", "nothing computable", "hostile names"])
def page(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    if request.param == "whole base":
        clm.report.write(clm.datasets.simulate_base(400, rng=1), path, targets={"nps": 40}, baseline={"nps": 10})
    elif request.param == "orders only":
        clm.report.write(clm.CustomerBase(orders=clm.datasets.cdnow(), through="1998-06-30"), path, title="W" * 60)
    elif request.param == "nothing computable":
        clm.report.write(clm.CustomerBase(), path)
    else:
        orders = {
            "customer_id": [EVIL, EVIL, "b"],
            "at": ["2024-01-01", "2024-02-05", "2024-02-07"],
            "amount": [1, 2, 3],
        }
        touchpoints = {"customer_id": [EVIL], "at": ["2023-12-30"], "kind": [EVIL], "channel": [EVIL]}
        channels = {"channel": [EVIL], "at": ["2024-01-01"], "cost": [3.0]}
        base = clm.CustomerBase(orders=orders, touchpoints=touchpoints, channels=channels, currency=EVIL)
        clm.report.write(base, path, title=EVIL)
    return path


@pytest.mark.parametrize("width", [1280, 390])
class TestPageInABrowser:
    def test_it_loads_without_a_complaint_or_a_request(self, browser, page, width):
        browser.open(page, width=width)
        assert browser.evaluate("document.querySelectorAll('h1').length") == 1
        assert browser.problems() == []
        assert browser.requests() == []

    def test_nothing_is_wider_than_the_screen(self, browser, page, width):
        browser.open(page, width=width)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate(WIDER) == []

    @pytest.mark.parametrize("dark", [False, True])
    def test_text_stands_out_in_light_and_dark(self, browser, page, width, dark):
        browser.open(page, width=width, dark=dark)
        # WCAG 2.2, 1.4.3: at least 4.5 to 1.
        assert browser.evaluate(CONTRAST) >= 4.5


class TestTheBrowserWouldComplain:
    def test_a_page_that_asks_and_runs_is_noticed(self, browser, tmp_path):
        path = tmp_path / "bad.html"
        path.write_text(
            '<h1>bad</h1><img src="http://localhost:1/x.png"><script>console.error("bad")</script>'
            '<p style="width:2000px">wide</p><h2 style="color:#eee">pale</h2>'
        )
        browser.open(path, width=390)
        assert browser.requests() == ["http://localhost:1/x.png"]
        assert browser.problems()
        assert browser.evaluate(WIDER)
        assert browser.evaluate(CONTRAST) < 4.5
