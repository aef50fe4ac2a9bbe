"""Renders the output of `doctor`: one line for each check."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from bot.core.markdown import describe_rest, make_console_line
from bot.model.diagnosis import CheckStatus, Diagnosis
from bot.model.errors import HINT_SEPARATOR
from bot.model.report import SCHEMA
from bot.reports.parts.json_text import render_json
from bot.reports.parts.styled_lines import Line, Style, StyledLine, join_blocks, join_lines

_MARKS: dict[CheckStatus, tuple[str, Style]] = {
    CheckStatus.OK: ("✓", Style.GOOD),
    CheckStatus.UNKNOWN: ("!", Style.WARNING),
    CheckStatus.INCOMPLETE: ("?", Style.BAD),
    CheckStatus.PROBLEM: ("✗", Style.BAD),
}
_MEANINGS: dict[CheckStatus, str] = {
    CheckStatus.OK: "works",
    CheckStatus.UNKNOWN: "cannot tell",
    CheckStatus.INCOMPLETE: "not completed",
    CheckStatus.PROBLEM: "problem",
}

INCOMPLETE_HEADING = "could not be completed"

MAX_SUBJECTS = 3
"""The maximum number of subjects that one line names. `--format json` contains all subjects."""
MAX_LINE = 1000
"""The maximum number of characters of a line. Texts from servers have already been shortened."""


def render_diagnosis_text(diagnosis: Diagnosis) -> str:
    """Return the text output of `doctor` without styles. `render_diagnosis_lines` describes it."""
    return join_lines(render_diagnosis_lines(diagnosis))


def render_diagnosis_lines(diagnosis: Diagnosis, *, is_brief: bool = False) -> list[Line]:
    """Return the text output of `doctor`: a line with the status, subject, action and result of each check.

    Checks of one area with the same status, action and result share a line, which names their first subjects. Checks
    that could not be completed are in a group at the end. If `is_brief` is true, only checks that did not pass are
    returned.
    """
    if is_brief:
        failing = tuple((area, check) for area, check in diagnosis.checks if check.status is not CheckStatus.OK)
        return list(_render_checks(replace(diagnosis, checks=failing)))
    summary = (*_explain_marks({check.status for _, check in diagnosis.checks}), _summarise(diagnosis))
    return join_blocks(list(_render_checks(diagnosis)), summary)


def render_diagnosis_document(diagnosis: Diagnosis) -> str:
    """Return the output of `doctor --format json`."""
    checks = [
        {
            "area": area.value,
            "subject": check.subject,
            "tried": check.action,
            "mark": check.status.value,
            "found": check.result,
        }
        for area, check in diagnosis.checks
    ]
    return render_json({"schema": SCHEMA, "level": diagnosis.level.word, "checks": checks})


def _render_checks(diagnosis: Diagnosis) -> Iterator[Line]:
    subjects: dict[str, dict[tuple[CheckStatus, str, str], list[str]]] = {}
    for area, check in sorted(diagnosis.checks, key=lambda each: each[1].status is CheckStatus.INCOMPLETE):
        heading = INCOMPLETE_HEADING if check.status is CheckStatus.INCOMPLETE else area.value
        group = subjects.setdefault(heading, {}).setdefault((check.status, check.action, check.result), [])
        group.append(check.subject)
    for heading, groups in subjects.items():
        yield heading
        for (status, action, result), names in groups.items():
            yield from _render_group(status, f"{_join_subjects(names)}: {action}", result)


def _render_group(status: CheckStatus, checked: str, result: str) -> Iterator[Line]:
    mark, style = _MARKS[status]
    found, *hints = make_console_line(f"{checked}: {result}", MAX_LINE).split(HINT_SEPARATOR)
    yield StyledLine(f"  {mark} ", found, style)
    yield from (f"    hint: {hint}" for hint in hints)


def _join_subjects(subjects: Sequence[str]) -> str:
    """Return the subjects of one line: up to MAX_SUBJECTS names, and the number of further subjects."""
    return f"{', '.join(subjects[:MAX_SUBJECTS])} {describe_rest(len(subjects), MAX_SUBJECTS)}".rstrip()


def _explain_marks(statuses: Collection[CheckStatus]) -> Iterator[str]:
    if statuses:
        yield "signs: " + ", ".join(f"{_MARKS[each][0]} {_MEANINGS[each]}" for each in CheckStatus if each in statuses)


def _summarise(diagnosis: Diagnosis) -> str:
    """Return a sentence with the numbers of checks by result. They add up to the number of all checks."""
    count = len(diagnosis.checks)
    numbers = (
        (diagnosis.count(CheckStatus.PROBLEM), "found a problem"),
        (diagnosis.count(CheckStatus.OK), "passed"),
        (diagnosis.count(CheckStatus.UNKNOWN), "had no clear result"),
        (diagnosis.count(CheckStatus.INCOMPLETE), "could not be completed"),
    )
    words = [f"{number} {what}" for number, what in numbers if number]
    checks = f"{count} {'check' if count == 1 else 'checks'} for runs at the level {diagnosis.level.word}"
    return f"{checks}: {', '.join(words)}."
