"""A snapshot of the public names and signatures: what changes shows in review.

After a change that is meant: ``CLM_UPDATE_PUBLIC_API=1 pytest tests/test_public_api.py``.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import os
from pathlib import Path

import pytest

import clm

SNAPSHOT = Path(__file__).parent / "references" / "public_api.txt"
PLAIN = (type(None), bool, int, float, str)


def default(value):
    if isinstance(value, PLAIN) or (isinstance(value, tuple) and all(isinstance(entry, PLAIN) for entry in value)):
        return repr(value)
    return "..."


def signature(function, *, bound=False):
    """Return names, kinds and plain defaults; mypy looks after the types."""
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    bare = [
        parameter.replace(annotation=parameter.empty, default=parameter.empty)
        if parameter.default is parameter.empty
        else parameter.replace(annotation=parameter.empty, default=Shown(default(parameter.default)))
        for parameter in parameters
    ]
    return str(inspect.Signature(bare))


class Shown:
    """A default that prints as it is to be read."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def described(path, member):
    """Yield one line for a name, and one for each public attribute of a class."""
    if inspect.isclass(member):
        yield f"class {path}{constructor(member)}"
        inherited = {
            name for base in member.__mro__ if base.__module__ in {"builtins", "typing"} for name in vars(base)
        }
        for name in sorted(set(dir(member)) - inherited):
            if not name.startswith("_"):
                attribute = inspect.getattr_static(member, name)
                if isinstance(attribute, (classmethod, staticmethod)):
                    yield f"    {name}{signature(getattr(member, name))}"
                elif inspect.isfunction(attribute):
                    yield f"    {name}{signature(attribute, bound=True)}"
                else:
                    yield f"    {name}"
    elif inspect.isfunction(member):
        yield f"def {path}{signature(member)}"
    else:
        yield path


def constructor(member):
    """Return how a class is called, where it says so itself: how Python describes the rest varies with its version."""
    if getattr(member, "_is_protocol", False):
        return ""
    own = any("__init__" in vars(base) for base in member.__mro__ if base.__module__.startswith("clm."))
    return signature(member) if own else "(...)"


def public_api():
    """Return the snapshot's lines: top level first, then the public subpackages that it lists."""
    lines = []
    for name in sorted(clm.__all__):
        member = getattr(clm, name)
        if inspect.ismodule(member):
            for inner in sorted(member.__all__):
                if inner not in clm.__all__:
                    lines += described(f"clm.{name}.{inner}", getattr(member, inner))
        elif name != "__version__":
            lines += described(f"clm.{name}", member)
    return lines


def test_the_public_names_are_those_of_the_snapshot():
    found = public_api()
    if os.environ.get("CLM_UPDATE_PUBLIC_API"):
        SNAPSHOT.write_text("\n".join(found) + "\n", encoding="utf-8")
    kept = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    changes = "\n".join(difflib.unified_diff(kept, found, "the snapshot", "the library", lineterm="", n=1))
    if changes:
        pytest.fail(f"{changes}\nMeant? CLM_UPDATE_PUBLIC_API=1 pytest tests/test_public_api.py", pytrace=False)


def test_the_three_lists_of_the_top_level_agree():
    tree = ast.parse(Path(clm.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imported = {(node.module, alias.name) for node in guarded.body for alias in node.names}
    lazy = {(home, name) for home, names in clm._HOMES.items() for name in names}
    assert {(home, name) for home, name in imported if home != "clm"} == lazy
    namespaces = {name for home, name in imported if home == "clm"}
    assert sorted(clm.__all__) == sorted({name for _, name in lazy} | namespaces | {"__version__"})
    assert len(set(clm.__all__)) == len(clm.__all__)
    assert namespaces <= set(clm._SUBPACKAGES)


def test_every_name_is_public_in_its_subpackage_too():
    for home, names in clm._HOMES.items():
        if home != "clm.errors":
            subpackage = getattr(clm, home.removeprefix("clm."))
            assert set(names) <= set(subpackage.__all__), home


def test_no_public_function_shares_its_name_with_a_subpackage():
    for name in clm._SUBPACKAGES:
        assert inspect.ismodule(getattr(clm, name))
