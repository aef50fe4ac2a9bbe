"""Update entries of Dependabot, as rules of basebump."""

from __future__ import annotations

import pytest
from support.git import DiskRepository
from support.runs.worlds import write_tree

from bot.starter.dependabot import translate_dependabot

FORMATS = {"format": ("dockerfile", "kubernetes", "skaffold", "helm")}
NODE = ("docker.io/library/node", "*/node")


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
        ({"directory": ""}, ("*",)),
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
        ({"dependency-name": "Node"}, {"image": NODE}, {"ignore": True}),
        ({"dependency-name": "acme/web"}, {"image": ("*/acme/web",)}, {"ignore": True}),
        (
            {"dependency-name": "ghcr.io/*", "update-types": ["version-update:semver-major"]},
            {"image": ("*/ghcr.io/**", "ghcr.io/**")},
            {"update": "minor"},
        ),
        ({"dependency-name": "*"}, {}, {"ignore": True}),
    ],
)
def test_dependabot_ignore_is_translated_to_ignore_or_lower_update_mode(ignored, match, keys):
    assert list_rules(ignore=[ignored])[0] == ({**match, **FORMATS}, keys)


def test_dependabot_ignore_of_single_versions_is_narrowed_to_digest_updates():
    ((match, keys), _) = list_rules(ignore=[{"dependency-name": "node", "versions": ["1.x"]}])
    assert (match["image"], keys) == (NODE, {"update": "digest"})


def test_ignored_name_that_cannot_be_converted_applies_to_all_images_of_the_entry():
    assert list_rules(ignore=[{"dependency-name": "a b"}])[0] == (FORMATS, {"ignore": True})


def test_narrowest_dependabot_ignore_of_an_image_comes_first():
    types = [["version-update:semver-major"], ["version-update:semver-major", "version-update:semver-minor"]]
    rules = list_rules(ignore=[{"dependency-name": "node", "update-types": each} for each in types])
    assert [keys for match, keys in rules if "image" in match] == [{"update": "patch"}, {"update": "minor"}]


def test_excluded_paths_of_dependabot_are_ignored_in_every_folder():
    assert list_rules(**{"exclude-paths": ["test/**"]})[0] == (
        {**FORMATS, "path": ("**/test", "**/test/**")},
        {"ignore": True},
    )


@pytest.mark.parametrize("option", ["allow", "patterns"])
def test_images_that_a_dependabot_list_does_not_permit_are_ignored(option):
    name = {"dependency-name": "node"} if option == "allow" else "node"
    assert list_rules(**{option: [name]}) == [
        ({"image": NODE, **FORMATS}, {"ignore": False, "update": "major"}),
        (FORMATS, {"ignore": True}),
    ]


def test_allowed_pattern_of_dependabot_permits_only_known_images_that_match():
    entry = {"package-ecosystem": "docker", "allow": [{"dependency-name": "acme/*"}]}
    images = ["ghcr.io/acme/web", "docker.io/library/node", "docker.io/acme/api"]
    first, _ = translate_dependabot("x", {"updates": [entry]}, images).rules
    assert first.match["image"] == ("docker.io/acme/api", "ghcr.io/acme/web")


@pytest.mark.parametrize(
    "restriction",
    [
        {"exclude-paths": ["{a,b}/**"]},
        {"open-pull-requests-limit": 0},
        {"schedule": {"interval": "hourly"}},
        {"schedule": {"interval": "daily", "timezone": "Mars/Olympus"}},
        {"cooldown": {"default-days": "soon"}},
        {"allow": [{"dependency-name": "node", "update-types": ["minor"]}]},
    ],
)
def test_dependabot_restriction_without_equivalent_ignores_all_images_of_the_entry(restriction):
    assert (FORMATS, {"ignore": True}) in list_rules(**restriction)


def test_longest_cooldown_of_dependabot_applies_to_all_images():
    ((_, keys),) = list_rules(cooldown={"default-days": 3, "semver-major-days": 14, "exclude": ["node"]})
    assert keys["min_age"] == "14d"


def test_images_of_dependabot_entry_are_ignored_on_branches_other_than_the_target():
    rules = list_rules(**{"directory": "/", "target-branch": "develop"})
    scope = {**FORMATS, "path": ("*",)}
    assert rules == [
        ({**scope, "base_branch": ("develop",)}, {"ignore": False, "update": "major"}),
        (scope, {"ignore": True}),
    ]


def test_target_branches_of_all_dependabot_entries_become_base_branches():
    entries = [{"package-ecosystem": "docker", "directory": f"/{each}", "target-branch": each} for each in "ab"]
    assert translate(*entries).base_branches == ("a", "b")
    mixed = translate(*entries, {"package-ecosystem": "docker", "directory": "/"})
    assert (mixed.base_branches, len(mixed.untranslated)) == ((), 2)


def test_dependabot_folder_without_a_glob_is_ignored_unless_another_entry_covers_it():
    entries = [{"package-ecosystem": "docker", "directory": each} for each in ("/{a,b}", "/c")]
    rules = [(dict(each.match), dict(each.keys)) for each in translate(*entries).rules]
    assert "`/{a,b}`" in translate(*entries).untranslated[0].reason
    assert rules == [
        ({**FORMATS, "path": ("c/*",)}, {"ignore": False, "update": "major"}),
        (FORMATS, {"ignore": True}),
    ]


def test_group_of_several_ecosystems_sets_the_schedule_of_its_entries():
    document = {
        "multi-ecosystem-groups": {"infra": {"schedule": {"interval": "weekly"}}},
        "updates": [{"package-ecosystem": "docker", "multi-ecosystem-group": "infra", "patterns": ["*"]}],
    }
    (rule,) = translate_dependabot("x", document).rules
    assert rule.keys["schedule"] == {"cron": "* * * * 1", "timezone": "UTC"}


def test_dependabot_strategy_without_rebases_is_translated_to_rebase_key():
    assert list_rules(**{"rebase-strategy": "disabled"}) == [(FORMATS, {"rebase": "never", "update": "major"})]


def test_dependabot_group_of_patterns_is_translated_to_group_rule():
    assert list_rules(groups={"base": {"patterns": ["node", "python"]}})[0] == (
        {"image": (*NODE, "docker.io/library/python", "*/python"), **FORMATS},
        {"group": "base"},
    )


@pytest.mark.parametrize(
    ("options", "origin"),
    [
        ({"ignore": [{"dependency-name": "node", "versions": ["1.x"]}]}, "ignore[0] in "),
        ({"ignore": [{"dependency-name": "node", "update-types": ["other"]}]}, "ignore[0] in "),
        ({"ignore": ["node"]}, "ignore[0] in "),
        ({"allow": [{"dependency-name": "node", "dependency-type": "production"}]}, "allow[0] in "),
        ({"exclude-paths": ["../a"]}, "exclude-paths in "),
        ({"groups": {"a": {"update-types": ["minor"]}}}, "groups.a in "),
        ({"schedule": {"interval": "hourly"}}, "schedule in "),
        ({"cooldown": {"semver-major-days": 3}}, "cooldown in "),
        ({"cooldown": {"default-days": 1000}}, "cooldown in "),
        ({"directory": "/{a,b}"}, "directory in "),
        ({"target-branch": "release/*"}, "target-branch in "),
        ({"open-pull-requests-limit": 0}, "open-pull-requests-limit in "),
        ({"milestone": 3}, ""),
    ],
)
def test_dependabot_setting_without_equivalent_is_reported(options, origin):
    first, *_ = translate({"package-ecosystem": "docker", **options}).untranslated
    assert first.origin == f"{origin}updates[0] of .github/dependabot.yml"


def test_dependabot_settings_are_reported_with_line_numbers(tmp_path, basebump):
    config = """\
version: 2
updates:
  - package-ecosystem: docker
    directory: /
    schedule:
      interval: hourly
    ignore:
      - dependency-name: node
        versions: [1.x]
"""
    folder = write_tree(tmp_path, {"Dockerfile": "FROM node:22\n", ".github/dependabot.yml": config})
    _, out, _ = basebump("init", folder)
    assert "  schedule in updates[0] of .github/dependabot.yml:5: the interval `hourly` has no" in out
    write_tree(folder, {".github/dependabot.yml": config.replace("hourly", "daily")})
    (folder / "basebump.yaml").unlink()
    _, out, _ = basebump("init", folder)
    assert "  ignore[0] in updates[0] of .github/dependabot.yml:8: basebump cannot ignore single versions" in out
    assert "# From ignore[0] in updates[0] of .github/dependabot.yml:8\n" in (folder / "basebump.yaml").read_text()


def test_init_writes_the_target_branches_of_dependabot_as_base_branches(tmp_path, basebump):
    config = "version: 2\nupdates:\n- {package-ecosystem: docker, directory: /, target-branch: develop}\n"
    folder = write_tree(tmp_path, {"Dockerfile": "FROM node:22\n", ".github/dependabot.yml": config})
    DiskRepository(folder).run("init", "--quiet")
    DiskRepository(folder).run("remote", "add", "origin", "https://github.com/acme/web")
    assert basebump("init", folder)[0] == 0
    assert "\n    base_branches: [develop]\n" in (folder / "basebump.yaml").read_text()
    assert basebump("config", "check", folder / "basebump.yaml")[0] == 0
