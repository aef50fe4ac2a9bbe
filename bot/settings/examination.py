"""The checks of `basebump doctor` for the config file itself: its secrets, and the signers that it trusts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.settings.values import Settings

LOAD_ACTION, SECRETS_ACTION, TRUST_ACTION = "load the file", "read its secrets", "read keys and roots"


@dataclass(frozen=True, slots=True)
class SettingsExamination:
    """Checks a config that was loaded without errors; implements `bot.ports.Diagnosable`."""

    settings: Settings
    environment: Mapping[str, str]

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - the same at every level
        """Check that all environment variables that the config names are set.

        Nothing else is checked here, because loading the config already checked its rules and templates.
        """
        source = self.settings.source
        yield report_ok(source, LOAD_ACTION, "it is valid, and so are its templates")
        unset = self.settings.list_unset_variables(self.environment)
        for each in unset:
            yield report_problem(source, SECRETS_ACTION, str(each))
        if not unset:
            yield report_ok(source, SECRETS_ACTION, "every environment variable that it names is set")


@dataclass(frozen=True, slots=True)
class TrustExamination:
    """Reports how many entries the config has under `trust`; implements `bot.ports.Diagnosable`."""

    settings: Settings

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - the same at every level
        """Report the number of entries under `trust` whose keys and trusted roots were read.

        This check always succeeds: the files were already read when the config was loaded, and no signature is fetched.
        """
        count = len(self.settings.policy.trust)
        if count:
            entries = "1 entry" if count == 1 else f"{count} entries"
            yield report_ok("trust", TRUST_ACTION, f"those of {entries} were read; no signature was fetched")
        else:
            yield report_ok("trust", TRUST_ACTION, "there are no entries, so no signatures are fetched")
