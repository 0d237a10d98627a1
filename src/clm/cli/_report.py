"""``clm report``: files in, one page out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clm import lifecycles
from clm.cli._cells import Column
from clm.cli._files import Files, neighbours
from clm.cli._progress import Progress
from clm.data import Discount
from clm.errors import InvalidDataError, nearest
from clm.metrics import CustomerBase
from clm.report import build, to_html, to_json
from clm.report._file import check_writable, write_whole
from clm.satisfaction import Scale

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

_COUNTS: Final = ("impressions", "visits", "clicks", "followers", "cost")


def report(chosen: Namespace) -> None:
    """Read the files, build the report, write the page.

    Raises
    ------
    ClmError
        If anything in the input is wrong.
    """
    _check_outputs(chosen)
    with Progress() as progress:
        progress.step("reading files")
        files = Files(
            memory_limit=chosen.memory_limit, temp_directory=chosen.temp_directory, date_format=chosen.date_format
        )
        try:
            base = CustomerBase(
                **_tables(files, chosen),
                lifecycle=lifecycles.by_name(chosen.lifecycle),
                currency=chosen.currency,
                through=chosen.through,
                scales=_scales(chosen.scale),
                tz=chosen.tz,
            )
            # Where no order can be used there is nothing to report, and the reason is one line.
            base.rfm  # noqa: B018  # read for its error
            made = build(
                base,
                title=chosen.title,
                targets=None if chosen.targets is None else _numbers(chosen.targets),
                baseline=None if chosen.baseline is None else _numbers(chosen.baseline),
                margin=chosen.margin,
                discount=None if chosen.discount is None else Discount(chosen.discount, per="year"),
                step=progress.step,
            )
        finally:
            files.close()
        progress.step("writing the page")
        page = to_html(made)
        data = None if chosen.json is None else to_json(made)
        write_whole(chosen.output, page)
        if data is not None:
            write_whole(chosen.json, data)
    for path in (chosen.output, chosen.json):
        if path is not None:
            print(path)


def _check_outputs(chosen: Namespace) -> None:
    given = (chosen.orders, chosen.touchpoints, chosen.answers, chosen.channels, chosen.targets, chosen.baseline)
    inputs = {Path(name).resolve() for name in given if name}
    targets = [check_writable(path) for path in (chosen.output, chosen.json) if path is not None]
    for target in targets:
        if target in inputs:
            raise InvalidDataError(f"{target.name} is to be read, and would be overwritten. Name another place.")
    if len(targets) != len(set(targets)):
        raise InvalidDataError("the page and the JSON report would be one file. Name two.")


def _tables(files: Files, chosen: Namespace) -> dict[str, Any]:
    customer = tuple(dict.fromkeys((chosen.customer, "customer_id")))
    at = tuple(dict.fromkeys((chosen.at, "at")))
    amount = Column("amount", "number", (chosen.amount or "amount",), required=chosen.amount is not None)
    id_of_order = Column("customer", "id", (chosen.customer,))
    time_of_order = Column("at", "instant", (chosen.at,))
    # Ids of one customer must be one thing: where several tables meet, all are text.
    several = chosen.touchpoints is not None or chosen.answers is not None
    tables = {"orders": files.read(chosen.orders, (id_of_order, time_of_order, amount), ids_as_text=several)}
    wanted = {
        "touchpoints": (
            Column("customer", "id", customer),
            Column("at", "instant", at),
            Column("kind", "text", ("kind",)),
            Column("channel", "text", ("channel",), required=False),
            Column("amount", "number", ("amount",), required=False),
            Column("score", "number", ("score",), required=False),
        ),
        "answers": (
            Column("customer", "id", customer, required=False),
            Column("at", "instant", at),
            Column("kind", "text", ("kind",)),
            Column("score", "number", ("score",)),
        ),
        "channels": (
            Column("channel", "text", ("channel",)),
            Column("at", "instant", at),
            *(Column(name, "number", (name,), required=False) for name in _COUNTS),
        ),
    }
    for name, columns in wanted.items():
        path = getattr(chosen, name)
        if path is not None:
            tables[name] = files.read(path, columns, ids_as_text=several)
    files.lower_memory()
    return tables


def _scales(given: list[str]) -> dict[str, Scale]:
    scales = {}
    for entry in given:
        kind, _, span = entry.partition("=")
        low, _, high = span.partition(":")
        try:
            scales[kind.strip()] = Scale(float(low), float(high))
        except ValueError as error:
            if isinstance(error, InvalidDataError):
                raise
            raise InvalidDataError(f"--scale {entry!r} is not KIND=LOW:HIGH, as csat=1:5.") from error
    return scales


def _numbers(path: str) -> Mapping[str, float]:
    """Return metric values by name: from a JSON object, an earlier JSON report, or a CSV of two columns."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidDataError(f"there is no file {path}.{nearest(Path(path).name, neighbours(path))}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDataError(f"{path} cannot be read as UTF-8 text.") from error
    if text.lstrip().startswith(("{", "[")):
        return _from_json(text, path)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
        found = {name.strip(): float(value) for name, value in rows[_has_header(rows) :]}
    except (ValueError, csv.Error) as error:
        raise InvalidDataError(f"{path} must be a JSON object or a CSV of metric name and number.") from error
    if not found:
        raise InvalidDataError(f"{path} names no metric: it must be a JSON object or a CSV of metric name and number.")
    return found


def _has_header(rows: list[list[str]]) -> int:
    try:
        float(rows[0][1])
    except (ValueError, IndexError):
        return 1
    return 0


def _from_json(text: str, path: str) -> Mapping[str, float]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidDataError(f"{path} is no JSON: {error.msg} in line {error.lineno}.") from error
    if isinstance(found, dict) and found.get("library") == "clm":
        try:
            rows = found["sections"]["metrics"]["parts"]["scorecard"]["rows"]
            found = {row["name"]: row["value"] for row in rows if row["value"] is not None}
        except (KeyError, TypeError) as error:
            raise InvalidDataError(f"{path} is a clm report without a scorecard.") from error
    if not isinstance(found, dict):
        raise InvalidDataError(f"{path} must hold a JSON object of metric name and number.")
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidDataError(f"{path}: the value of {name!r} is {value!r}, not a number.")
    return found
