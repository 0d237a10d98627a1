"""Reports as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clm.report._build import build
from clm.report._file import check_writable, write_whole
from clm.report._html import to_html

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from clm.data import Discount
    from clm.report._model import Report


def write(
    subject: Any,
    path: str | os.PathLike[str],
    *,
    title: str = "Customer lifecycle",
    targets: Mapping[str, float] | None = None,
    baseline: Any = None,
    years: float = 1.0,
    margin: float = 1.0,
    discount: Discount | None = None,
    step: Callable[[str], object] | None = None,
) -> None:
    """Write a report as one self-contained HTML file, or as JSON where the path ends in ``.json``.

    The page loads nothing from elsewhere and runs no script. The same input gives the same bytes. The file is written
    beside the target and renamed, so that a reader never sees half of it.

    Parameters
    ----------
    subject
        A `CustomerBase`, a `Scorecard`, or a report from `build`.
    path
        Where to.
    title, targets, baseline, years, margin, discount, step
        As in `build`.

    Raises
    ------
    InvalidDataError
        If the file cannot be written, or as in `build`.
    MissingExtraError
        If matplotlib or jinja2 is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> base = clm.CustomerBase(answers={"kind": ["nps"] * 4, "at": ["2025-03-01"] * 4, "score": [10, 9, 8, 3]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clm.report.write(base, f"{folder}/report.html")
    ...     (pathlib.Path(folder) / "report.html").read_text("utf-8")[:15]
    '<!DOCTYPE html>'
    """
    check_writable(path)
    report = build(
        subject,
        title=title,
        targets=targets,
        baseline=baseline,
        years=years,
        margin=margin,
        discount=discount,
        step=step,
    )
    as_data = Path(path).suffix.lower() == ".json"
    write_whole(path, to_json(report) if as_data else to_html(report))


def to_json(report: Report) -> str:
    """Return the report's content as JSON: null where a number is undefined, with the reason beside it.

    Examples
    --------
    >>> import json
    >>> base = clm.CustomerBase(answers={"kind": ["nps"] * 4, "at": ["2025-03-01"] * 4, "score": [10, 9, 8, 3]})
    >>> json.loads(clm.report.to_json(clm.report.build(base)))["title"]
    'Customer lifecycle'
    """
    return json.dumps(report.to_dict(), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
