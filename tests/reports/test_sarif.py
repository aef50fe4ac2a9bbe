"""Reports of `scan` and `run` as SARIF."""

from __future__ import annotations

import os
import re

from support.runs.reports import HOSTILE, failure, hostile_report, repository, run_report, text, update, verdict
from support.values import digest
from support.witnesses.sarif import read_sarif

from bot.core.transition import shorten_digest
from bot.model.vocabulary import REASONS_BY_STATUS, OccurrenceStatus, Reason
from bot.reports.report_sarif import render_report_sarif


def results(run):
    return {result["ruleId"]: result for result in run["results"]}


def test_reference_is_a_result_if_it_needs_action_or_was_rejected():
    statuses = {status: next(iter(REASONS_BY_STATUS[status]), None) for status in OccurrenceStatus}
    places = [verdict(status, reason, line_number=line) for line, (status, reason) in enumerate(statuses.items(), 1)]
    (run,) = read_sarif(render_report_sarif(run_report(repository(*places, unsupported=(text(),)))))
    levels = {rule: result["level"] for rule, result in results(run).items()}
    assert levels == {
        "update": "warning",
        "held/index-churn": "note",
        "refused/" + REASONS_BY_STATUS[OccurrenceStatus.REFUSED][0]: "warning",
        "gone/digest-gone": "error",
        "superseded/tag-stopped": "warning",
    }


def test_result_has_location_update_and_effect():
    (run,) = read_sarif(render_report_sarif(run_report(repository(update(line_number=7)))))
    (result,) = run["results"]
    (place,) = result["locations"]
    assert place["physicalLocation"]["artifactLocation"] == {"uri": "Dockerfile", "uriBaseId": "%SRCROOT%"}
    assert place["physicalLocation"]["region"] == {"startLine": 7}
    old, new = shorten_digest(digest("old")), shorten_digest(digest("new"))
    said = f"node:22 can be updated from {old} to {new}. Fixes 1 (1 critical), adds none, 1 remains."
    assert result["message"]["text"] == said
    assert result["properties"]["evidence"]["fixed"] == {"critical": 1, "high": 0, "medium": 0, "low": 0, "unknown": 0}


def test_result_has_reason_and_successor():
    held = verdict(OccurrenceStatus.HELD, Reason.TOO_YOUNG, detail="It is a day old.")
    over = verdict(OccurrenceStatus.SUPERSEDED, Reason.TAG_STOPPED, line_number=2, successor="24")
    unpinned = update(written="node:22", line_number=3)
    (run,) = read_sarif(render_report_sarif(run_report(repository(held, over, unpinned))))
    waits, ended, pinned = (result["message"]["text"] for result in run["results"])
    assert waits == f"node:22: {Reason.TOO_YOUNG.sentence} It is a day old."
    assert ended == f"node:22: {Reason.TAG_STOPPED.sentence} Its successor is 24."
    assert re.match(rf"node:22 .* {shorten_digest(digest('new'))}", pinned)


def test_fingerprint_does_not_depend_on_the_line():
    one, other, elsewhere = (
        read_sarif(render_report_sarif(run_report(repository(update(line_number=line, locator="stage[0]", path=path)))))
        for line, path in ((1, "Dockerfile"), (9, "Dockerfile"), (1, "web/Dockerfile"))
    )
    prints = [run[0]["results"][0]["partialFingerprints"] for run in (one, other, elsewhere)]
    assert prints[0] == prints[1] != prints[2]


def test_failure_is_a_notification_of_its_repository_or_of_the_first():
    trees = (repository(name="acme/a"), repository(name="acme/b"))
    first, second = read_sarif(
        render_report_sarif(run_report(*trees, failed=[failure("acme/b"), failure("docker.io")]))
    )
    said = [
        [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
        for run in (first, second)
    ]
    assert said == [["docker.io: no answer"], ["acme/b: no answer"]]
    assert not first["invocations"][0]["executionSuccessful"]


def test_each_repository_is_a_run_with_its_own_category():
    trees = (repository(name="acme/a"), repository(name="acme/b", base_branch="release/1"))
    runs = read_sarif(render_report_sarif(run_report(*trees)))
    ids = [run["automationDetails"]["id"] for run in runs]
    assert ids == ["basebump/github/acme/a/main/", "basebump/github/acme/b/release/1/"]


def test_unread_repository_has_no_list_of_results():
    looked, blind = read_sarif(
        render_report_sarif(run_report(repository(), repository(name="acme/b", note="It is broken.")))
    )
    assert looked["results"] == []
    assert "results" not in blind
    assert blind["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "It is broken."
    (nothing,) = read_sarif(render_report_sarif(run_report(failed=[failure()])))
    assert "results" not in nothing
    assert not nothing["invocations"][0]["executionSuccessful"]


def test_path_that_is_not_utf8_keeps_its_bytes():
    path = os.fsdecode(b"caf\xe9/a b#1%/Dockerfile")
    (run,) = read_sarif(render_report_sarif(run_report(repository(update(path=path)))))
    location = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == "caf%E9/a%20b%231%25/Dockerfile"


def test_sarif_messages_have_no_links_placeholders_or_commands():
    text = render_report_sarif(hostile_report())
    assert text.isascii()
    messages = [
        said["message"]["text"]
        for run in read_sarif(text)
        for said in (*run.get("results", ()), *run["invocations"][0]["toolExecutionNotifications"])
    ]
    assert any("evil.example" in message for message in messages)
    for message in messages:
        assert not set(message) & set("[]{}\\\n\x1b"), message


def test_lists_only_rules_of_results():
    held = verdict(OccurrenceStatus.HELD, Reason.TOO_YOUNG)
    (run,) = read_sarif(render_report_sarif(run_report(repository(held))))
    (rule,) = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["shortDescription"]["text"]) == ("held/too-young", Reason.TOO_YOUNG.sentence)
    assert HOSTILE not in str(rule)
