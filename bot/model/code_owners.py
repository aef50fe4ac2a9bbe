"""The owners of the files of a repository, as CODEOWNERS files assign them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """A line of a CODEOWNERS file."""

    pattern: str
    """A path or glob in the syntax of these files, such as `/services/` or `*.yaml`."""
    owners: tuple[str, ...]
    """Users, teams and e-mail addresses, such as `@acme/web`. Empty if the matching files have no owner."""


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """The owners of the files of a repository."""

    path: FilePath
    sections: tuple[tuple[OwnerRule, ...], ...]
    """The rules of each section. A file without sections has a single one."""
