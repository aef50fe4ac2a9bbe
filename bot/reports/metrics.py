"""Renders a run as metrics in Prometheus' text format, for the textfile collector of the node exporter.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
Labels have values of closed lists, so the number of series is bounded whatever the size of a fleet. Every value has its
series even at zero, since a series that comes and goes cannot be counted on. An unknown number has no series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from bot import __version__
from bot.core.evidence.compare import count_by_severity
from bot.model.evidence import Scan, ScanOutcome, Severity, UnscannedReason
from bot.model.report import RunReport
from bot.model.vocabulary import FailureStage, OccurrenceStatus, ProposalOutcome
from bot.reports._evidence import SCANNED, state_of

FOLDER = "folder"
"""Replaces the forge for a scanned folder: Prometheus has no empty labels."""
IN_USE, OFFERED = "in-use", "offered"
_STATES = (SCANNED, *(why.value for why in UnscannedReason))

Labels = Mapping[str, str]
Words = tuple[str, ...]
"""A value for each label, in the order of the labels."""
Sample = tuple[Labels, float]


def report_metrics(report: RunReport) -> str:
    """Return the output of `--format metrics`."""
    return "\n".join([*_run(report), *_found(report), *_scanned(report)])


def _run(report: RunReport) -> Iterator[str]:
    yield from _gauge("build_info", "Version of basebump that wrote these metrics.", [({"version": __version__}, 1)])
    if report.started is not None and report.ended is not None:
        lasted = (report.ended - report.started).total_seconds()
        yield from _gauge("run_start_timestamp_seconds", "Start of the run.", [({}, report.started.timestamp())])
        yield from _gauge("run_end_timestamp_seconds", "End of the run.", [({}, report.ended.timestamp())])
        yield from _gauge("run_duration_seconds", "Duration of the run.", [({}, lasted)])
    stages = Counter[Words]((each.stage.value,) for each in report.failed)
    samples = _counted(stages, ("stage",), [tuple(stage.value for stage in FailureStage)])
    yield from _gauge("failures", "Failures of basebump, by the stage of the run.", samples)


def _found(report: RunReport) -> Iterator[str]:
    repositories: Counter[Words] = Counter()
    places: Counter[Words] = Counter()
    texts: Counter[Words] = Counter()
    proposals: Counter[Words] = Counter()
    for tree in report.repositories:
        forge = tree.forge or FOLDER
        repositories[forge,] += 1
        places.update(
            (forge, each.status.value, str(each.occurrence.reference.digest is not None).lower())
            for each in tree.verdicts
        )
        texts[forge,] += len(tree.unsupported)
        proposals.update((forge, each.outcome.value) for each in tree.proposals)
    forges = tuple(sorted(forge for (forge,) in repositories))
    statuses, outcomes = tuple(each.value for each in OccurrenceStatus), tuple(each.value for each in ProposalOutcome)
    yield from _gauge(
        "repositories", "Repositories and base branches that were read.", _counted(repositories, ("forge",), [forges])
    )
    yield from _gauge(
        "places",
        "Image references, by status and by whether they have a digest.",
        _counted(places, ("forge", "status", "pinned"), [forges, statuses, ("true", "false")]),
    )
    yield from _gauge(
        "unsupported_texts", "Texts in place of an image that do not name one.", _counted(texts, ("forge",), [forges])
    )
    yield from _gauge(
        "proposals",
        "Proposals, by outcome.",
        _counted(proposals, ("forge", "outcome"), [forges, outcomes]),
    )


def _scanned(report: RunReport) -> Iterator[str]:
    """Yield the results of scans, counting each image once; an image that was not scanned has no number."""
    in_use = {
        (move.tag_ref.repository, move.old, move.platforms): evidence.old
        for move, evidence in report.evidence.items()
        if evidence.old is not None
    }
    offered = {
        (move.tag_ref.repository, move.new, move.platforms): evidence.new for move, evidence in report.evidence.items()
    }
    sides = ((IN_USE, tuple(in_use.values())), (OFFERED, tuple(offered.values())))
    states = Counter[Words]((side, state_of(outcome)) for side, outcomes in sides for outcome in outcomes)
    yield from _gauge(
        "assessed_images",
        "Images in use and the images offered in their place, by whether they were scanned or why not.",
        _counted(states, ("image", "state"), [(IN_USE, OFFERED), _STATES]),
    )
    samples = [sample for side, outcomes in sides for sample in _vulnerabilities(side, outcomes)]
    yield from _gauge("vulnerabilities", "Known vulnerabilities of the scanned images, summed.", samples)


def _vulnerabilities(side: str, outcomes: Iterable[ScanOutcome]) -> Iterator[Sample]:
    scans = [count_by_severity(outcome.findings) for outcome in outcomes if isinstance(outcome, Scan)]
    if scans:
        for severity in sorted(Severity, reverse=True):
            yield {"image": side, "severity": severity.word}, sum(counts[severity] for counts in scans)


def _counted(counts: Mapping[Words, int], names: Sequence[str], words: Sequence[Sequence[str]]) -> list[Sample]:
    """Return a sample for every combination of label values."""
    return [(dict(zip(names, key, strict=True)), counts.get(key, 0)) for key in product(*words)]


def _gauge(name: str, meaning: str, samples: Sequence[Sample]) -> Iterator[str]:
    if samples:
        yield f"# HELP basebump_{name} {meaning}"
        yield f"# TYPE basebump_{name} gauge"
        for labels, value in samples:
            told = ",".join(f'{label}="{word}"' for label, word in labels.items())
            yield f"basebump_{name}{{{told}}} {value}" if told else f"basebump_{name} {value}"
