"""Facts that kustomizations state about images in other files."""

from __future__ import annotations

import pytest
from support.formats.kustomizations import PRIVATE, TO_PRIVATE, found, references, remark_of
from support.soon import soon

from bot.formats.kubernetes import FORMAT as KUBERNETES
from bot.formats.kustomize import FORMAT
from bot.model.path_index import index_paths
from bot.model.source import EditSlot, FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.pipeline.references.extract import relate_references
from bot.pipeline.references.file_reading import read_file


def test_paths_in_kustomization_are_resolved_to_repository_root():
    remark = remark_of(
        b"""resources:
- web.yaml
- ./job.yaml
- ../../base
- ../../../outside
- /absolute
- https://github.com/acme/web//deploy?ref=v1
- github.com/acme/web/deploy
- git@github.com:acme/web.git
- git::https://acme.com/web
- web/?ref=v1
- |
  inline
- 1
bases: [../staging/, "."]
patches:
- path: patches/web.yaml
- patch: "inline: true"
patchesStrategicMerge: [merge.yaml, "kind: Deployment\\n"]
patchesJson6902: [{path: json.yaml}]
components: [../../components/tls]
"""
    )
    assert remark.resource_paths == (
        "overlays/production/web.yaml",
        "overlays/production/job.yaml",
        "base",
        "overlays/staging",
        "overlays/production",
    )
    assert remark.patch_paths == (
        "overlays/production/patches/web.yaml",
        "overlays/production/merge.yaml",
        "overlays/production/json.yaml",
    )
    assert remark.components == ("components/tls",)


def test_kustomization_paths_outside_repository_are_ignored():
    remark = remark_of(b"resources: [., deploy, ../deploy, ..]\n", FilePath("kustomization.yaml"))
    assert remark.resource_paths == ("", "deploy")


def test_kustomization_lists_the_image_names_to_replace_or_rename():
    remark = remark_of(
        b"""\
images:
- {name: web, newTag: v1}
- {name: job, newName: acme/job}
- {name: kept, newName: kept, newTag: v1}
- {name: pinned, digest: "sha256:"}
- {name: suffixed, tagSuffix: -a}
- {name: same}
- {name: empty, newTag: ""}
- {name: moved, newName: acme/moved, newTag: v1}
- {newTag: v1}
"""
    )
    assert remark.names == {"web", "job", "kept", "pinned", "suffixed", "moved"}
    assert remark.relocated_names == {"job"}


def test_urls_and_placeholders_in_resources_and_components_are_kept():
    remark = remark_of(
        b"""\
resources: [web.yaml, "https://example.com/a/web.yaml", "${STAGE}/web.yaml"]
components: [github.com/acme/shop//images?ref=v1]
"""
    )
    assert remark.unresolved_paths == (
        "https://example.com/a/web.yaml",
        "${STAGE}/web.yaml",
        "github.com/acme/shop//images?ref=v1",
    )


def test_kustomization_with_configurations_is_detected():
    assert not remark_of(b"images: []").has_configurations
    assert remark_of(b"configurations: [images.yaml]").has_configurations


def test_kustomize_component_replaces_images_in_manifests_of_the_overlay():
    manifest = b"{apiVersion: v1, kind: Pod, spec: {containers: [{image: 'web:1'}, {image: 'nginx:1'}]}}"
    files = {
        "base/kustomization.yaml": b"resources: [pod.yaml]",
        "base/pod.yaml": manifest,
        "images/kustomization.yaml": b"kind: Component\nimages: [{name: web, newName: acme/web, newTag: v1}]",
        "production/kustomization.yaml": b"resources: [../base]\ncomponents: [../images]",
        "loose/pod.yaml": manifest,
    }
    readings = [
        read_file(SourceFile(FilePath(path), content), file_format)
        for path, content in files.items()
        for file_format in (FORMAT, KUBERNETES)
        if FilePath(path) in file_format.select_paths(index_paths([FilePath(path)]))
    ]
    references = [each for each in relate_references(readings) if isinstance(each, Reference)]
    assert [(each.path, str(each.image), isinstance(each.digest_slot, EditSlot)) for each in references] == [
        ("base/pod.yaml", "web:1", False),
        ("base/pod.yaml", "nginx:1", True),
        ("images/kustomization.yaml", "acme/web:v1", True),
        ("loose/pod.yaml", "web:1", True),
        ("loose/pod.yaml", "nginx:1", True),
    ]


@pytest.mark.parametrize(
    "deployed",
    [
        f"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  path: ./apps\n  {TO_PRIVATE}\n",
        f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  source:
    path: apps
    kustomize:
      images: ['web={PRIVATE}']
""",
    ],
)
def test_kustomize_entries_replaced_by_flux_or_argo_cd_are_not_editable(deployed):
    files = {
        "apps/kustomization.yaml": b"resources: [../base]\nimages: [{name: web, newTag: v2}]",
        "base/kustomization.yaml": b"images: [{name: web, newTag: v1}, {name: nginx, newTag: '1'}]",
    }
    readings = [read_file(SourceFile(FilePath(path), content), FORMAT) for path, content in files.items()]
    readings.append(read_file(SourceFile(FilePath("clusters/apps.yaml"), deployed.encode()), KUBERNETES))
    references = [
        each for each in relate_references(readings) if isinstance(each, Reference) and each.format == FORMAT.name
    ]
    assert [(each.path, str(each.image), isinstance(each.digest_slot, EditSlot)) for each in references] == [
        ("apps/kustomization.yaml", "web:v2", False),
        ("base/kustomization.yaml", "web:v1", False),
        ("base/kustomization.yaml", "nginx:1", True),
    ]


def test_flux_object_in_kustomization_file_yields_no_images():
    assert not found(b"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {path: ./apps}\n")


def test_kustomization_with_too_many_aliased_entries_is_refused():
    alias = b"- *web\n"
    content = b"images:\n- &web {name: web, newTag: v1}\n"
    assert len(references(content + alias * 100)) == 101
    (refused,) = found(content + alias * 60_000)
    assert isinstance(refused, UnsupportedText)
    assert refused.reason is Reason.TOO_LARGE


def test_kustomization_with_a_single_long_line_is_read_fast():
    entries = b", ".join([b"{name: web, newTag: v1}"] * 6000)
    with soon(3):
        assert len(references(b"images: [" + entries + b"]")) == 6000


def test_kustomizations_are_selected_by_file_name():
    paths = [FilePath(path) for path in ("kustomization.yaml", "a/kustomization.yml", "a/b/Kustomization")]
    others = [FilePath(path) for path in ("Kustomization.yaml", "my-kustomization.yaml", "kustomization.yaml/a.yaml")]
    assert FORMAT.select_paths(index_paths([*paths, *others])) == paths
