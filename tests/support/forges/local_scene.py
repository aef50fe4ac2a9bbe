"""Common setup of the tests of the local forge: one proposal, and helpers to create and list it."""

from __future__ import annotations

from bot.core.proposal.marks import format_intent_trailer, render_mark
from bot.forges.local.fleet import LocalFleet
from bot.model.proposal import BodyMark, Proposal
from bot.model.source import FileChange, FilePath

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OTHER = "basebump/node-22-5e7a1fd3"
HEAD_REF, PROPOSAL_REF, TOLD_REF = (
    f"refs/{kind}/{BRANCH}" for kind in ("heads", "basebump/proposals", "basebump/told")
)
INTENT, REPORT = "1" * 16, "2" * 16
TARGETS = ("docker.io/library/python:3.12-slim@sha256:" + "a" * 64,)
OLD, NEW = b"FROM python:3.12-slim\n", b"FROM python:3.12-slim@sha256:" + b"a" * 64 + b"\n"
CHANGES = (FileChange(FilePath("Dockerfile"), NEW),)
MESSAGE = f"Update python\n\n{format_intent_trailer(INTENT)}\n"
PROPOSAL = Proposal(
    BRANCH, "Update python", render_mark(BodyMark(TARGETS, REPORT)), MESSAGE, CHANGES, (), TARGETS, INTENT, REPORT
)


def repositories_of(root, *names, only=()):
    return list(LocalFleet(root, names).list_repositories(frozenset(only)))


def forge_of(git):
    fleet = LocalFleet(git.directory.parent)
    (repository,) = fleet.list_repositories(frozenset({"acme"}))
    return fleet.get_forge(repository)


def propose(git, branch=BRANCH):
    head = forge_of(git).push(branch, CHANGES, MESSAGE, None)
    forge_of(git).open(Proposal(branch, *(getattr(PROPOSAL, name) for name in Proposal.__slots__[1:])))
    return head


def look(git, branch=BRANCH):
    return [each for each in forge_of(git).list_requests("basebump/", frozenset({branch})) if each.branch == branch]
