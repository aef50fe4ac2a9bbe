"""Builds by tasks of a registry: their base images, their source and their Dockerfile."""

from __future__ import annotations

import pytest
from support.values import digest

from bot.core.inventory.build_links import BuildLinker
from bot.core.inventory.task_runs import add_task_runs
from bot.model.build_link import BuildLink, LinkEvidence
from bot.model.build_task import BuildTask, DockerStep, FileStep, TaskRun
from bot.model.inventory import BranchKey
from bot.model.own_build import BaseEvidence, BuiltOn, OwnBuild

WEB, PYTHON = "contoso.azurecr.io/apps/web", "contoso.azurecr.io/base/python"
KEY = BranchKey("github", "github.com", "acme/web", "main")
BUILD = OwnBuild(WEB, digest("web"), None, "https://github.com/acme/inherited", "c0ffee")
TASK = BuildTask(
    "contoso.azurecr.io", "web", "https://token@github.com/Acme/web.git#main:api", DockerStep("Dockerfile")
)
RUN = TaskRun(((WEB, digest("web")),), ((PYTHON, digest("base")),), None, TASK)


def test_build_takes_base_image_source_and_dockerfile_from_acr_task_run():
    (build,) = add_task_runs([BUILD], [RUN])
    assert build.bases == (BuiltOn(PYTHON, digest("base"), BaseEvidence.BUILD_TASK),)
    assert (build.source, build.branch, build.dockerfile) == ("https://github.com/acme/web", "main", "api/Dockerfile")
    assert (build.is_task_run, build.revision) == (True, "c0ffee")
    links = BuildLinker({(KEY, "api/Dockerfile"): [PYTHON], (KEY, "Dockerfile"): []}).link_images([], [build])
    assert links == {(KEY, "api/Dockerfile"): (BuildLink(WEB, LinkEvidence.BUILD_TASK),)}


def test_commit_of_acr_task_run_that_pushed_a_child_image_is_used_for_the_index():
    index = OwnBuild(WEB, digest("index"), None, None, None, children=frozenset({digest("web")}))
    (build,) = add_task_runs([index], [TaskRun(((WEB, digest("web")),), revision="beef")])
    assert (build.revision, build.bases, build.is_task_run) == ("beef", (), False)


@pytest.mark.parametrize(
    "task",
    [
        None,
        BuildTask("contoso.azurecr.io", "web", "https://github.com/acme/web.git", FileStep("acb.yaml")),
        BuildTask("contoso.azurecr.io", "web", "/dev/null", DockerStep("Dockerfile")),
    ],
)
def test_source_label_is_kept_if_acr_task_run_has_no_dockerfile_in_repository(task):
    (build,) = add_task_runs([BUILD], [TaskRun(((WEB, digest("web")),), task=task)])
    assert (build.source, build.is_task_run) == ("https://github.com/acme/inherited", False)


def test_builds_without_matching_acr_task_run_are_unchanged():
    assert add_task_runs([BUILD], []) == [BUILD]
    assert add_task_runs([BUILD], [TaskRun(((PYTHON, digest("web")),))]) == [BUILD]
