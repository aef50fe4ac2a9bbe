"""Whose turn it is to be looked at for an end, asked of a registry on loopback."""

from datetime import date, timedelta

import pytest
from support.values import occurrence

from bot.cli.terminal import NoProgress
from bot.model.decision import Selected
from bot.model.policy import Policy
from bot.pipeline.follow import follow
from bot.pipeline.pool import REGISTRIES

START = date(2026, 1, 5)
"""A Monday."""
PACES = {
    "daily": lambda run: run,
    "on weekdays": lambda run: run + run // 5 * 2,
    "weekly": lambda run: 7 * run,
    "fortnightly": lambda run: 14 * run,
    "every thirty days": lambda run: 30 * run,
}


@pytest.mark.parametrize("pace", PACES.values(), ids=PACES)
@pytest.mark.parametrize("count", [7, 14, 30])
def test_every_line_has_its_turn_however_often_runs_are(loopback, count, pace):
    written = [f"app-{number:02}:1.0.0" for number in range(count)]
    for each in written:
        loopback.move(each.partition(":")[0], "1.0.0", each)
    places = [occurrence(each) for each in written]
    selected = [Selected(place, place.reference.line(), Policy()) for place in places]
    registry = loopback.world().registry
    watched = [
        follow(selected, registry, REGISTRIES, NoProgress(), START + timedelta(days=pace(run))).watched
        for run in range(60)
    ]
    assert {len(lines) for lines in watched} == {(count + 9) // 10}
    assert {line for lines in watched for line in lines} == {each.line for each in selected}
