"""Gitea and Forgejo servers: repositories of owners, messages about tokens, and the diagnosis."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BRANCH, look, propose, push
from support.forges.fleets import open_gitea_fleet
from support.forges.gitea.stand import BOT, TOKEN, ForgejoStand, GiteaStand
from support.forges.gitea.state import ALL_SCOPES
from support.forges.hosted_stand import no_pause
from support.forges.server import ForgeReply
from support.git import CommitAuthor

from bot.forges.hosted.refusal import UNAUTHORIZED, RefusedError
from bot.forges.selection import RepositorySelection
from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.errors import ForgeError
from bot.model.report import RunFailure
from bot.model.vocabulary import RunLevel

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
READING = frozenset({"read:repository", "read:issue", "read:user", "read:organization"})


@pytest.fixture
def stand(tmp_path):
    stand = GiteaStand(tmp_path, FILES)
    yield stand
    stand.end()


def list_names(stand, *selected, token=TOKEN):
    fleet = open_gitea_fleet(stand.server.url, token, selected=selected, pause=no_pause)
    return [each.error if isinstance(each, RunFailure) else each.name for each in fleet.list_repositories(frozenset())]


def test_usable_repositories_of_organization_are_listed_from_all_pages(stand):
    world = stand.server.world
    for number in range(3):
        world.add_repository(f"acme/r{number}", FILES, topics=("production",) if number else ())
    for short, more in (("old", "archived"), ("copy", "mirror"), ("theirs", "fork")):
        world.add_repository(f"acme/{short}", FILES, **{more: True})
    world.add_repository("acme/empty", None)
    world.add_repository("acme/closed", FILES, takes_requests=False)
    world.add_repository("acme/secret", FILES, private=True)
    stand.server.max_items = 2
    assert list_names(stand, RepositorySelection("acme")) == ["acme/r0", "acme/r1", "acme/r2", "acme/web"]
    assert list_names(stand, RepositorySelection("acme", topics=("production",))) == ["acme/r1", "acme/r2"]


def test_repositories_of_a_user_are_listed(stand):
    stand.server.world.add_repository("ada/tools", FILES).owner.is_organization = False
    assert list_names(stand, RepositorySelection("ada")) == ["ada/tools"]
    assert "does not exist" in list_names(stand, RepositorySelection("nobody"))[0]


def test_repository_is_found_by_name_from_before_rename(stand):
    stand.server.world.moved["acme/former"] = stand.repository
    fleet = open_gitea_fleet(stand.server.url, TOKEN, selected=["acme/former"], pause=no_pause)
    (found,) = fleet.list_repositories(frozenset())
    assert (found.name, found.configured_name) == ("acme/web", "acme/former")


def test_repository_of_owner_with_limited_visibility_is_not_public(stand):
    stand.repository.owner.visibility = "limited"
    fleet = open_gitea_fleet(stand.server.url, TOKEN, selected=["acme/web"], pause=no_pause)
    assert [each.is_public for each in fleet.list_repositories(frozenset())] == [False]


def test_server_url_with_path_is_supported(tmp_path):
    stand = GiteaStand(tmp_path, FILES, below="/git")
    propose(stand)
    assert [each.branch for each in look(stand)] == [BRANCH]
    stand.end()


def test_own_commit_has_name_and_email_of_token_account(stand):
    propose(stand)
    (commit,) = stand.commits(BRANCH)
    bot = stand.token.user
    assert (commit.author, commit.committer) == (CommitAuthor(BOT, bot.email), CommitAuthor(BOT, bot.email))
    bot.email = "another@example.org"
    assert [each.intent for each in look(stand)] == [None]


def test_account_without_email_commits_with_noreply_email(stand):
    stand.token.user.email = ""
    propose(stand)
    assert [each.author for each in stand.commits(BRANCH)] == [CommitAuthor(BOT, f"{BOT}@noreply.127.0.0.1")]
    assert [each.intent is not None for each in look(stand)] == [True]


# Messages


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (401, "invalid username, password or token", "does not accept the token; hint: create a new token"),
        (
            403,
            "token does not have at least one of required scope(s), required=[read:repository]",
            "the token lacks a scope; hint: create a token with the scope `read:repository`",
        ),
        (403, "Forbidden", "Forbidden; hint: give the token the scope `read:repository`, and its account"),
        (404, "The target couldn't be found.", "it does not exist, or the token has no access"),
        (413, "quota exceeded", "quota exceeded; hint: raise the quota"),
        (423, "Repo acme/web is archived", "the repository is archived; hint: unarchive it"),
        (429, "", "the rate limit is used up until"),
        (503, "", "it failed with status 503; hint: rerun basebump later"),
    ],
)
def test_error_of_refused_read_has_message_and_hint_for_each_status(stand, status, message, said):
    stand.server.fail("GET /repos/acme/web$", stand.server.problem(status, message), times=10)
    (error,) = list_names(stand, "acme/web")
    assert said in error
    assert TOKEN not in error


@pytest.mark.parametrize(
    ("scopes", "can_write", "said"),
    [
        (READING, True, "403; hint: give the token the scope `write:repository`"),
        (ALL_SCOPES, False, "403; hint: give the token the scope `write:repository`"),
    ],
)
def test_error_of_push_refused_for_missing_scope_or_right_has_hint(stand, scopes, can_write, said):
    stand.token.scopes, stand.token.can_write = scopes, can_write
    with pytest.raises(ForgeError) as refused:
        push(stand)
    assert said in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert list(stand.branches()) == ["main"]


def test_error_of_push_refused_with_401_has_hint_about_token_scope(stand):
    denied = ForgeReply(401, b"Unauthorized", {"WWW-Authenticate": 'Basic realm="Gitea"'})
    stand.server.fail("service=git-receive-pack", denied)
    with pytest.raises(RefusedError, match="hint: give the token the scope `write:repository`") as refused:
        push(stand)
    assert refused.value.status == UNAUTHORIZED


def test_token_of_server_administrator_is_refused_for_writes(stand):
    stand.token.user.is_admin = True
    assert look(stand) == []
    with pytest.raises(ForgeError, match="administers the server, so that the token can act as every user; hint"):
        push(stand)
    assert stand.writes == []


# The diagnosis


def examine(stand, level):
    checks = list(stand.fleet().examine(DiagnosisTarget(level, "basebump/", has_dashboards=True)))
    return {(each.action, each.status): each.result for each in checks}


@pytest.mark.parametrize("server", [GiteaStand, ForgejoStand])
@pytest.mark.parametrize("level", RunLevel)
def test_doctor_finds_no_problem_if_token_has_all_rights(tmp_path, server, level):
    stand = server(tmp_path, FILES)
    stand.token.scopes = READING if level is RunLevel.REPORT else ALL_SCOPES
    found = examine(stand, level)
    assert not any(status is CheckStatus.PROBLEM for _, status in found)
    assert ("check the scopes of the token", CheckStatus.UNKNOWN) in found or level is RunLevel.REPORT
    assert stand.writes == []
    assert {GiteaStand: "Gitea 1.26.0", ForgejoStand: "Forgejo 16.0.1"}[server] in found["read the version", "ok"]
    stand.end()


@pytest.mark.parametrize(
    ("action", "said", "harm"),
    [
        ("identify the token", "administers", lambda stand: setattr(stand.token.user, "is_admin", True)),
        ("push branches", "is archived", lambda stand: setattr(stand.repository, "archived", True)),
        ("push branches", "is a mirror", lambda stand: setattr(stand.repository, "mirror", True)),
        ("push branches", "accepts no pull requests", lambda stand: setattr(stand.repository, "takes_requests", False)),
        ("push branches", "has no write access", lambda stand: stand.repository.members.clear()),
        (
            "check that basebump/* is unprotected",
            "`*` protects",
            lambda stand: stand.repository.protected.update({"basebump/**": {}, "**": {}, "*": {}}),
        ),
        (
            "read pull requests",
            "create a token with the scope `read:issue`",
            lambda stand: setattr(stand.token, "scopes", READING - {"read:issue"}),
        ),
    ],
)
def test_doctor_reports_anything_that_prevents_proposals_as_problem(stand, action, said, harm):
    harm(stand)
    result = examine(stand, RunLevel.PROPOSE)[action, CheckStatus.PROBLEM]
    assert said in result or "`basebump/**`" in result


def test_doctor_reports_hidden_branch_protection_as_unknown(stand):
    stand.server.shows_protections = False
    assert ("check that basebump/* is unprotected", CheckStatus.UNKNOWN) in examine(stand, RunLevel.PUSH)


def test_run_without_token_can_read_but_not_push_to_public_repository(stand):
    fleet = open_gitea_fleet(stand.server.url, None, selected=["acme/web"], pause=no_pause)
    (repository,) = fleet.list_repositories(frozenset())
    assert repository.name == "acme/web"
    problems = [each for each in fleet.examine(DiagnosisTarget(RunLevel.PUSH, "basebump/")) if each.status == "problem"]
    assert [each.action for each in problems] == ["push branches"]
