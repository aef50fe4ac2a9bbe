"""Proposals, pull requests on a forge, and the steps that make the pull requests match the proposals.

A proposal is an update that basebump wants to be merged. In this module, a request is the pull request (GitHub) or
merge request (GitLab) for it. A mark is a hidden comment in the body of a pull request, in which basebump stores data
for later runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.dashboard import RequestedAction
from bot.model.due_date import DueDate
from bot.model.limits import ProposalSchedule
from bot.model.modes import REFRESH_EVERY, OnClose, Rebase
from bot.model.request_attributes import NO_ATTRIBUTES, CommitStatus, RequestAttributes
from bot.model.source import FileChange, FilePath

Target = str
"""`repository:tag@digest`. A user who closes a pull request declines the targets of its proposal."""

NO_DRAFTS = "This forge has no drafts, so this is a normal request: review it before you merge it."
"""The text that a pull request contains if it should be a draft (`Proposal.is_draft`), but the forge has no drafts."""


@dataclass(frozen=True, slots=True)
class ProposedImage:
    """One image that a proposal updates."""

    reference: str
    """The reference as the file spells it, without a digest."""
    canonical: str
    tag: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True)
class ProposalPriority:
    """The known benefit of merging a proposal, by which proposals are ordered if not all of them may be opened."""

    exploited_fixed: int = 0
    """Number of distinct fixed vulnerabilities that are known to be exploited."""
    critical_fixed: int = 0
    """Number of distinct fixed critical vulnerabilities."""
    oldest_built_at: datetime | None = None
    """Build time of the oldest image in use; None if it is unknown."""
    is_running: bool = False
    """True if an image that the proposal updates, or an own image that was built on it, runs in a cluster."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal for an update: a branch with one commit, and the pull or merge request to merge it."""

    branch: str
    title: str
    body: str
    commit_message: str
    """The commit message, including trailers."""
    changes: tuple[FileChange, ...]
    images: tuple[ProposedImage, ...]
    targets: tuple[Target, ...]
    intent: str
    """16 hexadecimal digits of a hash of the values that are written, with their paths and locators. A proposal whose
    intent changed must be pushed again."""
    report_fingerprint: str
    """16 hexadecimal digits that `bot.core.proposal.fingerprint` computes from the report. If they change, the body may
    have to be updated."""
    attributes: RequestAttributes = NO_ATTRIBUTES
    """Labels, reviewers and other attributes. Automerge is set only if the conditions of every reference are met."""
    rebase: Rebase = Rebase.AUTO
    refresh_every: timedelta = REFRESH_EVERY
    """How long an open pull request stays unchanged after a user accepted it, or if its only change is that a digest is
    old enough now.
    """
    is_only_aged: bool = False
    """True if every new digest already existed when the pull request was opened, and was only too young then."""
    is_onboarding: bool = False
    """True if this is the first proposal of a repository. Closing its pull request declines all proposals."""
    requested_actions: frozenset[RequestedAction] = frozenset()
    """Actions that users requested in the dashboard issue."""
    is_urgent: bool = False
    """True if the update must not wait, even if a user accepted the current state of the pull request."""
    schedules: tuple[ProposalSchedule, ...] = ()
    """The schedules of all updates. Each of them must allow opening the proposal."""
    opens_at: datetime | None = None
    """The time at which the images in use are old enough for `open_when`; None if the proposal may be opened now."""
    awaits_evidence: bool = False
    """True if the proposal is not opened while it is unknown which vulnerabilities the update fixes and introduces."""
    priority: ProposalPriority = ProposalPriority()
    replaces_unusable_digest: bool = False
    """True if a registry no longer has a digest in use, or if such a digest is blocked.

    Limits and schedules do not apply then.
    """
    due: DueDate | None = None
    """The time by which the proposal is to be merged; None if the policy sets none, or if it is not known."""
    shown_due: DueDate | None = None
    """The due date that readers of the pull request may see.

    It differs from `due` if the date depends on private evidence.
    """
    is_due_unknown: bool = False
    """True if there is no due date only because the fixes of the proposal are unknown."""
    waits_until: datetime | None = None
    """The time from which limits and schedules no longer apply, because the due date is near; None if they always
    apply."""
    on_close: OnClose = OnClose.DIGEST
    """Which digests are not proposed again after a user closed the pull request without merging it."""
    is_draft: bool = False
    """True if the pull request is opened as a draft, to prevent a merge without a review."""
    is_merge_unknown: bool = False
    """True if automerge is not set only because some images could not be scanned in this run."""
    without_protected: Proposal | None = None
    """The same proposal without files in the protected folder; None if it changes no file in that folder, or only files
    in that folder."""
    protected_files: tuple[FilePath, ...] = ()
    """Files that the proposal leaves out, because the forge does not allow the token to change them."""


@dataclass(frozen=True, slots=True)
class NoProposal:
    """The desired state of a branch for which no update is to be proposed."""

    reason: str
    """A sentence that says why no proposal is desired."""
    recorded_due: DueDate | None = None
    """The due date in the mark of the pull request.

    This date stays valid as long as it is unknown whether the pull request is still desired.
    """


@dataclass(frozen=True, slots=True)
class StatusAttempt:
    """A commit status that basebump tried to set on a commit. The forge may have refused it."""

    commit: str
    """The commit hash, shortened to twelve digits."""
    status: CommitStatus


@dataclass(frozen=True, slots=True)
class BodyMark:
    """The data that basebump stores in the text of a pull request, in an HTML comment (the mark).

    If a text has no valid mark, all fields have their defaults.
    """

    targets: tuple[Target, ...] = ()
    report: str | None = None
    """The fingerprint of the pull request's text."""
    is_withdrawn: bool = False
    """True if basebump withdrew the pull request, so that closing it was not a decision of a user."""
    has_automerge: bool = False
    """True if basebump enabled automerge for the pull request."""
    status_attempt: StatusAttempt | None = None
    """The last commit status that basebump tried to set."""
    started_commit: str | None = None
    """The commit for which basebump last started workflows or tried to, shortened to twelve digits."""
    due: DueDate | None = None
    """The due date of the proposal, in whole seconds; None if it has none."""


class RequestState(StrEnum):
    """The state of a pull or merge request.

    BRANCH means that there is only a branch of basebump, but no pull request.
    """

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"
    BRANCH = "branch"


class ClosedBy(StrEnum):
    """Who closed a pull request of basebump without merging it. The words are stored in the state."""

    PERSON = "person"
    BASEBUMP = "basebump"
    """basebump withdrew the pull request, because its update was no longer desired."""
    BRANCH_DELETION = "branch-deletion"
    """The forge closed the pull request, because its branch was deleted. This does not decline the proposal."""


class DeclineScope(StrEnum):
    """What basebump does not propose again after a person closed a pull request. The words are stored in the state."""

    DIGEST = "digest"
    """Exactly the digests of the pull request."""
    LATER_DIGESTS = "later-digests"
    """All later digests of its tags, too, according to the policy."""
    REPOSITORY = "repository"
    """All updates in the repository, because the pull request was the first one."""


@dataclass(frozen=True, slots=True)
class RemoteRequest:
    """A branch of basebump on the forge, with its pull or merge request if there is one."""

    branch: str
    state: RequestState
    head: str | None
    """The commit that the branch points to; None if the branch does not exist."""
    intent: str | None
    """The intent of the changes on the branch; None if the branch contains other changes than basebump's edits.

    A merge of the base branch (GitHub's "Update branch") does not count as another change.
    """
    number: int | None = None
    url: str | None = None
    title: str = ""
    body: str = ""
    mark: BodyMark = BodyMark()
    """The data in the mark of the body."""
    has_conflicts: bool = False
    """True if the forge knows that the pull request cannot be merged."""
    has_commented: bool = False
    """True if basebump already commented on commits of other people."""
    is_accepted: bool = False
    """True if a user approved the pull request, added it to a merge queue, or enabled automerge."""
    has_automerge: bool = False
    """True if basebump's own account enabled automerge."""
    ever_set: RequestAttributes | None = None
    """Attributes that were set at any time, even if users removed them since; None if the forge has no history.

    If fetching the history costs additional API calls, this field contains only the current attributes. Then,
    `update_request` fetches the history and skips attributes that users removed.
    """
    committed_at: datetime | None = None
    """The time of basebump's commit. If the branch has no such commit, the time of the last commit."""
    is_behind: bool = False
    """True if the base branch has commits that the branch does not contain."""
    must_be_current: bool = False
    """True if the forge merges only branches that are up to date. It is fetched only if `is_behind` is True."""
    requested_actions: frozenset[RequestedAction] = frozenset()
    """Actions that users requested by labels."""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    is_closed_by_branch_deletion: bool = False
    """True if the pull request was closed because its branch was deleted.

    Such a close does not decline the proposal.
    """
    is_own: bool = True
    """False if another account than basebump's opened the pull request. It is determined only if `intent` is None."""
    own_commit: str | None = None
    """basebump's commit on the branch; it differs from `head` if users merged the base branch into the branch."""
    is_confirmed: bool = True
    """False if the branch contains digests that this run does not propose, and that basebump did not push last
    according to the state."""
    is_as_marked: bool = True
    """False if the branch contains digests that the mark in the body does not name."""

    @property
    def closed_by(self) -> ClosedBy | None:
        """Who closed the pull request without merging it; None if it is open or merged."""
        if self.state is not RequestState.CLOSED:
            return None
        if self.mark.is_withdrawn:
            return ClosedBy.BASEBUMP
        return ClosedBy.BRANCH_DELETION if self.is_closed_by_branch_deletion else ClosedBy.PERSON


@dataclass(frozen=True, slots=True)
class OpenStep:
    """The step that opens a pull request. If `must_push` is True, its branch is created or updated first."""

    proposal: Proposal
    must_push: bool
    """True if the branch does not exist, contains other changes than the proposal, or was merged before."""
    existing_branch: RemoteRequest | None = None
    """The existing branch, if basebump pushed it without opening a pull request; None if there is no such branch."""
    withdrawn_request: RemoteRequest | None = None
    """The latest pull request for the branch that basebump withdrew; None if there is none.

    The new pull request mentions it.
    """


@dataclass(frozen=True, slots=True)
class UpdateStep:
    """The step that updates an open pull request: its branch, its text or its attributes."""

    request: RemoteRequest
    proposal: Proposal
    must_push: bool
    must_update_text: bool
    attributes: RequestAttributes = NO_ATTRIBUTES
    """Attributes to set. `automerge` is False if the forge must no longer merge the pull request automatically."""


@dataclass(frozen=True, slots=True)
class CloseStep:
    """The step that withdraws a pull request: mark it as withdrawn, close it, and delete its branch."""

    request: RemoteRequest
    reason: str


@dataclass(frozen=True, slots=True)
class DeleteBranch:
    """The step that deletes a branch of basebump without a pull request that no proposal needs any more."""

    request: RemoteRequest


class DeferralReason(StrEnum):
    """The reason that a proposal is not opened in this run."""

    SCHEDULE = "schedule"
    NEW_PER_REPOSITORY = "new-per-repository"
    NEW_PER_WINDOW = "new-per-window"
    OPEN_PER_REPOSITORY = "open-per-repository"
    ROLLOUT = "rollout"
    UNPROVEN = "unproven"
    """It is unknown which vulnerabilities the update fixes and introduces."""
    WORTHLESS = "worthless"
    """The update fixes nothing that the policy requires for opening a proposal."""

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return _DEFERRAL_SENTENCES[self]


_DEFERRAL_SENTENCES: dict[DeferralReason, str] = {
    DeferralReason.SCHEDULE: "Its schedule does not allow opening it now.",
    DeferralReason.NEW_PER_REPOSITORY: "The limit of new proposals per repository is reached (`new_per_repository`).",
    DeferralReason.NEW_PER_WINDOW: "The limit of new proposals is reached (`new_per_window`).",
    DeferralReason.ROLLOUT: "The limit of newly onboarded repositories is reached (`repositories_per_run`).",
    DeferralReason.UNPROVEN: "It is unknown what the update fixes and introduces; the next run tries again.",
    DeferralReason.WORTHLESS: "The update does not fix enough for the proposal to be opened now.",
    DeferralReason.OPEN_PER_REPOSITORY: (
        "The limit of open proposals in this repository is reached: merge or close some."
    ),
}


@dataclass(frozen=True, slots=True)
class DeferProposal:
    """The step that leaves opening a proposal to a later run, because a limit or another condition forbids it now."""

    proposal: Proposal
    reason: DeferralReason
    detail: str = ""
    """A sentence with details, such as when the schedule next allows opening the proposal; may be empty."""


class NoChangeReason(StrEnum):
    """The reason that a branch or pull request is left unchanged."""

    UNCHANGED = "unchanged"
    DECLINED = "declined"
    OPTED_OUT = "opted-out"
    """A user closed the first proposal of the repository."""
    MUTED = "muted"
    """A user closed an earlier proposal for the same tags, which also declines later ones according to the policy."""
    EDITED = "edited"
    """Another person committed to the branch."""
    ACCEPTED = "accepted"
    """A user accepted the pull request, so that the next update waits."""
    SLIDING = "sliding"
    """The only change is that a digest is old enough now, so that the update waits."""
    UNKNOWN = "unknown"
    """Some data on which the proposal depends could not be read in this run."""
    PAUSED = "paused"
    """The policy pauses the updates."""
    FAILING_ELSEWHERE = "failing-elsewhere"
    """CI fails with the newer digest in other repositories of the fleet."""
    TAKEN = "taken"
    """The branch contains commits that basebump did not create."""

    @property
    def decline_scope(self) -> DeclineScope | None:
        """What a person declined by closing the pull request; None if the reason is not a closed pull request."""
        return _DECLINE_SCOPES.get(self)


_DECLINE_SCOPES = {
    NoChangeReason.DECLINED: DeclineScope.DIGEST,
    NoChangeReason.MUTED: DeclineScope.LATER_DIGESTS,
    NoChangeReason.OPTED_OUT: DeclineScope.REPOSITORY,
}


@dataclass(frozen=True, slots=True)
class NoChange:
    """The step that leaves the branch and the text of a pull request unchanged.

    If `must_comment` is True, a comment explains that the branch stays unchanged because of commits by other people.
    """

    branch: str
    reason: NoChangeReason
    request: RemoteRequest | None = None
    must_comment: bool = False
    attributes: RequestAttributes = NO_ATTRIBUTES
    """Attributes to set again, such as the commit status after a user merged the base into the branch."""


ProposalStep = OpenStep | UpdateStep | CloseStep | DeleteBranch | NoChange | DeferProposal
