"""The domain core runs where no array library is."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
import clm.core, clm.lifecycles
lifecycle = clm.lifecycles.five_stage()
lifecycle.check(), lifecycle.to_mermaid(), lifecycle.to_dot()
from datetime import UTC, datetime
order = clm.core.Touchpoint("ann", datetime(2025, 1, 31, tzinfo=UTC), "order")
assert [visit.stage for visit in lifecycle.replay([order])] == ["reach", "conversion"]
print(sorted({name.split(".")[0] for name in sys.modules} & {"numpy", "scipy", "narwhals", "pandas", "polars"}))
"""


def test_core_and_lifecycles_load_no_array_library():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("name", ["clm.core", "clm.lifecycles"])
def test_all_names_are_there(name):
    module = __import__(name, fromlist=["__all__"])
    assert list(module.__all__) == sorted(module.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n))
    assert all(hasattr(module, exported) for exported in module.__all__)
