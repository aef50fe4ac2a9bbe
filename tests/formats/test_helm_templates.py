"""Helm charts: the uses of values in templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.charts import build_chart_reference
from support.formats.helm_templates import (
    ANYTHING,
    IMAGE,
    OTHER,
    TAG,
    find_tag_fallbacks,
    find_tag_uses,
    read_templates,
)
from support.soon import soon

from bot.core.references.relate.chart_templates import unlock_templated_digests
from bot.formats._syntax.helm import actions as helm_actions
from bot.formats._syntax.helm import expression_values
from bot.model.chart_facts import ValueUse
from bot.model.source import FilePath


@pytest.mark.parametrize(
    "line",
    [
        "image: nginx:{{ .Values.image.tag }}",
        'image: "nginx:{{ .Values.image.tag }}"',
        "image: 'nginx:{{.Values.image.tag}}' # a comment",
        "- image: nginx:{{ .Values.image.tag }}\r",
        "{name: web, image: nginx:{{ .Values.image.tag }}}",
        'sidecarImage: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"',
        '"image": "nginx:{{ .Values.image.tag }}",',
        "image: nginx:{{ $.Values.image.tag }}",
        "image: nginx:{{ (.Values.image).tag }}",
        "image: nginx:{{ ((.Values).image).tag | default .Chart.AppVersion }}",
        'image: nginx:{{ index .Values "image" "tag" }}',
        'image: nginx:{{ get .Values.image "tag" }}',
        'image: {{ printf "%s:%s" .Values.image.repository .Values.image.tag }}',
        'image: {{ printf "%s:%v" "nginx" (.Values.image.tag | toString) | quote }}',
        'image: {{ printf "nginx:%s@%s" .Values.image.tag .Values.image.digest }}',
        'image: {{ print "nginx:" .Values.image.tag }}',
        'image: nginx:{{ required "a tag" .Values.image.tag }}',
        'image: nginx:{{ coalesce .Values.other .Values.image.tag "latest" }}',
        'image: nginx:{{ ternary .Values.image.tag "latest" .Values.pinned }}',
        "image: nginx:{{ tpl .Values.image.tag $ }}",
        "image: nginx:{{ .Values.image.tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}",
        "image: nginx:{{ .Values.image.tag }}@{{ .Values.image.digest }}",
        "image: docker.io/{{ .Values.image.repository }}:{{ .Values.image.tag }}",
        'image: "{{ .Values.image.registry }}/{{ .Values.image.repository }}:{{ .Values.image.tag }}"',
        "image: {{ with .Values.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}:{{ .Values.image.tag }}",
        'image: {{ printf "%s/%s:%s" .Values.image.registry .Values.image.repository .Values.image.tag }}',
        "image: {{ if .Values.image.tag }}nginx:{{ .Values.image.tag }}{{ else }}nginx{{ end }}",
        "image: nginx:{{ if not (empty .Values.image.tag) }}{{ .Values.image.tag }}{{ end }}",
        "image: nginx:{{ with .Values.image }}{{ .tag }}{{ end }}",
        "image: nginx:{{ with $image := .Values.image }}{{ $image.tag }}{{ end }}",
        "{{ $image := .Values.image }}{{ $tag := $image.tag }}image: nginx:{{ $tag }}",
        '{{ $images := dict "web" .Values.image }}image: nginx:{{ $images.web.tag }}',
        "{{ range $number, $image := list .Values.image }}\nimage: nginx:{{ $image.tag }}\n{{ end }}",
        "image: nginx:{{ .Values.image.tag }}\n{{- with .Values.resources }}\nresources: {{ toYaml . }}\n{{- end }}",
        "image: nginx:{{ .Values.image.tag }}\n{{- .Values.resources | toYaml | nindent 4 }}",
        "image: nginx:{{ .Values.image.tag }}\n{{/* {{ .Values.image.tag }} */}}",
        "checksum: {{ toYaml .Values.image.tag | sha256sum }}\nimage: nginx:{{ .Values.image.tag }}",
        '{{ if eq .Values.image.tag "" }}{{ fail "no tag" }}{{ end }}image: nginx:{{ .Values.image.tag }}',
    ],
)
def test_chart_tag_at_the_end_of_an_image_counts_as_image_use(line):
    for text in (line, f"kind: Pod\nspec:\n  containers:\n  {line}\n  name: web\n"):
        assert find_tag_uses(text) == {IMAGE}


@pytest.mark.parametrize(
    "line",
    [
        "version: {{ .Values.image.tag }}",
        "value: nginx:{{ .Values.image.tag }}",
        "- --image=nginx:{{ .Values.image.tag }}",
        "imageTag: {{ .Values.image.tag }}",
        "image: nginx:{{ .Values.image.tag }}-alpine",
        "image: nginx:{{ .Values.image.tag }} {{ .Values.more }}",
        "image: nginx:{{ .Values.image.tag }}{{ .Values.image.suffix }}",
        "image: nginx:{{ .Values.image.tag }}{{ if .Values.alpine }}-alpine{{ end }}",
        "image: nginx:{{ .Values.image.tag }}{{ if .a }}@{{ .b }}{{ else }}-alpine{{ end }}",
        "image: {{ .Values.image.repository }}:v{{ .Values.image.tag }}",
        "image: {{ .Values.image.repository }}/app:{{ .Values.image.tag }}",
        'image: "{{ .Values.image.repository }}-init:{{ .Values.image.tag }}"',
        "image: {{ if .a }}{{ .b }}{{ end }}/app:{{ .Values.image.tag }}",
        "image: quay.io/{{ .Values.image.repository }}:{{ .Values.image.tag }}",
        'image: {{ printf "%s:v%s" .Values.image.repository .Values.image.tag }}',
        'image: {{ printf "%s/app:%s" .Values.image.repository .Values.image.tag }}',
        "image: nginx:{{ .Values.image.tag | trunc 10 }}",
        'image: nginx:{{ .Values.image.tag | replace "@" "-" }}',
        "image: nginx:{{ lower .Values.image.tag }}",
        'image: {{ printf "%s:%s-alpine" "nginx" .Values.image.tag }}',
        'image: {{ printf "nginx:%q" .Values.image.tag }}',
        'image: {{ printf "nginx:%.5s" .Values.image.tag }}',
        'image: {{ printf "nginx:%s" .Values.image.tag .Values.more }}',
        "image: {{ printf .Values.format .Values.image.tag }}",
        'image: {{ print "nginx:" .Values.image.tag "-alpine" }}',
        'image: nginx{{ if semverCompare ">1" .Values.image.tag }}:2{{ end }}',
        'image: nginx{{ if eq .Values.image.tag "latest" }}:2{{ end }}',
        "image: nginx:{{ ternary 1 2 (eq .Values.image.tag .Values.other) }}",
        "image: {{ toYaml .Values.image.tag }}",
        "image: {{ (dict 1 .Values.image.tag) }}",
        "image: {{ dict 'x' .Values.image.tag }}".replace("'", '"'),
        "image: nginx # version\nname: {{ .Values.image.tag }}",
        "image: nginx version {{ .Values.image.tag }}",
        "image: >-\n  nginx:{{ .Values.image.tag }}",
        "{{ range $i, $x := .Values.list }}image: nginx:{{ $.Values.image.tag }}{{ end }}",
        "{{ if .a }}image: {{ else }}name: {{ end }}{{ .Values.image.tag }}",
        "{{ $x := .Values.image.tag | upper }}image: nginx:{{ $x }}",
    ],
)
def test_chart_tag_outside_image_fields_counts_as_other_use(line):
    assert find_tag_uses(f"{line}\n") == {OTHER}


@pytest.mark.parametrize(
    "line",
    [
        "image: nginx@sha256:{{ .Values.image.tag }}",
        "image: nginx{{ with .Values.image.tag }}@sha256:{{ . }}{{ end }}",
        'image: {{ printf "nginx@sha256:%s" .Values.image.tag }}',
        '{{ $whole := printf "sha256:%s" .Values.image.tag }}image: nginx@{{ $whole }}',
    ],
)
def test_chart_value_after_sha256_prefix_is_recognised_as_digest(line):
    assert find_tag_uses(f"{line}\n") == {ValueUse.BEHIND_ALGORITHM}


ACTIONS = st.sampled_from(
    [
        *(
            "{{ .Values.a.tag }}",
            "{{- .Values.b | quote -}}",
            "{{ $x := .Values.c }}",
            "{{ $x }}",
            '{{ include "t" . }}',
        ),
        *("{{ if .Values.d }}", "{{ with .Values.e }}", "{{ range $x := .Values.f }}", "{{ else }}", "{{ end }}"),
        *('{{ define "t" }}', '{{ dict "x" .Values.g }}', '{{ print "a:" .tag }}', "a: ", "b@sha256:", "\n", ":", '"'),
    ]
)


@given(st.lists(ACTIONS, max_size=12).map("".join))
def test_value_uses_are_equal_for_fast_and_full_reading_of_helm_templates(text):
    """A template without the word `image` is read in a faster way."""
    assert read_templates(f"{{{{ .x }}}}\n{text}") == read_templates(f"{{{{ .x }}}} image\n{text}")


def test_chart_value_that_is_only_tested_in_a_condition_is_not_a_use():
    assert not find_tag_uses("{{ if and .Values.image.tag (not .Values.image.tag) }}x{{ end }}")
    assert not find_tag_uses("{{ with .Values.image.tag }}x{{ end }}{{ if hasKey .Values.image.tag `a` }}{{ end }}")
    assert not find_tag_uses("{{ $unused := .Values.image.tag | upper }}")


def test_uses_in_both_branches_of_a_helm_condition_are_listed():
    assert find_tag_uses(
        "{{ if .a }}image: x:{{ .Values.image.tag }}\n{{ else }}v: {{ .Values.image.tag }}{{ end }}"
    ) == {
        IMAGE,
        OTHER,
    }


VERSION = ("Chart", "AppVersion")


@pytest.mark.parametrize(
    ("expression", "fallbacks"),
    [
        (".Values.image.tag | default .Chart.AppVersion", {VERSION}),
        ("default .Chart.AppVersion .Values.image.tag | quote", {VERSION}),
        ("coalesce .Values.image.tag $.Chart.AppVersion", {VERSION}),
        ("or .Values.image.tag .Chart.AppVersion", {VERSION}),
        ('printf "nginx:%s" (.Values.image.tag | default .Chart.AppVersion)', {VERSION}),
        (".Values.image.tag | default .Values.version", {("Values", "version")}),
        (".Values.image.tag", {None}),
        ('.Values.image.tag | default "latest"', {None}),
        ('.Values.image.tag | default "latest" | default .Chart.AppVersion', {None}),
        ("coalesce .Values.image.tag .Values.version .Chart.AppVersion", {None}),
        ('.Values.image.tag | default (print "v" .Chart.AppVersion)', {None}),
        ('.Values.image.tag | default (printf "v%s" .Chart.AppVersion)', {None}),
        ('.Values.image.tag | default (printf "%s:%s" .Chart.Name .Chart.AppVersion)', {None}),
        ('printf "nginx:%s" .Values.image.tag | default .Chart.AppVersion', {None}),
        ("ternary .Values.image.tag .Chart.AppVersion .Values.pinned", {None}),
    ],
)
def test_default_for_an_empty_chart_tag_is_read_from_the_template(expression, fallbacks):
    assert find_tag_fallbacks(f"image: {{{{ {expression} }}}}") == fallbacks


@pytest.mark.parametrize("other", [".Values.image.tag", '.Values.image.tag | default "latest"'])
def test_reassigned_helm_variable_has_no_known_default_tag(other):
    first = "{{ $tag := .Values.image.tag | default .Chart.AppVersion }}"
    assert find_tag_fallbacks(f"{first}image: nginx:{{{{ $tag }}}}") == {VERSION}
    assert find_tag_fallbacks(f"{first}{{{{ $tag = {other} }}}}image: nginx:{{{{ $tag }}}}") == {None}


def test_helm_tpl_of_a_file_is_treated_as_using_every_chart_value():
    assert read_templates('x: {{ tpl (.Files.Get "x.yaml") . }}')[""].uses >= ANYTHING
    assert read_templates("x: {{ tpl .Values.text . }}")[""].uses == {(("Values", "text"), OTHER)}


def test_chart_values_changed_by_the_set_function_have_unknown_uses():
    uses = read_templates('{{ $_ := set .Values "version" .Values.image.tag }}x: {{ .Values.version }}')[""].uses
    assert (TAG, ValueUse.UNKNOWN) in uses
    assert (("Values",), ValueUse.UNKNOWN) in uses


def test_notes_txt_of_a_chart_is_ignored():
    notes = read_templates("Version {{ .Values.image.tag }}", FilePath("web/templates/NOTES.txt"))
    assert notes[""].uses == set()


@pytest.mark.parametrize(
    "text",
    [
        "{{ if .a }}",
        "{{ end }}",
        "{{ else }}",
        "{{ .a",
        "{{ ( }}",
        "{{ ) }}",
        "{{ }}",
        "{{ | }}",
        "{{ $undefined }}",
        "{{ .a | }}",
        "{{ if }}{{ end }}",
        "{{ template }}",
        "{{ define x }}{{ end }}",
        "{{ .a ~ .b }}",
        '{{ "a }}',
        "{{ else if .a }}{{ end }}",
        "{{ x := 1 }}",
        "{{ if .a }}" * 60 + "{{ end }}" * 60,
        "{{ " + "(" * 40 + ".a" + ")" * 40 + " }}",
        "{{ .a" + ".a" * 30 + " }}",
        "{{ coalesce " + " ".join(f".a{number}" for number in range(60)) + " }}",
    ],
)
def test_invalid_helm_template_is_treated_as_using_every_chart_value(text):
    (template,) = read_templates(text).values()
    assert template.uses == ANYTHING


def test_helm_template_without_actions_is_ignored():
    assert not read_templates("image: evil:1")


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Values.a }}" * 20_000,
        "{{ if .a }}" * 20_000,
        "{{ " + "(" * 20_000,
        '{{ "' + '\\"' * 20_000,
        "{{" * 20_000,
        "{{/*" * 20_000,
        "{{ $x := dict `a` 1 }}" + "{{ $x := dict `a` $x `b` $x }}" * 2_000,
        "{{ range .a }}x" * 40 + "{{ end }}" * 40,
        "image: " + "-" * 300_000 + "{{ .a }}",
        "image" * 60_000 + "{{ .a }}",
        "{{ .a }}" * (helm_actions.MAX_ACTIONS + 1),
    ],
)
def test_hostile_helm_template_is_read_fast(text):
    with soon(3):
        read_templates(text)


PIECES = st.sampled_from(
    [
        *("{{ ", " }}", "{{- ", " -}}", "{{/* ", " */}}", '"', "`", "(", ")", " | ", " := ", "$x", "$", ".", "\n", "@"),
        *(".Values.image.tag", "image: ", "if ", "else", "end", "range ", "with ", "define ", '"a"', 'include "a" .'),
        *('dict "a" ', "list ", "printf ", "index ", "template ", "set ", "tpl ", "eq ", "merge ", "{{ end }}"),
    ]
)


@given(text=st.lists(PIECES, max_size=30).map("".join))
def test_arbitrary_helm_templates_raise_no_error(text):
    templates = read_templates(text)
    unlock_templated_digests((build_chart_reference(),), list(templates.values()))


def test_helm_template_limits_exceed_common_use():
    assert expression_values.MAX_VALUE_PATH >= 15
    assert expression_values.MAX_SOURCES >= 30


def test_field_used_inside_two_different_with_blocks_is_recorded_for_both_values():
    text = "{{ with .Values.a }}{{ .b }}{{ .b }}{{ end }}{{ with .Values.c }}{{ .tag }}{{ .b }}{{ end }}"
    outputs = {source for source, use in read_templates(text)[""].uses if use is OTHER}
    assert outputs == {("Values", "a", "b"), ("Values", "c", "tag"), ("Values", "c", "b")}


def test_values_of_a_reassigned_helm_variable_are_all_recorded():
    text = "{{ $v := .Values.a }}{{ $v }}{{ $v = .Values.b }}{{ $v }}"
    assert {(("Values", "a"), OTHER), (("Values", "b"), OTHER)} <= read_templates(text)[""].uses


@pytest.mark.parametrize("between", ["", "{{ if .Values.a }}x{{ end }}"])
def test_chart_value_right_after_sha256_is_a_digest_even_outside_an_image(between: str):
    use = ValueUse.OTHER if between else ValueUse.BEHIND_ALGORITHM
    assert (("Values", "tag"), use) in read_templates(f"checksum: sha256:{between}{{{{ .Values.tag }}}}")[""].uses
