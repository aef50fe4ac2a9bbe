"""Measures the extraction of references in this process, and compares the time with that of the YAML parser alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import yaml

from bot.cli.app import collect_rarely
from bot.formats import load_all_formats
from bot.formats._syntax.yaml import nodes
from bot.formats._syntax.yaml import nodes as parsed_sections
from bot.formats._syntax.yaml.sections import split_sections
from bot.model.forge import GitRepository
from bot.model.path_index import index_paths
from bot.model.source import FilePath, NotEditable, SourceFile
from bot.pipeline.references.extract import ExtractResult, extract_references
from bot.ports import FileFormat
from bot.worktree import WorkTree

TRIES = 3
HERE = GitRepository("", "", None, None)
Reads = list[tuple[FileFormat, SourceFile]]


def measure_fastest(work: Callable[[], object]) -> float:
    """Return the processor time in seconds of the fastest of a few tries.

    Other work of the machine affects this time less than it affects an average.
    """
    times = []
    for _ in range(TRIES):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def measure_extraction(folder: Path) -> None:
    collect_rarely()
    tree = WorkTree(folder)
    formats = load_all_formats()
    extracted = extract_references(HERE, tree, formats)
    seconds = measure_fastest(lambda: extract_references(HERE, tree, formats))
    entries = list(tree.list_entries())
    print(f"extraction: {len(entries)} files listed, {len(extracted.references)} references, {seconds:.2f} s")
    compare_with_events(tree, seconds)
    measure_yaml(tree, formats)
    dockerfiles = [(each, file) for each, file in list_reads(tree, formats) if each.name == "dockerfile"]
    if dockerfiles:
        reading = measure_fastest(lambda: extract_all(dockerfiles))
        print(f"  {len(dockerfiles)} Dockerfiles: {reading:.3f} s, {reading / len(dockerfiles) * 1e6:.0f} µs each")
    print_counts(extracted)


def compare_with_events(tree: WorkTree, seconds: float) -> None:
    """Compare the time for the whole extraction with the time in which libyaml parses all YAML files with `image`.

    The whole extraction also lists, selects and reads files of other kinds. Each file is parsed as a single text, up to
    the first document that is not YAML.
    """
    entries = [each for each in tree.list_entries() if each.path.endswith((".yaml", ".yml"))]
    texts = [content for content in tree.read(entries) if isinstance(content, bytes) and b"image" in content]
    if texts:
        events = measure_fastest(lambda: parse_events(texts))
        print(
            f"  {len(texts)} YAML files contain `image`: {events:.3f} s for their events; the whole extraction takes "
            f"{seconds / events:.2f} times as long"
        )


def measure_yaml(tree: WorkTree, formats: tuple[FileFormat, ...]) -> None:
    """Compare the time for extraction from YAML files with the time in which libyaml parses the files to events.

    Every document is parsed as a separate text, because a document that is not YAML ends the stream of events.

    The time for extraction includes a search of all bytes that shows which documents can be skipped. If a folder has
    large CustomResourceDefinitions, most bytes are skipped. If a folder has tiny files, the work for each file takes
    more time than the work for each event. The printed sizes show which of these two cases a ratio depends on.
    """
    parsed, parts = list_parsed_yaml(tree, formats)
    files = {file.path: file.content for _, file in parsed}
    if not files:
        return
    documents = [
        content[start:end].decode(errors="replace")
        for content in files.values()
        for start, end in split_sections(content)
    ]
    reading = measure_fastest(lambda: extract_all(parsed))
    of_files, of_parts = measure_fastest(lambda: parse_events(documents)), measure_fastest(lambda: parse_events(parts))
    sizes = [sum(map(len, texts)) / 1e6 for texts in (files.values(), parts)]
    print(
        f"  {len(files)} YAML files must be parsed: {reading:.3f} s; {sizes[0]:.1f} million bytes, of which about "
        f"{sizes[1]:.1f} million cannot be skipped"
    )
    print(f"    {reading / of_files:.2f} times the time for the events of these files")
    print(f"    {reading / of_parts:.2f} times the time for the events of documents that cannot be skipped")


def list_reads(tree: WorkTree, formats: tuple[FileFormat, ...]) -> Reads:
    """Return the files that the formats read, each with its format.

    A file that several formats read is returned several times.
    """
    entries = {entry.path: entry for entry in tree.list_entries()}
    reads: dict[FilePath, list[FileFormat]] = {}
    paths = index_paths(entries.keys())
    for file_format in formats:
        for path in file_format.select_paths(paths):
            reads.setdefault(path, []).append(file_format)
    contents = tree.read([entries[path] for path in reads])
    return [
        (file_format, SourceFile(path, content))
        for path, content in zip(reads, contents, strict=True)
        if isinstance(content, bytes)
        for file_format in reads[path]
    ]


def list_parsed_yaml(tree: WorkTree, formats: tuple[FileFormat, ...]) -> tuple[Reads, list[str]]:
    """Return the files for which YAML is parsed, and the texts that the parser gets for them."""
    texts: list[str] = []
    parsed: Reads = []
    read_trees = parsed_sections.read_trees

    def record_text(text: str) -> object:
        texts.append(text)
        return read_trees(text)

    parsed_sections.read_trees = record_text
    try:
        for file_format, file in list_reads(tree, formats):
            list(nodes.read_documents(b"", bool))  # an empty file is read first, so that no earlier result is reused
            count = len(texts)
            list(file_format.extract(file))
            parsed += [(file_format, file)] if len(texts) > count else []
        texts.clear()
        extract_all(parsed)
    finally:
        parsed_sections.read_trees = read_trees
    return parsed, texts


def extract_all(reads: Reads) -> None:
    for file_format, file in reads:
        for _ in file_format.extract(file):
            pass


def parse_events(texts: Iterable[str | bytes]) -> None:
    for text in texts:
        try:
            for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
                pass
        except yaml.YAMLError:
            pass


def print_counts(extracted: ExtractResult) -> None:
    by_format = Counter(each.format for each in extracted.references)
    not_editable = Counter(
        each.digest_slot.reason.value for each in extracted.references if isinstance(each.digest_slot, NotEditable)
    )
    unsupported = Counter(each.reason.value for each in extracted.unsupported)
    print(f"  references: {dict(sorted(by_format.items())) or 'none'}")
    print(f"  not editable: {dict(sorted(not_editable.items())) or 'none'}")
    print(f"  unsupported: {dict(sorted(unsupported.items())) or 'none'}")
