"""Images are inspected only if a scanner scans them, so that runs without a scanner make no further requests."""

from __future__ import annotations

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner

from bot.demo.images import build_image, build_index, build_layer
from bot.model.vocabulary import ReferenceStatus

pytestmark = pytest.mark.real("git")


def push(loopback, content: str, **start):
    """Point `python:3.12` to an image with the given start configuration."""
    made = build_index([build_image([build_layer({"a": content.encode()})], start_config=start)])
    return loopback.store.set_tag("library/python", "3.12", made)


def test_evidence_contains_start_configuration_of_old_and_new_image(tmp_path, loopback):
    old, new = push(loopback, "old", User="1000"), push(loopback, "new", User="root")
    loopback.scanner = PresetScanner({old: (), new: ()})
    report = loopback.run([LocalStand(tmp_path, {"Dockerfile": f"FROM python:3.12@{old}\n"}).fleet()])
    (evidence,) = report.evidence.values()
    assert [each.config.user for each in (evidence.contents.old, evidence.contents.new)] == ["1000", "root"]
    assert not report.failed


def test_contents_of_missing_old_image_are_empty_and_cause_no_failure(tmp_path, loopback):
    old, new = push(loopback, "old"), push(loopback, "new")
    loopback.scanner = PresetScanner({new: ()})
    loopback.store.remove("library/python", old)
    report = loopback.run([LocalStand(tmp_path, {"Dockerfile": f"FROM python:3.12@{old}\n"}).fleet()])
    (evidence,) = report.evidence.values()
    assert evidence.contents.old is None
    assert evidence.contents.new is not None
    assert not report.failed
    assert report.repositories[0].verdicts[0].status is ReferenceStatus.GONE


def test_images_are_not_inspected_if_no_scanner_is_configured(tmp_path, loopback):
    old, _ = push(loopback, "old"), push(loopback, "new")
    report = loopback.run([LocalStand(tmp_path, {"Dockerfile": f"FROM python:3.12@{old}\n"}).fleet()])
    (evidence,) = report.evidence.values()
    assert evidence.contents is None
