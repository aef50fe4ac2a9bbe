"""Tests that a policy key or a reason that is declared once reaches the schema and the pages."""

from dataclasses import fields

import pytest
from support.parts import ROOT

from bot.model.policy import Policy
from bot.model.vocabulary import ACCEPTABLE_REASONS, ALLOWABLE_REASONS, Reason
from tools import default_config

PAGE = (ROOT / "docs" / "configuration-reference.md").read_text(encoding="utf-8")
DEFAULT = (ROOT / "config" / "default.yaml").read_text(encoding="utf-8")
SCHEMA = (ROOT / "config" / "schema.json").read_text(encoding="utf-8")
VOCABULARY = (ROOT / "docs" / "vocabulary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [each.metadata["name"] or each.name for each in fields(Policy) if each.metadata])
def test_each_policy_key_is_in_schema_reference_page_and_default_config(key):
    assert f'"{key}": {{' in SCHEMA
    assert f"| `{key}` |" in PAGE
    assert f" {key}:" in DEFAULT


def test_default_config_cannot_be_generated_for_key_without_default_or_example():
    with pytest.raises(AssertionError, match="hint: add an `Example` to its type, or `example` to `_key`"):
        default_config._find_value("flavour", {"type": "string"})


@pytest.mark.parametrize("reason", Reason)
def test_vocabulary_page_lists_each_reason_with_the_sentence_for_the_reason(reason):
    assert f"| `{reason}` | {reason.sentence} |" in VOCABULARY


@pytest.mark.parametrize("reason", [*ALLOWABLE_REASONS, *ACCEPTABLE_REASONS])
def test_schema_lists_each_reason_that_a_rule_can_override(reason):
    assert f'"{reason}"' in SCHEMA
