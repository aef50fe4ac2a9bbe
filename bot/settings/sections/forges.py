"""The entries of `forges` in the config file: one class for each kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from bot.model.config_types import addresses, names, texts
from bot.model.config_types.markers import Example, NonEmptyList, OneOrMore, Variants
from bot.model.errors import ConfigProblem
from bot.settings.entries import Entry, Problems
from bot.settings.paths import ConfigPath

GITHUB_API = "https://api.github.com"
GITLAB = "https://gitlab.com"
JOB_TOKEN = "CI_JOB_TOKEN"
"""The variable with the token of a GitLab CI job: https://docs.gitlab.com/ci/jobs/ci_job_token/."""
JOB_TOKEN_PREFIX = "glcbt-"
"""https://docs.gitlab.com/security/tokens/#token-prefixes"""
AZURE_JOB_TOKEN = "SYSTEM_ACCESSTOKEN"
"""The variable to which a pipeline of Azure Pipelines maps the token of its job (`$(System.AccessToken)`)."""
_WITH_TOKEN = "The same with a token."


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerEntry:
    """The config entry that selects all or some repositories of one owner."""

    owner: Annotated[names.Owner, Example("acme")]
    """The name of a user or an organisation."""
    include: Annotated[OneOrMore[texts.Glob], Example(["*-service"])] = ()
    """Globs for the repository name without the owner. A repository is selected only if at least one glob matches.
    Default: all names match.
    """
    exclude: Annotated[OneOrMore[texts.Glob], Example(["*-archive"])] = ()
    """Globs for the repository name without the owner. A repository is not selected if one of the globs matches.
    Default: none.
    """
    topics: Annotated[NonEmptyList[names.Topic], Example(["production"])] = ()
    """A repository is selected only if it has at least one of these topics. Default: topics do not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry:
    """The config entry that selects all or some projects of a group and its subgroups, or of a user."""

    owner: Annotated[names.GroupPath, Example("acme/platform")]
    """The full path of a group (`group/subgroup`), or the name of a user."""
    include: Annotated[OneOrMore[texts.Glob], Example(["**-service"])] = ()
    """Globs for the project path below the owner, such as `subgroup/project`. A project is selected only if at least
    one glob matches. Default: all paths match.
    """
    exclude: Annotated[OneOrMore[texts.Glob], Example(["archive/**"])] = ()
    """Globs for the project path below the owner. A project is not selected if a glob matches. Default: none."""
    topics: Annotated[NonEmptyList[texts.Text], Example(["production"])] = ()
    """A project is selected only if it has at least one of these topics. Default: topics do not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSection:
    """The config entry for a GitHub App. basebump authenticates as the App with the App's private key."""

    id: Annotated[names.AppId, Example(123456)]
    """The App ID, which is shown on the settings page of the App."""
    key_env: Annotated[names.VariableName, Example("GITHUB_APP_KEY")]
    """The name of the environment variable that holds the private key in PEM format. `\\n` may stand for a line break
    in it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubForgeEntry:
    """The config entry for repositories on github.com or on a GitHub Enterprise Server."""

    kind: Literal["github"] = "github"
    """The kind of forge."""
    url: addresses.ApiUrl = GITHUB_API
    """The URL of the API. For a GitHub Enterprise Server, the URL is `https://HOST/api/v3`."""
    token_env: Annotated[names.VariableName | None, Example("GITHUB_TOKEN")] = None
    """The name of the environment variable that holds the token. Only public repositories can be read without a token
    or an App.
    """
    app: Annotated[AppSection | None, Example(entry="The same forge, with a GitHub App.")] = None
    """The GitHub App that basebump uses to authenticate, instead of a token."""
    ca: Annotated[ConfigPath | None, Example("certificates/forge.pem")] = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: Annotated[
        NonEmptyList[Annotated[names.RepositoryName | OwnerEntry, Variants()]], Example(["acme/web"])
    ] = ()
    """Repositories as `owner/name`, or the repositories of an owner as a mapping. Required without `app`. Default with
    `app`: all repositories in which the App is installed.
    """
    base_branches: Annotated[OneOrMore[texts.Glob], Example(["main", "release/*"])] = ()
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""
    dispatch: Annotated[NonEmptyList[names.WorkflowFile], Example(["ci.yml"])] = ()
    """File names of workflows to start for each proposal. Needed with the token of a GitHub Actions job, because its
    pushes do not start workflows.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class GitlabForgeEntry:
    """The config entry for projects on gitlab.com or on a self-managed GitLab."""

    kind: Literal["gitlab"] = "gitlab"
    """The kind of forge."""
    url: addresses.SiteUrl = GITLAB
    """The URL of the web interface, without `/api/v4`. If GitLab is installed below a path, include the path."""
    token_env: Annotated[names.VariableName | None, Example("GITLAB_TOKEN")] = None
    """The name of the environment variable that holds the token. `CI_JOB_TOKEN` is the token of the CI job itself, with
    which basebump can only report.
    """
    ca: Annotated[ConfigPath | None, Example("certificates/forge.pem")] = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: Annotated[
        NonEmptyList[Annotated[names.ProjectPath | GroupEntry, Variants()]], Example(["acme/shop/web"])
    ]
    """Projects by full path (`group/subgroup/project`), or the projects of a group or a user as a mapping."""
    base_branches: Annotated[OneOrMore[texts.Glob], Example(["main", "release/*"])] = ()
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectEntry:
    """The config entry that selects all or some repositories of one project on Azure DevOps."""

    owner: Annotated[names.AzureProject, Example("Platform")]
    """The name of a project."""
    include: Annotated[OneOrMore[texts.Glob], Example(["*-service"])] = ()
    """Globs for the repository name without the project. A repository is selected only if at least one glob matches.
    Default: all names match.
    """
    exclude: Annotated[OneOrMore[texts.Glob], Example(["archive-*"])] = ()
    """Globs for the repository name without the project. A repository is not selected if one of the globs matches.
    Default: none.
    """
    topics: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureForgeEntry:
    """The config entry for repositories on Azure DevOps Services or on an Azure DevOps Server."""

    kind: Literal["azure"] = "azure"
    """The kind of forge."""
    url: Annotated[
        addresses.AzureUrl, Example("https://dev.azure.com/acme"), Example("https://dev.azure.com/other", _WITH_TOKEN)
    ]
    """The URL of the organization, `https://dev.azure.com/ORGANIZATION`. For an Azure DevOps Server, the URL of the
    collection, `https://HOST/COLLECTION`.
    """
    auth: Literal["azure"] | None = None
    """`azure` logs in with Microsoft Entra, instead of a token: as a service principal, with a managed identity or with
    workload identity federation. Azure DevOps Server does not support this.
    """
    token_env: Annotated[names.VariableName | None, Example("AZURE_DEVOPS_TOKEN", _WITH_TOKEN)] = None
    """The name of the environment variable that holds the token. `SYSTEM_ACCESSTOKEN` is the token of the pipeline job
    itself. Only public projects can be read without a token.
    """
    ca: Annotated[ConfigPath | None, Example("certificates/forge.pem")] = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: Annotated[
        NonEmptyList[Annotated[names.AzureRepositoryName | ProjectEntry, Variants()]],
        Example(["Shop/web"]),
        Example(["Shop/api"], _WITH_TOKEN),
    ]
    """Repositories as `PROJECT/REPOSITORY`, or the repositories of a project as a mapping."""
    work_items: Annotated[NonEmptyList[names.WorkItemId], Example([1234])] = ()
    """The numbers of work items to which each new pull request is linked. Default: none."""
    base_branches: Annotated[OneOrMore[texts.Glob], Example(["main", "release/*"])] = ()
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiteaOwnerEntry:
    """The config entry that selects all or some repositories of one owner on a Gitea or Forgejo."""

    owner: Annotated[names.GiteaOwner, Example("acme")]
    """The name of an organization or a user."""
    include: Annotated[OneOrMore[texts.Glob], Example(["*-service"])] = ()
    """Globs for the repository name without the owner. A repository is selected only if at least one glob matches.
    Default: all names match.
    """
    exclude: Annotated[OneOrMore[texts.Glob], Example(["archive-*"])] = ()
    """Globs for the repository name without the owner. A repository is not selected if one of the globs matches.
    Default: none.
    """
    topics: Annotated[NonEmptyList[names.Topic], Example(["production"])] = ()
    """A repository is selected only if it has at least one of these topics. Default: topics do not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiteaForgeEntry:
    """The config entry for repositories on a Gitea or Forgejo server, such as Codeberg."""

    kind: Literal["gitea"] = "gitea"
    """The kind of forge. `gitea` is also for Forgejo."""
    url: Annotated[addresses.SiteUrl, Example("https://codeberg.org")]
    """The URL of the web interface, such as `https://codeberg.org`, without `/api/v1`. If the server is installed below
    a path, include the path.
    """
    token_env: Annotated[names.VariableName | None, Example("GITEA_TOKEN")] = None
    """The name of the environment variable that holds the token. Only public repositories can be read without a token.
    """
    ca: Annotated[ConfigPath | None, Example("certificates/forge.pem")] = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: Annotated[
        NonEmptyList[Annotated[names.GiteaRepositoryName | GiteaOwnerEntry, Variants()]], Example(["acme/web"])
    ]
    """Repositories as `owner/name`, or the repositories of an owner as a mapping."""
    base_branches: Annotated[OneOrMore[texts.Glob], Example(["main", "release/*"])] = ()
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalForgeEntry:
    """The config entry for git repositories in a folder on this machine."""

    kind: Literal["local"] = "local"
    """The kind of forge."""
    url: Annotated[ConfigPath, Example("../repositories")]
    """The folder. The path is relative to this config file."""
    repositories: Annotated[NonEmptyList[names.InnerPath], Example(["web", "tools/builder"])] = ()
    """Paths of git repositories inside the folder. Default: every git repository in the folder."""
    base_branches: Annotated[OneOrMore[texts.Glob], Example(["main", "release/*"])] = ()
    """Globs for the branches to which proposals are made. Default: the branch that HEAD points to."""


AnyOwnerEntry = OwnerEntry | GroupEntry | ProjectEntry | GiteaOwnerEntry
ServerForgeEntry = GithubForgeEntry | GitlabForgeEntry | AzureForgeEntry | GiteaForgeEntry
AnyForgeEntry = ServerForgeEntry | LocalForgeEntry


def list_named_repositories(forge: ServerForgeEntry) -> tuple[str, ...]:
    """Return the repositories that an entry names one by one."""
    return tuple(each for each in forge.repositories if isinstance(each, str))


def list_owners(forge: ServerForgeEntry) -> tuple[AnyOwnerEntry, ...]:
    """Return the owners whose repositories an entry selects."""
    return tuple(each for each in forge.repositories if not isinstance(each, str))


def check_forges(entries: Sequence[Entry[AnyForgeEntry]]) -> Problems:
    """Yield the problems of entries with keys that exclude or need each other, and of overlapping selections."""
    for entry in entries:
        where, written = entry.where, entry.written
        if written.get("kind") == "github":
            yield from _check_github(where, written)
        if written.get("kind") == "azure" and "auth" in written and "token_env" in written:
            yield ConfigProblem(f"{where}.auth", "cannot be combined with `token_env`; hint: remove one of the keys")
        if entry.value is not None:
            yield from _check_repositories(where, entry.value)
    yield from _check_overlaps(entries)


def _check_github(where: str, written: Mapping[str, Any]) -> Problems:
    if "app" in written and "token_env" in written:
        yield ConfigProblem(f"{where}.app", "cannot be combined with `token_env`; hint: remove one of the keys")
    if "app" not in written and "repositories" not in written:
        message = "is required; hint: list repositories, or use a GitHub App (`app`), which knows its own repositories"
        yield ConfigProblem(f"{where}.repositories", message)


def _check_repositories(where: str, forge: AnyForgeEntry) -> Problems:
    """Yield a problem for each repository that is listed twice, and each owner that the token cannot list."""
    names: set[str] = set()
    for index, each in enumerate(forge.repositories):
        location = f"{where}.repositories[{index}]"
        if not isinstance(each, str):
            if forge.kind == "gitlab" and forge.token_env == JOB_TOKEN:
                message = f"cannot be listed with a job's token (`{JOB_TOKEN}`); hint: name the projects one by one"
                yield ConfigProblem(location, message)
            continue
        if each.lower() in names:
            message = f"`{each}` is already listed by an earlier entry; hint: remove one of the entries"
            yield ConfigProblem(location, message)
        names.add(each.lower())


def _check_overlaps(entries: Sequence[Entry[AnyForgeEntry]]) -> Problems:
    """Yield a problem if two entries of `forges` select the same repositories.

    A run would propose every update to these repositories twice.
    """
    first_entries: dict[tuple[str, str], str] = {}
    for entry in entries:
        for key, description in _list_selections(entry.value, entry.written) if entry.value is not None else ():
            first = first_entries.setdefault(key, entry.where)
            if first != entry.where:
                message = (
                    f"selects {description}, which {first} already selects; hint: select each repository only once"
                )
                yield ConfigProblem(entry.where, message)


def _list_selections(forge: AnyForgeEntry, written: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield an identity and a description for everything that an entry of `forges` selects.

    An entry selects single repositories, or all repositories of a folder or of a GitHub App. An identity consists of
    the forge and a name, such as `("github https://api.github.com", "acme/api")`. Two entries that yield the same
    identity select the same repositories. The description is for messages.
    """
    site = f"{forge.kind} {forge.url}"
    for each in forge.repositories:
        if isinstance(each, str):
            yield (site, each.lower()), f"`{each}`"
    if forge.repositories:
        return
    if isinstance(forge, LocalForgeEntry):
        yield (site, ""), f"all of `{written['url']}`"
    elif isinstance(forge, GithubForgeEntry) and forge.app is not None:
        yield (site, str(forge.app.id)), f"all repositories of the App {forge.app.id}"
