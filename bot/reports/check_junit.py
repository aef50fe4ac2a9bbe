"""Renders `check` as JUnit XML, which CI services show as tests.

There is one test case for each image reference and for each failure. https://github.com/testmoapp/junitxml describes
the subset of the format that most services read.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bot.core.markdown import make_console_line
from bot.model.check import CheckedOccurrence, CheckReport
from bot.model.report import RunFailure
from bot.model.vocabulary import OccurrenceStatus

MAX_MESSAGE = 600
"""The maximum number of characters of an attribute."""


def render_check_junit(report: CheckReport) -> str:
    """Return the output of `check --format junit` in ASCII."""
    cases = [*map(_render_case, report.occurrences), *map(_render_failed_case, report.failed)]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": len(report.failed),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    attributes = {key: str(count) for key, count in counts.items()}
    root = ET.Element("testsuites", {"name": "basebump check", **attributes})
    suite = ET.SubElement(root, "testsuite", {"name": "basebump check", **attributes})
    suite.extend(cases)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return document.decode("ascii")


def _render_case(checked: CheckedOccurrence) -> ET.Element:
    occurrence, verdict = checked.verdict.occurrence, checked.verdict
    name = f"{occurrence.reference} (line {occurrence.line_number}, {occurrence.locator})"
    case = ET.Element("testcase", {"classname": _shorten(occurrence.path), "name": _shorten(name)})
    case.attrib |= {"file": _shorten(occurrence.path), "line": str(occurrence.line_number)}
    if checked.violations:
        messages = [_shorten(f"{each.kind}: {each.message}") for each in checked.violations]
        kind = ", ".join(each.code for each in checked.violations)
        failure = ET.SubElement(case, "failure", {"message": "; ".join(messages), "type": kind})
        failure.text = "\n".join(f"{_shorten(occurrence.path)}:{occurrence.line_number}: {each}" for each in messages)
    elif verdict.status is OccurrenceStatus.SKIPPED:
        why = verdict.detail or (verdict.reason.sentence if verdict.reason is not None else "")
        ET.SubElement(case, "skipped", {"message": _shorten(f"{verdict.reason}: {why}")})
    if checked.notes:
        ET.SubElement(case, "system-out").text = "\n".join(map(_shorten, checked.notes))
    return case


def _render_failed_case(failure: RunFailure) -> ET.Element:
    case = ET.Element("testcase", {"classname": failure.stage.value, "name": _shorten(failure.subject)})
    ET.SubElement(case, "error", {"message": _shorten(failure.error), "type": failure.stage.value})
    return case


def _shorten(text: str) -> str:
    """Return the text with limited length, and without the control characters that XML does not allow."""
    return make_console_line(text, MAX_MESSAGE)
