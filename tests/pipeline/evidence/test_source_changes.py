"""Lookups of the sources of images: once for each update, stored in the state, and never a reason to write."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.listener import HttpListener, HttpReply
from support.runs.worlds import NOW, PresetScanner, write_tree
from support.values import finding

from bot.advisories.source_history import ForgeSourceHistory
from bot.demo.images import build_image, build_index, build_layer
from bot.model.source_changes import GITHUB_HOST, SourceChanges, UnknownSourceChanges
from bot.pipeline.scan import scan_tree
from bot.state.database import Database
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.worktree import WorkTree

SOURCE = "https://github.com/acme/web"
COMMITS = {"old": "a" * 40, "new": "b" * 40}
COUNTS = json.dumps({"ahead_by": 12, "behind_by": 0}).encode()


def push(loopback, repository: str, content: str, **labels):
    """Point `REPOSITORY:1` to an image with the labels of its source."""
    source = {"org.opencontainers.image.source": SOURCE, "org.opencontainers.image.revision": COMMITS[content]}
    layers = [build_layer({"a": f"{repository} {content}".encode()})]
    made = build_index([build_image(layers, labels=source | labels)])
    return loopback.store.set_tag(f"library/{repository}", "1", made)


@pytest.fixture
def scan_images(tmp_path, loopback):
    """Return a function that scans two images, and returns what was looked up and the requests to the forge."""
    old = {name: push(loopback, name, "old") for name in ("python", "redis")}
    new = {name: push(loopback, name, "new") for name in ("python", "redis")}
    loopback.scanner = PresetScanner(dict.fromkeys([*old.values(), *new.values()], (finding("CVE-2026-1"),)))
    loopback.keep(lookups=DatabaseLookupStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW))
    files = {"Dockerfile": "".join(f"FROM {name}:1@{digest}\n" for name, digest in old.items())}
    tree = WorkTree(write_tree(tmp_path / "tree", files))

    def scan(reply: HttpReply, release: HttpReply | None = None):
        with HttpListener(lambda received: release if release and "/releases/" in received.path else reply) as forge:
            history = ForgeSourceHistory({}, None, {GITHUB_HOST: forge.url})
            report = scan_tree(
                tree, "tree", replace(loopback.world(), source_history=history), loopback.rulebook
            ).report
        assert not report.failed
        found = {each.contents.source_changes for each in report.evidence.values()}
        return found, [each.path for each in forge.received]

    return scan


def test_source_changes_are_looked_up_once_for_images_of_one_repository_and_stored(scan_images):
    found, requests = scan_images(HttpReply(200, COUNTS))
    assert found == {SourceChanges(12)}
    assert requests == [f"/repos/acme/web/compare/{COMMITS['old']}...{COMMITS['new']}?per_page=1&page=2"]
    assert scan_images(HttpReply(500)) == ({SourceChanges(12)}, [])


def test_failed_lookup_of_source_changes_is_retried_and_does_not_fail_the_run(scan_images):
    found, _ = scan_images(HttpReply(404))
    assert found == {UnknownSourceChanges("github.com has no public repository with these commits")}
    found, requests = scan_images(HttpReply(200, COUNTS))
    assert (found, len(requests)) == ({SourceChanges(12)}, 1)


def test_source_changes_are_looked_up_again_if_the_release_could_not_be_read(loopback, scan_images):
    for name in ("python", "redis"):
        digest = push(loopback, name, "new", **{"org.opencontainers.image.version": "2"})
        loopback.scanner.findings[digest] = ()
    found, _ = scan_images(HttpReply(200, COUNTS), release=HttpReply(451))
    assert found == {SourceChanges(12, release_failure="github.com answered 451")}
    found, requests = scan_images(HttpReply(200, COUNTS), release=HttpReply(404, b"{}"))
    assert found == {SourceChanges(12)}
    assert len(requests) == 3
    assert scan_images(HttpReply(500)) == ({SourceChanges(12)}, [])


def test_source_changes_are_not_looked_up_by_default(tmp_path, loopback):
    old = push(loopback, "python", "old")
    loopback.scanner = PresetScanner({old: (), push(loopback, "python", "new"): ()})
    tree = WorkTree(write_tree(tmp_path / "tree", {"Dockerfile": f"FROM python:1@{old}\n"}))
    report = scan_tree(tree, "tree", loopback.world(), loopback.rulebook).report
    assert [each.contents.source_changes for each in report.evidence.values()] == [None]
