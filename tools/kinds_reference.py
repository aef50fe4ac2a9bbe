"""Write the table of kinds in docs/files.md from the table in the code: `python -m tools.kinds_reference`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bot.formats._syntax.kubernetes.kinds import KINDS
from tools.checkout import ROOT, replace_part

PAGE = ROOT / "docs" / "files.md"
SOURCE = "from the table of kinds"


def render_page(text: str) -> str:
    """Return the page with the generated part replaced."""
    return replace_part(text, SOURCE, [*render_reference(), ""])


def render_reference() -> Iterator[str]:
    """Yield a Markdown table of API groups and their kinds that contain image references."""
    by_group: dict[str, list[str]] = defaultdict(list)
    for (group, kind), uses in KINDS.items():
        if uses:
            by_group[group].append(kind)
    yield from ("| API group | kinds |", "|---|---|")
    for group, kinds in by_group.items():
        yield f"| {f'`{group}`' if group else 'core'} | {', '.join(kinds)} |"


if __name__ == "__main__":
    PAGE.write_text(render_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
