"""What the benchmarks share: CPU time as the clock, and the versions in every record."""

from __future__ import annotations

import platform
import time
from importlib.metadata import PackageNotFoundError, version

import pytest

pytest.importorskip("pytest_benchmark", reason='the benchmarks need pip install "clm[peers]"')


@pytest.hookimpl
def pytest_benchmark_update_machine_info(config, machine_info):
    """Record the versions that a speed depends on."""
    for package in ("clm", "numpy", "scipy", "pandas", "polars", "duckdb", "lifetimes", "lifelines", "transitions"):
        try:
            machine_info[package] = version(package)
        except PackageNotFoundError:
            machine_info[package] = None
    machine_info["python"] = platform.python_version()


@pytest.fixture
def cpu_seconds():
    """Return a function that calls another once and gives its CPU seconds and its result."""

    def measure(function, *arguments, **options):
        begin = time.process_time()
        result = function(*arguments, **options)
        return time.process_time() - begin, result

    return measure
