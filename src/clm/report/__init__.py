"""The HTML and JSON report."""

from clm.report._build import build
from clm.report._html import to_html
from clm.report._model import Headline, Part, Report, Section, Table
from clm.report._tracking import Check, check
from clm.report._write import to_json, write

__all__ = ["Check", "Headline", "Part", "Report", "Section", "Table", "build", "check", "to_html", "to_json", "write"]
