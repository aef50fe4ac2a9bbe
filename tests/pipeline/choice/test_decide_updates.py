"""Verdicts of `scan` for each state of a tag, with a registry on loopback."""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from support.listener import HttpListener, HttpReply
from support.runs.choosing import HUB, build_platform_image, get_status, scan_dockerfile
from support.runs.worlds import NOW, build, write_tree
from support.values import digest

from bot.demo.images import build_index
from bot.model.image import RegistryRecord
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.rules import AcceptedHold
from bot.model.vocabulary import Reason
from bot.pipeline.choice import decide_updates
from bot.pipeline.scan import scan_tree
from bot.registries.endpoints import RegistryEntry
from bot.reports.run.report_document import render_scan_document
from bot.worktree import WorkTree


def test_digest_that_the_registry_lost_is_replaced(tmp_path, loopback):
    now = loopback.move("python", "3.12", "now")
    found, asked, changes, text = scan_dockerfile(tmp_path, loopback, f"FROM python:3.12@{digest('gone')}\n")
    assert (*get_status(found[1]), found[1]["new_digest"]) == ("gone", "digest-gone", now)
    assert changes == {"Dockerfile": f"FROM python:3.12@{now}\n"}
    assert [method for method, _ in asked] == ["HEAD", "GET", "GET"]
    assert f"gone: {digest('gone')[7:19]} → {now[7:19]}" in text


def test_rebuilt_index_with_unchanged_images_is_held(tmp_path, loopback):
    images = [build_platform_image("a"), build_platform_image("b", "linux/arm64")]
    old = loopback.store.set_tag("library/python", "3.12", build_index(images))
    loopback.store.set_tag("library/python", "3.12", build_index(images, annotations={"built": "again"}))
    found, _, changes, text = scan_dockerfile(tmp_path, loopback, f"FROM python:3.12@{old}\n")
    assert get_status(found[1]) == ("held", "index-churn")
    assert changes == {}
    assert f"held (index-churn): {found[1]['detail']}\n" in text


def test_image_that_lost_a_used_platform_is_held_until_user_accepts_the_loss(tmp_path, loopback):
    old = loopback.store.set_tag(
        "library/python", "3.12", build_index([build_platform_image("a"), build_platform_image("b", "linux/arm64")])
    )
    now = loopback.store.set_tag("library/python", "3.12", build_index([build_platform_image("c")]))
    content = f"FROM python:3.12@{old}\nFROM --platform=linux/amd64 python:3.12@{old}\n"
    found, *_ = scan_dockerfile(tmp_path, loopback, content)
    assert [get_status(found[line]) for line in (1, 2)] == [("held", "platform-lost"), ("update", None)]
    rule = PolicyRule(platforms=("linux/amd64",))
    assert get_status(scan_dockerfile(tmp_path, loopback, content, rule)[0][1]) == ("update", None)
    accepted = AcceptedHold(Reason.PLATFORM_LOST, "platform team", "arm64 is gone", NOW.date())
    found, _, _, text = scan_dockerfile(tmp_path, loopback, content, PolicyRule(accept=(accepted,)))
    assert found[1]["new_digest"] == now
    said = f"platform-lost ({now[7:19]} has no linux/arm64): arm64 is gone"
    (note,) = found[1]["notes"]
    assert re.fullmatch(rf"platform team .* 2026-11-25 .*{re.escape(said)}", note)
    assert f"{found[1]['notes'][0]}\n" in text
    assert "notes" not in found[2], "where it is not held nobody has to answer"
    assert "detail" not in found[1]


def test_single_image_that_replaces_index_is_held_if_used_platform_is_missing(tmp_path, loopback):
    old = loopback.store.set_tag(
        "library/python", "3.12", build_index([build_platform_image("a"), build_platform_image("b", "linux/arm64")])
    )
    now = loopback.store.set_tag("library/python", "3.12", build_platform_image("c", "linux/arm64"))
    content = "".join(
        f"FROM {words}python:3.12@{old}\n" for words in ("", "--platform=linux/amd64 ", "--platform=linux/arm64 ")
    )
    found, asked, _, text = scan_dockerfile(tmp_path, loopback, content)
    assert [get_status(found[line]) for line in (1, 2, 3)] == [("held", "platform-lost")] * 2 + [("update", None)]
    assert f"{now[7:19]} has no linux/amd64" in text
    assert len(asked) == 4


def test_image_is_held_if_built_for_another_platform_than_the_rule_names(tmp_path, loopback):
    old = loopback.store.set_tag("library/python", "3.12", build_platform_image("a"))
    loopback.store.set_tag("library/python", "3.12", build_platform_image("b", "linux/arm64"))
    content = f"FROM python:3.12@{old}\n"
    assert get_status(scan_dockerfile(tmp_path, loopback, content, PolicyRule(platforms=("linux/amd64",)))[0][1]) == (
        "held",
        "platform-lost",
    )
    assert get_status(scan_dockerfile(tmp_path, loopback, content, PolicyRule(platforms=("linux/arm64",)))[0][1]) == (
        "update",
        None,
    )


def test_image_is_not_held_if_old_image_lacked_the_platform_of_the_rule_too(tmp_path, loopback):
    old = loopback.store.set_tag("library/python", "3.12", build_platform_image("a"))
    other = loopback.store.set_tag("library/python", "3.13", build_index([build_platform_image("c")]))
    loopback.store.set_tag("library/python", "3.12", build_platform_image("b"))
    loopback.store.set_tag("library/python", "3.13", build_index([build_platform_image("d")]))
    loopback.store.set_tag("library/python", "3.14", build_index([build_platform_image("e")]))
    content = f"FROM python:3.12@{old}\nFROM python:3.13@{other}\nFROM python:3.14\n"
    found, *_ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(platforms=("linux/amd64", "linux/arm64")))
    assert [get_status(found[line]) for line in (1, 2, 3)] == [("update", None)] * 3


def test_pinned_image_of_one_platform_is_updated_to_image_of_same_platform(tmp_path, loopback):
    old = build_index([build_platform_image("a"), build_platform_image("b", "linux/arm64")])
    new = build_index([build_platform_image("c"), build_platform_image("d", "linux/arm64")])
    loopback.store.set_tag("library/python", "3.12", old)
    loopback.store.set_tag("library/python", "3.12", new)
    found, _, changes, _ = scan_dockerfile(tmp_path, loopback, f"FROM python:3.12@{old.children[1].digest}\n")
    assert get_status(found[1]) == ("update", None)
    assert changes == {"Dockerfile": f"FROM python:3.12@{new.children[1].digest}\n"}
    loopback.store.set_tag("library/python", "3.12", build_index([build_platform_image("e")]))
    found, *_ = scan_dockerfile(tmp_path, loopback, f"FROM python:3.12@{old.children[1].digest}\n")
    assert get_status(found[1]) == ("held", "platform-lost")


@pytest.mark.parametrize(
    ("status_code", "expected"), [(502, ("unresolved", "registry-error")), (404, ("update", None))]
)
def test_unknown_platform_affects_only_references_pinned_to_one_image(tmp_path, loopback, status_code, expected):
    """The config of the pinned image cannot be read. The index that contains the image is pinned as well."""
    pinned = build_index([build_platform_image("a")]).children[0]
    old = loopback.store.set_tag(
        "library/python", "3.12", build_index([build_platform_image("a"), build_platform_image("b", "linux/arm64")])
    )
    loopback.store.set_tag(
        "library/python", "3.12", build_index([build_platform_image("c"), build_platform_image("d", "linux/arm64")])
    )
    files = {"Dockerfile": f"FROM python:3.12@{old}\nFROM python:3.12@{pinned.digest}\n"}

    def answer(received):
        """Respond like the registry, except to requests for configs."""
        if "/blobs/" in received.path:
            return HttpReply(status_code)
        stored = loopback.store.find_manifest(*received.path.removeprefix("/v2/").split("/manifests/"))
        return HttpReply(200, stored.content, {"Content-Type": stored.media_type}) if stored else HttpReply(404)

    with HttpListener(answer) as server:
        loopback.entries = (RegistryEntry("docker.io", mirror=server.host, is_insecure=True),)
        rulebook = PolicyConfig(own_globs=(), listed_hosts=HUB)
        report = scan_tree(WorkTree(write_tree(tmp_path / "tree", files)), "tree", loopback.world(), rulebook).report
    document = json.loads(render_scan_document(report))
    assert [get_status(reference) for reference in document["references"]] == [("update", None), expected]
    assert [failed["subject"] for failed in document["failed"]] == (["docker.io"] if status_code == 502 else [])


@dataclass
class PresetRecords:
    """Returns the given registry records."""

    known: dict = field(default_factory=dict)

    def fetch_record(self, line, digest):
        return self.known.get(digest)

    def fetch_end_of_life(self, line, digest):
        return None


def test_older_image_and_unlocked_image_are_held(tmp_path, loopback):
    old, now = loopback.move("python", "3.12", "old"), loopback.move("python", "3.12", "now")
    day = timedelta(days=1)
    loopback.facts = PresetRecords({old: RegistryRecord(NOW - day), now: RegistryRecord(NOW - 9 * day)})
    content = f"FROM python:3.12@{old}\n"
    assert get_status(scan_dockerfile(tmp_path, loopback, content)[0][1]) == ("held", "older")
    loopback.facts = PresetRecords({old: RegistryRecord(None, is_locked=True), now: RegistryRecord(None)})
    assert get_status(scan_dockerfile(tmp_path, loopback, content)[0][1]) == ("held", "locked")


def test_new_digest_is_held_if_the_registry_does_not_serve_the_manifest(tmp_path, loopback):
    old, now = loopback.move("python", "3.12", "old"), loopback.move("python", "3.12", "now")
    serve = loopback.store.find_manifest
    loopback.store.find_manifest = lambda repository, reference: (
        None if reference == now else serve(repository, reference)
    )
    found, *_ = scan_dockerfile(tmp_path, loopback, f"FROM python:3.12@{old}\n")
    assert get_status(found[1]) == ("held", "not-pullable")


# ---- what an image says of its base ----------------------------------------------------------------------------------


def test_outdated_base_image_is_noted_with_source(tmp_path, loopback):
    base = loopback.move("alpine", "3.21", "base")
    said = {
        "org.opencontainers.image.base.name": "alpine:3.21",
        "org.opencontainers.image.base.digest": base,
        "org.opencontainers.image.source": "https://github.com/acme/python.git#0f1e2d3:3.12",
    }
    loopback.store.set_tag("library/python", "3.12", build_index([build_platform_image("a")], annotations=said))
    found, *_ = scan_dockerfile(tmp_path, loopback, "FROM python:3.12\n")
    assert "notes" not in found[1]
    loopback.move("alpine", "3.21", "newer base")
    found, *_ = scan_dockerfile(tmp_path, loopback, "FROM python:3.12\n")
    (note,) = found[1]["notes"]
    assert note == (
        "It was not rebuilt since its own base, docker.io/library/alpine:3.21, moved; "
        "it comes from https://github.com/acme/python.git#0f1e2d3:3.12."
    )


def test_base_image_is_current_if_named_digest_belongs_to_the_current_index(tmp_path, loopback):
    loopback.move("alpine", "3.21", "base")
    said = {
        "org.opencontainers.image.base.name": "alpine:3.21",
        "org.opencontainers.image.base.digest": build("base").children[0].digest,
    }
    loopback.store.set_tag("library/python", "3.12", build_index([build_platform_image("a")], annotations=said))
    assert "notes" not in scan_dockerfile(tmp_path, loopback, "FROM python:3.12\n")[0][1]


def build_base_annotations(base):
    return {"org.opencontainers.image.base.name": "alpine:3.21", "org.opencontainers.image.base.digest": base}


def test_manifest_of_base_image_is_fetched_only_if_the_tag_moved(tmp_path, loopback):
    base = loopback.move("alpine", "3.21", "base")
    now = loopback.store.set_tag(
        "library/python", "3.12", build_index([build_platform_image("a")], annotations=build_base_annotations(base))
    )
    _, asked, *_ = scan_dockerfile(tmp_path, loopback, "FROM python:3.12\n")
    assert asked == [("HEAD", "3.12"), ("GET", now), ("HEAD", "3.21")]
    newer = loopback.move("alpine", "3.21", "newer base")
    found, asked, *_ = scan_dockerfile(tmp_path, loopback, "FROM python:3.12\n")
    assert asked == [("HEAD", "3.12"), ("GET", now), ("HEAD", "3.21"), ("GET", newer)]
    assert len(found[1]["notes"]) == 1


@pytest.mark.parametrize("pinned", [True, False])
def test_base_image_that_was_already_looked_up_is_not_looked_up_again(tmp_path, loopback, pinned):
    base = loopback.move("alpine", "3.21", "base")
    loopback.store.set_tag(
        "library/python", "3.12", build_index([build_platform_image("a")], annotations=build_base_annotations(base))
    )
    newer = loopback.move("alpine", "3.21", "newer base")
    content = f"FROM python:3.12\nFROM alpine:3.21{f'@{newer}' if pinned else ''}\n"
    found, asked, *_ = scan_dockerfile(tmp_path, loopback, content)
    assert len(found[1]["notes"]) == 1
    assert [word for _, word in asked].count("3.21") == 1
    assert [word for _, word in asked].count(newer) == 1


def test_base_image_is_not_looked_up_again_after_failed_lookup(tmp_path, loopback):
    base = {"base.name": "nowhere:1", "base.digest": digest("before")}
    said = {f"org.opencontainers.image.{word}": text for word, text in base.items()}
    loopback.store.set_tag("library/python", "3.12", build_index([build_platform_image("a")], annotations=said))
    found, asked, *_ = scan_dockerfile(tmp_path, loopback, "FROM python:3.12\nFROM nowhere:1\n")
    assert "notes" not in found[1]
    assert [word for _, word in asked].count("1") == 1


def test_base_image_in_unlisted_registry_is_not_looked_up(tmp_path, loopback):
    said = {
        "org.opencontainers.image.base.name": "registry.evil.example/x:1",
        "org.opencontainers.image.base.digest": digest("x"),
    }
    loopback.store.set_tag("library/python", "3.12", build_index([build_platform_image("a")], annotations=said))
    assert "notes" not in scan_dockerfile(tmp_path, loopback, "FROM python:3.12\n")[0][1]


def test_base_images_beyond_the_limit_are_not_looked_up_in_a_run(tmp_path, loopback, monkeypatch):
    monkeypatch.setattr(decide_updates, "MAX_BASES", 1)
    for name in ("a", "b"):
        loopback.store.set_tag(f"library/base-{name}", "1", build_platform_image(name))
        base = {"base.name": f"base-{name}:1", "base.digest": digest("before")}
        said = {f"org.opencontainers.image.{word}": text for word, text in base.items()}
        loopback.store.set_tag(f"library/{name}", "1", build_index([build_platform_image(name)], annotations=said))
    found, *_ = scan_dockerfile(tmp_path, loopback, "FROM a:1\nFROM b:1\n")
    assert [len(found[line].get("notes", ())) for line in (1, 2)] == [1, 0]


# ---- how many requests -----------------------------------------------------------------------------------------------


def test_lookup_costs_two_requests_per_tag_if_all_tags_moved(tmp_path, loopback):
    old = {number: loopback.move(f"app-{number}", "1", f"old {number}") for number in range(20)}
    for number in range(20):
        loopback.move(f"app-{number}", "1", f"new {number}")
    content = "".join(f"FROM app-{number}:1@{pinned}\n" for number, pinned in old.items())
    found, asked, _, _ = scan_dockerfile(tmp_path, loopback, content)
    assert {reference["status"] for reference in found.values()} == {"update"}
    assert len(asked) == 41


def test_moved_tag_among_many_unmoved_tags_costs_two_more_requests(tmp_path, loopback):
    pinned = {number: loopback.move(f"app-{number}", "1", f"old {number}") for number in range(20)}
    loopback.move("app-7", "1", "new")
    content = "".join(f"FROM app-{number}:1@{each}\n" for number, each in pinned.items())
    _, asked, _, _ = scan_dockerfile(tmp_path, loopback, content)
    assert [method for method, _ in asked].count("HEAD") == 20
    assert len(asked) == 22


def test_lookup_of_unpinned_references_costs_about_one_request_each(tmp_path, loopback):
    for number in range(20):
        loopback.move(f"app-{number}", "1", f"new {number}")
    _, asked, changes, _ = scan_dockerfile(
        tmp_path, loopback, "".join(f"FROM app-{number}:1\n" for number in range(20))
    )
    assert len(asked) == 21
    assert build("new 7").digest in changes["Dockerfile"]
