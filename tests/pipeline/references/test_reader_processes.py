"""Worker processes help to read a large tree, and nothing in the result depends on them."""

from __future__ import annotations

import gc
import io
import os
import pickle
import shutil
import signal
import sys
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.parts import ROOT
from support.reader_trees import ProcessTree
from support.runs.worlds import write_tree

from bot import process
from bot.core.budgets import TreeBudget
from bot.formats import load_all_formats, load_formats_with_globs
from bot.model.cost_limits import MAX_FILE_REFERENCES
from bot.model.errors import TreeError
from bot.model.forge import GitRepository, TreeEntry
from bot.model.path_index import index_paths
from bot.model.source import FilePath
from bot.model.vocabulary import Reason
from bot.piped_child import read_message, write_message
from bot.pipeline.references import reader_processes, reader_slots, reader_worker
from bot.pipeline.references.extract import extract_references, select_formats
from bot.pipeline.references.file_reading import SelectedFile, estimate_work, read_selected_files
from bot.pipeline.references.reader_processes import divide_files, read_in_processes
from bot.pipeline.references.reader_slots import ReaderSlots, TreeReader
from bot.pipeline.references.reader_worker import WorkerTask, pack_requests, serve_requests, unpack_answers
from bot.worktree import WorkTree

REPOSITORY = GitRepository("github", "acme/web", "main", "0" * 40)
(DOCKERFILE,) = [each for each in load_all_formats() if each.name == "dockerfile"]
COPIED_CASES = ("already-pinned", "bom", "crlf", "unparsable")


@pytest.fixture
def small_parts(monkeypatch):
    """Let basebump start processes for small trees, and divide the files into small parts."""
    monkeypatch.setattr(reader_slots, "PROCESS_WORK", 1)
    monkeypatch.setattr(reader_processes, "MIN_PART_WORK", 10_000)


@pytest.fixture
def golden_folder(tmp_path):
    """Return a folder with files of every format."""
    for case in (ROOT / "tests" / "formats").glob("*/*/before"):
        if case.parent.name in COPIED_CASES:
            shutil.copytree(case, tmp_path / "golden" / case.parent.parent.name / case.parent.name)
    return tmp_path / "golden"


def make_files(count: int) -> dict[str, str]:
    return {f"{number:03}/Dockerfile": "FROM python:3.12\nFROM golang:1.22\n" for number in range(count)}


def list_files(tree: WorkTree) -> list[SelectedFile]:
    return [SelectedFile(each, (DOCKERFILE,)) for each in tree.list_entries() if each.path.endswith("Dockerfile")]


def extract_with(folder, processes, budget=None, formats=None):
    slots = ReaderSlots(processes)
    return extract_references(
        REPOSITORY, WorkTree(folder), formats or load_all_formats(), None, budget, reader_slots=slots
    )


def list_readers(contents) -> list[int]:
    """Return the process that read each file of a `ProcessTree`."""
    return [int(each.readings[0].file.content.split()[3]) for each in contents]


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.usefixtures("small_parts")
def test_extraction_with_worker_processes_has_same_result_as_with_one_process(golden_folder, processes):
    formats = load_formats_with_globs({"compose": ("**/*.yml",), "text": ("**/Dockerfile",)})
    expected = extract_with(golden_folder, 1, formats=formats)
    assert {each.file_format.name for each in expected.readings} > {"compose", "helm", "kustomize"}
    assert extract_with(golden_folder, processes, formats=formats) == expected


@pytest.mark.usefixtures("small_parts")
def test_files_of_a_large_tree_are_divided_among_worker_processes(tmp_path):
    tree = ProcessTree(write_tree(tmp_path, make_files(40)))
    readers = list_readers(TreeReader(tree, (DOCKERFILE,), ReaderSlots(3)).read(list_files(tree)))
    assert len(readers) == 40
    assert len(set(readers)) in {2, 3}, "one worker may start late"


def test_small_tree_is_read_without_worker_processes(tmp_path):
    tree = ProcessTree(write_tree(tmp_path, make_files(40)))
    assert set(list_readers(TreeReader(tree, (DOCKERFILE,), ReaderSlots(3)).read(list_files(tree)))) == {os.getpid()}


@pytest.mark.usefixtures("small_parts")
def test_tree_that_is_not_on_disk_is_read_without_worker_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(ProcessTree, "is_on_disk", False)
    tree = ProcessTree(write_tree(tmp_path, make_files(40)))
    assert set(list_readers(TreeReader(tree, (DOCKERFILE,), ReaderSlots(3)).read(list_files(tree)))) == {os.getpid()}


def test_concurrent_readers_together_get_at_most_the_available_worker_slots():
    slots = ReaderSlots(4)
    with slots.take(2) as first, slots.take(5) as second, slots.take(1) as third:
        assert (first, second, third) == (2, 1, 0)
    with slots.take(5) as again, slots.take(-1) as negative:
        assert (again, negative) == (3, 0)
    with ReaderSlots(1).take(5) as workers:
        assert workers == 0


@pytest.mark.usefixtures("small_parts")
def test_workers_get_no_secrets_and_import_no_modules_from_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BASEBUMP_SECRET", "ours")
    hostile = {f"{name}.py": "raise SystemExit('hostile')" for name in ("bot", "gc", "pickle", "sys", "yaml")}
    monkeypatch.chdir(write_tree(tmp_path / "current", hostile))
    monkeypatch.syspath_prepend("")
    sys.path.insert(0, "")
    tree = ProcessTree(write_tree(tmp_path / "tree", make_files(40)))
    try:
        contents = list(read_in_processes(tree, list_files(tree), 1))
    finally:
        sys.path.remove("")
    texts = [each.readings[0].file.content.decode() for each in contents]
    read_by_workers = [text for text in texts if f"# {os.getpid()} " not in text]
    assert read_by_workers
    assert not [text for text in read_by_workers if "BASEBUMP_SECRET" in text]


@pytest.mark.parametrize("limit", [{"references": 41}, {"facts": 5}, {"read_bytes": 1000}, {"content_bytes": 1000}])
@pytest.mark.usefixtures("small_parts")
def test_limit_stops_reading_at_the_same_file_with_workers_as_with_one_process(tmp_path, limit):
    compose = "services: {a: {image: 'nginx:${TAG}'}, b: {image: 'nginx:${TAG}'}}\n"
    files = {f"{number:03}/compose.yaml": compose for number in range(40)} if "facts" in limit else make_files(40)
    folder = write_tree(tmp_path, files)
    expected = extract_with(folder, 1, TreeBudget(**limit))
    assert expected.failures
    assert expected.readings
    assert extract_with(folder, 3, TreeBudget(**limit)) == expected


@pytest.mark.usefixtures("small_parts")
def test_file_that_exceeds_the_reference_limit_in_a_worker_is_too_large(tmp_path):
    tree = WorkTree(write_tree(tmp_path, {"a/Dockerfile": "", "b/Dockerfile": "FROM a\n" * (MAX_FILE_REFERENCES + 1)}))
    answers = _serve(tree, list_files(tree))
    (reference,) = answers[1].readings[0].extracted
    assert reference.reason is Reason.TOO_LARGE


@pytest.mark.usefixtures("small_parts")
def test_files_whose_results_are_too_large_for_worker_answers_are_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(reader_worker, "MAX_ANSWER_WEIGHT", 1)
    monkeypatch.setattr(reader_processes, "MAX_WAITING_WEIGHT", 1)
    folder = write_tree(tmp_path, make_files(40))
    assert extract_with(folder, 2) == extract_with(folder, 1)
    files = list_files(WorkTree(folder))
    assert len(_serve(WorkTree(folder), files)) == 1


@pytest.mark.usefixtures("small_parts")
def test_worker_process_reports_the_same_file_errors_as_the_main_process(tmp_path):
    tree = WorkTree(write_tree(tmp_path, make_files(20)))
    files = list_files(tree)
    for number in (3, 19):
        (tmp_path / files[number].entry.path).unlink()
    expected, actual = ([str(each) for each in read(tree, files)] for read in (read_selected_files, _read_with_worker))
    assert [number for number, text in enumerate(expected) if "could not be read" in text] == [3, 19]
    assert actual == expected


def _read_with_worker(tree, files):
    return read_in_processes(tree, files, 1)


@pytest.mark.parametrize("is_early", [True, False], ids=["before its first answer", "later"])
@pytest.mark.usefixtures("small_parts")
def test_files_of_a_killed_worker_are_read_by_main_process(tmp_path, is_early):
    tree = WorkTree(write_tree(tmp_path, make_files(60)))
    files = list_files(tree)
    expected = list(read_selected_files(tree, files))
    contents = read_in_processes(tree, files, 2)
    results = [] if is_early else [next(contents) for _ in range(30)]
    killer = Thread(target=_kill_first_child) if is_early else None
    if killer is not None:
        killer.start()
    else:
        process.end_children()
    results += contents
    if killer is not None:
        killer.join()
    assert results == expected


def _kill_first_child():
    while not process._RUNNING:
        pass
    process.end_children()


@pytest.mark.usefixtures("small_parts")
def test_worker_that_does_not_answer_is_killed_and_main_process_reads_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr(reader_processes, "ANSWER_TIMEOUT", 0.05)
    tree = WorkTree(write_tree(tmp_path, make_files(60)))
    files = list_files(tree)
    contents = read_in_processes(tree, files, 1)
    results = [next(contents)]
    (child,) = process._RUNNING
    os.kill(child.pid, signal.SIGSTOP)
    assert [*results, *contents] == list(read_selected_files(tree, files))
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("executable", ["/nowhere/python", "/bin/true", ""])
@pytest.mark.usefixtures("small_parts")
def test_files_are_read_by_main_process_if_no_worker_can_be_started(tmp_path, monkeypatch, executable):
    monkeypatch.setattr(sys, "executable", executable)
    tree = ProcessTree(write_tree(tmp_path, make_files(20)))
    assert list_readers(read_in_processes(tree, list_files(tree), 2)) == [os.getpid()] * 20


@pytest.mark.usefixtures("small_parts")
def test_workers_are_killed_when_the_reader_is_closed_early(tmp_path):
    tree = WorkTree(write_tree(tmp_path, make_files(60)))
    contents = read_in_processes(tree, list_files(tree), 2)
    next(contents)
    children = tuple(process._RUNNING)
    assert len(children) == 2
    contents.close()
    assert [child.returncode for child in children] == [-signal.SIGKILL] * 2
    assert not process._RUNNING


class _WatchingFormat:
    """Selects some of the Dockerfiles, and records how many workers run while it selects them."""

    name = DOCKERFILE.name
    has_line_end_comments = True

    def __init__(self, selected_count: int = 100, error: Exception | None = None) -> None:
        self._selected_count, self._error = selected_count, error
        self.workers: list[int] = []

    def __reduce__(self):
        return _WatchingFormat, ()

    def select_paths(self, paths):
        """Return some paths."""
        self.workers.append(len(process._RUNNING))
        if self._error is not None:
            raise self._error
        return list(paths.paths)[: self._selected_count]

    def extract(self, file):
        """Yield the references of a Dockerfile."""
        return DOCKERFILE.extract(file)


@pytest.mark.usefixtures("small_parts")
def test_worker_processes_run_while_formats_select_files(tmp_path):
    folder, watching = write_tree(tmp_path, make_files(40)), _WatchingFormat()
    result = extract_with(folder, 3, formats=[watching])
    assert watching.workers == [2]
    assert not process._RUNNING
    assert result.references == extract_with(folder, 1, formats=[DOCKERFILE]).references


@pytest.mark.usefixtures("small_parts")
def test_workers_started_early_are_ended_if_selecting_files_fails(tmp_path):
    watching, slots = _WatchingFormat(error=TreeError("broken")), ReaderSlots(2)
    tree = WorkTree(write_tree(tmp_path, make_files(40)))
    with pytest.raises(TreeError, match="broken"):
        extract_references(REPOSITORY, tree, [watching], reader_slots=slots)
    assert watching.workers == [1]
    assert not process._RUNNING
    with slots.take(1) as free:
        assert free == 1


def test_workers_started_early_are_ended_if_formats_select_few_files(tmp_path, monkeypatch):
    monkeypatch.setattr(reader_slots, "PROCESS_WORK", 10_000)
    watching = _WatchingFormat(selected_count=2)
    tree = ProcessTree(write_tree(tmp_path, make_files(40)))
    result = extract_references(REPOSITORY, tree, [watching], reader_slots=ReaderSlots(2))
    assert watching.workers == [1]
    assert f"# {os.getpid()} " in result.readings[0].file.content.decode()
    assert not process._RUNNING


@pytest.mark.usefixtures("small_parts")
def test_worker_processes_run_while_files_are_listed(tmp_path):
    folder = write_tree(tmp_path, make_files(40))
    with TreeReader(WorkTree(folder), (DOCKERFILE,), ReaderSlots(3)) as reader:
        entries = reader.list_entries()
        first = [next(entries) for _ in range(3)]
        assert len(process._RUNNING) == 2
        assert [*first, *entries] == list(WorkTree(folder).list_entries())
    assert not process._RUNNING


@pytest.mark.usefixtures("small_parts")
def test_files_are_listed_and_read_if_no_worker_can_be_started(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    folder = write_tree(tmp_path, make_files(20))
    assert extract_with(folder, 2) == extract_with(folder, 1)


def test_small_tree_starts_no_worker_processes_while_formats_select_files(tmp_path):
    watching = _WatchingFormat()
    extract_with(write_tree(tmp_path, make_files(40)), 3, formats=[watching])
    assert watching.workers == [0]


@given(sizes=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60), processes=st.integers(2, 8))
def test_division_into_parts_contains_each_file_once_in_order(sizes, processes):
    files = [SelectedFile(TreeEntry(FilePath("x"), size), ()) for size in sizes]
    parts = divide_files(files, processes)
    assert [position for part in parts for position in part] == list(range(len(files)))
    assert all(parts)
    works = [sum(estimate_work(files[position]) for position in part) for part in parts if len(part) > 1]
    assert all(work <= reader_processes.MAX_PART_WORK for work in works)


def test_last_parts_of_a_divided_tree_are_small():
    files = [SelectedFile(TreeEntry(FilePath("x"), 10_000), ())] * 2_000
    parts = divide_files(files, 2)
    assert len(parts[0]) > 50
    assert all(len(part) < 20 for part in parts[-10:])
    assert len(parts) < 100


@pytest.mark.parametrize("file_format", load_all_formats(), ids=lambda each: each.name)
def test_every_format_can_be_pickled_for_a_worker(file_format):
    copied = pickle.loads(pickle.dumps(file_format))
    assert copied.name == file_format.name
    paths = index_paths(["Dockerfile", "a.yaml"])
    assert list(copied.select_paths(paths)) == list(file_format.select_paths(paths))


def _serve(tree, files):
    """Return the contents of the files, as a worker answers them that runs in this process."""
    formats = tuple({id(each): each for file in files for each in file.formats}.values())
    requests, answers = io.BytesIO(), io.BytesIO()
    write_message(requests, pickle.dumps(WorkerTask(tree, formats, gc.get_threshold())))
    write_message(requests, pack_requests(files, formats))
    requests.seek(0)
    serve_requests(requests, answers)
    answers.seek(0)
    return unpack_answers(read_message(answers) or b"", files)


def test_worker_returns_the_same_results_and_error_as_the_main_process(golden_folder):
    write_tree(golden_folder, {"ignored/Dockerfile": "# basebump: ignore\nFROM nginx:1.25\n"})
    tree = WorkTree(golden_folder)
    entries = {each.path: each for each in tree.list_entries()}
    formats = select_formats(entries.keys(), load_all_formats())
    files = [SelectedFile(entries[path], tuple(formats[path])) for path in formats]
    files.append(SelectedFile(TreeEntry(FilePath("missing"), 1), (DOCKERFILE,)))
    *contents, error = _serve(tree, files)
    assert isinstance(error, TreeError)
    assert contents == list(read_selected_files(tree, files[:-1]))


def test_worker_ends_without_output_if_input_is_empty():
    answers = io.BytesIO()
    serve_requests(io.BytesIO(), answers)
    assert answers.getvalue() == b""
