"""The rollout: repositories are onboarded in waves, each with one first proposal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import build, list_outcomes

from bot.forges.local.fleet import LocalFleet
from bot.model.limits import ProposalLimits, RolloutMode, RolloutOptions
from bot.model.policy import PolicyRule

pytestmark = pytest.mark.real("git")

OLD = build("old").digest
FILES = {"Dockerfile": f"FROM python:3.12@{OLD}\nFROM redis:7\n", "web/Dockerfile": "FROM nginx:1\n"}
FIRST = RolloutOptions(first_proposal=True)


@pytest.fixture
def updated_registry(loopback):
    for content in ("old", "new"):
        for name, tag in (("python", "3.12"), ("redis", "7"), ("nginx", "1")):
            loopback.move(name, tag, content)
    return loopback


def get_first_proposal(report):
    (proposal,) = report.repositories[0].proposals
    return proposal


def test_first_proposal_in_a_repository_has_all_images_and_explains_basebump(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    proposal = get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST))
    assert (proposal.outcome.value, "this repository" in proposal.title) == ("opened", True)
    assert proposal.branch.startswith("basebump/all-images-")
    assert len(proposal.images) == 3
    assert proposal.body.startswith("**This is the first request of basebump in this repository: it ")
    assert "Close it" in proposal.body


def test_first_proposal_is_refreshed_until_merged_or_closed(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    updated_registry.run([stand.fleet()], rollout=FIRST)
    assert get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).outcome.value == "unchanged"
    updated_registry.move("redis", "7", "newer")
    assert get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).outcome.value == "refreshed"


def test_tags_have_separate_proposals_after_the_first_proposal_is_merged(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    branch = get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).branch
    stand.merge_request(branch)
    assert list_outcomes(updated_registry.run([stand.fleet()], rollout=FIRST)) == ["closed"]
    updated_registry.move("redis", "7", "newer")
    assert get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).title.startswith(
        "Update redis:7 to "
    )


def test_closing_the_first_proposal_opts_the_repository_out(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    stand.close_request(get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).branch)
    updated_registry.move("redis", "7", "newer")
    left = get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST))
    assert (left.outcome.value, "opts the repository out" in left.note) == ("declined", True)


def test_first_proposal_closed_by_basebump_does_not_count_as_answered(tmp_path, updated_registry):
    stand, rulebook = LocalStand(tmp_path, FILES), updated_registry.rulebook
    updated_registry.run([stand.fleet()], rollout=FIRST)
    updated_registry.rulebook = replace(rulebook, rules=(PolicyRule(ignore=True),))
    assert get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).outcome.value == "closed"
    updated_registry.rulebook = rulebook
    assert get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).outcome.value == "opened"


def test_repository_with_existing_proposals_keeps_separate_proposals(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["opened"] * 3
    assert list_outcomes(updated_registry.run([stand.fleet()], rollout=FIRST)) == ["unchanged"] * 3


def test_each_run_onboards_at_most_the_configured_number_of_repositories(tmp_path, updated_registry):
    for name in ("a", "b", "c"):
        LocalStand(tmp_path, FILES).git.directory.rename(tmp_path / f"{name}.git")
    waves = RolloutOptions(repositories_per_run=2, first_proposal=True)

    def run() -> list[str]:
        return list_outcomes(
            updated_registry.run([LocalFleet(tmp_path)], rollout=waves, limits=ProposalLimits(new_per_repository=1))
        )

    assert run() == ["opened", "opened", "deferred"]
    assert run() == ["unchanged", "unchanged", "opened"]


def test_repository_without_config_file_gets_no_proposals_if_opt_in_is_required(tmp_path, updated_registry):
    stand, rollout = LocalStand(tmp_path, FILES), RolloutOptions(mode=RolloutMode.OPT_IN)
    report = updated_registry.run([stand.fleet()], rollout=rollout, has_dashboards=True)
    assert list_outcomes(report) == []
    assert "config file of its own" in report.repositories[0].note
    assert not stand.git.refs("refs/basebump/")
    stand.commit("main", {".basebump.yaml": "schema: 1\n"})
    assert list_outcomes(updated_registry.run([stand.fleet()], rollout=rollout)) == ["opened"] * 3


def test_first_proposal_is_unchanged_while_lookup_of_an_image_fails(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    updated_registry.run([stand.fleet()], rollout=FIRST)
    updated_registry.store.remove("library/redis", build("new").digest)
    assert get_first_proposal(updated_registry.run([stand.fleet()], rollout=FIRST)).outcome.value == "left-alone"
