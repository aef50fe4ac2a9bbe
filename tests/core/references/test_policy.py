"""Tests of which images are ignored in all files, so that they need not be looked up."""

import pytest

from bot.core.references.policy import is_ignored_image
from bot.model.policy import PolicyConfig, PolicyRule, RuleMatch

ALPINE = "docker.io/library/alpine"


@pytest.mark.parametrize(
    ("rulebook", "expected"),
    [
        (PolicyConfig(), False),
        (PolicyConfig(own_globs=("docker.io/**",)), True),
        (PolicyConfig(own_globs=("ghcr.io/**",)), False),
        (PolicyConfig((PolicyRule(RuleMatch(image=("docker.io/**",)), ignore=True),)), True),
        (PolicyConfig((PolicyRule(ignore=True),)), True),
        (PolicyConfig((PolicyRule(RuleMatch(image=(ALPINE,)), ignore=False), PolicyRule(ignore=True))), False),
        (PolicyConfig((PolicyRule(RuleMatch(image=(ALPINE,), path=("old/**",)), ignore=True),)), False),
        (PolicyConfig((PolicyRule(RuleMatch(image=("ghcr.io/**",)), ignore=True),)), False),
        (PolicyConfig((PolicyRule(paused=True), PolicyRule(ignore=True))), True),
    ],
)
def test_image_is_ignored_if_own_or_if_a_rule_ignores_image_in_all_files(rulebook, expected):
    assert is_ignored_image(rulebook, ALPINE) is expected
