"""Build tasks of an Azure Container Registry, which build images when their base images are updated.

A task consists of steps. Some tasks run a task file, which lists the steps in YAML.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.model.image_name import Digest


@dataclass(frozen=True, slots=True)
class DockerStep:
    """A task step that builds one Dockerfile."""

    dockerfile: str
    """Path relative to the folder of the context."""
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the step sets. Their values are not kept, because they may be secrets."""


@dataclass(frozen=True, slots=True)
class FileStep:
    """A task step that runs a task file, which is in the build context."""

    path: str
    """Path of the task file, relative to the folder of the build context."""


@dataclass(frozen=True, slots=True)
class InlineStep:
    """A task step that runs a task file whose content is stored in Azure, and not in a repository."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherStep:
    """A step of an ACR task that is invalid, or of a kind that basebump cannot read.

    It is unknown which images such a step builds.
    """


TaskStep = DockerStep | FileStep | InlineStep | OtherStep


@dataclass(frozen=True, slots=True)
class BuildTask:
    """A build task of a registry. Azure runs the task again when a base image of the built image is updated."""

    registry: str
    """The registry's host, as it is written in canonical references."""
    name: str
    context: str = field(repr=False)
    """URL of the build context as the user wrote it; empty if it is missing. It may contain a secret."""
    step: TaskStep

    @property
    def title(self) -> str:
        """The name of the task and its registry, for messages.

        The text needs no escaping, because a task name contains only letters, digits, `-` and `_`.
        """
        return f"task {self.name} of {self.registry}"


@dataclass(frozen=True, slots=True)
class StepBuild:
    """One build of a Dockerfile, in a step of a task file."""

    dockerfile: str | None
    """Path relative to `context`, or to the task's folder if `context` is empty; None if variables determine it."""
    context: str = ""
    """URL of another build context; empty for the folder in which the task runs."""
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the step sets."""


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A run of a build task that succeeded."""

    images: tuple[tuple[str, Digest], ...]
    """The images that the run pushed: canonical names of repositories with digests."""
    bases: tuple[tuple[str, Digest], ...] = ()
    """The base images whose update started the run."""
    revision: str | None = None
    """The commit whose push started the run; None if no push started it. Untrusted text."""
    task: BuildTask | None = None
    """The task; None if no base image update can start it."""
