"""Tasks of an Azure Container Registry, as Azure has them: where they run, and what they say that they do."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DockerStep:
    """Build one Dockerfile."""

    dockerfile: str
    """From the folder of the context."""
    arguments: tuple[str, ...] = ()
    """The names of the build arguments that it sets; their values may be secrets, and are nowhere."""


@dataclass(frozen=True, slots=True)
class FileStep:
    """Do what a task file of the context says."""

    path: str
    """From the folder of the context."""


@dataclass(frozen=True, slots=True)
class InlineStep:
    """Do what a task file says that Azure itself holds."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherStep:
    """Do something that cannot be told from what Azure says."""


Step = DockerStep | FileStep | InlineStep | OtherStep


@dataclass(frozen=True, slots=True)
class BuildTask:
    """A task that runs again when a base image is updated."""

    registry: str
    """As in canonical references."""
    name: str
    context: str = field(repr=False)
    """The address of what it runs in, as somebody wrote it, with whatever secret is in there; empty for nothing."""
    step: Step

    @property
    def title(self) -> str:
        """How messages name it: a name holds only letters, digits, `-` and `_`."""
        return f"task {self.name} of {self.registry}"


@dataclass(frozen=True, slots=True)
class StepBuild:
    """What one step of a task file builds."""

    dockerfile: str | None
    """From the folder that the task runs in, or of `context`; None where variables decide."""
    context: str = ""
    """The address of another place that it is built in; empty for the folder that the task runs in."""
    arguments: tuple[str, ...] = ()
    """The build arguments that it sets."""
