"""One proposal, the states of it on a forge, and the step between the two."""

from datetime import UTC, datetime

from support.values import digest

from bot.core.proposal.lifecycle import next_step
from bot.core.proposal.marks import parse_mark, render_mark
from bot.model.proposal import BodyMark, NoProposal, Proposal, RemoteRequest, RequestState

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BRANCH = "basebump/python-3.12-slim-06e5bb43"
TARGETS = (f"docker.io/library/python:3.12-slim@{digest('new')}",)
TARGETS_BEFORE = (f"docker.io/library/python:3.12-slim@{digest('before')}",)
INTENT, REPORT = "1" * 16, "2" * 15 + "0"
WANTED = Proposal(BRANCH, "Update python", "body", "message", (), (), TARGETS, INTENT, REPORT)
NOT_WANTED = NoProposal("The base branch already has it.")


def build_remote_request(
    state=RequestState.OPEN, *, targets=TARGETS, report=REPORT, withdrawn=False, **more
) -> RemoteRequest:
    body = (
        ""
        if state is RequestState.BRANCH
        else f"text\n\n{render_mark(BodyMark(targets, report, is_withdrawn=withdrawn))}"
    )
    values = {"head": "c0ffee", "intent": INTENT, "number": 7, "body": body} | more
    return RemoteRequest(BRANCH, state, mark=parse_mark(values["body"]), **values)


def find_next_step(wanted=WANTED, *seen, known=True):
    return next_step(wanted, seen, is_fully_resolved=known, now=NOW)
