"""Tests that images which a build tool builds are locked where the tool deploys them."""

from __future__ import annotations

import pytest

from bot.core.budgets import TreeBudget, WorkLimitError
from bot.core.references.relate.build_outputs import lock_build_outputs
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.cross_file import BuildOutput
from bot.model.source import EditSlot, FilePath, NotEditable
from bot.model.vocabulary import Reason, Role

DIGEST = "sha256:" + "a" * 64


def is_locked(text, path, *outputs):
    reference = ReferencePosition(FilePath(path), "kubernetes", Role.THIRD_PARTY, 1, "0/image").read_reference(text, 5)
    (related,) = lock_build_outputs((reference,), outputs, TreeBudget())
    assert isinstance(related.digest_slot, EditSlot) or related.digest_slot == NotEditable(Reason.OTHER_WRITER)
    return isinstance(related.digest_slot, NotEditable)


def build_skaffold_output(path, image, *deploys):
    return BuildOutput(FilePath(path), frozenset({image}), tuple(map(FilePath, deploys)))


@pytest.mark.parametrize("text", ["acme/app", "acme/app:1", f"acme/app:1@{DIGEST}"])
@pytest.mark.parametrize("path", ["shop/app.yaml", "shop/k8s/app.yaml", "deploy/app.yaml", "base.yaml"])
def test_image_built_by_skaffold_is_locked_in_deployed_files_regardless_of_tag(text, path):
    assert is_locked(text, path, build_skaffold_output("shop/skaffold.yaml", "acme/app", "shop", "deploy", "base.yaml"))


@pytest.mark.parametrize("path", ["app.yaml", "shopping/app.yaml", "other/shop/app.yaml", "base.yaml.yaml"])
def test_image_built_by_skaffold_stays_editable_outside_deployed_files(path):
    assert not is_locked("nginx:1", path, build_skaffold_output("shop/skaffold.yaml", "nginx", "shop", "base.yaml"))


@pytest.mark.parametrize("text", ["acme/other:1", "docker.io/acme/app:1", "acme/app/web:1"])
def test_image_with_other_name_than_built_image_stays_editable(text):
    assert not is_locked(text, "app.yaml", build_skaffold_output("skaffold.yaml", "acme/app", ""))


@pytest.mark.parametrize(
    ("path", "expected"), [("shop/app.yaml", True), ("web/app.yaml", True), ("other/app.yaml", False)]
)
def test_image_built_by_other_skaffold_config_is_locked_in_shared_folder(path, expected):
    shop, web = (
        build_skaffold_output("shop/skaffold.yaml", "shop", "shop", "web"),
        build_skaffold_output("web/skaffold.yaml", "web", "web"),
    )
    assert is_locked("web:1", path, shop, web) is expected


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("acme/app:1", "a/compose.yaml", True),
        (f"acme/app:1@{DIGEST}", "a/compose.prod.yaml", True),
        ("acme/app:2", "a/compose.yaml", False),
        ("acme/app", "a/compose.yaml", False),
        ("acme/app:1", "compose.yaml", False),
        ("acme/app:1", "a/b/compose.yaml", False),
    ],
)
def test_image_built_by_compose_is_locked_only_if_tag_and_folder_are_equal(text, path, expected):
    assert is_locked(text, path, BuildOutput(FilePath("a/compose.yaml"), frozenset({"acme/app:1"}))) is expected


def test_many_skaffold_configs_with_shared_folders_exceed_work_limit():
    """Each of them would otherwise hold a set of the images of all others."""
    outputs = [build_skaffold_output("skaffold.yaml", f"web-{number}", "", f"k8s/{number}") for number in range(1500)]
    with pytest.raises(WorkLimitError, match=r"^skaffold\.yaml: .* steps"):
        lock_build_outputs((), outputs, TreeBudget())
