"""Tasks of an Azure Container Registry: the steps that Azure stores for them, and the images that they build."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DockerStep:
    """A step that builds one Dockerfile."""

    dockerfile: str
    """Path relative to the folder of the context."""
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the step sets; values are not stored, because they may be secrets."""


@dataclass(frozen=True, slots=True)
class FileStep:
    """A step that runs a task file from the context."""

    path: str
    """Path relative to the folder of the context."""


@dataclass(frozen=True, slots=True)
class InlineStep:
    """A step that runs a task file stored in Azure itself."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherStep:
    """A step whose effect is unknown."""


TaskStep = DockerStep | FileStep | InlineStep | OtherStep


@dataclass(frozen=True, slots=True)
class BuildTask:
    """A task that runs again when a base image is updated."""

    registry: str
    """The registry host as in canonical references."""
    name: str
    context: str = field(repr=False)
    """URL of the source context as the user wrote it, which may contain a secret; empty if there is none."""
    step: TaskStep

    @property
    def title(self) -> str:
        """The name for messages; a task name contains only letters, digits, `-` and `_`."""
        return f"task {self.name} of {self.registry}"


@dataclass(frozen=True, slots=True)
class StepBuild:
    """A build in a step of a task file."""

    dockerfile: str | None
    """Path relative to the task's folder or to `context`; None if variables determine it."""
    context: str = ""
    """URL of another build context; empty for the folder in which the task runs."""
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the step sets."""
