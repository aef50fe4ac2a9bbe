"""Tests that untrusted text is always rendered as code and has no effect."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError, TemplateAssertionError, TemplateError, UndefinedError
from markdown_it import MarkdownIt

from bot.core.markdown import (
    MAX_TEXT_LENGTH,
    EscapedText,
    Link,
    Plain,
    Text,
    link_vulnerability,
    make_console_line,
    make_console_text,
    make_one_line,
    render_code_span,
    shorten_to_words,
)
from bot.core.proposal.render import ALLOWED_FILTERS, compile_template

GFM = MarkdownIt("gfm-like", {"html": True, "linkify": False})
HARMLESS = {"paragraph_open", "paragraph_close", "inline", "text", "code_inline", "softbreak"}

attacks = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="`|<>[]()!*_~#@&\\$\n -+=:/.ahtps1{}\"'", max_size=60),
    st.sampled_from(
        [
            "<img src=https://evil.example/x.png>",
            "![a](https://evil.example/b)",
            "[x](javascript:1)",
            "@octocat fixes #1 GH-2 owner/repository#3",
            "a|b|c",
            "``` \nfoo",
            "<details><summary>",
            "<!-- basebump:1 {} -->",
            "--> <b>",
            "# heading",
            "/close",
            "`",
            "``",
            "` `` ```",
            "$$\\unicode{x}$$",
            "\u202eevil",
            "    indented",
            "[^1]: note",
            "~~~",
            "x" * 5000,
        ]
    ),
)


def _list_token_kinds(markdown: str) -> set[str]:
    kinds: set[str] = set()
    tokens = list(GFM.parse(markdown))
    while tokens:
        token = tokens.pop()
        kinds.add(token.type)
        tokens += token.children or []
    return kinds


@given(attacks)
def test_untrusted_text_is_always_rendered_as_code(text):
    assert _list_token_kinds(f"before {render_code_span(text)} after") <= HARMLESS


@given(attacks)
def test_untrusted_text_never_breaks_a_table(text):
    tokens = GFM.parse(f"| a | b |\n|---|---|\n| {render_code_span(text)} | {render_code_span(text)} |\n")
    assert sum(token.type == "td_open" for token in tokens) == 2


FORGE_REFERENCE = re.compile(
    r"[@#!~%&$^]\w|\$|://|www\.|\bGH-\d|:\w+:|\b[0-9a-f]{7,}\b|\b[a-z]\w*-\d", re.ASCII | re.IGNORECASE
)
"""Texts that a forge may turn into a mention, a link, an emoji or a formula."""


@given(attacks)
def test_escaped_text_shows_the_same_characters_and_has_no_effect(text):
    shown = str(EscapedText(text))
    for markdown in (f"{shown}\n", f"in {shown} between\n"):
        assert _list_token_kinds(markdown) <= HARMLESS
        parts = [child for token in GFM.parse(markdown) for child in token.children or ()]
        assert make_one_line(text).replace("|", "¦") in "".join(each.content for each in parts).replace("|", "¦") or "-"
        assert not any(FORGE_REFERENCE.search(each.content) for each in parts if each.type == "text")
    tokens = GFM.parse(f"| a | b |\n|---|---|\n| {shown} | c |\n")
    assert [token.type for token in tokens].count("td_open") == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("heap overflow", "heap overflow"),
        ("heap overflow in parser", "heap overflow in…"),
        ("heap overflow, parsers", "heap overflow…"),
        ("heap over-long (because", "heap over-long…"),
        ("averylongwordwithoutends", "averylongwordwith…"),
    ],
)
def test_long_title_is_cut_after_a_word_and_ends_with_an_ellipsis(text, shown):
    assert str(EscapedText(text, 18)) == shown
    assert Plain(text).shorten(20) == Plain(f"{shown[:-1]}..." if len(text) > 20 else text)


@given(st.text(st.sampled_from("ab (-,"), max_size=60), st.integers(2, 40))
def test_shortened_words_never_exceed_the_limit(text, limit):
    assert len(shorten_to_words(text, limit)) <= limit


def test_titles_of_vulnerabilities_are_shown_as_escaped_text():
    assert (
        str(EscapedText("heap out-of-bounds write in CMS_decrypt()")) == "heap out-of-bounds write in CMS\\_decrypt()"
    )
    assert str(EscapedText("a | b <i> [x](y)")) == "a \\| b \\<i\\> \\[x\\](y)"
    for active in ("ask @ada", "fixes #1", "closes SHOP-1", "see https://a.example", ":tada:", "/close", "GH-2", ""):
        assert str(EscapedText(active)).startswith("`")
    assert repr((EscapedText("a*b"),)) == "(a\\*b,)"


@given(st.text(max_size=300))
def test_untrusted_text_becomes_one_line_of_visible_characters_within_limit(text):
    line = make_one_line(text)
    assert len(line) <= MAX_TEXT_LENGTH
    assert all(unicodedata.category(character)[0] != "C" for character in line)
    assert len(line.splitlines()) <= 1


def test_shortened_text_ends_with_ellipsis():
    assert make_one_line("x" * 300).endswith("…")
    assert make_one_line("x" * MAX_TEXT_LENGTH) == "x" * MAX_TEXT_LENGTH
    assert make_one_line("\n" * 5000 + "x").endswith("…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::pwned/Dockerfile", ": :error::pwned/Dockerfile"),
        ("\n ::set-output name=x::y", ": :set-output name=x::y"),
        ("a ##[command]ls", "a ## [command]ls"),
        ("##vso[task.setvariable]x", "## vso[task.setvariable]x"),
        ("[::1]:5000/base", "[::1]:5000/base"),
        ("\x1b[31mred\u202e", "[31mred"),
    ],
)
def test_console_line_contains_no_ci_or_terminal_commands(text, shown):
    assert make_console_line(text) == shown


@pytest.mark.parametrize("command", ["##vso[task.setvariable]x", "##[command]ls"])
def test_azure_pipelines_commands_inside_a_line_are_defused_in_all_texts(command):
    for text in (make_one_line(f"a{command}"), render_code_span(command), str(Plain(command)), str(Text(command))):
        assert "##[" not in text
        assert "##vso[" not in text


def test_console_message_keeps_lines_and_indentation_but_no_commands():
    message = "error: x\n  key\n::error::y\n  ::set-env name=a::b\n##vso[task.x]y\r\x1b[31m\n"
    shown = "error: x\n  key\n: :error::y\n  : :set-env name=a::b\n## vso[task.x]y [31m\n"
    assert make_console_text(message) == shown


def test_vulnerability_is_linked_only_if_identifier_is_valid():
    assert (
        str(link_vulnerability("CVE-2026-1234")) == "[`CVE-2026-1234`](https://nvd.nist.gov/vuln/detail/CVE-2026-1234)"
    )
    assert isinstance(link_vulnerability("GHSA-2222-3333-4444"), Link)
    for text in ("CVE-2026-1234)](https://evil.example", "CVE-2026-1234\n", "TEMP-1", "CVE-\uff12026-1234"):
        assert isinstance(link_vulnerability(text), Text)


# ---- templates ---------------------------------------------------------------------------------------------------

EXPRESSIONS = [
    "{{ untrusted }}",
    "{{ untrusted ~ trusted }}",
    "{{ trusted ~ untrusted }}",
    "{{ untrusted ~ untrusted }}",
    "{{ untrusted + trusted }}",
    "{{ trusted + untrusted }}",
    "{{ untrusted + untrusted }}",
    "{{ many | join(', ') }}",
    "{{ many | join(untrusted) }}",
    "{% set kept = untrusted ~ '' %}{{ kept }}",
    "{% macro show(text) %}{{ text }}{% endmacro %}{{ show(untrusted) }}",
    "{{ {'a': untrusted} }}",
    "{{ many }}",
]


def _remove_code_spans(markdown: str) -> str:
    """Return the text of a paragraph without its code spans."""
    (inline,) = [token for token in GFM.parse(markdown) if token.type == "inline"]
    assert {token.type for token in inline.children} <= HARMLESS
    return "".join(token.content for token in inline.children if token.type != "code_inline")


@given(attacks, st.sampled_from(EXPRESSIONS))
def test_template_expressions_keep_untrusted_text_in_code_spans(text, expression):
    value = Text(f"§{text}§")
    template = compile_template(f"see {expression} end")
    rendered = template.render(untrusted=value, trusted="ours", many=(value, "ours", value))
    assert "§" not in _remove_code_spans(rendered)


@pytest.mark.parametrize("name", ALLOWED_FILTERS)
@given(text=attacks)
def test_allowed_filters_keep_untrusted_text_in_code_spans(name, text):
    value = Text(f"§{text}§")
    for expression in (f"{{{{ [untrusted, untrusted] | {name} }}}}", f"{{{{ [trusted, untrusted] | {name} }}}}"):
        rendered = compile_template(f"see {expression} end").render(untrusted=value, trusted="ours")
        assert "§" not in _remove_code_spans(rendered)


@pytest.mark.parametrize("name", ["safe", "upper", "replace", "tojson", "urlize", "truncate", "first", "e", "string"])
def test_filters_that_are_not_allowed_do_not_exist_in_templates(name):
    with pytest.raises(TemplateAssertionError):
        compile_template("{{ untrusted | " + name + " }}")


@pytest.mark.parametrize(
    "expression",
    [
        "{{ untrusted._raw }}",
        "{{ untrusted['_raw'] }}",
        "{{ (untrusted ~ '')[1:] }}",
        "{{ (untrusted ~ '')[0] }}",
        "{{ (untrusted ~ '').strip('`') }}",
        "{{ untrusted.__class__ }}",
        "{{ missing }}",
    ],
)
def test_template_sandbox_refuses_raw_untrusted_text_and_undefined_values(expression):
    with pytest.raises((SecurityError, UndefinedError)):
        compile_template(expression).render(untrusted=Text("secret"))


@pytest.mark.parametrize("expression", ["{{ 9 ** 9 ** 5 }}", "{{ 'x' * 10**6 }}", "{{ '%1000000d' % 1 }}"])
def test_template_with_operator_that_needs_unlimited_memory_is_not_compiled(expression):
    with pytest.raises(SecurityError, match="operators"):
        compile_template(expression)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ 1" + " + 1" * 3000 + " }}",
        "{{ " + "9" * 9000 + " }}",
        "{% for each in [1] %}" * 40 + "{% endfor %}" * 40,
    ],
)
def test_template_with_deeply_nested_expression_is_invalid(source):
    with pytest.raises(TemplateError, match="nested too deeply"):
        compile_template(source)


def test_template_is_compiled_once_for_all_proposals():
    assert compile_template("{{ proposal.title }}") is compile_template("{{ proposal.title }}")
