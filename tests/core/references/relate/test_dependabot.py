"""Tests that images which Dependabot updates are left to it. More cases are in tests/formats/dependabot."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.budgets import TreeBudget, WorkLimitError
from bot.core.references.relate.dependabot import assign_to_dependabot
from bot.model.cost_limits import COMPARED_BYTES
from bot.model.cross_file import DependabotConfig, TreeBranch
from bot.model.image_name import ImageName
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span, UnsupportedText
from bot.model.updater import BotUpdateType, DependabotUpdate, IgnoredImages
from bot.model.vocabulary import Reason, Role

PATH = FilePath(".github/dependabot.yml")
SLOT = EditSlot(Span(10, 10), b"", prefix=b"@")


def build_reference(written="golang:1.22", path="Dockerfile", file_format="dockerfile", locator="stage[0]", slot=SLOT):
    reference = ImageName.parse(written)
    return Reference(FilePath(path), 1, file_format, locator, written, reference, Role.BASE, slot, slot)


def build_config(*folders, ecosystem="docker", **more):
    return DependabotConfig(PATH, (DependabotUpdate(3, ecosystem, folders or ("",), **more),))


def is_left_to_dependabot(found, *remarks):
    (left,) = assign_to_dependabot((found,), remarks, TreeBudget())
    if left == found:
        return False
    assert left.digest_slot == left.tag_slot == NotEditable(Reason.OTHER_WRITER, SLOT)
    assert re.match(rf"Dependabot .* {PATH}:3; .* `allow: \[other-writer\]`", *left.notes)
    return True


@pytest.mark.parametrize(
    ("target", "branch", "expected"),
    [
        (None, TreeBranch("main", is_default=True), True),
        (None, TreeBranch("release", is_default=False), False),
        ("release", TreeBranch("main", is_default=True), False),
        ("release", TreeBranch("release", is_default=False), True),
    ],
)
def test_dependabot_updates_only_default_branch_unless_target_branch_is_set(target, branch, expected):
    assert is_left_to_dependabot(build_reference(), build_config(branch=target), branch) is expected


@pytest.mark.parametrize("target", [None, "release"])
def test_image_is_left_to_dependabot_for_any_target_branch_if_branch_is_unknown(target):
    assert is_left_to_dependabot(build_reference(), build_config(branch=target))


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        ("", "Dockerfile", True),
        ("", "a/Dockerfile", False),
        ("a", "a/Dockerfile", True),
        ("a", "a/b/Dockerfile", False),
        ("*", "a/Dockerfile", True),
        ("*", "Dockerfile", False),
        ("**", "a/b/Dockerfile", True),
        ("**/*", "a/b/Dockerfile", True),
        ("**/*", "Dockerfile", True),
        ("a/**", "a/Dockerfile", True),
        ("a/**", "a/b/Dockerfile", True),
        ("a/**/*", "a/Dockerfile", True),
        ("a/**", "b/Dockerfile", False),
        ("a/**", "Dockerfile", False),
        ("**", "Dockerfile", True),
        ("lib-*", "lib-x/Dockerfile", True),
        ("lib-*", "lib-x/y/Dockerfile", False),
    ],
)
def test_dependabot_directory_covers_files_in_subfolders_only_with_globs(folder, path, expected):
    assert is_left_to_dependabot(build_reference(path=path), build_config(folder)) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("golang:1.22", True),
        ("golang:1.22-alpine", True),
        ("golang:latest", False),
        ("debian:bookworm", False),
        (f"golang:latest@sha256:{'a' * 64}", True),
        ("app:v1", True),
    ],
)
def test_version_tags_and_digests_are_left_to_dependabot(written, expected):
    assert is_left_to_dependabot(build_reference(written), build_config()) is expected


@pytest.mark.parametrize(
    ("name", "written", "expected"),
    [
        ("golang", "golang:1.22", False),
        ("go", "golang:1.22", True),
        ("GO*", "golang:1.22", False),
        ("*", "ghcr.io/acme/web:1.2", False),
        ("acme/*", "ghcr.io/acme/web:1.2", False),
        ("*/web", "ghcr.io/acme/web:1.2", False),
        ("*me*we*", "ghcr.io/acme/web:1.2", False),
        ("ghcr.io/*", "ghcr.io/acme/web:1.2", True),
        ("a*a", "a:1.2", True),
    ],
)
def test_dependabot_ignore_matches_image_name_without_registry_and_with_stars(name, written, expected):
    assert (
        is_left_to_dependabot(build_reference(written), build_config(ignored_images=(IgnoredImages(name),))) is expected
    )


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", min_size=1, max_size=8))
def test_star_in_dependabot_ignore_matches_any_text(pattern, name):
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is None
    assert (
        is_left_to_dependabot(build_reference(f"{name}:1"), build_config(ignored_images=(IgnoredImages(pattern),)))
        is expected
    )


def test_image_is_left_to_dependabot_unless_all_possible_updates_are_ignored():
    ignored = (IgnoredImages("*", frozenset({BotUpdateType.MAJOR})),)
    assert not is_left_to_dependabot(build_reference("golang:1"), build_config(ignored_images=ignored))
    assert is_left_to_dependabot(build_reference("golang:1.22"), build_config(ignored_images=ignored))
    assert is_left_to_dependabot(build_reference(f"golang:1@sha256:{'a' * 64}"), build_config(ignored_images=ignored))


def test_only_images_in_allow_list_are_left_to_dependabot():
    assert is_left_to_dependabot(build_reference(), build_config(allowed_names=("golang",)))
    assert not is_left_to_dependabot(build_reference(), build_config(allowed_names=("node", "redis*")))


@pytest.mark.parametrize(
    ("found", "ecosystem", "expected"),
    [
        (build_reference(locator="stage[0].copy[0]"), "docker", False),
        (build_reference(path="build.df"), "docker", False),
        (build_reference(path="Dockerfile"), "docker-compose", False),
        (
            build_reference(path="compose.yaml", file_format="compose", locator="0/services/a/image"),
            "docker-compose",
            True,
        ),
        (
            build_reference(path="docker-stack.yaml", file_format="compose", locator="0/services/a/image"),
            "docker-compose",
            False,
        ),
        (
            build_reference(path="pod.yaml", file_format="kubernetes", locator="0/spec/containers/0/image"),
            "docker",
            True,
        ),
        (
            build_reference(path="pod.json", file_format="kubernetes", locator="0/spec/containers/0/image"),
            "docker",
            False,
        ),
        (build_reference(path="a.yaml", file_format="kubernetes", locator="0/spec/images/0"), "docker", False),
        (
            build_reference(path="a.yaml", file_format="kubernetes", locator="0/data/p.yaml>0/spec/image"),
            "docker",
            False,
        ),
        (build_reference(path="values.yaml", file_format="helm", locator="0/initImage"), "helm", True),
        (build_reference(path="values-prod.yaml", file_format="helm", locator="0/image"), "helm", False),
        (build_reference(path="values-prod.yaml", file_format="helm", locator="0/image"), "docker", True),
        (build_reference(path="docker-bake.hcl", file_format="bake", locator="target.a"), "docker", False),
    ],
)
def test_each_dependabot_ecosystem_covers_only_files_that_dependabot_reads(found, ecosystem, expected):
    assert is_left_to_dependabot(found, build_config(ecosystem=ecosystem)) is expected


def test_lock_of_dependabot_image_keeps_earlier_uncertain_lock_as_further_reason():
    warned = build_reference(slot=NotEditable(Reason.ACR_TASK, SLOT, is_certain=False))
    (left,) = assign_to_dependabot((warned,), [build_config()], TreeBudget())
    assert left.digest_slot == NotEditable(
        Reason.OTHER_WRITER, SLOT, is_certain=False, further_reasons=(Reason.ACR_TASK,)
    )


def test_permanently_locked_reference_keeps_reason_if_dependabot_updates_file():
    closed = build_reference(slot=NotEditable(Reason.SHARED_ARGUMENT))
    assert assign_to_dependabot((closed,), [build_config()], TreeBudget()) == (closed,)


def test_invalid_dependabot_config_only_adds_note_to_dockerfile_references():
    other = build_reference(path="bake.hcl", file_format="bake")
    text = UnsupportedText(FilePath("Dockerfile"), 2, "$X", Reason.UNRESOLVED_ARGUMENT)
    broken = DependabotConfig(PATH, (), "cannot be read")
    noted, same, unread = assign_to_dependabot((build_reference(), other, text), [broken], TreeBudget())
    assert re.match(r"\.github/dependabot\.yml ", *noted.notes)
    assert (noted.digest_slot, same, unread) == (SLOT, other, text)


def test_thousand_dependabot_updates_and_many_references_are_matched_fast():
    updates = tuple(
        DependabotUpdate(n, "docker", (f"a{n}/**",), ignored_images=(IgnoredImages("x*y*z"),)) for n in range(1000)
    )
    references = tuple(build_reference(path=f"a{n % 500}/b/Dockerfile") for n in range(5000))
    with soon(5):
        assign_to_dependabot(references, [DependabotConfig(PATH, updates)], TreeBudget())


def test_too_many_dependabot_directory_globs_exceed_work_limit():
    updates = tuple(
        DependabotUpdate(number, "docker", tuple(f"a{number}-{part}/**" for part in range(200)))
        for number in range(1000)
    )
    with pytest.raises(WorkLimitError, match=r"^\.github/dependabot\.yml: the patterns "):
        assign_to_dependabot((build_reference(path="b/Dockerfile"),), [DependabotConfig(PATH, updates)], TreeBudget())


@pytest.mark.parametrize("count", [50, 100])
def test_matching_costs_steps_for_each_pair_of_dependabot_update_and_reference(count):
    ignored = tuple(IgnoredImages(f"x{number}") for number in range(9))
    updates = tuple(DependabotUpdate(number, "docker", ("a",), None, ("y",), ignored) for number in range(count))
    budget = TreeBudget()
    assign_to_dependabot((build_reference(path="a/Dockerfile"),) * count, [DependabotConfig(PATH, updates)], budget)
    assert TreeBudget().steps - budget.steps == 11 * count**2 + count


def test_long_name_in_dependabot_ignore_costs_more_steps_to_match():
    update = DependabotUpdate(1, "docker", ("a",), None, (), (IgnoredImages("x" * 100 * COMPARED_BYTES),))
    budget = TreeBudget()
    assign_to_dependabot((build_reference(path="a/Dockerfile"),), [DependabotConfig(PATH, (update,))], budget)
    assert TreeBudget().steps - budget.steps > 100
