"""Renovate's managers. A manager is the part of Renovate that reads one kind of file, such as Dockerfiles.

This module lists the managers for each format of basebump. https://docs.renovatebot.com/modules/manager/ lists the
files that each manager reads by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.references.relate.renovate.patterns import PatternMatcher
from bot.model.source import Reference
from bot.model.updater import PackageRule

_ALL = "**"
_DATASOURCE = "docker"
_LANGUAGE_TYPES = frozenset(
    {
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
        "engines",
        "packageManager",
        "resolutions",
        "overrides",
        "volta",
        "require",
        "require-dev",
        "dev-dependencies",
        "build-dependencies",
        "dev-packages",
        "packages",
        "indirect",
        "golang",
        "toolchain",
    }
)
"""Types of dependencies of programming languages. No manager of images uses them."""


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
            # without the inputs of actions and the values of matrices
            re.compile(r"\d+/(?!runs/image|jobs/[^/]*/strategy/|.*/steps/\d+(?:~\d+)?\Z).*"),
        ),
    ),
    "gitlab-ci": (  # it also reads files that `.gitlab-ci.yml` includes
        FileManager("gitlabci", (_ALL,), ("ci",), re.compile(r"(?!.*/parallel/matrix/).*")),
    ),
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
    "batect": (FileManager("batect", ("/(^|/)batect(-bundle)?\\.ya?ml$/",), ("batect",)),),
    "bitbucket-pipelines": (FileManager("bitbucket-pipelines", ("**/*-pipelines.yml",), ("ci",)),),
    "circleci": (FileManager("circleci", ("/(^|/)\\.circleci/.+\\.ya?ml$/",), ("ci",)),),
    "drone": (FileManager("droneci", ("/(^|/)\\.drone\\.yml$/",), ("ci",)),),
    "woodpecker": (
        FileManager("woodpecker", ("/^\\.woodpecker(/[^/]+)?\\.ya?ml$/",), ("ci",)),
        FileManager("crow", ("/^\\.crow(/[^/]+)?\\.ya?ml$/",), ("ci",)),
    ),
    "vela": (FileManager("velaci", ("/(^|/)\\.vela\\.ya?ml$/",), ("ci",)),),
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


def match_manager(matcher: PatternMatcher, rule: PackageRule, manager: FileManager) -> bool | None:
    """Return True if a package rule matches images that a manager reads, as far as the image itself does not matter.

    Return None if this is uncertain. The names, files, tags and branches of the rule are not considered.
    """
    if rule.dependency_types is not None and _LANGUAGE_TYPES.issuperset(rule.dependency_types):
        return False
    answers = (
        matcher.match_all_spellings(rule.managers, {manager.manager}),
        matcher.match_all_spellings(rule.datasources, {_DATASOURCE}),
        matcher.match_any_value(rule.categories, manager.categories),
    )
    return False if False in answers else (None if None in answers else True)


def match_formats(matcher: PatternMatcher, rule: PackageRule) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the formats that a package rule may match, and those whose references it certainly matches."""
    possible: list[str] = []
    certain: list[str] = []
    for name, managers in _MANAGERS.items():
        answers = {each: match_manager(matcher, rule, each) for each in managers}
        if any(answer is not False for answer in answers.values()):
            possible.append(name)
        reads_all = any(answer and each.locator_pattern is None for each, answer in answers.items())
        if reads_all or all(answers.values()):
            certain.append(name)
    return tuple(possible), tuple(certain)


def has_all_formats(formats: Sequence[str]) -> bool:
    """Return True if `formats` are all formats with references that Renovate reads."""
    return len(formats) == len(_MANAGERS)
