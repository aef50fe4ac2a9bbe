"""Everything that basebump raises.

BasebumpError
├── UsageError               the caller's words are off              exit 2
│   └── ConfigError          the config file is off, all problems at once
├── InvalidReferenceError    a text is no image reference
├── RegistryError            a registry could not be asked           a reason of `unresolved`
├── TreeError                a tree or a file of it could not be read
├── ForgeError               a forge could not be read or written
│   └── GuardedError         the token may not change a workflow file
├── StateError               what runs remember could not be read or written
│   └── UnusableStateError   it is damaged, or of a later release
├── EditError                a planned edit does not fit the file
└── ProcessError             a child process could not be run or failed

Whatever else escapes is a bug, exit 3. No message may hold a secret: adapters redact before they raise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.model.vocabulary import Reason


class BasebumpError(Exception):
    """The base of all: its text says what happened and what to do next."""


class UsageError(BasebumpError):
    """The command was called in a way that cannot work."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong in a config file."""

    where: str
    """The path of the key: `policy[0].match.image`."""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class ConfigError(UsageError):
    """A config file cannot be used; `problems` has all that is wrong with it."""

    def __init__(self, source: str, problems: tuple[ConfigProblem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join([f"{source} cannot be used:", *(f"  {problem}" for problem in problems)]))


class InvalidReferenceError(BasebumpError):
    """A text that is no image reference."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text!r} is no image reference: {why}")


class RegistryError(BasebumpError):
    """A registry did not answer a question; `reason` is one of the reasons of `unresolved`."""

    def __init__(self, host: str, reason: Reason, what: str, *, is_failure: bool, is_absent: bool = False) -> None:
        self.host = host
        self.reason = reason
        self.is_failure = is_failure
        """Whether basebump could not do its work (exit 1), or this is a finding about the image (exit 0)."""
        self.is_absent = is_absent
        """Whether the registry said that it does not have what was asked for, and not only that it does not give it."""
        super().__init__(what)

    def again(self) -> RegistryError:
        """Return the same error, to be raised by another thread: one that is raised twice grows with each traceback."""
        return RegistryError(self.host, self.reason, str(self), is_failure=self.is_failure, is_absent=self.is_absent)


class TreeError(BasebumpError):
    """A tree, or one file of it, could not be read."""


class ForgeError(BasebumpError):
    """A forge refused a request or could not be reached."""


class GuardedError(ForgeError):
    """A forge keeps some files from this token: GitHub its workflows."""


class StateError(BasebumpError):
    """The database in which runs remember could not be opened, read or written."""


class UnusableStateError(StateError):
    """The database is damaged, or a later release has changed it: another try of this release changes nothing."""


class EditError(BasebumpError):
    """A planned edit does not fit the bytes of the file."""


class ProcessError(BasebumpError):
    """A child process is missing, failed, ran too long or said too much."""

    def __init__(self, what: str, *, missing: bool = False, timed_out: bool = False) -> None:
        self.missing = missing
        self.timed_out = timed_out
        super().__init__(what)
