"""Tests of notes about build arguments that a build file sets."""

from __future__ import annotations

from dataclasses import replace

from support.soon import soon

from bot.core.references.relate.arguments import add_argument_notes
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.cross_file import BuildArgumentSetting
from bot.model.source import FilePath, NotEditable, UnsupportedText
from bot.model.vocabulary import Reason, Role

DOCKERFILE = FilePath("app/Dockerfile")
SET = BuildArgumentSetting(FilePath("compose.yaml"), 7, DOCKERFILE, "NODE")


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
    settings = [replace(SET, line_number=number) for number in range(1, 1001)]
    (noted,) = add_argument_notes((build_reference(),), settings)
    assert noted.notes == (
        *(f"compose.yaml:{number} sets NODE; there the default does not count" for number in (1, 2, 3)),
        "997 other places set NODE, too",
    )


def test_build_argument_value_adds_one_image_for_each_changed_image():
    reference = replace(build_reference(), written="${NODE:-node:22}")
    setting = replace(SET, value="evil/node:1")
    *_, added = add_argument_notes((reference, replace(reference, locator="stage[1]")), [setting, setting])
    assert (added.path, added.line_number, str(added.image)) == ("compose.yaml", 7, "evil/node:1")
    assert added.digest_slot == NotEditable(Reason.BUILD_ARGUMENT)
    for value in ("", "node:22", "no image"):
        assert len(add_argument_notes((reference,), [replace(SET, value=value)])) == 1
    assert len(add_argument_notes((replace(reference, variables=("NODE", "B")),), [setting])) == 1


def test_images_of_many_build_arguments_are_added_fast():
    references = tuple(replace(build_reference(), written="$NODE", locator=f"stage[{n}]") for n in range(5_000))
    settings = [replace(SET, line_number=n, value=f"node:{n}") for n in range(5_000)]
    with soon(10):
        assert len(add_argument_notes(references, settings)) == 9_999  # one value is the default
