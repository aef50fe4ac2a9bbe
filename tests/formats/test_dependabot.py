"""Dependabot configs: the settings that are read. The cases in `dependabot/` show their effect."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.formats.dependabot import FORMAT
from bot.model.cross_file import DependabotConfig
from bot.model.source import FilePath, SourceFile
from bot.model.updater import BotUpdateType, DependabotUpdate, IgnoredImages

PATH = FilePath(".github/dependabot.yml")
WORDS = st.sampled_from(
    [
        "version",
        "updates",
        "package-ecosystem",
        "docker",
        "helm",
        "directory",
        "directories",
        "/",
        "/a/**",
        "ignore",
        "allow",
        "dependency-name",
        "*",
        "update-types",
        "version-update:semver-major",
        "target-branch",
        "open-pull-requests-limit",
        "0",
        "2",
    ]
)
VALUES = st.recursive(
    st.none() | st.integers(0, 3) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def read(content):
    return list(FORMAT.extract(SourceFile(PATH, content.encode() if isinstance(content, str) else content)))


def read_update(entry):
    """Return the updates that are read from one entry for Docker."""
    (config,) = read(yaml.safe_dump({"version": 2, "updates": [{"package-ecosystem": "docker", **entry}]}))
    (found,) = config.updates
    return found


@given(VALUES)
def test_arbitrary_dependabot_configs_raise_no_error(value):
    written = yaml.safe_dump({"version": 2, "updates": value})
    assert all(isinstance(found, DependabotConfig) and not found.problem for found in read(written))


@given(st.binary(max_size=60))
def test_arbitrary_bytes_as_dependabot_config_raise_no_error(content):
    assert all(isinstance(found, DependabotConfig) for found in read(content))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "cannot be read"),
        ("a: [", "cannot be read"),
        (b"\xff\xfea\0", "cannot be read"),
        ("updates: []\n", "does not have `version: 2`"),
        ("version: 1\nupdates: []\n", "does not have `version: 2`"),
        ("- version: 2\n", "does not have `version: 2`"),
    ],
)
def test_invalid_dependabot_config_is_read_with_a_described_problem(content, problem):
    assert read(content) == [DependabotConfig(PATH, (), problem)]


@pytest.mark.parametrize("ecosystem", ["npm", "github-actions", "terraform", "devcontainers"])
def test_dependabot_config_without_image_ecosystem_is_ignored(ecosystem):
    assert read(f"version: 2\nupdates:\n- package-ecosystem: {ecosystem}\n  directory: /\n") == []


def test_dependabot_update_is_read_with_line_folders_and_branch():
    content = (
        'version: 2\nupdates:\n  - directory: "/a/"\n    package-ecosystem: "helm"\n    target-branch: next\n'
        "  - package-ecosystem: docker\n    directories: [/, ./b, '/c/**']\n"
    )
    assert read(content)[0].updates == (
        DependabotUpdate(3, "helm", ("a",), "next"),
        DependabotUpdate(6, "docker", ("", "b", "c/**")),
    )


def test_dependabot_update_with_pull_request_limit_zero_is_ignored():
    limit = "version: 2\nupdates:\n- package-ecosystem: docker\n  directory: /\n  open-pull-requests-limit: {}\n"
    assert read(limit.format(0)) == []
    assert len(read(limit.format(5))) == 1


def test_dependabot_ignore_entry_covers_all_or_only_listed_update_types():
    major, every = ["version-update:semver-major"], list(BotUpdateType)
    assert read_update({"ignore": [{"dependency-name": "a"}]}).ignored_images == (IgnoredImages("a", frozenset(every)),)
    for types in (major, *major):
        ignored = read_update({"ignore": [{"dependency-name": "a", "update-types": types}]}).ignored_images
        assert ignored == (IgnoredImages("a", frozenset({BotUpdateType.MAJOR})),)
    assert read_update({"ignore": [{"update-types": major}]}).ignored_images == (
        IgnoredImages("*", frozenset({BotUpdateType.MAJOR})),
    )


def test_dependabot_entry_that_ignores_versions_does_not_ignore_the_image():
    assert read_update({"ignore": [{"dependency-name": "a", "versions": [">= 4"]}]}).ignored_images == ()


def test_dependabot_allow_entry_without_name_allows_images_of_any_name():
    assert read_update({"allow": [{"dependency-name": "a"}, {"dependency-name": "b*"}]}).allowed_names == ("a", "b*")
    assert read_update({"allow": [{"dependency-name": "a"}, {"dependency-type": "direct"}]}).allowed_names == ()


def test_long_list_of_dependabot_updates_is_read_completely():
    """An update that is left out would be an image that Dependabot and basebump both update."""
    entries = "- package-ecosystem: docker\n  directory: /\n" * 2_000
    (found,) = read(f"version: 2\nupdates:\n{entries}")
    assert len(found.updates) == 2_000


def test_long_lists_inside_a_dependabot_update_are_read_completely():
    names = [{"dependency-name": "a"}] * 1_000
    found = read_update({"directories": ["/a"] * 1_000, "ignore": names, "allow": names})
    assert len(found.folders) == len(found.ignored_images) == len(found.allowed_names) == 1_000
