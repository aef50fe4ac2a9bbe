"""Variables of Flux: where a digest goes if a rule allows it, and files that must not be read as manifests."""

from __future__ import annotations

import pytest
from support.formats.cases import CASE_FORMATS, find_tree_references

from bot.core.budgets import TreeBudget, WorkLimitError
from bot.core.references.relate.flux_variables import list_images_at_flux_variables
from bot.model.cross_file import FluxSubstitution
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason

KUBERNETES = next(each for each in CASE_FORMATS if each.name == "kubernetes")
APPS = FilePath("clusters/apps.yaml")
HEADER = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {path: apps, postBuild: {substitute: "


def read(substitute, image, path="apps/web.yaml"):
    pod = f"apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: '{image}'}}]}}\n"
    files = {APPS: f"{HEADER}{substitute}}}}}\n".encode(), FilePath(path): pod.encode()}
    return files[APPS], find_tree_references(KUBERNETES, files)


@pytest.mark.parametrize(
    ("value", "image"),
    [("'1.27'", "nginx:${TAG}"), ("nginx:1.27", "${TAG}"), ("nginx:1.27@sha256:" + "0" * 64, "${TAG:=a}")],
)
def test_allowed_digest_is_written_to_the_end_of_the_variable(value, image):
    content, (found,) = read(f"{{TAG: {value}}}", image)
    assert (found.path, str(found.image).partition("@")[0]) == (APPS, "nginx:1.27")
    assert found.usages == ((FilePath("apps/web.yaml"), 3),)
    slot = found.digest_slot.slot
    written = content[: slot.span.start] + slot.prefix + b"NEW" + content[slot.span.end :]
    assert value.strip("'").partition("@")[0].encode() + b"@" in written
    assert written.endswith(b"NEW'}}}\n" if "'" in value else b"NEW}}}\n")


@pytest.mark.parametrize(
    ("substitute", "path"),
    [
        ("{TAG: '1.27'}", "other/web.yaml"),
        ("{TAG: '1.27'}", "apps-old/web.yaml"),
        ("{OTHER: '1.27'}", "apps/web.yaml"),
        ("{TAG: 1.27}", "apps/web.yaml"),
        ("{TAG: '${OTHER}'}", "apps/web.yaml"),
        ('{TAG: "1\\x2e27"}', "apps/web.yaml"),
        ("{TAG: &tag '1.27', COPY: *tag}", "apps/web.yaml"),
    ],
)
def test_image_stays_templated_without_a_plain_value_for_its_folder(substitute, path):
    _, (found,) = read(substitute, "nginx:${TAG}", path)
    assert isinstance(found, UnsupportedText)
    assert (found.path, found.reason, found.notes) == (path, Reason.TEMPLATED, ())


def test_variable_that_also_occurs_inside_an_image_is_shared():
    pods = "".join(
        f"---\napiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: '{image}'}}]}}\n"
        for image in ("nginx:${TAG}", "nginx:${TAG}-${MISSING}")
    )
    files = {APPS: f"{HEADER}{{TAG: '1.27'}}}}}}\n".encode(), FilePath("apps/web.yaml"): pods.encode()}
    (found,) = (each for each in find_tree_references(KUBERNETES, files) if isinstance(each, Reference))
    assert found.digest_slot.reason is Reason.SHARED_ARGUMENT


def test_kustomizations_that_cover_a_text_are_taken_from_the_budget():
    text = UnsupportedText(FilePath("apps/web.yaml"), 1, "nginx:${TAG}", Reason.TEMPLATED)
    facts = [FluxSubstitution(APPS, 1, str(number), (FilePath("apps"),), ()) for number in range(1000)]
    with pytest.raises(WorkLimitError):
        list_images_at_flux_variables((text,), facts, TreeBudget(steps=999))
    assert list_images_at_flux_variables((text,), facts, TreeBudget(steps=1000)) == (text,)
