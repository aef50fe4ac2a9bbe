"""Verdicts of `scan` on references that may be updated to other tags, with a registry on loopback."""

from datetime import date

import pytest
from support.runs.choosing import choose, image_of, status
from support.values import digest

from bot.demo.images import build_artifact, build_index
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.model.rules import ConfiguredEndOfLife


def shelf(loopback, repository, *tags):
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
def test_a_rule_says_how_far_a_tag_may_move(tmp_path, loopback, mode, tag):
    digests = shelf(loopback, "nginx", "1.27.1", "1.27.3", "1.29.0", "2.0.0", "2.1.0-rc1", "1.27.9-alpine", "latest")
    old = digests["1.27.1"] if mode is not UpdateMode.DIGEST else digest("gone")
    found, _, changes, text = choose(tmp_path, loopback, f"FROM nginx:1.27.1@{old} AS web\n", PolicyRule(update=mode))
    assert changes == {"Dockerfile": f"FROM nginx:{tag}@{digests[tag]} AS web\n"}
    assert found[1]["new_digest"] == digests[tag]
    assert found[1].get("new_tag") == (None if mode is UpdateMode.DIGEST else tag)
    assert mode is UpdateMode.DIGEST or f"→ {tag} {digests[tag][7:19]}" in text


def test_an_unpinned_tag_moves_and_is_pinned_in_one_edit(tmp_path, loopback):
    digests = shelf(loopback, "nginx", "1.27.1", "1.27.3")
    _, _, changes, _ = choose(tmp_path, loopback, "FROM nginx:1.27.1\n", PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": f"FROM nginx:1.27.3@{digests['1.27.3']}\n"}


def test_where_a_tag_cannot_be_written_its_digest_moves(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    now = shelf(loopback, "nginx", "1.27.1", "1.27.3")["1.27.1"]
    other = loopback.move("caddy", "1.27.1", "caddy")
    content = f"ARG V=1.27.1\nFROM nginx:${{V}}@{old}\nFROM caddy:${{V}}@{other}\n"
    _, _, changes, _ = choose(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": content.replace(old, now)}


def test_the_tags_of_a_repository_are_listed_once(tmp_path, loopback):
    digests = shelf(loopback, "nginx", "1.27.1", "1.27.3", "1.27.3-alpine")
    content = "".join(f"FROM nginx:{tag}@{pinned}\n" for tag, pinned in digests.items())
    _, asked, _, _ = choose(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert sum(path.startswith("list") for _, path in asked) == 1


def test_a_list_of_tags_that_is_refused_costs_what_is_newer_and_not_the_digest(tmp_path, loopback):
    old, now = loopback.move("nginx", "1.27.1", "old"), loopback.move("nginx", "1.27.1", "now")
    loopback.store.list_tags = lambda repository: {}
    found, _, changes, text = choose(
        tmp_path, loopback, f"FROM nginx:1.27.1@{old}\n", PolicyRule(update=UpdateMode.PATCH)
    )
    assert changes == {"Dockerfile": f"FROM nginx:1.27.1@{now}\n"}
    (note,) = found[1]["notes"]
    assert note.startswith("Newer tags could not be listed: ")
    assert "library/nginx/tags/list" in note
    assert "Newer tags could not be listed: " in text


def test_a_newer_tag_that_is_listed_and_not_there_does_not_hold_its_place_back(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    digests = shelf(loopback, "nginx", "1.27.1", "1.27.3")
    serve = loopback.store.find_manifest
    loopback.store.find_manifest = lambda repository, reference: (
        None if reference == "1.27.3" else serve(repository, reference)
    )
    content = f"FROM nginx:1.27.1@{old}\n"
    found, _, changes, _ = choose(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": content.replace(old, digests["1.27.1"])}
    (note,) = found[1]["notes"]
    assert note.startswith("`1.27.3` is listed and cannot be taken: ")


def test_where_the_farthest_tag_is_held_or_no_image_the_next_one_before_it_is_taken_and_said_why(tmp_path, loopback):
    old = shelf(loopback, "nginx", "1.27.1", "1.27.2", "1.27.3")
    loopback.store.set_tag("library/nginx", "1.27.4", build_index([image_of("lost arm64")]))
    chart = build_artifact("application/vnd.cncf.helm.config.v1+json", [])
    loopback.store.set_tag("library/nginx", "1.27.5", chart)
    content = f"FROM nginx:1.27.1@{old['1.27.1']}\n"
    found, asked, changes, _ = choose(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert changes == {"Dockerfile": f"FROM nginx:1.27.3@{old['1.27.3']}\n"}
    not_there, held = found[1]["notes"]
    assert not_there.startswith("`1.27.5` is listed and cannot be taken: ")
    assert held.startswith("`1.27.4` comes later, and is held (platform-lost): ")
    assert [word for _, word in asked].count("1.27.5") == 1


def test_no_more_tags_are_tried_than_may_be_held_one_after_the_other(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    for number in range(2, 9):
        loopback.store.set_tag("library/nginx", f"1.27.{number}", build_index([image_of(f"lost arm64 {number}")]))
    found, asked, *_ = choose(tmp_path, loopback, f"FROM nginx:1.27.1@{old}\n", PolicyRule(update=UpdateMode.PATCH))
    assert status(found[1]) == ("held", "platform-lost")
    heads = [word for method, word in asked if word.startswith("1.27")]
    assert sorted(heads) == ["1.27.1", "1.27.5", "1.27.6", "1.27.7", "1.27.8"]


def test_where_another_place_has_a_nearer_tag_both_are_judged_by_what_they_hold(tmp_path, loopback):
    old = loopback.move("nginx", "1.27.1", "old")
    before = loopback.store.set_tag("library/nginx", "1.27.3", build_index([image_of("a")]))
    now = loopback.store.set_tag("library/nginx", "1.27.3", build_index([image_of("lost arm64")]))
    loopback.store.set_tag(
        "library/nginx", "1.27.4", chart := build_artifact("application/vnd.cncf.helm.config.v1+json", [])
    )
    content = f"FROM nginx:1.27.1@{old}\nFROM nginx:1.27.3@{before}\n"
    found, *_ = choose(tmp_path, loopback, content, PolicyRule(update=UpdateMode.PATCH))
    assert [status(found[line]) for line in (1, 2)] == [("held", "platform-lost"), ("update", None)]
    assert found[2]["new_digest"] == now
    assert chart.digest not in {place["new_digest"] for place in found.values()}


# ---- lines that are over ---------------------------------------------------------------------------------------------


def test_a_precise_tag_whose_family_went_on_is_superseded_and_names_its_successor(tmp_path, loopback):
    digests = shelf(loopback, "nginx", "1.27.1", "1.27.3")
    content = f"FROM nginx:1.27.1@{digests['1.27.1']}\n"
    found, _, changes, text = choose(tmp_path, loopback, content)
    assert (*status(found[1]), found[1]["successor"]) == ("superseded", "tag-stopped", "1.27.3")
    assert changes == {}
    assert "superseded (tag-stopped): `1.27.3` comes after it" in text
    _, _, changes, _ = choose(tmp_path, loopback, content, PolicyRule(replace_ended=True))
    assert changes == {"Dockerfile": f"FROM nginx:1.27.3@{digests['1.27.3']}\n"}


def test_a_dropped_variant_names_the_one_that_is_kept(tmp_path, loopback):
    digests = shelf(loopback, "nginx", "1.27-alpine3.19", "1.27-alpine3.20", "1.27.1-alpine3.19", "1.27.3-alpine3.20")
    pinned = digests["1.27-alpine3.19"]
    found, *_ = choose(tmp_path, loopback, f"FROM nginx:1.27-alpine3.19@{pinned}\n")
    assert (*status(found[1]), found[1]["successor"]) == ("superseded", "variant-dropped", "1.27-alpine3.20")


@pytest.mark.parametrize(("over", "expected"), [(date(2026, 11, 24), "superseded"), (date(2026, 11, 25), "up-to-date")])
def test_the_operators_word_on_the_end_of_support_counts_from_the_next_day(tmp_path, loopback, over, expected):
    now = loopback.move("python", "3.8", "now")
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", over, "3.13"),)
    found, *_ = choose(tmp_path, loopback, f"FROM python:3.8@{now}\n", end_of_life=ends)
    assert found[1]["status"] == expected
    assert found[1].get("successor") == ("3.13" if expected == "superseded" else None)


def test_the_successor_that_the_operator_names_is_proposed_where_a_rule_replaces_what_is_over(tmp_path, loopback):
    digests = shelf(loopback, "python", "3.8", "3.13")
    content = f"FROM python:3.8@{digests['3.8']}\n"
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", date(2024, 10, 7), "3.13"),)
    _, _, changes, _ = choose(tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=ends)
    assert changes == {"Dockerfile": f"FROM python:3.13@{digests['3.13']}\n"}
    later = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", date(2026, 11, 25), "3.13"),)
    found, *_ = choose(tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=later)
    assert status(found[1]) == ("up-to-date", None)


def test_a_successor_of_another_family_is_named_and_not_proposed(tmp_path, loopback):
    digests = shelf(loopback, "python", "3.8", "3.8-slim", "3.8.20", "3.13")
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8*", date(2024, 10, 7), "3.13"),)
    content = "".join(f"FROM python:{tag}@{digests[tag]}\n" for tag in ("3.8", "3.8-slim", "3.8.20"))
    found, _, changes, _ = choose(tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=ends)
    assert [found[line]["status"] for line in (1, 2, 3)] == ["update", "superseded", "update"]
    assert found[2]["successor"] == "3.13"
    assert changes["Dockerfile"].splitlines()[1] == f"FROM python:3.8-slim@{digests['3.8-slim']}"


def test_a_successor_that_is_not_there_is_named_and_not_proposed(tmp_path, loopback):
    digests = shelf(loopback, "python", "3.8", "3.13")
    ends = (ConfiguredEndOfLife("docker.io/library/python", "3.8", date(2024, 10, 7), "3.99"),)
    content = f"FROM python:3.8@{digests['3.8']}\n"
    found, _, changes, _ = choose(tmp_path, loopback, content, PolicyRule(replace_ended=True), end_of_life=ends)
    assert (*status(found[1]), found[1]["successor"]) == ("superseded", "end-of-life", "3.99")
    assert changes == {}


def test_looking_for_ends_costs_a_tenth_of_a_request_for_each_line(tmp_path, loopback):
    digests = {number: loopback.move(f"app-{number}", "1.0.0", str(number)) for number in range(20)}
    content = "".join(f"FROM app-{number}:1.0.0@{pinned}\n" for number, pinned in digests.items())
    _, asked, _, _ = choose(tmp_path, loopback, content)
    assert sum(method == "HEAD" for method, _ in asked) == 20
    assert len(asked) == 22
