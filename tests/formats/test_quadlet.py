"""Quadlet units: their settings, and the byte offsets of the values."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.formats._syntax.units import MAX_LINES, BrokenUnitError, read_settings
from bot.formats.quadlet import FORMAT
from bot.model.path_index import index_paths
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason


def read(text: str, path: str = "web.container"):
    return list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))


def test_quadlet_units_and_drop_ins_are_selected():
    chosen = ["web.container", "a/web.image", "web.volume", "web.container.d/10-x.conf", "web@.container", "web.build"]
    others = ["web.kube", "web.pod", "web.network", ".container", "web.container.j2", "a/web.conf"]
    paths = [FilePath(path) for path in (*chosen, *others)]
    assert set(FORMAT.select_paths(index_paths(paths))) == set(chosen)


@pytest.mark.parametrize(
    ("path", "section"),
    [("a.container", "Container"), ("a.image", "Image"), ("a.volume", "Volume"), ("a.image.d/b.conf", "Image")],
)
def test_quadlet_image_is_read_only_from_the_section_of_the_unit_type(path, section):
    sections = "".join(f"[{each}]\nImage={each.lower()}:1\n" for each in ("Container", "Image", "Volume"))
    (found,) = read(sections, path)
    assert found.written == f"{section.lower()}:1"
    assert found.locator == f"{section}/Image"


@pytest.mark.parametrize("value", ["docker:27", "dir/app:1", "oci/app:1", "ostreeer:1"])
def test_quadlet_image_named_like_a_transport_is_editable(value):
    (found,) = read(f"[Container]\nImage={value}\n")
    assert isinstance(found, Reference)
    assert isinstance(found.digest_slot, EditSlot)


def test_comment_above_continued_image_line_applies_to_quadlet_image():
    (found,) = read("[Container]\nImage=\\\n nginx:1.27\n")
    assert (found.line_number, found.related_lines) == (3, (2,))


def test_platform_is_read_from_quadlet_image_unit_with_os_and_arch():
    (found,) = read("[Image]\nImage=nginx:1.27\nOS=windows\nArch=amd64\n", "web.image")
    assert found.platform == "windows/amd64"
    (found,) = read("[Image]\nImage=nginx:1.27\nOS=windows\n", "web.image")
    assert found.platform is None


@pytest.mark.parametrize(
    "setting",
    ["AutoUpdate=registry", "Label=io.containers.autoupdate=registry", 'Label="a=b" "io.containers.autoupdate=image"'],
)
def test_image_with_podman_auto_update_from_registry_gets_no_digest(setting):
    (found,) = read(f"[Container]\nImage=docker.io/library/nginx:1.27\n{setting}\n")
    assert found.digest_slot == found.tag_slot == NotEditable(Reason.OTHER_WRITER)


@pytest.mark.parametrize(
    "setting", ["AutoUpdate=local", "AutoUpdate=registry\nAutoUpdate=", "Label=io.containers.autoupdate=local"]
)
def test_image_without_podman_auto_update_from_registry_gets_digest(setting):
    (found,) = read(f"[Container]\nImage=docker.io/library/nginx:1.27\n{setting}\n")
    assert isinstance(found.digest_slot, EditSlot)


def test_existing_digest_is_editable_despite_podman_auto_update():
    (found,) = read(f"[Container]\nImage=docker.io/library/nginx:1.27@sha256:{'a' * 64}\nAutoUpdate=registry\n")
    assert isinstance(found.digest_slot, EditSlot)


def test_quadlet_unit_with_too_many_lines_is_refused_fast():
    with soon(4):
        (found,) = read("[Container]\nImage=nginx:1\n" + "a=b\n" * 2_000_000)
    assert (found.reason, found.line_number) == (Reason.TOO_LARGE, MAX_LINES + 1)


@pytest.mark.parametrize("line", ["[Container", "[a]b", "nonsense", "=x", "[]"])
def test_invalid_line_makes_quadlet_unit_unparsable(line):
    (found,) = read(f"[Container]\nImage=nginx:1.27\n{line}\n")
    assert isinstance(found, UnsupportedText)
    assert (found.reason, found.line_number, found.text) == (Reason.UNPARSABLE, 3, line)


WORDS = st.text("abc=:/. \t\"'äß", max_size=8)


@given(values=st.lists(st.tuples(WORDS, st.sampled_from(["", "  ", "\t"])), min_size=1, max_size=4))
def test_quadlet_value_over_several_lines_is_joined_with_exact_offset(values):
    pieces = [f"{margin}{word.strip()}" for word, margin in values]
    content = ("[S]\nkey=" + "\\\n# comment\n".join(pieces) + "\n").encode()
    (setting,) = read_settings(content)
    expected = "".join([pieces[0].lstrip(), *(piece.strip() for piece in pieces[1:])]).strip()
    if len(expected) > 1 and expected[0] == expected[-1] == '"':
        expected = expected[1:-1]
    assert setting.value == expected
    if setting.value_start is not None:
        raw = setting.value.encode()
        assert content[setting.value_start : setting.value_start + len(raw)] == raw
        assert content.count(b"\n", 0, setting.value_start) + 1 == setting.value_line_number or not raw


@pytest.mark.parametrize("unit", ["a=b\\\n", "a=\\\n", "a=b\n", "[a]\n", "# a\\\n", "a=" + " \\\n"])
def test_quadlet_units_are_read_in_linear_time(unit):
    content = b"[Container]\n" + unit.encode() * (400_000 // len(unit))
    with soon(2), suppress(BrokenUnitError):
        list(read_settings(content))
