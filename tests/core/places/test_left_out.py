"""Which images nobody need ask for, since no place of theirs is looked at."""

import pytest

from bot.core.places.left_out import is_left_out
from bot.model.policy import Rulebook
from bot.model.rules import Match, Rule

ALPINE = "docker.io/library/alpine"


@pytest.mark.parametrize(
    ("rulebook", "expected"),
    [
        (Rulebook(), False),
        (Rulebook(own=("docker.io/**",)), True),
        (Rulebook(own=("ghcr.io/**",)), False),
        (Rulebook((Rule(Match(image=("docker.io/**",)), ignore=True),)), True),
        (Rulebook((Rule(ignore=True),)), True),
        (Rulebook((Rule(Match(image=(ALPINE,)), ignore=False), Rule(ignore=True))), False),
        (Rulebook((Rule(Match(image=(ALPINE,), path=("old/**",)), ignore=True),)), False),
        (Rulebook((Rule(Match(image=("ghcr.io/**",)), ignore=True),)), False),
        (Rulebook((Rule(paused=True), Rule(ignore=True))), True),
    ],
)
def test_an_image_is_left_out_where_it_is_ones_own_or_ignored_everywhere(rulebook, expected):
    assert is_left_out(rulebook, ALPINE) is expected
