"""One scene for each section of `docs/policies.md`, on the stage of `policy_stage`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from support.docs.policy_stage import PRIVATE, PolicyStage
from support.forges.github.stand import GitHubStand
from support.runs.worlds import build, write_tree
from support.scanners.advisories import kev
from support.scanners.grype import render_manifest_report
from support.signing.attached import BUNDLE, attachment, bundle, dump, referrers_index

from bot.demo.images import build_debian_root, build_image, build_index, build_layer

PYTHON = "python:3.12-slim"
BRANCH = "basebump/python-3.12-slim-06e5bb43"
KEY = ec.generate_private_key(ec.SECP256R1())
"""Its public half is in the file that the page names."""
SCENES: dict[str, Callable[[PolicyStage], None]] = {}
"""By the headings of the page, in its order."""


def scene(section):
    """Register the scene of a section of the page."""

    def note(play):
        assert section not in SCENES
        SCENES[section] = play
        return play

    return note


# ---- which images are updated ----------------------------------------------------------------------------------------


@scene("Pin every image and follow its tag")
def _(stage):
    stage.tag("redis:7", "new")
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\nFROM redis:7\n"})
    stage.run()


@scene("Update pinned images, and pin no others")
def _(stage):
    stage.tag("redis:7", "new")
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\nFROM redis:7\n"})
    stage.run()


@scene("Exclude an image from updates")
def _(stage):
    stage.repository({"Dockerfile": f"FROM {stage.behind('postgres:17')}\nFROM {stage.behind(PYTHON)}\n"})
    stage.run()


@scene("Update to newer releases")
def _(stage):
    for tag in ("3.13-slim", "4.0-slim"):
        stage.tag(f"python:{tag}", tag)
    for tag in ("1.27.1", "1.27.4", "1.28.0"):
        stage.tag(f"nginx:{tag}", tag)
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\nFROM nginx:1.27.1@{build('1.27.1').digest}\n"})
    stage.run()


@scene("Update to the next release of the distribution")
def _(stage):
    for tag in ("1.27-alpine3.20", "1.27-alpine3.21"):
        stage.tag(f"nginx:{tag}", tag)
    stage.repository({"Dockerfile": f"FROM nginx:1.27-alpine3.20@{build('1.27-alpine3.20').digest}\n"})
    stage.run()


@scene("Set the tag of an image that has none")
def _(stage):
    stage.tag("ubuntu:24.04", "new")
    stage.tag("debian:latest", "new")
    stage.repository({"Dockerfile": "FROM ubuntu\nFROM debian\n"})
    stage.run()


@scene("Replace images past their end of life")
def _(stage):
    for tag in ("3.8", "3.8-slim", "3.13"):
        stage.tag(f"python:{tag}", tag)
    lines = [f"FROM python:{tag}@{build(tag).digest}\n" for tag in ("3.8", "3.8-slim")]
    stage.repository({"Dockerfile": "".join(lines)})
    stage.run()


@scene("Ignore folders or single references")
def _(stage):
    stage.tag("debian:bookworm-slim", "new")
    stage.repository({"examples/Dockerfile": f"FROM {stage.behind(PYTHON)}\n", "Dockerfile": stage.dockerfile})
    stage.run()


@scene("Leave your own builds to your deployment tools")
def _(stage):
    image = stage.behind(f"{PRIVATE}/apps/web:1.4")
    pod = f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {{name: web, image: '{image}'}}\n"
    stage.repository({"staging/pod.yaml": pod, "production/pod.yaml": pod})
    stage.run()


@scene("Update references that are skipped as risky")
def _(stage):
    containers = f"containers: [{{name: x, image: '{stage.behind(PYTHON)}'}}]"
    job = "apiVersion: batch/v1\nkind: Job\nspec:\n  template:\n    spec:\n      " + containers + "\n"
    stage.repository({"jobs/once.yaml": job, "other/once.yaml": job})
    stage.run()


@scene("Apply a rule to some references only")
def _(stage):
    dockerfile = f"FROM {stage.behind(PYTHON)}\n"
    for name in ("web", "api"):
        stage.repository({"Dockerfile": dockerfile}, name)
    stage.run()


# ---- which updates are acceptable ------------------------------------------------------------------------------------


@scene("Require a minimum age")
def _(stage):
    old, new = {"CVE-2026-0001": "Critical"}, {}
    image = stage.behind(PYTHON)
    stage.tag("redis:7", "other", "next")
    stage.scanned(old=old, new=new, other={"CVE-2026-0002": "High"}, next={})
    stage.repository({"Dockerfile": f"FROM {image}\nFROM redis:7@{build('other').digest}\n"})
    stage.run()


def _one_lost_its_arm64(stage):
    whole = build("old")
    stage.tag(PYTHON, whole, build_index([build("new").children[0]]))
    stage.repository({"Dockerfile": f"FROM {PYTHON}@{whole.digest}\n"})
    stage.policies.append({})
    stage.run(-1)
    assert "held (platform-lost): 61453cc10425 has no linux/arm64" in stage.printed
    stage.run()


scene("Name the platforms that you run")(_one_lost_its_arm64)
scene("Accept a held update")(_one_lost_its_arm64)


@scene("Require a scan")
def _(stage):
    stage.scanned(old={})
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()


@scene("Refuse updates that introduce too many vulnerabilities")
def _(stage):
    stage.scanned(old={}, new={"CVE-2026-0001": "Critical"})
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()


@scene("Limit how long an image may lack a fix")
def _(stage):
    two_months_ago = (datetime.now(UTC) - timedelta(days=60)).date()
    stage.scanned(fixed_at=two_months_ago, old={"CVE-2026-0001": "Critical"}, new={"CVE-2026-0002": "Critical"})
    outdated = stage.behind("redis:7")
    current = stage.tag(PYTHON, "new")[0]
    stage.check({"Dockerfile": f"FROM {outdated}\nFROM {PYTHON}@{current}\n"}, 0)
    stage.check({"Dockerfile": f"FROM {outdated}\nFROM {PYTHON}@{current}\n"}, 1)


@scene("Open a pull request only if the update fixes something")
def _(stage):
    young = build_image([build_layer(build_debian_root("12.7", []))], created=datetime.now(UTC))
    old, _ = stage.tag(PYTHON, build_index([young]), "new")
    stage.scanned(new={})
    write_tree(stage.folder, {"reports/young.json": render_manifest_report(young.digest, {"CVE-2026-0001": "Low"})})
    stage.repository({"Dockerfile": f"FROM {PYTHON}@{old}\n"})
    stage.run()


@scene("Wait until a scanner knows the image")
def _(stage):
    stage.scanned(old={})
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()


@scene("Open a pull request only for exploited vulnerabilities")
def _(stage):
    stage.tag("redis:7", "other", "next")
    exploited, low = {"CVE-2026-0001": "Low"}, {"CVE-2026-0002": "Low"}
    stage.scanned(old=exploited, new={}, other=low, next={})
    write_tree(stage.folder, {"known_exploited_vulnerabilities.json": kev(*exploited)})
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\nFROM redis:7@{build('other').digest}\n"})
    stage.run()


@scene("Require signatures")
def _(stage):
    image = stage.behind(PYTHON)
    stage.repository({"Dockerfile": f"FROM {image}\nFROM {stage.behind('redis:7')}\n"})
    new = build("new")
    signed = attachment(new, BUNDLE, dump(bundle(KEY, new.digest)))
    stage.loopback.store.set_tag("library/python", new.digest.replace(":", "-"), referrers_index([signed], kind=None))
    stage.run()


# ---- what requests look like -----------------------------------------------------------------------------------------


@scene("One pull request for several images")
def _(stage):
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\nFROM {stage.behind('redis:7')}\n"})
    stage.run()


@scene("One pull request per folder")
def _(stage):
    line = f"FROM {stage.behind(PYTHON)}\n"
    stage.repository({f"services/{name}/Dockerfile": line for name in ("cart", "search")})
    stage.run()


def _on_github(stage, files):
    stage.github = GitHubStand(stage.folder / "github", files)
    stage.github.repository.milestones["Next release"] = 1
    return stage.github


@scene("Set labels, reviewers and draft")
def _(stage):
    github = _on_github(stage, {"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()
    (pull,) = github.repository.pulls
    said = (sorted(pull.labels), pull.reviewers, pull.assignees, pull.milestone, pull.draft)
    assert said == (["dependencies", "docker"], ["ada", "team:platform"], ["ada"], "Next release", True)


@scene("Merge automatically")
def _(stage):
    stage.scanned(old={"CVE-2026-0001": "High"}, new={})
    github = _on_github(stage, {"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    github.repository.allow_auto_merge = github.repository.is_blocked = True
    stage.run()
    (pull,) = github.repository.pulls
    assert pull.auto_merge


# ---- when requests are opened and updated ----------------------------------------------------------------------------


@scene("Open pull requests on a schedule")
def _(stage):
    schedule = stage.policies[0]["policy"][0]["schedule"]
    assert schedule["cron"].endswith(" MON")
    days_away = datetime.now(UTC) + timedelta(days=3)
    schedule["cron"] = schedule["cron"].replace("MON", f"{days_away:%a}".upper())
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()


@scene("Limit the number of pull requests")
def _(stage):
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\nFROM {stage.behind('redis:7')}\n"})
    stage.run()


@scene("Give fixes a due date")
def _(stage):
    stage.scanned(old={"CVE-2026-0001": "Critical"}, new={})
    write_tree(stage.folder, {"known_exploited_vulnerabilities.json": kev("CVE-2026-0002")})
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()


@scene("Keep approved pull requests stable")
def _(stage):
    github = _on_github(stage, {"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()
    github.review(BRANCH, "APPROVED")
    stage.tag(PYTHON, "newer")
    stage.run()


@scene("Leave merge conflicts to the team")
def _(stage):
    image = stage.behind(PYTHON)
    git = stage.repository({"Dockerfile": f"FROM {image}\n"})
    stage.run()
    git.commit("main", {"Dockerfile": f"FROM {image} AS build\n"})
    assert git.conflicts(BRANCH, "main")
    stage.run()


@scene("Decline later updates, too, when a pull request is closed")
def _(stage):
    stage.repository({"Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    stage.run()
    stage.close(BRANCH)
    stage.tag(PYTHON, "newer")
    stage.run()


@scene("Pause updates")
def _(stage):
    stage.repository({"deploy/Dockerfile": f"FROM {stage.behind(PYTHON)}\n"})
    for number in range(2):
        assert "skipped (paused)" in stage.run(number)
    assert stage.branches() == []


# ---- many repositories -----------------------------------------------------------------------------------------------


@scene("Onboard repositories in small numbers")
def _(stage):
    line = f"FROM {stage.behind(PYTHON)}\n"
    for name in ("api", "web"):
        stage.repository({"Dockerfile": line}, name)
    stage.run()


@scene("Onboard only repositories that opt in")
def _(stage):
    line = f"FROM {stage.behind(PYTHON)}\n"
    stage.repository({"Dockerfile": line}, "api")
    stage.repository({"Dockerfile": line, ".basebump.yaml": "schema: 1\n"}, "web")
    stage.run()


@scene("Let a repository add stricter rules")
def _(stage):
    line = f"FROM {stage.behind(PYTHON)}\n"
    said = (stage.folder / ".basebump.yaml").read_text(encoding="utf-8")
    stage.repository({"Dockerfile": line, "legacy/Dockerfile": line, ".basebump.yaml": said})
    stage.policies.append({})
    stage.run()


@scene("Enforce a rule in every repository")
def _(stage):
    said = "schema: 1\npolicy: [{ignore: true}]\n"
    line = f"FROM {stage.behind(PYTHON)}\nFROM {stage.behind('redis:7')}\n"
    stage.repository({"Dockerfile": line, ".basebump.yaml": said})
    stage.run()
