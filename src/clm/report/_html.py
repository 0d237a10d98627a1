"""A report as one HTML file that loads nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from clm.errors import MissingExtraError
from clm.plot._style import printable

if TYPE_CHECKING:
    from clm.report._model import Report


def to_html(report: Report) -> str:
    """Return the page; everything that came with the data is escaped.

    Raises
    ------
    MissingExtraError
        If jinja2 is not installed.

    Examples
    --------
    >>> base = clm.CustomerBase(answers={"kind": ["nps"] * 4, "at": ["2025-03-01"] * 4, "score": [10, 9, 8, 3]})
    >>> page = clm.report.to_html(clm.report.build(base, title="<b>Ours</b>"))
    >>> "<b>Ours</b>" in page, "&lt;b&gt;Ours&lt;/b&gt;" in page
    (False, True)
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise MissingExtraError(
            'a report needs jinja2. Install it with: pip install "clm[report]"', extra="report"
        ) from error
    here = files("clm.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False, keep_trailing_newline=True)
    template = environment.from_string(here.joinpath("page.html.jinja").read_text("utf-8"))
    css = Markup(here.joinpath("page.css").read_text("utf-8").strip())  # noqa: S704  # the package's own file
    return printable(template.render(report=report, css=css))
