"""Renders the stages of updates as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot.core.markdown import make_console_line
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.transition import shorten_digest
from bot.model.fleet_stages import FleetStages
from bot.model.update_stages import StageFunnel, UpdateProgress, UpdateStage, UpdateWait, WaitReason
from bot.model.workload import RunningImage
from bot.reports.parts.inventory_document import count_things, describe_duration
from bot.reports.parts.stage_words import count_states, describe_clusters, describe_wait, describe_workloads
from bot.reports.parts.styled_lines import Line, Style, StyledLine

MAX_RUNNING = 50
"""The maximum number of containers that are listed for one image. The JSON output lists all containers."""
_TEXT = Style.EXPLANATION
_SHOWN_ELSEWHERE = frozenset({WaitReason.DECLINED, WaitReason.NOT_PINNED})


def describe_progress(progress: UpdateProgress, stages: FleetStages, now: datetime, indent: str) -> Iterator[Line]:
    """Yield lines about how far an update got, and why the update waits.

    Nothing is yielded for an open or declined pull request or a file without a digest, because other lines show them.
    Nothing is yielded either for a merged update if no stage follows the merge.
    """
    wait = progress.wait
    if progress.stage is UpdateStage.PROPOSED or (wait is not None and wait.reason in _SHOWN_ELSEWHERE):
        return
    state = progress.describe_state(stages.scope)
    if wait is None:
        if progress.stage is not UpdateStage.MERGED:
            yield StyledLine(indent, f"{_list_earlier(progress)}{state}{_describe_since(progress)}", Style.GOOD)
            if progress.workloads:
                words = describe_workloads(progress.workloads, shows_workloads=True)
                yield StyledLine(f"{indent}  ", make_console_line(words, MAX_NOTE_LENGTH), _TEXT)
            elif progress.stage is UpdateStage.RUNNING:
                yield StyledLine(f"{indent}  ", "No container runs it now.", _TEXT)
        return
    style = Style.FAINT if wait.reason.is_unknown else Style.WARNING
    yield StyledLine(indent, _add_age(state, wait, now), style)
    yield from _explain(wait, f"{indent}  ")


def _add_age(state: str, wait: UpdateWait, now: datetime) -> str:
    """Return a state such as `merged, not rebuilt` with the age of its stage: `merged 3 days ago, not rebuilt`."""
    stage, _, rest = state.partition(", ")
    if wait.since is None or not rest:
        return state
    return f"{stage} {describe_duration((now - wait.since).total_seconds())} ago, {rest}"


def _list_earlier(progress: UpdateProgress) -> str:
    """Return the date of the rebuild of a running update, to begin a line with; empty if it was not rebuilt."""
    rebuilt = [each for each in progress.reached[:-1] if each.stage is UpdateStage.REBUILT]
    return "".join(f"rebuilt on {each.at:%Y-%m-%d}, " for each in rebuilt)


def _describe_since(progress: UpdateProgress) -> str:
    """Return since when an update is in its last stage."""
    last = progress.reached[-1]
    return f" since {'at least ' if not last.is_exact else ''}{last.at:%Y-%m-%d}"


def _explain(wait: UpdateWait, indent: str) -> Iterator[Line]:
    """Yield why an update waits, with the names of the images or workloads for which it waits."""
    yield StyledLine(indent, make_console_line(describe_wait(wait, shows_workloads=True), MAX_NOTE_LENGTH), _TEXT)
    if wait.check is not None:
        words = f"{wait.check.name}: {wait.check.url}" if wait.check.url else wait.check.name
        yield StyledLine(indent, make_console_line(words, MAX_NOTE_LENGTH), _TEXT)


def list_running_lines(stages: FleetStages, images: Sequence[RunningImage]) -> Iterator[Line]:
    """Yield the containers that run an image, with remarks on containers that need attention."""
    unlisted = set(stages.unlisted)
    reasons = {each.image: each.reason.value for each in stages.unwanted}
    if images:
        yield StyledLine("", "Running in clusters", Style.UPDATE)
    for image in images[:MAX_RUNNING]:
        digest = shorten_digest(image.digest) if image.digest is not None else "unknown"
        title = make_console_line(f"{image.workload.title} ({image.container})")
        remarks = [f"the digest is {reasons[image]}"] if image in reasons else []
        remarks += ["in no repository"] if image in unlisted else []
        remark = f"  {', '.join(remarks)}" if remarks else ""
        pods = count_things(image.pods, "pod", "pods")
        yield StyledLine(f"  {digest:<12}  ", f"{title}  {pods}{remark}", Style.WARNING if remarks else _TEXT)
    if len(images) > MAX_RUNNING:
        left_out = len(images) - MAX_RUNNING
        yield f"  and {count_things(left_out, 'other container', 'other containers')}"


def summarise_funnels(funnels: Iterable[StageFunnel]) -> Iterator[Line]:
    """Yield the numbers of uses in each stage, one line for each image."""
    for funnel in funnels:
        counts = count_states([funnel], funnel.stages)
        words = ", ".join(f"{count.uses} {word}" for word, count in counts if count.uses)
        stuck = f"; {funnel.stuck} of them stuck" if funnel.stuck else ""
        yield StyledLine(f"{make_console_line(funnel.image)}: ", f"{words}{stuck}", Style.EXPLANATION)


def list_cluster_sentences(stages: FleetStages, now: datetime) -> Iterator[str]:
    """Yield sentences about the age of the data from each cluster; nothing if the config has no clusters."""
    if stages.scope.has_clusters:
        yield from map(make_console_line, describe_clusters(stages.clusters, now, shows_names=True))
