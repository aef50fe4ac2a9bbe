"""Reports of `scan` and `run` as SARIF."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from support.parts import ROOT
from support.runs.reports import (
    HOSTILE,
    MOVED,
    build_failure,
    build_hostile_report,
    build_repository,
    build_run_report,
    build_unsupported_text,
    build_update,
    build_verdict,
)
from support.values import digest, finding, scan
from support.witnesses.sarif import read_sarif

from bot.core.evidence.compare import compare_scans
from bot.core.transition import shorten_digest
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.vocabulary import REASONS_BY_STATUS, Reason, ReferenceStatus
from bot.reports.run.report_sarif import LEVELS, render_report_sarif


def index_results(run):
    return {result["ruleId"]: result for result in run["results"]}


def test_sarif_results_are_only_references_that_need_action_or_are_rejected():
    statuses = {status: next(iter(REASONS_BY_STATUS[status]), None) for status in ReferenceStatus}
    references = [
        build_verdict(status, reason, line_number=line) for line, (status, reason) in enumerate(statuses.items(), 1)
    ]
    unknown = compare_scans(scan(), NotScanned(UnscannedReason.FAILED))
    report = build_run_report(build_repository(*references, unsupported=(build_unsupported_text(),)), evidence=unknown)
    (run,) = read_sarif(render_report_sarif(report))
    levels = {rule: result["level"] for rule, result in index_results(run).items()}
    assert levels == {
        "update": "warning",
        "held/index-churn": "note",
        "refused/" + REASONS_BY_STATUS[ReferenceStatus.REFUSED][0]: "warning",
        "gone/digest-gone": "error",
        "blocked/digest-blocked": "error",
        "superseded/tag-stopped": "warning",
    }


def test_sarif_result_of_update_has_location_digests_and_effect():
    (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(build_update(line_number=7)))))
    (result,) = run["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {"uri": "Dockerfile", "uriBaseId": "%SRCROOT%"}
    assert location["physicalLocation"]["region"] == {"startLine": 7}
    old, new = shorten_digest(digest("old")), shorten_digest(digest("new"))
    said = f"node:22 can be updated from {old} to {new}. The update fixes 1 (1 critical), adds none."
    assert result["message"]["text"] == f"{said} 1 vulnerability remains."
    assert result["properties"]["evidence"]["fixed"] == {"critical": 1, "high": 0, "medium": 0, "low": 0, "unknown": 0}


def test_sarif_result_of_held_or_superseded_reference_has_reason():
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, detail="It is a day old.")
    over = build_verdict(ReferenceStatus.SUPERSEDED, Reason.TAG_STOPPED, line_number=2, successor="24")
    unpinned = build_update(written="node:22", line_number=3)
    (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(held, over, unpinned))))
    waits, ended, pinned = (result["message"]["text"] for result in run["results"])
    assert waits == f"node:22: {Reason.TOO_YOUNG.sentence} It is a day old."
    assert ended == f"node:22: {Reason.TAG_STOPPED.sentence} Its successor is 24."
    new = shorten_digest(digest("new"))
    assert pinned.startswith(f"node:22 is not pinned by digest. An update pins it to {new}. The update fixes")


@pytest.mark.parametrize(
    ("fixed", "exploited_ids", "rule_id", "level", "score"),
    [
        ([Severity.LOW], {"CVE-1900-0000"}, "update/exploited", "error", "10.0"),
        ([Severity.HIGH, Severity.CRITICAL], set(), "update/critical", "error", "9.0"),
        ([Severity.HIGH], set(), "update/high", "warning", "7.0"),
        ([Severity.MEDIUM], set(), "update/medium", "note", "4.0"),
        ([Severity.LOW], None, "update/low", "note", "0.1"),
        ([Severity.UNKNOWN], None, "update", "note", None),
        ([], None, "update", "note", None),
    ],
)
def test_sarif_level_and_score_of_update_follow_most_urgent_fix(fixed, exploited_ids, rule_id, level, score):
    found = [finding(f"CVE-1900-{number:04}", severity) for number, severity in enumerate(fixed)]
    ids = frozenset(exploited_ids) if exploited_ids is not None else None
    evidence = replace(compare_scans(scan(*found), scan()), exploited_ids=ids)
    (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(build_update()), evidence=evidence)))
    (result,), (rule,) = run["results"], run["tool"]["driver"]["rules"]
    assert (result["ruleId"], result["level"]) == (rule_id, level)
    assert rule.get("properties", {}).get("security-severity") == score


def test_sarif_result_of_update_is_warning_without_score_if_fixes_are_unknown():
    for unknown in (NotScanned(UnscannedReason.FAILED), scan()):
        evidence = compare_scans(NotScanned(UnscannedReason.FAILED), unknown)
        (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(build_update()), evidence=evidence)))
        (result,), (rule,) = run["results"], run["tool"]["driver"]["rules"]
        assert (result["ruleId"], result["level"]) == ("update", "warning")
        assert "properties" not in rule
        assert "not scanned: the scanner failed." in result["message"]["text"]


def test_sarif_result_of_held_update_is_error_if_update_fixes_critical():
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, transition=MOVED)
    (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(held))))
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [("held/too-young", "error")]


def test_sarif_fingerprint_does_not_depend_on_severity_of_fixes():
    unknown = compare_scans(NotScanned(UnscannedReason.FAILED), scan())
    runs = [
        read_sarif(render_report_sarif(build_run_report(build_repository(build_update()), **more)))
        for more in ({}, {"evidence": unknown})
    ]
    (known, other) = [run[0]["results"][0] for run in runs]
    assert known["ruleId"] != other["ruleId"]
    assert known["partialFingerprints"] == other["partialFingerprints"]


def test_sarif_rules_name_documentation_page_of_the_status():
    over = build_verdict(ReferenceStatus.SUPERSEDED, Reason.TAG_STOPPED)
    (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(over))))
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["help"]["text"].endswith("See docs/vocabulary.md#superseded in basebump's documentation.")
    assert rule["properties"] == {"tags": ["security"], "security-severity": "4.0"}
    headings = (ROOT / "docs" / "vocabulary.md").read_text(encoding="utf-8")
    assert all(f"\n### `{status}`\n" in headings for status in LEVELS)


def test_sarif_fingerprint_depends_on_file_but_not_on_line():
    one, other, elsewhere = (
        read_sarif(
            render_report_sarif(
                build_run_report(build_repository(build_update(line_number=line, locator="stage[0]", path=path)))
            )
        )
        for line, path in ((1, "Dockerfile"), (9, "Dockerfile"), (1, "web/Dockerfile"))
    )
    prints = [run[0]["results"][0]["partialFingerprints"] for run in (one, other, elsewhere)]
    assert prints[0] == prints[1] != prints[2]


def test_sarif_failure_is_in_run_of_affected_repository_or_in_first_run():
    trees = (build_repository(name="acme/a"), build_repository(name="acme/b"))
    first, second = read_sarif(
        render_report_sarif(build_run_report(*trees, failed=[build_failure("acme/b"), build_failure("docker.io")]))
    )
    said = [
        [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
        for run in (first, second)
    ]
    assert said == [["docker.io: no answer"], ["acme/b: no answer"]]
    assert not first["invocations"][0]["executionSuccessful"]


def test_sarif_has_a_run_with_separate_category_for_each_repository():
    trees = (build_repository(name="acme/a"), build_repository(name="acme/b", base_branch="release/1"))
    runs = read_sarif(render_report_sarif(build_run_report(*trees)))
    ids = [run["automationDetails"]["id"] for run in runs]
    assert ids == ["basebump/github/acme/a/main/", "basebump/github/acme/b/release/1/"]


def test_sarif_run_of_unread_repository_has_no_list_of_results():
    looked, blind = read_sarif(
        render_report_sarif(build_run_report(build_repository(), build_repository(name="acme/b", note="It is broken.")))
    )
    assert looked["results"] == []
    assert "results" not in blind
    assert blind["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "It is broken."
    (nothing,) = read_sarif(render_report_sarif(build_run_report(failed=[build_failure()])))
    assert "results" not in nothing
    assert not nothing["invocations"][0]["executionSuccessful"]


def test_sarif_uri_keeps_all_bytes_of_path_that_is_not_utf8():
    path = os.fsdecode(b"caf\xe9/a b#1%/Dockerfile")
    (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(build_update(path=path)))))
    location = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == "caf%E9/a%20b%231%25/Dockerfile"


def test_sarif_messages_have_no_links_placeholders_or_commands():
    text = render_report_sarif(build_hostile_report())
    assert text.isascii()
    messages = [
        said["message"]["text"]
        for run in read_sarif(text)
        for said in (*run.get("results", ()), *run["invocations"][0]["toolExecutionNotifications"])
    ]
    assert any("evil.example" in message for message in messages)
    for message in messages:
        assert not set(message) & set("[]{}\\\n\x1b"), message


def test_sarif_lists_only_rules_that_have_results():
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG)
    (run,) = read_sarif(render_report_sarif(build_run_report(build_repository(held))))
    (rule,) = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["shortDescription"]["text"]) == ("held/too-young", Reason.TOO_YOUNG.sentence)
    assert HOSTILE not in str(rule)
