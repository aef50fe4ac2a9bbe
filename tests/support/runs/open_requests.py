"""Repositories whose requests an earlier basebump opened; `open_requests.json` beside this file has their texts.

The texts were recorded with the code of commit 4fd29b8e on the local forge. They are not recorded again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.forges.stands import ForgeStand
from support.runs.worlds import LoopbackHub, PresetScanner, build
from support.values import finding

from bot.core.proposal.marks import parse_mark, render_mark
from bot.model.evidence import Severity
from bot.model.limits import RolloutOptions
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.report import RunReport

RECORD = Path(__file__).with_name("open_requests.json")

OLD, NEW = build("old").digest, build("new").digest
LOST = build("lost").digest
KEPT, FIXED = finding("CVE-1900-0001"), finding("CVE-1900-0002", Severity.CRITICAL)
ADDED = finding("CVE-1900-0003", Severity.CRITICAL)
TAGS = (("python", "3.12-slim"), ("nginx", "1.27"), ("redis", "7"), ("node", "22"), ("mariadb", "11.4"))
SEVERAL = {
    "Dockerfile": f"FROM python:3.12-slim@{OLD}\nFROM redis:7\n",
    "web/Dockerfile": f"FROM nginx:1.27@{OLD}\nFROM node:22@{OLD}\n",
    "crm/Dockerfile": f"FROM mariadb:11.4@{LOST}\n",
}


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run that opens requests: files of the repository, findings of the scanner, and options."""

    files: Mapping[str, str] = field(default_factory=lambda: SEVERAL)
    findings: Mapping[str, tuple] = field(
        default_factory=lambda: {OLD: (KEPT, FIXED), NEW: (KEPT, ADDED, finding("CVE-1900-0004"))}
    )
    rules: tuple[PolicyRule, ...] = ()
    rollout: RolloutOptions = field(default_factory=RolloutOptions)

    def run(self, stand: ForgeStand, loopback: LoopbackHub) -> RunReport:
        """Run with the tags at `new`; each call is a separate run."""
        loopback.rulebook = replace(loopback.rulebook, rules=self.rules)
        if self.findings:
            loopback.scanner = PresetScanner(dict(self.findings))
        return loopback.run([stand.fleet()], rollout=self.rollout)


def move_tags(loopback: LoopbackHub) -> None:
    """Point all tags to their new digests. The registry never had the digest of mariadb that the file names."""
    for content in ("old", "new"):
        for name, tag in TAGS:
            loopback.move(name, tag, content)


EARLIER_RUNS: dict[str, EarlierRun] = {
    "not-scanned": EarlierRun(findings={}),
    "fixes": EarlierRun(findings={OLD: (KEPT, FIXED), NEW: (KEPT,)}),
    "adds-critical": EarlierRun(findings={OLD: (KEPT,), NEW: (KEPT, ADDED)}),
    "group": EarlierRun(rules=(PolicyRule(group="weekly", match=RuleMatch(path=("**",))),)),
    "first-request": EarlierRun(rollout=RolloutOptions(first_proposal=True)),
}


def load_requests(name: str) -> dict[str, dict[str, str]]:
    """Return the title and the body of each request of a recorded run, by branch."""
    return json.loads(RECORD.read_text(encoding="utf-8"))[name]


def restore_body(recorded: str, current: str) -> str:
    """Return a recorded body whose mark has the status and the started commit of the forge of `current`.

    Commits differ between forges, so they are not recorded.
    """
    text, _, _ = recorded.rpartition("<!-- basebump:1 ")
    mark, present = parse_mark(recorded), parse_mark(current)
    return text + render_mark(
        replace(mark, status_attempt=present.status_attempt, started_commit=present.started_commit)
    )
