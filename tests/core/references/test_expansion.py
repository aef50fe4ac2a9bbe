"""Tests of the expansion of variables, and of the bytes that contain the end of a reference."""

from __future__ import annotations

import pytest
from support.soon import soon

from bot.core.references.expansion import MAX_LENGTH, ExpandedText, WrittenReference, expand_text, list_variables
from bot.formats._syntax.compose.interpolation import parse_text
from bot.model.cross_file import EnvironmentVariable, LiteralText, VariableUse
from bot.model.image_name import ImageName
from bot.model.source import EditSlot, FilePath, NotEditable, Span
from bot.model.vocabulary import Reason

PATH = FilePath("compose.yaml")
ENVIRONMENT = FilePath(".env")
DIGEST = "sha256:" + "a" * 64


def expand_values(**values: str) -> dict[str, ExpandedText]:
    """Return expanded variables. The value of each begins at byte 1000 of the `.env` file."""
    expanded: dict[str, ExpandedText] = {}
    for name, value in values.items():
        variable = EnvironmentVariable(ENVIRONMENT, 1, name, parse_text(value, 1000))
        expanded[name] = expand_text(variable.value, expanded, variable)
    return expanded


def build_written_reference(text: str, **values: str) -> WrittenReference:
    expanded = expand_text(parse_text(text, 0), expand_values(**values))
    return WrittenReference(PATH, expanded, ImageName.parse(expanded.text))


@pytest.mark.parametrize(
    ("text", "unset", "empty", "is_set"),
    [
        ("$A", None, "", "1"),
        ("${A}", None, "", "1"),
        ("${A:-d}", "d", "d", "1"),
        ("${A-d}", "d", "", "1"),
        ("${A:?d}", None, None, "1"),
        ("${A?d}", None, "", "1"),
        ("${A:+d}", "", "", "d"),
        ("${A+d}", "", "d", "d"),
    ],
)
def test_operators_for_default_error_and_alternative_expand_as_in_compose(text, unset, empty, is_set):
    for values, expected in (({}, unset), ({"A": ""}, empty), ({"A": "1"}, is_set)):
        expanded = expand_text(parse_text(f"x{text}/y", 0), expand_values(**values))
        if expected is None:
            assert expanded.missing_variables == ("A",)
        else:
            assert (expanded.text, expanded.missing_variables) == (f"x{expected}/y", ())


def test_default_with_nested_variables_and_defaults_is_expanded():
    text = parse_text("${A:-${B:-c}${D}}", 0)
    assert expand_text(text, expand_values(D="d")).text == "cd"
    assert expand_text(text, {}).missing_variables == ("D",)
    assert list(list_variables(text)) == ["A", "B", "D"]


def test_variable_set_to_missing_variable_is_missing():
    assert expand_text(parse_text("$A", 0), expand_values(A="${B}")).missing_variables == ("B",)
    assert expand_text(parse_text("${A:-d}", 0), expand_values(A="${B}")).missing_variables == ("B",)


def test_variable_is_expanded_only_with_variables_assigned_earlier():
    assert expand_text(parse_text("$B", 0), expand_values(A="1", B="$A", C="")).text == "1"
    assert expand_text(parse_text("$B", 0), expand_values(B="$A", A="1")).missing_variables == ("A",)


def test_expanded_text_keeps_span_and_file_of_each_part():
    expanded = expand_text(parse_text("a${B:-c}$D", 10), expand_values(D="de"))
    assert [(piece.text, piece.span, piece.assignment and piece.assignment.path) for piece in expanded.runs] == [
        ("a", Span(10, 11), None),
        ("c", Span(16, 17), None),
        ("de", Span(1000, 1002), ENVIRONMENT),
    ]


@pytest.mark.parametrize(
    ("text", "values", "digest", "tag"),
    [
        ("nginx:1.27", {}, (10, 10), (6, 10)),
        ("nginx:${A:-1.27}", {}, (15, 15), (11, 15)),
        ("${A:-nginx:1.27}", {}, (15, 15), (11, 15)),
        ("${A:-nginx}", {}, (10, 10), (10, 10)),
        ("${A:-${B:-nginx}:${C:-1}}", {}, (23, 23), (22, 23)),
        ("${A:-docker.io}/nginx:1.27", {}, (26, 26), (22, 26)),
        ("nginx:$A", {"A": "1.27"}, (1004, 1004), (1000, 1004)),
        ("$A", {"A": "nginx:1.27"}, (1010, 1010), (1006, 1010)),
        (f"nginx:1@{DIGEST}", {}, (8, 79), (6, 7)),
        (f"nginx:${{A:-1}}@{DIGEST}", {}, (14, 85), (11, 12)),
        ("nginx:$A", {"A": f"1@{DIGEST}"}, (1002, 1073), (1000, 1001)),
    ],
)
def test_digest_and_tag_slots_are_at_end_of_expanded_reference(text, values, digest, tag):
    image = build_written_reference(text, **values)
    assert isinstance(image.digest, EditSlot)
    assert isinstance(image.tag, EditSlot)
    assert (image.digest.span.start, image.digest.span.end) == digest
    assert (image.tag.span.start, image.tag.span.end) == tag
    assert image.digest.old.decode() == (image.image.digest or "")
    assert image.tag.old.decode() == (image.image.tag or "")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("nginx:${A:-1}-alpine", {}),
        ("nginx:1${A:-}", {}),
        ("nginx:${A:-}1", {}),
        ("nginx${A:-:1}.27", {}),
        ("nginx${A:-}", {}),
        ("nginx:${A:-1}.${B:-2}", {}),
        ("nginx:$A", {"B": "1", "A": "${B}-alpine"}),
        ("nginx:1${A:+-slim}", {}),
    ],
)
def test_digest_cannot_be_added_after_tag_composed_of_several_parts(text, values):
    image = build_written_reference(text, **values)
    assert image.digest == NotEditable(Reason.COMPOSED_TAG)


def test_existing_digest_after_composed_tag_is_editable():
    image = build_written_reference(f"nginx:${{A:-1}}-alpine@{DIGEST}")
    assert isinstance(image.digest, EditSlot)
    assert image.tag == NotEditable(Reason.COMPOSED_TAG)


def test_tag_in_compose_file_is_not_editable_if_digest_is_in_env_file():
    image = build_written_reference("nginx:1@$A", A=DIGEST)
    assert isinstance(image.digest, EditSlot)
    assert image.tag == NotEditable(Reason.COMPOSED_TAG)


def test_text_without_known_position_is_not_editable():
    expanded = expand_text((VariableUse("A"),), {"A": expand_text((LiteralText("nginx:1", None),), {})})
    assert WrittenReference(PATH, expanded, ImageName.parse("nginx:1")).digest == NotEditable(Reason.COMPOSED_TAG)


def test_sha512_digest_is_not_editable():
    image = build_written_reference(f"nginx:${{A:-1}}@sha512:{'a' * 128}")
    assert image.digest == NotEditable(Reason.UNSUPPORTED_DIGEST)


@pytest.mark.parametrize("unit", ["${A}", "${A:-b}", "b"])
def test_exponentially_growing_variables_are_dropped_fast(unit):
    with soon(3):
        values = {"A": ExpandedText()}
        for index in range(3_000):
            name = f"V{index}"
            text = f"${{V{index - 1}-{unit}}}${{V{index - 1}-{unit}}}"
            variable = EnvironmentVariable(ENVIRONMENT, 1, name, parse_text(text, 0))
            values[name] = expand_text(variable.value, values, variable)
    assert values["V2999"].missing_variables


def test_variable_longer_than_any_reference_is_treated_as_missing():
    expanded = expand_text(parse_text("$A", 0), expand_values(A="a" * (MAX_LENGTH + 1)))
    assert (expanded.text, expanded.missing_variables) == ("", ("A",))
