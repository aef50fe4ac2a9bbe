"""Scenes of several runs on one repository, with actions of users between the runs.

A scene is a list of acts. Each act is a function that gets the `RunScene`: a run, or a change by a user or the
registry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
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
    ("azure", "dashboard is opened, then closed"): "it has no issues",
    ("azure", "user pushes a commit, then requests a rebuild"): "its texts have no checkboxes",
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
        self.options: dict[str, object] = {}
        self.database_times = count()
        self.move_tags("new")

    def run(self) -> None:
        self._run(RunLevel.PROPOSE)

    def push(self) -> None:
        """Run at the level that pushes branches without requests."""
        self._run(RunLevel.PUSH)

    def _run(self, level: RunLevel) -> None:
        if not self.uses_plans:
            self.loopback.run([self.stand.fleet()], level, **self.options)
            return
        text, failures = render_plan(self.loopback.plan([self.stand.fleet()], level, **self.options).plan)
        assert failures == ()
        report = self.loopback.apply(text.encode(), [self.stand.fleet()], **self.options)
        assert report.failed == ()

    def set_options(self, **options: object) -> None:
        self.options = options

    def set_rules(self, *rules: PolicyRule) -> None:
        self.loopback.rulebook = replace(self.loopback.rulebook, rules=rules)

    def move_tags(self, content: str) -> None:
        for repository, tag in (("python", "3.12-slim"), ("redis", "7"), ("nginx", "1.27")):
            self.loopback.move(repository, tag, content)

    def publish_finding(self, identifier: str) -> None:
        digests = {digest: (finding(identifier),) for digest in (OLD, NEW)}
        self.loopback.scanner = PresetScanner(digests, self._advance_database_time())

    def _advance_database_time(self) -> datetime:
        """Return the time of a scanner database that is newer than the previous database."""
        return NOW - timedelta(hours=1) + timedelta(minutes=next(self.database_times))

    def set_due_dates(self) -> None:
        """Let the new image fix a critical vulnerability, which is to be merged within a week."""
        findings = {OLD: (finding("CVE-1900-0002", Severity.CRITICAL),), NEW: ()}
        self.loopback.scanner = PresetScanner(findings, self._advance_database_time())
        self.set_rules(PolicyRule(due=DuePeriods(critical=timedelta(days=7))))

    def block_images(self, *contents: str) -> None:
        """Let a security team block the images with these contents, and no others."""
        entries = [BlockedDigest(build(each).digest, Block("malware")) for each in contents]
        self.loopback.rulebook = replace(self.loopback.rulebook, blocklist=build_blocklist(entries))

    def advance_one_week(self) -> None:
        self.loopback.now += timedelta(days=7)

    def update_base_branch(self, digest: str) -> None:
        pinned = PYTHON["tools/Dockerfile"].replace("slim", f"slim@{digest}")
        moved = {path: text.replace(OLD, digest) for path, text in PYTHON.items()}
        self.stand.commit("main", moved | {"tools/Dockerfile": pinned})

    def remove_image(self) -> None:
        self.stand.commit("main", dict.fromkeys(PYTHON, "# nothing left\n"))

    def add_redis_image(self) -> None:
        self.stand.commit("main", {"cache/Dockerfile": "FROM redis:7\n"})

    def request_rebuild_as_user(self) -> None:
        """Tick the box in the body, by which a user requests a rebuild of the branch."""
        (request,) = self.stand.forge().list_requests("basebump/", frozenset({BRANCH}))
        box = "- [ ] <!-- basebump:rebase -->"
        assert box in request.body
        self.stand.forge().update_request(request, request.title, request.body.replace(box, box.replace("[ ]", "[x]")))

    def push_commit_as_user(self) -> None:
        self.stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"})

    def close_request_as_user(self) -> None:
        self.stand.close_request(BRANCH)

    def merge_request_as_user(self) -> None:
        self.stand.merge_request(BRANCH)

    def revert_update_as_user(self) -> None:
        self.stand.commit("main", PYTHON)

    def delete_branch_as_user(self) -> None:
        self.stand.delete_branch(BRANCH)

    def merge_base_branch_as_user(self) -> None:
        self.stand.commit("main", {"README.md": "Elsewhere.\n"})
        self.stand.update_branch(BRANCH)

    def add_conflict(self) -> None:
        self.stand.commit("main", {"Dockerfile": f"# rewritten\nFROM python:3.12-slim@{OLD} AS other\n"})

    def read_state(self) -> object:
        """Return the visible state of a forge, with commits by content instead of time."""
        branches = self.stand.branches()
        trees = {branch: self.stand.files(branch) for branch in branches}
        commits = {branch: self.stand.commits(branch) for branch in branches}
        messages = {branch: [commit.message for commit in made] for branch, made in commits.items()}
        statuses = {branch: self.stand.statuses(branch) for branch in branches}
        shown = (remove_commit_ids(each, commits.get(each.branch, [])) for each in self.stand.requests())
        requests = sorted(shown, key=lambda request: request.branch)
        return trees, messages, statuses, requests, self.read_dashboard() if "has_dashboards" in self.options else None

    def read_dashboard(self) -> object:
        """Return the dashboard without the address of its stand."""
        fleet = self.stand.fleet()
        (repository,) = fleet.list_repositories(frozenset({self.stand.name}))
        issue = fleet.get_dashboard(repository).read()
        return issue and (issue.title, issue.is_open, PORT.sub("", issue.body))


def remove_commit_ids(request: ShownRequest, commits: list[LoggedCommit]) -> ShownRequest:
    """Return a request whose mark names a commit of its branch by how many came after it."""
    body = MENTION.sub("", request.body)
    for later, commit in enumerate(commits):
        body = body.replace(f'"on":"{shorten_commit(commit.oid)}"', f'"on":"{later} before its last"')
    return replace(request, body=body)


Act = Callable[[RunScene], None]
RUN, PUSH = RunScene.run, RunScene.push


def move_tag_back(scene: RunScene) -> None:
    scene.move_tags("new")


def move_tag_forward(scene: RunScene) -> None:
    scene.move_tags("newer")


def block_new_digest(scene: RunScene) -> None:
    scene.block_images("new")


def block_both_digests(scene: RunScene) -> None:
    scene.block_images("new", "newer")


def unblock_images(scene: RunScene) -> None:
    scene.block_images()


def publish_vulnerability(scene: RunScene) -> None:
    scene.publish_finding("CVE-1900-0001")


def merge_update_into_base(scene: RunScene) -> None:
    scene.update_base_branch(NEW)


def group_updates(scene: RunScene) -> None:
    scene.set_rules(GROUP)


def remove_rules(scene: RunScene) -> None:
    scene.set_rules()


SCENES: dict[str, list[Act]] = {
    "opened": [RUN],
    "tag moves again": [RUN, move_tag_forward, RUN],
    "new evidence": [RUN, publish_vulnerability, RUN],
    "new evidence and a newer digest": [
        RUN,
        publish_vulnerability,
        move_tag_forward,
        RUN,
    ],
    "user closes the request": [RUN, RunScene.close_request_as_user, RUN],
    "user closes the request, then the tag moves": [RUN, RunScene.close_request_as_user, move_tag_forward, RUN],
    "user closes the request, then the tag moves forward and back": [
        RUN,
        RunScene.close_request_as_user,
        move_tag_forward,
        RUN,
        move_tag_back,
        RUN,
    ],
    "user pushes a commit": [RUN, RunScene.push_commit_as_user, move_tag_forward, RUN, RUN],
    "user merges the base branch, then the tag moves": [
        RUN,
        RunScene.merge_base_branch_as_user,
        move_tag_forward,
        RUN,
    ],
    "user merges the base branch into a proposal with evidence": [
        publish_vulnerability,
        RUN,
        RunScene.merge_base_branch_as_user,
        RUN,
    ],
    "proposal with evidence conflicts": [publish_vulnerability, RUN, RunScene.add_conflict, RUN],
    "branch is pushed, then a request with a status opened": [publish_vulnerability, PUSH, RUN],
    "user merges the base branch, then updates the base branch": [
        RUN,
        RunScene.merge_base_branch_as_user,
        merge_update_into_base,
        RUN,
    ],
    "user merges the request": [RUN, RunScene.merge_request_as_user, RUN],
    "user merges the request and reverts the update": [
        RUN,
        RunScene.merge_request_as_user,
        RunScene.revert_update_as_user,
        RUN,
        RUN,
    ],
    "user deletes the branch": [RUN, RunScene.delete_branch_as_user, RUN],
    "user deletes the branch, then removes the image": [
        RUN,
        RunScene.delete_branch_as_user,
        RunScene.remove_image,
        RUN,
    ],
    "user updates the base branch": [RUN, merge_update_into_base, RUN],
    "user removes the image": [RUN, RunScene.remove_image, RUN],
    "proposal is withdrawn, then opened again": [
        RUN,
        merge_update_into_base,
        RUN,
        move_tag_forward,
        RUN,
    ],
    "proposal conflicts": [RUN, RunScene.add_conflict, RUN],
    "user pushes a commit, then requests a rebuild": [
        RUN,
        RunScene.push_commit_as_user,
        RUN,
        RunScene.request_rebuild_as_user,
        RUN,
    ],
    "two proposals in one run": [RunScene.add_redis_image, RUN],
    "branch is pushed, then a request opened": [PUSH, RUN],
    "branch is pushed, then the tag moves": [PUSH, move_tag_forward, RUN],
    "branch is pushed, then the user removes the image": [PUSH, RunScene.remove_image, RUN],
    "group loses an image": [
        RunScene.add_redis_image,
        group_updates,
        RUN,
        lambda scene: scene.set_rules(NO_REDIS, GROUP),
        RUN,
    ],
    "group is split": [
        RunScene.add_redis_image,
        group_updates,
        RUN,
        remove_rules,
        RUN,
    ],
    "draft with labels": [
        lambda scene: scene.set_rules(PolicyRule(labels=("docker",), draft=True)),
        RUN,
        move_tag_forward,
        RUN,
    ],
    "proposed digest is blocked, replaced, blocked and allowed again": [
        RUN,
        block_new_digest,
        move_tag_forward,
        RUN,
        block_both_digests,
        RUN,
        unblock_images,
        RUN,
    ],
    "request becomes overdue": [RunScene.set_due_dates, RUN, RunScene.advance_one_week, RUN],
    "first proposal of a repository": [
        RunScene.add_redis_image,
        lambda scene: scene.set_options(rollout=RolloutOptions(first_proposal=True)),
        RUN,
    ],
    "dashboard is opened, then closed": [
        lambda scene: scene.set_options(has_dashboards=True),
        RUN,
        RunScene.remove_image,
        RUN,
    ],
}
"""Acts of each scene. Each run is killed before each of its writes, except acts that an earlier scene begins with."""

VARIED = (
    "opened",
    "new evidence and a newer digest",
    "user closes the request, then the tag moves",
    "user pushes a commit",
    "branch is pushed, then a request with a status opened",
    "proposal is withdrawn, then opened again",
    "group is split",
    "draft with labels",
    "dashboard is opened, then closed",
)
"""Scenes that together have every kind of write, for tests that do not depend on the order of writes."""
MOST_WRITES = (
    "group is split",
    "draft with labels",
    "proposed digest is blocked, replaced, blocked and allowed again",
)


def count_tested_acts(title: str, titles: Iterable[str] = SCENES) -> int:
    """Return the number of first acts of a scene that an earlier scene of `titles` has already tested."""
    earlier = takewhile(lambda each: each != title, titles)
    return max((count_shared_acts(SCENES[title], SCENES[each]) for each in earlier), default=0)


def count_shared_acts(acts: list[Act], others: list[Act]) -> int:
    """Return the number of first acts that both scenes share."""
    pairs = zip(acts, others, strict=False)
    return len(list(takewhile(lambda pair: pair[0] is pair[1], pairs)))
