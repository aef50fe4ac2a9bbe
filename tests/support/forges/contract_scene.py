"""Common setup of the claims about every forge: one proposal, and helpers to push, open and list it."""

from __future__ import annotations

from bot.core.proposal.marks import format_intent_trailer, render_mark
from bot.model.proposal import BodyMark, Proposal, RemoteRequest, RequestState
from bot.model.source import FileChange, FilePath

PREFIX = "basebump/"
BRANCH = "basebump/python-3.12-slim-06e5bb43"
OTHER = "basebump/node-22-5e7a1fd3"
INTENT, REPORT = "1" * 16, "2" * 16
TARGETS = ("docker.io/library/python:3.12-slim@sha256:" + "a" * 64,)
NEW = b"FROM python:3.12-slim@sha256:" + b"a" * 64 + b"\n"
NEWER = NEW.replace(b"a", b"b")
CHANGES = (FileChange(FilePath("Dockerfile"), NEW),)
NEWER_CHANGES = (FileChange(FilePath("Dockerfile"), NEWER),)
BODY = f"Moves python.\n\n{render_mark(BodyMark(TARGETS, REPORT))}\n"


def message_of(intent=INTENT):
    return f"Update python:3.12-slim to aaaaaaaaaaaa\n\n{format_intent_trailer(intent)}\n"


def proposal(branch=BRANCH, title="Update python:3.12-slim to aaaaaaaaaaaa", body=BODY):
    return Proposal(branch, title, body, message_of(), CHANGES, (), TARGETS, INTENT, REPORT)


def push(stand, branch=BRANCH, *, changes=CHANGES, message=None, over=None):
    return stand.forge().push(branch, changes, message or message_of(), over)


def propose(stand, branch=BRANCH, **words):
    """Push and open as a run does, and return the request as the next run lists it."""
    push(stand, branch)
    stand.forge().open(proposal(branch, **words))
    return open_one(stand, branch)


def look(stand, branch=BRANCH):
    return [each for each in stand.forge().list_requests(PREFIX, frozenset({branch})) if each.branch == branch]


def one(stand, state, branch=BRANCH) -> RemoteRequest:
    (found,) = [each for each in look(stand, branch) if each.state is state]
    return found


def open_one(stand, branch=BRANCH) -> RemoteRequest:
    (found,) = look(stand, branch)
    assert found.state is RequestState.OPEN
    return found
