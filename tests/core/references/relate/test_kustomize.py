"""Tests of images that kustomizations replace, however the kustomizations gather each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.soon import soon
from support.values import reference

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_reference
from bot.core.references.relate import kustomize
from bot.core.references.relate.kustomize import STEPS_PER_BUDGET_STEP, lock_replaced_images
from bot.model.cross_file import Kustomization
from bot.model.source import EditSlot, FilePath, NotEditable
from bot.model.vocabulary import Reason


def manifest(written="web:1", path="base/web.yaml", **more):
    return reference(written, path=path, **({"format": "kubernetes", "locator": "0/spec/containers/0/image"} | more))


def entry(folder, written="web:1"):
    return reference(written, path=f"{folder}/kustomization.yaml", format="kustomize", locator="0/images/0")


def kustomization(folder, gathers=(), names=(), components=(), name="kustomization.yaml", renamed=(), patches=()):
    path = FilePath(f"{folder}/{name}" if folder else name)
    paths = (tuple(map(FilePath, each)) for each in (gathers, components, patches))
    return Kustomization(path, frozenset(names), frozenset(renamed), *paths)


def is_replaced(place, *kustomizations):
    (found,) = lock_replaced_images((place,), list(kustomizations), TreeBudget())
    if isinstance(found.digest_slot, EditSlot):
        assert found == place
        return False
    assert found.digest_slot == found.tag_slot == NotEditable(Reason.REPLACED_BY_KUSTOMIZE)
    return True


def test_a_name_is_replaced_in_a_file_that_the_kustomization_gathers():
    assert is_replaced(manifest(), kustomization("base", ["base/web.yaml"], ["web"]))


def test_the_name_has_to_be_the_one_that_is_written():
    """Kustomize compares names as texts, so docker.io/library/web and web are different names."""
    base = kustomization("base", ["base/web.yaml"], ["web"])
    assert not is_replaced(manifest("docker.io/library/web:1"), base)
    assert not is_replaced(manifest("other:1"), base)


def test_a_kustomization_replaces_nothing_in_what_another_gathers():
    base = kustomization("base", ["base/web.yaml"])
    other = kustomization("other", ["other/web.yaml"], ["web"])
    assert not is_replaced(manifest(), base, other)


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_an_overlay_replaces_in_what_its_bases_gather(name):
    base = kustomization("base", ["base/web.yaml"], name=name)
    middle = kustomization("middle", ["base"], name=name)
    overlay = kustomization("overlays/production", ["middle"], ["web"], name=name)
    assert is_replaced(manifest(), base, middle, overlay)
    assert not is_replaced(
        manifest(path="middle/web.yaml"), base, middle, overlay, kustomization("x", ["middle/web.yaml"])
    )


def test_an_image_that_one_build_keeps_is_not_replaced():
    """The build `dev` deploys the image that the manifest names."""
    base = kustomization("base", ["base/web.yaml"])
    prod, dev = kustomization("prod", ["base"], ["web"]), kustomization("dev", ["base"])
    assert not is_replaced(manifest(), base, prod, dev)
    assert is_replaced(manifest(), base, prod, replace(dev, names=frozenset({"web"})))
    assert is_replaced(manifest(), replace(base, names=frozenset({"web"})), prod, dev)


def test_an_image_is_kept_if_a_build_replaces_it_in_only_one_of_two_overlays():
    base, top = kustomization("base", ["base/web.yaml"]), kustomization("top", ["left", "right"])
    left, right = kustomization("left", ["base"], ["web"]), kustomization("right", ["base"])
    assert not is_replaced(manifest(), base, left, right, top)
    assert is_replaced(manifest(), base, left, right, replace(top, names=frozenset({"web"})))


def test_a_manifest_that_two_kustomizations_list_is_replaced_if_both_replace_it():
    one, two = kustomization("one", ["base/web.yaml"], ["web"]), kustomization("two", ["base/web.yaml"])
    assert not is_replaced(manifest(), one, two)
    assert is_replaced(manifest(), one, replace(two, names=frozenset({"web"})))
    assert not is_replaced(manifest(), one, replace(two, resource_paths=(), patch_paths=(FilePath("base/web.yaml"),)))


def test_an_entry_has_an_effect_if_one_build_keeps_its_result():
    base = kustomization("base", ["base/web.yaml"], ["web"])
    prod, dev = kustomization("prod", ["base"], ["web"]), kustomization("dev", ["base"])
    assert not is_replaced(entry("base"), base, prod, dev)
    assert is_replaced(entry("base"), base, prod, replace(dev, names=frozenset({"web"})))


def test_one_build_that_changes_only_the_name_is_enough_to_lock_an_image():
    """Kustomize keeps the digest of the manifest, which would then belong to another image."""
    base, dev = kustomization("base", ["base/web.yaml"]), kustomization("dev", ["base"])
    prod = replace(kustomization("prod", ["base"], ["web"]), relocated_names=frozenset({"web"}))
    assert is_replaced(manifest(), base, prod, dev)
    assert is_replaced(entry("base"), replace(base, names=frozenset({"web"})), prod, dev)
    assert not is_replaced(entry("prod"), base, prod, dev)
    component = replace(kustomization("component", names=["web"]), relocated_names=frozenset({"web"}))
    assert is_replaced(manifest(), base, dev, component, kustomization("prod", ["base"], components=["component"]))


def test_a_component_does_not_replace_images_in_patches_and_later_components_of_its_kustomization():
    """Kustomize applies them after the component."""
    component, later = kustomization("component", names=["web"]), kustomization("later", ["later/web.yaml"])
    taker = kustomization("taker", ["a.yaml"], components=["component", "later"], patches=["taker/patch.yaml"])
    assert is_replaced(manifest(path="a.yaml"), component, later, taker)
    assert not is_replaced(manifest(path="later/web.yaml"), component, later, taker)
    assert not is_replaced(manifest(path="taker/patch.yaml"), component, later, taker)
    own = replace(taker, names=frozenset({"web"}))
    assert is_replaced(manifest(path="later/web.yaml"), component, later, own)
    assert is_replaced(manifest(path="taker/patch.yaml"), component, later, own)


@pytest.mark.parametrize(
    "locator",
    [
        "0/spec/containers/0/image",
        "0/spec/template/spec/initContainers/12/image",
        "0/spec/containers/0/image~1",
        "broken[0]/image[1]",
    ],
)
def test_images_of_containers_are_replaced_in_every_kind(locator):
    assert is_replaced(manifest(locator=locator), kustomization("base", ["base/web.yaml"], ["web"]))


@pytest.mark.parametrize(
    "locator",
    ["0/spec/container/image", "0/spec/containers/main/image", "0/data/a>0/spec/containers/0/image", "0/spec/image"],
)
def test_other_fields_are_replaced_only_with_configurations(locator):
    base = kustomization("base", ["base/web.yaml"], ["web"])
    assert not is_replaced(manifest(locator=locator), base)
    overlay = kustomization("overlay", ["base"], ["web"])
    assert is_replaced(manifest(locator=locator), replace(base, has_configurations=True), overlay) == (
        ">" not in locator
    )


def test_a_base_replaces_nothing_in_what_only_its_overlay_gathers():
    base = kustomization("base", ["base/job.yaml"], ["web"])
    overlay = kustomization("overlay", ["base", "overlay/web.yaml"])
    assert not is_replaced(manifest(path="overlay/web.yaml"), base, overlay)


def test_a_component_replaces_in_all_that_its_takers_gather():
    base = kustomization("base", ["base/web.yaml"])
    component = kustomization("components/images", names=["web"])
    taker = kustomization("overlay", ["base"], components=["components/images"])
    assert is_replaced(manifest(), base, component, taker)
    assert not is_replaced(manifest(), base, component, replace(taker, components=()))


def test_a_component_of_a_component_is_taken_with_it():
    base = kustomization("base", ["base/web.yaml"])
    inner = kustomization("inner", names=["web"])
    outer = kustomization("outer", components=["inner"])
    taker = kustomization("overlay", ["base"], components=["outer"])
    assert is_replaced(manifest(), base, inner, outer, taker)


def test_what_a_component_gathers_is_replaced_by_its_takers():
    component = kustomization("component", ["component/web.yaml"])
    taker = kustomization("overlay", names=["web"], components=["component"])
    assert is_replaced(manifest(path="component/web.yaml"), component, taker)


def test_a_name_that_is_given_another_somewhere_is_closed_in_files_that_nothing_gathers():
    """It may be a private name that must not be sent to Docker Hub. A name with a registry is not private."""
    names = ["web", "nginx", "quay.io/acme/web"]
    other = kustomization("other", ["other/web.yaml"], names, renamed=["web", "quay.io/acme/web"])
    assert is_replaced(manifest(path="loose/web.yaml"), other)
    assert not is_replaced(manifest("quay.io/acme/web:1", path="loose/web.yaml"), other)
    assert not is_replaced(manifest("nginx:1", path="loose/web.yaml"), other)
    assert not is_replaced(manifest("redis:1", path="loose/web.yaml"), other)


def test_a_folder_without_a_kustomization_is_gathered_with_all_that_is_below():
    """Flux generates a kustomization for such a folder."""
    flux = Kustomization(FilePath("clusters/apps.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
    assert is_replaced(manifest(path="apps/deep/web.yaml"), flux)
    assert not is_replaced(manifest(path="apps/deep/web.yaml"), replace(flux, names=frozenset()))
    elsewhere = kustomization("x", ["clusters/web.yaml", "other/web.yaml"])
    assert not is_replaced(manifest(path="other/web.yaml"), flux, elsewhere)
    assert not is_replaced(manifest(path="clusters/web.yaml"), flux, elsewhere)


def test_a_folder_with_a_kustomization_is_gathered_as_that_says():
    inner = kustomization("apps", ["apps/web.yaml"])
    flux = Kustomization(FilePath("clusters/apps.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
    elsewhere = kustomization("x", ["apps/other.yaml"])
    assert is_replaced(manifest(path="apps/web.yaml"), inner, flux, elsewhere)
    assert not is_replaced(manifest(path="apps/other.yaml"), inner, flux, elsewhere)


def test_the_top_of_the_tree_is_a_folder_like_any():
    overlay = kustomization("overlay", [""], ["web"])
    assert is_replaced(manifest(path="web.yaml"), kustomization("", ["web.yaml"]), overlay)
    assert is_replaced(manifest(path="web.yaml"), overlay)


def test_circles_end():
    first = kustomization("first", ["second", "first/web.yaml"], ["web"], components=["second"])
    second = kustomization("second", ["first"], components=["first", "second"])
    assert is_replaced(manifest(path="first/web.yaml"), first, second)


def test_the_entry_in_the_last_kustomization_is_the_place_that_moves():
    base, overlay = kustomization("base", ["base/web.yaml"], ["web"]), kustomization("overlay", ["base"], ["web"])
    assert not is_replaced(entry("base"), base)
    assert is_replaced(entry("base"), base, overlay)
    assert not is_replaced(entry("overlay"), base, overlay)


def test_what_counts_is_the_name_that_an_entry_gives():
    base = kustomization("base", ["base/web.yaml"], ["web"], renamed=["web"])
    assert is_replaced(entry("base", "acme/web:1"), base, kustomization("overlay", ["base"], ["acme/web"]))
    assert not is_replaced(entry("base", "acme/web:1"), base, kustomization("overlay", ["base"], ["web"]))


def test_components_come_one_after_another_and_before_the_entries_of_who_takes_them():
    base = kustomization("base", ["base/web.yaml"], ["web"])
    first, second = kustomization("first", names=["web"]), kustomization("second", names=["web"])
    overlay = kustomization("overlay", ["base"], ["web"], components=["first", "second"])
    assert is_replaced(entry("base"), base, second, replace(overlay, names=frozenset()))
    assert is_replaced(entry("first"), base, first, second, replace(overlay, names=frozenset()))
    assert not is_replaced(entry("second"), base, first, second, replace(overlay, names=frozenset()))
    assert is_replaced(entry("second"), base, first, second, overlay)
    assert not is_replaced(entry("overlay"), base, first, second, overlay)


def test_what_a_gathered_kustomization_takes_stays_below_it():
    inner = kustomization("inner", ["inner/web.yaml"])
    component = kustomization("component", names=["web"])
    middle = kustomization("middle", ["inner"], components=["component"])
    overlay = kustomization("overlay", ["middle", "other"])
    other = kustomization("other", names=["web"])
    assert is_replaced(entry("inner"), inner, component, middle, overlay, other)
    assert not is_replaced(entry("other"), inner, component, middle, overlay, other)
    assert not is_replaced(entry("overlay"), inner, component, middle, overlay, other)


def test_flux_gathers_the_uppermost_kustomizations_below_a_folder_that_has_none():
    flux = Kustomization(FilePath("clusters/apps.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
    base = kustomization("base", ["base/web.yaml"])
    app, within = kustomization("apps/deep/web", ["base"]), kustomization("apps/deep/web/unused")
    assert is_replaced(entry("apps/deep/web"), flux, app, base, within)
    assert is_replaced(entry("base"), flux, app, base, within)
    assert is_replaced(manifest(), flux, app, base, within)
    assert not is_replaced(entry("apps/deep/web/unused"), flux, app, base, within)
    top = kustomization("apps")
    assert not is_replaced(entry("apps/deep/web"), flux, app, base, within, top)


def test_the_values_of_a_chart_that_a_kustomization_renders_are_replaced_there_and_by_overlays():
    value = reference(
        "web:1", path="base/kustomization.yaml", format="kustomize", locator="0/helmCharts/0/valuesInline/image"
    )
    base, overlay = kustomization("base", names=["web"]), kustomization("overlay", ["base"], ["web"])
    assert is_replaced(value, base)
    assert is_replaced(value, replace(base, names=frozenset()), overlay)
    assert not is_replaced(value, replace(base, names=frozenset()), kustomization("overlay", names=["web"]))


def test_a_patch_inside_a_kustomization_is_replaced_there_and_by_overlays():
    patch = lock_reference(reference("web:1", path="base/kustomization.yaml", format="kustomize"), Reason.EMBEDDED)
    base, overlay = kustomization("base", names=["web"]), kustomization("overlay", ["base"], ["web"])

    def reasons(*kustomizations):
        (found,) = lock_replaced_images((patch,), kustomizations, TreeBudget())
        return found.digest_slot.reason, found.tag_slot.reason

    replaced = (Reason.REPLACED_BY_KUSTOMIZE, Reason.REPLACED_BY_KUSTOMIZE)
    assert reasons(base) == replaced
    assert reasons(replace(base, names=frozenset()), overlay) == replaced
    below = kustomization("below", names=["web"])
    above = kustomization("base", ["below"])
    assert reasons(above, below) == (Reason.EMBEDDED, Reason.EMBEDDED)


@pytest.mark.parametrize("format_name", ["helm", "dockerfile", "compose"])
def test_no_other_format_is_concerned(format_name):
    base = kustomization("base", ["base/web.yaml"], ["web"])
    assert not is_replaced(manifest(format=format_name), base)


def test_too_much_to_go_through_closes_every_name_that_is_replaced_anywhere(monkeypatch):
    monkeypatch.setattr(kustomize, "MAX_STEPS", 10)
    many = [kustomization(f"overlay-{number}", ["base"], ["web"]) for number in range(20)]
    gathered = kustomization("other", ["base/web.yaml"])
    assert is_replaced(manifest(), gathered, *many)
    assert not is_replaced(manifest("nginx:1"), gathered, *many)


def test_many_folders_that_each_contain_all_kustomizations_end_at_the_limit(monkeypatch):
    monkeypatch.setattr(kustomize, "MAX_STEPS", 1000)
    many = [kustomization(f"apps/{number}", ["base/web.yaml"]) for number in range(100)]
    flux = [
        Kustomization(FilePath(f"clusters/{number}.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
        for number in range(100)
    ]
    budget = TreeBudget()
    (found,) = lock_replaced_images((manifest(),), many + flux, budget)
    assert isinstance(found.digest_slot, NotEditable)
    assert TreeBudget().steps - budget.steps <= 2000


def test_a_thousand_overlays_of_each_other_are_looked_at_in_a_moment():
    folders = [f"overlay-{number}" for number in range(1000)]
    names = [f"web-{number}" for number in range(200)]
    tangle = [kustomization(folder, folders, names) for folder in folders]
    places = tuple(manifest(f"{name}:1", path=f"overlay-1/{name}.yaml") for name in names)
    with soon(5):
        assert all(
            isinstance(place.digest_slot, NotEditable) for place in lock_replaced_images(places, tangle, TreeBudget())
        )


def test_visited_paths_are_taken_from_the_budget_of_the_tree():
    folders = [f"overlay-{number}" for number in range(100)]
    tangle = [kustomization(folder, folders, ["web"]) for folder in folders]
    budget = TreeBudget()
    lock_replaced_images((manifest("web:1", path="overlay-1/web.yaml"),), tangle, budget)
    assert 100**2 // STEPS_PER_BUDGET_STEP <= TreeBudget().steps - budget.steps <= 2 * 100**2
