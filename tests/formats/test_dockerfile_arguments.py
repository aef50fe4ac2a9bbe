"""Arguments of a Dockerfile, held against BuildKit: what a FROM means, and that an edit changes nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import given, reject
from hypothesis import strategies as st
from support.buildkit_oracle import ARM64, RefusedError, resolve

from bot.core.edit import apply_edits, write_digest
from bot.formats.dockerfile import FORMAT
from bot.model.errors import InvalidReferenceError
from bot.model.reference import Digest, ImageReference
from bot.model.source import Edit, FilePath, Occurrence, Slot, SourceFile

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
    """Return a word of a reference's pieces, substitutions among them, with a quote or an escape here and there."""
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
    return "\n".join(lines) + draw(st.sampled_from(["\n", ""]))


def read(text):
    found = list(FORMAT.extract(SourceFile(FilePath("Dockerfile"), text.encode())))
    return {each.locator: each for each in found if isinstance(each, Occurrence)}


def stage_of(occurrence):
    return int(occurrence.locator.removeprefix("stage[").removesuffix("]"))


def resolved(text, *arguments):
    try:
        return resolve(text, "\\", *arguments)
    except RefusedError:
        return None


def is_reference(text):
    try:
        ImageReference.parse(text)
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
def test_a_from_means_what_it_means_to_buildkit(text):
    witness = resolved(text)
    if witness is None:
        reject()
    found = froms(text)
    for number, (base, other) in enumerate(zip(witness.bases, resolved(text, {}, ARM64).bases, strict=True)):
        is_stage = base.text in witness.names[:number]
        if number in found:
            assert str(found[number].reference) == base.text == other.text
            assert not is_stage
        elif not base.is_open:
            assert is_stage or base.text == "scratch" or not is_reference(base.text)


@given(text=files())
def test_moving_every_digest_moves_what_buildkit_pulls_and_nothing_else(text):
    before = resolved(text)
    if before is None:
        reject()
    slots = {number: each for number, each in froms(text).items() if isinstance(each.digest, Slot)}
    edits = [write_digest(each.digest, digest_for(each.reference)) for each in slots.values()]
    after = resolved(apply_edits(text.encode(), edits).decode())
    for number, each in slots.items():
        assert after.bases[number].text == str(each.reference.at(digest_for(each.reference)))
    for number, base in enumerate(before.bases):
        if number not in slots:
            assert after.bases[number].text == base.text
    assert (after.names, after.platforms, after.taken) == (before.names, before.platforms, before.taken)


@given(text=files())
def test_moving_every_tag_moves_what_buildkit_pulls_and_nothing_else(text):
    before = resolved(text)
    if before is None:
        reject()
    slots = {number: each for number, each in froms(text).items() if isinstance(each.tag, Slot)}
    edits = [Edit(each.tag.span, each.tag.old, each.tag.before + b"9.8") for each in slots.values()]
    after = resolved(apply_edits(text.encode(), edits).decode())
    for number, each in slots.items():
        assert after.bases[number].text == str(replace(each.reference, tag="9.8"))
    for number, base in enumerate(before.bases):
        if number not in slots:
            assert after.bases[number].text == base.text
    assert (after.names, after.platforms, after.taken) == (before.names, before.platforms, before.taken)


@given(text=files(), name=st.sampled_from(NAMES), value=st.sampled_from(["", "18", "18-slim", "alpine:3", "debian"]))
def test_no_digest_of_ours_stays_when_an_argument_changes_the_tag(text, name, value):
    if resolved(text) is None:
        reject()
    slots = {number: each for number, each in froms(text).items() if isinstance(each.digest, Slot)}
    added = {number: each for number, each in slots.items() if each.reference.digest is None}
    edits = [write_digest(each.digest, digest_for(each.reference)) for each in slots.values()]
    built = resolved(apply_edits(text.encode(), edits).decode(), {name: value})
    if built is None:
        reject()
    for number, each in added.items():
        base = built.bases[number].text
        if is_reference(base) and digest_for(each.reference) in base:
            changed = ImageReference.parse(base)  # another image does not have the digest, and the build says so
            assert changed.repository != each.reference.repository or changed.tag == each.reference.tag
