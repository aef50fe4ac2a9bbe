"""All exceptions that basebump raises.

BasebumpError
├── UsageError               the command cannot run as it was called  exit 2
│   └── ConfigError          a config file is invalid, with all its problems
├── InvalidReferenceError    a text is not an image reference
├── RegistryError            a registry could not be queried          a reason of `unresolved`
├── TreeError                a tree or a file in it could not be read
├── ForgeError               a forge could not be read or written
│   └── ProtectedFileError   the token is not allowed to change a file
├── StateError               the state could not be read or written
│   └── UnusableStateError   the database is damaged, or of a later release
├── EditError                a planned edit does not fit the file
├── PlanError                a plan of a run cannot be written, read or applied
└── ProcessError             a child process could not be run or failed

Any other exception is a bug, and leads to exit code 3. No message may contain a secret. Adapters therefore remove
secrets from a message before they raise it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.model.vocabulary import Reason

HINT_SEPARATOR = "; hint: "
"""The text between an error and its hint in a message."""


class BasebumpError(Exception):
    """Base class of all exceptions. The message says what failed, and what the user can do next."""


class UsageError(BasebumpError):
    """Raised if a command cannot run as it was called, for example because of its options or its config file."""


@dataclass(frozen=True, slots=True)
class FilePosition:
    """A position in a text file. Lines and columns start at 1, and columns count characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One problem in a config file."""

    key: str
    """The path of the config key, such as `policy[0].match.image`; empty if the problem concerns the whole file."""
    message: str
    position: FilePosition | None = None
    """Where the key is in the file; None if the problem concerns the whole file."""

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class ConfigError(UsageError):
    """Raised if a config file is not valid. `problems` lists all of its problems."""

    def __init__(self, source: str, problems: tuple[ConfigProblem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join([f"{source} cannot be used:", *(f"  {each}" for each in problems)]))

    def describe_problems(self) -> tuple[str, ...]:
        """Return a line for each problem. It begins with `file:line:column`, or with the file if there is no position.

        Editors and CI services turn such a position into a link.
        """
        return tuple(map(self._describe_problem, self.problems))

    def _describe_problem(self, problem: ConfigProblem) -> str:
        position = problem.position
        if position is None:
            return f"{self.source}: {problem}"
        is_line_repeated = problem.key == f"line {position.line}"
        return f"{self.source}:{position}: {problem.message if is_line_repeated else problem}"


class InvalidReferenceError(BasebumpError):
    """A text is not an image reference."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text!r} is not an image reference: {reason}")


class RegistryError(BasebumpError):
    """Raised if a registry could not be queried.

    `reason` is one of the reasons for which an image reference gets the status `unresolved`.
    """

    def __init__(
        self,
        host: str,
        reason: Reason,
        message: str,
        *,
        is_failure: bool,
        is_absent: bool = False,
        retry_after: timedelta = timedelta(),
    ) -> None:
        self.host = host
        self.reason = reason
        self.is_failure = is_failure
        """True if basebump could not do its work, which leads to exit code 1. False if the error only describes the
        image, such as an image that does not exist."""
        self.is_absent = is_absent
        """True if the registry stated that the object does not exist. False if the registry may only hide it."""
        self.retry_after = retry_after
        """The time during which basebump must send no requests, as the registry demanded; zero without a demand."""
        super().__init__(message)

    def copy_for_raising(self) -> RegistryError:
        """Return an equal error that another thread can raise.

        If several threads raised the same exception object, it would collect all of their tracebacks.
        """
        return RegistryError(
            self.host,
            self.reason,
            str(self),
            is_failure=self.is_failure,
            is_absent=self.is_absent,
            retry_after=self.retry_after,
        )


class TreeError(BasebumpError):
    """Raised if a tree, or a file in it, could not be read."""


class OversizedFileError(TreeError):
    """Raised if a file in a tree is larger than the limit, and was therefore not read."""


class ForgeError(BasebumpError):
    """Raised if a forge refused an API request or could not be reached."""


class ProtectedFileError(ForgeError):
    """Raised if the forge does not allow the token to change some files, such as workflows on GitHub."""


class StateError(BasebumpError):
    """Raised if the state database could not be opened, read or written."""


class UnusableStateError(StateError):
    """Raised if the database is damaged, or was migrated by a later release. A retry with this release cannot help."""


class EditError(BasebumpError):
    """Raised if a planned edit does not fit the bytes of the file."""


class PlanError(BasebumpError):
    """Raised if a plan cannot be written, read or applied, for example because the plan is too old."""


class ProcessError(BasebumpError):
    """Raised if a child process could not be started, failed, ran for too long, or wrote too much output."""

    def __init__(self, message: str, *, is_missing: bool = False, is_timeout: bool = False) -> None:
        self.is_missing = is_missing
        self.is_timeout = is_timeout
        super().__init__(message)
