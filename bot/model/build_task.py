"""Tasks of an Azure Container Registry: the steps of each task, and the images that these steps build."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DockerStep:
    """A step that builds one Dockerfile."""

    dockerfile: str
    """Path relative to the folder of the context."""
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the step sets. Their values are not kept, because they may be secrets."""


@dataclass(frozen=True, slots=True)
class FileStep:
    """A step that runs a task file in the build context."""

    path: str
    """Path relative to the folder of the context."""


@dataclass(frozen=True, slots=True)
class InlineStep:
    """A step that runs a task file whose content is stored in Azure."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherStep:
    """A step of another kind. The images that it builds are unknown."""


TaskStep = DockerStep | FileStep | InlineStep | OtherStep


@dataclass(frozen=True, slots=True)
class BuildTask:
    """A task in a registry, which runs again when a base image of its build is updated."""

    registry: str
    """The registry's host, as it is written in canonical references."""
    name: str
    context: str = field(repr=False)
    """URL of the build context as the user wrote it; empty if it is missing. It may contain a secret."""
    step: TaskStep

    @property
    def title(self) -> str:
        """The task and its registry, for messages. A task name contains only letters, digits, `-` and `_`."""
        return f"task {self.name} of {self.registry}"


@dataclass(frozen=True, slots=True)
class StepBuild:
    """A build in a step of a task file."""

    dockerfile: str | None
    """Path relative to `context`, or to the task's folder if `context` is empty; None if variables determine it."""
    context: str = ""
    """URL of another build context; empty for the folder in which the task runs."""
    arguments: tuple[str, ...] = ()
    """Names of the build arguments that the step sets."""
