"""Whole Dockerfiles, compared with BuildKit: every image that a build pulls, before and after pinning everything."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from support.witnesses.buildkit import RefusedError, list_pulls

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.dockerfile import FORMAT
from bot.model.image_name import Digest
from bot.model.source import EditSlot, FilePath, Reference, SourceFile

PINNED = f"redis:7@sha256:{'a' * 64}"
DIRECTIVES = st.sampled_from(
    ["# syntax=docker/dockerfile:1", "# SYNTAX = x/y:1 z", " # syntax=evil:1", "// syntax=x/y:2"] * 3
    + ["# check=skip=all", "#!/usr/bin/env docker", "# comment", "", "# escap=`"] * 2
)
STAGES = ["build", "BUILD", "later"]
IMAGES = st.sampled_from(
    [
        *(*STAGES, *STAGES, "alpine:3.20", "golang", "golang:1.23", PINNED, "localhost:5000/team/app:1", "scratch"),
        *("node:$V", "python:$V", "node:${V:-20}", "${IMG}", "node:${V}-slim", "$NONE", "{{ image }}", "A:1", "a:b:c"),
        "0",
    ]
)
NAMES = st.sampled_from(["", "", *([" AS build", " as Later"] * 2), " AS golang", " AS 1st", " AS a b", " # comment"])
ARGUMENTS = st.sampled_from(["ARG V=22", "ARG V", "ARG IMG=ruby:3.4 V=20", 'arg\tIMG="python:$V"', "ARG IMG=node:${V}"])
BODY = ["FROM evil:1", "COPY --from=evil:2 a b", "  # FROM evil:3", "", "\tEND"]


@st.composite
def flags(draw):
    """Return flags of COPY or RUN. Each flag has its own images."""
    keyword = draw(st.sampled_from(["COPY", "copy", "RUN"]))
    words = [keyword]
    for _ in range(draw(st.integers(0, 3))):
        image = draw(IMAGES)
        source = f"from={image}" if " " not in image else f"'from={image}'"
        if keyword == "RUN":
            forms = [f"--mount=type=bind,{source},target=/x", f"--mount={source}", f'--mount=target=/a,FROM="{image}"']
            words.append(draw(st.sampled_from([*forms, "--network=none", "--mount=type=cache,target=/c"])))
        else:
            forms = [f"--{source}", f'"--from={image}"', f'--from="{image}"', "--link", "--chown=1:1"]
            words.append(draw(st.sampled_from(forms)))
    words.append(draw(st.sampled_from(["a b", "echo --from=evil:4", "-- --from=evil:5", "<<END c", "<<-'END' <<B c"])))
    return draw(st.sampled_from(["", "", "ONBUILD ", "onbuild\t"])), words


@st.composite
def instructions(draw, escape):
    """Return one instruction, split over any number of lines, followed by the bodies of its heredocs."""
    match draw(st.sampled_from(["from", "from", "flags", "flags", "arg", "other"])):
        case "from":
            flag = draw(st.sampled_from(["", "--platform=linux/$V ", "--platform=$BUILDPLATFORM "]))
            prefix, words = "", [draw(st.sampled_from(["FROM", "from"])), f"{flag}{draw(IMAGES)}{draw(NAMES)}"]
        case "flags":
            prefix, words = draw(flags())
        case "arg":
            prefix, words = "", [draw(ARGUMENTS)]
        case _:
            other = st.sampled_from(
                ["# FROM evil:6", "", "ENV V=1 IMG=evil:7", "CMD cat <<END", "LABEL v=$V", "NO FROM"]
            )
            prefix, words = "", [draw(other)]
    between = st.sampled_from([" ", " ", "\t", f" {escape}\n  ", f" {escape} \n# FROM evil:8\n\n "])
    text = prefix + words[0] + "".join(draw(between) + word for word in words[1:])
    for terminator in ["END", "B"][: sum(text.count(mark) for mark in ("<<END c", "<<-'END'", "<<B"))]:
        text += "\n" + "\n".join([*draw(st.lists(st.sampled_from(BODY), max_size=2)), terminator])
    return text


@st.composite
def files(draw):
    escape = draw(st.sampled_from("\\\\`"))
    lines = draw(st.lists(DIRECTIVES, max_size=3))
    lines = ["# escape=`", *lines] if escape == "`" else lines
    lines += draw(st.lists(ARGUMENTS, max_size=2)) + ["FROM alpine:3.20"] * draw(st.integers(0, 1))
    lines += draw(st.lists(instructions(escape), min_size=1, max_size=6))
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n", escape, f" {escape}\n"]))
    return draw(st.sampled_from(["", "", "\ufeff"])) + draw(st.sampled_from([text, text, text.replace("\n", "\r\n")]))


def digest_for(reference):
    line = f"{reference.repository}:{reference.tag}"
    return Digest(f"sha256:{hashlib.sha256(line.encode()).hexdigest()}")


def pulled(text):
    """Return the images that a build pulls, or None if BuildKit refuses to build."""
    try:
        return list_pulls(text)
    except RefusedError:
        return None


def list_references(text):
    return list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode())))


def on_its_lines(pull, found):
    return [reference for reference in found if pull.first_line <= reference.line_number <= pull.last_line]


@given(text=files())
def test_images_pulled_by_buildkit_are_found_or_reported_as_unsupported(text):
    witness = pulled(text)
    if witness is None:
        reject()
    found = list_references(text)
    for pull in witness:
        here = on_its_lines(pull, found)
        images = Counter(str(reference.image) for reference in here if isinstance(reference, Reference))
        others = sum(not isinstance(reference, Reference) for reference in here)
        expected = Counter(each.image.text for each in witness if each.first_line == pull.first_line)
        assert images <= expected
        assert (expected - images).total() <= others
    of_none = [reference for reference in found if not any(on_its_lines(pull, [reference]) for pull in witness)]
    assert not [reference for reference in of_none if isinstance(reference, Reference)]


@given(text=files())
def test_pinning_a_dockerfile_changes_only_images_that_buildkit_pulls(text):
    witness = pulled(text)
    if witness is None:
        reject()
    slots = [
        reference
        for reference in list_references(text)
        if isinstance(reference, Reference) and isinstance(reference.digest_slot, EditSlot)
    ]
    edits = [build_edit(reference.digest_slot, digest_for(reference.image)) for reference in slots]
    expected = []
    for pull in witness:
        meant = [reference for reference in on_its_lines(pull, slots) if str(reference.image) == pull.image.text]
        expected.append(str(meant[0].image.with_digest(digest_for(meant[0].image))) if meant else pull.image.text)
    assert [each.image.text for each in pulled(apply_edits(text.encode(), edits).decode())] == expected


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("# syntax=a:1\nFROM b:1\n", ["a:1", "b:1"]),
        (" # syntax=a:1\nFROM b:1\n", ["b:1"]),
        ("#!x\n// syntax=a:1\n", ["a:1"]),
        ("# escape=`\nFROM a:1 `\n AS x\nFROM X\n", ["a:1"]),
        ("ARG V=1\nFROM a:$V\nCOPY --from=x --from=y:1 a b\nFROM b:1 AS x\n", ["a:1", "y:1", "b:1"]),
        ("FROM a:1\nRUN --mount=FROM=b:1 --mount=from=c:1,from=d:1 <<E\nFROM evil:1\nE\n", ["a:1", "b:1", "d:1"]),
        ("FROM a:1\nONBUILD COPY --from=b:1 a b\nCOPY --from=0 a b\nFROM scratch\n", ["a:1", "b:1"]),
        ("FROM a:1 # c\nFROM b:1\n", ["b:1"]),
    ],
)
def test_python_port_of_buildkit_in_tests_lists_pulled_images(text, images):
    assert [pull.image.text for pull in list_pulls(text)] == images
