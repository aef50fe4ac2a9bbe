"""Helm charts: the uses of values in templates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.references.relate.chart_templates import unlock_templated_digests
from bot.formats._syntax.helm import blocks as helm_blocks
from bot.formats._syntax.helm import expression_values
from bot.formats.helm import FORMAT
from bot.model.chart_facts import ChartTemplate, ReferenceEnd, TemplateInclusion, ValuePath, ValueUse
from bot.model.source import FilePath, SourceFile

TEMPLATE = FilePath("web/templates/web.yaml")
TAG = ("Values", "image", "tag")
IMAGE, END, OTHER = ValueUse.IMAGE, ValueUse.END, ValueUse.OTHER
ANYTHING = {((), ValueUse.UNKNOWN)}


def templates_of(text: str, path: FilePath = TEMPLATE) -> dict[str, ChartTemplate]:
    found = list(FORMAT.extract(SourceFile(path, text.encode())))
    assert all(isinstance(each, ChartTemplate) for each in found)
    return {each.template: each for each in found}


def uses_of_tag(text: str, template: str = "") -> set[ValueUse]:
    uses = templates_of(text)[template].uses
    return {use for source, use in uses if TAG in {source, getattr(source, "source", None)}}


def fallbacks_of_tag(text: str) -> set[ValuePath | None]:
    """Return the values that replace an empty tag. A plain use of the tag counts as None."""
    sources = {source for source, _ in templates_of(text)[""].uses}
    ends = [each if isinstance(each, ReferenceEnd) else ReferenceEnd(each) for each in sources]
    return {each.fallback_path for each in ends if each.source == TAG}


def inclusions(text: str) -> dict[TemplateInclusion, ValueUse]:
    return {source: use for source, use in templates_of(text)[""].uses if isinstance(source, TemplateInclusion)}


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
def test_a_tag_that_ends_a_reference(line):
    for text in (line, f"kind: Pod\nspec:\n  containers:\n  {line}\n  name: web\n"):
        assert uses_of_tag(text) == {IMAGE}


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
def test_a_tag_that_is_used_for_something_else(line):
    assert uses_of_tag(f"{line}\n") == {OTHER}


@pytest.mark.parametrize(
    "line",
    [
        "image: nginx@sha256:{{ .Values.image.tag }}",
        "image: nginx{{ with .Values.image.tag }}@sha256:{{ . }}{{ end }}",
        'image: {{ printf "nginx@sha256:%s" .Values.image.tag }}',
        '{{ $whole := printf "sha256:%s" .Values.image.tag }}image: nginx@{{ $whole }}',
    ],
)
def test_a_digest_that_stands_behind_its_algorithm(line):
    assert uses_of_tag(f"{line}\n") == {ValueUse.BEHIND_ALGORITHM}


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
def test_word_image_without_a_key_does_not_change_the_uses_of_values(text):
    """A template without this word is read in a faster way."""
    assert templates_of(f"{{{{ .x }}}}\n{text}") == templates_of(f"{{{{ .x }}}} image\n{text}")


def test_a_condition_is_no_use():
    assert not uses_of_tag("{{ if and .Values.image.tag (not .Values.image.tag) }}x{{ end }}")
    assert not uses_of_tag("{{ with .Values.image.tag }}x{{ end }}{{ if hasKey .Values.image.tag `a` }}{{ end }}")
    assert not uses_of_tag("{{ $unused := .Values.image.tag | upper }}")


def test_both_branches_count():
    assert uses_of_tag(
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
def test_fallback_of_a_tag_is_exactly_the_value_that_replaces_an_empty_tag(expression, fallbacks):
    assert fallbacks_of_tag(f"image: {{{{ {expression} }}}}") == fallbacks


@pytest.mark.parametrize("other", [".Values.image.tag", '.Values.image.tag | default "latest"'])
def test_variable_with_several_values_has_no_known_fallback(other):
    first = "{{ $tag := .Values.image.tag | default .Chart.AppVersion }}"
    assert fallbacks_of_tag(f"{first}image: nginx:{{{{ $tag }}}}") == {VERSION}
    assert fallbacks_of_tag(f"{first}{{{{ $tag = {other} }}}}image: nginx:{{{{ $tag }}}}") == {None}


def test_what_a_definition_ends_in_is_for_who_includes_it():
    definition = '{{ define "web.image" }}\n%s\n{{ end }}'
    for body in (
        "{{- .Values.image.repository }}:{{ .Values.image.tag -}}",
        "nginx:{{ .Values.image.tag }}",
        '"nginx:{{ .Values.image.tag }}"',
        "{{ if .Values.image.digest }}nginx@{{ .Values.image.digest }}{{ else }}nginx:{{ .Values.image.tag }}{{ end }}",
        "{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}{{- printf `nginx:%s` $tag -}}",
        "version: {{ .Values.image.tag }}",
    ):
        assert uses_of_tag(definition % body, "web.image") == {END}
    for body in (
        "{{ .Values.image.tag }}-alpine",
        "a: {{ .Values.image.tag }}\nb: 1",
        "{{ .Values.image.tag | quote | lower }}",
    ):
        assert uses_of_tag(definition % body, "web.image") == {OTHER}
    assert uses_of_tag(definition % "image: nginx:{{ .Values.image.tag }}\nname: web", "web.image") == {IMAGE}


def test_a_definition_that_puts_something_before_a_tag_renders_another():
    assert uses_of_tag('{{ define "tag" }}v{{ .Values.image.tag }}{{ end }}', "tag") == {OTHER}


def test_a_block_is_a_definition_and_its_use():
    text = 'image: {{ block "web.image" . }}nginx:{{ .Values.image.tag }}{{ end }}'
    assert uses_of_tag(text, "web.image") == {END}
    assert inclusions(text) == {TemplateInclusion("web.image", frozenset({()})): IMAGE}


@pytest.mark.parametrize("call", ['include "web.image" .', 'template "web.image" .', '. | include "web.image"'])
def test_an_inclusion_is_used_where_it_stands(call):
    inclusion = TemplateInclusion("web.image", frozenset({()}))
    assert inclusions(f"image: {{{{ {call} }}}}") == {inclusion: IMAGE}
    assert inclusions(f"name: {{{{ {call} }}}}") == {inclusion: OTHER}


def test_an_inclusion_may_be_changed_or_tested():
    inclusion = TemplateInclusion("web.image", frozenset({()}))
    assert inclusions('image: {{ include "web.image" . | trunc 5 }}') == {inclusion: OTHER}
    assert inclusions('{{ if include "web.image" . }}{{ end }}') == {inclusion: ValueUse.CONDITION}
    assert not inclusions('{{ include "web.image" . | sha256sum }}')


def test_what_an_inclusion_is_given():
    assert inclusions('image: {{ include "a" (dict "image" .Values.image "root" $ "name" "web") }}') == {
        TemplateInclusion(
            "a",
            frozenset(),
            (("image", frozenset({("Values", "image")})), ("root", frozenset({()})), ("name", frozenset())),
        ): IMAGE
    }
    assert inclusions('image: {{ include "a" (list $ .Values.image) }}') == {
        TemplateInclusion("a", frozenset(), (("0", frozenset({()})), ("1", frozenset({("Values", "image")})))): IMAGE
    }
    changed = templates_of('image: {{ include "a" (dict "tag" (upper .Values.image.tag)) }}')[""].uses
    assert (TAG, ValueUse.UNKNOWN) in changed


def test_the_text_of_a_whole_file_is_only_ever_hashed():
    assert not templates_of('x: {{ include (print $.Template.BasePath "/config.yaml") . | sha256sum }}')[""].uses
    assert templates_of('x: {{ include (print .Release.Name "-x") . }}')[""].uses == ANYTHING


def test_texts_from_files_may_use_anything():
    assert templates_of('x: {{ tpl (.Files.Get "x.yaml") . }}')[""].uses >= ANYTHING
    assert templates_of("x: {{ tpl .Values.text . }}")[""].uses == {(("Values", "text"), OTHER)}


def test_what_is_set_in_place_is_not_followed():
    uses = templates_of('{{ $_ := set .Values "version" .Values.image.tag }}x: {{ .Values.version }}')[""].uses
    assert (TAG, ValueUse.UNKNOWN) in uses
    assert (("Values",), ValueUse.UNKNOWN) in uses


def test_notes_are_for_who_installs_the_chart():
    notes = templates_of("Version {{ .Values.image.tag }}", FilePath("web/templates/NOTES.txt"))
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
def test_what_is_not_understood_is_said_to_be_unknown(text):
    (template,) = templates_of(text).values()
    assert template.uses == ANYTHING


def test_a_definition_that_is_not_understood_spoils_no_other():
    templates = templates_of(
        '{{ define "a" }}{{ $x }}{{ end }}{{ define "b" }}x{{ end }}image: {{ .Values.image.tag }}'
    )
    assert templates["a"].uses == ANYTHING
    assert templates["b"].uses == set()
    assert templates[""].uses == {(TAG, IMAGE)}


def test_texts_without_actions_say_nothing():
    assert not templates_of("image: evil:1")


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
        "{{ .a }}" * (helm_blocks.MAX_ACTIONS + 1),
    ],
)
def test_a_template_is_read_in_a_moment(text):
    with soon(3):
        templates_of(text)


PIECES = st.sampled_from(
    [
        *("{{ ", " }}", "{{- ", " -}}", "{{/* ", " */}}", '"', "`", "(", ")", " | ", " := ", "$x", "$", ".", "\n", "@"),
        *(".Values.image.tag", "image: ", "if ", "else", "end", "range ", "with ", "define ", '"a"', 'include "a" .'),
        *('dict "a" ', "list ", "printf ", "index ", "template ", "set ", "tpl ", "eq ", "merge ", "{{ end }}"),
    ]
)


@given(text=st.lists(PIECES, max_size=30).map("".join))
def test_no_template_raises(text):
    templates = templates_of(text)
    unlock_templated_digests((), list(templates.values()))


def test_the_bounds_of_templates_are_those_that_people_stay_below():
    assert expression_values.MAX_VALUE_PATH >= 15
    assert expression_values.MAX_SOURCES >= 30


def test_records_repeated_outputs_for_each_dot():
    text = "{{ with .Values.a }}{{ .b }}{{ .b }}{{ end }}{{ with .Values.c }}{{ .tag }}{{ .b }}{{ end }}"
    outputs = {source for source, use in templates_of(text)[""].uses if use is OTHER}
    assert outputs == {("Values", "a", "b"), ("Values", "c", "tag"), ("Values", "c", "b")}


def test_records_outputs_of_a_variable_that_is_assigned_again():
    text = "{{ $v := .Values.a }}{{ $v }}{{ $v = .Values.b }}{{ $v }}"
    assert {(("Values", "a"), OTHER), (("Values", "b"), OTHER)} <= templates_of(text)[""].uses


@pytest.mark.parametrize("between", ["", "{{ if .Values.a }}x{{ end }}"])
def test_algorithm_outside_of_images_makes_the_value_a_digest_without_algorithm(between: str):
    use = ValueUse.OTHER if between else ValueUse.BEHIND_ALGORITHM
    assert (("Values", "tag"), use) in templates_of(f"checksum: sha256:{between}{{{{ .Values.tag }}}}")[""].uses
