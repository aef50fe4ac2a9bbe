"""The checks of `basebump doctor` for the config file itself: its secrets, and the signers that it trusts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.model.diagnosis import Aim, Check, ok, problem
from bot.settings.values import Settings

LOAD, SECRETS, TRUST = "load it", "read its secrets", "read keys and roots"


@dataclass(frozen=True, slots=True)
class SettingsExamination:
    """The check of a config that could be loaded; implements `bot.ports.Diagnosable`."""

    settings: Settings
    environment: Mapping[str, str]

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - the same at every level
        """Check that the variables that the config names are set; rules and templates were checked on loading."""
        source = self.settings.source
        yield ok(source, LOAD, "it is valid, its templates included")
        unset = self.settings.unset(self.environment)
        for each in unset:
            yield problem(source, SECRETS, str(each))
        if not unset:
            yield ok(source, SECRETS, "every environment variable that it names is set")


@dataclass(frozen=True, slots=True)
class TrustExamination:
    """The check of the entries of `trust`; implements `bot.ports.Diagnosable`."""

    settings: Settings

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - the same at every level
        """Report how many entries there are; keys and roots were read on loading, and no signature is fetched."""
        count = len(self.settings.rulebook.trust)
        if count:
            entries = "1 entry" if count == 1 else f"{count} entries"
            yield ok("trust", TRUST, f"those of {entries} were read; no signature was fetched")
        else:
            yield ok("trust", TRUST, "there are no entries, so no signatures are fetched")
