"""Checks of the due dates in the policy that depend on other parts of the config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.model.due_date import DueUntil
from bot.model.errors import ConfigProblem
from bot.settings.document import Document


def check_due_until(where: str, rule: dict[str, Any], document: Document) -> Iterator[ConfigProblem]:
    """Yield a problem if a rule requires that fixes run, and no cluster is read."""
    due = rule.get("due")
    if not isinstance(due, dict) or due.get("until") != DueUntil.RUNNING.value:
        return
    missing = next((key for key in ("clusters", "state") if not document.get(key)), None)
    if missing is not None:
        message = f"requires `{missing}`, because basebump cannot find out otherwise what runs; hint: add it"
        yield ConfigProblem(f"{where}.due.until", message)
