"""Renovate's managers. A manager is the part of Renovate that reads one kind of file, such as Dockerfiles.

This module lists the managers for each format of basebump. https://docs.renovatebot.com/modules/manager/ lists the
files that each manager reads by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.model.source import Reference

_ALL = "**"


@dataclass(frozen=True, slots=True)
class FileManager:
    """A manager of Renovate, which is the part of Renovate that reads one kind of file."""

    manager: str
    files: tuple[str, ...] = ()
    """Patterns of the files that the manager reads by default. Empty if it only reads files that a config names."""
    categories: tuple[str, ...] = ()
    locator_pattern: re.Pattern[str] | None = None
    """Matches the locators of the references that the manager reads. None if it reads all references."""
    is_enabled: bool = True
    """True if the manager is enabled by default."""
    adds_digests: bool = True
    """True if the manager adds missing digests if a config enables `pinDigests` for all managers."""


CUSTOM_MANAGER = FileManager("custom.regex")
"""The manager for regular expressions in the repository's own config. The settings name its files."""
_KUBERNETES = ("kubernetes",)
_HELM = ("helm", "kubernetes")
_IN_VALUES = re.compile(r"\d+/spec/values/.*")
_HELM_VALUES = FileManager("helm-values", ("/(^|/)values\\.ya?ml$/",), _HELM, adds_digests=False)
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
            "kustomize",
            ("/(^|/)kustomization\\.ya?ml$/",),
            _KUBERNETES,
            re.compile(r"\d+/images/\d+"),
            adds_digests=False,
        ),
    ),
    "kubernetes": (
        FileManager("kubernetes", categories=_KUBERNETES),
        FileManager("flux", categories=_KUBERNETES, locator_pattern=re.compile(r"\d+/spec/(?:values/|images/).*")),
        FileManager("helm-values", categories=_HELM, locator_pattern=_IN_VALUES, adds_digests=False),
        FileManager(
            "argocd", categories=("kubernetes", "cd"), locator_pattern=re.compile(r"\d+/spec/(?:.*/)?sources?/.*")
        ),
        FileManager(
            "tekton", categories=("ci", "cd"), locator_pattern=re.compile(r".*/(?:steps|sidecars|stepTemplate)/.*")
        ),
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
    "gitlab-ci": (FileManager("gitlabci", (_ALL,), ("ci",)),),  # it also reads files that `.gitlab-ci.yml` includes
    "azure-pipelines": (
        FileManager(
            "azure-pipelines",
            ("/(^|/).azuredevops/.+\\.ya?ml$/", "/azure.*pipelines?.*\\.ya?ml$/"),
            ("ci",),
            re.compile(r"\d+/resources/containers/.*"),
            is_enabled=False,
        ),
    ),
    "ansible": (
        FileManager(
            "ansible", ("/(^|/)tasks/[^/]+\\.ya?ml$/",), ("ansible", "iac"), re.compile(r".*/image(?:#\d+)?(?:~\d+)?")
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
    "msbuild": (FileManager("nuget", ("/\\.(?:cs|fs|vb)proj$/", "/\\.(?:props|targets)$/"), ("dotnet",)),),
    "bazel": (
        FileManager(
            "bazel",
            ("/(^|/)WORKSPACE(|\\.bazel|\\.bzlmod)$/", "/\\.WORKSPACE\\.bazel$/", "/\\.bzl$/"),
            ("bazel",),
            adds_digests=False,
        ),
        FileManager("bazel-module", ("/(^|/|\\.)MODULE\\.bazel$/",), ("bazel",), adds_digests=False),
    ),
    "terraform": (FileManager("terraform", ("**/*.tf", "**/*.tofu"), ("iac", "terraform"), adds_digests=False),),
}
"""Managers by the basebump format that reads the same references."""


def list_managers(reference: Reference) -> Sequence[FileManager]:
    """Return the managers that can read an image reference of this format and with this locator.

    The result does not depend on the path of the file or on the Renovate config. Both determine later whether a manager
    actually reads the file.
    """
    managers = _MANAGERS.get(reference.format, ())
    return [
        each for each in managers if each.locator_pattern is None or each.locator_pattern.fullmatch(reference.locator)
    ]


def list_formats_of_manager(manager: str) -> tuple[str, ...]:
    """Return the names of the formats with references that a manager of Renovate reads; empty for other managers."""
    return tuple(name for name, managers in _MANAGERS.items() if any(each.manager == manager for each in managers))
