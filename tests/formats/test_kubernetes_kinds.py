"""The table of kinds: every row is read at its path, only in its own group, and passes the prefilter."""

from __future__ import annotations

import json

import pytest

from bot.formats._syntax.kubernetes.image_fields import FieldShape
from bot.formats._syntax.kubernetes.kinds import COMMON_FIELDS, IMAGE_KEYS, KINDS, NO_GROUP, get_group
from bot.formats._syntax.kubernetes.prefilter import may_hold_images
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats.kubernetes import FORMAT
from bot.model.source import FilePath, Reference, SourceFile

PATH = FilePath("object.yaml")
POD = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "nginx:1.27"}]}}
STANDING = {
    FieldShape.IMAGE: "nginx:1.27",
    FieldShape.OVERRIDE: "web=nginx:1.27",
    FieldShape.ENTRIES: [{"name": "web", "newName": "nginx", "newTag": "1.27"}],
    FieldShape.VALUES: {"image": {"repository": "nginx", "tag": "1.27"}},
    FieldShape.OBJECT: POD,
    FieldShape.VALUES_TEXT: json.dumps({"image": {"repository": "nginx", "tag": "1.27"}}),
    FieldShape.OBJECTS_TEXT: json.dumps(POD),
    FieldShape.PATCH_TEXT: json.dumps(POD),
    FieldShape.FUNCTION_TEXT: json.dumps({"container": {"image": "nginx:1.27"}}),
}
"""A value that names one image, for each form of a field."""
ROWS = [(group, kind, use) for (group, kind), uses in KINDS.items() for use in uses]
"""There are hundreds of rows. A separate test for each would take longer than the assertions."""


def object_with(group, kind, use):
    standing = STANDING[use.shape]
    for key in reversed(use.path):
        standing = [standing] if key == ALL_ITEMS else {"key" if key == ALL_VALUES else key: standing}
    version = f"{group}/v1" if group else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"generateName": "x"}} | standing


def read(root):
    content = json.dumps(root).encode()
    return [each for each in FORMAT.extract(SourceFile(PATH, content)) if isinstance(each, Reference)]


def test_image_field_of_each_known_kubernetes_kind_is_read():
    for group, kind, use in ROWS:
        found = read(object_with(group, kind, use))
        assert [str(each.image) for each in found] == ["nginx:1.27"], (group, kind, use.path)


def test_image_field_of_same_kind_in_api_group_without_dot_is_ignored():
    for group, kind, use in ROWS:
        assert not read(object_with("stranger", kind, use)), (group, kind, use.path)


def test_image_fields_are_read_for_every_version_of_an_api_group():
    for group, kind, use in ROWS:
        found = object_with(group, kind, use) | {"apiVersion": f"{group}/v2beta3" if group else "v1"}
        assert len(read(found)) == 1, (group, kind, use.path)


def test_image_fields_of_all_known_kinds_pass_the_prefilter():
    texts = (FieldShape.OBJECT, FieldShape.OBJECTS_TEXT, FieldShape.PATCH_TEXT, FieldShape.FUNCTION_TEXT)
    for group, kind, use in ROWS:
        ways = use.path if use.shape not in texts else ("image",)
        assert any(key in IMAGE_KEYS or key.endswith("Image") for key in ways), (group, kind, use.path)
        assert may_hold_images(json.dumps(object_with(group, kind, use)).encode()), (group, kind, use.path)


@pytest.mark.parametrize("use", COMMON_FIELDS, ids=lambda use: use.path[-1])
def test_image_in_function_annotation_is_read_for_any_kind(use):
    for version, kind in (("v1", "ConfigMap"), ("example.com/v1", "Anything"), ("v1", "Unknown")):
        root: dict[str, object] = {"text": STANDING[use.shape]}
        annotations = {use.path[-1]: root.pop("text")}
        (found,) = read({"apiVersion": version, "kind": kind, "metadata": {"annotations": annotations}})
        assert found.written == "nginx:1.27"


def test_image_fields_of_a_kind_are_listed_once():
    for uses in KINDS.values():
        assert len(set(uses)) == len(uses)


@pytest.mark.parametrize(
    ("version", "group"), [("v1", ""), ("apps/v1", "apps"), ("argoproj.io/v1alpha1", "argoproj.io"), ("2.1", NO_GROUP)]
)
def test_api_group_is_the_part_of_api_version_before_the_slash(version, group):
    assert get_group(version) == group


def test_output_image_of_kafka_connect_build_is_not_read():
    spec = {"image": "nginx:1.27", "build": {"output": {"type": "docker", "image": "evil:1"}}}
    found = read({"apiVersion": "kafka.strimzi.io/v1beta2", "kind": "KafkaConnect", "spec": spec})
    assert [each.written for each in found] == ["nginx:1.27"]
