"""Proposals that gates refuse are reported, but nothing is written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import build, list_outcomes

from bot.model.policy import PolicyRule, RequiredEvidence, RuleMatch
from bot.model.vocabulary import Reason, RunLevel
from bot.reports.run.report_document import render_run_document
from bot.reports.run.report_text import render_run_text

pytestmark = pytest.mark.real("git")

OLD, NEW = build("old"), build("new")
BRANCH = "basebump/python-3.12-slim-06e5bb43"
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD.digest}\n", "b/Dockerfile": f"FROM python:3.12-slim@{OLD.digest}\n"}
UNSIGNED = PolicyRule(match=RuleMatch(image=("docker.io/library/python",)), require=RequiredEvidence(signature=True))


@pytest.fixture
def strict_registry(loopback):
    """Return a registry with updates of `python` and `redis`, and a rule that requires a signature for `python`."""
    for repository, tag in (("python", "3.12-slim"), ("redis", "7")):
        for content in ("old", "new"):
            loopback.move(repository, tag, content)
    loopback.rulebook = replace(loopback.rulebook, rules=(UNSIGNED, *loopback.rulebook.rules))
    return loopback


@pytest.mark.parametrize("level", RunLevel)
def test_refused_proposal_is_reported_but_not_written(strict_registry, tmp_path, level):
    stand = LocalStand(tmp_path, FILES)
    before = stand.branches()
    report = strict_registry.run([stand.fleet()], level)
    (proposal,) = json.loads(render_run_document(report))["repositories"][0]["proposals"]
    assert {key: proposal[key] for key in ("branch", "outcome", "url", "title", "files")} == {
        "branch": BRANCH,
        "outcome": "refused",
        "url": None,
        "title": f"Update python:3.12-slim to {NEW.digest[7:19]}",
        "files": ["Dockerfile", "b/Dockerfile"],
    }
    (image,) = proposal["images"]
    assert (image["old"], image["new"]) == (OLD.digest, NEW.digest)
    assert "1 proposal: 1 refused." in render_run_text(report)
    assert stand.branches() == before


def test_grouped_pull_request_leaves_out_refused_images(strict_registry, tmp_path):
    together = PolicyRule(match=RuleMatch(image=("docker.io/library/*",)), group="weekly")
    strict_registry.rulebook = replace(strict_registry.rulebook, rules=(*strict_registry.rulebook.rules, together))
    files = {"Dockerfile": f"FROM python:3.12-slim@{OLD.digest}\nCOPY --from=redis:7@{OLD.digest} / /\n"}
    report = strict_registry.run([LocalStand(tmp_path, files).fleet()])
    assert list_outcomes(report) == ["opened"]
    (image,) = report.repositories[0].proposals[0].images
    assert image.canonical == "docker.io/library/redis"


def test_reason_that_refuses_several_references_of_a_proposal_is_reported_once(strict_registry, tmp_path):
    report = strict_registry.run([LocalStand(tmp_path, FILES).fleet()])
    assert report.repositories[0].proposals[0].note == Reason.UNSIGNED.sentence
