"""Read a CODEOWNERS file. It contains no image references.

The syntax is GitHub's
(https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners)
with GitLab's sections (https://docs.gitlab.com/user/project/codeowners/reference/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model.code_owners import CodeOwners, OwnerRule
from bot.model.source import SourceFile

MAX_LINE = 1_000
"""The maximum number of characters of a line. Longer lines are ignored. People write a path and a few teams."""
_SECTION = re.compile(r"\^?\[[^\]]+\](?:\[\d+\])?(?P<owners>(?:[ \t]+\S+)*)")
_WORD = re.compile(r"(?:\\.|[^\s\\])+")


def read(file: SourceFile) -> Iterator[CodeOwners]:
    """Yield the rules of a file."""
    sections: list[list[OwnerRule]] = [[]]
    default_owners: tuple[str, ...] = ()
    for line in file.content.decode("utf-8-sig", errors="replace").splitlines():
        text = line.strip()
        if not text or text.startswith("#") or len(text) > MAX_LINE:
            continue
        section = _SECTION.fullmatch(text)
        if section is not None:
            default_owners = tuple(section["owners"].split())
            sections.append([])
            continue
        pattern, *owners = _WORD.findall(text.partition(" #")[0]) or [""]
        sections[-1].append(OwnerRule(pattern.replace("\\ ", " "), tuple(owners) or default_owners))
    yield CodeOwners(file.path, tuple(map(tuple, sections)))
