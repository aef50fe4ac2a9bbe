"""Takes what Microsoft Defender for Cloud found in the images of Azure's registries, by asking Azure Resource Graph.

Defender knows an image by the digest of its platform's manifest, wherever in the registries it is. It scans what is
pushed, and again every day for as long as it is pulled: what nobody pulled for a month grows old, and is no clean bill
of health; neither is an image of which it has no row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

from bot.model.diagnosis import Aim, Check, ok, problem
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, Subject, Unscanned
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
"""Images in one question; Azure advises against more than three hundred of anything."""
PAGES: Mapping[Model, int] = {Model.GROUPED: 1000, Model.INDIVIDUAL: 100}
"""Rows at once: a thousand is the most there is, and one update of a kernel has hundreds of vulnerabilities in it."""
NAMING_IT = ("additionalData.artifactDetails.digest", "resourceDetails", "resourceAdditionalData")
"""Where rows of either model name the image; the key inside is spelt now one way, now another."""
MAX_FINDINGS = 20_000
"""Of one image; an old Debian with a desktop has some five thousand."""
NO_IMAGE = Digest("sha256:" + "0" * 64)
UNNAMED = "not named"
"""What is said of an operating system where no row names it."""
SCANNED_AGAIN = timedelta(days=30)
"""For how long after a push, or the last pull, an image is scanned every day.

https://learn.microsoft.com/en-us/azure/defender-for-cloud/agentless-vulnerability-assessment-azure
"""

Manifests = Callable[[Sequence[Subject]], Sequence[Digest | RegistryError | None]]
"""The manifest of the platform for each image, or why it cannot be had; None where the index has no such platform."""


class DefenderScanner:
    """Implements `bot.ports.Scanner`. Nobody says how old Defender's data is: the run is what two scans have in common.

    Rows that say when they were made may be as old as `max_age`. Those that do not are comparable where the image was
    pushed in the last thirty days, or `is_pulled` vouches that it was pulled in these.
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
        self._known: dict[Subject, Digest | NotScanned] = {}
        self._outcomes: dict[Digest, ScanOutcome] = {}

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Ask for an image that there is not, which takes the same rights as any other."""
        tried = "ask for an image"
        try:
            for model, query in questions([NO_IMAGE]):
                list(self._graph.rows(query, PAGES[model]))
        except ResourceGraphError as error:
            yield problem(NAME, tried, str(error))
        else:
            yield ok(NAME, tried, f"{self._graph.manager} answers; it shows no more than the identity may read")

    def identity(self) -> None:
        """Return nobody: it depends on the rows of an image whether they are comparable with others."""

    def expect(self, subjects: Collection[Subject]) -> None:
        """Ask for all of them at once."""
        with self._lock:
            self._learn(subjects)

    def scan(self, subject: Subject) -> ScanOutcome:
        """Return what Defender has of the image of `subject`, on its platform."""
        with self._lock:
            self._learn([subject])
            known = self._known[subject]
            return known if isinstance(known, NotScanned) else self._outcomes[known]

    def _learn(self, subjects: Iterable[Subject]) -> None:
        new = [subject for subject in subjects if subject not in self._known]
        for subject, manifest in zip(new, self._manifests(new), strict=True):
            self._known[subject] = _found(manifest)
        wanted = {known for subject in new if not isinstance(known := self._known[subject], NotScanned)}
        left = sorted(wanted - self._outcomes.keys())
        for start in range(0, len(left), AT_ONCE):
            self._outcomes |= self._ask(left[start : start + AT_ONCE])

    def _ask(self, digests: Sequence[Digest]) -> Mapping[Digest, ScanOutcome]:
        """Ask for some images, and say of each what was found."""
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
            return NotScanned(Unscanned.NO_REPORT, f"Defender has no row of {digest} that we may read")
        recent, newest = self._recent(said)
        if not recent:
            return NotScanned(Unscanned.NOT_RESCANNED, f"Defender's last row of it is of {newest:%Y-%m-%d}")
        findings = united(found for each in recent for found in each.findings)
        set_aside = not_counted((aside for each in recent for aside in each.set_aside), findings)
        if len(findings) + len(set_aside) > MAX_FINDINGS:
            return failed(f"Defender has more than {MAX_FINDINGS} vulnerabilities of it")
        is_current = self._is_current(recent)
        if not is_current and not findings:
            why = "Defender lists nothing that counts in it, and does not say when it last looked"
            return NotScanned(Unscanned.NOT_RESCANNED, why)
        system = next((each.system for each in recent if each.system), UNNAMED)
        return Scan(self._current if is_current else self._undated, system, findings, set_aside=set_aside)

    def _recent(self, said: Sequence[Said]) -> tuple[Sequence[Said], datetime | None]:
        """Return the rows of each model whose last one is not too old, and when that was made.

        One model may have stopped where the other went on.
        """
        made = [each.at for each in said if each.at is not None]
        recent: list[Said] = []
        for model in Model:
            rows = [each for each in said if each.model is model]
            last = max((each.at for each in rows if each.at is not None), default=None)
            recent += rows if last is None or self._now() - last <= self._max_age else []
        return recent, max(made, default=None)

    def _is_current(self, recent: Iterable[Said]) -> bool:
        """Say whether the image is known to be scanned every day."""
        return self._is_pulled or any(
            each.at is not None or (each.pushed is not None and self._now() - each.pushed <= SCANNED_AGAIN)
            for each in recent
        )


def questions(digests: Sequence[Digest]) -> Iterator[tuple[Model, str]]:
    """Yield what to ask for some images, in both models. A page needs the `id` in an order to have one after it."""
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
        return NotScanned(Unscanned.PLATFORM_MISSING)
    if isinstance(manifest, RegistryError):
        return NotScanned(Unscanned.IMAGE_GONE) if manifest.is_absent else failed(str(manifest))
    return manifest
