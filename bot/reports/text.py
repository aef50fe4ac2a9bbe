"""Renders `scan` and `run` as plain text: one image reference a line, with the reason if it is not updated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from bot.core.evidence.trust import both_spoken
from bot.core.markdown import console_line
from bot.core.notes import MAX_NOTE
from bot.core.transition import short
from bot.model.decision import Transition
from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.reference import Digest
from bot.model.report import ProposalReport, RepositoryReport, RunReport, Verdict
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import UPDATABLE_STATUSES, OccurrenceStatus, ProposalOutcome, Reason, RunLevel
from bot.reports._effect import effect
from bot.reports._failures import failure_lines
from bot.reports._repeated import said_once
from bot.reports.folds import Fold, open_fold

_MARKS: dict[OccurrenceStatus, str] = {
    OccurrenceStatus.UPDATE: "↑",
    OccurrenceStatus.UP_TO_DATE: "✓",
    OccurrenceStatus.HELD: "‖",
    OccurrenceStatus.REFUSED: "✗",
    OccurrenceStatus.GONE: "†",
    OccurrenceStatus.SUPERSEDED: "»",
    OccurrenceStatus.SKIPPED: "·",
    OccurrenceStatus.UNRESOLVED: "?",
    OccurrenceStatus.NOT_CHECKED: "·",
}

MAX_COLUMN = 60
"""Characters of a reference that widen its column; longer references do not."""


def scan_text(report: RunReport, written: Sequence[FilePath] | None, *, is_configured: bool = True) -> str:
    """Return the text output of `scan`; `written_paths` are the files that `--write` changed, else None."""
    report = said_once(report)
    (tree,) = report.repositories
    places = list(_places(tree, report.evidence))
    return "\n".join(
        [
            *places,
            *([""] if places else []),
            summary(report.repositories),
            *_written(written, tree),
            *(unscanned(report) if is_configured else _unasked(report)),
            *_explained(report.repositories),
            *_failed(report),
        ]
    )


def run_text(report: RunReport, fold: Fold = open_fold) -> str:
    """Return the text output of `run`; `fold` renders the lines of one repository."""
    report = said_once(report)
    lines: list[str] = []
    for number, repository in enumerate(report.repositories, 1):
        lines += fold(number, console_line(repository.title), list(_repository(repository, report.evidence)))
    lines.append(summary(report.repositories))
    lines += [*_proposed(report), *unscanned(report), *_explained(report.repositories), *_failed(report)]
    return "\n".join(lines)


def _repository(repository: RepositoryReport, evidence: Mapping[Transition, Evidence]) -> Iterator[str]:
    yield from (f"  {line}" for line in _places(repository, evidence) if line)
    if repository.configured_name:
        yield console_line(f"  The config calls it {repository.configured_name}: write its new name there.")
    yield from (f"  {console_line(line)}" for line in repository.note.splitlines())
    yield from (f"  {line}" for proposal in repository.proposals for line in _proposal(proposal))


def _places(repository: RepositoryReport, evidence: Mapping[Transition, Evidence]) -> Iterator[str]:
    by_path: dict[FilePath, list[Verdict | UnsupportedText]] = {}
    for verdict in repository.verdicts:
        by_path.setdefault(verdict.occurrence.path, []).append(verdict)
    for unsupported in repository.unsupported:
        by_path.setdefault(unsupported.path, []).append(unsupported)
    width = min(MAX_COLUMN, max(len(_image(verdict)) for verdict in repository.verdicts) if repository.verdicts else 0)
    for path in sorted(by_path):
        yield console_line(path)
        places = (_lines(found, width, evidence) for found in sorted(by_path[path], key=_line_number))
        for (first, *others), same in groupby(places):  # an anchor and its aliases have the same line
            count = len(list(same))
            yield first + (f"  ({count} places)" if count > 1 else "")
            yield from others


def _lines(found: Verdict | UnsupportedText, width: int, evidence: Mapping[Transition, Evidence]) -> tuple[str, ...]:
    notes = (*_signatures(found, evidence), *_notes(found))
    return _place(found, width, evidence), *(f"{'':>7} {console_line(note, MAX_NOTE)}" for note in notes)


def _notes(found: Verdict | UnsupportedText) -> Sequence[str]:
    return found.notes if isinstance(found, UnsupportedText) else found.occurrence.notes


def _signatures(found: Verdict | UnsupportedText, evidence: Mapping[Transition, Evidence]) -> Iterator[str]:
    """Yield who signed the images of an update, if the config trusts signers; a refusal says so in its reason."""
    if isinstance(found, UnsupportedText) or found.status not in UPDATABLE_STATUSES or found.transition is None:
        return
    known = evidence.get(found.transition)
    if known is not None and known.signatures is not None:
        yield both_spoken(known.signatures)


def _line_number(found: Verdict | UnsupportedText) -> int:
    return found.line_number if isinstance(found, UnsupportedText) else found.occurrence.line_number


def _image(verdict: Verdict) -> str:
    reference = verdict.occurrence.reference
    return reference.name + (f":{reference.tag}" if reference.tag else "")


def _place(found: Verdict | UnsupportedText, width: int, evidence: Mapping[Transition, Evidence]) -> str:
    number = f"{_line_number(found):>5}"
    if isinstance(found, UnsupportedText):
        text = console_line(found.text, MAX_COLUMN)
        return f"{number}  ! {text.ljust(width)}  {found.reason}"
    words = f"{found.status}"
    if found.reason is not None:
        words += f" ({found.reason})" + (f": {console_line(found.detail)}" if found.detail else "")
    if found.new_digest is not None and found.status in UPDATABLE_STATUSES:
        words = _move(found, evidence)
    return f"{number}  {_MARKS[found.status]} {_image(found).ljust(width)}  {words}"


def _move(found: Verdict, evidence: Mapping[Transition, Evidence]) -> str:
    """Describe the update and its effect."""
    held, moved = found.occurrence.reference.digest, found.transition
    tag = f"{moved.new_tag} " if moved is not None and moved.new_tag else ""
    words = f"{short(held) if held else 'no digest'} → {tag}{short(found.new_digest or Digest(''))}"
    if found.status is OccurrenceStatus.GONE:
        words = f"{found.status}: {words}"
    changes = effect(evidence.get(moved)) if moved is not None else ""
    return f"{words}  {changes}" if changes else words


def summary(repositories: Iterable[RepositoryReport], mark: str = " (`!`)") -> str:
    """Return one or two sentences that count every status; `mark` explains how texts without an image are marked."""
    statuses: Counter[OccurrenceStatus] = Counter()
    unsupported, is_whole = 0, True
    for repository in repositories:
        is_whole = is_whole and not repository.note
        statuses.update(verdict.status for verdict in repository.verdicts)
        unsupported += len(repository.unsupported)
    total = statuses.total()
    words = [f"{statuses[status]} {status}" for status in OccurrenceStatus if statuses[status]]
    sentence = f"{total} image reference{'' if total == 1 else 's'}: {', '.join(words)}."
    if not total:
        sentence = "No image references were found" + ("." if is_whole else " in what was looked at.")
    if unsupported:
        sentence += f" {unsupported} other text{' names' if unsupported == 1 else 's name'} no image as written{mark}."
    return sentence


def _explained(repositories: Iterable[RepositoryReport]) -> Iterator[str]:
    """Render once the meaning of each reason that was given without a sentence of its own."""
    given: set[Reason] = set()
    for repository in repositories:
        given.update(each.reason for each in repository.unsupported)
        given.update(each.reason for each in repository.verdicts if each.reason is not None and not each.detail)
    if given:
        width = max(map(len, given))
        yield ""
        yield from (f"{reason.ljust(width)}  {reason.sentence}" for reason in Reason if reason in given)


def _written(written: Sequence[FilePath] | None, tree: RepositoryReport) -> Iterator[str]:
    if written is None:
        if any(verdict.status in UPDATABLE_STATUSES for verdict in tree.verdicts):
            yield "Nothing was written; --write writes this into the files."
        return
    yield f"Wrote {len(written)} file{'' if len(written) == 1 else 's'}."


def _proposal(proposal: ProposalReport) -> Iterator[str]:
    title = proposal.title or proposal.branch
    yield f"{proposal.outcome:>13}  {console_line(title)}"
    for detail in (proposal.url, proposal.note):
        if detail:
            yield f"{'':>13}  {console_line(detail)}"


def _proposed(report: RunReport) -> Iterator[str]:
    outcomes = Counter(proposal.outcome for repository in report.repositories for proposal in repository.proposals)
    if outcomes:
        words = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ProposalOutcome if outcomes[outcome])
        total = outcomes.total()
        yield f"{total} proposal{'' if total == 1 else 's'}: {words}."
    if report.level < RunLevel.PROPOSE and outcomes:
        yield f"Level {report.level.word}: no request was touched; --level propose opens them."


def unscanned(report: RunReport) -> Iterator[str]:
    """Yield one sentence if images were not scanned for lack of a scanner."""
    states = [evidence.new.reason for evidence in report.evidence.values() if isinstance(evidence.new, NotScanned)]
    alone = states.count(UnscannedReason.NO_SCANNER)
    if alone:
        count = len(report.evidence)
        what = "Nothing was scanned" if alone == count else f"{alone} of {count} moves were not scanned"
        yield f"{what}: {UnscannedReason.NO_SCANNER.sentence}."


def _unasked(report: RunReport) -> Iterator[str]:
    """Yield a hint how to configure a scanner, if there is no config and nothing was scanned."""
    if any(unscanned(report)):
        yield "Nothing was scanned: a config with `scanners: [{kind: auto}]` has what a move fixes looked up."


def _failed(report: RunReport) -> Iterator[str]:
    if report.failed:
        yield ""
        yield from failure_lines(report.failed)
