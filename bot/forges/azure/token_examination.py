"""The diagnosis of a token's rights on Azure DevOps, which changes nothing.

Azure DevOps does not report the scopes of a personal access token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.forges._git_objects import BRANCHES
from bot.forges.azure.attributes import list_blocking_policies
from bot.forges.azure.connection import AzureConnection, AzureRemote, CredentialKind
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.server_examination import (
    EXAMPLE_SLUG,
    IDENTIFY_ACTION,
    PUSH_ACTION,
    RestExamination,
    check_missing_token,
    check_protection,
)
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_unknown


class AzureExamination(RestExamination[AzureConnection]):
    """Diagnoses the rights of one token in one organization; implements `ServerExamination`."""

    def check_token(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Identify the token, and yield the results. Raises RefusedError if the token is invalid."""
        url, credential = self.connection.url, self.connection.credential
        if credential is None:
            yield from check_missing_token(url, "Azure DevOps", target, PUSH_ACTION, "`token_env` or `auth: azure`")
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

    def read_requests(self, hosted: HostedRepository) -> object:
        return hosted.requests.list_open(())

    def check_writing(self, name: str, target: DiagnosisTarget) -> Iterator[Check]:
        """Check that no branch policy matches basebump's branches, because it would prevent updates of them."""
        yield report_unknown(
            name,
            PUSH_ACTION,
            "Azure DevOps reports permissions only when they are used; hint: give the account Contribute, Create "
            "branch and Contribute to pull requests on the repository, and try them with `--try-writes`",
        )
        remote = AzureRemote(self.connection, name)

        def list_rules() -> Iterable[str]:
            repository = str(remote.read_json("read the repository")["id"])
            policies = list_blocking_policies(remote, repository, f"{BRANCHES}{target.branch_prefix}{EXAMPLE_SLUG}")
            return [str(each["type"]["displayName"]) for each in policies]

        yield check_protection(name, target.branch_prefix, list_rules, lambda _: True)
