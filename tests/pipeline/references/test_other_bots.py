"""A repository in which another bot updates images: which images are left to that bot, and on which branch."""

from __future__ import annotations

import json
from datetime import date

import pytest
from support.runs.worlds import write_tree

from bot.core.references.select import RepositoryBranch, select_reference
from bot.formats import load_all_formats
from bot.model.decision import SkippedReference, TrackedImage
from bot.model.forge import GitRepository
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.vocabulary import Reason
from bot.pipeline.references.extract import extract_references
from bot.worktree import WorkTree

TODAY = date(2027, 1, 15)
DEPENDABOT = "version: 2\nupdates:\n- package-ecosystem: docker\n  directory: /\n"
RENOVATE = json.dumps({"extends": ["config:recommended"], "baseBranchPatterns": ["$default", "release/2"]})
FILES = {"Dockerfile": "FROM golang:1.22\nFROM alpine:latest\n", "bake/docker-bake.hcl": ""}


def survey_files(tmp_path, files, branch="main", *, is_default=True):
    repository = GitRepository("github", "acme/web", branch, "0" * 40, is_default_base=is_default)
    return extract_references(
        repository, WorkTree(write_tree(tmp_path / "tree", {**FILES, **files})), load_all_formats()
    )


def list_reasons(found, *rules):
    home = RepositoryBranch("acme/web", "main")
    decided = [select_reference(PolicyConfig(rules=rules), home, reference, TODAY) for reference in found.references]
    assert all(isinstance(each, TrackedImage | SkippedReference) for each in decided)
    return [each.reason if isinstance(each, SkippedReference) else None for each in decided]


@pytest.mark.parametrize(
    ("files", "branch", "is_default", "expected"),
    [
        ({".github/dependabot.yml": DEPENDABOT}, "main", True, Reason.OTHER_WRITER),
        ({".github/dependabot.yml": DEPENDABOT}, "release/2", False, None),
        ({".github/dependabot.yml": f"{DEPENDABOT}  target-branch: release/2\n"}, "main", True, None),
        (
            {".github/dependabot.yml": f"{DEPENDABOT}  target-branch: release/2\n"},
            "release/2",
            False,
            Reason.OTHER_WRITER,
        ),
        ({"renovate.json": RENOVATE}, "main", True, Reason.OTHER_WRITER),
        ({"renovate.json": RENOVATE}, "release/2", False, Reason.OTHER_WRITER),
        ({"renovate.json": RENOVATE}, "release/1", False, None),
        ({"renovate.json": "{}"}, "release/2", False, None),
        ({"docs/renovate.json": "{}", "dependabot.yml": DEPENDABOT}, "main", True, None),
    ],
)
def test_image_is_skipped_on_branches_that_dependabot_or_renovate_updates(
    tmp_path, files, branch, is_default, expected
):
    found = survey_files(tmp_path, files, branch, is_default=is_default)
    assert list_reasons(found) == [expected, None]


def test_rule_can_allow_updates_of_images_that_another_bot_updates(tmp_path):
    found = survey_files(tmp_path, {"renovate.json": "{}", ".github/dependabot.yml": DEPENDABOT})
    assert list_reasons(found) == [Reason.OTHER_WRITER, None]
    assert list_reasons(found, PolicyRule(allow=(Reason.OTHER_WRITER,))) == [None, None]
    assert list_reasons(found, PolicyRule(allow=(Reason.EMBEDDED,))) == [Reason.OTHER_WRITER, None]


def test_images_are_updated_and_noted_if_config_of_another_bot_is_invalid(tmp_path):
    found = survey_files(tmp_path, {"renovate.json": "{ golang", ".github/dependabot.yml": "- golang: ["})
    assert found.unsupported == ()
    assert found.failures == ()
    assert not found.may_hide_image("docker.io/library/golang")
    assert list_reasons(found) == [None, None]
    golang = found.references[0]
    assert [note.partition(" ")[0] for note in golang.notes] == ["renovate.json", ".github/dependabot.yml"]
