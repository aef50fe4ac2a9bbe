"""Compose files, compared with PyYAML's own loader where it can read them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.builds import list_arguments
from support.soon import soon

from bot.core.references.relate import apply_cross_file_facts
from bot.formats._readers.compose import _read_document
from bot.formats._syntax.compose.file_names import list_compose_files
from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, list_variable_names, parse_text
from bot.formats._syntax.yaml import nodes
from bot.formats.compose import FORMAT
from bot.model.cross_file import (
    BuildOutput,
    EnvironmentUse,
    InterpolatedImage,
    LiteralText,
    VariableUse,
)
from bot.model.path_index import index_paths
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

PATH = FilePath("compose.yaml")


def extract(text: str, path: str = PATH):
    return list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))


def list_references(text: str):
    found = extract(text)
    direct = tuple(each for each in found if isinstance(each, Reference | UnsupportedText))
    return apply_cross_file_facts(
        [direct], [each for each in found if not isinstance(each, Reference | UnsupportedText)]
    )


def write_service(body: str) -> str:
    return f"services:\n  app:\n{body}"


def list_variable_uses(text: str):
    return {each.variable for each in extract(text) if isinstance(each, EnvironmentUse)}


def test_compose_files_are_recognised_by_name():
    chosen = ["compose.yaml", "a/compose.prod.yml", "docker-compose.YML", "docker-compose-ci.yaml", "docker-stack.yml"]
    others = ["my-compose.yaml", "docker-compose.yml.j2", "compose/app.yaml", "compose.json", "stack.yml"]
    paths = [FilePath(path) for path in (*chosen, *others)]
    assert list_compose_files(index_paths(paths)) == chosen


SERVICE = "services:\n  db:\n    image: postgres:18\n"


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("stack.yml", SERVICE, 1),
        ("dev-services.yaml", f"x-base: {{image: a}}\n{SERVICE}  web: {{build: .}}\nnetworks: {{}}\n", 1),
        ("a.yaml", f"---\n{SERVICE}---\nservices: [{{image: evil}}]\n", 1),
        ("a.yaml", f"steps: []\n{SERVICE}", 0),
        ("a.yaml", f"apiVersion: v1\nkind: A\n{SERVICE}", 0),
        ("a.yaml", f"{SERVICE}  evil: {{class: image}}\n", 0),
        ("a.yaml", "services:\n  evil: {build: 'image: .'}\n", 0),
        ("a.yaml", f"{SERVICE}\tbroken: [\n", 0),
        ("values.yaml", SERVICE, 0),
        (".woodpecker/test.yaml", SERVICE, 0),
        (".drone.yml", SERVICE, 0),
    ],
)
def test_compose_file_with_other_name_is_recognised_by_content(path, text, count):
    items = FORMAT.extract(SourceFile(FilePath(path), text.encode()))
    found = [each for each in items if isinstance(each, Reference | UnsupportedText)]
    assert [each.written for each in found] == ["postgres:18"] * count


IMAGES = ["nginx", "nginx:1.27", "ghcr.io/acme/web:v2", f"redis:7@sha256:{'a' * 64}", "localhost:5000/x"]
DEFAULTS = ["${A:-nginx:1.27}", "nginx:${TAG:-1}", "${R:-ghcr.io}/acme/app:${V-2}", "$$x", "${MISSING}"]
TEXTS = st.sampled_from(["web", "größe", "image: evil:1", "# no comment", "a\nb\n", "", "{{ x }}", "$HOME", "${B:-$C}"])


@st.composite
def services(draw):
    made = {"environment": draw(st.dictionaries(st.sampled_from(["A", "ü"]), TEXTS, max_size=2))}
    if draw(st.booleans()):
        made["image"] = draw(st.sampled_from(IMAGES + DEFAULTS))
    if draw(st.booleans()):
        made["build"] = draw(st.sampled_from([".", {"context": ".", "args": {"IMAGE": "evil:1"}}, None, {}]))
    if draw(st.booleans()):
        made["labels"] = [draw(TEXTS)]
    return made


@st.composite
def compose_files(draw):
    document = {
        "services": draw(st.dictionaries(st.sampled_from(["web", "größe", "a.b", "x-y", "1"]), services(), max_size=4)),
        "x-image": {"image": "evil:1"},
        "volumes": {"evil": {"image": "evil:1"}},
    }
    if draw(st.booleans()):
        document["services"] |= {"alias": draw(st.sampled_from(list(document["services"].values()) or [{}]))}
    text = yaml.safe_dump(
        document,
        default_style=draw(st.sampled_from([None, "'", '"'])),
        default_flow_style=draw(st.booleans()),
        allow_unicode=draw(st.booleans()),
        width=draw(st.sampled_from([1000, 20])),
        indent=draw(st.sampled_from([2, 4])),
        line_break=draw(st.sampled_from(["\n", "\r\n"])),
        sort_keys=draw(st.booleans()),
    )
    return draw(st.sampled_from(["", "\ufeff", "# ü\n"])) + text


@given(text=compose_files())
def test_compose_images_match_those_found_by_pyyaml(text):
    named = {name: each for name, each in yaml.safe_load(text)["services"].items() if each.get("image")}
    outputs = {each["image"] for each in named.values() if each.get("build") is not None}
    expected = {f"0/services/{name}/image": each["image"] for name, each in named.items() if each.get("build") is None}
    found = [each for each in extract(text) if isinstance(each, Reference | UnsupportedText | InterpolatedImage)]
    located = {each.locator: each.written for each in found if isinstance(each, Reference | InterpolatedImage)}
    assert {**expected, **located} == expected
    unlocated = sorted(image for locator, image in expected.items() if locator not in located)
    assert sorted(each.text for each in found if isinstance(each, UnsupportedText)) == unlocated
    assert all(image == "$$x" for image in unlocated)
    built = [each.images for each in extract(text) if isinstance(each, BuildOutput)]
    assert set().union(*built) == outputs


@given(text=compose_files())
def test_compose_prefilter_skips_no_file_with_an_image(text):
    ungated = [
        each
        for document in nodes.read_documents(text.encode(), lambda _: True)
        if isinstance(document, nodes.YamlDocument)
        for each in _read_document(document, PATH)
    ]
    assert extract(text) == ungated


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux/arm64", "linux/arm64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/aarch64", "linux/arm64"),
        ("${P:-linux/amd64}", None),
        ("arm64", "linux/arm64"),
        ("linux", None),
        ("[]", None),
    ],
)
def test_compose_platform_is_read_only_if_literal(platform, expected):
    found, *_ = extract(write_service(f"    image: nginx:1.27\n    platform: {platform}\n"))
    assert found.platform == expected


def test_compose_arguments_are_assigned_to_dockerfile_of_the_service():
    text = """services:
  a:
    build:
      context: app
      dockerfile: build/Dockerfile
      args:
        NODE: "22"
        GO:
  b:
    build:
      args: [RUBY=3, "PYTHON"]
"""
    assert list_arguments(extract(text, "x/compose.yaml")) == [
        ("x/app/build/Dockerfile", "NODE", 7, "22"),
        ("x/app/build/Dockerfile", "GO", 8, None),
        ("x/Dockerfile", "RUBY", 11, "3"),
        ("x/Dockerfile", "PYTHON", 11, None),
    ]


@pytest.mark.parametrize("context", ["https://x.org/a.git", "git@x.org:a.git", "github.com/a/b", "../..", "/srv", "$A"])
def test_compose_arguments_are_ignored_if_context_is_outside_repository(context):
    found = extract(write_service(f"    build: {{context: '{context}', args: {{A: 1}}}}\n"), "x/compose.yaml")
    assert list_arguments(found) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("    environment: {A: '${X}'}\n", {"X"}),
        ("    environment: {X: }\n", {"X"}),
        ("    environment: [X, Y=1]\n", {"X"}),
        ("    build: {args: [X, Y=$Z]}\n", {"X", "Z"}),
        ("    labels: ['${X:-${Y}}', '$$Z', '$$$W']\n", {"X", "Y", "W"}),
        ("    image: acme/app:$X\n    build: .\n", {"X"}),
        ("    image: acme/app:$X\n", set()),
        ("    image: &a acme/app:$X\n    command: *a\n", set()),
        ("    env_file: .env\n", {None}),
        ("    env_file: [./.env]\n", {None}),
        ("    env_file: [{path: .env, required: false}]\n", {None}),
        ("    env_file: [web.env, sub/.env]\n", set()),
        ("    $X: 1\n", set()),
        ("    # $X\n    restart: always\n", set()),
        ("    restart: always\nsecrets: {s: {environment: X}}\n", {"X"}),
        ("    restart: always\nconfigs: {s: {environment: X}}\n", {"X"}),
        ("    restart: always\nx-y: [$X]\n", {"X"}),
    ],
)
def test_compose_variables_used_outside_images_are_listed(body, expected):
    assert list_variable_uses(write_service(body)) == expected


def test_comment_above_image_key_applies_to_image_in_block_scalar():
    (found,) = extract(write_service("    # basebump: ignore\n    image: |-\n      nginx:1.27\n"))
    assert (found.line_number, found.related_lines) == (5, (4,))


def test_compose_image_aliased_in_environment_is_not_editable():
    (found,) = list_references(write_service("    image: &i nginx:1.27\n    environment: {IMAGE: *i}\n"))
    assert found.digest_slot == NotEditable(Reason.CONFLICTING_EDITS)


def test_image_default_aliased_in_build_argument_is_not_editable():
    text = "services: {a: {image: &i '${A:-nginx:1}'}, b: {build: {args: [*i]}}}\n"
    (found,) = list_references(text)
    assert found.digest_slot == NotEditable(Reason.CONFLICTING_EDITS)


def test_services_that_merge_the_same_fragment_share_one_digest_slot():
    text = "x-a: &a {image: 'nginx:1.27'}\nservices: {b: {<<: *a}, c: {<<: *a}, d: *a}\n"
    found = extract(text)
    assert [each.locator for each in found] == [f"0/services/{name}/image" for name in "bcd"]
    assert len({each.digest_slot for each in found}) == 1
    assert isinstance(found[0].digest_slot, EditSlot)


@pytest.mark.parametrize("build", ["!reset null", "", "null", "~", "''"])
def test_image_of_service_with_reset_or_empty_build_is_editable(build):
    (found,) = extract(write_service(f"    image: nginx:1.27\n    build: {build}\n"))
    assert isinstance(found.digest_slot, EditSlot)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("$A", (VariableUse("A"),)),
        ("a$$b", ("a", "$", "b")),
        ("$1", ("$1",)),
        ("${a_1}", (VariableUse("a_1"),)),
        ("${A:-b}c", (VariableUse("A", ":-", ("b",)), "c")),
        ("${A-}", (VariableUse("A", "-", ("",)),)),
        ("${A:?b$C}", (VariableUse("A", ":?", ("b", VariableUse("C"))),)),
        ("${A+{b}}", (VariableUse("A", "+", ("{b}",)),)),
    ],
)
def test_variables_in_text_are_parsed_as_compose_does(text, parts):
    assert simplify_text(parse_text(text, None)) == parts


def simplify_text(text):
    return tuple(
        part.text
        if isinstance(part, LiteralText)
        else VariableUse(part.variable, part.operator, simplify_text(part.operand))
        for part in text
    )


NESTED = "${A:-" * 50 + "}" * 50


@pytest.mark.parametrize("text", ["${", "${A", "${}", "${A.b}", "${1}", "${A:b}", "${A:-${B}", "${A:-a\nb}", NESTED])
def test_invalid_compose_interpolation_is_refused(text):
    with pytest.raises(InvalidInterpolationError):
        parse_text(text, None)


@given(text=st.text("ab$A{}:-ü\n", max_size=30), start=st.integers(0, 9))
def test_literals_of_interpolated_text_have_exact_spans_and_variables_are_listed(text, start):
    try:
        parts = parse_text(text, start)
    except InvalidInterpolationError:
        return
    content = b"x" * start + text.encode()
    pending = list(parts)
    while pending:
        match pending.pop():
            case LiteralText(literal, span):
                assert span is None or content[span.start : span.end].decode() == literal
            case VariableUse(name, _, operand):
                assert name in set(list_variable_names(text))
                pending += operand


def bomb_of_aliases() -> str:
    return (
        "x: &s {image: 'a:1', environment: &e [A, B]}\nservices: {"
        + ", ".join(f"s{index}: {{<<: *s, environment: *e}}" for index in range(20_000))
        + "}\n"
    )


def bomb_of_fragments() -> str:
    text = "x0: &x0 {image: 'a:1'}\n"
    for level in range(1, 200):
        text += f"x{level}: &x{level} {{<<: [{', '.join([f'*x{level - 1}'] * 50)}]}}\n"
    return f"{text}services: {{{', '.join(f's{index}: *x199' for index in range(1000))}}}\n"


def bomb_of_dockerfiles() -> str:
    lines = "".join("        FROM a:1\n" for _ in range(5_000))
    aliases = "".join(f"  s{index}:\n    build: *b\n" for index in range(5_000))
    return f"services:\n  app:\n    build: &b\n      dockerfile_inline: |\n{lines}{aliases}"


def bomb_of_variables() -> str:
    return "services:\n" + "".join(f"  s{index}:\n    image: a:{'${A:-b}' * 50}\n" for index in range(2_000))


@pytest.mark.parametrize("bomb", [bomb_of_aliases, bomb_of_fragments, bomb_of_dockerfiles, bomb_of_variables])
def test_compose_file_with_exponential_repetition_is_read_fast(bomb):
    content = bomb()
    with soon(5):
        list_references(content)
