"""Tests of images that kustomizations replace, however the kustomizations gather each other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.soon import soon
from support.values import reference

from bot.core.budgets import TreeBudget
from bot.core.references.locking import lock_reference, unlock_allowed
from bot.core.references.relate import kustomize
from bot.core.references.relate.kustomize import STEPS_PER_BUDGET_STEP, lock_replaced_images
from bot.model.cross_file import Kustomization
from bot.model.source import EditSlot, FilePath, NotEditable
from bot.model.vocabulary import Reason


def build_manifest_reference(written="web:1", path="base/web.yaml", **more):
    return reference(written, path=path, **({"format": "kubernetes", "locator": "0/spec/containers/0/image"} | more))


def build_entry(folder, written="web:1"):
    return reference(written, path=f"{folder}/kustomization.yaml", format="kustomize", locator="0/images/0")


def build_kustomization(folder, gathers=(), names=(), components=(), name="kustomization.yaml", patches=(), **more):
    path = FilePath(f"{folder}/{name}" if folder else name)
    paths = (tuple(map(FilePath, each)) for each in (gathers, components, patches))
    return Kustomization(path, frozenset(names), *paths, **more)


def is_replaced(reference, *kustomizations):
    (found,) = lock_replaced_images((reference,), list(kustomizations), TreeBudget())
    if isinstance(found.digest_slot, EditSlot):
        assert found == reference
        return False
    assert found.digest_slot == found.tag_slot == NotEditable(Reason.REPLACED_BY_KUSTOMIZE)
    (note,) = found.notes
    assert note.removesuffix(" replaces it") in {each.path for each in kustomizations}
    return True


def get_possible_replacement(reference, *kustomizations):
    """Return the note of a reference that is locked only with a warning; None if the reference is editable."""
    (found,) = lock_replaced_images((reference,), list(kustomizations), TreeBudget())
    if found == reference:
        return None
    assert found.digest_slot == NotEditable(Reason.REPLACED_BY_KUSTOMIZE, reference.digest_slot, is_certain=False)
    assert unlock_allowed(found, [Reason.REPLACED_BY_KUSTOMIZE]).digest_slot == reference.digest_slot
    (note,) = found.notes
    return note


def test_kustomization_replaces_image_in_file_listed_as_resource():
    assert is_replaced(build_manifest_reference(), build_kustomization("base", ["base/web.yaml"], ["web"]))


def test_kustomization_replaces_only_images_with_literally_equal_names():
    """Kustomize compares names as texts, so docker.io/library/web and web are different names."""
    base = build_kustomization("base", ["base/web.yaml"], ["web"])
    assert not is_replaced(build_manifest_reference("docker.io/library/web:1"), base)
    assert not is_replaced(build_manifest_reference("other:1"), base)


def test_kustomization_does_not_replace_image_in_files_of_other_kustomization():
    base = build_kustomization("base", ["base/web.yaml"])
    other = build_kustomization("other", ["other/web.yaml"], ["web"])
    assert not is_replaced(build_manifest_reference(), base, other)


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_overlay_replaces_image_in_resources_of_direct_and_indirect_bases(name):
    base = build_kustomization("base", ["base/web.yaml"], name=name)
    middle = build_kustomization("middle", ["base"], name=name)
    overlay = build_kustomization("overlays/production", ["middle"], ["web"], name=name)
    assert is_replaced(build_manifest_reference(), base, middle, overlay)
    assert not is_replaced(
        build_manifest_reference(path="middle/web.yaml"),
        base,
        middle,
        overlay,
        build_kustomization("x", ["middle/web.yaml"]),
    )


def test_image_stays_editable_if_any_overlay_deploys_image_of_manifest():
    """The build `dev` deploys the image that the manifest names."""
    base = build_kustomization("base", ["base/web.yaml"])
    prod, dev = build_kustomization("prod", ["base"], ["web"]), build_kustomization("dev", ["base"])
    assert not is_replaced(build_manifest_reference(), base, prod, dev)
    assert is_replaced(build_manifest_reference(), base, prod, replace(dev, names=frozenset({"web"})))
    assert is_replaced(build_manifest_reference(), replace(base, names=frozenset({"web"})), prod, dev)


def test_image_replaced_by_only_one_of_two_combined_overlays_stays_editable():
    base, top = build_kustomization("base", ["base/web.yaml"]), build_kustomization("top", ["left", "right"])
    left, right = build_kustomization("left", ["base"], ["web"]), build_kustomization("right", ["base"])
    assert not is_replaced(build_manifest_reference(), base, left, right, top)
    assert is_replaced(build_manifest_reference(), base, left, right, replace(top, names=frozenset({"web"})))


def test_image_in_manifest_of_two_kustomizations_is_replaced_only_if_both_do_so():
    one, two = build_kustomization("one", ["base/web.yaml"], ["web"]), build_kustomization("two", ["base/web.yaml"])
    assert not is_replaced(build_manifest_reference(), one, two)
    assert is_replaced(build_manifest_reference(), one, replace(two, names=frozenset({"web"})))
    assert not is_replaced(
        build_manifest_reference(), one, replace(two, resource_paths=(), patch_paths=(FilePath("base/web.yaml"),))
    )


def test_kustomize_image_entry_stays_editable_if_any_overlay_keeps_the_image():
    base = build_kustomization("base", ["base/web.yaml"], ["web"])
    prod, dev = build_kustomization("prod", ["base"], ["web"]), build_kustomization("dev", ["base"])
    assert not is_replaced(build_entry("base"), base, prod, dev)
    assert is_replaced(build_entry("base"), base, prod, replace(dev, names=frozenset({"web"})))


def test_image_is_locked_if_an_overlay_changes_name_but_not_digest():
    """Kustomize keeps the digest of the manifest, which would then belong to another image."""
    base, dev = build_kustomization("base", ["base/web.yaml"]), build_kustomization("dev", ["base"])
    prod = replace(build_kustomization("prod", ["base"], ["web"]), relocated_names=frozenset({"web"}))
    assert is_replaced(build_manifest_reference(), base, prod, dev)
    assert is_replaced(build_entry("base"), replace(base, names=frozenset({"web"})), prod, dev)
    assert not is_replaced(build_entry("prod"), base, prod, dev)
    component = replace(build_kustomization("component", names=["web"]), relocated_names=frozenset({"web"}))
    assert is_replaced(
        build_manifest_reference(),
        base,
        dev,
        component,
        build_kustomization("prod", ["base"], components=["component"]),
    )


def test_component_does_not_replace_image_in_patches_and_later_components():
    """Kustomize applies them after the component."""
    component, later = build_kustomization("component", names=["web"]), build_kustomization("later", ["later/web.yaml"])
    taker = build_kustomization("taker", ["a.yaml"], components=["component", "later"], patches=["taker/patch.yaml"])
    assert is_replaced(build_manifest_reference(path="a.yaml"), component, later, taker)
    assert not is_replaced(build_manifest_reference(path="later/web.yaml"), component, later, taker)
    assert not is_replaced(build_manifest_reference(path="taker/patch.yaml"), component, later, taker)
    own = replace(taker, names=frozenset({"web"}))
    assert is_replaced(build_manifest_reference(path="later/web.yaml"), component, later, own)
    assert is_replaced(build_manifest_reference(path="taker/patch.yaml"), component, later, own)


@pytest.mark.parametrize(
    "locator",
    [
        "0/spec/containers/0/image",
        "0/spec/template/spec/initContainers/12/image",
        "0/spec/containers/0/image~1",
        "broken[0]/image[1]",
    ],
)
def test_container_images_are_replaced_in_resources_of_any_kind(locator):
    assert is_replaced(
        build_manifest_reference(locator=locator), build_kustomization("base", ["base/web.yaml"], ["web"])
    )


@pytest.mark.parametrize(
    "locator",
    ["0/spec/container/image", "0/spec/containers/main/image", "0/data/a>0/spec/containers/0/image", "0/spec/image"],
)
def test_images_outside_container_fields_are_replaced_only_if_configurations_exist(locator):
    base = build_kustomization("base", ["base/web.yaml"], ["web"])
    assert not is_replaced(build_manifest_reference(locator=locator), base)
    overlay = build_kustomization("overlay", ["base"], ["web"])
    assert is_replaced(build_manifest_reference(locator=locator), replace(base, has_configurations=True), overlay) == (
        ">" not in locator
    )


def test_base_does_not_replace_image_in_resources_of_overlay():
    base = build_kustomization("base", ["base/job.yaml"], ["web"])
    overlay = build_kustomization("overlay", ["base", "overlay/web.yaml"])
    assert not is_replaced(build_manifest_reference(path="overlay/web.yaml"), base, overlay)


def test_component_replaces_image_in_resources_of_kustomization_that_uses_component():
    base = build_kustomization("base", ["base/web.yaml"])
    component = build_kustomization("components/images", names=["web"])
    taker = build_kustomization("overlay", ["base"], components=["components/images"])
    assert is_replaced(build_manifest_reference(), base, component, taker)
    assert not is_replaced(build_manifest_reference(), base, component, replace(taker, components=()))


def test_component_used_by_other_component_replaces_image():
    base = build_kustomization("base", ["base/web.yaml"])
    inner = build_kustomization("inner", names=["web"])
    outer = build_kustomization("outer", components=["inner"])
    taker = build_kustomization("overlay", ["base"], components=["outer"])
    assert is_replaced(build_manifest_reference(), base, inner, outer, taker)


def test_image_in_resource_of_component_is_replaced_by_using_kustomization():
    component = build_kustomization("component", ["component/web.yaml"])
    taker = build_kustomization("overlay", names=["web"], components=["component"])
    assert is_replaced(build_manifest_reference(path="component/web.yaml"), component, taker)


def test_kustomization_replaces_no_image_in_manifests_of_other_builds():
    relocated = frozenset({"web"})
    other = build_kustomization("other", ["other/web.yaml"], ["web"], relocated_names=relocated)
    unused = build_kustomization("components/registry", names=["web"], relocated_names=relocated)
    assert not is_replaced(build_manifest_reference(path="loose/web.yaml"), other, unused)


@pytest.mark.parametrize(
    ("listed", "may_build"),
    [
        ("https://raw.githubusercontent.com/acme/shop/main/loose/web.yaml", True),
        ("https://raw.githubusercontent.com/acme/shop/main/other/web.yaml", False),
        ("https://github.com/acme/shop//loose?ref=main", False),
        ("../${STAGE}/web.yaml", True),
        ("../loose/${NAME}.yaml", True),
        ("../${STAGE}/other.yaml", False),
    ],
)
def test_url_or_placeholder_that_may_name_manifest_locks_image_with_warning(listed, may_build):
    base = build_kustomization("base", ["base/web.yaml"], unresolved_paths=(listed,))
    overlay = build_kustomization("overlay", ["base"], ["web"])
    loose = build_manifest_reference(path="loose/web.yaml")
    note = get_possible_replacement(loose, base, overlay)
    assert (note is not None) == may_build
    if note is not None:
        assert note.startswith("overlay/kustomization.yaml replaces it if it builds this file")
        assert "`allow: [replaced-by-kustomize]`" in note
    assert get_possible_replacement(loose, base, replace(overlay, names=frozenset())) is None
    assert get_possible_replacement(replace(loose, image=reference("redis:1").image), base, overlay) is None


def test_flux_replaces_image_in_all_files_below_folder_without_kustomization():
    """Flux generates a kustomization for such a folder."""
    flux = Kustomization(FilePath("clusters/apps.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
    assert get_possible_replacement(build_manifest_reference(path="apps/deep/web.yaml"), flux).startswith(
        "clusters/apps.yaml replaces it"
    )
    assert not is_replaced(build_manifest_reference(path="apps/deep/web.yaml"), replace(flux, names=frozenset()))
    elsewhere = build_kustomization("x", ["clusters/web.yaml", "other/web.yaml"])
    assert not is_replaced(build_manifest_reference(path="other/web.yaml"), flux, elsewhere)
    assert not is_replaced(build_manifest_reference(path="clusters/web.yaml"), flux, elsewhere)


def test_flux_replaces_image_only_in_resources_of_kustomization_in_folder():
    inner = build_kustomization("apps", ["apps/web.yaml"])
    flux = Kustomization(FilePath("clusters/apps.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
    elsewhere = build_kustomization("x", ["apps/other.yaml"])
    assert get_possible_replacement(build_manifest_reference(path="apps/web.yaml"), inner, flux, elsewhere)
    assert not is_replaced(build_manifest_reference(path="apps/other.yaml"), inner, flux, elsewhere)


def test_overlay_can_use_root_of_repository_as_base():
    overlay = build_kustomization("overlay", [""], ["web"])
    assert is_replaced(build_manifest_reference(path="web.yaml"), build_kustomization("", ["web.yaml"]), overlay)
    assert is_replaced(build_manifest_reference(path="web.yaml"), overlay)


def test_kustomizations_that_list_each_other_are_processed_to_the_end():
    first = build_kustomization("first", ["second", "first/web.yaml"], ["web"], components=["second"])
    second = build_kustomization("second", ["first"], components=["first", "second"])
    assert is_replaced(build_manifest_reference(path="first/web.yaml"), first, second)


def test_kustomize_image_entry_of_outermost_overlay_stays_editable():
    base, overlay = (
        build_kustomization("base", ["base/web.yaml"], ["web"]),
        build_kustomization("overlay", ["base"], ["web"]),
    )
    assert not is_replaced(build_entry("base"), base)
    assert is_replaced(build_entry("base"), base, overlay)
    assert not is_replaced(build_entry("overlay"), base, overlay)


def test_kustomize_image_entry_is_replaced_by_overlay_that_lists_its_new_name():
    base = build_kustomization("base", ["base/web.yaml"], ["web"])
    assert is_replaced(build_entry("base", "acme/web:1"), base, build_kustomization("overlay", ["base"], ["acme/web"]))
    assert not is_replaced(build_entry("base", "acme/web:1"), base, build_kustomization("overlay", ["base"], ["web"]))


def test_components_replace_images_in_order_before_entries_of_kustomization():
    base = build_kustomization("base", ["base/web.yaml"], ["web"])
    first, second = build_kustomization("first", names=["web"]), build_kustomization("second", names=["web"])
    overlay = build_kustomization("overlay", ["base"], ["web"], components=["first", "second"])
    assert is_replaced(build_entry("base"), base, second, replace(overlay, names=frozenset()))
    assert is_replaced(build_entry("first"), base, first, second, replace(overlay, names=frozenset()))
    assert not is_replaced(build_entry("second"), base, first, second, replace(overlay, names=frozenset()))
    assert is_replaced(build_entry("second"), base, first, second, overlay)
    assert not is_replaced(build_entry("overlay"), base, first, second, overlay)


def test_component_of_base_does_not_replace_entries_of_overlay_and_other_base():
    inner = build_kustomization("inner", ["inner/web.yaml"])
    component = build_kustomization("component", names=["web"])
    middle = build_kustomization("middle", ["inner"], components=["component"])
    overlay = build_kustomization("overlay", ["middle", "other"])
    other = build_kustomization("other", names=["web"])
    assert is_replaced(build_entry("inner"), inner, component, middle, overlay, other)
    assert not is_replaced(build_entry("other"), inner, component, middle, overlay, other)
    assert not is_replaced(build_entry("overlay"), inner, component, middle, overlay, other)


def test_flux_replaces_images_of_topmost_kustomizations_below_folder():
    flux = Kustomization(FilePath("clusters/apps.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
    base = build_kustomization("base", ["base/web.yaml"])
    app, within = build_kustomization("apps/deep/web", ["base"]), build_kustomization("apps/deep/web/unused")
    assert get_possible_replacement(build_entry("apps/deep/web"), flux, app, base, within)
    assert get_possible_replacement(build_entry("base"), flux, app, base, within)
    assert get_possible_replacement(build_manifest_reference(), flux, app, base, within)
    assert not is_replaced(build_entry("apps/deep/web/unused"), flux, app, base, within)
    top = build_kustomization("apps")
    assert not is_replaced(build_entry("apps/deep/web"), flux, app, base, within, top)


def test_image_in_inline_chart_values_is_replaced_by_own_or_outer_kustomization():
    value = reference(
        "web:1", path="base/kustomization.yaml", format="kustomize", locator="0/helmCharts/0/valuesInline/image"
    )
    base, overlay = build_kustomization("base", names=["web"]), build_kustomization("overlay", ["base"], ["web"])
    assert is_replaced(value, base)
    assert is_replaced(value, replace(base, names=frozenset()), overlay)
    assert not is_replaced(value, replace(base, names=frozenset()), build_kustomization("overlay", names=["web"]))


def test_image_in_inline_patch_is_replaced_by_own_or_outer_kustomization():
    patch = lock_reference(reference("web:1", path="base/kustomization.yaml", format="kustomize"), Reason.EMBEDDED)
    base, overlay = build_kustomization("base", names=["web"]), build_kustomization("overlay", ["base"], ["web"])

    def reasons(*kustomizations):
        (found,) = lock_replaced_images((patch,), kustomizations, TreeBudget())
        return found.digest_slot.reason, found.tag_slot.reason

    replaced = (Reason.REPLACED_BY_KUSTOMIZE, Reason.REPLACED_BY_KUSTOMIZE)
    assert reasons(base) == replaced
    assert reasons(replace(base, names=frozenset()), overlay) == replaced
    below = build_kustomization("below", names=["web"])
    above = build_kustomization("base", ["below"])
    assert reasons(above, below) == (Reason.EMBEDDED, Reason.EMBEDDED)


@pytest.mark.parametrize("format_name", ["helm", "dockerfile", "compose"])
def test_kustomization_does_not_replace_image_in_other_file_formats(format_name):
    base = build_kustomization("base", ["base/web.yaml"], ["web"])
    assert not is_replaced(build_manifest_reference(format=format_name), base)


def test_all_listed_names_are_locked_if_kustomizations_exceed_step_limit(monkeypatch):
    monkeypatch.setattr(kustomize, "MAX_STEPS", 10)
    many = [build_kustomization(f"overlay-{number}", ["base"], ["web"]) for number in range(20)]
    gathered = build_kustomization("other", ["base/web.yaml"])
    assert get_possible_replacement(build_manifest_reference(), gathered, *many).startswith("overlay-0/")
    assert not is_replaced(build_manifest_reference("nginx:1"), gathered, *many)


def test_many_flux_folders_with_many_kustomizations_stop_at_step_limit(monkeypatch):
    monkeypatch.setattr(kustomize, "MAX_STEPS", 1000)
    many = [build_kustomization(f"apps/{number}", ["base/web.yaml"]) for number in range(100)]
    flux = [
        Kustomization(FilePath(f"clusters/{number}.yaml"), frozenset({"web"}), resource_paths=(FilePath("apps"),))
        for number in range(100)
    ]
    budget = TreeBudget()
    (found,) = lock_replaced_images((build_manifest_reference(),), many + flux, budget)
    assert isinstance(found.digest_slot, NotEditable)
    assert TreeBudget().steps - budget.steps <= 2000


def test_thousand_overlays_that_list_each_other_are_processed_fast():
    folders = [f"overlay-{number}" for number in range(1000)]
    names = [f"web-{number}" for number in range(200)]
    tangle = [build_kustomization(folder, folders, names) for folder in folders]
    references = tuple(build_manifest_reference(f"{name}:1", path=f"overlay-1/{name}.yaml") for name in names)
    with soon(5):
        assert all(
            isinstance(reference.digest_slot, NotEditable)
            for reference in lock_replaced_images(references, tangle, TreeBudget())
        )


def test_visiting_kustomizations_uses_step_budget_of_repository():
    folders = [f"overlay-{number}" for number in range(100)]
    tangle = [build_kustomization(folder, folders, ["web"]) for folder in folders]
    budget = TreeBudget()
    lock_replaced_images((build_manifest_reference("web:1", path="overlay-1/web.yaml"),), tangle, budget)
    assert 100**2 // STEPS_PER_BUDGET_STEP <= TreeBudget().steps - budget.steps <= 2 * 100**2
