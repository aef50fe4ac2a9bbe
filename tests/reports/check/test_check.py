"""The output of `check` in every format: its content, and the escaping of text from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.parts import ROOT
from support.runs.reports import HOSTILE, build_failure, build_verdict
from support.witnesses.sarif import read_sarif

from bot.model.check import CheckedReference, CheckReport, Violation
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import REASONS_BY_STATUS, Reason, ReferenceStatus, ViolatedRule, ViolationKind
from bot.reports.check.annotations import render_check_annotations
from bot.reports.check.check_document import render_check_document
from bot.reports.check.check_sarif import render_check_sarif
from bot.reports.check.check_text import render_check_text
from bot.reports.check.code_quality import render_check_code_quality
from bot.reports.check.junit import render_check_junit


def build_report(*references: CheckedReference, since=None, root=".", unsupported=(), failed=()) -> CheckReport:
    return CheckReport(
        root,
        is_offline=False,
        since=since,
        references=references,
        unsupported=unsupported,
        failed=failed,
        unreadable_violations=((),) * len(unsupported),
    )


def build_reference(
    *faults: ViolationKind, line_number: int = 1, message: str = "a message", **more
) -> CheckedReference:
    objections = tuple(Violation(fault, message) for fault in faults)
    notes, unevaluated_reason = more.pop("notes", ()), more.pop("unevaluated_reason", None)
    given = build_verdict(more.pop("status", ReferenceStatus.UPDATE), line_number=line_number, **more)
    return CheckedReference(given, objections, notes, unevaluated_reason)


def build_hostile_report(text: str) -> CheckReport:
    """Return a check in which every text from outside is `text`."""
    references = (
        build_reference(
            ViolationKind.POLICY, ViolationKind.STALE, path=text, locator=text, message=text, notes=(text,)
        ),
        build_reference(
            status=ReferenceStatus.SKIPPED,
            reason=Reason.IGNORED,
            path=text,
            detail=text,
            line_number=2,
            unevaluated_reason=Reason.IGNORED,
        ),
    )
    unread = tuple(
        UnsupportedText(FilePath(text), 1, text, reason, notes=(text,))
        for reason in (Reason.UNPARSABLE, Reason.MALFORMED)
    )
    return build_report(*references, since=text, root=text, unsupported=unread, failed=[build_failure(text, text)])


def test_text_of_check_sorts_findings_by_file_and_line_and_counts_each_kind():
    text = render_check_text(
        build_report(
            build_reference(ViolationKind.GONE, line_number=9),
            build_reference(ViolationKind.POLICY, ViolationKind.STALE),
            build_reference(line_number=2),
        )
    )
    assert text.splitlines() == [
        "Dockerfile:1: policy: a message",
        "Dockerfile:1: stale: a message",
        "Dockerfile:9: gone: a message",
        "",
        "3 image references: 3 pinned, 0 unpinned.",
        "3 findings: 1 gone, 1 policy, 1 stale.",
    ]


def test_text_of_check_lists_failures_before_the_summary():
    text = render_check_text(build_report(failed=[build_failure(), build_failure("ghcr.io")]))
    assert text.splitlines() == [
        "basebump could not do its work here:",
        "  docker.io (resolve): no answer",
        "  ghcr.io (resolve): no answer",
        "",
        "0 image references: 0 pinned, 0 unpinned.",
        "No findings, but not everything was evaluated: 2 failures.",
    ]


def test_sarif_of_check_has_result_for_each_violation_and_notification_for_notes():
    references = [
        build_reference(fault, line_number=line, notes=("a note",)) for line, fault in enumerate(ViolationKind, 1)
    ]
    (run,) = read_sarif(render_check_sarif(build_report(*references, failed=[build_failure()])))
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("unpinned", "warning"),
        ("gone", "error"),
        ("blocked", "error"),
        ("policy", "error"),
        ("stale", "warning"),
        ("exposed", "error"),
        ("not-evaluated", "warning"),
    ]
    said = [each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]]
    assert said == ["docker.io: no answer", *(f"Dockerfile:{line}: a note" for line in range(1, 8))]


def test_each_violation_of_one_reference_has_separate_sarif_result():
    broken = tuple(Violation(ViolationKind.POLICY, "a message", breach) for breach in ViolatedRule)
    found = build_report(CheckedReference(build_verdict(ReferenceStatus.UP_TO_DATE), broken))
    (run,) = read_sarif(render_check_sarif(found))
    assert [each["ruleId"] for each in run["results"]] == [f"policy/{breach}" for breach in ViolatedRule]
    titles = {rule["id"]: rule["shortDescription"]["text"] for rule in run["tool"]["driver"]["rules"]}
    assert titles == {f"policy/{breach}": breach.sentence for breach in ViolatedRule}
    assert len({each["partialFingerprints"]["basebump/v1"] for each in run["results"]}) == len(ViolatedRule)
    issues = json.loads(render_check_code_quality(found))
    assert len({each["fingerprint"] for each in issues}) == len(ViolatedRule)
    assert [each["check_name"] for each in issues] == [f"basebump/policy/{breach}" for breach in ViolatedRule]


def test_check_annotates_findings_and_failures_as_errors_and_notes_as_notices():
    text = render_check_annotations(
        build_report(
            build_reference(ViolationKind.GONE, path="a,b:c/100%", notes=("a note",)), failed=[build_failure()]
        )
    )
    assert text.splitlines() == [
        "::error file=a%2Cb%3Ac/100%25,line=1,title=basebump%3A gone::a message",
        "::notice file=a%2Cb%3Ac/100%25,line=1,title=basebump::a note",
        "::error title=basebump%3A resolve::docker.io: no answer",
        "1 image reference: 1 pinned, 0 unpinned.",
        "1 finding: 1 gone. Not everything was evaluated: 1 failure.",
    ]


def test_equal_findings_on_one_line_have_only_one_annotation():
    found = build_report(
        build_reference(ViolationKind.GONE, locator="a"), build_reference(ViolationKind.GONE, locator="b")
    )
    assert render_check_annotations(found).count("::error") == 1
    assert len(json.loads(render_check_code_quality(found))) == 2


def test_junit_of_check_has_test_case_for_each_reference_and_failure():
    statuses = [(status, next(iter(REASONS_BY_STATUS[status]), None)) for status in ReferenceStatus]
    references = [
        build_reference(status=status, reason=reason, line_number=line)
        for line, (status, reason) in enumerate(statuses, 1)
    ]
    (suite,) = ET.fromstring(
        render_check_junit(
            build_report(
                *references, build_reference(ViolationKind.GONE, ViolationKind.POLICY), failed=[build_failure()]
            )
        )
    )
    tags = [[each.tag for each in case] for case in suite.iter("testcase")]
    assert tags == [
        *([["skipped"] if status is ReferenceStatus.UNRESOLVED else [] for status in ReferenceStatus]),
        ["failure"],
        ["error"],
    ]
    (failed,) = suite.iter("failure")
    assert failed.get("type") == "gone, policy"
    assert failed.text == "Dockerfile:1: gone: a message\nDockerfile:1: policy: a message"
    counts = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": str(len(tags)), "failures": "1", "errors": "1", "skipped": "1"}


def test_text_of_check_escapes_ci_commands_in_untrusted_text():
    lines = render_check_text(build_hostile_report(HOSTILE)).splitlines()
    assert not [line for line in lines if line.startswith("::") or "##[" in line or "\x1b" in line]
    assert len(lines) == 18
    assert render_check_text(build_report(build_reference(ViolationKind.GONE, path="::error file=x"))).startswith(
        ": :error file=x:1: gone: "
    )


def test_messages_in_sarif_of_check_are_sentences_about_problem_and_remedy():
    violations = (
        Violation(ViolationKind.UNPINNED, "node:22 has no digest", remedy="basebump scan . --write pins it"),
        Violation(ViolationKind.POLICY, "node:22 is bad", ViolatedRule.SIGNATURE, remedy="write another one"),
        Violation(ViolationKind.GONE, "node:22 is gone"),
    )
    found = build_report(CheckedReference(build_verdict(ReferenceStatus.UPDATE), violations))
    (run,) = read_sarif(render_check_sarif(found))
    assert {result["message"]["text"] for result in run["results"]} == {
        "node:22 has no digest. basebump scan . --write pins it.",
        "node:22 is bad. Write another one.",
        "node:22 is gone.",
    }
    scores = {
        rule["id"]: rule.get("properties", {}).get("security-severity") for rule in run["tool"]["driver"]["rules"]
    }
    assert scores == {"unpinned": "4.0", "policy/signature": "7.0", "gone": None}


def test_sarif_of_check_links_to_repository_from_which_basebump_was_installed(tmp_path):
    folder = tmp_path / "packages" / "basebump-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: basebump\nVersion: 1\n")
    record = {"url": "https://github.com/acme/basebump.git", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}}
    (folder / "direct_url.json").write_text(json.dumps(record))
    (tmp_path / "Dockerfile").write_text("FROM node:22\n")
    command = [sys.executable, "-m", "bot", "check", str(tmp_path), "--offline", "--no-config", "--format", "sarif"]
    environment = os.environ | {"PYTHONPATH": str(folder.parent)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    (run,) = read_sarif(done.stdout)
    driver = run["tool"]["driver"]
    assert driver["informationUri"] == "https://github.com/acme/basebump"
    page = f"https://github.com/acme/basebump/blob/{'a' * 40}/docs/check.md#findings"
    assert [rule["helpUri"] for rule in driver["rules"]] == [page]


def test_sarif_of_check_escapes_untrusted_text():
    (run,) = read_sarif(render_check_sarif(build_hostile_report(HOSTILE)))
    said = [*run["results"], *run["invocations"][0]["toolExecutionNotifications"]]
    assert any("evil.example" in each["message"]["text"] for each in said)
    for each in said:
        assert not set(each["message"]["text"]) & set("[]{}\\\n\x1b")


CHECK_RENDERERS = (
    render_check_annotations,
    render_check_code_quality,
    render_check_document,
    render_check_junit,
    render_check_sarif,
    render_check_text,
)


@pytest.mark.parametrize("render", CHECK_RENDERERS)
@pytest.mark.parametrize("command", ["##vso[task.setvariable variable=x]y", "##[command]x"])
def test_output_of_check_contains_no_ci_commands_in_the_middle_of_a_line(render, command):
    text = render(build_hostile_report(command))
    assert "##[" not in text
    assert "##vso[" not in text


@given(st.text(st.characters(), max_size=40) | st.sampled_from([HOSTILE, "]]>", "\ufffe", "\0", "\ud800", "--><x/>"]))
def test_every_output_format_of_check_stays_valid_with_any_untrusted_text(text):
    found = build_hostile_report(text)
    (suite,) = ET.fromstring(render_check_junit(found))
    tags = [[each.tag for each in case] for case in suite.iter("testcase")]
    assert tags == [["failure", "system-out"], ["skipped"], ["skipped"], ["skipped"], ["error"]]
    assert render_check_junit(found).isascii()
    assert [each["finding"] for each in json.loads(render_check_document(found))["findings"]] == ["policy", "stale"]
    assert len(json.loads(render_check_sarif(found))["runs"][0]["results"]) == 2
    lines = render_check_text(found).split("\n")
    assert lines[4] == ""
    annotations = render_check_annotations(found).split("\n")
    assert [re.match(r"::[a-z]+ |2 (findings|image)", each)[0] for each in annotations] == [
        *("::error ", "::error ", *["::notice "] * 4, "::error ", "2 image", "2 findings")
    ]
    assert [each["severity"] for each in json.loads(render_check_code_quality(found))] == ["critical", "minor", "info"]
    assert lines[-1].startswith("2 findings: 1 policy, 1 stale. Not everything was evaluated: ")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", "\n".join(lines))


@pytest.mark.parametrize(
    "write", [render_check_text, render_check_junit, render_check_annotations], ids=lambda write: write.__name__
)
def test_check_output_shortens_long_untrusted_text(write):
    assert len(write(build_hostile_report("x" * 100_000))) < 25_000
