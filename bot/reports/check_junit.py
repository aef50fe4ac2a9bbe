"""Renders `check` as JUnit XML, which CI services show as tests: one case for each image reference and each failure.

https://github.com/testmoapp/junitxml describes the common subset of readers.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bot.core.markdown import console_line
from bot.model.check import CheckedOccurrence, CheckReport
from bot.model.report import RunFailure
from bot.model.vocabulary import OccurrenceStatus

MAX_MESSAGE = 600
"""Characters of one attribute."""


def check_junit(report: CheckReport) -> str:
    """Return the output of `check --format junit`, in ASCII."""
    cases = [*map(_case, report.occurrences), *map(_broken, report.failed)]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": len(report.failed),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    written = {key: str(count) for key, count in counts.items()}
    root = ET.Element("testsuites", {"name": "basebump check", **written})
    suite = ET.SubElement(root, "testsuite", {"name": "basebump check", **written})
    suite.extend(cases)
    ET.indent(root)
    written_out: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return written_out.decode("ascii")


def _case(place: CheckedOccurrence) -> ET.Element:
    where, verdict = place.verdict.occurrence, place.verdict
    name = f"{where.reference} (line {where.line_number}, {where.locator})"
    case = ET.Element("testcase", {"classname": _text(where.path), "name": _text(name)})
    case.attrib |= {"file": _text(where.path), "line": str(where.line_number)}
    if place.violations:
        messages = [_text(f"{each.kind}: {each.message}") for each in place.violations]
        kind = ", ".join(each.code for each in place.violations)
        failure = ET.SubElement(case, "failure", {"message": "; ".join(messages), "type": kind})
        failure.text = "\n".join(f"{_text(where.path)}:{where.line_number}: {each}" for each in messages)
    elif verdict.status is OccurrenceStatus.SKIPPED:
        why = verdict.detail or (verdict.reason.sentence if verdict.reason is not None else "")
        ET.SubElement(case, "skipped", {"message": _text(f"{verdict.reason}: {why}")})
    if place.notes:
        ET.SubElement(case, "system-out").text = "\n".join(map(_text, place.notes))
    return case


def _broken(failed: RunFailure) -> ET.Element:
    case = ET.Element("testcase", {"classname": failed.stage.value, "name": _text(failed.subject)})
    ET.SubElement(case, "error", {"message": _text(failed.error), "type": failed.stage.value})
    return case


def _text(said: str) -> str:
    """Return a text without the control characters that XML does not allow."""
    return console_line(said, MAX_MESSAGE)
