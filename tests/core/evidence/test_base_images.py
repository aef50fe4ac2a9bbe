"""Tests of base images in annotations: only complete statements count, and only harmless texts are shown."""

import pytest
from support.values import digest

from bot.core.evidence.base_images import (
    ANNOTATION_PREFIX,
    StatedBase,
    describe_outdated_base,
    get_stated_base,
    is_base_outdated,
)
from bot.model.image import ChildManifest, Manifest, ManifestKind, ResolvedTag
from bot.model.image_name import TagRef

ALPINE = TagRef("docker.io/library/alpine", "3.21")
SAID = {"base.name": "alpine:3.21", "base.digest": digest("base"), "source": "https://github.com/acme/web"}


def build_annotations(**changed):
    said = {**SAID, **{key.replace("_", "."): value for key, value in changed.items()}}
    return tuple((ANNOTATION_PREFIX + key, value) for key, value in said.items())


def build_index(said=(), children=()):
    return Manifest(digest("index"), ManifestKind.INDEX, "application/vnd.oci.image.index.v1+json", children, said)


def test_base_image_is_read_from_annotations_of_index_or_child_manifests():
    base = StatedBase(ALPINE, digest("base"), "https://github.com/acme/web")
    assert get_stated_base(build_index(build_annotations())) == base
    assert (
        get_stated_base(
            build_index(
                children=(ChildManifest(digest("a"), None), ChildManifest(digest("b"), None, build_annotations()))
            )
        )
        == base
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"base_name": ""},
        {"base_name": "alpine"},
        {"base_name": "A b"},
        {"base_digest": ""},
        {"base_digest": "sha256:1"},
    ],
)
def test_annotated_base_image_without_tag_or_digest_is_ignored(changed):
    assert get_stated_base(build_index(build_annotations(**changed))) is None


@pytest.mark.parametrize(
    "source",
    [
        *("http://github.com/a/b", "https://github.com", "https://x.example/`@all`", "https://u:p@x.example/a"),
        *("https://x.example/a?b=c", "https://x.example/a b", "javascript:alert(1)", "x" * 999),
    ],
)
def test_unsafe_source_url_of_base_image_is_not_shown(source):
    base = get_stated_base(build_index(build_annotations(source=source)))
    assert base.source == ""
    assert source not in describe_outdated_base(base)


def test_base_image_is_outdated_when_tag_no_longer_points_to_annotated_digest():
    base = get_stated_base(build_index(build_annotations()))

    def points_to(manifest):
        return ResolvedTag(ALPINE, manifest.digest, manifest)

    assert is_base_outdated(base, points_to(build_index()))
    assert not is_base_outdated(base, points_to(build_index(children=(ChildManifest(digest("base"), "linux/amd64"),))))
    assert not is_base_outdated(base, points_to(Manifest(digest("base"), ManifestKind.INDEX, "")))
    assert not is_base_outdated(base, ResolvedTag(ALPINE, digest("base")))
    assert not is_base_outdated(base, ResolvedTag(ALPINE, digest("other"))), "it may hold what was built on"
