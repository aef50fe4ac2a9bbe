"""Writes the text of a first config file, with comments that explain each part."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from bot.model.hosts import is_acr
from bot.model.limits import ProposalSchedule
from bot.settings.sections.forges import AZURE_JOB_TOKEN
from bot.starter.translation import BotTranslation, RuleValue, TranslatedRule

WIDTH = 100
"""The maximum length of a comment line."""
STATE_PATH = ".basebump/state.db"
"""The state file, relative to the config."""
STATE_IGNORE_PATH = ".basebump/.gitignore"
STATE_IGNORE_TEXT = "*\n!.gitignore\n"
"""The content of a `.gitignore` in the folder of the state. The file makes every clone contain the folder, and makes
git ignore the state.
"""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
"""Matches texts that need no quotes in YAML, unless they are in _WORDS."""
AZURE_SERVICES = "https://dev.azure.com/"
"""The beginning of the URL of an organization on Azure DevOps Services."""
_TOKEN_VARIABLES = {
    "github": "GITHUB_TOKEN",
    "gitlab": "GITLAB_TOKEN",
    "gitea": "GITEA_TOKEN",
    "azure": "AZURE_DEVOPS_TOKEN",
}
"""The usual names of the environment variables that hold tokens, by the kind of the forge."""
_JOB_TOKEN_VARIABLES = {"github": "BASEBUMP_TOKEN", "azure": AZURE_JOB_TOKEN}
"""The environment variables in which workflows pass the token of the job to basebump, by the kind of the forge."""
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


@dataclass(frozen=True, slots=True)
class FoundRegistry:
    """A registry of images in the folder that basebump contacts only if the config lists the registry."""

    host: str
    image_count: int
    example: str
    """The position of one reference, such as `charts/web/values.yaml:4`."""


@dataclass(frozen=True, slots=True)
class ForgeRepository:
    """The repository on a forge from which a folder was cloned."""

    kind: str | None
    """`github`, `gitlab`, `gitea` or `azure`; None if it is unknown."""
    name: str
    """For example `acme/web`."""
    url: str | None = None
    """The URL of the forge; None if basebump has a default for its kind."""


@dataclass(frozen=True, slots=True)
class FolderFindings:
    """The facts about a folder that determine its first config."""

    forge: ForgeRepository | None
    registries: Sequence[FoundRegistry]
    translations: Sequence[BotTranslation]
    workflow: str | None = None
    """The key in `WORKFLOWS` of the workflow file that is also written; None if only the config is written."""
    ci_workflows: Sequence[str] = ()
    """The names of the workflows of GitHub Actions that check pull requests and can be started by basebump."""

    @property
    def dispatched_workflows(self) -> Sequence[str]:
        """The workflows that basebump starts for each proposal.

        The token of a job opens pull requests without starting workflows.
        """
        return self.ci_workflows if self.workflow == "github" else ()

    def list_schedules(self) -> list[ProposalSchedule]:
        """Return the schedules of all translated rules."""
        values = [rule.keys.get("schedule") for each in self.translations for rule in each.rules]
        return [ProposalSchedule(each["cron"], each["timezone"]) for each in values if isinstance(each, Mapping)]


_EXAMPLES = {
    "github": ForgeRepository("github", "OWNER/NAME"),
    "azure": ForgeRepository("azure", "PROJECT/REPOSITORY", f"{AZURE_SERVICES}ORGANIZATION"),
}
"""The entry of `forges` for the user to complete, if the folder is not a clone of a repository on a forge."""


def _list_base_branches(translations: Sequence[BotTranslation]) -> tuple[str, ...]:
    """Return the branches that all other bots together update; empty if one of them updates the default branch."""
    branches = [each.base_branches for each in translations if each.rules]
    return tuple(dict.fromkeys(name for names in branches for name in names)) if all(branches) else ()


def write_config_text(findings: FolderFindings) -> str:
    """Return the text of a config file. The file is valid, and ends with a line break."""
    sections = [
        _write_head(),
        _write_forges(findings),
        _write_registries(findings.registries),
        _write_policy(findings.translations),
        _write_state(findings),
        _write_scanners(),
    ]
    return "\n".join("\n".join([*section, ""]) for section in map(list, sections) if section)


def _write_head() -> Iterator[str]:
    yield from _comment(
        "basebump's config. `basebump init` wrote this file once, and never changes it. config/default.yaml in "
        "basebump's repository shows all keys with their defaults, and `basebump config check FILE` checks a config."
    )
    yield "schema: 1"


def _write_forges(findings: FolderFindings) -> Iterator[str]:
    forge = findings.forge
    if forge is not None and forge.kind is not None:
        yield from _comment("The repositories for which `basebump run` opens proposals.")
        yield "forges:"
        yield from _write_forge(forge, forge.kind, findings)
        return
    yield from _comment(
        "The repositories for which `basebump run` opens proposals. `scan` and `check` do not need this section."
    )
    if forge is not None and findings.workflow is None:
        yield from _comment(
            "basebump does not know which software runs on this server. `gitea` is for Gitea and Forgejo. For GitLab, "
            "write `gitlab`. For GitHub Enterprise Server, write `github`, and `/api/v3` at the end of the URL. Then "
            "remove the `#`."
        )
    kind = findings.workflow or ("github" if forge is None else "gitea")
    example = _EXAMPLES[kind] if forge is None or kind == "azure" else forge
    if kind == "github" and example.url is not None:
        example = replace(example, url=f"{example.url}/api/v3")
    lines = _write_forge(example, kind, findings)
    yield from (f"#{line}" for line in ("forges:", *lines))


def _write_forge(forge: ForgeRepository, kind: str, findings: FolderFindings) -> Iterator[str]:
    """Yield the lines of one entry of `forges`."""
    is_in_workflow = findings.workflow is not None
    yield f"  - kind: {kind}"
    if forge.url is not None:
        yield f"    url: {_format_text(forge.url)}"
    if not is_in_workflow and (forge.url or "").startswith(AZURE_SERVICES):
        yield from _comment("Log in with Microsoft Entra, for example with `az login`.", 4)
        yield "    auth: azure"
    else:
        yield from _comment("The name of the environment variable that holds the token, and never the token itself.", 4)
        yield f"    token_env: {(_JOB_TOKEN_VARIABLES if is_in_workflow else _TOKEN_VARIABLES)[kind]}"
    yield f"    repositories: [{_format_text(forge.name)}]"
    if base_branches := _list_base_branches(findings.translations):
        yield f"    base_branches: {_format_value(base_branches)}"
    if findings.dispatched_workflows:
        yield from _comment("basebump starts these workflows, because the token of a job does not trigger them.", 4)
        yield f"    dispatch: {_format_value(tuple(findings.dispatched_workflows))}"


def _write_registries(registries: Sequence[FoundRegistry]) -> Iterator[str]:
    if not registries:
        return
    yield from _comment("Registries that basebump is allowed to contact, in addition to well-known public registries.")
    yield "registries:"
    for registry in registries:
        references = "1 reference" if registry.image_count == 1 else f"{registry.image_count} references"
        yield from _comment(f"{references}, for example in {_make_safe(registry.example)}", 2)
        yield f"  - host: {_format_text(registry.host)}"
        if is_acr(registry.host):
            yield "    auth: azure"
        else:
            yield from _comment("By default, basebump uses the logins of `docker login`.", 4)
            yield from ("    #username_env: REGISTRY_USER", "    #password_env: REGISTRY_PASSWORD")
    yield ""
    yield from _comment(
        "Your own builds, as globs. basebump leaves them to your delivery pipeline. `own: []` means that no image is "
        "your own build. Without this key, images of manifests on the registries above are not updated."
    )
    yield f"#own: [{_format_text(registries[0].host + '/**')}]"


def _write_policy(translations: Sequence[BotTranslation]) -> Iterator[str]:
    rules = [rule for each in translations for rule in each.rules]
    yield from _comment(
        "Policy rules. For each key, the first rule that matches an image reference and sets the key applies. Without "
        "rules, basebump pins each image and updates it to the newest digest of its tag."
    )
    if not rules:
        yield from ("#policy:", "#  - match: {image: docker.io/library/*}", "#    update: patch")
        return
    yield "policy:"
    for rule in rules:
        yield from _write_rule(rule)


def _write_rule(rule: TranslatedRule) -> Iterator[str]:
    yield from _comment(f"From {_make_safe(rule.origin)}", 2)
    lines = list(_write_values(rule.keys))
    if rule.match:
        lines = ["match:", *(f"  {line}" for line in _write_values(rule.match)), *lines]
    for index, line in enumerate(lines):
        yield f"  {'-' if index == 0 else ' '} {line}"


def _write_values(values: Mapping[str, RuleValue]) -> Iterator[str]:
    for key, value in values.items():
        yield f"{key}: {_format_value(value)}"


def _format_value(value: RuleValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _format_text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_format_text, value))}]"
    return f"{{{', '.join(f'{key}: {_format_text(text)}' for key, text in value.items())}}}"


def _write_state(findings: FolderFindings) -> Iterator[str]:
    yield from _comment("A file in which basebump stores facts for later runs, such as when a digest was first seen.")
    yield f"{'' if needs_state(findings) else '#'}state: sqlite:///{STATE_PATH}"


def needs_state(findings: FolderFindings) -> bool:
    """Return True if the config names a state.

    The config names a state if a translated rule depends on the age of digests, or if a workflow keeps the state for
    later runs.
    """
    rules = [rule for each in findings.translations for rule in each.rules]
    return findings.workflow is not None or any("min_age" in rule.keys for rule in rules)


def _write_scanners() -> Iterator[str]:
    yield from _comment(
        "The scanner that compares the vulnerabilities of the old and the new image. Without this section, basebump "
        "uses Trivy or Grype if one of them is installed."
    )
    yield from ("#scanners:", "#  - kind: trivy")


def _comment(text: str, indentation: int = 0) -> Iterator[str]:
    prefix = f"{' ' * indentation}# "
    yield from wrap(text, WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False)


def _make_safe(text: str) -> str:
    """Return `text` on one line, with escapes for characters that cannot be in a YAML file."""
    return text if text.isprintable() else ascii(text)


def _format_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
