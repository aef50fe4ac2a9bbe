"""All exceptions that basebump raises.

BasebumpError
├── UsageError               the command was called in a wrong way    exit 2
│   └── ConfigError          a config file is invalid, with all its problems
├── InvalidReferenceError    a text is not an image reference
├── RegistryError            a registry did not give an answer        a reason of `unresolved`
├── TreeError                a tree or a file in it could not be read
├── ForgeError               a forge could not be read or written
│   └── ProtectedFileError   the token may not change a protected file
├── StateError               the state could not be read or written
│   └── UnusableStateError   the database is damaged, or of a later release
├── EditError                a planned edit does not fit the file
└── ProcessError             a child process could not be run or failed

Any other exception is a bug, exit code 3. No message may contain a secret: adapters redact before they raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.model.vocabulary import Reason


class BasebumpError(Exception):
    """Base class of all exceptions; the message says what failed and what to do next."""


class UsageError(BasebumpError):
    """The command was called in a way that cannot work."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One problem in a config file."""

    key: str
    """The path of the config key: `policy[0].match.image`."""
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class ConfigError(UsageError):
    """A config file is invalid; `problems` lists everything that is wrong with it."""

    def __init__(self, source: str, problems: tuple[ConfigProblem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join([f"{source} cannot be used:", *(f"  {problem}" for problem in problems)]))


class InvalidReferenceError(BasebumpError):
    """A text is not an image reference."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text!r} is not an image reference: {reason}")


class RegistryError(BasebumpError):
    """A registry did not give an answer; `reason` is one of the reasons of `unresolved`."""

    def __init__(self, host: str, reason: Reason, message: str, *, is_failure: bool, is_absent: bool = False) -> None:
        self.host = host
        self.reason = reason
        self.is_failure = is_failure
        """True if basebump could not do its work (exit code 1); False if the error is a finding about the image."""
        self.is_absent = is_absent
        """True if the registry said that the object does not exist, and not only that it does not return it."""
        super().__init__(message)

    def copy_for_raising(self) -> RegistryError:
        """Return an equal error for another thread to raise.

        An exception that is raised several times collects the tracebacks of all of them.
        """
        return RegistryError(self.host, self.reason, str(self), is_failure=self.is_failure, is_absent=self.is_absent)


class TreeError(BasebumpError):
    """A tree, or a file in it, could not be read."""


class ForgeError(BasebumpError):
    """A forge refused a request or could not be reached."""


class ProtectedFileError(ForgeError):
    """The forge does not allow this token to change some files: on GitHub, workflows."""


class StateError(BasebumpError):
    """The state database could not be opened, read or written."""


class UnusableStateError(StateError):
    """The database is damaged or was migrated by a later release, so that a retry with this release cannot help."""


class EditError(BasebumpError):
    """A planned edit does not fit the bytes of the file."""


class ProcessError(BasebumpError):
    """A child process could not be started, failed, ran too long or wrote too much output."""

    def __init__(self, message: str, *, is_missing: bool = False, is_timeout: bool = False) -> None:
        self.is_missing = is_missing
        self.is_timeout = is_timeout
        super().__init__(message)
