"""``import clm`` is cheap because of what it does not load; the time itself is measured in benchmarks/."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import clm

HEAVY = {"numpy", "scipy", "pandas", "polars", "pyarrow", "duckdb", "narwhals", "matplotlib", "jinja2", "attr", "attrs"}


def loaded_by(statement):
    """Return the modules that a fresh interpreter loads for a statement, beyond its own."""
    script = (
        f"import sys, json; before = set(sys.modules); {statement}; print(json.dumps([*set(sys.modules) - before]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


class TestTopLevel:
    def test_it_loads_itself_and_the_standard_library_alone(self):
        roots = {module.partition(".")[0] for module in loaded_by("import clm")}
        assert roots - set(sys.stdlib_module_names) == {"clm"}

    def test_it_loads_no_other_module_of_its_own(self):
        assert {module for module in loaded_by("import clm") if module.startswith("clm")} == {"clm"}

    def test_listing_the_names_loads_nothing(self):
        assert {module for module in loaded_by("import clm; dir(clm)") if module.startswith("clm")} == {"clm"}

    def test_the_errors_load_nothing_heavy(self):
        assert not HEAVY & loaded_by("import clm; clm.InvalidDataError")

    @pytest.mark.parametrize("name", sorted({*clm.__all__}))
    def test_every_name_is_there_and_listed(self, name):
        assert getattr(clm, name) is not None
        assert name in dir(clm)

    def test_a_name_is_loaded_once(self):
        assert clm.Estimate is clm.Estimate
        assert "Estimate" in vars(clm)

    @pytest.mark.parametrize(
        ("name", "meant"), [("Estimat", "Estimate"), ("lifetime_valu", "lifetime_value"), ("frame", "frames")]
    )
    def test_a_misspelt_name_is_answered_with_the_nearest(self, name, meant):
        with pytest.raises(AttributeError, match=rf"module 'clm' has no attribute '{name}'\. Did you mean '{meant}'\?"):
            getattr(clm, name)

    def test_a_strange_name_is_answered_plainly(self):
        with pytest.raises(AttributeError, match=r"module 'clm' has no attribute 'zzzzzz'\.$"):
            clm.zzzzzz  # noqa: B018
        assert not hasattr(clm, "__wrapped__")


class TestDomainCore:
    @pytest.mark.parametrize("module", ["clm.core", "clm.lifecycles", "clm.errors", "clm.typing"])
    def test_it_loads_no_numpy_and_no_dataframe(self, module):
        assert not (HEAVY - {"attr", "attrs"}) & loaded_by(f"import {module}")

    def test_a_lifecycle_runs_without_numpy(self):
        assert not (HEAVY - {"attr", "attrs"}) & loaded_by("import clm; clm.lifecycles.five_stage().to_mermaid()")


class TestResults:
    @pytest.mark.parametrize("module", ["clm.ltv", "clm.survival", "clm.satisfaction", "clm.retention", "clm.journeys"])
    def test_methods_load_neither_frames_nor_plotting(self, module):
        assert not {"narwhals", "pandas", "polars", "matplotlib", "jinja2", "duckdb"} & loaded_by(f"import {module}")
