"""Tests of notes about build arguments that a build file sets."""

from __future__ import annotations

from bot.core.references.relate.arguments import add_argument_notes
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.cross_file import BuildArgument, DockerfileBuild, LiteralText
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import Reason, Role

DOCKERFILE = FilePath("app/Dockerfile")


def build_setting(line_number=7):
    argument = BuildArgument("NODE", line_number, (LiteralText("20", None),))
    return DockerfileBuild(
        FilePath("compose.yaml"), 5, "compose", context=(LiteralText("app", None),), arguments=(argument,)
    )


SET = build_setting()


def build_reference(path=DOCKERFILE, variables=("NODE",)):
    found = ReferencePosition(path, "dockerfile", Role.BASE, 1, "stage[0]").read_reference("node:22", 5)
    return type(found)(**{name: getattr(found, name) for name in found.__slots__} | {"variables": variables})


def test_reference_with_build_argument_notes_file_that_sets_argument():
    (noted,) = add_argument_notes((build_reference(variables=("OTHER", "NODE")),), [SET])
    (note,) = noted.notes
    assert note.startswith("compose.yaml:7 sets NODE")


def test_unresolved_reference_notes_file_that_sets_missing_build_argument():
    unsupported = UnsupportedText(DOCKERFILE, 1, "node:${NODE}", Reason.UNRESOLVED_ARGUMENT, ("NODE",))
    (noted,) = add_argument_notes((unsupported,), [SET])
    assert noted.notes


def test_build_argument_set_twice_in_same_line_is_noted_once():
    (noted,) = add_argument_notes((build_reference(),), [SET, SET])
    assert len(noted.notes) == 1


def test_references_without_the_build_argument_or_in_other_files_get_no_note():
    references = (
        build_reference(path=FilePath("Dockerfile")),
        build_reference(variables=("OTHER",)),
        build_reference(variables=()),
    )
    assert add_argument_notes(references, [SET]) == references


def test_note_on_build_argument_leaves_edit_slots_and_image_unchanged():
    before = build_reference()
    (noted,) = add_argument_notes((before,), [SET])
    assert (noted.digest_slot, noted.tag_slot, noted.image) == (
        before.digest_slot,
        before.tag_slot,
        before.image,
    )


def test_note_lists_first_three_settings_of_build_argument_and_counts_rest():
    """Each of many build targets would otherwise add a note to each of many references."""
    settings = [build_setting(number) for number in range(1, 1001)]
    (noted,) = add_argument_notes((build_reference(),), settings)
    assert noted.notes == (
        *(f"compose.yaml:{number} sets NODE; there the default does not count" for number in (1, 2, 3)),
        "997 other places set NODE, too",
    )
