"""Formats defined by a table of YAML paths: every path of every table is read, and nothing else."""

from __future__ import annotations

import pytest
import yaml
from support.soon import soon

from bot.formats import (
    azure_pipelines,
    batect,
    bitbucket_pipelines,
    buildkite,
    circleci,
    cloud_build,
    drone,
    github_actions,
    gitlab_ci,
    ko,
    molecule,
    vela,
    woodpecker,
)
from bot.formats._syntax.yaml.key_escapes import may_be_escaped
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats._syntax.yaml.table_reader import MAX_CONDITIONS
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

MODULES = [
    azure_pipelines,
    batect,
    bitbucket_pipelines,
    buildkite,
    circleci,
    cloud_build,
    drone,
    github_actions,
    gitlab_ci,
    ko,
    molecule,
    vela,
    woodpecker,
]
EVERY_TABLE = pytest.mark.parametrize("table", [module.FORMAT for module in MODULES], ids=lambda each: each.name)
IMAGE = "ghcr.io/acme/base:1.2"
PATH = FilePath("ci.yml")


def document_for(images, value):
    """Return the smallest document with `value` at a path."""
    for element in reversed(images.path):
        value = [value] if element == ALL_ITEMS else {key_for(images) if element == ALL_VALUES else element: value}
    return value


def key_for(images):
    """Return a key for ALL_VALUES in a path."""
    return "docker" if "plugins" in images.path else "of-my-own"


def value_for(file_format, images):
    """Return a value that names IMAGE, for the end of a path in a table."""
    if images.path[-1] == ALL_ITEMS and file_format.name == "azure-pipelines":
        return {"container": "alias", "image": IMAGE}
    if file_format.name == "molecule":
        return {"image": IMAGE, "pre_build_image": True}
    if images.inner_keys:
        action = {"image": "docker/setup-qemu-action", "node_image": "helm/kind-action"}
        name = images.inner_keys[-1]
        return {"uses": f"{action.get(name, 'docker/setup-buildx-action')}@v3", "with": {name: images.scheme + IMAGE}}
    return images.scheme + IMAGE


def read(file_format, content):
    return list(file_format.extract(SourceFile(PATH, content)))


def images_in(file_format, content):
    return [str(each.image) for each in read(file_format, content) if isinstance(each, Reference)]


def escaped(text):
    """Return a flow mapping with the first letter of every key escaped."""
    start, *rest = text.split('{"')
    return start + "".join(f'{{"\\x{ord(each[0]):02x}{each[1:]}' for each in rest)


@EVERY_TABLE
@pytest.mark.parametrize("style", [{}, {"default_style": '"'}, {"default_flow_style": True}, {"line_break": "\r\n"}])
def test_image_at_each_listed_yaml_path_is_read(table, style):
    for images in table.locations:
        content = yaml.safe_dump(document_for(images, value_for(table, images)), **style).encode()
        (found,) = read(table, content)
        assert str(found.image) == IMAGE
        assert found.role is Role.BASE
        assert isinstance(found.digest_slot, EditSlot)
        assert content[: found.digest_slot.span.start].endswith(IMAGE.encode())


@EVERY_TABLE
def test_yaml_prefilter_finds_keys_written_with_escapes(table):
    for images in table.locations:
        text = yaml.safe_dump(
            document_for(images, value_for(table, images)), default_style='"', default_flow_style=True, width=10_000
        )
        assert images_in(table, text.encode()) == images_in(table, escaped(text).encode()) == [IMAGE]


@EVERY_TABLE
def test_yaml_file_is_parsed_only_if_all_keys_of_a_path_occur(table):
    for images in table.locations:
        keys = " ".join(images.keys)
        (found,) = read(table, f"# {keys} {images.scheme}\n? [never closed\n".encode())
        assert found.reason is Reason.UNPARSABLE
        assert read(table, f"# {keys.upper()}\n? [never closed\n".encode()) == []


@EVERY_TABLE
def test_words_of_a_yaml_path_that_are_not_keys_do_not_cause_parsing(table):
    for images in table.locations:
        keys = list(images.keys)
        words = f"# {' '.join(keys)} {images.scheme}\n[never closed\n"
        assert read(table, words.encode()) == []
        (found,) = read(table, f"# {' '.join(f'{key}:' for key in keys)} {images.scheme}\n[never closed\n".encode())
        assert found.reason is Reason.UNPARSABLE


@pytest.mark.parametrize("text", [r'"im\x61ge"', '"im\\\nage"', '"im\\\r\n  age"', '"im\\\\\nage"'])
def test_escape_in_the_middle_of_a_key_is_detected(text):
    assert may_be_escaped(text.encode())


def test_continued_shell_command_is_not_taken_for_an_escaped_key():
    assert not may_be_escaped(b"run: |\n  docker build \\\n    --pull . \t\\\r\n    --push\n")


@EVERY_TABLE
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_file_with_images_is_unparsable_and_others_are_ignored(table, encoding):
    for images in table.locations:
        text = "\ufeff" + yaml.safe_dump(document_for(images, value_for(table, images)))
        assert read(table, text.encode(encoding)) == [UnsupportedText(PATH, 1, "", Reason.UNPARSABLE)]
        assert read(table, "\ufeffon: push\n".encode(encoding)) == []


@EVERY_TABLE
def test_image_with_custom_yaml_tag_is_ignored(table):
    for images in table.locations:
        content = yaml.safe_dump(document_for(images, value_for(table, images)), default_style='"').encode()
        value = (images.scheme + IMAGE).encode()
        assert images_in(table, content.replace(b'"%b"' % value, b'!!str "%b"' % value)) == [IMAGE]
        assert read(table, content.replace(b'"%b"' % value, b'!secret "%b"' % value)) == []


def test_list_of_images_with_custom_yaml_tag_is_ignored():
    assert images_in(gitlab_ci.FORMAT, b"a:\n  services: !reference [.b, services]\n") == []
    assert images_in(gitlab_ci.FORMAT, b"a:\n  services: !!seq [services]\n") == ["services"]
    assert images_in(gitlab_ci.FORMAT, b"a:\n  image: {name: !reference [.b, image]}\n") == []


def test_yaml_key_paths_with_equal_spelling_have_different_locators():
    content = b'pipelines:\n  a/b: [{step: {image: "node:22"}}]\n  a: {b: [{step: {image: "node:20"}}]}\n'
    found = read(bitbucket_pipelines.FORMAT, content)
    assert [(each.locator, str(each.image)) for each in found] == [
        ("0/pipelines/a/b/0/step/image", "node:22"),
        ("0/pipelines/a/b/0/step/image~1", "node:20"),
    ]


def test_yaml_key_spelled_like_a_wildcard_is_read_as_a_key():
    assert images_in(github_actions.FORMAT, b'jobs: {"*": {container: "a:1"}, "{}": {container: "b:1"}}') == [
        "a:1",
        "b:1",
    ]


@pytest.mark.parametrize(
    "around",
    [
        b"build:\n  image:\n    name: node:22\n",
        b"build:\n  image: # basebump\n    # why\n\n    name: node:22\n",
        b"build:\n  image: &a !!map\n    name: node:22\n",
        b'build:\n  "image" :\r\n    name: node:22\r\n',
        b"build:\n  image: {entrypoint: [''], name: node:22}\n",
    ],
)
def test_comment_above_key_of_image_mapping_applies_to_image(around):
    (found,) = read(gitlab_ci.FORMAT, around)
    assert found.related_lines == (2,)


@pytest.mark.parametrize(
    "around", [b"      db:\n        image: node:22\n", b'      "d b": # services:\n        image: node:22\n']
)
def test_comment_above_service_name_applies_to_its_image(around):
    (found,) = read(github_actions.FORMAT, b"jobs:\n  a:\n    services:\n" + around)
    assert (found.line_number, found.related_lines) == (5, (4,))


def test_comment_above_list_item_applies_to_its_image():
    (found,) = read(gitlab_ci.FORMAT, b"build:\n  services:\n    - alias: db\n      name: node:22\n")
    assert (found.line_number, found.related_lines) == (4, (3,))


def test_image_written_as_plain_value_has_no_related_lines():
    (found,) = read(gitlab_ci.FORMAT, b"image: node:22\n")
    assert found.related_lines == ()


def test_comment_above_anchor_applies_to_image_used_by_alias():
    found = read(gitlab_ci.FORMAT, b"image: &a\n  name: node:22\nbuild:\n  image: *a\n")
    assert [each.related_lines for each in found] == [(1,), (1,)]


def test_anchored_image_is_editable_only_if_used_solely_as_image():
    kept = b".images:\n  - &a node:22\nbuild:\n  image: *a\n"
    used = b"variables:\n  X: &a node:22\nbuild:\n  image: *a\n"
    in_a_script = b"other:\n  script: [&a node:22]\nbuild:\n  image: *a\n"
    reasons = [read(gitlab_ci.FORMAT, each)[0].digest_slot for each in (kept, used, in_a_script)]
    assert isinstance(reasons[0], EditSlot)
    assert [each.reason for each in reasons[1:]] == [Reason.CONFLICTING_EDITS] * 2


def test_images_inside_nested_pipeline_conditions_are_read():
    def nested(depth):
        text = "container: node:22"
        for level in range(depth):
            text = f'"${{{{ if {level} }}}}": {{{text}}}'
        return f"{{{text}}}".encode()

    assert images_in(azure_pipelines.FORMAT, nested(MAX_CONDITIONS)) == ["node:22"]
    (found,) = read(azure_pipelines.FORMAT, nested(MAX_CONDITIONS + 2))
    assert found == UnsupportedText(PATH, 1, "", Reason.TOO_LARGE)


@pytest.mark.parametrize(
    "content",
    [
        b'&a\n"${{ if x }}": *a\ncontainer: node:22\n',
        b'container: node:22\njobs: &a\n  - *a\n  - "${{ if x }}": *a\n',
        b"container: x\n"
        + b"".join(b'a%d: &a%d {"${{ a }}": %s}\n' % (i, i, b"*a%d" % (i - 1) if i else b"1") for i in range(500)),
    ],
)
def test_recursive_pipeline_conditions_are_read_fast(content):
    with soon(2):
        found = read(azure_pipelines.FORMAT, content)
        assert all(isinstance(each, Reference) or each.reason is Reason.TOO_LARGE for each in found)


def test_file_with_too_many_images_behind_one_anchor_is_refused_fast():
    steps = b"jobs:\n  a: &a\n    steps: [" + b"{uses: 'docker://node:22'}," * 400 + b"]\n"
    content = steps + b"".join(b"  b%d: *a\n" % number for number in range(2000))
    with soon(2):
        assert [each.reason for each in read(github_actions.FORMAT, content)] == [Reason.TOO_LARGE]


def test_use_of_a_matrix_value_behind_two_aliases_is_counted_once():
    job = b".a: &a\n  image: $IMAGE\nb:\n  <<: *a\nc:\n  <<: *a\n  parallel: {matrix: [{IMAGE: node:22}]}\n"
    (plain,) = read(gitlab_ci.FORMAT, job)
    assert isinstance(plain.digest_slot, EditSlot)
    found = read(gitlab_ci.FORMAT, job + b"  script: docker run $IMAGE\n")
    (shared,) = (each for each in found if isinstance(each, Reference))
    assert shared.digest_slot == NotEditable(Reason.SHARED_ARGUMENT)


def test_names_of_matrix_values_ignore_case_only_on_github():
    github = b"jobs: {a: {name: b, strategy: {matrix: {Base: [node:22]}}, container: '${{ matrix.base }}'}}"
    assert images_in(github_actions.FORMAT, github) == ["node:22"]
    assert images_in(gitlab_ci.FORMAT, b"a: {image: $base, parallel: {matrix: [{Base: node:22}]}}") == []


def test_matrices_of_many_jobs_are_read_fast():
    job = b"  a%d: {name: b, strategy: {matrix: {image: ['b:1', 'b:2']}}, container: '${{ matrix.image }}'}\n"
    content = b"jobs:\n" + b"".join(job % number for number in range(2000))
    with soon(10):
        assert len(images_in(github_actions.FORMAT, content)) == 4000
