"""Renders a short Markdown summary of `scan` and `run`, which CI services show with a job.

There is one function for each section of the summary. Its parameter `rows` is the maximum number of rows in a list or
table of the section.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from bot.core.markdown import Link, Plain, Text, is_safe_url, strip_ci_commands
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.transition import shorten_digest
from bot.model.image_name import ImageName
from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.vocabulary import Reason, ReferenceStatus, RunLevel
from bot.reports.parts.effect_lines import describe_effect, list_risky_proposals, summarise_run_effect
from bot.reports.parts.failure_lines import drop_repeated_errors
from bot.reports.run.report_text import (
    describe_due_date,
    describe_gaps,
    is_overdue,
    summarise_due_dates,
    summarise_statuses,
)

MAX_BYTES = 1_000_000
"""The maximum size of a summary. GitHub accepts 1 MiB from each step, and drops a larger summary completely."""
_ROW_LIMITS = (1000, 500, 200, 100, 50, 25, 10, 5, 2, 1, 0)
"""The maximum numbers of rows of each list. They are tried in this order until the summary fits."""
_BLANK_LINES = re.compile(r"\n{3,}")


def render_markdown_summary(report: RunReport) -> str:
    """Return the summary. If it is longer than `MAX_BYTES`, its lists and tables get fewer rows."""
    report = drop_repeated_errors(report)
    texts = (text for rows in _ROW_LIMITS if (text := _join_if_fitting(_render_sections(report, rows))) is not None)
    return next(texts, summarise_statuses(report.repositories, mark=""))


def _join_if_fitting(lines: Iterable[str]) -> str | None:
    """Return the lines as one text; None if they exceed `MAX_BYTES`."""
    kept_lines: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > MAX_BYTES:
            return None
        kept_lines.append(line)
    return strip_ci_commands(_BLANK_LINES.sub("\n\n", "\n".join(kept_lines)).strip())


def _render_sections(report: RunReport, rows: int) -> Iterator[str]:
    effect = summarise_run_effect(report)
    if effect:
        yield f"**{effect}**"
        yield ""
    yield (
        summarise_statuses(report.repositories, mark="")
        if effect
        else (f"**{summarise_statuses(report.repositories, mark='')}**")
    )
    yield ""
    for section in (_render_failures, _render_proposals, _render_remarks, _render_repositories, _explain_reasons):
        yield from section(report, rows)
        yield ""


def _render_failures(report: RunReport, rows: int) -> Iterator[str]:
    """Render the failures. This section comes first, because failures can make the other sections incomplete."""
    if report.failed:
        yield "### basebump could not do its work here"
        yield ""
        shown = report.failed[:rows]
        yield from (f"- {Text(each.subject)} ({each.stage}): {Text(each.error, MAX_NOTE_LENGTH)}" for each in shown)
        yield from _render_left_out(len(report.failed) - len(shown), "failures")


def _render_proposals(report: RunReport, rows: int) -> Iterator[str]:
    entries = [(tree, proposal) for tree in report.repositories for proposal in tree.proposals]
    if not entries:
        return
    risky = {id(proposal) for proposal in list_risky_proposals(report)}
    entries.sort(key=lambda entry: (id(entry[1]) not in risky, not is_overdue(entry[1])))
    yield "### Proposals"
    yield ""
    yield "| Repository | Proposal | Outcome | Note |"
    yield "|---|---|---|---|"
    shown = entries[:rows]
    for tree, proposal in shown:
        words = Plain(proposal.title or proposal.branch)
        title = Link(words, proposal.url) if proposal.url and is_safe_url(proposal.url) else words
        due = f"{describe_due_date(proposal.due)} " if proposal.due is not None else ""
        note = f"{due}{Text(proposal.note, MAX_NOTE_LENGTH) if proposal.note else ''}".rstrip()
        yield f"| {_format_repository(tree)} | {title} | {proposal.outcome} | {note} |"
    yield from _render_left_out(len(entries) - len(shown), "proposals")


def _render_remarks(report: RunReport, rows: int) -> Iterator[str]:  # noqa: ARG001 - as in other sections
    if report.level < RunLevel.PROPOSE and any(tree.proposals for tree in report.repositories):
        yield f"Level {report.level.word}: no proposal was opened or changed; `--level propose` does this."
        yield ""
    yield from summarise_due_dates(report)
    yield from describe_gaps(report)


def _render_repositories(report: RunReport, rows: int) -> Iterator[str]:
    """Render a section for each repository that has a note, or image references that need attention.

    These references are in a table that is initially collapsed.
    """
    notable = [tree for tree in report.repositories if tree.note or _list_notable(tree)]
    shown = notable[:rows]
    for tree in shown:
        yield f"### {_format_repository(tree)}"
        yield ""
        yield from (f"> {Text(line, MAX_NOTE_LENGTH)}" for line in tree.note.splitlines())
        yield from _render_references(tree, report, rows)
        yield ""
    yield from _render_left_out(len(notable) - len(shown), "repositories")


def _render_references(tree: RepositoryReport, report: RunReport, rows: int) -> Iterator[str]:
    verdicts = _list_notable(tree)
    if not verdicts:
        return
    yield ""
    yield f"<details><summary>{len(verdicts)} reference{'' if len(verdicts) == 1 else 's'}</summary>"
    yield ""
    yield "| Place | Image | Status | What |"
    yield "|---|---|---|---|"
    shown = verdicts[:rows]
    for verdict in shown:
        reference = verdict.reference
        image = ImageName(reference.image.name, reference.image.tag, None)
        position = Text(f"{reference.path}:{reference.line_number}", MAX_NOTE_LENGTH)
        yield f"| {position} | {Text(str(image))} | {_format_status(verdict)} | {_describe_update(verdict, report)} |"
    yield from _render_left_out(len(verdicts) - len(shown), "references")
    count_by_status = Counter(_format_status(verdict) for verdict in tree.verdicts if not verdict.status.needs_action)
    count_by_status.update(each.reason.value for each in tree.unsupported)
    if count_by_status:
        yield ""
        yield f"Besides: {', '.join(f'{count} {word}' for word, count in sorted(count_by_status.items()))}."
    yield ""
    yield "</details>"


def _explain_reasons(report: RunReport, rows: int) -> Iterator[str]:  # noqa: ARG001 - as in other sections
    """Render a list of explanations for the reasons that other sections of the summary mention only by name.

    These are the reasons of references that need no action, of references with an update, and of texts that do not name
    an image.
    """
    used_reasons: set[Reason | None] = set()
    for tree in report.repositories:
        used_reasons.update(each.reason for each in tree.unsupported)
        used_reasons.update(
            each.reason for each in tree.verdicts if not each.status.needs_action or each.new_digest is not None
        )
    yield from (f"- {reason}: {reason.sentence}" for reason in Reason if reason in used_reasons)


def _list_notable(tree: RepositoryReport) -> list[Verdict]:
    return [verdict for verdict in tree.verdicts if verdict.status.needs_action]


def _format_status(verdict: Verdict) -> str:
    return f"{verdict.status} ({verdict.reason})" if verdict.reason is not None else verdict.status.value


def _describe_update(verdict: Verdict, report: RunReport) -> str:
    """Describe the update and its effect on vulnerabilities, or the reason why there is no update."""
    if verdict.new_digest is None or verdict.status is ReferenceStatus.REFUSED:
        return str(Text(verdict.detail, MAX_NOTE_LENGTH)) if verdict.detail else _get_reason_sentence(verdict.reason)
    pinned_digest, transition = verdict.reference.image.digest, verdict.transition
    tag = f"{transition.new_tag} " if transition is not None and transition.new_tag else ""
    words = Text(
        f"{shorten_digest(pinned_digest) if pinned_digest else 'no digest'} → {tag}{shorten_digest(verdict.new_digest)}"
    )
    changes = describe_effect(report.evidence.get(transition)) if transition is not None else ""
    return f"{words} {changes}".rstrip()


def _get_reason_sentence(reason: Reason | None) -> str:
    return reason.sentence if reason is not None else ""


def _format_repository(tree: RepositoryReport) -> str:
    return f"{Text(tree.name)} ({Text(tree.base_branch)})" if tree.base_branch else str(Text(tree.name))


def _render_left_out(count: int, noun: str) -> Iterable[str]:
    return ("", f"{count} more {noun} do not fit here.") if count else ()
