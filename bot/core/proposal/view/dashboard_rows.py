"""Rows of the dashboard for one base branch of a repository: proposals, references that are not updated, and files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from bot.core.evidence.effect import describe_unknown_effects, summarise_effect
from bot.core.evidence.private_evidence import has_registry_detail, remove_private_evidence
from bot.core.markdown import Link, Plain, Text, build_link, build_sentence, is_safe_url
from bot.core.proposal.requested_actions import Box
from bot.core.proposal.view.dashboard import (
    DetectedFileView,
    DetectedImageView,
    EntryView,
    ReferencesView,
    StuckUpdateView,
    UpdatedImageView,
)
from bot.core.proposal.view.due_dates import build_due_view
from bot.core.proposal.view.fix_ranks import FixRank, rank_fixes
from bot.core.proposal.view.hold_remedies import MAX_RULE_LENGTH, build_hold_rule
from bot.model.dashboard import RequestedAction
from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.proposal import ProposedImage
from bot.model.report import ProposalReport, RepositoryReport, Verdict
from bot.model.update_stages import WaitReason
from bot.model.vocabulary import ProposalOutcome, ReferenceStatus

MAX_LABEL_LENGTH = 300
"""The maximum number of characters that are shown of a path with its line numbers."""
MAX_SHOWN_LINES = 5
"""The maximum number of line numbers that are shown of one file."""
_MAX_URL_LENGTH = 800
"""The maximum number of characters of a URL.

A longer path is shown without a link, so that a few hostile paths cannot fill a whole text.
"""
_URL_CHARACTERS = "/-._~"


def link_file(files_url: str | None, path: str, lines: Collection[int] = (), base: str | None = None) -> Link | Text:
    """Return a link to the first of some lines of a file, or to the file itself, with path and lines as the label.

    Args:
        files_url: The URL to which the path of a file is appended; None if the forge has no site.
        path: The path of the file in the repository.
        lines: The lines of the file that the label names.
        base: The base branch; None if the label does not name it.
    """
    numbers = sorted(set(lines))
    cut = ",…" if len(numbers) > MAX_SHOWN_LINES else ""
    suffix = f":{','.join(map(str, numbers[:MAX_SHOWN_LINES]))}{cut}" if numbers else ""
    label = f"{path}{suffix}{f' on {base}' if base else ''}"
    anchor = f"#L{numbers[0]}" if numbers else ""
    url = _build_url(files_url, path, anchor) if files_url is not None else None
    return build_link(label, url, MAX_LABEL_LENGTH)


def _build_url(files_url: str, path: str, anchor: str) -> str | None:
    """Return the URL of a file; None if it is too long, or if the path is not a sequence of bytes."""
    try:
        quoted = quote(path.encode("utf-8", "surrogateescape"), safe=_URL_CHARACTERS)
    except UnicodeEncodeError:
        return None
    url = f"{files_url}{quoted}{anchor}"
    return url if len(url) <= _MAX_URL_LENGTH else None


MAX_ROW_FILES = 5
"""The maximum number of files that are shown of one image in one row."""
MAX_ROW_IMAGES = 20
"""The maximum number of images that are shown of one proposal, or of one file in the list of detected images."""

EntryOrder = tuple[int, datetime, int, int, int, str]
"""Sorts proposals, the most urgent first: by rank, by due date, by the numbers of fixes, and by branch."""
_NEVER = datetime.max.replace(tzinfo=UTC)


class BranchRows:
    """Builds the rows of one base branch.

    If everyone can read the rows (`is_public`), they show neither private evidence nor details that can name the host
    of a registry. If the dashboard shows several base branches, labels of files contain the base branch.
    """

    def __init__(
        self, report: RepositoryReport, evidence: Mapping[Transition, Evidence], *, is_public: bool, has_several: bool
    ) -> None:
        self._report = report
        self._is_public = is_public
        self._files_url = report.files_url
        self._evidence = evidence
        self._base = report.base_branch if has_several else None
        self._updates: dict[ProposedImage, list[Verdict]] = defaultdict(list)
        """The references that a proposal with this image updates, in all files."""
        for verdict in report.verdicts:
            if verdict.transition is not None:
                self._updates[_describe_update(verdict, verdict.transition)].append(verdict)

    def list_entries(
        self, outcomes: Collection[ProposalOutcome], ask: RequestedAction | None
    ) -> Iterator[tuple[EntryOrder, EntryView]]:
        """Yield proposals with one of `outcomes`, each with its sort key. `ask` is the action of their checkboxes."""
        for proposal in self._report.proposals:
            if proposal.outcome in outcomes:
                yield self._build_entry(proposal, Box(ask, proposal.branch) if ask is not None else None)

    def collect_evidence(self, outcomes: Collection[ProposalOutcome]) -> tuple[Evidence, ...]:
        """Return the evidence on all images of the proposals with one of `outcomes`."""
        transitions = dict.fromkeys(
            transition
            for proposal in self._report.proposals
            if proposal.outcome in outcomes
            for image in proposal.images
            for transition in _list_transitions(self._list_updated(proposal, image))
        )
        return self._get_evidence(transitions)

    def list_references(self, statuses: Collection[ReferenceStatus]) -> Iterator[tuple[FixRank, ReferencesView]]:
        """Yield the references with one of `statuses`, in one row for each image and reason."""
        groups: dict[tuple[object, ...], list[Verdict]] = defaultdict(list)
        for verdict in self._report.verdicts:
            if verdict.status in statuses:
                key = (
                    _get_image(verdict),
                    verdict.reason,
                    self._get_detail(verdict),
                    verdict.successor,
                    verdict.transition,
                )
                groups[key].append(verdict)
        for verdicts in groups.values():
            yield self._build_references(verdicts)

    def list_stuck_updates(self) -> Iterator[StuckUpdateView]:
        """Yield the merged updates that make no progress, the longest wait first.

        Everyone can read a public dashboard, so names of other repositories and of workloads are left out.
        """
        for each in self._report.stuck:
            private_names = () if self._is_public else (*each.manifests, *each.workloads)
            yield StuckUpdateView(
                state=Plain(each.state),
                since=Plain(f"{each.since:%Y-%m-%d}"),
                image=Text(each.image),
                file=link_file(self._files_url, each.path, (each.line_number,), base=self._base),
                reason=WaitReason(each.reason) if each.reason in set(WaitReason) else None,
                names=tuple(map(Text, (*each.images, *private_names))),
                check=build_link(each.check_name, each.check_url) if each.check_name is not None else None,
            )

    def list_detected_files(self) -> Iterator[DetectedFileView]:
        """Yield the files with image references, sorted by path."""
        by_path: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in self._report.verdicts:
            by_path[verdict.reference.path].append(verdict)
        for path, verdicts in sorted(by_path.items()):
            in_order = sorted(verdicts, key=lambda each: each.reference.line_number)
            images = dict.fromkeys((_get_image(each), each.status) for each in in_order)
            yield DetectedFileView(
                link_file(self._files_url, path, base=self._base),
                tuple(DetectedImageView(Text(image), status) for image, status in list(images)[:MAX_ROW_IMAGES]),
                max(0, len(images) - MAX_ROW_IMAGES),
            )

    def _build_entry(self, proposal: ProposalReport, box: Box | None) -> tuple[EntryOrder, EntryView]:
        updated = {image: self._list_updated(proposal, image) for image in proposal.images}
        verdicts = [verdict for each in updated.values() for verdict in each]
        evidence = self._get_evidence(_list_transitions(verdicts))
        is_gone = any(each.status is ReferenceStatus.GONE for each in verdicts)
        is_blocked = any(each.status is ReferenceStatus.BLOCKED for each in verdicts)
        rank = rank_fixes(evidence, is_gone=is_gone, is_blocked=is_blocked)
        effect = summarise_effect(evidence)
        fixed = (effect.fixed.exploited, effect.fixed.critical, effect.fixed.count) if effect is not None else (0, 0, 0)
        title, due = Plain(proposal.title), proposal.shown_due
        view = EntryView(
            box=box,
            title=Link(title, proposal.url) if proposal.url and is_safe_url(proposal.url) else title,
            note=Plain(proposal.note) if proposal.note else None,
            rank=rank,
            has_effect=_describe_effect(evidence) in proposal.title,
            images=tuple(self._build_image(*each) for each in list(updated.items())[:MAX_ROW_IMAGES]),
            images_cut=max(0, len(updated) - MAX_ROW_IMAGES),
            due=build_due_view(due),
        )
        due_at = due.at if due is not None else _NEVER
        return (rank.position, due_at, -fixed[0], -fixed[1], -fixed[2], proposal.branch), view

    def _build_image(self, image: ProposedImage, verdicts: Sequence[Verdict]) -> UpdatedImageView:
        effect = _describe_effect(self._get_evidence(_list_transitions(verdicts)))
        return UpdatedImageView(
            Text(image.reference),
            Plain(effect) if effect else None,
            *self._link_files(verdicts),
        )

    def _build_references(self, verdicts: Sequence[Verdict]) -> tuple[FixRank, ReferencesView]:
        first = verdicts[0]
        evidence = self._get_evidence(_list_transitions(verdicts))
        effect = summarise_effect(evidence)
        rule = build_hold_rule(first.reason, first.reference.image.repository) if first.reason else None
        files, files_cut = self._link_files(verdicts)
        return rank_fixes(evidence), ReferencesView(
            image=Text(_get_image(first)),
            reason=first.reason,
            detail=_build_detail(first.status, self._get_detail(first)),
            count=len(verdicts),
            files=files,
            files_cut=files_cut,
            effect=Plain(str(effect)) if effect is not None else None,
            successor=Text(first.successor) if first.successor else None,
            rule=Text(rule, MAX_RULE_LENGTH) if rule is not None else None,
        )

    def _list_updated(self, proposal: ProposalReport, image: ProposedImage) -> list[Verdict]:
        """Return the references to an image that a proposal updates; other proposals may update it in other files."""
        files = frozenset(proposal.files)
        return [each for each in self._updates.get(image, ()) if each.reference.path in files]

    def _get_evidence(self, transitions: Iterable[Transition]) -> tuple[Evidence, ...]:
        known = [self._evidence[each] for each in transitions if each in self._evidence]
        return tuple(remove_private_evidence(each) if self._is_public else each for each in known)

    def _get_detail(self, verdict: Verdict) -> str:
        is_hidden = self._is_public and has_registry_detail(verdict.status, verdict.reason)
        return "" if is_hidden else verdict.detail

    def _link_files(self, verdicts: Iterable[Verdict]) -> tuple[tuple[Link | Text, ...], int]:
        lines: dict[str, set[int]] = defaultdict(set)
        for verdict in verdicts:
            lines[verdict.reference.path].add(verdict.reference.line_number)
        shown = sorted(lines.items())[:MAX_ROW_FILES]
        links = tuple(link_file(self._files_url, path, numbers, self._base) for path, numbers in shown)
        return links, len(lines) - len(shown)


def sort_references(rows: Iterable[tuple[FixRank, ReferencesView]]) -> tuple[ReferencesView, ...]:
    """Return the rows grouped by reason, sorted so that rows with the most urgent fixes come first."""
    ranked = list(rows)
    ranks: dict[str, int] = {}
    for rank, view in ranked:
        reason = view.reason or ""
        ranks[reason] = min(rank.position, ranks.get(reason, rank.position))
    ranked.sort(key=lambda each: (ranks[each[1].reason or ""], each[1].reason or "", each[0].position, repr(each[1])))
    return tuple(view for _, view in ranked)


def _get_image(verdict: Verdict) -> str:
    image = verdict.reference.image
    return f"{image.name}:{image.tag or 'latest'}"


def _build_detail(status: ReferenceStatus, detail: str) -> Text | Plain | None:
    """Return the detail of a verdict. Texts of a registry become code spans, and basebump's own sentences do not."""
    if not detail:
        return None
    return Text(detail) if status is ReferenceStatus.UNRESOLVED else build_sentence(detail)


def _describe_update(verdict: Verdict, transition: Transition) -> ProposedImage:
    """Return the update of a reference as the report of a proposal describes it."""
    return ProposedImage(
        f"{verdict.reference.image.name}:{transition.tag_ref.tag}",
        transition.tag_ref.repository,
        transition.new_tag_ref.tag,
        transition.old,
        transition.new,
    )


def _list_transitions(verdicts: Iterable[Verdict]) -> Iterable[Transition]:
    return dict.fromkeys(each.transition for each in verdicts if each.transition is not None)


def _describe_effect(evidence: Sequence[Evidence]) -> str:
    """Return the effect of updates, or why it is unknown; empty for an image that only gets a digest."""
    effect = summarise_effect(evidence)
    return str(effect) if effect is not None else ", ".join(describe_unknown_effects(evidence))
