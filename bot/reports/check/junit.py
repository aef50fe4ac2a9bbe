"""Renders `check` as JUnit XML, which CI services show as tests.

There is one test case for each image reference, for each text without a readable reference, and for each failure.
https://github.com/testmoapp/junitxml describes the subset of the format that most services read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from bot.core.markdown import make_console_line
from bot.model.check import CheckCounts, CheckedReference, CheckReport, Violation
from bot.model.report import RunFailure
from bot.model.vocabulary import Reason

MAX_MESSAGE = 600
"""The maximum number of characters of an attribute."""


def render_check_junit(report: CheckReport) -> str:
    """Return the output of `check --format junit` in ASCII. The counts are properties of the test suite.

    A reference or text that was not evaluated is a skipped test, so that it does not count as a passed test.
    """
    unreadable = _list_unreadable_cases(report)
    cases = [*map(_render_case, report.references), *unreadable, *map(_render_failed_case, report.failed)]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": len(report.failed),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    attributes = {key: str(count) for key, count in counts.items()}
    root = ET.Element("testsuites", {"name": "basebump check", **attributes})
    suite = ET.SubElement(root, "testsuite", {"name": "basebump check", **attributes})
    suite.append(_render_properties(report.counts))
    suite.extend(cases)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return document.decode("ascii")


def _render_properties(counts: CheckCounts) -> ET.Element:
    """Return the counts as properties.

    There is one property for each reason for which references were not evaluated.
    """
    values = {
        "found": counts.found,
        "pinned": counts.pinned,
        "unpinned": counts.unpinned,
        **{f"not_evaluated.{reason}": count for reason, count in counts.not_evaluated.items()},
        "unresolved": counts.unresolved,
        "unreadable": counts.unreadable,
        "unread_texts": counts.unread_texts,
    }
    properties = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": str(value)})
    return properties


def _render_case(checked: CheckedReference) -> ET.Element:
    reference, verdict = checked.verdict.reference, checked.verdict
    name = f"{reference.image} (line {reference.line_number}, {reference.locator})"
    case = _build_case(reference.path, reference.line_number, name)
    if checked.violations:
        _add_failure(case, checked.violations, reference.path, reference.line_number)
    elif checked.unevaluated_reason is not None or checked.is_unresolved:
        _add_skipped(case, checked.unevaluated_reason or verdict.reason, verdict.detail)
    if checked.notes:
        ET.SubElement(case, "system-out").text = "\n".join(map(_shorten, checked.notes))
    return case


def _list_unreadable_cases(report: CheckReport) -> Iterator[ET.Element]:
    for unreadable, violations in zip(report.unsupported, report.unreadable_violations, strict=True):
        name = f"{unreadable.text} (line {unreadable.line_number})"
        case = _build_case(unreadable.path, unreadable.line_number, name)
        if violations:
            _add_failure(case, violations, unreadable.path, unreadable.line_number)
        else:
            _add_skipped(case, unreadable.reason)
        yield case


def _build_case(path: str, line_number: int, name: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": _shorten(path), "name": _shorten(name)})
    case.attrib |= {"file": _shorten(path), "line": str(line_number)}
    return case


def _add_skipped(case: ET.Element, reason: Reason | None, detail: str = "") -> None:
    """Mark a test as skipped.

    The message contains the reason, its sentence or `detail`, and the next step if there is one.
    """
    message = detail if reason is None else f"{reason}: {detail or reason.sentence}"
    hint = f" hint: {step}" if reason is not None and (step := reason.facts.next_step) else ""
    ET.SubElement(case, "skipped", {"message": _shorten(f"{message}{hint}")})


def _add_failure(case: ET.Element, violations: Sequence[Violation], path: str, line_number: int) -> None:
    messages = [_shorten(f"{each.kind}: {each.message}") for each in violations]
    kind = ", ".join(each.code for each in violations)
    failure = ET.SubElement(case, "failure", {"message": "; ".join(messages), "type": kind})
    failure.text = "\n".join(f"{_shorten(path)}:{line_number}: {each}" for each in messages)


def _render_failed_case(failure: RunFailure) -> ET.Element:
    case = ET.Element("testcase", {"classname": failure.stage.value, "name": _shorten(failure.subject)})
    ET.SubElement(case, "error", {"message": _shorten(failure.error), "type": failure.stage.value})
    return case


def _shorten(text: str) -> str:
    """Return the text with limited length, and without the control characters that XML does not allow."""
    return make_console_line(text, MAX_MESSAGE)
