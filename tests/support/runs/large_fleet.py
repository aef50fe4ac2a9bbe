"""The report of a run over a made-up fleet, of any size, for the fleet page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

from support.values import digest, finding, reference, scan

from bot.core.evidence.compare import compare_scans
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Severity
from bot.model.image_name import TagRef
from bot.model.proposal import ProposedImage
from bot.model.report import ProposalReport, RepositoryReport, RunReport, Verdict
from bot.model.source import FilePath
from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus, RunLevel

ENDED = datetime(2026, 11, 20, 6, 4, tzinfo=UTC)
_HOSTS = ("docker.io/library", "ghcr.io/acme", "mcr.microsoft.com/dotnet", "contoso.azurecr.io/platform")
_NAMES = ("node", "python", "nginx", "golang", "redis", "postgres", "web", "api", "worker", "runtime")
_STATUSES = (
    (ReferenceStatus.UPDATE, None),
    (ReferenceStatus.UP_TO_DATE, None),
    (ReferenceStatus.UPDATE, None),
    (ReferenceStatus.HELD, Reason.TOO_YOUNG),
    (ReferenceStatus.SKIPPED, Reason.NO_TAG),
)
_SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


def build_large_fleet(image_count: int, *, repository_count: int = 300) -> RunReport:
    """Return a report in which each of `image_count` images is used by one to four repositories.

    Two of five images have an update with scans. Every fortieth of them has a vulnerability that is known to be
    exploited.
    """
    verdicts: list[list[Verdict]] = [[] for _ in range(repository_count)]
    proposals: list[list[ProposalReport]] = [[] for _ in range(repository_count)]
    evidence: dict[Transition, Evidence] = {}
    names = [f"{host}/{name}" for host, name in product(_HOSTS, _NAMES)]
    for number in range(image_count):
        name, tag = names[number % len(names)], f"{number // len(names)}.{number % 7}"
        status, reason = _STATUSES[number % len(_STATUSES)]
        old, new = digest(f"old {number}"), digest(f"new {number}")
        transition = None
        if status is ReferenceStatus.UPDATE:
            transition = Transition(TagRef(name, tag), old, new, ("linux/amd64",))
            evidence[transition] = _build_evidence(number)
        for user in range(1 + number % 4):
            index = (number * 7 + user * 31) % repository_count
            image_reference = reference(
                f"{name}:{tag}@{old}",
                path=f"services/{name.rpartition('/')[2]}/Dockerfile",
                line_number=1 + number % 40,
            )
            new_digest = new if transition else None
            verdicts[index].append(
                Verdict(image_reference, status, reason, new_digest=new_digest, transition=transition)
            )
        if transition:
            image = ProposedImage(f"{name}:{tag}", name, tag, old, new)
            index = number * 7 % repository_count
            proposals[index].append(
                ProposalReport(
                    f"basebump/{number}",
                    ProposalOutcome.OPENED,
                    f"Update {name.rpartition('/')[2]}:{tag} to {new[7:19]}",
                    (image,),
                    (FilePath("Dockerfile"),),
                    f"https://github.com/acme/service-{index}/pull/{number}",
                )
            )
    repositories = tuple(
        RepositoryReport(
            "github",
            f"acme/service-{index}",
            None,
            tuple(verdicts[index]),
            (),
            tuple(proposals[index]),
            files_url=f"https://github.com/acme/service-{index}/blob/main/",
        )
        for index in range(min(repository_count, image_count))
    )
    return RunReport(RunLevel.PROPOSE, repositories, evidence, (), ENDED - timedelta(minutes=9), ENDED)


def _build_evidence(number: int) -> Evidence:
    def build_scan(counts, built):
        findings = [
            finding(f"CVE-2026-{number:04}{severity_number}{index}", severity)
            for severity_number, (severity, count) in enumerate(zip(_SEVERITIES, counts, strict=True))
            for index in range(count)
        ]
        return replace(scan(*findings), created=built)

    is_exploited = number % 40 == 0
    critical_count = 1 if is_exploited else number % 11 // 4
    old = build_scan((critical_count, number % 17, 2, 3), ENDED - timedelta(days=10 + number % 400))
    new = build_scan((0, number % 3, 1, 3), ENDED - timedelta(days=number % 9))
    exploited_ids = frozenset({f"CVE-2026-{number:04}00"} if is_exploited else ())
    return replace(compare_scans(old, new), exploited_ids=exploited_ids)
