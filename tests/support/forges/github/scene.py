"""Common setup of the tests of GitHub: one repository, one change, and helpers to propose it."""

from __future__ import annotations

from support.git import EXECUTABLE, TreeFile

from bot.core.proposal.marks import format_intent_trailer
from bot.forges.hosted.forge import HostedForge
from bot.model.forge import OpenedRequest
from bot.model.proposal import Proposal, RemoteRequest
from bot.model.source import FileChange, FilePath

PREFIX = "basebump/"
BRANCH = "basebump/python-3.12-slim-06e5bb43"
INTENT = "1" * 16
MESSAGE = f"Update python\n\n{format_intent_trailer(INTENT)}\n"
FILES = {
    "Dockerfile": "FROM python:3.12-slim\n",
    "app/Dockerfile": "FROM node:22\r\n",
    "app/deep/build.sh": TreeFile(b"#!/bin/sh\n", EXECUTABLE),
}
CHANGE = FileChange(FilePath("Dockerfile"), b"FROM python:3.12-slim@sha256:1\n")


def proposal(**words) -> Proposal:
    values = {"branch": BRANCH, "title": "Update python", "body": "Moves python.\n", "commit_message": MESSAGE}
    rest = {"changes": (CHANGE,), "images": (), "targets": (), "intent": INTENT, "report_fingerprint": "2" * 16}
    return Proposal(**(values | rest | words))


def propose(stand, **words) -> OpenedRequest:
    forge: HostedForge = stand.forge()
    forge.push(BRANCH, [CHANGE], MESSAGE, None)
    return forge.open(proposal(**words))


def look(stand, wanted=(BRANCH,)) -> tuple[RemoteRequest, ...]:
    return stand.forge().list_requests(PREFIX, frozenset(wanted))
