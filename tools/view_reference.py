"""Write the reference part of docs/templates.md from the view classes: `python -m tools.view_reference`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.checkout import ROOT, with_part

PAGE = ROOT / "docs" / "templates.md"
SOURCE = "from the views"
MODULES = ("view/proposal", "view/scans", "view/contents", "view/trust", "titles", "dashboard")
FOLDER = ROOT / "bot" / "core" / "proposal"


def page(text: str) -> str:
    """Return the page with the generated part replaced."""
    return with_part(text, SOURCE, reference())


def reference() -> Iterator[str]:
    """Yield Markdown lines: a table for every view class."""
    for module in MODULES:
        tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
        for shape in (each for each in tree.body if isinstance(each, ast.ClassDef) and each.name.endswith("View")):
            yield from (f"### `{shape.name}`", "", ast.get_docstring(shape) or "", "")
            yield from ("| name | type | description |", "|---|---|---|")
            for field, words in _fields(shape):
                kind = ast.unparse(field.annotation).replace("|", "or")
                yield f"| `{ast.unparse(field.target)}` | {kind} | {words} |"
            yield ""


def _fields(shape: ast.ClassDef) -> Iterator[tuple[ast.AnnAssign, str]]:
    following = [*shape.body[1:], None]
    for node, after in zip(shape.body, following, strict=True):
        if isinstance(node, ast.AnnAssign):
            is_documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            yield node, " ".join(after.value.value.split()) if is_documented else ""


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
