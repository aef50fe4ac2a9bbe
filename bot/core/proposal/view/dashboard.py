"""Template data for the dashboard: proposals and their fixes, references without updates, and detected images."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.markdown import Link, Plain, Text
from bot.core.proposal.requested_actions import Box
from bot.core.proposal.view.due_dates import DueView
from bot.core.proposal.view.fix_ranks import FixRank
from bot.core.proposal.view.hold_remedies import describe_hold_remedy
from bot.model.update_stages import WaitReason
from bot.model.vocabulary import Reason, ReferenceStatus


@dataclass(frozen=True, slots=True)
class UpdatedImageView:
    """An image that a proposal updates."""

    image: Text
    effect: Plain | None
    """The effect of the update, such as `fixes 252 (16 critical, 2 exploited), adds 2 (1 critical)`, or why it is
    unknown; None if the image only gets a digest.
    """
    files: tuple[Link | Text, ...]
    """The files and lines on the base branch."""
    files_cut: int
    """The number of files that were left out."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """A proposal in a list of the dashboard, such as the list of waiting proposals."""

    box: Box | None
    title: Plain | Link
    note: Plain | None
    rank: FixRank
    """The rank of the worst vulnerability that the proposal fixes. Lists begin with the most urgent rank."""
    has_effect: bool
    """True if the title contains the effect of the proposal's only image."""
    images: tuple[UpdatedImageView, ...]
    images_cut: int
    """The number of images that were left out."""
    due: DueView | None
    """The time by which the proposal is to be merged; None if it has no due date."""


@dataclass(frozen=True, slots=True)
class ReferencesView:
    """References to one image (`repository:tag`) that are not updated, all for the same reason."""

    image: Text
    reason: Reason | None
    detail: Text | Plain | None
    count: int
    files: tuple[Link | Text, ...]
    """The files and lines on the base branch."""
    files_cut: int
    """The number of files that were left out."""
    effect: Plain | None
    """The effect of a refused update; None if it is unknown."""
    successor: Text | None
    """The tag that replaces a superseded tag, if it is known."""
    rule: Text | None
    """The rule for basebump's config that the remedy names."""

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return self.reason.sentence if self.reason is not None else ""

    @property
    def remedy(self) -> str:
        """The way to end a hold or a refusal, without a full stop; empty for other references."""
        return describe_hold_remedy(self.reason) if self.reason is not None else ""


@dataclass(frozen=True, slots=True)
class StuckUpdateView:
    """An update that was merged, and that waits longer than usual for a build or a deployment."""

    state: Plain
    """For example `merged, not rebuilt`."""
    since: Plain
    """The date since which the update waits."""
    image: Text
    file: Link | Text
    reason: WaitReason | None
    """The reason that the update waits; None for a reason of another version of basebump."""
    names: tuple[Text, ...]
    """The own images, the manifests or the workloads that the sentence is about."""
    check: Link | Text | None
    """The check that failed; None if no check failed, or if its name is not known."""

    @property
    def sentence(self) -> str:
        """What the update waits for, without a full stop; empty if it is not known."""
        return self.reason.sentence.removesuffix(".") if self.reason is not None else ""


@dataclass(frozen=True, slots=True)
class SkippedView:
    """The number of image references that are skipped for one reason."""

    reason: Reason
    count: int

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return self.reason.sentence


@dataclass(frozen=True, slots=True)
class DetectedImageView:
    """An image in the list of detected images."""

    image: Text
    status: ReferenceStatus


@dataclass(frozen=True, slots=True)
class DetectedFileView:
    """A file with the images that basebump found in it, in the order of the file."""

    file: Link | Text
    images: tuple[DetectedImageView, ...]
    images_cut: int
    """The number of images that were left out."""


@dataclass(frozen=True, slots=True)
class DashboardCountsView:
    """The lengths of all lists, before they were cut."""

    blocked: int
    stuck: int
    waiting: int
    current: int
    left: int
    declined: int
    failed: int
    held: int
    superseded: int
    unknown: int
    detected: int
    """The number of files with images."""
    references: int
    """The number of image references in all files."""
    unreadable: int
    """The number of texts and files that cannot be read as image references."""


@dataclass(frozen=True, slots=True)
class DashboardView:
    """The data for the text of a dashboard: lists of proposals, and lists of image references that are not updated."""

    version: int
    trouble: tuple[Text, ...]
    """Lines of the error that prevents basebump from processing the repository."""
    blocked: tuple[ReferencesView, ...]
    """References to blocked digests, whether there is a replacement or not."""
    stuck: tuple[StuckUpdateView, ...]
    """Merged updates that make no progress, the longest wait first."""
    waiting: tuple[EntryView, ...]
    current: tuple[EntryView, ...]
    left: tuple[EntryView, ...]
    """Open pull requests that basebump leaves to users."""
    declined: tuple[EntryView, ...]
    failed: tuple[EntryView, ...]
    held: tuple[ReferencesView, ...]
    superseded: tuple[ReferencesView, ...]
    unknown: tuple[ReferencesView, ...]
    skipped: tuple[SkippedView, ...]
    cut: int
    """Number of rows that are left out."""
    counts: DashboardCountsView
    fixes: Plain | None
    """The combined fixes of the open and waiting proposals, such as `30 known vulnerabilities (3 exploited, 8
    critical)`. None if no two images were compared.
    """
    added: Plain | None
    """The vulnerabilities that the open and waiting proposals add together, such as `2 (1 critical)`; None if no
    added vulnerabilities are known.
    """
    remarks: tuple[Plain, ...]
    """The unknown parts of the fixes, such as `2 of 10 not scanned`; empty if all is known."""
    overdue_count: int
    """The number of open and waiting proposals whose due date has passed."""
    waiting_reason: Plain | None
    """The note that all waiting proposals have; None unless there are several with the same note."""
    open_all: Box | None
    """The checkbox that opens all waiting proposals; None unless there are several."""
    rebuild_all: Box | None
    """The checkbox that rebuilds all open pull requests that no user approved; None unless there are several."""
    detected: tuple[DetectedFileView, ...]

    @property
    def is_empty(self) -> bool:
        """True if the dashboard shows nothing except references that need no action. No issue is then needed."""
        shown = (self.trouble, self.waiting, self.current, self.left, self.declined, self.failed)
        return not any((*shown, self.blocked, self.stuck, self.held, self.superseded, self.unknown))
