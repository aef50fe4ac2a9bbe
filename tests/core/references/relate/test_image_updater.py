"""Tests that images which Argo CD Image Updater writes are locked."""

from __future__ import annotations

import pytest
from support.soon import soon

from bot.core.budgets import TreeBudget, WorkLimitError
from bot.core.references.relate.image_updater import lock_image_updater_targets
from bot.model.cross_file import ArgoApplication, ImageUpdaterConfig
from bot.model.image_name import ImageName
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span, UnsupportedText
from bot.model.vocabulary import Reason, Role

WEB = "ghcr.io/acme/web"
APPS = FilePath("argo/apps.yaml")


def build_reference(path, written=f"{WEB}:1.0", locator="0/spec/containers/0/image", role=Role.THIRD_PARTY):
    slot = EditSlot(Span(10, 10), b"", prefix=b"@")
    reference = ImageName.parse(written)
    return Reference(FilePath(path), 3, "kubernetes", locator, written, reference, role, slot, slot)


def build_application(name="web", *folders, locator="0"):
    return ArgoApplication(APPS, name, locator, folders or ("deploy/web",))


def build_updater(applications="web", target="", repositories=(WEB,)):
    return ImageUpdaterConfig(APPS, applications, frozenset(repositories), target)


def is_locked(found, *remarks):
    (closed,) = lock_image_updater_targets((found,), remarks, TreeBudget())
    if closed == found:
        return False
    assert closed.digest_slot == closed.tag_slot == NotEditable(Reason.OTHER_WRITER)
    return True


def test_image_listed_by_image_updater_is_locked_in_folder_of_application():
    remarks = build_application(), build_updater()
    assert is_locked(build_reference("deploy/web/pod.yaml"), *remarks)
    assert is_locked(build_reference("deploy/web/more/pod.yaml"), *remarks)
    assert not is_locked(build_reference("deploy/web.yaml"), *remarks)
    assert not is_locked(build_reference("deploy/website/pod.yaml"), *remarks)
    assert not is_locked(build_reference("pod.yaml"), *remarks)


def test_image_that_image_updater_does_not_list_stays_editable():
    assert not is_locked(build_reference("deploy/web/pod.yaml", "nginx:1.27"), build_application(), build_updater())


def test_images_of_image_updater_are_compared_by_canonical_name():
    remarks = build_application(), build_updater(repositories=["docker.io/library/nginx"])
    assert is_locked(build_reference("deploy/web/pod.yaml", "nginx:1.27"), *remarks)
    assert is_locked(build_reference("deploy/web/pod.yaml", "index.docker.io/library/nginx"), *remarks)


def test_base_image_in_dockerfile_of_application_folder_stays_editable():
    assert not is_locked(build_reference("deploy/web/Dockerfile", role=Role.BASE), build_application(), build_updater())


def test_images_in_manifest_of_application_are_locked():
    remarks = build_application(locator="0/items/1"), build_updater()
    assert is_locked(build_reference(APPS, "nginx:1", "0/items/1/spec/source/kustomize/images/0"), *remarks)
    assert not is_locked(build_reference(APPS, "nginx:1", "0/items/10/spec/source/kustomize/images/0"), *remarks)
    assert not is_locked(build_reference("other.yaml", "nginx:1", "0/items/1/spec/source/kustomize/images/0"), *remarks)


def test_images_stay_editable_without_both_application_and_image_updater():
    assert not is_locked(build_reference("deploy/web/pod.yaml"), build_application())
    assert not is_locked(build_reference("deploy/web/pod.yaml"), build_updater())
    assert not is_locked(build_reference("deploy/web/pod.yaml"), build_application("website"), build_updater())


@pytest.mark.parametrize(
    ("pattern", "name", "is_meant"),
    [
        ("web-*", "web-production", True),
        ("web-?", "web-1", True),
        ("web-[ab]", "web-b", True),
        ("web-[^ab]", "web-c", True),
        ("web-[^ab]", "web-a", False),
        ("*", "web", True),
        ("web-*", "my-web-1", False),
        ("web.", "webs", False),
        ("{{path[1]}}-web", "{{path[1]}}-web", True),
    ],
)
def test_image_updater_selects_applications_by_name_or_pattern(pattern, name, is_meant):
    found = build_reference("deploy/web/pod.yaml")
    assert is_locked(found, build_application(name), build_updater(pattern)) is is_meant


@pytest.mark.parametrize(
    ("target", "folder", "path"),
    [
        ("kustomization", "deploy/web", "deploy/web/kustomization.yaml"),
        ("kustomization", "./deploy/web/", "deploy/web/Kustomization"),
        ("kustomization:../base", "deploy/web", "deploy/base/kustomization.yml"),
        ("kustomization:/config/base", "deploy/web", "config/base/kustomization.yaml"),
        ("helmvalues", "deploy/web", "deploy/web/values.yaml"),
        ("helmvalues:production.yaml", "deploy/web", "deploy/web/production.yaml"),
        ("helmvalues:../../values/web.yaml", "deploy/web", "values/web.yaml"),
        ("helmvalues:/charts/web/values.yaml", "deploy/web", "charts/web/values.yaml"),
        ("overrides/web.yaml", "deploy/web", "overrides/web.yaml"),
        ("kustomization", ".", "kustomization.yaml"),
    ],
)
def test_all_images_in_file_that_image_updater_writes_are_locked(target, folder, path):
    remarks = build_application("web", folder), build_updater(target=target)
    assert is_locked(build_reference(path, "nginx:1.27"), *remarks)
    assert not is_locked(build_reference(f"x/{path}", "nginx:1.27"), *remarks)


def test_write_target_outside_of_repository_locks_no_file():
    assert not is_locked(
        build_reference("base/kustomization.yaml", "a:1"),
        build_application(),
        build_updater(target="kustomization:../../../base"),
    )


def test_application_with_root_folder_locks_image_in_all_folders():
    assert is_locked(build_reference("a/b/pod.yaml"), build_application("web", "."), build_updater())


def test_unsupported_text_is_unchanged_by_image_updater():
    found = UnsupportedText(FilePath("deploy/web/pod.yaml"), 3, "{{ x }}", Reason.TEMPLATED)
    assert lock_image_updater_targets((found,), (build_application(), build_updater()), TreeBudget()) == (found,)


def test_image_is_locked_if_hundreds_of_applications_and_updaters_have_equal_names():
    applications = [build_application("same", f"deploy/{number}") for number in range(300)]
    writers = [build_updater("same", f"kustomization:{number}") for number in range(300)]
    assert is_locked(build_reference("deploy/299/pod.yaml"), *applications, *writers)
    assert is_locked(build_reference("deploy/299/299/kustomization.yaml", "nginx:1"), *applications, *writers)


def test_too_many_pairs_of_applications_and_updaters_exceed_work_limit():
    applications = [build_application("same", f"deploy/{number}") for number in range(5_000)]
    writers = [build_updater("same", f"kustomization:{number}") for number in range(5_000)]
    with soon(5), pytest.raises(WorkLimitError, match=r"apps\.yaml: .* steps"):
        lock_image_updater_targets((build_reference("deploy/0/pod.yaml"),), [*applications, *writers], TreeBudget())


def test_too_many_application_name_patterns_exceed_work_limit():
    patterns = [build_updater(f"{number}-*") for number in range(10_000)]
    assert is_locked(build_reference("deploy/web/pod.yaml"), build_application("999-a"), *patterns[:1_000])
    with soon(2), pytest.raises(WorkLimitError, match=r"apps\.yaml: the patterns .* bytes"):
        lock_image_updater_targets((), [build_application("999-a"), *patterns], TreeBudget())


def test_too_many_folders_and_images_of_image_updater_exceed_work_limit():
    applications = [build_application("same", f"deploy/{number}") for number in range(1000)]
    images = frozenset(f"ghcr.io/acme/{number}" for number in range(1000))
    writers = [build_updater("same", repositories=images)] * 2
    with pytest.raises(WorkLimitError, match=r"apps\.yaml: .* steps"):
        lock_image_updater_targets((), [*applications, *writers], TreeBudget())
