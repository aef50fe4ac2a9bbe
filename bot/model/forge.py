"""What forges and trees hand over: repositories, files, what can be taken, and what was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a field names it, and nothing here makes one
    from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file of a tree."""

    path: FilePath
    size: int | None
    """Bytes, where the tree knows without reading."""
    oid: str | None = None
    """The git blob, where there is one."""


@dataclass(frozen=True, slots=True)
class GitRepository:
    """One git repository that a run looks at."""

    forge: str
    """The kind: `github`, `gitlab`, `local`."""
    name: str
    base_branch: str | None
    """None where there is none: an empty repository, or a detached one."""
    commit: str | None
    """What the base branch points to."""
    is_selected: bool = False
    """Whether the config selects it by its owner or a topic, so that nobody asked for it by name."""
    host: str | None = None
    """`host[:port]` that git clones it from, by its name; None where others cannot."""
    known_as: str | None = None
    """The name that the config has for it, where it was renamed or moved since."""
    is_default_base: bool = True
    """Whether its base branch is the forge's default branch."""
    is_public: bool | None = None
    """Whether everybody can read it, not only who is let in; None where the forge does not say."""

    @property
    def may_be_public(self) -> bool:
        """Whether nothing may stand in it that is not for everybody."""
        return self.is_public is not False

    @property
    def other_base(self) -> str | None:
        """The base branch where it is not the default one: what our branches and commits then say of it."""
        return None if self.is_default_base else self.base_branch


@dataclass(frozen=True, slots=True)
class ForgeLimits:
    """What a forge can take, and how it writes."""

    body_characters: int
    title_characters: int
    sigil: str = "#"
    """What stands before the number of a request where a text speaks of it."""
    guarded: str = ""
    """Where files stand that not every token may change, with the slash at its end; empty where there are none."""
    disarms_by_push: bool = False
    """Whether a push takes back that a request merges by itself, whoever pushed."""
    has_statuses: bool = False
    """Whether commits have statuses here."""
    workflows: tuple[str, ...] = ()
    """File names of workflows that have to be started on each proposal, since nothing does it by itself."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that now exists."""

    number: int | None
    url: str | None
    notes: tuple[str, ...] = ()
    """What of its extras could not be set, in sentences: a label that was refused."""
