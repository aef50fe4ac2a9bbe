"""Tests of compose files whose variables are set in the `.env` file of the same folder."""

from __future__ import annotations

import pytest

from bot.core.references.relate.environment import add_interpolated_images
from bot.formats._syntax.compose.interpolation import parse_text
from bot.model.cross_file import EnvironmentUse, EnvironmentVariable, InterpolatedImage
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role


def image(text, path="compose.yaml", line_number=3, **more):
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


def variable(name, value, path=".env", line_number=1):
    return EnvironmentVariable(FilePath(path), line_number, name, parse_text(value, 1000))


def use(name, path="compose.yaml"):
    return EnvironmentUse(FilePath(path), name)


def related(*remarks):
    return add_interpolated_images((), remarks)


def test_default_counts_when_variable_is_unset():
    (place,) = related(image("nginx:${TAG:-1}"), variable("OTHER", "2"))
    assert (place.path, str(place.image), place.variables) == ("compose.yaml", "nginx:1", ("TAG",))
    assert isinstance(place.digest_slot, EditSlot)


def test_environment_takes_precedence_over_default():
    (place,) = related(image("nginx:${TAG:-1}"), variable("TAG", "2", line_number=7))
    assert (place.path, place.line_number, place.locator) == (".env", 7, "TAG")
    assert (str(place.image), place.written, place.format) == ("nginx:2", "nginx:${TAG:-1}", "compose")
    assert place.notes == ("compose.yaml:3 ends in it",)


def test_last_assignment_counts():
    (place,) = related(image("nginx:$TAG"), variable("TAG", "1"), variable("TAG", "2", line_number=2))
    assert (str(place.image), place.line_number) == ("nginx:2", 2)


def test_only_environment_of_same_folder_counts():
    remarks = [image("nginx:${TAG:-1}", "a/compose.yaml"), variable("TAG", "2"), variable("TAG", "3", "a/b/.env")]
    (place,) = related(*remarks)
    assert str(place.image) == "nginx:1"


def test_compose_files_of_folder_share_environment():
    remarks = [image("nginx:$TAG", "a/compose.yaml"), image("redis:$TAG", "a/compose.prod.yaml")]
    places = related(*remarks, variable("TAG", "2", "a/.env"))
    assert {(place.path, place.digest_slot) for place in places} == {("a/.env", NotEditable(Reason.SHARED_ARGUMENT))}


def test_spellings_of_same_image_have_references_with_shared_slot():
    first, second = related(image("nginx:$TAG"), image("nginx:${TAG}", line_number=5), variable("TAG", "2"))
    assert [first.locator, second.locator] == ["TAG in nginx:$TAG", "TAG in nginx:${TAG}"]
    assert isinstance(first.digest_slot, EditSlot)
    assert first.digest_slot == second.digest_slot


def test_image_written_twice_alike_has_one_reference():
    (place,) = related(image("nginx:$TAG"), image("nginx:$TAG", line_number=5), variable("TAG", "2"))
    assert place.locator == "TAG"


def test_platforms_distinguish_references():
    remarks = [image("nginx:$TAG", platform="linux/amd64"), image("nginx:$TAG", platform="linux/arm64", line_number=5)]
    first, second = related(*remarks, variable("TAG", "2"))
    assert [first.platform, second.platform] == ["linux/amd64", "linux/arm64"]
    assert first.locator != second.locator


@pytest.mark.parametrize(
    "other",
    [
        use("TAG"),
        use(None),
        use("TAG", "compose.prod.yaml"),
        image("redis:$TAG", line_number=5),
        image("nginx:1.$TAG", line_number=5),
        image("nginx:$TAG-alpine", line_number=5),
        image("nginx:${OTHER:-$TAG}$TAG", line_number=5),
        image("nginx:${TAG:+1}", line_number=5),
        image("nginx:$TAG", line_number=5, is_shared=True),
        image("Nginx:$TAG", line_number=5),
        variable("OTHER", "$TAG", line_number=2),
    ],
)
def test_variable_with_other_uses_gets_no_digest(other):
    places = related(image("nginx:$TAG"), variable("TAG", "2"), other)
    place = next(each for each in places if each.path == ".env")
    assert (place.digest_slot, place.tag_slot) == (
        NotEditable(Reason.SHARED_ARGUMENT),
        NotEditable(Reason.SHARED_ARGUMENT),
    )


@pytest.mark.parametrize("other", [use("OTHER"), use("TAG", "b/compose.yaml"), image("redis:7$OTHER", line_number=5)])
def test_uses_of_other_variables_do_not_lock_variable(other):
    places = related(image("nginx:$TAG"), variable("TAG", "2"), other)
    assert isinstance(places[-1].digest_slot if places[-1].path == ".env" else places[0].digest_slot, EditSlot)


def test_shared_bytes_are_not_editable():
    (place,) = related(image("nginx:${TAG:-1}", is_shared=True))
    assert (place.digest_slot, place.tag_slot) == (
        NotEditable(Reason.CONFLICTING_EDITS),
        NotEditable(Reason.CONFLICTING_EDITS),
    )


def test_unset_variable_is_named_in_unsupported_text():
    (place,) = related(image("nginx:${TAG}${OTHER:-1}"))
    assert isinstance(place, UnsupportedText)
    assert (place.reason, place.text, place.variables) == (
        Reason.UNRESOLVED_ARGUMENT,
        "nginx:${TAG}${OTHER:-1}",
        ("TAG",),
    )


def test_empty_image_is_unresolved():
    (place,) = related(image("$IMAGE"), variable("IMAGE", ""))
    assert (place.reason, place.variables) == (Reason.UNRESOLVED_ARGUMENT, ("IMAGE",))


def test_value_of_malformed_reference_is_not_shown():
    (place,) = related(image("nginx:$PASSWORD"), variable("PASSWORD", "!secret!"))
    assert (place.reason, place.text) == (Reason.MALFORMED, "nginx:$PASSWORD")
    assert "secret" not in repr(place)


def test_reassigned_variable_used_by_other_variable_has_own_reference():
    remarks = [image("nginx:$A"), image("nginx:$B", line_number=5)]
    places = related(
        *remarks, variable("A", "1"), variable("B", "$A", line_number=2), variable("A", "2", line_number=3)
    )
    locators = [(place.path, place.locator) for place in places]
    assert len(set(locators)) == len(locators) == 2
    assert {place.digest_slot for place in places} == {NotEditable(Reason.SHARED_ARGUMENT)}


def test_earlier_references_are_kept():
    (place,) = related(image("nginx:${TAG:-1}"))
    assert isinstance(place, Reference)
    assert add_interpolated_images((place,), []) == (place,)
