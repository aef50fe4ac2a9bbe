"""Update entries of Dependabot, as rules of basebump."""

from __future__ import annotations

import pytest

from bot.starter.dependabot import translate_dependabot

FORMATS = {"format": ("dockerfile", "kubernetes", "helm")}


def translate(*entries):
    return translate_dependabot(".github/dependabot.yml", {"version": 2, "updates": list(entries)})


def list_rules(**options):
    translation = translate({"package-ecosystem": "docker", **options})
    return [(dict(each.match), dict(each.keys)) for each in translation.rules]


def test_dependabot_config_without_images_is_not_translated():
    assert translate({"package-ecosystem": "npm", "directory": "/"}) is None
    assert translate_dependabot("x", {"updates": "none"}) is None


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        ({"directory": "/"}, ("*",)),
        ({"directory": "/services/web/"}, ("services/web/*",)),
        ({"directories": ["/a", "/b/*", "/c/**"]}, ("a/*", "b/*/*", "c/**")),
    ],
)
def test_dependabot_directories_are_translated_to_path_globs(options, paths):
    assert list_rules(**options) == [({**FORMATS, "path": paths}, {"update": "major"})]


def test_labels_assignees_schedule_and_cooldown_are_translated_to_policy_keys():
    ((_, keys),) = list_rules(
        labels=["docker"],
        assignees=["bob"],
        schedule={"interval": "weekly", "day": "tuesday", "time": "05:00", "timezone": "Europe/Berlin"},
        cooldown={"default-days": 5},
    )
    assert keys == {
        "labels": ("docker",),
        "assignees": ("bob",),
        "schedule": {"cron": "* * * * 2", "timezone": "Europe/Berlin"},
        "min_age": "5d",
        "update": "major",
    }


@pytest.mark.parametrize(
    ("ignored", "match", "keys"),
    [
        ({"dependency-name": "node"}, {"image": ("docker.io/library/node",)}, {"ignore": True}),
        (
            {"dependency-name": "ghcr.io/*", "update-types": ["version-update:semver-major"]},
            {"image": ("ghcr.io/*",)},
            {"update": "minor"},
        ),
        ({"dependency-name": "*"}, {}, {"ignore": True}),
    ],
)
def test_dependabot_ignore_is_translated_to_ignore_or_lower_update_mode(ignored, match, keys):
    assert list_rules(ignore=[ignored])[0] == ({**match, **FORMATS}, keys)


def test_dependabot_ignore_of_single_versions_is_narrowed_to_digest_updates():
    ((match, keys), _) = list_rules(ignore=[{"dependency-name": "node", "versions": ["1.x"]}])
    assert (match["image"], keys) == (("docker.io/library/node",), {"update": "digest"})


def test_ignored_name_that_cannot_be_converted_applies_to_all_images_of_the_entry():
    assert list_rules(ignore=[{"dependency-name": "a b"}])[0] == (FORMATS, {"ignore": True})


def test_each_dependabot_ignore_of_an_entry_sets_the_narrowest_limit_of_all():
    types = [["version-update:semver-major"], ["version-update:semver-major", "version-update:semver-minor"]]
    rules = list_rules(ignore=[{"dependency-name": "node", "update-types": each} for each in types])
    assert [keys for match, keys in rules if "image" in match] == [{"update": "patch"}] * 2


@pytest.mark.parametrize(
    "restriction",
    [{"allow": [{"dependency-name": "node"}]}, {"exclude-paths": ["test/**"]}, {"patterns": ["node"]}],
)
def test_dependabot_restriction_without_equivalent_ignores_all_images_of_the_entry(restriction):
    assert (FORMATS, {"ignore": True}) in list_rules(**restriction)


def test_dependabot_group_of_patterns_is_translated_to_group_rule():
    assert list_rules(groups={"base": {"patterns": ["node", "python"]}})[0] == (
        {"image": ("docker.io/library/node", "docker.io/library/python"), **FORMATS},
        {"group": "base"},
    )


@pytest.mark.parametrize(
    ("options", "origin"),
    [
        ({"ignore": [{"dependency-name": "node", "versions": ["1.x"]}]}, "ignore in "),
        ({"ignore": [{"dependency-name": "node", "update-types": ["other"]}]}, "ignore in "),
        ({"groups": {"a": {"update-types": ["minor"]}}}, "groups.a in "),
        ({"schedule": {"interval": "hourly"}}, "schedule in "),
        ({"cooldown": {"semver-major-days": 3}}, "cooldown in "),
        ({"directory": "/{a,b}"}, "directories in "),
        ({"open-pull-requests-limit": 3}, ""),
    ],
)
def test_dependabot_setting_without_equivalent_is_reported(options, origin):
    (untranslated,) = translate({"package-ecosystem": "docker", **options}).untranslated
    assert untranslated.origin == f"{origin}updates[0] of .github/dependabot.yml"
