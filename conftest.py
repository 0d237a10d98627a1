"""Examples in docstrings, in docs/ and in the README run as tests; hypothesis profiles; test order."""

from __future__ import annotations

import bisect
import os
from contextlib import ExitStack, chdir
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from sybil import Document, Example, Sybil
from sybil.document import PythonDocStringDocument
from sybil.example import NotEvaluated
from sybil.integration.pytest import SybilItem
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection

import clm

os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples in every run, so that what passes here passes there; CLM_EXPLORE=1 draws new ones, and twice as many
# (.ci/run --long). A clock never decides whether an example counts.
usual = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("same", usual, derandomize=True, max_examples=50)
settings.register_profile("explore", usual, derandomize=False, max_examples=100)
settings.load_profile("explore" if os.environ.get("CLM_EXPLORE") else "same")


class DocStrings(PythonDocStringDocument):
    """The docstrings of one file, each run as its reader would: with clm and np, and nothing else in reach."""

    def __init__(self, text: str, path: str) -> None:
        Document.__init__(self, text, path)  # the parent would import the file and lend its private names
        self.current = -1
        self.push_evaluator(self.forget)

    @cached_property
    def starts(self) -> list[int]:
        """Where each docstring begins."""
        return sorted(start for start, _, _ in self.extract_docstrings(self.text))

    def forget(self, example: Example) -> None:
        """Drop what an earlier docstring defined."""
        docstring = bisect.bisect_right(self.starts, example.region.start)
        if docstring != self.current:
            self.current = docstring
            self.namespace.clear()
            self.namespace.update(clm=clm, np=np)
        raise NotEvaluated


def enter(namespace: dict[str, Any]) -> None:
    """Give a page clm and np, and a folder of its own to write to."""
    stack = ExitStack()
    stack.enter_context(chdir(stack.enter_context(TemporaryDirectory())))
    namespace.update(clm=clm, np=np, __leave=stack)


def leave(namespace: dict[str, Any]) -> None:
    """Return from the page's folder."""
    stack = namespace["__leave"]
    namespace.clear()  # a page's connections end with it
    stack.close()


docstrings = Sybil(
    [DocTestParser()], path="src/clm", patterns=["*.py"], document_types={".py": DocStrings}, name="docstring"
)
pages = Sybil(
    [PythonCodeBlockParser(), SkipParser()], path="docs", patterns=["*.md"], setup=enter, teardown=leave, name="page"
)
readme = Sybil(
    [PythonCodeBlockParser(), SkipParser()],
    filenames=["README.md"],
    excludes=["*/README.md"],
    setup=enter,
    teardown=leave,
    name="readme",
)
pytest_collect_file = SybilCollection([docstrings, pages, readme]).pytest()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keep the examples of a page on one worker when pytest-xdist splits the run."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadscope"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the examples of a page back in reading order after the shuffle."""
    examples = [item for item in items if isinstance(item, SybilItem)]
    examples.sort(key=lambda item: (str(item.path), item.example.region.start))
    rest = [item for item in items if not isinstance(item, SybilItem)]
    items[:] = rest + examples
