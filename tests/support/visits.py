"""Visits of base branches, as a run stores them in the inventory."""

from __future__ import annotations

from datetime import UTC, datetime

from support.values import digest, reference

from bot.model.image_name import TagRef
from bot.model.inventory import BranchConditions, BranchKey, BranchVisit, SettledBranch, StoredRequest
from bot.model.proposal import RequestState
from bot.model.report import RepositoryReport, Verdict
from bot.model.vocabulary import ReferenceStatus

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WEB, API = (BranchKey("github", "github.com", f"acme/{name}", "main") for name in ("web", "api"))
PYTHON = TagRef("docker.io/library/python", "3.12")
CONDITIONS = BranchConditions("c0ffee", "7ree", "ac71", None, "reader 1", "rules 1", "evidence 1")
OLD, NEW = digest("old"), digest("new")


def build_verdict(written: str, status: ReferenceStatus = ReferenceStatus.UP_TO_DATE, **more) -> Verdict:
    own = {name: more.pop(name) for name in ("reason", "new_digest", "transition") if name in more}
    return Verdict(reference(written, **more), status, **own)


def build_visit(*verdicts: Verdict | str, key: BranchKey = WEB, requests=(), settled=None, **more) -> BranchVisit:
    """Return a visit of a branch that found these references."""
    found = tuple(build_verdict(each) if isinstance(each, str) else each for each in verdicts)
    report = RepositoryReport(key.forge, key.repository, key.base_branch, found)
    values = {"head": "c0ffee", "reader": "reader 1", "has_unread_files": False} | more
    return BranchVisit(key=key, report=report, requests=requests, settled=settled, **values)


def build_settled(**more) -> SettledBranch:
    return SettledBranch(CONDITIONS, {PYTHON: OLD}, **more)


def build_request(number: int = 1, state: RequestState = RequestState.OPEN, **more) -> StoredRequest:
    values = {"branch": "basebump/python", "targets": (f"{PYTHON}@{NEW}",)} | more
    return StoredRequest(number=number, state=state, **values)
