"""Verdicts of `scan` on references that may be updated to other tags, with a registry on loopback."""

import re
from datetime import date

import pytest
from support.runs.choosing import build_platform_image, get_status, scan_dockerfile
from support.values import digest

from bot.demo.images import build_artifact, build_index
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.model.rules import ConfiguredEndOfLife


def publish_tags(loopback, repository, *tags):
    return {tag: loopback.move(repository, tag, f"{repository} {tag}") for tag in tags}


@pytest.mark.parametrize(
    ("mode", "tag"),
    [
        (UpdateMode.DIGEST, "1.27.1"),
        (UpdateMode.PATCH, "1.27.3"),
        (UpdateMode.MINOR, "1.29.0"),
        (UpdateMode.MAJOR, "2.0.0"),
    ],
)
def test_update_mode_of_rule_limits_the_proposed_tag(tmp_path, loopback, mode, tag):
    digests = publish_tags(
        loopback, "nginx", "1.27.1", "1.27.3", "1.29.0", "2.0.0", "2.1.0-rc1", "1.27.9-alpine", "latest"
    )
    old = digests["1.27.1"] if mode is not UpdateMode.DIGEST else digest("gone")
    found, _, changes, text = scan_dockerfile(
        tmp_path, loopback, f"FROM nginx:1.27.1@{old} AS web\n", PolicyRule(update=mode)
    )
    assert changes == {"Dockerfile": f"FROM nginx:{tag}@{digests[tag]} AS web\n"}
    assert found[1]["new_digest"] == digests[tag]
    assert found[1].get("new_tag") == (None if mode is UpdateMode.DIGEST else tag)
    assert mode is UpdateMode.DIGEST or f"→ {tag} {digests[tag][7:19]}" in text


def test_unpinned_reference_gets_new_tag_and_digest_in_one_edit(tmp_path, loopback):
    digests = publish_tags(loopback, "nginx", "1.27.1", "1.27.3")
    _, _, changes, _ = scan_dockerfile(tmp_path, loopback, "FROM nginx:1.27.1\n", PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": f"FROM nginx:1.27.3@{digests['1.27.3']}\n"}


def test_only_digest_is_updated_if_the_tag_cannot_be_edited(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    now = publish_tags(loopback, "nginx", "1.27.1", "1.27.3")["1.27.1"]
    other = loopback.move("caddy", "1.27.1", "caddy")
    content = f"ARG V=1.27.1\nFROM nginx:${{V}}@{old}\nFROM caddy:${{V}}@{other}\n"
    _, _, changes, _ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": content.replace(old, now)}


def test_tags_of_a_repository_are_listed_once_for_all_references(tmp_path, loopback):
    digests = publish_tags(loopback, "nginx", "1.27.1", "1.27.3", "1.27.3-alpine")
    content = "".join(f"FROM nginx:{tag}@{pinned}\n" for tag, pinned in digests.items())
    _, asked, _, _ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert sum(path.startswith("list") for _, path in asked) == 1


def test_digest_is_updated_although_the_registry_refuses_to_list_tags(tmp_path, loopback):
    old, now = loopback.move("nginx", "1.27.1", "old"), loopback.move("nginx", "1.27.1", "now")
    loopback.store.list_tags = lambda repository: {}
    found, _, changes, text = scan_dockerfile(
        tmp_path, loopback, f"FROM nginx:1.27.1@{old}\n", PolicyRule(update=UpdateMode.PATCH)
    )
    assert changes == {"Dockerfile": f"FROM nginx:1.27.1@{now}\n"}
    (note,) = found[1]["notes"]
    assert note.startswith("Newer tags ")
    assert "library/nginx/tags/list" in note
    assert "Newer tags " in text


def test_reference_is_updated_although_a_newer_listed_tag_does_not_exist(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    digests = publish_tags(loopback, "nginx", "1.27.1", "1.27.3")
    serve = loopback.store.find_manifest
    loopback.store.find_manifest = lambda repository, reference: (
        None if reference == "1.27.3" else serve(repository, reference)
    )
    content = f"FROM nginx:1.27.1@{old}\n"
    found, _, changes, _ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": content.replace(old, digests["1.27.1"])}
    (note,) = found[1]["notes"]
    assert note.startswith("`1.27.3` ")


def test_older_tag_is_chosen_if_newest_tags_are_held_or_not_an_image(tmp_path, loopback):
    old = publish_tags(loopback, "nginx", "1.27.1", "1.27.2", "1.27.3")
    loopback.store.set_tag("library/nginx", "1.27.4", build_index([build_platform_image("lost arm64")]))
    chart = build_artifact("application/vnd.cncf.helm.config.v1+json", [])
    loopback.store.set_tag("library/nginx", "1.27.5", chart)
    content = f"FROM nginx:1.27.1@{old['1.27.1']}\n"
    found, asked, changes, _ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": f"FROM nginx:1.27.3@{old['1.27.3']}\n"}
    not_there, held = found[1]["notes"]
    assert not_there.startswith("`1.27.5` ")
    assert re.match(r"`1\.27\.4` .*\(platform-lost\)", held)
    assert [word for _, word in asked].count("1.27.5") == 1


def test_only_the_four_newest_tags_are_tried_if_all_are_held(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    for number in range(2, 9):
        loopback.store.set_tag(
            "library/nginx", f"1.27.{number}", build_index([build_platform_image(f"lost arm64 {number}")])
        )
    found, asked, *_ = scan_dockerfile(
        tmp_path, loopback, f"FROM nginx:1.27.1@{old}\n", PolicyRule(update=UpdateMode.PATCH)
    )
    assert get_status(found[1]) == ("held", "platform-lost")
    heads = [word for method, word in asked if word.startswith("1.27")]
    assert sorted(heads) == ["1.27.1", "1.27.5", "1.27.6", "1.27.7", "1.27.8"]


def test_held_update_of_one_tag_does_not_hold_another_tag_of_the_repository(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    before = loopback.store.set_tag("library/nginx", "1.27.3", build_index([build_platform_image("a")]))
    now = loopback.store.set_tag("library/nginx", "1.27.3", build_index([build_platform_image("lost arm64")]))
    loopback.store.set_tag(
        "library/nginx", "1.27.4", chart := build_artifact("application/vnd.cncf.helm.config.v1+json", [])
    )
    content = f"FROM nginx:1.27.1@{old}\nFROM nginx:1.27.3@{before}\n"
    found, *_ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert [get_status(found[line]) for line in (1, 2)] == [("held", "platform-lost"), ("update", None)]
    assert found[2]["new_digest"] == now
    assert chart.digest not in {reference["new_digest"] for reference in found.values()}


# ---- lines that are over ---------------------------------------------------------------------------------------------


def test_tag_of_older_patch_is_superseded_by_tag_of_newer_patch(tmp_path, loopback):
    digests = publish_tags(loopback, "nginx", "1.27.1", "1.27.3")
    content = f"FROM nginx:1.27.1@{digests['1.27.1']}\n"
    found, _, changes, text = scan_dockerfile(tmp_path, loopback, content)
    assert (*get_status(found[1]), found[1]["successor"]) == ("superseded", "tag-stopped", "1.27.3")
    assert changes == {}
    assert "superseded (tag-stopped): `1.27.3` comes after it" in text
    _, _, changes, _ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(replace_ended=True))
    assert changes == {"Dockerfile": f"FROM nginx:1.27.3@{digests['1.27.3']}\n"}


def test_tag_of_dropped_variant_is_superseded_by_remaining_variant(tmp_path, loopback):
    digests = publish_tags(
        loopback, "nginx", "1.27-alpine3.19", "1.27-alpine3.20", "1.27.1-alpine3.19", "1.27.3-alpine3.20"
    )
    pinned = digests["1.27-alpine3.19"]
    found, *_ = scan_dockerfile(tmp_path, loopback, f"FROM nginx:1.27-alpine3.19@{pinned}\n")
    assert (*get_status(found[1]), found[1]["successor"]) == ("superseded", "variant-dropped", "1.27-alpine3.20")


@pytest.mark.parametrize(("over", "expected"), [(date(2026, 11, 24), "superseded"), (date(2026, 11, 25), "up-to-date")])
def test_tag_is_superseded_from_the_day_after_configured_end_of_life(tmp_path, loopback, over, expected):
    now = loopback.move("python", "3.8", "now")
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", over, "3.13"),)
    found, *_ = scan_dockerfile(tmp_path, loopback, f"FROM python:3.8@{now}\n", end_of_life=ends)
    assert found[1]["status"] == expected
    assert found[1].get("successor") == ("3.13" if expected == "superseded" else None)


def test_configured_successor_is_proposed_if_a_rule_replaces_ended_tags(tmp_path, loopback):
    digests = publish_tags(loopback, "python", "3.8", "3.13")
    content = f"FROM python:3.8@{digests['3.8']}\n"
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", date(2024, 10, 7), "3.13"),)
    _, _, changes, _ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=ends)
    assert changes == {"Dockerfile": f"FROM python:3.13@{digests['3.13']}\n"}
    later = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", date(2026, 11, 25), "3.13"),)
    found, *_ = scan_dockerfile(tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=later)
    assert get_status(found[1]) == ("up-to-date", None)


def test_successor_in_another_tag_family_is_reported_but_not_proposed(tmp_path, loopback):
    digests = publish_tags(loopback, "python", "3.8", "3.8-slim", "3.8.20", "3.13")
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", date(2024, 10, 7), "3.13"),)
    content = "".join(f"FROM python:{tag}@{digests[tag]}\n" for tag in ("3.8", "3.8-slim", "3.8.20"))
    found, _, changes, _ = scan_dockerfile(
        tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=ends
    )
    assert [found[line]["status"] for line in (1, 2, 3)] == ["update", "superseded", "update"]
    assert found[2]["successor"] == "3.13"
    assert changes["Dockerfile"].splitlines()[1] == f"FROM python:3.8-slim@{digests['3.8-slim']}"


def test_successor_missing_in_registry_is_reported_but_not_proposed(tmp_path, loopback):
    digests = publish_tags(loopback, "python", "3.8", "3.13")
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8", date(2024, 10, 7), "3.99"),)
    content = f"FROM python:3.8@{digests['3.8']}\n"
    found, _, changes, _ = scan_dockerfile(
        tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=ends
    )
    assert (*get_status(found[1]), found[1]["successor"]) == ("superseded", "end-of-life", "3.99")
    assert changes == {}


def test_each_run_checks_a_tenth_of_the_tags_for_supersession(tmp_path, loopback):
    digests = {number: loopback.move(f"app-{number}", "1.0.0", str(number)) for number in range(20)}
    content = "".join(f"FROM app-{number}:1.0.0@{pinned}\n" for number, pinned in digests.items())
    _, asked, _, _ = scan_dockerfile(tmp_path, loopback, content)
    assert sum(method == "HEAD" for method, _ in asked) == 20
    assert len(asked) == 22
