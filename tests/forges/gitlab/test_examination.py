"""The diagnosis of tokens on GitLab, with tokens that each lack one right."""

from __future__ import annotations

import pytest
from support.forges.fleets import open_gitlab_fleet
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import no_pause
from support.forges.server import ForgeReply

from bot.forges.gitlab.gitlab_errors import READ_ACCESS, WRITE_ACCESS
from bot.forges.gitlab.server import JobToken
from bot.forges.gitlab.token_examination import ACCESS_BY_LEVEL, is_rule_for_prefix
from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.errors import ForgeError
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}


def build_target(level=RunLevel.PROPOSE, **more):
    return DiagnosisTarget(level, "basebump/", **more)


@pytest.fixture
def stand(tmp_path):
    stand = GitLabStand(tmp_path, FILES)
    stand.project.private = True
    yield stand
    assert stand.writes == []
    stand.end()


def list_problems(fleet, wanted):
    return {each.action: each.result for each in fleet.examine(wanted) if each.status is CheckStatus.PROBLEM}


def get_check(fleet, wanted, tried):
    (check,) = [each for each in fleet.examine(wanted) if each.action == tried]
    return check


def test_error_messages_name_the_same_access_as_checked_by_the_doctor_command():
    words = {
        level: f"the scope `{each.scope}` and the role {each.role.display_name}"
        for level, each in ACCESS_BY_LEVEL.items()
    }
    assert words == {RunLevel.REPORT: READ_ACCESS, RunLevel.PUSH: WRITE_ACCESS, RunLevel.PROPOSE: WRITE_ACCESS}


@pytest.mark.parametrize("level", RunLevel)
def test_doctor_accepts_token_with_exactly_the_access_of_the_level(stand, level):
    stand.token.scope, stand.token.can_write = ACCESS_BY_LEVEL[level].scope, level > RunLevel.REPORT
    found = list(stand.fleet().examine(build_target(level, has_dashboards=True)))
    assert {each.status for each in found} == {CheckStatus.OK}
    assert len(found) == (6 if level is RunLevel.REPORT else 8 if level is RunLevel.PUSH else 9)


@pytest.mark.parametrize("level", [RunLevel.PUSH, RunLevel.PROPOSE])
def test_doctor_reports_missing_scope_of_token_as_problem(stand, level):
    stand.token.scope = "read_api"
    found = list_problems(stand.fleet(), build_target(level))
    assert list(found) == ["check the scopes of the token"]
    assert "`read_api`" in found["check the scopes of the token"]


@pytest.mark.parametrize("level", [RunLevel.PUSH, RunLevel.PROPOSE])
def test_doctor_reports_missing_role_of_token_as_problem(stand, level):
    stand.token.can_write = False
    (found,) = list_problems(stand.fleet(), build_target(level)).values()
    assert "the role Reporter" in found


def test_doctor_reports_missing_membership_only_at_levels_that_write(stand):
    stand.project.private = False
    stand.project.members.clear()
    (found,) = list_problems(stand.fleet(), build_target()).values()
    assert "not a member" in found
    assert list_problems(stand.fleet(), build_target(RunLevel.REPORT)) == {}


def test_doctor_reports_invisible_project_as_problem_at_every_level(stand):
    stand.project.members.clear()
    for level in RunLevel:
        assert READ_ACCESS in list_problems(stand.fleet(), build_target(level))["select repositories"]


def test_doctor_reports_scopes_as_unknown_if_token_details_are_unreadable(stand):
    stand.server.fail("GET /personal_access_tokens/self", stand.server.problem(404, "404 Not Found"), times=9)
    check = get_check(stand.fleet(), build_target(), "check the scopes of the token")
    assert (check.status, "`api`" in check.result) == (CheckStatus.UNKNOWN, True)


def test_doctor_reports_protection_of_basebump_branches_as_problem(stand):
    stand.project.protected = {"main", "release/*", "basebump/*"}
    (found,) = list_problems(stand.fleet(), build_target()).values()
    assert "`basebump/*` protects basebump's branches" in found
    stand.project.protected = {"main", "release/*"}
    assert list_problems(stand.fleet(), build_target()) == {}


def test_doctor_reports_unreadable_branch_protection_as_unknown(stand):
    stand.server.fail("GET .*/protected_branches", ForgeReply(403, {"message": "403 Forbidden"}), times=9)
    assert (
        get_check(stand.fleet(), build_target(), "check that basebump/* is unprotected").status is CheckStatus.UNKNOWN
    )


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
def test_protection_rule_applies_if_pattern_can_match_a_basebump_branch(pattern, protects):
    assert is_rule_for_prefix(pattern, "basebump/") is protects


def test_doctor_reports_merge_method_of_project(stand):
    stand.project.merge_method = "ff"
    check = get_check(stand.fleet(), build_target(), "check the merge settings")
    assert (check.status, "only by fast-forward" in check.result) == (CheckStatus.OK, True)


def test_doctor_reports_disabled_merge_requests_only_at_propose_level(stand):
    stand.project.takes_requests = False
    assert "check the merge settings" in list_problems(stand.fleet(), build_target())
    assert list_problems(stand.fleet(), build_target(RunLevel.PUSH)) == {}


def test_doctor_reports_archived_project_only_at_levels_that_write(stand):
    stand.project.archived = True
    assert "archived" in list_problems(stand.fleet(), build_target())["push branches and open merge requests"]
    assert list_problems(stand.fleet(), build_target(RunLevel.REPORT)) == {}


def test_doctor_fails_with_hint_if_token_is_unknown(stand):
    fleet = open_gitlab_fleet(stand.server.url, "glpat-of-nobody", selected=[stand.name], pause=no_pause)
    with pytest.raises(ForgeError, match="create a new token") as caught:
        list(fleet.examine(build_target()))
    assert "glpat-of-nobody" not in str(caught.value)


def test_doctor_accepts_missing_token_only_for_reports_on_public_project(stand):
    stand.project.private = False
    fleet = open_gitlab_fleet(stand.server.url, None, selected=[stand.name], pause=no_pause)
    assert list_problems(fleet, build_target(RunLevel.REPORT)) == {}
    assert "no token is configured" in list_problems(fleet, build_target(RunLevel.PUSH))["push branches"]


def test_doctor_accepts_job_token_only_for_reports(stand):
    stand.project.members.add("grace")
    stand.server.world.add_token("glcbt-64_of-a-job", "grace").is_of_job = True
    fleet = open_gitlab_fleet(stand.server.url, JobToken("glcbt-64_of-a-job"), selected=[stand.name], pause=no_pause)
    assert list_problems(fleet, build_target(RunLevel.REPORT)) == {}
    for level in (RunLevel.PUSH, RunLevel.PROPOSE):
        (found,) = list_problems(fleet, build_target(level)).values()
        assert "job token" in found
    stand.server.job_operations = frozenset()
    assert "requires GitLab 18.4 or later" in list_problems(fleet, build_target(RunLevel.REPORT))["read merge requests"]
