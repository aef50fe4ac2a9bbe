"""Jib: the base images of its plugins for Maven and Gradle, and the tokens of Gradle scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import assert_linear

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.gradle_script import MAX_NESTING, MAX_TOKENS, find_property_values
from bot.formats.jib import FORMAT
from bot.model.path_index import index_paths
from bot.model.source import EditSlot, FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason


def read(text, path="build.gradle"):
    return list(FORMAT.extract(SourceFile(FilePath(path), text.encode())))


def test_maven_and_gradle_files_are_selected_by_name():
    chosen = ["pom.xml", "a/pom.xml", "build.gradle", "a/build.gradle.kts", "gradle/jib.gradle"]
    others = ["a.pom", "my-pom.xml", "gradle.properties", "build.gradle.lockfile", ".gradle"]
    assert set(FORMAT.select_paths(index_paths([FilePath(path) for path in (*chosen, *others)]))) == set(chosen)


@pytest.mark.parametrize(
    "script",
    [
        "jib { from { image = 'a:1' } }",
        'jib {\n  from {\n    image = "a:1"\n  }\n}',
        "jib.from.image = 'a:1'",
        "jib.from { image 'a:1' }",
        "jib { from.image='a:1' }",
        "allprojects { jib { from { image = 'a:1'; } } }",
        'extensions.configure<JibExtension> { from { image = "a:1" } }',
        'configure<com.google.cloud.tools.jib.gradle.JibExtension>() { from { image = "a:1" } }',
        "jib { from { image = '''a:1''' } }",
        "jib { from { image = /* b */ 'a:1' /* c\n */ // d\n } }",
        "jib {}\nx = ~/it's \"{/\njib.from.image = 'a:1'",
        "def s = 'it\\'s {'\njib.from.image = 'a:1'",
        "x = it's\njib.from.image = 'a:1'",
        "} } jib.from.image = 'a:1'",
    ],
)
def test_jib_image_in_gradle_script_is_read_in_all_spellings(script):
    (found,) = read(script)
    assert str(found.image) == "a:1"
    assert script.encode()[: found.digest_slot.span.start].endswith(b"a:1")


@pytest.mark.parametrize(
    "script",
    [
        "jib { to { image = 'evil:1' } }",
        "jib { container { from { image = 'evil:1' } } }",
        "jib { from { auth { image = 'evil:1' } } }",
        "from { image = 'evil:1' } // jib",
        "jib { from { images = 'evil:1' } }",
        "jib { from { image.tag = 'evil:1' } }",
        "jib { from { val image = 'evil:1' } }",
        "jib { from { image == 'evil:1' } }",
        "jib { from { image += 'evil:1' } }",
        "// jib.from.image = 'evil:1'",
        "/* jib.from.image = 'evil:1' */",
        "'''\njib.from.image = 'evil:1'\n'''",
        "x = \"jib.from.image = 'evil:1'\"",
        "jib { from { image = 'scratch' } }",
        "jib { from { image = '' } }",
    ],
)
def test_strings_outside_the_from_block_of_jib_in_gradle_script_are_ignored(script):
    assert read(script) == []


@pytest.mark.parametrize("value", ["baseImage", '"a:$tag"', '"a:${tag}"', "'a:' + tag", "'a:1'.toString()", "f('a:1')"])
def test_computed_jib_image_is_reported_as_templated(value):
    (found,) = read(f"jib.from.image = {value}\n")
    assert isinstance(found, UnsupportedText)
    assert found.reason is Reason.TEMPLATED


@pytest.mark.parametrize("scheme", ["docker", "tar"])
def test_jib_image_from_docker_daemon_or_tar_file_is_not_editable(scheme):
    (found,) = read(f"jib.from.image = '{scheme}://a'")
    assert found.digest_slot.reason is Reason.NOT_AN_IMAGE


def test_registry_scheme_of_jib_image_is_kept_by_edits():
    script = f"jib.from.image = 'registry://a:1@sha256:{'a' * 64}'"
    (found,) = read(script)
    assert isinstance(found.digest_slot, EditSlot)
    assert script[found.tag_slot.span.start :].startswith("1@sha256:")
    assert script[found.digest_slot.span.start : found.digest_slot.span.end] == f"sha256:{'a' * 64}"


@pytest.mark.parametrize("platforms", ["", "<platform><os>linux</os></platform>" * 2])
def test_jib_platform_is_unknown_unless_exactly_one_is_set(platforms):
    configuration = f"<from><image>a:1</image><platforms>{platforms}</platforms></from>"
    plugin = f"<plugin><artifactId>jib-maven-plugin</artifactId><configuration>{configuration}</configuration></plugin>"
    (found,) = read(plugin, "pom.xml")
    assert found.platform is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("jib {" * (MAX_NESTING + 1), Reason.TOO_LARGE),
        ("jib\n" * MAX_TOKENS, Reason.TOO_LARGE),
    ],
)
def test_gradle_script_with_too_many_tokens_or_levels_is_too_large(script, reason):
    (found,) = read(script)
    assert found.reason is reason


class CountedBytes(bytes):
    """A script that counts how often its bytes are copied."""

    copied = 0

    def __getitem__(self, key):
        part = super().__getitem__(key)
        type(self).copied += len(part) if isinstance(part, bytes) else 1
        return part


def test_many_jib_images_on_one_line_are_read_without_copying_the_line():
    CountedBytes.copied = 0
    script = CountedBytes(b"jib.from.image=x;" * 10_000)
    assert len(list(find_property_values(script, ("jib",), ("from", "image")))) == 10_000
    assert CountedBytes.copied <= 10_000 * 400


PIECES = [
    "jib",
    "from",
    "image",
    ".",
    "=",
    "{",
    "}",
    "'a:1'",
    '"b"',
    "'",
    '"',
    "'''",
    "/",
    "*",
    "//",
    "\\",
    "\n",
    " ",
    ";",
    "~",
    "é",
]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=20))
def test_literal_values_in_gradle_scripts_have_exact_offsets(pieces):
    content = "".join(pieces).encode()
    try:
        values = list(find_property_values(content, ("jib",), ("from", "image")))
    except BrokenAtError:
        return
    for value in values:
        assert not value.is_literal or content[value.start :].startswith(value.text.encode())


def test_many_images_of_one_jib_plugin_are_read_in_linear_time():
    def read_images(count):
        return read(
            "<project><plugin><artifactId>jib-maven-plugin</artifactId><configuration><from>"
            f"{'<image>a:1</image><platforms/>' * count}</from></configuration></plugin></project>",
            "pom.xml",
        )

    assert len(read_images(20)) == 20
    assert_linear(read_images, 100)
