"""The settings of the operator, and the environment variables that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from typing import Literal

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.policy import PolicyConfig
from bot.process import hide_memory
from bot.settings.documents import ConfigFile
from bot.settings.sections.registries import list_age_registries
from bot.settings.sections.serve import MIN_EVENT_SECRET

OWNER_WRITE_DELAY = timedelta(seconds=1)
"""The default time between two writes to repositories that are selected by owner.

GitHub asks clients to wait a second between writes:
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""
_HEADER_WORD = re.compile(r"[!-~]+")
_UNSET_MACRO = re.compile(r"\$\([A-Za-z_][A-Za-z0-9_.]*\)")
"""Matches a reference that Azure Pipelines leaves in a variable if the referenced variable is not set."""
_TOKEN_HINT = "a token is one word of printable ASCII, without quotes or `Bearer`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ConfigFile):
    """All settings of the operator: the config, and the content of the files that it names.

    Without a config, every field has its default.
    """

    schema: Literal[1] = 1
    policy_config: PolicyConfig = field(default_factory=PolicyConfig)
    """The policy, with the entries of the files that `end_of_life`, `trust` and `blocked` name."""
    template_sources: Mapping[str, str] = field(default_factory=dict)
    """The sources of the operator's own templates by kind: `title`, `body`, `message`, `dashboard`."""
    uses_default_lists: bool = False
    """True if `enrichment` is a default that the operator did not set, so that an unreadable list is not a failure."""
    source: str = ""
    """The config file's name in messages."""

    @property
    def age_registries(self) -> frozenset[str] | None:
        """The registries that record the ages of digests; None if `state` records the ages of all digests."""
        return frozenset(list_age_registries(self.registries)) if self.state is None else None

    @property
    def uses_postgresql_queue(self) -> bool:
        """True if workers are woken through PostgreSQL."""
        return self.queue is not None

    def get_write_delay(self, *, is_selected_by_owner: bool) -> timedelta:
        """Return the minimum time between two requests that write to a forge.

        If the config does not set it, the default is OWNER_WRITE_DELAY for repositories that are selected by owner,
        and zero for repositories that are listed one by one.
        """
        if self.proposals.write_delay is not None:
            return self.proposals.write_delay
        return OWNER_WRITE_DELAY if is_selected_by_owner else timedelta()

    def get_secret(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return the value of an environment variable that these settings name, without line breaks at its end.

        Raises ConfigError if the variable is empty or not set. The error names the variable and every key that refers
        to it.
        """
        value = read_secret(environment, variable)
        if not value:
            locations = (where for where, name in _list_variables(self) if name == variable)
            raise ConfigError(self.source, tuple(_build_unset_problem(where, variable) for where in locations))
        if _UNSET_MACRO.fullmatch(value):
            raise self.build_variable_error(
                variable,
                f"the environment variable {variable} contains the text `$(NAME)`, because the pipeline job has no "
                "such variable; hint: check its name, and whether the job may use it",
            )
        return value

    def get_token(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return the value of an environment variable as a token that can be sent in an HTTP header.

        Raises ConfigError if the variable is not set, or if its value is not valid in a header. An HTTP library would
        reject such a value, too, but its error message would reveal the value.
        """
        value = self.get_secret(variable, environment).strip()
        if not _HEADER_WORD.fullmatch(value):
            raise self.build_variable_error(
                variable, f"the environment variable {variable} does not contain a valid token; hint: {_TOKEN_HINT}"
            )
        return value

    def get_event_secret(self, variable: str, environment: Mapping[str, str]) -> str:
        """Return the value of an environment variable as the secret of a sender of events.

        Raises ConfigError if the variable is not set, or if its value can be guessed.
        """
        value = self.get_token(variable, environment)
        if len(value) < MIN_EVENT_SECRET:
            raise self.build_variable_error(
                variable,
                f"the environment variable {variable} has fewer than {MIN_EVENT_SECRET} characters; hint: use a random "
                "secret, such as the output of `openssl rand -hex 32`",
            )
        return value

    def build_variable_error(self, variable: str, message: str) -> ConfigError:
        """Return an error for an unusable environment variable; it lists every key that names the variable."""
        locations = (where for where, name in _list_variables(self) if name == variable)
        return ConfigError(self.source, tuple(ConfigProblem(where, message) for where in locations))

    def list_unset_variables(self, environment: Mapping[str, str]) -> tuple[ConfigProblem, ...]:
        """Return a problem for every key that names an environment variable that is empty or not set.

        An unset variable does not make the config invalid: a command fails only when it needs the value.
        """
        variables = _list_variables(self)
        return tuple(
            _build_unset_problem(where, variable)
            for where, variable in variables
            if not read_secret(environment, variable)
        )


def _list_variables(value: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield the location of every key that names an environment variable, and the name of the variable.

    The names of these keys, and of no others, end in `_env`.
    """
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _list_variables(item, f"{where}[{index}]")
    elif is_dataclass(value):
        for each in fields(value):
            location, inner = f"{where}.{each.name}".removeprefix("."), getattr(value, each.name)
            if not each.name.endswith("_env"):
                yield from _list_variables(inner, location)
            elif inner is not None:
                yield location, inner


def read_secret(environment: Mapping[str, str], variable: str) -> str:
    """Return the value of an environment variable; empty if it is not set.

    Line breaks at the end of the value are removed, because a secret that was created from a file often ends in one.
    As a side effect, other processes of the same user can no longer read the environment and memory of this process.
    """
    hide_memory()
    return environment.get(variable, "").rstrip("\r\n")


def _build_unset_problem(where: str, variable: str) -> ConfigProblem:
    return ConfigProblem(where, f"the environment variable {variable} is not set; hint: set it to the secret")
