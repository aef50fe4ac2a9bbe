"""The checks of `basebump doctor` for the config file itself: its secrets, its trusted signers, and its service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.model.config_types.addresses import is_loopback
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import ConfigError
from bot.settings.settings import Settings

LOAD_ACTION, SECRETS_ACTION, TRUST_ACTION = "load the file", "read its secrets", "read keys and roots"
SENDERS_ACTION, PAGES_ACTION = "read the secret of the sender", "protect the pages"


@dataclass(frozen=True, slots=True)
class SecretsExamination:
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
        count = len(self.settings.policy_config.trust)
        if count:
            entries = "1 entry" if count == 1 else f"{count} entries"
            yield report_ok("trust", TRUST_ACTION, f"those of {entries} were read; no signature was fetched")
        else:
            yield report_ok("trust", TRUST_ACTION, "there are no entries, so no signatures are fetched")


@dataclass(frozen=True, slots=True)
class ServiceExamination:
    """Checks the settings of `basebump serve`; implements `bot.ports.Diagnosable`."""

    settings: Settings
    environment: Mapping[str, str]

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - the same at every level
        """Check that the secrets of senders cannot be guessed, and whether others can see the pages.

        The check does not listen on the address, because the service may already do so.
        """
        for sender in self.settings.serve.events:
            subject = f"/events/{sender.endpoint}"
            try:
                self.settings.get_event_secret(sender.secret_env, self.environment)
            except ConfigError as error:
                for each in error.problems:
                    yield report_problem(subject, SENDERS_ACTION, str(each))
            else:
                yield report_ok(subject, SENDERS_ACTION, f"{sender.secret_env} holds a secret that is long enough")
        yield self._examine_address()

    def _examine_address(self) -> Check:
        serve = self.settings.serve
        subject, (host, port) = str(serve.listen), serve.listen
        if serve.user_header is not None:
            return report_ok(subject, PAGES_ACTION, f"pages need the header {serve.user_header} of your reverse proxy")
        if is_loopback(host):
            return report_ok(subject, PAGES_ACTION, "only this machine can reach the service")
        return report_unknown(
            subject,
            PAGES_ACTION,
            f"everyone who can reach port {port} can read them; hint: limit who can, or set `serve.user_header` "
            "behind a reverse proxy",
        )
