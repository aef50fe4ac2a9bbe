"""The config file as users write it: every key, the values it accepts, and the sentence that documents it."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, StrictBool
from pydantic import Tag as Variant
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bot.settings import address_fields, fields, name_fields, time_fields, values
from bot.settings.rules import RepositoryRuleEntry, RuleEntry
from bot.settings.scanners import KINDS as SCANNER_KINDS
from bot.settings.scanners import ScannerEntry
from bot.settings.section import ConfigSection, NonEmptyList, OneOrMore, get_variant_by_kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class OwnerEntry(ConfigSection):
    """Repositories of one owner."""

    owner: name_fields.Owner
    """A user or an organisation."""
    include: OneOrMore[fields.Glob] | None = None
    """Globs over the repository's name without the owner; at least one must match. Default: all names match."""
    exclude: OneOrMore[fields.Glob] | None = None
    """Globs over the repository's name without the owner; none may match. Default: none."""
    topics: NonEmptyList[name_fields.Topic] | None = None
    """Topics, of which the repository must have at least one. Default: any or no topics."""


def _get_repository_variant(value: object) -> str:
    return "(owner)" if isinstance(value, dict) else "(name)"


NameOrOwner = Annotated[
    Annotated[name_fields.RepositoryName, Variant("(name)")] | Annotated[OwnerEntry, Variant("(owner)")],
    Discriminator(_get_repository_variant),
]


class GroupEntry(ConfigSection):
    """Projects of a group and its subgroups, or of a user."""

    owner: name_fields.GroupPath
    """The full path of a group (`group/subgroup`), or the name of a user."""
    include: OneOrMore[fields.Glob] | None = None
    """Globs over the project's path below the owner (`subgroup/project`); one must match. Default: all paths match."""
    exclude: OneOrMore[fields.Glob] | None = None
    """Globs over the project's path below the owner; none may match. Default: none."""
    topics: NonEmptyList[fields.Text] | None = None
    """Topics, of which the project must have at least one. Default: any or no topics."""


ProjectOrGroup = Annotated[
    Annotated[name_fields.ProjectPath, Variant("(name)")] | Annotated[GroupEntry, Variant("(owner)")],
    Discriminator(_get_repository_variant),
]


class AppSection(ConfigSection):
    """A GitHub App, which authenticates with its private key."""

    id: name_fields.AppId
    """The App ID, as the page of the App's settings shows it."""
    key_env: name_fields.VariableName
    """The name of the environment variable that holds the private key in PEM form; `\\n` may stand for line ends."""


class GithubForgeEntry(ConfigSection):
    """Repositories on github.com or on a GitHub Enterprise Server."""

    kind: Literal["github"]
    """The kind of forge."""
    url: address_fields.ApiUrl = values.GITHUB_API
    """The URL of the API; for an Enterprise Server `https://HOST/api/v3`."""
    token_env: name_fields.VariableName | None = None
    """The name of the environment variable that holds the token. Needed for all but reading public repositories."""
    app: AppSection | None = None
    """A GitHub App to authenticate as, in place of a token."""
    ca: fields.Text | None = None
    """A file with CA certificates to trust for this forge; relative to this file."""
    repositories: NonEmptyList[NameOrOwner] | None = None
    """Repositories as `owner/name`, or those of an owner. Default with `app`: all that the App is installed on."""
    base_branches: OneOrMore[fields.Glob] | None = None
    """Globs over the branches that proposals are made to. Default: the default branch."""
    dispatch: NonEmptyList[name_fields.WorkflowFile] | None = None
    """File names of workflows to start for each proposal, which the pushes of a job's own token do not start."""


class GitlabForgeEntry(ConfigSection):
    """Projects on gitlab.com or on a self-managed GitLab."""

    kind: Literal["gitlab"]
    """The kind of forge."""
    url: address_fields.SiteUrl = values.GITLAB
    """The URL of the web interface, without `/api/v4`; for a GitLab below a path, with that path."""
    token_env: name_fields.VariableName | None = None
    """The name of the environment variable that holds the token; `CI_JOB_TOKEN`: a job's own, which can only report."""
    ca: fields.Text | None = None
    """A file with CA certificates to trust for this forge; relative to this file."""
    repositories: NonEmptyList[ProjectOrGroup]
    """Projects by their full paths (`group/subgroup/project`), or those of a group or a user."""
    base_branches: OneOrMore[fields.Glob] | None = None
    """Globs over the branches that proposals are made to. Default: the default branch."""


class LocalForgeEntry(ConfigSection):
    """Git repositories in a folder on this machine."""

    kind: Literal["local"]
    """The kind of forge."""
    url: fields.Text
    """The folder; relative to this file."""
    repositories: NonEmptyList[name_fields.InnerPath] | None = None
    """Paths of repositories inside the folder. Default: every git repository in it."""
    base_branches: OneOrMore[fields.Glob] | None = None
    """Globs over the branches that proposals are made to. Default: the branch that HEAD points to."""


ForgeEntry = Annotated[
    Annotated[GithubForgeEntry, Variant("(github)")]
    | Annotated[GitlabForgeEntry, Variant("(gitlab)")]
    | Annotated[LocalForgeEntry, Variant("(local)")],
    Discriminator(get_variant_by_kind),
]
FORGE_KINDS = ("github", "gitlab", "local")
VARIANTS = frozenset({"(name)", "(owner)", *(f"({kind})" for kind in (*FORGE_KINDS, *SCANNER_KINDS))})
"""Steps in pydantic's locations that are not in the file; the brackets tell them from keys."""


class RegistryConfigEntry(ConfigSection):
    """One registry, which basebump may contact, and how it does that."""

    host: address_fields.RegistryAddress
    """`host[:port]` as in references; `docker.io` for Docker Hub. An entry with a path is only about `upstream`."""
    mirror: address_fields.RegistryAddress | None = None
    """`host[:port][/prefix]` to contact instead. Its credential is that of its own entry under `registries`."""
    upstream: address_fields.RegistryAddress | None = None
    """`host[:port][/prefix]` that this pull-through cache copies; tags are looked up there."""
    insecure: StrictBool = False
    """Whether to use plain http, for the mirror if there is one."""
    username_env: name_fields.VariableName | None = None
    """The name of the environment variable that holds the user name; needs `password_env`."""
    password_env: name_fields.VariableName | None = None
    """The name of the environment variable that holds the password or token; needs `username_env`."""
    auth: values.RegistryAuth = values.RegistryAuth.DOCKER_CONFIG
    """Where the credential comes from if no variables are named: login files, nowhere (`anonymous`), or a cloud."""
    ca: fields.Text | None = None
    """A file with CA certificates to trust, for the mirror if there is one; relative to this file."""
    trusted_realms: tuple[address_fields.Host, ...] = ()
    """`host[:port]` of token servers on other hosts that may receive the credential."""
    tasks: name_fields.RegistryResourceId | None = None
    """The resource ID of this Azure registry (`az acr show --query id`), so that `run` can list its tasks."""
    purges_untagged: StrictBool | None = None
    """Whether the registry deletes untagged manifests. Default: what is known of well-known registries."""


class FilesEntry(ConfigSection):
    """Files to read as a format, although their names do not show it."""

    format: fields.FormatName
    """The format that reads them; `text` finds pinned references in any text: `name:tag@sha256:…`."""
    path: OneOrMore[fields.PathGlob]
    """Globs over their paths in a repository."""


class EndOfLifeEntry(ConfigSection):
    """The end of support of some tags of an image."""

    image: fields.ImageGlob
    """A glob over the canonical repository: `docker.io/library/python`."""
    tag: fields.Glob
    """A glob over the tag: `3.8*`."""
    date: time_fields.Day
    """The last day of support."""
    successor: fields.Tag | None = None
    """The tag to update to. Default: none, and the report names no successor."""


class EndOfLifeFile(ConfigSection):
    """The file that `end_of_life` names."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file format."""
    images: tuple[EndOfLifeEntry, ...]
    """Entries on the end of support; for a tag the first one that matches applies."""


class IdentityEntry(ConfigSection):
    """A signer without a key."""

    issuer: address_fields.IssuerUrl
    """The URL of the OIDC issuer: `https://token.actions.githubusercontent.com` for GitHub's workflows."""
    identity: fields.IdentityGlob
    """A glob over the identity that the issuer vouches for: an e-mail address, or the URL of a workflow and its ref."""


class NotationSection(ConfigSection):
    """Signers with Notation: their certificate is by these authorities, and has all attributes of one of `subjects`."""

    certificates: NonEmptyList[fields.Text]
    """Files with CA certificates in PEM form, which are Notation's trust store; relative to this file."""
    subjects: NonEmptyList[fields.Text]
    """Attributes of a signer's subject: `C=US,ST=WA,O=Acme` (RFC 4514, in any order)."""


class TrustConfigEntry(ConfigSection):
    """The signers of some images; an entry has `keys`, `keyless`, `notation`, or several of them."""

    image: OneOrMore[fields.ImageGlob]
    """Globs over the canonical repository: `registry.example.com/acme/**`."""
    keys: NonEmptyList[fields.Text] | None = None
    """Files with public keys in PEM form for signatures of cosign; relative to this file."""
    keyless: NonEmptyList[IdentityEntry] | None = None
    """Signers without a key. Needs the extra `keyless`."""
    trusted_root: fields.Text | None = None
    """A file with the authorities and logs for `keyless`; relative to this file. Default: Sigstore's public ones."""
    notation: NotationSection | None = None
    """Signers with Notation."""


class VexEntry(ConfigSection):
    """OpenVEX documents, and the authors whose statements count."""

    path: fields.Text | None = None
    """A document, or a folder whose `.json` files are documents; relative to this file. An entry has it or `url`."""
    url: address_fields.DownloadUrl | None = None
    """The https URL of a document. An entry has it or `path`."""
    authors: NonEmptyList[fields.Glob]
    """Globs over the `author` of a document; at least one must match."""


class EnrichmentSection(ConfigSection):
    """Lists and documents on vulnerabilities: files relative to this one, or https URLs. None is fetched by default."""

    kev: address_fields.PathOrUrl | None = None
    """CISA's catalogue of exploited vulnerabilities (KEV), in JSON. Default: none, and nothing counts as exploited."""
    epss: address_fields.PathOrUrl | None = None
    """FIRST's list of EPSS scores, in CSV, plain or packed with gzip. Default: no scores are shown."""
    vex: tuple[VexEntry, ...] = ()
    """Statements of authors on which vulnerabilities do not affect an image. Default: none, and all findings count."""


class TemplatesSection(ConfigSection):
    """Files with your own templates, relative to this file; `docs/templates.md` lists what they may use."""

    title: fields.Text | None = None
    """The template of titles. Default: `templates/title.txt.j2` as shipped."""
    body: fields.Text | None = None
    """The template of bodies. Default: `templates/body.md.j2` as shipped."""
    message: fields.Text | None = None
    """The template of commit messages, without trailers. Default: `templates/message.txt.j2` as shipped."""
    dashboard: fields.Text | None = None
    """The template of dashboards. Default: `templates/dashboard.md.j2` as shipped."""


class ProposalsSection(ConfigSection):
    """Branches, texts and pace of proposals."""

    branch_prefix: name_fields.BranchPrefix = values.DEFAULT_BRANCH_PREFIX
    """The prefix of the names of all basebump's branches. Changing it orphans open proposals."""
    templates: TemplatesSection = TemplatesSection()
    """Your own templates, in place of the shipped ones."""
    trailers: tuple[name_fields.CommitTrailer, ...] = ()
    """Lines at the end of every commit message: `Signed-off-by: Bot <bot@example.com>`."""
    dashboard: StrictBool = False
    """Whether each repository has one issue that lists everything, with checkboxes that the next run acts on."""
    status: StrictBool = True
    """Whether a proposal's evidence is also a commit status, which a protected branch can require."""
    write_delay: time_fields.Duration | None = None
    """The minimum time between two writes to a forge. Default: `1s` for repositories selected by owner, else none."""


class LimitsSection(ConfigSection):
    """How many proposals may be opened. With this section the limits apply everywhere, and absent keys are no limit."""

    new_per_repository: fields.Count | None = None
    """Opened in one repository and run. Default without the section: 2 if it is selected by owner, else no limit."""
    new_per_run: fields.Count | None = None
    """Opened in one run. Default without the section: 50 in repositories selected by owner."""
    open_per_repository: fields.Count | None = None
    """Open at the same time in one repository. Default without the section: 5 if it is selected by owner."""


class RolloutSection(ConfigSection):
    """How repositories are onboarded."""

    paused: StrictBool = False
    """Whether nothing is proposed anywhere for now; open proposals stay as they are."""
    mode: values.RolloutMode = values.RolloutMode.OPT_OUT
    """`opt-in`: only repositories with a basebump file of their own are included."""
    first_proposal: StrictBool | None = None
    """Whether a repository starts with one proposal for everything. Default: only those selected by owner do."""
    repositories_per_run: fields.Count | None = None
    """How many repositories get their first proposal in one run. Default: 20 of those selected by owner."""


class ConfigFile(ConfigSection):
    """The config file of basebump."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file format."""
    forges: tuple[ForgeEntry, ...] = ()
    """Forges with the git repositories that `run` reads."""
    registries: tuple[RegistryConfigEntry, ...] = ()
    """Registries besides the well-known public ones, which need no entry; all others are never contacted."""
    own: tuple[fields.ImageGlob, ...] | None = None
    """Globs over the canonical repositories of your own builds; they are updated only by a rule with `role: own`."""
    files: tuple[FilesEntry, ...] = ()
    """Files to read besides those that the formats recognise by name."""
    policy: tuple[RuleEntry, ...] = ()
    """Rules, the most specific first."""
    end_of_life: fields.Text | None = None
    """A file that lists when support for images ends; the path is relative to this config file."""
    trust: tuple[TrustConfigEntry, ...] = ()
    """Signers of images; for an image the first entry that matches it applies."""
    scanners: tuple[ScannerEntry, ...] = ()
    """Scanners; each image is scanned by the first entry that matches it. Default: nothing is scanned."""
    enrichment: EnrichmentSection = EnrichmentSection()
    """Lists and documents on vulnerabilities, in addition to what scanners report."""
    proposals: ProposalsSection = ProposalsSection()
    """How proposals are written."""
    limits: LimitsSection | None = None
    """How many proposals may be opened."""
    rollout: RolloutSection = RolloutSection()
    """How repositories are onboarded, and whether anything is proposed at all."""
    state: address_fields.StateUrl | None = None
    """The database with the state of runs: `sqlite:///PATH`, relative to this file, or PostgreSQL. Default: none."""


class RepositoryFile(ConfigSection):
    """A repository's own config file, such as `.github/basebump.yaml`."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file format."""
    policy: tuple[RepositoryRuleEntry, ...] = ()
    """Rules, the most specific first; each key is that of the first matching rule that sets it."""


class _ConfigSchemaGenerator(GenerateJsonSchema):
    """A schema without what a file must not have (null) and without titles, which would repeat the keys."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        json_schema_value = super().default_schema(schema)
        if isinstance(schema.get("default"), BaseModel | NoneType):
            json_schema_value.pop("default", None)
        return json_schema_value

    def encode_default(self, dft: Any) -> Any:
        return time_fields.format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


@cache
def build_json_schema(model: type[ConfigSection] = ConfigFile) -> dict[str, Any]:
    """Return the JSON Schema of a config file, for editors (https://json-schema.org/draft/2020-12/schema)."""
    return {"$schema": DIALECT, **model.model_json_schema(schema_generator=_ConfigSchemaGenerator)}
