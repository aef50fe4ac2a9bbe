"""The config file as users write it: every key, the values that it accepts, and its documentation."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bot.model.config_types import addresses, names, texts, times
from bot.model.config_types.markers import NonEmptyList, OneOrMore
from bot.model.cost_limits import MAX_REPOSITORY_RULES
from bot.model.limits import LIMIT_WINDOW
from bot.settings import format_types, values
from bot.settings.blocked import MAX_ENTRIES, BlockedEntry
from bot.settings.build_entries import MAX_BUILDS, BuildEntry
from bot.settings.cluster_entries import MAX_CLUSTERS, ClusterEntry
from bot.settings.forge_entries import FORGE_KINDS, ForgeEntry
from bot.settings.rules import RepositoryRuleEntry, RuleEntry
from bot.settings.scanners import KINDS as SCANNER_KINDS
from bot.settings.scanners import ScannerEntry
from bot.settings.section import ConfigSection
from bot.settings.serve import ServeSection

DIALECT = "https://json-schema.org/draft/2020-12/schema"


VARIANTS = frozenset({"(name)", "(owner)", *(f"({kind})" for kind in (*FORGE_KINDS, *SCANNER_KINDS))})
"""Steps in pydantic's locations that are not in the file. The brackets distinguish them from keys."""


class RegistryConfigEntry(ConfigSection):
    """The config entry for a registry: how basebump connects to the registry."""

    host: addresses.RegistryAddress
    """The registry as `host[:port]`, as in image references. For Docker Hub, write `docker.io`. With a path
    (`host[:port]/path`), the entry describes a pull-through cache, and only `upstream` can be set.
    """
    mirror: addresses.RegistryAddress | None = None
    """The mirror to contact instead of the registry: `host[:port][/prefix]`. The credential for the
    mirror comes from the mirror's own entry under `registries`.
    """
    upstream: addresses.RegistryAddress | None = None
    """The registry from which this pull-through cache copies: `host[:port][/prefix]`. basebump looks up tags
    in that registry.
    """
    insecure: StrictBool = False
    """Whether to use plain http. If there is a mirror, this key applies to the mirror."""
    username_env: names.VariableName | None = None
    """The name of the environment variable that holds the user name. Requires `password_env`."""
    password_env: names.VariableName | None = None
    """The name of the environment variable that holds the password or token. Requires `username_env`."""
    auth: values.RegistryAuth = values.RegistryAuth.DOCKER_CONFIG
    """Where the credential comes from if no variables are named: the login files of `docker login` (`docker-config`),
    the identity in a cloud (`azure`, `ecr`, `gar`), or nowhere (`anonymous`).
    """
    ca: texts.Text | None = None
    """A file with CA certificates to trust for the registry, or for the mirror if there is one. The path is relative to
    this config file.
    """
    trusted_realms: tuple[addresses.Host, ...] = ()
    """Token servers on other hosts that may receive the credential: `host[:port]`."""
    tasks: names.RegistryResourceId | None = None
    """The resource ID of this Azure registry, which `az acr show --query id` prints. With this key, `run` lists
    the tasks of the registry.
    """
    purges_untagged: StrictBool | None = None
    """Whether the registry deletes untagged manifests. Default: `true` for quay.io and registry.gitlab.com, which are
    known to delete such manifests, otherwise `false`.
    """


class FilesEntry(ConfigSection):
    """The config entry that sets the format of files whose names do not show their format."""

    format: format_types.FormatName
    """The name of the format. `text` finds pinned references (`name:tag@sha256:…`) in any text file."""
    path: OneOrMore[texts.PathGlob]
    """Globs for the paths of the files in a repository."""


class EndOfLifeEntry(ConfigSection):
    """An entry of the file that `end_of_life` names. It states when the support for some tags of an image ends."""

    image: texts.ImageGlob
    """A glob for the canonical repository, such as `docker.io/library/python`."""
    tag: texts.Glob
    """A glob for the tag, such as `3.8*`."""
    date: times.Day
    """The last day of support."""
    successor: texts.Tag | None = None
    """The tag to update to. Default: none; the report then names no successor."""


class EndOfLifeFile(ConfigSection):
    """The file that `end_of_life` names."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file format."""
    images: tuple[EndOfLifeEntry, ...]
    """Entries about the end of support. For each tag, the first entry that matches applies."""


class IdentityEntry(ConfigSection):
    """The config entry for a signer who signs without a key."""

    issuer: addresses.IssuerUrl
    """The URL of the OIDC issuer. The issuer of GitHub workflows is `https://token.actions.githubusercontent.com`."""
    identity: texts.IdentityGlob
    """A glob for the identity that the issuer vouches for: an e-mail address, or the URL of a workflow with its ref."""


class NotationSection(ConfigSection):
    """Signers who use Notation.

    The certificate of a signer must be issued by one of the authorities in `certificates`, and must have all attributes
    of one of `subjects`.
    """

    certificates: NonEmptyList[texts.Text]
    """Files with CA certificates in PEM format, as in Notation's trust store. The paths are relative to this config
    file.
    """
    subjects: NonEmptyList[texts.Text]
    """Attributes in the subject of a signer's certificate, in any order: `C=US,ST=WA,O=Acme` (RFC 4514)."""


class TrustConfigEntry(ConfigSection):
    """The config entry with the trusted signers of some images.

    At least one of `keys`, `keyless` and `notation` is required.
    """

    image: OneOrMore[texts.ImageGlob]
    """Globs for the canonical repository, such as `registry.example.com/acme/**`."""
    keys: NonEmptyList[texts.Text] | None = None
    """Files with public keys in PEM format, for signatures by cosign. The paths are relative to this config file."""
    keyless: NonEmptyList[IdentityEntry] | None = None
    """Signers who sign without a key. Requires the extra `keyless`."""
    trusted_root: texts.Text | None = None
    """A file with the certificate authorities and logs to trust for `keyless`. The path is relative to this config
    file. Default: Sigstore's public authorities and logs.
    """
    notation: NotationSection | None = None
    """Signers who use Notation."""
    signed_as: tuple[texts.ImageGlob, ...] = ()
    """Globs for other repositories that a signature by cosign may name, if the images were copied from there together
    with their signatures. Default: a signature that names a repository counts only for images in this repository.
    """


class VexEntry(ConfigSection):
    """The config entry for OpenVEX documents and for the authors whose statements count."""

    path: texts.Text | None = None
    """A document, or a folder whose `.json` files are documents. The path is relative to this config file. Each entry
    has either `path` or `url`.
    """
    url: addresses.DownloadUrl | None = None
    """The https URL of a document. Each entry has either `url` or `path`."""
    authors: NonEmptyList[texts.Glob]
    """Globs for the `author` of a document. The document's statements count only if a glob matches its author."""


class EnrichmentSection(ConfigSection):
    """The lists and documents about vulnerabilities that basebump reads, and lookups of the sources of images.

    Each list or document is an https URL, or a path relative to this config file. By default, basebump reads none of
    them, and looks up no sources.
    """

    kev: addresses.PathOrUrl | None = None
    """CISA's catalogue of vulnerabilities that are known to be exploited (KEV), in JSON. Default: none; no
    vulnerability then counts as exploited.
    """
    epss: addresses.PathOrUrl | None = None
    """FIRST's list of EPSS scores in CSV, plain or compressed with gzip. Default: none; no scores are then shown."""
    vex: tuple[VexEntry, ...] = ()
    """Statements that vulnerabilities do not affect an image. Default: none; all findings then count."""
    source_changes: bool = False
    """If `true`, proposals show how many commits lie between the source revisions of both images, and the release notes
    of the new version. basebump asks github.com or gitlab.com, if the labels of the images name them. It asks once for
    each update, and stores the result in the `state`.
    """
    github_token_env: names.VariableName | None = None
    """The environment variable with a token for these questions to github.com, which raises the limit from 60 to 5000
    requests per hour. Use a token that can read no private repository, because proposals show the release notes.
    Default: no token is sent, not even that of a configured forge.
    """


class TemplatesSection(ConfigSection):
    """Files with your own templates. The paths are relative to this config file.

    `docs/templates.md` lists the values and functions that templates can use.
    """

    title: texts.Text | None = None
    """The template of titles. Default: basebump's own, `templates/title.txt.j2`."""
    body: texts.Text | None = None
    """The template of bodies. Default: basebump's own, `templates/body.md.j2`."""
    message: texts.Text | None = None
    """The template of commit messages, without their trailers. Default: basebump's own, `templates/message.txt.j2`."""
    dashboard: texts.Text | None = None
    """The template of dashboards. Default: basebump's own, `templates/dashboard.md.j2`."""


class ProposalsSection(ConfigSection):
    """The branch names, templates and publishing of proposals."""

    branch_prefix: names.BranchPrefix = values.DEFAULT_BRANCH_PREFIX
    """The prefix of all branch names that basebump uses. If you change the prefix, basebump no longer recognises
    proposals with the old prefix.
    """
    templates: TemplatesSection = TemplatesSection()
    """Your own templates, which replace basebump's."""
    trailers: tuple[names.CommitTrailer, ...] = ()
    """Lines to add at the end of every commit message, such as `Signed-off-by: Bot <bot@example.com>`."""
    dashboard: StrictBool = False
    """Whether each repository has an issue as its dashboard: an overview, with checkboxes on which the next run acts.
    """
    status: StrictBool = True
    """Whether a proposal's evidence is also written to a commit status, which branch protection can require."""
    write_delay: times.Duration | None = None
    """The minimum time between two writes to a forge. Default: `1s` for repositories that are selected by owner, none
    for others.
    """


class LimitsSection(ConfigSection):
    """How many proposals may be opened.

    If the config has this section, its limits apply to all repositories, and a key that is left out means no limit.
    """

    new_per_repository: texts.Count | None = None
    """How many proposals one run may open in one repository. Default without this section: 2 in repositories selected
    by owner, no limit in others.
    """
    new_per_window: texts.Count | None = None
    """How many proposals may be opened in total within `window`. Default without this section: 50 in repositories
    selected by owner, no limit in others.
    """
    open_per_repository: texts.Count | None = None
    """How many proposals may be open at the same time in one repository. Default without this section: 5 in
    repositories selected by owner, no limit in others.
    """
    window: times.PositiveDuration = LIMIT_WINDOW
    """All runs that use the same `state` count together what they opened within this time, for `new_per_window`,
    `new_per_repository` and `rollout.repositories_per_run`. Set it to the time that all parts of a run take. Without a
    `state`, each run counts alone.
    """


class RolloutSection(ConfigSection):
    """How repositories are onboarded."""

    mode: values.RolloutMode = values.RolloutMode.OPT_OUT
    """Which of the selected repositories are included: all of them (`opt-out`), or only those with a basebump file of
    their own (`opt-in`).
    """
    first_proposal: StrictBool | None = None
    """Whether a repository starts with one proposal for all its updates. Default: true for repositories selected by
    owner, false for others.
    """
    repositories_per_run: texts.Count | None = None
    """How many repositories get their first proposal in one run. Default: 20 of the repositories selected by owner, no
    limit for others.
    """


class ConfigFile(ConfigSection):
    """The config file of basebump."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file format."""
    forges: tuple[ForgeEntry, ...] = ()
    """The forges whose git repositories `run` reads."""
    registries: tuple[RegistryConfigEntry, ...] = ()
    """The registries that basebump may contact. Well-known public registries need no entry; any other registry is
    contacted only if it is listed here.
    """
    own: tuple[texts.ImageGlob, ...] | None = None
    """Globs for the canonical repositories of your own builds. These builds are updated only by a rule with
    `role: own`.
    """
    builds: Annotated[tuple[BuildEntry, ...], Field(max_length=MAX_BUILDS)] = ()
    """Own images and the Dockerfiles from which they are built. List the images whose labels and provenance do not
    state this.
    """
    clusters: Annotated[tuple[ClusterEntry, ...], Field(max_length=MAX_CLUSTERS)] = ()
    """The Kubernetes clusters in which basebump lists the images that run. Nothing in them is changed."""
    files: tuple[FilesEntry, ...] = ()
    """Files to read in addition to those that the formats recognise by name."""
    policy: tuple[RuleEntry, ...] = ()
    """Policy rules. Put the most specific rules first."""
    end_of_life: texts.Text | None = None
    """A file that lists when support for images ends. The path is relative to this config file."""
    trust: tuple[TrustConfigEntry, ...] = ()
    """Trusted signers of images. For each image, the first entry that matches it applies."""
    blocked: Annotated[tuple[BlockedEntry, ...], Field(max_length=MAX_ENTRIES)] = ()
    """Images that must not be used. References to them are replaced at once, without regard to limits, schedules and
    `min_age`.
    """
    scanners: tuple[ScannerEntry, ...] = ()
    """Vulnerability scanners. Each image is scanned by the first entry that matches it. Default: Trivy or Grype if it
    is installed. `check` scans nothing by default."""
    enrichment: EnrichmentSection = EnrichmentSection()
    """Lists and documents about vulnerabilities, in addition to the reports of scanners."""
    proposals: ProposalsSection = ProposalsSection()
    """How proposals are created."""
    limits: LimitsSection | None = None
    """How many proposals may be opened."""
    rollout: RolloutSection = RolloutSection()
    """How repositories are onboarded, and in which order."""
    state: addresses.StateUrl | None = None
    """The database for data that later runs reuse: `sqlite:///PATH`, relative to this config file, or the URL of a
    PostgreSQL database. Default: no state is kept.
    """
    serve: ServeSection = ServeSection()
    """The service of `basebump serve`. Requires `state`."""
    queue: Literal["postgresql"] | None = None
    """How `basebump serve` wakes workers. With `postgresql`, `basebump work` can run in any number of processes. This
    requires a `state` in PostgreSQL. Default: `basebump serve` does all work itself.
    """


class RepositoryFile(ConfigSection):
    """A repository's own config file, such as `.github/basebump.yaml`."""

    schema_: Literal[1] = Field(alias="schema")
    """The version of this file format."""
    policy: Annotated[tuple[RepositoryRuleEntry, ...], Field(max_length=MAX_REPOSITORY_RULES)] = ()
    """Policy rules, at most 20. For each key, the first matching rule that sets the key decides. Put the most specific
    rules first.
    """


class _ConfigSchemaGenerator(GenerateJsonSchema):
    """Generates the JSON Schema without null and without titles.

    Null is not a valid value in a config file, and the titles would only repeat the names of the keys.
    """

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
        return times.format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


@cache
def build_json_schema(model: type[ConfigSection] = ConfigFile) -> dict[str, Any]:
    """Return the JSON Schema of a config file, for editors (https://json-schema.org/draft/2020-12/schema).

    The descriptions in it are the docstrings of the sections and of their keys, each joined to one line.
    """
    schema = model.model_json_schema(schema_generator=_ConfigSchemaGenerator)
    return {"$schema": DIALECT, **_join_description_lines(schema)}


def _join_description_lines(schema: Any) -> Any:
    match schema:
        case dict():
            return {
                key: " ".join(value.split()) if key == "description" else _join_description_lines(value)
                for key, value in schema.items()
            }
        case list():
            return [_join_description_lines(each) for each in schema]
        case _:
            return schema
