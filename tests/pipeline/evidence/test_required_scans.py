"""A rule that requires scans, in runs whose scanner no longer succeeds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner, build, list_outcomes
from support.values import finding

from bot.model.policy import PolicyRule, RequiredEvidence

pytestmark = pytest.mark.real("git")

OLD, NEW = build("old").digest, build("new").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
KNOWN = {OLD: (finding("CVE-2026-1"),), NEW: ()}


def test_open_pull_request_is_unchanged_while_images_cannot_be_scanned(tmp_path, loopback):
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(require=RequiredEvidence(scan=True)),))
    stand = LocalStand(tmp_path, FILES)

    def run(known) -> list[str]:
        loopback.scanner = PresetScanner(known)
        return list_outcomes(loopback.run([stand.fleet()]))

    assert run({}) == ["refused"]
    assert run(KNOWN) == ["opened"]
    assert run({}) == ["left-alone"]
    assert run(KNOWN) == ["unchanged"]
