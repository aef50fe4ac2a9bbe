"""The entries of `forges` in the config file: one class for each kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator
from pydantic import Tag as Variant

from bot.model.config_types import addresses, names, texts
from bot.model.config_types.markers import NonEmptyList, OneOrMore
from bot.settings import values
from bot.settings.section import ConfigSection, get_variant_by_kind


class OwnerEntry(ConfigSection):
    """The config entry that selects all or some repositories of one owner."""

    owner: names.Owner
    """The name of a user or an organisation."""
    include: OneOrMore[texts.Glob] | None = None
    """Globs for the repository name without the owner. A repository is selected only if at least one glob matches.
    Default: all names match.
    """
    exclude: OneOrMore[texts.Glob] | None = None
    """Globs for the repository name without the owner. A repository is not selected if one of the globs matches.
    Default: none.
    """
    topics: NonEmptyList[names.Topic] | None = None
    """A repository is selected only if it has at least one of these topics. Default: topics do not matter."""


def _get_repository_variant(value: object) -> str:
    return "(owner)" if isinstance(value, dict) else "(name)"


NameOrOwner = Annotated[
    Annotated[names.RepositoryName, Variant("(name)")] | Annotated[OwnerEntry, Variant("(owner)")],
    Discriminator(_get_repository_variant),
]


class GroupEntry(ConfigSection):
    """The config entry that selects all or some projects of a group and its subgroups, or of a user."""

    owner: names.GroupPath
    """The full path of a group (`group/subgroup`), or the name of a user."""
    include: OneOrMore[texts.Glob] | None = None
    """Globs for the project path below the owner, such as `subgroup/project`. A project is selected only if at least
    one glob matches. Default: all paths match.
    """
    exclude: OneOrMore[texts.Glob] | None = None
    """Globs for the project path below the owner. A project is not selected if a glob matches. Default: none."""
    topics: NonEmptyList[texts.Text] | None = None
    """A project is selected only if it has at least one of these topics. Default: topics do not matter."""


ProjectOrGroup = Annotated[
    Annotated[names.ProjectPath, Variant("(name)")] | Annotated[GroupEntry, Variant("(owner)")],
    Discriminator(_get_repository_variant),
]


class AppSection(ConfigSection):
    """The config entry for a GitHub App. basebump authenticates as the App with the App's private key."""

    id: names.AppId
    """The App ID, which is shown on the settings page of the App."""
    key_env: names.VariableName
    """The name of the environment variable that holds the private key in PEM format. `\\n` may stand for a line break
    in it.
    """


class GithubForgeEntry(ConfigSection):
    """The config entry for repositories on github.com or on a GitHub Enterprise Server."""

    kind: Literal["github"]
    """The kind of forge."""
    url: addresses.ApiUrl = values.GITHUB_API
    """The URL of the API. For a GitHub Enterprise Server, the URL is `https://HOST/api/v3`."""
    token_env: names.VariableName | None = None
    """The name of the environment variable that holds the token. Only public repositories can be read without a token
    or an App.
    """
    app: AppSection | None = None
    """The GitHub App that basebump uses to authenticate, instead of a token."""
    ca: texts.Text | None = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: NonEmptyList[NameOrOwner] | None = None
    """Repositories as `owner/name`, or the repositories of an owner as a mapping. Required without `app`. Default with
    `app`: all repositories in which the App is installed.
    """
    base_branches: OneOrMore[texts.Glob] | None = None
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""
    dispatch: NonEmptyList[names.WorkflowFile] | None = None
    """File names of workflows to start for each proposal. Needed with the token of a GitHub Actions job, because its
    pushes do not start workflows.
    """


class GitlabForgeEntry(ConfigSection):
    """The config entry for projects on gitlab.com or on a self-managed GitLab."""

    kind: Literal["gitlab"]
    """The kind of forge."""
    url: addresses.SiteUrl = values.GITLAB
    """The URL of the web interface, without `/api/v4`. If GitLab is installed below a path, include the path."""
    token_env: names.VariableName | None = None
    """The name of the environment variable that holds the token. `CI_JOB_TOKEN` is the token of the CI job itself, with
    which basebump can only report.
    """
    ca: texts.Text | None = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: NonEmptyList[ProjectOrGroup]
    """Projects by full path (`group/subgroup/project`), or the projects of a group or a user as a mapping."""
    base_branches: OneOrMore[texts.Glob] | None = None
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""


class ProjectEntry(ConfigSection):
    """The config entry that selects all or some repositories of one project on Azure DevOps."""

    owner: names.AzureProject
    """The name of a project."""
    include: OneOrMore[texts.Glob] | None = None
    """Globs for the repository name without the project. A repository is selected only if at least one glob matches.
    Default: all names match.
    """
    exclude: OneOrMore[texts.Glob] | None = None
    """Globs for the repository name without the project. A repository is not selected if one of the globs matches.
    Default: none.
    """


RepositoryOrProject = Annotated[
    Annotated[names.AzureRepositoryName, Variant("(name)")] | Annotated[ProjectEntry, Variant("(owner)")],
    Discriminator(_get_repository_variant),
]


class AzureForgeEntry(ConfigSection):
    """The config entry for repositories on Azure DevOps Services or on an Azure DevOps Server."""

    kind: Literal["azure"]
    """The kind of forge."""
    url: addresses.AzureUrl
    """The URL of the organization, `https://dev.azure.com/ORGANIZATION`. For an Azure DevOps Server, the URL of the
    collection, `https://HOST/COLLECTION`.
    """
    auth: Literal["azure"] | None = None
    """`azure` logs in with Microsoft Entra, instead of a token: as a service principal, with a managed identity or with
    workload identity federation. Azure DevOps Server does not support this.
    """
    token_env: names.VariableName | None = None
    """The name of the environment variable that holds the token. `SYSTEM_ACCESSTOKEN` is the token of the pipeline job
    itself. Only public projects can be read without a token.
    """
    ca: texts.Text | None = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: NonEmptyList[RepositoryOrProject]
    """Repositories as `PROJECT/REPOSITORY`, or the repositories of a project as a mapping."""
    work_items: NonEmptyList[names.WorkItemId] | None = None
    """The numbers of work items to which each new pull request is linked. Default: none."""
    base_branches: OneOrMore[texts.Glob] | None = None
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""


class GiteaOwnerEntry(ConfigSection):
    """The config entry that selects all or some repositories of one owner on a Gitea or Forgejo."""

    owner: names.GiteaOwner
    """The name of an organization or a user."""
    include: OneOrMore[texts.Glob] | None = None
    """Globs for the repository name without the owner. A repository is selected only if at least one glob matches.
    Default: all names match.
    """
    exclude: OneOrMore[texts.Glob] | None = None
    """Globs for the repository name without the owner. A repository is not selected if one of the globs matches.
    Default: none.
    """
    topics: NonEmptyList[names.Topic] | None = None
    """A repository is selected only if it has at least one of these topics. Default: topics do not matter."""


GiteaNameOrOwner = Annotated[
    Annotated[names.GiteaRepositoryName, Variant("(name)")] | Annotated[GiteaOwnerEntry, Variant("(owner)")],
    Discriminator(_get_repository_variant),
]


class GiteaForgeEntry(ConfigSection):
    """The config entry for repositories on a Gitea or Forgejo server, such as Codeberg."""

    kind: Literal["gitea"]
    """The kind of forge. `gitea` is also for Forgejo."""
    url: addresses.SiteUrl
    """The URL of the web interface, such as `https://codeberg.org`, without `/api/v1`. If the server is installed below
    a path, include the path.
    """
    token_env: names.VariableName | None = None
    """The name of the environment variable that holds the token. Only public repositories can be read without a token.
    """
    ca: texts.Text | None = None
    """A file with CA certificates to trust for this forge. The path is relative to this config file."""
    repositories: NonEmptyList[GiteaNameOrOwner]
    """Repositories as `owner/name`, or the repositories of an owner as a mapping."""
    base_branches: OneOrMore[texts.Glob] | None = None
    """Globs for the branches to which proposals are made. Default: the default branch of each repository."""


class LocalForgeEntry(ConfigSection):
    """The config entry for git repositories in a folder on this machine."""

    kind: Literal["local"]
    """The kind of forge."""
    url: texts.Text
    """The folder. The path is relative to this config file."""
    repositories: NonEmptyList[names.InnerPath] | None = None
    """Paths of git repositories inside the folder. Default: every git repository in the folder."""
    base_branches: OneOrMore[texts.Glob] | None = None
    """Globs for the branches to which proposals are made. Default: the branch that HEAD points to."""


AnyForgeEntry = GithubForgeEntry | GitlabForgeEntry | AzureForgeEntry | GiteaForgeEntry | LocalForgeEntry
ForgeEntry = Annotated[
    Annotated[GithubForgeEntry, Variant("(github)")]
    | Annotated[GitlabForgeEntry, Variant("(gitlab)")]
    | Annotated[AzureForgeEntry, Variant("(azure)")]
    | Annotated[GiteaForgeEntry, Variant("(gitea)")]
    | Annotated[LocalForgeEntry, Variant("(local)")],
    Discriminator(get_variant_by_kind),
]
FORGE_KINDS = ("github", "gitlab", "azure", "gitea", "local")
