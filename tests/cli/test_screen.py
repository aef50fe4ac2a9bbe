"""The text output of a run on a terminal, in the log of a CI service, and in a pipe."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.git import DiskRepository
from support.parts import ROOT
from support.runs.reports import (
    HOSTILE,
    build_failure,
    build_hostile_report,
    build_proposal,
    build_repository,
    build_run_report,
    build_unsupported_text,
    build_update,
    build_verdict,
)
from support.runs.worlds import write_tree

from bot.cli.screen import HANGING_INDENT, choose_fold, show_lines
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.reports.parts.styled_lines import Style, StyledLine
from bot.reports.run.report_text import render_run_lines, render_run_text

pytestmark = pytest.mark.real("git")
COLOUR = re.compile(r"\x1b\[[\d;]+m|\x1b\]8;;[^\x1b]*\x1b\\\\")
GITHUB, AZURE, GITLAB = {"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"}, {"GITLAB_CI": "true"}


@pytest.fixture
def run(tmp_path, config, loopback):
    """Return the arguments of a run on a repository with an outdated image."""
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    DiskRepository.create(
        tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12@{old}\nFROM scratch AS x\n"}
    )
    return [
        "run",
        "--config",
        config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nscanners: [{{kind: none}}]\n"),
    ]


def run_on_terminal(*arguments: str, **environment: str) -> str:
    """Run the command on a real terminal, and return everything that it shows, including colours."""
    reader, terminal = pty.openpty()
    values = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "TERM": "xterm", "COLUMNS": "80", **environment}
    command = [sys.executable, "-m", "bot", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, env=values, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    while True:
        try:
            read = os.read(reader, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not read:
            break
        shown += read
    os.close(reader)
    assert process.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_output_has_progress_bar_colours_and_table_only_on_a_terminal(run, basebump):
    shown = run_on_terminal(*run, COLUMNS="300")
    assert "Looking up tags" in shown
    assert "█" in shown
    assert "\x1b[36m↑ python:3.12" in shown
    assert re.search(r"^repository +references +updatable +pinned +would open$", shown, re.MULTILINE)
    assert re.search(r"^web \(main\) +1 +1 +1 +1$", shown, re.MULTILINE)
    code, out, err = basebump(*run)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "─" not in out
    printed = re.sub(r"\r\x1b\[K[^\r]*(?=\r)|\r\x1b\[K", "", shown)
    head, _, table_and_summary = COLOUR.sub("", printed).partition("repository  ")
    assert out.startswith(head)
    assert table_and_summary.endswith(out.removeprefix(head))
    assert out.endswith("\n1 update: what it fixes is not known.\n")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_variable_and_dumb_terminal_disable_colours(run, environment):
    shown = run_on_terminal(*run, "--log", "none", **environment)
    assert "\x1b" not in shown
    assert ("─" in shown) is ("TERM" not in environment)


def test_json_has_no_colours_on_a_terminal(tmp_path):
    write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    assert json.loads(run_on_terminal("scan", tmp_path / "tree", "--offline", "--format", "json"))
    assert COLOUR.search(run_on_terminal("scan", tmp_path / "tree", "--offline"))


@pytest.mark.parametrize("columns", [60, 20])
def test_terminal_wraps_explanations_between_words(tmp_path, columns):
    manifest = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: registry.acme.dev/web}]}\n"
    write_tree(tmp_path / "tree", {"pod.yaml": manifest})
    shown = run_on_terminal("scan", tmp_path / "tree", "--offline", NO_COLOR="1", COLUMNS=str(columns))
    first, *others = shown[shown.index("\nmaybe-own  ") + 1 :].partition("\n\n")[0].split("\n")
    indent = " " * (len("maybe-own  ") if columns == 60 else HANGING_INDENT)
    assert others
    assert all(len(line) <= columns or " " not in line.strip() for line in others)
    assert all(re.match(f"{indent}\\S", line) for line in others)
    assert " ".join([first, *map(str.strip, others)]) == f"maybe-own  {Reason.MAYBE_OWN.sentence}"


@pytest.mark.parametrize("environment", [GITHUB, AZURE], ids=["github", "azure"])
def test_log_groups_of_github_and_azure_fold_each_repository(run, basebump, monkeypatch, tmp_path, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, out, _ = basebump(*run, "--export", f"text={tmp_path / 'text'}")
    assert code == 0
    assert out.splitlines()[0] == "##[group]web (main)"
    assert out.count("##[group]") == out.count("##[endgroup]") == 1
    assert "##" not in (tmp_path / "text").read_text()


def test_log_groups_contain_skipped_references_with_reasons():
    mine = build_verdict(ReferenceStatus.SKIPPED, Reason.MAYBE_OWN, written="registry.acme.dev/web:1")
    for environment in (GITHUB, AZURE, GITLAB):
        text = render_run_text(build_run_report(build_repository(mine)), choose_fold(environment))
        assert "· registry.acme.dev/web:1  skipped (maybe-own)" in text
        assert Reason.MAYBE_OWN.sentence in text


def test_gitlab_log_folds_each_repository_as_a_section(run, basebump, monkeypatch):
    monkeypatch.setenv("GITLAB_CI", "true")
    out = basebump(*run)[1]
    assert out.startswith("\x1b[0Ksection_start:0:basebump_1[collapsed=true]\r\x1b[0Kweb (main)\n")
    assert "\n\x1b[0Ksection_end:0:basebump_1\r\x1b[0K\n" in out


BREAKS = (HOSTILE, "::endgroup::", "##[endgroup]", "\x1b[0Ksection_end:0:basebump_1\r\x1b[0K", "%0A::x::")


@given(st.one_of(st.text(), st.sampled_from(BREAKS)))
def test_names_from_repositories_cannot_open_or_end_a_log_group(word):
    report = build_hostile_report(word)
    lines = render_run_text(report, choose_fold(GITHUB)).split("\n")
    commands = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    assert [line.startswith("##[group]") for line in commands] == [True, False] * 2
    assert not [line for line in commands if re.search("%(?!25)", line)]
    sections = render_run_text(report, choose_fold(GITLAB))
    assert sections.count("\x1b[0Ksection_") == sections.count("\r\x1b[0K") == 4
    assert sections.count("\x1b") == 8


def test_jsonl_log_has_start_and_end_of_each_phase_and_the_exit_code(run, basebump):
    code, out, err = basebump(*run, "--log", "jsonl")
    lines = [json.loads(line) for line in err.splitlines()]
    assert code == 0
    assert out.startswith("web (main)\n")
    assert {line["schema"] for line in lines} == {1}
    begun = [line["title"] for line in lines if line["event"] == "phase"]
    done = [line for line in lines if line["event"] == "phase-done"]
    assert begun == [line["title"] for line in done]
    assert "Looking up tags" in begun
    assert all(line["steps"] == line["total"] and line["seconds"] >= 0 for line in done)
    assert (lines[-1]["event"], lines[-1]["exit_code"]) == ("end", 0)


def test_jsonl_log_has_every_failure(run, basebump):
    code, _, err = basebump(*run, "--repo", "nowhere", "--log", "jsonl")
    *_, failure, end = (json.loads(line) for line in err.splitlines())
    assert (code, failure["event"], failure["subject"], failure["stage"]) == (1, "failure", "nowhere", "survey")
    assert (end["event"], end["exit_code"]) == ("end", 1)


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def wide_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "300")


@pytest.mark.parametrize("word", BREAKS)
def test_coloured_output_without_escape_codes_equals_the_plain_text(wide_terminal, word):
    every_status = [
        build_verdict(status, Reason.OWN, line_number=number) for number, status in enumerate(ReferenceStatus)
    ]
    for report in (
        build_run_report(
            build_repository(*every_status, unsupported=(build_unsupported_text(),)), failed=[build_failure()]
        ),
        build_hostile_report(word),
    ):
        lines = render_run_lines(report)
        shown = show_lines(lines, FakeTerminal())
        assert COLOUR.sub("", shown) == show_lines(lines, io.StringIO()) == render_run_text(report)
        assert COLOUR.search(shown)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (ReferenceStatus.UPDATE, 36),
        (ReferenceStatus.UP_TO_DATE, 32),
        (ReferenceStatus.HELD, 33),
        (ReferenceStatus.REFUSED, 31),
        (ReferenceStatus.GONE, 31),
        (ReferenceStatus.SUPERSEDED, 33),
        (ReferenceStatus.SKIPPED, 2),
        (ReferenceStatus.UNRESOLVED, 33),
        (ReferenceStatus.NOT_CHECKED, 2),
    ],
)
def test_terminal_line_of_a_reference_has_the_colour_of_the_status(wide_terminal, status, code):
    shown = show_lines(render_run_lines(build_run_report(build_repository(build_verdict(status)))), FakeTerminal())
    (line,) = (line for line in shown.split("\n") if "node:22" in line)
    assert re.fullmatch(rf" {{6}}1  \x1b\[{code}m[^ \x1b] node:22  {status}\x1b\[0m", line)


def test_note_of_repository_that_imitates_other_output_lines_is_not_coloured(wide_terminal):
    note = "    1  ↑ node:22\nown  an explanation\nbasebump could not do its work here:"
    noted = build_repository(build_update(), note=note)
    shown = show_lines(render_run_lines(build_run_report(noted, failed=[build_failure()])), FakeTerminal()).split("\n")
    assert [line for line in shown if "\x1b" in line and "node:22  " not in line and "Fixes" not in line] == [
        "\x1b[31mbasebump could not do its work here:\x1b[0m"
    ]


@given(st.text("ab ", min_size=1), st.integers(10, 60), st.integers(0, 20))
def test_wrapping_keeps_every_word_and_respects_the_width_of_the_terminal(text, columns, width):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("TERM", "xterm"), ("COLUMNS", str(columns)), ("NO_COLOR", "1")):
            patch.setenv(name, value)
        rows = show_lines([StyledLine(" " * width, text.strip() or "a", Style.WARNING)], FakeTerminal()).split("\n")
    assert " ".join(rows).split() == (text.strip() or "a").split()
    assert all(len(row) <= columns or len(row.split()) == 1 for row in rows)


def test_alignment_spaces_are_removed_if_the_line_then_fits_into_the_terminal(wide_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    line = StyledLine("    1  ", "↑ node:22                      held", Style.WARNING)
    assert show_lines([line], FakeTerminal()) == "    1  ↑ node:22  held"


def test_column_that_does_not_fit_is_moved_to_the_next_row_as_a_whole(wide_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    effect = "fixes 3 (1 critical), adds none, 1 remains"
    line = StyledLine("      2  ", f"↑ python:3.12-slim        5489ee21ea45 → 787110711e6f  {effect}", Style.UPDATE)
    assert show_lines([line], FakeTerminal()).split("\n") == [
        "      2  ↑ python:3.12-slim  5489ee21ea45 → 787110711e6f",
        f"{'':11}{effect}",
    ]


def test_value_is_printed_below_the_label_if_both_do_not_fit_into_one_row(wide_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    line = StyledLine("     digest       ", "sha256:0123456789abcd", Style.EXPLANATION)
    assert show_lines([line], FakeTerminal()) == "     digest\n       sha256:0123456789abcd"


def test_counts_of_findings_are_printed_in_the_colour_of_the_severity(wide_terminal):
    shown = show_lines([StyledLine("", "fixes 3 (1 critical, 2 exploited), CVE-1 high", Style.UPDATE)], FakeTerminal())
    assert "\x1b[1;31m1 critical\x1b[0m\x1b[36m, \x1b[1;35m2 exploited\x1b[0m" in shown
    assert "CVE-1 high" in shown
    assert show_lines(["critical  CVE-1  openssl"], FakeTerminal()).startswith("\x1b[1;31mcritical\x1b[0m  CVE-1")


def test_terminal_shows_a_proposal_as_link(wide_terminal, monkeypatch):
    url = "https://github.com/acme/web/pull/7"
    lines = render_run_lines(build_run_report(build_repository(build_update(), proposals=(build_proposal(url=url),))))
    shown = show_lines(lines, FakeTerminal())
    assert f"\x1b]8;;{url}\x1b\\" in shown
    assert "basebump/" in COLOUR.sub("", shown)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in show_lines(lines, FakeTerminal())
    assert url in render_run_text(
        build_run_report(build_repository(build_update(), proposals=(build_proposal(url=url),)))
    )


@pytest.mark.parametrize("url", ["javascript:x", "https://x.example/\x1b\\", "https://x.example/a b", None])
def test_terminal_does_not_link_to_an_unsafe_url(wide_terminal, url):
    lines = render_run_lines(build_run_report(build_repository(proposals=(build_proposal(url=url),))))
    assert "\x1b]8" not in show_lines(lines, FakeTerminal())


def test_legend_in_output_of_run_explains_only_symbols_that_the_output_contains():
    text = render_run_text(
        build_run_report(build_repository(build_update(), build_verdict(ReferenceStatus.SKIPPED, Reason.OWN)))
    )
    assert "signs  ↑ update, · skipped\n" in text


def test_output_of_run_without_references_begins_with_failures():
    text = render_run_text(build_run_report(failed=[build_failure()]))
    assert text.startswith("basebump could not do its work here:\n")
    assert "No image references" not in text


def test_brief_output_of_run_contains_only_results_that_need_an_action():
    current = build_verdict(ReferenceStatus.UP_TO_DATE, written="redis:7")
    trees = [build_repository(build_update(), current), build_repository(current, name="acme/api")]
    text = "\n".join(map(str, render_run_lines(build_run_report(*trees), is_brief=True)))
    assert "node:22" in text
    assert "redis:7" not in text
    assert "acme/api" not in text
    assert "signs" not in text
