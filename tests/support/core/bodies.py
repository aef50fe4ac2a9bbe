"""Bodies of proposals as basebump's own template renders them."""

from __future__ import annotations

from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.render import render_body
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.evidence import Severity
from bot.model.vocabulary import Role

MOVE = update(f"python:3.12-slim@{digest('old')}", "new")
PIN = update("python:3.12-slim", "new", path="deploy/web.yaml", role=Role.THIRD_PARTY, line_number=7)
CRITICAL, LOW = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002", Severity.LOW)


def build_evidence(old=None, new=None, *updates):
    old = old if old is not None else scan(CRITICAL, LOW)
    new = new if new is not None else scan(LOW)
    moves = [get_first_transition(each) for each in updates or (MOVE,)]
    return {move: compare_scans(old if move.old else None, new) for move in moves}


def render_proposal_body(updates=(MOVE,), known=None, limit=60_000):
    known = known or build_evidence(None, None, *updates)
    return render_body(BODY_TEMPLATE, lambda rows: build_proposal_view(updates, known, rows), limit)
