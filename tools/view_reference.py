"""Write the reference part of docs/templates.md from the view classes: `python -m tools.view_reference`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.checkout import ROOT, replace_part

PAGE = ROOT / "docs" / "templates.md"
SOURCE = "from the views"
MODULES = (
    "view/proposal",
    "view/scans",
    "view/contents",
    "view/trust",
    "view/due_dates",
    "view/rebuild",
    "titles",
    "view/dashboard",
)
FOLDER = ROOT / "bot" / "core" / "proposal"


def render_page(text: str) -> str:
    """Return the page with the generated part replaced."""
    return replace_part(text, SOURCE, render_reference())


def render_reference() -> Iterator[str]:
    """Yield Markdown lines: a table for every view class, with its fields and properties."""
    for module in MODULES:
        tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
        for view in (each for each in tree.body if isinstance(each, ast.ClassDef) and each.name.endswith("View")):
            yield from (f"### `{view.name}`", "", ast.get_docstring(view) or "", "")
            yield from ("| name | type | description |", "|---|---|---|")
            for field, description in _list_fields(view):
                kind = ast.unparse(field.annotation).replace("|", "or")
                yield f"| `{ast.unparse(field.target)}` | {kind} | {description} |"
            for method in view.body:
                if isinstance(method, ast.FunctionDef) and method.returns is not None:
                    kind = ast.unparse(method.returns).replace("|", "or")
                    yield f"| `{method.name}` | {kind} | {' '.join((ast.get_docstring(method) or '').split())} |"
            yield ""


def _list_fields(view: ast.ClassDef) -> Iterator[tuple[ast.AnnAssign, str]]:
    """Yield each field of a view with its description: the docstring below the field, or an empty text."""
    following = [*view.body[1:], None]
    for node, after in zip(view.body, following, strict=True):
        if isinstance(node, ast.AnnAssign):
            is_documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            yield node, " ".join(after.value.value.split()) if is_documented else ""


if __name__ == "__main__":
    PAGE.write_text(render_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
