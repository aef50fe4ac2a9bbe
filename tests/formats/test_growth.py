"""Hostile files of all formats are read in steps that grow in proportion to their size, or refused.

Where a regular expression does the work, steps cannot be counted. For such files, a test reads a file for which reading
in quadratic time would take hours.
"""

from __future__ import annotations

import pytest
from support.steps import assert_linear, count_calls, measure_peak

from bot.core.references.tree_paths import MAX_PATH_LENGTH, resolve_dockerfile
from bot.formats import load_all_formats
from bot.formats._readers import helm
from bot.formats._syntax.compose.interpolation import MAX_DOLLARS, MAX_LENGTH, parse_text
from bot.formats._syntax.hcl import tokens
from bot.formats._syntax.helm import actions, expressions
from bot.formats._syntax.helm.actions import MAX_ACTION_LENGTH, MAX_ACTIONS
from bot.formats._syntax.helm.templates import read_chart_template
from bot.formats._syntax.kubernetes.templated_lines import _VALUE
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import MAX_LOCATOR
from bot.formats._syntax.yaml import nodes, trees
from bot.formats._syntax.yaml.nodes import BrokenSection, YamlDocument, read_documents
from bot.model.chart_facts import ChartTemplate, ValueUse
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

MEBIBYTE = 1024 * 1024
FORMATS = {each.name: each for each in load_all_formats()}
UNKNOWN = ChartTemplate(FilePath("c/templates/a.yaml"), "", frozenset({((), ValueUse.UNKNOWN)}))


def extract(name, path, text):
    return list(FORMATS[name].extract(SourceFile(FilePath(path), text.encode())))


def list_reasons(items):
    return [each.reason for each in items if isinstance(each, UnsupportedText)]


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("quadlet", "a.container", f"[Container]\nImage=a{' ' * MEBIBYTE}b\n"),
        ("quadlet", "a.container", f"[Container]\nImage{' ' * MEBIBYTE}\n"),
        ("acr-tasks", "a.yaml", f"version: v1.1.0\nsteps:\n- build: {{{{{' ' * MEBIBYTE}\n"),
        ("kubernetes", "a.yaml", "apiVersion: v1\nkind: Pod\n{{ a }}\nimage: b\n" + f"c: d{' ' * 1_900}e\n" * 2_000),
        ("kubernetes", "a.yaml", "apiVersion: v1\nkind: Pod\n{{ a }}\nimage: b\n" + "- " * MEBIBYTE),
        ("env", ".env", "\r" * MEBIBYTE),
        ("helm", "c/values.yaml", f"image: {'a.b:' * MEBIBYTE}c\n"),
        ("kustomize", "kustomization.yaml", f"resources: ['{'?&' * MEBIBYTE}']\n"),
        ("kustomize", "kustomization.yaml", f"configMapGenerator: [{{files: ['{'values' * MEBIBYTE}']}}]\n"),
        ("dockerfile", "Dockerfile", f"# syntax=a{' ' * 60_000}b\n" * 3),
    ],
)
def test_megabyte_of_repeated_characters_yields_at_most_two_results(name, path, text):
    assert len(extract(name, path, text)) <= 2


@pytest.mark.parametrize(
    ("value", "text", "rest"),
    [
        ("nginx:1", "nginx:1", ""),
        ("nginx:1  # a", "nginx:1", "  # a"),
        ("a b  c \t", "a b  c", " \t"),
        ("a#b", "a#b", ""),
        ("# a", "# a", ""),
        ('"a # b"', "a # b", ""),
        ("'a' # it's", "a", " # it's"),
        ("", "", ""),
    ],
)
def test_value_in_templated_yaml_line_ends_before_comment(value, text, rest):
    match = _VALUE.fullmatch(value.encode())
    assert (match["text"].decode(), match["rest"].decode()) == (text, rest)


@pytest.mark.parametrize("value", ['"a', "a'b", '"a"# b', "'a\""])
def test_value_in_templated_yaml_line_needs_matching_quotes(value):
    assert _VALUE.fullmatch(value.encode()) is None


def test_helm_template_with_too_many_tokens_has_unknown_uses(monkeypatch):
    monkeypatch.setattr(actions, "MAX_TOKENS", 10)
    assert UNKNOWN not in read_chart_template(UNKNOWN.path, b"{{ list .Values.a }}" * 5)
    assert list(read_chart_template(UNKNOWN.path, b"{{ list .Values.a }}" * 6)) == [UNKNOWN]


@pytest.mark.parametrize("unit", ["(", "- ", '"a" ', "}", "`a` "])
def test_too_long_helm_action_is_refused_before_parsing(unit):
    content = ("{{ " + unit * (2 * MAX_ACTION_LENGTH) + " }}").encode()
    assert count_calls(lambda: list(read_chart_template(UNKNOWN.path, content))) < 100
    assert list(read_chart_template(UNKNOWN.path, content)) == [UNKNOWN]
    large = ("{{ " + unit * (2 * MEBIBYTE // len(unit)) + " }}").encode()
    assert measure_peak(lambda: list(read_chart_template(UNKNOWN.path, large))) < 30 * MEBIBYTE


def test_long_helm_actions_are_not_cached():
    caches = (actions._parse_action_cached, expressions._evaluate_without_variables)
    before = [cache.cache_info().currsize for cache in caches]
    for number in range(5):
        list(read_chart_template(UNKNOWN.path, f"{{{{ printf {number} {'1 ' * 200}}}}}".encode()))
    assert [cache.cache_info().currsize for cache in caches] == before


def test_repeated_helm_action_is_evaluated_with_few_calls():
    assert count_calls(lambda: list(read_chart_template(UNKNOWN.path, b"{{ .Values.a }}" * 1000))) < 6_000


def test_helm_outputs_outside_of_images_are_read_with_few_calls():
    content = b"image: a\n" + b"a: {{ .Values.b }}\n" * 1000
    assert count_calls(lambda: list(read_chart_template(UNKNOWN.path, content))) < 45_000


def test_helm_values_with_too_many_actions_have_unknown_uses():
    templates = "\n".join("a: '{{ .Values.b }}'" for _ in range(MAX_ACTIONS + 1))
    found = extract("helm", "c/values.yaml", templates)
    assert [each.uses for each in found if isinstance(each, ChartTemplate)] == [UNKNOWN.uses]


def test_helm_values_with_too_many_images_are_refused_early(monkeypatch):
    monkeypatch.setattr(helm, "MAX_FILE_REFERENCES", 100)

    def read(count):
        return extract("helm", "c/values.yaml", "a:\n" + "- image: b:1\n" * count)

    assert sum(isinstance(each, Reference) for each in read(100)) == 100
    assert read(101) == [UnsupportedText(FilePath("c/values.yaml"), 1, "", Reason.TOO_LARGE)]
    assert count_calls(lambda: read(1_000)) < 12 * count_calls(lambda: read(100))


def read_yaml(text):
    return list(read_documents(text.encode(), bool))


def test_yaml_aliases_that_repeat_too_many_characters_are_refused(monkeypatch):
    monkeypatch.setattr(trees, "MAX_REPEATED_CHARACTERS", 1_000)
    text = "a" * 97
    (allowed,) = read_yaml(f"x: &x {text}\n" + "y: *x\n" * 10)
    assert isinstance(allowed, YamlDocument)
    (refused,) = read_yaml(f"x: &x {text}\n" + "y: *x\n" * 11)
    assert isinstance(refused, BrokenSection)
    assert (refused.reason, refused.line_number) == (Reason.TOO_LARGE, 12)


def test_nested_yaml_aliases_count_once_per_repetition_toward_the_limit(monkeypatch):
    monkeypatch.setattr(trees, "MAX_REPEATED_CHARACTERS", 1_000)
    doubled = "".join(f"- &x{number} [*x{number - 1}, *x{number - 1}]\n" for number in range(1, 12))
    (found,) = read_yaml(f"- &x0 aaaaaaaaaa\n{doubled}")
    assert isinstance(found, BrokenSection)
    assert 5 <= found.line_number <= 7
    (again,) = read_yaml("x: &x\n  y: z\n" + "".join(f"a{number}:\n  <<: *x\n" for number in range(50)))
    assert isinstance(again, YamlDocument)


@pytest.mark.parametrize(
    ("name", "path", "start", "unit"),
    [
        ("circleci", ".circleci/config.yml", "jobs:\n  ? {}\n  : docker:\n", "    - image: a:1\n"),
        (
            "kubernetes",
            "a.yaml",
            "apiVersion: a.example/v1\nkind: A\n? {}\n:\n",
            "  - containers: [{{name: a, image: a:1}}]\n",
        ),
    ],
)
def test_long_key_is_refused_before_being_copied_into_many_locators(name, path, start, unit):
    text = start.format("k" * MEBIBYTE) + unit.replace("{{", "{").replace("}}", "}") * 1_000
    assert measure_peak(lambda: extract(name, path, text)) < 100 * MEBIBYTE
    assert list_reasons(extract(name, path, text)) == [Reason.TOO_LARGE]


def test_long_hcl_labels_are_cut_in_locators():
    label = "k" * MEBIBYTE
    resource = f'resource "kubernetes_pod" "{label}" {{\n' + 'container {\nimage = "a:1"\n}\n' * 500 + "}\n"
    found = extract("terraform", "main.tf", resource)
    assert len({each.locator for each in found}) == 500
    target = f'target "{label}" {{\ncontexts = {{\n' + 'a = "docker-image://a:1"\n' * 500 + "}\n}\n"
    found += extract("bake", "docker-bake.hcl", target)
    locators = [each.locator for each in found if isinstance(each, Reference)]
    assert len(locators) == 1_000
    assert max(map(len, locators)) <= MAX_LOCATOR + len(".image#1000")


@pytest.mark.parametrize("text", ['a = "{}"', "a = <<E\n{}\nE\n"])
@pytest.mark.parametrize("part", ["${b}", "$${", "\\n"])
def test_hcl_string_with_too_many_parts_is_refused(text, part, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_TOKENS", 100)

    def read(count):
        piece = "b\n" if part == "\\n" and "<<" in text else part
        return extract("terraform", "main.tf", f"# docker image\n{text.replace('{}', piece * count)}\n")

    assert list_reasons(read(40)) == []
    assert list_reasons(read(110)) == [Reason.TOO_LARGE]


def test_too_long_texts_are_not_read_as_platforms_or_dockerfile_paths():
    assert read_platform("linux/" + "a" * 100) is None
    assert resolve_dockerfile(FilePath("compose.yaml"), "a" * MAX_PATH_LENGTH, None) is None
    assert resolve_dockerfile(FilePath("compose.yaml"), "a" * (MAX_PATH_LENGTH - 100), None) is not None


def test_compose_text_with_too_many_variables_is_not_split_at_each_variable():
    assert len(parse_text("$a$b" * MAX_LENGTH, 0)) == 3
    assert len(parse_text("$a$b" * (MAX_DOLLARS // 2), 0)) == MAX_DOLLARS
    assert len(parse_text("$a$b" * (MAX_DOLLARS // 2 + 1), 0)) == 3


@pytest.mark.parametrize(
    ("name", "path", "start", "unit"),
    [
        ("compose", "compose.yaml", "services:\n", "  a{n}: {{image: b:1}}\n"),
        ("helm", "c/values.yaml", "images:\n", "  a{n}: {{repository: b, tag: c}}\n"),
        ("helm", "c/values.yaml", "a:\n", "- image:\n"),
        ("kubernetes", "a.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n", "  - image: b:1\n"),
        ("kubernetes", "a.yaml", "apiVersion: v1\nkind: Pod\nspec:\n{{{{ a }}}}\n", "  - image: b:1\n"),
        ("bake", "docker-bake.hcl", "", 'target "a{n}" {{\ncontexts = {{\na = "docker-image://a:1"\n}}\n}}\n'),
        ("terraform", "main.tf", "", 'resource "docker_image" "a{n}" {{\nname = "b:1"\n}}\n'),
        ("quadlet", "a.container", "[Container]\nImage=a:1\n", "Label=a{n}\n"),
        ("env", ".env", "", "a{n}=b$c\n"),
        (
            "renovate",
            "renovate.json",
            '{{"extends":[], "packageRules": [',
            '{{"matchPackageNames": ["a{n}"], "enabled": false}},',
        ),
        ("text", "a.txt", "", f"a{{n}}:1@sha256:{'a' * 64}\n"),
    ],
)
def test_files_of_all_formats_are_read_in_linear_time(name, path, start, unit):
    def read(count):
        body = "".join(unit.format(n=number) for number in range(count))
        extract(name, path, start.format() + body + ("]}" if name == "renovate" else ""))

    assert_linear(read, 200)


def test_images_below_the_longest_allowed_yaml_key_are_read(monkeypatch):
    monkeypatch.setattr(nodes, "MAX_VISITS", 100)
    text = f"jobs:\n  {'k' * 400}:\n    docker:\n" + "    - image: a:1\n" * 20
    assert len(extract("circleci", ".circleci/config.yml", text)) == 20
