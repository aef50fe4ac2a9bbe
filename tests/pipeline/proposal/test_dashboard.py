"""The dashboard issue: its content, its checkboxes, and that it is written only if something changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.forges.counted import SimulatedKill
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.runs.boards import STANDS, BoardScene
from support.runs.worlds import build, list_outcomes

from bot.core.proposal.dashboard import CONFIG_ERROR_TITLE, DASHBOARD_TITLE, EMPTY_BODY
from bot.model.limits import ProposalLimits
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.vocabulary import RunLevel

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(
        azure="it has no issues",
        github_app="tokens aside, it is asked as with a token",
        forgejo="it is asked as a Gitea",
    ),
]

OLD = build("old").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\nFROM redis:7@{OLD}\n"}
PYTHON = "basebump/python-3.12-slim-06e5bb43"


@pytest.fixture(params=STANDS)
def scene(request, tmp_path, loopback) -> Iterator[BoardScene]:
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
        loopback.move("redis", "7", content)
    stand = STANDS[request.param](tmp_path, FILES)
    yield BoardScene(stand, loopback)
    stand.end()


def test_dashboard_shows_open_and_waiting_proposals_and_is_written_once(scene):
    scene.run(limits=ProposalLimits(open_per_repository=1))
    board = scene.board()
    assert (board.title, board.is_open) == (DASHBOARD_TITLE, True)
    current, waiting = board.body.partition("### Waiting (1)")[::2]
    assert "### Open (1)" in current
    assert "**1 request open, 1 waiting, 0 held.**" in current
    assert "limit of open proposals" in waiting
    assert f"- [ ] <!-- basebump:rebase {PYTHON} -->" in current
    before = list(scene.stand.writes)
    scene.run(limits=ProposalLimits(open_per_repository=1))
    assert (scene.board(), scene.stand.writes) == (board, before)


def test_ticked_checkbox_opens_waiting_proposal_and_is_cleared(scene):
    limits = ProposalLimits(open_per_repository=1)
    (first, second) = scene.run(limits=limits).repositories[0].proposals
    waiting = second if second.outcome.value == "deferred" else first
    scene.tick(f"open {waiting.branch}")
    assert sorted(list_outcomes(scene.run(limits=limits))) == ["opened", "unchanged"]
    assert "[x]" not in scene.board().body


def test_ticked_checkbox_reopens_declined_proposal(scene):
    scene.run()
    scene.stand.close_request(PYTHON)
    assert "declined" in list_outcomes(scene.run())
    scene.tick(f"again {PYTHON}")
    assert sorted(list_outcomes(scene.run())) == ["opened", "unchanged"]


def test_ticked_checkbox_rebuilds_branch(scene):
    scene.run()
    before = scene.stand.branches()[PYTHON]
    scene.stand.commit("main", {"README.md": "Elsewhere.\n"})
    scene.tick(f"rebase {PYTHON}")
    assert sorted(list_outcomes(scene.run())) == ["refreshed", "unchanged"]
    assert scene.stand.branches()[PYTHON] != before
    assert sorted(list_outcomes(scene.run())) == ["unchanged", "unchanged"]


def test_ticked_checkbox_does_not_discard_commits_of_users(scene):
    """On some forges, users can edit the dashboard and cannot push."""
    scene.run()
    persons = scene.stand.commit(PYTHON, {"Dockerfile": "FROM scratch\n"})
    scene.tick(f"rebase {PYTHON}")
    assert sorted(list_outcomes(scene.run())) == ["left-alone", "unchanged"]
    assert scene.stand.branches()[PYTHON] == persons


def test_dashboard_is_closed_if_no_proposals_remain_and_reopened_for_new_proposals(scene):
    scene.run()
    rules = scene.loopback.rulebook
    scene.loopback.rulebook = replace(rules, rules=(PolicyRule(ignore=True),))
    scene.run()
    assert (scene.board().is_open, scene.board().body) == (False, EMPTY_BODY)
    scene.loopback.rulebook = rules
    scene.run()
    assert scene.board().is_open
    assert "### Open" in scene.board().body


def test_dashboard_closed_by_a_user_stays_closed(scene):
    scene.run()
    scene.change(scene.board(), is_open=False)
    scene.loopback.move("redis", "7", "newer")
    scene.run()
    assert not scene.board().is_open


def test_dashboard_is_not_written_if_disabled_or_below_level_propose(scene):
    scene.run(has_dashboards=False)
    scene.run(level=RunLevel.PUSH)
    assert scene.board() is None


def test_invalid_repository_config_is_reported_in_one_issue_until_fixed(scene):
    scene.stand.commit("main", {".basebump.yaml": "schema: 2\n"})
    scene.run(has_dashboards=False)
    board = scene.board()
    assert (board.title, board.is_open) == (CONFIG_ERROR_TITLE, True)
    assert "- `schema: must be 1" in board.body
    before = list(scene.stand.writes)
    scene.run(has_dashboards=False)
    assert scene.stand.writes == before
    scene.stand.commit("main", {".basebump.yaml": "schema: 1\n"})
    scene.run(has_dashboards=False)
    assert not scene.board().is_open


def test_dashboard_lists_references_without_proposal_with_reasons(scene):
    scene.loopback.rulebook = replace(
        scene.loopback.rulebook, rules=(PolicyRule(match=RuleMatch(image=("docker.io/library/redis",)), ignore=True),)
    )
    scene.stand.commit("main", {"web/Dockerfile": f"FROM nginx:1@{OLD}\n"})
    scene.run()
    body = scene.board().body
    assert "### Not looked up (1)" in body
    assert "- `nginx:1` · " in body
    assert "- 1 reference, ignored:" in body


def test_failure_to_write_dashboard_does_not_affect_proposals(tmp_path, loopback):
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    stand = GitHubStand(tmp_path, {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"})
    stand.repository.has_issues = False
    report = BoardScene(stand, loopback).run()
    stand.end()
    assert list_outcomes(report) == ["opened"]
    (failed,) = report.failed
    assert failed.subject == "acme/web dashboard"
    assert "Issues are disabled" in failed.error


def test_issue_of_another_author_is_not_used_as_dashboard(tmp_path, loopback):
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    stand = GitHubStand(tmp_path, {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"})
    scene = BoardScene(stand, loopback)
    scene.run()
    (issue,) = stand.repository.issues
    issue.account = stand.server.world.add_account("stranger")
    assert scene.board() is None
    stand.end()


def test_repository_with_disabled_issues_still_gets_proposals(tmp_path, loopback):
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    stand = GitLabStand(tmp_path, {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"})
    scene = BoardScene(stand, loopback)
    stand.project.has_issues = False
    report = scene.run()
    assert list_outcomes(report) == ["opened"]
    assert [failed.subject for failed in report.failed] == ["acme/shop/web dashboard"]
    stand.project.has_issues = True
    scene.run()
    assert scene.board() is not None
    (issue,) = stand.project.issues
    issue.user = stand.server.world.ada
    assert scene.board() is None
    stand.end()


@pytest.mark.parametrize("forge", STANDS)
def test_next_run_writes_dashboard_after_killed_run(tmp_path, loopback, forge):
    for content in ("old", "new"):
        loopback.move("python", "3.12-slim", content)
    scene, twin = (
        BoardScene(STANDS[forge](tmp_path / name, {"Dockerfile": FILES["Dockerfile"].splitlines()[0]}), loopback)
        for name in ("killed", "clean")
    )
    twin.run()
    scene.stand.die_before(len(twin.stand.writes))
    with pytest.raises(SimulatedKill):
        scene.run()
    assert scene.board() is None
    scene.run()
    assert re.sub(r"127[^/]*", "", scene.board().body) == re.sub(r"127[^/]*", "", twin.board().body)
    for each in (scene, twin):
        each.stand.end()
