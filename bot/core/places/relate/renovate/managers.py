"""Renovate's managers that read images, and what of ours they read.

https://docs.renovatebot.com/modules/manager/: the files that each reads, unless a config names more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.model.source import Occurrence

_ALL = "**"


@dataclass(frozen=True, slots=True)
class FileManager:
    """One of Renovate's managers: it reads files of one kind."""

    manager: str
    files: tuple[str, ...] = ()
    """Patterns; none where a config has to name the files."""
    categories: tuple[str, ...] = ()
    reads: re.Pattern[str] | None = None
    """The locators that it reads; all for None."""
    is_on: bool = True
    """Whether it is, when nobody says so."""
    pins: bool = True
    """Whether it writes digests where a config says so for all."""


CUSTOM = FileManager("custom.regex")
"""What a repository itself tells how images are found; which files it searches is said apart."""
_KUBERNETES = ("kubernetes",)
_HELM = ("helm", "kubernetes")
_IN_VALUES = re.compile(r"\d+/spec/values/.*")
_HELM_VALUES = FileManager("helm-values", ("/(^|/)values\\.ya?ml$/",), _HELM, pins=False)
_MANAGERS: Mapping[str, tuple[FileManager, ...]] = {
    "dockerfile": (
        FileManager(
            "dockerfile",
            ("/(^|/|\\.)([Dd]ocker|[Cc]ontainer)file$/", "/(^|/)([Dd]ocker|[Cc]ontainer)file[^/]*$/"),
            ("docker",),
            re.compile(r"(?!.*onbuild).*"),
        ),
    ),
    "compose": (
        FileManager(
            "docker-compose",
            ("/(^|/)(docker-)?compose[^/]*\\.ya?ml$/",),
            ("docker",),
            re.compile(r"[^>]*/image(?:#\d+)?"),
        ),
    ),
    "helm": (_HELM_VALUES,),
    "kustomize": (
        FileManager(
            "kustomize", ("/(^|/)kustomization\\.ya?ml$/",), _KUBERNETES, re.compile(r"\d+/images/\d+"), pins=False
        ),
    ),
    "kubernetes": (
        FileManager("kubernetes", categories=_KUBERNETES),
        FileManager("flux", categories=_KUBERNETES, reads=re.compile(r"\d+/spec/(?:values/|images/).*")),
        FileManager("helm-values", categories=_HELM, reads=_IN_VALUES, pins=False),
        FileManager("argocd", categories=("kubernetes", "cd"), reads=re.compile(r"\d+/spec/(?:.*/)?sources?/.*")),
        FileManager("tekton", categories=("ci", "cd"), reads=re.compile(r".*/(?:steps|sidecars|stepTemplate)/.*")),
    ),
    "github-actions": (
        FileManager(
            "github-actions",
            (
                "/(^|/)(workflow-templates|\\.(github|gitea|forgejo)/(workflows|actions))/.+\\.ya?ml$/",
                "/(^|/)action\\.ya?ml$/",
            ),
            ("ci",),
            re.compile(r"\d+/(?!runs/image).*"),
        ),
    ),
    "gitlab-ci": (FileManager("gitlabci", (_ALL,), ("ci",)),),  # it follows what these files include
    "azure-pipelines": (
        FileManager(
            "azure-pipelines",
            ("/(^|/).azuredevops/.+\\.ya?ml$/", "/azure.*pipelines?.*\\.ya?ml$/"),
            ("ci",),
            re.compile(r"\d+/resources/containers/.*"),
            is_on=False,
        ),
    ),
    "bitbucket-pipelines": (FileManager("bitbucket-pipelines", ("**/*-pipelines.yml",), ("ci",)),),
    "circleci": (FileManager("circleci", ("/(^|/)\\.circleci/.+\\.ya?ml$/",), ("ci",)),),
    "drone": (FileManager("droneci", ("/(^|/)\\.drone\\.yml$/",), ("ci",)),),
    "woodpecker": (FileManager("woodpecker", ("/^\\.woodpecker(/[^/]+)?\\.ya?ml$/",), ("ci",)),),
    "cloud-build": (FileManager("cloudbuild", ("/(^|/)cloudbuild\\.ya?ml/",), ("ci",)),),
    "devcontainer": (
        FileManager(
            "devcontainer",
            ("/^\\.devcontainer/([^/]+/)?devcontainer\\.json$/", "/^\\.devcontainer\\.json$/"),
            ("docker",),
        ),
    ),
    "quadlet": (FileManager("quadlet", ("/.+\\.(container|image|volume)$/",), ("docker",)),),
    "terraform": (FileManager("terraform", ("**/*.tf", "**/*.tofu"), ("iac", "terraform"), pins=False),),
}
"""By the formats that read the same places."""


def managers_of(place: Occurrence) -> Sequence[FileManager]:
    """Return the managers that may read a place, were its file theirs."""
    managers = _MANAGERS.get(place.format, ())
    return [each for each in managers if each.reads is None or each.reads.fullmatch(place.locator)]
