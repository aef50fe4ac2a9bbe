"""The diagnosis of tokens on GitLab, with tokens that each lack one right."""

from __future__ import annotations

import pytest
from support.forges.fleets import open_gitlab_fleet
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import no_pause
from support.forges.server import Reply

from bot.forges.gitlab.gitlab_errors import READ_ACCESS, WRITE_ACCESS
from bot.forges.gitlab.server import JobToken
from bot.forges.gitlab.token_examination import ACCESS_BY_LEVEL, is_rule_for_prefix
from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.errors import ForgeError
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}


def aim(level=RunLevel.PROPOSE, **more):
    return DiagnosisTarget(level, "basebump/", **more)


@pytest.fixture
def stand(tmp_path):
    stand = GitLabStand(tmp_path, FILES)
    stand.project.private = True
    yield stand
    assert stand.writes == []
    stand.end()


def problems(fleet, wanted):
    return {each.action: each.result for each in fleet.examine(wanted) if each.status is CheckStatus.PROBLEM}


def check_of(fleet, wanted, tried):
    (check,) = [each for each in fleet.examine(wanted) if each.action == tried]
    return check


def test_the_messages_and_the_doctor_have_one_table_of_rungs():
    words = {
        level: f"the scope `{each.scope}` and the role {each.role.display_name}"
        for level, each in ACCESS_BY_LEVEL.items()
    }
    assert words == {RunLevel.REPORT: READ_ACCESS, RunLevel.PUSH: WRITE_ACCESS, RunLevel.PROPOSE: WRITE_ACCESS}


@pytest.mark.parametrize("level", RunLevel)
def test_a_token_that_has_what_a_rung_needs_is_well(stand, level):
    stand.token.scope, stand.token.can_write = ACCESS_BY_LEVEL[level].scope, level > RunLevel.REPORT
    found = list(stand.fleet().examine(aim(level, has_dashboards=True)))
    assert {each.status for each in found} == {CheckStatus.OK}
    assert len(found) == (6 if level is RunLevel.REPORT else 8 if level is RunLevel.PUSH else 9)


@pytest.mark.parametrize("level", [RunLevel.PUSH, RunLevel.PROPOSE])
def test_a_token_that_lacks_the_scope_is_told_which_to_have(stand, level):
    stand.token.scope = "read_api"
    found = problems(stand.fleet(), aim(level))
    assert list(found) == ["check the scopes of the token"]
    assert "`read_api`" in found["check the scopes of the token"]


@pytest.mark.parametrize("level", [RunLevel.PUSH, RunLevel.PROPOSE])
def test_an_account_that_lacks_the_role_is_told_which_to_have(stand, level):
    stand.token.can_write = False
    (found,) = problems(stand.fleet(), aim(level)).values()
    assert "the role Reporter" in found


def test_an_account_that_is_no_member_is_told_so(stand):
    stand.project.private = False
    stand.project.members.clear()
    (found,) = problems(stand.fleet(), aim()).values()
    assert "not a member" in found
    assert problems(stand.fleet(), aim(RunLevel.REPORT)) == {}


def test_a_project_that_it_does_not_see_is_a_problem_on_every_rung(stand):
    stand.project.members.clear()
    for level in RunLevel:
        assert READ_ACCESS in problems(stand.fleet(), aim(level))["select repositories"]


def test_a_token_that_tells_nothing_of_itself_is_not_guessed(stand):
    stand.server.fail("GET /personal_access_tokens/self", stand.server.problem(404, "404 Not Found"), times=9)
    check = check_of(stand.fleet(), aim(), "check the scopes of the token")
    assert (check.status, "`api`" in check.result) == (CheckStatus.UNKNOWN, True)


def test_a_rule_that_protects_our_branches_is_a_problem(stand):
    stand.project.protected = {"main", "release/*", "basebump/*"}
    (found,) = problems(stand.fleet(), aim()).values()
    assert "`basebump/*` protects basebump's branches" in found
    stand.project.protected = {"main", "release/*"}
    assert problems(stand.fleet(), aim()) == {}


def test_rules_that_may_not_be_read_are_unknown(stand):
    stand.server.fail("GET .*/protected_branches", Reply(403, {"message": "403 Forbidden"}), times=9)
    assert check_of(stand.fleet(), aim(), "check that basebump/* is unprotected").status is CheckStatus.UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "protects"),
    [
        ("*", True),
        ("basebump/*", True),
        ("basebump/node*", True),
        ("*/python*", True),
        ("main", False),
        ("*-stable", False),
        ("release/*", False),
        ("basebump", False),
    ],
)
def test_a_rule_is_about_our_branches_where_some_of_them_match_it(pattern, protects):
    assert is_rule_for_prefix(pattern, "basebump/") is protects


def test_how_a_project_merges_is_said(stand):
    stand.project.merge_method = "ff"
    check = check_of(stand.fleet(), aim(), "check the merge settings")
    assert (check.status, "only by fast-forward" in check.result) == (CheckStatus.OK, True)


def test_a_project_that_takes_no_merge_requests_takes_no_proposals(stand):
    stand.project.takes_requests = False
    assert "check the merge settings" in problems(stand.fleet(), aim())
    assert problems(stand.fleet(), aim(RunLevel.PUSH)) == {}


def test_an_archived_project_that_is_named_takes_no_proposals(stand):
    stand.project.archived = True
    assert "archived" in problems(stand.fleet(), aim())["push branches and open merge requests"]
    assert problems(stand.fleet(), aim(RunLevel.REPORT)) == {}


def test_a_token_that_gitlab_does_not_know_ends_it_with_what_to_do(stand):
    fleet = open_gitlab_fleet(stand.server.url, "glpat-of-nobody", selected=[stand.name], pause=no_pause)
    with pytest.raises(ForgeError, match="create a new token") as caught:
        list(fleet.examine(aim()))
    assert "glpat-of-nobody" not in str(caught.value)


def test_without_a_token_what_is_public_can_be_reported_and_not_proposed_to(stand):
    stand.project.private = False
    fleet = open_gitlab_fleet(stand.server.url, None, selected=[stand.name], pause=no_pause)
    assert problems(fleet, aim(RunLevel.REPORT)) == {}
    assert "no token is configured" in problems(fleet, aim(RunLevel.PUSH))["push branches"]


def test_the_token_of_a_job_reports_and_no_more(stand):
    stand.project.members.add("grace")
    stand.server.world.add_token("glcbt-64_of-a-job", "grace").is_of_job = True
    fleet = open_gitlab_fleet(stand.server.url, JobToken("glcbt-64_of-a-job"), selected=[stand.name], pause=no_pause)
    assert problems(fleet, aim(RunLevel.REPORT)) == {}
    for level in (RunLevel.PUSH, RunLevel.PROPOSE):
        (found,) = problems(fleet, aim(level)).values()
        assert "job token" in found
    stand.server.job_operations = frozenset()
    assert "takes 18.4 or later" in problems(fleet, aim(RunLevel.REPORT))["read merge requests"]
