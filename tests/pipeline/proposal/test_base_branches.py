"""Several base branches in one run: each has its own proposals, and a run that dies at any write is healed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.counted import SimulatedKill
from support.forges.forge_stands import select_stands
from support.forges.kill_points import note_kills
from support.runs.worlds import build, list_outcomes

from bot.core.proposal.marks import parse_base_branch
from bot.core.proposal.update_groups import build_branch_name, build_tag_key
from bot.model.image_name import TagRef
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.proposal import RequestState

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(
        github_app="tokens aside, it is asked as with a token",
        gitea="its forge is that of all servers",
        forgejo="its forge is that of all servers",
    ),
]

PYTHON = TagRef("docker.io/library/python", "3.12-slim")
RELEASE = "release/1"
OLD = build("old").digest
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
OF_MAIN = build_branch_name("basebump/", PYTHON, build_tag_key(PYTHON))
OF_RELEASE = build_branch_name("basebump/", PYTHON, build_tag_key(PYTHON, base=RELEASE))
STANDS = select_stands(without=("github-app", "gitea", "forgejo"))


@pytest.fixture(params=STANDS)
def make(request, tmp_path):
    stands = []

    def _make():
        stand = STANDS[request.param](tmp_path / f"forge-{len(stands)}", FILES)
        stand.commit(RELEASE, {"deploy/Dockerfile": f"FROM python:3.12-slim@{OLD}\n"})
        stand.base_branches = ("main", "release/*")
        stands.append(stand)
        return stand

    yield _make
    for stand in stands:
        stand.end()


@pytest.fixture
def stand(make):
    return make()


def read_forge_state(stand):
    branches = stand.branches()
    messages = {branch: [commit.message for commit in stand.git.log(f"refs/heads/{branch}")] for branch in branches}
    requests = sorted(stand.requests(), key=lambda each: each.branch)
    return {branch: stand.files(branch) for branch in branches}, messages, requests


def test_every_base_branch_has_one_proposal_and_second_run_makes_no_writes(stand, updated_registry):
    of_main, of_release = updated_registry.run([stand.fleet()]).repositories
    assert (of_main.base_branch, of_release.base_branch) == ("main", RELEASE)
    (first,), (second,) = of_main.proposals, of_release.proposals
    assert (first.branch, first.files) == (OF_MAIN, ("Dockerfile",))
    assert (second.branch, second.files) == (OF_RELEASE, ("Dockerfile", "deploy/Dockerfile"))
    assert second.title == first.title.replace(" (not scanned)", f" on {RELEASE} (not scanned)")
    writes = list(stand.writes)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged", "unchanged"]
    assert stand.writes == writes


def test_commit_message_names_base_branch_only_if_not_the_default_branch(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    said = {
        branch: parse_base_branch(stand.git.log(f"refs/heads/{branch}")[0].message) for branch in (OF_MAIN, OF_RELEASE)
    }
    assert said == {OF_MAIN: None, OF_RELEASE: RELEASE}


def test_update_declined_for_one_base_branch_stays_open_for_other_base_branches(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    stand.close_request(OF_RELEASE)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged", "declined"]


def test_proposal_is_closed_only_for_the_base_branch_that_has_the_update(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    pinned = f"FROM python:3.12-slim@{build('new').digest}\n"
    stand.commit(RELEASE, {"Dockerfile": pinned, "deploy/Dockerfile": pinned})
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged", "closed"]
    assert {each.branch for each in stand.requests() if each.state is RequestState.OPEN} == {OF_MAIN}
    assert OF_RELEASE not in stand.branches()


def test_proposals_stay_open_for_a_base_branch_removed_from_the_config(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    before, writes = read_forge_state(stand), list(stand.writes)
    stand.base_branches = ()
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]
    assert (read_forge_state(stand), stand.writes) == (before, writes)


def test_rule_can_match_one_base_branch(stand, updated_registry):
    frozen = PolicyRule(match=RuleMatch(base_branch=("release/**",)), ignore=True)
    updated_registry.rulebook = replace(updated_registry.rulebook, rules=(frozen,))
    of_main, of_release = updated_registry.run([stand.fleet()]).repositories
    assert (len(of_main.proposals), len(of_release.proposals)) == (1, 0)


def test_basebump_branches_are_never_base_branches(stand, updated_registry):
    stand.base_branches = ("**",)
    for _ in range(2):
        repositories = updated_registry.run([stand.fleet()]).repositories
        assert [each.base_branch for each in repositories] == ["main", RELEASE]


def test_report_notes_that_no_base_branch_of_the_repository_matches(stand, updated_registry):
    stand.base_branches = ("trunk",)
    (repository,) = updated_registry.run([stand.fleet()]).repositories
    assert (repository.base_branch, "`base_branches`" in repository.note) == (None, True)


def test_dashboard_shows_all_base_branches_in_one_issue(stand, updated_registry):
    if isinstance(stand, AzureStand):
        pytest.skip("it has no issues")
    for _ in range(2):
        updated_registry.run([stand.fleet()], has_dashboards=True)
    repository = next(iter(stand.fleet().list_repositories(frozenset())))
    board = stand.fleet().get_dashboard(repository).read()
    assert board is not None
    assert OF_MAIN in board.body
    assert OF_RELEASE in board.body
    writes = list(stand.writes)
    updated_registry.run([stand.fleet()], has_dashboards=True)
    assert stand.writes == writes


def count_healed_kills(make, moved, prepare):
    """Kill a run before each of its writes; return how often, each healed by the next run."""
    clean = make()
    prepare(clean)
    before = len(clean.writes)
    moved.run([clean.fleet()])
    expected, writes = read_forge_state(clean), len(clean.writes) - before
    write = 1
    while write <= writes:
        stand = make()
        prepare(stand)
        before = read_forge_state(stand)
        while (
            write <= writes and read_forge_state(stand) == before
        ):  # the killed run left nothing behind: the next begins there
            stand.die_before(write)
            with pytest.raises(SimulatedKill):
                moved.run([stand.fleet()])
            write += 1
        moved.run([stand.fleet()])
        assert read_forge_state(stand) == expected, f"killed before write {write - 1}"
    return writes


@pytest.mark.slow
def test_next_run_completes_killed_run_over_two_base_branches(make, updated_registry, request):
    kills = count_healed_kills(make, updated_registry, lambda _stand: None)
    note_kills(request, request.node.callspec.params["make"], kills)
    assert kills >= 4


@pytest.mark.slow
def test_next_run_completes_killed_run_that_closes_obsolete_proposal(make, updated_registry, request):
    def prepare(stand):
        updated_registry.run([stand.fleet()])
        pinned = f"FROM python:3.12-slim@{build('new').digest}\n"
        stand.commit(RELEASE, {"Dockerfile": pinned, "deploy/Dockerfile": pinned})

    kills = count_healed_kills(make, updated_registry, prepare)
    note_kills(request, request.node.callspec.params["make"], kills)
    assert kills >= 2
