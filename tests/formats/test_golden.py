"""Every folder `<format>/<case>` is a case: `before/` is read and moved to new digests, `after/` is what must come out.

`occurrences.json` says what is read, for people to check: change it by hand, never by running the code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bot.core.edit import apply_edits, is_proved, write_digest
from bot.formats import _yaml_nodes, all_formats
from bot.model.reference import Digest, ImageReference
from bot.model.source import Closed, Edit, FilePath, Occurrence, Slot, SourceFile, Unsupported
from bot.ports import FileFormat

HERE = Path(__file__).parent
FORMATS = {file_format.name: file_format for file_format in all_formats()}
MANDATORY = {"crlf", "bom", "no-final-newline", "already-pinned", "unparsable"}

Contents = Mapping[FilePath, bytes]


@dataclass(frozen=True)
class Case:
    file_format: FileFormat
    folder: Path

    def extract(self, path: FilePath, content: bytes) -> list[Occurrence | Unsupported]:
        return list(self.file_format.extract(SourceFile(path, content)))

    def slots(self, path: FilePath, content: bytes) -> dict[str, tuple[Slot, ImageReference]]:
        return {
            each.locator: (each.digest, each.reference)
            for each in self.extract(path, content)
            if isinstance(each, Occurrence) and isinstance(each.digest, Slot)
        }


CASES = [
    Case(file_format, folder)
    for file_format in all_formats()
    for folder in sorted((HERE / file_format.name).iterdir())
    if folder.is_dir()
]


def contents(folder: Path) -> Contents:
    return {
        FilePath(path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digest_for(reference: ImageReference) -> Digest:
    """Return the digest that these tests move a reference to: one for each line."""
    line = f"{reference.repository}:{reference.tag}" if reference.tag else reference.repository
    return Digest(f"sha256:{hashlib.sha256(line.encode()).hexdigest()}")


def moved(case: Case, files: Contents) -> Contents:
    """Return `files` with every open slot at the digest of its line."""
    return {path: apply_edits(content, edits_of(case, path, content)) for path, content in files.items()}


def edits_of(case: Case, path: FilePath, content: bytes) -> list[Edit]:
    return [write_digest(slot, digest_for(reference)) for slot, reference in case.slots(path, content).values()]


def described(case: Case, files: Contents) -> list[dict[str, object]]:
    return [
        {"path": path, **describe(found)} for path, content in files.items() for found in case.extract(path, content)
    ]


def describe(found: Occurrence | Unsupported) -> dict[str, object]:
    if isinstance(found, Unsupported):
        return {"line": found.line_number, "unsupported": found.reason.value, "text": found.text}
    told: dict[str, object] = {
        "line": found.line_number,
        "locator": found.locator,
        "written": found.written,
        "repository": found.reference.repository,
        "tag": found.reference.tag,
        "digest": found.reference.digest,
        "role": found.role.value,
    }
    if found.platform:
        told["platform"] = found.platform
    match found.digest:
        case Slot(span):
            told["digest_at"] = [span.start, span.end]
        case Closed(reason):
            told["closed"] = reason.value
    return told


def without_slots(case: Case, path: FilePath, content: bytes, inserted: set[str]) -> bytes:
    """Return what of `content` is outside its slots; with a slot that was inserted goes the `@` before it."""
    kept = bytearray(content)
    spans = {
        (slot.span.start - (locator in inserted), slot.span.end)
        for locator, (slot, _) in case.slots(path, content).items()
    }
    for start, end in sorted(spans, reverse=True):
        del kept[start:end]
    return bytes(kept)


@pytest.fixture(params=["libyaml", "pure"])
def yaml_parser(request, monkeypatch):
    if request.param == "pure":
        monkeypatch.setattr(_yaml_nodes, "_LOADER", yaml.SafeLoader)
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")


@pytest.fixture(params=CASES, ids=lambda case: f"{case.file_format.name}/{case.folder.name}")
def case(request, yaml_parser):
    return request.param


def test_what_is_read_is_what_the_case_says(case):
    expected = json.loads((case.folder / "occurrences.json").read_text(encoding="utf-8"))
    assert described(case, contents(case.folder / "before")) == expected


def test_every_open_slot_holds_the_bytes_it_names(case):
    for path, content in contents(case.folder / "before").items():
        for slot, reference in case.slots(path, content).values():
            assert content[slot.span.start : slot.span.end] == slot.old
            assert slot.old.decode() == (reference.digest or "")


def test_moving_every_digest_gives_exactly_the_files_after(case):
    assert moved(case, contents(case.folder / "before")) == contents(case.folder / "after")


def test_no_byte_outside_the_slots_changes(case):
    before, after = contents(case.folder / "before"), contents(case.folder / "after")
    for path, content in before.items():
        inserted = {locator for locator, (slot, _) in case.slots(path, content).items() if not slot.old}
        assert without_slots(case, path, after[path], inserted) == without_slots(case, path, content, set())


def test_reading_the_files_after_shows_exactly_the_planned_digests(case):
    before, after = contents(case.folder / "before"), contents(case.folder / "after")
    for path, content in before.items():
        planned = {locator: digest_for(reference) for locator, (_, reference) in case.slots(path, content).items()}
        assert is_proved(case.extract(path, content), case.extract(path, after[path]), planned)


def test_moving_again_changes_nothing(case):
    after = contents(case.folder / "after")
    assert moved(case, after) == after


def test_the_format_selects_the_files_of_its_cases(case):
    paths = list(contents(case.folder / "before"))
    assert list(case.file_format.selects(paths)) == paths


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_has_the_mandatory_cases(name):
    cases = {case.folder.name for case in CASES if case.file_format.name == name}
    assert cases >= MANDATORY


def test_every_folder_of_cases_belongs_to_a_format():
    assert {folder.name for folder in HERE.iterdir() if folder.is_dir() and folder.name[0] not in "._"} == set(FORMATS)


def test_what_looks_like_an_image_and_is_none_is_never_read():
    """In the cases, such texts are called evil."""
    read = json.dumps([json.loads((case.folder / "occurrences.json").read_text(encoding="utf-8")) for case in CASES])
    written = {text for case in CASES for text in contents(case.folder / "before").values()}
    assert any(b"evil:1" in text for text in written)
    assert "evil" not in read
