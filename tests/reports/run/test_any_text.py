"""No output breaks or contains commands, whatever text comes from files, registries and forges."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.runs.reports import HOSTILE, build_hostile_report
from support.witnesses.sarif import read_sarif

from bot.cli.outputs import render_html
from bot.reports.run.decisions import render_decisions
from bot.reports.run.markdown_summary import render_markdown_summary
from bot.reports.run.report_document import render_run_document
from bot.reports.run.report_sarif import render_report_sarif
from bot.reports.run.report_text import render_run_text

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
SHARP = st.text(st.sampled_from("`|<>[](){}*_#@!:\\~$&;\n\r\t\x1b\u202e\u2028 ax/-."))
"""Characters with a meaning in Markdown, terminals and CI services."""
ANY = st.one_of(SHARP, st.text(st.characters(codec=None)), st.sampled_from(["", "::error::x", "##vso[task.x]y"]))


@given(ANY)
@example(HOSTILE)
def test_run_json_is_ascii_and_preserves_untrusted_text(word):
    report = build_hostile_report(word)
    document = render_run_document(report)
    assert document.isascii()
    assert json.loads(document)["repositories"][0]["references"][0]["path"] == word
    lines = render_decisions(report)
    assert lines.isascii()
    for text in (document, lines, render_html(document)):
        assert "##[" not in text
        assert "##vso[" not in text
        assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]
    assert [json.loads(line)["kind"] for line in lines.splitlines()].count("reference") == 6


@given(ANY)
@settings(max_examples=50)
@example(HOSTILE)
def test_run_sarif_is_valid_and_escapes_untrusted_text(word):
    text = render_report_sarif(build_hostile_report(word))
    assert text.isascii()
    for run in read_sarif(text):
        for said in (*run.get("results", ()), *run["invocations"][0]["toolExecutionNotifications"]):
            assert not set(said["message"]["text"]) & set("[]{}\\\n\r\x1b")


@given(ANY)
@example(HOSTILE)
def test_markdown_summary_keeps_tables_and_shows_untrusted_text_as_code(word):
    shown = render_markdown_summary(build_hostile_report(word))
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert {row.count("|") for row in rows} == {5}
    tokens = MARKDOWN.parse(shown)
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline <= {"text", "code_inline", "strong_open", "strong_close", "softbreak", "link_open", "link_close"}
    links = [child.attrGet("href") for token in tokens for child in token.children or () if child.type == "link_open"]
    assert all(link.startswith("https://github.com/") for link in links)
    assert [token.type for token in tokens].count("table_open") == 3
    assert "##[" not in shown
    assert "##vso[" not in shown
    assert not [line for line in shown.splitlines() if line.startswith("::")]


@given(ANY)
@example(HOSTILE)
def test_text_of_run_has_no_control_characters_or_ci_commands(word):
    text = render_run_text(build_hostile_report(word))
    assert {unicodedata.category(character) for character in text if character != "\n"} & {"Cc", "Cf", "Cs"} == set()
    assert "##[" not in text
    assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]
