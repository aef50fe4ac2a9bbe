"""The config file as people write it: every key, what it takes, and the sentence that documents it."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, StrictBool
from pydantic import Tag as Variant
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bot.settings import azure, fields, times, values, words
from bot.settings.enrichment import Enrichment
from bot.settings.rules import InnerRule, Rule
from bot.settings.scanners import KINDS as SCANNER_KINDS
from bot.settings.scanners import Scanner
from bot.settings.section import OneOrMore, Section, SomeOf, variant_by_kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Owner(Section):
    """Repositories of one owner."""

    owner: fields.Owner
    """A person or an organisation."""
    include: OneOrMore[fields.Glob] | None = None
    """Globs over the name without the owner: one of them must match. Absent: all do."""
    exclude: OneOrMore[fields.Glob] | None = None
    """Globs over the name without the owner: none of them may match."""
    topics: SomeOf[fields.Topic] | None = None
    """One of these topics must be on the repository. Absent: any will do."""


def _variant_of_repository(value: object) -> str:
    return "(owner)" if isinstance(value, dict) else "(name)"


NameOrOwner = Annotated[
    Annotated[fields.RepositoryName, Variant("(name)")] | Annotated[Owner, Variant("(owner)")],
    Discriminator(_variant_of_repository),
]


class Group(Section):
    """Projects of one group, with those of its subgroups, or of one person."""

    owner: fields.GroupPath
    """The full path of a group (`group/subgroup`), or a person."""
    include: OneOrMore[fields.Glob] | None = None
    """Globs over the path below the owner (`subgroup/project`): one of them must match. Absent: all do."""
    exclude: OneOrMore[fields.Glob] | None = None
    """Globs over the path below the owner: none of them may match."""
    topics: SomeOf[fields.Text] | None = None
    """One of these topics must be on the project. Absent: any will do."""


ProjectOrGroup = Annotated[
    Annotated[fields.ProjectPath, Variant("(name)")] | Annotated[Group, Variant("(owner)")],
    Discriminator(_variant_of_repository),
]


class App(Section):
    """A GitHub App, which signs in with its key."""

    id: fields.AppId
    """The number that GitHub gave it: `App ID` on the page of its settings."""
    key_env: fields.Variable
    """The name of the environment variable that holds its private key in PEM form; `\\n` may stand for line ends."""


class Github(Section):
    """Repositories on github.com or on a GitHub Enterprise Server."""

    kind: Literal["github"]
    """Which forge this is."""
    url: fields.Api = values.GITHUB_API
    """The address of the API; for an Enterprise Server `https://HOST/api/v3`."""
    token_env: fields.Variable | None = None
    """The name of the environment variable that holds the token. Needed for everything but reading public ones."""
    app: App | None = None
    """A GitHub App to work as, instead of a token."""
    ca: fields.Text | None = None
    """A file of CA certificates to trust for this forge; relative to this file."""
    repositories: SomeOf[NameOrOwner] | None = None
    """Repositories one by one as `owner/name`, or those of an owner. Absent with `app`: all it is installed on."""
    base_branches: OneOrMore[fields.Glob] | None = None
    """Globs over the branches that proposals are made to. Absent: the default branch."""
    dispatch: SomeOf[words.Workflow] | None = None
    """Workflows to start on each proposal, by their file names: where a job's token works, nothing else does."""


class Gitlab(Section):
    """Projects on gitlab.com or on a GitLab that somebody runs."""

    kind: Literal["gitlab"]
    """Which forge this is."""
    url: fields.Site = values.GITLAB
    """Where people look: the address without `/api/v4`, with what a GitLab below a path has behind its host."""
    token_env: fields.Variable | None = None
    """The name of the environment variable that holds the token; `CI_JOB_TOKEN` for a job's own, to report alone."""
    ca: fields.Text | None = None
    """A file of CA certificates to trust for this forge; relative to this file."""
    repositories: SomeOf[ProjectOrGroup]
    """Projects one by one, by their full paths (`group/subgroup/project`), or those of a group or a person."""
    base_branches: OneOrMore[fields.Glob] | None = None
    """Globs over the branches that proposals are made to. Absent: the default branch."""


class Local(Section):
    """Git repositories in a folder of this machine."""

    kind: Literal["local"]
    """Which forge this is."""
    url: fields.Text
    """The folder; relative to this file."""
    repositories: SomeOf[fields.InnerPath] | None = None
    """Paths of repositories inside the folder. Absent: every git repository in it."""
    base_branches: OneOrMore[fields.Glob] | None = None
    """Globs over the branches that proposals are made to. Absent: what HEAD names."""


Forge = Annotated[
    Annotated[Github, Variant("(github)")]
    | Annotated[Gitlab, Variant("(gitlab)")]
    | Annotated[Local, Variant("(local)")],
    Discriminator(variant_by_kind),
]
FORGE_KINDS = ("github", "gitlab", "local")
VARIANTS = frozenset({"(name)", "(owner)", *(f"({kind})" for kind in (*FORGE_KINDS, *SCANNER_KINDS))})
"""Steps in pydantic's locations that are not in the file; the brackets keep them apart from keys."""


class Registry(Section):
    """One registry, named in order to be asked, to be authenticated to, or to be reached another way."""

    host: fields.RegistryPart
    """`host[:port]` as it stands in references; `docker.io` for Docker Hub. With a path it is about `upstream` only."""
    mirror: fields.RegistryPart | None = None
    """`host[:port][/prefix]` that is asked instead. Its credential is that of its own entry under `registries`."""
    upstream: fields.RegistryPart | None = None
    """`host[:port][/prefix]` that this is a pull-through cache of, and that is asked what tags point to."""
    insecure: StrictBool = False
    """Plain http, for the mirror if there is one."""
    username_env: fields.Variable | None = None
    """The name of the environment variable that holds the user; only together with `password_env`."""
    password_env: fields.Variable | None = None
    """The name of the environment variable that holds the password or token."""
    auth: values.RegistryAuth = values.RegistryAuth.DOCKER_CONFIG
    """Where the credential comes from when no variables are named: files of logins, nowhere, or a cloud."""
    ca: fields.Text | None = None
    """A file of CA certificates to trust, for the mirror if there is one; relative to this file."""
    trusted_realms: tuple[fields.Host, ...] = ()
    """`host[:port]` of token servers on other hosts that may be shown the credential."""
    tasks: azure.RegistryResource | None = None
    """The resource ID of this Azure registry (`az acr show --query id`), for `run` to ask which tasks it has."""
    purges_untagged: StrictBool | None = None
    """Whether it deletes what no tag points to. Absent: as far as that is known of public ones."""


class Files(Section):
    """Files that are read as a format though their names do not say so."""

    format: fields.FormatName
    """The format that reads them; `text` finds what is already pinned, in anything: `name:tag@sha256:…`."""
    path: OneOrMore[fields.PathGlob]
    """Globs over their paths in a repository."""


class EndOfLife(Section):
    """Until when some tags of an image are supported."""

    image: fields.ImageGlob
    """A glob over the canonical repository: `docker.io/library/python`."""
    tag: fields.Glob
    """A glob over the tag: `3.8*`."""
    date: times.Day
    """The last day of support."""
    successor: fields.Tag | None = None
    """The tag to move to. Absent: the report names none."""


class EndOfLifeFile(Section):
    """The file that `end_of_life` names."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file's shape."""
    images: tuple[EndOfLife, ...]
    """When support for tags ends; the first entry about a tag counts."""


class Identity(Section):
    """Somebody who signs without a key of their own."""

    issuer: fields.Issuer
    """The URL of who says who signs: `https://token.actions.githubusercontent.com` for GitHub's workflows."""
    identity: fields.Identity
    """A glob over whom the issuer vouches for: a person's address, or the URL of a workflow and its branch."""


class Notation(Section):
    """Who may sign with Notation: whoever has all that a subject says, and a certificate of these authorities."""

    certificates: SomeOf[fields.Text]
    """Files with certificates of authorities in PEM form, which is Notation's trust store; relative to this file."""
    subjects: SomeOf[fields.Text]
    """What a signer's certificate must say: `C=US,ST=WA,O=Acme` (RFC 4514, in any order)."""


class Trust(Section):
    """Who may sign some images."""

    image: OneOrMore[fields.ImageGlob]
    """Globs over the canonical repository: `registry.example.com/acme/**`."""
    keys: SomeOf[fields.Text] | None = None
    """Files with public keys in PEM form that cosign's signatures may be by; relative to this file."""
    keyless: SomeOf[Identity] | None = None
    """Who may sign without a key. Needs the extra `keyless`."""
    trusted_root: fields.Text | None = None
    """A file with the authorities and logs behind `keyless`; relative to this file. Absent: Sigstore's public ones."""
    notation: Notation | None = None
    """Who may sign with Notation."""


class Templates(Section):
    """Files with templates of your own, relative to this file; `docs/templates.md` says what they may use."""

    title: fields.Text | None = None
    """Of titles. Absent: what ships as `templates/title.txt.j2`."""
    body: fields.Text | None = None
    """Of bodies. Absent: what ships as `templates/body.md.j2`."""
    message: fields.Text | None = None
    """Of commit messages, without trailers. Absent: what ships as `templates/message.txt.j2`."""
    dashboard: fields.Text | None = None
    """Of dashboards. Absent: what ships as `templates/dashboard.md.j2`."""


class Proposals(Section):
    """How proposals are made."""

    branch_prefix: fields.BranchPrefix = values.DEFAULT_BRANCH_PREFIX
    """What the names of all our branches begin with. Changing it orphans what is open."""
    templates: Templates = Templates()
    """Templates of your own, in place of those that ship."""
    trailers: tuple[words.Trailer, ...] = ()
    """Lines at the end of every commit message: `Signed-off-by: Bot <bot@example.com>`."""
    dashboard: StrictBool = False
    """Whether each repository has one issue that shows everything, with boxes that the next run obeys."""
    status: StrictBool = True
    """Whether what is known of a proposal is a status of its commit, too, which a protected branch can require."""
    write_delay: times.Duration | None = None
    """The least time between two writes to a forge. Absent: `1s` for repositories selected by owner, else none."""


class Limits(Section):
    """How many proposals may be opened. With this section they hold everywhere, and what is absent is unlimited."""

    new_per_repository: fields.Count | None = None
    """In one repository and run. Without the section: 2 where it is selected by owner, else as many as there are."""
    new_per_run: fields.Count | None = None
    """In one run. Without the section: 50 in repositories selected by owner."""
    open_per_repository: fields.Count | None = None
    """Open at the same time in one repository. Without the section: 5 where it is selected by owner."""


class Rollout(Section):
    """How repositories are taken on."""

    paused: StrictBool = False
    """Whether nothing is proposed anywhere for now; what is open stays as it is."""
    mode: values.RolloutMode = values.RolloutMode.OPT_OUT
    """`opt-in`: only repositories that have a file of their own are looked at."""
    first_proposal: StrictBool | None = None
    """Whether a repository begins with one proposal for everything. Absent: those selected by owner do."""
    repositories_per_run: fields.Count | None = None
    """How many repositories get their first proposal in one run. Absent: 20 of those selected by owner."""


class Config(Section):
    """The config file of basebump."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file's shape."""
    forges: tuple[Forge, ...] = ()
    """Where the git repositories are that `run` looks at."""
    registries: tuple[Registry, ...] = ()
    """Registries besides the well-known public ones, which need no entry; others are never contacted."""
    own: tuple[fields.ImageGlob, ...] | None = None
    """Globs over the canonical repositories of your own builds; those move only by a rule that says `role: own`."""
    files: tuple[Files, ...] = ()
    """Files besides those that the formats know by their names."""
    policy: tuple[Rule, ...] = ()
    """Rules, the most particular first."""
    end_of_life: fields.Text | None = None
    """A file that says when support for images ends; relative to this file."""
    trust: tuple[Trust, ...] = ()
    """Who may sign which images; for an image the first entry that is about it counts."""
    scanners: tuple[Scanner, ...] = ()
    """Scanners; each image is scanned by the first that is for it. Absent: nothing is scanned."""
    enrichment: Enrichment = Enrichment()
    """What is known of vulnerabilities besides what scanners say."""
    proposals: Proposals = Proposals()
    """Their branches, and the pace at which they are written."""
    limits: Limits | None = None
    """How many proposals may be opened."""
    rollout: Rollout = Rollout()
    """How repositories are taken on, and whether anything is proposed at all."""
    state: fields.State | None = None
    """The database in which runs remember: `sqlite:///PATH`, relative to this file, or a PostgreSQL. Absent: none."""


class RepositoryFile(Section):
    """The file in which a repository says what it wants of basebump: `.github/basebump.yaml` and its kin."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file's shape."""
    policy: tuple[InnerRule, ...] = ()
    """Rules, the most particular first; for each key the first that matches and sets it."""


class _Shape(GenerateJsonSchema):
    """Says no more than the file may hold: no null, which means nothing here, and no titles, which repeat the keys."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        shown = super().default_schema(schema)
        if isinstance(schema.get("default"), BaseModel | NoneType):
            shown.pop("default", None)
        return shown

    def encode_default(self, dft: Any) -> Any:
        return times.written_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


@cache
def json_schema(model: type[Section] = Config) -> dict[str, Any]:
    """Return the JSON Schema of a file, for editors (https://json-schema.org/draft/2020-12/schema)."""
    return {"$schema": DIALECT, **model.model_json_schema(schema_generator=_Shape)}
