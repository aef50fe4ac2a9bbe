"""The entries of `registries` in the config file, and the checks of their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from bot.model.cloud_hosts import is_ecr, is_gar
from bot.model.config_types import addresses, names
from bot.model.config_types.markers import Example, Flag
from bot.model.errors import ConfigProblem
from bot.model.hosts import ACR_NAME_RULE, PUBLIC_HOSTS, PURGING_HOSTS, is_acr, is_in_acr_domain
from bot.settings.entries import Entry, Problems
from bot.settings.paths import ConfigPath

KEYS_WITH_PATH = frozenset({"host", "upstream"})
"""The keys that are allowed in an entry with a path. All other keys are about the host to which basebump connects."""
_LOGIN = "A registry with a user name and a password."
_AZURE = "An Azure Container Registry."
_CACHE = "A pull-through cache, which is a registry or a path on a registry."
_REGISTRY_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/builds"
    "/providers/Microsoft.ContainerRegistry/registries/contoso"
)


class RegistryAuth(StrEnum):
    """The source of a registry's credential if the config names no environment variables that contain it."""

    DOCKER_CONFIG = "docker-config"
    """The login files of `docker login`, Podman, GitLab's runners, and of Secrets in Kubernetes."""
    ANONYMOUS = "anonymous"
    AZURE = "azure"
    """Microsoft Entra, for an Azure Container Registry."""
    ECR = "ecr"
    """The AWS identity of whoever runs basebump, for Amazon ECR."""
    GAR = "gar"
    """The Google identity of whoever runs basebump, for Google Artifact Registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryConfigEntry:
    """The config entry for a registry: how basebump connects to the registry."""

    host: Annotated[
        addresses.RegistryAddress,
        Example("registry.example.com:5000"),
        Example("private.example.com", _LOGIN),
        Example("contoso.azurecr.io", _AZURE),
        Example("private.example.com/dockerhub", _CACHE),
    ]
    """The registry as `host[:port]`, as in image references. For Docker Hub, write `docker.io`. With a path
    (`host[:port]/path`), the entry describes a pull-through cache, and only `upstream` can be set.
    """
    mirror: Annotated[addresses.RegistryAddress | None, Example("mirror.example.com/dockerhub")] = None
    """The mirror to contact instead of the registry: `host[:port][/prefix]`. The credential for the
    mirror comes from the mirror's own entry under `registries`.
    """
    upstream: Annotated[addresses.RegistryAddress | None, Example("docker.io", _CACHE)] = None
    """The registry from which this pull-through cache copies: `host[:port][/prefix]`. basebump looks up tags
    in that registry.
    """
    insecure: Flag = False
    """Whether to use plain http. If there is a mirror, this key applies to the mirror."""
    username_env: Annotated[names.VariableName | None, Example("REGISTRY_USER", _LOGIN)] = None
    """The name of the environment variable that holds the user name. Requires `password_env`."""
    password_env: Annotated[names.VariableName | None, Example("REGISTRY_PASSWORD", _LOGIN)] = None
    """The name of the environment variable that holds the password or token. Requires `username_env`."""
    auth: Annotated[
        RegistryAuth, Example(RegistryAuth.DOCKER_CONFIG.value), Example(RegistryAuth.AZURE.value, _AZURE)
    ] = RegistryAuth.DOCKER_CONFIG
    """Where the credential comes from if no variables are named: the login files of `docker login` (`docker-config`),
    the identity in a cloud (`azure`, `ecr`, `gar`), or nowhere (`anonymous`).
    """
    ca: Annotated[ConfigPath | None, Example("certificates/registry.pem")] = None
    """A file with CA certificates to trust for the registry, or for the mirror if there is one. The path is relative to
    this config file.
    """
    trusted_realms: tuple[addresses.Host, ...] = ()
    """Token servers on other hosts that may receive the credential: `host[:port]`."""
    tasks: Annotated[names.RegistryResourceId | None, Example(_REGISTRY_ID, _AZURE)] = None
    """The resource ID of this Azure registry, which `az acr show --query id` prints. With this key, `run` lists
    the tasks of the registry.
    """
    purges_untagged: Flag | None = None
    """Whether the registry deletes untagged manifests. Default: `true` for quay.io and registry.gitlab.com, which are
    known to delete such manifests, otherwise `false`.
    """

    @property
    def server(self) -> str:
        """The host without the path of a pull-through cache: `host[:port]`."""
        return self.host.partition("/")[0]

    @property
    def path(self) -> str:
        """The path of the pull-through cache on the host; empty if the entry is for the whole host."""
        return self.host.partition("/")[2]


def list_age_registries(registries: Iterable[RegistryConfigEntry]) -> Iterator[str]:
    """Yield the hosts of the registries that report when a digest was pushed.

    These are the Azure registries to which basebump connects directly, not through a `mirror`, and with a login.
    Without a login, Azure lets clients read images but not push times.
    """
    for each in registries:
        is_azure = each.auth is RegistryAuth.AZURE or (is_acr(each.server) and each.auth is not RegistryAuth.ANONYMOUS)
        if each.mirror is None and is_azure:
            yield each.server


def list_purging_hosts(registries: Iterable[RegistryConfigEntry]) -> frozenset[str]:
    """Return the hosts of registries that delete untagged manifests.

    If an entry of the config sets `purges_untagged`, its value decides. If the config does not set the key for a
    well-known registry in `PURGING_HOSTS`, the host of this registry is returned, too.
    """
    declared = {each.host: each.purges_untagged for each in registries if each.purges_untagged is not None}
    return frozenset({host for host, purges in declared.items() if purges} | PURGING_HOSTS - declared.keys())


_CLOUD_HOSTS: Mapping[RegistryAuth, tuple[Callable[[str], bool], str]] = {
    RegistryAuth.ECR: (is_ecr, "ACCOUNT.dkr.ecr.REGION.amazonaws.com"),
    RegistryAuth.GAR: (is_gar, "REGION-docker.pkg.dev"),
}
"""Logins that send the token of a cloud: a function that recognises the hosts of the cloud, and an example of one."""


def check_registries(entries: Sequence[Entry[RegistryConfigEntry]]) -> Problems:
    """Yield the problems of entries with keys that exclude or need each other, and of several entries together."""
    for entry in entries:
        yield from _check_credentials(entry)
    listed = [(entry, entry.value) for entry in entries if entry.value is not None]
    yield from _check_duplicate_hosts(listed)
    for entry, registry in listed:
        yield from _check_azure_login(entry.where, registry)
        yield from _check_tasks(entry.where, registry)
        yield from _check_cloud_login(entry.where, registry)
        yield from _check_connection(entry.where, registry)
        yield from _check_plain_http(entry.where, registry, [each for _, each in listed])
        if registry.path:
            yield from _check_path_entry(entry, registry)
        is_complete = len(listed) == len(entries)  # an invalid entry could be the upstream's entry
        message = _find_upstream_problem(registry, listed) if registry.upstream is not None and is_complete else None
        if message:
            yield ConfigProblem(f"{entry.where}.upstream", message)


_Listed = tuple[Entry[RegistryConfigEntry], RegistryConfigEntry]


def _check_credentials(entry: Entry[RegistryConfigEntry]) -> Problems:
    variable_keys = [key for key in ("username_env", "password_env") if key in entry.written]
    if len(variable_keys) == 1:
        (other,) = {"username_env", "password_env"} - set(variable_keys)
        yield ConfigProblem(
            f"{entry.where}.{variable_keys[0]}", f"cannot be used without `{other}`; hint: set both keys, or neither"
        )
    if variable_keys and "auth" in entry.written:
        yield ConfigProblem(
            f"{entry.where}.auth", f"cannot be combined with `{variable_keys[0]}`; hint: remove one of the keys"
        )


def _check_duplicate_hosts(listed: Iterable[_Listed]) -> Problems:
    first_entries: dict[str, str] = {}
    for entry, registry in listed:
        first = first_entries.setdefault(registry.host, entry.where)
        if first != entry.where:
            yield ConfigProblem(
                f"{entry.where}.host", f"`{registry.host}` is already listed by {first}; hint: list it only once"
            )


def _check_azure_login(where: str, registry: RegistryConfigEntry) -> Problems:
    """Yield a problem if an entry with `auth: azure` would send tokens of Microsoft Entra to an untrusted host.

    Azure's own registry hosts and the hosts in the entry's `trusted_realms` are trusted.
    """
    host = registry.server
    if registry.auth is not RegistryAuth.AZURE or is_acr(host) or host in registry.trusted_realms:
        return
    if is_in_acr_domain(host):
        yield ConfigProblem(
            f"{where}.auth",
            f"`{host}` cannot be an Azure registry, because the name of a registry has {ACR_NAME_RULE}; "
            "hint: write the host that `az acr show --name NAME --query loginServer` prints",
        )
    else:
        yield ConfigProblem(
            f"{where}.auth",
            f"`{host}` does not have the form of an Azure registry's name, `NAME.azurecr.io`; "
            f"hint: if it is a custom domain of an Azure registry, set `trusted_realms: [{host}]`",
        )


def _check_tasks(where: str, registry: RegistryConfigEntry) -> Problems:
    """Yield a problem if the key `tasks` of an entry for an Azure registry cannot be used.

    `tasks` is an Azure resource ID. It selects the registry whose ACR tasks basebump lists, which must be the registry
    of this entry. Listing tasks also needs `auth: azure`.
    """
    if registry.tasks is None or registry.path:  # `_check_path_entry` reports a path
        return
    if registry.auth is not RegistryAuth.AZURE:
        yield ConfigProblem(
            f"{where}.tasks", "needs `auth: azure`, because only identities of Microsoft Entra can list tasks"
        )
        return
    name, label = registry.tasks.rpartition("/")[2].lower(), registry.host.partition(".")[0].partition("-")[0]
    if is_acr(registry.host) and name != label:
        yield ConfigProblem(
            f"{where}.tasks",
            f"must be the resource ID of the registry `{registry.host}`, but is that of the registry `{name}`",
        )


def _check_cloud_login(where: str, registry: RegistryConfigEntry) -> Problems:
    """Yield a problem if an entry with `auth: ecr` or `auth: gar` would send that cloud's token to a foreign host."""
    is_cloud_host, example = _CLOUD_HOSTS.get(registry.auth, (None, ""))
    if is_cloud_host is not None and not is_cloud_host(registry.server):
        yield ConfigProblem(
            f"{where}.auth", f"can only be used for a host such as `{example}`, but the host is `{registry.server}`"
        )


def _check_connection(where: str, registry: RegistryConfigEntry) -> Problems:
    if registry.insecure and registry.ca is not None:
        yield ConfigProblem(
            f"{where}.ca",
            "has no effect with `insecure: true`, because plain http has no certificates; hint: remove one of the keys",
        )
    if registry.mirror == registry.host:
        yield ConfigProblem(f"{where}.mirror", "must not be the same registry as `host`; hint: remove the key")


def _check_plain_http(where: str, registry: RegistryConfigEntry, registries: Iterable[RegistryConfigEntry]) -> Problems:
    """Yield a problem for an entry with `insecure: true` that would send a cloud token over plain http.

    basebump sends the requests of an entry to its `mirror`, or to its `host` if it has no mirror. If that registry has
    an entry with a cloud login (`auth: azure`, `ecr` or `gar`), the requests carry a token of that cloud.
    """
    host = _extract_host(registry.mirror or registry.host)
    for each in registries:
        if registry.insecure and each.host == host and each.auth in (RegistryAuth.AZURE, *_CLOUD_HOSTS):
            yield ConfigProblem(
                f"{where}.insecure",
                f"cannot be combined with `auth: {each.auth}` of `{host}`: cloud tokens are never sent over plain http",
            )


def _check_path_entry(entry: Entry[RegistryConfigEntry], registry: RegistryConfigEntry) -> Problems:
    """Yield the problems of an entry whose `host` has a path, such as `host/proxy/dockerhub`.

    The entry must describe a pull-through cache, and its only keys are `host` and `upstream`.
    """
    if registry.upstream is None:
        yield ConfigProblem(
            f"{entry.where}.host",
            f"must be a host without a path; hint: write `{registry.server}`, or add `upstream` if the path is a "
            "pull-through cache",
        )
        return
    for key in sorted(entry.written.keys() - KEYS_WITH_PATH):
        message = f"applies to the whole host; hint: move it to an entry for `{registry.server}`"
        yield ConfigProblem(f"{entry.where}.{key}", message)


def _find_upstream_problem(cache: RegistryConfigEntry, listed: Sequence[_Listed]) -> str | None:
    """Return why the `upstream` of a cache cannot be used; None if it can be used.

    The upstream must not itself be a pull-through cache, because basebump queries the upstream registry directly. This
    rule also prevents caches that name each other as their upstream.
    """
    upstream = cache.upstream or ""
    if _is_below(upstream, cache.host) or _is_below(cache.host, upstream):
        return "is the cache itself; hint: write the registry that the cache copies from"
    host = _extract_host(upstream)
    if host not in PUBLIC_HOSTS and all(each.host != host for _, each in listed):
        return f"`{host}` is not a well-known registry; hint: add an entry with `host: {host}` to allow it"
    for entry, each in listed:
        if each.upstream is not None and _is_below(upstream, each.host):
            return f"is itself a cache (see {entry.where}); hint: write the registry that this cache copies from"
        if each.host == host and each.mirror and _extract_host(each.mirror) == cache.server:
            return f"is contacted at its mirror `{each.mirror}` (see {entry.where}), which is the host of the cache"
    return None


def _extract_host(address: str) -> str:
    return address.partition("/")[0]


def _is_below(address: str, parent: str) -> bool:
    """Return True if `address` is `parent` or a path below it."""
    return f"{address}/".startswith(f"{parent}/")
