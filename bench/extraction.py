"""Extraction inside one process: what it finds, and how its time compares to that of the YAML parser alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from bot.cli.app import collect_rarely
from bot.formats import load_all_formats
from bot.formats._syntax.yaml import nodes
from bot.formats._syntax.yaml.sections import split_sections
from bot.model.forge import GitRepository
from bot.model.source import FilePath, NotEditable, SourceFile
from bot.pipeline.extract import ExtractResult, extract_references
from bot.ports import FileFormat
from bot.worktree import WorkTree

TRIES = 3
HERE = GitRepository("", "", None, None)
Reads = list[tuple[FileFormat, SourceFile]]


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of a few tries."""
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure_extraction(folder: Path) -> None:
    collect_rarely()
    tree = WorkTree(folder)
    formats = load_all_formats()
    surveyed = extract_references(HERE, tree, formats)
    seconds = best(lambda: extract_references(HERE, tree, formats))
    entries = list(tree.list_entries())
    print(f"extraction: {len(entries)} files listed, {len(surveyed.occurrences)} references, {seconds:.2f} s")
    measure_yaml(tree, formats)
    dockerfiles = [(each, file) for each, file in selected(tree, formats) if each.name == "dockerfile"]
    if dockerfiles:
        reading = best(lambda: extract(dockerfiles))
        print(f"  {len(dockerfiles)} Dockerfiles: {reading:.3f} s, {reading / len(dockerfiles) * 1e6:.0f} µs each")
    describe(surveyed)


def measure_yaml(tree: WorkTree, formats: tuple[FileFormat, ...]) -> None:
    """Compare the reading of YAML files with libyaml's events of the same files, of which nothing is made.

    Every document is a text of its own for both, since one that is no YAML ends the stream.
    """
    parsed, parts = parsed_yaml(tree, formats)
    files = {file.path: file.content for _, file in parsed}
    if not files:
        return
    documents = [
        content[start:end].decode(errors="replace")
        for content in files.values()
        for start, end in split_sections(content)
    ]
    reading = best(lambda: extract(parsed))
    of_files, of_parts = best(lambda: parse_events(documents)), best(lambda: parse_events(parts))
    print(f"  {len(files)} YAML files have to be parsed: {reading:.3f} s")
    print(f"    {reading / of_files:.2f} times the bare event stream of these files")
    print(f"    {reading / of_parts:.2f} times that of the documents in them that cannot be skipped")


def selected(tree: WorkTree, formats: tuple[FileFormat, ...]) -> Reads:
    """Return what every format reads, file by file."""
    entries = {entry.path: entry for entry in tree.list_entries()}
    reads: dict[FilePath, list[FileFormat]] = {}
    for file_format in formats:
        for path in file_format.select_paths(entries.keys()):
            reads.setdefault(path, []).append(file_format)
    contents = tree.read([entries[path] for path in reads])
    return [
        (file_format, SourceFile(path, content))
        for path, content in zip(reads, contents, strict=True)
        if isinstance(content, bytes)
        for file_format in reads[path]
    ]


def parsed_yaml(tree: WorkTree, formats: tuple[FileFormat, ...]) -> tuple[Reads, list[str]]:
    """Return the reads for which YAML is parsed, and the texts that the parser gets when every file is parsed once."""
    texts: list[str] = []
    parsed: Reads = []
    read_trees = nodes.read_trees

    def noting(text: str) -> object:
        texts.append(text)
        return read_trees(text)

    nodes.read_trees = noting
    try:
        for file_format, file in selected(tree, formats):
            list(nodes.read_documents(b"", bool))  # another file, so that nothing is kept of the last
            count = len(texts)
            list(file_format.extract(file))
            parsed += [(file_format, file)] if len(texts) > count else []
        texts.clear()
        extract(parsed)
    finally:
        nodes.read_trees = read_trees
    return parsed, texts


def extract(reads: Reads) -> None:
    for file_format, file in reads:
        for _ in file_format.extract(file):
            pass


def parse_events(texts: Iterable[str]) -> None:
    for text in texts:
        try:
            for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
                pass
        except yaml.YAMLError:
            pass


def describe(surveyed: ExtractResult) -> None:
    by_format = Counter(each.format for each in surveyed.occurrences)
    closed = Counter(
        each.digest_slot.reason.value for each in surveyed.occurrences if isinstance(each.digest_slot, NotEditable)
    )
    unsupported = Counter(each.reason.value for each in surveyed.unsupported)
    print(f"  references: {dict(sorted(by_format.items())) or 'none'}")
    print(f"  of these not to be written: {dict(sorted(closed.items())) or 'none'}")
    print(f"  unsupported: {dict(sorted(unsupported.items())) or 'none'}")
