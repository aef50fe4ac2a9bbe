"""Template data for a proposal and for the updates of images in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.core.evidence.effect import UpdateEffect, count_kept_fixes, summarise_effect
from bot.core.markdown import Link, Plain, Text, build_sentence, is_safe_url, truncate_list
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.proposal.merged_options import collect_schedules, determine_on_close
from bot.core.proposal.transition_groups import (
    MIN_IMAGES_FOR_TOTAL,
    UpdateType,
    determine_update_type,
    group_by_transition,
    list_deploying_paths,
    list_notes,
)
from bot.core.proposal.view.contents import ContentsView, PackagesView, build_contents_view, build_packages_view
from bot.core.proposal.view.due_dates import DueView
from bot.core.proposal.view.rebuild import RebuildView
from bot.core.proposal.view.scans import DeltaView, ScanView, build_delta_view, build_scan_view, format_day
from bot.core.proposal.view.trust import TrustView, build_trust_view
from bot.core.proposal.view.update_reasons import build_compare_command, link_repository, list_reasons, summarise_reason
from bot.core.transition import shorten_digest
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.blocklist import Block
from bot.model.ci import FleetOutcome
from bot.model.decision import ImageUpdate, Transition, UpdateCause
from bot.model.evidence import Evidence, Scan, UnscannedReason
from bot.model.modes import OnClose
from bot.model.workload import RunningPlace, RunningUse

MAX_SHOWN = 5
"""The maximum number of namespaces that are shown of one image, and of own images that are shown."""


@dataclass(frozen=True, slots=True)
class RunningPlaceView:
    """The pods of one namespace that run an image."""

    name: Text
    """The cluster and the namespace: `prod/payments`."""
    pods: int
    as_of: Plain | None
    """The date on which the pods were found, if the cluster could not be read now; None if it was read now."""


@dataclass(frozen=True, slots=True)
class RunningView:
    """The namespaces that run the image, or an own image that was built on it."""

    own_image: Text | None
    """The own image; None if the pods run the image itself."""
    places: tuple[RunningPlaceView, ...]
    """The namespaces with the most pods first, at most five."""
    places_cut: int
    """The number of namespaces that were left out."""


def build_running_views(uses: Sequence[RunningUse] | None) -> tuple[RunningView, ...]:
    """Return the data on where an image runs; empty if it runs nowhere, or if this is unknown."""
    return tuple(
        RunningView(
            Text(use.own_image) if use.own_image is not None else None,
            tuple(map(_build_place_view, use.places[:MAX_SHOWN])),
            max(0, len(use.places) - MAX_SHOWN),
        )
        for use in (uses or ())[:MAX_SHOWN]
    )


def _build_place_view(place: RunningPlace) -> RunningPlaceView:
    as_of = format_day(place.as_of) if place.as_of is not None else None
    return RunningPlaceView(Text(f"{place.cluster}/{place.namespace}"), place.pods, as_of)


@dataclass(frozen=True, slots=True)
class FleetView:
    """The outcome of CI on the pull requests of the fleet that propose the new digest. Every repository counts once."""

    passed: int
    finished: int
    """The number of repositories in which CI passed or failed."""
    merged: int
    """The number of repositories that merged the digest, whatever the outcome of CI."""
    is_failing: bool
    """True if CI failed in so many repositories that the digest is proposed only if it is urgent."""


def build_fleet_view(outcome: FleetOutcome | None) -> FleetView | None:
    """Return the data on the outcome of CI; None if CI ended in no repository, and none merged the digest."""
    if outcome is None or not (outcome.finished or outcome.merged):
        return None
    return FleetView(outcome.passed, outcome.finished, outcome.merged, outcome.is_failing)


VERSION = 1
MAX_LINE_NUMBERS = 20
"""Limit for the line numbers that are shown of one file."""
_ROWS_PER_LIST = 10
"""Images that are shown for each row of other lists. If a text is too long, lists of findings are shortened before the
list of images."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A file that the proposal changes."""

    path: Text
    line_numbers: tuple[int, ...]
    """The numbers of the changed lines; the list has at most 20 numbers."""
    deploys: bool
    """True if the file deploys a workload that then restarts; False if the file builds an image."""


@dataclass(frozen=True, slots=True)
class TotalView:
    """The vulnerability changes of all images together. A vulnerability in several images is counted once."""

    fixed_count: int
    """The number of distinct vulnerabilities that are fixed in at least one image; other images may still have them."""
    fixed_critical: int
    fixed_exploited: int
    """The number of fixed vulnerabilities that are known to be exploited."""
    introduced_count: int
    introduced_exploited: int
    is_partial: bool
    """True if the vulnerability changes of some images are unknown."""
    fixed_detail: Plain | None
    """The worst severity of the fixed vulnerabilities, such as `16 critical, 2 exploited`; None if there are none."""
    kept_count: int
    """The number of fixed vulnerabilities that another image of the proposal still has after its update."""
    introduced_text: Plain
    """The number of new vulnerabilities with the worst severity, such as `2 (1 critical)`."""


@dataclass(frozen=True, slots=True)
class ProposalView:
    """The data from which the text of a proposal is rendered."""

    version: int
    is_first: bool
    """True if this is the first proposal of the repository, which has all updates and an introduction."""
    mutes: bool
    """True if closing the proposal also declines later digests."""
    update_type: UpdateType
    """The type of the largest update among the images of the proposal."""
    transitions: tuple[TransitionView, ...]
    transitions_cut: int
    """The number of transitions that were left out."""
    total: TotalView | None
    """The totals of all images; None unless the vulnerability changes of several images are known."""
    overall: TotalView | None
    """The totals of all images; None if the vulnerability changes of all images are unknown."""
    files: tuple[FileView, ...]
    files_cut: int
    """The number of files that were left out."""
    left_out: tuple[Text, ...]
    """Files that are not changed because the token has no permission, such as workflow files on GitHub."""
    left_out_cut: int
    """The number of files that are missing in the list `left_out`."""
    scanner: Plain | None
    scanner_version: Plain | None
    database: Plain | None
    """The date on which the scanner's database was built."""
    exploited_list: Plain | None
    """The date of the list of exploited vulnerabilities; None if the list is not configured or could not be read."""
    is_exploited_list_old: bool
    """True if the list is so much older than the scanner's database that newer entries are missing."""
    is_exploited_unknown: bool
    """True if the list of exploited vulnerabilities is configured but could not be read."""
    epss_list: Plain | None
    """The date of the list of exploit probabilities (EPSS); None if the list was not read."""
    has_alerts: bool
    """True if the forge renders alerts, which are quotes that begin with `[!CAUTION]` or another kind."""
    workflows: tuple[Text, ...]
    """The file names of the workflows that basebump starts for the proposal."""
    groups: tuple[tuple[TransitionView, ...], ...]
    """The updates in `transitions`. Updates that change the same packages and vulnerabilities are in one group."""
    unscanned_reasons: tuple[UnscannedReason, ...]
    """The reasons that images of `transitions` were not scanned, without duplicates."""
    pin_count: int
    """The number of updates that only add a digest to the file."""
    move_count: int
    """The number of updates to another digest or tag."""
    merges_itself: bool = False
    """True if the forge merges the proposal as soon as the required checks pass, because the policy allows it."""
    automerge_refusal: Plain | None = None
    """Why the forge does not merge the proposal, although the policy allows automerge for other updates; None if the
    policy does not allow it at all, or if `merges_itself` is True.
    """
    schedules: tuple[Text, ...] = ()
    """The cron schedules of the policy, with their time zones, at which new proposals are opened."""
    due: DueView | None = None
    """The time by which the proposal is to be merged; None if the policy sets no time, or if the time is not known."""
    rebuild: RebuildView | None = None
    """The own images that are rebuilt after the merge, and the other repositories that build on them; None if no other
    repository builds on them, or if this is not known.
    """


@dataclass(frozen=True, slots=True)
class PlatformView:
    """The scans of the old and the new image for one platform."""

    platform: Text
    before: ScanView | None
    after: ScanView


@dataclass(frozen=True, slots=True)
class BlockView:
    """The reason why the operator blocked a digest."""

    reason: Text
    details: Link | None
    """A link to the page with details; None if there is none."""


@dataclass(frozen=True, slots=True)
class TransitionView:
    """The update of one image from one digest to another (a transition)."""

    reference: Text
    new_tag: Text | None
    """The new tag; None if the tag does not change."""
    cause: UpdateCause
    """The cause of the update: `moved` (the tag was updated), `withdrawn` (the publisher withdrew the pinned digest),
    `gone` (the registry no longer has the pinned digest), or `blocked` (the operator blocked the digest in use).
    """
    block: BlockView | None
    """Why the digest in use is blocked; None unless the cause is `blocked`."""
    goes_back: bool
    """True if the update goes back to an older digest on purpose, because the newer digests are blocked."""
    doubt: Text | Plain | None
    """The reason why a maintainer must review the proposal before it is merged; None if there is no such reason."""
    notes: tuple[Text | Plain, ...]
    """Further notes, for example about an outdated base image or an accepted hold. Each note is shown once per tag."""
    notes_cut: int
    """The number of notes that were left out."""
    old: Text | None
    """The first twelve hexadecimal digits of the old digest; None if the file has no digest."""
    new: Text
    old_digest: Text | None
    new_digest: Text
    platform: Text
    """The first platform for which the image was scanned."""
    scanned_on: tuple[Text, ...]
    """All platforms for which the image was scanned. The evidence combines all of them."""
    platforms: tuple[Text | Plain, ...]
    """The platforms of the new index. A long list is truncated and ends with the number of omitted platforms."""
    on_platforms: tuple[PlatformView, ...]
    """The scans for each platform, if there are several. `before`, `after` and `delta` combine all platforms."""
    before: ScanView | None
    after: ScanView
    delta: DeltaView | None
    packages: PackagesView | None
    """The package changes; None if the packages of either image are unknown."""
    contents: ContentsView | None
    """The changed contents; None if the contents of either image are unknown."""
    trust: TrustView | None
    """The signatures of both images; None if no entry of `trust` matches the image."""
    files: tuple[FileView, ...]
    """The files of the proposal in which the image is updated."""
    files_cut: int
    """The number of files that are missing in the list `files`."""
    name: Plain
    """The reference, as in `reference`, for places where a code span is not possible."""
    page: Link | Text
    """The reference with a link to the page of the repository on its registry, if there is a public page."""
    reasons: tuple[Text | Plain, ...]
    """The reasons why the update is proposed now."""
    short_reason: Plain | Text
    """The first of the reasons in a few words, such as `fixes 2 critical`."""
    adds_risk: bool
    """True if the update adds grave vulnerabilities and does not fix as many, so that the proposal is a draft."""
    is_contents_read: bool
    """True if the contents of both images were looked up. If they could not be read, `contents` is None."""
    compare_command: Text | None
    """The command that compares both images again; None if the file has no digest."""
    fleet: FleetView | None
    """The outcome of CI with the new digest in the repositories of the fleet; None if it is not known."""
    running: tuple[RunningView, ...]
    """The namespaces that run the image, or own images that were built on it; empty if none do or none are known."""


def build_proposal_view(
    updates: Sequence[ImageUpdate],
    evidence: Mapping[Transition, Evidence],
    rows: int,
    *,
    is_first: bool = False,
    protected_files: Sequence[str] = (),
    has_alerts: bool = False,
    workflows: Sequence[str] = (),
) -> ProposalView:
    """Return the data for the text of one proposal. Each list has at most `rows` rows, and begins with the worst row.

    `is_first` is True for the first proposal of a repository. `protected_files` are files that the proposal leaves out,
    because the forge does not allow basebump to change them. `workflows` are the workflows that basebump starts.
    """
    by_transition = group_by_transition(updates)
    transitions = list(by_transition)
    scans = [
        scan for each in transitions for scan in (evidence[each].old, evidence[each].new) if isinstance(scan, Scan)
    ]
    scanner = scans[0].scanner if scans else None
    list_versions = next(
        (each for transition in transitions if (each := evidence[transition].list_versions) is not None), ListVersions()
    )
    files = tuple(_list_files(updates))
    notes = list_notes(by_transition)
    max_images = max(_ROWS_PER_LIST * rows, 1)
    worst_first = sorted(transitions, key=lambda each: _get_order(by_transition[each][0], evidence[each]))
    shown = {
        each: _build_transition_view(each, by_transition[each], notes[each], evidence[each], rows)
        for each in worst_first[:max_images]
    }
    effect = summarise_effect(evidence[each] for each in transitions)
    kept_count = count_kept_fixes([evidence[each] for each in transitions])
    return ProposalView(
        version=VERSION,
        is_first=is_first,
        mutes=determine_on_close(updates) is OnClose.LINE,
        update_type=determine_update_type(transitions),
        transitions=tuple(shown.values()),
        transitions_cut=len(transitions) - len(shown),
        total=_build_total(effect, kept_count, MIN_IMAGES_FOR_TOTAL),
        overall=_build_total(effect, kept_count, 1),
        files=files[:rows],
        files_cut=max(0, len(files) - rows),
        left_out=tuple(map(Text, protected_files[:rows])),
        left_out_cut=max(0, len(protected_files) - rows),
        scanner=Plain(scanner.name) if scanner else None,
        scanner_version=Plain(scanner.version) if scanner else None,
        database=format_day(scanner.database) if scanner else None,
        exploited_list=Plain(f"{list_versions.kev_date}") if list_versions.kev_date else None,
        is_exploited_list_old=list_versions.is_kev_old(scanner.database if scanner else None),
        is_exploited_unknown=AdvisoryList.KEV in list_versions.unread_lists,
        epss_list=Plain(f"{list_versions.epss_date}") if list_versions.epss_date else None,
        has_alerts=has_alerts,
        workflows=tuple(map(Text, workflows)),
        groups=tuple(_group_equal(shown, evidence)),
        unscanned_reasons=tuple(dict.fromkeys(_list_unscanned_reasons(shown.values()))),
        pin_count=sum(each.old is None and each.new_tag is None for each in transitions),
        schedules=tuple(Text(f"{each.cron} ({each.timezone})") for each in collect_schedules(updates)),
        move_count=sum(each.old is not None or each.new_tag is not None for each in transitions),
    )


def _list_unscanned_reasons(views: Iterable[TransitionView]) -> Iterator[UnscannedReason]:
    for each in views:
        for scan in (each.after, each.before):
            if scan is not None and scan.why_not is not None:
                yield scan.why_not


def _get_order(update: ImageUpdate, evidence: Evidence) -> tuple[object, ...]:
    """Return the key that sorts updates: risks first, then unknown effects, then the most important fixes."""
    effect = summarise_effect([evidence])
    if effect is None:
        is_known_pin = evidence.old is None and isinstance(evidence.new, Scan)
        return update.added_risk is None, 1 if is_known_pin else 0, 0, False
    added, fixed = effect.added, effect.fixed
    return (
        update.added_risk is None,
        -added.exploited,
        -added.critical,
        True,
        -fixed.exploited,
        -fixed.critical,
        -added.count,
        -fixed.count,
    )


def _group_equal(
    views: Mapping[Transition, TransitionView], evidence: Mapping[Transition, Evidence]
) -> Iterator[tuple[TransitionView, ...]]:
    """Yield groups of views whose updates change the same packages and vulnerabilities. The order is kept."""
    groups: list[tuple[Transition, list[TransitionView]]] = []
    for transition, view in views.items():
        found = evidence[transition]
        for first, group in groups:
            other = evidence[first]
            if found.delta is not None and (found.delta, found.package_changes) == (other.delta, other.package_changes):
                group.append(view)
                break
        else:
            groups.append((transition, [view]))
    return (tuple(group) for _, group in groups)


def _build_transition_view(
    transition: Transition, updates: Sequence[ImageUpdate], notes: Sequence[str], evidence: Evidence, rows: int
) -> TransitionView:
    update, files = updates[0], tuple(_list_files(updates))
    old, new, contents = transition.old, transition.new, evidence.contents
    reference = f"{update.reference.image.name}:{transition.tag_ref.tag}"
    return TransitionView(
        reference=Text(reference),
        new_tag=Text(transition.new_tag) if transition.new_tag else None,
        cause=update.cause,
        block=_build_block_view(update.block) if update.block is not None else None,
        goes_back=update.candidates[0].goes_back,
        doubt=build_sentence(update.review_reason, MAX_NOTE_LENGTH) if update.review_reason else None,
        notes=tuple(build_sentence(note, MAX_NOTE_LENGTH) for note in notes[:rows]),
        notes_cut=max(0, len(notes) - rows),
        old=Text(shorten_digest(old)) if old else None,
        new=Text(shorten_digest(new)),
        old_digest=Text(old) if old else None,
        new_digest=Text(new),
        platform=Text(transition.platforms[0]),
        scanned_on=tuple(map(Text, transition.platforms)),
        platforms=truncate_list(update.candidates[0].platforms, rows),
        on_platforms=tuple(
            _build_platform_view(platform, found, rows) for platform, found in evidence.by_platform.items()
        ),
        before=build_scan_view(evidence.old, contents.old if contents else None, rows, evidence)
        if evidence.old is not None
        else None,
        after=build_scan_view(evidence.new, contents.new if contents else None, rows, evidence),
        delta=build_delta_view(evidence.delta, evidence, rows) if evidence.delta is not None else None,
        packages=build_packages_view(evidence.package_changes, rows) if evidence.package_changes is not None else None,
        contents=build_contents_view(contents, rows),
        trust=build_trust_view(evidence.signatures) if evidence.signatures is not None else None,
        files=files[:rows],
        files_cut=max(0, len(files) - rows),
        name=Plain(reference),
        page=link_repository(reference, transition),
        reasons=list_reasons(update, transition, evidence),
        short_reason=summarise_reason(update, transition, evidence),
        adds_risk=update.added_risk is not None,
        is_contents_read=contents is not None,
        compare_command=build_compare_command(update, transition),
        fleet=build_fleet_view(evidence.fleet_outcome),
        running=build_running_views(evidence.running),
    )


def _build_block_view(block: Block) -> BlockView:
    can_link = block.link is not None and is_safe_url(block.link)
    return BlockView(Text(block.reason), Link(Plain("details"), block.link) if can_link and block.link else None)


def _build_platform_view(platform: str, evidence: Evidence, rows: int) -> PlatformView:
    before = build_scan_view(evidence.old, None, rows) if evidence.old is not None else None
    return PlatformView(Text(platform), before, build_scan_view(evidence.new, None, rows))


def _build_total(effect: UpdateEffect | None, kept_count: int, minimum: int) -> TotalView | None:
    if effect is None or effect.compared_count < minimum:
        return None
    return TotalView(
        fixed_count=effect.fixed.count,
        fixed_critical=effect.fixed.critical,
        fixed_exploited=effect.fixed.exploited,
        introduced_count=effect.added.count,
        introduced_exploited=effect.added.exploited,
        is_partial=effect.is_partial,
        kept_count=kept_count,
        fixed_detail=Plain(effect.fixed.detail) if effect.fixed.detail else None,
        introduced_text=Plain(str(effect.added)),
    )


def _list_files(updates: Sequence[ImageUpdate]) -> Iterator[FileView]:
    lines: dict[str, set[int]] = {}
    for update in updates:
        lines.setdefault(update.reference.path, set()).add(update.reference.line_number)
    for path, deploys in sorted(list_deploying_paths(updates).items()):
        yield FileView(Text(path), tuple(sorted(lines[path])[:MAX_LINE_NUMBERS]), deploys)
