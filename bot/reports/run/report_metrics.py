"""Renders a run as metrics in Prometheus' text format, for the textfile collector of the node exporter.

Every label has a fixed set of values, so the number of series does not depend on the size of the fleet.

A metric has a series for every combination of label values, even if its value is zero. Queries and alerts do not work
well on series that come and go. Series are left out only if their value is unknown. For example, the number of
vulnerabilities is unknown if no image was scanned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import product

from bot import __version__
from bot.core.evidence.compare import count_by_severity
from bot.model.due_date import DueClass
from bot.model.evidence import Scan, ScanOutcome, Severity, UnscannedReason
from bot.model.patch_times import FixSeverity, PatchSummary
from bot.model.report import RunReport
from bot.model.vocabulary import FailureStage, ProposalOutcome, ReferenceStatus
from bot.reports.parts.evidence_document import SCANNED, get_state
from bot.reports.parts.prometheus_text import Sample, render_family
from bot.reports.parts.stage_metrics import render_stage_metrics
from bot.reports.parts.stage_section import StageReport

FOLDER = "folder"
"""The forge of a scanned folder in labels, because Prometheus has no empty labels."""
IN_USE, OFFERED = "in-use", "offered"
PATCH_PERIOD = timedelta(days=90)
"""The times to patch are computed from the fixes that were merged in this period before the end of the run."""
FIRST_SEEN, PUBLISHED = "first-seen", "published"
"""The start of a time to patch: the first sighting of the fix, or its publication."""
_SCAN_STATES = (SCANNED, *(why.value for why in UnscannedReason))

LabelValues = tuple[str, ...]
"""A value for each label, in the order of the labels."""


def render_metrics(
    report: RunReport, patch_summaries: Iterable[PatchSummary] | None = None, stages: StageReport | None = None
) -> str:
    """Return the output of `--format metrics`.

    Args:
        report: The report of the run.
        patch_summaries: The times to patch by severity within PATCH_PERIOD; None if there is no state.
        stages: How far the updates of the fleet got; None if the config has neither clusters nor builds.
    """
    patch_lines = _render_patch_times(patch_summaries) if patch_summaries is not None else ()
    stage_lines = render_stage_metrics(stages) if stages is not None else ()
    return "\n".join(
        [*_render_run(report), *_render_counts(report), *_render_scans(report), *patch_lines, *stage_lines]
    )


def _render_run(report: RunReport) -> Iterator[str]:
    yield from render_family(
        "build_info", "Version of basebump that wrote these metrics.", [({"version": __version__}, 1)]
    )
    if report.started is not None and report.ended is not None:
        duration = (report.ended - report.started).total_seconds()
        yield from render_family("run_start_timestamp_seconds", "Start of the run.", [({}, report.started.timestamp())])
        yield from render_family("run_end_timestamp_seconds", "End of the run.", [({}, report.ended.timestamp())])
        yield from render_family("run_duration_seconds", "Duration of the run.", [({}, duration)])
    count_by_stage = Counter[LabelValues]((each.stage.value,) for each in report.failed)
    samples = _build_samples(count_by_stage, ("stage",), [tuple(stage.value for stage in FailureStage)])
    yield from render_family("failures", "Failures of basebump, by the stage of the run.", samples)


def _render_counts(report: RunReport) -> Iterator[str]:
    repositories: Counter[LabelValues] = Counter()
    references: Counter[LabelValues] = Counter()
    texts: Counter[LabelValues] = Counter()
    proposals: Counter[LabelValues] = Counter()
    overdue: Counter[LabelValues] = Counter()
    unknown_due: Counter[LabelValues] = Counter()
    for tree in report.repositories:
        forge = tree.forge or FOLDER
        repositories[forge,] += 1
        references.update(
            (forge, each.status.value, str(each.reference.image.digest is not None).lower()) for each in tree.verdicts
        )
        texts[forge,] += len(tree.unsupported)
        proposals.update((forge, each.outcome.value) for each in tree.proposals)
        unknown_due[forge,] += sum(each.is_due_unknown for each in tree.proposals)
        overdue.update(
            (forge, each.due.fixes.value) for each in tree.proposals if each.due is not None and each.due.is_overdue
        )
    forges = tuple(sorted(forge for (forge,) in repositories))
    statuses, outcomes = tuple(each.value for each in ReferenceStatus), tuple(each.value for each in ProposalOutcome)
    yield from render_family(
        "repositories",
        "Repositories and base branches that were read.",
        _build_samples(repositories, ("forge",), [forges]),
    )
    yield from render_family(
        "references",
        "Image references, by status and by whether they have a digest.",
        _build_samples(references, ("forge", "status", "pinned"), [forges, statuses, ("true", "false")]),
    )
    yield from render_family(
        "unsupported_texts",
        "Texts in the place of an image name that are not a valid image reference.",
        _build_samples(texts, ("forge",), [forges]),
    )
    yield from render_family(
        "overdue",
        "Proposals whose due date has passed, by the reason for the date.",
        _build_samples(overdue, ("forge", "fixes"), [forges, tuple(each.value for each in DueClass)]),
    )
    yield from render_family(
        "due_unknown",
        "Proposals without a due date because scan results are missing.",
        _build_samples(unknown_due, ("forge",), [forges]),
    )
    yield from render_family(
        "proposals",
        "Proposals, by outcome.",
        _build_samples(proposals, ("forge", "outcome"), [forges, outcomes]),
    )


def _render_scans(report: RunReport) -> Iterator[str]:
    """Yield two metrics: the number of images by state of their scan, and the vulnerabilities in the scanned images.

    Each image is counted once, even if several references use it.
    """
    in_use = {
        (transition.tag_ref.repository, transition.old, transition.platforms): evidence.old
        for transition, evidence in report.evidence.items()
        if evidence.old is not None
    }
    offered = {
        (transition.tag_ref.repository, transition.new, transition.platforms): evidence.new
        for transition, evidence in report.evidence.items()
    }
    sides = ((IN_USE, tuple(in_use.values())), (OFFERED, tuple(offered.values())))
    states = Counter[LabelValues]((side, get_state(outcome)) for side, outcomes in sides for outcome in outcomes)
    yield from render_family(
        "assessed_images",
        "Images in use, and images of available updates, by the state of their scan.",
        _build_samples(states, ("image", "state"), [(IN_USE, OFFERED), _SCAN_STATES]),
    )
    samples = [sample for side, outcomes in sides for sample in _count_vulnerabilities(side, outcomes)]
    yield from render_family("vulnerabilities", "Known vulnerabilities of the scanned images, summed.", samples)


def _render_patch_times(summaries: Iterable[PatchSummary]) -> Iterator[str]:
    """Yield the percentiles of the times to patch, and the numbers of fixes from which they are computed.

    These metrics are gauges, because they are about the last days and can therefore fall. Histograms and summaries
    would have to count all events since a start, which the state does not contain.
    """
    by_severity = {each.group: each for each in summaries}
    times: list[Sample] = []
    counts: Counter[LabelValues] = Counter()
    for severity, summary in by_severity.items():
        for start, waits in ((FIRST_SEEN, summary.since_seen), (PUBLISHED, summary.since_published)):
            counts[severity, start] = waits.merged
            for percentile, time in (("50", waits.median), ("90", waits.percentile_90)):
                if time is not None:
                    labels = {"fixes": severity, "since": start, "percentile": percentile}
                    times.append((labels, int(time.total_seconds())))
    days = PATCH_PERIOD.days
    yield from render_family(
        "time_to_patch_seconds",
        f"Time until fixes were merged, by the most severe vulnerability, for the merges of the last {days} days.",
        times,
    )
    severities = tuple(each.value for each in FixSeverity)
    yield from render_family(
        "time_to_patch_fixes",
        f"Fixes that were merged in the last {days} days and whose time to patch is known.",
        _build_samples(counts, ("fixes", "since"), [severities, (FIRST_SEEN, PUBLISHED)]),
    )


def _count_vulnerabilities(side: str, outcomes: Iterable[ScanOutcome]) -> Iterator[Sample]:
    scans = [count_by_severity(outcome.findings) for outcome in outcomes if isinstance(outcome, Scan)]
    if scans:
        for severity in sorted(Severity, reverse=True):
            yield {"image": side, "severity": severity.word}, sum(counts[severity] for counts in scans)


def _build_samples(
    counts: Mapping[LabelValues, int], names: Sequence[str], label_values: Sequence[Sequence[str]]
) -> list[Sample]:
    """Return a sample, which consists of labels and a number, for every combination of label values.

    Args:
        counts: The number for each combination of label values. A combination that is missing here gets the number 0.
        names: The names of the labels.
        label_values: The possible values of each label, in the order of `names`.
    """
    return [(dict(zip(names, key, strict=True)), counts.get(key, 0)) for key in product(*label_values)]
