"""The data in the state about the base branches of a fleet, so that a run need not read an unchanged branch again.

A base branch is *settled* if a run left nothing to do in it: until something changes on which the branch depends, the
next run would change nothing either. A *visit* is the reading and processing of a base branch by a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.model.ci import CiOutcome
from bot.model.due_date import DueClass, DueUntil
from bot.model.forge import GitRepository
from bot.model.image_name import Digest, TagRef

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.proposal import ClosedBy, DeclineScope, RequestState, Target
    from bot.model.report import RepositoryReport


@dataclass(frozen=True, slots=True, order=True)
class BranchKey:
    """The key under which the state stores data about a base branch."""

    forge: str
    """The kind of forge, such as `github`."""
    host: str
    """`host[:port]` of the forge, with the path if the URL has one.

    For local folders, the path of the folder, or empty if the config has a single folder.
    """
    repository: str
    base_branch: str

    @classmethod
    def of(cls, repository: GitRepository) -> BranchKey | None:
        """Return the key of a repository with its base branch; None if there is no base branch."""
        if repository.base_branch is None:
            return None
        return cls(repository.forge, repository.server, repository.name, repository.base_branch)


@dataclass(frozen=True, slots=True)
class BranchConditions:
    """Everything on which the result of a visit depends, except for tags and time. Hashes are in hexadecimal digits."""

    head: str
    """The commit that the base branch points to."""
    tree: str | None
    """The git tree of this commit; None if the forge did not return it."""
    activity: str | None
    """Hash of everything that users and basebump may have changed besides the base branch: basebump's branches and
    their commits, the open pull requests with the times of their last changes, and the dashboard issue. None if the
    forge did not return all of this.
    """
    is_public: bool | None
    """True if everyone can read the repository; None if it is unknown."""
    reader: str
    """Hash of the formats, their settings, and the version of basebump."""
    rules: str
    """Hash of the operator's config, of the build tasks of registries, and of the stuck updates that the
    dashboard shows."""
    evidence: str = ""
    """Hash of the scanners' databases and of the public lists; empty if the result depends on no evidence."""


@dataclass(frozen=True, slots=True)
class SettledBranch:
    """The data of a base branch at the time when it was settled."""

    conditions: BranchConditions
    tags: Mapping[TagRef, Digest]
    """The tags on which the result depends, each with the digest that it pointed to."""
    tag_lists: Mapping[str, str] = field(default_factory=dict)
    """The repositories of images on whose lists of tags the result depends, each with a hash of its list."""
    due_at: datetime | None = None
    """The time at which the result may change although nothing else changed, for example because a digest reaches its
    minimum age; None if there is no such time."""


@dataclass(frozen=True, slots=True)
class StoredBranch:
    """The data in the state about a base branch."""

    head: str
    """The commit that the last visit read."""
    reader: str
    """Hash of the formats, their settings, and the version of basebump at the last visit."""
    read_at: datetime
    """The time of the last visit."""
    has_unread_files: bool = False
    """True if the last visit could not read some files, so that the state may lack image references."""
    settled: SettledBranch | None = None
    """None if something was left to do after the last visit, or if something could not be determined."""
    open_request_heads: Mapping[str, str | None] = field(default_factory=dict)
    """The branches of basebump that had an open pull request at the end of the last visit, each with its last commit.

    The commit is None if it contained other changes than basebump's, or if it is not known.
    """


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The data in the state about a pull or merge request of basebump."""

    branch: str
    number: int
    """The number on the forge; 0 on a forge without numbers."""
    state: RequestState
    """Never BRANCH."""
    targets: tuple[Target, ...]
    url: str | None = None
    opened_at: datetime | None = None
    ended_at: datetime | None = None
    """The time at which the pull request was merged or closed; None if it is open, or if the time is unknown."""
    closed_by: ClosedBy | None = None
    """Who closed the pull request without merging it; None if it is open or merged, or if this is unknown."""
    declines: DeclineScope | None = None
    """What the last visit did not propose, because a person closed this pull request; None if it proposed everything.
    """
    fixes: Mapping[str, int] | None = None
    """The number of distinct vulnerabilities that the pull request fixes, by severity.

    The key `exploited` has the number of vulnerabilities that are known to be exploited. None if the fixed
    vulnerabilities are unknown.
    """
    head: str | None = None
    """The last commit of the branch. None if it contains other changes than basebump's, or if it is not known."""
    ci: CiOutcome = CiOutcome.UNKNOWN
    """The outcome of CI on `head`."""
    base_ci: CiOutcome = CiOutcome.UNKNOWN
    """The outcome of CI on the base branch, at the visit that found that CI failed on `head`."""
    due_at: datetime | None = None
    """The time by which the pull request is to be merged, or by which its update is to run; None if it has no due date,
    or if it is not known.
    """
    due_for: DueClass | None = None
    """The class of fixes that determined the due date; None if it is unknown."""
    due_until: DueUntil = DueUntil.MERGED
    """The stage that the update must reach by the due date."""
    fix_published_at: datetime | None = None
    """The time at which the first fix of the most severe vulnerabilities in `fixes` was published, according to the
    scanner; None if the scanner does not state it."""


@dataclass(frozen=True, slots=True)
class BranchVisit:
    """The result of reading a base branch in a run, to be stored in the state."""

    key: BranchKey
    head: str
    reader: str
    report: RepositoryReport
    requests: tuple[StoredRequest, ...] | None
    """The pull requests; None if they could not be listed, so that nothing new is known about them."""
    has_unread_files: bool
    """True if some files could not be read, so that the report may lack image references."""
    settled: SettledBranch | None = None
    """None if something was left to do, or if something could not be determined."""


class VisitReason(StrEnum):
    """The reason that a run must read a base branch."""

    UNSETTLED = "unsettled"
    """The branch is new, or the last visit left something to do."""
    FILES_CHANGED = "files-changed"
    REQUESTS_CHANGED = "requests-changed"
    """A pull request, one of basebump's branches or the dashboard issue changed, or the forge does not report changes.
    """
    VISIBILITY_CHANGED = "visibility-changed"
    READER_CHANGED = "reader-changed"
    RULES_CHANGED = "rules-changed"
    EVIDENCE_CHANGED = "evidence-changed"
    TAG_MOVED = "tag-moved"
    """A tag points to another digest, or could not be looked up."""
    TAGS_ADDED = "tags-added"
    """The list of the tags of an image changed, or could not be read."""
    DUE = "due"
    """A time was reached at which the result may change."""
    IN_TURN = "in-turn"
    """The branch was not read for some days. Every branch is read from time to time, although nothing changed."""
    SAME_REPOSITORY = "same-repository"
    """Another base branch of the repository must be read, and they share limits and the dashboard issue."""
