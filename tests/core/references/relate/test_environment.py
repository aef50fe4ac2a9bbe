"""Tests of compose files whose variables are set in the `.env` file of the same folder."""

from __future__ import annotations

import pytest

from bot.core.references.relate.environment import add_interpolated_images
from bot.formats._syntax.compose.interpolation import parse_text
from bot.model.cross_file import EnvironmentUse, EnvironmentVariable, InterpolatedImage
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role


def build_image(text, path="compose.yaml", line_number=3, **more):
    return InterpolatedImage(
        path=FilePath(path),
        format="compose",
        line_number=line_number,
        locator=f"0/services/{line_number}/image",
        written=text,
        text=parse_text(text, 100),
        role=Role.THIRD_PARTY,
        **more,
    )


def build_variable(name, value, path=".env", line_number=1):
    return EnvironmentVariable(FilePath(path), line_number, name, parse_text(value, 1000))


def build_use(name, path="compose.yaml"):
    return EnvironmentUse(FilePath(path), name)


def relate_facts(*remarks):
    return add_interpolated_images((), remarks)


def test_default_in_compose_file_is_used_when_variable_is_unset():
    (reference,) = relate_facts(build_image("nginx:${TAG:-1}"), build_variable("OTHER", "2"))
    assert (reference.path, str(reference.image), reference.variables) == ("compose.yaml", "nginx:1", ("TAG",))
    assert isinstance(reference.digest_slot, EditSlot)


def test_value_in_env_file_takes_precedence_over_default():
    (reference,) = relate_facts(build_image("nginx:${TAG:-1}"), build_variable("TAG", "2", line_number=7))
    assert (reference.path, reference.line_number, reference.locator) == (".env", 7, "TAG")
    assert (str(reference.image), reference.written, reference.format) == ("nginx:2", "nginx:${TAG:-1}", "compose")
    assert reference.notes == ("compose.yaml:3 ends in it",)


def test_last_assignment_of_variable_in_env_file_is_used():
    (reference,) = relate_facts(
        build_image("nginx:$TAG"), build_variable("TAG", "1"), build_variable("TAG", "2", line_number=2)
    )
    assert (str(reference.image), reference.line_number) == ("nginx:2", 2)


def test_only_env_file_in_folder_of_compose_file_is_used():
    remarks = [
        build_image("nginx:${TAG:-1}", "a/compose.yaml"),
        build_variable("TAG", "2"),
        build_variable("TAG", "3", "a/b/.env"),
    ]
    (reference,) = relate_facts(*remarks)
    assert str(reference.image) == "nginx:1"


def test_env_value_used_by_two_compose_files_is_not_editable():
    remarks = [build_image("nginx:$TAG", "a/compose.yaml"), build_image("redis:$TAG", "a/compose.prod.yaml")]
    references = relate_facts(*remarks, build_variable("TAG", "2", "a/.env"))
    assert {(reference.path, reference.digest_slot) for reference in references} == {
        ("a/.env", NotEditable(Reason.SHARED_ARGUMENT))
    }


def test_different_spellings_of_image_share_edit_slot_of_variable():
    first, second = relate_facts(
        build_image("nginx:$TAG"), build_image("nginx:${TAG}", line_number=5), build_variable("TAG", "2")
    )
    assert [first.locator, second.locator] == ["TAG in nginx:$TAG", "TAG in nginx:${TAG}"]
    assert isinstance(first.digest_slot, EditSlot)
    assert first.digest_slot == second.digest_slot


def test_image_written_twice_in_compose_file_has_one_reference():
    (reference,) = relate_facts(
        build_image("nginx:$TAG"), build_image("nginx:$TAG", line_number=5), build_variable("TAG", "2")
    )
    assert reference.locator == "TAG"


def test_same_image_for_two_platforms_has_two_references():
    remarks = [
        build_image("nginx:$TAG", platform="linux/amd64"),
        build_image("nginx:$TAG", platform="linux/arm64", line_number=5),
    ]
    first, second = relate_facts(*remarks, build_variable("TAG", "2"))
    assert [first.platform, second.platform] == ["linux/amd64", "linux/arm64"]
    assert first.locator != second.locator


@pytest.mark.parametrize(
    "other",
    [
        build_use("TAG"),
        build_use(None),
        build_use("TAG", "compose.prod.yaml"),
        build_image("redis:$TAG", line_number=5),
        build_image("nginx:1.$TAG", line_number=5),
        build_image("nginx:$TAG-alpine", line_number=5),
        build_image("nginx:${OTHER:-$TAG}$TAG", line_number=5),
        build_image("nginx:${TAG:+1}", line_number=5),
        build_image("nginx:$TAG", line_number=5, is_shared=True),
        build_image("Nginx:$TAG", line_number=5),
        build_variable("OTHER", "$TAG", line_number=2),
    ],
)
def test_variable_that_is_also_used_for_another_purpose_is_not_editable(other):
    references = relate_facts(build_image("nginx:$TAG"), build_variable("TAG", "2"), other)
    reference = next(each for each in references if each.path == ".env")
    assert (reference.digest_slot, reference.tag_slot) == (
        NotEditable(Reason.SHARED_ARGUMENT),
        NotEditable(Reason.SHARED_ARGUMENT),
    )


@pytest.mark.parametrize(
    "other", [build_use("OTHER"), build_use("TAG", "b/compose.yaml"), build_image("redis:7$OTHER", line_number=5)]
)
def test_variable_stays_editable_despite_other_variables_and_uses_in_other_folders(other):
    references = relate_facts(build_image("nginx:$TAG"), build_variable("TAG", "2"), other)
    assert isinstance(
        references[-1].digest_slot if references[-1].path == ".env" else references[0].digest_slot, EditSlot
    )


def test_default_that_shares_bytes_with_other_text_is_not_editable():
    (reference,) = relate_facts(build_image("nginx:${TAG:-1}", is_shared=True))
    assert (reference.digest_slot, reference.tag_slot) == (
        NotEditable(Reason.CONFLICTING_EDITS),
        NotEditable(Reason.CONFLICTING_EDITS),
    )


def test_unresolved_image_names_unset_variable_without_default():
    (reference,) = relate_facts(build_image("nginx:${TAG}${OTHER:-1}"))
    assert isinstance(reference, UnsupportedText)
    assert (reference.reason, reference.text, reference.variables) == (
        Reason.UNRESOLVED_ARGUMENT,
        "nginx:${TAG}${OTHER:-1}",
        ("TAG",),
    )


def test_image_variable_with_empty_value_is_unresolved():
    (reference,) = relate_facts(build_image("$IMAGE"), build_variable("IMAGE", ""))
    assert (reference.reason, reference.variables) == (Reason.UNRESOLVED_ARGUMENT, ("IMAGE",))


def test_value_of_variable_is_not_shown_if_image_is_malformed():
    (reference,) = relate_facts(build_image("nginx:$PASSWORD"), build_variable("PASSWORD", "!secret!"))
    assert (reference.reason, reference.text) == (Reason.MALFORMED, "nginx:$PASSWORD")
    assert "secret" not in repr(reference)


def test_reassigned_variable_and_dependent_variable_have_distinct_references():
    remarks = [build_image("nginx:$A"), build_image("nginx:$B", line_number=5)]
    references = relate_facts(
        *remarks,
        build_variable("A", "1"),
        build_variable("B", "$A", line_number=2),
        build_variable("A", "2", line_number=3),
    )
    locators = [(reference.path, reference.locator) for reference in references]
    assert len(set(locators)) == len(locators) == 2
    assert {reference.digest_slot for reference in references} == {NotEditable(Reason.SHARED_ARGUMENT)}


def test_adding_interpolated_images_keeps_references_found_earlier():
    (reference,) = relate_facts(build_image("nginx:${TAG:-1}"))
    assert isinstance(reference, Reference)
    assert add_interpolated_images((reference,), []) == (reference,)
