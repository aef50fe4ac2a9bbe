"""Reads the findings of Microsoft Defender for Cloud about images in Azure's registries from Azure Resource Graph.

Defender identifies an image by the digest of its platform's manifest, regardless of the registry. Defender scans an
image when the image is pushed, and then every day while the image is still being pulled. If nobody has pulled an image
for a month, its rows are outdated, and do not show that the image has no vulnerabilities. Missing rows do not show this
either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

from bot.model.contents import InstalledPackage
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image_name import Digest
from bot.scanners._defender.graph import ResourceGraph, ResourceGraphError
from bot.scanners._defender.rows import (
    GROUPED_TYPE,
    IMAGE_KEYS,
    INDIVIDUAL_TYPE,
    DefenderRow,
    RowModel,
    merge_findings,
    read_row,
)
from bot.scanners._findings import deduplicate_suppressed
from bot.scanners._json import UnreadableReportError
from bot.scanners._scanner_program import make_failure

NAME = "Microsoft Defender"
IMAGES_PER_QUERY = 200
"""The largest number of images in one query. Azure advises against more than 300 values."""
PAGE_SIZES: Mapping[RowModel, int] = {RowModel.GROUPED: 1000, RowModel.INDIVIDUAL: 100}
"""The numbers of rows per page. The service's limit is a thousand rows. A row about a kernel update names hundreds of
vulnerabilities."""
IMAGE_FIELDS = ("additionalData.artifactDetails.digest", "resourceDetails", "resourceAdditionalData")
"""The fields in which rows of both models name the image. Azure's spelling of the key inside these fields varies."""
MAX_FINDINGS = 20_000
"""The largest number of findings of one image. An old Debian image with a desktop has about 5,000."""
ABSENT_IMAGE = Digest("sha256:" + "0" * 64)
UNKNOWN_SYSTEM = "not named"
"""The operating system that is shown if no row names one."""
DAILY_SCAN_PERIOD = timedelta(days=30)
"""The time for which Defender scans an image every day after a push or the last pull.
https://learn.microsoft.com/en-us/azure/defender-for-cloud/agentless-vulnerability-assessment-azure"""

ManifestResolver = Callable[[Sequence[ScanSubject]], Sequence[Digest | RegistryError | None]]
"""Returns the digests of the manifests for the subjects' platforms, in the order of the subjects. An item is None if
the index lacks the platform, and an error if the index cannot be fetched."""


class DefenderScanner:
    """Reads Defender's findings about images. Implements `bot.ports.Scanner`.

    A row does not state how old Defender's vulnerability data is. Two scans are therefore comparable only if both were
    made in the same run, and if Defender certainly rescans both images every day. This is certain if one of these
    conditions is met:

    - A row of the image has a date that is not older than `max_age`. Rows with an older date are not used at all.
    - The image was pushed in the last thirty days.
    - `is_pulled` is True: the operator states that every image was pulled in the last thirty days.
    """

    def __init__(
        self,
        graph: ResourceGraph,
        resolve_manifests: ManifestResolver,
        *,
        now: Callable[[], datetime],
        max_age: timedelta,
        is_pulled: bool = False,
    ) -> None:
        self._graph, self._resolve_manifests, self._now = graph, resolve_manifests, now
        self._max_age, self._is_pulled = max_age, is_pulled
        self._current_identity = ScannerIdentity(NAME, graph.manager, None, now().isoformat())
        self._undated_identity = ScannerIdentity(NAME, graph.manager, None)
        self._lock = Lock()
        self._manifest_by_subject: dict[ScanSubject, Digest | NotScanned] = {}
        self._outcome_by_manifest: dict[Digest, ScanOutcome] = {}

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Query the service for an image that does not exist, and yield the result.

        This query needs the same permissions as a query for any other image.
        """
        action = "query an image"
        try:
            for model, query in build_queries([ABSENT_IMAGE]):
                list(self._graph.query_rows(query, PAGE_SIZES[model]))
        except ResourceGraphError as error:
            yield report_problem(NAME, action, str(error))
        else:
            yield report_ok(
                NAME, action, f"{self._graph.manager} answers, with the images that the identity is allowed to read"
            )

    def get_identity(self) -> None:
        """Return None, because the scans of one run have different identities.

        The identity of each scan is determined from the rows of its image. Only scans with the same identity are
        compared.
        """

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Query the rows of many images with few requests, and cache the outcomes, which `scan` then returns."""
        with self._lock:
            self._query_new_subjects(subjects)

    def match_packages(self, release: str, packages: Collection[InstalledPackage]) -> None:
        """Return None, because Defender states its findings for images."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Return Defender's findings about the image of `subject`, or the reason why there is no scan result."""
        with self._lock:
            self._query_new_subjects([subject])
            manifest = self._manifest_by_subject[subject]
            return manifest if isinstance(manifest, NotScanned) else self._outcome_by_manifest[manifest]

    def _query_new_subjects(self, subjects: Iterable[ScanSubject]) -> None:
        new = [subject for subject in subjects if subject not in self._manifest_by_subject]
        for subject, manifest in zip(new, self._resolve_manifests(new), strict=True):
            self._manifest_by_subject[subject] = _check_manifest(manifest)
        manifests = {
            digest_or_failure
            for subject in new
            if not isinstance(digest_or_failure := self._manifest_by_subject[subject], NotScanned)
        }
        pending = sorted(manifests - self._outcome_by_manifest.keys())
        for start in range(0, len(pending), IMAGES_PER_QUERY):
            self._outcome_by_manifest |= self._query_digests(pending[start : start + IMAGES_PER_QUERY])

    def _query_digests(self, digests: Sequence[Digest]) -> Mapping[Digest, ScanOutcome]:
        """Query the rows of several images with few requests. Return the outcome of each image's scan by its digest.

        `digests` are the digests of single images' manifests. Defender has no rows for the digests of indexes.
        """
        rows_by_digest: dict[Digest, list[DefenderRow]] = defaultdict(list)
        errors: dict[Digest, str] = {}
        try:
            for model, query in build_queries(digests):
                for row in self._graph.query_rows(query, PAGE_SIZES[model]):
                    try:
                        defender_row = read_row(row)
                    except UnreadableReportError as error:
                        errors.setdefault(Digest(str(row.get("digest")).lower()), str(error))
                        continue
                    if defender_row is not None:
                        rows_by_digest[defender_row.digest].append(defender_row)
        except ResourceGraphError as error:
            return dict.fromkeys(digests, make_failure(str(error)))
        return {
            digest: make_failure(f"Defender's rows cannot be read: {errors[digest]}")
            if digest in errors
            else self._evaluate_rows(digest, rows_by_digest[digest])
            for digest in digests
        }

    def _evaluate_rows(self, digest: Digest, rows: Sequence[DefenderRow]) -> ScanOutcome:
        if not rows:
            return NotScanned(
                UnscannedReason.NO_REPORT,
                f"Defender has no row for {digest}, or the identity is not allowed to read the row",
            )
        recent_rows, newest = self._select_recent_rows(rows)
        if not recent_rows:
            return NotScanned(
                UnscannedReason.NOT_RESCANNED,
                f"Defender's last row for the image is out of date: it is from {newest:%Y-%m-%d}",
            )
        findings = merge_findings(found for each in recent_rows for found in each.findings)
        suppressed = deduplicate_suppressed((aside for each in recent_rows for aside in each.suppressed), findings)
        if len(findings) + len(suppressed) > MAX_FINDINGS:
            return make_failure(f"Defender lists more than {MAX_FINDINGS} vulnerabilities in the image")
        is_current = self._is_scanned_daily(recent_rows)
        if not is_current and not findings:
            why = "Defender lists no unsuppressed vulnerability, and does not state when it last scanned the image"
            return NotScanned(UnscannedReason.NOT_RESCANNED, why)
        system = next((each.system for each in recent_rows if each.system), UNKNOWN_SYSTEM)
        return Scan(
            self._current_identity if is_current else self._undated_identity, system, findings, suppressed=suppressed
        )

    def _select_recent_rows(self, all_rows: Sequence[DefenderRow]) -> tuple[Sequence[DefenderRow], datetime | None]:
        """Return the rows that are recent enough, and the date of the newest row in `all_rows`.

        If the newest row of a model is older than `max_age`, all rows of this model are left out. The models are
        checked separately, because Defender may have stopped writing the rows of one model. If no row of a model has a
        date, the rows are kept. The returned date is None if no row has a date.
        """
        row_times = [each.generated_at for each in all_rows if each.generated_at is not None]
        recent: list[DefenderRow] = []
        for model in RowModel:
            rows = [each for each in all_rows if each.model is model]
            newest = max((each.generated_at for each in rows if each.generated_at is not None), default=None)
            recent += rows if newest is None or self._now() - newest <= self._max_age else []
        return recent, max(row_times, default=None)

    def _is_scanned_daily(self, rows: Iterable[DefenderRow]) -> bool:
        """Return True if Defender certainly scans the image every day.

        This is certain if a row has a date, if the image was pushed within DAILY_SCAN_PERIOD, or if the operator states
        with `is_pulled` that all images are pulled regularly.
        """
        return self._is_pulled or any(
            each.generated_at is not None
            or (each.pushed_at is not None and self._now() - each.pushed_at <= DAILY_SCAN_PERIOD)
            for each in rows
        )


def build_queries(digests: Sequence[Digest]) -> Iterator[tuple[RowModel, str]]:
    """Yield the queries for the rows about the images `digests`: one query for each model of rows.

    The rows are sorted by `id`. Without sorting, the service returns only the first page.
    """
    digest_list = ", ".join(f'"{digest}"' for digest in digests)
    keys = ", ".join(f'"{each}"' for each in IMAGE_KEYS)
    by_digest = f"""\
| extend about = strcat({", ".join(f"tostring(properties.{each})" for each in IMAGE_FIELDS)})
| extend digest = extract("(sha256:[0-9a-f]{{64}})", 1, tolower(about))
| where digest in ({digest_list})
| project id, name, type, digest, properties
| order by id asc"""
    yield (
        RowModel.GROUPED,
        f"""\
securityresources
| where type =~ "{GROUPED_TYPE}"
| where tostring(properties.additionalData.assessedResourceType) =~ "AzureContainerRegistryVulnerability"
{by_digest}""",
    )
    yield (
        RowModel.INDIVIDUAL,
        f"""\
securityresources
| where type =~ "{INDIVIDUAL_TYPE}"
| where name in~ ({keys}) or tostring(properties.metadata.recommendationCategory) =~ "SoftwareUpdate"
| where name in~ ({keys}) or tostring(properties.resourceDetails) contains ".containerimage"
{by_digest}""",
    )


def _check_manifest(manifest: Digest | RegistryError | None) -> Digest | NotScanned:
    if manifest is None:
        return NotScanned(UnscannedReason.PLATFORM_MISSING)
    if isinstance(manifest, RegistryError):
        return NotScanned(UnscannedReason.IMAGE_GONE) if manifest.is_absent else make_failure(str(manifest))
    return manifest
