"""The keys of a plan file, as the page describes them and as the code writes them."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from bot.model.fleet_plan import (
    FleetPlan,
    JudgedRequest,
    PlannedBranch,
    PlannedEdit,
    PlannedFile,
    PlannedReference,
    PlannedRepository,
    ProposalContent,
    TransitionEvidence,
)

PAGE = Path(__file__).parents[3] / "docs" / "plan-and-apply.md"
PARTS = {
    "the plan": FleetPlan,
    "`repositories`": PlannedRepository,
    "`requests`": JudgedRequest,
    "`branches`": PlannedBranch,
    "`proposal`": ProposalContent,
    "`files`": PlannedFile,
    "`edits`": PlannedEdit,
    "`references`": PlannedReference,
    "`evidence`": TransitionEvidence,
}
"""The parts of a plan as the rows of the table name them, each with its class."""
_ROW = re.compile(r"^\| (?P<part>the plan|`[a-z]+`) \| (?P<keys>(?:`[a-z_0-9]+`(?:, )?)+) \|", re.MULTILINE)


def list_documented_keys() -> dict[str, set[str]]:
    """Return the keys that the table of the page names, by the part of the plan."""
    keys: dict[str, set[str]] = {}
    for row in _ROW.finditer(PAGE.read_text(encoding="utf-8")):
        keys.setdefault(row["part"], set()).update(re.findall(r"`([a-z_0-9]+)`", row["keys"]))
    return keys


def list_plan_keys() -> dict[str, set[str]]:
    """Return the keys that a plan may have. The digest is added when the file is written."""
    keys = {part: {each.name for each in fields(values)} for part, values in PARTS.items()}
    return keys | {"the plan": keys["the plan"] | {"digest"}}
