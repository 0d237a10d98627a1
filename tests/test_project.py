"""Rules that hold for the project as a whole."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import attrs
import pytest

import clm

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEXT = {".py", ".md", ".rst", ".toml", ".txt", ".yaml", ".yml", ".css", ".html", ".j2", ".json", ".cfg", ""}
LONGEST = 420  # lines; a module that grows past it holds two ideas
LISTING = "src/clm/__init__.py"  # names alone, one a line


def project_files():
    """Return the files of the project: those git knows of or would, else those outside of build folders."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        files = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        hidden = re.compile(r"/(\.(?!ci|pre)|__pycache__|build|dist|_build)")
        files = [file for file in ROOT.rglob("*") if not hidden.search(f"/{file.relative_to(ROOT).as_posix()}")]
    return sorted(file for file in files if file.is_file() and file.suffix in TEXT)


def named(requirements):
    """Return the minimum version of each requirement, extras of clm itself left out."""
    found = (
        re.fullmatch(r"([A-Za-z0-9-]+)(?:>=([\w.]+))?", each) for each in requirements if not each.startswith("clm[")
    )
    return {match[1].lower(): match[2] for match in found}


FILES = project_files()
SOURCES = [file for file in FILES if file.is_relative_to(ROOT / "src") and file.suffix == ".py"]


FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w.])/(?:work|opt|root|home|Users|mnt)/[\w.]|\b[A-Z]:\\Users"),
    "the host of a package index": re.compile(
        r"pypi\.org|pythonhoste[d]|conda\.anaconda|index-u[r]l|find-link[s]|trusted-hos[t]"
    ),
    "a merge left half done": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
    "something still to do": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b"),
}


class TestText:
    @pytest.mark.parametrize("what", FORBIDDEN)
    def test_it_is_not_there(self, what):
        found = []
        for file in FILES:
            text = file.read_text(encoding="utf-8")
            found += [f"{file.relative_to(ROOT)}: {match[0]!r}" for match in FORBIDDEN[what].finditer(text)]
        assert not found

    def test_there_is_something_to_scan(self):
        assert {"README.md", "pyproject.toml", "tests/test_project.py"} <= {
            str(file.relative_to(ROOT)) for file in FILES
        }


@pytest.mark.skipif(not SOURCES, reason="the source tree is not here: the installed wheel is under test")
class TestSources:
    def test_no_module_holds_two_ideas(self):
        lines = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCES}
        assert not {file: count for file, count in lines.items() if count > LONGEST and file != LISTING}

    def test_every_exception_to_a_rule_is_explained(self):
        exception = re.compile(r"#\s*(?:noqa|type: ?ignore)\b")
        explained = re.compile(r"# (?:noqa: [A-Z0-9, ]+?|type: ignore\[[\w, -]+\])(?:  # \S.*)?$")
        found = []
        for file in SOURCES:
            lines = ["", *file.read_text(encoding="utf-8").splitlines()]
            for number, line in enumerate(lines):
                if exception.search(line):
                    match = explained.search(line)
                    told = match and ("  # " in match[0] or lines[number - 1].lstrip().startswith("#"))
                    found += [] if told else [f"{file.relative_to(ROOT)}:{number}"]
        assert not found

    def test_every_module_says_what_it_is_for(self):
        assert not [file for file in SOURCES if not file.read_text(encoding="utf-8").startswith('"""')]


def public_functions():
    """Yield every function that users call by a public path."""
    for name in sorted(clm.__all__):
        member = getattr(clm, name)
        if inspect.isfunction(member):
            yield f"clm.{name}", member
        elif inspect.ismodule(member):
            yield from ((f"clm.{name}.{inner}", getattr(member, inner)) for inner in member.__all__)
    yield from ((f"clm.stats.{name}", getattr(clm.stats, name)) for name in ("proportion", "mean", "exact"))


class TestDocstrings:
    def test_every_public_function_has_an_example_that_runs(self):
        functions = {path: member for path, member in public_functions() if inspect.isfunction(member)}
        example = re.compile(r"^Examples\n-+\n(?:.*\n)*?>>> ", re.MULTILINE)
        assert not [path for path, member in functions.items() if not example.search(inspect.getdoc(member) or "")]

    def test_every_public_class_is_documented(self):
        classes = [name for name in clm.__all__ if inspect.isclass(getattr(clm, name))]
        assert not [name for name in classes if not inspect.getdoc(getattr(clm, name))]


class TestResults:
    def test_what_holds_arrays_comes_back_read_only_from_a_pickle(self):
        loose = set()
        for name in clm._SUBPACKAGES:
            for inner, member in vars(getattr(clm, name)).items():
                if inspect.isclass(member) and attrs.has(member) and member.__module__.startswith("clm."):
                    arrays = [field.name for field in attrs.fields(member) if "Array" in str(field.type)]
                    if arrays and vars(member).get("__setstate__") is not clm.stats.seal:
                        loose.add(f"{member.__module__}.{inner}")
        assert not loose, "set __setstate__ = seal"


class TestVersions:
    def test_the_floors_are_those_declared(self):
        extras = PROJECT["project"]["optional-dependencies"]
        tested = ("files", "pandas", "polars", "plot", "report", "test")
        declared = named(PROJECT["project"]["dependencies"])
        for extra in tested:
            declared |= named(extras[extra])
        lines = (ROOT / "constraints" / "floors.txt").read_text(encoding="utf-8").splitlines()
        floors = dict(line.split("==") for line in lines if line and not line.startswith("#"))
        assert floors.keys() - {"pyparsing"} == declared.keys()  # held for matplotlib's sake
        for name, version in declared.items():
            assert re.fullmatch(rf"{re.escape(version)}(?:\.0)*", floors[name]), name

    def test_the_newest_are_exact_and_bare(self):
        lines = (ROOT / "constraints" / "newest.txt").read_text(encoding="utf-8").splitlines()
        assert all(line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.+!]+", line) for line in lines)
        assert {"numpy", "scipy", "pandas", "polars"} <= {line.partition("==")[0] for line in lines}

    def test_the_version_is_said_once_too_often_but_alike(self):
        assert PROJECT["project"]["version"] == clm.__version__

    def test_changelog_fragments_have_a_known_kind(self):
        kinds = "|".join(each["directory"] for each in PROJECT["tool"]["towncrier"]["type"])
        names = [file.name for file in (ROOT / "changelog.d").iterdir() if file.name != ".gitkeep"]
        assert not [name for name in names if not re.fullmatch(rf"(?:\d+|\+[\w-]+)\.(?:{kinds})\.md", name)]


class TestReadme:
    README = (ROOT / "README.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("pattern", ["pip install .*pytest", "pip install .*clm demo"])
    def test_each_command_stands_there_once(self, pattern):
        assert len(re.findall(rf"^{pattern}$", self.README, re.MULTILINE)) == 1

    @pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
    def test_links_lead_somewhere(self, page):
        targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
        assert not [target for target in targets if not (ROOT / target).exists()]
