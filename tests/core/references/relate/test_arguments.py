"""Tests of notes about build arguments that a build file sets."""

from __future__ import annotations

from dataclasses import replace

from bot.core.references.relate.arguments import add_argument_notes
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.model.cross_file import BuildArgumentSetting
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import Reason, Role

DOCKERFILE = FilePath("app/Dockerfile")
SET = BuildArgumentSetting(FilePath("compose.yaml"), 7, DOCKERFILE, "NODE")


def place(path=DOCKERFILE, variables=("NODE",)):
    found = ReferencePosition(path, "dockerfile", Role.BASE, 1, "stage[0]").read_reference("node:22", 5)
    return type(found)(**{name: getattr(found, name) for name in found.__slots__} | {"variables": variables})


def test_a_place_that_depends_on_the_argument_says_who_sets_it():
    (noted,) = add_argument_notes((place(variables=("OTHER", "NODE")),), [SET])
    (note,) = noted.notes
    assert note.startswith("compose.yaml:7 sets NODE")


def test_what_is_unsupported_for_want_of_the_argument_says_it_too():
    unsupported = UnsupportedText(DOCKERFILE, 1, "node:${NODE}", Reason.UNRESOLVED_ARGUMENT, ("NODE",))
    (noted,) = add_argument_notes((unsupported,), [SET])
    assert noted.notes


def test_a_line_that_several_services_share_is_named_once():
    (noted,) = add_argument_notes((place(),), [SET, SET])
    assert len(noted.notes) == 1


def test_other_files_and_other_arguments_say_nothing():
    places = (place(path=FilePath("Dockerfile")), place(variables=("OTHER",)), place(variables=()))
    assert add_argument_notes(places, [SET]) == places


def test_nothing_that_may_be_written_changes():
    before = place()
    (noted,) = add_argument_notes((before,), [SET])
    assert (noted.digest_slot, noted.tag_slot, noted.image) == (
        before.digest_slot,
        before.tag_slot,
        before.image,
    )


def test_notes_name_only_a_few_settings_of_an_argument():
    """Each of many build targets would otherwise add a note to each of many references."""
    settings = [replace(SET, line_number=number) for number in range(1, 1001)]
    (noted,) = add_argument_notes((place(),), settings)
    assert noted.notes == (
        *(f"compose.yaml:{number} sets NODE; there the default does not count" for number in (1, 2, 3)),
        "997 other places set NODE, too",
    )
