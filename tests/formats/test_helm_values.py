"""Helm charts: the images among values."""

from __future__ import annotations

from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.references.select import RepositoryBranch, select_reference
from bot.formats._syntax.yaml import nodes
from bot.formats.helm import FORMAT
from bot.model.chart_facts import ChartDependency, ChartMetadata
from bot.model.decision import TrackedImage
from bot.model.path_index import index_paths
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile, Span, UnsupportedText
from bot.model.vocabulary import ALLOWABLE_REASONS, Reason
from bot.pipeline.references.extract import relate_references
from bot.pipeline.references.file_reading import read_file

VALUES = FilePath("web/values.yaml")


def images_of(text: str):
    return [each for each in FORMAT.extract(SourceFile(VALUES, text.encode())) if isinstance(each, Reference)]


def test_chart_files_and_values_files_are_selected_by_path():
    charts = ["web/Chart.yaml", "Chart.yaml", "web/charts/db/Chart.yaml"]
    chosen = [
        *("values.yaml", "web/values.yaml", "web/values.yml", "web/values-production.yaml", "web/my-Values.YAML"),
        *("web/ci/test-values.yaml", "web/ci/values.yaml", "web/values/production.yaml", "web/charts/db/values.yaml"),
        *("web/templates/web.yaml", "web/templates/deep/_helpers.tpl", "web/templates/NOTES.txt", "templates/a.yml"),
        *("web/templates/templates/a.yaml", "web/charts/db/templates/db.yaml", "ci/x-values.yaml", "values/a.yaml"),
        *("other/values.yaml", "web/deep/values.yaml", "apps/web-values.yml", "apps/values/web.yaml"),
        *("web/.values.yaml", "web/docker-compose-values.yaml"),
    ]
    others = [
        *("web/ci/test.yaml", "web/values/deep/production.yaml", "other/.values.yaml", "apps/compose.values.yaml"),
        *("other/templates/web.yaml", "other/templates/values.yaml", "web/templates/web.json", "web/values.json"),
        *(".github/workflows/values.yml", "apps/.ci/values.yaml", "apps/values/azure-pipelines.yml"),
        *("apps/skaffold-values.yaml", "apps/values-cloudbuild.yaml", "web/crds/crd.yaml"),
    ]
    paths = [FilePath(path) for path in (*charts, *chosen, *others)]
    assert set(FORMAT.select_paths(index_paths(paths))) == {*charts, *chosen}


def test_chart_name_and_dependencies_are_read_from_chart_yaml():
    text = b"""apiVersion: v2
name: web
dependencies:
  - {name: common, repository: "oci://registry.example/charts", version: 2.x.x}
  - {name: local, repository: "file://../local"}
  - {alias: nameless}
  - name: plain
"""
    (found,) = FORMAT.extract(SourceFile(FilePath("web/Chart.yaml"), text))
    assert found == ChartMetadata(
        FilePath("web/Chart.yaml"),
        "web",
        (
            ChartDependency("common", "oci://registry.example/charts"),
            ChartDependency("local", "file://../local"),
            ChartDependency("plain", ""),
        ),
    )


@pytest.mark.parametrize("text", [b"name: [a", b"{{ .x }}: {", b"", b"- a", b"dependencies: [a, {name: {b: c}}]"])
def test_unreadable_chart_yaml_is_read_as_chart_without_name(text):
    found = FORMAT.extract(SourceFile(FilePath("web/Chart.yaml"), text))
    assert all(each == ChartMetadata(FilePath("web/Chart.yaml"), "", ()) for each in found)


@pytest.mark.parametrize(
    ("written", "version"),
    [('"1.10"', "1.10"), ("v1.2.3", "v1.2.3"), ("1.27", "1.27"), ("9", "9"), ("1.10", ""), ("0x1f", ""), ("~", "")],
)
def test_app_version_is_read_only_if_helm_renders_the_same_text(written, version):
    text = f"name: web\nappVersion: {written}\n".encode()
    (found,) = FORMAT.extract(SourceFile(FilePath("web/Chart.yaml"), text))
    assert found == ChartMetadata(FilePath("web/Chart.yaml"), "web", (), version)


TEXTS = st.sampled_from(["nginx:1.27", "ghcr.io/acme/web:v1.2.3", "redis:7.2", "acme/job:1"])
TAGS = st.sampled_from(["1.27", "v1", "latest", "1.2.3-alpine"])
KEYS = st.sampled_from(["image", "initImage", "sidecar", "controller", "x", "images", "Image"])


@st.composite
def value_trees(draw, depth=3):
    """Return the values of a chart, and the images among them by key path."""
    tree, images = {}, {}
    for key in draw(st.lists(KEYS, unique=True, max_size=4)):
        kind = draw(st.sampled_from(["text", "mapping", "tree", "list", "other"]))
        if kind == "text" and key.lower().endswith("image"):
            tree[key] = draw(TEXTS)
            images[key] = tree[key]
        elif kind == "mapping" and key.lower().endswith("image"):
            tree[key] = {"repository": "acme/web", "tag": draw(TAGS), "pullPolicy": "Always"}
            images[key] = f"acme/web:{tree[key]['tag']}"
        elif kind == "tree" and depth:
            tree[key], inside = draw(value_trees(depth - 1))
            images |= {f"{key}/{way}": image for way, image in inside.items()}
        elif kind == "list" and depth:
            inside = draw(st.lists(value_trees(depth - 1), max_size=2))
            tree[key] = [each for each, _ in inside]
            images |= {f"{key}/{at}/{way}": image for at, (_, each) in enumerate(inside) for way, image in each.items()}
        elif kind == "other":
            tree[key] = draw(st.sampled_from([None, True, 1.5, "", "picture.png", {"name": "evil"}]))
    return tree, images


@given(values=value_trees(), flow=st.sampled_from([True, False, None]), line_break=st.sampled_from(["\n", "\r\n"]))
def test_images_in_chart_values_match_those_found_by_pyyaml(values, flow, line_break):
    tree, images = values
    text = yaml.safe_dump(tree, default_flow_style=flow, line_break=line_break)
    assert {each.locator: each.written for each in images_of(text)} == {
        f"0/{way}": each for way, each in images.items()
    }


def test_large_chart_values_without_aliases_are_read_completely(monkeypatch):
    monkeypatch.setattr(nodes, "MAX_VISITS", nodes.MAX_VISITS // 10)
    text = "".join(f"a{number}:\n  image:\n    repository: acme/a{number}\n    tag: v1\n" for number in range(2000))
    assert len(images_of(text)) == 2000


def test_chart_values_with_exponential_aliases_are_refused_fast():
    text = "x0: &x0 {image: 'a:1'}\n"
    for level in range(1, 9):
        text += f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]\n"
    with soon(2):
        (refused,) = FORMAT.extract(SourceFile(VALUES, text.encode()))
        assert isinstance(refused, UnsupportedText)
        assert refused.reason is Reason.TOO_LARGE


def test_chart_values_with_too_long_key_paths_are_refused():
    text = "".join(f"{' ' * level}{'k' * 500}:\n" for level in range(10)) + f"{' ' * 10}image: a:1\n"
    (refused,) = FORMAT.extract(SourceFile(VALUES, text.encode()))
    assert isinstance(refused, UnsupportedText)
    assert refused.reason is Reason.TOO_LARGE


def test_chart_images_at_similar_key_paths_have_different_locators():
    keys = ["a/b", "a#1", "'a~1b'", "'0'"]
    text = "a: {b: {image: 'x:1'}}\n" + "".join(f"{key}: {{image: 'x:1'}}\n" for key in keys)
    assert len({each.locator for each in images_of(text)}) == 5


def test_comments_above_any_line_of_image_mapping_apply_to_image_in_values():
    (image,) = images_of(
        "a: 1\n# above\nimage:\n  # between\n\n  registry: quay.io\n  repository: acme/web\n  tag: v1\n"
    )
    assert image.line_number == 6
    assert set(image.related_lines) == {3, 6, 7, 8}
    (image,) = images_of("image: {repository: acme/web,\n  tag: v1}\n")
    assert set(image.related_lines) == {1, 2}
    (image,) = images_of("images:\n- # first\n  repository: acme/web\n  tag: v1\n")
    assert 2 in image.related_lines or 3 in image.related_lines


@pytest.mark.parametrize(
    "around",
    ["registry: r.acme.com", "global: {image: {registry: r.acme.com}}", "global: {dockerRegistry: r.acme.com/}"],
)
def test_chart_image_without_registry_gets_the_registry_set_in_values(around):
    bare, hosted = images_of(f"{around}\na: {{image: {{repository: web, tag: v1}}}}\nb: {{image: quay.io/web:v1}}")
    assert bare.image.repository == "r.acme.com/web"
    assert hosted.image.repository == "quay.io/web"


def test_name_key_in_chart_values_is_an_image_only_with_path_and_tag():
    (found,) = images_of("image: {name: quay.io/acme/web, tag: v1, digest: ''}")
    assert str(found.image) == "quay.io/acme/web:v1"
    assert isinstance(found.digest_slot, EditSlot)
    (found,) = images_of("proxyImage: {repo: acme/proxy, tag: 1.10}")
    assert str(found.image) == "acme/proxy:1.10"
    for nothing in (
        "image: {name: web, tag: v1}",
        "image: {name: acme/web}",
        "image: {repository: '', name: acme/web, tag: v1}",
        "chart: {name: acme/web, tag: v1}",
        "images: {web: {name: acme/web, tag: v1}}",
    ):
        assert images_of(nothing) == []


def test_chart_tag_gets_no_digest_before_templates_are_read():
    (image,) = images_of("controller: {image: {repository: acme/web, tag: v1}}")
    assert image.digest_slot == NotEditable(Reason.CHART_UNKNOWN, EditSlot(Span(50, 50), b"", b"@"))
    assert image.variables == ("controller.image.tag",)


CHART_FILES = {
    "web/Chart.yaml": 'name: web\nappVersion: "1.27"\n',
    "web/templates/pod.yaml": """
image: {{ .Values.web.image.repository }}:{{ .Values.web.image.tag | default .Chart.AppVersion }}
image: {{ .Values.other.image.repository }}:{{ .Values.other.image.tag | default "stable" }}
image: {{ .Values.text.image }}:{{ .Chart.AppVersion }}
""",
}
UNTAGGED = """\
web: {image: {repository: nginx, tag: "", digest: ""}}
other: {image: {repository: nginx, digest: ""}}
text: {image: nginx}
unused: {image: {repository: nginx, tag: "", digest: ""}}
beside: {image: nginx, imageTag: "", imageDigest: ""}
"""


@pytest.mark.parametrize("path", ["web/values.yaml", "web/ci/a-values.yaml", "apps/values.yaml"])
def test_tag_rule_never_applies_to_chart_image_without_tag_in_values(path):
    files = {FilePath(each): text for each, text in (CHART_FILES | {path: UNTAGGED}).items()}
    readings = [read_file(SourceFile(each, text.encode()), FORMAT) for each, text in sorted(files.items())]
    rules = PolicyConfig(rules=(PolicyRule(tag="latest", pin=True, allow=frozenset(ALLOWABLE_REASONS)),))
    selected = [
        select_reference(rules, RepositoryBranch("acme/web", "main"), each, date(2027, 1, 15))
        for each in relate_references(readings)
    ]
    assert len(selected) == 5
    assert {each.tag_ref.tag for each in selected if isinstance(each, TrackedImage)} <= {"1.27"}
