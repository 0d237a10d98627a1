"""What ``import clm`` costs beyond the bare interpreter: the aim is under 50 ms."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

import pytest

RUNS = 15


def start(statement):
    """Return the CPU milliseconds of a fresh interpreter that runs a statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@pytest.mark.parametrize("statement", ["import clm", "import clm.core", "import clm; clm.Estimate"])
def test_import(benchmark, statement):
    start(statement)  # compiles what is not compiled yet
    bare = statistics.median(start("pass") for _ in range(RUNS))
    benchmark.pedantic(start, args=(statement,), rounds=RUNS)
    beyond = statistics.median(start(statement) for _ in range(RUNS)) - bare
    benchmark.extra_info["cpu_ms_beyond_the_bare_interpreter"] = round(beyond, 1)
    print(f"\n{statement}: {beyond:.0f} ms of CPU beyond the bare interpreter's {bare:.0f} ms")
