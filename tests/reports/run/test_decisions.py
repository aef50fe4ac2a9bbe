"""The decisions of a run as JSON lines."""

from __future__ import annotations

import json
from collections import defaultdict

from support.runs.reports import (
    build_failure,
    build_hostile_report,
    build_proposal,
    build_repository,
    build_run_report,
    build_unsupported_text,
    build_update,
    build_verdict,
)

from bot.model.vocabulary import Reason, ReferenceStatus
from bot.reports.run.decisions import render_decisions


def read_lines(report):
    return [json.loads(line) for line in render_decisions(report).splitlines()]


def test_decision_lines_cover_references_unsupported_texts_proposals_and_failures():
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, line_number=2, detail="It is a day old.")
    tree = build_repository(
        build_update(), held, unsupported=(build_unsupported_text(),), proposals=(build_proposal(note="labelled"),)
    )
    whole, moved, waits, unread, opened, failed = read_lines(build_run_report(tree, failed=[build_failure()]))
    assert (whole["kind"], whole["note"]) == ("repository", None)
    for each in (whole, moved, waits, unread, opened):
        assert (each["repository"], each["base_branch"]) == ("acme/web", "main")
    assert (moved["kind"], moved["status"], moved["line"]) == ("reference", "update", 1)
    assert moved["evidence"]["fixed"]["critical"] == 1
    assert [waits[key] for key in ("status", "reason", "detail", "evidence")] == [
        *("held", "too-young", "It is a day old.", None)
    ]
    assert (unread["kind"], unread["reason"]) == ("text", "unresolved-argument")
    assert (opened["kind"], opened["outcome"], opened["note"]) == ("proposal", "opened", "labelled")
    assert opened["images"][0]["evidence"]["remaining"]["high"] == 1
    assert (failed["kind"], failed["subject"]) == ("failure", "docker.io")


def test_decision_lines_of_one_kind_have_the_same_keys():
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, line_number=2, detail="It is a day old.")
    over = build_verdict(ReferenceStatus.SUPERSEDED, Reason.TAG_STOPPED, line_number=3, successor="24")
    keys = defaultdict(set)
    for line in read_lines(
        build_run_report(
            build_repository(build_update(), held, over), build_repository(build_verdict(ReferenceStatus.UP_TO_DATE))
        )
    ):
        keys[line["kind"]].add(frozenset(line))
    assert {kind: len(shapes) for kind, shapes in keys.items()} == {"repository": 1, "reference": 1}


def test_untrusted_text_adds_no_lines_or_control_characters_to_decisions():
    written = render_decisions(build_hostile_report())
    assert written.isascii()
    assert "\x1b" not in written
    assert len(written.splitlines()) == 12


def test_decision_line_of_unreadable_repository_contains_note():
    (line,) = read_lines(build_run_report(build_repository(note="It has no base branch.", base_branch=None)))
    assert (line["kind"], "base branch" in line["note"], line["base_branch"]) == ("repository", True, None)


def test_decisions_of_run_without_repositories_are_empty():
    assert render_decisions(build_run_report()) == ""
