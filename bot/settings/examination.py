"""Tries what a config says by itself: the secrets that it names, and who is trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.model.diagnosis import Aim, Check, ok, problem
from bot.settings.values import Settings

LOAD, SECRETS, TRUST = "load it", "read its secrets", "read keys and roots"


@dataclass(frozen=True, slots=True)
class SettingsExamination:
    """Implements `bot.ports.Examined` for a config that could be loaded."""

    settings: Settings
    environment: Mapping[str, str]

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - the same for all
        """Look for the variables that it names; its rules and templates were checked as it was loaded."""
        source = self.settings.source
        yield ok(source, LOAD, "it is valid, its templates included")
        unset = self.settings.unset(self.environment)
        for each in unset:
            yield problem(source, SECRETS, str(each))
        if not unset:
            yield ok(source, SECRETS, "every environment variable that it names is set")


@dataclass(frozen=True, slots=True)
class TrustExamination:
    """Implements `bot.ports.Examined` for the entries of `trust`."""

    settings: Settings

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - the same for all
        """Say who is trusted: keys and roots were read as the config was loaded, and no signature is looked for."""
        count = len(self.settings.rulebook.trust)
        if count:
            entries = "1 entry" if count == 1 else f"{count} entries"
            yield ok("trust", TRUST, f"those of {entries} are read; no signature was looked for")
        else:
            yield ok("trust", TRUST, "nobody is listed, so that no signatures are looked for")
