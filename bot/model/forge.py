"""Values that forges and trees return: repositories, files, limits, and opened pull or merge requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only an annotation needs this import
    from bot.model.source import FilePath


REGULAR_MODES = frozenset({"100644", "100755", "100664"})
"""Modes of regular files. Early versions of git wrote the mode 100664 for files that are writable for the group."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A regular file in a tree."""

    path: FilePath
    size: int | None
    """Size in bytes; None if only reading the file could determine it."""
    oid: str | None = None
    """Id of the git blob; None if the file is not in a git repository."""


@dataclass(frozen=True, slots=True)
class GitRepository:
    """One base branch of a git repository on a forge, or a scanned folder."""

    forge: str
    """The kind of forge: `github`, `gitlab` or `local`; empty for a scanned folder."""
    name: str
    base_branch: str | None
    """None if there is no base branch, because the repository is empty or its HEAD is detached."""
    commit: str | None
    """The commit that the base branch points to; None if there is no base branch."""
    is_selected_by_owner: bool = False
    """True if the config selects the repository by owner or topic; False if it is named."""
    host: str | None = None
    """`host[:port]` from which git can clone the repository as `https://HOST/NAME.git`; None if the clone URL has
    another form, or if others cannot clone it, like a local folder."""
    site: str | None = None
    """`host[:port]/path` of the server; for a local folder None, or its path if the config has several folders."""
    configured_name: str | None = None
    """The name in the config if it differs from `name`, because the repository was renamed or transferred; otherwise
    None.
    """
    is_default_base: bool = True
    """True if the base branch is the default branch of the forge."""
    is_public: bool | None = None
    """True if everyone can read the repository; None if the forge does not state it."""
    files_url: str | None = field(default=None, compare=False)
    """The URL at which the site of the forge shows the files of the base branch. The path of a file is appended to it,
    and `#L3` for a line. None if there is no site. It follows from the other fields, so it is not compared."""
    tree: str | None = field(default=None, compare=False)
    """The git tree of `commit`; None if the list of repositories did not contain it."""
    activity: str | None = field(default=None, compare=False)
    """A hash of the data that users and basebump can change besides the base branch (`ActivityScope`); None if the list
    of repositories did not contain it.
    """
    listed_requests: frozenset[int] | None = field(default=None, compare=False)
    """The numbers of the open pull requests that `activity` covers, if it covers no others, and no branches without an
    open pull request. None if `activity` covers all pull requests and branches.
    """

    @property
    def server(self) -> str:
        """The URL that distinguishes repositories of the same name in the state; empty for one local folder."""
        return self.host or self.site or ""

    @property
    def may_be_public(self) -> bool:
        """True if the repository is public, or if it is unknown whether the repository is public.

        If True, basebump must not write private evidence into the repository's pull requests and issues.
        """
        return self.is_public is not False

    @property
    def non_default_base(self) -> str | None:
        """The base branch; None if it is the default branch.

        Names of basebump's branches and commit trailers contain this name, to distinguish several base branches.
        """
        return None if self.is_default_base else self.base_branch


@dataclass(frozen=True, slots=True)
class ActivityScope:
    """The data that a hash of the activity in a repository covers, besides the base branch.

    The hash always covers the branches of basebump with their last commits, and the open pull requests of these
    branches with the time of their last change. Whatever a user can do to a pull request to change basebump's next step
    must change the hash: comments, labels, reviews, edits, closing and reopening.

    If a forge has no list of branches (GitLab), the hash covers only branches with an open pull request of basebump's
    account (`GitRepository.listed_requests`). This is enough, because a base branch with something left to do is never
    settled, such as a branch of basebump without an open pull request. A base branch is not settled either if it has an
    open pull request that is not in the list. Branches that appear later are seen by the visit that every repository
    gets within seven days, or earlier if something else changes. If a run is killed after a push, and the tag then
    points to its former digest again, a superfluous branch remains until this visit deletes it.
    """

    branch_prefix: str
    """The prefix of the names of basebump's branches."""
    has_dashboard: bool = False
    """True if the hash also covers the dashboard issue, with the time of its last change."""


@dataclass(frozen=True, slots=True)
class ForgeLimits:
    """The limits and properties of a forge that affect the texts and branches that basebump writes."""

    body_characters: int
    title_characters: int
    appendix_characters: int = 0
    """Limit for the appendix of a body, which contains the evidence. If it is not 0, body, appendix and mark have
    places of their own. If it is 0, the forge stores the whole text as the body."""
    number_prefix: str = "#"
    """The character in front of a pull request's number in texts: `#` on GitHub, `!` on GitLab."""
    protected_folder: str = ""
    """Folder whose files only some tokens may change, with a trailing slash; empty if the forge has no such folder."""
    is_automerge_cancelled_by_push: bool = False
    """True if every push to the branch turns off automerge of the pull request, regardless of who pushes."""
    has_statuses: bool = False
    """True if the forge has commit statuses."""
    has_alerts: bool = False
    """True if the forge renders quotes that begin with `[!CAUTION]` as alerts."""
    workflows: tuple[str, ...] = ()
    """File names of workflows that basebump starts for each proposal, because no event triggers them."""


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """The result of opening a pull or merge request."""

    number: int | None
    url: str | None
    notes: tuple[str, ...] = ()
    """Sentences about attributes that could not be set, such as a refused label."""
