"""`scan` and `check` count the texts that look like images and are not read, and list them with `-v` and in JSON."""

from __future__ import annotations

import json

import pytest
from support.runs.worlds import write_tree

from bot.core.references import changed_references
from bot.formats import load_all_formats
from bot.formats.text import UnreadTextsFormat
from bot.model.forge import GitRepository
from bot.model.source import FilePath, Span, UnreadText
from bot.pipeline.references import extract, reader_processes, reader_slots
from bot.pipeline.references.extract import extract_references
from bot.pipeline.references.reader_slots import ReaderSlots
from bot.reports.parts import unread_lines
from bot.worktree import WorkTree

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: nginx:1.27\n    args: [--web=ghcr.io/acme/web:1]\n"
FILES = {"pod.yaml": POD, "unknown.json": '{"image": "nginx:1.27"}'}
EXPECTED = [
    {"path": "pod.yaml", "line": 6, "text": "ghcr.io/acme/web:1"},
    {"path": "unknown.json", "line": 1, "text": "nginx:1.27"},
]
SENTENCE = "2 texts look like image references and are not read (-v lists them)."
HEADING = "Not read, although these texts look like image references:"


def extract_texts(folder, processes=1):
    formats = (*load_all_formats(), UnreadTextsFormat())
    return extract_references(
        GitRepository("", "", None, None), WorkTree(folder), formats, reader_slots=ReaderSlots(processes)
    )


@pytest.mark.parametrize("command", ["scan", "check"])
def test_texts_are_counted_in_summary_and_listed_if_verbose(tmp_path, basebump, command):
    folder = write_tree(tmp_path / "tree", FILES)
    _, out, _ = basebump(command, folder, "--offline")
    assert SENTENCE in out
    assert HEADING not in out
    _, out, _ = basebump(command, folder, "--offline", "-v")
    assert f"{HEADING}\n  pod.yaml:6: ghcr.io/acme/web:1\n  unknown.json:1: nginx:1.27\n" in out
    assert "2 texts look like image references and are not read." in out
    assert "-v" not in out
    _, out, _ = basebump(command, folder, "--offline", "-q")
    assert "look" not in out


def test_json_of_scan_and_check_lists_texts(tmp_path, basebump, check):
    _, out, _ = basebump("scan", write_tree(tmp_path / "other", FILES), "--offline", "--format", "json")
    assert json.loads(out)["unread_texts"] == EXPECTED
    code, document = check(FILES, "--offline", "--strict")
    assert document["unread_texts"] == EXPECTED
    assert document["counts"]["unread_texts"] == 2
    assert (code, [each["path"] for each in document["findings"]]) == (4, ["pod.yaml"])


def test_text_in_one_file_that_reference_of_another_file_edits_is_read(tmp_path):
    files = {
        "compose.yaml": "services: {web: {extends: {file: base.yaml, service: web}}}\n",
        "base.yaml": "services:\n  web:\n    image: ghcr.io/acme/web:1\n",
        "sub/base.yaml": "web:\n  image: ghcr.io/acme/web:1\n",
    }
    found = extract_texts(write_tree(tmp_path / "tree", files))
    assert [each.path for each in found.references] == ["base.yaml"]
    assert [each.path for each in found.unread_texts] == ["sub/base.yaml"]


def test_text_on_line_that_report_lists_as_unreadable_is_not_counted_again(tmp_path):
    files = {"pod.yaml": POD.replace("nginx:1.27", "ghcr.io/acme/web:1:2").replace("    args", "  #")}
    found = extract_texts(write_tree(tmp_path / "tree", files))
    assert ([each.line_number for each in found.unsupported], found.unread_texts) == ([5], ())


def test_check_with_since_option_counts_only_added_texts():
    def make(*texts):
        return [UnreadText(FilePath("a"), line, text, Span(line, line)) for line, text in enumerate(texts)]

    added = changed_references.select_changed_texts(make("x:1", "x:2", "x:1"), make("x:2", "x:1"))
    assert [(each.line_number, each.text) for each in added] == [(2, "x:1")]


def test_worker_processes_find_the_same_texts(tmp_path, monkeypatch):
    monkeypatch.setattr(reader_slots, "PROCESS_WORK", 1)
    monkeypatch.setattr(reader_processes, "MIN_PART_WORK", 10_000)
    files = {f"{number}/{name}": content for number in range(30) for name, content in FILES.items()}
    folder = write_tree(tmp_path / "tree", files)
    found = extract_texts(folder, processes=2).unread_texts
    assert len(found) == 60
    assert found == extract_texts(folder).unread_texts


def test_tree_has_at_most_max_tree_unread_texts_and_summary_says_at_least(tmp_path, monkeypatch):
    for module in (extract, unread_lines):
        monkeypatch.setattr(module, "MAX_TREE_UNREAD_TEXTS", 3)
    folder = write_tree(tmp_path / "tree", {f"{number}.yaml": "x: [a.b/c:1, a.b/d:1]\n" for number in range(3)})
    found = extract_texts(folder).unread_texts
    assert len(found) == 3
    assert list(unread_lines.summarise_unread_texts(found)) == [f"At least 3{SENTENCE.removeprefix('2')}"]


def test_list_of_texts_is_cut(monkeypatch):
    monkeypatch.setattr(unread_lines, "MAX_LISTED_TEXTS", 1)
    texts = [UnreadText(FilePath("a"), 1, "x:1", Span(0, 3))] * 3
    assert list(unread_lines.render_unread_texts(texts))[1:] == [
        "  a:1: x:1",
        "  and 2 more; --format json lists all of them",
    ]
