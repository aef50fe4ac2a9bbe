"""What every forge must do: one claim a test, run over every stand in conftest.py."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest
from support.git import EXECUTABLE, REGULAR, File
from support.stands import Killed

from bot.core.lifecycle import next_step
from bot.core.mark import mark, memory, trailer, with_withdrawn
from bot.model.errors import ForgeError, TreeError
from bot.model.proposal import Change, Proposal, RequestState, Seen, Unwanted
from bot.model.source import FilePath
from bot.model.vocabulary import Level
from bot.pipeline.perform import Performer
from bot.ports import Entry

PREFIX = "basebump/"
BRANCH = "basebump/python-3.12-slim-06e5bb43"
OTHER = "basebump/node-22-5e7a1fd3"
INTENT, REPORT = "1" * 16, "2" * 16
TARGETS = ("docker.io/library/python:3.12-slim@sha256:" + "a" * 64,)
NEW = b"FROM python:3.12-slim@sha256:" + b"a" * 64 + b"\n"
NEWER = NEW.replace(b"a", b"b")
CHANGES = (Change(FilePath("Dockerfile"), NEW),)
NEWER_CHANGES = (Change(FilePath("Dockerfile"), NEWER),)
BODY = f"Moves python.\n\n{mark(TARGETS, REPORT, withdrawn=False)}\n"


def _message(intent=INTENT):
    return f"Update python:3.12-slim to aaaaaaaaaaaa\n\n{trailer(intent)}\n"


def _proposal(branch=BRANCH, title="Update python:3.12-slim to aaaaaaaaaaaa", body=BODY):
    return Proposal(branch, title, body, _message(), CHANGES, (), TARGETS, INTENT, REPORT)


def _push(stand, branch=BRANCH, *, changes=CHANGES, message=None, over=None):
    return stand.forge().push(branch, changes, message or _message(), over)


def _propose(stand, branch=BRANCH, **words):
    """Push and open as a run does; return what the next run sees of it."""
    _push(stand, branch)
    stand.forge().open(_proposal(branch, **words))
    return _open(stand, branch)


def _seen(stand, branch=BRANCH):
    return [each for each in stand.forge().seen(PREFIX, frozenset({branch})) if each.branch == branch]


def _one(stand, state, branch=BRANCH) -> Seen:
    (found,) = [each for each in _seen(stand, branch) if each.state is state]
    return found


def _open(stand, branch=BRANCH) -> Seen:
    (found,) = _seen(stand, branch)
    assert found.state is RequestState.OPEN
    return found


# Branches


def test_a_forge_without_branches_of_ours_shows_none(stand):
    assert stand.forge().seen(PREFIX, frozenset({BRANCH})) == ()


def test_a_push_is_one_commit_on_the_base_with_only_the_given_files_changed(stand):
    base = stand.branches()["main"]
    before = stand.files("main")
    made = _push(stand)
    (commit,) = stand.commits(BRANCH)
    assert (commit.oid, commit.parents) == (made, (base,))
    assert stand.branches() == {"main": base, BRANCH: made}
    assert stand.files(BRANCH) == before | {"Dockerfile": File(NEW)}


def test_a_push_keeps_modes_and_takes_any_path_and_bytes(stand):
    changes = {
        "app/build.sh": (b"#!/bin/sh\n\xff\0", EXECUTABLE),
        "app/Dockerfile": (b"no newline at the end\r", REGULAR),
        "größe/Dockerfile": ("größer".encode(), REGULAR),
    }
    _push(stand, changes=[Change(FilePath(path), content) for path, (content, _) in changes.items()])
    files = stand.files(BRANCH)
    assert {path: (files[path].content, files[path].mode) for path in changes} == changes


def test_a_push_keeps_its_message(stand):
    _push(stand, message="Zürich → Genève\n\nA paragraph.\n\n" + trailer(INTENT) + "\n")
    (commit,) = stand.commits(BRANCH)
    assert commit.message.rstrip("\n") == f"Zürich → Genève\n\nA paragraph.\n\n{trailer(INTENT)}"


def test_a_push_over_the_head_it_saw_replaces_the_commit(stand):
    old = _push(stand)
    new = _push(stand, changes=NEWER_CHANGES, message=_message("3" * 16), over=old)
    assert [commit.oid for commit in stand.commits(BRANCH)] == [new]
    assert stand.files(BRANCH)["Dockerfile"].content == NEWER


def test_a_push_after_the_base_moved_stands_on_the_new_base(stand):
    old = _push(stand)
    moved = stand.commit("main", {"README.md": "Something.\n"})
    _push(stand, over=old)
    (commit,) = stand.commits(BRANCH)
    assert commit.parents == (moved,)
    assert stand.files(BRANCH)["README.md"].content == b"Something.\n"


def test_a_push_over_a_branch_that_moved_is_refused(stand):
    old = _push(stand)
    moved = stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="again"):
        _push(stand, changes=NEWER_CHANGES, over=old)
    assert stand.branches()[BRANCH] == moved


def test_a_push_over_a_branch_that_is_gone_is_refused(stand):
    old = _push(stand)
    stand.delete_branch(BRANCH)
    with pytest.raises(ForgeError, match="again"):
        _push(stand, changes=NEWER_CHANGES, over=old)
    assert BRANCH not in stand.branches()


def test_a_push_to_a_branch_that_should_not_be_there_is_refused(stand):
    persons = stand.commit(BRANCH, {"README.md": "A person was here first.\n"})
    with pytest.raises(ForgeError, match="again"):
        _push(stand)
    assert stand.branches()[BRANCH] == persons


@pytest.mark.parametrize("path", ["current", "vendor", "app", "new/Dockerfile", "app/../Dockerfile"])
def test_a_push_to_a_path_that_is_no_regular_file_is_refused(stand, path):
    with pytest.raises(ForgeError, match="regular file"):
        _push(stand, changes=[*CHANGES, Change(FilePath(path), b"FROM x\n")])
    assert BRANCH not in stand.branches()


def test_a_push_that_changes_nothing_is_refused(stand):
    unchanged = Change(FilePath("Dockerfile"), stand.files("main")["Dockerfile"].content)
    with pytest.raises(ForgeError, match="nothing"):
        _push(stand, changes=[unchanged])
    assert BRANCH not in stand.branches()


def test_a_branch_without_a_request_is_seen_with_its_intent(stand):
    head = _push(stand)
    (seen,) = _seen(stand)
    assert (seen.state, seen.head, seen.intent) == (RequestState.BRANCH, head, INTENT)
    assert seen.committed is not None
    assert seen.committed.utcoffset() is not None


def test_a_branch_is_seen_whether_wanted_or_not(stand):
    _push(stand)
    assert [each.branch for each in stand.forge().seen(PREFIX, frozenset())] == [BRANCH]


def test_branches_outside_the_prefix_are_not_seen(stand):
    for branch in ("basebumper/x", "team/basebump/x", "feature"):
        stand.commit(branch, {"README.md": branch})
    _push(stand)
    assert {each.branch for each in stand.forge().seen(PREFIX, frozenset())} == {BRANCH}


def test_a_prefix_need_not_end_at_a_slash(stand):
    _push(stand)
    _push(stand, OTHER)
    assert {each.branch for each in stand.forge().seen("basebump/py", frozenset())} == {BRANCH}
    assert stand.forge().seen("basebump/py/", frozenset()) == ()


# Whose commit it is


def test_a_persons_commit_on_top_is_no_intent_of_ours(stand):
    _propose(stand)
    head = stand.commit(BRANCH, {"README.md": "More.\n"}, _message())
    seen = _open(stand)
    assert (seen.head, seen.intent) == (head, None)


def test_a_commit_that_a_person_amended_is_no_intent_of_ours(stand):
    _propose(stand)
    head = stand.amend_commit(BRANCH, {"README.md": "More.\n"})
    seen = _open(stand)
    assert (seen.head, seen.intent) == (head, None)


def test_a_branch_that_a_person_made_under_our_name_is_no_intent_of_ours(stand):
    stand.commit(BRANCH, {"Dockerfile": NEW}, _message())
    (seen,) = _seen(stand)
    assert (seen.state, seen.intent) == (RequestState.BRANCH, None)


def test_a_message_without_the_trailer_is_no_intent(stand):
    _push(stand, message="Update python\n\nBasebump-Intent: 1 " + INTENT + "\n\nand more\n")
    (seen,) = _seen(stand)
    assert seen.intent is None


def test_a_strangers_branch_is_never_ours(stand):
    stand.propose_from_fork(BRANCH, {"Dockerfile": NEW})
    assert _seen(stand) == []
    _propose(stand)
    assert _open(stand).intent == INTENT


# Requests


def test_an_opened_request_is_seen_as_it_was_proposed(stand):
    head = _push(stand)
    opened = stand.forge().open(_proposal())
    seen = _open(stand)
    assert (seen.title, seen.head, seen.intent) == (_proposal().title, head, INTENT)
    assert (seen.number, seen.url) == (opened.number, opened.url)
    assert memory(seen.body) == memory(BODY)
    assert not seen.told
    assert not seen.conflicts
    assert not seen.accepted


def test_an_open_request_is_seen_whether_wanted_or_not(stand):
    _propose(stand)
    assert [each.state for each in stand.forge().seen(PREFIX, frozenset())] == [RequestState.OPEN]


def test_a_request_for_a_branch_that_is_not_there_is_refused(stand):
    with pytest.raises(ForgeError):
        stand.forge().open(_proposal())
    assert stand.requests() == []


def test_opening_twice_is_one_request_with_the_last_words(stand):
    _propose(stand)
    stand.forge().open(_proposal(title="Other words", body="Other body\n"))
    (request,) = stand.requests()
    assert (request.title, request.body.rstrip("\n"), request.state) == ("Other words", "Other body", RequestState.OPEN)


def test_amending_changes_the_words_and_nothing_else(stand):
    seen = _propose(stand)
    stand.forge().amend(seen, "Other words", "Other body\n")
    after = _open(stand)
    assert (after.title, after.body.rstrip("\n")) == ("Other words", "Other body")
    assert (after.head, after.number, after.intent) == (seen.head, seen.number, INTENT)
    assert len(stand.requests()) == 1


def test_a_push_to_an_open_request_keeps_it_open(stand):
    seen = _propose(stand)
    head = _push(stand, changes=NEWER_CHANGES, message=_message("3" * 16), over=seen.head)
    after = _open(stand)
    assert (after.head, after.intent, after.number) == (head, "3" * 16, seen.number)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("Größe → 東京 🚀 `x`", id="beyond-ascii"),
        pytest.param("\"quoted\" \\ <b> & 'x' ${x} %s", id="punctuation"),
    ],
)
def test_titles_and_bodies_come_back_as_they_were(stand, words):
    seen = _propose(
        stand, title=words, body=f"{words}\n\n| a | b |\n|---|---|\n\n{mark((words,), REPORT, withdrawn=False)}"
    )
    assert seen.title == words
    assert seen.body.startswith(words)
    assert memory(seen.body).targets == (words,)
    (request,) = stand.requests()
    assert (request.title, request.body) == (seen.title, seen.body)


def test_a_body_may_be_as_long_as_the_limit_and_no_longer(stand):
    most = stand.forge().limits.body_characters
    remembered = mark(TARGETS, REPORT, withdrawn=False)
    seen = _propose(stand, body="ü" * (most - len(remembered)) + remembered)
    assert len(seen.body) == most
    assert memory(seen.body).targets == TARGETS
    with pytest.raises(ForgeError, match=r"character|long"):
        stand.forge().amend(seen, seen.title, "x" * (most + 1))
    assert _open(stand).body == seen.body


def test_a_title_may_be_as_long_as_the_limit(stand):
    title = "ü" * stand.forge().limits.title_characters
    assert _propose(stand, title=title).title == title


def test_two_requests_do_not_disturb_each_other(stand):
    first, second = _propose(stand), _propose(stand, OTHER, title="Update node")
    stand.forge().close(first)
    stand.forge().drop(first)
    assert _open(stand, OTHER) == second


# The end


def test_a_closed_request_is_seen_as_closed_with_its_body_when_wanted(stand):
    seen = _propose(stand)
    stand.forge().amend(seen, seen.title, with_withdrawn(seen.body))
    stand.forge().close(seen)
    stand.forge().drop(seen)
    (closed,) = _seen(stand)
    assert (closed.state, closed.number) == (RequestState.CLOSED, seen.number)
    assert memory(closed.body).withdrawn
    assert memory(closed.body).targets == TARGETS
    assert stand.forge().seen(PREFIX, frozenset({OTHER})) == ()
    assert BRANCH not in stand.branches()


def test_a_request_that_a_person_closed_keeps_its_mark(stand):
    seen = _propose(stand)
    stand.close_request(BRANCH)
    closed = _one(stand, RequestState.CLOSED)
    assert closed.body == seen.body
    assert not memory(closed.body).withdrawn


def test_a_branch_that_outlives_its_request_is_seen_beside_it(stand):
    _propose(stand)
    head = stand.commit(BRANCH, {"README.md": "Mine.\n"})
    stand.close_request(BRANCH)
    assert {each.state for each in _seen(stand)} == {RequestState.CLOSED, RequestState.BRANCH}
    branch = _one(stand, RequestState.BRANCH)
    assert (branch.head, branch.intent) == (head, None)


def test_after_the_end_there_can_be_a_new_request(stand):
    seen = _propose(stand)
    stand.forge().close(seen)
    stand.forge().drop(seen)
    again = _propose_again(stand)
    assert again.intent == INTENT
    assert next(request.state for request in stand.requests()) is RequestState.OPEN


def _propose_again(stand):
    _push(stand)
    stand.forge().open(_proposal(title="Once more"))
    return _one(stand, RequestState.OPEN)


def test_a_merged_request_is_not_open_and_does_not_look_declined(stand):
    _propose(stand)
    stand.merge_request(BRANCH)
    states = {each.state for each in _seen(stand)}
    assert states <= {RequestState.MERGED, RequestState.BRANCH}
    assert stand.files("main")["Dockerfile"].content == NEW


def test_a_merged_branch_that_stands_can_be_dropped(stand):
    _propose(stand)
    stand.merge_request(BRANCH)
    stand.forge().drop(_one(stand, RequestState.BRANCH))
    assert list(stand.branches()) == ["main"]
    assert {each.state for each in _seen(stand)} <= {RequestState.MERGED}


def test_a_merged_branch_that_stands_can_be_proposed_anew(stand):
    _propose(stand)
    stand.merge_request(BRANCH)
    branch = _one(stand, RequestState.BRANCH)
    _push(stand, changes=NEWER_CHANGES, over=branch.head)
    stand.forge().open(_proposal(title="Update python again"))
    assert _one(stand, RequestState.OPEN).title == "Update python again"


def test_a_deleted_branch_is_no_open_request_and_can_be_made_anew(stand):
    _propose(stand)
    stand.delete_branch(BRANCH)
    assert all(each.state is not RequestState.OPEN for each in _seen(stand))
    assert _propose_again(stand).title == "Once more"


def test_dropping_deletes_the_branch(stand):
    _push(stand)
    stand.forge().drop(_one(stand, RequestState.BRANCH))
    assert list(stand.branches()) == ["main"]
    assert _seen(stand) == []


def test_a_branch_that_moved_is_not_dropped(stand):
    _push(stand)
    seen = _one(stand, RequestState.BRANCH)
    moved = stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="again"):
        stand.forge().drop(seen)
    assert stand.branches()[BRANCH] == moved


def test_dropping_a_branch_that_is_gone_is_done(stand):
    _push(stand)
    seen = _one(stand, RequestState.BRANCH)
    stand.delete_branch(BRANCH)
    stand.forge().drop(seen)
    assert list(stand.branches()) == ["main"]


# Comments


def test_what_was_told_is_seen_and_read(stand):
    _propose(stand)
    stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    seen = _open(stand)
    assert not seen.told
    stand.forge().tell(seen, "Hands off: größer")
    assert _open(stand).told
    (request,) = stand.requests()
    assert len(request.comments) == 1
    assert "Hands off: größer" in request.comments[0]


def test_a_new_request_was_told_nothing(stand):
    seen = _propose(stand)
    stand.forge().tell(seen, "Hands off.")
    stand.forge().close(seen)
    stand.forge().drop(seen)
    assert not _propose_again(stand).told


def test_a_request_made_anew_for_a_deleted_branch_was_told_nothing(stand):
    seen = _propose(stand)
    stand.forge().tell(seen, "Hands off.")
    stand.delete_branch(BRANCH)
    assert not _propose_again(stand).told


# Conflicts


def test_a_base_that_moved_elsewhere_is_no_conflict(stand):
    _propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    assert not _open(stand).conflicts


def test_a_base_that_moved_in_the_same_line_is_a_conflict_until_it_is_pushed_anew(stand):
    _propose(stand)
    stand.commit("main", {"Dockerfile": "FROM python:3.13-slim\n"})
    seen = _open(stand)
    assert seen.conflicts
    _push(stand, over=seen.head)
    assert not _open(stand).conflicts


# Trouble


@pytest.mark.parametrize("verb", ["push", "open", "amend", "close", "tell", "drop"])
def test_a_refused_write_is_an_error_that_says_what_to_do(stand, verb):
    seen = _propose(stand)
    before, requests = stand.branches(), stand.requests()
    stand.refuse_writes(BRANCH)
    forge = stand.forge()
    writes = {
        "push": lambda: _push(stand, changes=NEWER_CHANGES, over=seen.head),
        "open": lambda: forge.open(_proposal(title="Other words")),
        "amend": lambda: forge.amend(seen, "Other words", seen.body),
        "close": lambda: forge.close(seen),
        "tell": lambda: forge.tell(seen, "Hands off."),
        "drop": lambda: forge.drop(seen),
    }
    with pytest.raises(ForgeError, match=r"remove|let |grant|give|needs") as refused:
        writes[verb]()
    assert len(str(refused.value)) > 40
    assert (stand.branches(), stand.requests()) == (before, requests)


def test_a_run_that_dies_before_any_write_is_healed_by_the_next(new_stand):
    for fatal in count(1):
        stand = new_stand()
        stand.die_before(fatal)
        try:
            _run(stand, _proposal())
            _run(stand, Unwanted("The base branch already has it."))
        except Killed:
            _run(stand, _proposal())
            assert _open(stand).intent == INTENT
            _run(stand, Unwanted("The base branch already has it."))
        else:
            break
        assert list(stand.branches()) == ["main"]
        ended = {(each.state, memory(each.body).withdrawn) for each in _seen(stand)}
        assert ended == {(RequestState.CLOSED, True)}  # two requests, where the first run died after it closed one
        _run(stand, _proposal())  # for what we took back ourselves was declined by nobody
        assert _one(stand, RequestState.OPEN).intent == INTENT
    assert fatal > len(("push", "open", "amend", "close", "drop"))


def _run(stand, wanted):
    """Take the step that a run would take for BRANCH."""
    step = next_step(wanted, _seen(stand), known=True, now=datetime.now(UTC))
    if step is not None:
        Performer(stand.forge(), Level.PROPOSE).perform(step, wanted)


def test_writes_are_counted_and_reads_are_not(stand):
    assert stand.writes == []
    _seen(stand)
    assert stand.writes == []
    _propose(stand)
    assert stand.writes


# Trees


def test_a_tree_is_the_regular_files_of_the_base(stand):
    stand.commit(BRANCH, {"Dockerfile": "FROM other\n"})
    fleet = stand.fleet()
    (repository,) = fleet.repositories(frozenset({stand.name}))
    assert (repository.base_branch, repository.commit) == ("main", stand.branches()["main"])
    tree = fleet.tree(repository)
    entries = list(tree.entries())
    read = dict(zip([entry.path for entry in entries], tree.read(entries), strict=True))
    expected = {path: file.content for path, file in stand.files("main").items() if file.mode in (REGULAR, EXECUTABLE)}
    assert tree.complete
    assert read == expected
    assert {"Dockerfile", "größe/Dockerfile", "app/build.sh"} <= read.keys()
    assert not {"current", "vendor"} & read.keys()


def test_a_tree_knows_the_sizes_of_its_files(stand):
    fleet = stand.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    entries = list(tree.entries())
    for entry, content in zip(entries, tree.read(entries), strict=True):
        assert entry.size in (None, len(content))


def test_a_file_that_is_not_there_costs_no_other(stand):
    fleet = stand.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    (first, *_) = tree.entries()
    missing = Entry(FilePath("missing"), 1, "0" * 40)
    before, error, after = tree.read([first, missing, first])
    assert isinstance(error, TreeError)
    assert before == after == stand.files("main")[first.path].content


def test_only_the_named_repositories_are_looked_at(stand):
    assert list(stand.fleet().repositories(frozenset({"another"}))) == []
