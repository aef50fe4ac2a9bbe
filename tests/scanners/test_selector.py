"""Selection of the scanner for an image; scans of different scanners are never mixed."""

from __future__ import annotations

from datetime import UTC, datetime

from support.runs.worlds import build_context
from support.values import digest, finding

from bot.model.decision import Transition
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanSubject, UnscannedReason
from bot.model.image_name import TagRef
from bot.pipeline.evidence.collect_evidence import assess
from bot.scanners.no_scanner import NoScanner
from bot.scanners.selector import ConfiguredScannerSelector, ScannerEntry

OURS, HUB, QUAY = (
    TagRef(name, "1") for name in ("registry.example.com/nginx", "docker.io/library/nginx", "quay.io/a/nginx")
)
OLD, NEW = digest("old"), digest("new")


class FakeScanner:
    """Finds one vulnerability in every image, and records the requests."""

    def __init__(self, name: str) -> None:
        self.name, self.expected, self.asked = name, [], []

    def get_identity(self) -> ScannerIdentity:
        return ScannerIdentity(self.name, "1", datetime(2026, 11, 25, tzinfo=UTC))

    def prefetch(self, subjects) -> None:
        self.expected = [*self.expected, *subjects]

    def match_packages(self, release, packages) -> None:
        """Return None, because only images have findings."""

    def scan(self, subject: ScanSubject) -> Scan:
        self.asked.append(subject)
        return Scan(self.get_identity(), "debian 12", (finding("CVE-2026-0001"),))


def test_first_scanner_entry_matching_the_image_is_selected():
    ours, hub, rest = FakeScanner("ours"), FakeScanner("hub"), FakeScanner("rest")
    choice = ConfiguredScannerSelector(
        [
            ScannerEntry(("registry.example.com/**",), ours),
            ScannerEntry(("docker.io/**", "ghcr.io/**"), hub),
            ScannerEntry((), rest),
        ]
    )
    assert [choice(line) for line in (OURS, HUB, QUAY)] == [ours, hub, rest]


def test_image_without_matching_scanner_entry_is_not_scanned():
    nobody = ConfiguredScannerSelector([ScannerEntry(("docker.io/**",), FakeScanner("hub"))])(QUAY)
    assert isinstance(nobody, NoScanner)
    assert nobody.scan(ScanSubject(QUAY, NEW, ("linux/amd64",))) == NotScanned(UnscannedReason.NO_SCANNER)


def test_findings_are_private_only_for_images_of_private_scanner_entry():
    choice = ConfiguredScannerSelector(
        [ScannerEntry(("docker.io/**",), FakeScanner("hub"), is_private=True), ScannerEntry((), FakeScanner("rest"))]
    )
    assert [choice.is_private(line) for line in (HUB, QUAY)] == [True, False]
    assert not ConfiguredScannerSelector(
        [ScannerEntry(("docker.io/**",), FakeScanner("hub"), is_private=True)]
    ).is_private(QUAY)


def test_digest_in_several_registries_is_scanned_once_by_each_scanner():
    ours, rest = FakeScanner("ours"), FakeScanner("rest")
    choice = ConfiguredScannerSelector([ScannerEntry(("registry.example.com/**",), ours), ScannerEntry((), rest)])
    moves = [Transition(line, OLD, NEW, ("linux/amd64",)) for line in (OURS, HUB, QUAY)]
    assessed = assess(moves, build_context(select_scanner=choice))
    for move, name in zip(moves, ("ours", "rest", "rest"), strict=True):
        evidence = assessed[move]
        assert (evidence.old.scanner.name, evidence.new.scanner.name) == (name, name)
        assert evidence.delta
    assert len(ours.asked) == len(rest.asked) == 2


def test_scanner_prefetch_lists_all_images_scanned_later():
    rest = FakeScanner("rest")
    moves = [Transition(line, OLD, NEW, ("linux/amd64",)) for line in (HUB, QUAY)]
    choice = ConfiguredScannerSelector([ScannerEntry((), rest)])
    assess(moves, build_context(select_scanner=choice))
    both = [(line, digest) for line in (HUB, QUAY) for digest in (OLD, NEW)]
    assert sorted((each.tag_ref, each.digest) for each in rest.expected) == sorted(both)
    assert set(rest.asked) <= set(rest.expected)
