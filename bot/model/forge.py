"""Values that forges and trees return: repositories, files, limits and opened requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.model.errors import ForgeError

if TYPE_CHECKING:  # only an annotation needs this import
    from bot.model.source import FilePath


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One regular file of a tree."""

    path: FilePath
    size: int | None
    """Size in bytes, if the tree knows it without reading the file."""
    oid: str | None = None
    """Id of the git blob, if there is one."""


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A git repository that is part of a run."""

    forge: str
    """The kind of forge: `github`, `gitlab`, `local`."""
    name: str
    base_branch: str | None
    """None if there is no base branch: an empty repository or a detached HEAD."""
    commit: str | None
    """The commit that the base branch points to."""
    is_selected_by_owner: bool = False
    """True if the config selects the repository by owner or topic; False if it is named."""
    host: str | None = None
    """`host[:port]` from which git clones the repository by its name; None if it cannot be cloned by others."""
    configured_name: str | None = None
    """The name in the config, if the repository was renamed or transferred since."""
    is_default_base: bool = True
    """True if the base branch is the default branch of the forge."""
    is_public: bool | None = None
    """True if everyone can read the repository; None if the forge does not say."""

    @property
    def may_be_public(self) -> bool:
        """True unless the repository is known to be private; private evidence must then be left out."""
        return self.is_public is not False

    @property
    def non_default_base(self) -> str | None:
        """The base branch unless it is the default branch; part of branch names and commit trailers."""
        return None if self.is_default_base else self.base_branch


@dataclass(frozen=True, slots=True)
class ForgeLimits:
    """Limits and properties of a forge that affect what is written."""

    body_characters: int
    title_characters: int
    number_prefix: str = "#"
    """The character before the number of a request in text."""
    protected_folder: str = ""
    """Folder, with a trailing slash, of files that not every token may change; empty if there is none."""
    is_automerge_cancelled_by_push: bool = False
    """True if a push to the branch turns off automerge of the request, whoever pushes."""
    has_statuses: bool = False
    """True if the forge has commit statuses."""
    workflows: tuple[str, ...] = ()
    """File names of workflows that must be started for each proposal because nothing triggers them."""

    def check_text_length(self, title: str, body: str) -> None:
        """Raise ForgeError if the title or the body of a request is longer than the forge allows."""
        if len(title) > self.title_characters or len(body) > self.body_characters:
            raise ForgeError(
                f"the title or the text is too long: at most {self.title_characters} and {self.body_characters} "
                "characters are possible; hint: shorten the template"
            )


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """A request that was opened or updated."""

    number: int | None
    url: str | None
    notes: tuple[str, ...] = ()
    """Sentences about attributes that could not be set, such as a refused label."""
