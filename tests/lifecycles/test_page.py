"""The page of ready-made lifecycles shows them as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clm
from clm.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "ready-made-lifecycles.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def test_every_lifecycle_has_its_section():
    assert sorted(SECTIONS) == list(clm.lifecycles.names())


@pytest.mark.parametrize("name", clm.lifecycles.names())
def test_the_diagram_is_what_the_command_line_prints(name, capsys):
    (diagram,) = re.findall(r"```mermaid\n(.*?)\n```", SECTIONS[name], flags=re.DOTALL)
    assert diagram == clm.lifecycles.by_name(name).to_mermaid()
    assert main(["lifecycle", name, "--mermaid"]) == 0
    assert capsys.readouterr().out.strip() == diagram.strip()


@pytest.mark.parametrize("name", clm.lifecycles.names())
def test_the_table_is_what_is_usually_measured(name):
    measured = clm.metrics.names()
    ranks = {stage.name: stage.rank for stage in clm.lifecycles.by_name(name).stages}
    expected = [
        (stage, str(ranks[stage] or ""), ", ".join(f"**{x}**" if x in measured else x for x in metrics))
        for stage, metrics in clm.lifecycles.usual_metrics(name).items()
    ]
    rows = re.findall(r"^\| (.+?) \| (\d*) ?\| (.+) \|$", SECTIONS[name], flags=re.MULTILINE)
    assert rows[-len(expected) :] == expected
