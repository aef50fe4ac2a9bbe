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


def place(path: str = "Dockerfile", text: str = "node:22", locator: str = "stage[0]") -> Reference:
    found = ReferencePosition(FilePath(path), "dockerfile", Role.BASE, 1, locator).read_reference(text, 5)
    assert isinstance(found, Reference)
    return found


def build(path: str = "acb.yaml", dockerfile: str = "Dockerfile", arguments: tuple[str, ...] = ()) -> TaskFileBuild:
    return TaskFileBuild(FilePath(path), 3, dockerfile, arguments)


def is_closed(found: Reference | UnsupportedText) -> bool:
    return isinstance(found, Reference) and isinstance(found.digest_slot, NotEditable)


def related(*places: Reference, by: TaskFileBuild | RegistryTaskBuild | PossibleTaskBuild) -> tuple[Reference, ...]:
    found = tuple(each for each in lock_task_base_images(places, [by]) if isinstance(each, Reference))
    assert len(found) == len(places)
    return found


@pytest.mark.parametrize(
    "text",
    ["node:22", "acme/web:1", "mcr.microsoft.com/dotnet/sdk:9.0", "example.azurecr.io/a:1", "example.azurecr.cn/b:1"],
)
def test_nothing_is_pinned_that_a_task_may_watch(text):
    (found,) = related(place(text=text), by=build())
    assert found.digest_slot == NotEditable(Reason.ACR_TASK, place(text=text).digest_slot)
    assert [note[:10] for note in found.notes] == ["acb.yaml:3"]


@pytest.mark.parametrize(
    "text", ["ghcr.io/acme/web:1", "quay.io/a/b:1", "azurecr.io/a:1", "example.azurecr.io.example.com/a:1"]
)
def test_images_on_registries_that_no_task_watches_are_pinned_as_ever(text):
    assert related(place(text=text), by=build()) == (place(text=text),)


def test_its_tag_may_move_and_a_rule_may_allow_its_digest():
    before = place()
    (found,) = related(before, by=build())
    assert found.tag_slot == before.tag_slot
    assert unlock_allowed(found, [Reason.ACR_TASK]).digest_slot == before.digest_slot


def test_what_is_pinned_moves_on_and_says_that_the_task_does_not_start():
    before = place(text="node:22" + DIGEST)
    (found,) = related(before, by=build())
    assert isinstance(found.digest_slot, EditSlot)
    assert found == replace(before, notes=found.notes)
    assert re.match("acb.yaml:3 .* pinned$", *found.notes)


@pytest.mark.parametrize(
    "locator", ["stage[0].copy[0]", "stage[1].run[0].mount[0]", "preamble", "stage[0].onbuild[0].copy"]
)
def test_only_what_a_stage_is_from_starts_a_task(locator):
    assert related(place(locator=locator), by=build()) == (place(locator=locator),)


def test_of_the_folders_that_a_task_may_run_in_the_nearest_with_its_dockerfile_counts():
    above, beside, below = place("Dockerfile"), place("a/Dockerfile"), place("a/b/Dockerfile")
    assert [is_closed(each) for each in related(above, beside, below, by=build("a/acb.yaml"))] == [False, True, False]
    assert [is_closed(each) for each in related(above, below, by=build("a/acb.yaml"))] == [True, False]
    assert [is_closed(each) for each in related(above, below, by=build("a/x/acb.yaml", "b/Dockerfile"))] == [
        False,
        True,
    ]


def test_a_dockerfile_that_is_not_there_changes_nothing():
    assert related(place("b/Dockerfile"), by=build("a/acb.yaml")) == (place("b/Dockerfile"),)


def test_arguments_that_it_sets_are_told_where_they_are_used_even_where_nothing_can_be_read():
    needing = UnsupportedText(FilePath("Dockerfile"), 2, "${NODE}", Reason.UNRESOLVED_ARGUMENT, ("NODE",))
    (noted,) = lock_task_base_images((needing,), [build(arguments=("NODE",))])
    assert re.match("acb.yaml:3 sets NODE", *noted.notes)


def test_of_several_tasks_the_first_says_why():
    (found,) = lock_task_base_images((place(),), [build("acb.yaml"), build("other.yaml")])
    assert [note[:10] for note in found.notes] == ["acb.yaml:3"]


# Tasks that no file describes


KNOWN = RegistryTaskBuild("the task web of contoso.azurecr.io", FilePath("app/Dockerfile"), ("NODE",))


def test_a_task_that_no_file_names_builds_exactly_its_dockerfile():
    above, meant = place("Dockerfile"), replace(place("app/Dockerfile"), variables=("NODE",))
    found = related(above, meant, by=KNOWN)
    assert [is_closed(each) for each in found] == [False, True]
    task, (sets, builds) = "the task web of contoso.azurecr.io ", found[1].notes
    assert (sets.startswith(f"{task}sets NODE"), builds.startswith(task)) == (True, True)


def test_a_task_that_no_file_names_lets_move_what_is_pinned():
    (found,) = related(place("app/Dockerfile", "node:22" + DIGEST), by=KNOWN)
    assert isinstance(found.digest_slot, EditSlot)
    assert re.match("the task web of contoso.azurecr.io .*pinned", *found.notes)


def test_what_tasks_may_build_is_closed_until_that_is_known():
    doubt = PossibleTaskBuild(FilePath("app"), "contoso.azurecr.io did not say which tasks it has")
    above, inside, pinned = place("Dockerfile"), place("app/x/Dockerfile"), place("app/Dockerfile", "node:22" + DIGEST)
    beside, unwatched = place("apple/Dockerfile"), place("app/Dockerfile", "quay.io/a/b:1")
    found = related(above, inside, pinned, beside, unwatched, by=doubt)
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


def test_what_is_known_goes_before_what_may_be():
    doubt = PossibleTaskBuild(FilePath(""), "contoso.azurecr.io did not say which tasks it has")
    (found,) = lock_task_base_images((place(),), [doubt, build()])
    assert found.digest_slot == NotEditable(Reason.ACR_TASK, place().digest_slot)
