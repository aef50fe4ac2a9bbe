"""No output of the inventory breaks or contains commands, whatever text comes from files and forges."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from support.runs.reports import HOSTILE
from support.visits import NEW, NOW, WEB, build_request

from bot.cli.screen import show_lines
from bot.core.inventory.stage_funnels import summarise_updates
from bot.model.fleet_history import DigestMove, HeldDigest, MoveOrigin
from bot.model.fleet_stages import FleetStages
from bot.model.image_name import ImageName
from bot.model.patch_times import (
    FixSeverity,
    FleetTrends,
    Patch,
    PatchGrouping,
    PatchSummary,
    TeamTrend,
    TrendPoint,
    WaitSummary,
)
from bot.model.update_stages import (
    ClusterCoverage,
    FailedCheck,
    ImageUse,
    ReachedStage,
    StageScope,
    UpdateProgress,
    UpdateStage,
    UpdateWait,
    UseKind,
    WaitReason,
)
from bot.model.usage import ImageUsage, InventoryCoverage, RequestLink
from bot.model.workload import RunningImage, Workload
from bot.reports.fleet.history import HistoryAnswer, render_history_csv, render_history_document, render_history_lines
from bot.reports.fleet.patch_times import (
    PatchReport,
    render_patch_csv,
    render_patch_document,
    render_patch_lines,
    render_trend_csv,
)
from bot.reports.fleet.usage import UsageAnswer, render_usage_csv, render_usage_document, render_usage_lines
from bot.reports.parts.csv_text import render_csv, render_records
from bot.reports.parts.stage_section import StageReport
from bot.reports.parts.styled_lines import join_lines

ANY = st.one_of(
    st.text(st.sampled_from("`|<>[](){}*_#@!:\\\\~$&;,\"'\n\r\t\x1b\u202e\u2028 =+-ax/.")),
    st.text(st.characters(codec=None)),
    st.sampled_from(["", "::error::x", "##vso[task.x]y", "=1+1", "@a", '"']),
)
COVERAGE = InventoryCoverage(1, 0, NOW, NOW)


def build_stages(usage: ImageUsage, word: str) -> StageReport:
    """Return the stages of a usage, with the word as every name of checks, images, clusters and workloads."""
    running = RunningImage(Workload(word, word, word, word), word, "docker.io/library/python", word, NEW, 1, None)
    use = ImageUse(usage.key, usage.path, 1, UseKind.BUILD, "docker.io/library/python", usage.tag, usage.digest)
    wait = UpdateWait(
        WaitReason.BUILD_FAILED, NOW, FailedCheck(word, word), (word,), NOW, (use,), (running,), clusters=(word,)
    )
    progress = UpdateProgress(use, NEW, (ReachedStage(UpdateStage.MERGED, NOW),), wait, workloads=(running,))
    scope = StageScope(has_builds=True, has_clusters=True)
    clusters = (ClusterCoverage(word, NOW, word),)
    funnels = tuple(summarise_updates([progress], scope, NOW))
    stages = FleetStages(scope, (progress,), (running,), (running,), clusters=clusters, funnels=funnels)
    return StageReport(stages, NOW)


def render_all(word: str) -> tuple[list[str], list[str], list[str]]:
    """Return all texts, documents and CSV files of answers that contain the word wherever text comes from outside."""
    key, request = replace(WEB, repository=word, base_branch=word), build_request(1, url=word)
    usage = ImageUsage(
        key,
        word,
        1,
        "dockerfile",
        word,
        "3.12",
        NEW,
        "update",
        None,
        (word,),
        NOW,
        False,
        NOW,
        NOW,
        (RequestLink(1, word, NOW),),
    )
    used = UsageAnswer(ImageName.parse("python"), None, [usage], COVERAGE, build_stages(usage, word))
    held = HeldDigest(key, word, word, NEW, NOW, is_since_first_visit=False)
    history = HistoryAnswer(word, [DigestMove(held, MoveOrigin.BASEBUMP, NOW, request)], (), COVERAGE)
    patch = Patch(key, word, FixSeverity.HIGH, NOW, None, (word,), request, published_at=NOW)
    waits = WaitSummary(0, None, None, 1, NOW - NOW)
    points = (TrendPoint(NOW, 1, 0, 0, None), TrendPoint(NOW, 1, 0, 0, None))
    trends = FleetTrends(points, (), (), (TeamTrend(word, points),))
    patches = PatchReport(NOW, NOW, [patch], {PatchGrouping.TEAM: [PatchSummary(word, waits, waits)]}, COVERAGE, trends)
    lines = (render_usage_lines(used, NOW), render_history_lines(history, NOW), render_patch_lines(patches, None))
    documents = (render_usage_document(used), render_history_document(history), render_patch_document(patches))
    return (
        list(map(join_lines, lines)),
        list(documents),
        [render_usage_csv(used), render_history_csv(history), render_patch_csv(patches), render_trend_csv(patches)],
    )


@given(ANY)
@example(HOSTILE)
@example(":")
def test_inventory_outputs_contain_no_ci_commands_or_control_characters(word):
    texts, documents, tables = render_all(word)
    for text in (*texts, *documents, *tables):
        assert not {each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs"}} - {"\n"}
        assert "##vso[" not in text
        assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]
    for document in documents:
        assert document.isascii()
        json.loads(document)


@given(ANY)
@example(HOSTILE)
def test_inventory_csv_rows_are_equally_long_and_contain_no_formulas(word):
    for table in render_all(word)[2]:
        rows = list(csv.reader(io.StringIO(table)))
        assert len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


def test_image_usage_with_long_names_fits_terminal_width(monkeypatch):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "80"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    name, path, tag = (
        "payments-and-settlement",
        "services/settlement/deploy/production/web.yaml",
        "3.12.7-slim-bookworm-20261101",
    )
    usage = ImageUsage(WEB, path, 1, "kubernetes", "x", tag, NEW, "update", None, (), NOW, True, NOW, NOW)
    answer = UsageAnswer(ImageName.parse("python"), None, [usage], COVERAGE, build_stages(usage, "worker"))
    running = replace(answer.stages.stages.running[0], tag=tag, workload=Workload("prod", name, "Deployment", name))
    stages = replace(answer.stages.stages, running=(running,), unlisted=(running,), unwanted=())
    shown = show_lines(
        render_usage_lines(replace(answer, stages=replace(answer.stages, stages=stages)), NOW), FakeTerminal()
    )
    assert [row for row in shown.split("\n") if len(row) > 80] == []
    assert f"  {path}:1\n    {tag}  {NEW[7:19]}  since at least {NOW:%Y-%m-%d}\n" in shown
    title = f"prod/{name}/Deployment/{name}"
    assert f"  {NEW[7:19]}  {title}\n    (worker)  1 pod  in no repository\n" in shown


def test_csv_contains_numbers_booleans_and_empty_cells_for_none():
    assert render_csv(("a", "b", "c"), [(-1, True, None), (1.5, False, "x, y")]) == 'a,b,c\n-1,true,\n1.5,false,"x, y"'


def test_csv_columns_are_filled_from_keys_of_nested_values():
    record = {
        "path": "a",
        "owners": ["@one", "@two"],
        "request": {"url": "u", "number": None},
        "requests": [{"number": 1, "url": "u"}, {"number": 2, "url": None}],
        "unlisted": 3,
    }
    columns = ("path", "owners", "request_url", "request_number", "request_numbers", "request_urls", "missing")
    assert render_records(columns, [record]).split("\n")[1] == "a,@one @two,u,,1 2,u,".replace("@one", "'@one")
