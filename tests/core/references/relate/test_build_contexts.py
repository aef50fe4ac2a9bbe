"""Tests of images that builds replace by named build contexts."""

from __future__ import annotations

import pytest
from support.values import digest, reference

from bot.core.references.relate import build_contexts
from bot.core.references.relate.build_contexts import lock_named_contexts
from bot.model.cross_file import NamedBuildContext
from bot.model.source import EditSlot, FilePath, NotEditable
from bot.model.vocabulary import Reason

BAKE = FilePath("docker-bake.hcl")


def build_context(name, dockerfile="Dockerfile", locator_prefix="", line_number=3):
    return NamedBuildContext(BAKE, line_number, FilePath(dockerfile), name, locator_prefix)


def is_locked(found, *contexts):
    (locked,) = lock_named_contexts((found,), contexts)
    if isinstance(locked.digest_slot, EditSlot):
        assert locked == found
        return False
    assert locked.digest_slot == locked.tag_slot == NotEditable(Reason.NAMED_CONTEXT)
    return True


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("alpine:3.20", "alpine:3.20"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("docker.io/library/alpine:3.20", "alpine:3.20"),
        ("index.docker.io/acme/web:1", "acme/web:1"),
        ("alpine", "alpine"),
        ("alpine", "alpine:latest"),
        ("alpine:latest", "alpine"),
        ("alpine:3.20::linux/arm64", "alpine:3.20"),
        (f"alpine:3.20@{digest('old')}", f"alpine:3.20@{digest('old')}"),
        (f"alpine@{digest('old')}", f"docker.io/alpine@{digest('old')}"),
        ("ghcr.io/acme/web:1", "ghcr.io/acme/web:1"),
    ],
)
def test_image_is_locked_when_build_context_with_equal_name_replaces_image(name, written):
    assert is_locked(reference(written), build_context(name))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("alpine", "alpine:3.20"),
        ("alpine:3.20", "alpine"),
        ("alpine:3.20", f"alpine:3.20@{digest('old')}"),
        (f"alpine:3.20@{digest('old')}", "alpine:3.20"),
        (f"alpine:3.20@{digest('old')}", f"alpine:3.20@{digest('new')}"),
        ("alpine:latest", f"alpine:latest@{digest('old')}"),
        ("base", "alpine:3.20"),
        ("quay.io/library/alpine:3.20", "alpine:3.20"),
        ("", "alpine"),
        ("Base Stage", "alpine"),
    ],
)
def test_image_stays_editable_when_no_build_context_has_equal_name(name, written):
    assert not is_locked(reference(written), build_context(name))


def test_build_context_locks_no_image_in_other_dockerfiles():
    assert not is_locked(reference("alpine:3.20"), build_context("alpine:3.20", "other/Dockerfile"))


def test_build_context_of_inline_dockerfile_locks_only_images_of_same_service():
    inline = build_context("alpine:3.20", "compose.yaml", "0/services/a/")
    other = build_context("alpine:3.20", "compose.yaml", "0/services/b/")
    image = reference("alpine:3.20", path="compose.yaml", locator="0/services/b/image", format="compose")
    assert not is_locked(image, inline)
    assert is_locked(image, inline, other)


def test_note_names_file_and_line_of_build_context():
    (locked,) = lock_named_contexts((reference("alpine:3.20"),), [build_context("alpine:3.20", line_number=7)])
    assert locked.notes == ("docker-bake.hcl:7 replaces alpine:3.20 with a build context of this name",)


def test_too_many_inline_dockerfiles_lock_context_name_in_all_services_of_file(monkeypatch):
    monkeypatch.setattr(build_contexts, "MAX_LOCATORS", 2)
    contexts = [build_context("alpine:3.20", "compose.yaml", f"0/services/{each}/") for each in "abc"]
    image = reference("alpine:3.20", path="compose.yaml", locator="0/services/x/image", format="compose")
    assert not is_locked(image, *contexts[:2])
    assert is_locked(image, *contexts)
