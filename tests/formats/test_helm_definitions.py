"""Helm charts: the definitions of named templates, and their inclusions."""

from __future__ import annotations

import pytest
from support.formats.helm_templates import (
    ANYTHING,
    END,
    IMAGE,
    OTHER,
    TAG,
    find_inclusions,
    find_tag_uses,
    read_templates,
)

from bot.model.chart_facts import TemplateInclusion, ValueUse


def test_chart_value_counts_as_end_use_only_at_the_end_of_a_named_template():
    definition = '{{ define "web.image" }}\n%s\n{{ end }}'
    for body in (
        "{{- .Values.image.repository }}:{{ .Values.image.tag -}}",
        "nginx:{{ .Values.image.tag }}",
        '"nginx:{{ .Values.image.tag }}"',
        "{{ if .Values.image.digest }}nginx@{{ .Values.image.digest }}{{ else }}nginx:{{ .Values.image.tag }}{{ end }}",
        "{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}{{- printf `nginx:%s` $tag -}}",
        "version: {{ .Values.image.tag }}",
    ):
        assert find_tag_uses(definition % body, "web.image") == {END}
    for body in (
        "{{ .Values.image.tag }}-alpine",
        "a: {{ .Values.image.tag }}\nb: 1",
        "{{ .Values.image.tag | quote | lower }}",
    ):
        assert find_tag_uses(definition % body, "web.image") == {OTHER}
    assert find_tag_uses(definition % "image: nginx:{{ .Values.image.tag }}\nname: web", "web.image") == {IMAGE}


def test_tag_after_other_text_in_named_template_counts_as_other_use():
    assert find_tag_uses('{{ define "tag" }}v{{ .Values.image.tag }}{{ end }}', "tag") == {OTHER}


def test_helm_block_action_defines_and_includes_a_named_template():
    text = 'image: {{ block "web.image" . }}nginx:{{ .Values.image.tag }}{{ end }}'
    assert find_tag_uses(text, "web.image") == {END}
    assert find_inclusions(text) == {TemplateInclusion("web.image", frozenset({()})): IMAGE}


@pytest.mark.parametrize("call", ['include "web.image" .', 'template "web.image" .', '. | include "web.image"'])
def test_include_is_an_image_only_as_the_value_of_an_image_key(call):
    inclusion = TemplateInclusion("web.image", frozenset({()}))
    assert find_inclusions(f"image: {{{{ {call} }}}}") == {inclusion: IMAGE}
    assert find_inclusions(f"name: {{{{ {call} }}}}") == {inclusion: OTHER}


def test_transformed_tested_and_hashed_outputs_of_include_have_different_uses():
    inclusion = TemplateInclusion("web.image", frozenset({()}))
    assert find_inclusions('image: {{ include "web.image" . | trunc 5 }}') == {inclusion: OTHER}
    assert find_inclusions('{{ if include "web.image" . }}{{ end }}') == {inclusion: ValueUse.CONDITION}
    assert not find_inclusions('{{ include "web.image" . | sha256sum }}')


def test_include_with_dict_or_list_records_the_passed_values():
    assert find_inclusions('image: {{ include "a" (dict "image" .Values.image "root" $ "name" "web") }}') == {
        TemplateInclusion(
            "a",
            frozenset(),
            (("image", frozenset({("Values", "image")})), ("root", frozenset({()})), ("name", frozenset())),
        ): IMAGE
    }
    assert find_inclusions('image: {{ include "a" (list $ .Values.image) }}') == {
        TemplateInclusion("a", frozenset(), (("0", frozenset({()})), ("1", frozenset({("Values", "image")})))): IMAGE
    }
    changed = read_templates('image: {{ include "a" (dict "tag" (upper .Values.image.tag)) }}')[""].uses
    assert (TAG, ValueUse.UNKNOWN) in changed


def test_include_of_a_whole_file_is_ignored_if_hashed():
    assert not read_templates('x: {{ include (print $.Template.BasePath "/config.yaml") . | sha256sum }}')[""].uses
    assert read_templates('x: {{ include (print .Release.Name "-x") . }}')[""].uses == ANYTHING


def test_unreadable_named_template_leaves_other_templates_readable():
    templates = read_templates(
        '{{ define "a" }}{{ $x }}{{ end }}{{ define "b" }}x{{ end }}image: {{ .Values.image.tag }}'
    )
    assert templates["a"].uses == ANYTHING
    assert templates["b"].uses == set()
    assert templates[""].uses == {(TAG, IMAGE)}
