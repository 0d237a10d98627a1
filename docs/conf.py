"""Sphinx configuration: MyST pages, furo, and reference pages made from the public names themselves."""

from __future__ import annotations

import ast
import pkgutil
import re
from importlib import import_module
from importlib.util import find_spec
from inspect import isclass, isfunction, ismodule
from typing import TYPE_CHECKING, Any

from docutils.nodes import emphasis, literal_block, raw
from docutils.statemachine import StringList
from pygments.lexers.special import TextLexer
from sphinx.addnodes import pending_xref
from sphinx.domains.python import PyObject
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import clm
from clm.report._svg import draw

if TYPE_CHECKING:
    from docutils.nodes import Node, document
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

log = logging.getLogger(__name__)

project = "clm"
author = "The clm maintainers"
project_copyright = "the clm maintainers, MIT licence"
version = release = clm.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
nitpicky = True
# Only clm's own public names can be looked up: the pages build without a network.
nitpick_ignore_regex = [("py:.*", r"(?!clm\.).*"), ("py:.*", r"clm\..*\b_.*|clm\.typing\..*")]

html_theme = "furo"
html_title = f"clm {release}"
html_static_path = ["_static"]
html_css_files = ["clm.css"]
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "substitution"]
myst_heading_anchors = 3

napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

for group in PyObject.doc_field_types:
    if group.name == "variable":
        group.label = "Attributes"  # numpydoc's word, where Sphinx says "Variables"


class PublicNames(SphinxDirective):
    """Document every public name of a subpackage, under the name by which users reach it.

    A name that the top level re-exports is shown as ``clm.name``, any other as ``clm.subpackage.name``.
    """

    required_arguments = 1
    has_content = False

    def run(self) -> list[Node]:
        """Return one autodoc entry a name: classes first, each kind in alphabetical order."""
        home = self.arguments[0]
        package = getattr(clm, home)
        members = {name: getattr(package, name) for name in package.__all__}
        lines: list[str] = []
        for name, member in sorted(members.items(), key=lambda item: (not isclass(item[1]), item[0].lower())):
            if ismodule(member):
                continue
            path = f"clm.{name}" if getattr(clm, name, None) is member else f"clm.{home}.{name}"
            if isclass(member):
                lines += [f".. autoclass:: {path}", "   :members:", ""]
            elif isfunction(member):
                lines += [f".. autofunction:: {path}", ""]
            else:
                lines += [f".. py:data:: {path}", "", *(f"   {line}" for line in attribute_doc(package, name)), ""]
        return self.parse_text_to_nodes(StringList(lines, source=f"clm.{home}"))


def attribute_doc(package: Any, name: str) -> list[str]:
    """Return what the string below a constant says, from the leaf module that defines it."""
    leaves = [import_module(f"{package.__name__}.{leaf.name}") for leaf in pkgutil.iter_modules(package.__path__)]
    for leaf in leaves:
        found = ModuleAnalyzer.for_module(leaf.__name__).find_attr_docs().get(("", name))
        if found:
            return found
    return []


def number_references(_: Sphinx, __: str, name: str, ___: Any, ____: Any, lines: list[str]) -> None:
    """Give a docstring's numbered references labels of their own, so that several share a page."""
    label = re.sub(r"\W+", "-", name).lower()
    lines[:] = [re.sub(r"(?:(?<=^\.\. )\[(\d+)\]|\[(\d+)\](?=_))", rf"[#{label}-\1\2]", line) for line in lines]


def tidy(_: Sphinx, kind: str, ___: str, member: Any, ____: Any, signature: str | None, returns: str | None) -> Any:
    """Show a default that attrs makes anew each time as an ellipsis, and how to call a protocol not at all."""
    if kind == "class" and getattr(member, "_is_protocol", False):
        return "", None
    return (signature and signature.replace("NOTHING", "...")), returns


def unlink_prose(_: Sphinx, tree: document) -> None:
    """Turn the types of docstring fields back into prose, unless they are names of clm."""
    for reference in list(tree.findall(pending_xref)):
        if reference.get("refspecific") and reference["reftarget"] not in clm.__all__:
            reference.replace_self(emphasis("", reference["reftarget"]))


def draw_figures(app: Sphinx, tree: document) -> None:
    """Run the gallery's examples in order, and put below each the figure that it ends with."""
    if app.env.docname != "explanation/gallery":
        return
    names: dict[str, Any] = {}
    blocks = [block for block in tree.findall(literal_block) if block.get("language") == "python"]
    for number, block in enumerate(blocks):
        *before, last = ast.parse(block.astext()).body
        is_figure = isinstance(last, ast.Expr)
        steps = ast.Module(before if is_figure else [*before, last], [])
        exec(compile(steps, "gallery", "exec"), names)  # noqa: S102  # the page's own lines, which run as tests too
        if is_figure:
            figure = compile(ast.Expression(last.value), "gallery", "eval")
            label = ast.unparse(last.value)
            svg = draw(lambda figure=figure: eval(figure, names), f"figure-{number}", label)  # noqa: S307  # as above
            block.parent.insert(block.parent.index(block) + 1, raw("", svg, format="html"))


def check_complete(_: Sphinx, env: BuildEnvironment) -> None:
    """Warn of a public name that no reference page shows."""
    documented = env.get_domain("py").objects
    for name in clm.__all__:
        if not name.startswith("_") and find_spec(f"clm.{name}") is None and f"clm.{name}" not in documented:
            log.warning("clm.%s is on no reference page", name)


def setup(app: Sphinx) -> None:
    """Register the directive and the hooks."""
    app.add_directive("public-names", PublicNames)
    app.add_lexer("mermaid", TextLexer)  # drawn where the pages are read on a forge, shown as text here
    app.connect("autodoc-process-docstring", number_references, priority=400)
    app.connect("autodoc-process-signature", tidy)
    app.connect("doctree-read", unlink_prose)
    app.connect("doctree-read", draw_figures)
    app.connect("env-check-consistency", check_complete)
