"""Tests of base images in Dockerfiles that ACR tasks build."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bot.core.references.locking import unlock_allowed
from bot.core.references.relate.acr_tasks import lock_task_base_images
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.cross_file import PossibleTaskBuild, RegistryTaskBuild, TaskFileBuild
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

DIGEST = "@sha256:" + "a" * 64


def build_reference(path: str = "Dockerfile", text: str = "node:22", locator: str = "stage[0]") -> Reference:
    found = ReferencePosition(FilePath(path), "dockerfile", Role.BASE, 1, locator).read_reference(text, 5)
    assert isinstance(found, Reference)
    return found


def build(path: str = "acb.yaml", dockerfile: str = "Dockerfile") -> TaskFileBuild:
    return TaskFileBuild(FilePath(path), 3, dockerfile)


def is_locked(found: Reference | UnsupportedText) -> bool:
    return isinstance(found, Reference) and isinstance(found.digest_slot, NotEditable)


def lock_images(
    *references: Reference, by: TaskFileBuild | RegistryTaskBuild | PossibleTaskBuild
) -> tuple[Reference, ...]:
    found = tuple(each for each in lock_task_base_images(references, [by]) if isinstance(each, Reference))
    assert len(found) == len(references)
    return found


@pytest.mark.parametrize(
    "text",
    ["node:22", "acme/web:1", "mcr.microsoft.com/dotnet/sdk:9.0", "example.azurecr.io/a:1", "example.azurecr.cn/b:1"],
)
def test_base_image_on_registry_that_acr_task_watches_is_not_pinned(text):
    (found,) = lock_images(build_reference(text=text), by=build())
    assert found.digest_slot == NotEditable(Reason.ACR_TASK, build_reference(text=text).digest_slot)
    assert [note[:10] for note in found.notes] == ["acb.yaml:3"]


@pytest.mark.parametrize(
    "text", ["ghcr.io/acme/web:1", "quay.io/a/b:1", "azurecr.io/a:1", "example.azurecr.io.example.com/a:1"]
)
def test_base_image_on_registry_that_acr_task_does_not_watch_is_pinned(text):
    assert lock_images(build_reference(text=text), by=build()) == (build_reference(text=text),)


def test_tag_of_watched_base_image_is_editable_and_rule_can_allow_digest():
    before = build_reference()
    (found,) = lock_images(before, by=build())
    assert found.tag_slot == before.tag_slot
    assert unlock_allowed(found, [Reason.ACR_TASK]).digest_slot == before.digest_slot


def test_pinned_base_image_of_acr_task_stays_editable_with_note():
    before = build_reference(text="node:22" + DIGEST)
    (found,) = lock_images(before, by=build())
    assert isinstance(found.digest_slot, EditSlot)
    assert found == replace(before, notes=found.notes)
    assert re.match("acb.yaml:3 .* pinned$", *found.notes)


@pytest.mark.parametrize(
    "locator", ["stage[0].copy[0]", "stage[1].run[0].mount[0]", "preamble", "stage[0].onbuild[0].copy"]
)
def test_image_in_copy_or_mount_instruction_of_acr_task_dockerfile_stays_editable(locator):
    assert lock_images(build_reference(locator=locator), by=build()) == (build_reference(locator=locator),)


def test_acr_task_locks_images_only_in_nearest_matching_dockerfile():
    above, beside, below = (
        build_reference("Dockerfile"),
        build_reference("a/Dockerfile"),
        build_reference("a/b/Dockerfile"),
    )
    assert [is_locked(each) for each in lock_images(above, beside, below, by=build("a/acb.yaml"))] == [
        False,
        True,
        False,
    ]
    assert [is_locked(each) for each in lock_images(above, below, by=build("a/acb.yaml"))] == [True, False]
    assert [is_locked(each) for each in lock_images(above, below, by=build("a/x/acb.yaml", "b/Dockerfile"))] == [
        False,
        True,
    ]


def test_acr_task_whose_dockerfile_is_missing_leaves_other_images_editable():
    assert lock_images(build_reference("b/Dockerfile"), by=build("a/acb.yaml")) == (build_reference("b/Dockerfile"),)


def test_build_argument_set_by_acr_task_is_noted_on_unresolved_reference():
    needing = UnsupportedText(FilePath("app/Dockerfile"), 2, "${NODE}", Reason.UNRESOLVED_ARGUMENT, ("NODE",))
    (noted,) = lock_task_base_images((needing,), [KNOWN])
    assert re.match("the task web of contoso.azurecr.io sets NODE", *noted.notes)


def test_note_names_first_of_several_tasks_that_build_dockerfile():
    (found,) = lock_task_base_images((build_reference(),), [build("acb.yaml"), build("other.yaml")])
    assert [note[:10] for note in found.notes] == ["acb.yaml:3"]


# Tasks that no file describes


KNOWN = RegistryTaskBuild("the task web of contoso.azurecr.io", FilePath("app/Dockerfile"), ("NODE",))


def test_task_in_registry_locks_only_images_in_dockerfile_of_task():
    above, meant = build_reference("Dockerfile"), replace(build_reference("app/Dockerfile"), variables=("NODE",))
    found = lock_images(above, meant, by=KNOWN)
    assert [is_locked(each) for each in found] == [False, True]
    task, (sets, builds) = "the task web of contoso.azurecr.io ", found[1].notes
    assert (sets.startswith(f"{task}sets NODE"), builds.startswith(task)) == (True, True)


def test_pinned_base_image_of_task_in_registry_stays_editable_with_note():
    (found,) = lock_images(build_reference("app/Dockerfile", "node:22" + DIGEST), by=KNOWN)
    assert isinstance(found.digest_slot, EditSlot)
    assert re.match("the task web of contoso.azurecr.io .*pinned", *found.notes)


def test_unpinned_base_images_are_locked_as_uncertain_if_tasks_are_unknown():
    doubt = PossibleTaskBuild(FilePath("app"), "contoso.azurecr.io did not say which tasks it has")
    above, inside, pinned = (
        build_reference("Dockerfile"),
        build_reference("app/x/Dockerfile"),
        build_reference("app/Dockerfile", "node:22" + DIGEST),
    )
    beside, unwatched = build_reference("apple/Dockerfile"), build_reference("app/Dockerfile", "quay.io/a/b:1")
    found = lock_images(above, inside, pinned, beside, unwatched, by=doubt)
    assert [each == before for each, before in zip(found, (above, inside, pinned, beside, unwatched), strict=True)] == [
        True,
        False,
        True,
        True,
        True,
    ]
    assert found[1].digest_slot == NotEditable(Reason.ACR_TASK, inside.digest_slot, is_certain=False)
    assert found[1].tag_slot == inside.tag_slot
    assert re.match("contoso.azurecr.io ", *found[1].notes)


def test_lock_by_known_acr_task_is_certain_even_if_other_tasks_are_unknown():
    doubt = PossibleTaskBuild(FilePath(""), "contoso.azurecr.io did not say which tasks it has")
    (found,) = lock_task_base_images((build_reference(),), [doubt, build()])
    assert found.digest_slot == NotEditable(Reason.ACR_TASK, build_reference().digest_slot)
