"""Reports of runs, as small as tests of outputs need them."""

from __future__ import annotations

from support.values import digest, finding, reference, scan

from bot.core.evidence.compare import compare_scans
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Severity
from bot.model.image_name import TagRef
from bot.model.proposal import ProposedImage
from bot.model.report import ProposalReport, RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import FailureStage, ProposalOutcome, Reason, ReferenceStatus, RunLevel

HOSTILE = "a|b`c]<img src=x>[d](https://evil.example){0}\n::error::@team #1 \x1b[31m##[x] \ud800"
"""What somebody could call a file, or a registry say, to have something act where it is shown."""

MOVED = Transition(TagRef("docker.io/library/node", "22"), digest("old"), digest("new"), ("linux/amd64",))
KNOWN = compare_scans(
    scan(finding("CVE-2026-0001", Severity.CRITICAL), finding("CVE-2026-0002")), scan(finding("CVE-2026-0002"))
)


def build_verdict(status: ReferenceStatus, reason: Reason | None = None, *, line_number: int = 1, **more) -> Verdict:
    """Return the verdict on `node:22` on a line of a Dockerfile; `more` replaces its values."""
    names = ("written", "path", "locator")
    reference_fields = {name: more.pop(name) for name in names if name in more}
    written = reference_fields.pop("written", f"node:22@{digest('old')}")
    image_reference = reference(
        written, **({"line_number": line_number, "locator": f"stage[{line_number}]"} | reference_fields)
    )
    return Verdict(image_reference, status, reason, **more)


def build_update(**more) -> Verdict:
    """Return the verdict of an image reference that is updated."""
    return build_verdict(ReferenceStatus.UPDATE, new_digest=digest("new"), transition=MOVED, **more)


def build_proposal(
    title: str = "Update node:22", outcome: ProposalOutcome = ProposalOutcome.OPENED, **more
) -> ProposalReport:
    image = ProposedImage("node:22", "docker.io/library/node", "22", digest("old"), digest("new"))
    return ProposalReport("basebump/node-22-00000000", outcome, title, (image,), (FilePath("Dockerfile"),), **more)


def build_repository(*verdicts: Verdict, name: str = "acme/web", **more) -> RepositoryReport:
    url = f"https://github.com/{name}/blob/main/"
    values = {"forge": "github", "base_branch": "main", "files_url": url} | more
    return RepositoryReport(name=name, verdicts=verdicts, **values)


def build_run_report(
    *repositories: RepositoryReport, evidence: Evidence = KNOWN, level=RunLevel.PROPOSE, failed=()
) -> RunReport:
    return RunReport(level, repositories, {MOVED: evidence}, tuple(failed))


def build_failure(subject: str = "docker.io", error: str = "no answer") -> RunFailure:
    return RunFailure(subject, FailureStage.RESOLVE, error)


def build_unsupported_text(line_number: int = 9) -> UnsupportedText:
    return UnsupportedText(FilePath("Dockerfile"), line_number, "$X", Reason.UNRESOLVED_ARGUMENT)


def build_hostile_report(word: str = HOSTILE) -> RunReport:
    """Return a report in which every text from outside is `word`."""
    references = (
        build_update(path=word, locator=word),
        build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, path=word, line_number=2, detail=word),
        build_verdict(
            ReferenceStatus.SUPERSEDED, Reason.TAG_STOPPED, path=word, line_number=3, detail=word, successor=word
        ),
    )
    opened = build_proposal(word, url=f"https://github.com/{word}", note=word)
    noted = build_repository(*references, name=word, base_branch=word, proposals=(opened,), note=word)
    unread = UnsupportedText(FilePath(word), 4, word, Reason.MALFORMED, notes=(word,))
    whole = build_repository(
        *references, name=f"{word}2", unsupported=(unread,), proposals=(opened,), configured_name=word
    )
    return build_run_report(noted, whole, failed=[build_failure(word, word)])
