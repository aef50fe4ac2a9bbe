"""`basebump run` with a server: the real client library, a server based on git, and validation of every exchange."""

import json
from dataclasses import dataclass

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.gitea.stand import GiteaStand
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import HostedStand
from support.values import digest

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(
        local="it is no server",
        github_app="tokens aside, it is asked as with a token",
        forgejo="it is asked as a Gitea",
    ),
]

BRANCH = "basebump/python-3.12-slim-06e5bb43"


@dataclass(frozen=True)
class ServerCase:
    """A kind of forge server."""

    stand: type[HostedStand]
    ends: str
    """The line ends of its Dockerfile: CR LF if the server preserves it."""
    request: str
    """The path of the first pull or merge request on the server."""

    @property
    def files(self) -> dict[str, str]:
        return {
            "Dockerfile": f"# caf\u00e9{self.ends}FROM python:3.12-slim@{digest('old')}{self.ends}",
            "deploy/web.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: 'python:3.12-slim'\n",
        }


SERVERS = {
    "github": ServerCase(GitHubStand, "\r\n", "/acme/web/pull/1"),
    "gitlab": ServerCase(GitLabStand, "\n", "/acme/shop/web/-/merge_requests/1"),
    "gitea": ServerCase(GiteaStand, "\r\n", "/acme/web/pulls/1"),
    "azure": ServerCase(AzureStand, "\r\n", "/Acme%20Shop/_git/web/pullrequest/1"),
}


@pytest.fixture(params=SERVERS)
def kind(request):
    return request.param


@pytest.fixture
def stand(serve, kind):
    return serve(SERVERS[kind].stand, SERVERS[kind].files)


@pytest.fixture
def config_file(configure, stand):
    return configure(stand, more="policy: [{labels: [dependencies]}]\n")


def _run(basebump, config_file, level="propose"):
    code, out, _ = basebump("run", "--config", config_file, "--level", level, "--format", "json")
    assert code == 0, out
    (repository,) = json.loads(out)["repositories"]
    return repository


def test_run_opens_one_pull_request_with_one_commit_for_all_files(basebump, config_file, stand, kind, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    repository = _run(basebump, config_file)
    (proposal,) = repository["proposals"]
    assert (repository["forge"], repository["name"], repository["base_branch"]) == (kind, stand.name, "main")
    assert (proposal["branch"], proposal["outcome"]) == (BRANCH, "opened")
    assert proposal["files"] == ["Dockerfile", "deploy/web.yaml"]
    assert proposal["url"].endswith(SERVERS[kind].request)
    assert len(stand.commits(BRANCH)) == 1
    files = stand.files(BRANCH)
    before = SERVERS[kind].files
    assert files["Dockerfile"].content == before["Dockerfile"].replace(digest("old"), now).encode()
    assert files["deploy/web.yaml"].content == before["deploy/web.yaml"].replace("slim'", f"slim@{now}'").encode()
    (request,) = stand.requests()
    assert request.labels == ("dependencies",)


def test_second_run_without_changes_makes_no_writes_to_the_server(basebump, config_file, stand, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file)
    writes = list(stand.writes)
    (proposal,) = _run(basebump, config_file)["proposals"]
    assert proposal["outcome"] == "unchanged"
    assert stand.writes == writes


def test_run_at_level_report_or_push_opens_no_pull_request(basebump, config_file, stand, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file, "report")
    assert stand.writes == []
    (proposal,) = _run(basebump, config_file, "push")["proposals"]
    assert proposal["outcome"] == "would-open"
    assert BRANCH in stand.branches()
    assert stand.requests() == []


def test_open_pull_request_is_updated_to_the_new_digest_of_the_tag(basebump, config_file, stand, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file)
    newer = loopback.move("python", "3.12-slim", "newer")
    (proposal,) = _run(basebump, config_file)["proposals"]
    assert proposal["outcome"] == "refreshed"
    (request,) = stand.requests()
    assert newer[7:19] in request.title
    assert len(stand.commits(BRANCH)) == 1


def test_run_with_unset_token_exits_with_2_and_names_the_variable(basebump, config_file, monkeypatch):
    monkeypatch.delenv("ACME_TOKEN")
    code, _, err = basebump("run", "--config", config_file)
    assert code == 2
    assert "ACME_TOKEN is not set" in err


def test_run_with_refused_token_exits_with_1_without_showing_the_token(basebump, config_file, stand, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", "wrong-and-secret")
    code, out, err = basebump("run", "--config", config_file, "--format", "json")
    (failed,) = json.loads(out)["failed"]
    assert code == 1
    assert failed["subject"] == stand.name
    assert "wrong-and" not in out + err


def test_first_run_opens_one_proposal_in_repository_selected_by_owner(basebump, configure, stand, loopback):
    loopback.move("python", "3.12-slim", "now")
    stand.commit("main", {"more/Dockerfile": f"FROM node:22@{digest('old')}\n"})
    loopback.move("node", "22", "now")
    group, _, short = stand.name.rpartition("/")
    more = "proposals: {write_delay: 0s}\n"
    config_file = configure(stand, f"{{owner: {group}, include: [{short}]}}", more)
    (proposal,) = _run(basebump, config_file)["proposals"]
    assert (proposal["outcome"], len(proposal["files"])) == ("opened", 3)
    assert len(_run(basebump, configure(stand, more=more))["proposals"]) > 1


def test_token_with_a_line_break_at_the_end_is_accepted(basebump, config_file, stand, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", f"{stand.secret}\n")
    assert _run(basebump, config_file, "report")["name"] == stand.name


def test_invalid_token_error_names_the_variable_but_not_the_value(basebump, config_file, stand, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", f"{stand.secret}\nand more")
    code, out, err = basebump("run", "--config", config_file)
    assert code == 2
    assert "forges[0].token_env: the environment variable ACME_TOKEN does not contain a valid token" in out + err
    assert stand.secret not in out + err
