"""Reads the findings of Microsoft Defender for Cloud in images of Azure's registries from Azure Resource Graph.

Defender identifies an image by the digest of its platform's manifest, whichever registry holds it. It scans an image
when it is pushed, and then every day for as long as it is pulled. The rows of an image that nobody pulled for a month
grow old, and do not show that the image is free of vulnerabilities. Neither does an image without any row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.reference import Digest
from bot.scanners._defender.graph import ResourceGraph, ResourceGraphError
from bot.scanners._defender.rows import (
    GROUPED_TYPE,
    IMAGE_KEYS,
    INDIVIDUAL_TYPE,
    Model,
    Said,
    read_row,
    united,
)
from bot.scanners._findings import not_counted
from bot.scanners._json import UnreadableReportError
from bot.scanners._program import failed

NAME = "Microsoft Defender"
AT_ONCE = 200
"""Images in one query; Azure advises against more than three hundred values."""
PAGES: Mapping[Model, int] = {Model.GROUPED: 1000, Model.INDIVIDUAL: 100}
"""Rows of one page. A thousand is the service's limit; a row for a kernel update names hundreds of vulnerabilities."""
NAMING_IT = ("additionalData.artifactDetails.digest", "resourceDetails", "resourceAdditionalData")
"""Fields in which rows of either model name the image; the key inside them is spelt in different ways."""
MAX_FINDINGS = 20_000
"""Findings of one image; an old Debian with a desktop has some five thousand."""
NO_IMAGE = Digest("sha256:" + "0" * 64)
UNNAMED = "not named"
"""Shown as the operating system if no row names it."""
SCANNED_AGAIN = timedelta(days=30)
"""For this long after a push or the last pull, an image is scanned every day.

https://learn.microsoft.com/en-us/azure/defender-for-cloud/agentless-vulnerability-assessment-azure
"""

Manifests = Callable[[Sequence[ScanSubject]], Sequence[Digest | RegistryError | None]]
"""Returns for each image its platform's manifest, why it cannot be fetched, or None if the index lacks the platform."""


class DefenderScanner:
    """Implements `bot.ports.Scanner` with the rows that Defender has of an image.

    No row says how old Defender's data is, so two scans are comparable if they were made in the same run. Rows that
    have a date may be as old as `max_age`. Rows without a date are comparable if the image was pushed in the last
    thirty days, or if `is_pulled` vouches that every image was pulled in the last thirty days.
    """

    def __init__(
        self,
        graph: ResourceGraph,
        manifests: Manifests,
        *,
        now: Callable[[], datetime],
        max_age: timedelta,
        is_pulled: bool = False,
    ) -> None:
        self._graph, self._manifests, self._now = graph, manifests, now
        self._max_age, self._is_pulled = max_age, is_pulled
        self._current = ScannerIdentity(NAME, graph.manager, None, now().isoformat())
        self._undated = ScannerIdentity(NAME, graph.manager, None)
        self._lock = Lock()
        self._known: dict[ScanSubject, Digest | NotScanned] = {}
        self._outcomes: dict[Digest, ScanOutcome] = {}

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Query the service for an image that does not exist, which takes the same permissions as any other."""
        tried = "ask for an image"
        try:
            for model, query in questions([NO_IMAGE]):
                list(self._graph.rows(query, PAGES[model]))
        except ResourceGraphError as error:
            yield report_problem(NAME, tried, str(error))
        else:
            yield report_ok(NAME, tried, f"{self._graph.manager} answers; it shows no more than the identity may read")

    def get_identity(self) -> None:
        """Return None, since the rows of an image decide whether its scan is comparable with others."""

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Query the rows of all images at once."""
        with self._lock:
            self._learn(subjects)

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Return the findings of Defender in the image of `subject`, on its platform."""
        with self._lock:
            self._learn([subject])
            known = self._known[subject]
            return known if isinstance(known, NotScanned) else self._outcomes[known]

    def _learn(self, subjects: Iterable[ScanSubject]) -> None:
        new = [subject for subject in subjects if subject not in self._known]
        for subject, manifest in zip(new, self._manifests(new), strict=True):
            self._known[subject] = _found(manifest)
        wanted = {known for subject in new if not isinstance(known := self._known[subject], NotScanned)}
        left = sorted(wanted - self._outcomes.keys())
        for start in range(0, len(left), AT_ONCE):
            self._outcomes |= self._ask(left[start : start + AT_ONCE])

    def _ask(self, digests: Sequence[Digest]) -> Mapping[Digest, ScanOutcome]:
        """Query the rows of some images, and return the outcome for each."""
        said: dict[Digest, list[Said]] = defaultdict(list)
        broken: dict[Digest, str] = {}
        try:
            for model, query in questions(digests):
                for row in self._graph.rows(query, PAGES[model]):
                    try:
                        read = read_row(row)
                    except UnreadableReportError as error:
                        broken.setdefault(Digest(str(row.get("digest")).lower()), str(error))
                        continue
                    if read is not None:
                        said[read.digest].append(read)
        except ResourceGraphError as error:
            return dict.fromkeys(digests, failed(str(error)))
        return {
            digest: failed(f"Defender's rows cannot be read: {broken[digest]}")
            if digest in broken
            else self._judge(digest, said[digest])
            for digest in digests
        }

    def _judge(self, digest: Digest, said: Sequence[Said]) -> ScanOutcome:
        if not said:
            return NotScanned(UnscannedReason.NO_REPORT, f"Defender has no row for {digest} that the identity may read")
        recent, newest = self._recent(said)
        if not recent:
            return NotScanned(UnscannedReason.NOT_RESCANNED, f"Defender's last row for the image is from {newest:%Y-%m-%d}")
        findings = united(found for each in recent for found in each.findings)
        set_aside = not_counted((aside for each in recent for aside in each.set_aside), findings)
        if len(findings) + len(set_aside) > MAX_FINDINGS:
            return failed(f"Defender has more than {MAX_FINDINGS} vulnerabilities of the image")
        is_current = self._is_current(recent)
        if not is_current and not findings:
            why = "Defender lists no vulnerability that counts, and does not say when it last scanned the image"
            return NotScanned(UnscannedReason.NOT_RESCANNED, why)
        system = next((each.system for each in recent if each.system), UNNAMED)
        return Scan(self._current if is_current else self._undated, system, findings, set_aside=set_aside)

    def _recent(self, said: Sequence[Said]) -> tuple[Sequence[Said], datetime | None]:
        """Return the rows of each model whose newest row is not too old, and the date of the newest row of both models.

        The models are judged one by one, since Defender may have stopped to write one of them.
        """
        made = [each.at for each in said if each.at is not None]
        recent: list[Said] = []
        for model in Model:
            rows = [each for each in said if each.model is model]
            last = max((each.at for each in rows if each.at is not None), default=None)
            recent += rows if last is None or self._now() - last <= self._max_age else []
        return recent, max(made, default=None)

    def _is_current(self, recent: Iterable[Said]) -> bool:
        """Return True if the image is known to be scanned every day."""
        return self._is_pulled or any(
            each.at is not None or (each.pushed is not None and self._now() - each.pushed <= SCANNED_AGAIN)
            for each in recent
        )


def questions(digests: Sequence[Digest]) -> Iterator[tuple[Model, str]]:
    """Yield the queries for some images, one for each model.

    The rows are sorted by `id`, since the service has further pages only for a sorted result with that column.
    """
    listed = ", ".join(f'"{digest}"' for digest in digests)
    keys = ", ".join(f'"{each}"' for each in IMAGE_KEYS)
    by_digest = f"""\
| extend about = strcat({", ".join(f"tostring(properties.{each})" for each in NAMING_IT)})
| extend digest = extract("(sha256:[0-9a-f]{{64}})", 1, tolower(about))
| where digest in ({listed})
| project id, name, type, digest, properties
| order by id asc"""
    yield (
        Model.GROUPED,
        f"""\
securityresources
| where type =~ "{GROUPED_TYPE}"
| where tostring(properties.additionalData.assessedResourceType) =~ "AzureContainerRegistryVulnerability"
{by_digest}""",
    )
    yield (
        Model.INDIVIDUAL,
        f"""\
securityresources
| where type =~ "{INDIVIDUAL_TYPE}"
| where name in~ ({keys}) or tostring(properties.metadata.recommendationCategory) =~ "SoftwareUpdate"
| where name in~ ({keys}) or tostring(properties.resourceDetails) contains ".containerimage"
{by_digest}""",
    )


def _found(manifest: Digest | RegistryError | None) -> Digest | NotScanned:
    if manifest is None:
        return NotScanned(UnscannedReason.PLATFORM_MISSING)
    if isinstance(manifest, RegistryError):
        return NotScanned(UnscannedReason.IMAGE_GONE) if manifest.is_absent else failed(str(manifest))
    return manifest
