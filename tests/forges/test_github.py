"""GitHub's own corners: which repositories, which requests, whose commits; the rest is in the contract."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import responses
from support.git import ADA, EXECUTABLE, File
from support.github.graphql import GraphQL
from support.github.server import GitHubServer
from support.github.stand import BOT, TOKEN, GitHubStand, no_pause

from bot.core.mark import trailer
from bot.forges import _github_tree
from bot.forges._github_requests import MERGE_CHECK
from bot.forges.github import GitHubFleet, Selection
from bot.model.errors import ForgeError, TreeError
from bot.model.proposal import Change, Proposal, RequestState
from bot.model.report import Failed
from bot.model.source import FilePath
from bot.model.vocabulary import Stage
from bot.ports import Entry, GitRepository

PREFIX = "basebump/"
BRANCH = "basebump/python-3.12-slim-06e5bb43"
INTENT = "1" * 16
MESSAGE = f"Update python\n\n{trailer(INTENT)}\n"
FILES = {
    "Dockerfile": "FROM python:3.12-slim\n",
    "app/Dockerfile": "FROM node:22\r\n",
    "app/deep/build.sh": File(b"#!/bin/sh\n", EXECUTABLE),
}
CHANGE = Change(FilePath("Dockerfile"), b"FROM python:3.12-slim@sha256:1\n")
NEWER = replace(CHANGE, content=b"FROM python:3.12-slim@sha256:2\n")


@pytest.fixture
def github(tmp_path):
    """Return github.com with one repository on it."""
    stand = GitHubStand(tmp_path / "github", FILES)
    yield stand
    stand.end()


@pytest.fixture
def make_stand(tmp_path):
    stands = []

    def make(**more):
        stands.append(GitHubStand(tmp_path / f"github-{len(stands)}", FILES, **more))
        return stands[-1]

    yield make
    for stand in stands:
        stand.end()


@pytest.fixture
def server(tmp_path):
    """Return github.com with nothing on it."""
    with GitHubServer(tmp_path / "github") as server:
        server.world.add_token(TOKEN, BOT)
        yield server


def _fleet(server, *selected, token=TOKEN):
    names = [each for each in selected if isinstance(each, str)]
    selections = [each for each in selected if isinstance(each, Selection)]
    return GitHubFleet(server.url, token, names=names, selections=selections, pause=no_pause)


def _names(server, *selected, only=(), token=TOKEN):
    found = _fleet(server, *selected, token=token).repositories(frozenset(only))
    return [each.name if isinstance(each, GitRepository) else each for each in found]


def _proposal(**words):
    values = {"branch": BRANCH, "title": "Update python", "body": "Moves python.\n", "message": MESSAGE}
    rest = {"changes": (CHANGE,), "images": (), "targets": (), "intent": INTENT, "report": "2" * 16}
    return Proposal(**(values | rest | words))


def _propose(stand, **words):
    forge = stand.forge()
    forge.push(BRANCH, [CHANGE], MESSAGE, None)
    return forge.open(_proposal(**words))


def _seen(stand, wanted=(BRANCH,)):
    return stand.forge().seen(PREFIX, frozenset(wanted))


# Repositories by name


def test_a_named_repository_takes_two_requests(server):
    repository = server.world.add_repository("acme/web", FILES)
    head = repository.git.need("main")
    assert list(_fleet(server, "acme/web").repositories(frozenset())) == [
        GitRepository("github", "acme/web", "main", head)
    ]
    assert server.lines == ["GET /repos/acme/web", "GET /repos/acme/web/git/ref/heads/main"]


def test_the_base_branch_is_the_default_branch(server):
    repository = server.world.add_repository("acme/web", FILES, default_branch="trunk/stable")
    repository.git.commit("trunk/stable", {"README.md": "The trunk.\n"})
    (found,) = _fleet(server, "acme/web").repositories(frozenset())
    assert (found.base_branch, found.commit) == ("trunk/stable", repository.git.need("trunk/stable"))


def test_a_repository_without_commits_has_no_base_branch(server):
    server.world.add_repository("acme/empty", None)
    fleet = _fleet(server, "acme/empty")
    (found,) = fleet.repositories(frozenset())
    assert found == GitRepository("github", "acme/empty", None, None)
    assert fleet.forge(found).seen(PREFIX, frozenset()) == ()
    with pytest.raises(TreeError, match="no commit"):
        fleet.tree(found)
    with pytest.raises(ForgeError, match="no commit"):
        fleet.forge(found).push(BRANCH, [CHANGE], MESSAGE, None)
    with pytest.raises(ForgeError, match="no default branch"):
        fleet.forge(found).open(_proposal())


def test_a_repository_that_the_token_cannot_see_fails_and_the_others_go_on(server):
    server.world.add_repository("acme/secret", FILES, private=True)
    server.world.add_repository("acme/web", FILES)
    fleet = _fleet(server, "acme/secret", "acme/nowhere", "acme/web")
    secret, nowhere, web = fleet.repositories(frozenset())
    for failed, name in ((secret, "acme/secret"), (nowhere, "acme/nowhere")):
        assert (failed.subject, failed.stage) == (name, Stage.SURVEY)
        assert "check the name" in failed.error
    assert web.name == "acme/web"


def test_names_are_the_same_in_upper_and_lower_case_and_yielded_once_as_github_spells_them(server):
    server.world.add_repository("Acme/Web", FILES)
    assert _names(server, "acme/web", "ACME/WEB", only=["acme/WEB"]) == ["Acme/Web"]


def test_a_name_that_is_not_configured_is_not_looked_at(server):
    server.world.add_repository("acme/web", FILES)
    assert _names(server, "acme/web", Selection("acme"), only=["other/web"]) == []
    assert server.lines == []


# Repositories by owner


def test_an_organization_has_no_repositories_that_are_dead_or_forks(server):
    add = server.world.add_repository
    add("acme/web", FILES)
    add("acme/api", FILES, private=True, members={BOT})
    add("acme/old", FILES, archived=True)
    add("acme/locked", FILES, disabled=True)
    add("acme/copy", FILES, fork=True)
    add("acme/empty", None)
    add("acme/secret", FILES, private=True)
    add("others/web", FILES)
    assert _names(server, Selection("acme")) == ["acme/api", "acme/web"]


def test_repositories_are_selected_by_globs_over_their_short_names_and_by_topics(server):
    for name, topics in {"web-a": ("go",), "web-b": ("go", "keep"), "web-old": ("keep",), "api": ("keep",)}.items():
        server.world.add_repository(f"acme/{name}", FILES, topics=topics)
    assert _names(server, Selection("acme", include=("web-*",))) == ["acme/web-a", "acme/web-b", "acme/web-old"]
    assert _names(server, Selection("acme", include=("web-*", "api"), exclude=("*-old", "*-a"))) == [
        "acme/api",
        "acme/web-b",
    ]
    assert _names(server, Selection("acme", include=("WEB-*",), exclude=("Web-Old",))) == ["acme/web-a", "acme/web-b"]
    assert _names(server, Selection("acme", topics=("keep", "new"))) == ["acme/api", "acme/web-b", "acme/web-old"]


def test_every_page_of_an_organization_is_read(server):
    for number in range(101):
        server.world.add_repository(f"acme/r{number:03}", None if number else FILES, archived=number > 0)
    server.world.add_repository("acme/the-last", FILES)
    assert _names(server, Selection("acme")) == ["acme/r000", "acme/the-last"]


def test_a_user_has_private_repositories_for_the_own_token_only(server):
    server.world.add_repository(f"{BOT}/private", FILES, owner="User", private=True)
    server.world.add_repository(f"{BOT}/public", FILES, owner="User")
    server.world.add_token("ghp_another", "another")
    assert _names(server, Selection(BOT)) == [f"{BOT}/private", f"{BOT}/public"]
    assert _names(server, Selection(BOT), token="ghp_another") == [f"{BOT}/public"]


def test_an_app_sees_the_private_repositories_of_the_user_who_installed_it(server):
    server.world.add_repository("grace/private", FILES, owner="User", private=True)
    server.world.add_repository("acme/web", FILES)
    server.world.add_token("ghs_app", "bump", is_app=True)
    assert _names(server, Selection("grace"), token="ghs_app") == ["grace/private"]


def test_an_owner_that_is_not_there_fails(server):
    (failed,) = _names(server, Selection("nobody"))
    assert isinstance(failed, Failed)
    assert failed.subject == "nobody"


def test_a_name_of_an_owner_is_looked_up_alone_and_still_has_to_be_selected(server):
    server.world.add_repository("acme/web", FILES)
    server.world.add_repository("acme/old", FILES, archived=True)
    selection = Selection("acme", exclude=("api",))
    assert _names(server, selection, only=["acme/web", "acme/old", "acme/api", "acme/nowhere"]) == ["acme/web"]
    assert not any("/orgs/" in line for line in server.lines)


def test_a_repository_of_an_owner_that_cannot_be_asked_fails_and_the_others_go_on(server):
    for name in ("acme/api", "acme/web"):
        server.world.add_repository(name, FILES)
    server.fail("GET /repos/acme/api/git/ref/", server.problem(403, "No"))
    api, web = _names(server, Selection("acme"))
    assert (api.subject, web) == ("acme/api", "acme/web")
    server.fail("GET /repos/acme/api$", server.problem(403, "No"))
    (failed,) = _names(server, Selection("acme"), only=["acme/api"])
    assert failed.subject == "acme"


# Trees


def test_a_tree_takes_one_request_and_one_for_each_file_that_is_read(github):
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    with github.server.watched() as lines:
        tree = fleet.tree(repository)
        entries = {entry.path: entry for entry in tree.entries()}
        assert tree.complete
        assert tree.read(entries["app/Dockerfile"]) == b"FROM node:22\r\n"
    assert entries["app/Dockerfile"].size == 14
    assert len(lines) == 2


def test_a_tree_that_github_cuts_short_is_read_folder_by_folder(github):
    github.repository.truncate_at = 2
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    assert {entry.path for entry in tree.entries()} == FILES.keys()
    assert tree.complete


def test_a_tree_that_would_take_too_many_requests_is_incomplete(github, monkeypatch):
    monkeypatch.setattr(_github_tree, "MAX_TREE_REQUESTS", 2)
    github.repository.truncate_at = 1
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    assert {entry.path for entry in tree.entries()} == {"Dockerfile"}
    assert not tree.complete


def test_an_entry_of_another_tree_cannot_be_read(github):
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    with pytest.raises(TreeError, match="no entry"):
        tree.read(Entry(FilePath("Dockerfile"), 1))
    with pytest.raises(TreeError, match="Dockerfile"):
        tree.read(Entry(FilePath("Dockerfile"), 1, "0" * 40))


def test_several_threads_read_at_once(server):
    names = [f"acme/r{number}" for number in range(8)]
    for name in names:
        server.world.add_repository(name, {"Dockerfile": f"FROM {name}\n"})
    fleet = _fleet(server, *names)

    def read(repository):
        tree = fleet.tree(repository)
        return [tree.read(entry).decode() for entry in tree.entries()]

    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(read, fleet.repositories(frozenset())))
    assert contents == [[f"FROM {name}\n"] for name in names]


# What a run asks when nothing changed


def test_a_repository_without_branches_of_ours_takes_one_request_and_one_for_each_wanted_branch(github):
    forge = github.forge()
    with github.server.watched() as lines:
        assert forge.seen(PREFIX, frozenset()) == ()
    assert [line.partition("?")[0] for line in lines] == ["GET /repos/acme/web/git/matching-refs/heads/basebump/"]
    with github.server.watched() as lines:
        assert forge.seen(PREFIX, frozenset({BRANCH, "basebump/other-1"})) == ()
    assert len(lines) == 3


def test_an_open_request_on_the_current_base_takes_three_requests(github):
    _propose(github)
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    forge = fleet.forge(repository)
    forge.seen(PREFIX, frozenset({BRANCH}))  # asks whose token it is, once in a run
    with github.server.watched() as lines:
        forge.seen(PREFIX, frozenset({BRANCH}))
    assert [line.partition("?")[0].rpartition("/")[0] for line in lines] == [
        "GET /repos/acme/web/git/matching-refs/heads/basebump",
        "GET /repos/acme/web",
        "GET /repos/acme/web/commits",
    ]


def test_a_request_whose_base_moved_is_asked_whether_it_conflicts_until_github_knows(tmp_path):
    stand = GitHubStand(tmp_path / "github", FILES)
    _propose(stand)
    stand.commit("main", {"Dockerfile": "FROM python:3.13\n"})
    pauses = []
    fleet = GitHubFleet(stand.server.url, TOKEN, names=["acme/web"], pause=pauses.append)
    (repository,) = fleet.repositories(frozenset())
    with stand.server.watched() as lines:
        (seen,) = fleet.forge(repository).seen(PREFIX, frozenset({BRANCH}))
    assert seen.conflicts
    assert [line for line in lines if line.endswith("/pulls/1")] == ["GET /repos/acme/web/pulls/1"] * 2
    assert pauses == [MERGE_CHECK]
    stand.end()


def test_every_page_of_open_requests_is_read(github):
    github.git.commit("feature", {"README.md": "A person's.\n"})
    ada = github.server.world.accounts["ada"]
    _propose(github)
    for _ in range(101):
        github.server.world.propose(github.repository, github.repository, "feature", ada)
    assert [(seen.number, seen.state) for seen in _seen(github)] == [(1, RequestState.OPEN)]


def test_a_request_whose_fork_was_deleted_is_not_ours(github):
    _propose(github)
    github.propose_from_fork(BRANCH, {"Dockerfile": "FROM evil\n"})
    github.repository.pulls[-1].is_orphaned = True
    assert [seen.number for seen in _seen(github)] == [1]


def test_a_request_that_is_set_to_merge_by_itself_is_accepted(github):
    _propose(github)
    github.repository.open_pull(BRANCH).auto_merge = True
    (seen,) = _seen(github)
    assert seen.accepted


def test_ended_requests_come_newest_first(github):
    for _ in range(3):
        _propose(github)
        (seen,) = _seen(github)
        github.forge().close(seen)
        github.forge().drop(seen)
    assert [seen.number for seen in _seen(github)] == [3, 2, 1]
    assert all(seen.closed is not None for seen in _seen(github))


# Whose commit it is


def test_a_commit_that_the_tokens_own_person_amended_later_is_not_ours(github):
    head = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    person = github.token.account.person
    tree = github.git.run("rev-parse", f"{head}^{{tree}}").decode().strip()
    written = github.git.run("show", "--no-patch", "--format=%at", head).decode().strip()
    later = {"GIT_AUTHOR_DATE": f"{written} +0000", "GIT_COMMITTER_DATE": f"{int(written) + 60} +0000"}
    amended = github.git.run(
        "commit-tree", tree, "-p", f"{head}^", stdin=MESSAGE.encode(), who=person, environment=later
    )
    github.git.run("update-ref", f"refs/heads/{BRANCH}", amended.decode().strip())
    (seen,) = _seen(github)
    assert (seen.head, seen.intent) == (amended.decode().strip(), None)


def test_a_commit_of_a_person_who_copied_the_message_is_not_ours(github):
    github.git.commit(BRANCH, {"Dockerfile": CHANGE.content}, MESSAGE, who=ADA)
    (seen,) = _seen(github)
    assert seen.intent is None


def test_a_merge_of_the_base_is_no_commit_of_ours(github):
    _propose(github)
    github.commit("main", {"README.md": "Moved on.\n"})
    github.git.merge("main", BRANCH, who=github.token.account.person)
    (seen,) = _seen(github)
    assert seen.intent is None


def test_an_app_knows_its_commits_though_github_signs_and_commits_them(make_stand):
    stand = make_stand(is_app=True)
    _propose(stand)
    (commit,) = stand.commits(BRANCH)
    assert (commit.author.name, commit.committer.name) == (f"{BOT}[bot]", "GitHub")
    (seen,) = _seen(stand)
    assert seen.intent == INTENT


def test_an_app_takes_no_persons_commit_for_its_own(make_stand):
    stand = make_stand(is_app=True)
    stand.git.commit(BRANCH, {"Dockerfile": CHANGE.content}, MESSAGE, who=ADA)
    (seen,) = _seen(stand)
    assert seen.intent is None


def test_a_commit_of_nobody_that_github_knows_is_not_ours(github):
    stranger = replace(ADA, email="nobody@example.org")
    github.git.commit(BRANCH, {"Dockerfile": CHANGE.content}, MESSAGE, who=stranger)
    (seen,) = _seen(github)
    assert seen.intent is None


# Pushing


def _sent(stand, line):
    (found,) = [each for each in stand.server.exchanges if each.line == line]
    return found.request


def test_a_commit_is_sent_without_author_and_committer_so_that_github_can_sign_it(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert _sent(github, "POST /repos/acme/web/git/commits").keys() == {"message", "tree", "parents"}


def test_text_goes_into_the_tree_and_other_bytes_into_blobs_of_their_own(github):
    binary = Change(FilePath("app/deep/build.sh"), b"\xff\xfe\r\n\0")
    latin = Change(FilePath("app/latin"), "FROM x # größe\n".encode("latin-1"))
    long = Change(FilePath("app/Dockerfile"), b"# \r\n" * 100_000)
    github.commit("main", {latin.path: b"FROM x\n"})
    github.forge().push(BRANCH, [CHANGE, binary, latin, long], MESSAGE, None)
    entries = {entry["path"]: entry for entry in _sent(github, "POST /repos/acme/web/git/trees")["tree"]}
    assert {path for path, entry in entries.items() if "content" in entry} == {"Dockerfile"}
    files = github.files(BRANCH)
    assert files["app/deep/build.sh"] == File(binary.content, EXECUTABLE)
    assert (files[latin.path].content, files[long.path].content) == (latin.content, long.content)


def test_a_tree_that_github_stored_otherwise_is_not_pushed(github):
    base = github.git.run("rev-parse", "main^{tree}").decode().strip()
    reply = github.server.reply_of(f"/repos/acme/web/git/trees/{base}")
    github.server.fail(r"POST .*/git/trees", replace(reply, status=201))
    with pytest.raises(ForgeError, match="other than it was sent"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert BRANCH not in github.branches()


def test_a_push_to_a_tree_that_is_too_large_to_be_listed_is_made_where_its_files_are_seen(github, monkeypatch):
    monkeypatch.setattr(_github_tree, "MAX_TREE_REQUESTS", 2)
    github.repository.truncate_at = 1
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert github.files(BRANCH)["Dockerfile"].content == CHANGE.content
    with pytest.raises(ForgeError, match="regular file"):
        github.forge().push("basebump/other-1", [Change(FilePath("app/Dockerfile"), b"FROM x\n")], MESSAGE, None)


def test_a_branch_is_moved_by_the_one_request_that_compares(github):
    old = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    new = github.forge().push(BRANCH, [NEWER], MESSAGE, old)
    update = {"name": f"refs/heads/{BRANCH}", "beforeOid": old, "afterOid": new, "force": True}
    change = {"repositoryId": github.repository.node, "refUpdates": [update]}
    assert _sent(github, "POST /graphql")["variables"] == {"input": change}
    assert not any(line.startswith("PATCH") for line in github.server.lines)


def test_a_branch_is_deleted_by_the_same_request(github):
    head = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    (seen,) = _seen(github)
    github.forge().drop(seen)
    (update,) = _sent(github, "POST /graphql")["variables"]["input"]["refUpdates"]
    assert (update["beforeOid"], update["afterOid"]) == (head, "0" * 40)


def test_an_open_request_never_sees_its_branch_equal_to_the_base(github):
    _propose(github)
    github.commit("main", {"README.md": "Moved on.\n"})
    (seen,) = _seen(github)
    github.forge().push(BRANCH, [NEWER], MESSAGE, seen.head)
    (pull,) = github.repository.pulls
    assert (pull.state, pull.head) == ("open", github.branches()[BRANCH])


def test_this_github_closes_for_good_what_equals_its_base_for_a_moment(github):
    """The trap that a reset before a commit falls into; without it, the claim above would prove nothing."""
    _propose(github)
    github.git.run("update-ref", f"refs/heads/{BRANCH}", github.git.need("main"))
    github.repository.settle()
    (pull,) = github.repository.pulls
    assert (pull.state, pull.merged, pull.is_spent) == ("closed", None, True)


# An older Enterprise Server


@pytest.fixture(params=[GraphQL.NONE, GraphQL.WITHOUT_MUTATION])
def enterprise(request, make_stand):
    return make_stand(enterprise=True, graphql=request.param)


def test_an_enterprise_server_has_its_graphql_beside_its_rest(make_stand):
    stand = make_stand(enterprise=True)
    old = stand.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    stand.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert "POST /api/graphql" in stand.server.lines


def test_an_older_server_is_asked_where_the_branch_points_and_then_told_to_move_it(enterprise):
    old = enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    new = enterprise.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert enterprise.branches()[BRANCH] == new
    assert _sent(enterprise, f"PATCH /repos/acme/web/git/refs/heads/{BRANCH}") == {"sha": new, "force": True}


def test_an_older_server_moves_nothing_that_moved_before(enterprise):
    old = enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    moved = enterprise.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="again"):
        enterprise.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert enterprise.branches()[BRANCH] == moved


def test_an_older_server_deletes_a_branch_unless_it_moved(enterprise):
    enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    (seen,) = _seen(enterprise)
    moved = enterprise.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="again"):
        enterprise.forge().drop(seen)
    assert enterprise.branches()[BRANCH] == moved
    (seen,) = _seen(enterprise)
    enterprise.forge().drop(seen)
    enterprise.forge().drop(seen)
    assert BRANCH not in enterprise.branches()


def test_an_older_server_is_asked_for_what_it_does_not_have_once_in_a_run(enterprise):
    fleet = enterprise.fleet()
    (repository,) = fleet.repositories(frozenset())
    forge = fleet.forge(repository)
    head = forge.push(BRANCH, [CHANGE], MESSAGE, None)
    for change in (NEWER, CHANGE, NEWER):
        head = forge.push(BRANCH, [change], MESSAGE, head)
    assert enterprise.server.lines.count("POST /api/graphql") == 1


# Opening


def test_labels_are_added_and_github_makes_those_that_are_missing(github):
    opened = _propose(github, labels=("dependencies", "docker"))
    assert opened.notes == ()
    assert github.repository.open_pull(BRANCH).labels == ["dependencies", "docker"]


def test_labels_are_made_where_the_server_does_not(github):
    github.repository.adds_missing_labels = False
    github.repository.labels.append("docker")
    opened = _propose(github, labels=("dependencies", "docker"))
    assert opened.notes == ()
    assert github.repository.open_pull(BRANCH).labels == ["dependencies", "docker"]


@pytest.mark.parametrize("adds_missing", [True, False])
def test_a_refused_label_is_a_note_beside_an_open_request(github, adds_missing):
    github.repository.adds_missing_labels = adds_missing
    github.token.can_label = False
    opened = _propose(github, labels=("dependencies",))
    (note,) = opened.notes
    assert "issues: write" in note
    assert github.repository.open_pull(BRANCH).number == opened.number


def test_the_request_of_a_person_from_our_branch_is_amended_instead_of_doubled(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    ada = github.server.world.accounts["ada"]
    github.server.world.propose(github.repository, github.repository, BRANCH, ada, title="Mine", body=None)
    assert github.forge().open(_proposal()).number == 1
    (request,) = github.requests()
    assert request.title == "Update python"


# Permissions


def test_where_actions_may_not_open_requests_the_setting_is_named(github):
    github.token.can_propose = False
    with pytest.raises(ForgeError, match="Allow GitHub Actions to create and approve pull requests"):
        _propose(github)


def test_an_archived_repository_says_so(github):
    github.repository.archived = True
    with pytest.raises(ForgeError, match="unarchive it, or remove it"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)


@pytest.mark.parametrize("is_app", [True, False])
def test_a_workflow_file_needs_a_permission_of_its_own(make_stand, is_app):
    stand = make_stand(is_app=is_app)
    workflow = Change(FilePath(".github/workflows/ci.yml"), b"container: node:22\n")
    stand.commit("main", {workflow.path: "container: node\n"})
    stand.token.can_write_workflows = False
    with pytest.raises(ForgeError, match="`workflows: write`"):
        stand.forge().push(BRANCH, [workflow], MESSAGE, None)
    stand.token.can_write_workflows = True
    stand.forge().push(BRANCH, [workflow], MESSAGE, None)


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (403, "Resource protected by organization SAML enforcement.", "single sign-on"),
        (410, "Issues has been disabled in this repository.", "let the feature be on"),
        (422, "Reference update failed", "Reference update failed"),
    ],
)
def test_a_refusal_is_explained(github, status, words, advice):
    _propose(github)
    (seen,) = _seen(github)
    github.server.fail("POST .*/comments", github.server.problem(status, words))
    with pytest.raises(ForgeError, match=advice) as refused:
        github.forge().tell(seen, "Hands off.")
    assert words in str(refused.value)
    assert "comment on pull request #1 of acme/web" in str(refused.value)


def test_without_the_permission_to_write_it_is_named(github):
    github.refuse_writes(BRANCH)
    with pytest.raises(ForgeError, match="`contents: write`"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)


def test_a_token_that_github_does_not_know_is_said_to_be_so(github):
    (failed,) = _fleet(github.server, "acme/web", token="ghp_wrong").repositories(frozenset())
    assert "make a new one" in failed.error
    assert "ghp_wrong" not in failed.error


def test_no_message_holds_the_token_whatever_the_server_says(github):
    reply = github.server.problem(403, f"Token {TOKEN} may not do that")
    github.server.fail(r"POST .*/pulls", reply)
    with pytest.raises(ForgeError, match="hidden") as refused:
        _propose(github)
    assert TOKEN not in str(refused.value)


# What goes over the wire


@responses.activate
def test_github_com_is_asked_at_its_own_address_with_the_version_that_is_tested():
    responses.get("https://api.github.com:443/repos/acme/web", status=404, json={"message": "Not Found"})
    fleet = GitHubFleet(token=TOKEN, names=["acme/web"])
    (failed,) = fleet.repositories(frozenset())
    assert failed.subject == "acme/web"
    (call,) = responses.calls
    assert call.request.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert call.request.headers["Authorization"] == f"token {TOKEN}"
    assert call.request.headers["User-Agent"] == "basebump"


@responses.activate
def test_a_link_to_another_host_is_not_followed():
    evil = {"Link": '<https://evil.example/steal?page=2>; rel="next"'}
    responses.get("https://ghe.example:443/api/v3/users/acme", json={"type": "Organization", "login": "acme"})
    responses.get("https://ghe.example:443/api/v3/orgs/acme/repos", body=json.dumps([{}]), headers=evil)
    fleet = GitHubFleet("https://ghe.example/api/v3", TOKEN, selections=[Selection("acme")], pause=no_pause)
    (failed,) = fleet.repositories(frozenset())
    assert failed.subject == "acme"
    assert all("evil" not in call.request.url for call in responses.calls)


@responses.activate
def test_the_certificates_of_an_enterprise_server_can_be_named(tmp_path):
    responses.get("https://ghe.example:443/api/v3/repos/acme/web", status=404, json={"message": "Not Found"})
    ca = tmp_path / "ca.pem"
    fleet = GitHubFleet("https://ghe.example/api/v3", TOKEN, names=["acme/web"], ca=ca)
    list(fleet.repositories(frozenset()))
    (call,) = responses.calls
    assert call.request.req_kwargs["verify"] == str(ca)
