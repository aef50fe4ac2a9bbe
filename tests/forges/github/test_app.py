"""GitHub Apps: the permissions, repositories and lifetime of their tokens, and failures to authenticate."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.forges.fleets import open_github_fleet
from support.forges.github.apps import private_key, public_key
from support.forges.github.scene import BRANCH, CHANGE, FILES, INTENT, MESSAGE, look, proposal, propose
from support.forges.github.server import GitHubServer
from support.forges.github.stand import PERMISSIONS, GitHubAppStand
from support.forges.hosted_stand import no_pause
from support.git import ADA

from bot.forges.github.server import AppKey, InvalidKeyError
from bot.forges.selection import RepositorySelection
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.request_attributes import RequestAttributes
from bot.model.source import FileChange, FilePath

READ = {"metadata": "read", "contents": "read", "pull_requests": "read"}
PUSH = {**READ, "contents": "write"}
PROPOSE = {**READ, "pull_requests": "write"}
WORKFLOWS = {**READ, "contents": "write", "workflows": "write"}


@pytest.fixture
def stand(tmp_path):
    stand = GitHubAppStand(tmp_path / "github", FILES)
    stand.repository.private = True
    stand.repository.members.clear()
    yield stand
    stand.end()


@pytest.fixture
def server(tmp_path):
    with GitHubServer(tmp_path / "github") as server:
        server.world.add_app("bump", public_key())
        yield server


def _app(server):
    return server.world.apps[0]


def _fleet(server, *selected, **more):
    key = AppKey(_app(server).id, private_key())
    return open_github_fleet(server.url, key, selected=selected, pause=no_pause, **more)


def _names(server, *selected, only=()):
    found = _fleet(server, *selected).list_repositories(frozenset(only))
    return [each.name if isinstance(each, GitRepository) else each for each in found]


def list_issued_permissions(server):
    return [each.request for each in server.exchanges if each.line.endswith("/access_tokens")]


# What its tokens may do


def test_app_obtains_write_token_only_for_single_repository(stand):
    propose(stand)
    look(stand)
    lent = list_issued_permissions(stand.server)
    wanted = [{"permissions": each, "repositories": ["web"]} for each in (PUSH, PROPOSE)]
    assert all(each in lent for each in wanted)
    assert all(each in [{"permissions": READ}, *wanted] for each in lent)


def test_read_only_run_obtains_no_write_token(stand):
    stand.installation.permissions = READ
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    assert len(list(tree.read(list(tree.list_entries())))) == len(FILES)
    assert fleet.get_forge(repository).list_requests("basebump/", frozenset({BRANCH})) == ()
    assert list_issued_permissions(stand.server) == [{"permissions": READ}]


def test_push_of_workflow_file_requests_token_with_workflows_permission(stand):
    workflow = FileChange(FilePath(".github/workflows/ci.yml"), b"container: node:22\n")
    stand.commit("main", {workflow.path: "container: node\n"})
    stand.installation.permissions = {**PERMISSIONS, "pull_requests": "read"}
    head = stand.forge().push(BRANCH, [workflow], MESSAGE, None)
    newer = replace(workflow, content=b"container: node:24\n")
    stand.forge().push(BRANCH, [newer], MESSAGE, head)
    assert {"permissions": WORKFLOWS, "repositories": ["web"]} in list_issued_permissions(stand.server)


def test_error_of_workflow_file_push_names_missing_workflows_permission(stand):
    workflow = FileChange(FilePath(".github/workflows/ci.yml"), b"container: node:22\n")
    stand.commit("main", {workflow.path: "container: node\n"})
    stand.installation.permissions = {**PUSH, **PROPOSE, "contents": "write"}
    with pytest.raises(ForgeError, match=r"'acme' lacks one of .*`workflows: write`.*not granted"):
        stand.forge().push(BRANCH, [workflow], MESSAGE, None)
    stand.forge().push(BRANCH, [CHANGE], MESSAGE, None)


def test_app_sets_labels_without_issues_permission(stand):
    assert propose(stand, attributes=RequestAttributes(labels=("dependencies",))).notes == ()


# How long they are used


def test_installation_token_is_reused_while_valid(stand):
    fleet = stand.fleet()
    for _ in range(3):
        list(fleet.list_repositories(frozenset()))
    assert list_issued_permissions(stand.server) == [{"permissions": READ}]


def test_installation_token_is_replaced_before_expiry(stand):
    stand.server.world.tokens_last = timedelta(minutes=4)
    fleet = stand.fleet()
    list(fleet.list_repositories(frozenset()))
    before = len(list_issued_permissions(stand.server))
    list(fleet.list_repositories(frozenset()))
    assert len(list_issued_permissions(stand.server)) > before
    assert not any(each.status == 401 for each in stand.server.exchanges)


# Where they go


def test_signed_jwt_of_app_is_sent_only_to_app_endpoints(stand):
    propose(stand)
    look(stand)
    exchanges = stand.server.exchanges
    assert {each.target.startswith("/app") for each in exchanges} == {True, False}
    for each in exchanges:
        is_signature = each.headers["authorization"].count(".") == 2
        assert is_signature == each.target.startswith("/app"), each.line


def test_installation_token_is_sent_only_for_repositories_of_same_owner(server):
    world = server.world
    for name in ("acme/web", "grace/site"):
        world.add_repository(name, FILES, private=True)
        world.install(_app(server), name.partition("/")[0], PERMISSIONS)
    assert _names(server, "acme/web", "grace/site") == ["acme/web", "grace/site"]
    for each in server.exchanges:
        secret = each.headers["authorization"].partition(" ")[2]
        if each.target.startswith("/repos/"):
            assert world.tokens[secret].installation.account.login == each.target.split("/")[2]


@responses.activate
def test_credentials_of_app_are_not_sent_to_other_host_by_link_or_redirect():
    root = "https://ghe.example/api/v3"
    account = {"login": "acme"}
    responses.get(f"{root}/app/installations", json=[{"id": 7, "account": account, "suspended_at": None}])
    responses.get(f"{root}/app", json={"slug": "bump"})
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    responses.post(
        f"{root}/app/installations/7/access_tokens", json={"token": "ghs_1", "expires_at": until}, status=201
    )
    link = {"Link": '<https://evil.example/steal?page=2>; rel="next"'}
    responses.get(f"{root}/installation/repositories", json={"repositories": [{}]}, headers=link)
    fleet = open_github_fleet("https://ghe.example/api/v3", AppKey(7, private_key()), pause=no_pause)
    (failed,) = fleet.list_repositories(frozenset())
    assert failed.subject == "acme"
    assert {call.request.url.split("/")[2] for call in responses.calls} == {"ghe.example"}
    moved = {"Location": "https://evil.example/app/installations"}
    responses.replace(responses.GET, f"{root}/app/installations", status=301, headers=moved)
    fleet = open_github_fleet("https://ghe.example/api/v3", AppKey(7, private_key()), pause=no_pause)
    (failed,) = fleet.list_repositories(frozenset())
    assert {call.request.url.split("/")[2] for call in responses.calls} == {"ghe.example"}


def test_token_is_hidden_in_quoted_server_error(stand):
    forge = stand.forge()
    forge.push(BRANCH, [CHANGE], MESSAGE, None)
    forge.open(proposal())
    *_, secret = stand.server.world.tokens
    stand.server.fail(r"POST .*/pulls", stand.server.problem(403, f"Token {secret} may not do that"))
    with pytest.raises(ForgeError, match="hidden") as refused:
        forge.open(proposal())
    assert secret not in str(refused.value)


def test_private_key_of_app_is_hidden_in_repr():
    assert "PRIVATE" not in repr(AppKey(7, private_key()))


# Its repositories


def test_selected_owner_lists_only_repositories_of_installation(server):
    for name in ("acme/web", "acme/api", "acme/site"):
        server.world.add_repository(name, FILES, private=name != "acme/site")
    server.world.install(_app(server), "acme", PERMISSIONS, only=frozenset({"web", "api"}))
    assert _names(server, RepositorySelection("acme")) == ["acme/api", "acme/web"]
    assert _names(server, RepositorySelection("acme", exclude=("api",))) == ["acme/web"]
    assert _names(server, RepositorySelection("acme"), only=["acme/site", "acme/web"]) == ["acme/web"]


def test_app_lists_repositories_of_all_installations_if_none_is_selected(server):
    for name in ("acme/web", "acme/old", "grace/site", "linus/kernel"):
        server.world.add_repository(name, FILES, private=True, archived=name == "acme/old")
    server.world.install(_app(server), "grace", PERMISSIONS)
    server.world.install(_app(server), "acme", PERMISSIONS)
    assert _names(server) == ["acme/web", "grace/site"]
    assert _names(server, only=["Grace/Site"]) == ["grace/site"]
    assert _names(server, only=["linus/kernel"]) == []


def test_app_without_any_installation_is_reported_as_failure(server):
    (failed,) = _names(server)
    assert failed.subject == server.url


@pytest.mark.parametrize("selected", ["acme/web", RepositorySelection("acme")])
def test_owner_that_did_not_install_app_is_reported_as_failure(server, selected):
    server.world.add_repository("acme/web", FILES)
    (failed,) = _names(server, selected)
    assert isinstance(failed, RunFailure)
    assert re.search(f"App {_app(server).id} .*'acme'", failed.error)
    assert list_issued_permissions(server) == []


def test_suspended_installation_is_reported_and_others_are_listed(server):
    for name in ("acme/web", "grace/site"):
        server.world.add_repository(name, FILES, private=True)
    server.world.install(_app(server), "grace", PERMISSIONS)
    server.world.install(_app(server), "acme", PERMISSIONS).suspended = datetime.now(UTC)
    failed, site = _names(server)
    assert (failed.subject, site) == ("acme", "grace/site")
    assert "'acme' suspended the App" in failed.error


def test_push_to_public_repository_outside_installation_is_refused(server):
    server.world.add_repository("acme/site", FILES)
    server.world.install(_app(server), "acme", PERMISSIONS, only=frozenset({"web"}))
    fleet = _fleet(server, "acme/site")
    (repository,) = fleet.list_repositories(frozenset())
    with pytest.raises(ForgeError, match="does not include 'site'"):
        fleet.get_forge(repository).push(BRANCH, [CHANGE], MESSAGE, None)


def test_unknown_app_is_reported_as_failure_with_app_id(server):
    _app(server).id += 1
    fleet = open_github_fleet(server.url, AppKey(1, private_key()), selected=["acme/web"], pause=no_pause)
    (failed,) = fleet.list_repositories(frozenset())
    assert "the App 1 " in failed.error


# Its key


def test_private_key_with_escaped_newlines_is_accepted(server):
    server.world.add_repository("acme/web", FILES)
    server.world.install(_app(server), "acme", PERMISSIONS)
    key = AppKey(_app(server).id, private_key().replace("\n", "\\n"))
    (found,) = open_github_fleet(server.url, key, selected=["acme/web"], pause=no_pause).list_repositories(frozenset())
    assert found.name == "acme/web"


def make_elliptic_key():
    form = serialization.PrivateFormat.PKCS8
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def make_encrypted_key():
    form, lock = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    made = serialization.load_pem_private_key(private_key().encode(), None)
    return made.private_bytes(serialization.Encoding.PEM, form, lock).decode()


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("s3cr3t", id="no key"),
        pytest.param(public_key(), id="public"),
        pytest.param(private_key()[:-100], id="cut short"),
        pytest.param(make_elliptic_key(), id="of another kind"),
        pytest.param(make_encrypted_key(), id="under a password"),
        pytest.param("", id="empty"),
    ],
)
def test_invalid_private_key_is_refused(key):
    with pytest.raises(InvalidKeyError):
        AppKey(7, key)


# Its commits


def test_app_commit_is_signed_by_github_and_recognised_as_own(stand):
    propose(stand)
    (commit,) = stand.commits(BRANCH)
    assert (commit.author.name, commit.committer.name) == ("bump[bot]", "GitHub")
    (sent,) = [each.request for each in stand.server.exchanges if each.line == "POST /repos/acme/web/git/commits"]
    assert sent.keys() == {"message", "tree", "parents"}
    (seen,) = look(stand)
    assert seen.intent == INTENT


def test_commits_of_other_app_or_user_are_not_recognised_as_own(stand):
    other = stand.server.world.add_account("renovate[bot]", "Bot").person
    for who in (other, ADA):
        stand.git.commit(BRANCH, {"Dockerfile": CHANGE.content}, MESSAGE, who=who)
        (seen,) = look(stand)
        assert seen.intent is None
        stand.delete_branch(BRANCH)
