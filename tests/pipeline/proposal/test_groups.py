"""The updates in one proposal: those of a tag, of a named group, or of a folder."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import LoopbackHub, build, list_outcomes

from bot.core.proposal.marks import parse_mark
from bot.core.proposal.update_groups import MAX_TARGETS_LENGTH, build_branch_name, build_group_key, build_tag_key
from bot.model.image_name import TagRef
from bot.model.modes import SplitBy
from bot.model.policy import PolicyRule, RuleMatch
from bot.registries.endpoints import RegistryEntry

pytestmark = pytest.mark.real("git")

PYTHON, REDIS, NGINX = (
    TagRef("docker.io/library/python", "3.12"),
    TagRef("docker.io/library/redis", "7"),
    TagRef("docker.io/library/nginx", "1.27"),
)
OLD = build("old").digest
FILES = {
    "web/Dockerfile": f"FROM python:3.12@{OLD}\nFROM redis:7@{OLD}\n",
    "api/Dockerfile": f"FROM python:3.12@{OLD}\n",
    "Dockerfile": f"FROM python:3.12@{OLD}\nFROM nginx:1.27@{OLD}\n",
}


@pytest.fixture
def updated_registry(loopback):
    """A registry with three images that were updated since the digests in the files."""
    for line in (PYTHON, REDIS, NGINX):
        loopback.move(line.repository.rpartition("/")[2], line.tag, "old")
        loopback.move(line.repository.rpartition("/")[2], line.tag, "new")
    return loopback


def propose(stand: LocalStand, loopback: LoopbackHub, *rules: PolicyRule):
    loopback.rulebook = replace(loopback.rulebook, rules=rules)
    (repository,) = loopback.run([stand.fleet()]).repositories
    return {each.branch: each for each in repository.proposals}


def get_branch(line: TagRef, folder: str | None = None) -> str:
    return build_branch_name("basebump/", line, build_tag_key(line, folder))


def get_group_branch(group: str, folder: str | None = None) -> str:
    return build_branch_name("basebump/", group, build_group_key(group, folder))


def test_updates_of_one_group_share_one_proposal(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    weekly = PolicyRule(match=RuleMatch(image=(PYTHON.repository, REDIS.repository)), group="weekly")
    proposals = propose(stand, updated_registry, weekly)
    assert set(proposals) == {get_group_branch("weekly"), get_branch(NGINX)}
    together = proposals[get_group_branch("weekly")]
    assert together.title == "Update python:3.12 and 1 more image (weekly) (not scanned)"
    assert [(each.canonical, each.tag) for each in together.images] == [
        (PYTHON.repository, "3.12"),
        (REDIS.repository, "7"),
    ]
    assert together.files == ("Dockerfile", "api/Dockerfile", "web/Dockerfile")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged", "unchanged"]


def test_update_split_by_folder_has_one_proposal_for_each_folder(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    proposals = propose(stand, updated_registry, PolicyRule(split_by=SplitBy.FOLDER))
    assert {name: each.files for name, each in proposals.items()} == {
        get_branch(PYTHON, "web"): ("web/Dockerfile",),
        get_branch(REDIS, "web"): ("web/Dockerfile",),
        get_branch(PYTHON, "api"): ("api/Dockerfile",),
        get_branch(PYTHON, ""): ("Dockerfile",),
        get_branch(NGINX, ""): ("Dockerfile",),
    }
    assert proposals[get_branch(PYTHON, "web")].title.endswith(" in web (not scanned)")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"] * 5


def test_group_split_by_folder_has_a_proposal_for_each_folder(tmp_path, updated_registry):
    proposals = propose(
        LocalStand(tmp_path, FILES), updated_registry, PolicyRule(group="weekly", split_by=SplitBy.FOLDER)
    )
    assert set(proposals) == {get_group_branch("weekly", folder) for folder in ("", "api", "web")}


def test_closed_group_proposal_declines_only_the_proposed_set_of_digests(tmp_path, updated_registry):
    stand, weekly = LocalStand(tmp_path, FILES), PolicyRule(group="weekly")
    (name,) = propose(stand, updated_registry, weekly)
    stand.close_request(name)
    assert [each.outcome.value for each in propose(stand, updated_registry, weekly).values()] == ["declined"]
    updated_registry.move("redis", "7", "newer")
    assert [each.outcome.value for each in propose(stand, updated_registry, weekly).values()] == ["opened"]


def test_group_proposal_is_not_changed_while_lookup_of_an_image_fails(tmp_path, updated_registry):
    stand, weekly = LocalStand(tmp_path, FILES), PolicyRule(group="weekly")
    propose(stand, updated_registry, weekly)
    updated_registry.move("python", "3.12", "newer")
    updated_registry.entries = (updated_registry.hub(), RegistryEntry("127.0.0.1:1", is_insecure=True))
    stand.commit("main", {"cache/Dockerfile": f"FROM 127.0.0.1:1/team/cache:1@{OLD}\n"})
    updated_registry.rulebook = replace(
        updated_registry.rulebook, listed_hosts=updated_registry.rulebook.listed_hosts | {"127.0.0.1:1"}
    )
    (left,) = propose(stand, updated_registry, weekly).values()
    assert (left.outcome.value, "not read" in left.note) == ("left-alone", True)


def test_image_removed_from_a_group_is_proposed_separately(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    propose(stand, updated_registry, PolicyRule(group="weekly"))
    after = propose(
        stand,
        updated_registry,
        PolicyRule(match=RuleMatch(image=(NGINX.repository,)), group="slow"),
        PolicyRule(group="weekly"),
    )
    assert {name: each.outcome.value for name, each in after.items()} == {
        get_group_branch("weekly"): "refreshed",
        get_group_branch("slow"): "opened",
    }
    alone = propose(stand, updated_registry)
    assert {name: each.outcome.value for name, each in alone.items()} == {
        **{get_branch(line): "opened" for line in (PYTHON, REDIS, NGINX)},
        get_group_branch("weekly"): "closed",
        get_group_branch("slow"): "closed",
    }


def test_proposal_is_withdrawn_when_the_tag_joins_or_leaves_a_group(tmp_path, updated_registry):
    stand, moves_over = LocalStand(tmp_path, FILES), (PolicyRule(group="weekly"),)
    propose(stand, updated_registry)
    for rules in (moves_over, (), moves_over):
        after = propose(stand, updated_registry, *rules).values()
        assert {each.outcome.value for each in after} == {"opened", "closed"}
        assert all("another proposal" in each.note for each in after if each.outcome.value == "closed")


def test_obsolete_group_proposal_stays_open_while_lookup_of_an_image_fails(tmp_path, updated_registry):
    stand = LocalStand(tmp_path, FILES)
    propose(stand, updated_registry, PolicyRule(group="weekly"))
    updated_registry.store.remove("library/nginx", build("new").digest)
    after = propose(stand, updated_registry)
    assert after[get_group_branch("weekly")].outcome.value == "left-alone"


def test_group_of_many_images_is_proposed_and_declined_together(tmp_path, loopback):
    names = [f"an-image-with-a-long-name-{number}" for number in range(MAX_TARGETS_LENGTH // 100)]
    for name in names:
        loopback.move(name, "1", "new")
    stand = LocalStand(tmp_path, {"Dockerfile": "".join(f"FROM {name}:1@{OLD}\n" for name in names)})
    (opened,) = propose(stand, loopback, PolicyRule(group="all")).values()
    assert (opened.outcome.value, len(opened.images)) == ("opened", len(names))
    assert len(parse_mark(opened.body).targets) == 1
    (unchanged,) = propose(stand, loopback, PolicyRule(group="all")).values()
    assert unchanged.outcome.value == "unchanged"
    stand.close_request(opened.branch)
    (declined,) = propose(stand, loopback, PolicyRule(group="all")).values()
    assert declined.outcome.value == "declined"
    loopback.move(names[0], "1", "newer")
    (offered,) = propose(stand, loopback, PolicyRule(group="all")).values()
    assert offered.outcome.value == "opened"
