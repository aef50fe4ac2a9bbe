"""The diagnosis of a token's rights on Gitea or Forgejo, which changes nothing.

The servers do not report the scopes of a token. The scopes for reading are checked by reading. The scopes for writing
cannot be checked, but the account's right to write can.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.globs import is_glob_match
from bot.forges.gitea.connection import ADMIN_MESSAGE, FORGEJO_MARK, RULES, GiteaConnection, GiteaRemote
from bot.forges.gitea.gitea_errors import READ_ISSUE, WRITE_ISSUE, WRITE_REPOSITORY
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.server_examination import (
    EXAMPLE_SLUG,
    IDENTIFY_ACTION,
    PUSH_ACTION,
    RestExamination,
    check_missing_token,
    check_protection,
)
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.vocabulary import RunLevel


class GiteaExamination(RestExamination[GiteaConnection]):
    """Diagnoses the rights of one token on one server; implements `ServerExamination`."""

    def check_token(self, target: DiagnosisTarget) -> Iterator[Check]:
        version = self.connection.get_version()
        name = "Forgejo" if FORGEJO_MARK in version else "Gitea"
        yield report_ok(self.connection.url, "read the version", f"it is {name} {version}")
        account = self.connection.get_account()
        if account.id is None:
            yield from check_missing_token(self.connection.url, name, target, PUSH_ACTION)
            return
        if not account.is_admin:
            yield report_ok(self.connection.url, IDENTIFY_ACTION, f"it belongs to {account.id}")
        else:
            report = report_problem if target.level > RunLevel.REPORT else report_ok
            yield report(self.connection.url, IDENTIFY_ACTION, ADMIN_MESSAGE.format(login=account.id))
        if target.level > RunLevel.REPORT:
            scopes = f"{WRITE_REPOSITORY} and {WRITE_ISSUE}"
            hint = f"check that the token has {scopes}, and try them with `--try-writes`"
            message = f"{name} does not report the token's scopes; hint: {hint}"
            yield report_unknown(self.connection.url, "check the scopes of the token", message)

    def read_requests(self, hosted: HostedRepository) -> object:
        """Read a pull request and its issue, whose history shows labels and assignees.

        The two need different scopes.
        """
        remote = GiteaRemote(self.connection, hosted.name)
        remote.read_json("list the pull requests", "/pulls", query={"limit": 1})
        return remote.read_json("list the issues", "/issues", READ_ISSUE, {"type": "pulls", "limit": 1})

    def check_writing(self, name: str, target: DiagnosisTarget) -> Iterator[Check]:
        remote, prefix = GiteaRemote(self.connection, name), target.branch_prefix
        yield _check_account(remote)
        yield check_protection(
            name,
            prefix,
            lambda: [str(each["rule_name"]) for each in remote.read_json("list the rules", RULES)],
            lambda rule: rule.startswith(prefix) or is_glob_match(rule, prefix + EXAMPLE_SLUG),
        )


def _check_account(remote: GiteaRemote) -> Check:
    """Check whether the account can write to the repository, and whether it accepts pull requests.

    Raises RefusedError if it cannot be read.
    """
    data = remote.read_json("read the settings")
    reasons = {
        "the repository is archived; hint: unarchive it, or remove it from the config": data["archived"],
        "the repository is a mirror, which is not writable; hint: remove it from the config": data["mirror"],
        "it accepts no pull requests; hint: enable them in its settings": not data["has_pull_requests"],
        "the account has no write access; hint: make the account a collaborator": not data["permissions"]["push"],
    }
    reason = next((text for text, applies in reasons.items() if applies), None)
    if reason is not None:
        return report_problem(remote.name, PUSH_ACTION, reason)
    return report_ok(remote.name, PUSH_ACTION, "the account can write to the repository")
