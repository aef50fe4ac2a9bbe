"""Tests of image keys in custom resources whose fields are not listed in the table of kinds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon
from support.values import digest

from bot.core.references.edit import apply_edits, build_edit, get_reference_key, has_only_planned_changes
from bot.core.references.locking import unlock_allowed
from bot.formats._syntax.kubernetes.image_keys import ImageCertainty, classify_image_text
from bot.formats.kubernetes import FORMAT
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile
from bot.model.vocabulary import Reason

PATH = FilePath("widget.yaml")
GROUP = "acme.example.com"


def read(value, path=PATH):
    return list(FORMAT.extract(SourceFile(path, json.dumps(value).encode())))


def build_widget(spec):
    return {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "spec": spec}


@pytest.mark.parametrize(
    ("key", "text", "certainty"),
    [
        ("image", "nginx:1.27", ImageCertainty.FULL),
        ("sidecarImage", "acme/sidecar:v1", ImageCertainty.FULL),
        ("image", "docker://ghcr.io/acme/web:v1", ImageCertainty.FULL),
        ("image", f"ghcr.io/acme/web@{digest('a')}", ImageCertainty.FULL),
        ("image", "localhost:5000/web:v1", ImageCertainty.FULL),
        ("image", "ghcr.io/acme/web", ImageCertainty.HALF),
        ("osImage", "ghcr.io/acme/os:v1", ImageCertainty.HALF),
        ("outputImage", "ghcr.io/acme/result:v1", ImageCertainty.HALF),
        ("image", "ubuntu-22.04", ImageCertainty.NONE),
        ("image", "projects/debian-cloud/global/images/debian-12", ImageCertainty.NONE),
        ("image", "ami-0123456789", ImageCertainty.NONE),
        ("image", "localhost:5000", ImageCertainty.NONE),
        ("image", "example.com:8080", ImageCertainty.NONE),
        ("image", "https://example.com/a:1", ImageCertainty.NONE),
        ("image", "ghcr.io/acme/disk.qcow2", ImageCertainty.NONE),
        ("image", "nginx", ImageCertainty.HALF),
        ("image", "acme/web", ImageCertainty.HALF),
        ("image", "default", ImageCertainty.NONE),
        ("image", "{{ image }}:v1", ImageCertainty.FULL),
        ("image", "{{ registry }}/{{ group }}/web", ImageCertainty.HALF),
        ("image", "${IMAGE}", ImageCertainty.FULL),
        ("osImage", "${IMAGE}", ImageCertainty.NONE),
        ("osImage", "${REGISTRY}/os:v1", ImageCertainty.HALF),
        ("image", "https://{{ host }}/disk:1", ImageCertainty.NONE),
        ("image", "{{ folder }}/picture.png", ImageCertainty.NONE),
        ("image", "!*:latest", ImageCertainty.NONE),
        ("image", "not an image: 1", ImageCertainty.NONE),
    ],
)
def test_text_under_image_key_is_classified(key, text, certainty):
    assert classify_image_text(GROUP, key, text) is certainty


def test_unknown_field_is_edited_only_if_allowed_by_a_rule():
    (found,) = read(build_widget({"osImage": "ghcr.io/acme/os:v1"}))
    assert found.digest_slot.reason is Reason.UNKNOWN_FIELD
    assert isinstance(unlock_allowed(found, [Reason.UNKNOWN_FIELD]).digest_slot, EditSlot)


def test_field_that_table_of_known_kind_does_not_list_is_reported_as_unknown_field():
    spec = {"image": "quay.io/prometheus/prometheus:v3", "proxyImage": "quay.io/acme/proxy:v1"}
    value = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "spec": spec}
    known, unknown = read(value)
    assert isinstance(known.digest_slot, EditSlot)
    assert unknown.digest_slot.reason is Reason.UNKNOWN_FIELD


@pytest.mark.parametrize("path", ["jobs.json", "config/jobs/acme.json"])
def test_pod_spec_in_document_without_kind_is_read(path):
    pod = {"containers": [{"image": "golang:1.25"}], "initContainers": [{"image": "busybox:1.37"}]}
    found = read({"periodics": [{"name": "nightly", "spec": pod}]}, FilePath(path))
    assert {each.written for each in found} == {"golang:1.25", "busybox:1.37"}


@pytest.mark.parametrize("path", ["values.json", "web/values/prod.json"])
def test_pod_spec_without_kind_is_not_read_in_values_files(path):
    assert not read({"spec": {"containers": [{"image": "golang:1.25"}]}}, FilePath(path))


def test_containers_outside_spec_are_not_read_in_document_without_kind():
    containers = [{"name": "db", "image": "postgres:18"}]
    assert not read({"resources": {"containers": containers}, "spec": {"x": 1}})


KEYS = st.sampled_from(["image", "sidecarImage", "osImage", "parameters", "spec", "metadata", "output", "a", "data"])
TEXTS = st.sampled_from(
    [
        "nginx:1.27",
        "ghcr.io/acme/web:v1",
        "ghcr.io/acme/web",
        "evil",
        "a b",
        f"ghcr.io/a/b:1@{digest('a')}",
        "{{ x }}:1",
    ]
)
SPECS = st.recursive(TEXTS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4))


@given(spec=st.dictionaries(KEYS, SPECS, max_size=4), is_allowed=st.booleans())
def test_edits_of_image_keys_change_exactly_the_planned_digests(spec, is_allowed):
    content = json.dumps(build_widget(spec)).encode()
    references = [each for each in FORMAT.extract(SourceFile(PATH, content)) if isinstance(each, Reference)]
    allowed = [Reason.UNKNOWN_FIELD] if is_allowed else []
    editable = [each for each in (unlock_allowed(each, allowed) for each in references) if each.image.tag is not None]
    slots = {get_reference_key(each): each.digest_slot for each in editable if isinstance(each.digest_slot, EditSlot)}
    edited = apply_edits(content, [build_edit(slot, digest("b")) for slot in slots.values()])
    found = [each for each in FORMAT.extract(SourceFile(PATH, edited)) if isinstance(each, Reference)]
    assert has_only_planned_changes(references, found, dict.fromkeys(slots, digest("b")))


def test_many_image_keys_are_read_in_proportion_to_their_number():
    text = "".join(f"  - image: nginx:{number}\n" for number in range(20_000))
    content = f"apiVersion: {GROUP}/v1\nkind: Widget\nspec:\n{text}".encode()
    with soon(10):
        assert len(list(FORMAT.extract(SourceFile(PATH, content)))) == 20_000


def test_image_in_policy_is_reported_as_unknown_field():
    (found,) = read({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "spec": {"image": "ghcr.io/acme/web:v1"}})
    assert isinstance(found.digest_slot, NotEditable)
