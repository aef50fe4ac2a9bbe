"""Arguments of a Dockerfile, compared with BuildKit: the image of each FROM, and the effect of an edit."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from support.witnesses.buildkit import ARM64, RefusedError, resolve_dockerfile

from bot.core.references.edit import apply_edits, build_edit
from bot.formats._syntax.dockerfile.reader import read_dockerfile
from bot.formats.dockerfile import FORMAT
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import Digest, ImageName
from bot.model.source import ByteEdit, EditSlot, FilePath, NotEditable, Reference, SourceFile, Span, UnsupportedText
from bot.model.vocabulary import Reason

NAMES = ["V", "W", "IMG", "D", "REG", "TARGETARCH", "NONE", "A_1"]
DIGEST = f"sha256:{'a' * 64}"
REFERENCES = ["node:20", "alpine", f"alpine:3@{DIGEST}", "registry.example:5000/team/app:1.2-slim", "scratch", "one"]
TEXTS = ["20", "20-alpine", "node", ":", "-alpine", "alpine:3.20", "/", "", "1.20", f"@{DIGEST}", DIGEST, "x", "a b"]
WORDS_INSIDE = st.sampled_from([*TEXTS, "$V", "${W}", '"20"', "'20'", "${V:-20}", "2\\0"])
BLANKS = st.sampled_from([" ", " ", "  ", "\t", " \\\n", " \\\n# comment\n  "])


@st.composite
def substitutions(draw):
    name = draw(st.sampled_from(NAMES))
    word = draw(WORDS_INSIDE)
    return draw(
        st.sampled_from(
            [
                *(f"${name}", f"${{{name}}}", f"${{{name}}}"),
                *(f"${{{name}:-{word}}}", f"${{{name}-{word}}}", f"${{{name}:+{word}}}", f"${{{name}+{word}}}"),
                *(
                    f"${{{name}:?{word}}}",
                    f"${{{name}?}}",
                    f"${{{name}#*.}}",
                    f"${{{name}%-*}}",
                    f"${{{name}%%{word}}}",
                ),
                *(f"${{{name}/2/{word}}}", f"${{{name}//0/1}}"),
            ]
        )
    )


@st.composite
def words(draw, texts):
    """Return a word that consists of parts of a reference and substitutions, with a few quotes."""
    pieces = draw(st.lists(st.sampled_from(texts) | substitutions(), min_size=1, max_size=4))
    word = ""
    for piece in pieces:
        match draw(st.sampled_from(["", "", "", "", '"', "'"])):
            case "":
                word += piece
            case quote:
                word += f"{quote}{piece}{quote}"
    return word


PLAUSIBLE_BASES = st.sampled_from(
    [
        *("node:${V}", "node:$V", "${IMG}", "$IMG", "node:${V}-alpine", "${REG}/node:${V}", "${REG}node:20", "node:20"),
        *(
            'node:"${V}"',
            '"${IMG}"',
            "alpine:${W:-3.20}",
            "alpine:${V}.${W}",
            "alpine@${D}",
            "alpine:3@${D}",
            "${IMG}:${V}",
        ),
        *("one-${TARGETARCH}", "${V:-${W}}", "one", "${IMG:-alpine:${V}}", "${IMG}@${D}", "'$V'", "al\\pine:\\$V"),
        *(
            "${IMG}${W}",
            "alpine${V:+:${V}}",
            "node:${V%-alpine}",
            "${IMG/20/22}",
            f"node:${{V}}@{DIGEST}",
            "node:2\\\n0",
        ),
    ]
)
PLAUSIBLE_DEFAULTS = st.sampled_from(
    [
        *REFERENCES,
        *TEXTS,
        *("$V", "${V}", "node:${V}", "alpine:${W}", "${V}-alpine", '"node:20"', "'20'", "${W:-20}", "${IMG}", '"${V}"'),
        *("20${NONE}", "${TARGETARCH}", "${V}.${W}", "registry.example/", "docker.io", "2\\0", "${V:+20}"),
    ]
)


@st.composite
def definitions(draw):
    name = draw(st.sampled_from(NAMES))
    if draw(st.integers(0, 9)) == 0:
        return name
    default = draw(PLAUSIBLE_DEFAULTS) if draw(st.integers(0, 3)) else draw(words(TEXTS))
    return f"{name}={default.replace(' ', '')}"


@st.composite
def files(draw):
    lines = [draw(st.sampled_from(["", "", "", "# escape=\\", "# syntax=docker/dockerfile:1"]))]
    defined = draw(st.lists(st.lists(definitions(), min_size=1, max_size=2), max_size=4))
    lines += ["ARG" + "".join(draw(BLANKS) + pair for pair in pairs) for pairs in defined]
    for _ in range(draw(st.integers(1, 4))):
        flag = draw(st.sampled_from(["", "", "", "--platform=$BUILDPLATFORM ", "--platform=linux/$V "]))
        base = draw(PLAUSIBLE_BASES) if draw(st.integers(0, 3)) else draw(words([*TEXTS, *REFERENCES])).replace(" ", "")
        name = draw(st.sampled_from(["", "", "", " AS one", " as One-amd64", " AS node"]))
        lines.append(f"FROM{draw(BLANKS)}{flag}{base}{name}")
        lines += draw(
            st.lists(
                st.sampled_from(
                    ["ARG V", "ARG W=1", "RUN echo $V", "ONBUILD ARG W", "RUN <<EOF\nFROM evil:1\nEOF", "ARG IMG D"]
                ),
                max_size=1,
            )
            if draw(st.integers(0, 3)) == 0
            else st.just([])
        )
    text = "\n".join(lines) + draw(st.sampled_from(["\n", ""]))
    return draw(st.sampled_from([text, text, f"# escape=`\n{text}".replace("\\", "`")]))


def read(text):
    found = list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode())))
    return {each.locator: each for each in found if isinstance(each, Reference)}


def stage_of(reference):
    return int(reference.locator.removeprefix("stage[").removesuffix("]"))


def resolved(text, *arguments):
    try:
        return resolve_dockerfile(text, "`" if text.startswith("# escape=`") else "\\", *arguments)
    except RefusedError:
        return None


def is_reference(text):
    try:
        ImageName.parse(text)
    except InvalidReferenceError:
        return False
    return True


def digest_for(reference):
    line = f"{reference.repository}:{reference.tag}"
    return Digest(f"sha256:{hashlib.sha256(line.encode()).hexdigest()}")


def froms(text):
    return {
        stage_of(each): each
        for locator, each in read(text).items()
        if locator.startswith("stage[") and "." not in locator
    }


@given(text=files())
def test_images_of_from_instructions_with_arguments_match_buildkit(text):
    witness = resolved(text)
    if witness is None:
        reject()
    found = froms(text)
    for number, (base, other) in enumerate(zip(witness.bases, resolved(text, {}, ARM64).bases, strict=True)):
        is_stage = base.text in witness.names[:number]
        if number in found:
            assert str(found[number].image) == base.text == other.text
            assert not is_stage
        elif not base.is_open:
            assert is_stage or base.text == "scratch" or not is_reference(base.text)


VALUES = st.sampled_from([*REFERENCES, *TEXTS, "$V", "a\\b", '"20"'])


@given(text=files(), values=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3))
def test_images_of_from_instructions_with_build_arguments_match_buildkit(text, values):
    witness = resolved(text, values)
    if witness is None:
        reject()
    build_values = {name.encode(): value.encode() for name, value in values.items()}
    references = {
        stage_of(each): each
        for each in read_dockerfile(text.encode(), FilePath("Dockerfile"), "dockerfile", build_values)
        if isinstance(each, Reference) and each.locator.startswith("stage[") and "." not in each.locator
    }
    for number, base in enumerate(witness.bases):
        if number in references:
            assert str(references[number].image) == base.text
        elif not base.is_open:
            is_stage = base.text in witness.names[:number]
            assert is_stage or base.text == "scratch" or not is_reference(base.text)


@given(text=files())
def test_pinning_images_of_from_instructions_leaves_other_stages_unchanged(text):
    before = resolved(text)
    if before is None:
        reject()
    slots = {number: each for number, each in froms(text).items() if isinstance(each.digest_slot, EditSlot)}
    edits = [build_edit(each.digest_slot, digest_for(each.image)) for each in slots.values()]
    after = resolved(apply_edits(text.encode(), edits).decode())
    for number, each in slots.items():
        assert after.bases[number].text == str(each.image.with_digest(digest_for(each.image)))
    for number, base in enumerate(before.bases):
        if number not in slots:
            assert after.bases[number].text == base.text
    assert (after.names, after.platforms, after.taken) == (before.names, before.platforms, before.taken)


@given(text=files())
def test_changing_tags_of_from_instructions_leaves_other_stages_unchanged(text):
    before = resolved(text)
    if before is None:
        reject()
    slots = {number: each for number, each in froms(text).items() if isinstance(each.tag_slot, EditSlot)}
    edits = [ByteEdit(each.tag_slot.span, each.tag_slot.old, each.tag_slot.prefix + b"9.8") for each in slots.values()]
    after = resolved(apply_edits(text.encode(), edits).decode())
    for number, each in slots.items():
        assert after.bases[number].text == str(replace(each.image, tag="9.8"))
    for number, base in enumerate(before.bases):
        if number not in slots:
            assert after.bases[number].text == base.text
    assert (after.names, after.platforms, after.taken) == (before.names, before.platforms, before.taken)


@given(text=files(), name=st.sampled_from(NAMES), value=st.sampled_from(["", "18", "18-slim", "alpine:3", "debian"]))
def test_build_argument_that_changes_the_tag_also_drops_the_inserted_digest(text, name, value):
    if resolved(text) is None:
        reject()
    slots = {number: each for number, each in froms(text).items() if isinstance(each.digest_slot, EditSlot)}
    added = {number: each for number, each in slots.items() if each.image.digest is None}
    edits = [build_edit(each.digest_slot, digest_for(each.image)) for each in slots.values()]
    built = resolved(apply_edits(text.encode(), edits).decode(), {name: value})
    if built is None:
        reject()
    for number, each in added.items():
        base = built.bases[number].text
        if is_reference(base) and digest_for(each.image) in base:
            changed = ImageName.parse(base)  # the build fails because another image does not have the digest
            assert changed.repository != each.image.repository or changed.tag == each.image.tag


def only(text, **expected):
    """Return the only reference in a file, after checking that its attributes are as in `expected`."""
    (found,) = FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode()))
    assert {name: getattr(found, name) for name in expected} == expected
    return found


def test_image_of_from_instruction_lists_arguments_and_arguments_in_defaults():
    text = "ARG V=3.20\nARG UNUSED=1\nARG IMAGE=alpine:${V}\nFROM ${IMAGE}\n"
    only(text, variables=("IMAGE", "V"), written="${IMAGE}", line_number=4)


def test_unresolved_dockerfile_image_lists_all_unresolved_arguments():
    only("ARG BASE\nARG TAG=$VERSION\nFROM ${BASE:?}:${TAG}\n", variables=("BASE", "TAG", "VERSION"))
    only("COPY --from=golang:$V /a /a\n", variables=("V",))
    only("FROM app:${TARGETARCH}\n", variables=("TARGETARCH",))


def test_argument_used_only_in_an_unused_default_is_not_listed_for_the_image():
    only("ARG V=3.20\nARG OTHER=3.19\nFROM alpine:${V:-$OTHER}\n", variables=("V",))
    only("FROM alpine:${V:-3.20}\n", variables=("V",))


def test_dockerfile_image_lists_all_lines_checked_for_ignore_comments():
    only("ARG A=1 \\\n  V=3.20\nFROM \\\n alpine:$V\n", line_number=4, related_lines=(3, 2, 1))
    only("ARG V=3.20\nFROM alpine:$V-slim\n", line_number=2, related_lines=())
    only("COPY --link \\\n --from=busybox:1.37 a b\n", line_number=2, related_lines=(1,))
    only("FROM alp\\\nine:3.20\n", line_number=1, related_lines=(2,))


def test_platform_of_from_instruction_set_by_argument_is_unknown():
    only("ARG P=linux/arm64\nFROM --platform=$P alpine:3.20\n", platform=None)
    only("FROM --platform=linux/arm64 alpine:3.20\n", platform="linux/arm64")


@pytest.mark.parametrize(
    "text", ["ARG V=${\nFROM alpine:$V\n", 'ARG V="3.20\nFROM alpine:$V\n', "ARG V=${A%\\x}\nFROM a:$V\n"]
)
def test_invalid_argument_default_leaves_only_dependent_images_unresolved(text):
    assert resolved(text) is None
    found = list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), f"{text}FROM golang:1.23\n".encode())))
    assert [type(each) for each in found] == [UnsupportedText, Reference]
    assert found[0].reason is Reason.UNRESOLVED_ARGUMENT


def test_stage_named_with_a_platform_argument_is_not_read_as_image():
    text = (
        "FROM a:1 AS base-amd64\nFROM b:1 AS base-arm64-v8\nFROM base-${TARGETARCH}\nFROM ${TARGETOS}-$TARGETARCH-v8\n"
    )
    assert set(read(text)) == {"stage[0]", "stage[1]"}
    assert [each.reason for each in unsupported(f"{text}FROM ${{TARGETARCH}}-base")] == [Reason.UNRESOLVED_ARGUMENT]
    assert len(unsupported(f"{text}FROM base-arm64${{TARGETARCH}}arm64-v8")) == 1


def unsupported(text):
    found = FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode()))
    return [each for each in found if isinstance(each, UnsupportedText)]


@pytest.mark.parametrize(
    ("other_use", "reason"),
    [
        ("FROM python:$V", Reason.SHARED_ARGUMENT),
        ("FROM ghcr.io/acme/node:$V", Reason.SHARED_ARGUMENT),
        ("FROM node:$V-alpine", Reason.SHARED_ARGUMENT),
        (f"FROM node:$V@{DIGEST}", Reason.SHARED_ARGUMENT),
        ("FROM node:2$V", Reason.SHARED_ARGUMENT),
        ("FROM node:${V%2}", Reason.SHARED_ARGUMENT),
        ("FROM node:${V/2/3}", Reason.SHARED_ARGUMENT),
        ("FROM node:1${V:+2}", Reason.SHARED_ARGUMENT),
        ("FROM node:${NONE:-$V}$NONE", Reason.SHARED_ARGUMENT),
        ("FROM node:${GIVEN:-$V}", Reason.SHARED_ARGUMENT),
        ("FROM node:$V$V", Reason.SHARED_ARGUMENT),
        ("FROM node:$V:$V", Reason.SHARED_ARGUMENT),
        ("FROM node:$V # why", Reason.SHARED_ARGUMENT),
        ("FROM {{ registry }}/node:$V", Reason.SHARED_ARGUMENT),
        ("FROM alpine AS x22\nFROM x$V", Reason.SHARED_ARGUMENT),
        ("FROM --platform=linux/$V alpine", Reason.SHARED_ARGUMENT),
        ("FROM alpine\nARG V", Reason.SHARED_ARGUMENT),
        ("FROM alpine\nARG A V B", Reason.SHARED_ARGUMENT),
        ("FROM alpine\nONBUILD ARG V", Reason.SHARED_ARGUMENT),
        ("FROM alpine\nCOPY --from=node:$V a b", Reason.SHARED_ARGUMENT),
        ("FROM alpine\nRUN --mount=from=node:$V true", Reason.SHARED_ARGUMENT),
        ("FROM alpine\nARG W", Reason.SHARED_ARGUMENT),
        ("FROM $W", None),
        ("FROM node:$V AS again", None),
        ("FROM docker.io/library/node:${V}", None),
        ("FROM alpine\nARG V=1", None),
        ("FROM alpine\nARG GIVEN", None),
        ("FROM alpine\nENV V=1", None),
        ("FROM '$V'", None),
    ],
)
def test_argument_default_gets_digest_only_without_conflicting_uses(other_use, reason):
    text = f"ARG V=22\nARG GIVEN=1\nARG W=node:$V\nFROM node:$V\n{other_use}\nFROM $W\n"
    reference = froms(text)[0]
    if reason is None:
        assert reference.digest_slot == EditSlot(Span(8, 8), b"", b"@")
    else:
        assert reference.digest_slot == NotEditable(reason)


def test_image_with_argument_default_from_unset_variable_is_unresolved():
    only("ARG V=${NONE}\nFROM alpine:${V:-3.20}\n", variables=("V", "NONE"), reason=Reason.UNRESOLVED_ARGUMENT)


def test_text_around_platform_arguments_must_match_the_stage_name():
    text = "FROM a:1 AS x-linux-y-amd64-z\n{}\n"
    assert not unsupported(text.format("FROM x-${TARGETOS}-y-${TARGETARCH}-z"))
    assert unsupported(text.format("FROM x-${TARGETOS}-q-${TARGETARCH}-z"))


@pytest.mark.parametrize("text", ['{"syntax": "evil:1"', '{"a": {"syntax": "evil:1"}}', '{"syntax": 1, "a": "syntax"}'])
def test_syntax_key_in_invalid_or_nested_json_selects_no_frontend(text):
    assert not list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode())))


@pytest.mark.parametrize("text", ['{"syntax": "a:1", "b": {"syntax": "evil:1"}}', '{"syntax": "a\\u003a1"}'])
def test_syntax_key_that_is_repeated_or_escaped_in_json_selects_no_frontend(text):
    assert not list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode())))
