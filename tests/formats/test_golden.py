"""Every folder `<format>/<case>` is a case: `before/` is read and updated to new digests, which has to give `after/`.

`references.json` has the expected items. It is a specification that people check: edit it by hand, and never generate
it by running the code.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support.formats.cases import CASE_FORMATS, find_tree_references

from bot.core.references.edit import apply_edits, build_edit, get_reference_key, has_only_planned_changes
from bot.formats._syntax.yaml import nodes as parsed_sections
from bot.formats._syntax.yaml import trees
from bot.model.extracted_item import ExtractedReferences
from bot.model.image_name import Digest, ImageName
from bot.model.path_index import index_paths
from bot.model.source import ByteEdit, EditSlot, FilePath, NotEditable, Reference, UnsupportedText
from bot.ports import FileFormat

HERE = Path(__file__).parent
FORMATS = {file_format.name: file_format for file_format in CASE_FORMATS}
MANDATORY = {"crlf", "bom", "no-final-newline", "already-pinned", "unparsable"}

NULLS = {b"null", b"~"}
"""Texts that a new digest may replace."""

Contents = Mapping[FilePath, bytes]


@dataclass(frozen=True, repr=False)
class GoldenCase:
    file_format: FileFormat
    folder: Path

    def __repr__(self) -> str:
        """Return the name of the case in messages."""
        return f"{self.file_format.name}/{self.folder.name}"

    def before(self) -> Contents:
        return contents(self.folder / "before")

    def after(self) -> Contents:
        return contents(self.folder / "after")

    def expected(self) -> list[dict[str, object]]:
        return json.loads((self.folder / "references.json").read_text(encoding="utf-8"))

    def list_extracted(self, files: Contents) -> ExtractedReferences:
        """Return the items that the format of this case extracts, with the cross-file facts of all formats applied."""
        return find_tree_references(self.file_format, files)

    def references(self, files: Contents) -> list[Reference]:
        return [each for each in self.list_extracted(files) if isinstance(each, Reference)]

    def open(self, files: Contents) -> list[tuple[Reference, EditSlot]]:
        return [(each, each.digest_slot) for each in self.references(files) if isinstance(each.digest_slot, EditSlot)]


CASES = [
    GoldenCase(file_format, folder)
    for file_format in CASE_FORMATS
    for folder in sorted((HERE / file_format.name).iterdir())
    if folder.is_dir()
]


def contents(folder: Path) -> Contents:
    return {
        FilePath(path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digest_for(reference: ImageName) -> Digest:
    """Return the digest to which these tests update a reference. Each tag has its own digest."""
    line = f"{reference.repository}:{reference.tag}" if reference.tag else reference.repository
    return Digest(f"sha256:{hashlib.sha256(line.encode()).hexdigest()}")


def moved(case: GoldenCase, files: Contents) -> Contents:
    """Return `files` with every editable digest slot set to the digest of its tag."""
    edits: dict[FilePath, list[ByteEdit]] = {path: [] for path in files}
    for reference, slot in case.open(files):
        edits[reference.path].append(build_edit(slot, digest_for(reference.image)))
    return {path: apply_edits(content, edits[path]) for path, content in files.items()}


def retagged(case: GoldenCase, files: Contents, tag: str) -> Contents:
    """Return `files` with `tag` in every editable tag slot."""
    edits: dict[FilePath, list[ByteEdit]] = {path: [] for path in files}
    for reference in case.references(files):
        if isinstance(reference.tag_slot, EditSlot):
            edits[reference.path].append(
                ByteEdit(reference.tag_slot.span, reference.tag_slot.old, reference.tag_slot.prefix + tag.encode())
            )
    return {path: apply_edits(content, edits[path]) for path, content in files.items()}


def described(case: GoldenCase, files: Contents) -> list[dict[str, object]]:
    return [{"path": found.path, **describe(found)} for found in case.list_extracted(files)]


def describe(found: Reference | UnsupportedText) -> dict[str, object]:
    notes: dict[str, object] = {"notes": list(found.notes)} if found.notes else {}
    if isinstance(found, UnsupportedText):
        return {"line": found.line_number, "unsupported": found.reason.value, "text": found.text, **notes}
    told: dict[str, object] = {
        "line": found.line_number,
        "locator": found.locator,
        "written": found.written,
        "repository": found.image.repository,
        "tag": found.image.tag,
        "digest": found.image.digest,
        "role": found.role.value,
    }
    if found.platform:
        told["platform"] = found.platform
    if found.owners:
        told["owners"] = list(found.owners)
    match found.digest_slot:
        case EditSlot(span):
            told["digest_at"] = [span.start, span.end]
        case NotEditable(reason):
            told["closed"] = reason.value
    match found.tag_slot:
        case EditSlot(span, old):
            if old.decode() != (found.image.tag or ""):
                told["tag_at"] = [span.start, span.end]
        case NotEditable(reason):
            if found.digest_slot != found.tag_slot:
                told["tag_closed"] = reason.value
    return told | notes


def slots_of(case: GoldenCase, path: FilePath, files: Contents) -> dict[str, EditSlot]:
    """Return the slots of a file by locator. Slots with a warning are included, because pinning may cause one."""
    slots = {}
    for reference in case.references(files):
        slot = reference.digest_slot.slot if isinstance(reference.digest_slot, NotEditable) else reference.digest_slot
        if reference.path == path and slot is not None:
            slots[reference.locator] = slot
    return slots


def without_slots(
    case: GoldenCase, path: FilePath, files: Contents, opened: set[str], inserted: Mapping[str, int]
) -> bytes:
    """Return the bytes of a file outside its slots. If a digest was inserted, its prefix is left out as well."""
    kept = bytearray(files[path])
    spans = {
        (slot.span.start - inserted.get(locator, 0), slot.span.end)
        for locator, slot in slots_of(case, path, files).items()
        if locator in opened
    }
    for start, end in sorted(spans, reverse=True):
        del kept[start:end]
    return bytes(kept)


@pytest.fixture(params=["libyaml", "pure"])
def yaml_parser(request, monkeypatch):
    if request.param == "pure":
        monkeypatch.setattr(trees, "_LOADER", yaml.SafeLoader)
        monkeypatch.setattr(parsed_sections, "_last_file", threading.local())  # forget the trees of the other parser
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")


@pytest.fixture(params=sorted(FORMATS))
def golden_cases(request, yaml_parser):
    """All cases of one format. A separate test for each case would take longer than the assertions."""
    return [case for case in CASES if case.file_format.name == request.param]


def test_references_of_golden_cases_match_expected_json(golden_cases):
    for case in golden_cases:
        assert described(case, case.before()) == case.expected(), case


def test_digest_slots_of_golden_cases_span_the_current_digest(golden_cases):
    for case in golden_cases:
        files = case.before()
        for reference, slot in case.open(files):
            assert files[reference.path][slot.span.start : slot.span.end] == slot.old, case
            assert slot.old.decode() == (reference.image.digest or "") or slot.old in NULLS, case


def test_pinning_the_before_folder_of_a_golden_case_yields_the_after_folder(golden_cases):
    for case in golden_cases:
        assert moved(case, case.before()) == case.after(), case


def test_pinning_golden_cases_changes_nothing_outside_slots(golden_cases):
    for case in golden_cases:
        before, after = case.before(), case.after()
        for path in before:
            opened = {reference.locator: slot for reference, slot in case.open(before) if reference.path == path}
            inserted = {at: len(slot.prefix) for at, slot in opened.items() if slot.span.start == slot.span.end}
            kept = without_slots(case, path, after, set(opened), inserted)
            assert kept == without_slots(case, path, before, set(opened), {}), case


def test_after_folders_of_golden_cases_contain_only_planned_changes(golden_cases):
    for case in golden_cases:
        before, after = case.before(), case.after()
        planned = {get_reference_key(reference): digest_for(reference.image) for reference, _ in case.open(before)}
        assert has_only_planned_changes(case.list_extracted(before), case.list_extracted(after), planned), case


def test_changing_all_tags_of_golden_cases_changes_only_editable_tags(golden_cases):
    for case in golden_cases:
        files = case.before()
        tags = {
            get_reference_key(reference): "9.8-moved"
            if isinstance(reference.tag_slot, EditSlot)
            else reference.image.tag
            for reference in case.references(files)
        }
        retagged_places = case.references(retagged(case, files, "9.8-moved"))
        assert {get_reference_key(reference): reference.image.tag for reference in retagged_places} == tags, case


def test_pinning_the_after_folder_of_a_golden_case_changes_no_bytes(golden_cases):
    for case in golden_cases:
        assert moved(case, case.after()) == case.after(), case


def test_each_golden_case_has_a_file_selected_by_the_format(golden_cases):
    for case in golden_cases:
        assert list(case.file_format.select_paths(index_paths(list(case.before())))), case


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_has_the_mandatory_golden_cases(name):
    cases = {case.folder.name for case in CASES if case.file_format.name == name}
    assert cases >= MANDATORY


def test_folders_of_golden_cases_are_named_after_formats():
    assert {folder.name for folder in HERE.iterdir() if folder.is_dir() and folder.name[0] not in "._"} == set(FORMATS)


def test_text_that_only_resembles_an_image_is_never_read_in_a_golden_case():
    """The cases use the name `evil` for texts that are not images."""
    read = json.dumps([case.expected() for case in CASES])
    written = {text for case in CASES for text in case.before().values()}
    assert any(b"evil:1" in text for text in written)
    assert "evil" not in read
