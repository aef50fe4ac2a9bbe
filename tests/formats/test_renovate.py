"""Renovate configs: the settings that are read. The cases in `renovate/` show their effect."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.formats._syntax.renovate.presets import resolve_presets
from bot.formats._syntax.renovate.settings import read_renovate_settings
from bot.formats.renovate import FORMAT
from bot.model.cross_file import RenovateConfig
from bot.model.source import FilePath, SourceFile
from bot.model.updater import BotUpdateType, PackageRule, RenovateSettings, UpdateTypeSettings

MODULES = ("**/node_modules/**", "**/bower_components/**")
OFF = UpdateTypeSettings(enabled=False)
OPTIONS = st.sampled_from(
    [
        "extends",
        "ignorePresets",
        "enabled",
        "packageRules",
        "matchPackageNames",
        "matchManagers",
        "matchUpdateTypes",
        "dockerfile",
        "docker",
        "managerFilePatterns",
        "fileMatch",
        "ignorePaths",
        "includePaths",
        "ignoreDeps",
        "pinDigests",
        "major",
        "digest",
        "customManagers",
        "datasourceTemplate",
        "baseBranches",
        "renovate",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["docker", "config:recommended", "local>a/b", "*", "/(/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(OPTIONS, inner, max_size=4),
    max_leaves=10,
)


def read(content, path="renovate.json"):
    return list(FORMAT.extract(SourceFile(FilePath(path), content)))


def read_rule(**matchers):
    (found,) = read_renovate_settings({"packageRules": [{"enabled": False, **matchers}]}).rules
    return found


@given(st.dictionaries(OPTIONS, VALUES, max_size=6))
def test_arbitrary_renovate_config_objects_raise_no_error(config):
    (found,) = read(json.dumps(config).encode())
    assert isinstance(found, RenovateConfig)
    assert isinstance(found.settings, RenovateSettings)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_as_renovate_config_raise_no_error(content):
    assert all(isinstance(found, RenovateConfig) for found in read(content))


def test_renovate_config_that_is_not_an_object_has_no_settings():
    for content in (b"[]", b'"x"', b"", b"{"):
        (found,) = read(content)
        assert found.settings is None


@pytest.mark.parametrize("content", [b"{}", b'{"description": "renovate"}', b'{"renovate": null}', b"{ renovate"])
def test_package_json_without_renovate_key_is_not_a_renovate_config(content):
    assert read(content, "package.json") == []


def test_package_json_with_invalid_renovate_key_is_a_broken_config():
    (found,) = read(b'{"renovate": "github>acme/config"}', "package.json")
    assert found.settings is None


def test_config_files_are_ranked_in_search_order_of_renovate():
    paths = ["package.json", ".renovaterc.json", ".gitlab/renovate.json", ".github/renovate.json5", "renovate.json5"]
    ranks = [read(b'{"renovate": {}}', path)[0].rank for path in [*paths, "renovate.json", "config/named-by-us.json"]]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(ranks)


def test_renovate_settings_ignore_module_folders_by_default():
    assert read_renovate_settings({}) == RenovateSettings(ignored_paths=MODULES)


def test_renovate_presets_are_applied_in_order_and_before_the_config():
    extends = ["config:recommended", ":includeNodeModules", "docker:disableMajor"]
    settings = read_renovate_settings(
        {"extends": extends, "packageRules": [{"matchManagers": ["helmv3"], "enabled": True}]}
    )
    assert settings.ignored_paths == ()
    assert [each.managers or each.datasources for each in settings.rules] == [("docker",), ("helmv3",)]
    assert read_renovate_settings({"extends": list(reversed(extends))}).ignored_paths != ()


def test_renovate_best_practices_preset_pins_digests_and_ignores_tests():
    settings = read_renovate_settings({"extends": ["config:best-practices"]})
    assert "**/tests/**" in settings.ignored_paths
    assert settings.rules[0] == PackageRule(UpdateTypeSettings(pin_digests=True), datasources=("docker",))
    without = read_renovate_settings({"extends": ["config:best-practices"], "ignorePresets": ["docker:pinDigests"]})
    assert without.rules == ()


@pytest.mark.parametrize(
    ("preset", "is_elsewhere"),
    [
        ("config:recommended", False),
        ("default:ignoreModulesAndTests", False),
        (":semanticCommits", False),
        ("group:allNonMajor", False),
        (":timezone(America/New_York)", False),
        ("helpers:pinGitHubActionDigests", False),
        ("github>acme/renovate-config", True),
        ("local>acme/config:docker", True),
        ("gitlab>acme/config//a.json5#1.0", True),
        ("https://example.com/a.json", True),
        ("@acme", True),
        ("acme", True),
        ("acme:base", True),
    ],
)
def test_presets_not_shipped_with_renovate_are_listed_as_unread(preset, is_elsewhere):
    _, unread = resolve_presets({"extends": [preset]})
    assert unread == [preset] * is_elsewhere


def test_lone_surrogate_in_renovate_preset_is_replaced():
    (found,) = read(rb'{"extends": ["local>\ud800"]}')
    assert found.settings.unread_presets == ("local>?",)


@pytest.mark.parametrize(
    ("matchers", "names"),
    [
        ({"matchPackageNames": ["nginx", "!redis"]}, ("nginx", "!redis")),
        ({"matchPackageNames": "nginx"}, ("nginx",)),
        ({"matchDepNames": ["nginx"]}, ("nginx",)),
        ({"matchPackagePatterns": ["^acme/"]}, ("/^acme//",)),
        ({"matchPackagePatterns": ["*"]}, ("*",)),
        ({"matchPackagePrefixes": ["ghcr.io/acme"]}, ("ghcr.io/acme**",)),
        ({"excludePackageNames": ["nginx"]}, ("!nginx",)),
        ({"matchPackagePatterns": [".*"], "excludePackagePatterns": ["^a"]}, ("/.*/", "!/^a/")),
    ],
)
def test_matchers_of_older_renovate_releases_become_name_patterns(matchers, names):
    assert read_rule(**matchers) == PackageRule(OFF, names=names)


@pytest.mark.parametrize(
    "matchers",
    [
        {"matchPackageNames": ["a"], "matchSourceUrls": ["b"]},
        {"matchPackageNames": ["a"], "matchDepNames": ["b"]},
        {"matchDepTypes": ["stage"]},
        {"extends": ["monorepo:react"]},
        {},
    ],
)
def test_renovate_rule_with_unknown_matchers_is_uncertain(matchers):
    assert not read_rule(**matchers).is_certain


def test_renovate_rules_without_effect_are_dropped_but_matched_names_are_kept():
    rules = [{"matchDatasources": ["docker"], "automerge": True}, {"matchManagers": ["flux"], "groupName": "flux"}]
    settings = read_renovate_settings({"packageRules": rules * 1000})
    assert settings.rules == ()
    assert settings.named_in_rules == {"docker", "flux"}


def test_long_lists_of_renovate_rules_and_patterns_are_read_completely():
    """A rule that was left out could be the one that enables or disables the updates of an image."""
    patterns = [f"name-{number}" for number in range(1000)]
    rules = read_renovate_settings({"packageRules": [{"matchPackageNames": patterns, "enabled": False}] * 1000}).rules
    assert (len(rules), rules[-1].names) == (1000, tuple(patterns))


def test_renovate_manager_settings_are_merged_from_presets_and_config():
    settings = read_renovate_settings(
        {
            "extends": ["docker:disable"],
            "dockerfile": {"enabled": True, "fileMatch": ["\\.df$"], "managerFilePatterns": ["**/*.docker"]},
            "kubernetes": {"ignorePaths": ["a"], "digest": {"enabled": False}},
            "major": {"enabled": False},
        }
    )
    told = {each.manager: each for each in settings.managers}
    assert told["dockerfile"].settings.enabled is True
    assert told["dockerfile"].patterns == ("**/*.docker", "/\\.df$/")
    assert told["circleci"].settings == OFF
    assert told["kubernetes"].ignored_paths == ("a",)
    assert told["kubernetes"].settings.by_update_type == ((BotUpdateType.DIGEST, False),)
    assert settings.settings.by_update_type == ((BotUpdateType.MAJOR, False),)


def test_docker_option_of_older_renovate_releases_disables_docker_datasource():
    assert read_renovate_settings({"docker": {"enabled": False}}).rules == (PackageRule(OFF, datasources=("docker",)),)
