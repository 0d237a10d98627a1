"""The command line: arguments in, one clear line out where something is wrong."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, NoReturn

from clm import __version__
from clm.errors import ClmError

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
CLOSED_PIPE: Final = 141
"""As shells report a process that SIGINT or SIGPIPE ended."""

_REPORT_HELP = """\
Read orders (CSV or Parquet, larger than memory too), measure the customer base and write one HTML page.

Blank customer ids, orders after --through and orders without a date are left out and counted on the page; dates and
amounts that cannot be read are refused, with the first row that holds one.
"""


class _Parser(ArgumentParser):
    """A parser whose complaint is one line; argparse's own way to change that is to override `error`."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``clm`` and return its exit code.

    Parameters
    ----------
    arguments
        As after the program's name; by default those of the process.

    Returns
    -------
    int
        0, or 2 where the input is wrong: then one line on stderr says what and where.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal without a letter of a file's name still gets the message.
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 0
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            _run(chosen)
        if sys.stdout is not None:
            sys.stdout.flush()
    except ClmError as error:
        print(f"clm {chosen.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(f"clm {chosen.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return 0


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"clm: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _run(chosen: Namespace) -> None:
    if chosen.command == "report":
        from clm.cli._report import report

        report(chosen)
    elif chosen.command == "demo":
        from clm.cli._demo import demo

        demo(chosen.output)
    elif chosen.command == "metrics":
        from clm.cli._lists import list_metrics

        list_metrics()
    else:
        from clm.cli._lists import show_lifecycle

        show_lifecycle(chosen.name, style=chosen.style)


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog="clm", description="The customer lifecycle in numbers, each with its uncertainty and its definition."
    )
    parser.add_argument("--version", action="version", version=f"clm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_report(
        commands.add_parser(
            "report",
            help="measure a customer base from its order log and write a page",
            description=_REPORT_HELP,
            formatter_class=RawDescriptionHelpFormatter,
        )
    )
    demo = commands.add_parser("demo", help="the same on the bundled CDNOW orders, with the numbers on the terminal")
    demo.add_argument("-o", "--output", metavar="PAGE", default="report.html", help="the page to write (report.html)")
    commands.add_parser("metrics", help="list the metrics, built in and plugged in")
    lifecycle = commands.add_parser("lifecycle", help="show a ready-made lifecycle")
    lifecycle.add_argument("name", nargs="?", help="its name; without one, the names are listed")
    lifecycle.add_argument(
        "--mermaid", dest="style", action="store_const", const="mermaid", help="as a Mermaid state diagram"
    )
    return parser


def _add_report(parser: ArgumentParser) -> None:
    parser.add_argument("orders", metavar="ORDERS", help="CSV or Parquet file, one row an order")
    columns = parser.add_argument_group("columns")
    columns.add_argument("--customer", metavar="COL", default="customer_id", help="customer id (customer_id)")
    columns.add_argument("--at", metavar="COL", default="at", help="date or time of the order (at)")
    columns.add_argument("--amount", metavar="COL", help="money (amount, where there is such a column)")
    columns.add_argument("--date-format", metavar="FORMAT", help="where dates are not ISO 8601, as '%%d/%%m/%%Y'")
    tables = parser.add_argument_group("more tables, each optional")
    tables.add_argument("--touchpoints", metavar="F", help="customer, time, kind and, where known, channel")
    tables.add_argument("--answers", metavar="F", help="survey answers: customer, time, kind (nps, csat, ces), score")
    tables.add_argument("--channels", metavar="F", help="channel, at, impressions, visits, clicks, followers, cost")
    tables.add_argument(
        "--scale",
        metavar="KIND=LOW:HIGH",
        action="append",
        default=[],
        help="scale of answers, as csat=1:5; repeatable",
    )
    scope = parser.add_argument_group("what is measured")
    scope.add_argument("--through", metavar="DATE", help="last day of complete data (the last order's instant)")
    scope.add_argument("--tz", metavar="ZONE", default="UTC", help="zone of times without one, and of days (UTC)")
    scope.add_argument("--lifecycle", metavar="NAME", default="five_stage", help="stages (five_stage)")
    scope.add_argument("--currency", metavar="CODE", default="USD", help="what amounts are in (USD)")
    scope.add_argument("--margin", metavar="FRACTION", type=float, default=1.0, help="share of revenue kept (1)")
    scope.add_argument("--discount", metavar="RATE", type=float, help="yearly discount rate, as 0.10 (none)")
    scope.add_argument("--targets", metavar="F", help="JSON object of metric name to target")
    scope.add_argument("--baseline", metavar="F", help="JSON of metric name to value, or an earlier --json report")
    output = parser.add_argument_group("output and memory")
    output.add_argument("-o", "--output", metavar="PAGE", default="report.html", help="the page to write (report.html)")
    output.add_argument("--json", metavar="F", help="the same content as data")
    output.add_argument("--title", metavar="TEXT", default="Customer lifecycle", help="heading of the page")
    output.add_argument("--memory-limit", metavar="SIZE", help="what DuckDB may use, as 500MB")
    output.add_argument("--temp-directory", metavar="DIR", help="where DuckDB may spill to")
