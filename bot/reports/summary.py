"""Renders a short Markdown summary of `scan` and `run`, which CI services show beside a job.

There is one function for each section.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from bot.core.markdown import Text, linked, without_commands
from bot.core.notes import MAX_NOTE
from bot.core.transition import short
from bot.model.reference import ImageReference
from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.vocabulary import OccurrenceStatus, Reason, RunLevel
from bot.reports._effect import effect
from bot.reports._repeated import said_once
from bot.reports.text import summary, unscanned

MAX_BYTES = 1_000_000
"""GitHub accepts 1 MiB from each step, and drops a larger summary completely."""
_ROWS = (1000, 500, 200, 100, 50, 25, 10, 5, 2, 1, 0)
"""Numbers of rows in each list, tried in turn until the summary fits."""
_BLANK_LINES = re.compile(r"\n{3,}")
_QUIET = frozenset({OccurrenceStatus.UP_TO_DATE, OccurrenceStatus.SKIPPED, OccurrenceStatus.NOT_CHECKED})
"""Statuses that need no action; their references are only counted."""


def report_markdown(report: RunReport) -> str:
    """Return the summary with as many rows as fit."""
    report = said_once(report)
    fitting = (text for rows in _ROWS if (text := _fitted(_sections(report, rows))) is not None)
    return next(fitting, summary(report.repositories, mark=""))


def _fitted(lines: Iterable[str]) -> str | None:
    """Return the lines as one text; None as soon as they exceed `MAX_BYTES`."""
    taken: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > MAX_BYTES:
            return None
        taken.append(line)
    return without_commands(_BLANK_LINES.sub("\n\n", "\n".join(taken)).strip())


def _sections(report: RunReport, rows: int) -> Iterator[str]:
    yield f"**{summary(report.repositories, mark='')}**"
    yield ""
    for section in (_failed, _proposals, _remarks, _repositories, _explained):
        yield from section(report, rows)
        yield ""


def _failed(report: RunReport, rows: int) -> Iterator[str]:
    """Render the failures section; it comes first, since the other sections miss what failed."""
    if report.failed:
        yield "### basebump could not do its work here"
        yield ""
        shown = report.failed[:rows]
        yield from (f"- {Text(each.subject)} ({each.stage}): {Text(each.error, MAX_NOTE)}" for each in shown)
        yield from _left_out(len(report.failed) - len(shown), "failures")


def _proposals(report: RunReport, rows: int) -> Iterator[str]:
    found = [(tree, proposal) for tree in report.repositories for proposal in tree.proposals]
    if not found:
        return
    yield "### Proposals"
    yield ""
    yield "| Repository | Proposal | Outcome | Note |"
    yield "|---|---|---|---|"
    shown = found[:rows]
    for tree, proposal in shown:
        title = linked(proposal.title or proposal.branch, proposal.url)
        note = Text(proposal.note, MAX_NOTE) if proposal.note else ""
        yield f"| {_named(tree)} | {title} | {proposal.outcome} | {note} |"
    yield from _left_out(len(found) - len(shown), "proposals")


def _remarks(report: RunReport, rows: int) -> Iterator[str]:  # noqa: ARG001 - a section like the others
    if report.level < RunLevel.PROPOSE and any(tree.proposals for tree in report.repositories):
        yield f"Level {report.level.word}: no request was touched; `--level propose` opens them."
        yield ""
    yield from unscanned(report)


def _repositories(report: RunReport, rows: int) -> Iterator[str]:
    """Render the references that need attention, folded, for each repository."""
    telling = [tree for tree in report.repositories if tree.note or _telling(tree)]
    shown = telling[:rows]
    for tree in shown:
        yield f"### {_named(tree)}"
        yield ""
        yield from (f"> {Text(line, MAX_NOTE)}" for line in tree.note.splitlines())
        yield from _places(tree, report, rows)
        yield ""
    yield from _left_out(len(telling) - len(shown), "repositories")


def _places(tree: RepositoryReport, report: RunReport, rows: int) -> Iterator[str]:
    found = _telling(tree)
    if not found:
        return
    yield ""
    yield f"<details><summary>{len(found)} place{'' if len(found) == 1 else 's'}</summary>"
    yield ""
    yield "| Place | Image | Status | What |"
    yield "|---|---|---|---|"
    shown = found[:rows]
    for verdict in shown:
        place = verdict.occurrence
        image = ImageReference(place.reference.name, place.reference.tag, None)
        at = Text(f"{place.path}:{place.line_number}", MAX_NOTE)
        yield f"| {at} | {Text(str(image))} | {_word(verdict)} | {_what(verdict, report)} |"
    yield from _left_out(len(found) - len(shown), "places")
    quiet = Counter(_word(verdict) for verdict in tree.verdicts if verdict.status in _QUIET)
    quiet.update(each.reason.value for each in tree.unsupported)
    if quiet:
        yield ""
        yield f"Besides: {', '.join(f'{count} {word}' for word, count in sorted(quiet.items()))}."
    yield ""
    yield "</details>"


def _explained(report: RunReport, rows: int) -> Iterator[str]:  # noqa: ARG001 - a section like the others
    """Render the meaning of reasons that have no sentence beside them: those only counted, and those of updates."""
    given: set[Reason | None] = set()
    for tree in report.repositories:
        given.update(each.reason for each in tree.unsupported)
        given.update(each.reason for each in tree.verdicts if each.status in _QUIET or each.new_digest is not None)
    yield from (f"- {reason}: {reason.sentence}" for reason in Reason if reason in given)


def _telling(tree: RepositoryReport) -> list[Verdict]:
    return [verdict for verdict in tree.verdicts if verdict.status not in _QUIET]


def _word(verdict: Verdict) -> str:
    return f"{verdict.status} ({verdict.reason})" if verdict.reason is not None else verdict.status.value


def _what(verdict: Verdict, report: RunReport) -> str:
    """Describe the update and its effect, or why there is none."""
    if verdict.new_digest is None or verdict.status is OccurrenceStatus.REFUSED:
        return str(Text(verdict.detail, MAX_NOTE)) if verdict.detail else _sentence(verdict.reason)
    held, moved = verdict.occurrence.reference.digest, verdict.transition
    tag = f"{moved.new_tag} " if moved is not None and moved.new_tag else ""
    words = Text(f"{short(held) if held else 'no digest'} → {tag}{short(verdict.new_digest)}")
    changes = effect(report.evidence.get(moved)) if moved is not None else ""
    return f"{words} {changes}".rstrip()


def _sentence(reason: Reason | None) -> str:
    return reason.sentence if reason is not None else ""


def _named(tree: RepositoryReport) -> str:
    return f"{Text(tree.name)} ({Text(tree.base_branch)})" if tree.base_branch else str(Text(tree.name))


def _left_out(count: int, what: str) -> Iterable[str]:
    return ("", f"{count} more {what} do not fit here.") if count else ()
