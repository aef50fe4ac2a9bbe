"""Renders `scan` and `run` as text: one line for each image reference, with the reason if it is not updated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bot.core.evidence.lookups import describe_missing_lookups
from bot.core.evidence.trust import describe_both_signatures
from bot.core.markdown import is_safe_url, make_console_line
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.transition import shorten_digest
from bot.model.decision import Transition
from bot.model.due_date import DueDate, DueUntil
from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.image_name import Digest
from bot.model.report import ProposalReport, RepositoryReport, RunReport, Verdict
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus, RunLevel
from bot.reports.parts.effect_lines import describe_effect, summarise_gains
from bot.reports.parts.exposure_lines import describe_urgent_exposure, render_exposures, summarise_exposures
from bot.reports.parts.failure_lines import drop_repeated_errors, render_failures
from bot.reports.parts.styled_lines import Line, Style, StyledLine, indent_line, join_blocks, join_lines
from bot.reports.parts.unread_lines import render_unread_texts, summarise_unread_texts
from bot.reports.run.folds import Fold, render_unfolded
from bot.reports.run.overview import render_overview


def is_overdue(proposal: ProposalReport) -> bool:
    """Return True if the due date of a proposal has passed."""
    return proposal.due is not None and proposal.due.is_overdue


def describe_due_date(due: DueDate) -> str:
    """Return a due date as words, such as `Merge by 2027-01-31 08:30 UTC (critical).`."""
    lead = "Overdue since" if due.is_overdue else "Running by" if due.until is DueUntil.RUNNING else "Merge by"
    return f"{lead} {due.at:%Y-%m-%d %H:%M} UTC ({due.fixes})."


def summarise_due_dates(report: RunReport) -> Iterator[str]:
    """Yield a line with the numbers of overdue proposals and of accepted risks; nothing if there are no due dates."""
    proposals = [proposal for repository in report.repositories for proposal in repository.proposals]
    due = sum(each.due is not None for each in proposals)
    accepted = sum(each.accepted_risk is not None for each in proposals)
    overdue = sum(map(is_overdue, proposals))
    unknown = sum(each.is_due_unknown for each in proposals)
    parts = [f"Overdue: {overdue} of {due} proposal{'' if due == 1 else 's'} with a due date."] if due else []
    parts += [f"Due dates not known, because scan results are missing: {unknown}."] if unknown else []
    parts += [f"Accepted risks: {accepted} declined proposal{'' if accepted == 1 else 's'}."] if accepted else []
    if parts:
        yield " ".join(parts)


_MARKS: dict[ReferenceStatus, tuple[str, Style]] = {
    ReferenceStatus.UPDATE: ("↑", Style.UPDATE),
    ReferenceStatus.UP_TO_DATE: ("✓", Style.GOOD),
    ReferenceStatus.HELD: ("‖", Style.WARNING),
    ReferenceStatus.REFUSED: ("✗", Style.BAD),
    ReferenceStatus.GONE: ("†", Style.BAD),
    ReferenceStatus.BLOCKED: ("⊘", Style.BAD),
    ReferenceStatus.SUPERSEDED: ("»", Style.WARNING),
    ReferenceStatus.SKIPPED: ("·", Style.FAINT),
    ReferenceStatus.UNRESOLVED: ("?", Style.WARNING),
    ReferenceStatus.NOT_CHECKED: ("·", Style.FAINT),
}

NO_INSTALLED_SCANNER = (
    "neither Trivy nor Grype is installed; hint: install one of them, or set `scanners: [{kind: osv}]` to send the "
    "package names of images on public registries to api.osv.dev."
)
"""The reason why nothing was scanned if the config lists no scanners."""
_OUTCOME_STYLES: dict[ProposalOutcome, Style] = {
    ProposalOutcome.OPENED: Style.GOOD,
    ProposalOutcome.REFRESHED: Style.GOOD,
    ProposalOutcome.DECLINED: Style.FAINT,
    ProposalOutcome.DEFERRED: Style.WARNING,
    ProposalOutcome.LEFT_ALONE: Style.WARNING,
    ProposalOutcome.NOT_RUNNING: Style.WARNING,
    ProposalOutcome.REFUSED: Style.BAD,
    ProposalOutcome.FAILED: Style.BAD,
}
"""The styles of unusual outcomes."""

MAX_COLUMN_WIDTH = 60
"""The maximum width of the column for references. A longer reference is not shortened."""
MAX_PROPOSAL_NOTE = 1000
"""The maximum number of characters of the note of a proposal, such as a refused label with a hint."""
MAX_NOTE_REPETITIONS = 3
"""The maximum number of image references of a repository below which the same note is repeated. If more image
references have the note, it is shown only below the first one.
"""


@dataclass(frozen=True, slots=True)
class ScanDetails:
    """How much the text output of `scan` contains."""

    is_brief: bool = False
    """True if it contains only failures, and references that need an action."""
    is_verbose: bool = False
    """True if it lists the texts that look like image references and are not read."""
    lists_exposure: bool = False
    """True if it lists the vulnerabilities of the images in use that have a fix."""
    screen_width: int | None = None
    """The width of the terminal; None for a file."""


def render_scan_text(
    report: RunReport, written_paths: Sequence[FilePath] | None, details: ScanDetails = ScanDetails()
) -> str:
    """Return the text output of `scan` without styles. `render_scan_lines` documents the parameters."""
    return join_lines(render_scan_lines(report, written_paths, details))


def render_scan_lines(report: RunReport, written_paths: Sequence[FilePath] | None, details: ScanDetails) -> list[Line]:
    """Return the text output of `scan`.

    Args:
        report: The report of one folder.
        written_paths: The files that `--write` changed; None without `--write`.
        details: How much the output contains.
    """
    report = drop_repeated_errors(report)
    (tree,) = report.repositories
    if details.is_brief:
        return join_blocks(list(_render_references(keep_actions(tree), report)), _render_failures(report))
    summary = [
        summarise_statuses(report.repositories),
        *_explain(summarise_unread_texts(report.unread_texts, is_listed=details.is_verbose)),
        *_explain(describe_gaps(report)),
        *_explain(summarise_exposures(report)),
        *_render_written(written_paths, tree),
        *_render_gains(report),
    ]
    return join_blocks(
        list(_render_references(tree, report)),
        list(render_unread_texts(report.unread_texts)) if details.is_verbose else [],
        list(render_exposures(report, details.screen_width)) if details.lists_exposure else [],
        *_explain_output(report.repositories),
        _render_failures(report),
        summary,
    )


def render_run_text(report: RunReport, fold: Fold = render_unfolded) -> str:
    """Return the text output of `run` without styles."""
    return join_lines(render_run_lines(report, fold))


def render_run_lines(
    report: RunReport, fold: Fold = render_unfolded, *, is_brief: bool = False, screen_width: int | None = None
) -> list[Line]:
    """Return the text output of `run`. If nothing was found and something failed, it contains only the failures.

    Args:
        report: The report of the run.
        fold: Renders the title and the lines of each repository, such as a collapsible section for a CI service.
        is_brief: True if the output contains only failures, and entries that need an action.
        screen_width: The width of the terminal, for which a table of all repositories is added; None for a file.
    """
    report = drop_repeated_errors(report)
    lines: list[Line] = []
    for number, repository in enumerate(report.repositories, 1):
        shown = keep_actions(repository) if is_brief else repository
        rendered = list(_render_repository(shown, report))
        if rendered or not is_brief:
            lines += fold(number, make_console_line(repository.title), rendered)
    if is_brief:
        return join_blocks(lines, _render_failures(report))
    if report.failed and not any(each.verdicts or each.unsupported for each in report.repositories):
        return [*lines, *_render_failures(report)]
    summary = [
        summarise_statuses(report.repositories),
        *_summarise_proposals(report),
        *_explain(describe_gaps(report)),
        *_explain(summarise_exposures(report)),
        *_render_gains(report),
    ]
    table = render_overview(report, screen_width) if screen_width is not None else []
    return [
        *lines,
        *join_blocks(*_explain_output(report.repositories), _render_failures(report), table, summary),
    ]


def keep_actions(repository: RepositoryReport) -> RepositoryReport:
    """Return a copy of a report with only the image references and proposals that can need an action."""
    return replace(
        repository,
        verdicts=tuple(each for each in repository.verdicts if each.status.needs_action),
        unsupported=(),
        proposals=tuple(
            each for each in repository.proposals if each.outcome is not ProposalOutcome.UNCHANGED or is_overdue(each)
        ),
    )


def _render_repository(repository: RepositoryReport, report: RunReport) -> Iterator[Line]:
    yield from (indent_line(line) for line in _render_references(repository, report) if line)
    if repository.configured_name:
        yield make_console_line(
            f"  The config still uses the name {repository.configured_name}: write its new name there."
        )
    yield from (f"  {make_console_line(line)}" for line in repository.note.splitlines())
    yield from (indent_line(line) for proposal in repository.proposals for line in _render_proposal(proposal))


def _render_references(repository: RepositoryReport, report: RunReport) -> Iterator[Line]:
    by_path: dict[FilePath, list[Verdict | UnsupportedText]] = {}
    for verdict in repository.verdicts:
        by_path.setdefault(verdict.reference.path, []).append(verdict)
    for unsupported in repository.unsupported:
        by_path.setdefault(unsupported.path, []).append(unsupported)
    width = min(
        MAX_COLUMN_WIDTH,
        max(len(_format_image(verdict)) for verdict in repository.verdicts) if repository.verdicts else 0,
    )
    rows = {
        path: [_build_row(found, width, report) for found in sorted(by_path[path], key=_get_line_number)]
        for path in sorted(by_path)
    }
    note_counts = Counter(note for found in rows.values() for row in found for note in row.notes)
    shown_texts: set[str] = set()
    for path, found in rows.items():
        yield make_console_line(path)
        for row, same in groupby(found):  # a YAML anchor and its aliases have the same output line
            is_repeated = row.line.text in shown_texts
            yield _append_count(row.short_line if is_repeated else row.line, len(list(same)))
            for note in row.notes:
                is_frequent = note_counts[note] > MAX_NOTE_REPETITIONS
                if note not in shown_texts or not (is_repeated or is_frequent):
                    yield f"{note}  ({note_counts[note]} references)" if is_frequent else note
            shown_texts.update((row.line.text, *row.notes))


@dataclass(frozen=True, slots=True)
class _ReferenceRow:
    """The output lines of an image reference, or of a text without a readable reference."""

    line: StyledLine
    short_line: StyledLine
    """The line if an earlier line of the repository has the same text. It refers to the explanation of that line."""
    notes: tuple[str, ...]


def _append_count(line: StyledLine, count: int) -> StyledLine:
    return replace(line, text=f"{line.text}  ({count} references)") if count > 1 else line


def _build_row(entry: Verdict | UnsupportedText, width: int, report: RunReport) -> _ReferenceRow:
    notes = (*_render_signatures(entry, report.evidence), *_get_notes(entry))
    line = _format_entry(entry, width, report)
    short_line = _format_entry(replace(entry, detail=""), width, None) if isinstance(entry, Verdict) else line
    if short_line != line:
        short_line = replace(short_line, text=f"{short_line.text}, as above")
    return _ReferenceRow(line, short_line, tuple(map(_format_note, notes)))


def _format_note(note: str) -> str:
    return f"{'':>7} {make_console_line(note, MAX_NOTE_LENGTH)}"


def _get_notes(entry: Verdict | UnsupportedText) -> Sequence[str]:
    return entry.notes if isinstance(entry, UnsupportedText) else entry.reference.notes


def _render_signatures(entry: Verdict | UnsupportedText, evidence: Mapping[Transition, Evidence]) -> Iterator[str]:
    """Yield a sentence that names the signers of the old and the new image, if their signatures were checked.

    Yield nothing if the image reference has no update. If the update is refused, yield nothing, too, because the reason
    for the refusal already names the signers.
    """
    if isinstance(entry, UnsupportedText) or not entry.status.is_updatable or entry.transition is None:
        return
    known = evidence.get(entry.transition)
    if known is not None and known.signatures is not None:
        yield describe_both_signatures(known.signatures)


def _get_line_number(entry: Verdict | UnsupportedText) -> int:
    return entry.line_number if isinstance(entry, UnsupportedText) else entry.reference.line_number


def _format_image(verdict: Verdict) -> str:
    image = verdict.reference.image
    return image.name + (f":{image.tag}" if image.tag else "")


def _format_entry(entry: Verdict | UnsupportedText, width: int, report: RunReport | None) -> StyledLine:
    """Return the line of a reference or text. Without a report, its effect and exposure are left out."""
    head = f"{_get_line_number(entry):>5}  "
    if isinstance(entry, UnsupportedText):
        text = make_console_line(entry.text, MAX_COLUMN_WIDTH)
        return StyledLine(head, f"! {text.ljust(width)}  {entry.reason}", Style.FAINT)
    words = f"{entry.status}"
    if entry.reason is not None:
        words += f" ({entry.reason})" + (f": {make_console_line(entry.detail)}" if entry.detail else "")
    if entry.new_digest is not None and entry.status.is_updatable:
        words = _describe_update(entry, report.evidence if report is not None else {})
    exposure = report.exposures.get(entry.in_use) if report is not None and entry.in_use is not None else None
    if exposure is not None and (exposed := describe_urgent_exposure(entry, exposure)):
        words += f"  {exposed}"
    mark, style = _MARKS[entry.status]
    return StyledLine(head, f"{mark} {_format_image(entry).ljust(width)}  {words}", style)


def _describe_update(verdict: Verdict, evidence: Mapping[Transition, Evidence]) -> str:
    """Return the old digest, the new tag (if the tag changes), the new digest, and the effect of the update."""
    pinned_digest, transition = verdict.reference.image.digest, verdict.transition
    tag = f"{transition.new_tag} " if transition is not None and transition.new_tag else ""
    old = shorten_digest(pinned_digest) if pinned_digest else "no digest"
    words = f"{old} → {tag}{shorten_digest(verdict.new_digest or Digest(''))}"
    if verdict.status is ReferenceStatus.GONE:
        words = f"{verdict.status}: {words}"
    if verdict.status is ReferenceStatus.BLOCKED:
        words = f"{verdict.status}: {f'{make_console_line(verdict.detail)}; ' if verdict.detail else ''}{words}"
    changes = describe_effect(evidence.get(transition)) if transition is not None else ""
    return f"{words}  {changes}" if changes else words


def summarise_statuses(repositories: Iterable[RepositoryReport], mark: str = " (`!`)") -> str:
    """Return a sentence with the number of image references by status.

    An example is `3 image references: 1 up-to-date, 2 update.` If there are texts that contain no readable reference, a
    second sentence has their number.

    Args:
        repositories: The repositories whose image references are counted.
        mark: The end of the second sentence. The default contains `!`, which marks texts without a readable reference
            in the text output.
    """
    statuses: Counter[ReferenceStatus] = Counter()
    unsupported, is_complete, has_repositories = 0, True, False
    for repository in repositories:
        has_repositories = True
        is_complete = is_complete and not repository.note
        statuses.update(verdict.status for verdict in repository.verdicts)
        unsupported += len(repository.unsupported)
    total = statuses.total()
    words = [f"{statuses[status]} {status}" for status in ReferenceStatus if statuses[status]]
    sentence = f"{total} image reference{'' if total == 1 else 's'}: {', '.join(words)}."
    if not total:
        sentence = "No image references were found" + ("." if is_complete else " in the files that were read.")
    if not has_repositories:
        sentence = "No repository was selected."
    if unsupported:
        texts = "text contains" if unsupported == 1 else "texts contain"
        sentence += f" {unsupported} other {texts} no readable reference{mark}."
    return sentence


def _explain_output(repositories: Sequence[RepositoryReport]) -> tuple[list[Line], list[Line]]:
    """Return a legend of the signs in the output, and explanations of reasons that have only a name in the output."""
    used_statuses = {verdict.status for repository in repositories for verdict in repository.verdicts}
    statuses_by_mark: dict[str, list[str]] = {}
    for status, (mark, _) in _MARKS.items():
        if status in used_statuses:
            statuses_by_mark.setdefault(mark, []).append(status)
    if any(repository.unsupported for repository in repositories):
        statuses_by_mark["!"] = ["no readable reference"]
    legend = ", ".join(f"{mark} {' or '.join(words)}" for mark, words in statuses_by_mark.items())
    signs: list[Line] = [StyledLine("signs  ", legend, Style.EXPLANATION)] if legend else []
    return signs, list(_explain_reasons(repositories))


def _explain_reasons(repositories: Iterable[RepositoryReport]) -> Iterator[Line]:
    """Yield a line with an explanation for each reason that the rest of the output mentions only by name."""
    used_reasons: set[Reason] = set()
    for repository in repositories:
        used_reasons.update(each.reason for each in repository.unsupported)
        used_reasons.update(each.reason for each in repository.verdicts if each.reason is not None and not each.detail)
    if used_reasons:
        width = max(map(len, used_reasons))
        for reason in Reason:
            if reason in used_reasons:
                yield StyledLine(f"{reason.ljust(width)}  ", reason.sentence, Style.EXPLANATION)


def _render_written(written_paths: Sequence[FilePath] | None, tree: RepositoryReport) -> Iterator[str]:
    if written_paths is None:
        if any(verdict.status.is_updatable for verdict in tree.verdicts):
            yield "Nothing was written; --write writes this into the files."
        return
    yield f"Wrote {len(written_paths)} file{'' if len(written_paths) == 1 else 's'}."


def _render_proposal(proposal: ProposalReport) -> Iterator[Line]:
    """Yield the outcome and the title of a proposal, then its branch, its URL and a note, as far as they exist.

    A terminal links the title, the branch and the URL to the proposal.
    """
    link = proposal.url if proposal.url is not None and is_safe_url(proposal.url) else None
    title = make_console_line(proposal.title or proposal.branch)
    yield StyledLine(f"{proposal.outcome:>13}  ", title, _OUTCOME_STYLES.get(proposal.outcome, Style.EXPLANATION), link)
    for detail in (proposal.branch if proposal.title else None, proposal.url):
        if detail:
            yield StyledLine(f"{'':>13}  ", make_console_line(detail), Style.EXPLANATION, link)
    if proposal.due is not None:
        style = Style.BAD if proposal.due.is_overdue else Style.EXPLANATION
        yield StyledLine(f"{'':>13}  ", describe_due_date(proposal.due), style)
    if proposal.accepted_risk is not None:
        yield StyledLine(f"{'':>13}  ", f"Accepted risk ({proposal.accepted_risk}).", Style.EXPLANATION)
    # The list of failures contains the note of a failure with its hint.
    if proposal.note and proposal.outcome is not ProposalOutcome.FAILED:
        yield StyledLine(f"{'':>13}  ", make_console_line(proposal.note, MAX_PROPOSAL_NOTE), Style.EXPLANATION)


def _summarise_proposals(report: RunReport) -> Iterator[str]:
    outcomes = Counter(proposal.outcome for repository in report.repositories for proposal in repository.proposals)
    if outcomes:
        words = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ProposalOutcome if outcomes[outcome])
        total = outcomes.total()
        yield f"{total} proposal{'' if total == 1 else 's'}: {words}."
        yield from summarise_due_dates(report)
    if report.level < RunLevel.PROPOSE and outcomes:
        yield f"Level {report.level.word}: no proposal was opened or changed; --level propose does this."


def describe_unscanned(report: RunReport) -> Iterator[str]:
    """Yield a sentence about the updates that were not scanned because no scanner is configured or installed.

    If the config lists no scanners, the sentence names the ways to get a scan. Yield nothing if there are no such
    updates.
    """
    outcomes = [evidence.new for evidence in report.evidence.values()]
    unscanned_count = sum(isinstance(outcome, NotScanned) and outcome.is_expected for outcome in outcomes)
    if unscanned_count:
        count = len(report.evidence)
        what = (
            "Nothing was scanned"
            if unscanned_count == count
            else f"{unscanned_count} of {count} updates were not scanned"
        )
        why = NO_INSTALLED_SCANNER if report.uses_default_scanner else f"{UnscannedReason.NO_SCANNER.sentence}."
        yield f"{what}: {why}"


def describe_unread(report: RunReport) -> Iterator[str]:
    """Yield a sentence about the base branches that the run did not read; nothing if it read all of them."""
    times = [each.read_at for each in report.repositories if each.read_at is not None]
    if times:
        yield (
            f"{len(times)} of {len(report.repositories)} base branches were not read again, because nothing changed "
            f"since the last visit. The oldest visit was on {min(times):%Y-%m-%d %H:%M} UTC."
        )


def describe_gaps(report: RunReport) -> Iterator[str]:
    """Yield sentences about visits, scans and lookups that did not take place."""
    yield from describe_unread(report)
    yield from describe_unscanned(report)
    if missing_lookups := describe_missing_lookups(report.evidence.values()):
        yield missing_lookups


def _render_gains(report: RunReport) -> Iterator[Line]:
    if gains := summarise_gains(report):
        yield StyledLine("", gains, Style.EXPLANATION)


def _explain(sentences: Iterable[str]) -> Iterator[Line]:
    return (StyledLine("", sentence, Style.EXPLANATION) for sentence in sentences)


def _render_failures(report: RunReport) -> list[Line]:
    if not report.failed:
        return []
    heading, *failures = render_failures(report.failed)
    return [StyledLine("", heading, Style.BAD), *failures]
