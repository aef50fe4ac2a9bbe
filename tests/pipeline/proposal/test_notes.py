"""Notes about an image in the report and in the proposal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import NOW, list_outcomes

from bot.demo.images import build_image, build_index, build_layer
from bot.model.policy import PolicyRule
from bot.model.rules import AcceptedHold
from bot.model.vocabulary import Reason

pytestmark = pytest.mark.real("git")


def build_outdated_index(loopback, content: str):
    """Return an index for amd64 that states a base image which was updated since."""
    base = loopback.move("alpine", "3.21", "base")
    loopback.move("alpine", "3.21", "newer base")
    said = {"org.opencontainers.image.base.name": "alpine:3.21", "org.opencontainers.image.base.digest": base}
    return build_index([build_image([build_layer({"a": content.encode()})])], annotations=said)


def test_proposal_notes_outdated_base_image_and_accepted_hold(tmp_path, loopback):
    old = loopback.move("python", "3.12", "old")
    loopback.store.set_tag("library/python", "3.12", build_outdated_index(loopback, "new"))
    accepted = AcceptedHold(Reason.PLATFORM_LOST, "platform team", "nobody runs arm64", NOW.date())
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(accept=(accepted,)),))
    files = {"a/Dockerfile": f"FROM python:3.12@{old}\n", "b/Dockerfile": f"FROM python:3.12@{old}\n"}
    stand = LocalStand(tmp_path, files)
    report = loopback.run([stand.fleet()])
    (request,) = stand.requests()
    notes = report.repositories[0].verdicts[0].reference.notes
    assert "docker.io/library/alpine:3.21" in notes[0]
    assert re.match("platform team .* 2026-11-25 .* platform-lost", notes[1])
    assert len(notes) == 2
    for note in notes:
        assert request.body.count(note) == 1
    assert list_outcomes(loopback.run([stand.fleet()])) == ["unchanged"]


def test_note_on_outdated_base_is_added_to_open_pull_request_without_a_commit(tmp_path, loopback):
    old = loopback.move("python", "3.12", "old")
    base = loopback.move("alpine", "3.21", "base")
    said = {"org.opencontainers.image.base.name": "alpine:3.21", "org.opencontainers.image.base.digest": base}
    both = [build_image([build_layer({"a": b"new"})], platform=platform) for platform in ("linux/amd64", "linux/arm64")]
    loopback.store.set_tag("library/python", "3.12", build_index(both, annotations=said))
    stand = LocalStand(tmp_path, {"Dockerfile": f"FROM python:3.12@{old}\n"})
    loopback.run([stand.fleet()])
    before = stand.branches()
    loopback.move("alpine", "3.21", "newer base")
    assert list_outcomes(loopback.run([stand.fleet()])) == ["refreshed"]
    assert "not rebuilt" in stand.requests()[0].body
    assert stand.branches() == before
