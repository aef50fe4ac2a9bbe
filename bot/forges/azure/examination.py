"""The diagnosis of a token's rights on Azure DevOps, which changes nothing.

Azure DevOps does not report the scopes of a personal access token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.forges.azure.attributes import list_blocking_policies
from bot.forges.azure.connection import AzureConnection, AzureRemote, CredentialKind
from bot.forges.azure.errors import AZURE_ERRORS
from bot.forges.hosted.examination import EXAMPLE_SLUG, IDENTIFY_ACTION, check_reading
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import RefusedError
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.vocabulary import RunLevel

_WRITE_ACTIONS = {RunLevel.PUSH: "push branches", RunLevel.PROPOSE: "push branches and open pull requests"}


@dataclass(frozen=True, slots=True)
class AzureExamination:
    """Diagnoses the rights of one token in one organization."""

    connection: AzureConnection = field(repr=False)

    def check_token(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Identify the token, and yield the results. Raises RefusedError if the token is invalid."""
        url, credential = self.connection.url, self.connection.credential
        if credential is None:
            yield report_ok(url, IDENTIFY_ACTION, "there is no token, so only public projects can be read")
            if target.level > RunLevel.REPORT:
                message = "no token is configured, but writing needs a token; hint: set `token_env` or `auth: azure`"
                yield report_problem(url, _WRITE_ACTIONS[target.level], message)
            return
        account = self.connection.get_account()
        yield report_ok(url, IDENTIFY_ACTION, f"it is a {credential.kind.value} of {account.name}")
        if credential.kind is CredentialKind.PERSONAL:
            yield report_unknown(
                url,
                "check the scopes of the token",
                "Azure DevOps reports neither the scopes nor the expiry date of a personal access token; hint: use "
                "`auth: azure`, whose tokens are renewed automatically",
            )

    def check_repository(
        self, hosted: HostedRepository, base_branch: str | None, target: DiagnosisTarget
    ) -> Iterator[Check]:
        yield from check_reading(
            hosted,
            base_branch,
            request_noun="pull requests",
            list_requests=lambda: hosted.requests.list_open(()),
            has_dashboard=False,
        )
        if target.level > RunLevel.REPORT and self.connection.credential is not None:
            yield report_unknown(
                hosted.name,
                _WRITE_ACTIONS[target.level],
                "Azure DevOps reports permissions only when they are used; hint: give the account Contribute, Create "
                "branch and Contribute to pull requests on the repository",
            )
            yield self._check_policies(AzureRemote(self.connection, hosted.name), target.branch_prefix)

    def _check_policies(self, remote: AzureRemote, prefix: str) -> Check:
        """Check that no branch policy matches basebump's branches. Azure DevOps would refuse to update them."""
        action = f"check that {prefix}* has no policies"
        try:
            with AZURE_ERRORS.translate(remote.name):
                repository = str(remote.read_json("read the repository")["id"])
                policies = list_blocking_policies(remote, repository, f"refs/heads/{prefix}{EXAMPLE_SLUG}")
        except RefusedError as refusal:
            return report_unknown(remote.name, action, str(refusal))
        if not policies:
            return report_ok(remote.name, action, "no branch policy matches these branches")
        message = (
            f"{len(policies)} branch policies match basebump's branches, so that they cannot be updated; hint: narrow "
            "the policies, or choose another `branch_prefix`"
        )
        return report_problem(remote.name, action, message)
