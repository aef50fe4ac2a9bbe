"""Terraform: only literal images are read, with their byte offsets."""

from __future__ import annotations

import pytest
from support.soon import soon

from bot.formats.terraform import FORMAT
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

PATH = FilePath("main.tf")


def read(content):
    return list(FORMAT.extract(SourceFile(PATH, content.encode() if isinstance(content, str) else content)))


def list_images(content):
    return [str(each.image) for each in read(content) if isinstance(each, Reference)]


def write_task(definitions):
    return f'resource "aws_ecs_task_definition" "x" {{\n  container_definitions = {definitions}\n}}\n'


@pytest.mark.parametrize(
    "definitions",
    [
        'jsonencode([{ image = "nginx:1.27" }])',
        'jsonencode ( [{ "image" : "nginx:1.27", }, ], )',
        'jsonencode([\n  # größe\n  { name = "é", image = "nginx:1.27" /* ] */ },\n])',
        'jsonencode([merge(var.x, { image = "evil:1" }), { image = "nginx:1.27" }])',
        'jsonencode([{ image = var.x }, { image = "nginx:1.27" }])',
    ],
)
def test_images_in_jsonencoded_terraform_containers_have_exact_offsets(definitions):
    content = write_task(definitions).encode()
    (found,) = read(content)
    assert found.written == "nginx:1.27"
    assert found.role is Role.THIRD_PARTY
    assert content[: found.digest_slot.span.start].endswith(b"nginx:1.27")
    assert found.line_number == content[: found.digest_slot.span.start].count(b"\n") + 1


@pytest.mark.parametrize(
    "definitions",
    [
        '"[{\\"image\\": \\"evil:1\\"}]"',
        "jsonencode(local.containers)",
        'jsonencode({ image = "evil:1" })',
        'jsonencode(["evil:1"])',
        'jsonencode([{ images = ["evil:1"], other = { image = "evil:1" } }])',
        'jsonencode([{ image = "evil:1" }]) == jsonencode([])',
        'other([{ image = "evil:1" }])',
        '[{ image = "evil:1" }]',
        "jsonencode()",
    ],
)
def test_terraform_containers_without_literal_jsonencode_are_ignored(definitions):
    assert read(write_task(definitions)) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"nginx:${var.tag}"', Reason.TEMPLATED),
        ('"${var.registry}/nginx:1.27"', Reason.TEMPLATED),
        ('"{{ image }}"', Reason.TEMPLATED),
        ('"nginx\\u003a1.27"', Reason.MALFORMED),
        ('"Nginx 1.27"', Reason.MALFORMED),
    ],
)
def test_templated_or_malformed_terraform_image_is_reported(value, reason):
    (found,) = read(f'resource "docker_image" "x" {{\n  name = {value}\n}}\n')
    assert isinstance(found, UnsupportedText)
    assert (found.reason, found.line_number) == (reason, 2)


@pytest.mark.parametrize(
    "value", ["var.x", '"${var.x}"', '"${var.x}${var.y}"', '""', '["evil:1"]', 'f("evil:1")', "null"]
)
def test_terraform_image_given_only_by_an_expression_is_ignored(value):
    assert read(f'resource "docker_image" "x" {{\n  name = {value}\n}}\n') == []


def test_terraform_image_with_build_block_is_ignored():
    built = 'resource "docker_image" "x" {\n  name = "evil:1"\n  build {\n    context = "."\n  }\n}\n'
    assert read(built) == []
    assert list_images(built.replace("build", "triggers").replace("evil", "nginx")) == ["nginx:1"]


def test_terraform_platform_is_read_only_if_literal():
    (found,) = read('resource "docker_image" "x" {\n  name = "nginx:1"\n  platform = "linux/aarch64"\n}\n')
    assert found.platform == "linux/arm64"
    (found,) = read('resource "docker_image" "x" {\n  name = "nginx:1"\n  platform = var.platform\n}\n')
    assert found.platform is None


def test_terraform_prefilter_accepts_resource_type_with_escape():
    assert list_images('resource "docker_imag\\u0065" "x" {\n  name = "nginx:1"\n}\n') == ["nginx:1"]


def test_terraform_file_without_image_keyword_is_never_parsed():
    assert read('resource "x" {') == []


@pytest.mark.parametrize(
    "content",
    [
        write_task(f"jsonencode([{'{ image = var.x },' * 20_000}])"),
        write_task("jsonencode([])") * 8000,
        'resource "kubernetes_pod" "image" {\n' + "spec {\n" * 90 + "}\n" * 91,
        'resource "kubernetes_pod" "image" {\n' + 'container {\nimage = "nginx:1"\n}\n' * 8000 + "}\n",
    ],
)
def test_hostile_terraform_file_is_read_fast(content):
    with soon(2):
        found = read(content)
    locators = [each.locator for each in found]
    assert len(set(locators)) == len(locators)
