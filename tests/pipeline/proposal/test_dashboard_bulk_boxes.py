"""The two boxes of the dashboard that stand for a whole list: open all that wait, rebuild all that are open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.stands import run_killed_repeatedly
from support.runs.boards import STANDS, BoardScene
from support.runs.worlds import build, list_outcomes

from bot.model.limits import ProposalLimits
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

TAGS = (("python", "3.12-slim"), ("redis", "7"), ("nginx", "1"), ("node", "22"))
OLD = build("old").digest
FILES = {"Dockerfile": "".join(f"FROM {name}:{tag}@{OLD}\n" for name, tag in TAGS)}
ONE = ProposalLimits(open_per_repository=1)


def start(kind, folder, loopback) -> BoardScene:
    for name, tag in TAGS:
        for content in ("old", "new"):
            loopback.move(name, tag, content)
    return BoardScene(STANDS[kind](folder, FILES), loopback)


@pytest.fixture(params=STANDS)
def scene(request, tmp_path, loopback) -> Iterator[BoardScene]:
    scene = start(request.param, tmp_path, loopback)
    yield scene
    scene.stand.end()


@pytest.fixture
def github_scene(tmp_path, loopback) -> Iterator[BoardScene]:
    scene = start("github", tmp_path, loopback)
    yield scene
    scene.stand.end()


def list_heads(scene: BoardScene) -> dict[str, str]:
    return {branch: commit for branch, commit in scene.stand.branches().items() if branch != "main"}


def list_branches(scene: BoardScene, outcome: str, limits: ProposalLimits | None = ONE) -> list[str]:
    (repository,) = scene.run(limits=limits).repositories
    return [each.branch for each in repository.proposals if each.outcome.value == outcome]


def test_bulk_checkbox_opens_all_waiting_proposals_once(scene):
    assert sorted(list_outcomes(scene.run(limits=ONE))) == ["deferred", "deferred", "deferred", "opened"]
    scene.tick("open")
    assert sorted(list_outcomes(scene.run(limits=ONE))) == ["opened", "opened", "opened", "unchanged"]
    assert "[x]" not in scene.board().body
    writes = list(scene.stand.writes)
    assert list_outcomes(scene.run(limits=ONE)) == ["unchanged"] * 4
    assert scene.stand.writes == writes


def test_bulk_checkbox_rebuilds_all_open_pull_requests_once(scene):
    scene.run()
    before = list_heads(scene)
    scene.stand.commit("main", {"README.md": "Elsewhere.\n"})
    scene.tick("rebase")
    assert list_outcomes(scene.run()) == ["refreshed"] * 4
    assert all(list_heads(scene)[branch] != commit for branch, commit in before.items())
    assert "[x]" not in scene.board().body
    assert list_outcomes(scene.run()) == ["unchanged"] * 4


def test_bulk_checkbox_opens_only_proposals_listed_when_ticked(github_scene):
    scene = github_scene
    scene.loopback.rulebook = replace(
        scene.loopback.rulebook, rules=(PolicyRule(match=RuleMatch(image=("**/node",)), ignore=True),)
    )
    scene.run(limits=ONE)
    scene.tick("open")
    scene.loopback.rulebook = replace(scene.loopback.rulebook, rules=())
    (waiting,) = list_branches(scene, "deferred")
    assert "node" in waiting


def test_bulk_checkboxes_do_not_override_declines_and_holds(github_scene):
    scene = github_scene
    scene.run()
    declined = next(iter(list_heads(scene)))
    scene.stand.close_request(declined)
    scene.loopback.rulebook = replace(
        scene.loopback.rulebook, rules=(PolicyRule(match=RuleMatch(image=("**/node",)), ignore=True),)
    )
    assert list_branches(scene, "declined") == [declined]
    board = scene.board()
    bulk = "".join(f"- [x] <!-- basebump:{ask} -->\n" for ask in ("open", "rebase", "again"))
    crafted = f"{board.body}\n{bulk}- [ ] <!-- basebump:open {declined} -->\n"
    scene.change(board, body=crafted)
    (repository,) = scene.run().repositories
    assert [each.branch for each in repository.proposals if each.outcome.value == "declined"] == [declined]
    assert not any(each.outcome.value == "opened" for each in repository.proposals)


def test_bulk_checkbox_rebuilds_no_approved_or_user_edited_pull_request(github_scene):
    scene = github_scene
    scene.run()
    approved, edited, *others = sorted(list_heads(scene))
    scene.stand.review(approved, "APPROVED")
    scene.stand.commit(edited, {"Dockerfile": "FROM scratch\n"})
    scene.stand.commit("main", {"README.md": "Elsewhere.\n"})
    before = list_heads(scene)
    scene.tick("rebase")
    assert sorted(list_outcomes(scene.run())) == ["left-alone", "refreshed", "refreshed", "unchanged"]
    assert {branch for branch, commit in list_heads(scene).items() if before[branch] != commit} == set(others)
    scene.tick(f"rebase {approved}")
    scene.run()
    assert list_heads(scene)[approved] != before[approved]


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_bulk_checkboxes_in_issue_of_another_author_have_no_effect(tmp_path, loopback, kind):
    scene = start(kind, tmp_path, loopback)
    scene.run(limits=ONE)
    scene.tick("open")
    if isinstance(scene.stand, GitHubStand):
        scene.stand.repository.issues[0].account = scene.stand.server.world.add_account("stranger")
    if isinstance(scene.stand, GitLabStand):
        scene.stand.project.issues[0].user = scene.stand.server.world.ada
    assert sorted(list_outcomes(scene.run(limits=ONE))) == ["deferred", "deferred", "deferred", "unchanged"]
    scene.stand.end()


def test_bulk_checkbox_in_closed_dashboard_has_no_effect(github_scene):
    scene = github_scene
    scene.run(limits=ONE)
    scene.tick("open")
    scene.change(scene.board(), is_open=False)
    assert sorted(list_outcomes(scene.run(limits=ONE))) == ["deferred", "deferred", "deferred", "unchanged"]


def test_bulk_checkbox_stays_ticked_after_run_at_level_report(github_scene):
    scene = github_scene
    scene.run(limits=ONE)
    scene.tick("open")
    scene.run(limits=ONE, level=RunLevel.REPORT)
    assert "- [x] <!-- basebump:open -->" in scene.board().body
    assert sorted(list_outcomes(scene.run(limits=ONE))) == ["opened", "opened", "opened", "unchanged"]


@pytest.mark.parametrize("kind", STANDS)
def test_next_run_completes_run_killed_while_opening_all_waiting_proposals(tmp_path, loopback, kind):
    scene, twin = (start(kind, tmp_path / name, loopback) for name in ("killed", "clean"))
    for each in (scene, twin):
        each.run(limits=ONE)
        each.tick("open")
    twin.run(limits=ONE)
    assert run_killed_repeatedly(scene.stand, lambda: scene.run(limits=ONE)) > 3
    assert set(scene.stand.branches()) == set(twin.stand.branches())
    assert sorted(each.branch for each in scene.stand.requests()) == sorted(
        each.branch for each in twin.stand.requests()
    )
    assert remove_numbers(scene.board().body) == remove_numbers(twin.board().body)
    writes = list(scene.stand.writes)
    assert list_outcomes(scene.run(limits=ONE)) == ["unchanged"] * 4
    assert scene.stand.writes == writes
    for each in (scene, twin):
        each.stand.end()


@pytest.mark.slow
def test_next_run_completes_run_killed_while_rebuilding_all_pull_requests(github_scene):
    scene = github_scene
    scene.run()
    before = list_heads(scene)
    scene.stand.commit("main", {"README.md": "Elsewhere.\n"})
    scene.tick("rebase")
    assert run_killed_repeatedly(scene.stand, scene.run) > 4
    assert all(list_heads(scene)[branch] != commit for branch, commit in before.items())
    assert [len(scene.stand.commits(branch)) for branch in before] == [1] * 4
    assert "[x]" not in scene.board().body
    assert list_outcomes(scene.run()) == ["unchanged"] * 4


def remove_numbers(body: str) -> str:
    """Return a dashboard without the port of the forge and the numbers of requests, which depend on the order."""
    return re.sub(r"127\.[^/]*|(?<=/pull/)\d+|(?<=/merge_requests/)\d+", "", body)
