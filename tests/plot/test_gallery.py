"""The gallery of the docs shows every figure; its lines run as tests where the docs do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

import clm  # after the optional package

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "gallery.md").read_text(encoding="utf-8")


def test_every_figure_is_shown():
    shown = set(re.findall(r"^clm\.plot\.(\w+)\(", PAGE, re.MULTILINE))
    figures = {name for name in clm.plot.__all__ if not isinstance(getattr(clm.plot, name), type)}
    assert figures - shown == set()
    assert shown - figures == set()


def test_every_figure_ends_its_block():
    # The docs draw what the last line of a block returns.
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for block in blocks:
        assert len(re.findall(r"^clm\.plot\.", block, re.MULTILINE)) <= 1, block
        if "clm.plot." in block:
            last = [line for line in block.splitlines() if line and not line.startswith((" ", ")"))][-1]
            assert last.startswith("clm.plot."), block
