"""Writes the list of kinds in docs/files.md from the table of the code: `python tests/support/kinds_reference.py`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from bot.formats._syntax.kubernetes.kinds import KINDS  # noqa: E402 - as a script it has to find the checkout first

PAGE = ROOT / "docs" / "files.md"
BEGIN, END = "<!-- begin: from the table of kinds -->", "<!-- end: from the table of kinds -->"


def page(text: str) -> str:
    """Return the page with its part between the marks made anew."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert (begin, end) == (BEGIN, END), f"{PAGE.name} has lost a mark"
    return "\n".join([before + BEGIN, "", *reference(), "", END + after])


def reference() -> Iterator[str]:
    """Yield a Markdown table: the kinds of every API group in which images are named."""
    by_group: dict[str, list[str]] = defaultdict(list)
    for (group, kind), uses in KINDS.items():
        if uses:
            by_group[group].append(kind)
    yield from ("| API group | kinds |", "|---|---|")
    for group, kinds in by_group.items():
        yield f"| {f'`{group}`' if group else 'core'} | {', '.join(kinds)} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
