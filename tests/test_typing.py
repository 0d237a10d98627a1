"""A type checker sees every public name, and flags one that is misspelt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clm

PROJECT = Path(__file__).parents[1]


def test_names_and_types(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    names = [name for name in clm.__all__ if name != "__version__"]
    subpackages = [name for name in clm._SUBPACKAGES if name not in names]
    lines = ["import clm", "", *(f"reveal_type(clm.{name})" for name in names), ""]
    lines += [f"clm.{name}x" for name in names]
    (tmp_path / "names.py").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "rooms.py").write_text(
        "\n".join([*(f"import clm.{name}" for name in subpackages), *(f"clm.{name}" for name in subpackages)]),
        encoding="utf-8",
    )
    said, problem, _ = api.run([
        "--config-file", str(PROJECT / "pyproject.toml"), "--no-pretty", "--hide-error-context", "--no-error-summary",
        str(tmp_path / "names.py"), str(tmp_path / "rooms.py"), str(PROJECT / "tests" / "typing" / "usage.py"),
    ])  # fmt: skip
    assert not problem
    answers = said.splitlines()
    revealed = [line for line in answers if "Revealed type" in line]
    assert len(revealed) == len(names)
    assert not [line for line in revealed if re.search(r'"(Any|builtins\.object)"', line)]
    flagged = {match[1] for line in answers if (match := re.search(r'Module has no attribute "(\w+)x"', line))}
    assert flagged == set(names)
    rest = [line for line in answers if "Revealed type" not in line and 'Module has no attribute "' not in line]
    assert not rest
