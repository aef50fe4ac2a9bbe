"""Scenes of several runs on one repository, with actions of users between the runs.

A scene is a list of acts. Each act is a function that gets the `RunScene`: a run, or a change by a user or the
registry.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count, takewhile
from pathlib import Path

from support.forges.forge_stands import select_stands
from support.forges.stands import ShownRequest
from support.git import LoggedCommit
from support.runs.worlds import NOW, LoopbackHub, PresetScanner, build
from support.values import finding

from bot.core.choice.blocklist import build_blocklist
from bot.core.proposal.marks import shorten_commit
from bot.model.blocklist import Block, BlockedDigest
from bot.model.due_date import DuePeriods
from bot.model.evidence import Severity
from bot.model.limits import RolloutOptions
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.vocabulary import RunLevel
from bot.plan_file import render_plan

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW = build("old").digest, build("new").digest

PYTHON = {
    "Dockerfile": f"FROM python:3.12-slim@{OLD}\n",
    "tools/Dockerfile": "FROM python:3.12-slim AS tools\n",
    "deploy/app.yaml": (
        f'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - {{name: a, image: "python:3.12-slim@{OLD}"}}\n'
    ),
}
PORT = re.compile(r"127\.0\.0\.1:[0-9]+")
GROUP, NO_REDIS = (
    PolicyRule(group="weekly"),
    PolicyRule(match=RuleMatch(image=("docker.io/library/redis",)), ignore=True),
)

STANDS = select_stands(without=("github-app", "forgejo"))
WITHOUT = {
    ("azure", "a dashboard, until there is nothing to show"): "it has no issues",
    ("azure", "a person's commit, and the box is ticked"): "its texts have no checkboxes",
}
"""Scenes that cannot be played on a forge."""
MENTION = re.compile(r"This was proposed before in !\d+ and withdrawn\.\n\n")
"""On Azure Repos, a run that is killed between opening a request and storing its mark leaves a request without a mark.
The next run writes its text again, without this sentence."""


class RunScene:
    """One stand, one registry, and the events that can happen to them."""

    def __init__(
        self,
        root: Path,
        loopback: LoopbackHub,
        forge: str = "local",
        files: dict[str, str] = PYTHON,
        *,
        uses_plans: bool = False,
    ) -> None:
        """Set up the stand. If `uses_plans` is True, runs are planned first, and the plans are performed."""
        root.mkdir()
        self.uses_plans = uses_plans
        self.stand = STANDS[forge](root, files)
        self.loopback = loopback
        self.orders: dict[str, object] = {}
        self.database_times = count()
        self.moves("new")

    def run(self) -> None:
        self._run(RunLevel.PROPOSE)

    def push(self) -> None:
        """Run on the rung below: branches without requests."""
        self._run(RunLevel.PUSH)

    def _run(self, level: RunLevel) -> None:
        if not self.uses_plans:
            self.loopback.run([self.stand.fleet()], level, **self.orders)
            return
        text, failures = render_plan(self.loopback.plan([self.stand.fleet()], level, **self.orders).plan)
        assert failures == ()
        report = self.loopback.apply(text.encode(), [self.stand.fleet()], **self.orders)
        assert report.failed == ()

    def has(self, **orders: object) -> None:
        self.orders = orders

    def follows(self, *rules: PolicyRule) -> None:
        self.loopback.rulebook = replace(self.loopback.rulebook, rules=rules)

    def moves(self, content: str) -> None:
        for repository, tag in (("python", "3.12-slim"), ("redis", "7"), ("nginx", "1.27")):
            self.loopback.move(repository, tag, content)

    def learns(self, identifier: str) -> None:
        digests = {digest: (finding(identifier),) for digest in (OLD, NEW)}
        self.loopback.scanner = PresetScanner(digests, self._next_database())

    def _next_database(self) -> datetime:
        """Return the time of the database of a scanner, which learnt something since the one before."""
        return NOW - timedelta(hours=1) + timedelta(minutes=next(self.database_times))

    def has_due_dates(self) -> None:
        """Let the new image fix a critical vulnerability, which is to be merged within a week."""
        findings = {OLD: (finding("CVE-1900-0002", Severity.CRITICAL),), NEW: ()}
        self.loopback.scanner = PresetScanner(findings, self._next_database())
        self.follows(PolicyRule(due=DuePeriods(critical=timedelta(days=7))))

    def blocks(self, *contents: str) -> None:
        """Let a security team block the images with these contents, and no others."""
        entries = [BlockedDigest(build(each).digest, Block("malware")) for each in contents]
        self.loopback.rulebook = replace(self.loopback.rulebook, blocklist=build_blocklist(entries))

    def week_passes(self) -> None:
        self.loopback.now += timedelta(days=7)

    def base_moves_to(self, digest: str) -> None:
        pinned = PYTHON["tools/Dockerfile"].replace("slim", f"slim@{digest}")
        moved = {path: text.replace(OLD, digest) for path, text in PYTHON.items()}
        self.stand.commit("main", moved | {"tools/Dockerfile": pinned})

    def image_goes(self) -> None:
        self.stand.commit("main", dict.fromkeys(PYTHON, "# nothing left\n"))

    def another_line(self) -> None:
        self.stand.commit("main", {"cache/Dockerfile": "FROM redis:7\n"})

    def person_ticks(self) -> None:
        """Tick the box in the body, by which a person asks for the branch to be rebuilt."""
        (seen,) = self.stand.forge().list_requests("basebump/", frozenset({BRANCH}))
        box = "- [ ] <!-- basebump:rebase -->"
        assert box in seen.body
        self.stand.forge().update_request(seen, seen.title, seen.body.replace(box, box.replace("[ ]", "[x]")))

    def person_commits(self) -> None:
        self.stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"})

    def person_closes(self) -> None:
        self.stand.close_request(BRANCH)

    def person_merges(self) -> None:
        self.stand.merge_request(BRANCH)

    def person_reverts(self) -> None:
        self.stand.commit("main", PYTHON)

    def person_deletes(self) -> None:
        self.stand.delete_branch(BRANCH)

    def person_updates(self) -> None:
        self.stand.commit("main", {"README.md": "Elsewhere.\n"})
        self.stand.update_branch(BRANCH)

    def conflicts(self) -> None:
        self.stand.commit("main", {"Dockerfile": f"# rewritten\nFROM python:3.12-slim@{OLD} AS other\n"})

    def state(self) -> object:
        """Return the visible state of a forge, with commits by content instead of time."""
        branches = self.stand.branches()
        trees = {branch: self.stand.files(branch) for branch in branches}
        commits = {branch: self.stand.commits(branch) for branch in branches}
        messages = {branch: [commit.message for commit in made] for branch, made in commits.items()}
        statuses = {branch: self.stand.statuses(branch) for branch in branches}
        shown = (remove_commit_ids(each, commits.get(each.branch, [])) for each in self.stand.requests())
        requests = sorted(shown, key=lambda request: request.branch)
        return trees, messages, statuses, requests, self.board() if "has_dashboards" in self.orders else None

    def board(self) -> object:
        """Return the dashboard, without where its stand listens."""
        fleet = self.stand.fleet()
        (repository,) = fleet.list_repositories(frozenset({self.stand.name}))
        board = fleet.get_dashboard(repository).read()
        return board and (board.title, board.is_open, PORT.sub("", board.body))


def remove_commit_ids(request: ShownRequest, commits: list[LoggedCommit]) -> ShownRequest:
    """Return a request whose mark names a commit of its branch by how many came after it."""
    body = MENTION.sub("", request.body)
    for later, commit in enumerate(commits):
        body = body.replace(f'"on":"{shorten_commit(commit.oid)}"', f'"on":"{later} before its last"')
    return replace(request, body=body)


Act = Callable[[RunScene], None]
RUN, PUSH = RunScene.run, RunScene.push


def move_tag_back(scene: RunScene) -> None:
    scene.moves("new")


def move_tag_on(scene: RunScene) -> None:
    scene.moves("newer")


def block_new_digest(scene: RunScene) -> None:
    scene.blocks("new")


def block_both_digests(scene: RunScene) -> None:
    scene.blocks("new", "newer")


def publish_vulnerability(scene: RunScene) -> None:
    scene.learns("CVE-1900-0001")


def merge_update_into_base(scene: RunScene) -> None:
    scene.base_moves_to(NEW)


def group_updates(scene: RunScene) -> None:
    scene.follows(GROUP)


SCENES: dict[str, list[Act]] = {
    "opened": [RUN],
    "the tag moved again": [RUN, move_tag_on, RUN],
    "new evidence": [RUN, publish_vulnerability, RUN],
    "evidence and tag together": [
        RUN,
        publish_vulnerability,
        move_tag_on,
        RUN,
    ],
    "declined": [RUN, RunScene.person_closes, RUN],
    "declined, then the next digest": [RUN, RunScene.person_closes, move_tag_on, RUN],
    "declined, moved on, moved back": [
        RUN,
        RunScene.person_closes,
        move_tag_on,
        RUN,
        move_tag_back,
        RUN,
    ],
    "a person's commit": [RUN, RunScene.person_commits, move_tag_on, RUN, RUN],
    "the base was merged into it, and the tag moved": [
        RUN,
        RunScene.person_updates,
        move_tag_on,
        RUN,
    ],
    "the base was merged into what was scanned": [
        publish_vulnerability,
        RUN,
        RunScene.person_updates,
        RUN,
    ],
    "what was scanned conflicts": [publish_vulnerability, RUN, RunScene.conflicts, RUN],
    "pushed, then opened with its status": [publish_vulnerability, PUSH, RUN],
    "the base was merged into it, and has it already": [
        RUN,
        RunScene.person_updates,
        merge_update_into_base,
        RUN,
    ],
    "merged": [RUN, RunScene.person_merges, RUN],
    "merged and reverted": [RUN, RunScene.person_merges, RunScene.person_reverts, RUN, RUN],
    "the branch was deleted": [RUN, RunScene.person_deletes, RUN],
    "the branch was deleted, and no file names the image": [RUN, RunScene.person_deletes, RunScene.image_goes, RUN],
    "the base has it already": [RUN, merge_update_into_base, RUN],
    "no file names it any more": [RUN, RunScene.image_goes, RUN],
    "taken back and wanted again": [
        RUN,
        merge_update_into_base,
        RUN,
        move_tag_on,
        RUN,
    ],
    "it conflicts": [RUN, RunScene.conflicts, RUN],
    "a person's commit, and the box is ticked": [RUN, RunScene.person_commits, RUN, RunScene.person_ticks, RUN],
    "two at once": [RunScene.another_line, RUN],
    "pushed, then opened": [PUSH, RUN],
    "pushed, and the tag moved": [PUSH, move_tag_on, RUN],
    "pushed, and not wanted any more": [PUSH, RunScene.image_goes, RUN],
    "a group loses an image": [
        RunScene.another_line,
        group_updates,
        RUN,
        lambda scene: scene.follows(NO_REDIS, GROUP),
        RUN,
    ],
    "a group is parted": [
        RunScene.another_line,
        group_updates,
        RUN,
        RunScene.follows,
        RUN,
    ],
    "labels on a draft": [
        lambda scene: scene.follows(PolicyRule(labels=("docker",), draft=True)),
        RUN,
        move_tag_on,
        RUN,
    ],
    "what is proposed is blocked, replaced, blocked, and allowed again": [
        RUN,
        block_new_digest,
        move_tag_on,
        RUN,
        block_both_digests,
        RUN,
        RunScene.blocks,
        RUN,
    ],
    "a request becomes overdue": [RunScene.has_due_dates, RUN, RunScene.week_passes, RUN],
    "the first of a repository": [
        RunScene.another_line,
        lambda scene: scene.has(rollout=RolloutOptions(first_proposal=True)),
        RUN,
    ],
    "a dashboard, until there is nothing to show": [
        lambda scene: scene.has(has_dashboards=True),
        RUN,
        RunScene.image_goes,
        RUN,
    ],
}
"""What happens one after another. Each run is killed before each of its writes, except in a beginning already tried."""

VARIED = (
    "opened",
    "evidence and tag together",
    "declined, then the next digest",
    "a person's commit",
    "pushed, then opened with its status",
    "taken back and wanted again",
    "a group is parted",
    "labels on a draft",
    "a dashboard, until there is nothing to show",
)
"""Scenes that together have every kind of write, for what does not depend on how the writes follow each other."""
MOST_WRITES = (
    "a group is parted",
    "labels on a draft",
    "what is proposed is blocked, replaced, blocked, and allowed again",
)


def count_tried(acts: list[Act]) -> int:
    """Return the number of first acts that an earlier scene shares, and so has already tested."""
    titles = [title for title, others in SCENES.items() if others is acts]
    earlier = list(SCENES)[: list(SCENES).index(titles[0])] if titles else []
    return max((count_equal(acts, SCENES[title]) for title in earlier), default=0)


def count_equal(acts: list[Act], others: list[Act]) -> int:
    """Return with how many acts both begin."""
    pairs = zip(acts, others, strict=False)
    return len(list(takewhile(lambda pair: pair[0] is pair[1], pairs)))
