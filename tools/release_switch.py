"""Render the commands on the pages for a checkout or for a release: `python -m tools.release_switch`.

The switch is the table `tool.basebump` in pyproject.toml. Parts of pages are between markers, and `release_texts.md`
has both versions of each part. In addition, the references to the Action and to the package are replaced on all pages.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot import __version__
from tools.checkout import ROOT, replace_part

TEXTS = ROOT / "tools" / "release_texts.md"
MAINTAINERS_PAGE = ROOT / "docs" / "releasing.md"
"""The page that describes the switch. It is the same for both positions of the switch."""
PAGES = (ROOT / "README.md", *sorted({*(ROOT / "docs").glob("*.md")} - {MAINTAINERS_PAGE}))
STARTER = ROOT / "bot" / "starter" / "action_reference.py"
"""The module with which `basebump init` writes a workflow."""
PLACEHOLDER = "OWNER/basebump"
"""The placeholder for the repository's name until the name is known."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", re.ASCII)
_PART = re.compile(r"<!-- begin: release: ([a-z-]+) -->")
_TEXT = re.compile(r"(?ms)^<!-- (checkout|released): ([a-z-]+) -->\n(.*?)\n(?=^<!-- (?:checkout|released): |\Z)")
_ACTION = re.compile(r"(?<=uses: )[\w.-]+/basebump@[\w.]+")
_PACKAGE = re.compile(r'(?<=pipx install )(?:"git\+https://github\.com/[\w./-]+@\w+"|basebump==[0-9.]+)')
_EXTRA = re.compile(r"(?<=pip install ')(?:basebump|\.)(?=\[)")
"""The package in a command that installs one of its extras; in a checkout, this is the current folder."""
_STARTER = '''\
"""The texts with which the files of `basebump init` refer to basebump's Action.

Generated: `python -m tools.release_switch`.
"""

ACTION_COMMENT = {comment}
"""A line above the step that uses the Action; empty if the step needs no explanation."""
ACTION_REFERENCE = "{action}"
'''
_COMMENT = r"""(
    "      # Replace OWNER/basebump@COMMIT with the repository that contains basebump, and with one of its commits.\n"
)"""


@dataclass(frozen=True)
class Switch:
    """The switch: whether there is a release, and the repository that publishes releases."""

    released: bool
    repository: str

    @property
    def action(self) -> str:
        """The reference to the Action in a workflow."""
        return f"{self.repository}@v{__version__.partition('.')[0]}" if self.released else f"{PLACEHOLDER}@COMMIT"

    @property
    def package(self) -> str:
        """The package that pipx installs in a workflow."""
        return f"basebump=={__version__}" if self.released else f'"git+https://github.com/{PLACEHOLDER}@COMMIT"'


def is_repository(name: str) -> bool:
    """Return True if a name has the form OWNER/NAME and is not the placeholder."""
    return _REPOSITORY.fullmatch(name) is not None and name != PLACEHOLDER


def read_switch(project: str) -> Switch:
    """Return the switch in the text of pyproject.toml."""
    table = tomllib.loads(project)["tool"]["basebump"]
    return Switch(released=table["released"], repository=table["repository"])


def read_texts(switch: Switch) -> dict[str, str]:
    """Return the text of each part by its name, for one position of the switch."""
    wanted = "released" if switch.released else "checkout"
    values = {"REPOSITORY": switch.repository, "VERSION": __version__, "MAJOR": __version__.partition(".")[0]}
    found = _TEXT.findall(TEXTS.read_text(encoding="utf-8"))
    return {name: _fill(text.strip("\n"), values) for kind, name, text in found if kind == wanted}


def render_page(text: str, switch: Switch) -> str:
    """Return a page for one position of the switch. Raises KeyError if a part has no text."""
    texts = read_texts(switch)
    for name in _PART.findall(text):
        text = replace_part(text, f"release: {name}", [texts[name], ""])
    text = _EXTRA.sub("basebump" if switch.released else ".", text)
    return _PACKAGE.sub(switch.package, _ACTION.sub(switch.action, text))


def render_starter(switch: Switch) -> str:
    """Return the source of the module that `basebump init` uses, for one position of the switch."""
    return _STARTER.format(comment='""' if switch.released else _COMMENT, action=switch.action)


def render_all(switch: Switch) -> Iterator[tuple[Path, str]]:
    """Yield all files that depend on the switch, with their contents."""
    for page in PAGES:
        yield page, render_page(page.read_text(encoding="utf-8"), switch)
    yield STARTER, render_starter(switch)


def _fill(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"%([A-Z]+)%", lambda found: values[found[1]], text)


if __name__ == "__main__":
    for path, content in render_all(read_switch((ROOT / "pyproject.toml").read_text(encoding="utf-8"))):
        path.write_text(content, encoding="utf-8")
